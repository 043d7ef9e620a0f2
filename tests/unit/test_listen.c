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

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

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

#ifdef HAVE_SYSTEMD

/* ---- what the service manager keeps ---- */

#define FIRST_FD SD_LISTEN_FDS_START

/* This test is the service manager: what it was told, and the socket that it keeps. */
struct manager {
	int notify;
	int kept; /* -1: none */
	char name[32];
	char removed[32];
};

/* The descriptors that are passed have fixed numbers: ours are above them. */
static int move_up(int fd)
{
	int up = fcntl(fd, F_DUPFD_CLOEXEC, 50);

	assert_true(up >= 50);
	close(fd);
	return up;
}

static int manager_setup(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct manager *m = calloc(1, sizeof(*m));

	if (!m)
		return -1;
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", scratch_path("notify"));
	m->kept = -1;
	m->notify = move_up(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0));
	if (bind(m->notify, (struct sockaddr *)&un, sizeof(un)) < 0)
		return -1;
	setenv("NOTIFY_SOCKET", un.sun_path, 1);
	*state = m;
	return 0;
}

static int manager_teardown(void **state)
{
	struct manager *m = *state;

	unsetenv("NOTIFY_SOCKET");
	unlink(scratch_path("notify"));
	unlink(path);
	if (m->kept >= 0)
		close(m->kept);
	close(m->notify);
	free(m);
	return 0;
}

/* One message of sd_notify(3), and the descriptor that came with it; false: there is none. */
static bool receive(struct manager *m, char *text, size_t size, int *ret_fd)
{
	char control[256];
	struct iovec iov = { .iov_base = text, .iov_len = size - 1 };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(m->notify, &msg, 0);

	if (n < 0)
		return false;
	text[n] = '\0';
	*ret_fd = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_type == SCM_RIGHTS)
			memcpy(ret_fd, CMSG_DATA(c), sizeof(*ret_fd));
	}
	return true;
}

/* As systemd does: kept under its name until that is removed. */
static void read_notifications(struct manager *m)
{
	char text[128];
	int fd;

	while (receive(m, text, sizeof(text), &fd)) {
		if (sscanf(text, "FDSTORE=1\nFDNAME=%31s", m->name) == 1) {
			assert_int_equal(m->kept, -1);
			assert_true(fd >= 0);
			m->kept = move_up(fd);
		} else if (sscanf(text, "FDSTOREREMOVE=1\nFDNAME=%31s", m->removed) == 1 &&
			   strcmp(m->removed, m->name) == 0 && m->kept >= 0) {
			close(m->kept);
			m->kept = -1;
		}
	}
}

/* The next process of the service starts with these sockets. */
static struct listen_pool *pool_of_next(const int fds[], const char *names, unsigned count)
{
	char text[16];

	for (unsigned i = 0; i < count; i++)
		assert_int_equal(dup2(fds[i], FIRST_FD + (int)i), FIRST_FD + (int)i);
	snprintf(text, sizeof(text), "%d", (int)getpid());
	setenv("LISTEN_PID", text, 1);
	snprintf(text, sizeof(text), "%u", count);
	setenv("LISTEN_FDS", text, 1);
	setenv("LISTEN_FDNAMES", names, 1);
	return listen_pool_new("tty");
}

static struct fixture *new_process(struct listen_pool *pool)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_non_null(pool);
	f->pool = pool;
	f->loop = loop_new();
	assert_non_null(f->loop);
	return f;
}

static void end_process(struct fixture *f)
{
	listener_leave(f->listener);
	listen_pool_free(f->pool);
	loop_free(f->loop);
	free(f);
}

/* A process has listened and has ended. */
static void keep_one(struct manager *m)
{
	struct fixture *f = new_process(listen_pool_new("tty"));
	struct stat st;

	assert_int_equal(open_it(f, 0640), 0);
	end_process(f);
	read_notifications(m);
	assert_int_equal(strncmp(m->name, "listener-", 9), 0);
	assert_int_equal(stat(path, &st), 0);
}

/* Who connects between two processes waits for the second one. */
static void test_taken_back(void **state)
{
	struct manager *m = *state;
	struct fixture *f;
	struct stat st;
	int fd;

	keep_one(m);
	fd = move_up(connect_to_it());
	f = new_process(pool_of_next(&m->kept, m->name, 1));
	assert_int_equal(open_it(f, 0600), 0);
	listen_pool_tidy(f->pool);
	assert_int_equal(loop_run(f->loop), 0);
	assert_int_equal(f->accepted, 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600); /* as it is configured now */
	read_notifications(m);
	assert_true(m->kept >= 0);
	end_process(f);
	close(connect_to_it());
	close(fd);
}

static void assert_refused(void)
{
	struct sockaddr_un un = sun();
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof(un)), -1);
	assert_int_equal(errno, ENOENT);
	close(fd);
}

/* An address that is not configured any more. */
static void test_not_wanted_any_more(void **state)
{
	struct manager *m = *state;
	struct fixture *f;

	keep_one(m);
	f = new_process(pool_of_next(&m->kept, m->name, 1));
	listen_pool_tidy(f->pool);
	assert_refused();
	read_notifications(m);
	assert_int_equal(m->kept, -1);
	end_process(f);
}

/* A reload that closes it. */
static void test_closed(void **state)
{
	struct manager *m = *state;
	struct fixture *f;

	keep_one(m);
	f = new_process(pool_of_next(&m->kept, m->name, 1));
	assert_int_equal(open_it(f, 0600), 0);
	listener_close(f->listener);
	f->listener = NULL;
	assert_refused();
	read_notifications(m);
	assert_int_equal(m->kept, -1);
	end_process(f);
}

/* Nobody could connect to it any more. */
static void test_file_is_gone(void **state)
{
	struct manager *m = *state;
	struct fixture *f;

	keep_one(m);
	assert_int_equal(unlink(path), 0);
	f = new_process(pool_of_next(&m->kept, m->name, 1));
	assert_int_equal(open_it(f, 0600), 0);
	close(connect_to_it());
	end_process(f);
	close(connect_to_it());
}

/* A socket unit has the address now. */
static void test_socket_unit_comes_first(void **state)
{
	struct manager *m = *state;
	struct fixture *f;
	char names[64];
	int fds[2];

	keep_one(m);
	assert_int_equal(unlink(path), 0);
	fds[0] = move_up(bind_other());
	fds[1] = m->kept;
	assert_int_equal(listen(fds[0], 8), 0);
	snprintf(names, sizeof(names), "mqtt:%s", m->name);
	f = new_process(pool_of_next(fds, names, 2));
	assert_int_equal(open_it(f, 0600), 0);
	listen_pool_tidy(f->pool);
	read_notifications(m);
	assert_int_equal(m->kept, -1);
	close(connect_to_it());
	end_process(f);
	close(connect_to_it());
	close(fds[0]);
}

#endif

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
#ifdef HAVE_SYSTEMD
		cmocka_unit_test_setup_teardown(test_taken_back, manager_setup, manager_teardown),
		cmocka_unit_test_setup_teardown(
		    test_not_wanted_any_more, manager_setup, manager_teardown),
		cmocka_unit_test_setup_teardown(test_closed, manager_setup, manager_teardown),
		cmocka_unit_test_setup_teardown(test_file_is_gone, manager_setup, manager_teardown),
		cmocka_unit_test_setup_teardown(
		    test_socket_unit_comes_first, manager_setup, manager_teardown),
#endif
	};

	return cmocka_run_group_tests(tests, group_setup, scratch_remove_empty);
}
