/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/flaky_store.h"

#include "sim/world.h"

#include <assert.h>
#include <errno.h>

static struct flaky_store *flaky(struct store *s)
{
	return (struct flaky_store *)s;
}

/* It lives in the world. */
static void flaky_free(struct store *s)
{
	(void)s;
}

static int flaky_open_queue(struct store *s, const char *name, unsigned *ret_queue)
{
	return flaky(s)->real->ops->open_queue(flaky(s)->real, name, ret_queue);
}

static bool flaky_next_queue(struct store *s, int after, unsigned *ret_queue, const char **ret_name)
{
	return flaky(s)->real->ops->next_queue(flaky(s)->real, after, ret_queue, ret_name);
}

static int flaky_drop_queue(struct store *s, unsigned queue)
{
	return flaky(s)->real->ops->drop_queue(flaky(s)->real, queue);
}

static uint64_t flaky_last_seq(struct store *s)
{
	return flaky(s)->real->ops->last_seq(flaky(s)->real);
}

static int flaky_add(struct store *s, uint64_t seq, int64_t accepted_ms, struct span payload,
    const struct store_target *targets, size_t count)
{
	struct flaky_store *f = flaky(s);
	const struct message *m;
	int r;

	f->real->max_bytes = s->max_bytes;
	r = f->real->ops->add(f->real, seq, accepted_ms, payload, targets, count);
	if (r < 0)
		return r;
	assert(f->uncommitted_count < FLAKY_UNCOMMITTED_MAX);
	m = ledger_find(f->world, targets[0].topic, payload);
	f->uncommitted[f->uncommitted_count].seq = seq;
	f->uncommitted[f->uncommitted_count++].number = m ? m->number : 0;
	f->adds += count;
	f->double_adds += count == 2;
	return 0;
}

static bool flaky_head(struct store *s, unsigned queue, struct store_entry *ret)
{
	return flaky(s)->real->ops->head(flaky(s)->real, queue, ret);
}

static bool flaky_get(struct store *s, unsigned queue, uint64_t seq, struct store_entry *ret)
{
	return flaky(s)->real->ops->get(flaky(s)->real, queue, seq, ret);
}

static bool flaky_next(
    struct store *s, unsigned queue, bool dead, uint64_t after, struct store_entry *ret)
{
	return flaky(s)->real->ops->next(flaky(s)->real, queue, dead, after, ret);
}

static bool flaky_find_topic(struct store *s, unsigned queue, struct span topic, uint64_t *ret_seq)
{
	return flaky(s)->real->ops->find_topic(flaky(s)->real, queue, topic, ret_seq);
}

static bool flaky_oldest(struct store *s, unsigned queue, struct store_entry *ret)
{
	return flaky(s)->real->ops->oldest(flaky(s)->real, queue, ret);
}

static int flaky_remove(struct store *s, unsigned queue, uint64_t seq)
{
	return flaky(s)->real->ops->remove(flaky(s)->real, queue, seq);
}

static int flaky_mark(
    struct store *s, unsigned queue, uint64_t seq, uint8_t tries, enum store_state state)
{
	return flaky(s)->real->ops->mark(flaky(s)->real, queue, seq, tries, state);
}

static int flaky_bury(struct store *s, unsigned queue, uint64_t seq, const char *reason)
{
	struct store *real = flaky(s)->real;
	struct store_entry e;
	struct message *m = NULL;

	if (real->ops->get(real, queue, seq, &e))
		m = ledger_find(flaky(s)->world, e.topic, e.payload);
	/* Queues are opened in the order of the brokers. */
	if (m && queue < SIM_BROKERS)
		m->is_dead[queue] = true;
	world_note(flaky(s)->world, "message %u is buried: %s", m ? m->number : 0, reason);
	return real->ops->bury(real, queue, seq, reason);
}

static int flaky_revive(struct store *s, unsigned queue, uint64_t seq)
{
	return flaky(s)->real->ops->revive(flaky(s)->real, queue, seq);
}

static int flaky_put_note(
    struct store *s, unsigned queue, enum store_note kind, struct span key, struct span value)
{
	return flaky(s)->real->ops->put_note(flaky(s)->real, queue, kind, key, value);
}

static int flaky_drop_note(struct store *s, unsigned queue, enum store_note kind, struct span key)
{
	return flaky(s)->real->ops->drop_note(flaky(s)->real, queue, kind, key);
}

static bool flaky_next_note(struct store *s, unsigned queue, enum store_note kind,
    struct span after, struct span *ret_key, struct span *ret_value)
{
	struct store *real = flaky(s)->real;

	return real->ops->next_note(real, queue, kind, after, ret_key, ret_value);
}

static int flaky_commit(struct store *s)
{
	struct flaky_store *f = flaky(s);

	if (prng_chance(&f->world->rng, f->fail_permille)) {
		world_note(f->world, "commit fails");
		return -EIO;
	}
	for (size_t i = 0; i < f->uncommitted_count; i++) {
		if (f->uncommitted[i].number > 0)
			f->world->ledger.messages[f->uncommitted[i].number - 1].is_committed = true;
	}
	f->uncommitted_count = 0;
	return f->real->ops->commit(f->real);
}

static void flaky_usage(struct store *s, unsigned queue, struct store_usage *ret)
{
	flaky(s)->real->ops->usage(flaky(s)->real, queue, ret);
}

static void flaky_total(struct store *s, struct store_usage *ret)
{
	flaky(s)->real->ops->total(flaky(s)->real, ret);
}

static const struct store_ops flaky_ops = {
	.free = flaky_free,
	.open_queue = flaky_open_queue,
	.next_queue = flaky_next_queue,
	.drop_queue = flaky_drop_queue,
	.last_seq = flaky_last_seq,
	.add = flaky_add,
	.head = flaky_head,
	.get = flaky_get,
	.next = flaky_next,
	.find_topic = flaky_find_topic,
	.oldest = flaky_oldest,
	.remove = flaky_remove,
	.mark = flaky_mark,
	.bury = flaky_bury,
	.revive = flaky_revive,
	.put_note = flaky_put_note,
	.drop_note = flaky_drop_note,
	.next_note = flaky_next_note,
	.commit = flaky_commit,
	.usage = flaky_usage,
	.total = flaky_total,
};

void flaky_store_init(struct flaky_store *s, struct world *w, uint64_t max_bytes)
{
	*s = (struct flaky_store){
		.base = { .ops = &flaky_ops, .max_bytes = max_bytes },
		.real = store_ram_new(max_bytes),
		.world = w,
	};
	assert(s->real);
}

void flaky_store_fini(struct flaky_store *s)
{
	store_free(s->real);
	s->real = NULL;
}

void flaky_store_crash(struct flaky_store *s)
{
	for (size_t i = 0; i < s->uncommitted_count; i++) {
		for (unsigned queue = 0; queue < SIM_BROKERS; queue++)
			s->real->ops->remove(s->real, queue, s->uncommitted[i].seq);
	}
	s->uncommitted_count = 0;
}
