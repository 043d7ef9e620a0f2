/* SPDX-License-Identifier: Apache-2.0 */
#include "at/at_chan.h"

#include "at/at_fence.h"
#include "at/at_line.h"
#include "at/at_template.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX 4 /* one token or deadline makes at most that many, DONE apart */

struct at_chan {
	struct at_parser parser;
	struct at_fence fence;
	struct buf tx;
	struct buf cmd;   /* the command in flight: its echo is compared with it */
	struct buf trace; /* text of the last SENT event */
	struct buf trial; /* commands that are only tried */
	size_t cmd_max;
	size_t owed_bytes; /* of the body of the last command, if it has one */
	bool is_open;
	bool is_dirty;
	bool is_numeric; /* ATV0: results are "0" and "4" */
	bool is_held;
	bool has_trace;
	unsigned escape_step; /* of escapes[], from 1; 0: none is under way */
	uint64_t escape_at_ms;
	uint64_t hold_since_ms; /* a command could have gone out since; TIMER_NEVER: not held */

	/* Every job that is not idle is in exactly one of these. */
	struct at_job *waiting;
	struct at_job *running;
	struct at_job *concluding;
	struct at_job *ended;

	struct at_event event[EVENTS_MAX]; /* not taken yet */
	size_t event_first;
	size_t event_count;
	struct at_chan_counters counters;
};

/* ---- lists ---- */

static void list_append(struct at_job **list, struct at_job *job)
{
	while (*list)
		list = &(*list)->next;
	job->next = NULL;
	*list = job;
}

static void list_remove(struct at_job **list, const struct at_job *job)
{
	while (*list != job)
		list = &(*list)->next;
	*list = job->next;
}

static size_t list_length(const struct at_job *list)
{
	size_t n = 0;

	for (; list; list = list->next)
		n++;
	return n;
}

/* ---- events ---- */

static void push_event(struct at_chan *c, const struct at_event *ev)
{
	assert(c->event_count < EVENTS_MAX);
	c->event[c->event_count++] = *ev;
}

static void push_line(
    struct at_chan *c, enum at_event_type type, struct at_job *job, const struct at_token *token)
{
	push_event(c, &(struct at_event){ .type = type,
			  .job = job,
			  .step = job ? job->step : 0,
			  .line = token->line,
			  .data = token->data,
			  .has_data = token->has_data });
}

static void push_sent(struct at_chan *c)
{
	push_event(c, &(struct at_event){ .type = AT_EVENT_SENT,
			  .line = { .data = buf_data(&c->trace), .len = buf_len(&c->trace) } });
}

static bool take_event(struct at_chan *c, struct at_event *ret)
{
	if (c->event_first == c->event_count) {
		c->event_first = 0;
		c->event_count = 0;
		return false;
	}
	*ret = c->event[c->event_first++];
	return true;
}

static bool take_done(struct at_chan *c, struct at_event *ret)
{
	struct at_job *job = c->ended;

	if (!job)
		return false;
	c->ended = job->next;
	job->next = NULL;
	job->state = AT_JOB_IDLE;
	*ret = (struct at_event){ .type = AT_EVENT_DONE,
		.job = job,
		.result = job->result,
		.has_err = job->has_err,
		.err = job->err,
		.step = job->step,
		.detail = job->detail };
	return true;
}

/* ---- jobs ---- */

static const struct at_step *step_of(const struct at_job *job)
{
	return &job->script[job->step];
}

/* Take the job out of whatever list holds it. */
static void unlink_job(struct at_chan *c, struct at_job *job)
{
	switch (job->state) {
	case AT_JOB_QUEUED:
		list_remove(&c->waiting, job);
		break;
	case AT_JOB_RUNNING:
		c->running = NULL;
		/* An ERROR instead of the prompt may have been a stray: then the prompt comes. */
		if (c->owed_bytes == 0 || job->final != AT_FINAL_ERROR || job->data_sent)
			at_parser_expect_prompt(&c->parser, false);
		if (job->data_sent && job->final == AT_FINAL_NONE)
			at_parser_keep_echo(&c->parser);
		else
			at_parser_expect_echo(&c->parser, (struct span){ 0 }, (struct span){ 0 });
		break;
	case AT_JOB_CONCLUDING:
		list_remove(&c->concluding, job);
		break;
	case AT_JOB_IDLE:
	case AT_JOB_ENDED:
		break;
	}
}

/* The one place where a job changes its state, but for IDLE when its DONE is taken. */
static void move_job(struct at_chan *c, struct at_job *job, enum at_job_state state)
{
	unlink_job(c, job);
	job->state = state;
	switch (state) {
	case AT_JOB_QUEUED:
		/* A job that goes on with its script goes before those that have not begun. */
		if (job->has_sent) {
			job->next = c->waiting;
			c->waiting = job;
		} else {
			list_append(&c->waiting, job);
		}
		break;
	case AT_JOB_RUNNING:
		job->next = NULL;
		c->running = job;
		break;
	case AT_JOB_CONCLUDING:
		list_append(&c->concluding, job);
		break;
	case AT_JOB_ENDED:
		list_append(&c->ended, job);
		break;
	case AT_JOB_IDLE:
		break;
	}
}

static void end_job(struct at_chan *c, struct at_job *job, enum at_result result)
{
	job->result = result;
	job->has_err = job->has_err && (result == AT_OK || result == AT_FAILED);
	move_job(c, job, AT_JOB_ENDED);
}

/* Nothing can be known of it any more. */
static void drop_job(struct at_chan *c, struct at_job *job)
{
	end_job(c, job, job->has_sent ? AT_UNKNOWN : AT_CANCELLED);
}

static bool is_skipped(const struct at_job *job, const struct at_step *step)
{
	const struct at_arg *arg;

	if (!step->only_if)
		return false;
	arg = at_args_find(job->args, step->only_if, strlen(step->only_if));
	return !arg || (arg->kind != AT_ARG_NUMBER && arg->bytes.len == 0);
}

/* The first step at or behind `from` that is not skipped; false: none. */
static bool find_step(const struct at_job *job, size_t from, uint8_t *ret)
{
	while (job->script[from].send && is_skipped(job, &job->script[from]))
		from++;
	if (!job->script[from].send)
		return false;
	assert(from < AT_STEPS_MAX);
	*ret = (uint8_t)from;
	return true;
}

static void begin_step(struct at_job *job, uint8_t index)
{
	job->step = index;
	job->final = AT_FINAL_NONE;
	job->answer = step_of(job)->answer ? AT_ANSWER_AWAITED : AT_ANSWER_NOT_NEEDED;
	job->data_sent = false;
	job->has_err = false;
	job->is_overdue = false;
	job->err = 0;
	job->detail[0] = '\0';
	job->deadline_ms = TIMER_NEVER;
}

static void end_step(struct at_chan *c, struct at_job *job)
{
	uint8_t next;

	if (!find_step(job, job->step + 1u, &next)) {
		end_job(c, job, AT_OK);
		return;
	}
	begin_step(job, next);
	move_job(c, job, AT_JOB_QUEUED);
}

/* The command in flight will not be waited for: whatever it still has to say is not for us. */
static void lose_line(struct at_chan *c)
{
	/* Whether the prompt was lost or bytes of the body: at most all of them are missing. */
	at_fence_want(&c->fence, c->owed_bytes);
}

static void apply_verdict(
    struct at_chan *c, uint64_t now_ms, struct at_job *job, enum at_verdict verdict)
{
	switch (verdict) {
	case AT_VERDICT_WAIT:
		break;
	case AT_VERDICT_GRACE:
		job->deadline_ms = timer_min(job->deadline_ms, now_ms + AT_ERROR_GRACE_MS);
		break;
	case AT_VERDICT_CONCLUDE:
		job->deadline_ms = job->limit_ms;
		if (step_of(job)->answer_ms > 0)
			job->deadline_ms =
			    timer_min(job->deadline_ms, now_ms + step_of(job)->answer_ms);
		if (job->state != AT_JOB_CONCLUDING)
			move_job(c, job, AT_JOB_CONCLUDING);
		break;
	case AT_VERDICT_DONE:
		end_step(c, job);
		break;
	case AT_VERDICT_FAILED:
	case AT_VERDICT_FAILED_ERR:
		job->has_err = verdict == AT_VERDICT_FAILED_ERR && job->has_err;
		if (step_of(job)->error_is_fine)
			end_step(c, job);
		else
			end_job(c, job, AT_FAILED);
		break;
	case AT_VERDICT_UNKNOWN_FENCE:
	case AT_VERDICT_UNKNOWN:
		if (verdict == AT_VERDICT_UNKNOWN_FENCE)
			lose_line(c);
		else
			c->is_dirty = true; /* is it there at all? */
		c->counters.timeouts++;
		end_job(c, job, AT_UNKNOWN);
		break;
	}
}

/* ---- lines ---- */

static bool is_fine(const struct at_step *step, unsigned err)
{
	for (size_t i = 0; i < AT_FINE_ERRS_MAX && step->fine_errs[i] != 0; i++)
		if (step->fine_errs[i] == err)
			return true;
	return false;
}

/* The line answers the current step of this job: note what it says. */
static bool job_takes_answer(struct at_job *job, struct span line)
{
	const struct at_step *step = step_of(job);
	const char *text = (const char *)line.data;
	unsigned err = UINT32_MAX; /* no number */
	bool is_refusal = false;

	if (job->answer != AT_ANSWER_NOT_NEEDED && job->answer != AT_ANSWER_AWAITED)
		return false;
	if (!step->answer || !at_template_match(step->answer, job->args, text, line.len, &err)) {
		is_refusal = step->refusal &&
			     at_template_match(step->refusal, job->args, text, line.len, &err);
		if (!is_refusal)
			return false;
	}
	job->has_err = err != UINT32_MAX;
	job->err = job->has_err ? err : 0;
	if (job->has_err ? err == 0 : !is_refusal)
		job->answer = AT_ANSWER_ZERO;
	else
		job->answer = is_fine(step, err) ? AT_ANSWER_FINE : AT_ANSWER_BAD;
	return true;
}

static struct at_job *find_answered(struct at_chan *c, struct span line)
{
	if (c->running && job_takes_answer(c->running, line))
		return c->running;
	for (struct at_job *job = c->concluding; job; job = job->next)
		if (job_takes_answer(job, line))
			return job;
	return NULL;
}

/* Unsolicited by its looks. */
static bool looks_like_urc(struct span line)
{
	static const char *const boot_lines[] = { "RDY", "SMS DONE", "PB DONE" };

	if (line.data[0] == '+' || line.data[0] == '*')
		return true;
	for (size_t i = 0; i < sizeof(boot_lines) / sizeof(boot_lines[0]); i++)
		if (span_is(line, boot_lines[i]))
			return true;
	return false;
}

/* A line that is neither a result nor an answer. */
static void hand_out_line(struct at_chan *c, const struct at_token *token)
{
	const char *collect = c->running ? step_of(c->running)->collect : NULL;
	bool is_urc = looks_like_urc(token->line);
	bool is_info = false;

	if (!collect)
		is_urc = true;
	else if (strcmp(collect, "**") == 0)
		is_info = true;
	else if (strcmp(collect, "*") == 0)
		is_info = !is_urc;
	else
		is_info = span_begins_with(token->line, collect);
	if (is_info)
		push_line(c, AT_EVENT_INFO, c->running, token);
	if (!is_info || (is_urc && strcmp(collect, "**") == 0))
		push_line(c, AT_EVENT_URC, NULL, token);
}

/* Which final result a line is; ret_detail: what follows "+CME ERROR:". */
static enum at_final final_of(const struct at_chan *c, struct span line, struct span *ret_detail)
{
	static const char *const errors[] = { "+CME ERROR:", "+CMS ERROR:" };
	bool is_numeric = c->is_numeric || c->fence.answer_seen;

	if (span_is(line, "OK") || (is_numeric && span_is(line, "0")))
		return AT_FINAL_OK;
	if (span_is(line, "ERROR") || (is_numeric && span_is(line, "4")))
		return AT_FINAL_ERROR;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (!span_begins_with(line, errors[i]))
			continue;
		ret_detail->data = line.data + strlen(errors[i]);
		ret_detail->len = line.len - strlen(errors[i]);
		return AT_FINAL_ERROR;
	}
	return AT_FINAL_NONE;
}

static void keep_detail(struct at_job *job, struct span detail)
{
	while (detail.len > 0 && detail.data[0] == ' ') {
		detail.data++;
		detail.len--;
	}
	if (detail.len >= sizeof(job->detail))
		detail.len = sizeof(job->detail) - 1;
	if (detail.len > 0)
		memcpy(job->detail, detail.data, detail.len);
	job->detail[detail.len] = '\0';
}

/* The command is still here, or the end of it: what comes in is an answer to something else. */
static bool is_command_unsent(const struct at_chan *c)
{
	return c->running && !c->running->data_sent && buf_len(&c->tx) > 0;
}

/* No command ends twice: on a line with strays on it, an ERROR with an OK behind it was one. */
static bool was_error_stray(const struct at_chan *c, enum at_final final)
{
	const struct at_job *job = c->running;

	return job && c->is_dirty && job->final == AT_FINAL_ERROR && final == AT_FINAL_OK &&
	       job->answer == AT_ANSWER_AWAITED;
}

/* A final result that no fence took. */
static void end_command(struct at_chan *c, uint64_t now_ms, enum at_final final, struct span detail)
{
	struct at_job *job = c->running;
	bool awaits_prompt = job && step_of(job)->data && !job->data_sent;

	if (was_error_stray(c, final)) {
		c->counters.strays++;
		job->final = AT_FINAL_NONE;
	}
	if (!job || job->final != AT_FINAL_NONE || is_command_unsent(c) ||
	    (awaits_prompt && final == AT_FINAL_OK && job->answer != AT_ANSWER_BAD)) {
		c->counters.strays++;
		return;
	}
	at_fence_settle(&c->fence);
	job->final = final;
	keep_detail(job, detail);
	apply_verdict(c, now_ms, job, at_judge(final, job->answer));
}

static void handle_final(
    struct at_chan *c, uint64_t now_ms, struct span line, enum at_final final, struct span detail)
{
	if (final == AT_FINAL_OK)
		c->is_numeric = span_is(line, "0");
	switch (at_fence_take_final(&c->fence, now_ms, final == AT_FINAL_OK)) {
	case AT_FENCE_NOT_MINE:
		end_command(c, now_ms, final, detail);
		break;
	case AT_FENCE_DROPPED:
		c->counters.strays++;
		break;
	case AT_FENCE_PAIR:
		break;
	case AT_FENCE_PASSED:
		at_parser_forget_echo(&c->parser);
		push_event(c, &(struct at_event){ .type = AT_EVENT_FENCED });
		break;
	}
}

/* The running command wants this line: an operator's may be the very question of the fence. */
static bool is_line_awaited(const struct at_chan *c, struct span line)
{
	const char *collect = c->running ? step_of(c->running)->collect : NULL;

	return collect && (strcmp(collect, "**") == 0 || span_begins_with(line, collect));
}

static void handle_line(struct at_chan *c, uint64_t now_ms, const struct at_token *token)
{
	struct span detail = { 0 };
	struct at_job *job;
	enum at_final final;

	if (token->has_data) {
		push_line(c, AT_EVENT_URC, NULL, token);
		return;
	}
	final = final_of(c, token->line, &detail);
	if (final != AT_FINAL_NONE) {
		handle_final(c, now_ms, token->line, final, detail);
		return;
	}
	if (at_fence_takes_line(&c->fence, token->line, is_line_awaited(c, token->line)))
		return;
	job = find_answered(c, token->line);
	if (job) {
		apply_verdict(c, now_ms, job, at_judge(job->final, job->answer));
		return;
	}
	/* A prompt that came when nobody wanted it any more. */
	if (span_is(token->line, ">")) {
		c->counters.strays++;
		return;
	}
	hand_out_line(c, token);
}

static void trace_body(struct at_chan *c, size_t len)
{
	if (!c->has_trace)
		return;
	buf_clear(&c->trace);
	if (buf_printf(&c->trace, "<%zu bytes>", len) == 0)
		push_sent(c);
}

static int transmit(struct at_chan *c, const void *data, size_t len)
{
	int r = buf_append(&c->tx, data, len);

	if (r == 0)
		c->counters.bytes_out += len;
	return r;
}

/* The modem waits for the body of a command that has ended for us. */
static void handle_late_prompt(struct at_chan *c)
{
	c->counters.strays++;
	if (c->fence.state == AT_FENCE_OPEN)
		at_fence_want(&c->fence, c->owed_bytes);
}

static void send_body(struct at_chan *c, struct at_job *job)
{
	const char *name = step_of(job)->data;
	const struct at_arg *arg = at_args_find(job->args, name, strlen(name));

	if (!arg || transmit(c, arg->bytes.data, arg->bytes.len) < 0) {
		apply_verdict(c, 0, job, AT_VERDICT_UNKNOWN_FENCE);
		return;
	}
	job->data_sent = true;
	trace_body(c, arg->bytes.len);
}

static void handle_token(struct at_chan *c, uint64_t now_ms, const struct at_token *token)
{
	if (c->has_trace && token->type != AT_TOKEN_ECHO)
		push_line(c, AT_EVENT_LINE, NULL, token);
	switch (token->type) {
	case AT_TOKEN_LINE:
		handle_line(c, now_ms, token);
		break;
	case AT_TOKEN_PROMPT:
		if (c->running)
			send_body(c, c->running);
		else
			handle_late_prompt(c);
		break;
	case AT_TOKEN_ECHO:
		break;
	case AT_TOKEN_GARBAGE:
		c->counters.garbage++;
		c->is_dirty = true;
		push_line(c, AT_EVENT_GARBAGE, NULL, token);
		break;
	}
}

/* ---- deadlines ---- */

static struct at_job *find_due(const struct at_chan *c, uint64_t now_ms)
{
	struct at_job *job = c->concluding;

	if (c->running && now_ms >= c->running->deadline_ms)
		return c->running;
	while (job && now_ms < job->deadline_ms)
		job = job->next;
	return job;
}

static void expire_fence(struct at_chan *c)
{
	switch (at_fence_expired(&c->fence)) {
	case AT_FENCE_AGAIN:
		break;
	case AT_FENCE_STUCK:
		push_event(c, &(struct at_event){ .type = AT_EVENT_STUCK });
		break;
	case AT_FENCE_QUIET:
		push_event(c, &(struct at_event){ .type = AT_EVENT_FENCED });
		break;
	}
}

static bool expire(struct at_chan *c, uint64_t now_ms)
{
	struct at_job *job;

	if (c->is_held && now_ms >= c->hold_since_ms + AT_HOLD_MAX_MS)
		c->is_held = false;
	if (c->fence.state == AT_FENCE_ASKED && now_ms >= c->fence.deadline_ms) {
		expire_fence(c);
		return true;
	}
	job = find_due(c, now_ms);
	if (!job)
		return false;
	job->is_overdue = job->final == AT_FINAL_NONE;
	apply_verdict(c, now_ms, job, at_judge_deadline(job->final));
	return true;
}

/* ---- sending ---- */

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
		push_sent(c);
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

/* Lines that the step collects could be the answer that a concluding job awaits. */
static bool is_ambiguous(const struct at_chan *c, const struct at_step *step)
{
	size_t len = step->collect ? strcspn(step->collect, ":") : 0;
	const char *answer;

	for (const struct at_job *job = c->concluding; job && len > 0; job = job->next) {
		answer = step_of(job)->answer;
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
	if (at_template_expand_step(step_of(job), job->args, SIZE_MAX, true, &c->trace) == 0)
		push_sent(c);
}

static void expect_echo_of(struct at_chan *c, const struct at_job *job)
{
	const char *name = step_of(job)->data;
	const struct at_arg *data = name ? at_args_find(job->args, name, strlen(name)) : NULL;
	struct span line = { .data = buf_data(&c->cmd), .len = buf_len(&c->cmd) };

	at_parser_expect_echo(&c->parser, line, data ? data->bytes : (struct span){ 0 });
	at_parser_expect_prompt(&c->parser, data != NULL);
	c->owed_bytes = data ? data->bytes.len : 0;
}

static void start_step(struct at_chan *c, uint64_t now_ms, struct at_job *job)
{
	const struct at_step *step = step_of(job);
	int r;

	buf_clear(&c->cmd);
	r = at_template_expand_step(step, job->args, c->cmd_max, false, &c->cmd);
	if (r == 0)
		r = buf_append_u8(&c->cmd, '\r');
	if (r < 0) {
		end_job(c, job, AT_INVALID);
		return;
	}
	if (transmit(c, buf_data(&c->cmd), buf_len(&c->cmd)) < 0) {
		drop_job(c, job);
		return;
	}
	c->hold_since_ms = TIMER_NEVER;
	move_job(c, job, AT_JOB_RUNNING);
	job->has_sent = true;
	job->limit_ms = now_ms + step->timeout_ms;
	job->deadline_ms = job->limit_ms;
	if (step->final_ms > 0 && !(step->is_slow && job->is_patient))
		job->deadline_ms = now_ms + step->final_ms;
	expect_echo_of(c, job);
	c->counters.commands++;
	trace_command(c, job);
}

/* Neither a command nor a fence is in flight. */
static bool is_free(const struct at_chan *c)
{
	return !c->running && c->fence.state != AT_FENCE_ASKED && c->escape_step == 0;
}

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

/* false: nothing to do now. */
static bool escape(struct at_chan *c, uint64_t now_ms)
{
	size_t i = c->escape_step - 1;

	if (c->escape_step == 0 || now_ms < c->escape_at_ms)
		return false;
	if (i == ESCAPES) {
		c->escape_step = 0;
		return true;
	}
	(void)buf_append(&c->tx, escapes[i].bytes, strlen(escapes[i].bytes));
	if (c->has_trace) {
		buf_clear(&c->trace);
		if (buf_append(&c->trace, escapes[i].trace, strlen(escapes[i].trace)) == 0)
			push_sent(c);
	}
	c->escape_step++;
	c->escape_at_ms = now_ms + escapes[i].after_ms;
	return true;
}

/* Send the next command, if one may go. */
static bool start_next(struct at_chan *c, uint64_t now_ms)
{
	struct at_job *job = c->waiting;

	if (!is_free(c) || c->is_held)
		return false;
	while (job && is_ambiguous(c, step_of(job)))
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

/* ---- the interface ---- */

struct at_chan *at_chan_new(const struct at_framing *framing, size_t cmd_max)
{
	struct at_chan *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	at_parser_init(&c->parser, framing);
	buf_init(&c->tx, AT_TX_MAX);
	buf_init(&c->cmd, AT_TX_MAX);
	buf_init(&c->trace, AT_TX_MAX);
	buf_init(&c->trial, AT_TX_MAX);
	c->hold_since_ms = TIMER_NEVER;
	c->cmd_max = cmd_max;
	return c;
}

void at_chan_free(struct at_chan *c)
{
	if (!c)
		return;
	at_parser_fini(&c->parser);
	buf_fini(&c->tx);
	buf_fini(&c->cmd);
	buf_fini(&c->trace);
	buf_fini(&c->trial);
	free(c);
}

void at_chan_set_cmd_max(struct at_chan *c, size_t cmd_max)
{
	c->cmd_max = cmd_max;
}

void at_chan_set_trace(struct at_chan *c, bool on)
{
	c->has_trace = on;
}

/* Every job ends, and what was to be sent is not sent. */
static void stop(struct at_chan *c)
{
	if (c->running)
		drop_job(c, c->running);
	while (c->concluding)
		drop_job(c, c->concluding);
	while (c->waiting)
		drop_job(c, c->waiting);
	at_parser_forget_echo(&c->parser);
	buf_clear(&c->tx);
	c->is_open = false;
	c->is_dirty = false;
	c->is_numeric = false;
	c->is_held = false;
	c->escape_step = 0;
}

void at_chan_open(struct at_chan *c, uint64_t now_ms)
{
	at_chan_close(c, now_ms);
	at_fence_init(&c->fence, true);
	c->is_open = true;
}

void at_chan_escape(struct at_chan *c, uint64_t now_ms)
{
	at_chan_open(c, now_ms);
	c->escape_step = 1;
	c->escape_at_ms = now_ms + AT_ESCAPE_GUARD_MS;
}

void at_chan_close(struct at_chan *c, uint64_t now_ms)
{
	(void)now_ms;
	stop(c);
	at_parser_reset(&c->parser);
	c->event_first = 0;
	c->event_count = 0;
}

void at_chan_rebooted(struct at_chan *c, uint64_t now_ms)
{
	(void)now_ms;
	stop(c);
	at_fence_init(&c->fence, false);
	c->is_open = true;
}

void at_chan_set_dirty(struct at_chan *c)
{
	c->is_dirty = true;
}

void at_chan_hold(struct at_chan *c, uint64_t now_ms)
{
	/* Messages one behind the other hold a waiting job up together, not each anew. */
	if (c->hold_since_ms == TIMER_NEVER || !c->waiting || !is_free(c))
		c->hold_since_ms = now_ms;
	c->is_held = true;
}

void at_chan_unhold(struct at_chan *c)
{
	c->is_held = false;
}

/* All its commands can be sent. */
static bool is_valid(struct at_chan *c, const struct at_job *job, uint8_t first)
{
	uint8_t step = first;

	do {
		buf_clear(&c->trial);
		if (at_template_expand_step(
			&job->script[step], job->args, c->cmd_max, false, &c->trial) < 0)
			return false;
	} while (find_step(job, step + 1u, &step));
	return true;
}

int at_chan_submit(struct at_chan *c, uint64_t now_ms, struct at_job *job)
{
	uint8_t first;

	(void)now_ms;
	if (job->state != AT_JOB_IDLE)
		return -EBUSY;
	if (!c->is_open)
		return -ENOTCONN;
	if (list_length(c->waiting) >= AT_JOBS_MAX)
		return -ENOSPC;
	job->has_sent = false;
	if (!find_step(job, 0, &first)) {
		begin_step(job, 0);
		end_job(c, job, AT_OK);
		return 0;
	}
	begin_step(job, first);
	if (is_valid(c, job, first))
		move_job(c, job, AT_JOB_QUEUED);
	else
		end_job(c, job, AT_INVALID);
	return 0;
}

void at_chan_cancel(struct at_chan *c, uint64_t now_ms, struct at_job *job)
{
	(void)now_ms;
	if (job->state == AT_JOB_IDLE || job->state == AT_JOB_ENDED)
		return;
	if (job->state == AT_JOB_RUNNING)
		lose_line(c);
	drop_job(c, job);
}

void at_chan_rx(struct at_chan *c, uint64_t now_ms, const uint8_t *data, size_t len)
{
	assert(c->event_first == c->event_count);
	if (!c->is_open)
		return;
	c->counters.bytes_in += len;
	at_fence_heard(&c->fence, now_ms);
	if (at_parser_rx(&c->parser, now_ms, data, len) < 0) {
		c->counters.garbage++;
		c->is_dirty = true;
	}
}

bool at_chan_next(struct at_chan *c, uint64_t now_ms, struct at_event *ret)
{
	struct at_token token;

	for (;;) {
		if (take_event(c, ret) || take_done(c, ret))
			return true;
		if (!c->is_open)
			return false;
		if (at_parser_next(&c->parser, now_ms, &token))
			handle_token(c, now_ms, &token);
		else if (!expire(c, now_ms) && !escape(c, now_ms) && !start_next(c, now_ms))
			return false;
	}
}

uint64_t at_chan_deadline(const struct at_chan *c)
{
	uint64_t due_ms = at_parser_deadline(&c->parser);

	if (!c->is_open)
		return TIMER_NEVER;
	if (c->fence.state == AT_FENCE_ASKED)
		due_ms = timer_min(due_ms, c->fence.deadline_ms);
	if (c->escape_step > 0)
		due_ms = timer_min(due_ms, c->escape_at_ms);
	if (c->running)
		due_ms = timer_min(due_ms, c->running->deadline_ms);
	for (const struct at_job *job = c->concluding; job; job = job->next)
		due_ms = timer_min(due_ms, job->deadline_ms);
	if (c->is_held && is_free(c) && (c->waiting || c->fence.state == AT_FENCE_WANTED))
		due_ms = timer_min(due_ms, c->hold_since_ms + AT_HOLD_MAX_MS);
	return due_ms;
}

struct buf *at_chan_tx(struct at_chan *c)
{
	return &c->tx;
}

const struct at_chan_counters *at_chan_counters(const struct at_chan *c)
{
	return &c->counters;
}
