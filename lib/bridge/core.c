/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/core_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A turn that does not come to rest is a mistake of ours; the rest of it is done in the next one.
 */
#define SETTLE_ROUNDS_MAX 1000

void core_list_listeners(
    const struct core_config *cfg, struct mqtt_listener ret[MQTT_LISTENERS_MAX])
{
	for (size_t i = 0; i < cfg->listener_count; i++)
		ret[i] = cfg->listeners[i].mqtt;
}

static int open_outboxes(struct core *c)
{
	for (size_t i = 0; i < MODEM_CLIENTS; i++) {
		const char *name = i < c->cfg->broker_count ? c->cfg->brokers[i].link.name : "";
		int r = outbox_init(&c->outbox[i], c->store, name);

		if (r < 0)
			return r;
		echo_init(&c->echo[i]);
		gap_init(&c->gap[i]);
	}
	return 0;
}

struct core *core_new(const struct core_config *cfg, struct store *store, uint64_t seed,
    uint64_t now_ms, const char *version)
{
	struct mqtt_listener listeners[MQTT_LISTENERS_MAX];
	struct core *c = calloc(1, sizeof(*c));
	struct mqtt_clocks clocks;

	if (!c)
		return NULL;
	c->cfg = cfg;
	c->store = store;
	c->version = version;
	c->start_ms = now_ms;
	c->now_ms = now_ms;
	c->retry_at_ms = TIMER_NEVER;
	c->commit_at_ms = TIMER_NEVER;
	c->sweep_at_ms = TIMER_NEVER;
	c->is_status_stale = true;
	c->last_seq = store->ops->last_seq(store);
	if (open_outboxes(c) < 0 || core_start_clock(c) < 0)
		goto out;
	c->modem = modem_new(seed);
	core_list_listeners(cfg, listeners);
	c->server = mqtt_server_new(listeners, cfg->listener_count, store);
	c->ctl = ctl_new(c);
	c->http = http_new();
	if (!c->modem || !c->server || !c->ctl || !c->http)
		goto out;
	clocks = core_clocks(c);
	if (mqtt_server_restore(c->server, &clocks) < 0)
		goto out;
	modem_configure(c->modem, now_ms, &cfg->modem);
	for (unsigned i = 0; i < cfg->broker_count; i++) {
		modem_set_broker(c->modem, now_ms, i, &cfg->brokers[i].link);
		core_restore_held(c, i);
	}
	modem_set_trace(c->modem, cfg->log_at_traffic);
	core_publish_states(c);
	core_tell_orphans(c);
	return c;
out:
	core_free(c);
	return NULL;
}

void core_free(struct core *c)
{
	if (!c)
		return;
	ctl_free(c->ctl);
	http_free(c->http);
	mqtt_server_free(c->server);
	modem_free(c->modem);
	for (size_t i = 0; i < MODEM_CLIENTS; i++)
		outbox_fini(&c->outbox[i]);
	free(c);
}

/* Events borrow from the modem: they are handled as they come. */
static bool drain_modem(struct core *c)
{
	struct modem_event ev;
	bool any = false;

	while (core_action_room(c) > CORE_LOGS_MAX && modem_next_event(c->modem, c->now_ms, &ev)) {
		core_on_modem_event(c, &ev);
		/* It is told again in every drain until the bytes are written. */
		if (ev.type == MODEM_EVENT_TTY_WRITE)
			continue;
		c->progress++;
		any = true;
	}
	return any;
}

static void on_client_closed(struct core *c, const struct mqtt_event *ev)
{
	static const char *const reasons[MQTT_CLOSE_COUNT] = {
		[MQTT_CLOSE_NORMAL] = "disconnected",
		[MQTT_CLOSE_EOF] = "closed its socket without DISCONNECT",
		[MQTT_CLOSE_PROTOCOL] = "violated the protocol",
		[MQTT_CLOSE_TOO_LARGE] = "sent a packet that is too large",
		[MQTT_CLOSE_KEEPALIVE] = "was silent for 1.5 times its keep-alive",
		[MQTT_CLOSE_TAKEN_OVER] = "was taken over by a connection with its client id",
		[MQTT_CLOSE_REFUSED] = "was refused",
		[MQTT_CLOSE_NO_CONNECT] = "sent no CONNECT in time",
		[MQTT_CLOSE_SLOW] = "did not read what it had subscribed to",
		[MQTT_CLOSE_NOMEM] = "was closed for want of memory",
		[MQTT_CLOSE_STORE] = "was closed: what it asked for could not be stored",
		[MQTT_CLOSE_SHUTDOWN] = "closed: the daemon stops, or its listener is gone",
	};
	enum log_level level = LOG_LEVEL_DEBUG;
	char text[LOG_DETAIL_MAX];

	if (ev->why != MQTT_CLOSE_NORMAL && ev->why != MQTT_CLOSE_EOF &&
	    ev->why != MQTT_CLOSE_SHUTDOWN)
		level = LOG_LEVEL_WARNING;
	snprintf(text, sizeof(text), "%.100s %s%s%s",
	    ev->client_id[0] ? ev->client_id : "one without a name", reasons[ev->why],
	    ev->detail ? ": " : "", ev->detail ? ev->detail : "");
	core_log_text(c, level, LOG_CLIENT_CLOSED, -1, text);
}

static void on_server_event(struct core *c, const struct mqtt_event *ev)
{
	switch (ev->type) {
	case MQTT_EVENT_WRITE:
		core_action(c, ACTION_CLIENT_WRITE, ev->client);
		break;
	case MQTT_EVENT_CLOSE:
		on_client_closed(c, ev);
		core_action(c, ACTION_CLIENT_CLOSE, ev->client);
		break;
	case MQTT_EVENT_PUBLISH:
		mqtt_server_verdict(
		    c->server, c->now_ms, core_accept_local(c, ev->msg, ev->may_refuse));
		break;
	case MQTT_EVENT_PAUSE:
		core_action(c, ACTION_CLIENT_PAUSE, ev->client);
		break;
	case MQTT_EVENT_RESUME:
		core_action(c, ACTION_CLIENT_RESUME, ev->client);
		break;
	case MQTT_EVENT_ONLINE:
	case MQTT_EVENT_OFFLINE:
		break;
	}
}

static bool drain_server(struct core *c)
{
	struct mqtt_event ev;
	bool any = false;

	while (core_action_room(c) > CORE_LOGS_MAX &&
	       mqtt_server_next_event(c->server, c->now_ms, &ev)) {
		on_server_event(c, &ev);
		c->progress++;
		any = true;
	}
	return any;
}

static bool drain_ctl(struct core *c)
{
	struct ctl_event ev;
	bool any = false;

	while (core_action_room(c) > CORE_LOGS_MAX && ctl_next_event(c->ctl, &ev)) {
		core_action(
		    c, ev.type == CTL_EVENT_WRITE ? ACTION_CTL_WRITE : ACTION_CTL_CLOSE, ev.id);
		any = true;
	}
	return any;
}

/* All modules, until they come to rest. */
static bool drain(struct core *c)
{
	bool has_done = false;

	for (size_t round = 0; round < SETTLE_ROUNDS_MAX; round++) {
		bool any = drain_modem(c);

		any |= drain_server(c);
		any |= drain_ctl(c);
		any |= core_drain_http(c);
		if (!any)
			break;
		has_done = true;
	}
	return has_done;
}

void core_set_uart(struct core *c, bool is_uart)
{
	modem_set_uart(c->modem, is_uart);
}

void core_set_pin_note(struct core *c, const char *note)
{
	modem_set_pin_note(c->modem, note);
}

void core_tty_up(struct core *c, uint64_t now_ms)
{
	c->now_ms = now_ms;
	c->port_error = 0;
	modem_tty_up(c->modem, now_ms);
	drain_modem(c);
}

void core_set_rebind(struct core *c, bool is_possible)
{
	modem_set_rebind(c->modem, is_possible);
}

void core_tty_down(struct core *c, uint64_t now_ms, int error)
{
	c->now_ms = now_ms;
	c->port_error = error != 0 ? error : ENODEV;
	modem_tty_down(c->modem, now_ms, error);
	drain_modem(c);
}

void core_tty_rx(struct core *c, uint64_t now_ms, const uint8_t *data, size_t len)
{
	c->now_ms = now_ms;
	while (len > 0) {
		size_t n = len < CORE_TTY_CHUNK ? len : CORE_TTY_CHUNK;

		modem_rx(c->modem, now_ms, data, n);
		drain_modem(c);
		data += n;
		len -= n;
	}
	core_update_modem_state(c);
}

struct buf *core_tty_out(struct core *c)
{
	return modem_tx(c->modem);
}

int core_client_new(struct core *c, uint64_t now_ms, size_t listener, uint32_t *ret_id)
{
	int r;

	c->now_ms = now_ms;
	r = mqtt_server_client_new(c->server, now_ms, listener, ret_id);
	if (r == -EMFILE)
		core_log_text(c, LOG_LEVEL_WARNING, LOG_CLIENT_CLOSED, -1,
		    "one turned away: too many are connected");
	return r;
}

void core_client_rx(struct core *c, uint64_t now_ms, uint32_t id, const uint8_t *data, size_t len)
{
	c->now_ms = now_ms;
	mqtt_server_client_rx(c->server, now_ms, id, data, len);
	drain_server(c);
}

void core_client_sent(struct core *c, uint64_t now_ms, uint32_t id)
{
	c->now_ms = now_ms;
	mqtt_server_client_sent(c->server, now_ms, id);
}

void core_client_gone(struct core *c, uint64_t now_ms, uint32_t id)
{
	c->now_ms = now_ms;
	mqtt_server_client_gone(c->server, now_ms, id);
}

struct buf *core_client_out(struct core *c, uint32_t id)
{
	return mqtt_server_client_out(c->server, id);
}

int core_ctl_new(struct core *c, uint64_t now_ms, const struct ctl_peer *peer, uint32_t *ret_id)
{
	c->now_ms = now_ms;
	return ctl_conn_new(c->ctl, now_ms, peer, ret_id);
}

void core_ctl_rx(struct core *c, uint64_t now_ms, uint32_t id, const uint8_t *data, size_t len)
{
	c->now_ms = now_ms;
	ctl_conn_rx(c->ctl, now_ms, id, data, len);
}

void core_ctl_sent(struct core *c, uint64_t now_ms, uint32_t id)
{
	c->now_ms = now_ms;
	ctl_conn_sent(c->ctl, now_ms, id);
}

void core_ctl_gone(struct core *c, uint64_t now_ms, uint32_t id)
{
	c->now_ms = now_ms;
	ctl_conn_gone(c->ctl, now_ms, id);
	for (size_t i = 0; i < CORE_WAITERS_MAX; i++) {
		if (c->waiters[i].conn == id)
			c->waiters[i] = (struct waiter){ 0 };
	}
	if (c->at_conn == id)
		c->at_conn = 0;
}

struct buf *core_ctl_out(struct core *c, uint32_t id)
{
	return ctl_conn_out(c->ctl, id);
}

void core_tick(struct core *c, uint64_t now_ms)
{
	c->now_ms = now_ms;
	core_resume(c);
	mqtt_server_tick(c->server, now_ms);
	drain(c);
}

void core_shutdown(struct core *c, uint64_t now_ms)
{
	c->now_ms = now_ms;
	if (c->is_stopping)
		return;
	c->is_stopping = true;
	c->is_status_stale = true;
	core_defer_commit(c);
	core_log_text(c, LOG_LEVEL_INFO, LOG_STOPPING, -1, "");
	mqtt_server_shutdown(c->server, now_ms);
	modem_stop(c->modem, now_ms);
}

/* Publishers that were held are asked again when something left the store, and now and then. */
static void offer_held_again(struct core *c)
{
	if (c->has_room)
		core_note_room(c);
	if (!c->has_held) {
		c->has_room = false;
		return;
	}
	if (c->is_committing || c->is_resume_due)
		return;
	if (!c->has_room && c->now_ms < c->retry_at_ms) {
		c->retry_at_ms = timer_min(c->retry_at_ms, c->now_ms + CORE_STORE_RETRY_MS);
		return;
	}
	c->has_room = false;
	c->has_held = false;
	c->retry_at_ms = TIMER_NEVER;
	mqtt_server_resume_held(c->server, c->now_ms);
	drain_server(c);
	if (c->has_held)
		c->retry_at_ms = c->now_ms + CORE_STORE_RETRY_MS;
}

void core_settle(struct core *c, uint64_t now_ms)
{
	c->now_ms = now_ms;
	/* What a publish or an acknowledgement gives rise to is settled in the same turn. */
	drain(c);
	for (size_t round = 0; round < SETTLE_ROUNDS_MAX; round++) {
		offer_held_again(c);
		core_commit(c);
		core_pump(c);
		if (!drain(c))
			break;
	}
	if (!c->has_held && c->retry_at_ms <= now_ms)
		c->retry_at_ms = TIMER_NEVER;
	core_update_status(c);
	mqtt_server_settle(c->server);
	ctl_settle(c->ctl);
	/* What cannot be committed was not acknowledged: a failing disk does not keep us from
	 * going. */
	if (c->is_stopped && !c->is_committing &&
	    (c->has_commit_failed || (!c->is_store_dirty && !core_is_deferred(c)))) {
		c->is_stopped = false;
		core_action(c, ACTION_EXIT, 0);
	}
}

uint64_t core_deadline(const struct core *c)
{
	uint64_t due = timer_min(modem_deadline(c->modem), mqtt_server_deadline(c->server));

	due = timer_min(due, http_deadline(c->http));
	/* What goes to the brokers, or needs the store, is looked at again when the commit is done.
	 */
	if (c->is_committing)
		return due;
	if (c->is_tick_due)
		return c->now_ms;
	for (unsigned i = 0; i < c->cfg->broker_count && !c->is_stopping; i++)
		due = timer_min(due, core_gap_due(c, i));
	due = timer_min(due, timer_min(c->retry_at_ms, c->commit_at_ms));
	return c->has_commit_failed ? due : timer_min(due, c->sweep_at_ms);
}

uint64_t core_progress(const struct core *c)
{
	return c->progress;
}
