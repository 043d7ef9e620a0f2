/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/sim7600.h"

#include "at/at_line.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Time-outs. Where the manual gives a maximum response time they are above it. */
#define QUICK_MS   10000  /* no maximum given, or 9 s */
#define PULSE_MS   9500   /* the shortest that is above 9 s: this decides how soon a hang is seen */
#define RADIO_MS   20000  /* leaving the network takes seconds */
#define STAGE_MS   12000  /* 10 KiB at 9600 baud take 11 s */
#define UPLOAD_MS  30000  /* the same, written to flash */
#define SEARCH_MS  125000 /* 120 s: COPS asks the network */
#define SERVICE_MS 130000 /* 120 s: START, REL, DISC, CONNECT, PUB, SUB, UNSUB, NETOPEN */
/* Until OK or ERROR: with three questions after it, a modem that hangs is found within 60 s. PUB,
 * SUB, UNSUB, CONNECT and NETOPEN are accepted at once (16.2.8 to 16.2.16; seen), START, STOP and
 * DISC take a second where the result comes before OK (seen); REL nothing was seen of. */
#define ACCEPT_MS      40000
#define ACCEPT_DATA_MS 20000 /* the same behind a prompt and a topic, which can get lost */
/* START, STOP and DISC: where OK comes first, the result is there within 12 s (A76xx) or never
 * (seen on a SIM7600). */
#define ANSWER_MS 20000
/* PUB, SUB and UNSUB: the modem itself gives up after pub_timeout or optimeout, a minute. */
#define OPERATION_MS 65000
/* CONNECT: minutes were seen, but then it is asked for its state as well. NETOPEN: START opens the
 * network, too. */
#define CONNECT_MS 30000
#define HURRY_MS   2000 /* the same when we are about to leave */

const struct at_framing sim7600_framing[] = {
	{ "+CMQTTRXTOPIC:", MODEM_TOPIC_MAX },
	{ "+CMQTTRXPAYLOAD:", MODEM_RX_CHUNK_MAX },
	{ 0 },
};

/* ---- the modem itself ---- */

const struct at_step sim7600_sync_script[] = {
	{ .send = "AT", .timeout_ms = QUICK_MS },
	{ .send = "ATE0", .timeout_ms = QUICK_MS, .error_is_fine = true }, /* echo is dropped */
	{ .send = "ATV1", .timeout_ms = QUICK_MS, .error_is_fine = true },
	{ .send = "AT+CMEE=2", .timeout_ms = QUICK_MS, .error_is_fine = true },
	{ .send = "AT+CGMM", .collect = "**", .timeout_ms = QUICK_MS, .error_is_fine = true },
	{ .send = "AT+CGMR", .collect = "**", .timeout_ms = QUICK_MS, .error_is_fine = true },
	{ .send = "AT+CGSN",
	    .collect = "**",
	    .timeout_ms = QUICK_MS,
	    .error_is_fine = true,
	    .is_last = true },
};

/* 2.2.14: for a UART. */
const struct at_step sim7600_flow_script[] = {
	{ .send = "AT+IFC=<flow>,<flow>", .timeout_ms = QUICK_MS, .is_last = true },
};

/* 19.2.15, 2.2.12. */
const struct at_step sim7600_speed_script[] = {
	{ .send = "AT+IPREX=<speed>", .timeout_ms = QUICK_MS, .is_last = true },
};

const struct at_step sim7600_speed_once_script[] = {
	{ .send = "AT+IPR=<speed>", .timeout_ms = QUICK_MS, .is_last = true },
};

const struct at_step sim7600_sim_script[] = {
	{ .send = "AT+CPIN?", .collect = "+CPIN:", .timeout_ms = QUICK_MS, .is_last = true },
};

/* "+SPIC: <pin1>,<puk1>,<pin2>,<puk2>"; models without it answer ERROR. */
const struct at_step sim7600_pin_attempts_script[] = {
	{ .send = "AT+SPIC",
	    .collect = "+SPIC:",
	    .timeout_ms = QUICK_MS,
	    .error_is_fine = true,
	    .is_last = true },
};

const struct at_step sim7600_pin_enter_script[] = {
	{ .send = "AT+CPIN=\"<pin>\"", .timeout_ms = QUICK_MS, .is_last = true },
};

/* Ch. 4 and 8. In CGAUTH the password stands before the user. The LTE default bearer is set up at
 * registration, so the APN comes first. */
const struct at_step sim7600_network_script[] = {
	{ .send = "AT+CGDCONT=1,\"<pdp_type>\",\"<apn>\"",
	    .only_if = "apn",
	    .timeout_ms = QUICK_MS,
	    .error_is_fine = true },
	{ .send = "AT+CGAUTH=1,<auth_type>,\"<apn_password>\",\"<apn_user>\"",
	    .only_if = "apn_user",
	    .timeout_ms = QUICK_MS,
	    .error_is_fine = true },
	{ .send = "AT+CREG=1", .timeout_ms = QUICK_MS, .error_is_fine = true },
	{ .send = "AT+CGREG=1", .timeout_ms = QUICK_MS, .error_is_fine = true },
	{ .send = "AT+CEREG=1", .timeout_ms = QUICK_MS, .error_is_fine = true },
	{ .send = "AT+CTZU=1", .timeout_ms = QUICK_MS, .error_is_fine = true },
	{ .send = "AT+CNMP=<mode>",
	    .only_if = "mode",
	    .timeout_ms = QUICK_MS,
	    .error_is_fine = true },
	{ .send = "AT+COPS=1,2,\"<oper>\"",
	    .only_if = "oper",
	    .final_ms = ACCEPT_MS,
	    .is_slow = true,
	    .timeout_ms = SEARCH_MS,
	    .error_is_fine = true,
	    .is_last = true },
};

/* What somebody may have left: the radio off, or one network alone. "+COPS: <mode>[,...]": 0 is
 * automatic; others survive a reset. */
const struct at_step sim7600_operator_query_script[] = {
	{ .send = "AT+CFUN=1", .timeout_ms = QUICK_MS, .error_is_fine = true },
	{ .send = "AT+COPS?",
	    .collect = "+COPS:",
	    .final_ms = ACCEPT_MS,
	    .is_slow = true,
	    .timeout_ms = SEARCH_MS,
	    .error_is_fine = true,
	    .is_last = true },
};

const struct at_step sim7600_operator_any_script[] = {
	{ .send = "AT+COPS=0",
	    .final_ms = ACCEPT_MS,
	    .is_slow = true,
	    .timeout_ms = SEARCH_MS,
	    .error_is_fine = true,
	    .is_last = true },
};

#define REGISTRATION_STEPS(...)                                                    \
	{ .send = "AT+CREG?",                                                      \
		.collect = "+CREG:",                                               \
		.timeout_ms = QUICK_MS,                                            \
		.error_is_fine = true },                                           \
	    { .send = "AT+CGREG?",                                                 \
		    .collect = "+CGREG:",                                          \
		    .timeout_ms = QUICK_MS,                                        \
		    .error_is_fine = true },                                       \
	{                                                                          \
		.send = "AT+CEREG?", .collect = "+CEREG:", .timeout_ms = QUICK_MS, \
		.error_is_fine = true, __VA_ARGS__                                 \
	}

const struct at_step sim7600_registration_script[] = {
	REGISTRATION_STEPS(.is_last = true),
};

const struct at_step sim7600_status_script[] = {
	REGISTRATION_STEPS(),
	{ .send = "AT+CSQ", .collect = "+CSQ:", .timeout_ms = QUICK_MS, .error_is_fine = true },
	{ .send = "AT+COPS?",
	    .collect = "+COPS:",
	    .only_if = "operator",
	    .final_ms = ACCEPT_MS,
	    .is_slow = true,
	    .timeout_ms = SEARCH_MS,
	    .error_is_fine = true },
	{ .send = "AT+CPSI?",
	    .collect = "+CPSI:",
	    .timeout_ms = QUICK_MS,
	    .error_is_fine = true,
	    .is_last = true },
};

/* The sign of life of a modem that is left alone otherwise: it answers this at once. */
const struct at_step sim7600_pulse_script[] = {
	{ .send = "AT+CSQ",
	    .collect = "+CSQ:",
	    .timeout_ms = PULSE_MS,
	    .error_is_fine = true,
	    .is_last = true },
};

/* 3.2.11. Never 0: that takes the SIM away, too (seen). */
const struct at_step sim7600_radio_query_script[] = {
	{ .send = "AT+CFUN?",
	    .collect = "+CFUN:",
	    .timeout_ms = QUICK_MS,
	    .error_is_fine = true,
	    .is_last = true },
};

const struct at_step sim7600_radio_off_script[] = {
	{ .send = "AT+CFUN=4", .timeout_ms = RADIO_MS, .is_last = true },
};

const struct at_step sim7600_radio_on_script[] = {
	{ .send = "AT+CFUN=1", .timeout_ms = RADIO_MS, .is_last = true },
};

const struct at_step sim7600_clock_script[] = {
	{ .send = "AT+CCLK?",
	    .collect = "+CCLK:",
	    .timeout_ms = QUICK_MS,
	    .error_is_fine = true,
	    .is_last = true },
};

const struct at_step sim7600_clock_set_script[] = {
	{ .send = "AT+CCLK=\"<time>\"", .timeout_ms = QUICK_MS, .is_last = true },
};

const struct at_step sim7600_netopen_query_script[] = {
	{ .send = "AT+NETOPEN?",
	    .collect = "+NETOPEN:",
	    .timeout_ms = QUICK_MS,
	    .error_is_fine = true,
	    .is_last = true },
};

/* Ch. 11. Some firmware (LE20B05) always says ERROR here; the MQTT service does not need it. */
const struct at_step sim7600_netopen_script[] = {
	{ .send = "AT+NETOPEN",
	    .answer = "+NETOPEN: <err>",
	    .final_ms = ACCEPT_MS,
	    .timeout_ms = SERVICE_MS,
	    .answer_ms = CONNECT_MS,
	    .error_is_fine = true,
	    .is_last = true },
};

/* 16.2.1. 23: it runs already (seen on SIM7600 after a restart of the host); a bare ERROR may mean
 * the same (A76xx). */
const struct at_step sim7600_start_script[] = {
	{ .send = "AT+CMQTTSTART",
	    .answer = "+CMQTTSTART: <err>[,<cid>]", /* SIM767x names the context, too */
	    .final_ms = ACCEPT_MS,
	    .is_slow = true,
	    .timeout_ms = SERVICE_MS,
	    .answer_ms = ANSWER_MS,
	    .fine_errs = { 23 },
	    .is_last = true },
};

/* 16.2.2. Who is about to leave does not wait long for a result that may never come. */
const struct at_step sim7600_stop_script[] = {
	{ .send = "AT+CMQTTSTOP",
	    .answer = "+CMQTTSTOP: <err>",
	    .only_if = "patience",
	    .final_ms = ACCEPT_MS,
	    .is_slow = true,
	    .timeout_ms = SERVICE_MS,
	    .answer_ms = ANSWER_MS },
	{ .send = "AT+CMQTTSTOP",
	    .answer = "+CMQTTSTOP: <err>",
	    .only_if = "hurry",
	    .final_ms = ACCEPT_MS,
	    .is_slow = true,
	    .timeout_ms = SERVICE_MS,
	    .answer_ms = HURRY_MS,
	    .is_last = true },
};

const struct at_step sim7600_service_query_script[] = {
	{ .send = "AT+CMQTTACCQ?",
	    .collect = "+CMQTTACCQ:",
	    .timeout_ms = QUICK_MS,
	    .is_last = true },
};

const struct at_step sim7600_reset_script[] = {
	{ .send = "AT+CRESET", .timeout_ms = QUICK_MS, .is_last = true },
};

/* ---- one broker's session ---- */

/* 16.2.3, 16.2.9: what the modem thinks; it may have outlived us. "+CMQTTDISC: 0,0" is connected.
 */
const struct at_step sim7600_probe_script[] = {
	{ .send = "AT+CMQTTACCQ?",
	    .collect = "+CMQTTACCQ:",
	    .timeout_ms = QUICK_MS,
	    .error_is_fine = true },
	{ .send = "AT+CMQTTDISC?",
	    .collect = "+CMQTTDISC:",
	    .timeout_ms = QUICK_MS,
	    .error_is_fine = true,
	    .is_last = true },
};

/* 16.2.8. The answer has the password in it. */
const struct at_step sim7600_address_script[] = {
	{ .send = "AT+CMQTTCONNECT?",
	    .collect = "+CMQTTCONNECT:",
	    .timeout_ms = QUICK_MS,
	    .is_last = true },
};

/* 16.2.9, 16.2.4. A DISC in the wrong state reboots sister models: only what the probe found. */
const struct at_step sim7600_close_script[] = {
	{ .send = "AT+CMQTTDISC=<client_index>,<timeout>",
	    .answer = "+CMQTTDISC: <client_index>,<err>",
	    .only_if = "connected",
	    .final_ms = ACCEPT_MS,
	    .is_slow = true,
	    .timeout_ms = SERVICE_MS,
	    .answer_ms = ANSWER_MS,
	    .error_is_fine = true,
	    .fine_errs = { 11 } },
	{ .send = "AT+CMQTTDISC=<client_index>,<timeout>",
	    .answer = "+CMQTTDISC: <client_index>,<err>",
	    .only_if = "connected_hurry",
	    .final_ms = ACCEPT_MS,
	    .is_slow = true,
	    .timeout_ms = SERVICE_MS,
	    .answer_ms = HURRY_MS,
	    .error_is_fine = true,
	    .fine_errs = { 11 } },
	{ .send = "AT+CMQTTREL=<client_index>",
	    .refusal = "+CMQTTREL: <client_index>,<err>",
	    .only_if = "acquired",
	    .final_ms = ACCEPT_MS,
	    .is_slow = true,
	    .timeout_ms = SERVICE_MS,
	    .fine_errs = { 20 },
	    .is_last = true },
};

/* 10.2.12. Complete and before every connect: the factory's settings verify nothing, and a reset
 * forgets all of it. */
const struct at_step sim7600_tls_script[] = {
	{ .send = "AT+CSSLCFG=\"sslversion\",<ssl_ctx_index>,<sslversion>",
	    .timeout_ms = QUICK_MS },
	{ .send = "AT+CSSLCFG=\"authmode\",<ssl_ctx_index>,<authmode>", .timeout_ms = QUICK_MS },
	{ .send = "AT+CSSLCFG=\"ignorelocaltime\",<ssl_ctx_index>,<ignoreltime>",
	    .timeout_ms = QUICK_MS },
	{ .send = "AT+CSSLCFG=\"negotiatetime\",<ssl_ctx_index>,<negotiatetime>",
	    .timeout_ms = QUICK_MS,
	    .error_is_fine = true },
	{ .send = "AT+CSSLCFG=\"cacert\",<ssl_ctx_index>,\"<ca_file>\"",
	    .only_if = "ca_file",
	    .timeout_ms = QUICK_MS },
	{ .send = "AT+CSSLCFG=\"clientcert\",<ssl_ctx_index>,\"<clientcert_file>\"",
	    .only_if = "clientcert_file",
	    .timeout_ms = QUICK_MS },
	{ .send = "AT+CSSLCFG=\"clientkey\",<ssl_ctx_index>,\"<clientkey_file>\"",
	    .only_if = "clientkey_file",
	    .timeout_ms = QUICK_MS },
	{ .send = "AT+CSSLCFG=\"enableSNI\",<ssl_ctx_index>,<enableSNI_flag>",
	    .timeout_ms = QUICK_MS },
	{ .send = "AT+CSSLCFG=\"keypwd\",<ssl_ctx_index>,\"\"", /* A76xx has another meaning */
	    .timeout_ms = QUICK_MS,
	    .error_is_fine = true },
	{ .send = "AT+CSSLCFG=\"ciphersuites\",<ssl_ctx_index>,0xFFFF", /* not on A76xx */
	    .timeout_ms = QUICK_MS,
	    .error_is_fine = true,
	    .is_last = true },
};

/* 16.2.3, 16.2.17: CFG is forgotten by REL and must stand between ACCQ and CONNECT. With checkUTF8
 * on the modem refuses binary payloads: only a modem that never takes the setting goes without. */
const struct at_step sim7600_acquire_script[] = {
	{ .send = "AT+CMQTTACCQ=<client_index>,\"<clientID>\",<server_type>[,<mqtt_version>]",
	    .refusal = "+CMQTTACCQ: <client_index>,<err>",
	    .timeout_ms = QUICK_MS },
	/* A76xx and SIM767x: 3.1 unless told. Without it the session is still one. */
	{ .send = "AT+CMQTTCFG=\"version\",<client_index>,<mqtt_version_cfg>",
	    .refusal = "+CMQTTCFG: <client_index>,<err>",
	    .only_if = "mqtt_version_cfg",
	    .timeout_ms = QUICK_MS,
	    .error_is_fine = true },
	{ .send = "AT+CMQTTCFG=\"checkUTF8\",<client_index>,0",
	    .refusal = "+CMQTTCFG: <client_index>,<err>",
	    .only_if = "utf8_required",
	    .timeout_ms = QUICK_MS },
	{ .send = "AT+CMQTTCFG=\"checkUTF8\",<client_index>,0",
	    .refusal = "+CMQTTCFG: <client_index>,<err>",
	    .only_if = "utf8_optional",
	    .timeout_ms = QUICK_MS,
	    .error_is_fine = true },
	{ .send = "AT+CMQTTCFG=\"optimeout\",<client_index>,<optimeout_val>",
	    .refusal = "+CMQTTCFG: <client_index>,<err>",
	    .timeout_ms = QUICK_MS,
	    .error_is_fine = true,
	    .is_last = true },
};

/* 16.2.5 to 16.2.8. The TLS binding is cleared by a failed CONNECT and by DISC; whether the will
 * survives them is not stated. */
const struct at_step sim7600_connect_script[] = {
	{ .send = "AT+CMQTTSSLCFG=<client_index>,<ssl_ctx_index>",
	    .refusal = "+CMQTTSSLCFG: <client_index>,<err>",
	    .only_if = "ssl_ctx_index",
	    .timeout_ms = QUICK_MS },
	{ .send = "AT+CMQTTWILLTOPIC=<client_index>,<req_length>",
	    .data = "will_topic",
	    .refusal = "+CMQTTWILLTOPIC: <client_index>,<err>",
	    .only_if = "will_topic",
	    .timeout_ms = STAGE_MS },
	{ .send = "AT+CMQTTWILLMSG=<client_index>,<req_length>,<qos>",
	    .data = "will_message",
	    .refusal = "+CMQTTWILLMSG: <client_index>,<err>",
	    .only_if = "will_topic",
	    .timeout_ms = STAGE_MS },
	{ .send = "AT+CMQTTCONNECT=<client_index>,\"<server_addr>\",<keepalive_time>,"
		  "<clean_session>[,\"<user_name>\"[,\"<pass_word>\"]]",
	    .answer = "+CMQTTCONNECT: <client_index>,<err>",
	    .final_ms = ACCEPT_MS,
	    .is_slow = true, /* an A7670 that is going to fail gives no OK (seen) */
	    .timeout_ms = SERVICE_MS,
	    .answer_ms = CONNECT_MS,
	    .is_last = true },
};

/* 16.2.12, 16.2.13: the list may hold 5120 bytes of topics. */
const struct at_step sim7600_subtopic_script[] = {
	{ .send = "AT+CMQTTSUBTOPIC=<client_index>,<req_length>,<qos>",
	    .data = "filter",
	    .refusal = "+CMQTTSUBTOPIC: <client_index>,<err>",
	    .timeout_ms = STAGE_MS,
	    .is_last = true },
};

/* Without dup: 1 sets a bit that MQTT 3.1.1 forbids, and brokers hang up. */
const struct at_step sim7600_sub_script[] = {
	{ .send = "AT+CMQTTSUB=<client_index>",
	    .answer = "+CMQTTSUB: <client_index>,<err>",
	    .final_ms = ACCEPT_MS,
	    .timeout_ms = SERVICE_MS,
	    .answer_ms = OPERATION_MS,
	    .is_last = true },
};

const struct at_step sim7600_sub_one_script[] = {
	{ .send = "AT+CMQTTSUB=<client_index>,<req_length>,<qos>",
	    .data = "filter",
	    .answer = "+CMQTTSUB: <client_index>,<err>",
	    .final_ms = ACCEPT_DATA_MS,
	    .timeout_ms = SERVICE_MS,
	    .answer_ms = OPERATION_MS,
	    .is_last = true },
};

const struct at_step sim7600_unsubtopic_script[] = {
	/* 16.2.14 */
	{ .send = "AT+CMQTTUNSUBTOPIC=<client_index>,<req_length>",
	    .data = "filter",
	    .refusal = "+CMQTTUNSUBTOPIC: <client_index>,<err>",
	    .timeout_ms = STAGE_MS,
	    .is_last = true },
};

const struct at_step sim7600_unsub_script[] = {
	/* 16.2.15; dup has no brackets in the manual */
	{ .send = "AT+CMQTTUNSUB=<client_index>,0",
	    .answer = "+CMQTTUNSUB: <client_index>,<err>",
	    .final_ms = ACCEPT_MS,
	    .timeout_ms = SERVICE_MS,
	    .answer_ms = OPERATION_MS,
	    .is_last = true },
};

const struct at_step sim7600_unsub_one_script[] = {
	{ .send = "AT+CMQTTUNSUB=<client_index>,<req_length>,0",
	    .data = "filter",
	    .answer = "+CMQTTUNSUB: <client_index>,<err>",
	    .final_ms = ACCEPT_DATA_MS,
	    .timeout_ms = SERVICE_MS,
	    .answer_ms = OPERATION_MS,
	    .is_last = true },
};

/* 16.2.10 to 16.2.12. PUB empties topic and payload (after a failed PUB: not stated), so a retry
 * runs all of it. An empty message is a PUB without PAYLOAD (vendor's application note 5.1.2). */
const struct at_step sim7600_publish_script[] = {
	{ .send = "AT+CMQTTTOPIC=<client_index>,<req_length>",
	    .data = "topic",
	    .refusal = "+CMQTTTOPIC: <client_index>,<err>",
	    .timeout_ms = STAGE_MS },
	{ .send = "AT+CMQTTPAYLOAD=<client_index>,<req_length>",
	    .data = "payload",
	    .only_if = "payload",
	    .refusal = "+CMQTTPAYLOAD: <client_index>,<err>",
	    .timeout_ms = STAGE_MS },
	{ .send = "AT+CMQTTPUB=<client_index>,<qos>,<pub_timeout>[,<ratained>[,<dup>]]",
	    .answer = "+CMQTTPUB: <client_index>,<err>",
	    .final_ms = ACCEPT_MS,
	    .timeout_ms = SERVICE_MS,
	    .answer_ms = OPERATION_MS,
	    .is_last = true },
};

/* ---- certificate files, 10.2.13 to 10.2.15 ---- */

const struct at_step sim7600_cert_list_script[] = {
	{ .send = "AT+CCERTLIST",
	    .collect = "+CCERTLIST:",
	    .timeout_ms = QUICK_MS,
	    .is_last = true },
};

const struct at_step sim7600_cert_delete_script[] = {
	{ .send = "AT+CCERTDELE=\"<filename>\"", .timeout_ms = QUICK_MS, .is_last = true },
};

const struct at_step sim7600_cert_upload_script[] = {
	{ .send = "AT+CCERTDOWN=\"<filename>\",<req_length>",
	    .data = "certificate",
	    .timeout_ms = UPLOAD_MS,
	    .is_last = true },
};

const struct at_step sim7600_operator_script[] = {
	{ .send = "<raw_command>",
	    .collect = "**",
	    .final_ms = ACCEPT_MS,
	    .is_slow = true,
	    .timeout_ms = SERVICE_MS,
	    .is_last = true },
};

const struct sim7600_script sim7600_scripts[] = {
	{ "sync", sim7600_sync_script },
	{ "flow", sim7600_flow_script },
	{ "speed", sim7600_speed_script },
	{ "speed once", sim7600_speed_once_script },
	{ "sim", sim7600_sim_script },
	{ "pin attempts", sim7600_pin_attempts_script },
	{ "pin enter", sim7600_pin_enter_script },
	{ "network", sim7600_network_script },
	{ "registration", sim7600_registration_script },
	{ "operator query", sim7600_operator_query_script },
	{ "operator any", sim7600_operator_any_script },
	{ "status", sim7600_status_script },
	{ "pulse", sim7600_pulse_script },
	{ "radio query", sim7600_radio_query_script },
	{ "radio off", sim7600_radio_off_script },
	{ "radio on", sim7600_radio_on_script },
	{ "clock", sim7600_clock_script },
	{ "clock set", sim7600_clock_set_script },
	{ "netopen query", sim7600_netopen_query_script },
	{ "netopen", sim7600_netopen_script },
	{ "start", sim7600_start_script },
	{ "stop", sim7600_stop_script },
	{ "service query", sim7600_service_query_script },
	{ "reset", sim7600_reset_script },
	{ "probe", sim7600_probe_script },
	{ "address", sim7600_address_script },
	{ "close", sim7600_close_script },
	{ "tls", sim7600_tls_script },
	{ "acquire", sim7600_acquire_script },
	{ "connect", sim7600_connect_script },
	{ "subtopic", sim7600_subtopic_script },
	{ "sub", sim7600_sub_script },
	{ "sub one", sim7600_sub_one_script },
	{ "unsubtopic", sim7600_unsubtopic_script },
	{ "unsub", sim7600_unsub_script },
	{ "unsub one", sim7600_unsub_one_script },
	{ "publish", sim7600_publish_script },
	{ "cert list", sim7600_cert_list_script },
	{ "cert delete", sim7600_cert_delete_script },
	{ "cert upload", sim7600_cert_upload_script },
	{ "operator", sim7600_operator_script },
	{ 0 },
};

/* Every value that somebody sets. */
static const char *const names[] = { "pin", "apn", "pdp_type", "apn_user", "apn_password",
	"auth_type", "time", "client_index", "timeout", "connected", "connected_hurry", "acquired",
	"patience", "hurry", "ssl_ctx_index", "sslversion", "authmode", "ignoreltime",
	"negotiatetime", "ca_file", "clientcert_file", "clientkey_file", "enableSNI_flag",
	"operator", "clientID", "server_type", "mqtt_version", "mqtt_version_cfg", "cid", "mode",
	"oper", "flow", "speed", "optimeout_val", "utf8_required", "utf8_optional", "will_topic",
	"will_message", "qos", "server_addr", "keepalive_time", "clean_session", "user_name",
	"pass_word", "filter", "topic", "payload", "pub_timeout", "ratained", "dup", "filename",
	"certificate", "raw_command" };

int sim7600_check_scripts(const char **ret_script, const char **ret_why)
{
	const struct sim7600_script *s;
	int r;

	for (s = sim7600_scripts; s->name; s++) {
		r = at_script_check(s->script, names, sizeof names / sizeof names[0], ret_why);
		if (r < 0) {
			*ret_script = s->name;
			return r;
		}
	}
	return 0;
}

/* ---- unsolicited lines ---- */

struct urc {
	const char *text;
	bool is_prefix;
	enum urc_kind kind;
};

/* The first that fits counts. */
static const struct urc urcs[] = {
	{ "RDY", false, URC_BOOT },
	{ "*ATREADY:", true, URC_BOOT }, /* A76xx (seen on A7670) */
	{ "SMS DONE", false, URC_BOOT_LATE },
	{ "PB DONE", false, URC_BOOT_LATE },
	{ "+CPIN: READY", false, URC_SIM_READY },
	{ "+CPIN: NOT", true, URC_SIM_GONE }, /* NOT READY, NOT INSERTED: wording not certain */
	{ "+SIMCARD: NOT AVAILABLE", false, URC_SIM_GONE },
	{ "+CREG:", true, URC_REGISTRATION },
	{ "+CGREG:", true, URC_REGISTRATION },
	{ "+CEREG:", true, URC_REGISTRATION },
	{ "+CMQTTCONNLOST:", true, URC_CONNLOST },
	{ "+CMQTTPING:", true, URC_PING },
	{ "+CMQTTNONET", true, URC_NONET },
	{ "+CMQTTRXSTART:", true, URC_RX_START },
	{ "+CMQTTRXTOPIC:", true, URC_RX_TOPIC },
	{ "+CMQTTRXPAYLOAD:", true, URC_RX_PAYLOAD },
	{ "+CMQTTRXEND:", true, URC_RX_END },
	{ "+CMQTTCONNECT:", true, URC_RESULT },
	{ "+CMQTTPUB:", true, URC_RESULT },
	{ "+CMQTTSUB:", true, URC_RESULT },
	{ "+CMQTTUNSUB:", true, URC_RESULT },
	{ "+CMQTTDISC:", true, URC_RESULT },
	{ "+CMQTTSTART:", true, URC_STARTED },
};

enum urc_kind sim7600_urc_kind(struct span line)
{
	size_t i;

	for (i = 0; i < sizeof urcs / sizeof urcs[0]; i++)
		if (urcs[i].is_prefix ? span_begins_with(line, urcs[i].text)
				      : span_is(line, urcs[i].text))
			return urcs[i].kind;
	return URC_NONE;
}

/* ---- the MQTT error table, 16.3.1 ---- */

struct mqtt_err {
	const char *text;
	enum err_class class;
};

static const struct mqtt_err mqtt_errs[] = {
	[0] = { "no error", ERR_CLASS_OK },
	[1] = { "operation failed", ERR_CLASS_RETRY },
	[2] = { "bad UTF-8 string", ERR_CLASS_POISON },
	[3] = { "socket connect failed", ERR_CLASS_SESSION },
	[4] = { "socket create failed", ERR_CLASS_SESSION },
	[5] = { "socket close failed", ERR_CLASS_SESSION },
	[6] = { "message receive failed", ERR_CLASS_SESSION },
	[7] = { "network open failed", ERR_CLASS_SESSION },
	[8] = { "network close failed", ERR_CLASS_SESSION },
	[9] = { "network not opened", ERR_CLASS_SESSION },
	[10] = { "client index error", ERR_CLASS_SESSION },
	[11] = { "no connection", ERR_CLASS_SESSION },
	[12] = { "invalid parameter", ERR_CLASS_POISON },
	[13] = { "operation not supported", ERR_CLASS_SESSION },
	[14] = { "client is busy", ERR_CLASS_RETRY },
	[15] = { "connection required", ERR_CLASS_SESSION },
	[16] = { "socket send failed", ERR_CLASS_SESSION },
	[17] = { "timeout", ERR_CLASS_RETRY },
	[18] = { "topic is empty", ERR_CLASS_POISON },
	[19] = { "client is used", ERR_CLASS_SESSION },
	[20] = { "client not acquired", ERR_CLASS_SESSION },
	[21] = { "client not released", ERR_CLASS_SESSION },
	[22] = { "length out of range", ERR_CLASS_POISON },
	[23] = { "network is opened", ERR_CLASS_RETRY },
	[24] = { "packet failed", ERR_CLASS_SESSION },
	[25] = { "DNS error", ERR_CLASS_SESSION },
	[26] = { "socket closed by the server", ERR_CLASS_SESSION },
	[27] = { "refused: protocol version", ERR_CLASS_CONFIG },
	[28] = { "refused: client identifier", ERR_CLASS_CONFIG },
	[29] = { "refused: server unavailable", ERR_CLASS_SESSION },
	[30] = { "refused: bad user name or password", ERR_CLASS_CONFIG },
	[31] = { "refused: not authorised", ERR_CLASS_CONFIG },
	[32] = { "TLS handshake failed", ERR_CLASS_CONFIG },
	[33] = { "certificate not set", ERR_CLASS_CONFIG },
	[34] = { "TLS session could not be opened", ERR_CLASS_CONFIG },
	[35] = { "disconnect failed", ERR_CLASS_SESSION }, /* A76xx and SIM767x only */
};

#define MQTT_ERRS (sizeof mqtt_errs / sizeof mqtt_errs[0])

const char *mqtt_err_text(unsigned err)
{
	return err < MQTT_ERRS ? mqtt_errs[err].text : "unknown error";
}

enum err_class mqtt_err_class(unsigned err)
{
	return err < MQTT_ERRS ? mqtt_errs[err].class : ERR_CLASS_SESSION;
}

void sim7600_command_name(const struct at_step *step, char *ret_name, size_t size)
{
	snprintf(ret_name, size, "%.*s", (int)strcspn(step->send, "=?:<"), step->send);
}
