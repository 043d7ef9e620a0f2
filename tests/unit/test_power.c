/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program that cuts the modem's power: real children, the real loop. What is logged is read
 * back from standard error.
 */
#define _GNU_SOURCE
#include "../../daemon/loop.h"
#include "../../daemon/power.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char program[] = "/tmp/test_power.XXXXXX";

struct fixture {
	struct loop *loop;
	struct power *power;
	int log, saved;
	char text[8192];
	const char *wanted; /* stop the loop when the log has it */
};

static void on_turn(void *arg)
{
	struct fixture *f = arg;
	ssize_t n = pread(f->log, f->text, sizeof(f->text) - 1, 0);

	f->text[n > 0 ? n : 0] = '\0';
	if (strstr(f->text, f->wanted))
		loop_stop(f->loop);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->loop = loop_new();
	f->power = power_new(f->loop);
	loop_set_turn(f->loop, on_turn, f);
	f->log = memfd_create("log", 0);
	f->saved = dup(STDERR_FILENO);
	dup2(f->log, STDERR_FILENO);
	*state = f;
	return f->power ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	dup2(f->saved, STDERR_FILENO);
	close(f->saved);
	close(f->log);
	power_free(f->power);
	loop_free(f->loop);
	free(f);
	return 0;
}

static void run(struct fixture *f, const char *script, const char *wanted)
{
	FILE *file = fopen(program, "w");

	assert_non_null(file);
	fprintf(file, "#!/bin/sh\n%s\n", script);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(program, 0700), 0);
	f->wanted = wanted;
	power_run(f->power, program);
	loop_again(f->loop);
	assert_int_equal(loop_run(f->loop), 0);
}

static void test_output_is_logged(void **state)
{
	struct fixture *f = *state;

	run(f, "echo first; echo second >&2; printf third", "power_cycle: done");
	assert_non_null(strstr(f->text, "power_cycle: first\n"));
	assert_non_null(strstr(f->text, "power_cycle: second\n"));
	assert_non_null(strstr(f->text, "power_cycle: third\n"));
}

/* No arguments, no environment but PATH, nothing to read, a group of its own. */
static void test_surroundings(void **state)
{
	struct fixture *f = *state;

	run(f, "cat; env | grep -vE '^(PATH|PWD|SHLVL|_|OLDPWD)='; echo \"arguments: $#\"",
	    "power_cycle: done");
	assert_non_null(strstr(f->text, "power_cycle: arguments: 0\n"));
	assert_null(strstr(f->text, "="));
}

static void test_failure(void **state)
{
	run(*state, "exit 3", "power_cycle: failed with exit status 3");
}

static void test_killed(void **state)
{
	run(*state, "kill -9 $$", "power_cycle: ended by signal 9");
}

static void test_cannot_be_started(void **state)
{
	struct fixture *f = *state;

	f->wanted = "cannot be started: No such file or directory";
	power_run(f->power, "/nowhere/at/all");
	on_turn(f);
	assert_non_null(strstr(f->text, f->wanted));
}

/* While one runs another is not started; freeing ends it. */
static void test_one_at_a_time(void **state)
{
	struct fixture *f = *state;

	run(f, "echo started; exec sleep 1000", "power_cycle: started");
	power_run(f->power, "/nowhere/at/all");
	on_turn(f);
	assert_null(strstr(f->text, "cannot be started"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_output_is_logged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_surroundings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failure, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cannot_be_started, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_at_a_time, setup, teardown),
	};
	int fd = mkstemp(program), failed;

	if (fd < 0)
		return 1;
	close(fd);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(program);
	return failed;
}
