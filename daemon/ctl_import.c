/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_import.h"

#include "ctl_commands.h"
#include "ctl_table.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX        1048576
#define BROKER_NAME_MAX 32 /* of a broker */
#define MQTTS_PORT      8883
#define DEFAULT_MIN     5 /* of restart_timeout, mosquitto.conf(5) */
#define DEFAULT_CAP     30

/* ---- libconfig ---- */

/* As it stands between quotes: control characters are written as for a terminal. */
static void write_escaped(FILE *out, const char *text, size_t len)
{
	while (len > 0) {
		size_t plain = 0;

		while (plain < len && text[plain] != '"' && text[plain] != '\\')
			plain++;
		ctl_text_print(out, text, plain);
		if (plain < len)
			fprintf(out, "\\%c", text[plain++]);
		text += plain;
		len -= plain;
	}
}

static void write_text(FILE *out, const char *text, size_t len)
{
	fputc('"', out);
	write_escaped(out, text, len);
	fputc('"', out);
}

/* Nothing if there is none. */
static void write_key(FILE *out, const char *indent, const char *key, const char *text)
{
	if (!text)
		return;
	fprintf(out, "%s%s = ", indent, key);
	write_text(out, text, strlen(text));
	fputs(";\n", out);
}

static const char *word_of(bool value)
{
	return value ? "true" : "false";
}

/* ---- a broker ---- */

/* A connection may have any name, a broker small letters, digits, _ and -. */
static void write_name(FILE *out, struct mosquitto_conf *conf, const struct mosquitto_bridge *b)
{
	char name[BROKER_NAME_MAX + 1];
	size_t len = 0;

	for (; b->name[len] && len < BROKER_NAME_MAX; len++) {
		int c = tolower((unsigned char)b->name[len]);

		name[len] = (char)(isalnum(c) || c == '_' ? c : '-');
	}
	name[len] = '\0';
	if (strcmp(name, b->name) != 0)
		mosquitto_conf_complain(
		    conf, b->line, "connection", "\"%s\" is called \"%s\"", b->name, name);
	write_key(out, "    ", "name", name);
	if (!b->client_id)
		mosquitto_conf_complain(conf, b->line, "connection",
		    "without remote_clientid: client_id is \"%s\", not HOSTNAME.%s", name, b->name);
	write_key(out, "    ", "client_id", b->client_id ? b->client_id : name);
}

static void write_address(FILE *out, const struct mosquitto_bridge *b)
{
	fprintf(out, "    address = \"%s://", b->is_tls ? "mqtts" : "mqtt");
	write_escaped(out, b->host, strlen(b->host));
	fprintf(out, ":%u\";\n", b->port);
}

static void write_tls(FILE *out, struct mosquitto_conf *conf, const struct mosquitto_bridge *b)
{
	if (!b->is_tls) {
		if (b->port == MQTTS_PORT)
			mosquitto_conf_complain(conf, b->line, "connection",
			    "port %u without bridge_cafile: no TLS", b->port);
		return;
	}
	fputs("    tls: {\n", out);
	write_key(out, "      ", "ca", b->cafile ? b->cafile : "ca.pem");
	write_key(out, "      ", "cert", b->certfile);
	write_key(out, "      ", "key", b->keyfile);
	fputs("    };\n", out);
}

/* What mosquitto tells of a bridge: at the broker, birth and last will. */
static void write_notifications(
    FILE *out, struct mosquitto_conf *conf, const struct mosquitto_bridge *b)
{
	if (!b->notifies || b->is_notified_locally)
		return;
	if (!b->notification_topic) {
		mosquitto_conf_complain(conf, b->line, "notifications",
		    "for local clients alone, $SYS/broker/connection/NAME/state; for the broker set"
		    " will and birth to a topic that it lets you write");
		return;
	}
	fputs("    will: { topic = ", out);
	write_text(out, b->notification_topic, strlen(b->notification_topic));
	fputs("; payload = \"0\"; qos = 1; };\n    birth: { topic = ", out);
	write_text(out, b->notification_topic, strlen(b->notification_topic));
	fputs("; payload = \"1\"; qos = 1; retain = true; };\n", out);
	mosquitto_conf_complain(conf, b->line, "notification_topic",
	    "the \"0\" is not retained: the modem's last will cannot be");
}

static void write_topics(FILE *out, struct mosquitto_conf *conf, const struct mosquitto_bridge *b)
{
	bool is_in = false;

	fputs("    topics: (", out);
	for (size_t i = 0; i < b->topic_count; i++) {
		const struct mosquitto_topic *t = &b->topics[i];

		fprintf(out, "%s\n      { pattern = ", i > 0 ? "," : "");
		write_text(out, t->pattern, strlen(t->pattern));
		fprintf(
		    out, "; direction = \"%s\"; qos = %d; local_prefix = ", t->direction, t->qos);
		write_text(out, t->local_prefix, t->local_len);
		fputs("; remote_prefix = ", out);
		write_text(out, t->remote_prefix, t->remote_len);
		fputs("; }", out);
		is_in = is_in || strcmp(t->direction, "out") != 0;
	}
	fputs("\n    );\n", out);
	if (is_in)
		mosquitto_conf_complain(conf, b->line, "topic",
		    "what comes in is never retained, for the modem does not tell: retain = true"
		    " keeps the last message of a route");
	if (b->topic_count == 0)
		mosquitto_conf_complain(conf, b->line, "connection", "has no topics");
}

static void write_broker(FILE *out, struct mosquitto_conf *conf, const struct mosquitto_bridge *b)
{
	unsigned min_s = b->restart_min_s ? b->restart_min_s : DEFAULT_MIN;
	unsigned max_s = b->restart_max_s ? b->restart_max_s : DEFAULT_CAP;

	fputs("  {\n", out);
	write_name(out, conf, b);
	write_address(out, b);
	write_key(out, "    ", "username", b->username);
	if (b->username)
		write_key(out, "    ", "password", b->password);
	else if (b->password)
		mosquitto_conf_complain(
		    conf, b->line, "remote_password", "left out: there is no remote_username");
	if (b->username && b->password)
		fputs("    # Better in a file that only root can read: password_file.\n", out);
	fprintf(out, "    keepalive = %u;\n", b->keepalive_s);
	fprintf(out, "    clean_session = %s;\n", word_of(b->clean_session));
	fprintf(out, "    reconnect: { min = %u.0; max = %u.0; };\n", min_s, max_s);
	write_tls(out, conf, b);
	write_notifications(out, conf, b);
	write_topics(out, conf, b);
	fputs("  }", out);
}

/* ---- the file ---- */

static void write_listeners(FILE *out, const struct mosquitto_conf *conf)
{
	static const struct mosquitto_listener usual = { .port = 1883 };
	size_t count = conf->listener_count > 0 ? conf->listener_count : 1;

	fputs("\nlisteners: (", out);
	for (size_t i = 0; i < count; i++) {
		const struct mosquitto_listener *l =
		    conf->listener_count > 0 ? &conf->listeners[i] : &usual;

		fprintf(out, "%s\n  { address = \"", i > 0 ? "," : "");
		if (l->port == 0) {
			fputs("unix:", out);
			write_escaped(out, l->path, strlen(l->path));
		} else {
			fprintf(out, "127.0.0.1:%u", l->port);
		}
		fputs("\";", out);
		if (conf->acl_file) {
			fputs(" acl_file = ", out);
			write_text(out, conf->acl_file, strlen(conf->acl_file));
			fputc(';', out);
		}
		fputs(" }", out);
	}
	fputs("\n);\n", out);
}

void ctl_import_write(FILE *out, struct mosquitto_conf *conf)
{
	bool is_first = true;

	fputs("# Made by \"cmqttctl import\" from ", out);
	ctl_text_print(out, conf->file, strlen(conf->file));
	fputs(". Name the SIM's access point, and try it:\n"
	      "# cmqttd -t -c FILE\n"
	      "modem: {\n"
	      "  device = \"/dev/cmqttd-modem\";\n"
	      "  # apn = \"internet\";\n"
	      "};\n\n"
	      "brokers: (\n",
	    out);
	for (size_t i = 0; i < conf->bridge_count; i++) {
		const struct mosquitto_bridge *b = &conf->bridges[i];

		if (!b->host) {
			mosquitto_conf_complain(
			    conf, b->line, "connection", "has no address: left out");
			continue;
		}
		fputs(is_first ? "" : ",\n", out);
		write_broker(out, conf, b);
		is_first = false;
	}
	fputs("\n);\n", out);
	write_listeners(out, conf);
}

/* The whole file, ended by NUL, to be freed. NULL: *ret_error. */
static char *read_whole(const char *path, int *ret_error)
{
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char *text = calloc(1, FILE_MAX + 1);
	size_t len = 0;

	*ret_error = 0;
	if (!in)
		*ret_error = errno;
	else if (!text)
		*ret_error = ENOMEM;
	else if ((len = fread(text, 1, FILE_MAX, in)) == FILE_MAX)
		*ret_error = EFBIG;
	else if (ferror(in))
		*ret_error = errno ? errno : EIO;
	else if (memchr(text, '\0', len))
		*ret_error = EINVAL;
	if (in && in != stdin)
		fclose(in);
	if (*ret_error == 0)
		return text;
	free(text);
	return NULL;
}

static int complain(const char *path, const char *what)
{
	fputs("cmqttctl: ", stderr);
	ctl_text_print(stderr, path, strlen(path));
	fprintf(stderr, ": %s\n", what);
	return 1;
}

int ctl_import_run(const struct ctl_env *env)
{
	const char *path = ctl_usage_get(env->usage, "FILE");
	struct mosquitto_conf conf;
	int error, status = 0;
	char *text = read_whole(path, &error);

	if (!text)
		return complain(path, strerror(error));
	mosquitto_conf_read(&conf, text, strcmp(path, "-") == 0 ? "standard input" : path, stderr);
	if (conf.bridge_count == 0) {
		status = complain(path, "there is no bridge in it (\"connection\")");
	} else {
		ctl_import_write(env->style.out, &conf);
	}
	free(text);
	return status;
}
