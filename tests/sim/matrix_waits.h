/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every kind of wait that the daemon is seen in: what its modem and its sessions are at, each for
 * itself. The fault matrix collects them on its way through the situations, and comes back to each
 * to let the modem hang there.
 */
#ifndef TESTS_SIM_MATRIX_WAITS_H
#define TESTS_SIM_MATRIX_WAITS_H

#include "sim/matrix_situations.h"

enum { WAIT_NAME_MAX = 120 };

struct wait {
	char name[WAIT_NAME_MAX];
	const struct situation *situation;
	unsigned turn; /* of the situation, when it was first seen */
};

/* What is waited for in this turn is known from now on, if it was not. */
void waits_note(const struct world *w, const struct situation *s, unsigned turn);

/* All that were noted. */
size_t waits_count(void);
const struct wait *waits_get(size_t i);

#endif
