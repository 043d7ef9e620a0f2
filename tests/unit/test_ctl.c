/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/ctl.h"

#include "base/limits.h"
#include "bridge/ctl_interface.h"
#include "bridge/ctl_json.h"
#include "bridge/ctl_json_value.h"
#include "bridge/ctl_methods.h"
#include "bridge/varlink.h"
#include "fake_query.h"
#include "text.h"
#include "varlink_idl.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW      10000

#define MESSAGES "\"time\":\"2026-05-01T08:15:40.250Z\""

/* ---- the rig: connections to a control interface on a fake core ---- */

struct rig {
	struct core core;
	struct ctl *ctl;
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	fake_core_init(&rig->core);
	rig->ctl = ctl_new(&rig->core);
	*state = rig;
	return rig->ctl ? 0 : -1;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	ctl_free(rig->ctl);
	free(rig);
	return 0;
}

static uint32_t open_as(struct rig *rig, uint32_t uid, bool is_admin)
{
	const struct ctl_peer peer = { .uid = uid, .pid = 1, .is_admin = is_admin };
	uint32_t id = 0;

	assert_int_equal(ctl_conn_new(rig->ctl, NOW, &peer, &id), 0);
	assert_int_not_equal(id, 0);
	return id;
}

static uint32_t open_admin(struct rig *rig)
{
	return open_as(rig, 0, true);
}

static void send_bytes(struct rig *rig, uint32_t id, const void *data, size_t len)
{
	ctl_conn_rx(rig->ctl, NOW, id, data, len);
}

/* A whole message. */
static void send_text(struct rig *rig, uint32_t id, const char *text)
{
	send_bytes(rig, id, text, strlen(text) + 1);
}

/* Call a method of io.cmqttd; flags: "" or ",\"more\":true". */
static void call_with(
    struct rig *rig, uint32_t id, const char *method, const char *parameters, const char *flags)
{
	char text[2048];

	snprintf(text, sizeof(text), "{\"method\":\"" CTL_INTERFACE ".%s\",\"parameters\":%s%s}",
	    method, parameters, flags);
	send_text(rig, id, text);
}

static void call(struct rig *rig, uint32_t id, const char *method, const char *parameters)
{
	call_with(rig, id, method, parameters, "");
}

static void start_stream(struct rig *rig, uint32_t id, const char *method, const char *parameters)
{
	call_with(rig, id, method, parameters, ",\"more\":true");
}

/* The events that are due, as text: "w1 c2 ". */
static const char *take_events(struct rig *rig)
{
	static char text[256];
	struct ctl_event ev;
	size_t len = 0;

	text[0] = '\0';
	while (ctl_next_event(rig->ctl, &ev)) {
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%c%u ",
		    ev.type == CTL_EVENT_WRITE ? 'w' : 'c', ev.id);
		assert_in_range(len, 0, sizeof(text) - 1);
	}
	return text;
}

static bool is_closed(struct rig *rig, uint32_t id)
{
	char close_text[16];

	snprintf(close_text, sizeof(close_text), "c%u ", id);
	return strstr(take_events(rig), close_text) != NULL;
}

/* Read the next message as the other side would; NULL: there is none. */
static json_t *read_message(struct rig *rig, uint32_t id)
{
	struct buf *out = ctl_conn_out(rig->ctl, id);
	const char *text = (const char *)buf_data(out);
	json_t *msg;

	if (buf_len(out) == 0)
		return NULL;
	assert_non_null(memchr(text, '\0', buf_len(out)));
	msg = json_loads(text, 0, NULL);
	if (!msg)
		fail_msg("no JSON: %s", text);
	buf_consume(out, strlen(text) + 1);
	ctl_conn_sent(rig->ctl, NOW, id);
	return msg;
}

static void assert_json(const json_t *got, const char *expected)
{
	json_t *want = json_loads(expected, 0, NULL);

	if (!want)
		fail_msg("the test's own JSON is wrong: %s", expected);
	if (!json_equal(got, want)) {
		char *text = json_dumps(got, JSON_COMPACT);

		print_error("expected %s\ngot      %s\n", expected, text ? text : "nothing");
		free(text);
		fail();
	}
	json_decref(want);
}

static void assert_described(enum idl_part part, const char *full_name, const json_t *parameters)
{
	const char *name = strrchr(full_name, '.') + 1;
	bool is_ours = strncmp(full_name, CTL_INTERFACE ".", strlen(CTL_INTERFACE) + 1) == 0;
	const char *where;

	if (!idl_matches(is_ours ? ctl_interface_text : ctl_service_interface_text, part, name,
		parameters, &where))
		fail_msg("%s is not as described, at: %.40s", full_name, where);
}

/* The next message is a reply of that method with those parameters, and as described. */
static void expect_part(
    struct rig *rig, uint32_t id, const char *method, const char *parameters, bool is_continued)
{
	json_t *msg = read_message(rig, id);
	struct varlink_answer answer;

	if (!msg)
		fail_msg("%s: no reply", method);
	assert_int_equal(varlink_parse_answer(msg, &answer), 0);
	if (answer.error)
		fail_msg("%s: error %s", method, answer.error);
	assert_int_equal(answer.is_continued, is_continued);
	assert_described(IDL_REPLY, method, answer.parameters);
	assert_json(answer.parameters, parameters);
	json_decref(msg);
}

static void expect_reply(struct rig *rig, uint32_t id, const char *method, const char *parameters)
{
	expect_part(rig, id, method, parameters, false);
}

static void expect_error(struct rig *rig, uint32_t id, const char *error, const char *parameters)
{
	json_t *msg = read_message(rig, id);
	struct varlink_answer answer;

	if (!msg)
		fail_msg("%s: no reply", error);
	assert_int_equal(varlink_parse_answer(msg, &answer), 0);
	if (!answer.error || strcmp(answer.error, error) != 0)
		fail_msg("%s, but expected %s", answer.error ? answer.error : "a reply", error);
	assert_false(answer.is_continued);
	assert_described(IDL_ERROR, error, answer.parameters);
	assert_json(answer.parameters, parameters);
	json_decref(msg);
}

static void expect_silence(struct rig *rig, uint32_t id)
{
	assert_int_equal(buf_len(ctl_conn_out(rig->ctl, id)), 0);
}

/* ---- tables and description ---- */

/* Parameters of a method as its table has them, in the words of the description. */
static void print_parameters(const struct ctl_method *m, char *ret, size_t size)
{
	static const char *const types[] = {
		[CTL_PARAM_STRING] = "string", [CTL_PARAM_INT] = "int", [CTL_PARAM_BOOL] = "bool"
	};
	size_t len = (size_t)snprintf(ret, size, "(");

	for (const struct ctl_param *p = m->params; p && p->name; p++)
		len += (size_t)snprintf(ret + len, size - len, "%s%s:%s%s", len > 1 ? "," : "",
		    p->name, p->is_optional ? "?" : "", types[p->type]);
	snprintf(ret + len, size - len, ")");
}

static void test_tables_match_descriptions(void **state)
{
	char name[64], described[256], own[256];

	(void)state;
	for (const struct ctl_interface *i = ctl_interfaces; i->name; i++) {
		const struct ctl_method *m = i->methods;

		snprintf(own, sizeof(own), "interface %s\n", i->name);
		assert_int_equal(strncmp(i->text, own, strlen(own)), 0);
		/* Comments would take room in the daemon. */
		assert_null(strchr(i->text, '#'));
		for (; m->name; m++) {
			size_t place = (size_t)(m - i->methods);

			print_message("%s.%s\n", i->name, m->name);
			assert_true(idl_name(i->text, "method", place, name, sizeof(name)));
			assert_string_equal(name, m->name);
			assert_true(idl_parameters(i->text, m->name, described, sizeof(described)));
			print_parameters(m, own, sizeof(own));
			assert_string_equal(described, own);
		}
		assert_false(
		    idl_name(i->text, "method", (size_t)(m - i->methods), name, sizeof(name)));
	}
}

/* Each error has a place in the description, and each described one is known. */
static void test_errors_match_descriptions(void **state)
{
	size_t declared = 0;
	char name[64], full_name[128];

	(void)state;
	for (const struct ctl_interface *i = ctl_interfaces; i->name; i++) {
		for (size_t k = 0; idl_name(i->text, "error", k, name, sizeof(name)); k++) {
			bool is_known = false;

			snprintf(full_name, sizeof(full_name), "%s.%s", i->name, name);
			for (int e = 0; e < CTL_ERROR_COUNT; e++)
				is_known = is_known || strcmp(ctl_error_name((enum ctl_error)e),
							   full_name) == 0;
			print_message("%s\n", full_name);
			assert_true(is_known);
			declared++;
		}
	}
	assert_int_equal(declared, CTL_ERROR_COUNT);
}

static void test_introspection(void **state)
{
	struct rig *rig = *state;
	uint32_t id = open_as(rig, 1000, false);
	struct varlink_answer answer;
	json_t *msg;

	send_text(rig, id, "{\"method\":\"org.varlink.service.GetInfo\"}");
	expect_reply(rig, id, "org.varlink.service.GetInfo",
	    "{\"vendor\":\"cmqttd\",\"product\":\"cmqttd\",\"version\":\"1.2.3\",\"url\":\"\","
	    "\"interfaces\":[\"org.varlink.service\",\"io.cmqttd\"]}");
	send_text(rig, id,
	    "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
	    "\"parameters\":{\"interface\":\"io.cmqttd\"}}");
	msg = read_message(rig, id);
	assert_int_equal(varlink_parse_answer(msg, &answer), 0);
	assert_string_equal(json_string_value(json_object_get(answer.parameters, "description")),
	    ctl_interface_text);
	json_decref(msg);
	send_text(rig, id,
	    "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
	    "\"parameters\":{\"interface\":\"io.other\"}}");
	expect_error(
	    rig, id, "org.varlink.service.InterfaceNotFound", "{\"interface\":\"io.other\"}");
}

/* ---- what is known ---- */

static void fill_core(struct core *c)
{
	static const struct route_config up = {
		.pattern = "up/#", .local_prefix = "", .remote_prefix = "site/"
	};
	struct modem_status *m = &c->modem.status;
	struct session_status *s = c->modem.sessions;

	m->state = MODEM_READY;
	snprintf(m->model, sizeof(m->model), "SIMCOM_SIM7600E-H");
	snprintf(m->revision, sizeof(m->revision), "LE20B04SIM7600M22");
	snprintf(m->imei, sizeof(m->imei), "867584030000000");
	snprintf(m->operator_name, sizeof(m->operator_name),
	    "Tele\xff"
	    "com");
	snprintf(m->technology, sizeof(m->technology), "LTE");
	m->rssi_dbm = -71;
	m->is_registered = true;
	s[0].state = SESSION_ONLINE;
	s[0].since_ms = 4000;
	s[0].attempt = 1;
	s[1].state = SESSION_BACKOFF;
	s[1].since_ms = 9000;
	s[1].attempt = 4;
	s[1].retry_at_ms = NOW + 1001;
	s[1].last_error.code = 27;
	snprintf(s[1].last_error.text, sizeof(s[1].last_error.text), "handshake fail");
	snprintf(s[1].last_error.command, sizeof(s[1].last_error.command), "AT+CMQTTCONNECT");
	c->counters[0] = (struct broker_counters){ .published = 12, .received = 3 };
	c->counters[0].dropped[DROP_FULL] = 2;
	c->cfg.brokers[0].routes = &up;
	c->cfg.brokers[0].route_count = 1;
	c->counters[0].routes[0].dead = 1;
	c->counters[0].routes[0].dropped[DROP_EXPIRED] = 1;
	c->counters[0].routes[BRIDGE_ROUTES_MAX].dropped[DROP_FULL] = 2;
	c->counters[0].dropped[DROP_EXPIRED] = 1;
	c->counters[0].inbound_lost[INBOUND_LOSS_SUM] = 4;
	c->queues[0] = (struct store_usage){ .messages = 5, .bytes = 600, .dead_letters = 7 };
	c->total = (struct store_usage){ .messages = 6, .bytes = 700, .dead_letters = 8 };
	c->free_bytes = 9000000;
	c->server.clients[0] = 9;
}

/* What the examination finds is tested in test_doctor. */
static void test_doctor(void **state)
{
	struct rig *rig = *state;
	uint32_t id = open_as(rig, 1000, false);

	rig->core.port_error = ENOENT;
	rig->core.cfg.broker_count = 1;
	rig->core.modem.sessions[0].state = SESSION_WAITING;
	call(rig, id, "Doctor", "{}");
	expect_reply(rig, id, "io.cmqttd.Doctor",
	    "{\"device\":\"/dev/ttyUSB2\",\"checks\":["
	    "{\"check\":\"port\",\"broker\":null,\"result\":\"fail\","
	    "\"text\":\"/dev/ttyUSB2: there is no such port\","
	    "\"advice\":\"plug the modem in, or name its port in modem.device"
	    " (ls -l /dev/serial/by-id)\"},"
	    "{\"check\":\"broker\",\"broker\":\"cloud\",\"result\":\"warn\","
	    "\"text\":\"it waits for the modem\",\"advice\":\"see the modem\"},"
	    "{\"check\":\"store\",\"broker\":null,\"result\":\"ok\","
	    "\"text\":\"0 messages wait\",\"advice\":null}]}");
}

#define BROKERS                                                                           \
	"[{\"name\":\"cloud\",\"client_index\":0,\"state\":\"online\","                   \
	"\"since\":\"2026-05-01T08:15:34.250Z\",\"attempt\":1,\"retry_in_s\":null,"       \
	"\"queued_messages\":5,\"queued_bytes\":600,\"dead_letters\":7,\"published\":12," \
	"\"received\":3,\"dropped\":7,\"losses\":["                                       \
	"{\"pattern\":\"up/#\",\"local_prefix\":\"\",\"remote_prefix\":\"site/\","        \
	"\"reason\":\"dead_letter\",\"count\":1},"                                        \
	"{\"pattern\":\"up/#\",\"local_prefix\":\"\",\"remote_prefix\":\"site/\","        \
	"\"reason\":\"expired\",\"count\":1},"                                            \
	"{\"pattern\":null,\"local_prefix\":null,\"remote_prefix\":null,"                 \
	"\"reason\":\"full\",\"count\":2},"                                               \
	"{\"pattern\":null,\"local_prefix\":null,\"remote_prefix\":null,"                 \
	"\"reason\":\"inbound_sum\",\"count\":4}],\"last_error\":null},"                  \
	"{\"name\":\"plant\",\"client_index\":1,\"state\":\"backoff\","                   \
	"\"since\":\"2026-05-01T08:15:39.250Z\",\"attempt\":4,\"retry_in_s\":2,"          \
	"\"queued_messages\":0,\"queued_bytes\":0,\"dead_letters\":0,\"published\":0,"    \
	"\"received\":0,\"dropped\":0,\"losses\":[],\"last_error\":{\"code\":27,"         \
	"\"text\":\"handshake fail\","                                                    \
	"\"command\":\"AT+CMQTTCONNECT\"}}]"

static void test_status(void **state)
{
	struct rig *rig = *state;
	uint32_t id = open_as(rig, 1000, false);

	fill_core(&rig->core);
	rig->core.troubles[CORE_TROUBLE_PORT] = "cat (pid 7)";
	rig->core.server.counters.dropped[MQTT_DROP_QUEUE] = 5;
	rig->core.server.counters.dropped[MQTT_DROP_TOO_LARGE] = 2;
	call(rig, id, "GetStatus", "{}");
	expect_reply(rig, id, "io.cmqttd.GetStatus",
	    "{\"version\":\"1.2.3\",\"uptime_s\":10,"
	    "\"modem\":{\"state\":\"ready\",\"model\":\"SIMCOM_SIM7600E-H\","
	    "\"revision\":\"LE20B04SIM7600M22\",\"imei\":\"867584030000000\","
	    "\"operator\":\"Tele\xef\xbf\xbd"
	    "com\",\"technology\":\"LTE\",\"rssi_dbm\":-71,"
	    "\"registered\":true,\"port_users\":\"cat (pid 7)\"},"
	    "\"brokers\":" BROKERS ","
	    "\"listeners\":[{\"address\":\"unix:/run/cmqttd/mqtt.sock\",\"clients\":9}],"
	    "\"store\":{\"messages\":6,\"bytes\":700,\"max_bytes\":1000000,\"dead_letters\":8,"
	    "\"free_bytes\":9000000},"
	    "\"local_losses\":[{\"reason\":\"queue\",\"count\":5},"
	    "{\"reason\":\"too_large\",\"count\":2}],\"logs_dropped\":3}");
	call(rig, id, "ListBrokers", "{}");
	expect_reply(rig, id, "io.cmqttd.ListBrokers", "{\"brokers\":" BROKERS "}");
}

static void test_status_of_nothing(void **state)
{
	struct rig *rig = *state;
	uint32_t id = open_as(rig, 1000, false);

	rig->core.cfg.broker_count = 0;
	rig->core.cfg.listener_count = 0;
	call(rig, id, "GetStatus", "{}");
	expect_reply(rig, id, "io.cmqttd.GetStatus",
	    "{\"version\":\"1.2.3\",\"uptime_s\":10,"
	    "\"modem\":{\"state\":\"absent\",\"model\":null,\"revision\":null,\"imei\":null,"
	    "\"operator\":null,\"technology\":null,\"rssi_dbm\":null,\"registered\":false,"
	    "\"port_users\":null},"
	    "\"brokers\":[],\"listeners\":[],"
	    "\"store\":{\"messages\":0,\"bytes\":0,\"max_bytes\":1000000,\"dead_letters\":0,"
	    "\"free_bytes\":null},\"local_losses\":[],\"logs_dropped\":3}");
}

static const struct {
	int64_t wall_ms;
	const char *text;
} times[] = {
	{ 0, "\"1970-01-01T00:00:00.000Z\"" },
	{ 951782399999, "\"2000-02-28T23:59:59.999Z\"" },
	{ 951782400000, "\"2000-02-29T00:00:00.000Z\"" },
	{ 951868800000, "\"2000-03-01T00:00:00.000Z\"" },
	{ 1709164800000, "\"2024-02-29T00:00:00.000Z\"" },
	{ 1767225599001, "\"2025-12-31T23:59:59.001Z\"" },
	{ 4107542400000, "\"2100-03-01T00:00:00.000Z\"" },
	{ 253402300799999, "\"9999-12-31T23:59:59.999Z\"" },
	{ INT64_MAX, "\"9999-12-31T23:59:59.999Z\"" },
	{ -1, "\"1970-01-01T00:00:00.000Z\"" },
	{ INT64_MIN, "\"1970-01-01T00:00:00.000Z\"" },
};

static void test_times(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		json_t *time = json_pack("[o]", ctl_json_time(times[i].wall_ms));
		char *text = json_dumps(time, JSON_COMPACT);

		assert_int_equal(strlen(text), strlen(times[i].text) + 2);
		assert_memory_equal(text + 1, times[i].text, strlen(times[i].text));
		free(text);
		json_decref(time);
	}
}

static void add_history(
    struct core *c, int broker, const char *from, const char *to, int64_t wall_ms)
{
	struct history_entry *e = &c->history[c->history_count++];

	*e = (struct history_entry){ .broker = broker, .from = from, .to = to, .wall_ms = wall_ms };
	snprintf(e->why, sizeof(e->why), "because %d", (int)c->history_count);
}

#define CHANGE(broker, from, to, why, second, outage)                                           \
	"{\"broker\":" broker ",\"from\":\"" from "\",\"to\":\"" to "\",\"why\":\"because " why \
	"\",\"time\":\"1970-01-01T00:00:" second ".000Z\",\"outage_s\":" outage "}"

#define CHANGE_1 CHANGE("\"cloud\"", "connecting", "online", "1", "01", "null")
#define CHANGE_2 CHANGE("null", "ready", "recovering", "2", "02", "null")
#define CHANGE_3 CHANGE("\"cloud\"", "online", "waiting", "3", "03", "null")
#define CHANGE_4 CHANGE("null", "recovering", "ready", "4", "12", "10")
#define CHANGE_5 CHANGE("\"cloud\"", "connecting", "online", "5", "20", "17")

static void test_history(void **state)
{
	struct rig *rig = *state;
	uint32_t id = open_as(rig, 1000, false);
	struct core *c = &rig->core;

	add_history(c, 0, "connecting", "online", 1000);
	add_history(c, -1, "ready", "recovering", 2000);
	add_history(c, 0, "online", "waiting", 3000);
	add_history(c, -1, "recovering", "ready", 12999 - 999);
	add_history(c, 0, "connecting", "online", 20000);
	call(rig, id, "History", "{}");
	expect_reply(rig, id, "io.cmqttd.History",
	    "{\"changes\":[" CHANGE_1 "," CHANGE_2 "," CHANGE_3 "," CHANGE_4 "," CHANGE_5
	    "],\"outages\":[]}");
	call(rig, id, "History", "{\"name\":\"modem\"}");
	expect_reply(rig, id, "io.cmqttd.History",
	    "{\"changes\":[" CHANGE_2 "," CHANGE_4 "],\"outages\":[]}");
	call(rig, id, "History", "{\"name\":\"cloud\"}");
	expect_reply(rig, id, "io.cmqttd.History",
	    "{\"changes\":[" CHANGE_1 "," CHANGE_3 "," CHANGE_5 "],\"outages\":[]}");
	call(rig, id, "History", "{\"name\":\"plant\"}");
	expect_reply(rig, id, "io.cmqttd.History", "{\"changes\":[],\"outages\":[]}");
	call(rig, id, "History", "{\"name\":\"moon\"}");
	expect_error(rig, id, "io.cmqttd.NoSuchBroker", "{\"name\":\"moon\"}");
}

/* A broker that a reload took away is not taken for the modem. */
static void test_history_of_removed(void **state)
{
	struct rig *rig = *state;
	uint32_t id = open_as(rig, 1000, false);

	rig->core.cfg.broker_count = 1;
	add_history(&rig->core, 1, "online", "stopping", 1000);
	call(rig, id, "History", "{}");
	expect_reply(rig, id, "io.cmqttd.History",
	    "{\"changes\":[" CHANGE(
		"\"client 1\"", "online", "stopping", "1", "01", "null") "],\"outages\":[]}");
}

static void expect_outages(
    struct rig *rig, uint32_t id, const char *parameters, const char *expected)
{
	json_t *msg, *reply;

	call(rig, id, "History", parameters);
	msg = read_message(rig, id);
	reply = json_object_get(msg, "parameters");
	assert_described(IDL_REPLY, "io.cmqttd.History", reply);
	assert_json(json_object_get(reply, "outages"), expected);
	json_decref(msg);
}

/* An outage that goes on has no end to tell its length. */
static void test_history_of_outages(void **state)
{
	struct rig *rig = *state;
	uint32_t id = open_as(rig, 1000, false);
	json_int_t now_s = (FAKE_WALL_MS + NOW) / 1000;
	char all[256], plant[128];

	add_history(&rig->core, -1, "ready", "recovering", 2000);
	add_history(&rig->core, 1, "online", "waiting", 3000);
	add_history(&rig->core, 1, "waiting", "connecting", 4000);
	add_history(&rig->core, 0, "connecting", "backoff", 5000); /* it was never online */
	snprintf(plant, sizeof(plant),
	    "{\"broker\":\"plant\",\"since\":\"1970-01-01T00:00:03.000Z\",\"lasts_s\":%lld}",
	    (long long)now_s - 3);
	snprintf(all, sizeof(all),
	    "[{\"broker\":null,\"since\":\"1970-01-01T00:00:02.000Z\",\"lasts_s\":%lld},%s]",
	    (long long)now_s - 2, plant);
	expect_outages(rig, id, "{}", all);
	snprintf(all, sizeof(all), "[%s]", plant);
	expect_outages(rig, id, "{\"name\":\"plant\"}", all);
	expect_outages(rig, id, "{\"name\":\"cloud\"}", "[]");
}

/* ---- messages that wait ---- */

static const struct queued_message queued[] = {
	{ .entry = { .seq = 3,
	      .queue = 0,
	      .topic = TEXT("a/b"),
	      .payload = TEXT("h\xc3\xa4"),
	      .qos = 2,
	      .priority = 7,
	      .retain = true,
	      .state = STORE_MAYBE_SENT,
	      .tries = 2,
	      .accepted_ms = 1000,
	      .expires_ms = 60000 },
	    .is_in_flight = true },
	{ .entry = { .seq = 5,
	      .queue = 0,
	      .topic = TEXT("site/c"),
	      .payload = TEXT("\xe4"),
	      .qos = 1,
	      .accepted_ms = 2000,
	      .reason = "refused \xff" } },
	{ .entry = { .seq = 5,
	      .queue = 1,
	      .topic = TEXT("c"),
	      .payload = TEXT("\xe4"),
	      .qos = 1,
	      .accepted_ms = 2000 } },
	{ .entry = { .seq = 9, .queue = 1, .topic = TEXT("d"), .accepted_ms = 3000 },
	    .is_in_memory = true },
};

#define MESSAGE(id, broker, state, topic, more, second, expires, reason)                      \
	"{\"id\":" id ",\"broker\":\"" broker "\",\"state\":\"" state "\",\"topic\":\"" topic \
	"\"," more ",\"accepted\":\"1970-01-01T00:00:0" second ".000Z\",\"expires\":" expires \
	",\"reason\":" reason "}"

#define PLAIN(size, qos, memory)                                                         \
	"\"size\":" size ",\"qos\":" qos ",\"retain\":false,\"priority\":0,\"tries\":0," \
	"\"maybe_sent\":false,\"in_memory\":" memory

#define MESSAGE_3                                                              \
	MESSAGE("3", "cloud", "in_flight", "a/b",                              \
	    "\"size\":3,\"qos\":2,\"retain\":true,\"priority\":7,\"tries\":2," \
	    "\"maybe_sent\":true,\"in_memory\":false",                         \
	    "1", "\"1970-01-01T00:01:00.000Z\"", "null")
#define MESSAGE_5                                                                      \
	MESSAGE("5", "cloud", "dead", "site/c", PLAIN("1", "1", "false"), "2", "null", \
	    "\"refused \xef\xbf\xbd\"")
#define MESSAGE_5_PLANT \
	MESSAGE("5", "plant", "waiting", "c", PLAIN("1", "1", "false"), "2", "null", "null")
#define MESSAGE_9 \
	MESSAGE("9", "plant", "waiting", "d", PLAIN("0", "0", "true"), "3", "null", "null")

/* So many messages of both brokers, each number twice. */
static struct queued_message *many_messages(struct core *c, size_t count)
{
	struct queued_message *m = calloc(2 * count, sizeof(*m));
	static char topic[MQTT_TOPIC_MAX];

	assert_non_null(m);
	memset(topic, 't', sizeof(topic));
	for (size_t i = 0; i < 2 * count; i++)
		m[i].entry = (struct store_entry){
			.seq = 10 + i / 2, .queue = i % 2, .topic = { (const uint8_t *)topic, 1 }
		};
	c->messages = m;
	c->message_count = 2 * count;
	return m;
}

/* The next message of the connection, which is a page; its length, and the first and last id. */
static size_t read_page(
    struct rig *rig, uint32_t id, bool is_continued, json_int_t *ret_first, json_int_t *ret_last)
{
	json_t *msg = read_message(rig, id), *messages;
	struct varlink_answer answer;
	size_t count;

	assert_non_null(msg);
	assert_int_equal(varlink_parse_answer(msg, &answer), 0);
	assert_null(answer.error);
	assert_int_equal(answer.is_continued, is_continued);
	assert_described(IDL_REPLY, "io.cmqttd.ListMessages", answer.parameters);
	messages = json_object_get(answer.parameters, "messages");
	count = json_array_size(messages);
	*ret_first = json_integer_value(json_object_get(json_array_get(messages, 0), "id"));
	*ret_last = json_integer_value(json_object_get(json_array_get(messages, count - 1), "id"));
	if (is_continued)
		assert_int_equal(
		    json_integer_value(json_object_get(answer.parameters, "next")), *ret_last);
	else
		assert_true(json_is_null(json_object_get(answer.parameters, "next")));
	json_decref(msg);
	return count;
}

/* Called with "more" all pages come, one after the other, and only as they are read. */
static void test_list_pages(void **state)
{
	const size_t rest = 6, pages = 3;
	struct rig *rig = *state;
	uint32_t id = open_as(rig, 1000, false);
	struct queued_message *m = many_messages(&rig->core, pages * CTL_PAGE_MESSAGES_MAX + rest);
	json_int_t first, last, expected = 10;

	start_stream(rig, id, "ListMessages", "{}");
	call(rig, id, "GetVersion", "{}");
	for (size_t i = 0; i < pages; i++) {
		take_events(rig);
		assert_int_equal(
		    read_page(rig, id, true, &first, &last), 2 * CTL_PAGE_MESSAGES_MAX);
		assert_int_equal(first, expected);
		expected += CTL_PAGE_MESSAGES_MAX;
		assert_int_equal(last, expected - 1);
		expect_silence(rig, id);
	}
	take_events(rig);
	assert_int_equal(read_page(rig, id, false, &first, &last), 2 * rest);
	assert_int_equal(first, expected);
	/* The list has ended: it was not more than a call. */
	expect_reply(rig, id, "io.cmqttd.GetVersion", "{\"version\":\"1.2.3\"}");
	expect_silence(rig, id);
	free(m);
}

/* Full pages to the very end: there is no empty one behind them. */
static void test_list_ends_with_page(void **state)
{
	struct rig *rig = *state;
	uint32_t id = open_as(rig, 1000, false);
	struct queued_message *m = many_messages(&rig->core, CTL_PAGE_MESSAGES_MAX);
	json_int_t first, last;

	start_stream(rig, id, "ListMessages", "{}");
	take_events(rig);
	assert_int_equal(read_page(rig, id, false, &first, &last), 2 * CTL_PAGE_MESSAGES_MAX);
	take_events(rig);
	expect_silence(rig, id);
	/* What leaves while it is listed is left out. */
	rig->core.message_count = 0;
	start_stream(rig, id, "ListMessages", "{}");
	take_events(rig);
	expect_reply(rig, id, "io.cmqttd.ListMessages", "{\"messages\":[],\"next\":null}");
	free(m);
}

/* Long topics make short pages; without "more" there is one. */
static void test_list_long_topics(void **state)
{
	const size_t fit = CTL_PAGE_BYTES_MAX / MQTT_TOPIC_MAX;
	struct rig *rig = *state;
	uint32_t id = open_as(rig, 1000, false);
	struct queued_message *m = many_messages(&rig->core, fit);
	json_int_t first, last;
	json_t *msg;

	for (size_t i = 0; i < 2 * fit; i++)
		m[i].entry.topic.len = MQTT_TOPIC_MAX;
	call(rig, id, "ListMessages", "{}");
	msg = read_message(rig, id);
	assert_int_equal(
	    json_array_size(json_object_get(json_object_get(msg, "parameters"), "messages")), fit);
	assert_null(json_object_get(msg, "continues"));
	json_decref(msg);
	take_events(rig);
	expect_silence(rig, id);
	call(rig, id, "ListMessages", "{\"after\":17}");
	assert_int_equal(read_page(rig, id, false, &first, &last), fit);
	assert_int_equal(first, 18);
	free(m);
}

/* Text whose escapes are six times as long would be more than a reply may have. */
static void test_large_text_is_coded(void **state)
{
	static uint8_t bytes[CTL_TEXT_PAYLOAD_MAX + 1];
	struct rig *rig = *state;
	uint32_t id = open_as(rig, 1000, false);
	struct queued_message m = { .entry = { .seq = 1, .topic = TEXT("a") } };

	memset(bytes, 1, sizeof(bytes));
	rig->core.messages = &m;
	rig->core.message_count = 1;
	for (size_t more = 0; more < 2; more++) {
		const char *name = more ? "payload_base64" : "payload";
		json_t *msg;

		m.entry.payload = (struct span){ bytes, CTL_TEXT_PAYLOAD_MAX + more };
		call(rig, id, "GetMessage", "{\"id\":1}");
		assert_in_range(buf_len(ctl_conn_out(rig->ctl, id)), 1, CTL_OUT_MAX / 2);
		msg = read_message(rig, id);
		assert_non_null(json_object_get(json_object_get(msg, "parameters"), name));
		json_decref(msg);
	}
}

/* ---- routes ---- */

#define ROUTE(broker, goes, topic, pattern, local, remote, qos, priority, ttl, last, why)  \
	"{\"broker\":\"" broker "\",\"goes\":" goes ",\"remote_topic\":" topic             \
	",\"pattern\":" pattern ",\"local_prefix\":" local ",\"remote_prefix\":" remote    \
	",\"qos\":" qos ",\"priority\":" priority ",\"ttl_s\":" ttl ",\"keep_last\":" last \
	",\"why\":" why "}"
#define NO_ROUTE(broker, why) \
	ROUTE(broker, "false", "null", "null", "null", "null", "null", "null", "null", "null", why)
#define OUT_T(goes, topic, why) \
	ROUTE("cloud", goes, topic, "\"t/#\"", "\"l/\"", "\"r/\"", "2", "5", "60", "true", why)
#define IN_C(why) \
	ROUTE("cloud", "false", "null", "\"c/#\"", "\"\"", "\"\"", "1", "0", "0", "false", why)
#define OUT_X                                                                             \
	ROUTE("cloud", "false", "null", "\"$x\"", "\"\"", "\"\"", "0", "0", "0", "false", \
	    "\"no local client may publish what begins with $\"")

static void test_routes(void **state)
{
	static const struct route_config routes[] = {
		{ "t/#", ROUTE_OUT, 2, "l/", "r/", 5, 60, true, false },
		{ "c/#", ROUTE_IN, 1, "", "", 0, 0, false, false },
		{ "$x", ROUTE_OUT, 0, "", "", 0, 0, false, false },
	};
	static const struct {
		const char *topic;
		enum session_state state;
		const char *cloud;
	} cases[] = {
		{ "l/t/a", SESSION_ONLINE, OUT_T("true", "\"r/t/a\"", "null") },
		{ "l/t/a", SESSION_BACKOFF,
		    OUT_T("true", "\"r/t/a\"", "\"it waits: the broker is backoff\"") },
		{ "l/t/a", SESSION_DISABLED,
		    OUT_T("true", "\"r/t/a\"",
			"\"it waits: the broker is disabled until \\\"connect\\\"\"") },
		{ "x", SESSION_ONLINE, NO_ROUTE("cloud", "\"no route out matches\"") },
		{ "t/a", SESSION_ONLINE,
		    OUT_T(
			"false", "null", "\"this route wants its local_prefix in front of it\"") },
		{ "c/a", SESSION_ONLINE, IN_C("\"only this route matches, and it leads in\"") },
		{ "$x", SESSION_ONLINE, OUT_X },
	};
	struct rig *rig = *state;
	uint32_t id = open_as(rig, 1000, false);

	rig->core.cfg.brokers[0].routes = routes;
	rig->core.cfg.brokers[0].route_count = 3;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char parameters[64], expected[1024];

		print_message("%s\n", cases[i].topic);
		rig->core.modem.sessions[0].state = cases[i].state;
		snprintf(parameters, sizeof(parameters), "{\"topic\":\"%s\"}", cases[i].topic);
		snprintf(expected, sizeof(expected), "{\"routes\":[%s,%s]}", cases[i].cloud,
		    NO_ROUTE("plant", "\"no route leads out to the broker\""));
		call(rig, id, "RouteTopic", parameters);
		expect_reply(rig, id, "io.cmqttd.RouteTopic", expected);
	}
}

/* A byte more than the modem takes, because of the prefix. */
static void test_route_too_long(void **state)
{
	static const struct route_config route = { "#", ROUTE_OUT, 1, "", "r", 0, 0, false, false };
	struct rig *rig = *state;
	uint32_t id = open_as(rig, 1000, false);
	char parameters[MODEM_TOPIC_MAX + 32] = "{\"topic\":\"";
	size_t len = strlen(parameters);
	json_t *msg, *cloud;

	rig->core.cfg.brokers[0].routes = &route;
	rig->core.cfg.brokers[0].route_count = 1;
	memset(parameters + len, 't', MODEM_TOPIC_MAX);
	snprintf(parameters + len + MODEM_TOPIC_MAX, 8, "\"}");
	call(rig, id, "RouteTopic", parameters);
	msg = read_message(rig, id);
	cloud = json_array_get(json_object_get(json_object_get(msg, "parameters"), "routes"), 0);
	assert_true(json_is_false(json_object_get(cloud, "goes")));
	assert_string_equal(json_string_value(json_object_get(cloud, "why")),
	    "the remote topic has 1025 bytes, the modem takes 1024");
	assert_int_equal(
	    json_string_length(json_object_get(cloud, "remote_topic")), MODEM_TOPIC_MAX + 1);
	json_decref(msg);
}

/* ---- calls that are answered at once ---- */

#define BAD_PARAM(name) "org.varlink.service.InvalidParameter", "{\"parameter\":\"" name "\"}"

static const struct {
	const char *method, *parameters;
	int result;        /* of the core */
	const char *error; /* NULL: a reply */
	const char *answer;
	const char *asked; /* of the core */
} rows[] = {
	{ "GetVersion", "{}", 0, NULL, "{\"version\":\"1.2.3\"}", "" },
	{ "GetVersion", "null", 0, NULL, "{\"version\":\"1.2.3\"}", "" },
	{ "GetVersion", "{\"a\":1}", 0, BAD_PARAM("a"), "" },
	{ "Nothing", "{}", 0, "org.varlink.service.MethodNotFound",
	    "{\"method\":\"io.cmqttd.Nothing\"}", "" },
	{ "GetVersion.More", "{}", 0, "org.varlink.service.InterfaceNotFound",
	    "{\"interface\":\"io.cmqttd.GetVersion\"}", "" },

	{ "Connect", "{\"name\":\"plant\"}", 0, NULL, "{}", "connect 1\nlog 0 connect plant\n" },
	{ "Disconnect", "{\"name\":\"cloud\"}", 0, NULL, "{}",
	    "disconnect 0\nlog 0 disconnect cloud\n" },
	{ "Reconnect", "{\"name\":\"cloud\"}", 0, NULL, "{}",
	    "reconnect 0\nlog 0 reconnect cloud\n" },
	{ "Connect", "{\"name\":\"moon\"}", 0, "io.cmqttd.NoSuchBroker", "{\"name\":\"moon\"}",
	    "" },
	{ "Connect", "{\"name\":\"cloud\"}", -ENOENT, "io.cmqttd.NoSuchBroker",
	    "{\"name\":\"cloud\"}", "connect 0\n" },
	{ "Connect", "{}", 0, BAD_PARAM("name"), "" },
	{ "Connect", "{\"name\":null}", 0, BAD_PARAM("name"), "" },
	{ "Connect", "{\"name\":1}", 0, BAD_PARAM("name"), "" },
	{ "Connect", "{\"name\":\"cloud\",\"nome\":\"\"}", 0, BAD_PARAM("nome"), "" },

	{ "Publish", "{\"topic\":\"a/b\"}", 0, NULL, "{}", "publish 1 -1 a/b [] 0 0\n" },
	{ "Publish", "{\"topic\":\"a\",\"payload\":\"hi\",\"qos\":2,\"retain\":true}", 0, NULL,
	    "{}", "publish 1 -1 a [hi] 2 2 retain\n" },
	{ "Publish", "{\"topic\":\"a\",\"payload_base64\":\"aGk=\",\"broker\":\"plant\"}", 0, NULL,
	    "{}", "publish 1 1 a [hi] 2 0\n" },
	{ "Publish", "{\"topic\":\"a\",\"payload\":null,\"qos\":null,\"wait\":null}", 0, NULL, "{}",
	    "publish 1 -1 a [] 0 0\n" },
	{ "Publish", "{\"topic\":\"a\",\"payload_base64\":\"\"}", 0, NULL, "{}",
	    "publish 1 -1 a [] 0 0\n" },
	{ "Publish", "{}", 0, BAD_PARAM("topic"), "" },
	{ "Publish", "{\"topic\":\"a\",\"qos\":3}", 0, BAD_PARAM("qos"), "" },
	{ "Publish", "{\"topic\":\"a\",\"qos\":-1}", 0, BAD_PARAM("qos"), "" },
	{ "Publish", "{\"topic\":\"a\",\"qos\":256}", 0, BAD_PARAM("qos"), "" },
	{ "Publish", "{\"topic\":\"a\",\"qos\":1.0}", 0, BAD_PARAM("qos"), "" },
	{ "Publish", "{\"topic\":\"a\",\"qos\":\"1\"}", 0, BAD_PARAM("qos"), "" },
	{ "Publish", "{\"topic\":\"a\",\"retain\":1}", 0, BAD_PARAM("retain"), "" },
	{ "Publish", "{\"topic\":\"a\",\"payload\":[]}", 0, BAD_PARAM("payload"), "" },
	{ "Publish", "{\"topic\":\"a\",\"payload_base64\":\"?\"}", 0, BAD_PARAM("payload_base64"),
	    "" },
	{ "Publish", "{\"topic\":\"a\",\"payload\":\"\",\"payload_base64\":\"\"}", 0,
	    BAD_PARAM("payload_base64"), "" },
	{ "Publish", "{\"topic\":\"a/#\"}", 0, "io.cmqttd.InvalidTopic", "{\"topic\":\"a/#\"}",
	    "" },
	{ "Publish", "{\"topic\":\"\"}", 0, "io.cmqttd.InvalidTopic", "{\"topic\":\"\"}", "" },
	{ "Publish", "{\"topic\":\"a\",\"broker\":\"moon\"}", 0, "io.cmqttd.NoSuchBroker",
	    "{\"name\":\"moon\"}", "" },
	{ "Publish", "{\"topic\":\"a\",\"wait\":true}", -EINVAL, "io.cmqttd.InvalidTopic",
	    "{\"topic\":\"a\"}", "publish 1 -1 a [] 0 0 wait\n" },
	{ "Publish", "{\"topic\":\"a\",\"wait\":true}", -E2BIG, "io.cmqttd.TooLarge",
	    "{\"topic_max\":1024,\"payload_max\":10240}", "publish 1 -1 a [] 0 0 wait\n" },
	{ "Publish", "{\"topic\":\"a\"}", -ENOSPC, "io.cmqttd.StoreFull", "{}",
	    "publish 1 -1 a [] 0 0\n" },
	{ "Publish", "{\"topic\":\"a\",\"wait\":true}", -ENOENT, "io.cmqttd.NoRoute",
	    "{\"topic\":\"a\"}", "publish 1 -1 a [] 0 0 wait\n" },
	{ "Publish", "{\"topic\":\"a\"}", -ENOMEM, "io.cmqttd.OutOfMemory", "{}",
	    "publish 1 -1 a [] 0 0\n" },
	{ "Publish", "{\"topic\":\"a\"}", -EIO, "io.cmqttd.StoreFailed", "{}",
	    "publish 1 -1 a [] 0 0\n" },

	{ "At", "{\"command\":\"AT\"}", -EBUSY, "io.cmqttd.Busy", "{}", "at 1 AT\n" },
	{ "At", "{\"command\":\"AT\"}", -ENOTCONN, "io.cmqttd.NotConnected", "{}", "at 1 AT\n" },
	{ "At", "{\"command\":\"XX\"}", -EINVAL, "io.cmqttd.InvalidCommand", "{\"command\":\"XX\"}",
	    "at 1 XX\n" },
	{ "At", "{\"command\":\"AT\"}", -ENOMEM, "io.cmqttd.OutOfMemory", "{}", "at 1 AT\n" },
	{ "At", "{}", 0, BAD_PARAM("command"), "" },

	{ "SetLogLevel", "{\"level\":\"debug\"}", 0, NULL, "{}",
	    "log 0 log-level debug\nlog-level 3\n" },
	{ "SetLogLevel", "{\"level\":\"error\"}", 0, NULL, "{}",
	    "log 0 log-level error\nlog-level 0\n" },
	{ "SetLogLevel", "{\"level\":\"loud\"}", 0, BAD_PARAM("level"), "" },

	{ "GetMessage", "{\"id\":3}", 0, NULL,
	    "{\"message\":" MESSAGE_3 ",\"payload\":\"h\xc3\xa4\"}", "" },
	{ "GetMessage", "{\"id\":5,\"broker\":\"plant\"}", 0, NULL,
	    "{\"message\":" MESSAGE_5_PLANT ",\"payload_base64\":\"5A==\"}", "" },
	{ "GetMessage", "{\"id\":5}", 0, "io.cmqttd.AmbiguousMessage", "{\"id\":5}", "" },
	{ "GetMessage", "{\"id\":4}", 0, "io.cmqttd.NoSuchMessage", "{\"id\":4}", "" },
	{ "GetMessage", "{\"id\":3,\"broker\":\"plant\"}", 0, "io.cmqttd.NoSuchMessage",
	    "{\"id\":3}", "" },
	{ "GetMessage", "{\"id\":0}", 0, "io.cmqttd.NoSuchMessage", "{\"id\":0}", "" },
	{ "GetMessage", "{\"id\":-1}", 0, "io.cmqttd.NoSuchMessage", "{\"id\":-1}", "" },
	{ "GetMessage", "{\"id\":3,\"broker\":\"moon\"}", 0, "io.cmqttd.NoSuchBroker",
	    "{\"name\":\"moon\"}", "" },
	{ "GetMessage", "{}", 0, BAD_PARAM("id"), "" },

	{ "DropMessage", "{\"id\":3}", 0, NULL, "{}", "drop 1 0 3\nlog 0 drop 3 of cloud\n" },
	{ "DropMessage", "{\"id\":5,\"broker\":\"plant\"}", 0, NULL, "{}",
	    "drop 1 1 5\nlog 0 drop 5 of plant\n" },
	{ "DropMessage", "{\"id\":5}", 0, "io.cmqttd.AmbiguousMessage", "{\"id\":5}", "" },
	{ "DropMessage", "{\"id\":4}", 0, "io.cmqttd.NoSuchMessage", "{\"id\":4}", "" },
	{ "DropMessage", "{\"id\":3}", -ENOENT, "io.cmqttd.NoSuchMessage", "{\"id\":3}",
	    "drop 1 0 3\n" },
	{ "DropMessage", "{\"id\":3}", -EBUSY, "io.cmqttd.InFlight", "{\"id\":3}", "drop 1 0 3\n" },
	{ "DropMessage", "{\"id\":3}", -EIO, "io.cmqttd.StoreFailed", "{}", "drop 1 0 3\n" },
	{ "DropMessage", "{}", 0, BAD_PARAM("id"), "" },

	{ "RetryMessage", "{\"id\":3}", 0, NULL, "{}", "retry 1 0 3\nlog 0 retry 3 of cloud\n" },
	{ "RetryMessage", "{\"id\":3}", -EALREADY, "io.cmqttd.NotDead", "{\"id\":3}",
	    "retry 1 0 3\n" },
	{ "RetryMessage", "{\"id\":3}", -ETIME, "io.cmqttd.Expired", "{\"id\":3}",
	    "retry 1 0 3\n" },
	{ "RetryMessage", "{\"id\":3}", -E2BIG, "io.cmqttd.TooLarge",
	    "{\"topic_max\":1024,\"payload_max\":10240}", "retry 1 0 3\n" },
	{ "RetryMessage", "{\"id\":3}", -ENOMEM, "io.cmqttd.OutOfMemory", "{}", "retry 1 0 3\n" },
	{ "RetryMessage", "{\"id\":5}", 0, "io.cmqttd.AmbiguousMessage", "{\"id\":5}", "" },

	{ "ListMessages", "{}", 0, NULL,
	    "{\"messages\":[" MESSAGE_3 "," MESSAGE_5 "," MESSAGE_5_PLANT "," MESSAGE_9
	    "],\"next\":null}",
	    "" },
	{ "ListMessages", "{\"broker\":\"cloud\"}", 0, NULL,
	    "{\"messages\":[" MESSAGE_3 "," MESSAGE_5 "],\"next\":null}", "" },
	{ "ListMessages", "{\"broker\":\"plant\",\"after\":5}", 0, NULL,
	    "{\"messages\":[" MESSAGE_9 "],\"next\":null}", "" },
	{ "ListMessages", "{\"after\":9}", 0, NULL, "{\"messages\":[],\"next\":null}", "" },
	{ "ListMessages", "{\"after\":-1}", 0, BAD_PARAM("after"), "" },
	{ "ListMessages", "{\"broker\":\"moon\"}", 0, "io.cmqttd.NoSuchBroker",
	    "{\"name\":\"moon\"}", "" },

	{ "RouteTopic", "{\"topic\":\"a/#\"}", 0, "io.cmqttd.InvalidTopic", "{\"topic\":\"a/#\"}",
	    "" },
	{ "RouteTopic", "{}", 0, BAD_PARAM("topic"), "" },

	{ "Subscribe", "{\"filter\":\"a\"}", 0, "org.varlink.service.ExpectedMore", "{}", "" },
	{ "Monitor", "{}", 0, "org.varlink.service.ExpectedMore", "{}", "" },
};

static void test_rows(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char full_name[64];
		struct rig *rig;
		uint32_t id;

		print_message("%s %s\n", rows[i].method, rows[i].parameters);
		teardown(state);
		setup(state);
		rig = *state;
		id = open_admin(rig);
		rig->core.result = rows[i].result;
		rig->core.messages = queued;
		rig->core.message_count = sizeof(queued) / sizeof(queued[0]);
		call(rig, id, rows[i].method, rows[i].parameters);
		snprintf(full_name, sizeof(full_name), "io.cmqttd.%s", rows[i].method);
		if (rows[i].error)
			expect_error(rig, id, rows[i].error, rows[i].answer);
		else
			expect_reply(rig, id, full_name, rows[i].answer);
		assert_string_equal(fake_core_asked(&rig->core), rows[i].asked);
		expect_silence(rig, id);
		/* And the connection is as good as new. */
		call(rig, id, "GetVersion", "{}");
		expect_reply(rig, id, "io.cmqttd.GetVersion", "{\"version\":\"1.2.3\"}");
	}
}

static void test_odd_names(void **state)
{
	static const struct {
		const char *method, *error, *parameters;
	} names[] = {
		{ "", "org.varlink.service.InterfaceNotFound", "{\"interface\":\"\"}" },
		{ "GetStatus", "org.varlink.service.InterfaceNotFound", "{\"interface\":\"\"}" },
		{ ".", "org.varlink.service.InterfaceNotFound", "{\"interface\":\"\"}" },
		{ "io.cmqtt.GetStatus", "org.varlink.service.InterfaceNotFound",
		    "{\"interface\":\"io.cmqtt\"}" },
		{ "io.cmqttd.", "org.varlink.service.MethodNotFound",
		    "{\"method\":\"io.cmqttd.\"}" },
		{ "io.cmqttd.getstatus", "org.varlink.service.MethodNotFound",
		    "{\"method\":\"io.cmqttd.getstatus\"}" },
		{ "io.cmqttd.GetInfo", "org.varlink.service.MethodNotFound",
		    "{\"method\":\"io.cmqttd.GetInfo\"}" },
	};
	struct rig *rig = *state;
	uint32_t id = open_admin(rig);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char text[128];

		snprintf(text, sizeof(text), "{\"method\":\"%s\"}", names[i].method);
		print_message("%s\n", text);
		send_text(rig, id, text);
		expect_error(rig, id, names[i].error, names[i].parameters);
	}
}

/* The table's rights are what the description says with "(admin)", and are obeyed. */
static void test_rights(void **state)
{
	static const char *const readable[] = { "GetVersion", "GetMetrics", "GetStatus",
		"ListBrokers", "History", "Subscribe", "Monitor", "ListMessages", "GetMessage",
		"RouteTopic", "Doctor" };
	struct rig *rig = *state;
	uint32_t id = open_as(rig, 1000, false);
	size_t found = 0;

	for (const struct ctl_method *m = ctl_interfaces[1].methods; m->name; m++) {
		bool is_readable = false;

		for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++)
			is_readable = is_readable || strcmp(readable[i], m->name) == 0;
		print_message("%s\n", m->name);
		found += is_readable;
		assert_int_equal(m->right == CTL_RIGHT_READ, is_readable);
		if (is_readable)
			continue;
		/* Before anything else is looked at. */
		call(rig, id, m->name, "{\"wrong\":1}");
		expect_error(rig, id, "io.cmqttd.PermissionDenied", "{}");
	}
	assert_int_equal(found, sizeof(readable) / sizeof(readable[0]));
	call(rig, id, "Publish", "{\"topic\":\"a\"}");
	expect_error(rig, id, "io.cmqttd.PermissionDenied", "{}");
	assert_string_equal(fake_core_asked(&rig->core), "");
}

static void test_flags(void **state)
{
	struct rig *rig = *state;
	uint32_t id = open_admin(rig);

	call_with(rig, id, "GetVersion", "{}", ",\"more\":true");
	expect_reply(rig, id, "io.cmqttd.GetVersion", "{\"version\":\"1.2.3\"}");
	call_with(rig, id, "GetVersion", "{}", ",\"oneway\":true");
	call_with(rig, id, "Nothing", "{}", ",\"oneway\":true");
	expect_silence(rig, id);
	call_with(rig, id, "Connect", "{\"name\":\"cloud\"}", ",\"oneway\":true");
	expect_silence(rig, id);
	assert_string_equal(fake_core_asked(&rig->core), "connect 0\nlog 0 connect cloud\n");
	/* One that has to wait: what follows is answered after it. */
	call_with(rig, id, "Publish", "{\"topic\":\"a\",\"wait\":true}", ",\"oneway\":true");
	call(rig, id, "GetVersion", "{}");
	expect_silence(rig, id);
	ctl_on_delivered(rig->ctl, NOW, id, 0, NULL);
	take_events(rig);
	expect_reply(rig, id, "io.cmqttd.GetVersion", "{\"version\":\"1.2.3\"}");
	expect_silence(rig, id);
	call_with(rig, id, "Connect", "{\"name\":\"cloud\"}", ",\"upgrade\":true");
	expect_error(rig, id, "org.varlink.service.MethodNotImplemented",
	    "{\"method\":\"io.cmqttd.Connect\"}");
}

static void test_largest_payload(void **state)
{
	struct rig *rig = *state;
	uint32_t id = open_admin(rig);
	static char text[CTL_MSG_MAX];

	/* The largest that an MQTT packet takes with any topic, and one byte more. */
	for (size_t len = MQTT_PACKET_MAX - MQTT_TOPIC_MAX - 16, i = 0; i < 2; i++, len++) {
		int n = snprintf(text, sizeof(text),
		    "{\"method\":\"io.cmqttd.Publish\",\"parameters\":{\"topic\":\"a\","
		    "\"payload\":\"");

		memset(text + n, 'x', len);
		snprintf(text + (size_t)n + len, 4, "\"}}");
		send_text(rig, id, text);
		if (i == 0)
			expect_reply(rig, id, "io.cmqttd.Publish", "{}");
		else
			expect_error(rig, id, "io.cmqttd.TooLarge",
			    "{\"topic_max\":1024,\"payload_max\":10240}");
	}
}

/* ---- calls that wait ---- */

/* What it changed is tested in test_reload_plan. */
static const struct reload_plan plan = {
	.changes = { { "broker", "cloud", "is new" }, { "log", "", "level" } }, .count = 2
};

static void test_publish_wait(void **state)
{
	struct rig *rig = *state;
	uint32_t id = open_admin(rig), other = open_admin(rig);

	call(rig, id, "Publish", "{\"topic\":\"a\",\"wait\":true}");
	assert_string_equal(fake_core_asked(&rig->core), "publish 1 -1 a [] 0 0 wait\n");
	expect_silence(rig, id);
	/* Notifications for others, or of another kind, are not for it. */
	ctl_on_delivered(rig->ctl, NOW, other, 0, NULL);
	ctl_on_delivered(rig->ctl, NOW, 99, 0, NULL);
	ctl_on_at_done(rig->ctl, NOW, id, AT_OK, span_text("OK"));
	ctl_on_reload_done(rig->ctl, NOW, id, "", &plan);
	expect_silence(rig, id);
	expect_silence(rig, other);
	ctl_on_delivered(rig->ctl, NOW, id, 0, NULL);
	expect_reply(rig, id, "io.cmqttd.Publish", "{}");
	ctl_on_delivered(rig->ctl, NOW, id, 0, NULL);
	expect_silence(rig, id);

	call(rig, id, "Publish", "{\"topic\":\"a\",\"wait\":true}");
	ctl_on_delivered(rig->ctl, NOW, id, 14, NULL);
	expect_error(
	    rig, id, "io.cmqttd.NotDelivered", "{\"code\":14,\"text\":\"client is used\"}");
	call(rig, id, "Publish", "{\"topic\":\"a\",\"wait\":true}");
	ctl_on_delivered(rig->ctl, NOW, id, 0, "older than its ttl");
	expect_error(
	    rig, id, "io.cmqttd.NotDelivered", "{\"code\":0,\"text\":\"older than its ttl\"}");
}

/* What was changed on disk is answered when it is committed, and logged when it is changed. */
static void test_change_waits(void **state)
{
	static const struct {
		const char *method, *asked;
	} changes[] = {
		{ "io.cmqttd.DropMessage", "drop 1 0 3\nlog 0 drop 3 of cloud\n" },
		{ "io.cmqttd.RetryMessage", "retry 1 0 3\nlog 0 retry 3 of cloud\n" },
	};
	struct rig *rig = *state;
	uint32_t id = open_admin(rig);

	rig->core.result = -EINPROGRESS;
	rig->core.messages = queued;
	rig->core.message_count = sizeof(queued) / sizeof(queued[0]);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		call(rig, id, strrchr(changes[i].method, '.') + 1, "{\"id\":3}");
		assert_string_equal(fake_core_asked(&rig->core), changes[i].asked);
		expect_silence(rig, id);
		ctl_on_delivered(rig->ctl, NOW, id, 0, NULL);
		expect_reply(rig, id, changes[i].method, "{}");
	}
}

static void start_at(struct rig *rig, uint32_t id)
{
	call(rig, id, "At", "{\"command\":\"AT+CPIN=\\\"1234\\\"\"}");
}

static void test_at(void **state)
{
	struct rig *rig = *state;
	uint32_t id = open_admin(rig);

	start_at(rig, id);
	/* The parameters may be secret: they are not for the log. */
	assert_string_equal(
	    fake_core_asked(&rig->core), "at 1 AT+CPIN=\"1234\"\nlog 0 at AT+CPIN\n");
	ctl_on_at_line(rig->ctl, NOW, id, span_text("+CPIN: READY"));
	ctl_on_at_line(rig->ctl, NOW, id, span_text("\xe4\x01"));
	expect_silence(rig, id);
	ctl_on_at_done(rig->ctl, NOW, id, AT_OK, span_text("OK"));
	expect_reply(rig, id, "io.cmqttd.At",
	    "{\"lines\":[\"+CPIN: READY\",\"\xef\xbf\xbd\\u0001\"],\"final\":\"OK\",\"ok\":true,"
	    "\"truncated\":false}");

	start_at(rig, id);
	ctl_on_at_done(rig->ctl, NOW, id, AT_FAILED, span_text("+CME ERROR: 10"));
	expect_reply(rig, id, "io.cmqttd.At",
	    "{\"lines\":[],\"final\":\"+CME ERROR: 10\",\"ok\":false,\"truncated\":false}");
	start_at(rig, id);
	ctl_on_at_line(rig->ctl, NOW, id, span_text("half"));
	ctl_on_at_done(rig->ctl, NOW, id, AT_UNKNOWN, span_text(""));
	expect_error(rig, id, "io.cmqttd.NoAnswer", "{\"lines\":[\"half\"]}");
	start_at(rig, id);
	ctl_on_at_done(rig->ctl, NOW, id, AT_CANCELLED, span_text(""));
	expect_error(rig, id, "io.cmqttd.NotConnected", "{}");
	start_at(rig, id);
	ctl_on_at_done(rig->ctl, NOW, id, AT_INVALID, span_text("x"));
	expect_error(rig, id, "io.cmqttd.InvalidCommand", "{\"command\":\"x\"}");
}

static void test_at_bounds(void **state)
{
	struct rig *rig = *state;
	uint32_t id = open_admin(rig);
	static char line[AT_LINE_MAX + 1];
	json_t *msg, *reply;

	memset(line, 'x', AT_LINE_MAX);
	for (int round = 0; round < 2; round++) {
		size_t len = round == 0 ? AT_LINE_MAX : 1;
		size_t fit = round == 0 ? CTL_AT_REPLY_MAX / AT_LINE_MAX : (size_t)CTL_AT_LINES_MAX;

		start_at(rig, id);
		for (size_t i = 0; i <= fit; i++)
			ctl_on_at_line(
			    rig->ctl, NOW, id, (struct span){ (const uint8_t *)line, len });
		ctl_on_at_done(rig->ctl, NOW, id, AT_OK, span_text("OK"));
		msg = read_message(rig, id);
		reply = json_object_get(msg, "parameters");
		assert_true(json_is_true(json_object_get(reply, "truncated")));
		assert_int_equal(json_array_size(json_object_get(reply, "lines")), fit);
		json_decref(msg);
	}
}

static void test_reload(void **state)
{
	struct rig *rig = *state;
	uint32_t id = open_admin(rig), other = open_admin(rig);

	call(rig, id, "Reload", "{}");
	assert_string_equal(fake_core_asked(&rig->core), "log 0 reload\nreload 1\n");
	call(rig, other, "Reload", "{}");
	expect_error(rig, other, "io.cmqttd.Busy", "{}");
	ctl_on_reload_done(rig->ctl, NOW, id, "", &plan);
	expect_reply(rig, id, "io.cmqttd.Reload",
	    "{\"changes\":[{\"what\":\"broker\",\"name\":\"cloud\",\"text\":\"is new\"},"
	    "{\"what\":\"log\",\"name\":null,\"text\":\"level\"}]}");
	fake_core_asked(&rig->core);
	call(rig, id, "Reload", "{\"dry_run\":true}");
	assert_string_equal(fake_core_asked(&rig->core), "reload 1 trial\n");
	ctl_on_reload_done(rig->ctl, NOW, id, "", &(struct reload_plan){ 0 });
	expect_reply(rig, id, "io.cmqttd.Reload", "{\"changes\":[]}");
	call(rig, other, "Reload", "{}");
	ctl_on_reload_done(rig->ctl, NOW, other, "cmqttd.conf:3: no such key", &plan);
	expect_error(
	    rig, other, "io.cmqttd.ReloadFailed", "{\"message\":\"cmqttd.conf:3: no such key\"}");
	expect_silence(rig, id);
}

/* What a call starts may end before it returns. */
static void test_ends_at_once(void **state)
{
	struct rig *rig = *state;
	uint32_t id = open_admin(rig);

	rig->core.tell = rig->ctl;
	call(rig, id, "Publish", "{\"topic\":\"a\",\"wait\":true}");
	expect_reply(rig, id, "io.cmqttd.Publish", "{}");
	call(rig, id, "At", "{\"command\":\"AT\"}");
	expect_reply(rig, id, "io.cmqttd.At",
	    "{\"lines\":[],\"final\":\"OK\",\"ok\":true,\"truncated\":false}");
	call(rig, id, "Reload", "{}");
	expect_reply(rig, id, "io.cmqttd.Reload", "{\"changes\":[]}");
	expect_silence(rig, id);
}

/* Calls behind one that waits are run when it has ended, but not from inside of the notification.
 */
static void test_queued_calls(void **state)
{
	struct rig *rig = *state;
	uint32_t id = open_admin(rig);

	call(rig, id, "Publish", "{\"topic\":\"a\",\"wait\":true}");
	call(rig, id, "Connect", "{\"name\":\"cloud\"}");
	call(rig, id, "Publish", "{\"topic\":\"b\",\"wait\":true}");
	call(rig, id, "GetVersion", "{}");
	assert_string_equal(fake_core_asked(&rig->core), "publish 1 -1 a [] 0 0 wait\n");
	ctl_on_delivered(rig->ctl, NOW, id, 0, NULL);
	assert_string_equal(fake_core_asked(&rig->core), "");
	assert_string_equal(take_events(rig), "w1 ");
	assert_string_equal(fake_core_asked(&rig->core),
	    "connect 0\nlog 0 connect cloud\npublish 1 -1 b [] 0 0 wait\n");
	expect_reply(rig, id, "io.cmqttd.Publish", "{}");
	expect_reply(rig, id, "io.cmqttd.Connect", "{}");
	expect_silence(rig, id);
	ctl_on_delivered(rig->ctl, NOW, id, 0, NULL);
	assert_string_equal(take_events(rig), "w1 ");
	expect_reply(rig, id, "io.cmqttd.Publish", "{}");
	expect_reply(rig, id, "io.cmqttd.GetVersion", "{\"version\":\"1.2.3\"}");
}

static void test_gone_while_waiting(void **state)
{
	struct rig *rig = *state;
	uint32_t id = open_admin(rig), next;

	start_at(rig, id);
	ctl_on_at_line(rig->ctl, NOW, id, span_text("line"));
	ctl_conn_gone(rig->ctl, NOW, id);
	assert_null(ctl_conn_out(rig->ctl, id));
	ctl_on_at_done(rig->ctl, NOW, id, AT_OK, span_text("OK"));
	ctl_settle(rig->ctl);
	next = open_admin(rig);
	assert_int_not_equal(next, id);
	start_at(rig, next);
	ctl_on_at_line(rig->ctl, NOW, id, span_text("for the dead"));
	ctl_on_at_done(rig->ctl, NOW, id, AT_OK, span_text("OK"));
	expect_silence(rig, next);
	assert_string_equal(take_events(rig), "");
}

/* ---- streams ---- */

static void pass(struct rig *rig, int broker, const char *topic, const char *payload)
{
	ctl_on_message(rig->ctl, NOW, broker, span_text(topic), span_text(payload), 1, broker >= 0);
}

static void test_subscribe(void **state)
{
	static const char binary[] = { 'a', '\0', 'b' };
	struct rig *rig = *state;
	uint32_t id = open_as(rig, 1000, false), other = open_as(rig, 1000, false);

	start_stream(rig, id, "Subscribe", "{\"filter\":\"a/#\"}");
	start_stream(rig, other, "Subscribe", "{\"filter\":\"+/c\"}");
	expect_silence(rig, id);
	pass(rig, -1, "a/b", "h\xc3\xa4");
	expect_part(rig, id, "io.cmqttd.Subscribe",
	    "{" MESSAGES ",\"topic\":\"a/b\",\"payload\":\"h\xc3\xa4\",\"qos\":1,"
	    "\"retain\":false,\"broker\":null}",
	    true);
	expect_silence(rig, other);
	pass(rig, 1, "b/c", "\xe4");
	expect_silence(rig, id);
	expect_part(rig, other, "io.cmqttd.Subscribe",
	    "{" MESSAGES ",\"topic\":\"b/c\",\"payload_base64\":\"5A==\",\"qos\":1,"
	    "\"retain\":true,\"broker\":\"plant\"}",
	    true);
	/* A NUL is text for UTF-8, but not for everybody who reads JSON. */
	ctl_on_message(rig->ctl, NOW, 0, span_text("a"),
	    (struct span){ (const uint8_t *)binary, sizeof(binary) }, 0, false);
	expect_part(rig, id, "io.cmqttd.Subscribe",
	    "{" MESSAGES ",\"topic\":\"a\",\"payload_base64\":\"YQBi\",\"qos\":0,"
	    "\"retain\":false,\"broker\":\"cloud\"}",
	    true);
	ctl_on_message(rig->ctl, NOW, 0, span_text("a"), (struct span){ 0 }, 0, false);
	expect_part(rig, id, "io.cmqttd.Subscribe",
	    "{" MESSAGES ",\"topic\":\"a\",\"payload\":\"\",\"qos\":0,\"retain\":false,"
	    "\"broker\":\"cloud\"}",
	    true);
	/* Events are for monitors. */
	ctl_on_state(rig->ctl, NOW, 0, "online", "waiting", 3, span_text("x"));
	expect_silence(rig, id);
}

static void test_subscribe_refused(void **state)
{
	struct rig *rig = *state;
	uint32_t id = open_as(rig, 1000, false);

	start_stream(rig, id, "Subscribe", "{\"filter\":\"a/#/b\"}");
	expect_error(rig, id, "io.cmqttd.InvalidTopic", "{\"topic\":\"a/#/b\"}");
	pass(rig, -1, "a/b", "x");
	expect_silence(rig, id);
}

#define EVENT(text) "io.cmqttd.Monitor", "{" MESSAGES ",\"event\":" text "}", true

static void test_monitor(void **state)
{
	struct rig *rig = *state;
	uint32_t id = open_as(rig, 1000, false);
	struct log_event log = { .code = LOG_STORE_FULL,
		.level = LOG_LEVEL_WARNING,
		.broker = "cloud",
		.client_index = 0,
		.err = 7,
		.from = "a",
		.to = "b" };

	start_stream(rig, id, "Monitor", "{}");
	ctl_on_state(rig->ctl, NOW, 1, "online", "backoff", 3, span_text("socket \xff"));
	expect_part(rig, id,
	    EVENT(
		"\"state\",\"broker\":\"plant\",\"from\":\"online\",\"to\":\"backoff\",\"code\":3,"
		"\"text\":\"socket \xef\xbf\xbd\""));
	ctl_on_state(rig->ctl, NOW, -1, "ready", "absent", 0, span_text(""));
	expect_part(rig, id,
	    EVENT("\"state\",\"broker\":null,\"from\":\"ready\",\"to\":\"absent\",\"code\":0,"
		  "\"text\":\"\""));
	pass(rig, 0, "a/b", "secret");
	expect_part(rig, id,
	    EVENT("\"message\",\"broker\":\"cloud\",\"topic\":\"a/b\",\"size\":6,\"qos\":1,"
		  "\"retain\":true"));
	ctl_on_outcome(rig->ctl, NOW, 0, "published", span_text("a"), 0);
	expect_part(rig, id,
	    EVENT("\"outcome\",\"broker\":\"cloud\",\"topic\":\"a\",\"text\":\"published\","
		  "\"code\":0"));
	ctl_on_log(rig->ctl, NOW, &log);
	expect_part(rig, id,
	    EVENT("\"log\",\"level\":\"warning\",\"broker\":\"cloud\",\"from\":\"a\",\"to\":\"b\","
		  "\"code\":7,\"text\":\"store full\""));
	log = (struct log_event){ .code = LOG_MODEM_STUCK, .level = LOG_LEVEL_ERROR };
	snprintf(log.detail, sizeof(log.detail), "3 fences");
	ctl_on_log(rig->ctl, NOW, &log);
	expect_part(rig, id,
	    EVENT("\"log\",\"level\":\"error\",\"broker\":null,\"from\":null,\"to\":null,"
		  "\"code\":0,\"text\":\"modem does not answer: 3 fences\""));
	log.level = LOG_LEVEL_INFO;
	ctl_on_log(rig->ctl, NOW, &log);
	ctl_on_trace(rig->ctl, NOW, true, span_text("AT"));
	expect_silence(rig, id);
}

static void test_log_texts(void **state)
{
	(void)state;
	for (int code = 0; code < LOG_CODE_COUNT; code++)
		assert_string_not_equal(ctl_log_text((enum log_code)code), "unknown");
}

static void test_monitor_at(void **state)
{
	struct rig *rig = *state;
	uint32_t with = open_admin(rig), also = open_admin(rig), without = open_admin(rig);

	start_stream(rig, without, "Monitor", "{\"at\":false}");
	assert_string_equal(fake_core_asked(&rig->core), "");
	start_stream(rig, with, "Monitor", "{\"at\":true}");
	start_stream(rig, also, "Monitor", "{\"at\":true}");
	assert_string_equal(fake_core_asked(&rig->core), "trace 1\n");
	ctl_on_trace(rig->ctl, NOW, true, span_text("AT+CSQ"));
	expect_part(rig, with, EVENT("\"at\",\"sent\":true,\"text\":\"AT+CSQ\""));
	ctl_on_trace(rig->ctl, NOW, false, span_text("+CSQ: 20,99"));
	expect_part(rig, with, EVENT("\"at\",\"sent\":false,\"text\":\"+CSQ: 20,99\""));
	expect_silence(rig, without);
	ctl_conn_gone(rig->ctl, NOW, with);
	assert_string_equal(fake_core_asked(&rig->core), "");
	/* Garbage closes; nobody is left. */
	send_bytes(rig, also, "\0", 1);
	ctl_conn_gone(rig->ctl, NOW, also);
	assert_string_equal(fake_core_asked(&rig->core), "trace 0\n");
}

/* Calls behind a stream stay unread, and too many of them close it. */
static void test_calls_behind_stream(void **state)
{
	struct rig *rig = *state;
	uint32_t id = open_admin(rig);
	static char blanks[CTL_MSG_MAX];

	start_stream(rig, id, "Monitor", "{\"at\":true}");
	call(rig, id, "Connect", "{\"name\":\"cloud\"}");
	assert_string_equal(take_events(rig), "");
	assert_string_equal(fake_core_asked(&rig->core), "trace 1\n");
	memset(blanks, ' ', sizeof(blanks));
	send_bytes(rig, id, blanks, sizeof(blanks));
	assert_true(is_closed(rig, id));
	assert_string_equal(fake_core_asked(&rig->core), "trace 0\n");
	ctl_on_state(rig->ctl, NOW, 1, "online", "backoff", 3, span_text(""));
	expect_silence(rig, id);
}

/* Number of messages read; *ret_lost: how many were told to be lost. */
static size_t drain(struct rig *rig, uint32_t id, json_int_t *ret_lost)
{
	size_t count = 0;
	json_t *msg;

	while ((msg = read_message(rig, id))) {
		json_t *lost = json_object_get(json_object_get(msg, "parameters"), "lost");

		if (lost)
			*ret_lost += json_integer_value(lost);
		else
			count++;
		json_decref(msg);
	}
	return count;
}

static void test_slow_reader(void **state)
{
	static const char *const streams[][2] = { { "Subscribe", "{\"filter\":\"#\"}" },
		{ "Monitor", "{}" } };
	struct rig *rig = *state;
	static char payload[100000];

	memset(payload, 'x', sizeof(payload) - 1);
	for (size_t i = 0; i < 2; i++) {
		uint32_t id = open_admin(rig);
		struct buf *out = ctl_conn_out(rig->ctl, id);
		json_int_t lost = 0;
		size_t sent = 0, got = 0, len;

		print_message("%s\n", streams[i][0]);
		start_stream(rig, id, streams[i][0], streams[i][1]);
		do {
			len = buf_len(out);
			pass(rig, -1, "a", i == 0 ? payload : "x");
			sent++;
		} while (buf_len(out) > len);
		assert_in_range(buf_len(out), 1, CTL_OUT_MAX);
		pass(rig, -1, "a", payload);
		sent++;
		assert_int_equal(buf_len(out), len);
		/* It is told as soon as it reads again, without waiting for another event. */
		got = drain(rig, id, &lost);
		assert_int_equal(lost, 2);
		assert_int_equal(got + (size_t)lost, sent);
		/* And not twice. */
		pass(rig, -1, "a", "x");
		assert_int_equal(drain(rig, id, &lost), 1);
		assert_int_equal(lost, 2);
		ctl_conn_gone(rig->ctl, NOW, id);
	}
}

/* ---- connections ---- */

static void test_most_connections(void **state)
{
	const struct ctl_peer peer = { .uid = 1 };
	struct rig *rig = *state;
	uint32_t ids[CTL_CONNS_MAX], id = 77;

	for (size_t i = 0; i < CTL_CONNS_MAX; i++)
		ids[i] = open_admin(rig);
	assert_int_equal(ctl_conn_new(rig->ctl, NOW, &peer, &id), -EMFILE);
	assert_int_equal(id, 77);
	ctl_conn_gone(rig->ctl, NOW, ids[3]);
	ctl_settle(rig->ctl);
	id = open_admin(rig);
	for (size_t i = 0; i < CTL_CONNS_MAX; i++)
		assert_int_not_equal(id, ids[i]);
}

/* Those who may only look cannot keep out who may change something. */
static void test_connections_for_admins(void **state)
{
	const struct ctl_peer peer = { .uid = 1 };
	struct rig *rig = *state;
	uint32_t id;

	for (size_t i = 0; i < CTL_CONNS_MAX - CTL_CONNS_ADMIN; i++)
		assert_int_equal(ctl_conn_new(rig->ctl, NOW, &peer, &id), 0);
	assert_int_equal(ctl_conn_new(rig->ctl, NOW, &peer, &id), -EMFILE);
	for (size_t i = 0; i < CTL_CONNS_ADMIN; i++)
		open_admin(rig);
}

static void test_unknown_connection(void **state)
{
	struct rig *rig = *state;

	send_text(rig, 7, "{}");
	ctl_conn_sent(rig->ctl, NOW, 7);
	ctl_conn_gone(rig->ctl, NOW, 7);
	ctl_on_at_line(rig->ctl, NOW, 7, span_text("x"));
	assert_null(ctl_conn_out(rig->ctl, 7));
	assert_null(ctl_conn_out(rig->ctl, 0));
	assert_string_equal(take_events(rig), "");
}

static void test_garbage_closes_one(void **state)
{
	struct rig *rig = *state;
	uint32_t id = open_admin(rig), other = open_admin(rig);

	call(rig, id, "GetVersion", "{}");
	send_text(rig, id, "{\"method\":1}");
	call(rig, id, "Connect", "{\"name\":\"cloud\"}");
	/* What was right is answered, what follows is not run. */
	assert_string_equal(take_events(rig), "c1 ");
	assert_string_equal(take_events(rig), "");
	expect_reply(rig, id, "io.cmqttd.GetVersion", "{\"version\":\"1.2.3\"}");
	assert_string_equal(fake_core_asked(&rig->core), "");
	ctl_conn_gone(rig->ctl, NOW, id);
	ctl_settle(rig->ctl);
	call(rig, other, "GetVersion", "{}");
	expect_reply(rig, other, "io.cmqttd.GetVersion", "{\"version\":\"1.2.3\"}");
}

static void test_longest_message(void **state)
{
	struct rig *rig = *state;
	uint32_t id = open_admin(rig);
	static char text[CTL_MSG_MAX + 1];

	memset(text, ' ', sizeof(text));
	memcpy(text, "{\"method\":\"io.cmqttd.GetVersion\"}", 33);
	text[CTL_MSG_MAX - 1] = '\0';
	send_bytes(rig, id, text, CTL_MSG_MAX);
	expect_reply(rig, id, "io.cmqttd.GetVersion", "{\"version\":\"1.2.3\"}");
	text[CTL_MSG_MAX - 1] = ' ';
	text[CTL_MSG_MAX] = '\0';
	send_bytes(rig, id, text, CTL_MSG_MAX + 1);
	expect_silence(rig, id);
	assert_true(is_closed(rig, id));
}

static void test_write_events(void **state)
{
	struct rig *rig = *state;
	uint32_t id = open_admin(rig);
	struct buf *out = ctl_conn_out(rig->ctl, id);

	assert_string_equal(take_events(rig), "");
	call(rig, id, "GetVersion", "{}");
	assert_string_equal(take_events(rig), "w1 ");
	call(rig, id, "GetVersion", "{}");
	assert_string_equal(take_events(rig), "");
	/* Half of it went: the shell is still at it. */
	buf_consume(out, 10);
	ctl_conn_sent(rig->ctl, NOW, id);
	assert_string_equal(take_events(rig), "");
	buf_consume(out, buf_len(out));
	ctl_conn_sent(rig->ctl, NOW, id);
	assert_string_equal(take_events(rig), "");
	call(rig, id, "GetVersion", "{}");
	assert_string_equal(take_events(rig), "w1 ");
}

/* Who asks and does not read is not served, and closed in the end; nothing grows beyond bounds. */
static void test_answers_not_read(void **state)
{
	struct rig *rig = *state;
	uint32_t id = open_admin(rig);
	struct buf *out = ctl_conn_out(rig->ctl, id);
	size_t calls = 0, len, replies = 0;
	json_t *msg;

	do {
		len = buf_len(out);
		call(rig, id, "GetStatus", "{}");
		calls++;
	} while (buf_len(out) > len);
	assert_in_range(len, 1, CTL_OUT_MAX);
	/* Reading brings the answers of those that were kept. */
	call(rig, id, "GetStatus", "{}");
	calls++;
	while ((msg = read_message(rig, id))) {
		json_decref(msg);
		replies++;
	}
	assert_int_equal(replies, calls);
	for (calls = 0; !is_closed(rig, id); calls++) {
		assert_in_range(calls, 0, 100000);
		call(rig, id, "GetStatus", "{}");
	}
	assert_in_range(buf_len(out), 1, CTL_OUT_MAX);
}

/* ---- without memory ---- */

static size_t allocations_left;

static void *failing_malloc(size_t size)
{
	return allocations_left-- == 0 ? NULL : malloc(size);
}

/* A bit of everything. */
static void use_everything(struct rig *rig)
{
	uint32_t id = open_admin(rig), reader = open_admin(rig), monitor = open_admin(rig);

	start_stream(rig, reader, "Subscribe", "{\"filter\":\"#\"}");
	start_stream(rig, monitor, "Monitor", "{\"at\":true}");
	call(rig, id, "GetStatus", "{}");
	call(rig, id, "History", "{}");
	call(rig, id, "Doctor", "{}");
	call(rig, id, "ListMessages", "{}");
	call(rig, id, "GetMessage", "{\"id\":3}");
	call(rig, id, "GetMessage", "{\"id\":5}");
	call(rig, id, "RouteTopic", "{\"topic\":\"a\"}");
	call(rig, id, "Connect", "{\"name\":\"moon\"}");
	call(rig, id, "Publish", "{\"topic\":\"a\",\"wait\":true,\"payload_base64\":\"aGk=\"}");
	ctl_on_delivered(rig->ctl, NOW, id, 0, "no");
	take_events(rig);
	start_at(rig, id);
	ctl_on_at_line(rig->ctl, NOW, id, span_text("line\xff"));
	ctl_on_at_done(rig->ctl, NOW, id, AT_OK, span_text("OK"));
	pass(rig, 0, "a", "\xff");
	ctl_on_trace(rig->ctl, NOW, true, span_text("AT"));
	ctl_on_outcome(rig->ctl, NOW, 0, "published", span_text("a"), 0);
	take_events(rig);
}

/* Each allocation of the JSON library fails once: connections may be closed, no more. */
static void test_no_memory(void **state)
{
	size_t n = 0;

	for (;; n++) {
		struct rig *rig;
		json_int_t lost = 0;
		bool has_failed;

		teardown(state);
		setup(state);
		rig = *state;
		fill_core(&rig->core);
		add_history(&rig->core, 0, "online", "waiting", 1000);
		rig->core.messages = queued;
		rig->core.message_count = sizeof(queued) / sizeof(queued[0]);
		assert_in_range(n, 0, 10000);
		allocations_left = n;
		json_set_alloc_funcs(failing_malloc, free);
		use_everything(rig);
		has_failed = allocations_left > n;
		json_set_alloc_funcs(malloc, free);
		/* What was written are whole messages. */
		for (uint32_t id = 1; id <= 3; id++)
			drain(rig, id, &lost);
		if (!has_failed)
			break;
	}
	assert_in_range(n, 100, 10000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_tables_match_descriptions),
		TEST(test_errors_match_descriptions),
		TEST(test_introspection),
		TEST(test_status),
		TEST(test_status_of_nothing),
		TEST(test_doctor),
		TEST(test_times),
		TEST(test_history),
		TEST(test_history_of_removed),
		TEST(test_history_of_outages),
		TEST(test_list_pages),
		TEST(test_list_ends_with_page),
		TEST(test_list_long_topics),
		TEST(test_large_text_is_coded),
		TEST(test_routes),
		TEST(test_route_too_long),
		TEST(test_rows),
		TEST(test_odd_names),
		TEST(test_rights),
		TEST(test_flags),
		TEST(test_largest_payload),
		TEST(test_publish_wait),
		TEST(test_change_waits),
		TEST(test_at),
		TEST(test_at_bounds),
		TEST(test_reload),
		TEST(test_ends_at_once),
		TEST(test_queued_calls),
		TEST(test_gone_while_waiting),
		TEST(test_subscribe),
		TEST(test_subscribe_refused),
		TEST(test_monitor),
		TEST(test_log_texts),
		TEST(test_monitor_at),
		TEST(test_calls_behind_stream),
		TEST(test_slow_reader),
		TEST(test_most_connections),
		TEST(test_connections_for_admins),
		TEST(test_unknown_connection),
		TEST(test_garbage_closes_one),
		TEST(test_longest_message),
		TEST(test_write_events),
		TEST(test_answers_not_read),
		TEST(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
