/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the modem: what its files share. For them alone.
 *
 *   modem.c           the interface: what is told and asked for
 *   modem_event.c     what the channel says, and whom it concerns; inbound messages
 *   modem_life.c      states: how one is entered, how long it may take; port, starts, the end
 *   modem_sync.c      SYNCING: who is there, on a line that is ours
 *   modem_sim.c       SIM: the card and its PIN
 *   modem_register.c  REGISTERING: the network
 *   modem_attach.c    ATTACHED: the MQTT service is started
 *   modem_watch.c     READY: signs of life
 *   modem_recover.c   RECOVERING: steps of the ladder
 *   modem_time.c      the modem's clock, in ATTACHED and READY
 */
#ifndef CMQTTD_MODEM_MODEM_LIFE_H
#define CMQTTD_MODEM_MODEM_LIFE_H

#include "modem/exchange.h"
#include "modem/line_rescue.h"
#include "modem/modem_clock.h"
#include "modem/mqtt_rx.h"
#include "modem/net_status.h"
#include "modem/recovery.h"
#include "modem/session.h"
#include "modem/sim_card.h"

/* Of the operator's job: those of sessions have their index, the modem's the next one. */
#define MODEM_OWNER_OPERATOR (MODEM_CLIENTS + 1)

enum modem_stop {
	MODEM_STOP_NO,
	MODEM_STOP_SESSIONS, /* being closed */
	MODEM_STOP_SERVICE,  /* being stopped */
	MODEM_STOP_DRAIN,    /* nothing more is sent; outcomes are still handed out */
	MODEM_STOP_DONE,
};

struct modem {
	struct at_chan *chan;
	struct event_queue events;
	struct prng prng;
	struct modem_config *cfg;  /* own copy; NULL: none yet */
	struct modem_config *next; /* takes its place when no command is under way; or NULL */

	/* The life of the modem. */
	struct modem_status status;
	struct exchange exchange;
	unsigned step;           /* within the state */
	uint64_t resume_at_ms;   /* the state does nothing until then */
	uint64_t budget_at_ms;   /* the state has failed then */
	uint64_t boot_until_ms;  /* until then lines of a start are no surprise */
	uint64_t well_at_ms;     /* some broker could be reached */
	uint64_t ill_at_ms;      /* READY: something was wrong */
	uint64_t spare_until_ms; /* it may be slow and not hang: no step that harms before */
	uint64_t deaf_at_ms;     /* no signal since then; 0: there is some */
	uint64_t registered_at_ms;
	bool is_uart;
	uint32_t baud;      /* what the port has now */
	uint32_t last_baud; /* at which there was an answer last; 0: none was */
	struct line_rescue rescue;
	bool is_hung_up;       /* DTR is low */
	bool is_heard;         /* since the power was cut */
	uint64_t rescue_at_ms; /* the next attempt to get an answer; TIMER_NEVER: none is due */
	unsigned model_doubts; /* asked again for its model */
	unsigned start_failures;
	uint64_t start_until_ms; /* a START without result may still be under way */
	bool is_netopen;
	bool is_verify_due;    /* has the modem started without telling? */
	unsigned denials;      /* of having MQTT clients, in a row */
	bool is_query_trusted; /* this model answers the question for its MQTT clients */
	bool is_query_doubted; /* what it said last was of no use to a session */
	bool was_denied;       /* it said that it has none, and is believed to have started */
	bool is_status_due;    /* signal and registration are to be asked for */
	bool is_operator_due;  /* its name is to be asked for, which may take two minutes */
	bool is_denied_told;
	bool is_roaming_told;
	bool was_operator_asked; /* since the state was entered */
	bool is_overdue_told;
	bool was_registered;
	unsigned untold_polls; /* REGISTERING: that said nothing, in a row */
	bool is_radio_known;   /* REGISTERING: it was asked whether the radio is on */
	bool is_radio_off;
	unsigned pulses;        /* signs of life asked for */
	uint64_t garbage_at_ms; /* the first of garbage_count */
	unsigned garbage_count;
	unsigned client;      /* who is released before the service is stopped */
	bool is_client_known; /* the modem said so */
	bool is_client_held;
	bool is_client_connected;
	bool is_stop_safe;         /* every client is free */
	bool can_rebind;           /* the shell may unbind and bind the USB device */
	enum recovery_step remedy; /* RECOVERING: what is being done */
	struct recovery recovery;
	struct net_status net;
	struct sim_card sim;
	struct host_clock host;
	bool has_clock; /* the line under way was read */
	char clock_text[MODEM_CLOCK_TEXT];

	/* The brokers. */
	struct session_env env;
	struct session session[MODEM_CLIENTS];
	struct mqtt_rx rx[MODEM_CLIENTS];

	/* The operator's command. */
	struct exchange operator;
	char command[AT_CMD_MAX + 3];

	struct buf masked; /* text of the event given out last */
	bool is_write_told;
	enum modem_stop stop;
	uint64_t stop_at_ms;
};

/* Absent, and nothing known. */
void life_init(struct modem *m);

/* There is a configuration: from now on a port that does not appear is a trouble. */
void life_configured(struct modem *m, uint64_t now_ms);

/* Do the next thing that needs no waiting; false: nothing to do. */
bool life_step(struct modem *m, uint64_t now_ms);
uint64_t life_deadline(const struct modem *m);

/* The port. */
void life_tty_up(struct modem *m, uint64_t now_ms);
void life_heard(struct modem *m, uint64_t now_ms); /* bytes came in */
void life_tty_down(struct modem *m, uint64_t now_ms, int error);

/* The configuration in use; all unset before there is one. */
const struct modem_config *life_config(const struct modem *m);

/* For the files that have a state of their own: the one place where the state changes; a script of
 * the state; a pause before the next one; another step of the state. */
void life_set_state(struct modem *m, uint64_t now_ms, enum modem_state to, const char *why);
void life_run(struct modem *m, uint64_t now_ms, const struct at_step *script);
void life_pause(struct modem *m, uint64_t now_ms, uint32_t ms);
void life_go_to(struct modem *m, unsigned step);

/* The time that the state may take begins anew. */
void life_renew_budget(struct modem *m, uint64_t now_ms);

/* It starts, or its card: lines that tell of it are no surprise for a while. */
void life_expect_boot_lines(struct modem *m, uint64_t now_ms);

/* Events of the channel for the modem's own exchange and state. */
void life_info(struct modem *m, uint64_t now_ms, const struct at_event *ev);
void life_done(struct modem *m, uint64_t now_ms, const struct at_event *ev);
void life_stuck(struct modem *m, uint64_t now_ms);

/* A command got neither OK nor ERROR in time. */
void life_unanswered(struct modem *m, const struct at_job *job);

/* It has started, or will: it was not slow. */
void life_forget_patience(struct modem *m);
void life_fenced(struct modem *m, uint64_t now_ms);

/* Unsolicited lines that concern the modem as a whole. */
void life_booted(struct modem *m, uint64_t now_ms);
void life_boot_suspected(struct modem *m, uint64_t now_ms);
void life_sim_gone(struct modem *m, uint64_t now_ms);
void life_registration(struct modem *m, uint64_t now_ms);

/* modem_event.c: whatever inbound message is open is lost. */
void modem_drop_inbound(struct modem *m, enum inbound_loss why);

#endif
