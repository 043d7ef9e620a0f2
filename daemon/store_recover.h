/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A damaged database: out of the way, never deleted, and what can be read of it into a new one.
 */
#ifndef CMQTTD_STORE_RECOVER_H
#define CMQTTD_STORE_RECOVER_H

#include "store_log.h"

struct store_salvage {
	int64_t counts[STORE_TABLES]; /* messages and dead letters carried over */
};

/* Make a new database of what can be read of the one at path, which nobody may have open; then give
 * the old one and its log the name "PATH.damaged-TIME" (UTC), and the new one the name path. db is
 * used on the way, and closed at the end. 0 and the old one's new name; errors as store_db_open:
 * then the old one is where it was, and db->error says why; it is empty when it cannot be renamed.
 */
int store_recover(const char *path, char ret_name[STORE_NAME_MAX], struct store_db *db,
    struct store_salvage *ret);

/* Before opening: bring a recovery to its end that the process did not live to see. Whether there
 * was one, and the database is a new one now: 1, else 0; or -errno, and nothing may be opened. */
int store_recover_finish(const char *path);

#endif
