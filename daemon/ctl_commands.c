/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_commands.h"

#include "base/base64.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "base/words.h"
#include "ctl_completion.h"
#include "ctl_doctor.h"
#include "ctl_import.h"
#include "ctl_screen.h"
#include "ctl_trace.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

const char ctl_global_usage[] = "[-S PATH] [--json] [-h] [--help] [-V] [--version]";

/* ---- parameters ---- */

/* One text parameter from one argument. */
static int text_parameter(
    const struct ctl_usage *u, const char *from, const char *name, json_t **ret)
{
	*ret = json_pack("{s:s*}", name, ctl_usage_get(u, from));
	return *ret ? 0 : -1;
}

static int name_parameter(const struct ctl_usage *u, json_t **ret, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	return text_parameter(u, "NAME", "name", ret);
}

static int level_parameter(const struct ctl_usage *u, json_t **ret, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	return text_parameter(u, "LEVEL", "level", ret);
}

static int command_parameter(const struct ctl_usage *u, json_t **ret, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	return text_parameter(u, "AT-COMMAND", "command", ret);
}

static int filter_parameter(const struct ctl_usage *u, json_t **ret, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	return text_parameter(u, "-t", "filter", ret);
}

static int monitor_parameters(const struct ctl_usage *u, json_t **ret, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	*ret = json_pack("{s:b}", "at", ctl_usage_get(u, "--at") != NULL);
	return *ret ? 0 : -1;
}

static int reload_parameters(const struct ctl_usage *u, json_t **ret, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	*ret = ctl_usage_get(u, "--dry-run") ? json_pack("{s:b}", "dry_run", 1) : json_object();
	return *ret ? 0 : -1;
}

static int topic_parameter(const struct ctl_usage *u, json_t **ret, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	return text_parameter(u, "TOPIC", "topic", ret);
}

static int broker_parameter(const struct ctl_usage *u, json_t **ret, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	return text_parameter(u, "-b", "broker", ret);
}

static int message_parameters(const struct ctl_usage *u, json_t **ret, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	*ret = json_pack("{s:I, s:s*}", "id", (json_int_t)strtoll(ctl_usage_get(u, "ID"), NULL, 10),
	    "broker", ctl_usage_get(u, "-b"));
	return *ret ? 0 : -1;
}

/* Read a whole file of at most `room` bytes. 0 and its length, or -errno; -EFBIG: it has more. */
static int read_stream(FILE *in, uint8_t *ret, size_t room, size_t *ret_len)
{
	size_t len = fread(ret, 1, room, in);

	if (ferror(in))
		return errno ? -errno : -EIO;
	if (len == room && fgetc(in) != EOF)
		return -EFBIG;
	*ret_len = len;
	return 0;
}

static int read_file(const char *path, uint8_t *ret, size_t room, size_t *ret_len)
{
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
	int r;

	if (!in)
		return -errno;
	r = read_stream(in, ret, room, ret_len);
	if (in != stdin)
		fclose(in);
	return r;
}

/* Bytes as a parameter that any bytes fit into. NULL: no memory. */
static json_t *coded_payload(const uint8_t *data, size_t len)
{
	char *text = malloc(BASE64_ENCODED_LEN(len) + 1);
	json_t *payload = NULL;

	if (text) {
		base64_encode(data, len, text);
		payload = json_string(text);
	}
	free(text);
	return payload;
}

static json_t *file_payload(const char *path, char *why, size_t why_size)
{
	uint8_t *data = malloc(MQTT_PACKET_MAX);
	json_t *payload = NULL;
	size_t len = 0;
	int r = data ? read_file(path, data, MQTT_PACKET_MAX, &len) : -ENOMEM;

	if (r == 0)
		payload = coded_payload(data, len);
	else
		snprintf(why, why_size, "cannot take the payload from %s: %s",
		    strcmp(path, "-") == 0 ? "standard input" : path, strerror(-r));
	free(data);
	return payload;
}

/* -m, -f or -s. */
static int set_payload(const struct ctl_usage *u, json_t *parameters, char *why, size_t why_size)
{
	const char *text = ctl_usage_get(u, "-m"), *path = ctl_usage_get(u, "-f");
	const uint8_t *bytes = (const uint8_t *)text;

	if (!text)
		return json_object_set_new(
		    parameters, "payload_base64", file_payload(path ? path : "-", why, why_size));
	if (utf8_is_mqtt_string(bytes, strlen(text)))
		return json_object_set_new(parameters, "payload", json_string(text));
	return json_object_set_new(
	    parameters, "payload_base64", coded_payload(bytes, strlen(text)));
}

static int publish_parameters(const struct ctl_usage *u, json_t **ret, char *why, size_t why_size)
{
	const char *qos = ctl_usage_get(u, "-q");
	/* clang-format off */
	json_t *parameters = json_pack("{s:s, s:i, s:b, s:b, s:s*}",
	    "topic", ctl_usage_get(u, "-t"),
	    "qos", qos ? qos[0] - '0' : 0,
	    "retain", ctl_usage_get(u, "-r") != NULL,
	    "wait", ctl_usage_get(u, "--wait") != NULL,
	    "broker", ctl_usage_get(u, "-b"));
	/* clang-format on */

	if (set_payload(u, parameters, why, why_size) < 0) {
		json_decref(parameters);
		return -1;
	}
	*ret = parameters;
	return 0;
}

/* ---- the table ---- */

/* clang-format off */
const struct ctl_command ctl_commands[] = {
	{ .name = "status", .usage = "", .method = "GetStatus",
	  .summary = "Modem, brokers, listeners and store",
	  .print = ctl_print_status },
	{ .name = "top", .usage = "[--once]", .run = ctl_screen_run,
	  .summary = "Modem, brokers with their rates, store and last changes, live",
	  .more = "On a terminal; q quits.\n"
		  "\n"
		  "  --once  print one screen\n" },
	{ .name = "brokers", .usage = "", .method = "ListBrokers",
	  .summary = "One row a broker",
	  .more = "QUEUED messages wait for the broker, SENT it has confirmed. DROPPED ones were\n"
		  "lost either way, DEAD ones were refused for good and are kept.\n",
	  .print = ctl_print_brokers },
	{ .name = "connect", .usage = "NAME", .method = "Connect",
	  .summary = "Connect a broker now, also after \"disconnect\"",
	  .parameters = name_parameter },
	{ .name = "disconnect", .usage = "NAME", .method = "Disconnect",
	  .summary = "Disconnect a broker until \"connect\" or a restart",
	  .parameters = name_parameter },
	{ .name = "reconnect", .usage = "NAME", .method = "Reconnect",
	  .summary = "Disconnect a broker and connect it again",
	  .parameters = name_parameter },
	{ .name = "publish",
	  .usage = "-t TOPIC (-m TEXT | -f FILE | -s) [-b NAME] [-q QOS] [-r] [--wait]",
	  .method = "Publish", .is_patient = true,
	  .summary = "Publish a message into the bridge",
	  .more = "It goes to local clients, and to the brokers that routes lead to.\n"
		  "\n"
		  "  -m, -f, -s  the payload is this text, a file, or standard input\n"
		  "  -b          to this broker alone, under the topic as it is\n"
		  "  -q          quality of service, otherwise 0\n"
		  "  -r          retained\n"
		  "  --wait      return when every broker that is to get it has it\n",
	  .parameters = publish_parameters },
	{ .name = "subscribe", .usage = "-t FILTER [-C COUNT]", .method = "Subscribe",
	  .is_stream = true, .is_patient = true,
	  .summary = "Messages as they arrive: topic, blank, payload",
	  .more = "Local topics, from local clients and from brokers.\n"
		  "\n"
		  "  -C  end after so many messages\n",
	  .parameters = filter_parameter, .print = ctl_print_message },
	{ .name = "monitor", .usage = "[--at]", .method = "Monitor",
	  .is_stream = true, .is_patient = true,
	  .summary = "Everything that happens: states, messages without payload, errors",
	  .more = "  --at  the modem's tty as well, secrets masked\n",
	  .parameters = monitor_parameters, .print = ctl_print_event },
	{ .name = "trace", .usage = "[-o FILE] [--seconds SECONDS]", .run = ctl_trace_run,
	  .summary = "The modem's tty as a file that can be replayed, secrets masked",
	  .more = "Until it is interrupted. \"sim7600 --play FILE\" answers as this modem did.\n"
		  "\n"
		  "  -o         into this file, otherwise to standard output\n"
		  "  --seconds  for so long\n" },
	{ .name = "queue list", .usage = "[-b NAME]", .method = "ListMessages",
	  .is_stream = true, .pages = "messages",
	  .summary = "What waits for the brokers, and the dead letters",
	  .more = "Topics are the brokers' names for them. \"queue\" alone is the same.\n"
		  "\n"
		  "  -b  of this broker alone\n",
	  .parameters = broker_parameter, .print = ctl_print_queue },
	{ .name = "queue show", .usage = "ID [-b NAME]", .method = "GetMessage",
	  .summary = "One of them, with its payload",
	  .more = "  -b  the broker, where a message waits for two\n",
	  .parameters = message_parameters, .print = ctl_print_queued },
	{ .name = "queue drop", .usage = "ID [-b NAME]", .method = "DropMessage",
	  .is_patient = true,
	  .summary = "Give one of them up, unless it is in flight",
	  .more = "  -b  the broker, where a message waits for two\n",
	  .parameters = message_parameters },
	{ .name = "queue retry", .usage = "ID [-b NAME]", .method = "RetryMessage",
	  .is_patient = true,
	  .summary = "Put a dead letter back into its old place in the queue",
	  .more = "  -b  the broker, where a message is a dead letter of two\n",
	  .parameters = message_parameters },
	{ .name = "route", .usage = "TOPIC", .method = "RouteTopic",
	  .summary = "Where a local topic would go, by which route, and why not",
	  .parameters = topic_parameter, .print = ctl_print_routes },
	{ .name = "doctor", .usage = "[-c FILE]", .run = ctl_doctor_run,
	  .summary = "Why the bridge does not work, and what to do",
	  .more = "From the port over SIM, network and APN to brokers and store; without a daemon,\n"
		  "what can be seen without it. Exit status 0 if nothing failed.\n"
		  "\n"
		  "  -c  the daemon's configuration, if it is not the usual one\n" },
	{ .name = "at", .usage = "AT-COMMAND", .method = "At", .is_patient = true,
	  .summary = "One AT command between the daemon's own, and its answer",
	  .parameters = command_parameter, .print = ctl_print_at },
	{ .name = "history", .usage = "[NAME]", .method = "History",
	  .summary = "Changes of state, and how long outages were",
	  .more = "Of one broker, of the modem (NAME \"modem\"), or of all.\n",
	  .parameters = name_parameter, .print = ctl_print_history },
	{ .name = "reload", .usage = "[--dry-run]", .method = "Reload", .is_patient = true,
	  .summary = "Read the configuration again: all of it is applied, or none",
	  .more = "Says whom it concerned.\n"
		  "\n"
		  "  --dry-run  only say whom it would concern, and what is wrong\n",
	  .parameters = reload_parameters, .print = ctl_print_reload },
	{ .name = "metrics", .usage = "", .method = "GetMetrics",
	  .summary = "All metrics, in the text format of Prometheus",
	  .print = ctl_print_metrics },
	{ .name = "log-level", .usage = "LEVEL", .method = "SetLogLevel",
	  .summary = "Log more or less, until the next reload or restart",
	  .parameters = level_parameter },
	{ .name = "version", .usage = "", .method = "GetVersion",
	  .summary = "Version of the daemon; \"cmqttctl --version\" tells its own",
	  .print = ctl_print_version },
	{ .name = "import", .usage = "FILE", .run = ctl_import_run,
	  .summary = "A configuration of mosquitto with bridges, as one of cmqttd",
	  .more = "It goes to standard output; to standard error each line that does not map, and\n"
		  "why. Then name the SIM's access point in it, and try it: cmqttd -t -c FILE\n" },
	{ .name = "completion", .usage = "SHELL", .run = ctl_completion_run,
	  .summary = "What bash or zsh needs to complete these commands",
	  .more = "It is installed where they look for it.\n" },
	{ .name = "help", .usage = "[COMMAND]",
	  .summary = "This, or more on one command" },
	{ 0 }
};
/* clang-format on */

const struct ctl_command *ctl_command_find(const char *name)
{
	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		if (strcmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}

/* The same first word. */
static bool is_akin(const char *name, const char *other)
{
	size_t len = strcspn(name, " ");

	return strncmp(name, other, len) == 0 && (other[len] == ' ' || other[len] == '\0');
}

const struct ctl_command *ctl_command_take(const char *first, const char *second, int *ret_words)
{
	bool has_second = second && second[0] != '-';

	*ret_words = 1;
	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		const char *blank = strchr(c->name, ' ');

		if (strcspn(c->name, " ") != strlen(first) || !is_akin(c->name, first))
			continue;
		*ret_words = blank && has_second ? 2 : 1;
		if (*ret_words == 1 || strcmp(blank + 1, second) == 0)
			return c;
	}
	return NULL;
}

/* How far a word is from a command's name; the beginning of a name is next to it. */
static size_t distance(const char *word, const char *name)
{
	if (word[0] && strncmp(word, name, strlen(word)) == 0)
		return 1;
	return words_distance(word, name);
}

const struct ctl_command *ctl_command_nearest(const char *name)
{
	const struct ctl_command *nearest = ctl_commands;

	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		if (distance(name, c->name) < distance(name, nearest->name))
			nearest = c;
	}
	return nearest;
}

void ctl_commands_help(FILE *out)
{
	fprintf(out, "Usage: cmqttctl [-S PATH] [--json] COMMAND ...\n\n");
	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		fprintf(out, "  %s%s%s\n", c->name, c->usage[0] ? " " : "", c->usage);
		fprintf(out, "      %s\n", c->summary);
	}
	fprintf(out,
	    "\n"
	    "  -S PATH    the daemon's control socket; otherwise $CMQTTD_SOCKET, or the usual one\n"
	    "  --json     print the daemon's answer as it is\n"
	    "  --help     this, or more on the command\n"
	    "  --version  version of cmqttctl\n"
	    "\n"
	    "Exit status: 0 done, 1 refused or failed, 64 wrong usage, 69 no daemon.\n");
}

static void help_on(FILE *out, const struct ctl_command *command)
{
	struct ctl_usage u = { 0 };

	fprintf(out, "Usage: cmqttctl [-S PATH] [--json] %s%s%s\n\n%s.\n", command->name,
	    command->usage[0] ? " " : "", command->usage, command->summary);
	if (command->more)
		fprintf(out, "\n%s", command->more);
	ctl_usage_add(&u, command->usage);
	for (size_t i = 0; i < u.count; i++) {
		if (!u.items[i].hole)
			continue;
		fprintf(out, "%s  %-10s  %s\n", i == 0 ? "\n" : "", u.items[i].hole->name,
		    u.items[i].hole->what);
	}
}

void ctl_command_help(FILE *out, const struct ctl_command *command)
{
	bool is_first = true;

	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		if (!is_akin(command->name, c->name))
			continue;
		if (!is_first)
			fputs("\n\n", out);
		help_on(out, c);
		is_first = false;
	}
}
