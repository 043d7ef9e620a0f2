/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MQTT packets: bytes to structs and back, as a server needs them (MQTT 3.1.1 and 5.0, chapters 2
 * and 3; protocol level 3, "MQIsdp", as well).
 *
 * No state, no socket, no policy: it says what a packet contains and whether that is allowed by
 * itself, not whether it is allowed now. Spans in decoded structs are borrowed from the bytes that
 * were decoded. Everything that differs between protocol versions takes the version, so that a
 * version adds fields and branches, not functions. Numbers of clauses are those of MQTT 3.1.1, or
 * of 5.0 where it says so.
 */
#ifndef CMQTTD_MQTT_MQTT_CODEC_H
#define CMQTTD_MQTT_MQTT_CODEC_H

#include "base/buf.h"
#include "mqtt/mqtt_props.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mqtt_version {
	MQTT_VERSION_31 = 3,
	MQTT_VERSION_311 = 4,
	MQTT_VERSION_5 = 5,
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

/* Reason codes (MQTT 5.0, 2.4), as far as this server gives or understands them. For the older
 * versions those of CONNACK and SUBACK are translated, the others cannot be said. */
enum mqtt_reason {
	MQTT_REASON_SUCCESS = 0x00, /* also: normal disconnection, granted QoS 0 */
	MQTT_REASON_DISCONNECT_WITH_WILL = 0x04,
	MQTT_REASON_NO_SUBSCRIPTION = 0x11,
	MQTT_REASON_UNSPECIFIED = 0x80,
	MQTT_REASON_MALFORMED = 0x81,
	MQTT_REASON_PROTOCOL_ERROR = 0x82,
	MQTT_REASON_IMPLEMENTATION = 0x83, /* valid, but not accepted */
	MQTT_REASON_BAD_VERSION = 0x84,
	MQTT_REASON_BAD_CLIENT_ID = 0x85,
	MQTT_REASON_BAD_USER = 0x86,
	MQTT_REASON_NOT_AUTHORIZED = 0x87,
	MQTT_REASON_UNAVAILABLE = 0x88,
	MQTT_REASON_SHUTTING_DOWN = 0x8b,
	MQTT_REASON_BAD_AUTH_METHOD = 0x8c,
	MQTT_REASON_KEEPALIVE = 0x8d,
	MQTT_REASON_TAKEN_OVER = 0x8e,
	MQTT_REASON_BAD_FILTER = 0x8f,
	MQTT_REASON_BAD_TOPIC = 0x90,
	MQTT_REASON_NO_PACKET_ID = 0x92,
	MQTT_REASON_RECEIVE_MAX = 0x93,
	MQTT_REASON_TOPIC_ALIAS = 0x94,
	MQTT_REASON_TOO_LARGE = 0x95,
	MQTT_REASON_QUOTA = 0x97,
	MQTT_REASON_PAYLOAD_FORMAT = 0x99,
	MQTT_REASON_NO_SHARED = 0x9e,
};

#define MQTT_REASON_IS_FAILURE(reason) ((reason) >= 0x80)

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
	uint8_t version;           /* protocol level as received */
	bool is_supported;         /* false: a level we do not speak, and nothing else is set */
	bool clean_start;          /* the clean session flag */
	uint32_t session_expiry_s; /* 0: the session ends with the connection; MQTT_EXPIRY_NEVER */
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
	struct mqtt_props props; /* MQTT 5.0; else all zeros, and so is the next one */
	struct mqtt_props will_props;
};

#define MQTT_EXPIRY_NEVER UINT32_MAX /* of a session (MQTT 5.0, 3.1.2.11.2) */

struct mqtt_publish {
	bool dup;
	bool retain;
	uint8_t qos;
	uint16_t packet_id; /* 0 at QoS 0 */
	struct span topic; /* decoded: not yet known to be a topic name; may be empty in MQTT 5.0 */
	struct span payload;
};

/* The part of a PUBLISH that only MQTT 5.0 has, as a server sends it. */
struct mqtt_publish_props {
	bool has_expiry;
	uint32_t expiry_s;
	struct span ids;    /* subscription identifiers, as mqtt_prop_put writes them */
	struct span others; /* what the publisher had, see mqtt_msg_properties */
};

/* SUBSCRIBE and UNSUBSCRIBE: at least one filter, all of well-formed UTF-8. */
struct mqtt_filters {
	uint16_t packet_id;
	bool is_subscribe;
	uint32_t subscription_id; /* 0: none */
	struct cursor rest;
};

/* When retained messages are sent for a subscription (MQTT 5.0, 3.8.3.1). */
enum mqtt_retain_handling {
	MQTT_RETAIN_SEND,
	MQTT_RETAIN_SEND_IF_NEW,
	MQTT_RETAIN_DO_NOT_SEND,
};

/* One of them; all but the filter itself is 0 in UNSUBSCRIBE. */
struct mqtt_filter {
	struct span filter;
	uint8_t qos;
	bool no_local;
	bool retain_as_published;
	uint8_t retain_handling; /* enum mqtt_retain_handling */
};

struct mqtt_ack {
	uint16_t packet_id;
	uint8_t reason; /* 0 before MQTT 5.0 */
};

struct mqtt_disconnect {
	uint8_t reason; /* 0 before MQTT 5.0 */
	bool has_expiry;
	uint32_t session_expiry_s;
};

/* All decoders: 0; -EBADMSG for what the standard forbids [MQTT-4.8.0-1]; -EPROTO for what MQTT 5.0
 * calls a protocol error and not malformed (4.13.1); ret untouched. They check the flags of the
 * fixed header too [MQTT-2.2.2-2]. */

/* On failure *ret_version says in which version to answer; 0: in none. */
int mqtt_decode_connect(const struct mqtt_frame *f, struct mqtt_connect *ret, uint8_t *ret_version);

/* ret_props: only set in MQTT 5.0. */
int mqtt_decode_publish(enum mqtt_version version, const struct mqtt_frame *f,
    struct mqtt_publish *ret, struct mqtt_props *ret_props);
int mqtt_decode_filters(
    enum mqtt_version version, const struct mqtt_frame *f, struct mqtt_filters *ret);

/* PUBACK, PUBREC, PUBREL, PUBCOMP. */
int mqtt_decode_ack(enum mqtt_version version, const struct mqtt_frame *f, struct mqtt_ack *ret);
int mqtt_decode_pingreq(enum mqtt_version version, const struct mqtt_frame *f);
int mqtt_decode_disconnect(
    enum mqtt_version version, const struct mqtt_frame *f, struct mqtt_disconnect *ret);

/* The next filter. False after the last one. */
bool mqtt_filters_next(struct mqtt_filters *list, struct mqtt_filter *ret);

struct mqtt_connack {
	bool session_present;
	enum mqtt_reason reason;
	struct span
	    assigned_id; /* MQTT 5.0: the identifier that the client did not choose itself */
};

/* All encoders append a whole packet or nothing: 0, -ENOBUFS, -ENOMEM as buf_append. */

/* To a client of MQTT 5.0 that is let in: with what the server has and has not (3.2.2.3). */
int mqtt_encode_connack(struct buf *out, uint8_t version, const struct mqtt_connack *p);

/* props: only used in MQTT 5.0; may be NULL else. */
int mqtt_encode_publish(struct buf *out, enum mqtt_version version, const struct mqtt_publish *p,
    const struct mqtt_publish_props *props);

/* PUBACK, PUBREC, PUBREL, PUBCOMP. Reason, and text that explains it (NULL: none), are only for
 * MQTT 5.0. */
int mqtt_encode_ack(struct buf *out, enum mqtt_version version, enum mqtt_type type,
    const struct mqtt_ack *p, const char *text);

/* Begin SUBACK or UNSUBACK: the caller appends one byte for each of the count filters, for which
 * there is room then, and which UNSUBACK before MQTT 5.0 does not have. */
int mqtt_encode_suback(struct buf *out, enum mqtt_version version, enum mqtt_type type,
    uint16_t packet_id, size_t count);
int mqtt_encode_pingresp(struct buf *out);

/* MQTT 5.0 alone: a server says why; text as in mqtt_encode_ack. */
int mqtt_encode_disconnect(struct buf *out, enum mqtt_reason reason, const char *text);

/* SUBACK's code for a reason: before MQTT 5.0 there is but one failure (3.9.3). */
uint8_t mqtt_suback_code(enum mqtt_version version, enum mqtt_reason reason);

/* Length of the packet that mqtt_encode_publish makes. */
size_t mqtt_publish_len(enum mqtt_version version, const struct mqtt_publish *p,
    const struct mqtt_publish_props *props);

#endif
