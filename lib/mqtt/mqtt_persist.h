/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of the local server's state is in the store, and under which names. Every session that
 * outlives its connection has a queue, "client:" and its client identifier: messages that wait or
 * are in flight, and as notes its properties, its subscriptions, and the identifiers of QoS 2
 * messages received. What is retained is in the queue "$retained".
 *
 * Nothing is durable before the owner of the store has committed it; what has to be before
 * something is answered is told by mqtt_persist_take_changes. It knows neither clients nor
 * sessions. Without a store nothing persists: every function that changes something does nothing
 * and succeeds.
 */
#ifndef CMQTTD_MQTT_MQTT_PERSIST_H
#define CMQTTD_MQTT_MQTT_PERSIST_H

#include "base/buf.h"
#include "mqtt/subs.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

#define MQTT_PERSIST_PART                                                      \
	4 /* of the store's max_bytes: local copies get at most one in so many \
	   */

/* What has to be committed. */
#define MQTT_CHANGED_NOW   1U /* before anything accepted or answered is told to anybody */
#define MQTT_CHANGED_LATER 2U /* some time: lost in a crash, it is done again */

/* Messages that leave the store when the commit is over. */
#define MQTT_PERSIST_REMOVALS_MAX 256

struct mqtt_removal {
	uint64_t seq;
	unsigned queue;
	unsigned change;
};

struct mqtt_persist {
	struct store *store; /* borrowed; NULL: nothing persists */
	unsigned retained;   /* number of that queue */
	unsigned changes;    /* MQTT_CHANGED_..., not taken yet */
	bool is_committing;  /* the store is not to be touched, if it can be helped */
	size_t removal_count;
	struct mqtt_removal removals[MQTT_PERSIST_REMOVALS_MAX];
};

/* Use this store (NULL: none). 0, -ENOSPC, -ENOMEM, -EIO. */
int mqtt_persist_init(struct mqtt_persist *p, struct store *store);

/* What was changed since the last call: a set of MQTT_CHANGED_... */
unsigned mqtt_persist_take_changes(struct mqtt_persist *p);

/* The owner begins to commit the store: what is removed meanwhile is removed when it ended. */
void mqtt_persist_commit_begins(struct mqtt_persist *p);
void mqtt_persist_commit_ended(struct mqtt_persist *p);

/* Bytes that all local copies together may have. */
uint64_t mqtt_persist_bytes_max(const struct mqtt_persist *p);

/* The queue of a session, new, with the user it belongs to (empty: anonymous), the listener whose
 * rights apply, and how long it outlives its connection (MQTT_EXPIRY_NEVER). There must be a store.
 * 0, -ENOSPC, -ENOMEM, -EIO: then there is no such queue. */
int mqtt_persist_open(struct mqtt_persist *p, struct span client_id, struct span user,
    const char *listener, uint32_t expiry_s, unsigned *ret_queue);

/* Another listener's rights apply from now on. 0, -ENOMEM, -EIO. */
int mqtt_persist_set_listener(struct mqtt_persist *p, unsigned queue, const char *address);

/* Another time to outlive its connection by. 0, -ENOMEM, -EIO. */
int mqtt_persist_set_expiry(struct mqtt_persist *p, unsigned queue, uint32_t expiry_s);

/* Remove a session with all that is in it. 0, -ENOMEM, -EIO. */
int mqtt_persist_drop(struct mqtt_persist *p, unsigned queue);

/* Remember, or forget, a subscription. 0, -ENOMEM, -EIO. */
int mqtt_persist_subscribe(
    struct mqtt_persist *p, unsigned queue, struct span filter, const struct subs_options *options);
int mqtt_persist_unsubscribe(struct mqtt_persist *p, unsigned queue, struct span filter);

/* Remember, or forget, the packet identifier of a QoS 2 PUBLISH. 0, -ENOMEM, -EIO. */
int mqtt_persist_received(struct mqtt_persist *p, unsigned queue, uint16_t packet_id);
int mqtt_persist_forgotten(struct mqtt_persist *p, unsigned queue, uint16_t packet_id);

/* PUBREC came for that message. 0, -ENOMEM, -EIO. */
int mqtt_persist_released(struct mqtt_persist *p, unsigned queue, uint64_t seq);

/* A message is done with, or given up. change: whether that has to be durable now or later. Should
 * the store not be able to, the message will come back with a restart. */
void mqtt_persist_remove(struct mqtt_persist *p, unsigned queue, uint64_t seq, unsigned change);

/* A copy of what is retained, for a session that subscribed just now. 0 and its number, -ENOSPC,
 * -ENOMEM, -EIO. */
int mqtt_persist_add(struct mqtt_persist *p, const struct store_target *target, struct span payload,
    int64_t accepted_ms, uint64_t *ret_seq);

/* ---- what is there, at the start; spans are the store's, valid until its next call ---- */

/* The session with the lowest queue number above *queue, which becomes it; begin with -1. False:
 * there is none. */
bool mqtt_persist_next_session(struct mqtt_persist *p, int *queue, struct span *ret_client_id);

/* Its user and its listener; empty if there is no such property. */
struct span mqtt_persist_user(struct mqtt_persist *p, unsigned queue);
struct span mqtt_persist_listener(struct mqtt_persist *p, unsigned queue);

/* How long it outlives its connection; 0: it ended with it. */
uint32_t mqtt_persist_expiry(struct mqtt_persist *p, unsigned queue);

/* The subscription behind *filter, which becomes it; begin with an empty one. False: there is none.
 */
bool mqtt_persist_next_subscription(
    struct mqtt_persist *p, unsigned queue, struct span *filter, struct subs_options *ret_options);

/* The received QoS 2 identifier behind the one in the note *key, which becomes it; begin with an
 * empty one. False: there is none. */
bool mqtt_persist_next_received(
    struct mqtt_persist *p, unsigned queue, struct span *key, uint16_t *ret_packet_id);

#endif
