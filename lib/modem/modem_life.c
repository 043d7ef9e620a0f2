/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/modem_life.h"

#include "at/at_line.h"
#include "modem/link_copy.h"
#include "modem/modem_attach.h"
#include "modem/modem_recover.h"
#include "modem/modem_register.h"
#include "modem/modem_sim.h"
#include "modem/modem_sync.h"
#include "modem/modem_time.h"
#include "modem/modem_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS      1000
#define SLOW_MAX_MS   125000 /* the longest that the vendor says of any command, and more */
#define BOOT_LINES_MS 90000  /* PB DONE can come many seconds after RDY (seen on A76xx) */

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
	m->is_hung_up = false; /* opening it raises DTR */
	sync_expect_answer(m, now_ms);
	modem_drop_inbound(m, INBOUND_LOSS_RESET);
	net_status_forget(&m->net);
	life_expect_boot_lines(m, now_ms);
	tell_sessions(m, now_ms, SESSION_LOSS_LINE, "the port was opened");
	life_set_state(m, now_ms, MODEM_SYNCING, "the port is open");
}

void life_heard(struct modem *m, uint64_t now_ms)
{
	if (!m->is_uart)
		return;
	if (m->status.state == MODEM_SYNCING)
		sync_heard(m, now_ms);
	else if (m->status.state == MODEM_RECOVERING)
		recover_heard(m, now_ms);
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
		time_line(m, now_ms, ev->line);
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
		net_status_forget(&m->net);
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
		register_bar_roaming(m);
}
