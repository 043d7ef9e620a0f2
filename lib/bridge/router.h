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

/* remote_prefix + something that the pattern matches comes to local_prefix + something. false: no
 * `in` or `both` route wants it, or the local name would be no valid topic. */
bool router_in(const struct core_broker *b, struct span topic, struct routed *ret);

/* What is published to this remote topic comes back to us: the broker would echo it. */
bool router_echoes(const struct core_broker *b, struct span remote_topic);

#endif
