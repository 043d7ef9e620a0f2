/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/store_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define SECOND INT64_C(1000)
#define DAY    (86400 * SECOND)
#define YEAR   (365 * DAY)
#define BEGIN  INT64_C(1790000000000) /* some day in 2026 */

enum step_kind { STEP_END, STEP_PASS, STEP_WRONG, STEP_RIGHT, STEP_ACCEPT, STEP_AGED, STEP_KILL };

struct step {
	enum step_kind kind;
	unsigned which;
	int64_t ms;
};

/* clang-format off */
#define PASS(ms)        { STEP_PASS, 0, ms }       /* so much true time passes */
#define RIGHT(ms)       { STEP_RIGHT, 0, ms }      /* the wall clock shows true time + ms, and is */
#define WRONG(ms)       { STEP_WRONG, 0, ms }      /* called right, or is not */
#define ACCEPT(which)   { STEP_ACCEPT, which, 0 }  /* message `which` is accepted */
#define AGED(which, ms) { STEP_AGED, which, ms }   /* it is so old */
#define KILL(ms)        { STEP_KILL, 0, ms }       /* no daemon for so long */
/* clang-format on */

#define STEPS_MAX    16
#define MESSAGES_MAX 3

static const struct row {
	const char *name;
	struct step steps[STEPS_MAX];
} rows[] = {
	{ "ages with time", { RIGHT(0), ACCEPT(0), PASS(DAY), AGED(0, DAY) } },
	{ "forward by ten years",
	    { RIGHT(0), ACCEPT(0), RIGHT(10 * YEAR), AGED(0, 0), PASS(DAY), AGED(0, DAY) } },
	{ "forward by ten years, not called right",
	    { RIGHT(0), ACCEPT(0), WRONG(10 * YEAR), PASS(DAY), AGED(0, DAY) } },
	{ "back by ten years",
	    { RIGHT(0), ACCEPT(0), RIGHT(-10 * YEAR), PASS(DAY), AGED(0, DAY) } },
	{ "forward and back", { RIGHT(0), ACCEPT(0), RIGHT(10 * YEAR), ACCEPT(1), RIGHT(0),
				  PASS(DAY), AGED(0, DAY), AGED(1, DAY) } },
	{ "1970 at boot, then right",
	    { WRONG(-56 * YEAR), ACCEPT(0), PASS(60 * SECOND), RIGHT(0), ACCEPT(1),
		AGED(0, 60 * SECOND), PASS(DAY), AGED(1, DAY) } },
	{ "the same, and then killed",
	    { WRONG(-56 * YEAR), ACCEPT(0), PASS(60 * SECOND), RIGHT(0), ACCEPT(1), KILL(DAY),
		RIGHT(0), AGED(0, DAY + 60 * SECOND), AGED(1, DAY) } },
	{ "killed, right on both sides",
	    { RIGHT(0), ACCEPT(0), KILL(DAY), RIGHT(0), AGED(0, DAY) } },
	{ "killed, right a little later",
	    { RIGHT(0), ACCEPT(0), KILL(DAY), WRONG(-56 * YEAR), PASS(60 * SECOND), RIGHT(0),
		AGED(0, DAY + 60 * SECOND), ACCEPT(1), AGED(1, 0) } },
	{ "killed, right only when something was accepted",
	    { RIGHT(0), ACCEPT(0), KILL(DAY), WRONG(-56 * YEAR), ACCEPT(1), PASS(60 * SECOND),
		RIGHT(0), AGED(0, DAY + 60 * SECOND), AGED(1, 60 * SECOND) } },
	{ "the same, and killed again: time is lost, none is invented",
	    { RIGHT(0), ACCEPT(0), KILL(DAY), WRONG(-56 * YEAR), ACCEPT(1), PASS(60 * SECOND),
		RIGHT(0), KILL(DAY), RIGHT(0), AGED(0, DAY + 60 * SECOND),
		AGED(1, DAY + 60 * SECOND) } },
	{ "killed, and ten years ahead at the start, not called right",
	    { RIGHT(0), ACCEPT(0), KILL(DAY), WRONG(10 * YEAR), PASS(DAY), AGED(0, DAY) } },
	{ "never right: what passes while none runs does not count",
	    { WRONG(0), ACCEPT(0), PASS(DAY), KILL(DAY), WRONG(0), AGED(0, DAY), PASS(DAY),
		AGED(0, 2 * DAY) } },
	{ "a run without the right time says nothing to the next one",
	    { RIGHT(0), ACCEPT(0), KILL(DAY), WRONG(0), ACCEPT(1), KILL(DAY), RIGHT(0),
		AGED(1, 0) } },
	{ "right, then back before anything was accepted",
	    { RIGHT(0), RIGHT(-10 * YEAR), ACCEPT(0), RIGHT(0), KILL(DAY), RIGHT(0),
		AGED(0, DAY) } },
};

/* One life of the daemon after the other. */
struct world {
	struct store_clock clock;
	struct store_mark kept;
	uint64_t now_ms; /* monotonic */
	int64_t true_ms; /* wall clock, if it is right */
	uint64_t last_seq;
	struct {
		uint64_t seq;
		int64_t accepted_ms;
	} messages[MESSAGES_MAX];
};

static int64_t age_of(const struct world *w, unsigned which)
{
	return store_clock_now_for(&w->clock, w->now_ms, w->messages[which].seq) -
	       w->messages[which].accepted_ms;
}

static void set_wall(struct world *w, int64_t ahead_ms, bool is_right)
{
	if (store_clock_set_wall(
		&w->clock, w->now_ms, w->true_ms + ahead_ms, is_right, w->last_seq))
		w->kept = store_clock_mark(&w->clock, w->now_ms);
}

static void run_step(struct world *w, const struct step *s)
{
	switch (s->kind) {
	case STEP_END:
		break;
	case STEP_PASS:
		w->now_ms += (uint64_t)s->ms;
		w->true_ms += s->ms;
		break;
	case STEP_WRONG:
	case STEP_RIGHT:
		set_wall(w, s->ms, s->kind == STEP_RIGHT);
		break;
	case STEP_ACCEPT:
		w->messages[s->which].seq = ++w->last_seq;
		w->messages[s->which].accepted_ms = store_clock_now(&w->clock, w->now_ms);
		break;
	case STEP_AGED:
		assert_int_equal(age_of(w, s->which), s->ms);
		break;
	case STEP_KILL:
		w->kept.time_ms = store_clock_now(&w->clock, w->now_ms);
		w->true_ms += s->ms;
		w->now_ms = 5; /* monotonic time begins anew */
		store_clock_init(&w->clock, w->now_ms, &w->kept, w->last_seq);
		w->kept = store_clock_mark(&w->clock, w->now_ms);
		break;
	}
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world w = { .now_ms = 1000, .true_ms = BEGIN };

		print_message("%s\n", rows[i].name);
		store_clock_init(&w.clock, w.now_ms, NULL, 0);
		for (size_t k = 0; k < STEPS_MAX; k++)
			run_step(&w, &rows[i].steps[k]);
	}
}

/* As long as no message has a time it is the wall clock's, so that people can read it. */
static void test_no_message_yet(void **state)
{
	struct store_clock c;

	(void)state;
	store_clock_init(&c, 1000, NULL, 7);
	assert_true(store_clock_set_wall(&c, 1000, 5 * SECOND, false, 7));
	assert_int_equal(store_clock_now(&c, 2000), 6 * SECOND);
	assert_true(store_clock_set_wall(&c, 3000, BEGIN, true, 7));
	assert_int_equal(store_clock_now(&c, 4000), BEGIN + SECOND);
	assert_false(store_clock_set_wall(&c, 5000, BEGIN + 2 * SECOND, true, 8));
	assert_true(store_clock_set_wall(&c, 5000, BEGIN, true, 8));
	assert_int_equal(store_clock_now(&c, 5000), BEGIN + 2 * SECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_no_message_yet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
