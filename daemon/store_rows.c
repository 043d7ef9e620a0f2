/* SPDX-License-Identifier: Apache-2.0 */
#include "store_rows.h"

#include <stdlib.h>
#include <string.h>

void store_texts_fini(struct store_texts *t)
{
	free(t->mem);
}

static bool texts_reserve(struct store_texts *t, size_t size)
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
static void texts_take(struct store_texts *t, struct span *span)
{
	uint8_t *to = t->mem + t->used;

	if (span->len > 0)
		memcpy(to, span->data, span->len);
	t->used += span->len;
	span->data = to;
}

static bool keep_texts(struct store_texts *t, struct store_entry *e)
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

bool store_rows_first(struct store_db *d, struct store_texts *texts, enum store_table table,
    int64_t from, int64_t to, struct store_entry *ret)
{
	sqlite3_stmt *stmt = store_db_stmt(d, STMT_FIRST + table);
	struct store_entry e;
	bool is_found;

	sqlite3_bind_int64(stmt, 1, from);
	sqlite3_bind_int64(stmt, 2, to);
	if (store_db_row(d, stmt) != 1)
		return false;
	read_row(stmt, &e);
	/* Without memory a text is NULL. */
	is_found = e.topic.data && (table == STORE_WAITING || e.reason) && keep_texts(texts, &e);
	sqlite3_reset(stmt);
	if (is_found)
		*ret = e;
	return is_found;
}

int store_rows_first_id(
    struct store_db *d, enum store_table table, int64_t from, int64_t to, int64_t *ret)
{
	sqlite3_stmt *stmt = store_db_stmt(d, STMT_FIRST_ID + table);
	int r;

	sqlite3_bind_int64(stmt, 1, from);
	sqlite3_bind_int64(stmt, 2, to);
	r = store_db_row(d, stmt);
	if (r == 1)
		*ret = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return r;
}

bool store_rows_find_topic(
    struct store_db *d, struct span topic, int64_t from, int64_t to, uint64_t *ret_seq)
{
	sqlite3_stmt *stmt = store_db_stmt(d, STMT_FIND_TOPIC);
	bool is_found;

	store_db_bind_text(stmt, 1, topic);
	sqlite3_bind_int64(stmt, 2, from);
	sqlite3_bind_int64(stmt, 3, to);
	is_found = store_db_row(d, stmt) == 1;
	if (is_found)
		*ret_seq = store_id_seq(sqlite3_column_int64(stmt, 0));
	sqlite3_reset(stmt);
	return is_found;
}

sqlite3_stmt *store_rows_sizes(struct store_db *d, enum store_table table, int64_t from, int64_t to)
{
	sqlite3_stmt *row = store_db_stmt(d, STMT_SIZES + table);

	sqlite3_bind_int64(row, 1, from);
	sqlite3_bind_int64(row, 2, to);
	return row;
}

int store_rows_next_size(struct store_db *d, sqlite3_stmt *row, struct store_row_size *ret)
{
	int r = store_db_row(d, row);

	if (r != 1)
		return r;
	*ret = (struct store_row_size){
		.id = sqlite3_column_int64(row, SIZE_ID),
		.own = (uint64_t)sqlite3_column_bytes(row, SIZE_TOPIC) +
		       (uint64_t)sqlite3_column_int64(row, SIZE_PROPERTIES),
		.payload = (uint64_t)sqlite3_column_int64(row, SIZE_PAYLOAD),
		.is_shared = sqlite3_column_int(row, SIZE_IS_SHARED),
		.is_last = sqlite3_column_int(row, SIZE_IS_LAST),
		.keep_last = sqlite3_column_int(row, SIZE_KEEP_LAST),
	};
	return 1;
}

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

int store_rows_find_note(struct store_db *d, unsigned queue, enum store_note kind, struct span key,
    const struct span *value)
{
	sqlite3_stmt *stmt = store_db_stmt(d, STMT_GET_NOTE);
	int r;

	bind_note(stmt, queue, kind, key);
	r = store_db_row(d, stmt);
	if (r == 1 && value)
		r = compare(text_column(stmt, 0), *value) == 0;
	sqlite3_reset(stmt);
	return r;
}

bool store_rows_next_note(struct store_db *d, struct store_texts *texts, unsigned queue,
    enum store_note kind, struct span after, struct span *ret_key, struct span *ret_value)
{
	sqlite3_stmt *stmt = store_db_stmt(d, STMT_NEXT_NOTE);
	struct span key, value;
	bool is_found;

	bind_note(stmt, queue, kind, after);
	is_found = store_db_row(d, stmt) == 1;
	if (is_found) {
		key = text_column(stmt, 0);
		value = text_column(stmt, 1);
		/* In a damaged table a walk could come back to where it was. */
		is_found = compare(key, after) > 0 && texts_reserve(texts, key.len + value.len + 1);
	}
	if (is_found) {
		texts_take(texts, &key);
		texts_take(texts, &value);
		*ret_key = key;
		*ret_value = value;
	}
	sqlite3_reset(stmt);
	return is_found;
}
