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
#define END_RETRY_MS       1000 /* the store did not let go of a session */

static struct mqtt_session **bucket_of(struct mqtt_sessions *t, struct span id)
{
	return &t->buckets[hash_fnv1a(HASH_INIT, id.data, id.len) % MQTT_SESSION_BUCKETS];
}

int mqtt_sessions_init(struct mqtt_sessions *t, struct mqtt_persist *persist)
{
	*t = (struct mqtt_sessions){ .persist = persist };
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
	if (o->seq)
		t->stored_bytes -= out_bytes(o);
	mqtt_msg_unref(o->msg);
	free(o->ids);
	o->msg = NULL;
	o->ids = NULL;
}

static struct mqtt_out *queue_at(struct mqtt_session *s, size_t i)
{
	return &s->queue[(s->queue_first + i) & (s->queue_cap - 1)];
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

void mqtt_sessions_destroy(struct mqtt_sessions *t, struct mqtt_session *s)
{
	struct mqtt_session **at = bucket_of(t, s->id);

	while (*at != s)
		at = &(*at)->chain;
	*at = s->chain;
	t->count--;
	t->stored_count -= s->is_stored;
	assert(!s->will);
	timerq_cancel(&t->deadlines, &s->deadline);
	subs_remove_all(&t->subs, &s->subs);
	for (size_t i = 0; i < s->inflight_count; i++)
		release_msg(t, &s->inflight[i]);
	while (s->queue_count > 0) {
		struct mqtt_out o = take_first(s);

		release_msg(t, &o);
	}
	free(s->queue);
	free(s->received_ids);
	free(s);
}

static void set_deadline(struct mqtt_sessions *t, struct mqtt_session *s)
{
	/* Armed when it was made, so it only moves and cannot fail. */
	(void)timerq_set(&t->deadlines, &s->deadline, timer_min(s->expires_at_ms, s->will_at_ms));
}

static void set_expiry(struct mqtt_session *s, uint32_t expiry_s)
{
	s->expiry_s = expiry_s;
	s->is_persistent = expiry_s > 0;
}

int mqtt_session_set_expiry(struct mqtt_sessions *t, struct mqtt_session *s, uint32_t expiry_s)
{
	int r = 0;

	if (s->is_stored && s->expiry_s != expiry_s)
		r = mqtt_persist_set_expiry(t->persist, s->queue_number, expiry_s);
	if (r == 0)
		set_expiry(s, expiry_s);
	return r;
}

int mqtt_session_store(struct mqtt_sessions *t, struct mqtt_session *s, const char *listener)
{
	unsigned number;
	int r;

	if (!t->persist->store || (!s->is_persistent && !s->is_stored))
		return 0;
	if (s->is_stored)
		return mqtt_persist_set_listener(t->persist, s->queue_number, listener);
	r = mqtt_persist_open(t->persist, s->id, s->user, listener, s->expiry_s, &number);
	if (r == 0)
		mqtt_session_set_stored(t, s, number);
	return r;
}

void mqtt_session_set_stored(struct mqtt_sessions *t, struct mqtt_session *s, unsigned queue_number)
{
	s->is_stored = true;
	s->queue_number = queue_number;
	t->stored_count++;
}

int mqtt_session_end(struct mqtt_sessions *t, struct mqtt_session *s, uint64_t now_ms)
{
	int r = s->is_stored ? mqtt_persist_drop(t->persist, s->queue_number) : 0;

	if (r == 0) {
		mqtt_sessions_destroy(t, s);
		return 0;
	}
	s->expires_at_ms = now_ms + END_RETRY_MS;
	set_deadline(t, s);
	return r;
}

void mqtt_session_attach(struct mqtt_sessions *t, struct mqtt_session *s, struct mqtt_client *c,
    size_t listener, uint16_t receive_max)
{
	assert(!s->client && !s->will);
	s->client = c;
	s->listener = listener;
	s->window = receive_max < MQTT_INFLIGHT_MAX ? receive_max : MQTT_INFLIGHT_MAX;
	s->expires_at_ms = TIMER_NEVER;
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
		(void)mqtt_session_end(t, s, now_ms); /* it is tried again */
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
	int is_new = subs_add(&t->subs, &s->subs, (const char *)filter.data, filter.len, options);
	int r;

	if (is_new < 0 || !s->is_stored)
		return is_new;
	r = mqtt_persist_subscribe(t->persist, s->queue_number, filter, options);
	if (r < 0 && is_new)
		subs_remove(&t->subs, &s->subs, (const char *)filter.data, filter.len);
	return r < 0 ? r : is_new;
}

int mqtt_session_unsubscribe(struct mqtt_sessions *t, struct mqtt_session *s, struct span filter)
{
	int r = s->is_stored ? mqtt_persist_unsubscribe(t->persist, s->queue_number, filter) : 0;

	if (r < 0)
		return r;
	return subs_remove(&t->subs, &s->subs, (const char *)filter.data, filter.len);
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

/* others: bytes that others will keep. */
static int check_bounds(const struct mqtt_sessions *t, const struct mqtt_session *s,
    const struct mqtt_out *o, size_t others)
{
	size_t bytes = out_bytes(o);

	if (s->queue_count >= MQTT_QUEUE_MAX || bytes > MQTT_QUEUE_BYTES_MAX - s->queue_bytes ||
	    bytes + others > MQTT_KEPT_BYTES_MAX - t->kept_bytes)
		return -ENOBUFS;
	return 0;
}

/* An identifier that is not in use [MQTT-2.3.1-2]. They are given in turn, and fewer messages wait
 * than there are identifiers: the next one can only be that of a message that is in flight for very
 * long. */
static uint16_t next_packet_id(struct mqtt_session *s)
{
	uint16_t id = s->last_packet_id;

	do
		id++;
	while (id == 0 || mqtt_session_inflight(s, id));
	return id;
}

void mqtt_sessions_plan(struct mqtt_sessions *t)
{
	t->plan++;
	t->planned_bytes = 0;
}

int mqtt_session_plan(
    struct mqtt_sessions *t, struct mqtt_session *s, const struct mqtt_out *o, uint16_t *ret_id)
{
	assert(s->is_stored && o->qos > 0);
	if (check_bounds(t, s, o, t->planned_bytes) < 0)
		return -ENOBUFS;
	t->planned_bytes += out_bytes(o);
	s->plan = t->plan;
	*ret_id = next_packet_id(s);
	return 0;
}

/* A copy with references of its own, which the session keeps. 0 or -ENOMEM. */
static int hold(
    struct mqtt_sessions *t, struct mqtt_session *s, const struct mqtt_out *o, struct mqtt_out *ret)
{
	struct mqtt_out copy = *o;

	copy.ids = NULL;
	if (o->ids_len > 0) {
		copy.ids = malloc(o->ids_len);
		if (!copy.ids)
			return -ENOMEM;
		memcpy(copy.ids, o->ids, o->ids_len);
	}
	*ret = copy;
	if (o->qos > 0)
		s->last_packet_id = o->packet_id;
	if (!o->msg)
		return 0;
	mqtt_msg_ref(o->msg);
	t->kept_bytes += out_bytes(o);
	if (o->seq)
		t->stored_bytes += out_bytes(o);
	return 0;
}

static int enqueue(struct mqtt_sessions *t, struct mqtt_session *s, const struct mqtt_out *o)
{
	if (check_bounds(t, s, o, 0) < 0)
		return -ENOBUFS;
	if (s->queue_count == s->queue_cap && grow_queue(s) < 0)
		return -ENOMEM;
	if (hold(t, s, o, queue_at(s, s->queue_count)) < 0)
		return -ENOMEM;
	s->queue_count++;
	s->queue_bytes += out_bytes(o);
	return 0;
}

int mqtt_session_enqueue(struct mqtt_sessions *t, struct mqtt_session *s, const struct mqtt_out *o)
{
	struct mqtt_out out = *o;
	int r;

	out.packet_id = o->qos > 0 ? next_packet_id(s) : 0;
	r = enqueue(t, s, &out);
	if (r < 0 && o->seq)
		mqtt_persist_remove(t->persist, s->queue_number, o->seq, MQTT_CHANGED_LATER);
	return r;
}

static enum mqtt_awaits awaits_of(const struct mqtt_out *o)
{
	if (!o->msg)
		return MQTT_AWAITS_PUBCOMP;
	return o->qos == 1 ? MQTT_AWAITS_PUBACK : MQTT_AWAITS_PUBREC;
}

int mqtt_session_put_back(
    struct mqtt_sessions *t, struct mqtt_session *s, const struct mqtt_out *o, bool is_in_flight)
{
	struct mqtt_out *flight = &s->inflight[s->inflight_count];

	if (!is_in_flight)
		return enqueue(t, s, o);
	if (s->inflight_count >= MQTT_INFLIGHT_MAX ||
	    (o->msg && out_bytes(o) > MQTT_KEPT_BYTES_MAX - t->kept_bytes))
		return -ENOBUFS;
	if (hold(t, s, o, flight) < 0)
		return -ENOMEM;
	flight->awaits = (uint8_t)awaits_of(o);
	flight->is_dup = true;
	s->inflight_count++;
	s->unsent++;
	return 0;
}

struct mqtt_out *mqtt_session_first(struct mqtt_session *s)
{
	return s->queue_count > 0 ? queue_at(s, 0) : NULL;
}

void mqtt_session_drop_first(struct mqtt_sessions *t, struct mqtt_session *s)
{
	struct mqtt_out o = take_first(s);

	if (o.seq)
		mqtt_persist_remove(t->persist, s->queue_number, o.seq, MQTT_CHANGED_LATER);
	release_msg(t, &o);
}

struct mqtt_out *mqtt_session_launch_first(struct mqtt_session *s)
{
	struct mqtt_out *o;

	if (s->inflight_count >= s->window)
		return NULL;
	o = &s->inflight[s->inflight_count];
	*o = take_first(s);
	assert(o->qos > 0);
	o->awaits = (uint8_t)awaits_of(o);
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

int mqtt_session_released(struct mqtt_sessions *t, struct mqtt_session *s, struct mqtt_out *o)
{
	int r = o->seq ? mqtt_persist_released(t->persist, s->queue_number, o->seq) : 0;

	if (r < 0)
		return r;
	release_msg(t, o);
	o->awaits = MQTT_AWAITS_PUBCOMP;
	if (!o->is_sent)
		mqtt_session_sent(s, o);
	return 0;
}

void mqtt_session_done(struct mqtt_sessions *t, struct mqtt_session *s, struct mqtt_out *o)
{
	size_t i = (size_t)(o - s->inflight);

	assert(i < s->inflight_count);
	if (o->seq)
		mqtt_persist_remove(t->persist, s->queue_number, o->seq, MQTT_CHANGED_LATER);
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

int mqtt_session_put_back_id(struct mqtt_session *s, uint16_t packet_id)
{
	if (!s->received_ids) {
		s->received_ids = calloc(1, RECEIVED_IDS_BYTES);
		if (!s->received_ids)
			return -ENOMEM;
	}
	s->received_ids[packet_id / 8] |= (uint8_t)(1U << packet_id % 8);
	return 0;
}

int mqtt_session_remember(struct mqtt_sessions *t, struct mqtt_session *s, uint16_t packet_id)
{
	int r = s->is_stored ? mqtt_persist_received(t->persist, s->queue_number, packet_id) : 0;

	return r < 0 ? r : mqtt_session_put_back_id(s, packet_id);
}

int mqtt_session_forget(struct mqtt_sessions *t, struct mqtt_session *s, uint16_t packet_id)
{
	int r = 0;

	if (!mqtt_session_remembers(s, packet_id))
		return 0;
	if (s->is_stored)
		r = mqtt_persist_forgotten(t->persist, s->queue_number, packet_id);
	if (r == 0)
		s->received_ids[packet_id / 8] &= (uint8_t) ~(1U << packet_id % 8);
	return r;
}
