/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gaps in what one broker gets: what was given up, by route and reason, as long as the broker has
 * not been told. Reports are put together as long as none can be sent, so that there is never more
 * than a table of a fixed size; they are few even if much is lost. Pure computation.
 */
#ifndef CMQTTD_BRIDGE_GAP_H
#define CMQTTD_BRIDGE_GAP_H

#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GAP_REASONS      11
#define GAP_ROUTES       (BRIDGE_ROUTES_MAX + 1) /* the last one: no route is known */
#define GAP_PAUSE_MS     10000                   /* between two reports to one broker */
#define GAP_PAUSE_MAX_MS 3600000                 /* while they do not get through */

struct gap_report {
	size_t route;
	size_t reason;
	uint64_t count;
	int64_t first_ms, last_ms; /* wall clock, 0: not known */
};

struct gap_cell {
	uint64_t count;
	int64_t first_ms, last_ms;
};

struct gap {
	struct gap_cell cells[GAP_ROUTES][GAP_REASONS];
	size_t filled; /* cells that have a count */
	size_t next;   /* cell to begin the search with: each has its turn */
	uint64_t due_ms;
	uint64_t pause_ms;
	bool is_reporting;
	struct gap_report sent; /* while is_reporting; not in the cells */
};

enum gap_fate {
	GAP_TOLD,
	GAP_LATER,   /* the link: again soon */
	GAP_REFUSED, /* the report itself: again, less and less often */
};

/* Nothing was given up. */
void gap_init(struct gap *g);

/* A message was given up; wall_ms 0: nobody knows when. */
void gap_note(struct gap *g, size_t route, size_t reason, int64_t wall_ms);

/* When the next report may leave; TIMER_NEVER: there is none, or one is under way. */
uint64_t gap_due(const struct gap *g);

/* Take the next report; there must be one. gap_end follows. */
void gap_begin(struct gap *g, struct gap_report *ret);

/* What became of the report. */
void gap_end(struct gap *g, uint64_t now_ms, enum gap_fate fate);

/* The routes have other numbers now: map[old] is the new one. Routes may be joined. */
void gap_renumber(struct gap *g, const size_t map[GAP_ROUTES]);

#endif
