/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of one kind: a burst is written, the rest is counted and told at the end of the window.
 */
#include "../../daemon/log_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define START_MS 5000

static int passed(struct log_limit *limit, size_t kind, uint64_t now_ms, int lines)
{
	int count = 0;

	for (int i = 0; i < lines; i++)
		count += log_limit_pass(limit, kind, now_ms);
	return count;
}

static void test_burst(void **state)
{
	struct log_limit limit = { 0 };
	size_t kind = 99;
	uint32_t held = 99;

	(void)state;
	assert_int_equal(passed(&limit, 3, START_MS, 1000), LOG_LIMIT_BURST);
	/* Another kind has a burst of its own. */
	assert_int_equal(passed(&limit, 4, START_MS, 5), 5);
	assert_false(
	    log_limit_next(&limit, START_MS + LOG_LIMIT_WINDOW_MS - 1, false, &kind, &held));
	assert_int_equal(kind, 99);
	assert_int_equal(held, 99);
	assert_true(log_limit_next(&limit, START_MS + LOG_LIMIT_WINDOW_MS, false, &kind, &held));
	assert_int_equal(kind, 3);
	assert_int_equal(held, 1000 - LOG_LIMIT_BURST);
	assert_false(log_limit_next(&limit, START_MS + LOG_LIMIT_WINDOW_MS, false, &kind, &held));
}

/* Whoever asks late is told of all that came until then. */
static void test_every_line_is_counted(void **state)
{
	struct log_limit limit = { 0 };
	size_t kind;
	uint32_t held;
	unsigned written = 0, told = 0;

	(void)state;
	for (uint64_t now_ms = START_MS; now_ms < START_MS + 10 * LOG_LIMIT_WINDOW_MS;
	     now_ms += 100) {
		written += log_limit_pass(&limit, 0, now_ms);
		if (now_ms % 7000 == 0 && log_limit_next(&limit, now_ms, false, &kind, &held))
			told += held;
	}
	while (log_limit_next(&limit, UINT64_MAX, true, &kind, &held))
		told += held;
	assert_int_equal(written + told, 10 * LOG_LIMIT_WINDOW_MS / 100);
	assert_in_range(written, 9 * LOG_LIMIT_BURST, 11 * LOG_LIMIT_BURST);
}

static void test_slow_lines_pass(void **state)
{
	struct log_limit limit = { 0 };
	size_t kind;
	uint32_t held;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		assert_true(log_limit_pass(&limit, LOG_LIMIT_KINDS - 1, i * 3001));
	assert_false(log_limit_next(&limit, UINT64_MAX, true, &kind, &held));
}

static void test_at_the_end(void **state)
{
	struct log_limit limit = { 0 };
	size_t kind;
	uint32_t held;

	(void)state;
	passed(&limit, 1, START_MS, LOG_LIMIT_BURST + 1);
	passed(&limit, 2, START_MS, LOG_LIMIT_BURST + 2);
	assert_true(log_limit_next(&limit, START_MS, true, &kind, &held));
	assert_int_equal(held, 1);
	assert_true(log_limit_next(&limit, START_MS, true, &kind, &held));
	assert_int_equal(held, 2);
	assert_false(log_limit_next(&limit, START_MS, true, &kind, &held));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_every_line_is_counted),
		cmocka_unit_test(test_slow_lines_pass),
		cmocka_unit_test(test_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
