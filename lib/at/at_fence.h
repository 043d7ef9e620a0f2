/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fence: after a time-out the line may still owe us anything. A query with an unmistakable
 * answer is sent, and final results are dropped until that answer and its OK have come.
 *
 * A modem that still waits for the bytes of a body eats the fence. So the bytes that may be owed
 * are paid first, with carriage returns: what is too much of them are empty commands. Where no body
 * was under way, as far as we know, that comes last: a slow modem owes nothing. A fence that
 * was sent twice is answered twice, so every answer with its OK is taken as a pair whenever it
 * comes, also in the middle of the next command.
 *
 * This file decides; it sends nothing. at_chan is its only user.
 */
#ifndef CMQTTD_AT_AT_FENCE_H
#define CMQTTD_AT_AT_FENCE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AT_FENCE_FIRST_TIMEOUT_MS 1000 /* of the first after opening, before anything is paid */
#define AT_FENCE_RETRY_MS         5000 /* once the modem is stuck */
#define AT_FENCE_NEXT_MS          1000 /* between the answers to two that were sent together */
#define AT_FENCE_PAD_BYTES_PER_MS 4    /* time given to paid bytes: 38400 baud */

/* Harmless questions that nobody else asks, answered at once. The second one is for a modem that
 * does not know the first. The third is for one that knows neither, and proves less: it is answered
 * when an OK was followed by silence. */
enum at_fence_query {
	AT_FENCE_CMEE,  /* AT+CMEE?, AT manual 3.2.18 */
	AT_FENCE_CGATT, /* AT+CGATT?, AT manual ch. 8 */
	AT_FENCE_PLAIN, /* AT, 1.4 */
};

enum at_fence_state {
	AT_FENCE_OPEN,   /* the line is ours */
	AT_FENCE_WANTED, /* to be sent */
	AT_FENCE_ASKED,  /* sent: final results are nobody's until it is answered */
};

struct at_fence {
	enum at_fence_state state;
	enum at_fence_query query; /* what is asked; outlives everything but the channel */
	bool is_known;             /* it was answered since the port was opened */
	unsigned tries;            /* sent and not answered, this time */
	unsigned outstanding;      /* sent and not answered, earlier ones included */
	unsigned stale;            /* of these, sent before the line was lost: they prove nothing */
	bool answer_seen;          /* the answer line came, its OK is next */
	bool is_answering;         /* a stale one was answered: the others are next, or were lost */
	bool is_settling;          /* the plain question has its OK: nothing may follow */
	bool may_pay;              /* false: the modem has just booted and awaits no body */
	bool is_body_likely;       /* bytes of a body were under way when the line was lost */
	bool is_first;             /* first after opening */
	bool has_paid;             /* the one under way went out behind paid bytes */
	unsigned others;           /* final results since it went out that were not its own */
	bool was_refused;          /* one of them was an ERROR: perhaps the answer to it */
	size_t owed_bytes;         /* to be paid with the next one */
	uint64_t deadline_ms;      /* in ASKED */
	uint64_t limit_ms;         /* it is never later than that */
	uint64_t delayed_ms;       /* both are that much later, for what came before the answer */
};

/* What a final result meant. */
enum at_fence_final {
	AT_FENCE_NOT_MINE, /* it belongs to the command that runs */
	AT_FENCE_DROPPED,  /* a stray */
	AT_FENCE_PAIR,     /* of an earlier fence */
	AT_FENCE_PASSED,   /* the line is ours again */
};

/* What it means that the time is up. */
enum at_fence_expiry {
	AT_FENCE_AGAIN, /* it is wanted once more */
	AT_FENCE_STUCK, /* likewise, and this is the moment to call the modem stuck */
	AT_FENCE_QUIET, /* silence behind the OK of the plain question: the line is ours again */
};

/* The command of the fence, with its CR. */
const char *at_fence_command(const struct at_fence *f);

/* The port was opened (may_pay), or the modem booted. */
void at_fence_init(struct at_fence *f, bool may_pay);

/* The line is no longer ours; the modem may await up to owed_bytes. */
void at_fence_want(struct at_fence *f, size_t owed_bytes);

/* It goes out now, behind so many carriage returns. */
size_t at_fence_sent(struct at_fence *f, uint64_t now_ms);

/* It is its turn, but bytes still wait for the port: nothing is sent, only waited. */
void at_fence_postpone(struct at_fence *f, uint64_t now_ms);

/* So much time does not count, up to AT_DELAY_MAX_MS for each that is sent. */
void at_fence_delay(struct at_fence *f, uint64_t ms);

/* Its time is up. */
enum at_fence_expiry at_fence_expired(struct at_fence *f);

/* The line is the answer of a fence: also of one that was given up for lost, or that was sent
 * before the port was opened, unless is_awaited: a command runs whose answer it may be. */
bool at_fence_takes_line(struct at_fence *f, struct span line, bool is_awaited);

/* A final result came. */
enum at_fence_final at_fence_take_final(struct at_fence *f, uint64_t now_ms, bool is_ok);

/* Bytes came, whatever they are: the modem is at it. */
void at_fence_heard(struct at_fence *f, uint64_t now_ms);

/* A command sent later has got its final result: the modem answers in order, so earlier fences
 * without answer were lost. */
void at_fence_settle(struct at_fence *f);

#endif
