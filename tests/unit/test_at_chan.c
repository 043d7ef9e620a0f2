/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AT channel, as dialogues: what goes out, what comes in, which events follow. Every dialogue
 * is run with the modem's bytes cut into reads of several sizes, and must come out the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "at/at_chan.h"
#include "base/limits.h"
#include "base/timerq.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOBS_MAX 4

static const struct at_framing framing[] = {
	{ "+CMQTTRXTOPIC:", MODEM_TOPIC_MAX },
	{ "+CMQTTRXPAYLOAD:", MODEM_RX_CHUNK_MAX },
	{ 0 },
};

/* ---- scripts of the rows: one per letter ---- */

#define ANSWERED(cmd, params) \
	.send = "AT+" cmd params, .answer = "+" cmd ": <client_index>,<err>", .timeout_ms = 200000

static const struct at_step plain[] = {
	{ .send = "AT+CSCLK=0", .timeout_ms = 1000, .is_last = true },
};
static const struct at_step query[] = {
	{ .send = "AT+CSQ", .collect = "+CSQ:", .timeout_ms = 1000, .is_last = true },
};
static const struct at_step model[] = {
	{ .send = "AT+CGMM", .collect = "*", .timeout_ms = 1000, .is_last = true },
};
static const struct at_step raw[] = {
	{ .send = "<command>", .collect = "**", .timeout_ms = 1000, .is_last = true },
};
static const struct at_step pub[] = {
	{ ANSWERED("CMQTTPUB", "=<client_index>,<qos>,60"), .is_last = true },
};
static const struct at_step start[] = {
	{ .send = "AT+CMQTTSTART",
	    .answer = "+CMQTTSTART: <err>",
	    .fine_errs = { 23 },
	    .timeout_ms = 120000,
	    .is_last = true },
};
static const struct at_step stop[] = {
	{ .send = "AT+CMQTTSTOP",
	    .answer = "+CMQTTSTOP: <err>",
	    .timeout_ms = 120000,
	    .answer_ms = 20000,
	    .is_last = true },
};
static const struct at_step accepted[] = {
	{ .send = "AT+CMQTTPUB=<client_index>,<qos>,60",
	    .answer = "+CMQTTPUB: <client_index>,<err>",
	    .timeout_ms = 120000,
	    .final_ms = 40000,
	    .is_last = true },
};
static const struct at_step slow[] = {
	{ .send = "AT+COPS=0",
	    .timeout_ms = 120000,
	    .final_ms = 40000,
	    .is_slow = true,
	    .is_last = true },
};
static const struct at_step config[] = {
	{ .send = "AT+CMQTTCFG=\"checkUTF8\",<client_index>,0",
	    .refusal = "+CMQTTCFG: <client_index>,<err>",
	    .timeout_ms = 1000,
	    .is_last = true },
};
static const struct at_step topic[] = {
	{ .send = "AT+CMQTTTOPIC=<client_index>,<req_length>",
	    .data = "topic",
	    .refusal = "+CMQTTTOPIC: <client_index>,<err>",
	    .timeout_ms = 12000,
	    .is_last = true },
};
static const struct at_step publish[] = {
	{ .send = "AT+CMQTTTOPIC=<client_index>,<req_length>",
	    .data = "topic",
	    .refusal = "+CMQTTTOPIC: <client_index>,<err>",
	    .timeout_ms = 12000 },
	{ .send = "AT+CMQTTPAYLOAD=<client_index>,<req_length>",
	    .data = "payload",
	    .only_if = "payload",
	    .refusal = "+CMQTTPAYLOAD: <client_index>,<err>",
	    .timeout_ms = 12000 },
	{ ANSWERED("CMQTTPUB", "=<client_index>,<qos>,60"), .is_last = true },
};
static const struct at_step close_client[] = {
	{ ANSWERED("CMQTTDISC", "=<client_index>,60"), .fine_errs = { 11 } },
	{ .send = "AT+CMQTTREL=<client_index>",
	    .error_is_fine = true,
	    .timeout_ms = 1000,
	    .is_last = true },
};
static const struct at_step disc_read[] = {
	{ .send = "AT+CMQTTDISC?", .collect = "+CMQTTDISC:", .timeout_ms = 1000, .is_last = true },
};
static const struct at_step login[] = {
	{ .send = "AT+CMQTTCONNECT=<client_index>,\"tcp://h:1\",60,1,\"<user>\",\"<password>\"",
	    .answer = "+CMQTTCONNECT: <client_index>,<err>",
	    .timeout_ms = 330000,
	    .is_last = true },
};

static const struct {
	char letter;
	const struct at_step *script;
} scripts[] = {
	{ 'p', plain },
	{ 'q', query },
	{ 'm', model },
	{ 'r', raw },
	{ 'P', pub },
	{ 'S', start },
	{ 'E', stop },
	{ 'A', accepted },
	{ 's', slow },
	{ 'C', config },
	{ 'T', topic },
	{ 'M', publish },
	{ 'D', close_client },
	{ 'd', disc_read },
	{ 'L', login },
};

/* ---- the stage ---- */

struct stage {
	struct at_chan *chan;
	struct at_job job[JOBS_MAX];
	struct at_args args[JOBS_MAX];
	uint64_t now_ms;
	size_t chunk;
	const char *row;
	size_t line;
	char seen[64][200]; /* events that nobody has compared yet */
	size_t seen_first;
	size_t seen_count;
};

static void describe(const struct stage *s, const struct at_event *ev, char *out, size_t size)
{
	static const char *const results[] = { [AT_OK] = "ok",
		[AT_FAILED] = "failed",
		[AT_UNKNOWN] = "unknown",
		[AT_CANCELLED] = "cancelled",
		[AT_INVALID] = "invalid" };
	static const char *const names[] = { [AT_EVENT_INFO] = "info",
		[AT_EVENT_URC] = "urc",
		[AT_EVENT_GARBAGE] = "garbage",
		[AT_EVENT_FENCED] = "fenced",
		[AT_EVENT_STUCK] = "stuck",
		[AT_EVENT_SENT] = "sent",
		[AT_EVENT_LINE] = "line" };
	int n;

	if (ev->type == AT_EVENT_DONE) {
		n = snprintf(out, size, "done %d %s", (int)(ev->job - s->job), results[ev->result]);
		if (ev->has_err)
			n += snprintf(out + n, size - (size_t)n, " %u", ev->err);
		if (ev->detail[0])
			n += snprintf(out + n, size - (size_t)n, " '%s'", ev->detail);
		return;
	}
	n = snprintf(out, size, "%s", names[ev->type]);
	if (ev->line.data)
		n += snprintf(out + n, size - (size_t)n, " %.*s",
		    ev->line.len > 80 ? 80 : (int)ev->line.len, (const char *)ev->line.data);
	if (ev->has_data)
		snprintf(out + n, size - (size_t)n, " [%.*s]", (int)ev->data.len,
		    (const char *)ev->data.data);
}

static void drain(struct stage *s)
{
	struct at_event ev;

	while (at_chan_next(s->chan, s->now_ms, &ev)) {
		assert_true(s->seen_count < 64);
		describe(s, &ev, s->seen[s->seen_count++], sizeof(s->seen[0]));
	}
}

#define FAIL_AT(s, ...)                                                                     \
	do {                                                                                \
		print_error(                                                                \
		    "row '%s', reads of %zu, line %zu: ", (s)->row, (s)->chunk, (s)->line); \
		print_error(__VA_ARGS__);                                                   \
		print_error("\n");                                                          \
		fail();                                                                     \
	} while (0)

static void feed(struct stage *s, const char *bytes, size_t len)
{
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		n = len - i < s->chunk ? len - i : s->chunk;
		at_chan_rx(s->chan, s->now_ms, (const uint8_t *)bytes + i, n);
		drain(s);
	}
}

static void expect_tx(struct stage *s, const char *text)
{
	struct buf *tx = at_chan_tx(s->chan);
	size_t len = strlen(text);

	if (buf_len(tx) < len || memcmp(buf_data(tx), text, len) != 0)
		FAIL_AT(s, "wanted '%s' to be sent, there is '%.*s'", text, (int)buf_len(tx),
		    (const char *)buf_data(tx));
	buf_consume(tx, len);
}

static void expect_padding(struct stage *s, size_t count)
{
	struct buf *tx = at_chan_tx(s->chan);

	for (size_t i = 0; i < count; i++) {
		if (buf_len(tx) == 0 || buf_data(tx)[0] != '\r')
			FAIL_AT(s, "wanted %zu CR, got %zu", count, i);
		buf_consume(tx, 1);
	}
}

static void expect_event(struct stage *s, const char *text)
{
	if (s->seen_first == s->seen_count)
		FAIL_AT(s, "wanted '%s', nothing happened", text);
	if (strcmp(s->seen[s->seen_first], text) != 0)
		FAIL_AT(s, "wanted '%s', got '%s'", text, s->seen[s->seen_first]);
	s->seen_first++;
}

static void submit(struct stage *s, size_t slot, char letter)
{
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		if (scripts[i].letter == letter)
			s->job[slot].script = scripts[i].script;
	s->job[slot].args = &s->args[slot];
	assert_int_equal(at_chan_submit(s->chan, s->now_ms, &s->job[slot]), 0);
	drain(s);
}

static void set_arg(struct stage *s, const char *text)
{
	struct at_args *a = &s->args[text[0] - '0'];
	static const char *const texts[] = { "topic", "payload", "user" };
	const char *value = strchr(text, '=') + 1;

	for (size_t i = 0; i < 3; i++)
		if (strncmp(text + 2, texts[i], strlen(texts[i])) == 0)
			at_args_text(a, texts[i], value);
	if (strncmp(text + 2, "password", 8) == 0)
		at_args_secret(a, "password", value);
	if (strncmp(text + 2, "command", 7) == 0)
		at_args_raw(a, "command", value);
}

static void wait_ms(struct stage *s, uint64_t ms)
{
	uint64_t end_ms = s->now_ms + ms;
	uint64_t due_ms;

	while ((due_ms = at_chan_deadline(s->chan)) <= end_ms) {
		s->now_ms = due_ms > s->now_ms ? due_ms : s->now_ms;
		drain(s);
		if (at_chan_deadline(s->chan) <= s->now_ms)
			FAIL_AT(s, "the deadline does not move");
	}
	s->now_ms = end_ms;
	drain(s);
}

/*
 * One line of a dialogue:
 *   >TEXT       these bytes were sent        <TEXT      these bytes come in
 *   =EVENT      the next event               ~MS        time passes
 *   pN          N carriage returns were sent !NX        job N submits script X
 *   xN          job N is cancelled           $N:NAME=V  a value of job N
 *   yN          job N has all its time
 *   c:VERB      close, open, reboot, dirty, hold, unhold, trace, idle (no deadline, all said)
 */
static void channel_verb(struct stage *s, const char *verb)
{
	if (strcmp(verb, "close") == 0)
		at_chan_close(s->chan, s->now_ms);
	else if (strcmp(verb, "open") == 0)
		at_chan_open(s->chan, s->now_ms);
	else if (strcmp(verb, "reboot") == 0)
		at_chan_rebooted(s->chan, s->now_ms);
	else if (strcmp(verb, "dirty") == 0)
		at_chan_set_dirty(s->chan);
	else if (strcmp(verb, "hold") == 0)
		at_chan_hold(s->chan, s->now_ms);
	else if (strcmp(verb, "unhold") == 0)
		at_chan_unhold(s->chan);
	else if (strcmp(verb, "trace") == 0)
		at_chan_set_trace(s->chan, true);
	else if (strcmp(verb, "idle") != 0)
		FAIL_AT(s, "no verb '%s'", verb);
	drain(s);
}

static void play_line(struct stage *s, const char *line)
{
	switch (line[0]) {
	case '>':
		expect_tx(s, line + 1);
		break;
	case '<':
		feed(s, line + 1, strlen(line + 1));
		break;
	case '=':
		expect_event(s, line + 1);
		break;
	case '~':
		wait_ms(s, (uint64_t)strtoul(line + 1, NULL, 10));
		break;
	case 'p':
		expect_padding(s, (size_t)strtoul(line + 1, NULL, 10));
		break;
	case '!':
		submit(s, (size_t)(line[1] - '0'), line[2]);
		break;
	case 'x':
		at_chan_cancel(s->chan, s->now_ms, &s->job[line[1] - '0']);
		drain(s);
		break;
	case 'y':
		s->job[line[1] - '0'].is_patient = true;
		break;
	case '$':
		set_arg(s, line + 1);
		break;
	case 'c':
		channel_verb(s, line + 2);
		break;
	default:
		FAIL_AT(s, "what is '%s'?", line);
	}
	if (strcmp(line, "c:idle") == 0 && at_chan_deadline(s->chan) != TIMER_NEVER)
		FAIL_AT(s, "a deadline is left");
}

#define LINES_MAX 40

struct row {
	const char *name;
	const char *lines[LINES_MAX]; /* ended by NULL */
};

#define ROW(title, ...)             \
	{                           \
		title,              \
		{                   \
			__VA_ARGS__ \
		}                   \
	}

#define FENCE_OK "\r\n+CMEE: 0\r\n\r\nOK\r\n"
#define OTHER_OK "\r\n+CGATT: 1\r\n\r\nOK\r\n"

static void set_up(struct stage *s, const char *name, size_t chunk)
{
	*s = (struct stage){ .row = name, .chunk = chunk, .now_ms = 1000 };
	s->chan = at_chan_new(framing, AT_CMD_MAX);
	assert_non_null(s->chan);
	for (size_t i = 0; i < JOBS_MAX; i++) {
		at_args_init(&s->args[i]);
		at_args_number(&s->args[i], "client_index", i % 2);
		at_args_number(&s->args[i], "qos", 1);
		at_args_text(&s->args[i], "topic", "a/b");
		at_args_text(&s->args[i], "payload", "hello");
	}
}

/* Until the line is ours. */
static void open_line(struct stage *s)
{
	at_chan_open(s->chan, s->now_ms);
	drain(s);
	play_line(s, ">AT+CMEE?\r");
	play_line(s, "<" FENCE_OK);
	play_line(s, "=fenced");
}

static void play(const struct row *row, size_t chunk)
{
	struct stage s;

	set_up(&s, row->name, chunk);
	if (row->lines[0][0] != '-')
		open_line(&s);
	for (s.line = row->lines[0][0] == '-'; row->lines[s.line]; s.line++)
		play_line(&s, row->lines[s.line]);
	if (s.seen_first < s.seen_count)
		FAIL_AT(&s, "nobody expected '%s'", s.seen[s.seen_first]);
	if (buf_len(at_chan_tx(s.chan)) > 0)
		FAIL_AT(&s, "nobody expected '%.*s' to be sent", (int)buf_len(at_chan_tx(s.chan)),
		    (const char *)buf_data(at_chan_tx(s.chan)));
	at_chan_free(s.chan);
}

static void play_all(const struct row *rows, size_t count)
{
	static const size_t chunks[] = { 4096, 1, 2, 3, 7 };

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < sizeof(chunks) / sizeof(chunks[0]); k++)
			play(&rows[i], chunks[k]);
}

#define PLAY_ALL(rows) play_all(rows, sizeof(rows) / sizeof((rows)[0]))

/* ---- how a command ends (AT manual 16.2, and captures of real modems) ---- */

static void test_endings(void **state)
{
	static const struct row rows[] = {
		ROW("OK", "!0p", ">AT+CSCLK=0\r", "<\r\nOK\r\n", "=done 0 ok", "c:idle"),
		ROW("ERROR", "!0p", ">AT+CSCLK=0\r", "<\r\nERROR\r\n", "=done 0 failed"),
		ROW("CME text", "!0p", ">AT+CSCLK=0\r", "<\r\n+CME ERROR: SIM busy\r\n",
		    "=done 0 failed 'SIM busy'"),
		ROW("CMS number", "!0p", ">AT+CSCLK=0\r", "<\r\n+CMS ERROR: 313\r\n",
		    "=done 0 failed '313'"),
		ROW("OK, answer", "!1P", ">AT+CMQTTPUB=1,1,60\r", "<\r\nOK\r\n", "~100000",
		    "<\r\n+CMQTTPUB: 1,0\r\n", "=done 1 ok 0", "c:idle"),
		ROW("answer, OK", "!0P", ">AT+CMQTTPUB=0,1,60\r", "<\r\n+CMQTTPUB: 0,0\r\n",
		    "<\r\nOK\r\n", "=done 0 ok 0"),
		ROW("OK, bad answer", "!0P", ">AT+CMQTTPUB=0,1,60\r", "<\r\nOK\r\n",
		    "<\r\n+CMQTTPUB: 0,6\r\n", "=done 0 failed 6"),
		ROW("bad answer, OK", "!0P", ">AT+CMQTTPUB=0,1,60\r", "<\r\n+CMQTTPUB: 0,6\r\n",
		    "<\r\nOK\r\n", "=done 0 failed 6"),
		ROW("bad answer, ERROR", "!0P", ">AT+CMQTTPUB=0,1,60\r", "<\r\n+CMQTTPUB: 0,14\r\n",
		    "<\r\nERROR\r\n", "=done 0 failed 14"),
		ROW("ERROR, answer at once", "!0P", ">AT+CMQTTPUB=0,1,60\r", "<\r\nERROR\r\n",
		    "~299", "<\r\n+CMQTTPUB: 0,11\r\n", "=done 0 failed 11"),
		ROW("ERROR, answer too late", "!0P", ">AT+CMQTTPUB=0,1,60\r", "<\r\nERROR\r\n",
		    "~300", "=done 0 failed", "<\r\n+CMQTTPUB: 0,11\r\n", "=urc +CMQTTPUB: 0,11"),
		ROW("ERROR, good answer", "!0P", ">AT+CMQTTPUB=0,1,60\r", "<\r\nERROR\r\n",
		    "<\r\n+CMQTTPUB: 0,0\r\n", "=done 0 failed"),
		ROW("fine error", "!0S", ">AT+CMQTTSTART\r",
		    "<\r\n+CMQTTSTART: 23\r\n\r\nERROR\r\n", "=done 0 ok 23"),
		ROW("ERROR, fine error", "!0S", ">AT+CMQTTSTART\r", "<\r\nERROR\r\n",
		    "<\r\n+CMQTTSTART: 23\r\n", "=done 0 ok 23"),
		ROW("fine error after OK", "!0S", ">AT+CMQTTSTART\r", "<\r\nOK\r\n",
		    "<\r\n+CMQTTSTART: 23\r\n", "=done 0 ok 23"),
		ROW("START as real SIM7600 answers it", "!0S", ">AT+CMQTTSTART\r",
		    "<\r\n+CMQTTSTART: 0\r\n", "<\r\nOK\r\n", "=done 0 ok 0"),
		ROW("refusal is not waited for", "!0C", ">AT+CMQTTCFG=\"checkUTF8\",0,0\r",
		    "<\r\nOK\r\n", "=done 0 ok"),
		ROW("refusal, then OK as the manual prints it (16.2.17)", "!0C",
		    ">AT+CMQTTCFG=\"checkUTF8\",0,0\r", "<\r\n+CMQTTCFG: 0,12\r\n\r\nOK\r\n",
		    "=done 0 failed 12"),
		ROW("refusal, then ERROR", "!0C", ">AT+CMQTTCFG=\"checkUTF8\",0,0\r",
		    "<\r\n+CMQTTCFG: 0,12\r\n\r\nERROR\r\n", "=done 0 failed 12"),
		ROW("stray results", "<\r\nOK\r\n\r\nERROR\r\n", "!0p", ">AT+CSCLK=0\r",
		    "<\r\nOK\r\n", "=done 0 ok", "<\r\nOK\r\n", "c:idle"),
		ROW("a result that comes before the command has left is another's", "!0p",
		    ">AT+CSCLK=0\r", "!1p", "<\r\nOK\r\n\r\nOK\r\n", "=done 0 ok", ">AT+CSCLK=0\r",
		    "~999", "<\r\nERROR\r\n", "=done 1 failed"),
		ROW("ERROR, then OK: which of them is the stray is not known", "!0P",
		    ">AT+CMQTTPUB=0,1,60\r", "<\r\nERROR\r\n\r\nOK\r\n", "~300", "=done 0 failed"),
		ROW("ERROR, then OK, where a lost connection leaves an ERROR behind", "!0P",
		    ">AT+CMQTTPUB=0,1,60\r", "<\r\nERROR\r\n", "c:dirty", "<\r\nOK\r\n", "~300",
		    "<\r\n+CMQTTPUB: 0,0\r\n", "=done 0 ok 0"),
		ROW("fine step, then the next", "!0D", ">AT+CMQTTDISC=0,60\r", "<\r\nERROR\r\n",
		    "<\r\n+CMQTTDISC: 0,11\r\n", ">AT+CMQTTREL=0\r", "<\r\nERROR\r\n",
		    "=done 0 ok"),
	};

	(void)state;
	PLAY_ALL(rows);
}

/* ---- who gets which line ---- */

static void test_lines(void **state)
{
	static const struct row rows[] = {
		ROW("info lines", "!0q", ">AT+CSQ\r", "<\r\n+CSQ: 27,99\r\n", "=info +CSQ: 27,99",
		    "<\r\nOK\r\n", "=done 0 ok"),
		ROW("unsolicited line before the echo", "!0q", ">AT+CSQ\r",
		    "<\r\nSMS DONE\r\nAT+CSQ\r\r\n+CSQ: 1,2\r\n\r\nOK\r\n", "=urc SMS DONE",
		    "=info +CSQ: 1,2", "=done 0 ok"),
		ROW("answer without prefix", "!0m", ">AT+CGMM\r",
		    "<AT+CGMM\r\r\nSIMCOM_SIM7600EI\r\n\r\n+CREG: 1\r\n\r\nOK\r\n",
		    "=info SIMCOM_SIM7600EI", "=urc +CREG: 1", "=done 0 ok"),
		ROW("an operator's command", "$0:command=AT+CGDCONT=1,\"IP\"", "!0r",
		    ">AT+CGDCONT=1,\"IP\"\r", "<\r\n+CMQTTCONNLOST: 0,1\r\n",
		    "=info +CMQTTCONNLOST: 0,1", "=urc +CMQTTCONNLOST: 0,1", "<\r\nx\r\n",
		    "=info x", "<\r\n+CMQTTRXTOPIC: 0,2\r\nOK\r\n", "=urc +CMQTTRXTOPIC: 0,2 [OK]",
		    "<\r\nOK\r\n", "=done 0 ok"),
		ROW("two that await", "!0P", ">AT+CMQTTPUB=0,1,60\r", "<\r\nOK\r\n", "!1P",
		    ">AT+CMQTTPUB=1,1,60\r", "<\r\nOK\r\n", "<\r\n+CMQTTPUB: 1,3\r\n",
		    "=done 1 failed 3", "<\r\n+CMQTTPUB: 0,0\r\n", "=done 0 ok 0"),
		ROW("answer of the other client in mid-command", "!0P", ">AT+CMQTTPUB=0,1,60\r",
		    "<\r\nOK\r\n", "!1P", ">AT+CMQTTPUB=1,1,60\r", "<\r\n+CMQTTPUB: 0,6\r\n",
		    "=done 0 failed 6", "<\r\nOK\r\n\r\n+CMQTTPUB: 1,0\r\n", "=done 1 ok 0"),
		ROW("one that concludes goes on before those that wait", "!0D",
		    ">AT+CMQTTDISC=0,60\r", "<\r\nOK\r\n", "!1p", ">AT+CSCLK=0\r", "!2q",
		    "<\r\n+CMQTTDISC: 0,0\r\n", "<\r\nOK\r\n", "=done 1 ok", ">AT+CMQTTREL=0\r",
		    "<\r\nOK\r\n", "=done 0 ok", ">AT+CSQ\r", "<\r\nOK\r\n", "=done 2 ok"),
		ROW("lines that could be another's answer are not asked for", "!0D",
		    ">AT+CMQTTDISC=0,60\r", "<\r\nOK\r\n", "!1d", "!2p", ">AT+CSCLK=0\r",
		    "<\r\nOK\r\n", "=done 2 ok", "<\r\n+CMQTTDISC: 0,0\r\n", ">AT+CMQTTREL=0\r",
		    "<\r\nOK\r\n", "=done 0 ok", ">AT+CMQTTDISC?\r",
		    "<\r\n+CMQTTDISC: 0,1\r\n\r\nOK\r\n", "=info +CMQTTDISC: 0,1", "=done 1 ok"),
		ROW("a line that begins with > is no prompt", "<\r\n>hello\r\n", "=urc >hello",
		    "!0q", ">AT+CSQ\r", "<\r\n> AT+X\r\n", "=urc > AT+X", "<\r\nOK\r\n",
		    "=done 0 ok"),
		ROW("counted bytes are nobody's result", "!0p", ">AT+CSCLK=0\r",
		    "<\r\n+CMQTTRXPAYLOAD: 1,16\r\n\r\nOK\r\n>\r\nERROR\r\n\r\n",
		    "=urc +CMQTTRXPAYLOAD: 1,16 [\r\nOK\r\n>\r\nERROR\r\n]", "<\r\nOK\r\n",
		    "=done 0 ok"),
		ROW("garbage makes the line dirty", "<\r\n+CMQTTRXTOPIC: 0,99999\r\n",
		    "=garbage +CMQTTRXTOPIC: 0,99999", "c:idle", "!0p", ">AT+CMEE?\r",
		    "<\r\nOK\r\n" FENCE_OK, "=fenced", ">AT+CSCLK=0\r", "<\r\nOK\r\n",
		    "=done 0 ok"),
	};

	(void)state;
	PLAY_ALL(rows);
}

/* ---- data entry ---- */

static void test_data(void **state)
{
	static const struct row rows[] = {
		ROW("prompt, body, OK", "!0T", ">AT+CMQTTTOPIC=0,3\r", "<\r\n>", ">a/b",
		    "<\r\nOK\r\n", "=done 0 ok"),
		ROW("prompt with blank and line end", "!0T", ">AT+CMQTTTOPIC=0,3\r", "<\r\n> \r\n",
		    ">a/b", "<\r\nOK\r\n", "=done 0 ok"),
		ROW("refused before the prompt", "!0T", ">AT+CMQTTTOPIC=0,3\r",
		    "<\r\n+CMQTTTOPIC: 0,11\r\n\r\nERROR\r\n", "=done 0 failed 11"),
		ROW("refused with OK", "!0T", ">AT+CMQTTTOPIC=0,3\r",
		    "<\r\n+CMQTTTOPIC: 0,11\r\n\r\nOK\r\n", "=done 0 failed 11"),
		ROW("refused after the body", "!0T", ">AT+CMQTTTOPIC=0,3\r", "<\r\n>", ">a/b",
		    "<\r\n+CMQTTTOPIC: 0,2\r\n\r\nERROR\r\n", "=done 0 failed 2"),
		ROW("a stray OK is not the prompt", "!0T", ">AT+CMQTTTOPIC=0,3\r",
		    "<\r\nOK\r\n\r\n>", ">a/b", "<\r\nOK\r\n", "=done 0 ok"),
		ROW("a stray ERROR, then the prompt of the command that it ended", "!0T",
		    ">AT+CMQTTTOPIC=0,3\r", "<\r\nERROR\r\n", "=done 0 failed", "<\r\n>", "p3",
		    ">AT+CMEE?\r", "<\r\nOK\r\n" FENCE_OK, "=fenced"),
		ROW("three steps", "!0M", ">AT+CMQTTTOPIC=0,3\r", "<\r\n>", ">a/b", "<\r\nOK\r\n",
		    ">AT+CMQTTPAYLOAD=0,5\r", "<\r\n>", ">hello", "<\r\nOK\r\n",
		    ">AT+CMQTTPUB=0,1,60\r", "<\r\nOK\r\n\r\n+CMQTTPUB: 0,0\r\n", "=done 0 ok 0"),
		ROW("an empty payload has no step", "$0:payload=", "!0M", ">AT+CMQTTTOPIC=0,3\r",
		    "<\r\n>", ">a/b", "<\r\nOK\r\n", ">AT+CMQTTPUB=0,1,60\r",
		    "<\r\nOK\r\n\r\n+CMQTTPUB: 0,0\r\n", "=done 0 ok 0"),
		ROW("echo of command and body", "$0:topic=\r\nOK\r\n", "!0T",
		    ">AT+CMQTTTOPIC=0,6\r", "<AT+CMQTTTOPIC=0,6\r\r\n>", ">\r\nOK\r\n",
		    "<\r\nOK\r\n", "<\r\nOK\r\n", "=done 0 ok"),
		ROW("body that is a result, from a modem that echoes commands alone",
		    "$0:topic=\r\nOK\r\n", "!0T", ">AT+CMQTTTOPIC=0,6\r",
		    "<AT+CMQTTTOPIC=0,6\r\r\n>", ">\r\nOK\r\n", "<\r\nOK\r\n", "~2000",
		    "=done 0 ok"),
		ROW("body that begins like a prompt", "$0:topic=>>x", "!0T", ">AT+CMQTTTOPIC=0,3\r",
		    "<AT+CMQTTTOPIC=0,3\r\r\n>", ">>>x", "<>>x\r\nOK\r\n", "=done 0 ok"),
		ROW("unsolicited lines anywhere", "$0:topic=x\r\nOK\r\ny", "!0T",
		    ">AT+CMQTTTOPIC=0,8\r", "<\r\n+CREG: 1\r\nAT+CMQTTTOPIC=0,8\r", "=urc +CREG: 1",
		    "<\r\n+CREG: 2\r\n\r\n>", "=urc +CREG: 2", ">x\r\nOK\r\ny",
		    "<\r\n+CREG: 3\r\nx\r\nO\r\n+CREG: 4\r\nK\r\ny\r\n+CREG: 5\r\n",
		    "=urc +CREG: 3", "=urc +CREG: 4", "=urc +CREG: 5", "<\r\nOK\r\n", "=done 0 ok"),
		ROW("echo of the body of a job that was cancelled", "$0:topic=x\r\nRDY\r\nOK\r\ny",
		    "!0T", ">AT+CMQTTTOPIC=0,13\r", "<AT+CMQTTTOPIC=0,13\r\r\n>",
		    ">x\r\nRDY\r\nOK\r\ny", "<x\r\nR", "x0", "=done 0 unknown", "p13",
		    ">AT+CMEE?\r", "$0:topic=another", "<DY\r\n+CREG: 1\r\n", "=urc +CREG: 1",
		    "<\r\nOK\r\ny\r\nOK\r\n\r\r\rAT+CMEE?\r" FENCE_OK, "=fenced", "c:idle"),
		ROW("a body that does not come back from a modem that echoes commands",
		    "$0:topic=\r\nOK\r\nx", "!0T", ">AT+CMQTTTOPIC=0,7\r",
		    "<AT+CMQTTTOPIC=0,7\r\r\n>", ">\r\nOK\r\nx", "x0", "=done 0 unknown", "p7",
		    ">AT+CMEE?\r", "<\r\nOK\r\n\r\r\rAT+CMEE?\r" FENCE_OK, "~2000", "=fenced",
		    "!0q", ">AT+CSQ\r", "<\r\nOK\r\n", "=done 0 ok", "c:idle"),
		ROW("a fence that has passed ends the wait for the echo of a body", "$0:topic=SIM",
		    "!0T", ">AT+CMQTTTOPIC=0,3\r", "<AT+CMQTTTOPIC=0,3\r\r\n>", ">SIM", "x0",
		    "=done 0 unknown", "p3", ">AT+CMEE?\r", "<\r\nOK\r\n" FENCE_OK, "=fenced",
		    "!0m", ">AT+CGMM\r", "<\r\nSIMCOM_SIM7600EI\r\n\r\nOK\r\n",
		    "=info SIMCOM_SIM7600EI", "=done 0 ok"),
		ROW("the modem starts anew in the middle of the echo of a body",
		    "$0:topic=\r\nOK\r\nx", "!0T", ">AT+CMQTTTOPIC=0,7\r",
		    "<AT+CMQTTTOPIC=0,7\r\r\n>", ">\r\nOK\r\nx", "c:reboot", "=done 0 unknown",
		    ">AT+CMEE?\r", "<" FENCE_OK, "=fenced", "!0q", ">AT+CSQ\r", "<\r\nOK\r\n",
		    "=done 0 ok", "c:idle"),
		ROW("message in the middle of a data entry", "!0T", ">AT+CMQTTTOPIC=0,3\r",
		    "<\r\n>", ">a/b", "<\r\n+CMQTTRXTOPIC: 0,4\r\n\r\nOK\r\n\r\nOK\r\n",
		    "=urc +CMQTTRXTOPIC: 0,4 [\r\nOK]", "=done 0 ok"),
	};

	(void)state;
	PLAY_ALL(rows);
}

/* ---- values that must not reach the modem ---- */

static void test_invalid(void **state)
{
	static const struct row rows[] = {
		ROW("quote", "$0:user=a\",\"b", "$0:password=x", "!0L", "=done 0 invalid",
		    "c:idle"),
		ROW("line end", "$0:user=a\rAT+CPOF", "$0:password=x", "!0L", "=done 0 invalid"),
		ROW("line end in an operator's command", "$0:command=AT\rAT+CPOF", "!0r",
		    "=done 0 invalid"),
		ROW("nothing to enter", "$0:topic=", "!0T", "=done 0 invalid"),
		ROW("nothing is sent when a later step cannot be", "$0:topic=", "!0M",
		    "=done 0 invalid"),
	};

	(void)state;
	PLAY_ALL(rows);
}

/* ---- time-outs and the fence ---- */

static void test_fence(void **state)
{
	static const struct row rows[] = {
		ROW("late result is nobody's", "!0p", ">AT+CSCLK=0\r", "~1000", "=done 0 unknown",
		    ">AT+CMEE?\r", "!1p", "<\r\nERROR\r\n" FENCE_OK, "=fenced", ">AT+CSCLK=0\r",
		    "<\r\nOK\r\n", "=done 1 ok", "c:idle"),
		ROW("answer but no result in time", "!0S", ">AT+CMQTTSTART\r",
		    "<\r\n+CMQTTSTART: 0\r\n", "~120000", "=done 0 unknown", ">AT+CMEE?\r",
		    "<" FENCE_OK, "=fenced"),
		ROW("OK but no answer in time: no fence", "!0P", ">AT+CMQTTPUB=0,1,60\r",
		    "<\r\nOK\r\n", "~200000", "=done 0 unknown", "c:idle"),
		ROW("fine errors do not excuse silence", "!0D", ">AT+CMQTTDISC=0,60\r",
		    "<\r\nERROR\r\n", "<\r\n+CMQTTDISC: 0,11\r\n", ">AT+CMQTTREL=0\r", "~1000",
		    "=done 0 unknown", ">AT+CMEE?\r", "<" FENCE_OK, "=fenced"),
		ROW("asked twice, answered twice", "!0p", ">AT+CSCLK=0\r", "~1000",
		    "=done 0 unknown", ">AT+CMEE?\r", "~3000", ">AT+CMEE?\r", "<" FENCE_OK,
		    "=fenced", "!1p", ">AT+CSCLK=0\r", "<" FENCE_OK "\r\nERROR\r\n",
		    "=done 1 failed"),
		ROW("the first of two was lost", "!0p", ">AT+CSCLK=0\r", "~1000", "=done 0 unknown",
		    ">AT+CMEE?\r", "~3000", ">AT+CMEE?\r", "<" FENCE_OK, "=fenced", "!1p",
		    ">AT+CSCLK=0\r", "<\r\nOK\r\n", "=done 1 ok", "!1q", ">AT+CSQ\r", "<\r\nOK\r\n",
		    "=done 1 ok"),
		ROW("a late pair does not answer the next fence", "!0p", ">AT+CSCLK=0\r", "~1000",
		    "=done 0 unknown", ">AT+CMEE?\r", "~3000", ">AT+CMEE?\r", "<" FENCE_OK,
		    "=fenced", "!1p", ">AT+CSCLK=0\r", "~1000", "=done 1 unknown", ">AT+CMEE?\r",
		    "!2p", "<" FENCE_OK "\r\nERROR\r\n", "<" FENCE_OK, "=fenced", ">AT+CSCLK=0\r",
		    "<\r\nOK\r\n", "=done 2 ok"),
		ROW("lost prompt: the body is paid", "!0T", ">AT+CMQTTTOPIC=0,3\r", "~12000",
		    "=done 0 unknown", "p3", ">AT+CMEE?\r", "<\r\nOK\r\n" FENCE_OK, "=fenced"),
		ROW("lost byte of the body: the body is paid", "!0T", ">AT+CMQTTTOPIC=0,3\r",
		    "<\r\n>", ">a/b", "~12000", "=done 0 unknown", "p3", ">AT+CMEE?\r",
		    "<\r\nOK\r\n" FENCE_OK, "=fenced"),
		ROW("the body is paid twice, the second time in full", "!0T",
		    ">AT+CMQTTTOPIC=0,3\r", "~12000", "=done 0 unknown", "p3", ">AT+CMEE?\r",
		    "~3000", "p10240", ">AT+CMEE?\r", "<\r\nOK\r\n" FENCE_OK, "=fenced"),
		ROW("late prompt", "!0T", ">AT+CMQTTTOPIC=0,3\r", "~12000", "=done 0 unknown", "p3",
		    ">AT+CMEE?\r", "<\r\n>\r\nOK\r\n" FENCE_OK, "=fenced"),
		ROW("stuck, and back after all", "!0p", ">AT+CSCLK=0\r", "~1000", "=done 0 unknown",
		    ">AT+CMEE?\r", "~2999", "~1", ">AT+CMEE?\r", "~3000", "p10240", ">AT+CMEE?\r",
		    "~5560", "=stuck", ">AT+CMEE?\r", "~5000", ">AT+CMEE?\r", "~5000",
		    ">AT+CMEE?\r", "<" FENCE_OK, "=fenced", "c:idle"),
		ROW("a port that takes nothing", "!0p", "~1000", "=done 0 unknown", "~9000",
		    "=stuck", "~50000", ">AT+CSCLK=0\r", ">AT+CMEE?\r", "<" FENCE_OK, "=fenced"),
		ROW("dirty", "c:dirty", "c:idle", "!0p", ">AT+CMEE?\r", "<\r\nOK\r\n" FENCE_OK,
		    "=fenced", ">AT+CSCLK=0\r", "<\r\nOK\r\n", "=done 0 ok", "!0q", ">AT+CSQ\r",
		    "<\r\nOK\r\n", "=done 0 ok"),
		ROW("numeric results", "c:dirty", "!0p", ">AT+CMEE?\r", "<+CMEE: 2\r\n0\r",
		    "=fenced", ">AT+CSCLK=0\r", "<0\r", "=done 0 ok", "!0p", ">AT+CSCLK=0\r",
		    "<4\r", "=done 0 failed", "!0p", ">AT+CSCLK=0\r", "<\r\nOK\r\n", "=done 0 ok",
		    "!0m", ">AT+CGMM\r", "<\r\n0\r\n", "=info 0", "<\r\nOK\r\n", "=done 0 ok"),
		ROW("echo of the fence", "c:dirty", "!0p", ">AT+CMEE?\r",
		    "<AT+CMEE?\r\r\n+CMEE: 0\r\n\r\nOK\r\n", "=fenced", ">AT+CSCLK=0\r",
		    "<AT+CSCLK=0\r\r\nOK\r\n", "=done 0 ok"),
		ROW("answers and lines while fencing", "!0P", ">AT+CMQTTPUB=0,1,60\r",
		    "<\r\nOK\r\n", "!1p", ">AT+CSCLK=0\r", "~1000", "=done 1 unknown",
		    ">AT+CMEE?\r", "<\r\n+CMQTTPUB: 0,0\r\n", "=done 0 ok 0", "<\r\n+CREG: 1\r\n",
		    "=urc +CREG: 1", "<" FENCE_OK, "=fenced"),
	};

	(void)state;
	PLAY_ALL(rows);
}

/* Not every modem knows the fence's question. */
static void test_fence_question(void **state)
{
	static const struct row rows[] = {
		ROW("a modem that refuses the question", "-", "c:open", ">AT+CMEE?\r",
		    "<\r\nERROR\r\n", "~1000", ">AT+CGATT?\r", "<" OTHER_OK, "=fenced", "!0p",
		    ">AT+CSCLK=0\r", "~1000", "=done 0 unknown", ">AT+CGATT?\r",
		    "<\r\nERROR\r\n" OTHER_OK, "=fenced", "c:reboot", ">AT+CGATT?\r", "<" OTHER_OK,
		    "=fenced", "c:close", "c:open", ">AT+CGATT?\r", "<" OTHER_OK, "=fenced",
		    "c:idle"),
		ROW("a modem that has only OK for it", "-", "c:open", ">AT+CMEE?\r", "<\r\nOK\r\n",
		    "~1000", ">AT+CMEE?\r", "<\r\nOK\r\n", "~3000", ">AT+CGATT?\r", "<" OTHER_OK,
		    "=fenced", "c:idle"),
		ROW("an ERROR that belongs to another command", "-", "c:open", ">AT+CMEE?\r",
		    "<\r\nERROR\r\n", "~999", "<" FENCE_OK, "=fenced", "c:idle"),
		ROW("a modem that is known to answer is asked the same again", "c:dirty", "!0p",
		    ">AT+CMEE?\r", "<\r\nERROR\r\n", "~3000", ">AT+CMEE?\r", "<" FENCE_OK,
		    "=fenced", ">AT+CSCLK=0\r", "<\r\nOK\r\n", "=done 0 ok"),
		ROW("a modem that refuses both questions: an OK and silence", "-", "c:open",
		    ">AT+CMEE?\r", "<\r\nERROR\r\n", "~1000", ">AT+CGATT?\r", "<\r\nERROR\r\n",
		    "~1000", ">AT\r", "<\r\nOK\r\n", "~1000", "=fenced", "c:dirty", "!0p", ">AT\r",
		    "<\r\nOK\r\n", "~1000", "=fenced", ">AT+CSCLK=0\r", "<\r\nOK\r\n", "=done 0 ok",
		    "c:idle"),
		ROW("a modem that has only OK for both", "-", "c:open", ">AT+CMEE?\r",
		    "<\r\nOK\r\n", "~1000", ">AT+CMEE?\r", "<\r\nOK\r\n", "~3000", ">AT+CGATT?\r",
		    "<\r\nOK\r\n", "~3000", ">AT\r", "<\r\nOK\r\n", "~1000", "=fenced", "c:idle"),
		ROW("after a start it is asked the first question again", "-", "c:open",
		    ">AT+CMEE?\r", "<\r\nERROR\r\n", "~1000", ">AT+CGATT?\r", "<\r\nERROR\r\n",
		    "~1000", ">AT\r", "<\r\nOK\r\n", "~1000", "=fenced", "c:reboot", ">AT+CMEE?\r",
		    "<" FENCE_OK, "=fenced", "c:idle"),
		ROW("a modem that refuses whatever it is asked", "-", "c:open", ">AT+CMEE?\r",
		    "<\r\nERROR\r\n", "~1000", ">AT+CGATT?\r", "<\r\nERROR\r\n", "~1000", ">AT\r",
		    "<\r\nERROR\r\n", "~1000", ">AT+CMEE?\r", "<\r\nERROR\r\n", "~1000",
		    ">AT+CGATT?\r", "<\r\nERROR\r\n", "~1000", ">AT\r", "<\r\nERROR\r\n", "~1000",
		    ">AT+CMEE?\r", "<\r\nERROR\r\n", "~1000", ">AT+CGATT?\r", "<\r\nERROR\r\n",
		    "~1000", ">AT\r", "<\r\nERROR\r\n", "~1000", "=stuck", ">AT+CMEE?\r",
		    "<" FENCE_OK, "=fenced", "c:idle"),
	};

	(void)state;
	PLAY_ALL(rows);
}

static void test_answer_that_may_never_come(void **state)
{
	static const struct row rows[] = {
		ROW("OK, and the answer may never come", "!0E", ">AT+CMQTTSTOP\r", "~5000",
		    "<\r\nOK\r\n", "~20000", "=done 0 unknown", "c:idle"),
		ROW("OK, and the answer comes at the last moment", "!0E", ">AT+CMQTTSTOP\r",
		    "~5000", "<\r\nOK\r\n", "~19999", "<\r\n+CMQTTSTOP: 0\r\n", "=done 0 ok 0",
		    "c:idle"),
		ROW("the answer must not come so soon before the OK", "!0E", ">AT+CMQTTSTOP\r",
		    "~100000", "<\r\n+CMQTTSTOP: 0\r\n", "<\r\nOK\r\n", "=done 0 ok 0"),
	};

	(void)state;
	PLAY_ALL(rows);
}

/* A command that is to be accepted soon, and answered when it is. */
static void test_final_that_must_come_soon(void **state)
{
	static const struct row rows[] = {
		ROW("not accepted", "!0A", ">AT+CMQTTPUB=0,1,60\r", "~39999", "~1",
		    "=done 0 unknown", ">AT+CMEE?\r"),
		ROW("a result is no acceptance", "!0A", ">AT+CMQTTPUB=0,1,60\r",
		    "<\r\n+CMQTTPUB: 0,0\r\n", "~40000", "=done 0 unknown", ">AT+CMEE?\r"),
		ROW("accepted late, answered later", "!0A", ">AT+CMQTTPUB=0,1,60\r", "~39000",
		    "<\r\nOK\r\n", "~80000", "<\r\n+CMQTTPUB: 0,0\r\n", "=done 0 ok 0"),
		ROW("accepted and never answered", "!0A", ">AT+CMQTTPUB=0,1,60\r", "~39000",
		    "<\r\nOK\r\n", "~80999", "~1", "=done 0 unknown", "c:idle"),
		ROW("never answered: is anybody there, before the next command?", "!0A",
		    ">AT+CMQTTPUB=0,1,60\r", "<\r\nOK\r\n", "~120000", "=done 0 unknown", "!1p",
		    ">AT+CMEE?\r", "<" FENCE_OK, "=fenced", ">AT+CSCLK=0\r", "<\r\nOK\r\n",
		    "=done 1 ok"),
		ROW("one that may be slow", "!0s", ">AT+COPS=0\r", "~40000", "=done 0 unknown",
		    ">AT+CMEE?\r"),
		ROW("a modem that is known to be", "y0", "!0s", ">AT+COPS=0\r", "~119999", "~1",
		    "=done 0 unknown", ">AT+CMEE?\r"),
		ROW("which is no reason for others", "y0", "!0A", ">AT+CMQTTPUB=0,1,60\r", "~40000",
		    "=done 0 unknown", ">AT+CMEE?\r"),
	};

	(void)state;
	PLAY_ALL(rows);
}

/* ---- opening, closing, holding, cancelling ---- */

static void test_life(void **state)
{
	static const struct row rows[] = {
		ROW("a modem in the middle of a body", "-", "c:open", ">AT+CMEE?\r", "~1000",
		    ">AT+CMEE?\r", "~3000", "p10240", ">AT+CMEE?\r", "<\r\nOK\r\n" FENCE_OK,
		    "=fenced", "c:idle"),
		ROW("a modem that is slow at first contact owes nothing", "-", "c:open",
		    ">AT+CMEE?\r", "~1000", ">AT+CMEE?\r", "~1500", "<" FENCE_OK FENCE_OK,
		    "=fenced", "c:idle"),
		ROW("close", "!0P", ">AT+CMQTTPUB=0,1,60\r", "<\r\nOK\r\n", "!1p", ">AT+CSCLK=0\r",
		    "!2p", "c:close", "=done 1 unknown", "=done 0 unknown", "=done 2 cancelled",
		    "c:idle", "c:open", ">AT+CMEE?\r", "<" FENCE_OK, "=fenced"),
		ROW("boot: nothing is owed", "!0T", ">AT+CMQTTTOPIC=0,3\r", "<\r\nRDY\r\n",
		    "=urc RDY", "c:reboot", "=done 0 unknown", ">AT+CMEE?\r", "~3000",
		    ">AT+CMEE?\r", "<" FENCE_OK, "=fenced"),
		ROW("cancel before anything was sent", "!0p", ">AT+CSCLK=0\r", "!1q", "x1",
		    "=done 1 cancelled", "<\r\nOK\r\n", "=done 0 ok", "x0", "c:idle"),
		ROW("cancel while it runs", "!0T", ">AT+CMQTTTOPIC=0,3\r", "x0", "=done 0 unknown",
		    "p3", ">AT+CMEE?\r", "<" FENCE_OK, "=fenced"),
		ROW("cancel while it concludes", "!0P", ">AT+CMQTTPUB=0,1,60\r", "<\r\nOK\r\n",
		    "x0", "=done 0 unknown", "c:idle"),
		ROW("hold", "c:hold", "!0p", "~1999", "c:unhold", ">AT+CSCLK=0\r", "<\r\nOK\r\n",
		    "=done 0 ok"),
		ROW("hold ends by itself", "c:hold", "!0p", "~1999", "~1", ">AT+CSCLK=0\r",
		    "<\r\nOK\r\n", "=done 0 ok", "c:idle"),
		ROW("hold does not stop a step that runs", "!0T", ">AT+CMQTTTOPIC=0,3\r", "c:hold",
		    "<\r\n>", ">a/b", "<\r\nOK\r\n", "=done 0 ok", "c:unhold"),
		ROW("trace", "c:trace", "$0:user=me", "$0:password=secret", "!0L",
		    "=sent AT+CMQTTCONNECT=0,\"tcp://h:1\",60,1,\"me\",\"***\"",
		    ">AT+CMQTTCONNECT=0,\"tcp://h:1\",60,1,\"me\",\"secret\"\r",
		    "<AT+CMQTTCONNECT=0,\"tcp://h:1\",60,1,\"me\",\"secret\"\r", "<\r\nERROR\r\n",
		    "=line ERROR", "~300", "=done 0 failed", "!1T", "=sent AT+CMQTTTOPIC=1,3",
		    ">AT+CMQTTTOPIC=1,3\r", "<\r\n>", "=line >", "=sent <3 bytes>", ">a/b",
		    "<\r\nOK\r\n", "=line OK", "=done 1 ok"),
	};

	(void)state;
	PLAY_ALL(rows);
}

/* Messages one behind the other must not keep a job waiting for ever. */
static void test_hold_is_bounded_over_many_messages(void **state)
{
	struct stage s;

	(void)state;
	set_up(&s, "many messages", 4096);
	open_line(&s);
	at_chan_hold(s.chan, s.now_ms);
	submit(&s, 0, 'p');
	for (unsigned i = 0; i < 10 && buf_len(at_chan_tx(s.chan)) == 0; i++) {
		/* The end of one message and the beginning of the next in the same read. */
		at_chan_unhold(s.chan);
		at_chan_hold(s.chan, s.now_ms);
		wait_ms(&s, 500);
	}
	assert_int_equal(s.now_ms, 1000 + AT_HOLD_MAX_MS);
	expect_tx(&s, "AT+CSCLK=0\r");
	at_chan_free(s.chan);
}

static void deliver_for(struct stage *s, unsigned seconds)
{
	for (unsigned n = 0; n < 2 * seconds; n++) {
		wait_ms(s, 500);
		play_line(s, "<\r\n+CMQTTRXPAYLOAD: 0,1\r\nx\r\n");
		play_line(s, "=urc +CMQTTRXPAYLOAD: 0,1 [x]");
		s->seen_count = 0;
		s->seen_first = 0;
	}
}

/* On a slow line the answer stands behind the messages that the modem has to deliver first. */
static void test_inbound_messages_delay_answers(void **state)
{
	struct stage s;

	(void)state;
	set_up(&s, "inbound", 4096);
	open_line(&s);
	play_line(&s, "c:dirty");
	play_line(&s, "!0T");
	play_line(&s, ">AT+CMEE?\r");
	deliver_for(&s, 50);
	play_line(&s, "<" FENCE_OK);
	play_line(&s, "=fenced");
	play_line(&s, ">AT+CMQTTTOPIC=0,3\r");
	deliver_for(&s, 50);
	play_line(&s, "<\r\n>");
	play_line(&s, ">a/b");
	play_line(&s, "<\r\nOK\r\n");
	play_line(&s, "=done 0 ok");
	play_line(&s, "!0P");
	play_line(&s, ">AT+CMQTTPUB=0,1,60\r");
	play_line(&s, "<\r\nOK\r\n");
	deliver_for(&s, 220);
	play_line(&s, "<\r\n+CMQTTPUB: 0,0\r\n");
	play_line(&s, "=done 0 ok 0");
	at_chan_free(s.chan);
}

/* But not for ever: an answer may be lost in spite of them. */
static void test_inbound_messages_delay_answers_a_while(void **state)
{
	struct stage s;

	(void)state;
	set_up(&s, "inbound, and no answer", 4096);
	open_line(&s);
	play_line(&s, "!0p");
	play_line(&s, ">AT+CSCLK=0\r");
	deliver_for(&s, AT_DELAY_MAX_MS / 1000);
	wait_ms(&s, 1500); /* the first piece came after 500 */
	play_line(&s, "=done 0 unknown");
	at_chan_free(s.chan);
}

static void test_submit_refuses(void **state)
{
	struct at_chan *c = at_chan_new(framing, AT_CMD_MAX);
	struct at_job job[AT_JOBS_MAX + 2];
	struct at_args args;
	struct at_event ev;

	(void)state;
	at_args_init(&args);
	memset(job, 0, sizeof(job));
	for (size_t i = 0; i < AT_JOBS_MAX + 2; i++) {
		job[i].script = plain;
		job[i].args = &args;
	}
	assert_int_equal(at_chan_submit(c, 0, &job[0]), -ENOTCONN);
	at_chan_open(c, 0);
	for (size_t i = 0; i < AT_JOBS_MAX; i++)
		assert_int_equal(at_chan_submit(c, 0, &job[i]), 0);
	assert_int_equal(at_chan_submit(c, 0, &job[0]), -EBUSY);
	assert_int_equal(at_chan_submit(c, 0, &job[AT_JOBS_MAX]), -ENOSPC);
	at_chan_close(c, 0);
	for (size_t i = 0; i < AT_JOBS_MAX; i++) {
		assert_true(at_chan_next(c, 0, &ev));
		assert_int_equal(ev.type, AT_EVENT_DONE);
		assert_ptr_equal(ev.job, &job[i]);
		assert_int_equal(ev.result, AT_CANCELLED);
	}
	assert_false(at_chan_next(c, 0, &ev));
	at_chan_free(c);
	at_chan_free(NULL);
}

/* The table of at_judge, written a second time. */
static void test_judge(void **state)
{
	static const struct {
		enum at_final final;
		enum at_answer answer;
		enum at_verdict verdict;
	} rows[] = {
		{ AT_FINAL_NONE, AT_ANSWER_NOT_NEEDED, AT_VERDICT_WAIT },
		{ AT_FINAL_NONE, AT_ANSWER_AWAITED, AT_VERDICT_WAIT },
		{ AT_FINAL_NONE, AT_ANSWER_ZERO, AT_VERDICT_WAIT },
		{ AT_FINAL_NONE, AT_ANSWER_FINE, AT_VERDICT_WAIT },
		{ AT_FINAL_NONE, AT_ANSWER_BAD, AT_VERDICT_WAIT },
		{ AT_FINAL_OK, AT_ANSWER_NOT_NEEDED, AT_VERDICT_DONE },
		{ AT_FINAL_OK, AT_ANSWER_AWAITED, AT_VERDICT_CONCLUDE },
		{ AT_FINAL_OK, AT_ANSWER_ZERO, AT_VERDICT_DONE },
		{ AT_FINAL_OK, AT_ANSWER_FINE, AT_VERDICT_DONE },
		{ AT_FINAL_OK, AT_ANSWER_BAD, AT_VERDICT_FAILED_ERR },
		{ AT_FINAL_ERROR, AT_ANSWER_NOT_NEEDED, AT_VERDICT_FAILED },
		{ AT_FINAL_ERROR, AT_ANSWER_AWAITED, AT_VERDICT_GRACE },
		{ AT_FINAL_ERROR, AT_ANSWER_ZERO, AT_VERDICT_FAILED },
		{ AT_FINAL_ERROR, AT_ANSWER_FINE, AT_VERDICT_DONE },
		{ AT_FINAL_ERROR, AT_ANSWER_BAD, AT_VERDICT_FAILED_ERR },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(at_judge(rows[i].final, rows[i].answer), rows[i].verdict);
	assert_int_equal(at_judge_deadline(AT_FINAL_NONE), AT_VERDICT_UNKNOWN_FENCE);
	assert_int_equal(at_judge_deadline(AT_FINAL_OK), AT_VERDICT_UNKNOWN);
	assert_int_equal(at_judge_deadline(AT_FINAL_ERROR), AT_VERDICT_FAILED);
}

/* Everything that goes to the port is counted, escapes and fences as well. */
static void test_bytes_are_counted(void **state)
{
	struct at_chan *c = at_chan_new(framing, AT_CMD_MAX);
	uint64_t now_ms = 0, total = 0;
	struct at_event ev;

	(void)state;
	assert_non_null(c);
	at_chan_escape(c, now_ms);
	for (; now_ms <= AT_ESCAPE_MS; now_ms = at_chan_deadline(c)) {
		while (at_chan_next(c, now_ms, &ev))
			;
		total += buf_len(at_chan_tx(c));
		buf_consume(at_chan_tx(c), buf_len(at_chan_tx(c)));
	}
	assert_true(total > strlen("+++"));
	assert_int_equal(at_chan_counters(c)->bytes_out, total);
	at_chan_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_endings),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_fence),
		cmocka_unit_test(test_fence_question),
		cmocka_unit_test(test_answer_that_may_never_come),
		cmocka_unit_test(test_final_that_must_come_soon),
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_hold_is_bounded_over_many_messages),
		cmocka_unit_test(test_inbound_messages_delay_answers),
		cmocka_unit_test(test_inbound_messages_delay_answers_a_while),
		cmocka_unit_test(test_submit_refuses),
		cmocka_unit_test(test_bytes_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
