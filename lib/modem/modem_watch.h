/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The modem while its MQTT service runs (READY): signs of life, and the troubles that nobody tells:
 * a modem that hangs, a start that said nothing, a radio that died, a network that is lost, a
 * client that stays busy for ever. For the files of the modem alone.
 */
#ifndef CMQTTD_MODEM_MODEM_WATCH_H
#define CMQTTD_MODEM_MODEM_WATCH_H

#include "modem/modem_life.h"

/* The service runs from now on. */
void watch_start(struct modem *m, uint64_t now_ms);

/* READY: see struct state in modem_life.c. */
void watch_begin(struct modem *m, uint64_t now_ms);
void watch_done(struct modem *m, uint64_t now_ms, const struct at_event *ev);

/* Ask soon whether the modem still knows its MQTT clients. */
void watch_verify_soon(struct modem *m, uint64_t now_ms);

/* The sessions are closed: stop the service, then all is done. */
void watch_stop_service(struct modem *m);
bool watch_is_stopping(const struct modem *m);

/* Something came that makes no sense. */
void watch_garbage(struct modem *m, uint64_t now_ms);

/* The registration may have changed: who waits for the network waits no longer. */
void watch_registration(struct modem *m, uint64_t now_ms);

#endif
