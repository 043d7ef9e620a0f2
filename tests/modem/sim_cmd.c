/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of the control socket and of scripts. */
#define _GNU_SOURCE /* asprintf */
#include "sim.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { ARGS = 4, POWER_CYCLE_MS = 1000 };

/* A command gets its arguments split at blanks; rest is the text behind the first word. */
struct command {
	const char *name;
	int min, max; /* number of arguments; max -1: free text */
	char *(*run)(struct sim *s, int client, int argc, char **argv, char *rest);
	const char *usage;
};

static char *say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static char *say(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	return text;
}

static bool number(const char *s, long lo, long hi, long *ret)
{
	char *end;

	*ret = strtol(s, &end, 10);
	return end != s && !*end && *ret >= lo && *ret <= hi;
}

static int digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* Hex in place of itself. */
static bool unhex(char *s, size_t *ret_n)
{
	size_t n = 0;

	for (; s[2 * n]; n++) {
		int hi = digit(s[2 * n]), lo = hi < 0 ? -1 : digit(s[2 * n + 1]);

		if (lo < 0)
			return false;
		s[n] = (char)(hi << 4 | lo);
	}
	*ret_n = n;
	return true;
}

static const char *client_state(const struct sim *s, unsigned client)
{
	switch (fake_modem_client_state(s->m, client)) {
	case FAKE_CLIENT_FREE:
		return "free";
	case FAKE_CLIENT_ACQUIRED:
		return "acquired";
	case FAKE_CLIENT_CONNECTING:
		return "connecting";
	case FAKE_CLIENT_CONNECTED:
		return "connected";
	case FAKE_CLIENT_DISCONNECTING:
		return "disconnecting";
	}
	return "?";
}

static char *run_status(struct sim *s, int client, int argc, char **argv, char *rest)
{
	const struct fake_modem_stats *st = fake_modem_stats(s->m);

	(void)client, (void)argc, (void)argv, (void)rest;
	return say(
	    "ok up=%d hung=%d idle=%d port=%s service=%d client0=%s client1=%s commands=%llu "
	    "published=%llu received=%llu from_host=%llu to_host=%llu faults=%llu violations=%llu "
	    "notices=%llu",
	    fake_modem_is_up(s->m), fake_modem_is_hung(s->m), fake_modem_is_idle(s->m),
	    s->pty.fd < 0 ? "gone"
	    : s->pty.open ? "open"
			  : "closed",
	    fake_modem_service_up(s->m), client_state(s, 0), client_state(s, 1),
	    (unsigned long long)st->commands, (unsigned long long)st->published,
	    (unsigned long long)st->received, (unsigned long long)st->bytes_from_host,
	    (unsigned long long)st->bytes_to_host, (unsigned long long)st->faults,
	    (unsigned long long)st->violations, (unsigned long long)st->notices);
}

static char *run_power(struct sim *s, int client, int argc, char **argv, char *rest)
{
	(void)client, (void)argc, (void)rest;
	if (strcmp(argv[0], "on") != 0 && strcmp(argv[0], "off") != 0)
		return say("error on or off");
	fake_modem_power(s->m, s->now, strcmp(argv[0], "on") == 0);
	s->power_on_at = FAKE_NEVER;
	return say("ok");
}

static char *run_power_cycle(struct sim *s, int client, int argc, char **argv, char *rest)
{
	long ms = POWER_CYCLE_MS;

	(void)client, (void)rest;
	if (argc && !number(argv[0], 0, 86400000, &ms))
		return say("error milliseconds");
	fake_modem_power(s->m, s->now, false);
	s->power_on_at = s->now + (uint64_t)ms;
	return say("ok");
}

static char *run_reset(struct sim *s, int client, int argc, char **argv, char *rest)
{
	(void)client, (void)rest;
	fake_modem_reset(s->m, s->now, argc && strcmp(argv[0], "spoken") == 0);
	return say("ok");
}

static char *run_vanish(struct sim *s, int client, int argc, char **argv, char *rest)
{
	(void)client, (void)argc, (void)argv, (void)rest;
	s->hidden = true;
	sim_pty_vanish(&s->pty);
	return say("ok");
}

static char *run_appear(struct sim *s, int client, int argc, char **argv, char *rest)
{
	int rc = 0;

	(void)client, (void)argc, (void)argv, (void)rest;
	s->hidden = false;
	if (s->pty.fd < 0)
		rc = sim_pty_appear(&s->pty);
	return rc < 0 ? say("error %s", strerror(-rc)) : say("ok %s", s->pty.slave);
}

static char *run_urc(struct sim *s, int client, int argc, char **argv, char *rest)
{
	(void)client, (void)argc, (void)argv;
	fake_modem_urc(s->m, s->now, rest);
	return say("ok");
}

static char *run_noise(struct sim *s, int client, int argc, char **argv, char *rest)
{
	size_t n;

	(void)client, (void)argc, (void)rest;
	if (!unhex(argv[0], &n))
		return say("error hex");
	fake_modem_noise(s->m, s->now, (const uint8_t *)argv[0], n);
	return say("ok");
}

static char *run_connlost(struct sim *s, int client, int argc, char **argv, char *rest)
{
	long c, cause = 1;

	(void)client, (void)rest;
	if (!number(argv[0], 0, FAKE_CLIENTS - 1, &c) ||
	    (argc > 1 && !number(argv[1], 1, 3, &cause)))
		return say("error client or cause");
	if (fake_modem_client_state(s->m, (unsigned)c) != FAKE_CLIENT_CONNECTED)
		return say("error not connected");
	fake_modem_connlost(s->m, s->now, (unsigned)c, (int)cause);
	return say("ok");
}

static char *run_nonet(struct sim *s, int client, int argc, char **argv, char *rest)
{
	(void)client, (void)argc, (void)argv, (void)rest;
	fake_modem_nonet(s->m, s->now);
	return say("ok");
}

static char *run_ping_fail(struct sim *s, int client, int argc, char **argv, char *rest)
{
	long c, err = 17;

	(void)client, (void)rest;
	if (!number(argv[0], 0, FAKE_CLIENTS - 1, &c) ||
	    (argc > 1 && !number(argv[1], 0, 35, &err)))
		return say("error client or number");
	fake_modem_ping_fail(s->m, s->now, (unsigned)c, (int)err);
	return say("ok");
}

static char *run_register(struct sim *s, int client, int argc, char **argv, char *rest)
{
	long stat;

	(void)client, (void)argc, (void)rest;
	if (!number(argv[0], 0, 5, &stat))
		return say("error 0 to 5");
	fake_modem_set_registration(s->m, s->now, (int)stat);
	return say("ok");
}

static char *run_hang(struct sim *s, int client, int argc, char **argv, char *rest)
{
	(void)client, (void)argc, (void)argv, (void)rest;
	fake_modem_hang(s->m, s->now);
	return say("ok");
}

static char *run_fault(struct sim *s, int client, int argc, char **argv, char *rest)
{
	struct fake_fault f;

	(void)client, (void)argc, (void)argv;
	if (fake_fault_parse(rest, &f) < 0)
		return say("error MATCH[#NTH][*TIMES] KIND [ARG]");
	fake_modem_add_fault(s->m, &f);
	return say("ok");
}

static char *run_faults(struct sim *s, int client, int argc, char **argv, char *rest)
{
	(void)client, (void)argc, (void)rest;
	if (strcmp(argv[0], "clear") != 0)
		return say("error clear");
	fake_modem_clear_faults(s->m);
	return say("ok");
}

/* "ok COUNT LISTED", then LISTED lines. */
static char *list_reports(struct sim *s, enum fake_severity severity, unsigned long long count)
{
	size_t listed = 0;
	char *text, *more;

	for (size_t i = 0; i < s->reports_n; i++)
		listed += s->reports[i].severity == severity;
	text = say("ok %llu %zu", count, listed);
	for (size_t i = 0; i < s->reports_n; i++) {
		if (s->reports[i].severity != severity)
			continue;
		more = say("%s\n%llu %s", text, (unsigned long long)s->reports[i].at_ms,
		    s->reports[i].text);
		free(text);
		text = more;
	}
	return text;
}

static char *run_violations(struct sim *s, int client, int argc, char **argv, char *rest)
{
	(void)client, (void)argc, (void)argv, (void)rest;
	return list_reports(s, FAKE_VIOLATION, fake_modem_stats(s->m)->violations);
}

static char *run_notices(struct sim *s, int client, int argc, char **argv, char *rest)
{
	(void)client, (void)argc, (void)argv, (void)rest;
	return list_reports(s, FAKE_NOTICE, fake_modem_stats(s->m)->notices);
}

static char *run_inject(struct sim *s, int client, int argc, char **argv, char *rest)
{
	char *payload = argc > 2 ? argv[2] : argv[0] + strlen(argv[0]);
	long c;
	size_t n;

	(void)client, (void)rest;
	if (!number(argv[0], 0, FAKE_CLIENTS - 1, &c) || !unhex(payload, &n))
		return say("error client or hex");
	if (fake_modem_client_state(s->m, (unsigned)c) != FAKE_CLIENT_CONNECTED)
		return say("error not connected");
	fake_modem_up_message(s->m, s->now, (unsigned)c, (const uint8_t *)argv[1], strlen(argv[1]),
	    (const uint8_t *)payload, n);
	return say("ok");
}

static char *run_wait_idle(struct sim *s, int client, int argc, char **argv, char *rest)
{
	(void)argc, (void)argv, (void)rest;
	if (client < 0)
		return say("ok");
	s->waits_idle[client] = true;
	return NULL;
}

static char *run_quit(struct sim *s, int client, int argc, char **argv, char *rest)
{
	(void)client, (void)argc, (void)argv, (void)rest;
	s->quit = true;
	return say("ok");
}

static char *run_help(struct sim *s, int client, int argc, char **argv, char *rest);

static const struct command commands[] = {
	{ "status", 0, 0, run_status, "" },
	{ "power", 1, 1, run_power, " on|off" },
	{ "power-cycle", 0, 1, run_power_cycle, " [MS]" },
	{ "reset", 0, 1, run_reset, " [spoken]" },
	{ "vanish", 0, 0, run_vanish, "" },
	{ "appear", 0, 0, run_appear, "" },
	{ "urc", 1, -1, run_urc, " TEXT" },
	{ "noise", 1, 1, run_noise, " HEX" },
	{ "connlost", 1, 2, run_connlost, " CLIENT [CAUSE]" },
	{ "nonet", 0, 0, run_nonet, "" },
	{ "ping-fail", 1, 2, run_ping_fail, " CLIENT [ERR]" },
	{ "register", 1, 1, run_register, " STAT" },
	{ "hang", 0, 0, run_hang, "" },
	{ "fault", 1, -1, run_fault, " MATCH[#NTH][*TIMES] KIND [ARG]" },
	{ "faults", 1, 1, run_faults, " clear" },
	{ "violations", 0, 0, run_violations, "" },
	{ "notices", 0, 0, run_notices, "" },
	{ "inject", 2, 3, run_inject, " CLIENT TOPIC [PAYLOADHEX]" },
	{ "wait-idle", 0, 0, run_wait_idle, "" },
	{ "help", 0, 0, run_help, "" },
	{ "quit", 0, 0, run_quit, "" },
};

static char *run_help(struct sim *s, int client, int argc, char **argv, char *rest)
{
	char *text = say("ok"), *more;

	(void)s, (void)client, (void)argc, (void)argv, (void)rest;
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		more = say("%s%s%s%s", text, i ? "; " : " ", commands[i].name, commands[i].usage);
		free(text);
		text = more;
	}
	return text;
}

char *sim_command(void *sim, int client, char *line)
{
	struct sim *s = sim;
	char *rest = line + strcspn(line, " "), *argv[ARGS], *save = NULL, *split, *answer = NULL;
	int argc = 0;
	size_t name_len = (size_t)(rest - line);

	rest += strspn(rest, " ");
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		const struct command *c = &commands[i];

		if (strlen(c->name) != name_len || memcmp(c->name, line, name_len) != 0)
			continue;
		split = strdup(rest);
		if (!split)
			abort();
		for (char *w = strtok_r(split, " ", &save); w && argc < ARGS;
		     w = strtok_r(NULL, " ", &save))
			argv[argc++] = w;
		if (argc < c->min || (c->max >= 0 && argc > c->max))
			answer = say("error usage: %s%s", c->name, c->usage);
		else
			answer = c->run(s, client, argc, argv, rest);
		free(split);
		return answer;
	}
	return say("error unknown command, see help");
}

static void run_script(struct sim *s)
{
	while (s->script_at < s->script_n && s->script[s->script_at].at_ms <= s->now) {
		struct sim_script_line *l = &s->script[s->script_at++];
		char *answer;

		sim_log(s, '-', l->command);
		answer = sim_command(s, -1, l->command);
		if (answer)
			sim_log(s, '-', answer);
		free(answer);
		free(l->command);
		l->command = NULL;
	}
}

void sim_command_tick(struct sim *s)
{
	run_script(s);
	if (s->now >= s->power_on_at) {
		s->power_on_at = FAKE_NEVER;
		fake_modem_power(s->m, s->now, true);
	}
	for (int i = 0; i < SIM_CTL_CLIENTS; i++)
		if (s->waits_idle[i] && fake_modem_is_idle(s->m)) {
			s->waits_idle[i] = false;
			sim_ctl_answer(s->ctl, i, "ok");
		}
}

int sim_script_load(struct sim *s)
{
	char line[1024];
	FILE *f;

	if (!s->script_file)
		return 0;
	f = fopen(s->script_file, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof line, f) && s->script_n < SIM_SCRIPT_LINES) {
		struct sim_script_line *l = &s->script[s->script_n];
		char *end;

		line[strcspn(line, "\r\n")] = '\0';
		l->at_ms = strtoull(line, &end, 10);
		if (end == line || *end != ' ')
			continue; /* empty line or comment */
		l->command = strdup(end + strspn(end, " "));
		if (!l->command)
			abort();
		s->script_n++;
	}
	fclose(f);
	return 0;
}
