/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where local MQTT clients connect: the listeners of the configuration and the connections they
 * accept.
 *
 * A reload is done in two steps, so that all of it happens or none of it: what is new is opened
 * first, and what is old goes when nothing can fail any more.
 */
#ifndef CMQTTD_CLIENT_SOCK_H
#define CMQTTD_CLIENT_SOCK_H

#include "conn.h"
#include "listen.h"
#include "loop.h"

#include "bridge/core.h"

struct client_sock;

/* All are borrowed. NULL: no memory. */
struct client_sock *client_sock_new(struct loop *loop, struct core *core, struct listen_pool *pool);

/* Closes everything; the core is not told. */
void client_sock_free(struct client_sock *s);

/* Open the listeners that are new in cfg. 0, or an error of listener_open with *ret_which, the
 * address that could not be opened; then nothing has changed. */
int client_sock_prepare(
    struct client_sock *s, const struct core_config *cfg, const char **ret_which);

/* Take back what client_sock_prepare did. */
void client_sock_cancel(struct client_sock *s);

/* Use cfg, which the core uses already: close listeners that are not in it any more. Their clients
 * are closed by the core, which tells them why. */
void client_sock_commit(struct client_sock *s, const struct core_config *cfg);

/* The connections, for the core's actions. */
struct conn_table *client_sock_conns(struct client_sock *s);

#endif
