/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/ctl_json.h"

#include "base/timerq.h"
#include "bridge/ctl_json_value.h"
#include "bridge/doctor.h"
#include "bridge/router.h"
#include "modem/modem.h"
#include "mqtt/mqtt_server.h"

#include <assert.h>
#include <string.h>

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
	    "text", ctl_json_cstring(e->text),
	    "command", ctl_json_text_or_null(e->command));
	/* clang-format on */
}

/* Whole seconds until the next attempt, rounded up: "in 0 s" would be wrong while it waits. */
static json_t *retry_in(const struct session_status *s, uint64_t now_ms)
{
	if (s->state != SESSION_BACKOFF || s->retry_at_ms == TIMER_NEVER)
		return json_null();
	return ctl_json_count(s->retry_at_ms > now_ms ? (s->retry_at_ms - now_ms + 999) / 1000 : 0);
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
	ctl_json_append(array, json_pack("{s:o, s:o, s:o, s:o, s:o}",
	    "pattern", r ? ctl_json_cstring(r->pattern) : json_null(),
	    "local_prefix", r ? ctl_json_cstring(r->local_prefix) : json_null(),
	    "remote_prefix", r ? ctl_json_cstring(r->remote_prefix) : json_null(),
	    "reason", json_sprintf("%s%s", prefix, reason),
	    "count", ctl_json_count(count)));
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
	    "name", ctl_json_broker(core, (int)client),
	    "client_index", (json_int_t)client,
	    "state", session_state_name(s->state),
	    "since", ctl_json_time(core_wall_at(core, s->since_ms)),
	    "attempt", (json_int_t)s->attempt,
	    "retry_in_s", retry_in(s, now_ms),
	    "queued_messages", ctl_json_count(queue.messages),
	    "queued_bytes", ctl_json_count(queue.bytes),
	    "dead_letters", ctl_json_count(queue.dead_letters),
	    "published", ctl_json_count(n->published),
	    "received", ctl_json_count(n->received),
	    "dropped", ctl_json_count(lost_messages(n)),
	    "losses", loss_array(&core_get_config(core)->brokers[client], n),
	    "last_error", error_object(&s->last_error));
	/* clang-format on */
}

static json_t *broker_array(const struct core *core, uint64_t now_ms)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < core_get_config(core)->broker_count; i++)
		ctl_json_append(&array, broker_object(core, now_ms, i));
	return array;
}

static json_t *listener_array(const struct core *core)
{
	const struct core_config *cfg = core_get_config(core);
	json_t *array = json_array();

	for (size_t i = 0; i < cfg->listener_count; i++) {
		size_t clients = mqtt_server_clients(core_get_server(core), i);
		json_t *listener =
		    json_pack("{s:o, s:o}", "address", ctl_json_cstring(cfg->listeners[i].address),
			"clients", ctl_json_count(clients));

		ctl_json_append(&array, listener);
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
	    "messages", ctl_json_count(usage.messages),
	    "bytes", ctl_json_count(usage.bytes),
	    "max_bytes", ctl_json_count(core_get_config(core)->store.max_bytes),
	    "dead_letters", ctl_json_count(usage.dead_letters),
	    "free_bytes", is_known ? ctl_json_count(free_bytes) : json_null());
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
			ctl_json_append(&array, json_pack("{s:s, s:o}", "reason", reason, "count",
						    ctl_json_count(n->dropped[k])));
	}
	return array;
}

json_t *ctl_json_status(const struct core *core, uint64_t now_ms)
{
	/* clang-format off */
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
	    "version", core_version(core),
	    "uptime_s", ctl_json_count(core_uptime_ms(core, now_ms) / 1000),
	    "modem", modem_object(core),
	    "brokers", broker_array(core, now_ms),
	    "listeners", listener_array(core),
	    "store", store_object(core),
	    "local_losses", local_loss_array(core),
	    "logs_dropped", ctl_json_count(core_logs_dropped(core)));
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
	    "broker", ctl_json_broker(core, e->broker),
	    "from", e->from,
	    "to", e->to,
	    "why", ctl_json_cstring(e->why),
	    "time", ctl_json_time(e->wall_ms),
	    "outage_s", outage_of(outage, e));
	/* clang-format on */
}

static json_t *outage_object(const struct core *core, int broker, int64_t began_ms, int64_t now_ms)
{
	return json_pack("{s:o, s:o, s:o}", "broker", ctl_json_broker(core, broker), "since",
	    ctl_json_time(began_ms), "lasts_s",
	    ctl_json_count(now_ms > began_ms ? (uint64_t)(now_ms - began_ms) / 1000 : 0));
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
		ctl_json_append(&array,
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
		ctl_json_append(&array, change_object(core, &e, &outages[1 + e.broker]));
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
	    "text", ctl_json_cstring(check->text),
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
		ctl_json_append(&array, check_object(&report.checks[i]));
	return json_pack(
	    "{s:o, s:o}", "device", ctl_json_cstring(facts.cfg->modem.device), "checks", array);
}

static json_t *reload_change_object(const struct reload_change *change)
{
	return json_pack("{s:s, s:o, s:o}", "what", change->what, "name",
	    ctl_json_text_or_null(change->name), "text", ctl_json_cstring(change->text));
}

json_t *ctl_json_reload(const struct reload_plan *plan)
{
	json_t *array = json_array();

	for (size_t i = 0; i < plan->count; i++)
		ctl_json_append(&array, reload_change_object(&plan->changes[i]));
	return json_pack("{s:o}", "changes", array);
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
	    "id", ctl_json_count(e->seq),
	    "broker", ctl_json_broker(core, (int)client),
	    "state", state_of(m),
	    "in_memory", m->is_in_memory,
	    "topic", ctl_json_text(e->topic),
	    "size", ctl_json_count(e->payload.len),
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
	    ctl_json_payload_name(m->entry.payload), ctl_json_payload(m->entry.payload));
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
	case ROUTER_RESERVED:
		return json_string("no local client may publish what begins with $");
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
	    "broker", ctl_json_broker(core, (int)client),
	    "goes", answer == ROUTER_WANTED,
	    "remote_topic", has_name ? ctl_json_text(remote) : json_null(),
	    "pattern", r ? ctl_json_cstring(r->pattern) : json_null(),
	    "local_prefix", r ? ctl_json_cstring(r->local_prefix) : json_null(),
	    "remote_prefix", r ? ctl_json_cstring(r->remote_prefix) : json_null(),
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
		ctl_json_append(&array, route_object(core, i, topic));
	return json_pack("{s:o}", "routes", array);
}
