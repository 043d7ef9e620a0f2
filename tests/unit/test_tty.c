/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The port on a pseudo terminal, with the real loop; the core is played by this file.
 */
#define _GNU_SOURCE
#include "../../daemon/loop.h"
#include "../../daemon/tty.h"
#include "../../daemon/tty_wait.h"

#include "other_program.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

static const char *device; /* a symbolic link */
static struct tty_places places;

/* ---- the core ---- */

struct core {
	struct loop *loop;
	struct buf out;
	unsigned ups, downs;
	bool is_uart;
	int error; /* of the last core_tty_down */
	char users[96];
	char received[64];
	size_t received_len;
	size_t wanted_len; /* stop the loop when so much came */
};

void core_set_uart(struct core *c, bool is_uart)
{
	c->is_uart = is_uart;
}

void core_set_rebind(struct core *c, bool is_possible)
{
	(void)c;
	(void)is_possible;
}

void core_set_port_users(struct core *c, const char *others)
{
	snprintf(c->users, sizeof(c->users), "%s", others);
}

void core_tty_up(struct core *c, uint64_t now_ms)
{
	(void)now_ms;
	c->ups++;
	loop_stop(c->loop);
}

void core_tty_down(struct core *c, uint64_t now_ms, int error)
{
	(void)now_ms;
	c->downs++;
	c->error = error;
	loop_stop(c->loop);
}

void core_tty_rx(struct core *c, uint64_t now_ms, const uint8_t *data, size_t len)
{
	(void)now_ms;
	assert_true(len <= sizeof(c->received) - c->received_len);
	memcpy(c->received + c->received_len, data, len);
	c->received_len += len;
	if (c->received_len >= c->wanted_len)
		loop_stop(c->loop);
}

struct buf *core_tty_out(struct core *c)
{
	return &c->out;
}

/* ---- the modem's end ---- */

struct fixture {
	struct core core;
	struct tty *tty;
	int master;
};

static void plug_in(struct fixture *f)
{
	f->master = pty_open_master();
	assert_int_equal(symlink(ptsname(f->master), device), 0);
}

static void unplug(struct fixture *f)
{
	assert_int_equal(unlink(device), 0);
	close(f->master);
	f->master = -1;
}

/* Until the core hears something. */
static void run(struct fixture *f)
{
	assert_int_equal(loop_run(f->core.loop), 0);
}

static void configure_as(struct fixture *f, const char *name)
{
	const struct modem_config cfg = { .device = name, .baud = 115200 };

	assert_int_equal(tty_configure(f->tty, &cfg), 0);
}

static void configure(struct fixture *f)
{
	configure_as(f, device);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->master = -1;
	f->core.loop = loop_new();
	buf_init(&f->core.out, 4096);
	f->tty = tty_new(f->core.loop, &f->core, &places);
	*state = f;
	return f->tty ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tty_free(f->tty);
	buf_fini(&f->core.out);
	loop_free(f->core.loop);
	unlink(device);
	if (f->master >= 0)
		close(f->master);
	free(f);
	return 0;
}

/* ---- tests ---- */

static void test_raw_both_ways(void **state)
{
	static const char bytes[] = "\x03\r\n\x11\x13\xff\0AT";
	struct fixture *f = *state;
	char out[sizeof(bytes)];
	struct termios t;

	plug_in(f);
	configure(f);
	run(f);
	assert_int_equal(f->core.ups, 1);
	assert_int_equal(f->core.downs, 0);
	assert_int_equal(tcgetattr(f->master, &t), 0);
	assert_int_equal(cfgetospeed(&t), B115200);
	assert_int_equal(t.c_lflag & (ECHO | ICANON | ISIG), 0);

	assert_int_equal(write(f->master, bytes, sizeof(bytes)), sizeof(bytes));
	f->core.wanted_len = sizeof(bytes);
	run(f);
	assert_memory_equal(f->core.received, bytes, sizeof(bytes));

	assert_int_equal(buf_append(&f->core.out, bytes, sizeof(bytes)), 0);
	assert_true(tty_write(f->tty));
	assert_int_equal(buf_len(&f->core.out), 0);
	assert_int_equal(read(f->master, out, sizeof(out)), sizeof(out));
	assert_memory_equal(out, bytes, sizeof(bytes));
}

static void test_another_speed(void **state)
{
	struct fixture *f = *state;
	struct termios t;

	tty_set_line(f->tty, 9600, true, false); /* not open: nothing happens */
	plug_in(f);
	configure(f);
	run(f);
	assert_true(f->core.is_uart);
	tty_set_line(f->tty, 9600, true, false);
	assert_int_equal(tcgetattr(f->master, &t), 0);
	assert_int_equal(cfgetospeed(&t), B9600);
	assert_true((t.c_cflag & CRTSCTS) != 0);
	tty_set_line(f->tty, 12345, false, true); /* no such speed: it stays */
	assert_int_equal(tcgetattr(f->master, &t), 0);
	assert_int_equal(cfgetospeed(&t), B9600);
}

/* Nothing of what the modem says between two processes is lost. */
static void test_adopted(void **state)
{
	struct fixture *f = *state;
	int kept;

	plug_in(f);
	kept = open(device, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	assert_true(kept >= 0);
	configure(f);
	run(f);
	tty_free(f->tty);
	assert_int_equal(write(f->master, "meanwhile", 9), 9);

	f->tty = tty_new(f->core.loop, &f->core, &places);
	assert_non_null(f->tty);
	tty_adopt(f->tty, kept);
	configure(f);
	run(f);
	assert_int_equal(f->core.ups, 2);
	f->core.wanted_len = 9;
	run(f);
	assert_memory_equal(f->core.received, "meanwhile", 9);
}

/* Of another port nothing is wanted. */
static void test_adopted_is_another_port(void **state)
{
	struct fixture *f = *state;
	int other = pty_open_master();
	int kept = open(ptsname(other), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	struct pollfd hangup = { 0 };

	assert_true(kept >= 0);
	assert_int_equal(write(other, "wrong", 5), 5);
	plug_in(f);
	tty_adopt(f->tty, kept);
	configure(f);
	run(f);
	assert_int_equal(f->core.ups, 1);
	assert_int_equal(write(f->master, "right", 5), 5);
	f->core.wanted_len = 5;
	run(f);
	assert_memory_equal(f->core.received, "right", 5);
	hangup.fd = other;
	assert_int_equal(poll(&hangup, 1, 0), 1);
	assert_true(hangup.revents & POLLHUP); /* it was closed */
	close(other);
}

static void test_absent_then_there(void **state)
{
	struct fixture *f = *state;

	configure(f);
	run(f);
	assert_int_equal(f->core.downs, 1);
	assert_int_equal(f->core.error, ENOENT);
	plug_in(f);
	run(f);
	assert_int_equal(f->core.ups, 1);
}

static void test_hang_up_and_come_back(void **state)
{
	struct fixture *f = *state;

	plug_in(f);
	configure(f);
	run(f);
	unplug(f);
	run(f);
	assert_int_equal(f->core.downs, 1);
	assert_int_equal(f->core.error, EIO);
	/* The next attempt finds nothing, which is another reason; then it appears. */
	run(f);
	assert_int_equal(f->core.downs, 2);
	assert_int_equal(f->core.error, ENOENT);
	plug_in(f);
	run(f);
	assert_int_equal(f->core.ups, 2);
}

static void test_reopen(void **state)
{
	struct fixture *f = *state;

	plug_in(f);
	configure(f);
	run(f);
	tty_reopen(f->tty);
	run(f);
	assert_int_equal(f->core.ups, 2);
	assert_int_equal(f->core.downs, 0);
}

static void test_another_program_has_it(void **state)
{
	struct fixture *f = *state;
	int other;

	plug_in(f);
	other = open(device, O_RDWR | O_NOCTTY);
	assert_true(other >= 0);
	assert_int_equal(flock(other, LOCK_EX), 0);
	configure(f);
	run(f);
	assert_int_equal(f->core.error, EBUSY);
	close(other);
	run(f);
	assert_int_equal(f->core.ups, 1);
}

/* As pppd and minicom do it. */
static void test_lock_file(void **state)
{
	struct fixture *f = *state;
	char file[96], expected[96];
	pid_t other = other_program_start("other", NULL);
	FILE *lock;

	plug_in(f);
	snprintf(
	    file, sizeof(file), "%s/LCK..%s", places.locks, strrchr(ptsname(f->master), '/') + 1);
	lock = fopen(file, "w");
	assert_non_null(lock);
	fprintf(lock, "%10d\n", (int)other);
	fclose(lock);
	configure(f);
	run(f);
	assert_int_equal(f->core.error, EBUSY);
	snprintf(expected, sizeof(expected), "other (pid %d)", (int)other);
	assert_string_equal(f->core.users, expected);
	other_program_end(other);
	run(f);
	assert_int_equal(f->core.ups, 1);
	assert_string_equal(f->core.users, "");
	assert_int_equal(access(file, F_OK), 0); /* ours now */
	tty_free(f->tty);
	assert_int_equal(access(file, F_OK), -1);
	f->tty = tty_new(f->core.loop, &f->core, &places);
}

/* Nothing keeps it away, but it is named. */
static void test_somebody_reads_it(void **state)
{
	struct fixture *f = *state;
	char expected[96];
	pid_t other;

	plug_in(f);
	other = other_program_start("other", device);
	configure(f);
	run(f);
	assert_int_equal(f->core.ups, 1);
	snprintf(expected, sizeof(expected), "other (pid %d)", (int)other);
	assert_string_equal(f->core.users, expected);
	other_program_end(other);
	tty_reopen(f->tty);
	run(f);
	assert_int_equal(f->core.ups, 2);
	assert_string_equal(f->core.users, "");
}

static void test_no_tty(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(symlink("/dev/null", device), 0);
	configure(f);
	run(f);
	assert_int_equal(f->core.error, ENOTTY);
}

/* ---- found on USB ---- */

/* A modem whose first AT port has that name, in sysfs first, then in the folder of devices. */
static void plug_in_usb(struct fixture *f, const char *port)
{
	char folder[128], tty[64];

	snprintf(folder, sizeof(folder), "sys/usb1/1-1/1-1:1.2/%s", port);
	scratch_make_folders(folder);
	scratch_write("sys/usb1/1-1/1-1:1.2/bInterfaceNumber", "02\n");
	scratch_write("sys/usb1/1-1/idVendor", "1e0e\n");
	scratch_write("sys/usb1/1-1/idProduct", "9001\n");
	snprintf(tty, sizeof(tty), "sys/class/tty/%s", port);
	scratch_make_folders(tty);
	strncat(tty, "/device", sizeof(tty) - strlen(tty) - 1);
	assert_int_equal(symlink(scratch_path(folder), scratch_path(tty)), 0);
	f->master = pty_open_master();
	snprintf(tty, sizeof(tty), "dev/%s", port);
	assert_int_equal(symlink(ptsname(f->master), scratch_path(tty)), 0);
}

static void unplug_usb(struct fixture *f, const char *port)
{
	char text[256];

	snprintf(text, sizeof(text), "rm -r '%s' '%s/%s'", places.sysfs, places.dev, port);
	assert_int_equal(system(text), 0);
	close(f->master);
	f->master = -1;
}

/* Under whatever name it comes. */
static void test_usb(void **state)
{
	struct fixture *f = *state;

	scratch_make_folders("dev");
	configure_as(f, "usb");
	run(f);
	assert_int_equal(f->core.downs, 1);
	assert_int_equal(f->core.error, ENOENT);
	plug_in_usb(f, "ttyUSB2");
	run(f);
	assert_int_equal(f->core.ups, 1);
	unplug_usb(f, "ttyUSB2");
	run(f);
	assert_int_equal(f->core.error, EIO);
	run(f);
	assert_int_equal(f->core.error, ENOENT);
	plug_in_usb(f, "ttyUSB5");
	run(f);
	assert_int_equal(f->core.ups, 2);
	assert_int_equal(write(f->master, "right", 5), 5);
	f->core.wanted_len = 5;
	run(f);
	assert_memory_equal(f->core.received, "right", 5);
	unplug_usb(f, "ttyUSB5");
	assert_int_equal(rmdir(places.dev), 0);
}

/* As udev does it: /dev/serial/by-id goes with its last link and comes with the next one, which
 * points to another port. */
static void test_stable_name(void **state)
{
	struct fixture *f = *state;
	const char *by_id = scratch_path("by-id"), *link = scratch_path("by-id/modem-if02");
	int other;

	assert_int_equal(symlink("by-id/modem-if02", device), 0);
	scratch_make_folders("by-id");
	f->master = pty_open_master();
	assert_int_equal(symlink(ptsname(f->master), link), 0);
	configure(f);
	run(f);
	assert_int_equal(f->core.ups, 1);

	other = pty_open_master();
	close(f->master);
	assert_int_equal(unlink(link), 0);
	run(f);
	assert_int_equal(f->core.error, EIO);
	run(f);
	assert_int_equal(f->core.error, ENOENT);
	assert_int_equal(rmdir(by_id), 0);
	f->master = other;
	scratch_make_folders("by-id");
	assert_int_equal(symlink(ptsname(other), link), 0);
	run(f);
	assert_int_equal(f->core.ups, 2);
	assert_int_equal(write(f->master, "right", 5), 5);
	f->core.wanted_len = 5;
	run(f);
	assert_memory_equal(f->core.received, "right", 5);
	unlink(link);
	rmdir(by_id);
}

/* ---- waiting for a file ---- */

struct wait_fixture {
	struct loop *loop;
	bool has_changed;
};

static void on_changed(void *arg)
{
	struct wait_fixture *f = arg;

	f->has_changed = true;
	loop_stop(f->loop);
}

static void on_too_late(void *arg)
{
	struct wait_fixture *f = arg;

	loop_stop(f->loop);
}

static void make_file(const char *name)
{
	scratch_write(name, "");
}

/* Wait for `path`, make the change, and be told. */
static void expect_change(const char *path, void (*change)(const char *name), const char *name)
{
	struct wait_fixture f = { .loop = loop_new() };
	struct loop_timer *limit = loop_timer_new(f.loop, on_too_late, &f);
	struct tty_wait *wait = tty_wait_new(f.loop, path, on_changed, &f);

	assert_non_null(wait);
	loop_timer_set(limit, 10000);
	change(name);
	assert_int_equal(loop_run(f.loop), 0);
	assert_true(f.has_changed);
	tty_wait_free(wait);
	loop_timer_free(limit);
	loop_free(f.loop);
}

static void make_readable(const char *name)
{
	assert_int_equal(chmod(scratch_path(name), 0640), 0);
}

static void remove_folder(const char *name)
{
	assert_int_equal(rmdir(scratch_path(name)), 0);
}

static void test_wait(void **state)
{
	const char *file = scratch_path("by-id/usb/port"), *link = scratch_path("by-id/other");

	(void)state;
	/* The folders come first, one after the other, then the file, then its rights. */
	expect_change(file, scratch_make_folders, "by-id");
	expect_change(file, scratch_make_folders, "by-id/usb");
	expect_change(file, make_file, "by-id/usb/port");
	expect_change(file, make_readable, "by-id/usb/port");
	/* What a link points to, when the link is there already. */
	assert_int_equal(unlink(file), 0);
	assert_int_equal(symlink("by-id/usb/port", device), 0);
	expect_change(device, make_file, "by-id/usb/port");
	/* A link to a link, when both are there already. */
	assert_int_equal(unlink(file), 0);
	assert_int_equal(symlink("../modem", link), 0);
	expect_change(link, make_file, "by-id/usb/port");
	/* The folder that is watched goes. */
	assert_int_equal(unlink(file), 0);
	expect_change(file, remove_folder, "by-id/usb");
	unlink(link);
	unlink(device);
	rmdir(scratch_path("by-id"));
}

static bool is_wanted(const char *name)
{
	return strncmp(name, "ttyUSB", 6) == 0;
}

static void test_wait_any(void **state)
{
	struct wait_fixture f = { .loop = loop_new() };
	struct loop_timer *limit = loop_timer_new(f.loop, on_too_late, &f);
	struct tty_wait *wait =
	    tty_wait_new_any(f.loop, scratch_path(""), is_wanted, on_changed, &f);
	const char *other = scratch_path("ttyS7"), *port = scratch_path("ttyUSB7");

	(void)state;
	assert_non_null(wait);
	loop_timer_set(limit, 0);
	make_file("ttyS7");
	assert_int_equal(loop_run(f.loop), 0);
	assert_false(f.has_changed);
	loop_timer_set(limit, 10000);
	make_file("ttyUSB7");
	assert_int_equal(loop_run(f.loop), 0);
	assert_true(f.has_changed);
	tty_wait_free(wait);
	assert_null(tty_wait_new_any(f.loop, port, is_wanted, on_changed, &f));
	unlink(other);
	unlink(port);
	loop_timer_free(limit);
	loop_free(f.loop);
}

static int group_setup(void **state)
{
	if (scratch_make(state) != 0)
		return -1;
	device = scratch_path("modem");
	places = (struct tty_places){
		.sysfs = scratch_path("sys"), .dev = scratch_path("dev"), .locks = scratch_path("")
	};
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_raw_both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_speed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_adopted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_adopted_is_another_port, setup, teardown),
		cmocka_unit_test_setup_teardown(test_absent_then_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hang_up_and_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reopen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_program_has_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lock_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_somebody_reads_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_tty, setup, teardown),
		cmocka_unit_test_setup_teardown(test_usb, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stable_name, setup, teardown),
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_wait_any),
	};

	return cmocka_run_group_tests(tests, group_setup, scratch_remove_empty);
}
