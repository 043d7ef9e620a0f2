/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/session_impl.h"

#include "modem/sim7600.h"

/* ---- failures ---- */

const char *session_failure_text(const struct at_event *ev)
{
	switch (ev->result) {
	case AT_OK:
		break;
	case AT_FAILED:
		if (ev->has_err)
			return NULL;
		return ev->detail && ev->detail[0] ? ev->detail : "refused without a reason";
	case AT_UNKNOWN:
		return "no answer in time";
	case AT_CANCELLED:
		return "cancelled";
	case AT_INVALID:
		return "cannot be sent to the modem";
	}
	return "no connection";
}

/* What waiting does not cure: wrong credentials and certificates, parameters the modem refuses, a
 * context it does not take. */
static bool is_config_failure(const struct session *s, const struct at_event *ev)
{
	enum err_class class;

	if (ev->result == AT_INVALID)
		return true;
	if (ev->result != AT_FAILED)
		return false;
	if (!ev->has_err)
		return s->is_refused_again &&
		       (s->running == PHASE_TLS || s->running == PHASE_CERTS);
	if (ev->err == MQTT_ERR_VERSION && s->status.attempt == 1 &&
	    !s->env->family->has_version_param)
		return false; /* the command that sets it was refused, perhaps for once */
	class = mqtt_err_class(ev->err);
	return class == ERR_CLASS_CONFIG || class == ERR_CLASS_POISON;
}

struct session_failure session_failure_of(const struct session *s, const struct at_event *ev)
{
	return (struct session_failure){
		.pace = is_config_failure(s, ev) ? BACKOFF_SLOW : BACKOFF_FAST,
		.err = ev->has_err ? ev->err : 0,
		.text = session_failure_text(ev),
		.step = exchange_step(&s->exchange, ev->step),
		.is_unsendable = ev->result == AT_INVALID,
	};
}

void session_fail_by(struct session *s, uint64_t now_ms, const struct at_event *ev)
{
	const struct session_failure why = session_failure_of(s, ev);

	session_fail(s, now_ms, &why);
}

bool session_has_patience(const struct session *s, uint64_t now_ms, const struct at_event *ev)
{
	return ev->result == AT_FAILED && ev->has_err && ev->err == MQTT_ERR_BUSY &&
	       now_ms < s->patience_until_ms;
}

/* ---- phases ---- */

bool session_run(struct session *s, uint64_t now_ms, const struct at_step *script)
{
	s->running = s->phase;
	if (exchange_start(&s->exchange, s->env->chan, now_ms, script) < 0)
		s->resume_at_ms = now_ms + SESSION_PAUSE_MS;
	return true;
}

void session_advance(struct session *s, uint64_t now_ms)
{
	if (s->is_suspect) {
		s->phase = PHASE_CHECK;
	} else if (subscriptions_is_pending(&s->subscriptions)) {
		s->phase = PHASE_SUBSCRIBE;
	} else if (s->is_birth_due) {
		s->phase = PHASE_BIRTH;
	} else {
		s->phase = PHASE_IDLE;
		session_keep_held(s); /* the filters may be others now */
		if (s->status.state != SESSION_ONLINE) {
			session_prove_files(s);
			session_online(s, now_ms);
		}
	}
}

/* ---- dispatch ---- */

static bool idle_begin(struct session *s, uint64_t now_ms)
{
	if (s->is_suspect || subscriptions_is_pending(&s->subscriptions))
		session_advance(s, now_ms);
	else if (session_must_tidy(s))
		s->phase = PHASE_TIDY;
	else
		return false;
	return true;
}

/* What to begin, and what to do when it has ended. */
struct phase {
	bool (*begin)(struct session *s, uint64_t now_ms);
	void (*done)(struct session *s, uint64_t now_ms, const struct at_event *ev);
};

static const struct phase phases[] = {
	[PHASE_PROBE] = { session_probe_begin, session_probe_done },
	[PHASE_ADOPT] = { session_adopt_begin, session_adopt_done },
	[PHASE_CLOSE] = { session_close_begin, session_close_done },
	[PHASE_CERTS] = { session_certs_begin, session_certs_done },
	[PHASE_TLS] = { session_tls_begin, session_tls_done },
	[PHASE_ACQUIRE] = { session_acquire_begin, session_acquire_done },
	[PHASE_CONNECT] = { session_connect_begin, session_connect_done },
	[PHASE_CHECK] = { session_probe_begin, session_check_done },
	[PHASE_SUBSCRIBE] = { session_subscribe_begin, session_subscribe_done },
	[PHASE_TIDY] = { session_tidy_begin, session_tidy_done },
	[PHASE_BIRTH] = { session_birth_begin, session_birth_done },
	[PHASE_IDLE] = { idle_begin, NULL },
	[PHASE_PUBLISH] = { NULL, NULL }, /* session_publish, session_publish_done */
};

bool session_phase_run(struct session *s, uint64_t now_ms)
{
	return phases[s->phase].begin && phases[s->phase].begin(s, now_ms);
}

void session_done(struct session *s, uint64_t now_ms, const struct at_event *ev)
{
	bool is_wanted_still = exchange_end(&s->exchange);

	/* What became of a file or a message must be known even if nobody waits for it any more. */
	if (s->running == PHASE_PUBLISH)
		session_publish_done(s, now_ms, ev, is_wanted_still);
	else if (is_wanted_still && phases[s->running].done)
		phases[s->running].done(s, now_ms, ev);
	else if (s->running == PHASE_CERTS || s->running == PHASE_TIDY)
		(void)certs_done(&s->certs, ev->result);
}

void session_info(struct session *s, struct span line)
{
	switch (s->running) {
	case PHASE_PROBE:
	case PHASE_CHECK:
		session_probe_line(s, line);
		break;
	case PHASE_ADOPT:
		session_adopt_line(s, line);
		break;
	case PHASE_CERTS:
	case PHASE_TIDY:
		certs_line(&s->certs, line);
		break;
	case PHASE_CLOSE:
	case PHASE_TLS:
	case PHASE_ACQUIRE:
	case PHASE_CONNECT:
	case PHASE_SUBSCRIBE:
	case PHASE_BIRTH:
	case PHASE_IDLE:
	case PHASE_PUBLISH:
		break;
	}
}
