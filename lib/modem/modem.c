/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/modem.h"

#include "at/at_line.h"
#include "modem/link_copy.h"
#include "modem/modem_attach.h"
#include "modem/modem_life.h"
#include "modem/modem_watch.h"
#include "modem/sim7600.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define OWNER_OPERATOR (MODEM_CLIENTS + 1) /* sessions have their index, the modem the next one */

/* ---- names ---- */

const char *modem_state_name(enum modem_state s)
{
	switch (s) {
	case MODEM_ABSENT:
		return "absent";
	case MODEM_OPENING:
		return "opening";
	case MODEM_SYNCING:
		return "syncing";
	case MODEM_SIM:
		return "sim";
	case MODEM_REGISTERING:
		return "registering";
	case MODEM_ATTACHED:
		return "attached";
	case MODEM_READY:
		return "ready";
	case MODEM_RECOVERING:
		return "recovering";
	}
	return "?";
}

const char *session_state_name(enum session_state s)
{
	switch (s) {
	case SESSION_DISABLED:
		return "disabled";
	case SESSION_WAITING:
		return "waiting";
	case SESSION_CONNECTING:
		return "connecting";
	case SESSION_ONLINE:
		return "online";
	case SESSION_BACKOFF:
		return "backoff";
	case SESSION_STOPPING:
		return "stopping";
	}
	return "?";
}

const char *inbound_loss_name(enum inbound_loss l)
{
	switch (l) {
	case INBOUND_LOSS_NONE:
		return "none";
	case INBOUND_LOSS_SUM:
		return "sum";
	case INBOUND_LOSS_GARBAGE:
		return "garbage";
	case INBOUND_LOSS_ORDER:
		return "order";
	case INBOUND_LOSS_RESET:
		return "reset";
	case INBOUND_LOSS_TOO_LONG:
		return "too_long";
	case INBOUND_LOSS_NOMEM:
		return "no_memory";
	case INBOUND_LOSS_COUNT:
		break;
	}
	return "?";
}

/* ---- life and death ---- */

struct modem *modem_new(uint64_t seed)
{
	struct modem *m = calloc(1, sizeof *m);
	size_t i;

	if (!m)
		return NULL;
	m->chan = at_chan_new(sim7600_framing, AT_CMD_MAX);
	if (!m->chan) {
		free(m);
		return NULL;
	}
	prng_init(&m->prng, seed);
	event_queue_init(&m->events);
	buf_init(&m->masked, 2 * AT_LINE_MAX + AT_CMD_MAX);
	exchange_init(&m->operator, OWNER_OPERATOR);
	m->env = (struct session_env){
		.chan = m->chan, .events = &m->events, .prng = &m->prng, .family = family_of("")
	};
	life_init(m);
	for (i = 0; i < MODEM_CLIENTS; i++) {
		session_init(&m->session[i], (unsigned)i, &m->env);
		mqtt_rx_init(&m->rx[i]);
	}
	return m;
}

void modem_free(struct modem *m)
{
	size_t i;

	if (!m)
		return;
	at_chan_free(m->chan);
	for (i = 0; i < MODEM_CLIENTS; i++) {
		session_fini(&m->session[i]);
		mqtt_rx_fini(&m->rx[i]);
	}
	buf_fini(&m->masked);
	free(m->cfg);
	free(m->next);
	free(m);
}

/* ---- configuration ---- */

void modem_configure(struct modem *m, uint64_t now_ms, const struct modem_config *cfg)
{
	struct modem_config *copy = modem_config_copy(cfg);

	life_configured(m, now_ms);
	if (!copy)
		return; /* the one before stays */
	free(m->next);
	m->next = copy;
}

static void set_broker(
    struct modem *m, unsigned client, const struct broker_config *cfg, bool is_in_place)
{
	if (session_configure(&m->session[client], cfg, is_in_place) == 0)
		return;
	snprintf(m->session[client].status.last_error.text,
	    sizeof m->session[client].status.last_error.text,
	    "no memory for the configuration; the one before stays");
}

void modem_set_broker(
    struct modem *m, uint64_t now_ms, unsigned client, const struct broker_config *cfg)
{
	(void)now_ms;
	set_broker(m, client, cfg, false);
}

void modem_set_held(struct modem *m, unsigned client, const char *print)
{
	session_set_held(&m->session[client], print);
}

void modem_set_filters(
    struct modem *m, uint64_t now_ms, unsigned client, const struct broker_config *cfg)
{
	(void)now_ms;
	set_broker(m, client, cfg, true);
}

void modem_set_uart(struct modem *m, bool is_uart)
{
	m->is_uart = is_uart;
}

void modem_set_pin_note(struct modem *m, const char *note)
{
	sim_card_recall(&m->sim, note);
}

void modem_set_wall(struct modem *m, uint64_t now_ms, int64_t wall_ms, bool is_plausible)
{
	m->host = (struct host_clock){
		.wall_ms = wall_ms, .at_ms = now_ms, .is_plausible = is_plausible
	};
}

/* ---- the port ---- */

void modem_set_rebind(struct modem *m, bool is_possible)
{
	m->can_rebind = is_possible;
}

void modem_tty_up(struct modem *m, uint64_t now_ms)
{
	if (m->stop < MODEM_STOP_DRAIN)
		life_tty_up(m, now_ms);
}

void modem_tty_down(struct modem *m, uint64_t now_ms, int error)
{
	if (m->stop < MODEM_STOP_DRAIN)
		life_tty_down(m, now_ms, error);
}

void modem_rx(struct modem *m, uint64_t now_ms, const uint8_t *data, size_t len)
{
	if (m->stop >= MODEM_STOP_DRAIN)
		return;
	at_chan_rx(m->chan, now_ms, data, len);
	life_heard(m, now_ms);
}

struct buf *modem_tx(struct modem *m)
{
	return at_chan_tx(m->chan);
}

/* ---- inbound messages ---- */

static void tell_loss(struct modem *m, unsigned client, enum inbound_loss loss)
{
	const struct modem_event event = {
		.type = MODEM_EVENT_INBOUND_LOST, .client = client, .loss = loss
	};

	if (loss != INBOUND_LOSS_NONE)
		event_queue_push(&m->events, &event, NULL);
}

void modem_drop_inbound(struct modem *m, enum inbound_loss why)
{
	unsigned i;

	for (i = 0; i < MODEM_CLIENTS; i++)
		tell_loss(m, i, mqtt_rx_drop(&m->rx[i], why));
	at_chan_unhold(m->chan);
}

static bool is_inbound_open(const struct modem *m)
{
	size_t i;

	for (i = 0; i < MODEM_CLIENTS; i++)
		if (m->rx[i].state == MQTT_RX_OPEN)
			return true;
	return false;
}

/* A piece of an inbound message. true: it was the last one, and the message is in *ret. */
static bool handle_inbound(struct modem *m, uint64_t now_ms, enum urc_kind kind,
    const struct at_event *ev, unsigned client, struct modem_event *ret)
{
	struct mqtt_rx *rx = &m->rx[client];
	enum inbound_loss loss = INBOUND_LOSS_NONE;
	struct span topic, payload;
	bool is_complete = false;
	uint32_t topic_len, payload_len;

	if (kind == URC_RX_START) {
		if (!at_line_number(ev->line, 1, &topic_len) ||
		    !at_line_number(ev->line, 2, &payload_len))
			return false;
		at_chan_hold(m->chan, now_ms);
		loss = mqtt_rx_start(rx, topic_len, payload_len);
	} else if (kind == URC_RX_END) {
		loss = mqtt_rx_end(rx, &is_complete, &topic, &payload);
		if (!is_inbound_open(m))
			at_chan_unhold(m->chan);
	} else if (!ev->has_data) {
		loss = mqtt_rx_drop(rx, INBOUND_LOSS_SUM); /* no count that could be right */
	} else if (kind == URC_RX_TOPIC) {
		loss = mqtt_rx_topic(rx, ev->data);
	} else {
		loss = mqtt_rx_payload(rx, ev->data);
	}
	tell_loss(m, client, loss);
	if (!is_complete)
		return false;
	session_confirm(&m->session[client], now_ms);
	*ret = (struct modem_event){
		.type = MODEM_EVENT_INBOUND, .client = client, .topic = topic, .payload = payload
	};
	return true;
}

/* ---- unsolicited lines ---- */

/* A line of one client. */
static bool handle_client_line(struct modem *m, uint64_t now_ms, enum urc_kind kind,
    const struct at_event *ev, struct modem_event *ret)
{
	uint32_t client, value = 0;

	if (!at_line_number(ev->line, 0, &client) || client >= MODEM_CLIENTS)
		return false;
	(void)at_line_number(ev->line, 1, &value);
	if (kind == URC_CONNLOST) {
		at_chan_set_dirty(m->chan); /* a stray OK was seen behind it */
		session_lost(&m->session[client], now_ms, value);
	} else if (kind == URC_PING) {
		session_ping_failed(&m->session[client], now_ms, value);
	} else if (kind == URC_RESULT) {
		session_late_result(&m->session[client], now_ms,
		    span_begins_with(ev->line, "+CMQTTCONNECT:"), value);
	} else {
		return handle_inbound(m, now_ms, kind, ev, client, ret);
	}
	return false;
}

static bool handle_urc(
    struct modem *m, uint64_t now_ms, const struct at_event *ev, struct modem_event *ret)
{
	enum urc_kind kind = sim7600_urc_kind(ev->line);

	switch (kind) {
	case URC_NONE:
		break;
	case URC_BOOT:
		life_booted(m, now_ms);
		break;
	case URC_BOOT_LATE:
	case URC_SIM_READY:
		life_boot_suspected(m, now_ms);
		break;
	case URC_SIM_GONE:
		life_sim_gone(m, now_ms);
		break;
	case URC_REGISTRATION:
		net_status_line(&m->net, ev->line);
		life_registration(m, now_ms);
		break;
	case URC_NONET:
		attach_network_closed(m, now_ms);
		break;
	case URC_STARTED:
		attach_started(m, now_ms);
		break;
	case URC_CONNLOST:
	case URC_PING:
	case URC_RX_START:
	case URC_RX_TOPIC:
	case URC_RX_PAYLOAD:
	case URC_RX_END:
	case URC_RESULT:
		return handle_client_line(m, now_ms, kind, ev, ret);
	}
	return false;
}

/* ---- the operator's command and the trace ---- */

/* The line as it may be shown, as text of an event; borrowed from m->masked. */
static struct span mask(struct modem *m, struct span line, bool is_expected)
{
	buf_clear(&m->masked);
	if (sim7600_mask_line(line, is_expected, &m->masked) < 0)
		buf_clear(&m->masked);
	return (struct span){ .data = buf_data(&m->masked), .len = buf_len(&m->masked) };
}

static bool handle_operator_done(
    struct modem *m, const struct at_event *ev, struct modem_event *ret)
{
	const char *text = "OK";

	(void)exchange_end(&m->operator);
	if (ev->result == AT_FAILED)
		text = ev->detail[0] ? ev->detail : "ERROR";
	else if (ev->result != AT_OK)
		text = "no answer";
	*ret = (struct modem_event){ .type = MODEM_EVENT_AT_DONE,
		.at_result = ev->result,
		.text = mask(m, (struct span){ (const uint8_t *)text, strlen(text) }, true) };
	return true;
}

/* A command that collects every line is waiting for its answer. */
static bool is_any_line_expected(const struct exchange *x)
{
	const struct at_step *step;

	if (x->job.state != AT_JOB_RUNNING)
		return false;
	step = exchange_step(x, x->job.step);
	return step->collect && strcmp(step->collect, "**") == 0;
}

static bool handle_trace(struct modem *m, const struct at_event *ev, struct modem_event *ret)
{
	bool is_outgoing = ev->type == AT_EVENT_SENT;
	bool is_expected =
	    is_outgoing || is_any_line_expected(&m->exchange) || is_any_line_expected(&m->operator);

	*ret = (struct modem_event){ .type = MODEM_EVENT_TRACE,
		.is_outgoing = is_outgoing,
		.text = mask(m, ev->line, is_expected) };
	return true;
}

/* ---- events ---- */

static bool handle_info(
    struct modem *m, uint64_t now_ms, const struct at_event *ev, struct modem_event *ret)
{
	uint8_t owner = ev->job->owner;

	if (owner == OWNER_OPERATOR) {
		*ret = (struct modem_event){ .type = MODEM_EVENT_AT_LINE,
			.text = mask(m, ev->line, true) };
		return true;
	}
	if (owner < MODEM_CLIENTS)
		session_info(&m->session[owner], ev->line);
	else
		life_info(m, now_ms, ev);
	return false;
}

static bool handle_done(
    struct modem *m, uint64_t now_ms, const struct at_event *ev, struct modem_event *ret)
{
	uint8_t owner = ev->job->owner;

	if (ev->job->is_overdue)
		life_unanswered(m, ev->job);
	if (owner == OWNER_OPERATOR)
		return handle_operator_done(m, ev, ret);
	if (owner < MODEM_CLIENTS)
		session_done(&m->session[owner], now_ms, ev);
	else
		life_done(m, now_ms, ev);
	return false;
}

/* true: *ret is an event for our owner. Others may have been queued. */
static bool handle(
    struct modem *m, uint64_t now_ms, const struct at_event *ev, struct modem_event *ret)
{
	switch (ev->type) {
	case AT_EVENT_DONE:
		return handle_done(m, now_ms, ev, ret);
	case AT_EVENT_INFO:
		return handle_info(m, now_ms, ev, ret);
	case AT_EVENT_URC:
		return handle_urc(m, now_ms, ev, ret);
	case AT_EVENT_GARBAGE:
		/* Only how many: they may be a piece of somebody's payload. */
		event_queue_notice(
		    &m->events, 0, MODEM_NOTICE_GARBAGE, "%zu bytes without sense", ev->line.len);
		modem_drop_inbound(m, INBOUND_LOSS_GARBAGE);
		watch_garbage(m, now_ms);
		return false;
	case AT_EVENT_FENCED:
		life_fenced(m, now_ms);
		return false;
	case AT_EVENT_STUCK:
		life_stuck(m, now_ms);
		return false;
	case AT_EVENT_SENT:
	case AT_EVENT_LINE:
		return handle_trace(m, ev, ret);
	}
	return false;
}

/* Nothing is left to be told but this. */
static bool next_last(struct modem *m, struct modem_event *ret)
{
	if (m->stop == MODEM_STOP_DRAIN) {
		m->stop = MODEM_STOP_DONE;
		*ret = (struct modem_event){ .type = MODEM_EVENT_STOPPED };
		return true;
	}
	if (buf_len(at_chan_tx(m->chan)) > 0 && !m->is_write_told) {
		m->is_write_told = true;
		*ret = (struct modem_event){ .type = MODEM_EVENT_TTY_WRITE };
		return true;
	}
	m->is_write_told = false;
	return false;
}

bool modem_next_event(struct modem *m, uint64_t now_ms, struct modem_event *ret)
{
	struct at_event ev;

	for (;;) {
		if (event_queue_next(&m->events, ret))
			return true;
		if (life_step(m, now_ms))
			continue;
		if (m->stop == MODEM_STOP_DRAIN)
			at_chan_close(m->chan, now_ms); /* the jobs that are left end */
		if (!at_chan_next(m->chan, now_ms, &ev))
			return next_last(m, ret);
		if (handle(m, now_ms, &ev, ret))
			return true;
	}
}

uint64_t modem_deadline(const struct modem *m)
{
	return timer_min(at_chan_deadline(m->chan), life_deadline(m));
}

/* ---- what the owner asks for ---- */

bool modem_can_publish(const struct modem *m, unsigned client)
{
	return m->stop == MODEM_STOP_NO && session_can_publish(&m->session[client]);
}

int modem_publish(struct modem *m, uint64_t now_ms, unsigned client, const struct modem_publish *p)
{
	if (m->stop != MODEM_STOP_NO)
		return -EBUSY;
	return session_publish(&m->session[client], now_ms, p);
}

int modem_connect(struct modem *m, uint64_t now_ms, unsigned client)
{
	return session_connect(&m->session[client], now_ms);
}

int modem_disconnect(struct modem *m, uint64_t now_ms, unsigned client)
{
	(void)now_ms;
	return session_disconnect(&m->session[client]);
}

int modem_reconnect(struct modem *m, uint64_t now_ms, unsigned client)
{
	(void)now_ms;
	return session_reconnect(&m->session[client]);
}

/* The only one that is known to take minutes, and that anything sent meanwhile ends (4.2.2). */
static bool is_search(const char *command)
{
	return strncasecmp(command, "AT+COPS", strlen("AT+COPS")) == 0;
}

int modem_at(struct modem *m, uint64_t now_ms, const char *command)
{
	int r;

	if (m->operator.is_busy)
		return -EBUSY;
	if (!sim7600_is_operator_command(command))
		return -EINVAL;
	snprintf(m->command, sizeof m->command, "%s", command);
	at_args_raw(exchange_args(&m->operator), "raw_command", m->command);
	m->operator.job.is_patient = is_search(m->command);
	r = exchange_start(&m->operator, m->chan, now_ms, sim7600_operator_script);
	return r == -ENOSPC ? -EBUSY : r;
}

void modem_stop(struct modem *m, uint64_t now_ms)
{
	size_t i;

	if (m->stop != MODEM_STOP_NO)
		return;
	m->stop = MODEM_STOP_SESSIONS;
	m->stop_at_ms = now_ms + MODEM_STOP_MAX_MS;
	for (i = 0; i < MODEM_CLIENTS; i++)
		session_shut_down(&m->session[i]);
}

void modem_set_trace(struct modem *m, bool on)
{
	at_chan_set_trace(m->chan, on);
}

size_t modem_payload_max(const struct modem *m)
{
	return m->env.family->payload_max;
}

const struct modem_status *modem_get_status(const struct modem *m)
{
	return &m->status;
}

const struct session_status *modem_get_session(const struct modem *m, unsigned client)
{
	return &m->session[client].status;
}

const struct at_chan_counters *modem_get_chan_counters(const struct modem *m)
{
	return at_chan_counters(m->chan);
}

uint64_t modem_recoveries(const struct modem *m)
{
	uint64_t total = 0;
	size_t i;

	for (i = 0; i < RECOVERY_STEPS; i++)
		total += m->recovery.counts[i];
	return total;
}

uint64_t modem_recovery_count(const struct modem *m, enum recovery_step step)
{
	return step < RECOVERY_STEPS ? m->recovery.counts[step] : 0;
}
