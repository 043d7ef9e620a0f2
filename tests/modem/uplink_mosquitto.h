/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world behind the simulated modem's MQTT clients: real connections, by libmosquitto, TCP or
 * TLS.
 *
 * One thread: the owner polls the descriptors of uplink_poll() and calls uplink_step() after each
 * poll. What libmosquitto calls back is queued and handed to the modem from uplink_step() only, so
 * uplink functions never re-enter the modem. Nothing is reconnected or queued behind the modem's
 * back.
 *
 * Broker names are mapped to real addresses; a name that is not mapped does not resolve (error 25).
 */
#ifndef TESTS_MODEM_UPLINK_MOSQUITTO_H
#define TESTS_MODEM_UPLINK_MOSQUITTO_H

#include "fake_modem.h"

#include <poll.h>

struct uplink;

/* For fake_modem_new(); its uplink_ctx is the struct uplink. */
extern const struct fake_uplink_ops uplink_mosquitto_ops;

/* NULL when libmosquitto does not start. */
struct uplink *uplink_new(void);
/* Drops all connections without DISCONNECT. NULL is fine. */
void uplink_free(struct uplink *u);

/* "name:port=host:port". 0, -EINVAL, -ENOSPC. */
int uplink_map(struct uplink *u, const char *rule);
/* Who gets the results; before the first uplink function is called. Not owned. */
void uplink_set_modem(struct uplink *u, struct fake_modem *m);
/* Log lines of the uplink; may be NULL. */
void uplink_set_log(struct uplink *u, void (*log)(void *ctx, const char *text), void *ctx);

/* Descriptors to poll, at most FAKE_CLIENTS; returns their number. */
size_t uplink_poll(const struct uplink *u, struct pollfd *fds);
/* Longest wait in ms before uplink_step() must run again; -1: no limit. */
int uplink_timeout(const struct uplink *u);
/* Moves bytes, then hands over to the modem what has happened. */
void uplink_step(struct uplink *u, uint64_t now);

#endif
