/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in the store, counted: its queues by number, how many rows each has, how much room all of
 * it takes. Kept in memory, so that nothing of it has to be asked of the database again.
 */
#ifndef CMQTTD_STORE_COUNTS_H
#define CMQTTD_STORE_COUNTS_H

#include "base/limits.h"
#include "store/store.h"
#include "store_db.h"
#include "store_rows.h"

#include <stdint.h>

struct store_queue {
	char *name;
	uint64_t rows[STORE_TABLES][STORE_PRIORITIES];
	uint64_t bytes;
	/* Waiting rows up to this number, and none of another kind, were retired: they are on the
	 * disk still, and count no more. 0: there are none. */
	uint64_t retired[STORE_PRIORITIES];
};

struct store_counts {
	struct store_queue *queues[STORE_QUEUES_MAX]; /* NULL: there is none of that number */
	struct store_usage total;
	uint64_t last_seq;
};

/* A queue without rows. NULL: no memory. */
struct store_queue *store_queue_new(const char *name);

/* NULL is fine. */
void store_queue_free(struct store_queue *q);

/* Free all queues. */
void store_counts_fini(struct store_counts *c);

/* Count anew all that the database has. 0, or an error as store_db_row: then *c is as far as it
 * came. */
int store_counts_load(struct store_counts *c, struct store_db *d);

/* Messages or dead letters of it. */
static inline uint64_t *store_count_of(struct store_usage *usage, enum store_table table)
{
	return table == STORE_DEAD ? &usage->dead_letters : &usage->messages;
}

#endif
