/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets as readable text, for the tables of the MQTT tests.
 *
 *   0a ff      bytes in hexadecimal, blanks do not matter
 *   'abc'      these characters
 *   s'abc'     the same behind a 16-bit length
 *   'a'*300    repeated; s'a'*300 has the length 300
 *   { ... }    a remaining length, then what is between the braces
 */
#ifndef CMQTTD_TESTS_MQTT_NOTATION_H
#define CMQTTD_TESTS_MQTT_NOTATION_H

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTATION_MAX 600000

struct notation {
	const char *text;
	uint8_t *out;
	size_t len;
};

static inline void notation_fail(const struct notation *n)
{
	fprintf(stderr, "test table: cannot read \"%s\"\n", n->text);
	abort();
}

static inline void notation_put(struct notation *n, const void *data, size_t len)
{
	if (len > NOTATION_MAX - n->len)
		notation_fail(n);
	if (len > 0)
		memcpy(n->out + n->len, data, len);
	n->len += len;
}

/* From the opening quote on; returns what is behind it. */
static inline const char *notation_quoted(struct notation *n, const char *p, int has_length)
{
	const char *end = strchr(p + 1, '\'');
	size_t len, times = 1;
	uint8_t prefix[2];

	if (!end)
		notation_fail(n);
	len = (size_t)(end - p - 1);
	if (end[1] == '*') {
		char *rest;

		times = strtoul(end + 2, &rest, 10);
		end = rest - 1;
	}
	prefix[0] = (uint8_t)(len * times >> 8);
	prefix[1] = (uint8_t)(len * times);
	if (has_length)
		notation_put(n, prefix, 2);
	for (size_t i = 0; i < times; i++)
		notation_put(n, p + 1, len);
	return end + 1;
}

/* Put the remaining length in front of what was written since start. */
static inline void notation_close(struct notation *n, size_t start)
{
	size_t len = n->len - start, rest = len, count = 0;
	uint8_t bytes[4];

	do {
		bytes[count] = rest & 0x7f;
		rest >>= 7;
		bytes[count] |= rest ? 0x80 : 0;
		count++;
	} while (rest);
	notation_put(n, bytes, count);
	memmove(n->out + start + count, n->out + start, len);
	memcpy(n->out + start, bytes, count);
}

/* Translate into out, which has room for NOTATION_MAX bytes; returns how many there are. */
static inline size_t notation_read(const char *text, uint8_t *out)
{
	struct notation n = { .text = text, .out = out };
	size_t start = 0;
	const char *p = text;

	while (*p) {
		if (*p == ' ') {
			p++;
		} else if (*p == '{') {
			start = n.len;
			p++;
		} else if (*p == '}') {
			notation_close(&n, start);
			p++;
		} else if (*p == '\'') {
			p = notation_quoted(&n, p, 0);
		} else if (*p == 's' && p[1] == '\'') {
			p = notation_quoted(&n, p + 1, 1);
		} else if (isxdigit((unsigned char)p[0]) && isxdigit((unsigned char)p[1])) {
			const char digits[3] = { p[0], p[1], '\0' };
			uint8_t byte = (uint8_t)strtoul(digits, NULL, 16);

			notation_put(&n, &byte, 1);
			p += 2;
		} else {
			notation_fail(&n);
		}
	}
	return n.len;
}

#endif
