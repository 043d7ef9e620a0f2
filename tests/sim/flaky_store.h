/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of the simulated daemon: the RAM store, whose commits can fail, and which tells the
 * ledger what was added, committed and buried. It outlives the core, as a file outlives the
 * process.
 */
#ifndef TESTS_SIM_FLAKY_STORE_H
#define TESTS_SIM_FLAKY_STORE_H

#include "store/store.h"

struct world;

enum { FLAKY_UNCOMMITTED_MAX = 256 };

struct flaky_store {
	struct store base;
	struct store *real;
	struct world *world;
	unsigned fail_permille; /* of the commits */
	uint64_t adds;          /* entries, one for each target */
	uint64_t double_adds;   /* messages with two targets */
	/* added since the last commit: lost if the process dies */
	struct {
		uint64_t seq;
		unsigned number; /* in the ledger; 0: not there */
	} uncommitted[FLAKY_UNCOMMITTED_MAX];
	size_t uncommitted_count;
};

/* Fills *s; free it with flaky_store_fini. */
void flaky_store_init(struct flaky_store *s, struct world *w, uint64_t max_bytes);
void flaky_store_fini(struct flaky_store *s);

/* The process died: what was not committed never was. */
void flaky_store_crash(struct flaky_store *s);

#endif
