/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A local MQTT client of the core that encodes and decodes its packets itself: it publishes one
 * message after the other, or subscribes, and tells what it gets.
 */
#ifndef TESTS_REPLAY_LOCAL_CLIENT_H
#define TESTS_REPLAY_LOCAL_CLIENT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct core;

struct local_client {
	uint32_t conn;      /* the core's number of it */
	struct buf up;      /* for the core */
	struct buf down;    /* from the core, not decoded yet */
	struct buf *events; /* borrowed: what it gets is written down there */
	uint16_t last_packet_id;
	bool is_refused; /* the core said something that it must not say */
};

/* Connect to the core, and subscribe if filters are given (ends with NULL). */
void local_client_init(struct local_client *c, struct core *core, uint64_t now_ms, const char *id,
    const char *const *filters, struct buf *events);

/* Free what it owns. */
void local_client_fini(struct local_client *c);

/* Publish. */
void local_client_publish(
    struct local_client *c, struct span topic, struct span payload, unsigned qos, bool retain);

/* The core has bytes for it. */
void local_client_read(struct local_client *c, struct core *core, uint64_t now_ms);

/* Hand over to the core what waits; false: nothing did. */
bool local_client_write(struct local_client *c, struct core *core, uint64_t now_ms);

#endif
