/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/matrix_waits.h"

#include "bridge/core_query.h"
#include "modem/modem_life.h"
#include "modem/sim7600.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAITS_MAX = 1024 };

static struct wait waits[WAITS_MAX];
static size_t wait_count;

size_t waits_count(void)
{
	return wait_count;
}

const struct wait *waits_get(size_t i)
{
	return &waits[i];
}

static void note(const char *name, const struct situation *s, unsigned turn)
{
	for (size_t i = 0; i < wait_count; i++) {
		if (strcmp(waits[i].name, name) == 0)
			return;
	}
	if (wait_count == WAITS_MAX)
		abort();
	waits[wait_count] = (struct wait){ .situation = s, .turn = turn };
	snprintf(waits[wait_count++].name, WAIT_NAME_MAX, "%s", name);
}

static const char *job_state_name(enum at_job_state state)
{
	switch (state) {
	case AT_JOB_IDLE:
		return "idle";
	case AT_JOB_QUEUED:
		return "waits for its turn";
	case AT_JOB_RUNNING:
		return "sent";
	case AT_JOB_CONCLUDING:
		return "accepted";
	case AT_JOB_ENDED:
		return "ended";
	}
	return "?";
}

/* The command that is under way, or a pause. */
static void describe(const struct exchange *x, char ret[WAIT_NAME_MAX])
{
	const struct at_step *step = x->is_busy ? exchange_step(x, x->job.step) : NULL;

	if (step)
		snprintf(ret, WAIT_NAME_MAX, "%.40s %s", step->send, job_state_name(x->job.state));
	else
		snprintf(ret, WAIT_NAME_MAX, "pause");
}

void waits_note(const struct world *w, const struct situation *s, unsigned turn)
{
	const struct modem *m = core_get_modem(w->core);
	char at[WAIT_NAME_MAX], name[WAIT_NAME_MAX];

	describe(&m->exchange, at);
	snprintf(name, sizeof(name), "modem %s, step %u: %.80s", modem_state_name(m->status.state),
	    m->step, at);
	note(name, s, turn);
	for (size_t i = 0; i < MODEM_CLIENTS; i++) {
		const struct session *session = &m->session[i];

		describe(&session->exchange, at);
		snprintf(name, sizeof(name), "session %s, phase %u: %.80s",
		    session_state_name(session->status.state), (unsigned)session->phase, at);
		note(name, s, turn);
	}
	describe(&m->operator, at);
	snprintf(name, sizeof(name), "operator: %.80s", at);
	note(name, s, turn);
}
