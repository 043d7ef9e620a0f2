/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/mqtt_server_impl.h"

#include "mqtt/mqtt_auth.h"

#include <errno.h>

static struct span topic_of(const struct mqtt_msg *m)
{
	return (struct span){ .data = m->bytes, .len = m->topic_len };
}

/* The listener of an absent session may be gone after a reload: no rights then. */
bool mqtt_session_may_read(
    const struct mqtt_server *s, const struct mqtt_session *session, struct span topic)
{
	return session->listener < s->listener_count &&
	       mqtt_auth_may_read(
		   s->listeners[session->listener].auth, session->user, session->id, topic);
}

bool mqtt_session_may_write(
    const struct mqtt_server *s, const struct mqtt_session *session, struct span topic)
{
	/* Topics with '$' are the server's own (4.7.2). */
	return topic.data[0] != '$' && session->listener < s->listener_count &&
	       mqtt_auth_may_write(
		   s->listeners[session->listener].auth, session->user, session->id, topic);
}

bool mqtt_session_may_subscribe(
    const struct mqtt_server *s, const struct mqtt_session *session, struct span filter)
{
	return session->listener < s->listener_count &&
	       mqtt_auth_may_subscribe(
		   s->listeners[session->listener].auth, session->user, session->id, filter);
}

/* Messages leave a reserve for acknowledgements, whose loss would cost the connection. */
static bool has_room(const struct mqtt_client *c, const struct mqtt_msg *m, uint8_t qos)
{
	size_t len = mqtt_publish_len(c->version, m->topic_len, m->payload_len, qos);

	return len + MQTT_OUT_RESERVE <= buf_room(&c->out);
}

static int write_publish(struct mqtt_server *s, struct mqtt_client *c, const struct mqtt_out *o)
{
	struct mqtt_publish p = {
		.dup = o->is_dup,
		.retain = o->retain,
		.qos = o->qos,
		.packet_id = o->packet_id,
		.topic = topic_of(o->msg),
		.payload = { .data = mqtt_msg_payload(o->msg), .len = o->msg->payload_len },
	};
	int r = mqtt_encode_publish(&c->out, c->version, &p);

	if (r < 0)
		return r;
	s->counters.sent++;
	mqtt_client_has_news(s, c);
	return 0;
}

/* QoS 0 to a connected client, without detour. */
static void write_now_or_drop(struct mqtt_server *s, struct mqtt_client *c, struct mqtt_msg *m)
{
	struct mqtt_out o = { .msg = m };

	if (!has_room(c, m, 0))
		s->counters.dropped_slow++;
	else if (write_publish(s, c, &o) < 0)
		s->counters.dropped_nomem++;
}

static void keep(struct mqtt_server *s, struct mqtt_session *session, struct mqtt_msg *m,
    uint8_t qos, bool retain)
{
	int r = mqtt_session_enqueue(&s->sessions, session, m, qos, retain);

	if (r == -ENOMEM)
		s->counters.dropped_nomem++;
	else if (r < 0)
		s->counters.dropped_queue++;
	else if (session->client)
		mqtt_deliver_pump(s, session->client);
}

void mqtt_deliver(struct mqtt_server *s, struct mqtt_msg *m)
{
	struct subs_owner *o = subs_match(&s->sessions.subs, mqtt_msg_topic(m), m->topic_len, NULL);

	for (; o; o = o->match_next) {
		struct mqtt_session *session = MQTT_LINK_OWNER(o, struct mqtt_session, subs);
		uint8_t qos = o->match_qos < m->qos ? o->match_qos : m->qos;

		if (!mqtt_session_may_read(s, session, topic_of(m)))
			continue;
		if (qos > 0)
			keep(s, session, m, qos, false);
		else if (session->client && !session->client->is_eof)
			write_now_or_drop(s, session->client, m);
	}
}

void mqtt_deliver_retained(
    struct mqtt_server *s, struct mqtt_client *c, struct span filter, uint8_t qos)
{
	struct mqtt_retain_walk w;
	struct mqtt_msg *m;

	mqtt_retain_walk_init(&w, &s->retain, filter);
	while ((m = mqtt_retain_walk_next(&w))) {
		/* Even those of QoS 0 wait when the buffer is full: many at once is usual here and
		 * no sign of a slow client. */
		if (mqtt_session_may_read(s, c->session, topic_of(m)))
			keep(s, c->session, m, qos < m->qos ? qos : m->qos, true);
	}
}

/* What was in flight when the connection was lost is sent again, in the old order
 * [MQTT-4.4.0-1, 4.6.0-1]. False when the buffer is full. */
static bool resend_inflight(struct mqtt_server *s, struct mqtt_client *c)
{
	struct mqtt_session *session = c->session;

	for (size_t i = 0; session->unsent > 0 && i < session->inflight_count; i++) {
		struct mqtt_out *o = &session->inflight[i];

		if (o->is_sent)
			continue;
		if (o->awaits == MQTT_AWAITS_PUBCOMP) {
			if (mqtt_encode_ack(&c->out, c->version, MQTT_TYPE_PUBREL, o->packet_id) <
			    0)
				return false;
			mqtt_client_has_news(s, c);
		} else if (!has_room(c, o->msg, o->qos) || write_publish(s, c, o) < 0) {
			return false;
		}
		mqtt_session_sent(session, o);
	}
	return true;
}

void mqtt_deliver_pump(struct mqtt_server *s, struct mqtt_client *c)
{
	struct mqtt_out *o;

	if (c->state != MQTT_CLIENT_ONLINE || c->is_eof || !resend_inflight(s, c))
		return;
	while ((o = mqtt_session_first(c->session)) && has_room(c, o->msg, o->qos)) {
		if (o->qos == 0) {
			if (write_publish(s, c, o) < 0)
				return;
			mqtt_session_drop_first(&s->sessions, c->session);
			continue;
		}
		o = mqtt_session_launch_first(c->session);
		if (!o || write_publish(s, c, o) < 0)
			return;
		mqtt_session_sent(c->session, o);
	}
}

int mqtt_deliver_puback(struct mqtt_server *s, struct mqtt_client *c, uint16_t packet_id)
{
	struct mqtt_out *o = mqtt_session_inflight(c->session, packet_id);

	if (!o)
		return 0;
	if (o->awaits != MQTT_AWAITS_PUBACK)
		return -EBADMSG;
	mqtt_session_done(&s->sessions, c->session, o);
	mqtt_deliver_pump(s, c);
	return 0;
}

int mqtt_deliver_pubrec(struct mqtt_server *s, struct mqtt_client *c, uint16_t packet_id)
{
	struct mqtt_out *o = mqtt_session_inflight(c->session, packet_id);
	int r;

	if (o && o->awaits == MQTT_AWAITS_PUBACK)
		return -EBADMSG;
	if (o && o->awaits == MQTT_AWAITS_PUBREC)
		mqtt_session_released(&s->sessions, c->session, o);
	/* For an identifier that we do not know as well: the client has state to get rid of. */
	r = mqtt_encode_ack(&c->out, c->version, MQTT_TYPE_PUBREL, packet_id);
	if (r < 0)
		mqtt_client_close_unwritable(s, c, r);
	else
		mqtt_client_has_news(s, c);
	return 0;
}

int mqtt_deliver_pubcomp(struct mqtt_server *s, struct mqtt_client *c, uint16_t packet_id)
{
	struct mqtt_out *o = mqtt_session_inflight(c->session, packet_id);

	if (!o)
		return 0;
	if (o->awaits != MQTT_AWAITS_PUBCOMP)
		return -EBADMSG;
	mqtt_session_done(&s->sessions, c->session, o);
	mqtt_deliver_pump(s, c);
	return 0;
}
