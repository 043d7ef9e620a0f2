/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ordered deadlines: an intrusive binary heap. The owner embeds a struct timer, asks for the
 * earliest deadline, and pops what is due; nothing is called back. Where a module has only a
 * handful of deadlines it compares them itself.
 */
#ifndef CMQTTD_BASE_TIMERQ_H
#define CMQTTD_BASE_TIMERQ_H

#include <stddef.h>
#include <stdint.h>

#define TIMER_NEVER UINT64_MAX /* a deadline that does not come */

struct timer {
	uint64_t due_ms;
	size_t slot; /* place in the heap plus one; 0: not armed */
};

struct timerq {
	struct timer **heap;
	size_t count;
	size_t cap;
};

/* Nothing armed; allocates nothing yet. */
void timerq_init(struct timerq *q);

/* Free the heap itself; the timers belong to their owners. */
void timerq_fini(struct timerq *q);

/* Arm the timer, or move it if it is armed. 0 or -ENOMEM (only when it was not armed before). */
int timerq_set(struct timerq *q, struct timer *t, uint64_t due_ms);

/* Disarm; fine if it is not armed. */
void timerq_cancel(struct timerq *q, struct timer *t);

/* The earliest deadline, TIMER_NEVER when nothing is armed. */
uint64_t timerq_deadline(const struct timerq *q);

/* Disarm and return the earliest timer that is due at now_ms, NULL when none is. */
struct timer *timerq_pop(struct timerq *q, uint64_t now_ms);

/* The earlier of two deadlines. */
static inline uint64_t timer_min(uint64_t a_ms, uint64_t b_ms)
{
	return a_ms < b_ms ? a_ms : b_ms;
}

#endif
