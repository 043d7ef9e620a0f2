/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/mqtt_server_impl.h"

#include <stdlib.h>

struct mqtt_will *mqtt_will_new(const struct mqtt_connect *p)
{
	struct mqtt_will *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->msg = mqtt_msg_new(p->will_topic.data, (uint16_t)p->will_topic.len, p->will_payload.data,
	    (uint32_t)p->will_payload.len, p->will_qos, p->will_retain);
	if (!w->msg) {
		free(w);
		return NULL;
	}
	return w;
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

void mqtt_will_queue(struct mqtt_server *s, struct mqtt_client *c)
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
		s->counters.dropped_queue++;
		mqtt_will_free(w);
		return;
	}
	s->will_count++;
	mqtt_list_append(&s->wills, &w->link);
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

	mqtt_will_resume_held(s);
	while ((l = mqtt_list_pop(&s->wills)))
		mqtt_will_free(MQTT_LINK_OWNER(l, struct mqtt_will, link));
	if (s->offer.msg && s->offer.will)
		mqtt_will_free(s->offer.will);
	s->will_count = 0;
}
