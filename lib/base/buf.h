/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growable byte buffer with a hard limit, and a reading cursor.
 *
 * The buffer is a queue of bytes: appended at the end, consumed at the front. It never grows beyond
 * its limit; an append that does not fit changes nothing. The cursor reads a borrowed span and
 * remembers when it was asked for more than there was.
 */
#ifndef CMQTTD_BASE_BUF_H
#define CMQTTD_BASE_BUF_H

#include "base/span.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *mem;
	size_t start;
	size_t end;
	size_t cap;
	size_t limit_bytes;
};

/* Empty buffer that may hold up to limit_bytes. Allocates nothing yet. */
void buf_init(struct buf *b, size_t limit_bytes);

/* Free the memory; the buffer may be used again after buf_init. */
void buf_fini(struct buf *b);

/* Forget the contents, keep the memory. */
void buf_clear(struct buf *b);

/* Bytes held. */
static inline size_t buf_len(const struct buf *b)
{
	return b->end - b->start;
}

/* First byte held; valid until the next append or fini. May be NULL when empty. */
static inline const uint8_t *buf_data(const struct buf *b)
{
	return b->mem ? b->mem + b->start : NULL;
}

/* Bytes that may still be appended. */
static inline size_t buf_room(const struct buf *b)
{
	return b->limit_bytes - buf_len(b);
}

/* Make room for len more bytes. 0, -ENOBUFS (limit) or -ENOMEM; nothing changes on failure. */
int buf_reserve(struct buf *b, size_t len);

/* Append len bytes, whose values the caller then sets at *ret_bytes. 0, -ENOBUFS (limit) or
 * -ENOMEM; nothing changes on failure. */
int buf_extend(struct buf *b, size_t len, uint8_t **ret_bytes);

/* Append a copy of len bytes. 0, -ENOBUFS (limit) or -ENOMEM; nothing changes on failure. */
int buf_append(struct buf *b, const void *data, size_t len);

/* Append one byte. Errors as buf_append. */
int buf_append_u8(struct buf *b, uint8_t byte);

/* Append a 16-bit number, most significant byte first. Errors as buf_append. */
int buf_append_u16(struct buf *b, uint16_t value);

/* Append a 32-bit number, most significant byte first. Errors as buf_append. */
int buf_append_u32(struct buf *b, uint32_t value);

/* Append formatted text, without a closing NUL. Errors as buf_append. */
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* Drop len bytes from the front; len must not exceed buf_len. */
void buf_consume(struct buf *b, size_t len);

/* Reading cursor over a borrowed span. Once a read asked for too much, is_short stays set and all
 * further reads give zero: check it once at the end. */
struct cursor {
	const uint8_t *pos;
	size_t left;
	bool is_short;
};

/* Begin at data; the bytes are borrowed for as long as the cursor is used. */
void cursor_init(struct cursor *c, const uint8_t *data, size_t len);

/* The next byte; 0 if there is none. */
uint8_t cursor_u8(struct cursor *c);

/* The next two bytes as a number, most significant first; 0 if there are fewer. */
uint16_t cursor_u16(struct cursor *c);

/* The next four bytes as a number, most significant first; 0 if there are fewer. */
uint32_t cursor_u32(struct cursor *c);

/* The next len bytes, borrowed from the cursor's own span; an empty span if there are fewer. */
struct span cursor_span(struct cursor *c, size_t len);

#endif
