/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a session that was online is not any more.
 */
#ifndef CMQTTD_BRIDGE_OFFLINE_REASON_H
#define CMQTTD_BRIDGE_OFFLINE_REASON_H

enum offline_reason {
	OFFLINE_LOST,   /* the connection, or an answer on it */
	OFFLINE_MODEM,  /* the modem restarted, went away, or has no network */
	OFFLINE_CLOSED, /* by us: by hand, another configuration, the end */
	OFFLINE_REASON_COUNT
};

/* As the metrics have it: "lost". */
const char *offline_reason_name(enum offline_reason reason);

#endif
