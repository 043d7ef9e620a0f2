/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store on disk: an SQLite database with a write-ahead log. One process at a time; the file is
 * locked from opening to closing.
 *
 * Changes are one transaction from the first of them to commit(), which returns when they are
 * synced to disk. A commit that fails loses nothing of what waits: the transaction is done again in
 * memory, so that the store's contents stay as they were, and commit() can be tried again. As long
 * as that fails nothing new is added (-EIO), while messages may go on leaving.
 */
#ifndef CMQTTD_STORE_SQLITE_H
#define CMQTTD_STORE_SQLITE_H

#include "store/store.h"

#define STORE_SQLITE_TEXT_MAX 1024

struct store_sqlite_options {
	const char *path;
	uint64_t max_bytes;
	/* The log is synced now and then only: a power cut can take the last messages, a dying
	 * process none. */
	bool is_normal_durability;
	unsigned checkpoint_pages; /* of the log, before it is written back; 0: the default */
	/* Told when the file was damaged: what was found, where it is now, what was saved. May be
	 * NULL. */
	void (*warn)(const char *text);
};

/* Open the store, and make it if it is new. A damaged file is moved aside ("PATH.damaged-TIME") and
 * what can be read of it is carried over. error (STORE_SQLITE_TEXT_MAX bytes): what is wrong and
 * what to do about it, after a failure.
 *
 * 0; -EBUSY: another process has it; -EPROTO: of another version; -EINVAL: something else's;
 * -ENOENT: no such directory; -EROFS, -EACCES, -ENOSPC, -ENOMEM, -EIO. */
int store_sqlite_open(const struct store_sqlite_options *options, struct store **ret, char error[]);

#endif
