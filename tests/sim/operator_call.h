/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls over the control socket: which ones there are, their text, and what an answer must be like.
 */
#ifndef TESTS_SIM_OPERATOR_CALL_H
#define TESTS_SIM_OPERATOR_CALL_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world;

enum operator_kind {
	OPERATOR_GET_VERSION,
	OPERATOR_GET_STATUS,
	OPERATOR_LIST_BROKERS,
	OPERATOR_HISTORY,
	OPERATOR_DOCTOR,
	OPERATOR_GET_METRICS,
	OPERATOR_ROUTE_TOPIC,
	OPERATOR_GET_INFO,
	OPERATOR_GET_DESCRIPTION,
	OPERATOR_GET_MESSAGE,
	OPERATOR_LIST_MESSAGES,
	OPERATOR_NO_SUCH_METHOD,
	OPERATOR_MONITOR, /* endless from here ... */
	OPERATOR_SUBSCRIBE,
	OPERATOR_CONNECT, /* ... and from here on something is changed */
	OPERATOR_DISCONNECT,
	OPERATOR_RECONNECT,
	OPERATOR_RELOAD,
	OPERATOR_SET_LOG_LEVEL,
	OPERATOR_AT,
	OPERATOR_PUBLISH,
	OPERATOR_DROP_MESSAGE,
	OPERATOR_RETRY_MESSAGE,
	OPERATOR_KINDS
};

/* A call that was made. */
struct operator_call {
	enum operator_kind kind;
	bool is_more;    /* several answers, all but the last with `continues` */
	bool is_waiting; /* PUBLISH: until the brokers have it */
	unsigned number; /* PUBLISH: in the ledger */
	uint64_t id;     /* GET, DROP and RETRY */
	int broker;      /* of that; -1: not said */
};

enum { OPERATOR_LIST_MAX = 16 };

/* Messages that an operator has seen in a list. */
struct operator_list {
	uint64_t id[OPERATOR_LIST_MAX];
	int broker[OPERATOR_LIST_MAX];
	size_t count;
};

/* A call of that kind, drawn from what the operator knows; appended to `up`. is_oneway: nothing
 * answers. */
void operator_call_put(struct world *w, enum operator_kind kind, const struct operator_list *known,
    bool is_more, bool is_oneway, struct buf *up, struct operator_call *ret);

/* One whole message from the daemon answers this call. False: and more of them will. */
bool operator_call_judge(struct world *w, const struct operator_call *call, bool is_admin,
    struct operator_list *known, const char *text, size_t len);

#endif
