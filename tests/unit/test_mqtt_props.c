/* SPDX-License-Identifier: Apache-2.0 */
/* Properties of MQTT 5.0: which may be where, how often, with which values; what is passed on. */
#include "mqtt/mqtt_props.h"
#include "mqtt_notation.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint8_t bytes[NOTATION_MAX];

static const struct {
	enum mqtt_prop id;
	const char *one; /* a valid one */
	const char *in;  /* letters of the places where it may be */
} places[] = {
	/* Connect Will Publish Ack Subscribe Unsubscribe Disconnect: table 2-4 */
	{ MQTT_PROP_PAYLOAD_FORMAT, "01 01", "WP" },
	{ MQTT_PROP_MESSAGE_EXPIRY, "02 00000000", "WP" },
	{ MQTT_PROP_CONTENT_TYPE, "03 s'x'", "WP" },
	{ MQTT_PROP_RESPONSE_TOPIC, "08 s'x'", "WP" },
	{ MQTT_PROP_CORRELATION_DATA, "09 0002 ff00", "WP" },
	{ MQTT_PROP_SUBSCRIPTION_ID, "0b 01", "PS" },
	{ MQTT_PROP_SESSION_EXPIRY, "11 00000000", "CD" },
	{ MQTT_PROP_ASSIGNED_CLIENT_ID, "12 s'x'", "" },
	{ (enum mqtt_prop)19 /* server keep alive */, "13 0001", "" },
	{ MQTT_PROP_AUTH_METHOD, "15 s'x'", "C" },
	{ MQTT_PROP_AUTH_DATA, "16 s'x'", "C" },
	{ MQTT_PROP_REQUEST_PROBLEM, "17 00", "C" },
	{ MQTT_PROP_WILL_DELAY, "18 00000000", "W" },
	{ MQTT_PROP_REQUEST_RESPONSE, "19 01", "C" },
	{ (enum mqtt_prop)26 /* response information */, "1a s'x'", "" },
	{ (enum mqtt_prop)28 /* server reference */, "1c s'x'", "" },
	{ MQTT_PROP_REASON_STRING, "1f s'x'", "AD" },
	{ MQTT_PROP_RECEIVE_MAX, "21 0001", "C" },
	{ MQTT_PROP_TOPIC_ALIAS_MAX, "22 0000", "C" },
	{ MQTT_PROP_TOPIC_ALIAS, "23 0000", "P" },
	{ (enum mqtt_prop)36 /* maximum QoS */, "24 01", "" },
	{ (enum mqtt_prop)37 /* retain available */, "25 01", "" },
	{ MQTT_PROP_USER_PROPERTY, "26 s'k' s'v'", "CWPASUD" },
	{ MQTT_PROP_PACKET_MAX, "27 00000001", "C" },
	{ (enum mqtt_prop)40 /* wildcards */, "28 01", "" },
	{ (enum mqtt_prop)41 /* identifiers */, "29 01", "" },
	{ MQTT_PROP_SHARED_AVAILABLE, "2a 01", "" },
	{ (enum mqtt_prop)0, "00", "" },
	{ (enum mqtt_prop)4, "04 00", "" },
	{ (enum mqtt_prop)63, "3f 00", "" },
};

static const char letters[] = "CWPASUD"; /* in the order of enum mqtt_place */

/* Read from a copy of its own size, so that the sanitizer sees every byte read beyond it. */
static int read_props(const uint8_t *data, size_t len, enum mqtt_place place,
    struct mqtt_props *ret, uint8_t **ret_copy)
{
	struct cursor c;
	int r;

	*ret_copy = malloc(len ? len : 1);
	assert_non_null(*ret_copy);
	memcpy(*ret_copy, data, len);
	cursor_init(&c, *ret_copy, len);
	r = mqtt_props_read(&c, place, ret);
	if (r == 0)
		assert_int_equal(c.left, 0);
	return r;
}

static int read_text(const char *text, enum mqtt_place place, struct mqtt_props *ret)
{
	static uint8_t *copy;

	free(copy);
	return read_props(bytes, notation_read(text, bytes), place, ret, &copy);
}

static void test_places(void **state)
{
	char text[64];

	(void)state;
	for (size_t i = 0; i < COUNT(places); i++) {
		for (size_t place = 0; place < sizeof(letters) - 1; place++) {
			bool is_fine = strchr(places[i].in, letters[place]);
			struct mqtt_props p = { .present = 1 };

			snprintf(text, sizeof(text), "{ %s }", places[i].one);
			if (read_text(text, (enum mqtt_place)place, &p) != (is_fine ? 0 : -EBADMSG))
				fail_msg("%s in %c", places[i].one, letters[place]);
			if (is_fine)
				assert_int_equal(p.present, UINT64_C(1) << places[i].id);
			else
				assert_int_equal(p.present, 1);
		}
	}
}

/* Only user properties may come more than once (2.2.2.2). */
static void test_twice(void **state)
{
	struct mqtt_props p;
	char text[64];

	(void)state;
	for (size_t i = 0; i < COUNT(places); i++) {
		bool is_pair = places[i].id == MQTT_PROP_USER_PROPERTY;
		const char *at;

		if (places[i].in[0] == '\0')
			continue;
		at = strchr(letters, places[i].in[0]);
		snprintf(text, sizeof(text), "{ %s %s }", places[i].one, places[i].one);
		assert_int_equal(
		    read_text(text, (enum mqtt_place)(at - letters), &p), is_pair ? 0 : -EPROTO);
	}
}

static void test_values(void **state)
{
	static const struct {
		const char *bytes;
		enum mqtt_place place;
		int r;
	} rows[] = {
		{ "00", MQTT_PLACE_PUBLISH, 0 },
		{ "", MQTT_PLACE_PUBLISH, -EBADMSG },
		{ "05 01", MQTT_PLACE_PUBLISH, -EBADMSG }, /* longer than the packet */
		{ "{ 01 00 }", MQTT_PLACE_PUBLISH, 0 },
		{ "{ 01 02 }", MQTT_PLACE_PUBLISH, -EPROTO },
		{ "{ 17 02 }", MQTT_PLACE_CONNECT, -EPROTO },       /* (3.1.2.11.7) */
		{ "{ 19 02 }", MQTT_PLACE_CONNECT, -EPROTO },       /* (3.1.2.11.6) */
		{ "{ 21 0000 }", MQTT_PLACE_CONNECT, -EPROTO },     /* (3.1.2.11.3) */
		{ "{ 27 00000000 }", MQTT_PLACE_CONNECT, -EPROTO }, /* (3.1.2.11.4) */
		{ "{ 0b 00 }", MQTT_PLACE_SUBSCRIBE, -EPROTO },     /* (3.8.2.1.2) */
		{ "{ 0b ffffff7f }", MQTT_PLACE_SUBSCRIBE, 0 },
		{ "{ 0b 8100 }", MQTT_PLACE_SUBSCRIBE, -EBADMSG }, /* [MQTT-1.5.5-1] */
		{ "{ 0b ffffffff01 }", MQTT_PLACE_SUBSCRIBE, -EBADMSG },
		{ "8000", MQTT_PLACE_PUBLISH, -EBADMSG }, /* [MQTT-1.5.5-1] */
		{ "80808000", MQTT_PLACE_PUBLISH, -EBADMSG },
		{ "{ 8101 01 }", MQTT_PLACE_PUBLISH, -EBADMSG },    /* unknown: 129 */
		{ "{ 03 0001 ff }", MQTT_PLACE_PUBLISH, -EBADMSG }, /* [MQTT-1.5.4-1] */
		{ "{ 03 0001 00 }", MQTT_PLACE_PUBLISH, -EBADMSG }, /* [MQTT-1.5.4-2] */
		{ "{ 26 0001 ff s'' }", MQTT_PLACE_PUBLISH, -EBADMSG },
		{ "{ 26 s'' 0001 ff }", MQTT_PLACE_PUBLISH, -EBADMSG },
		{ "{ 26 s'' s'' }", MQTT_PLACE_PUBLISH, 0 },
	};
	struct mqtt_props p;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (read_text(rows[i].bytes, rows[i].place, &p) != rows[i].r)
			fail_msg("%s", rows[i].bytes);
	}
}

/* Every property, cut off at every length, with a length in front that says so. */
static void test_truncated(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(places); i++) {
		uint8_t one[32];
		size_t len;

		if (places[i].in[0] == '\0')
			continue;
		len = notation_read(places[i].one, bytes);
		for (size_t cut = 1; cut < len; cut++) {
			const char *at = strchr(letters, places[i].in[0]);
			struct mqtt_props p;
			uint8_t *copy;

			one[0] = (uint8_t)cut;
			memcpy(one + 1, bytes, cut);
			assert_int_equal(
			    read_props(one, 1 + cut, (enum mqtt_place)(at - letters), &p, &copy),
			    -EBADMSG);
			free(copy);
		}
	}
}

static void test_fields(void **state)
{
	struct mqtt_props p;

	(void)state;
	assert_int_equal(
	    read_text("{ 11 00000102 21 0304 27 05060708 17 01 }", MQTT_PLACE_CONNECT, &p), 0);
	assert_int_equal(p.session_expiry_s, 0x0102);
	assert_int_equal(p.receive_max, 0x0304);
	assert_int_equal(p.packet_max, 0x05060708);
	assert_int_equal(p.request_problem, 1);
	assert_true(mqtt_props_has(&p, MQTT_PROP_PACKET_MAX));
	assert_false(mqtt_props_has(&p, MQTT_PROP_TOPIC_ALIAS_MAX));
	assert_int_equal(
	    read_text("{ 23 0102 02 01020304 08 s'to/me' 01 01 }", MQTT_PLACE_PUBLISH, &p), 0);
	assert_int_equal(p.topic_alias, 0x0102);
	assert_int_equal(p.message_expiry_s, 0x01020304);
	assert_int_equal(p.payload_format, 1);
	assert_int_equal(p.response_topic.len, 5);
	assert_memory_equal(p.response_topic.data, "to/me", 5);
	assert_int_equal(read_text("{ 18 01020304 }", MQTT_PLACE_WILL, &p), 0);
	assert_int_equal(p.will_delay_s, 0x01020304);
	assert_int_equal(read_text("{ 0b 8001 }", MQTT_PLACE_SUBSCRIBE, &p), 0);
	assert_int_equal(p.subscription_id, 128);
}

/* [MQTT-3.3.2-4, -15, -16, -17, -18, -20]: unaltered, in their order; what is for the server stays.
 */
static void test_pick(void **state)
{
	static const char all[] =
	    "{ 26 s'b' s'2' 23 0001 01 01 26 s'a' s'1' 02 00000009 03 s'type' "
	    "08 s'r' 09 0002 ff00 26 s'b' s'2' }";
	static const char passed[] =
	    "26 s'b' s'2' 01 01 26 s'a' s'1' 03 s'type' 08 s'r' 09 0002 ff00 "
	    "26 s'b' s'2'";
	uint8_t out[MQTT_PROPERTIES_MAX], want[256];
	struct mqtt_props p;
	size_t len = 0, want_len = notation_read(passed, want);

	(void)state;
	assert_int_equal(read_text(all, MQTT_PLACE_PUBLISH, &p), 0);
	assert_int_equal(mqtt_props_pick(&p, out, &len), 0);
	assert_int_equal(len, want_len);
	assert_memory_equal(out, want, len);
}

static void test_pick_max(void **state)
{
	uint8_t out[MQTT_PROPERTIES_MAX];
	struct mqtt_props p;
	size_t len = 77;

	(void)state;
	assert_int_equal(read_text("{ 26 s'' s'x'*8187 }", MQTT_PLACE_PUBLISH, &p), 0);
	assert_int_equal(mqtt_props_pick(&p, out, &len), 0);
	assert_int_equal(len, MQTT_PROPERTIES_MAX);
	len = 77;
	assert_int_equal(read_text("{ 26 s'' s'x'*8188 }", MQTT_PLACE_PUBLISH, &p), 0);
	assert_int_equal(mqtt_props_pick(&p, out, &len), -ENOBUFS);
	assert_int_equal(len, 77);
	/* What is not passed on does not count. */
	assert_int_equal(read_text("{ 26 s'' s'x'*8187 02 00000001 }", MQTT_PLACE_PUBLISH, &p), 0);
	assert_int_equal(mqtt_props_pick(&p, out, &len), 0);
}

static void expect(const uint8_t *data, size_t len, const char *text)
{
	assert_int_equal(len, notation_read(text, bytes));
	assert_memory_equal(data, bytes, len);
}

static void test_put(void **state)
{
	static const struct {
		size_t value;
		const char *bytes;
	} varints[] = {
		{ 0, "00" },
		{ 127, "7f" },
		{ 128, "8001" },
		{ 16383, "ff7f" },
		{ 16384, "808001" },
		{ 2097151, "ffff7f" },
		{ 2097152, "80808001" },
		{ MQTT_VARINT_VALUE, "ffffff7f" },
	};
	uint8_t at[16];

	(void)state;
	for (size_t i = 0; i < COUNT(varints); i++) {
		size_t len = mqtt_varint_put(at, varints[i].value);

		assert_int_equal(len, mqtt_varint_len(varints[i].value));
		expect(at, len, varints[i].bytes);
	}
	expect(at, mqtt_prop_put(at, MQTT_PROP_RECEIVE_MAX, 0x0102), "21 0102");
	expect(at, mqtt_prop_put(at, MQTT_PROP_PACKET_MAX, 0x01020304), "27 01020304");
	expect(at, mqtt_prop_put(at, MQTT_PROP_SUBSCRIPTION_ID, 128), "0b 8001");
	expect(at, mqtt_prop_put(at, MQTT_PROP_SHARED_AVAILABLE, 0), "2a 00");
	expect(at,
	    mqtt_prop_put_text(
		at, MQTT_PROP_REASON_STRING, (struct span){ (const uint8_t *)"why", 3 }),
	    "1f s'why'");
}

static void test_split_ids(void **state)
{
	static const struct {
		const char *all;
		size_t ids_len;
	} rows[] = {
		{ "", 0 },
		{ "0b 01", 2 },
		{ "0b 01 0b 8001", 5 },
		{ "0b 01 0b 8001 26 s'0b' s''", 5 },
		{ "26 s'a' s'b'", 0 },
		{ "0b", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct span all = { bytes, notation_read(rows[i].all, bytes) }, rest;
		struct span ids = mqtt_props_split_ids(all, &rest);

		assert_int_equal(ids.len, rows[i].ids_len);
		assert_int_equal(rest.len, all.len - ids.len);
		if (rest.len > 0)
			assert_ptr_equal(rest.data, bytes + ids.len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_pick),
		cmocka_unit_test(test_pick_max),
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_split_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
