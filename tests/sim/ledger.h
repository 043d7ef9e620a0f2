/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger: every message of the workload and what became of it, at the clients, in the store, at
 * the brokers. Whoever sees a message says so here; what must never be is said to world_wrong at
 * once, the rest is for invariants.c.
 *
 * A message carries its number: in its body, or, if that is too short, in its topic.
 */
#ifndef TESTS_SIM_LEDGER_H
#define TESTS_SIM_LEDGER_H

#include "base/buf.h"
#include "sim/sim_config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fake_client;
struct world;

enum {
	LEDGER_MAX = 256,
	LEDGER_BODY_MIN = 8, /* a body that carries a number */
	LEDGER_TOPIC_MAX = 48,
	LEDGER_SUBSCRIBERS = 2, /* local subscribers that are watched */
};

struct message {
	unsigned number; /* 1, 2, 3, ... */
	const struct subject *subject;
	uint8_t qos; /* as published */
	size_t len;
	unsigned sends; /* PUBLISH packets that its publisher sent; from a broker: to the modem */
	bool is_acked;  /* its publisher was told that it is safe */
	bool is_committed;
	bool is_due;                    /* a will whose client has gone without a word */
	bool is_dead[SIM_BROKERS];      /* a dead letter */
	bool is_given_up[SIM_BROKERS];  /* removed from the store without an arrival */
	unsigned takes;                 /* by the daemon, less those that it forgot when it died */
	unsigned adds;                  /* to the store */
	uint64_t added_ms;              /* last */
	unsigned arrivals[SIM_BROKERS]; /* at the brokers */
	unsigned deliveries[LEDGER_SUBSCRIBERS]; /* at the local subscribers, resent ones apart */
	bool is_seen[LEDGER_SUBSCRIBERS];        /* there, resent or not */
	bool is_owed; /* a lasting local session had subscribed when it was published */
};

struct ledger {
	struct message messages[LEDGER_MAX];
	size_t count;
	/* the newest number that arrived first, by subject */
	unsigned last_arrival[SIM_BROKERS][SUBJECT_COUNT];
	unsigned last_added[SUBJECT_COUNT]; /* to the store */
	/* ... and QoS: what is to be QoS 2 waits for the disk (MQTT 3.1.1, 4.6) */
	unsigned last_delivery[LEDGER_SUBSCRIBERS][3][SUBJECT_COUNT];
	size_t missed[LEDGER_SUBSCRIBERS]; /* messages up to this number, perhaps */
};

/* A new message of the workload; NULL when the ledger is full. */
struct message *ledger_new(struct world *w, size_t subject, uint8_t qos, size_t len);

/* Its body, into a buffer of SIM_PAYLOAD_MAX bytes. */
void ledger_body(const struct world *w, const struct message *m, uint8_t *ret_body);

/* Its name at the daemon's sockets (broker < 0) or at a broker. */
void ledger_topic(const struct message *m, int broker, char ret_topic[LEDGER_TOPIC_MAX]);

/* The message with this body or topic, NULL: not one of the workload's. */
struct message *ledger_find(struct world *w, struct span topic, struct span payload);

/* It arrived at a broker, under this topic. */
void ledger_arrived(struct world *w, unsigned broker, struct span topic, struct span payload);

/* A local subscriber got it, at this QoS. is_dup: it was sent again. */
void ledger_delivered(struct world *w, unsigned subscriber, struct span topic, struct span payload,
    uint8_t qos, bool is_dup);

/* It was put into the store, for whomever, and the daemon died before that was committed. */
void ledger_taken(struct world *w, struct message *m);
void ledger_untaken(struct world *w, unsigned number);

/* It was put into the store for a broker. */
void ledger_added(struct world *w, struct message *m);

/* It waited for this broker and was removed age_ms after it was added. */
void ledger_removed(
    struct world *w, unsigned broker, struct message *m, uint64_t age_ms, bool is_by_hand);

/* It left the queue of a local session in the store. */
void ledger_forgotten(struct world *w, const struct message *m);

/* A subscriber has subscribed, once more perhaps. What was published before then it may have
 * missed, and gets behind later ones when its publisher sends it again. */
void ledger_subscribed(struct world *w, unsigned subscriber);

/* Its publisher got PUBACK or PUBCOMP. */
void ledger_acked(struct world *w, unsigned number);

/* The subscriber whose session outlives its connections and the daemon. */
const struct fake_client *ledger_lasting(const struct world *w);

/* It is routed there at a QoS above 0, so that it must arrive once it was acknowledged. */
bool ledger_is_promised(const struct message *m, unsigned broker);
bool ledger_is_from_broker(const struct message *m);

/* The modem or the broker does not take it. */
bool ledger_must_die(const struct message *m);

#endif
