/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/mqtt_msg.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct mqtt_msg *mqtt_msg_new(const void *topic, uint16_t topic_len, const void *payload,
    uint32_t payload_len, uint8_t qos, bool retain)
{
	struct mqtt_msg *m = malloc(sizeof(*m) + topic_len + payload_len);

	assert(qos <= 2);
	if (!m)
		return NULL;
	m->refs = 1;
	m->payload_len = payload_len;
	m->topic_len = topic_len;
	m->qos = qos;
	m->retain = retain;
	if (topic_len > 0)
		memcpy(m->bytes, topic, topic_len);
	if (payload_len > 0)
		memcpy(m->bytes + topic_len, payload, payload_len);
	return m;
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
