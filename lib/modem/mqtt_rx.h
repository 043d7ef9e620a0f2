/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assembly of one client's inbound message from its pieces (AT manual 16.3.2):
 * +CMQTTRXSTART, +CMQTTRXTOPIC..., +CMQTTRXPAYLOAD..., +CMQTTRXEND.
 *
 * The modem has acknowledged the message to the broker before we see it, and nothing can ask for it
 * again: what does not add up is dropped and reported once. Pieces of a dropped message are ignored
 * until the next beginning.
 */
#ifndef CMQTTD_MODEM_MQTT_RX_H
#define CMQTTD_MODEM_MQTT_RX_H

#include "modem/modem.h"

enum mqtt_rx_state { MQTT_RX_IDLE, MQTT_RX_OPEN, MQTT_RX_SKIPPING };

struct mqtt_rx {
	enum mqtt_rx_state state;
	size_t topic_len; /* announced */
	size_t payload_len;
	struct buf topic;
	struct buf payload;
};

/* Nothing is open; memory is taken with the first message and kept. */
void mqtt_rx_init(struct mqtt_rx *rx);
void mqtt_rx_fini(struct mqtt_rx *rx);

/* Each returns what was lost by it, INBOUND_LOSS_NONE as a rule. */
enum inbound_loss mqtt_rx_start(struct mqtt_rx *rx, size_t topic_len, size_t payload_len);
enum inbound_loss mqtt_rx_topic(struct mqtt_rx *rx, struct span piece);
enum inbound_loss mqtt_rx_payload(struct mqtt_rx *rx, struct span piece);

/* The message is whole when this returns INBOUND_LOSS_NONE and *ret_complete is true; topic and
 * payload are valid until the next call of any of these functions. */
enum inbound_loss mqtt_rx_end(
    struct mqtt_rx *rx, bool *ret_complete, struct span *ret_topic, struct span *ret_payload);

/* Drop what is open, for this reason; INBOUND_LOSS_NONE when nothing is. */
enum inbound_loss mqtt_rx_drop(struct mqtt_rx *rx, enum inbound_loss why);

#endif
