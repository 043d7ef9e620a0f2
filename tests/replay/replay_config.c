/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/replay_config.h"

#include "text.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *const replay_config_local_filters[] = { "SIM/#", "plant/#", NULL };

/* clang-format off */
#define OUT_ROUTE(to) \
	{ .pattern = "test/#", .direction = ROUTE_OUT, .qos = 2, .local_prefix = "", .remote_prefix = to }
#define IN_ROUTE(to, from) \
	{ .pattern = "SIM/7600", .direction = ROUTE_IN, .qos = 1, .local_prefix = to, .remote_prefix = from }
/* clang-format on */

/* The first one goes out, the second one comes in. */
static const struct route_config cloud_routes[] = { OUT_ROUTE("/"), IN_ROUTE("", "/") };
static const struct route_config plant_routes[] = { OUT_ROUTE("p/"), IN_ROUTE("plant/", "p/") };
static const struct filter_config cloud_filters[] = { { "/SIM/7600", 1 } };
static const struct filter_config plant_filters[] = { { "p/SIM/7600", 1 } };

#define OUT_ONLY(all) .routes = (all), .route_count = 1
#define IN_ONLY(all)  .routes = (all) + 1, .route_count = 1
#define BOTH(all)     .routes = (all), .route_count = COUNT(all)
#define FILTERS(all)  .filters = (all), .filter_count = COUNT(all)

/* clang-format off */
/* What all brokers have in common. */
#define LINK \
	.host = "mibrokermqtt.midominio", .keepalive_s = 60, .clean_session = true, \
	.reconnect_min_ms = 1000, .reconnect_max_ms = 300000
#define PLAIN_LINK \
	LINK, .name = "cloud", .client_id = "myMQTTclient", .port = 1883
#define TLS_LINK \
	LINK, .name = "cloud", .client_id = "myMQTTTLSclient", .port = 8883, .is_tls = true
/* clang-format on */

#define CERTIFICATE(body) TEXT("-----BEGIN CERTIFICATE-----\n" body "\n-----END CERTIFICATE-----\n")
#define KEY(body)         TEXT("-----BEGIN PRIVATE KEY-----\n" body "\n-----END PRIVATE KEY-----\n")
#define TLS                                                                                    \
	.ca = CERTIFICATE("Q0E="), .verify = true, .sni = true, .check_time = CHECK_TIME_AUTO, \
	.context = 0, .negotiate_s = 60

#define BROKERS(count, ...)                                                     \
	.modem = { .device = "/dev/replay", .baud = 115200, .pdp_type = "IP" }, \
	.brokers = { __VA_ARGS__ }, .broker_count = (count),                    \
	.listeners = { { .address = "unix:/replay",                             \
	    .mqtt = { .address = "unix:/replay", .allow_anonymous = true } } }, \
	.listener_count = 1, .control = { .address = "unix:/ctl" },             \
	.store = { .path = "", .max_bytes = 1 << 20 }, .log_level = LOG_LEVEL_DEBUG

struct named_config {
	const char *name;
	struct core_config config;
};

/* clang-format off */
static const struct named_config configs[] = {
	{ "plain", { BROKERS(1, { .link = { PLAIN_LINK } }) } },
	{ "publish", { BROKERS(1, { .link = { PLAIN_LINK }, OUT_ONLY(cloud_routes) }) } },
	{ "subscribe", { BROKERS(1, { .link = { PLAIN_LINK, FILTERS(cloud_filters) }, IN_ONLY(cloud_routes) }) } },
	{ "both-ways", { BROKERS(1, { .link = { PLAIN_LINK, FILTERS(cloud_filters) }, BOTH(cloud_routes) }) } },
	{ "will+birth", { BROKERS(1, { .link = { PLAIN_LINK,
	    .will = { .topic = "gw/17/state", .payload = TEXT("offline"), .qos = 1 },
	    .birth = { .topic = "gw/17/state", .payload = TEXT("online"), .qos = 1, .retain = true } } }) } },
	{ "tls-broker", { BROKERS(1, { .link = { TLS_LINK, .tls = { TLS } } }) } },
	{ "tls-both", { BROKERS(1, { .link = { TLS_LINK,
	    .tls = { TLS, .cert = CERTIFICATE("R1c="), .key = KEY("S0VZ") } } }) } },
	{ "two-brokers", { BROKERS(2, { .link = { PLAIN_LINK, FILTERS(cloud_filters) }, BOTH(cloud_routes) },
	    { .link = { LINK, .name = "plant", .client_id = "gw17-plant", .port = 1884, FILTERS(plant_filters) },
	      BOTH(plant_routes) }) } },
};
/* clang-format on */

const struct core_config *replay_config_find(const char *name)
{
	for (size_t i = 0; i < COUNT(configs); i++) {
		if (strcmp(configs[i].name, name) == 0)
			return &configs[i].config;
	}
	return NULL;
}
