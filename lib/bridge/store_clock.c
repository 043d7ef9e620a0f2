/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/store_clock.h"

#define OFFSET_TOLERANCE_MS 1000 /* a clock that is right moves by less */

void store_clock_init(
    struct store_clock *c, uint64_t now_ms, const struct store_mark *mark, uint64_t last_seq)
{
	*c = (struct store_clock){ .at_ms = now_ms, .first_seq = last_seq, .is_free = !mark };
	if (!mark)
		return;
	c->before = *mark;
	c->mark.time_ms = mark->time_ms;
}

int64_t store_clock_now(const struct store_clock *c, uint64_t now_ms)
{
	return c->mark.time_ms + (int64_t)(now_ms > c->at_ms ? now_ms - c->at_ms : 0);
}

int64_t store_clock_now_for(const struct store_clock *c, uint64_t now_ms, uint64_t seq)
{
	return store_clock_now(c, now_ms) + (seq <= c->first_seq ? c->missed_ms : 0);
}

/* The wall clock is right for the first time in this run: how long none ran. Once there are
 * messages of this run the clock must not leap any more. */
static void make_up(struct store_clock *c, uint64_t now_ms, int64_t wall_ms, bool has_accepted)
{
	int64_t missed_ms = wall_ms - c->before.offset_ms - store_clock_now(c, now_ms);

	if (!c->before.has_offset || missed_ms <= 0)
		return;
	if (has_accepted)
		c->missed_ms = missed_ms;
	else
		c->mark.time_ms += missed_ms;
}

bool store_clock_set_wall(
    struct store_clock *c, uint64_t now_ms, int64_t wall_ms, bool is_right, uint64_t last_seq)
{
	int64_t moved_ms;

	c->is_free = c->is_free && !c->mark.has_offset && last_seq == c->first_seq;
	if (c->is_free) {
		c->mark.time_ms = wall_ms;
		c->at_ms = now_ms;
	}
	if (!is_right)
		return c->is_free;
	if (!c->mark.has_offset)
		make_up(c, now_ms, wall_ms, last_seq != c->first_seq);
	moved_ms = wall_ms - store_clock_now(c, now_ms) - c->mark.offset_ms;
	if (c->mark.has_offset && moved_ms > -OFFSET_TOLERANCE_MS && moved_ms < OFFSET_TOLERANCE_MS)
		return false;
	c->mark.has_offset = true;
	c->mark.offset_ms += moved_ms;
	return true;
}

struct store_mark store_clock_mark(const struct store_clock *c, uint64_t now_ms)
{
	struct store_mark mark = c->mark;

	mark.time_ms = store_clock_now(c, now_ms);
	return mark;
}
