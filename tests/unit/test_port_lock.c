/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lock file of a port, against files that others made.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../daemon/port_lock.h"
#include "other_program.h"
#include "scratch.h"

static const char *port, *link_name, *file;

static int make_folder(void **state)
{
	if (scratch_make(state) != 0)
		return -1;
	scratch_write("ttyUSB2", "");
	port = scratch_path("ttyUSB2");
	link_name = scratch_path("modem");
	file = scratch_path("LCK..ttyUSB2");
	return symlink("ttyUSB2", link_name);
}

static int remove_folder(void **state)
{
	unlink(port);
	unlink(link_name);
	unlink(file);
	return scratch_remove_empty(state);
}

/* The number of a process that has ended. */
static pid_t dead(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return pid;
}

static void write_lock(const void *content, size_t len)
{
	scratch_write_bytes("LCK..ttyUSB2", content, len);
}

/* Take it, or be told whose it is. */
static int take(struct port_lock *lock, pid_t *owner)
{
	port_lock_init(lock);
	*owner = 0;
	return port_lock_take(lock, scratch_path(""), link_name, owner);
}

static void test_take_and_drop(void **state)
{
	struct port_lock first, second;
	char text[32] = "", expected[32];
	mode_t mask = umask(0077);
	struct stat st;
	pid_t owner;
	int fd;

	(void)state;
	assert_int_equal(take(&first, &owner), 0);
	umask(mask);
	fd = open(file, O_RDONLY);
	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof text - 1) > 0);
	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	snprintf(expected, sizeof expected, "%10ld cmqttd\n", (long)getpid());
	assert_string_equal(text, expected);
	assert_int_equal(st.st_mode & 0777, 0644);
	assert_int_equal(take(&second, &owner), -EBUSY);
	assert_int_equal(owner, getpid());
	port_lock_drop(&first);
	assert_int_equal(access(file, F_OK), -1);
	assert_int_equal(take(&second, &owner), 0);
	port_lock_drop(&second);
	port_lock_drop(&second);
}

static void test_of_others(void **state)
{
	pid_t other = other_program_start("other", NULL), gone = dead(), owner;
	const struct {
		const char *name;
		pid_t pid;
		const char *format;
		int result;
	} rows[] = {
		{ "of a process that lives", other, "%10d minicom root\n", -EBUSY },
		{ "of pppd", other, "%10d\n", -EBUSY },
		{ "of a process that is gone", gone, "%10d minicom root\n", 0 },
		{ "our own, left, its number given again", other, "%10d cmqttd\n", 0 },
		{ "without sense", 0, "nobody%.0d", 0 },
	};
	struct port_lock lock;
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		print_message("  %s\n", rows[i].name);
		write_lock(text, (size_t)snprintf(text, sizeof text, rows[i].format, rows[i].pid));
		assert_int_equal(take(&lock, &owner), rows[i].result);
		assert_int_equal(owner, rows[i].result ? other : 0);
		assert_int_equal(access(file, F_OK), 0);
		port_lock_drop(&lock);
	}
	write_lock(&other, sizeof other);
	assert_int_equal(take(&lock, &owner), -EBUSY);
	assert_int_equal(owner, other);
	write_lock(&gone, sizeof gone);
	assert_int_equal(take(&lock, &owner), 0);
	port_lock_drop(&lock);
	other_program_end(other);
}

/* Anybody may make a file in /var/lock. */
static void test_of_somebody_without_rights(void **state)
{
	pid_t other = other_program_start("other", NULL), owner;
	struct port_lock lock;
	char text[32];

	(void)state;
	if (geteuid() != 0)
		skip();
	write_lock(text, (size_t)snprintf(text, sizeof text, "%10d\n", (int)other));
	assert_int_equal(chown(file, 65534, 65534), 0);
	assert_int_equal(take(&lock, &owner), -EPERM);
	assert_int_equal(lock.fd, -1);
	/* In the port's group he may. */
	assert_int_equal(chown(port, 0, 65534), 0);
	assert_int_equal(take(&lock, &owner), -EPERM);
	assert_int_equal(chmod(port, 0660), 0);
	assert_int_equal(take(&lock, &owner), -EBUSY);
	assert_int_equal(owner, other);
	assert_int_equal(chown(port, 0, 0), 0);
	assert_int_equal(take(&lock, &owner), -EPERM);
	assert_int_equal(chmod(port, 0666), 0);
	assert_int_equal(take(&lock, &owner), -EBUSY);
	other_program_end(other);
	assert_int_equal(unlink(file), 0);
}

/* Who takes ours for a left one and makes his own keeps it. */
static void test_replaced(void **state)
{
	struct port_lock lock;
	pid_t owner;

	(void)state;
	assert_int_equal(take(&lock, &owner), 0);
	assert_int_equal(unlink(file), 0);
	write_lock("         1\n", 11);
	port_lock_drop(&lock);
	assert_int_equal(access(file, F_OK), 0);
	assert_int_equal(unlink(file), 0);
}

static void test_no_folder(void **state)
{
	struct port_lock lock;
	pid_t owner = 0;

	(void)state;
	port_lock_init(&lock);
	assert_int_equal(port_lock_take(&lock, "/nonexistent", link_name, &owner), -ENOENT);
	assert_int_equal(lock.fd, -1);
	assert_int_equal(
	    port_lock_take(&lock, scratch_path(""), "/nonexistent/ttyUSB2", &owner), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take_and_drop),
		cmocka_unit_test(test_of_others),
		cmocka_unit_test(test_of_somebody_without_rights),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_no_folder),
	};

	return cmocka_run_group_tests_name("port_lock", tests, make_folder, remove_folder);
}
