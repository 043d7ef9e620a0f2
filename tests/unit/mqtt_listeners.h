/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listeners of the local MQTT server, for the tests of what clients may.
 */
#ifndef TESTS_UNIT_MQTT_LISTENERS_H
#define TESTS_UNIT_MQTT_LISTENERS_H

#include "mqtt/mqtt_server.h"

/* "open" for everybody; "users" for ann alone, whose password is secret; "both" for ann and for
 * those without a name, who may read public/#. Ann may do all in public/# and site/#. */
extern struct mqtt_listener mqtt_listeners[3];

/* Set-up and tear-down of cmocka. */
int mqtt_listeners_make(void **state);
int mqtt_listeners_free(void **state);

#endif
