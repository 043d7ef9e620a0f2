/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/mqtt_server_impl.h"

#include "mqtt/mqtt_auth.h"
#include "mqtt/mqtt_topic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GENERATED_ID_BYTES 32

static bool span_equal(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* May this client in? User names that nobody checked are worth nothing: *ret_user, whose rights
 * apply, stays empty then. */
static enum mqtt_connack check_identity(
    const struct mqtt_listener *l, const struct mqtt_connect *p, struct span *ret_user)
{
	*ret_user = (struct span){ 0 };
	if (p->has_user && mqtt_auth_has_users(l->auth)) {
		if (!mqtt_auth_check(l->auth, p->user, p->password))
			return MQTT_CONNACK_NOT_AUTHORIZED;
		*ret_user = p->user;
		return MQTT_CONNACK_ACCEPTED;
	}
	return l->allow_anonymous ? MQTT_CONNACK_ACCEPTED : MQTT_CONNACK_NOT_AUTHORIZED;
}

static enum mqtt_connack check(const struct mqtt_server *s, const struct mqtt_client *c,
    const struct mqtt_connect *p, struct span *ret_user)
{
	bool has_no_id = p->client_id.len == 0;

	if (!p->is_supported)
		return MQTT_CONNACK_BAD_VERSION; /* [MQTT-3.1.2-2] */
	if (has_no_id && (!p->clean_session || p->version == MQTT_VERSION_31))
		return MQTT_CONNACK_BAD_CLIENT_ID; /* [MQTT-3.1.3-8] */
	if (p->client_id.len > MQTT_CLIENT_ID_MAX)
		return MQTT_CONNACK_BAD_CLIENT_ID; /* [MQTT-3.1.3-9] */
	if (p->user.len > MQTT_USER_MAX)
		return MQTT_CONNACK_BAD_USER;
	return check_identity(&s->listeners[c->listener], p, ret_user);
}

static void refuse(
    struct mqtt_server *s, struct mqtt_client *c, uint8_t version, enum mqtt_connack code)
{
	/* Should the answer not fit anywhere, the end of the connection is answer enough. */
	(void)mqtt_encode_connack(&c->out, version, false, code);
	mqtt_client_close(s, c, MQTT_CLOSE_REFUSED);
}

/* The client's own identifier, or a new one [MQTT-3.1.3-6]. */
static struct span choose_id(
    struct mqtt_server *s, const struct mqtt_connect *p, char text[GENERATED_ID_BYTES])
{
	struct span id = p->client_id;

	while (id.len == 0 || (p->client_id.len == 0 && mqtt_sessions_find(&s->sessions, id))) {
		s->generated_ids++;
		id.len = (size_t)snprintf(
		    text, GENERATED_ID_BYTES, "auto-%llu", (unsigned long long)s->generated_ids);
		id.data = (const uint8_t *)text;
	}
	return id;
}

/* The session to go on with, or a new one. A session is its user's: somebody else with the same
 * client identifier does not get the messages in it. 0, -ENOMEM, -ENOSPC. */
static int find_session(struct mqtt_server *s, struct span id, struct span user, bool clean,
    struct mqtt_session **ret, bool *ret_present)
{
	struct mqtt_session *old = mqtt_sessions_find(&s->sessions, id);

	if (old && old->client) {
		mqtt_client_close(s, old->client, MQTT_CLOSE_TAKEN_OVER); /* [MQTT-3.1.4-2] */
		old = mqtt_sessions_find(&s->sessions, id);
	}
	if (old && !clean && span_equal(old->user, user)) {
		*ret = old;
		*ret_present = true;
		return 0;
	}
	if (old)
		mqtt_sessions_destroy(&s->sessions, old);
	*ret_present = false;
	return mqtt_sessions_create(&s->sessions, id, user, ret);
}

static void start_keepalive(
    struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms, uint16_t keepalive_s)
{
	c->last_packet_ms = now_ms;
	c->silence_max_ms = (uint32_t)keepalive_s * 1500; /* [MQTT-3.1.2-24] */
	if (c->silence_max_ms == 0)
		timerq_cancel(&s->timers, &c->timer);
	else
		/* Armed for CONNECT, so it only moves and cannot fail. */
		(void)timerq_set(&s->timers, &c->timer, now_ms + c->silence_max_ms);
}

/* All is well with the packet: get in. */
static void enter(struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms,
    const struct mqtt_connect *p, struct span user)
{
	char generated[GENERATED_ID_BYTES];
	struct span id = choose_id(s, p, generated);
	bool is_present;
	int r;

	c->version = (enum mqtt_version)p->version;
	c->client_id = strndup((const char *)id.data, id.len);
	if (p->has_will)
		c->will = mqtt_will_new(p);
	if (!c->client_id || (p->has_will && !c->will)) {
		mqtt_client_close(s, c, MQTT_CLOSE_NOMEM);
		return;
	}
	r = find_session(s, id, user, p->clean_session, &c->session, &is_present);
	if (r < 0) {
		refuse(s, c, p->version, MQTT_CONNACK_UNAVAILABLE);
		return;
	}
	mqtt_session_attach(c->session, c, c->listener, !p->clean_session);
	c->state = MQTT_CLIENT_ONLINE;
	c->notices |= MQTT_NOTICE_ONLINE;
	mqtt_list_append(&s->notices, &c->notice);
	start_keepalive(s, c, now_ms, p->keepalive_s);
	/* CONNACK is the first packet [MQTT-3.2.0-1]. */
	r = mqtt_encode_connack(&c->out, p->version, is_present, MQTT_CONNACK_ACCEPTED);
	if (r < 0) {
		mqtt_client_close_unwritable(s, c, r);
		return;
	}
	mqtt_client_has_news(s, c);
	mqtt_deliver_pump(s, c);
}

void mqtt_client_connect(
    struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms, const struct mqtt_frame *f)
{
	struct mqtt_connect p;
	struct span user;
	enum mqtt_connack code;

	if (mqtt_decode_connect(f, &p) < 0) {
		mqtt_client_close(s, c, MQTT_CLOSE_PROTOCOL);
		return;
	}
	if (p.is_supported && p.has_will &&
	    !mqtt_topic_is_name((const char *)p.will_topic.data, p.will_topic.len)) {
		mqtt_client_close(s, c, MQTT_CLOSE_PROTOCOL);
		return;
	}
	code = check(s, c, &p, &user);
	if (code == MQTT_CONNACK_ACCEPTED)
		enter(s, c, now_ms, &p, user);
	else
		refuse(s, c, p.version, code);
}
