/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the modem: what modem.c (interface, events) and modem_life.c (states) share. For
 * these two files alone.
 */
#ifndef CMQTTD_MODEM_MODEM_LIFE_H
#define CMQTTD_MODEM_MODEM_LIFE_H

#include "modem/exchange.h"
#include "modem/modem_clock.h"
#include "modem/mqtt_rx.h"
#include "modem/net_status.h"
#include "modem/recovery.h"
#include "modem/session.h"
#include "modem/sim_card.h"

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
	unsigned step;          /* within the state */
	uint64_t resume_at_ms;  /* the state does nothing until then */
	uint64_t budget_at_ms;  /* the state has failed then */
	uint64_t boot_until_ms; /* until then lines of a start are no surprise */
	uint64_t well_at_ms;    /* some broker could be reached */
	uint64_t registered_at_ms;
	unsigned model_doubts; /* asked again for its model */
	unsigned start_failures;
	uint64_t start_until_ms; /* a START without result may still be under way */
	bool is_netopen;
	bool is_verify_due;    /* has the modem started without telling? */
	bool is_query_trusted; /* this model answers the question for its MQTT clients */
	bool is_denied_told;
	bool is_roaming_told;
	bool was_operator_asked; /* since the state was entered */
	unsigned client;         /* whose client is released before the service is stopped */
	enum recovery_rung rung;
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

/* Do the next thing that needs no waiting; false: nothing to do. */
bool life_step(struct modem *m, uint64_t now_ms);
uint64_t life_deadline(const struct modem *m);

/* The port. */
void life_tty_up(struct modem *m, uint64_t now_ms);
void life_tty_down(struct modem *m, uint64_t now_ms, int error);

/* Events of the channel for the modem's own exchange and state. */
void life_info(struct modem *m, uint64_t now_ms, const struct at_event *ev);
void life_done(struct modem *m, uint64_t now_ms, const struct at_event *ev);
void life_stuck(struct modem *m, uint64_t now_ms);
void life_fenced(struct modem *m, uint64_t now_ms);

/* Unsolicited lines that concern the modem as a whole. */
void life_booted(struct modem *m, uint64_t now_ms);
void life_boot_suspected(struct modem *m, uint64_t now_ms);
void life_sim_gone(struct modem *m, uint64_t now_ms);
void life_registration(struct modem *m, uint64_t now_ms);
void life_started(struct modem *m, uint64_t now_ms); /* result of START that came late */
void life_network_closed(struct modem *m, uint64_t now_ms);

/* modem.c: whatever inbound message is open is lost. */
void modem_drop_inbound(struct modem *m, enum inbound_loss why);

#endif
