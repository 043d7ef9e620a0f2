/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another program on this machine, and a port that it may have open.
 */
#ifndef TESTS_UNIT_OTHER_PROGRAM_H
#define TESTS_UNIT_OTHER_PROGRAM_H

#include <sys/types.h>

/* A process of that name that has a file open, or none (NULL), when this returns. It lives until
 * it is ended, or this process is. */
pid_t other_program_start(const char *name, const char *opens);

/* Kill it, and see it dead. */
void other_program_end(pid_t pid);

/* The modem's end of a new pseudo terminal; ptsname() tells the other end. */
int pty_open_master(void);

#endif
