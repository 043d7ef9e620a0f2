/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A local MQTT server and its owner in small, for the tests: takes the events of a turn, answers
 * every PUBLISH as told, commits, and keeps what was written for each client until it is asked for.
 */
#ifndef CMQTTD_TESTS_MQTT_WORLD_H
#define CMQTTD_TESTS_MQTT_WORLD_H

#include "base/limits.h"
#include "mqtt/mqtt_persist.h"
#include "mqtt/mqtt_server.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define WORLD_CLIENTS 10

struct world_client {
	uint32_t number; /* 0: no connection */
	bool is_stuck;   /* does not read */
	bool is_paused;
	bool is_online;
	bool is_closed;
	enum mqtt_close why;
	unsigned writes; /* WRITE events */
	struct buf seen; /* written for it and not yet looked at */
};

struct world {
	struct mqtt_server *server;
	const struct mqtt_listener *listeners;
	size_t listener_count;
	struct store *store; /* NULL: nothing persists */
	unsigned changes;    /* of the server in the store, since the last commit */
	uint64_t now_ms;
	enum mqtt_verdict verdict;
	bool is_commit_off;
	bool is_commit_slow; /* it begins in its turn, and ends with world_end_commit */
	bool is_committing;
	struct world_client clients[WORLD_CLIENTS];
	struct mqtt_msg *published[16]; /* the last ones that were offered and accepted */
	size_t offer_count;             /* PUBLISH events, whatever the verdict */
	size_t publish_count;
	size_t will_count;
	char log[1024]; /* ONLINE and OFFLINE: "+id -id(why)" */
	/* Called for every PUBLISH accepted, if set. */
	void (*on_publish)(void *arg, const struct mqtt_msg *m);
	void *on_publish_arg;
};

static inline struct mqtt_clocks world_clocks(const struct world *w)
{
	return (
	    struct mqtt_clocks){ .now_ms = w->now_ms, .store_ms = (int64_t)w->now_ms + 1000000 };
}

/* A server on what is in the store. */
static inline bool world_start(struct world *w)
{
	struct mqtt_clocks clocks = world_clocks(w);

	w->server = mqtt_server_new(w->listeners, w->listener_count, w->store);
	return w->server && mqtt_server_restore(w->server, &clocks) == 0;
}

static inline bool world_init_stored(
    struct world *w, const struct mqtt_listener *listeners, size_t count, struct store *store)
{
	*w = (struct world){
		.verdict = MQTT_ACCEPT,
		.listeners = listeners,
		.listener_count = count,
		.store = store,
	};
	for (size_t i = 0; i < WORLD_CLIENTS; i++)
		buf_init(&w->clients[i].seen, SIZE_MAX / 2);
	return world_start(w);
}

static inline bool world_init(struct world *w, const struct mqtt_listener *listeners, size_t count)
{
	return world_init_stored(w, listeners, count, NULL);
}

static inline void world_fini(struct world *w)
{
	mqtt_server_free(w->server);
	for (size_t i = 0; i < WORLD_CLIENTS; i++)
		buf_fini(&w->clients[i].seen);
	for (size_t i = 0; i < 16; i++)
		mqtt_msg_unref(w->published[i]);
}

static inline struct world_client *world_find(struct world *w, uint32_t number)
{
	for (size_t i = 0; i < WORLD_CLIENTS; i++) {
		if (number && w->clients[i].number == number)
			return &w->clients[i];
	}
	return NULL;
}

/* Read everything from the client's output buffer. */
static inline void world_read(struct world *w, struct world_client *c)
{
	struct buf *out = mqtt_server_client_out(w->server, c->number);

	if (!out || c->is_stuck)
		return;
	(void)buf_append(&c->seen, buf_data(out), buf_len(out));
	buf_consume(out, buf_len(out));
	mqtt_server_client_sent(w->server, w->now_ms, c->number);
}

/* Into the store, as far as it wants to be there. 0: it is not. */
static inline uint64_t world_store(struct world *w, struct mqtt_msg *m)
{
	static struct store_target targets[MQTT_TARGETS_MAX];
	struct mqtt_clocks clocks = world_clocks(w);
	const struct span payload = { mqtt_msg_payload(m), m->payload_len };
	size_t count = mqtt_server_targets(w->server, &clocks, m, targets);
	uint64_t seq;

	if (count == 0)
		return 0;
	seq = w->store->ops->last_seq(w->store) + 1;
	if (w->store->ops->add(w->store, seq, clocks.store_ms, payload, targets, count) < 0)
		return 0;
	w->changes |= MQTT_CHANGED_NOW;
	return seq;
}

static inline void world_publish(struct world *w, const struct mqtt_event *e)
{
	size_t slot = w->publish_count % 16;

	w->offer_count++;
	if (w->verdict == MQTT_ACCEPT) {
		uint64_t seq = world_store(w, e->msg);

		w->publish_count++;
		w->will_count += e->is_will;
		mqtt_msg_unref(w->published[slot]);
		w->published[slot] = mqtt_msg_ref(e->msg);
		if (w->on_publish)
			w->on_publish(w->on_publish_arg, e->msg);
		mqtt_server_publish_stored(w->server, w->now_ms, e->msg, seq);
	}
	mqtt_server_verdict(w->server, w->now_ms, w->verdict);
}

static inline void world_note(struct world *w, const char *sign, const char *id)
{
	size_t len = strlen(w->log);

	snprintf(w->log + len, sizeof(w->log) - len, "%s%s ", sign, id);
}

static inline void world_event(struct world *w, const struct mqtt_event *e)
{
	struct world_client *c = world_find(w, e->client);

	switch (e->type) {
	case MQTT_EVENT_WRITE:
		if (c) {
			c->writes++;
			world_read(w, c);
		}
		break;
	case MQTT_EVENT_CLOSE:
		if (c) {
			world_read(w, c);
			c->is_closed = true;
			c->why = e->why;
			mqtt_server_client_gone(w->server, w->now_ms, c->number);
			c->number = 0;
		}
		break;
	case MQTT_EVENT_PUBLISH:
		world_publish(w, e);
		break;
	case MQTT_EVENT_ONLINE:
		world_note(w, "+", e->client_id);
		if (c)
			c->is_online = true;
		break;
	case MQTT_EVENT_OFFLINE:
		world_note(w, "-", e->client_id);
		if (c)
			c->is_online = false;
		break;
	case MQTT_EVENT_PAUSE:
	case MQTT_EVENT_RESUME:
		if (c)
			c->is_paused = e->type == MQTT_EVENT_PAUSE;
		break;
	}
}

static inline void world_drain(struct world *w)
{
	struct mqtt_event e;

	while (mqtt_server_next_event(w->server, w->now_ms, &e))
		world_event(w, &e);
}

/* Commit what has to be now, and say that it is. */
static inline void world_commit(struct world *w)
{
	w->changes |= mqtt_server_take_changes(w->server);
	if (w->is_committing)
		return;
	if (w->changes & MQTT_CHANGED_NOW) {
		if (w->is_commit_slow) {
			mqtt_server_commit_begins(w->server, w->now_ms);
			w->is_committing = true;
			w->changes = 0;
			return;
		}
		if (w->store->ops->commit(w->store) < 0)
			return;
		w->changes = 0;
	}
	mqtt_server_committed(w->server, w->now_ms);
}

/* The commit that is under way works, and the next ones are done at once. */
static inline void world_end_commit(struct world *w)
{
	w->is_commit_slow = false;
	w->is_committing = false;
	mqtt_server_commit_ended(w->server, w->now_ms, w->store->ops->commit(w->store) == 0);
	mqtt_server_resume_held(w->server, w->now_ms);
}

/* One turn: events, commit, what that brings, settle. */
static inline void world_turn(struct world *w)
{
	world_drain(w);
	if (!w->is_commit_off) {
		world_commit(w);
		world_drain(w);
	}
	mqtt_server_settle(w->server);
}

/* The process dies: no goodbye, the store is as it is. Sockets are gone. */
static inline void world_kill(struct world *w)
{
	mqtt_server_free(w->server);
	w->server = NULL;
	w->changes = 0;
	w->is_committing = false;
	for (size_t i = 0; i < WORLD_CLIENTS; i++) {
		w->clients[i].number = 0;
		buf_clear(&w->clients[i].seen);
	}
}

static inline int world_open(struct world *w, size_t i, size_t listener)
{
	struct world_client *c = &w->clients[i];

	c->is_closed = false;
	c->is_online = false;
	c->is_paused = false;
	c->is_stuck = false;
	return mqtt_server_client_new(w->server, w->now_ms, listener, &c->number);
}

static inline void world_send(struct world *w, size_t i, const uint8_t *data, size_t len)
{
	mqtt_server_client_rx(w->server, w->now_ms, w->clients[i].number, data, len);
}

/* The client's socket is lost. */
static inline void world_lose(struct world *w, size_t i)
{
	mqtt_server_client_gone(w->server, w->now_ms, w->clients[i].number);
	w->clients[i].number = 0;
}

#endif
