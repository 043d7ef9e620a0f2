/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the store on disk share. A change goes through store_sqlite_change, so that it
 * can be done again; the counters follow it, and are never ahead of it.
 */
#ifndef CMQTTD_STORE_SQLITE_PRIV_H
#define CMQTTD_STORE_SQLITE_PRIV_H

#include "base/limits.h"
#include "store_counts.h"
#include "store_rows.h"
#include "store_sqlite.h"
#include "store_tx.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

struct store_sqlite {
	struct store base;
	struct store_sqlite_options options;
	char *path; /* options.path, our own */
	struct store_tx tx;
	struct store_counts counts;
	struct store_texts texts;
	bool is_sweep_due; /* with the next commit */
};

static inline struct store_sqlite *store_sqlite_of(struct store *s)
{
	return (struct store_sqlite *)s;
}

/* What the core is told: it knows no other failures of a disk. */
static inline int store_sqlite_to_core(int r)
{
	return r == 0 || r == -ENOENT || r == -ENOMEM ? r : -EIO;
}

/* NULL: there is none of that number. */
static inline struct store_queue *store_sqlite_queue(struct store_sqlite *s, unsigned queue)
{
	return queue < STORE_QUEUES_MAX ? s->counts.queues[queue] : NULL;
}

/* ---- store_sqlite_open.c ---- */

/* Open the database of s->options; a damaged one is set aside, and another made of what can be
 * read. Errors as store_db_open. */
int store_sqlite_open_db(struct store_sqlite *s);

/* The same when damage has shown while running (tx.db.is_damaged), with the changes that were not
 * yet committed; what could not be read is gone from the counters, too. Nothing to do: 0. Errors as
 * store_db_open: it can be tried again. */
int store_sqlite_mend(struct store_sqlite *s);

/* The database shows what it should. Queues may be others than before: ask for them afterwards.
 * 0, or an error as store_db_run. */
int store_sqlite_ready(struct store_sqlite *s);

/* ---- store_sqlite_find.c ---- */

/* Where an entry or dead letter is. 0, -ENOENT, or an error as store_db_row. */
int store_sqlite_locate(struct store_sqlite *s, unsigned queue, uint64_t seq,
    enum store_table *ret_table, int64_t *ret_id);

/* Those of struct store_ops. */
bool store_sqlite_head(struct store *base, unsigned queue, struct store_entry *ret);
bool store_sqlite_oldest(struct store *base, unsigned queue, struct store_entry *ret);
bool store_sqlite_get(struct store *base, unsigned queue, uint64_t seq, struct store_entry *ret);
bool store_sqlite_next(
    struct store *base, unsigned queue, bool dead, uint64_t after, struct store_entry *ret);
bool store_sqlite_find_topic(
    struct store *base, unsigned queue, struct span topic, uint64_t *ret_seq);

/* ---- store_sqlite_change.c ---- */

/* One change; the counters are the caller's. Errors as the core knows them. */
int store_sqlite_change(struct store_sqlite *s, const struct redo_record *record);

/* What was retired leaves the tables. 0, or an error as store_db_run. */
int store_sqlite_sweep_queue(struct store_sqlite *s, unsigned queue);
int store_sqlite_sweep_all(struct store_sqlite *s);

/* Those of struct store_ops. */
int store_sqlite_add(struct store *base, uint64_t seq, int64_t accepted_ms, struct span payload,
    const struct store_target *targets, size_t count);
int store_sqlite_remove(struct store *base, unsigned queue, uint64_t seq);
int store_sqlite_retire(struct store *base, unsigned queue, uint64_t seq);
void store_sqlite_sweep(struct store *base);
int store_sqlite_mark(
    struct store *base, unsigned queue, uint64_t seq, uint8_t tries, enum store_state state);
int store_sqlite_bury(struct store *base, unsigned queue, uint64_t seq, const char *reason);
int store_sqlite_revive(struct store *base, unsigned queue, uint64_t seq);

/* ---- store_sqlite_queue.c: those of struct store_ops ---- */

int store_sqlite_open_queue(struct store *base, const char *name, unsigned *ret_queue);
bool store_sqlite_next_queue(
    struct store *base, int after, unsigned *ret_queue, const char **ret_name);
int store_sqlite_drop_queue(struct store *base, unsigned queue);
int store_sqlite_put_note(
    struct store *base, unsigned queue, enum store_note kind, struct span key, struct span value);
int store_sqlite_drop_note(
    struct store *base, unsigned queue, enum store_note kind, struct span key);
bool store_sqlite_next_note(struct store *base, unsigned queue, enum store_note kind,
    struct span after, struct span *ret_key, struct span *ret_value);

#endif
