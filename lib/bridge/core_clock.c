/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wall clock as the shell tells it, and the store's time, whose mark is kept in the store.
 */
#include "bridge/core_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The two clocks are read one after the other, and rounded. */
#define WALL_TOLERANCE_MS 100

/* What a crash may take from the time that messages have waited. */
#define MARK_EVERY_MS 60000

#define MARK_QUEUE    "$clock"
#define MARK_KEY      "time"
#define MARK_MAX      48 /* "TIME OFFSET", or "TIME -" without one; milliseconds */

static bool read_mark(const struct core *c, struct store_mark *ret)
{
	struct span key, value;
	char text[MARK_MAX];
	char *end;

	if (!c->store->ops->next_note(
		c->store, c->mark_queue, STORE_NOTE_CLOCK, (struct span){ 0 }, &key, &value) ||
	    value.len >= sizeof(text))
		return false;
	memcpy(text, value.data, value.len);
	text[value.len] = '\0';
	ret->time_ms = strtoll(text, &end, 10);
	if (*end != ' ')
		return false;
	ret->has_offset = strcmp(end, " -") != 0;
	ret->offset_ms = ret->has_offset ? strtoll(end, NULL, 10) : 0;
	return true;
}

/* Not at once: with the next commit. */
static void keep_mark(struct core *c)
{
	struct store_mark mark = store_clock_mark(&c->store_clock, c->now_ms);
	char text[MARK_MAX];

	snprintf(text, sizeof(text), mark.has_offset ? "%lld %lld" : "%lld -",
	    (long long)mark.time_ms, (long long)mark.offset_ms);
	c->is_mark_due = c->store->ops->put_note(c->store, c->mark_queue, STORE_NOTE_CLOCK,
			     span_of(MARK_KEY, strlen(MARK_KEY)), span_of(text, strlen(text))) < 0;
	c->mark_kept_ms = c->now_ms;
}

int core_start_clock(struct core *c)
{
	struct store_mark mark = { 0 };
	struct store_usage usage;
	bool has_mark;
	int r = c->store->ops->open_queue(c->store, MARK_QUEUE, &c->mark_queue);

	if (r < 0)
		return r;
	c->store->ops->total(c->store, &usage);
	has_mark = usage.messages + usage.dead_letters > 0 && read_mark(c, &mark);
	store_clock_init(&c->store_clock, c->now_ms, has_mark ? &mark : NULL, c->last_seq);
	keep_mark(c);
	return 0;
}

void core_set_wall(struct core *c, uint64_t now_ms, int64_t wall_ms, bool is_right)
{
	int64_t offset = wall_ms - (int64_t)now_ms;
	int64_t moved = offset - c->wall_offset_ms;
	bool is_plausible = wall_ms >= WALL_PLAUSIBLE_S * 1000;

	is_right = is_right && is_plausible;
	if (moved > -WALL_TOLERANCE_MS && moved < WALL_TOLERANCE_MS && is_right == c->is_wall_right)
		return;
	c->now_ms = now_ms;
	c->is_wall_right = is_right;
	c->wall_offset_ms = offset;
	modem_set_wall(c->modem, now_ms, wall_ms, is_plausible);
	if (!store_clock_set_wall(&c->store_clock, now_ms, wall_ms, is_right, c->last_seq))
		return;
	keep_mark(c);
	core_defer_commit(c);
}

void core_keep_mark(struct core *c)
{
	if (c->is_mark_due || c->is_stopping || c->now_ms >= c->mark_kept_ms + MARK_EVERY_MS)
		keep_mark(c);
}
