/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store on disk, put together: commits, numbers, the beginning and the end.
 */
#include "store_sqlite_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

/* ---- commits ---- */

/* What is read anew from a damaged file are the counters, too, which may be looked at while a
 * commit is under way. */
static int sqlite_prepare(struct store *base)
{
	struct store_sqlite *s = store_sqlite_of(base);
	int r = store_sqlite_mend(s);

	if (r < 0)
		s->tx.has_commit_failed = true;
	return store_sqlite_to_core(r);
}

static int sqlite_commit(struct store *base)
{
	struct store_sqlite *s = store_sqlite_of(base);
	int r = store_sqlite_mend(s);

	if (r == 0 && s->is_sweep_due)
		r = store_sqlite_sweep_all(s);
	if (r < 0) {
		s->tx.has_commit_failed = true;
		return r;
	}
	r = store_tx_commit(&s->tx);
	s->is_sweep_due = s->is_sweep_due && r < 0;
	return r;
}

/* ---- counting ---- */

static uint64_t sqlite_last_seq(struct store *base)
{
	return store_sqlite_of(base)->counts.last_seq;
}

static void sqlite_usage(struct store *base, unsigned queue, struct store_usage *ret)
{
	struct store_queue *q = store_sqlite_queue(store_sqlite_of(base), queue);

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
	*ret = store_sqlite_of(base)->counts.total;
}

static int sqlite_free_bytes(struct store *base, uint64_t *ret)
{
	struct statvfs fs;

	if (statvfs(store_sqlite_of(base)->path, &fs) < 0)
		return -errno;
	*ret = (uint64_t)fs.f_bavail * fs.f_frsize;
	return 0;
}

static const char *sqlite_error(struct store *base)
{
	return store_sqlite_of(base)->tx.db.error;
}

/* ---- opening and closing ---- */

/* A clean end writes down the last number, and all of the log into the database. */
static void sqlite_free(struct store *base)
{
	struct store_sqlite *s = store_sqlite_of(base);

	if (s->tx.db.db && store_sqlite_ready(s) == 0) {
		store_sqlite_sweep_all(s);
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
	.open_queue = store_sqlite_open_queue,
	.next_queue = store_sqlite_next_queue,
	.drop_queue = store_sqlite_drop_queue,
	.last_seq = sqlite_last_seq,
	.add = store_sqlite_add,
	.head = store_sqlite_head,
	.get = store_sqlite_get,
	.next = store_sqlite_next,
	.find_topic = store_sqlite_find_topic,
	.oldest = store_sqlite_oldest,
	.remove = store_sqlite_remove,
	.retire = store_sqlite_retire,
	.sweep = store_sqlite_sweep,
	.mark = store_sqlite_mark,
	.bury = store_sqlite_bury,
	.revive = store_sqlite_revive,
	.put_note = store_sqlite_put_note,
	.drop_note = store_sqlite_drop_note,
	.next_note = store_sqlite_next_note,
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
	r = s->path ? store_sqlite_open_db(s) : -ENOMEM;
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
