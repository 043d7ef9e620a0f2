/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the modem says of itself and of the network, read from its answer lines.
 */
#ifndef CMQTTD_MODEM_NET_STATUS_H
#define CMQTTD_MODEM_NET_STATUS_H

#include "modem/modem.h"

/* Circuit-switched, packet and LTE registration; one of them is enough. */
enum net_domain { NET_CREG, NET_CGREG, NET_CEREG, NET_DOMAINS };

enum net_registration {
	NET_OFF = 0,
	NET_HOME = 1,
	NET_SEARCHING = 2,
	NET_DENIED = 3,
	NET_ROAMING = 5,
};

struct net_status {
	struct modem_status *status; /* the owner's, filled from here */
	uint8_t registration[NET_DOMAINS];
	uint32_t operator_mode;    /* of +COPS; 0: the modem chooses its network itself */
	bool is_registration_told; /* since the start some line said something of it */
	bool has_signal;           /* said by the last +CSQ */
	bool had_signal;           /* by an earlier one: this modem does tell */
};

/* Nothing known; status is filled from now on. */
void net_status_init(struct net_status *n, struct modem_status *status);

/* The modem has booted or is gone: nothing is known of the network any more. */
void net_status_forget(struct net_status *n);

/* A line that may say something: +CREG, +CGREG, +CEREG (as an answer and unasked), +CSQ, +COPS,
 * +CPSI. Others are ignored. */
void net_status_line(struct net_status *n, struct span line);

/* Some domain was refused and none is registered. */
bool net_status_is_denied(const struct net_status *n);

/* It had a signal, and has none now. */
bool net_status_is_deaf(const struct net_status *n);

/* Identity lines have no prefix, but some models put one. */
void net_status_model(struct net_status *n, struct span line);
void net_status_revision(struct net_status *n, struct span line);
void net_status_imei(struct net_status *n, struct span line);

/* Somebody has chosen the network by hand (+COPS), or told it to use none. */
bool net_status_is_tied(const struct net_status *n);

#endif
