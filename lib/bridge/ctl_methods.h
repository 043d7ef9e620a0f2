/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The methods of the control interface as one table each: name, right, what it waits for,
 * parameters, handler. A method acts through core_query.h and answers at once, or says nothing and
 * waits; then the connection finishes it (ctl.c).
 */
#ifndef CMQTTD_BRIDGE_CTL_METHODS_H
#define CMQTTD_BRIDGE_CTL_METHODS_H

#include "bridge/ctl_request.h"
#include "bridge/varlink.h"

#include <stdbool.h>

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

/* The method makes a stream. */
bool ctl_method_is_stream(const struct ctl_method *m);

/* The method that is called, if this peer may call it and the parameters (set in the request) fit;
 * else NULL, and the answer is in the request. */
const struct ctl_method *ctl_method_find(struct ctl_request *req, const struct varlink_call *call);

#endif
