/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/mqtt_drop.h"

const char *mqtt_drop_name(enum mqtt_drop reason)
{
	switch (reason) {
	case MQTT_DROP_SLOW:
		return "slow";
	case MQTT_DROP_QUEUE:
		return "queue";
	case MQTT_DROP_RETAINED:
		return "retained";
	case MQTT_DROP_EXPIRED:
		return "expired";
	case MQTT_DROP_TOO_LARGE:
		return "too_large";
	case MQTT_DROP_NOMEM:
		return "no_memory";
	case MQTT_DROP_COUNT:
		break;
	}
	return "unknown";
}
