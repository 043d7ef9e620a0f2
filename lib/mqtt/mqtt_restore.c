/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store may have been edited by hand, or repaired: what makes no sense is removed from it and
 * counted, never trusted.
 */
#include "mqtt/mqtt_server_impl.h"

#include "mqtt/mqtt_topic.h"

#include <errno.h>
#include <string.h>

/* One session that is being restored. */
struct restoring {
	struct mqtt_server *server;
	struct mqtt_session *session;
	struct mqtt_clocks clocks;
	uint8_t used_ids[(UINT16_MAX + 1) / 8];
};

static uint64_t moment_of(const struct mqtt_clocks *clocks, int64_t store_ms)
{
	int64_t left_ms = store_ms - clocks->store_ms;

	if (store_ms == 0)
		return 0;
	/* What is over stays over; 0 would be never. */
	return left_ms > 0 ? clocks->now_ms + (uint64_t)left_ms : 1;
}

/* NULL: it is none that a session or the retained set could have, or memory is out: *ret_error. */
static struct mqtt_msg *message_of(const struct mqtt_clocks *clocks, const struct store_entry *e,
    struct span properties, int *ret_error)
{
	*ret_error = -EINVAL;
	if (e->qos > 2 || e->topic.len > MQTT_TOPIC_MAX || e->payload.len > MQTT_PACKET_MAX ||
	    properties.len > MQTT_PROPERTIES_MAX ||
	    !mqtt_topic_is_name((const char *)e->topic.data, e->topic.len))
		return NULL;
	*ret_error = -ENOMEM;
	return mqtt_msg_new_full(
	    e->topic, e->payload, properties, e->qos, e->retain, moment_of(clocks, e->expires_ms));
}

static bool take_id(struct restoring *r, uint16_t packet_id)
{
	uint8_t *byte = &r->used_ids[packet_id / 8], bit = (uint8_t)(1U << packet_id % 8);

	if (packet_id == 0 || *byte & bit)
		return false;
	*byte |= bit;
	return true;
}

/* 0, -ENOMEM, or another error: the entry is not to be kept. */
static int put_back(struct restoring *r, const struct store_entry *e)
{
	struct mqtt_session *session = r->session;
	struct mqtt_out o = {
		.seq = e->seq,
		.packet_id = e->packet_id,
		.qos = e->qos,
		.retain = e->retain,
	};
	struct span ids, rest;
	int error;

	if (e->qos == 0 || !take_id(r, e->packet_id))
		return -EINVAL;
	if (e->state == STORE_RELEASED)
		return mqtt_session_put_back(&r->server->sessions, session, &o, true);
	ids = mqtt_props_split_ids(e->properties, &rest);
	if (ids.len > MQTT_SUBS_PER_CLIENT_MAX * MQTT_PROP_NUMBER_MAX)
		return -EINVAL;
	o.ids = (uint8_t *)(uintptr_t)ids.data; /* it is copied */
	o.ids_len = (uint16_t)ids.len;
	o.msg = message_of(&r->clocks, e, rest, &error);
	if (!o.msg)
		return error;
	error = mqtt_session_put_back(
	    &r->server->sessions, session, &o, session->inflight_count < MQTT_INFLIGHT_MAX);
	mqtt_msg_unref(o.msg);
	return error;
}

/* Messages between PUBREC and PUBCOMP first: they were in flight, whatever is before them. */
static int restore_messages(struct restoring *r, bool is_released)
{
	struct store *store = r->server->persist.store;
	unsigned queue = r->session->queue_number;
	struct store_entry e;
	uint64_t after = 0;

	while (store->ops->next(store, queue, false, after, &e)) {
		int error;

		after = e.seq;
		if ((e.state == STORE_RELEASED) != is_released)
			continue;
		error = put_back(r, &e);
		if (error == -ENOMEM)
			return error;
		if (error < 0) {
			r->server->counters.dropped[MQTT_DROP_QUEUE]++;
			mqtt_persist_remove(&r->server->persist, queue, after, MQTT_CHANGED_LATER);
		}
	}
	return 0;
}

static int restore_subscriptions(struct restoring *r)
{
	struct mqtt_session *session = r->session;
	struct subs *subs = &r->server->sessions.subs;
	struct span filter = { 0 };
	struct subs_options options;

	while (mqtt_persist_next_subscription(
	    &r->server->persist, session->queue_number, &filter, &options)) {
		const char *text = (const char *)filter.data;

		if (mqtt_topic_is_filter(text, filter.len) &&
		    subs_add(subs, &session->subs, text, filter.len, &options) == -ENOMEM)
			return -ENOMEM;
	}
	return 0;
}

static int restore_received(struct restoring *r)
{
	struct span key = { 0 };
	uint16_t packet_id;

	while (mqtt_persist_next_received(
	    &r->server->persist, r->session->queue_number, &key, &packet_id)) {
		if (mqtt_session_put_back_id(r->session, packet_id) < 0)
			return -ENOMEM;
	}
	return 0;
}

size_t mqtt_server_find_listener(const struct mqtt_server *s, struct span address)
{
	size_t i = 0;

	while (i < s->listener_count && !span_is(address, s->listeners[i].address))
		i++;
	return i < s->listener_count ? i : SIZE_MAX;
}

void mqtt_restore_listeners(struct mqtt_server *s, const size_t map[MQTT_LISTENERS_MAX])
{
	for (size_t i = 0; i < MQTT_SESSION_BUCKETS; i++) {
		struct mqtt_session *session = s->sessions.buckets[i];

		for (; session; session = session->chain) {
			if (session->is_stored)
				session->listener = mqtt_server_find_listener(
				    s, mqtt_persist_listener(&s->persist, session->queue_number));
			else if (session->listener < MQTT_LISTENERS_MAX)
				session->listener = map[session->listener];
		}
	}
}

/* 0; -ENOMEM; another error: it cannot be kept. */
static int create(struct restoring *r, unsigned queue, struct span id, struct span user)
{
	struct mqtt_sessions *t = &r->server->sessions;
	int error;

	if (user.len > MQTT_USER_MAX || mqtt_sessions_find(t, id))
		return -EINVAL;
	error = mqtt_sessions_create(t, id, user, &r->session);
	if (error < 0)
		return error;
	r->session->listener =
	    mqtt_server_find_listener(r->server, mqtt_persist_listener(&r->server->persist, queue));
	error =
	    mqtt_session_set_expiry(t, r->session, mqtt_persist_expiry(&r->server->persist, queue));
	mqtt_session_set_stored(t, r->session, queue);
	return error;
}

static int restore_session(struct restoring *r, unsigned queue, struct span id)
{
	int error;

	error = create(r, queue, id, mqtt_persist_user(&r->server->persist, queue));
	if (error == -ENOMEM)
		return error;
	if (error < 0)
		return mqtt_persist_drop(&r->server->persist, queue);
	error = restore_subscriptions(r);
	if (error == 0)
		error = restore_received(r);
	if (error == 0)
		error = restore_messages(r, true);
	if (error == 0)
		error = restore_messages(r, false);
	/* Absent from now on; or it had ended with the connection that it had. */
	if (error == 0)
		mqtt_session_detach(&r->server->sessions, r->session, r->clocks.now_ms);
	return error;
}

static int restore_sessions(struct mqtt_server *s, const struct mqtt_clocks *clocks)
{
	uint8_t id[MQTT_CLIENT_ID_MAX];
	struct span name;
	int queue = -1;

	while (mqtt_persist_next_session(&s->persist, &queue, &name)) {
		struct restoring r = { .server = s, .clocks = *clocks };
		int error;

		if (name.len == 0 || name.len > sizeof(id)) {
			error = mqtt_persist_drop(&s->persist, (unsigned)queue);
		} else {
			memcpy(id, name.data, name.len);
			error = restore_session(&r, (unsigned)queue, (struct span){ id, name.len });
		}
		if (error < 0)
			return error;
	}
	return 0;
}

static int restore_retained_one(
    struct mqtt_server *s, const struct mqtt_clocks *clocks, const struct store_entry *e)
{
	uint64_t seq = e->seq, old_seq;
	int error;
	struct mqtt_msg *m = message_of(clocks, e, e->properties, &error);

	if (!m)
		return error;
	error = mqtt_retain_set(&s->retain, m, seq, &old_seq);
	mqtt_msg_unref(m);
	/* Two of one topic: the older one should be gone. */
	if (old_seq)
		mqtt_persist_remove(&s->persist, s->persist.retained, old_seq, MQTT_CHANGED_LATER);
	return error;
}

static int restore_retained(struct mqtt_server *s, const struct mqtt_clocks *clocks)
{
	struct store *store = s->persist.store;
	struct store_entry e;
	uint64_t after = 0;

	while (store->ops->next(store, s->persist.retained, false, after, &e)) {
		int error;

		after = e.seq;
		error = restore_retained_one(s, clocks, &e);
		if (error == -ENOMEM)
			return error;
		if (error < 0) {
			s->counters.dropped[MQTT_DROP_RETAINED]++;
			mqtt_persist_remove(
			    &s->persist, s->persist.retained, after, MQTT_CHANGED_LATER);
		}
	}
	return 0;
}

int mqtt_server_restore(struct mqtt_server *s, const struct mqtt_clocks *clocks)
{
	int r;

	if (!s->persist.store)
		return 0;
	s->now_ms = clocks->now_ms;
	s->durable_seq = s->persist.store->ops->last_seq(s->persist.store);
	r = restore_sessions(s, clocks);
	return r < 0 ? r : restore_retained(s, clocks);
}
