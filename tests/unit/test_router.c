/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define ROUTE(way, filter, local, remote)                                               \
	{                                                                               \
		.pattern = (filter), .direction = ROUTE_##way, .local_prefix = (local), \
		.remote_prefix = (remote)                                               \
	}

/* One route, one topic each way; NULL: not wanted. */
static const struct row {
	struct route_config route;
	const char *topic;
	const char *out; /* what a local topic becomes */
	const char *in;  /* what a remote topic becomes */
} rows[] = {
	{ ROUTE(BOTH, "t/#", "", ""), "t/a", "t/a", "t/a" },
	{ ROUTE(OUT, "t/#", "", ""), "t/a", "t/a", NULL },
	{ ROUTE(IN, "t/#", "", ""), "t/a", NULL, "t/a" },
	{ ROUTE(BOTH, "t/#", "", ""), "t", "t", "t" },
	{ ROUTE(BOTH, "t/#", "", ""), "tt", NULL, NULL },
	{ ROUTE(BOTH, "t/+", "", ""), "t/a/b", NULL, NULL },
	{ ROUTE(BOTH, "+/b", "", ""), "a/b", "a/b", "a/b" },
	{ ROUTE(BOTH, "#", "", ""), "a/b/c", "a/b/c", "a/b/c" },
	{ ROUTE(BOTH, "#", "", ""), "/", "/", "/" },
	/* What the server says about itself does not leave by a wildcard. */
	{ ROUTE(BOTH, "#", "", ""), "$SYS/x", NULL, NULL },
	{ ROUTE(OUT, "$SYS/#", "", "gw/"), "$SYS/x", "gw/$SYS/x", NULL },
	/* Prefixes are exchanged, not levels. */
	{ ROUTE(BOTH, "t/#", "", "site/17/"), "t/a", "site/17/t/a", NULL },
	{ ROUTE(BOTH, "t/#", "", "site/17/"), "site/17/t/a", NULL, "t/a" },
	{ ROUTE(BOTH, "t/#", "l/", "r/"), "l/t/a", "r/t/a", NULL },
	{ ROUTE(BOTH, "t/#", "l/", "r/"), "r/t/a", NULL, "l/t/a" },
	{ ROUTE(BOTH, "t/#", "l/", "r/"), "t/a", NULL, NULL },
	{ ROUTE(BOTH, "t/#", "l/", ""), "l/t/a", "t/a", NULL },
	{ ROUTE(BOTH, "t", "l", "r"), "lt", "rt", NULL },
	{ ROUTE(BOTH, "#", "l/", "r/"), "l/x", "r/x", NULL },
	/* The prefix alone, and less than it. */
	{ ROUTE(BOTH, "#", "l/", "r/"), "l/", "r/", NULL },
	{ ROUTE(BOTH, "#", "l/", "r/"), "l", NULL, NULL },
	/* Nothing would be left of the name. */
	{ ROUTE(BOTH, "#", "l/", ""), "l/", NULL, "l/l/" },
	{ ROUTE(BOTH, "#", "", "r/"), "r/", "r/r/", NULL },
};

static void check(bool got, const struct routed *r, const struct row *row, const char *want)
{
	if (got != (want != NULL))
		fail_msg("%s with pattern %s, prefixes \"%s\" and \"%s\": %s", row->topic,
		    row->route.pattern, row->route.local_prefix, row->route.remote_prefix,
		    got ? "wanted" : "not wanted");
	if (!want)
		return;
	assert_int_equal(r->topic_len, strlen(want));
	assert_memory_equal(r->topic, want, r->topic_len);
	assert_ptr_equal(r->route, &row->route);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct core_broker b = { .routes = &rows[i].route, .route_count = 1 };
		struct routed r;

		check(router_out(&b, span_text(rows[i].topic), &r), &r, &rows[i], rows[i].out);
		check(router_in(&b, span_text(rows[i].topic), &r), &r, &rows[i], rows[i].in);
	}
}

static void test_first_match_wins(void **state)
{
	static const struct route_config routes[] = {
		ROUTE(IN, "cmd/#", "", "r/"),
		ROUTE(OUT, "t/special", "", "s/"),
		ROUTE(OUT, "t/#", "", "r/"),
		ROUTE(BOTH, "#", "", "all/"),
	};
	static const struct {
		const char *topic;
		size_t route;
		bool is_in;
	} cases[] = {
		{ "t/special", 1, false },
		{ "t/other", 2, false },
		{ "cmd/x", 3, false },
		{ "x", 3, false },
		{ "r/cmd/x", 0, true },
		{ "all/cmd/x", 3, true },
	};
	const struct core_broker b = { .routes = routes, .route_count = 4 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct routed r;

		assert_true(cases[i].is_in ? router_in(&b, span_text(cases[i].topic), &r)
					   : router_out(&b, span_text(cases[i].topic), &r));
		assert_ptr_equal(r.route, &routes[cases[i].route]);
	}
}

static void test_no_routes(void **state)
{
	const struct core_broker b = { 0 };
	struct routed r;

	(void)state;
	assert_false(router_out(&b, span_text("a"), &r));
	assert_false(router_in(&b, span_text("a"), &r));
	assert_false(router_echoes(&b, span_text("a")));
}

/* The longest local name and the longest prefix fit; a remote name that would be too long for a
 * local client is not wanted. */
static void test_long_names(void **state)
{
	static char prefix[MODEM_TOPIC_MAX + 1], topic[MQTT_TOPIC_MAX + 1];
	const struct route_config route = ROUTE(BOTH, "#", prefix, prefix);
	const struct route_config to_remote = ROUTE(OUT, "#", "", prefix);
	const struct route_config to_local = ROUTE(IN, "#", prefix, "");
	struct core_broker b = { .routes = &to_remote, .route_count = 1 };
	struct routed r;

	(void)state;
	memset(prefix, 'p', MODEM_TOPIC_MAX);
	memset(topic, 't', MQTT_TOPIC_MAX);
	assert_true(router_out(&b, span_text(topic), &r));
	assert_int_equal(r.topic_len, MODEM_TOPIC_MAX + MQTT_TOPIC_MAX);
	b.routes = &to_local;
	assert_false(router_in(&b, span_text(topic), &r));
	topic[MQTT_TOPIC_MAX - MODEM_TOPIC_MAX] = '\0';
	assert_true(router_in(&b, span_text(topic), &r));
	assert_int_equal(r.topic_len, MQTT_TOPIC_MAX);
	b.routes = &route;
	assert_false(router_out(&b, span_text("p"), &r));
	assert_true(router_out(&b, span_text(prefix), &r));
	assert_int_equal(r.topic_len, MODEM_TOPIC_MAX);
}

/* Why a topic leaves, or not; the route is the one that is meant, -1: none. */
static void test_explain(void **state)
{
	static const struct route_config routes[] = {
		ROUTE(IN, "in/#", "", ""),
		ROUTE(OUT, "t/#", "l/", "r/"),
		ROUTE(BOTH, "b/#", "", ""),
		ROUTE(IN, "t/#", "", ""),
		ROUTE(OUT, "#", "$l/", "r/"),
	};
	static const struct {
		size_t first, count; /* of the routes */
		const char *topic;
		enum router_answer answer;
		int route;
	} cases[] = {
		{ 0, 4, "l/t/a", ROUTER_WANTED, 1 },
		{ 0, 4, "b", ROUTER_WANTED, 2 },
		{ 0, 0, "b", ROUTER_NO_OUT, -1 },
		{ 0, 1, "b", ROUTER_NO_OUT, -1 },
		{ 0, 1, "in/b", ROUTER_ONLY_IN, 0 },
		{ 0, 4, "in/b", ROUTER_ONLY_IN, 0 },
		{ 0, 4, "x", ROUTER_NO_MATCH, -1 },
		{ 0, 3, "t/a", ROUTER_NO_PREFIX, 1 },
		/* Sure beats perhaps. */
		{ 0, 4, "t/a", ROUTER_ONLY_IN, 3 },
		/* What begins with $ is the local server's own (MQTT 4.7.2). */
		{ 0, 5, "$l/a", ROUTER_RESERVED, 4 },
		{ 0, 5, "$k/a", ROUTER_NO_MATCH, -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct core_broker b = { .routes = routes + cases[i].first,
			.route_count = cases[i].count };
		struct routed r = { 0 };

		print_message("%zu %s\n", cases[i].count, cases[i].topic);
		assert_int_equal(
		    router_explain(&b, span_text(cases[i].topic), &r), cases[i].answer);
		assert_ptr_equal(r.route, cases[i].route < 0 ? NULL : &routes[cases[i].route]);
	}
}

/* The modem's limit is for the remote name. */
static void test_explain_too_long(void **state)
{
	static const struct route_config route = ROUTE(OUT, "#", "", "r");
	const struct core_broker b = { .routes = &route, .route_count = 1 };
	static char topic[MODEM_TOPIC_MAX + 1];
	struct routed r;

	(void)state;
	memset(topic, 't', MODEM_TOPIC_MAX);
	assert_int_equal(router_explain(&b, span_text(topic), &r), ROUTER_TOO_LONG);
	assert_int_equal(r.topic_len, MODEM_TOPIC_MAX + 1);
	topic[MODEM_TOPIC_MAX - 1] = '\0';
	assert_int_equal(router_explain(&b, span_text(topic), &r), ROUTER_WANTED);
}

static void test_echoes(void **state)
{
	static const struct filter_config filters[] = { { "r/cmd/#", 1 }, { "x/+/z", 0 } };
	const struct core_broker b = { .link = { .filters = filters, .filter_count = 2 } };

	(void)state;
	assert_true(router_echoes(&b, span_text("r/cmd/a/b")));
	assert_true(router_echoes(&b, span_text("x/y/z")));
	assert_false(router_echoes(&b, span_text("x/y/y")));
	assert_false(router_echoes(&b, span_text("r/state")));
}

/* The route that a remote name belongs to; the first one where several could be meant. */
static void test_find_remote(void **state)
{
	static const struct route_config routes[] = {
		ROUTE(IN, "#", "", "in/"),
		ROUTE(OUT, "a/#", "l/", "r/"),
		ROUTE(BOTH, "a/b", "", "r/"),
		ROUTE(OUT, "+", "x/y/", ""),
	};
	static const struct {
		const char *remote;
		size_t route;
	} cases[] = { { "in/a", 4 }, { "r/a/b", 1 }, { "r/a", 1 }, { "r/b", 4 }, { "b", 3 } };
	const struct core_broker b = { .routes = routes, .route_count = 4 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
		    router_find_remote(&b, span_text(cases[i].remote)), cases[i].route);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_first_match_wins),
		cmocka_unit_test(test_no_routes),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_explain),
		cmocka_unit_test(test_explain_too_long),
		cmocka_unit_test(test_echoes),
		cmocka_unit_test(test_find_remote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
