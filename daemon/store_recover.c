/* SPDX-License-Identifier: Apache-2.0 */
#include "store_recover.h"

#include "base/limits.h"
#include "store/store.h"

#include <errno.h>
#include <inttypes.h>
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

struct salvage {
	sqlite3 *from;
	struct store_db *to;
	struct store_salvage *found;
	bool has_queue[STORE_QUEUES_MAX];
	bool is_used[STORE_QUEUES_MAX];
};

static int open_damaged(const char *name, sqlite3 **ret)
{
	int code =
	    store_log_is_alone(name)
		? SQLITE_CORRUPT
		: sqlite3_open_v2(name, ret,
		      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

	if (code != SQLITE_OK)
		return -EUCLEAN;
	/* It stays as it was found. */
	sqlite3_db_config(*ret, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_db_config(*ret, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	/* Without it SQLite reads nothing of a file whose end is missing. */
	sqlite3_db_config(*ret, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL);
	if (sqlite3_exec(*ret, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-512;", NULL, NULL,
		NULL) != SQLITE_OK)
		return -EUCLEAN;
	return 0;
}

static bool is_sane(sqlite3_stmt *row)
{
	int64_t id = sqlite3_column_int64(row, COLUMN_ID);

	return id > 0 && store_id_queue(id) < STORE_QUEUES_MAX && store_id_seq(id) > 0 &&
	       sqlite3_column_type(row, COLUMN_TOPIC) == SQLITE_TEXT &&
	       sqlite3_column_type(row, COLUMN_PAYLOAD) == SQLITE_BLOB;
}

/* The same row into the new database; a body that was shared is not any more. */
static int copy_row(struct salvage *s, sqlite3_stmt *row, sqlite3_stmt *insert, bool is_dead)
{
	int columns = is_dead ? COLUMN_COUNT : COLUMN_REASON;
	int r;

	if (!is_sane(row)) {
		s->found->lost++;
		return 0;
	}
	sqlite3_reset(insert);
	for (int i = 0; i < columns; i++)
		sqlite3_bind_value(insert, i + 1, sqlite3_column_value(row, i));
	r = store_db_run(s->to, insert);
	if (r < 0)
		return r;
	s->is_used[store_id_queue(sqlite3_column_int64(row, COLUMN_ID))] = true;
	if (sqlite3_changes(s->to->db) == 0)
		return 0;
	if (is_dead)
		s->found->dead_letters++;
	else
		s->found->messages++;
	return 0;
}

/* How a table is carried over: the ids ?1..?2 of it, from either end, and what takes them. */
struct carrier {
	sqlite3_stmt *forward, *backward;
	sqlite3_stmt *insert;
	bool is_dead;
};

static void carrier_fini(struct carrier *c)
{
	sqlite3_finalize(c->forward);
	sqlite3_finalize(c->backward);
	sqlite3_finalize(c->insert);
}

static bool prepare_rows(struct salvage *s, bool is_dead, const char *order, sqlite3_stmt **ret)
{
	char sql[400];

	snprintf(sql, sizeof(sql), store_db_rows, is_dead ? "dead" : "waiting",
	    is_dead ? "reason" : "NULL", order);
	return sqlite3_prepare_v3(s->from, sql, -1, 0, ret, NULL) == SQLITE_OK;
}

/* 0 and whether there is such a table still; or an error of the new database. */
static int carrier_init(struct salvage *s, struct carrier *c, bool is_dead, bool *ret_is_there)
{
	char sql[100];
	int r;

	*c = (struct carrier){ .is_dead = is_dead };
	snprintf(sql, sizeof(sql), "INSERT OR IGNORE INTO %s VALUES(?,?,?,?,?,?,?,?,?,?,?,?%s)",
	    is_dead ? "dead" : "waiting", is_dead ? ",?" : "");
	r = store_db_failed(s->to, sqlite3_prepare_v3(s->to->db, sql, -1, 0, &c->insert, NULL));
	*ret_is_there = r == 0 && prepare_rows(s, is_dead, "ASC", &c->forward) &&
			prepare_rows(s, is_dead, "DESC", &c->backward);
	return r;
}

/* Until the end, or until a page cannot be read: 0 in both cases. */
static int copy_rows(struct salvage *s, struct carrier *c, sqlite3_stmt *row, int64_t first,
    int64_t last, bool *ret_is_whole)
{
	int code = SQLITE_OK, r = 0;

	sqlite3_bind_int64(row, 1, first);
	sqlite3_bind_int64(row, 2, last);
	while (r == 0 && (code = sqlite3_step(row)) == SQLITE_ROW)
		r = copy_row(s, row, c->insert, c->is_dead);
	sqlite3_reset(row);
	*ret_is_whole = code == SQLITE_DONE;
	return r;
}

/* One run of a table; from both ends if it does not hold together. */
static int copy_run(struct salvage *s, struct carrier *c, int64_t first, int64_t last)
{
	bool is_whole;
	int r = copy_rows(s, c, c->forward, first, last, &is_whole);

	if (r < 0 || is_whole)
		return r;
	s->found->is_partial = true;
	return copy_rows(s, c, c->backward, first, last, &is_whole);
}

/* Queue by queue and priority by priority, so that a bad page costs no more than its neighbours. */
static int copy_table(struct salvage *s, bool is_dead)
{
	struct carrier c;
	bool is_there;
	int r = carrier_init(s, &c, is_dead, &is_there);

	if (!is_there)
		s->found->is_partial = true;
	for (unsigned i = 0; r == 0 && is_there && i < STORE_QUEUES_MAX * STORE_PRIORITIES; i++) {
		unsigned queue = i / STORE_PRIORITIES, priority = i % STORE_PRIORITIES;

		r = copy_run(
		    s, &c, store_id(queue, priority, 0), store_id(queue, priority, STORE_SEQ_MAX));
	}
	carrier_fini(&c);
	return r;
}

/* ---- notes ---- */

static bool is_text(sqlite3_stmt *row, int column, int min)
{
	return sqlite3_column_type(row, column) == SQLITE_TEXT &&
	       sqlite3_column_bytes(row, column) >= min &&
	       sqlite3_column_bytes(row, column) <= STORE_NOTE_MAX;
}

static int copy_note(struct salvage *s, sqlite3_stmt *row)
{
	int64_t queue = sqlite3_column_int64(row, 0), kind = sqlite3_column_int64(row, 1);
	sqlite3_stmt *put = store_db_stmt(s->to, STMT_PUT_NOTE);

	if (queue < 0 || queue >= STORE_QUEUES_MAX || kind < 0 || kind >= STORE_NOTE_COUNT ||
	    !is_text(row, 2, 1) || !is_text(row, 3, 0)) {
		s->found->lost++;
		return 0;
	}
	for (int i = 0; i < 4; i++)
		sqlite3_bind_value(put, i + 1, sqlite3_column_value(row, i));
	s->is_used[queue] = true;
	return store_db_run(s->to, put);
}

/* From the one end, and if that does not get through from the other one, too. */
static int copy_notes(struct salvage *s)
{
	static const char *const texts[] = {
		"SELECT * FROM note",
		"SELECT * FROM note ORDER BY queue DESC, kind DESC, key DESC",
	};
	int code = SQLITE_ERROR, r = 0;

	for (size_t i = 0; r == 0 && code != SQLITE_DONE && i < 2; i++) {
		sqlite3_stmt *row = NULL;

		if (sqlite3_prepare_v3(s->from, texts[i], -1, 0, &row, NULL) == SQLITE_OK) {
			while (r == 0 && (code = sqlite3_step(row)) == SQLITE_ROW)
				r = copy_note(s, row);
		}
		sqlite3_finalize(row);
		if (code != SQLITE_DONE)
			s->found->is_partial = true;
	}
	return r;
}

/* ---- queues ---- */

static int copy_queues(struct salvage *s)
{
	sqlite3_stmt *row = NULL;
	int r = 0;

	if (sqlite3_prepare_v3(s->from, "SELECT id, name FROM queue", -1, 0, &row, NULL) !=
	    SQLITE_OK)
		return 0;
	while (r == 0 && sqlite3_step(row) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(row, 0);
		sqlite3_stmt *add = store_db_stmt(s->to, STMT_ADD_QUEUE);

		if (id < 0 || id >= STORE_QUEUES_MAX || s->has_queue[id])
			continue;
		sqlite3_bind_int64(add, 1, id);
		sqlite3_bind_value(add, 2, sqlite3_column_value(row, 1));
		r = store_db_run(s->to, add);
		/* A name twice, or none: it gets another one below. */
		s->has_queue[id] = r == 0 && sqlite3_changes(s->to->db) > 0;
	}
	sqlite3_finalize(row);
	return r;
}

/* Messages of a queue whose name was lost wait under a name that tells it. */
static int name_the_nameless(struct salvage *s)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < STORE_QUEUES_MAX; i++) {
		sqlite3_stmt *add = store_db_stmt(s->to, STMT_ADD_QUEUE);
		char name[32];

		if (!s->is_used[i] || s->has_queue[i])
			continue;
		snprintf(name, sizeof(name), "recovered-%u", i);
		sqlite3_bind_int64(add, 1, i);
		store_db_bind_text(add, 2, span_text(name));
		r = store_db_run(s->to, add);
	}
	return r;
}

static void copy_last_seq(struct salvage *s)
{
	sqlite3_stmt *row = NULL;

	if (sqlite3_prepare_v3(s->from, "SELECT value FROM meta WHERE name = 'last_seq'", -1, 0,
		&row, NULL) == SQLITE_OK &&
	    sqlite3_step(row) == SQLITE_ROW) {
		sqlite3_stmt *set = store_db_stmt(s->to, STMT_SET_LAST_SEQ);

		sqlite3_bind_int64(set, 1, sqlite3_column_int64(row, 0) & (int64_t)STORE_SEQ_MAX);
		store_db_run(s->to, set);
	}
	sqlite3_finalize(row);
}

static int salvage(const char *name, struct store_db *to, struct store_salvage *ret)
{
	struct salvage s = { .to = to, .found = ret };
	int r;

	*ret = (struct store_salvage){ 0 };
	r = open_damaged(name, &s.from);
	/* Nothing of it can be read. */
	if (r < 0) {
		ret->is_partial = true;
		r = 0;
		goto out;
	}
	/* More than fits in memory: this one transaction may write before its end. */
	r = store_db_exec(to, "PRAGMA cache_spill=ON; BEGIN IMMEDIATE");
	if (r == 0)
		r = copy_queues(&s);
	if (r == 0)
		r = copy_table(&s, false);
	if (r == 0)
		r = copy_table(&s, true);
	if (r == 0)
		r = copy_notes(&s);
	if (r == 0)
		r = name_the_nameless(&s);
	if (r == 0) {
		copy_last_seq(&s);
		r = store_db_exec(to, "COMMIT");
	}
	if (store_db_is_open(to))
		sqlite3_exec(to->db, "ROLLBACK", NULL, NULL, NULL);
	if (r == 0)
		r = store_db_exec(to, "PRAGMA cache_spill=OFF");
out:
	sqlite3_close(s.from);
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
	/* Closing leaves one file without a log. */
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
