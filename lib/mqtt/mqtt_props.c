/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/mqtt_props.h"

#include "mqtt/mqtt_field.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum kind {
	KIND_NONE, /* no such property, or one that only a server sends */
	KIND_FLAG, /* a byte, 0 or 1 */
	KIND_U16,
	KIND_U32,
	KIND_VARINT,
	KIND_TEXT,
	KIND_BINARY,
	KIND_PAIR,
};

#define IN(place) (1U << MQTT_PLACE_##place)
#define EVERYWHERE                                                                          \
	(IN(CONNECT) | IN(WILL) | IN(PUBLISH) | IN(ACK) | IN(SUBSCRIBE) | IN(UNSUBSCRIBE) | \
	    IN(DISCONNECT))
#define MESSAGE     (IN(PUBLISH) | IN(WILL))
#define SUB_ID      (IN(PUBLISH) | IN(SUBSCRIBE))
#define EXPIRY      (IN(CONNECT) | IN(DISCONNECT))
#define REASON      (IN(ACK) | IN(DISCONNECT))
#define FIELD(name) offsetof(struct mqtt_props, name)
#define NO_FIELD    UINT8_MAX

#define IDS         64

/* Flags of a row. */
#define PASSED_ON 1U
#define NEVER_0   2U

/* Table 2-4, without what only a server sends. */
static const struct row {
	uint8_t kind; /* enum kind */
	uint8_t places;
	uint8_t flags;
	uint8_t field; /* where the value goes */
} rows[IDS] = {
	[MQTT_PROP_PAYLOAD_FORMAT] = { KIND_FLAG, MESSAGE, PASSED_ON, FIELD(payload_format) },
	[MQTT_PROP_MESSAGE_EXPIRY] = { KIND_U32, MESSAGE, 0, FIELD(message_expiry_s) },
	[MQTT_PROP_CONTENT_TYPE] = { KIND_TEXT, MESSAGE, PASSED_ON, NO_FIELD },
	[MQTT_PROP_RESPONSE_TOPIC] = { KIND_TEXT, MESSAGE, PASSED_ON, FIELD(response_topic) },
	[MQTT_PROP_CORRELATION_DATA] = { KIND_BINARY, MESSAGE, PASSED_ON, NO_FIELD },
	[MQTT_PROP_SUBSCRIPTION_ID] = { KIND_VARINT, SUB_ID, NEVER_0, FIELD(subscription_id) },
	[MQTT_PROP_SESSION_EXPIRY] = { KIND_U32, EXPIRY, 0, FIELD(session_expiry_s) },
	[MQTT_PROP_AUTH_METHOD] = { KIND_TEXT, IN(CONNECT), 0, NO_FIELD },
	[MQTT_PROP_AUTH_DATA] = { KIND_BINARY, IN(CONNECT), 0, NO_FIELD },
	[MQTT_PROP_REQUEST_PROBLEM] = { KIND_FLAG, IN(CONNECT), 0, FIELD(request_problem) },
	[MQTT_PROP_WILL_DELAY] = { KIND_U32, IN(WILL), 0, FIELD(will_delay_s) },
	[MQTT_PROP_REQUEST_RESPONSE] = { KIND_FLAG, IN(CONNECT), 0, NO_FIELD },
	[MQTT_PROP_REASON_STRING] = { KIND_TEXT, REASON, 0, NO_FIELD },
	[MQTT_PROP_RECEIVE_MAX] = { KIND_U16, IN(CONNECT), NEVER_0, FIELD(receive_max) },
	[MQTT_PROP_TOPIC_ALIAS_MAX] = { KIND_U16, IN(CONNECT), 0, NO_FIELD },
	[MQTT_PROP_TOPIC_ALIAS] = { KIND_U16, IN(PUBLISH), 0, FIELD(topic_alias) },
	[MQTT_PROP_USER_PROPERTY] = { KIND_PAIR, EVERYWHERE, PASSED_ON, NO_FIELD },
	[MQTT_PROP_PACKET_MAX] = { KIND_U32, IN(CONNECT), NEVER_0, FIELD(packet_max) },
};

_Static_assert(sizeof(struct mqtt_props) < NO_FIELD, "a field that no row can name");

static uint32_t read_varint(struct cursor *c)
{
	uint32_t value = 0;
	uint8_t byte;

	for (unsigned i = 0; i < MQTT_VARINT_MAX; i++) {
		byte = cursor_u8(c);
		value |= (uint32_t)(byte & 0x7f) << (7 * i);
		if (byte & 0x80)
			continue;
		if (i > 0 && byte == 0)
			c->is_short = true; /* [MQTT-1.5.5-1] */
		return value;
	}
	c->is_short = true;
	return 0;
}

/* One property of whatever packet: its identifier, its value, and its bytes as a whole. What is
 * wrong in it makes the cursor short. */
static uint8_t read_one(
    struct cursor *c, uint32_t *ret_number, struct span *ret_text, struct span *ret_whole)
{
	const uint8_t *start = c->pos;
	uint32_t id = read_varint(c);
	enum kind kind = id < IDS ? rows[id].kind : KIND_NONE;

	switch (kind) {
	case KIND_NONE:
		c->is_short = true;
		return 0;
	case KIND_FLAG:
		*ret_number = cursor_u8(c);
		break;
	case KIND_U16:
		*ret_number = cursor_u16(c);
		break;
	case KIND_U32:
		*ret_number = cursor_u32(c);
		break;
	case KIND_VARINT:
		*ret_number = read_varint(c);
		break;
	case KIND_TEXT:
		*ret_text = mqtt_field_text(c);
		break;
	case KIND_BINARY:
		mqtt_field_binary(c);
		break;
	case KIND_PAIR:
		mqtt_field_text(c);
		mqtt_field_text(c);
		break;
	}
	*ret_whole = (struct span){ start, (size_t)(c->pos - start) };
	return (uint8_t)id;
}

static void set_field(
    struct mqtt_props *p, const struct row *row, uint32_t number, struct span text)
{
	char *field;

	if (row->field == NO_FIELD)
		return;
	field = (char *)p + row->field;
	if (row->kind == KIND_TEXT)
		memcpy(field, &text, sizeof(text));
	else
		memcpy(field, &number, sizeof(number));
}

int mqtt_props_read(struct cursor *c, enum mqtt_place place, struct mqtt_props *ret)
{
	struct mqtt_props p = { 0 };
	struct cursor in;

	p.all = cursor_span(c, read_varint(c));
	if (c->is_short)
		return -EBADMSG;
	cursor_init(&in, p.all.data, p.all.len);
	while (in.left > 0) {
		uint32_t number = 0;
		struct span text = { 0 }, whole;
		uint8_t id = read_one(&in, &number, &text, &whole);
		const struct row *row = &rows[id];

		if (in.is_short || !(row->places & 1U << place))
			return -EBADMSG;
		if (p.present >> id & 1 && row->kind != KIND_PAIR)
			return -EPROTO; /* (2.2.2.2) */
		if ((row->kind == KIND_FLAG && number > 1) || (row->flags & NEVER_0 && number == 0))
			return -EPROTO;
		p.present |= UINT64_C(1) << id;
		set_field(&p, row, number, text);
	}
	*ret = p;
	return 0;
}

int mqtt_props_pick(const struct mqtt_props *p, uint8_t out[MQTT_PROPERTIES_MAX], size_t *ret_len)
{
	struct cursor c;
	size_t len = 0;

	cursor_init(&c, p->all.data, p->all.len);
	while (c.left > 0) {
		uint32_t number = 0;
		struct span text = { 0 }, whole;
		uint8_t id = read_one(&c, &number, &text, &whole);

		assert(!c.is_short);
		if (!(rows[id].flags & PASSED_ON))
			continue;
		if (whole.len > MQTT_PROPERTIES_MAX - len)
			return -ENOBUFS;
		memcpy(out + len, whole.data, whole.len);
		len += whole.len;
	}
	*ret_len = len;
	return 0;
}

size_t mqtt_varint_put(uint8_t at[MQTT_VARINT_MAX], size_t value)
{
	size_t n = 0;

	assert(value <= MQTT_VARINT_VALUE);
	do {
		at[n] = value & 0x7f;
		value >>= 7;
		if (value > 0)
			at[n] |= 0x80;
		n++;
	} while (value > 0);
	return n;
}

size_t mqtt_prop_put(uint8_t at[MQTT_PROP_NUMBER_MAX], enum mqtt_prop id, uint32_t value)
{
	enum kind kind = rows[id].kind;
	size_t n = 0;

	at[n++] = (uint8_t)id;
	switch (kind) {
	case KIND_VARINT:
		return n + mqtt_varint_put(at + n, value);
	case KIND_U32:
		at[n++] = (uint8_t)(value >> 24);
		at[n++] = (uint8_t)(value >> 16);
		/* fall through */
	case KIND_U16:
		at[n++] = (uint8_t)(value >> 8);
		/* fall through */
	case KIND_NONE: /* those that only a server sends are bytes */
	case KIND_FLAG:
		at[n++] = (uint8_t)value;
		break;
	case KIND_TEXT:
	case KIND_BINARY:
	case KIND_PAIR:
		assert(false);
	}
	return n;
}

size_t mqtt_prop_put_text(uint8_t *at, enum mqtt_prop id, struct span text)
{
	assert(text.len <= UINT16_MAX);
	at[0] = (uint8_t)id;
	at[1] = (uint8_t)(text.len >> 8);
	at[2] = (uint8_t)text.len;
	if (text.len > 0)
		memcpy(at + 3, text.data, text.len);
	return 3 + text.len;
}

struct span mqtt_props_split_ids(struct span all, struct span *ret_rest)
{
	struct cursor c;
	size_t len = 0;

	cursor_init(&c, all.data, all.len);
	while (c.left > 0 && *c.pos == MQTT_PROP_SUBSCRIPTION_ID) {
		cursor_u8(&c);
		read_varint(&c);
		if (c.is_short)
			break;
		len = all.len - c.left;
	}
	*ret_rest = (struct span){ all.len > len ? all.data + len : NULL, all.len - len };
	return (struct span){ all.data, len };
}
