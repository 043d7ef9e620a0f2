/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold. Findings go to world_wrong.
 */
#ifndef TESTS_SIM_INVARIANTS_H
#define TESTS_SIM_INVARIANTS_H

#include <stdbool.h>

struct world;

/* At any moment between two turns. */
void invariants_check_always(struct world *w);

/* All that was promised is done; the world is at rest. */
bool invariants_is_settled(struct world *w);

/* When it is at rest. */
void invariants_check_settled(struct world *w);

/* Every broker that wants to know has been told of what it did not get. */
bool invariants_are_gaps_told(struct world *w);

/* When they are. */
void invariants_check_gaps(struct world *w);

/* Why it is not at rest yet, for the report of a run that took too long. */
void invariants_say_unsettled(struct world *w);

/* After the orderly stop. */
void invariants_check_stopped(struct world *w);

#endif
