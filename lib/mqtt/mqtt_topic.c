/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/mqtt_topic.h"

#include "base/limits.h"
#include "base/utf8.h"

#include <string.h>

static bool is_char(const char *level, size_t len, char c)
{
	return len == 1 && level[0] == c;
}

/* What names and filters have in common. */
static bool is_topic(const char *topic, size_t len)
{
	size_t levels = 1;

	if (len == 0 || len > MQTT_TOPIC_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		levels += topic[i] == '/';
	return levels <= MQTT_TOPIC_LEVELS_MAX && utf8_is_mqtt_string((const uint8_t *)topic, len);
}

bool mqtt_topic_is_name(const char *topic, size_t len)
{
	if (!is_topic(topic, len))
		return false;
	return !memchr(topic, '+', len) && !memchr(topic, '#', len);
}

bool mqtt_topic_is_filter(const char *filter, size_t len)
{
	const char *level;
	size_t level_len, pos = 0;

	if (!is_topic(filter, len))
		return false;
	while (mqtt_topic_next_level(filter, len, &pos, &level, &level_len)) {
		if (level_len > 1 &&
		    (memchr(level, '+', level_len) || memchr(level, '#', level_len)))
			return false;
		if (is_char(level, level_len, '#') && pos <= len)
			return false;
	}
	return true;
}

static bool begins_with_wildcard(const char *filter)
{
	return filter[0] == '+' || filter[0] == '#';
}

bool mqtt_topic_matches(const char *filter, size_t filter_len, const char *name, size_t name_len)
{
	const char *want, *have;
	size_t want_len, have_len, filter_pos = 0, name_pos = 0;

	if (name[0] == '$' && begins_with_wildcard(filter))
		return false;
	while (mqtt_topic_next_level(filter, filter_len, &filter_pos, &want, &want_len)) {
		if (is_char(want, want_len, '#'))
			return true;
		if (!mqtt_topic_next_level(name, name_len, &name_pos, &have, &have_len))
			return false;
		if (is_char(want, want_len, '+'))
			continue;
		if (want_len != have_len || memcmp(want, have, want_len) != 0)
			return false;
	}
	return name_pos > name_len;
}

bool mqtt_topic_filters_overlap(const char *a, size_t a_len, const char *b, size_t b_len)
{
	const char *x = NULL, *y = NULL;
	size_t x_len = 0, y_len = 0, a_pos = 0, b_pos = 0;

	if ((a[0] == '$' && begins_with_wildcard(b)) || (b[0] == '$' && begins_with_wildcard(a)))
		return false;
	for (;;) {
		bool has_x = mqtt_topic_next_level(a, a_len, &a_pos, &x, &x_len);
		bool has_y = mqtt_topic_next_level(b, b_len, &b_pos, &y, &y_len);

		if ((has_x && is_char(x, x_len, '#')) || (has_y && is_char(y, y_len, '#')))
			return true;
		if (!has_x || !has_y)
			return has_x == has_y;
		if (is_char(x, x_len, '+') || is_char(y, y_len, '+'))
			continue;
		if (x_len != y_len || memcmp(x, y, x_len) != 0)
			return false;
	}
}
