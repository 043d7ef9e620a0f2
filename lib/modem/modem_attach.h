/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MODEM_ATTACHED: the clock, then the MQTT service: started, and before that stopped where it has
 * to begin anew. For the files of the modem alone.
 */
#ifndef CMQTTD_MODEM_MODEM_ATTACH_H
#define CMQTTD_MODEM_MODEM_ATTACH_H

#include "modem/modem_life.h"

/* See struct state in modem_life.c. */
void attach_begin(struct modem *m, uint64_t now_ms);

/* Likewise. */
void attach_done(struct modem *m, uint64_t now_ms, const struct at_event *ev);

/* A line that the script under way collects. */
void attach_line(struct modem *m, struct span line);

/* Release both clients, stop the MQTT service and start it. */
void attach_restart_service(struct modem *m, uint64_t now_ms);

/* Begin to stop it, and no more. */
void attach_stop_begin(struct modem *m, uint64_t now_ms);

/* Unsolicited: a result of START that came late; the network has closed the service. */
void attach_started(struct modem *m, uint64_t now_ms);
void attach_network_closed(struct modem *m, uint64_t now_ms);

#endif
