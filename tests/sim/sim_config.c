/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_config.h"

#include <string.h>

#define B SUBJECT_FROM_BROKER

const struct subject sim_subjects[SUBJECT_COUNT] = {
	{ "up/c/a", { "site/up/c/a", NULL }, 2, 0, 0, false, false, false, SUBJECT_PLAIN },
	{ "up/both/a", { "site/up/both/a", "up/both/a" }, 1, 0, 1, false, false, false,
	    SUBJECT_PLAIN },
	{ "low/a", { "site/low/a", NULL }, 0, 0, 0, false, false, false, SUBJECT_PLAIN },
	{ "shared/a", { "site/shared/a", NULL }, 1, 0, 0, false, false, true, SUBJECT_PLAIN },
	{ "up/c/b", { "site/up/c/b", NULL }, 2, 1, 0, false, false, false, SUBJECT_PLAIN },
	{ "up/p/a", { NULL, "up/p/a" }, 1, 1, 0, false, false, false, SUBJECT_PLAIN },
	{ "urgent/a", { "site/urgent/a", NULL }, 2, 1, 1, false, false, false, SUBJECT_PLAIN },
	{ "forbid/a", { NULL, "forbid/a" }, 1, 1, 1, true, false, false, SUBJECT_PLAIN },
	{ "up/c/t", { "site/up/c/t", NULL }, 2, 1, 0, false, true, false, SUBJECT_PLAIN },
	{ "down/a", { "site/down/a", NULL }, 1, B + 0, 1, false, false, false, SUBJECT_PLAIN },
	{ "down/t", { "site/down/t", NULL }, 1, B + 0, 1, false, true, false, SUBJECT_PLAIN },
	{ "plant/down/a", { NULL, "p/down/a" }, 1, B + 1, 1, false, false, false, SUBJECT_PLAIN },
	{ "plant/down/t", { NULL, "p/down/t" }, 1, B + 1, 1, false, true, false, SUBJECT_PLAIN },
	{ "last/a", { "site/last/a", NULL }, 1, 0, 1, false, false, false, SUBJECT_KEEP_LAST },
	{ "brief/a", { "site/brief/a", NULL }, 1, 0, 1, false, false, false, SUBJECT_TTL },
	{ "jam/a", { NULL, "jam/a" }, 1, 1, 1, false, false, false, SUBJECT_JAM },
	{ "will/a", { "site/will/a", NULL }, 1, 0, 1, false, false, false, SUBJECT_WILL },
	{ "hand/a", { "site/hand/a", NULL }, 1, SUBJECT_FROM_OPERATOR, 1, false, false, false,
	    SUBJECT_HAND },
};

static const struct route_config cloud_routes[] = {
	{ .pattern = "up/c/#", .direction = ROUTE_OUT, .qos = 2, .remote_prefix = "site/" },
	{ .pattern = "up/both/#", .direction = ROUTE_OUT, .qos = 1, .remote_prefix = "site/" },
	{ .pattern = "low/#", .direction = ROUTE_OUT, .qos = 0, .remote_prefix = "site/" },
	{ .pattern = "shared/#", .direction = ROUTE_BOTH, .qos = 1, .remote_prefix = "site/" },
	{ .pattern = "urgent/#",
	    .direction = ROUTE_OUT,
	    .qos = 2,
	    .priority = 7,
	    .remote_prefix = "site/" },
	{ .pattern = "last/#",
	    .direction = ROUTE_OUT,
	    .qos = 1,
	    .keep_last = true,
	    .remote_prefix = "site/" },
	{ .pattern = "brief/#",
	    .direction = ROUTE_OUT,
	    .qos = 1,
	    .ttl_s = SIM_TTL_S,
	    .remote_prefix = "site/" },
	{ .pattern = "will/#", .direction = ROUTE_OUT, .qos = 1, .remote_prefix = "site/" },
	{ .pattern = "hand/#", .direction = ROUTE_OUT, .qos = 1, .remote_prefix = "site/" },
	{ .pattern = "down/#", .direction = ROUTE_IN, .qos = 1, .remote_prefix = "site/" },
	{ .pattern = "extra/#", .direction = ROUTE_IN, .qos = 0, .remote_prefix = "site/" },
};

static const struct route_config plant_routes[] = {
	{ .pattern = "up/p/#", .direction = ROUTE_OUT, .qos = 1, .remote_prefix = "" },
	{ .pattern = "up/both/#", .direction = ROUTE_OUT, .qos = 1, .remote_prefix = "" },
	{ .pattern = "forbid/#", .direction = ROUTE_OUT, .qos = 1, .remote_prefix = "" },
	{ .pattern = "jam/#", .direction = ROUTE_OUT, .qos = 1, .remote_prefix = "" },
	{ .pattern = "down/#",
	    .direction = ROUTE_IN,
	    .qos = 1,
	    .local_prefix = "plant/",
	    .remote_prefix = "p/" },
};

static const struct filter_config cloud_filters[] = {
	{ "site/shared/#", 1 },
	{ "site/down/#", 1 },
	{ "site/extra/#", 0 },
};
static const struct filter_config plant_filters[] = { { "p/down/#", 1 } };

static struct tls_config tls_of(unsigned client)
{
	struct tls_config tls = {
		.ca = span_text("-----BEGIN CERTIFICATE-----\nQ0E=\n-----END CERTIFICATE-----\n"),
		.verify = true,
		.sni = true,
		.check_time = CHECK_TIME_AUTO,
		.context = (uint8_t)client,
		.negotiate_s = 60,
	};

	if (client == 1) {
		tls.cert =
		    span_text("-----BEGIN CERTIFICATE-----\nR1c=\n-----END CERTIFICATE-----\n");
		tls.key =
		    span_text("-----BEGIN PRIVATE KEY-----\nS0VZ\n-----END PRIVATE KEY-----\n");
	}
	return tls;
}

static struct broker_config link_of(const struct sim_params *p, unsigned client)
{
	return (struct broker_config){
		.name = client == 0 ? "cloud" : "plant",
		.host = client == 0 ? "cloud.example.com" : "plant.example.com",
		.port = p->is_tls[client] ? 8883 : 1883,
		.is_tls = p->is_tls[client],
		.client_id = client == 0 ? "gateway-17" : "gw17-plant",
		.username = client == 0 ? SIM_USER : NULL,
		.password = client == 0 ? SIM_PASSWORD : NULL,
		.keepalive_s = 60,
		.clean_session = p->clean_session,
		.tls = tls_of(client),
		.will = { .topic = p->has_will ? "gw/state" : NULL,
		    .payload = span_text("offline"),
		    .qos = 1 },
		.birth = { .topic = p->has_birth ? "gw/state" : NULL,
		    .payload = span_text("online"),
		    .qos = 1,
		    .retain = true },
		.reconnect_min_ms = 1000,
		.reconnect_max_ms = 60000,
	};
}

static void fill_routes(struct sim_config *c, unsigned client, const struct route_config *routes,
    size_t count, const struct filter_config *filters, size_t filter_count)
{
	struct core_broker *b = &c->core.brokers[client];

	for (size_t i = 0; i < count; i++) {
		c->routes[client][i] = routes[i];
		if (!routes[i].local_prefix)
			c->routes[client][i].local_prefix = "";
	}
	memcpy(c->filters[client], filters, filter_count * sizeof(*filters));
	b->routes = c->routes[client];
	b->route_count = count;
	b->link.filters = c->filters[client];
	b->link.filter_count = filter_count;
}

void sim_config_fill(struct sim_config *ret, const struct sim_params *p, unsigned version)
{
	struct core_config *core = &ret->core;

	*ret = (struct sim_config){ 0 };
	core->modem = (struct modem_config){
		.device = "/dev/sim",
		.baud = 115200,
		.apn = p->has_apn ? "internet" : NULL,
		.pdp_type = "IP",
		.pin = p->has_pin ? "1234" : NULL,
		.has_power_cycle = p->has_power_cycle,
	};
	core->power_cycle = p->has_power_cycle ? "power-cycle" : NULL;
	core->broker_count = SIM_BROKERS;
	for (unsigned i = 0; i < SIM_BROKERS; i++) {
		core->brokers[i].link = link_of(p, i);
		core->brokers[i].gap_topic = p->has_gap_topic ? SIM_GAP_TOPIC : NULL;
	}
	/* version 1 has a filter less, and another birth message */
	fill_routes(ret, 0, cloud_routes, 11 - version, cloud_filters, 3 - version);
	fill_routes(ret, 1, plant_routes, 5, plant_filters, 1);
	if (version == 1)
		core->brokers[1].link.birth.payload = span_text("back");
	core->listeners[0] = (struct listener_config){
		.address = "unix:/sim",
		.mqtt = { .address = "unix:/sim", .allow_anonymous = true },
	};
	core->listener_count = 1;
	core->control = (struct control_config){ .address = "unix:/ctl" };
	core->store = (struct store_config){ .path = "",
		.max_bytes = p->store_bytes,
		.overflow = p->has_drop_oldest ? STORE_DROP_OLDEST : STORE_BLOCK };
	core->log_level = LOG_LEVEL_DEBUG;
}
