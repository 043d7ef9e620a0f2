/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes from a tty into parser and channel while jobs are pending. The first byte picks what is
 * pending and the size of the reads; the rest comes from the modem. A byte 0xfe lets half a second
 * pass.
 */
#include "at/at_chan.h"
#include "base/limits.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define TURNS_MAX \
	100000 /* events and bytes are bounded by the input: more is turning on the spot */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct at_framing framing[] = {
	{ "+CMQTTRXTOPIC:", MODEM_TOPIC_MAX },
	{ "+CMQTTRXPAYLOAD:", MODEM_RX_CHUNK_MAX },
	{ 0 },
};

static const struct at_step publish_script[] = {
	{ .send = "AT+CMQTTTOPIC=<client_index>,<req_length>",
	    .data = "topic",
	    .refusal = "+CMQTTTOPIC: <client_index>,<err>",
	    .timeout_ms = 12000 },
	{ .send = "AT+CMQTTPUB=<client_index>,1,60",
	    .answer = "+CMQTTPUB: <client_index>,<err>",
	    .fine_errs = { 3 },
	    .timeout_ms = 200000,
	    .is_last = true },
};
static const struct at_step query_script[] = {
	{ .send = "AT+CSQ", .collect = "*", .timeout_ms = 5000 },
	{ .send = "AT+CREG?", .collect = "+CREG:", .error_is_fine = true, .timeout_ms = 5000 },
	{ .send = "AT+X", .collect = "**", .timeout_ms = 5000, .is_last = true },
};

struct stage {
	struct at_chan *chan;
	struct at_job job[3];
	struct at_args args[3];
	uint64_t now_ms;
	unsigned turns;
};

/* Read what the event points at, so that a sanitizer can see it. */
static void touch(struct span s, uint8_t *sum)
{
	for (size_t i = 0; i < s.len; i++)
		*sum = (uint8_t)(*sum + s.data[i]);
}

static void drain(struct stage *s)
{
	volatile uint8_t seen;
	struct at_event ev;
	uint8_t sum = 0;

	while (at_chan_next(s->chan, s->now_ms, &ev)) {
		if (s->turns++ > TURNS_MAX)
			abort();
		touch(ev.line, &sum);
		if (ev.has_data)
			touch(ev.data, &sum);
		if (ev.type == AT_EVENT_URC && ev.line.len == 3)
			at_chan_rebooted(s->chan, s->now_ms);
		if (ev.type == AT_EVENT_DONE)
			at_chan_submit(s->chan, s->now_ms, ev.job);
	}
	seen = sum;
	(void)seen;
	buf_clear(at_chan_tx(s->chan));
}

static void pass_time(struct stage *s, uint64_t ms)
{
	uint64_t end_ms = s->now_ms + ms;
	uint64_t due_ms;

	while ((due_ms = at_chan_deadline(s->chan)) <= end_ms) {
		if (s->turns++ > TURNS_MAX)
			abort();
		s->now_ms = due_ms > s->now_ms ? due_ms : s->now_ms;
		drain(s);
	}
	s->now_ms = end_ms;
}

static void set_stage(struct stage *s, uint8_t pick)
{
	for (size_t i = 0; i < 3; i++) {
		at_args_init(&s->args[i]);
		at_args_number(&s->args[i], "client_index", i);
		at_args_bytes(&s->args[i], "topic", ">\r\nOK\r\n+", 8);
		s->job[i].script = i < 2 ? publish_script : query_script;
		s->job[i].args = &s->args[i];
	}
	at_chan_set_trace(s->chan, pick & 0x80);
	at_chan_open(s->chan, s->now_ms);
	for (size_t i = 0; i < 3; i++)
		if (pick >> i & 1)
			at_chan_submit(s->chan, s->now_ms, &s->job[i]);
	drain(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stage s = { .now_ms = 1000 };
	size_t chunk, n;

	if (size == 0)
		return 0;
	s.chan = at_chan_new(framing, AT_CMD_MAX);
	if (!s.chan)
		return 0;
	set_stage(&s, data[0]);
	chunk = 1 + (data[0] >> 3 & 0xf);
	for (size_t i = 1; i < size; i += n) {
		n = size - i < chunk ? size - i : chunk;
		if (data[i] == 0xfe)
			pass_time(&s, 500);
		at_chan_rx(s.chan, s.now_ms, data + i, n);
		drain(&s);
	}
	pass_time(&s, 30000);
	at_chan_close(s.chan, s.now_ms);
	/* Everything that was submitted ends. */
	s.turns = 0;
	drain(&s);
	at_chan_free(s.chan);
	return 0;
}
