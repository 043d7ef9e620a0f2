/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/exchange.h"

#include <assert.h>

void exchange_init(struct exchange *x, uint8_t owner)
{
	*x = (struct exchange){ .job = { .owner = owner } };
	at_args_init(&x->args);
}

struct at_args *exchange_args(struct exchange *x)
{
	assert(!x->is_busy);
	at_args_init(&x->args);
	return &x->args;
}

int exchange_start(
    struct exchange *x, struct at_chan *chan, uint64_t now_ms, const struct at_step *script)
{
	int r;

	assert(!x->is_busy);
	x->job.script = script;
	x->job.args = &x->args;
	r = at_chan_submit(chan, now_ms, &x->job);
	if (r < 0)
		return r;
	x->is_busy = true;
	x->is_abandoned = false;
	return 0;
}

void exchange_abandon(struct exchange *x, struct at_chan *chan, uint64_t now_ms)
{
	if (!x->is_busy)
		return;
	x->is_abandoned = true;
	exchange_poll(x, chan, now_ms);
}

void exchange_poll(struct exchange *x, struct at_chan *chan, uint64_t now_ms)
{
	if (!x->is_busy || !x->is_abandoned)
		return;
	switch (x->job.state) {
	case AT_JOB_QUEUED:
	case AT_JOB_CONCLUDING:
		at_chan_cancel(chan, now_ms, &x->job);
		break;
	case AT_JOB_RUNNING: /* talking into a command that runs would confuse the modem */
	case AT_JOB_IDLE:
	case AT_JOB_ENDED:
		break;
	}
}

bool exchange_end(struct exchange *x)
{
	const struct at_step *step = exchange_step(x, x->job.step);

	x->is_busy = false;
	if (x->job.is_overdue && step->is_slow)
		x->job.is_patient = true;
	return !x->is_abandoned;
}

void exchange_forget_patience(struct exchange *x)
{
	x->job.is_patient = false;
}

const struct at_step *exchange_step(const struct exchange *x, uint8_t index)
{
	return &x->job.script[index];
}
