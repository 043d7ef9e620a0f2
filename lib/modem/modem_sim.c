/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/modem_sim.h"

#include "modem/sim7600.h"

#define NOTE_MS 10 /* for the shell to keep a note */

/* It must be on disk before the PIN is on the line: that goes with a later turn. */
static void tell_pin_note(struct modem *m, uint64_t now_ms)
{
	char note[SIM_CARD_NOTE_MAX];

	sim_card_note(&m->sim, note);
	event_queue_push(
	    &m->events, &(struct modem_event){ .type = MODEM_EVENT_PIN_NOTE }, "%s", note);
	life_pause(m, now_ms, NOTE_MS);
}

static void note_kept(struct modem *m, uint64_t now_ms)
{
	uint32_t wait_ms;
	bool is_noted;

	(void)sim_card_done(&m->sim, now_ms, life_config(m)->pin, AT_OK, NULL, &wait_ms, &is_noted);
}

void sim_begin(struct modem *m, uint64_t now_ms)
{
	struct at_args *args = exchange_args(&m->exchange);

	switch (m->sim.step) {
	case SIM_CARD_QUERY:
		life_run(m, now_ms, sim7600_sim_script);
		break;
	case SIM_CARD_RADIO:
		life_run(m, now_ms, sim7600_radio_on_script);
		break;
	case SIM_CARD_ATTEMPTS:
		life_run(m, now_ms, sim7600_pin_attempts_script);
		break;
	case SIM_CARD_NOTE:
		note_kept(m, now_ms);
		break;
	case SIM_CARD_ENTER:
		at_args_secret(args, "pin", life_config(m)->pin);
		life_expect_boot_lines(m, now_ms); /* the card starts now */
		life_run(m, now_ms, sim7600_pin_enter_script);
		break;
	}
}

void sim_done(struct modem *m, uint64_t now_ms, const struct at_event *ev)
{
	uint32_t wait_ms = 0;
	bool is_noted;
	enum sim_card_verdict verdict = sim_card_done(
	    &m->sim, now_ms, life_config(m)->pin, ev->result, ev->detail, &wait_ms, &is_noted);

	if (is_noted)
		tell_pin_note(m, now_ms);
	if (m->sim.has_notice)
		event_queue_notice(&m->events, 0, m->sim.notice, "%s", m->sim.text);
	switch (verdict) {
	case SIM_CARD_GO_ON:
		break;
	case SIM_CARD_WAIT_MAN:
		life_renew_budget(m, now_ms);
		life_pause(m, now_ms, wait_ms);
		break;
	case SIM_CARD_WAIT:
		life_pause(m, now_ms, wait_ms);
		break;
	case SIM_CARD_READY:
		m->is_denied_told = false;
		life_set_state(m, now_ms, MODEM_REGISTERING, "the SIM is ready");
		break;
	}
}
