/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world of its own: the daemon's core, a modem, two brokers, local clients, a disk and a clock,
 * all from one seed. Time is a number that is set forward to the next thing that happens, so the
 * same seed gives the same run, byte by byte.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "base/prng.h"
#include "base/timerq.h"
#include "bridge/core.h"
#include "modem/fake_modem.h"
#include "sim/fake_broker.h"
#include "sim/fake_client.h"
#include "sim/fake_operator.h"
#include "sim/faults.h"
#include "sim/flaky_store.h"
#include "sim/ledger.h"
#include "sim/params.h"
#include "sim/sim_config.h"

enum { WORLD_CLIENTS = 6, WORLD_WRONG_MAX = 240 };

struct world {
	struct sim_params p;
	struct prng rng;
	struct prng meddle; /* for the operators alone */
	struct prng extra;  /* for what was added later: the rest stays as it was for a seed */
	bool is_verbose;
	uint64_t now_ms;
	uint64_t work_end_ms; /* of the last message, about */

	struct sim_config config[2];
	unsigned config_version;
	struct flaky_store store;
	struct core *core;
	struct fake_modem *modem;
	struct fake_broker brokers[SIM_BROKERS];
	struct fake_client clients[WORLD_CLIENTS];
	struct fake_operator operators[OPERATOR_ROLES];
	struct faults faults;
	struct ledger ledger;

	/* the port */
	bool is_port_there;
	bool is_port_open;
	uint64_t port_open_ms; /* asked for, and opened then */

	/* messages that the brokers are to send */
	unsigned down_left[SIM_BROKERS];
	uint64_t down_ms[SIM_BROKERS];

	/* the wall clock */
	int64_t wall_ahead_ms; /* of the right time; 0: it is called right */
	uint64_t wall_jump_ms;

	uint64_t power_hook_ms; /* asked for, and done then */
	uint64_t stuck_ms;      /* last told that the modem does not answer; UINT64_MAX: never */
	uint32_t ctl;           /* a control connection of nobody's; 0: none */

	/* what the checks need to know */
	unsigned handed_down[SIM_BROKERS]; /* messages given to the modem */
	unsigned restarts;
	bool is_stopping;
	bool has_exited;
	bool may_close_clients;
	uint64_t moments; /* that were looked at, or not */
	unsigned wakes;   /* of the core, for whatever reason */
	uint64_t woken_ms;
	uint64_t hash;
	char wrong[WORLD_WRONG_MAX]; /* "": nothing was */
};

/* What one run gave. */
struct world_result {
	char wrong[WORLD_WRONG_MAX];
	uint64_t hash;
	uint64_t virtual_ms;
	uint64_t recovery_ms; /* from the last fault until all was delivered */
	unsigned messages;
	unsigned faults;
	uint64_t disk_moments; /* until all was delivered */
};

/* Run the world of this seed. is_verbose: the dialogue goes to stdout. disk: NULL, or where its
 * store is. */
void world_run(uint64_t seed, enum sim_level level, bool is_verbose, const struct sim_disk *disk,
    struct world_result *ret);

/* The same in pieces. A world with these parameters that does not live yet: its configurations may
 * still be changed. If the parameters have no draw_fault of their own, faults_draw is used. */
void world_prepare(struct world *w, const struct sim_params *p, bool is_verbose);

/* Modem, clients and daemon begin. disk: NULL, or where its store is. */
void world_start(struct world *w, const struct sim_disk *disk);

typedef bool world_until_fn(struct world *w);

/* Let time pass until `until` is true (NULL: never) or the moment is reached. False: it was. */
bool world_run_until(struct world *w, uint64_t end_ms, world_until_fn *until);

void world_fini(struct world *w);

/* Local clients that do no work go, and do not come back; nor do operators, once they have their
 * answers. */
void world_retire_vandals(struct world *w);

/* Nothing goes wrong in this world, and nothing went. */
static inline bool world_is_calm(const struct world *w)
{
	return w->p.level == SIM_CALM && w->restarts == 0;
}

/* Something must not be. The first one counts. */
void world_wrong(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A remark in the dialogue. */
void world_note(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* These bytes belong to what happened. */
void world_hash(struct world *w, const void *bytes, size_t len);

/* How many of n bytes pass at once, if pieces of that size are usual. */
size_t world_chunk(struct world *w, size_t n, size_t chunk);

/* A length of a body, and a pause before the next message when so many are left. */
size_t world_draw_len(struct world *w);
uint64_t world_draw_pause(struct world *w, unsigned left);

/* For the faults. */
void world_lose_port(struct world *w, uint64_t now_ms, uint64_t for_ms);
void world_port_back(struct world *w, uint64_t now_ms);
void world_reload(struct world *w, uint64_t now_ms);
void world_restart(struct world *w, uint64_t now_ms);

/* After the daemon stopped. */
void world_start_again(struct world *w);

#endif
