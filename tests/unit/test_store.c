/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in memory, and the gate in front of it.
 */
#include "store_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define INNER_MAX 64

static struct store *inner[INNER_MAX];
static size_t inner_count;
static unsigned waits;

static void count_wait(void *arg)
{
	(void)arg;
	waits++;
}

static struct store *new_behind_gate(uint64_t max_bytes)
{
	assert_true(inner_count < INNER_MAX);
	inner[inner_count] = store_ram_new(max_bytes);
	return store_gate_new(inner[inner_count++], count_wait, NULL);
}

/* What says how much there is never waits; everything else does, each time. */
static void test_who_waits(void **state)
{
	struct store *s = new_behind_gate(1000);
	struct span text = { (const uint8_t *)"t", 1 }, key, value;
	struct store_target target = { .topic = text, .qos = 1 };
	struct store_usage usage;
	struct store_entry e;
	uint64_t bytes, seq;
	const char *name;
	unsigned queue;

	(void)state;
	waits = 0;
	s->ops->last_seq(s);
	s->ops->total(s, &usage);
	s->ops->usage(s, 0, &usage);
	s->ops->free_bytes(s, &bytes);
	assert_int_equal(waits, 0);
	s->ops->open_queue(s, "q", &target.queue);
	s->ops->next_queue(s, -1, &queue, &name);
	s->ops->add(s, 1, 0, text, &target, 1);
	s->ops->head(s, queue, &e);
	s->ops->get(s, queue, 1, &e);
	s->ops->next(s, queue, false, 0, &e);
	s->ops->find_topic(s, queue, text, &seq);
	s->ops->oldest(s, queue, &e);
	s->ops->mark(s, queue, 1, 1, STORE_MAYBE_SENT);
	s->ops->bury(s, queue, 1, "why");
	s->ops->revive(s, queue, 1);
	s->ops->remove(s, queue, 1);
	s->ops->put_note(s, queue, STORE_NOTE_SESSION, text, text);
	s->ops->next_note(s, queue, STORE_NOTE_SESSION, (struct span){ 0 }, &key, &value);
	s->ops->drop_note(s, queue, STORE_NOTE_SESSION, text);
	s->ops->drop_queue(s, queue);
	s->ops->prepare(s);
	s->ops->commit(s);
	store_error(s);
	assert_int_equal(waits, 19);
	store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_who_waits) };
	int failed = store_cases_run("store_ram", store_ram_new);

	failed += store_cases_run("store_gate", new_behind_gate);
	failed += cmocka_run_group_tests_name("store_gate, waiting", tests, NULL, NULL);
	while (inner_count > 0)
		store_free(inner[--inner_count]);
	return failed;
}
