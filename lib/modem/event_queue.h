/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of the modem that wait to be taken: a bounded ring with room for the text of each.
 *
 * The modem takes nothing more from the AT channel while events wait here, so that the ring fills
 * only when its owner calls function after function without taking events; the newest events are
 * dropped then, notices first.
 */
#ifndef CMQTTD_MODEM_EVENT_QUEUE_H
#define CMQTTD_MODEM_EVENT_QUEUE_H

#include "modem/modem.h"

#define EVENT_QUEUE_MAX    64
#define EVENT_TEXT_MAX     160
#define EVENT_NOTICE_SPARE 32 /* slots that notices do not take */

struct event_slot {
	struct modem_event event;
	char text[EVENT_TEXT_MAX];
};

struct event_queue {
	struct event_slot slot[EVENT_QUEUE_MAX];
	size_t head;
	size_t count;
	bool is_head_lent; /* the first one was given out and is dropped by the next call */
};

/* Empty. */
void event_queue_init(struct event_queue *q);

/* Append; the text is formatted into the slot, and cut if it is too long. fmt NULL: no text. */
void event_queue_push(struct event_queue *q, const struct modem_event *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Append a notice. */
void event_queue_notice(struct event_queue *q, unsigned client, enum modem_notice notice,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* The oldest event, false: none. Its text is valid until the next call of this function. */
bool event_queue_next(struct event_queue *q, struct modem_event *ret);

#endif
