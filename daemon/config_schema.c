/* SPDX-License-Identifier: Apache-2.0 */
#include "config_schema.h"

#include "base/limits.h"
#include "base/words.h"

#include <string.h>

#define IN(section, member) .offset = offsetof(struct section##_section, member)
/* clang-format off */
#define SCHEMA(section) { section##_keys, sizeof(struct section##_section) }
/* clang-format on */

/* clang-format off */
static const struct config_key modem_keys[] = {
	/* The port with the AT interface; "usb": that of the only modem on USB. */
	{ "device",        KEY_TEXT,    IN(modem, device),           .fallback = "/dev/cmqttd-modem" },
	/* Speed of the port; USB ports ignore it. */
	{ "baud",          KEY_INTEGER, IN(modem, baud),             .fallback = "115200", .min = 300, .max = 4000000 },
	/* Hardware flow control of the port. */
	{ "flow_control",  KEY_WORD,    IN(modem, flow_control),     .fallback = "none", .words = "none|rtscts" },
	/* Access point name; without it the modem's own setting stays. */
	{ "apn",           KEY_TEXT,    IN(modem, apn) },
	/* User name for the access point. */
	{ "apn_user",      KEY_TEXT,    IN(modem, apn_user) },
	/* Password for the access point. */
	{ "apn_password",  KEY_SECRET,  IN(modem, apn_password) },
	/* Address family of the packet context. */
	{ "pdp_type",      KEY_WORD,    IN(modem, pdp_type),         .fallback = "IP", .words = "IP|IPV6|IPV4V6" },
	/* Use foreign networks, too. */
	{ "roaming",       KEY_BOOL,    IN(modem, roaming),          .fallback = "true" },
	/* The only network to use, as country and network code; default: the modem chooses. */
	{ "operator",      KEY_TEXT,    IN(modem, operator) },
	/* Radio technology; without it the modem's own setting stays. */
	{ "technology",    KEY_WORD,    IN(modem, technology),       .words = "auto|gsm|umts|lte" },
	/* PIN of the SIM; tried once, never when one attempt is left. */
	{ "pin",           KEY_SECRET,  IN(modem, pin) },
	/* File with the PIN, instead of pin. */
	{ "pin_file",      KEY_TEXT,    IN(modem, pin_file) },
	/* Program that cuts the modem's power, the last step of recovery; at most 3 times an hour. */
	{ "power_cycle",   KEY_TEXT,    IN(modem, power_cycle) },
	{ 0 }
};
static const struct config_schema modem_schema = SCHEMA(modem);

static const struct config_key tls_keys[] = {
	/* Certificates the broker's one must lead to, PEM; required unless verify = false. */
	{ "ca",            KEY_TEXT,    IN(tls, ca) },
	/* Our own certificate, PEM, for a broker that asks for one. */
	{ "cert",          KEY_TEXT,    IN(tls, cert) },
	/* Its private key, PEM, not encrypted. */
	{ "key",           KEY_TEXT,    IN(tls, key) },
	/* Check the broker's certificate. */
	{ "verify",        KEY_BOOL,    IN(tls, verify),             .fallback = "true" },
	/* TLS version; the modem has no newer one. */
	{ "version",       KEY_WORD,    IN(tls, version),            .fallback = "1.2", .words = "1.2" },
	/* Name the host in the handshake. */
	{ "sni",           KEY_BOOL,    IN(tls, sni),                .fallback = "true" },
	/* Check expiry dates; auto: when the modem's clock is plausible or could be set. */
	{ "check_time",    KEY_WORD,    IN(tls, check_time),         .fallback = "auto", .words = "auto|true|false" },
	/* SSL context of the modem; default: the broker's number, from 0. */
	{ "context",       KEY_INTEGER, IN(tls, context),            .min = 0, .max = MODEM_SSL_CONTEXTS - 1 },
	{ 0 }
};
static const struct config_schema tls_schema = SCHEMA(tls);

static const struct config_key message_keys[] = {
	/* Topic at the broker; no prefix is added. */
	{ "topic",         KEY_TEXT,    IN(message, topic),          .needed = "the topic at the broker" },
	/* The message. */
	{ "payload",       KEY_TEXT,    IN(message, payload),        .needed = "the message, which may be \"\" in a birth message" },
	/* Quality of service. */
	{ "qos",           KEY_INTEGER, IN(message, qos),            .fallback = "1", .min = 0, .max = 2 },
	/* Kept by the broker; birth only, the modem has no retained last will. */
	{ "retain",        KEY_BOOL,    IN(message, retain),         .fallback = "false" },
	{ 0 }
};
static const struct config_schema message_schema = SCHEMA(message);

static const struct config_key reconnect_keys[] = {
	/* Shortest wait before another attempt, seconds. */
	{ "min",           KEY_SECONDS, IN(reconnect, min),          .fallback = "1.0", .min = 0.1, .max = 3600 },
	/* Longest wait, seconds; grows up to it, with jitter. */
	{ "max",           KEY_SECONDS, IN(reconnect, max),          .fallback = "300.0", .min = 0.1, .max = 86400 },
	{ 0 }
};
static const struct config_schema reconnect_schema = SCHEMA(reconnect);

static const struct config_key topic_keys[] = {
	/* Topic filter, without the prefixes. */
	{ "pattern",       KEY_TEXT,    IN(topic, pattern),          .needed = "a topic filter like \"telemetry/#\"" },
	/* out: local to broker; in: broker to local. */
	{ "direction",     KEY_WORD,    IN(topic, direction),        .needed = "\"out\", \"in\" or \"both\"", .words = "out|in|both" },
	/* The most that the route uses. */
	{ "qos",           KEY_INTEGER, IN(topic, qos),              .fallback = "1", .min = 0, .max = 2 },
	/* What local topics begin with. */
	{ "local_prefix",  KEY_TEXT,    IN(topic, local_prefix),     .fallback = "" },
	/* What the broker's topics begin with. */
	{ "remote_prefix", KEY_TEXT,    IN(topic, remote_prefix),    .fallback = "" },
	/* Higher leaves first (out). */
	{ "priority",      KEY_INTEGER, IN(topic, priority),         .fallback = "0", .min = 0, .max = 7 },
	/* Seconds after which a waiting message is dropped; 0: never (out). */
	{ "ttl",           KEY_INTEGER, IN(topic, ttl),              .fallback = "0", .min = 0, .max = 315360000 },
	/* Of one topic only the newest waiting message is kept (out). */
	{ "keep_last",     KEY_BOOL,    IN(topic, keep_last),        .fallback = "false" },
	/* Keep the last message for later local subscribers (in). */
	{ "retain",        KEY_BOOL,    IN(topic, retain),           .fallback = "false" },
	{ 0 }
};
static const struct config_schema topic_schema = SCHEMA(topic);

static const struct config_key broker_keys[] = {
	/* Unique; 1 to 32 of a-z, 0-9, _ and -. */
	{ "name",          KEY_TEXT,    IN(broker, name),            .needed = "a name of your choice for this broker" },
	/* mqtt://host[:port] (1883) or mqtts://host[:port] (8883). */
	{ "address",       KEY_TEXT,    IN(broker, address),         .needed = "\"mqtt://host\" or \"mqtts://host\"" },
	/* MQTT client identifier; required unless clean_session = true, then cmqttd-HOSTNAME. */
	{ "client_id",     KEY_TEXT,    IN(broker, client_id) },
	/* User name at the broker. */
	{ "username",      KEY_TEXT,    IN(broker, username) },
	/* Password at the broker. */
	{ "password",      KEY_SECRET,  IN(broker, password) },
	/* File with the password, instead of password. */
	{ "password_file", KEY_TEXT,    IN(broker, password_file) },
	/* Seconds. */
	{ "keepalive",     KEY_INTEGER, IN(broker, keepalive),       .fallback = "60", .min = 1, .max = MODEM_KEEPALIVE_MAX_S },
	/* The broker forgets us when the connection ends. */
	{ "clean_session", KEY_BOOL,    IN(broker, clean_session),   .fallback = "false" },
	/* Only with mqtts://. */
	{ "tls",           KEY_GROUP,   IN(broker, tls),             .section = &tls_schema },
	/* What the broker publishes when we vanish. */
	{ "will",          KEY_GROUP,   IN(broker, will),            .section = &message_schema },
	/* Published after every connect. */
	{ "birth",         KEY_GROUP,   IN(broker, birth),           .section = &message_schema },
	/* Topic at the broker for reports on messages that were given up. */
	{ "gap_topic",     KEY_TEXT,    IN(broker, gap_topic) },
	/* How long to wait between attempts. */
	{ "reconnect",     KEY_GROUP,   IN(broker, reconnect),       .section = &reconnect_schema },
	/* What passes the bridge. */
	{ "topics",        KEY_LIST,    IN(broker, topics),          .max = BRIDGE_ROUTES_MAX, .section = &topic_schema },
	{ 0 }
};
static const struct config_schema broker_schema = SCHEMA(broker);

static const struct config_key listener_keys[] = {
	/* unix:/path or host:port. */
	{ "address",       KEY_TEXT,    IN(listener, address),       .needed = "\"unix:/path\" or \"host:port\"" },
	/* Permissions of a Unix socket, octal. */
	{ "mode",          KEY_TEXT,    IN(listener, mode),          .fallback = "0660" },
	/* Group of a Unix socket; empty: the daemon's own. */
	{ "group",         KEY_TEXT,    IN(listener, group),         .fallback = "cmqttd" },
	/* Clients may come without a user name; default: true without password_file. */
	{ "allow_anonymous", KEY_BOOL,    IN(listener, allow_anonymous) },
	/* User names and hashed passwords. */
	{ "password_file", KEY_TEXT,    IN(listener, password_file), .fallback = "" },
	/* Who may read and write which topics. */
	{ "acl_file",      KEY_TEXT,    IN(listener, acl_file),      .fallback = "" },
	{ 0 }
};
static const struct config_schema listener_schema = SCHEMA(listener);

static const struct config_key control_keys[] = {
	/* unix:/path. */
	{ "address",       KEY_TEXT,    IN(control, address),        .fallback = "unix:" CMQTTD_RUNDIR "/control.sock" },
	/* Permissions of the socket, octal. */
	{ "mode",          KEY_TEXT,    IN(control, mode),           .fallback = "0660" },
	/* Group of the socket, which may read; empty: the daemon's own. */
	{ "group",         KEY_TEXT,    IN(control, group),          .fallback = "cmqttd" },
	{ 0 }
};
static const struct config_schema control_schema = SCHEMA(control);

static const struct config_key store_keys[] = {
	/* The database file. */
	{ "path",          KEY_TEXT,    IN(store, path),             .fallback = CMQTTD_STATEDIR "/store.db" },
	/* What waits for the brokers and for absent local clients, at most. */
	{ "max_bytes",     KEY_INTEGER, IN(store, max_bytes),        .fallback = "67108864", .min = 65536, .max = 1099511627776.0 },
	/* When it is full: publishers have to wait, or the oldest message goes. */
	{ "overflow",      KEY_WORD,    IN(store, overflow),         .fallback = "block", .words = "block|drop-oldest" },
	/* full: on disk before the acknowledgement. */
	{ "durability",    KEY_WORD,    IN(store, durability),       .fallback = "full", .words = "full|normal" },
	{ 0 }
};
static const struct config_schema store_schema = SCHEMA(store);

static const struct config_key metrics_keys[] = {
	/* host:port or unix:/path, for OpenMetrics over HTTP. */
	{ "address",       KEY_TEXT,    IN(metrics, address),        .needed = "\"host:port\" or \"unix:/path\"" },
	/* The address may be one that other machines reach. */
	{ "allow_remote",  KEY_BOOL,    IN(metrics, allow_remote),   .fallback = "false" },
	{ 0 }
};
static const struct config_schema metrics_schema = SCHEMA(metrics);

static const struct config_key log_keys[] = {
	/* The least important that is logged. */
	{ "level",         KEY_WORD,    IN(log, level),              .fallback = "info", .words = "error|warning|info|debug" },
	{ 0 }
};
static const struct config_schema log_schema = SCHEMA(log);

static const struct config_key root_keys[] = {
	/* The modem and its SIM. */
	{ "modem",         KEY_GROUP,   IN(root, modem),             .section = &modem_schema },
	/* One or two, each on one of the modem's MQTT clients. */
	{ "brokers",       KEY_LIST,    IN(root, brokers),           .min = 1, .max = MODEM_CLIENTS, .needed = "a list with one or two brokers", .section = &broker_schema },
	/* Where local MQTT clients connect. */
	{ "listeners",     KEY_LIST,    IN(root, listeners),         .min = 1, .max = MQTT_LISTENERS_MAX, .section = &listener_schema },
	/* The socket of cmqttctl. */
	{ "control",       KEY_GROUP,   IN(root, control),           .section = &control_schema },
	/* Where messages wait. */
	{ "store",         KEY_GROUP,   IN(root, store),             .section = &store_schema },
	/* Numbers for Prometheus. */
	{ "metrics",       KEY_GROUP,   IN(root, metrics),           .section = &metrics_schema },
	/* What is logged. */
	{ "log",           KEY_GROUP,   IN(root, log),               .section = &log_schema },
	{ 0 }
};
const struct config_schema config_schema_root = SCHEMA(root);
/* clang-format on */

const struct config_key *config_schema_find(const struct config_schema *schema, const char *name)
{
	for (const struct config_key *key = schema->keys; key->name; key++) {
		if (strcmp(key->name, name) == 0)
			return key;
	}
	return NULL;
}

const struct config_key *config_schema_nearest(const struct config_schema *schema, const char *name)
{
	const struct config_key *nearest = schema->keys;

	for (const struct config_key *key = schema->keys; key->name; key++) {
		if (words_distance(name, key->name) < words_distance(name, nearest->name))
			nearest = key;
	}
	return nearest;
}

int config_schema_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (int number = 0; words; number++) {
		const char *bar = strchr(words, '|');

		if ((bar ? (size_t)(bar - words) : strlen(words)) == len &&
		    memcmp(words, word, len) == 0)
			return number;
		words = bar ? bar + 1 : NULL;
	}
	return -1;
}
