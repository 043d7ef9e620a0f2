/* SPDX-License-Identifier: Apache-2.0 */
/* The subscription trie against the filter matcher, which has a test of its own. */
#include "base/limits.h"
#include "base/prng.h"
#include "mqtt/mqtt_topic.h"
#include "mqtt/subs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define OWNERS  4
#define FILTERS 12
#define STEPS   20000

static const struct subs_options qos_1 = { .qos = 1 }, qos_2 = { .qos = 2 };

/* Everything the naive model knows. */
struct model {
	char filters[FILTERS][32];
	int qos[OWNERS][FILTERS]; /* -1: not subscribed */
	struct subs_options options[OWNERS][FILTERS];
};

static void random_topic(struct prng *p, char text[32], bool has_wildcards)
{
	static const char *const levels[] = { "a", "b", "", "$c", "+" };
	size_t depth = prng_range(p, 1, 4), len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < depth; i++) {
		bool is_hash = has_wildcards && i == depth - 1 && prng_chance(p, 250);
		const char *level = levels[prng_range(p, 0, has_wildcards ? 4 : 3)];

		len += (size_t)snprintf(
		    text + len, 32 - len, "%s%s", i > 0 ? "/" : "", is_hash ? "#" : level);
	}
	if (len == 0)
		snprintf(text, 32, "a");
}

/* What a subscriber is to get of one message. */
struct match {
	int qos; /* -1: nothing */
	bool retain;
	uint32_t ids; /* one bit each */
};

static struct match expected(const struct model *m, size_t owner, const char *name, bool is_own)
{
	struct match best = { .qos = -1 };

	for (size_t i = 0; i < FILTERS; i++) {
		const struct subs_options *o = &m->options[owner][i];

		if (m->qos[owner][i] < 0 || (is_own && o->no_local) ||
		    !mqtt_topic_matches(m->filters[i], strlen(m->filters[i]), name, strlen(name)))
			continue;
		if (m->qos[owner][i] > best.qos)
			best.qos = m->qos[owner][i];
		best.retain = best.retain || o->retain_as_published;
		best.ids |= o->id ? 1U << o->id : 0;
	}
	return best;
}

static struct match found_match(const struct subs_owner *o)
{
	struct match found = { .qos = o->match_qos, .retain = o->match_retain };
	uint32_t ids[FILTERS];
	size_t count = subs_match_ids(o, ids, FILTERS);

	for (size_t i = 0; i < count; i++) {
		assert_in_range(ids[i], 1, FILTERS);
		assert_int_equal(found.ids & 1U << ids[i], 0);
		found.ids |= 1U << ids[i];
	}
	if (count > 1)
		assert_int_equal(subs_match_ids(o, ids, 1), 1);
	return found;
}

/* from: who published it; OWNERS: nobody of them */
static void check_match(struct subs *s, struct subs_owner owners[OWNERS], const struct model *m,
    const char *name, size_t from)
{
	const struct subs_owner *publisher = from < OWNERS ? &owners[from] : NULL;
	struct match found[OWNERS];
	struct subs_owner *o = subs_match(s, name, strlen(name), publisher);

	for (size_t i = 0; i < OWNERS; i++)
		found[i] = (struct match){ .qos = -1 };
	for (; o; o = o->match_next) {
		assert_in_range(o - owners, 0, OWNERS - 1);
		assert_int_equal(found[o - owners].qos, -1); /* once only [MQTT-3.3.5-1] */
		found[o - owners] = found_match(o);
	}
	for (size_t i = 0; i < OWNERS; i++) {
		struct match e = expected(m, i, name, i == from);

		if (found[i].qos != e.qos || found[i].retain != e.retain || found[i].ids != e.ids)
			fail_msg("owner %zu, topic <%s>", i, name);
	}
}

static void model_subscribe(
    struct model *m, struct prng *p, struct subs *s, struct subs_owner *owner, size_t o, size_t f)
{
	struct subs_options *options = &m->options[o][f];
	bool is_new = m->qos[o][f] < 0;

	*options = (struct subs_options){
		.id = prng_chance(p, 500) ? (uint32_t)f + 1 : 0,
		.qos = (uint8_t)prng_range(p, 0, 2),
		.no_local = prng_chance(p, 300),
		.retain_as_published = prng_chance(p, 300),
	};
	m->qos[o][f] = options->qos;
	assert_int_equal(subs_add(s, owner, m->filters[f], strlen(m->filters[f]), options), is_new);
}

static void model_init(struct model *m, struct prng *p)
{
	for (size_t i = 0; i < FILTERS; i++) {
		bool is_new;

		do {
			random_topic(p, m->filters[i], true);
			is_new = true;
			for (size_t k = 0; k < i; k++)
				is_new = is_new && strcmp(m->filters[i], m->filters[k]) != 0;
		} while (!is_new);
	}
	memset(m->qos, 0xff, sizeof(m->qos));
}

static void test_against_model(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct subs s;
		struct subs_owner owners[OWNERS];
		struct model m;
		struct prng p;
		size_t empty;

		prng_init(&p, seed);
		model_init(&m, &p);
		assert_int_equal(subs_init(&s), 0);
		empty = s.bytes;
		for (size_t i = 0; i < OWNERS; i++)
			subs_owner_init(&owners[i]);
		for (size_t step = 0; step < STEPS / 20; step++) {
			size_t o = prng_range(&p, 0, OWNERS - 1),
			       f = prng_range(&p, 0, FILTERS - 1);
			const char *filter = m.filters[f];
			char name[32];

			if (prng_chance(&p, 500)) {
				model_subscribe(&m, &p, &s, &owners[o], o, f);
			} else if (prng_chance(&p, 950)) {
				assert_int_equal(
				    subs_remove(&s, &owners[o], filter, strlen(filter)),
				    m.qos[o][f] >= 0);
				m.qos[o][f] = -1;
			} else {
				memset(m.qos[o], 0xff, sizeof(m.qos[o]));
				subs_remove_all(&s, &owners[o]);
			}
			random_topic(&p, name, false);
			check_match(&s, owners, &m, name, prng_range(&p, 0, OWNERS));
		}
		for (size_t i = 0; i < OWNERS; i++)
			subs_remove_all(&s, &owners[i]);
		assert_int_equal(s.bytes, empty); /* no node is left behind */
		assert_int_equal(s.node_count, 0);
		subs_fini(&s);
	}
}

static void test_limit_per_client(void **state)
{
	struct subs s;
	struct subs_owner o;
	char filter[32];
	size_t bytes;

	(void)state;
	assert_int_equal(subs_init(&s), 0);
	subs_owner_init(&o);
	for (int i = 0; i < MQTT_SUBS_PER_CLIENT_MAX; i++) {
		snprintf(filter, sizeof(filter), "x/%d/#", i);
		assert_int_equal(subs_add(&s, &o, filter, strlen(filter), &qos_1), 1);
	}
	bytes = s.bytes;
	assert_int_equal(subs_add(&s, &o, "one/too/many", 12, &qos_1), -ENOBUFS);
	assert_int_equal(s.bytes, bytes);
	assert_null(subs_match(&s, "one/too/many", 12, NULL));
	/* One that is there can still change its QoS [MQTT-3.8.4-3]. */
	assert_int_equal(subs_add(&s, &o, "x/7/#", 5, &qos_2), 0);
	assert_ptr_equal(subs_match(&s, "x/7/y", 5, NULL), &o);
	assert_int_equal(o.match_qos, 2);
	subs_remove(&s, &o, "x/7/#", 5);
	assert_int_equal(subs_add(&s, &o, "one/too/many", 12, &qos_1), 1);
	subs_remove_all(&s, &o);
	subs_fini(&s);
}

static void test_limit_of_bytes(void **state)
{
	static struct subs_owner owners[MQTT_SESSIONS_MAX];
	static char filter[MQTT_TOPIC_MAX];
	struct subs s;
	size_t added = 0;
	int r = 0;

	(void)state;
	assert_int_equal(subs_init(&s), 0);
	memset(filter, 'x', sizeof(filter));
	for (size_t i = 0; i < MQTT_SESSIONS_MAX; i++) {
		subs_owner_init(&owners[i]);
		for (size_t k = 0; r >= 0 && k < MQTT_SUBS_PER_CLIENT_MAX; k++) {
			snprintf(filter, sizeof(filter), "%zu/%zu", i, k);
			filter[strlen(filter)] = '/';
			r = subs_add(&s, &owners[i], filter, sizeof(filter), &qos_1);
			added += r == 1;
		}
	}
	assert_int_equal(r, -ENOBUFS);
	assert_true(added > 1000);
	assert_true(s.bytes <= MQTT_SUBS_BYTES_MAX);
	for (size_t i = 0; i < MQTT_SESSIONS_MAX; i++)
		subs_remove_all(&s, &owners[i]);
	assert_int_equal(s.node_count, 0);
	subs_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_model),
		cmocka_unit_test(test_limit_per_client),
		cmocka_unit_test(test_limit_of_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
