/* SPDX-License-Identifier: Apache-2.0 */
#include "base/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *a, *b;
	size_t distance;
} rows[] = {
	{ "", "", 0 },
	{ "status", "status", 0 },
	{ "status", "", 6 },
	{ "stats", "status", 1 },   /* one inserted */
	{ "statuss", "status", 1 }, /* one deleted */
	{ "stotus", "status", 1 },  /* one exchanged */
	{ "sattus", "status", 2 },  /* two swapped */
	{ "kitten", "sitting", 3 },
	{ "abc", "xyz", 3 },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("%s / %s\n", rows[i].a, rows[i].b);
		assert_int_equal(words_distance(rows[i].a, rows[i].b), rows[i].distance);
		assert_int_equal(words_distance(rows[i].b, rows[i].a), rows[i].distance);
	}
}

static void test_long(void **state)
{
	char a[WORDS_LEN_MAX * 2 + 1], b[WORDS_LEN_MAX * 2 + 1];

	(void)state;
	memset(a, 'a', sizeof(a) - 1);
	memset(b, 'b', sizeof(b) - 1);
	a[sizeof(a) - 1] = b[sizeof(b) - 1] = '\0';
	assert_int_equal(words_distance(a, b), WORDS_LEN_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
