/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control socket of the simulated modem: a Unix stream socket with lines both ways, one answer to
 * each command, in order. It only frames; the commands are the owner's.
 */
#ifndef TESTS_MODEM_SIM_CTL_H
#define TESTS_MODEM_SIM_CTL_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

enum {
	SIM_CTL_CLIENTS = 8,
	SIM_CTL_LINE_MAX = 24 * 1024, /* inject with 10 KiB in hex */
};

struct sim_ctl;

/* Executes a command line. Returns the answer (malloc'd, without line end), or NULL: it comes by
 * sim_ctl_answer(). */
typedef char *sim_ctl_fn(void *ctx, int client, char *line);

/* Listens at path (an old socket file is replaced). NULL with errno set. */
struct sim_ctl *sim_ctl_new(const char *path, sim_ctl_fn *fn, void *ctx);
void sim_ctl_free(struct sim_ctl *c);
/* Descriptors, at most SIM_CTL_CLIENTS + 1. */
size_t sim_ctl_poll(const struct sim_ctl *c, struct pollfd *fds);
void sim_ctl_step(struct sim_ctl *c);
/* A delayed answer. No-op when the client is gone. */
void sim_ctl_answer(struct sim_ctl *c, int client, const char *text);

#endif
