/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST_BYTES 256

void buf_init(struct buf *b, size_t limit_bytes)
{
	*b = (struct buf){ .limit_bytes = limit_bytes };
}

void buf_fini(struct buf *b)
{
	free(b->mem);
	*b = (struct buf){ .limit_bytes = b->limit_bytes };
}

void buf_clear(struct buf *b)
{
	b->start = 0;
	b->end = 0;
}

static void move_to_front(struct buf *b)
{
	if (b->start == 0)
		return;
	memmove(b->mem, b->mem + b->start, buf_len(b));
	b->end -= b->start;
	b->start = 0;
}

static size_t grown_capacity(const struct buf *b, size_t needed)
{
	size_t cap = b->cap ? b->cap : BUF_FIRST_BYTES;

	while (cap < needed)
		cap *= 2;
	return cap < b->limit_bytes ? cap : b->limit_bytes;
}

int buf_reserve(struct buf *b, size_t len)
{
	size_t needed, cap;
	uint8_t *mem;

	if (len > buf_room(b))
		return -ENOBUFS;
	if (len <= b->cap - b->end)
		return 0;
	needed = buf_len(b) + len;
	/* Moving pays only when it frees at least half, otherwise a slow reader costs a move a
	 * read. */
	if (needed <= b->cap && b->start >= b->cap / 2) {
		move_to_front(b);
		return 0;
	}
	cap = grown_capacity(b, needed);
	if (cap > b->cap) {
		mem = realloc(b->mem, cap);
		if (!mem)
			return -ENOMEM;
		b->mem = mem;
		b->cap = cap;
	}
	if (len > b->cap - b->end)
		move_to_front(b);
	return 0;
}

int buf_extend(struct buf *b, size_t len, uint8_t **ret_bytes)
{
	int r = buf_reserve(b, len);

	if (r < 0)
		return r;
	*ret_bytes = b->mem + b->end;
	b->end += len;
	return 0;
}

int buf_append(struct buf *b, const void *data, size_t len)
{
	int r;

	if (len == 0)
		return 0;
	r = buf_reserve(b, len);
	if (r < 0)
		return r;
	memcpy(b->mem + b->end, data, len);
	b->end += len;
	return 0;
}

int buf_append_u8(struct buf *b, uint8_t byte)
{
	return buf_append(b, &byte, 1);
}

int buf_append_u16(struct buf *b, uint16_t value)
{
	uint8_t bytes[2] = { (uint8_t)(value >> 8), (uint8_t)value };

	return buf_append(b, bytes, sizeof(bytes));
}

int buf_append_u32(struct buf *b, uint32_t value)
{
	uint8_t bytes[4] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
		(uint8_t)value };

	return buf_append(b, bytes, sizeof(bytes));
}

int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n, r;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return -EINVAL;
	/* vsnprintf writes a NUL behind the text: it needs the room, but is not kept. */
	r = buf_reserve(b, (size_t)n + 1);
	if (r < 0)
		return r;
	vsnprintf((char *)b->mem + b->end, (size_t)n + 1, fmt, ap);
	b->end += (size_t)n;
	return 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_vprintf(b, fmt, ap);
	va_end(ap);
	return r;
}

void buf_consume(struct buf *b, size_t len)
{
	assert(len <= buf_len(b));
	b->start += len;
	if (b->start == b->end)
		buf_clear(b);
}

void cursor_init(struct cursor *c, const uint8_t *data, size_t len)
{
	*c = (struct cursor){ .pos = data, .left = len };
}

struct span cursor_span(struct cursor *c, size_t len)
{
	struct span s = { 0 };

	if (c->is_short || len > c->left) {
		c->is_short = true;
		return s;
	}
	s = (struct span){ .data = c->pos, .len = len };
	c->pos += len;
	c->left -= len;
	return s;
}

uint8_t cursor_u8(struct cursor *c)
{
	struct span s = cursor_span(c, 1);

	return s.data ? s.data[0] : 0;
}

uint16_t cursor_u16(struct cursor *c)
{
	struct span s = cursor_span(c, 2);

	return s.data ? (uint16_t)((unsigned)s.data[0] << 8 | s.data[1]) : (uint16_t)0;
}

uint32_t cursor_u32(struct cursor *c)
{
	struct span s = cursor_span(c, 4);

	if (!s.data)
		return 0;
	return (uint32_t)s.data[0] << 24 | (uint32_t)s.data[1] << 16 | (uint32_t)s.data[2] << 8 |
	       s.data[3];
}
