/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/mqtt_server_impl.h"

#include "base/utf8.h"
#include "mqtt/mqtt_auth.h"
#include "mqtt/mqtt_topic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GENERATED_ID_BYTES 32

/* May this client in? User names that nobody checked are worth nothing: *ret_user, whose rights
 * apply, stays empty then. */
static enum mqtt_reason check_identity(
    const struct mqtt_listener *l, const struct mqtt_connect *p, struct span *ret_user)
{
	*ret_user = (struct span){ 0 };
	if (p->has_user && mqtt_auth_has_users(l->auth)) {
		if (!mqtt_auth_check(l->auth, p->user, p->password))
			return MQTT_REASON_NOT_AUTHORIZED;
		*ret_user = p->user;
		return MQTT_REASON_SUCCESS;
	}
	return l->allow_anonymous ? MQTT_REASON_SUCCESS : MQTT_REASON_NOT_AUTHORIZED;
}

static enum mqtt_reason check(const struct mqtt_server *s, const struct mqtt_client *c,
    const struct mqtt_connect *p, struct span *ret_user)
{
	bool has_no_id = p->client_id.len == 0;

	if (!p->is_supported)
		return MQTT_REASON_BAD_VERSION; /* [MQTT-3.1.2-2] */
	if (mqtt_props_has(&p->props, MQTT_PROP_AUTH_METHOD))
		return MQTT_REASON_BAD_AUTH_METHOD; /* MQTT 5.0 [MQTT-4.12.0-1] */
	if (has_no_id && p->version != MQTT_VERSION_5 &&
	    (!p->clean_start || p->version == MQTT_VERSION_31))
		return MQTT_REASON_BAD_CLIENT_ID; /* [MQTT-3.1.3-8] */
	if (p->client_id.len > MQTT_CLIENT_ID_MAX)
		return MQTT_REASON_BAD_CLIENT_ID; /* [MQTT-3.1.3-9] */
	if (p->user.len > MQTT_USER_MAX)
		return MQTT_REASON_BAD_USER;
	if (p->will_props.payload_format == 1 &&
	    !utf8_is_text(p->will_payload.data, p->will_payload.len))
		return MQTT_REASON_PAYLOAD_FORMAT; /* MQTT 5.0, 3.1.3.2.3 */
	return check_identity(&s->listeners[c->listener], p, ret_user);
}

static void refuse(struct mqtt_server *s, struct mqtt_client *c, const struct mqtt_connect *p,
    enum mqtt_reason code)
{
	const struct mqtt_connack answer = { .reason = code };

	/* For whoever is told of the end. */
	if (!c->client_id && p->client_id.len > 0)
		c->client_id = strndup((const char *)p->client_id.data,
		    p->client_id.len < MQTT_CLIENT_ID_MAX ? p->client_id.len : MQTT_CLIENT_ID_MAX);
	/* Should the answer not fit anywhere, the end of the connection is answer enough. */
	(void)mqtt_encode_connack(&c->out, p->version, &answer);
	mqtt_client_close_because(s, c, MQTT_CLOSE_REFUSED, code);
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

/* The will of a session that goes on without having been missed is not published (MQTT 5.0
 * [MQTT-3.1.3-9]). */
static void forget_will(struct mqtt_server *s, struct mqtt_session *session)
{
	struct mqtt_will *w = mqtt_session_take_will(&s->sessions, session);

	s->will_count -= w != NULL;
	mqtt_will_free(w);
}

/* What became of the sessions with the client identifier. */
struct found {
	struct mqtt_session *session;
	bool is_present;  /* it was there before */
	bool was_dropped; /* another one was, from the store */
};

/* The session to go on with, or a new one. A session is its user's: somebody else with the same
 * client identifier does not get the messages in it. 0, -ENOMEM, -ENOSPC, -EIO. */
static int find_session(
    struct mqtt_server *s, struct span id, struct span user, bool clean, struct found *ret)
{
	struct mqtt_session *old = mqtt_sessions_find(&s->sessions, id);
	int r;

	if (old && old->client) {
		mqtt_client_close(s, old->client, MQTT_CLOSE_TAKEN_OVER); /* [MQTT-3.1.4-2] */
		old = mqtt_sessions_find(&s->sessions, id);
	}
	if (old && !clean && span_equal(old->user, user)) {
		forget_will(s, old);
		*ret = (struct found){ .session = old, .is_present = true };
		return 0;
	}
	*ret = (struct found){ .was_dropped = old && old->is_stored };
	r = old ? mqtt_will_end_session(s, old) : 0;
	if (r < 0)
		return r;
	return mqtt_sessions_create(&s->sessions, id, user, &ret->session);
}

/* As find_session; a session that is to outlive the connection is in the store then. */
static int open_session(struct mqtt_server *s, const struct mqtt_client *c,
    const struct mqtt_connect *p, struct span id, struct span user, struct found *ret)
{
	int r = find_session(s, id, user, p->clean_start, ret);

	if (r < 0)
		return r;
	r = mqtt_session_set_expiry(&s->sessions, ret->session, p->session_expiry_s);
	if (r == 0 && (!ret->is_present || ret->session->listener != c->listener))
		r = mqtt_session_store(
		    &s->sessions, ret->session, s->listeners[c->listener].address);
	if (r < 0 && !ret->is_present)
		mqtt_sessions_destroy(&s->sessions, ret->session);
	return r;
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

/* What the client said of itself (MQTT 5.0, 3.1.2.11). */
static void use_props(struct mqtt_client *c, const struct mqtt_props *props)
{
	c->wants_reasons =
	    !mqtt_props_has(props, MQTT_PROP_REQUEST_PROBLEM) || props->request_problem;
	if (mqtt_props_has(props, MQTT_PROP_PACKET_MAX))
		c->packet_max = props->packet_max;
}

static uint16_t receive_max_of(const struct mqtt_props *props)
{
	return mqtt_props_has(props, MQTT_PROP_RECEIVE_MAX) ? (uint16_t)props->receive_max
							    : UINT16_MAX;
}

/* CONNACK is the first packet [MQTT-3.2.0-1]. What the client wanted to be rid of must not come
 * back after a crash: it waits for that. False: the connection is closed. */
static bool greet(struct mqtt_server *s, struct mqtt_client *c, const struct mqtt_connect *p,
    struct span id, const struct found *found)
{
	const struct mqtt_connack hello = {
		.session_present = found->is_present,
		.assigned_id = p->client_id.len == 0 ? id : (struct span){ 0 },
	};
	struct buf *answer;
	int r;

	c->is_greeted = !found->was_dropped;
	answer = mqtt_client_answer(c, false);
	r = mqtt_encode_connack(answer, p->version, &hello);
	if (r == 0 && buf_len(answer) > c->packet_max) {
		buf_clear(answer);
		mqtt_client_close(s, c, MQTT_CLOSE_REFUSED);
		return false;
	}
	mqtt_client_answered(s, c, answer, r);
	/* From now on a DISCONNECT can be sent, too. */
	c->version = (enum mqtt_version)p->version;
	return c->state != MQTT_CLIENT_CLOSED;
}

/* Identifier and will, before anything else changes. False: the connection is closed. */
static bool take_names(
    struct mqtt_server *s, struct mqtt_client *c, const struct mqtt_connect *p, struct span id)
{
	int r = 0;

	c->client_id = strndup((const char *)id.data, id.len);
	if (p->has_will)
		r = mqtt_will_new(p, id, &c->will);
	if (r == -ENOBUFS)
		refuse(s, c, p, MQTT_REASON_QUOTA);
	else if (!c->client_id || r < 0)
		mqtt_client_close(s, c, MQTT_CLOSE_NOMEM);
	return c->state != MQTT_CLIENT_CLOSED;
}

/* All is well with the packet: get in. */
static void enter(struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms,
    const struct mqtt_connect *p, struct span user)
{
	char generated[GENERATED_ID_BYTES];
	struct span id = choose_id(s, p, generated);
	struct found found;
	int r;

	if (!take_names(s, c, p, id))
		return;
	r = open_session(s, c, p, id, user, &found);
	if (r < 0) {
		refuse(s, c, p, r == -ENOSPC ? MQTT_REASON_QUOTA : MQTT_REASON_UNAVAILABLE);
		return;
	}
	c->session = found.session;
	use_props(c, &p->props);
	mqtt_session_attach(&s->sessions, c->session, c, c->listener, receive_max_of(&p->props));
	c->state = MQTT_CLIENT_ONLINE;
	c->notices |= MQTT_NOTICE_ONLINE;
	mqtt_list_append(&s->notices, &c->notice);
	start_keepalive(s, c, now_ms, p->keepalive_s);
	if (greet(s, c, p, id, &found))
		mqtt_deliver_pump(s, c);
}

/* What it changes in the store waits while a commit is under way. */
static bool has_to_wait(const struct mqtt_server *s, const struct mqtt_connect *p)
{
	const struct mqtt_session *old;

	if (!s->is_committing || !s->persist.store)
		return false;
	old = mqtt_sessions_find(&s->sessions, p->client_id);
	return p->session_expiry_s > 0 || (old && old->is_stored);
}

/* What cannot be read is answered in MQTT 5.0 alone (MQTT 5.0, 4.13.1). */
static void reject(struct mqtt_server *s, struct mqtt_client *c, uint8_t version, int error)
{
	const struct mqtt_connack p = {
		.reason = error == -EPROTO ? MQTT_REASON_PROTOCOL_ERROR : MQTT_REASON_MALFORMED,
	};

	if (version == MQTT_VERSION_5 && mqtt_encode_connack(&c->out, version, &p) == 0)
		mqtt_client_close_because(s, c, MQTT_CLOSE_REFUSED, p.reason);
	else
		mqtt_client_close(s, c, MQTT_CLOSE_PROTOCOL);
}

void mqtt_client_connect(
    struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms, const struct mqtt_frame *f)
{
	struct mqtt_connect p;
	struct span user;
	enum mqtt_reason code;
	uint8_t version;
	int r = mqtt_decode_connect(f, &p, &version);

	if (r < 0) {
		reject(s, c, version, r);
		return;
	}
	if (p.is_supported && p.has_will &&
	    !mqtt_topic_is_name((const char *)p.will_topic.data, p.will_topic.len)) {
		if (p.version == MQTT_VERSION_5)
			refuse(s, c, &p, MQTT_REASON_BAD_TOPIC);
		else
			mqtt_client_close(s, c, MQTT_CLOSE_PROTOCOL);
		return;
	}
	if (has_to_wait(s, &p)) {
		mqtt_client_hold(s, c);
		return;
	}
	code = check(s, c, &p, &user);
	if (code == MQTT_REASON_SUCCESS)
		enter(s, c, now_ms, &p, user);
	else
		refuse(s, c, &p, code);
}
