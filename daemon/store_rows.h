/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of the store's database, read: entries and dead letters, what they take, notes. It changes
 * nothing, and reads what the tables have at that moment.
 */
#ifndef CMQTTD_STORE_ROWS_H
#define CMQTTD_STORE_ROWS_H

#include "store/store.h"
#include "store_db.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the last row that was handed out points to, one behind the other. Begins as zeros. */
struct store_texts {
	uint8_t *mem;
	size_t cap;
	size_t used;
};

/* What a row takes, bytes. */
struct store_row_size {
	int64_t id;
	uint64_t own; /* topic and properties */
	uint64_t payload;
	bool is_shared; /* its body is */
	bool is_last;   /* and has no other reference */
	bool keep_last;
};

void store_texts_fini(struct store_texts *t);

/* The first row of the ids from..to; its spans are good until the next one is read with the same
 * texts. False: there is none, or it cannot be read. */
bool store_rows_first(struct store_db *d, struct store_texts *texts, enum store_table table,
    int64_t from, int64_t to, struct store_entry *ret);

/* Its id alone. 1 and the id; 0: there is none; or an error as store_db_row. */
int store_rows_first_id(
    struct store_db *d, enum store_table table, int64_t from, int64_t to, int64_t *ret);

/* The number of the newest row of the ids from..to with that topic that was added with keep_last.
 */
bool store_rows_find_topic(
    struct store_db *d, struct span topic, int64_t from, int64_t to, uint64_t *ret_seq);

/* The sizes of the rows with the ids from..to: store_rows_next_size until it does not give 1 (0: no
 * more; or an error as store_db_row), or sqlite3_reset. */
sqlite3_stmt *store_rows_sizes(
    struct store_db *d, enum store_table table, int64_t from, int64_t to);
int store_rows_next_size(struct store_db *d, sqlite3_stmt *row, struct store_row_size *ret);

/* What the end of a row frees. */
static inline uint64_t store_row_freed(const struct store_row_size *size)
{
	return size->own + (size->is_shared && !size->is_last ? 0 : size->payload);
}

/* 1: there is a note of that key, with that value if it is not NULL; 0: there is not; or an error
 * as store_db_row. */
int store_rows_find_note(struct store_db *d, unsigned queue, enum store_note kind, struct span key,
    const struct span *value);

/* The note of that kind behind `after`; spans as those of store_rows_first. */
bool store_rows_next_note(struct store_db *d, struct store_texts *texts, unsigned queue,
    enum store_note kind, struct span after, struct span *ret_key, struct span *ret_value);

#endif
