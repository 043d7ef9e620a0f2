/* SPDX-License-Identifier: Apache-2.0 */
#include "at/at_chan_impl.h"

#include "at/at_template.h"

#include <assert.h>
#include <string.h>

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

/* ---- states ---- */

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

void chan_move_job(struct at_chan *c, struct at_job *job, enum at_job_state state)
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

void chan_end_job(struct at_chan *c, struct at_job *job, enum at_result result)
{
	job->result = result;
	job->has_err = job->has_err && (result == AT_OK || result == AT_FAILED);
	chan_move_job(c, job, AT_JOB_ENDED);
}

void chan_drop_job(struct at_chan *c, struct at_job *job)
{
	chan_end_job(c, job, job->has_sent ? AT_UNKNOWN : AT_CANCELLED);
}

bool chan_take_done(struct at_chan *c, struct at_event *ret)
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

/* ---- steps ---- */

static bool is_skipped(const struct at_job *job, const struct at_step *step)
{
	const struct at_arg *arg;

	if (!step->only_if)
		return false;
	arg = at_args_find(job->args, step->only_if, strlen(step->only_if));
	return !arg || (arg->kind != AT_ARG_NUMBER && arg->bytes.len == 0);
}

bool chan_find_step(const struct at_job *job, size_t from, uint8_t *ret)
{
	if (from > 0 && job->script[from - 1].is_last)
		return false;
	while (is_skipped(job, &job->script[from])) {
		if (job->script[from++].is_last)
			return false;
	}
	assert(from < AT_STEPS_MAX);
	*ret = (uint8_t)from;
	return true;
}

void chan_begin_step(struct at_job *job, uint8_t index)
{
	job->step = index;
	job->final = AT_FINAL_NONE;
	job->answer = chan_step_of(job)->answer ? AT_ANSWER_AWAITED : AT_ANSWER_NOT_NEEDED;
	job->data_sent = false;
	job->delayed_ms = 0;
	job->has_err = false;
	job->is_overdue = false;
	job->err = 0;
	job->detail[0] = '\0';
	job->deadline_ms = TIMER_NEVER;
}

static void end_step(struct at_chan *c, struct at_job *job)
{
	uint8_t next;

	if (!chan_find_step(job, job->step + 1u, &next)) {
		chan_end_job(c, job, AT_OK);
		return;
	}
	chan_begin_step(job, next);
	chan_move_job(c, job, AT_JOB_QUEUED);
}

/* ---- verdicts ---- */

void chan_lose_line(struct at_chan *c)
{
	/* Whether the prompt was lost or bytes of the body: at most all of them are missing. */
	at_fence_want(&c->fence, c->owed_bytes);
}

void chan_apply_verdict(
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
		if (chan_step_of(job)->answer_ms > 0)
			job->deadline_ms =
			    timer_min(job->deadline_ms, now_ms + chan_step_of(job)->answer_ms);
		if (job->state != AT_JOB_CONCLUDING)
			chan_move_job(c, job, AT_JOB_CONCLUDING);
		break;
	case AT_VERDICT_DONE:
		end_step(c, job);
		break;
	case AT_VERDICT_FAILED:
	case AT_VERDICT_FAILED_ERR:
		job->has_err = verdict == AT_VERDICT_FAILED_ERR && job->has_err;
		if (chan_step_of(job)->error_is_fine)
			end_step(c, job);
		else
			chan_end_job(c, job, AT_FAILED);
		break;
	case AT_VERDICT_UNKNOWN_FENCE:
	case AT_VERDICT_UNKNOWN:
		if (verdict == AT_VERDICT_UNKNOWN_FENCE)
			chan_lose_line(c);
		else
			c->is_dirty = true; /* is it there at all? */
		c->counters.timeouts++;
		chan_end_job(c, job, AT_UNKNOWN);
		break;
	}
}

static void delay(struct at_job *job, uint64_t ms)
{
	if (job->delayed_ms + ms > AT_DELAY_MAX_MS)
		return;
	job->delayed_ms += ms;
	job->deadline_ms += ms;
	job->limit_ms += ms;
}

void chan_delay_jobs(struct at_chan *c, uint64_t ms)
{
	if (c->running)
		delay(c->running, ms);
	for (struct at_job *job = c->concluding; job; job = job->next)
		delay(job, ms);
}

static bool is_fine(const struct at_step *step, unsigned err)
{
	for (size_t i = 0; i < AT_FINE_ERRS_MAX && step->fine_errs[i] != 0; i++)
		if (step->fine_errs[i] == err)
			return true;
	return false;
}

bool chan_job_takes_answer(struct at_job *job, struct span line)
{
	const struct at_step *step = chan_step_of(job);
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
