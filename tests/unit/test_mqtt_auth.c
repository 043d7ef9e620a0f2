/* SPDX-License-Identifier: Apache-2.0 */
/* Password and rights files of a listener. */
#include "mqtt/mqtt_auth.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* openssl passwd -5 -salt abcdefgh secret; openssl passwd -6 -salt saltsalt other */
#define HASH_SECRET "$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM."
#define HASH_OTHER                                           \
	"$6$saltsalt$r4j7z8gOqxO9zYH/VSQ4MPgAu/GTg0.tIK5o0K" \
	"3dXowoILt/JRmXmiqFa26mKioMH3Fwhg6qaU0XTibPpoJ8z."

static int parse(const char *passwords, const char *acl, struct mqtt_auth **ret, unsigned *ret_line,
    const char **ret_why)
{
	return mqtt_auth_new(passwords, passwords ? strlen(passwords) : 0, acl,
	    acl ? strlen(acl) : 0, ret, ret_line, ret_why);
}

static struct mqtt_auth *must_parse(const char *passwords, const char *acl)
{
	struct mqtt_auth *a = NULL;
	const char *why = "?";
	unsigned line = 0;

	if (parse(passwords, acl, &a, &line, &why) < 0)
		fail_msg("line %u: %s", line, why);
	return a;
}

static const struct {
	const char *passwords;
	const char *acl;
	unsigned line; /* 0: fine */
} parse_rows[] = {
	{ NULL, NULL, 0 },
	{ "", "", 0 },
	{ "# nobody\n\n  \t\nu:$1$x$y", NULL, 0 },
	{ "u:$5$x\r\nv:$6$y\r\n", NULL, 0 },
	{ "u:$5$x\nv", NULL, 2 },
	{ "\n\n:$5$x", NULL, 3 },
	{ "u:plain", NULL, 1 },
	{ "u:", NULL, 1 },
	{ "u:$5$x\nu:$5$x\n", NULL, 2 },
	{ NULL, "topic a\n topic read a/b\ntopic\twrite  a b\nuser x y\ntopic deny #\n", 0 },
	{ NULL, "pattern read a/%u/%c\n# topic ++\n", 0 },
	{ NULL, "topic read\n", 0 },
	{ NULL, "topic\n", 1 },
	{ NULL, "user\n", 1 },
	{ NULL, "\ntopic read a#\n", 2 },
	{ NULL, "topics a\n", 1 },
	{ "u:$5$x\n", "\n\n\nwhat is this\n", 4 },
	/* what one CONNECT would cost */
	{ "a:$1$x\nb:$5$x\nc:$6$rounds=100000$x$y\nd:$2b$10$x\ne:$y$jAT$x$y\nf:$gy$j9T$x", NULL,
	    0 },
	{ "u:$6$rounds=100001$x$y\n", NULL, 1 },
	{ "u:$5$rounds=99999999999999999999$x$y\n", NULL, 1 },
	{ "u:$5$rounds=-1$x$y\n", NULL, 1 },
	{ "u:$2y$11$x\n", NULL, 1 },
	{ "u:$y$jBT$x$y\n", NULL, 1 },
	{ "u:$y$jAU$x$y\n", NULL, 1 },
	{ "u:$y$jAT/$x$y\n", NULL, 1 }, /* more time for the same memory */
	{ "u:$y$jA\n", NULL, 1 },
	/* kinds of which it is not known */
	{ "u:$7$CU..../....x$y\n", NULL, 1 },
	{ "u:$sha1$24000$x$y\n", NULL, 1 },
	{ "u:$\n", NULL, 1 },
	{ "u:$6\n", NULL, 1 },
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(parse_rows); i++) {
		struct mqtt_auth *a = NULL;
		const char *why = NULL;
		unsigned line = 0;
		int r = parse(parse_rows[i].passwords, parse_rows[i].acl, &a, &line, &why);

		print_message("row %zu: %s\n", i, why ? why : "fine");
		assert_int_equal(line, parse_rows[i].line);
		assert_int_equal(r, parse_rows[i].line ? -EINVAL : 0);
		assert_true(!why == !parse_rows[i].line);
		mqtt_auth_free(a);
	}
	mqtt_auth_free(NULL);
}

static void test_nul(void **state)
{
	struct mqtt_auth *a = NULL;
	const char *why = NULL;
	unsigned line = 7;

	(void)state;
	assert_int_equal(mqtt_auth_new("u:$5$\0", 6, NULL, 0, &a, &line, &why), -EINVAL);
	assert_non_null(why);
}

static void test_passwords(void **state)
{
	static const struct {
		const char *user;
		const char *password;
		bool fits;
	} rows[] = {
		{ "ann", "secret", true }, { "ann", "Secret", false }, { "ann", "", false },
		{ "ann", "secret ", false }, { "ann", "other", false }, { "bob", "other", true },
		{ "bob", "secret", false },
		{ "eve", "secret", false }, /* whoever does not exist has nobody's password */
		{ "eve", "other", false }, { "", "secret", false },
		{ "bad", "secret", false }, /* a hash that crypt does not know */
	};
	struct mqtt_auth *a =
	    must_parse("ann:" HASH_SECRET "\nbob:" HASH_OTHER "\nbad:$2z$05$x\n", NULL);
	uint8_t long_password[600];

	(void)state;
	assert_true(mqtt_auth_has_users(a));
	for (size_t i = 0; i < COUNT(rows); i++) {
		print_message("%s %s\n", rows[i].user, rows[i].password);
		assert_int_equal(
		    mqtt_auth_check(a, span_text(rows[i].user), span_text(rows[i].password)),
		    rows[i].fits);
	}
	/* What crypt(3) cannot take, or would take for something shorter. */
	assert_false(
	    mqtt_auth_check(a, span_text("ann"), (struct span){ (const uint8_t *)"secret\0x", 8 }));
	assert_false(mqtt_auth_check(a, span_text("ann"), (struct span){ NULL, 0 }));
	memset(long_password, 'x', sizeof(long_password));
	assert_false(mqtt_auth_check(a, span_text("ann"), (struct span){ long_password, 600 }));
	mqtt_auth_free(a);
	a = must_parse("# nobody\n", NULL);
	assert_false(mqtt_auth_has_users(a));
	assert_false(mqtt_auth_check(a, span_text("ann"), span_text("secret")));
	mqtt_auth_free(a);
	assert_false(mqtt_auth_has_users(NULL));
}

static const char acl[] = "topic read public/#\n"
			  "topic anon/in\n"
			  "user ann\n"
			  "topic readwrite site/#\n"
			  "topic deny site/secret/#\n"
			  "topic write log\n"
			  "user bob\n"
			  "topic read site/+/temp\n"
			  "pattern write dev/%c/up\n"
			  "pattern read user/%u/#\n";

static const struct {
	const char *user;
	const char *client_id;
	const char *topic;
	bool may_read;
	bool may_write;
} right_rows[] = {
	{ "", "c", "public/x", true, false },
	{ "", "c", "anon/in", true, true },
	{ "", "c", "site/1/temp", false, false },
	{ "ann", "c", "public/x", false, false }, /* those are for anonymous clients */
	{ "ann", "c", "site/1", true, true },
	{ "ann", "c", "site/secret", false, false },
	{ "ann", "c", "site/secret/x", false, false },
	{ "ann", "c", "log", false, true },
	{ "bob", "c", "site/1/temp", true, false },
	{ "bob", "c", "site/secret/temp", true, false }, /* denied to ann only */
	{ "bob", "c", "site/1", false, false },
	{ "bob", "c", "dev/c/up", false, true },
	{ "", "c", "dev/c/up", false, true },
	{ "bob", "c", "dev/d/up", false, false },
	{ "ann", "c", "user/ann/x", true, false },
	{ "ann", "c", "user/bob/x", false, false },
	{ "", "c", "user//x", false, false }, /* %u without a user */
	/* names that would reach further than one level */
	{ "bob", "+", "dev/c/up", false, false },
	{ "bob", "a/b", "dev/a/b/up", false, false },
	{ "#", "c", "user/bob/x", false, false },
};

static void test_rights(void **state)
{
	struct mqtt_auth *a = must_parse(NULL, acl);

	(void)state;
	for (size_t i = 0; i < COUNT(right_rows); i++) {
		struct span user = span_text(right_rows[i].user);
		struct span id = span_text(right_rows[i].client_id);
		struct span topic = span_text(right_rows[i].topic);

		print_message(
		    "%s %s %s\n", right_rows[i].user, right_rows[i].client_id, right_rows[i].topic);
		assert_int_equal(mqtt_auth_may_read(a, user, id, topic), right_rows[i].may_read);
		assert_int_equal(mqtt_auth_may_write(a, user, id, topic), right_rows[i].may_write);
		assert_true(mqtt_auth_may_read(NULL, user, id, topic));
		assert_true(mqtt_auth_may_write(NULL, user, id, topic));
	}
	mqtt_auth_free(a);
}

static void test_subscribe(void **state)
{
	static const struct {
		const char *user;
		const char *filter;
		bool may;
	} rows[] = {
		{ "", "#", true },
		{ "", "site/#", false },
		{ "", "public/1", true },
		{ "ann", "site/+/x", true },
		{ "ann", "log", false }, /* write only */
		{ "ann", "user/ann", true },
		{ "ann", "user/bob", false },
		{ "bob", "site/1/humidity", false },
		{ "bob", "site/#", true },
	};
	struct mqtt_auth *a = must_parse(NULL, acl);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		print_message("%s %s\n", rows[i].user, rows[i].filter);
		assert_int_equal(mqtt_auth_may_subscribe(a, span_text(rows[i].user), span_text("c"),
				     span_text(rows[i].filter)),
		    rows[i].may);
	}
	mqtt_auth_free(a);
	assert_true(mqtt_auth_may_subscribe(NULL, span_text(""), span_text("c"), span_text("#")));
}

/* No rights file: everything. An empty one: nothing. */
static void test_no_file_and_empty_file(void **state)
{
	struct mqtt_auth *none = must_parse("", NULL), *empty = must_parse(NULL, "");

	(void)state;
	assert_true(mqtt_auth_may_read(none, span_text(""), span_text("c"), span_text("a")));
	assert_true(mqtt_auth_may_subscribe(none, span_text(""), span_text("c"), span_text("a")));
	assert_false(mqtt_auth_may_read(empty, span_text(""), span_text("c"), span_text("a")));
	assert_false(mqtt_auth_may_write(empty, span_text(""), span_text("c"), span_text("a")));
	assert_false(mqtt_auth_may_subscribe(empty, span_text(""), span_text("c"), span_text("#")));
	mqtt_auth_free(none);
	mqtt_auth_free(empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_passwords),
		cmocka_unit_test(test_rights),
		cmocka_unit_test(test_subscribe),
		cmocka_unit_test(test_no_file_and_empty_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
