/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: accepts, and tells the core who is at the other end.
 */
#ifndef CMQTTD_CTL_SOCK_H
#define CMQTTD_CTL_SOCK_H

#include "conn.h"
#include "listen.h"
#include "loop.h"

#include "bridge/core.h"

struct ctl_sock;

/* loop and core are borrowed. 0, or an error of listener_open: -EADDRINUSE means that another
 * daemon is there. */
int ctl_sock_open(struct loop *loop, struct core *core, struct listen_pool *pool,
    const struct control_config *cfg, struct ctl_sock **ret);

/* Closes everything; the core is not told. NULL is fine. */
void ctl_sock_free(struct ctl_sock *s);

/* The connections, for the core's actions. */
struct conn_table *ctl_sock_conns(struct ctl_sock *s);

#endif
