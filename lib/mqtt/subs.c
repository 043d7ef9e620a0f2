/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/subs.h"

#include "base/hash.h"
#include "base/limits.h"
#include "mqtt/mqtt_topic.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_FIRST 64

struct sub {
	struct subs_owner *owner;
	struct subs_node *node;
	struct mqtt_link in_node;
	struct mqtt_link in_owner;
	struct sub *match_next; /* with an identifier, of the same owner, in the last subs_match */
	bool is_multi;          /* the filter goes on with "/#" behind the node */
	struct subs_options options;
};

struct subs_node {
	struct subs_node *parent; /* NULL: the root */
	struct subs_node *chain;  /* next of the same bucket */
	struct subs_node *plus;
	struct mqtt_link exact; /* subscriptions that end here */
	struct mqtt_link multi; /* those that end here with "/#" */
	uint64_t serial;        /* stands for the node in the keys of its children */
	uint64_t hash;
	size_t children; /* plus not counted */
	size_t len;
	char level[];
};

/* One level of a topic, ready for look-ups. */
struct level {
	const char *text;
	size_t len;
	uint64_t hash;
};

struct match {
	struct subs *subs;
	struct level levels[MQTT_TOPIC_LEVELS_MAX];
	size_t count;
	bool is_dollar;
	const struct subs_owner *from;
	struct subs_owner *found;
	struct subs_owner **tail;
};

static uint64_t key_hash(const struct subs_node *parent, uint64_t level_hash)
{
	return level_hash ^ (parent->serial * UINT64_C(0x9e3779b97f4a7c15));
}

static struct subs_node **bucket_of(const struct subs *s, uint64_t hash)
{
	return &s->buckets[(hash ^ hash >> 32) & (s->bucket_count - 1)];
}

static struct subs_node *find_child(
    const struct subs *s, const struct subs_node *parent, const struct level *level)
{
	uint64_t hash = key_hash(parent, level->hash);

	for (struct subs_node *n = *bucket_of(s, hash); n; n = n->chain) {
		if (n->hash == hash && n->parent == parent && n->len == level->len &&
		    memcmp(n->level, level->text, n->len) == 0)
			return n;
	}
	return NULL;
}

static int new_node(
    struct subs *s, struct subs_node *parent, const struct level *level, struct subs_node **ret)
{
	size_t size = sizeof(struct subs_node) + level->len;
	struct subs_node *n;

	if (size > MQTT_SUBS_BYTES_MAX - s->bytes)
		return -ENOBUFS;
	n = calloc(1, size);
	if (!n)
		return -ENOMEM;
	s->bytes += size;
	s->serial++;
	n->parent = parent;
	n->serial = s->serial;
	n->len = level->len;
	memcpy(n->level, level->text, level->len);
	mqtt_list_init(&n->exact);
	mqtt_list_init(&n->multi);
	*ret = n;
	return 0;
}

static void free_node(struct subs *s, struct subs_node *n)
{
	s->bytes -= sizeof(*n) + n->len;
	free(n);
}

/* More buckets; without memory for them the chains just get longer. */
static void grow_buckets(struct subs *s)
{
	size_t old_count = s->bucket_count;
	struct subs_node **old = s->buckets;
	struct subs_node **buckets = calloc(2 * old_count, sizeof(*buckets));

	if (!buckets)
		return;
	s->buckets = buckets;
	s->bucket_count = 2 * old_count;
	for (size_t i = 0; i < old_count; i++) {
		struct subs_node *n, *next;

		for (n = old[i]; n; n = next) {
			struct subs_node **bucket = bucket_of(s, n->hash);

			next = n->chain;
			n->chain = *bucket;
			*bucket = n;
		}
	}
	free(old);
}

static bool is_plus(const struct level *level)
{
	return level->len == 1 && level->text[0] == '+';
}

static bool is_hash(const struct level *level)
{
	return level->len == 1 && level->text[0] == '#';
}

static struct subs_node *child(
    const struct subs *s, const struct subs_node *parent, const struct level *level)
{
	return is_plus(level) ? parent->plus : find_child(s, parent, level);
}

static int add_child(
    struct subs *s, struct subs_node *parent, const struct level *level, struct subs_node **ret)
{
	struct subs_node **bucket, *n;
	int r = new_node(s, parent, level, &n);

	if (r < 0)
		return r;
	*ret = n;
	if (is_plus(level)) {
		parent->plus = n;
		return 0;
	}
	if (s->node_count >= s->bucket_count)
		grow_buckets(s);
	n->hash = key_hash(parent, level->hash);
	bucket = bucket_of(s, n->hash);
	n->chain = *bucket;
	*bucket = n;
	s->node_count++;
	parent->children++;
	return 0;
}

static void unlink_child(struct subs *s, struct subs_node *n)
{
	struct subs_node **at;

	if (n->parent->plus == n) {
		n->parent->plus = NULL;
		return;
	}
	for (at = bucket_of(s, n->hash); *at != n; at = &(*at)->chain)
		;
	*at = n->chain;
	s->node_count--;
	n->parent->children--;
}

/* Free the node and those above it as far as nobody needs them. */
static void prune(struct subs *s, struct subs_node *n)
{
	while (n->parent && n->children == 0 && !n->plus && mqtt_list_is_empty(&n->exact) &&
	       mqtt_list_is_empty(&n->multi)) {
		struct subs_node *parent = n->parent;

		unlink_child(s, n);
		free_node(s, n);
		n = parent;
	}
}

static struct level make_level(const char *text, size_t len)
{
	return (struct level){ .text = text, .len = len, .hash = hash_fnv1a(HASH_INIT, text, len) };
}

/* The node of a filter, not counting a final '#'. Where nodes are missing: -ENOENT, or they are
 * made if the filter is to be added: -ENOMEM, -ENOBUFS. */
static int find_node(struct subs *s, const char *filter, size_t len, bool is_to_add,
    struct subs_node **ret, bool *ret_multi)
{
	struct subs_node *n = s->root, *next;
	const char *text;
	size_t text_len, pos = 0;
	bool is_multi = false;

	while (mqtt_topic_next_level(filter, len, &pos, &text, &text_len)) {
		struct level level = make_level(text, text_len);
		int r;

		if (is_hash(&level)) {
			is_multi = true;
			break;
		}
		next = child(s, n, &level);
		if (!next && !is_to_add)
			return -ENOENT;
		r = next ? 0 : add_child(s, n, &level, &next);
		if (r < 0) {
			prune(s, n);
			return r;
		}
		n = next;
	}
	*ret = n;
	*ret_multi = is_multi;
	return 0;
}

static struct sub *find_sub(struct subs_node *n, const struct subs_owner *o, bool is_multi)
{
	struct mqtt_link *list = is_multi ? &n->multi : &n->exact;

	for (struct mqtt_link *l = list->next; l != list; l = l->next) {
		struct sub *sub = MQTT_LINK_OWNER(l, struct sub, in_node);

		if (sub->owner == o)
			return sub;
	}
	return NULL;
}

int subs_init(struct subs *s)
{
	struct level top = make_level("", 0);
	int r;

	*s = (struct subs){ .bucket_count = BUCKETS_FIRST };
	s->buckets = calloc(s->bucket_count, sizeof(*s->buckets));
	if (!s->buckets)
		return -ENOMEM;
	r = new_node(s, NULL, &top, &s->root);
	if (r < 0) {
		free(s->buckets);
		s->buckets = NULL;
	}
	return r;
}

void subs_fini(struct subs *s)
{
	assert(s->node_count == 0 && (!s->root || !s->root->plus));
	free(s->root);
	free(s->buckets);
	*s = (struct subs){ 0 };
}

void subs_owner_init(struct subs_owner *o)
{
	*o = (struct subs_owner){ 0 };
	mqtt_list_init(&o->list);
}

int subs_add(struct subs *s, struct subs_owner *o, const char *filter, size_t len,
    const struct subs_options *options)
{
	bool is_multi;
	struct subs_node *n;
	struct sub *sub;
	int r = find_node(s, filter, len, true, &n, &is_multi);

	if (r < 0)
		return r;
	sub = find_sub(n, o, is_multi);
	if (sub) {
		sub->options = *options;
		return 0;
	}
	if (o->count >= MQTT_SUBS_PER_CLIENT_MAX || sizeof(*sub) > MQTT_SUBS_BYTES_MAX - s->bytes) {
		r = -ENOBUFS;
		goto undo;
	}
	sub = calloc(1, sizeof(*sub));
	if (!sub) {
		r = -ENOMEM;
		goto undo;
	}
	s->bytes += sizeof(*sub);
	*sub = (struct sub){ .owner = o, .node = n, .is_multi = is_multi, .options = *options };
	mqtt_list_append(is_multi ? &n->multi : &n->exact, &sub->in_node);
	mqtt_list_append(&o->list, &sub->in_owner);
	o->count++;
	return 1;
undo:
	prune(s, n);
	return r;
}

static void remove_sub(struct subs *s, struct sub *sub)
{
	struct subs_node *n = sub->node;

	mqtt_link_remove(&sub->in_node);
	mqtt_link_remove(&sub->in_owner);
	sub->owner->count--;
	s->bytes -= sizeof(*sub);
	free(sub);
	prune(s, n);
}

bool subs_remove(struct subs *s, struct subs_owner *o, const char *filter, size_t len)
{
	bool is_multi;
	struct subs_node *n;
	struct sub *sub;

	if (find_node(s, filter, len, false, &n, &is_multi) < 0)
		return false;
	sub = find_sub(n, o, is_multi);
	if (!sub)
		return false;
	remove_sub(s, sub);
	return true;
}

void subs_remove_all(struct subs *s, struct subs_owner *o)
{
	while (!mqtt_list_is_empty(&o->list))
		remove_sub(s, MQTT_LINK_OWNER(o->list.next, struct sub, in_owner));
}

static void take(struct match *m, struct mqtt_link *list)
{
	for (struct mqtt_link *l = list->next; l != list; l = l->next) {
		struct sub *sub = MQTT_LINK_OWNER(l, struct sub, in_node);
		struct subs_owner *o = sub->owner;

		if (sub->options.no_local && o == m->from)
			continue; /* [MQTT-3.8.3-3] of MQTT 5.0 */
		if (o->match_serial != m->subs->match_serial) {
			o->match_serial = m->subs->match_serial;
			o->match_qos = 0;
			o->match_retain = false;
			o->match_ids = NULL;
			o->match_next = NULL;
			*m->tail = o;
			m->tail = &o->match_next;
		}
		if (o->match_qos < sub->options.qos)
			o->match_qos = sub->options.qos;
		o->match_retain = o->match_retain || sub->options.retain_as_published;
		if (sub->options.id) {
			sub->match_next = o->match_ids;
			o->match_ids = sub;
		}
	}
}

/* At most MQTT_TOPIC_LEVELS_MAX deep, and no node is visited twice. */
static void walk(struct match *m, struct subs_node *n, size_t depth)
{
	/* [MQTT-4.7.2-1] */
	bool has_wildcards = depth > 0 || !m->is_dollar;
	struct subs_node *next;

	if (has_wildcards)
		take(m, &n->multi);
	if (depth == m->count) {
		take(m, &n->exact);
		return;
	}
	next = n->children > 0 ? find_child(m->subs, n, &m->levels[depth]) : NULL;
	if (next)
		walk(m, next, depth + 1);
	if (n->plus && has_wildcards)
		walk(m, n->plus, depth + 1);
}

struct subs_owner *subs_match(
    struct subs *s, const char *topic, size_t len, const struct subs_owner *from)
{
	struct match m; /* not cleared: the levels are many, and only count of them are read */
	const char *text;
	size_t text_len, pos = 0;

	m.subs = s;
	m.count = 0;
	m.from = from;
	m.found = NULL;
	m.tail = &m.found;
	m.is_dollar = len > 0 && topic[0] == '$';
	while (mqtt_topic_next_level(topic, len, &pos, &text, &text_len)) {
		assert(m.count < MQTT_TOPIC_LEVELS_MAX);
		m.levels[m.count++] = make_level(text, text_len);
	}
	s->match_serial++;
	walk(&m, s->root, 0);
	return m.found;
}

size_t subs_match_ids(const struct subs_owner *o, uint32_t *ids, size_t max)
{
	size_t count = 0;

	for (const struct sub *sub = o->match_ids; sub && count < max; sub = sub->match_next)
		ids[count++] = sub->options.id;
	return count;
}
