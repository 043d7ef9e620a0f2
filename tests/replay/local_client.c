/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/local_client.h"

#include "bridge/core.h"
#include "packet.h"
#include "replay/dialogue.h"

#include <assert.h>
#include <string.h>

enum { BYTES_MAX = 1 << 20 };

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
	packet_put_connect(&c->up, id, PACKET_CLEAN_SESSION, 0);
	if (filters)
		packet_put_subscribe(&c->up, ++c->last_packet_id, filters, 1);
}

void local_client_fini(struct local_client *c)
{
	buf_fini(&c->up);
	buf_fini(&c->down);
}

void local_client_publish(
    struct local_client *c, struct span topic, struct span payload, unsigned qos, bool retain)
{
	unsigned flags = qos << 1 | (retain ? PACKET_RETAIN : 0);

	packet_put_publish(&c->up, flags, topic, qos > 0 ? ++c->last_packet_id : 0, payload);
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
		packet_put_ack(&c->up, PACKET_PUBACK, packet_id);
	tell_message(c, qos, topic, cursor_span(in, in->left));
}

static void on_packet(struct local_client *c, unsigned first, struct cursor *in)
{
	switch (first & 0xf0) {
	case PACKET_CONNACK:
		c->is_refused = c->is_refused || cursor_u16(in) != 0;
		break;
	case PACKET_PUBLISH:
		on_publish(c, first, in);
		break;
	case PACKET_PUBREC:
		packet_put_ack(&c->up, PACKET_PUBREL, cursor_u16(in));
		break;
	case PACKET_PUBACK:
	case PACKET_PUBCOMP:
		tell_acknowledged(c, cursor_u16(in));
		break;
	case PACKET_SUBACK:
		break;
	default:
		c->is_refused = true;
	}
}

/* One whole packet; false: not there yet. */
static bool take_packet(struct local_client *c)
{
	struct packet packet;
	struct cursor in;

	if (!packet_peek(&c->down, &packet))
		return false;
	cursor_init(&in, packet.body.data, packet.body.len);
	on_packet(c, packet.first, &in);
	c->is_refused = c->is_refused || in.is_short;
	buf_consume(&c->down, packet.size);
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
