/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "modem/backoff.h"

struct row {
	uint32_t min_ms, max_ms;
	enum backoff_pace pace;
	uint32_t low_ms;   /* no wait is shorter */
	uint32_t first_ms; /* the first one is not longer */
	uint32_t high_ms;  /* no wait is longer, and one of many comes near */
};

static const struct row rows[] = {
	{ 1000, 300000, BACKOFF_FAST, 1000, 3000, 300000 },
	{ 1000, 300000, BACKOFF_SLOW, 30000, 90000, 300000 },
	{ 60000, 300000, BACKOFF_SLOW, 60000, 180000, 300000 },
	{ 1000, 10000, BACKOFF_SLOW, 10000, 10000, 10000 }, /* the largest wait holds for all */
	{ 5000, 5000, BACKOFF_FAST, 5000, 5000, 5000 },
	{ 9000, 3000, BACKOFF_FAST, 3000, 3000, 3000 },
	{ 1, UINT32_MAX, BACKOFF_FAST, 1, 3, UINT32_MAX },
};

static void waits_grow_within_bounds(void **state)
{
	struct backoff b;
	struct prng prng;
	uint32_t wait_ms, longest_ms;
	size_t i;
	unsigned n;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct row *row = &rows[i];

		prng_init(&prng, i);
		backoff_init(&b, row->min_ms, row->max_ms);
		wait_ms = backoff_next(&b, row->pace, &prng);
		assert_in_range(wait_ms, row->low_ms, row->first_ms);
		longest_ms = wait_ms;
		for (n = 0; n < 2000; n++) {
			uint64_t most_ms = (uint64_t)wait_ms * 3;

			wait_ms = backoff_next(&b, row->pace, &prng);
			assert_in_range(wait_ms, row->low_ms, row->high_ms);
			assert_true(wait_ms <= most_ms);
			longest_ms = wait_ms > longest_ms ? wait_ms : longest_ms;
		}
		assert_true(longest_ms >= row->high_ms / 10 * 9);
	}
}

static void only_a_stable_time_resets(void **state)
{
	struct backoff b;
	struct prng prng;
	unsigned n;

	(void)state;
	prng_init(&prng, 3);
	backoff_init(&b, 1000, 300000);
	for (n = 0; n < 100; n++)
		(void)backoff_next(&b, BACKOFF_FAST, &prng);
	b.last_ms[BACKOFF_FAST] = 100000;
	assert_false(backoff_note_online(&b, BACKOFF_STABLE_MS - 1));
	assert_int_equal(b.last_ms[BACKOFF_FAST], 100000);
	assert_true(backoff_note_online(&b, BACKOFF_STABLE_MS));
	assert_in_range(backoff_next(&b, BACKOFF_FAST, &prng), 1000, 3000);
}

/* Slow refusals do not make a loss of the network slow. */
static void paces_are_apart(void **state)
{
	struct backoff b;
	struct prng prng;
	unsigned n;

	(void)state;
	prng_init(&prng, 4);
	backoff_init(&b, 1000, 300000);
	for (n = 0; n < 20; n++)
		(void)backoff_next(&b, BACKOFF_SLOW, &prng);
	assert_in_range(backoff_next(&b, BACKOFF_FAST, &prng), 1000, 3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_grow_within_bounds),
		cmocka_unit_test(only_a_stable_time_resets),
		cmocka_unit_test(paces_are_apart),
	};

	return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
