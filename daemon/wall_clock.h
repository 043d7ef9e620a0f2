/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's wall clock, and whether somebody keeps it right. Nothing is kept here.
 */
#ifndef CMQTTD_WALL_CLOCK_H
#define CMQTTD_WALL_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds since 1970. */
int64_t wall_clock_now_ms(void);

/* The kernel has been told that the clock is kept in step with a reference (NTP, PTP, GPS). After a
 * boot, and after somebody has set it by hand, it is not until then. */
bool wall_clock_is_synchronised(void);

#endif
