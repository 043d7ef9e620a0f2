/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole configuration as the core takes it. Plain values that have been checked; the memory
 * belongs to whoever filled it and is borrowed by the core until the next core_reload returned or
 * core_free.
 */
#ifndef CMQTTD_BRIDGE_CORE_CONFIG_H
#define CMQTTD_BRIDGE_CORE_CONFIG_H

#include "base/limits.h"
#include "base/log_level.h"
#include "modem/link_config.h"
#include "mqtt/mqtt_server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum route_direction { ROUTE_OUT, ROUTE_IN, ROUTE_BOTH };

struct route_config {
	const char *pattern;
	enum route_direction direction;
	uint8_t qos;              /* the most that the route uses */
	const char *local_prefix; /* "" when not set */
	const char *remote_prefix;
	uint8_t priority; /* 0..7 */
	uint32_t ttl_s;   /* 0: never too old */
	bool keep_last;
	bool retain; /* inbound messages are kept for later local subscribers */
};

struct core_broker {
	struct broker_config link; /* link.filters: of all `in` and `both` routes */
	const struct route_config *routes;
	size_t route_count;
	const char *gap_topic; /* remote; what is given up is reported to it. NULL: nowhere */
};

struct listener_config {
	const char *address; /* "unix:/path" or "host:port" */
	mode_t mode;         /* unix sockets */
	const char *group;   /* unix sockets; NULL: leave it */
	bool is_group_named; /* by the configuration: somebody counts on it */
	struct mqtt_listener mqtt;
	struct span passwords, rights; /* the files that mqtt.auth was made of */
};

struct control_config {
	const char *address;
	mode_t mode;
	const char *group;
	bool is_group_named;
};

enum store_overflow { STORE_BLOCK, STORE_DROP_OLDEST };

struct store_config {
	const char *path;
	uint64_t max_bytes;
	enum store_overflow overflow;
	bool is_normal_durability;
};

struct core_config {
	struct modem_config modem;
	const char *power_cycle; /* command of the operator, NULL: none */
	struct core_broker brokers[MODEM_CLIENTS];
	size_t broker_count;
	struct listener_config listeners[MQTT_LISTENERS_MAX];
	size_t listener_count;
	struct control_config control;
	struct store_config store;
	const char *metrics_address; /* NULL: none */
	bool log_at_traffic;         /* -vv: the tty's traffic goes to the log, secrets masked */
	enum log_level log_level;
};

/* A part of a broker's configuration that its session is made with. */
struct core_broker_part {
	const char *name; /* of the key */
	bool (*is_equal)(const struct broker_config *a, const struct broker_config *b);
};

/* All parts; the filters are none. */
extern const struct core_broker_part core_broker_parts[];
extern const size_t core_broker_part_count;

/* Number of the broker of that name, -1: there is none. */
int core_config_find_broker(const struct core_config *cfg, const char *name);

/* The two are the same in everything but their filters: the session can stay. */
bool core_broker_link_equal(const struct broker_config *a, const struct broker_config *b);

#endif
