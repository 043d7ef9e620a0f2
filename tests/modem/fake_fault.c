/* SPDX-License-Identifier: Apache-2.0 */
/* Fault rules: their text form, and which one acts. */
#include "fake_priv.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

enum arg { ARG_NONE, ARG_MS, ARG_NUMBER, ARG_TEXT };

static const struct {
	const char *name;
	enum fake_fault_kind kind;
	enum arg arg;
} kinds[] = {
	{ "no-answer", FAKE_FAULT_NO_ANSWER, ARG_NONE },
	{ "answer-lost", FAKE_FAULT_ANSWER_LOST, ARG_NONE },
	{ "final-lost", FAKE_FAULT_FINAL_LOST, ARG_NONE },
	{ "result-lost", FAKE_FAULT_RESULT_LOST, ARG_NONE },
	{ "late", FAKE_FAULT_LATE, ARG_MS },
	{ "result-late", FAKE_FAULT_RESULT_LATE, ARG_MS },
	{ "result-dup", FAKE_FAULT_RESULT_DUP, ARG_NONE },
	{ "result-err", FAKE_FAULT_RESULT_ERR, ARG_NUMBER },
	{ "error-result", FAKE_FAULT_ERROR_RESULT, ARG_NUMBER },
	{ "error", FAKE_FAULT_ERROR, ARG_NONE },
	{ "err", FAKE_FAULT_ERR, ARG_NUMBER },
	{ "busy", FAKE_FAULT_BUSY, ARG_NONE },
	{ "cme", FAKE_FAULT_CME, ARG_NUMBER },
	{ "garbage", FAKE_FAULT_GARBAGE, ARG_NUMBER },
	{ "urc", FAKE_FAULT_URC, ARG_TEXT },
	{ "drop-line", FAKE_FAULT_LINE_DROP, ARG_NUMBER },
	{ "dup-line", FAKE_FAULT_LINE_DUP, ARG_NUMBER },
	{ "lose-cmd-byte", FAKE_FAULT_CMD_BYTE, ARG_NUMBER },
	{ "prompt-lost", FAKE_FAULT_PROMPT_LOST, ARG_NONE },
	{ "prompt-late", FAKE_FAULT_PROMPT_LATE, ARG_MS },
	{ "lose-body-byte", FAKE_FAULT_BODY_BYTE, ARG_NUMBER },
	{ "reset", FAKE_FAULT_RESET, ARG_NONE },
	{ "reset-in-body", FAKE_FAULT_RESET_IN_BODY, ARG_NUMBER },
	{ "hang", FAKE_FAULT_HANG, ARG_NONE },
	{ "hang-after", FAKE_FAULT_HANG_AFTER, ARG_NONE },
};

static int parse_number(const char *s, long max, long *ret)
{
	char *end;
	long v;

	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	errno = 0;
	v = strtol(s, &end, 10);
	if (errno || *end || v > max)
		return -EINVAL;
	*ret = v;
	return 0;
}

/* MATCH[#NTH][*TIMES], cut up in place. */
static int parse_match(char *s, struct fake_fault *f)
{
	size_t n = strlen(s);
	char *at;
	long v;

	f->nth = f->times = 1;
	at = strrchr(s, '*');
	if (at && at != s) {
		if (parse_number(at + 1, 1000000, &v) < 0)
			return -EINVAL;
		f->times = (unsigned)v;
		*at = '\0';
	}
	at = strrchr(s, '#');
	if (at) {
		if (parse_number(at + 1, 1000000, &v) < 0)
			return -EINVAL;
		f->nth = (unsigned)v;
		*at = '\0';
	}
	for (size_t i = 0; i < n; i++)
		s[i] = (char)toupper((unsigned char)s[i]);
	if (strcmp(s, "*") == 0)
		s++;
	else if (strncmp(s, "AT", 2) == 0)
		s += 2;
	if (strlen(s) >= sizeof f->match)
		return -EINVAL;
	memcpy(f->match, s, strlen(s) + 1);
	return 0;
}

static int parse_arg(const char *s, enum arg arg, struct fake_fault *f)
{
	long v;

	switch (arg) {
	case ARG_NONE:
		return *s ? -EINVAL : 0;
	case ARG_TEXT:
		if (!*s || strlen(s) >= sizeof f->text)
			return -EINVAL;
		snprintf(f->text, sizeof f->text, "%s", s);
		return 0;
	case ARG_MS:
	case ARG_NUMBER:
		if (parse_number(s, 86400000, &v) < 0)
			return -EINVAL;
		if (arg == ARG_MS)
			f->ms = (uint32_t)v;
		else
			f->number = (int)v;
		return 0;
	}
	return -EINVAL;
}

int fake_fault_parse(const char *text, struct fake_fault *ret_fault)
{
	char match[64], kind[32];
	struct fake_fault f = { .kind = FAKE_FAULT_NONE };
	int used = 0;

	if (sscanf(text, " %63s %31s %n", match, kind, &used) < 2)
		return -EINVAL;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (strcmp(kinds[i].name, kind) != 0)
			continue;
		f.kind = kinds[i].kind;
		if (parse_match(match, &f) < 0 || parse_arg(text + used, kinds[i].arg, &f) < 0)
			return -EINVAL;
		*ret_fault = f;
		return 0;
	}
	return -EINVAL;
}

void fake_modem_add_fault(struct fake_modem *m, const struct fake_fault *fault)
{
	struct fm_rule *r = fm_alloc(sizeof *r), **p = &m->rules;

	r->f = *fault;
	while (*p)
		p = &(*p)->next;
	*p = r;
}

void fake_modem_clear_faults(struct fake_modem *m)
{
	while (m->rules) {
		struct fm_rule *r = m->rules;

		m->rules = r->next;
		free(r);
	}
}

static bool matches(const char *command, const char *match)
{
	for (; *match; match++, command++)
		if (toupper((unsigned char)*command) != *match)
			return false;
	return true;
}

/* line: as sent, with AT. */
bool fm_fault_draw(struct fake_modem *m, const char *line, struct fake_fault *ret)
{
	const char *command = strncmp(line, "AT", 2) && strncmp(line, "at", 2) ? line : line + 2;
	struct fm_rule *hit = NULL;

	for (struct fm_rule *r = m->rules; r; r = r->next) {
		if (!matches(command, r->f.match))
			continue;
		r->seen++;
		if (hit || r->seen < r->f.nth || (r->f.times && r->acted >= r->f.times))
			continue;
		r->acted++;
		hit = r;
	}
	if (hit) {
		*ret = hit->f;
		return true;
	}
	return m->cfg.draw_fault && m->cfg.draw_fault(m->cfg.ctx, command, ret) &&
	       ret->kind != FAKE_FAULT_NONE;
}
