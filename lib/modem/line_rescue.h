/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to try when a modem that should be there answers nothing at all: it may be in the data mode
 * of somebody's call or PPP session, multiplexed, quiet, or at another speed. Decides only: an
 * order of attempts, each with the time that it gets.
 *
 * A port that only looks like a UART (USB) has no speed: there the order is one attempt.
 */
#ifndef CMQTTD_MODEM_LINE_RESCUE_H
#define CMQTTD_MODEM_LINE_RESCUE_H

#include <stdbool.h>
#include <stdint.h>

enum line_rescue_step {
	LINE_RESCUE_HANG_UP, /* drop DTR: ends a call where AT&D says so */
	LINE_RESCUE_ESCAPE,  /* leave data mode, multiplexing and silence */
	LINE_RESCUE_SPEED,   /* ask at this speed */
	LINE_RESCUE_REST,    /* all was tried: wait */
};

#define LINE_RESCUE_ASK_MS 1500 /* one question, and some time for the answer */

struct line_rescue {
	unsigned next;
	uint32_t last_baud;
};

/* Nothing was tried yet: to be called when the port was opened. last_baud: the speed at which there
 * was an answer last; 0: none is known. */
void line_rescue_init(struct line_rescue *r, uint32_t last_baud);

/* The speeds are next, whatever was tried: somebody speaks who is not understood. */
void line_rescue_speeds(struct line_rescue *r);

/* Everything was tried. */
bool line_rescue_is_done(const struct line_rescue *r);

/* The next attempt, in *ret_ms of which an answer must come. baud: the speed that is configured;
 * *ret_baud: the one for SPEED, at last the configured one again. */
enum line_rescue_step line_rescue_next(
    struct line_rescue *r, bool is_uart, uint32_t baud, uint32_t *ret_baud, uint32_t *ret_ms);

#endif
