/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/mqtt_server_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void set_expiry(struct mqtt_will *w, const struct mqtt_props *props)
{
	w->delay_s = props->will_delay_s;
	w->has_expiry = mqtt_props_has(props, MQTT_PROP_MESSAGE_EXPIRY);
	w->expiry_s = props->message_expiry_s;
}

int mqtt_will_new(const struct mqtt_connect *p, struct span client_id, struct mqtt_will **ret)
{
	struct mqtt_will *w = calloc(1, sizeof(*w) + client_id.len);
	int r;

	if (!w)
		return -ENOMEM;
	set_expiry(w, &p->will_props);
	w->client_id_len = client_id.len;
	memcpy(w->client_id, client_id.data, client_id.len);
	r = mqtt_msg_new_picked(p->will_topic, p->will_payload, &p->will_props, p->will_qos,
	    p->will_retain, 0, &w->msg);
	if (r < 0) {
		free(w);
		return r;
	}
	*ret = w;
	return 0;
}

void mqtt_will_free(struct mqtt_will *w)
{
	if (!w)
		return;
	mqtt_msg_unref(w->msg);
	free(w);
}

static struct span topic_of(const struct mqtt_msg *m)
{
	return (struct span){ .data = m->bytes, .len = m->topic_len };
}

/* To those that are to be offered; it is counted among them already. */
static void queue(struct mqtt_server *s, struct mqtt_will *w)
{
	/* Nobody else has the message yet. */
	if (w->has_expiry)
		w->msg->expires_ms = mqtt_msg_expiry(s->now_ms, w->expiry_s);
	mqtt_list_append(&s->wills, &w->link);
}

void mqtt_will_execute(struct mqtt_server *s, struct mqtt_client *c)
{
	struct mqtt_will *w = c->will;

	if (!w)
		return;
	c->will = NULL;
	if (!mqtt_session_may_write(s, c->session, topic_of(w->msg))) {
		mqtt_will_free(w);
		return;
	}
	if (s->will_count >= MQTT_WILLS_MAX) {
		s->counters.dropped[MQTT_DROP_QUEUE]++;
		mqtt_will_free(w);
		return;
	}
	s->will_count++;
	if (w->delay_s > 0 && c->session->is_persistent)
		mqtt_session_keep_will(
		    &s->sessions, c->session, w, s->now_ms + (uint64_t)w->delay_s * 1000);
	else
		queue(s, w);
}

int mqtt_will_end_session(struct mqtt_server *s, struct mqtt_session *session)
{
	struct mqtt_will *w = mqtt_session_take_will(&s->sessions, session);

	if (w)
		queue(s, w);
	return mqtt_session_end(&s->sessions, session, s->now_ms);
}

void mqtt_will_tick(struct mqtt_server *s)
{
	struct mqtt_session *session;

	while ((session = mqtt_sessions_due(&s->sessions, s->now_ms))) {
		if (session->expires_at_ms <= s->now_ms)
			(void)mqtt_will_end_session(s, session); /* it is tried again */
		else
			queue(s, mqtt_session_take_will(&s->sessions, session));
	}
}

const struct mqtt_session *mqtt_will_publisher(const struct mqtt_server *s)
{
	const struct mqtt_will *w = s->offer.will;

	return mqtt_sessions_find(
	    &s->sessions, (struct span){ .data = w->client_id, .len = w->client_id_len });
}

bool mqtt_will_offer(struct mqtt_server *s)
{
	struct mqtt_link *l = mqtt_list_pop(&s->wills);
	struct mqtt_will *w;

	if (!l)
		return false;
	w = MQTT_LINK_OWNER(l, struct mqtt_will, link);
	s->offer = (struct mqtt_offer){ .msg = mqtt_msg_ref(w->msg), .will = w };
	return true;
}

void mqtt_will_verdict(struct mqtt_server *s, enum mqtt_verdict verdict)
{
	struct mqtt_will *w = s->offer.will;

	if (verdict == MQTT_HOLD) {
		mqtt_list_append(&s->held_wills, &w->link);
		return;
	}
	s->will_count--;
	mqtt_will_free(w);
}

void mqtt_will_resume_held(struct mqtt_server *s)
{
	struct mqtt_link *l;

	while ((l = mqtt_list_pop(&s->held_wills)))
		mqtt_list_append(&s->wills, l);
}

void mqtt_will_free_all(struct mqtt_server *s)
{
	struct mqtt_link *l;

	for (size_t i = 0; i < MQTT_SESSION_BUCKETS; i++) {
		for (struct mqtt_session *a = s->sessions.buckets[i]; a; a = a->chain)
			mqtt_will_free(mqtt_session_take_will(&s->sessions, a));
	}
	mqtt_will_resume_held(s);
	while ((l = mqtt_list_pop(&s->wills)))
		mqtt_will_free(MQTT_LINK_OWNER(l, struct mqtt_will, link));
	if (s->offer.msg && s->offer.will)
		mqtt_will_free(s->offer.will);
	s->will_count = 0;
}
