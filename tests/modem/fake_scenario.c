/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_scenario.h"

#include "fake_priv.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS = 16, BEFORE = 32, FAULTS = 32, TEXTS = 16, LINE = 256 };

struct event {
	char match[40]; /* "": by time alone */
	unsigned nth, seen;
	uint64_t after_ms;
	uint64_t due; /* FAKE_NEVER: not yet, or done */
	bool is_done;
	char command[LINE];
};

struct fake_scenario {
	char title[LINE];
	char texts[TEXTS][64]; /* values that the configuration borrows */
	size_t texts_n;
	char before[BEFORE][LINE];
	size_t before_n, before_at;
	struct fake_fault fault[FAULTS];
	size_t faults_n;
	struct event event[EVENTS];
	size_t events_n;
	unsigned chunk;
	bool is_busy;
};

/* ---- set ---- */

enum type { T_BOOL, T_NUMBER, T_INT, T_TEXT, T_ORDER, T_FAIL, T_STRAY, T_MODE };

static const char *const words[][5] = {
	[T_ORDER] = { "result-first", "ok-first", "ok-only" },
	[T_FAIL] = { "ok-result", "result-error", "error-result", "bare" },
	[T_STRAY] = { "none", "ok", "error" },
	[T_MODE] = { "command", "data", "ppp", "cmux" },
};

#define FIELD(name, type)                                          \
	{                                                          \
#name, type, offsetof(struct fake_modem_cfg, name) \
	}

static const struct {
	const char *name;
	enum type type;
	size_t at;
} fields[] = {
	FIELD(baud, T_NUMBER),
	FIELD(latency_ms, T_NUMBER),
	FIELD(latency_jitter_ms, T_NUMBER),
	FIELD(echo_data, T_BOOL),
	FIELD(mode, T_MODE),
	FIELD(quiet, T_BOOL),
	FIELD(numeric, T_BOOL),
	FIELD(uart_baud, T_NUMBER),
	FIELD(stop_reboots, T_BOOL),
	FIELD(connect_again_reboots, T_BOOL),
	FIELD(start_again_bare, T_BOOL),
	FIELD(warm, T_BOOL),
	FIELD(say_rdy, T_BOOL),
	FIELD(autobaud, T_BOOL),
	FIELD(boot_ms, T_NUMBER),
	FIELD(sim_ms, T_NUMBER),
	FIELD(sms_done_ms, T_NUMBER),
	FIELD(pb_done_ms, T_NUMBER),
	FIELD(register_ms, T_NUMBER),
	FIELD(register_stat, T_INT),
	FIELD(tied_to, T_TEXT),
	FIELD(radio_off, T_BOOL),
	FIELD(sim_present, T_BOOL),
	FIELD(sim_stuck, T_BOOL),
	FIELD(sim_busy_code, T_INT),
	FIELD(pin, T_TEXT),
	FIELD(clock_set, T_BOOL),
	FIELD(nitz, T_BOOL),
	FIELD(netopen_error, T_BOOL),
	FIELD(start_order, T_ORDER),
	FIELD(stop_order, T_ORDER),
	FIELD(disc_order, T_ORDER),
	FIELD(start_fail, T_FAIL),
	FIELD(connect_fail, T_FAIL),
	FIELD(stray, T_STRAY),
	FIELD(closed_says_9, T_BOOL),
	FIELD(rel_free_says_20, T_BOOL),
	FIELD(nonet_stops, T_BOOL),
	FIELD(rx_chunk, T_NUMBER),
	FIELD(rx_gap_ms, T_NUMBER),
	FIELD(rx_interleave, T_BOOL),
	FIELD(certdown_existing_fails, T_BOOL),
	FIELD(missing_file_refused_early, T_BOOL),
};

static bool take_number(const char *text, unsigned long *ret)
{
	char *end;

	*ret = strtoul(text, &end, 10);
	return isdigit((unsigned char)*text) && !*end && *ret <= UINT32_MAX;
}

static bool set_word(enum type type, const char *value, void *at)
{
	for (unsigned i = 0; i < 5 && words[type][i]; i++) {
		if (strcmp(words[type][i], value) != 0)
			continue;
		memcpy(at, &i, sizeof i);
		return true;
	}
	return false;
}

static bool set_text(struct fake_scenario *s, const char *value, const char **at)
{
	if (s->texts_n == TEXTS || strlen(value) >= sizeof s->texts[0])
		return false;
	snprintf(s->texts[s->texts_n], sizeof s->texts[0], "%s", value);
	*at = s->texts[s->texts_n++];
	return true;
}

static bool set_field(struct fake_scenario *s, size_t i, const char *value, void *at)
{
	unsigned long n = 0;

	switch (fields[i].type) {
	case T_BOOL:
	case T_NUMBER:
	case T_INT:
		if (!take_number(value, &n))
			return false;
		if (fields[i].type == T_BOOL)
			*(bool *)at = n != 0;
		else if (fields[i].type == T_INT)
			*(int *)at = (int)n;
		else
			*(uint32_t *)at = (uint32_t)n;
		return true;
	case T_TEXT:
		return set_text(s, value, at);
	case T_ORDER:
	case T_FAIL:
	case T_STRAY:
	case T_MODE:
		break;
	}
	return set_word(fields[i].type, value, at);
}

static const char *take_set(struct fake_scenario *s, char *rest, struct fake_modem_cfg *cfg)
{
	char *end = rest + strcspn(rest, " ");
	const char *value = *end ? end + 1 : "1";
	unsigned long n;

	*end = '\0';
	if (strcmp(rest, "model") == 0)
		return fake_modem_cfg_model(cfg, value) ? NULL : "no such model";
	if (strcmp(rest, "slow") == 0)
		return NULL; /* for those who choose what to play */
	if (strcmp(rest, "chunk") == 0) {
		if (!take_number(value, &n))
			return "a number";
		s->chunk = (unsigned)n;
		return NULL;
	}
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		if (strcmp(fields[i].name, rest) == 0)
			return set_field(s, i, value, (char *)cfg + fields[i].at)
				   ? NULL
				   : "this is no value for it";
	return "nothing of that name can be set";
}

/* ---- the other lines ---- */

static const char *take_event(struct fake_scenario *s, char *rest, bool is_timed)
{
	struct event *e = &s->event[s->events_n];
	char word[LINE];
	unsigned long n = 1;
	int used = 0;
	char *hash;

	if (s->events_n == EVENTS)
		return "too many of these";
	if (sscanf(rest, "%255s %n", word, &used) < 1 || !rest[used])
		return "a command is missing";
	*e = (struct event){ .nth = 1, .due = FAKE_NEVER };
	rest += used;
	if (is_timed) {
		if (!take_number(word, &n))
			return "milliseconds";
		e->due = n;
	} else {
		hash = strchr(word, '#');
		if (hash && !take_number(hash + 1, &n))
			return "a number behind #";
		if (hash)
			*hash = '\0';
		e->nth = (unsigned)n;
		if (strlen(word) >= sizeof e->match)
			return "too long";
		memcpy(e->match, word, strlen(word) + 1);
		if (sscanf(rest, "after %lu %n", &n, &used) == 1) {
			e->after_ms = n;
			rest += used;
		}
	}
	snprintf(e->command, sizeof e->command, "%s", rest);
	s->events_n++;
	return NULL;
}

static const char *take_line(struct fake_scenario *s, char *line, struct fake_modem_cfg *cfg)
{
	char *rest = line + strcspn(line, " ");

	if (*line == '#' && !s->title[0])
		snprintf(s->title, sizeof s->title, "%s", line + strspn(line, "# "));
	if (*line == '#' || !*line)
		return NULL;
	if (*rest)
		*rest++ = '\0';
	if (strcmp(line, "set") == 0)
		return take_set(s, rest, cfg);
	if (strcmp(line, "at") == 0 || strcmp(line, "on") == 0)
		return take_event(s, rest, line[0] == 'a');
	if (strcmp(line, "before") == 0) {
		if (s->before_n == BEFORE)
			return "too many of these";
		snprintf(s->before[s->before_n++], sizeof s->before[0], "%s", rest);
		return NULL;
	}
	if (strcmp(line, "fault") != 0)
		return "set, before, fault, at or on";
	if (s->faults_n == FAULTS)
		return "too many of these";
	return fake_fault_parse(rest, &s->fault[s->faults_n++]) == 0 ? NULL : "no rule of a fault";
}

struct fake_scenario *fake_scenario_read(
    const char *path, struct fake_modem_cfg *cfg, char *ret_why, size_t size)
{
	struct fake_scenario *s = fm_alloc(sizeof *s);
	char line[LINE];
	unsigned number = 0;
	const char *why = NULL;
	FILE *f = fopen(path, "re");

	if (!f) {
		snprintf(ret_why, size, "%s", strerror(errno));
		free(s);
		return NULL;
	}
	while (!why && fgets(line, sizeof line, f)) {
		number++;
		line[strcspn(line, "\r\n")] = '\0';
		why = take_line(s, line, cfg);
	}
	fclose(f);
	if (!why)
		return s;
	snprintf(ret_why, size, "%u: %s", number, why);
	free(s);
	return NULL;
}

void fake_scenario_free(struct fake_scenario *s)
{
	free(s);
}

const char *fake_scenario_title(const struct fake_scenario *s)
{
	return s->title;
}

unsigned fake_scenario_chunk(const struct fake_scenario *s)
{
	return s->chunk;
}

/* ---- what happens ---- */

static void add_faults(struct fake_scenario *s, struct fake_modem *m)
{
	for (size_t i = 0; i < s->faults_n; i++)
		fake_modem_add_fault(m, &s->fault[i]);
}

void fake_scenario_start(struct fake_scenario *s, struct fake_modem *m)
{
	if (s->before_n == 0)
		add_faults(s, m);
}

bool fake_scenario_is_ready(const struct fake_scenario *s)
{
	return s->before_at == s->before_n && !s->is_busy;
}

static bool begins_with(const char *command, const char *match)
{
	for (; *match; match++, command++)
		if (toupper((unsigned char)*command) != toupper((unsigned char)*match))
			return false;
	return true;
}

void fake_scenario_command(struct fake_scenario *s, uint64_t now, const char *command)
{
	if (!fake_scenario_is_ready(s))
		return;
	for (size_t i = 0; i < s->events_n; i++) {
		struct event *e = &s->event[i];

		if (e->match[0] && begins_with(command, e->match) && ++e->seen == e->nth)
			e->due = now + e->after_ms;
	}
}

/* The host before speaks: a line each time the modem has done with the last one. */
static void speak(struct fake_scenario *s, struct fake_modem *m, uint64_t now)
{
	char line[LINE + 1];

	if (!fake_modem_is_up(m) || !fake_modem_is_idle(m))
		return;
	s->is_busy = s->before_at < s->before_n;
	if (!s->is_busy) {
		fake_modem_host_restarted(m);
		add_faults(s, m);
		return;
	}
	snprintf(line, sizeof line, "%s\r", s->before[s->before_at++]);
	fake_modem_rx(m, now, (const uint8_t *)line, strlen(line));
}

void fake_scenario_tick(struct fake_scenario *s, struct fake_modem *m, uint64_t now,
    void (*run)(void *ctx, char *command), void *ctx)
{
	if (!fake_scenario_is_ready(s)) {
		speak(s, m, now);
		return;
	}
	for (size_t i = 0; i < s->events_n; i++) {
		struct event *e = &s->event[i];
		char command[LINE];

		if (now < e->due)
			continue;
		e->due = FAKE_NEVER;
		e->is_done = true;
		memcpy(command, e->command, sizeof command);
		run(ctx, command);
	}
}

uint64_t fake_scenario_deadline(const struct fake_scenario *s)
{
	uint64_t due = FAKE_NEVER;

	for (size_t i = 0; i < s->events_n; i++)
		due = s->event[i].due < due ? s->event[i].due : due;
	return due;
}

size_t fake_scenario_left(const struct fake_scenario *s, const struct fake_modem *m)
{
	uint64_t acted = fake_modem_stats(m)->faults;
	size_t left = acted < s->faults_n ? s->faults_n - (size_t)acted : 0;

	for (size_t i = 0; i < s->events_n; i++)
		left += !s->event[i].is_done;
	return left;
}
