/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a message for a broker is given up.
 */
#ifndef CMQTTD_BRIDGE_DROP_REASON_H
#define CMQTTD_BRIDGE_DROP_REASON_H

enum drop_reason {
	DROP_FULL,       /* no room: QoS 0, or overflow = drop-oldest */
	DROP_LINK_DOWN,  /* QoS 0 whose publish failed or had no known outcome */
	DROP_EXPIRED,    /* older than ttl */
	DROP_SUPERSEDED, /* keep_last: a newer one came */
	DROP_TOO_LARGE,  /* QoS 0 over the modem's limits */
	DROP_REFUSED,    /* QoS 0 refused for good */
	DROP_NOMEM,
	DROP_STORE_FAILED, /* from another broker, which cannot be told to wait */
	DROP_BY_HAND,      /* by the operator */
	DROP_DEAD_LETTER,  /* a dead letter: by the operator, or for want of room */
	DROP_REASON_COUNT
};

/* As control interface, log and reports have it: "link_down". */
const char *drop_reason_name(enum drop_reason reason);

#endif
