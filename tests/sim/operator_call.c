/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/operator_call.h"

#include "sim/world.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char *const broker_names[SIM_BROKERS] = { "cloud", "plant" };

static const char *const methods[OPERATOR_KINDS] = {
	[OPERATOR_GET_VERSION] = "io.cmqttd.GetVersion",
	[OPERATOR_GET_STATUS] = "io.cmqttd.GetStatus",
	[OPERATOR_LIST_BROKERS] = "io.cmqttd.ListBrokers",
	[OPERATOR_HISTORY] = "io.cmqttd.History",
	[OPERATOR_DOCTOR] = "io.cmqttd.Doctor",
	[OPERATOR_GET_METRICS] = "io.cmqttd.GetMetrics",
	[OPERATOR_ROUTE_TOPIC] = "io.cmqttd.RouteTopic",
	[OPERATOR_GET_INFO] = "org.varlink.service.GetInfo",
	[OPERATOR_GET_DESCRIPTION] = "org.varlink.service.GetInterfaceDescription",
	[OPERATOR_GET_MESSAGE] = "io.cmqttd.GetMessage",
	[OPERATOR_LIST_MESSAGES] = "io.cmqttd.ListMessages",
	[OPERATOR_NO_SUCH_METHOD] = "io.cmqttd.NoSuchMethod",
	[OPERATOR_MONITOR] = "io.cmqttd.Monitor",
	[OPERATOR_SUBSCRIBE] = "io.cmqttd.Subscribe",
	[OPERATOR_CONNECT] = "io.cmqttd.Connect",
	[OPERATOR_DISCONNECT] = "io.cmqttd.Disconnect",
	[OPERATOR_RECONNECT] = "io.cmqttd.Reconnect",
	[OPERATOR_RELOAD] = "io.cmqttd.Reload",
	[OPERATOR_SET_LOG_LEVEL] = "io.cmqttd.SetLogLevel",
	[OPERATOR_AT] = "io.cmqttd.At",
	[OPERATOR_PUBLISH] = "io.cmqttd.Publish",
	[OPERATOR_DROP_MESSAGE] = "io.cmqttd.DropMessage",
	[OPERATOR_RETRY_MESSAGE] = "io.cmqttd.RetryMessage",
};

/* ---- text ---- */

static const char *pick(struct world *w, const char *const *words, size_t count)
{
	return words[prng_range(&w->meddle, 0, count - 1)];
}

#define PICK(w, ...)                                  \
	pick(w, (const char *const[]){ __VA_ARGS__ }, \
	    sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

/* Commands that do no harm, and some that the daemon must not let through. */
static const char *pick_at(struct world *w)
{
	static char longest[700];

	memset(longest, 'A', sizeof(longest) - 1);
	memcpy(longest, "AT+", 3);
	return PICK(w, "AT", "ATI", "AT+CSQ", "AT+CREG?", "AT+CMQTTACCQ?", "AT+CMEE?", "AT+CGMM",
	    "at+csq", "AT+CMQTTTOPIC=0,5", "AT\rAT+CPOF", "", longest);
}

static json_t *message_parameters(
    struct world *w, const struct operator_list *known, struct operator_call *call)
{
	size_t i;

	call->id = prng_range(&w->meddle, 0, 40);
	call->broker = -1;
	if (known->count > 0 && !prng_chance(&w->meddle, 200)) {
		i = prng_range(&w->meddle, 0, known->count - 1);
		call->id = known->id[i];
		call->broker = prng_chance(&w->meddle, 700) ? known->broker[i] : -1;
	}
	if (call->broker < 0)
		return json_pack("{s:I}", "id", (json_int_t)call->id);
	return json_pack(
	    "{s:I, s:s}", "id", (json_int_t)call->id, "broker", broker_names[call->broker]);
}

static json_t *publish_parameters(struct world *w, struct operator_call *call)
{
	struct message *m = ledger_new(w, SUBJECT_BY_HAND, 1, LEDGER_BODY_MIN);
	uint8_t body[SIM_PAYLOAD_MAX];
	char topic[LEDGER_TOPIC_MAX];

	if (!m)
		return json_object();
	m->sends++;
	ledger_body(w, m, body);
	ledger_topic(m, -1, topic);
	call->number = m->number;
	call->is_waiting = prng_chance(&w->meddle, 400);
	return json_pack("{s:s, s:s%, s:i, s:b}", "topic", topic, "payload", (char *)body, m->len,
	    "qos", 1, "wait", call->is_waiting);
}

static json_t *parameters_of(
    struct world *w, const struct operator_list *known, struct operator_call *call)
{
	switch (call->kind) {
	case OPERATOR_HISTORY:
		return json_pack("{s:s}", "name", PICK(w, "modem", "cloud", "plant", "nobody"));
	case OPERATOR_ROUTE_TOPIC:
		return json_pack("{s:s}", "topic", PICK(w, "up/c/a", "shared/a", "nowhere", "#"));
	case OPERATOR_GET_DESCRIPTION:
		return json_pack("{s:s}", "interface", PICK(w, "io.cmqttd", "io.nobody"));
	case OPERATOR_MONITOR:
		return json_pack("{s:b}", "at", prng_chance(&w->meddle, 500));
	case OPERATOR_SUBSCRIBE:
		return json_pack("{s:s}", "filter", PICK(w, "#", "up/#", "+/a", "a#"));
	case OPERATOR_CONNECT:
	case OPERATOR_DISCONNECT:
	case OPERATOR_RECONNECT:
		return json_pack("{s:s}", "name", PICK(w, "cloud", "plant", "nobody"));
	case OPERATOR_RELOAD:
		return json_pack("{s:b}", "dry_run", prng_chance(&w->meddle, 300));
	case OPERATOR_SET_LOG_LEVEL:
		return json_pack("{s:s}", "level", PICK(w, "debug", "error", "loud"));
	case OPERATOR_AT:
		return json_pack("{s:s}", "command", pick_at(w));
	case OPERATOR_PUBLISH:
		return publish_parameters(w, call);
	case OPERATOR_GET_MESSAGE:
	case OPERATOR_DROP_MESSAGE:
	case OPERATOR_RETRY_MESSAGE:
		return message_parameters(w, known, call);
	case OPERATOR_GET_VERSION:
	case OPERATOR_GET_STATUS:
	case OPERATOR_LIST_BROKERS:
	case OPERATOR_DOCTOR:
	case OPERATOR_GET_METRICS:
	case OPERATOR_GET_INFO:
	case OPERATOR_LIST_MESSAGES:
	case OPERATOR_NO_SUCH_METHOD:
	case OPERATOR_KINDS:
		break;
	}
	return json_object();
}

void operator_call_put(struct world *w, enum operator_kind kind, const struct operator_list *known,
    bool is_more, bool is_oneway, struct buf *up, struct operator_call *ret)
{
	json_t *call;
	char *text;

	*ret = (struct operator_call){ .kind = kind, .is_more = is_more };
	call = json_pack("{s:s, s:o, s:b, s:b}", "method", methods[kind], "parameters",
	    parameters_of(w, known, ret), "more", is_more, "oneway", is_oneway);
	text = json_dumps(call, JSON_COMPACT);
	assert(text);
	(void)buf_append(up, text, strlen(text) + 1);
	free(text);
	json_decref(call);
}

/* ---- answers ---- */

static int find_broker(const char *name)
{
	for (int i = 0; name && i < SIM_BROKERS; i++) {
		if (strcmp(name, broker_names[i]) == 0)
			return i;
	}
	return -1;
}

static void take_list(struct world *w, const json_t *parameters, struct operator_list *known)
{
	const json_t *messages = json_object_get(parameters, "messages"), *m;
	size_t i;

	if (!json_is_array(messages))
		world_wrong(w, "a list of messages without messages");
	json_array_foreach(messages, i, m)
	{
		size_t at = known->count < OPERATOR_LIST_MAX
				? known->count++
				: prng_range(&w->meddle, 0, OPERATOR_LIST_MAX - 1);

		known->id[at] = (uint64_t)json_integer_value(json_object_get(m, "id"));
		known->broker[at] = find_broker(json_string_value(json_object_get(m, "broker")));
		if (known->id[at] == 0 || known->broker[at] < 0)
			world_wrong(w, "a message of a list without number or broker");
	}
}

static void take_change(struct world *w, const struct operator_call *call)
{
	for (unsigned i = 0; i < SIM_BROKERS; i++) {
		if (call->broker < 0 || call->broker == (int)i)
			flaky_store_told(&w->store, i, call->id);
	}
}

/* Success, once more or finally. */
static void take_success(struct world *w, const struct operator_call *call,
    const json_t *parameters, struct operator_list *known)
{
	struct message *m;

	if (!json_is_object(parameters))
		world_wrong(w, "%s: an answer without parameters", methods[call->kind]);
	if (call->kind == OPERATOR_NO_SUCH_METHOD)
		world_wrong(w, "a method that is not there succeeded");
	if (call->kind == OPERATOR_LIST_MESSAGES)
		take_list(w, parameters, known);
	if (call->kind == OPERATOR_DROP_MESSAGE || call->kind == OPERATOR_RETRY_MESSAGE)
		take_change(w, call);
	if (call->kind != OPERATOR_PUBLISH || call->number == 0)
		return;
	m = &w->ledger.messages[call->number - 1];
	if (!call->is_waiting)
		ledger_acked(w, call->number);
	else if (m->arrivals[0] == 0)
		world_wrong(w, "message %u is said to be delivered, and is not", call->number);
}

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static void take_error(
    struct world *w, const struct operator_call *call, bool is_admin, const char *error)
{
	bool is_denied = strcmp(error, "io.cmqttd.PermissionDenied") == 0;

	world_note(w, "%s: %s", methods[call->kind], error);
	if (!begins_with(error, "io.cmqttd.") && !begins_with(error, "org.varlink.service."))
		world_wrong(w, "an error with the name \"%s\"", error);
	if (is_denied && is_admin)
		world_wrong(w, "%s was denied to somebody who may", methods[call->kind]);
}

bool operator_call_judge(struct world *w, const struct operator_call *call, bool is_admin,
    struct operator_list *known, const char *text, size_t len)
{
	json_t *answer = json_loadb(text, len, 0, NULL);
	const char *error = json_string_value(json_object_get(answer, "error"));
	bool is_continued = json_is_true(json_object_get(answer, "continues"));

	if (!json_is_object(answer))
		world_wrong(w, "an answer that is no JSON object: %.60s", text);
	else if (is_continued && (!call->is_more || error))
		world_wrong(w, "%s: it goes on, and nobody asked for it", methods[call->kind]);
	else if (error)
		take_error(w, call, is_admin, error);
	else if (!is_admin && call->kind >= OPERATOR_CONNECT)
		world_wrong(w, "%s was done for somebody who may not", methods[call->kind]);
	else
		take_success(w, call, json_object_get(answer, "parameters"), known);
	json_decref(answer);
	return !is_continued;
}
