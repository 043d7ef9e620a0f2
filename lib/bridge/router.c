/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/router.h"

#include "mqtt/mqtt_topic.h"

#include <string.h>

/* Exchange prefix `from` for `to` if the rest matches the route's pattern. */
static bool exchange(const struct route_config *route, const char *from, const char *to,
    struct span topic, struct routed *ret)
{
	size_t from_len = strlen(from), to_len = strlen(to);
	const char *rest;
	size_t rest_len;

	if (topic.len < from_len || memcmp(topic.data, from, from_len) != 0)
		return false;
	rest = (const char *)topic.data + from_len;
	rest_len = topic.len - from_len;
	if (!mqtt_topic_matches(route->pattern, strlen(route->pattern), rest, rest_len))
		return false;
	if (to_len + rest_len == 0 || to_len + rest_len > sizeof(ret->topic))
		return false;
	ret->route = route;
	memcpy(ret->topic, to, to_len);
	memcpy(ret->topic + to_len, rest, rest_len);
	ret->topic_len = to_len + rest_len;
	return true;
}

bool router_out(const struct core_broker *b, struct span topic, struct routed *ret)
{
	for (size_t i = 0; i < b->route_count; i++) {
		const struct route_config *r = &b->routes[i];

		if (r->direction != ROUTE_IN &&
		    exchange(r, r->local_prefix, r->remote_prefix, topic, ret))
			return true;
	}
	return false;
}

/* Whether the pattern alone matches the local topic. */
static bool matches_bare(const struct route_config *r, struct span topic)
{
	return mqtt_topic_matches(
	    r->pattern, strlen(r->pattern), (const char *)topic.data, topic.len);
}

/* None of the routes to the broker matches: which one was perhaps meant to. */
static enum router_answer explain_miss(
    const struct core_broker *b, struct span topic, struct routed *ret)
{
	enum router_answer answer = ROUTER_NO_OUT;
	struct routed scratch;

	for (size_t i = 0; i < b->route_count; i++) {
		const struct route_config *r = &b->routes[i];

		if (r->direction == ROUTE_IN &&
		    exchange(r, r->local_prefix, r->remote_prefix, topic, &scratch)) {
			ret->route = r;
			return ROUTER_ONLY_IN;
		}
		if (r->direction == ROUTE_IN || answer == ROUTER_NO_PREFIX)
			continue;
		answer = ROUTER_NO_MATCH;
		if (matches_bare(r, topic)) {
			ret->route = r;
			answer = ROUTER_NO_PREFIX;
		}
	}
	return answer;
}

enum router_answer router_explain(
    const struct core_broker *b, struct span topic, struct routed *ret)
{
	if (!router_out(b, topic, ret))
		return explain_miss(b, topic, ret);
	if (topic.data[0] == '$')
		return ROUTER_RESERVED;
	return ret->topic_len > MODEM_TOPIC_MAX ? ROUTER_TOO_LONG : ROUTER_WANTED;
}

bool router_in(const struct core_broker *b, struct span topic, struct routed *ret)
{
	for (size_t i = 0; i < b->route_count; i++) {
		const struct route_config *r = &b->routes[i];

		if (r->direction != ROUTE_OUT &&
		    exchange(r, r->remote_prefix, r->local_prefix, topic, ret))
			return mqtt_topic_is_name(ret->topic, ret->topic_len);
	}
	return false;
}

size_t router_find_remote(const struct core_broker *b, struct span remote_topic)
{
	struct routed scratch;
	size_t i = 0;

	while (i < b->route_count && (b->routes[i].direction == ROUTE_IN ||
					 !exchange(&b->routes[i], b->routes[i].remote_prefix,
					     b->routes[i].local_prefix, remote_topic, &scratch)))
		i++;
	return i;
}

bool router_echoes(const struct core_broker *b, struct span remote_topic)
{
	for (size_t i = 0; i < b->link.filter_count; i++) {
		const char *filter = b->link.filters[i].filter;

		if (mqtt_topic_matches(
			filter, strlen(filter), (const char *)remote_topic.data, remote_topic.len))
			return true;
	}
	return false;
}
