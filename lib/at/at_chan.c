/* SPDX-License-Identifier: Apache-2.0 */
#include "at/at_chan_impl.h"

#include "at/at_template.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* ---- events ---- */

void chan_push_event(struct at_chan *c, const struct at_event *ev)
{
	assert(c->event_count < CHAN_EVENTS_MAX);
	c->event[c->event_count++] = *ev;
}

void chan_push_line(
    struct at_chan *c, enum at_event_type type, struct at_job *job, const struct at_token *token)
{
	chan_push_event(c, &(struct at_event){ .type = type,
			       .job = job,
			       .step = job ? job->step : 0,
			       .line = token->line,
			       .data = token->data,
			       .has_data = token->has_data });
}

void chan_push_sent(struct at_chan *c)
{
	chan_push_event(
	    c, &(struct at_event){ .type = AT_EVENT_SENT,
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
		chan_push_event(c, &(struct at_event){ .type = AT_EVENT_STUCK });
		break;
	case AT_FENCE_QUIET:
		chan_push_event(c, &(struct at_event){ .type = AT_EVENT_FENCED });
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
	chan_apply_verdict(c, now_ms, job, at_judge_deadline(job->final));
	return true;
}

/* ---- life ---- */

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
		chan_drop_job(c, c->running);
	while (c->concluding)
		chan_drop_job(c, c->concluding);
	while (c->waiting)
		chan_drop_job(c, c->waiting);
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

/* ---- when commands go out ---- */

void at_chan_set_dirty(struct at_chan *c)
{
	c->is_dirty = true;
}

void at_chan_hold(struct at_chan *c, uint64_t now_ms)
{
	/* Messages one behind the other hold a waiting job up together, not each anew. */
	if (c->hold_since_ms == TIMER_NEVER || !c->waiting || !chan_is_free(c))
		c->hold_since_ms = now_ms;
	c->is_held = true;
}

void at_chan_unhold(struct at_chan *c)
{
	c->is_held = false;
}

/* ---- jobs ---- */

static size_t list_length(const struct at_job *list)
{
	size_t n = 0;

	for (; list; list = list->next)
		n++;
	return n;
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
	} while (chan_find_step(job, step + 1u, &step));
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
	if (!chan_find_step(job, 0, &first)) {
		chan_begin_step(job, 0);
		chan_end_job(c, job, AT_OK);
		return 0;
	}
	chan_begin_step(job, first);
	if (is_valid(c, job, first))
		chan_move_job(c, job, AT_JOB_QUEUED);
	else
		chan_end_job(c, job, AT_INVALID);
	return 0;
}

void at_chan_cancel(struct at_chan *c, uint64_t now_ms, struct at_job *job)
{
	(void)now_ms;
	if (job->state == AT_JOB_IDLE || job->state == AT_JOB_ENDED)
		return;
	if (job->state == AT_JOB_RUNNING)
		chan_lose_line(c);
	chan_drop_job(c, job);
}

/* ---- turns ---- */

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
		if (take_event(c, ret) || chan_take_done(c, ret))
			return true;
		if (!c->is_open)
			return false;
		if (at_parser_next(&c->parser, now_ms, &token))
			chan_handle_token(c, now_ms, &token);
		else if (!expire(c, now_ms) && !chan_escape(c, now_ms) &&
			 !chan_start_next(c, now_ms))
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
	if (c->is_held && chan_is_free(c) && (c->waiting || c->fence.state == AT_FENCE_WANTED))
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
