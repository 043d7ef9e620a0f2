/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/recovery.h"

#include <assert.h>

#define HELD    RECOVERY_BIT(RECOVERY_TROUBLE_HELD)
#define ABSENT  RECOVERY_BIT(RECOVERY_TROUBLE_ABSENT)
#define SILENT  RECOVERY_BIT(RECOVERY_TROUBLE_SILENT)
#define NOISE   RECOVERY_BIT(RECOVERY_TROUBLE_NOISE)
#define NETWORK RECOVERY_BIT(RECOVERY_TROUBLE_NETWORK)
#define SERVICE RECOVERY_BIT(RECOVERY_TROUBLE_SERVICE)
#define ANY     (ABSENT | SILENT | NOISE | NETWORK | SERVICE)

/* A modem is back on USB 10 to 25 s after a reset; the command that cuts the power may itself take
 * a minute. */
/* clang-format off */
const struct recovery_rung recovery_ladder[RECOVERY_STEPS] = {
	/*                     name       cures                       budget  pause  per hour */
	[RECOVERY_FENCE]   = { "fence",   NOISE,                       40000,      0, 0 },
	[RECOVERY_REOPEN]  = { "reopen",  HELD | SILENT | NOISE,       60000,   5000, 0 },
	[RECOVERY_SERVICE] = { "service", SERVICE,                    300000,  15000, 6 },
	[RECOVERY_RADIO]   = { "radio",   NETWORK | SERVICE,           60000,  60000, 6 },
	[RECOVERY_RESET]   = { "reset",   NOISE | NETWORK | SERVICE,   40000,  60000, 3 },
	[RECOVERY_REBIND]  = { "rebind",  ABSENT | SILENT | NOISE,     30000,  30000, 3 },
	[RECOVERY_POWER]   = { "power",   ANY,                         90000,  90000, 3 },
};
/* clang-format on */

/* ---- rations ---- */

/* When the ration of the step allows it: now or earlier, or later. */
static uint64_t allowed_at(const struct recovery *r, enum recovery_step step)
{
	unsigned per_hour = recovery_ladder[step].per_hour;
	uint64_t first;

	assert(per_hour <= RECOVERY_RATION_MAX);
	if (per_hour == 0 || r->counts[step] < per_hour)
		return 0;
	first = r->taken_ms[step][r->counts[step] % per_hour];
	return first + RECOVERY_HOUR_MS;
}

static void take(struct recovery *r, uint64_t now_ms, enum recovery_step step)
{
	const struct recovery_rung *rung = &recovery_ladder[step];
	uint64_t pause_ms = rung->pause_ms;
	unsigned n;

	if (rung->per_hour > 0)
		r->taken_ms[step][r->counts[step] % rung->per_hour] = now_ms;
	for (n = 0; n < r->tries[step] && pause_ms < RECOVERY_PAUSE_MAX_MS; n++)
		pause_ms *= 2;
	r->next_at_ms =
	    now_ms + (pause_ms < RECOVERY_PAUSE_MAX_MS ? pause_ms : RECOVERY_PAUSE_MAX_MS);
	r->counts[step]++;
	r->tries[step]++;
	r->last = step;
	r->is_ill = true;
}

/* ---- the order ---- */

/* The steps against this trouble, the one to be tried first in front. What helped last time is
 * that; if it harms, one mild step goes before it. */
static unsigned order_steps(const struct recovery *r, enum recovery_trouble trouble,
    unsigned possible, enum recovery_step order[RECOVERY_STEPS])
{
	unsigned count = 0, place, i;

	for (i = 0; i < RECOVERY_STEPS; i++)
		if ((recovery_ladder[i].cures & RECOVERY_BIT(trouble)) &&
		    (possible & RECOVERY_BIT(i)))
			order[count++] = (enum recovery_step)i;
	if (!r->has_helped[trouble])
		return count;
	for (place = 0; place < count && order[place] != r->helped[trouble]; place++)
		;
	if (place == count)
		return count;
	for (i = recovery_ladder[order[place]].per_hour > 0 ? 1 : 0; place > i; place--)
		order[place] = order[place - 1];
	if (place == i)
		order[i] = r->helped[trouble];
	return count;
}

bool recovery_next(struct recovery *r, uint64_t now_ms, enum recovery_trouble trouble,
    unsigned possible, enum recovery_step *ret_step, uint64_t *ret_at_ms)
{
	enum recovery_step order[RECOVERY_STEPS], best = RECOVERY_STEPS;
	unsigned count = order_steps(r, trouble, possible, order);
	uint64_t earliest_ms = now_ms + RECOVERY_PAUSE_MAX_MS;
	unsigned i;

	if (now_ms < r->next_at_ms) {
		*ret_at_ms = r->next_at_ms;
		return false;
	}
	for (i = 0; i < count; i++) {
		uint64_t at_ms = allowed_at(r, order[i]);

		if (at_ms > now_ms) {
			earliest_ms = at_ms < earliest_ms ? at_ms : earliest_ms;
			continue;
		}
		if (best == RECOVERY_STEPS || r->tries[order[i]] < r->tries[best])
			best = order[i];
	}
	if (best == RECOVERY_STEPS) {
		*ret_at_ms = earliest_ms;
		return false;
	}
	r->trouble = trouble;
	take(r, now_ms, best);
	*ret_step = best;
	return true;
}

void recovery_note(
    struct recovery *r, uint64_t now_ms, enum recovery_trouble trouble, enum recovery_step step)
{
	uint64_t next_at_ms = r->next_at_ms;

	r->trouble = trouble;
	take(r, now_ms, step);
	r->next_at_ms = next_at_ms;
}

void recovery_well(struct recovery *r)
{
	unsigned i;

	if (!r->is_ill)
		return;
	r->is_ill = false;
	r->has_helped[r->trouble] = true;
	r->helped[r->trouble] = r->last;
	for (i = 0; i < RECOVERY_STEPS; i++)
		r->tries[i] = 0;
}

const char *recovery_step_name(enum recovery_step step)
{
	return step < RECOVERY_STEPS ? recovery_ladder[step].name : "?";
}
