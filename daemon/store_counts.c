/* SPDX-License-Identifier: Apache-2.0 */
#include "store_counts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct store_queue *store_queue_new(const char *name)
{
	struct store_queue *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->name = strdup(name);
	if (q->name)
		return q;
	free(q);
	return NULL;
}

void store_queue_free(struct store_queue *q)
{
	if (!q)
		return;
	free(q->name);
	free(q);
}

void store_counts_fini(struct store_counts *c)
{
	for (unsigned i = 0; i < STORE_QUEUES_MAX; i++) {
		store_queue_free(c->queues[i]);
		c->queues[i] = NULL;
	}
}

static void count_row(
    struct store_counts *c, enum store_table table, const struct store_row_size *size)
{
	unsigned number = store_id_queue(size->id);
	struct store_queue *q = number < STORE_QUEUES_MAX ? c->queues[number] : NULL;

	c->total.bytes += size->own + (size->is_shared ? 0 : size->payload);
	(*store_count_of(&c->total, table))++;
	if (store_id_seq(size->id) > c->last_seq)
		c->last_seq = store_id_seq(size->id);
	if (!q)
		return;
	q->rows[table][store_id_priority(size->id)]++;
	q->bytes += size->own + size->payload;
}

static int load_table(struct store_counts *c, struct store_db *d, enum store_table table)
{
	sqlite3_stmt *row = store_rows_sizes(d, table, 0, INT64_MAX);
	struct store_row_size size;
	int r;

	while ((r = store_rows_next_size(d, row, &size)) == 1)
		count_row(c, table, &size);
	return r;
}

static int load_queues(struct store_counts *c, struct store_db *d)
{
	sqlite3_stmt *stmt;
	int r = store_db_failed(
	    d, sqlite3_prepare_v3(d->db, "SELECT id, name FROM queue", -1, 0, &stmt, NULL));

	if (r < 0)
		return r;
	store_counts_fini(c);
	while ((r = store_db_row(d, stmt)) == 1) {
		int64_t id = sqlite3_column_int64(stmt, 0);
		const char *name = (const char *)sqlite3_column_text(stmt, 1);

		if (id < 0 || id >= STORE_QUEUES_MAX)
			continue;
		c->queues[id] = name ? store_queue_new(name) : NULL;
		if (!c->queues[id]) {
			r = -ENOMEM;
			break;
		}
	}
	sqlite3_finalize(stmt);
	return r;
}

int store_counts_load(struct store_counts *c, struct store_db *d)
{
	int64_t bodies = 0, last_seq = 0;
	int r = store_db_number(d, "SELECT coalesce(sum(length(payload)), 0) FROM body", &bodies);

	if (r == 0)
		r = store_db_number(d, "SELECT value FROM meta WHERE name = 'last_seq'", &last_seq);
	if (r == 0)
		r = load_queues(c, d);
	/* No store gets so far, and then there would be none after it. */
	if (last_seq >> (STORE_SEQ_BITS - 1) != 0)
		last_seq = 0;
	c->total = (struct store_usage){ .bytes = (uint64_t)bodies };
	c->last_seq = d->reserved_seq = (uint64_t)last_seq;
	for (unsigned table = 0; r == 0 && table < STORE_TABLES; table++)
		r = load_table(c, d, table);
	return r;
}
