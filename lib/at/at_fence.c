/* SPDX-License-Identifier: Apache-2.0 */
#include "at/at_fence.h"

#include "at/at_chan.h"
#include "at/at_line.h"
#include "base/timerq.h"

static const struct {
	const char *command, *answer;
} queries[] = {
	[AT_FENCE_CMEE] = { "AT+CMEE?\r", "+CMEE:" },
	[AT_FENCE_CGATT] = { "AT+CGATT?\r", "+CGATT:" },
	[AT_FENCE_PLAIN] = { "AT\r", NULL },
};

const char *at_fence_command(const struct at_fence *f)
{
	return queries[f->query].command;
}

void at_fence_init(struct at_fence *f, bool may_pay)
{
	*f = (struct at_fence){ .state = AT_FENCE_WANTED,
		.query = f->query == AT_FENCE_PLAIN ? AT_FENCE_CMEE : f->query,
		.is_known = f->is_known && f->query != AT_FENCE_PLAIN && !may_pay,
		.may_pay = may_pay,
		.is_first = may_pay };
}

void at_fence_want(struct at_fence *f, size_t owed_bytes)
{
	f->state = AT_FENCE_WANTED;
	f->tries = 0;
	f->is_answering = false;
	f->is_settling = false;
	f->stale = f->outstanding;
	f->owed_bytes = owed_bytes;
	f->may_pay = true;
	f->is_body_likely = owed_bytes > 0;
	f->is_first = false;
}

static uint32_t timeout_of(const struct at_fence *f)
{
	if (f->is_first && f->tries == 0)
		return AT_FENCE_FIRST_TIMEOUT_MS;
	return f->tries < AT_FENCE_TRIES ? AT_FENCE_TIMEOUT_MS : AT_FENCE_RETRY_MS;
}

size_t at_fence_sent(struct at_fence *f, uint64_t now_ms)
{
	size_t pay = f->owed_bytes;

	f->state = AT_FENCE_ASKED;
	f->owed_bytes = 0;
	f->has_paid = pay > 0;
	f->others = 0;
	f->was_refused = false;
	f->outstanding++;
	f->delayed_ms = 0;
	f->limit_ms = now_ms + timeout_of(f) + pay / AT_FENCE_PAD_BYTES_PER_MS;
	f->deadline_ms = f->limit_ms;
	return pay;
}

void at_fence_postpone(struct at_fence *f, uint64_t now_ms)
{
	f->state = AT_FENCE_ASKED;
	f->limit_ms = now_ms + timeout_of(f);
	f->deadline_ms = f->limit_ms;
}

void at_fence_delay(struct at_fence *f, uint64_t ms)
{
	if (f->state != AT_FENCE_ASKED || f->delayed_ms + ms > AT_DELAY_MAX_MS)
		return;
	f->delayed_ms += ms;
	f->limit_ms += ms;
	f->deadline_ms += ms;
}

/* The modem answers, but never this question: an ERROR says so at once, an OK alone when it comes
 * again. Then it is another question's turn, and nothing has to be paid for it. */
static bool try_other_query(struct at_fence *f)
{
	if (f->is_known || (!f->was_refused && (f->others == 0 || f->tries == 0)))
		return false;
	f->query = f->query == AT_FENCE_PLAIN ? AT_FENCE_CMEE : f->query + 1;
	f->outstanding = 0;
	f->stale = 0;
	return true;
}

static enum at_fence_final pass(struct at_fence *f)
{
	f->state = AT_FENCE_OPEN;
	f->tries = 0;
	f->is_answering = false;
	f->is_settling = false;
	f->owed_bytes = 0;
	return AT_FENCE_PASSED;
}

enum at_fence_expiry at_fence_expired(struct at_fence *f)
{
	bool is_other;

	if (f->is_settling) {
		f->is_known = true;
		at_fence_settle(f);
		(void)pass(f);
		return AT_FENCE_QUIET;
	}
	f->state = AT_FENCE_WANTED;
	/* Fences of last time were sent one behind the other and are answered so: none follows. */
	if (f->is_answering) {
		f->is_answering = false;
		f->stale = 0;
		return AT_FENCE_AGAIN;
	}
	is_other = try_other_query(f);
	if (!is_other || f->query == AT_FENCE_CMEE)
		f->tries++; /* each of them was tried */
	/* The most that can be owed: at once if a body was under way, because what we paid was not
	 * enough; otherwise with the last try that counts, because a modem that is merely slow
	 * should not have to swallow it. */
	if (f->may_pay && !is_other &&
	    (f->is_body_likely ? f->tries < AT_FENCE_TRIES : f->tries == AT_FENCE_TRIES - 1))
		f->owed_bytes = AT_DATA_MAX;
	return f->tries == AT_FENCE_TRIES ? AT_FENCE_STUCK : AT_FENCE_AGAIN;
}

bool at_fence_takes_line(struct at_fence *f, struct span line, bool is_awaited)
{
	if ((f->outstanding == 0 && is_awaited) || !queries[f->query].answer ||
	    !span_begins_with(line, queries[f->query].answer))
		return false;
	f->answer_seen = true;
	return true;
}

void at_fence_heard(struct at_fence *f, uint64_t now_ms)
{
	if (f->is_answering || f->is_settling)
		f->deadline_ms = timer_min(f->limit_ms, now_ms + AT_FENCE_NEXT_MS);
}

/* An answer with its OK came. */
static enum at_fence_final take_pair(struct at_fence *f, uint64_t now_ms)
{
	f->answer_seen = false;
	f->is_known = true;
	f->outstanding -= f->outstanding > 0;
	if (f->state == AT_FENCE_OPEN)
		return AT_FENCE_PAIR;
	if (f->stale == 0)
		return pass(f);
	f->stale--;
	if (f->state == AT_FENCE_ASKED) {
		f->is_answering = true;
		at_fence_heard(f, now_ms);
	}
	return AT_FENCE_PAIR;
}

enum at_fence_final at_fence_take_final(struct at_fence *f, uint64_t now_ms, bool is_ok)
{
	if (f->answer_seen && is_ok)
		return take_pair(f, now_ms);
	if (f->state != AT_FENCE_ASKED)
		return AT_FENCE_NOT_MINE;
	f->others++;
	f->was_refused = f->was_refused || !is_ok;
	if (is_ok && f->query == AT_FENCE_PLAIN) {
		f->is_settling = true;
		at_fence_heard(f, now_ms);
	}
	if (!is_ok && !f->has_paid && !f->is_known)
		f->deadline_ms = timer_min(f->deadline_ms, now_ms + AT_FENCE_NEXT_MS);
	return AT_FENCE_DROPPED;
}

void at_fence_settle(struct at_fence *f)
{
	f->outstanding = 0;
	f->stale = 0;
	f->answer_seen = false;
}
