/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages come and leave. A change goes to the database and to the counters, or to neither.
 */
#include "store_sqlite_priv.h"

#include <errno.h>
#include <string.h>

#define REASON_MAX 96

int store_sqlite_change(struct store_sqlite *s, const struct redo_record *record)
{
	int r = store_sqlite_ready(s);

	return store_sqlite_to_core(r < 0 ? r : store_tx_change(&s->tx, record));
}

/* ---- messages that come ---- */

/* Bytes of a message with all its targets. 0 or -EINVAL. */
static int size_of(struct store_sqlite *s, struct span payload, const struct store_target *targets,
    size_t count, uint64_t *ret)
{
	uint64_t size = payload.len;

	if (count == 0 || count > STORE_TARGETS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		if (!store_sqlite_queue(s, targets[i].queue) ||
		    targets[i].priority >= STORE_PRIORITIES)
			return -EINVAL;
		size += targets[i].topic.len + targets[i].properties.len;
	}
	*ret = size;
	return 0;
}

int store_sqlite_add(struct store *base, uint64_t seq, int64_t accepted_ms, struct span payload,
    const struct store_target *targets, size_t count)
{
	struct store_sqlite *s = store_sqlite_of(base);
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
	r = store_sqlite_change(s, &record);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		struct store_queue *q = store_sqlite_queue(s, targets[i].queue);

		q->rows[STORE_WAITING][targets[i].priority]++;
		q->bytes += targets[i].topic.len + targets[i].properties.len + payload.len;
	}
	s->counts.total.messages += count;
	s->counts.total.bytes += size;
	s->counts.last_seq = seq;
	return 0;
}

/* ---- those that leave ---- */

/* Where an entry or dead letter is, and what it takes. 0, -ENOENT or an error. */
static int measure(struct store_sqlite *s, unsigned queue, uint64_t seq,
    enum store_table *ret_table, struct store_row_size *ret)
{
	sqlite3_stmt *row;
	int64_t id;
	int r = store_sqlite_locate(s, queue, seq, ret_table, &id);

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
	int r = store_sqlite_change(s, &record);

	if (r == 0)
		uncount(s, table, size);
	return r;
}

int store_sqlite_remove(struct store *base, unsigned queue, uint64_t seq)
{
	enum store_table table;
	struct store_row_size size;
	int r = measure(store_sqlite_of(base), queue, seq, &table, &size);

	return r < 0 ? store_sqlite_to_core(r) : remove_row(store_sqlite_of(base), table, &size);
}

/* ---- those that are delivered: they leave the tables with the next sweep ---- */

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

int store_sqlite_retire(struct store *base, unsigned queue, uint64_t seq)
{
	struct store_sqlite *s = store_sqlite_of(base);
	enum store_table table;
	struct store_row_size size;
	int r = measure(s, queue, seq, &table, &size);

	if (r < 0)
		return store_sqlite_to_core(r);
	if (!can_wait(s, table, &size))
		return remove_row(s, table, &size);
	s->counts.queues[queue]->retired[store_id_priority(size.id)] = seq;
	uncount(s, table, &size);
	return 0;
}

static int sweep_priority(struct store_sqlite *s, unsigned queue, unsigned p)
{
	uint64_t *retired = &s->counts.queues[queue]->retired[p];
	const struct redo_record record = { .op = REDO_SWEEP, .id = store_id(queue, p, *retired) };
	int r = *retired > 0 ? store_tx_change(&s->tx, &record) : 0;

	if (r == 0)
		*retired = 0;
	return r;
}

int store_sqlite_sweep_queue(struct store_sqlite *s, unsigned queue)
{
	int r = 0;

	for (unsigned p = 0; r == 0 && p < STORE_PRIORITIES; p++)
		r = sweep_priority(s, queue, p);
	return r;
}

int store_sqlite_sweep_all(struct store_sqlite *s)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < STORE_QUEUES_MAX; i++)
		r = s->counts.queues[i] ? store_sqlite_sweep_queue(s, i) : 0;
	return r;
}

void store_sqlite_sweep(struct store *base)
{
	store_sqlite_of(base)->is_sweep_due = true;
}

/* ---- those that stay ---- */

int store_sqlite_mark(
    struct store *base, unsigned queue, uint64_t seq, uint8_t tries, enum store_state state)
{
	struct redo_record record = { .op = REDO_MARK, .tries = tries, .state = state };
	enum store_table table;
	int r = store_sqlite_locate(store_sqlite_of(base), queue, seq, &table, &record.id);

	if (r < 0)
		return store_sqlite_to_core(r);
	record.is_dead = table == STORE_DEAD;
	return store_sqlite_change(store_sqlite_of(base), &record);
}

/* From one table to the other. */
static int move(struct store_sqlite *s, unsigned queue, uint64_t seq, enum store_table from,
    struct redo_record *record)
{
	enum store_table to = from == STORE_DEAD ? STORE_WAITING : STORE_DEAD, table;
	unsigned p;
	int r = store_sqlite_locate(s, queue, seq, &table, &record->id);

	if (r == 0 && table != from)
		r = -ENOENT;
	/* Its number may be one of those that were retired. */
	if (r == 0 && to == STORE_WAITING)
		r = sweep_priority(s, queue, store_id_priority(record->id));
	if (r < 0)
		return store_sqlite_to_core(r);
	r = store_sqlite_change(s, record);
	if (r < 0)
		return r;
	p = store_id_priority(record->id);
	s->counts.queues[queue]->rows[from][p]--;
	s->counts.queues[queue]->rows[to][p]++;
	(*store_count_of(&s->counts.total, from))--;
	(*store_count_of(&s->counts.total, to))++;
	return 0;
}

int store_sqlite_bury(struct store *base, unsigned queue, uint64_t seq, const char *reason)
{
	struct redo_record record = { .op = REDO_BURY,
		.text = { (const uint8_t *)reason, strnlen(reason, REASON_MAX - 1) } };

	return move(store_sqlite_of(base), queue, seq, STORE_WAITING, &record);
}

int store_sqlite_revive(struct store *base, unsigned queue, uint64_t seq)
{
	struct redo_record record = { .op = REDO_REVIVE };

	return move(store_sqlite_of(base), queue, seq, STORE_DEAD, &record);
}
