/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference store: linked lists in memory. A body is shared by all entries that carry it.
 * Every queue has one list in order of sequence numbers, of entries and dead letters alike, and one
 * list per priority of what waits; its notes are lists in the order of their keys.
 */
#include "store/store.h"

#include "base/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PRIORITIES 8
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
	enum store_state state;
	uint16_t packet_id;
	uint8_t qos, priority, tries;
	bool retain, keep_last, is_dead;
	char reason[REASON_MAX];
	size_t topic_len, properties_len;
	uint8_t texts[]; /* topic and properties */
};

struct note {
	struct note *next;
	size_t key_len, value_len;
	uint8_t texts[]; /* key and value */
};

struct list {
	struct item *first, *last;
};

struct queue {
	char *name;
	struct list all;
	struct list waiting[PRIORITIES];
	struct note *notes[STORE_NOTE_COUNT];
	struct store_usage usage;
};

struct store_ram {
	struct store base;
	struct queue *queues[STORE_QUEUES_MAX];
	struct store_usage total;
	uint64_t last_seq;
};

static struct store_ram *ram(struct store *s)
{
	return (struct store_ram *)s;
}

static struct queue *queue_at(struct store *s, unsigned queue)
{
	return queue < STORE_QUEUES_MAX ? ram(s)->queues[queue] : NULL;
}

static void body_unref(struct store_ram *r, struct body *b)
{
	if (--b->refs > 0)
		return;
	r->total.bytes -= b->len;
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

static struct span topic_of(const struct item *it)
{
	return (struct span){ it->texts, it->topic_len };
}

static struct span properties_of(const struct item *it)
{
	return (struct span){ it->texts + it->topic_len, it->properties_len };
}

static void fill(const struct item *it, unsigned queue, struct store_entry *ret)
{
	*ret = (struct store_entry){
		.seq = it->seq,
		.queue = queue,
		.topic = topic_of(it),
		.properties = properties_of(it),
		.payload = { it->body->bytes, it->body->len },
		.state = it->state,
		.packet_id = it->packet_id,
		.qos = it->qos,
		.priority = it->priority,
		.retain = it->retain,
		.keep_last = it->keep_last,
		.tries = it->tries,
		.accepted_ms = it->accepted_ms,
		.expires_ms = it->expires_ms,
		.reason = it->is_dead ? it->reason : NULL,
	};
}

/* What an entry or dead letter has in a queue's number of waiting ones, or of dead letters. */
static void count(struct store_ram *r, struct queue *q, const struct item *it, int by)
{
	if (it->is_dead) {
		q->usage.dead_letters += (uint64_t)by;
		r->total.dead_letters += (uint64_t)by;
	} else {
		q->usage.messages += (uint64_t)by;
		r->total.messages += (uint64_t)by;
	}
}

static void item_free(struct store_ram *r, struct queue *q, struct item *it)
{
	size_t own = it->topic_len + it->properties_len;

	count(r, q, it, -1);
	if (!it->is_dead)
		waiting_unlink(&q->waiting[it->priority], it);
	all_unlink(&q->all, it);
	q->usage.bytes -= own + it->body->len;
	r->total.bytes -= own;
	body_unref(r, it->body);
	free(it);
}

/* ---- queues ---- */

static void queue_free(struct store_ram *r, unsigned queue)
{
	struct queue *q = r->queues[queue];

	if (!q)
		return;
	while (q->all.first)
		item_free(r, q, q->all.first);
	for (size_t kind = 0; kind < STORE_NOTE_COUNT; kind++) {
		while (q->notes[kind]) {
			struct note *n = q->notes[kind];

			q->notes[kind] = n->next;
			free(n);
		}
	}
	free(q->name);
	free(q);
	r->queues[queue] = NULL;
}

static void ram_free(struct store *s)
{
	for (unsigned i = 0; i < STORE_QUEUES_MAX; i++)
		queue_free(ram(s), i);
	free(ram(s));
}

static int ram_open_queue(struct store *s, const char *name, unsigned *ret_queue)
{
	struct store_ram *r = ram(s);
	unsigned place = STORE_QUEUES_MAX;
	struct queue *q;

	for (unsigned i = STORE_QUEUES_MAX; i-- > 0;) {
		if (!r->queues[i]) {
			place = i;
		} else if (strcmp(r->queues[i]->name, name) == 0) {
			*ret_queue = i;
			return 0;
		}
	}
	if (place == STORE_QUEUES_MAX)
		return -ENOSPC;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->name = strdup(name);
	if (!q->name) {
		free(q);
		return -ENOMEM;
	}
	r->queues[place] = q;
	*ret_queue = place;
	return 0;
}

static bool ram_next_queue(struct store *s, int after, unsigned *ret_queue, const char **ret_name)
{
	for (unsigned i = (unsigned)(after + 1); i < STORE_QUEUES_MAX; i++) {
		if (ram(s)->queues[i]) {
			*ret_queue = i;
			*ret_name = ram(s)->queues[i]->name;
			return true;
		}
	}
	return false;
}

static int ram_drop_queue(struct store *s, unsigned queue)
{
	if (!queue_at(s, queue))
		return -ENOENT;
	queue_free(ram(s), queue);
	return 0;
}

/* ---- messages ---- */

static uint64_t ram_last_seq(struct store *s)
{
	return ram(s)->last_seq;
}

static void copy_to(uint8_t *to, struct span from)
{
	if (from.len > 0)
		memcpy(to, from.data, from.len);
}

static struct item *item_new(
    uint64_t seq, int64_t accepted_ms, const struct store_target *t, struct body *body)
{
	struct item *it = calloc(1, sizeof(*it) + t->topic.len + t->properties.len);

	if (!it)
		return NULL;
	it->seq = seq;
	it->body = body;
	it->accepted_ms = accepted_ms;
	it->expires_ms = t->expires_ms;
	it->packet_id = t->packet_id;
	it->qos = t->qos;
	it->priority = t->priority;
	it->retain = t->retain;
	it->keep_last = t->keep_last;
	it->topic_len = t->topic.len;
	it->properties_len = t->properties.len;
	copy_to(it->texts, t->topic);
	copy_to(it->texts + it->topic_len, t->properties);
	return it;
}

static void item_link(struct store_ram *r, struct queue *q, struct item *it)
{
	size_t own = it->topic_len + it->properties_len;

	all_append(&q->all, it);
	waiting_insert(&q->waiting[it->priority], it);
	it->body->refs++;
	count(r, q, it, 1);
	q->usage.bytes += own + it->body->len;
	r->total.bytes += own;
}

/* Bytes of a message with all its targets. 0 or -EINVAL. */
static int size_of(struct store *s, struct span payload, const struct store_target *targets,
    size_t target_count, uint64_t *ret)
{
	uint64_t size = payload.len;

	if (target_count == 0 || target_count > STORE_TARGETS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < target_count; i++) {
		if (!queue_at(s, targets[i].queue) || targets[i].priority >= PRIORITIES)
			return -EINVAL;
		size += targets[i].topic.len + targets[i].properties.len;
	}
	*ret = size;
	return 0;
}

static int ram_add(struct store *s, uint64_t seq, int64_t accepted_ms, struct span payload,
    const struct store_target *targets, size_t target_count)
{
	struct store_ram *r = ram(s);
	struct item *made = NULL, *it; /* a list by prev */
	struct body *body;
	uint64_t size;
	int ret = size_of(s, payload, targets, target_count, &size);

	if (ret < 0 || seq <= r->last_seq)
		return -EINVAL;
	if (size > s->max_bytes || r->total.bytes > s->max_bytes - size)
		return -ENOSPC;
	body = malloc(sizeof(*body) + payload.len);
	if (!body)
		return -ENOMEM;
	*body = (struct body){ .len = payload.len };
	copy_to(body->bytes, payload);
	for (size_t i = target_count; i-- > 0; made = it) {
		it = item_new(seq, accepted_ms, &targets[i], body);
		if (!it)
			goto out;
		it->prev = made;
	}
	for (size_t i = 0; i < target_count; i++) {
		it = made;
		made = it->prev;
		item_link(r, queue_at(s, targets[i].queue), it);
	}
	r->total.bytes += payload.len;
	r->last_seq = seq;
	return 0;
out:
	while (made) {
		it = made->prev;
		free(made);
		made = it;
	}
	free(body);
	return -ENOMEM;
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
		if (!it->is_dead && it->keep_last && span_equal(topic_of(it), topic)) {
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

static int ram_mark(
    struct store *s, unsigned queue, uint64_t seq, uint8_t tries, enum store_state state)
{
	struct item *it = find(queue_at(s, queue), seq);

	if (!it)
		return -ENOENT;
	it->tries = tries;
	it->state = state;
	return 0;
}

static int ram_bury(struct store *s, unsigned queue, uint64_t seq, const char *reason)
{
	struct queue *q = queue_at(s, queue);
	struct item *it = find(q, seq);
	size_t len = strnlen(reason, REASON_MAX - 1);

	if (!it || it->is_dead)
		return -ENOENT;
	count(ram(s), q, it, -1);
	waiting_unlink(&q->waiting[it->priority], it);
	it->is_dead = true;
	memcpy(it->reason, reason, len);
	it->reason[len] = '\0';
	count(ram(s), q, it, 1);
	return 0;
}

static int ram_revive(struct store *s, unsigned queue, uint64_t seq)
{
	struct queue *q = queue_at(s, queue);
	struct item *it = find(q, seq);

	if (!it || !it->is_dead)
		return -ENOENT;
	count(ram(s), q, it, -1);
	it->is_dead = false;
	it->tries = 0;
	waiting_insert(&q->waiting[it->priority], it);
	count(ram(s), q, it, 1);
	return 0;
}

/* ---- notes ---- */

static struct span key_of(const struct note *n)
{
	return (struct span){ n->texts, n->key_len };
}

/* By their bytes; of two with the same beginning the shorter one comes first. */
static int compare(struct span a, struct span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int r = len > 0 ? memcmp(a.data, b.data, len) : 0;

	return r != 0 ? r : (a.len > b.len) - (a.len < b.len);
}

/* Where a note of that key is in its list, or belongs. NULL: there is no such queue. */
static struct note **place_of(
    struct store *s, unsigned queue, enum store_note kind, struct span key)
{
	struct queue *q = queue_at(s, queue);
	struct note **place = q ? &q->notes[kind] : NULL;

	while (place && *place && compare(key_of(*place), key) < 0)
		place = &(*place)->next;
	return place;
}

static bool is_at(struct note **place, struct span key)
{
	return place && *place && span_equal(key_of(*place), key);
}

static int ram_put_note(
    struct store *s, unsigned queue, enum store_note kind, struct span key, struct span value)
{
	struct note **place = place_of(s, queue, kind, key), *n;

	if (key.len == 0 || key.len > STORE_NOTE_MAX || value.len > STORE_NOTE_MAX)
		return -EINVAL;
	if (!place)
		return -ENOENT;
	n = malloc(sizeof(*n) + key.len + value.len);
	if (!n)
		return -ENOMEM;
	*n = (struct note){ .next = *place, .key_len = key.len, .value_len = value.len };
	copy_to(n->texts, key);
	copy_to(n->texts + key.len, value);
	if (is_at(place, key)) {
		n->next = (*place)->next;
		free(*place);
	}
	*place = n;
	return 0;
}

static int ram_drop_note(struct store *s, unsigned queue, enum store_note kind, struct span key)
{
	struct note **place = place_of(s, queue, kind, key), *n;

	if (!is_at(place, key))
		return -ENOENT;
	n = *place;
	*place = n->next;
	free(n);
	return 0;
}

static bool ram_next_note(struct store *s, unsigned queue, enum store_note kind, struct span after,
    struct span *ret_key, struct span *ret_value)
{
	struct note **place = place_of(s, queue, kind, after);
	const struct note *n = place ? *place : NULL;

	if (n && is_at(place, after))
		n = n->next;
	if (!n)
		return false;
	*ret_key = key_of(n);
	*ret_value = (struct span){ n->texts + n->key_len, n->value_len };
	return true;
}

/* ---- the rest ---- */

static int ram_commit(struct store *s)
{
	(void)s;
	return 0;
}

static void ram_usage(struct store *s, unsigned queue, struct store_usage *ret)
{
	struct queue *q = queue_at(s, queue);

	*ret = q ? q->usage : (struct store_usage){ 0 };
}

static void ram_total(struct store *s, struct store_usage *ret)
{
	*ret = ram(s)->total;
}

static const struct store_ops ram_ops = {
	.free = ram_free,
	.open_queue = ram_open_queue,
	.next_queue = ram_next_queue,
	.drop_queue = ram_drop_queue,
	.last_seq = ram_last_seq,
	.add = ram_add,
	.head = ram_head,
	.get = ram_get,
	.next = ram_next,
	.find_topic = ram_find_topic,
	.oldest = ram_oldest,
	.remove = ram_remove,
	.retire = ram_remove,
	.mark = ram_mark,
	.bury = ram_bury,
	.revive = ram_revive,
	.put_note = ram_put_note,
	.drop_note = ram_drop_note,
	.next_note = ram_next_note,
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
