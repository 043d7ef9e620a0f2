/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topic names and topic filters (MQTT 3.1.1, section 4.7). Pure functions on borrowed bytes.
 */
#ifndef CMQTTD_MQTT_MQTT_TOPIC_H
#define CMQTTD_MQTT_MQTT_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

/* May be published to: 1..MQTT_TOPIC_MAX bytes of MQTT UTF-8 without '+' and '#', at most
 * MQTT_TOPIC_LEVELS_MAX levels [MQTT-3.3.2-2, 4.7.3-1]. */
bool mqtt_topic_is_name(const char *topic, size_t len);

/* May be subscribed to: as a name, with '+' filling a whole level and '#' the last one
 * [MQTT-4.7.1-2, 4.7.1-3]. */
bool mqtt_topic_is_filter(const char *filter, size_t len);

/* The filter matches the name. A filter that begins with a wildcard does not match a name that
 * begins with '$' [MQTT-4.7.2-1]; "a/#" matches "a" (4.7.1.2). Both must be valid. */
bool mqtt_topic_matches(const char *filter, size_t filter_len, const char *name, size_t name_len);

/* Some name is matched by both filters, be it the empty one. Both must be valid. */
bool mqtt_topic_filters_overlap(const char *a, size_t a_len, const char *b, size_t b_len);

/* Walk over the levels of a topic or filter: start with pos = 0; true and the level, or false when
 * there are no more. "a//b" has the levels "a", "" and "b". */
static inline bool mqtt_topic_next_level(
    const char *topic, size_t len, size_t *pos, const char **ret_level, size_t *ret_level_len)
{
	size_t end = *pos;

	if (*pos > len)
		return false;
	while (end < len && topic[end] != '/')
		end++;
	*ret_level = topic + *pos;
	*ret_level_len = end - *pos;
	*pos = end + 1;
	return true;
}

#endif
