/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/modem_life.h"

#include "at/at_line.h"
#include "modem/link_copy.h"
#include "modem/modem_recover.h"
#include "modem/modem_sync.h"
#include "modem/modem_watch.h"
#include "modem/sim7600.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS         1000
#define POLL_FAST_MS     3000  /* registration, in the first minute */
#define POLL_SLOW_MS     10000 /* and later */
#define UNTOLD_POLLS     5
#define NOTE_MS          10 /* for the shell to keep a note */
#define POLL_FAST_FOR_MS 60000
#define START_PAUSE_MS   3000
#define START_TRIES      2
#define START_VERIFY_MS  15000
#define START_MAX_MS     120000 /* the vendor's maximum (16.2.1) */
#define SLOW_MAX_MS      125000 /* the longest that the vendor says of any command, and more */
#define BOOT_LINES_MS    90000  /* PB DONE can come many seconds after RDY (seen on A76xx) */

enum attach_step {
	ATTACH_CLOCK,
	ATTACH_CLOCK_SET,
	ATTACH_START,
	ATTACH_VERIFY, /* does it run, although START did not say so? */
	ATTACH_NETOPEN_QUERY,
	ATTACH_NETOPEN,
	ATTACH_PROBE,   /* what is each client's state? Sister models do not forgive a wrong DISC */
	ATTACH_RELEASE, /* a service with clients in use cannot be stopped */
	ATTACH_STOP,
};

enum register_step {
	REGISTER_SETUP,
	REGISTER_POLL,
	REGISTER_RADIO, /* has somebody left it off, perhaps we in an earlier life? */
	REGISTER_RADIO_ON,
	REGISTER_OPERATOR, /* has somebody tied the modem to a network? */
	REGISTER_ANY,
};

struct state {
	/* Begin what is to be done; called when nothing is under way and no pause is. NULL: only
	 * waits. */
	void (*begin)(struct modem *m, uint64_t now_ms);
	/* What was begun has ended. */
	void (*done)(struct modem *m, uint64_t now_ms, const struct at_event *ev);
	uint32_t budget_ms;            /* 0: none, it asks for a sign of life every PULSE_MS */
	enum recovery_trouble trouble; /* when the budget is used up */
	const char *overdue;           /* what to say when the budget is used up */
};

static const struct state *state_of(enum modem_state state);

const struct modem_config *life_config(const struct modem *m)
{
	static const struct modem_config nothing;

	return m->cfg ? m->cfg : &nothing;
}

/* What the shell has opened the port with: it may be newer than what is in use here. */
static const struct modem_config *next_config_of(const struct modem *m)
{
	return m->next ? m->next : life_config(m);
}

/* ---- changing state ---- */

static void tell_sessions(struct modem *m, uint64_t now_ms, enum session_loss loss, const char *why)
{
	size_t i;

	for (i = 0; i < MODEM_CLIENTS; i++)
		session_service_down(&m->session[i], now_ms, loss, why);
}

/* What the modem may have forgotten now that READY was left. */
static enum session_loss loss_of(const struct modem *m)
{
	switch (m->status.state) {
	case MODEM_ABSENT:
	case MODEM_OPENING:
	case MODEM_SYNCING:
		return SESSION_LOSS_LINE;
	case MODEM_RECOVERING:
		return m->remedy == RECOVERY_FENCE || m->remedy == RECOVERY_REOPEN
			   ? SESSION_LOSS_LINE
			   : SESSION_LOSS_SERVICE;
	case MODEM_SIM:
	case MODEM_REGISTERING:
	case MODEM_ATTACHED:
	case MODEM_READY:
		break;
	}
	return SESSION_LOSS_SERVICE;
}

static uint64_t budget_end(enum modem_state state, uint64_t now_ms)
{
	uint32_t budget_ms = state_of(state)->budget_ms;

	return budget_ms > 0 ? now_ms + budget_ms : TIMER_NEVER;
}

void life_renew_budget(struct modem *m, uint64_t now_ms)
{
	m->budget_at_ms = budget_end(m->status.state, now_ms);
}

void life_expect_boot_lines(struct modem *m, uint64_t now_ms)
{
	m->boot_until_ms = now_ms + BOOT_LINES_MS;
}

/* The one place where the state changes. */
void life_set_state(struct modem *m, uint64_t now_ms, enum modem_state to, const char *why)
{
	enum modem_state from = m->status.state;
	const struct modem_event event = {
		.type = MODEM_EVENT_STATE, .from = (int)from, .to = (int)to
	};

	exchange_abandon(&m->exchange, m->chan, now_ms);
	m->status.state = to;
	m->status.since_ms = now_ms;
	m->step = 0;
	m->resume_at_ms = 0;
	m->budget_at_ms = budget_end(to, now_ms);
	m->is_overdue_told = false;
	m->env.is_service_up = to == MODEM_READY;
	m->env.is_barred = false;
	if (to == from && to != MODEM_RECOVERING)
		return; /* one step of recovery behind the other is worth telling */
	event_queue_push(&m->events, &event, "%s", why);
	if (from == MODEM_READY)
		tell_sessions(m, now_ms, loss_of(m), why);
}

void life_restart_service(struct modem *m, uint64_t now_ms)
{
	life_set_state(m, now_ms, MODEM_ATTACHED, "the MQTT service is started again");
	m->client = 0;
	m->is_stop_safe = true;
	life_go_to(m, ATTACH_PROBE);
}

void life_run(struct modem *m, uint64_t now_ms, const struct at_step *script)
{
	if (exchange_start(&m->exchange, m->chan, now_ms, script) < 0)
		m->resume_at_ms = now_ms + RETRY_MS;
}

void life_pause(struct modem *m, uint64_t now_ms, uint32_t ms)
{
	m->resume_at_ms = now_ms + ms;
}

/* Go on to another step of the state. */
void life_go_to(struct modem *m, unsigned step)
{
	m->step = step;
}

/* ---- SIM ---- */

/* It must be on disk before the PIN is on the line: that goes with a later turn. */
static void tell_pin_note(struct modem *m, uint64_t now_ms)
{
	char note[SIM_CARD_NOTE_MAX];

	sim_card_note(&m->sim, note);
	event_queue_push(
	    &m->events, &(struct modem_event){ .type = MODEM_EVENT_PIN_NOTE }, "%s", note);
	life_pause(m, now_ms, NOTE_MS);
}

static void note_kept(struct modem *m, uint64_t now_ms)
{
	uint32_t wait_ms;
	bool is_noted;

	(void)sim_card_done(&m->sim, now_ms, life_config(m)->pin, AT_OK, NULL, &wait_ms, &is_noted);
}

static void sim_begin(struct modem *m, uint64_t now_ms)
{
	struct at_args *args = exchange_args(&m->exchange);

	switch (m->sim.step) {
	case SIM_CARD_QUERY:
		life_run(m, now_ms, sim7600_sim_script);
		break;
	case SIM_CARD_RADIO:
		life_run(m, now_ms, sim7600_radio_on_script);
		break;
	case SIM_CARD_ATTEMPTS:
		life_run(m, now_ms, sim7600_pin_attempts_script);
		break;
	case SIM_CARD_NOTE:
		note_kept(m, now_ms);
		break;
	case SIM_CARD_ENTER:
		at_args_secret(args, "pin", life_config(m)->pin);
		life_expect_boot_lines(m, now_ms); /* the card starts now */
		life_run(m, now_ms, sim7600_pin_enter_script);
		break;
	}
}

static void sim_done(struct modem *m, uint64_t now_ms, const struct at_event *ev)
{
	uint32_t wait_ms = 0;
	bool is_noted;
	enum sim_card_verdict verdict = sim_card_done(
	    &m->sim, now_ms, life_config(m)->pin, ev->result, ev->detail, &wait_ms, &is_noted);

	if (is_noted)
		tell_pin_note(m, now_ms);
	if (m->sim.has_notice)
		event_queue_notice(&m->events, 0, m->sim.notice, "%s", m->sim.text);
	switch (verdict) {
	case SIM_CARD_GO_ON:
		break;
	case SIM_CARD_WAIT_MAN:
		life_renew_budget(m, now_ms);
		life_pause(m, now_ms, wait_ms);
		break;
	case SIM_CARD_WAIT:
		life_pause(m, now_ms, wait_ms);
		break;
	case SIM_CARD_READY:
		m->is_denied_told = false;
		life_set_state(m, now_ms, MODEM_REGISTERING, "the SIM is ready");
		break;
	}
}

/* ---- REGISTERING ---- */

static void register_begin(struct modem *m, uint64_t now_ms)
{
	const struct modem_config *cfg = life_config(m);
	struct at_args *args = exchange_args(&m->exchange);

	switch ((enum register_step)m->step) {
	case REGISTER_SETUP:
		break;
	case REGISTER_POLL:
		life_run(m, now_ms, sim7600_registration_script);
		return;
	case REGISTER_RADIO:
		m->is_radio_off = false;
		life_run(m, now_ms, sim7600_radio_query_script);
		return;
	case REGISTER_RADIO_ON:
		life_run(m, now_ms, sim7600_radio_on_script);
		return;
	case REGISTER_OPERATOR:
		life_run(m, now_ms, sim7600_operator_query_script);
		return;
	case REGISTER_ANY:
		life_run(m, now_ms, sim7600_operator_any_script);
		return;
	}
	at_args_text(args, "apn", cfg->apn);
	at_args_text(args, "pdp_type", cfg->pdp_type ? cfg->pdp_type : "IP");
	at_args_number(args, "auth_type", 3); /* PAP or CHAP, as the network wants (8.2.22) */
	at_args_text(args, "apn_user", cfg->apn_user);
	at_args_secret(args, "apn_password", cfg->apn_password ? cfg->apn_password : "");
	sim7600_fill_network(args, cfg);
	life_run(m, now_ms, sim7600_network_script);
}

static bool is_barred(const struct modem *m)
{
	return life_config(m)->no_roaming && m->status.is_registered && m->status.is_roaming;
}

static void tell_roaming(struct modem *m)
{
	if (!m->is_roaming_told)
		event_queue_notice(&m->events, 0, MODEM_NOTICE_ROAMING,
		    "registered in a foreign network, and roaming = false");
	m->is_roaming_told = true;
}

void life_bar_roaming(struct modem *m)
{
	bool was_barred = m->env.is_barred;
	size_t i;

	m->env.is_barred = is_barred(m);
	if (m->env.is_barred)
		tell_roaming(m);
	for (i = 0; i < MODEM_CLIENTS && m->env.is_barred && !was_barred; i++)
		m->session[i].must_close = true;
}

static void not_registered(struct modem *m, uint64_t now_ms)
{
	bool is_early = now_ms - m->status.since_ms < POLL_FAST_FOR_MS;

	if (net_status_is_denied(&m->net) && !m->is_denied_told) {
		event_queue_notice(
		    &m->events, 0, MODEM_NOTICE_DENIED, "the network denies the registration");
		m->is_denied_told = true;
	}
	if (!m->is_radio_known) {
		life_go_to(m, REGISTER_RADIO);
		return;
	}
	if (!m->was_operator_asked && !life_config(m)->operator_code && !is_barred(m)) {
		m->was_operator_asked = true;
		life_go_to(m, REGISTER_OPERATOR);
		return;
	}
	life_pause(m, now_ms, is_early ? POLL_FAST_MS : POLL_SLOW_MS);
}

/* Everything was answered, and nothing was said: whether it is registered, START will tell. */
static bool is_untold(struct modem *m, const struct at_event *ev)
{
	if (ev->result != AT_OK || m->net.is_registration_told)
		m->untold_polls = 0;
	else
		m->untold_polls++;
	return m->untold_polls >= UNTOLD_POLLS;
}

static void polled(struct modem *m, uint64_t now_ms, const struct at_event *ev)
{
	if (is_barred(m)) {
		tell_roaming(m);
		life_renew_budget(m, now_ms); /* no remedy helps */
	} else if (m->status.is_registered || is_untold(m, ev)) {
		m->start_failures = 0;
		m->is_roaming_told = false;
		m->registered_at_ms = now_ms;
		life_set_state(m, now_ms, MODEM_ATTACHED,
		    m->status.is_registered ? "registered" : "nothing is said of the registration");
		return;
	}
	not_registered(m, now_ms);
}

static void register_done(struct modem *m, uint64_t now_ms, const struct at_event *ev)
{
	switch ((enum register_step)m->step) {
	case REGISTER_SETUP:
		m->was_operator_asked = false;
		m->is_radio_known = false;
		m->untold_polls = 0;
		if (ev->result == AT_UNKNOWN)
			life_pause(m, now_ms, RETRY_MS);
		else
			life_go_to(m, REGISTER_POLL);
		break;
	case REGISTER_POLL:
		polled(m, now_ms, ev);
		break;
	case REGISTER_RADIO:
		m->is_radio_known = true;
		life_go_to(m, m->is_radio_off ? REGISTER_RADIO_ON : REGISTER_POLL);
		break;
	case REGISTER_RADIO_ON:
		life_go_to(m, REGISTER_POLL);
		break;
	case REGISTER_OPERATOR:
		m->was_operator_asked = ev->result == AT_OK;
		if (net_status_is_tied(&m->net)) {
			life_go_to(m, REGISTER_ANY);
			break;
		}
		life_go_to(m, REGISTER_POLL);
		life_pause(m, now_ms, POLL_FAST_MS);
		break;
	case REGISTER_ANY:
		m->was_operator_asked = false; /* did it help? */
		life_go_to(m, REGISTER_POLL);
		life_pause(m, now_ms, POLL_FAST_MS);
		break;
	}
}

/* ---- the clock, in ATTACHED and READY ---- */

void life_clock_begin(struct modem *m, uint64_t now_ms)
{
	(void)exchange_args(&m->exchange);
	m->has_clock = false;
	life_run(m, now_ms, sim7600_clock_script);
}

static void clock_line(struct modem *m, uint64_t now_ms, struct span line)
{
	int64_t utc_s;

	if (!modem_clock_parse(line, &utc_s))
		return;
	m->has_clock = true;
	m->env.is_clock_right = modem_clock_is_right(utc_s, &m->host, now_ms);
}

/* Some broker's certificates are checked for their dates: nothing else needs the clock. */
static bool is_time_checked(const struct modem *m)
{
	size_t i;

	for (i = 0; i < MODEM_CLIENTS; i++)
		if (session_checks_time(&m->session[i]))
			return true;
	return false;
}

/* Wrong, needed, and the host knows better. */
bool life_must_set_clock(struct modem *m)
{
	if (!m->has_clock)
		m->env.is_clock_right = false;
	return !m->env.is_clock_right && m->host.is_plausible && is_time_checked(m);
}

void life_clock_set_begin(struct modem *m, uint64_t now_ms)
{
	struct at_args *args = exchange_args(&m->exchange);

	modem_clock_format(host_clock_now_s(&m->host, now_ms), m->clock_text);
	at_args_text(args, "time", m->clock_text);
	life_run(m, now_ms, sim7600_clock_set_script);
}

void life_clock_set_done(struct modem *m, const struct at_event *ev)
{
	if (ev->result != AT_OK)
		return;
	m->env.is_clock_right = true;
	event_queue_notice(&m->events, 0, MODEM_NOTICE_CLOCK_SET,
	    "its clock was wrong and has been set to %s", m->clock_text);
}

/* ---- ATTACHED ---- */

static void probe_begin(struct modem *m, uint64_t now_ms)
{
	m->is_client_known = false;
	m->is_client_held = false;
	m->is_client_connected = false;
	at_args_number(exchange_args(&m->exchange), "client_index", m->client);
	life_run(m, now_ms, sim7600_probe_script);
}

static void release_begin(struct modem *m, uint64_t now_ms)
{
	struct at_args *args = exchange_args(&m->exchange);

	at_args_number(args, "client_index", m->client);
	at_args_number(args, "timeout", 0);
	if (m->is_client_connected)
		at_args_number(args, "connected", 1);
	if (m->is_client_held || m->is_client_connected)
		at_args_number(args, "acquired", 1);
	life_run(m, now_ms, sim7600_close_script);
}

void life_stop_begin(struct modem *m, uint64_t now_ms)
{
	at_args_number(
	    exchange_args(&m->exchange), m->stop == MODEM_STOP_NO ? "patience" : "hurry", 1);
	life_run(m, now_ms, sim7600_stop_script);
}

static void attach_begin(struct modem *m, uint64_t now_ms)
{
	switch ((enum attach_step)m->step) {
	case ATTACH_CLOCK:
		life_clock_begin(m, now_ms);
		return;
	case ATTACH_CLOCK_SET:
		life_clock_set_begin(m, now_ms);
		return;
	case ATTACH_PROBE:
		probe_begin(m, now_ms);
		return;
	case ATTACH_RELEASE:
		release_begin(m, now_ms);
		return;
	case ATTACH_STOP:
		life_stop_begin(m, now_ms);
		return;
	case ATTACH_START:
	case ATTACH_VERIFY:
	case ATTACH_NETOPEN_QUERY:
	case ATTACH_NETOPEN:
		break;
	}
	(void)exchange_args(&m->exchange);
	m->start_until_ms = m->step == ATTACH_START ? now_ms + START_MAX_MS : m->start_until_ms;
	if (m->step == ATTACH_START)
		life_run(m, now_ms, sim7600_start_script);
	else if (m->step == ATTACH_VERIFY)
		life_run(m, now_ms, sim7600_service_query_script);
	else if (m->step == ATTACH_NETOPEN_QUERY)
		life_run(m, now_ms, sim7600_netopen_query_script);
	else
		life_run(m, now_ms, sim7600_netopen_script);
}

/* START opens the data connection itself. Where it cannot, NETOPEN may; after that only stronger
 * means are left. */
static void start_failed(struct modem *m, uint64_t now_ms)
{
	if (++m->start_failures >= START_TRIES) {
		m->start_failures = 0;
		if (recover_try(
			m, now_ms, RECOVERY_TROUBLE_SERVICE, "the MQTT service does not start"))
			return;
		life_pause(m, now_ms, START_PAUSE_MS);
	}
	m->is_netopen = false;
	life_go_to(m, ATTACH_NETOPEN_QUERY);
}

static void start_done(struct modem *m, uint64_t now_ms, const struct at_event *ev)
{
	if (ev->result != AT_UNKNOWN || ev->job->is_overdue)
		m->start_until_ms = 0; /* it will not begin to run any more */
	/* It had not started, then: it denies what it has. */
	m->env.is_query_mute = m->env.is_query_mute || (m->was_denied && ev->err == 23);
	m->was_denied = false;
	if (ev->result == AT_OK)
		watch_start(m, now_ms);
	else if (ev->has_err)
		start_failed(m, now_ms);
	else
		/* A76xx: a bare ERROR when it runs already. An OK without result: it runs, or will.
		 */
		life_go_to(m, ATTACH_VERIFY);
}

static void start_verified(struct modem *m, uint64_t now_ms, const struct at_event *ev)
{
	if (ev->result == AT_OK)
		watch_start(m, now_ms);
	else if (now_ms < m->start_until_ms)
		life_pause(m, now_ms, START_VERIFY_MS);
	else
		start_failed(m, now_ms);
}

/* The service is stopped only if no client is in use: otherwise it would be refused, or worse. */
static void released(struct modem *m, const struct at_event *ev)
{
	m->is_stop_safe = m->is_stop_safe && ev->result == AT_OK;
	if (++m->client < MODEM_CLIENTS)
		life_go_to(m, ATTACH_PROBE);
	else
		life_go_to(m, m->is_stop_safe ? ATTACH_STOP : ATTACH_START);
}

static void attach_done(struct modem *m, uint64_t now_ms, const struct at_event *ev)
{
	switch ((enum attach_step)m->step) {
	case ATTACH_CLOCK:
		life_go_to(m, life_must_set_clock(m) ? ATTACH_CLOCK_SET : ATTACH_START);
		break;
	case ATTACH_CLOCK_SET:
		life_clock_set_done(m, ev);
		life_go_to(m, ATTACH_START);
		break;
	case ATTACH_START:
		start_done(m, now_ms, ev);
		break;
	case ATTACH_VERIFY:
		start_verified(m, now_ms, ev);
		break;
	case ATTACH_NETOPEN_QUERY:
		life_go_to(m, m->is_netopen ? ATTACH_START : ATTACH_NETOPEN);
		life_pause(m, now_ms, START_PAUSE_MS);
		break;
	case ATTACH_NETOPEN:
		life_go_to(m, ATTACH_START);
		break;
	case ATTACH_PROBE:
		m->is_stop_safe = m->is_stop_safe && ev->result == AT_OK && m->is_client_known;
		life_go_to(m, ATTACH_RELEASE);
		break;
	case ATTACH_RELEASE:
		released(m, ev);
		break;
	case ATTACH_STOP:
		life_go_to(m, ATTACH_START);
		life_pause(m, now_ms, START_PAUSE_MS);
		break;
	}
}

/* ---- the table of states ---- */

static const struct state states[] = {
	[MODEM_ABSENT] = { NULL, NULL, 60000, RECOVERY_TROUBLE_ABSENT, "the port does not appear" },
	[MODEM_OPENING] = { NULL, NULL, 300000, RECOVERY_TROUBLE_HELD, "the port does not open" },
	[MODEM_SYNCING] = { sync_begin, sync_done, 40000, RECOVERY_TROUBLE_SILENT,
	    "the modem does not answer" },
	[MODEM_SIM] = { sim_begin, sim_done, 300000, RECOVERY_TROUBLE_NETWORK,
	    "the SIM does not get ready" },
	[MODEM_REGISTERING] = { register_begin, register_done, 600000, RECOVERY_TROUBLE_NETWORK,
	    "no network" },
	[MODEM_ATTACHED] = { attach_begin, attach_done, 600000, RECOVERY_TROUBLE_SERVICE,
	    "the MQTT service does not start" },
	[MODEM_READY] = { watch_begin, watch_done, 0, RECOVERY_TROUBLE_SERVICE, "" },
	[MODEM_RECOVERING] = { recover_begin, recover_done, 240000, RECOVERY_TROUBLE_SILENT,
	    "the modem does not come back" },
};

static const struct state *state_of(enum modem_state state)
{
	return &states[state];
}

void life_init(struct modem *m)
{
	m->status.state = MODEM_ABSENT;
	m->rescue_at_ms = TIMER_NEVER;
	m->budget_at_ms = TIMER_NEVER; /* until there is a configuration */
	net_status_init(&m->net, &m->status);
	sim_card_init(&m->sim);
	exchange_init(&m->exchange, MODEM_CLIENTS);
}

void life_configured(struct modem *m, uint64_t now_ms)
{
	if (m->status.state == MODEM_ABSENT && m->budget_at_ms == TIMER_NEVER)
		m->budget_at_ms = budget_end(MODEM_ABSENT, now_ms);
}

/* ---- stopping ---- */

static bool are_sessions_closed(const struct modem *m)
{
	size_t i;

	for (i = 0; i < MODEM_CLIENTS; i++)
		if (!session_is_shut_down(&m->session[i]))
			return false;
	return true;
}

static bool are_clients_free(const struct modem *m)
{
	size_t i;

	for (i = 0; i < MODEM_CLIENTS; i++)
		if (!m->session[i].is_released)
			return false;
	return true;
}

/* false: nothing to do. */
static bool stop_step(struct modem *m, uint64_t now_ms)
{
	switch (m->stop) {
	case MODEM_STOP_SESSIONS:
		if (m->status.state != MODEM_READY) {
			m->stop = MODEM_STOP_DRAIN;
			return true;
		}
		if (!are_sessions_closed(m))
			break;
		if (!m->env.family->can_stop || !are_clients_free(m)) {
			m->stop = MODEM_STOP_DRAIN;
			return true;
		}
		m->stop = MODEM_STOP_SERVICE;
		watch_stop_service(m);
		exchange_abandon(&m->exchange, m->chan, now_ms);
		return true;
	case MODEM_STOP_SERVICE:
		if (watch_is_stopping(m))
			break;
		m->stop = MODEM_STOP_DRAIN;
		return true;
	case MODEM_STOP_NO:
	case MODEM_STOP_DRAIN:
	case MODEM_STOP_DONE:
		return false;
	}
	if (now_ms < m->stop_at_ms)
		return false;
	m->stop = MODEM_STOP_DRAIN;
	return true;
}

/* ---- steps and deadlines ---- */

/* Only when nothing is under way: commands hold pointers into the configuration. */
static void apply_config(struct modem *m)
{
	if (!text_equal(life_config(m)->pin, m->next->pin)) {
		sim_card_new_pin(&m->sim);
		if (m->status.state == MODEM_SIM)
			m->resume_at_ms = 0;
	}
	free(m->cfg);
	m->cfg = m->next;
	m->next = NULL;
}

static void tell_stuck(struct modem *m, const char *why)
{
	event_queue_notice(&m->events, 0, MODEM_NOTICE_STUCK, "%s", why);
}

/* The budget of the state is used up. */
static void overdue(struct modem *m, uint64_t now_ms)
{
	const struct state *state = state_of(m->status.state);
	enum recovery_trouble trouble = state->trouble;

	if (m->status.state == MODEM_RECOVERING)
		trouble = m->recovery.trouble;
	if (!m->is_overdue_told &&
	    (trouble == RECOVERY_TROUBLE_SILENT || trouble == RECOVERY_TROUBLE_ABSENT))
		tell_stuck(m, state->overdue);
	m->is_overdue_told = true;
	(void)recover_try(m, now_ms, trouble, state->overdue);
}

static bool step_own(struct modem *m, uint64_t now_ms)
{
	const struct state *state = state_of(m->status.state);

	if (now_ms >= m->budget_at_ms) {
		overdue(m, now_ms);
		return true;
	}
	if (m->status.state == MODEM_SYNCING && now_ms >= m->rescue_at_ms) {
		sync_rescue(m, now_ms);
		return true;
	}
	exchange_poll(&m->exchange, m->chan, now_ms);
	if (m->exchange.is_busy)
		return false;
	if (m->next) {
		apply_config(m);
		return true;
	}
	if (m->stop != MODEM_STOP_NO && !watch_is_stopping(m))
		return false;
	if (!state->begin || now_ms < m->resume_at_ms)
		return false;
	state->begin(m, now_ms);
	return true;
}

bool life_step(struct modem *m, uint64_t now_ms)
{
	size_t i;

	if (m->stop >= MODEM_STOP_DRAIN)
		return false;
	if (stop_step(m, now_ms))
		return true;
	if (m->env.is_service_doubted) {
		m->env.is_service_doubted = false;
		m->is_query_doubted = true;
		watch_verify_soon(m, now_ms);
	}
	if (step_own(m, now_ms))
		return true;
	for (i = 0; i < MODEM_CLIENTS; i++)
		if (session_step(&m->session[i], now_ms))
			return true;
	return false;
}

uint64_t life_deadline(const struct modem *m)
{
	uint64_t due_ms = m->budget_at_ms;
	size_t i;

	if (m->stop >= MODEM_STOP_DRAIN)
		return TIMER_NEVER;
	if (m->stop != MODEM_STOP_NO)
		due_ms = timer_min(due_ms, m->stop_at_ms);
	if (m->status.state == MODEM_SYNCING)
		due_ms = timer_min(due_ms, m->rescue_at_ms);
	if (m->stop == MODEM_STOP_NO && !m->exchange.is_busy && state_of(m->status.state)->begin)
		due_ms = timer_min(due_ms, m->resume_at_ms);
	for (i = 0; i < MODEM_CLIENTS; i++)
		due_ms = timer_min(due_ms, session_deadline(&m->session[i]));
	return due_ms;
}

/* ---- port and channel ---- */

void life_tty_up(struct modem *m, uint64_t now_ms)
{
	at_chan_open(m->chan, now_ms);
	m->baud = next_config_of(m)->baud;
	line_rescue_init(&m->rescue);
	m->is_hung_up = false; /* opening it raises DTR */
	m->rescue_at_ms = TIMER_NEVER;
	modem_drop_inbound(m, INBOUND_LOSS_RESET);
	net_status_forget(&m->net);
	life_expect_boot_lines(m, now_ms);
	tell_sessions(m, now_ms, SESSION_LOSS_LINE, "the port was opened");
	life_set_state(m, now_ms, MODEM_SYNCING, "the port is open");
}

/* A port that is there and cannot be opened yet is another thing than none. */
static enum modem_state state_without_port(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
	case EBUSY:
	case EINVAL:
	case ENOTTY:
		return MODEM_OPENING;
	default:
		return MODEM_ABSENT;
	}
}

void life_tty_down(struct modem *m, uint64_t now_ms, int error)
{
	enum modem_state to = state_without_port(error);
	char why[64];

	if (m->status.state == to) {
		if (m->budget_at_ms == TIMER_NEVER)
			m->budget_at_ms = budget_end(to, now_ms);
		return;
	}
	at_chan_close(m->chan, now_ms);
	modem_drop_inbound(m, INBOUND_LOSS_RESET);
	net_status_forget(&m->net);
	snprintf(why, sizeof why, "%s: %s",
	    to == MODEM_ABSENT ? "the port is gone" : "the port does not open", strerror(error));
	tell_sessions(m, now_ms, SESSION_LOSS_LINE, "the modem is gone");
	life_set_state(m, now_ms, to, why);
}

static void netopen_line(struct modem *m, struct span line)
{
	struct span field;

	if (span_begins_with(line, "+NETOPEN:"))
		m->is_netopen = at_line_field(line, 0, &field) && span_is(field, "1");
}

/* What the modem thinks of the client that is about to be released. */
static void client_line(struct modem *m, struct span line)
{
	uint32_t client, state;
	struct span id;

	if (!at_line_number(line, 0, &client) || client != m->client)
		return;
	if (span_begins_with(line, "+CMQTTACCQ:")) {
		m->is_client_known = true;
		m->is_client_held = at_line_field(line, 1, &id) && id.len > 0;
	}
	if (span_begins_with(line, "+CMQTTDISC:"))
		m->is_client_connected = at_line_number(line, 1, &state) && state == 0;
}

/* ATTACHED and READY */
static void attach_line(struct modem *m, struct span line)
{
	client_line(m, line);
	netopen_line(m, line);
}

void life_info(struct modem *m, uint64_t now_ms, const struct at_event *ev)
{
	uint32_t mode;

	if (m->exchange.is_abandoned)
		return;
	switch (m->status.state) {
	case MODEM_SYNCING:
		sync_line(m, ev);
		break;
	case MODEM_SIM:
		sim_card_line(&m->sim, ev->line);
		break;
	case MODEM_ATTACHED:
	case MODEM_READY:
		attach_line(m, ev->line);
		clock_line(m, now_ms, ev->line);
		net_status_line(&m->net, ev->line);
		break;
	case MODEM_REGISTERING:
		net_status_line(&m->net, ev->line);
		if (span_begins_with(ev->line, "+CFUN:"))
			m->is_radio_off = at_line_number(ev->line, 0, &mode) && mode != 1;
		break;
	case MODEM_ABSENT:
	case MODEM_OPENING:
	case MODEM_RECOVERING:
		break;
	}
}

void life_done(struct modem *m, uint64_t now_ms, const struct at_event *ev)
{
	const struct state *state = state_of(m->status.state);

	if (exchange_end(&m->exchange) && state->done)
		state->done(m, now_ms, ev);
}

void life_stuck(struct modem *m, uint64_t now_ms)
{
	static const char why[] = "the modem does not answer";
	uint64_t at_ms;

	switch (m->status.state) {
	case MODEM_SYNCING: /* it may be starting; the budget of the state decides */
		sync_rescue(m, now_ms);
		return;
	case MODEM_RECOVERING:
		if (m->remedy != RECOVERY_RADIO) /* the others expect silence */
			return;
		break;
	case MODEM_ABSENT:
	case MODEM_OPENING:
		return;
	case MODEM_SIM:
	case MODEM_REGISTERING:
	case MODEM_ATTACHED:
	case MODEM_READY:
		break;
	}
	tell_stuck(m, why);
	recovery_note(&m->recovery, now_ms, RECOVERY_TROUBLE_SILENT, RECOVERY_FENCE);
	if (recover_try(m, now_ms, RECOVERY_TROUBLE_SILENT, why))
		return;
	/* The channel goes on asking; no step before the budget that the ladder gives. */
	at_ms = m->recovery.next_at_ms;
	life_set_state(m, now_ms, MODEM_SYNCING, why);
	m->budget_at_ms = timer_min(m->budget_at_ms, at_ms);
}

void life_unanswered(struct modem *m, const struct at_job *job)
{
	const struct at_step *step = &job->script[job->step];

	if (step->is_slow)
		m->spare_until_ms = job->limit_ms - step->timeout_ms + SLOW_MAX_MS;
}

void life_forget_patience(struct modem *m)
{
	size_t i;

	m->spare_until_ms = 0;
	exchange_forget_patience(&m->exchange);
	for (i = 0; i < MODEM_CLIENTS; i++)
		exchange_forget_patience(&m->session[i].exchange);
}

void life_fenced(struct modem *m, uint64_t now_ms)
{
	m->spare_until_ms = 0;
	sync_answered(m);
	if (m->status.state == MODEM_RECOVERING)
		recover_answered(m, now_ms);
}

/* ---- unsolicited lines ---- */

void life_booted(struct modem *m, uint64_t now_ms)
{
	if (m->status.state != MODEM_SYNCING)
		event_queue_notice(&m->events, 0, MODEM_NOTICE_BOOTED, "the modem has started");
	life_forget_patience(m);
	at_chan_rebooted(m->chan, now_ms);
	modem_drop_inbound(m, INBOUND_LOSS_RESET);
	net_status_forget(&m->net);
	m->env.is_clock_right = false;
	m->env.is_disc_mute = false;
	life_expect_boot_lines(m, now_ms);
	life_set_state(m, now_ms, MODEM_SYNCING, "the modem has started");
	tell_sessions(m, now_ms, SESSION_LOSS_BOOT, "the modem has started");
}

void life_boot_suspected(struct modem *m, uint64_t now_ms)
{
	switch (m->status.state) {
	case MODEM_SIM:
		m->resume_at_ms = timer_min(m->resume_at_ms, now_ms);
		break;
	case MODEM_REGISTERING:
	case MODEM_ATTACHED:
		if (now_ms < m->boot_until_ms)
			break;
		life_expect_boot_lines(m, now_ms);
		life_set_state(m, now_ms, MODEM_SYNCING, "the modem may have started");
		break;
	case MODEM_READY:
		watch_verify_soon(m, now_ms); /* costs one question, also when it is only late */
		break;
	case MODEM_ABSENT:
	case MODEM_OPENING:
	case MODEM_SYNCING:
	case MODEM_RECOVERING:
		break;
	}
}

void life_sim_gone(struct modem *m, uint64_t now_ms)
{
	switch (m->status.state) {
	case MODEM_REGISTERING:
	case MODEM_ATTACHED:
	case MODEM_READY:
		sim_card_restart(&m->sim, now_ms);
		life_set_state(m, now_ms, MODEM_SIM, "the SIM is gone");
		break;
	case MODEM_ABSENT:
	case MODEM_OPENING:
	case MODEM_SYNCING:
	case MODEM_SIM:
	case MODEM_RECOVERING:
		break;
	}
}

void life_registration(struct modem *m, uint64_t now_ms)
{
	watch_registration(m, now_ms);
	if (m->status.state == MODEM_REGISTERING)
		m->resume_at_ms = timer_min(m->resume_at_ms, now_ms);
	else if (m->status.state == MODEM_READY)
		life_bar_roaming(m);
}

void life_started(struct modem *m, uint64_t now_ms)
{
	if (m->status.state != MODEM_ATTACHED || m->step != ATTACH_VERIFY)
		return;
	m->start_until_ms = 0; /* this is the end of it: what the next question says holds */
	m->resume_at_ms = timer_min(m->resume_at_ms, now_ms);
}

void life_network_closed(struct modem *m, uint64_t now_ms)
{
	at_chan_set_dirty(m->chan);
	if (m->status.state != MODEM_READY)
		return;
	m->start_failures = 0;
	life_set_state(m, now_ms, MODEM_ATTACHED, "the network closed the MQTT service");
	life_go_to(m, ATTACH_START);
	life_pause(m, now_ms, RETRY_MS);
}
