/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connected sockets of one kind (MQTT clients, or control): bytes from the socket to the core, and
 * from the core's output buffer to the socket. The core knows a connection by its number, and so
 * does this table.
 */
#ifndef CMQTTD_CONN_H
#define CMQTTD_CONN_H

#include "loop.h"

#include "bridge/core.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conn_table;

/* The core's functions for this kind of connection. */
struct conn_ops {
	void (*rx)(struct core *c, uint64_t now_ms, uint32_t id, const uint8_t *data, size_t len);
	void (*sent)(struct core *c, uint64_t now_ms, uint32_t id);
	void (*gone)(struct core *c, uint64_t now_ms, uint32_t id);
	struct buf *(*out)(struct core *c, uint32_t id);
};

/* core and ops are borrowed. NULL: no memory. */
struct conn_table *conn_table_new(struct loop *loop, struct core *core, const struct conn_ops *ops);

/* Closes all sockets; the core is not told. */
void conn_table_free(struct conn_table *table);

/* Take over a socket (non-blocking) that the core knows as `id`. 0, or -ENOMEM: the socket is
 * closed, and the core must be told. */
int conn_add(struct conn_table *table, int fd, uint32_t id);

/* There are bytes in the output buffer. Unknown numbers are ignored, here and below. */
void conn_write(struct conn_table *table, uint32_t id);

/* Write what is left, for at most CONN_LINGER_MS, then close and tell the core. */
void conn_close(struct conn_table *table, uint32_t id);

/* Do not read, or read again. */
void conn_pause(struct conn_table *table, uint32_t id, bool is_paused);

#define CONN_LINGER_MS 5000

#endif
