/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MODEM_SYNCING: who is there, on a line that is ours; flow control and speed of a UART; what is
 * done to get at a modem that answers nothing. For modem_life.c.
 */
#ifndef CMQTTD_MODEM_MODEM_SYNC_H
#define CMQTTD_MODEM_MODEM_SYNC_H

#include "modem/modem_life.h"

/* See struct state in modem_life.c. */
void sync_begin(struct modem *m, uint64_t now_ms);
/* Likewise. */
void sync_done(struct modem *m, uint64_t now_ms, const struct at_event *ev);

/* A line that the script under way collects. */
void sync_line(struct modem *m, const struct at_event *ev);

/* The line is ours: no further attempt. */
void sync_answered(struct modem *m);

/* The port was opened. The speed at which there was an answer last is tried soon. */
void sync_expect_answer(struct modem *m, uint64_t now_ms);

/* Somebody speaks who is not understood: other speeds are tried soon. */
void sync_expect_speed(struct modem *m, uint64_t now_ms);

/* Bytes came in on a UART where no speed has led to an answer: all of them are tried again. */
void sync_heard(struct modem *m, uint64_t now_ms);

/* Nothing is answered, or the time of the last attempt is over (rescue_at_ms): the next one. */
void sync_rescue(struct modem *m, uint64_t now_ms);

#endif
