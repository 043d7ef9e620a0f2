/* SPDX-License-Identifier: Apache-2.0 */
#include "base/timerq.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define TIMERQ_FIRST 16

void timerq_init(struct timerq *q)
{
	*q = (struct timerq){ 0 };
}

void timerq_fini(struct timerq *q)
{
	for (size_t i = 0; i < q->count; i++)
		q->heap[i]->slot = 0;
	free(q->heap);
	timerq_init(q);
}

static void place(struct timerq *q, size_t i, struct timer *t)
{
	q->heap[i] = t;
	t->slot = i + 1;
}

static void sift_up(struct timerq *q, size_t i)
{
	struct timer *t = q->heap[i];

	while (i > 0) {
		size_t parent = (i - 1) / 2;

		if (q->heap[parent]->due_ms <= t->due_ms)
			break;
		place(q, i, q->heap[parent]);
		i = parent;
	}
	place(q, i, t);
}

static void sift_down(struct timerq *q, size_t i)
{
	struct timer *t = q->heap[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= q->count)
			break;
		if (child + 1 < q->count && q->heap[child + 1]->due_ms < q->heap[child]->due_ms)
			child++;
		if (t->due_ms <= q->heap[child]->due_ms)
			break;
		place(q, i, q->heap[child]);
		i = child;
	}
	place(q, i, t);
}

static int grow(struct timerq *q)
{
	size_t cap = q->cap ? 2 * q->cap : TIMERQ_FIRST;
	struct timer **heap = realloc(q->heap, cap * sizeof(*heap));

	if (!heap)
		return -ENOMEM;
	q->heap = heap;
	q->cap = cap;
	return 0;
}

int timerq_set(struct timerq *q, struct timer *t, uint64_t due_ms)
{
	uint64_t before = t->due_ms;

	if (t->slot == 0) {
		if (q->count == q->cap && grow(q) < 0)
			return -ENOMEM;
		t->due_ms = due_ms;
		place(q, q->count, t);
		q->count++;
		sift_up(q, q->count - 1);
		return 0;
	}
	t->due_ms = due_ms;
	if (due_ms < before)
		sift_up(q, t->slot - 1);
	else
		sift_down(q, t->slot - 1);
	return 0;
}

void timerq_cancel(struct timerq *q, struct timer *t)
{
	size_t i;
	struct timer *last;

	if (t->slot == 0)
		return;
	i = t->slot - 1;
	assert(i < q->count && q->heap[i] == t);
	t->slot = 0;
	q->count--;
	if (i == q->count)
		return;
	last = q->heap[q->count];
	place(q, i, last);
	sift_up(q, i);
	sift_down(q, last->slot - 1);
}

uint64_t timerq_deadline(const struct timerq *q)
{
	return q->count ? q->heap[0]->due_ms : TIMER_NEVER;
}

struct timer *timerq_pop(struct timerq *q, uint64_t now_ms)
{
	struct timer *t;

	if (q->count == 0 || q->heap[0]->due_ms > now_ms)
		return NULL;
	t = q->heap[0];
	timerq_cancel(q, t);
	return t;
}
