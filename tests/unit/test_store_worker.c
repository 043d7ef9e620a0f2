/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commits in a thread: of a store that tells how it is used, and of the real one.
 */
#include "../../daemon/loop.h"
#include "../../daemon/store_sqlite.h"
#include "../../daemon/store_worker.h"
#include "scratch.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define TEST_MAX_S 120 /* one that hangs has failed */

/* How the commit of the watched store goes on once it has begun. */
enum patience {
	PATIENCE_NONE,
	PATIENCE_TILL_LOOP_SLEEPS, /* the loop's thread waits for something */
	PATIENCE_TILL_TOLD,
};

static struct {
	struct store base;
	enum patience patience;
	int prepare_error;
	int commit_error;
	sem_t go;
	atomic_bool is_committing;
	atomic_uint commits;
	bool is_in_loop_thread; /* the last commit was */
	bool takes_signals;     /* the thread of the last commit does */
	bool was_disturbed;     /* it was used during a commit by a call that must not */
	bool is_freed;
	unsigned reads;
} watched;

static struct {
	struct loop *loop;
	struct store_worker *worker;
	pthread_t thread;
	int result;
	unsigned done;
} here;

static bool has_threads = true;

int __real_pthread_create(
    pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *arg);
int __wrap_pthread_create(
    pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *arg);

int __wrap_pthread_create(
    pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *arg)
{
	return has_threads ? __real_pthread_create(thread, attributes, start, arg) : EAGAIN;
}

/* The main thread, which is the loop's, as the kernel sees it. */
static bool is_loop_asleep(void)
{
	char name[64], text[256] = "";
	const char *end;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/self/task/%d/stat", (int)getpid());
	f = fopen(name, "r");
	if (!f || !fgets(text, sizeof(text), f))
		abort();
	fclose(f);
	end = strrchr(text, ')');
	return end && end[2] == 'S';
}

static int watched_prepare(struct store *s)
{
	(void)s;
	return watched.prepare_error;
}

static int watched_commit(struct store *s)
{
	sigset_t blocked;

	(void)s;
	watched.is_in_loop_thread = pthread_equal(pthread_self(), here.thread);
	pthread_sigmask(SIG_BLOCK, NULL, &blocked);
	watched.takes_signals = sigismember(&blocked, SIGTERM) == 0;
	atomic_store(&watched.is_committing, true);
	while (watched.patience == PATIENCE_TILL_LOOP_SLEEPS && !is_loop_asleep())
		sched_yield();
	if (watched.patience == PATIENCE_TILL_TOLD)
		sem_wait(&watched.go);
	atomic_store(&watched.is_committing, false);
	atomic_fetch_add(&watched.commits, 1);
	return watched.commit_error;
}

static bool watched_head(struct store *s, unsigned queue, struct store_entry *ret)
{
	(void)s;
	(void)queue;
	(void)ret;
	watched.was_disturbed |= atomic_load(&watched.is_committing);
	return false;
}

static void watched_free(struct store *s)
{
	(void)s;
	watched.was_disturbed |= atomic_load(&watched.is_committing);
	watched.is_freed = true;
}

static uint64_t watched_last_seq(struct store *s)
{
	(void)s;
	watched.reads++;
	return 7;
}

static void watched_usage(struct store *s, unsigned queue, struct store_usage *ret)
{
	(void)s;
	(void)queue;
	watched.reads++;
	*ret = (struct store_usage){ 0 };
}

static void watched_total(struct store *s, struct store_usage *ret)
{
	watched_usage(s, 0, ret);
}

static int watched_free_bytes(struct store *s, uint64_t *ret)
{
	*ret = watched_last_seq(s);
	return 0;
}

static const struct store_ops watched_ops = {
	.free = watched_free,
	.prepare = watched_prepare,
	.commit = watched_commit,
	.head = watched_head,
	.last_seq = watched_last_seq,
	.usage = watched_usage,
	.total = watched_total,
	.free_bytes = watched_free_bytes,
};

static void on_done(void *arg, int error)
{
	(void)arg;
	here.result = error;
	here.done++;
	loop_stop(here.loop);
}

static void start(struct store *store)
{
	here.thread = pthread_self();
	here.done = 0;
	here.loop = loop_new();
	assert_non_null(here.loop);
	here.worker = store_worker_new(here.loop, store, on_done, NULL);
	assert_non_null(here.worker);
}

static void start_watched(enum patience patience)
{
	memset(&watched, 0, sizeof(watched));
	sem_init(&watched.go, 0, 0);
	watched.base.ops = &watched_ops;
	watched.patience = patience;
	start(&watched.base);
}

static void finish(void)
{
	store_worker_free(here.worker);
	loop_free(here.loop);
}

/* The commit that was begun ends, and the loop tells of it, once. */
static int await_done(void)
{
	unsigned before = here.done;

	assert_int_equal(loop_run(here.loop), 0);
	assert_int_equal(here.done, before + 1);
	return here.result;
}

/* It is under way in the thread. */
static void await_commit(void)
{
	while (!atomic_load(&watched.is_committing))
		sched_yield();
}

static void test_commit_beside_the_loop(void **state)
{
	(void)state;
	start_watched(PATIENCE_TILL_LOOP_SLEEPS);
	for (unsigned i = 1; i <= 3; i++) {
		store_worker_commit(here.worker);
		assert_int_equal(await_done(), 0);
		assert_int_equal(atomic_load(&watched.commits), i);
		assert_false(watched.is_in_loop_thread);
		assert_false(watched.takes_signals);
	}
	finish();
	assert_true(watched.is_freed);
}

static void test_failures_are_told(void **state)
{
	static const struct {
		int prepare_error, commit_error, result;
		unsigned commits;
	} rows[] = {
		{ 0, -EIO, -EIO, 1 },
		{ -ENOMEM, 0, -ENOMEM, 0 }, /* what was not prepared is not committed */
		{ 0, 0, 0, 1 },
	};

	(void)state;
	start_watched(PATIENCE_NONE);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		atomic_store(&watched.commits, 0);
		watched.prepare_error = rows[i].prepare_error;
		watched.commit_error = rows[i].commit_error;
		store_worker_commit(here.worker);
		assert_int_equal(here.done, i); /* by the loop alone */
		assert_int_equal(await_done(), rows[i].result);
		assert_int_equal(atomic_load(&watched.commits), rows[i].commits);
	}
	finish();
}

static void test_calls_wait_for_the_commit(void **state)
{
	struct store *gate;
	struct store_entry e;

	(void)state;
	start_watched(PATIENCE_TILL_LOOP_SLEEPS);
	gate = store_worker_store(here.worker);
	store_worker_commit(here.worker);
	await_commit();
	assert_false(gate->ops->head(gate, 0, &e));
	assert_int_equal(atomic_load(&watched.commits), 1);
	assert_false(watched.was_disturbed);
	/* Its end is not told before the loop has its turn. */
	assert_int_equal(here.done, 0);
	assert_int_equal(await_done(), 0);
	finish();
}

static void test_counters_do_not_wait(void **state)
{
	struct store_usage usage;
	struct store *gate;
	uint64_t bytes;

	(void)state;
	start_watched(PATIENCE_TILL_TOLD);
	gate = store_worker_store(here.worker);
	store_worker_commit(here.worker);
	await_commit();
	assert_int_equal(gate->ops->last_seq(gate), 7);
	gate->ops->usage(gate, 0, &usage);
	gate->ops->total(gate, &usage);
	assert_int_equal(gate->ops->free_bytes(gate, &bytes), 0);
	assert_int_equal(watched.reads, 4);
	assert_true(atomic_load(&watched.is_committing));
	sem_post(&watched.go);
	assert_int_equal(await_done(), 0);
	finish();
}

static void test_end_waits_for_the_commit(void **state)
{
	(void)state;
	start_watched(PATIENCE_TILL_LOOP_SLEEPS);
	store_worker_commit(here.worker);
	await_commit();
	finish();
	assert_int_equal(atomic_load(&watched.commits), 1);
	assert_true(watched.is_freed);
	assert_false(watched.was_disturbed);
	assert_int_equal(here.done, 0);
}

static void test_no_thread(void **state)
{
	(void)state;
	has_threads = false;
	start_watched(PATIENCE_NONE);
	has_threads = true;
	store_worker_commit(here.worker);
	assert_int_equal(here.done, 0);
	assert_int_equal(await_done(), 0);
	assert_true(watched.is_in_loop_thread);
	finish();
	assert_true(watched.is_freed);
}

static struct store *open_store(void)
{
	const struct store_sqlite_options options = { .path = scratch_path("store.db"),
		.max_bytes = 1000000 };
	char error[STORE_SQLITE_TEXT_MAX];
	struct store *s = NULL;

	if (store_sqlite_open(&options, &s, error) != 0)
		fail_msg("%s", error);
	return s;
}

#define ROUNDS 50

/* Commits and other calls by turns, as the core has them; each message is read back at once, while
 * it may be on its way to the disk. Ends without closing anything. */
static void work_and_die(void)
{
	struct store *gate;
	struct store_entry e;
	unsigned queue;

	start(open_store());
	gate = store_worker_store(here.worker);
	assert_int_equal(gate->ops->open_queue(gate, "q", &queue), 0);
	for (uint64_t seq = 1; seq <= ROUNDS; seq++) {
		const struct store_target t = { .queue = queue, .topic = span_text("t"), .qos = 1 };

		assert_int_equal(gate->ops->add(gate, seq, 1, span_text("payload"), &t, 1), 0);
		store_worker_commit(here.worker);
		assert_true(gate->ops->get(gate, queue, seq, &e));
		assert_int_equal(await_done(), 0);
	}
	_exit(0);
}

static void test_on_disk(void **state)
{
	struct store_usage usage;
	struct store *s;
	unsigned queue;
	int status;
	pid_t pid;

	(void)state;
	scratch_make(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		work_and_die();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	s = open_store();
	assert_int_equal(s->ops->open_queue(s, "q", &queue), 0);
	s->ops->usage(s, queue, &usage);
	assert_int_equal(usage.messages, ROUNDS);
	store_free(s);
	scratch_remove(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commit_beside_the_loop),
		cmocka_unit_test(test_failures_are_told),
		cmocka_unit_test(test_calls_wait_for_the_commit),
		cmocka_unit_test(test_counters_do_not_wait),
		cmocka_unit_test(test_end_waits_for_the_commit),
		cmocka_unit_test(test_no_thread),
		cmocka_unit_test(test_on_disk),
	};

	alarm(TEST_MAX_S);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
