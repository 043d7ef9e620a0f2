/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which remedy is next when the modem does not do what it should, and how long to wait before it:
 * from the mildest to cutting its power, with pauses that grow, and without an end.
 */
#ifndef CMQTTD_MODEM_RECOVERY_H
#define CMQTTD_MODEM_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>

#define RECOVERY_PAUSE_MIN_MS 5000
#define RECOVERY_PAUSE_MAX_MS 600000

enum recovery_rung {
	RECOVERY_REOPEN,  /* close and open the port */
	RECOVERY_SERVICE, /* stop and start the MQTT service */
	RECOVERY_RESET,   /* AT+CRESET */
	RECOVERY_POWER,   /* the operator's command that cuts the power */
};

/* What is still possible. */
enum recovery_reach {
	RECOVERY_REACH_NONE,    /* the modem does not answer */
	RECOVERY_REACH_LINE,    /* it answers */
	RECOVERY_REACH_SERVICE, /* it answers and is on the network */
};

struct recovery {
	unsigned tries; /* since all was well */
	uint64_t total;
};

/* The next remedy, and how long to wait before it. has_power: there is a command that cuts the
 * power. */
enum recovery_rung recovery_next(
    struct recovery *r, enum recovery_reach reach, bool has_power, uint32_t *ret_pause_ms);

/* All is well: the next trouble begins with the mildest remedy. */
void recovery_well(struct recovery *r);

#endif
