/* SPDX-License-Identifier: Apache-2.0 */
#include "store_tx.h"

#include "store_apply.h"

#include <errno.h>

/* More than this in one transaction is committed on the way: before a message is added, or if need
 * be before any change. What belongs to one message is thus one transaction. */
#define COMMIT_BYTES      (256 * 1024)
#define COMMIT_BYTES_MUST (768 * 1024)

void store_tx_init(struct store_tx *t)
{
	*t = (struct store_tx){ 0 };
	redo_init(&t->redo);
}

void store_tx_fini(struct store_tx *t)
{
	redo_fini(&t->redo);
}

int store_tx_begin(struct store_tx *t)
{
	if (store_db_is_open(&t->db))
		return 0;
	return store_db_run(&t->db, store_db_stmt(&t->db, STMT_BEGIN));
}

int store_tx_catch_up(struct store_tx *t)
{
	struct redo_record record;
	size_t at = 0;
	int r = 0;

	t->is_behind = true;
	if (store_db_is_open(&t->db))
		store_db_run(&t->db, store_db_stmt(&t->db, STMT_ROLLBACK));
	if (redo_size(&t->redo) > 0) {
		/* A number that was reserved in it is not any more. */
		t->db.reserved_seq = 0;
		r = store_tx_begin(t);
	}
	while (r == 0 && redo_next(&t->redo, &at, &record))
		r = store_apply(&t->db, &record);
	if (r == 0)
		t->is_behind = false;
	return r;
}

int store_tx_ready(struct store_tx *t)
{
	/* Even a read that fails for want of memory rolls the transaction back. */
	if (redo_size(&t->redo) > 0 && !store_db_is_open(&t->db))
		t->is_behind = true;
	return t->is_behind ? store_tx_catch_up(t) : 0;
}

static int checkpoint(struct store_tx *t)
{
	int code =
	    sqlite3_wal_checkpoint_v2(t->db.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

	return store_db_failed(&t->db, code);
}

/* After a failed sync the kernel may hold the log's pages for written that are not on the disk
 * (fsync(2)). What is committed next writes them anew; in addition all of it goes to the database
 * itself before it is believed. */
static int commit_now(struct store_tx *t)
{
	int r = store_tx_ready(t);

	if (r < 0)
		return r;
	if (store_db_is_open(&t->db))
		r = store_db_run(&t->db, store_db_stmt(&t->db, STMT_COMMIT));
	if (r < 0)
		store_tx_catch_up(t);
	else
		redo_clear(&t->redo);
	if (t->db.has_sync_failed)
		t->is_checkpoint_owed = true;
	if (r == 0 && t->is_checkpoint_owed) {
		t->db.has_sync_failed = false;
		r = checkpoint(t);
		t->is_checkpoint_owed = r < 0;
	}
	return r;
}

int store_tx_commit(struct store_tx *t)
{
	int r = 0;

	if (redo_size(&t->redo) > 0 || t->is_checkpoint_owed)
		r = commit_now(t);
	t->has_commit_failed = r < 0;
	return r;
}

/* A change that the log has no place for, with all before it. After a failure it is gone, and what
 * was before it is in the log still. */
static int commit_unlogged(struct store_tx *t)
{
	int r = store_db_run(&t->db, store_db_stmt(&t->db, STMT_COMMIT));

	if (t->db.has_sync_failed)
		t->is_checkpoint_owed = true;
	if (r == 0)
		redo_clear(&t->redo);
	return r;
}

int store_tx_change(struct store_tx *t, const struct redo_record *record)
{
	size_t commit_bytes = record->op == REDO_ADD ? COMMIT_BYTES : COMMIT_BYTES_MUST;
	uint64_t reserved = t->db.reserved_seq;
	int r = store_tx_ready(t);

	if (r == 0 && redo_size(&t->redo) > commit_bytes && !t->has_commit_failed)
		r = store_tx_commit(t);
	if (r == 0)
		r = store_tx_begin(t);
	if (r < 0)
		return r;
	r = store_apply(&t->db, record);
	if (r == 0)
		r = redo_append(&t->redo, record);
	if (r == -ENOBUFS)
		r = commit_unlogged(t);
	if (r < 0) {
		t->db.reserved_seq = reserved;
		store_tx_catch_up(t);
	}
	return r;
}
