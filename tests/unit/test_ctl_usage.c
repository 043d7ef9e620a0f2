/* SPDX-License-Identifier: Apache-2.0 */
#include "../../daemon/ctl_usage.h"

#include "../../daemon/ctl_commands.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ARGS_MAX 12

/* ---- usage strings ---- */

static const struct {
	const char *text;
	int result;
	const char *items; /* flag, hole, "!" required, group */
} usages[] = {
	{ "", 0, "" },
	{ "NAME", 0, "NAME! " },
	{ "[NAME]", 0, "NAME " },
	{ "-t TOPIC", 0, "-t=TOPIC! " },
	{ "-t TOPIC [-r] NAME", 0, "-t=TOPIC! -r NAME! " },
	{ "[-r] NAME", 0, "-r NAME! " },
	{ "[--name NAME]", 0, "--name=NAME " },
	{ "(-m TEXT | -s) [-r]", 0, "-m=TEXT1 -s1 -r " },
	{ "(-m TEXT | -s) (-r | -f FILE)", 0, "-m=TEXT1 -s1 -r2 -f=FILE2 " },
	{ "at AT-COMMAND", -EINVAL, NULL }, /* no word but options and holes */
	{ "NOTHING", -EINVAL, NULL },       /* no such hole */
	{ "[NAME", -EINVAL, NULL },
	{ "NAME]", -EINVAL, NULL },
	{ "[[NAME]]", -EINVAL, NULL },
	{ "(-m TEXT", -EINVAL, NULL },
	{ "-m TEXT)", -EINVAL, NULL },
	{ "((-m TEXT))", -EINVAL, NULL },
	{ "-m TEXT | -s", -EINVAL, NULL },
};

static void print_items(const struct ctl_usage *u, char *ret, size_t size)
{
	size_t len = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < u->count; i++) {
		const struct ctl_usage_item *item = &u->items[i];

		len += (size_t)snprintf(ret + len, size - len, "%.*s%s%s%s", (int)item->flag_len,
		    item->flag ? item->flag : "", item->flag && item->hole ? "=" : "",
		    item->hole ? item->hole->name : "", item->is_required ? "!" : "");
		if (item->group > 0)
			len += (size_t)snprintf(ret + len, size - len, "%d", item->group);
		len += (size_t)snprintf(ret + len, size - len, " ");
	}
}

static void test_usages(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++) {
		struct ctl_usage u = { 0 };
		char items[256];

		print_message("%s\n", usages[i].text);
		assert_int_equal(ctl_usage_add(&u, usages[i].text), usages[i].result);
		if (usages[i].result < 0)
			continue;
		print_items(&u, items, sizeof(items));
		assert_string_equal(items, usages[i].items);
	}
}

static void test_two_usages(void **state)
{
	struct ctl_usage u = { 0 };
	char items[256];

	(void)state;
	assert_int_equal(ctl_usage_add(&u, "(-m TEXT | -s)"), 0);
	assert_int_equal(ctl_usage_add(&u, "(-r | -f FILE) [NAME]"), 0);
	print_items(&u, items, sizeof(items));
	assert_string_equal(items, "-m=TEXT1 -s1 -r2 -f=FILE2 NAME ");
}

/* ---- arguments ---- */

#define PUBLISH "-t TOPIC (-m TEXT | -f FILE | -s) [-b NAME] [-q QOS] [-r] [--wait]"

static const struct {
	const char *usage;
	const char *args;   /* separated by blanks; "~" stands for an empty one */
	const char *why;    /* NULL: good */
	const char *values; /* of the items, in their order, "." for none */
} rows[] = {
	{ "", "", NULL, "" },
	{ "", "x", "\"x\" is one argument too many", NULL },
	{ "", "-x", "there is no option -x", NULL },
	{ "", "--xx", "there is no option --xx", NULL },
	{ "ID", "1", NULL, "1 " },
	{ "ID", "0", "\"0\" is not the number of a message, as \"queue list\" shows it", NULL },
	{ "ID", "1a", "\"1a\" is not the number of a message, as \"queue list\" shows it", NULL },
	{ "ID", "1234567890123456789",
	    "\"1234567890123456789\" is not the number of a message, as \"queue list\" shows it",
	    NULL },
	{ "NAME", "cloud", NULL, "cloud " },
	{ "NAME", "", "NAME is missing", NULL },
	{ "NAME", "~", "\"\" is not a name as in the configuration (a-z, 0-9, _ and -)", NULL },
	{ "NAME", "Cloud", "\"Cloud\" is not a name as in the configuration (a-z, 0-9, _ and -)",
	    NULL },
	{ "NAME", "cloud plant", "\"plant\" is one argument too many", NULL },
	{ "[NAME]", "", NULL, ". " },
	{ "NAME", "-- -x", NULL, "-x " },
	{ PUBLISH, "-t a/b -m hi", NULL, "a/b hi . . . . . . " },
	{ PUBLISH, "-ta/b -mhi -q2 -r --wait", NULL, "a/b hi . . . 2 ~ ~ " },
	{ PUBLISH, "-rst a", NULL, "a . . ~ . . ~ . " }, /* joined, the last one with a value */
	{ PUBLISH, "-t a -m -s", NULL, "a -s . . . . . . " },
	{ PUBLISH, "-t a -m ~", NULL, "a ~ . . . . . . " },
	{ PUBLISH, "-t a -f - -b plant", NULL, "a . - . plant . . . " },
	{ PUBLISH, "-r -r -t a -s", NULL, "a . . ~ . . ~ . " },
	{ PUBLISH, "-m hi", "-t TOPIC is missing", NULL },
	{ PUBLISH, "-t a", "exactly one is needed of -m TEXT, -f FILE, -s", NULL },
	{ PUBLISH, "-t a -m hi -s", "exactly one is needed of -m TEXT, -f FILE, -s", NULL },
	{ PUBLISH, "-t a -t b -s", "-t is given twice", NULL },
	{ PUBLISH, "-s -t", "-t needs an MQTT topic", NULL },
	{ PUBLISH, "-t a -s -q 3", "\"3\" is not 0, 1 or 2", NULL },
	{ PUBLISH, "-t a -s -q 10", "\"10\" is not 0, 1 or 2", NULL },
	{ PUBLISH, "-t a -s --wait=1", "--wait takes no value", NULL },
	{ PUBLISH, "-t a -s --wai", "there is no option --wai", NULL },
	{ PUBLISH, "-t a -sx", "there is no option -x", NULL },
	{ PUBLISH, "-t a -s x", "\"x\" is one argument too many", NULL },
	{ PUBLISH, "-t ~ -s", "\"\" is not an MQTT topic", NULL },
	{ PUBLISH, "-t \xff -s", "\"\xff\" is not an MQTT topic", NULL },
	{ "[--name NAME]", "--name cloud", NULL, "cloud " },
	{ "[--name NAME]", "--name=cloud", NULL, "cloud " },
	{ "[--name NAME]", "--name",
	    "--name needs a name as in the configuration (a-z, 0-9, _ and -)", NULL },
	{ "[-C COUNT]", "-C 1", NULL, "1 " },
	{ "[-C COUNT]", "-C 999999999", NULL, "999999999 " },
	{ "[-C COUNT]", "-C 0", "\"0\" is not a number from 1 on", NULL },
	{ "[-C COUNT]", "-C -1", "\"-1\" is not a number from 1 on", NULL },
	{ "[-C COUNT]", "-C 1x", "\"1x\" is not a number from 1 on", NULL },
	{ "[-C COUNT]", "-C 9999999999", "\"9999999999\" is not a number from 1 on", NULL },
	{ "LEVEL", "debug", NULL, "debug " },
	{ "LEVEL", "loud", "\"loud\" is not error, warning, info or debug", NULL },
};

/* Split at blanks, in place. */
static int split(char *text, char **argv)
{
	int argc = 0;
	char *end;

	for (; *text; text = end) {
		size_t len = strcspn(text, " ");

		end = text + len + (text[len] == ' ');
		text[len] = '\0';
		if (strcmp(text, "~") == 0)
			text[0] = '\0';
		assert_in_range(argc, 0, ARGS_MAX - 1);
		argv[argc++] = text;
	}
	return argc;
}

static void print_values(const struct ctl_usage *u, char *ret, size_t size)
{
	size_t len = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < u->count; i++) {
		const char *value = u->values[i];

		len += (size_t)snprintf(ret + len, size - len, "%s ",
		    !value     ? "."
		    : value[0] ? value
			       : "~");
	}
}

static void test_arguments(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ctl_usage u = { 0 };
		char args[128], why[256] = "", values[256], *argv[ARGS_MAX];
		int argc, r;

		print_message("%s: %s\n", rows[i].usage, rows[i].args);
		snprintf(args, sizeof(args), "%s", rows[i].args);
		argc = split(args, argv);
		assert_int_equal(ctl_usage_add(&u, rows[i].usage), 0);
		r = ctl_usage_read(&u, argc, argv, false, why, sizeof(why));
		if (r >= 0)
			assert_int_equal(r, argc);
		if (r >= 0)
			r = ctl_usage_check(&u, why, sizeof(why));
		if (rows[i].why) {
			assert_int_equal(r, -EINVAL);
			assert_string_equal(why, rows[i].why);
			continue;
		}
		assert_string_equal(why, "");
		assert_int_equal(r, 0);
		print_values(&u, values, sizeof(values));
		assert_string_equal(values, rows[i].values);
	}
}

/* Options for all commands before the command, and again behind it. */
static void test_stop_at_word(void **state)
{
	char text[] = "-S /x --json status --json -S", *argv[ARGS_MAX];
	struct ctl_usage u = { 0 };
	int argc = split(text, argv), n;
	char why[256] = "";

	(void)state;
	assert_int_equal(ctl_usage_add(&u, ctl_global_usage), 0);
	n = ctl_usage_read(&u, argc, argv, true, why, sizeof(why));
	assert_int_equal(n, 3);
	assert_string_equal(ctl_usage_get(&u, "-S"), "/x");
	assert_non_null(ctl_usage_get(&u, "--json"));
	assert_null(ctl_usage_get(&u, "--help"));
	assert_null(ctl_usage_get(&u, "--nothing"));
	assert_int_equal(
	    ctl_usage_read(&u, argc - n - 1, argv + n + 1, false, why, sizeof(why)), -EINVAL);
	assert_string_equal(why, "-S needs the path of a Unix socket");
}

/* ---- the commands ---- */

/* Each usage string is good, with the options for all in front, and asks for nothing unknown. */
static void test_commands(void **state)
{
	static const struct {
		const char *word, *name;
	} nearest[] = { { "stauts", "status" }, { "pub", "publish" }, { "Status", "status" },
		{ "history", "history" }, { "loglevel", "log-level" }, { "broker", "brokers" },
		{ "queue lst", "queue list" }, { "queue delete", "queue list" },
		{ "queue retyr", "queue retry" } };

	(void)state;
	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		struct ctl_usage u = { 0 };

		print_message("%s %s\n", c->name, c->usage);
		assert_int_equal(ctl_usage_add(&u, ctl_global_usage), 0);
		assert_int_equal(ctl_usage_add(&u, c->usage), 0);
		assert_ptr_equal(ctl_command_find(c->name), c);
		assert_non_null(c->summary);
	}
	assert_null(ctl_command_find("stat"));
	assert_null(ctl_command_find(""));
	for (size_t i = 0; i < sizeof(nearest) / sizeof(nearest[0]); i++)
		assert_string_equal(ctl_command_nearest(nearest[i].word)->name, nearest[i].name);
}

/* Names of one word and of two. */
static void test_take(void **state)
{
	static const struct {
		const char *first, *second;
		const char *name; /* NULL: there is none */
		int words;
	} takes[] = {
		{ "status", NULL, "status", 1 },
		{ "status", "x", "status", 1 },
		{ "stat", NULL, NULL, 1 },
		{ "statuses", NULL, NULL, 1 },
		{ "", NULL, NULL, 1 },
		{ "queue", NULL, "queue list", 1 },
		{ "queue", "-b", "queue list", 1 },
		{ "queue", "--", "queue list", 1 },
		{ "queue", "list", "queue list", 2 },
		{ "queue", "drop", "queue drop", 2 },
		{ "queue", "dro", NULL, 2 },
		{ "queue", "", NULL, 2 },
		{ "queu", "list", NULL, 1 },
		{ "queue list", NULL, NULL, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(takes) / sizeof(takes[0]); i++) {
		const struct ctl_command *c;
		int words = 0;

		print_message("%s\n", takes[i].first);
		c = ctl_command_take(takes[i].first, takes[i].second, &words);
		assert_int_equal(c != NULL, takes[i].name != NULL);
		if (c)
			assert_string_equal(c->name, takes[i].name);
		assert_int_equal(words, takes[i].words);
	}
}

/* What the commands send. */
static const struct {
	const char *line;
	const char *method, *parameters; /* NULL: none */
} calls[] = {
	{ "status", "GetStatus", NULL },
	{ "brokers", "ListBrokers", NULL },
	{ "connect plant", "Connect", "{\"name\":\"plant\"}" },
	{ "disconnect plant", "Disconnect", "{\"name\":\"plant\"}" },
	{ "reconnect plant", "Reconnect", "{\"name\":\"plant\"}" },
	{ "history", "History", "{}" },
	{ "history modem", "History", "{\"name\":\"modem\"}" },
	{ "subscribe -t a/#", "Subscribe", "{\"filter\":\"a/#\"}" },
	{ "monitor", "Monitor", "{\"at\":false}" },
	{ "monitor --at", "Monitor", "{\"at\":true}" },
	{ "queue", "ListMessages", "{}" },
	{ "queue -b plant", "ListMessages", "{\"broker\":\"plant\"}" },
	{ "queue list -b plant", "ListMessages", "{\"broker\":\"plant\"}" },
	{ "queue show 12", "GetMessage", "{\"id\":12}" },
	{ "queue show -b plant 123456789012345678", "GetMessage",
	    "{\"id\":123456789012345678,\"broker\":\"plant\"}" },
	{ "queue drop 12 -b plant", "DropMessage", "{\"id\":12,\"broker\":\"plant\"}" },
	{ "queue retry 1", "RetryMessage", "{\"id\":1}" },
	{ "route a/b", "RouteTopic", "{\"topic\":\"a/b\"}" },
	{ "at AT+CSQ", "At", "{\"command\":\"AT+CSQ\"}" },
	{ "reload", "Reload", "{}" },
	{ "reload --dry-run", "Reload", "{\"dry_run\":true}" },
	{ "log-level info", "SetLogLevel", "{\"level\":\"info\"}" },
	{ "version", "GetVersion", NULL },
	{ "publish -t a -m hi", "Publish",
	    "{\"topic\":\"a\",\"qos\":0,\"retain\":false,\"wait\":false,\"payload\":\"hi\"}" },
	{ "publish -t a -m ~ -q 2 -r --wait -b plant", "Publish",
	    "{\"topic\":\"a\",\"qos\":2,\"retain\":true,\"wait\":true,\"broker\":\"plant\","
	    "\"payload\":\"\"}" },
	{ "publish -t a -m \xff", "Publish",
	    "{\"topic\":\"a\",\"qos\":0,\"retain\":false,\"wait\":false,"
	    "\"payload_base64\":\"/w==\"}" },
	{ "publish -t a -f /dev/null", "Publish",
	    "{\"topic\":\"a\",\"qos\":0,\"retain\":false,\"wait\":false,\"payload_base64\":\"\"}" },
};

static void test_parameters(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		char line[128], why[256] = "", *argv[ARGS_MAX];
		const struct ctl_command *c;
		struct ctl_usage u = { 0 };
		json_t *got = NULL, *want;
		int argc, words = 0;

		print_message("%s\n", calls[i].line);
		snprintf(line, sizeof(line), "%s", calls[i].line);
		argc = split(line, argv);
		c = ctl_command_take(argv[0], argc > 1 ? argv[1] : NULL, &words);
		assert_non_null(c);
		assert_string_equal(c->method, calls[i].method);
		assert_int_equal(ctl_usage_add(&u, c->usage), 0);
		argc -= words;
		assert_int_equal(
		    ctl_usage_read(&u, argc, argv + words, false, why, sizeof(why)), argc);
		assert_int_equal(ctl_usage_check(&u, why, sizeof(why)), 0);
		assert_int_equal(c->parameters != NULL, calls[i].parameters != NULL);
		if (!c->parameters)
			continue;
		assert_int_equal(c->parameters(&u, &got, why, sizeof(why)), 0);
		want = json_loads(calls[i].parameters, 0, NULL);
		assert_true(json_equal(got, want));
		json_decref(got);
		json_decref(want);
	}
}

static void test_no_file(void **state)
{
	char line[] = "-t a -f /nonexistent/file", why[256] = "", *argv[ARGS_MAX];
	struct ctl_usage u = { 0 };
	json_t *got = NULL;
	int argc = split(line, argv);

	(void)state;
	assert_int_equal(ctl_usage_add(&u, ctl_command_find("publish")->usage), 0);
	assert_int_equal(ctl_usage_read(&u, argc, argv, false, why, sizeof(why)), argc);
	assert_int_equal(ctl_command_find("publish")->parameters(&u, &got, why, sizeof(why)), -1);
	assert_null(got);
	assert_non_null(strstr(why, "/nonexistent/file: No such file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usages),
		cmocka_unit_test(test_two_usages),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_stop_at_word),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
