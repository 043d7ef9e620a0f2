/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues, and the notes that are kept with them.
 */
#include "store_sqlite_priv.h"

#include <errno.h>
#include <string.h>

int store_sqlite_open_queue(struct store *base, const char *name, unsigned *ret_queue)
{
	struct store_sqlite *s = store_sqlite_of(base);
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
	r = store_sqlite_change(s, &record);
	if (r < 0) {
		store_queue_free(q);
		return r;
	}
	s->counts.queues[place] = q;
	*ret_queue = place;
	return 0;
}

bool store_sqlite_next_queue(
    struct store *base, int after, unsigned *ret_queue, const char **ret_name)
{
	for (unsigned i = (unsigned)(after + 1); i < STORE_QUEUES_MAX; i++) {
		if (store_sqlite_of(base)->counts.queues[i]) {
			*ret_queue = i;
			*ret_name = store_sqlite_of(base)->counts.queues[i]->name;
			return true;
		}
	}
	return false;
}

/* Add up what the end of a queue frees. */
static int size_of_queue(struct store_sqlite *s, unsigned queue, struct store_usage *ret)
{
	int r = store_sqlite_ready(s);

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

int store_sqlite_drop_queue(struct store *base, unsigned queue)
{
	const struct redo_record record = { .op = REDO_DROP_QUEUE, .id = queue };
	struct store_sqlite *s = store_sqlite_of(base);
	struct store_usage freed;
	int r;

	if (!store_sqlite_queue(s, queue))
		return -ENOENT;
	r = store_sqlite_ready(s);
	if (r == 0)
		r = store_sqlite_sweep_queue(s, queue);
	if (r == 0)
		r = size_of_queue(s, queue, &freed);
	r = r < 0 ? store_sqlite_to_core(r) : store_sqlite_change(s, &record);
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
	int r = store_sqlite_ready(s);

	return r < 0 ? r : store_rows_find_note(&s->tx.db, queue, kind, key, value);
}

int store_sqlite_put_note(
    struct store *base, unsigned queue, enum store_note kind, struct span key, struct span value)
{
	const struct redo_record record = {
		.op = REDO_PUT_NOTE, .id = queue, .kind = kind, .text = key, .payload = value
	};
	struct store_sqlite *s = store_sqlite_of(base);
	int r;

	if (key.len == 0 || key.len > STORE_NOTE_MAX || value.len > STORE_NOTE_MAX)
		return -EINVAL;
	if (!store_sqlite_queue(s, queue))
		return -ENOENT;
	/* One that is there already is no reason to write. */
	r = find_note(s, queue, kind, key, &value);
	if (r != 0)
		return r < 0 ? store_sqlite_to_core(r) : 0;
	return s->tx.has_commit_failed ? -EIO : store_sqlite_change(s, &record);
}

int store_sqlite_drop_note(
    struct store *base, unsigned queue, enum store_note kind, struct span key)
{
	const struct redo_record record = {
		.op = REDO_DROP_NOTE, .id = queue, .kind = kind, .text = key
	};
	int r = store_sqlite_queue(store_sqlite_of(base), queue)
		    ? find_note(store_sqlite_of(base), queue, kind, key, NULL)
		    : 0;

	if (r != 1)
		return r < 0 ? store_sqlite_to_core(r) : -ENOENT;
	return store_sqlite_change(store_sqlite_of(base), &record);
}

bool store_sqlite_next_note(struct store *base, unsigned queue, enum store_note kind,
    struct span after, struct span *ret_key, struct span *ret_value)
{
	struct store_sqlite *s = store_sqlite_of(base);

	return store_sqlite_queue(s, queue) && store_sqlite_ready(s) == 0 &&
	       store_rows_next_note(&s->tx.db, &s->texts, queue, kind, after, ret_key, ret_value);
}
