/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lock file of a serial port, /var/lock/LCK..ttyUSB2 with a process number in it: what pppd,
 * minicom, uucp and others honour (FHS 3.0, 5.9). A file whose process is gone is removed, one of
 * somebody who may not open the port is ignored. What keeps two daemons apart is a flock on the
 * file, because a process number is given again.
 */
#ifndef CMQTTD_PORT_LOCK_H
#define CMQTTD_PORT_LOCK_H

#include <limits.h>
#include <sys/types.h>

#define PORT_LOCK_FOLDER "/var/lock"

struct port_lock {
	int fd; /* -1: no lock is held */
	char file[PATH_MAX];
};

/* Hold none. */
void port_lock_init(struct port_lock *lock);

/* Lock the port `path` (links are followed) in that folder. 0; -EBUSY: the process *ret_owner has
 * it; -errno: there can be no lock file, which is the case on many systems, and no reason not to
 * use the port. */
int port_lock_take(struct port_lock *lock, const char *folder, const char *path, pid_t *ret_owner);

/* Remove the file, if one is held. */
void port_lock_drop(struct port_lock *lock);

#endif
