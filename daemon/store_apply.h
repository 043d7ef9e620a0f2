/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One change of the store, in the tables of its database. It knows no counters and no commits:
 * store_tx.c decides when a change is made, and when it has to be made again.
 */
#ifndef CMQTTD_STORE_APPLY_H
#define CMQTTD_STORE_APPLY_H

#include "store_db.h"
#include "store_redo.h"

/* Make the change that the record says, in the transaction that is open. Errors as store_db_run;
 * after one the change may be there in part. */
int store_apply(struct store_db *d, const struct redo_record *record);

#endif
