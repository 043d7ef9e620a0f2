/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "bridge/outbox.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define TRIES_MAX 3

struct fixture {
	struct store *store;
	struct outbox outbox;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->store = store_ram_new(STORE_BYTES_DEFAULT);
	assert_int_equal(outbox_init(&f->outbox, f->store, "cloud"), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	outbox_fini(&f->outbox);
	store_free(f->store);
	free(f);
	return 0;
}

/* QoS 0 goes to the queue in memory, as the core does it. */
static void put(struct fixture *f, uint64_t seq, uint8_t qos, uint8_t priority)
{
	struct outbox *o = &f->outbox;
	struct store *s = qos == 0 ? o->memory : o->durable;
	const struct store_target t = {
		.queue = qos == 0 ? o->memory_queue : o->durable_queue,
		.topic = span_text("topic"),
		.qos = qos,
		.priority = priority,
	};

	assert_int_equal(s->ops->add(s, seq, 0, span_text("payload"), &t, 1), 0);
}

static void assert_next(struct fixture *f, uint64_t seq, uint8_t qos)
{
	struct modem_publish p;

	assert_int_equal(outbox_begin(&f->outbox, &p), 0);
	assert_int_equal(f->outbox.seq, seq);
	assert_int_equal(p.qos, qos);
	assert_int_equal(p.topic.len, 5);
	assert_memory_equal(p.topic.data, "topic", 5);
	assert_int_equal(p.payload.len, 7);
	assert_memory_equal(p.payload.data, "payload", 7);
}

/* Each message is "qos priority"; their numbers are 1, 2, 3, ... */
static void test_order(void **state)
{
	static const struct {
		const char *messages[6];
		const char *leaves;
	} rows[] = {
		{ { "10" }, "1" },
		{ { "00" }, "1" },
		{ { "10", "00", "10", "00" }, "1234" },
		{ { "00", "10", "00", "10" }, "1234" },
		{ { "10", "07", "20", "07" }, "2413" },
		{ { "03", "15", "03", "14", "06" }, "52413" },
		{ { "17", "07", "16", "06", "17", "07" }, "125634" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *fresh = NULL;
		struct fixture *f;

		setup(&fresh);
		f = fresh;
		for (size_t k = 0; k < 6 && rows[i].messages[k]; k++)
			put(f, k + 1, (uint8_t)(rows[i].messages[k][0] - '0'),
			    (uint8_t)(rows[i].messages[k][1] - '0'));
		for (size_t k = 0; rows[i].leaves[k]; k++) {
			struct modem_publish p;

			assert_int_equal(outbox_begin(&f->outbox, &p), 0);
			assert_int_equal(f->outbox.seq, rows[i].leaves[k] - '0');
			assert_int_equal(
			    outbox_finish(&f->outbox, SEND_OK, 0, TRIES_MAX, "why"), OUTBOX_SENT);
		}
		assert_int_equal(outbox_begin(&f->outbox, &(struct modem_publish){ 0 }), -ENOENT);
		teardown(&fresh);
	}
}

/* What one outcome means for a fresh message: at QoS 1 and at QoS 0. */
static void test_fates(void **state)
{
	static const struct {
		enum send_result result;
		unsigned err;
		enum outbox_fate durable; /* QoS 1 */
		uint8_t tries;
		bool maybe_sent;
		enum outbox_fate memory; /* QoS 0 */
	} rows[] = {
		{ SEND_OK, 0, OUTBOX_SENT, 0, false, OUTBOX_SENT },
		{ SEND_RETRY, 14, OUTBOX_KEPT, 0, false, OUTBOX_KEPT },
		{ SEND_SESSION, 11, OUTBOX_KEPT, 0, false, OUTBOX_DROPPED },
		{ SEND_SESSION, 6, OUTBOX_KEPT, 1, false, OUTBOX_DROPPED },
		{ SEND_UNKNOWN, 6, OUTBOX_KEPT_DUP, 1, true, OUTBOX_DROPPED },
		{ SEND_UNKNOWN, 26, OUTBOX_KEPT_DUP, 1, true, OUTBOX_DROPPED },
		{ SEND_STUCK, 0, OUTBOX_KEPT, 0, false, OUTBOX_DROPPED },
		{ SEND_POISON, 2, OUTBOX_KEPT, 1, false, OUTBOX_DROPPED },
		{ SEND_UNKNOWN, 0, OUTBOX_KEPT_DUP, 0, true, OUTBOX_DROPPED },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *fresh = NULL;
		struct fixture *f;
		struct modem_publish p;

		setup(&fresh);
		f = fresh;
		put(f, 1, 1, 0);
		assert_next(f, 1, 1);
		assert_int_equal(
		    outbox_finish(&f->outbox, rows[i].result, rows[i].err, TRIES_MAX, "why"),
		    rows[i].durable);
		if (rows[i].durable != OUTBOX_SENT) {
			assert_int_equal(outbox_begin(&f->outbox, &p), 0);
			assert_int_equal(f->outbox.tries, rows[i].tries);
			assert_int_equal(p.dup, rows[i].maybe_sent);
			outbox_finish(&f->outbox, SEND_OK, 0, TRIES_MAX, "why");
		}
		put(f, 2, 0, 0);
		assert_next(f, 2, 0);
		assert_int_equal(
		    outbox_finish(&f->outbox, rows[i].result, rows[i].err, TRIES_MAX, "why"),
		    rows[i].memory);
		assert_int_equal(
		    outbox_begin(&f->outbox, &p), rows[i].memory == OUTBOX_KEPT ? 0 : -ENOENT);
		teardown(&fresh);
	}
	(void)state;
}

/* A message that costs the connection three times does not block those behind it. */
static void check_poison(struct fixture *f, enum send_result result, unsigned err)
{
	struct store_entry e;
	struct store_usage u;

	put(f, 1, 1, 0);
	put(f, 2, 1, 0);
	for (int i = 1; i < TRIES_MAX; i++) {
		assert_next(f, 1, 1);
		assert_int_equal(outbox_finish(&f->outbox, result, err, TRIES_MAX, "why"),
		    result == SEND_UNKNOWN ? OUTBOX_KEPT_DUP : OUTBOX_KEPT);
		/* What says nothing about the message does not count against it. */
		assert_next(f, 1, 1);
		assert_int_equal(
		    outbox_finish(&f->outbox, SEND_SESSION, 11, TRIES_MAX, "why"), OUTBOX_KEPT);
		assert_next(f, 1, 1);
		assert_int_equal(
		    outbox_finish(&f->outbox, SEND_UNKNOWN, 0, TRIES_MAX, "why"), OUTBOX_KEPT_DUP);
	}
	assert_next(f, 1, 1);
	assert_int_equal(
	    outbox_finish(&f->outbox, result, err, TRIES_MAX, "not wanted"), OUTBOX_BURIED);
	assert_true(f->store->ops->get(f->store, f->outbox.durable_queue, 1, &e));
	assert_string_equal(e.reason, "not wanted");
	outbox_usage(&f->outbox, &u);
	assert_int_equal(u.messages, 1);
	assert_int_equal(u.dead_letters, 1);
	assert_next(f, 2, 1);
}

static void test_poison_by_refusal(void **state)
{
	check_poison(*state, SEND_POISON, 2);
}

static void test_poison_by_receive_failure(void **state)
{
	check_poison(*state, SEND_UNKNOWN, 6);
}

static void test_poison_by_closed_connection(void **state)
{
	check_poison(*state, SEND_SESSION, 26);
}

/* A message that gets stuck is blamed only when somebody says so. */
static void test_poison_by_silence(void **state)
{
	struct fixture *f = *state;

	put(f, 1, 1, 0);
	put(f, 2, 1, 0);
	for (int i = 1; i <= TRIES_MAX; i++) {
		assert_next(f, 1, 1);
		assert_int_equal(
		    outbox_finish(&f->outbox, SEND_STUCK, 0, TRIES_MAX, "why"), OUTBOX_KEPT);
		assert_next(f, 1, 1);
		assert_int_equal(
		    outbox_finish(&f->outbox, SEND_STUCK, 0, TRIES_MAX, "why"), OUTBOX_KEPT);
		assert_int_equal(outbox_blame(&f->outbox, TRIES_MAX, "stuck"),
		    i < TRIES_MAX ? OUTBOX_KEPT : OUTBOX_BURIED);
	}
	assert_next(f, 2, 1);
}

/* Tries are remembered over an interruption by the queue's own order, and a message that was
 * dropped or buried by the operator while in flight is no error. */
static void test_gone_while_in_flight(void **state)
{
	static const enum send_result results[] = { SEND_OK, SEND_RETRY, SEND_SESSION, SEND_POISON,
		SEND_UNKNOWN, SEND_STUCK };
	struct fixture *f = *state;
	uint64_t seq = 1;

	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++, seq++) {
		put(f, seq, 1, 0);
		assert_next(f, seq, 1);
		f->store->ops->remove(f->store, f->outbox.durable_queue, seq);
		outbox_finish(&f->outbox, results[i], 2, TRIES_MAX, "why");
		assert_int_equal(outbox_begin(&f->outbox, &(struct modem_publish){ 0 }), -ENOENT);
	}
}

/* The message in flight does not depend on its entry. */
static void test_flight_is_a_copy(void **state)
{
	struct fixture *f = *state;
	struct modem_publish p;

	put(f, 1, 1, 0);
	assert_int_equal(outbox_begin(&f->outbox, &p), 0);
	f->store->ops->remove(f->store, f->outbox.durable_queue, 1);
	assert_memory_equal(p.topic.data, "topic", 5);
	assert_memory_equal(p.payload.data, "payload", 7);
}

static void test_higher_priority_overtakes_a_retry(void **state)
{
	struct fixture *f = *state;

	put(f, 1, 1, 0);
	assert_next(f, 1, 1);
	put(f, 2, 1, 5);
	assert_int_equal(outbox_finish(&f->outbox, SEND_RETRY, 14, TRIES_MAX, "why"), OUTBOX_KEPT);
	assert_next(f, 2, 1);
}

static void test_another_queue(void **state)
{
	struct fixture *f = *state;
	struct store_usage u;
	unsigned cloud = f->outbox.durable_queue, other;

	put(f, 1, 1, 0);
	put(f, 2, 0, 0);
	assert_int_equal(f->store->ops->open_queue(f->store, "other", &other), 0);
	assert_int_equal(outbox_use_queue(&f->outbox, cloud), 0);
	assert_int_equal(outbox_use_queue(&f->outbox, other), 1);
	outbox_usage(&f->outbox, &u);
	assert_int_equal(u.messages, 0);
	assert_int_equal(outbox_begin(&f->outbox, &(struct modem_publish){ 0 }), -ENOENT);
	assert_int_equal(outbox_use_queue(&f->outbox, cloud), 0);
	assert_next(f, 1, 1);
}

static void test_usage_counts_both_queues(void **state)
{
	struct fixture *f = *state;
	struct store_usage u;

	put(f, 1, 1, 0);
	put(f, 2, 0, 0);
	put(f, 3, 2, 0);
	outbox_usage(&f->outbox, &u);
	assert_int_equal(u.messages, 3);
	assert_int_equal(u.bytes, 3 * 12);
	assert_int_equal(u.dead_letters, 0);
}

/* The largest message that the modem takes, and one that it never will: that one must be told
 * apart from want of memory, or it would be tried for ever. */
static void test_sizes(void **state)
{
	static uint8_t body[MODEM_PAYLOAD_MAX + 1];
	struct fixture *f = *state;
	struct outbox *o = &f->outbox;
	const struct store_target t = {
		.queue = o->durable_queue, .topic = { body, MODEM_TOPIC_MAX }, .qos = 1
	};
	struct modem_publish p;

	assert_int_equal(
	    f->store->ops->add(f->store, 1, 0, (struct span){ body, MODEM_PAYLOAD_MAX }, &t, 1), 0);
	assert_int_equal(
	    f->store->ops->add(f->store, 2, 0, (struct span){ body, MODEM_PAYLOAD_MAX + 1 }, &t, 1),
	    0);
	assert_int_equal(outbox_begin(o, &p), 0);
	assert_int_equal(p.topic.len, MODEM_TOPIC_MAX);
	assert_int_equal(p.payload.len, MODEM_PAYLOAD_MAX);
	assert_int_equal(outbox_finish(o, SEND_OK, 0, TRIES_MAX, "why"), OUTBOX_SENT);
	assert_int_equal(outbox_begin(o, &p), -E2BIG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_fates),
		TEST(test_poison_by_refusal),
		TEST(test_poison_by_receive_failure),
		TEST(test_poison_by_closed_connection),
		TEST(test_poison_by_silence),
		TEST(test_gone_while_in_flight),
		TEST(test_flight_is_a_copy),
		TEST(test_higher_priority_overtakes_a_retry),
		TEST(test_another_queue),
		TEST(test_usage_counts_both_queues),
		TEST(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
