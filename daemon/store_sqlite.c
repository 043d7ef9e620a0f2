/* SPDX-License-Identifier: Apache-2.0 */
#include "store_sqlite.h"

#include "store_db.h"
#include "store_recover.h"
#include "store_redo.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REASON_MAX 96

/* Numbers are reserved in advance, so that not every commit has to write down the last one. */
#define SEQ_RESERVE 4096

/* More than this in one transaction is committed on the way. */
#define REDO_COMMIT_BYTES (256 * 1024)

struct queue {
	char *name;
	uint64_t rows[STORE_TABLES][STORE_PRIORITIES];
	uint64_t bytes;
};

struct store_sqlite {
	struct store base;
	struct store_sqlite_options options;
	char *path; /* options.path, our own */
	struct store_db db;
	struct redo redo;
	struct queue queues[STORE_QUEUES_MAX];
	unsigned queue_count; /* highest number in use + 1 */
	uint64_t bytes;
	uint64_t last_seq;
	uint64_t reserved_seq; /* what the file says */
	/* The database does not show what was changed since the last commit. */
	bool is_behind;
	bool has_commit_failed;  /* and none has worked since */
	bool is_checkpoint_owed; /* a sync failed: the log alone is not to be trusted */
	bool is_body_dropped;    /* by the last removal */
	uint8_t *entry;          /* topic, payload and reason of the last row handed out */
	size_t entry_size;
};

static struct store_sqlite *sq(struct store *s)
{
	return (struct store_sqlite *)s;
}

/* What the core is told: it knows no other failures of a disk. */
static int to_core(int r)
{
	return r == 0 || r == -ENOENT || r == -ENOMEM ? r : -EIO;
}

/* ---- one change in the database ---- */

static int add_row(struct store_sqlite *s, const struct redo_record *a, size_t i)
{
	const struct store_target *t = &a->targets[i];
	sqlite3_stmt *stmt = store_db_stmt(&s->db, STMT_ADD);

	sqlite3_bind_int64(stmt, 1, store_id(t->queue, t->priority, a->seq));
	store_db_bind_text(stmt, 2, t->topic);
	if (a->target_count == 1)
		store_db_bind_blob(stmt, 3, a->payload);
	else
		sqlite3_bind_null(stmt, 3);
	sqlite3_bind_int(stmt, 4, t->qos);
	sqlite3_bind_int(stmt, 5, t->retain);
	sqlite3_bind_int(stmt, 6, t->keep_last);
	sqlite3_bind_int64(stmt, 7, a->accepted_ms);
	sqlite3_bind_int64(stmt, 8, t->expires_ms);
	return store_db_run(&s->db, stmt);
}

static int do_add(struct store_sqlite *s, const struct redo_record *a)
{
	int r = 0;

	if (a->target_count > 1) {
		sqlite3_stmt *stmt = store_db_stmt(&s->db, STMT_ADD_BODY);

		sqlite3_bind_int64(stmt, 1, (int64_t)a->seq);
		sqlite3_bind_int64(stmt, 2, (int64_t)a->target_count);
		store_db_bind_blob(stmt, 3, a->payload);
		r = store_db_run(&s->db, stmt);
	}
	for (size_t i = 0; r == 0 && i < a->target_count; i++)
		r = add_row(s, a, i);
	if (r == 0 && a->seq > s->reserved_seq) {
		sqlite3_stmt *stmt = store_db_stmt(&s->db, STMT_SET_LAST_SEQ);

		sqlite3_bind_int64(stmt, 1, (int64_t)(a->seq + SEQ_RESERVE));
		r = store_db_run(&s->db, stmt);
		if (r == 0)
			s->reserved_seq = a->seq + SEQ_RESERVE;
	}
	return r;
}

/* A statement whose only parameter is an id. */
static int run_on(struct store_sqlite *s, unsigned which, int64_t id)
{
	sqlite3_stmt *stmt = store_db_stmt(&s->db, which);

	sqlite3_bind_int64(stmt, 1, id);
	return store_db_run(&s->db, stmt);
}

static int do_remove(struct store_sqlite *s, const struct redo_record *a)
{
	int64_t seq = (int64_t)store_id_seq(a->id);
	int r = run_on(s, STMT_REMOVE + a->is_dead, a->id);

	if (r < 0 || !a->is_shared)
		return r;
	r = run_on(s, STMT_DROP_BODY, seq);
	s->is_body_dropped = r == 0 && sqlite3_changes(s->db.db) > 0;
	if (r == 0 && !s->is_body_dropped)
		r = run_on(s, STMT_UNREF_BODY, seq);
	return r;
}

static int do_mark(struct store_sqlite *s, const struct redo_record *a)
{
	sqlite3_stmt *stmt = store_db_stmt(&s->db, STMT_MARK + a->is_dead);

	sqlite3_bind_int64(stmt, 1, a->id);
	sqlite3_bind_int(stmt, 2, a->tries);
	sqlite3_bind_int(stmt, 3, a->maybe_sent);
	return store_db_run(&s->db, stmt);
}

static int do_bury(struct store_sqlite *s, const struct redo_record *a)
{
	sqlite3_stmt *stmt = store_db_stmt(&s->db, STMT_BURY);
	int r;

	sqlite3_bind_int64(stmt, 1, a->id);
	store_db_bind_text(stmt, 2, a->text);
	r = store_db_run(&s->db, stmt);
	return r < 0 ? r : run_on(s, STMT_REMOVE, a->id);
}

static int do_revive(struct store_sqlite *s, const struct redo_record *a)
{
	int r = run_on(s, STMT_REVIVE, a->id);

	return r < 0 ? r : run_on(s, STMT_REMOVE_DEAD, a->id);
}

static int do_queue(struct store_sqlite *s, const struct redo_record *a)
{
	sqlite3_stmt *stmt = store_db_stmt(&s->db, STMT_ADD_QUEUE);

	sqlite3_bind_int64(stmt, 1, a->id);
	store_db_bind_text(stmt, 2, a->text);
	return store_db_run(&s->db, stmt);
}

static int apply(struct store_sqlite *s, const struct redo_record *a)
{
	switch (a->op) {
	case REDO_ADD:
		return do_add(s, a);
	case REDO_REMOVE:
		return do_remove(s, a);
	case REDO_MARK:
		return do_mark(s, a);
	case REDO_BURY:
		return do_bury(s, a);
	case REDO_REVIVE:
		return do_revive(s, a);
	case REDO_QUEUE:
		return do_queue(s, a);
	}
	return -EINVAL;
}

/* ---- transactions ---- */

static int begin(struct store_sqlite *s)
{
	if (store_db_is_open(&s->db))
		return 0;
	return store_db_run(&s->db, store_db_stmt(&s->db, STMT_BEGIN));
}

/* After a failure: the database is to show again what it showed before it. Whatever is left of the
 * transaction goes, and what the log holds is done again. */
static int catch_up(struct store_sqlite *s)
{
	struct redo_record record;
	size_t at = 0;
	int r = 0;

	s->is_behind = true;
	if (store_db_is_open(&s->db))
		store_db_run(&s->db, store_db_stmt(&s->db, STMT_ROLLBACK));
	if (redo_size(&s->redo) > 0) {
		/* A number that was reserved in it is not any more. */
		s->reserved_seq = 0;
		r = begin(s);
	}
	while (r == 0 && redo_next(&s->redo, &at, &record))
		r = apply(s, &record);
	if (r == 0)
		s->is_behind = false;
	return r;
}

static int reopen_damaged(struct store_sqlite *s);

/* The database shows what it should. */
static int ready(struct store_sqlite *s)
{
	int r = 0;

	if (s->db.is_damaged)
		r = reopen_damaged(s);
	/* Even a read that fails for want of memory rolls the transaction back. */
	if (redo_size(&s->redo) > 0 && !store_db_is_open(&s->db))
		s->is_behind = true;
	if (r == 0 && s->is_behind)
		r = catch_up(s);
	return r;
}

static int checkpoint(struct store_sqlite *s)
{
	int code =
	    sqlite3_wal_checkpoint_v2(s->db.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

	return store_db_failed(&s->db, code);
}

/* After a failed sync the kernel may hold the log's pages for written that are not on the disk
 * (fsync(2)). What is committed next writes them anew; in addition all of it goes to the database
 * itself before it is believed. */
static int commit_now(struct store_sqlite *s)
{
	int r = ready(s);

	if (r < 0)
		return r;
	if (store_db_is_open(&s->db))
		r = store_db_run(&s->db, store_db_stmt(&s->db, STMT_COMMIT));
	if (r < 0)
		catch_up(s);
	else
		redo_clear(&s->redo);
	if (s->db.has_sync_failed)
		s->is_checkpoint_owed = true;
	if (r == 0 && s->is_checkpoint_owed) {
		s->db.has_sync_failed = false;
		r = checkpoint(s);
		s->is_checkpoint_owed = r < 0;
	}
	return r;
}

static int sqlite_commit(struct store *base)
{
	struct store_sqlite *s = sq(base);
	int r;

	if (redo_size(&s->redo) == 0 && !s->is_checkpoint_owed)
		return 0;
	r = commit_now(s);
	s->has_commit_failed = r < 0;
	return r;
}

/* One change: in the database, and in the log in case that it has to be done again. The counters
 * are the caller's. */
static int change(struct store_sqlite *s, const struct redo_record *record)
{
	uint64_t reserved = s->reserved_seq;
	int r = ready(s);

	if (r == 0 && redo_size(&s->redo) > REDO_COMMIT_BYTES && !s->has_commit_failed)
		r = sqlite_commit(&s->base);
	if (r == 0)
		r = begin(s);
	if (r < 0)
		return to_core(r);
	r = apply(s, record);
	if (r == 0)
		r = redo_append(&s->redo, record);
	if (r < 0) {
		s->reserved_seq = reserved;
		catch_up(s);
	}
	return to_core(r);
}

/* ---- rows ---- */

static struct queue *queue_at(struct store_sqlite *s, unsigned queue)
{
	return queue < s->queue_count && s->queues[queue].name ? &s->queues[queue] : NULL;
}

/* Copy what a row points to, in one piece: topic, payload, reason and a NUL. */
static bool keep_texts(struct store_sqlite *s, struct store_entry *e)
{
	size_t reason_len = e->reason ? strlen(e->reason) : 0;
	size_t size = e->topic.len + e->payload.len + reason_len + 1;
	uint8_t *pos;

	if (size > s->entry_size) {
		uint8_t *mem = realloc(s->entry, size);

		if (!mem)
			return false;
		s->entry = mem;
		s->entry_size = size;
	}
	pos = s->entry;
	if (e->topic.len > 0)
		memcpy(pos, e->topic.data, e->topic.len);
	e->topic.data = pos;
	pos += e->topic.len;
	if (e->payload.len > 0)
		memcpy(pos, e->payload.data, e->payload.len);
	e->payload.data = pos;
	pos += e->payload.len;
	if (reason_len > 0)
		memcpy(pos, e->reason, reason_len);
	pos[reason_len] = '\0';
	if (e->reason)
		e->reason = (const char *)pos;
	return true;
}

static void read_row(sqlite3_stmt *row, struct store_entry *ret)
{
	int64_t id = sqlite3_column_int64(row, COLUMN_ID);

	*ret = (struct store_entry){
		.seq = store_id_seq(id),
		.queue = store_id_queue(id),
		.priority = (uint8_t)store_id_priority(id),
		.qos = (uint8_t)sqlite3_column_int(row, COLUMN_QOS),
		.retain = sqlite3_column_int(row, COLUMN_RETAIN),
		.maybe_sent = sqlite3_column_int(row, COLUMN_MAYBE_SENT),
		.tries = (uint8_t)sqlite3_column_int(row, COLUMN_TRIES),
		.accepted_ms = sqlite3_column_int64(row, COLUMN_ACCEPTED_MS),
		.expires_ms = sqlite3_column_int64(row, COLUMN_EXPIRES_MS),
		.topic.data = sqlite3_column_text(row, COLUMN_TOPIC),
		.topic.len = (size_t)sqlite3_column_bytes(row, COLUMN_TOPIC),
		.payload.data = sqlite3_column_blob(row, COLUMN_PAYLOAD),
		.payload.len = (size_t)sqlite3_column_bytes(row, COLUMN_PAYLOAD),
		.reason = (const char *)sqlite3_column_text(row, COLUMN_REASON),
	};
}

/* The first row of the ids from..to. */
static bool first_row(struct store_sqlite *s, enum store_table table, int64_t from, int64_t to,
    struct store_entry *ret)
{
	sqlite3_stmt *stmt;
	struct store_entry e;
	bool is_found;

	if (ready(s) < 0)
		return false;
	stmt = store_db_stmt(&s->db, STMT_FIRST + table);
	sqlite3_bind_int64(stmt, 1, from);
	sqlite3_bind_int64(stmt, 2, to);
	if (store_db_row(&s->db, stmt) != 1)
		return false;
	read_row(stmt, &e);
	is_found = keep_texts(s, &e);
	sqlite3_reset(stmt);
	if (is_found)
		*ret = e;
	return is_found;
}

/* 1 and the id; 0: there is none; or an error. */
static int first_id(
    struct store_sqlite *s, enum store_table table, int64_t from, int64_t to, int64_t *ret)
{
	sqlite3_stmt *stmt = store_db_stmt(&s->db, STMT_FIRST_ID + table);
	int r;

	sqlite3_bind_int64(stmt, 1, from);
	sqlite3_bind_int64(stmt, 2, to);
	r = store_db_row(&s->db, stmt);
	if (r == 1)
		*ret = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return r;
}

/* Of all priorities: the row with the lowest number that is larger than `after`. 1, 0 or an error.
 * Priorities without rows are known and not looked at. */
static int first_after(
    struct store_sqlite *s, enum store_table table, unsigned queue, uint64_t after, int64_t *ret)
{
	struct queue *q = queue_at(s, queue);
	int found = 0, r = ready(s);
	int64_t id;

	if (r < 0 || !q || after >= STORE_SEQ_MAX)
		return r < 0 ? r : 0;
	for (unsigned p = 0; p < STORE_PRIORITIES; p++) {
		if (q->rows[table][p] == 0)
			continue;
		r = first_id(s, table, store_id(queue, p, after + 1),
		    store_id(queue, p, STORE_SEQ_MAX), &id);
		if (r < 0)
			return r;
		if (r == 1 && (!found || store_id_seq(id) < store_id_seq(*ret))) {
			*ret = id;
			found = 1;
		}
	}
	return found;
}

/* Where an entry or dead letter is. 0, -ENOENT or an error. */
static int locate(struct store_sqlite *s, unsigned queue, uint64_t seq, enum store_table *ret_table,
    int64_t *ret_id)
{
	struct queue *q = queue_at(s, queue);
	int r = ready(s);

	if (r < 0)
		return r;
	if (!q || seq == 0 || seq > STORE_SEQ_MAX)
		return -ENOENT;
	for (unsigned table = 0; table < STORE_TABLES; table++) {
		for (unsigned p = 0; p < STORE_PRIORITIES; p++) {
			int64_t id = store_id(queue, p, seq);

			if (q->rows[table][p] == 0)
				continue;
			r = first_id(s, table, id, id, ret_id);
			if (r == 1)
				*ret_table = table;
			if (r != 0)
				return r < 0 ? r : 0;
		}
	}
	return -ENOENT;
}

static bool sqlite_get(struct store *base, unsigned queue, uint64_t seq, struct store_entry *ret)
{
	enum store_table table;
	int64_t id;

	return locate(sq(base), queue, seq, &table, &id) == 0 &&
	       first_row(sq(base), table, id, id, ret);
}

static bool sqlite_next(
    struct store *base, unsigned queue, bool dead, uint64_t after, struct store_entry *ret)
{
	enum store_table table = dead ? STORE_DEAD : STORE_WAITING;
	int64_t id = 0;

	return first_after(sq(base), table, queue, after, &id) == 1 &&
	       first_row(sq(base), table, id, id, ret);
}

/* The first waiting one of a priority. */
static bool first_of(struct store_sqlite *s, unsigned queue, unsigned p, struct store_entry *ret)
{
	return first_row(
	    s, STORE_WAITING, store_id(queue, p, 0), store_id(queue, p, STORE_SEQ_MAX), ret);
}

static bool sqlite_head(struct store *base, unsigned queue, struct store_entry *ret)
{
	struct queue *q = queue_at(sq(base), queue);

	for (unsigned p = STORE_PRIORITIES; q && p-- > 0;) {
		if (q->rows[STORE_WAITING][p] > 0)
			return first_of(sq(base), queue, p, ret);
	}
	return false;
}

static bool sqlite_oldest(struct store *base, unsigned queue, struct store_entry *ret)
{
	struct queue *q = queue_at(sq(base), queue);

	for (unsigned p = 0; q && p < STORE_PRIORITIES; p++) {
		if (q->rows[STORE_WAITING][p] > 0)
			return first_of(sq(base), queue, p, ret);
	}
	return false;
}

static bool sqlite_find_topic(
    struct store *base, unsigned queue, struct span topic, uint64_t *ret_seq)
{
	struct store_sqlite *s = sq(base);
	sqlite3_stmt *stmt;
	bool is_found;

	if (!queue_at(s, queue) || ready(s) < 0)
		return false;
	stmt = store_db_stmt(&s->db, STMT_FIND_TOPIC);
	store_db_bind_text(stmt, 1, topic);
	sqlite3_bind_int64(stmt, 2, store_id(queue, STORE_PRIORITIES - 1, 0));
	sqlite3_bind_int64(stmt, 3, store_id(queue, 0, STORE_SEQ_MAX));
	is_found = store_db_row(&s->db, stmt) == 1;
	if (is_found)
		*ret_seq = store_id_seq(sqlite3_column_int64(stmt, 0));
	sqlite3_reset(stmt);
	return is_found;
}

/* ---- changes ---- */

static uint64_t sqlite_last_seq(struct store *base)
{
	return sq(base)->last_seq;
}

static int sqlite_open_queue(struct store *base, const char *name, unsigned *ret_queue)
{
	struct store_sqlite *s = sq(base);
	struct redo_record record = { .op = REDO_QUEUE,
		.text = { (const uint8_t *)name, strlen(name) } };
	unsigned place = STORE_QUEUES_MAX;
	char *copy;
	int r;

	for (unsigned i = STORE_QUEUES_MAX; i-- > 0;) {
		if (!s->queues[i].name) {
			place = i;
		} else if (strcmp(s->queues[i].name, name) == 0) {
			*ret_queue = i;
			return 0;
		}
	}
	if (place == STORE_QUEUES_MAX)
		return -ENOSPC;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	record.id = place;
	r = change(s, &record);
	if (r < 0) {
		free(copy);
		return r;
	}
	s->queues[place] = (struct queue){ .name = copy };
	if (place >= s->queue_count)
		s->queue_count = place + 1;
	*ret_queue = place;
	return to_core(sqlite_commit(base));
}

static int sqlite_add(struct store *base, uint64_t seq, int64_t accepted_ms, struct span payload,
    const struct store_target *targets, size_t count)
{
	struct store_sqlite *s = sq(base);
	struct redo_record record = { .op = REDO_ADD,
		.seq = seq,
		.accepted_ms = accepted_ms,
		.payload = payload,
		.target_count = count };
	uint64_t size = payload.len;
	int r;

	if (count == 0 || count > REDO_TARGETS_MAX || seq <= s->last_seq || seq > STORE_SEQ_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		if (!queue_at(s, targets[i].queue))
			return -EINVAL;
		record.targets[i] = targets[i];
		if (targets[i].priority >= STORE_PRIORITIES)
			record.targets[i].priority = STORE_PRIORITIES - 1;
		size += targets[i].topic.len;
	}
	if (size > base->max_bytes || s->bytes > base->max_bytes - size)
		return -ENOSPC;
	/* The room that is left in the log is for what leaves. */
	if (s->has_commit_failed)
		return -EIO;
	r = change(s, &record);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		struct queue *q = &s->queues[targets[i].queue];

		q->rows[STORE_WAITING][record.targets[i].priority]++;
		q->bytes += targets[i].topic.len + payload.len;
	}
	s->bytes += size;
	s->last_seq = seq;
	return 0;
}

/* Bytes of a row's topic and payload. 0 or an error. */
static int row_sizes(struct store_sqlite *s, enum store_table table, int64_t id, size_t *ret_topic,
    size_t *ret_payload, bool *ret_is_shared)
{
	sqlite3_stmt *stmt = store_db_stmt(&s->db, STMT_SIZES + table);
	int r;

	sqlite3_bind_int64(stmt, 1, id);
	sqlite3_bind_int64(stmt, 2, id);
	r = store_db_row(&s->db, stmt);
	if (r == 1) {
		*ret_topic = (size_t)sqlite3_column_bytes(stmt, 1);
		*ret_payload = (size_t)sqlite3_column_int64(stmt, 2);
		*ret_is_shared = sqlite3_column_int(stmt, 3);
	}
	sqlite3_reset(stmt);
	return r < 0 ? r : r == 1 ? 0 : -ENOENT;
}

static int sqlite_remove(struct store *base, unsigned queue, uint64_t seq)
{
	struct store_sqlite *s = sq(base);
	struct redo_record record = { .op = REDO_REMOVE };
	size_t topic_len = 0, payload_len = 0;
	enum store_table table;
	struct queue *q;
	int r = locate(s, queue, seq, &table, &record.id);

	if (r == 0)
		r = row_sizes(s, table, record.id, &topic_len, &payload_len, &record.is_shared);
	if (r < 0)
		return to_core(r);
	record.is_dead = table == STORE_DEAD;
	r = change(s, &record);
	if (r < 0)
		return r;
	q = &s->queues[queue];
	q->rows[table][store_id_priority(record.id)]--;
	q->bytes -= topic_len + payload_len;
	s->bytes -= topic_len;
	if (!record.is_shared || s->is_body_dropped)
		s->bytes -= payload_len;
	return 0;
}

static int sqlite_mark(
    struct store *base, unsigned queue, uint64_t seq, uint8_t tries, bool maybe_sent)
{
	struct redo_record record = { .op = REDO_MARK, .tries = tries, .maybe_sent = maybe_sent };
	enum store_table table;
	int r = locate(sq(base), queue, seq, &table, &record.id);

	if (r < 0)
		return to_core(r);
	record.is_dead = table == STORE_DEAD;
	return change(sq(base), &record);
}

/* From one table to the other. */
static int move(struct store_sqlite *s, unsigned queue, uint64_t seq, enum store_table from,
    struct redo_record *record)
{
	enum store_table table;
	unsigned p;
	int r = locate(s, queue, seq, &table, &record->id);

	if (r == 0 && table != from)
		r = -ENOENT;
	if (r < 0)
		return to_core(r);
	r = change(s, record);
	if (r < 0)
		return r;
	p = store_id_priority(record->id);
	s->queues[queue].rows[from][p]--;
	s->queues[queue].rows[from == STORE_DEAD ? STORE_WAITING : STORE_DEAD][p]++;
	return 0;
}

static int sqlite_bury(struct store *base, unsigned queue, uint64_t seq, const char *reason)
{
	struct redo_record record = { .op = REDO_BURY,
		.text = { (const uint8_t *)reason, strnlen(reason, REASON_MAX - 1) } };

	return move(sq(base), queue, seq, STORE_WAITING, &record);
}

static int sqlite_revive(struct store *base, unsigned queue, uint64_t seq)
{
	struct redo_record record = { .op = REDO_REVIVE };

	return move(sq(base), queue, seq, STORE_DEAD, &record);
}

/* ---- counting ---- */

static void sqlite_usage(struct store *base, unsigned queue, struct store_usage *ret)
{
	struct queue *q = queue_at(sq(base), queue);

	*ret = (struct store_usage){ 0 };
	if (!q)
		return;
	ret->bytes = q->bytes;
	for (size_t p = 0; p < STORE_PRIORITIES; p++) {
		ret->messages += q->rows[STORE_WAITING][p];
		ret->dead_letters += q->rows[STORE_DEAD][p];
	}
}

static void sqlite_total(struct store *base, struct store_usage *ret)
{
	struct store_usage sum = { .bytes = sq(base)->bytes }, one;

	for (unsigned i = 0; i < sq(base)->queue_count; i++) {
		sqlite_usage(base, i, &one);
		sum.messages += one.messages;
		sum.dead_letters += one.dead_letters;
	}
	*ret = sum;
}

static const char *sqlite_error(struct store *base)
{
	return sq(base)->db.error;
}

static int load_table(struct store_sqlite *s, enum store_table table)
{
	sqlite3_stmt *stmt = store_db_stmt(&s->db, STMT_SIZES + table);
	int r;

	sqlite3_bind_int64(stmt, 1, 0);
	sqlite3_bind_int64(stmt, 2, INT64_MAX);
	while ((r = store_db_row(&s->db, stmt)) == 1) {
		int64_t id = sqlite3_column_int64(stmt, 0);
		uint64_t topic_len = (uint64_t)sqlite3_column_bytes(stmt, 1);
		uint64_t payload_len = (uint64_t)sqlite3_column_int64(stmt, 2);
		struct queue *q = queue_at(s, store_id_queue(id));
		unsigned p = store_id_priority(id);

		s->bytes += topic_len + (sqlite3_column_int(stmt, 3) ? 0 : payload_len);
		if (store_id_seq(id) > s->last_seq)
			s->last_seq = store_id_seq(id);
		if (!q || p >= STORE_PRIORITIES)
			continue;
		q->rows[table][p]++;
		q->bytes += topic_len + payload_len;
	}
	return r;
}

static void forget_queues(struct store_sqlite *s)
{
	for (unsigned i = 0; i < STORE_QUEUES_MAX; i++) {
		free(s->queues[i].name);
		s->queues[i] = (struct queue){ 0 };
	}
	s->queue_count = 0;
}

static int load_queues(struct store_sqlite *s)
{
	sqlite3_stmt *stmt;
	int r = store_db_failed(
	    &s->db, sqlite3_prepare_v2(s->db.db, "SELECT id, name FROM queue", -1, &stmt, NULL));

	if (r < 0)
		return r;
	forget_queues(s);
	while ((r = store_db_row(&s->db, stmt)) == 1) {
		int64_t id = sqlite3_column_int64(stmt, 0);
		const char *name = (const char *)sqlite3_column_text(stmt, 1);

		if (id < 0 || id >= STORE_QUEUES_MAX)
			continue;
		s->queues[id].name = name ? strdup(name) : NULL;
		if (!s->queues[id].name) {
			r = -ENOMEM;
			break;
		}
		if (id >= s->queue_count)
			s->queue_count = (unsigned)id + 1;
	}
	sqlite3_finalize(stmt);
	return r;
}

/* What is in the database, counted. */
static int load(struct store_sqlite *s)
{
	int64_t bodies = 0, last_seq = 0;
	int r =
	    store_db_number(&s->db, "SELECT coalesce(sum(length(payload)), 0) FROM body", &bodies);

	if (r == 0)
		r = store_db_number(
		    &s->db, "SELECT value FROM meta WHERE name = 'last_seq'", &last_seq);
	if (r == 0)
		r = load_queues(s);
	s->bytes = (uint64_t)bodies;
	s->last_seq = s->reserved_seq = (uint64_t)last_seq;
	for (unsigned table = 0; r == 0 && table < STORE_TABLES; table++)
		r = load_table(s, table);
	return r;
}

/* ---- opening and closing ---- */

static int open_file(struct store_sqlite *s)
{
	const struct store_db_options options = {
		.is_normal_durability = s->options.is_normal_durability,
		.checkpoint_pages = s->options.checkpoint_pages,
	};

	return store_db_open(&s->db, s->options.path, &options);
}

static int recover(struct store_sqlite *s)
{
	char what[STORE_DB_ERROR_MAX], name[STORE_NAME_MAX], text[STORE_SQLITE_TEXT_MAX * 2];
	struct store_salvage found;
	int r;

	snprintf(what, sizeof(what), "%s", s->db.error);
	if (s->db.db)
		sqlite3_db_config(s->db.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	store_db_close(&s->db);
	r = store_recover(s->options.path, name, &s->db, &found);
	if (r < 0)
		return r;
	snprintf(text, sizeof(text),
	    "%s was damaged (%s) and is now %s; %" PRIu64 " messages and %" PRIu64
	    " dead letters were carried over%s",
	    s->options.path, what, name, found.messages, found.dead_letters,
	    found.is_partial || found.lost ? "; others could not be read" : "");
	if (s->options.warn)
		s->options.warn(text);
	return open_file(s);
}

static int open_db(struct store_sqlite *s)
{
	int r;

	store_recover_finish(s->options.path);
	r = open_file(s);
	if (r == 0 && !s->db.is_new)
		r = store_db_check(&s->db);
	return r == -EUCLEAN ? recover(s) : r;
}

/* Damage that shows while running. What could not be read is gone from the counters, too. */
static int reopen_damaged(struct store_sqlite *s)
{
	int r;

	if (s->db.db) {
		if (store_db_is_open(&s->db))
			store_db_run(&s->db, store_db_stmt(&s->db, STMT_ROLLBACK));
		r = recover(s);
	} else {
		r = open_db(s);
	}
	if (r == 0)
		r = catch_up(s);
	if (r == 0)
		r = load(s);
	if (r < 0) {
		store_db_close(&s->db);
		s->db.is_damaged = true;
	}
	return r;
}

/* A clean end writes down the last number, and all of the log into the database. */
static void sqlite_free(struct store *base)
{
	struct store_sqlite *s = sq(base);

	if (s->db.db && ready(s) == 0) {
		if (s->reserved_seq > s->last_seq && begin(s) == 0) {
			sqlite3_stmt *stmt = store_db_stmt(&s->db, STMT_SET_LAST_SEQ);

			sqlite3_bind_int64(stmt, 1, (int64_t)s->last_seq);
			store_db_run(&s->db, stmt);
		}
		if (store_db_is_open(&s->db))
			store_db_run(&s->db, store_db_stmt(&s->db, STMT_COMMIT));
	}
	store_db_close(&s->db);
	forget_queues(s);
	redo_fini(&s->redo);
	free(s->entry);
	free(s->path);
	free(s);
}

static const struct store_ops sqlite_ops = {
	.free = sqlite_free,
	.open_queue = sqlite_open_queue,
	.last_seq = sqlite_last_seq,
	.add = sqlite_add,
	.head = sqlite_head,
	.get = sqlite_get,
	.next = sqlite_next,
	.find_topic = sqlite_find_topic,
	.oldest = sqlite_oldest,
	.remove = sqlite_remove,
	.mark = sqlite_mark,
	.bury = sqlite_bury,
	.revive = sqlite_revive,
	.commit = sqlite_commit,
	.usage = sqlite_usage,
	.total = sqlite_total,
	.error = sqlite_error,
};

int store_sqlite_open(const struct store_sqlite_options *options, struct store **ret, char error[])
{
	struct store_sqlite *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		snprintf(error, STORE_SQLITE_TEXT_MAX, "out of memory");
		return -ENOMEM;
	}
	s->base = (struct store){ .ops = &sqlite_ops, .max_bytes = options->max_bytes };
	s->options = *options;
	s->options.path = s->path = strdup(options->path);
	redo_init(&s->redo);
	r = s->path ? open_db(s) : -ENOMEM;
	if (r == 0)
		r = load(s);
	if (r < 0) {
		snprintf(error, STORE_SQLITE_TEXT_MAX, "%.500s: %s", options->path, s->db.error);
		store_db_close(&s->db);
		sqlite_free(&s->base);
		return r;
	}
	*ret = &s->base;
	return 0;
}
