/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/mqtt_retain.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/timerq.h"
#include "mqtt/mqtt_topic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct mqtt_retained {
	struct mqtt_retained *chain;
	struct mqtt_link link;
	struct mqtt_msg *msg;
	uint64_t seq; /* in the store; 0: it is not there */
};

static size_t bucket_of(const char *topic, size_t len)
{
	return hash_fnv1a(HASH_INIT, topic, len) % MQTT_RETAIN_BUCKETS;
}

static size_t kept_bytes(const struct mqtt_msg *m)
{
	return sizeof(struct mqtt_retained) + mqtt_msg_bytes(m);
}

static struct mqtt_retained *find(const struct mqtt_retain *r, const char *topic, size_t len)
{
	struct mqtt_retained *e = r->buckets[bucket_of(topic, len)];

	while (e && (e->msg->topic_len != len || memcmp(mqtt_msg_topic(e->msg), topic, len) != 0))
		e = e->chain;
	return e;
}

static void drop(struct mqtt_retain *r, struct mqtt_retained *e)
{
	struct mqtt_retained **at =
	    &r->buckets[bucket_of(mqtt_msg_topic(e->msg), e->msg->topic_len)];

	while (*at != e)
		at = &(*at)->chain;
	*at = e->chain;
	mqtt_link_remove(&e->link);
	r->count--;
	r->bytes -= kept_bytes(e->msg);
	mqtt_msg_unref(e->msg);
	free(e);
}

void mqtt_retain_init(struct mqtt_retain *r)
{
	*r = (struct mqtt_retain){ .expires_ms = TIMER_NEVER };
	mqtt_list_init(&r->all);
}

void mqtt_retain_fini(struct mqtt_retain *r)
{
	while (!mqtt_list_is_empty(&r->all))
		drop(r, MQTT_LINK_OWNER(r->all.next, struct mqtt_retained, link));
}

bool mqtt_retain_has_room(const struct mqtt_retain *r, const struct mqtt_msg *m)
{
	const struct mqtt_retained *old = find(r, mqtt_msg_topic(m), m->topic_len);
	size_t old_bytes = old ? kept_bytes(old->msg) : 0;

	return r->count - (old ? 1 : 0) < MQTT_RETAINED_MAX &&
	       kept_bytes(m) <= MQTT_RETAINED_BYTES_MAX - (r->bytes - old_bytes);
}

uint64_t mqtt_retain_drop(struct mqtt_retain *r, const struct mqtt_msg *m)
{
	struct mqtt_retained *e = find(r, mqtt_msg_topic(m), m->topic_len);
	uint64_t seq = e ? e->seq : 0;

	if (e)
		drop(r, e);
	return seq;
}

int mqtt_retain_set(struct mqtt_retain *r, struct mqtt_msg *m, uint64_t seq, uint64_t *ret_old)
{
	size_t bucket = bucket_of(mqtt_msg_topic(m), m->topic_len);
	struct mqtt_retained *e;

	*ret_old = mqtt_retain_drop(r, m);
	if (m->payload_len == 0)
		return 0;
	if (!mqtt_retain_has_room(r, m))
		return -ENOSPC;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->msg = mqtt_msg_ref(m);
	e->seq = seq;
	e->chain = r->buckets[bucket];
	r->buckets[bucket] = e;
	mqtt_list_append(&r->all, &e->link);
	r->count++;
	r->bytes += kept_bytes(m);
	if (m->expires_ms)
		r->expires_ms = timer_min(r->expires_ms, m->expires_ms);
	return 0;
}

size_t mqtt_retain_drop_expired(
    struct mqtt_retain *r, uint64_t now_ms, uint64_t seqs[MQTT_RETAIN_BATCH])
{
	uint64_t first_ms = TIMER_NEVER;
	struct mqtt_link *l, *next;
	size_t count = 0;

	if (r->expires_ms > now_ms)
		return 0;
	for (l = r->all.next; l != &r->all; l = next) {
		struct mqtt_retained *e = MQTT_LINK_OWNER(l, struct mqtt_retained, link);

		next = l->next;
		if (mqtt_msg_is_expired(e->msg, now_ms) && count < MQTT_RETAIN_BATCH) {
			seqs[count++] = e->seq;
			drop(r, e);
		} else if (e->msg->expires_ms) {
			first_ms = timer_min(first_ms, e->msg->expires_ms);
		}
	}
	r->expires_ms = first_ms;
	return count;
}

static bool has_wildcards(struct span filter)
{
	return memchr(filter.data, '+', filter.len) || memchr(filter.data, '#', filter.len);
}

void mqtt_retain_walk_init(
    struct mqtt_retain_walk *w, const struct mqtt_retain *r, struct span filter)
{
	*w = (struct mqtt_retain_walk){ .retain = r, .filter = filter, .next = r->all.next };
	if (!has_wildcards(filter)) {
		w->only = find(r, (const char *)filter.data, filter.len);
		w->next = NULL;
	}
}

struct mqtt_msg *mqtt_retain_walk_next(struct mqtt_retain_walk *w)
{
	struct mqtt_retained *e = w->only;

	w->only = NULL;
	while (!e && w->next && w->next != &w->retain->all) {
		struct mqtt_retained *at = MQTT_LINK_OWNER(w->next, struct mqtt_retained, link);

		w->next = w->next->next;
		if (mqtt_topic_matches((const char *)w->filter.data, w->filter.len,
			mqtt_msg_topic(at->msg), at->msg->topic_len))
			e = at;
	}
	if (!e)
		return NULL;
	w->seq = e->seq;
	return e->msg;
}
