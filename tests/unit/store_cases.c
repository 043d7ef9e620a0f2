/* SPDX-License-Identifier: Apache-2.0 */
#include "store_cases.h"

#include "base/limits.h"
#include "base/prng.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define ROOMY 1000000

/* The constructor under test. */
static struct store *(*new_store)(uint64_t max_bytes);

static struct store *store_with_queues(uint64_t max_bytes, unsigned queues[2])
{
	struct store *s = new_store(max_bytes);

	assert_non_null(s);
	assert_int_equal(s->ops->open_queue(s, "one", &queues[0]), 0);
	assert_int_equal(s->ops->open_queue(s, "two", &queues[1]), 0);
	assert_int_not_equal(queues[0], queues[1]);
	return s;
}

static int add_one(
    struct store *s, uint64_t seq, unsigned queue, uint8_t priority, const char *topic)
{
	const struct store_target t = {
		.queue = queue, .topic = span_text(topic), .qos = 1, .priority = priority
	};

	return s->ops->add(s, seq, 1000, span_text("payload"), &t, 1);
}

static int add_last(
    struct store *s, uint64_t seq, unsigned queue, uint8_t priority, const char *topic)
{
	const struct store_target t = { .queue = queue,
		.topic = span_text(topic),
		.qos = 1,
		.priority = priority,
		.keep_last = true };

	return s->ops->add(s, seq, 1000, span_text("payload"), &t, 1);
}

static void assert_span(struct span got, const char *want)
{
	assert_int_equal(got.len, strlen(want));
	if (got.len > 0)
		assert_memory_equal(got.data, want, got.len);
}

static struct store_usage usage_of(struct store *s, unsigned queue)
{
	struct store_usage u;

	s->ops->usage(s, queue, &u);
	return u;
}

static struct store_usage total_of(struct store *s)
{
	struct store_usage u;

	s->ops->total(s, &u);
	return u;
}

static void assert_usage(struct store_usage u, uint64_t messages, uint64_t bytes, uint64_t dead)
{
	assert_int_equal(u.messages, messages);
	assert_int_equal(u.bytes, bytes);
	assert_int_equal(u.dead_letters, dead);
}

static void test_empty(void **state)
{
	unsigned q[2], again;
	struct store *s = store_with_queues(ROOMY, q);
	struct store_entry e;
	uint64_t seq;

	(void)state;
	assert_int_equal(s->max_bytes, ROOMY);
	assert_int_equal(s->ops->last_seq(s), 0);
	assert_false(s->ops->head(s, q[0], &e));
	assert_false(s->ops->oldest(s, q[0], &e));
	assert_false(s->ops->get(s, q[0], 1, &e));
	assert_false(s->ops->next(s, q[0], false, 0, &e));
	assert_false(s->ops->next(s, q[0], true, 0, &e));
	assert_false(s->ops->find_topic(s, q[0], span_text("t"), &seq));
	assert_int_equal(s->ops->remove(s, q[0], 1), -ENOENT);
	assert_int_equal(s->ops->mark(s, q[0], 1, 1, STORE_MAYBE_SENT), -ENOENT);
	assert_int_equal(s->ops->bury(s, q[0], 1, "no"), -ENOENT);
	assert_int_equal(s->ops->revive(s, q[0], 1), -ENOENT);
	assert_int_equal(s->ops->commit(s), 0);
	assert_usage(total_of(s), 0, 0, 0);
	assert_int_equal(s->ops->open_queue(s, "one", &again), 0);
	assert_int_equal(again, q[0]);
	store_free(s);
	store_free(NULL);
}

/* Everything that was put in comes out, of both targets. */
static void test_fields(void **state)
{
	unsigned q[2];
	struct store *s = store_with_queues(ROOMY, q);
	const uint8_t binary[] = { 0, '\r', '\n', 0xff, '"' };
	const struct store_target targets[2] = {
		{ .queue = q[0],
		    .topic = span_text("a/b"),
		    .qos = 2,
		    .priority = 7,
		    .retain = true },
		{ .queue = q[1], .topic = span_text("c"), .qos = 1, .expires_ms = 1234567890123 },
	};
	struct store_entry e;

	(void)state;
	assert_int_equal(
	    s->ops->add(s, 41, 1700000000000, (struct span){ binary, 5 }, targets, 2), 0);
	assert_int_equal(s->ops->last_seq(s), 41);

	assert_true(s->ops->head(s, q[0], &e));
	assert_int_equal(e.seq, 41);
	assert_int_equal(e.queue, q[0]);
	assert_span(e.topic, "a/b");
	assert_int_equal(e.payload.len, 5);
	assert_memory_equal(e.payload.data, binary, 5);
	assert_int_equal(e.qos, 2);
	assert_int_equal(e.priority, 7);
	assert_true(e.retain);
	assert_int_equal(e.state, STORE_FRESH);
	assert_int_equal(e.tries, 0);
	assert_int_equal(e.accepted_ms, 1700000000000);
	assert_int_equal(e.expires_ms, 0);
	assert_null(e.reason);

	assert_true(s->ops->get(s, q[1], 41, &e));
	assert_span(e.topic, "c");
	assert_int_equal(e.qos, 1);
	assert_int_equal(e.priority, 0);
	assert_false(e.retain);
	assert_int_equal(e.expires_ms, 1234567890123);
	store_free(s);
}

static void test_empty_payload(void **state)
{
	unsigned q[2];
	struct store *s = store_with_queues(ROOMY, q);
	const struct store_target t = { .queue = q[0], .topic = span_text("t") };
	struct store_entry e;

	(void)state;
	assert_int_equal(s->ops->add(s, 1, 0, (struct span){ 0 }, &t, 1), 0);
	assert_true(s->ops->head(s, q[0], &e));
	assert_int_equal(e.payload.len, 0);
	assert_usage(usage_of(s, q[0]), 1, 1, 0);
	store_free(s);
}

/* Priority first, then sequence number; each row is one queue's history. */
static void test_order(void **state)
{
	static const struct {
		const char *priorities; /* of the messages 1, 2, 3, ... */
		const char *leaves;     /* their numbers in the order of leaving */
		uint64_t oldest;        /* given up first */
	} rows[] = {
		{ "0", "1", 1 },
		{ "000", "123", 1 },
		{ "007", "312", 1 },
		{ "7654", "1234", 4 },
		{ "4567", "4321", 1 },
		{ "3030", "1324", 2 },
		{ "7070707", "1357246", 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned q[2];
		struct store *s = store_with_queues(ROOMY, q);
		struct store_entry e;

		for (size_t k = 0; rows[i].priorities[k]; k++)
			assert_int_equal(add_one(s, k + 1, q[i % 2],
					     (uint8_t)(rows[i].priorities[k] - '0'), "t"),
			    0);
		assert_true(s->ops->oldest(s, q[i % 2], &e));
		assert_int_equal(e.seq, rows[i].oldest);
		for (size_t k = 0; rows[i].leaves[k]; k++) {
			assert_true(s->ops->head(s, q[i % 2], &e));
			assert_int_equal(e.seq, rows[i].leaves[k] - '0');
			assert_int_equal(s->ops->remove(s, q[i % 2], e.seq), 0);
		}
		assert_false(s->ops->head(s, q[i % 2], &e));
		store_free(s);
	}
}

static void test_limit_is_exact(void **state)
{
	unsigned q[2];
	struct store *s = store_with_queues(20, q);
	const struct store_target both[2] = { { .queue = q[0], .topic = span_text("abc") },
		{ .queue = q[1], .topic = span_text("defg") } };
	struct store_entry e;

	(void)state;
	/* 3 + 4 + 14 bytes: one too many, and nothing is left of it. */
	assert_int_equal(s->ops->add(s, 1, 0, span_text("12345678901234"), both, 2), -ENOSPC);
	assert_false(s->ops->head(s, q[0], &e));
	assert_int_equal(s->ops->last_seq(s), 0);
	assert_usage(total_of(s), 0, 0, 0);

	assert_int_equal(s->ops->add(s, 1, 0, span_text("1234567890123"), both, 2), 0);
	assert_int_equal(add_one(s, 2, q[0], 0, ""), -ENOSPC);

	/* The shared body leaves with the last entry that carries it. */
	assert_int_equal(s->ops->remove(s, q[0], 1), 0);
	assert_usage(total_of(s), 1, 17, 0);
	assert_int_equal(s->ops->remove(s, q[1], 1), 0);
	assert_usage(total_of(s), 0, 0, 0);
	assert_int_equal(add_one(s, 2, q[0], 0, "t"), 0);

	/* A smaller limit takes nothing away, but lets nothing in. */
	s->max_bytes = 1;
	assert_int_equal(add_one(s, 3, q[0], 0, ""), -ENOSPC);
	assert_true(s->ops->head(s, q[0], &e));
	store_free(s);
}

static void test_usage(void **state)
{
	unsigned q[2];
	struct store *s = store_with_queues(ROOMY, q);
	const struct store_target both[2] = { { .queue = q[0], .topic = span_text("abc") },
		{ .queue = q[1], .topic = span_text("defg") } };

	(void)state;
	assert_int_equal(s->ops->add(s, 1, 0, span_text("0123456789"), both, 2), 0);
	assert_int_equal(add_one(s, 2, q[0], 0, "t"), 0);
	assert_usage(usage_of(s, q[0]), 2, 13 + 8, 0);
	assert_usage(usage_of(s, q[1]), 1, 14, 0);
	assert_usage(total_of(s), 3, 17 + 8, 0);
	/* A dead letter does not wait, but keeps its room. */
	assert_int_equal(s->ops->bury(s, q[0], 1, "why"), 0);
	assert_usage(usage_of(s, q[0]), 1, 13 + 8, 1);
	assert_usage(total_of(s), 2, 17 + 8, 1);
	assert_int_equal(s->ops->remove(s, q[0], 1), 0);
	assert_usage(usage_of(s, q[0]), 1, 8, 0);
	assert_usage(total_of(s), 2, 14 + 8, 0);
	store_free(s);
}

static uint64_t head_of(struct store *s, unsigned queue)
{
	struct store_entry e;

	return s->ops->head(s, queue, &e) ? e.seq : 0;
}

/* What was retired is gone for everybody, whether it was swept or not. */
static void test_retire(void **state)
{
	unsigned q[2];
	struct store *s = store_with_queues(ROOMY, q);
	const struct store_target both[2] = { { .queue = q[0], .topic = span_text("t") },
		{ .queue = q[1], .topic = span_text("t") } };
	struct store_entry e;
	uint64_t seq;

	(void)state;
	for (uint64_t i = 1; i <= 4; i++)
		assert_int_equal(add_one(s, i, q[0], i % 2 ? 0 : 3, "t"), 0);
	assert_int_equal(add_last(s, 5, q[0], 7, "t"), 0);
	assert_int_equal(s->ops->add(s, 6, 0, span_text("body"), both, 2), 0);
	assert_int_equal(s->ops->retire(s, q[0], 7), -ENOENT);
	assert_int_equal(s->ops->retire(s, q[0], 5), 0);
	assert_false(s->ops->find_topic(s, q[0], span_text("t"), &seq));
	assert_int_equal(s->ops->retire(s, q[0], 2), 0);
	assert_int_equal(head_of(s, q[0]), 4);
	assert_int_equal(s->ops->retire(s, q[0], 2), -ENOENT);
	assert_int_equal(s->ops->remove(s, q[0], 2), -ENOENT);
	assert_int_equal(s->ops->mark(s, q[0], 2, 1, STORE_MAYBE_SENT), -ENOENT);
	assert_int_equal(s->ops->bury(s, q[0], 2, "why"), -ENOENT);
	assert_false(s->ops->get(s, q[0], 2, &e));
	assert_true(s->ops->next(s, q[0], false, 1, &e));
	assert_int_equal(e.seq, 3);
	assert_int_equal(s->ops->commit(s), 0);
	assert_int_equal(s->ops->retire(s, q[0], 1), 0);
	assert_true(s->ops->oldest(s, q[0], &e));
	assert_int_equal(e.seq, 3);
	assert_int_equal(s->ops->retire(s, q[0], 6), 0);
	assert_usage(usage_of(s, q[0]), 2, 2 * 8, 0);
	assert_usage(total_of(s), 3, 2 * 8 + 5, 0);
	store_sweep(s);
	assert_int_equal(s->ops->commit(s), 0);
	assert_usage(usage_of(s, q[0]), 2, 2 * 8, 0);
	assert_usage(total_of(s), 3, 2 * 8 + 5, 0);
	assert_int_equal(head_of(s, q[0]), 4);
	store_free(s);
}

/* A dead letter goes back to its place, which may be before others that were retired. */
static void test_revive_before_retired(void **state)
{
	unsigned q[2];
	struct store *s = store_with_queues(ROOMY, q);

	(void)state;
	for (uint64_t i = 1; i <= 4; i++)
		assert_int_equal(add_one(s, i, q[0], 3, "t"), 0);
	assert_int_equal(s->ops->bury(s, q[0], 1, "why"), 0);
	assert_int_equal(s->ops->retire(s, q[0], 2), 0);
	assert_int_equal(s->ops->retire(s, q[0], 3), 0);
	assert_int_equal(s->ops->revive(s, q[0], 1), 0);
	assert_int_equal(head_of(s, q[0]), 1);
	assert_int_equal(s->ops->retire(s, q[0], 1), 0);
	assert_int_equal(head_of(s, q[0]), 4);
	store_sweep(s);
	assert_int_equal(s->ops->commit(s), 0);
	assert_usage(total_of(s), 1, 8, 0);
	assert_int_equal(s->ops->retire(s, q[0], 4), 0);
	assert_int_equal(s->ops->drop_queue(s, q[0]), 0);
	assert_usage(total_of(s), 0, 0, 0);
	store_free(s);
}

static void test_find_topic(void **state)
{
	unsigned q[2];
	struct store *s = store_with_queues(ROOMY, q);
	uint64_t seq = 99;

	(void)state;
	assert_int_equal(add_last(s, 1, q[0], 0, "t"), 0);
	assert_int_equal(add_last(s, 2, q[0], 7, "t"), 0);
	assert_int_equal(add_last(s, 3, q[0], 0, "tt"), 0);
	assert_int_equal(add_last(s, 4, q[1], 0, "t"), 0);
	/* One that is to be kept beside the others. */
	assert_int_equal(add_one(s, 5, q[0], 0, "t"), 0);
	assert_true(s->ops->find_topic(s, q[0], span_text("t"), &seq));
	assert_int_equal(seq, 2);
	/* Dead letters do not wait. */
	assert_int_equal(s->ops->bury(s, q[0], 2, "why"), 0);
	assert_true(s->ops->find_topic(s, q[0], span_text("t"), &seq));
	assert_int_equal(seq, 1);
	/* Back again, it is what it was. */
	assert_int_equal(s->ops->revive(s, q[0], 2), 0);
	assert_true(s->ops->find_topic(s, q[0], span_text("t"), &seq));
	assert_int_equal(seq, 2);
	assert_int_equal(s->ops->remove(s, q[0], 2), 0);
	assert_int_equal(s->ops->remove(s, q[0], 1), 0);
	seq = 99;
	assert_false(s->ops->find_topic(s, q[0], span_text("t"), &seq));
	assert_int_equal(seq, 99);
	store_free(s);
}

static void test_mark(void **state)
{
	unsigned q[2];
	struct store *s = store_with_queues(ROOMY, q);
	struct store_entry e;

	(void)state;
	assert_int_equal(add_one(s, 1, q[0], 0, "t"), 0);
	assert_int_equal(s->ops->mark(s, q[0], 1, 2, STORE_MAYBE_SENT), 0);
	assert_true(s->ops->head(s, q[0], &e));
	assert_int_equal(e.tries, 2);
	assert_int_equal(e.state, STORE_MAYBE_SENT);
	assert_int_equal(s->ops->mark(s, q[1], 1, 1, STORE_MAYBE_SENT), -ENOENT);
	store_free(s);
}

static void test_dead_letters(void **state)
{
	unsigned q[2];
	struct store *s = store_with_queues(ROOMY, q);
	struct store_entry e;

	(void)state;
	for (uint64_t seq = 1; seq <= 4; seq++)
		assert_int_equal(add_one(s, seq, q[0], 3, "t"), 0);
	assert_int_equal(s->ops->mark(s, q[0], 2, 3, STORE_MAYBE_SENT), 0);
	assert_int_equal(s->ops->bury(s, q[0], 2, "refused 3 times"), 0);
	assert_int_equal(s->ops->bury(s, q[0], 2, "again"), -ENOENT);
	assert_int_equal(s->ops->revive(s, q[0], 3), -ENOENT);

	assert_true(s->ops->get(s, q[0], 2, &e));
	assert_string_equal(e.reason, "refused 3 times");
	assert_span(e.payload, "payload");

	/* It is not in the way of those behind it. */
	assert_int_equal(s->ops->remove(s, q[0], 1), 0);
	assert_true(s->ops->head(s, q[0], &e));
	assert_int_equal(e.seq, 3);
	assert_true(s->ops->oldest(s, q[0], &e));
	assert_int_equal(e.seq, 3);

	/* Back to its old place, and as if it had never been tried. */
	assert_int_equal(s->ops->revive(s, q[0], 2), 0);
	assert_true(s->ops->head(s, q[0], &e));
	assert_int_equal(e.seq, 2);
	assert_int_equal(e.tries, 0);
	assert_null(e.reason);
	store_free(s);
}

static void test_long_reason_is_cut(void **state)
{
	unsigned q[2];
	struct store *s = store_with_queues(ROOMY, q);
	struct store_entry e;
	char reason[4000];

	(void)state;
	memset(reason, 'x', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	assert_int_equal(add_one(s, 1, q[0], 0, "t"), 0);
	assert_int_equal(s->ops->bury(s, q[0], 1, reason), 0);
	assert_true(s->ops->get(s, q[0], 1, &e));
	assert_true(strlen(e.reason) >= 80);
	assert_memory_equal(e.reason, reason, strlen(e.reason));
	store_free(s);
}

/* By number, whatever the priorities; living and dead apart. */
static void test_next(void **state)
{
	unsigned q[2];
	struct store *s = store_with_queues(ROOMY, q);
	static const uint64_t living[] = { 1, 3, 5, 6 }, dead[] = { 2, 4 };
	struct store_entry e;
	uint64_t after = 0;

	(void)state;
	for (uint64_t seq = 1; seq <= 6; seq++)
		assert_int_equal(add_one(s, seq, q[0], (uint8_t)(seq % 3), "t"), 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(s->ops->bury(s, q[0], dead[i], "why"), 0);
	for (size_t i = 0; i < 4; i++) {
		assert_true(s->ops->next(s, q[0], false, after, &e));
		assert_int_equal(e.seq, living[i]);
		assert_null(e.reason);
		after = e.seq;
	}
	assert_false(s->ops->next(s, q[0], false, after, &e));
	after = 0;
	for (size_t i = 0; i < 2; i++) {
		assert_true(s->ops->next(s, q[0], true, after, &e));
		assert_int_equal(e.seq, dead[i]);
		assert_string_equal(e.reason, "why");
		after = e.seq;
	}
	assert_false(s->ops->next(s, q[0], true, after, &e));
	store_free(s);
}

/* A number that was used is not forgotten when its message leaves. */
static void test_last_seq(void **state)
{
	unsigned q[2];
	struct store *s = store_with_queues(ROOMY, q);

	(void)state;
	assert_int_equal(add_one(s, 7, q[0], 0, "t"), 0);
	assert_int_equal(s->ops->remove(s, q[0], 7), 0);
	assert_int_equal(s->ops->last_seq(s), 7);
	assert_true(add_one(s, 7, q[0], 0, "t") < 0);
	assert_int_equal(s->ops->last_seq(s), 7);
	store_free(s);
}

/* ---- what belongs to local sessions ---- */

static void test_fields_of_sessions(void **state)
{
	unsigned q[2];
	struct store *s = store_with_queues(ROOMY, q);
	const uint8_t properties[] = { 3, 0, 0xff };
	const struct store_target targets[2] = {
		{ .queue = q[0],
		    .topic = span_text("a"),
		    .properties = { properties, 3 },
		    .packet_id = 65535,
		    .keep_last = true },
		{ .queue = q[1], .topic = span_text("a") },
	};
	struct store_entry e;

	(void)state;
	assert_int_equal(s->ops->add(s, 1, 0, span_text("xy"), targets, 2), 0);
	assert_true(s->ops->head(s, q[0], &e));
	assert_int_equal(e.properties.len, 3);
	assert_memory_equal(e.properties.data, properties, 3);
	assert_int_equal(e.packet_id, 65535);
	assert_true(e.keep_last);
	assert_int_equal(e.state, STORE_FRESH);
	assert_true(s->ops->head(s, q[1], &e));
	assert_int_equal(e.properties.len, 0);
	assert_int_equal(e.packet_id, 0);
	assert_false(e.keep_last);
	assert_usage(usage_of(s, q[0]), 1, 1 + 3 + 2, 0);
	assert_usage(total_of(s), 2, 1 + 3 + 1 + 2, 0);

	assert_int_equal(s->ops->mark(s, q[0], 1, 0, STORE_RELEASED), 0);
	assert_true(s->ops->get(s, q[0], 1, &e));
	assert_int_equal(e.state, STORE_RELEASED);
	/* A dead letter is all that it was. */
	assert_int_equal(s->ops->bury(s, q[0], 1, "why"), 0);
	assert_true(s->ops->get(s, q[0], 1, &e));
	assert_int_equal(e.state, STORE_RELEASED);
	assert_int_equal(e.packet_id, 65535);
	assert_memory_equal(e.properties.data, properties, 3);
	assert_int_equal(s->ops->remove(s, q[0], 1), 0);
	assert_usage(total_of(s), 1, 1 + 2, 0);
	store_free(s);
}

/* One body, whatever the number of those that get it. */
static void test_many_targets(void **state)
{
	static struct store_target targets[STORE_TARGETS_MAX + 1];
	struct store *s = new_store(ROOMY);
	struct store_entry e;

	(void)state;
	assert_non_null(s);
	for (size_t i = 0; i <= STORE_TARGETS_MAX; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%zu", i);
		targets[i] = (struct store_target){ .topic = span_text("tt"),
			.packet_id = (uint16_t)i,
			.properties = span_text(i % 7 ? "" : "p") };
		assert_int_equal(s->ops->open_queue(s, name, &targets[i].queue), 0);
	}
	assert_int_equal(
	    s->ops->add(s, 1, 0, span_text("body"), targets, STORE_TARGETS_MAX + 1), -EINVAL);
	assert_int_equal(s->ops->add(s, 1, 0, span_text("body"), targets, 0), -EINVAL);
	assert_int_equal(s->ops->add(s, 1, 0, span_text("body"), targets, STORE_TARGETS_MAX), 0);
	assert_usage(total_of(s), STORE_TARGETS_MAX,
	    4 + 2 * STORE_TARGETS_MAX + (STORE_TARGETS_MAX + 6) / 7, 0);
	for (size_t i = 0; i < STORE_TARGETS_MAX; i++) {
		assert_true(s->ops->head(s, targets[i].queue, &e));
		assert_span(e.topic, "tt");
		assert_span(e.payload, "body");
		assert_span(e.properties, i % 7 ? "" : "p");
		assert_int_equal(e.packet_id, i);
	}
	for (size_t i = 0; i < STORE_TARGETS_MAX; i++) {
		if (i % 2)
			assert_int_equal(s->ops->remove(s, targets[i].queue, 1), 0);
		else
			assert_int_equal(s->ops->drop_queue(s, targets[i].queue), 0);
	}
	assert_usage(total_of(s), 0, 0, 0);
	store_free(s);
}

static void assert_queue(struct store *s, int after, unsigned queue, const char *name)
{
	const char *found = NULL;
	unsigned number = 0;

	assert_true(s->ops->next_queue(s, after, &number, &found));
	assert_int_equal(number, queue);
	assert_string_equal(found, name);
}

static void test_queues(void **state)
{
	unsigned q[2], third, number;
	struct store *s = store_with_queues(ROOMY, q);
	const char *name;

	(void)state;
	assert_queue(s, -1, q[0], "one");
	assert_queue(s, (int)q[0], q[1], "two");
	assert_false(s->ops->next_queue(s, (int)q[1], &number, &name));
	assert_int_equal(s->ops->drop_queue(s, q[0]), 0);
	assert_int_equal(s->ops->drop_queue(s, q[0]), -ENOENT);
	assert_int_equal(s->ops->drop_queue(s, STORE_QUEUES_MAX), -ENOENT);
	assert_queue(s, -1, q[1], "two");
	/* Its number is free for another one. */
	assert_int_equal(s->ops->open_queue(s, "three", &third), 0);
	assert_int_equal(third, q[0]);
	assert_queue(s, -1, third, "three");
	store_free(s);
}

static void test_queues_are_bounded(void **state)
{
	struct store *s = new_store(ROOMY);
	char name[16];
	unsigned q;

	(void)state;
	assert_non_null(s);
	for (unsigned i = 0; i < STORE_QUEUES_MAX; i++) {
		snprintf(name, sizeof(name), "%u", i);
		assert_int_equal(s->ops->open_queue(s, name, &q), 0);
		assert_int_equal(q, i);
	}
	assert_int_equal(s->ops->open_queue(s, "more", &q), -ENOSPC);
	assert_int_equal(s->ops->open_queue(s, "7", &q), 0);
	assert_int_equal(q, 7);
	/* The last one is as good as the first. */
	assert_int_equal(add_one(s, 1, STORE_QUEUES_MAX - 1, 7, "t"), 0);
	assert_int_equal(add_one(s, 2, STORE_QUEUES_MAX - 1, 0, "t"), 0);
	assert_int_equal(s->ops->remove(s, STORE_QUEUES_MAX - 1, 1), 0);
	assert_usage(usage_of(s, STORE_QUEUES_MAX - 1), 1, 8, 0);
	assert_usage(usage_of(s, STORE_QUEUES_MAX - 2), 0, 0, 0);
	assert_int_equal(s->ops->drop_queue(s, 3), 0);
	assert_int_equal(s->ops->open_queue(s, "more", &q), 0);
	assert_int_equal(q, 3);
	store_free(s);
}

/* All that is in it goes with it, and nothing else does. */
static void test_drop_queue(void **state)
{
	unsigned q[2], again;
	struct store *s = store_with_queues(ROOMY, q);
	const struct store_target both[2] = { { .queue = q[0], .topic = span_text("abc") },
		{ .queue = q[1], .topic = span_text("defg") } };
	struct span key, value;
	struct store_entry e;
	uint64_t seq;

	(void)state;
	assert_int_equal(s->ops->add(s, 1, 0, span_text("0123456789"), both, 2), 0);
	assert_int_equal(s->ops->add(s, 2, 0, span_text("9876543210"), both, 2), 0);
	assert_int_equal(add_last(s, 3, q[0], 7, "last"), 0);
	assert_int_equal(add_one(s, 4, q[1], 0, "stays"), 0);
	assert_int_equal(s->ops->bury(s, q[0], 2, "why"), 0);
	assert_int_equal(
	    s->ops->put_note(s, q[0], STORE_NOTE_SESSION, span_text("k"), span_text("v")), 0);
	assert_int_equal(
	    s->ops->put_note(s, q[1], STORE_NOTE_SESSION, span_text("k"), span_text("w")), 0);
	assert_int_equal(s->ops->drop_queue(s, q[0]), 0);
	assert_usage(total_of(s), 3, 2 * 14 + 12, 0);
	assert_usage(usage_of(s, q[0]), 0, 0, 0);
	assert_false(s->ops->head(s, q[0], &e));
	assert_int_equal(add_one(s, 5, q[0], 0, "t"), -EINVAL);

	assert_int_equal(s->ops->open_queue(s, "another", &again), 0);
	assert_int_equal(again, q[0]);
	assert_false(s->ops->next(s, again, false, 0, &e));
	assert_false(s->ops->next(s, again, true, 0, &e));
	assert_false(s->ops->find_topic(s, again, span_text("last"), &seq));
	assert_false(
	    s->ops->next_note(s, again, STORE_NOTE_SESSION, (struct span){ 0 }, &key, &value));

	assert_true(s->ops->get(s, q[1], 1, &e));
	assert_span(e.payload, "0123456789");
	assert_true(s->ops->get(s, q[1], 2, &e));
	assert_span(e.payload, "9876543210");
	assert_int_equal(s->ops->drop_queue(s, q[1]), 0);
	assert_usage(total_of(s), 0, 0, 0);
	assert_int_equal(s->ops->last_seq(s), 4);
	store_free(s);
}

static void assert_note(struct store *s, unsigned queue, enum store_note kind, const char *after,
    const char *key, const char *value)
{
	struct span found_key, found_value;

	assert_true(s->ops->next_note(s, queue, kind, span_text(after), &found_key, &found_value));
	assert_span(found_key, key);
	assert_span(found_value, value);
}

static void assert_no_note(struct store *s, unsigned queue, enum store_note kind, const char *after)
{
	struct span key, value;

	assert_false(s->ops->next_note(s, queue, kind, span_text(after), &key, &value));
}

static void test_notes(void **state)
{
	static const char *const sorted[] = { "#", "+/b", "A", "a", "a/", "a/b", "b", "\303\244" };
	const enum store_note kind = STORE_NOTE_SUBSCRIPTION;
	unsigned q[2];
	struct store *s = store_with_queues(ROOMY, q);
	struct span key = { 0 }, value;

	(void)state;
	assert_no_note(s, q[0], kind, "");
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(
		    s->ops->put_note(s, q[0], kind, span_text(sorted[i * 3 % 8]), span_text("1")),
		    0);
	assert_int_equal(
	    s->ops->put_note(s, q[0], STORE_NOTE_SESSION, span_text("a"), span_text("x")), 0);
	assert_int_equal(s->ops->put_note(s, q[1], kind, span_text("a"), span_text("y")), 0);
	assert_int_equal(
	    s->ops->put_note(s, q[0], STORE_NOTE_RECEIVED, span_text("17"), span_text("")), 0);
	/* The walk may go on with what it gave. */
	for (size_t i = 0; i < 8; i++) {
		assert_true(s->ops->next_note(s, q[0], kind, key, &key, &value));
		assert_span(key, sorted[i]);
		assert_span(value, "1");
	}
	assert_false(s->ops->next_note(s, q[0], kind, key, &key, &value));
	/* In the place of what was there. */
	assert_int_equal(
	    s->ops->put_note(s, q[0], kind, span_text("a"), span_text("two words")), 0);
	assert_note(s, q[0], kind, "A", "a", "two words");
	assert_note(s, q[0], kind, "a", "a/", "1");
	/* Behind one that is not there. */
	assert_int_equal(s->ops->drop_note(s, q[0], kind, span_text("a/")), 0);
	assert_int_equal(s->ops->drop_note(s, q[0], kind, span_text("a/")), -ENOENT);
	assert_note(s, q[0], kind, "a/", "a/b", "1");
	assert_note(s, q[0], STORE_NOTE_SESSION, "", "a", "x");
	assert_note(s, q[1], kind, "", "a", "y");
	assert_note(s, q[0], STORE_NOTE_RECEIVED, "", "17", "");
	assert_no_note(s, q[0], STORE_NOTE_RECEIVED, "17");
	assert_usage(total_of(s), 0, 0, 0);
	store_free(s);
}

static void test_notes_are_bounded(void **state)
{
	static uint8_t bytes[STORE_NOTE_MAX + 1];
	const struct span most = { bytes, STORE_NOTE_MAX }, more = { bytes, STORE_NOTE_MAX + 1 };
	unsigned q[2];
	struct store *s = store_with_queues(ROOMY, q);
	struct span key, value;

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(s->ops->put_note(s, q[0], 0, (struct span){ 0 }, span_text("v")), -EINVAL);
	assert_int_equal(s->ops->put_note(s, q[0], 0, more, span_text("v")), -EINVAL);
	assert_int_equal(s->ops->put_note(s, q[0], 0, span_text("k"), more), -EINVAL);
	assert_int_equal(s->ops->put_note(s, 99, 0, span_text("k"), span_text("v")), -ENOENT);
	assert_int_equal(s->ops->drop_note(s, 99, 0, span_text("k")), -ENOENT);
	assert_int_equal(s->ops->put_note(s, q[0], 0, most, most), 0);
	assert_true(s->ops->next_note(s, q[0], 0, (struct span){ 0 }, &key, &value));
	assert_int_equal(key.len, STORE_NOTE_MAX);
	assert_int_equal(value.len, STORE_NOTE_MAX);
	store_free(s);
}

/* ---- against a model that is too simple to be wrong ---- */

#define MODEL_MAX 24
#define STEPS     20000

struct model_item {
	uint64_t seq; /* 0: free */
	unsigned queue;
	uint8_t priority, tries;
	bool is_dead;
	size_t body_len;
	unsigned topic; /* a letter of the alphabet */
};

struct model {
	struct model_item items[MODEL_MAX];
	uint64_t last_seq;
};

static struct model_item *model_find(struct model *m, unsigned queue, uint64_t seq)
{
	for (size_t i = 0; i < MODEL_MAX; i++) {
		if (m->items[i].seq == seq && m->items[i].queue == queue)
			return &m->items[i];
	}
	return NULL;
}

static const struct model_item *model_pick(const struct model *m, unsigned queue, bool oldest)
{
	const struct model_item *best = NULL;

	for (size_t i = 0; i < MODEL_MAX; i++) {
		const struct model_item *it = &m->items[i];

		if (it->seq == 0 || it->queue != queue || it->is_dead)
			continue;
		if (best && it->priority == best->priority && it->seq > best->seq)
			continue;
		if (best && it->priority != best->priority &&
		    (it->priority > best->priority) == oldest)
			continue;
		best = it;
	}
	return best;
}

static void check_queue(struct store *s, const struct model *m, unsigned queue)
{
	const struct model_item *head = model_pick(m, queue, false);
	const struct model_item *oldest = model_pick(m, queue, true);
	struct store_usage want = { 0 };
	struct store_entry e;

	for (size_t i = 0; i < MODEL_MAX; i++) {
		const struct model_item *it = &m->items[i];

		if (it->seq == 0 || it->queue != queue)
			continue;
		want.messages += !it->is_dead;
		want.dead_letters += it->is_dead;
		want.bytes += it->body_len + 1;
	}
	assert_usage(usage_of(s, queue), want.messages, want.bytes, want.dead_letters);
	assert_int_equal(s->ops->head(s, queue, &e), head != NULL);
	if (head) {
		assert_int_equal(e.seq, head->seq);
		assert_int_equal(e.tries, head->tries);
		assert_int_equal(e.payload.len, head->body_len);
		assert_int_equal(e.topic.data[0], 'a' + (int)head->topic);
		assert_true(s->ops->oldest(s, queue, &e));
		assert_int_equal(e.seq, oldest->seq);
	}
}

static void model_add(struct store *s, struct model *m, struct prng *p, const unsigned q[2])
{
	static const char body[] = "0123456789";
	struct model_item fresh = { .seq = m->last_seq + prng_range(p, 1, 3),
		.priority = (uint8_t)prng_range(p, 0, 7),
		.body_len = prng_range(p, 0, 10),
		.topic = (unsigned)prng_range(p, 0, 2) };
	size_t count = prng_range(p, 1, 2), first = prng_range(p, 0, 1);
	uint8_t topic = (uint8_t)('a' + fresh.topic);
	struct store_target targets[2];

	for (size_t i = 0; i < count; i++)
		targets[i] = (struct store_target){ .queue = q[(first + i) % 2],
			.topic = { &topic, 1 },
			.priority = fresh.priority };
	for (size_t i = 0; i < count; i++) {
		struct model_item *free_slot = model_find(m, 0, 0);

		if (!free_slot) {
			for (size_t k = 0; k < i; k++)
				*model_find(m, targets[k].queue, fresh.seq) =
				    (struct model_item){ 0 };
			return;
		}
		*free_slot = fresh;
		free_slot->queue = targets[i].queue;
	}
	assert_int_equal(
	    s->ops->add(s, fresh.seq, 0, (struct span){ (const uint8_t *)body, fresh.body_len },
		targets, count),
	    0);
	m->last_seq = fresh.seq;
}

static void model_change(struct store *s, struct model_item *it, struct prng *p)
{
	switch (prng_range(p, 0, 4)) {
	case 0:
		assert_int_equal(s->ops->remove(s, it->queue, it->seq), 0);
		*it = (struct model_item){ 0 };
		break;
	case 4:
		assert_int_equal(s->ops->retire(s, it->queue, it->seq), 0);
		*it = (struct model_item){ 0 };
		break;
	case 1:
		assert_int_equal(
		    s->ops->bury(s, it->queue, it->seq, "why"), it->is_dead ? -ENOENT : 0);
		it->is_dead = true;
		break;
	case 2:
		assert_int_equal(s->ops->revive(s, it->queue, it->seq), it->is_dead ? 0 : -ENOENT);
		it->tries = it->is_dead ? 0 : it->tries;
		it->is_dead = false;
		break;
	case 3:
		it->tries++;
		assert_int_equal(
		    s->ops->mark(s, it->queue, it->seq, it->tries, STORE_MAYBE_SENT), 0);
		break;
	default:
		break;
	}
}

static void test_against_model(void **state)
{
	unsigned q[2];
	struct store *s = store_with_queues(ROOMY, q);
	struct model m = { 0 };
	struct prng p;

	(void)state;
	prng_init(&p, 7);
	for (size_t i = 0; i < STEPS; i++) {
		struct model_item *it = &m.items[prng_range(&p, 0, MODEL_MAX - 1)];

		if (it->seq == 0)
			model_add(s, &m, &p, q);
		else
			model_change(s, it, &p);
		if (prng_chance(&p, 20))
			store_sweep(s);
		if (prng_chance(&p, 100))
			assert_int_equal(s->ops->commit(s), 0);
		check_queue(s, &m, q[0]);
		check_queue(s, &m, q[1]);
		assert_int_equal(s->ops->last_seq(s), m.last_seq);
	}
	store_free(s);
}

int store_cases_run(const char *name, struct store *(*constructor)(uint64_t max_bytes))
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_empty_payload),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_limit_is_exact),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_retire),
		cmocka_unit_test(test_revive_before_retired),
		cmocka_unit_test(test_find_topic),
		cmocka_unit_test(test_mark),
		cmocka_unit_test(test_dead_letters),
		cmocka_unit_test(test_long_reason_is_cut),
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_last_seq),
		cmocka_unit_test(test_fields_of_sessions),
		cmocka_unit_test(test_many_targets),
		cmocka_unit_test(test_queues),
		cmocka_unit_test(test_queues_are_bounded),
		cmocka_unit_test(test_drop_queue),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_notes_are_bounded),
		cmocka_unit_test(test_against_model),
	};

	new_store = constructor;
	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}
