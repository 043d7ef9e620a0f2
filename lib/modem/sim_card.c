/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/sim_card.h"

#include "at/at_line.h"
#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void sim_card_init(struct sim_card *s)
{
	*s = (struct sim_card){ .step = SIM_CARD_QUERY, .attempts = UINT32_MAX };
}

void sim_card_restart(struct sim_card *s, uint64_t now_ms)
{
	if (s->step == SIM_CARD_NOTE && !s->is_pin_tried)
		s->has_note = false; /* of a PIN that has not been on the line */
	s->step = SIM_CARD_QUERY;
	s->since_ms = now_ms;
	s->is_told = false;
	s->is_radio_tried = false;
	s->answer[0] = '\0';
	s->untold = 0;
	s->attempts = UINT32_MAX;
}

void sim_card_new_pin(struct sim_card *s)
{
	s->is_pin_tried = false;
	s->is_pin_retried = false;
	s->is_told = false;
}

/* ---- the note ---- */

static uint64_t hash_of(const char *pin)
{
	return hash_fnv1a(HASH_INIT, (const uint8_t *)pin, strlen(pin));
}

void sim_card_recall(struct sim_card *s, const char *note)
{
	s->has_note =
	    sscanf(note, "%16" SCNx64 " %" SCNu32, &s->noted_hash, &s->noted_attempts) == 2;
}

void sim_card_note(const struct sim_card *s, char ret_note[SIM_CARD_NOTE_MAX])
{
	ret_note[0] = '\0';
	if (s->has_note)
		snprintf(ret_note, SIM_CARD_NOTE_MAX, "%016" PRIx64 " %" PRIu32, s->noted_hash,
		    s->noted_attempts);
}

static void make_note(struct sim_card *s, const char *pin)
{
	s->has_note = true;
	s->noted_hash = hash_of(pin);
	s->noted_attempts = s->attempts;
}

/* It was entered before, and the card has no more attempts now than it had then, or does not say.
 */
static bool was_refused_before(const struct sim_card *s, const char *pin)
{
	if (!s->has_note || s->noted_hash != hash_of(pin))
		return false;
	return s->attempts == UINT32_MAX || s->noted_attempts == UINT32_MAX ||
	       s->attempts < s->noted_attempts;
}

/* ---- steps ---- */

void sim_card_line(struct sim_card *s, struct span line)
{
	struct span field;

	switch (s->step) {
	case SIM_CARD_QUERY:
		if (at_line_field(line, 0, &field))
			snprintf(s->answer, sizeof s->answer, "%.*s", (int)field.len,
			    field.len > 0 ? (const char *)field.data : "");
		break;
	case SIM_CARD_ATTEMPTS:
		at_line_number(line, 0, &s->attempts);
		break;
	case SIM_CARD_RADIO:
	case SIM_CARD_NOTE:
	case SIM_CARD_ENTER:
		break;
	}
}

static void tell(struct sim_card *s, enum modem_notice notice, const char *text)
{
	s->has_notice = !s->is_told;
	s->is_told = true;
	s->notice = notice;
	s->text = text;
}

static enum sim_card_verdict wait_for_man(
    struct sim_card *s, enum modem_notice notice, const char *text, uint32_t *ret_wait_ms)
{
	tell(s, notice, text);
	s->step = SIM_CARD_QUERY;
	*ret_wait_ms = SIM_CARD_SLOW_MS;
	return SIM_CARD_WAIT_MAN;
}

static enum sim_card_verdict wait_for_card(
    struct sim_card *s, uint64_t now_ms, const char *detail, uint32_t *ret_wait_ms)
{
	uint64_t since_ms = now_ms - s->since_ms;
	bool is_late = since_ms >= SIM_CARD_SETTLE_MS;

	if (!s->is_radio_tried && since_ms >= SIM_CARD_RADIO_MS) {
		s->is_radio_tried = true;
		s->step = SIM_CARD_RADIO;
		return SIM_CARD_GO_ON;
	}
	s->step = SIM_CARD_QUERY;
	*ret_wait_ms = is_late ? SIM_CARD_SLOW_MS : SIM_CARD_FAST_MS;
	if (is_late)
		tell(s, MODEM_NOTICE_NO_SIM, detail && detail[0] ? detail : "SIM does not answer");
	return SIM_CARD_WAIT;
}

static enum sim_card_verdict query_done(struct sim_card *s, uint64_t now_ms, bool has_pin,
    enum at_result result, const char *detail, uint32_t *ret_wait_ms, bool *ret_is_noted)
{
	if (result == AT_OK && strcmp(s->answer, "READY") == 0) {
		*ret_is_noted = s->is_pin_tried && s->has_note;
		s->has_note = s->has_note && !s->is_pin_tried;
		s->is_pin_tried = false; /* it was the right one, or none is needed */
		s->is_pin_retried = false;
		return SIM_CARD_READY;
	}
	s->untold = result == AT_OK && s->answer[0] == '\0' ? s->untold + 1 : 0;
	if (s->untold >= SIM_CARD_UNTOLD_MAX)
		return SIM_CARD_READY;
	if (result != AT_OK || s->answer[0] == '\0')
		return wait_for_card(s, now_ms, detail, ret_wait_ms);
	if (strcmp(s->answer, "SIM PIN") != 0)
		return wait_for_man(s, MODEM_NOTICE_PIN_REFUSED,
		    "the SIM asks for something else than its PIN (PUK or a lock)", ret_wait_ms);
	if (!has_pin)
		return wait_for_man(s, MODEM_NOTICE_PIN_REFUSED,
		    "the SIM asks for its PIN and none is configured", ret_wait_ms);
	/* It may have got lost: once more, if the card says that it has cost no attempt. */
	if (s->is_pin_retried)
		return wait_for_man(s, MODEM_NOTICE_PIN_REFUSED,
		    "the SIM refused the PIN; it is not tried again", ret_wait_ms);
	s->step = SIM_CARD_ATTEMPTS;
	return SIM_CARD_GO_ON;
}

static enum sim_card_verdict attempts_done(
    struct sim_card *s, const char *pin, uint32_t *ret_wait_ms)
{
	/* A model that cannot tell (ERROR) leaves UINT32_MAX. */
	if (s->attempts <= 1)
		return wait_for_man(s, MODEM_NOTICE_PIN_REFUSED,
		    "one attempt is left for the PIN: not tried", ret_wait_ms);
	if (was_refused_before(s, pin))
		return wait_for_man(s, MODEM_NOTICE_PIN_REFUSED,
		    s->is_pin_tried ? "the SIM refused the PIN; it is not tried again"
				    : "the SIM refused the PIN before; it is not tried again",
		    ret_wait_ms);
	make_note(s, pin);
	s->is_pin_retried = s->is_pin_tried;
	s->step = SIM_CARD_NOTE;
	return SIM_CARD_GO_ON;
}

enum sim_card_verdict sim_card_done(struct sim_card *s, uint64_t now_ms, const char *pin,
    enum at_result result, const char *detail, uint32_t *ret_wait_ms, bool *ret_is_noted)
{
	enum sim_card_verdict verdict = SIM_CARD_WAIT;

	s->has_notice = false;
	*ret_is_noted = false;
	switch (s->step) {
	case SIM_CARD_QUERY:
		verdict =
		    query_done(s, now_ms, pin != NULL, result, detail, ret_wait_ms, ret_is_noted);
		break;
	case SIM_CARD_ATTEMPTS:
		if (result != AT_OK) { /* nothing is known, so nothing is risked */
			verdict = wait_for_card(s, now_ms, detail, ret_wait_ms);
			break;
		}
		verdict = pin ? attempts_done(s, pin, ret_wait_ms) : SIM_CARD_GO_ON;
		*ret_is_noted = s->step == SIM_CARD_NOTE;
		s->step = pin ? s->step : SIM_CARD_QUERY; /* the configuration changed meanwhile */
		break;
	case SIM_CARD_NOTE:
		s->step = pin ? SIM_CARD_ENTER : SIM_CARD_QUERY;
		s->is_pin_tried =
		    pin != NULL; /* now: an unknown outcome may have cost an attempt */
		return SIM_CARD_GO_ON;
	case SIM_CARD_RADIO:
	case SIM_CARD_ENTER:
		/* The question says whether it was right. The card needs a moment for that. */
		s->step = SIM_CARD_QUERY;
		*ret_wait_ms = SIM_CARD_FAST_MS;
		break;
	}
	s->answer[0] = '\0';
	return verdict;
}
