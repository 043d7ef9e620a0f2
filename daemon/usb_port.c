/* SPDX-License-Identifier: Apache-2.0 */
#include "usb_port.h"

#include "usb.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME      "usb"
#define ID_MAX    8 /* "1e0e" */
#define PLACE_SET "0123456789-."

/* What the interfaces are for: SIM7500/SIM7600 hardware design and ModemManager's list for 9001;
 * the composition with a network card in front (9011) has the same row of ports behind it, on the
 * SIM7600 as on the A7672. */
static const struct modem_kind {
	const char *vendor, *product;
	const char *interfaces[2]; /* first and second AT port */
} kinds[] = {
	{ "1e0e", "9001", { "02", "03" } },
	{ "1e0e", "9011", { "04", "05" } },
};

struct found {
	char usb[USB_NAME_MAX]; /* the device, "": none yet */
	char port[NAME_MAX + 1];
	size_t rank; /* 0: the first AT port */
	bool is_ambiguous;
};

bool usb_port_is_asked_for(const char *device)
{
	size_t len = strlen(NAME);

	return strncmp(device, NAME, len) == 0 && (device[len] == '\0' || device[len] == ':');
}

/* Where the modem has to be; NULL: anywhere. */
static const char *place_of(const char *device)
{
	return device[strlen(NAME)] == ':' ? device + strlen(NAME) + 1 : NULL;
}

bool usb_port_is_fine(const char *device)
{
	const char *place;

	if (!usb_port_is_asked_for(device))
		return false;
	place = place_of(device);
	return !place || (place[0] != '\0' && strlen(place) < USB_NAME_MAX &&
			     place[strspn(place, PLACE_SET)] == '\0');
}

bool usb_port_is_candidate(const char *name)
{
	return strncmp(name, "ttyUSB", 6) == 0 || strncmp(name, "ttyACM", 6) == 0;
}

/* Content of a file in `folder` up to its first blank or line end; false: there is no such file. */
static bool read_word(const char *folder, const char *file, char word[ID_MAX])
{
	char path[PATH_MAX];
	int fd, n = snprintf(path, sizeof(path), "%s/%s", folder, file);
	ssize_t got;

	if (n < 0 || (size_t)n >= sizeof(path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, word, ID_MAX - 1);
	close(fd);
	word[got > 0 ? got : 0] = '\0';
	word[strcspn(word, " \n")] = '\0';
	return true;
}

/* Make `path`, a folder of sysfs, the nearest one at or above it that has `file`. */
static bool climb(char *path, const char *file, char word[ID_MAX])
{
	while (!read_word(path, file, word)) {
		char *slash = strrchr(path, '/');

		if (!slash || slash == path)
			return false;
		*slash = '\0';
	}
	return true;
}

/* Which AT port of a modem that is; -1: of none. */
static int rank_of(const char *vendor, const char *product, const char *interface)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].vendor, vendor) != 0 || strcmp(kinds[i].product, product) != 0)
			continue;
		for (int rank = 0; rank < 2; rank++) {
			if (strcmp(kinds[i].interfaces[rank], interface) == 0)
				return rank;
		}
	}
	return -1;
}

static void consider(struct found *found, const char *sysfs, const char *place, const char *port)
{
	char link[PATH_MAX], path[PATH_MAX], interface[ID_MAX], vendor[ID_MAX], product[ID_MAX];
	int rank, n = snprintf(link, sizeof(link), "%s/class/tty/%s/device", sysfs, port);
	const char *usb;

	if (n < 0 || (size_t)n >= sizeof(link) || !realpath(link, path) ||
	    !climb(path, "bInterfaceNumber", interface) || !climb(path, "idVendor", vendor) ||
	    !read_word(path, "idProduct", product))
		return;
	rank = rank_of(vendor, product, interface);
	usb = strrchr(path, '/') + 1;
	if (rank < 0 || strlen(usb) >= USB_NAME_MAX || (place && strcmp(usb, place) != 0))
		return;
	if (found->usb[0] && strcmp(found->usb, usb) != 0) {
		found->is_ambiguous = true;
		return;
	}
	if (found->usb[0] && found->rank <= (size_t)rank)
		return;
	snprintf(found->usb, sizeof(found->usb), "%s", usb);
	snprintf(found->port, sizeof(found->port), "%s", port);
	found->rank = (size_t)rank;
}

int usb_port_find(
    const char *sysfs, const char *dev, const char *device, char *ret_path, size_t size)
{
	struct found found = { 0 };
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;
	int n = snprintf(path, sizeof(path), "%s/class/tty", sysfs);

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (usb_port_is_candidate(entry->d_name))
			consider(&found, sysfs, place_of(device), entry->d_name);
	}
	closedir(dir);
	if (!found.usb[0])
		return -ENOENT;
	if (found.is_ambiguous)
		return -ENOTUNIQ;
	n = snprintf(path, sizeof(path), "%s/%s", dev, found.port);
	if (n < 0 || (size_t)n >= sizeof(path) || (size_t)n >= size)
		return -ENAMETOOLONG;
	memcpy(ret_path, path, (size_t)n + 1);
	return 0;
}
