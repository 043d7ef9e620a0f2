/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/modem_recover.h"

#include "modem/modem_attach.h"
#include "modem/modem_sync.h"
#include "modem/sim7600.h"

#include <stdio.h>

#define HEARD_MS     1000 /* for what makes sense after all: that it starts, if so */
#define RADIO_OFF_MS 3000 /* long enough for the network to be left */

enum recover_step { RECOVER_ACT, RECOVER_RADIO_ON, RECOVER_WAIT };

/* A modem that says nothing may be busy with a command that it may take two minutes for. */
static bool must_spare(const struct modem *m, uint64_t now_ms, enum recovery_trouble trouble)
{
	return trouble == RECOVERY_TROUBLE_SILENT && now_ms < m->spare_until_ms;
}

static unsigned possible_steps(const struct modem *m)
{
	unsigned steps = RECOVERY_BIT(RECOVERY_FENCE) | RECOVERY_BIT(RECOVERY_REOPEN) |
			 RECOVERY_BIT(RECOVERY_RADIO) | RECOVERY_BIT(RECOVERY_RESET);

	if (m->env.family->can_stop)
		steps |= RECOVERY_BIT(RECOVERY_SERVICE);
	if (m->can_rebind)
		steps |= RECOVERY_BIT(RECOVERY_REBIND);
	if (m->cfg && m->cfg->has_power_cycle)
		steps |= RECOVERY_BIT(RECOVERY_POWER);
	return steps;
}

static uint32_t budget_of(const struct modem *m)
{
	return recovery_ladder[m->remedy].budget_ms;
}

bool recover_try(struct modem *m, uint64_t now_ms, enum recovery_trouble trouble, const char *why)
{
	unsigned steps = possible_steps(m);
	char text[EVENT_TEXT_MAX];
	uint64_t at_ms;

	if (must_spare(m, now_ms, trouble))
		steps &= ~(RECOVERY_BIT(RECOVERY_REBIND) | RECOVERY_BIT(RECOVERY_POWER));
	if (!recovery_next(&m->recovery, now_ms, trouble, steps, &m->remedy, &at_ms)) {
		if (m->budget_at_ms != TIMER_NEVER)
			m->budget_at_ms = at_ms;
		return false;
	}
	snprintf(text, sizeof text, "%s: %s", recovery_step_name(m->remedy), why);
	life_set_state(m, now_ms, MODEM_RECOVERING, text);
	m->budget_at_ms = now_ms + 2 * (uint64_t)budget_of(m); /* by then it is somewhere else */
	return true;
}

static void tell(struct modem *m, enum modem_event_type type)
{
	event_queue_push(&m->events, &(struct modem_event){ .type = type }, NULL);
}

static void reopen(struct modem *m, uint64_t now_ms)
{
	at_chan_close(m->chan, now_ms);
	modem_drop_inbound(m, INBOUND_LOSS_RESET);
	life_set_state(m, now_ms, MODEM_OPENING, "the port is opened again");
	m->budget_at_ms = now_ms + recovery_ladder[RECOVERY_REOPEN].budget_ms;
	tell(m, MODEM_EVENT_TTY_REOPEN);
}

static void wait_for_return(struct modem *m, uint64_t now_ms)
{
	life_forget_patience(m);
	m->is_heard = false;
	life_go_to(m, RECOVER_WAIT);
	life_pause(m, now_ms, budget_of(m));
}

static void act(struct modem *m, uint64_t now_ms)
{
	switch (m->remedy) {
	case RECOVERY_FENCE:
		at_chan_set_dirty(m->chan);
		life_set_state(m, now_ms, MODEM_SYNCING, "the line is set up anew");
		break;
	case RECOVERY_REOPEN:
		reopen(m, now_ms);
		break;
	case RECOVERY_SERVICE:
		attach_restart_service(m, now_ms);
		m->budget_at_ms = now_ms + budget_of(m);
		break;
	case RECOVERY_RADIO:
		(void)exchange_args(&m->exchange);
		life_run(m, now_ms, sim7600_radio_off_script);
		break;
	case RECOVERY_RESET:
		(void)exchange_args(&m->exchange);
		life_run(m, now_ms, sim7600_reset_script);
		break;
	case RECOVERY_REBIND:
		tell(m, MODEM_EVENT_USB_REBIND);
		wait_for_return(m, now_ms);
		break;
	case RECOVERY_POWER:
		tell(m, MODEM_EVENT_POWER_HOOK);
		wait_for_return(m, now_ms);
		break;
	case RECOVERY_STEPS:
		break;
	}
}

void recover_begin(struct modem *m, uint64_t now_ms)
{
	switch ((enum recover_step)m->step) {
	case RECOVER_ACT:
		act(m, now_ms);
		break;
	case RECOVER_RADIO_ON:
		(void)exchange_args(&m->exchange);
		life_run(m, now_ms, sim7600_radio_on_script);
		break;
	case RECOVER_WAIT:
		if (m->is_heard) {
			at_chan_open(m->chan, now_ms);
			life_set_state(m, now_ms, MODEM_SYNCING, "it says what makes no sense");
			sync_expect_speed(m, now_ms);
			break;
		}
		if (m->remedy == RECOVERY_RESET)
			event_queue_notice(&m->events, 0, MODEM_NOTICE_STUCK,
			    "the modem does not come back from its reset");
		reopen(m, now_ms);
		break;
	}
}

void recover_heard(struct modem *m, uint64_t now_ms)
{
	if (m->remedy != RECOVERY_POWER || m->step != RECOVER_WAIT)
		return;
	m->is_heard = true;
	m->resume_at_ms = timer_min(m->resume_at_ms, now_ms + HEARD_MS);
}

void recover_done(struct modem *m, uint64_t now_ms, const struct at_event *ev)
{
	/* A modem in trouble may do it and not say so, but not if it refuses. */
	if (m->remedy == RECOVERY_RESET && ev->result == AT_FAILED) {
		reopen(m, now_ms);
	} else if (m->remedy != RECOVERY_RADIO) {
		wait_for_return(m, now_ms);
	} else if (m->step == RECOVER_ACT) {
		life_go_to(m, RECOVER_RADIO_ON);
		life_pause(m, now_ms, RADIO_OFF_MS);
	} else {
		sim_card_restart(&m->sim, now_ms);
		life_set_state(m, now_ms, MODEM_SIM, "the radio was off and on");
	}
}

void recover_answered(struct modem *m, uint64_t now_ms)
{
	switch (m->remedy) {
	case RECOVERY_REBIND:
	case RECOVERY_POWER:
		life_set_state(m, now_ms, MODEM_SYNCING, "the modem answers again");
		break;
	case RECOVERY_FENCE:
	case RECOVERY_REOPEN:
	case RECOVERY_SERVICE:
	case RECOVERY_RADIO:
	case RECOVERY_RESET: /* these begin on a line that answers */
	case RECOVERY_STEPS:
		break;
	}
}
