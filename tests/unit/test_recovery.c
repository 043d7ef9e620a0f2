/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recovery ladder: which step is next against which trouble, how long it pauses, what is
 * rationed, and what it learns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "modem/recovery.h"

#define ALL      ((1u << RECOVERY_STEPS) - 1)
#define NO_POWER (ALL & ~(1u << RECOVERY_POWER) & ~(1u << RECOVERY_REBIND))

/* The next step, however long it takes. */
static enum recovery_step next(
    struct recovery *r, uint64_t *now_ms, enum recovery_trouble trouble, unsigned possible)
{
	enum recovery_step step = RECOVERY_STEPS;
	uint64_t at_ms;
	unsigned n;

	for (n = 0; n < 100; n++) {
		if (recovery_next(r, *now_ms, trouble, possible, &step, &at_ms))
			return step;
		assert_true(at_ms > *now_ms);
		assert_true(at_ms - *now_ms <= RECOVERY_HOUR_MS);
		*now_ms = at_ms;
	}
	return RECOVERY_STEPS;
}

struct row {
	const char *name;
	enum recovery_trouble trouble;
	unsigned possible;
	enum recovery_step step[6];
};

static const struct row rows[] = {
	{ "port held", RECOVERY_TROUBLE_HELD, ALL,
	    { RECOVERY_REOPEN, RECOVERY_REOPEN, RECOVERY_REOPEN, RECOVERY_REOPEN, RECOVERY_REOPEN,
		RECOVERY_REOPEN } },
	{ "no port", RECOVERY_TROUBLE_ABSENT, ALL,
	    { RECOVERY_REBIND, RECOVERY_POWER, RECOVERY_REBIND, RECOVERY_POWER, RECOVERY_REBIND,
		RECOVERY_POWER } },
	{ "no port, no means", RECOVERY_TROUBLE_ABSENT, NO_POWER, { RECOVERY_STEPS } },
	{ "silent", RECOVERY_TROUBLE_SILENT, ALL,
	    { RECOVERY_REOPEN, RECOVERY_REBIND, RECOVERY_POWER, RECOVERY_REOPEN, RECOVERY_REBIND,
		RECOVERY_POWER } },
	{ "silent, no means", RECOVERY_TROUBLE_SILENT, NO_POWER,
	    { RECOVERY_REOPEN, RECOVERY_REOPEN, RECOVERY_REOPEN, RECOVERY_REOPEN, RECOVERY_REOPEN,
		RECOVERY_REOPEN } },
	{ "noise", RECOVERY_TROUBLE_NOISE, ALL,
	    { RECOVERY_FENCE, RECOVERY_REOPEN, RECOVERY_RESET, RECOVERY_REBIND, RECOVERY_POWER,
		RECOVERY_FENCE } },
	{ "no network", RECOVERY_TROUBLE_NETWORK, ALL,
	    { RECOVERY_RADIO, RECOVERY_RESET, RECOVERY_POWER, RECOVERY_RADIO, RECOVERY_RESET,
		RECOVERY_POWER } },
	{ "service", RECOVERY_TROUBLE_SERVICE, ALL,
	    { RECOVERY_SERVICE, RECOVERY_RADIO, RECOVERY_RESET, RECOVERY_POWER, RECOVERY_SERVICE,
		RECOVERY_RADIO } },
	{ "service that must not be stopped", RECOVERY_TROUBLE_SERVICE,
	    NO_POWER & ~(1u << RECOVERY_SERVICE),
	    { RECOVERY_RADIO, RECOVERY_RESET, RECOVERY_RADIO, RECOVERY_RESET, RECOVERY_RADIO,
		RECOVERY_RESET } },
};

static void goes_from_mild_to_strong_and_round(void **state)
{
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct recovery r = { 0 };
		uint64_t now_ms = 1000;

		for (n = 0; n < 6; n++) {
			enum recovery_step step =
			    next(&r, &now_ms, rows[i].trouble, rows[i].possible);

			if (step != rows[i].step[n])
				print_error("%s, step %zu: %s\n", rows[i].name, n,
				    recovery_step_name(step));
			assert_int_equal(step, rows[i].step[n]);
			if (step == RECOVERY_STEPS)
				break;
		}
	}
}

/* Somebody else uses the port: his modem keeps its power. */
static void harms_nobody_who_holds_the_port(void **state)
{
	struct recovery r = { 0 };
	uint64_t now_ms = 0;
	unsigned n;

	(void)state;
	for (n = 0; n < 50; n++)
		assert_int_equal(
		    recovery_ladder[next(&r, &now_ms, RECOVERY_TROUBLE_HELD, ALL)].per_hour, 0);
}

static void pauses_double_up_to_a_bound(void **state)
{
	struct recovery r = { 0 };
	uint64_t now_ms = 0, before_ms;
	uint32_t want_ms = recovery_ladder[RECOVERY_REOPEN].pause_ms;
	unsigned n;

	(void)state;
	(void)next(&r, &now_ms, RECOVERY_TROUBLE_SILENT, NO_POWER);
	assert_int_equal(now_ms, 0); /* the first one at once */
	for (n = 0; n < 20; n++) {
		before_ms = now_ms;
		(void)next(&r, &now_ms, RECOVERY_TROUBLE_SILENT, NO_POWER);
		assert_int_equal(now_ms - before_ms, want_ms);
		want_ms = 2 * want_ms < RECOVERY_PAUSE_MAX_MS ? 2 * want_ms : RECOVERY_PAUSE_MAX_MS;
	}
	assert_int_equal(want_ms, RECOVERY_PAUSE_MAX_MS);
	recovery_well(&r);
	before_ms = now_ms + RECOVERY_PAUSE_MAX_MS;
	now_ms = before_ms;
	(void)next(&r, &now_ms, RECOVERY_TROUBLE_SILENT, NO_POWER);
	assert_int_equal(now_ms, before_ms);
	(void)next(&r, &now_ms, RECOVERY_TROUBLE_SILENT, NO_POWER);
	assert_int_equal(now_ms - before_ms, recovery_ladder[RECOVERY_REOPEN].pause_ms);
}

/* In no hour of a week, also when it is well for a while after every step. */
static void rations_what_harms(void **state)
{
	static uint64_t taken[RECOVERY_STEPS][4096];
	unsigned count[RECOVERY_STEPS] = { 0 };
	struct recovery r = { 0 };
	uint64_t now_ms = 0;
	unsigned trouble = 0, i;

	(void)state;
	while (now_ms < 7 * 24 * (uint64_t)RECOVERY_HOUR_MS) {
		enum recovery_step step = next(&r, &now_ms,
		    RECOVERY_TROUBLE_ABSENT + trouble++ % (RECOVERY_TROUBLES - 1), ALL);
		unsigned per_hour = recovery_ladder[step].per_hour;

		assert_true(count[step] < 4096);
		taken[step][count[step]++] = now_ms;
		if (per_hour > 0 && count[step] > per_hour)
			assert_true(
			    now_ms - taken[step][count[step] - 1 - per_hour] >= RECOVERY_HOUR_MS);
		if (trouble % 16 == 0)
			recovery_well(&r);
	}
	for (i = 0; i < RECOVERY_STEPS; i++) {
		assert_true(count[i] > 0);
		assert_int_equal(r.counts[i], count[i]);
		if (i == RECOVERY_RESET || i == RECOVERY_POWER || i == RECOVERY_REBIND)
			assert_true(recovery_ladder[i].per_hour > 0);
	}
}

struct learn_row {
	enum recovery_trouble trouble;
	enum recovery_step helped;
	enum recovery_step first[3]; /* next time */
};

static const struct learn_row learn_rows[] = {
	{ RECOVERY_TROUBLE_SILENT, RECOVERY_REOPEN,
	    { RECOVERY_REOPEN, RECOVERY_REBIND, RECOVERY_POWER } },
	{ RECOVERY_TROUBLE_SILENT, RECOVERY_POWER,
	    { RECOVERY_REOPEN, RECOVERY_POWER, RECOVERY_REBIND } },
	{ RECOVERY_TROUBLE_NOISE, RECOVERY_REOPEN,
	    { RECOVERY_REOPEN, RECOVERY_FENCE, RECOVERY_RESET } },
	{ RECOVERY_TROUBLE_SERVICE, RECOVERY_RESET,
	    { RECOVERY_SERVICE, RECOVERY_RESET, RECOVERY_RADIO } },
};

static void tries_earlier_what_helped(void **state)
{
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof learn_rows / sizeof learn_rows[0]; i++) {
		const struct learn_row *row = &learn_rows[i];
		struct recovery r = { 0 };
		uint64_t now_ms = 0;

		while (next(&r, &now_ms, row->trouble, ALL) != row->helped)
			;
		recovery_well(&r);
		now_ms += 2 * RECOVERY_HOUR_MS;
		for (n = 0; n < 3; n++)
			assert_int_equal(next(&r, &now_ms, row->trouble, ALL), row->first[n]);
	}
}

/* What helped against one trouble says nothing of another. */
static void learns_for_each_trouble(void **state)
{
	struct recovery r = { 0 };
	uint64_t now_ms = 0;

	(void)state;
	while (next(&r, &now_ms, RECOVERY_TROUBLE_NOISE, ALL) != RECOVERY_RESET)
		;
	recovery_well(&r);
	now_ms += RECOVERY_HOUR_MS;
	assert_int_equal(next(&r, &now_ms, RECOVERY_TROUBLE_NETWORK, ALL), RECOVERY_RADIO);
}

static void every_trouble_has_a_step_and_every_step_a_budget(void **state)
{
	unsigned i, trouble, cured = 0;

	(void)state;
	for (i = 0; i < RECOVERY_STEPS; i++) {
		assert_true(recovery_ladder[i].budget_ms > 0);
		assert_true(recovery_ladder[i].per_hour <= RECOVERY_RATION_MAX);
		assert_non_null(recovery_ladder[i].name);
		cured |= recovery_ladder[i].cures;
	}
	for (trouble = 0; trouble < RECOVERY_TROUBLES; trouble++)
		assert_true(cured & RECOVERY_BIT(trouble));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_from_mild_to_strong_and_round),
		cmocka_unit_test(harms_nobody_who_holds_the_port),
		cmocka_unit_test(pauses_double_up_to_a_bound),
		cmocka_unit_test(rations_what_harms),
		cmocka_unit_test(tries_earlier_what_helped),
		cmocka_unit_test(learns_for_each_trouble),
		cmocka_unit_test(every_trouble_has_a_step_and_every_step_a_budget),
	};

	return cmocka_run_group_tests_name("recovery", tests, NULL, NULL);
}
