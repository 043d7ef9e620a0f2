/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MQTT packets: bytes to structs and back, as a server needs them (MQTT 3.1.1, chapters 2 and 3;
 * protocol level 3, "MQIsdp", as well).
 *
 * No state, no socket, no policy: it says what a packet contains and whether that is allowed by
 * itself, not whether it is allowed now. Spans in decoded structs are borrowed from the bytes that
 * were decoded. Everything that differs between protocol versions takes the version, so that
 * MQTT 5.0 adds fields and branches, not functions.
 */
#ifndef CMQTTD_MQTT_MQTT_CODEC_H
#define CMQTTD_MQTT_MQTT_CODEC_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mqtt_version {
	MQTT_VERSION_31 = 3,
	MQTT_VERSION_311 = 4,
	MQTT_VERSION_5 = 5, /* so far only to refuse it in its own words */
};

enum mqtt_type {
	MQTT_TYPE_CONNECT = 1,
	MQTT_TYPE_CONNACK = 2,
	MQTT_TYPE_PUBLISH = 3,
	MQTT_TYPE_PUBACK = 4,
	MQTT_TYPE_PUBREC = 5,
	MQTT_TYPE_PUBREL = 6,
	MQTT_TYPE_PUBCOMP = 7,
	MQTT_TYPE_SUBSCRIBE = 8,
	MQTT_TYPE_SUBACK = 9,
	MQTT_TYPE_UNSUBSCRIBE = 10,
	MQTT_TYPE_UNSUBACK = 11,
	MQTT_TYPE_PINGREQ = 12,
	MQTT_TYPE_PINGRESP = 13,
	MQTT_TYPE_DISCONNECT = 14,
};

#define MQTT_TYPES 16 /* a type is four bits; 0 and 15 are reserved */

/* CONNACK return codes (3.2.2.3). */
enum mqtt_connack {
	MQTT_CONNACK_ACCEPTED = 0,
	MQTT_CONNACK_BAD_VERSION = 1,
	MQTT_CONNACK_BAD_CLIENT_ID = 2,
	MQTT_CONNACK_UNAVAILABLE = 3,
	MQTT_CONNACK_BAD_USER = 4,
	MQTT_CONNACK_NOT_AUTHORIZED = 5,
};

#define MQTT_SUBACK_FAILURE 0x80 /* (3.9.3) */

enum mqtt_framing {
	MQTT_FRAMING_MORE, /* not all there yet */
	MQTT_FRAMING_DONE,
	MQTT_FRAMING_MALFORMED, /* a remaining length of more than four bytes (2.2.3) */
	MQTT_FRAMING_TOO_LARGE, /* known from the length alone, before the body is there */
};

/* One whole packet, its body borrowed. */
struct mqtt_frame {
	uint8_t type;  /* as received: 0..15 */
	uint8_t flags; /* low four bits of the first byte */
	struct span body;
	size_t len; /* of the whole packet */
};

/* The first packet in data; it may be at most max_len bytes long in all. ret is set on DONE only.
 */
enum mqtt_framing mqtt_frame_read(
    const uint8_t *data, size_t len, size_t max_len, struct mqtt_frame *ret);

struct mqtt_connect {
	uint8_t version;   /* protocol level as received */
	bool is_supported; /* false: a level we do not speak, and nothing else is set */
	bool clean_session;
	bool has_will;
	bool will_retain;
	uint8_t will_qos;
	bool has_user;
	bool has_password;
	uint16_t keepalive_s;
	struct span client_id;
	struct span will_topic; /* UTF-8, not yet known to be a topic name */
	struct span will_payload;
	struct span user;
	struct span password;
};

struct mqtt_publish {
	bool dup;
	bool retain;
	uint8_t qos;
	uint16_t packet_id; /* 0 at QoS 0 */
	struct span topic;  /* decoded: not yet known to be a topic name */
	struct span payload;
};

/* SUBSCRIBE and UNSUBSCRIBE: at least one filter, all of well-formed UTF-8. */
struct mqtt_filters {
	uint16_t packet_id;
	bool has_qos; /* SUBSCRIBE */
	struct cursor rest;
};

/* All decoders: 0; -EBADMSG for what the standard forbids [MQTT-4.8.0-1], ret untouched. They check
 * the flags of the fixed header too [MQTT-2.2.2-2]. */
int mqtt_decode_connect(const struct mqtt_frame *f, struct mqtt_connect *ret);
int mqtt_decode_publish(
    enum mqtt_version version, const struct mqtt_frame *f, struct mqtt_publish *ret);
int mqtt_decode_filters(
    enum mqtt_version version, const struct mqtt_frame *f, struct mqtt_filters *ret);

/* PUBACK, PUBREC, PUBREL, PUBCOMP. */
int mqtt_decode_ack(enum mqtt_version version, const struct mqtt_frame *f, uint16_t *ret_packet_id);

/* PINGREQ, DISCONNECT. */
int mqtt_decode_empty(enum mqtt_version version, const struct mqtt_frame *f);

/* The next filter, and its QoS if it is a SUBSCRIBE (else 0). False after the last one. */
bool mqtt_filters_next(struct mqtt_filters *list, struct span *ret_filter, uint8_t *ret_qos);

/* All encoders append a whole packet or nothing: 0, -ENOBUFS, -ENOMEM as buf_append. */
int mqtt_encode_connack(
    struct buf *out, uint8_t version, bool session_present, enum mqtt_connack code);
int mqtt_encode_publish(struct buf *out, enum mqtt_version version, const struct mqtt_publish *p);

/* PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK. */
int mqtt_encode_ack(
    struct buf *out, enum mqtt_version version, enum mqtt_type type, uint16_t packet_id);

/* count return codes; those beyond the first known ones are failures. */
int mqtt_encode_suback(struct buf *out, enum mqtt_version version, uint16_t packet_id,
    const uint8_t *codes, size_t known, size_t count);
int mqtt_encode_pingresp(struct buf *out);

/* Length of the packet that mqtt_encode_publish makes. */
size_t mqtt_publish_len(
    enum mqtt_version version, size_t topic_len, size_t payload_len, uint8_t qos);

#endif
