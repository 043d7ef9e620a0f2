/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One application message, shared by all who still have to send or keep it.
 *
 * The body is one block: header, topic, payload. It is immutable once made. Whoever holds a pointer
 * for longer than the call takes a reference and gives it back.
 */
#ifndef CMQTTD_MQTT_MQTT_MSG_H
#define CMQTTD_MQTT_MQTT_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mqtt_msg {
	uint32_t refs;
	uint32_t payload_len;
	uint16_t topic_len;
	uint8_t qos;     /* 0..2, as published */
	bool retain;     /* as published */
	uint8_t bytes[]; /* topic, then payload */
};

/* Copy topic and payload into a new message with one reference. NULL when memory is out. */
struct mqtt_msg *mqtt_msg_new(const void *topic, uint16_t topic_len, const void *payload,
    uint32_t payload_len, uint8_t qos, bool retain);

/* One more reference; returns m. */
struct mqtt_msg *mqtt_msg_ref(struct mqtt_msg *m);

/* Give a reference back; the last one frees. NULL is fine. */
void mqtt_msg_unref(struct mqtt_msg *m);

/* The topic, borrowed. */
static inline const char *mqtt_msg_topic(const struct mqtt_msg *m)
{
	return (const char *)m->bytes; /* topic_len bytes, no NUL behind */
}

/* payload_len bytes, borrowed. */
static inline const uint8_t *mqtt_msg_payload(const struct mqtt_msg *m)
{
	return m->bytes + m->topic_len;
}

#endif
