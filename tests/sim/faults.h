/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes wrong: faults of single commands, and events that come at their own time. Which kinds
 * there are depends on the level, how many on the seed. Until faults_stop.
 */
#ifndef TESTS_SIM_FAULTS_H
#define TESTS_SIM_FAULTS_H

#include "modem/fake_modem.h"

#include <stdbool.h>
#include <stdint.h>

struct world;

enum { FAULTS_TOPIC_MAX = 32 };

struct faults {
	bool is_over;
	uint64_t next_ms;                       /* next event */
	uint64_t port_back_ms;                  /* the port comes back */
	uint64_t power_on_ms;                   /* the power comes back */
	uint64_t broker_back_ms[2];             /* it lets us in again */
	uint64_t registered_ms;                 /* the network comes back */
	size_t topic_len[2];                    /* of the message that is being staged */
	unsigned unstaged[2][FAULTS_TOPIC_MAX]; /* times that its staging met a fault */
	uint64_t unstaged_since_ms;
	unsigned commands; /* that met a fault */
	unsigned events;
};

void faults_init(struct faults *f, struct world *w);

/* For fake_modem_cfg.draw_fault; ctx: the world. */
bool faults_draw(void *ctx, const char *command, struct fake_fault *ret);

uint64_t faults_deadline(const struct faults *f);
bool faults_run(struct world *w, uint64_t now_ms);

/* From now on nothing goes wrong any more, and what is broken is mended. */
void faults_stop(struct world *w, uint64_t now_ms);

/* The operator's command: power off, and on again after a while. */
void faults_power_cycle(struct world *w, uint64_t now_ms);

#endif
