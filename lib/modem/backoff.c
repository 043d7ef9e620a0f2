/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/backoff.h"

static void forget(struct backoff *b)
{
	b->last_ms[BACKOFF_FAST] = 0;
	b->last_ms[BACKOFF_SLOW] = 0;
}

void backoff_init(struct backoff *b, uint32_t min_ms, uint32_t max_ms)
{
	b->min_ms = min_ms < max_ms ? min_ms : max_ms;
	b->max_ms = max_ms;
	forget(b);
}

bool backoff_note_online(struct backoff *b, uint64_t online_ms)
{
	if (online_ms < BACKOFF_STABLE_MS)
		return false;
	forget(b);
	return true;
}

static uint32_t shortest(const struct backoff *b, enum backoff_pace pace)
{
	uint32_t wait_ms = b->min_ms;

	if (pace == BACKOFF_SLOW && wait_ms < BACKOFF_SLOW_MS)
		wait_ms = BACKOFF_SLOW_MS;
	return wait_ms < b->max_ms ? wait_ms : b->max_ms;
}

uint32_t backoff_next(struct backoff *b, enum backoff_pace pace, struct prng *prng)
{
	uint32_t low_ms = shortest(b, pace);
	uint64_t last_ms = b->last_ms[pace] > low_ms ? b->last_ms[pace] : low_ms;
	uint64_t high_ms = last_ms * 3;

	if (high_ms > b->max_ms)
		high_ms = b->max_ms;
	b->last_ms[pace] = (uint32_t)prng_range(prng, low_ms, high_ms);
	return b->last_ms[pace];
}
