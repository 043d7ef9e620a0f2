/* SPDX-License-Identifier: Apache-2.0 */
#include "store_worker.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum job {
	JOB_NONE,
	JOB_COMMIT, /* asked for, or under way: the store is the thread's */
	JOB_DONE,   /* and not yet told */
	JOB_END,    /* of the thread */
};

struct store_worker {
	struct store *disk;
	struct store *gate;
	struct loop_watch *watch;
	int event;
	void (*done)(void *arg, int error);
	void *arg;
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t mutex; /* of the job */
	pthread_cond_t changed;
	enum job job;
	int result; /* of the last commit, for whoever has the store: see enum job */
};

/* Tell the loop. */
static void ring(struct store_worker *w)
{
	const uint64_t one = 1;
	/* It cannot be full. */
	ssize_t n = write(w->event, &one, sizeof(one));

	(void)n;
}

/* Who waits for it is woken without the mutex: it would have to wait for that again. */
static void set_job(struct store_worker *w, enum job job)
{
	pthread_mutex_lock(&w->mutex);
	w->job = job;
	pthread_mutex_unlock(&w->mutex);
	pthread_cond_broadcast(&w->changed);
}

/* The commit, without the mutex: only who has the job may touch the store. */
static void run_commit(struct store_worker *w)
{
	w->result = w->disk->ops->commit(w->disk);
	set_job(w, JOB_DONE);
	ring(w);
}

/* The next thing to do. */
static enum job wait_for_job(struct store_worker *w)
{
	enum job job;

	pthread_mutex_lock(&w->mutex);
	while (w->job != JOB_COMMIT && w->job != JOB_END)
		pthread_cond_wait(&w->changed, &w->mutex);
	job = w->job;
	pthread_mutex_unlock(&w->mutex);
	return job;
}

static void *work(void *arg)
{
	struct store_worker *w = arg;

	while (wait_for_job(w) == JOB_COMMIT)
		run_commit(w);
	return NULL;
}

/* Until the store is the caller's. */
static void wait_for_commit(void *arg)
{
	struct store_worker *w = arg;

	pthread_mutex_lock(&w->mutex);
	while (w->job == JOB_COMMIT)
		pthread_cond_wait(&w->changed, &w->mutex);
	pthread_mutex_unlock(&w->mutex);
}

static void on_event(void *arg, bool is_readable, bool is_writable)
{
	struct store_worker *w = arg;
	uint64_t count;
	bool is_done;
	int result;

	(void)is_writable;
	if (!is_readable || read(w->event, &count, sizeof(count)) != sizeof(count))
		return;
	pthread_mutex_lock(&w->mutex);
	is_done = w->job == JOB_DONE;
	result = w->result;
	if (is_done)
		w->job = JOB_NONE;
	pthread_mutex_unlock(&w->mutex);
	if (is_done)
		w->done(w->arg, result);
}

/* Signals are the loop's. */
static bool start_thread(struct store_worker *w)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
		return false;
	r = pthread_create(&w->thread, NULL, work, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r == 0;
}

struct store_worker *store_worker_new(
    struct loop *loop, struct store *disk, void (*done)(void *arg, int error), void *arg)
{
	struct store_worker *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->done = done;
	w->arg = arg;
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->changed, NULL);
	w->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->gate = store_gate_new(disk, wait_for_commit, w);
	if (w->event >= 0)
		w->watch = loop_watch_new(loop, w->event, on_event, w);
	if (!w->gate || !w->watch) {
		store_worker_free(w);
		return NULL;
	}
	w->disk = disk;
	w->has_thread = start_thread(w);
	return w;
}

static void end_thread(struct store_worker *w)
{
	if (!w->has_thread)
		return;
	wait_for_commit(w);
	set_job(w, JOB_END);
	pthread_join(w->thread, NULL);
}

void store_worker_free(struct store_worker *w)
{
	if (!w)
		return;
	end_thread(w);
	loop_watch_free(w->watch);
	if (w->event >= 0)
		close(w->event);
	store_free(w->gate);
	store_free(w->disk);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->mutex);
	free(w);
}

struct store *store_worker_store(struct store_worker *w)
{
	return w->gate;
}

void store_worker_commit(struct store_worker *w)
{
	int r = w->gate->ops->prepare(w->gate);

	assert(w->job == JOB_NONE);
	if (r < 0) {
		w->result = r;
		set_job(w, JOB_DONE);
		ring(w);
	} else if (w->has_thread) {
		set_job(w, JOB_COMMIT);
	} else {
		run_commit(w);
	}
}
