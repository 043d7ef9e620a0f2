/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the modems of one family take and what they must be spared, as data: chosen by the answer to
 * AT+CGMM. Nothing in here has a state.
 *
 * A profile saves errors and reboots, it is not trusted: where a modem refuses what its profile
 * promises, the session tries the other way, so that a wrong guess costs an error and no more.
 *
 * Source: SIM7500/SIM7600 AT Command Manual V3.00, A76XX V1.09, SIM767XX V1.06, ch. 1.4 and 16 or
 * 18; where field reports differ from them, the comment says so.
 */
#ifndef CMQTTD_MODEM_FAMILY_H
#define CMQTTD_MODEM_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct family {
	const char *name;
	size_t line_max;        /* characters of a command after "AT"; longer is an ERROR */
	size_t payload_max;     /* bytes of one message */
	uint16_t pub_timeout_s; /* how long a PUB may wait for the broker */
	/* The MQTT version is a parameter of ACCQ; otherwise it is set by CMQTTCFG "version". */
	bool has_version_param;
	/* SUBTOPIC and UNSUBTOPIC collect topics; otherwise each goes with its own SUB or UNSUB. */
	bool has_topic_lists;
	/* STOP ends the MQTT service; otherwise it may make the modem start anew (seen on A7672),
	 * and is not sent. */
	bool can_stop;
};

/* The profile for a model as AT+CGMM names it, with or without "SIMCOM_" before it, in any case.
 * A model that is not known, or "", gets the profile whose every step all families take. Never
 * NULL. */
const struct family *family_of(const char *model);

/* It is more than the profile for all others. */
bool family_is_known(const struct family *f);

#endif
