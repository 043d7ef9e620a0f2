/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pages of a database and its log, for when SQLite finds them damaged: to find a row it needs
 * the pages above it, this does not. The newest version of each page; those that are free are not
 * given out, because what was removed is still in them.
 *
 * The files may hold anything. They are only read, and nobody else may have them open.
 */
#ifndef CMQTTD_STORE_PAGES_H
#define CMQTTD_STORE_PAGES_H

#include "store_log.h"

#include <endian.h>
#include <string.h>

struct store_pages {
	sqlite3_file *file, *log;
	sqlite3_int64 bytes, log_bytes;
	uint32_t count;   /* they are numbered from 1 */
	uint32_t *places; /* of each: its place in the log, 0: it is in the file; or it is free */
	uint8_t page[STORE_PAGE_BYTES];
	char log_name[STORE_NAME_MAX];
};

/* Open the database at path, which must stay there, and its log, so far as they exist. 0, -ENOMEM,
 * -EIO: one is there and cannot be opened. To be closed in any case. */
int store_pages_open(struct store_pages *p, const char *path);

void store_pages_close(struct store_pages *p);

/* A page, until the next call. NULL: there is none of that number, it is free, or it cannot be
 * read. */
const uint8_t *store_pages_read(struct store_pages *p, uint32_t number);

/* Numbers as pages have them. */
static inline uint16_t store_pages_u16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t store_pages_u32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return be32toh(value);
}

#endif
