/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single values of the daemon's answers as text for people.
 */
#ifndef CMQTTD_CTL_PRINT_VALUE_H
#define CMQTTD_CTL_PRINT_VALUE_H

#include "ctl_table.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

struct ctl_style {
	FILE *out;
	bool is_colored;
	bool is_terminal; /* payloads are shown so that they cannot play with it */
	time_t now;
};

/* "3 min", "2 h 5 min", "4 d 2 h". */
void ctl_print_duration(char *ret, size_t size, json_int_t seconds);

/* "3.2 MiB" */
void ctl_print_bytes(char *ret, size_t size, json_int_t bytes);

/* Read a time of an answer: RFC 3339 as the daemon writes it. false: it is none. */
bool ctl_read_time(const json_t *object, const char *name, time_t *ret);

/* Of such a time: "3 min ago", and the local time with or without the date; "-". */
void ctl_print_age(char *ret, size_t size, const json_t *object, const char *name, time_t now);
void ctl_print_clock(
    char *ret, size_t size, const json_t *object, const char *name, bool with_date);

/* How good a state of the modem or a broker is. */
enum ctl_color ctl_state_color(const char *state);

/* Text that came from outside, so that it cannot play with a terminal. */
void ctl_print_text(const struct ctl_style *s, const char *text);

/* The payload of a message, in either of its two forms; byte by byte, unless to a terminal. */
void ctl_print_payload(const struct ctl_style *s, const json_t *reply);

#endif
