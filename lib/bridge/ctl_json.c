/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/ctl_json.h"

#include "base/base64.h"
#include "base/limits.h"
#include "base/timerq.h"
#include "base/utf8.h"
#include "bridge/doctor.h"
#include "bridge/router.h"
#include "modem/modem.h"
#include "mqtt/mqtt_server.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS          INT64_C(86400000)
#define WALL_MAX_MS     INT64_C(253402300799999) /* the last of the year 9999 */

#define REPLACEMENT     "\xef\xbf\xbd" /* U+FFFD */
#define REPLACEMENT_LEN 3

/* Length of the valid character at the beginning of the text, 0: there is none. */
static size_t character_len(struct span text)
{
	for (size_t n = 1; n <= 4 && n <= text.len; n++) {
		if (utf8_is_mqtt_string(text.data, n))
			return n;
	}
	return 0;
}

static json_t *repaired_text(struct span text)
{
	json_t *string = NULL;
	size_t len = 0;
	char *out = malloc(text.len * REPLACEMENT_LEN);

	if (!out)
		return NULL;
	while (text.len > 0) {
		size_t n = character_len(text);

		memcpy(
		    out + len, n ? (const void *)text.data : REPLACEMENT, n ? n : REPLACEMENT_LEN);
		len += n ? n : REPLACEMENT_LEN;
		text.data += n ? n : 1;
		text.len -= n ? n : 1;
	}
	string = json_stringn(out, len);
	free(out);
	return string;
}

json_t *ctl_json_text(struct span text)
{
	if (utf8_is_mqtt_string(text.data, text.len))
		return json_stringn(text.len ? (const char *)text.data : "", text.len);
	return repaired_text(text);
}

static json_t *text_of(const char *text)
{
	return ctl_json_text((struct span){ (const uint8_t *)text, strlen(text) });
}

json_t *ctl_json_text_or_null(const char *text)
{
	return text && text[0] ? text_of(text) : json_null();
}

static json_t *count_of(uint64_t n)
{
	return json_integer(n < INT64_MAX ? (json_int_t)n : INT64_MAX);
}

/* Append the value. Once memory is out the array is given up and NULL, and stays so. */
static void append(json_t **array, json_t *value)
{
	if (json_array_append_new(*array, value) == 0)
		return;
	json_decref(*array);
	*array = NULL;
}

/* Civil date of a day since 1970-01-01 (proleptic Gregorian): the year is counted from March, so
 * that the leap day is its last, in eras of 400 years. */
static void date_of_day(int64_t day, int *ret_year, int *ret_month, int *ret_day)
{
	int64_t from_march = day + 719468; /* since 0000-03-01 */
	int64_t era = from_march / 146097;
	int64_t day_of_era = from_march % 146097;
	int64_t year_of_era =
	    (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year =
	    day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month = (5 * day_of_year + 2) / 153; /* 0: March */

	*ret_day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
	*ret_month = (int)(month < 10 ? month + 3 : month - 9);
	*ret_year = (int)(year_of_era + era * 400 + (month >= 10));
}

json_t *ctl_json_time(int64_t wall_ms)
{
	int64_t ms = wall_ms < 0 ? 0 : wall_ms > WALL_MAX_MS ? WALL_MAX_MS : wall_ms;
	int64_t of_day = ms % DAY_MS;
	int year, month, day;

	date_of_day(ms / DAY_MS, &year, &month, &day);
	return json_sprintf("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", year, month, day,
	    (int)(of_day / 3600000), (int)(of_day / 60000 % 60), (int)(of_day / 1000 % 60),
	    (int)(of_day % 1000));
}

/* -1: null. One that is not configured any more, in the history or on its way out after a reload,
 * gets a name that no broker can have. */
static json_t *name_of_broker(const struct core *core, int broker)
{
	const struct core_config *cfg = core_get_config(core);

	if (broker < 0)
		return json_null();
	if ((size_t)broker >= cfg->broker_count)
		return json_sprintf("client %d", broker);
	return text_of(cfg->brokers[broker].link.name);
}

static json_t *modem_object(const struct core *core)
{
	const struct modem_status *s = modem_get_status(core_get_modem(core));
	const char *others = core_trouble(core, CORE_TROUBLE_PORT);

	/* clang-format off */
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o}",
	    "state", modem_state_name(s->state),
	    "model", ctl_json_text_or_null(s->model),
	    "revision", ctl_json_text_or_null(s->revision),
	    "imei", ctl_json_text_or_null(s->imei),
	    "operator", ctl_json_text_or_null(s->operator_name),
	    "technology", ctl_json_text_or_null(s->technology),
	    "rssi_dbm", s->rssi_dbm ? json_integer(s->rssi_dbm) : json_null(),
	    "registered", s->is_registered,
	    "port_users", ctl_json_text_or_null(others ? others : ""));
	/* clang-format on */
}

static json_t *error_object(const struct session_error *e)
{
	if (e->code == 0 && e->text[0] == '\0')
		return json_null();
	/* clang-format off */
	return json_pack("{s:I, s:o, s:o}",
	    "code", (json_int_t)e->code,
	    "text", text_of(e->text),
	    "command", ctl_json_text_or_null(e->command));
	/* clang-format on */
}

/* Whole seconds until the next attempt, rounded up: "in 0 s" would be wrong while it waits. */
static json_t *retry_in(const struct session_status *s, uint64_t now_ms)
{
	if (s->state != SESSION_BACKOFF || s->retry_at_ms == TIMER_NEVER)
		return json_null();
	return count_of(s->retry_at_ms > now_ms ? (s->retry_at_ms - now_ms + 999) / 1000 : 0);
}

static uint64_t lost_messages(const struct broker_counters *n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < DROP_REASON_COUNT; i++)
		sum += n->dropped[i];
	for (size_t i = 0; i < INBOUND_LOSS_COUNT; i++)
		sum += n->inbound_lost[i];
	return sum;
}

/* route: its number, BRIDGE_ROUTES_MAX for none. Nothing if nothing was lost. */
static void append_loss(json_t **array, const struct core_broker *b, size_t route,
    const char *prefix, const char *reason, uint64_t count)
{
	const struct route_config *r = route < b->route_count ? &b->routes[route] : NULL;

	if (count == 0)
		return;
	/* clang-format off */
	append(array, json_pack("{s:o, s:o, s:o, s:o, s:o}",
	    "pattern", r ? text_of(r->pattern) : json_null(),
	    "local_prefix", r ? text_of(r->local_prefix) : json_null(),
	    "remote_prefix", r ? text_of(r->remote_prefix) : json_null(),
	    "reason", json_sprintf("%s%s", prefix, reason),
	    "count", count_of(count)));
	/* clang-format on */
}

static json_t *loss_array(const struct core_broker *b, const struct broker_counters *n)
{
	json_t *array = json_array();

	for (size_t i = 0; i <= BRIDGE_ROUTES_MAX; i++) {
		const struct route_counters *route = &n->routes[i];

		append_loss(&array, b, i, "", "dead_letter", route->dead);
		for (int k = 0; k < DROP_REASON_COUNT; k++)
			append_loss(&array, b, i, "", drop_reason_name((enum drop_reason)k),
			    route->dropped[k]);
	}
	for (int k = 0; k < INBOUND_LOSS_COUNT; k++)
		append_loss(&array, b, BRIDGE_ROUTES_MAX, "inbound_",
		    inbound_loss_name((enum inbound_loss)k), n->inbound_lost[k]);
	return array;
}

static json_t *broker_object(const struct core *core, uint64_t now_ms, unsigned client)
{
	const struct session_status *s = modem_get_session(core_get_modem(core), client);
	const struct broker_counters *n = core_get_counters(core, client);
	struct store_usage queue;

	core_queue_usage(core, client, &queue);
	/* clang-format off */
	return json_pack("{s:o, s:I, s:s, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
	    "name", name_of_broker(core, (int)client),
	    "client_index", (json_int_t)client,
	    "state", session_state_name(s->state),
	    "since", ctl_json_time(core_wall_at(core, s->since_ms)),
	    "attempt", (json_int_t)s->attempt,
	    "retry_in_s", retry_in(s, now_ms),
	    "queued_messages", count_of(queue.messages),
	    "queued_bytes", count_of(queue.bytes),
	    "dead_letters", count_of(queue.dead_letters),
	    "published", count_of(n->published),
	    "received", count_of(n->received),
	    "dropped", count_of(lost_messages(n)),
	    "losses", loss_array(&core_get_config(core)->brokers[client], n),
	    "last_error", error_object(&s->last_error));
	/* clang-format on */
}

static json_t *broker_array(const struct core *core, uint64_t now_ms)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < core_get_config(core)->broker_count; i++)
		append(&array, broker_object(core, now_ms, i));
	return array;
}

static json_t *listener_array(const struct core *core)
{
	const struct core_config *cfg = core_get_config(core);
	json_t *array = json_array();

	for (size_t i = 0; i < cfg->listener_count; i++) {
		size_t clients = mqtt_server_clients(core_get_server(core), i);
		json_t *listener = json_pack("{s:o, s:o}", "address",
		    text_of(cfg->listeners[i].address), "clients", count_of(clients));

		append(&array, listener);
	}
	return array;
}

static json_t *store_object(const struct core *core)
{
	struct store_usage usage;
	uint64_t free_bytes;
	bool is_known = core_free_bytes(core, &free_bytes) == 0;

	core_store_usage(core, &usage);
	/* clang-format off */
	return json_pack("{s:o, s:o, s:o, s:o, s:o}",
	    "messages", count_of(usage.messages),
	    "bytes", count_of(usage.bytes),
	    "max_bytes", count_of(core_get_config(core)->store.max_bytes),
	    "dead_letters", count_of(usage.dead_letters),
	    "free_bytes", is_known ? count_of(free_bytes) : json_null());
	/* clang-format on */
}

/* What is not zero. */
static json_t *local_loss_array(const struct core *core)
{
	const struct mqtt_counters *n = mqtt_server_counters(core_get_server(core));
	json_t *array = json_array();

	for (int k = 0; k < MQTT_DROP_COUNT; k++) {
		const char *reason = mqtt_drop_name((enum mqtt_drop)k);

		if (n->dropped[k] > 0)
			append(&array, json_pack("{s:s, s:o}", "reason", reason, "count",
					   count_of(n->dropped[k])));
	}
	return array;
}

json_t *ctl_json_status(const struct core *core, uint64_t now_ms)
{
	/* clang-format off */
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
	    "version", core_version(core),
	    "uptime_s", count_of(core_uptime_ms(core, now_ms) / 1000),
	    "modem", modem_object(core),
	    "brokers", broker_array(core, now_ms),
	    "listeners", listener_array(core),
	    "store", store_object(core),
	    "local_losses", local_loss_array(core),
	    "logs_dropped", count_of(core_logs_dropped(core)));
	/* clang-format on */
}

json_t *ctl_json_broker_list(const struct core *core, uint64_t now_ms)
{
	return json_pack("{s:o}", "brokers", broker_array(core, now_ms));
}

/* When a machine left the state it should be in; -1: it is there, or never was. */
struct outage {
	int64_t began_ms;
};

static bool is_up(int broker, const char *state)
{
	const char *up =
	    broker < 0 ? modem_state_name(MODEM_READY) : session_state_name(SESSION_ONLINE);

	return strcmp(state, up) == 0;
}

/* Follow one machine; the length of the outage that this change ends, or null. */
static json_t *outage_of(struct outage *o, const struct history_entry *e)
{
	int64_t lasted_ms;

	if (is_up(e->broker, e->from))
		o->began_ms = e->wall_ms;
	if (!is_up(e->broker, e->to) || o->began_ms < 0)
		return json_null();
	lasted_ms = e->wall_ms - o->began_ms;
	o->began_ms = -1;
	return json_integer(lasted_ms > 0 ? lasted_ms / 1000 : 0);
}

static json_t *change_object(
    const struct core *core, const struct history_entry *e, struct outage *outage)
{
	/* clang-format off */
	return json_pack("{s:o, s:s, s:s, s:o, s:o, s:o}",
	    "broker", name_of_broker(core, e->broker),
	    "from", e->from,
	    "to", e->to,
	    "why", text_of(e->why),
	    "time", ctl_json_time(e->wall_ms),
	    "outage_s", outage_of(outage, e));
	/* clang-format on */
}

static json_t *outage_object(const struct core *core, int broker, int64_t began_ms, int64_t now_ms)
{
	return json_pack("{s:o, s:o, s:o}", "broker", name_of_broker(core, broker), "since",
	    ctl_json_time(began_ms), "lasts_s",
	    count_of(now_ms > began_ms ? (uint64_t)(now_ms - began_ms) / 1000 : 0));
}

/* Those that have not ended. outages: the modem's, then the brokers'. */
static json_t *outage_array(
    const struct core *core, uint64_t now_ms, int broker, const struct outage *outages)
{
	int count = (int)core_get_config(core)->broker_count;
	json_t *array = json_array();

	for (int i = -1; i < count; i++) {
		bool is_asked_for = broker == CTL_HISTORY_ALL || broker == i;

		if (!is_asked_for || outages[1 + i].began_ms < 0)
			continue;
		append(&array,
		    outage_object(core, i, outages[1 + i].began_ms, core_wall_at(core, now_ms)));
	}
	return array;
}

json_t *ctl_json_history(const struct core *core, uint64_t now_ms, int broker)
{
	struct outage outages[1 + MODEM_CLIENTS];
	json_t *array = json_array();
	struct history_entry e;

	for (size_t i = 0; i < 1 + MODEM_CLIENTS; i++)
		outages[i].began_ms = -1;
	for (size_t i = 0; core_history(core, i, &e); i++) {
		assert(e.broker >= -1 && e.broker < MODEM_CLIENTS);
		if (broker != CTL_HISTORY_ALL && broker != e.broker)
			continue;
		append(&array, change_object(core, &e, &outages[1 + e.broker]));
	}
	return json_pack(
	    "{s:o, s:o}", "changes", array, "outages", outage_array(core, now_ms, broker, outages));
}

/* All that the doctor looks at. */
static void gather_facts(const struct core *core, uint64_t now_ms, struct doctor_facts *ret)
{
	const struct modem *modem = core_get_modem(core);

	*ret = (struct doctor_facts){
		.cfg = core_get_config(core),
		.modem = modem_get_status(modem),
		.now_ms = now_ms,
		.wall_ms = core_wall_at(core, now_ms),
		.port_error = core_port_error(core),
		.has_store_failed = core_has_store_failed(core),
	};
	for (int i = 0; i < CORE_TROUBLE_COUNT; i++)
		ret->troubles[i] = core_trouble(core, (enum core_trouble)i);
	for (unsigned i = 0; i < ret->cfg->broker_count; i++) {
		ret->brokers[i].session = modem_get_session(modem, i);
		core_queue_usage(core, i, &ret->brokers[i].queue);
	}
	core_store_usage(core, &ret->store);
	ret->is_free_known = core_free_bytes(core, &ret->free_bytes) == 0;
}

static json_t *check_object(const struct doctor_check *check)
{
	/* clang-format off */
	return json_pack("{s:s, s:o, s:s, s:o, s:s?}",
	    "check", check->name,
	    "broker", ctl_json_text_or_null(check->broker),
	    "result", doctor_result_name(check->result),
	    "text", text_of(check->text),
	    "advice", check->advice);
	/* clang-format on */
}

json_t *ctl_json_doctor(const struct core *core, uint64_t now_ms)
{
	struct doctor_report report;
	struct doctor_facts facts;
	json_t *array = json_array();

	gather_facts(core, now_ms, &facts);
	doctor_examine(&facts, &report);
	for (size_t i = 0; i < report.count; i++)
		append(&array, check_object(&report.checks[i]));
	return json_pack("{s:o, s:o}", "device", text_of(facts.cfg->modem.device), "checks", array);
}

static json_t *reload_change_object(const struct reload_change *change)
{
	return json_pack("{s:s, s:o, s:o}", "what", change->what, "name",
	    ctl_json_text_or_null(change->name), "text", text_of(change->text));
}

json_t *ctl_json_reload(const struct reload_plan *plan)
{
	json_t *array = json_array();

	for (size_t i = 0; i < plan->count; i++)
		append(&array, reload_change_object(&plan->changes[i]));
	return json_pack("{s:o}", "changes", array);
}

static json_t *base64_of(struct span data)
{
	char *text = malloc(BASE64_ENCODED_LEN(data.len) + 1);
	json_t *string = NULL;

	if (text) {
		base64_encode(data.data, data.len, text);
		string = json_string(text);
	}
	free(text);
	return string;
}

/* The two forms of a payload: name of the member, and its value. */

static bool is_text_payload(struct span payload)
{
	return payload.len <= CTL_TEXT_PAYLOAD_MAX &&
	       utf8_is_mqtt_string(payload.data, payload.len);
}

static const char *payload_name(struct span payload)
{
	return is_text_payload(payload) ? "payload" : "payload_base64";
}

static json_t *payload_value(struct span payload)
{
	return is_text_payload(payload) ? ctl_json_text(payload) : base64_of(payload);
}

static const char *state_of(const struct queued_message *m)
{
	if (m->entry.reason)
		return "dead";
	return m->is_in_flight ? "in_flight" : "waiting";
}

json_t *ctl_json_queued(const struct core *core, unsigned client, const struct queued_message *m)
{
	const struct store_entry *e = &m->entry;

	/* clang-format off */
	return json_pack("{s:o, s:o, s:s, s:b, s:o, s:o, s:i, s:b, s:i, s:i, s:b, s:o, s:o, s:o}",
	    "id", count_of(e->seq),
	    "broker", name_of_broker(core, (int)client),
	    "state", state_of(m),
	    "in_memory", m->is_in_memory,
	    "topic", ctl_json_text(e->topic),
	    "size", count_of(e->payload.len),
	    "qos", e->qos,
	    "retain", e->retain,
	    "priority", e->priority,
	    "tries", e->tries,
	    "maybe_sent", e->state == STORE_MAYBE_SENT,
	    "accepted", ctl_json_time(e->accepted_ms),
	    "expires", e->expires_ms ? ctl_json_time(e->expires_ms) : json_null(),
	    "reason", ctl_json_text_or_null(e->reason));
	/* clang-format on */
}

json_t *ctl_json_queued_whole(
    const struct core *core, unsigned client, const struct queued_message *m)
{
	return json_pack("{s:o, s:o}", "message", ctl_json_queued(core, client, m),
	    payload_name(m->entry.payload), payload_value(m->entry.payload));
}

/* Why a message does not go to the broker, or not yet; null: it goes. */
static json_t *why_not(
    enum router_answer answer, const struct routed *routed, enum session_state state)
{
	switch (answer) {
	case ROUTER_WANTED:
		if (state == SESSION_ONLINE)
			return json_null();
		if (state == SESSION_DISABLED)
			return json_string("it waits: the broker is disabled until \"connect\"");
		return json_sprintf("it waits: the broker is %s", session_state_name(state));
	case ROUTER_TOO_LONG:
		return json_sprintf("the remote topic has %zu bytes, the modem takes %d",
		    routed->topic_len, MODEM_TOPIC_MAX);
	case ROUTER_NO_OUT:
		return json_string("no route leads out to the broker");
	case ROUTER_NO_MATCH:
		return json_string("no route out matches");
	case ROUTER_ONLY_IN:
		return json_string("only this route matches, and it leads in");
	case ROUTER_NO_PREFIX:
		return json_string("this route wants its local_prefix in front of it");
	}
	return NULL;
}

static json_t *route_object(const struct core *core, unsigned client, struct span topic)
{
	const struct core_broker *b = &core_get_config(core)->brokers[client];
	const struct session_status *s = modem_get_session(core_get_modem(core), client);
	struct routed routed = { 0 };
	enum router_answer answer = router_explain(b, topic, &routed);
	bool has_name = answer == ROUTER_WANTED || answer == ROUTER_TOO_LONG;
	const struct route_config *r = routed.route;
	struct span remote = { (const uint8_t *)routed.topic, routed.topic_len };

	/* clang-format off */
	return json_pack("{s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
	    "broker", name_of_broker(core, (int)client),
	    "goes", answer == ROUTER_WANTED,
	    "remote_topic", has_name ? ctl_json_text(remote) : json_null(),
	    "pattern", r ? text_of(r->pattern) : json_null(),
	    "local_prefix", r ? text_of(r->local_prefix) : json_null(),
	    "remote_prefix", r ? text_of(r->remote_prefix) : json_null(),
	    "qos", r ? json_integer(r->qos) : json_null(),
	    "priority", r ? json_integer(r->priority) : json_null(),
	    "ttl_s", r ? json_integer(r->ttl_s) : json_null(),
	    "keep_last", r ? json_boolean(r->keep_last) : json_null(),
	    "why", why_not(answer, &routed, s->state));
	/* clang-format on */
}

json_t *ctl_json_routes(const struct core *core, struct span topic)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < core_get_config(core)->broker_count; i++)
		append(&array, route_object(core, i, topic));
	return json_pack("{s:o}", "routes", array);
}

json_t *ctl_json_message(const struct core *core, uint64_t now_ms, int broker, struct span topic,
    struct span payload, uint8_t qos, bool retain)
{
	/* clang-format off */
	return json_pack("{s:o, s:o, s:o, s:i, s:b, s:o}",
	    "time", ctl_json_time(core_wall_at(core, now_ms)),
	    "topic", ctl_json_text(topic),
	    payload_name(payload), payload_value(payload),
	    "qos", qos,
	    "retain", retain,
	    "broker", name_of_broker(core, broker));
	/* clang-format on */
}

json_t *ctl_json_event_state(const struct core *core, uint64_t now_ms, int broker, const char *from,
    const char *to, unsigned err, struct span why)
{
	/* clang-format off */
	return json_pack("{s:o, s:s, s:o, s:s, s:s, s:I, s:o}",
	    "time", ctl_json_time(core_wall_at(core, now_ms)),
	    "event", "state",
	    "broker", name_of_broker(core, broker),
	    "from", from,
	    "to", to,
	    "code", (json_int_t)err,
	    "text", ctl_json_text(why));
	/* clang-format on */
}

json_t *ctl_json_event_message(const struct core *core, uint64_t now_ms, int broker,
    struct span topic, size_t size, uint8_t qos, bool retain)
{
	/* clang-format off */
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:i, s:b}",
	    "time", ctl_json_time(core_wall_at(core, now_ms)),
	    "event", "message",
	    "broker", name_of_broker(core, broker),
	    "topic", ctl_json_text(topic),
	    "size", count_of(size),
	    "qos", qos,
	    "retain", retain);
	/* clang-format on */
}

json_t *ctl_json_event_outcome(const struct core *core, uint64_t now_ms, int broker,
    const char *outcome, struct span topic, unsigned err)
{
	/* clang-format off */
	return json_pack("{s:o, s:s, s:o, s:o, s:s, s:I}",
	    "time", ctl_json_time(core_wall_at(core, now_ms)),
	    "event", "outcome",
	    "broker", name_of_broker(core, broker),
	    "topic", ctl_json_text(topic),
	    "text", outcome,
	    "code", (json_int_t)err);
	/* clang-format on */
}

/* What it is about, and the detail if there is one. */
static json_t *log_text(const struct log_event *log)
{
	const char *text = ctl_log_text(log->code);
	char line[LOG_DETAIL_MAX + 80];

	if (log->detail[0] == '\0')
		return json_string(text);
	snprintf(line, sizeof(line), "%s: %s", text, log->detail);
	return text_of(line);
}

json_t *ctl_json_event_log(const struct core *core, uint64_t now_ms, const struct log_event *log)
{
	/* clang-format off */
	return json_pack("{s:o, s:s, s:s, s:o, s:s?, s:s?, s:I, s:o}",
	    "time", ctl_json_time(core_wall_at(core, now_ms)),
	    "event", "log",
	    "level", log_level_name(log->level),
	    "broker", ctl_json_text_or_null(log->broker),
	    "from", log->from,
	    "to", log->to,
	    "code", (json_int_t)log->err,
	    "text", log_text(log));
	/* clang-format on */
}

json_t *ctl_json_event_at(
    const struct core *core, uint64_t now_ms, bool is_outgoing, struct span text)
{
	/* clang-format off */
	return json_pack("{s:o, s:s, s:b, s:o}",
	    "time", ctl_json_time(core_wall_at(core, now_ms)),
	    "event", "at",
	    "sent", is_outgoing,
	    "text", ctl_json_text(text));
	/* clang-format on */
}

json_t *ctl_json_message_lost(const struct core *core, uint64_t now_ms, uint64_t lost)
{
	/* clang-format off */
	return json_pack("{s:o, s:o}",
	    "time", ctl_json_time(core_wall_at(core, now_ms)),
	    "lost", count_of(lost));
	/* clang-format on */
}

json_t *ctl_json_event_lost(const struct core *core, uint64_t now_ms, uint64_t lost)
{
	/* clang-format off */
	return json_pack("{s:o, s:s, s:o}",
	    "time", ctl_json_time(core_wall_at(core, now_ms)),
	    "event", "lost",
	    "lost", count_of(lost));
	/* clang-format on */
}

const char *ctl_log_text(enum log_code code)
{
	switch (code) {
	case LOG_MODEM_STATE:
		return "modem state";
	case LOG_MODEM_IDENTITY:
		return "modem found";
	case LOG_MODEM_BOOTED:
		return "modem started by itself";
	case LOG_MODEM_GARBAGE:
		return "bytes without sense from the modem";
	case LOG_MODEM_STUCK:
		return "modem does not answer";
	case LOG_MODEM_PIN_REFUSED:
		return "PIN refused";
	case LOG_MODEM_NO_SIM:
		return "no SIM";
	case LOG_MODEM_DENIED:
		return "network denied registration";
	case LOG_MODEM_CLOCK_SET:
		return "modem clock set";
	case LOG_MODEM_CLOCK_WRONG:
		return "modem clock wrong";
	case LOG_MODEM_POWER_CYCLE:
		return "modem power cycled";
	case LOG_MODEM_USB_REBIND:
		return "modem bound anew on USB";
	case LOG_BROKER_ONLINE:
		return "broker online";
	case LOG_BROKER_OFFLINE:
		return "broker offline";
	case LOG_BROKER_STATE:
		return "broker state";
	case LOG_BROKER_ERROR:
		return "broker error";
	case LOG_BROKER_CERT_UPLOADED:
		return "certificate sent to the modem";
	case LOG_BROKER_SUBSCRIBE_FAILED:
		return "subscribing failed";
	case LOG_BROKER_NOT_VERIFIED:
		return "broker is not verified";
	case LOG_MESSAGE_DEAD:
		return "message became a dead letter";
	case LOG_MESSAGE_DROPPED:
		return "message dropped";
	case LOG_INBOUND_LOST:
		return "message from the broker lost";
	case LOG_STORE_FULL:
		return "store full";
	case LOG_STORE_FAILED:
		return "store failed";
	case LOG_STORE_ORPHANS:
		return "messages without a broker";
	case LOG_CLIENT_CLOSED:
		return "client closed";
	case LOG_CONTROL_CHANGE:
		return "control";
	case LOG_RELOADED:
		return "configuration read again";
	case LOG_STOPPING:
		return "stopping";
	case LOG_AT_TRAFFIC:
		return "AT";
	case LOG_CODE_COUNT:
		break;
	}
	return "unknown";
}
