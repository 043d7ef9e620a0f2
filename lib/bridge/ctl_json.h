/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon knows, as the JSON objects that ctl_interface.h describes. Reads the core,
 * changes nothing. Replies are made in ctl_json.c, those of streams in ctl_json_event.c.
 *
 * All functions return a new reference, or NULL when memory is out. Broker -1 is the modem or a
 * local client.
 */
#ifndef CMQTTD_BRIDGE_CTL_JSON_H
#define CMQTTD_BRIDGE_CTL_JSON_H

#include "base/buf.h"
#include "bridge/core.h"
#include "bridge/core_query.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define CTL_HISTORY_ALL   (-2)
#define CTL_HISTORY_MODEM (-1)

/* Reply of GetStatus. */
json_t *ctl_json_status(const struct core *core, uint64_t now_ms);

/* Reply of ListBrokers. */
json_t *ctl_json_broker_list(const struct core *core, uint64_t now_ms);

/* Reply of History for one broker, CTL_HISTORY_MODEM or CTL_HISTORY_ALL. */
json_t *ctl_json_history(const struct core *core, uint64_t now_ms, int broker);

/* Reply of Doctor. */
json_t *ctl_json_doctor(const struct core *core, uint64_t now_ms);

/* Reply of Reload. */
json_t *ctl_json_reload(const struct reload_plan *plan);

/* A message of a reply of ListMessages, and the reply of GetMessage. */
json_t *ctl_json_queued(const struct core *core, unsigned client, const struct queued_message *m);
json_t *ctl_json_queued_whole(
    const struct core *core, unsigned client, const struct queued_message *m);

/* Reply of RouteTopic. */
json_t *ctl_json_routes(const struct core *core, struct span topic);

/* A reply of Subscribe. */
json_t *ctl_json_message(const struct core *core, uint64_t now_ms, int broker, struct span topic,
    struct span payload, uint8_t qos, bool retain);

/* Replies of Monitor. */
json_t *ctl_json_event_state(const struct core *core, uint64_t now_ms, int broker, const char *from,
    const char *to, unsigned err, struct span why);
json_t *ctl_json_event_message(const struct core *core, uint64_t now_ms, int broker,
    struct span topic, size_t size, uint8_t qos, bool retain);
json_t *ctl_json_event_outcome(const struct core *core, uint64_t now_ms, int broker,
    const char *outcome, struct span topic, unsigned err);
json_t *ctl_json_event_log(const struct core *core, uint64_t now_ms, const struct log_event *log);
json_t *ctl_json_event_at(
    const struct core *core, uint64_t now_ms, bool is_outgoing, struct span text);

/* Replies that say how many entries of a stream were lost. */
json_t *ctl_json_message_lost(const struct core *core, uint64_t now_ms, uint64_t lost);
json_t *ctl_json_event_lost(const struct core *core, uint64_t now_ms, uint64_t lost);

/* What a log line is about, in words, where it has no detail of its own. */
const char *ctl_log_text(enum log_code code);

#endif
