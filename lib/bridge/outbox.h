/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be published on one broker's session: the queue in the store for QoS 1 and 2, the one
 * in memory for QoS 0, and the message that is in flight. It decides what leaves next, and what
 * becomes of a message by the outcome of its publish.
 *
 * Order: higher priority first, then order of acceptance over both queues.
 */
#ifndef CMQTTD_BRIDGE_OUTBOX_H
#define CMQTTD_BRIDGE_OUTBOX_H

#include "base/buf.h"
#include "modem/modem.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct outbox {
	struct store *durable;
	unsigned durable_queue;
	struct store *memory; /* owned */
	unsigned memory_queue;
	bool is_busy;  /* a publish is under way */
	bool is_stuck; /* the last one was SEND_STUCK, and nobody has been blamed for it */
	bool is_from_memory;
	bool is_report;    /* it is from no queue */
	uint64_t seq;      /* of the message in flight, or the last one that was */
	uint64_t sent_seq; /* the broker has it, and the store could not remove it; 0: none */
	uint8_t tries;
	enum store_state state;
	uint8_t qos;
	bool retain;
	size_t topic_len;
	struct buf flight; /* topic and payload of the message in flight */
};

/* What became of the message in flight. */
enum outbox_fate {
	OUTBOX_SENT,     /* the broker has it; it is gone from the queue */
	OUTBOX_KEPT,     /* will be tried again */
	OUTBOX_KEPT_DUP, /* may have arrived, will be sent again */
	OUTBOX_BURIED,   /* dead letter */
	OUTBOX_DROPPED,  /* QoS 0: not tried again */
};

/* Queues of that broker name. The durable store is borrowed. 0, -ENOMEM, -ENOSPC, -EIO. */
int outbox_init(struct outbox *o, struct store *durable, const char *name);
void outbox_fini(struct outbox *o);

/* Another broker's queue of the durable store (reload); nothing may be in flight. What waits in
 * memory was meant for the broker before, and is forgotten. Returns how many messages that were. */
uint64_t outbox_use_queue(struct outbox *o, unsigned queue);

/* The entry that should leave next; false: none. */
bool outbox_head(struct outbox *o, struct store_entry *ret, bool *ret_is_memory);

/* The entry that is to be given up first, on disk or in memory: the oldest one of the lowest
 * priority that is not in flight. false: none. */
bool outbox_oldest(struct outbox *o, bool is_memory, struct store_entry *ret);

/* What is to be done next has to do with the durable store. */
bool outbox_needs_durable(const struct outbox *o);

/* The message of this number is in flight. */
bool outbox_is_in_flight(const struct outbox *o, uint64_t seq);

/* Remove an entry that outbox_head or outbox_oldest gave. */
int outbox_remove(struct outbox *o, const struct store_entry *e, bool is_memory);

/* Put the head in flight and fill the publish with it; the spans are valid until outbox_finish. 0,
 * -ENOENT: nothing waits; -E2BIG: the head is more than the modem ever takes; -ENOMEM; -EIO: the
 * store cannot be read, or does not let go of the message that was sent last. */
int outbox_begin(struct outbox *o, struct modem_publish *ret);

/* The publish ended. tries_max: refusals, or losses of the connection caused by it, after which a
 * message is a dead letter. reason: what the dead letter's text says. */
enum outbox_fate outbox_finish(struct outbox *o, enum send_result result, unsigned err,
    unsigned tries_max, const char *reason);

/* The outcome speaks against the message itself. */
bool outbox_counts_as_try(enum send_result result, unsigned err);

/* Put in flight a message of the daemon's own that is in no queue, at QoS 1. 0, -ENOBUFS (over the
 * modem's limits), -ENOMEM. It ends with outbox_finish_report alone. */
int outbox_begin_report(
    struct outbox *o, struct span topic, struct span payload, struct modem_publish *ret);
void outbox_finish_report(struct outbox *o);

/* The last publish ended with SEND_STUCK, and by now it is clear that the modem answers everything
 * else: it counts against the message. OUTBOX_KEPT or OUTBOX_BURIED. */
enum outbox_fate outbox_blame(struct outbox *o, unsigned tries_max, const char *reason);

/* Waiting messages and bytes of both queues, dead letters. */
void outbox_usage(const struct outbox *o, struct store_usage *ret);

#endif
