/* SPDX-License-Identifier: Apache-2.0 */
#include "config_schema.h"

#include "base/limits.h"
#include "base/words.h"

#include <string.h>

#define IN(section, member) .offset = offsetof(struct section##_section, member)
/* clang-format off */
#define SCHEMA(section) { section##_keys, sizeof(struct section##_section) }
/* clang-format on */

/* A row is two lines: values, and what the key is for. */
/* clang-format off */
static const struct config_key modem_keys[] = {
	{ "device",        KEY_TEXT,    IN(modem, device),           .fallback = "/dev/cmqttd-modem",
	  .doc = "The port with the AT interface; \"usb\": that of the only modem on USB." },
	{ "baud",          KEY_INTEGER, IN(modem, baud),             .fallback = "115200", .min = 300, .max = 4000000,
	  .doc = "Speed of the port; USB ports ignore it." },
	{ "flow_control",  KEY_WORD,    IN(modem, flow_control),     .fallback = "none", .words = "none|rtscts",
	  .doc = "Hardware flow control of the port." },
	{ "apn",           KEY_TEXT,    IN(modem, apn),
	  .doc = "Access point name; without it the modem's own setting stays." },
	{ "apn_user",      KEY_TEXT,    IN(modem, apn_user),
	  .doc = "User name for the access point." },
	{ "apn_password",  KEY_SECRET,  IN(modem, apn_password),
	  .doc = "Password for the access point." },
	{ "pdp_type",      KEY_WORD,    IN(modem, pdp_type),         .fallback = "IP", .words = "IP|IPV6|IPV4V6",
	  .doc = "Address family of the packet context." },
	{ "roaming",       KEY_BOOL,    IN(modem, roaming),          .fallback = "true",
	  .doc = "Use foreign networks, too." },
	{ "operator",      KEY_TEXT,    IN(modem, operator),
	  .doc = "The only network to use, as country and network code; default: the modem chooses." },
	{ "technology",    KEY_WORD,    IN(modem, technology),       .words = "auto|gsm|umts|lte",
	  .doc = "Radio technology; without it the modem's own setting stays." },
	{ "pin",           KEY_SECRET,  IN(modem, pin),
	  .doc = "PIN of the SIM; tried once, never when one attempt is left." },
	{ "pin_file",      KEY_TEXT,    IN(modem, pin_file),
	  .doc = "File with the PIN, instead of pin." },
	{ "power_cycle",   KEY_TEXT,    IN(modem, power_cycle),
	  .doc = "Program that cuts the modem's power, the last step of recovery; at most 3 times an hour." },
	{ 0 }
};
static const struct config_schema modem_schema = SCHEMA(modem);

static const struct config_key tls_keys[] = {
	{ "ca",            KEY_TEXT,    IN(tls, ca),
	  .doc = "Certificates the broker's one must lead to, PEM; required unless verify = false." },
	{ "cert",          KEY_TEXT,    IN(tls, cert),
	  .doc = "Our own certificate, PEM, for a broker that asks for one." },
	{ "key",           KEY_TEXT,    IN(tls, key),
	  .doc = "Its private key, PEM, not encrypted." },
	{ "verify",        KEY_BOOL,    IN(tls, verify),             .fallback = "true",
	  .doc = "Check the broker's certificate." },
	{ "version",       KEY_WORD,    IN(tls, version),            .fallback = "1.2", .words = "1.2",
	  .doc = "TLS version; the modem has no newer one." },
	{ "sni",           KEY_BOOL,    IN(tls, sni),                .fallback = "true",
	  .doc = "Name the host in the handshake." },
	{ "check_time",    KEY_WORD,    IN(tls, check_time),         .fallback = "auto", .words = "auto|true|false",
	  .doc = "Check expiry dates; auto: when the modem's clock is plausible or could be set." },
	{ "context",       KEY_INTEGER, IN(tls, context),            .min = 0, .max = MODEM_SSL_CONTEXTS - 1,
	  .doc = "SSL context of the modem; default: the broker's number, from 0." },
	{ 0 }
};
static const struct config_schema tls_schema = SCHEMA(tls);

static const struct config_key message_keys[] = {
	{ "topic",         KEY_TEXT,    IN(message, topic),          .is_required = true,
	  .doc = "Topic at the broker; no prefix is added." },
	{ "payload",       KEY_TEXT,    IN(message, payload),        .is_required = true,
	  .doc = "The message." },
	{ "qos",           KEY_INTEGER, IN(message, qos),            .fallback = "1", .min = 0, .max = 2,
	  .doc = "Quality of service." },
	{ "retain",        KEY_BOOL,    IN(message, retain),         .fallback = "false",
	  .doc = "Kept by the broker; birth only, the modem has no retained last will." },
	{ 0 }
};
static const struct config_schema message_schema = SCHEMA(message);

static const struct config_key reconnect_keys[] = {
	{ "min",           KEY_SECONDS, IN(reconnect, min),          .fallback = "1.0", .min = 0.1, .max = 3600,
	  .doc = "Shortest wait before another attempt, seconds." },
	{ "max",           KEY_SECONDS, IN(reconnect, max),          .fallback = "300.0", .min = 0.1, .max = 86400,
	  .doc = "Longest wait, seconds; grows up to it, with jitter." },
	{ 0 }
};
static const struct config_schema reconnect_schema = SCHEMA(reconnect);

static const struct config_key topic_keys[] = {
	{ "pattern",       KEY_TEXT,    IN(topic, pattern),          .is_required = true,
	  .doc = "Topic filter, without the prefixes." },
	{ "direction",     KEY_WORD,    IN(topic, direction),        .is_required = true, .words = "out|in|both",
	  .doc = "out: local to broker; in: broker to local." },
	{ "qos",           KEY_INTEGER, IN(topic, qos),              .fallback = "1", .min = 0, .max = 2,
	  .doc = "The most that the route uses." },
	{ "local_prefix",  KEY_TEXT,    IN(topic, local_prefix),     .fallback = "",
	  .doc = "What local topics begin with." },
	{ "remote_prefix", KEY_TEXT,    IN(topic, remote_prefix),    .fallback = "",
	  .doc = "What the broker's topics begin with." },
	{ "priority",      KEY_INTEGER, IN(topic, priority),         .fallback = "0", .min = 0, .max = 7,
	  .doc = "Higher leaves first (out)." },
	{ "ttl",           KEY_INTEGER, IN(topic, ttl),              .fallback = "0", .min = 0, .max = 315360000,
	  .doc = "Seconds after which a waiting message is dropped; 0: never (out)." },
	{ "keep_last",     KEY_BOOL,    IN(topic, keep_last),        .fallback = "false",
	  .doc = "Of one topic only the newest waiting message is kept (out)." },
	{ "retain",        KEY_BOOL,    IN(topic, retain),           .fallback = "false",
	  .doc = "Keep the last message for later local subscribers (in)." },
	{ 0 }
};
static const struct config_schema topic_schema = SCHEMA(topic);

static const struct config_key broker_keys[] = {
	{ "name",          KEY_TEXT,    IN(broker, name),            .is_required = true,
	  .doc = "Unique; 1 to 32 of a-z, 0-9, _ and -." },
	{ "address",       KEY_TEXT,    IN(broker, address),         .is_required = true,
	  .doc = "mqtt://host[:port] (1883) or mqtts://host[:port] (8883)." },
	{ "client_id",     KEY_TEXT,    IN(broker, client_id),
	  .doc = "MQTT client identifier; required unless clean_session = true, then " "cmqttd-HOSTNAME." },
	{ "username",      KEY_TEXT,    IN(broker, username),
	  .doc = "User name at the broker." },
	{ "password",      KEY_SECRET,  IN(broker, password),
	  .doc = "Password at the broker." },
	{ "password_file", KEY_TEXT,    IN(broker, password_file),
	  .doc = "File with the password, instead of password." },
	{ "keepalive",     KEY_INTEGER, IN(broker, keepalive),       .fallback = "60", .min = 1, .max = MODEM_KEEPALIVE_MAX_S,
	  .doc = "Seconds." },
	{ "clean_session", KEY_BOOL,    IN(broker, clean_session),   .fallback = "false",
	  .doc = "The broker forgets us when the connection ends." },
	{ "tls",           KEY_GROUP,   IN(broker, tls),             .section = &tls_schema,
	  .doc = "Only with mqtts://." },
	{ "will",          KEY_GROUP,   IN(broker, will),            .section = &message_schema,
	  .doc = "What the broker publishes when we vanish." },
	{ "birth",         KEY_GROUP,   IN(broker, birth),           .section = &message_schema,
	  .doc = "Published after every connect." },
	{ "gap_topic",     KEY_TEXT,    IN(broker, gap_topic),
	  .doc = "Topic at the broker for reports on messages that were given up." },
	{ "reconnect",     KEY_GROUP,   IN(broker, reconnect),       .section = &reconnect_schema,
	  .doc = "How long to wait between attempts." },
	{ "topics",        KEY_LIST,    IN(broker, topics),          .max = BRIDGE_ROUTES_MAX, .section = &topic_schema,
	  .doc = "What passes the bridge." },
	{ 0 }
};
static const struct config_schema broker_schema = SCHEMA(broker);

static const struct config_key listener_keys[] = {
	{ "address",       KEY_TEXT,    IN(listener, address),       .is_required = true,
	  .doc = "unix:/path or host:port." },
	{ "mode",          KEY_TEXT,    IN(listener, mode),          .fallback = "0660",
	  .doc = "Permissions of a Unix socket, octal." },
	{ "group",         KEY_TEXT,    IN(listener, group),         .fallback = "cmqttd",
	  .doc = "Group of a Unix socket; empty: the daemon's own." },
	{ "allow_anonymous", KEY_BOOL,    IN(listener, allow_anonymous),
	  .doc = "Clients may come without a user name; default: true without password_file." },
	{ "password_file", KEY_TEXT,    IN(listener, password_file), .fallback = "",
	  .doc = "User names and hashed passwords." },
	{ "acl_file",      KEY_TEXT,    IN(listener, acl_file),      .fallback = "",
	  .doc = "Who may read and write which topics." },
	{ 0 }
};
static const struct config_schema listener_schema = SCHEMA(listener);

static const struct config_key control_keys[] = {
	{ "address",       KEY_TEXT,    IN(control, address),        .fallback = "unix:" CMQTTD_RUNDIR "/control.sock",
	  .doc = "unix:/path." },
	{ "mode",          KEY_TEXT,    IN(control, mode),           .fallback = "0660",
	  .doc = "Permissions of the socket, octal." },
	{ "group",         KEY_TEXT,    IN(control, group),          .fallback = "cmqttd",
	  .doc = "Group of the socket, which may read; empty: the daemon's own." },
	{ 0 }
};
static const struct config_schema control_schema = SCHEMA(control);

static const struct config_key store_keys[] = {
	{ "path",          KEY_TEXT,    IN(store, path),             .fallback = CMQTTD_STATEDIR "/store.db",
	  .doc = "The database file." },
	{ "max_bytes",     KEY_INTEGER, IN(store, max_bytes),        .fallback = "67108864", .min = 65536, .max = 1099511627776.0,
	  .doc = "What waits for the brokers and for absent local clients, at most." },
	{ "overflow",      KEY_WORD,    IN(store, overflow),         .fallback = "block", .words = "block|drop-oldest",
	  .doc = "When it is full: publishers have to wait, or the oldest message goes." },
	{ "durability",    KEY_WORD,    IN(store, durability),       .fallback = "full", .words = "full|normal",
	  .doc = "full: on disk before the acknowledgement." },
	{ 0 }
};
static const struct config_schema store_schema = SCHEMA(store);

static const struct config_key metrics_keys[] = {
	{ "address",       KEY_TEXT,    IN(metrics, address),        .is_required = true,
	  .doc = "host:port or unix:/path, for OpenMetrics over HTTP." },
	{ "allow_remote",  KEY_BOOL,    IN(metrics, allow_remote),   .fallback = "false",
	  .doc = "The address may be one that other machines reach." },
	{ 0 }
};
static const struct config_schema metrics_schema = SCHEMA(metrics);

static const struct config_key log_keys[] = {
	{ "level",         KEY_WORD,    IN(log, level),              .fallback = "info", .words = "error|warning|info|debug",
	  .doc = "The least important that is logged." },
	{ 0 }
};
static const struct config_schema log_schema = SCHEMA(log);

static const struct config_key root_keys[] = {
	{ "modem",         KEY_GROUP,   IN(root, modem),             .section = &modem_schema,
	  .doc = "The modem and its SIM." },
	{ "brokers",       KEY_LIST,    IN(root, brokers),           .min = 1, .max = MODEM_CLIENTS, .is_required = true, .section = &broker_schema,
	  .doc = "One or two, each on one of the modem's MQTT clients." },
	{ "listeners",     KEY_LIST,    IN(root, listeners),         .min = 1, .max = MQTT_LISTENERS_MAX, .section = &listener_schema,
	  .doc = "Where local MQTT clients connect." },
	{ "control",       KEY_GROUP,   IN(root, control),           .section = &control_schema,
	  .doc = "The socket of cmqttctl." },
	{ "store",         KEY_GROUP,   IN(root, store),             .section = &store_schema,
	  .doc = "Where messages wait." },
	{ "metrics",       KEY_GROUP,   IN(root, metrics),           .section = &metrics_schema,
	  .doc = "Numbers for Prometheus." },
	{ "log",           KEY_GROUP,   IN(root, log),               .section = &log_schema,
	  .doc = "What is logged." }, { 0 }
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
