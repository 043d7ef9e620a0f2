/* SPDX-License-Identifier: Apache-2.0 */
#include "packet.h"

#include <stdlib.h>

static void must(int result)
{
	if (result < 0)
		abort();
}

void packet_put_head(struct buf *out, unsigned first, size_t remaining)
{
	must(buf_append_u8(out, (uint8_t)first));
	do {
		must(
		    buf_append_u8(out, (uint8_t)(remaining % 128 | (remaining >= 128 ? 0x80 : 0))));
		remaining /= 128;
	} while (remaining > 0);
}

void packet_put_text(struct buf *out, struct span text)
{
	must(buf_append_u16(out, (uint16_t)text.len));
	must(buf_append(out, text.data, text.len));
}

void packet_put_connect(struct buf *out, const char *id, unsigned flags, size_t will_len)
{
	packet_put_head(out, PACKET_CONNECT, 10 + 2 + strlen(id) + will_len);
	packet_put_text(out, span_text("MQTT"));
	must(buf_append_u8(out, 4));
	must(buf_append_u8(out, (uint8_t)flags));
	must(buf_append_u16(out, 0));
	packet_put_text(out, span_text(id));
}

void packet_put_subscribe(
    struct buf *out, uint16_t packet_id, const char *const *filters, unsigned qos)
{
	size_t len = 2;

	for (const char *const *f = filters; *f; f++)
		len += 2 + strlen(*f) + 1;
	packet_put_head(out, PACKET_SUBSCRIBE, len);
	must(buf_append_u16(out, packet_id));
	for (const char *const *f = filters; *f; f++) {
		packet_put_text(out, span_text(*f));
		must(buf_append_u8(out, (uint8_t)qos));
	}
}

void packet_put_publish(
    struct buf *out, unsigned flags, struct span topic, uint16_t packet_id, struct span payload)
{
	bool has_id = (flags & 6) != 0;

	packet_put_head(
	    out, PACKET_PUBLISH | flags, 2 + topic.len + (has_id ? 2 : 0) + payload.len);
	packet_put_text(out, topic);
	if (has_id)
		must(buf_append_u16(out, packet_id));
	must(buf_append(out, payload.data, payload.len));
}

void packet_put_ack(struct buf *out, unsigned first, uint16_t packet_id)
{
	packet_put_head(out, first, 2);
	must(buf_append_u16(out, packet_id));
}

bool packet_peek(const struct buf *in, struct packet *ret)
{
	const uint8_t *data = buf_data(in);
	size_t len = buf_len(in), remaining = 0, at = 1, shift = 0;

	do {
		if (at >= len)
			return false;
		remaining |= (size_t)(data[at] & 0x7f) << shift;
		shift += 7;
	} while (data[at++] & 0x80);
	if (len - at < remaining)
		return false;
	*ret = (struct packet){
		.first = data[0], .body = { data + at, remaining }, .size = at + remaining
	};
	return true;
}
