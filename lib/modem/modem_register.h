/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MODEM_REGISTERING: APN and network, the radio, a network chosen by somebody else, roaming. For
 * the files of the modem alone.
 */
#ifndef CMQTTD_MODEM_MODEM_REGISTER_H
#define CMQTTD_MODEM_MODEM_REGISTER_H

#include "modem/modem_life.h"

/* See struct state in modem_life.c. */
void register_begin(struct modem *m, uint64_t now_ms);

/* Likewise. */
void register_done(struct modem *m, uint64_t now_ms, const struct at_event *ev);

/* Close the sessions while the modem is in a foreign network and must not be. */
void register_bar_roaming(struct modem *m);

#endif
