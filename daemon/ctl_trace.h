/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "cmqttctl trace": what passes on the modem's port, recorded as a dialogue that the simulated
 * modem plays (sim7600(1), DIALOGUES) and that tests/replay reads. Secrets were masked by the
 * daemon; of bodies and payloads there is only the length.
 */
#ifndef CMQTTD_CTL_TRACE_H
#define CMQTTD_CTL_TRACE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct ctl_env;

struct ctl_trace {
	FILE *out;
	bool has_time;
	int64_t last_ms;  /* of the event before */
	size_t data_left; /* the line before announces so many bytes of a message */
};

/* Write the head. status: a reply of GetStatus, NULL: not known. date: as the reader is to see it.
 */
void ctl_trace_begin(struct ctl_trace *t, FILE *out, const json_t *status, const char *date);

/* Write what an event of Monitor is as lines of a dialogue: nothing, unless it is of the port. */
void ctl_trace_event(struct ctl_trace *t, const json_t *event);

/* The command; returns the exit status. */
int ctl_trace_run(const struct ctl_env *env);

#endif
