/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An MQTT broker in memory, and the network in front of it: the uplink of one client of the fake
 * modem. It checks who connects and how, keeps subscriptions and what a persistent session missed,
 * notes every message in the ledger, and can be out of order in several ways.
 *
 * Everything takes its time: what the modem asks for is done by fake_broker_run when it is due.
 */
#ifndef TESTS_SIM_FAKE_BROKER_H
#define TESTS_SIM_FAKE_BROKER_H

#include "modem/fake_modem.h"
#include "sim/sim_config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world;

enum {
	BROKER_EVENTS_MAX = 64,
	BROKER_FILTERS_MAX = 16,
	BROKER_MISSED_MAX = 64,
	BROKER_FILTER_LEN_MAX = 64,
};

enum broker_event_kind {
	BROKER_DONE,    /* end of an operation: handle, err */
	BROKER_ARRIVAL, /* a message reaches the broker: handle, body */
	BROKER_LOST,    /* the broker closes the connection: err is the cause */
	BROKER_DELIVER, /* a message reaches the modem: number */
};

struct broker_event {
	enum broker_event_kind kind;
	uint64_t due_ms;
	uint64_t serial; /* of the connection; others are void */
	uint32_t handle;
	int err;
	unsigned number; /* in the ledger */
	uint8_t *bytes;  /* ARRIVAL: topic and payload, owned */
	size_t topic_len, payload_len;
};

struct broker_filter {
	char text[BROKER_FILTER_LEN_MAX];
	int qos;
};

struct fake_broker {
	struct world *world;
	unsigned index;
	bool is_connected;
	bool is_clean;
	bool has_will;
	uint64_t serial;        /* counts connections */
	uint64_t busy_until_ms; /* order of messages is kept */
	struct broker_event events[BROKER_EVENTS_MAX];
	size_t event_count;
	struct broker_filter filters[BROKER_FILTERS_MAX];
	size_t filter_count;
	unsigned missed[BROKER_MISSED_MAX]; /* kept for a persistent session */
	size_t missed_count;

	/* out of order */
	bool is_down; /* no connection comes through */
	int refusal;  /* CONNECT ends with this error, 0: accepted */
	bool is_mute; /* acknowledges nothing */

	/* what happened */
	unsigned connects, disconnects, wills, hang_ups, births;
	uint64_t gaps;   /* messages that the reports speak of */
	uint64_t gap_ms; /* last report */
	unsigned reports;
};

extern const struct fake_uplink_ops fake_broker_ops; /* ctx: the world */

void fake_broker_init(struct fake_broker *b, struct world *w, unsigned index);
void fake_broker_fini(struct fake_broker *b);

/* When fake_broker_run has something to do. */
uint64_t fake_broker_deadline(const struct fake_broker *b);
bool fake_broker_run(struct fake_broker *b, uint64_t now_ms);

/* Somebody published message `number` at the broker. */
void fake_broker_publish(struct fake_broker *b, uint64_t now_ms, unsigned number);

/* Go down: connections break. And come back. */
void fake_broker_set_down(struct fake_broker *b, uint64_t now_ms, bool is_down);

/* Subscribed to what the current configuration wants. */
bool fake_broker_has_filter(const struct fake_broker *b, const char *filter);

#endif
