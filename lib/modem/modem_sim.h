/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MODEM_SIM: asking the card, its PIN, and the note about it. sim_card.h decides. For modem_life.c.
 */
#ifndef CMQTTD_MODEM_MODEM_SIM_H
#define CMQTTD_MODEM_MODEM_SIM_H

#include "modem/modem_life.h"

/* See struct state in modem_life.c. */
void sim_begin(struct modem *m, uint64_t now_ms);

/* Likewise. */
void sim_done(struct modem *m, uint64_t now_ms, const struct at_event *ev);

#endif
