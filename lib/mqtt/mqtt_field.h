/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two fields with a length in front that MQTT packets and their properties are made of.
 *
 * They are read from a cursor, borrow its bytes, and make it short when they are not there in full.
 */
#ifndef CMQTTD_MQTT_MQTT_FIELD_H
#define CMQTTD_MQTT_MQTT_FIELD_H

#include "base/buf.h"

/* Binary data (MQTT 5.0, 1.5.6): any bytes, 65535 at most. */
struct span mqtt_field_binary(struct cursor *c);

/* A UTF-8 string (1.5.4). One that is not what MQTT calls UTF-8 makes the cursor short: one check
 * at the end for both [MQTT-1.5.4-1, -2]. */
struct span mqtt_field_text(struct cursor *c);

#endif
