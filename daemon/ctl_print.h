/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's answers as text for people: for cmqttctl. Takes what it needs of an answer and shows
 * "-" for what is not there, so that it also reads answers of other versions. Messages and events
 * are printed by ctl_print_event.c, errors by ctl_print_error.c.
 */
#ifndef CMQTTD_CTL_PRINT_H
#define CMQTTD_CTL_PRINT_H

#include "ctl_print_value.h"

#include <jansson.h>
#include <stdio.h>

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

#endif
