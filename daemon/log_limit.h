/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bound on how often the log says the same kind of thing: so many lines of one kind in one
 * window of time, and then, when the window is over, how many more there were. It decides and
 * counts; it writes nothing and reads no clock.
 */
#ifndef CMQTTD_LOG_LIMIT_H
#define CMQTTD_LOG_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LIMIT_KINDS     192
#define LOG_LIMIT_BURST     20    /* lines of one kind in one window */
#define LOG_LIMIT_WINDOW_MS 60000 /* begins with the first line */

/* All zero at the start. */
struct log_limit {
	struct log_limit_kind {
		uint64_t since_ms;
		uint32_t lines; /* in this window, 0: there is none */
		uint32_t held;  /* of them not written */
	} kinds[LOG_LIMIT_KINDS];
	uint32_t held; /* of all kinds */
};

/* A line of this kind is to be written now. False: it is counted instead. */
bool log_limit_pass(struct log_limit *limit, size_t kind, uint64_t now_ms);

/* The next kind whose window is over and of which lines were held back, with their number; call it
 * until it gives false. is_end: do not wait for the end of windows. */
bool log_limit_next(
    struct log_limit *limit, uint64_t now_ms, bool is_end, size_t *ret_kind, uint32_t *ret_held);

#endif
