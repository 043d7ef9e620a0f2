/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8 as MQTT wants it.
 */
#ifndef CMQTTD_BASE_UTF8_H
#define CMQTTD_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Well-formed UTF-8 without U+0000 and without surrogates [MQTT-1.5.3-1, -2]. Empty is fine. */
bool utf8_is_mqtt_string(const uint8_t *data, size_t len);

/* The same, and U+0000 is fine: a payload that is said to be text (MQTT 5.0, 3.3.2.3.2). */
bool utf8_is_text(const uint8_t *data, size_t len);

#endif
