/* SPDX-License-Identifier: Apache-2.0 */
#include "usb.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRIVER "bus/usb/drivers/usb"

/* The last part of a path. */
static const char *last_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The directory of a USB device, and not of an interface of it, is the one that has an idVendor. */
static bool is_usb_device(const char *path)
{
	char file[PATH_MAX];
	int n = snprintf(file, sizeof(file), "%s/idVendor", path);

	return n > 0 && (size_t)n < sizeof(file) && access(file, F_OK) == 0;
}

int usb_find(const char *sysfs, const char *device, char ret_name[USB_NAME_MAX])
{
	char node[PATH_MAX], link[PATH_MAX], path[PATH_MAX];
	char *slash;
	int n;

	if (!realpath(device, node))
		return -ENOENT;
	n = snprintf(link, sizeof(link), "%s/class/tty/%s/device", sysfs, last_of(node));
	if (n < 0 || (size_t)n >= sizeof(link))
		return -ENAMETOOLONG;
	if (!realpath(link, path))
		return -ENOENT;
	while (!is_usb_device(path)) {
		slash = strrchr(path, '/');
		if (!slash || slash == path)
			return -ENOENT;
		*slash = '\0';
	}
	if (strlen(last_of(path)) >= USB_NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(ret_name, last_of(path), strlen(last_of(path)) + 1);
	return 0;
}

static void driver_path(char *path, size_t size, const char *sysfs, const char *file)
{
	snprintf(path, size, "%s/" DRIVER "/%s", sysfs, file);
}

bool usb_can_rebind(const char *sysfs)
{
	char unbind[PATH_MAX], bind[PATH_MAX];

	driver_path(unbind, sizeof(unbind), sysfs, "unbind");
	driver_path(bind, sizeof(bind), sysfs, "bind");
	return access(unbind, W_OK) == 0 && access(bind, W_OK) == 0;
}

static int write_name(const char *sysfs, const char *file, const char *name)
{
	char path[PATH_MAX];
	int fd, r = 0;

	driver_path(path, sizeof(path), sysfs, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, name, strlen(name)) < 0)
		r = -errno;
	close(fd);
	return r;
}

int usb_rebind(const char *sysfs, const char *name)
{
	int r = write_name(sysfs, "unbind", name);

	/* -ENODEV: it is not bound now, which is no reason not to bind it. */
	if (r < 0 && r != -ENODEV)
		return r;
	return write_name(sysfs, "bind", name);
}
