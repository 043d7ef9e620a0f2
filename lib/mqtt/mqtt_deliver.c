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

/* A PUBLISH as one client gets it. */
struct ready {
	struct mqtt_publish publish;
	struct mqtt_publish_props props; /* MQTT 5.0 alone */
	size_t len;                      /* of the packet */
};

/* What is left of its time goes with it, 0 of what was sent before and is too old by now
 * (MQTT 5.0 [MQTT-3.3.2-6]). */
static struct mqtt_publish_props props_of(const struct mqtt_server *s, const struct mqtt_out *o)
{
	uint64_t expires_ms = o->msg->expires_ms;
	uint64_t left_ms = expires_ms > s->now_ms ? expires_ms - s->now_ms : 0;

	return (struct mqtt_publish_props){
		.has_expiry = expires_ms,
		.expiry_s = (uint32_t)((left_ms + 999) / 1000),
		.ids = { .data = o->ids, .len = o->ids_len },
		.others = mqtt_msg_properties(o->msg),
	};
}

static void make_ready(const struct mqtt_server *s, const struct mqtt_client *c,
    const struct mqtt_out *o, struct ready *ret)
{
	ret->publish = (struct mqtt_publish){
		.dup = o->is_dup,
		.retain = o->retain,
		.qos = o->qos,
		.packet_id = o->packet_id,
		.topic = topic_of(o->msg),
		.payload = { .data = mqtt_msg_payload(o->msg), .len = o->msg->payload_len },
	};
	if (c->version == MQTT_VERSION_5)
		ret->props = props_of(s, o);
	ret->len = mqtt_publish_len(c->version, &ret->publish, &ret->props);
}

/* Messages leave a reserve for acknowledgements, whose loss would cost the connection. */
static bool has_room(const struct mqtt_client *c, size_t len)
{
	return len + MQTT_OUT_RESERVE <= buf_room(&c->out);
}

/* The client will not have it, and it is dropped as if it had been sent: it is too old (MQTT 5.0
 * [MQTT-3.3.2-5]), or larger than the client takes (MQTT 5.0 [MQTT-3.1.2-24, -25]). */
static bool is_to_be_dropped(
    struct mqtt_server *s, const struct mqtt_client *c, const struct mqtt_out *o, size_t len)
{
	bool is_expired = !o->is_dup && mqtt_msg_is_expired(o->msg, s->now_ms);

	if (is_expired)
		s->counters.dropped[MQTT_DROP_EXPIRED]++;
	else if (len > c->packet_max)
		s->counters.dropped[MQTT_DROP_TOO_LARGE]++;
	return is_expired || len > c->packet_max;
}

static int write_publish(struct mqtt_server *s, struct mqtt_client *c, const struct ready *p)
{
	int r = mqtt_encode_publish(&c->out, c->version, &p->publish, &p->props);

	if (r < 0)
		return r;
	s->counters.sent++;
	mqtt_client_has_news(s, c);
	return 0;
}

/* QoS 0 to a connected client, without detour. */
static void write_now_or_drop(
    struct mqtt_server *s, struct mqtt_client *c, const struct mqtt_out *o)
{
	struct ready p;

	make_ready(s, c, o, &p);
	if (is_to_be_dropped(s, c, o, p.len))
		return;
	if (!has_room(c, p.len))
		s->counters.dropped[MQTT_DROP_SLOW]++;
	else if (write_publish(s, c, &p) < 0)
		s->counters.dropped[MQTT_DROP_NOMEM]++;
}

/* What is too old at the front of a queue makes room. */
static void drop_expired(struct mqtt_server *s, struct mqtt_session *session)
{
	struct mqtt_out *o;

	while ((o = mqtt_session_first(session)) && mqtt_msg_is_expired(o->msg, s->now_ms)) {
		s->counters.dropped[MQTT_DROP_EXPIRED]++;
		mqtt_session_drop_first(&s->sessions, session);
	}
}

static void keep(struct mqtt_server *s, struct mqtt_session *session, const struct mqtt_out *o)
{
	int r;

	drop_expired(s, session);
	r = mqtt_session_enqueue(&s->sessions, session, o);
	if (r == -ENOMEM)
		s->counters.dropped[MQTT_DROP_NOMEM]++;
	else if (r < 0)
		s->counters.dropped[MQTT_DROP_QUEUE]++;
	else if (session->client)
		mqtt_deliver_pump(s, session->client);
}

/* Subscription identifiers as they are sent; returns how many bytes they take. */
static size_t put_ids(const uint32_t *ids, size_t count, uint8_t *at)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++)
		len += mqtt_prop_put(at + len, MQTT_PROP_SUBSCRIPTION_ID, ids[i]);
	return len;
}

/* A session in the store has no room there for the message, or the store could not take it. Who is
 * connected gets it all the same, but not at QoS 2: after a crash the identifier could be that of
 * another message, which the client would take for a repetition. */
static void pass_on_unstored(
    struct mqtt_server *s, struct mqtt_session *session, const struct mqtt_out *out)
{
	struct mqtt_out lower = *out;

	lower.qos = 1;
	lower.seq = 0;
	if (session->client)
		keep(s, session, &lower);
	else
		s->counters.dropped[MQTT_DROP_QUEUE]++;
}

/* One message on its way to those who subscribed. */
struct delivery {
	struct mqtt_msg *msg;
	const struct subs_owner *from;
	bool is_for_store; /* sessions that are in the store keep it there or not at all */
	uint64_t seq;
};

struct mqtt_out mqtt_out_of(struct mqtt_msg *m, const struct subs_owner *o)
{
	return (struct mqtt_out){
		.msg = m,
		.qos = o->match_qos < m->qos ? o->match_qos : m->qos,
		.retain = m->retain && o->match_retain, /* MQTT 5.0 [MQTT-3.3.1-13] */
	};
}

void mqtt_put_ids(const struct subs_owner *o, struct mqtt_out *out, uint8_t bytes[MQTT_IDS_MAX])
{
	uint32_t ids[MQTT_SUBS_PER_CLIENT_MAX];
	size_t count = o->match_ids ? subs_match_ids(o, ids, MQTT_SUBS_PER_CLIENT_MAX) : 0;

	out->ids_len = (uint16_t)put_ids(ids, count, bytes);
	out->ids = count > 0 ? bytes : NULL;
}

static void deliver_to(struct mqtt_server *s, struct mqtt_session *session,
    const struct delivery *d, struct mqtt_out *out)
{
	bool has_copy = d->seq && session->plan == s->sessions.plan;

	if (session->is_stored && has_copy)
		out->seq = d->seq;
	if (out->qos > 0 && d->is_for_store && session->is_stored && !has_copy)
		pass_on_unstored(s, session, out);
	else if (out->qos > 0 || (session->client && !session->client->is_greeted))
		keep(s, session, out);
	else if (session->client && !session->client->is_eof)
		write_now_or_drop(s, session->client, out);
}

/* To one whose subscriptions have identifiers. */
static void deliver_with_ids(struct mqtt_server *s, struct mqtt_session *session,
    const struct delivery *d, struct mqtt_out *out)
{
	uint8_t bytes[MQTT_IDS_MAX];

	mqtt_put_ids(&session->subs, out, bytes);
	deliver_to(s, session, d, out);
}

static void deliver(struct mqtt_server *s, const struct delivery *d)
{
	struct mqtt_msg *m = d->msg;
	struct subs_owner *o =
	    subs_match(&s->sessions.subs, mqtt_msg_topic(m), m->topic_len, d->from);

	for (; o; o = o->match_next) {
		struct mqtt_session *session = MQTT_LINK_OWNER(o, struct mqtt_session, subs);
		struct mqtt_out out = mqtt_out_of(m, o);

		if (!mqtt_session_may_read(s, session, topic_of(m)))
			continue;
		if (o->match_ids)
			deliver_with_ids(s, session, d, &out);
		else
			deliver_to(s, session, d, &out);
	}
}

void mqtt_deliver(struct mqtt_server *s, struct mqtt_msg *m, const struct subs_owner *from)
{
	deliver(s, &(struct delivery){ .msg = m, .from = from });
}

void mqtt_deliver_stored(
    struct mqtt_server *s, struct mqtt_msg *m, const struct subs_owner *from, uint64_t seq)
{
	deliver(s, &(struct delivery){ .msg = m, .from = from, .is_for_store = true, .seq = seq });
}

/* One of those that are retained. seq: its number in the store, 0: it is not there. */
static void deliver_retained(
    struct mqtt_server *s, struct mqtt_session *session, struct mqtt_out *out, uint64_t seq)
{
	bool is_for_store = session->is_stored && out->qos > 0 && seq;

	if (is_for_store)
		out->seq = mqtt_targets_copy(s, session, out, seq);
	/* Even those of QoS 0 wait when the buffer is full: many at once is usual here and no sign
	 * of a slow client. */
	if (is_for_store && !out->seq)
		pass_on_unstored(s, session, out);
	else
		keep(s, session, out);
}

void mqtt_deliver_retained(
    struct mqtt_server *s, struct mqtt_client *c, const struct mqtt_filter *filter, uint32_t id)
{
	uint8_t bytes[MQTT_PROP_NUMBER_MAX];
	struct mqtt_out out = { .retain = true };
	struct mqtt_retain_walk w;
	struct mqtt_msg *m;

	if (id) {
		out.ids_len = (uint16_t)put_ids(&id, 1, bytes);
		out.ids = bytes;
	}
	mqtt_retain_walk_init(&w, &s->retain, filter->filter);
	while ((m = mqtt_retain_walk_next(&w))) {
		out.msg = m;
		out.seq = 0;
		out.qos = filter->qos < m->qos ? filter->qos : m->qos;
		if (!mqtt_msg_is_expired(m, s->now_ms) &&
		    mqtt_session_may_read(s, c->session, topic_of(m)))
			deliver_retained(s, c->session, &out, w.seq);
	}
}

/* The client forgets the message when it has PUBREL: that it was released is durable first, so that
 * the message is not sent again. */
static int write_pubrel(
    struct mqtt_server *s, struct mqtt_client *c, uint16_t packet_id, enum mqtt_reason reason)
{
	const struct mqtt_ack p = { .packet_id = packet_id, .reason = (uint8_t)reason };
	struct buf *answer = mqtt_client_answer(c, c->session->is_stored);
	int r = mqtt_encode_ack(answer, c->version, MQTT_TYPE_PUBREL, &p, NULL);

	if (r == 0)
		mqtt_client_answered(s, c, answer, r);
	return r;
}

/* A window that the client does not bear any more is not sent at once (MQTT 5.0 [MQTT-3.3.4-9]). */
static bool has_window(const struct mqtt_session *session)
{
	return session->inflight_count - session->unsent < session->window;
}

/* One message in flight that was not sent on this connection yet. False: it has to wait. */
static bool resend(struct mqtt_server *s, struct mqtt_client *c, struct mqtt_out *o)
{
	struct mqtt_session *session = c->session;
	struct ready p;

	if (o->awaits == MQTT_AWAITS_PUBCOMP) {
		if (write_pubrel(s, c, o->packet_id, MQTT_REASON_SUCCESS) < 0)
			return false;
		mqtt_session_sent(session, o);
		return true;
	}
	make_ready(s, c, o, &p);
	if (is_to_be_dropped(s, c, o, p.len)) {
		mqtt_session_done(&s->sessions, session, o);
		return true;
	}
	if (!has_window(session) || !has_room(c, p.len) || write_publish(s, c, &p) < 0)
		return false;
	mqtt_session_sent(session, o);
	return true;
}

/* What was in flight when the connection was lost is sent again, in the old order
 * [MQTT-4.4.0-1, 4.6.0-1]. False when the buffer or the window is full. */
static bool resend_inflight(struct mqtt_server *s, struct mqtt_client *c)
{
	struct mqtt_session *session = c->session;
	size_t i = 0;

	while (session->unsent > 0 && i < session->inflight_count) {
		struct mqtt_out *o = &session->inflight[i];

		/* One that is done with is not there any more: the next one took its place. */
		if (o->is_sent)
			i++;
		else if (!resend(s, c, o))
			return false;
	}
	return true;
}

/* The first of those that wait. False: it has to wait on. */
static bool send_first(struct mqtt_server *s, struct mqtt_client *c, struct mqtt_out *o)
{
	struct ready p;

	make_ready(s, c, o, &p);
	if (is_to_be_dropped(s, c, o, p.len)) {
		mqtt_session_drop_first(&s->sessions, c->session);
		return true;
	}
	if (!has_room(c, p.len))
		return false;
	/* A client remembers the identifier of a QoS 2 message. If it had one that the store does
	 * not have after a crash, it would take the next message for it. */
	if (o->qos == 2 && o->seq > s->durable_seq) {
		mqtt_list_append(&s->queued, &c->queued);
		return false;
	}
	if (o->qos == 0) {
		if (write_publish(s, c, &p) < 0)
			return false;
		mqtt_session_drop_first(&s->sessions, c->session);
		return true;
	}
	o = mqtt_session_launch_first(c->session);
	if (!o || write_publish(s, c, &p) < 0)
		return false;
	mqtt_session_sent(c->session, o);
	return true;
}

void mqtt_deliver_pump(struct mqtt_server *s, struct mqtt_client *c)
{
	struct mqtt_out *o;

	if (c->state != MQTT_CLIENT_ONLINE || c->is_eof || !c->is_greeted || !resend_inflight(s, c))
		return;
	while ((o = mqtt_session_first(c->session)) && send_first(s, c, o))
		;
}

int mqtt_deliver_puback(struct mqtt_server *s, struct mqtt_client *c, uint16_t packet_id)
{
	struct mqtt_out *o = mqtt_session_inflight(c->session, packet_id);

	if (!o)
		return 0;
	if (o->awaits != MQTT_AWAITS_PUBACK)
		return -EPROTO;
	mqtt_session_done(&s->sessions, c->session, o);
	mqtt_deliver_pump(s, c);
	return 0;
}

/* The client refused it, and that is the end of it (MQTT 5.0, 4.3.3). */
static void pubrec_refused(struct mqtt_server *s, struct mqtt_client *c, struct mqtt_out *o)
{
	if (!o || o->awaits != MQTT_AWAITS_PUBREC)
		return;
	mqtt_session_done(&s->sessions, c->session, o);
	mqtt_deliver_pump(s, c);
}

int mqtt_deliver_pubrec(struct mqtt_server *s, struct mqtt_client *c, const struct mqtt_ack *p)
{
	struct mqtt_out *o = mqtt_session_inflight(c->session, p->packet_id);
	int r = 0;

	if (o && o->awaits == MQTT_AWAITS_PUBACK)
		return -EPROTO;
	if (MQTT_REASON_IS_FAILURE(p->reason)) {
		pubrec_refused(s, c, o);
		return 0;
	}
	if (o && o->awaits == MQTT_AWAITS_PUBREC)
		r = mqtt_session_released(&s->sessions, c->session, o);
	if (r < 0) {
		mqtt_client_close_unkept(s, c, r);
		return 0;
	}
	/* For an identifier that we do not know as well: the client has state to get rid of. */
	r = write_pubrel(s, c, p->packet_id, o ? MQTT_REASON_SUCCESS : MQTT_REASON_NO_PACKET_ID);
	if (r < 0)
		mqtt_client_close_unwritable(s, c, r);
	return 0;
}

int mqtt_deliver_pubcomp(struct mqtt_server *s, struct mqtt_client *c, uint16_t packet_id)
{
	struct mqtt_out *o = mqtt_session_inflight(c->session, packet_id);

	if (!o)
		return 0;
	if (o->awaits != MQTT_AWAITS_PUBCOMP)
		return -EPROTO;
	mqtt_session_done(&s->sessions, c->session, o);
	mqtt_deliver_pump(s, c);
	return 0;
}
