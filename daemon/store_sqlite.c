/* SPDX-License-Identifier: Apache-2.0 */
#include "store_sqlite.h"

#include "base/limits.h"
#include "store_apply.h"
#include "store_db.h"
#include "store_recover.h"
#include "store_redo.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#define REASON_MAX 96

/* More than this in one transaction is committed on the way: before a message is added, or if need
 * be before any change. What belongs to one message is thus one transaction. */
#define COMMIT_BYTES      (256 * 1024)
#define COMMIT_BYTES_MUST (768 * 1024)

struct queue {
	char *name;
	uint64_t rows[STORE_TABLES][STORE_PRIORITIES];
	uint64_t bytes;
};

/* What the last row that was handed out points to, one behind the other. */
struct texts {
	uint8_t *mem;
	size_t cap;
	size_t used;
};

struct store_sqlite {
	struct store base;
	struct store_sqlite_options options;
	char *path; /* options.path, our own */
	struct store_db db;
	struct redo redo;
	struct queue *queues[STORE_QUEUES_MAX];
	struct store_usage total;
	uint64_t last_seq;
	/* The database does not show what was changed since the last commit. */
	bool is_behind;
	bool has_commit_failed;  /* and none has worked since */
	bool is_checkpoint_owed; /* a sync failed: the log alone is not to be trusted */
	struct texts texts;
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
		s->db.reserved_seq = 0;
		r = begin(s);
	}
	while (r == 0 && redo_next(&s->redo, &at, &record))
		r = store_apply(&s->db, &record);
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
	int r = 0;

	if (redo_size(&s->redo) > 0 || s->is_checkpoint_owed)
		r = commit_now(s);
	s->has_commit_failed = r < 0;
	return r;
}

/* A change that the log has no place for, with all before it. After a failure it is gone, and what
 * was before it is in the log still. */
static int commit_unlogged(struct store_sqlite *s)
{
	int r = store_db_run(&s->db, store_db_stmt(&s->db, STMT_COMMIT));

	if (s->db.has_sync_failed)
		s->is_checkpoint_owed = true;
	if (r == 0)
		redo_clear(&s->redo);
	return r;
}

/* One change: in the database, and in the log in case that it has to be done again. The counters
 * are the caller's. */
static int change(struct store_sqlite *s, const struct redo_record *record)
{
	size_t commit_bytes = record->op == REDO_ADD ? COMMIT_BYTES : COMMIT_BYTES_MUST;
	uint64_t reserved = s->db.reserved_seq;
	int r = ready(s);

	if (r == 0 && redo_size(&s->redo) > commit_bytes && !s->has_commit_failed)
		r = sqlite_commit(&s->base);
	if (r == 0)
		r = begin(s);
	if (r < 0)
		return to_core(r);
	r = store_apply(&s->db, record);
	if (r == 0)
		r = redo_append(&s->redo, record);
	if (r == -ENOBUFS)
		r = commit_unlogged(s);
	if (r < 0) {
		s->db.reserved_seq = reserved;
		catch_up(s);
	}
	return to_core(r);
}

/* ---- rows ---- */

static struct queue *queue_at(struct store_sqlite *s, unsigned queue)
{
	return queue < STORE_QUEUES_MAX ? s->queues[queue] : NULL;
}

static bool texts_reserve(struct texts *t, size_t size)
{
	uint8_t *mem;

	t->used = 0;
	if (size <= t->cap)
		return true;
	mem = realloc(t->mem, size);
	if (!mem)
		return false;
	t->mem = mem;
	t->cap = size;
	return true;
}

/* Copy what the span points to, and let it point to the copy. */
static void texts_take(struct texts *t, struct span *span)
{
	uint8_t *to = t->mem + t->used;

	if (span->len > 0)
		memcpy(to, span->data, span->len);
	t->used += span->len;
	span->data = to;
}

static bool keep_texts(struct texts *t, struct store_entry *e)
{
	struct span reason = { (const uint8_t *)e->reason, e->reason ? strlen(e->reason) + 1 : 0 };

	if (!texts_reserve(t, e->topic.len + e->properties.len + e->payload.len + reason.len + 1))
		return false;
	texts_take(t, &e->topic);
	texts_take(t, &e->properties);
	texts_take(t, &e->payload);
	if (!e->reason)
		return true;
	texts_take(t, &reason);
	e->reason = (const char *)reason.data;
	return true;
}

static struct span text_column(sqlite3_stmt *row, int column)
{
	const uint8_t *data = sqlite3_column_text(row, column);

	return (struct span){ data, (size_t)sqlite3_column_bytes(row, column) };
}

static struct span blob_column(sqlite3_stmt *row, int column)
{
	const uint8_t *data = sqlite3_column_blob(row, column);

	return (struct span){ data, (size_t)sqlite3_column_bytes(row, column) };
}

static void read_row(sqlite3_stmt *row, struct store_entry *ret)
{
	int64_t id = sqlite3_column_int64(row, COLUMN_ID);

	*ret = (struct store_entry){
		.seq = store_id_seq(id),
		.queue = store_id_queue(id),
		.topic = text_column(row, COLUMN_TOPIC),
		.properties = blob_column(row, COLUMN_PROPERTIES),
		.payload = blob_column(row, COLUMN_PAYLOAD),
		.state = (enum store_state)sqlite3_column_int(row, COLUMN_STATE),
		.packet_id = (uint16_t)sqlite3_column_int(row, COLUMN_PACKET_ID),
		.qos = (uint8_t)sqlite3_column_int(row, COLUMN_QOS),
		.priority = (uint8_t)store_id_priority(id),
		.retain = sqlite3_column_int(row, COLUMN_RETAIN),
		.keep_last = sqlite3_column_int(row, COLUMN_KEEP_LAST),
		.tries = (uint8_t)sqlite3_column_int(row, COLUMN_TRIES),
		.accepted_ms = sqlite3_column_int64(row, COLUMN_ACCEPTED_MS),
		.expires_ms = sqlite3_column_int64(row, COLUMN_EXPIRES_MS),
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
	is_found = keep_texts(&s->texts, &e);
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
	sqlite3_bind_int64(stmt, 2, store_id_first(queue));
	sqlite3_bind_int64(stmt, 3, store_id_last(queue));
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

/* Bytes of a message with all its targets. 0 or -EINVAL. */
static int size_of(struct store_sqlite *s, struct span payload, const struct store_target *targets,
    size_t count, uint64_t *ret)
{
	uint64_t size = payload.len;

	if (count == 0 || count > STORE_TARGETS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		if (!queue_at(s, targets[i].queue) || targets[i].priority >= STORE_PRIORITIES)
			return -EINVAL;
		size += targets[i].topic.len + targets[i].properties.len;
	}
	*ret = size;
	return 0;
}

static int sqlite_add(struct store *base, uint64_t seq, int64_t accepted_ms, struct span payload,
    const struct store_target *targets, size_t count)
{
	struct store_sqlite *s = sq(base);
	const struct redo_record record = { .op = REDO_ADD,
		.seq = seq,
		.accepted_ms = accepted_ms,
		.payload = payload,
		.targets = targets,
		.target_count = count };
	uint64_t size;
	int r = size_of(s, payload, targets, count, &size);

	if (r < 0 || seq <= s->last_seq || seq > STORE_SEQ_MAX)
		return -EINVAL;
	if (size > base->max_bytes || s->total.bytes > base->max_bytes - size)
		return -ENOSPC;
	/* The room that is left in the log is for what leaves. */
	if (s->has_commit_failed)
		return -EIO;
	r = change(s, &record);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		struct queue *q = queue_at(s, targets[i].queue);

		q->rows[STORE_WAITING][targets[i].priority]++;
		q->bytes += targets[i].topic.len + targets[i].properties.len + payload.len;
	}
	s->total.messages += count;
	s->total.bytes += size;
	s->last_seq = seq;
	return 0;
}

/* What a row takes: of its own, and of a payload. */
struct size {
	int64_t id;
	uint64_t own, payload;
	bool is_shared, is_last; /* the payload is in a body; this is its only reference */
};

static void read_size(sqlite3_stmt *row, struct size *ret)
{
	*ret = (struct size){
		.id = sqlite3_column_int64(row, SIZE_ID),
		.own = (uint64_t)sqlite3_column_bytes(row, SIZE_TOPIC) +
		       (uint64_t)sqlite3_column_int64(row, SIZE_PROPERTIES),
		.payload = (uint64_t)sqlite3_column_int64(row, SIZE_PAYLOAD),
		.is_shared = sqlite3_column_int(row, SIZE_IS_SHARED),
		.is_last = sqlite3_column_int(row, SIZE_IS_LAST),
	};
}

/* What its end frees. */
static uint64_t freed_by(const struct size *size)
{
	return size->own + (size->is_shared && !size->is_last ? 0 : size->payload);
}

static sqlite3_stmt *sizes_of(
    struct store_sqlite *s, enum store_table table, int64_t from, int64_t to)
{
	sqlite3_stmt *stmt = store_db_stmt(&s->db, STMT_SIZES + table);

	sqlite3_bind_int64(stmt, 1, from);
	sqlite3_bind_int64(stmt, 2, to);
	return stmt;
}

static uint64_t *count_of(struct store_usage *usage, enum store_table table)
{
	return table == STORE_DEAD ? &usage->dead_letters : &usage->messages;
}

static int sqlite_remove(struct store *base, unsigned queue, uint64_t seq)
{
	struct store_sqlite *s = sq(base);
	struct redo_record record = { .op = REDO_REMOVE };
	enum store_table table;
	sqlite3_stmt *row;
	struct size size;
	struct queue *q;
	int r = locate(s, queue, seq, &table, &record.id);

	if (r < 0)
		return to_core(r);
	row = sizes_of(s, table, record.id, record.id);
	r = store_db_row(&s->db, row);
	if (r == 1)
		read_size(row, &size);
	sqlite3_reset(row);
	if (r != 1)
		return r < 0 ? to_core(r) : -ENOENT;
	record.is_dead = table == STORE_DEAD;
	record.is_shared = size.is_shared;
	r = change(s, &record);
	if (r < 0)
		return r;
	q = queue_at(s, queue);
	q->rows[table][store_id_priority(record.id)]--;
	q->bytes -= size.own + size.payload;
	s->total.bytes -= freed_by(&size);
	(*count_of(&s->total, table))--;
	return 0;
}

static int sqlite_mark(
    struct store *base, unsigned queue, uint64_t seq, uint8_t tries, enum store_state state)
{
	struct redo_record record = { .op = REDO_MARK, .tries = tries, .state = state };
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
	enum store_table to = from == STORE_DEAD ? STORE_WAITING : STORE_DEAD, table;
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
	s->queues[queue]->rows[from][p]--;
	s->queues[queue]->rows[to][p]++;
	(*count_of(&s->total, from))--;
	(*count_of(&s->total, to))++;
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

/* ---- queues ---- */

static void queue_free(struct queue *q)
{
	if (!q)
		return;
	free(q->name);
	free(q);
}

static struct queue *queue_new(const char *name)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->name = strdup(name);
	if (q->name)
		return q;
	free(q);
	return NULL;
}

static int sqlite_open_queue(struct store *base, const char *name, unsigned *ret_queue)
{
	struct store_sqlite *s = sq(base);
	struct redo_record record = { .op = REDO_ADD_QUEUE,
		.text = { (const uint8_t *)name, strlen(name) } };
	unsigned place = STORE_QUEUES_MAX;
	struct queue *q;
	int r;

	for (unsigned i = STORE_QUEUES_MAX; i-- > 0;) {
		if (!s->queues[i]) {
			place = i;
		} else if (strcmp(s->queues[i]->name, name) == 0) {
			*ret_queue = i;
			return 0;
		}
	}
	if (place == STORE_QUEUES_MAX)
		return -ENOSPC;
	if (s->has_commit_failed)
		return -EIO;
	q = queue_new(name);
	if (!q)
		return -ENOMEM;
	record.id = place;
	r = change(s, &record);
	if (r < 0) {
		queue_free(q);
		return r;
	}
	s->queues[place] = q;
	*ret_queue = place;
	return 0;
}

static bool sqlite_next_queue(
    struct store *base, int after, unsigned *ret_queue, const char **ret_name)
{
	for (unsigned i = (unsigned)(after + 1); i < STORE_QUEUES_MAX; i++) {
		if (sq(base)->queues[i]) {
			*ret_queue = i;
			*ret_name = sq(base)->queues[i]->name;
			return true;
		}
	}
	return false;
}

/* Add up what the end of a queue frees. */
static int size_of_queue(struct store_sqlite *s, unsigned queue, struct store_usage *ret)
{
	int r = ready(s);

	*ret = (struct store_usage){ 0 };
	for (unsigned table = 0; r == 0 && table < STORE_TABLES; table++) {
		sqlite3_stmt *row = sizes_of(s, table, store_id_first(queue), store_id_last(queue));

		while ((r = store_db_row(&s->db, row)) == 1) {
			struct size size;

			read_size(row, &size);
			ret->bytes += freed_by(&size);
			(*count_of(ret, table))++;
		}
	}
	return r;
}

static int sqlite_drop_queue(struct store *base, unsigned queue)
{
	const struct redo_record record = { .op = REDO_DROP_QUEUE, .id = queue };
	struct store_sqlite *s = sq(base);
	struct store_usage freed;
	int r;

	if (!queue_at(s, queue))
		return -ENOENT;
	r = to_core(size_of_queue(s, queue, &freed));
	if (r == 0)
		r = change(s, &record);
	if (r < 0)
		return r;
	s->total.bytes -= freed.bytes;
	s->total.messages -= freed.messages;
	s->total.dead_letters -= freed.dead_letters;
	queue_free(s->queues[queue]);
	s->queues[queue] = NULL;
	return 0;
}

/* ---- notes ---- */

static void bind_note(sqlite3_stmt *stmt, unsigned queue, enum store_note kind, struct span key)
{
	sqlite3_bind_int64(stmt, 1, queue);
	sqlite3_bind_int(stmt, 2, (int)kind);
	store_db_bind_text(stmt, 3, key);
}

/* By their bytes, as SQLite has it. */
static int compare(struct span a, struct span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int r = len > 0 ? memcmp(a.data, b.data, len) : 0;

	return r != 0 ? r : (a.len > b.len) - (a.len < b.len);
}

/* 1: there is a note of that key, with that value if it is not NULL; 0: there is not; or an error.
 */
static int find_note(struct store_sqlite *s, unsigned queue, enum store_note kind, struct span key,
    const struct span *value)
{
	sqlite3_stmt *stmt;
	int r = ready(s);

	if (r < 0)
		return r;
	stmt = store_db_stmt(&s->db, STMT_GET_NOTE);
	bind_note(stmt, queue, kind, key);
	r = store_db_row(&s->db, stmt);
	if (r == 1 && value) {
		r = compare(text_column(stmt, 0), *value) == 0;
	}
	sqlite3_reset(stmt);
	return r;
}

static int sqlite_put_note(
    struct store *base, unsigned queue, enum store_note kind, struct span key, struct span value)
{
	const struct redo_record record = {
		.op = REDO_PUT_NOTE, .id = queue, .kind = kind, .text = key, .payload = value
	};
	struct store_sqlite *s = sq(base);
	int r;

	if (key.len == 0 || key.len > STORE_NOTE_MAX || value.len > STORE_NOTE_MAX)
		return -EINVAL;
	if (!queue_at(s, queue))
		return -ENOENT;
	/* One that is there already is no reason to write. */
	r = find_note(s, queue, kind, key, &value);
	if (r != 0)
		return r < 0 ? to_core(r) : 0;
	return s->has_commit_failed ? -EIO : change(s, &record);
}

static int sqlite_drop_note(
    struct store *base, unsigned queue, enum store_note kind, struct span key)
{
	const struct redo_record record = {
		.op = REDO_DROP_NOTE, .id = queue, .kind = kind, .text = key
	};
	int r = queue_at(sq(base), queue) ? find_note(sq(base), queue, kind, key, NULL) : 0;

	if (r != 1)
		return r < 0 ? to_core(r) : -ENOENT;
	return change(sq(base), &record);
}

static bool sqlite_next_note(struct store *base, unsigned queue, enum store_note kind,
    struct span after, struct span *ret_key, struct span *ret_value)
{
	struct store_sqlite *s = sq(base);
	struct span key, value;
	sqlite3_stmt *stmt;
	bool is_found;

	if (!queue_at(s, queue) || ready(s) < 0)
		return false;
	stmt = store_db_stmt(&s->db, STMT_NEXT_NOTE);
	bind_note(stmt, queue, kind, after);
	is_found = store_db_row(&s->db, stmt) == 1;
	if (is_found) {
		key = text_column(stmt, 0);
		value = text_column(stmt, 1);
		/* In a damaged table a walk could come back to where it was. */
		is_found =
		    compare(key, after) > 0 && texts_reserve(&s->texts, key.len + value.len + 1);
	}
	if (is_found) {
		texts_take(&s->texts, &key);
		texts_take(&s->texts, &value);
		*ret_key = key;
		*ret_value = value;
	}
	sqlite3_reset(stmt);
	return is_found;
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
	*ret = sq(base)->total;
}

static int sqlite_free_bytes(struct store *base, uint64_t *ret)
{
	struct statvfs fs;

	if (statvfs(sq(base)->path, &fs) < 0)
		return -errno;
	*ret = (uint64_t)fs.f_bavail * fs.f_frsize;
	return 0;
}

static const char *sqlite_error(struct store *base)
{
	return sq(base)->db.error;
}

static int load_table(struct store_sqlite *s, enum store_table table)
{
	sqlite3_stmt *row = sizes_of(s, table, 0, INT64_MAX);
	int r;

	while ((r = store_db_row(&s->db, row)) == 1) {
		struct queue *q;
		struct size size;

		read_size(row, &size);
		s->total.bytes += size.own + (size.is_shared ? 0 : size.payload);
		(*count_of(&s->total, table))++;
		if (store_id_seq(size.id) > s->last_seq)
			s->last_seq = store_id_seq(size.id);
		q = queue_at(s, store_id_queue(size.id));
		if (!q)
			continue;
		q->rows[table][store_id_priority(size.id)]++;
		q->bytes += size.own + size.payload;
	}
	return r;
}

static void forget_queues(struct store_sqlite *s)
{
	for (unsigned i = 0; i < STORE_QUEUES_MAX; i++) {
		queue_free(s->queues[i]);
		s->queues[i] = NULL;
	}
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
		s->queues[id] = name ? queue_new(name) : NULL;
		if (!s->queues[id]) {
			r = -ENOMEM;
			break;
		}
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
	s->total = (struct store_usage){ .bytes = (uint64_t)bodies };
	s->last_seq = s->db.reserved_seq = (uint64_t)last_seq;
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
		if (s->db.reserved_seq > s->last_seq && begin(s) == 0) {
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
	free(s->texts.mem);
	free(s->path);
	free(s);
}

static const struct store_ops sqlite_ops = {
	.free = sqlite_free,
	.open_queue = sqlite_open_queue,
	.next_queue = sqlite_next_queue,
	.drop_queue = sqlite_drop_queue,
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
	.put_note = sqlite_put_note,
	.drop_note = sqlite_drop_note,
	.next_note = sqlite_next_note,
	.commit = sqlite_commit,
	.usage = sqlite_usage,
	.total = sqlite_total,
	.error = sqlite_error,
	.free_bytes = sqlite_free_bytes,
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
