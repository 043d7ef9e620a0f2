/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Own messages whose echo is expected from a broker: we publish to a topic we are subscribed to,
 * the broker sends it back, and it must not be delivered locally a second time. MQTT 3.1.1 has no
 * flag for it, so the message is recognised by its content; somebody else's identical message in
 * the same moments is taken for the echo, and the echo then for his.
 */
#ifndef CMQTTD_BRIDGE_ECHO_H
#define CMQTTD_BRIDGE_ECHO_H

#include "base/buf.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ECHO_KEEP_MS 120000 /* how late after the end of the publish an echo may come */

struct echo_entry {
	uint64_t hash;
	uint64_t until_ms; /* TIMER_NEVER: the publish has not ended */
	bool is_used;
};

struct echo {
	struct echo_entry entries[BRIDGE_ECHO_MAX];
	size_t next; /* the oldest one is overwritten */
};

/* Nothing is expected. */
void echo_init(struct echo *e);

/* This message is being published: its echo may come from now on. */
void echo_expect(struct echo *e, struct span topic, struct span payload);

/* The publish has ended, or nobody knows: the echo comes soon if it comes. */
void echo_sent(struct echo *e, uint64_t now_ms, struct span topic, struct span payload);

/* An inbound message is an expected echo; it is expected once. Also called when a publish did not
 * happen after all. */
bool echo_take(struct echo *e, uint64_t now_ms, struct span topic, struct span payload);

#endif
