/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/mqtt_session.h"

#include "base/hash.h"
#include "mqtt/mqtt_codec.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_FIRST        16
#define RECEIVED_IDS_BYTES (65536 / 8)

static struct mqtt_session **bucket_of(struct mqtt_sessions *t, struct span id)
{
	return &t->buckets[hash_fnv1a(HASH_INIT, id.data, id.len) % MQTT_SESSION_BUCKETS];
}

static bool span_equal(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

int mqtt_sessions_init(struct mqtt_sessions *t)
{
	*t = (struct mqtt_sessions){ 0 };
	timerq_init(&t->deadlines);
	return subs_init(&t->subs);
}

void mqtt_sessions_fini(struct mqtt_sessions *t)
{
	for (size_t i = 0; i < MQTT_SESSION_BUCKETS; i++) {
		while (t->buckets[i])
			mqtt_sessions_destroy(t, t->buckets[i]);
	}
	assert(t->count == 0 && t->kept_bytes == 0);
	subs_fini(&t->subs);
	timerq_fini(&t->deadlines);
}

struct mqtt_session *mqtt_sessions_find(const struct mqtt_sessions *t, struct span id)
{
	size_t i = hash_fnv1a(HASH_INIT, id.data, id.len) % MQTT_SESSION_BUCKETS;
	struct mqtt_session *s = t->buckets[i];

	while (s && !span_equal(s->id, id))
		s = s->chain;
	return s;
}

int mqtt_sessions_create(
    struct mqtt_sessions *t, struct span id, struct span user, struct mqtt_session **ret)
{
	struct mqtt_session *s, **bucket = bucket_of(t, id);

	if (t->count >= MQTT_SESSIONS_MAX)
		return -ENOSPC;
	s = calloc(1, sizeof(*s) + id.len + user.len);
	if (!s)
		return -ENOMEM;
	if (timerq_set(&t->deadlines, &s->deadline, TIMER_NEVER) < 0) {
		free(s);
		return -ENOMEM;
	}
	s->expires_at_ms = TIMER_NEVER;
	s->will_at_ms = TIMER_NEVER;
	s->window = MQTT_INFLIGHT_MAX;
	subs_owner_init(&s->subs);
	if (id.len > 0)
		memcpy(s->names, id.data, id.len);
	if (user.len > 0)
		memcpy(s->names + id.len, user.data, user.len);
	s->id = (struct span){ .data = s->names, .len = id.len };
	s->user = (struct span){ .data = s->names + id.len, .len = user.len };
	s->chain = *bucket;
	*bucket = s;
	t->count++;
	*ret = s;
	return 0;
}

static size_t out_bytes(const struct mqtt_out *o)
{
	return mqtt_msg_bytes(o->msg) + o->ids_len;
}

static void release_msg(struct mqtt_sessions *t, struct mqtt_out *o)
{
	if (!o->msg)
		return;
	t->kept_bytes -= out_bytes(o);
	mqtt_msg_unref(o->msg);
	free(o->ids);
	o->msg = NULL;
	o->ids = NULL;
}

void mqtt_sessions_destroy(struct mqtt_sessions *t, struct mqtt_session *s)
{
	struct mqtt_session **at = bucket_of(t, s->id);

	while (*at != s)
		at = &(*at)->chain;
	*at = s->chain;
	t->count--;
	assert(!s->will);
	timerq_cancel(&t->deadlines, &s->deadline);
	subs_remove_all(&t->subs, &s->subs);
	for (size_t i = 0; i < s->inflight_count; i++)
		release_msg(t, &s->inflight[i]);
	while (s->queue_count > 0)
		mqtt_session_drop_first(t, s);
	free(s->queue);
	free(s->received_ids);
	free(s);
}

static void set_deadline(struct mqtt_sessions *t, struct mqtt_session *s)
{
	/* Armed when it was made, so it only moves and cannot fail. */
	(void)timerq_set(&t->deadlines, &s->deadline, timer_min(s->expires_at_ms, s->will_at_ms));
}

void mqtt_session_set_expiry(struct mqtt_session *s, uint32_t expiry_s)
{
	s->expiry_s = expiry_s;
	s->is_persistent = expiry_s > 0;
}

void mqtt_session_attach(struct mqtt_sessions *t, struct mqtt_session *s, struct mqtt_client *c,
    size_t listener, uint32_t expiry_s, uint16_t receive_max)
{
	assert(!s->client && !s->will);
	s->client = c;
	s->listener = listener;
	s->window = receive_max < MQTT_INFLIGHT_MAX ? receive_max : MQTT_INFLIGHT_MAX;
	s->expires_at_ms = TIMER_NEVER;
	mqtt_session_set_expiry(s, expiry_s);
	set_deadline(t, s);
	for (size_t i = 0; i < s->inflight_count; i++) {
		struct mqtt_out *o = &s->inflight[i];

		o->is_dup = o->is_dup || o->is_sent;
		o->is_sent = false;
	}
	s->unsent = s->inflight_count;
}

void mqtt_session_detach(struct mqtt_sessions *t, struct mqtt_session *s, uint64_t now_ms)
{
	s->client = NULL;
	if (!s->is_persistent) {
		mqtt_sessions_destroy(t, s);
		return;
	}
	if (s->expiry_s != MQTT_EXPIRY_NEVER)
		s->expires_at_ms = now_ms + (uint64_t)s->expiry_s * 1000;
	set_deadline(t, s);
}

void mqtt_session_keep_will(
    struct mqtt_sessions *t, struct mqtt_session *s, struct mqtt_will *will, uint64_t at_ms)
{
	assert(!s->will);
	s->will = will;
	s->will_at_ms = at_ms;
	set_deadline(t, s);
}

struct mqtt_will *mqtt_session_take_will(struct mqtt_sessions *t, struct mqtt_session *s)
{
	struct mqtt_will *will = s->will;

	s->will = NULL;
	s->will_at_ms = TIMER_NEVER;
	set_deadline(t, s);
	return will;
}

struct mqtt_session *mqtt_sessions_due(struct mqtt_sessions *t, uint64_t now_ms)
{
	struct timer *due = timerq_pop(&t->deadlines, now_ms);

	return due ? MQTT_LINK_OWNER(due, struct mqtt_session, deadline) : NULL;
}

int mqtt_session_subscribe(struct mqtt_sessions *t, struct mqtt_session *s, struct span filter,
    const struct subs_options *options)
{
	return subs_add(&t->subs, &s->subs, (const char *)filter.data, filter.len, options);
}

bool mqtt_session_unsubscribe(struct mqtt_sessions *t, struct mqtt_session *s, struct span filter)
{
	return subs_remove(&t->subs, &s->subs, (const char *)filter.data, filter.len);
}

static struct mqtt_out *queue_at(struct mqtt_session *s, size_t i)
{
	return &s->queue[(s->queue_first + i) & (s->queue_cap - 1)];
}

static int grow_queue(struct mqtt_session *s)
{
	size_t cap = s->queue_cap ? 2 * s->queue_cap : QUEUE_FIRST;
	struct mqtt_out *queue = calloc(cap, sizeof(*queue));

	if (!queue)
		return -ENOMEM;
	for (size_t i = 0; i < s->queue_count; i++)
		queue[i] = *queue_at(s, i);
	free(s->queue);
	s->queue = queue;
	s->queue_cap = cap;
	s->queue_first = 0;
	return 0;
}

int mqtt_session_enqueue(struct mqtt_sessions *t, struct mqtt_session *s, struct mqtt_msg *m,
    uint8_t qos, bool retain, struct span ids)
{
	size_t bytes = mqtt_msg_bytes(m) + ids.len;
	uint8_t *copy = NULL;

	if (s->queue_count >= MQTT_QUEUE_MAX || bytes > MQTT_QUEUE_BYTES_MAX - s->queue_bytes ||
	    bytes > MQTT_KEPT_BYTES_MAX - t->kept_bytes)
		return -ENOBUFS;
	if (s->queue_count == s->queue_cap && grow_queue(s) < 0)
		return -ENOMEM;
	if (ids.len > 0) {
		copy = malloc(ids.len);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, ids.data, ids.len);
	}
	s->queue_count++;
	*queue_at(s, s->queue_count - 1) = (struct mqtt_out){
		.msg = mqtt_msg_ref(m),
		.qos = qos,
		.retain = retain,
		.ids = copy,
		.ids_len = (uint16_t)ids.len,
	};
	s->queue_bytes += bytes;
	t->kept_bytes += bytes;
	return 0;
}

struct mqtt_out *mqtt_session_first(struct mqtt_session *s)
{
	return s->queue_count > 0 ? queue_at(s, 0) : NULL;
}

/* Take the first one out of the queue; its reference goes to the caller. */
static struct mqtt_out take_first(struct mqtt_session *s)
{
	struct mqtt_out o = *queue_at(s, 0);

	s->queue_bytes -= out_bytes(&o);
	s->queue_first = (s->queue_first + 1) & (s->queue_cap - 1);
	s->queue_count--;
	return o;
}

void mqtt_session_drop_first(struct mqtt_sessions *t, struct mqtt_session *s)
{
	struct mqtt_out o = take_first(s);

	release_msg(t, &o);
}

/* An identifier that is not in use [MQTT-2.3.1-2]; there are more of them than can be in flight. */
static uint16_t new_packet_id(struct mqtt_session *s)
{
	do {
		s->last_packet_id++;
	} while (s->last_packet_id == 0 || mqtt_session_inflight(s, s->last_packet_id));
	return s->last_packet_id;
}

struct mqtt_out *mqtt_session_launch_first(struct mqtt_session *s)
{
	struct mqtt_out *o;

	if (s->inflight_count >= s->window)
		return NULL;
	o = &s->inflight[s->inflight_count];
	*o = take_first(s);
	assert(o->qos > 0);
	o->packet_id = new_packet_id(s);
	o->awaits = o->qos == 1 ? MQTT_AWAITS_PUBACK : MQTT_AWAITS_PUBREC;
	s->inflight_count++;
	s->unsent++;
	return o;
}

void mqtt_session_sent(struct mqtt_session *s, struct mqtt_out *o)
{
	assert(!o->is_sent && s->unsent > 0);
	o->is_sent = true;
	s->unsent--;
}

struct mqtt_out *mqtt_session_inflight(struct mqtt_session *s, uint16_t packet_id)
{
	for (size_t i = 0; i < s->inflight_count; i++) {
		if (s->inflight[i].packet_id == packet_id)
			return &s->inflight[i];
	}
	return NULL;
}

void mqtt_session_released(struct mqtt_sessions *t, struct mqtt_session *s, struct mqtt_out *o)
{
	release_msg(t, o);
	o->awaits = MQTT_AWAITS_PUBCOMP;
	if (!o->is_sent)
		mqtt_session_sent(s, o);
}

void mqtt_session_done(struct mqtt_sessions *t, struct mqtt_session *s, struct mqtt_out *o)
{
	size_t i = (size_t)(o - s->inflight);

	assert(i < s->inflight_count);
	release_msg(t, o);
	if (!o->is_sent)
		s->unsent--;
	s->inflight_count--;
	memmove(o, o + 1, (s->inflight_count - i) * sizeof(*o));
}

bool mqtt_session_remembers(const struct mqtt_session *s, uint16_t packet_id)
{
	return s->received_ids && s->received_ids[packet_id / 8] & 1U << packet_id % 8;
}

int mqtt_session_remember(struct mqtt_session *s, uint16_t packet_id)
{
	if (!s->received_ids) {
		s->received_ids = calloc(1, RECEIVED_IDS_BYTES);
		if (!s->received_ids)
			return -ENOMEM;
	}
	s->received_ids[packet_id / 8] |= (uint8_t)(1U << packet_id % 8);
	return 0;
}

void mqtt_session_forget(struct mqtt_session *s, uint16_t packet_id)
{
	if (s->received_ids)
		s->received_ids[packet_id / 8] &= (uint8_t) ~(1U << packet_id % 8);
}
