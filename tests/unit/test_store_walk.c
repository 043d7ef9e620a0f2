/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of a file that is damaged, as its pages have them: what is a row, what is none. Pages are
 * made by hand here; what SQLite makes of a store is in test_store_sqlite.
 */
#include "../../daemon/store_walk.h"
#include "scratch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <cmocka.h>

#define PAGES 8

/* A file of pages, all of them zero at first. They are numbered from 1. */
static uint8_t pages[PAGES][STORE_PAGE_BYTES];

static uint8_t *page(unsigned number)
{
	return pages[number - 1];
}

static void put(uint8_t *at, const void *bytes, size_t len)
{
	memcpy(at, bytes, len);
}

/* A leaf of a table with one cell, at the end of the page. */
static void make_leaf(unsigned number, const void *cell, size_t len)
{
	size_t at = STORE_PAGE_BYTES - len;
	const uint8_t head[] = { 0x0d, 0, 0, 0, 1, 0, 0, 0, (uint8_t)(at >> 8), (uint8_t)at };

	put(page(number), head, sizeof(head));
	put(page(number) + at, cell, len);
}

static void write_pages(void)
{
	scratch_write_bytes("store.db", pages, sizeof(pages));
}

/* The types of all rows, each behind a blank. */
static void walk(char types[200])
{
	struct store_pages p;
	struct store_walk w;

	write_pages();
	types[0] = '\0';
	assert_int_equal(store_pages_open(&p, scratch_path("store.db")), 0);
	store_walk_init(&w, &p);
	while (store_walk_next(&w) == 1)
		snprintf(types + strlen(types), 200 - strlen(types), " %s", w.types);
	store_walk_fini(&w);
	store_pages_close(&p);
}

static int clear(void **state)
{
	(void)state;
	memset(pages, 0, sizeof(pages));
	return 0;
}

#define CELL(text) text, sizeof(text) - 1

/* Length, row number, length of the head, types, values. */
static const struct {
	const char *what, *cell;
	size_t len;
	const char *types;
} cells[] = {
	{ "key and text",
	    CELL("\x05\x07\x03\x00\x11"
		 "ab"),
	    " kt" },
	{ "blob, NULL and integers",
	    CELL("\x08\x07\x06\x0e\x00\x01\x08\x09"
		 "a\xff"),
	    " bbiii" },
	{ "NULL is no key where it is not the first", CELL("\x03\x07\x03\x09\x00"), " ib" },
	{ "an integer of each length",
	    CELL("\x1f\x07\x07\x01\x02\x03\x04\x05\x06"
		 "123456789012345678901234"),
	    " iiiiii" },
	{ "a float, and what is reserved", CELL("\x04\x07\x04\x07\x0a\x0b"), " ???" },
	{ "no column", CELL("\x01\x07\x01"), " " },
	{ "thirteen columns",
	    CELL("\x0e\x07\x0e\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08"),
	    " iiiiiiiiiiiii" },
	{ "fourteen columns",
	    CELL("\x0f\x07\x0f\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08"), "" },
	{ "an empty record", CELL("\x00\x07"), "" },
	{ "a head of no length",
	    CELL("\x05\x07\x00\x00\x11"
		 "ab"),
	    "" },
	{ "a head longer than the record",
	    CELL("\x05\x07\x06\x00\x11"
		 "ab"),
	    "" },
	{ "a head that ends within a type", CELL("\x03\x07\x03\x00\x91"), "" },
	{ "values longer than the record",
	    CELL("\x05\x07\x03\x00\x13"
		 "ab"),
	    "" },
	{ "a text as long as can be written",
	    CELL("\x0c\x07\x0b\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff"
		 "a"),
	    "" },
	{ "a record as long as can be written",
	    CELL("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x07\x02\x00"), "" },
	{ "a record longer than the page",
	    CELL("\x20\x07\x03\x00\x11"
		 "ab"),
	    "" },
	{ "a length that ends with the page", CELL("\x85"), "" },
};

static void test_cells(void **state)
{
	char types[200];

	(void)state;
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		clear(NULL);
		make_leaf(3, cells[i].cell, cells[i].len);
		walk(types);
		if (strcmp(types, cells[i].types) != 0)
			fail_msg("%s: '%s'", cells[i].what, types);
	}
}

/* Numbers are signed, and of 1, 2, 3, 4, 6 and 8 bytes. */
static void test_integers(void **state)
{
	static const int64_t wanted[] = { -1, -2, 0x010203, -16777216, 0x010000000002, INT64_MIN };
	static const char cell[] = "\x1f\x87\x07\x07\x01\x02\x03\x04\x05\x06"
				   "\xff"
				   "\xff\xfe"
				   "\x01\x02\x03"
				   "\xff\x00\x00\x00"
				   "\x01\x00\x00\x00\x00\x02"
				   "\x80\x00\x00\x00\x00\x00\x00\x00";
	struct store_pages p;
	struct store_walk w;

	(void)state;
	make_leaf(2, cell, sizeof(cell) - 1);
	make_leaf(3, CELL("\x03\xff\xff\xff\xff\xff\xff\xff\xff\xfe\x03\x00\x08"));
	write_pages();
	assert_int_equal(store_pages_open(&p, scratch_path("store.db")), 0);
	store_walk_init(&w, &p);
	assert_int_equal(store_walk_next(&w), 1);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		assert_int_equal(w.columns[i].number, wanted[i]);
	assert_int_equal(store_walk_next(&w), 1);
	assert_string_equal(w.types, "ki");
	assert_int_equal(w.columns[0].number, -2);
	assert_int_equal(store_walk_next(&w), 0);
	assert_int_equal(store_walk_next(&w), 0);
	store_walk_fini(&w);
	store_pages_close(&p);
}

/* A number as pages have it. */
static void put_u32(uint8_t *at, uint32_t value)
{
	const uint8_t bytes[] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16),
		(uint8_t)(value >> 8), (uint8_t)value };

	put(at, bytes, sizeof(bytes));
}

/* On page 3 the first 39 bytes of a record of 1000; the others on pages 4 and 5. */
static uint8_t *make_long_row(void)
{
	uint8_t cell[3 + 39 + 4] = "\x87\x68\x07\x04\x00\x8f\x54";

	memset(cell + 7, 'a', 35);
	put_u32(cell + 42, 4);
	make_leaf(3, cell, sizeof(cell));
	put_u32(page(4), 5);
	memset(page(4) + 4, 'b', 508);
	memset(page(5) + 4, 'c', 453);
	return page(3) + STORE_PAGE_BYTES - 4;
}

static void test_long_row(void **state)
{
	struct store_pages p;
	struct store_walk w;
	struct span blob;

	(void)state;
	make_long_row();
	write_pages();
	assert_int_equal(store_pages_open(&p, scratch_path("store.db")), 0);
	store_walk_init(&w, &p);
	assert_int_equal(store_walk_next(&w), 1);
	assert_string_equal(w.types, "kb");
	blob = w.columns[1].bytes;
	assert_int_equal(blob.len, 996);
	for (size_t i = 0; i < 996; i++)
		assert_int_equal(blob.data[i], i < 35 ? 'a' : i < 35 + 508 ? 'b' : 'c');
	store_walk_fini(&w);
	store_pages_close(&p);
}

/* What is not whole is no row. */
static void test_broken_long_row(void **state)
{
	static const uint32_t wrong[] = { 0, 1000, UINT32_MAX };
	char types[200];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		put_u32(make_long_row(), wrong[i]);
		walk(types);
		assert_string_equal(types, "");
		make_long_row();
		put_u32(page(4), wrong[i]);
		walk(types);
		assert_string_equal(types, "");
	}
	make_long_row();
	walk(types);
	assert_string_equal(types, " kb");
}

#define ROW                         \
	CELL("\x05\x07\x03\x00\x11" \
	     "ab")

/* Where a cell is, and how many there are, may be anything. */
static void test_places_of_cells(void **state)
{
	static const struct {
		uint8_t count[2], place[2];
		const char *types;
	} rows[] = {
		{ { 0, 1 }, { 0x01, 0xf9 }, " kt" },
		{ { 0, 0 }, { 0x01, 0xf9 }, "" },
		{ { 0, 1 }, { 0x01, 0xff }, "" },
		{ { 0, 1 }, { 0x02, 0x00 }, "" },
		{ { 0, 1 }, { 0xff, 0xff }, "" },
		/* The others are all at 0: a length of 13, and so on. */
		{ { 0xff, 0xff }, { 0x01, 0xf9 }, " kt" },
	};
	char types[200];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_leaf(2, ROW);
		put(page(2) + 3, rows[i].count, 2);
		put(page(2) + 8, rows[i].place, 2);
		walk(types);
		if (strncmp(types, rows[i].types, strlen(rows[i].types)) != 0 ||
		    (types[0] != '\0') != (rows[i].types[0] != '\0'))
			fail_msg("row %zu: '%s'", i, types);
	}
}

/* Rows of tables are on leaves, those of indexes on all pages; page 1 has the schema. */
static void test_kinds_of_pages(void **state)
{
	static const struct {
		unsigned number;
		uint8_t type;
		const char *types;
	} rows[] = {
		{ 2, 0x0d, " kt" },
		{ 1, 0x0d, "" },
		{ 8, 0x0d, " kt" },
		{ 2, 0x05, "" },
		{ 2, 0x00, "" },
		{ 2, 0xff, "" },
	};
	char types[200];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		clear(NULL);
		make_leaf(rows[i].number, ROW);
		page(rows[i].number)[0] = rows[i].type;
		walk(types);
		if (strcmp(types, rows[i].types) != 0)
			fail_msg("row %zu: '%s'", i, types);
	}
	clear(NULL);
	make_leaf(2, CELL("\x06\x03\x0f\x11"
			  "xab"));
	page(2)[0] = 0x0a;
	walk(types);
	assert_string_equal(types, " tt");
	clear(NULL);
	/* The number of a page comes first, and the places are four bytes further on. */
	make_leaf(2, CELL("\x00\x00\x00\x09"
			  "\x06\x03\x0f\x11"
			  "xab"));
	page(2)[0] = 0x02;
	memmove(page(2) + 12, page(2) + 8, 2);
	walk(types);
	assert_string_equal(types, " tt");
}

/* What was removed is on free pages still. */
static void test_free_pages(void **state)
{
	static const struct {
		const char *what;
		uint32_t first, next, count, named;
		const char *types;
	} rows[] = {
		{ "no list", 0, 0, 0, 0, " kt" },
		{ "a page that is named", 6, 0, 1, 3, "" },
		{ "another one is named", 6, 0, 1, 4, " kt" },
		{ "a page of the list itself", 3, 0, 0, 0, "" },
		{ "a list that comes back to itself", 6, 6, 1, 3, "" },
		{ "a list that leaves the file", 6, 100, 1, 3, "" },
		{ "a list outside of the file", 100, 0, 1, 3, " kt" },
		{ "numbers outside of the file", 6, 0, 1, 100, " kt" },
		{ "more numbers than fit", 6, 0, 127, 3, " kt" },
	};
	char types[200];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		clear(NULL);
		if (rows[i].first != 3)
			make_leaf(3, ROW);
		put_u32(page(1) + 32, rows[i].first);
		put_u32(page(6), rows[i].next);
		put_u32(page(6) + 4, rows[i].count);
		put_u32(page(6) + 8, rows[i].named);
		walk(types);
		if (strcmp(types, rows[i].types) != 0)
			fail_msg("%s: '%s'", rows[i].what, types);
	}
}

#define LOG_HEAD  32
#define LOG_FRAME (24 + STORE_PAGE_BYTES)

/* A log of many transactions, of several frames each. Returns its length. */
static size_t make_log(uint8_t log[], size_t size)
{
	const char *path = scratch_path("log.db");
	sqlite3 *db;
	size_t len;
	FILE *f;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	assert_int_equal(sqlite3_exec(db,
			     "PRAGMA page_size = 512; PRAGMA journal_mode = WAL;"
			     "CREATE TABLE t(a)",
			     NULL, NULL, NULL),
	    SQLITE_OK);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(
		    sqlite3_exec(db, "INSERT INTO t VALUES(zeroblob(1500))", NULL, NULL, NULL),
		    SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	f = fopen(scratch_path("log.db-wal"), "r");
	assert_non_null(f);
	len = fread(log, 1, size, f);
	assert_int_equal(fclose(f), 0);
	return len;
}

#define LOG_FRAMES 100

/* Where the pages are of a database of which there is no more than this log. */
static void find_places(const uint8_t *log, size_t len, uint32_t ret[LOG_FRAMES])
{
	struct store_pages p;

	scratch_write_bytes("torn.db-wal", log, len);
	assert_int_equal(store_pages_open(&p, scratch_path("torn.db")), 0);
	memset(ret, 0, LOG_FRAMES * sizeof(ret[0]));
	for (uint32_t i = 0; i < p.count && i < LOG_FRAMES; i++)
		ret[i] = p.places[i];
	store_pages_close(&p);
}

/* A transaction that is not there as a whole does not count. */
static void test_torn_log(void **state)
{
	static uint8_t log[LOG_FRAMES * LOG_FRAME];
	size_t frames = (make_log(log, sizeof(log)) - LOG_HEAD) / LOG_FRAME;
	uint32_t before[LOG_FRAMES] = { 0 }, places[LOG_FRAMES];
	unsigned torn = 0;

	(void)state;
	assert_in_range(frames, 30, LOG_FRAMES - 1);
	for (size_t n = 1; n <= frames; n++) {
		const uint8_t *frame = log + LOG_HEAD + (n - 1) * LOG_FRAME;
		size_t len = LOG_HEAD + n * LOG_FRAME;

		log[len - 1] ^= 1;
		find_places(log, len, places);
		log[len - 1] ^= 1;
		assert_memory_equal(places, before, sizeof(places));
		find_places(log, len, places);
		if (store_pages_u32(frame + 4) != 0) {
			assert_int_equal(places[store_pages_u32(frame) - 1], n);
			memcpy(before, places, sizeof(before));
		}
		torn += store_pages_u32(frame + 4) == 0;
		assert_memory_equal(places, before, sizeof(places));
	}
	assert_true(torn > 10);
}

/* There need not be a file, nor a whole page in it; one that cannot be read is an error. */
static void test_files(void **state)
{
	struct rlimit limit, none;
	struct store_pages p;
	int r;

	(void)state;
	assert_int_equal(store_pages_open(&p, scratch_path("none.db")), 0);
	assert_int_equal(p.count, 0);
	assert_null(store_pages_read(&p, 1));
	assert_null(store_pages_read(&p, 0));
	store_pages_close(&p);
	scratch_write_bytes("short.db", pages, STORE_PAGE_BYTES - 1);
	assert_int_equal(store_pages_open(&p, scratch_path("short.db")), 0);
	assert_null(store_pages_read(&p, 1));
	store_pages_close(&p);
	/* No descriptor is left. */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	r = store_pages_open(&p, scratch_path("short.db"));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(r, -EIO);
	store_pages_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_cells, clear),
		cmocka_unit_test_setup(test_integers, clear),
		cmocka_unit_test_setup(test_long_row, clear),
		cmocka_unit_test_setup(test_broken_long_row, clear),
		cmocka_unit_test_setup(test_places_of_cells, clear),
		cmocka_unit_test_setup(test_kinds_of_pages, clear),
		cmocka_unit_test_setup(test_free_pages, clear),
		cmocka_unit_test_setup(test_torn_log, clear),
		cmocka_unit_test_setup(test_files, clear),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
