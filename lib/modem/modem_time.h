/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The modem's clock, in ATTACHED and READY: asked, and set from the host's if it is wrong and
 * certificates are checked by it. modem_clock.h reads and writes its format. For the files of the
 * modem alone.
 */
#ifndef CMQTTD_MODEM_MODEM_TIME_H
#define CMQTTD_MODEM_MODEM_TIME_H

#include "modem/modem_life.h"

/* Begin to ask it. */
void time_ask(struct modem *m, uint64_t now_ms);

/* A line that may be the answer. */
void time_line(struct modem *m, uint64_t now_ms, struct span line);

/* It was asked: it is wrong, needed, and the host knows better. */
bool time_must_set(struct modem *m);

/* Begin to set it, and what became of that. */
void time_set_begin(struct modem *m, uint64_t now_ms);
void time_set_done(struct modem *m, const struct at_event *ev);

#endif
