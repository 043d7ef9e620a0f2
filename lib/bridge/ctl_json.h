/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon knows, as the JSON objects that ctl_interface.h describes. Reads the core,
 * changes nothing.
 *
 * All functions return a new reference, or NULL when memory is out. Text from outside that is not
 * valid UTF-8 becomes so: JSON knows nothing else. Broker -1 is the modem or a local client.
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

/* A string; what is not UTF-8, and NUL, becomes U+FFFD, one a byte. */
json_t *ctl_json_text(struct span text);

/* The same for a C string; NULL and "" become null. */
json_t *ctl_json_text_or_null(const char *text);

/* "2026-05-01T08:15:30.250Z" (RFC 3339). Years 1970 to 9999; others become the nearest of them. */
json_t *ctl_json_time(int64_t wall_ms);

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
