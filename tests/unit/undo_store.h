/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store in memory that forgets, like a disk, what was not committed when the process dies. It
 * keeps a list of everything that was changed; after undo_store_crash it is a new store in memory
 * in which what was committed was done again; what was retired and not swept is back. Commits fail
 * as long as fails is set.
 */
#ifndef CMQTTD_TESTS_UNDO_STORE_H
#define CMQTTD_TESTS_UNDO_STORE_H

#include "store/store.h"

struct undo_change;

struct undo_store {
	struct store base;
	struct store *real;
	bool fails;
	unsigned commits; /* that worked */
	struct undo_change *changes;
	size_t count, cap;
	size_t committed; /* so many of them */
	size_t swept;     /* and of these all that was retired is gone */
	bool is_sweep_due;
};

/* Fills *s; free it with undo_store_fini. store_free(&s->base) does nothing: it outlives its user.
 */
void undo_store_init(struct undo_store *s, uint64_t max_bytes);
void undo_store_fini(struct undo_store *s);

/* The process died: what was not committed never was. */
void undo_store_crash(struct undo_store *s);

/* Bytes of the heap that its notes take: they only grow, because a crash repeats all of them. */
size_t undo_store_memory(const struct undo_store *s);

#endif
