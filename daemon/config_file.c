/* SPDX-License-Identifier: Apache-2.0 */
#include "config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Our units load a whole folder; what was NAME in it is then called cmqttd_NAME (LoadCredential= of
 * systemd.exec(5)). Root, who checks a configuration by hand, looks into the folder itself. */
#define CREDENTIAL_FOLDER "credentials"
#define CREDENTIAL_PREFIX "cmqttd_"

const char *config_file_folder(struct arena *a, const char *file)
{
	const char *slash = strrchr(file, '/');

	if (!slash)
		return ".";
	if (slash == file)
		return "/";
	return arena_copy(a, file, (size_t)(slash - file));
}

/* folder/prefix + name, if there is such a file, or may be one in a folder that is closed to us. */
static const char *find_in(
    struct arena *a, const char *folder, const char *prefix, const char *name)
{
	const char *path = arena_printf(a, "%s/%s%s", folder, prefix, name);

	return path && (access(path, F_OK) == 0 || errno == EACCES) ? path : NULL;
}

const char *config_file_find(struct arena *a, const char *beside, const char *name)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	const char *folder, *path = NULL;

	if (name[0] == '/')
		return name;
	if (credentials && credentials[0] == '/') {
		path = find_in(a, credentials, "", name);
		if (!path)
			path = find_in(a, credentials, CREDENTIAL_PREFIX, name);
	}
	if (path)
		return path;
	folder = config_file_folder(a, beside);
	if (!folder)
		return NULL;
	path = find_in(a, folder, "", name);
	if (!path)
		path = find_in(a, folder, CREDENTIAL_FOLDER "/", name);
	return path ? path : arena_printf(a, "%s/%s", folder, name);
}

/* A file that grows while it is read ends at its first length. */
static int read_all(struct arena *a, int fd, size_t len, struct span *ret)
{
	char *data = arena_alloc(a, len + 1);
	size_t have = 0;

	if (!data)
		return -ENOMEM;
	while (have < len) {
		ssize_t n = read(fd, data + have, len - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	*ret = (struct span){ .data = (const uint8_t *)data, .len = have };
	return 0;
}

int config_file_read(struct arena *a, const char *path, size_t max_bytes, struct span *ret)
{
	struct stat st;
	/* Non-blocking: a FIFO without a writer must not stop the daemon. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int r;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (S_ISDIR(st.st_mode))
		r = -EISDIR;
	else if (!S_ISREG(st.st_mode))
		r = -EINVAL;
	else if ((uintmax_t)st.st_size > max_bytes)
		r = -EFBIG;
	else
		r = read_all(a, fd, (size_t)st.st_size, ret);
	close(fd);
	return r;
}
