/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* ptsname, mkdtemp */
#include "../../daemon/port_user.h"

#include "other_program.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_no_device(void **state)
{
	char text[PORT_USER_TEXT_MAX] = "untouched";

	(void)state;
	assert_int_equal(port_user_list("/nonexistent/tty", NULL, text), 0);
	assert_string_equal(text, "");
	assert_int_equal(port_user_list("/proc/self/comm", NULL, text), 0);
}

static void test_runs(void **state)
{
	char own[PORT_USER_NAME_MAX] = "";
	struct port_user user;
	FILE *f = fopen("/proc/self/comm", "r");

	(void)state;
	assert_non_null(f);
	assert_non_null(fgets(own, sizeof(own), f));
	fclose(f);
	own[strcspn(own, "\n")] = '\0';
	assert_true(port_user_runs(own, &user));
	assert_string_equal(user.name, own);
	assert_false(port_user_runs("no such program", &user));
}

static void test_list(void **state)
{
	int master = pty_open_master();
	char text[PORT_USER_TEXT_MAX] = "untouched", expected[PORT_USER_TEXT_MAX];
	char link[] = "/tmp/port-XXXXXX";
	const char *pty;
	pid_t other;
	int own;

	(void)state;
	pty = ptsname(master);
	own = open(pty, O_RDWR | O_NOCTTY);
	assert_true(own >= 0);
	fcntl(own, F_SETFD, FD_CLOEXEC);
	assert_int_equal(port_user_list(pty, NULL, text), 0); /* we do not count */
	assert_string_equal(text, "");
	close(own);
	other = other_program_start("ModemManager", pty);
	assert_int_equal(port_user_list(pty, NULL, text), 1);
	snprintf(expected, sizeof expected, "ModemManager (pid %d)", (int)other);
	assert_string_equal(text, expected);
	port_user_describe(other, text);
	assert_string_equal(text, expected);
	/* By another name it is the same port. */
	assert_int_equal(rmdir(mkdtemp(link)), 0);
	assert_int_equal(symlink(pty, link), 0);
	assert_int_equal(port_user_list(link, NULL, text), 1);
	unlink(link);
	assert_int_equal(port_user_list(pty, "ModemManager", text), 0);
	other_program_end(other);
	assert_int_equal(port_user_list(pty, NULL, text), 0);
	port_user_describe(other, text);
	snprintf(expected, sizeof expected, "pid %d", (int)other);
	assert_string_equal(text, expected);
	close(master);
}

static void test_list_of_many(void **state)
{
	int master = pty_open_master();
	char text[PORT_USER_TEXT_MAX];
	pid_t others[8];
	size_t count = sizeof others / sizeof others[0];

	(void)state;
	for (size_t i = 0; i < count; i++)
		others[i] = other_program_start("a-long-name-xyz", ptsname(master));
	assert_int_equal(port_user_list(ptsname(master), NULL, text), count);
	assert_int_equal(strlen(text), sizeof text - 1);
	for (size_t i = 0; i < count; i++)
		other_program_end(others[i]);
	close(master);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_list_of_many),
		cmocka_unit_test(test_no_device),
		cmocka_unit_test(test_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
