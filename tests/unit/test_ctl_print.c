/* SPDX-License-Identifier: Apache-2.0 */
#include "../../daemon/ctl_print.h"

#include "../../daemon/ctl_table.h"
#include "bridge/ctl_interface.h"
#include "bridge/ctl_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1777623340 /* 2026-05-01T08:15:40Z */

/* Clocks show local time. */
static int setup(void **state)
{
	(void)state;
	return setenv("TZ", "UTC", 1);
}

/* What `print` makes of a reply; to be freed. */
static char *printed(void (*print)(const struct ctl_style *s, const json_t *reply),
    const char *reply, bool is_colored, bool is_terminal)
{
	json_t *object = json_loads(reply, 0, NULL);
	struct ctl_style style = {
		.is_colored = is_colored, .is_terminal = is_terminal, .now = NOW
	};
	size_t size;
	char *text;

	assert_non_null(object);
	style.out = open_memstream(&text, &size);
	print(&style, object);
	fclose(style.out);
	json_decref(object);
	return text;
}

static void expect(void (*print)(const struct ctl_style *s, const json_t *reply), const char *reply,
    const char *expected)
{
	char *text = printed(print, reply, false, true);

	assert_string_equal(text, expected);
	free(text);
}

static const struct {
	json_int_t seconds;
	const char *text;
} durations[] = {
	{ -5, "0 s" },
	{ 0, "0 s" },
	{ 59, "59 s" },
	{ 60, "1 min" },
	{ 3599, "59 min" },
	{ 3600, "1 h 0 min" },
	{ 86399, "23 h 59 min" },
	{ 86400, "1 d 0 h" },
	{ 90000000, "1041 d 16 h" },
};

static void test_durations(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		char text[32];

		ctl_print_duration(text, sizeof(text), durations[i].seconds);
		assert_string_equal(text, durations[i].text);
	}
}

#define ONLINE                                                                             \
	"{\"name\":\"cloud\",\"state\":\"online\",\"since\":\"2026-05-01T08:12:30.250Z\"," \
	"\"attempt\":1,\"retry_in_s\":null,\"queued_messages\":5,\"published\":1234,"      \
	"\"received\":3,\"dropped\":7,\"dead_letters\":0,\"last_error\":null}"
#define BACKOFF                                                                             \
	"{\"name\":\"plant\",\"state\":\"backoff\",\"since\":\"2026-05-01T08:15:30.250Z\"," \
	"\"attempt\":14,\"retry_in_s\":12,\"queued_messages\":0,\"published\":0,"           \
	"\"received\":0,\"dropped\":0,\"dead_letters\":0,\"last_error\":{\"code\":27,"      \
	"\"text\":\"handshake fail\",\"command\":\"AT+CMQTTCONNECT\"}}"

#define BROKER_ROWS                                                                                \
	"BROKER  STATE    SINCE      ATTEMPT  RETRY    QUEUED  SENT  RECEIVED  DROPPED  DEAD  "    \
	"LAST "                                                                                    \
	"ERROR\n"                                                                                  \
	"cloud   online   3 min ago        1  -             5  1234         3        7     0  -\n" \
	"plant   backoff  10 s ago        14  in 12 s       0     0         0        0     0  27 " \
	"handshake fail (AT+CMQTTCONNECT)\n"

static void test_brokers(void **state)
{
	(void)state;
	expect(ctl_print_brokers, "{\"brokers\":[" ONLINE "," BACKOFF "]}", BROKER_ROWS);
	expect(ctl_print_brokers,
	    "{\"brokers\":[{\"name\":\"x\",\"last_error\":{\"code\":0,\"text\":\"no SIM\"}}]}",
	    "BROKER  STATE  SINCE  ATTEMPT  RETRY  QUEUED  SENT  RECEIVED  DROPPED  DEAD  LAST "
	    "ERROR\n"
	    "x       -      -            0  -           0     0         0        0     0  no "
	    "SIM\n");
}

static void test_status(void **state)
{
	(void)state;
	expect(ctl_print_status,
	    "{\"version\":\"1.2.3\",\"uptime_s\":7500,\"modem\":{\"state\":\"ready\","
	    "\"model\":\"SIM7600E\",\"revision\":\"LE20\",\"imei\":\"8675\",\"operator\":\"Op\","
	    "\"technology\":\"LTE\",\"rssi_dbm\":-71,\"registered\":true,"
	    "\"port_users\":\"cat (pid 7)\"},"
	    "\"brokers\":[" ONLINE "," BACKOFF "],"
	    "\"listeners\":[{\"address\":\"127.0.0.1:1883\",\"clients\":12}],"
	    "\"store\":{\"messages\":5,\"bytes\":123456,\"max_bytes\":67108864,"
	    "\"dead_letters\":1,\"free_bytes\":9437184},\"local_losses\":[{\"reason\":\"queue\","
	    "\"count\":12345}]}",
	    "cmqttd 1.2.3, up 2 h 5 min\n"
	    "\n"
	    "MODEM         ready\n"
	    "model         SIM7600E LE20\n"
	    "imei          8675\n"
	    "network       Op, LTE\n"
	    "registered    yes\n"
	    "signal        -71 dBm\n"
	    "port also in  cat (pid 7)\n"
	    "\n" BROKER_ROWS "\n"
	    "LISTENER        CLIENTS\n"
	    "127.0.0.1:1883       12\n"
	    "\n"
	    "STORE  5 waiting, dead letters: 1, 121 KiB of 64 MiB, free on the disk: 9.0 MiB\n"
	    "\n"
	    "LOST LOCALLY  MESSAGES\n"
	    "queue            12345\n");
}

static void test_colors(void **state)
{
	char *text = printed(ctl_print_brokers, "{\"brokers\":[" BACKOFF "]}", true, true);

	(void)state;
	assert_non_null(strstr(text, "\033[1mBROKER\033[0m"));
	/* The colour does not count for the width. */
	assert_non_null(strstr(text, "plant   \033[31mbackoff\033[0m  10 s ago"));
	free(text);
}

static void test_history(void **state)
{
	(void)state;
	expect(ctl_print_history,
	    "{\"changes\":[{\"broker\":null,\"from\":\"ready\",\"to\":\"absent\",\"why\":\"gone\","
	    "\"time\":\"2026-05-01T08:15:30.250Z\",\"outage_s\":null},"
	    "{\"broker\":\"cloud\",\"from\":\"connecting\",\"to\":\"online\",\"why\":\"\","
	    "\"time\":\"2026-05-01T08:15:31.250Z\",\"outage_s\":61}],"
	    "\"outages\":[{\"broker\":null,\"since\":\"2026-05-01T08:15:30.250Z\",\"lasts_s\":75},"
	    "{\"broker\":\"plant\",\"since\":\"2026-05-01T08:15:30.250Z\",\"lasts_s\":5}]}",
	    "TIME                 WHO    FROM        TO      OUTAGE  WHY\n"
	    "2026-05-01 08:15:30  modem  ready       absent  -       gone\n"
	    "2026-05-01 08:15:31  cloud  connecting  online  1 min   \n"
	    "modem: not ready for 1 min, since 2026-05-01 08:15:30\n"
	    "plant: not online for 5 s, since 2026-05-01 08:15:30\n");
}

#define AT_TIME "{\"time\":\"2026-05-01T08:15:30.250Z\","

static const struct {
	const char *event, *text;
} events[] = {
	{ "\"event\":\"state\",\"broker\":null,\"from\":\"ready\",\"to\":\"absent\",\"code\":0,"
	  "\"text\":\"\"}",
	    "modem  ready -> absent\n" },
	{ "\"event\":\"state\",\"broker\":\"cloud\",\"from\":\"online\",\"to\":\"backoff\","
	  "\"code\":3,\"text\":\"socket closed\"}",
	    "cloud  online -> backoff: socket closed (error 3)\n" },
	{ "\"event\":\"message\",\"broker\":null,\"topic\":\"a/b\",\"size\":6,\"qos\":1,"
	  "\"retain\":true}",
	    "local  message a/b, 6 bytes, QoS 1, retained\n" },
	{ "\"event\":\"outcome\",\"broker\":\"cloud\",\"topic\":\"a\",\"text\":\"dead_letter\","
	  "\"code\":14}",
	    "cloud  dead_letter a (error 14)\n" },
	{ "\"event\":\"log\",\"level\":\"warning\",\"broker\":null,\"from\":null,\"to\":\"full\","
	  "\"code\":0,\"text\":\"message dropped: a\"}",
	    "cmqttd  warning: message dropped: a, full\n" },
	{ "\"event\":\"log\",\"level\":\"error\",\"broker\":\"cloud\",\"from\":\"a\",\"to\":\"b\","
	  "\"code\":2,\"text\":\"x\"}",
	    "cloud  error: x, from a to b (error 2)\n" },
	{ "\"event\":\"at\",\"sent\":true,\"text\":\"AT\"}", "modem  > AT\n" },
	{ "\"event\":\"at\",\"sent\":false,\"text\":\"OK\\u001b[2J\"}", "modem  < OK\\x1b[2J\n" },
	{ "\"event\":\"lost\",\"lost\":12}", "(12 events lost: they were not read in time)\n" },
	{ "\"event\":\"news\"}", "news\n" },
};

static void test_events(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		char reply[256], expected[256];

		print_message("%s\n", events[i].event);
		snprintf(reply, sizeof(reply), AT_TIME "%s", events[i].event);
		snprintf(expected, sizeof(expected), "08:15:30  %s", events[i].text);
		expect(ctl_print_event, reply, expected);
	}
}

/* A terminal is protected, a file or pipe gets the bytes as they are. */
static void test_messages(void **state)
{
	char *text;

	(void)state;
	expect(
	    ctl_print_message, "{\"topic\":\"a/b\",\"payload\":\"h\xc3\xa4\"}", "a/b h\xc3\xa4\n");
	expect(ctl_print_message, "{\"topic\":\"a\\u0007\",\"payload\":\"\\u001b\\u009b\\n\"}",
	    "a\\x07 \\x1b\\xc2\\x9b\\x0a\n");
	expect(ctl_print_message, "{\"topic\":\"a\",\"payload_base64\":\"AP8=\"}", "a \\x00\xff\n");
	expect(
	    ctl_print_message, "{\"lost\":3}", "(3 messages lost: they were not read in time)\n");
	text = printed(
	    ctl_print_message, "{\"topic\":\"a\\u0007\",\"payload\":\"\\u001b\"}", false, false);
	assert_string_equal(text, "a\\x07 \x1b\n");
	free(text);
	text = printed(
	    ctl_print_message, "{\"topic\":\"a\",\"payload_base64\":\"AP8=\"}", false, false);
	assert_memory_equal(text, "a \x00\xff\n", 5);
	free(text);
}

#define QUEUED(id, state, more)                                                                   \
	"{\"id\":" id ",\"broker\":\"cloud\",\"state\":\"" state "\",\"qos\":1,\"priority\":7,"   \
	"\"accepted\":\"2026-05-01T08:12:30.250Z\",\"size\":1536,\"topic\":\"site/\\u0007\"" more \
	"}"

static void test_queue(void **state)
{
	(void)state;
	expect(ctl_print_queue, "{\"messages\":[]}",
	    "ID  BROKER  STATE  QOS  PRIO  AGE  SIZE  TOPIC  REASON\n");
	expect(ctl_print_queue,
	    "{\"messages\":[" QUEUED("7", "waiting", ",\"in_memory\":false") "," QUEUED(
		"8", "waiting", ",\"in_memory\":true") "," QUEUED("9", "in_flight",
		"") "," QUEUED("110", "dead", ",\"reason\":\"refused\"") ",{\"id\":111}]}",
	    " ID  BROKER  STATE      QOS  PRIO  AGE    SIZE     TOPIC      REASON\n"
	    "  7  cloud   waiting      1     7  3 min  1.5 KiB  site/\\x07  -\n"
	    "  8  cloud   in memory    1     7  3 min  1.5 KiB  site/\\x07  -\n"
	    "  9  cloud   in flight    1     7  3 min  1.5 KiB  site/\\x07  -\n"
	    "110  cloud   dead         1     7  3 min  1.5 KiB  site/\\x07  refused\n"
	    "111  -       -            0     0  -      0 B      -          -\n");
}

static void test_queued(void **state)
{
	char *text;

	(void)state;
	expect(ctl_print_queued,
	    "{\"message\":" QUEUED("8", "dead",
		",\"reason\":\"refused\",\"tries\":3,\"retain\":true,\"maybe_sent\":false,"
		"\"expires\":\"2026-05-01T09:00:00.000Z\"") ",\"payload\":\"a\\u001bb\"}",
	    "id          8\n"
	    "broker      cloud\n"
	    "state       dead\n"
	    "reason      refused\n"
	    "topic       site/\\x07\n"
	    "size        1536\n"
	    "qos         1\n"
	    "retain      yes\n"
	    "priority    7\n"
	    "tries       3\n"
	    "maybe sent  no\n"
	    "accepted    2026-05-01 08:12:30, 3 min ago\n"
	    "expires     2026-05-01 09:00:00\n"
	    "\n"
	    "a\\x1bb\n");
	text = printed(
	    ctl_print_queued, "{\"message\":{\"id\":1},\"payload_base64\":\"Qf8=\"}", false, false);
	assert_non_null(strstr(text, "expires     -\n\nA\xff\n"));
	free(text);
}

static void test_routes(void **state)
{
	(void)state;
	expect(ctl_print_routes,
	    "{\"routes\":[{\"broker\":\"cloud\",\"goes\":true,\"remote_topic\":\"r/t\","
	    "\"local_prefix\":\"l/\",\"pattern\":\"#\",\"qos\":2,\"why\":null},"
	    "{\"broker\":\"plant\",\"goes\":false,\"remote_topic\":null,"
	    "\"local_prefix\":null,\"pattern\":null,\"qos\":null,\"why\":\"no\"}]}",
	    "BROKER  GOES  ROUTE  REMOTE TOPIC  QOS  WHY\n"
	    "cloud   yes   l/#    r/t             2  -\n"
	    "plant   no    -      -               -  no\n");
}

static void test_reload(void **state)
{
	(void)state;
	expect(ctl_print_reload, "{\"changes\":[]}", "no change\n");
	expect(ctl_print_reload,
	    "{\"changes\":[{\"what\":\"broker\",\"name\":\"cloud\",\"text\":\"is closed\"},"
	    "{\"what\":\"log\",\"name\":null,\"text\":\"level is info\"}]}",
	    "broker cloud: is closed\n"
	    "log: level is info\n");
}

static void test_doctor(void **state)
{
	(void)state;
	expect(ctl_print_doctor,
	    "{\"checks\":[{\"check\":\"port\",\"broker\":null,\"result\":\"ok\",\"text\":\"open\","
	    "\"advice\":null},"
	    "{\"check\":\"reach\",\"broker\":\"cloud\",\"result\":\"fail\",\"text\":\"error 3\","
	    "\"advice\":\"look\"},"
	    "{\"check\":\"signal\",\"result\":\"warn\",\"text\":\"weak\",\"advice\":\"move it\"}]}",
	    "ok    port    open\n"
	    "FAIL  reach   cloud: error 3 - look\n"
	    "warn  signal  weak - move it\n");
}

static void test_at(void **state)
{
	(void)state;
	expect(ctl_print_at,
	    "{\"lines\":[\"+CSQ: 20,99\",\"\"],\"final\":\"OK\",\"truncated\":true}",
	    "+CSQ: 20,99\n\n(there were more lines)\nOK\n");
}

/* Every error that the daemon can give has words of its own, except for our own mistakes. */
static void test_errors(void **state)
{
	json_t *parameters;
	char *text;
	size_t size;
	FILE *out;

	(void)state;
	for (int e = 0; e < CTL_ERROR_COUNT; e++) {
		const char *name = ctl_error_name((enum ctl_error)e);

		parameters = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i}", "name",
		    "X", "topic", "X", "command", "X", "interface", "X", "method", "X", "parameter",
		    "X", "message", "X", "topic_max", 1, "payload_max", 2, "code", 3);

		json_object_set_new(parameters, "text", json_string("X"));
		json_object_set_new(parameters, "id", json_integer(4));
		out = open_memstream(&text, &size);
		ctl_print_error(out, name, parameters);
		fclose(out);
		print_message("%s: %s", name, text);
		assert_null(strstr(text, "?"));
		assert_null(strchr(text, '{'));
		if (e != CTL_ERROR_EXPECTED_MORE)
			assert_null(strstr(text, "the daemon says"));
		free(text);
		json_decref(parameters);
	}
	out = open_memstream(&text, &size);
	ctl_print_error(out, "a.b.New\033", NULL);
	ctl_print_error(out, "io.cmqttd.NoSuchBroker", NULL);
	fclose(out);
	assert_string_equal(text, "the daemon says a.b.New\\x1b\nthere is no broker \"?\"\n");
	free(text);
	/* Each mistake of a configuration has its line. */
	parameters = json_pack("{s:s}", "message", "f:1: a\033\nf:2: b");
	out = open_memstream(&text, &size);
	ctl_print_error(out, "io.cmqttd.ReloadFailed", parameters);
	fclose(out);
	json_decref(parameters);
	assert_string_equal(text, "nothing was changed:\n  f:1: a\\x1b\n  f:2: b\n");
	free(text);
}

/* Widths count characters, not bytes, and what is shown for a control character. */
static void test_table(void **state)
{
	static const char first_rows[] = "\xc3\xa4     100  end\n"
					 "\\x01    1  end\n"
					 "a       1  end\n";
	struct ctl_table t;
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	ctl_table_init(&t, 3);
	t.is_number[1] = true;
	for (size_t i = 0; i < 40; i++) {
		ctl_table_add(&t, CTL_COLOR_NONE, "%s",
		    i == 0   ? "\xc3\xa4"
		    : i == 1 ? "\x01"
			     : "a");
		ctl_table_add(&t, CTL_COLOR_NONE, "%d", i == 0 ? 100 : 1);
		ctl_table_add(&t, CTL_COLOR_NONE, "end");
	}
	assert_int_equal(ctl_table_print(&t, out, true), 0);
	fclose(out);
	assert_int_equal(strncmp(text, first_rows, strlen(first_rows)), 0);
	ctl_table_fini(&t);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_brokers),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_colors),
		cmocka_unit_test(test_history),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_queue),
		cmocka_unit_test(test_queued),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_doctor),
		cmocka_unit_test(test_at),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
