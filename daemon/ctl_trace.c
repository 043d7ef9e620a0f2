/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_trace.h"

#include "bridge/ctl_interface.h"
#include "ctl_client.h"
#include "ctl_commands.h"
#include "ctl_member.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REPLY_TIMEOUT_MS 10000
#define PAUSE_MIN_MS     2   /* a shorter one is none */
#define LATE_MS          500 /* the daemon may say its next line so much later when it is played */

/* ---- lines of a dialogue ---- */

/* "2026-05-01T08:15:30.250Z" */
static bool read_time_ms(const json_t *event, int64_t *ret)
{
	struct tm tm = { 0 };
	int ms;

	if (sscanf(member_text(event, "time", ""), "%4d-%2d-%2dT%2d:%2d:%2d.%3d", &tm.tm_year,
		&tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ms) != 7)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*ret = (int64_t)timegm(&tm) * 1000 + ms;
	return true;
}

static void write_pause(struct ctl_trace *t, const json_t *event, bool is_sent)
{
	int64_t now_ms, pause_ms;

	if (!read_time_ms(event, &now_ms))
		return;
	pause_ms = t->has_time ? now_ms - t->last_ms : 0;
	t->has_time = true;
	t->last_ms = now_ms;
	if (pause_ms < PAUSE_MIN_MS)
		return;
	if (is_sent)
		fprintf(t->out, "= 0..%lld\n", (long long)pause_ms + LATE_MS);
	else
		fprintf(t->out, "= %lld\n", (long long)pause_ms);
}

static void write_escaped(FILE *out, const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '\\')
			fputs("\\\\", out);
		else if (*c < 0x20 || *c > 0x7e)
			fprintf(out, "\\x%02x", *c);
		else
			fputc(*c, out);
	}
}

static void write_line(FILE *out, const char *text)
{
	write_escaped(out, text);
	fputc('\n', out);
}

/* "<12 bytes>": what is shown in place of a body. */
static bool is_length(const char *text, unsigned long *ret)
{
	char *rest;

	if (text[0] != '<')
		return false;
	*ret = strtoul(text + 1, &rest, 10);
	return rest != text + 1 && strcmp(rest, " bytes>") == 0;
}

/* "<12 CR>AT+CMEE?": bytes of a body that were owed, paid before a command. Returns the command. */
static const char *behind_padding(const char *text, unsigned long *ret)
{
	char *rest;

	if (text[0] != '<')
		return NULL;
	*ret = strtoul(text + 1, &rest, 10);
	return rest != text + 1 && strncmp(rest, " CR>", 4) == 0 ? rest + 4 : NULL;
}

static void write_sent(struct ctl_trace *t, const char *text)
{
	unsigned long count;
	const char *command = behind_padding(text, &count);

	if (command) {
		fprintf(t->out, "# %lu times CR before it, which end a body\n> ", count);
		write_line(t->out, command);
	} else if (is_length(text, &count)) {
		fprintf(t->out, ">> \\{%lu:.}\n", count);
	} else if (strcmp(text, "+++") == 0) {
		fputs(">> +++\n", t->out);
	} else if (strcmp(text, "<multiplexer close-down>") == 0) {
		fputs(">> \\xf9\\x03\\xef\\x05\\xc3\\x01\\xf2\\xf9\\r\n", t->out);
	} else {
		fputs("> ", t->out);
		write_line(t->out, text);
	}
}

/* Bytes that the line announces: they come with nothing around them. */
static size_t announced(const char *line)
{
	static const char *const heads[] = { "+CMQTTRXTOPIC:", "+CMQTTRXPAYLOAD:" };
	const char *comma = strchr(line, ',');

	for (size_t i = 0; comma && i < sizeof(heads) / sizeof(heads[0]); i++) {
		if (strncmp(line, heads[i], strlen(heads[i])) == 0)
			return strtoul(comma + 1, NULL, 10);
	}
	return 0;
}

static void write_received(struct ctl_trace *t, const char *text)
{
	unsigned long count;

	if (is_length(text, &count)) {
		bool is_data = t->data_left > 0 && count <= t->data_left;

		fprintf(t->out, "%s \\{%lu:.}\n", is_data ? "<<" : "<", count);
		t->data_left -= is_data ? count : 0;
		return;
	}
	t->data_left = announced(text);
	if (strcmp(text, ">") == 0) {
		fputs("<< \\r\\n>\n", t->out);
		return;
	}
	fputs("< ", t->out);
	write_line(t->out, text);
}

void ctl_trace_begin(struct ctl_trace *t, FILE *out, const json_t *status, const char *date)
{
	const json_t *modem = json_object_get(status, "modem");

	*t = (struct ctl_trace){ .out = out };
	fprintf(out, "# What passed on the port of a modem; secrets are ***, bodies are dots.\n");
	fprintf(out, "# source: cmqttctl trace, %s\n", date);
	fprintf(out, "# config: recorded\n");
	fprintf(out, "# cmqttd: ");
	write_line(out, member_text(status, "version", ""));
	fprintf(out, "# modem: ");
	write_escaped(out, member_text(modem, "model", ""));
	fputc(' ', out);
	write_line(out, member_text(modem, "revision", ""));
}

void ctl_trace_event(struct ctl_trace *t, const json_t *event)
{
	const char *text = member_text(event, "text", "");
	bool is_sent = json_is_true(json_object_get(event, "sent"));

	if (json_is_integer(json_object_get(event, "lost")))
		fprintf(t->out, "# %lld events are missing here\n",
		    (long long)json_integer_value(json_object_get(event, "lost")));
	if (strcmp(member_text(event, "event", ""), "at") != 0 || !text[0])
		return;
	write_pause(t, event, is_sent);
	if (is_sent)
		write_sent(t, text);
	else
		write_received(t, text);
}

/* ---- the command ---- */

static int complain(const char *what, int error)
{
	fprintf(stderr, "cmqttctl: %s: %s\n", what, strerror(-error));
	return 1;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The head of the file, from what the daemon says of itself. 0 or -errno. */
static int begin(const struct ctl_env *env, struct ctl_trace *t, FILE *out)
{
	struct varlink_answer answer = { 0 };
	char date[32] = "";
	time_t now = env->style.now;
	struct tm tm;
	json_t *msg;
	int r = ctl_client_ask(env->socket, CTL_INTERFACE ".GetStatus", REPLY_TIMEOUT_MS, &msg);

	if (r < 0)
		return r;
	if (gmtime_r(&now, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", &tm);
	if (varlink_parse_answer(msg, &answer) < 0)
		r = -EBADMSG;
	else
		ctl_trace_begin(t, out, answer.parameters, date);
	json_decref(msg);
	return r;
}

/* One event. 0; -EBADMSG: it is none. What was written is in the file, however we end. */
static int take(const struct ctl_env *env, struct ctl_trace *t, json_t *msg)
{
	struct varlink_answer answer;

	if (varlink_parse_answer(msg, &answer) < 0 || answer.error)
		return -EBADMSG;
	if (env->is_json) {
		json_dumpf(answer.parameters, t->out, JSON_COMPACT);
		fputc('\n', t->out);
	} else {
		ctl_trace_event(t, answer.parameters);
	}
	return fflush(t->out) == 0 ? 0 : -errno;
}

/* 0: the time is over. */
static int record(const struct ctl_env *env, struct ctl_trace *t, struct ctl_client *c)
{
	const char *seconds = ctl_usage_get(env->usage, "--seconds");
	int64_t end_ms = seconds ? now_ms() + strtol(seconds, NULL, 10) * 1000 : INT64_MAX;
	int r = ctl_client_call(c, CTL_INTERFACE ".Monitor", json_pack("{s:b}", "at", 1), true);

	while (r == 0) {
		int64_t left_ms = end_ms - now_ms();
		int timeout_ms = left_ms < INT32_MAX ? (int)left_ms : INT32_MAX;
		json_t *msg;

		if (left_ms <= 0)
			return 0;
		r = ctl_client_read(
		    c, seconds ? timeout_ms : CTL_CLIENT_FOREVER, fileno(t->out), &msg);
		if (r == -ETIMEDOUT)
			return 0;
		if (r == 0) {
			r = take(env, t, msg);
			json_decref(msg);
		}
	}
	return r;
}

static int trace_into(const struct ctl_env *env, FILE *out)
{
	struct ctl_trace t = { .out = out };
	struct ctl_client c;
	int r = env->is_json ? 0 : begin(env, &t, out);

	if (r == 0)
		r = fflush(out) == 0 ? 0 : -errno;
	if (r == 0)
		r = ctl_client_open(&c, env->socket);
	if (r < 0)
		return complain(env->socket, r);
	r = record(env, &t, &c);
	ctl_client_close(&c);
	return r < 0 ? complain("the trace ends here", r) : 0;
}

int ctl_trace_run(const struct ctl_env *env)
{
	const char *path = ctl_usage_get(env->usage, "-o");
	FILE *out = env->style.out;
	int status;

	if (path && strcmp(path, "-") != 0)
		out = fopen(path, "we");
	if (!out)
		return complain(path, -errno);
	status = trace_into(env, out);
	if (out != env->style.out && fclose(out) != 0)
		status = complain(path, -errno);
	return status;
}
