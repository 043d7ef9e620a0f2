/* SPDX-License-Identifier: Apache-2.0 */
#include "store_recover.h"

#include "base/limits.h"
#include "store/store.h"
#include "store_walk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- out of the way ---- */

/* What is not there is not moved. */
static int move(const char *from, const char *to)
{
	return rename(from, to) < 0 && errno != ENOENT ? -errno : 0;
}

/* A name with a time that neither a file nor a log has, and the log's: now, or soon. */
static int name_aside(const char *path, char ret_name[STORE_NAME_MAX], char ret_log[STORE_NAME_MAX])
{
	struct timespec at;
	char stamp[32];
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &at);
	do {
		if (!gmtime_r(&at.tv_sec, &tm) ||
		    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm) == 0)
			return -EOVERFLOW;
		snprintf(ret_name, STORE_NAME_MAX, "%s.damaged-%s", path, stamp);
		store_log_name(ret_name, ret_log);
		at.tv_sec++;
	} while (access(ret_name, F_OK) == 0 || access(ret_log, F_OK) == 0);
	return 0;
}

/* Both are moved, or none, but for a process that dies in between: see store_recover_finish. */
static int move_aside(const char *path, char ret_name[STORE_NAME_MAX])
{
	char log[STORE_NAME_MAX], new_log[STORE_NAME_MAX];
	int r = name_aside(path, ret_name, new_log);

	if (r == 0)
		r = move(path, ret_name);
	if (r < 0)
		return r;
	store_log_name(path, log);
	r = move(log, new_log);
	if (r < 0)
		move(ret_name, path);
	return r;
}

/* ---- what can be read ---- */

/* The tables of the schema by the types of their columns, those of messages first. */
static const struct shape {
	char table[8], types[COLUMN_COUNT + 1];
} shapes[] = {
	{ "waiting", "ktbbiiiiiiii" },
	{ "dead", "ktbbiiiiiiiit" },
	{ "body", "kib" },
	{ "queue", "kt" },
	{ "note", "iitt" },
	/* Indexes by name have the same: see tidy. */
	{ "meta", "ti" },
};

#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static bool is_like(const struct store_walk *row, size_t shape)
{
	int64_t id = row->columns[COLUMN_ID].number;

	return strcmp(row->types, shapes[shape].types) == 0 &&
	       (shape >= STORE_TABLES ||
		   (store_id_queue(id) < STORE_QUEUES_MAX && store_id_seq(id) > 0));
}

static int insert_row(struct store_db *to, sqlite3_stmt *insert, const struct store_walk *row)
{
	for (int i = 0; row->types[i] != '\0'; i++) {
		const struct store_value *value = &row->columns[i];

		if (row->types[i] == 't')
			store_db_bind_text(insert, i + 1, value->bytes);
		else if (row->types[i] != 'b')
			sqlite3_bind_int64(insert, i + 1, value->number);
		else if (value->bytes.data)
			store_db_bind_blob(insert, i + 1, value->bytes);
		else
			sqlite3_bind_null(insert, i + 1);
	}
	return store_db_run(to, insert);
}

static int prepare(struct store_db *to, sqlite3_stmt *inserts[SHAPES])
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < SHAPES; i++) {
		char sql[200];

		snprintf(sql, sizeof(sql), "INSERT OR REPLACE INTO %s VALUES(%.*s)",
		    shapes[i].table, (int)strlen(shapes[i].types) * 2 - 1,
		    "?,?,?,?,?,?,?,?,?,?,?,?,?");
		r = store_db_failed(to, sqlite3_prepare_v3(to->db, sql, -1, 0, &inserts[i], NULL));
	}
	return r;
}

static int copy_rows(struct store_db *to, sqlite3_stmt *inserts[SHAPES], struct store_walk *row)
{
	int r;

	while ((r = store_walk_next(row)) == 1) {
		for (size_t i = 0; i < SHAPES; i++) {
			if (r >= 0 && is_like(row, i))
				r = insert_row(to, inserts[i], row);
		}
		if (r < 0)
			return r;
	}
	return r;
}

/* Give the messages of a table the bodies that they shared, and count those that are whole. One
 * that is in both tables was moved by hand or as poison: it waits, which loses nothing. */
static int join_bodies(struct store_db *to, const char *table, int64_t *ret_count)
{
	char sql[512];
	int r;

	snprintf(sql, sizeof(sql),
	    "UPDATE %1$s SET payload=(SELECT payload FROM body WHERE seq=id&0xffffffffffff)"
	    " WHERE payload IS NULL;"
	    "DELETE FROM %1$s WHERE payload IS NULL;"
	    "DELETE FROM dead WHERE id IN(SELECT id FROM waiting)",
	    table);
	r = store_db_exec(to, sql);
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
	return r < 0 ? r : store_db_number(to, sql, ret_count);
}

/* Messages of a queue whose name was lost wait under a name that tells it. All of it must be in the
 * file itself, which is going to be renamed: closing would do that, too, and not tell a failure. */
static const char tidy[] =
    "DELETE FROM body;"
    "DELETE FROM meta WHERE name<>'last_seq';"
    "INSERT OR IGNORE INTO queue SELECT n,'recovered-'||n FROM(SELECT id>>51 AS n FROM waiting"
    " UNION SELECT id>>51 FROM dead UNION SELECT queue FROM note);"
    "COMMIT;"
    "PRAGMA wal_checkpoint(TRUNCATE)";

static int copy(struct store_db *to, struct store_walk *row, struct store_salvage *ret)
{
	sqlite3_stmt *inserts[SHAPES] = { 0 };
	/* More than fits in memory: this one transaction may write before its end. */
	int r = store_db_exec(to, "PRAGMA cache_spill=ON;BEGIN");

	if (r == 0)
		r = prepare(to, inserts);
	if (r == 0)
		r = copy_rows(to, inserts, row);
	for (size_t i = 0; i < SHAPES; i++)
		sqlite3_finalize(inserts[i]);
	for (size_t i = 0; r == 0 && i < STORE_TABLES; i++)
		r = join_bodies(to, shapes[i].table, &ret->counts[i]);
	return r < 0 ? r : store_db_exec(to, tidy);
}

static int salvage(const char *path, struct store_db *to, struct store_salvage *ret)
{
	struct store_pages pages;
	struct store_walk walk;
	int r = store_pages_open(&pages, path);

	store_walk_init(&walk, &pages);
	if (r == 0)
		r = copy(to, &walk, ret);
	store_walk_fini(&walk);
	store_pages_close(&pages);
	return r;
}

/* ---- all of it ---- */

static void name_of_new(const char *path, char name[STORE_NAME_MAX])
{
	snprintf(name, STORE_NAME_MAX, "%.*s.new", STORE_NAME_MAX - 9, path);
}

/* A new one that nobody has seen yet. */
static void delete_new(const char *name)
{
	char log[STORE_NAME_MAX];

	store_log_name(name, log);
	unlink(name);
	unlink(log);
}

/* The old one is moved only when the new one is whole, and before its log. */
int store_recover_finish(const char *path)
{
	char name[STORE_NAME_MAX], aside[STORE_NAME_MAX];
	int r;

	name_of_new(path, name);
	if (access(name, F_OK) < 0)
		return 0;
	if (access(path, F_OK) == 0) {
		delete_new(name);
		return 0;
	}
	r = move_aside(path, aside);
	if (r == 0)
		r = move(name, path);
	return r < 0 ? r : 1;
}

int store_recover(
    const char *path, char ret_name[STORE_NAME_MAX], struct store_db *db, struct store_salvage *ret)
{
	char name[STORE_NAME_MAX];
	int r;

	name_of_new(path, name);
	delete_new(name);
	r = store_db_open(db, name, &(struct store_db_options){ 0 });
	if (r == 0)
		r = salvage(path, db, ret);
	/* One file is left, without a log. */
	store_db_close(db);
	if (r == 0)
		r = move_aside(path, ret_name);
	if (r < 0) {
		delete_new(name);
		return r;
	}
	if (rename(name, path) < 0)
		return -errno;
	return store_db_sync_directory(path);
}
