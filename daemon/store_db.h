/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's database: opening it (settings, versions), its prepared statements, and what
 * SQLite's errors mean. It knows the tables, not the queues; store_sqlite.c makes a store of it.
 *
 * An id in the tables `waiting` and `dead` is queue << 51 | (7 - priority) << 48 | sequence number:
 * a queue is one run of the table, in the order of leaving, and a new message changes one page.
 */
#ifndef CMQTTD_STORE_DB_H
#define CMQTTD_STORE_DB_H

#include "base/buf.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#define STORE_SCHEMA_VERSION 2
#define STORE_APPLICATION_ID 0x636d7174 /* "cmqt" */

/* Messages are small and come a few at a time: with SQLite's usual 4096 a commit of one message
 * writes four times as much. Measured with 20 messages of 100 bytes a commit, in multiples of what
 * must be written: 512 bytes 1.6, 1024 bytes 1.8, 2048 bytes 2.2, 4096 bytes 3.2. */
#define STORE_PAGE_BYTES 512

/* A number of these as SQL has it. */
#define STORE_STR2(x)       #x
#define STORE_STR(x)        STORE_STR2(x)

#define STORE_SEQ_BITS      48
#define STORE_PRIORITY_BITS 3
#define STORE_PRIORITIES    (1 << STORE_PRIORITY_BITS)
#define STORE_SEQ_MAX       ((UINT64_C(1) << STORE_SEQ_BITS) - 1)
#define STORE_DB_ERROR_MAX  300

/* Rows wait or are dead letters: the two tables have the same columns but for the reason. */
enum store_table { STORE_WAITING, STORE_DEAD, STORE_TABLES };

/* Those of pairs come in the order of enum store_table. */
enum store_stmt {
	STMT_BEGIN,
	STMT_COMMIT,
	STMT_ROLLBACK,
	STMT_FIRST, /* whole row: the first of the ids ?1..?2 */
	STMT_FIRST_DEAD,
	STMT_FIRST_ID, /* the first of the ids ?1..?2 */
	STMT_FIRST_ID_DEAD,
	STMT_SIZES, /* columns as enum store_size; ids ?1..?2 */
	STMT_SIZES_DEAD,
	STMT_REMOVE, /* ids ?1..?2 */
	STMT_REMOVE_DEAD,
	STMT_MARK,
	STMT_MARK_DEAD,
	STMT_ADD,
	STMT_ADD_BODY,
	STMT_DROP_BODIES, /* of the ids ?1..?2: those that have one reference */
	STMT_DROP_BODIES_DEAD,
	STMT_UNREF_BODIES, /* and those that have more */
	STMT_UNREF_BODIES_DEAD,
	STMT_BURY,
	STMT_REVIVE,
	STMT_FIND_TOPIC,
	STMT_NAME_QUEUE, /* whatever there was of that number or name */
	STMT_DROP_QUEUE,
	STMT_PUT_NOTE,
	STMT_DROP_NOTE,
	STMT_DROP_NOTES, /* of one queue */
	STMT_GET_NOTE,   /* value */
	STMT_NEXT_NOTE,  /* key and value of the first one behind ?3 */
	STMT_SET_LAST_SEQ,
	STMT_COUNT
};

/* Columns of STMT_FIRST, and of the same for dead letters. */
enum store_column {
	COLUMN_ID,
	COLUMN_TOPIC,
	COLUMN_PROPERTIES,
	COLUMN_PAYLOAD,
	COLUMN_QOS,
	COLUMN_RETAIN,
	COLUMN_KEEP_LAST,
	COLUMN_STATE,
	COLUMN_PACKET_ID,
	COLUMN_TRIES,
	COLUMN_ACCEPTED_MS,
	COLUMN_EXPIRES_MS,
	COLUMN_REASON, /* dead letters; else NULL */
	COLUMN_COUNT
};

/* Columns of STMT_SIZES, and of the same for dead letters. */
enum store_size {
	SIZE_ID,
	SIZE_TOPIC, /* itself: its bytes are sqlite3_column_bytes */
	SIZE_PROPERTIES,
	SIZE_PAYLOAD,
	SIZE_IS_SHARED, /* its body is */
	SIZE_IS_LAST,   /* and has no other reference */
	SIZE_KEEP_LAST,
};

struct store_db_options {
	bool is_normal_durability; /* the log is synced when it is written back, not at a commit */
	unsigned checkpoint_pages; /* write the log back when it is so long; 0: the default */
};

struct store_db {
	sqlite3 *db;
	sqlite3_stmt *stmts[STMT_COUNT];
	bool is_damaged;                /* SQLite found the file damaged since it was opened */
	bool has_sync_failed;           /* since the caller cleared it */
	uint64_t reserved_seq;          /* the last number as the open transaction has it */
	char error[STORE_DB_ERROR_MAX]; /* words for the last failure */
};

/* Open the database at path, and make it if it is new. Fills *d; after a failure d->error says what
 * is wrong and what to do, and d is closed.
 *
 * One that is there is looked through for damage, page by page.
 *
 * 0; -EBUSY: another process has it; -EUCLEAN: damaged; -EPROTO: of another version; -EINVAL: not a
 * store; -ENOENT: no such directory; -EROFS, -EACCES, -ENOSPC, -ENOMEM, -EIO. */
int store_db_open(struct store_db *d, const char *path, const struct store_db_options *options);

/* Close it; what was not committed is rolled back. A closed one is fine. */
void store_db_close(struct store_db *d);

/* One SQL text without results. Errors as store_db_run. */
int store_db_exec(struct store_db *d, const char *sql);

/* The single number that an SQL text gives. Errors as store_db_run. */
int store_db_number(struct store_db *d, const char *sql, int64_t *ret);

/* A statement, reset, its parameters not yet bound. */
sqlite3_stmt *store_db_stmt(struct store_db *d, enum store_stmt which);

/* Run a statement without results to its end. 0, -ENOSPC, -ENOMEM, -EROFS, -EBUSY, -EUCLEAN, -EIO.
 * SQLite may have rolled back the whole transaction (store_db_is_open). */
int store_db_run(struct store_db *d, sqlite3_stmt *stmt);

/* The next row. 1: there is one; 0: there is none; errors as store_db_run. Reset the statement
 * (sqlite3_reset) when done: an open one keeps its place in the file. */
int store_db_row(struct store_db *d, sqlite3_stmt *stmt);

/* Note SQLite's failure in d->error and translate it; 0 for a success. */
int store_db_failed(struct store_db *d, int code);

/* Whether a transaction is open. */
static inline bool store_db_is_open(const struct store_db *d)
{
	return d->db && !sqlite3_get_autocommit(d->db);
}

/* Wait until no other process opens or recovers a store in the directory of path, and keep others
 * from it: SQLite's lock is on a file, and a recovery exchanges that. The descriptor, to be closed
 * soon; or -errno: it cannot be had, which is no reason to give up. */
int store_db_lock_directory(const char *path);

/* Sync the directory of path: a new name in it is durable then. 0 or -errno. */
int store_db_sync_directory(const char *path);

/* Never NULL: SQLite takes a NULL pointer for NULL, even with a length of 0. */
int store_db_bind_blob(sqlite3_stmt *stmt, int at, struct span blob);
int store_db_bind_text(sqlite3_stmt *stmt, int at, struct span text);

static inline int64_t store_id(unsigned queue, unsigned priority, uint64_t seq)
{
	return (int64_t)((uint64_t)queue << (STORE_SEQ_BITS + STORE_PRIORITY_BITS) |
			 (uint64_t)(STORE_PRIORITIES - 1 - priority) << STORE_SEQ_BITS | seq);
}

static inline uint64_t store_id_seq(int64_t id)
{
	return (uint64_t)id & STORE_SEQ_MAX;
}

static inline unsigned store_id_queue(int64_t id)
{
	return (unsigned)((uint64_t)id >> (STORE_SEQ_BITS + STORE_PRIORITY_BITS));
}

static inline unsigned store_id_priority(int64_t id)
{
	return STORE_PRIORITIES - 1 -
	       (unsigned)((uint64_t)id >> STORE_SEQ_BITS & (STORE_PRIORITIES - 1));
}

/* The ids of a queue are from the first to the last of these. */
static inline int64_t store_id_first(unsigned queue)
{
	return store_id(queue, STORE_PRIORITIES - 1, 0);
}

static inline int64_t store_id_last(unsigned queue)
{
	return store_id(queue, 0, STORE_SEQ_MAX);
}

#endif
