/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What "cmqttctl top" shows: one screen of text from the daemon's answers, with rates from those
 * before. Knows neither terminal nor socket (ctl_screen.h).
 */
#ifndef CMQTTD_CTL_TOP_H
#define CMQTTD_CTL_TOP_H

#include "base/limits.h"
#include "ctl_print.h"

#include <jansson.h>
#include <stdint.h>

#define CTL_TOP_SAMPLES 10 /* rates are of so many answers back */

struct ctl_top_sample {
	int64_t now_ms;
	char names[MODEM_CLIENTS][40];
	json_int_t published[MODEM_CLIENTS], received[MODEM_CLIENTS];
};

struct ctl_top {
	struct ctl_top_sample samples[CTL_TOP_SAMPLES];
	size_t count; /* ever taken */
};

/* Messages a second; negative: not known yet. */
struct ctl_top_rate {
	double out, in;
};

/* Take the counts of a reply of GetStatus at a monotonic time. */
void ctl_top_take(struct ctl_top *t, int64_t now_ms, const json_t *status);

/* Rates of a broker. Counts that went down begin anew. */
struct ctl_top_rate ctl_top_rate(const struct ctl_top *t, const char *broker);

/* Write the screen. history: a reply of History; its last `changes` entries are shown. */
void ctl_top_print(const struct ctl_top *t, const struct ctl_style *s, const json_t *status,
    const json_t *history, size_t changes);

/* Copy text to a terminal of that size: longer lines are cut, further ones left out; every line and
 * the screen are cleared behind it. Colours are no columns. */
void ctl_top_clip(FILE *out, const char *text, unsigned rows, unsigned columns);

#endif
