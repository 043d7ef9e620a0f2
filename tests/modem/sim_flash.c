/* SPDX-License-Identifier: Apache-2.0 */
/* The modem's certificate flash as files: NAME with everything unusual as %XX. */
#include "sim.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 10240, NAME_MAX_BYTES = 128 };

static void encode(const char *name, char *out, size_t size)
{
	size_t n = 0;

	for (; *name && n + 4 < size; name++) {
		if (isalnum((unsigned char)*name) || *name == '_' || *name == '-' ||
		    (n && *name == '.'))
			out[n++] = *name;
		else
			n += (size_t)snprintf(out + n, size - n, "%%%02X", (unsigned char)*name);
	}
	out[n] = '\0';
}

static void decode(const char *file, char *out, size_t size)
{
	size_t n = 0;
	unsigned v;

	for (; *file && n + 1 < size; file++) {
		if (*file == '%' && sscanf(file + 1, "%2X", &v) == 1 && file[1] && file[2]) {
			out[n++] = (char)v;
			file += 2;
		} else {
			out[n++] = *file;
		}
	}
	out[n] = '\0';
}

static void load_one(struct sim *s, int dir, const char *file)
{
	uint8_t data[FILE_MAX];
	char name[NAME_MAX_BYTES + 1];
	int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return;
	n = read(fd, data, sizeof data);
	close(fd);
	decode(file, name, sizeof name);
	if (n > 0)
		fake_modem_put_cert(s->m, name, data, (size_t)n);
}

int sim_flash_load(struct sim *s)
{
	DIR *d;
	const struct dirent *e;

	if (!s->state_dir)
		return 0;
	if (mkdir(s->state_dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	d = opendir(s->state_dir);
	if (!d)
		return -errno;
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			load_one(s, dirfd(d), e->d_name);
	closedir(d);
	return 0;
}

void sim_flash_changed(struct sim *s, const char *name, const uint8_t *data, size_t len)
{
	char file[3 * NAME_MAX_BYTES + 8], path[1024];
	int fd;

	if (!s->state_dir)
		return;
	encode(name, file, sizeof file);
	if (snprintf(path, sizeof path, "%s/%s", s->state_dir, file) >= (int)sizeof path)
		return;
	if (!data) {
		unlink(path);
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (write(fd, data, len) != (ssize_t)len)
		sim_log(s, '-', "a certificate could not be kept");
	close(fd);
}
