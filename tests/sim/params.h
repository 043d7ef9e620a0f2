/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kind of world a seed is: sizes, delays, the modem's habits, how much goes wrong and what.
 * Drawn once, then constant.
 */
#ifndef TESTS_SIM_PARAMS_H
#define TESTS_SIM_PARAMS_H

#include "modem/fake_modem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each level has the faults of those below it. */
#define SIM_ROOMY_BYTES 2000000

enum sim_level {
	SIM_CALM,     /* no faults */
	SIM_REFUSALS, /* the modem and the brokers say no */
	SIM_LOSSES,   /* answers lost and late, connections and network lost, outages */
	SIM_CHAOS, /* prompts and bytes lost, noise, reboots, hangs, hang-ups, vandals, restarts */
	SIM_MEDDLING, /* and somebody at the control socket who changes what is being done */
	SIM_LEVELS
};

enum {
	SIM_BROKERS = 2,
	SIM_PAYLOAD_MAX = 12000, /* some are more than the modem takes */
};

/* How the run ends. */
enum sim_ending {
	SIM_END_CLEAN,    /* everything delivered, then an orderly stop */
	SIM_END_SHUTDOWN, /* an orderly stop in the middle of everything */
	SIM_END_FREE,     /* freed in the middle of everything */
};

struct sim_params {
	uint64_t seed;
	enum sim_level level;
	enum sim_ending ending;

	/* sizes of reads and writes, and how long they take */
	size_t chunk_in, chunk_out; /* tty, bytes at most at a time */
	size_t chunk_client;        /* local sockets */
	uint32_t broker_ms;         /* one way to the broker */
	uint32_t broker_jitter_ms;

	/* workload */
	uint32_t work_ms;     /* from the start to the last message */
	uint32_t steady_ms;   /* one message of QoS 1 for both brokers so often; 0: all kinds */
	unsigned up_count[2]; /* messages of each local publisher */
	unsigned down_count[SIM_BROKERS];
	size_t payload_max;
	bool has_forbidden; /* one topic that a broker hangs up on */
	bool has_too_large;
	uint64_t store_bytes; /* SIM_ROOMY_BYTES: it never gets full */

	/* configuration */
	bool is_tls[SIM_BROKERS];
	bool is_uart; /* a port with a speed */
	bool has_will, has_birth;
	bool clean_session;
	bool has_pin, has_apn, has_power_cycle;
	bool is_warm; /* the modem has been up for long, and somebody used it */

	/* faults */
	unsigned command_permille; /* of the commands meet a fault */
	unsigned commit_permille;  /* of the commits fail */
	uint32_t commit_max_ms;    /* a commit takes up to so long */
	uint32_t event_mean_ms;    /* between two events of the kinds of the level, 0: none */
	bool has_port_loss;        /* the port goes away with the modem, as on USB */

	/* drawn apart, so that what is above stays as it was for a seed */
	unsigned check_every; /* moments from one look at everything to the next; 0: each */
	bool has_operators;   /* at the control socket */
	bool has_jam;         /* messages that the modem never takes */
	bool has_keep_last;   /* a route of that kind */
	bool has_ttl;         /* likewise */
	bool has_gap_topic;
	bool has_drop_oldest;    /* instead of holding publishers */
	bool has_wills;          /* of the local publishers */
	bool is_born_in_1970;    /* the wall clock at the start */
	uint32_t wall_mean_ms;   /* between two jumps of the wall clock, 0: none */
	bool has_loose_sockets;  /* of local clients: what was on its way to them gets lost */
	bool has_deadly_commits; /* the daemon dies of some of them */

	struct fake_modem_cfg modem;
};

void sim_params_draw(struct sim_params *ret, uint64_t seed, enum sim_level level);

#endif
