/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which remedy is next when the modem does not do what it should: the ladder of steps, as a table,
 * and the one function that picks from it.
 *
 * Each trouble has the steps that can cure it, from the mildest to cutting the power. Every one is
 * tried once before any is tried again; what helped last time comes earlier. A step needs time
 * before the next one, twice as much each time it is taken again, and steps that harm are rationed
 * by the hour. There is no end to it, because nobody drives to the site.
 *
 * This file decides and counts; modem_life.c acts. Between two steps the owner goes on with what it
 * was doing, so that a modem that mends itself is not kept waiting.
 */
#ifndef CMQTTD_MODEM_RECOVERY_H
#define CMQTTD_MODEM_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>

#define RECOVERY_PAUSE_MAX_MS 600000
#define RECOVERY_HOUR_MS      3600000
#define RECOVERY_RATION_MAX   6 /* the largest ration in the table */

/* From mild to strong. */
enum recovery_step {
	RECOVERY_FENCE,   /* ask who is there, and set the line up anew */
	RECOVERY_REOPEN,  /* close and open the port */
	RECOVERY_SERVICE, /* stop and start the MQTT service */
	RECOVERY_RADIO,   /* AT+CFUN=4, then 1; never 0, which takes the SIM away, too */
	RECOVERY_RESET,   /* AT+CRESET */
	RECOVERY_REBIND,  /* unbind the USB device from its driver and bind it again */
	RECOVERY_POWER,   /* the operator's command that cuts the power */
	RECOVERY_STEPS
};

/* What is wrong, by what is still possible. */
enum recovery_trouble {
	RECOVERY_TROUBLE_HELD,    /* the port is there, but not for us: nobody else is harmed */
	RECOVERY_TROUBLE_ABSENT,  /* there is no port */
	RECOVERY_TROUBLE_SILENT,  /* the modem does not answer */
	RECOVERY_TROUBLE_NOISE,   /* it says what makes no sense */
	RECOVERY_TROUBLE_NETWORK, /* it answers, and gets no SIM or network */
	RECOVERY_TROUBLE_SERVICE, /* it is on the network, and its MQTT clients do not work */
	RECOVERY_TROUBLES
};

/* One step of the ladder. */
struct recovery_rung {
	const char *name;
	unsigned cures;     /* RECOVERY_BIT of each trouble that it may cure */
	uint32_t budget_ms; /* for its effect to show */
	uint32_t pause_ms;  /* before any further step; doubles with each time it is taken */
	unsigned per_hour;  /* at most; 0: it does no harm */
};

#define RECOVERY_BIT(x) (1u << (x))

extern const struct recovery_rung recovery_ladder[RECOVERY_STEPS];

struct recovery {
	unsigned tries[RECOVERY_STEPS]; /* since all was well */
	uint64_t next_at_ms;            /* no step before */
	enum recovery_trouble trouble;  /* of the step taken last */
	enum recovery_step last;
	bool is_ill; /* a step was taken since all was well */
	bool has_helped[RECOVERY_TROUBLES];
	enum recovery_step helped[RECOVERY_TROUBLES]; /* last time */
	uint64_t taken_ms[RECOVERY_STEPS][RECOVERY_RATION_MAX];
	uint64_t counts[RECOVERY_STEPS];
};

/* The next step against the trouble, among those that are possible (RECOVERY_BIT of each), to be
 * taken now. False: none before *ret_at_ms. */
bool recovery_next(struct recovery *r, uint64_t now_ms, enum recovery_trouble trouble,
    unsigned possible, enum recovery_step *ret_step, uint64_t *ret_at_ms);

/* A step was taken that was not picked here: what the channel does by itself. */
void recovery_note(
    struct recovery *r, uint64_t now_ms, enum recovery_trouble trouble, enum recovery_step step);

/* All is well: the step taken last is what helped, and the next trouble begins anew. */
void recovery_well(struct recovery *r);

/* "reopen", "power": as in the table. */
const char *recovery_step_name(enum recovery_step step);

#endif
