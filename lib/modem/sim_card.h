/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Getting the SIM ready: what to ask, when to enter the PIN, and when not.
 *
 * A wrong PIN locks the card after three tries, so that one PIN is entered once and never again
 * until the configuration has another, and not at all when the card says that one attempt is left.
 * One that has cost no attempt has got lost on its way, or the card has lost its power since: it is
 * entered once more.
 * A note, which its owner keeps where it outlives the process, says which PIN was entered and how
 * many attempts the card had then. After a restart the same PIN is entered again only if that cost
 * no attempt: then it was the right one.
 * Right after a start the card is "busy" or "failed" for some seconds (seen on SIM7600 and A76xx);
 * only after SIM_CARD_SETTLE_MS that is told as a missing SIM. Decides only; its owner talks to the
 * modem.
 */
#ifndef CMQTTD_MODEM_SIM_CARD_H
#define CMQTTD_MODEM_SIM_CARD_H

#include "at/at_chan.h"
#include "modem/modem.h"

#define SIM_CARD_SETTLE_MS  20000
#define SIM_CARD_RADIO_MS   6000  /* no card for so long: it may have been switched off */
#define SIM_CARD_FAST_MS    1000  /* between questions until then */
#define SIM_CARD_SLOW_MS    15000 /* and after it, or while somebody must act */
#define SIM_CARD_UNTOLD_MAX 3 /* then the modem does not tell, and the card is taken for ready */

enum sim_card_step {
	SIM_CARD_QUERY,
	SIM_CARD_RADIO, /* AT+CFUN=1: with CFUN=0 the card has no power */
	SIM_CARD_ATTEMPTS,
	SIM_CARD_NOTE, /* its owner keeps the note, then asks for the next step */
	SIM_CARD_ENTER
};

#define SIM_CARD_NOTE_MAX 32 /* bytes of a note as text */

enum sim_card_verdict {
	SIM_CARD_GO_ON,    /* next step now */
	SIM_CARD_WAIT,     /* next step in *ret_wait_ms */
	SIM_CARD_WAIT_MAN, /* the same, and nothing but a human being can help */
	SIM_CARD_READY,
};

struct sim_card {
	enum sim_card_step step;
	uint64_t since_ms; /* begin of the wait for the card */
	bool is_radio_tried;
	bool is_told; /* a notice was given for what is wrong */
	bool is_pin_tried;
	bool is_pin_retried;
	char answer[32];   /* "READY", "SIM PIN", ... of the step under way */
	unsigned untold;   /* questions in a row that had OK and no answer */
	uint32_t attempts; /* left, as the card says; UINT32_MAX: it does not */
	/* The note: hash of a PIN, and attempts that were left before it was entered. */
	bool has_note;
	uint64_t noted_hash;
	uint32_t noted_attempts;
	/* What to tell the operator; valid after a verdict with has_notice. */
	bool has_notice;
	enum modem_notice notice;
	const char *text;
};

/* No card seen, no PIN tried. */
void sim_card_init(struct sim_card *s);

/* The modem has booted: begin again. What is known of the PIN stays. */
void sim_card_restart(struct sim_card *s, uint64_t now_ms);

/* Another PIN is configured. */
void sim_card_new_pin(struct sim_card *s);

/* The note as it was kept; "" or what is none: there is none. */
void sim_card_recall(struct sim_card *s, const char *note);

/* The note to be kept; "": none is needed. */
void sim_card_note(const struct sim_card *s, char ret_note[SIM_CARD_NOTE_MAX]);

/* A line that the step under way collects. */
void sim_card_line(struct sim_card *s, struct span line);

/* How the step ended; NOTE ends by itself, with AT_OK. pin: NULL: none is configured. detail: as in
 * struct at_event. *ret_is_noted: the note is another one now. */
enum sim_card_verdict sim_card_done(struct sim_card *s, uint64_t now_ms, const char *pin,
    enum at_result result, const char *detail, uint32_t *ret_wait_ms, bool *ret_is_noted);

#endif
