/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What modem and broker sessions need from the configuration. Plain values; the strings belong to
 * whoever filled them and must outlive the use. Everything here has been checked already: lengths
 * against the modem's limits, no byte that the tty could misread.
 */
#ifndef CMQTTD_MODEM_LINK_CONFIG_H
#define CMQTTD_MODEM_LINK_CONFIG_H

#include "base/buf.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct modem_config {
	const char *device; /* for the shell and for logs */
	uint32_t baud;
	bool rtscts;
	const char *apn;      /* NULL: leave the modem's own PDP context alone */
	const char *apn_user; /* NULL: no authentication */
	const char *apn_password;
	const char *pdp_type;      /* "IP", "IPV6" or "IPV4V6" */
	const char *pin;           /* NULL: none */
	bool no_roaming;           /* stay off the air in foreign networks */
	const char *operator_code; /* MCC and MNC, 5 or 6 digits; NULL: the modem chooses */
	const char *technology;    /* "auto", "gsm", "umts", "lte"; NULL: the modem's own setting */
	bool has_power_cycle;      /* the shell knows a command that cuts the modem's power */
};

enum check_time { CHECK_TIME_AUTO, CHECK_TIME_YES, CHECK_TIME_NO };

struct tls_config {
	struct span ca; /* PEM contents, LF line ends; empty: none */
	struct span cert;
	struct span key;
	bool verify;
	bool sni;
	enum check_time check_time;
	uint8_t context;      /* SSL context 0..9 */
	uint16_t negotiate_s; /* time for the TLS handshake, 10..300 */
	int64_t ends_s;       /* the first of ca and cert expires, since 1970; 0: not known */
};

struct message_config {    /* last will and birth */
	const char *topic; /* NULL: none */
	struct span payload;
	uint8_t qos;
	bool retain; /* birth only: the modem has no retained will */
};

struct filter_config { /* what the modem is subscribed to */
	const char *filter;
	uint8_t qos;
};

struct broker_config {
	const char *name;
	const char *host;
	uint16_t port;
	bool is_tls;
	const char *client_id;
	const char *username; /* NULL: none */
	const char *password; /* NULL: none; only with a user name */
	uint16_t keepalive_s; /* 1..64800 */
	bool clean_session;
	struct tls_config tls;
	struct message_config will;
	struct message_config birth;
	uint32_t reconnect_min_ms;
	uint32_t reconnect_max_ms;
	const struct filter_config *filters;
	size_t filter_count;
};

#endif
