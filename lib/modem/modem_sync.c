/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/modem_sync.h"

#include "modem/sim7600.h"

#define RETRY_MS         1000
#define MODEL_DOUBTS_MAX 2

enum sync_step {
	SYNC_IDENTIFY,
	SYNC_FLOW,       /* flow control on the modem's side, then on ours */
	SYNC_SPEED,      /* found at another speed: the configured one for good */
	SYNC_SPEED_ONCE, /* or until it starts again */
};

void sync_begin(struct modem *m, uint64_t now_ms)
{
	const struct modem_config *cfg = life_config(m);
	struct at_args *args = exchange_args(&m->exchange);

	at_args_number(args, "flow", cfg->rtscts ? 2 : 0);
	at_args_number(args, "speed", cfg->baud);
	switch ((enum sync_step)m->step) {
	case SYNC_IDENTIFY:
		life_run(m, now_ms, sim7600_sync_script);
		break;
	case SYNC_FLOW:
		life_run(m, now_ms, sim7600_flow_script);
		break;
	case SYNC_SPEED:
		life_run(m, now_ms, sim7600_speed_script);
		break;
	case SYNC_SPEED_ONCE:
		life_run(m, now_ms, sim7600_speed_once_script);
		break;
	}
}

static void set_line(struct modem *m, uint32_t baud, bool rtscts)
{
	const struct modem_event event = {
		.type = MODEM_EVENT_TTY_LINE, .baud = baud, .rtscts = rtscts
	};

	m->baud = baud;
	m->is_hung_up = false;
	event_queue_push(&m->events, &event, NULL);
}

/* ---- identity ---- */

void sync_line(struct modem *m, const struct at_event *ev)
{
	if (m->step != SYNC_IDENTIFY || sim7600_urc_kind(ev->line) != URC_NONE)
		return;
	if (ev->step == SYNC_STEP_MODEL)
		net_status_model(&m->net, ev->line);
	else if (ev->step == SYNC_STEP_REVISION)
		net_status_revision(&m->net, ev->line);
	else if (ev->step == SYNC_STEP_IMEI)
		net_status_imei(&m->net, ev->line);
}

/* The answer may have been lost or damaged. An unknown model is treated with more care than a known
 * one wants, so that it is worth to ask again, but not for ever. */
static bool is_model_doubtful(struct modem *m)
{
	if (family_is_known(family_of(m->status.model)))
		m->model_doubts = 0;
	else if (m->model_doubts++ < MODEL_DOUBTS_MAX)
		return true;
	return false;
}

/* Another modem may have been put in its place. */
static void choose_family(struct modem *m)
{
	m->env.family = family_of(m->status.model);
	at_chan_set_cmd_max(m->chan, m->env.family->line_max);
}

static void synced(struct modem *m, uint64_t now_ms)
{
	event_queue_notice(&m->events, 0, MODEM_NOTICE_IDENTITY, "%s, revision %s",
	    m->status.model[0] ? m->status.model : "unknown model",
	    m->status.revision[0] ? m->status.revision : "unknown");
	sim_card_restart(&m->sim, now_ms);
	life_set_state(m, now_ms, MODEM_SIM, "the modem answers");
}

static void identified(struct modem *m, uint64_t now_ms, const struct at_event *ev)
{
	if (ev->result != AT_OK || is_model_doubtful(m)) {
		life_pause(m, now_ms, RETRY_MS);
		return;
	}
	choose_family(m);
	if (m->is_uart)
		life_go_to(m, SYNC_FLOW);
	else
		synced(m, now_ms);
}

/* ---- a UART ---- */

static void flow_done(struct modem *m, uint64_t now_ms, const struct at_event *ev)
{
	const struct modem_config *cfg = life_config(m);

	if (cfg->rtscts && ev->result == AT_OK)
		set_line(m, m->baud, true);
	else if (cfg->rtscts && ev->result == AT_FAILED)
		event_queue_notice(
		    &m->events, 0, MODEM_NOTICE_LINE, "the modem refuses flow control");
	if (m->baud != cfg->baud)
		life_go_to(m, SYNC_SPEED);
	else
		synced(m, now_ms);
}

/* It has said OK at the old speed and changes now. What it cannot be set to it keeps. */
static void speed_done(struct modem *m, uint64_t now_ms, const struct at_event *ev)
{
	const struct modem_config *cfg = life_config(m);

	if (ev->result == AT_OK) {
		event_queue_notice(&m->events, 0, MODEM_NOTICE_LINE,
		    "the modem was at %u baud and has been set to %u", (unsigned)m->baud,
		    (unsigned)cfg->baud);
		set_line(m, cfg->baud, false);
		at_chan_open(m->chan, now_ms);
		life_set_state(m, now_ms, MODEM_SYNCING, "the speed is another one now");
	} else if (m->step == SYNC_SPEED) {
		life_go_to(m, SYNC_SPEED_ONCE);
	} else {
		synced(m, now_ms);
	}
}

void sync_done(struct modem *m, uint64_t now_ms, const struct at_event *ev)
{
	switch ((enum sync_step)m->step) {
	case SYNC_IDENTIFY:
		identified(m, now_ms, ev);
		break;
	case SYNC_FLOW:
		flow_done(m, now_ms, ev);
		break;
	case SYNC_SPEED:
	case SYNC_SPEED_ONCE:
		speed_done(m, now_ms, ev);
		break;
	}
}

/* ---- nothing is answered ---- */

static void hang_up(struct modem *m)
{
	const struct modem_event event = {
		.type = MODEM_EVENT_TTY_LINE, .baud = m->baud, .is_hung_up = true
	};

	m->is_hung_up = true;
	event_queue_push(&m->events, &event, NULL);
}

void sync_answered(struct modem *m)
{
	m->rescue_at_ms = TIMER_NEVER;
	m->last_baud = m->baud;
	line_rescue_init(&m->rescue, m->last_baud);
	if (m->is_hung_up)
		set_line(m, m->baud, false);
}

void sync_expect_answer(struct modem *m, uint64_t now_ms)
{
	line_rescue_init(&m->rescue, m->last_baud);
	m->rescue_at_ms = TIMER_NEVER;
	if (m->is_uart && m->last_baud != 0 && m->last_baud != m->baud)
		m->rescue_at_ms = now_ms + LINE_RESCUE_ASK_MS;
}

void sync_expect_speed(struct modem *m, uint64_t now_ms)
{
	line_rescue_speeds(&m->rescue);
	m->rescue_at_ms = now_ms + LINE_RESCUE_ASK_MS;
}

void sync_heard(struct modem *m, uint64_t now_ms)
{
	if (line_rescue_is_done(&m->rescue))
		sync_expect_speed(m, now_ms);
}

void sync_rescue(struct modem *m, uint64_t now_ms)
{
	uint32_t baud = 0, wait_ms;

	m->rescue_at_ms = TIMER_NEVER;
	switch (line_rescue_next(&m->rescue, m->is_uart, life_config(m)->baud, &baud, &wait_ms)) {
	case LINE_RESCUE_HANG_UP:
		m->baud = life_config(m)->baud;
		hang_up(m);
		break;
	case LINE_RESCUE_ESCAPE:
		set_line(m, m->baud, false);
		at_chan_escape(m->chan, now_ms);
		break;
	case LINE_RESCUE_SPEED:
		set_line(m, baud, false);
		at_chan_open(m->chan, now_ms);
		break;
	case LINE_RESCUE_REST:
		return;
	}
	life_go_to(m, SYNC_IDENTIFY);
	m->rescue_at_ms = now_ms + wait_ms;
}
