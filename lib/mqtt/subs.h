/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who subscribed to what: a trie of topic levels.
 *
 * A match walks at most the levels of the topic and allocates nothing. A subscriber whose filters
 * overlap is found once, at the highest QoS of them [MQTT-3.3.5-1], with the subscription
 * identifiers of all of them (MQTT 5.0 [MQTT-3.3.4-4]). It knows neither messages nor connections;
 * subscribers embed a struct subs_owner.
 *
 * Nodes hang in one hash table keyed by (parent, level), so that a level with thousands of children
 * costs the same as one with two; the '+' child is a pointer of its parent, '#' a second list of
 * subscribers at the node before it.
 */
#ifndef CMQTTD_MQTT_SUBS_H
#define CMQTTD_MQTT_SUBS_H

#include "mqtt/mqtt_list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sub;
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
	struct subs_owner *match_next; /* of the last subs_match, and the following as well */
	struct sub *match_ids;         /* subscriptions with an identifier: subs_match_ids */
	uint8_t match_qos;
	bool match_retain; /* one of the subscriptions wants "retain as published" */
};

/* What a subscription says besides its filter (3.8.3.1; MQTT 3.1.1 has the QoS alone). */
struct subs_options {
	uint32_t id; /* subscription identifier; 0: none */
	uint8_t qos;
	bool no_local; /* nothing that the subscriber published itself */
	bool retain_as_published;
};

/* 0 or -ENOMEM. */
int subs_init(struct subs *s);

/* Free everything; all owners must be empty. */
void subs_fini(struct subs *s);

/* A subscriber without subscriptions. */
void subs_owner_init(struct subs_owner *o);

/* Subscribe, or change the options if the owner has this very filter [MQTT-3.8.4-3]. The filter
 * must be valid. 1: it is new; 0: it was there; -ENOMEM, or -ENOBUFS at MQTT_SUBS_PER_CLIENT_MAX or
 * MQTT_SUBS_BYTES_MAX: nothing changes. */
int subs_add(struct subs *s, struct subs_owner *o, const char *filter, size_t len,
    const struct subs_options *options);

/* Unsubscribe. False: there is no such subscription. */
bool subs_remove(struct subs *s, struct subs_owner *o, const char *filter, size_t len);

/* Unsubscribe from everything; must be called before the owner goes. */
void subs_remove_all(struct subs *s, struct subs_owner *o);

/* All subscribers of a topic name, linked by match_next, each with match_qos; NULL: nobody. `from`
 * is who published it, for those of its subscriptions that want nothing of that; NULL: none of
 * them. Good until the next subs_match, and as long as no subscription is removed. */
struct subs_owner *subs_match(
    struct subs *s, const char *topic, size_t len, const struct subs_owner *from);

/* Identifiers of the subscriptions by which the last subs_match found this owner: how many were put
 * into ids, at most max, which need not be more than MQTT_SUBS_PER_CLIENT_MAX. */
size_t subs_match_ids(const struct subs_owner *o, uint32_t *ids, size_t max);

#endif
