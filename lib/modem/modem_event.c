/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/modem_life.h"

#include "at/at_line.h"
#include "modem/modem_attach.h"
#include "modem/modem_watch.h"
#include "modem/sim7600.h"

#include <string.h>

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

	if (owner == MODEM_OWNER_OPERATOR) {
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
	if (owner == MODEM_OWNER_OPERATOR)
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
