/* SPDX-License-Identifier: Apache-2.0 */
#include "store_sqlite.h"

#include "base/limits.h"
#include "store_apply.h"
#include "store_counts.h"
#include "store_recover.h"
#include "store_rows.h"
#include "store_tx.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define REASON_MAX 96

struct store_sqlite {
	struct store base;
	struct store_sqlite_options options;
	char *path; /* options.path, our own */
	struct store_tx tx;
	struct store_counts counts;
	struct store_texts texts;
	bool is_sweep_due; /* with the next commit */
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

static int reopen_damaged(struct store_sqlite *s);

/* The database shows what it should. Queues may be others than before: ask for them afterwards. */
static int ready(struct store_sqlite *s)
{
	int r = s->tx.db.is_damaged ? reopen_damaged(s) : 0;

	return r < 0 ? r : store_tx_ready(&s->tx);
}

/* One change; the counters are the caller's. */
static int change(struct store_sqlite *s, const struct redo_record *record)
{
	int r = ready(s);

	return to_core(r < 0 ? r : store_tx_change(&s->tx, record));
}

/* ---- what was retired ---- */

static int sweep_priority(struct store_sqlite *s, unsigned queue, unsigned p)
{
	uint64_t *retired = &s->counts.queues[queue]->retired[p];
	const struct redo_record record = { .op = REDO_SWEEP, .id = store_id(queue, p, *retired) };
	int r = *retired > 0 ? store_tx_change(&s->tx, &record) : 0;

	if (r == 0)
		*retired = 0;
	return r;
}

static int sweep_queue(struct store_sqlite *s, unsigned queue)
{
	int r = 0;

	for (unsigned p = 0; r == 0 && p < STORE_PRIORITIES; p++)
		r = sweep_priority(s, queue, p);
	return r;
}

static int sweep_all(struct store_sqlite *s)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < STORE_QUEUES_MAX; i++)
		r = s->counts.queues[i] ? sweep_queue(s, i) : 0;
	return r;
}

/* Rows of that priority are there behind this number. */
static uint64_t gone_until(const struct store_queue *q, enum store_table table, unsigned p)
{
	return table == STORE_WAITING ? q->retired[p] : 0;
}

static void sqlite_sweep(struct store *base)
{
	sq(base)->is_sweep_due = true;
}

/* ---- commits ---- */

/* What is read anew from a damaged file are the counters, too, which may be looked at while a
 * commit is under way. */
static int sqlite_prepare(struct store *base)
{
	struct store_sqlite *s = sq(base);
	int r = s->tx.db.is_damaged ? reopen_damaged(s) : 0;

	if (r < 0)
		s->tx.has_commit_failed = true;
	return to_core(r);
}

static int sqlite_commit(struct store *base)
{
	struct store_sqlite *s = sq(base);
	int r = s->tx.db.is_damaged ? reopen_damaged(s) : 0;

	if (r == 0 && s->is_sweep_due)
		r = sweep_all(s);
	if (r < 0) {
		s->tx.has_commit_failed = true;
		return r;
	}
	r = store_tx_commit(&s->tx);
	s->is_sweep_due = s->is_sweep_due && r < 0;
	return r;
}

/* ---- finding ---- */

static struct store_queue *queue_at(struct store_sqlite *s, unsigned queue)
{
	return queue < STORE_QUEUES_MAX ? s->counts.queues[queue] : NULL;
}

/* Of all priorities: the row with the lowest number that is larger than `after`. 1, 0 or an error.
 * Priorities without rows are known and not looked at. */
static int first_after(
    struct store_sqlite *s, enum store_table table, unsigned queue, uint64_t after, int64_t *ret)
{
	int found = 0, r = ready(s);
	struct store_queue *q = queue_at(s, queue);
	int64_t id;

	if (r < 0 || !q || after >= STORE_SEQ_MAX)
		return r < 0 ? r : 0;
	for (unsigned p = 0; p < STORE_PRIORITIES; p++) {
		uint64_t gone = gone_until(q, table, p), behind = after > gone ? after : gone;

		if (q->rows[table][p] == 0)
			continue;
		r = store_rows_first_id(&s->tx.db, table, store_id(queue, p, behind + 1),
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
	int r = ready(s);
	struct store_queue *q = queue_at(s, queue);

	if (r < 0)
		return r;
	if (!q || seq == 0 || seq > STORE_SEQ_MAX)
		return -ENOENT;
	for (unsigned table = 0; table < STORE_TABLES; table++) {
		for (unsigned p = 0; p < STORE_PRIORITIES; p++) {
			int64_t id = store_id(queue, p, seq);

			if (q->rows[table][p] == 0 || seq <= gone_until(q, table, p))
				continue;
			r = store_rows_first_id(&s->tx.db, table, id, id, ret_id);
			if (r == 1)
				*ret_table = table;
			if (r != 0)
				return r < 0 ? r : 0;
		}
	}
	return -ENOENT;
}

static bool first_row(struct store_sqlite *s, enum store_table table, int64_t from, int64_t to,
    struct store_entry *ret)
{
	return ready(s) == 0 && store_rows_first(&s->tx.db, &s->texts, table, from, to, ret);
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
	uint64_t gone = s->counts.queues[queue]->retired[p];

	return first_row(
	    s, STORE_WAITING, store_id(queue, p, gone + 1), store_id(queue, p, STORE_SEQ_MAX), ret);
}

static bool sqlite_head(struct store *base, unsigned queue, struct store_entry *ret)
{
	struct store_queue *q = queue_at(sq(base), queue);

	for (unsigned p = STORE_PRIORITIES; q && p-- > 0;) {
		if (q->rows[STORE_WAITING][p] > 0)
			return first_of(sq(base), queue, p, ret);
	}
	return false;
}

static bool sqlite_oldest(struct store *base, unsigned queue, struct store_entry *ret)
{
	struct store_queue *q = queue_at(sq(base), queue);

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

	return queue_at(s, queue) && ready(s) == 0 &&
	       store_rows_find_topic(
		   &s->tx.db, topic, store_id_first(queue), store_id_last(queue), ret_seq);
}

/* ---- changes ---- */

static uint64_t sqlite_last_seq(struct store *base)
{
	return sq(base)->counts.last_seq;
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

	if (r < 0 || seq <= s->counts.last_seq || seq > STORE_SEQ_MAX)
		return -EINVAL;
	if (size > base->max_bytes || s->counts.total.bytes > base->max_bytes - size)
		return -ENOSPC;
	/* The room that is left in the log is for what leaves. */
	if (s->tx.has_commit_failed)
		return -EIO;
	r = change(s, &record);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		struct store_queue *q = queue_at(s, targets[i].queue);

		q->rows[STORE_WAITING][targets[i].priority]++;
		q->bytes += targets[i].topic.len + targets[i].properties.len + payload.len;
	}
	s->counts.total.messages += count;
	s->counts.total.bytes += size;
	s->counts.last_seq = seq;
	return 0;
}

/* Where an entry or dead letter is, and what it takes. 0, -ENOENT or an error. */
static int measure(struct store_sqlite *s, unsigned queue, uint64_t seq,
    enum store_table *ret_table, struct store_row_size *ret)
{
	sqlite3_stmt *row;
	int64_t id;
	int r = locate(s, queue, seq, ret_table, &id);

	if (r < 0)
		return r;
	row = store_rows_sizes(&s->tx.db, *ret_table, id, id);
	r = store_rows_next_size(&s->tx.db, row, ret);
	sqlite3_reset(row);
	return r == 1 ? 0 : r < 0 ? r : -ENOENT;
}

static void uncount(
    struct store_sqlite *s, enum store_table table, const struct store_row_size *size)
{
	struct store_queue *q = s->counts.queues[store_id_queue(size->id)];

	q->rows[table][store_id_priority(size->id)]--;
	q->bytes -= size->own + size->payload;
	s->counts.total.bytes -= store_row_freed(size);
	(*store_count_of(&s->counts.total, table))--;
}

static int remove_row(
    struct store_sqlite *s, enum store_table table, const struct store_row_size *size)
{
	const struct redo_record record = { .op = REDO_REMOVE,
		.id = size->id,
		.is_dead = table == STORE_DEAD,
		.is_shared = size->is_shared };
	int r = change(s, &record);

	if (r == 0)
		uncount(s, table, size);
	return r;
}

static int sqlite_remove(struct store *base, unsigned queue, uint64_t seq)
{
	enum store_table table;
	struct store_row_size size;
	int r = measure(sq(base), queue, seq, &table, &size);

	return r < 0 ? to_core(r) : remove_row(sq(base), table, &size);
}

/* Whether a row may stay on the disk for a while: it is the first one of its priority, has no
 * reference that must be counted, and is not in the index by topic. */
static bool can_wait(
    struct store_sqlite *s, enum store_table table, const struct store_row_size *size)
{
	unsigned queue = store_id_queue(size->id), p = store_id_priority(size->id);
	int64_t begin = store_id(queue, p, s->counts.queues[queue]->retired[p] + 1), first;

	return table == STORE_WAITING && !size->is_shared && !size->keep_last &&
	       store_rows_first_id(&s->tx.db, table, begin, size->id, &first) == 1 &&
	       first == size->id;
}

static int sqlite_retire(struct store *base, unsigned queue, uint64_t seq)
{
	struct store_sqlite *s = sq(base);
	enum store_table table;
	struct store_row_size size;
	int r = measure(s, queue, seq, &table, &size);

	if (r < 0)
		return to_core(r);
	if (!can_wait(s, table, &size))
		return remove_row(s, table, &size);
	s->counts.queues[queue]->retired[store_id_priority(size.id)] = seq;
	uncount(s, table, &size);
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
	/* Its number may be one of those that were retired. */
	if (r == 0 && to == STORE_WAITING)
		r = sweep_priority(s, queue, store_id_priority(record->id));
	if (r < 0)
		return to_core(r);
	r = change(s, record);
	if (r < 0)
		return r;
	p = store_id_priority(record->id);
	s->counts.queues[queue]->rows[from][p]--;
	s->counts.queues[queue]->rows[to][p]++;
	(*store_count_of(&s->counts.total, from))--;
	(*store_count_of(&s->counts.total, to))++;
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

static int sqlite_open_queue(struct store *base, const char *name, unsigned *ret_queue)
{
	struct store_sqlite *s = sq(base);
	struct redo_record record = { .op = REDO_ADD_QUEUE,
		.text = { (const uint8_t *)name, strlen(name) } };
	unsigned place = STORE_QUEUES_MAX;
	struct store_queue *q;
	int r;

	for (unsigned i = STORE_QUEUES_MAX; i-- > 0;) {
		if (!s->counts.queues[i]) {
			place = i;
		} else if (strcmp(s->counts.queues[i]->name, name) == 0) {
			*ret_queue = i;
			return 0;
		}
	}
	if (place == STORE_QUEUES_MAX)
		return -ENOSPC;
	if (s->tx.has_commit_failed)
		return -EIO;
	q = store_queue_new(name);
	if (!q)
		return -ENOMEM;
	record.id = place;
	r = change(s, &record);
	if (r < 0) {
		store_queue_free(q);
		return r;
	}
	s->counts.queues[place] = q;
	*ret_queue = place;
	return 0;
}

static bool sqlite_next_queue(
    struct store *base, int after, unsigned *ret_queue, const char **ret_name)
{
	for (unsigned i = (unsigned)(after + 1); i < STORE_QUEUES_MAX; i++) {
		if (sq(base)->counts.queues[i]) {
			*ret_queue = i;
			*ret_name = sq(base)->counts.queues[i]->name;
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
		sqlite3_stmt *row =
		    store_rows_sizes(&s->tx.db, table, store_id_first(queue), store_id_last(queue));
		struct store_row_size size;

		while ((r = store_rows_next_size(&s->tx.db, row, &size)) == 1) {
			ret->bytes += store_row_freed(&size);
			(*store_count_of(ret, table))++;
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
	r = ready(s);
	if (r == 0)
		r = sweep_queue(s, queue);
	if (r == 0)
		r = size_of_queue(s, queue, &freed);
	r = r < 0 ? to_core(r) : change(s, &record);
	if (r < 0)
		return r;
	s->counts.total.bytes -= freed.bytes;
	s->counts.total.messages -= freed.messages;
	s->counts.total.dead_letters -= freed.dead_letters;
	store_queue_free(s->counts.queues[queue]);
	s->counts.queues[queue] = NULL;
	return 0;
}

/* ---- notes ---- */

/* As store_rows_find_note. */
static int find_note(struct store_sqlite *s, unsigned queue, enum store_note kind, struct span key,
    const struct span *value)
{
	int r = ready(s);

	return r < 0 ? r : store_rows_find_note(&s->tx.db, queue, kind, key, value);
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
	return s->tx.has_commit_failed ? -EIO : change(s, &record);
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

	return queue_at(s, queue) && ready(s) == 0 &&
	       store_rows_next_note(&s->tx.db, &s->texts, queue, kind, after, ret_key, ret_value);
}

/* ---- counting ---- */

static void sqlite_usage(struct store *base, unsigned queue, struct store_usage *ret)
{
	struct store_queue *q = queue_at(sq(base), queue);

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
	*ret = sq(base)->counts.total;
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
	return sq(base)->tx.db.error;
}

/* ---- opening and closing ---- */

static int open_file(struct store_sqlite *s)
{
	const struct store_db_options options = {
		.is_normal_durability = s->options.is_normal_durability,
		.checkpoint_pages = s->options.checkpoint_pages,
	};

	return store_db_open(&s->tx.db, s->options.path, &options);
}

static int recover(struct store_sqlite *s)
{
	char what[STORE_DB_ERROR_MAX], name[STORE_NAME_MAX], text[STORE_SQLITE_TEXT_MAX * 2];
	struct store_salvage found;
	int r;

	snprintf(what, sizeof(what), "%s", s->tx.db.error);
	if (s->tx.db.db)
		sqlite3_db_config(s->tx.db.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	store_db_close(&s->tx.db);
	r = store_recover(s->options.path, name, &s->tx.db, &found);
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

static int finish_and_open(struct store_sqlite *s)
{
	int r = store_recover_finish(s->options.path);

	if (r < 0)
		return r;
	if (r > 0 && s->options.warn)
		s->options.warn("it was damaged; a recovery that was broken off is finished");
	return open_file(s);
}

/* is_damaged: it is open, and known to be. */
static int open_db(struct store_sqlite *s, bool is_damaged)
{
	int lock = store_db_lock_directory(s->options.path);
	int r = is_damaged ? -EUCLEAN : finish_and_open(s);

	if (r == -EUCLEAN)
		r = recover(s);
	if (lock >= 0)
		close(lock);
	return r;
}

/* Whoever opened a queue goes on with its number, whether its row could be read or not. */
static int name_queues(struct store_sqlite *s)
{
	int r = store_db_exec(&s->tx.db, "BEGIN IMMEDIATE");

	for (unsigned i = 0; r == 0 && i < STORE_QUEUES_MAX; i++) {
		const struct store_queue *q = s->counts.queues[i];
		struct redo_record name = { .op = REDO_ADD_QUEUE, .id = i };

		if (!q)
			continue;
		name.text = (struct span){ (const uint8_t *)q->name, strlen(q->name) };
		r = store_apply(&s->tx.db, &name);
	}
	return r < 0 ? r : store_db_exec(&s->tx.db, "COMMIT");
}

/* Damage that shows while running. What could not be read is gone from the counters, too. */
static int reopen_damaged(struct store_sqlite *s)
{
	bool has_file = s->tx.db.db != NULL;
	int r;

	if (has_file && store_db_is_open(&s->tx.db))
		store_db_run(&s->tx.db, store_db_stmt(&s->tx.db, STMT_ROLLBACK));
	r = open_db(s, has_file);
	if (r == 0)
		r = name_queues(s);
	if (r == 0)
		r = store_tx_catch_up(&s->tx);
	if (r == 0)
		r = sweep_all(s);
	if (r == 0)
		r = store_counts_load(&s->counts, &s->tx.db);
	if (r < 0) {
		store_db_close(&s->tx.db);
		s->tx.db.is_damaged = true;
	}
	return r;
}

/* A clean end writes down the last number, and all of the log into the database. */
static void sqlite_free(struct store *base)
{
	struct store_sqlite *s = sq(base);

	if (s->tx.db.db && ready(s) == 0) {
		sweep_all(s);
		if (s->tx.db.reserved_seq > s->counts.last_seq && store_tx_begin(&s->tx) == 0) {
			sqlite3_stmt *stmt = store_db_stmt(&s->tx.db, STMT_SET_LAST_SEQ);

			sqlite3_bind_int64(stmt, 1, (int64_t)s->counts.last_seq);
			store_db_run(&s->tx.db, stmt);
		}
		if (store_db_is_open(&s->tx.db))
			store_db_run(&s->tx.db, store_db_stmt(&s->tx.db, STMT_COMMIT));
	}
	store_db_close(&s->tx.db);
	store_counts_fini(&s->counts);
	store_tx_fini(&s->tx);
	store_texts_fini(&s->texts);
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
	.retire = sqlite_retire,
	.sweep = sqlite_sweep,
	.mark = sqlite_mark,
	.bury = sqlite_bury,
	.revive = sqlite_revive,
	.put_note = sqlite_put_note,
	.drop_note = sqlite_drop_note,
	.next_note = sqlite_next_note,
	.prepare = sqlite_prepare,
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
	store_tx_init(&s->tx);
	r = s->path ? open_db(s, false) : -ENOMEM;
	if (r == 0)
		r = store_counts_load(&s->counts, &s->tx.db);
	if (r < 0) {
		snprintf(error, STORE_SQLITE_TEXT_MAX, "%.500s: %s", options->path,
		    s->tx.db.error[0] != '\0' ? s->tx.db.error : strerror(-r));
		store_db_close(&s->tx.db);
		sqlite_free(&s->base);
		return r;
	}
	*ret = &s->base;
	return 0;
}
