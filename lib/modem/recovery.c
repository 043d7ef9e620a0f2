/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/recovery.h"

static uint32_t pause_before(unsigned tries)
{
	uint32_t pause_ms = RECOVERY_PAUSE_MIN_MS;

	if (tries == 0)
		return 0;
	while (--tries > 0 && pause_ms < RECOVERY_PAUSE_MAX_MS)
		pause_ms *= 2;
	return pause_ms < RECOVERY_PAUSE_MAX_MS ? pause_ms : RECOVERY_PAUSE_MAX_MS;
}

enum recovery_rung recovery_next(
    struct recovery *r, enum recovery_reach reach, bool has_power, uint32_t *ret_pause_ms)
{
	unsigned tries = r->tries++;

	r->total++;
	*ret_pause_ms = pause_before(tries);
	switch (reach) {
	case RECOVERY_REACH_NONE:
		return has_power && tries % 2 == 1 ? RECOVERY_POWER : RECOVERY_REOPEN;
	case RECOVERY_REACH_SERVICE:
		if (tries == 0)
			return RECOVERY_SERVICE;
		break;
	case RECOVERY_REACH_LINE:
		break;
	}
	return has_power && tries % 3 == 2 ? RECOVERY_POWER : RECOVERY_RESET;
}

void recovery_well(struct recovery *r)
{
	r->tries = 0;
}
