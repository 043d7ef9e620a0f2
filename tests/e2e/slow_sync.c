/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loaded into the daemon with LD_PRELOAD: a card whose syncs take as long as the test wants, and a
 * record of them.
 *
 * $SLOW_SYNC_LOG: for each sync a line when it ends, "sync NUMBER FILE", and before that one if it
 * has to wait, "held NUMBER FILE".
 * $SLOW_SYNC_HOLD: a file. As long as it exists, a sync of what was written to since the one before
 * does not end before the number in that file is its own, or a later one. Not set: every sync is
 * only noted.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#define FILES_MAX 1024

static bool is_dirty[FILES_MAX];

static FILE *record(void)
{
	static FILE *f;

	if (!f) {
		f = fopen(getenv("SLOW_SYNC_LOG"), "a");
		if (!f)
			abort();
		setlinebuf(f);
	}
	return f;
}

static void note(const char *what, unsigned number, int fd)
{
	char link[64], path[PATH_MAX] = "?";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, path, sizeof(path) - 1) < 0)
		abort();
	fprintf(record(), "%s %u %s\n", what, number, path);
}

static bool may_end(const char *hold, unsigned number)
{
	FILE *f = fopen(hold, "r");
	unsigned upto;
	bool is_known;

	if (!f)
		return true;
	is_known = fscanf(f, "%u", &upto) == 1;
	fclose(f);
	return is_known && number <= upto;
}

static void wait_released(const char *hold, unsigned number, int fd)
{
	if (may_end(hold, number))
		return;
	note("held", number, fd);
	while (!may_end(hold, number))
		usleep(1000);
}

static int slow(const char *name, int fd)
{
	static unsigned number;
	int (*real)(int fd) = dlsym(RTLD_NEXT, name);
	const char *hold = getenv("SLOW_SYNC_HOLD");
	int r;

	if (hold && (fd < 0 || fd >= FILES_MAX || !is_dirty[fd]))
		return real(fd);
	is_dirty[fd] = false;
	number++;
	if (hold)
		wait_released(hold, number, fd);
	r = real(fd);
	note("sync", number, fd);
	return r;
}

int fdatasync(int fd)
{
	return slow("fdatasync", fd);
}

int fsync(int fd)
{
	return slow("fsync", fd);
}

static void note_write(int fd)
{
	if (fd >= 0 && fd < FILES_MAX)
		is_dirty[fd] = true;
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
	ssize_t (*real)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, "pwrite");

	note_write(fd);
	return real(fd, data, len, at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");

	note_write(fd);
	return real(fd, data, len, at);
}
