/* SPDX-License-Identifier: Apache-2.0 */
#include "at/at_chan_impl.h"

#include "at/at_template.h"

#include <string.h>

static int transmit(struct at_chan *c, const void *data, size_t len)
{
	int r = buf_append(&c->tx, data, len);

	if (r == 0)
		c->counters.bytes_out += len;
	return r;
}

/* ---- bodies ---- */

static void trace_body(struct at_chan *c, size_t len)
{
	if (!c->has_trace)
		return;
	buf_clear(&c->trace);
	if (buf_printf(&c->trace, "<%zu bytes>", len) == 0)
		chan_push_sent(c);
}

void chan_send_body(struct at_chan *c, struct at_job *job)
{
	const char *name = chan_step_of(job)->data;
	const struct at_arg *arg = at_args_find(job->args, name, strlen(name));

	if (!arg || transmit(c, arg->bytes.data, arg->bytes.len) < 0) {
		chan_apply_verdict(c, 0, job, AT_VERDICT_UNKNOWN_FENCE);
		return;
	}
	job->data_sent = true;
	trace_body(c, arg->bytes.len);
}

/* ---- the fence ---- */

/* command: with its CR */
static void trace_fence(struct at_chan *c, size_t paid, const char *command)
{
	int len = (int)strlen(command) - 1;
	int r;

	if (!c->has_trace)
		return;
	buf_clear(&c->trace);
	r = paid > 0 ? buf_printf(&c->trace, "<%zu CR>%.*s", paid, len, command)
		     : buf_printf(&c->trace, "%.*s", len, command);
	if (r == 0)
		chan_push_sent(c);
}

static void send_fence(struct at_chan *c, uint64_t now_ms)
{
	const char *query = at_fence_command(&c->fence);
	const size_t len = strlen(query);
	size_t pay;

	c->is_dirty = false;
	c->hold_since_ms = TIMER_NEVER;
	if ((c->fence.tries > 0 && buf_len(&c->tx) > 0) ||
	    buf_reserve(&c->tx, c->fence.owed_bytes + len) < 0) {
		at_fence_postpone(&c->fence, now_ms);
		return;
	}
	pay = at_fence_sent(&c->fence, now_ms);
	for (size_t i = 0; i < pay; i++)
		(void)transmit(c, "\r", 1);
	(void)transmit(c, query, len);
	c->counters.fences++;
	c->counters.padded_bytes += pay;
	at_parser_expect_echo(&c->parser,
	    (struct span){ .data = (const uint8_t *)query, .len = len }, (struct span){ 0 });
	trace_fence(c, pay, query);
}

/* ---- commands ---- */

/* Lines that the step collects could be the answer that a concluding job awaits. */
static bool is_ambiguous(const struct at_chan *c, const struct at_step *step)
{
	size_t len = step->collect ? strcspn(step->collect, ":") : 0;
	const char *answer;

	for (const struct at_job *job = c->concluding; job && len > 0; job = job->next) {
		answer = chan_step_of(job)->answer;
		if (strncmp(step->collect, answer, len) == 0 && answer[len] == ':')
			return true;
	}
	return false;
}

static void trace_command(struct at_chan *c, const struct at_job *job)
{
	if (!c->has_trace)
		return;
	buf_clear(&c->trace);
	if (at_template_expand_step(chan_step_of(job), job->args, SIZE_MAX, true, &c->trace) == 0)
		chan_push_sent(c);
}

static void expect_echo_of(struct at_chan *c, const struct at_job *job)
{
	const char *name = chan_step_of(job)->data;
	const struct at_arg *data = name ? at_args_find(job->args, name, strlen(name)) : NULL;
	struct span line = { .data = buf_data(&c->cmd), .len = buf_len(&c->cmd) };

	at_parser_expect_echo(&c->parser, line, data ? data->bytes : (struct span){ 0 });
	at_parser_expect_prompt(&c->parser, data != NULL);
	c->owed_bytes = data ? data->bytes.len : 0;
}

static void start_step(struct at_chan *c, uint64_t now_ms, struct at_job *job)
{
	const struct at_step *step = chan_step_of(job);
	int r;

	buf_clear(&c->cmd);
	r = at_template_expand_step(step, job->args, c->cmd_max, false, &c->cmd);
	if (r == 0)
		r = buf_append_u8(&c->cmd, '\r');
	if (r < 0) {
		chan_end_job(c, job, AT_INVALID);
		return;
	}
	if (transmit(c, buf_data(&c->cmd), buf_len(&c->cmd)) < 0) {
		chan_drop_job(c, job);
		return;
	}
	c->hold_since_ms = TIMER_NEVER;
	chan_move_job(c, job, AT_JOB_RUNNING);
	job->has_sent = true;
	job->limit_ms = now_ms + step->timeout_ms;
	job->deadline_ms = job->limit_ms;
	if (step->final_ms > 0 && !(step->is_slow && job->is_patient))
		job->deadline_ms = now_ms + step->final_ms;
	expect_echo_of(c, job);
	c->counters.commands++;
	trace_command(c, job);
}

/* ---- a modem that does not answer ---- */

/* The frame is the close-down of the multiplexer on its control channel, basic option (3GPP 27.010
 * 5.4.6.3.3). Silence before and after "+++", time for an answer after the others. */
static const struct {
	const char *bytes;
	const char *trace;
	uint32_t after_ms;
} escapes[] = {
	{ "+++", "+++", AT_ESCAPE_GUARD_MS },
	{ "\xf9\x03\xef\x05\xc3\x01\xf2\xf9\r", "<multiplexer close-down>", AT_ESCAPE_PAUSE_MS },
	{ "ATQ0V1\r", "ATQ0V1", AT_ESCAPE_PAUSE_MS },
};

#define ESCAPES (sizeof escapes / sizeof escapes[0])

bool chan_escape(struct at_chan *c, uint64_t now_ms)
{
	size_t i = c->escape_step - 1;

	if (c->escape_step == 0 || now_ms < c->escape_at_ms)
		return false;
	if (i == ESCAPES) {
		c->escape_step = 0;
		return true;
	}
	(void)transmit(c, escapes[i].bytes, strlen(escapes[i].bytes));
	if (c->has_trace) {
		buf_clear(&c->trace);
		if (buf_append(&c->trace, escapes[i].trace, strlen(escapes[i].trace)) == 0)
			chan_push_sent(c);
	}
	c->escape_step++;
	c->escape_at_ms = now_ms + escapes[i].after_ms;
	return true;
}

/* ---- turns ---- */

bool chan_is_free(const struct at_chan *c)
{
	return !c->running && c->fence.state != AT_FENCE_ASKED && c->escape_step == 0;
}

bool chan_start_next(struct at_chan *c, uint64_t now_ms)
{
	struct at_job *job = c->waiting;

	if (!chan_is_free(c) || c->is_held)
		return false;
	while (job && is_ambiguous(c, chan_step_of(job)))
		job = job->next;
	if (job && c->is_dirty && c->fence.state == AT_FENCE_OPEN)
		at_fence_want(&c->fence, 0);
	if (c->fence.state == AT_FENCE_WANTED) {
		send_fence(c, now_ms);
		return true;
	}
	if (job)
		start_step(c, now_ms, job);
	return job != NULL;
}
