/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/mqtt_codec.h"

#include "base/utf8.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define REMAINING_BYTES_MAX 4         /* (2.2.3) */
#define REMAINING_MAX       268435455 /* (2.2.3) */

/* Connect flags (3.1.2.3). */
#define CONNECT_RESERVED    0x01
#define CONNECT_CLEAN       0x02
#define CONNECT_WILL        0x04
#define CONNECT_WILL_QOS(f) ((uint8_t)(((f) >> 3) & 3))
#define CONNECT_WILL_RETAIN 0x20
#define CONNECT_PASSWORD    0x40
#define CONNECT_USER        0x80

/* PUBLISH flags (3.3.1). */
#define PUBLISH_RETAIN            0x01
#define PUBLISH_QOS(f)            ((uint8_t)(((f) >> 1) & 3))
#define PUBLISH_DUP               0x08

#define MQTT5_UNSUPPORTED_VERSION 0x84 /* MQTT 5.0, 3.2.2.2 */

enum mqtt_framing mqtt_frame_read(
    const uint8_t *data, size_t len, size_t max_len, struct mqtt_frame *ret)
{
	size_t remaining = 0, header = 1;
	uint8_t byte;

	do {
		if (header > REMAINING_BYTES_MAX)
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

static struct span read_binary(struct cursor *c)
{
	uint16_t len = cursor_u16(c);

	return cursor_span(c, len);
}

/* Text that is not what MQTT calls UTF-8 makes the cursor short: one check at the end for both
 * [MQTT-1.5.3-1, -2]. */
static struct span read_text(struct cursor *c)
{
	struct span s = read_binary(c);

	if (!utf8_is_mqtt_string(s.data, s.len))
		c->is_short = true;
	return s;
}

static bool span_is(struct span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}

static bool connect_flags_are_fine(uint8_t version, uint8_t flags)
{
	if (version == MQTT_VERSION_311 && (flags & CONNECT_RESERVED))
		return false; /* [MQTT-3.1.2-3] */
	if (CONNECT_WILL_QOS(flags) == 3)
		return false; /* [MQTT-3.1.2-14] */
	if (!(flags & CONNECT_WILL) && (CONNECT_WILL_QOS(flags) || (flags & CONNECT_WILL_RETAIN)))
		return false; /* [MQTT-3.1.2-13, -15] */
	if (!(flags & CONNECT_USER) && (flags & CONNECT_PASSWORD))
		return false; /* [MQTT-3.1.2-22] */
	return true;
}

static void read_connect_payload(struct cursor *c, struct mqtt_connect *p)
{
	p->client_id = read_text(c);
	if (p->has_will) {
		p->will_topic = read_text(c);
		p->will_payload = read_binary(c);
	}
	if (p->has_user)
		p->user = read_text(c);
	if (p->has_password)
		p->password = read_binary(c);
}

int mqtt_decode_connect(const struct mqtt_frame *f, struct mqtt_connect *ret)
{
	struct mqtt_connect p = { 0 };
	struct cursor c;
	struct span name;
	uint8_t flags;

	cursor_init(&c, f->body.data, f->body.len);
	name = read_text(&c);
	p.version = cursor_u8(&c);
	if (c.is_short || f->flags != 0)
		return -EBADMSG;
	if (!span_is(name, "MQTT") && !span_is(name, "MQIsdp"))
		return -EBADMSG; /* [MQTT-3.1.2-1] */
	p.is_supported = p.version == (span_is(name, "MQTT") ? MQTT_VERSION_311 : MQTT_VERSION_31);
	if (!p.is_supported) {
		*ret = p; /* [MQTT-3.1.2-2] */
		return 0;
	}
	flags = cursor_u8(&c);
	if (!connect_flags_are_fine(p.version, flags))
		return -EBADMSG;
	p.keepalive_s = cursor_u16(&c);
	p.clean_session = flags & CONNECT_CLEAN;
	p.has_will = flags & CONNECT_WILL;
	p.will_qos = CONNECT_WILL_QOS(flags);
	p.will_retain = flags & CONNECT_WILL_RETAIN;
	p.has_user = flags & CONNECT_USER;
	p.has_password = flags & CONNECT_PASSWORD;
	read_connect_payload(&c, &p);
	if (c.is_short || c.left > 0)
		return -EBADMSG;
	*ret = p;
	return 0;
}

int mqtt_decode_publish(
    enum mqtt_version version, const struct mqtt_frame *f, struct mqtt_publish *ret)
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
	p.topic = read_binary(&c);
	if (p.qos > 0) {
		p.packet_id = cursor_u16(&c);
		if (p.packet_id == 0)
			return -EBADMSG; /* [MQTT-2.3.1-1] */
	}
	p.payload = cursor_span(&c, c.left);
	if (c.is_short)
		return -EBADMSG;
	*ret = p;
	return 0;
}

bool mqtt_filters_next(struct mqtt_filters *list, struct span *ret_filter, uint8_t *ret_qos)
{
	if (list->rest.left == 0 || list->rest.is_short)
		return false;
	*ret_filter = read_text(&list->rest);
	*ret_qos = list->has_qos ? cursor_u8(&list->rest) : 0;
	return !list->rest.is_short;
}

int mqtt_decode_filters(
    enum mqtt_version version, const struct mqtt_frame *f, struct mqtt_filters *ret)
{
	struct mqtt_filters list = { .has_qos = f->type == MQTT_TYPE_SUBSCRIBE }, walk;
	struct span filter;
	size_t count = 0;
	uint8_t qos;

	if (!flags_are_fine(version, f))
		return -EBADMSG; /* [MQTT-3.8.1-1, 3.10.1-1] */
	cursor_init(&list.rest, f->body.data, f->body.len);
	list.packet_id = cursor_u16(&list.rest);
	if (list.packet_id == 0)
		return -EBADMSG; /* [MQTT-2.3.1-1] */
	walk = list;
	for (; mqtt_filters_next(&walk, &filter, &qos); count++) {
		if (qos > 2)
			return -EBADMSG; /* [MQTT-3.8.3-4] */
	}
	if (walk.rest.is_short || count == 0)
		return -EBADMSG; /* [MQTT-3.8.3-3, 3.10.3-2] */
	*ret = list;
	return 0;
}

int mqtt_decode_ack(enum mqtt_version version, const struct mqtt_frame *f, uint16_t *ret_packet_id)
{
	struct cursor c;
	uint16_t packet_id;

	if (!flags_are_fine(version, f) || f->body.len != 2)
		return -EBADMSG;
	cursor_init(&c, f->body.data, f->body.len);
	packet_id = cursor_u16(&c);
	if (packet_id == 0)
		return -EBADMSG; /* [MQTT-2.3.1-1] */
	*ret_packet_id = packet_id;
	return 0;
}

int mqtt_decode_empty(enum mqtt_version version, const struct mqtt_frame *f)
{
	return flags_are_fine(version, f) && f->body.len == 0 ? 0 : -EBADMSG;
}

/* Fixed header; returns its length. */
static size_t put_header(
    uint8_t header[1 + REMAINING_BYTES_MAX], enum mqtt_type type, uint8_t flags, size_t remaining)
{
	size_t n = 0;

	assert(remaining <= REMAINING_MAX);
	header[n++] = (uint8_t)(type << 4 | flags);
	do {
		header[n] = remaining & 0x7f;
		remaining >>= 7;
		if (remaining > 0)
			header[n] |= 0x80;
		n++;
	} while (remaining > 0);
	return n;
}

int mqtt_encode_connack(
    struct buf *out, uint8_t version, bool session_present, enum mqtt_connack code)
{
	const uint8_t mqtt5_refusal[] = { MQTT_TYPE_CONNACK << 4, 3, 0, MQTT5_UNSUPPORTED_VERSION,
		0 };
	/* MQTT 3.1 has no session present flag: the byte is reserved. */
	const uint8_t packet[] = { MQTT_TYPE_CONNACK << 4, 2,
		session_present && version == MQTT_VERSION_311, (uint8_t)code };

	if (version == MQTT_VERSION_5 && code == MQTT_CONNACK_BAD_VERSION)
		return buf_append(out, mqtt5_refusal, sizeof(mqtt5_refusal));
	return buf_append(out, packet, sizeof(packet));
}

static size_t publish_remaining(size_t topic_len, size_t payload_len, uint8_t qos)
{
	return 2 + topic_len + (qos > 0 ? 2 : 0) + payload_len;
}

size_t mqtt_publish_len(
    enum mqtt_version version, size_t topic_len, size_t payload_len, uint8_t qos)
{
	size_t remaining = publish_remaining(topic_len, payload_len, qos);
	uint8_t header[1 + REMAINING_BYTES_MAX];

	(void)version;
	return put_header(header, MQTT_TYPE_PUBLISH, 0, remaining) + remaining;
}

int mqtt_encode_publish(struct buf *out, enum mqtt_version version, const struct mqtt_publish *p)
{
	uint8_t flags =
	    (uint8_t)(p->qos << 1 | (p->dup ? PUBLISH_DUP : 0) | (p->retain ? PUBLISH_RETAIN : 0));
	size_t remaining = publish_remaining(p->topic.len, p->payload.len, p->qos);
	uint8_t header[1 + REMAINING_BYTES_MAX + 2];
	size_t n = put_header(header, MQTT_TYPE_PUBLISH, flags, remaining);
	int r = buf_reserve(out, n + remaining);

	(void)version;
	if (r < 0)
		return r;
	header[n++] = (uint8_t)(p->topic.len >> 8);
	header[n++] = (uint8_t)p->topic.len;
	/* None of these can fail: the room is there. */
	(void)buf_append(out, header, n);
	(void)buf_append(out, p->topic.data, p->topic.len);
	if (p->qos > 0)
		(void)buf_append_u16(out, p->packet_id);
	(void)buf_append(out, p->payload.data, p->payload.len);
	return 0;
}

int mqtt_encode_ack(
    struct buf *out, enum mqtt_version version, enum mqtt_type type, uint16_t packet_id)
{
	const uint8_t packet[] = { (uint8_t)(type << 4 | (type == MQTT_TYPE_PUBREL ? 2 : 0)), 2,
		(uint8_t)(packet_id >> 8), (uint8_t)packet_id };

	(void)version;
	return buf_append(out, packet, sizeof(packet));
}

int mqtt_encode_suback(struct buf *out, enum mqtt_version version, uint16_t packet_id,
    const uint8_t *codes, size_t known, size_t count)
{
	uint8_t header[1 + REMAINING_BYTES_MAX];
	size_t n = put_header(header, MQTT_TYPE_SUBACK, 0, 2 + count);
	int r = buf_reserve(out, n + 2 + count);

	(void)version;
	assert(known <= count);
	if (r < 0)
		return r;
	(void)buf_append(out, header, n);
	(void)buf_append_u16(out, packet_id);
	(void)buf_append(out, codes, known);
	for (size_t i = known; i < count; i++)
		(void)buf_append_u8(out, MQTT_SUBACK_FAILURE);
	return 0;
}

int mqtt_encode_pingresp(struct buf *out)
{
	const uint8_t packet[] = { MQTT_TYPE_PINGRESP << 4, 0 };

	return buf_append(out, packet, sizeof(packet));
}
