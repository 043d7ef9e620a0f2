/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes to tokens. Every row is fed whole and cut into reads of every size up to its length, and
 * must give the same tokens.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "at/at_parser.h"
#include "base/limits.h"
#include "base/timerq.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct at_framing framing[] = {
	{ "+RXTOPIC:", 20 },
	{ "+RXPAYLOAD:", AT_DATA_MAX },
	{ 0 },
};

/* Tokens as text, one behind the other: L(line) L(line|data) P E G(line) */
struct tape {
	char text[4096];
	size_t len;
};

static void record(struct tape *t, const struct at_token *token)
{
	static const char letters[] = { [AT_TOKEN_LINE] = 'L',
		[AT_TOKEN_PROMPT] = 'P',
		[AT_TOKEN_ECHO] = 'E',
		[AT_TOKEN_GARBAGE] = 'G' };
	size_t room = sizeof(t->text) - t->len;
	int n;

	assert_true(room > 64);
	if (token->type == AT_TOKEN_PROMPT || token->type == AT_TOKEN_ECHO)
		n = snprintf(t->text + t->len, room, "%c ", letters[token->type]);
	else if (token->has_data)
		n = snprintf(t->text + t->len, room, "%c(%.*s|%.*s) ", letters[token->type],
		    (int)token->line.len, (const char *)token->line.data, (int)token->data.len,
		    (const char *)token->data.data);
	else
		n = snprintf(t->text + t->len, room, "%c(%.*s) ", letters[token->type],
		    token->line.len > 40 ? 40 : (int)token->line.len,
		    (const char *)token->line.data);
	t->len += (size_t)n < room ? (size_t)n : room - 1;
}

/* As the owner does it: until there is none. */
static void drain(struct at_parser *p, uint64_t now_ms, struct tape *t)
{
	struct at_token token;

	while (at_parser_next(p, now_ms, &token))
		record(t, &token);
}

struct row {
	const char *input;
	const char *tokens;
	const char *command; /* sent, with CR: its echo may come */
	const char *body;    /* sent after the prompt */
	bool prompt;         /* expected */
};

static void run(const struct row *row, size_t len, size_t chunk)
{
	struct at_parser p;
	struct tape tape = { 0 };
	struct span command = { 0 }, body = { 0 };
	size_t n;

	at_parser_init(&p, framing);
	if (row->command)
		command = (struct span){ (const uint8_t *)row->command, strlen(row->command) };
	if (row->body)
		body = (struct span){ (const uint8_t *)row->body, strlen(row->body) };
	at_parser_expect_echo(&p, command, body);
	at_parser_expect_prompt(&p, row->prompt);
	for (size_t i = 0; i < len; i += n) {
		n = len - i < chunk ? len - i : chunk;
		assert_int_equal(at_parser_rx(&p, 0, (const uint8_t *)row->input + i, n), 0);
		drain(&p, 0, &tape);
	}
	if (strcmp(tape.text, row->tokens) != 0)
		fail_msg("reads of %zu of '%s'\nwanted %s\ngot    %s", chunk, row->input,
		    row->tokens, tape.text);
	at_parser_fini(&p);
}

static void run_all(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(rows[i].input);

		for (size_t chunk = 1; chunk <= len; chunk++)
			run(&rows[i], len, chunk);
	}
}

#define RUN_ALL(rows) run_all(rows, sizeof(rows) / sizeof((rows)[0]))

static void test_lines(void **state)
{
	static const struct row rows[] = {
		{ .input = "\r\nOK\r\n", .tokens = "L(OK) " },
		{ .input = "\r\nRDY\r\n\r\n+CPIN: READY\r\n", .tokens = "L(RDY) L(+CPIN: READY) " },
		{ .input = "OK\r0\rERROR\n\n", .tokens = "L(OK) L(0) L(ERROR) " },
		{ .input = " OK \r\n \r\n", .tokens = "L(OK) " },
		{ .input = "\xff\xfe\r\n\x01RDY\r\n", .tokens = "L(RDY) " },
		{ .input = "no end yet", .tokens = "" },
		{ .input = "no LF yet\r", .tokens = "" },
		{ .input = "0\r", .tokens = "L(0) " },
		{ .input = "a\x01z\r\nOK\r\n", .tokens = "G(a\x01z) L(OK) " },
		{ .input = "tab\tis fine\r\n", .tokens = "L(tab\tis fine) " },
		{ .input = "+COPS: \"\xc3\xa9\"\r\n", .tokens = "L(+COPS: \"\xc3\xa9\") " },
		{ .input = "AT+CMQTTCONNECT=0,\"x\",1,1,\"u\",\"secret\"\r\nOK\r\n",
		    .tokens = "E L(OK) " },
	};

	(void)state;
	RUN_ALL(rows);
}

static void test_counted(void **state)
{
	static const struct row rows[] = {
		{ .input = "+RXTOPIC: 0,3\r\na/b\r\n+RXEND: 0\r\n",
		    .tokens = "L(+RXTOPIC: 0,3|a/b) L(+RXEND: 0) " },
		{ .input = "+RXTOPIC:0, 3\r\na/b\r\n", .tokens = "L(+RXTOPIC:0, 3|a/b) " },
		{ .input = "+RXPAYLOAD: 1,13\r\n\r\nOK\r\n>\r\nOK\r\nOK\r\n",
		    .tokens = "L(+RXPAYLOAD: 1,13|\r\nOK\r\n>\r\nOK\r\n) L(OK) " },
		{ .input = "+RXPAYLOAD: 1,1\r\n\nOK\r\n",
		    .tokens = "L(+RXPAYLOAD: 1,1|\n) L(OK) " },
		{ .input = "+RXPAYLOAD: 1,2\n\n\nOK\r\n",
		    .tokens = "L(+RXPAYLOAD: 1,2|\n\n) L(OK) " },
		{ .input = "+RXPAYLOAD: 1,0\r\nOK\r\n", .tokens = "L(+RXPAYLOAD: 1,0|) L(OK) " },
		{ .input = "+RXPAYLOAD: 5\r\nhelloOK\r\n",
		    .tokens = "L(+RXPAYLOAD: 5|hello) L(OK) " },
		{ .input = "+RXPAYLOAD: 1,9\r\nhello", .tokens = "" },
		{ .input = "+RXTOPIC: 0,21\r\nOK\r\n", .tokens = "G(+RXTOPIC: 0,21) L(OK) " },
		{ .input = "+RXPAYLOAD: 0,99999999999999999999\r\n",
		    .tokens = "G(+RXPAYLOAD: 0,99999999999999999999) " },
		{ .input = "+RXPAYLOAD: 0,\r\n", .tokens = "G(+RXPAYLOAD: 0,) " },
		{ .input = "+RXPAYLOAD: 0,x\r\n", .tokens = "G(+RXPAYLOAD: 0,x) " },
		{ .input = "+RXPAYLOAD:\r\n", .tokens = "G(+RXPAYLOAD:) " },
		{ .input = "x+RXPAYLOAD: 0,2\r\nOK\r\n", .tokens = "L(x+RXPAYLOAD: 0,2) L(OK) " },
	};

	(void)state;
	RUN_ALL(rows);
}

static void test_prompt(void **state)
{
	static const struct row rows[] = {
		{ .input = "\r\n>", .tokens = "P ", .prompt = true },
		{ .input = "\r\n> \r\n\r\nOK\r\n", .tokens = "P L(OK) ", .prompt = true },
		{ .input = "\r\n>\r\nOK\r\n", .tokens = "P L(OK) ", .prompt = true },
		{ .input = "\r\n>", .tokens = "" },
		{ .input = "\r\n>note\r\n", .tokens = "L(>note) " },
		{ .input = "\r\na>b\r\n", .tokens = "L(a>b) ", .prompt = true },
		{ .input = "\r\n>\r\n>x\r\n", .tokens = "P L(>x) ", .prompt = true },
		{ .input = "+RXTOPIC: 0,3\r\n>>>\r\n>",
		    .tokens = "L(+RXTOPIC: 0,3|>>>) P ",
		    .prompt = true },
	};

	(void)state;
	RUN_ALL(rows);
}

static void test_echo(void **state)
{
	static const struct row rows[] = {
		{ "AT+CSQ\r\r\n+CSQ: 1,2\r\n\r\nOK\r\n", "E L(+CSQ: 1,2) L(OK) ", "AT+CSQ\r", NULL,
		    false },
		{ "\r\nSMS DONE\r\nAT+CSQ\r\r\nOK\r\n", "L(SMS DONE) E L(OK) ", "AT+CSQ\r", NULL,
		    false },
		{ "AT+C\r\n+CREG: 1\r\nSQ\r\r\nOK\r\n", "L(+CREG: 1) E L(OK) ", "AT+CSQ\r", NULL,
		    false },
		{ "\xff"
		  "AT+CSQ\r\r\nOK\r\n",
		    "E L(OK) ", "AT+CSQ\r", NULL, false },
		{ "at+csq\r\r\nOK\r\n", "E L(OK) ", "at+csq\r", NULL, false },
		{ "AT+CSQ=?\r\r\nOK\r\n", "E L(OK) ", "AT+CSQ\r", NULL, false },
		/* The body comes back, and looks like all that could be. */
		{ "AT+T\r\r\n>OK\r\n>\r\nERROR\r\n\r\nOK\r\n", "E P E L(OK) ", "AT+T\r",
		    "OK\r\n>\r\nERROR", true },
		{ "AT+T\r\r\n> >x\r\nOK\r\n", "E P E L(OK) ", "AT+T\r", ">x", true },
		{ "AT+T\r\r\n> x\r\nOK\r\n", "E P E L(OK) ", "AT+T\r", " x", true },
		{ "AT+T\r\r\n>\r\n+CREG: 1\r\nab\r\n+RXTOPIC: 0,4\r\n\r\nOK\r\nc\r\n\r\nOK\r\n",
		    "E P L(+CREG: 1) L(+RXTOPIC: 0,4|\r\nOK) E L(OK) ", "AT+T\r", "abc", true },
		{ "AT+T\r\r\n>a\r\n+CREG: 1\r\n\r\nOK\r\nb\r\nOK\r\n", "E P L(+CREG: 1) E L(OK) ",
		    "AT+T\r", "a\r\nOK\r\nb", true },
		{ "AT+T\r\r\n>a\r\n+CREG: 1\r\n+\r\nOK\r\n", "E P L(+CREG: 1) E L(OK) ", "AT+T\r",
		    "a+", true },
		/* The modem echoes commands but not bodies. */
		{ "AT+T\r\r\n>\r\nOK\r\n", "E P L(OK) ", "AT+T\r", "Oh", true },
		{ "AT+T\r\r\n>\r\n+T: 0,2\r\n\r\nERROR\r\n", "E P L(+T: 0,2) L(ERROR) ", "AT+T\r",
		    "Eh", true },
		/* No echo: a body is never looked for. */
		{ "\r\n>\r\nOK\r\n", "P L(OK) ", "AT+T\r", "OK", true },
	};

	(void)state;
	RUN_ALL(rows);
}

static void test_long_lines(void **state)
{
	char input[AT_LINE_MAX + 20];
	struct row row = { .input = input };
	char longest[AT_LINE_MAX + 20];

	(void)state;
	memset(input, 'x', sizeof(input));
	memcpy(input + AT_LINE_MAX, "\r\nOK\r\n", 7);
	/* At the limit it is a line. */
	snprintf(longest, sizeof(longest), "L(%.*s) L(OK) ", 40, input);
	row.tokens = longest;
	for (size_t chunk = 1; chunk < AT_LINE_MAX + 20; chunk += 111)
		run(&row, strlen(input), chunk);
	/* One more, and it is garbage; no part of it is read as a line. */
	memset(input, 'x', AT_LINE_MAX + 1);
	memcpy(input + AT_LINE_MAX + 1, "\r\nOK\r\n", 7);
	longest[0] = 'G';
	for (size_t chunk = 1; chunk < AT_LINE_MAX + 20; chunk += 111)
		run(&row, strlen(input), chunk);
}

static void test_missing_bytes(void **state)
{
	static const char head[] = "+RXPAYLOAD: 0,9\r\nhel";
	struct at_parser p;
	struct tape tape = { 0 };

	(void)state;
	at_parser_init(&p, framing);
	assert_int_equal(at_parser_deadline(&p), TIMER_NEVER);
	assert_int_equal(at_parser_rx(&p, 100, (const uint8_t *)head, sizeof(head) - 1), 0);
	drain(&p, 100, &tape);
	assert_int_equal(at_parser_deadline(&p), 100 + AT_DATA_SILENCE_MS);
	/* It is silence that counts, not time. */
	assert_int_equal(at_parser_rx(&p, 2000, (const uint8_t *)"l", 1), 0);
	drain(&p, 2000, &tape);
	assert_int_equal(at_parser_deadline(&p), 2000 + AT_DATA_SILENCE_MS);
	drain(&p, 1999 + AT_DATA_SILENCE_MS, &tape);
	assert_string_equal(tape.text, "");
	drain(&p, 2000 + AT_DATA_SILENCE_MS, &tape);
	assert_string_equal(tape.text, "G(+RXPAYLOAD: 0,9) ");
	assert_int_equal(at_parser_deadline(&p), TIMER_NEVER);
	assert_int_equal(at_parser_rx(&p, 9000, (const uint8_t *)"\r\nOK\r\n", 6), 0);
	drain(&p, 9000, &tape);
	assert_string_equal(tape.text, "G(+RXPAYLOAD: 0,9) L(OK) ");
	at_parser_fini(&p);
}

static void test_largest_piece_fits(void **state)
{
	static uint8_t bytes[4096];
	struct at_parser p;
	struct at_token token;
	size_t left = AT_DATA_MAX;
	size_t n;

	(void)state;
	at_parser_init(&p, framing);
	memset(bytes, '>', sizeof(bytes));
	n = (size_t)snprintf((char *)bytes, 64, "+RXPAYLOAD: 0,%d\r\n", AT_DATA_MAX);
	assert_int_equal(at_parser_rx(&p, 0, bytes, n), 0);
	assert_false(at_parser_next(&p, 0, &token));
	memset(bytes, '>', sizeof(bytes));
	while (left > 0) {
		n = left < sizeof(bytes) ? left : sizeof(bytes);
		assert_int_equal(at_parser_rx(&p, 0, bytes, sizeof(bytes)), 0);
		left -= n;
		assert_int_equal(at_parser_next(&p, 0, &token), left == 0);
	}
	assert_int_equal(token.data.len, AT_DATA_MAX);
	/* Somebody who does not take tokens is told. */
	while (buf_room(&p.rx) >= sizeof(bytes))
		assert_int_equal(at_parser_rx(&p, 0, bytes, sizeof(bytes)), 0);
	assert_int_equal(at_parser_rx(&p, 0, bytes, sizeof(bytes)), -ENOBUFS);
	at_parser_fini(&p);
}

static void test_reset(void **state)
{
	struct at_parser p;
	struct tape tape = { 0 };

	(void)state;
	at_parser_init(&p, framing);
	at_parser_expect_prompt(&p, true);
	assert_int_equal(at_parser_rx(&p, 0, (const uint8_t *)"+RXTOPIC: 0,9\r\nx", 16), 0);
	drain(&p, 0, &tape);
	at_parser_reset(&p);
	assert_int_equal(at_parser_deadline(&p), TIMER_NEVER);
	assert_int_equal(at_parser_rx(&p, 0, (const uint8_t *)">x\r\n", 4), 0);
	drain(&p, 0, &tape);
	assert_string_equal(tape.text, "L(>x) ");
	at_parser_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_counted),
		cmocka_unit_test(test_prompt),
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_missing_bytes),
		cmocka_unit_test(test_largest_piece_fits),
		cmocka_unit_test(test_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
