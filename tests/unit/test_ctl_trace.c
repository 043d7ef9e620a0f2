/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is recorded is read by the reader of dialogues, and gives the bytes that were on the wire.
 */
#define _GNU_SOURCE /* mkstemp */
#include "../../daemon/ctl_trace.h"
#include "replay/dialogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char status_text[] =
    "{\"version\":\"1.2.3\",\"modem\":{\"model\":\"SIM7600\\n< ERROR\","
    "\"revision\":\"LE20\\n< OK\"}}";

/* Events as Monitor gives them, and what becomes of them. */
static const struct {
	const char *event;
	const char *lines;
} events[] = {
	{ "{\"time\":\"2026-05-01T08:15:30.250Z\",\"event\":\"at\",\"sent\":true,"
	  "\"text\":\"AT+CPIN=***\"}",
	    "> AT+CPIN=***\n" },
	{ "{\"time\":\"2026-05-01T08:15:30.251Z\",\"event\":\"at\",\"sent\":false,\"text\":\"OK\"}",
	    "< OK\n" },
	{ "{\"time\":\"2026-05-01T08:15:31.000Z\",\"event\":\"state\",\"text\":\"no matter\"}",
	    "" },
	{ "{\"time\":\"2026-05-01T08:15:31.251Z\",\"event\":\"at\",\"sent\":true,"
	  "\"text\":\"AT+CMQTTTOPIC=0,7\"}",
	    "= 0..1500\n> AT+CMQTTTOPIC=0,7\n" },
	{ "{\"time\":\"2026-05-01T08:15:31.301Z\",\"event\":\"at\",\"sent\":false,\"text\":\">\"}",
	    "= 50\n<< \\r\\n>\n" },
	{ "{\"time\":\"2026-05-01T08:15:31.301Z\",\"event\":\"at\",\"sent\":true,"
	  "\"text\":\"<7 bytes>\"}",
	    ">> \\{7:.}\n" },
	{ "{\"time\":\"2026-05-01T08:15:31.301Z\",\"event\":\"lost\",\"lost\":3}",
	    "# 3 events are missing here\n" },
	{ "{\"time\":\"2026-05-01T08:15:31.301Z\",\"event\":\"at\",\"sent\":false,"
	  "\"text\":\"+CMQTTRXTOPIC: 0,9\"}",
	    "< +CMQTTRXTOPIC: 0,9\n" },
	{ "{\"time\":\"2026-05-01T08:15:31.301Z\",\"event\":\"at\",\"sent\":false,"
	  "\"text\":\"<9 bytes>\"}",
	    "<< \\{9:.}\n" },
	/* Not announced: a line that nobody knows. */
	{ "{\"time\":\"2026-05-01T08:15:31.301Z\",\"event\":\"at\",\"sent\":false,"
	  "\"text\":\"<4 bytes>\"}",
	    "< \\{4:.}\n" },
	{ "{\"time\":\"2026-05-01T08:15:31.301Z\",\"event\":\"at\",\"sent\":true,"
	  "\"text\":\"<5 CR>AT+CMEE?\"}",
	    "# 5 times CR before it, which end a body\n> AT+CMEE?\n" },
	{ "{\"time\":\"2026-05-01T08:15:31.301Z\",\"event\":\"at\",\"sent\":true,\"text\":\"+++\"}",
	    ">> +++\n" },
	{ "{\"time\":\"2026-05-01T08:15:31.301Z\",\"event\":\"at\",\"sent\":true,"
	  "\"text\":\"<multiplexer close-down>\"}",
	    ">> \\xf9\\x03\\xef\\x05\\xc3\\x01\\xf2\\xf9\\r\n" },
	{ "{\"time\":\"2026-05-01T08:15:31.301Z\",\"event\":\"at\",\"sent\":false,"
	  "\"text\":\"+COPS: \\\"a\\\\\\u00e9\\\"\"}",
	    "< +COPS: \"a\\\\\\xc3\\xa9\"\n" },
	/* A clock that goes back is no pause. */
	{ "{\"time\":\"2026-05-01T07:15:31.301Z\",\"event\":\"at\",\"sent\":false,\"text\":\"OK\"}",
	    "< OK\n" },
};

static void test_lines(void **state)
{
	struct ctl_trace t;
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	t = (struct ctl_trace){ .out = out };
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		json_t *event = json_loads(events[i].event, 0, NULL);

		print_message("%s\n", events[i].event);
		assert_non_null(event);
		rewind(out);
		ctl_trace_event(&t, event);
		fflush(out);
		assert_int_equal(size, strlen(events[i].lines));
		assert_memory_equal(text, events[i].lines, size);
		json_decref(event);
	}
	fclose(out);
	free(text);
}

static void assert_bytes(
    const struct dialogue_line *line, enum dialogue_kind kind, const char *text)
{
	assert_int_equal(line->kind, kind);
	assert_int_equal(buf_len(&line->bytes), strlen(text));
	assert_memory_equal(buf_data(&line->bytes), text, strlen(text));
}

/* The whole recording, head and all, is a dialogue. */
static void test_is_dialogue(void **state)
{
	char path[] = "/tmp/trace-XXXXXX";
	json_t *status = json_loads(status_text, 0, NULL);
	struct dialogue d;
	struct ctl_trace t;
	FILE *out = fdopen(mkstemp(path), "w");

	(void)state;
	assert_non_null(out);
	ctl_trace_begin(&t, out, status, "2026-05-01 08:15 UTC");
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		json_t *event = json_loads(events[i].event, 0, NULL);

		ctl_trace_event(&t, event);
		json_decref(event);
	}
	fclose(out);
	json_decref(status);
	assert_true(dialogue_read(path, &d));
	assert_int_equal(d.count, 15);
	assert_bytes(&d.lines[0], DIALOGUE_TX, "AT+CPIN=***\r");
	assert_bytes(&d.lines[1], DIALOGUE_RX, "\r\nOK\r\n");
	assert_int_equal(d.lines[2].kind, DIALOGUE_PAUSE);
	assert_int_equal(d.lines[2].max_ms, 1500);
	assert_bytes(&d.lines[5], DIALOGUE_RX, "\r\n>");
	assert_bytes(&d.lines[6], DIALOGUE_TX, ".......");
	assert_bytes(&d.lines[8], DIALOGUE_RX, ".........");
	assert_bytes(&d.lines[13], DIALOGUE_RX, "\r\n+COPS: \"a\\\xc3\xa9\"\r\n");
	dialogue_free(&d);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_is_dialogue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
