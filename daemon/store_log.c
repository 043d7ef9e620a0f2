/* SPDX-License-Identifier: Apache-2.0 */
/* The format is that of https://www.sqlite.org/fileformat2.html#walformat. */
#include "store_log.h"

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Checksums are of words as this machine has them. */
#define MAGIC (0x377f0682U | (BYTE_ORDER == BIG_ENDIAN))

/* One may be the end of a transaction that a power cut has torn. The next one began when that was
 * on the disk. */
#define LOST_MIN 2

struct head {
	uint32_t magic, version, page_bytes, number, salt[2], sums[2];
};

struct frame {
	uint32_t page_number, commit, salt[2], sums[2], page[STORE_PAGE_BYTES / sizeof(uint32_t)];
};

struct log {
	sqlite3_file *file;
	sqlite3_int64 at;
	uint32_t sums[2];
	struct head head;
	struct frame frame;
	uint32_t page[STORE_PAGE_BYTES / sizeof(uint32_t)];

	/* Found by scan. */
	sqlite3_int64 end; /* of the last transaction that can be read, 0: there is none */
	unsigned lost;     /* those that hold together, but come behind a frame that does not */
	bool has_head; /* that holds together; else frames are those with the first one's salt */
};

static bool read_log(struct log *l, void *ret, int len)
{
	int code = l->file->pMethods->xRead(l->file, ret, len, l->at);

	l->at += len;
	return code == SQLITE_OK;
}

/* Add pairs of words to the sums. */
static void add_up(struct log *l, const uint32_t *words, size_t bytes)
{
	for (size_t i = 0; i < bytes / sizeof(*words); i++)
		l->sums[i % 2] += l->sums[(i + 1) % 2] + words[i];
}

/* Whether the sums are what they should be; they go on from there. */
static bool check_sums(struct log *l, const uint32_t stored[2])
{
	uint32_t even = be32toh(stored[0]), odd = be32toh(stored[1]);
	bool is_same = l->sums[0] == even && l->sums[1] == odd;

	l->sums[0] = even;
	l->sums[1] = odd;
	return is_same;
}

/* The database has this page as the frame has it. */
static bool is_in_database(sqlite3 *db, struct log *l)
{
	sqlite3_int64 at = (sqlite3_int64)(be32toh(l->frame.page_number) - 1) * STORE_PAGE_BYTES;

	return sqlite3_file_control(db, NULL, SQLITE_FCNTL_FILE_POINTER, &l->file) == SQLITE_OK &&
	       l->file->pMethods->xRead(l->file, l->page, STORE_PAGE_BYTES, at) == SQLITE_OK &&
	       memcmp(l->page, l->frame.page, STORE_PAGE_BYTES) == 0;
}

/* Read the head, which has the salt of the frames. */
static void begin(struct log *l)
{
	struct head *h = &l->head;

	l->at = 0;
	memset(l->sums, 0, sizeof(l->sums));
	read_log(l, h, sizeof(*h));
	add_up(l, &h->magic, offsetof(struct head, sums));
	l->has_head = check_sums(l, h->sums) && h->magic == htobe32(MAGIC);
	if (!l->has_head && read_log(l, &l->frame, sizeof(l->frame)))
		memcpy(h->salt, l->frame.salt, sizeof(h->salt));
	l->at = sizeof(*h);
}

/* Go through all frames. Up to that end, note the place of each page. */
static void scan(struct log *l, sqlite3_int64 end, uint32_t *places, uint32_t count)
{
	struct frame *f = &l->frame;
	bool is_whole = true, is_known = true;

	begin(l);
	for (uint32_t place = 1; read_log(l, f, sizeof(*f)); place++) {
		bool is_ours = memcmp(f->salt, l->head.salt, sizeof(f->salt)) == 0, holds;
		uint32_t number = be32toh(f->page_number) - 1;

		add_up(l, &f->page_number, offsetof(struct frame, salt));
		add_up(l, f->page, sizeof(f->page));
		holds = check_sums(l, f->sums) && is_ours;
		is_whole = is_whole && holds;
		/* From here on it is not known which pages were lost. */
		is_known = is_known && is_ours;
		if (holds && f->commit != 0) {
			l->lost += !is_whole;
			if (is_known)
				l->end = l->at;
		}
		if (l->at <= end && number < count)
			places[number] = holds ? place : STORE_LOG_LOST;
	}
}

void store_log_name(const char *path, char ret_name[STORE_NAME_MAX])
{
	snprintf(ret_name, STORE_NAME_MAX, "%s-wal", path);
}

bool store_log_is_damaged(sqlite3 *db)
{
	struct log l = { 0 };

	if (sqlite3_file_control(db, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &l.file) != SQLITE_OK ||
	    !l.file->pMethods)
		return false;
	scan(&l, 0, NULL, 0);
	if (l.has_head)
		return l.lost >= LOST_MIN;
	/* There is no frame. */
	if (l.at == sizeof(struct head) + sizeof(struct frame))
		return false;
	/* SQLite begins the log anew when the database has all of it. A head that a power cut has
	 * torn then is no damage. */
	l.at = l.end - (sqlite3_int64)sizeof(l.frame);
	return l.end == 0 || !read_log(&l, &l.frame, sizeof(l.frame)) || !is_in_database(db, &l);
}

void store_log_find_pages(sqlite3_file *file, uint32_t *places, uint32_t count)
{
	struct log l = { .file = file };

	scan(&l, 0, NULL, 0);
	scan(&l, l.end, places, count);
}

sqlite3_int64 store_log_page_at(uint32_t place)
{
	return (sqlite3_int64)(sizeof(struct head) + offsetof(struct frame, page) +
			       (place - 1) * sizeof(struct frame));
}

static off_t size_of(const char *name)
{
	struct stat st;

	return stat(name, &st) < 0 ? 0 : st.st_size;
}

bool store_log_is_alone(const char *path)
{
	char log[STORE_NAME_MAX];

	store_log_name(path, log);
	return size_of(path) == 0 && size_of(log) > 0;
}
