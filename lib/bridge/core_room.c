/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room in the store: for which message there is some, and what leaves for it. The last resort is
 * the publisher, who is held or refused (core_accept.c).
 */
#include "bridge/core_priv.h"

#include <errno.h>
#include <stdio.h>

#define RESERVED_PART 8 /* of max_bytes: one in so many is kept for higher priorities */
#define STEADY_PART   8 /* of what may be taken so much is free again before there is room again */

/* ---- is there room? ---- */

/* What a message needs of the store. */
struct demand {
	uint64_t size; /* as the store counts: topics, and the payload once */
	size_t targets;
	uint8_t priority;
	uint64_t limit;  /* how full the store may be with it */
	uint64_t freed;  /* bytes of what was dropped for it */
	uint64_t before; /* bytes in the store when it came */
};

/* The highest priority that a route to a broker has. */
static unsigned top_priority(const struct core_config *cfg)
{
	unsigned top = 0;

	for (size_t i = 0; i < cfg->broker_count; i++) {
		const struct core_broker *b = &cfg->brokers[i];

		for (size_t k = 0; k < b->route_count; k++) {
			if (b->routes[k].direction != ROUTE_IN && b->routes[k].priority > top)
				top = b->routes[k].priority;
		}
	}
	return top;
}

/* A backlog of low priority leaves room for higher ones: an eighth is out of reach for priority 0,
 * less in equal steps for those above it, nothing for the highest one that a route has. */
static uint64_t limit_of(const struct core *c, unsigned priority)
{
	uint64_t max_bytes = c->store->max_bytes;
	unsigned top = top_priority(c->cfg);

	if (priority >= top)
		return max_bytes;
	return max_bytes - max_bytes / RESERVED_PART * (top - priority) / top;
}

static struct demand demand_of(
    const struct core *c, struct span payload, const struct store_target *targets, size_t count)
{
	struct demand d = { .size = payload.len, .targets = count };

	for (size_t i = 0; i < count; i++) {
		d.size += targets[i].topic.len + targets[i].properties.len;
		if (targets[i].priority > d.priority)
			d.priority = targets[i].priority;
	}
	d.limit = limit_of(c, d.priority);
	return d;
}

/* Beyond its limit a message may still take the place of others. */
static bool has_room(const struct core *c, const struct demand *d)
{
	uint64_t limit = d->freed >= d->size ? c->store->max_bytes : d->limit;
	struct store_usage usage;

	c->store->ops->total(c->store, &usage);
	/* Where the file must not grow, room inside of it will do. */
	if (c->is_disk_low && (usage.bytes > d->before || d->before - usage.bytes < d->size))
		return false;
	return usage.bytes <= limit - d->size;
}

/* ---- what leaves for it ---- */

/* Dead letters must not keep living ones out: the oldest goes. false: there is none. */
static bool drop_dead_letter(struct core *c)
{
	const struct store_ops *ops = c->store->ops;
	struct store_entry e, oldest = { 0 };
	uint8_t bytes[ROUTER_TOPIC_MAX];
	struct span topic;
	unsigned client = 0;

	for (unsigned i = 0; i < c->cfg->broker_count; i++) {
		if (ops->next(c->store, c->outbox[i].durable_queue, true, 0, &e) &&
		    (oldest.seq == 0 || e.seq < oldest.seq)) {
			oldest = e;
			client = i;
		}
	}
	if (oldest.seq == 0 || !ops->get(c->store, oldest.queue, oldest.seq, &oldest))
		return false;
	topic = core_keep_topic(oldest.topic, bytes);
	if (core_drop_entry(c, client, &oldest, false, DROP_DEAD_LETTER, "no room") < 0)
		return false;
	core_log(c, LOG_LEVEL_WARNING, LOG_MESSAGE_DROPPED, (int)client, 0, NULL,
	    "dead letter, for want of room", topic);
	return true;
}

/* The oldest waiting message of each queue goes, unless it is more important. Number of those that
 * went, or -EIO. */
static int drop_oldest(struct core *c, struct demand *d)
{
	int count = 0;

	for (unsigned i = 0; i < c->cfg->broker_count; i++) {
		struct store_entry e;
		uint64_t size;

		if (!outbox_oldest(&c->outbox[i], false, &e) || e.priority > d->priority)
			continue;
		size = e.topic.len + e.properties.len + e.payload.len;
		if (core_drop_entry(c, i, &e, false, DROP_FULL, "dropped: the store is full") < 0)
			return -EIO;
		d->freed += size;
		count++;
	}
	return count;
}

/* What is too old anyway goes first, as far as it is easily found. */
static bool drop_expired(struct core *c)
{
	bool any = false;

	for (unsigned i = 0; i < c->cfg->broker_count; i++)
		any |= core_drop_expired(c, i);
	return any;
}

/* 0: there is room now; -ENOSPC: others have to leave first; -ENOBUFS: with overflow = drop-oldest,
 * there is nothing left that may be dropped for it; -EIO: not a time to drop anything. */
static int make_room(struct core *c, struct demand *d)
{
	bool may_drop = c->cfg->store.overflow == STORE_DROP_OLDEST;

	while (!has_room(c, d)) {
		int r = c->has_commit_failed ? -EIO : drop_expired(c);

		if (r == 0)
			r = drop_dead_letter(c);
		if (r == 0 && may_drop)
			r = drop_oldest(c, d);
		if (r < 0)
			return r;
		if (r == 0)
			return may_drop ? -ENOBUFS : -ENOSPC;
	}
	return 0;
}

/* ---- adding ---- */

/* Said once, until core_note_room says otherwise. */
static void note_full(struct core *c, const struct demand *d)
{
	if (c->is_store_full || c->is_disk_low)
		return;
	c->is_store_full = true;
	c->full_limit = d->limit;
	core_log_text(c, LOG_LEVEL_WARNING, LOG_STORE_FULL, -1,
	    "publishers are held until brokers have taken messages");
}

void core_note_room(struct core *c)
{
	struct store_usage usage;

	if (!c->is_store_full)
		return;
	c->store->ops->total(c->store, &usage);
	if (usage.bytes > c->full_limit - c->full_limit / STEADY_PART)
		return;
	c->is_store_full = false;
	core_log_text(c, LOG_LEVEL_INFO, LOG_STORE_FULL, -1, "there is room again");
}

static void note_failed(struct core *c)
{
	char text[LOG_DETAIL_MAX];

	if (c->has_store_failed)
		return;
	c->has_store_failed = true;
	snprintf(text, sizeof(text), "cannot add a message (%.120s)", store_error(c->store));
	core_log_text(c, LOG_LEVEL_ERROR, LOG_STORE_FAILED, -1, text);
}

/* 0 or the store's error; -ENOBUFS: as make_room has it; -E2BIG: it is more than the store ever
 * takes. Others make room for what is for a broker alone. */
static int try_add(struct core *c, const struct core_addition *a, struct demand *ret_demand)
{
	size_t count = a->brokers + a->locals;
	struct demand d = demand_of(c, a->payload, c->targets, count);
	struct store_usage usage;
	int r = 0;

	*ret_demand = d;
	if (d.size > d.limit)
		return -E2BIG;
	if (core_is_disk_low(c)) {
		c->store->ops->total(c->store, &usage);
		d.before = usage.bytes;
	}
	if (a->brokers > 0)
		r = make_room(c, &d);
	else if (!has_room(c, &d))
		r = -ENOSPC;
	if (r == 0)
		r = c->store->ops->add(
		    c->store, a->seq, core_store_time(c), a->payload, c->targets, count);
	return r;
}

static void note_added(struct core *c, const struct demand *d, bool is_promised)
{
	if (is_promised)
		c->is_store_dirty = true;
	else
		core_defer_commit(c);
	c->uncommitted_bytes += d->size + d->targets * CORE_TARGET_BYTES;
	c->has_store_failed = c->has_commit_failed;
}

int core_add_durable(struct core *c, struct core_addition *a, bool is_promised)
{
	struct demand d;
	int r = try_add(c, a, &d);

	if (r == -EIO)
		note_failed(c);
	if (r < 0 && a->locals > 0 && (!is_promised || (r != -EIO && r != -ENOMEM))) {
		a->locals = 0;
		if (a->brokers == 0)
			return 0;
		r = try_add(c, a, &d);
	}
	if (r == 0)
		note_added(c, &d, is_promised);
	else if (r == -ENOSPC)
		note_full(c, &d);
	return r;
}

void core_add_memory(struct core *c, unsigned client, uint64_t seq, struct span payload,
    const struct store_target *target)
{
	struct outbox *o = &c->outbox[client];
	const struct store_ops *ops = o->memory->ops;
	struct store_target t = *target;
	struct store_usage usage;
	struct store_entry e;
	int r;

	t.queue = o->memory_queue;
	ops->usage(o->memory, o->memory_queue, &usage);
	for (;;) {
		r = usage.messages >= BRIDGE_QOS0_MAX
			? -ENOSPC
			: ops->add(o->memory, seq, core_store_time(c), payload, &t, 1);
		if (r != -ENOSPC || !outbox_oldest(o, true, &e) ||
		    core_drop_entry(c, client, &e, true, DROP_FULL, "dropped: QoS 0, no room") < 0)
			break;
		ops->usage(o->memory, o->memory_queue, &usage);
	}
	if (r < 0)
		core_count_drop(c, client, r == -ENOSPC ? DROP_FULL : DROP_NOMEM, target->topic);
}
