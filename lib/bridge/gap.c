/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/gap.h"

#include "base/timerq.h"

#include <assert.h>

#define CELLS (GAP_ROUTES * GAP_REASONS)

void gap_init(struct gap *g)
{
	*g = (struct gap){ .pause_ms = GAP_PAUSE_MS };
}

/* Earlier and later may come in any order, and one of them without a time. */
static void add(struct gap *g, size_t route, size_t reason, const struct gap_cell *more)
{
	struct gap_cell *cell = &g->cells[route][reason];

	if (more->count == 0)
		return;
	g->filled += cell->count == 0;
	cell->count += more->count;
	if (cell->first_ms == 0 || (more->first_ms != 0 && more->first_ms < cell->first_ms))
		cell->first_ms = more->first_ms;
	if (more->last_ms > cell->last_ms)
		cell->last_ms = more->last_ms;
}

void gap_note(struct gap *g, size_t route, size_t reason, int64_t wall_ms)
{
	const struct gap_cell one = { .count = 1, .first_ms = wall_ms, .last_ms = wall_ms };

	assert(route < GAP_ROUTES && reason < GAP_REASONS);
	add(g, route, reason, &one);
}

uint64_t gap_due(const struct gap *g)
{
	return g->filled > 0 && !g->is_reporting ? g->due_ms : TIMER_NEVER;
}

void gap_begin(struct gap *g, struct gap_report *ret)
{
	size_t at = g->next;
	struct gap_cell *cell;

	assert(g->filled > 0 && !g->is_reporting);
	while (g->cells[at / GAP_REASONS][at % GAP_REASONS].count == 0)
		at = (at + 1) % CELLS;
	cell = &g->cells[at / GAP_REASONS][at % GAP_REASONS];
	g->sent = (struct gap_report){ at / GAP_REASONS, at % GAP_REASONS, cell->count,
		cell->first_ms, cell->last_ms };
	*cell = (struct gap_cell){ 0 };
	g->filled--;
	g->next = (at + 1) % CELLS;
	g->is_reporting = true;
	*ret = g->sent;
}

void gap_end(struct gap *g, uint64_t now_ms, enum gap_fate fate)
{
	const struct gap_cell back = { g->sent.count, g->sent.first_ms, g->sent.last_ms };

	assert(g->is_reporting);
	g->is_reporting = false;
	if (fate != GAP_TOLD)
		add(g, g->sent.route, g->sent.reason, &back);
	g->due_ms = now_ms + g->pause_ms;
	if (fate == GAP_TOLD)
		g->pause_ms = GAP_PAUSE_MS;
	else if (fate == GAP_REFUSED && g->pause_ms < GAP_PAUSE_MAX_MS / 2)
		g->pause_ms *= 2;
	else if (fate == GAP_REFUSED)
		g->pause_ms = GAP_PAUSE_MAX_MS;
}

void gap_renumber(struct gap *g, const size_t map[GAP_ROUTES])
{
	struct gap old = *g;

	for (size_t at = 0; at < CELLS; at++)
		g->cells[at / GAP_REASONS][at % GAP_REASONS] = (struct gap_cell){ 0 };
	g->filled = 0;
	for (size_t at = 0; at < CELLS; at++)
		add(g, map[at / GAP_REASONS], at % GAP_REASONS,
		    &old.cells[at / GAP_REASONS][at % GAP_REASONS]);
	g->sent.route = map[g->sent.route];
}
