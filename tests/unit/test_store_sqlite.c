/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store on disk: the cases of every store, and what only a file can show: reopening, locking,
 * other versions, damage.
 */
#define _GNU_SOURCE /* memmem */
#include "../../daemon/store_db.h"
#include "../../daemon/store_sqlite.h"
#include "store_cases.h"

#include "base/prng.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define ROOMY 100000000

static char folder[64];
static char path[128];
static char warning[STORE_SQLITE_TEXT_MAX * 2];
static char error[STORE_SQLITE_TEXT_MAX];

static void keep_warning(const char *what)
{
	snprintf(warning, sizeof(warning), "%s", what);
}

static int try_open(struct store **ret)
{
	const struct store_sqlite_options options = {
		.path = path, .max_bytes = ROOMY, .warn = keep_warning
	};

	warning[0] = '\0';
	error[0] = '\0';
	return store_sqlite_open(&options, ret, error);
}

static struct store *reopen(struct store *s)
{
	struct store *again = NULL;

	store_free(s);
	if (try_open(&again) != 0)
		fail_msg("%s", error);
	return again;
}

/* Remove what a test left, the folder stays. Returns the number of damaged ones put aside. */
static unsigned empty_folder(void)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	unsigned damaged = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		char name[512];

		if (entry->d_name[0] == '.')
			continue;
		damaged += strstr(entry->d_name, ".damaged-") && !strstr(entry->d_name, "-wal");
		snprintf(name, sizeof(name), "%s/%s", folder, entry->d_name);
		unlink(name);
	}
	closedir(dir);
	return damaged;
}

/* Of the largest one; -1: none was put aside. */
static long size_of_damaged_log(void)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	long size = -1;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		char name[512];
		struct stat st;

		snprintf(name, sizeof(name), "%s/%s", folder, entry->d_name);
		if (strstr(name, ".damaged-") && strstr(name, "-wal") && stat(name, &st) == 0 &&
		    (long)st.st_size > size)
			size = (long)st.st_size;
	}
	closedir(dir);
	return size;
}

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/cmqttd-store-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/store.db", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	empty_folder();
	return rmdir(folder);
}

static int clean(void **state)
{
	(void)state;
	empty_folder();
	return 0;
}

/* For the cases of every store: an empty one each time. */
static struct store *new_store(uint64_t max_bytes)
{
	struct store *s;

	empty_folder();
	if (try_open(&s) != 0)
		return NULL;
	s->max_bytes = max_bytes;
	return s;
}

static unsigned queue_of(struct store *s, const char *name)
{
	unsigned queue = 99;

	assert_int_equal(s->ops->open_queue(s, name, &queue), 0);
	return queue;
}

static int add(struct store *s, uint64_t seq, unsigned queue, uint8_t priority, const char *topic)
{
	const struct store_target t = {
		.queue = queue, .topic = span_text(topic), .qos = 1, .priority = priority
	};

	return s->ops->add(s, seq, 1000 + (int64_t)seq, span_text("payload"), &t, 1);
}

/* So many messages of lowest priority, in one commit. */
static void fill(struct store *s, unsigned queue, uint64_t count, const char *topic)
{
	for (uint64_t seq = 1; seq <= count; seq++)
		assert_int_equal(add(s, seq, queue, 0, topic), 0);
	assert_int_equal(s->ops->commit(s), 0);
}

static void exec(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* ---- reopening ---- */

static void test_reopened_all_is_there(void **state)
{
	struct store *s = reopen(NULL);
	unsigned one = queue_of(s, "one"), two = queue_of(s, "two");
	const struct store_target both[2] = { { .queue = one, .topic = span_text("a/b"), .qos = 2 },
		{ .queue = two,
		    .topic = span_text("c"),
		    .qos = 1,
		    .retain = true,
		    .expires_ms = 77 } };
	struct store_usage before, after;
	struct span key, value;
	struct store_entry e;
	const char *name;
	unsigned number;

	(void)state;
	assert_int_equal(add(s, 1, one, 0, "low"), 0);
	assert_int_equal(add(s, 2, one, 7, "high"), 0);
	assert_int_equal(s->ops->add(s, 3, 5, span_text("shared"), both, 2), 0);
	assert_int_equal(add(s, 4, one, 7, "poison"), 0);
	assert_int_equal(s->ops->mark(s, one, 2, 2, STORE_MAYBE_SENT), 0);
	assert_int_equal(s->ops->bury(s, one, 4, "refused"), 0);
	assert_int_equal(
	    s->ops->put_note(s, two, STORE_NOTE_SESSION, span_text("k"), span_text("v")), 0);
	assert_int_equal(queue_of(s, "dropped"), 2);
	assert_int_equal(queue_of(s, "empty"), 3);
	assert_int_equal(s->ops->drop_queue(s, 2), 0);
	s->ops->total(s, &before);
	assert_int_equal(s->ops->commit(s), 0);

	s = reopen(s);
	assert_int_equal(s->ops->last_seq(s), 4);
	assert_int_equal(queue_of(s, "two"), two);
	assert_true(s->ops->next_queue(s, 1, &number, &name));
	assert_int_equal(number, 3);
	assert_string_equal(name, "empty");
	assert_true(s->ops->next_note(s, two, STORE_NOTE_SESSION, span_text(""), &key, &value));
	assert_memory_equal(key.data, "k", 1);
	assert_memory_equal(value.data, "v", 1);
	s->ops->total(s, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_true(s->ops->head(s, one, &e));
	assert_int_equal(e.seq, 2);
	assert_int_equal(e.tries, 2);
	assert_int_equal(e.state, STORE_MAYBE_SENT);
	assert_int_equal(e.accepted_ms, 1002);
	assert_true(s->ops->head(s, two, &e));
	assert_int_equal(e.seq, 3);
	assert_int_equal(e.expires_ms, 77);
	assert_true(e.retain);
	assert_memory_equal(e.payload.data, "shared", 6);
	assert_true(s->ops->next(s, one, true, 0, &e));
	assert_int_equal(e.seq, 4);
	assert_string_equal(e.reason, "refused");
	store_free(s);
}

/* What the process did not commit, its death takes: nothing else. */
static void test_process_dies(void **state)
{
	struct store *s;
	struct store_entry e;
	unsigned queue;
	int status;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		s = reopen(NULL);
		queue = queue_of(s, "one");
		for (uint64_t seq = 1; seq <= 100; seq++) {
			if (add(s, seq, queue, 0, "t") != 0 || s->ops->commit(s) != 0)
				_exit(1);
		}
		if (s->ops->remove(s, queue, 1) != 0 || add(s, 101, queue, 0, "late") != 0)
			_exit(1);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	s = reopen(NULL);
	queue = queue_of(s, "one");
	assert_true(s->ops->last_seq(s) >= 100);
	for (uint64_t seq = 1; seq <= 100; seq++)
		assert_true(s->ops->get(s, queue, seq, &e));
	assert_false(s->ops->get(s, queue, 101, &e));
	assert_int_equal(add(s, s->ops->last_seq(s) + 1, queue, 0, "t"), 0);
	store_free(s);
}

/* ---- who may not open it ---- */

static void test_second_process_is_refused(void **state)
{
	struct store *s = reopen(NULL), *second = NULL;

	(void)state;
	queue_of(s, "one");
	assert_int_equal(try_open(&second), -EBUSY);
	assert_null(second);
	assert_non_null(strstr(error, "another cmqttd"));
	assert_non_null(strstr(error, path));
	/* And the first one did not notice. */
	assert_int_equal(add(s, 1, queue_of(s, "one"), 0, "t"), 0);
	assert_int_equal(s->ops->commit(s), 0);
	s = reopen(s);
	store_free(s);
	assert_int_equal(empty_folder(), 0);
}

static void test_other_version_is_refused(void **state)
{
	static const char *const versions[] = { "PRAGMA user_version=1", "PRAGMA user_version=3" };
	struct store *s = reopen(NULL);

	(void)state;
	store_free(s);
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		exec(versions[i]);
		assert_int_equal(try_open(&s), -EPROTO);
		assert_non_null(strstr(error, "another cmqttd has written it"));
	}
	assert_int_equal(empty_folder(), 0);
}

static void test_foreign_database_is_refused(void **state)
{
	struct store *s;

	(void)state;
	exec("CREATE TABLE theirs(x)");
	assert_int_equal(try_open(&s), -EINVAL);
	assert_non_null(strstr(error, "no store of cmqttd"));
	/* It was not touched. */
	exec("INSERT INTO theirs VALUES(1)");
	assert_int_equal(empty_folder(), 0);
}

static void test_missing_directory_is_told(void **state)
{
	const struct store_sqlite_options options = { .path = "/tmp/no/such/place/store.db" };
	struct store *s;

	(void)state;
	assert_int_equal(store_sqlite_open(&options, &s, error), -ENOENT);
	assert_non_null(strstr(error, "directory"));
}

static void name_log(char log[160])
{
	snprintf(log, 160, "%s-wal", path);
}

/* Root may write everything. */
static void become_nobody(void)
{
	if (getuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
		_exit(2);
}

static void chown_to_nobody(const char *name)
{
	if (getuid() == 0)
		assert_int_equal(chown(name, 65534, 65534), 0);
}

/* What a run as root, or a careless copy, leaves: it is said who may not write. */
static void test_files_that_may_not_be_written(void **state)
{
	char log[160];
	const struct {
		const char *name;
		mode_t mode;
	} rows[] = { { path, 0400 }, { path, 0 }, { log, 0400 }, { log, 0 }, { folder, 0555 } };

	(void)state;
	name_log(log);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct store *s = reopen(NULL);
		int status, fd;
		pid_t child;

		store_free(s);
		fd = open(log, O_CREAT | O_WRONLY, 0600);
		assert_true(fd >= 0);
		close(fd);
		if (rows[i].name == folder)
			unlink(log);
		else
			chown_to_nobody(log);
		chown_to_nobody(path);
		chown_to_nobody(folder);
		assert_int_equal(chmod(rows[i].name, rows[i].mode), 0);
		child = fork();
		if (child == 0) {
			become_nobody();
			_exit(try_open(&s) < 0 && strstr(error, "may not write") ? 0 : 1);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(chmod(folder, 0700), 0);
		if (status != 0)
			fail_msg("row %zu: status %d", i, status);
		empty_folder();
	}
}

/* Only its owner may read what waits. */
static void test_mode(void **state)
{
	mode_t old = umask(0077);
	struct store *s = reopen(NULL);
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	store_free(s);
	umask(old);
}

/* ---- for people ---- */

static int64_t number_of(const char *sql)
{
	sqlite3_stmt *row;
	sqlite3 *db;
	int64_t number;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(row), SQLITE_ROW);
	number = sqlite3_column_int64(row, 0);
	sqlite3_finalize(row);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return number;
}

/* The views of the manual. */
static void test_views(void **state)
{
	struct store *s = reopen(NULL);
	unsigned queue = queue_of(s, "cloud");
	sqlite3_stmt *row;
	sqlite3 *db;

	(void)state;
	assert_int_equal(add(s, 7, queue, 3, "a/b"), 0);
	assert_int_equal(add(s, 8, queue, 0, "c"), 0);
	assert_int_equal(s->ops->bury(s, queue, 8, "why"), 0);
	store_free(s);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_prepare_v2(db,
		"SELECT m.queue, m.priority, m.number, m.topic, m.bytes, d.number, d.reason "
		"FROM messages AS m, dead_letters AS d",
		-1, &row, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(row), SQLITE_ROW);
	assert_string_equal(sqlite3_column_text(row, 0), "cloud");
	assert_int_equal(sqlite3_column_int(row, 1), 3);
	assert_int_equal(sqlite3_column_int(row, 2), 7);
	assert_string_equal(sqlite3_column_text(row, 3), "a/b");
	assert_int_equal(sqlite3_column_int(row, 4), 7);
	assert_int_equal(sqlite3_column_int(row, 5), 8);
	assert_string_equal(sqlite3_column_text(row, 6), "why");
	assert_int_equal(sqlite3_step(row), SQLITE_DONE);
	sqlite3_finalize(row);
	sqlite3_close(db);
}

static void test_views_of_sessions(void **state)
{
	static const struct {
		const char *what;
		int64_t number;
	} rows[] = {
		{ "SELECT messages FROM sessions WHERE client = 'x:y'", 2 },
		{ "SELECT subscriptions FROM sessions WHERE client = 'x:y'", 2 },
		{ "SELECT received FROM sessions WHERE client = 'x:y'", 1 },
		{ "SELECT properties = 'user=ann' FROM sessions", 1 },
		{ "SELECT count(*) FROM sessions", 1 },
		{ "SELECT count(*) FROM subscriptions WHERE client = 'x:y'", 2 },
		{ "SELECT options = 'qos=1' FROM subscriptions WHERE filter = 'a/#'", 1 },
		{ "SELECT count(*) FROM messages", 3 },
		{ "SELECT count(*) FROM messages WHERE queue = 'client:x:y'", 2 },
		{ "SELECT packet_id FROM messages WHERE queue = 'client:x:y' AND number = 1", 9 },
		{ "SELECT state = 'released' FROM messages WHERE number = 1", 1 },
		{ "SELECT state = 'maybe sent' FROM messages WHERE queue = 'cloud'", 1 },
		{ "SELECT bytes FROM messages WHERE queue = 'cloud'", 7 },
		{ "SELECT count(*) FROM retained", 1 },
		{ "SELECT payload = x'7061796c6f6164' FROM retained WHERE topic = 'kept'", 1 },
		{ "SELECT refs FROM body", 2 },
	};
	struct store *s = reopen(NULL);
	unsigned cloud = queue_of(s, "cloud"), session = queue_of(s, "client:x:y");
	const struct store_target both[2] = {
		{ .queue = cloud, .topic = span_text("t") },
		{ .queue = session, .topic = span_text("t"), .packet_id = 10 },
	};
	const struct store_target one = {
		.queue = session, .topic = span_text("t"), .packet_id = 9
	};
	const struct store_target kept = {
		.queue = queue_of(s, "$retained"), .topic = span_text("kept"), .keep_last = true
	};

	(void)state;
	assert_int_equal(s->ops->add(s, 1, 1000, span_text("payload"), &one, 1), 0);
	assert_int_equal(s->ops->add(s, 2, 1000, span_text("payload"), both, 2), 0);
	assert_int_equal(s->ops->add(s, 3, 1000, span_text("payload"), &kept, 1), 0);
	assert_int_equal(s->ops->mark(s, session, 1, 0, STORE_RELEASED), 0);
	assert_int_equal(s->ops->mark(s, cloud, 2, 1, STORE_MAYBE_SENT), 0);
	assert_int_equal(
	    s->ops->put_note(s, session, STORE_NOTE_SESSION, span_text("user"), span_text("ann")),
	    0);
	assert_int_equal(s->ops->put_note(s, session, STORE_NOTE_SUBSCRIPTION, span_text("a/#"),
			     span_text("qos=1")),
	    0);
	assert_int_equal(s->ops->put_note(s, session, STORE_NOTE_SUBSCRIPTION, span_text("b"),
			     span_text("qos=2")),
	    0);
	assert_int_equal(
	    s->ops->put_note(s, session, STORE_NOTE_RECEIVED, span_text("77"), span_text("")), 0);
	store_free(s);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (number_of(rows[i].what) != rows[i].number)
			fail_msg("%s", rows[i].what);
	}
}

/* ---- damage ---- */

#define DAMAGE_MESSAGES 300
#define DAMAGE_NOTES    200
#define DAMAGE_FIRST    24 /* of queue "two", of the lowest priority */

static void fill_store(void)
{
	struct store *s = reopen(NULL);
	unsigned one = queue_of(s, "one"), two = queue_of(s, "two");
	unsigned session = queue_of(s, "client:x");

	for (uint64_t seq = 1; seq <= DAMAGE_MESSAGES; seq++)
		assert_int_equal(
		    add(s, seq, seq % 3 ? one : two, (uint8_t)(seq % 8), "some/topic/of/ours"), 0);
	/* A session that nothing waits for. */
	for (unsigned i = 0; i < DAMAGE_NOTES; i++) {
		char key[32];

		snprintf(key, sizeof(key), "some/filter/of/ours/%u", i);
		assert_int_equal(s->ops->put_note(s, session, STORE_NOTE_SUBSCRIPTION,
				     span_text(key), span_text("1")),
		    0);
	}
	assert_int_equal(s->ops->commit(s), 0);
	store_free(s);
}

static void overwrite(long at, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, at), len);
	close(fd);
}

static unsigned notes_of(struct store *s, const char *queue)
{
	unsigned count = 0, number = queue_of(s, queue);
	struct span key = { 0 }, value;

	while (s->ops->next_note(s, number, STORE_NOTE_SUBSCRIPTION, key, &key, &value))
		count++;
	return count;
}

/* A page of that table with nothing below it, not the first one. */
static int64_t leaf_of(const char *table)
{
	char sql[200];

	snprintf(sql, sizeof(sql),
	    "SELECT pageno FROM dbstat WHERE name = '%s' AND pagetype = 'leaf' LIMIT 1 OFFSET 2",
	    table);
	return number_of(sql);
}

/* All of a page is rubbish. Numbers begin with 1. */
static void damage_page(int64_t page)
{
	static const uint8_t rubbish[STORE_PAGE_BYTES] = { 0xa5, 0x5a };

	overwrite((page - 1) * STORE_PAGE_BYTES, rubbish, sizeof(rubbish));
}

/* More for queue "two" than SQLite keeps in memory. */
static void outgrow_memory(struct store *s)
{
	char long_topic[201] = "";

	memset(long_topic, 'x', sizeof(long_topic) - 1);
	for (uint64_t seq = DAMAGE_MESSAGES + 1; seq <= 20 * DAMAGE_MESSAGES; seq++)
		assert_int_equal(add(s, seq, 1, 0, long_topic), 0);
	assert_int_equal(s->ops->commit(s), 0);
}

/* What is on other pages is carried over. */
static void test_damaged_page(void **state)
{
	static const struct {
		const char *table;
		unsigned messages_min, messages_max, notes_min, notes_max;
	} rows[] = {
		{ "waiting", DAMAGE_MESSAGES / 2, DAMAGE_MESSAGES - 1, DAMAGE_NOTES, DAMAGE_NOTES },
		{ "note", DAMAGE_MESSAGES, DAMAGE_MESSAGES, DAMAGE_NOTES / 2, DAMAGE_NOTES - 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct store_usage u;
		struct store *s;

		fill_store();
		damage_page(leaf_of(rows[i].table));
		assert_int_equal(try_open(&s), 0);
		assert_non_null(strstr(warning, ".damaged-20"));
		s->ops->total(s, &u);
		assert_in_range(u.messages, rows[i].messages_min, rows[i].messages_max);
		assert_in_range(notes_of(s, "client:x"), rows[i].notes_min, rows[i].notes_max);
		assert_int_equal(queue_of(s, "client:x"), 2);
		assert_int_equal(add(s, s->ops->last_seq(s) + 1, queue_of(s, "one"), 0, "t"), 0);
		assert_int_equal(s->ops->commit(s), 0);
		s = reopen(s);
		assert_string_equal(warning, "");
		store_free(s);
		assert_int_equal(empty_folder(), 1);
	}
}

/* Damage that shows while running, in the list of queues as well: who had a queue goes on with it,
 * under the same name, whether something waits in it or not. */
static void test_damaged_while_running(void **state)
{
	static const char *const names[] = { "one", "two", "client:x", "idle" };
	unsigned numbers[4] = { 0, 1, 2, 3 };
	int64_t list, leaf;
	struct store_entry e;
	struct store_usage u;
	struct store *s;

	(void)state;
	fill_store();
	s = reopen(NULL);
	queue_of(s, "idle");
	outgrow_memory(s);
	store_free(s);
	list = number_of("SELECT rootpage FROM sqlite_schema WHERE name = 'queue'");
	leaf = leaf_of("waiting");
	s = reopen(NULL);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(queue_of(s, names[i]), numbers[i]);
	assert_int_equal(s->ops->retire(s, numbers[1], DAMAGE_FIRST), 0);
	damage_page(list);
	damage_page(leaf);
	for (uint64_t seq = 0; warning[0] == '\0' && seq < DAMAGE_MESSAGES; seq++) {
		s->ops->get(s, numbers[0], seq, &e);
		s->ops->get(s, numbers[1], seq, &e);
	}
	assert_non_null(strstr(warning, "damaged"));
	s->ops->total(s, &u);
	assert_in_range(u.messages, 19 * DAMAGE_MESSAGES, 20 * DAMAGE_MESSAGES - 1);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(add(s, s->ops->last_seq(s) + 1, numbers[i], 0, "t"), 0);
	assert_int_equal(s->ops->commit(s), 0);
	assert_false(s->ops->get(s, numbers[1], DAMAGE_FIRST, &e));
	s = reopen(s);
	assert_false(s->ops->get(s, numbers[1], DAMAGE_FIRST, &e));
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(queue_of(s, names[i]), numbers[i]);
		s->ops->usage(s, numbers[i], &u);
		assert_in_range(u.messages, 1, 20 * DAMAGE_MESSAGES);
	}
	store_free(s);
	assert_int_equal(empty_folder(), 1);
}

/* Opened with a page of its messages damaged that was not read yet. */
static struct store *open_and_damage(void)
{
	struct store *s;
	int64_t leaf;

	fill_store();
	s = reopen(NULL);
	outgrow_memory(s);
	store_free(s);
	leaf = leaf_of("waiting");
	s = reopen(NULL);
	damage_page(leaf);
	return s;
}

static void limit_descriptors(rlim_t soft)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = soft;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* What is known to be damaged is read anew before a commit, which may be in another thread. */
static void test_damage_before_a_commit(void **state)
{
	struct store_usage before, prepared, committed;
	struct store_entry e;
	struct rlimit limit;
	struct store *s;
	uint64_t seq = 0;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	s = open_and_damage();
	s->ops->total(s, &before);
	assert_int_equal(add(s, 20 * DAMAGE_MESSAGES + 1, 0, 0, "t"), 0);
	limit_descriptors(0);
	while (s->ops->prepare(s) == 0 && ++seq <= DAMAGE_MESSAGES) {
		s->ops->get(s, 0, seq, &e);
		s->ops->get(s, 1, seq, &e);
	}
	assert_in_range(seq, 1, DAMAGE_MESSAGES);
	/* It cannot be opened anew: nothing is acknowledged. */
	assert_int_equal(add(s, 20 * DAMAGE_MESSAGES + 2, 0, 0, "t"), -EIO);
	limit_descriptors(limit.rlim_cur);
	assert_int_equal(s->ops->prepare(s), 0);
	assert_non_null(strstr(warning, "damaged"));
	s->ops->total(s, &prepared);
	assert_in_range(prepared.messages, before.messages / 2, before.messages);
	assert_int_equal(s->ops->commit(s), 0);
	s->ops->total(s, &committed);
	assert_int_equal(committed.messages, prepared.messages);
	assert_int_equal(add(s, s->ops->last_seq(s) + 1, 0, 0, "t"), 0);
	store_free(s);
	assert_int_equal(empty_folder(), 1);
}

/* Everything of a page that is `from` becomes `to`, which is as long. */
static void replace_in_page(int64_t page, const char *from, const char *to)
{
	uint8_t bytes[STORE_PAGE_BYTES], *at;
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(
	    pread(fd, bytes, sizeof(bytes), (page - 1) * STORE_PAGE_BYTES), sizeof(bytes));
	close(fd);
	while ((at = memmem(bytes, sizeof(bytes), from, strlen(from))))
		memcpy(at, to, strlen(to));
	overwrite((page - 1) * STORE_PAGE_BYTES, bytes, sizeof(bytes));
}

static int64_t root_of(const char *table)
{
	char sql[100];

	snprintf(sql, sizeof(sql), "SELECT rootpage FROM sqlite_schema WHERE name = '%s'", table);
	return number_of(sql);
}

/* A name that is there twice costs no other queue its own, and nobody a message. */
static void test_queue_named_twice(void **state)
{
	struct store_usage u;
	struct store *s;

	(void)state;
	fill_store();
	replace_in_page(root_of("queue"), "two", "one");
	damage_page(leaf_of("note"));
	assert_int_equal(try_open(&s), 0);
	assert_non_null(strstr(warning, "damaged"));
	assert_int_equal(queue_of(s, "one") + queue_of(s, "recovered-0"), 1);
	assert_int_equal(queue_of(s, "client:x"), 2);
	s->ops->total(s, &u);
	assert_int_equal(u.messages, DAMAGE_MESSAGES);
	store_free(s);
	assert_int_equal(empty_folder(), 1);
}

/* An index that does not fit its table: all of it can be read, and a backlog takes no memory by its
 * size on the way. */
static void test_damaged_index(void **state)
{
	struct store_usage u;
	struct store_entry e;
	struct store *s;

	(void)state;
	fill_store();
	exec("WITH RECURSIVE n(seq) AS (SELECT 1000 UNION ALL SELECT seq + 1 FROM n LIMIT 20000)"
	     " INSERT INTO waiting SELECT (7 << 48) | seq, 'a/b', NULL, randomblob(200), 1, 0, 0,"
	     " 0, 0, 0, 1005, 0 FROM n");
	exec("PRAGMA writable_schema=ON; UPDATE sqlite_schema SET rootpage ="
	     " (SELECT rootpage FROM sqlite_schema WHERE name = 'meta')"
	     " WHERE name = 'waiting_keep_last'");
	sqlite3_memory_highwater(1);
	assert_int_equal(try_open(&s), 0);
	assert_in_range(sqlite3_memory_highwater(0), 1, 3000000);
	assert_non_null(strstr(warning, "20300 messages and 0 dead letters"));
	s->ops->total(s, &u);
	assert_int_equal(u.messages, 20000 + DAMAGE_MESSAGES);
	assert_true(s->ops->get(s, 0, 20999, &e));
	assert_int_equal(e.payload.len, 200);
	assert_int_equal(notes_of(s, "client:x"), DAMAGE_NOTES);
	store_free(s);
	assert_int_equal(empty_folder(), 1);
}

static void damage_magic(void)
{
	overwrite(0, "This is not a database, is it?", 30);
}

static void damage_first_page(void)
{
	damage_page(1);
}

static void damage_schema(void)
{
	int64_t end = root_of("queue");

	for (int64_t page = 1; page < end; page++)
		damage_page(page);
}

/* Each has its table below it. */
static void damage_roots(void)
{
	int64_t waiting = root_of("waiting"), note = root_of("note");

	damage_page(waiting);
	damage_page(note);
}

static void damage_all(void)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	for (int64_t page = st.st_size / STORE_PAGE_BYTES; page > 0; page--)
		damage_page(page);
}

/* Messages are found whatever became of what leads to them. */
static void test_damaged_way(void **state)
{
	static const struct {
		void (*damage)(void);
		unsigned messages, notes_min;
	} rows[] = {
		{ damage_magic, DAMAGE_MESSAGES, DAMAGE_NOTES },
		{ damage_first_page, DAMAGE_MESSAGES, DAMAGE_NOTES },
		{ damage_schema, DAMAGE_MESSAGES, DAMAGE_NOTES },
		/* Of an index, pages that are not leaves have rows, too. */
		{ damage_roots, DAMAGE_MESSAGES, DAMAGE_NOTES * 9 / 10 },
		{ damage_all, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct store_usage u;
		struct store *s;

		fill_store();
		rows[i].damage();
		assert_int_equal(try_open(&s), 0);
		assert_non_null(strstr(warning, "damaged"));
		s->ops->total(s, &u);
		if (u.messages != rows[i].messages)
			fail_msg("row %zu: %" PRIu64 " messages", i, u.messages);
		assert_in_range(notes_of(s, "client:x"), rows[i].notes_min, DAMAGE_NOTES);
		assert_true(s->ops->last_seq(s) >= rows[i].messages);
		assert_int_equal(add(s, s->ops->last_seq(s) + 1, queue_of(s, "one"), 0, "t"), 0);
		store_free(s);
		assert_int_equal(empty_folder(), 1);
	}
}

/* What was removed is in free pages still. It does not come back. */
static void test_free_pages(void **state)
{
	struct store *s = reopen(NULL);
	unsigned queue = queue_of(s, "one");
	struct store_usage u;
	struct store_entry e;

	(void)state;
	fill(s, queue, DAMAGE_MESSAGES, "some/topic/of/ours");
	for (uint64_t seq = 1; seq <= DAMAGE_MESSAGES * 2 / 3; seq++)
		assert_int_equal(s->ops->retire(s, queue, seq), 0);
	s->ops->sweep(s);
	assert_int_equal(s->ops->commit(s), 0);
	store_free(s);
	assert_true(number_of("PRAGMA freelist_count") > 10);
	damage_page(root_of("waiting"));
	assert_int_equal(try_open(&s), 0);
	s->ops->total(s, &u);
	assert_int_equal(u.messages, DAMAGE_MESSAGES / 3);
	assert_true(s->ops->head(s, queue, &e));
	assert_int_equal(e.seq, DAMAGE_MESSAGES * 2 / 3 + 1);
	assert_int_equal(e.payload.len, strlen("payload"));
	store_free(s);
	assert_int_equal(empty_folder(), 1);
}

/* A body that several queues share is in a table of its own; large ones are on several pages. */
static void test_damaged_bodies(void **state)
{
	const struct store_target targets[] = {
		{ .queue = 0, .topic = span_text("a"), .qos = 1, .priority = 3 },
		{ .queue = 1, .topic = span_text("b"), .qos = 2, .priority = 4 },
	};
	static uint8_t payload[10000];
	struct store *s = reopen(NULL);
	struct store_entry e;

	(void)state;
	queue_of(s, "one");
	queue_of(s, "two");
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7);
	for (uint64_t seq = 1; seq <= 20; seq++)
		assert_int_equal(
		    s->ops->add(s, seq, 1005, (struct span){ payload, (seq * 500) % 10000 },
			targets, seq % 2 + 1),
		    0);
	assert_int_equal(s->ops->bury(s, 1, 3, "why"), 0);
	assert_int_equal(s->ops->commit(s), 0);
	store_free(s);
	damage_page(1);
	assert_int_equal(try_open(&s), 0);
	assert_non_null(strstr(warning, "29 messages and 1 dead letters"));
	for (uint64_t seq = 1; seq <= 20; seq++) {
		for (unsigned queue = 0; queue < seq % 2 + 1; queue++) {
			assert_true(s->ops->get(s, queue, seq, &e));
			assert_int_equal(e.qos, targets[queue].qos);
			assert_int_equal(e.payload.len, (seq * 500) % 10000);
			assert_memory_equal(e.payload.data, payload, e.payload.len);
		}
	}
	assert_true(s->ops->next(s, 1, true, 0, &e));
	assert_string_equal(e.reason, "why");
	store_free(s);
	assert_int_equal(empty_folder(), 1);
}

/* What no daemon writes is not carried over. One that is in both tables waits, and can be buried.
 */
static void test_senseless_rows(void **state)
{
#define REST  "1, 0, 0, 0, 0, 0, 1005, 0"
#define FIRST "(7 << 48) + "
	static const char *const rows[] = {
		"-5, 't', NULL, x'00', " REST,
		"(1024 << 51) + 1, 't', NULL, x'00', " REST,
		"7 << 48, 't', NULL, x'00', " REST,
		FIRST "1001, printf('%70000s', 't'), NULL, x'00', " REST,
		FIRST "1002, 't', NULL, 'text', " REST,
		FIRST "1003, 't', 5, x'00', " REST,
		/* Its body is missing. */
		FIRST "1004, 't', NULL, NULL, " REST,
		FIRST "1005, 't', NULL, x'00', 1, 0, 0, 0, 'many', 0, 1005, 0",
	};
	struct store_usage u;
	struct store *s;
	char sql[200];

	(void)state;
	fill_store();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(sql, sizeof(sql), "INSERT INTO waiting VALUES(%s)", rows[i]);
		exec(sql);
	}
	exec("INSERT INTO waiting VALUES(" FIRST "1000, 't', NULL, x'00', " REST ");"
	     "INSERT INTO dead VALUES(" FIRST "1000, 't', NULL, x'00', " REST ", 'why')");
	damage_first_page();
	assert_int_equal(try_open(&s), 0);
	assert_non_null(strstr(warning, "301 messages and 0 dead letters"));
	assert_int_equal(s->ops->bury(s, 0, 1000, "why"), 0);
	assert_int_equal(s->ops->commit(s), 0);
	s->ops->total(s, &u);
	assert_int_equal(u.messages, DAMAGE_MESSAGES);
	assert_int_equal(u.dead_letters, 1);
	store_free(s);
	assert_int_equal(number_of("SELECT count(*) FROM meta"), 1);
	assert_int_equal(number_of("SELECT count(*) FROM body"), 0);
	assert_int_equal(empty_folder(), 1);
#undef REST
#undef FIRST
}

/* ---- a damaged log ---- */

#define LOG_HEAD  32
#define LOG_FRAME (24 + STORE_PAGE_BYTES)

/* A process that dies with all its messages in the log: a transaction each. */
static void fill_log(void)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct store *s = reopen(NULL);
		unsigned queue = queue_of(s, "one");

		for (uint64_t seq = 1; seq <= DAMAGE_MESSAGES; seq++) {
			if (add(s, seq, queue, 0, "t") != 0 || s->ops->commit(s) != 0)
				_exit(1);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static long log_size(void)
{
	char log[160];
	struct stat st;

	name_log(log);
	return stat(log, &st) == 0 ? (long)st.st_size : -1;
}

static void overwrite_log(long at, uint8_t byte, long len)
{
	char log[160];
	int fd;

	name_log(log);
	fd = open(log, O_WRONLY);
	assert_true(fd >= 0);
	while (len-- > 0)
		assert_int_equal(pwrite(fd, &byte, 1, at++), 1);
	close(fd);
}

static void cut_log(long to)
{
	char log[160];

	name_log(log);
	assert_int_equal(truncate(log, to), 0);
}

/* The names that damaged logs would get in the next seconds. */
static void take_names(void)
{
	for (time_t at = time(NULL), end = at + 10; at < end; at++) {
		char stamp[32], name[200];
		struct tm tm;
		int fd;

		strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", gmtime_r(&at, &tm));
		snprintf(name, sizeof(name), "%s.damaged-%s-wal", path, stamp);
		fd = open(name, O_CREAT | O_WRONLY, 0600);
		assert_true(fd >= 0);
		close(fd);
	}
}

static void lose_log_head(void)
{
	overwrite_log(0, 0, LOG_HEAD);
}

static void turn_log_head(void)
{
	overwrite_log(17, 0x5a, 1);
}

static void lose_all_of_log(void)
{
	overwrite_log(0, 0xff, log_size());
}

static void damage_middle_of_log(void)
{
	overwrite_log(log_size() / 2, 0x5a, 3);
}

static void damage_frame_head_in_log(void)
{
	overwrite_log(LOG_HEAD + 40 * LOG_FRAME + 9, 0x5a, 1);
}

static void damage_near_the_end(void)
{
	overwrite_log(log_size() - 10 * LOG_FRAME, 0x5a, 3);
}

static void lose_database(void)
{
	assert_int_equal(unlink(path), 0);
}

static void empty_database(void)
{
	assert_int_equal(truncate(path, 0), 0);
}

static void leave_log(void)
{
}

/* What a power cut can leave of the last transaction. */
static void cut_last_frame(void)
{
	cut_log(log_size() - LOG_FRAME * 2 / 3);
}

static void tear_last_frame(void)
{
	overwrite_log(log_size() - LOG_FRAME * 2 / 3, 0, LOG_FRAME * 2 / 3);
}

static void begin_log(void)
{
	cut_log(LOG_HEAD / 2);
}

#define LARGE_MESSAGES 40

static size_t large_payload(uint64_t seq, uint8_t ret[2000])
{
	memset(ret, (int)seq, 2000);
	return 2000;
}

/* As fill_log, but each message takes several pages, and later ones the pages of earlier ones. */
static void fill_log_with_large(void)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		const struct store_target target = { .topic = span_text("t"), .qos = 1 };
		struct store *s = reopen(NULL);
		uint8_t payload[2000];

		queue_of(s, "one");
		for (uint64_t seq = 1; seq <= LARGE_MESSAGES; seq++) {
			size_t len = large_payload(seq, payload);

			if (s->ops->add(s, seq, 5, (struct span){ payload, len }, &target, 1) !=
				0 ||
			    (seq % 2 == 0 && s->ops->remove(s, 0, seq - 1) != 0) ||
			    s->ops->commit(s) != 0)
				_exit(1);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* Whether the n-th frame of the log has a page that continues a row: it begins with a number. */
static bool continues_a_row(long n)
{
	uint8_t begin[5] = { 1 };
	char log[160];
	int fd;

	name_log(log);
	fd = open(log, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, begin, 5, LOG_HEAD + n * LOG_FRAME + 24), 5);
	close(fd);
	return begin[0] == 0 && begin[4] != 0;
}

/* A page that is lost in the log costs the message that it continues, and nobody gets what an older
 * version of that page has. */
static void test_page_lost_in_log(void **state)
{
	unsigned tested = 0;

	(void)state;
	for (long n = 100; n < 140; n++) {
		struct store_usage u;
		struct store_entry e;
		struct store *s;
		uint8_t payload[2000];
		uint64_t after = 0;

		empty_folder();
		fill_log_with_large();
		if (!continues_a_row(n))
			continue;
		overwrite_log(LOG_HEAD + n * LOG_FRAME + 24 + 300, 0x5a, 3);
		assert_int_equal(try_open(&s), 0);
		assert_non_null(strstr(warning, "log"));
		s->ops->total(s, &u);
		assert_in_range(u.messages, LARGE_MESSAGES / 2 - 1, LARGE_MESSAGES / 2);
		while (s->ops->next(s, 0, false, after, &e)) {
			after = e.seq;
			assert_int_equal(e.payload.len, large_payload(e.seq, payload));
			assert_memory_equal(e.payload.data, payload, e.payload.len);
		}
		store_free(s);
		tested++;
	}
	assert_true(tested > 10);
}

/* A log is never given up in silence, and its file stays. A torn end is no damage. */
static void test_damaged_log(void **state)
{
	static const struct {
		void (*damage)(void);
		unsigned messages_min, messages_max;
		bool is_told;
	} rows[] = {
		{ leave_log, DAMAGE_MESSAGES, DAMAGE_MESSAGES, false },
		{ cut_last_frame, DAMAGE_MESSAGES - 1, DAMAGE_MESSAGES - 1, false },
		{ tear_last_frame, DAMAGE_MESSAGES - 1, DAMAGE_MESSAGES - 1, false },
		{ begin_log, 0, 0, false },
		{ lose_log_head, DAMAGE_MESSAGES, DAMAGE_MESSAGES, true },
		{ turn_log_head, DAMAGE_MESSAGES, DAMAGE_MESSAGES, true },
		{ lose_all_of_log, 0, 0, true },
		{ damage_middle_of_log, DAMAGE_MESSAGES, DAMAGE_MESSAGES, true },
		/* Which page that was is not known. */
		{ damage_frame_head_in_log, 1, DAMAGE_MESSAGES / 3, true },
		{ damage_near_the_end, DAMAGE_MESSAGES - 10, DAMAGE_MESSAGES, true },
		{ lose_database, DAMAGE_MESSAGES, DAMAGE_MESSAGES, true },
		{ empty_database, DAMAGE_MESSAGES, DAMAGE_MESSAGES, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct store_usage u;
		struct store *s;
		long size;

		empty_folder();
		fill_log();
		rows[i].damage();
		size = log_size();
		assert_int_equal(try_open(&s), 0);
		s->ops->total(s, &u);
		assert_in_range(u.messages, rows[i].messages_min, rows[i].messages_max);
		if (!!strstr(warning, "log") != rows[i].is_told)
			fail_msg("row %zu: '%s'", i, warning);
		if (rows[i].is_told)
			assert_int_equal(size_of_damaged_log(), size);
		assert_int_equal(add(s, s->ops->last_seq(s) + 1, queue_of(s, "one"), 0, "t"), 0);
		assert_int_equal(s->ops->commit(s), 0);
		s = reopen(s);
		assert_string_equal(warning, "");
		store_free(s);
	}
}

/* A part of the file is not there: the rest is carried over. */
static void test_damaged_end(void **state)
{
	struct store_usage u;
	struct store *s;
	struct stat st;

	(void)state;
	fill_store();
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size * 2 / 3), 0);
	assert_int_equal(try_open(&s), 0);
	assert_non_null(strstr(warning, "damaged"));
	s->ops->total(s, &u);
	assert_in_range(u.messages, DAMAGE_MESSAGES / 2, DAMAGE_MESSAGES);
	store_free(s);
	assert_int_equal(empty_folder(), 1);
}

/* A table that is not there is damage like any other. */
static void test_missing_table(void **state)
{
	struct store_usage u;
	struct store *s;

	(void)state;
	fill_store();
	exec("DROP TABLE dead");
	assert_int_equal(try_open(&s), 0);
	assert_non_null(strstr(warning, "dead"));
	s->ops->total(s, &u);
	assert_int_equal(u.messages, DAMAGE_MESSAGES);
	store_free(s);
	assert_int_equal(empty_folder(), 1);
}

/* A last number after which there is none makes no store that takes no message. */
static void test_damaged_last_seq(void **state)
{
	static const char *const values[] = { "-5", "9223372036854775807", "281474976710655" };

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char sql[80];
		struct store *s;

		empty_folder();
		fill_store();
		snprintf(sql, sizeof(sql), "UPDATE meta SET value = %s", values[i]);
		exec(sql);
		s = reopen(NULL);
		assert_int_equal(s->ops->last_seq(s), DAMAGE_MESSAGES);
		assert_int_equal(add(s, DAMAGE_MESSAGES + 1, queue_of(s, "one"), 0, "t"), 0);
		assert_int_equal(s->ops->commit(s), 0);
		store_free(s);
	}
}

/* The process died between the two renames of a recovery. */
static void test_interrupted_recovery(void **state)
{
	char new_name[160];
	struct store_usage u;
	struct store *s;

	(void)state;
	fill_store();
	snprintf(new_name, sizeof(new_name), "%s.new", path);
	assert_int_equal(rename(path, new_name), 0);
	assert_int_equal(try_open(&s), 0);
	s->ops->total(s, &u);
	assert_int_equal(u.messages, DAMAGE_MESSAGES);
	store_free(s);
	/* Or before them: then the new one is not whole. */
	exec("PRAGMA user_version");
	assert_int_equal(link(path, new_name), 0);
	assert_int_equal(try_open(&s), 0);
	assert_int_equal(access(new_name, F_OK), -1);
	store_free(s);
}

/* The old log is still in its place then: it must neither be taken for that of the new one, nor be
 * deleted, nor be told by nobody. */
static void test_interrupted_before_the_log(void **state)
{
	char log[160], other_name[160], new_name[160];
	struct store_usage u;
	struct store *s;
	long size;

	(void)state;
	name_log(log);
	snprintf(other_name, sizeof(other_name), "%s.other", path);
	snprintf(new_name, sizeof(new_name), "%s.new", path);
	fill_log();
	size = log_size();
	assert_int_equal(rename(log, other_name), 0);
	assert_int_equal(unlink(path), 0);
	fill_store();
	assert_int_equal(rename(path, new_name), 0);
	assert_int_equal(rename(other_name, log), 0);
	assert_int_equal(try_open(&s), 0);
	assert_non_null(strstr(warning, "damaged"));
	assert_int_equal(size_of_damaged_log(), size);
	s->ops->total(s, &u);
	assert_int_equal(u.messages, DAMAGE_MESSAGES);
	assert_int_equal(notes_of(s, "client:x"), DAMAGE_NOTES);
	store_free(s);
}

#define RIVALS 4

/* Until the other end is closed. */
static void wait_for_end(int fd)
{
	char byte;

	if (read(fd, &byte, 1) != 0)
		_exit(1);
}

/* Opens it together with its rivals, and keeps it until all have tried. How it went is written to
 * result: the number of messages, or an error. */
static void compete(int start, int end, int result)
{
	struct store_usage u;
	struct store *s;
	int64_t found;

	wait_for_end(start);
	found = try_open(&s);
	if (found == 0) {
		s->ops->total(s, &u);
		found = (int64_t)u.messages;
	}
	if (write(result, &found, sizeof(found)) != sizeof(found))
		_exit(1);
	wait_for_end(end);
	_exit(0);
}

/* The number of those that have it. */
static unsigned count_winners(int result)
{
	unsigned winners = 0;

	for (unsigned i = 0; i < RIVALS; i++) {
		int64_t found;

		assert_int_equal(read(result, &found, sizeof(found)), sizeof(found));
		if (found == -EBUSY)
			continue;
		assert_int_equal(found, DAMAGE_MESSAGES);
		winners++;
	}
	return winners;
}

/* One of those that start at once recovers a damaged store, and has it; the others are refused. */
static void test_rivals_on_a_damaged_store(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 10; round++) {
		int start[2], end[2], result[2];

		empty_folder();
		fill_log();
		damage_middle_of_log();
		assert_int_equal(pipe(start) | pipe(end) | pipe(result), 0);
		for (unsigned i = 0; i < RIVALS; i++) {
			if (fork() == 0) {
				close(start[1]);
				close(end[1]);
				compete(start[0], end[0], result[1]);
			}
		}
		close(result[1]);
		close(start[1]);
		assert_int_equal(count_winners(result[0]), 1);
		close(end[1]);
		for (unsigned i = 0; i < RIVALS; i++)
			assert_true(wait(NULL) > 0);
		close(start[0]);
		close(end[0]);
		close(result[0]);
	}
}

/* What was put aside before is never overwritten, and no reason to give up. */
static void test_names_that_are_taken(void **state)
{
	struct store_usage u;
	struct store *s;
	long size;

	(void)state;
	fill_log();
	damage_middle_of_log();
	size = log_size();
	take_names();
	assert_int_equal(size_of_damaged_log(), 0);
	assert_int_equal(try_open(&s), 0);
	assert_int_equal(size_of_damaged_log(), size);
	s->ops->total(s, &u);
	assert_int_equal(u.messages, DAMAGE_MESSAGES);
	store_free(s);
	assert_int_equal(empty_folder(), 1);
}

static void use_everything(struct store *s)
{
	uint64_t seq = s->ops->last_seq(s) + 1;
	struct store_entry e;
	struct store_usage u;
	unsigned q[2];

	if (s->ops->open_queue(s, "one", &q[0]) < 0 || s->ops->open_queue(s, "two", &q[1]) < 0)
		return;
	for (size_t i = 0; i < 2; i++) {
		uint64_t after = 0;

		for (size_t k = 0; k < 400 && s->ops->next(s, q[i], k % 2, after, &e); k++)
			after = e.seq;
		if (s->ops->head(s, q[i], &e) && s->ops->remove(s, q[i], e.seq) == 0)
			add(s, seq++, q[i], 3, "t");
		if (s->ops->oldest(s, q[i], &e))
			s->ops->bury(s, q[i], e.seq, "why");
		s->ops->find_topic(s, q[i], span_text("t"), &after);
		s->ops->put_note(s, q[i], STORE_NOTE_SESSION, span_text("k"), span_text("v"));
	}
	if (s->ops->open_queue(s, "client:x", &q[0]) == 0) {
		notes_of(s, "client:x");
		s->ops->drop_queue(s, q[0]);
	}
	s->ops->commit(s);
	s->ops->total(s, &u);
}

/* A byte, a page, or the end. */
static void damage_something(struct prng *p, uint64_t size)
{
	uint64_t at = prng_range(p, 0, size - 1);
	uint8_t bytes[STORE_PAGE_BYTES];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)prng_range(p, 0, 255);
	switch (prng_range(p, 0, 9)) {
	case 0:
		assert_int_equal(truncate(path, (off_t)at), 0);
		break;
	case 1:
	case 2:
		overwrite((long)(at / sizeof(bytes) * sizeof(bytes)), bytes, sizeof(bytes));
		break;
	default:
		overwrite((long)at, bytes, 1);
		break;
	}
}

/* Anything anywhere: it opens, or is moved aside; it never crashes. */
static void test_random_damage(void **state)
{
	struct prng p;

	(void)state;
	prng_init(&p, 4);
	for (size_t round = 0; round < 200; round++) {
		size_t spots = prng_range(&p, 1, 8);
		struct store *s = NULL;
		struct stat st;

		empty_folder();
		fill_store();
		assert_int_equal(stat(path, &st), 0);
		for (size_t i = 0; i < spots; i++)
			damage_something(&p, (uint64_t)st.st_size);
		if (try_open(&s) == 0)
			use_everything(s);
		else
			assert_true(error[0] != '\0');
		store_free(s);
	}
}

/* ---- a backlog ---- */

#define BACKLOG 20000

/* All of it is in the counters when the store is opened. */
static void test_backlog_is_counted_at_the_start(void **state)
{
	struct store *s = reopen(NULL);
	unsigned queue = queue_of(s, "one");
	struct store_usage u;
	struct store_entry e;

	(void)state;
	fill(s, queue, BACKLOG, "some/topic");
	s = reopen(s);
	s->ops->usage(s, queue, &u);
	assert_int_equal(u.messages, BACKLOG);
	assert_int_equal(u.bytes, BACKLOG * 17);
	assert_true(s->ops->head(s, queue, &e));
	assert_int_equal(e.seq, 1);
	store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_reopened_all_is_there, clean),
		cmocka_unit_test_setup(test_process_dies, clean),
		cmocka_unit_test_setup(test_second_process_is_refused, clean),
		cmocka_unit_test_setup(test_other_version_is_refused, clean),
		cmocka_unit_test_setup(test_foreign_database_is_refused, clean),
		cmocka_unit_test_setup(test_missing_directory_is_told, clean),
		cmocka_unit_test_setup(test_files_that_may_not_be_written, clean),
		cmocka_unit_test_setup(test_mode, clean),
		cmocka_unit_test_setup(test_views, clean),
		cmocka_unit_test_setup(test_views_of_sessions, clean),
		cmocka_unit_test_setup(test_damaged_page, clean),
		cmocka_unit_test_setup(test_damaged_while_running, clean),
		cmocka_unit_test_setup(test_damage_before_a_commit, clean),
		cmocka_unit_test_setup(test_queue_named_twice, clean),
		cmocka_unit_test_setup(test_damaged_index, clean),
		cmocka_unit_test_setup(test_damaged_way, clean),
		cmocka_unit_test_setup(test_free_pages, clean),
		cmocka_unit_test_setup(test_damaged_bodies, clean),
		cmocka_unit_test_setup(test_senseless_rows, clean),
		cmocka_unit_test_setup(test_page_lost_in_log, clean),
		cmocka_unit_test_setup(test_damaged_log, clean),
		cmocka_unit_test_setup(test_damaged_end, clean),
		cmocka_unit_test_setup(test_missing_table, clean),
		cmocka_unit_test_setup(test_damaged_last_seq, clean),
		cmocka_unit_test_setup(test_interrupted_recovery, clean),
		cmocka_unit_test_setup(test_interrupted_before_the_log, clean),
		cmocka_unit_test_setup(test_names_that_are_taken, clean),
		cmocka_unit_test_setup(test_rivals_on_a_damaged_store, clean),
		cmocka_unit_test_setup(test_random_damage, clean),
		cmocka_unit_test_setup(test_backlog_is_counted_at_the_start, clean),
	};
	int failed;

	if (make_folder(NULL) != 0)
		return 1;
	failed = store_cases_run("store_sqlite", new_store);
	failed += cmocka_run_group_tests_name("store_sqlite_file", tests, NULL, NULL);
	return remove_folder(NULL) != 0 || failed;
}
