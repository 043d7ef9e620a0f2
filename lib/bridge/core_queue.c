/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queues by hand: what waits for a broker, on disk and in memory, and its dead letters.
 */
#include "bridge/core_priv.h"

#include <errno.h>

/* The smaller one of two numbers, where 0 is none. */
static uint64_t first_of(uint64_t a, uint64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

static uint64_t next_in(struct store *s, unsigned queue, bool dead, uint64_t after)
{
	struct store_entry e;

	return s->ops->next(s, queue, dead, after, &e) ? e.seq : 0;
}

uint64_t core_next_message(const struct core *c, unsigned client, uint64_t after)
{
	const struct outbox *o = &c->outbox[client];
	uint64_t waiting = next_in(o->durable, o->durable_queue, false, after);
	uint64_t dead = next_in(o->durable, o->durable_queue, true, after);
	uint64_t memory = next_in(o->memory, o->memory_queue, false, after);

	return first_of(first_of(waiting, dead), memory);
}

static bool get_message(
    const struct core *c, unsigned client, uint64_t id, struct queued_message *ret)
{
	const struct outbox *o = &c->outbox[client];
	struct queued_message m = { 0 };

	if (!o->durable->ops->get(o->durable, o->durable_queue, id, &m.entry)) {
		m.is_in_memory = true;
		if (!o->memory->ops->get(o->memory, o->memory_queue, id, &m.entry))
			return false;
	}
	m.is_in_flight = outbox_is_in_flight(o, id);
	*ret = m;
	return true;
}

bool core_get_message(
    const struct core *c, unsigned client, uint64_t id, struct queued_message *ret)
{
	int64_t ahead_ms;

	if (!get_message(c, client, id, ret))
		return false;
	/* The store has a time of its own. */
	ahead_ms = core_wall(c) - store_clock_now_for(&c->store_clock, c->now_ms, id);
	ret->entry.accepted_ms += ahead_ms;
	ret->entry.expires_ms += ret->entry.expires_ms != 0 ? ahead_ms : 0;
	return true;
}

/* It was changed on disk: who asked for it is answered when that is committed. */
static int await_commit(struct core *c, uint32_t conn)
{
	c->is_store_dirty = true;
	core_add_waiter(c, conn, 0, 0);
	return -EINPROGRESS;
}

int core_drop_message(struct core *c, uint64_t now_ms, uint32_t conn, unsigned client, uint64_t id)
{
	struct outbox *o = &c->outbox[client];
	struct queued_message m;
	uint8_t bytes[ROUTER_TOPIC_MAX];
	struct span topic;
	int r;

	c->now_ms = now_ms;
	if (!get_message(c, client, id, &m))
		return -ENOENT;
	if (m.is_in_flight)
		return -EBUSY;
	topic = core_keep_topic(m.entry.topic, bytes);
	r = outbox_remove(o, &m.entry, m.is_in_memory);
	if (r < 0)
		return r;
	core_count_drop(c, client, m.entry.reason ? DROP_DEAD_LETTER : DROP_BY_HAND, topic);
	core_note_removed(c, client, id, 0, "dropped by hand");
	return m.is_in_memory ? 0 : await_commit(c, conn);
}

int core_retry_message(struct core *c, uint64_t now_ms, uint32_t conn, unsigned client, uint64_t id)
{
	struct outbox *o = &c->outbox[client];
	struct queued_message m;
	int r;

	c->now_ms = now_ms;
	if (!get_message(c, client, id, &m))
		return -ENOENT;
	if (!m.entry.reason)
		return -EALREADY;
	if (!core_fits_modem(c, m.entry.topic.len, m.entry.payload.len))
		return -E2BIG;
	/* It would be dropped as soon as it is at the head of the queue. */
	if (core_is_too_old(c, &m.entry))
		return -ETIME;
	r = o->durable->ops->revive(o->durable, o->durable_queue, id);
	return r < 0 ? r : await_commit(c, conn);
}
