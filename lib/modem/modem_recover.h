/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of the recovery ladder, done: the modem's state RECOVERING. recovery.h decides which.
 * For the files of the modem alone.
 */
#ifndef CMQTTD_MODEM_MODEM_RECOVER_H
#define CMQTTD_MODEM_MODEM_RECOVER_H

#include "modem/modem_life.h"

/* Take the next step against the trouble. False: none is due yet (at the earliest then, the budget
 * of the state ends), and the state goes on. */
bool recover_try(struct modem *m, uint64_t now_ms, enum recovery_trouble trouble, const char *why);

/* RECOVERING: see struct state in modem_life.c. */
void recover_begin(struct modem *m, uint64_t now_ms);
void recover_done(struct modem *m, uint64_t now_ms, const struct at_event *ev);

/* Bytes came in on a UART: a modem whose power was cut may be back at another speed. */
void recover_heard(struct modem *m, uint64_t now_ms);

/* The modem answers in RECOVERING, after it did not. */
void recover_answered(struct modem *m, uint64_t now_ms);

#endif
