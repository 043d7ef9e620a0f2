/* SPDX-License-Identifier: Apache-2.0 */
#include "pin_note.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME     "pin-tried"
#define NAME_NEW "pin-tried.new"

/* The folder of the store. */
static int open_folder(const char *store)
{
	char path[PATH_MAX];
	int fd;

	if (snprintf(path, sizeof(path), "%s", store) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void pin_note_read(const char *store, char *ret_note, size_t size)
{
	int folder = open_folder(store), fd;
	ssize_t n;

	ret_note[0] = '\0';
	if (folder < 0)
		return;
	fd = openat(folder, NAME, O_RDONLY | O_CLOEXEC);
	close(folder);
	if (fd < 0)
		return;
	n = read(fd, ret_note, size - 1);
	close(fd);
	ret_note[n > 0 ? n : 0] = '\0';
}

static int write_new(int folder, const char *note)
{
	size_t len = strlen(note);
	int r = 0, fd = openat(folder, NAME_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	if (write(fd, note, len) != (ssize_t)len || fsync(fd) < 0)
		r = errno ? -errno : -EIO;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

int pin_note_write(const char *store, const char *note)
{
	int r = 0, folder = open_folder(store);

	if (folder < 0)
		return folder;
	errno = 0;
	if (note[0] == '\0') {
		if (unlinkat(folder, NAME, 0) < 0 && errno != ENOENT)
			r = -errno;
	} else {
		r = write_new(folder, note);
		if (r == 0 && renameat(folder, NAME_NEW, folder, NAME) < 0)
			r = -errno;
	}
	if (r == 0 && fsync(folder) < 0)
		r = -errno;
	close(folder);
	return r;
}
