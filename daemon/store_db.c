/* SPDX-License-Identifier: Apache-2.0 */
#include "store_db.h"

#include "store_log.h"
#include "store_schema.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* The log is written back when it has about 4 MB: much of what comes has left again by then. */
#define CHECKPOINT_PAGES (4 * 1024 * 1024 / STORE_PAGE_BYTES)
#define LOG_BYTES        "4587520"
#define SET_PAGE_SIZE    "PRAGMA page_size=" STORE_STR(STORE_PAGE_BYTES) ";"

/* A transaction must not write before its commit: a disk that is full is noticed in one place. What
 * is removed is overwritten where its page is written anyway, but a page that becomes free is not
 * written for that. */
static const char settings[] = SET_PAGE_SIZE "PRAGMA locking_mode=EXCLUSIVE;"
					     "PRAGMA journal_mode=WAL;"
					     "PRAGMA journal_size_limit=" LOG_BYTES ";"
					     "PRAGMA secure_delete=FAST;"
					     "PRAGMA cache_size=-512;"
					     "PRAGMA cache_spill=OFF;"
					     "PRAGMA temp_store=MEMORY;";

/* STORE_SEQ_BITS, as SQL has it. */
#define SEQ(id) "(" id " & 0xffffffffffff)"

/* Of a pair, the ids ?1..?2; %1$s: the table, %2$s: its reason. */
#define IDS " FROM %1$s WHERE id BETWEEN ?1 AND ?2"
#define BODY                                                                         \
	" FROM %1$s AS m LEFT JOIN body AS b ON m.payload IS NULL AND b.seq = " SEQ( \
	    "m.id") " WHERE m.id BETWEEN ?1 AND ?2"
#define BODIES   "seq IN (SELECT " SEQ("id") IDS " AND payload IS NULL)"
#define ONE_NOTE " WHERE queue = ?1 AND kind = ?2 AND key = ?3"

/* A pair has one text, that of the first. */
static const char *const texts[STMT_COUNT] = {
	[STMT_BEGIN] = "BEGIN IMMEDIATE",
	[STMT_COMMIT] = "COMMIT",
	[STMT_ROLLBACK] = "ROLLBACK",
	[STMT_FIRST] = "SELECT m.id, m.topic, m.properties, coalesce(m.payload, b.payload), m.qos,"
		       " m.retain, m.keep_last, m.state, m.packet_id, m.tries, m.accepted_ms,"
		       " m.expires_ms, %2$s" BODY " ORDER BY m.id LIMIT 1",
	[STMT_FIRST_ID] = "SELECT id" IDS " ORDER BY id LIMIT 1",
	/* length() of a blob reads no more than the head of the row. */
	[STMT_SIZES] = "SELECT m.id, m.topic, length(m.properties), coalesce(length(m.payload),"
		       " length(b.payload)), m.payload IS NULL, b.refs <= 1, m.keep_last" BODY,
	[STMT_REMOVE] = "DELETE" IDS,
	[STMT_MARK] = "UPDATE %1$s SET tries = ?2, state = ?3 WHERE id = ?1",
	[STMT_ADD] = "INSERT INTO waiting VALUES(?,?,?,?,?,?,?,0,?,0,?,?)",
	[STMT_ADD_BODY] = "INSERT INTO body VALUES(?,?,?)",
	[STMT_DROP_BODIES] = "DELETE FROM body WHERE refs <= 1 AND " BODIES,
	[STMT_UNREF_BODIES] = "UPDATE body SET refs = refs - 1 WHERE refs > 1 AND " BODIES,
	[STMT_BURY] = "INSERT INTO dead SELECT *, ?2 FROM waiting WHERE id = ?1",
	[STMT_REVIVE] = "INSERT INTO waiting SELECT id, topic, properties, payload, qos, retain,"
			" keep_last, state, packet_id, 0, accepted_ms, expires_ms FROM dead"
			" WHERE id = ?1",
	[STMT_FIND_TOPIC] = "SELECT id FROM waiting WHERE keep_last = 1 AND topic = ?1 AND"
			    " id BETWEEN ?2 AND ?3 ORDER BY " SEQ("id") " DESC LIMIT 1",
	[STMT_NAME_QUEUE] = "INSERT OR REPLACE INTO queue VALUES(?,?)",
	[STMT_DROP_QUEUE] = "DELETE FROM queue WHERE id = ?1",
	[STMT_PUT_NOTE] = "INSERT OR REPLACE INTO note VALUES(?,?,?,?)",
	[STMT_DROP_NOTE] = "DELETE FROM note" ONE_NOTE,
	[STMT_DROP_NOTES] = "DELETE FROM note WHERE queue = ?1",
	[STMT_GET_NOTE] = "SELECT value FROM note" ONE_NOTE,
	[STMT_NEXT_NOTE] = "SELECT key, value FROM note WHERE queue = ?1 AND kind = ?2 AND key > ?3"
			   " ORDER BY key LIMIT 1",
	[STMT_SET_LAST_SEQ] = "UPDATE meta SET value = ?1 WHERE name = 'last_seq'",
};

/* ---- errors ---- */

static int to_errno(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	default:
		return -EIO;
	}
}

int store_db_failed(struct store_db *d, int code)
{
	int r = to_errno(code), os = d->db ? sqlite3_system_errno(d->db) : 0;

	if (r == 0)
		return 0;
	if (r == -EIO && os == ENOSPC)
		r = -ENOSPC;
	if (r == -EUCLEAN)
		d->is_damaged = true;
	if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC)
		d->has_sync_failed = true;
	snprintf(d->error, sizeof(d->error), "%s%s%s (SQLite %d)", sqlite3_errstr(code),
	    r == -EIO && os ? ": " : "", r == -EIO && os ? strerror(os) : "", code);
	return r;
}

/* ---- statements ---- */

int store_db_exec(struct store_db *d, const char *sql)
{
	int code = sqlite3_exec(d->db, sql, NULL, NULL, NULL);

	return store_db_failed(d, code == SQLITE_OK ? code : sqlite3_extended_errcode(d->db));
}

sqlite3_stmt *store_db_stmt(struct store_db *d, enum store_stmt which)
{
	sqlite3_reset(d->stmts[which]);
	return d->stmts[which];
}

int store_db_row(struct store_db *d, sqlite3_stmt *stmt)
{
	int code = sqlite3_step(stmt);

	if (code == SQLITE_ROW)
		return 1;
	sqlite3_reset(stmt);
	return store_db_failed(d, code);
}

int store_db_run(struct store_db *d, sqlite3_stmt *stmt)
{
	int r = store_db_row(d, stmt);

	sqlite3_reset(stmt);
	return r;
}

int store_db_bind_blob(sqlite3_stmt *stmt, int at, struct span blob)
{
	return sqlite3_bind_blob64(
	    stmt, at, blob.data ? (const void *)blob.data : "", blob.len, SQLITE_STATIC);
}

int store_db_bind_text(sqlite3_stmt *stmt, int at, struct span text)
{
	return sqlite3_bind_text64(stmt, at, text.data ? (const char *)text.data : "", text.len,
	    SQLITE_STATIC, SQLITE_UTF8);
}

static int damaged(struct store_db *d, const char *what)
{
	snprintf(d->error, sizeof(d->error), "%.200s", what);
	return -EUCLEAN;
}

static int prepare(struct store_db *d)
{
	for (size_t i = 0; i < STMT_COUNT; i++) {
		bool is_dead = !texts[i];
		char sql[400];
		int code;

		snprintf(sql, sizeof(sql), is_dead ? texts[i - 1] : texts[i],
		    is_dead ? "dead" : "waiting", is_dead ? "reason" : "NULL");
		code = sqlite3_prepare_v3(
		    d->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &d->stmts[i], NULL);
		/* There is no such table or column, although the version is ours. */
		if (code == SQLITE_ERROR)
			return damaged(d, sqlite3_errmsg(d->db));
		if (code != SQLITE_OK)
			return store_db_failed(d, code);
	}
	return 0;
}

/* ---- opening ---- */

static int open_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX] = ".";
	int fd;

	if (slash && (size_t)(slash - path) >= sizeof(folder))
		return -ENAMETOOLONG;
	if (slash)
		snprintf(folder, sizeof(folder), "%.*s/", (int)(slash - path), path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int store_db_lock_directory(const char *path)
{
	int fd = open_directory(path);

	/* Where there are no such locks it has to do without. */
	if (fd >= 0)
		flock(fd, LOCK_EX);
	return fd;
}

int store_db_sync_directory(const char *path)
{
	int fd = open_directory(path), r = 0;

	if (fd < 0)
		return fd;
	if (fsync(fd) < 0)
		r = -errno;
	close(fd);
	return r;
}

int store_db_number(struct store_db *d, const char *sql, int64_t *ret)
{
	sqlite3_stmt *stmt;
	int r = store_db_failed(d, sqlite3_prepare_v3(d->db, sql, -1, 0, &stmt, NULL));

	if (r < 0)
		return r;
	r = store_db_row(d, stmt);
	if (r == 1)
		*ret = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return r < 0 ? r : 0;
}

/* Look for damage, page by page. 0, -EUCLEAN, -ENOMEM, -EIO. */
static int look_for_damage(struct store_db *d)
{
	sqlite3_stmt *stmt;
	int r = store_db_failed(
	    d, sqlite3_prepare_v3(d->db, "PRAGMA quick_check(1)", -1, 0, &stmt, NULL));
	const char *text;

	if (r < 0)
		return r;
	r = store_db_row(d, stmt);
	text = r == 1 ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
	if (r == 1 && text && strcmp(text, "ok") != 0)
		r = damaged(d, text);
	sqlite3_finalize(stmt);
	return r < 0 ? r : 0;
}

/* Whose file it is, and whether it is of our version; ret_is_new: it is empty. */
static int check_version(struct store_db *d, bool *ret_is_new)
{
	int64_t application = 0, version = 0, tables = 0;
	int r = store_db_number(d, "PRAGMA application_id", &application);

	if (r == 0)
		r = store_db_number(d, "PRAGMA user_version", &version);
	if (r == 0)
		r = store_db_number(d, "SELECT count(*) FROM sqlite_schema", &tables);
	if (r < 0)
		return r;
	*ret_is_new = application == 0 && version == 0 && tables == 0;
	if (*ret_is_new)
		return 0;
	if (application != STORE_APPLICATION_ID || version < 1) {
		snprintf(d->error, sizeof(d->error),
		    "it is a database, but no store of cmqttd: set another path");
		return -EINVAL;
	}
	if (version != STORE_SCHEMA_VERSION) {
		snprintf(d->error, sizeof(d->error),
		    "its schema has version %lld, this cmqttd knows %d: another cmqttd has "
		    "written it; install that one again, or set another path",
		    (long long)version, STORE_SCHEMA_VERSION);
		return -EPROTO;
	}
	return 0;
}

/* What is new gets its tables; what was there must be whole. */
static int set_up(struct store_db *d, const char *path, bool is_new)
{
	int r;

	if (!is_new)
		return look_for_damage(d);
	r = store_schema_make(d);
	return r < 0 ? r : store_db_sync_directory(path);
}

static int configure(struct store_db *d, const struct store_db_options *o)
{
	unsigned pages = o->checkpoint_pages ? o->checkpoint_pages : CHECKPOINT_PAGES;
	int r;

	sqlite3_db_config(d->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(d->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_busy_timeout(d->db, 0);
	sqlite3_wal_autocheckpoint(d->db, (int)pages);
	r = store_db_exec(d, settings);
	if (r == 0)
		r = store_db_exec(d, o->is_normal_durability ? "PRAGMA synchronous=NORMAL"
							     : "PRAGMA synchronous=FULL");
	return r;
}

/* What to do about it, where SQLite's words do not say it. */
static int explain(struct store_db *d, int r)
{
	switch (r) {
	case -EBUSY:
		snprintf(d->error, sizeof(d->error),
		    "another process uses it: is another cmqttd running?");
		break;
	case -ENOENT:
		snprintf(d->error, sizeof(d->error),
		    "its directory does not exist: create it for cmqttd's user, or set path of "
		    "store");
		break;
	case -EACCES:
	case -EROFS:
		snprintf(d->error, sizeof(d->error),
		    "cmqttd's user may not write it, its -wal or its directory");
		break;
	default:
		break;
	}
	return r;
}

/* SQLite opens what it may only read, too, and fails later with other words. */
static bool is_forbidden(const char *path)
{
	char log[STORE_NAME_MAX];

	store_log_name(path, log);
	return (access(path, W_OK) < 0 || access(log, W_OK) < 0) && errno != ENOENT;
}

static int open_error(struct store_db *d, int code)
{
	int os = sqlite3_system_errno(d->db), r = store_db_failed(d, code);

	if ((code & 0xff) == SQLITE_CANTOPEN && (os == ENOENT || os == EACCES || os == EROFS))
		return -os;
	if ((code & 0xff) == SQLITE_CANTOPEN)
		snprintf(d->error, sizeof(d->error), "cannot open it: %s",
		    os ? strerror(os) : sqlite3_errmsg(d->db));
	return r;
}

int store_db_open(struct store_db *d, const char *path, const struct store_db_options *options)
{
	bool is_new = false;
	int code, r;

	*d = (struct store_db){ 0 };
	if (is_forbidden(path))
		return explain(d, -EACCES);
	if (store_log_is_alone(path))
		return damaged(d, "it is missing, its log is not");
	code = sqlite3_open_v2(path, &d->db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
		SQLITE_OPEN_EXRESCODE,
	    NULL);
	r = code == SQLITE_OK ? 0 : open_error(d, code);
	if (r == 0)
		r = configure(d, options);
	if (r == 0)
		r = check_version(d, &is_new);
	if (r == 0 && !options->is_normal_durability && store_log_is_damaged(d->db))
		r = damaged(d, "its log is damaged");
	if (r == 0)
		r = set_up(d, path, is_new);
	if (r == 0)
		r = prepare(d);
	if (r < 0) {
		explain(d, r);
		/* What is wrong must not be made worse by writing the log back. */
		if (d->db)
			sqlite3_db_config(d->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		store_db_close(d);
		return r;
	}
	return 0;
}

void store_db_close(struct store_db *d)
{
	for (size_t i = 0; i < STMT_COUNT; i++) {
		sqlite3_finalize(d->stmts[i]);
		d->stmts[i] = NULL;
	}
	sqlite3_close(d->db);
	d->db = NULL;
}
