/* SPDX-License-Identifier: Apache-2.0 */
#include "../../daemon/ctl_top.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1777623330 /* 2026-05-01T08:15:30Z */

static int setup(void **state)
{
	(void)state;
	return setenv("TZ", "UTC", 1);
}

static json_t *counts(const char *name, int published, int received)
{
	return json_pack("{s:[{s:s, s:i, s:i}]}", "brokers", "name", name, "published", published,
	    "received", received);
}

static void take(struct ctl_top *t, int64_t now_ms, const char *name, int published, int received)
{
	json_t *status = counts(name, published, received);

	ctl_top_take(t, now_ms, status);
	json_decref(status);
}

static void assert_rate(const struct ctl_top *t, const char *name, double out, double in)
{
	struct ctl_top_rate rate = ctl_top_rate(t, name);

	assert_true(rate.out > out - 0.01 && rate.out < out + 0.01);
	assert_true(rate.in > in - 0.01 && rate.in < in + 0.01);
}

static void test_rates(void **state)
{
	struct ctl_top t = { 0 };

	(void)state;
	assert_rate(&t, "cloud", -1, -1);
	take(&t, 1000, "cloud", 100, 7);
	assert_rate(&t, "cloud", -1, -1);
	take(&t, 3000, "cloud", 105, 7);
	assert_rate(&t, "cloud", 2.5, 0);
	assert_rate(&t, "plant", -1, -1);
	/* Of the last ten answers alone. */
	for (int i = 0; i < CTL_TOP_SAMPLES; i++)
		take(&t, 4000 + i * 1000, "cloud", 200, 7 + i);
	assert_rate(&t, "cloud", 0, 1);
	/* Another daemon, or another broker of that name. */
	take(&t, 20000, "cloud", 3, 0);
	assert_rate(&t, "cloud", -1, -1);
	take(&t, 21000, "plant", 3, 0);
	assert_rate(&t, "plant", -1, -1);
}

static const char status_text[] =
    "{\"version\":\"1.2.3\",\"uptime_s\":7200,"
    "\"modem\":{\"state\":\"ready\",\"model\":\"SIM7600\",\"operator\":\"Tele\\u001bcom\","
    "\"technology\":\"LTE\",\"rssi_dbm\":-82},"
    "\"brokers\":[{\"name\":\"cloud\",\"state\":\"backoff\",\"since\":\"2026-05-01T08:12:30.000Z\","
    "\"queued_messages\":5,\"published\":105,\"received\":7,\"dropped\":1,\"dead_letters\":2,"
    "\"last_error\":{\"code\":32,\"text\":\"TLS handshake failed\"}}],"
    "\"listeners\":[{\"address\":\"127.0.0.1:1883\",\"clients\":3},"
    "{\"address\":\"unix:/x\",\"clients\":0}],"
    "\"store\":{\"messages\":5,\"bytes\":512000,\"max_bytes\":1024000,\"dead_letters\":2}}";

static const char history_text[] =
    "{\"changes\":[{\"broker\":null,\"from\":\"sim\",\"to\":\"ready\",\"why\":\"old\","
    "\"time\":\"2026-05-01T08:00:00.000Z\"},"
    "{\"broker\":\"cloud\",\"from\":\"connecting\",\"to\":\"backoff\",\"why\":\"32\","
    "\"time\":\"2026-05-01T08:12:30.000Z\"}]}";

static char *printed(const struct ctl_top *t, const char *status, const char *history, size_t most)
{
	json_t *objects[] = { json_loads(status, 0, NULL),
		history ? json_loads(history, 0, NULL) : NULL };
	struct ctl_style style = { .is_terminal = true, .now = NOW };
	size_t size;
	char *text;

	assert_non_null(objects[0]);
	style.out = open_memstream(&text, &size);
	ctl_top_print(t, &style, objects[0], objects[1], most);
	fclose(style.out);
	json_decref(objects[0]);
	json_decref(objects[1]);
	return text;
}

static void test_screen(void **state)
{
	struct ctl_top t = { 0 };
	char *text;

	(void)state;
	take(&t, 1000, "cloud", 100, 7);
	take(&t, 3000, "cloud", 105, 7);
	text = printed(&t, status_text, history_text, 1);
	assert_string_equal(text,
	    "cmqttd 1.2.3, up 2 h 0 min\n"
	    "MODEM   ready  SIM7600  Tele\\x1bcom, LTE\n"
	    "SIGNAL  [#####-----] -82 dBm\n"
	    "STORE   [#####-----] 500 KiB of 1000 KiB, 5 waiting, dead letters: 2\n"
	    "CLIENTS 3 on 127.0.0.1:1883, 0 on unix:/x\n"
	    "\n"
	    "BROKER  STATE    SINCE      QUEUED  OUT/S  IN/S  SENT  RECEIVED  DROPPED  DEAD"
	    "  LAST ERROR\n"
	    "cloud   backoff  3 min ago       5    2.5   0.0   105         7        1     2"
	    "  TLS handshake failed\n"
	    "\n"
	    "08:12:30  cloud  backoff  32\n");
	free(text);
	/* An answer with nothing in it, and no history. */
	text = printed(&(struct ctl_top){ 0 }, "{}", NULL, 5);
	assert_non_null(strstr(text, "SIGNAL  -\n"));
	free(text);
}

static void test_clip(void **state)
{
	static const struct {
		const char *text;
		unsigned rows, columns;
		const char *clipped;
	} rows[] = {
		{ "abc\nde\n", 5, 10, "\033[Habc\033[K\nde\033[K\033[J" },
		{ "abc\nde\n", 1, 10, "\033[Habc\033[K\033[J" },
		{ "abcdef\nghijkl\n", 5, 3, "\033[Habc\033[K\nghi\033[K\033[J" },
		{ "a\033[31mbcd\033[0me\n", 5, 2, "\033[Ha\033[31mb\033[0m\033[K\033[J" },
		{ "\xc3\xa9\xc3\xa9\xc3\xa9\n", 5, 2, "\033[H\xc3\xa9\xc3\xa9\033[K\033[J" },
		{ "", 5, 2, "\033[H\033[J" },
		{ "x", 0, 0, "\033[H\033[J" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t size;
		char *text;
		FILE *out = open_memstream(&text, &size);

		ctl_top_clip(out, rows[i].text, rows[i].rows, rows[i].columns);
		fclose(out);
		assert_string_equal(text, rows[i].clipped);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_screen),
		cmocka_unit_test(test_clip),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
