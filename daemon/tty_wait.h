/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for a file to appear: inotify watches on the folder it will be in, or on the next folder
 * above that exists, and on that of each file that a symbolic link points to, one after the other.
 */
#ifndef CMQTTD_TTY_WAIT_H
#define CMQTTD_TTY_WAIT_H

#include "loop.h"

struct tty_wait;

/* Call `changed` each time something happens that may make `path` usable. The watches are for how
 * things are now: make a new one after each call. NULL: cannot be watched. */
struct tty_wait *tty_wait_new(
    struct loop *loop, const char *path, void (*changed)(void *arg), void *arg);

/* The same for any file in `folder`, which exists, whose name is_wanted. */
struct tty_wait *tty_wait_new_any(struct loop *loop, const char *folder,
    bool (*is_wanted)(const char *name), void (*changed)(void *arg), void *arg);

/* NULL is fine. */
void tty_wait_free(struct tty_wait *wait);

#endif
