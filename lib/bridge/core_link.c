/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the modem and the sessions report: states for log, history and the local $SYS topics;
 * messages and outcomes for those who wait for them.
 */
#include "bridge/core_priv.h"

#include "bridge/ctl_json_value.h"
#include "modem/connect_print.h"
#include "mqtt/mqtt_msg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BROKER_STATE_TOPIC "$SYS/broker/connection/%s/state"
#define MODEM_STATE_TOPIC  "$SYS/cmqttd/modem"

static void publish_sys(struct core *c, const char *topic, const char *payload)
{
	struct mqtt_msg *m = mqtt_msg_new(
	    topic, (uint16_t)strlen(topic), payload, (uint32_t)strlen(payload), 1, true);

	if (!m)
		return;
	mqtt_server_publish(c->server, c->now_ms, m);
	mqtt_msg_unref(m);
}

/* As mosquitto's bridges do. */
static void publish_broker_state(struct core *c, unsigned client, bool is_online)
{
	char topic[96];

	snprintf(topic, sizeof(topic), BROKER_STATE_TOPIC, c->cfg->brokers[client].link.name);
	publish_sys(c, topic, is_online ? "1" : "0");
}

void core_forget_states(struct core *c, const struct core_config *next)
{
	char topic[96];

	for (size_t i = 0; i < c->cfg->broker_count; i++) {
		const char *name = c->cfg->brokers[i].link.name;

		if (core_config_find_broker(next, name) >= 0)
			continue;
		snprintf(topic, sizeof(topic), BROKER_STATE_TOPIC, name);
		publish_sys(c, topic, "");
	}
}

/* The same members as in GetStatus of the control interface. */
static void publish_modem_state(struct core *c)
{
	const struct modem_status *s = modem_get_status(c->modem);
	/* clang-format off */
	json_t *object = json_pack("{s:s, s:o, s:o, s:o, s:o, s:b}",
	    "state", modem_state_name(s->state),
	    "model", ctl_json_text_or_null(s->model),
	    "operator", ctl_json_text_or_null(s->operator_name),
	    "technology", ctl_json_text_or_null(s->technology),
	    "rssi_dbm", s->rssi_dbm ? json_integer(s->rssi_dbm) : json_null(),
	    "registered", s->is_registered);
	/* clang-format on */
	char *text = ctl_json_dump(object);

	if (!text)
		return;
	publish_sys(c, MODEM_STATE_TOPIC, text);
	free(text);
	c->told_modem = *s;
}

static bool is_told(const struct modem_status *told, const struct modem_status *s)
{
	return told->rssi_dbm == s->rssi_dbm && told->is_registered == s->is_registered &&
	       strcmp(told->model, s->model) == 0 &&
	       strcmp(told->operator_name, s->operator_name) == 0 &&
	       strcmp(told->technology, s->technology) == 0;
}

void core_update_modem_state(struct core *c)
{
	if (!is_told(&c->told_modem, modem_get_status(c->modem)))
		publish_modem_state(c);
}

void core_publish_states(struct core *c)
{
	for (unsigned i = 0; i < c->cfg->broker_count; i++)
		publish_broker_state(c, i, modem_get_session(c->modem, i)->state == SESSION_ONLINE);
	publish_modem_state(c);
}

static void remember(struct core *c, int broker, const char *from, const char *to, struct span why)
{
	struct history_entry *h = &c->history[c->history_count % HISTORY_MAX];
	size_t len = why.len < sizeof(h->why) - 1 ? why.len : sizeof(h->why) - 1;

	*h = (struct history_entry){
		.broker = broker, .from = from, .to = to, .wall_ms = core_wall(c)
	};
	if (len > 0)
		memcpy(h->why, why.data, len);
	c->history_count++;
}

static void on_modem_state(struct core *c, const struct modem_event *ev)
{
	const char *from = modem_state_name((enum modem_state)ev->from);
	const char *to = modem_state_name((enum modem_state)ev->to);

	core_end_troubles(c, (enum modem_state)ev->to);
	remember(c, -1, from, to, ev->text);
	core_log(c, LOG_LEVEL_INFO, LOG_MODEM_STATE, -1, 0, from, to, ev->text);
	ctl_on_state(c->ctl, c->now_ms, -1, from, to, 0, ev->text);
	publish_modem_state(c);
	c->is_status_stale = true;
}

/* The error and when it will be tried again; borrows from ev or text. */
static struct span explain(
    const struct core *c, const struct modem_event *ev, char *text, size_t size)
{
	const struct session_status *s = modem_get_session(c->modem, ev->client);
	const struct session_error *e = &s->last_error;
	uint64_t wait_ms = s->retry_at_ms > c->now_ms ? s->retry_at_ms - c->now_ms : 0;
	char number[16] = "", command[40] = "";

	if (ev->to != SESSION_BACKOFF || s->state != SESSION_BACKOFF)
		return ev->text;
	if (e->code > 0)
		snprintf(number, sizeof(number), "%u ", e->code);
	if (e->command[0] != '\0')
		snprintf(command, sizeof(command), " (%s)", e->command);
	snprintf(text, size, "%s%s%s, next try in %u s", number, e->text, command,
	    (unsigned)((wait_ms + 999) / 1000));
	return span_of(text, strlen(text));
}

static void log_session_state(
    struct core *c, const struct modem_event *ev, const char *from, const char *to)
{
	bool was_online = ev->from == SESSION_ONLINE, is_online = ev->to == SESSION_ONLINE;
	enum log_code code = LOG_BROKER_STATE;
	enum log_level level = LOG_LEVEL_INFO;
	char text[LOG_DETAIL_MAX];

	if (is_online) {
		code = LOG_BROKER_ONLINE;
	} else if (was_online) {
		code = LOG_BROKER_OFFLINE;
		level = ev->to == SESSION_STOPPING ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING;
	} else if (ev->to == SESSION_BACKOFF) {
		code = LOG_BROKER_ERROR;
		level = LOG_LEVEL_WARNING;
	}
	core_log(
	    c, level, code, (int)ev->client, ev->err, from, to, explain(c, ev, text, sizeof(text)));
}

static enum offline_reason offline_reason(const struct modem_event *ev)
{
	switch ((enum session_state)ev->to) {
	case SESSION_WAITING:
		return OFFLINE_MODEM;
	case SESSION_DISABLED:
	case SESSION_STOPPING:
		return OFFLINE_CLOSED;
	case SESSION_CONNECTING:
	case SESSION_ONLINE:
	case SESSION_BACKOFF:
		break;
	}
	return OFFLINE_LOST;
}

static void on_session_state(struct core *c, const struct modem_event *ev)
{
	const char *from = session_state_name((enum session_state)ev->from);
	const char *to = session_state_name((enum session_state)ev->to);
	bool was_online = ev->from == SESSION_ONLINE, is_online = ev->to == SESSION_ONLINE;

	/* A client without a broker: what an earlier daemon left on it is closed. */
	if (ev->client >= c->cfg->broker_count)
		return;
	remember(c, (int)ev->client, from, to, ev->text);
	log_session_state(c, ev, from, to);
	ctl_on_state(c->ctl, c->now_ms, (int)ev->client, from, to, ev->err, ev->text);
	if (was_online && !is_online)
		c->counters[ev->client].offline[offline_reason(ev)]++;
	if (was_online != is_online)
		publish_broker_state(c, ev->client, is_online);
	c->is_status_stale = true;
}

static void on_notice(struct core *c, const struct modem_event *ev)
{
	static const struct {
		enum log_code code;
		enum log_level level;
		bool is_of_broker;
	} notices[] = {
		[MODEM_NOTICE_IDENTITY] = { LOG_MODEM_IDENTITY, LOG_LEVEL_INFO, false },
		[MODEM_NOTICE_BOOTED] = { LOG_MODEM_BOOTED, LOG_LEVEL_WARNING, false },
		[MODEM_NOTICE_GARBAGE] = { LOG_MODEM_GARBAGE, LOG_LEVEL_WARNING, false },
		[MODEM_NOTICE_STUCK] = { LOG_MODEM_STUCK, LOG_LEVEL_WARNING, false },
		[MODEM_NOTICE_LINE] = { LOG_MODEM_STUCK, LOG_LEVEL_WARNING, false },
		[MODEM_NOTICE_PIN_REFUSED] = { LOG_MODEM_PIN_REFUSED, LOG_LEVEL_ERROR, false },
		[MODEM_NOTICE_NO_SIM] = { LOG_MODEM_NO_SIM, LOG_LEVEL_ERROR, false },
		[MODEM_NOTICE_DENIED] = { LOG_MODEM_DENIED, LOG_LEVEL_ERROR, false },
		[MODEM_NOTICE_ROAMING] = { LOG_MODEM_DENIED, LOG_LEVEL_WARNING, false },
		[MODEM_NOTICE_CERT_ROTATED] = { LOG_BROKER_CERT_UPLOADED, LOG_LEVEL_WARNING, true },
		[MODEM_NOTICE_CERT_UPLOADED] = { LOG_BROKER_CERT_UPLOADED, LOG_LEVEL_INFO, true },
		[MODEM_NOTICE_CLOCK_SET] = { LOG_MODEM_CLOCK_SET, LOG_LEVEL_INFO, false },
		[MODEM_NOTICE_CLOCK_WRONG] = { LOG_MODEM_CLOCK_WRONG, LOG_LEVEL_WARNING, false },
		[MODEM_NOTICE_SUBSCRIBE_FAILED] = { LOG_BROKER_SUBSCRIBE_FAILED, LOG_LEVEL_ERROR,
		    true },
		[MODEM_NOTICE_BIRTH_FAILED] = { LOG_BROKER_BIRTH_FAILED, LOG_LEVEL_ERROR, true },
		[MODEM_NOTICE_NOT_VERIFIED] = { LOG_BROKER_NOT_VERIFIED, LOG_LEVEL_WARNING, true },
	};
	int client = notices[ev->notice].is_of_broker ? (int)ev->client : -1;

	core_note_trouble(c, ev->notice, ev->text);
	core_log(c, notices[ev->notice].level, notices[ev->notice].code, client, ev->err, NULL,
	    NULL, ev->text);
}

static void on_inbound_lost(struct core *c, const struct modem_event *ev)
{
	c->counters[ev->client].inbound_lost[ev->loss]++;
	core_log(c, LOG_LEVEL_WARNING, LOG_INBOUND_LOST, (int)ev->client, 0, NULL,
	    inbound_loss_name(ev->loss), ev->text);
}

static void on_trace(struct core *c, const struct modem_event *ev)
{
	ctl_on_trace(c->ctl, c->now_ms, ev->is_outgoing, ev->text);
	if (c->cfg->log_at_traffic)
		core_log(c, LOG_LEVEL_DEBUG, LOG_AT_TRAFFIC, -1, 0, NULL,
		    ev->is_outgoing ? ">" : "<", ev->text);
}

#define HELD_KEY "print"

/* Without it the session is opened anew after a crash, which is no loss. */
static void keep_held(struct core *c, const struct modem_event *ev)
{
	if (ev->client >= c->cfg->broker_count)
		return;
	(void)c->store->ops->put_note(c->store, c->outbox[ev->client].durable_queue,
	    STORE_NOTE_HELD, span_of(HELD_KEY, strlen(HELD_KEY)), ev->text);
	c->is_store_dirty = true;
}

void core_restore_held(struct core *c, unsigned client)
{
	char print[CONNECT_PRINT_MAX];
	struct span key, value;

	if (!c->store->ops->next_note(c->store, c->outbox[client].durable_queue, STORE_NOTE_HELD,
		(struct span){ 0 }, &key, &value) ||
	    value.len >= sizeof(print))
		return;
	memcpy(print, value.data, value.len);
	print[value.len] = '\0';
	modem_set_held(c->modem, client, print);
}

static void on_power_hook(struct core *c)
{
	core_log_text(c, LOG_LEVEL_WARNING, LOG_MODEM_POWER_CYCLE, -1, c->cfg->power_cycle);
	core_action(c, ACTION_POWER_HOOK, 0);
}

static void on_at_done(struct core *c, const struct modem_event *ev)
{
	ctl_on_at_done(c->ctl, c->now_ms, c->at_conn, ev->at_result, ev->text);
	c->at_conn = 0;
}

void core_on_modem_event(struct core *c, const struct modem_event *ev)
{
	switch (ev->type) {
	case MODEM_EVENT_TTY_WRITE:
		if (!c->is_tty_write_queued)
			core_action(c, ACTION_TTY_WRITE, 0);
		c->is_tty_write_queued = true;
		break;
	case MODEM_EVENT_TTY_REOPEN:
		core_action(c, ACTION_TTY_REOPEN, 0);
		break;
	case MODEM_EVENT_TTY_LINE:
		c->tty_baud = ev->baud;
		c->tty_rtscts = ev->rtscts;
		c->tty_is_hung_up = ev->is_hung_up;
		core_action(c, ACTION_TTY_LINE, 0);
		break;
	case MODEM_EVENT_PIN_NOTE:
		snprintf(c->pin_note, sizeof(c->pin_note), "%.*s", (int)ev->text.len,
		    ev->text.len > 0 ? (const char *)ev->text.data : "");
		core_action(c, ACTION_PIN_NOTE, 0);
		break;
	case MODEM_EVENT_HELD:
		keep_held(c, ev);
		break;
	case MODEM_EVENT_POWER_HOOK:
		on_power_hook(c);
		break;
	case MODEM_EVENT_USB_REBIND:
		core_log_text(c, LOG_LEVEL_WARNING, LOG_MODEM_USB_REBIND, -1, "");
		core_action(c, ACTION_USB_REBIND, 0);
		break;
	case MODEM_EVENT_STATE:
		on_modem_state(c, ev);
		break;
	case MODEM_EVENT_SESSION:
		on_session_state(c, ev);
		break;
	case MODEM_EVENT_INBOUND:
		core_accept_inbound(c, ev->client, ev->topic, ev->payload);
		break;
	case MODEM_EVENT_INBOUND_LOST:
		on_inbound_lost(c, ev);
		break;
	case MODEM_EVENT_PUBLISHED:
		/* After a reload it may speak of a message that was taken back already. */
		if (c->outbox[ev->client].is_busy)
			core_published(c, ev->client, ev->result, ev->err);
		break;
	case MODEM_EVENT_AT_LINE:
		ctl_on_at_line(c->ctl, c->now_ms, c->at_conn, ev->text);
		break;
	case MODEM_EVENT_AT_DONE:
		on_at_done(c, ev);
		break;
	case MODEM_EVENT_TRACE:
		on_trace(c, ev);
		break;
	case MODEM_EVENT_NOTICE:
		on_notice(c, ev);
		break;
	case MODEM_EVENT_STOPPED:
		c->is_stopped = true;
		break;
	}
}
