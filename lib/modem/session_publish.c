/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/session_impl.h"

#include "modem/sim7600.h"

#include <errno.h>

#define MQTT_ERR_LENGTH 22 /* length out of range (16.3.1) */

/* ---- pub_timeout ---- */

static unsigned pub_timeout_s(const struct session *s)
{
	return s->is_pub_timeout_long ? MODEM_PUB_TIMEOUT_MIN_S : s->env->family->pub_timeout_s;
}

/* A PUB was refused as one with a bad parameter, and its pub_timeout may be it: the same again goes
 * with the longer one. true: once a connection at most. */
static bool is_pub_timeout_refused(struct session *s, const struct at_event *ev)
{
	if (ev->result != AT_FAILED || ev->step != PUBLISH_STEP_PUB ||
	    (ev->has_err && ev->err != 12) || pub_timeout_s(s) >= MODEM_PUB_TIMEOUT_MIN_S)
		return false;
	s->is_pub_timeout_long = true;
	return true;
}

/* ---- a message of our owner's ---- */

bool session_can_publish(const struct session *s)
{
	return s->status.state == SESSION_ONLINE && s->phase == PHASE_IDLE &&
	       !s->exchange.is_busy && s->resume_at_ms == 0 && !s->is_suspect && !s->must_close &&
	       !s->env->is_restart_due;
}

/* The payload of a PUB that failed may still be staged (16.2.10 does not say), nothing but REL
 * takes it away, and an empty message would carry it. */
static void put_off_empty(struct session *s)
{
	const struct modem_event event = {
		.type = MODEM_EVENT_PUBLISHED, .client = s->client, .result = SEND_RETRY
	};

	s->must_close = true;
	event_queue_push(s->env->events, &event, NULL);
}

/* Other families take more: it is found out only now. */
static void refuse_too_long(struct session *s)
{
	const struct modem_event event = { .type = MODEM_EVENT_PUBLISHED,
		.client = s->client,
		.err = MQTT_ERR_LENGTH,
		.result = SEND_POISON };

	event_queue_push(s->env->events, &event, NULL);
}

int session_publish(struct session *s, uint64_t now_ms, const struct modem_publish *p)
{
	struct at_args *args;
	int r;

	if (p->topic.len < 1 || p->topic.len > MODEM_TOPIC_MAX ||
	    p->payload.len > MODEM_PAYLOAD_MAX || p->qos > 2)
		return -EINVAL;
	if (!session_can_publish(s))
		return -EBUSY;
	if (p->payload.len > s->env->family->payload_max) {
		refuse_too_long(s);
		return 0;
	}
	if (p->payload.len == 0 && s->is_payload_staged) {
		put_off_empty(s);
		return 0;
	}
	args = exchange_args(&s->exchange);
	at_args_number(args, "client_index", s->client);
	at_args_bytes(args, "topic", p->topic.data, p->topic.len);
	at_args_bytes(args, "payload", p->payload.data, p->payload.len);
	at_args_number(args, "qos", p->qos);
	at_args_number(args, "pub_timeout", pub_timeout_s(s));
	sim7600_publish_flags(args, p->retain, p->dup && p->qos > 0); /* [MQTT-3.3.1-2] */
	r = exchange_start(&s->exchange, s->env->chan, now_ms, sim7600_publish_script);
	if (r < 0)
		return -EBUSY;
	s->is_payload_staged = s->is_payload_staged || p->payload.len > 0;
	if (s->unconfirmed_since_ms == 0 || now_ms - s->published_at_ms > SESSION_PAUSE_MAX_MS)
		s->unconfirmed_since_ms = now_ms;
	s->phase = PHASE_PUBLISH;
	s->running = PHASE_PUBLISH;
	return 0;
}

/* ---- what became of it ---- */

/* A failure with a number. Past the PUB the message may be with the broker in spite of it, unless
 * the number says that there was no connection to send it on: at QoS 0 it must not go twice, and
 * above that the second time is a duplicate. */
static enum send_result result_of_err(const struct at_event *ev)
{
	bool may_be_out = ev->step == PUBLISH_STEP_PUB && ev->err != 9 && ev->err != 11 &&
			  ev->err != 14 && ev->err != 20;

	switch (mqtt_err_class(ev->err)) {
	case ERR_CLASS_POISON:
		return SEND_POISON;
	case ERR_CLASS_OK:
	case ERR_CLASS_RETRY:
		return may_be_out ? SEND_UNKNOWN : SEND_RETRY;
	case ERR_CLASS_SESSION:
	case ERR_CLASS_CONFIG:
		break;
	}
	return may_be_out ? SEND_UNKNOWN : SEND_SESSION;
}

static enum send_result send_result_of(const struct at_event *ev)
{
	switch (ev->result) {
	case AT_OK:
		return SEND_OK;
	case AT_FAILED:
		return ev->has_err ? result_of_err(ev) : SEND_RETRY;
	case AT_UNKNOWN:
		return ev->step == PUBLISH_STEP_PUB ? SEND_UNKNOWN : SEND_STUCK;
	case AT_CANCELLED:
		return SEND_SESSION;
	case AT_INVALID:
		break;
	}
	return SEND_POISON;
}

/* What the outcome of a publish means for the session. One that is not known ends it: a result that
 * comes minutes later must not be taken for that of the next publish, and on one connection nothing
 * is sent twice. */
static void judge_session(
    struct session *s, uint64_t now_ms, const struct at_event *ev, enum send_result result)
{
	const struct session_failure why = session_failure_of(s, ev);
	bool is_worn_out = s->retries >= SESSION_RETRIES_MAX;

	switch (result) {
	case SEND_OK:
	case SEND_POISON:
		s->retries = 0;
		s->busy_failures = 0;
		session_confirm(s, now_ms);
		if (!is_worn_out)
			return;
		break;
	case SEND_RETRY:
		s->resume_at_ms = now_ms + SESSION_PAUSE_MS;
		s->is_suspect = s->is_suspect || !ev->has_err;
		return;
	case SEND_SESSION:
	case SEND_STUCK:
	case SEND_UNKNOWN:
		break;
	}
	session_fail(s, now_ms, &why);
}

/* A session that went down takes with it what was not sent; too many refusals do the same. Without
 * a number they may speak against the message: an ERROR is all that is said of some. */
static enum send_result worn_out(
    struct session *s, uint64_t now_ms, const struct at_event *ev, bool is_session_alive)
{
	bool is_stray_possible = !ev->has_err && ev->step == PUBLISH_STEP_PUB;

	/* With the connection goes an ERROR, perhaps (seen): nobody knows about the message. */
	if (!is_session_alive)
		return is_stray_possible ? SEND_UNKNOWN : SEND_SESSION;
	if (session_has_patience(s, now_ms, ev))
		return SEND_RETRY;
	if (++s->retries < SESSION_RETRIES_MAX)
		return SEND_RETRY;
	return ev->has_err ? SEND_STUCK : SEND_POISON;
}

void session_publish_done(
    struct session *s, uint64_t now_ms, const struct at_event *ev, bool is_session_alive)
{
	enum send_result result = send_result_of(ev);
	struct modem_event event = {
		.type = MODEM_EVENT_PUBLISHED,
		.client = s->client,
		.err = ev->has_err ? ev->err : 0,
	};

	if (is_pub_timeout_refused(s, ev))
		result = is_session_alive ? SEND_RETRY : SEND_SESSION;
	else if (result == SEND_RETRY)
		result = worn_out(s, now_ms, ev, is_session_alive);
	else if (result == SEND_STUCK && !is_session_alive)
		result = SEND_SESSION;
	event.result = result;
	if (result == SEND_OK)
		s->is_payload_staged = false;
	event_queue_push(s->env->events, &event, NULL);
	s->published_at_ms = now_ms;
	if (!is_session_alive)
		return;
	s->phase = PHASE_IDLE;
	judge_session(s, now_ms, ev, result);
}

/* ---- birth message ---- */

bool session_birth_begin(struct session *s, uint64_t now_ms)
{
	const struct message_config *birth = &s->cfg->birth;
	struct at_args *args = exchange_args(&s->exchange);

	at_args_number(args, "client_index", s->client);
	at_args_text(args, "topic", birth->topic);
	at_args_bytes(args, "payload", birth->payload.data, birth->payload.len);
	at_args_number(args, "qos", birth->qos);
	at_args_number(args, "pub_timeout", pub_timeout_s(s));
	sim7600_publish_flags(args, birth->retain, false);
	s->is_payload_staged = s->is_payload_staged || birth->payload.len > 0;
	return session_run(s, now_ms, sim7600_publish_script);
}

/* It must not keep a session down for ever: what cannot be sent is left out. */
void session_birth_done(struct session *s, uint64_t now_ms, const struct at_event *ev)
{
	bool is_failed = ev->result == AT_FAILED;
	enum err_class class = ev->has_err ? mqtt_err_class(ev->err) : ERR_CLASS_RETRY;

	if (is_pub_timeout_refused(s, ev))
		return;
	if ((is_failed && class == ERR_CLASS_SESSION) ||
	    (ev->result == AT_UNKNOWN && ev->step != PUBLISH_STEP_PUB)) {
		session_fail_by(s, now_ms, ev);
		return;
	}
	if (is_failed && class == ERR_CLASS_RETRY && ++s->retries < SESSION_RETRIES_MAX) {
		s->resume_at_ms = now_ms + SESSION_PAUSE_MS;
		return;
	}
	if (is_failed)
		event_queue_notice(s->env->events, s->client, MODEM_NOTICE_BIRTH_FAILED,
		    "%.100s: %s", s->cfg->birth.topic,
		    ev->has_err ? mqtt_err_text(ev->err) : session_failure_text(ev));
	s->is_birth_due = false;
	s->is_payload_staged = s->is_payload_staged && ev->result != AT_OK;
	s->is_suspect = s->is_suspect || ev->result == AT_UNKNOWN;
	session_advance(s, now_ms);
}
