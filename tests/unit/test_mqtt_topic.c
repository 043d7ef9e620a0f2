/* SPDX-License-Identifier: Apache-2.0 */
/* Topic names and filters (MQTT 3.1.1, 4.7). */
#include "base/limits.h"
#include "mqtt/mqtt_topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *topic;
	bool is_name;
	bool is_filter;
} valid_rows[] = {
	{ "a", true, true },
	{ "/", true, true },
	{ "//", true, true },
	{ "a/b/c", true, true },
	{ " ", true, true },
	{ "$SYS/x", true, true },
	{ "\xc3\xa4/\xe2\x82\xac", true, true },
	{ "", false, false },               /* [MQTT-4.7.3-1] */
	{ "\xff", false, false },           /* [MQTT-1.5.3-1] */
	{ "a/\xed\xa0\x80", false, false }, /* a surrogate */
	{ "+", false, true },
	{ "#", false, true },
	{ "/#", false, true },
	{ "+/+", false, true },
	{ "a/+/b/#", false, true },
	{ "/+/", false, true },
	{ "a+", false, false }, /* [MQTT-4.7.1-3] */
	{ "+a", false, false },
	{ "a/b+/c", false, false },
	{ "++", false, false },
	{ "a#", false, false }, /* [MQTT-4.7.1-2] */
	{ "#/a", false, false },
	{ "a/#/b", false, false },
	{ "#/", false, false },
	{ "##", false, false },
	{ "+#", false, false },
};

static void test_valid(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(valid_rows); i++) {
		const char *t = valid_rows[i].topic;

		print_message("<%s>\n", t);
		assert_int_equal(mqtt_topic_is_name(t, strlen(t)), valid_rows[i].is_name);
		assert_int_equal(mqtt_topic_is_filter(t, strlen(t)), valid_rows[i].is_filter);
	}
}

static void test_limits(void **state)
{
	static char t[MQTT_TOPIC_MAX + 1];

	(void)state;
	memset(t, 'a', sizeof(t));
	assert_true(mqtt_topic_is_name(t, MQTT_TOPIC_MAX));
	assert_false(mqtt_topic_is_name(t, MQTT_TOPIC_MAX + 1));
	assert_false(mqtt_topic_is_filter(t, MQTT_TOPIC_MAX + 1));
	memset(t, '/', MQTT_TOPIC_LEVELS_MAX);
	assert_true(mqtt_topic_is_name(t, MQTT_TOPIC_LEVELS_MAX - 1));
	assert_false(mqtt_topic_is_name(t, MQTT_TOPIC_LEVELS_MAX));
	assert_false(mqtt_topic_is_name("a\0b", 3));
}

static const struct {
	const char *filter;
	const char *name;
	bool matches;
} match_rows[] = {
	{ "a", "a", true },
	{ "a", "b", false },
	{ "a", "A", false },
	{ "a", "a/", false },
	{ "a", "/a", false },
	{ "a/b", "a", false },
	{ "a", "a/b", false },
	{ "a/b", "a/bc", false },
	{ "a/bc", "a/b", false },
	/* the examples of 4.7.1.2 and 4.7.1.3 */
	{ "sport/tennis/player1/#", "sport/tennis/player1", true },
	{ "sport/tennis/player1/#", "sport/tennis/player1/ranking", true },
	{ "sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true },
	{ "sport/tennis/player1/#", "sport/tennis/player12", false },
	{ "sport/#", "sport", true },
	{ "sport/tennis/+", "sport/tennis/player1", true },
	{ "sport/tennis/+", "sport/tennis/player1/ranking", false },
	{ "sport/+", "sport", false },
	{ "sport/+", "sport/", true },
	{ "+/+", "/finance", true },
	{ "/+", "/finance", true },
	{ "+", "/finance", false },
	{ "#", "a", true },
	{ "#", "/", true },
	{ "+/b/#", "a/b", true },
	{ "+/b/#", "a/b/c/d", true },
	{ "+/b/#", "a/c", false },
	{ "a/+/c", "a//c", true },
	{ "//#", "/", true },
	/* [MQTT-4.7.2-1] */
	{ "#", "$SYS/x", false },
	{ "+/x", "$SYS/x", false },
	{ "$SYS/#", "$SYS/x", true },
	{ "$SYS/+", "$SYS/x", true },
	{ "+", "$", false },
	{ "a/+", "a/$x", true },
	{ "a/#", "a/$x", true },
};

static void test_matches(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(match_rows); i++) {
		const char *f = match_rows[i].filter, *n = match_rows[i].name;

		print_message("<%s> <%s>\n", f, n);
		assert_int_equal(
		    mqtt_topic_matches(f, strlen(f), n, strlen(n)), match_rows[i].matches);
	}
}

static const struct {
	const char *a;
	const char *b;
	bool overlap;
} overlap_rows[] = {
	{ "a", "a", true },
	{ "a", "b", false },
	{ "a", "a/b", false },
	{ "a/#", "a", true },
	{ "a/#", "a/b/c", true },
	{ "a/#", "b/#", false },
	{ "#", "a/+/b", true },
	{ "+/b", "a/+", true },
	{ "+/b", "a/c", false },
	{ "+", "a/b", false },
	{ "+/#", "a", true },
	{ "a/+/#", "a", false },
	{ "$SYS/#", "#", false },
	{ "$SYS/#", "+/x", false },
	{ "$SYS/#", "$SYS/+", true },
};

static void test_overlap(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(overlap_rows); i++) {
		const char *a = overlap_rows[i].a, *b = overlap_rows[i].b;

		print_message("<%s> <%s>\n", a, b);
		assert_int_equal(mqtt_topic_filters_overlap(a, strlen(a), b, strlen(b)),
		    overlap_rows[i].overlap);
		assert_int_equal(mqtt_topic_filters_overlap(b, strlen(b), a, strlen(a)),
		    overlap_rows[i].overlap);
	}
}

/* Two filters overlap if and only if some name of a few levels, or the empty one, matches both. */
static void test_overlap_means_a_common_name(void **state)
{
	static const char *const levels[] = { "", "a", "$b", "+", "#" };
	char filters[155][32], names[40][32];
	size_t filter_count = 0, name_count = 0;

	(void)state;
	names[name_count++][0] = '\0';
	for (size_t code = 1; code < 6 * 6 * 6; code++) {
		char text[32] = "";
		size_t depth = 0, len = 0;
		bool has_gap = false;

		for (size_t rest = code, i = 0; i < 3; i++, rest /= 6) {
			if (rest % 6 == 0) {
				has_gap = has_gap || rest > 0;
				continue;
			}
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
			    depth++ > 0 ? "/" : "", levels[rest % 6 - 1]);
		}
		if (has_gap || !mqtt_topic_is_filter(text, strlen(text)))
			continue;
		assert_true(filter_count < COUNT(filters));
		memcpy(filters[filter_count++], text, sizeof(text));
		if (!mqtt_topic_is_name(text, strlen(text)))
			continue;
		assert_true(name_count < COUNT(names));
		memcpy(names[name_count++], text, sizeof(text));
	}
	assert_true(filter_count > 60 && name_count > 30);
	for (size_t i = 0; i < filter_count * filter_count; i++) {
		const char *a = filters[i / filter_count], *b = filters[i % filter_count];
		bool common = false;

		for (size_t k = 0; k < name_count; k++)
			common = common ||
				 (mqtt_topic_matches(a, strlen(a), names[k], strlen(names[k])) &&
				     mqtt_topic_matches(b, strlen(b), names[k], strlen(names[k])));
		if (mqtt_topic_filters_overlap(a, strlen(a), b, strlen(b)) != common)
			fail_msg("<%s> <%s>", a, b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_overlap_means_a_common_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
