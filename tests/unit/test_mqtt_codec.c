/* SPDX-License-Identifier: Apache-2.0 */
/* MQTT packets: framing, decoders, encoders, every truncated length. */
#include "base/limits.h"
#include "mqtt/mqtt_codec.h"
#include "mqtt_notation.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint8_t packet[NOTATION_MAX];

/* A copy of its own size, so that the sanitizer sees every byte read beyond it. */
static uint8_t *exact_copy(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, data, len);
	return copy;
}

static const struct {
	const char *name;
	const char *bytes;
	enum mqtt_framing framing;
	size_t body_len;
} frame_rows[] = {
	{ "nothing", "", MQTT_FRAMING_MORE, 0 },
	{ "type alone", "c0", MQTT_FRAMING_MORE, 0 },
	{ "PINGREQ", "c000", MQTT_FRAMING_DONE, 0 },
	{ "more behind it", "c000 c000", MQTT_FRAMING_DONE, 0 },
	{ "body incomplete", "3005 0001", MQTT_FRAMING_MORE, 0 },
	{ "one byte, largest", "30 { 'x'*127 }", MQTT_FRAMING_DONE, 127 },
	{ "two bytes, smallest", "30 { 'x'*128 }", MQTT_FRAMING_DONE, 128 },
	{ "two bytes, largest", "30 { 'x'*16383 }", MQTT_FRAMING_DONE, 16383 },
	{ "three bytes, smallest", "30 { 'x'*16384 }", MQTT_FRAMING_DONE, 16384 },
	{ "length incomplete", "30 80", MQTT_FRAMING_MORE, 0 },
	{ "length incomplete, three", "30 808080", MQTT_FRAMING_MORE, 0 },
	{ "longer than needed", "30 808000", MQTT_FRAMING_DONE, 0 },
	{ "five bytes of length (2.2.3)", "30 8080808001", MQTT_FRAMING_MALFORMED, 0 },
	{ "fifth not even there", "30 80808080", MQTT_FRAMING_MALFORMED, 0 },
	{ "largest there is, body not there", "30 ffffff7f", MQTT_FRAMING_TOO_LARGE, 0 },
	{ "largest allowed", "30 { 'x'*262140 }", MQTT_FRAMING_DONE, 262140 },
	{ "one more", "30 fdff0f", MQTT_FRAMING_TOO_LARGE, 0 },
};

static void test_frame(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(frame_rows); i++) {
		size_t len = notation_read(frame_rows[i].bytes, packet);
		uint8_t *data = exact_copy(packet, len);
		struct mqtt_frame f = { .len = 77 };

		print_message("%s\n", frame_rows[i].name);
		assert_int_equal(
		    mqtt_frame_read(data, len, MQTT_PACKET_MAX, &f), frame_rows[i].framing);
		if (frame_rows[i].framing == MQTT_FRAMING_DONE) {
			assert_int_equal(f.body.len, frame_rows[i].body_len);
			assert_int_equal(f.type, packet[0] >> 4);
			assert_int_equal(f.flags, packet[0] & 15);
			assert_int_equal(f.body.data + f.body.len - data, f.len);
		} else {
			assert_int_equal(f.len, 77);
		}
		free(data);
	}
}

/* What a decoder made of it, as text. */
static char shown[4096];

__attribute__((format(printf, 1, 2))) static void show_more(const char *format, ...)
{
	size_t len = strlen(shown);
	va_list ap;

	va_start(ap, format);
	vsnprintf(shown + len, sizeof(shown) - len, format, ap);
	va_end(ap);
}

static const char *show_span(struct span s)
{
	static char text[8][64];
	static unsigned next;
	char *t = text[next++ % 8];

	if (s.len > 40)
		snprintf(t, 64, "%zu bytes", s.len);
	else
		snprintf(t, 64, "%.*s", (int)s.len, s.data ? (const char *)s.data : "");
	return t;
}

/* Properties as the reader understood them, and what would be passed on. */
static void show_props(const char *name, const struct mqtt_props *p)
{
	uint8_t picked[MQTT_PROPERTIES_MAX];
	size_t len;

	show_more(" %s:", name);
	for (unsigned id = 0; id < 64; id++) {
		if (p->present >> id & 1)
			show_more(" %u", id);
	}
	if (p->message_expiry_s)
		show_more(" expiry %u", p->message_expiry_s);
	if (p->will_delay_s)
		show_more(" delay %u", p->will_delay_s);
	if (p->packet_max)
		show_more(" packet %u", p->packet_max);
	if (p->receive_max)
		show_more(" receive %u", p->receive_max);
	if (p->topic_alias)
		show_more(" alias %u", p->topic_alias);
	if (p->response_topic.len)
		show_more(" response <%s>", show_span(p->response_topic));
	assert_int_equal(mqtt_props_pick(p, picked, &len), 0);
	if (len > 0)
		show_more(" pass on");
	for (size_t i = 0; i < len; i++)
		show_more(" %02x", picked[i]);
}

static int show_connect(const struct mqtt_frame *f)
{
	struct mqtt_connect p;
	uint8_t version;
	int r = mqtt_decode_connect(f, &p, &version);

	if (r < 0)
		return r;
	if (!p.is_supported) {
		show_more("level %u", p.version);
		return 0;
	}
	show_more("level %u clean %d keepalive %u id <%s>", p.version, p.clean_start, p.keepalive_s,
	    show_span(p.client_id));
	if (p.version == MQTT_VERSION_5)
		show_more(" expiry %u", p.session_expiry_s);
	else
		assert_int_equal(p.session_expiry_s, p.clean_start ? 0 : MQTT_EXPIRY_NEVER);
	if (p.has_will)
		show_more(" will <%s> <%s> qos %u retain %d", show_span(p.will_topic),
		    show_span(p.will_payload), p.will_qos, p.will_retain);
	if (p.has_user)
		show_more(" user <%s>", show_span(p.user));
	if (p.has_password)
		show_more(" password <%s>", show_span(p.password));
	if (p.props.present)
		show_props("props", &p.props);
	if (p.will_props.present)
		show_props("will", &p.will_props);
	return 0;
}

static int show_publish(enum mqtt_version version, const struct mqtt_frame *f)
{
	struct mqtt_props props = { 0 };
	struct mqtt_publish p;
	int r = mqtt_decode_publish(version, f, &p, &props);

	if (r < 0)
		return r;
	show_more("qos %u dup %d retain %d id %u <%s> <%s>", p.qos, p.dup, p.retain, p.packet_id,
	    show_span(p.topic), show_span(p.payload));
	if (props.present)
		show_props("props", &props);
	return 0;
}

static int show_filters(enum mqtt_version version, const struct mqtt_frame *f)
{
	struct mqtt_filters list;
	struct mqtt_filter one;
	int r = mqtt_decode_filters(version, f, &list);

	if (r < 0)
		return r;
	show_more("id %u", list.packet_id);
	if (list.subscription_id)
		show_more(" subscription %u", list.subscription_id);
	while (mqtt_filters_next(&list, &one)) {
		show_more(" <%s> %u", show_span(one.filter), one.qos);
		if (one.no_local)
			show_more(" no local");
		if (one.retain_as_published)
			show_more(" as published");
		if (one.retain_handling)
			show_more(" handling %u", one.retain_handling);
	}
	return 0;
}

static int show_ack(enum mqtt_version version, const struct mqtt_frame *f)
{
	struct mqtt_ack p;
	int r = mqtt_decode_ack(version, f, &p);

	if (r < 0)
		return r;
	show_more("id %u", p.packet_id);
	if (p.reason)
		show_more(" reason %02x", p.reason);
	return 0;
}

static int show_disconnect(enum mqtt_version version, const struct mqtt_frame *f)
{
	struct mqtt_disconnect p;
	int r = mqtt_decode_disconnect(version, f, &p);

	if (r < 0)
		return r;
	if (p.reason)
		show_more("reason %02x", p.reason);
	if (p.has_expiry)
		show_more("expiry %u", p.session_expiry_s);
	return 0;
}

static int show(enum mqtt_version version, const struct mqtt_frame *f)
{
	shown[0] = '\0';
	switch (f->type) {
	case MQTT_TYPE_CONNECT:
		return show_connect(f);
	case MQTT_TYPE_PUBLISH:
		return show_publish(version, f);
	case MQTT_TYPE_SUBSCRIBE:
	case MQTT_TYPE_UNSUBSCRIBE:
		return show_filters(version, f);
	case MQTT_TYPE_PINGREQ:
		return mqtt_decode_pingreq(version, f);
	case MQTT_TYPE_DISCONNECT:
		return show_disconnect(version, f);
	default:
		return show_ack(version, f);
	}
}

#define BAD NULL

static const struct {
	const char *name;
	const char *bytes;
	const char *expect; /* BAD: -EBADMSG */
} decode_rows[] = {
	{ "CONNECT, plain", "10 { s'MQTT' 04 02 003c s'c1' }",
	    "level 4 clean 1 keepalive 60 id <c1>" },
	{ "all fields", "10 { s'MQTT' 04 f6 ffff s'c' s'w/t' s'gone' s'u' s'p' }",
	    "level 4 clean 1 keepalive 65535 id <c> will <w/t> <gone> qos 2 retain 1 user <u> "
	    "password <p>" },
	{ "empty id, will payload and password", "10 { s'MQTT' 04 c4 0000 s'' s'w' s'' s'' s'' }",
	    "level 4 clean 0 keepalive 0 id <> will <w> <> qos 0 retain 0 user <> password <>" },
	{ "MQTT 3.1", "10 { s'MQIsdp' 03 02 0000 s'c' }", "level 3 clean 1 keepalive 0 id <c>" },
	{ "MQTT 3.1, reserved flag means nothing", "10 { s'MQIsdp' 03 03 0000 s'c' }",
	    "level 3 clean 1 keepalive 0 id <c>" },
	{ "level 0", "10 { s'MQTT' 00 02 0000 s'c' }", "level 0" },
	{ "level 3 under the new name", "10 { s'MQTT' 03 02 0000 s'c' }", "level 3" },
	{ "a bridge's level", "10 { s'MQTT' 84 02 0000 s'c' }", "level 132" },
	{ "wrong name [MQTT-3.1.2-1]", "10 { s'MQTX' 04 02 0000 s'c' }", BAD },
	{ "name in small letters", "10 { s'mqtt' 04 02 0000 s'c' }", BAD },
	{ "flags of the header [MQTT-2.2.2-2]", "11 { s'MQTT' 04 02 0000 s'c' }", BAD },
	{ "reserved flag [MQTT-3.1.2-3]", "10 { s'MQTT' 04 03 0000 s'c' }", BAD },
	{ "will QoS without will [MQTT-3.1.2-13]", "10 { s'MQTT' 04 0a 0000 s'c' }", BAD },
	{ "will QoS 3 [MQTT-3.1.2-14]", "10 { s'MQTT' 04 1e 0000 s'c' s'w' s'x' }", BAD },
	{ "will retain without will [MQTT-3.1.2-15]", "10 { s'MQTT' 04 22 0000 s'c' }", BAD },
	{ "password without user [MQTT-3.1.2-22]", "10 { s'MQTT' 04 42 0000 s'c' s'p' }", BAD },
	{ "id not UTF-8 [MQTT-3.1.3-4]", "10 { s'MQTT' 04 02 0000 0001 ff }", BAD },
	{ "id with NUL [MQTT-1.5.3-2]", "10 { s'MQTT' 04 02 0000 0001 00 }", BAD },
	{ "user not UTF-8 [MQTT-3.1.3-11]", "10 { s'MQTT' 04 82 0000 s'c' 0001 80 }", BAD },
	{ "password any bytes", "10 { s'MQTT' 04 c2 0000 s'c' s'u' 0002 ff00 }",
	    "level 4 clean 1 keepalive 0 id <c> user <u> password <\xff>" },
	{ "will topic not UTF-8 [MQTT-3.1.3-10]", "10 { s'MQTT' 04 06 0000 s'c' 0001 c0 s'' }",
	    BAD },
	{ "something behind", "10 { s'MQTT' 04 02 0000 s'c' 00 }", BAD },

	{ "PUBLISH, QoS 0", "30 { s'a/b' 'hello' }", "qos 0 dup 0 retain 0 id 0 <a/b> <hello>" },
	{ "QoS 1", "32 { s'a' 1234 'x' }", "qos 1 dup 0 retain 0 id 4660 <a> <x>" },
	{ "QoS 2, dup, retain", "3d { s'a' ffff }", "qos 2 dup 1 retain 1 id 65535 <a> <>" },
	{ "QoS 3 [MQTT-3.3.1-4]", "36 { s'a' 0001 }", BAD },
	{ "dup at QoS 0 [MQTT-3.3.1-2]", "38 { s'a' }", BAD },
	{ "packet identifier 0 [MQTT-2.3.1-1]", "32 { s'a' 0000 'x' }", BAD },
	{ "no packet identifier", "32 { s'a' }", BAD },
	{ "topic longer than the packet", "30 { 0009 'short' }", BAD },

	{ "PUBACK", "40 { 0001 }", "id 1" },
	{ "PUBREC", "50 { ffff }", "id 65535" },
	{ "PUBREL", "62 { 0100 }", "id 256" },
	{ "PUBCOMP", "70 { 0001 }", "id 1" },
	{ "PUBACK with flags", "42 { 0001 }", BAD },
	{ "PUBREL without flags [MQTT-3.6.1-1]", "60 { 0001 }", BAD },
	{ "PUBACK, identifier 0", "40 { 0000 }", BAD },
	{ "PUBACK, three bytes", "40 { 0001 00 }", BAD },
	{ "PUBACK, one byte", "40 { 01 }", BAD },

	{ "SUBSCRIBE", "82 { 0007 s'a/#' 01 s'+' 02 s'x' 00 }", "id 7 <a/#> 1 <+> 2 <x> 0" },
	{ "flags [MQTT-3.8.1-1]", "80 { 0007 s'a' 01 }", BAD },
	{ "no filter [MQTT-3.8.3-3]", "82 { 0007 }", BAD },
	{ "QoS 3 [MQTT-3.8.3-4]", "82 { 0007 s'a' 03 }", BAD },
	{ "reserved bits of the QoS [MQTT-3.8.3-4]", "82 { 0007 s'a' 80 }", BAD },
	{ "last one bad", "82 { 0007 s'a' 00 s'b' }", BAD },
	{ "filter not UTF-8 [MQTT-3.8.3-1]", "82 { 0007 0001 ff 00 }", BAD },
	{ "identifier 0", "82 { 0000 s'a' 00 }", BAD },

	{ "UNSUBSCRIBE", "a2 { 0102 s'a' s'b/+' }", "id 258 <a> 0 <b/+> 0" },
	{ "flags [MQTT-3.10.1-1]", "a0 { 0102 s'a' }", BAD },
	{ "no filter [MQTT-3.10.3-2]", "a2 { 0102 }", BAD },

	{ "PINGREQ", "c0 {}", "" },
	{ "PINGREQ with body", "c0 { 00 }", BAD },
	{ "PINGREQ with flags", "c1 {}", BAD },
	{ "DISCONNECT", "e0 {}", "" },
	{ "DISCONNECT with flags [MQTT-3.14.1-1]", "e1 {}", BAD },
	{ "DISCONNECT with body", "e0 { 00 }", BAD },
};

static struct mqtt_frame frame_of(const uint8_t *data, size_t len)
{
	struct mqtt_frame f;

	assert_int_equal(mqtt_frame_read(data, len, MQTT_PACKET_MAX, &f), MQTT_FRAMING_DONE);
	assert_int_equal(f.len, len);
	return f;
}

static void test_decode(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(decode_rows); i++) {
		size_t len = notation_read(decode_rows[i].bytes, packet);
		uint8_t *data = exact_copy(packet, len);
		struct mqtt_frame f = frame_of(data, len);
		int r = show(MQTT_VERSION_311, &f);

		print_message("%s\n", decode_rows[i].name);
		if (decode_rows[i].expect == BAD) {
			assert_int_equal(r, -EBADMSG);
		} else {
			assert_int_equal(r, 0);
			assert_string_equal(shown, decode_rows[i].expect);
		}
		free(data);
	}
}

static const struct {
	const char *name;
	const char *bytes;
	int r;
	const char *expect;
} rows_5[] = {
	{ "CONNECT, plain", "10 { s'MQTT' 05 02 003c 00 s'c1' }", 0,
	    "level 5 clean 1 keepalive 60 id <c1> expiry 0" },
	{ "CONNECT, all fields",
	    "10 { s'MQTT' 05 f6 ffff 19 11 ffffffff 21 000a 27 00001000 22 0003 19 01 17 00 26 s'' "
	    "s'' "
	    "s'c' 10 18 00000005 01 01 02 00000007 08 s'r' s'w' s'gone' s'u' s'p' }",
	    0,
	    "level 5 clean 1 keepalive 65535 id <c> expiry 4294967295 will <w> <gone> qos 2 retain "
	    "1 "
	    "user <u> password <p> props: 17 23 25 33 34 38 39 packet 4096 receive 10 pass on 26 "
	    "00 "
	    "00 00 00 will: 1 2 8 24 expiry 7 delay 5 response <r> pass on 01 01 08 00 01 72" },
	{ "password without user (3.1.2.9)", "10 { s'MQTT' 05 42 0000 00 s'c' s'p' }", 0,
	    "level 5 clean 1 keepalive 0 id <c> expiry 0 password <p>" },
	{ "not clean, no expiry (3.1.2.11.2)", "10 { s'MQTT' 05 00 0000 00 s'c' }", 0,
	    "level 5 clean 0 keepalive 0 id <c> expiry 0" },
	{ "no properties at all", "10 { s'MQTT' 05 02 0000 }", -EBADMSG, NULL },
	{ "reserved flag [MQTT-3.1.2-3]", "10 { s'MQTT' 05 03 0000 00 s'c' }", -EBADMSG, NULL },
	{ "a property twice", "10 { s'MQTT' 05 02 0000 0a 11 00000001 11 00000001 s'c' }", -EPROTO,
	    NULL },
	{ "of another packet", "10 { s'MQTT' 05 02 0000 02 01 01 s'c' }", -EBADMSG, NULL },
	{ "authentication data alone (3.1.2.11.10)", "10 { s'MQTT' 05 02 0000 04 16 s'x' s'c' }",
	    -EPROTO, NULL },
	{ "will delay in CONNECT's own", "10 { s'MQTT' 05 02 0000 05 18 00000001 s'c' }", -EBADMSG,
	    NULL },
	{ "response topic of a will with wildcard",
	    "10 { s'MQTT' 05 06 0000 00 s'c' 06 08 s'r/#' s'w' s'' }", -EPROTO, NULL },
	{ "something behind", "10 { s'MQTT' 05 02 0000 00 s'c' 00 }", -EBADMSG, NULL },

	{ "PUBLISH", "30 { s'a/b' 00 'hello' }", 0, "qos 0 dup 0 retain 0 id 0 <a/b> <hello>" },
	{ "properties that end too early", "32 { s'a' 0001 0b 02 0000000a 23 0002 26 s'' s'' 'x' }",
	    -EBADMSG, NULL },
	{ "with properties", "32 { s'a' 0001 0d 02 0000000a 23 0002 26 s'' s'' 'x' }", 0,
	    "qos 1 dup 0 retain 0 id 1 <a> <x> props: 2 35 38 expiry 10 alias 2 pass on 26 00 00 "
	    "00 "
	    "00" },
	{ "empty topic, alias", "30 { s'' 03 23 0001 }", 0,
	    "qos 0 dup 0 retain 0 id 0 <> <> props: 35 alias 1" },
	{ "no property length", "30 { s'a' }", -EBADMSG, NULL },
	{ "subscription identifier [MQTT-3.3.4-6]", "30 { s'a' 02 0b 01 }", -EPROTO, NULL },
	{ "response topic with wildcard [MQTT-3.3.2-14]", "30 { s'a' 04 08 s'+' }", -EPROTO, NULL },
	{ "empty response topic", "30 { s'a' 03 08 s'' }", -EPROTO, NULL },

	{ "PUBACK, short", "40 { 0001 }", 0, "id 1" },
	{ "PUBACK, reason", "40 { 0001 97 }", 0, "id 1 reason 97" },
	{ "PUBACK, no matching subscribers", "40 { 0001 10 }", 0, "id 1 reason 10" },
	{ "PUBACK, properties", "40 { 0001 87 04 1f s'x' }", 0, "id 1 reason 87" },
	{ "PUBACK, no properties", "40 { 0001 87 00 }", 0, "id 1 reason 87" },
	{ "PUBACK, not one of its reasons [MQTT-3.4.2-1]", "40 { 0001 92 }", -EPROTO, NULL },
	{ "PUBREC", "50 { 0001 91 }", 0, "id 1 reason 91" },
	{ "PUBREL", "62 { 0001 92 }", 0, "id 1 reason 92" },
	{ "PUBREL, not one of its reasons [MQTT-3.6.2-1]", "62 { 0001 97 }", -EPROTO, NULL },
	{ "PUBCOMP", "70 { 0001 92 00 }", 0, "id 1 reason 92" },
	{ "PUBCOMP, something behind", "70 { 0001 92 00 00 }", -EBADMSG, NULL },
	{ "PUBACK, properties too long", "40 { 0001 00 09 1f s'x' }", -EBADMSG, NULL },

	{ "SUBSCRIBE", "82 { 0007 00 s'a' 00 s'b' 2e }", 0,
	    "id 7 <a> 0 <b> 2 no local as published handling 2" },
	{ "with identifier", "82 { 0007 03 0b 8001 s'a' 11 }", 0,
	    "id 7 subscription 128 <a> 1 handling 1" },
	{ "identifier 0", "82 { 0007 02 0b 00 s'a' 01 }", -EPROTO, NULL },
	{ "QoS 3", "82 { 0007 00 s'a' 03 }", -EPROTO, NULL },
	{ "retain handling 3", "82 { 0007 00 s'a' 30 }", -EPROTO, NULL },
	{ "reserved bits [MQTT-3.8.3-5]", "82 { 0007 00 s'a' 40 }", -EBADMSG, NULL },
	{ "no filter [MQTT-3.8.3-2]", "82 { 0007 00 }", -EPROTO, NULL },
	{ "UNSUBSCRIBE", "a2 { 0007 05 26 s'' s'' s'a' }", 0, "id 7 <a> 0" },
	{ "no filter [MQTT-3.10.3-2]", "a2 { 0007 00 }", -EPROTO, NULL },

	{ "DISCONNECT", "e0 {}", 0, "" },
	{ "with reason", "e0 { 04 }", 0, "reason 04" },
	{ "with expiry", "e0 { 00 05 11 00000009 }", 0, "expiry 9" },
	{ "not a client's reason [MQTT-3.14.2-1]", "e0 { 8e }", -EPROTO, NULL },
	{ "a server's property", "e0 { 00 04 1c s'x' }", -EBADMSG, NULL },
	{ "something behind", "e0 { 00 00 00 }", -EBADMSG, NULL },
	{ "PINGREQ with body", "c0 { 00 }", -EBADMSG, NULL },
};

static void test_decode_5(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows_5); i++) {
		size_t len = notation_read(rows_5[i].bytes, packet);
		uint8_t *data = exact_copy(packet, len);
		struct mqtt_frame f = frame_of(data, len);

		print_message("%s\n", rows_5[i].name);
		assert_int_equal(show(MQTT_VERSION_5, &f), rows_5[i].r);
		if (rows_5[i].expect)
			assert_string_equal(shown, rows_5[i].expect);
		free(data);
	}
}

/* In which version a CONNECT that cannot be read is answered. */
static void test_version_to_answer(void **state)
{
	static const struct {
		const char *bytes;
		uint8_t version;
	} rows[] = {
		{ "10 { s'MQTT' 05 03 0000 00 s'c' }", 5 },
		{ "10 { s'MQTT' 05 }", 5 },
		{ "10 { s'MQTT' 04 03 0000 s'c' }", 0 },
		{ "10 { s'MQTX' 05 02 0000 00 s'c' }", 0 },
		{ "11 { s'MQTT' 05 02 0000 00 s'c' }", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct mqtt_frame f = frame_of(packet, notation_read(rows[i].bytes, packet));
		struct mqtt_connect p;
		uint8_t version = 77;

		assert_int_equal(mqtt_decode_connect(&f, &p, &version), -EBADMSG);
		assert_int_equal(version, rows[i].version);
	}
}

/* MQTT 3.1 calls the reserved bits DUP and QoS. */
static void test_decode_31(void **state)
{
	static const struct {
		const char *bytes;
		int r;
	} rows[] = {
		{ "6a { 0001 }", 0 },
		{ "8a { 0001 s'a' 01 }", 0 },
		{ "aa { 0001 s'a' }", 0 },
		{ "38 { s'a' }", 0 },
		{ "48 { 0001 }", -EBADMSG },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct mqtt_frame f;

		f = frame_of(packet, notation_read(rows[i].bytes, packet));
		assert_int_equal(show(MQTT_VERSION_31, &f), rows[i].r);
	}
}

static bool is_one_of(size_t len, const size_t *list)
{
	for (; *list; list++) {
		if (*list == len)
			return true;
	}
	return false;
}

/* A body that ends too early, with a remaining length that says so. */
static void test_truncated_body(void **state)
{
	static const struct {
		const char *bytes;
		size_t fine_from; /* bodies from this length on are fine; 0: none */
		size_t fine_at[4];
	} rows[] = {
		{ "10 { s'MQTT' 04 f6 003c s'client' s'w/t' s'gone' s'user' s'pass' }", 0, { 0 } },
		{ "10 { s'MQIsdp' 03 02 003c s'client' }", 0, { 0 } },
		{ "30 { s'a/b' 'hello' }", 5, { 0 } },
		{ "34 { s'a/b' 0001 'hello' }", 7, { 0 } },
		{ "40 { 0001 }", 0, { 0 } },
		{ "50 { 0001 }", 0, { 0 } },
		{ "62 { 0001 }", 0, { 0 } },
		{ "70 { 0001 }", 0, { 0 } },
		{ "82 { 0001 s'a/b' 00 s'c' 01 }", 0, { 8 } },
		{ "a2 { 0001 s'a/b' s'c' s'd' }", 0, { 7, 10 } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct mqtt_frame whole = frame_of(packet, notation_read(rows[i].bytes, packet));

		for (size_t len = 0; len < whole.body.len; len++) {
			uint8_t *body = exact_copy(whole.body.data, len);
			struct mqtt_frame f = whole;
			bool is_fine = (rows[i].fine_from && len >= rows[i].fine_from) ||
				       is_one_of(len, rows[i].fine_at);

			f.body = (struct span){ .data = body, .len = len };
			if (show(MQTT_VERSION_311, &f) != (is_fine ? 0 : -EBADMSG))
				fail_msg("%s cut to %zu", rows[i].bytes, len);
			free(body);
		}
	}
}

static void expect(struct buf *out, const char *bytes)
{
	size_t len = notation_read(bytes, packet);

	assert_int_equal(buf_len(out), len);
	assert_memory_equal(buf_data(out), packet, len);
	buf_clear(out);
}

static void test_encode(void **state)
{
	const struct mqtt_ack id_258 = { .packet_id = 258 }, id_1 = { .packet_id = 1 };
	struct mqtt_connack hello = { 0 };
	struct mqtt_publish p = { .topic = { (const uint8_t *)"a/b", 3 } };
	struct buf out;

	(void)state;
	buf_init(&out, 300000);
	assert_int_equal(mqtt_encode_connack(&out, 4, &hello), 0);
	expect(&out, "20020000");
	hello.session_present = true;
	assert_int_equal(mqtt_encode_connack(&out, 4, &hello), 0);
	expect(&out, "20020100");
	assert_int_equal(mqtt_encode_connack(&out, 3, &hello), 0);
	expect(&out, "20020000");
	assert_int_equal(
	    mqtt_encode_ack(&out, MQTT_VERSION_311, MQTT_TYPE_PUBACK, &id_258, NULL), 0);
	expect(&out, "40020102");
	assert_int_equal(mqtt_encode_ack(&out, MQTT_VERSION_311, MQTT_TYPE_PUBREL, &id_1, NULL), 0);
	expect(&out, "62020001");
	assert_int_equal(mqtt_encode_suback(&out, MQTT_VERSION_311, MQTT_TYPE_UNSUBACK, 1, 0), 0);
	expect(&out, "b0020001");
	assert_int_equal(mqtt_encode_pingresp(&out), 0);
	expect(&out, "d000");
	assert_int_equal(mqtt_encode_suback(&out, MQTT_VERSION_311, MQTT_TYPE_SUBACK, 9, 3), 0);
	expect(&out, "90 05 0009");
	assert_int_equal(mqtt_encode_publish(&out, MQTT_VERSION_311, &p, NULL), 0);
	expect(&out, "30 { s'a/b' }");
	p = (struct mqtt_publish){ .dup = true,
		.qos = 2,
		.retain = true,
		.packet_id = 0x1234,
		.topic = p.topic,
		.payload = { (const uint8_t *)"xyz", 3 } };
	assert_int_equal(mqtt_encode_publish(&out, MQTT_VERSION_311, &p, NULL), 0);
	expect(&out, "3d { s'a/b' 1234 'xyz' }");
	buf_fini(&out);
}

/* The same reasons, in words of each version. */
static void test_encode_connack_reasons(void **state)
{
	static const struct {
		enum mqtt_reason reason;
		const char *in_311;
		const char *in_5;
	} rows[] = {
		{ MQTT_REASON_BAD_VERSION, "20020001", "2003 00 84 00" },
		{ MQTT_REASON_BAD_CLIENT_ID, "20020002", "2003 00 85 00" },
		{ MQTT_REASON_UNAVAILABLE, "20020003", "2003 00 88 00" },
		{ MQTT_REASON_QUOTA, "20020003", "2003 00 97 00" },
		{ MQTT_REASON_BAD_USER, "20020004", "2003 00 86 00" },
		{ MQTT_REASON_NOT_AUTHORIZED, "20020005", "2003 00 87 00" },
	};
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct mqtt_connack p = { .reason = rows[i].reason };

		assert_int_equal(mqtt_encode_connack(&out, MQTT_VERSION_311, &p), 0);
		expect(&out, rows[i].in_311);
		assert_int_equal(mqtt_encode_connack(&out, MQTT_VERSION_5, &p), 0);
		expect(&out, rows[i].in_5);
	}
	buf_fini(&out);
}

static void test_encode_5(void **state)
{
	const struct mqtt_ack fine = { .packet_id = 258 }, bad = { .packet_id = 1, .reason = 0x97 };
	static const uint8_t ids[] = { 0x0b, 0x01 }, others[] = { 0x26, 0, 0, 0, 0 };
	struct mqtt_publish p = { .topic = { (const uint8_t *)"t", 1 },
		.payload = { (const uint8_t *)"x", 1 } };
	struct mqtt_publish_props props = { 0 };
	struct mqtt_connack hello = { .session_present = true };
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	assert_int_equal(mqtt_encode_connack(&out, MQTT_VERSION_5, &hello), 0);
	expect(&out, "20 { 01 00 0d 21 0400 27 00040000 22 0010 2a 00 }");
	hello = (struct mqtt_connack){ .assigned_id = { (const uint8_t *)"auto-1", 6 } };
	assert_int_equal(mqtt_encode_connack(&out, MQTT_VERSION_5, &hello), 0);
	expect(&out, "20 { 00 00 16 21 0400 27 00040000 22 0010 2a 00 12 s'auto-1' }");
	assert_int_equal(mqtt_encode_ack(&out, MQTT_VERSION_5, MQTT_TYPE_PUBACK, &fine, NULL), 0);
	expect(&out, "40020102");
	assert_int_equal(mqtt_encode_ack(&out, MQTT_VERSION_5, MQTT_TYPE_PUBREC, &bad, NULL), 0);
	expect(&out, "50 { 0001 97 }");
	assert_int_equal(mqtt_encode_ack(&out, MQTT_VERSION_5, MQTT_TYPE_PUBACK, &bad, "full"), 0);
	expect(&out, "40 { 0001 97 07 1f s'full' }");
	assert_int_equal(
	    mqtt_encode_ack(&out, MQTT_VERSION_311, MQTT_TYPE_PUBACK, &bad, "full"), 0);
	expect(&out, "40020001");
	assert_int_equal(mqtt_encode_suback(&out, MQTT_VERSION_5, MQTT_TYPE_SUBACK, 9, 2), 0);
	expect(&out, "90 05 0009 00");
	assert_int_equal(mqtt_encode_suback(&out, MQTT_VERSION_5, MQTT_TYPE_UNSUBACK, 9, 2), 0);
	expect(&out, "b0 05 0009 00");
	assert_int_equal(mqtt_encode_disconnect(&out, MQTT_REASON_TAKEN_OVER, NULL), 0);
	expect(&out, "e0 { 8e }");
	assert_int_equal(mqtt_encode_disconnect(&out, MQTT_REASON_TAKEN_OVER, "late"), 0);
	expect(&out, "e0 { 8e 07 1f s'late' }");
	assert_int_equal(mqtt_encode_publish(&out, MQTT_VERSION_5, &p, &props), 0);
	expect(&out, "30 { s't' 00 'x' }");
	props = (struct mqtt_publish_props){ .has_expiry = true,
		.expiry_s = 7,
		.ids = { ids, sizeof(ids) },
		.others = { others, sizeof(others) } };
	p.qos = 1;
	p.packet_id = 2;
	assert_int_equal(mqtt_encode_publish(&out, MQTT_VERSION_5, &p, &props), 0);
	assert_int_equal(buf_len(&out), mqtt_publish_len(MQTT_VERSION_5, &p, &props));
	expect(&out, "32 { s't' 0002 0c 02 00000007 0b 01 26 s'' s'' 'x' }");
	assert_int_equal(mqtt_suback_code(MQTT_VERSION_5, MQTT_REASON_QUOTA), 0x97);
	assert_int_equal(mqtt_suback_code(MQTT_VERSION_311, MQTT_REASON_QUOTA), 0x80);
	assert_int_equal(mqtt_suback_code(MQTT_VERSION_311, (enum mqtt_reason)2), 2);
	buf_fini(&out);
}

static void test_encode_sizes(void **state)
{
	static uint8_t payload[20000];
	struct mqtt_publish p = { .topic = { (const uint8_t *)"t", 1 } };
	struct buf out;

	(void)state;
	for (size_t len = 0; len < sizeof(payload); len = len < 200 ? len + 1 : len * 3 / 2) {
		struct mqtt_frame f;
		struct mqtt_publish back;

		p.payload = (struct span){ .data = payload, .len = len };
		buf_init(&out, 20010);
		assert_int_equal(mqtt_encode_publish(&out, MQTT_VERSION_311, &p, NULL), 0);
		assert_int_equal(buf_len(&out), mqtt_publish_len(MQTT_VERSION_311, &p, NULL));
		f = frame_of(buf_data(&out), buf_len(&out));
		assert_int_equal(mqtt_decode_publish(MQTT_VERSION_311, &f, &back, NULL), 0);
		assert_int_equal(back.payload.len, len);
		buf_fini(&out);

		/* One byte too few: nothing is written. */
		buf_init(&out, mqtt_publish_len(MQTT_VERSION_311, &p, NULL) - 1);
		assert_int_equal(mqtt_encode_publish(&out, MQTT_VERSION_311, &p, NULL), -ENOBUFS);
		assert_int_equal(buf_len(&out), 0);
		buf_fini(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frame),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_decode_5),
		cmocka_unit_test(test_version_to_answer),
		cmocka_unit_test(test_decode_31),
		cmocka_unit_test(test_truncated_body),
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_encode_5),
		cmocka_unit_test(test_encode_connack_reasons),
		cmocka_unit_test(test_encode_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
