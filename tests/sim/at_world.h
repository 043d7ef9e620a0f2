/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world of the AT simulation: a modem that answers in every shape the AT manual and captures
 * of real modems allow (16.2), a serial line that cuts and delays, and faults drawn from a seed.
 *
 * It knows only the commands of at_sim, but it knows the truth: what it decided for each command is
 * kept per slot (one job at a time), and at_sim compares it with what the channel reported. What a
 * modem can see the host do wrong (two commands at once, a body that differs) it notes in `wrong`.
 */
#ifndef TESTS_SIM_AT_WORLD_H
#define TESTS_SIM_AT_WORLD_H

#include "base/buf.h"
#include "base/prng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AT_WORLD_CLIENTS  2
#define AT_WORLD_SLOTS    3 /* one job at a time each: two clients, and the modem itself */
#define AT_WORLD_BODY_MAX 10240
#define AT_WORLD_TIMERS   8
#define AT_WORLD_INBOUND  64

/* Probabilities in permille. */
struct at_world_faults {
	unsigned fail;   /* a command fails, in any shape */
	unsigned lost;   /* a final result or an answer does not come */
	unsigned late;   /* it comes after more than 200 s */
	unsigned prompt; /* a prompt is lost */
	unsigned body;   /* up to three bytes of a body are lost */
	unsigned noise;  /* noise between lines, answers said twice */
	unsigned reboot; /* the modem restarts in mid-command */
};

struct at_world_bytes {
	uint8_t data[AT_WORLD_BODY_MAX];
	size_t len;
};

/* What the modem decided for the commands of the slot's job. */
struct at_world_truth {
	unsigned serial;   /* of the job */
	unsigned ok_steps; /* succeeded, or failed in a way that counts as success */
	bool failed;
	bool has_err;    /* and it said a number */
	bool is_muffled; /* but the line with the number was lost: any failure is right */
	unsigned err;
	char info[32]; /* the information line it gave */
};

struct at_world_inbound {
	unsigned client;
	bool is_cut; /* a reboot came in between: it may be lost */
	uint8_t topic_len;
	uint32_t seed; /* of topic and payload */
	size_t payload_len;
};

struct at_world_piece;

struct at_world_timer {
	uint64_t due_ms; /* 0: free */
	int client;      /* no longer busy then; -1: none */
	bool is_final;
	char text[48];
};

struct at_world_client {
	bool is_busy; /* an operation has not got its result */
	bool is_acquired;
	bool is_connected;
	struct at_world_bytes topic;
	struct at_world_bytes payload;
};

struct at_world {
	struct prng prng;
	struct at_world_faults faults;
	bool has_echo;
	bool is_started;
	uint64_t now_ms;

	/* From the host. */
	struct buf input;
	struct at_world_bytes *entry; /* data entry in progress */
	struct at_world_bytes scratch;
	const char *entry_name;
	unsigned entry_slot;
	unsigned entry_serial;
	size_t entry_left;
	unsigned entry_losses;
	uint64_t blocked_until_ms; /* reads nothing: a late result, or it boots */
	bool is_booting;

	/* To the host. */
	struct at_world_piece *first;
	struct at_world_piece *last;
	uint64_t next_chunk_ms;
	struct at_world_timer timer[AT_WORLD_TIMERS];
	bool in_flight; /* a command whose final result the host has not seen */

	/* What is true. at_sim resets truth and sets the bodies when it submits a job. */
	struct at_world_truth truth[AT_WORLD_SLOTS + 1]; /* the last: of jobs that are over */
	const struct at_world_bytes *topic[AT_WORLD_SLOTS];
	const struct at_world_bytes *payload[AT_WORLD_SLOTS];
	struct at_world_client client[AT_WORLD_CLIENTS];
	struct at_world_inbound inbound[AT_WORLD_INBOUND]; /* not yet seen whole by the host */
	size_t inbound_count;
	unsigned urc_count; /* "+CREG: n" lines, numbered */
	unsigned fault_count;
	unsigned reboot_count;
	const char *wrong; /* NULL: the host did nothing wrong */
};

void at_world_init(
    struct at_world *w, uint64_t seed, const struct at_world_faults *faults, bool has_echo);
void at_world_fini(struct at_world *w);

/* Bytes from the host arrive at once. */
void at_world_from_host(struct at_world *w, uint64_t now_ms, const uint8_t *data, size_t len);

/* Bytes for the host that are due, a few at a time. 0: none now. */
size_t at_world_to_host(struct at_world *w, uint64_t now_ms, uint8_t *out, size_t max);

/* When something happens next by itself. */
uint64_t at_world_deadline(const struct at_world *w);

/* Nothing is on its way to the host. */
bool at_world_is_quiet(const struct at_world *w);

/* Things that come unasked. */
void at_world_inject_urc(struct at_world *w);
void at_world_inject_message(struct at_world *w);
void at_world_inject_connlost(struct at_world *w); /* and a stray OK a little later */
void at_world_inject_noise(struct at_world *w);

/* Random bytes, mostly such as could be taken for something else. */
void at_world_make_body(struct prng *p, struct at_world_bytes *ret, size_t len);

/* A length from 1, mostly small. */
size_t at_world_pick_length(struct prng *p, size_t max);

#endif
