/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that can be cut off: a VFS for SQLite that keeps its files in memory, in the manner of
 * SQLite's own test6.c. What was written and not yet synced is remembered piece by piece; at a
 * power cut each piece is kept, lost or torn, by chance. Names (creating, deleting) are durable at
 * once.
 *
 * It also lets the n-th operation of a kind fail. One process, one thread; global, as SQLite's list
 * of VFS is.
 */
#ifndef TESTS_UNIT_CUT_VFS_H
#define TESTS_UNIT_CUT_VFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cut_op { CUT_OPEN, CUT_READ, CUT_WRITE, CUT_SYNC, CUT_OPS };

/* How an operation fails. */
enum cut_failure {
	CUT_FAIL_IO,   /* EIO; a write may have been done in part */
	CUT_FAIL_FULL, /* ENOSPC; the same */
};

/* Make it SQLite's default VFS. Files are empty. */
void cut_vfs_install(void);

/* Back to the system's; forgets all files. */
void cut_vfs_remove(void);

/* Forget all files. None may be open. */
void cut_vfs_clear(void);

/* Writes, truncations and syncs since cut_vfs_clear: the moments at which the power can be cut. */
uint64_t cut_vfs_moments(void);

/* Cut the power at that moment, counted as above; 0: never. All later operations fail. */
void cut_vfs_cut_at(uint64_t moment);

/* The same at once. */
void cut_vfs_cut_now(void);

/* Whether that moment has come. */
bool cut_vfs_is_cut(void);

/* Power is back: each unsynced piece is decided upon by the seed. No file may be open. */
void cut_vfs_restore(uint64_t seed);

/* Not the power was cut, the process was killed: the system has written what it was told to write.
 * No file may be open. */
void cut_vfs_survive(void);

/* From now on the n-th operation of that kind fails, and `count` in all; n 0: none. A sync that
 * fails loses what it should have written, and says nothing about it later. */
void cut_vfs_fail(enum cut_op op, enum cut_failure how, uint64_t n, uint64_t count);

/* Operations of that kind that failed since cut_vfs_fail. */
uint64_t cut_vfs_failures(void);

#endif
