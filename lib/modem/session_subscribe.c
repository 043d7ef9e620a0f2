/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/session_impl.h"

#include "modem/sim7600.h"

bool session_subscribe_begin(struct session *s, uint64_t now_ms)
{
	struct at_args *args = exchange_args(&s->exchange);
	struct filter_config filter = { .filter = NULL };
	enum subscribe_step step = subscriptions_next(&s->subscriptions, &filter);

	at_args_number(args, "client_index", s->client);
	at_args_text(args, "filter", filter.filter);
	at_args_number(args, "qos", filter.qos);
	switch (step) {
	case SUBSCRIBE_STAGE:
		return session_run(s, now_ms, sim7600_subtopic_script);
	case SUBSCRIBE_COMMIT:
		return session_run(s, now_ms, sim7600_sub_script);
	case SUBSCRIBE_ONE:
		return session_run(s, now_ms, sim7600_sub_one_script);
	case SUBSCRIBE_REMOVE:
		return session_run(s, now_ms, sim7600_unsubtopic_script);
	case SUBSCRIBE_REMOVE_COMMIT:
		return session_run(s, now_ms, sim7600_unsub_script);
	case SUBSCRIBE_REMOVE_ONE:
		return session_run(s, now_ms, sim7600_unsub_one_script);
	case SUBSCRIBE_NOTHING:
		break;
	}
	session_advance(s, now_ms);
	return true;
}

static void tell_refused_filter(struct session *s, const struct at_event *ev)
{
	const struct filter_config *f = &s->subscriptions.filters[s->subscriptions.current];

	event_queue_notice(s->env->events, s->client, MODEM_NOTICE_SUBSCRIBE_FAILED, "%.100s: %s",
	    f->filter, ev->has_err ? mqtt_err_text(ev->err) : session_failure_text(ev));
}

void session_subscribe_done(struct session *s, uint64_t now_ms, const struct at_event *ev)
{
	if (session_has_patience(s, now_ms, ev))
		s->subscriptions.busy = 0;
	switch (subscriptions_done(&s->subscriptions, ev->result, ev->has_err, ev->err)) {
	case SUBSCRIBE_GO_ON:
		break;
	case SUBSCRIBE_PAUSE:
		s->resume_at_ms = now_ms + SESSION_PAUSE_MS;
		return;
	case SUBSCRIBE_REFUSED:
		tell_refused_filter(s, ev);
		break;
	case SUBSCRIBE_LOST:
		session_fail_by(s, now_ms, ev);
		return;
	case SUBSCRIBE_UNCERTAIN:
		s->is_suspect = true;
		break;
	}
	session_advance(s, now_ms);
}
