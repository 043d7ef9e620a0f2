/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A core that only remembers what it was asked, for tests of the control interface: it is linked
 * instead of the real one. The fields are set and read by the test.
 */
#ifndef CMQTTD_TESTS_FAKE_QUERY_H
#define CMQTTD_TESTS_FAKE_QUERY_H

#include "bridge/core_query.h"
#include "bridge/ctl.h"

#define FAKE_WALL_MS INT64_C(1777623330250) /* 2026-05-01T08:15:30.250Z at monotonic 0 */

struct modem {
	struct modem_status status;
	struct session_status sessions[MODEM_CLIENTS];
	struct at_chan_counters chan;
	uint64_t recoveries[RECOVERY_STEPS];
};

struct mqtt_server {
	size_t clients[MQTT_LISTENERS_MAX];
	struct mqtt_counters counters;
};

struct core {
	struct core_config cfg;
	struct modem modem;
	struct mqtt_server server;
	struct broker_counters counters[MODEM_CLIENTS];
	struct store_usage queues[MODEM_CLIENTS];
	struct store_usage total;
	uint64_t free_bytes; /* 0: not known */
	const char *troubles[CORE_TROUBLE_COUNT];
	int port_error;
	struct history_entry history[8];
	size_t history_count;
	/* What waits, by number; the queue of an entry is the broker's number. */
	const struct queued_message *messages;
	size_t message_count;

	/* What core_at, core_publish, core_drop_message, core_retry_message and the session calls
	 * return. */
	int result;
	/* Whom to tell at once, from inside of core_at, core_publish and core_request_reload. */
	struct ctl *tell;
	/* What was asked: one line a call. */
	char asked[4096];
};

/* Two brokers "cloud" and "plant", one listener, an idle modem. */
void fake_core_init(struct core *c);

/* What was asked since the last call. */
const char *fake_core_asked(struct core *c);

#endif
