/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a local client does not get a message.
 */
#ifndef CMQTTD_MQTT_MQTT_DROP_H
#define CMQTTD_MQTT_MQTT_DROP_H

enum mqtt_drop {
	MQTT_DROP_SLOW,      /* QoS 0, and the client does not read */
	MQTT_DROP_QUEUE,     /* beyond a session's queue or its part of the store; too many wills */
	MQTT_DROP_RETAINED,  /* delivered, but not kept: MQTT_RETAINED_MAX, _BYTES_MAX, the store */
	MQTT_DROP_EXPIRED,   /* MQTT 5.0: its time was over before a client got it */
	MQTT_DROP_TOO_LARGE, /* MQTT 5.0: more than the client takes */
	MQTT_DROP_NOMEM,
	MQTT_DROP_COUNT
};

/* As control interface and metrics have it: "too_large". */
const char *mqtt_drop_name(enum mqtt_drop reason);

#endif
