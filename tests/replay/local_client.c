/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/local_client.h"

#include "bridge/core.h"
#include "replay/dialogue.h"

#include <assert.h>
#include <string.h>

enum { BYTES_MAX = 1 << 20 };

/* First bytes of the packets (MQTT 3.1.1, 2.2). */
enum {
	CONNECT = 0x10,
	CONNACK = 0x20,
	PUBLISH = 0x30,
	PUBACK = 0x40,
	PUBREC = 0x50,
	PUBREL = 0x62,
	PUBCOMP = 0x70,
	SUBSCRIBE = 0x82,
	SUBACK = 0x90,
};

/* ---- packets to the core ---- */

static void put(struct local_client *c, const void *bytes, size_t len)
{
	int r = len > 0 ? buf_append(&c->up, bytes, len) : 0;

	assert(r == 0);
	(void)r;
}

static void put_u8(struct local_client *c, size_t value)
{
	uint8_t byte = (uint8_t)value;

	put(c, &byte, 1);
}

static void put_u16(struct local_client *c, size_t value)
{
	put_u8(c, value >> 8);
	put_u8(c, value & 0xff);
}

static void put_text(struct local_client *c, struct span text)
{
	put_u16(c, text.len);
	put(c, text.data, text.len);
}

static void put_head(struct local_client *c, unsigned first, size_t remaining)
{
	put_u8(c, first);
	do {
		put_u8(c, remaining % 128 | (remaining >= 128 ? 0x80 : 0));
		remaining /= 128;
	} while (remaining > 0);
}

static void put_connect(struct local_client *c, const char *id)
{
	put_head(c, CONNECT, 10 + 2 + strlen(id));
	put_text(c, span_text("MQTT"));
	put_u8(c, 4);
	put_u8(c, 2); /* a clean session, no will */
	put_u16(c, 0);
	put_text(c, span_text(id));
}

static void put_subscribe(struct local_client *c, const char *const *filters)
{
	size_t len = 2;

	for (const char *const *f = filters; *f; f++)
		len += 2 + strlen(*f) + 1;
	put_head(c, SUBSCRIBE, len);
	put_u16(c, ++c->last_packet_id);
	for (const char *const *f = filters; *f; f++) {
		put_text(c, span_text(*f));
		put_u8(c, 1);
	}
}

static void put_ack(struct local_client *c, unsigned type, uint16_t packet_id)
{
	put_head(c, type, 2);
	put_u16(c, packet_id);
}

void local_client_init(struct local_client *c, struct core *core, uint64_t now_ms, const char *id,
    const char *const *filters, struct buf *events)
{
	int r;

	*c = (struct local_client){ .events = events };
	buf_init(&c->up, BYTES_MAX);
	buf_init(&c->down, BYTES_MAX);
	r = core_client_new(core, now_ms, 0, &c->conn);
	assert(r == 0);
	(void)r;
	put_connect(c, id);
	if (filters)
		put_subscribe(c, filters);
}

void local_client_fini(struct local_client *c)
{
	buf_fini(&c->up);
	buf_fini(&c->down);
}

void local_client_publish(
    struct local_client *c, struct span topic, struct span payload, unsigned qos, bool retain)
{
	put_head(c, PUBLISH | qos << 1 | retain, 2 + topic.len + (qos > 0 ? 2 : 0) + payload.len);
	put_text(c, topic);
	if (qos > 0)
		put_u16(c, ++c->last_packet_id);
	put(c, payload.data, payload.len);
}

bool local_client_write(struct local_client *c, struct core *core, uint64_t now_ms)
{
	size_t len = buf_len(&c->up);

	if (len == 0)
		return false;
	core_client_rx(core, now_ms, c->conn, buf_data(&c->up), len);
	buf_consume(&c->up, len);
	return true;
}

/* ---- packets from the core ---- */

static void tell_message(struct local_client *c, unsigned qos, struct span topic, struct span body)
{
	int r = buf_printf(c->events, "message %u ", qos);

	dialogue_escape(topic, c->events);
	r += buf_printf(c->events, " %zu%s", body.len, body.len > 0 ? " " : "");
	dialogue_escape(body, c->events);
	r += buf_append_u8(c->events, '\n');
	assert(r == 0);
	(void)r;
}

static void tell_acknowledged(struct local_client *c, uint16_t packet_id)
{
	int r = buf_printf(c->events, "acknowledged %u\n", packet_id);

	assert(r == 0);
	(void)r;
}

static void on_publish(struct local_client *c, unsigned first, struct cursor *in)
{
	unsigned qos = first >> 1 & 3;
	struct span topic = cursor_span(in, cursor_u16(in));
	uint16_t packet_id = qos > 0 ? cursor_u16(in) : 0;

	if (qos > 0)
		put_ack(c, PUBACK, packet_id);
	tell_message(c, qos, topic, cursor_span(in, in->left));
}

static void on_packet(struct local_client *c, unsigned first, struct cursor *in)
{
	switch (first & 0xf0) {
	case CONNACK:
		c->is_refused = c->is_refused || cursor_u16(in) != 0;
		break;
	case PUBLISH:
		on_publish(c, first, in);
		break;
	case PUBREC:
		put_ack(c, PUBREL, cursor_u16(in));
		break;
	case PUBACK:
	case PUBCOMP:
		tell_acknowledged(c, cursor_u16(in));
		break;
	case SUBACK:
		break;
	default:
		c->is_refused = true;
	}
}

/* One whole packet; false: not there yet. */
static bool take_packet(struct local_client *c)
{
	const uint8_t *data = buf_data(&c->down);
	size_t len = buf_len(&c->down), remaining = 0, at = 1, shift = 0;
	struct cursor in;

	do {
		if (at >= len)
			return false;
		remaining |= (size_t)(data[at] & 0x7f) << shift;
		shift += 7;
	} while (data[at++] & 0x80);
	if (len - at < remaining)
		return false;
	cursor_init(&in, data + at, remaining);
	on_packet(c, data[0], &in);
	c->is_refused = c->is_refused || in.is_short;
	buf_consume(&c->down, at + remaining);
	return true;
}

void local_client_read(struct local_client *c, struct core *core, uint64_t now_ms)
{
	struct buf *out = core_client_out(core, c->conn);
	int r;

	if (!out)
		return;
	r = buf_len(out) > 0 ? buf_append(&c->down, buf_data(out), buf_len(out)) : 0;
	assert(r == 0);
	(void)r;
	buf_consume(out, buf_len(out));
	core_client_sent(core, now_ms, c->conn);
	while (take_packet(c))
		continue;
}
