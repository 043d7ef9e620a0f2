/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Situations in which the daemon sends its commands: together they make it send every one that it
 * has. For the fault matrix.
 */
#ifndef TESTS_SIM_MATRIX_SITUATIONS_H
#define TESTS_SIM_MATRIX_SITUATIONS_H

#include "sim/world.h"

struct situation {
	const char *name;
	void (*set_params)(struct sim_params *p); /* or NULL */
	void (*set_configs)(struct world *w);     /* or NULL */
	void (*act)(struct world *w);             /* when all has been well for a while; or NULL */
	bool is_stop;                             /* act lets the daemon end; it starts again */
	const char *faults[3];                    /* of the modem, that lead there */
};

/* Ended by one without name. */
extern const struct situation matrix_situations[];

#endif
