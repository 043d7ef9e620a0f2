/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/mqtt_msg.h"

#include "base/limits.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct mqtt_msg *mqtt_msg_new(const void *topic, uint16_t topic_len, const void *payload,
    uint32_t payload_len, uint8_t qos, bool retain)
{
	return mqtt_msg_new_full((struct span){ topic, topic_len },
	    (struct span){ payload, payload_len }, (struct span){ 0 }, qos, retain, 0);
}

static uint8_t *put(uint8_t *at, struct span s)
{
	if (s.len > 0)
		memcpy(at, s.data, s.len);
	return at + s.len;
}

struct mqtt_msg *mqtt_msg_new_full(struct span topic, struct span payload, struct span properties,
    uint8_t qos, bool retain, uint64_t expires_ms)
{
	struct mqtt_msg *m = malloc(sizeof(*m) + topic.len + payload.len + properties.len);
	uint8_t *at;

	assert(qos <= 2 && topic.len <= UINT16_MAX && payload.len <= UINT32_MAX);
	assert(properties.len <= MQTT_PROPERTIES_MAX);
	if (!m)
		return NULL;
	m->expires_ms = expires_ms;
	m->refs = 1;
	m->payload_len = (uint32_t)payload.len;
	m->topic_len = (uint16_t)topic.len;
	m->properties_len = (uint16_t)properties.len;
	m->qos = qos;
	m->retain = retain;
	at = put(m->bytes, topic);
	at = put(at, payload);
	put(at, properties);
	return m;
}

int mqtt_msg_new_picked(struct span topic, struct span payload, const struct mqtt_props *props,
    uint8_t qos, bool retain, uint64_t expires_ms, struct mqtt_msg **ret)
{
	uint8_t properties[MQTT_PROPERTIES_MAX];
	struct mqtt_msg *m;
	size_t len;
	int r = mqtt_props_pick(props, properties, &len);

	if (r < 0)
		return r;
	m = mqtt_msg_new_full(
	    topic, payload, (struct span){ properties, len }, qos, retain, expires_ms);
	if (!m)
		return -ENOMEM;
	*ret = m;
	return 0;
}

struct mqtt_msg *mqtt_msg_ref(struct mqtt_msg *m)
{
	assert(m->refs > 0 && m->refs < UINT32_MAX);
	m->refs++;
	return m;
}

void mqtt_msg_unref(struct mqtt_msg *m)
{
	if (!m)
		return;
	assert(m->refs > 0);
	m->refs--;
	if (m->refs == 0)
		free(m);
}
