/* SPDX-License-Identifier: Apache-2.0 */
#include "tty_wait.h"

#include <limits.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* IN_ATTRIB: udev gives the rights after the node was made. */
#define EVENTS  (IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR)
#define TARGETS 4 /* the path itself, and what it links to: /dev/x, ../by-id/y, ../../ttyUSB2 */

/* A name that is waited for in a watched folder. */
struct target {
	int watch;
	char name[NAME_MAX + 1];
};

struct tty_wait {
	int fd;
	struct loop_watch *watch;
	struct target targets[TARGETS];
	size_t count;
	bool (*is_wanted)(const char *name); /* NULL: the target's own name */
	void (*changed)(void *arg);
	void *arg;
};

static bool is_name_expected(
    const struct tty_wait *wait, const struct target *target, const char *name)
{
	return wait->is_wanted ? wait->is_wanted(name) : strcmp(name, target->name) == 0;
}

static bool is_expected(const struct tty_wait *wait, const struct inotify_event *event)
{
	for (size_t i = 0; i < wait->count; i++) {
		if (event->wd == wait->targets[i].watch &&
		    (event->len == 0 || is_name_expected(wait, &wait->targets[i], event->name)))
			return true;
	}
	return event->mask & IN_Q_OVERFLOW;
}

static void on_ready(void *arg, bool is_readable, bool is_writable)
{
	struct tty_wait *wait = arg;
	alignas(struct inotify_event) char bytes[4096];
	bool has_changed = false;
	ssize_t n = read(wait->fd, bytes, sizeof(bytes));

	(void)is_readable;
	(void)is_writable;
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *event = (const void *)(bytes + at);

		has_changed |= is_expected(wait, event);
		at += (ssize_t)(sizeof(*event) + event->len);
	}
	if (has_changed)
		wait->changed(wait->arg);
}

/* Watch the nearest folder above `path` that exists, for the next part of the path. */
static void add_target(struct tty_wait *wait, const char *path)
{
	struct target *target = &wait->targets[wait->count];
	char folder[PATH_MAX];
	char *slash;

	if (strlen(path) >= sizeof(folder) || path[0] != '/')
		return;
	memcpy(folder, path, strlen(path) + 1);
	while ((slash = strrchr(folder, '/'))) {
		snprintf(target->name, sizeof(target->name), "%s", slash + 1);
		*slash = '\0';
		target->watch = inotify_add_watch(wait->fd, folder[0] ? folder : "/", EVENTS);
		if (target->watch >= 0) {
			wait->count++;
			return;
		}
	}
}

/* What the symbolic link `path` points to; false: it is none. */
static bool follow(const char *path, char target[PATH_MAX])
{
	char link[PATH_MAX];
	ssize_t len = readlink(path, link, sizeof(link) - 1);
	const char *slash = strrchr(path, '/');
	int n;

	if (len <= 0 || !slash)
		return false;
	link[len] = '\0';
	if (link[0] == '/')
		n = snprintf(target, PATH_MAX, "%s", link);
	else
		n = snprintf(target, PATH_MAX, "%.*s/%s", (int)(slash - path), path, link);
	return n > 0 && n < PATH_MAX;
}

/* A symbolic link may be there before what it points to, which may be one as well. */
static void add_path(struct tty_wait *wait, const char *path)
{
	char at[2][PATH_MAX];
	size_t turn = 0;

	add_target(wait, path);
	while (wait->count < TARGETS && follow(path, at[turn])) {
		path = at[turn];
		turn = 1 - turn;
		add_target(wait, path);
	}
}

static struct tty_wait *new_wait(struct loop *loop, void (*changed)(void *arg), void *arg)
{
	struct tty_wait *wait = calloc(1, sizeof(*wait));

	if (!wait)
		return NULL;
	wait->changed = changed;
	wait->arg = arg;
	wait->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (wait->fd >= 0)
		wait->watch = loop_watch_new(loop, wait->fd, on_ready, wait);
	return wait;
}

/* Without a watch it is of no use. */
static struct tty_wait *check(struct tty_wait *wait)
{
	if (wait->watch && wait->count > 0)
		return wait;
	tty_wait_free(wait);
	return NULL;
}

struct tty_wait *tty_wait_new(
    struct loop *loop, const char *path, void (*changed)(void *arg), void *arg)
{
	struct tty_wait *wait = new_wait(loop, changed, arg);

	if (!wait)
		return NULL;
	if (wait->fd >= 0)
		add_path(wait, path);
	return check(wait);
}

struct tty_wait *tty_wait_new_any(struct loop *loop, const char *folder,
    bool (*is_wanted)(const char *name), void (*changed)(void *arg), void *arg)
{
	struct tty_wait *wait = new_wait(loop, changed, arg);

	if (!wait)
		return NULL;
	wait->is_wanted = is_wanted;
	if (wait->fd >= 0)
		wait->targets[0].watch = inotify_add_watch(wait->fd, folder, EVENTS);
	if (wait->fd >= 0 && wait->targets[0].watch >= 0)
		wait->count = 1;
	return check(wait);
}

void tty_wait_free(struct tty_wait *wait)
{
	if (!wait)
		return;
	loop_watch_free(wait->watch);
	if (wait->fd >= 0)
		close(wait->fd);
	free(wait);
}
