/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>

struct gate {
	struct store base;
	struct store *inner;
	void (*wait)(void *arg);
	void *arg;
};

/* The store behind it, without waiting. */
static struct store *behind(const struct store *s)
{
	return ((const struct gate *)s)->inner;
}

/* The store behind it, once nobody else uses it. */
static struct store *enter(struct store *s)
{
	struct gate *g = (struct gate *)s;

	g->wait(g->arg);
	return g->inner;
}

static void gate_free(struct store *s)
{
	free(s);
}

static int gate_open_queue(struct store *s, const char *name, unsigned *ret_queue)
{
	struct store *in = enter(s);

	return in->ops->open_queue(in, name, ret_queue);
}

static bool gate_next_queue(struct store *s, int after, unsigned *ret_queue, const char **ret_name)
{
	struct store *in = enter(s);

	return in->ops->next_queue(in, after, ret_queue, ret_name);
}

static int gate_drop_queue(struct store *s, unsigned queue)
{
	struct store *in = enter(s);

	return in->ops->drop_queue(in, queue);
}

static uint64_t gate_last_seq(struct store *s)
{
	return behind(s)->ops->last_seq(behind(s));
}

static int gate_add(struct store *s, uint64_t seq, int64_t accepted_ms, struct span payload,
    const struct store_target *targets, size_t count)
{
	struct store *in = enter(s);

	in->max_bytes = s->max_bytes;
	return in->ops->add(in, seq, accepted_ms, payload, targets, count);
}

static bool gate_head(struct store *s, unsigned queue, struct store_entry *ret)
{
	struct store *in = enter(s);

	return in->ops->head(in, queue, ret);
}

static bool gate_get(struct store *s, unsigned queue, uint64_t seq, struct store_entry *ret)
{
	struct store *in = enter(s);

	return in->ops->get(in, queue, seq, ret);
}

static bool gate_next(
    struct store *s, unsigned queue, bool dead, uint64_t after, struct store_entry *ret)
{
	struct store *in = enter(s);

	return in->ops->next(in, queue, dead, after, ret);
}

static bool gate_find_topic(struct store *s, unsigned queue, struct span topic, uint64_t *ret_seq)
{
	struct store *in = enter(s);

	return in->ops->find_topic(in, queue, topic, ret_seq);
}

static bool gate_oldest(struct store *s, unsigned queue, struct store_entry *ret)
{
	struct store *in = enter(s);

	return in->ops->oldest(in, queue, ret);
}

static int gate_remove(struct store *s, unsigned queue, uint64_t seq)
{
	struct store *in = enter(s);

	return in->ops->remove(in, queue, seq);
}

static int gate_retire(struct store *s, unsigned queue, uint64_t seq)
{
	struct store *in = enter(s);

	return in->ops->retire(in, queue, seq);
}

static void gate_sweep(struct store *s)
{
	store_sweep(enter(s));
}

static int gate_mark(
    struct store *s, unsigned queue, uint64_t seq, uint8_t tries, enum store_state state)
{
	struct store *in = enter(s);

	return in->ops->mark(in, queue, seq, tries, state);
}

static int gate_bury(struct store *s, unsigned queue, uint64_t seq, const char *reason)
{
	struct store *in = enter(s);

	return in->ops->bury(in, queue, seq, reason);
}

static int gate_revive(struct store *s, unsigned queue, uint64_t seq)
{
	struct store *in = enter(s);

	return in->ops->revive(in, queue, seq);
}

static int gate_put_note(
    struct store *s, unsigned queue, enum store_note kind, struct span key, struct span value)
{
	struct store *in = enter(s);

	return in->ops->put_note(in, queue, kind, key, value);
}

static int gate_drop_note(struct store *s, unsigned queue, enum store_note kind, struct span key)
{
	struct store *in = enter(s);

	return in->ops->drop_note(in, queue, kind, key);
}

static bool gate_next_note(struct store *s, unsigned queue, enum store_note kind, struct span after,
    struct span *ret_key, struct span *ret_value)
{
	struct store *in = enter(s);

	return in->ops->next_note(in, queue, kind, after, ret_key, ret_value);
}

static int gate_prepare(struct store *s)
{
	struct store *in = enter(s);

	return in->ops->prepare ? in->ops->prepare(in) : 0;
}

static int gate_commit(struct store *s)
{
	struct store *in = enter(s);

	return in->ops->commit(in);
}

static const char *gate_error(struct store *s)
{
	return store_error(enter(s));
}

static void gate_usage(struct store *s, unsigned queue, struct store_usage *ret)
{
	behind(s)->ops->usage(behind(s), queue, ret);
}

static void gate_total(struct store *s, struct store_usage *ret)
{
	behind(s)->ops->total(behind(s), ret);
}

static int gate_free_bytes(struct store *s, uint64_t *ret)
{
	const struct store_ops *ops = behind(s)->ops;

	return ops->free_bytes ? ops->free_bytes(behind(s), ret) : -ENOTSUP;
}

static const struct store_ops gate_ops = {
	.free = gate_free,
	.open_queue = gate_open_queue,
	.next_queue = gate_next_queue,
	.drop_queue = gate_drop_queue,
	.last_seq = gate_last_seq,
	.add = gate_add,
	.head = gate_head,
	.get = gate_get,
	.next = gate_next,
	.find_topic = gate_find_topic,
	.oldest = gate_oldest,
	.remove = gate_remove,
	.retire = gate_retire,
	.sweep = gate_sweep,
	.mark = gate_mark,
	.bury = gate_bury,
	.revive = gate_revive,
	.put_note = gate_put_note,
	.drop_note = gate_drop_note,
	.next_note = gate_next_note,
	.prepare = gate_prepare,
	.commit = gate_commit,
	.error = gate_error,
	.usage = gate_usage,
	.total = gate_total,
	.free_bytes = gate_free_bytes,
};

struct store *store_gate_new(struct store *inner, void (*wait)(void *arg), void *arg)
{
	struct gate *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->base = (struct store){ .ops = &gate_ops, .max_bytes = inner->max_bytes };
	g->inner = inner;
	g->wait = wait;
	g->arg = arg;
	return &g->base;
}
