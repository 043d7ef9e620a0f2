/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A USB device found behind its port, and bound anew: in a folder that looks like sysfs.
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

#include "../../daemon/usb.h"
#include "scratch.h"

static const char *content(const char *name)
{
	static char text[64];
	int fd = open(scratch_path(name), O_RDONLY);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static int make_sysfs(void **state)
{
	assert_int_equal(scratch_make(state), 0);
	scratch_make_folders("devices/usb1/1-1/1-1.2/1-1.2:1.2/ttyUSB2");
	scratch_make_folders("devices/platform/serial8250/tty/ttyS0");
	scratch_make_folders("class/tty/ttyUSB2");
	scratch_make_folders("class/tty/ttyS0");
	scratch_make_folders("bus/usb/drivers/usb");
	scratch_make_folders("dev/serial/by-id");
	scratch_write("devices/usb1/idVendor", "");
	scratch_write("devices/usb1/1-1/idVendor", "");
	scratch_write("devices/usb1/1-1/1-1.2/idVendor", "");
	scratch_write("dev/ttyUSB2", "");
	scratch_write("dev/ttyS0", "");
	scratch_write("bus/usb/drivers/usb/bind", "");
	scratch_write("bus/usb/drivers/usb/unbind", "");
	assert_int_equal(symlink(scratch_path("devices/usb1/1-1/1-1.2/1-1.2:1.2/ttyUSB2"),
			     scratch_path("class/tty/ttyUSB2/device")),
	    0);
	assert_int_equal(symlink(scratch_path("devices/platform/serial8250"),
			     scratch_path("class/tty/ttyS0/device")),
	    0);
	assert_int_equal(symlink("../../ttyUSB2", scratch_path("dev/serial/by-id/modem")), 0);
	return 0;
}

static void finds_the_device_and_not_its_interface(void **state)
{
	char name[USB_NAME_MAX] = "";

	(void)state;
	assert_int_equal(usb_find(scratch_path(""), scratch_path("dev/ttyUSB2"), name), 0);
	assert_string_equal(name, "1-1.2");
}

static void follows_the_links_of_udev(void **state)
{
	char name[USB_NAME_MAX] = "";

	(void)state;
	assert_int_equal(
	    usb_find(scratch_path(""), scratch_path("dev/serial/by-id/modem"), name), 0);
	assert_string_equal(name, "1-1.2");
}

static void finds_none_behind_other_ports(void **state)
{
	char name[USB_NAME_MAX] = "untouched";

	(void)state;
	assert_int_equal(usb_find(scratch_path(""), scratch_path("dev/ttyS0"), name), -ENOENT);
	assert_int_equal(usb_find(scratch_path(""), scratch_path("dev/ttyUSB7"), name), -ENOENT);
	assert_string_equal(name, "untouched");
}

static void unbinds_and_binds(void **state)
{
	(void)state;
	assert_true(usb_can_rebind(scratch_path("")));
	assert_int_equal(usb_rebind(scratch_path(""), "1-1.2"), 0);
	assert_string_equal(content("bus/usb/drivers/usb/unbind"), "1-1.2");
	assert_string_equal(content("bus/usb/drivers/usb/bind"), "1-1.2");
}

static void is_not_possible_without_the_files(void **state)
{
	(void)state;
	assert_false(usb_can_rebind(scratch_path("class")));
	assert_int_equal(usb_rebind(scratch_path("class"), "1-1.2"), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_device_and_not_its_interface),
		cmocka_unit_test(follows_the_links_of_udev),
		cmocka_unit_test(finds_none_behind_other_ports),
		cmocka_unit_test(unbinds_and_binds),
		cmocka_unit_test(is_not_possible_without_the_files),
	};

	return cmocka_run_group_tests_name("usb", tests, make_sysfs, scratch_remove);
}
