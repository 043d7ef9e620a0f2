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
	struct frame frame;
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
	const uint32_t sums[2] = { be32toh(stored[0]), be32toh(stored[1]) };
	bool is_same = memcmp(sums, l->sums, sizeof(sums)) == 0;

	memcpy(l->sums, sums, sizeof(sums));
	return is_same;
}

/* Read the next frame. ret_holds: it belongs to this log, and to the frame before it. */
static bool next_frame(struct log *l, const uint32_t salt[2], bool *ret_holds)
{
	struct frame *f = &l->frame;

	if (!read_log(l, f, sizeof(*f)))
		return false;
	add_up(l, &f->page_number, offsetof(struct frame, salt));
	add_up(l, f->page, sizeof(f->page));
	*ret_holds = check_sums(l, f->sums) && memcmp(f->salt, salt, sizeof(f->salt)) == 0;
	return true;
}

/* The database has this page as the frame has it. */
static bool is_in_database(sqlite3 *db, const struct frame *f)
{
	sqlite3_int64 at = (sqlite3_int64)(be32toh(f->page_number) - 1) * STORE_PAGE_BYTES;
	uint32_t page[STORE_PAGE_BYTES / sizeof(uint32_t)];
	sqlite3_file *file;

	return sqlite3_file_control(db, NULL, SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK &&
	       file->pMethods->xRead(file, page, STORE_PAGE_BYTES, at) == SQLITE_OK &&
	       memcmp(page, f->page, STORE_PAGE_BYTES) == 0;
}

/* SQLite begins the log anew when the database has all of it. A head that a power cut has torn
 * then is no damage. */
static bool is_written_back(sqlite3 *db, struct log *l)
{
	bool holds, is_there = false;
	uint32_t salt[2];

	if (!read_log(l, &l->frame, sizeof(l->frame)))
		return true;
	memcpy(salt, l->frame.salt, sizeof(salt));
	l->at = sizeof(struct head);
	while (next_frame(l, salt, &holds)) {
		if (holds && l->frame.commit != 0)
			is_there = is_in_database(db, &l->frame);
	}
	return is_there;
}

void store_log_name(const char *path, char ret_name[STORE_NAME_MAX])
{
	snprintf(ret_name, STORE_NAME_MAX, "%s-wal", path);
}

bool store_log_is_damaged(sqlite3 *db)
{
	bool holds, is_whole = true;
	unsigned lost = 0;
	struct head head;
	struct log l = { 0 };

	if (sqlite3_file_control(db, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &l.file) != SQLITE_OK ||
	    !l.file->pMethods || !read_log(&l, &head, sizeof(head)))
		return false;
	add_up(&l, &head.magic, offsetof(struct head, sums));
	if (!check_sums(&l, head.sums) || head.magic != htobe32(MAGIC))
		return !is_written_back(db, &l);
	if (head.page_bytes != htobe32(STORE_PAGE_BYTES))
		return false;
	while (lost < LOST_MIN && next_frame(&l, head.salt, &holds)) {
		is_whole = is_whole && holds;
		lost += !is_whole && holds && l.frame.commit != 0;
	}
	return lost == LOST_MIN;
}

bool store_log_is_alone(const char *path)
{
	char log[STORE_NAME_MAX];
	struct stat st;

	store_log_name(path, log);
	return stat(log, &st) == 0 && st.st_size > 0 && (stat(path, &st) < 0 || st.st_size == 0);
}
