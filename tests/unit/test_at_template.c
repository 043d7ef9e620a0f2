/* SPDX-License-Identifier: Apache-2.0 */
/* The vendor's notation: expansion, matching, and the check of whole scripts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "at/at_template.h"

#include <errno.h>
#include <string.h>

static void set_args(struct at_args *a)
{
	at_args_init(a);
	at_args_number(a, "client_index", 1);
	at_args_number(a, "qos", 2);
	at_args_text(a, "name", "gw-17");
	at_args_text(a, "empty", "");
	at_args_text(a, "quote", "a\",\"b");
	at_args_text(a, "line_end", "a\rAT+CPOF");
	at_args_text(a, "comma", "1;+CFUN=0");
	at_args_bytes(a, "nul", "a\0b", 3);
	at_args_secret(a, "password", "hunter2");
	at_args_raw(a, "command", "AT+CGDCONT=1,\"IP\"");
	at_args_raw(a, "two", "AT\rAT");
}

static void test_expand(void **state)
{
	static const struct {
		const char *tmpl;
		size_t cmd_max;
		bool mask;
		int r;
		const char *out;
	} rows[] = {
		{ "AT+CSQ", 559, false, 0, "AT+CSQ" },
		{ "AT+X=<client_index>,<qos>", 559, false, 0, "AT+X=1,2" },
		{ "AT+X=<client_index>[,<qos>[,<dup>]]", 559, false, 0, "AT+X=1,2" },
		{ "AT+X=<client_index>[,<dup>[,<qos>]]", 559, false, 0, "AT+X=1" },
		{ "AT+X[=<dup>][,<qos>]", 559, false, 0, "AT+X,2" },
		{ "AT+X=\"<name>\"[,\"<dup>\"],\"<empty>\"", 559, false, 0, "AT+X=\"gw-17\",\"\"" },
		{ "AT+X=<dup>", 559, false, -ENOENT, NULL },
		{ "AT+X=<cli>", 559, false, -ENOENT, NULL },
		{ "AT+X=\"<quote>\"", 559, false, -EBADMSG, NULL },
		{ "AT+X=\"<line_end>\"", 559, false, -EBADMSG, NULL },
		{ "AT+X=\"<nul>\"", 559, false, -EBADMSG, NULL },
		{ "AT+X=\"<comma>\"", 559, false, 0, "AT+X=\"1;+CFUN=0\"" },
		{ "AT+X=<comma>", 559, false, -EBADMSG, NULL },
		{ "<command>", 559, false, 0, "AT+CGDCONT=1,\"IP\"" },
		{ "<two>", 559, false, -EBADMSG, NULL },
		{ "AT+X=\"<password>\"", 559, false, 0, "AT+X=\"hunter2\"" },
		{ "AT+X=\"<password>\"", 559, true, 0, "AT+X=\"***\"" },
		{ "AT+X=<qos>", 4, false, 0, "AT+X=2" },
		{ "AT+X=<qos>", 3, false, -EMSGSIZE, NULL },
		{ "AT+X=[<qos>", 559, false, 0, "AT+X=2" },
		{ "AT+X=]", 559, false, -EINVAL, NULL },
		{ "AT+X=<qos", 559, false, -EINVAL, NULL },
	};
	struct at_args args;
	struct buf out;

	(void)state;
	set_args(&args);
	buf_init(&out, 1024);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_clear(&out);
		assert_int_equal(buf_append(&out, "before", 6), 0);
		assert_int_equal(
		    at_template_expand(rows[i].tmpl, &args, rows[i].cmd_max, rows[i].mask, &out),
		    rows[i].r);
		assert_int_equal(buf_len(&out), 6 + (rows[i].out ? strlen(rows[i].out) : 0));
		if (rows[i].out)
			assert_memory_equal(buf_data(&out) + 6, rows[i].out, strlen(rows[i].out));
	}
	buf_fini(&out);
}

/* Every length around the limit of the line (AT manual 1.4.4). */
static void test_expand_line_limit(void **state)
{
	static char text[600];
	struct at_args args;
	struct buf out;

	(void)state;
	memset(text, 'x', sizeof(text));
	buf_init(&out, 1024);
	at_args_init(&args);
	for (size_t len = 540; len < 560; len++) {
		at_args_bytes(&args, "name", text, len);
		buf_clear(&out);
		/* Behind "AT" stand +X="" and the text. */
		assert_int_equal(
		    at_template_expand("AT+X=\"<name>\"", &args, AT_CMD_MAX, false, &out),
		    len + 5 <= AT_CMD_MAX ? 0 : -EMSGSIZE);
	}
	buf_fini(&out);
}

static void test_expand_step(void **state)
{
	static char body[AT_DATA_MAX + 1];
	static const struct at_step step = {
		.send = "AT+T=<client_index>,<req_length>", .data = "body", .timeout_ms = 1
	};
	static const struct {
		size_t len;
		int r;
		const char *out;
	} rows[] = {
		{ 1, 0, "AT+T=1,1" },
		{ AT_DATA_MAX, 0, "AT+T=1,10240" },
		{ 0, -EMSGSIZE, NULL },
		{ AT_DATA_MAX + 1, -EMSGSIZE, NULL },
	};
	struct at_args args;
	struct buf out;

	(void)state;
	set_args(&args);
	buf_init(&out, 1024);
	assert_int_equal(at_template_expand_step(&step, &args, 559, false, &out), -ENOENT);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		at_args_bytes(&args, "body", body, rows[i].len);
		buf_clear(&out);
		assert_int_equal(
		    at_template_expand_step(&step, &args, 559, false, &out), rows[i].r);
		assert_int_equal(buf_len(&out), rows[i].out ? strlen(rows[i].out) : 0);
		if (rows[i].out)
			assert_memory_equal(buf_data(&out), rows[i].out, strlen(rows[i].out));
	}
	buf_fini(&out);
}

#define NO_ERR 4711

static void test_match(void **state)
{
	static const struct {
		const char *pattern;
		const char *line;
		bool matches;
		unsigned err;
	} rows[] = {
		{ "+P: <client_index>,<err>", "+P: 1,0", true, 0 },
		{ "+P: <client_index>,<err>", "+P: 1,26", true, 26 },
		{ "+P: <client_index>,<err>", "+P:1,26", true, 26 },
		{ "+P: <client_index>,<err>", "+P:  1, 26", true, 26 },
		{ "+P: <client_index>,<err>", "+P: 0,26", false, NO_ERR },
		{ "+P: <client_index>,<err>", "+P: 11,26", false, NO_ERR },
		{ "+P: <client_index>,<err>", "+P: 1,", false, NO_ERR },
		{ "+P: <client_index>,<err>", "+P: 1", false, NO_ERR },
		{ "+P: <client_index>,<err>", "+P: 1,2x", false, NO_ERR },
		{ "+P: <client_index>,<err>", "+P: 1,99999999999", false, NO_ERR },
		{ "+P: <client_index>,<err>", "+PX: 1,0", false, NO_ERR },
		{ "+S: <err>", "+S: 23", true, 23 },
		{ "+S: <err>", "+S: 0,1", false, NO_ERR },
		{ "+S: <err>[,<cid>]", "+S: 0,1", true, 0 },
		{ "+S: <err>[,<cid>]", "+S: 7", true, 7 },
		{ "+A: <client_index>,\"<id>\",<err>", "+A: 1,\"any thing\",3", true, 3 },
		{ "+A: <client_index>,\"<name>\"", "+A: 1,\"gw-17\"", true, NO_ERR },
		{ "+A: <client_index>,\"<name>\"", "+A: 1,\"gw-18\"", false, NO_ERR },
		{ "+NONET", "+NONET", true, NO_ERR },
		{ "+NONET", "+NONE", false, NO_ERR },
		{ "+NONET", "", false, NO_ERR },
	};
	struct at_args args;

	(void)state;
	set_args(&args);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned err = NO_ERR;
		bool matches = at_template_match(
		    rows[i].pattern, &args, rows[i].line, strlen(rows[i].line), &err);

		if (matches != rows[i].matches || err != rows[i].err)
			fail_msg("'%s' against '%s'", rows[i].line, rows[i].pattern);
	}
	assert_true(at_template_match("+S: <err>", &args, "+S: 1", 5, NULL));
}

static void test_args(void **state)
{
	struct at_args a;

	(void)state;
	set_args(&a);
	assert_int_equal(at_args_find(&a, "qos", 3)->number, 2);
	at_args_number(&a, "qos", 1);
	assert_int_equal(at_args_find(&a, "qos", 3)->number, 1);
	assert_null(at_args_find(&a, "qo", 2));
	assert_null(at_args_find(&a, "qosx", 4));
	at_args_unset(&a, "client_index");
	at_args_unset(&a, "client_index");
	assert_null(at_args_find(&a, "client_index", 12));
	assert_int_equal(at_args_find(&a, "qos", 3)->number, 1);
	at_args_text(&a, "name", NULL);
	assert_null(at_args_find(&a, "name", 4));
}

static void test_script_check(void **state)
{
	static const char *const names[] = { "client_index", "topic" };
	static const struct {
		struct at_step step;
		const char *why; /* NULL: right */
	} rows[] = {
		{ { .send = "AT+CSQ", .timeout_ms = 1 }, NULL },
		{ { .send = "AT+T=<client_index>[,<req_length>]",
		      .data = "topic",
		      .only_if = "topic",
		      .refusal = "+T: <client_index>,<err>",
		      .fine_errs = { 1 },
		      .timeout_ms = 1 },
		    NULL },
		{ { .send = "AT+T=<client>", .timeout_ms = 1 }, "a placeholder that nobody sets" },
		{ { .send = "AT+T=<topic", .timeout_ms = 1 }, "a < without its >" },
		{ { .send = "AT+T=[<topic>", .timeout_ms = 1 }, "a [ without its ]" },
		{ { .send = "AT+T=<topic>]", .timeout_ms = 1 }, "a ] without its [" },
		{ { .send = "AT+T=\"<topic>", .timeout_ms = 1 }, "a quote that is not closed" },
		{ { .send = "T=1", .timeout_ms = 1 }, "a command that does not begin with AT" },
		{ { .send = "AT+T" }, "no time-out" },
		{ { .send = "AT+T", .answer = "T: <err>", .timeout_ms = 1 },
		    "an answer that does not begin with +" },
		{ { .send = "AT+TT", .answer = "+T: <err>", .timeout_ms = 1 },
		    "an answer to another command" },
		{ { .send = "AT+T", .refusal = "+T: <req_length>", .timeout_ms = 1 },
		    "a placeholder that nobody sets" },
		{ { .send = "AT+T=<req_length>", .timeout_ms = 1 },
		    "<req_length> and data need each other" },
		{ { .send = "AT+T", .data = "topic", .timeout_ms = 1 },
		    "<req_length> and data need each other" },
		{ { .send = "AT+T=<req_length>", .data = "body", .timeout_ms = 1 },
		    "data that nobody sets" },
		{ { .send = "AT+T", .only_if = "body", .timeout_ms = 1 },
		    "a condition that nobody sets" },
		{ { .send = "AT+T", .fine_errs = { 1 }, .timeout_ms = 1 },
		    "fine errors that no line can report" },
	};
	struct at_step endless[AT_STEPS_MAX];
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct at_step step = rows[i].step;

		step.is_last = true;
		why = NULL;
		assert_int_equal(at_script_check(&step, names, 2, &why), rows[i].why ? -EINVAL : 0);
		assert_int_equal(why != NULL, rows[i].why != NULL);
		if (why)
			assert_string_equal(why, rows[i].why);
	}
	assert_int_equal(at_script_check((struct at_step[]){ { 0 } }, names, 2, &why), -EINVAL);
	assert_string_equal(why, "no command");
	for (size_t i = 0; i < AT_STEPS_MAX; i++)
		endless[i] = rows[0].step;
	assert_int_equal(at_script_check(endless, names, 2, &why), -EINVAL);
	assert_string_equal(why, "none of AT_STEPS_MAX steps is the last");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expand),
		cmocka_unit_test(test_expand_line_limit),
		cmocka_unit_test(test_expand_step),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_args),
		cmocka_unit_test(test_script_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
