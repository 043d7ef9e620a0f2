/* SPDX-License-Identifier: Apache-2.0 */
/* The format is that of https://www.sqlite.org/fileformat2.html, sections 1.6 and 2.1. */
#include "store_walk.h"

#include "base/limits.h"

#include <errno.h>
#include <string.h>

/* A row has one packet, and what it is called here may be longer than in there. */
#define PAYLOAD_MAX (2 * (size_t)MQTT_PACKET_MAX)

enum { INDEX_INNER = 0x02, INDEX_LEAF = 0x0a, TABLE_LEAF = 0x0d };

/* What more of a row than this is on other pages, of which this is kept at least. */
#define TABLE_LOCAL_MAX (STORE_PAGE_BYTES - 35)
#define INDEX_LOCAL_MAX ((STORE_PAGE_BYTES - 12) * 64 / 255 - 23)
#define LOCAL_MIN       ((STORE_PAGE_BYTES - 12) * 32 / 255 - 23)

/* Their places begin behind a head of 8 or 12 bytes. */
#define CELLS_MAX      ((STORE_PAGE_BYTES - 12) / 2)
#define OVERFLOW_BYTES (STORE_PAGE_BYTES - 4)

void store_walk_init(struct store_walk *w, struct store_pages *pages)
{
	*w = (struct store_walk){ .pages = pages };
	buf_init(&w->payload, PAYLOAD_MAX);
}

void store_walk_fini(struct store_walk *w)
{
	buf_fini(&w->payload);
}

static uint64_t varint(struct cursor *c)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 8; i++) {
		uint8_t byte = cursor_u8(c);

		value = value << 7 | (byte & 0x7f);
		if (byte < 0x80)
			return value;
	}
	return value << 8 | cursor_u8(c);
}

/* ---- pages ---- */

static void begin_page(struct store_walk *w)
{
	const uint8_t *page = store_pages_read(w->pages, ++w->number);

	w->cell = w->cells = 0;
	/* Page 1 has a head before its own, and the schema, which is known. */
	if (!page || w->number == 1 ||
	    (page[0] != INDEX_INNER && page[0] != INDEX_LEAF && page[0] != TABLE_LEAF))
		return;
	memcpy(w->page, page, sizeof(w->page));
	w->cells = store_pages_u16(page + 3);
	if (w->cells > CELLS_MAX)
		w->cells = CELLS_MAX;
}

/* ---- rows ---- */

/* How much of a row is on its page. */
static size_t local_bytes(uint64_t total, size_t max)
{
	uint64_t local = LOCAL_MIN + (total - LOCAL_MIN) % OVERFLOW_BYTES;

	if (total <= max)
		return (size_t)total;
	return local <= max ? (size_t)local : LOCAL_MIN;
}

/* Append what is on other pages. 0, -EBADMSG, -ENOBUFS, -ENOMEM. */
static int read_overflow(struct store_walk *w, uint64_t total)
{
	uint32_t number = cursor_u32(&w->cursor);
	const uint8_t *page;
	size_t left;
	int r = 0;

	while (r == 0 && (left = (size_t)total - buf_len(&w->payload)) > 0) {
		page = store_pages_read(w->pages, number);
		if (!page)
			return -EBADMSG;
		number = store_pages_u32(page);
		r = buf_append(
		    &w->payload, page + 4, left < OVERFLOW_BYTES ? left : OVERFLOW_BYTES);
	}
	return r;
}

/* Read a cell: fills payload. Errors as read_overflow. */
static int read_cell(struct store_walk *w)
{
	bool is_table = w->page[0] == TABLE_LEAF, is_inner = w->page[0] == INDEX_INNER;
	size_t at = (is_inner ? 12 : 8) + 2 * (size_t)w->cell++;
	struct cursor *c = &w->cursor;
	struct span local;
	uint64_t total;
	int r;

	cursor_init(c, w->page, sizeof(w->page));
	cursor_span(c, store_pages_u16(w->page + at));
	if (is_inner)
		cursor_u32(c);
	total = varint(c);
	if (is_table)
		w->rowid = (int64_t)varint(c);
	local = cursor_span(c, local_bytes(total, is_table ? TABLE_LOCAL_MAX : INDEX_LOCAL_MAX));
	buf_clear(&w->payload);
	r = buf_append(&w->payload, local.data, local.len);
	if (r == 0 && local.len < total)
		r = read_overflow(w, total);
	return r == 0 && (c->is_short || total == 0) ? -EBADMSG : r;
}

static char read_value(struct cursor *body, uint64_t type, struct store_value *ret)
{
	uint64_t value;

	ret->bytes = (struct span){ 0 };
	if (type == 0)
		return 'b';
	if (type >= 12) {
		ret->bytes = cursor_span(body, (size_t)(type - 12) / 2);
		if (type % 2 == 0)
			return 'b';
		return ret->bytes.len <= STORE_NOTE_MAX ? 't' : '?';
	}
	if (type >= 7) {
		ret->number = type == 9;
		return type == 8 || type == 9 ? 'i' : '?';
	}
	value = (uint64_t)(int8_t)cursor_u8(body);
	/* Of 1, 2, 3, 4, 6 or 8 bytes. */
	for (uint64_t i = type < 5 ? type : 2 * type - 4; i > 1; i--)
		value = value << 8 | cursor_u8(body);
	ret->number = (int64_t)value;
	return 'i';
}

/* Take the payload apart: the types of the columns, then their values. */
static bool read_columns(struct store_walk *w)
{
	struct cursor *types = &w->cursor, *body = &w->body;
	struct span head;
	unsigned count;

	cursor_init(types, buf_data(&w->payload), buf_len(&w->payload));
	*body = *types;
	head = cursor_span(body, (size_t)varint(types));
	cursor_init(types, head.data, head.len);
	/* Its own length. */
	varint(types);
	for (count = 0; types->left > 0 && count < STORE_WALK_COLUMNS_MAX; count++)
		w->types[count] = read_value(body, varint(types), &w->columns[count]);
	w->types[count] = '\0';
	return types->left == 0 && !types->is_short && !body->is_short;
}

static int read_row(struct store_walk *w)
{
	int r = read_cell(w);

	if (r < 0)
		return r;
	if (!read_columns(w))
		return -EBADMSG;
	if (w->page[0] == TABLE_LEAF && w->types[0] == 'b' && !w->columns[0].bytes.data) {
		w->types[0] = 'k';
		w->columns[0].number = w->rowid;
	}
	return 1;
}

int store_walk_next(struct store_walk *w)
{
	int r = -EBADMSG;

	while (r == -EBADMSG || r == -ENOBUFS) {
		while (w->cell >= w->cells) {
			if (w->number == w->pages->count)
				return 0;
			begin_page(w);
		}
		r = read_row(w);
	}
	return r;
}
