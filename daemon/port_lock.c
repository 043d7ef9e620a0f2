/* SPDX-License-Identifier: Apache-2.0 */
#include "port_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWN_NAME    "cmqttd"
#define CONTENT_MAX 64
#define GROUPS_MAX  64
#define ATTEMPTS    3 /* somebody else may take or drop it meanwhile */

void port_lock_init(struct port_lock *lock)
{
	lock->fd = -1;
	lock->file[0] = '\0';
}

static int name_file(struct port_lock *lock, const char *folder, const char *path)
{
	char node[PATH_MAX];
	int n;

	if (!realpath(path, node))
		return -errno;
	n = snprintf(lock->file, sizeof(lock->file), "%s/LCK..%s", folder, strrchr(node, '/') + 1);
	return n < 0 || (size_t)n >= sizeof(lock->file) ? -ENAMETOOLONG : 0;
}

/* Ten digits, as everybody reads and most write it; behind them a name, as minicom has it. */
static int create(struct port_lock *lock)
{
	char text[CONTENT_MAX];
	int n, fd = open(lock->file, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);

	if (fd < 0)
		return -errno;
	n = snprintf(text, sizeof(text), "%10ld " OWN_NAME "\n", (long)getpid());
	/* Others must be able to read it, whatever the umask. */
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || fchmod(fd, 0644) < 0 ||
	    write(fd, text, (size_t)n) != n) {
		int error = errno;

		unlink(lock->file);
		close(fd);
		return error ? -error : -EIO;
	}
	lock->fd = fd;
	return 0;
}

/* The process of a lock file; 0: it says nothing. Some write the number as it is in memory. */
static pid_t read_owner(int fd, char content[CONTENT_MAX])
{
	ssize_t n = pread(fd, content, CONTENT_MAX - 1, 0);
	int number;

	content[n > 0 ? n : 0] = '\0';
	if (n == (ssize_t)sizeof(number)) {
		memcpy(&number, content, sizeof(number));
		return number > 0 ? number : 0;
	}
	number = (int)strtoll(content, NULL, 10);
	return number > 0 ? number : 0;
}

/* One of our own that nobody has a flock on was left by a daemon that was killed, even if its
 * number is another process's by now. */
static bool is_left(int fd, pid_t owner, const char *content)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && strstr(content, OWN_NAME))
		return true;
	return owner == 0 || (kill(owner, 0) < 0 && errno == ESRCH);
}

static bool has_group(uid_t uid, gid_t wanted)
{
	const struct passwd *user = getpwuid(uid);
	gid_t groups[GROUPS_MAX];
	int count = GROUPS_MAX;

	if (!user || getgrouplist(user->pw_name, user->pw_gid, groups, &count) < 0)
		return false;
	for (int i = 0; i < count; i++) {
		if (groups[i] == wanted)
			return true;
	}
	return false;
}

/* Anybody can make files in most such folders: who may not open the port locks nobody out. */
static bool is_entitled(int fd, const char *path)
{
	struct stat file, port;

	if (fstat(fd, &file) < 0 || stat(path, &port) < 0)
		return false;
	return file.st_uid == 0 || file.st_uid == geteuid() || file.st_uid == port.st_uid ||
	       (port.st_mode & S_IWOTH) ||
	       ((port.st_mode & S_IWGRP) && has_group(file.st_uid, port.st_gid));
}

/* Remove a file whose process is gone. 0: it may be tried again. */
static int clear(const struct port_lock *lock, const char *path, pid_t *ret_owner)
{
	char content[CONTENT_MAX];
	int r = 0, fd = open(lock->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool is_locked;
	pid_t owner;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	is_locked = flock(fd, LOCK_EX | LOCK_NB) < 0;
	owner = read_owner(fd, content);
	if (!is_entitled(fd, path)) {
		r = -EPERM;
	} else if (is_locked || !is_left(fd, owner, content)) {
		*ret_owner = owner;
		r = -EBUSY;
	} else if (unlink(lock->file) < 0 && errno != ENOENT) {
		r = -errno;
	}
	close(fd);
	return r;
}

int port_lock_take(struct port_lock *lock, const char *folder, const char *path, pid_t *ret_owner)
{
	int r = name_file(lock, folder, path);

	for (int i = 0; r == 0 && i < ATTEMPTS; i++) {
		r = create(lock);
		if (r != -EEXIST)
			return r;
		r = clear(lock, path, ret_owner);
	}
	return r == 0 ? -EAGAIN : r;
}

/* Whoever thought it was left over may have made one of his own. */
static bool is_ours(const struct port_lock *lock)
{
	struct stat own, there;

	return fstat(lock->fd, &own) == 0 && stat(lock->file, &there) == 0 &&
	       own.st_dev == there.st_dev && own.st_ino == there.st_ino;
}

void port_lock_drop(struct port_lock *lock)
{
	if (lock->fd < 0)
		return;
	if (is_ours(lock))
		unlink(lock->file);
	close(lock->fd);
	lock->fd = -1;
}
