/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/mqtt_server_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
	c->packet_max = UINT32_MAX;
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
	for (size_t i = 0; i < MQTT_TOPIC_ALIAS_MAX; i++)
		free(c->aliases[i]);
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
	mqtt_link_remove(&c->sealed);
	mqtt_link_remove(&c->queued);
	buf_fini(&c->rx);
	buf_fini(&c->acks);
	c->acks_sealed = 0;
	c->acks_durable = 0;
	c->is_held = false;
}

/* Why the server ends the connection, as MQTT 5.0 says it; 0: there is nothing to say. */
static enum mqtt_reason reason_of(enum mqtt_close why)
{
	static const enum mqtt_reason reasons[MQTT_CLOSE_COUNT] = {
		[MQTT_CLOSE_PROTOCOL] = MQTT_REASON_PROTOCOL_ERROR,
		[MQTT_CLOSE_TOO_LARGE] = MQTT_REASON_TOO_LARGE,
		[MQTT_CLOSE_KEEPALIVE] = MQTT_REASON_KEEPALIVE,
		[MQTT_CLOSE_TAKEN_OVER] = MQTT_REASON_TAKEN_OVER,
		[MQTT_CLOSE_SLOW] = MQTT_REASON_QUOTA,
		[MQTT_CLOSE_NOMEM] = MQTT_REASON_QUOTA,
		[MQTT_CLOSE_STORE] = MQTT_REASON_IMPLEMENTATION,
		[MQTT_CLOSE_SHUTDOWN] = MQTT_REASON_SHUTTING_DOWN,
	};

	return reasons[why];
}

/* The same in words, for those who want them. NULL: the number says it all. */
static const char *text_of(enum mqtt_reason reason)
{
	static const struct {
		enum mqtt_reason reason;
		const char *text;
	} texts[] = {
		{ MQTT_REASON_MALFORMED, "malformed packet" },
		{ MQTT_REASON_PROTOCOL_ERROR, "protocol error" },
		{ MQTT_REASON_SHUTTING_DOWN, "the server stops listening here" },
		{ MQTT_REASON_KEEPALIVE, "nothing came for 1.5 times the keep-alive" },
		{ MQTT_REASON_TAKEN_OVER, "another connection came with this client identifier" },
		{ MQTT_REASON_BAD_FILTER, "not a topic filter" },
		{ MQTT_REASON_BAD_TOPIC, "not a topic name" },
		{ MQTT_REASON_RECEIVE_MAX, "more than the receive maximum" },
		{ MQTT_REASON_TOPIC_ALIAS, "more than the topic alias maximum, or 0" },
		{ MQTT_REASON_TOO_LARGE, "packet too large" },
		{ MQTT_REASON_QUOTA, "a limit of the server" },
		{ MQTT_REASON_PAYLOAD_FORMAT, "the payload is not text" },
		/* In CONNACK, for the owner alone. */
		{ MQTT_REASON_BAD_VERSION, "unknown protocol version" },
		{ MQTT_REASON_BAD_CLIENT_ID, "bad client identifier" },
		{ MQTT_REASON_NOT_AUTHORIZED, "bad user name or password" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].reason == reason)
			return texts[i].text;
	}
	return NULL;
}

/* The text is left out where nobody wants it, or where a packet of len bytes would be too large
 * with it (MQTT 5.0 [MQTT-3.4.2-2, 3.14.2-3]). */
static const char *text_that_fits(const struct mqtt_client *c, size_t len, const char *text)
{
	bool fits = text && c->wants_reasons && len + 1 + 3 + strlen(text) <= c->packet_max;

	return fits ? text : NULL;
}

/* Only to those who have their CONNACK (MQTT 5.0 [MQTT-3.14.0-1]). */
static bool say_why(struct mqtt_client *c, enum mqtt_reason reason)
{
	const char *text = text_that_fits(c, 3, text_of(reason));

	return c->state == MQTT_CLIENT_ONLINE && c->version == MQTT_VERSION_5 && !c->is_eof &&
	       c->is_greeted && reason != MQTT_REASON_SUCCESS &&
	       mqtt_encode_disconnect(&c->out, reason, text) == 0;
}

void mqtt_client_close(struct mqtt_server *s, struct mqtt_client *c, enum mqtt_close why)
{
	mqtt_client_close_because(s, c, why, reason_of(why));
}

void mqtt_client_close_because(
    struct mqtt_server *s, struct mqtt_client *c, enum mqtt_close why, enum mqtt_reason reason)
{
	bool is_told;

	if (c->state == MQTT_CLIENT_CLOSED)
		return;
	is_told = say_why(c, reason);
	unlink_work(s, c);
	c->why = why;
	c->detail = reason != reason_of(why) ? text_of(reason) : NULL;
	s->counters.closed[why]++;
	if (c->state == MQTT_CLIENT_ONLINE) {
		mqtt_will_execute(s, c); /* [MQTT-3.1.2-8] */
		mqtt_session_detach(&s->sessions, c->session, s->now_ms);
		c->session = NULL;
		c->notices |= MQTT_NOTICE_OFFLINE;
	}
	if (!c->is_eof)
		c->notices |= MQTT_NOTICE_CLOSE;
	/* A peer that does not read could keep its place for long. Only CONNACK and DISCONNECT must
	 * get out, and at shutdown what there is. */
	if (why != MQTT_CLOSE_REFUSED && why != MQTT_CLOSE_SHUTDOWN && !is_told)
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

void mqtt_client_hold(struct mqtt_server *s, struct mqtt_client *c)
{
	if (c->state == MQTT_CLIENT_CLOSED)
		return;
	c->is_held = true;
	mqtt_link_remove(&c->ready);
	mqtt_list_append(&s->held, &c->held);
	mqtt_list_append(&s->dirty, &c->dirty);
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

void mqtt_client_close_unkept(struct mqtt_server *s, struct mqtt_client *c, int r)
{
	mqtt_client_close(s, c, r == -ENOMEM ? MQTT_CLOSE_NOMEM : MQTT_CLOSE_STORE);
}

struct buf *mqtt_client_answer(struct mqtt_client *c, bool waits)
{
	return waits || !c->is_greeted ? &c->acks : &c->out;
}

void mqtt_client_answered(
    struct mqtt_server *s, struct mqtt_client *c, const struct buf *answer, int r)
{
	if (r < 0)
		mqtt_client_close_unwritable(s, c, r);
	else if (answer == &c->out)
		mqtt_client_has_news(s, c);
	else
		mqtt_list_append(&s->acking, &c->acking);
	s->answers += answer == &c->acks;
}

void mqtt_client_put_ack(struct mqtt_server *s, struct mqtt_client *c, enum mqtt_type type,
    const struct mqtt_ack *p, const char *text)
{
	if (c->is_eof)
		return;
	if (type != MQTT_TYPE_PUBREC || MQTT_REASON_IS_FAILURE(p->reason))
		c->answered++;
	mqtt_client_answered(s, c, &c->acks, mqtt_encode_ack(&c->acks, c->version, type, p, text));
}

/* The answer to a PUBLISH of QoS 1 or 2. */
static void answer_publish(struct mqtt_server *s, struct mqtt_client *c, uint8_t qos,
    const struct mqtt_ack *p, const char *text)
{
	c->unanswered++;
	mqtt_client_put_ack(s, c, qos == 1 ? MQTT_TYPE_PUBACK : MQTT_TYPE_PUBREC, p, text);
}

void mqtt_client_acknowledge(
    struct mqtt_server *s, struct mqtt_client *c, uint8_t qos, uint16_t packet_id)
{
	const struct mqtt_ack p = { .packet_id = packet_id };

	if (qos > 0 && c->state == MQTT_CLIENT_ONLINE)
		answer_publish(s, c, qos, &p, NULL);
}

/* Acknowledged all the same, because MQTT 3.1.1 has no way to refuse (3.3.5). */
static void refuse_quietly(
    struct mqtt_server *s, struct mqtt_client *c, uint8_t qos, uint16_t packet_id)
{
	int r = qos == 2 ? mqtt_session_remember(&s->sessions, c->session, packet_id) : 0;

	if (r < 0)
		mqtt_client_close_unkept(s, c, r);
	else
		mqtt_client_acknowledge(s, c, qos, packet_id);
}

void mqtt_client_refuse(struct mqtt_server *s, struct mqtt_client *c, uint8_t qos,
    uint16_t packet_id, enum mqtt_reason reason, const char *text)
{
	const struct mqtt_ack p = { .packet_id = packet_id, .reason = (uint8_t)reason };

	if (c->version != MQTT_VERSION_5)
		refuse_quietly(s, c, qos, packet_id);
	else if (qos > 0)
		answer_publish(s, c, qos, &p, text_that_fits(c, 5, text));
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
	c->acks_sealed -= c->acks_durable;
	c->acks_durable = 0;
	/* What is answered twice, or was published on another connection, counts but once. */
	c->unanswered -= c->answered_durable < c->unanswered ? c->answered_durable : c->unanswered;
	c->answered_durable = 0;
	mqtt_client_has_news(s, c);
	if (c->is_greeted)
		return;
	c->is_greeted = true; /* CONNACK was the first of them */
	mqtt_deliver_pump(s, c);
}

void mqtt_client_timeout(struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms)
{
	uint64_t due_ms = c->last_packet_ms + c->silence_max_ms;

	if (c->state == MQTT_CLIENT_NEW && !c->is_held) {
		mqtt_client_close(s, c, MQTT_CLOSE_NO_CONNECT);
		return;
	}
	/* A paused client is silent because we do not listen; its time begins anew when the packet
	 * that was held is taken. Packets not yet looked at are signs of life as well. */
	if (c->state == MQTT_CLIENT_NEW)
		due_ms = now_ms + MQTT_CONNECT_TIMEOUT_MS;
	else if (c->is_held || c->is_told_paused)
		due_ms = now_ms + c->silence_max_ms;
	else if (due_ms <= now_ms && mqtt_link_is_in(&c->ready))
		due_ms = now_ms + 1;
	if (due_ms <= now_ms)
		mqtt_client_close(s, c, MQTT_CLOSE_KEEPALIVE);
	else
		/* It was armed a moment ago, so there is a place for it. */
		(void)timerq_set(&s->timers, &c->timer, due_ms);
}
