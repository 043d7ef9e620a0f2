/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/metrics.h"

#include "fake_query.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The text, and a NUL behind it. */
static const char *text_of(struct core *core, enum metrics_format format, struct buf *out)
{
	buf_init(out, METRICS_TEXT_MAX);
	assert_int_equal(metrics_write(core, 100000, format, out), 0);
	assert_int_equal(buf_append_u8(out, '\0'), 0);
	return (const char *)buf_data(out);
}

static void assert_has(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	if (!at)
		fail_msg("not there: %s", line);
	/* Whole lines only. */
	assert_true(at == text || at[-1] == '\n');
}

static void fill(struct core *core)
{
	static const struct route_config routes[] = {
		{ .pattern = "a/#", .local_prefix = "", .remote_prefix = "" },
		{ .pattern = "b/+", .local_prefix = "here/", .remote_prefix = "x/" },
		{ .pattern = "b/+", .local_prefix = "there/", .remote_prefix = "y/" },
	};
	struct broker_counters *n = &core->counters[0];

	fake_core_init(core);
	core->modem.status = (struct modem_status){ .state = MODEM_READY,
		.model = "SIM\"7600\\E\n",
		.revision = "LE20\xff\xc3\x1b", /* noise on the line */
		.rssi_dbm = -71,
		.is_registered = true };
	core->cfg.brokers[0].routes = routes;
	core->cfg.brokers[0].route_count = 3;
	core->modem.recoveries[RECOVERY_RESET] = 2;
	core->modem.sessions[0].state = SESSION_ONLINE;
	core->modem.sessions[0].connects = 3;
	n->published = 7;
	n->delivered_at_ms = 97500;
	n->dropped[DROP_EXPIRED] = 4;
	n->routes[1].dropped[DROP_EXPIRED] = 2;
	n->routes[2].dropped[DROP_EXPIRED] = 1;
	n->routes[BRIDGE_ROUTES_MAX].dropped[DROP_EXPIRED] = 1;
	n->inbound_lost[INBOUND_LOSS_SUM] = 2;
	n->offline[OFFLINE_MODEM] = 1;
	histogram_add(&n->latency, 50);
	histogram_add(&n->latency, 51);
	histogram_add(&n->latency, 1000000);
	core->queues[0] = (struct store_usage){ .messages = 5, .bytes = 600, .dead_letters = 1 };
	core->server.clients[0] = 6;
	core->server.counters.dropped[MQTT_DROP_QUEUE] = 9;
}

static void test_values(void **state)
{
	static const char *const lines[] = {
		"cmqttd_broker_up{broker=\"cloud\"} 1\n",
		"cmqttd_broker_up{broker=\"plant\"} 0\n",
		"cmqttd_broker_connects_total{broker=\"cloud\"} 3\n",
		"cmqttd_broker_disconnects_total{broker=\"cloud\",reason=\"modem\"} 1\n",
		"cmqttd_broker_disconnects_total{broker=\"cloud\",reason=\"lost\"} 0\n",
		"cmqttd_published_total{broker=\"cloud\"} 7\n",
		"cmqttd_dropped_total{broker=\"cloud\",reason=\"expired\"} 4\n",
		"cmqttd_route_dropped_total{broker=\"cloud\",route=\"b/+\",local_prefix=\"here/\","
		"remote_prefix=\"x/\",reason=\"expired\"} 2\n",
		"cmqttd_route_dropped_total{broker=\"cloud\",route=\"b/+\",local_prefix=\"there/\","
		"remote_prefix=\"y/\",reason=\"expired\"} 1\n",
		"cmqttd_route_dropped_total{broker=\"cloud\",route=\"\",local_prefix=\"\","
		"remote_prefix=\"\",reason=\"expired\"} 1\n",
		"cmqttd_recoveries_total{step=\"reset\"} 2\n",
		"cmqttd_inbound_lost_total{broker=\"cloud\",reason=\"sum\"} 2\n",
		"cmqttd_queued_messages{broker=\"cloud\"} 5\n",
		"cmqttd_queued_bytes{broker=\"cloud\"} 600\n",
		"cmqttd_dead_letters{broker=\"cloud\"} 1\n",
		"cmqttd_publish_latency_seconds_bucket{broker=\"cloud\",le=\"0.050\"} 1\n",
		"cmqttd_publish_latency_seconds_bucket{broker=\"cloud\",le=\"0.100\"} 2\n",
		"cmqttd_publish_latency_seconds_bucket{broker=\"cloud\",le=\"180.000\"} 2\n",
		"cmqttd_publish_latency_seconds_bucket{broker=\"cloud\",le=\"+Inf\"} 3\n",
		"cmqttd_publish_latency_seconds_count{broker=\"cloud\"} 3\n",
		"cmqttd_publish_latency_seconds_sum{broker=\"cloud\"} 1000.101\n",
		"cmqttd_last_delivery_age_seconds{broker=\"cloud\"} 2.500\n",
		"cmqttd_modem_state{state=\"ready\"} 1\n",
		"cmqttd_modem_state{state=\"absent\"} 0\n",
		"cmqttd_modem_info{model=\"SIM\\\"7600\\\\E\\n\",revision=\"LE20???\"} 1\n",
		"cmqttd_modem_signal_dbm -71\n",
		"cmqttd_modem_registered 1\n",
		"cmqttd_local_clients{listener=\"unix:/run/cmqttd/mqtt.sock\"} 6\n",
		"cmqttd_local_dropped_total{reason=\"queue\"} 9\n",
		"cmqttd_local_dropped_total{reason=\"slow\"} 0\n",
		"cmqttd_store_max_bytes 1000000\n",
		"cmqttd_build_info{version=\"1.2.3\"} 1\n",
	};
	struct core core;
	struct buf out;
	const char *text;

	(void)state;
	fill(&core);
	text = text_of(&core, METRICS_PROMETHEUS, &out);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_has(text, lines[i]);
	buf_fini(&out);
}

/* What is not known has no sample: a zero would be a lie. */
static void test_unknown(void **state)
{
	struct core core;
	struct buf out;
	const char *text;

	(void)state;
	fake_core_init(&core);
	text = text_of(&core, METRICS_PROMETHEUS, &out);
	assert_null(strstr(text, "\ncmqttd_modem_signal_dbm "));
	assert_null(strstr(text, "\ncmqttd_last_delivery_age_seconds{"));
	buf_fini(&out);
}

static void test_formats(void **state)
{
	struct core core;
	struct buf out;
	const char *text;

	(void)state;
	fill(&core);
	text = text_of(&core, METRICS_PROMETHEUS, &out);
	assert_has(text, "# TYPE cmqttd_published_total counter\n");
	assert_has(text, "# TYPE cmqttd_build_info gauge\n");
	assert_null(strstr(text, "# EOF"));
	buf_fini(&out);

	text = text_of(&core, METRICS_OPENMETRICS, &out);
	assert_has(text, "# TYPE cmqttd_published counter\n");
	assert_has(text, "# TYPE cmqttd_build info\n");
	assert_has(text, "cmqttd_published_total{broker=\"cloud\"} 7\n");
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
	buf_fini(&out);
}

static void test_choice(void **state)
{
	static const struct {
		const char *accept;
		enum metrics_format format;
	} rows[] = {
		{ "", METRICS_PROMETHEUS },
		{ "*/*", METRICS_PROMETHEUS },
		{ "text/plain;version=0.0.4;q=0.5", METRICS_PROMETHEUS },
		{ "application/openmetrics-text", METRICS_OPENMETRICS },
		{ "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
		    METRICS_OPENMETRICS },
		{ "application/openmetrics", METRICS_PROMETHEUS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span accept = { (const uint8_t *)rows[i].accept, strlen(rows[i].accept) };

		assert_int_equal(metrics_choose(accept), rows[i].format);
	}
}

/* Too little room is an error at every length, never a cut text that is believed. */
static void test_room(void **state)
{
	struct core core;
	struct buf all, out;
	size_t len;

	(void)state;
	fill(&core);
	core.cfg.brokers[0].route_count = 0;
	core.counters[0].routes[BRIDGE_ROUTES_MAX] = (struct route_counters){ 0 };
	text_of(&core, METRICS_OPENMETRICS, &all);
	len = buf_len(&all) - 1;
	for (size_t room = 1; room < len; room += 97) {
		buf_init(&out, room);
		assert_int_equal(metrics_write(&core, 100000, METRICS_OPENMETRICS, &out), -ENOBUFS);
		buf_fini(&out);
	}
	buf_init(&out, len + 1);
	assert_int_equal(metrics_write(&core, 100000, METRICS_OPENMETRICS, &out), 0);
	assert_memory_equal(buf_data(&out), buf_data(&all), len);
	buf_fini(&out);
	buf_fini(&all);
}

#define LONG_PREFIX (MQTT_TOPIC_MAX - 2)

/* As long as the configuration takes it, and every character escaped. */
static void fill_up(struct core *core, struct route_config routes[BRIDGE_ROUTES_MAX])
{
	static char local[LONG_PREFIX + 1], remote[MODEM_TOPIC_MAX - 1];
	static char name[2][33];
	static char address[119];

	memset(local, '"', sizeof(local) - 1);
	memset(remote, '\\', sizeof(remote) - 1);
	memset(address, 'x', sizeof(address) - 1);
	fill(core);
	memset(core->modem.status.model, '"', sizeof(core->modem.status.model) - 1);
	memset(core->modem.status.revision, '"', sizeof(core->modem.status.revision) - 1);
	for (size_t i = 0; i < BRIDGE_ROUTES_MAX; i++)
		routes[i] = (struct route_config){
			.pattern = "a#", .local_prefix = local, .remote_prefix = remote
		};
	for (unsigned i = 0; i < 2; i++) {
		memset(name[i], 'a' + (int)i, sizeof(name[i]) - 1);
		core->cfg.brokers[i].link.name = name[i];
		core->cfg.brokers[i].routes = routes;
		core->cfg.brokers[i].route_count = BRIDGE_ROUTES_MAX;
		core->counters[i].published = UINT64_MAX;
		for (size_t k = 0; k < (BRIDGE_ROUTES_MAX + 1) * DROP_REASON_COUNT; k++)
			core->counters[i]
			    .routes[k / DROP_REASON_COUNT]
			    .dropped[k % DROP_REASON_COUNT] = UINT64_MAX;
	}
	core->cfg.listener_count = MQTT_LISTENERS_MAX;
	for (size_t i = 0; i < MQTT_LISTENERS_MAX; i++)
		core->cfg.listeners[i].address = address;
}

/* More than fits: what there is of single routes ends somewhere, all else is there. */
static void test_too_much_by_route(void **state)
{
	static struct route_config routes[BRIDGE_ROUTES_MAX];
	static struct core core;
	const char *text;
	struct buf all;

	(void)state;
	fill_up(&core, routes);
	text = text_of(&core, METRICS_OPENMETRICS, &all);
	assert_true(buf_len(&all) > METRICS_TEXT_MAX / 2);
	assert_has(text, "cmqttd_route_dropped_total{broker=\"aaaa");
	assert_has(text, "# TYPE cmqttd_store_max_bytes gauge\n");
	assert_has(text, "# EOF\n");
	buf_fini(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_too_much_by_route),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
