/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All rows of a damaged database: of all tables and indexes, page by page, whatever became of the
 * pages above them. A row knows its columns, not its table.
 *
 * The pages may hold anything: what is no row is left out.
 */
#ifndef CMQTTD_STORE_WALK_H
#define CMQTTD_STORE_WALK_H

#include "base/buf.h"
#include "store_pages.h"

#define STORE_WALK_COLUMNS_MAX COLUMN_COUNT

struct store_value {
	int64_t number;
	struct span bytes; /* no data: NULL */
};

struct store_walk {
	struct store_pages *pages;
	struct buf payload;
	struct cursor cursor, body;
	uint32_t number; /* of the page */
	unsigned cell, cells;
	int64_t rowid;
	uint8_t page[STORE_PAGE_BYTES];

	/* The row. For each column a letter, and a NUL. k: the INTEGER PRIMARY KEY; i: another
	 * integer; t: a text of at most STORE_NOTE_MAX bytes; b: a blob or NULL; ?: anything else.
	 */
	char types[STORE_WALK_COLUMNS_MAX + 1];
	struct store_value columns[STORE_WALK_COLUMNS_MAX];
};

/* Before the first row. The pages are borrowed. */
void store_walk_init(struct store_walk *w, struct store_pages *pages);

void store_walk_fini(struct store_walk *w);

/* Go to the next row, whose columns are valid until the one after it. 1; 0: there is none;
 * -ENOMEM. */
int store_walk_next(struct store_walk *w);

#endif
