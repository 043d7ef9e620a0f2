/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AT port of a modem on USB, among others, in a folder that looks like sysfs.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../daemon/usb_port.h"
#include "scratch.h"

#define PORTS_MAX 8

/* Ports as "PLACE VENDOR:PRODUCT INTERFACE PORT". */
struct row {
	const char *name;
	const char *ports[PORTS_MAX];
	const char *device;
	const char *path; /* NULL: not found */
	int result;
};

/* clang-format off */
#define SIM7600(place, a, b, c, d) \
	place " 1e0e:9001 00 " a, place " 1e0e:9001 01 " b, place " 1e0e:9001 02 " c, place " 1e0e:9001 03 " d

static const struct row rows[] = {
	{ "first AT port",
	  { SIM7600("1-1", "ttyUSB0", "ttyUSB1", "ttyUSB2", "ttyUSB3") }, "usb", "/dev/ttyUSB2", 0 },
	{ "another order of names: the interface counts",
	  { SIM7600("1-1", "ttyUSB9", "ttyUSB8", "ttyUSB7", "ttyUSB6") }, "usb", "/dev/ttyUSB7", 0 },
	{ "second AT port, if the first has no driver",
	  { "1-1 1e0e:9001 01 ttyUSB1", "1-1 1e0e:9001 03 ttyUSB2" }, "usb", "/dev/ttyUSB2", 0 },
	{ "no AT port", { "1-1 1e0e:9001 00 ttyUSB0", "1-1 1e0e:9001 01 ttyUSB1" }, "usb", NULL, -ENOENT },
	{ "with a network card in front",
	  { "1-1.4 1e0e:9011 02 ttyUSB0", "1-1.4 1e0e:9011 05 ttyUSB1", "1-1.4 1e0e:9011 04 ttyUSB2" },
	  "usb", "/dev/ttyUSB2", 0 },
	{ "other things on USB are none",
	  { "1-2 0403:6001 00 ttyUSB0", "1-3 2c7c:0125 02 ttyUSB2", "1-4 1e0e:9206 02 ttyUSB5" }, "usb", NULL, -ENOENT },
	{ "among other things",
	  { "1-2 0403:6001 02 ttyUSB0", "1-1 1e0e:9001 02 ttyUSB4", "1-3 2c7c:0125 02 ttyUSB2" },
	  "usb", "/dev/ttyUSB4", 0 },
	{ "a port of cdc_acm", { "1-1 1e0e:9011 04 ttyACM1" }, "usb", "/dev/ttyACM1", 0 },
	{ "nothing there", { 0 }, "usb", NULL, -ENOENT },
	{ "two modems: not guessed",
	  { "1-1 1e0e:9001 02 ttyUSB2", "1-2 1e0e:9001 02 ttyUSB7" }, "usb", NULL, -ENOTUNIQ },
	{ "two modems, one by its place",
	  { "1-1 1e0e:9001 02 ttyUSB2", "1-1.2 1e0e:9001 02 ttyUSB7" }, "usb:1-1", "/dev/ttyUSB2", 0 },
	{ "two modems, the other one",
	  { "1-1 1e0e:9001 02 ttyUSB2", "1-1.2 1e0e:9001 02 ttyUSB7" }, "usb:1-1.2", "/dev/ttyUSB7", 0 },
	{ "another place", { "1-1 1e0e:9001 02 ttyUSB2" }, "usb:1-3", NULL, -ENOENT },
};
/* clang-format on */

static void write_line(const char *folder, const char *name, const char *text)
{
	char path[256], line[32];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	snprintf(line, sizeof line, "%s\n", text);
	scratch_write(path, line);
}

/* As the kernel lays it out: a port of usb-serial is a folder of its interface, one of cdc_acm has
 * the interface itself as its device. */
static void add_port(const char *text)
{
	char place[16], vendor[8], product[8], interface[8], port[16];
	char usb[64], folder[160];
	const char *target;

	assert_int_equal(
	    sscanf(text, "%15s %4s:%4s %7s %15s", place, vendor, product, interface, port), 5);
	snprintf(usb, sizeof usb, "devices/usb1/%s", place);
	snprintf(folder, sizeof folder, "%s/%s:1.%s/%s", usb, place, interface,
	    strncmp(port, "ttyUSB", 6) == 0 ? port : "");
	scratch_make_folders(folder);
	write_line(usb, "idVendor", vendor);
	write_line(usb, "idProduct", product);
	target = scratch_path(folder);
	snprintf(folder, sizeof folder, "%s/%s:1.%s", usb, place, interface);
	write_line(folder, "bInterfaceNumber", interface);
	snprintf(folder, sizeof folder, "class/tty/%s", port);
	scratch_make_folders(folder);
	snprintf(folder, sizeof folder, "class/tty/%s/device", port);
	assert_int_equal(symlink(target, scratch_path(folder)), 0);
}

static void make_sysfs(const struct row *row)
{
	scratch_make_folders("class/tty/ttyS0");
	scratch_make_folders("class/tty/tty1");
	scratch_make_folders("devices/usb1");
	write_line("devices/usb1", "idVendor", "1d6b");
	write_line("devices/usb1", "idProduct", "0002");
	for (size_t i = 0; i < PORTS_MAX && row->ports[i]; i++)
		add_port(row->ports[i]);
}

static void test_find(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char path[64] = "untouched";

		print_message("  %s\n", rows[i].name);
		assert_int_equal(scratch_make(NULL), 0);
		make_sysfs(&rows[i]);
		assert_int_equal(
		    usb_port_find(scratch_path(""), "/dev", rows[i].device, path, sizeof path),
		    rows[i].result);
		assert_string_equal(path, rows[i].path ? rows[i].path : "untouched");
		if (rows[i].result == 0) {
			assert_int_equal(
			    usb_port_find(scratch_path(""), "/dev", rows[i].device, path, 4),
			    -ENAMETOOLONG);
		}
		assert_int_equal(scratch_remove(NULL), 0);
	}
}

static void test_no_sysfs(void **state)
{
	char path[64];

	(void)state;
	assert_int_equal(usb_port_find("/nonexistent", "/dev", "usb", path, sizeof path), -ENOENT);
}

static void test_names(void **state)
{
	static const struct {
		const char *device;
		bool is_asked_for, is_fine;
	} names[] = {
		{ "usb", true, true },
		{ "usb:1-1", true, true },
		{ "usb:2-1.4.3", true, true },
		{ "usb:", true, false },
		{ "usb:../..", true, false },
		{ "usb:1e0e:9001", true, false },
		{ "usb:1-1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1", true, false },
		{ "usbhid", false, false },
		{ "/dev/usb", false, false },
		{ "", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		print_message("  %s\n", names[i].device);
		assert_int_equal(usb_port_is_asked_for(names[i].device), names[i].is_asked_for);
		assert_int_equal(usb_port_is_fine(names[i].device), names[i].is_fine);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_no_sysfs),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("usb_port", tests, NULL, NULL);
}
