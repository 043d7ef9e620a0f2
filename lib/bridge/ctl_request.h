/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of a control method, as its handler has it: who calls, the parameters, the answer.
 */
#ifndef CMQTTD_BRIDGE_CTL_REQUEST_H
#define CMQTTD_BRIDGE_CTL_REQUEST_H

#include "bridge/core.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum ctl_error {
	CTL_ERROR_INTERFACE_NOT_FOUND,
	CTL_ERROR_METHOD_NOT_FOUND,
	CTL_ERROR_METHOD_NOT_IMPLEMENTED,
	CTL_ERROR_INVALID_PARAMETER,
	CTL_ERROR_EXPECTED_MORE,
	CTL_ERROR_PERMISSION_DENIED,
	CTL_ERROR_NO_SUCH_BROKER,
	CTL_ERROR_BUSY,
	CTL_ERROR_NOT_CONNECTED,
	CTL_ERROR_INVALID_COMMAND,
	CTL_ERROR_NO_ANSWER,
	CTL_ERROR_INVALID_TOPIC,
	CTL_ERROR_TOO_LARGE,
	CTL_ERROR_STORE_FULL,
	CTL_ERROR_STORE_FAILED,
	CTL_ERROR_NO_ROUTE,
	CTL_ERROR_NOT_DELIVERED,
	CTL_ERROR_RELOAD_FAILED,
	CTL_ERROR_OUT_OF_MEMORY,
	CTL_ERROR_NO_SUCH_MESSAGE,
	CTL_ERROR_AMBIGUOUS_MESSAGE,
	CTL_ERROR_IN_FLIGHT,
	CTL_ERROR_NOT_DEAD,
	CTL_ERROR_EXPIRED,
	CTL_ERROR_COUNT
};

struct ctl_answer {
	bool is_given;
	const char *error;  /* NULL: success */
	json_t *parameters; /* owned; NULL: memory was out */
};

/* Where a list of messages goes on. */
struct ctl_list {
	int client;     /* messages of this broker alone, -1: of all */
	uint64_t after; /* numbers larger than this */
	bool is_ended;  /* there are no more */
};

struct ctl_request {
	struct core *core;
	uint64_t now_ms;
	uint32_t conn;
	const struct ctl_peer *peer;
	bool is_reloading;        /* another connection waits for a reload */
	bool is_more;             /* the caller takes more than one reply */
	const json_t *parameters; /* checked against the method's table; NULL: none */

	struct ctl_answer answer;
	const char *filter;   /* CTL_WAIT_MESSAGES: what is wanted; borrowed from parameters */
	bool wants_at;        /* CTL_WAIT_EVENTS: the tty's traffic as well */
	struct ctl_list list; /* CTL_WAIT_PAGES */
};

/* "io.cmqttd.Busy" */
const char *ctl_error_name(enum ctl_error error);

/* Give the answer: parameters are taken over. */
void ctl_reply(struct ctl_request *req, json_t *parameters);
void ctl_fail(struct ctl_request *req, enum ctl_error error, json_t *parameters);

/* The same for an error that names what it is about, and for one that says it all. */
void ctl_fail_about(
    struct ctl_request *req, enum ctl_error error, const char *member, const char *text);
void ctl_fail_plain(struct ctl_request *req, enum ctl_error error);

/* TooLarge, with the modem's limits. */
void ctl_fail_too_large(struct ctl_request *req);

/* Parameters by name; their types have been checked. A null counts as not given: NULL, false, 0. */
const char *ctl_text_param(const struct ctl_request *req, const char *name);
bool ctl_flag_param(const struct ctl_request *req, const char *name);
json_int_t ctl_int_param(const struct ctl_request *req, const char *name);

/* The number of the broker that the parameter names, -1: it is not given. false: there is none of
 * that name, and the answer is in the request. */
bool ctl_broker_param(struct ctl_request *req, const char *name, int *ret_client);

/* Log who did what to whom. */
void ctl_log_change(const struct ctl_request *req, const char *verb, const char *object);

#endif
