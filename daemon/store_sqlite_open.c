/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The database is opened, and is mended when it is damaged, at the start or later.
 */
#include "store_apply.h"
#include "store_recover.h"
#include "store_sqlite_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
	struct store_salvage found = { 0 };
	int r;

	snprintf(what, sizeof(what), "%s", s->tx.db.error);
	if (s->tx.db.db)
		sqlite3_db_config(s->tx.db.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	store_db_close(&s->tx.db);
	r = store_recover(s->options.path, name, &s->tx.db, &found);
	if (r < 0)
		return r;
	snprintf(text, sizeof(text),
	    "%s was damaged (%s) and is now %s; %" PRId64 " messages and %" PRId64
	    " dead letters were carried over",
	    s->options.path, what, name, found.counts[STORE_WAITING], found.counts[STORE_DEAD]);
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

int store_sqlite_open_db(struct store_sqlite *s)
{
	return open_db(s, false);
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
		r = store_sqlite_sweep_all(s);
	if (r == 0)
		r = store_counts_load(&s->counts, &s->tx.db);
	if (r < 0) {
		store_db_close(&s->tx.db);
		s->tx.db.is_damaged = true;
	}
	return r;
}

int store_sqlite_mend(struct store_sqlite *s)
{
	return s->tx.db.is_damaged ? reopen_damaged(s) : 0;
}

int store_sqlite_ready(struct store_sqlite *s)
{
	int r = store_sqlite_mend(s);

	return r < 0 ? r : store_tx_ready(&s->tx);
}
