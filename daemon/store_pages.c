/* SPDX-License-Identifier: Apache-2.0 */
/* The format is that of https://www.sqlite.org/fileformat2.html, sections 1.3 and 1.5. */
#include "store_pages.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* The head of the database, in page 1. */
#define AT_FREE_LIST 32

/* A page of the list of free ones: the next one, how many it names, their numbers. */
#define FREE_NAMED_MAX ((STORE_PAGE_BYTES - 8) / 4)

/* One that is not there has no methods, and no pages. Adds to the number of pages. */
static int open_file(const char *name, sqlite3_file **ret, sqlite3_int64 *bytes)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	sqlite3_file *file = *ret = calloc(1, (size_t)vfs->szOsFile);

	if (!file)
		return -ENOMEM;
	/* A name of this kind is just a name, and nothing is locked. */
	if (vfs->xOpen(vfs, name, file, SQLITE_OPEN_READONLY | SQLITE_OPEN_SUPER_JOURNAL, NULL) ==
	    SQLITE_OK)
		return file->pMethods->xFileSize(file, bytes) == SQLITE_OK ? 0 : -EIO;
	file->pMethods = NULL;
	return access(name, F_OK) == 0 ? -EIO : 0;
}

static void close_file(sqlite3_file *file)
{
	if (file && file->pMethods)
		file->pMethods->xClose(file);
	free(file);
}

static void set_free(struct store_pages *p, uint32_t number)
{
	if (number - 1 < p->count)
		p->places[number - 1] = STORE_LOG_LOST;
}

/* Follow the list of free pages as far as it goes. */
static void find_free(struct store_pages *p)
{
	const uint8_t *page = store_pages_read(p, 1);
	uint32_t number = page ? store_pages_u32(page + AT_FREE_LIST) : 0;

	while ((page = store_pages_read(p, number))) {
		uint32_t named = store_pages_u32(page + 4);

		if (named > FREE_NAMED_MAX)
			break;
		set_free(p, number);
		for (; named > 0; named--)
			set_free(p, store_pages_u32(page + 4 + 4 * (size_t)named));
		number = store_pages_u32(page);
	}
}

int store_pages_open(struct store_pages *p, const char *path)
{
	int r;

	*p = (struct store_pages){ 0 };
	store_log_name(path, p->log_name);
	r = open_file(path, &p->file, &p->bytes);
	if (r == 0)
		r = open_file(p->log_name, &p->log, &p->log_bytes);
	if (r < 0)
		return r;
	/* Pages behind those of the file are in the log, but for some that were free at once. */
	p->count = (uint32_t)((uint64_t)(p->bytes + 2 * p->log_bytes) / STORE_PAGE_BYTES);
	p->places = calloc((size_t)p->count + 1, sizeof(*p->places));
	if (!p->places)
		return -ENOMEM;
	if (p->log_bytes > 0)
		store_log_find_pages(p->log, p->places, p->count);
	find_free(p);
	return 0;
}

void store_pages_close(struct store_pages *p)
{
	close_file(p->file);
	close_file(p->log);
	free(p->places);
}

const uint8_t *store_pages_read(struct store_pages *p, uint32_t number)
{
	sqlite3_int64 at = (sqlite3_int64)(number - 1) * STORE_PAGE_BYTES;
	sqlite3_file *file = p->file;
	uint32_t place;

	if (number - 1 >= p->count)
		return NULL;
	place = p->places[number - 1];
	if (place > 0) {
		file = p->log;
		at = store_log_page_at(place);
	}
	/* Nothing is at the place of those that were lost. */
	return file->pMethods &&
		       file->pMethods->xRead(file, p->page, STORE_PAGE_BYTES, at) == SQLITE_OK
		   ? p->page
		   : NULL;
}
