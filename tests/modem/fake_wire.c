/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_priv.h"

#include <stdlib.h>
#include <string.h>

void fm_wire_put(struct fm_wire *w, uint64_t t, const void *bytes, size_t n)
{
	uint64_t start = w->free_ns > t ? w->free_ns : t;

	if (!n)
		return;
	fm_buf_add(&w->bytes, bytes, n);
	if (w->byte_ns == 0 && w->nseg > 0) { /* all of it is through already */
		w->seg[w->nseg - 1].n += n;
		return;
	}
	if (w->nseg == w->seg_cap) {
		w->seg_cap = w->seg_cap ? w->seg_cap * 2 : 16;
		w->seg = realloc(w->seg, w->seg_cap * sizeof *w->seg);
		if (!w->seg)
			abort();
	}
	w->seg[w->nseg++] = (struct fm_seg){ start, n };
	w->free_ns = start + n * w->byte_ns;
}

size_t fm_wire_ready(const struct fm_wire *w, uint64_t t)
{
	size_t ready = 0;

	for (size_t i = 0; i < w->nseg; i++) {
		const struct fm_seg *s = &w->seg[i];
		size_t n = s->n;

		if (s->start_ns > t)
			break;
		if (w->byte_ns && (t - s->start_ns) / w->byte_ns < n)
			n = (size_t)((t - s->start_ns) / w->byte_ns);
		ready += n;
		if (n < s->n)
			break;
	}
	return ready;
}

/* The room for all that a host sent to a modem that hung is given back. */
static void wire_shrink(struct fm_wire *w)
{
	if (w->bytes.len == 0 && w->bytes.cap > FM_WIRE_ROOM)
		fm_buf_free(&w->bytes);
}

void fm_wire_take(struct fm_wire *w, size_t n)
{
	size_t gone = 0, left = n;

	if (!n)
		return;
	while (left && gone < w->nseg) {
		struct fm_seg *s = &w->seg[gone];
		size_t k = s->n < left ? s->n : left;

		s->start_ns += k * w->byte_ns;
		s->n -= k;
		left -= k;
		if (!s->n)
			gone++;
	}
	if (gone) {
		memmove(w->seg, w->seg + gone, (w->nseg - gone) * sizeof *w->seg);
		w->nseg -= gone;
	}
	memmove(w->bytes.s, w->bytes.s + n, w->bytes.len - n);
	w->bytes.len -= n;
	wire_shrink(w);
}

uint64_t fm_wire_next(const struct fm_wire *w)
{
	return w->nseg ? w->seg[0].start_ns + w->byte_ns : FAKE_NEVER;
}

void fm_wire_clear(struct fm_wire *w)
{
	w->bytes.len = 0;
	w->nseg = 0;
	w->free_ns = 0;
	wire_shrink(w);
}

void fm_wire_free(struct fm_wire *w)
{
	fm_buf_free(&w->bytes);
	free(w->seg);
}

uint64_t fm_wire_lump(const struct fm_wire *w)
{
	uint64_t lump;

	if (!w->nseg)
		return FAKE_NEVER;
	lump = w->seg[0].start_ns + (w->byte_ns > FM_MS ? w->byte_ns : FM_MS);
	return w->free_ns < lump ? w->free_ns : lump;
}
