/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store on a disk that is cut off, and with operations that fail: what was committed is there,
 * what was not is there as a whole or not at all.
 *
 * The same workload, a seed, runs again and again; the power is cut at another moment each time, or
 * another operation fails. Beside it runs the reference store, which says what should be there.
 */
#include "../../daemon/store_sqlite.h"
#include "../../daemon/store_walk.h"
#include "cut_vfs.h"
#include "scratch.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/prng.h"

#include <errno.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ROOMY       10000000
#define BROKERS     2
#define SESSIONS    2
#define QUEUES      (BROKERS + SESSIONS)
#define STEPS       220
#define WAITING_MAX 40
#define CUTS        2000
#define TRIES_MAX   100
#define SNAPSHOTS   (STEPS + 2)

struct place {
	unsigned queue;
	uint64_t seq;
};

struct snapshot {
	uint64_t contents;
	size_t retired; /* so many had been: they may be there in addition */
};

/* ---- memory that can run out ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);

static uint64_t alloc_fail_in; /* 0: none */
static uint64_t alloc_failures;

static bool is_out_of_memory(void)
{
	if (alloc_fail_in == 0 || --alloc_fail_in > 0)
		return false;
	alloc_failures++;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return is_out_of_memory() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return is_out_of_memory() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return is_out_of_memory() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
	return is_out_of_memory() ? NULL : __real_strdup(text);
}

static sqlite3_mem_methods sqlite_memory;

static void *sqlite_malloc(int size)
{
	return is_out_of_memory() ? NULL : sqlite_memory.xMalloc(size);
}

static void *sqlite_realloc(void *old, int size)
{
	return is_out_of_memory() ? NULL : sqlite_memory.xRealloc(old, size);
}

static int prepare_memory(void)
{
	sqlite3_mem_methods ours;

	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_memory) != SQLITE_OK)
		return -1;
	ours = sqlite_memory;
	ours.xMalloc = sqlite_malloc;
	ours.xRealloc = sqlite_realloc;
	return sqlite3_config(SQLITE_CONFIG_MALLOC, &ours) == SQLITE_OK ? 0 : -1;
}

/* ---- what is in a store, as one number ---- */

static uint64_t mix_span(uint64_t h, struct span span)
{
	h = hash_fnv1a(h, &span.len, sizeof(span.len));
	return hash_fnv1a(h, span.data, span.len);
}

static uint64_t mix_entry(uint64_t h, const struct store_entry *e)
{
	uint64_t numbers[] = { e->seq, e->queue, e->qos, e->priority, e->retain, e->keep_last,
		e->state, e->packet_id, e->tries, (uint64_t)e->accepted_ms,
		(uint64_t)e->expires_ms };

	h = hash_fnv1a(h, numbers, sizeof(numbers));
	h = mix_span(h, e->topic);
	h = mix_span(h, e->properties);
	h = mix_span(h, e->payload);
	return e->reason ? hash_fnv1a(h, e->reason, strlen(e->reason)) : h;
}

static uint64_t mix_notes(uint64_t h, struct store *s, unsigned queue)
{
	for (unsigned kind = 0; kind < STORE_NOTE_COUNT; kind++) {
		struct span key = { 0 }, value;

		h = hash_fnv1a(h, &kind, sizeof(kind));
		while (s->ops->next_note(s, queue, kind, key, &key, &value)) {
			h = mix_span(h, key);
			h = mix_span(h, value);
		}
	}
	return h;
}

static uint64_t contents_of(struct store *s)
{
	uint64_t h = HASH_INIT;
	struct store_usage usage;
	struct store_entry e;
	const char *name;
	unsigned queue;

	for (int last = -1; s->ops->next_queue(s, last, &queue, &name); last = (int)queue) {
		h = hash_fnv1a(h, &queue, sizeof(queue));
		h = hash_fnv1a(h, name, strlen(name));
		for (unsigned dead = 0; dead < 2; dead++) {
			uint64_t after = 0;

			while (s->ops->next(s, queue, dead, after, &e)) {
				h = mix_entry(h, &e);
				after = e.seq;
			}
		}
		if (s->ops->head(s, queue, &e))
			h = mix_entry(h, &e);
		h = mix_notes(h, s, queue);
		s->ops->usage(s, queue, &usage);
		h = hash_fnv1a(h, &usage, sizeof(usage));
	}
	s->ops->total(s, &usage);
	return hash_fnv1a(h, &usage, sizeof(usage));
}

/* ---- the workload ---- */

struct run {
	struct store *disk; /* NULL: not open */
	struct store *ram;  /* what should be there */
	struct prng rng;
	uint64_t seq;
	bool is_open[QUEUES]; /* sessions come and go, brokers stay */
	bool is_normal;
	bool is_dirty;
	/* At the commits that returned 0, the last one is the newest, and what the one that was cut
	 * off had to write. */
	struct snapshot snapshots[SNAPSHOTS];
	size_t snapshot_count;
	struct snapshot attempted;
	uint64_t committed_seq;
	struct place retired[STEPS];
	size_t retired_count;
	size_t swept; /* so many of them were by a commit that returned 0 */
	bool is_sweep_due;
};

static const char *const queue_names[QUEUES] = { "one", "two", "client:a", "client:b" };

static struct run the_run;
static unsigned warnings;

static void count_warning(const char *text)
{
	(void)text;
	warnings++;
}

static int open_disk(struct run *r)
{
	const struct store_sqlite_options options = {
		.path = "store.db",
		.max_bytes = ROOMY,
		.is_normal_durability = r->is_normal,
		.checkpoint_pages = 40,
		.warn = count_warning,
	};
	char error[STORE_SQLITE_TEXT_MAX];
	unsigned queue;
	int ret = store_sqlite_open(&options, &r->disk, error);

	if (ret < 0) {
		r->disk = NULL;
		return ret;
	}
	for (unsigned i = 0; i < BROKERS; i++) {
		ret = r->disk->ops->open_queue(r->disk, queue_names[i], &queue);
		if (ret == 0 && queue != i)
			ret = -EINVAL;
		if (ret < 0)
			return ret;
	}
	return 0;
}

static void close_disk(struct run *r)
{
	store_free(r->disk);
	r->disk = NULL;
}

static void run_begin(struct run *r, bool is_normal)
{
	unsigned queue;

	*r = (struct run){ .is_normal = is_normal, .ram = store_ram_new(ROOMY) };
	assert_non_null(r->ram);
	for (unsigned i = 0; i < BROKERS; i++) {
		assert_int_equal(r->ram->ops->open_queue(r->ram, queue_names[i], &queue), 0);
		r->is_open[i] = true;
	}
	prng_init(&r->rng, 3);
	warnings = 0;
	r->attempted = (struct snapshot){ contents_of(r->ram), 0 };
	r->snapshots[r->snapshot_count++] = r->attempted;
}

static void run_end(struct run *r)
{
	close_disk(r);
	store_free(r->ram);
	r->ram = NULL;
	cut_vfs_clear();
}

/* Some of the open queues, one at least. */
static size_t choose_targets(struct run *r, struct store_target targets[QUEUES])
{
	unsigned first = (unsigned)prng_range(&r->rng, 0, BROKERS - 1);
	size_t count = 0;

	for (unsigned i = 0; i < QUEUES; i++) {
		unsigned queue = (first + i) % QUEUES;
		struct store_target *t = &targets[count];

		if (!r->is_open[queue] || (count > 0 && prng_chance(&r->rng, 500)))
			continue;
		*t = (struct store_target){ .queue = queue,
			.topic = { (const uint8_t *)"some/topic", 10 },
			.qos = 1,
			.priority = (uint8_t)prng_range(&r->rng, 0, 2),
			.keep_last = prng_chance(&r->rng, 100),
			.expires_ms = 5 };
		if (queue >= BROKERS) {
			t->properties = (struct span){ (const uint8_t *)"\x03\0\xff", 3 };
			t->packet_id = (uint16_t)(r->seq + 1);
		}
		count++;
	}
	return count;
}

/* The allocation that fails is not meant for the reference. */
#define UNTIL_MEMORY(call)                  \
	do {                                \
		int done_ = (call);         \
		while (done_ == -ENOMEM)    \
			done_ = (call);     \
		assert_int_equal(done_, 0); \
	} while (0)

/* To both, if the disk takes it. */
static void step_add(struct run *r)
{
	static uint8_t bytes[6000];
	struct store_target targets[QUEUES];
	size_t count = choose_targets(r, targets);
	size_t len = prng_range(&r->rng, 0, prng_chance(&r->rng, 100) ? sizeof(bytes) : 200);
	struct span payload = { bytes, len };

	r->seq++;
	memset(bytes, (int)(r->seq & 0xff), len);
	if (r->disk->ops->add(r->disk, r->seq, 9, payload, targets, count) == 0)
		UNTIL_MEMORY(r->ram->ops->add(r->ram, r->seq, 9, payload, targets, count));
}

static void step_note(struct run *r, unsigned queue)
{
	static const char *const texts[] = { "a/b", "a/#", "17", "owner", "$share/g/+" };
	const char *key = texts[prng_range(&r->rng, 0, 4)],
		   *value = texts[prng_range(&r->rng, 0, 4)];
	enum store_note kind = (enum store_note)prng_range(&r->rng, 0, STORE_NOTE_COUNT - 1);
	struct span k = { (const uint8_t *)key, strlen(key) };
	struct span v = { (const uint8_t *)value, strlen(value) };

	if (prng_chance(&r->rng, 600)) {
		if (r->disk->ops->put_note(r->disk, queue, kind, k, v) == 0)
			UNTIL_MEMORY(r->ram->ops->put_note(r->ram, queue, kind, k, v));
	} else if (r->disk->ops->drop_note(r->disk, queue, kind, k) == 0) {
		assert_int_equal(r->ram->ops->drop_note(r->ram, queue, kind, k), 0);
	}
}

/* A session begins, changes, or ends. */
static void step_session(struct run *r, unsigned queue)
{
	unsigned number;

	/* A new queue gets the lowest number that is free. */
	if (!r->is_open[BROKERS])
		queue = BROKERS;
	if (!r->is_open[queue]) {
		if (r->disk->ops->open_queue(r->disk, queue_names[queue], &number) < 0)
			return;
		assert_int_equal(number, queue);
		UNTIL_MEMORY(r->ram->ops->open_queue(r->ram, queue_names[queue], &number));
		assert_int_equal(number, queue);
		r->is_open[queue] = true;
	} else if (prng_chance(&r->rng, 120)) {
		if (r->disk->ops->drop_queue(r->disk, queue) == 0) {
			assert_int_equal(r->ram->ops->drop_queue(r->ram, queue), 0);
			r->is_open[queue] = false;
		}
	} else {
		step_note(r, queue);
	}
}

static void step_change(struct run *r, unsigned queue, const struct store_entry *e)
{
	const struct store_ops *disk = r->disk->ops, *ram = r->ram->ops;
	enum store_state state = queue < BROKERS ? STORE_MAYBE_SENT : STORE_RELEASED;
	uint64_t seq = e->seq;

	switch (prng_range(&r->rng, 0, 7)) {
	case 0:
		if (disk->bury(r->disk, queue, seq, "refused") == 0)
			assert_int_equal(ram->bury(r->ram, queue, seq, "refused"), 0);
		break;
	case 1:
		if (disk->mark(r->disk, queue, seq, 2, state) == 0)
			assert_int_equal(ram->mark(r->ram, queue, seq, 2, state), 0);
		break;
	case 2:
	case 3:
	case 4:
		if (disk->retire(r->disk, queue, seq) == 0) {
			assert_int_equal(ram->retire(r->ram, queue, seq), 0);
			r->retired[r->retired_count++] = (struct place){ queue, seq };
		}
		break;
	default:
		if (disk->remove(r->disk, queue, seq) == 0)
			assert_int_equal(ram->remove(r->ram, queue, seq), 0);
		break;
	}
}

static void step_dead(struct run *r, unsigned queue, const struct store_entry *e)
{
	uint64_t seq = e->seq;

	if (prng_chance(&r->rng, 500)) {
		if (r->disk->ops->revive(r->disk, queue, seq) == 0)
			assert_int_equal(r->ram->ops->revive(r->ram, queue, seq), 0);
	} else if (r->disk->ops->remove(r->disk, queue, seq) == 0) {
		assert_int_equal(r->ram->ops->remove(r->ram, queue, seq), 0);
	}
}

/* The disk shows what should be there, or nothing while it cannot be read. */
static void check_head(struct run *r, unsigned queue)
{
	struct store_entry want, got;

	if (!r->disk->ops->head(r->disk, queue, &got))
		return;
	assert_true(r->ram->ops->head(r->ram, queue, &want));
	assert_int_equal(got.seq, want.seq);
}

static bool run_commit(struct run *r)
{
	r->attempted = (struct snapshot){ contents_of(r->ram), r->retired_count };
	if (prng_chance(&r->rng, 300)) {
		store_sweep(r->disk);
		r->is_sweep_due = true;
	}
	if (r->disk->ops->commit(r->disk) < 0)
		return false;
	r->committed_seq = r->seq;
	if (r->is_sweep_due)
		r->swept = r->retired_count;
	r->is_sweep_due = false;
	assert_true(r->snapshot_count < SNAPSHOTS);
	r->snapshots[r->snapshot_count++] = r->attempted;
	return true;
}

static void run_step(struct run *r)
{
	unsigned queue = (unsigned)prng_range(&r->rng, 0, QUEUES - 1);
	struct store_usage u;
	struct store_entry e;

	r->ram->ops->usage(r->ram, queue, &u);
	if (queue >= BROKERS && (!r->is_open[queue] || prng_chance(&r->rng, 400)))
		step_session(r, queue);
	else if (u.dead_letters > 3 && r->ram->ops->next(r->ram, queue, true, 0, &e))
		step_dead(r, queue, &e);
	else if (u.messages > 0 && prng_chance(&r->rng, u.messages < WAITING_MAX ? 450 : 900) &&
		 r->ram->ops->head(r->ram, queue, &e))
		step_change(r, queue, &e);
	else
		step_add(r);
	check_head(r, queue);
	r->is_dirty = true;
	if (prng_chance(&r->rng, 300) && run_commit(r))
		r->is_dirty = false;
	/* Now and then the daemon is restarted cleanly. */
	if (!r->is_dirty && prng_chance(&r->rng, 30)) {
		close_disk(r);
		if (!cut_vfs_is_cut())
			r->swept = r->retired_count;
		open_disk(r);
	}
}

/* Until the end, or until the power is cut. */
static void run_workload(struct run *r)
{
	if (open_disk(r) < 0)
		close_disk(r);
	for (size_t i = 0; i < STEPS && !cut_vfs_is_cut(); i++) {
		if (!r->disk && open_disk(r) < 0)
			close_disk(r);
		if (r->disk)
			run_step(r);
	}
}

/* What a test that has failed left. */
static int tear_down(void **state)
{
	(void)state;
	alloc_fail_in = 0;
	cut_vfs_fail(CUT_OPEN, CUT_FAIL_IO, 0, 0);
	run_end(&the_run);
	return 0;
}

/* ---- power cuts ---- */

/* Whether the disk shows a snapshot, apart from what had been retired by then, which is gone
 * afterwards. */
static bool shows_one_of(struct run *r, size_t oldest)
{
	uint64_t contents = contents_of(r->disk);
	size_t gone = 0;

	for (size_t i = oldest; i <= r->snapshot_count; i++) {
		const struct snapshot *s = i < r->snapshot_count ? &r->snapshots[i] : &r->attempted;
		bool is_changed = false;

		for (; gone < s->retired; gone++) {
			const struct place *p = &r->retired[gone];

			is_changed |= r->disk->ops->remove(r->disk, p->queue, p->seq) == 0;
		}
		if (is_changed)
			contents = contents_of(r->disk);
		if (contents == s->contents)
			return true;
	}
	return false;
}

/* What was swept does not come back. */
static void check_swept(struct run *r)
{
	struct store_entry e;

	for (size_t i = 0; i < r->swept; i++) {
		const struct place *p = &r->retired[i];

		assert_false(r->disk->ops->get(r->disk, p->queue, p->seq, &e));
	}
}

static void check_cut(uint64_t moment, uint64_t seed, bool is_normal)
{
	run_begin(&the_run, is_normal);
	cut_vfs_cut_at(moment);
	run_workload(&the_run);
	/* Closing commits what is left. */
	if (!cut_vfs_is_cut())
		the_run.attempted =
		    (struct snapshot){ contents_of(the_run.ram), the_run.retired_count };
	close_disk(&the_run);
	cut_vfs_restore(seed);
	if (open_disk(&the_run) != 0)
		fail_msg("cut at %llu: the store does not open", (unsigned long long)moment);
	assert_int_equal(warnings, 0);
	if (!is_normal)
		check_swept(&the_run);
	if (!shows_one_of(&the_run, is_normal ? 0 : the_run.snapshot_count - 1))
		fail_msg("cut at %llu, seed %llu: something is missing", (unsigned long long)moment,
		    (unsigned long long)seed);
	if (!is_normal)
		assert_true(the_run.disk->ops->last_seq(the_run.disk) >= the_run.committed_seq);
	run_end(&the_run);
}

static uint64_t moments_of_workload(bool is_normal)
{
	uint64_t moments;

	run_begin(&the_run, is_normal);
	run_workload(&the_run);
	close_disk(&the_run);
	moments = cut_vfs_moments();
	run_end(&the_run);
	return moments;
}

/* At every moment of the workload, over and over with other sectors lost. */
static void test_power_cuts(void **state)
{
	uint64_t moments = moments_of_workload(false);

	(void)state;
	assert_true(moments > 500);
	for (uint64_t i = 0; i < CUTS; i++)
		check_cut(i * 7 % moments + 1, i, false);
}

/* Less is promised: an earlier state, but a whole one. */
static void test_power_cuts_with_normal_durability(void **state)
{
	uint64_t moments = moments_of_workload(true);

	(void)state;
	for (uint64_t i = 0; i < CUTS / 4; i++)
		check_cut(i * 7 % moments + 1, i, true);
}

/* ---- what was retired ---- */

/* The power is cut: what is there then? */
static bool is_there_after_cut(struct run *r, uint64_t seq)
{
	struct store_entry e;

	cut_vfs_cut_at(cut_vfs_moments() + 1);
	close_disk(r);
	cut_vfs_restore(seq);
	assert_int_equal(open_disk(r), 0);
	return r->disk->ops->get(r->disk, 0, seq, &e);
}

static void add_for_broker(struct run *r, uint64_t seq)
{
	const struct store_target t = { .queue = 0, .topic = span_text("t"), .qos = 1 };

	assert_int_equal(r->disk->ops->add(r->disk, seq, 0, span_text("p"), &t, 1), 0);
}

/* It stays on the disk until a commit that is to sweep, or until the end; that a commit comes
 * between, or fails, changes nothing. */
static void test_retired_until_swept(void **state)
{
	struct run *r = &the_run;

	(void)state;
	run_begin(r, false);
	assert_int_equal(open_disk(r), 0);
	for (uint64_t seq = 1; seq <= 4; seq++)
		add_for_broker(r, seq);
	assert_int_equal(r->disk->ops->commit(r->disk), 0);
	assert_int_equal(r->disk->ops->retire(r->disk, 0, 1), 0);
	add_for_broker(r, 5);
	assert_int_equal(r->disk->ops->commit(r->disk), 0);
	assert_true(is_there_after_cut(r, 1));
	assert_int_equal(r->disk->ops->retire(r->disk, 0, 1), 0);
	store_sweep(r->disk);
	cut_vfs_fail(CUT_WRITE, CUT_FAIL_FULL, 1, 1);
	assert_true(r->disk->ops->commit(r->disk) < 0);
	cut_vfs_fail(CUT_WRITE, CUT_FAIL_FULL, 0, 0);
	assert_true(is_there_after_cut(r, 1));
	assert_int_equal(r->disk->ops->retire(r->disk, 0, 1), 0);
	store_sweep(r->disk);
	alloc_fail_in = 1;
	assert_true(r->disk->ops->commit(r->disk) < 0);
	assert_int_equal(r->disk->ops->commit(r->disk), 0);
	assert_false(is_there_after_cut(r, 1));
	assert_int_equal(r->disk->ops->retire(r->disk, 0, 2), 0);
	close_disk(r);
	assert_int_equal(open_disk(r), 0);
	assert_false(is_there_after_cut(r, 2));
	run_end(r);
}

/* One that is not the first of its priority, and what others depend on, goes with any commit. */
static void test_retired_at_once(void **state)
{
	static const struct {
		bool keep_last;
		size_t target_count;
		uint64_t seq;
	} rows[] = { { false, 1, 2 }, { true, 1, 1 }, { false, 2, 1 } };
	struct run *r = &the_run;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct store_target t[2] = { { .queue = 0, .keep_last = rows[i].keep_last },
			{ .queue = 1 } };
		size_t count = rows[i].target_count;

		run_begin(r, false);
		assert_int_equal(open_disk(r), 0);
		for (uint64_t seq = 1; seq <= 3; seq++)
			assert_int_equal(
			    r->disk->ops->add(r->disk, seq, 0, span_text("p"), t, count), 0);
		assert_int_equal(r->disk->ops->retire(r->disk, 0, rows[i].seq), 0);
		assert_int_equal(r->disk->ops->commit(r->disk), 0);
		assert_false(is_there_after_cut(r, rows[i].seq));
		run_end(r);
	}
}

/* ---- failures ---- */

/* Whatever failed before: now it works again, and what should be there is on the disk. */
static void check_after_failures(struct run *r, uint64_t n)
{
	unsigned tries = 0;

	if (!r->disk)
		assert_int_equal(open_disk(r), 0);
	store_sweep(r->disk);
	r->is_sweep_due = true;
	while (!run_commit(r))
		assert_true(++tries < TRIES_MAX);
	if (contents_of(r->disk) != contents_of(r->ram))
		fail_msg("failure %llu: the contents are not what they should be",
		    (unsigned long long)n);
	/* Not one more byte gets to the disk. */
	cut_vfs_cut_at(cut_vfs_moments() + 1);
	r->disk->ops->mark(r->disk, 0, 1, 1, STORE_MAYBE_SENT);
	close_disk(r);
	cut_vfs_restore(n);
	assert_int_equal(open_disk(r), 0);
	assert_int_equal(warnings, 0);
	if (contents_of(r->disk) != contents_of(r->ram))
		fail_msg("failure %llu: committed, and not on the disk", (unsigned long long)n);
}

/* The first ones, where all is set up, one by one; then by larger steps, to save time, or with
 * $CMQTTD_TEST_ALL each of the others, too. */
static uint64_t next_failure(uint64_t n, uint64_t stride)
{
	return n < 120 || getenv("CMQTTD_TEST_ALL") ? n + 1 : n + stride;
}

static void fail_each(enum cut_op op, enum cut_failure how, uint64_t count, uint64_t stride)
{
	uint64_t failures = 1, tested = 0;

	for (uint64_t n = 1; failures > 0; n = next_failure(n, stride)) {
		run_begin(&the_run, false);
		cut_vfs_fail(op, how, n, count);
		run_workload(&the_run);
		failures = cut_vfs_failures();
		cut_vfs_fail(op, how, 0, 0);
		check_after_failures(&the_run, n);
		run_end(&the_run);
		tested += failures > 0;
	}
	assert_true(tested > 0);
}

static void test_nth_write_fails(void **state)
{
	(void)state;
	fail_each(CUT_WRITE, CUT_FAIL_IO, 1, 11);
}

static void test_disk_is_full_for_a_while(void **state)
{
	(void)state;
	fail_each(CUT_WRITE, CUT_FAIL_FULL, 1, 13);
	fail_each(CUT_WRITE, CUT_FAIL_FULL, 30, 17);
}

static void test_nth_sync_fails(void **state)
{
	(void)state;
	fail_each(CUT_SYNC, CUT_FAIL_IO, 1, 1);
	fail_each(CUT_SYNC, CUT_FAIL_IO, 3, 2);
}

static void test_nth_read_fails(void **state)
{
	(void)state;
	fail_each(CUT_READ, CUT_FAIL_IO, 1, 61);
}

static void test_nth_open_fails(void **state)
{
	(void)state;
	fail_each(CUT_OPEN, CUT_FAIL_IO, 1, 1);
}

static void test_nth_allocation_fails(void **state)
{
	uint64_t failures = 1;

	(void)state;
	for (uint64_t n = 1; failures > 0; n = next_failure(n, 499)) {
		run_begin(&the_run, false);
		alloc_failures = 0;
		alloc_fail_in = n;
		run_workload(&the_run);
		failures = alloc_failures;
		alloc_fail_in = 0;
		check_after_failures(&the_run, n);
		run_end(&the_run);
	}
}

/* ---- more than the log takes ---- */

#define LARGE_QUEUES 150 /* with 12 KB each */

static int add_large(struct run *r, uint64_t seq)
{
	static uint8_t topics[LARGE_QUEUES][MQTT_TOPIC_MAX], properties[MQTT_PROPERTIES_MAX];
	static struct store_target targets[LARGE_QUEUES];

	memset(topics, 't', sizeof(topics));
	for (unsigned i = 0; i < LARGE_QUEUES; i++)
		targets[i] = (struct store_target){ .queue = i,
			.topic = { topics[i], MQTT_TOPIC_MAX },
			.properties = { properties, sizeof(properties) - i } };
	return r->disk->ops->add(
	    r->disk, seq, 0, (struct span){ properties, 10 }, targets, LARGE_QUEUES);
}

/* It cannot be done again, so it is on the disk at once, or not there. */
static void test_message_that_the_log_cannot_take(void **state)
{
	const struct store_target small = { .queue = 1 };
	struct run *r = &the_run;
	struct store_entry e;
	unsigned queue;
	char name[16];

	(void)state;
	run_begin(r, false);
	assert_int_equal(open_disk(r), 0);
	for (unsigned i = BROKERS; i < LARGE_QUEUES; i++) {
		snprintf(name, sizeof(name), "%u", i);
		assert_int_equal(r->disk->ops->open_queue(r->disk, name, &queue), 0);
		assert_int_equal(queue, i);
	}
	assert_int_equal(r->disk->ops->add(r->disk, 1, 0, (struct span){ 0 }, &small, 1), 0);
	cut_vfs_fail(CUT_WRITE, CUT_FAIL_FULL, 1, 1);
	assert_int_equal(add_large(r, 2), -EIO);
	assert_int_equal(cut_vfs_failures(), 1);
	cut_vfs_fail(CUT_WRITE, CUT_FAIL_FULL, 0, 0);
	assert_false(r->disk->ops->get(r->disk, 0, 2, &e));
	assert_true(r->disk->ops->get(r->disk, 1, 1, &e));
	assert_int_equal(add_large(r, 2), 0);
	cut_vfs_cut_at(cut_vfs_moments() + 1);
	r->disk->ops->remove(r->disk, 1, 1);
	close_disk(r);
	cut_vfs_restore(1);
	assert_int_equal(open_disk(r), 0);
	assert_true(r->disk->ops->get(r->disk, 1, 1, &e));
	for (unsigned i = 0; i < LARGE_QUEUES; i++) {
		assert_true(r->disk->ops->get(r->disk, i, 2, &e));
		assert_int_equal(e.properties.len, MQTT_PROPERTIES_MAX - i);
	}
	run_end(r);
}

/* ---- recovery, on the system's own disk ---- */

#define SALVAGED 60

static int open_scratch(const char *path, struct store **ret)
{
	const struct store_sqlite_options options = { .path = path, .max_bytes = ROOMY };
	char error[STORE_SQLITE_TEXT_MAX];

	return store_sqlite_open(&options, ret, error);
}

/* A store that has lost its first page. */
static void make_damaged(const char *path)
{
	static const uint8_t nothing[512];
	struct store_target target = { .topic = span_text("some/topic"), .qos = 1 };
	struct store *s;
	FILE *f;

	assert_int_equal(open_scratch(path, &s), 0);
	assert_int_equal(s->ops->open_queue(s, "one", &target.queue), 0);
	for (uint64_t seq = 1; seq <= SALVAGED; seq++)
		assert_int_equal(s->ops->add(s, seq, 9, span_text("payload"), &target, 1), 0);
	assert_int_equal(s->ops->commit(s), 0);
	store_free(s);
	f = fopen(path, "r+");
	assert_non_null(f);
	assert_int_equal(fwrite(nothing, sizeof(nothing), 1, f), 1);
	assert_int_equal(fclose(f), 0);
}

/* Want of memory is no damage: there is all of it afterwards, then or when it is opened again. */
static void test_nth_allocation_fails_in_recovery(void **state)
{
	uint64_t failures = 1;

	for (uint64_t n = 1; failures > 0; n = next_failure(n, 37)) {
		struct store_usage u;
		struct store *s = NULL;
		const char *path;
		int r;

		assert_int_equal(scratch_make(state), 0);
		path = scratch_path("store.db");
		make_damaged(path);
		alloc_failures = 0;
		alloc_fail_in = n;
		r = open_scratch(path, &s);
		failures = alloc_failures;
		alloc_fail_in = 0;
		if (r < 0)
			assert_int_equal(open_scratch(path, &s), 0);
		s->ops->total(s, &u);
		if (u.messages != SALVAGED)
			fail_msg("failure %llu: %llu messages", (unsigned long long)n,
			    (unsigned long long)u.messages);
		store_free(s);
		assert_int_equal(scratch_remove(state), 0);
	}
}

/* Nor is it the end of the rows. */
static void test_nth_allocation_fails_in_walk(void **state)
{
	uint64_t failures = 1, tested = 0;

	assert_int_equal(scratch_make(state), 0);
	make_damaged(scratch_path("store.db"));
	for (uint64_t n = 1; failures > 0; n++) {
		const char *path = scratch_path("store.db");
		struct store_pages pages;
		struct store_walk walk;
		int r;

		alloc_failures = 0;
		alloc_fail_in = n;
		r = store_pages_open(&pages, path);
		store_walk_init(&walk, &pages);
		if (r == 0)
			while ((r = store_walk_next(&walk)) == 1)
				;
		failures = alloc_failures;
		alloc_fail_in = 0;
		assert_int_equal(r, failures > 0 ? -ENOMEM : 0);
		store_walk_fini(&walk);
		store_pages_close(&pages);
		tested += failures > 0;
	}
	assert_true(tested > 2);
	assert_int_equal(scratch_remove(state), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_power_cuts, tear_down),
		cmocka_unit_test_teardown(test_power_cuts_with_normal_durability, tear_down),
		cmocka_unit_test_teardown(test_retired_until_swept, tear_down),
		cmocka_unit_test_teardown(test_retired_at_once, tear_down),
		cmocka_unit_test_teardown(test_message_that_the_log_cannot_take, tear_down),
		cmocka_unit_test_teardown(test_nth_write_fails, tear_down),
		cmocka_unit_test_teardown(test_disk_is_full_for_a_while, tear_down),
		cmocka_unit_test_teardown(test_nth_sync_fails, tear_down),
		cmocka_unit_test_teardown(test_nth_read_fails, tear_down),
		cmocka_unit_test_teardown(test_nth_open_fails, tear_down),
		cmocka_unit_test_teardown(test_nth_allocation_fails, tear_down),
	};
	const struct CMUnitTest recovery_tests[] = {
		cmocka_unit_test(test_nth_allocation_fails_in_recovery),
		cmocka_unit_test(test_nth_allocation_fails_in_walk),
	};
	int failed;

	if (prepare_memory() < 0)
		return 1;
	cut_vfs_install();
	failed = cmocka_run_group_tests_name("store_crash", tests, NULL, NULL);
	cut_vfs_remove();
	return failed + cmocka_run_group_tests_name("recovery", recovery_tests, NULL, NULL);
}
