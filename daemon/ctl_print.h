/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's answers as text for people: for cmqttctl. Takes what it needs of an answer and shows
 * "-" for what is not there, so that it also reads answers of other versions.
 */
#ifndef CMQTTD_CTL_PRINT_H
#define CMQTTD_CTL_PRINT_H

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

/* Replies of io.cmqttd, by method. */
void ctl_print_version(const struct ctl_style *s, const json_t *reply);
void ctl_print_status(const struct ctl_style *s, const json_t *reply);
void ctl_print_brokers(const struct ctl_style *s, const json_t *reply);
void ctl_print_history(const struct ctl_style *s, const json_t *reply);
void ctl_print_message(const struct ctl_style *s, const json_t *reply);
void ctl_print_event(const struct ctl_style *s, const json_t *reply);
void ctl_print_queue(const struct ctl_style *s, const json_t *reply);
void ctl_print_queued(const struct ctl_style *s, const json_t *reply);
void ctl_print_routes(const struct ctl_style *s, const json_t *reply);
void ctl_print_reload(const struct ctl_style *s, const json_t *reply);
void ctl_print_doctor(const struct ctl_style *s, const json_t *reply);
void ctl_print_at(const struct ctl_style *s, const json_t *reply);
void ctl_print_metrics(const struct ctl_style *s, const json_t *reply);

/* An error in plain words and a newline, without "cmqttctl: ". */
void ctl_print_error(FILE *out, const char *error, const json_t *parameters);

/* "3 min", "2 h 5 min", "4 d 2 h". */
void ctl_print_duration(char *ret, size_t size, json_int_t seconds);

/* "3.2 MiB" */
void ctl_print_bytes(char *ret, size_t size, json_int_t bytes);

/* Of a time in an answer: "3 min ago", and the local time with or without the date; "-". */
void ctl_print_age(char *ret, size_t size, const json_t *object, const char *name, time_t now);
void ctl_print_clock(
    char *ret, size_t size, const json_t *object, const char *name, bool with_date);

/* How good a state of the modem or a broker is. */
enum ctl_color ctl_state_color(const char *state);

#endif
