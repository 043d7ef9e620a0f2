/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client sends, packet by packet. A handler returns 0, or -EBADMSG or -EPROTO for a
 * violation, as the decoders have it.
 */
#include "mqtt/mqtt_server_impl.h"

#include "base/utf8.h"
#include "mqtt/mqtt_topic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SUBACK_OVERHEAD (1 + MQTT_VARINT_MAX + 3) /* without its codes, bytes */

static int handle_connect(
    struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms, const struct mqtt_frame *f)
{
	if (c->state != MQTT_CLIENT_NEW)
		return -EPROTO; /* [MQTT-3.1.0-2] */
	mqtt_client_connect(s, c, now_ms, f);
	return 0;
}

/* A topic alias is set, or used (MQTT 5.0, 3.3.2.3.4). False: the connection is closed. */
static bool use_alias(
    struct mqtt_server *s, struct mqtt_client *c, uint32_t alias, struct mqtt_publish *p)
{
	char **topic;

	if (alias == 0 || alias > MQTT_TOPIC_ALIAS_MAX) {
		/* [MQTT-3.3.2-8, -9] */
		mqtt_client_close_because(s, c, MQTT_CLOSE_PROTOCOL, MQTT_REASON_TOPIC_ALIAS);
		return false;
	}
	topic = &c->aliases[alias - 1];
	if (p->topic.len > 0) {
		free(*topic);
		*topic = strndup((const char *)p->topic.data, p->topic.len);
		if (!*topic)
			mqtt_client_close(s, c, MQTT_CLOSE_NOMEM);
		return *topic;
	}
	if (!*topic) {
		mqtt_client_close(s, c, MQTT_CLOSE_PROTOCOL);
		return false;
	}
	p->topic = (struct span){ .data = (const uint8_t *)*topic, .len = strlen(*topic) };
	return true;
}

/* What the decoder leaves open: which topic it is, and whether it is one. False: the connection is
 * closed. */
static bool find_topic(struct mqtt_server *s, struct mqtt_client *c, struct mqtt_publish *p,
    const struct mqtt_props *props)
{
	bool has_alias = mqtt_props_has(props, MQTT_PROP_TOPIC_ALIAS);

	if (p->topic.len == 0 && !has_alias) {
		mqtt_client_close(s, c, MQTT_CLOSE_PROTOCOL); /* [MQTT-4.7.3-1] */
		return false;
	}
	if (p->topic.len > 0 && !mqtt_topic_is_name((const char *)p->topic.data, p->topic.len)) {
		/* [MQTT-3.3.2-2] */
		mqtt_client_close_because(s, c, MQTT_CLOSE_PROTOCOL, MQTT_REASON_BAD_TOPIC);
		return false;
	}
	return !has_alias || use_alias(s, c, props->topic_alias, p);
}

/* The client said that it is text, and it is not (MQTT 5.0, 3.3.2.3.2). */
static void refuse_format(
    struct mqtt_server *s, struct mqtt_client *c, const struct mqtt_publish *p)
{
	if (p->qos == 0)
		mqtt_client_close_because(s, c, MQTT_CLOSE_PROTOCOL, MQTT_REASON_PAYLOAD_FORMAT);
	else
		mqtt_client_refuse(s, c, p->qos, p->packet_id, MQTT_REASON_PAYLOAD_FORMAT, NULL);
}

static void refuse_properties(
    struct mqtt_server *s, struct mqtt_client *c, const struct mqtt_publish *p)
{
	if (p->qos == 0)
		mqtt_client_close_because(s, c, MQTT_CLOSE_TOO_LARGE, MQTT_REASON_QUOTA);
	else
		mqtt_client_refuse(
		    s, c, p->qos, p->packet_id, MQTT_REASON_QUOTA, "too many properties");
}

/* 0, -ENOMEM, -ENOBUFS. */
static int make_msg(struct mqtt_server *s, const struct mqtt_publish *p,
    const struct mqtt_props *props, struct mqtt_msg **ret)
{
	uint64_t expires_ms = 0;

	if (props->all.len == 0) {
		*ret = mqtt_msg_new(p->topic.data, (uint16_t)p->topic.len, p->payload.data,
		    (uint32_t)p->payload.len, p->qos, p->retain);
		return *ret ? 0 : -ENOMEM;
	}
	if (mqtt_props_has(props, MQTT_PROP_MESSAGE_EXPIRY))
		expires_ms = mqtt_msg_expiry(s->now_ms, props->message_expiry_s);
	return mqtt_msg_new_picked(p->topic, p->payload, props, p->qos, p->retain, expires_ms, ret);
}

/* Make the message, and offer it to the owner. */
static void offer(struct mqtt_server *s, struct mqtt_client *c, const struct mqtt_frame *f,
    const struct mqtt_publish *p, const struct mqtt_props *props)
{
	struct mqtt_msg *m;
	int r = make_msg(s, p, props, &m);

	if (r == 0) {
		s->offer = (struct mqtt_offer){
			.msg = m,
			.client = c,
			.packet_len = f->len,
			.packet_id = p->packet_id,
		};
		return;
	}
	if (r == -ENOBUFS) {
		refuse_properties(s, c, p);
		return;
	}
	s->counters.dropped[MQTT_DROP_NOMEM]++;
	if (p->qos > 0)
		mqtt_client_close(s, c, MQTT_CLOSE_NOMEM);
}

static int handle_publish(
    struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms, const struct mqtt_frame *f)
{
	struct mqtt_props props = { 0 };
	struct mqtt_publish p;
	int r;

	(void)now_ms;
	r = mqtt_decode_publish(c->version, f, &p, &props);
	if (r < 0)
		return r;
	if (!find_topic(s, c, &p, &props))
		return 0;
	if (p.qos == 2 && mqtt_session_remembers(c->session, p.packet_id))
		mqtt_client_acknowledge(s, c, p.qos, p.packet_id); /* [MQTT-4.3.3-2] */
	else if (p.qos > 0 && c->version == MQTT_VERSION_5 && c->unanswered >= MQTT_RECEIVE_MAX)
		mqtt_client_close_because(s, c, MQTT_CLOSE_PROTOCOL, MQTT_REASON_RECEIVE_MAX);
	else if (!mqtt_session_may_write(s, c->session, p.topic))
		mqtt_client_refuse(s, c, p.qos, p.packet_id, MQTT_REASON_NOT_AUTHORIZED, NULL);
	else if (mqtt_props_has(&props, MQTT_PROP_PAYLOAD_FORMAT) && props.payload_format == 1 &&
		 !utf8_is_text(p.payload.data, p.payload.len))
		refuse_format(s, c, &p);
	else
		offer(s, c, f, &p, &props);
	return 0;
}

static int handle_pubrel(
    struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms, const struct mqtt_frame *f)
{
	struct mqtt_ack p;
	int r = mqtt_decode_ack(c->version, f, &p);

	(void)now_ms;
	if (r < 0)
		return r;
	/* For an identifier that we do not know as well: the answer to an earlier PUBREL was lost.
	 * The client may use it for another message once it has PUBCOMP. */
	p.reason = mqtt_session_remembers(c->session, p.packet_id) ? MQTT_REASON_SUCCESS
								   : MQTT_REASON_NO_PACKET_ID;
	r = mqtt_session_forget(&s->sessions, c->session, p.packet_id);
	if (r < 0)
		mqtt_client_close_unkept(s, c, r);
	else
		mqtt_client_put_ack(s, c, MQTT_TYPE_PUBCOMP, &p, NULL);
	return 0;
}

static int handle_ack(
    struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms, const struct mqtt_frame *f)
{
	struct mqtt_ack p;
	int r = mqtt_decode_ack(c->version, f, &p);

	(void)now_ms;
	if (r < 0)
		return r;
	if (f->type == MQTT_TYPE_PUBACK)
		return mqtt_deliver_puback(s, c, p.packet_id);
	if (f->type == MQTT_TYPE_PUBREC)
		return mqtt_deliver_pubrec(s, c, &p);
	return mqtt_deliver_pubcomp(s, c, p.packet_id);
}

/* Decode SUBSCRIBE or UNSUBSCRIBE, of which every filter must be one. */
static int decode_filters(struct mqtt_server *s, struct mqtt_client *c, const struct mqtt_frame *f,
    struct mqtt_filters *ret)
{
	struct mqtt_filters list, walk;
	struct mqtt_filter filter;
	int r = mqtt_decode_filters(c->version, f, &list);

	if (r < 0)
		return r;
	walk = list;
	while (mqtt_filters_next(&walk, &filter)) {
		if (mqtt_topic_is_filter((const char *)filter.filter.data, filter.filter.len))
			continue;
		mqtt_client_close_because(s, c, MQTT_CLOSE_PROTOCOL, MQTT_REASON_BAD_FILTER);
		return 0;
	}
	*ret = list;
	return 0;
}

/* Begin the answer to it; what it tells of is durable first. NULL: the connection is closed. */
static struct buf *begin_suback(struct mqtt_server *s, struct mqtt_client *c, enum mqtt_type type,
    const struct mqtt_filters *list, size_t count)
{
	struct buf *answer = mqtt_client_answer(c, c->session->is_stored);

	if (count + SUBACK_OVERHEAD > c->packet_max) {
		mqtt_client_close(s, c, MQTT_CLOSE_TOO_LARGE);
		return NULL;
	}
	mqtt_client_answered(
	    s, c, answer, mqtt_encode_suback(answer, c->version, type, list->packet_id, count));
	return c->state == MQTT_CLIENT_CLOSED ? NULL : answer;
}

static size_t count_filters(struct mqtt_filters list)
{
	struct mqtt_filter filter;
	size_t count = 0;

	while (mqtt_filters_next(&list, &filter))
		count++;
	return count;
}

/* Shared subscriptions are not available; before MQTT 5.0 it is a filter like any other. */
static bool is_shared(const struct mqtt_client *c, struct span filter)
{
	static const char prefix[] = "$share/";

	return c->version == MQTT_VERSION_5 && filter.len >= sizeof(prefix) - 1 &&
	       memcmp(filter.data, prefix, sizeof(prefix) - 1) == 0;
}

/* The granted QoS, or why not. Whether retained messages are to be sent. */
static enum mqtt_reason subscribe(struct mqtt_server *s, struct mqtt_client *c,
    const struct mqtt_filter *f, uint32_t id, bool *ret_send_retained)
{
	const struct subs_options options = {
		.id = id,
		.qos = f->qos,
		.no_local = f->no_local,
		.retain_as_published = f->retain_as_published,
	};
	int r;

	*ret_send_retained = false;
	if (is_shared(c, f->filter))
		return MQTT_REASON_NO_SHARED;
	if (!mqtt_session_may_subscribe(s, c->session, f->filter))
		return MQTT_REASON_NOT_AUTHORIZED;
	r = mqtt_session_subscribe(&s->sessions, c->session, f->filter, &options);
	if (r < 0)
		return MQTT_REASON_QUOTA;
	*ret_send_retained = f->retain_handling == MQTT_RETAIN_SEND ||
			     (f->retain_handling == MQTT_RETAIN_SEND_IF_NEW && r > 0);
	return (enum mqtt_reason)f->qos;
}

static int handle_subscribe(
    struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms, const struct mqtt_frame *f)
{
	/* More filters than a client may have are not even looked at: each costs a walk over all
	 * retained messages. */
	bool send_retained[MQTT_SUBS_PER_CLIENT_MAX];
	struct mqtt_filters list, walk;
	struct mqtt_filter filter;
	struct buf *answer;
	size_t i = 0;
	int r = decode_filters(s, c, f, &list);

	(void)now_ms;
	if (r < 0 || c->state == MQTT_CLIENT_CLOSED)
		return r;
	answer = begin_suback(s, c, MQTT_TYPE_SUBACK, &list, count_filters(list));
	if (!answer)
		return 0;
	for (walk = list; mqtt_filters_next(&walk, &filter); i++) {
		enum mqtt_reason reason = MQTT_REASON_QUOTA;

		if (i < MQTT_SUBS_PER_CLIENT_MAX)
			reason = subscribe(s, c, &filter, list.subscription_id, &send_retained[i]);
		/* There is room for it. */
		(void)buf_append_u8(answer, mqtt_suback_code(c->version, reason));
	}
	walk = list;
	for (i = 0; i < MQTT_SUBS_PER_CLIENT_MAX && mqtt_filters_next(&walk, &filter); i++) {
		if (send_retained[i])
			mqtt_deliver_retained(s, c, &filter, list.subscription_id);
	}
	return 0;
}

static int handle_unsubscribe(
    struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms, const struct mqtt_frame *f)
{
	struct mqtt_filters list;
	struct mqtt_filter filter;
	struct buf *answer;
	bool has_codes = c->version == MQTT_VERSION_5;
	int r = decode_filters(s, c, f, &list);

	(void)now_ms;
	if (r < 0 || c->state == MQTT_CLIENT_CLOSED)
		return r;
	answer = begin_suback(s, c, MQTT_TYPE_UNSUBACK, &list, has_codes ? count_filters(list) : 0);
	while (answer && mqtt_filters_next(&list, &filter)) {
		int was_there = mqtt_session_unsubscribe(&s->sessions, c->session, filter.filter);

		if (was_there < 0) {
			mqtt_client_close_unkept(s, c, was_there);
			return 0;
		}
		if (has_codes) /* there is room for it */
			(void)buf_append_u8(
			    answer, was_there ? MQTT_REASON_SUCCESS : MQTT_REASON_NO_SUBSCRIPTION);
	}
	return 0;
}

static int handle_pingreq(
    struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms, const struct mqtt_frame *f)
{
	struct buf *answer;
	int r = mqtt_decode_pingreq(c->version, f);

	(void)now_ms;
	if (r < 0)
		return r;
	answer = mqtt_client_answer(c, false);
	mqtt_client_answered(s, c, answer, mqtt_encode_pingresp(answer));
	/* Should memory have been out when a message was due, there would be no other occasion. */
	mqtt_deliver_pump(s, c);
	return 0;
}

static int handle_disconnect(
    struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms, const struct mqtt_frame *f)
{
	struct mqtt_disconnect p;
	int r = mqtt_decode_disconnect(c->version, f, &p);

	(void)now_ms;
	if (r < 0)
		return r;
	if (p.has_expiry && p.session_expiry_s > 0 && c->session->expiry_s == 0)
		return -EPROTO; /* MQTT 5.0, 3.14.2.2.2 */
	if (p.reason == MQTT_REASON_SUCCESS) {
		mqtt_will_free(c->will); /* [MQTT-3.14.4-3] */
		c->will = NULL;
	}
	if (p.has_expiry)
		r = mqtt_session_set_expiry(&s->sessions, c->session, p.session_expiry_s);
	if (r < 0)
		mqtt_client_close_unkept(s, c, r);
	else
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
		mqtt_client_close_because(s, c, MQTT_CLOSE_PROTOCOL,
		    r == -EPROTO ? MQTT_REASON_PROTOCOL_ERROR : MQTT_REASON_MALFORMED);
		return;
	}
	c->last_packet_ms = now_ms;
	if (c->state != MQTT_CLIENT_CLOSED && !s->offer.msg && !c->is_held)
		mqtt_client_consume(c, f->len);
}

/* While a commit is under way, a packet that would change the store waits. What it takes for
 * CONNECT is seen when it is read (mqtt_connect.c), and the owner knows it of a PUBLISH; its
 * identifier at QoS 2 is the server's affair. */
static bool has_to_wait(
    const struct mqtt_server *s, const struct mqtt_client *c, const struct mqtt_frame *f)
{
	static const bool changes_store[MQTT_TYPES] = {
		[MQTT_TYPE_PUBREC] = true,
		[MQTT_TYPE_PUBREL] = true,
		[MQTT_TYPE_SUBSCRIBE] = true,
		[MQTT_TYPE_UNSUBSCRIBE] = true,
		[MQTT_TYPE_DISCONNECT] = true,
	};
	bool is_qos_2 = f->type == MQTT_TYPE_PUBLISH && (f->flags >> 1 & 3) == 2;

	return s->is_committing && c->state == MQTT_CLIENT_ONLINE && c->session->is_stored &&
	       (changes_store[f->type] || is_qos_2);
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
		mqtt_client_close_because(s, c, MQTT_CLOSE_PROTOCOL, MQTT_REASON_MALFORMED);
		return;
	case MQTT_FRAMING_TOO_LARGE:
		mqtt_client_close(s, c, MQTT_CLOSE_TOO_LARGE);
		return;
	case MQTT_FRAMING_DONE:
		if (has_to_wait(s, c, &f))
			mqtt_client_hold(s, c);
		else
			handle(s, c, now_ms, &f);
		return;
	}
}
