/* SPDX-License-Identifier: Apache-2.0 */
#include "store_apply.h"

#include <errno.h>

/* Numbers are reserved in advance, so that not every commit has to write down the last one. */
#define SEQ_RESERVE 4096

static int add_row(struct store_db *d, const struct redo_record *a, size_t i)
{
	const struct store_target *t = &a->targets[i];
	sqlite3_stmt *stmt = store_db_stmt(d, STMT_ADD);

	sqlite3_bind_int64(stmt, 1, store_id(t->queue, t->priority, a->seq));
	store_db_bind_text(stmt, 2, t->topic);
	if (t->properties.len > 0)
		store_db_bind_blob(stmt, 3, t->properties);
	else
		sqlite3_bind_null(stmt, 3);
	if (a->target_count == 1)
		store_db_bind_blob(stmt, 4, a->payload);
	else
		sqlite3_bind_null(stmt, 4);
	sqlite3_bind_int(stmt, 5, t->qos);
	sqlite3_bind_int(stmt, 6, t->retain);
	sqlite3_bind_int(stmt, 7, t->keep_last);
	sqlite3_bind_int(stmt, 8, t->packet_id);
	sqlite3_bind_int64(stmt, 9, a->accepted_ms);
	sqlite3_bind_int64(stmt, 10, t->expires_ms);
	return store_db_run(d, stmt);
}

static int add(struct store_db *d, const struct redo_record *a)
{
	int r = 0;

	if (a->target_count > 1) {
		sqlite3_stmt *stmt = store_db_stmt(d, STMT_ADD_BODY);

		sqlite3_bind_int64(stmt, 1, (int64_t)a->seq);
		sqlite3_bind_int64(stmt, 2, (int64_t)a->target_count);
		store_db_bind_blob(stmt, 3, a->payload);
		r = store_db_run(d, stmt);
	}
	for (size_t i = 0; r == 0 && i < a->target_count; i++)
		r = add_row(d, a, i);
	if (r == 0 && a->seq > d->reserved_seq) {
		sqlite3_stmt *stmt = store_db_stmt(d, STMT_SET_LAST_SEQ);

		sqlite3_bind_int64(stmt, 1, (int64_t)(a->seq + SEQ_RESERVE));
		r = store_db_run(d, stmt);
		if (r == 0)
			d->reserved_seq = a->seq + SEQ_RESERVE;
	}
	return r;
}

/* A statement whose only parameter is an id. */
static int run_on(struct store_db *d, unsigned which, int64_t id)
{
	sqlite3_stmt *stmt = store_db_stmt(d, which);

	sqlite3_bind_int64(stmt, 1, id);
	return store_db_run(d, stmt);
}

/* One whose parameters are the first and the last of some ids. */
static int run_on_ids(struct store_db *d, unsigned which, int64_t first, int64_t last)
{
	sqlite3_stmt *stmt = store_db_stmt(d, which);

	sqlite3_bind_int64(stmt, 1, first);
	sqlite3_bind_int64(stmt, 2, last);
	return store_db_run(d, stmt);
}

/* Rows of one table, and their references to bodies. */
static int remove_rows(
    struct store_db *d, enum store_table table, int64_t first, int64_t last, bool is_shared)
{
	int r = 0;

	if (is_shared)
		r = run_on_ids(d, STMT_DROP_BODIES + table, first, last);
	if (r == 0 && is_shared)
		r = run_on_ids(d, STMT_UNREF_BODIES + table, first, last);
	return r < 0 ? r : run_on_ids(d, STMT_REMOVE + table, first, last);
}

static int mark(struct store_db *d, const struct redo_record *a)
{
	sqlite3_stmt *stmt = store_db_stmt(d, STMT_MARK + a->is_dead);

	sqlite3_bind_int64(stmt, 1, a->id);
	sqlite3_bind_int(stmt, 2, a->tries);
	sqlite3_bind_int(stmt, 3, (int)a->state);
	return store_db_run(d, stmt);
}

static int bury(struct store_db *d, const struct redo_record *a)
{
	sqlite3_stmt *stmt = store_db_stmt(d, STMT_BURY);
	int r;

	sqlite3_bind_int64(stmt, 1, a->id);
	store_db_bind_text(stmt, 2, a->text);
	r = store_db_run(d, stmt);
	return r < 0 ? r : run_on_ids(d, STMT_REMOVE, a->id, a->id);
}

static int revive(struct store_db *d, const struct redo_record *a)
{
	int r = run_on(d, STMT_REVIVE, a->id);

	return r < 0 ? r : run_on_ids(d, STMT_REMOVE_DEAD, a->id, a->id);
}

static int add_queue(struct store_db *d, const struct redo_record *a)
{
	sqlite3_stmt *stmt = store_db_stmt(d, STMT_NAME_QUEUE);

	sqlite3_bind_int64(stmt, 1, a->id);
	store_db_bind_text(stmt, 2, a->text);
	return store_db_run(d, stmt);
}

static int drop_queue(struct store_db *d, const struct redo_record *a)
{
	int64_t first = store_id_first((unsigned)a->id), last = store_id_last((unsigned)a->id);
	int r = 0;

	for (unsigned table = 0; r == 0 && table < STORE_TABLES; table++)
		r = remove_rows(d, table, first, last, true);
	if (r == 0)
		r = run_on(d, STMT_DROP_NOTES, a->id);
	return r < 0 ? r : run_on(d, STMT_DROP_QUEUE, a->id);
}

static int change_note(struct store_db *d, const struct redo_record *a, bool is_put)
{
	sqlite3_stmt *stmt = store_db_stmt(d, is_put ? STMT_PUT_NOTE : STMT_DROP_NOTE);

	sqlite3_bind_int64(stmt, 1, a->id);
	sqlite3_bind_int(stmt, 2, (int)a->kind);
	store_db_bind_text(stmt, 3, a->text);
	if (is_put)
		store_db_bind_text(stmt, 4, a->payload);
	return store_db_run(d, stmt);
}

int store_apply(struct store_db *d, const struct redo_record *record)
{
	switch (record->op) {
	case REDO_ADD:
		return add(d, record);
	case REDO_REMOVE:
		return remove_rows(d, record->is_dead ? STORE_DEAD : STORE_WAITING, record->id,
		    record->id, record->is_shared);
	case REDO_SWEEP:
		return run_on_ids(d, STMT_REMOVE, record->id & ~(int64_t)STORE_SEQ_MAX, record->id);
	case REDO_MARK:
		return mark(d, record);
	case REDO_BURY:
		return bury(d, record);
	case REDO_REVIVE:
		return revive(d, record);
	case REDO_ADD_QUEUE:
		return add_queue(d, record);
	case REDO_DROP_QUEUE:
		return drop_queue(d, record);
	case REDO_PUT_NOTE:
	case REDO_DROP_NOTE:
		return change_note(d, record, record->op == REDO_PUT_NOTE);
	}
	return -EINVAL;
}
