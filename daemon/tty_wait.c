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
#define TARGETS 2 /* the path itself, and what it links to */

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
	void (*changed)(void *arg);
	void *arg;
};

static bool is_expected(const struct tty_wait *wait, const struct inotify_event *event)
{
	for (size_t i = 0; i < wait->count; i++) {
		if (event->wd == wait->targets[i].watch &&
		    (event->len == 0 || strcmp(event->name, wait->targets[i].name) == 0))
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

	if (wait->count == TARGETS || strlen(path) >= sizeof(folder) || path[0] != '/')
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

/* A symbolic link may be there before what it points to. */
static void add_link_target(struct tty_wait *wait, const char *path)
{
	char link[PATH_MAX], joined[2 * PATH_MAX];
	ssize_t len = readlink(path, link, sizeof(link) - 1);
	const char *slash = strrchr(path, '/');

	if (len <= 0 || !slash)
		return;
	link[len] = '\0';
	if (link[0] == '/')
		add_target(wait, link);
	else if ((size_t)snprintf(joined, sizeof(joined), "%.*s/%s", (int)(slash - path), path,
		     link) < sizeof(joined))
		add_target(wait, joined);
}

struct tty_wait *tty_wait_new(
    struct loop *loop, const char *path, void (*changed)(void *arg), void *arg)
{
	struct tty_wait *wait = calloc(1, sizeof(*wait));

	if (!wait)
		return NULL;
	wait->changed = changed;
	wait->arg = arg;
	wait->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (wait->fd >= 0) {
		add_target(wait, path);
		add_link_target(wait, path);
		wait->watch = loop_watch_new(loop, wait->fd, on_ready, wait);
	}
	if (!wait->watch || wait->count == 0) {
		tty_wait_free(wait);
		return NULL;
	}
	return wait;
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
