/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who else uses the modem's port: looked up in /proc. Of other users' processes only root sees
 * what they have open.
 */
#ifndef CMQTTD_PORT_USER_H
#define CMQTTD_PORT_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PORT_USER_NAME_MAX 64
#define PORT_USER_TEXT_MAX 96

struct port_user {
	pid_t pid;
	char name[PORT_USER_NAME_MAX]; /* of its program */
};

/* All that have the character device at `path` open but this process, and those whose program is
 * `except` (NULL: none), as "ModemManager (pid 812), cat (pid 90)", cut off if they are many.
 * Returns how many there are. */
size_t port_user_list(const char *path, const char *except, char ret_text[PORT_USER_TEXT_MAX]);

/* The same text for one process, which may have ended. */
void port_user_describe(pid_t pid, char ret_text[PORT_USER_TEXT_MAX]);

/* A process whose program has that name runs. */
bool port_user_runs(const char *name, struct port_user *ret);

#endif
