/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/mqtt_codec.h"

#include "mqtt/mqtt_field.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* Connect flags (3.1.2.3). */
#define CONNECT_RESERVED    0x01
#define CONNECT_CLEAN       0x02
#define CONNECT_WILL        0x04
#define CONNECT_WILL_QOS(f) ((uint8_t)(((f) >> 3) & 3))
#define CONNECT_WILL_RETAIN 0x20
#define CONNECT_PASSWORD    0x40
#define CONNECT_USER        0x80

/* PUBLISH flags (3.3.1). */
#define PUBLISH_RETAIN 0x01
#define PUBLISH_QOS(f) ((uint8_t)(((f) >> 1) & 3))
#define PUBLISH_DUP    0x08

/* Subscription options (MQTT 5.0, 3.8.3.1). */
#define OPTION_QOS(o)              ((uint8_t)((o)&3))
#define OPTION_NO_LOCAL            0x04
#define OPTION_RETAIN_AS_PUBLISHED 0x08
#define OPTION_RETAIN_HANDLING(o)  ((uint8_t)(((o) >> 4) & 3))
#define OPTION_RESERVED            0xc0

enum mqtt_framing mqtt_frame_read(
    const uint8_t *data, size_t len, size_t max_len, struct mqtt_frame *ret)
{
	size_t remaining = 0, header = 1;
	uint8_t byte;

	do {
		if (header > MQTT_VARINT_MAX)
			return MQTT_FRAMING_MALFORMED;
		if (header >= len)
			return MQTT_FRAMING_MORE;
		byte = data[header];
		remaining |= (size_t)(byte & 0x7f) << (7 * (header - 1));
		header++;
	} while (byte & 0x80);
	if (header > max_len || remaining > max_len - header)
		return MQTT_FRAMING_TOO_LARGE;
	if (remaining > len - header)
		return MQTT_FRAMING_MORE;
	*ret = (struct mqtt_frame){
		.type = data[0] >> 4,
		.flags = data[0] & 0x0f,
		.body = { .data = data + header, .len = remaining },
		.len = header + remaining,
	};
	return MQTT_FRAMING_DONE;
}

/* Reserved flags (table 2.2). MQTT 3.1 has them as DUP and QoS, and clients do set DUP. */
static bool flags_are_fine(enum mqtt_version version, const struct mqtt_frame *f)
{
	switch (f->type) {
	case MQTT_TYPE_PUBREL:
	case MQTT_TYPE_SUBSCRIBE:
	case MQTT_TYPE_UNSUBSCRIBE:
		return f->flags == 2 || version == MQTT_VERSION_31;
	case MQTT_TYPE_PUBLISH:
		return true;
	default:
		return f->flags == 0;
	}
}

static bool connect_flags_are_fine(uint8_t version, uint8_t flags)
{
	if (version != MQTT_VERSION_31 && (flags & CONNECT_RESERVED))
		return false; /* [MQTT-3.1.2-3] */
	if (CONNECT_WILL_QOS(flags) == 3)
		return false; /* [MQTT-3.1.2-14] */
	if (!(flags & CONNECT_WILL) && (CONNECT_WILL_QOS(flags) || (flags & CONNECT_WILL_RETAIN)))
		return false; /* [MQTT-3.1.2-13, -15] */
	if (version != MQTT_VERSION_5 && !(flags & CONNECT_USER) && (flags & CONNECT_PASSWORD))
		return false; /* [MQTT-3.1.2-22] */
	return true;
}

/* A name that a client may give as an address for answers: no wildcards [MQTT-3.3.2-14]. */
static bool is_response_topic(const struct mqtt_props *p)
{
	struct span t = p->response_topic;

	return !mqtt_props_has(p, MQTT_PROP_RESPONSE_TOPIC) ||
	       (t.len > 0 && !memchr(t.data, '+', t.len) && !memchr(t.data, '#', t.len));
}

static int read_will(struct cursor *c, struct mqtt_connect *p)
{
	if (p->version == MQTT_VERSION_5) {
		int r = mqtt_props_read(c, MQTT_PLACE_WILL, &p->will_props);

		if (r < 0)
			return r;
	}
	p->will_topic = mqtt_field_text(c);
	p->will_payload = mqtt_field_binary(c);
	return is_response_topic(&p->will_props) ? 0 : -EPROTO;
}

static int read_connect_payload(struct cursor *c, struct mqtt_connect *p)
{
	p->client_id = mqtt_field_text(c);
	if (p->has_will) {
		int r = read_will(c, p);

		if (r < 0)
			return r;
	}
	if (p->has_user)
		p->user = mqtt_field_text(c);
	if (p->has_password)
		p->password = mqtt_field_binary(c);
	return c->is_short || c->left > 0 ? -EBADMSG : 0;
}

static int read_connect_props(struct cursor *c, struct mqtt_connect *p)
{
	int r;

	p->session_expiry_s = p->clean_start ? 0 : MQTT_EXPIRY_NEVER;
	if (p->version != MQTT_VERSION_5)
		return 0;
	r = mqtt_props_read(c, MQTT_PLACE_CONNECT, &p->props);
	if (r < 0)
		return r;
	p->session_expiry_s = p->props.session_expiry_s;
	if (mqtt_props_has(&p->props, MQTT_PROP_AUTH_DATA) &&
	    !mqtt_props_has(&p->props, MQTT_PROP_AUTH_METHOD))
		return -EPROTO; /* MQTT 5.0, 3.1.2.11.10 */
	return 0;
}

/* The level under this name; 0: not one that we speak. */
static bool is_supported(struct span name, uint8_t version)
{
	if (span_is(name, "MQTT"))
		return version == MQTT_VERSION_311 || version == MQTT_VERSION_5;
	return version == MQTT_VERSION_31;
}

int mqtt_decode_connect(const struct mqtt_frame *f, struct mqtt_connect *ret, uint8_t *ret_version)
{
	struct mqtt_connect p = { 0 };
	struct cursor c;
	struct span name;
	uint8_t flags;
	int r;

	*ret_version = 0;
	cursor_init(&c, f->body.data, f->body.len);
	name = mqtt_field_text(&c);
	p.version = cursor_u8(&c);
	if (c.is_short || f->flags != 0)
		return -EBADMSG;
	if (!span_is(name, "MQTT") && !span_is(name, "MQIsdp"))
		return -EBADMSG; /* [MQTT-3.1.2-1] */
	p.is_supported = is_supported(name, p.version);
	if (!p.is_supported) {
		*ret = p; /* [MQTT-3.1.2-2] */
		return 0;
	}
	*ret_version = p.version == MQTT_VERSION_5 ? MQTT_VERSION_5 : 0;
	flags = cursor_u8(&c);
	if (!connect_flags_are_fine(p.version, flags))
		return -EBADMSG;
	p.keepalive_s = cursor_u16(&c);
	p.clean_start = flags & CONNECT_CLEAN;
	p.has_will = flags & CONNECT_WILL;
	p.will_qos = CONNECT_WILL_QOS(flags);
	p.will_retain = flags & CONNECT_WILL_RETAIN;
	p.has_user = flags & CONNECT_USER;
	p.has_password = flags & CONNECT_PASSWORD;
	r = read_connect_props(&c, &p);
	if (r == 0)
		r = read_connect_payload(&c, &p);
	if (r < 0)
		return r;
	*ret = p;
	return 0;
}

static int read_publish_props(struct cursor *c, struct mqtt_props *ret)
{
	struct mqtt_props p;
	int r = mqtt_props_read(c, MQTT_PLACE_PUBLISH, &p);

	if (r < 0)
		return r;
	if (mqtt_props_has(&p, MQTT_PROP_SUBSCRIPTION_ID))
		return -EPROTO; /* MQTT 5.0 [MQTT-3.3.4-6] */
	if (!is_response_topic(&p))
		return -EPROTO;
	*ret = p;
	return 0;
}

int mqtt_decode_publish(enum mqtt_version version, const struct mqtt_frame *f,
    struct mqtt_publish *ret, struct mqtt_props *ret_props)
{
	struct mqtt_publish p = {
		.dup = f->flags & PUBLISH_DUP,
		.retain = f->flags & PUBLISH_RETAIN,
		.qos = PUBLISH_QOS(f->flags),
	};
	struct cursor c;

	if (p.qos == 3)
		return -EBADMSG; /* [MQTT-3.3.1-4] */
	if (p.dup && p.qos == 0 && version != MQTT_VERSION_31)
		return -EBADMSG; /* [MQTT-3.3.1-2] */
	cursor_init(&c, f->body.data, f->body.len);
	p.topic = mqtt_field_binary(&c);
	if (p.qos > 0) {
		p.packet_id = cursor_u16(&c);
		if (p.packet_id == 0)
			return -EBADMSG; /* [MQTT-2.3.1-1] */
	}
	if (version == MQTT_VERSION_5) {
		int r = read_publish_props(&c, ret_props);

		if (r < 0)
			return r;
	}
	p.payload = cursor_span(&c, c.left);
	if (c.is_short)
		return -EBADMSG;
	*ret = p;
	return 0;
}

bool mqtt_filters_next(struct mqtt_filters *list, struct mqtt_filter *ret)
{
	struct mqtt_filter f;
	uint8_t options;

	if (list->rest.left == 0 || list->rest.is_short)
		return false;
	f.filter = mqtt_field_text(&list->rest);
	options = list->is_subscribe ? cursor_u8(&list->rest) : 0;
	f.qos = OPTION_QOS(options);
	f.no_local = options & OPTION_NO_LOCAL;
	f.retain_as_published = options & OPTION_RETAIN_AS_PUBLISHED;
	f.retain_handling = OPTION_RETAIN_HANDLING(options);
	if (list->rest.is_short)
		return false;
	*ret = f;
	return true;
}

/* The options byte of one filter, which the walk is just behind. */
static int check_options(enum mqtt_version version, const struct mqtt_filters *walk)
{
	uint8_t options = walk->rest.pos[-1];

	if (!walk->is_subscribe)
		return 0;
	if (version != MQTT_VERSION_5)
		return options > 2 ? -EBADMSG : 0; /* [MQTT-3.8.3-4] */
	if (options & OPTION_RESERVED)
		return -EBADMSG; /* MQTT 5.0 [MQTT-3.8.3-5] */
	if (OPTION_QOS(options) == 3 || OPTION_RETAIN_HANDLING(options) == 3)
		return -EPROTO; /* MQTT 5.0, 3.8.3.1 */
	return 0;
}

static int check_filters(enum mqtt_version version, struct mqtt_filters walk)
{
	struct mqtt_filter filter;
	size_t count = 0;

	for (; mqtt_filters_next(&walk, &filter); count++) {
		int r = check_options(version, &walk);

		if (r < 0)
			return r;
	}
	if (walk.rest.is_short)
		return -EBADMSG;
	if (count == 0)
		return version == MQTT_VERSION_5 ? -EPROTO
						 : -EBADMSG; /* [MQTT-3.8.3-3, 3.10.3-2] */
	return 0;
}

int mqtt_decode_filters(
    enum mqtt_version version, const struct mqtt_frame *f, struct mqtt_filters *ret)
{
	struct mqtt_filters list = { .is_subscribe = f->type == MQTT_TYPE_SUBSCRIBE };
	int r;

	if (!flags_are_fine(version, f))
		return -EBADMSG; /* [MQTT-3.8.1-1, 3.10.1-1] */
	cursor_init(&list.rest, f->body.data, f->body.len);
	list.packet_id = cursor_u16(&list.rest);
	if (list.packet_id == 0)
		return -EBADMSG; /* [MQTT-2.3.1-1] */
	if (version == MQTT_VERSION_5) {
		struct mqtt_props props;

		r = mqtt_props_read(&list.rest,
		    list.is_subscribe ? MQTT_PLACE_SUBSCRIBE : MQTT_PLACE_UNSUBSCRIBE, &props);
		if (r < 0)
			return r;
		list.subscription_id = props.subscription_id;
	}
	r = check_filters(version, list);
	if (r < 0)
		return r;
	*ret = list;
	return 0;
}

/* What a client may answer to a PUBLISH, or about a packet identifier (MQTT 5.0, 3.4.2.1
 * to 3.7.2.1).
 */
static bool is_ack_reason(uint8_t type, uint8_t reason)
{
	switch (reason) {
	case MQTT_REASON_SUCCESS:
		return true;
	case MQTT_REASON_NO_PACKET_ID:
		return type == MQTT_TYPE_PUBREL || type == MQTT_TYPE_PUBCOMP;
	case 0x10: /* no matching subscribers */
	case MQTT_REASON_UNSPECIFIED:
	case MQTT_REASON_IMPLEMENTATION:
	case MQTT_REASON_NOT_AUTHORIZED:
	case MQTT_REASON_BAD_TOPIC:
	case 0x91: /* packet identifier in use */
	case MQTT_REASON_QUOTA:
	case MQTT_REASON_PAYLOAD_FORMAT:
		return type == MQTT_TYPE_PUBACK || type == MQTT_TYPE_PUBREC;
	default:
		return false;
	}
}

/* Reason code and properties at the end of a packet, both of which may be left out. */
static int read_reason(
    struct cursor *c, enum mqtt_place place, uint8_t *ret_reason, struct mqtt_props *ret_props)
{
	*ret_reason = c->left > 0 ? cursor_u8(c) : MQTT_REASON_SUCCESS;
	*ret_props = (struct mqtt_props){ 0 };
	if (c->left > 0) {
		int r = mqtt_props_read(c, place, ret_props);

		if (r < 0)
			return r;
	}
	return c->is_short || c->left > 0 ? -EBADMSG : 0;
}

int mqtt_decode_ack(enum mqtt_version version, const struct mqtt_frame *f, struct mqtt_ack *ret)
{
	struct mqtt_ack p = { 0 };
	struct mqtt_props props;
	struct cursor c;
	int r;

	if (!flags_are_fine(version, f) || (version != MQTT_VERSION_5 && f->body.len != 2))
		return -EBADMSG;
	cursor_init(&c, f->body.data, f->body.len);
	p.packet_id = cursor_u16(&c);
	if (p.packet_id == 0)
		return -EBADMSG; /* [MQTT-2.3.1-1] */
	r = read_reason(&c, MQTT_PLACE_ACK, &p.reason, &props);
	if (r < 0)
		return r;
	if (!is_ack_reason(f->type, p.reason))
		return -EPROTO; /* MQTT 5.0 [MQTT-3.4.2-1, 3.5.2-1, 3.6.2-1, 3.7.2-1] */
	*ret = p;
	return 0;
}

int mqtt_decode_pingreq(enum mqtt_version version, const struct mqtt_frame *f)
{
	return flags_are_fine(version, f) && f->body.len == 0 ? 0 : -EBADMSG;
}

/* What a client may say at the end (MQTT 5.0, table 3-13). */
static bool is_disconnect_reason(uint8_t reason)
{
	return reason == MQTT_REASON_SUCCESS || reason == MQTT_REASON_DISCONNECT_WITH_WILL ||
	       (reason >= MQTT_REASON_UNSPECIFIED && reason <= MQTT_REASON_IMPLEMENTATION) ||
	       reason == MQTT_REASON_BAD_TOPIC ||
	       (reason >= MQTT_REASON_RECEIVE_MAX && reason <= MQTT_REASON_PAYLOAD_FORMAT);
}

int mqtt_decode_disconnect(
    enum mqtt_version version, const struct mqtt_frame *f, struct mqtt_disconnect *ret)
{
	struct mqtt_disconnect p = { 0 };
	struct mqtt_props props;
	struct cursor c;
	int r;

	if (!flags_are_fine(version, f) || (version != MQTT_VERSION_5 && f->body.len != 0))
		return -EBADMSG; /* [MQTT-3.14.1-1] */
	cursor_init(&c, f->body.data, f->body.len);
	r = read_reason(&c, MQTT_PLACE_DISCONNECT, &p.reason, &props);
	if (r < 0)
		return r;
	if (!is_disconnect_reason(p.reason))
		return -EPROTO; /* MQTT 5.0 [MQTT-3.14.2-1] */
	p.has_expiry = mqtt_props_has(&props, MQTT_PROP_SESSION_EXPIRY);
	p.session_expiry_s = props.session_expiry_s;
	*ret = p;
	return 0;
}

/* Fixed header, of at most 1 + MQTT_VARINT_MAX bytes; returns its length. */
static size_t put_header(uint8_t *header, enum mqtt_type type, uint8_t flags, size_t remaining)
{
	header[0] = (uint8_t)(type << 4 | flags);
	return 1 + mqtt_varint_put(header + 1, remaining);
}

/* CONNACK's return code before MQTT 5.0 (3.2.2.3). */
static uint8_t connack_code(enum mqtt_reason reason)
{
	static const uint8_t reasons[] = { MQTT_REASON_SUCCESS, MQTT_REASON_BAD_VERSION,
		MQTT_REASON_BAD_CLIENT_ID, MQTT_REASON_UNAVAILABLE, MQTT_REASON_BAD_USER,
		MQTT_REASON_NOT_AUTHORIZED };

	for (uint8_t code = 0; code < sizeof(reasons); code++) {
		if (reasons[code] == reason)
			return code;
	}
	return 3; /* unavailable */
}

/* What the server has and has not. A maximum QoS of 2, wildcards, subscription identifiers and
 * retained messages are there when nothing is said about them. */
static size_t put_connack_props(uint8_t *at, const struct mqtt_connack *p)
{
	size_t n = mqtt_prop_put(at, MQTT_PROP_RECEIVE_MAX, MQTT_RECEIVE_MAX);

	n += mqtt_prop_put(at + n, MQTT_PROP_PACKET_MAX, MQTT_PACKET_MAX);
	n += mqtt_prop_put(at + n, MQTT_PROP_TOPIC_ALIAS_MAX, MQTT_TOPIC_ALIAS_MAX);
	n += mqtt_prop_put(at + n, MQTT_PROP_SHARED_AVAILABLE, 0);
	if (p->assigned_id.len > 0)
		n += mqtt_prop_put_text(
		    at + n, MQTT_PROP_ASSIGNED_CLIENT_ID, p->assigned_id); /* [MQTT-3.2.2-16] */
	return n;
}

static int encode_connack_5(struct buf *out, const struct mqtt_connack *p)
{
	uint8_t props[4 * MQTT_PROP_NUMBER_MAX + 3 + MQTT_CLIENT_ID_MAX];
	uint8_t header[1 + MQTT_VARINT_MAX], body[2 + MQTT_VARINT_MAX];
	size_t len = 0, n = 2, header_len;
	int r;

	assert(p->assigned_id.len <= MQTT_CLIENT_ID_MAX);
	if (p->reason == MQTT_REASON_SUCCESS)
		len = put_connack_props(props, p);
	body[0] = p->session_present;
	body[1] = (uint8_t)p->reason;
	n += mqtt_varint_put(body + n, len);
	header_len = put_header(header, MQTT_TYPE_CONNACK, 0, n + len);
	r = buf_reserve(out, header_len + n + len);
	if (r < 0)
		return r;
	(void)buf_append(out, header, header_len);
	(void)buf_append(out, body, n);
	(void)buf_append(out, props, len);
	return 0;
}

int mqtt_encode_connack(struct buf *out, uint8_t version, const struct mqtt_connack *p)
{
	/* MQTT 3.1 has no session present flag: the byte is reserved. */
	const uint8_t packet[] = { MQTT_TYPE_CONNACK << 4, 2,
		p->session_present && version == MQTT_VERSION_311, connack_code(p->reason) };

	if (version == MQTT_VERSION_5)
		return encode_connack_5(out, p);
	return buf_append(out, packet, sizeof(packet));
}

static size_t publish_props_len(const struct mqtt_publish_props *props)
{
	return (props->has_expiry ? MQTT_PROP_NUMBER_MAX : 0) + props->ids.len + props->others.len;
}

static size_t publish_remaining(
    enum mqtt_version version, const struct mqtt_publish *p, const struct mqtt_publish_props *props)
{
	size_t remaining = 2 + p->topic.len + (p->qos > 0 ? 2 : 0) + p->payload.len;
	size_t len;

	if (version != MQTT_VERSION_5)
		return remaining;
	len = publish_props_len(props);
	return remaining + mqtt_varint_len(len) + len;
}

size_t mqtt_publish_len(
    enum mqtt_version version, const struct mqtt_publish *p, const struct mqtt_publish_props *props)
{
	size_t remaining = publish_remaining(version, p, props);

	return 1 + mqtt_varint_len(remaining) + remaining;
}

static uint8_t *put_span(uint8_t *at, struct span s)
{
	if (s.len > 0)
		memcpy(at, s.data, s.len);
	return at + s.len;
}

static uint8_t *put_publish_props(uint8_t *at, const struct mqtt_publish_props *props)
{
	at += mqtt_varint_put(at, publish_props_len(props));
	if (props->has_expiry)
		at += mqtt_prop_put(at, MQTT_PROP_MESSAGE_EXPIRY, props->expiry_s);
	return put_span(put_span(at, props->ids), props->others);
}

int mqtt_encode_publish(struct buf *out, enum mqtt_version version, const struct mqtt_publish *p,
    const struct mqtt_publish_props *props)
{
	uint8_t flags =
	    (uint8_t)(p->qos << 1 | (p->dup ? PUBLISH_DUP : 0) | (p->retain ? PUBLISH_RETAIN : 0));
	size_t remaining = publish_remaining(version, p, props);
	uint8_t *at;
	int r = buf_extend(out, 1 + mqtt_varint_len(remaining) + remaining, &at);

	if (r < 0)
		return r;
	at += put_header(at, MQTT_TYPE_PUBLISH, flags, remaining);
	*at++ = (uint8_t)(p->topic.len >> 8);
	*at++ = (uint8_t)p->topic.len;
	at = put_span(at, p->topic);
	if (p->qos > 0) {
		*at++ = (uint8_t)(p->packet_id >> 8);
		*at++ = (uint8_t)p->packet_id;
	}
	if (version == MQTT_VERSION_5)
		at = put_publish_props(at, props);
	put_span(at, p->payload);
	return 0;
}

/* Properties with a reason in words alone; returns how many bytes they take. */
static size_t put_reason_text(uint8_t at[1 + 3 + MQTT_REASON_TEXT_MAX], const char *text)
{
	struct span s = { (const uint8_t *)text, strlen(text) };

	assert(s.len <= MQTT_REASON_TEXT_MAX);
	at[0] = (uint8_t)(3 + s.len);
	return 1 + mqtt_prop_put_text(at + 1, MQTT_PROP_REASON_STRING, s);
}

int mqtt_encode_ack(struct buf *out, enum mqtt_version version, enum mqtt_type type,
    const struct mqtt_ack *p, const char *text)
{
	uint8_t packet[1 + 1 + 2 + 1 + 1 + 3 + MQTT_REASON_TEXT_MAX];
	size_t n = 2;

	assert(!text || p->reason != MQTT_REASON_SUCCESS);
	packet[0] = (uint8_t)(type << 4 | (type == MQTT_TYPE_PUBREL ? 2 : 0));
	packet[n++] = (uint8_t)(p->packet_id >> 8);
	packet[n++] = (uint8_t)p->packet_id;
	if (version == MQTT_VERSION_5 && p->reason != MQTT_REASON_SUCCESS)
		packet[n++] = p->reason;
	if (version == MQTT_VERSION_5 && text)
		n += put_reason_text(packet + n, text);
	packet[1] = (uint8_t)(n - 2);
	return buf_append(out, packet, n);
}

int mqtt_encode_suback(struct buf *out, enum mqtt_version version, enum mqtt_type type,
    uint16_t packet_id, size_t count)
{
	uint8_t header[1 + MQTT_VARINT_MAX + 3];
	size_t more = 2 + (version == MQTT_VERSION_5 ? 1 : 0);
	size_t n = put_header(header, type, 0, more + count);
	int r = buf_reserve(out, n + more + count);

	if (r < 0)
		return r;
	header[n++] = (uint8_t)(packet_id >> 8);
	header[n++] = (uint8_t)packet_id;
	if (version == MQTT_VERSION_5)
		header[n++] = 0; /* no properties */
	(void)buf_append(out, header, n);
	return 0;
}

uint8_t mqtt_suback_code(enum mqtt_version version, enum mqtt_reason reason)
{
	if (version != MQTT_VERSION_5 && MQTT_REASON_IS_FAILURE(reason))
		return MQTT_REASON_UNSPECIFIED;
	return (uint8_t)reason;
}

int mqtt_encode_disconnect(struct buf *out, enum mqtt_reason reason, const char *text)
{
	uint8_t packet[1 + 1 + 1 + 1 + 3 + MQTT_REASON_TEXT_MAX] = { MQTT_TYPE_DISCONNECT << 4, 1,
		(uint8_t)reason };
	size_t n = 3;

	if (text)
		n += put_reason_text(packet + n, text);
	packet[1] = (uint8_t)(n - 2);
	return buf_append(out, packet, n);
}

int mqtt_encode_pingresp(struct buf *out)
{
	const uint8_t packet[] = { MQTT_TYPE_PINGRESP << 4, 0 };

	return buf_append(out, packet, sizeof(packet));
}
