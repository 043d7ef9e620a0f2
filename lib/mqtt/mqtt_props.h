/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Properties of MQTT 5.0 packets (2.2.2): what a client may send, read; what is passed on, picked
 * out; the pieces of what a server sends, written.
 *
 * No state and no policy: it knows which property may be in which packet, how often, and which
 * values there are at all. Spans are borrowed from the bytes that were read.
 */
#ifndef CMQTTD_MQTT_MQTT_PROPS_H
#define CMQTTD_MQTT_MQTT_PROPS_H

#include "base/buf.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Identifiers (2.2.2.2). */
enum mqtt_prop {
	MQTT_PROP_PAYLOAD_FORMAT = 1,
	MQTT_PROP_MESSAGE_EXPIRY = 2,
	MQTT_PROP_CONTENT_TYPE = 3,
	MQTT_PROP_RESPONSE_TOPIC = 8,
	MQTT_PROP_CORRELATION_DATA = 9,
	MQTT_PROP_SUBSCRIPTION_ID = 11,
	MQTT_PROP_SESSION_EXPIRY = 17,
	MQTT_PROP_ASSIGNED_CLIENT_ID = 18,
	MQTT_PROP_AUTH_METHOD = 21,
	MQTT_PROP_AUTH_DATA = 22,
	MQTT_PROP_REQUEST_PROBLEM = 23,
	MQTT_PROP_WILL_DELAY = 24,
	MQTT_PROP_REQUEST_RESPONSE = 25,
	MQTT_PROP_REASON_STRING = 31,
	MQTT_PROP_RECEIVE_MAX = 33,
	MQTT_PROP_TOPIC_ALIAS_MAX = 34,
	MQTT_PROP_TOPIC_ALIAS = 35,
	MQTT_PROP_USER_PROPERTY = 38,
	MQTT_PROP_PACKET_MAX = 39,
	MQTT_PROP_SHARED_AVAILABLE = 42,
};

/* Where a client can put properties. */
enum mqtt_place {
	MQTT_PLACE_CONNECT,
	MQTT_PLACE_WILL,
	MQTT_PLACE_PUBLISH,
	MQTT_PLACE_ACK, /* PUBACK, PUBREC, PUBREL, PUBCOMP */
	MQTT_PLACE_SUBSCRIBE,
	MQTT_PLACE_UNSUBSCRIBE,
	MQTT_PLACE_DISCONNECT,
};

/* What was there. A number whose property is not present is 0. */
struct mqtt_props {
	uint64_t present; /* one bit for each identifier: mqtt_props_has */
	uint32_t message_expiry_s;
	uint32_t session_expiry_s;
	uint32_t will_delay_s;
	uint32_t subscription_id;
	uint32_t packet_max;
	uint32_t receive_max;
	uint32_t topic_alias;
	uint32_t payload_format; /* 1: text */
	uint32_t request_problem;
	struct span response_topic;
	struct span all; /* as they came, without the length in front */
};

/* Was it among them? */
static inline bool mqtt_props_has(const struct mqtt_props *p, enum mqtt_prop id)
{
	return p->present >> id & 1;
}

/* Read length and properties at the cursor. 0; -EBADMSG for what is malformed: an unknown one, one
 * of another kind of packet, a value not of its type; -EPROTO for a protocol error: twice, or a
 * value that is not allowed (4.13.1). ret is untouched on failure. */
int mqtt_props_read(struct cursor *c, enum mqtt_place place, struct mqtt_props *ret);

/* Copy what a server passes on unaltered, in the order in which it came [MQTT-3.3.2-4, -15, -16,
 * -17, -18, -20]. 0, or -ENOBUFS when it is more than MQTT_PROPERTIES_MAX. */
int mqtt_props_pick(const struct mqtt_props *p, uint8_t out[MQTT_PROPERTIES_MAX], size_t *ret_len);

/* ---- encoding ---- */

#define MQTT_VARINT_MAX      4 /* bytes (1.5.5) */
#define MQTT_VARINT_VALUE    268435455
#define MQTT_PROP_NUMBER_MAX 5 /* bytes of a property that is a number */

/* Bytes of a variable byte integer. */
static inline size_t mqtt_varint_len(size_t value)
{
	return value < 128 ? 1 : value < 16384 ? 2 : value < 2097152 ? 3 : 4;
}

/* A variable byte integer; returns how many bytes it took. */
size_t mqtt_varint_put(uint8_t at[MQTT_VARINT_MAX], size_t value);

/* A property whose value is a number, in the size of its type; returns how many bytes it took. */
size_t mqtt_prop_put(uint8_t at[MQTT_PROP_NUMBER_MAX], enum mqtt_prop id, uint32_t value);

/* A property that is a text of at most 65535 bytes; returns how many bytes it took: 3 more. */
size_t mqtt_prop_put_text(uint8_t *at, enum mqtt_prop id, struct span text);

/* Subscription identifiers in front of other properties: their bytes, and the rest in ret_rest. */
struct span mqtt_props_split_ids(struct span all, struct span *ret_rest);

#endif
