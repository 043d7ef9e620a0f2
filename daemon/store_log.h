/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damage of the write-ahead log. SQLite reads it up to the first frame that does not hold together
 * and takes the rest for what a power cut left of the last transaction. It says nothing if more
 * than that is behind it, nor if the log has no database, and it deletes or overwrites both.
 */
#ifndef CMQTTD_STORE_LOG_H
#define CMQTTD_STORE_LOG_H

#include "store_db.h"

#include <stdbool.h>

/* Whether transactions that were synced cannot be read any more. db: open, locked, in WAL mode, and
 * nothing was written yet. Only for a log that is synced at each commit: of another one a power cut
 * may leave anything. */
bool store_log_is_damaged(sqlite3 *db);

/* The place of a page that cannot be read in the log, although it was. */
#define STORE_LOG_LOST INT32_MAX

/* Find the last version of each page that a transaction in the log has: places[number - 1] becomes
 * the place for store_log_page_at, or STORE_LOG_LOST; it stays what it was for the pages that the
 * log does not have. Frames behind a damaged one count, so far as they hold together themselves.
 * file: a log, open. */
void store_log_find_pages(sqlite3_file *file, uint32_t *places, uint32_t count);

/* Where in the file of the log a page is. */
sqlite3_int64 store_log_page_at(uint32_t place);

#define STORE_NAME_MAX 1024

/* Of the log of the database at path. */
void store_log_name(const char *path, char ret_name[STORE_NAME_MAX]);

/* Whether there is a log at PATH-wal and its database is missing or empty: SQLite deletes it as
 * soon as it looks there. */
bool store_log_is_alone(const char *path);

#endif
