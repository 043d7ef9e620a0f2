/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time by which messages in the store grow old. While the daemon runs it follows the monotonic
 * clock, so that no jump of the wall clock makes a message older or younger. Pure computation; its
 * owner keeps the mark.
 *
 * While no daemon runs only the wall clock goes on. What it says of that time counts if it was
 * right at both ends: the mark tells how far it was ahead of the store's time when it was right
 * last. A run in which it was never right leaves no such number: its messages have nothing to do
 * with the wall clock.
 *
 * So no message is too old before its time to live has passed, unless a clock that was called right
 * was not. Time that nobody could measure does not count.
 */
#ifndef CMQTTD_BRIDGE_STORE_CLOCK_H
#define CMQTTD_BRIDGE_STORE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* What outlives the daemon. */
struct store_mark {
	int64_t time_ms;   /* the store's time */
	bool has_offset;   /* the wall clock was right in this run */
	int64_t offset_ms; /* wall clock minus store's time, when it was right last */
};

struct store_clock {
	struct store_mark mark;   /* of this run; its time_ms is as of at_ms */
	uint64_t at_ms;           /* monotonic */
	struct store_mark before; /* of the run before */
	uint64_t first_seq;       /* numbers up to this one are from runs before */
	int64_t missed_ms;        /* those are older by this than the clock shows */
	bool is_free;             /* no message has a time yet: it can be any */
};

/* mark: what was kept, NULL: nothing was, or nothing is in the store. last_seq: no message has a
 * larger number. */
void store_clock_init(
    struct store_clock *c, uint64_t now_ms, const struct store_mark *mark, uint64_t last_seq);

/* What the wall clock shows, and whether it is right. last_seq: as above, by now. true: the mark is
 * to be kept anew. */
bool store_clock_set_wall(
    struct store_clock *c, uint64_t now_ms, int64_t wall_ms, bool is_right, uint64_t last_seq);

/* The store's time. Does not go back once a message has it. */
int64_t store_clock_now(const struct store_clock *c, uint64_t now_ms);

/* The time by which the message of that number is too old or not. */
int64_t store_clock_now_for(const struct store_clock *c, uint64_t now_ms, uint64_t seq);

/* The mark as of now. */
struct store_mark store_clock_mark(const struct store_clock *c, uint64_t now_ms);

#endif
