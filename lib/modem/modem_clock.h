/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The modem's clock: reading +CCLK, writing AT+CCLK, and whether to believe it. Pure functions.
 *
 * The modem needs it for one thing: the dates of certificates. A clock that was never set stands at
 * 80/01/06 (AT manual 3.2.43; field reports).
 */
#ifndef CMQTTD_MODEM_MODEM_CLOCK_H
#define CMQTTD_MODEM_MODEM_CLOCK_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define MODEM_CLOCK_TEXT 24 /* bytes for modem_clock_format */

/* The host's clock as it was told last. */
struct host_clock {
	int64_t wall_ms; /* since 1970 */
	uint64_t at_ms;  /* monotonic, when it was so */
	bool is_plausible;
};

/* Seconds since 1970 (UTC) at now_ms. */
int64_t host_clock_now_s(const struct host_clock *c, uint64_t now_ms);

/* The time in a line +CCLK: "yy/MM/dd,hh:mm:ss[+-zz]", seconds since 1970 (UTC). zz counts quarters
 * of an hour; without it the time is taken as UTC. Years of four digits are accepted (seen on
 * SIM7022). false: no such line. */
bool modem_clock_parse(struct span line, int64_t *ret_utc_s);

/* The same for AT+CCLK, in UTC. */
void modem_clock_format(int64_t utc_s, char ret_text[MODEM_CLOCK_TEXT]);

/* Not unset, and within a day of the host's if that is to be believed. */
bool modem_clock_is_right(int64_t utc_s, const struct host_clock *host, uint64_t now_ms);

#endif
