/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of the simulated daemon: one that forgets what was not committed when the process dies,
 * whose commits can fail and take their time, and which tells the ledger what was committed and
 * buried. What an operator was told is done must be in it after a crash. It outlives the core, as a
 * file outlives the process; it can be a real one on a simulated disk.
 */
#ifndef TESTS_SIM_FLAKY_STORE_H
#define TESTS_SIM_FLAKY_STORE_H

#include "base/prng.h"
#include "base/timerq.h"
#include "store/store.h"
#include "unit/undo_store.h"

struct world;

/* A disk with a store on it. */
struct sim_disk {
	/* The store as it is on the disk; it is freed before it is opened again. */
	struct store *(*open)(uint64_t max_bytes);
	/* From now on the process does nothing any more, until `open`. */
	void (*kill)(void);
	/* It was killed, by `kill` or by what it did last. */
	bool (*is_killed)(void);
	/* Counts what the process does to the disk. */
	uint64_t (*moments)(void);
};

enum {
	FLAKY_UNCOMMITTED_MAX = 256,
	FLAKY_AGES = 4096, /* messages in a run, resent ones apart, are fewer */
	FLAKY_CHANGES_MAX = 64,
};

/* A message that an operator dropped or put back. */
struct flaky_change {
	unsigned queue;
	uint64_t seq;
	bool is_drop;
	bool is_committed;
};

struct flaky_store {
	struct undo_store undo; /* first: flaky_store.c makes one of the other */
	struct store_ops ops;
	const struct store_ops *undo_ops;
	struct world *world;
	const struct sim_disk *disk; /* NULL: the store is in memory */
	unsigned fail_permille;      /* of the commits */
	struct store *gate;          /* what the core gets: it waits for the commit under way */
	struct prng rng;
	uint32_t commit_max_ms; /* a commit takes up to so long; 0: no time */
	bool is_committing;
	bool has_committed; /* what is left is to tell the core */
	int commit_result;
	uint64_t commit_end_ms;
	uint64_t double_adds; /* messages for both brokers */
	uint64_t revived;     /* dead letters that were put back */
	/* numbers in the ledger of what was added since the last commit: lost if the process dies
	 */
	unsigned uncommitted[FLAKY_UNCOMMITTED_MAX];
	size_t uncommitted_count;
	uint64_t added_ms[FLAKY_AGES];                  /* by number modulo FLAKY_AGES */
	struct flaky_change changes[FLAKY_CHANGES_MAX]; /* since the last crash, the last ones */
	size_t change_count;
};

/* Fills *s; free it with flaky_store_fini. disk: NULL, or where the store is. */
void flaky_store_init(
    struct flaky_store *s, struct world *w, const struct sim_disk *disk, uint64_t max_bytes);
void flaky_store_fini(struct flaky_store *s);

/* Begin a commit, and when it ends; TIMER_NEVER: none is under way. What it commits is what was
 * changed until then, or until the store is needed. */
void flaky_store_commit(struct flaky_store *s);
uint64_t flaky_store_deadline(const struct flaky_store *s);

/* The commit has ended: its result. Not if the process died of it. */
bool flaky_store_end_commit(struct flaky_store *s, int *ret);

/* An operator dropped or put back something since the last commit. */
bool flaky_store_has_changes(const struct flaky_store *s);

/* An operator was told that this message was dropped, or put back. */
void flaky_store_told(struct flaky_store *s, unsigned queue, uint64_t seq);

/* The process died with what it did last to its disk. */
bool flaky_store_is_killed(const struct flaky_store *s);

/* The process died: what was not committed never was. */
void flaky_store_crash(struct flaky_store *s);

#endif
