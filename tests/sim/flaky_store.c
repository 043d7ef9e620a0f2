/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/flaky_store.h"

#include "sim/world.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static struct flaky_store *flaky(struct store *s)
{
	return (struct flaky_store *)s;
}

/* Queues are opened in the order of the brokers, before all others. */
static bool is_broker(unsigned queue)
{
	return queue < SIM_BROKERS;
}

static int flaky_add(struct store *s, uint64_t seq, int64_t accepted_ms, struct span payload,
    const struct store_target *targets, size_t count)
{
	struct flaky_store *f = flaky(s);
	struct message *m;
	unsigned brokers = 0;
	int r = f->undo_ops->add(s, seq, accepted_ms, payload, targets, count);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		brokers += is_broker(targets[i].queue);
	f->double_adds += brokers == 2;
	m = ledger_find(f->world, targets[0].topic, payload);
	if (m)
		ledger_taken(f->world, m);
	if (m && brokers > 0)
		ledger_added(f->world, m);
	f->added_ms[seq % FLAKY_AGES] = f->world->now_ms;
	assert(f->uncommitted_count < FLAKY_UNCOMMITTED_MAX);
	if (m)
		f->uncommitted[f->uncommitted_count++] = m->number;
	return 0;
}

/* ---- what operators change ---- */

static struct flaky_change *find_change(struct flaky_store *f, unsigned queue, uint64_t seq)
{
	for (size_t i = 0; i < f->change_count; i++) {
		if (f->changes[i].queue == queue && f->changes[i].seq == seq)
			return &f->changes[i];
	}
	return NULL;
}

static void forget_change(struct flaky_store *f, unsigned queue, uint64_t seq)
{
	struct flaky_change *c = find_change(f, queue, seq);

	if (!c)
		return;
	f->change_count--;
	memmove(c, c + 1, (size_t)(f->changes + f->change_count - c) * sizeof(*c));
}

static void note_change(struct flaky_store *f, unsigned queue, uint64_t seq, bool is_drop)
{
	forget_change(f, queue, seq);
	if (f->change_count == FLAKY_CHANGES_MAX)
		forget_change(f, f->changes[0].queue, f->changes[0].seq);
	f->changes[f->change_count++] =
	    (struct flaky_change){ .queue = queue, .seq = seq, .is_drop = is_drop };
}

bool flaky_store_has_changes(const struct flaky_store *s)
{
	return s->change_count > 0 && !s->changes[s->change_count - 1].is_committed;
}

void flaky_store_told(struct flaky_store *s, unsigned queue, uint64_t seq)
{
	const struct flaky_change *c = find_change(s, queue, seq);

	if (c && !c->is_committed)
		world_wrong(s->world,
		    "message %llu of broker %u was said to be %s before the commit",
		    (unsigned long long)seq, queue, c->is_drop ? "dropped" : "put back");
}

/* After a crash. */
static void check_changes(struct flaky_store *s)
{
	struct store *real = s->undo.real;
	struct store_entry e;

	for (size_t i = 0; i < s->change_count; i++) {
		const struct flaky_change *c = &s->changes[i];

		if (!c->is_committed || !real->ops->get(real, c->queue, c->seq, &e))
			continue;
		if (c->is_drop || e.reason)
			world_wrong(s->world, "message %llu of broker %u is %s again",
			    (unsigned long long)c->seq, c->queue, c->is_drop ? "there" : "dead");
	}
	s->change_count = 0;
}

/* ---- the interface ---- */

static void note_removed(struct store *s, unsigned queue, uint64_t seq)
{
	struct flaky_store *f = flaky(s);
	struct store_entry e;
	struct message *m = NULL;
	uint64_t age_ms = f->world->now_ms - f->added_ms[seq % FLAKY_AGES];
	bool is_by_hand = is_broker(queue) && fake_operator_drops(f->world, queue, seq);

	if (f->undo_ops->get(s, queue, seq, &e) && !e.reason)
		m = ledger_find(f->world, e.topic, e.payload);
	if (m && is_broker(queue))
		ledger_removed(f->world, queue, m, age_ms, is_by_hand);
	else if (m)
		ledger_forgotten(f->world, m);
	if (is_by_hand)
		note_change(f, queue, seq, true);
}

static int flaky_remove(struct store *s, unsigned queue, uint64_t seq)
{
	note_removed(s, queue, seq);
	return flaky(s)->undo_ops->remove(s, queue, seq);
}

static int flaky_retire(struct store *s, unsigned queue, uint64_t seq)
{
	note_removed(s, queue, seq);
	return flaky(s)->undo_ops->retire(s, queue, seq);
}

static int flaky_bury(struct store *s, unsigned queue, uint64_t seq, const char *reason)
{
	struct flaky_store *f = flaky(s);
	struct store_entry e;
	struct message *m = NULL;

	if (f->undo_ops->get(s, queue, seq, &e))
		m = ledger_find(f->world, e.topic, e.payload);
	if (m && is_broker(queue))
		m->is_dead[queue] = true;
	forget_change(f, queue, seq);
	world_note(f->world, "message %u is buried: %s", m ? m->number : 0, reason);
	return f->undo_ops->bury(s, queue, seq, reason);
}

static int flaky_revive(struct store *s, unsigned queue, uint64_t seq)
{
	struct flaky_store *f = flaky(s);
	int r = f->undo_ops->revive(s, queue, seq);

	if (r < 0)
		return r;
	f->revived++;
	note_change(f, queue, seq, false);
	return 0;
}

static int flaky_commit(struct store *s)
{
	struct flaky_store *f = flaky(s);
	struct store *real = f->undo.real;
	int r;

	if (prng_chance(&f->world->rng, f->fail_permille)) {
		world_note(f->world, "commit fails");
		return -EIO;
	}
	r = f->disk ? real->ops->commit(real) : f->undo_ops->commit(s);
	if (r < 0)
		return r;
	for (size_t i = 0; i < f->uncommitted_count; i++)
		f->world->ledger.messages[f->uncommitted[i] - 1].is_committed = true;
	f->uncommitted_count = 0;
	for (size_t i = 0; i < f->change_count; i++)
		f->changes[i].is_committed = true;
	return 0;
}

/* The worker has done it, before or because somebody waits for it. */
static void wait_for_commit(void *arg)
{
	struct flaky_store *s = arg;

	if (!s->is_committing || s->has_committed)
		return;
	s->has_committed = true;
	s->commit_result = s->undo.base.ops->commit(&s->undo.base);
}

void flaky_store_commit(struct flaky_store *s)
{
	assert(!s->is_committing);
	s->is_committing = true;
	s->has_committed = false;
	s->commit_end_ms = s->world->now_ms + prng_range(&s->rng, 0, s->commit_max_ms);
}

uint64_t flaky_store_deadline(const struct flaky_store *s)
{
	return s->is_committing ? s->commit_end_ms : TIMER_NEVER;
}

bool flaky_store_end_commit(struct flaky_store *s, int *ret)
{
	wait_for_commit(s);
	s->is_committing = false;
	*ret = s->commit_result;
	return !flaky_store_is_killed(s);
}

/* The disk alone knows what was committed; what the undo store notes is of no use then. */
static void open_disk(struct flaky_store *s)
{
	store_free(s->undo.real);
	s->undo.real = s->disk->open(s->undo.base.max_bytes);
	assert(s->undo.real);
}

void flaky_store_init(
    struct flaky_store *s, struct world *w, const struct sim_disk *disk, uint64_t max_bytes)
{
	*s = (struct flaky_store){ .world = w, .disk = disk };
	undo_store_init(&s->undo, max_bytes);
	if (disk)
		open_disk(s);
	s->undo_ops = s->undo.base.ops;
	s->ops = *s->undo_ops;
	s->ops.add = flaky_add;
	s->ops.remove = flaky_remove;
	s->ops.retire = flaky_retire;
	s->ops.bury = flaky_bury;
	s->ops.revive = flaky_revive;
	s->ops.commit = flaky_commit;
	s->undo.base.ops = &s->ops;
	s->gate = store_gate_new(&s->undo.base, wait_for_commit, s);
	assert(s->gate);
	prng_init(&s->rng, w->p.seed ^ UINT64_C(0x51055));
	s->commit_max_ms = w->p.commit_max_ms;
}

void flaky_store_fini(struct flaky_store *s)
{
	store_free(s->gate);
	undo_store_fini(&s->undo);
}

/* A commit that was cut off may have been done all the same. */
static void note_committed(struct flaky_store *s)
{
	struct store *real = s->undo.real;
	const char *name;
	unsigned queue;
	int after = -1;

	while (real->ops->next_queue(real, after, &queue, &name)) {
		struct store_entry e = { 0 };

		after = (int)queue;
		while (real->ops->next(real, queue, false, e.seq, &e)) {
			struct message *m = ledger_find(s->world, e.topic, e.payload);

			if (m)
				m->is_committed = true;
		}
	}
}

bool flaky_store_is_killed(const struct flaky_store *s)
{
	return s->disk && s->disk->is_killed();
}

void flaky_store_crash(struct flaky_store *s)
{
	if (s->disk) {
		s->disk->kill();
		open_disk(s);
		note_committed(s);
	} else {
		undo_store_crash(&s->undo);
	}
	for (size_t i = 0; i < s->uncommitted_count; i++)
		ledger_untaken(s->world, s->uncommitted[i]);
	s->uncommitted_count = 0;
	check_changes(s);
}
