/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who else uses the modem's port: looked up in /proc. Of other users' processes only root sees
 * what they have open.
 */
#ifndef CMQTTD_PORT_USER_H
#define CMQTTD_PORT_USER_H

#include <stdbool.h>
#include <sys/types.h>

#define PORT_USER_NAME_MAX 64

struct port_user {
	pid_t pid;
	char name[PORT_USER_NAME_MAX]; /* of its program */
};

/* A process that has the character device at `path` open. 0; -ENOENT: there is no such device;
 * -ENOTTY: it is no character device; -ESRCH: nobody has, as far as can be seen. */
int port_user_find(const char *path, struct port_user *ret);

/* A process whose program has that name runs. */
bool port_user_runs(const char *name, struct port_user *ret);

#endif
