/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/gap.h"

#include "base/timerq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void assert_report(
    struct gap *g, size_t route, size_t reason, uint64_t count, int64_t first_ms, int64_t last_ms)
{
	struct gap_report r;

	gap_begin(g, &r);
	assert_int_equal(r.route, route);
	assert_int_equal(r.reason, reason);
	assert_int_equal(r.count, count);
	assert_int_equal(r.first_ms, first_ms);
	assert_int_equal(r.last_ms, last_ms);
	assert_int_equal(gap_due(g), TIMER_NEVER);
}

static void test_put_together(void **state)
{
	struct gap g;

	(void)state;
	gap_init(&g);
	assert_int_equal(gap_due(&g), TIMER_NEVER);
	for (int64_t i = 100; i < 200; i++)
		gap_note(&g, 3, 1, i);
	gap_note(&g, 3, 2, 50);
	gap_note(&g, BRIDGE_ROUTES_MAX, 1, 60);
	assert_int_equal(gap_due(&g), 0);
	assert_report(&g, 3, 1, 100, 100, 199);
	gap_end(&g, 1000, GAP_TOLD);
	assert_int_equal(gap_due(&g), 1000 + GAP_PAUSE_MS);
	assert_report(&g, 3, 2, 1, 50, 50);
	gap_end(&g, 2000, GAP_TOLD);
	assert_report(&g, BRIDGE_ROUTES_MAX, 1, 1, 60, 60);
	gap_end(&g, 3000, GAP_TOLD);
	assert_int_equal(gap_due(&g), TIMER_NEVER);
}

/* One route that loses all the time does not keep the others from being told. */
static void test_turns(void **state)
{
	struct gap g;

	(void)state;
	gap_init(&g);
	gap_note(&g, 0, 0, 1);
	gap_note(&g, 5, 0, 2);
	assert_report(&g, 0, 0, 1, 1, 1);
	gap_note(&g, 0, 0, 3);
	gap_end(&g, 0, GAP_TOLD);
	assert_report(&g, 5, 0, 1, 2, 2);
	gap_end(&g, 0, GAP_TOLD);
	assert_report(&g, 0, 0, 1, 3, 3);
}

/* A report that did not get through is told again with what has come to it, and less and less
 * often. */
static void test_not_told(void **state)
{
	struct gap g;
	uint64_t now_ms = 1000, pause_ms = GAP_PAUSE_MS;

	(void)state;
	gap_init(&g);
	gap_note(&g, 1, 1, 10);
	for (unsigned i = 0; i < 20; i++) {
		assert_report(&g, 1, 1, i + 1, 10, 10 + i);
		gap_note(&g, 1, 1, 11 + i);
		gap_end(&g, now_ms, GAP_REFUSED);
		assert_int_equal(gap_due(&g), now_ms + pause_ms);
		now_ms = gap_due(&g);
		pause_ms = pause_ms * 2 < GAP_PAUSE_MAX_MS ? pause_ms * 2 : GAP_PAUSE_MAX_MS;
	}
	/* That the link goes down meanwhile changes nothing. */
	assert_report(&g, 1, 1, 21, 10, 30);
	gap_end(&g, now_ms, GAP_LATER);
	assert_int_equal(gap_due(&g), now_ms + GAP_PAUSE_MAX_MS);
	assert_report(&g, 1, 1, 21, 10, 30);
	gap_note(&g, 1, 1, 31);
	gap_end(&g, now_ms, GAP_TOLD);
	assert_int_equal(gap_due(&g), now_ms + GAP_PAUSE_MAX_MS);
	assert_report(&g, 1, 1, 1, 31, 31);
	gap_note(&g, 1, 1, 32);
	gap_end(&g, now_ms, GAP_TOLD);
	assert_int_equal(gap_due(&g), now_ms + GAP_PAUSE_MS);
}

/* Without a clock there is a count all the same. */
static void test_times(void **state)
{
	struct gap g;

	(void)state;
	gap_init(&g);
	gap_note(&g, 1, 1, 0);
	assert_report(&g, 1, 1, 1, 0, 0);
	gap_note(&g, 1, 1, 70);
	gap_note(&g, 1, 1, 0);
	gap_end(&g, 0, GAP_LATER);
	assert_report(&g, 1, 1, 3, 70, 70);
}

static void test_renumber(void **state)
{
	size_t map[GAP_ROUTES];
	struct gap g;

	(void)state;
	for (size_t i = 0; i < GAP_ROUTES; i++)
		map[i] = BRIDGE_ROUTES_MAX;
	map[1] = 0;
	gap_init(&g);
	gap_note(&g, 0, 4, 10);
	gap_note(&g, 1, 4, 20);
	gap_note(&g, 2, 4, 30);
	assert_report(&g, 0, 4, 1, 10, 10);
	gap_renumber(&g, map);
	gap_end(&g, 0, GAP_LATER);
	assert_report(&g, BRIDGE_ROUTES_MAX, 4, 2, 10, 30);
	gap_end(&g, 0, GAP_TOLD);
	assert_report(&g, 0, 4, 1, 20, 20);
	gap_end(&g, 0, GAP_TOLD);
	assert_int_equal(gap_due(&g), TIMER_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_together),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_not_told),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_renumber),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
