/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One broker session against a scripted modem: dialogues of our own, in the shapes that the manual
 * and captures of real modems prove, also where they contradict each other.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "at/at_line.h"
#include "modem/session.h"
#include "modem/sim7600.h"
#include "text.h"

#define OK     "\r\nOK\r\n"
#define ERR    "\r\nERROR\r\n"
#define PROMPT "\r\n>"

/* What must be sent (a command without its CR, or a body), and what the modem says to it. */
struct turn {
	const char *sent;
	const char *answer;
};

struct dialogue {
	const char *name;
	void (*change)(struct broker_config *cfg);
	struct turn turn[32];
	enum session_state state; /* in the end */
	unsigned code;            /* of the last error */
	const char *command;
};

#define FREE_CLIENT                                                                         \
	{ "AT+CMQTTACCQ?", "\r\n+CMQTTACCQ: 0,\"\",0,3\r\n+CMQTTACCQ: 1,\"\",0,3\r\n" OK }, \
	{                                                                                   \
		"AT+CMQTTDISC?", "\r\n+CMQTTDISC: 0,1\r\n+CMQTTDISC: 1,1\r\n" OK            \
	}
#define HELD_CLIENT                                                                           \
	{ "AT+CMQTTACCQ?", "\r\n+CMQTTACCQ: 0,\"gw\",0,4\r\n+CMQTTACCQ: 1,\"\",0,3\r\n" OK }, \
	{                                                                                     \
		"AT+CMQTTDISC?", "\r\n+CMQTTDISC: 0,1\r\n+CMQTTDISC: 1,1\r\n" OK              \
	}
#define CONNECTED_CLIENT                                                                      \
	{ "AT+CMQTTACCQ?", "\r\n+CMQTTACCQ: 0,\"gw\",0,4\r\n+CMQTTACCQ: 1,\"\",0,3\r\n" OK }, \
	{                                                                                     \
		"AT+CMQTTDISC?", "\r\n+CMQTTDISC: 0,0\r\n+CMQTTDISC: 1,1\r\n" OK              \
	}
#define CONFIGURE                                    \
	{ "AT+CMQTTCFG=\"checkUTF8\",0,0", OK },     \
	{                                            \
		"AT+CMQTTCFG=\"optimeout\",0,60", OK \
	}
#define ACQUIRE { "AT+CMQTTACCQ=0,\"gw\",0,4", OK }, CONFIGURE
#define CONNECT "AT+CMQTTCONNECT=0,\"tcp://h:1883\",60,1"
/* From the SSL context to the end, once the modem's files are known. */
#define UNVERIFIED_TLS                                                                            \
	{ "AT+CSSLCFG=\"sslversion\",7,3", OK }, { "AT+CSSLCFG=\"authmode\",7,0", OK },           \
	    { "AT+CSSLCFG=\"ignorelocaltime\",7,1", OK },                                         \
	    { "AT+CSSLCFG=\"negotiatetime\",7,300", OK }, { "AT+CSSLCFG=\"enableSNI\",7,1", OK }, \
	    { "AT+CSSLCFG=\"keypwd\",7,\"\"", OK },                                               \
	    { "AT+CSSLCFG=\"ciphersuites\",7,0xFFFF", OK }, { "AT+CMQTTACCQ=0,\"gw\",1,4", OK },  \
	    CONFIGURE, { "AT+CMQTTSSLCFG=0,7", OK },                                              \
	{                                                                                         \
		CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n"                                          \
	}
#define FENCE                                     \
	{                                         \
		"AT+CMEE?", "\r\n+CMEE: 2\r\n" OK \
	}

static void with_filter(struct broker_config *cfg)
{
	static const struct filter_config filter = { "news", 1 };

	cfg->filters = &filter;
	cfg->filter_count = 1;
}

static void with_two_filters(struct broker_config *cfg)
{
	static const struct filter_config filters[] = { { "a", 1 }, { "b", 0 } };

	cfg->filters = filters;
	cfg->filter_count = 2;
}

static void with_birth(struct broker_config *cfg)
{
	cfg->birth = (struct message_config){ .topic = "t", .qos = 0, .retain = true };
}

static void with_long_credentials(struct broker_config *cfg)
{
	static char text[MODEM_CREDENTIAL_MAX + 1];

	memset(text, 'x', MODEM_CREDENTIAL_MAX);
	cfg->username = text;
	cfg->password = text;
	cfg->host = text + MODEM_CREDENTIAL_MAX - 30;
}

static void with_tls(struct broker_config *cfg)
{
	cfg->is_tls = true;
	cfg->tls = (struct tls_config){
		.ca = TEXT("ca"), .verify = true, .context = 7, .negotiate_s = 60
	};
}

static void with_unverified_tls(struct broker_config *cfg)
{
	cfg->is_tls = true;
	cfg->tls = (struct tls_config){
		.sni = true, .context = 7, .negotiate_s = 300, .check_time = CHECK_TIME_NO
	};
}

static const struct dialogue dialogues[] = {
	{ "free client", NULL,
	    { FREE_CLIENT, ACQUIRE, { CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" } }, SESSION_ONLINE,
	    0, "" },
	{ "an earlier life is connected; DISC result first", NULL,
	    { CONNECTED_CLIENT, { "AT+CMQTTDISC=0,60", "\r\n+CMQTTDISC: 0,0\r\n" OK },
		{ "AT+CMQTTREL=0", OK }, ACQUIRE, { CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" } },
	    SESSION_ONLINE, 0, "" },
	{ "an earlier life is connected; DISC OK first", NULL,
	    { CONNECTED_CLIENT, { "AT+CMQTTDISC=0,60", OK "\r\n+CMQTTDISC: 0,0\r\n" },
		{ "AT+CMQTTREL=0", OK }, ACQUIRE, { CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" } },
	    SESSION_ONLINE, 0, "" },
	{ "DISC has OK and no result: the question tells", NULL,
	    { CONNECTED_CLIENT, { "AT+CMQTTDISC=0,60", OK }, FENCE, HELD_CLIENT,
		{ "AT+CMQTTREL=0", OK }, ACQUIRE, { CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" } },
	    SESSION_ONLINE, 0, "" },
	{ "an earlier life's CONNECT ends before the question is answered", NULL,
	    { { "AT+CMQTTACCQ?", "\r\n+CMQTTACCQ: 0,\"gw\",0,4\r\n" OK },
		{ "AT+CMQTTDISC?", "\r\n+CMQTTDISC: 0,1\r\n\r\n+CMQTTCONNECT: 0,0\r\n" OK },
		CONNECTED_CLIENT, { "AT+CMQTTDISC=0,60", "\r\n+CMQTTDISC: 0,0\r\n" OK },
		{ "AT+CMQTTREL=0", OK }, ACQUIRE, { CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" } },
	    SESSION_ONLINE, 0, "" },
	{ "an earlier life's CONNECT ends just before REL", NULL,
	    { { "AT+CMQTTACCQ?", "\r\n+CMQTTACCQ: 0,\"gw\",0,4\r\n" OK },
		{ "AT+CMQTTDISC?", "\r\n+CMQTTDISC: 0,1\r\n" OK "\r\n+CMQTTCONNECT: 0,0\r\n" },
		CONNECTED_CLIENT, { "AT+CMQTTDISC=0,60", "\r\n+CMQTTDISC: 0,0\r\n" OK },
		{ "AT+CMQTTREL=0", OK }, ACQUIRE, { CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" } },
	    SESSION_ONLINE, 0, "" },
	{ "an earlier life's CONNECT ends just after REL", NULL,
	    { HELD_CLIENT,
		{ "AT+CMQTTREL=0", "\r\n+CMQTTCONNECT: 0,0\r\n\r\n+CMQTTREL: 0,14\r\n" ERR },
		CONNECTED_CLIENT, { "AT+CMQTTDISC=0,60", "\r\n+CMQTTDISC: 0,0\r\n" OK },
		{ "AT+CMQTTREL=0", OK }, ACQUIRE, { CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" } },
	    SESSION_ONLINE, 0, "" },
	{ "not connected after all: 11 is fine", NULL,
	    { CONNECTED_CLIENT, { "AT+CMQTTDISC=0,60", "\r\n+CMQTTDISC: 0,11\r\n" ERR },
		{ "AT+CMQTTREL=0", OK }, ACQUIRE, { CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" } },
	    SESSION_ONLINE, 0, "" },
	{ "not acquired after all: 20 is fine", NULL,
	    { HELD_CLIENT, { "AT+CMQTTREL=0", "\r\n+CMQTTREL: 0,20\r\n" ERR }, ACQUIRE,
		{ CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" } },
	    SESSION_ONLINE, 0, "" },
	{ "identifier without quotes, no version", NULL,
	    { { "AT+CMQTTACCQ?", "\r\n+CMQTTACCQ: 0,gw,0\r\n\r\n+CMQTTACCQ: 1,,0\r\n" OK },
		{ "AT+CMQTTDISC?", "\r\n+CMQTTDISC: 0,1\r\n" OK }, { "AT+CMQTTREL=0", OK }, ACQUIRE,
		{ CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" } },
	    SESSION_ONLINE, 0, "" },
	{ "DISC? is not known", NULL,
	    { { "AT+CMQTTACCQ?", "\r\n+CMQTTACCQ: 0,\"\",0,3\r\n" OK }, { "AT+CMQTTDISC?", ERR },
		ACQUIRE, { CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" } },
	    SESSION_ONLINE, 0, "" },
	{ "ACCQ 19: ask again", NULL,
	    { FREE_CLIENT, { "AT+CMQTTACCQ=0,\"gw\",0,4", "\r\n+CMQTTACCQ: 0,19\r\n" ERR },
		HELD_CLIENT, { "AT+CMQTTREL=0", OK }, ACQUIRE,
		{ CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" } },
	    SESSION_ONLINE, 0, "" },
	{ "ACCQ 19 for ever", NULL,
	    { FREE_CLIENT, { "AT+CMQTTACCQ=0,\"gw\",0,4", "\r\n+CMQTTACCQ: 0,19\r\n" ERR },
		FREE_CLIENT, { "AT+CMQTTACCQ=0,\"gw\",0,4", "\r\n+CMQTTACCQ: 0,19\r\n" ERR } },
	    SESSION_BACKOFF, 19, "AT+CMQTTACCQ" },
	{ "CONNECT 13: connected already", NULL,
	    { FREE_CLIENT, ACQUIRE, { CONNECT, "\r\n+CMQTTCONNECT: 0,13\r\n" ERR },
		CONNECTED_CLIENT, { "AT+CMQTTDISC=0,60", OK "\r\n+CMQTTDISC: 0,0\r\n" },
		{ "AT+CMQTTREL=0", OK }, ACQUIRE, { CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" } },
	    SESSION_ONLINE, 0, "" },
	{ "REL refused", NULL, { HELD_CLIENT, { "AT+CMQTTREL=0", "\r\n+CMQTTREL: 0,14\r\n" ERR } },
	    SESSION_BACKOFF, 14, "AT+CMQTTREL" },
	{ "CFG fails with OK, as the manual prints it: binary payloads would be refused", NULL,
	    { FREE_CLIENT, { "AT+CMQTTACCQ=0,\"gw\",0,4", OK },
		{ "AT+CMQTTCFG=\"checkUTF8\",0,0", "\r\n+CMQTTCFG: 0,12\r\n" OK } },
	    SESSION_BACKOFF, 12, "AT+CMQTTCFG" },
	{ "the time-out for operations may be refused", NULL,
	    { FREE_CLIENT, { "AT+CMQTTACCQ=0,\"gw\",0,4", OK },
		{ "AT+CMQTTCFG=\"checkUTF8\",0,0", OK }, { "AT+CMQTTCFG=\"optimeout\",0,60", ERR },
		{ CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" } },
	    SESSION_ONLINE, 0, "" },
	{ "refused after OK (seen: 26)", NULL,
	    { FREE_CLIENT, ACQUIRE, { CONNECT, OK "\r\n+CMQTTCONNECT: 0,26\r\n" } },
	    SESSION_BACKOFF, 26, "AT+CMQTTCONNECT" },
	{ "result, ERROR, no OK (seen on A7670: 3)", NULL,
	    { FREE_CLIENT, ACQUIRE, { CONNECT, "\r\n+CMQTTCONNECT: 0,3\r\n" ERR } },
	    SESSION_BACKOFF, 3, "AT+CMQTTCONNECT" },
	{ "ERROR, result", NULL,
	    { FREE_CLIENT, ACQUIRE, { CONNECT, ERR "\r\n+CMQTTCONNECT: 0,30\r\n" } },
	    SESSION_BACKOFF, 30, "AT+CMQTTCONNECT" },
	{ "bare ERROR", NULL, { FREE_CLIENT, ACQUIRE, { CONNECT, ERR } }, SESSION_BACKOFF, 0,
	    "AT+CMQTTCONNECT" },
	{ "the other client's result is not ours", NULL,
	    { FREE_CLIENT, ACQUIRE,
		{ CONNECT, OK "\r\n+CMQTTCONNECT: 1,30\r\n\r\n+CMQTTCONNECT: 0,0\r\n" } },
	    SESSION_ONLINE, 0, "" },
	{ "connected, and lost before the result: ask", NULL,
	    { FREE_CLIENT, ACQUIRE,
		{ CONNECT, OK "\r\n+CMQTTCONNLOST: 0,1\r\n\r\n+CMQTTCONNECT: 0,0\r\n" },
		{ "AT+CMEE?", "\r\n+CMEE: 2\r\n" OK }, HELD_CLIENT },
	    SESSION_BACKOFF, 11, "AT+CMQTTDISC" },
	{ "no result at all, but connected", NULL,
	    { FREE_CLIENT, ACQUIRE, { CONNECT, OK }, FENCE, CONNECTED_CLIENT }, SESSION_ONLINE, 0,
	    "" },
	{ "the question whether it is connected has no answer: once more", NULL,
	    { FREE_CLIENT, ACQUIRE, { CONNECT, OK }, FENCE, { "AT+CMQTTACCQ?", "" },
		{ "AT+CMEE?", "\r\n+CMEE: 2\r\n" OK }, CONNECTED_CLIENT },
	    SESSION_ONLINE, 0, "" },
	{ "its answer is garbled: once more", NULL,
	    { FREE_CLIENT, ACQUIRE, { CONNECT, OK }, FENCE,
		{ "AT+CMQTTACCQ?", "\r\n+CMQTTACCQ: 0,\"gw\",0,4\r\n" OK },
		{ "AT+CMQTTDISC?", "\r\n+CMTDISC: 0,0\r\n" OK }, CONNECTED_CLIENT },
	    SESSION_ONLINE, 0, "" },
	{ "it is refused: once more", NULL,
	    { FREE_CLIENT, ACQUIRE, { CONNECT, OK }, FENCE, { "AT+CMQTTACCQ?", ERR },
		{ "AT+CMQTTDISC?", ERR }, CONNECTED_CLIENT },
	    SESSION_ONLINE, 0, "" },
	{ "no answer twice", NULL,
	    { FREE_CLIENT, ACQUIRE, { CONNECT, OK }, FENCE, { "AT+CMQTTACCQ?", "" },
		{ "AT+CMEE?", "\r\n+CMEE: 2\r\n" OK }, { "AT+CMQTTACCQ?", "" },
		{ "AT+CMEE?", "\r\n+CMEE: 2\r\n" OK } },
	    SESSION_BACKOFF, 0, "AT+CMQTTACCQ" },
	{ "too long a line for this modem: nothing is tried", with_long_credentials,
	    { FREE_CLIENT }, SESSION_BACKOFF, 0, "" },
	{ "SUBTOPIC 12 once (seen)", with_filter,
	    { FREE_CLIENT, ACQUIRE, { CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" },
		{ "AT+CMQTTSUBTOPIC=0,4,1", "\r\n+CMQTTSUBTOPIC: 0,12\r\n" ERR },
		{ "AT+CMQTTSUBTOPIC=0,4,1", PROMPT }, { "news", OK },
		{ "AT+CMQTTSUB=0", OK "\r\n+CMQTTSUB: 0,0\r\n" } },
	    SESSION_ONLINE, 0, "" },
	{ "list refused: one by one, and the bad one is left out", with_two_filters,
	    { FREE_CLIENT, ACQUIRE, { CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" },
		{ "AT+CMQTTSUBTOPIC=0,1,1", PROMPT }, { "a", OK },
		{ "AT+CMQTTSUBTOPIC=0,1,0", PROMPT }, { "b", OK },
		{ "AT+CMQTTSUB=0", OK "\r\n+CMQTTSUB: 0,12\r\n" }, { "AT+CMQTTSUB=0,1,1", PROMPT },
		{ "a", OK "\r\n+CMQTTSUB: 0,12\r\n" }, { "AT+CMQTTSUB=0,1,1", PROMPT },
		{ "a", OK "\r\n+CMQTTSUB: 0,12\r\n" }, { "AT+CMQTTSUB=0,1,0", PROMPT },
		{ "b", OK "\r\n+CMQTTSUB: 0,0\r\n" } },
	    SESSION_ONLINE, 0, "" },
	{ "SUB kills the connection; a stray OK follows (seen)", with_filter,
	    { FREE_CLIENT, ACQUIRE, { CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" },
		{ "AT+CMQTTSUBTOPIC=0,4,1", PROMPT }, { "news", OK },
		{ "AT+CMQTTSUB=0", OK "\r\n+CMQTTSUB: 0,6\r\n\r\n+CMQTTCONNLOST: 0,1\r\n" OK } },
	    SESSION_BACKOFF, 6, "AT+CMQTTSUB" },
	{ "empty birth message: no payload", with_birth,
	    { FREE_CLIENT, ACQUIRE, { CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" },
		{ "AT+CMQTTTOPIC=0,1", PROMPT }, { "t", OK },
		{ "AT+CMQTTPUB=0,0,60,1", OK "\r\n+CMQTTPUB: 0,0\r\n" } },
	    SESSION_ONLINE, 0, "" },
	{ "birth message refused for good: online without it", with_birth,
	    { FREE_CLIENT, ACQUIRE, { CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" },
		{ "AT+CMQTTTOPIC=0,1", "\r\n+CMQTTTOPIC: 0,22\r\n" ERR } },
	    SESSION_ONLINE, 0, "" },
	{ "birth message kills the connection (seen on AWS: 6)", with_birth,
	    { FREE_CLIENT, ACQUIRE, { CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" },
		{ "AT+CMQTTTOPIC=0,1", PROMPT }, { "t", OK },
		{ "AT+CMQTTPUB=0,0,60,1",
		    OK "\r\n+CMQTTPUB: 0,6\r\n\r\n+CMQTTCONNLOST: 0,1\r\n" } },
	    SESSION_BACKOFF, 6, "AT+CMQTTPUB" },
	{ "CONNECT has OK and no result: asked until it is connected", NULL,
	    { FREE_CLIENT, ACQUIRE, { CONNECT, OK }, FENCE, HELD_CLIENT, HELD_CLIENT,
		CONNECTED_CLIENT },
	    SESSION_ONLINE, 0, "" },
	{ "likewise, and it fails late", NULL,
	    { FREE_CLIENT, ACQUIRE, { CONNECT, OK }, FENCE,
		{ "AT+CMQTTACCQ?", "\r\n+CMQTTACCQ: 0,\"gw\",0,4\r\n" OK },
		{ "AT+CMQTTDISC?", "\r\n+CMQTTDISC: 0,1\r\n" OK "\r\n+CMQTTCONNECT: 0,3\r\n" } },
	    SESSION_BACKOFF, 3, "AT+CMQTTCONNECT" },
	{ "likewise, and it succeeds between question and answer", NULL,
	    { FREE_CLIENT, ACQUIRE, { CONNECT, OK }, FENCE,
		{ "AT+CMQTTACCQ?", "\r\n+CMQTTACCQ: 0,\"gw\",0,4\r\n" OK },
		{ "AT+CMQTTDISC?", "\r\n+CMQTTDISC: 0,1\r\n" OK "\r\n+CMQTTCONNECT: 0,0\r\n" },
		CONNECTED_CLIENT },
	    SESSION_ONLINE, 0, "" },
	{ "likewise, and never: given up after two minutes", NULL,
	    { FREE_CLIENT, ACQUIRE, { CONNECT, OK }, FENCE, HELD_CLIENT, HELD_CLIENT, HELD_CLIENT,
		HELD_CLIENT, HELD_CLIENT, HELD_CLIENT, HELD_CLIENT, HELD_CLIENT, HELD_CLIENT,
		HELD_CLIENT, HELD_CLIENT },
	    SESSION_BACKOFF, 11, "AT+CMQTTDISC" },
	{ "CONNECT has neither: it is lost if the client is not connected", NULL,
	    { FREE_CLIENT, ACQUIRE, { CONNECT, "" }, FENCE, HELD_CLIENT }, SESSION_BACKOFF, 11,
	    "AT+CMQTTDISC" },
	{ "TLS, broker authentication; old firmware knows no cipher suites", with_tls,
	    { FREE_CLIENT,
		{ "AT+CCERTLIST", "\r\n+CCERTLIST: \"cmqttd-0-ca-08a24f07b54a16c9.pem\"\r\n" OK },
		{ "AT+CSSLCFG=\"sslversion\",7,3", OK }, { "AT+CSSLCFG=\"authmode\",7,1", OK },
		{ "AT+CSSLCFG=\"ignorelocaltime\",7,1", OK },
		{ "AT+CSSLCFG=\"negotiatetime\",7,60", OK },
		{ "AT+CSSLCFG=\"cacert\",7,\"cmqttd-0-ca-08a24f07b54a16c9.pem\"", OK },
		{ "AT+CSSLCFG=\"enableSNI\",7,0", OK }, { "AT+CSSLCFG=\"keypwd\",7,\"\"", ERR },
		{ "AT+CSSLCFG=\"ciphersuites\",7,0xFFFF", ERR },
		{ "AT+CMQTTACCQ=0,\"gw\",1,4", OK }, CONFIGURE, { "AT+CMQTTSSLCFG=0,7", OK },
		{ CONNECT, OK "\r\n+CMQTTCONNECT: 0,32\r\n" } },
	    SESSION_BACKOFF, 32, "AT+CMQTTCONNECT" },
	{ "TLS without verification, as configured", with_unverified_tls,
	    { FREE_CLIENT, { "AT+CCERTLIST", OK }, UNVERIFIED_TLS }, SESSION_ONLINE, 0, "" },
	{ "a file's name that was damaged on the line is left alone", with_unverified_tls,
	    { FREE_CLIENT, { "AT+CCERTLIST", "\r\n+CCERTLIST: \"cmqttd-0-ca\t.pem\"\r\n" OK },
		UNVERIFIED_TLS },
	    SESSION_ONLINE, 0, "" },
	{ "verification cannot be switched on: no connect", with_tls,
	    { FREE_CLIENT,
		{ "AT+CCERTLIST", "\r\n+CCERTLIST: \"cmqttd-0-ca-08a24f07b54a16c9.pem\"\r\n" OK },
		{ "AT+CSSLCFG=\"sslversion\",7,3", OK }, { "AT+CSSLCFG=\"authmode\",7,1", ERR } },
	    SESSION_BACKOFF, 0, "AT+CSSLCFG" },
};

/* ---- running a dialogue ---- */

struct bench {
	struct at_chan *chan;
	struct event_queue events;
	struct prng prng;
	struct session_env env;
	struct session session;
	uint64_t now;
	const struct turn *turn;
};

static void handle(struct bench *b, const struct at_event *ev)
{
	uint32_t client, value = 0;

	if (ev->type == AT_EVENT_DONE) {
		session_done(&b->session, b->now, ev);
	} else if (ev->type == AT_EVENT_INFO) {
		session_info(&b->session, ev->line);
	} else if (ev->type == AT_EVENT_URC && sim7600_urc_kind(ev->line) == URC_CONNLOST) {
		at_chan_set_dirty(b->chan);
		assert_true(at_line_number(ev->line, 0, &client));
		(void)at_line_number(ev->line, 1, &value);
		session_lost(&b->session, b->now, value);
	} else if (ev->type == AT_EVENT_URC && sim7600_urc_kind(ev->line) == URC_RESULT) {
		(void)at_line_number(ev->line, 1, &value);
		if (at_line_number(ev->line, 0, &client) && client == b->session.client)
			session_late_result(&b->session, b->now,
			    span_begins_with(ev->line, "+CMQTTCONNECT:"), value);
	}
}

static void settle(struct bench *b)
{
	struct at_event ev;
	bool again = true;

	while (again) {
		again = session_step(&b->session, b->now);
		while (at_chan_next(b->chan, b->now, &ev)) {
			handle(b, &ev);
			again = true;
		}
	}
}

/* What was sent is what the turn says: answer it. */
static void answer(struct bench *b, const char *name)
{
	struct buf *tx = at_chan_tx(b->chan);
	size_t len = buf_len(tx);
	char sent[MODEM_TOPIC_MAX + 2] = "";

	assert_true(len < sizeof sent);
	memcpy(sent, buf_data(tx), len);
	buf_consume(tx, len);
	if (len > 0 && sent[len - 1] == '\r')
		sent[len - 1] = '\0';
	if (!b->turn->sent)
		fail_msg("%s: \"%s\" is too much", name, sent);
	if (strcmp(sent, b->turn->sent) != 0)
		fail_msg("%s: sent \"%s\", not \"%s\"", name, sent, b->turn->sent);
	at_chan_rx(b->chan, b->now, (const uint8_t *)b->turn->answer, strlen(b->turn->answer));
	b->turn++;
}

static void run(struct bench *b, const char *name)
{
	uint64_t due_ms;

	for (;;) {
		settle(b);
		if (buf_len(at_chan_tx(b->chan)) > 0) {
			answer(b, name);
			continue;
		}
		due_ms = timer_min(at_chan_deadline(b->chan), session_deadline(&b->session));
		/* In the end only what a last line may still be waited for. */
		if (!b->turn->sent && due_ms > b->now + AT_ERROR_GRACE_MS)
			return;
		if (due_ms == TIMER_NEVER)
			fail_msg("%s: \"%s\" is never sent", name, b->turn->sent);
		b->now = due_ms;
	}
}

static void bench_init(struct bench *b, const struct broker_config *cfg)
{
	static const struct turn fence[] = { { "AT+CMEE?", "\r\n+CMEE: 2\r\n" OK }, { 0 } };

	*b = (struct bench){ .now = 1000, .turn = fence };
	event_queue_init(&b->events);
	prng_init(&b->prng, 1);
	b->chan = at_chan_new(sim7600_framing, AT_CMD_MAX);
	assert_non_null(b->chan);
	b->env = (struct session_env){ .chan = b->chan,
		.events = &b->events,
		.prng = &b->prng,
		.family = family_of("SIM7600") };
	session_init(&b->session, 0, &b->env);
	at_chan_open(b->chan, b->now);
	run(b, "fence");
	b->env.is_service_up = true;
	assert_int_equal(session_configure(&b->session, cfg, false), 0);
}

static void bench_fini(struct bench *b)
{
	at_chan_free(b->chan);
	session_fini(&b->session);
}

static struct broker_config plain_broker(void)
{
	return (struct broker_config){
		.name = "b",
		.host = "h",
		.port = 1883,
		.client_id = "gw",
		.keepalive_s = 60,
		.clean_session = true,
		.reconnect_min_ms = 1000,
		.reconnect_max_ms = 300000,
	};
}

/* However many attempts it takes. */
static void comes_online(
    const struct broker_config *cfg, const struct turn *turns, const char *name)
{
	struct bench b;

	bench_init(&b, cfg);
	b.turn = turns;
	run(&b, name);
	assert_int_equal(b.session.status.state, SESSION_ONLINE);
	bench_fini(&b);
}

static void speaks_to_any_modem(void **state)
{
	const struct dialogue *d = *state;
	struct broker_config cfg = plain_broker();
	struct bench b;

	if (d->change)
		d->change(&cfg);
	bench_init(&b, &cfg);
	b.turn = d->turn;
	run(&b, d->name);
	assert_int_equal(b.session.status.state, d->state);
	assert_int_equal(b.session.status.last_error.code, d->code);
	assert_string_equal(b.session.status.last_error.command, d->command);
	assert_int_equal(b.session.status.attempt, 1);
	assert_false(b.env.is_service_doubted);
	bench_fini(&b);
}

/* The link works without it, but somebody waits for it. */
static void tells_of_a_refused_birth_message(void **state)
{
	static const struct turn turns[] = { FREE_CLIENT, ACQUIRE,
		{ CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" },
		{ "AT+CMQTTTOPIC=0,1", "\r\n+CMQTTTOPIC: 0,22\r\n" ERR }, { 0 } };
	struct broker_config cfg = plain_broker();
	struct modem_event ev;
	struct bench b;
	unsigned told = 0;

	(void)state;
	with_birth(&cfg);
	bench_init(&b, &cfg);
	b.turn = turns;
	run(&b, "birth");
	while (event_queue_next(&b.events, &ev)) {
		if (ev.type != MODEM_EVENT_NOTICE || ev.notice != MODEM_NOTICE_BIRTH_FAILED)
			continue;
		told++;
		assert_true(span_begins_with(ev.text, "t: "));
	}
	assert_int_equal(told, 1);
	bench_fini(&b);
}

/* ---- taking over what an earlier process left ---- */

#define IS_CONNECTED(address)                                                           \
	{                                                                               \
		"AT+CMQTTCONNECT?", "\r\n+CMQTTCONNECT: 0,\"" address "\",60,1\r\n\r\n" \
				    "+CMQTTCONNECT: 1\r\n" OK                           \
	}
#define CLOSE                                                  \
	{ "AT+CMQTTDISC=0,60", "\r\n+CMQTTDISC: 0,0\r\n" OK }, \
	{                                                      \
		"AT+CMQTTREL=0", OK                            \
	}

struct adoption {
	const char *name;
	void (*change)(struct broker_config *cfg);
	void (*change_since)(struct broker_config *cfg); /* the settings, since it was opened */
	struct turn turn[32];
	bool is_adopted;
};

static void with_other_user(struct broker_config *cfg)
{
	cfg->username = "other";
}

static const struct adoption adoptions[] = {
	{ "the very session", NULL, NULL, { CONNECTED_CLIENT, IS_CONNECTED("tcp://h:1883") },
	    true },
	{ "subscriptions are renewed", with_filter, NULL,
	    { CONNECTED_CLIENT, IS_CONNECTED("tcp://h:1883"), { "AT+CMQTTSUBTOPIC=0,4,1", PROMPT },
		{ "news", OK }, { "AT+CMQTTSUB=0", OK "\r\n+CMQTTSUB: 0,0\r\n" } },
	    true },
	{ "no birth message", with_birth, NULL, { CONNECTED_CLIENT, IS_CONNECTED("tcp://h:1883") },
	    true },
	{ "busy with a publish of an earlier life", with_filter, NULL,
	    { CONNECTED_CLIENT, IS_CONNECTED("tcp://h:1883"),
		{ "AT+CMQTTSUBTOPIC=0,4,1", "\r\n+CMQTTSUBTOPIC: 0,14\r\n" ERR },
		{ "AT+CMQTTSUBTOPIC=0,4,1", "\r\n+CMQTTSUBTOPIC: 0,14\r\n" ERR },
		{ "AT+CMQTTSUBTOPIC=0,4,1", "\r\n+CMQTTSUBTOPIC: 0,14\r\n" ERR },
		{ "AT+CMQTTSUBTOPIC=0,4,1", "\r\n+CMQTTSUBTOPIC: 0,14\r\n" ERR },
		{ "AT+CMQTTSUBTOPIC=0,4,1", "\r\n+CMQTTSUBTOPIC: 0,14\r\n" ERR },
		{ "AT+CMQTTSUBTOPIC=0,4,1", "\r\n+CMQTTSUBTOPIC: 0,14\r\n" ERR },
		{ "AT+CMQTTSUBTOPIC=0,4,1", "\r\n+CMQTTSUBTOPIC: 0,14\r\n" ERR },
		{ "AT+CMQTTSUBTOPIC=0,4,1", PROMPT }, { "news", OK },
		{ "AT+CMQTTSUB=0", OK "\r\n+CMQTTSUB: 0,0\r\n" } },
	    true },
	{ "acquired, but not connected", NULL, NULL,
	    { HELD_CLIENT, { "AT+CMQTTREL=0", OK }, ACQUIRE,
		{ CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" } },
	    false },
	{ "another identifier", NULL, NULL,
	    { { "AT+CMQTTACCQ?", "\r\n+CMQTTACCQ: 0,\"gx\",0,4\r\n" OK },
		{ "AT+CMQTTDISC?", "\r\n+CMQTTDISC: 0,0\r\n" OK }, CLOSE, ACQUIRE,
		{ CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" } },
	    false },
	{ "another address", NULL, NULL,
	    { CONNECTED_CLIENT, IS_CONNECTED("tcp://i:1883"), CLOSE, ACQUIRE,
		{ CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" } },
	    false },
	{ "no address", NULL, NULL,
	    { CONNECTED_CLIENT, { "AT+CMQTTCONNECT?", "\r\n+CMQTTCONNECT: 0\r\n" OK }, CLOSE,
		ACQUIRE, { CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" } },
	    false },
	{ "the address is told when it is asked for again", NULL, NULL,
	    { CONNECTED_CLIENT, { "AT+CMQTTCONNECT?", ERR }, IS_CONNECTED("tcp://h:1883") }, true },
	{ "the address is not told", NULL, NULL,
	    { CONNECTED_CLIENT, { "AT+CMQTTCONNECT?", ERR }, { "AT+CMQTTCONNECT?", ERR }, CLOSE,
		ACQUIRE, { CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" } },
	    false },
	{ "settings that the modem does not tell are others", NULL, with_other_user,
	    { CONNECTED_CLIENT, CLOSE, ACQUIRE,
		{ CONNECT ",\"other\"", OK "\r\n+CMQTTCONNECT: 0,0\r\n" } },
	    false },
	{ "lost while it is asked", NULL, NULL,
	    { CONNECTED_CLIENT,
		{ "AT+CMQTTCONNECT?", "\r\n+CMQTTCONNECT: 0,\"tcp://h:1883\",60,1\r\n\r\n"
				      "+CMQTTCONNLOST: 0,1\r\n" OK },
		{ "AT+CMEE?", "\r\n+CMEE: 2\r\n" OK }, HELD_CLIENT, { "AT+CMQTTREL=0", OK },
		ACQUIRE, { CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" } },
	    false },
};

static void takes_over_what_is_its_own(void **state)
{
	const struct adoption *a = *state;
	struct broker_config cfg = plain_broker();
	char print[CONNECT_PRINT_MAX];
	struct bench b;

	if (a->change)
		a->change(&cfg);
	connect_print(&cfg, NULL, print);
	if (a->change_since)
		a->change_since(&cfg);
	bench_init(&b, &cfg);
	session_set_held(&b.session, print);
	b.turn = a->turn;
	run(&b, a->name);
	assert_int_equal(b.session.status.state, SESSION_ONLINE);
	assert_int_equal(b.session.status.connects, a->is_adopted ? 0 : 1);
	connect_print(&cfg, NULL, print);
	assert_string_equal(b.session.held, print);
	bench_fini(&b);
}

static void doubts_a_service_that_knows_no_clients(void **state)
{
	static const struct turn turns[] = { { "AT+CMQTTACCQ?", ERR }, { "AT+CMQTTDISC?", ERR },
		{ 0 } };
	struct broker_config cfg = plain_broker();
	struct bench b;

	(void)state;
	bench_init(&b, &cfg);
	b.turn = turns;
	run(&b, "denied");
	assert_true(b.env.is_service_doubted);
	assert_int_equal(b.session.status.state, SESSION_BACKOFF);
	bench_fini(&b);
}

/* A client that can be neither used nor released may be connected without saying so. */
static void disconnects_when_release_is_refused(void **state)
{
	static const struct turn turns[] = { HELD_CLIENT,
		{ "AT+CMQTTREL=0", "\r\n+CMQTTREL: 0,21\r\n" ERR }, HELD_CLIENT,
		{ "AT+CMQTTDISC=0,60", "\r\n+CMQTTDISC: 0,11\r\n" ERR }, { "AT+CMQTTREL=0", OK },
		ACQUIRE, { CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" }, { 0 } };
	struct broker_config cfg = plain_broker();

	(void)state;
	comes_online(&cfg, turns, "release");
}

/* Busy with what an earlier life began: as soon as that has ended, it is tried again. */
static void tries_again_when_it_is_not_busy_any_more(void **state)
{
	static const struct {
		const char *refusal;
		bool is_tried;
	} rows[] = { { "\r\n+CMQTTREL: 0,14\r\n" ERR, true }, { ERR, false } };
	struct broker_config cfg = plain_broker();
	struct bench b;

	(void)state;
	cfg.reconnect_min_ms = 60000;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct turn busy[] = { HELD_CLIENT, { "AT+CMQTTREL=0", rows[i].refusal },
			{ 0 } };

		bench_init(&b, &cfg);
		b.turn = busy;
		run(&b, "busy");
		assert_int_equal(b.session.status.state, SESSION_BACKOFF);
		assert_true(b.session.status.retry_at_ms > b.now);
		session_late_result(&b.session, b.now, false, 0);
		assert_int_equal(b.session.status.retry_at_ms == b.now, rows[i].is_tried);
		bench_fini(&b);
	}
}

/* Who disconnects by hand wants no connection: a modem that does not close it is asked again. */
static void closes_later_what_could_not_be_closed(void **state)
{
	static const struct turn online[] = { FREE_CLIENT, ACQUIRE,
		{ CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" }, { 0 } };
	static const struct turn refused[] = { CONNECTED_CLIENT,
		{ "AT+CMQTTDISC=0,60", "\r\n+CMQTTDISC: 0,1\r\n" ERR },
		{ "AT+CMQTTREL=0", "\r\n+CMQTTREL: 0,14\r\n" ERR }, { 0 } };
	static const struct turn closed[] = { CONNECTED_CLIENT,
		{ "AT+CMQTTDISC=0,60", "\r\n+CMQTTDISC: 0,0\r\n" OK }, { "AT+CMQTTREL=0", OK },
		{ 0 } };
	struct broker_config cfg = plain_broker();
	struct bench b;
	uint64_t refused_ms;

	(void)state;
	bench_init(&b, &cfg);
	b.turn = online;
	run(&b, "online");
	assert_int_equal(session_disconnect(&b.session), 0);
	b.turn = refused;
	run(&b, "refused");
	assert_int_equal(b.session.status.state, SESSION_DISABLED);
	assert_int_equal(b.session.status.last_error.code, 14);
	refused_ms = b.now;
	b.turn = closed;
	run(&b, "closed");
	assert_true(b.now >= refused_ms + SESSION_LEFTOVER_MS - AT_ERROR_GRACE_MS);
	assert_int_equal(b.session.status.state, SESSION_DISABLED);
	assert_int_equal(session_deadline(&b.session), TIMER_NEVER);
	bench_fini(&b);
}

/* Sister models start anew when told to disconnect a client that is free. */
static void disconnects_no_free_client(void **state)
{
	static const struct turn turns[] = { HELD_CLIENT, { "AT+CMQTTREL=0", ERR }, FREE_CLIENT,
		ACQUIRE, { CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" }, { 0 } };
	struct broker_config cfg = plain_broker();

	(void)state;
	comes_online(&cfg, turns, "free");
}

/* Without checkUTF8 binary payloads are refused: it takes more than three numbers that speak of the
 * connection to do without, and three refusals of the command itself. */
static void goes_without_utf8_when_it_is_refused(void **state)
{
	static const struct {
		const char *refusal;
		unsigned attempts; /* before it goes without */
	} rows[] = {
		{ ERR, 3 },
		{ "\r\n+CMQTTCFG: 0,12\r\n" ERR, 3 },
		{ "\r\n+CMQTTCFG: 0,13\r\n" ERR, 3 },
		{ "\r\n+CMQTTCFG: 0,15\r\n" ERR, 6 },
	};
	struct broker_config cfg = plain_broker();
	struct bench b;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct turn refused[] = { FREE_CLIENT, { "AT+CMQTTACCQ=0,\"gw\",0,4", OK },
			{ "AT+CMQTTCFG=\"checkUTF8\",0,0", rows[i].refusal }, { 0 } };
		const struct turn without[] = { FREE_CLIENT, { "AT+CMQTTACCQ=0,\"gw\",0,4", OK },
			{ "AT+CMQTTCFG=\"checkUTF8\",0,0", rows[i].refusal },
			{ "AT+CMQTTCFG=\"optimeout\",0,60", OK },
			{ CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" }, { 0 } };

		bench_init(&b, &cfg);
		for (unsigned n = 0; n < rows[i].attempts; n++) {
			b.turn = refused;
			run(&b, rows[i].refusal);
			assert_int_equal(b.session.status.state, SESSION_BACKOFF);
		}
		b.turn = without;
		run(&b, rows[i].refusal);
		assert_int_equal(b.session.status.state, SESSION_ONLINE);
		bench_fini(&b);
	}
}

/* A file that the modem has under its name may be damaged all the same, but flash wears out: once a
 * boot, once a day, and once more when an upload was never confirmed and the list had to do. */
static void sends_files_again_now_and_then(void **state)
{
	static const struct tls_config tls = { .ca = TEXT("ca"), .verify = true };
	struct certs c;
	struct span content;
	const char *name;

	(void)state;
	certs_init(&c, 0);
	certs_configure(&c, &tls, NULL);
	assert_true(certs_renew(&c, 1000));
	assert_false(certs_renew(&c, 1000 + CERT_RENEW_MS - 1));
	for (unsigned uploads = 0; uploads < CERT_UNTOLD_MAX;) {
		enum cert_step step = certs_next(&c, &name, &content);

		uploads += step == CERT_STEP_UPLOAD;
		(void)certs_done(&c, step == CERT_STEP_UPLOAD ? AT_UNKNOWN : AT_OK);
	}
	assert_true(certs_renew(&c, 2000));
	assert_false(certs_renew(&c, 3000));
	assert_true(certs_renew(&c, 2000 + CERT_RENEW_MS));
	certs_forget(&c);
	assert_true(certs_renew(&c, 3000 + CERT_RENEW_MS));
}

/* What is in the modem's list of what to unsubscribe goes with the next UNSUB, wanted or not: that
 * comes before it is subscribed again. */
static void unsubscribes_what_is_staged_before_it_is_wanted_again(void **state)
{
	static const struct filter_config both[] = { { "a", 1 }, { "b", 1 } };
	static const enum at_result ends[] = { AT_OK, AT_FAILED, AT_UNKNOWN };
	struct filter_config filter;

	(void)state;
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		struct subscriptions s;

		subscriptions_init(&s);
		subscriptions_configure(&s, both, 2);
		while (subscriptions_next(&s, &filter) != SUBSCRIBE_NOTHING)
			subscriptions_done(&s, AT_OK, false, 0);
		subscriptions_configure(&s, both + 1, 1);
		assert_int_equal(subscriptions_next(&s, &filter), SUBSCRIBE_REMOVE);
		subscriptions_done(&s, AT_OK, false, 0);
		subscriptions_configure(&s, both, 2);
		assert_int_equal(subscriptions_next(&s, &filter), SUBSCRIBE_REMOVE_COMMIT);
		subscriptions_done(&s, ends[i], false, 0);
		assert_int_equal(subscriptions_next(&s, &filter), SUBSCRIBE_STAGE);
		assert_string_equal(filter.filter, "a");
		subscriptions_done(&s, AT_OK, false, 0);
		assert_int_equal(subscriptions_next(&s, &filter), SUBSCRIBE_COMMIT);
		subscriptions_done(&s, AT_OK, false, 0);
		assert_int_equal(subscriptions_next(&s, &filter), SUBSCRIBE_NOTHING);
		assert_false(subscriptions_is_pending(&s));
		subscriptions_fini(&s);
	}
}

/* Filters of more than 5120 bytes go in two lists. */
static void splits_long_lists(void **state)
{
	static char text[6][MODEM_TOPIC_MAX + 1];
	struct filter_config filters[6];
	struct turn turns[32] = { FREE_CLIENT, ACQUIRE,
		{ CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" } };
	const struct turn commit = { "AT+CMQTTSUB=0", OK "\r\n+CMQTTSUB: 0,0\r\n" };
	struct broker_config cfg = plain_broker();
	size_t i, n = 6;

	(void)state;
	for (i = 0; i < 6; i++) {
		memset(text[i], 'a' + (int)i, MODEM_TOPIC_MAX);
		filters[i] = (struct filter_config){ text[i], 0 };
		turns[n++] = (struct turn){ "AT+CMQTTSUBTOPIC=0,1024,0", PROMPT };
		turns[n++] = (struct turn){ text[i], OK };
		if (i == 4)
			turns[n++] = commit;
	}
	turns[n] = commit;
	cfg.filters = filters;
	cfg.filter_count = 6;
	comes_online(&cfg, turns, "lists");
}

static void asks_after_a_late_result(void **state)
{
	static const struct turn connect[] = { FREE_CLIENT, ACQUIRE,
		{ CONNECT, OK "\r\n+CMQTTCONNECT: 0,0\r\n" }, { 0 } };
	static const struct turn check[] = { CONNECTED_CLIENT, { 0 } };
	struct broker_config cfg = plain_broker();
	struct bench b;

	(void)state;
	bench_init(&b, &cfg);
	b.turn = connect;
	run(&b, "connect");
	assert_true(session_can_publish(&b.session));
	session_late_result(&b.session, b.now, false, 0);
	assert_false(session_can_publish(&b.session));
	b.turn = check;
	run(&b, "check");
	assert_true(session_can_publish(&b.session));
	assert_int_equal(b.session.status.connects, 1);
	bench_fini(&b);
}

#define DIALOGUES (sizeof dialogues / sizeof dialogues[0])
#define OTHERS    8 /* tests that are no rows */
#define ADOPTIONS (sizeof adoptions / sizeof adoptions[0])

int main(int argc, char **argv)
{
	struct CMUnitTest tests[DIALOGUES + ADOPTIONS + OTHERS] = {
		cmocka_unit_test(doubts_a_service_that_knows_no_clients),
		cmocka_unit_test(disconnects_when_release_is_refused),
		cmocka_unit_test(disconnects_no_free_client),
		cmocka_unit_test(closes_later_what_could_not_be_closed),
		cmocka_unit_test(tries_again_when_it_is_not_busy_any_more),
		cmocka_unit_test(tells_of_a_refused_birth_message),
		cmocka_unit_test(sends_files_again_now_and_then),
		cmocka_unit_test(goes_without_utf8_when_it_is_refused),
		cmocka_unit_test(unsubscribes_what_is_staged_before_it_is_wanted_again),
		cmocka_unit_test(splits_long_lists),
		cmocka_unit_test(asks_after_a_late_result),
	};
	size_t i;

	for (i = 0; i < DIALOGUES; i++)
		tests[OTHERS + i] = (struct CMUnitTest){
			.name = dialogues[i].name,
			.test_func = speaks_to_any_modem,
			.initial_state = (void *)(uintptr_t)&dialogues[i],
		};
	for (i = 0; i < ADOPTIONS; i++)
		tests[OTHERS + DIALOGUES + i] = (struct CMUnitTest){
			.name = adoptions[i].name,
			.test_func = takes_over_what_is_its_own,
			.initial_state = (void *)(uintptr_t)&adoptions[i],
		};
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return _cmocka_run_group_tests(
	    "session", tests, DIALOGUES + ADOPTIONS + OTHERS, NULL, NULL);
}
