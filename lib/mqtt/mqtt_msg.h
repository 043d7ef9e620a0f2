/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One application message, shared by all who still have to send or keep it.
 *
 * The body is one block: header, topic, payload, properties. It is immutable once made. Whoever
 * holds a pointer for longer than the call takes a reference and gives it back.
 *
 * The properties are those of MQTT 5.0 that are passed on as they came (3.3.2.3: payload format,
 * content type, response topic, correlation data, user properties), in the encoding of the wire,
 * without their length in front. The message expiry interval is not among them: it is a moment
 * here.
 */
#ifndef CMQTTD_MQTT_MQTT_MSG_H
#define CMQTTD_MQTT_MQTT_MSG_H

#include "base/buf.h"
#include "mqtt/mqtt_props.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mqtt_msg {
	uint64_t expires_ms; /* by the clock of the server's calls; 0: never */
	uint32_t refs;
	uint32_t payload_len;
	uint16_t topic_len;
	uint16_t properties_len;
	uint8_t qos;     /* 0..2, as published */
	bool retain;     /* as published */
	uint8_t bytes[]; /* topic, payload, properties */
};

/* Copy topic and payload into a new message with one reference. NULL when memory is out. */
struct mqtt_msg *mqtt_msg_new(const void *topic, uint16_t topic_len, const void *payload,
    uint32_t payload_len, uint8_t qos, bool retain);

/* The same with properties (at most MQTT_PROPERTIES_MAX bytes) and the moment it expires (0:
 * never).
 */
struct mqtt_msg *mqtt_msg_new_full(struct span topic, struct span payload, struct span properties,
    uint8_t qos, bool retain, uint64_t expires_ms);

/* The same, with what is passed on of the properties of a PUBLISH or of a will. 0, -ENOMEM, or
 * -ENOBUFS when that is more than MQTT_PROPERTIES_MAX. */
int mqtt_msg_new_picked(struct span topic, struct span payload, const struct mqtt_props *props,
    uint8_t qos, bool retain, uint64_t expires_ms, struct mqtt_msg **ret);

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

/* The properties that are passed on, borrowed. */
static inline struct span mqtt_msg_properties(const struct mqtt_msg *m)
{
	return (struct span){ m->bytes + m->topic_len + m->payload_len, m->properties_len };
}

/* What it costs to keep. */
static inline size_t mqtt_msg_bytes(const struct mqtt_msg *m)
{
	return sizeof(*m) + m->topic_len + m->payload_len + m->properties_len;
}

/* When a message is over that has so many seconds: never 0, which would be for ever. */
static inline uint64_t mqtt_msg_expiry(uint64_t now_ms, uint32_t expiry_s)
{
	uint64_t expires_ms = now_ms + (uint64_t)expiry_s * 1000;

	return expires_ms > 0 ? expires_ms : 1;
}

/* Its time is over. */
static inline bool mqtt_msg_is_expired(const struct mqtt_msg *m, uint64_t now_ms)
{
	return m->expires_ms && m->expires_ms <= now_ms;
}

#endif
