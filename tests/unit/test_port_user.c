/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* posix_openpt, mkdtemp */
#include "../../daemon/port_user.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_find(void **state)
{
	char own[PORT_USER_NAME_MAX] = "", link[] = "/tmp/port-XXXXXX";
	int master = posix_openpt(O_RDWR | O_NOCTTY), port;
	struct port_user user = { 0 };
	char path[64];
	FILE *f = fopen("/proc/self/comm", "r");

	(void)state;
	assert_non_null(f);
	assert_non_null(fgets(own, sizeof(own), f));
	fclose(f);
	own[strcspn(own, "\n")] = '\0';
	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	snprintf(path, sizeof(path), "%s", ptsname(master));
	/* The other end alone is no use of the port. */
	assert_int_equal(port_user_find(path, &user), -ESRCH);
	port = open(path, O_RDWR | O_NOCTTY);
	assert_true(port >= 0);
	assert_int_equal(port_user_find(path, &user), 0);
	assert_int_equal(user.pid, getpid());
	assert_string_equal(user.name, own);
	/* By another name it is the same port. */
	assert_int_equal(rmdir(mkdtemp(link)), 0);
	assert_int_equal(symlink(path, link), 0);
	memset(&user, 0, sizeof(user));
	assert_int_equal(port_user_find(link, &user), 0);
	assert_int_equal(user.pid, getpid());
	unlink(link);
	close(port);
	assert_int_equal(port_user_find(path, &user), -ESRCH);
	close(master);
}

static void test_no_device(void **state)
{
	struct port_user user;

	(void)state;
	assert_int_equal(port_user_find("/nonexistent/tty", &user), -ENOENT);
	assert_int_equal(port_user_find("/proc/self/comm", &user), -ENOTTY);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_no_device),
		cmocka_unit_test(test_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
