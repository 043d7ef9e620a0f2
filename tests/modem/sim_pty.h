/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated modem's serial port: a pty whose slave has a fixed name (a symbolic link).
 *
 * The slave is not held open here, so that the host's exclusive use of it ends when the host closes
 * it. While nobody has it open, what the modem says is lost, as on a port that nobody reads.
 */
#ifndef TESTS_MODEM_SIM_PTY_H
#define TESTS_MODEM_SIM_PTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_pty {
	int fd;           /* master; -1: the port has vanished */
	bool open;        /* the host has the slave open */
	const char *link; /* may be NULL */
	char slave[64];
};

/* Makes the pty (raw) and the link. 0 or -errno. p->link is set by the owner. */
int sim_pty_appear(struct sim_pty *p);
/* Closes it and removes the link: the host sees a hang-up. */
void sim_pty_vanish(struct sim_pty *p);
/* Looks whether the host has the port open. True: it has just opened it. */
bool sim_pty_look(struct sim_pty *p);
/* Bytes read, 0 when there are none or the port is closed. */
size_t sim_pty_read(struct sim_pty *p, uint8_t *buf, size_t size);
/* Bytes taken; all of them when nobody listens. */
size_t sim_pty_write(struct sim_pty *p, const uint8_t *bytes, size_t n);

/* The speed that the host has set; 0: not known, 1: one that no modem has. */
uint32_t sim_pty_baud(const struct sim_pty *p);

#endif
