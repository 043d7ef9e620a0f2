/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody at the control socket: asks for all there is to know, watches, is a nuisance, or meddles
 * with what the daemon does. Every call has one answer, in its order, or its connection is closed.
 *
 * Speaks by bytes as cmqttctl does, and shares no code with it. It has random numbers of its own:
 * where nobody meddles a world is the same with operators and without.
 */
#ifndef TESTS_SIM_FAKE_OPERATOR_H
#define TESTS_SIM_FAKE_OPERATOR_H

#include "base/buf.h"
#include "sim/operator_call.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world;

enum operator_role {
	OPERATOR_READER,  /* may not change anything, and tries */
	OPERATOR_WATCHER, /* streams; does not always read */
	OPERATOR_VANDAL,  /* half messages and nonsense, answers unread */
	OPERATOR_MEDDLER, /* drops, retries, publishes, reloads, disconnects ... */
	OPERATOR_ROLES
};

enum { OPERATOR_CALLS_MAX = 16 };

struct fake_operator {
	struct world *world;
	enum operator_role role;
	uint32_t conn;    /* 0: no connection */
	bool has_output;  /* the daemon wrote something */
	bool is_retired;  /* begins nothing new, and does not come back */
	bool has_mended;  /* retired, and what it had done by hand is undone */
	struct buf up;    /* on its way to the daemon */
	struct buf down;  /* not decoded yet */
	uint64_t act_ms;  /* when to do something, or to connect */
	uint64_t push_ms; /* when the next bytes arrive at the daemon */
	uint64_t deaf_ms; /* it reads nothing until then */
	struct operator_call calls[OPERATOR_CALLS_MAX]; /* not answered yet, oldest first */
	size_t call_count;
	struct operator_list list; /* messages that it knows of */
};

void fake_operator_init(struct fake_operator *o, struct world *w, enum operator_role role);
void fake_operator_fini(struct fake_operator *o);

uint64_t fake_operator_deadline(const struct fake_operator *o);

/* Do what is due; false: nothing was. */
bool fake_operator_run(struct fake_operator *o, uint64_t now_ms);

/* The daemon closes the connection. */
void fake_operator_on_close(struct fake_operator *o, uint64_t now_ms);

/* The connection is gone without a word to the daemon's core: it went itself. */
void fake_operator_lost(struct fake_operator *o, uint64_t now_ms);

/* From now on it only waits for answers, if it is one who reads them. */
void fake_operator_retire(struct fake_operator *o, uint64_t now_ms);

/* Retired, every call answered, and no broker is held down by hand. */
bool fake_operator_is_done(const struct fake_operator *o);

/* Somebody gives up this message of a broker by hand, now. */
bool fake_operator_drops(const struct world *w, unsigned broker, uint64_t id);

#endif
