/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A damaged store of any bytes is walked through: once they are the database, once its log. What is
 * found lies where it was read, and is of the types that are told.
 */
#include "../../daemon/store_walk.h"
#include "base/limits.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/cmqttd-fuzz-XXXXXX";
static char path[64];

static void remove_folder(void)
{
	rmdir(folder);
}

static void make_folder(void)
{
	if (path[0] != '\0')
		return;
	if (!mkdtemp(folder))
		abort();
	snprintf(path, sizeof(path), "%s/store.db", folder);
	atexit(remove_folder);
}

static void write_file(const char *name, const uint8_t *data, size_t size)
{
	int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
}

static void check_row(const struct store_walk *w)
{
	const uint8_t *begin = buf_data(&w->payload), *end = begin + buf_len(&w->payload);

	for (size_t i = 0; w->types[i] != '\0'; i++) {
		struct span bytes = w->columns[i].bytes;

		if (!strchr("kitb?", w->types[i]) || (w->types[i] == 'k' && i > 0))
			abort();
		if (w->types[i] != 't' && w->types[i] != 'b')
			continue;
		if (bytes.data ? bytes.data < begin || bytes.data + bytes.len > end : bytes.len > 0)
			abort();
		if (w->types[i] == 't' && bytes.len > STORE_NOTE_MAX)
			abort();
	}
}

static void walk(void)
{
	struct store_pages pages;
	struct store_walk w;
	int r = store_pages_open(&pages, path);

	if (r < 0)
		abort();
	store_walk_init(&w, &pages);
	while ((r = store_walk_next(&w)) == 1)
		check_row(&w);
	if (r < 0)
		abort();
	store_walk_fini(&w);
	store_pages_close(&pages);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char log[STORE_NAME_MAX];

	make_folder();
	store_log_name(path, log);
	write_file(path, data, size);
	walk();
	unlink(path);
	write_file(log, data, size);
	walk();
	unlink(log);
	return 0;
}
