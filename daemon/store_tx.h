/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions of the store: changes go to the database at once, and to a log in memory, from which
 * they are done again should SQLite have rolled them back. It knows neither queues nor counters,
 * and does not mend a damaged file: that is store_sqlite_open.c's.
 */
#ifndef CMQTTD_STORE_TX_H
#define CMQTTD_STORE_TX_H

#include "store_db.h"
#include "store_redo.h"

#include <stdbool.h>

struct store_tx {
	struct store_db db;
	struct redo redo;
	/* The database does not show what was changed since the last commit. */
	bool is_behind;
	bool has_commit_failed;  /* and none has worked since */
	bool is_checkpoint_owed; /* a sync failed: the log alone is not to be trusted */
};

/* No database yet, nothing changed; free the log with store_tx_fini. */
void store_tx_init(struct store_tx *t);
void store_tx_fini(struct store_tx *t);

/* The database shows what was changed. 0, or an error as store_db_run. */
int store_tx_ready(struct store_tx *t);

/* After a failure, or when the database was opened anew: whatever is left of the transaction goes,
 * and what the log holds is done again. 0, or an error as store_db_run: then it is behind. */
int store_tx_catch_up(struct store_tx *t);

/* Begin a transaction unless one is open. 0, or an error as store_db_run. */
int store_tx_begin(struct store_tx *t);

/* One change; the counters are the caller's. What was changed before it may be committed on the
 * way. 0, or an error as store_db_run: then it was not changed. */
int store_tx_change(struct store_tx *t, const struct redo_record *record);

/* Make durable what was changed. 0, or an error as store_db_run: it can be tried again. */
int store_tx_commit(struct store_tx *t);

#endif
