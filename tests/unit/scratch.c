/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* nftw */
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct path {
	struct path *next;
	char text[];
};

static char folder[32];
static struct path *paths; /* all that were asked for */

static void forget_paths(void)
{
	while (paths) {
		struct path *next = paths->next;

		free(paths);
		paths = next;
	}
}

int scratch_make(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/cmqttd-test.XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int scratch_remove(void **state)
{
	(void)state;
	forget_paths();
	return nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int scratch_remove_empty(void **state)
{
	int r = rmdir(folder);

	scratch_remove(state);
	return r;
}

const char *scratch_path(const char *name)
{
	size_t size = strlen(folder) + 1 + strlen(name) + 1;
	struct path *p = malloc(sizeof(*p) + size);

	assert_non_null(p);
	snprintf(p->text, size, "%s%s%s", folder, *name ? "/" : "", name);
	p->next = paths;
	paths = p;
	return p->text;
}

void scratch_make_folders(const char *name)
{
	char path[512];
	char *slash = path + strlen(folder);

	assert_in_range(snprintf(path, sizeof(path), "%s/%s/", folder, name), 1, sizeof(path) - 1);
	while ((slash = strchr(slash + 1, '/'))) {
		*slash = '\0';
		assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
}

void scratch_write(const char *name, const char *text)
{
	scratch_write_bytes(name, text, strlen(text));
}

void scratch_write_bytes(const char *name, const void *bytes, size_t len)
{
	int fd = open(scratch_path(name), O_CREAT | O_TRUNC | O_WRONLY, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(close(fd), 0);
}
