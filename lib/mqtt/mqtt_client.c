/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/mqtt_server_impl.h"

#include "mqtt/mqtt_topic.h"

#include <errno.h>
#include <stdlib.h>

#define RX_IDLE_BYTES 65536 /* memory that an empty receive buffer may keep */

struct mqtt_client *mqtt_client_new(
    struct mqtt_server *s, uint64_t now_ms, uint32_t number, size_t listener)
{
	struct mqtt_client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->number = number;
	c->state = MQTT_CLIENT_NEW;
	c->version = MQTT_VERSION_311;
	c->listener = listener;
	buf_init(&c->rx, MQTT_CLIENT_RX_MAX);
	buf_init(&c->out, MQTT_CLIENT_OUT_MAX);
	buf_init(&c->acks, MQTT_CLIENT_OUT_MAX);
	if (timerq_set(&s->timers, &c->timer, now_ms + MQTT_CONNECT_TIMEOUT_MS) < 0) {
		mqtt_client_free(c);
		return NULL;
	}
	return c;
}

void mqtt_client_free(struct mqtt_client *c)
{
	if (!c)
		return;
	buf_fini(&c->rx);
	buf_fini(&c->out);
	buf_fini(&c->acks);
	mqtt_will_free(c->will);
	free(c->client_id);
	free(c);
}

static void unlink_work(struct mqtt_server *s, struct mqtt_client *c)
{
	timerq_cancel(&s->timers, &c->timer);
	mqtt_link_remove(&c->ready);
	mqtt_link_remove(&c->held);
	mqtt_link_remove(&c->dirty);
	mqtt_link_remove(&c->acking);
	buf_fini(&c->rx);
	buf_fini(&c->acks);
	c->acks_durable = 0;
	c->is_held = false;
}

void mqtt_client_close(struct mqtt_server *s, struct mqtt_client *c, enum mqtt_close why)
{
	if (c->state == MQTT_CLIENT_CLOSED)
		return;
	unlink_work(s, c);
	c->why = why;
	s->counters.closed[why]++;
	if (why == MQTT_CLOSE_NORMAL) {
		mqtt_will_free(c->will); /* [MQTT-3.14.4-3] */
		c->will = NULL;
	}
	if (c->state == MQTT_CLIENT_ONLINE) {
		mqtt_will_queue(s, c); /* [MQTT-3.1.2-8] */
		mqtt_session_detach(&s->sessions, c->session);
		c->session = NULL;
		c->notices |= MQTT_NOTICE_OFFLINE;
	}
	if (!c->is_eof)
		c->notices |= MQTT_NOTICE_CLOSE;
	/* A peer that does not read could keep its place for ever. Only CONNACK must get out, and
	 * at shutdown what there is. */
	if (why != MQTT_CLOSE_REFUSED && why != MQTT_CLOSE_SHUTDOWN)
		buf_fini(&c->out);
	c->state = MQTT_CLIENT_CLOSED;
	if (c->notices)
		mqtt_list_append(&s->notices, &c->notice);
	if (c->is_eof)
		mqtt_list_append(&s->dead, &c->dead);
}

void mqtt_client_close_unwritable(struct mqtt_server *s, struct mqtt_client *c, int error)
{
	mqtt_client_close(s, c, error == -ENOMEM ? MQTT_CLOSE_NOMEM : MQTT_CLOSE_SLOW);
}

void mqtt_client_consume(struct mqtt_client *c, size_t len)
{
	buf_consume(&c->rx, len);
	if (buf_len(&c->rx) == 0 && c->rx.cap > RX_IDLE_BYTES)
		buf_fini(&c->rx);
}

void mqtt_client_has_news(struct mqtt_server *s, struct mqtt_client *c)
{
	c->has_news = true;
	mqtt_list_append(&s->dirty, &c->dirty);
}

/* An answer that waits until what it answers is durable. */
static void put_ack(
    struct mqtt_server *s, struct mqtt_client *c, enum mqtt_type type, uint16_t packet_id)
{
	int r;

	if (c->is_eof)
		return;
	r = mqtt_encode_ack(&c->acks, c->version, type, packet_id);
	if (r < 0)
		mqtt_client_close_unwritable(s, c, r);
	else
		mqtt_list_append(&s->acking, &c->acking);
}

void mqtt_client_acknowledge(
    struct mqtt_server *s, struct mqtt_client *c, uint8_t qos, uint16_t packet_id)
{
	if (qos > 0 && c->state == MQTT_CLIENT_ONLINE)
		put_ack(s, c, qos == 1 ? MQTT_TYPE_PUBACK : MQTT_TYPE_PUBREC, packet_id);
}

void mqtt_client_flush_acks(struct mqtt_server *s, struct mqtt_client *c)
{
	int r;

	if (c->acks_durable == 0 || c->acks_durable > buf_room(&c->out))
		return;
	r = buf_append(&c->out, buf_data(&c->acks), c->acks_durable);
	if (r < 0) {
		mqtt_client_close_unwritable(s, c, r);
		return;
	}
	buf_consume(&c->acks, c->acks_durable);
	c->acks_durable = 0;
	mqtt_client_has_news(s, c);
}

void mqtt_client_timeout(struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms)
{
	uint64_t due_ms = c->last_packet_ms + c->silence_max_ms;

	if (c->state == MQTT_CLIENT_NEW) {
		mqtt_client_close(s, c, MQTT_CLOSE_NO_CONNECT);
		return;
	}
	/* A paused client is silent because we do not listen; its time begins anew when the packet
	 * that was held is taken. Packets not yet looked at are signs of life as well. */
	if (c->is_held || c->is_told_paused)
		due_ms = now_ms + c->silence_max_ms;
	else if (due_ms <= now_ms && mqtt_link_is_in(&c->ready))
		due_ms = now_ms + 1;
	if (due_ms <= now_ms)
		mqtt_client_close(s, c, MQTT_CLOSE_KEEPALIVE);
	else
		/* It was armed a moment ago, so there is a place for it. */
		(void)timerq_set(&s->timers, &c->timer, due_ms);
}

/* ---- packets: 0, or -EBADMSG for a violation ---- */

static int handle_connect(
    struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms, const struct mqtt_frame *f)
{
	if (c->state != MQTT_CLIENT_NEW)
		return -EBADMSG; /* [MQTT-3.1.0-2] */
	mqtt_client_connect(s, c, now_ms, f);
	return 0;
}

/* Not for the owner: acknowledged all the same, because MQTT 3.1.1 has no way to refuse (3.3.5). */
static void refuse_quietly(
    struct mqtt_server *s, struct mqtt_client *c, const struct mqtt_publish *p)
{
	if (p->qos == 2 && mqtt_session_remember(c->session, p->packet_id) < 0)
		mqtt_client_close(s, c, MQTT_CLOSE_NOMEM);
	else
		mqtt_client_acknowledge(s, c, p->qos, p->packet_id);
}

static int handle_publish(
    struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms, const struct mqtt_frame *f)
{
	struct mqtt_publish p;
	struct mqtt_msg *m;
	int r = mqtt_decode_publish(c->version, f, &p);

	(void)now_ms;
	if (r < 0)
		return r;
	if (!mqtt_topic_is_name((const char *)p.topic.data, p.topic.len))
		return -EBADMSG; /* [MQTT-3.3.2-2] */
	if (p.qos == 2 && mqtt_session_remembers(c->session, p.packet_id)) {
		mqtt_client_acknowledge(s, c, p.qos, p.packet_id); /* [MQTT-4.3.3-2] */
		return 0;
	}
	if (!mqtt_session_may_write(s, c->session, p.topic)) {
		refuse_quietly(s, c, &p);
		return 0;
	}
	m = mqtt_msg_new(p.topic.data, (uint16_t)p.topic.len, p.payload.data,
	    (uint32_t)p.payload.len, p.qos, p.retain);
	if (m) {
		s->offer = (struct mqtt_offer){
			.msg = m,
			.client = c,
			.packet_len = f->len,
			.packet_id = p.packet_id,
		};
		return 0;
	}
	s->counters.dropped_nomem++;
	if (p.qos > 0)
		mqtt_client_close(s, c, MQTT_CLOSE_NOMEM);
	return 0;
}

static int handle_pubrel(
    struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms, const struct mqtt_frame *f)
{
	uint16_t packet_id;
	int r = mqtt_decode_ack(c->version, f, &packet_id);

	(void)now_ms;
	if (r < 0)
		return r;
	mqtt_session_forget(c->session, packet_id);
	/* For an identifier that we do not know as well: the answer to an earlier PUBREL was lost.
	 */
	put_ack(s, c, MQTT_TYPE_PUBCOMP, packet_id);
	return 0;
}

static int handle_ack(
    struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms, const struct mqtt_frame *f)
{
	uint16_t packet_id;
	int r = mqtt_decode_ack(c->version, f, &packet_id);

	(void)now_ms;
	if (r < 0)
		return r;
	if (f->type == MQTT_TYPE_PUBACK)
		return mqtt_deliver_puback(s, c, packet_id);
	if (f->type == MQTT_TYPE_PUBREC)
		return mqtt_deliver_pubrec(s, c, packet_id);
	return mqtt_deliver_pubcomp(s, c, packet_id);
}

static bool filters_are_valid(struct mqtt_filters list)
{
	struct span filter;
	uint8_t qos;

	while (mqtt_filters_next(&list, &filter, &qos)) {
		if (!mqtt_topic_is_filter((const char *)filter.data, filter.len))
			return false;
	}
	return true;
}

static uint8_t subscribe(
    struct mqtt_server *s, struct mqtt_client *c, struct span filter, uint8_t qos)
{
	const struct subs_options options = { .qos = qos };

	if (!mqtt_session_may_subscribe(s, c->session, filter) ||
	    mqtt_session_subscribe(&s->sessions, c->session, filter, &options) < 0)
		return MQTT_SUBACK_FAILURE;
	return qos;
}

static void deliver_retained(struct mqtt_server *s, struct mqtt_client *c, struct mqtt_filters list,
    const uint8_t *codes, size_t count)
{
	struct span filter;
	uint8_t qos;

	for (size_t i = 0; i < count && mqtt_filters_next(&list, &filter, &qos); i++) {
		if (codes[i] != MQTT_SUBACK_FAILURE)
			mqtt_deliver_retained(s, c, filter, qos);
	}
}

static int handle_subscribe(
    struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms, const struct mqtt_frame *f)
{
	/* More filters than a client may have are not even looked at: each costs a walk over all
	 * retained messages. */
	uint8_t codes[MQTT_SUBS_PER_CLIENT_MAX];
	struct mqtt_filters list, walk;
	struct span filter;
	size_t known = 0, count = 0;
	uint8_t qos;
	int r = mqtt_decode_filters(c->version, f, &list);

	(void)now_ms;
	if (r < 0 || !filters_are_valid(list))
		return -EBADMSG;
	for (walk = list; mqtt_filters_next(&walk, &filter, &qos); count++) {
		if (known < MQTT_SUBS_PER_CLIENT_MAX)
			codes[known++] = subscribe(s, c, filter, qos);
	}
	r = mqtt_encode_suback(&c->out, c->version, list.packet_id, codes, known, count);
	if (r < 0) {
		mqtt_client_close_unwritable(s, c, r);
		return 0;
	}
	mqtt_client_has_news(s, c);
	deliver_retained(s, c, list, codes, known);
	return 0;
}

static int handle_unsubscribe(
    struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms, const struct mqtt_frame *f)
{
	struct mqtt_filters list;
	struct span filter;
	uint8_t qos;
	uint16_t packet_id;
	int r = mqtt_decode_filters(c->version, f, &list);

	(void)now_ms;
	if (r < 0 || !filters_are_valid(list))
		return -EBADMSG;
	packet_id = list.packet_id;
	while (mqtt_filters_next(&list, &filter, &qos))
		mqtt_session_unsubscribe(&s->sessions, c->session, filter);
	r = mqtt_encode_ack(&c->out, c->version, MQTT_TYPE_UNSUBACK, packet_id);
	if (r < 0)
		mqtt_client_close_unwritable(s, c, r);
	else
		mqtt_client_has_news(s, c);
	return 0;
}

static int handle_pingreq(
    struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms, const struct mqtt_frame *f)
{
	int r = mqtt_decode_empty(c->version, f);

	(void)now_ms;
	if (r < 0)
		return r;
	r = mqtt_encode_pingresp(&c->out);
	if (r < 0) {
		mqtt_client_close_unwritable(s, c, r);
		return 0;
	}
	mqtt_client_has_news(s, c);
	/* Should memory have been out when a message was due, there would be no other occasion. */
	mqtt_deliver_pump(s, c);
	return 0;
}

static int handle_disconnect(
    struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms, const struct mqtt_frame *f)
{
	(void)now_ms;
	if (mqtt_decode_empty(c->version, f) < 0)
		return -EBADMSG; /* [MQTT-3.14.1-1] */
	mqtt_client_close(s, c, MQTT_CLOSE_NORMAL);
	return 0;
}

typedef int packet_handler(
    struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms, const struct mqtt_frame *f);

/* What a client may send. */
static packet_handler *const handlers[MQTT_TYPES] = {
	[MQTT_TYPE_CONNECT] = handle_connect,
	[MQTT_TYPE_PUBLISH] = handle_publish,
	[MQTT_TYPE_PUBACK] = handle_ack,
	[MQTT_TYPE_PUBREC] = handle_ack,
	[MQTT_TYPE_PUBREL] = handle_pubrel,
	[MQTT_TYPE_PUBCOMP] = handle_ack,
	[MQTT_TYPE_SUBSCRIBE] = handle_subscribe,
	[MQTT_TYPE_UNSUBSCRIBE] = handle_unsubscribe,
	[MQTT_TYPE_PINGREQ] = handle_pingreq,
	[MQTT_TYPE_DISCONNECT] = handle_disconnect,
};

static void handle(
    struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms, const struct mqtt_frame *f)
{
	int r = handlers[f->type](s, c, now_ms, f);

	if (r < 0) {
		mqtt_client_close(s, c, MQTT_CLOSE_PROTOCOL);
		return;
	}
	c->last_packet_ms = now_ms;
	if (c->state != MQTT_CLIENT_CLOSED && !s->offer.msg)
		mqtt_client_consume(c, f->len);
}

/* No whole packet is left. */
static void wait_for_more(struct mqtt_server *s, struct mqtt_client *c)
{
	mqtt_link_remove(&c->ready);
	if (c->is_eof)
		mqtt_client_close(s, c, MQTT_CLOSE_EOF);
}

void mqtt_client_step(struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms)
{
	const uint8_t *data = buf_data(&c->rx);
	size_t len = buf_len(&c->rx);
	struct mqtt_frame f;

	if (len == 0) {
		wait_for_more(s, c);
		return;
	}
	/* The first byte tells enough to reject what is not MQTT [MQTT-3.1.0-1]. */
	if (!handlers[data[0] >> 4] ||
	    (c->state == MQTT_CLIENT_NEW && data[0] >> 4 != MQTT_TYPE_CONNECT)) {
		mqtt_client_close(s, c, MQTT_CLOSE_PROTOCOL);
		return;
	}
	switch (mqtt_frame_read(data, len, MQTT_PACKET_MAX, &f)) {
	case MQTT_FRAMING_MORE:
		wait_for_more(s, c);
		return;
	case MQTT_FRAMING_MALFORMED:
		mqtt_client_close(s, c, MQTT_CLOSE_PROTOCOL);
		return;
	case MQTT_FRAMING_TOO_LARGE:
		mqtt_client_close(s, c, MQTT_CLOSE_TOO_LARGE);
		return;
	case MQTT_FRAMING_DONE:
		handle(s, c, now_ms, &f);
		return;
	}
}
