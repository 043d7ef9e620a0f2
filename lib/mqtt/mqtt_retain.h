/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retained messages (MQTT 3.1.1, 3.3.1.3): the last one of each topic, for those who subscribe
 * later. Bounded by number and bytes. It does not know who gets them.
 */
#ifndef CMQTTD_MQTT_MQTT_RETAIN_H
#define CMQTTD_MQTT_MQTT_RETAIN_H

#include "base/buf.h"
#include "mqtt/mqtt_list.h"
#include "mqtt/mqtt_msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MQTT_RETAIN_BUCKETS 1024
#define MQTT_RETAIN_BATCH   256 /* dropped at a time */

struct mqtt_retained;

struct mqtt_retain {
	struct mqtt_retained *buckets[MQTT_RETAIN_BUCKETS];
	struct mqtt_link all; /* in the order in which they were set */
	size_t count;
	size_t bytes;
	uint64_t expires_ms; /* none of them before that; TIMER_NEVER */
};

/* A walk over what a filter matches. */
struct mqtt_retain_walk {
	const struct mqtt_retain *retain;
	struct span filter;
	struct mqtt_link *next;
	struct mqtt_retained *only; /* the filter has no wildcards */
	uint64_t seq;               /* of the message given last */
};

/* Nothing retained; nothing allocated yet. */
void mqtt_retain_init(struct mqtt_retain *r);

/* Give all of them back. */
void mqtt_retain_fini(struct mqtt_retain *r);

/* There is room for the message, in place of an older one of its topic. */
bool mqtt_retain_has_room(const struct mqtt_retain *r, const struct mqtt_msg *m);

/* Keep the message (a reference is taken) in place of an older one of its topic; an empty payload
 * only removes that [MQTT-3.3.1-10]. seq: its number in the store, 0: it is not there. *ret_old:
 * the number that the older one had, 0: none. 0, -ENOMEM, or -ENOSPC at MQTT_RETAINED_MAX or
 * _BYTES_MAX; the older one is gone then too: no news is better than old news. */
int mqtt_retain_set(struct mqtt_retain *r, struct mqtt_msg *m, uint64_t seq, uint64_t *ret_old);

/* Drop what is retained under the topic of this message. Its number in the store; 0: none. */
uint64_t mqtt_retain_drop(struct mqtt_retain *r, const struct mqtt_msg *m);

/* Drop those whose time is over (MQTT 5.0, 3.3.1.3), as many as seqs takes: how many, and their
 * numbers in the store. */
size_t mqtt_retain_drop_expired(
    struct mqtt_retain *r, uint64_t now_ms, uint64_t seqs[MQTT_RETAIN_BATCH]);

/* Walk over what matches a valid filter. Nothing may be set meanwhile. */
void mqtt_retain_walk_init(
    struct mqtt_retain_walk *w, const struct mqtt_retain *r, struct span filter);

/* The next message, borrowed; NULL after the last one. */
struct mqtt_msg *mqtt_retain_walk_next(struct mqtt_retain_walk *w);

#endif
