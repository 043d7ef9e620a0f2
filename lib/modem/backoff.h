/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to wait before the next connect: decorrelated jitter, apart for losses that pass by
 * themselves (network) and for those that need somebody to act (credentials, certificates).
 *
 * Each wait is drawn between the shortest one and three times the last one, so that many gateways
 * that lost their broker together do not come back together. Only a session that stayed online for
 * BACKOFF_STABLE_MS brings the waits back to the beginning.
 */
#ifndef CMQTTD_MODEM_BACKOFF_H
#define CMQTTD_MODEM_BACKOFF_H

#include "base/prng.h"

#include <stdbool.h>
#include <stdint.h>

#define BACKOFF_STABLE_MS 60000
#define BACKOFF_SLOW_MS   30000 /* shortest wait after a refusal that waiting does not cure */

enum backoff_pace { BACKOFF_FAST, BACKOFF_SLOW };

struct backoff {
	uint32_t min_ms;
	uint32_t max_ms;
	uint32_t last_ms[BACKOFF_SLOW + 1]; /* wait drawn last, by pace */
};

/* min_ms above max_ms counts as max_ms. */
void backoff_init(struct backoff *b, uint32_t min_ms, uint32_t max_ms);

/* The session was online for this long: forget the past if that was stable. true: forgotten. */
bool backoff_note_online(struct backoff *b, uint64_t online_ms);

/* The next wait. */
uint32_t backoff_next(struct backoff *b, enum backoff_pace pace, struct prng *prng);

#endif
