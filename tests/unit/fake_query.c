/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_query.h"

#include "base/timerq.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void note(struct core *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void note(struct core *c, const char *fmt, ...)
{
	size_t len = strlen(c->asked);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->asked + len, sizeof(c->asked) - len, fmt, ap);
	va_end(ap);
}

void fake_core_init(struct core *c)
{
	*c = (struct core){ 0 };
	c->cfg.brokers[0].link.name = "cloud";
	c->cfg.brokers[1].link.name = "plant";
	c->cfg.broker_count = 2;
	c->cfg.listeners[0].address = "unix:/run/cmqttd/mqtt.sock";
	c->cfg.listener_count = 1;
	c->cfg.store.max_bytes = 1000000;
	c->cfg.modem.device = "/dev/ttyUSB2";
	for (size_t i = 0; i < MODEM_CLIENTS; i++)
		c->modem.sessions[i].retry_at_ms = TIMER_NEVER;
}

const char *fake_core_asked(struct core *c)
{
	static char copy[sizeof(c->asked)];

	memcpy(copy, c->asked, sizeof(copy));
	c->asked[0] = '\0';
	return copy;
}

const char *core_version(const struct core *c)
{
	(void)c;
	return "1.2.3";
}

const struct core_config *core_get_config(const struct core *c)
{
	return &c->cfg;
}

const struct modem *core_get_modem(const struct core *c)
{
	return &c->modem;
}

const struct mqtt_server *core_get_server(const struct core *c)
{
	return &c->server;
}

uint64_t core_uptime_ms(const struct core *c, uint64_t now_ms)
{
	(void)c;
	return now_ms;
}

uint64_t core_logs_dropped(const struct core *c)
{
	(void)c;
	return 3;
}

int64_t core_wall_at(const struct core *c, uint64_t when_ms)
{
	(void)c;
	return FAKE_WALL_MS + (int64_t)when_ms;
}

const struct broker_counters *core_get_counters(const struct core *c, unsigned client)
{
	return &c->counters[client];
}

void core_queue_usage(const struct core *c, unsigned client, struct store_usage *ret)
{
	*ret = c->queues[client];
}

void core_store_usage(const struct core *c, struct store_usage *ret)
{
	*ret = c->total;
}

int core_free_bytes(const struct core *c, uint64_t *ret)
{
	*ret = c->free_bytes;
	return c->free_bytes > 0 ? 0 : -ENOTSUP;
}

uint64_t core_next_message(const struct core *c, unsigned client, uint64_t after)
{
	for (size_t i = 0; i < c->message_count; i++) {
		if (c->messages[i].entry.queue == client && c->messages[i].entry.seq > after)
			return c->messages[i].entry.seq;
	}
	return 0;
}

bool core_get_message(
    const struct core *c, unsigned client, uint64_t id, struct queued_message *ret)
{
	for (size_t i = 0; i < c->message_count; i++) {
		if (c->messages[i].entry.queue == client && c->messages[i].entry.seq == id) {
			*ret = c->messages[i];
			return true;
		}
	}
	return false;
}

int core_drop_message(struct core *c, uint64_t now_ms, uint32_t conn, unsigned client, uint64_t id)
{
	(void)now_ms;
	note(c, "drop %u %u %u\n", conn, client, (unsigned)id);
	return c->result;
}

int core_retry_message(struct core *c, uint64_t now_ms, uint32_t conn, unsigned client, uint64_t id)
{
	(void)now_ms;
	note(c, "retry %u %u %u\n", conn, client, (unsigned)id);
	return c->result;
}

const char *core_trouble(const struct core *c, enum core_trouble trouble)
{
	return c->troubles[trouble];
}

int core_port_error(const struct core *c)
{
	return c->port_error;
}

bool core_has_store_failed(const struct core *c)
{
	(void)c;
	return false;
}

int core_find_broker(const struct core *c, const char *name)
{
	for (size_t i = 0; i < c->cfg.broker_count; i++) {
		if (strcmp(c->cfg.brokers[i].link.name, name) == 0)
			return (int)i;
	}
	return -1;
}

int core_broker_connect(struct core *c, uint64_t now_ms, unsigned client)
{
	(void)now_ms;
	note(c, "connect %u\n", client);
	return c->result;
}

int core_broker_disconnect(struct core *c, uint64_t now_ms, unsigned client)
{
	(void)now_ms;
	note(c, "disconnect %u\n", client);
	return c->result;
}

int core_broker_reconnect(struct core *c, uint64_t now_ms, unsigned client)
{
	(void)now_ms;
	note(c, "reconnect %u\n", client);
	return c->result;
}

int core_at(struct core *c, uint64_t now_ms, uint32_t id, const char *command)
{
	note(c, "at %u %s\n", id, command);
	if (c->tell)
		ctl_on_at_done(
		    c->tell, now_ms, id, AT_OK, (struct span){ (const uint8_t *)"OK", 2 });
	return c->result;
}

int core_publish(struct core *c, uint64_t now_ms, uint32_t id, int client, struct span topic,
    struct span payload, uint8_t qos, bool retain, bool wait)
{
	note(c, "publish %u %d %.*s [%.*s] %zu %d%s%s\n", id, client, (int)topic.len, topic.data,
	    payload.len < 64 ? (int)payload.len : 0, payload.data ? payload.data : topic.data,
	    payload.len, qos, retain ? " retain" : "", wait ? " wait" : "");
	if (c->tell && wait)
		ctl_on_delivered(c->tell, now_ms, id, 0, NULL);
	return c->result;
}

void core_request_reload(struct core *c, uint32_t id, bool is_trial)
{
	static const struct reload_plan nothing;

	note(c, "reload %u%s\n", id, is_trial ? " trial" : "");
	if (c->tell)
		ctl_on_reload_done(c->tell, 0, id, "", &nothing);
}

void core_request_log_level(struct core *c, enum log_level level)
{
	note(c, "log-level %d\n", level);
}

void core_want_trace(struct core *c, bool wanted)
{
	note(c, "trace %d\n", wanted);
}

void core_log_control(struct core *c, const struct ctl_peer *peer, const char *what)
{
	note(c, "log %u %s\n", peer->uid, what);
}

bool core_history(const struct core *c, size_t i, struct history_entry *ret)
{
	if (i >= c->history_count)
		return false;
	*ret = c->history[i];
	return true;
}

size_t modem_payload_max(const struct modem *m)
{
	(void)m;
	return MODEM_PAYLOAD_MAX;
}

const struct modem_status *modem_get_status(const struct modem *m)
{
	return &m->status;
}

const struct session_status *modem_get_session(const struct modem *m, unsigned client)
{
	return &m->sessions[client];
}

const struct at_chan_counters *modem_get_chan_counters(const struct modem *m)
{
	return &m->chan;
}

uint64_t modem_recovery_count(const struct modem *m, enum recovery_step step)
{
	return m->recoveries[step];
}

const char *modem_state_name(enum modem_state s)
{
	static const char *const names[] = { "absent", "opening", "syncing", "sim", "registering",
		"attached", "ready", "recovering" };

	return names[s];
}

const char *inbound_loss_name(enum inbound_loss l)
{
	return l == INBOUND_LOSS_SUM ? "sum" : "other";
}

const char *session_state_name(enum session_state s)
{
	static const char *const names[] = { "disabled", "waiting", "connecting", "online",
		"backoff", "stopping" };

	return names[s];
}

const char *mqtt_err_text(unsigned err)
{
	return err == 14 ? "client is used" : "another error";
}

const struct mqtt_counters *mqtt_server_counters(const struct mqtt_server *s)
{
	return &s->counters;
}

size_t mqtt_server_kept_bytes(const struct mqtt_server *s)
{
	(void)s;
	return 0;
}

size_t mqtt_server_clients(const struct mqtt_server *s, size_t listener)
{
	return s->clients[listener];
}
