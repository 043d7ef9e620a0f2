/* SPDX-License-Identifier: Apache-2.0 */
#include "config_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 512

void config_report_init(struct config_report *r)
{
	*r = (struct config_report){ 0 };
	arena_init(&r->arena);
}

void config_report_fini(struct config_report *r)
{
	arena_fini(&r->arena);
	config_report_init(r);
}

static void add(
    struct config_report *r, bool is_warning, const struct config_place *place, const char *message)
{
	struct config_remark *remark;
	const char *file, *text;

	if (!is_warning)
		r->mistakes++;
	if (r->count == CONFIG_REPORT_MAX)
		return;
	/* The place's own name of the file dies with the configuration. */
	file = arena_copy(&r->arena, place->file, strlen(place->file));
	if (place->line > 0)
		text = arena_printf(&r->arena, "%s:%u: %s%s", place->file, place->line,
		    is_warning ? "warning: " : "", message);
	else
		text = arena_printf(
		    &r->arena, "%s: %s%s", place->file, is_warning ? "warning: " : "", message);
	if (!file || !text)
		return;
	remark = &r->remarks[r->count];
	*remark = (struct config_remark){ .file = file,
		.line = place->line,
		.number = (unsigned)r->count,
		.is_warning = is_warning,
		.text = text };
	r->count++;
}

void config_report_mistake(
    struct config_report *r, const struct config_place *place, const char *fmt, ...)
{
	char message[MESSAGE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	add(r, false, place, message);
}

void config_report_warning(
    struct config_report *r, const struct config_place *place, const char *fmt, ...)
{
	char message[MESSAGE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	add(r, true, place, message);
}

static int compare(const void *left, const void *right)
{
	const struct config_remark *a = left, *b = right;
	int files = strcmp(a->file, b->file);

	if (files != 0)
		return files;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

void config_report_sort(struct config_report *r)
{
	qsort(r->remarks, r->count, sizeof(r->remarks[0]), compare);
}

void config_report_summary(const struct config_report *r, char *text, size_t size)
{
	size_t used = 0;

	if (size == 0)
		return;
	text[0] = '\0';
	for (size_t i = 0; i < r->count; i++) {
		size_t len = strlen(r->remarks[i].text);

		if (r->remarks[i].is_warning)
			continue;
		if (used + len + 2 > size)
			break;
		if (used > 0)
			text[used++] = '\n';
		memcpy(text + used, r->remarks[i].text, len + 1);
		used += len;
	}
	if (used == 0 && r->mistakes > 0)
		snprintf(text, size, "%zu mistakes", r->mistakes);
}
