/* SPDX-License-Identifier: Apache-2.0 */
/* Taking answer lines apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "at/at_line.h"

#include <string.h>

static void test_field(void **state)
{
	static const struct {
		const char *line;
		size_t index;
		const char *field; /* NULL: there is none */
	} rows[] = {
		{ "+CSQ: 27,99", 0, "27" },
		{ "+CSQ: 27,99", 1, "99" },
		{ "+CSQ: 27,99", 2, NULL },
		{ "+CSQ:27 , 99 ", 1, "99" },
		{ "+CMQTTCONNECT: 0,\"tcp://h:1\",20,1,\"a,b\",\"\"", 1, "tcp://h:1" },
		{ "+CMQTTCONNECT: 0,\"tcp://h:1\",20,1,\"a,b\",\"\"", 4, "a,b" },
		{ "+CMQTTCONNECT: 0,\"tcp://h:1\",20,1,\"a,b\",\"\"", 5, "" },
		{ "+CMQTTSSLCFG: 1,", 1, "" },
		{ "+CMQTTCONNECT: 1", 1, NULL },
		{ "+CCLK: \"26/11/22,10:00:00+04\"", 0, "26/11/22,10:00:00+04" },
		{ "+X: \"half", 0, "\"half" },
		{ "+X:", 0, "" },
		{ "OK", 0, NULL },
		{ "", 0, NULL },
	};
	struct span field;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool found = at_line_field(span_text(rows[i].line), rows[i].index, &field);

		if (found != (rows[i].field != NULL) || (found && !span_is(field, rows[i].field)))
			fail_msg("row %zu: '%s' field %zu", i, rows[i].line, rows[i].index);
	}
}

static void test_number(void **state)
{
	static const struct {
		const char *line;
		size_t index;
		bool is_number;
		uint32_t number;
	} rows[] = {
		{ "+CSQ: 27,99", 1, true, 99 },
		{ "+X: 4294967295", 0, true, UINT32_MAX },
		{ "+X: 4294967296", 0, false, 0 },
		{ "+X: 99999999999", 0, false, 0 },
		{ "+X: -1", 0, false, 0 },
		{ "+X: 1a", 0, false, 0 },
		{ "+X: \"7\"", 0, true, 7 },
		{ "+X: ,1", 0, false, 0 },
		{ "+X: ,1", 1, true, 1 },
		{ "+X: 1", 1, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t number = 12345;
		bool found = at_line_number(span_text(rows[i].line), rows[i].index, &number);

		assert_int_equal(found, rows[i].is_number);
		assert_int_equal(number, found ? rows[i].number : 12345);
	}
}

static void test_prefix(void **state)
{
	(void)state;
	assert_true(span_begins_with(span_text("+CSQ: 1"), "+CSQ:"));
	assert_false(span_begins_with(span_text("+CS"), "+CSQ:"));
	assert_false(span_begins_with(span_text("+CREG: 1"), "+CSQ:"));
	assert_true(span_is(span_text("OK"), "OK"));
	assert_false(span_is(span_text("OK "), "OK"));
	assert_false(span_is(span_text("O"), "OK"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_field),
		cmocka_unit_test(test_number),
		cmocka_unit_test(test_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
