/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The methods of the control interface as one table each: name, right, what it waits for,
 * parameters, handler. A method acts through core_query.h and answers at once, or says nothing and
 * waits; then the connection finishes it (ctl.c).
 */
#ifndef CMQTTD_BRIDGE_CTL_METHODS_H
#define CMQTTD_BRIDGE_CTL_METHODS_H

#include "bridge/core.h"
#include "bridge/varlink.h"

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

enum ctl_right {
	CTL_RIGHT_READ,  /* whoever may connect */
	CTL_RIGHT_ADMIN, /* root and the daemon's own user */
};

/* What a call waits for when its handler gave no answer. */
enum ctl_wait {
	CTL_WAIT_NOTHING,
	CTL_WAIT_AT,       /* ctl_on_at_line, ctl_on_at_done */
	CTL_WAIT_DELIVERY, /* ctl_on_delivered */
	CTL_WAIT_RELOAD,   /* ctl_on_reload_done */
	CTL_WAIT_MESSAGES, /* a stream: ctl_on_message */
	CTL_WAIT_EVENTS,   /* a stream: what monitors see */
	CTL_WAIT_PAGES,    /* the pages of a list, one after the other has been read */
};

enum ctl_param_type { CTL_PARAM_STRING, CTL_PARAM_INT, CTL_PARAM_BOOL };

struct ctl_param {
	const char *name; /* NULL: no more */
	enum ctl_param_type type;
	bool is_optional;
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

struct ctl_method {
	const char *name; /* NULL: no more */
	enum ctl_right right;
	enum ctl_wait wait;
	void (*run)(struct ctl_request *req);
	const struct ctl_param *params; /* ends with a row without name; NULL: none */
};

struct ctl_interface {
	const char *name; /* NULL: no more */
	const char *text; /* its description */
	const struct ctl_method *methods;
};

extern const struct ctl_interface ctl_interfaces[];

/* "io.cmqttd.Busy" */
const char *ctl_error_name(enum ctl_error error);

/* The method makes a stream. */
bool ctl_method_is_stream(const struct ctl_method *m);

/* The method that is called, if this peer may call it and the parameters (set in the request) fit;
 * else NULL, and the answer is in the request. */
const struct ctl_method *ctl_method_find(struct ctl_request *req, const struct varlink_call *call);

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
