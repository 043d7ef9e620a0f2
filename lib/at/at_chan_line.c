/* SPDX-License-Identifier: Apache-2.0 */
#include "at/at_chan_impl.h"

#include <string.h>

/* ---- answers and other lines ---- */

static struct at_job *find_answered(struct at_chan *c, struct span line)
{
	if (c->running && chan_job_takes_answer(c->running, line))
		return c->running;
	for (struct at_job *job = c->concluding; job; job = job->next)
		if (chan_job_takes_answer(job, line))
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
	const char *collect = c->running ? chan_step_of(c->running)->collect : NULL;
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
		chan_push_line(c, AT_EVENT_INFO, c->running, token);
	if (!is_info || (is_urc && strcmp(collect, "**") == 0))
		chan_push_line(c, AT_EVENT_URC, NULL, token);
}

/* ---- final results ---- */

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
	bool awaits_prompt = job && chan_step_of(job)->data && !job->data_sent;

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
	chan_apply_verdict(c, now_ms, job, at_judge(final, job->answer));
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
		chan_push_event(c, &(struct at_event){ .type = AT_EVENT_FENCED });
		break;
	}
}

/* ---- tokens ---- */

/* The running command wants this line: an operator's may be the very question of the fence. */
static bool is_line_awaited(const struct at_chan *c, struct span line)
{
	const char *collect = c->running ? chan_step_of(c->running)->collect : NULL;

	return collect && (strcmp(collect, "**") == 0 || span_begins_with(line, collect));
}

/* What the modem has to say is behind the messages that it delivers, and on a slow line these take
 * their time: it does not count. */
static void count_no_delay(struct at_chan *c, uint64_t now_ms)
{
	uint64_t taken_ms = now_ms - c->piece_at_ms;

	c->piece_at_ms = now_ms;
	if (taken_ms > AT_DATA_SILENCE_MS)
		return;
	at_fence_delay(&c->fence, taken_ms);
	chan_delay_jobs(c, taken_ms);
}

static void handle_line(struct at_chan *c, uint64_t now_ms, const struct at_token *token)
{
	struct span detail = { 0 };
	struct at_job *job;
	enum at_final final;

	if (token->has_data) {
		count_no_delay(c, now_ms);
		chan_push_line(c, AT_EVENT_URC, NULL, token);
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
		chan_apply_verdict(c, now_ms, job, at_judge(job->final, job->answer));
		return;
	}
	/* A prompt that came when nobody wanted it any more. */
	if (span_is(token->line, ">")) {
		c->counters.strays++;
		return;
	}
	hand_out_line(c, token);
}

/* The modem waits for the body of a command that has ended for us. */
static void handle_late_prompt(struct at_chan *c)
{
	c->counters.strays++;
	if (c->fence.state == AT_FENCE_OPEN)
		at_fence_want(&c->fence, c->owed_bytes);
}

void chan_handle_token(struct at_chan *c, uint64_t now_ms, const struct at_token *token)
{
	if (c->has_trace && token->type != AT_TOKEN_ECHO)
		chan_push_line(c, AT_EVENT_LINE, NULL, token);
	switch (token->type) {
	case AT_TOKEN_LINE:
		handle_line(c, now_ms, token);
		break;
	case AT_TOKEN_PROMPT:
		if (c->running)
			chan_send_body(c, c->running);
		else
			handle_late_prompt(c);
		break;
	case AT_TOKEN_ECHO:
		break;
	case AT_TOKEN_GARBAGE:
		c->counters.garbage++;
		c->is_dirty = true;
		chan_push_line(c, AT_EVENT_GARBAGE, NULL, token);
		break;
	}
}
