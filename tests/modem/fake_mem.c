/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *fm_alloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);

	if (!p)
		abort();
	return p;
}

void fm_buf_add(struct fm_buf *b, const void *p, size_t n)
{
	if (b->len + n + 1 > b->cap) {
		size_t cap = b->cap ? b->cap : 64;

		while (cap < b->len + n + 1)
			cap *= 2;
		b->s = realloc(b->s, cap);
		if (!b->s)
			abort();
		b->cap = cap;
	}
	if (n)
		memcpy(b->s + b->len, p, n);
	b->len += n;
	b->s[b->len] = '\0';
}

void fm_buf_free(struct fm_buf *b)
{
	free(b->s);
	*b = (struct fm_buf){ 0 };
}

char *fm_vprintf(const char *fmt, va_list ap)
{
	va_list again;
	char *s;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		abort();
	s = fm_alloc((size_t)n + 1);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	return s;
}

char *fm_printf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = fm_vprintf(fmt, ap);
	va_end(ap);
	return s;
}

void fm_bytes_set(struct fm_bytes *b, const void *p, size_t n)
{
	free(b->s);
	b->s = fm_alloc(n + 1);
	if (n)
		memcpy(b->s, p, n);
	b->len = n;
}

void fm_bytes_free(struct fm_bytes *b)
{
	free(b->s);
	*b = (struct fm_bytes){ 0 };
}

void fm_list_free(struct fm_topic_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		fm_bytes_free(&l->t[i].topic);
	l->n = 0;
	l->bytes = 0;
}

/* splitmix64 */
uint32_t fm_random(struct fake_modem *m, uint32_t below)
{
	uint64_t z = (m->prng += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	z ^= z >> 31;
	return below ? (uint32_t)(z % below) : 0;
}
