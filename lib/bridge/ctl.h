/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control interface: Varlink connections (varlink.org) and the methods of io.cmqttd and
 * org.varlink.service. Bytes in, bytes out; the methods act through core_query.h.
 *
 * One JSON object and a NUL byte per message; garbage closes that connection alone. A method that
 * cannot answer at once remembers its connection, and the core's notifications below finish it.
 * Calls of one connection are answered in their order: those behind one that waits, or behind a
 * stream, stay unread, and more than CTL_MSG_MAX bytes of them close the connection. A connection
 * that goes takes its call with it; notifications for it are ignored, for its number is not used
 * again soon.
 */
#ifndef CMQTTD_BRIDGE_CTL_H
#define CMQTTD_BRIDGE_CTL_H

#include "base/buf.h"
#include "bridge/core.h"
#include "modem/modem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctl;

enum ctl_event_type { CTL_EVENT_WRITE, CTL_EVENT_CLOSE };

struct ctl_event {
	enum ctl_event_type type;
	uint32_t id;
};

/* core: borrowed, must outlive. NULL: no memory. */
struct ctl *ctl_new(struct core *core);
void ctl_free(struct ctl *t);

/* 0 and the connection's number (never 0), -EMFILE at CTL_CONNS_MAX, or when CTL_CONNS_ADMIN are
 * left and the peer is no admin; -ENOMEM. */
int ctl_conn_new(struct ctl *t, uint64_t now_ms, const struct ctl_peer *peer, uint32_t *ret_id);
void ctl_conn_rx(struct ctl *t, uint64_t now_ms, uint32_t id, const uint8_t *data, size_t len);
void ctl_conn_sent(struct ctl *t, uint64_t now_ms, uint32_t id);
void ctl_conn_gone(struct ctl *t, uint64_t now_ms, uint32_t id);
struct buf *ctl_conn_out(struct ctl *t, uint32_t id); /* NULL: not known */

/* Next thing to do, false: none. WRITE is given once per connection until its buffer was empty.
 * Calls that waited behind one that has ended are run here, never in the middle of a notification:
 * so take the events before the store is committed and until there are none, for they may make new
 * work. */
bool ctl_next_event(struct ctl *t, struct ctl_event *ret);

/* Free what died this turn. */
void ctl_settle(struct ctl *t);

/* Notifications of the core. A stream that does not read fast enough loses events, and is told how
 * many. broker -1: the modem. */
void ctl_on_state(struct ctl *t, uint64_t now_ms, int broker, const char *from, const char *to,
    unsigned err, struct span why);
/* A message passed: published locally (broker -1), or inbound from a broker. local topic. */
void ctl_on_message(struct ctl *t, uint64_t now_ms, int broker, struct span topic,
    struct span payload, uint8_t qos, bool retain);
/* A message reached its broker, became a dead letter or was dropped (for monitor). */
void ctl_on_outcome(struct ctl *t, uint64_t now_ms, int broker, const char *outcome,
    struct span topic, unsigned err);
void ctl_on_log(struct ctl *t, uint64_t now_ms, const struct log_event *log);
void ctl_on_trace(struct ctl *t, uint64_t now_ms, bool is_outgoing, struct span text);
void ctl_on_at_line(struct ctl *t, uint64_t now_ms, uint32_t id, struct span line);
void ctl_on_at_done(
    struct ctl *t, uint64_t now_ms, uint32_t id, enum at_result result, struct span final);
/* The message that core_publish accepted for this connection: err 0 and reason NULL: every broker
 * has it, or, without wait, it is on disk; so is what core_drop_message or core_retry_message did.
 */
void ctl_on_delivered(
    struct ctl *t, uint64_t now_ms, uint32_t id, unsigned err, const char *reason);
void ctl_on_reload_done(
    struct ctl *t, uint64_t now_ms, uint32_t id, const char *error, const struct reload_plan *plan);

#endif
