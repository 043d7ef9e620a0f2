/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_table.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define GAP "  "

void ctl_table_init(struct ctl_table *t, size_t columns)
{
	assert(columns > 0 && columns <= CTL_TABLE_COLUMNS_MAX);
	*t = (struct ctl_table){ .columns = columns };
}

void ctl_table_fini(struct ctl_table *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->cells[i].text);
	free(t->cells);
	ctl_table_init(t, t->columns);
}

/* Room for one more cell. */
static bool grow(struct ctl_table *t)
{
	size_t cap = t->cap ? t->cap * 2 : 32;
	struct ctl_cell *cells;

	if (t->count < t->cap)
		return true;
	cells = realloc(t->cells, cap * sizeof(*cells));
	if (!cells)
		return false;
	t->cells = cells;
	t->cap = cap;
	return true;
}

/* A new string. NULL: no memory. */
static char *format(const char *fmt, va_list ap)
{
	va_list again;
	char *text;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, ap);
	text = len < 0 ? NULL : malloc((size_t)len + 1);
	if (text)
		vsnprintf(text, (size_t)len + 1, fmt, again);
	va_end(again);
	return text;
}

void ctl_table_add(struct ctl_table *t, enum ctl_color color, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = format(fmt, ap);
	va_end(ap);
	if (text && grow(t)) {
		t->cells[t->count++] = (struct ctl_cell){ text, color };
	} else {
		free(text);
		t->has_failed = true;
	}
}

const char *ctl_color_begin(enum ctl_color color)
{
	switch (color) {
	case CTL_COLOR_NONE:
		return "";
	case CTL_COLOR_HEAD:
		return "\033[1m";
	case CTL_COLOR_GOOD:
		return "\033[32m";
	case CTL_COLOR_BUSY:
		return "\033[33m";
	case CTL_COLOR_BAD:
		return "\033[31m";
	}
	return "";
}

const char *ctl_color_end(enum ctl_color color)
{
	return color == CTL_COLOR_NONE ? "" : "\033[0m";
}

/* Length of the control character at the beginning: C0, DEL, or C1 in UTF-8; 0: none. */
static size_t control_len(const uint8_t *text, size_t len)
{
	if (text[0] < 0x20 || text[0] == 0x7f)
		return 1;
	return len > 1 && text[0] == 0xc2 && text[1] >= 0x80 && text[1] < 0xa0 ? 2 : 0;
}

void ctl_text_print(FILE *out, const char *text, size_t len)
{
	const uint8_t *byte = (const uint8_t *)text;

	for (size_t i = 0; i < len; i++) {
		size_t n = control_len(byte + i, len - i);

		if (n == 0)
			fputc(byte[i], out);
		for (size_t k = 0; k < n; k++)
			fprintf(out, "\\x%02x", byte[i + k]);
		i += n > 1;
	}
}

/* Places that the text takes as ctl_text_print writes it; one a character is near enough. */
static size_t width_of(const char *text)
{
	const uint8_t *byte = (const uint8_t *)text;
	size_t len = strlen(text), width = 0;

	for (size_t i = 0; i < len; i++) {
		size_t n = control_len(byte + i, len - i);

		width += n > 0 ? 4 * n : (byte[i] & 0xc0) != 0x80;
		i += n > 1;
	}
	return width;
}

static size_t column_width(const struct ctl_table *t, size_t column)
{
	size_t widest = 0;

	for (size_t i = column; i < t->count; i += t->columns) {
		size_t width = width_of(t->cells[i].text);

		if (width > widest)
			widest = width;
	}
	return widest;
}

static void print_cell(
    const struct ctl_cell *cell, size_t pad_left, size_t pad_right, FILE *out, bool is_colored)
{
	enum ctl_color color = is_colored ? cell->color : CTL_COLOR_NONE;

	fprintf(out, "%*s%s", (int)pad_left, "", ctl_color_begin(color));
	ctl_text_print(out, cell->text, strlen(cell->text));
	fprintf(out, "%s%*s", ctl_color_end(color), (int)pad_right, "");
}

int ctl_table_print(const struct ctl_table *t, FILE *out, bool is_colored)
{
	size_t widths[CTL_TABLE_COLUMNS_MAX];

	if (t->has_failed)
		return -ENOMEM;
	for (size_t i = 0; i < t->columns; i++)
		widths[i] = column_width(t, i);
	for (size_t i = 0; i < t->count; i++) {
		size_t column = i % t->columns;
		bool is_last = column + 1 == t->columns;
		size_t pad = widths[column] - width_of(t->cells[i].text);

		if (t->is_number[column])
			print_cell(&t->cells[i], pad, 0, out, is_colored);
		else
			print_cell(&t->cells[i], 0, is_last ? 0 : pad, out, is_colored);
		fputs(is_last ? "\n" : GAP, out);
	}
	return 0;
}
