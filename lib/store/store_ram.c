/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference store: linked lists in memory. A body is shared by all entries that carry it.
 * Every queue has one list in order of sequence numbers, of entries and dead letters alike, and one
 * list per priority of what waits.
 */
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PRIORITIES 8
#define QUEUES_MAX 16
#define REASON_MAX 96

struct body {
	size_t refs;
	size_t len;
	uint8_t bytes[];
};

struct item {
	uint64_t seq;
	struct body *body;
	struct item *prev, *next;           /* all of the queue, by seq */
	struct item *prio_prev, *prio_next; /* waiting ones of one priority, by seq */
	int64_t accepted_ms, expires_ms;
	uint8_t qos, priority, tries;
	bool retain, maybe_sent, keep_last, is_dead;
	char reason[REASON_MAX];
	size_t topic_len;
	uint8_t topic[];
};

struct list {
	struct item *first, *last;
};

struct queue {
	char *name;
	struct list all;
	struct list waiting[PRIORITIES];
	uint64_t messages, dead, bytes;
};

struct store_ram {
	struct store base;
	struct queue queues[QUEUES_MAX];
	size_t queue_count;
	uint64_t bytes;
	uint64_t last_seq;
};

static struct store_ram *ram(struct store *s)
{
	return (struct store_ram *)s;
}

static struct queue *queue_at(struct store *s, unsigned queue)
{
	return queue < ram(s)->queue_count ? &ram(s)->queues[queue] : NULL;
}

static void body_unref(struct store_ram *r, struct body *b)
{
	if (--b->refs > 0)
		return;
	r->bytes -= b->len;
	free(b);
}

static void all_append(struct list *l, struct item *it)
{
	it->prev = l->last;
	it->next = NULL;
	if (l->last)
		l->last->next = it;
	else
		l->first = it;
	l->last = it;
}

static void all_unlink(struct list *l, struct item *it)
{
	if (it->prev)
		it->prev->next = it->next;
	else
		l->first = it->next;
	if (it->next)
		it->next->prev = it->prev;
	else
		l->last = it->prev;
}

/* In order of sequence numbers, searched from the end: new entries belong there. */
static void waiting_insert(struct list *l, struct item *it)
{
	struct item *before = l->last;

	while (before && before->seq > it->seq)
		before = before->prio_prev;
	it->prio_prev = before;
	it->prio_next = before ? before->prio_next : l->first;
	if (it->prio_next)
		it->prio_next->prio_prev = it;
	else
		l->last = it;
	if (before)
		before->prio_next = it;
	else
		l->first = it;
}

static void waiting_unlink(struct list *l, struct item *it)
{
	if (it->prio_prev)
		it->prio_prev->prio_next = it->prio_next;
	else
		l->first = it->prio_next;
	if (it->prio_next)
		it->prio_next->prio_prev = it->prio_prev;
	else
		l->last = it->prio_prev;
}

/* The heads of the priorities are what is asked for nearly always. */
static struct item *find(struct queue *q, uint64_t seq)
{
	if (!q)
		return NULL;
	for (size_t p = 0; p < PRIORITIES; p++) {
		if (q->waiting[p].first && q->waiting[p].first->seq == seq)
			return q->waiting[p].first;
	}
	for (struct item *it = q->all.first; it && it->seq <= seq; it = it->next) {
		if (it->seq == seq)
			return it;
	}
	return NULL;
}

static void fill(const struct item *it, unsigned queue, struct store_entry *ret)
{
	*ret = (struct store_entry){
		.seq = it->seq,
		.queue = queue,
		.topic = { it->topic, it->topic_len },
		.payload = { it->body->bytes, it->body->len },
		.qos = it->qos,
		.priority = it->priority,
		.retain = it->retain,
		.maybe_sent = it->maybe_sent,
		.tries = it->tries,
		.accepted_ms = it->accepted_ms,
		.expires_ms = it->expires_ms,
		.reason = it->is_dead ? it->reason : NULL,
	};
}

static void item_free(struct store_ram *r, struct queue *q, struct item *it)
{
	size_t len = it->topic_len + it->body->len;

	if (it->is_dead) {
		q->dead--;
	} else {
		q->messages--;
		waiting_unlink(&q->waiting[it->priority], it);
	}
	all_unlink(&q->all, it);
	q->bytes -= len;
	r->bytes -= it->topic_len;
	body_unref(r, it->body);
	free(it);
}

static void ram_free(struct store *s)
{
	struct store_ram *r = ram(s);

	for (size_t i = 0; i < r->queue_count; i++) {
		while (r->queues[i].all.first)
			item_free(r, &r->queues[i], r->queues[i].all.first);
		free(r->queues[i].name);
	}
	free(r);
}

static int ram_open_queue(struct store *s, const char *name, unsigned *ret_queue)
{
	struct store_ram *r = ram(s);
	char *copy;

	for (size_t i = 0; i < r->queue_count; i++) {
		if (strcmp(r->queues[i].name, name) == 0) {
			*ret_queue = (unsigned)i;
			return 0;
		}
	}
	if (r->queue_count == QUEUES_MAX)
		return -ENOSPC;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	r->queues[r->queue_count] = (struct queue){ .name = copy };
	*ret_queue = (unsigned)r->queue_count++;
	return 0;
}

static uint64_t ram_last_seq(struct store *s)
{
	return ram(s)->last_seq;
}

static struct item *item_new(uint64_t seq, int64_t accepted_ms, const struct store_target *t)
{
	struct item *it = calloc(1, sizeof(*it) + t->topic.len);

	if (!it)
		return NULL;
	it->seq = seq;
	it->accepted_ms = accepted_ms;
	it->expires_ms = t->expires_ms;
	it->qos = t->qos;
	it->priority = t->priority < PRIORITIES ? t->priority : PRIORITIES - 1;
	it->retain = t->retain;
	it->keep_last = t->keep_last;
	it->topic_len = t->topic.len;
	if (t->topic.len)
		memcpy(it->topic, t->topic.data, t->topic.len);
	return it;
}

static void item_link(struct store_ram *r, struct queue *q, struct item *it)
{
	all_append(&q->all, it);
	waiting_insert(&q->waiting[it->priority], it);
	it->body->refs++;
	q->messages++;
	q->bytes += it->topic_len + it->body->len;
	r->bytes += it->topic_len;
}

static int ram_add(struct store *s, uint64_t seq, int64_t accepted_ms, struct span payload,
    const struct store_target *targets, size_t count)
{
	struct store_ram *r = ram(s);
	struct item *items[QUEUES_MAX] = { 0 };
	uint64_t size = payload.len;
	struct body *body = NULL;
	int ret = -ENOMEM;

	if (count == 0 || count > QUEUES_MAX || seq <= r->last_seq)
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		if (targets[i].queue >= r->queue_count)
			return -EINVAL;
		size += targets[i].topic.len;
	}
	if (size > s->max_bytes || r->bytes > s->max_bytes - size)
		return -ENOSPC;
	body = malloc(sizeof(*body) + payload.len);
	if (!body)
		return -ENOMEM;
	*body = (struct body){ .len = payload.len };
	if (payload.len)
		memcpy(body->bytes, payload.data, payload.len);
	for (size_t i = 0; i < count; i++) {
		items[i] = item_new(seq, accepted_ms, &targets[i]);
		if (!items[i])
			goto out;
		items[i]->body = body;
	}
	for (size_t i = 0; i < count; i++)
		item_link(r, &r->queues[targets[i].queue], items[i]);
	r->bytes += payload.len;
	r->last_seq = seq;
	return 0;
out:
	for (size_t i = 0; i < count; i++)
		free(items[i]);
	free(body);
	return ret;
}

static bool ram_head(struct store *s, unsigned queue, struct store_entry *ret)
{
	struct queue *q = queue_at(s, queue);

	for (size_t p = PRIORITIES; q && p-- > 0;) {
		if (q->waiting[p].first) {
			fill(q->waiting[p].first, queue, ret);
			return true;
		}
	}
	return false;
}

static bool ram_get(struct store *s, unsigned queue, uint64_t seq, struct store_entry *ret)
{
	struct item *it = find(queue_at(s, queue), seq);

	if (it)
		fill(it, queue, ret);
	return it != NULL;
}

static bool ram_next(
    struct store *s, unsigned queue, bool dead, uint64_t after, struct store_entry *ret)
{
	struct queue *q = queue_at(s, queue);

	for (struct item *it = q ? q->all.first : NULL; it; it = it->next) {
		if (it->seq > after && it->is_dead == dead) {
			fill(it, queue, ret);
			return true;
		}
	}
	return false;
}

static bool ram_find_topic(struct store *s, unsigned queue, struct span topic, uint64_t *ret_seq)
{
	struct queue *q = queue_at(s, queue);

	for (struct item *it = q ? q->all.last : NULL; it; it = it->prev) {
		if (!it->is_dead && it->keep_last && it->topic_len == topic.len &&
		    memcmp(it->topic, topic.data, topic.len) == 0) {
			*ret_seq = it->seq;
			return true;
		}
	}
	return false;
}

static bool ram_oldest(struct store *s, unsigned queue, struct store_entry *ret)
{
	struct queue *q = queue_at(s, queue);

	for (size_t p = 0; q && p < PRIORITIES; p++) {
		if (q->waiting[p].first) {
			fill(q->waiting[p].first, queue, ret);
			return true;
		}
	}
	return false;
}

static int ram_remove(struct store *s, unsigned queue, uint64_t seq)
{
	struct queue *q = queue_at(s, queue);
	struct item *it = find(q, seq);

	if (!it)
		return -ENOENT;
	item_free(ram(s), q, it);
	return 0;
}

static int ram_mark(struct store *s, unsigned queue, uint64_t seq, uint8_t tries, bool maybe_sent)
{
	struct item *it = find(queue_at(s, queue), seq);

	if (!it)
		return -ENOENT;
	it->tries = tries;
	it->maybe_sent = maybe_sent;
	return 0;
}

static int ram_bury(struct store *s, unsigned queue, uint64_t seq, const char *reason)
{
	struct queue *q = queue_at(s, queue);
	struct item *it = find(q, seq);
	size_t len = strnlen(reason, REASON_MAX - 1);

	if (!it || it->is_dead)
		return -ENOENT;
	waiting_unlink(&q->waiting[it->priority], it);
	it->is_dead = true;
	memcpy(it->reason, reason, len);
	it->reason[len] = '\0';
	q->messages--;
	q->dead++;
	return 0;
}

static int ram_revive(struct store *s, unsigned queue, uint64_t seq)
{
	struct queue *q = queue_at(s, queue);
	struct item *it = find(q, seq);

	if (!it || !it->is_dead)
		return -ENOENT;
	it->is_dead = false;
	it->tries = 0;
	waiting_insert(&q->waiting[it->priority], it);
	q->messages++;
	q->dead--;
	return 0;
}

static int ram_commit(struct store *s)
{
	(void)s;
	return 0;
}

static void ram_usage(struct store *s, unsigned queue, struct store_usage *ret)
{
	struct queue *q = queue_at(s, queue);

	*ret = (struct store_usage){ 0 };
	if (q)
		*ret = (struct store_usage){ q->messages, q->bytes, q->dead };
}

static void ram_total(struct store *s, struct store_usage *ret)
{
	struct store_ram *r = ram(s);

	*ret = (struct store_usage){ .bytes = r->bytes };
	for (size_t i = 0; i < r->queue_count; i++) {
		ret->messages += r->queues[i].messages;
		ret->dead_letters += r->queues[i].dead;
	}
}

static const struct store_ops ram_ops = {
	.free = ram_free,
	.open_queue = ram_open_queue,
	.last_seq = ram_last_seq,
	.add = ram_add,
	.head = ram_head,
	.get = ram_get,
	.next = ram_next,
	.find_topic = ram_find_topic,
	.oldest = ram_oldest,
	.remove = ram_remove,
	.mark = ram_mark,
	.bury = ram_bury,
	.revive = ram_revive,
	.commit = ram_commit,
	.usage = ram_usage,
	.total = ram_total,
};

struct store *store_ram_new(uint64_t max_bytes)
{
	struct store_ram *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->base = (struct store){ .ops = &ram_ops, .max_bytes = max_bytes };
	return &r->base;
}
