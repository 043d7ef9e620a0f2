/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text in columns, and text that is safe to show: for cmqttctl.
 */
#ifndef CMQTTD_CTL_TABLE_H
#define CMQTTD_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define CTL_TABLE_COLUMNS_MAX 16

enum ctl_color { CTL_COLOR_NONE, CTL_COLOR_HEAD, CTL_COLOR_GOOD, CTL_COLOR_BUSY, CTL_COLOR_BAD };

struct ctl_cell {
	char *text;
	enum ctl_color color;
};

struct ctl_table {
	size_t columns;
	bool is_number[CTL_TABLE_COLUMNS_MAX]; /* set to the right */
	struct ctl_cell *cells;
	size_t count, cap;
	bool has_failed; /* memory was out */
};

/* columns: 1..CTL_TABLE_COLUMNS_MAX. Allocates nothing yet. */
void ctl_table_init(struct ctl_table *t, size_t columns);
void ctl_table_fini(struct ctl_table *t);

/* Fill the next cell, row by row. */
void ctl_table_add(struct ctl_table *t, enum ctl_color color, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Write all rows, columns aligned and two blanks apart. 0 or -ENOMEM: a cell is missing. */
int ctl_table_print(const struct ctl_table *t, FILE *out, bool is_colored);

/* Write text with control characters as \xNN, so that it cannot play with a terminal. */
void ctl_text_print(FILE *out, const char *text, size_t len);

/* Begin and end a colour; nothing for CTL_COLOR_NONE. */
const char *ctl_color_begin(enum ctl_color color);
const char *ctl_color_end(enum ctl_color color);

#endif
