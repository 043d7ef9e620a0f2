/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/ctl_methods.h"

#include "base/base64.h"
#include "base/limits.h"
#include "bridge/core_query.h"
#include "bridge/ctl_interface.h"
#include "bridge/ctl_json.h"
#include "bridge/ctl_queue.h"
#include "bridge/metrics.h"
#include "mqtt/mqtt_topic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A local message must fit into one MQTT packet, whatever its topic. */
#define PAYLOAD_MAX (MQTT_PACKET_MAX - MQTT_TOPIC_MAX - 16)

/* ---- org.varlink.service ---- */

static void run_get_info(struct ctl_request *req)
{
	/* clang-format off */
	ctl_reply(req, json_pack("{s:s, s:s, s:s, s:s, s:[s, s]}",
	    "vendor", "cmqttd",
	    "product", "cmqttd",
	    "version", core_version(req->core),
	    "url", "",
	    "interfaces", CTL_SERVICE_INTERFACE, CTL_INTERFACE));
	/* clang-format on */
}

static void run_get_interface_description(struct ctl_request *req)
{
	const char *name = ctl_text_param(req, "interface");

	for (const struct ctl_interface *i = ctl_interfaces; i->name; i++) {
		if (strcmp(i->name, name) == 0) {
			ctl_reply(req, json_pack("{s:s}", "description", i->text));
			return;
		}
	}
	ctl_fail_about(req, CTL_ERROR_INTERFACE_NOT_FOUND, "interface", name);
}

/* ---- io.cmqttd: what may be read ---- */

static void run_get_version(struct ctl_request *req)
{
	ctl_reply(req, json_pack("{s:s}", "version", core_version(req->core)));
}

static void run_get_status(struct ctl_request *req)
{
	ctl_reply(req, ctl_json_status(req->core, req->now_ms));
}

static void run_list_brokers(struct ctl_request *req)
{
	ctl_reply(req, ctl_json_broker_list(req->core, req->now_ms));
}

static void run_history(struct ctl_request *req)
{
	const char *name = ctl_text_param(req, "name");
	int broker = CTL_HISTORY_ALL;

	if (name && strcmp(name, "modem") == 0) {
		broker = CTL_HISTORY_MODEM;
	} else if (name) {
		broker = core_find_broker(req->core, name);
		if (broker < 0) {
			ctl_fail_about(req, CTL_ERROR_NO_SUCH_BROKER, "name", name);
			return;
		}
	}
	ctl_reply(req, ctl_json_history(req->core, req->now_ms, broker));
}

static void run_doctor(struct ctl_request *req)
{
	ctl_reply(req, ctl_json_doctor(req->core, req->now_ms));
}

static void run_subscribe(struct ctl_request *req)
{
	const char *filter = ctl_text_param(req, "filter");

	if (!mqtt_topic_is_filter(filter, strlen(filter))) {
		ctl_fail_about(req, CTL_ERROR_INVALID_TOPIC, "topic", filter);
		return;
	}
	req->filter = filter;
}

static void run_monitor(struct ctl_request *req)
{
	req->wants_at = ctl_flag_param(req, "at");
}

static void run_route_topic(struct ctl_request *req)
{
	const char *topic = ctl_text_param(req, "topic");
	struct span name = { (const uint8_t *)topic, strlen(topic) };

	if (mqtt_topic_is_name(topic, name.len))
		ctl_reply(req, ctl_json_routes(req->core, name));
	else
		ctl_fail_about(req, CTL_ERROR_INVALID_TOPIC, "topic", topic);
}

/* ---- io.cmqttd: what changes something ---- */

static void change_session(struct ctl_request *req, const char *verb,
    int (*change)(struct core *c, uint64_t now_ms, unsigned client))
{
	const char *name = ctl_text_param(req, "name");
	int client = core_find_broker(req->core, name);

	if (client < 0 || change(req->core, req->now_ms, (unsigned)client) < 0) {
		ctl_fail_about(req, CTL_ERROR_NO_SUCH_BROKER, "name", name);
		return;
	}
	ctl_log_change(req, verb, name);
	ctl_reply(req, json_object());
}

static void run_connect(struct ctl_request *req)
{
	change_session(req, "connect", core_broker_connect);
}

static void run_disconnect(struct ctl_request *req)
{
	change_session(req, "disconnect", core_broker_disconnect);
}

static void run_reconnect(struct ctl_request *req)
{
	change_session(req, "reconnect", core_broker_reconnect);
}

/* Bytes of the payload; *ret_copy, if set, is to be freed. 0; -EINVAL: both forms, or no base64;
 * -ENOMEM. */
static int get_payload(const struct ctl_request *req, struct span *ret, uint8_t **ret_copy)
{
	const char *text = ctl_text_param(req, "payload");
	const char *coded = ctl_text_param(req, "payload_base64");
	size_t len;
	uint8_t *copy;

	if (text && coded)
		return -EINVAL;
	if (!coded) {
		*ret = (struct span){ (const uint8_t *)text, text ? strlen(text) : 0 };
		return 0;
	}
	copy = malloc(BASE64_DECODED_MAX(strlen(coded)) + 1);
	if (!copy)
		return -ENOMEM;
	if (base64_decode(coded, strlen(coded), copy, &len) < 0) {
		free(copy);
		return -EINVAL;
	}
	*ret = (struct span){ copy, len };
	*ret_copy = copy;
	return 0;
}

static void fail_publish(struct ctl_request *req, int error)
{
	const char *topic = ctl_text_param(req, "topic");

	switch (-error) {
	case EINVAL:
		ctl_fail_about(req, CTL_ERROR_INVALID_TOPIC, "topic", topic);
		break;
	case E2BIG:
		ctl_fail_too_large(req);
		break;
	case ENOSPC:
		ctl_fail_plain(req, CTL_ERROR_STORE_FULL);
		break;
	case ENOENT:
		ctl_fail_about(req, CTL_ERROR_NO_ROUTE, "topic", topic);
		break;
	case ENOMEM:
		ctl_fail_plain(req, CTL_ERROR_OUT_OF_MEMORY);
		break;
	default:
		ctl_fail_plain(req, CTL_ERROR_STORE_FAILED);
		break;
	}
}

static void publish(struct ctl_request *req, int client, struct span payload)
{
	const char *topic = ctl_text_param(req, "topic");
	struct span name = { (const uint8_t *)topic, strlen(topic) };
	bool wait = ctl_flag_param(req, "wait");
	int r = -EINVAL;

	if (payload.len > PAYLOAD_MAX)
		r = -E2BIG;
	else if (mqtt_topic_is_name(topic, name.len))
		r = core_publish(req->core, req->now_ms, req->conn, client, name, payload,
		    (uint8_t)ctl_int_param(req, "qos"), ctl_flag_param(req, "retain"), wait);
	if (r == -EINPROGRESS)
		return;
	if (r < 0)
		fail_publish(req, r);
	else if (!wait)
		ctl_reply(req, json_object());
}

static void run_publish(struct ctl_request *req)
{
	json_int_t qos = ctl_int_param(req, "qos");
	struct span payload = { 0 };
	uint8_t *copy = NULL;
	int client;
	int r;

	if (qos < 0 || qos > 2) {
		ctl_fail_about(req, CTL_ERROR_INVALID_PARAMETER, "parameter", "qos");
		return;
	}
	if (!ctl_broker_param(req, "broker", &client))
		return;
	r = get_payload(req, &payload, &copy);
	if (r == -ENOMEM)
		ctl_fail_plain(req, CTL_ERROR_OUT_OF_MEMORY);
	else if (r < 0)
		ctl_fail_about(req, CTL_ERROR_INVALID_PARAMETER, "parameter", "payload_base64");
	else
		publish(req, client, payload);
	free(copy);
}

/* Log the command without its parameters, which may be secrets. */
static void log_at(const struct ctl_request *req, const char *command)
{
	char head[24];

	snprintf(head, sizeof(head), "%.*s", (int)strcspn(command, "=? \""), command);
	ctl_log_change(req, "at", head);
}

static void run_at(struct ctl_request *req)
{
	const char *command = ctl_text_param(req, "command");

	switch (-core_at(req->core, req->now_ms, req->conn, command)) {
	case 0:
		log_at(req, command);
		break;
	case EBUSY:
		ctl_fail_plain(req, CTL_ERROR_BUSY);
		break;
	case ENOTCONN:
		ctl_fail_plain(req, CTL_ERROR_NOT_CONNECTED);
		break;
	case EINVAL:
		ctl_fail_about(req, CTL_ERROR_INVALID_COMMAND, "command", command);
		break;
	default:
		ctl_fail_plain(req, CTL_ERROR_OUT_OF_MEMORY);
		break;
	}
}

static void run_reload(struct ctl_request *req)
{
	bool is_trial = ctl_flag_param(req, "dry_run");

	if (req->is_reloading) {
		ctl_fail_plain(req, CTL_ERROR_BUSY);
		return;
	}
	if (!is_trial)
		core_log_control(req->core, req->peer, "reload");
	core_request_reload(req->core, req->conn, is_trial);
}

static void run_set_log_level(struct ctl_request *req)
{
	const char *name = ctl_text_param(req, "level");

	for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
		if (strcmp(name, log_level_name((enum log_level)i)) == 0) {
			ctl_log_change(req, "log-level", name);
			core_request_log_level(req->core, (enum log_level)i);
			ctl_reply(req, json_object());
			return;
		}
	}
	ctl_fail_about(req, CTL_ERROR_INVALID_PARAMETER, "parameter", "level");
}

static void run_get_metrics(struct ctl_request *req)
{
	json_t *reply = NULL;
	struct buf text;

	buf_init(&text, METRICS_TEXT_MAX);
	if (metrics_write(req->core, req->now_ms, METRICS_PROMETHEUS, &text) == 0)
		reply = json_pack("{s:s%}", "text", (const char *)buf_data(&text), buf_len(&text));
	buf_fini(&text);
	if (reply)
		ctl_reply(req, reply);
	else
		ctl_fail_plain(req, CTL_ERROR_OUT_OF_MEMORY);
}

/* ---- the tables ---- */

#define READ   CTL_RIGHT_READ
#define ADMIN  CTL_RIGHT_ADMIN
#define STRING CTL_PARAM_STRING
#define INT    CTL_PARAM_INT
#define BOOL   CTL_PARAM_BOOL
#define OPT    true
#define PARAMS(...)                \
	(const struct ctl_param[]) \
	{                          \
		__VA_ARGS__,       \
		{                  \
			0          \
		}                  \
	}

/* clang-format off */
static const struct ctl_method service_methods[] = {
	{ "GetInfo", READ, CTL_WAIT_NOTHING, run_get_info, NULL },
	{ "GetInterfaceDescription", READ, CTL_WAIT_NOTHING, run_get_interface_description,
	  PARAMS({ "interface", STRING, false }) },
	{ 0 }
};

static const struct ctl_method cmqttd_methods[] = {
	{ "GetVersion",  READ,  CTL_WAIT_NOTHING,  run_get_version,  NULL },
	{ "GetStatus",   READ,  CTL_WAIT_NOTHING,  run_get_status,   NULL },
	{ "ListBrokers", READ,  CTL_WAIT_NOTHING,  run_list_brokers, NULL },
	{ "History",     READ,  CTL_WAIT_NOTHING,  run_history,      PARAMS({ "name", STRING, OPT }) },
	{ "Doctor",      READ,  CTL_WAIT_NOTHING,  run_doctor,       NULL },
	{ "Connect",     ADMIN, CTL_WAIT_NOTHING,  run_connect,      PARAMS({ "name", STRING, false }) },
	{ "Disconnect",  ADMIN, CTL_WAIT_NOTHING,  run_disconnect,   PARAMS({ "name", STRING, false }) },
	{ "Reconnect",   ADMIN, CTL_WAIT_NOTHING,  run_reconnect,    PARAMS({ "name", STRING, false }) },
	{ "Publish",     ADMIN, CTL_WAIT_DELIVERY, run_publish,
	  PARAMS({ "topic", STRING, false }, { "payload", STRING, OPT }, { "payload_base64", STRING, OPT },
	    { "qos", INT, OPT }, { "retain", BOOL, OPT }, { "broker", STRING, OPT },
	    { "wait", BOOL, OPT }) },
	{ "Subscribe",   READ,  CTL_WAIT_MESSAGES, run_subscribe,    PARAMS({ "filter", STRING, false }) },
	{ "Monitor",     READ,  CTL_WAIT_EVENTS,   run_monitor,      PARAMS({ "at", BOOL, OPT }) },
	{ "At",          ADMIN, CTL_WAIT_AT,       run_at,           PARAMS({ "command", STRING, false }) },
	{ "Reload",      ADMIN, CTL_WAIT_RELOAD,   run_reload,       PARAMS({ "dry_run", BOOL, OPT }) },
	{ "SetLogLevel", ADMIN, CTL_WAIT_NOTHING,  run_set_log_level, PARAMS({ "level", STRING, false }) },
	{ "ListMessages", READ, CTL_WAIT_PAGES,    ctl_queue_list,
	  PARAMS({ "broker", STRING, OPT }, { "after", INT, OPT }) },
	{ "GetMessage",  READ,  CTL_WAIT_NOTHING,  ctl_queue_get,
	  PARAMS({ "id", INT, false }, { "broker", STRING, OPT }) },
	{ "DropMessage", ADMIN, CTL_WAIT_DELIVERY, ctl_queue_drop,
	  PARAMS({ "id", INT, false }, { "broker", STRING, OPT }) },
	{ "RetryMessage", ADMIN, CTL_WAIT_DELIVERY, ctl_queue_retry,
	  PARAMS({ "id", INT, false }, { "broker", STRING, OPT }) },
	{ "GetMetrics",  READ,  CTL_WAIT_NOTHING,  run_get_metrics,  NULL },
	{ "RouteTopic",  READ,  CTL_WAIT_NOTHING,  run_route_topic, PARAMS({ "topic", STRING, false }) },
	{ 0 }
};

const struct ctl_interface ctl_interfaces[] = {
	{ CTL_SERVICE_INTERFACE, ctl_service_interface_text, service_methods },
	{ CTL_INTERFACE,         ctl_interface_text,         cmqttd_methods },
	{ 0 }
};
/* clang-format on */

bool ctl_method_is_stream(const struct ctl_method *m)
{
	return m->wait == CTL_WAIT_MESSAGES || m->wait == CTL_WAIT_EVENTS;
}

static const struct ctl_interface *find_interface(const char *name, size_t len)
{
	for (const struct ctl_interface *i = ctl_interfaces; i->name; i++) {
		if (strlen(i->name) == len && memcmp(i->name, name, len) == 0)
			return i;
	}
	return NULL;
}

/* The method of a full name; NULL: the answer is in the request. */
static const struct ctl_method *find_method(struct ctl_request *req, const char *full_name)
{
	const char *dot = strrchr(full_name, '.');
	const struct ctl_interface *i;

	i = dot ? find_interface(full_name, (size_t)(dot - full_name)) : NULL;
	if (!i) {
		ctl_fail(req, CTL_ERROR_INTERFACE_NOT_FOUND,
		    json_pack("{s:s%}", "interface", full_name,
			dot ? (size_t)(dot - full_name) : (size_t)0));
		return NULL;
	}
	for (const struct ctl_method *m = i->methods; m->name; m++) {
		if (strcmp(m->name, dot + 1) == 0)
			return m;
	}
	ctl_fail_about(req, CTL_ERROR_METHOD_NOT_FOUND, "method", full_name);
	return NULL;
}

static bool has_type(const json_t *value, enum ctl_param_type type)
{
	switch (type) {
	case CTL_PARAM_STRING:
		return json_is_string(value);
	case CTL_PARAM_INT:
		return json_is_integer(value);
	case CTL_PARAM_BOOL:
		return json_is_boolean(value);
	}
	return false;
}

static bool is_declared(const struct ctl_method *m, const char *name)
{
	for (const struct ctl_param *p = m->params; p && p->name; p++) {
		if (strcmp(p->name, name) == 0)
			return true;
	}
	return false;
}

/* Name of a parameter that is missing, of the wrong type, or not the method's; NULL: none is. */
static const char *find_wrong_param(const struct ctl_method *m, json_t *parameters)
{
	const char *name;
	json_t *value;

	for (const struct ctl_param *p = m->params; p && p->name; p++) {
		value = json_object_get(parameters, p->name);
		if (!value || json_is_null(value)) {
			if (!p->is_optional)
				return p->name;
		} else if (!has_type(value, p->type)) {
			return p->name;
		}
	}
	json_object_foreach(parameters, name, value)
	{
		if (!is_declared(m, name))
			return name;
	}
	return NULL;
}

const struct ctl_method *ctl_method_find(struct ctl_request *req, const struct varlink_call *call)
{
	const struct ctl_method *m = find_method(req, call->method);
	const char *wrong;

	if (!m)
		return NULL;
	wrong = find_wrong_param(m, call->parameters);
	if (call->is_upgrade)
		ctl_fail_about(req, CTL_ERROR_METHOD_NOT_IMPLEMENTED, "method", call->method);
	else if (m->right == CTL_RIGHT_ADMIN && !req->peer->is_admin)
		ctl_fail_plain(req, CTL_ERROR_PERMISSION_DENIED);
	else if (wrong)
		ctl_fail_about(req, CTL_ERROR_INVALID_PARAMETER, "parameter", wrong);
	else if (ctl_method_is_stream(m) && !call->is_more)
		ctl_fail_plain(req, CTL_ERROR_EXPECTED_MORE);
	else
		return m;
	return NULL;
}
