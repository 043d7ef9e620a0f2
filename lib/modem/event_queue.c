/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/event_queue.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void event_queue_init(struct event_queue *q)
{
	q->head = 0;
	q->count = 0;
	q->is_head_lent = false;
}

__attribute__((format(printf, 3, 0))) static void push(
    struct event_queue *q, const struct modem_event *event, const char *fmt, va_list ap)
{
	size_t spare = event->type == MODEM_EVENT_NOTICE ? EVENT_NOTICE_SPARE : 0;
	struct event_slot *slot;

	if (q->count + spare >= EVENT_QUEUE_MAX)
		return;
	slot = &q->slot[(q->head + q->count++) % EVENT_QUEUE_MAX];
	slot->event = *event;
	slot->text[0] = '\0';
	if (fmt)
		vsnprintf(slot->text, sizeof slot->text, fmt, ap);
	slot->event.text =
	    (struct span){ .data = (const uint8_t *)slot->text, .len = strlen(slot->text) };
}

void event_queue_push(struct event_queue *q, const struct modem_event *event, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	push(q, event, fmt, ap);
	va_end(ap);
}

void event_queue_notice(
    struct event_queue *q, unsigned client, enum modem_notice notice, const char *fmt, ...)
{
	const struct modem_event event = {
		.type = MODEM_EVENT_NOTICE, .client = client, .notice = notice
	};
	va_list ap;

	va_start(ap, fmt);
	push(q, &event, fmt, ap);
	va_end(ap);
}

bool event_queue_next(struct event_queue *q, struct modem_event *ret)
{
	if (q->is_head_lent) {
		q->head = (q->head + 1) % EVENT_QUEUE_MAX;
		q->count--;
		q->is_head_lent = false;
	}
	if (q->count == 0)
		return false;
	*ret = q->slot[q->head].event;
	q->is_head_lent = true;
	return true;
}
