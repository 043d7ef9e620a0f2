/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/ctl_request.h"

#include "bridge/core_query.h"
#include "bridge/ctl_interface.h"

#include <assert.h>
#include <stdio.h>

/* ---- the answer ---- */

const char *ctl_error_name(enum ctl_error error)
{
	switch (error) {
	case CTL_ERROR_INTERFACE_NOT_FOUND:
		return CTL_SERVICE_INTERFACE ".InterfaceNotFound";
	case CTL_ERROR_METHOD_NOT_FOUND:
		return CTL_SERVICE_INTERFACE ".MethodNotFound";
	case CTL_ERROR_METHOD_NOT_IMPLEMENTED:
		return CTL_SERVICE_INTERFACE ".MethodNotImplemented";
	case CTL_ERROR_INVALID_PARAMETER:
		return CTL_SERVICE_INTERFACE ".InvalidParameter";
	case CTL_ERROR_EXPECTED_MORE:
		return CTL_SERVICE_INTERFACE ".ExpectedMore";
	case CTL_ERROR_PERMISSION_DENIED:
		return CTL_INTERFACE ".PermissionDenied";
	case CTL_ERROR_NO_SUCH_BROKER:
		return CTL_INTERFACE ".NoSuchBroker";
	case CTL_ERROR_BUSY:
		return CTL_INTERFACE ".Busy";
	case CTL_ERROR_NOT_CONNECTED:
		return CTL_INTERFACE ".NotConnected";
	case CTL_ERROR_INVALID_COMMAND:
		return CTL_INTERFACE ".InvalidCommand";
	case CTL_ERROR_NO_ANSWER:
		return CTL_INTERFACE ".NoAnswer";
	case CTL_ERROR_INVALID_TOPIC:
		return CTL_INTERFACE ".InvalidTopic";
	case CTL_ERROR_TOO_LARGE:
		return CTL_INTERFACE ".TooLarge";
	case CTL_ERROR_STORE_FULL:
		return CTL_INTERFACE ".StoreFull";
	case CTL_ERROR_STORE_FAILED:
		return CTL_INTERFACE ".StoreFailed";
	case CTL_ERROR_NO_ROUTE:
		return CTL_INTERFACE ".NoRoute";
	case CTL_ERROR_NOT_DELIVERED:
		return CTL_INTERFACE ".NotDelivered";
	case CTL_ERROR_RELOAD_FAILED:
		return CTL_INTERFACE ".ReloadFailed";
	case CTL_ERROR_OUT_OF_MEMORY:
		return CTL_INTERFACE ".OutOfMemory";
	case CTL_ERROR_NO_SUCH_MESSAGE:
		return CTL_INTERFACE ".NoSuchMessage";
	case CTL_ERROR_AMBIGUOUS_MESSAGE:
		return CTL_INTERFACE ".AmbiguousMessage";
	case CTL_ERROR_IN_FLIGHT:
		return CTL_INTERFACE ".InFlight";
	case CTL_ERROR_NOT_DEAD:
		return CTL_INTERFACE ".NotDead";
	case CTL_ERROR_EXPIRED:
		return CTL_INTERFACE ".Expired";
	case CTL_ERROR_COUNT:
		break;
	}
	return CTL_INTERFACE ".Unknown";
}

static void answer(struct ctl_request *req, const char *error, json_t *parameters)
{
	assert(!req->answer.is_given);
	req->answer = (struct ctl_answer){ true, error, parameters };
}

void ctl_reply(struct ctl_request *req, json_t *parameters)
{
	answer(req, NULL, parameters);
}

void ctl_fail(struct ctl_request *req, enum ctl_error error, json_t *parameters)
{
	answer(req, ctl_error_name(error), parameters);
}

void ctl_fail_about(
    struct ctl_request *req, enum ctl_error error, const char *member, const char *text)
{
	ctl_fail(req, error, json_pack("{s:s}", member, text));
}

void ctl_fail_plain(struct ctl_request *req, enum ctl_error error)
{
	ctl_fail(req, error, json_object());
}

void ctl_fail_too_large(struct ctl_request *req)
{
	ctl_fail(req, CTL_ERROR_TOO_LARGE,
	    json_pack("{s:i, s:I}", "topic_max", MODEM_TOPIC_MAX, "payload_max",
		(json_int_t)modem_payload_max(core_get_modem(req->core))));
}

/* ---- parameters ---- */

const char *ctl_text_param(const struct ctl_request *req, const char *name)
{
	return json_string_value(json_object_get(req->parameters, name));
}

bool ctl_flag_param(const struct ctl_request *req, const char *name)
{
	return json_is_true(json_object_get(req->parameters, name));
}

json_int_t ctl_int_param(const struct ctl_request *req, const char *name)
{
	return json_integer_value(json_object_get(req->parameters, name));
}

bool ctl_broker_param(struct ctl_request *req, const char *name, int *ret_client)
{
	const char *broker = ctl_text_param(req, name);
	int client = broker ? core_find_broker(req->core, broker) : -1;

	if (broker && client < 0) {
		ctl_fail_about(req, CTL_ERROR_NO_SUCH_BROKER, "name", broker);
		return false;
	}
	*ret_client = client;
	return true;
}

void ctl_log_change(const struct ctl_request *req, const char *verb, const char *object)
{
	char what[64];

	snprintf(what, sizeof(what), "%s %s", verb, object);
	core_log_control(req->core, req->peer, what);
}
