/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/echo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void test_is_taken_once(void **state)
{
	struct echo e;

	(void)state;
	echo_init(&e);
	assert_false(echo_take(&e, 0, span_text("t"), span_text("p")));
	echo_expect(&e, span_text("t"), span_text("p"));
	assert_true(echo_take(&e, 5, span_text("t"), span_text("p")));
	assert_false(echo_take(&e, 5, span_text("t"), span_text("p")));
	/* Published twice, echoed twice. */
	echo_expect(&e, span_text("t"), span_text("p"));
	echo_expect(&e, span_text("t"), span_text("p"));
	assert_true(echo_take(&e, 11, span_text("t"), span_text("p")));
	assert_true(echo_take(&e, 11, span_text("t"), span_text("p")));
	assert_false(echo_take(&e, 11, span_text("t"), span_text("p")));
}

/* Topic and payload do not run into each other, and both count. */
static void test_differences(void **state)
{
	static const struct {
		const char *topic, *payload;
	} others[] = { { "ab", "" }, { "a", "bc" }, { "", "ab" }, { "a", "B" }, { "b", "b" } };
	struct echo e;

	(void)state;
	echo_init(&e);
	echo_expect(&e, span_text("a"), span_text("b"));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(
		    echo_take(&e, 0, span_text(others[i].topic), span_text(others[i].payload)));
	assert_true(echo_take(&e, 0, span_text("a"), span_text("b")));
	echo_expect(&e, span_text("a"), (struct span){ 0 });
	assert_true(echo_take(&e, 0, span_text("a"), span_text("")));
}

static void test_time(void **state)
{
	struct echo e;

	(void)state;
	echo_init(&e);
	echo_expect(&e, span_text("t"), span_text("p"));
	echo_expect(&e, span_text("t"), span_text("q"));
	echo_expect(&e, span_text("t"), span_text("r"));
	echo_sent(&e, 1000, span_text("t"), span_text("p"));
	echo_sent(&e, 1000, span_text("t"), span_text("q"));
	assert_true(echo_take(&e, 1000 + ECHO_KEEP_MS, span_text("t"), span_text("p")));
	assert_false(echo_take(&e, 1000 + ECHO_KEEP_MS + 1, span_text("t"), span_text("q")));
	/* The modem may be busy with something else for long before it publishes. */
	assert_true(echo_take(&e, 1000 + 2 * ECHO_KEEP_MS, span_text("t"), span_text("r")));
}

/* Bounded: the oldest one is forgotten first. */
static void test_bound(void **state)
{
	struct echo e;
	char payload[16];

	(void)state;
	echo_init(&e);
	for (size_t i = 0; i <= BRIDGE_ECHO_MAX; i++) {
		snprintf(payload, sizeof(payload), "%zu", i);
		echo_expect(&e, span_text("t"), span_text(payload));
	}
	assert_false(echo_take(&e, 0, span_text("t"), span_text("0")));
	for (size_t i = 1; i <= BRIDGE_ECHO_MAX; i++) {
		snprintf(payload, sizeof(payload), "%zu", i);
		assert_true(echo_take(&e, 0, span_text("t"), span_text(payload)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_taken_once),
		cmocka_unit_test(test_differences),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
