/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/modem_watch.h"

#include "modem/modem_attach.h"
#include "modem/modem_recover.h"
#include "modem/modem_register.h"
#include "modem/modem_time.h"
#include "modem/sim7600.h"

#define FIRST_STATUS_MS 5000 /* the sessions first */
/* A modem that hangs is noticed within 60 s: also if a message is staged just before the next sign
 * of life, which puts the question behind STAGE_MS and the bytes that the modem may wait for. */
#define PULSE_MS        31000
#define DRAIN_MS        2000   /* likewise, while nobody may publish */
#define PULSES_A_STATUS 16     /* idle, there is to be one wake in 10 s at most */
#define PULSES_A_CLOCK  4      /* likewise, while the clock is wrong */
#define UNREGISTERED_MS 300000 /* without network and without broker: back to registering */
#define UNREACHABLE_MS  600000 /* no broker for so long: something in the modem is stuck */
#define DEAF_MS         180000 /* no signal, and nothing confirmed: the radio may be dead */
#define WELL_MS         120000 /* without trouble: what was done last has helped */
#define GARBAGE_MS      60000
#define GARBAGE_MAX     6 /* times in GARBAGE_MS, and no broker: more than noise */
#define DENIALS_MAX     3 /* in a row: more than a refusal that passes */
#define DENIED_PAUSE_MS 500

enum ready_step {
	READY_PULSE,
	READY_STATUS,
	READY_CLOCK,
	READY_CLOCK_SET,
	READY_VERIFY, /* has it started without telling? */
	READY_STOP,
};

void watch_start(struct modem *m, uint64_t now_ms)
{
	m->is_verify_due = false;
	m->denials = 0;
	m->is_status_due = true;
	m->is_operator_due = true;
	m->well_at_ms = now_ms;
	m->ill_at_ms = now_ms;
	m->deaf_at_ms = 0;
	life_set_state(m, now_ms, MODEM_READY, "the MQTT service runs");
	life_go_to(m, READY_STATUS);
	life_pause(m, now_ms, FIRST_STATUS_MS);
}

/* ---- the verdict ---- */

static bool is_any_online(const struct modem *m)
{
	size_t i;

	for (i = 0; i < MODEM_CLIENTS; i++)
		if (m->session[i].status.state == SESSION_ONLINE)
			return true;
	return false;
}

static bool is_any_unreachable(const struct modem *m)
{
	size_t i;

	for (i = 0; i < MODEM_CLIENTS; i++)
		if (session_is_unreachable(&m->session[i]))
			return true;
	return false;
}

static bool is_any_wedged(const struct modem *m)
{
	size_t i;

	for (i = 0; i < MODEM_CLIENTS; i++)
		if (session_is_wedged(&m->session[i]))
			return true;
	return false;
}

/* A client that is well, or whose operation was just accepted, is not to be torn out of what it
 * does: a CONNECT that may still succeed, too. It ends by its own deadline. */
static bool is_any_operating(const struct modem *m, uint64_t now_ms)
{
	const struct session *s;

	for (s = m->session; s < m->session + MODEM_CLIENTS; s++)
		if (now_ms < s->connect_until_ms ||
		    (s->exchange.is_busy &&
			(!session_is_wedged(s) || s->exchange.job.state == AT_JOB_CONCLUDING)))
			return true;
	return false;
}

static uint64_t confirmed_at(const struct modem *m)
{
	uint64_t at_ms = 0;
	size_t i;

	for (i = 0; i < MODEM_CLIENTS; i++)
		if (m->session[i].confirmed_at_ms > at_ms)
			at_ms = m->session[i].confirmed_at_ms;
	return at_ms;
}

/* No signal for long, in a modem that had some, and no other sign that data pass. */
static bool is_deaf(struct modem *m, uint64_t now_ms)
{
	if (!net_status_is_deaf(&m->net)) {
		m->deaf_at_ms = 0;
		return false;
	}
	if (m->deaf_at_ms == 0)
		m->deaf_at_ms = now_ms;
	return now_ms - m->deaf_at_ms >= DEAF_MS && confirmed_at(m) < m->deaf_at_ms;
}

/* How it is, at every sign of life. True: it is not worth while to stay here. */
static bool is_given_up(struct modem *m, uint64_t now_ms)
{
	bool is_online = is_any_online(m);
	bool is_wedged = is_any_wedged(m);

	register_bar_roaming(m);
	if (m->status.is_registered || is_online)
		m->registered_at_ms = now_ms;
	if (is_online || !is_any_unreachable(m))
		m->well_at_ms = now_ms;
	if (m->well_at_ms != now_ms || is_wedged)
		m->ill_at_ms = now_ms;
	else if (now_ms - m->ill_at_ms >= WELL_MS)
		recovery_well(&m->recovery);
	if (now_ms - m->registered_at_ms >= UNREGISTERED_MS) {
		life_set_state(m, now_ms, MODEM_REGISTERING, "the network is lost");
		return true;
	}
	m->env.is_restart_due =
	    is_wedged && now_ms >= m->recovery.next_at_ms && is_any_operating(m, now_ms);
	if (is_wedged && !m->env.is_restart_due &&
	    recover_try(m, now_ms, RECOVERY_TROUBLE_SERVICE, "an MQTT client stays busy"))
		return true;
	if (is_deaf(m, now_ms) &&
	    recover_try(m, now_ms, RECOVERY_TROUBLE_NETWORK, "no signal any more"))
		return true;
	return now_ms - m->well_at_ms >= UNREACHABLE_MS &&
	       recover_try(m, now_ms, RECOVERY_TROUBLE_SERVICE, "no broker can be reached");
}

void watch_garbage(struct modem *m, uint64_t now_ms)
{
	if (now_ms - m->garbage_at_ms >= GARBAGE_MS) {
		m->garbage_at_ms = now_ms;
		m->garbage_count = 0;
	}
	if (++m->garbage_count < GARBAGE_MAX || is_any_online(m))
		return;
	m->garbage_count = 0;
	switch (m->status.state) {
	case MODEM_SIM:
	case MODEM_REGISTERING:
	case MODEM_ATTACHED:
	case MODEM_READY:
		(void)recover_try(m, now_ms, RECOVERY_TROUBLE_NOISE, "what it says makes no sense");
		break;
	case MODEM_ABSENT:
	case MODEM_OPENING:
	case MODEM_SYNCING: /* with a budget for an answer that makes sense */
	case MODEM_RECOVERING:
		break;
	}
}

void watch_registration(struct modem *m, uint64_t now_ms)
{
	bool is_back = m->status.is_registered && !m->was_registered;
	size_t i;

	m->was_registered = m->status.is_registered;
	m->is_operator_due = m->is_operator_due || is_back;
	if (!is_back || m->status.state != MODEM_READY)
		return;
	for (i = 0; i < MODEM_CLIENTS; i++)
		session_network_is_back(&m->session[i], now_ms);
}

/* ---- steps ---- */

static void status_begin(struct modem *m, uint64_t now_ms)
{
	struct at_args *args = exchange_args(&m->exchange);

	if (m->is_operator_due)
		at_args_number(args, "operator", 1);
	m->is_status_due = false;
	m->is_operator_due = false;
	life_run(m, now_ms, sim7600_status_script);
}

void watch_begin(struct modem *m, uint64_t now_ms)
{
	if (m->is_verify_due && (m->step == READY_PULSE || m->step == READY_STATUS))
		life_go_to(m, READY_VERIFY);
	if (m->step == READY_CLOCK) {
		time_ask(m, now_ms);
		return;
	}
	if (m->step == READY_CLOCK_SET) {
		time_set_begin(m, now_ms);
		return;
	}
	if (m->step == READY_STOP) {
		attach_stop_begin(m, now_ms);
		return;
	}
	if (m->step == READY_STATUS) {
		status_begin(m, now_ms);
		return;
	}
	(void)exchange_args(&m->exchange);
	life_run(m, now_ms,
	    m->step == READY_VERIFY ? sim7600_service_query_script : sim7600_pulse_script);
}

/* What a question that was pressing has put off comes soon. */
static uint32_t rest_ms(const struct modem *m)
{
	if (m->env.is_restart_due)
		return DRAIN_MS;
	return m->is_status_due && m->pulses != 0 ? FIRST_STATUS_MS : PULSE_MS;
}

static void rest(struct modem *m, uint64_t now_ms)
{
	m->pulses = (m->pulses + 1) % PULSES_A_STATUS;
	m->is_status_due = m->is_status_due || m->pulses == 0;
	if (m->is_status_due)
		life_go_to(m, READY_STATUS);
	else
		life_go_to(m, m->pulses % 2 == 0 ? READY_VERIFY : READY_PULSE);
	if (!m->is_verify_due)
		life_pause(m, now_ms, rest_ms(m));
}

void watch_verify_soon(struct modem *m, uint64_t now_ms)
{
	if (m->is_verify_due || m->status.state != MODEM_READY)
		return;
	m->is_verify_due = true;
	if (m->step == READY_PULSE || m->step == READY_STATUS || m->step == READY_VERIFY)
		m->resume_at_ms = timer_min(m->resume_at_ms, now_ms);
}

/* A modem that has started anew denies having MQTT clients, whenever it is asked. Unless there is
 * another sign of a start, that counts only if it is no refusal that passes, and for a model that
 * is known to answer the question: to believe it costs all sessions and the message coming in. */
static void verify_done(struct modem *m, uint64_t now_ms, const struct at_event *ev)
{
	bool is_denied = ev->result == AT_FAILED && !m->env.is_query_mute &&
			 (m->is_verify_due || m->is_query_trusted);

	if (is_denied && !m->is_verify_due && ++m->denials < DENIALS_MAX) {
		life_pause(m, now_ms, DENIED_PAUSE_MS);
		return;
	}
	m->denials = 0;
	m->is_verify_due = false;
	m->is_query_trusted = m->is_query_trusted || ev->result == AT_OK;
	/* It runs, and what it says is of no use all the same. */
	m->env.is_query_mute = m->env.is_query_mute || (m->is_query_doubted && ev->result == AT_OK);
	m->is_query_doubted = false;
	m->was_denied = is_denied;
	if (is_denied)
		life_booted(m, now_ms);
	else if (is_given_up(m, now_ms))
		return;
	else if (m->env.is_clock_right || m->pulses % PULSES_A_CLOCK != 0)
		rest(m, now_ms);
	else
		life_go_to(m, READY_CLOCK);
}

void watch_done(struct modem *m, uint64_t now_ms, const struct at_event *ev)
{
	switch ((enum ready_step)m->step) {
	case READY_PULSE:
		watch_registration(m, now_ms);
		if (!is_given_up(m, now_ms))
			rest(m, now_ms);
		break;
	case READY_STATUS:
		watch_registration(m, now_ms);
		if (!is_given_up(m, now_ms))
			life_go_to(m, READY_VERIFY);
		break;
	case READY_CLOCK:
		if (time_must_set(m))
			life_go_to(m, READY_CLOCK_SET);
		else
			rest(m, now_ms);
		break;
	case READY_CLOCK_SET:
		time_set_done(m, ev);
		rest(m, now_ms);
		break;
	case READY_VERIFY:
		verify_done(m, now_ms, ev);
		break;
	case READY_STOP:
		m->stop = MODEM_STOP_DRAIN;
		break;
	}
}

/* ---- the end ---- */

void watch_stop_service(struct modem *m)
{
	life_go_to(m, READY_STOP);
	m->resume_at_ms = 0;
}

bool watch_is_stopping(const struct modem *m)
{
	return m->status.state == MODEM_READY && m->step == READY_STOP;
}
