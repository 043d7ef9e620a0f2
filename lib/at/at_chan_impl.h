/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the channel: what its files share. Nobody else includes this.
 *
 *   at_chan.c       the interface: life, jobs handed in, events handed out, deadlines
 *   at_chan_job.c   a job: the list it is in, its steps, what an answer or a verdict means for it
 *   at_chan_line.c  what comes in: to whom a line, a final result or a prompt belongs
 *   at_chan_send.c  what goes out: commands, bodies, the fence, escapes; whose turn it is
 */
#ifndef CMQTTD_AT_AT_CHAN_IMPL_H
#define CMQTTD_AT_AT_CHAN_IMPL_H

#include "at/at_chan.h"
#include "at/at_fence.h"

#define CHAN_EVENTS_MAX 4 /* one token or deadline makes at most that many, DONE apart */

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
	uint64_t piece_at_ms;   /* a piece of an inbound message came last */
	uint64_t hold_since_ms; /* a command could have gone out since; TIMER_NEVER: not held */

	/* Every job that is not idle is in exactly one of these. */
	struct at_job *waiting;
	struct at_job *running;
	struct at_job *concluding;
	struct at_job *ended;

	struct at_event event[CHAN_EVENTS_MAX]; /* not taken yet */
	size_t event_first;
	size_t event_count;
	struct at_chan_counters counters;
};

/* ---- at_chan.c ---- */

/* An event for the owner; the spans in it stay good until it was taken. */
void chan_push_event(struct at_chan *c, const struct at_event *ev);

/* The same of a line that came in. job: whose, or NULL. */
void chan_push_line(
    struct at_chan *c, enum at_event_type type, struct at_job *job, const struct at_token *token);

/* SENT, of what is in c->trace. */
void chan_push_sent(struct at_chan *c);

/* ---- at_chan_job.c ---- */

/* The step under way, or next. */
static inline const struct at_step *chan_step_of(const struct at_job *job)
{
	return &job->script[job->step];
}

/* The one place where a job changes its state, but for IDLE when its DONE is taken. */
void chan_move_job(struct at_chan *c, struct at_job *job, enum at_job_state state);

/* It has ended: its DONE comes. */
void chan_end_job(struct at_chan *c, struct at_job *job, enum at_result result);

/* Nothing can be known of it any more: UNKNOWN, or CANCELLED if it had sent nothing. */
void chan_drop_job(struct at_chan *c, struct at_job *job);

/* The DONE of a job that has ended; false: none has. */
bool chan_take_done(struct at_chan *c, struct at_event *ret);

/* The first step at or behind `from` that is not skipped; false: none. */
bool chan_find_step(const struct at_job *job, size_t from, uint8_t *ret);

/* This step is next, and nothing is known of it. */
void chan_begin_step(struct at_job *job, uint8_t index);

/* The command in flight will not be waited for: whatever it still has to say is not for us. */
void chan_lose_line(struct at_chan *c);

/* What the verdict on the step under way means for its job. */
void chan_apply_verdict(
    struct at_chan *c, uint64_t now_ms, struct at_job *job, enum at_verdict verdict);

/* So much time does not count for what is under way, up to AT_DELAY_MAX_MS for each step. */
void chan_delay_jobs(struct at_chan *c, uint64_t ms);

/* The line answers the current step of this job, which notes what it says; false: it does not. */
bool chan_job_takes_answer(struct at_job *job, struct span line);

/* ---- at_chan_line.c ---- */

/* Something came in. */
void chan_handle_token(struct at_chan *c, uint64_t now_ms, const struct at_token *token);

/* ---- at_chan_send.c ---- */

/* The prompt came: the body of the job's step goes out. */
void chan_send_body(struct at_chan *c, struct at_job *job);

/* Neither a command nor a fence is in flight. */
bool chan_is_free(const struct at_chan *c);

/* The next of the escapes, if one is due; false: nothing to do now. */
bool chan_escape(struct at_chan *c, uint64_t now_ms);

/* Send the next command, or a fence, if one may go; false: none. */
bool chan_start_next(struct at_chan *c, uint64_t now_ms);

#endif
