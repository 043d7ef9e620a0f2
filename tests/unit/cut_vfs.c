/* SPDX-License-Identifier: Apache-2.0 */
#include "cut_vfs.h"

#include "base/prng.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX 16
#define SECTOR    512

/* Bytes written and not synced yet, in a list in the order of writing. len 0: a truncation. */
struct piece {
	struct piece *next;
	size_t at, len;
	uint8_t bytes[];
};

struct content {
	uint8_t *bytes;
	size_t len, cap;
};

struct disk_file {
	char *name; /* NULL: free */
	unsigned open_count;
	struct content seen;   /* by the process */
	struct content synced; /* by the disk */
	struct piece *first, **end;
};

struct handle {
	sqlite3_file base;
	struct disk_file *file;
};

static struct {
	struct disk_file files[FILES_MAX];
	uint64_t moments, cut_at;
	bool is_cut;
	enum cut_op failing_op;
	enum cut_failure failure;
	uint64_t fail_in, fail_count, failures;
	sqlite3_vfs vfs;
	sqlite3_vfs *system;
} disk;

/* A test that lets one allocation fail does not mean ours: it is tried again. */
#define must(call)                     \
	({                             \
		void *mem_;            \
		do                     \
			mem_ = (call); \
		while (!mem_);         \
		mem_;                  \
	})

/* ---- contents ---- */

static void content_resize(struct content *c, size_t len)
{
	if (len > c->cap) {
		uint8_t *bytes = must(realloc(c->bytes, len * 2));

		c->bytes = bytes;
		c->cap = len * 2;
	}
	if (len > c->len)
		memset(c->bytes + c->len, 0, len - c->len);
	c->len = len;
}

static void content_write(struct content *c, size_t at, const void *bytes, size_t len)
{
	if (at + len > c->len)
		content_resize(c, at + len);
	memcpy(c->bytes + at, bytes, len);
}

static void content_copy(struct content *to, const struct content *from)
{
	content_resize(to, from->len);
	if (from->len > 0)
		memcpy(to->bytes, from->bytes, from->len);
}

static void forget_pieces(struct disk_file *f)
{
	while (f->first) {
		struct piece *p = f->first;

		f->first = p->next;
		free(p);
	}
	f->end = &f->first;
}

static void file_free(struct disk_file *f)
{
	forget_pieces(f);
	free(f->name);
	free(f->seen.bytes);
	free(f->synced.bytes);
	*f = (struct disk_file){ 0 };
}

static void remember(struct disk_file *f, size_t at, const void *bytes, size_t len)
{
	struct piece *p = must(malloc(sizeof(*p) + len));

	*p = (struct piece){ .at = at, .len = len };
	if (len > 0)
		memcpy(p->bytes, bytes, len);
	*f->end = p;
	f->end = &p->next;
}

static struct disk_file *find(const char *name)
{
	for (size_t i = 0; i < FILES_MAX; i++) {
		if (disk.files[i].name && strcmp(disk.files[i].name, name) == 0)
			return &disk.files[i];
	}
	return NULL;
}

static struct disk_file *create(const char *name)
{
	for (size_t i = 0; i < FILES_MAX; i++) {
		struct disk_file *f = &disk.files[i];

		if (f->name)
			continue;
		f->name = must(strdup(name));
		f->end = &f->first;
		return f;
	}
	return NULL;
}

/* ---- power and failures ---- */

static bool has_power(void)
{
	return !disk.is_cut;
}

/* A moment at which the disk changes. */
static bool pass_moment(void)
{
	if (disk.is_cut)
		return false;
	disk.moments++;
	disk.is_cut = disk.moments == disk.cut_at;
	return true;
}

static bool is_to_fail(enum cut_op op)
{
	if (disk.fail_in == 0 || op != disk.failing_op)
		return false;
	if (disk.fail_in > 1) {
		disk.fail_in--;
		return false;
	}
	if (--disk.fail_count == 0)
		disk.fail_in = 0;
	disk.failures++;
	return true;
}

/* ---- one file ---- */

static struct disk_file *file_of(sqlite3_file *base)
{
	return ((struct handle *)base)->file;
}

static int cut_close(sqlite3_file *base)
{
	file_of(base)->open_count--;
	return SQLITE_OK;
}

static int cut_read(sqlite3_file *base, void *to, int len, sqlite3_int64 at)
{
	struct disk_file *f = file_of(base);
	size_t want = (size_t)len, from = (size_t)at;
	size_t have = from < f->seen.len ? f->seen.len - from : 0;

	if (!has_power() || is_to_fail(CUT_READ))
		return SQLITE_IOERR_READ;
	if (have > want)
		have = want;
	if (have > 0)
		memcpy(to, f->seen.bytes + from, have);
	if (have == want)
		return SQLITE_OK;
	memset((uint8_t *)to + have, 0, want - have);
	return SQLITE_IOERR_SHORT_READ;
}

static int cut_write(sqlite3_file *base, const void *bytes, int len, sqlite3_int64 at)
{
	struct disk_file *f = file_of(base);
	size_t done = (size_t)len;
	bool fails;

	if (!pass_moment())
		return SQLITE_IOERR_WRITE;
	fails = is_to_fail(CUT_WRITE);
	if (fails)
		done /= 2;
	content_write(&f->seen, (size_t)at, bytes, done);
	remember(f, (size_t)at, bytes, done);
	if (!fails)
		return SQLITE_OK;
	return disk.failure == CUT_FAIL_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int cut_truncate(sqlite3_file *base, sqlite3_int64 len)
{
	struct disk_file *f = file_of(base);

	if (!pass_moment())
		return SQLITE_IOERR_TRUNCATE;
	content_resize(&f->seen, (size_t)len);
	remember(f, (size_t)len, NULL, 0);
	return SQLITE_OK;
}

/* All that was written is on the disk. */
static void write_out(struct disk_file *f)
{
	for (const struct piece *p = f->first; p; p = p->next) {
		if (p->len > 0)
			content_write(&f->synced, p->at, p->bytes, p->len);
		else
			content_resize(&f->synced, p->at);
	}
	forget_pieces(f);
}

static int cut_sync(sqlite3_file *base, int flags)
{
	struct disk_file *f = file_of(base);

	(void)flags;
	if (!pass_moment())
		return SQLITE_IOERR_FSYNC;
	if (is_to_fail(CUT_SYNC)) {
		/* The kernel marks the pages clean and forgets them, the process still sees them.
		 */
		forget_pieces(f);
		return SQLITE_IOERR_FSYNC;
	}
	/* Cut in the middle of it: what it had to write is as uncertain as before. */
	if (disk.is_cut)
		return SQLITE_IOERR_FSYNC;
	write_out(f);
	return SQLITE_OK;
}

static int cut_size(sqlite3_file *base, sqlite3_int64 *ret)
{
	*ret = (sqlite3_int64)file_of(base)->seen.len;
	return SQLITE_OK;
}

static int cut_lock(sqlite3_file *base, int level)
{
	(void)base;
	(void)level;
	return SQLITE_OK;
}

static int cut_check_lock(sqlite3_file *base, int *ret)
{
	(void)base;
	*ret = 0;
	return SQLITE_OK;
}

static int cut_control(sqlite3_file *base, int op, void *arg)
{
	(void)base;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int cut_sector(sqlite3_file *base)
{
	(void)base;
	return SECTOR;
}

static int cut_traits(sqlite3_file *base)
{
	(void)base;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* Version 1: no shared memory, so that only exclusive locking will do. */
static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = cut_close,
	.xRead = cut_read,
	.xWrite = cut_write,
	.xTruncate = cut_truncate,
	.xSync = cut_sync,
	.xFileSize = cut_size,
	.xLock = cut_lock,
	.xUnlock = cut_lock,
	.xCheckReservedLock = cut_check_lock,
	.xFileControl = cut_control,
	.xSectorSize = cut_sector,
	.xDeviceCharacteristics = cut_traits,
};

/* ---- names ---- */

static int cut_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *ret)
{
	struct handle *h = (struct handle *)base;

	(void)vfs;
	*h = (struct handle){ 0 };
	if (!has_power() || is_to_fail(CUT_OPEN))
		return SQLITE_CANTOPEN;
	h->file = find(name ? name : "");
	if (!h->file && (flags & SQLITE_OPEN_CREATE))
		h->file = create(name ? name : "");
	if (!h->file)
		return SQLITE_CANTOPEN;
	h->file->open_count++;
	h->base.pMethods = &methods;
	if (ret)
		*ret = flags;
	return SQLITE_OK;
}

static int cut_delete(sqlite3_vfs *vfs, const char *name, int dir_sync)
{
	struct disk_file *f = find(name);

	(void)vfs;
	(void)dir_sync;
	if (!has_power())
		return SQLITE_IOERR_DELETE;
	if (!f)
		return SQLITE_IOERR_DELETE_NOENT;
	assert(f->open_count == 0);
	file_free(f);
	return SQLITE_OK;
}

static int cut_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
	const struct disk_file *f = find(name);

	(void)vfs;
	*ret = f && (flags != SQLITE_ACCESS_EXISTS || f->seen.len > 0);
	return SQLITE_OK;
}

static int cut_full_name(sqlite3_vfs *vfs, const char *name, int size, char *ret)
{
	(void)vfs;
	sqlite3_snprintf(size, ret, "%s", name);
	return SQLITE_OK;
}

static int cut_last_error(sqlite3_vfs *vfs, int size, char *ret)
{
	(void)vfs;
	(void)size;
	(void)ret;
	return 0;
}

void cut_vfs_install(void)
{
	if (disk.system)
		return;
	disk.system = sqlite3_vfs_find(NULL);
	/* Random numbers, time and sleep are the system's. */
	disk.vfs = *disk.system;
	disk.vfs.iVersion = 1;
	disk.vfs.szOsFile = sizeof(struct handle);
	disk.vfs.pNext = NULL;
	disk.vfs.zName = "cut";
	disk.vfs.xOpen = cut_open;
	disk.vfs.xDelete = cut_delete;
	disk.vfs.xAccess = cut_access;
	disk.vfs.xFullPathname = cut_full_name;
	disk.vfs.xGetLastError = cut_last_error;
	sqlite3_vfs_register(&disk.vfs, 1);
}

void cut_vfs_remove(void)
{
	cut_vfs_clear();
	sqlite3_vfs_unregister(&disk.vfs);
	sqlite3_vfs_register(disk.system, 1);
	disk.system = NULL;
}

void cut_vfs_clear(void)
{
	for (size_t i = 0; i < FILES_MAX; i++) {
		assert(disk.files[i].open_count == 0);
		file_free(&disk.files[i]);
	}
	disk.moments = 0;
	disk.cut_at = 0;
	disk.is_cut = false;
	disk.fail_in = 0;
}

uint64_t cut_vfs_moments(void)
{
	return disk.moments;
}

void cut_vfs_cut_at(uint64_t moment)
{
	disk.cut_at = moment;
}

void cut_vfs_cut_now(void)
{
	disk.is_cut = true;
}

bool cut_vfs_is_cut(void)
{
	return disk.is_cut;
}

/* The part of a piece in one sector: done, dropped, torn (its first bytes only), or rubbish. */
static void settle_sector(
    struct content *c, const struct piece *p, size_t from, size_t len, struct prng *rng)
{
	uint8_t rubbish[SECTOR];

	switch (prng_range(rng, 0, 3)) {
	case 0:
		content_write(c, p->at + from, p->bytes + from, len);
		break;
	case 1:
		break;
	case 2:
		len = prng_range(rng, 0, len);
		if (len > 0)
			content_write(c, p->at + from, p->bytes + from, len);
		break;
	case 3:
		for (size_t i = 0; i < len; i++)
			rubbish[i] = (uint8_t)prng_range(rng, 0, 255);
		content_write(c, p->at + from, rubbish, len);
		break;
	default:
		break;
	}
}

static void settle_piece(struct content *c, const struct piece *p, struct prng *rng)
{
	size_t from = 0;

	if (p->len == 0 && prng_chance(rng, 500))
		content_resize(c, p->at);
	while (from < p->len) {
		size_t len = SECTOR - (p->at + from) % SECTOR;

		if (len > p->len - from)
			len = p->len - from;
		settle_sector(c, p, from, len, rng);
		from += len;
	}
}

void cut_vfs_restore(uint64_t seed)
{
	struct prng rng;

	prng_init(&rng, seed);
	for (size_t i = 0; i < FILES_MAX; i++) {
		struct disk_file *f = &disk.files[i];

		if (!f->name)
			continue;
		assert(f->open_count == 0);
		for (const struct piece *p = f->first; p; p = p->next)
			settle_piece(&f->synced, p, &rng);
		forget_pieces(f);
		content_copy(&f->seen, &f->synced);
	}
	disk.is_cut = false;
	disk.cut_at = 0;
}

void cut_vfs_survive(void)
{
	for (size_t i = 0; i < FILES_MAX; i++) {
		if (disk.files[i].name) {
			assert(disk.files[i].open_count == 0);
			write_out(&disk.files[i]);
		}
	}
	disk.is_cut = false;
	disk.cut_at = 0;
}

void cut_vfs_fail(enum cut_op op, enum cut_failure how, uint64_t n, uint64_t count)
{
	disk.failing_op = op;
	disk.failure = how;
	disk.fail_in = n;
	disk.fail_count = count;
	disk.failures = 0;
}

uint64_t cut_vfs_failures(void)
{
	return disk.failures;
}
