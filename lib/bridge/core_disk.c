/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room on the file system of the store: what is below the reserve is left to the store itself, so
 * that it can still let go of messages, and to others.
 */
#include "bridge/core_priv.h"

#include <errno.h>
#include <stdio.h>

#define CHECK_EVERY_MS 1000
#define STEADY_PART    4 /* by so much of the reserve more must be free until it is enough again */

int core_free_bytes(const struct core *c, uint64_t *ret)
{
	return c->store->ops->free_bytes ? c->store->ops->free_bytes(c->store, ret) : -ENOTSUP;
}

static void say(struct core *c, uint64_t free_bytes)
{
	char text[LOG_DETAIL_MAX];

	snprintf(text, sizeof(text), "%llu bytes are free on its file system: %s",
	    (unsigned long long)free_bytes,
	    c->is_disk_low ? "publishers are held until there are more" : "enough again");
	core_log_text(
	    c, c->is_disk_low ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, LOG_STORE_FULL, -1, text);
}

/* A file system that does not say how full it is, is believed to have room: writing will tell. */
bool core_is_disk_low(struct core *c)
{
	uint64_t enough = STORE_FREE_MIN, free_bytes;
	bool was_low = c->is_disk_low;

	if (c->now_ms < c->disk_check_ms)
		return was_low;
	c->disk_check_ms = c->now_ms + CHECK_EVERY_MS;
	if (core_free_bytes(c, &free_bytes) < 0)
		return was_low;
	if (was_low)
		enough += STORE_FREE_MIN / STEADY_PART;
	c->is_disk_low = free_bytes < enough;
	if (c->is_disk_low != was_low)
		say(c, free_bytes);
	return c->is_disk_low;
}
