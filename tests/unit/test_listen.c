/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets with the real loop: what is in the way, rights, and running out of descriptors.
 */
#include "../../daemon/listen.h"
#include "../../daemon/loop.h"

#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static const char *path; /* of the socket */
static char address[72];

struct fixture {
	struct loop *loop;
	struct listen_pool *pool;
	struct listener *listener;
	unsigned accepted, turns;
	struct rlimit files;
};

static void on_accept(void *arg, int fd)
{
	struct fixture *f = arg;

	f->accepted++;
	close(fd);
	loop_stop(f->loop);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->loop = loop_new();
	f->pool = listen_pool_new("tty");
	*state = f;
	return f->loop && f->pool ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	listener_close(f->listener);
	listen_pool_free(f->pool);
	loop_free(f->loop);
	free(f);
	unlink(path);
	return 0;
}

static int open_it(struct fixture *f, mode_t mode)
{
	const struct listen_config cfg = { .address = address, .mode = mode };

	return listener_open(f->loop, f->pool, &cfg, on_accept, f, &f->listener);
}

static struct sockaddr_un sun(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	memcpy(un.sun_path, path, strlen(path));
	return un;
}

/* Somebody else's socket on the same path. */
static int bind_other(void)
{
	struct sockaddr_un un = sun();
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	return fd;
}

static int connect_to_it(void)
{
	struct sockaddr_un un = sun();
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	return fd;
}

static void test_accept(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	int fd;

	assert_int_equal(open_it(f, 0640), 0);
	assert_true(listener_has_address(f->listener, address));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	fd = connect_to_it();
	assert_int_equal(loop_run(f->loop), 0);
	assert_int_equal(f->accepted, 1);
	close(fd);
	listener_close(f->listener);
	f->listener = NULL;
	assert_int_equal(stat(path, &st), -1);
}

static void test_stale_is_replaced(void **state)
{
	close(bind_other());
	assert_int_equal(open_it(*state, 0600), 0);
}

static void test_live_is_left_alone(void **state)
{
	int other = bind_other();

	assert_int_equal(listen(other, 1), 0);
	assert_int_equal(open_it(*state, 0600), -EADDRINUSE);
	close(connect_to_it());
	close(other);
}

static void test_file_is_left_alone(void **state)
{
	struct stat st;
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(open_it(*state, 0600), -EADDRINUSE);
	assert_int_equal(stat(path, &st), 0);
}

static void limit_files(rlim_t limit)
{
	struct rlimit files;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = limit;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
}

static void on_turn(void *arg)
{
	struct fixture *f = arg;

	f->turns++;
}

static void give_back(void *arg)
{
	struct fixture *f = arg;

	limit_files(f->files.rlim_cur);
}

/* What cannot be accepted is tried again after a while; until then it wakes nobody. */
static void test_no_more_descriptors(void **state)
{
	struct fixture *f = *state;
	struct loop_timer *later = loop_timer_new(f->loop, give_back, f);
	int fd;

	assert_int_equal(open_it(f, 0600), 0);
	loop_set_turn(f->loop, on_turn, f);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &f->files), 0);
	fd = connect_to_it();
	limit_files((rlim_t)fd + 1);
	loop_timer_set(later, 100);
	assert_int_equal(loop_run(f->loop), 0);
	assert_int_equal(f->accepted, 1);
	assert_in_range(f->turns, 2, 6);
	close(fd);
	loop_timer_free(later);
}

static int group_setup(void **state)
{
	if (scratch_make(state) != 0)
		return -1;
	path = scratch_path("socket");
	snprintf(address, sizeof(address), "unix:%s", path);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_accept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stale_is_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_live_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_more_descriptors, setup, teardown),
	};

	return cmocka_run_group_tests(tests, group_setup, scratch_remove_empty);
}
