/* SPDX-License-Identifier: Apache-2.0 */
#include "undo_store.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum change_kind {
	ADD,
	REMOVE,
	RETIRE,
	MARK,
	BURY,
	REVIVE,
	OPEN_QUEUE,
	DROP_QUEUE,
	PUT_NOTE,
	DROP_NOTE
};

/* One call, with copies of what its spans and texts point to. */
struct undo_change {
	enum change_kind kind;
	unsigned queue;
	uint64_t seq;
	int64_t accepted_ms;
	uint8_t tries;
	enum store_state state;
	enum store_note note;
	struct span first, second; /* payload; name; reason; key and value */
	struct store_target *targets;
	size_t target_count;
};

static struct undo_store *undo(struct store *s)
{
	return (struct undo_store *)s;
}

static struct span copy_span(struct span s)
{
	uint8_t *copy = malloc(s.len + 1);

	assert(copy);
	if (s.len > 0)
		memcpy(copy, s.data, s.len);
	copy[s.len] = '\0';
	return (struct span){ copy, s.len };
}

static void free_span(struct span s)
{
	free((void *)(uintptr_t)s.data);
}

static void free_change(struct undo_change *c)
{
	free_span(c->first);
	free_span(c->second);
	for (size_t i = 0; i < c->target_count; i++) {
		free_span(c->targets[i].topic);
		free_span(c->targets[i].properties);
	}
	free(c->targets);
}

/* Note what was done, if it was. */
static int done(struct undo_store *s, int r, struct undo_change c)
{
	if (r < 0)
		return r;
	if (s->count == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 64;
		s->changes = realloc(s->changes, s->cap * sizeof(*s->changes));
		assert(s->changes);
	}
	c.first = copy_span(c.first);
	c.second = copy_span(c.second);
	s->changes[s->count++] = c;
	return r;
}

static void redo(struct undo_store *s, const struct undo_change *c)
{
	const struct store_ops *ops = s->real->ops;
	const char *text = (const char *)c->first.data;
	unsigned queue;
	int r = -EINVAL;

	switch (c->kind) {
	case ADD:
		r = ops->add(
		    s->real, c->seq, c->accepted_ms, c->first, c->targets, c->target_count);
		break;
	case REMOVE:
	case RETIRE:
		r = ops->remove(s->real, c->queue, c->seq);
		break;
	case MARK:
		r = ops->mark(s->real, c->queue, c->seq, c->tries, c->state);
		break;
	case BURY:
		r = ops->bury(s->real, c->queue, c->seq, text);
		break;
	case REVIVE:
		r = ops->revive(s->real, c->queue, c->seq);
		break;
	case OPEN_QUEUE:
		r = ops->open_queue(s->real, text, &queue);
		assert(queue == c->queue);
		break;
	case DROP_QUEUE:
		r = ops->drop_queue(s->real, c->queue);
		break;
	case PUT_NOTE:
		r = ops->put_note(s->real, c->queue, c->note, c->first, c->second);
		break;
	case DROP_NOTE:
		r = ops->drop_note(s->real, c->queue, c->note, c->first);
		break;
	}
	assert(r == 0);
}

/* What was not committed, and what was retired and not swept. */
static void forget(struct undo_store *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->count; i++) {
		struct undo_change *c = &s->changes[i];

		if (i >= (c->kind == RETIRE ? s->swept : s->committed))
			free_change(c);
		else
			s->changes[kept++] = *c;
	}
	s->count = s->committed = s->swept = kept;
	s->is_sweep_due = false;
}

void undo_store_crash(struct undo_store *s)
{
	uint64_t max_bytes = s->base.max_bytes;

	forget(s);
	store_free(s->real);
	/* What was taken at another limit is there all the same. */
	s->real = store_ram_new(UINT64_MAX);
	assert(s->real);
	for (size_t i = 0; i < s->count; i++)
		redo(s, &s->changes[i]);
	s->real->max_bytes = max_bytes;
}

static size_t chunk_of(const void *p)
{
	return p ? malloc_usable_size((void *)(uintptr_t)p) + sizeof(size_t) : 0;
}

size_t undo_store_memory(const struct undo_store *s)
{
	size_t bytes = chunk_of(s->changes);

	for (size_t i = 0; i < s->count; i++) {
		const struct undo_change *c = &s->changes[i];

		bytes += chunk_of(c->first.data) + chunk_of(c->second.data) + chunk_of(c->targets);
		for (size_t k = 0; k < c->target_count; k++)
			bytes += chunk_of(c->targets[k].topic.data) +
				 chunk_of(c->targets[k].properties.data);
	}
	return bytes;
}

/* ---- the interface ---- */

static void undo_free(struct store *s)
{
	(void)s;
}

static int undo_open_queue(struct store *s, const char *name, unsigned *ret_queue)
{
	struct undo_store *u = undo(s);
	int r = u->real->ops->open_queue(u->real, name, ret_queue);

	if (r < 0)
		return r;
	return done(u, r,
	    (struct undo_change){
		.kind = OPEN_QUEUE, .queue = *ret_queue, .first = span_text(name) });
}

static bool undo_next_queue(struct store *s, int after, unsigned *ret_queue, const char **ret_name)
{
	return undo(s)->real->ops->next_queue(undo(s)->real, after, ret_queue, ret_name);
}

static int undo_drop_queue(struct store *s, unsigned queue)
{
	struct store *real = undo(s)->real;

	return done(undo(s), real->ops->drop_queue(real, queue),
	    (struct undo_change){ .kind = DROP_QUEUE, .queue = queue });
}

static uint64_t undo_last_seq(struct store *s)
{
	return undo(s)->real->ops->last_seq(undo(s)->real);
}

static int undo_add(struct store *s, uint64_t seq, int64_t accepted_ms, struct span payload,
    const struct store_target *targets, size_t count)
{
	struct store *real = undo(s)->real;
	struct undo_change c = { .kind = ADD,
		.seq = seq,
		.accepted_ms = accepted_ms,
		.first = payload,
		.target_count = count };
	int r;

	real->max_bytes = s->max_bytes;
	r = real->ops->add(real, seq, accepted_ms, payload, targets, count);
	if (r < 0)
		return r;
	c.targets = calloc(count, sizeof(*targets));
	assert(c.targets);
	for (size_t i = 0; i < count; i++) {
		c.targets[i] = targets[i];
		c.targets[i].topic = copy_span(targets[i].topic);
		c.targets[i].properties = copy_span(targets[i].properties);
	}
	return done(undo(s), r, c);
}

static bool undo_head(struct store *s, unsigned queue, struct store_entry *ret)
{
	return undo(s)->real->ops->head(undo(s)->real, queue, ret);
}

static bool undo_get(struct store *s, unsigned queue, uint64_t seq, struct store_entry *ret)
{
	return undo(s)->real->ops->get(undo(s)->real, queue, seq, ret);
}

static bool undo_next(
    struct store *s, unsigned queue, bool dead, uint64_t after, struct store_entry *ret)
{
	return undo(s)->real->ops->next(undo(s)->real, queue, dead, after, ret);
}

static bool undo_find_topic(struct store *s, unsigned queue, struct span topic, uint64_t *ret_seq)
{
	return undo(s)->real->ops->find_topic(undo(s)->real, queue, topic, ret_seq);
}

static bool undo_oldest(struct store *s, unsigned queue, struct store_entry *ret)
{
	return undo(s)->real->ops->oldest(undo(s)->real, queue, ret);
}

static int undo_remove(struct store *s, unsigned queue, uint64_t seq)
{
	struct store *real = undo(s)->real;

	return done(undo(s), real->ops->remove(real, queue, seq),
	    (struct undo_change){ .kind = REMOVE, .queue = queue, .seq = seq });
}

static int undo_retire(struct store *s, unsigned queue, uint64_t seq)
{
	struct store *real = undo(s)->real;

	return done(undo(s), real->ops->retire(real, queue, seq),
	    (struct undo_change){ .kind = RETIRE, .queue = queue, .seq = seq });
}

static void undo_sweep(struct store *s)
{
	undo(s)->is_sweep_due = true;
}

static int undo_mark(
    struct store *s, unsigned queue, uint64_t seq, uint8_t tries, enum store_state state)
{
	struct store *real = undo(s)->real;

	return done(undo(s), real->ops->mark(real, queue, seq, tries, state),
	    (struct undo_change){
		.kind = MARK, .queue = queue, .seq = seq, .tries = tries, .state = state });
}

static int undo_bury(struct store *s, unsigned queue, uint64_t seq, const char *reason)
{
	struct store *real = undo(s)->real;

	return done(undo(s), real->ops->bury(real, queue, seq, reason),
	    (struct undo_change){
		.kind = BURY, .queue = queue, .seq = seq, .first = span_text(reason) });
}

static int undo_revive(struct store *s, unsigned queue, uint64_t seq)
{
	struct store *real = undo(s)->real;

	return done(undo(s), real->ops->revive(real, queue, seq),
	    (struct undo_change){ .kind = REVIVE, .queue = queue, .seq = seq });
}

static int undo_put_note(
    struct store *s, unsigned queue, enum store_note kind, struct span key, struct span value)
{
	struct store *real = undo(s)->real;

	return done(undo(s), real->ops->put_note(real, queue, kind, key, value),
	    (struct undo_change){
		.kind = PUT_NOTE, .queue = queue, .note = kind, .first = key, .second = value });
}

static int undo_drop_note(struct store *s, unsigned queue, enum store_note kind, struct span key)
{
	struct undo_store *u = undo(s);
	struct span copy = copy_span(key); /* it may be the store's own */
	int r = done(u, u->real->ops->drop_note(u->real, queue, kind, copy),
	    (struct undo_change){ .kind = DROP_NOTE, .queue = queue, .note = kind, .first = copy });

	free_span(copy);
	return r;
}

static bool undo_next_note(struct store *s, unsigned queue, enum store_note kind, struct span after,
    struct span *ret_key, struct span *ret_value)
{
	struct store *real = undo(s)->real;

	return real->ops->next_note(real, queue, kind, after, ret_key, ret_value);
}

static int undo_commit(struct store *s)
{
	struct undo_store *u = undo(s);

	if (u->fails)
		return -EIO;
	u->committed = u->count;
	if (u->is_sweep_due)
		u->swept = u->count;
	u->is_sweep_due = false;
	u->commits++;
	return 0;
}

static void undo_usage(struct store *s, unsigned queue, struct store_usage *ret)
{
	undo(s)->real->ops->usage(undo(s)->real, queue, ret);
}

static void undo_total(struct store *s, struct store_usage *ret)
{
	undo(s)->real->ops->total(undo(s)->real, ret);
}

static const struct store_ops undo_ops = {
	.free = undo_free,
	.open_queue = undo_open_queue,
	.next_queue = undo_next_queue,
	.drop_queue = undo_drop_queue,
	.last_seq = undo_last_seq,
	.add = undo_add,
	.head = undo_head,
	.get = undo_get,
	.next = undo_next,
	.find_topic = undo_find_topic,
	.oldest = undo_oldest,
	.remove = undo_remove,
	.retire = undo_retire,
	.sweep = undo_sweep,
	.mark = undo_mark,
	.bury = undo_bury,
	.revive = undo_revive,
	.put_note = undo_put_note,
	.drop_note = undo_drop_note,
	.next_note = undo_next_note,
	.commit = undo_commit,
	.usage = undo_usage,
	.total = undo_total,
};

void undo_store_init(struct undo_store *s, uint64_t max_bytes)
{
	*s = (struct undo_store){
		.base = { .ops = &undo_ops, .max_bytes = max_bytes },
		.real = store_ram_new(max_bytes),
	};
	assert(s->real);
}

void undo_store_fini(struct undo_store *s)
{
	while (s->count > 0)
		free_change(&s->changes[--s->count]);
	free(s->changes);
	store_free(s->real);
	*s = (struct undo_store){ 0 };
}
