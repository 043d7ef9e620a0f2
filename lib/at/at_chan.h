/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AT channel: jobs wait in a queue, one command is in flight, one function (judge) decides how
 * it ended, and after a time-out a fence makes the line ours again.
 *
 * A job whose command got its OK and now only awaits its answer line is "concluding": it does not
 * hold the channel, and jobs of others go on. Only a step that collects lines of the very command
 * whose answer a concluding job awaits has to wait: "+CMQTTDISC: 0,0" could be either. An owner has
 * no two jobs under way that await the same line.
 *
 * While a data step awaits its prompt, an OK is a stray: no command that takes data ends with OK
 * before it has them. Owners embed struct at_job and keep it, its script
 * and its arguments until the AT_EVENT_DONE for it has been taken. The channel never calls an
 * owner: everything comes out of at_chan_next, one event at a time, borrowed until the next call.
 * It is safe to submit and cancel between two calls.
 */
#ifndef CMQTTD_AT_AT_CHAN_H
#define CMQTTD_AT_AT_CHAN_H

#include "at/at_judge.h"
#include "at/at_parser.h"
#include "at/at_script.h"
#include "base/timerq.h"

enum at_result {
	AT_OK,        /* every step of the script succeeded (or its failure was fine) */
	AT_FAILED,    /* the modem said no: `err`, `detail` */
	AT_UNKNOWN,   /* no result in time, or port or modem went away in the middle */
	AT_CANCELLED, /* had not sent anything */
	AT_INVALID,   /* a value cannot be sent (quote, line too long, no data): our mistake */
};

enum at_job_state { AT_JOB_IDLE, AT_JOB_QUEUED, AT_JOB_RUNNING, AT_JOB_CONCLUDING, AT_JOB_ENDED };

struct at_job {
	/* Set by the owner before at_chan_submit. */
	const struct at_step *script;
	const struct at_args *args;
	uint8_t owner;   /* for the owner's own dispatch */
	bool is_patient; /* final_ms of steps that may be slow does not count */

	/* The channel's. */
	struct at_job *next;
	enum at_job_state state;
	enum at_result result;
	uint8_t step;
	bool has_sent;  /* something of it went out */
	bool data_sent; /* the body of this step */
	bool has_err;
	bool is_overdue;       /* ended because neither OK nor ERROR came in time */
	enum at_final final;   /* of this step so far */
	enum at_answer answer; /* of this step so far */
	unsigned err;
	uint64_t deadline_ms;
	uint64_t limit_ms; /* deadline_ms is never later, once the command went out */
	uint64_t
	    delayed_ms;  /* both are that much later, for the inbound messages that came before */
	char detail[96]; /* tail of +CME ERROR: and the like, NUL-terminated */
};

enum at_event_type {
	AT_EVENT_DONE,    /* job ended: result, err, step, detail */
	AT_EVENT_INFO,    /* a line the running step collects */
	AT_EVENT_URC,     /* a line nobody asked for, with its counted bytes if it announced some */
	AT_EVENT_GARBAGE, /* bytes without sense; counted data that did not come */
	AT_EVENT_FENCED,  /* the line is ours (again): also the first time after at_chan_open */
	AT_EVENT_STUCK, /* AT_FENCE_TRIES fences went unanswered; goes on trying until told else */
	AT_EVENT_SENT,  /* trace only: a command went out, secrets masked; or a body: its length */
	AT_EVENT_LINE,  /* trace only: a line came in (before it is judged), or a prompt */
};

struct at_event {
	enum at_event_type type;
	struct at_job *job;    /* DONE, INFO */
	enum at_result result; /* DONE */
	bool has_err;          /* DONE: the modem gave a number */
	unsigned err;
	uint8_t step;       /* DONE: the step that decided; INFO: the step that collects */
	const char *detail; /* DONE */
	struct span line;   /* INFO, URC, GARBAGE, SENT, LINE */
	struct span data;   /* URC */
	bool has_data;
};

#define AT_FENCE_TRIES      3
#define AT_FENCE_TIMEOUT_MS 3000
#define AT_ESCAPE_GUARD_MS  1100 /* silence before and after "+++": 1 s (AT manual 2.2, S12) */
#define AT_ESCAPE_PAUSE_MS  300
#define AT_ESCAPE_MS        (2 * AT_ESCAPE_GUARD_MS + 2 * AT_ESCAPE_PAUSE_MS)
#define AT_ERROR_GRACE_MS   300   /* ERROR may be followed by the line that says why */
#define AT_DELAY_MAX_MS     60000 /* inbound messages keep an answer waiting for so long at most */
#define AT_HOLD_MAX_MS      2000  /* no new command while an inbound message is open, at most */

struct at_chan_counters {
	uint64_t commands;
	uint64_t timeouts;
	uint64_t fences;
	uint64_t padded_bytes; /* owed bodies paid with carriage returns */
	uint64_t garbage;
	uint64_t strays; /* final results with no command pending */
	uint64_t bytes_in;
	uint64_t bytes_out; /* put into the output buffer */
};

struct at_chan;

/* framing: lines that announce bytes (borrowed, static). cmd_max: see at_template_expand. NULL: no
 * memory. */
struct at_chan *at_chan_new(const struct at_framing *framing, size_t cmd_max);
void at_chan_free(struct at_chan *c);

/* Another longest command line (the model is known now). */
void at_chan_set_cmd_max(struct at_chan *c, size_t cmd_max);

/* Emit SENT and LINE events. */
void at_chan_set_trace(struct at_chan *c, bool on);

/* The port is open: nothing is known of what the modem waits for. The channel fences before the
 * first command, paying up to AT_DATA_MAX bytes if the fence is not answered. */
void at_chan_open(struct at_chan *c, uint64_t now_ms);

/* As at_chan_open, for a modem that does not answer: it may be in data mode, multiplexed or quiet.
 * Before the first fence the channel is silent for the guard time, sends "+++", is silent again,
 * closes multiplexing down and asks for answers in words: AT_ESCAPE_MS in all. A modem in command
 * mode takes no harm. */
void at_chan_escape(struct at_chan *c, uint64_t now_ms);

/* The port is gone: every job ends, AT_UNKNOWN if it had sent something, else AT_CANCELLED. */
void at_chan_close(struct at_chan *c, uint64_t now_ms);

/* The modem has booted: as close and open in one, but no body is owed any more, and bytes that were
 * received behind the boot line are kept. */
void at_chan_rebooted(struct at_chan *c, uint64_t now_ms);

/* Something is known to leave stray results behind: fence before the next command. */
void at_chan_set_dirty(struct at_chan *c);

/* Start no new command while an inbound message is open; ends by itself after AT_HOLD_MAX_MS. A
 * step that runs goes on. */
void at_chan_hold(struct at_chan *c, uint64_t now_ms);
void at_chan_unhold(struct at_chan *c);

/* Queue a job. A value that cannot be sent (see at_template_expand_step) in any of its steps ends
 * it AT_INVALID before anything goes out. 0; -EBUSY: it is queued or running already; -ENOSPC:
 * AT_JOBS_MAX are waiting; -ENOTCONN: no port. */
int at_chan_submit(struct at_chan *c, uint64_t now_ms, struct at_job *job);

/* End a job: AT_CANCELLED if it had sent nothing, else AT_UNKNOWN (the line is fenced if the
 * channel was held). Its DONE event still comes. Idle jobs are ignored. The answer that a
 * concluding job awaited may come later: another job that awaits the same line would take it. */
void at_chan_cancel(struct at_chan *c, uint64_t now_ms, struct at_job *job);

/* Bytes from the tty, at most 4096 at once. Take events until there are none before the next call:
 * then nothing is ever lost for want of room, and the spans of events stay good until they are
 * taken. */
void at_chan_rx(struct at_chan *c, uint64_t now_ms, const uint8_t *data, size_t len);

/* Next event; also starts commands. false: nothing to do before the deadline or the next bytes. */
bool at_chan_next(struct at_chan *c, uint64_t now_ms, struct at_event *ret);

/* When at_chan_next must be called again even if no bytes come. */
uint64_t at_chan_deadline(const struct at_chan *c);

/* Bytes for the tty: write from it and buf_consume what went. */
struct buf *at_chan_tx(struct at_chan *c);

/* Totals since at_chan_new. */
const struct at_chan_counters *at_chan_counters(const struct at_chan *c);

#endif
