/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that is particular to the vendor, as data: every AT script, the lines that announce bytes,
 * the unsolicited lines, the MQTT error numbers, what must not be shown, and what a configuration
 * must keep to. Nothing in here has a state.
 *
 * Source: SIM7500/SIM7600 Series AT Command Manual V3.00; placeholders keep the manual's spelling
 * so that a line can be compared with its page. Where captures of real modems or sister models
 * differ from the manual, the comment says so.
 */
#ifndef CMQTTD_MODEM_SIM7600_H
#define CMQTTD_MODEM_SIM7600_H

#include "at/at_parser.h"
#include "at/at_script.h"
#include "modem/modem.h"

/* Lines that announce raw bytes (16.3.2). */
extern const struct at_framing sim7600_framing[];

/* ---- scripts ---- */

/* The line made ours, and who is there. INFO lines of the identity steps have no prefix. */
extern const struct at_step sim7600_sync_script[];
enum { SYNC_STEP_MODEL = 4, SYNC_STEP_REVISION, SYNC_STEP_IMEI }; /* where each is collected */

extern const struct at_step sim7600_flow_script[];         /* flow: 0 or 2 */
extern const struct at_step sim7600_speed_script[];        /* speed: kept */
extern const struct at_step sim7600_speed_once_script[];   /* speed: until it starts again */
extern const struct at_step sim7600_sim_script[];          /* AT+CPIN? */
extern const struct at_step sim7600_pin_attempts_script[]; /* AT+SPIC */
extern const struct at_step sim7600_pin_enter_script[];    /* pin */

/* APN, network, and what is to be told unasked: apn, pdp_type; apn_user and apn_password or
 * neither; mode; oper. */
extern const struct at_step sim7600_network_script[];
extern const struct at_step sim7600_registration_script[];
extern const struct at_step sim7600_status_script[]; /* operator: its name, too */

extern const struct at_step sim7600_operator_query_script[];
extern const struct at_step sim7600_operator_any_script[];

extern const struct at_step sim7600_pulse_script[]; /* AT+CSQ: are you there? */

extern const struct at_step sim7600_radio_query_script[];
extern const struct at_step sim7600_radio_off_script[];
extern const struct at_step sim7600_radio_on_script[];

extern const struct at_step sim7600_clock_script[];
extern const struct at_step sim7600_clock_set_script[]; /* time */

extern const struct at_step sim7600_netopen_query_script[];
extern const struct at_step sim7600_netopen_script[];
extern const struct at_step sim7600_start_script[];
extern const struct at_step sim7600_stop_script[];          /* patience or hurry */
extern const struct at_step sim7600_service_query_script[]; /* is refused unless it runs */
extern const struct at_step sim7600_reset_script[];

/* A broker's session; all take client_index. */
extern const struct at_step sim7600_probe_script[];
extern const struct at_step sim7600_address_script[]; /* whom its clients are connected to */
/* connected or connected_hurry, acquired: only what is set */
extern const struct at_step sim7600_close_script[];
extern const struct at_step sim7600_tls_script[]; /* ssl_ctx_index and its values */
extern const struct at_step sim7600_acquire_script[];
extern const struct at_step sim7600_connect_script[];
enum { CONNECT_STEP_CONNECT = 3 };
extern const struct at_step sim7600_subtopic_script[];   /* filter, qos: add to the list */
extern const struct at_step sim7600_sub_script[];        /* the list */
extern const struct at_step sim7600_sub_one_script[];    /* filter, qos: without the list */
extern const struct at_step sim7600_unsubtopic_script[]; /* filter: add to the list */
extern const struct at_step sim7600_unsub_script[];      /* the list */
extern const struct at_step sim7600_unsub_one_script[];  /* filter: without the list */
extern const struct at_step sim7600_publish_script[];    /* topic, payload or not, qos, ratained */
enum { PUBLISH_STEP_PUB = 2 };

extern const struct at_step sim7600_cert_list_script[];
extern const struct at_step sim7600_cert_delete_script[]; /* filename */
extern const struct at_step sim7600_cert_upload_script[]; /* filename, certificate */

extern const struct at_step sim7600_operator_script[]; /* raw_command */

struct sim7600_script {
	const char *name;
	const struct at_step *script;
};

/* All of the above, for tests; ended by a script without name. */
extern const struct sim7600_script sim7600_scripts[];

/* at_script_check on each. 0; -EINVAL: *ret_script and *ret_why say which and why. */
int sim7600_check_scripts(const char **ret_script, const char **ret_why);

#define MQTT_ERR_NOT_SUPPORTED 13 /* 16.3.1 */
#define MQTT_ERR_BUSY          14 /* client busy */
#define MQTT_ERR_VERSION       27 /* refused: protocol version */

/* Parameters the scripts are filled with. */
#define SIM7600_MQTT_VERSION   4  /* MQTT 3.1.1; the default is not stated (16.2.3) */
#define SIM7600_SSL_VERSION    3  /* TLS 1.2 and nothing else (10.2.12) */
#define SIM7600_DISC_TIMEOUT_S 60 /* 0 or 60..180 (16.2.9) */
#define SIM7600_CONNECT_MAX_MS                                                             \
	130000                  /* the vendor says 120 s (16.2.8); TLS comes on top (seen) \
				 */
#define SIM7600_OP_TIMEOUT_S 60 /* 20..120 (16.2.17): as long as PUB has */

/* ---- unsolicited lines ---- */

enum urc_kind {
	URC_NONE,
	URC_BOOT,         /* the modem has just started: everything is forgotten */
	URC_BOOT_LATE,    /* comes a while after a start; the line above may have been lost */
	URC_SIM_READY,    /* likewise, and the SIM is ready */
	URC_SIM_GONE,     /* no SIM any more */
	URC_REGISTRATION, /* +CREG: and the like */
	URC_CONNLOST,     /* client, cause (16.3.2) */
	URC_PING,         /* client, err: keep-alive failed */
	URC_NONET,        /* the network closed the whole MQTT service */
	URC_RX_START,     /* client, topic length, payload length */
	URC_RX_TOPIC,     /* client, length, bytes */
	URC_RX_PAYLOAD,   /* client, length, bytes */
	URC_RX_END,       /* client */
	URC_RESULT,       /* client, err: result of an operation nobody waits for any more */
	URC_STARTED,      /* err: likewise, of START */
};

/* What kind of unsolicited line it is, if it is one. */
enum urc_kind sim7600_urc_kind(struct span line);

/* ---- what may be shown ---- */

/* Append the line as it may be shown: PIN and passwords as ***, and what is no line of the AT
 * dialogue only as its length, since it may be a piece of a payload or a key that lost its framing.
 * is_expected: a command collects lines of any shape. The errors of buf_append. */
int sim7600_mask_line(struct span line, bool is_expected, struct buf *out);

/* "AT+CMQTTCONNECT" of a step's command; size of ret_name in bytes. */
void sim7600_command_name(const struct at_step *step, char *ret_name, size_t size);

/* ---- checks ---- */

/* The configuration can be sent to the modem, of a broker one command line each. 0; -EINVAL: it was
 * not checked key by key before (see config_check.h). */
int sim7600_check_modem(const struct modem_config *cfg);
int sim7600_check_broker(const struct broker_config *cfg);

/* Address, user name and password, each short enough, fit on one command line together. line_max:
 * characters behind "AT" (family.h). */
bool sim7600_connect_fits(const struct broker_config *cfg, size_t line_max);

/* A command of the operator's can be let through: begins with AT, printable, not too long, and does
 * not take the next command as its data or change how answers look. */
bool sim7600_is_operator_command(const char *command);

/* The values of sim7600_network_script for technology and operator, as far as they are configured.
 */
void sim7600_fill_network(struct at_args *args, const struct modem_config *cfg);

/* The values of sim7600_connect_script and sim7600_acquire_script but for mqtt_version or
 * mqtt_version_cfg, one of which says how the version is set. server_addr: see sim7600_server_addr.
 * Borrows from both. */
void sim7600_fill_acquire(struct at_args *args, unsigned client, const struct broker_config *cfg);
void sim7600_fill_connect(struct at_args *args, unsigned client, const struct broker_config *cfg,
    const char *server_addr);

/* The two flags of sim7600_publish_script, left out as far as they are not set: every byte of the
 * line counts. dup: it may be the second time that the broker gets it. */
void sim7600_publish_flags(struct at_args *args, bool retain, bool dup);

/* "tcp://host:port", for TLS too (AT manual 16.2.8; ssl:// is refused). -EMSGSIZE. */
int sim7600_server_addr(const struct broker_config *cfg, char *ret_addr, size_t size);

#endif
