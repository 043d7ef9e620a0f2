/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which row is meant: by its number, its place in the order of leaving, or its topic.
 */
#include "store_sqlite_priv.h"

#include <errno.h>

/* Rows of that priority are there behind this number. */
static uint64_t gone_until(const struct store_queue *q, enum store_table table, unsigned p)
{
	return table == STORE_WAITING ? q->retired[p] : 0;
}

/* Of all priorities: the row with the lowest number that is larger than `after`. 1, 0 or an error.
 * Priorities without rows are known and not looked at. */
static int first_after(
    struct store_sqlite *s, enum store_table table, unsigned queue, uint64_t after, int64_t *ret)
{
	int found = 0, r = store_sqlite_ready(s);
	struct store_queue *q = store_sqlite_queue(s, queue);
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

int store_sqlite_locate(struct store_sqlite *s, unsigned queue, uint64_t seq,
    enum store_table *ret_table, int64_t *ret_id)
{
	int r = store_sqlite_ready(s);
	struct store_queue *q = store_sqlite_queue(s, queue);

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
	return store_sqlite_ready(s) == 0 &&
	       store_rows_first(&s->tx.db, &s->texts, table, from, to, ret);
}

bool store_sqlite_get(struct store *base, unsigned queue, uint64_t seq, struct store_entry *ret)
{
	enum store_table table;
	int64_t id;

	return store_sqlite_locate(store_sqlite_of(base), queue, seq, &table, &id) == 0 &&
	       first_row(store_sqlite_of(base), table, id, id, ret);
}

bool store_sqlite_next(
    struct store *base, unsigned queue, bool dead, uint64_t after, struct store_entry *ret)
{
	enum store_table table = dead ? STORE_DEAD : STORE_WAITING;
	int64_t id = 0;

	return first_after(store_sqlite_of(base), table, queue, after, &id) == 1 &&
	       first_row(store_sqlite_of(base), table, id, id, ret);
}

/* The first waiting one of a priority. */
static bool first_of(struct store_sqlite *s, unsigned queue, unsigned p, struct store_entry *ret)
{
	uint64_t gone = s->counts.queues[queue]->retired[p];

	return first_row(
	    s, STORE_WAITING, store_id(queue, p, gone + 1), store_id(queue, p, STORE_SEQ_MAX), ret);
}

bool store_sqlite_head(struct store *base, unsigned queue, struct store_entry *ret)
{
	struct store_queue *q = store_sqlite_queue(store_sqlite_of(base), queue);

	for (unsigned p = STORE_PRIORITIES; q && p-- > 0;) {
		if (q->rows[STORE_WAITING][p] > 0)
			return first_of(store_sqlite_of(base), queue, p, ret);
	}
	return false;
}

bool store_sqlite_oldest(struct store *base, unsigned queue, struct store_entry *ret)
{
	struct store_queue *q = store_sqlite_queue(store_sqlite_of(base), queue);

	for (unsigned p = 0; q && p < STORE_PRIORITIES; p++) {
		if (q->rows[STORE_WAITING][p] > 0)
			return first_of(store_sqlite_of(base), queue, p, ret);
	}
	return false;
}

bool store_sqlite_find_topic(
    struct store *base, unsigned queue, struct span topic, uint64_t *ret_seq)
{
	struct store_sqlite *s = store_sqlite_of(base);

	return store_sqlite_queue(s, queue) && store_sqlite_ready(s) == 0 &&
	       store_rows_find_topic(
		   &s->tx.db, topic, store_id_first(queue), store_id_last(queue), ret_seq);
}
