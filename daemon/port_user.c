/* SPDX-License-Identifier: Apache-2.0 */
#include "port_user.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define DEVICES   "/dev/"
#define PTY_MAJOR 136 /* ... 143: Unix 98 pseudo terminals (Documentation/admin-guide/devices) */

/* Each mount of devpts numbers its pseudo terminals anew. */
static bool is_same(const struct stat *a, const struct stat *b)
{
	bool is_pty = major(a->st_rdev) >= PTY_MAJOR && major(a->st_rdev) < PTY_MAJOR + 8;

	return a->st_rdev == b->st_rdev && (!is_pty || a->st_dev == b->st_dev);
}

/* What links to somewhere else than a device is not asked: it may be on a server that is gone. */
static bool is_port(const char *link, const struct stat *port)
{
	char target[sizeof(DEVICES)];
	ssize_t n = readlink(link, target, sizeof(DEVICES) - 1);
	struct stat st;

	return n == (ssize_t)sizeof(DEVICES) - 1 && memcmp(target, DEVICES, (size_t)n) == 0 &&
	       stat(link, &st) == 0 && S_ISCHR(st.st_mode) && is_same(&st, port);
}

/* Some descriptor of the process is that port. */
static bool has_open(pid_t pid, const struct stat *port)
{
	char path[320];
	const struct dirent *entry;
	bool is_found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		return false;
	while (!is_found && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)pid, entry->d_name);
		is_found = is_port(path, port);
	}
	closedir(dir);
	return is_found;
}

static void read_name(pid_t pid, char *name, size_t size)
{
	char path[64];
	FILE *f;

	name[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return;
	if (!fgets(name, (int)size, f))
		name[0] = '\0';
	name[strcspn(name, "\n")] = '\0';
	fclose(f);
}

/* The next process in the list; 0: there are no more. */
static pid_t next_process(DIR *proc)
{
	const struct dirent *entry;

	while ((entry = readdir(proc))) {
		if (isdigit((unsigned char)entry->d_name[0]))
			return (pid_t)strtoll(entry->d_name, NULL, 10);
	}
	return 0;
}

static void append(char *text, pid_t pid, const char *name)
{
	size_t len = strlen(text);

	snprintf(text + len, PORT_USER_TEXT_MAX - len, name[0] ? "%s%s (pid %d)" : "%s%spid %d",
	    len > 0 ? ", " : "", name, (int)pid);
}

size_t port_user_list(const char *path, const char *except, char ret_text[PORT_USER_TEXT_MAX])
{
	struct port_user user;
	struct stat st;
	size_t count = 0;
	DIR *proc;

	ret_text[0] = '\0';
	if (stat(path, &st) < 0 || !S_ISCHR(st.st_mode))
		return 0;
	proc = opendir("/proc");
	while (proc && (user.pid = next_process(proc)) > 0) {
		if (user.pid == getpid() || !has_open(user.pid, &st))
			continue;
		read_name(user.pid, user.name, sizeof(user.name));
		if (except && strcmp(user.name, except) == 0)
			continue;
		append(ret_text, user.pid, user.name);
		count++;
	}
	if (proc)
		closedir(proc);
	return count;
}

void port_user_describe(pid_t pid, char ret_text[PORT_USER_TEXT_MAX])
{
	char name[PORT_USER_NAME_MAX];

	read_name(pid, name, sizeof(name));
	ret_text[0] = '\0';
	append(ret_text, pid, name);
}

bool port_user_runs(const char *name, struct port_user *ret)
{
	DIR *proc = opendir("/proc");
	bool is_found = false;
	pid_t pid;

	while (proc && !is_found && (pid = next_process(proc)) > 0) {
		ret->pid = pid;
		read_name(pid, ret->name, sizeof(ret->name));
		is_found = strcmp(ret->name, name) == 0;
	}
	if (proc)
		closedir(proc);
	return is_found;
}
