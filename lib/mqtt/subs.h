/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who subscribed to what: a trie of topic levels.
 *
 * A match walks at most the levels of the topic and allocates nothing. A subscriber whose filters
 * overlap is found once, at the highest QoS of them [MQTT-3.3.5-1]. It knows neither messages nor
 * connections; subscribers embed a struct subs_owner.
 *
 * Nodes hang in one hash table keyed by (parent, level), so that a level with thousands of children
 * costs the same as one with two; the '+' child is a pointer of its parent, '#' a second list of
 * subscribers at the node before it.
 */
#ifndef CMQTTD_MQTT_SUBS_H
#define CMQTTD_MQTT_SUBS_H

#include "mqtt/mqtt_list.h"

#include <stddef.h>
#include <stdint.h>

struct subs_node;

struct subs {
	struct subs_node *root;
	struct subs_node **buckets;
	size_t bucket_count; /* a power of two */
	size_t node_count;
	size_t bytes; /* allocated, at most MQTT_SUBS_BYTES_MAX */
	uint64_t serial;
	uint64_t match_serial;
};

/* One subscriber; lives in its owner's memory. */
struct subs_owner {
	struct mqtt_link list;
	size_t count;
	uint64_t match_serial;
	struct subs_owner *match_next; /* of the last subs_match */
	uint8_t match_qos;
};

/* 0 or -ENOMEM. */
int subs_init(struct subs *s);

/* Free everything; all owners must be empty. */
void subs_fini(struct subs *s);

/* A subscriber without subscriptions. */
void subs_owner_init(struct subs_owner *o);

/* Subscribe, or change the QoS if the owner has this very filter [MQTT-3.8.4-3]. The filter must be
 * valid. 0, -ENOMEM, or -ENOBUFS at MQTT_SUBS_PER_CLIENT_MAX or MQTT_SUBS_BYTES_MAX; nothing
 * changes on failure. */
int subs_add(struct subs *s, struct subs_owner *o, const char *filter, size_t len, uint8_t qos);

/* Unsubscribe; fine if there is no such subscription. */
void subs_remove(struct subs *s, struct subs_owner *o, const char *filter, size_t len);

/* Unsubscribe from everything; must be called before the owner goes. */
void subs_remove_all(struct subs *s, struct subs_owner *o);

/* All subscribers of a topic name, linked by match_next, each with match_qos; NULL: nobody. Good
 * until the next subs_match, and as long as no subscription is removed. */
struct subs_owner *subs_match(struct subs *s, const char *topic, size_t len);

#endif
