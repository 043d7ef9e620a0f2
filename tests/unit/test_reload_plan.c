/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reload says that it changes: one change a row, and a configuration without it.
 */
#include "bridge/reload_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct filter_config filters[] = { { "cmd/#", 1 }, { "ota/#", 1 }, { "cmd/#", 0 } };
static const struct route_config routes[] = {
	{ .pattern = "up/#", .local_prefix = "", .remote_prefix = "site/" },
	{ .pattern = "up/#", .local_prefix = "", .remote_prefix = "site/", .ttl_s = 60 },
	{ .pattern = "more/#", .local_prefix = "", .remote_prefix = "" },
};

static void make(struct core_config *cfg)
{
	*cfg = (struct core_config){
		.modem = { .device = "/dev/modem", .apn = "internet" },
		.broker_count = 1,
		.listener_count = 2,
		.control.address = "unix:/run/control.sock",
		.store = { .path = "store.db", .max_bytes = 1000 },
		.log_level = LOG_LEVEL_INFO,
	};
	cfg->brokers[0] = (struct core_broker){
		.link = { .name = "cloud",
		    .host = "a.example",
		    .client_id = "gw",
		    .password = "secret",
		    .filters = filters,
		    .filter_count = 1 },
		.routes = routes,
		.route_count = 1,
	};
	cfg->listeners[0].address = "unix:/run/mqtt.sock";
	cfg->listeners[1].address = "127.0.0.1:1883";
}

/* ---- changes ---- */

static void other_password(struct core_config *cfg)
{
	cfg->brokers[0].link.password = "hidden";
}

static void other_address(struct core_config *cfg)
{
	cfg->brokers[0].link.port = 99;
	cfg->brokers[0].link.keepalive_s = 30;
}

static void certificate_end(struct core_config *cfg)
{
	cfg->brokers[0].link.tls.ends_s = 5; /* what is known of a file is no change of it */
}

static void other_tls(struct core_config *cfg)
{
	cfg->brokers[0].link.tls.sni = true;
}

static void filter_more(struct core_config *cfg)
{
	cfg->brokers[0].link.filter_count = 2;
}

static void filter_other(struct core_config *cfg)
{
	cfg->brokers[0].link.filters = &filters[1];
}

static void filter_qos(struct core_config *cfg)
{
	cfg->brokers[0].link.filters = &filters[2];
}

static void route_other(struct core_config *cfg)
{
	cfg->brokers[0].routes = &routes[1];
}

static void route_more(struct core_config *cfg)
{
	cfg->brokers[0].routes = &routes[1];
	cfg->brokers[0].route_count = 2;
}

static void gap_topic(struct core_config *cfg)
{
	cfg->brokers[0].gap_topic = "gaps";
}

static void broker_more(struct core_config *cfg)
{
	cfg->brokers[1].link.name = "plant";
	cfg->broker_count = 2;
}

static void broker_none(struct core_config *cfg)
{
	cfg->broker_count = 0;
}

static void broker_other(struct core_config *cfg)
{
	cfg->brokers[0].link.name = "plant";
}

static void listener_gone(struct core_config *cfg)
{
	cfg->listener_count = 1;
}

static void listener_moved(struct core_config *cfg)
{
	cfg->listeners[0].address = "127.0.0.1:1883";
	cfg->listeners[1].address = "unix:/run/mqtt.sock";
}

static void listener_other(struct core_config *cfg)
{
	cfg->listeners[1].address = "127.0.0.1:1884";
}

static void listener_rights(struct core_config *cfg)
{
	cfg->listeners[0].mode = 0600;
	cfg->listeners[1].mqtt.allow_anonymous = true;
}

static void listener_files(struct core_config *cfg)
{
	cfg->listeners[0].rights = span_text("topic read a/#");
	cfg->listeners[1].passwords = span_text("user:secret");
	cfg->listeners[1].rights = span_text("topic a/#");
}

static void modem_port(struct core_config *cfg)
{
	cfg->modem.device = "/dev/other";
	cfg->modem.apn = NULL;
	cfg->modem.pin = "1234";
}

static void modem_baud(struct core_config *cfg)
{
	cfg->modem.baud = 9600;
}

static void power_cycle(struct core_config *cfg)
{
	cfg->power_cycle = "relay";
}

static void store(struct core_config *cfg)
{
	cfg->store = (struct store_config){ .path = "other.db",
		.max_bytes = 2000,
		.overflow = STORE_DROP_OLDEST,
		.is_normal_durability = true };
}

static void control(struct core_config *cfg)
{
	cfg->control.mode = 0600;
}

static void metrics(struct core_config *cfg)
{
	cfg->metrics_address = "127.0.0.1:9469";
}

static void log_level(struct core_config *cfg)
{
	cfg->log_level = LOG_LEVEL_DEBUG;
}

static void nothing(struct core_config *cfg)
{
	(void)cfg;
}

static const struct {
	void (*change)(struct core_config *cfg);
	const char *plan;
} changes[] = {
	{ nothing, "" },
	{ other_password, "broker cloud: is connected anew: other password\n" },
	{ other_address, "broker cloud: is connected anew: other address, keepalive\n" },
	{ certificate_end, "" },
	{ other_tls, "broker cloud: is connected anew: other tls\n" },
	{ filter_more, "broker cloud: subscribes to ota/#\n" },
	{ filter_other, "broker cloud: subscribes to ota/#\n"
			"broker cloud: unsubscribes from cmd/#\n" },
	{ filter_qos, "broker cloud: subscribes to cmd/#\n"
		      "broker cloud: unsubscribes from cmd/#\n" },
	{ route_other, "broker cloud: routes: 1 new or changed, 1 gone or changed\n" },
	{ route_more, "broker cloud: routes: 2 new or changed, 1 gone or changed\n" },
	{ gap_topic, "broker cloud: gap_topic is another one\n" },
	{ broker_more, "broker plant: is new, and connected\n" },
	{ broker_none,
	    "broker cloud: is closed; what waits for it stays in the store, under its name\n" },
	{ broker_other,
	    "broker cloud: is closed; what waits for it stays in the store, under its name\n"
	    "broker plant: is new on this client of the modem, and connected\n" },
	{ listener_gone, "listener 127.0.0.1:1883: is closed, with its clients\n" },
	{ listener_moved, "" },
	{ listener_other, "listener 127.0.0.1:1883: is closed, with its clients\n"
			  "listener 127.0.0.1:1884: is opened\n" },
	{ listener_rights, "listener unix:/run/mqtt.sock: gets another mode or group\n"
			   "listener 127.0.0.1:1883: lets anonymous clients in\n" },
	{ listener_files,
	    "listener unix:/run/mqtt.sock: its clients stay; other acl_file\n"
	    "listener 127.0.0.1:1883: its clients stay; other password_file, acl_file\n" },
	{ modem_port,
	    "modem: the port is /dev/other instead of /dev/modem: all brokers lose their sessions\n"
	    "modem: APN, operator, technology or roaming: used when the modem registers next\n"
	    "modem: another PIN: used when the SIM asks for it\n" },
	{ modem_baud, "modem: the port is opened anew: other baud or flow_control\n" },
	{ power_cycle, "modem: power_cycle is another command\n" },
	{ store, "store: max_bytes is 2000 instead of 1000\n"
		 "store: overflow is \"drop-oldest\"\n"
		 "store: path: at the next start\n"
		 "store: durability: at the next start\n" },
	{ control, "control: address, mode and group: at the next start\n" },
	{ metrics, "metrics: opened on 127.0.0.1:9469\n" },
	{ log_level, "log: level is debug instead of info\n" },
};

static void print(const struct reload_plan *plan, char *ret, size_t size)
{
	size_t len = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < plan->count; i++) {
		const struct reload_change *c = &plan->changes[i];

		len += (size_t)snprintf(ret + len, size - len, "%s%s%s: %s\n", c->what,
		    c->name[0] ? " " : "", c->name, c->text);
	}
}

static void test_changes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct core_config old, next;
		struct reload_plan plan;
		char text[1024];

		make(&old);
		make(&next);
		changes[i].change(&next);
		reload_plan_make(&old, &next, &plan);
		print(&plan, text, sizeof(text));
		print_message("%zu\n", i);
		assert_string_equal(text, changes[i].plan);
		assert_null(strstr(text, "secret"));
		assert_null(strstr(text, "hidden"));
		assert_null(strstr(text, "1234"));
	}
}

/* Long lists end, and so do the changes. */
static void test_bounds(void **state)
{
	static char names[64][64];
	static struct filter_config many[64];
	static const char *const addresses[2][MQTT_LISTENERS_MAX] = {
		{ "h:1", "h:2", "h:3", "h:4", "h:5", "h:6", "h:7", "h:8" },
		{ "i:1", "i:2", "i:3", "i:4", "i:5", "i:6", "i:7", "i:8" },
	};
	struct core_config old, next;
	struct reload_plan plan;
	const char *text;

	(void)state;
	make(&old);
	make(&next);
	for (size_t i = 0; i < 64; i++) {
		snprintf(names[i], sizeof(names[i]), "a/quite/long/filter/number/%zu", i);
		many[i].filter = names[i];
	}
	next.brokers[0].link.filters = many;
	next.brokers[0].link.filter_count = 64;
	reload_plan_make(&old, &next, &plan);
	text = plan.changes[0].text;
	assert_in_range(strlen(text), 100, RELOAD_PLAN_TEXT_MAX - 1);
	assert_string_equal(text + strlen(text) - 5, ", ...");
	assert_null(strstr(text, "..., ..."));
	/* Everything at once: two brokers exchanged, every listener, and the rest. */
	for (size_t i = 0; i < MQTT_LISTENERS_MAX; i++) {
		old.listeners[i].address = addresses[0][i];
		next.listeners[i].address = addresses[1][i];
	}
	old.listener_count = next.listener_count = MQTT_LISTENERS_MAX;
	old.broker_count = next.broker_count = 2;
	old.brokers[1].link.name = "one";
	next.brokers[1].link.name = "two";
	broker_other(&next);
	modem_port(&next);
	power_cycle(&next);
	store(&next);
	control(&next);
	metrics(&next);
	log_level(&next);
	reload_plan_make(&old, &next, &plan);
	assert_int_equal(plan.count, 4 + 16 + 4 + 4 + 1 + 1 + 1);
	assert_in_range(plan.count, 1, RELOAD_PLAN_MAX - 1);
	/* The listeners are the same, and everything about them is another. */
	for (size_t i = 0; i < MQTT_LISTENERS_MAX; i++) {
		next.listeners[i] = old.listeners[i];
		next.listeners[i].mode = 0777;
		next.listeners[i].mqtt.allow_anonymous = true;
		next.listeners[i].rights = span_text("topic #");
	}
	reload_plan_make(&old, &next, &plan);
	assert_int_equal(plan.count, 4 + 24 + 4 + 4 + 1 + 1 + 1);
	assert_in_range(plan.count, 1, RELOAD_PLAN_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
