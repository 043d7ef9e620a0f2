/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intrusive doubly linked list. The head is a link itself; a link that is in no list has a NULL
 * next, so that memory full of zeros is a set of unlinked links. Nothing is allocated, so queueing
 * cannot fail.
 */
#ifndef CMQTTD_MQTT_MQTT_LIST_H
#define CMQTTD_MQTT_MQTT_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct mqtt_link {
	struct mqtt_link *prev;
	struct mqtt_link *next;
};

/* The struct of the given type in which this link is the named member. */
#define MQTT_LINK_OWNER(link, type, member) \
	((type *)(void *)((char *)(link)-offsetof(type, member)))

/* Make head an empty list. */
static inline void mqtt_list_init(struct mqtt_link *head)
{
	head->prev = head;
	head->next = head;
}

/* Nothing is in the list. */
static inline bool mqtt_list_is_empty(const struct mqtt_link *head)
{
	return head->next == head;
}

/* The link is in some list. */
static inline bool mqtt_link_is_in(const struct mqtt_link *link)
{
	return link->next != NULL;
}

/* Put the link at the end, unless it is in a list already. */
static inline void mqtt_list_append(struct mqtt_link *head, struct mqtt_link *link)
{
	if (mqtt_link_is_in(link))
		return;
	link->prev = head->prev;
	link->next = head;
	head->prev->next = link;
	head->prev = link;
}

/* Take the link out of its list; fine if it is in none. */
static inline void mqtt_link_remove(struct mqtt_link *link)
{
	if (!mqtt_link_is_in(link))
		return;
	link->prev->next = link->next;
	link->next->prev = link->prev;
	link->prev = NULL;
	link->next = NULL;
}

/* Take out and return the first link, NULL when there is none. */
static inline struct mqtt_link *mqtt_list_pop(struct mqtt_link *head)
{
	struct mqtt_link *link = head->next;

	if (link == head)
		return NULL;
	mqtt_link_remove(link);
	return link;
}

#endif
