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

static char root[] = "/tmp/test_usb.XXXXXX";

static const char *in_root(const char *name)
{
	static char path[4][PATH_MAX];
	static unsigned turn;
	char *p = path[turn++ % 4];

	snprintf(p, PATH_MAX, "%s/%s", root, name);
	return p;
}

static void make_dirs(const char *name)
{
	char path[PATH_MAX];
	char *slash;

	snprintf(path, sizeof path, "%s/", in_root(name));
	for (slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
}

static void make_file(const char *name)
{
	int fd = open(in_root(name), O_CREAT | O_WRONLY, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static const char *content(const char *name)
{
	static char text[64];
	int fd = open(in_root(name), O_RDONLY);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static int make_sysfs(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(root));
	make_dirs("devices/usb1/1-1/1-1.2/1-1.2:1.2/ttyUSB2");
	make_dirs("devices/platform/serial8250/tty/ttyS0");
	make_dirs("class/tty/ttyUSB2");
	make_dirs("class/tty/ttyS0");
	make_dirs("bus/usb/drivers/usb");
	make_dirs("dev/serial/by-id");
	make_file("devices/usb1/idVendor");
	make_file("devices/usb1/1-1/idVendor");
	make_file("devices/usb1/1-1/1-1.2/idVendor");
	make_file("dev/ttyUSB2");
	make_file("dev/ttyS0");
	make_file("bus/usb/drivers/usb/bind");
	make_file("bus/usb/drivers/usb/unbind");
	assert_int_equal(symlink(in_root("devices/usb1/1-1/1-1.2/1-1.2:1.2/ttyUSB2"),
			     in_root("class/tty/ttyUSB2/device")),
	    0);
	assert_int_equal(
	    symlink(in_root("devices/platform/serial8250"), in_root("class/tty/ttyS0/device")), 0);
	assert_int_equal(symlink("../../ttyUSB2", in_root("dev/serial/by-id/modem")), 0);
	return 0;
}

static int remove_sysfs(void **state)
{
	char command[PATH_MAX];

	(void)state;
	snprintf(command, sizeof command, "rm -r '%s'", root);
	return system(command);
}

static void finds_the_device_and_not_its_interface(void **state)
{
	char name[USB_NAME_MAX] = "";

	(void)state;
	assert_int_equal(usb_find(root, in_root("dev/ttyUSB2"), name), 0);
	assert_string_equal(name, "1-1.2");
}

static void follows_the_links_of_udev(void **state)
{
	char name[USB_NAME_MAX] = "";

	(void)state;
	assert_int_equal(usb_find(root, in_root("dev/serial/by-id/modem"), name), 0);
	assert_string_equal(name, "1-1.2");
}

static void finds_none_behind_other_ports(void **state)
{
	char name[USB_NAME_MAX] = "untouched";

	(void)state;
	assert_int_equal(usb_find(root, in_root("dev/ttyS0"), name), -ENOENT);
	assert_int_equal(usb_find(root, in_root("dev/ttyUSB7"), name), -ENOENT);
	assert_string_equal(name, "untouched");
}

static void unbinds_and_binds(void **state)
{
	(void)state;
	assert_true(usb_can_rebind(root));
	assert_int_equal(usb_rebind(root, "1-1.2"), 0);
	assert_string_equal(content("bus/usb/drivers/usb/unbind"), "1-1.2");
	assert_string_equal(content("bus/usb/drivers/usb/bind"), "1-1.2");
}

static void is_not_possible_without_the_files(void **state)
{
	(void)state;
	assert_false(usb_can_rebind(in_root("class")));
	assert_int_equal(usb_rebind(in_root("class"), "1-1.2"), -ENOENT);
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

	return cmocka_run_group_tests_name("usb", tests, make_sysfs, remove_sysfs);
}
