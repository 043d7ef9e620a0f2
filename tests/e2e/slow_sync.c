/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loaded into the daemon with LD_PRELOAD: a card that takes long to sync, and a record of what the
 * daemon did when.
 *
 * $SLOW_SYNC_MS: how long a sync of a file takes that was written to since the one before; with 0
 * every sync is only noted.
 * $SLOW_SYNC_LOG: a line for each sync, "sync BEGIN END FILE", and for each mark that was sent
 * to a socket, "send TIME MARK". A mark is '#' and eight digits. Times are CLOCK_MONOTONIC, ns.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dlfcn.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define FILES_MAX 1024
#define DIGITS    8

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

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void note_sync(int fd, uint64_t begin_ns)
{
	char link[64], path[PATH_MAX] = "?";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, path, sizeof(path) - 1) < 0)
		abort();
	fprintf(record(), "sync %" PRIu64 " %" PRIu64 " %s\n", begin_ns, now_ns(), path);
}

static int slow(const char *name, int fd)
{
	int (*real)(int fd) = dlsym(RTLD_NEXT, name);
	unsigned long delay_ms = strtoul(getenv("SLOW_SYNC_MS"), NULL, 10);
	uint64_t begin_ns = now_ns();
	int r = real(fd);

	if (delay_ms > 0 && (fd < 0 || fd >= FILES_MAX || !is_dirty[fd]))
		return r;
	is_dirty[fd] = false;
	usleep((useconds_t)delay_ms * 1000);
	note_sync(fd, begin_ns);
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

static bool is_mark(const char *at, size_t len)
{
	for (size_t i = 1; i <= DIGITS; i++) {
		if (len <= i || !isdigit((unsigned char)at[i]))
			return false;
	}
	return true;
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
	ssize_t (*real)(int, const void *, size_t, int) = dlsym(RTLD_NEXT, "send");
	uint64_t begin_ns = now_ns();
	ssize_t n = real(fd, data, len, flags);
	const char *at = data, *end = at + (n > 0 ? n : 0);

	while (at < end && (at = memchr(at, '#', (size_t)(end - at)))) {
		if (is_mark(at, (size_t)(end - at)))
			fprintf(record(), "send %" PRIu64 " %.*s\n", begin_ns, DIGITS, at + 1);
		at++;
	}
	return n;
}
