/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of the simulated daemon: one that forgets what was not committed when the process dies,
 * whose commits can fail, and which tells the ledger what was committed and buried. It outlives the
 * core, as a file outlives the process.
 */
#ifndef TESTS_SIM_FLAKY_STORE_H
#define TESTS_SIM_FLAKY_STORE_H

#include "store/store.h"
#include "unit/undo_store.h"

struct world;

enum { FLAKY_UNCOMMITTED_MAX = 256 };

struct flaky_store {
	struct undo_store undo; /* first: it is the store that the core gets */
	struct store_ops ops;
	const struct store_ops *undo_ops;
	struct world *world;
	unsigned fail_permille; /* of the commits */
	uint64_t double_adds;   /* messages for both brokers */
	/* numbers in the ledger of what was added since the last commit: lost if the process dies
	 */
	unsigned uncommitted[FLAKY_UNCOMMITTED_MAX];
	size_t uncommitted_count;
};

/* Fills *s; free it with flaky_store_fini. */
void flaky_store_init(struct flaky_store *s, struct world *w, uint64_t max_bytes);
void flaky_store_fini(struct flaky_store *s);

/* The process died: what was not committed never was. */
void flaky_store_crash(struct flaky_store *s);

#endif
