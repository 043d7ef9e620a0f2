/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A borrowed piece of memory, and comparing it. Bytes only: no encoding, nothing is copied.
 */
#ifndef CMQTTD_BASE_SPAN_H
#define CMQTTD_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Valid as long as its owner says. */
struct span {
	const uint8_t *data;
	size_t len;
};

/* The text without its NUL, borrowed. */
static inline struct span span_text(const char *text)
{
	return (struct span){ .data = (const uint8_t *)text, .len = strlen(text) };
}

/* The same bytes; an empty one may have no memory. */
static inline bool span_equal(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* It begins with this text. */
static inline bool span_begins_with(struct span s, const char *text)
{
	size_t len = strlen(text);

	return s.len >= len && (len == 0 || memcmp(s.data, text, len) == 0);
}

/* It is this text. */
static inline bool span_is(struct span s, const char *text)
{
	return s.len == strlen(text) && span_begins_with(s, text);
}

/* The same text; NULL is the same as NULL alone. */
static inline bool text_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

#endif
