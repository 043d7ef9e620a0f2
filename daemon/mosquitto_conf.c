/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* vasprintf */
#include "mosquitto_conf.h"

#include "ctl_table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t"

void mosquitto_conf_complain(
    struct mosquitto_conf *c, unsigned line, const char *key, const char *fmt, ...)
{
	char *text = NULL;
	int len;
	va_list ap;

	c->complaint_count++;
	ctl_text_print(c->complaints, c->file, strlen(c->file));
	fprintf(c->complaints, ":%u: ", line);
	ctl_text_print(c->complaints, key, strlen(key));
	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	fputs(": ", c->complaints);
	if (len >= 0) {
		ctl_text_print(c->complaints, text, (size_t)len);
		free(text);
	}
	fputc('\n', c->complaints);
}

#define complain(c, key, ...) mosquitto_conf_complain(c, (c)->line, key, __VA_ARGS__)

/* ---- words ---- */

/* The next word, its quotes taken off; NULL: there are no more. Moves *text behind it. */
static char *take_word(char **text)
{
	char *word = *text + strspn(*text, BLANKS);
	const char *end = BLANKS;

	if (*word == '\0')
		return NULL;
	if (*word == '"' && strchr(word + 1, '"')) {
		word++;
		end = "\"";
	}
	*text = word + strcspn(word, end);
	if (**text)
		*(*text)++ = '\0';
	return word;
}

static bool read_bool(struct mosquitto_conf *c, const char *key, const char *value, bool *ret)
{
	if (strcmp(value, "true") == 0 || strcmp(value, "1") == 0) {
		*ret = true;
		return true;
	}
	if (strcmp(value, "false") == 0 || strcmp(value, "0") == 0) {
		*ret = false;
		return true;
	}
	complain(c, key, "\"%s\" is neither true nor false", value);
	return false;
}

static bool read_number(
    struct mosquitto_conf *c, const char *key, const char *value, unsigned max, unsigned *ret)
{
	char *rest;
	unsigned long n = strtoul(value, &rest, 10);

	if (rest == value || *rest != '\0' || value[0] == '-' || n > max) {
		complain(c, key, "\"%s\" is not a number from 0 to %u", value, max);
		return false;
	}
	*ret = (unsigned)n;
	return true;
}

/* ---- bridges ---- */

static void take_connection(struct mosquitto_conf *c, const char *key, char *value)
{
	c->is_in_bridge = true;
	c->bridge = NULL;
	if (c->bridge_count == MODEM_CLIENTS) {
		complain(c, key, "the modem has %d MQTT clients: \"%s\" is left out", MODEM_CLIENTS,
		    value);
		return;
	}
	c->bridge = &c->bridges[c->bridge_count++];
	*c->bridge = (struct mosquitto_bridge){
		.line = c->line, .name = value, .port = 1883, .keepalive_s = 60, .notifies = true
	};
}

static void take_address(struct mosquitto_conf *c, const char *key, char *value)
{
	char *host = take_word(&value), *colon = strrchr(host, ':');

	if (colon && strchr(host, ':') != colon)
		colon = NULL; /* IPv6: the configuration's check says what it takes */
	if (colon && read_number(c, key, colon + 1, 65535, &c->bridge->port))
		*colon = '\0';
	c->bridge->host = host;
	while ((host = take_word(&value)))
		complain(c, key, "\"%s\" is left out: a broker has one address", host);
}

static bool is_direction(const char *word)
{
	return strcmp(word, "out") == 0 || strcmp(word, "in") == 0 || strcmp(word, "both") == 0;
}

/* A pattern "" stands for one topic: its two names are the prefixes. The levels that they have in
 * common at the end become the pattern. false: there is none. */
static bool split_prefixes(struct mosquitto_topic *t)
{
	const char *local = t->local_prefix, *remote = t->remote_prefix;
	size_t a = t->local_len, b = t->remote_len, common = 0;

	for (size_t n = 1; n <= a && n <= b && local[a - n] == remote[b - n]; n++) {
		bool is_level_here = n == a || local[a - n - 1] == '/';
		bool is_level_there = n == b || remote[b - n - 1] == '/';

		if (local[a - n] != '/' && is_level_here && is_level_there)
			common = n;
	}
	t->pattern = local + a - common;
	t->local_len -= common;
	t->remote_len -= common;
	return common > 0;
}

/* topic PATTERN [DIRECTION [QOS [LOCAL-PREFIX [REMOTE-PREFIX]]]] */
static void take_topic(struct mosquitto_conf *c, const char *key, char *value)
{
	struct mosquitto_topic topic = { .pattern = take_word(&value) };
	const char *direction = take_word(&value), *qos = take_word(&value);
	const char *local = take_word(&value), *remote = take_word(&value);
	unsigned number = 0;

	topic.direction = direction ? direction : "out";
	topic.local_prefix = local ? local : "";
	topic.local_len = strlen(topic.local_prefix);
	topic.remote_prefix = remote ? remote : "";
	topic.remote_len = strlen(topic.remote_prefix);
	if (!is_direction(topic.direction)) {
		complain(c, key, "\"%s\" is not a direction", topic.direction);
		return;
	}
	if (qos && !read_number(c, key, qos, 2, &number))
		return;
	topic.qos = (int)number;
	if (topic.pattern[0] == '\0' && !split_prefixes(&topic))
		complain(c, key,
		    "one topic under another name: cmqttd exchanges what topics begin with,"
		    " and \"%s\" and \"%s\" do not end alike",
		    topic.local_prefix, topic.remote_prefix);
	else if (c->bridge->topic_count == BRIDGE_ROUTES_MAX)
		complain(c, key, "more than %d topics of one broker", BRIDGE_ROUTES_MAX);
	else
		c->bridge->topics[c->bridge->topic_count++] = topic;
}

static void take_client_id(struct mosquitto_conf *c, const char *key, char *value)
{
	(void)key;
	c->bridge->client_id = value;
}

static void take_username(struct mosquitto_conf *c, const char *key, char *value)
{
	(void)key;
	c->bridge->username = value;
}

static void take_password(struct mosquitto_conf *c, const char *key, char *value)
{
	(void)key;
	c->bridge->password = value;
}

static void take_clean_session(struct mosquitto_conf *c, const char *key, char *value)
{
	read_bool(c, key, value, &c->bridge->clean_session);
}

static void take_keepalive(struct mosquitto_conf *c, const char *key, char *value)
{
	unsigned seconds;

	if (!read_number(c, key, value, MODEM_KEEPALIVE_MAX_S, &seconds))
		return;
	c->bridge->keepalive_s = seconds > 0 ? seconds : MODEM_KEEPALIVE_MAX_S;
	if (seconds == 0)
		complain(
		    c, key, "the modem has no connection without it: %u", c->bridge->keepalive_s);
}

/* restart_timeout BASE CAP | CONSTANT */
static void take_restart_timeout(struct mosquitto_conf *c, const char *key, char *value)
{
	const char *base = take_word(&value), *cap = take_word(&value);
	struct mosquitto_bridge *b = c->bridge;

	if (read_number(c, key, base, 86400, &b->restart_min_s) &&
	    !(cap && read_number(c, key, cap, 86400, &b->restart_max_s)))
		b->restart_max_s = b->restart_min_s;
	if (b->restart_max_s < b->restart_min_s)
		b->restart_max_s = b->restart_min_s;
}

static void take_start_type(struct mosquitto_conf *c, const char *key, char *value)
{
	if (strcmp(value, "automatic") != 0)
		complain(c, key, "\"%s\": a broker is connected as soon as it can be, and for good",
		    value);
}

static void take_protocol(struct mosquitto_conf *c, const char *key, char *value)
{
	if (strcmp(value, "mqttv311") != 0)
		complain(c, key, "\"%s\": the modem speaks MQTT 3.1.1", value);
}

static void take_tls_version(struct mosquitto_conf *c, const char *key, char *value)
{
	c->bridge->is_tls = true;
	if (strcmp(value, "tlsv1.2") != 0)
		complain(c, key, "\"%s\": the modem speaks TLS 1.2", value);
}

static void take_cafile(struct mosquitto_conf *c, const char *key, char *value)
{
	(void)key;
	c->bridge->is_tls = true;
	c->bridge->cafile = value;
}

static void take_certfile(struct mosquitto_conf *c, const char *key, char *value)
{
	(void)key;
	c->bridge->is_tls = true;
	c->bridge->certfile = value;
}

static void take_keyfile(struct mosquitto_conf *c, const char *key, char *value)
{
	(void)key;
	c->bridge->is_tls = true;
	c->bridge->keyfile = value;
}

static void take_capath(struct mosquitto_conf *c, const char *key, char *value)
{
	c->bridge->is_tls = true;
	complain(c, key,
	    "\"%s\": put the certificate of the broker's authority into tls.ca, one file", value);
}

static void take_os_certs(struct mosquitto_conf *c, const char *key, char *value)
{
	bool is_wanted = false;

	if (!read_bool(c, key, value, &is_wanted) || !is_wanted)
		return;
	c->bridge->is_tls = true;
	complain(c, key, "the modem knows no authorities: put the one of the broker into tls.ca");
}

static void take_insecure(struct mosquitto_conf *c, const char *key, char *value)
{
	bool is_insecure = false;

	if (read_bool(c, key, value, &is_insecure) && is_insecure)
		complain(c, key,
		    "left out: there is no leave for the name alone, and verify = false"
		    " would not check anything");
}

static void take_notifications(struct mosquitto_conf *c, const char *key, char *value)
{
	if (read_bool(c, key, value, &c->bridge->notifies) && !c->bridge->notifies)
		complain(c, key,
		    "the broker gets none; $SYS/broker/connection/NAME/state is there for"
		    " local clients all the same");
}

static void take_notifications_local(struct mosquitto_conf *c, const char *key, char *value)
{
	read_bool(c, key, value, &c->bridge->is_notified_locally);
}

static void take_notification_topic(struct mosquitto_conf *c, const char *key, char *value)
{
	(void)key;
	c->bridge->notification_topic = value;
}

static void take_try_private(struct mosquitto_conf *c, const char *key, char *value)
{
	bool is_private = false;

	if (read_bool(c, key, value, &is_private) && is_private)
		complain(c, key,
		    "the modem cannot tell the broker that it is a bridge; echoes on"
		    " \"both\" routes are found by their content");
}

/* ---- listeners ---- */

/* listener PORT [ADDRESS | PATH] */
static void take_listener(struct mosquitto_conf *c, const char *key, char *value)
{
	struct mosquitto_listener *l = &c->listeners[c->listener_count];
	const char *port = take_word(&value), *place = take_word(&value);

	if (c->listener_count == MQTT_LISTENERS_MAX) {
		complain(c, key, "more than %d", MQTT_LISTENERS_MAX);
		return;
	}
	*l = (struct mosquitto_listener){ 0 };
	if (!read_number(c, key, port, 65535, &l->port))
		return;
	if (l->port == 0 && !place) {
		complain(c, key, "a Unix socket without a path");
		return;
	}
	if (l->port == 0)
		l->path = place;
	else if (!place || (strcmp(place, "127.0.0.1") != 0 && strcmp(place, "localhost") != 0))
		complain(c, key,
		    "for programs of this machine alone: 127.0.0.1:%u; another address,"
		    " with allow_anonymous, password_file and acl_file, as cmqttd.conf(5) says",
		    l->port);
	c->listener_count++;
}

static void take_acl_file(struct mosquitto_conf *c, const char *key, char *value)
{
	(void)key;
	c->acl_file = value;
}

static void take_persistence(struct mosquitto_conf *c, const char *key, char *value)
{
	bool is_kept = true;

	if (read_bool(c, key, value, &is_kept) && !is_kept)
		complain(c, key, "what waits is always on disk: store.path");
}

/* ---- the table of keys ---- */

struct key {
	const char *name;
	bool is_of_bridge;
	void (*take)(struct mosquitto_conf *c, const char *key, char *value);
	const char *why_not; /* without take */
};

static const struct key keys[] = {
	{ "connection", false, take_connection, NULL },
	{ "address", true, take_address, NULL },
	{ "addresses", true, take_address, NULL },
	{ "topic", true, take_topic, NULL },
	{ "remote_clientid", true, take_client_id, NULL },
	{ "clientid", true, take_client_id, NULL },
	{ "remote_username", true, take_username, NULL },
	{ "username", true, take_username, NULL },
	{ "remote_password", true, take_password, NULL },
	{ "password", true, take_password, NULL },
	{ "cleansession", true, take_clean_session, NULL },
	{ "bridge_clean_session", true, take_clean_session, NULL },
	{ "keepalive_interval", true, take_keepalive, NULL },
	{ "restart_timeout", true, take_restart_timeout, NULL },
	{ "start_type", true, take_start_type, NULL },
	{ "bridge_protocol_version", true, take_protocol, NULL },
	{ "bridge_tls_version", true, take_tls_version, NULL },
	{ "bridge_cafile", true, take_cafile, NULL },
	{ "bridge_certfile", true, take_certfile, NULL },
	{ "bridge_keyfile", true, take_keyfile, NULL },
	{ "bridge_capath", true, take_capath, NULL },
	{ "bridge_tls_use_os_certs", true, take_os_certs, NULL },
	{ "bridge_insecure", true, take_insecure, NULL },
	{ "notifications", true, take_notifications, NULL },
	{ "notifications_local_only", true, take_notifications_local, NULL },
	{ "notification_topic", true, take_notification_topic, NULL },
	{ "try_private", true, take_try_private, NULL },
	{ "listener", false, take_listener, NULL },
	{ "acl_file", false, take_acl_file, NULL },
	{ "persistence", false, take_persistence, NULL },
	{ "bridge_psk", true, NULL, "the modem knows certificates only" },
	{ "bridge_identity", true, NULL, "the modem knows certificates only" },
	{ "bridge_alpn", true, NULL, "the modem cannot" },
	{ "bridge_ciphers", true, NULL, "the modem chooses" },
	{ "bridge_require_ocsp", true, NULL, "the modem cannot" },
	{ "bridge_bind_address", true, NULL, "the modem's only way is its radio" },
	{ "bridge_tcp_keepalive", true, NULL, "the modem has its own TCP; keepalive is MQTT's" },
	{ "bridge_tcp_user_timeout", true, NULL, "the modem has its own TCP" },
	{ "bridge_max_packet_size", true, NULL, "the modem takes payloads of 10240 bytes" },
	{ "bridge_max_topic_alias", true, NULL, "the modem speaks MQTT 3.1.1" },
	{ "bridge_receive_maximum", true, NULL, "the modem sends one message at a time" },
	{ "bridge_session_expiry_interval", true, NULL, "the modem speaks MQTT 3.1.1" },
	{ "bridge_outgoing_retain", true, NULL, "the retain flag goes with the message" },
	{ "bridge_attempt_unsubscribe", true, NULL,
	    "cmqttd unsubscribes from what a reload took away" },
	{ "bridge_reload_type", true, NULL, "a reload connects anew only what changed" },
	{ "idle_timeout", true, NULL, "a broker stays connected" },
	{ "threshold", true, NULL, "messages leave at once" },
	{ "round_robin", true, NULL, "a broker has one address" },
	{ "local_clientid", true, NULL, "routes are no clients" },
	{ "local_username", true, NULL, "routes are no clients" },
	{ "local_password", true, NULL, "routes are no clients" },
	{ "local_cleansession", true, NULL, "what waits for a broker is always kept" },
	{ "bridge_local_clean_session", true, NULL, "what waits for a broker is always kept" },
	{ "allow_anonymous", false, NULL,
	    "set listeners.allow_anonymous: true unless there are users" },
	{ "password_file", false, NULL,
	    "other hashes: write lines USER:HASH with \"openssl passwd -6\" for"
	    " listeners.password_file" },
	{ "port", false, NULL, "use listener" },
	{ "bind_address", false, NULL, "use listener" },
	{ "max_queued_messages", false, NULL, "the bound is in bytes: store.max_bytes" },
	{ "max_queued_bytes", false, NULL, "the bound is store.max_bytes" },
	{ "persistence_location", false, NULL, "see store.path" },
	{ "persistence_file", false, NULL, "see store.path" },
	{ "autosave_interval", false, NULL, "on disk before it is acknowledged: store.durability" },
	{ "log_dest", false, NULL, "the journal, or standard error" },
	{ "log_type", false, NULL, "see log.level" },
	{ "user", false, NULL, "the unit says it" },
	{ "pid_file", false, NULL, "the unit needs none" },
	{ "include_dir", false, NULL, "not read: import its files one by one" },
};

static const struct key *find_key(const char *name)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	}
	return NULL;
}

static void take_line(struct mosquitto_conf *c, char *line)
{
	char *value, *name = line + strspn(line, BLANKS);
	const struct key *key;

	if (*name == '\0' || *name == '#')
		return;
	value = name + strcspn(name, BLANKS);
	if (*value)
		*value++ = '\0';
	value += strspn(value, BLANKS);
	for (size_t len = strlen(value); len > 0 && strchr(BLANKS, value[len - 1]); len--)
		value[len - 1] = '\0';
	key = find_key(name);
	if (!key)
		complain(c, name, "cmqttd has nothing of the kind");
	else if (key->is_of_bridge && !c->is_in_bridge)
		complain(c, name, "no \"connection\" stands before it");
	else if (key->is_of_bridge && !c->bridge)
		return; /* of one that was left out */
	else if (!key->take)
		complain(c, name, "%s", key->why_not);
	else if (*value == '\0')
		complain(c, name, "its value is missing");
	else
		key->take(c, name, value);
}

void mosquitto_conf_read(struct mosquitto_conf *ret, char *text, const char *file, FILE *complaints)
{
	*ret = (struct mosquitto_conf){ .file = file, .complaints = complaints };
	while (*text) {
		char *line = text;

		text += strcspn(text, "\n");
		if (*text)
			*text++ = '\0';
		line[strcspn(line, "\r")] = '\0';
		ret->line++;
		take_line(ret, line);
	}
}
