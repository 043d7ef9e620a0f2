/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topic routes: which broker a local message goes to and under which name, and where an inbound one
 * is published. Pure functions; the first route of a broker that matches is the one.
 */
#ifndef CMQTTD_BRIDGE_ROUTER_H
#define CMQTTD_BRIDGE_ROUTER_H

#include "base/buf.h"
#include "bridge/core_config.h"

#include <stddef.h>

/* A topic after the exchange of prefixes: the local name is bounded, and so is the prefix. */
#define ROUTER_TOPIC_MAX (MQTT_TOPIC_MAX + MODEM_TOPIC_MAX)

struct routed {
	const struct route_config *route;
	size_t topic_len;
	char topic[ROUTER_TOPIC_MAX];
};

/* local_prefix + something that the pattern matches goes to remote_prefix + something. false: no
 * `out` or `both` route of the broker wants it, or nothing would be left of its name. The result
 * may be longer than the modem takes. */
bool router_out(const struct core_broker *b, struct span topic, struct routed *ret);

enum router_answer {
	ROUTER_WANTED,
	ROUTER_TOO_LONG,  /* a route wants it, and its remote name is over the modem's limit */
	ROUTER_RESERVED,  /* a route wants it, but no local client may publish it: it begins with $
			   */
	ROUTER_NO_OUT,    /* the broker has no `out` or `both` route at all */
	ROUTER_NO_MATCH,  /* none of them matches */
	ROUTER_ONLY_IN,   /* none of them matches, but an `in` route does */
	ROUTER_NO_PREFIX, /* a pattern matches, but not with the local_prefix in front of it */
};

/* The same as router_out for somebody who wants to know why not: the result is filled for
 * ROUTER_WANTED, _TOO_LONG and _RESERVED; for ROUTER_ONLY_IN and ROUTER_NO_PREFIX its route is the
 * one that is meant. */
enum router_answer router_explain(
    const struct core_broker *b, struct span topic, struct routed *ret);

/* remote_prefix + something that the pattern matches comes to local_prefix + something. false: no
 * `in` or `both` route wants it, or the local name would be no valid topic. */
bool router_in(const struct core_broker *b, struct span topic, struct routed *ret);

/* The number of the first route that leads to this remote topic; route_count: none does. Where
 * prefixes overlap another one may be meant. */
size_t router_find_remote(const struct core_broker *b, struct span remote_topic);

/* What is published to this remote topic comes back to us: the broker would echo it. */
bool router_echoes(const struct core_broker *b, struct span remote_topic);

#endif
