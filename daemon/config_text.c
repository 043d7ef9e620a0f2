/* SPDX-License-Identifier: Apache-2.0 */
#include "config_text.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct scan {
	const char *at;
	struct config_place place;
	struct config_report *report;
};

static void skip_to(struct scan *s, const char *end)
{
	for (; s->at < end; s->at++)
		s->place.line += *s->at == '\n';
}

/* The end of the comment that begins at `at`, or `at` if none does. */
static const char *comment_end(const char *at)
{
	const char *end = NULL;

	if (at[0] == '#' || (at[0] == '/' && at[1] == '/'))
		end = strchr(at, '\n');
	else if (at[0] == '/' && at[1] == '*')
		end = strstr(at + 2, "*/");
	else
		return at;
	return end ? end : at + strlen(at);
}

/* A text in quotes, from its first quote to behind its last. */
static void scan_quoted(struct scan *s)
{
	skip_to(s, s->at + 1);
	while (*s->at && *s->at != '"') {
		if (strncasecmp(s->at, "\\x00", 4) == 0)
			config_report_mistake(s->report, &s->place,
			    "\\x00 in a text: a NUL cannot be sent to the modem");
		skip_to(s, s->at + (s->at[0] == '\\' && s->at[1] ? 2 : 1));
	}
	skip_to(s, s->at + (*s->at == '"'));
}

/* A name or number, from its first to behind its last character. */
static void scan_word(struct scan *s)
{
	unsigned long long number;
	char *end;

	errno = 0;
	number = strtoull(s->at, &end, 10);
	if (isdigit((unsigned char)*s->at) && (number > INT32_MAX || errno == ERANGE) &&
	    (!*end || !strchr("Ll.eE", *end)))
		config_report_mistake(
		    s->report, &s->place, "a number above 2147483647 needs an L behind it");
	while (isalnum((unsigned char)*s->at) || (*s->at && strchr("_-*.", *s->at)))
		s->at++;
}

void config_text_check(struct config_report *report, const char *file, struct span text)
{
	struct scan s = { .at = (const char *)text.data,
		.place = { .file = file, .line = 1 },
		.report = report };

	if (strlen(s.at) < text.len) {
		config_report_mistake(report, &s.place, "the file has a NUL byte in it");
		return;
	}
	while (*s.at) {
		const char *end = comment_end(s.at);

		if (end > s.at)
			skip_to(&s, end);
		else if (*s.at == '"')
			scan_quoted(&s);
		else if (isalnum((unsigned char)*s.at))
			scan_word(&s);
		else
			skip_to(&s, s.at + 1);
	}
}
