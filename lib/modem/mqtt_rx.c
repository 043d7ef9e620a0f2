/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/mqtt_rx.h"

void mqtt_rx_init(struct mqtt_rx *rx)
{
	*rx = (struct mqtt_rx){ .state = MQTT_RX_IDLE };
	buf_init(&rx->topic, MODEM_TOPIC_MAX);
	buf_init(&rx->payload, MODEM_PAYLOAD_MAX);
}

void mqtt_rx_fini(struct mqtt_rx *rx)
{
	buf_fini(&rx->topic);
	buf_fini(&rx->payload);
}

enum inbound_loss mqtt_rx_drop(struct mqtt_rx *rx, enum inbound_loss why)
{
	if (rx->state != MQTT_RX_OPEN || why == INBOUND_LOSS_NONE)
		return INBOUND_LOSS_NONE;
	rx->state = MQTT_RX_SKIPPING;
	return why;
}

/* Why a message of the announced lengths cannot be taken. */
static enum inbound_loss refuse(struct mqtt_rx *rx)
{
	if (rx->topic_len > MODEM_TOPIC_MAX || rx->payload_len > MODEM_PAYLOAD_MAX)
		return INBOUND_LOSS_TOO_LONG;
	if (rx->topic_len == 0) /* no PUBLISH has none [MQTT-3.3.2-1] */
		return INBOUND_LOSS_SUM;
	/* All the memory now: a piece that comes must not be lost for want of it. */
	if (buf_reserve(&rx->topic, rx->topic_len) < 0 ||
	    buf_reserve(&rx->payload, rx->payload_len) < 0)
		return INBOUND_LOSS_NOMEM;
	return INBOUND_LOSS_NONE;
}

enum inbound_loss mqtt_rx_start(struct mqtt_rx *rx, size_t topic_len, size_t payload_len)
{
	enum inbound_loss old = mqtt_rx_drop(rx, INBOUND_LOSS_ORDER);
	enum inbound_loss loss;

	buf_clear(&rx->topic);
	buf_clear(&rx->payload);
	rx->topic_len = topic_len;
	rx->payload_len = payload_len;
	rx->state = MQTT_RX_OPEN;
	loss = mqtt_rx_drop(rx, refuse(rx));
	return old != INBOUND_LOSS_NONE ? old : loss;
}

static enum inbound_loss append(
    struct mqtt_rx *rx, struct buf *part, size_t announced, struct span piece)
{
	switch (rx->state) {
	case MQTT_RX_SKIPPING:
		return INBOUND_LOSS_NONE;
	case MQTT_RX_IDLE:
		rx->state = MQTT_RX_SKIPPING;
		return INBOUND_LOSS_ORDER;
	case MQTT_RX_OPEN:
		break;
	}
	if (buf_len(part) + piece.len > announced)
		return mqtt_rx_drop(rx, INBOUND_LOSS_SUM);
	if (buf_append(part, piece.data, piece.len) < 0)
		return mqtt_rx_drop(rx, INBOUND_LOSS_NOMEM);
	return INBOUND_LOSS_NONE;
}

enum inbound_loss mqtt_rx_topic(struct mqtt_rx *rx, struct span piece)
{
	return append(rx, &rx->topic, rx->topic_len, piece);
}

enum inbound_loss mqtt_rx_payload(struct mqtt_rx *rx, struct span piece)
{
	return append(rx, &rx->payload, rx->payload_len, piece);
}

static struct span contents(const struct buf *b)
{
	return (struct span){ .data = buf_data(b), .len = buf_len(b) };
}

enum inbound_loss mqtt_rx_end(
    struct mqtt_rx *rx, bool *ret_complete, struct span *ret_topic, struct span *ret_payload)
{
	enum mqtt_rx_state state = rx->state;

	rx->state = MQTT_RX_IDLE;
	switch (state) {
	case MQTT_RX_IDLE:
		return INBOUND_LOSS_ORDER;
	case MQTT_RX_SKIPPING:
		return INBOUND_LOSS_NONE;
	case MQTT_RX_OPEN:
		break;
	}
	if (buf_len(&rx->topic) != rx->topic_len || buf_len(&rx->payload) != rx->payload_len)
		return INBOUND_LOSS_SUM;
	*ret_topic = contents(&rx->topic);
	*ret_payload = contents(&rx->payload);
	*ret_complete = true;
	return INBOUND_LOSS_NONE;
}
