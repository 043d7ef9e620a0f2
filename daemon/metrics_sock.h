/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket on which the metrics are read over HTTP; may be absent. What is said on it is the
 * core's affair.
 */
#ifndef CMQTTD_METRICS_SOCK_H
#define CMQTTD_METRICS_SOCK_H

#include "conn.h"
#include "listen.h"
#include "loop.h"

#include "bridge/core.h"

struct metrics_sock;

/* Listens nowhere yet. loop, core and pool are borrowed. NULL: no memory. */
struct metrics_sock *metrics_sock_new(
    struct loop *loop, struct core *core, struct listen_pool *pool);

/* Closes everything; the core is not told. NULL is fine. */
void metrics_sock_free(struct metrics_sock *s);

/* Open what another configuration needs (address NULL: nothing), beside what is open. 0 or an error
 * of listener_open; then nothing has changed. */
int metrics_sock_prepare(struct metrics_sock *s, const char *address);

/* Forget what was prepared. */
void metrics_sock_cancel(struct metrics_sock *s);

/* Use it, and close what is not needed any more. */
void metrics_sock_commit(struct metrics_sock *s);

/* The connections, for the core's actions. */
struct conn_table *metrics_sock_conns(struct metrics_sock *s);

#endif
