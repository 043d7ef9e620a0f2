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

/* Some descriptor of the process is that device. */
static bool has_open(pid_t pid, dev_t device)
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
		struct stat st;

		snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)pid, entry->d_name);
		is_found = stat(path, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == device;
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
			return (pid_t)strtol(entry->d_name, NULL, 10);
	}
	return 0;
}

int port_user_find(const char *path, struct port_user *ret)
{
	struct stat st;
	DIR *proc;
	pid_t pid;

	if (stat(path, &st) < 0)
		return -ENOENT;
	if (!S_ISCHR(st.st_mode))
		return -ENOTTY;
	proc = opendir("/proc");
	if (!proc)
		return -ESRCH;
	do {
		pid = next_process(proc);
	} while (pid > 0 && !has_open(pid, st.st_rdev));
	closedir(proc);
	if (pid <= 0)
		return -ESRCH;
	ret->pid = pid;
	read_name(pid, ret->name, sizeof(ret->name));
	return 0;
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
