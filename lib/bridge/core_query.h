/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the control interface may ask of and do to the core. Pointers are borrowed until the next
 * input or settle.
 */
#ifndef CMQTTD_BRIDGE_CORE_QUERY_H
#define CMQTTD_BRIDGE_CORE_QUERY_H

#include "base/buf.h"
#include "bridge/core.h"
#include "bridge/drop_reason.h"
#include "bridge/histogram.h"
#include "bridge/offline_reason.h"
#include "modem/modem.h"
#include "mqtt/mqtt_server.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What became of the messages of one route. */
struct route_counters {
	uint64_t dead;
	uint64_t dropped[DROP_REASON_COUNT];
};

struct broker_counters {
	uint64_t published; /* confirmed by +CMQTTPUB: n,0 */
	uint64_t received;  /* inbound, whole */
	uint64_t echoes;    /* of our own messages, not delivered again */
	uint64_t unrouted;  /* inbound that no `in` route wants */
	uint64_t unknown;   /* publishes without a known outcome */
	uint64_t dead;      /* made dead letters */
	uint64_t dropped[DROP_REASON_COUNT];
	uint64_t inbound_lost[INBOUND_LOSS_COUNT];
	/* `dead` and `dropped` by route, in the order of the configuration; the last one: of no
	 * route that there is now. */
	struct route_counters routes[BRIDGE_ROUTES_MAX + 1];
	uint64_t offline[OFFLINE_REASON_COUNT];
	struct histogram latency; /* of what was confirmed: since the modem got it */
	uint64_t delivered_at_ms; /* the last confirmation, if published is not 0 */
};

/* A message that waits for a broker, or a dead letter of it. */
struct queued_message {
	struct store_entry entry; /* reason: not NULL for dead letters alone; times: wall clock */
	bool is_in_memory;        /* QoS 0: it is gone when the daemon ends */
	bool is_in_flight;        /* the modem has it, and its outcome is not known yet */
};

/* A change of state remembered for `history`. */
struct history_entry {
	int broker; /* -1: the modem */
	const char *from, *to;
	int64_t wall_ms;
	char why[96];
};

/* What the modem tells once and what lasts. */
enum core_trouble {
	CORE_TROUBLE_SIM,     /* none */
	CORE_TROUBLE_PIN,     /* refused, or it is needed and there is none */
	CORE_TROUBLE_NETWORK, /* denied, or roaming that is not wanted */
	CORE_TROUBLE_CLOCK,   /* the modem's */
	CORE_TROUBLE_STUCK,   /* it does not answer */
	CORE_TROUBLE_PORT,    /* other programs have its port: which */
	CORE_TROUBLE_COUNT
};

/* What core_new was told. */
const char *core_version(const struct core *c);

/* The configuration in use. */
const struct core_config *core_get_config(const struct core *c);

/* For modem_get_status, modem_get_session. */
const struct modem *core_get_modem(const struct core *c);

/* For mqtt_server_clients, mqtt_server_counters. */
const struct mqtt_server *core_get_server(const struct core *c);

/* Since core_new. */
uint64_t core_uptime_ms(const struct core *c, uint64_t now_ms);

/* Lines of the log that were left out because there were too many in one turn. */
uint64_t core_logs_dropped(const struct core *c);

/* Wall clock, ms since 1970, of a monotonic moment. */
int64_t core_wall_at(const struct core *c, uint64_t when_ms);

/* Of one broker, since core_new, or since it was configured. */
const struct broker_counters *core_get_counters(const struct core *c, unsigned client);

/* Messages waiting for the broker, QoS 0 in memory included. */
void core_queue_usage(const struct core *c, unsigned client, struct store_usage *ret);

/* Of the whole store on disk; messages: what waits for brokers and local sessions, not what is
 * retained. */
void core_store_usage(const struct core *c, struct store_usage *ret);

/* Bytes that are free on the file system of the store. 0; -ENOTSUP: it has none; -errno. */
int core_free_bytes(const struct core *c, uint64_t *ret);

/* The smallest number behind `after` (0: of all) of a message that waits for the broker or is a
 * dead letter of it; 0: there is none. Numbers grow in the order of acceptance; a message for two
 * brokers has the same one for both. */
uint64_t core_next_message(const struct core *c, unsigned client, uint64_t after);

/* One of them by its number. Its spans are valid until the core is called again. */
bool core_get_message(
    const struct core *c, unsigned client, uint64_t id, struct queued_message *ret);

/* Drop one for control connection `conn`, and count it. 0: it was in memory; -EINPROGRESS: it was
 * on disk, and ctl_on_delivered follows for conn when it is not any more; -ENOENT; -EBUSY: it is in
 * flight; -EIO. */
int core_drop_message(struct core *c, uint64_t now_ms, uint32_t conn, unsigned client, uint64_t id);

/* Put a dead letter back into its old place in the queue; how often it was tried is forgotten.
 * -EINPROGRESS: likewise; -ENOENT; -EALREADY: it is no dead letter; -E2BIG: it is over the modem's
 * limits; -ETIME: it is older than its ttl; -ENOMEM; -EIO. */
int core_retry_message(
    struct core *c, uint64_t now_ms, uint32_t conn, unsigned client, uint64_t id);

/* What ails the modem, in its own words; NULL: it does not, as far as is known. */
const char *core_trouble(const struct core *c, enum core_trouble trouble);

/* errno value of the last try to open the port, or of its end; 0: it is open, or was not tried. */
int core_port_error(const struct core *c);

/* Publishers are held because the store could not be written the last time. */
bool core_has_store_failed(const struct core *c);

/* Number of the broker of that name, -1: none. */
int core_find_broker(const struct core *c, const char *name);

/* Connect a session now, whatever it waits for. 0, -ENOENT. */
int core_broker_connect(struct core *c, uint64_t now_ms, unsigned client);

/* Close a session until core_broker_connect. 0, -ENOENT. */
int core_broker_disconnect(struct core *c, uint64_t now_ms, unsigned client);

/* Close a session and open it again. 0, -ENOENT. */
int core_broker_reconnect(struct core *c, uint64_t now_ms, unsigned client);

/* One AT command for control connection `id`: ctl_on_at_line and ctl_on_at_done follow. Errors of
 * modem_at. */
int core_at(struct core *c, uint64_t now_ms, uint32_t id, const char *command);

/* Publish from a control connection. client < 0: as a local client would (local delivery, routes);
 * else to that broker alone, the topic as it is. 0: done, but with wait ctl_on_delivered follows
 * for id; -EINPROGRESS: without wait, and it follows when the message is on disk; -EINVAL: bad
 * topic, or one of the local server's own ('$'); -E2BIG: over the modem's limits; -ENOSPC: store
 * full; -ENOENT: no route wants it (only with wait); -ENOMEM, -EIO. */
int core_publish(struct core *c, uint64_t now_ms, uint32_t id, int client, struct span topic,
    struct span payload, uint8_t qos, bool retain, bool wait);

/* Ask the shell to reload, or with is_trial what that would change; ctl_on_reload_done follows for
 * id. */
void core_request_reload(struct core *c, uint32_t id, bool is_trial);

/* Ask the shell for another log level, until the next start or reload. */
void core_request_log_level(struct core *c, enum log_level level);

/* AT traffic is wanted by so many monitors. */
void core_want_trace(struct core *c, bool wanted);

/* Log that somebody changed something. */
void core_log_control(struct core *c, const struct ctl_peer *peer, const char *what);

/* History, oldest first: entry number i, false: no more. */
bool core_history(const struct core *c, size_t i, struct history_entry *ret);

#endif
