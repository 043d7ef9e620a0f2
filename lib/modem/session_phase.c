/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/session_impl.h"

#include "modem/sim7600.h"

/* ---- failures ---- */

static const char *text_of(const struct at_event *ev)
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
		.text = text_of(ev),
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

/* ---- acquire and connect ---- */

static bool is_utf8_optional(const struct session *s)
{
	return s->utf8_half_refusals >= 2 * SESSION_UTF8_MAX;
}

static bool acquire_begin(struct session *s, uint64_t now_ms)
{
	struct at_args *args = exchange_args(&s->exchange);

	session_keep_held(s); /* it is on disk long before CONNECT goes out */
	s->patience_until_ms = 0;
	sim7600_fill_acquire(args, s->client, s->cfg);
	at_args_number(args,
	    s->env->family->has_version_param != s->is_version_other ? "mqtt_version"
								     : "mqtt_version_cfg",
	    SIM7600_MQTT_VERSION);
	at_args_number(args, is_utf8_optional(s) ? "utf8_optional" : "utf8_required", 1);
	return session_run(s, now_ms, sim7600_acquire_script);
}

/* The modem contradicts what the probe found: ask again, once an attempt. If it said nothing, this
 * is the answer. */
static bool is_out_of_step(struct session *s, const struct at_event *ev, unsigned err)
{
	if (ev->result != AT_FAILED || !ev->has_err || ev->err != err || s->was_out_of_step)
		return false;
	s->was_out_of_step = true;
	s->must_disc = !s->is_probed;
	s->phase = PHASE_PROBE;
	return true;
}

/* ACCQ itself was refused for what it is, perhaps for its fourth parameter. Once more, if it does
 * not say why, and then without it, or with it: the other way than the family has it. */
static bool is_version_doubtful(struct session *s, const struct at_event *ev)
{
	bool is_told = ev->has_err && ev->err == 12;

	if (ev->result != AT_FAILED || ev->step != 0 || s->is_version_other ||
	    (ev->has_err && !is_told))
		return false;
	s->is_version_other = is_told || s->was_acquire_refused;
	s->was_acquire_refused = true;
	return true;
}

/* For good, as it seems: not because it is busy. */
static bool is_utf8_refused(const struct session *s, const struct at_event *ev)
{
	return ev->result == AT_FAILED && exchange_step(&s->exchange, ev->step)->only_if &&
	       (!ev->has_err || mqtt_err_class(ev->err) != ERR_CLASS_RETRY);
}

/* The number speaks of something else than the command: not much of a reason to give it up. */
static bool is_about_connection(const struct at_event *ev)
{
	return ev->has_err && ev->err != MQTT_ERR_NOT_SUPPORTED &&
	       mqtt_err_class(ev->err) == ERR_CLASS_SESSION;
}

static void acquire_done(struct session *s, uint64_t now_ms, const struct at_event *ev)
{
	if (ev->result == AT_OK) {
		s->phase = PHASE_CONNECT;
		s->is_payload_staged = false;
		if (!is_utf8_optional(s))
			s->utf8_half_refusals = 0;
		return;
	}
	if (is_utf8_refused(s, ev) && !is_utf8_optional(s))
		s->utf8_half_refusals += is_about_connection(ev) ? 1 : 2;
	if (!is_out_of_step(s, ev, 19) && !is_version_doubtful(s, ev))
		session_fail_by(s, now_ms, ev);
}

static bool connect_begin(struct session *s, uint64_t now_ms)
{
	sim7600_fill_connect(exchange_args(&s->exchange), s->client, s->cfg, s->server_addr);
	s->is_suspect = false;
	s->connect_begun_ms = now_ms;
	return session_run(s, now_ms, sim7600_connect_script);
}

static void connected(struct session *s, uint64_t now_ms)
{
	s->is_connected = true;
	s->is_birth_due = s->cfg->birth.topic != NULL;
	s->retries = 0;
	s->is_pub_timeout_long = false;
	subscriptions_restart(&s->subscriptions, s->env->family->has_topic_lists);
	session_advance(s, now_ms);
}

static void connect_failed(
    struct session *s, uint64_t now_ms, const struct at_event *ev, const struct at_step *step)
{
	struct session_failure why = session_failure_of(s, ev);

	if (is_out_of_step(s, ev, 13))
		return;
	session_suspect_files(s, now_ms, ev);
	why.step = step;
	session_fail(s, now_ms, &why);
}

/* TLS has a time of its own, from the first word to the last. */
static uint32_t connect_max_ms(const struct session *s)
{
	uint32_t tls_ms = s->cfg->is_tls ? s->cfg->tls.negotiate_s * 1000U : 0;

	return SIM7600_CONNECT_MAX_MS + tls_ms;
}

static void connect_done(struct session *s, uint64_t now_ms, const struct at_event *ev)
{
	const struct at_step *step = exchange_step(&s->exchange, ev->step);

	if (ev->result == AT_UNKNOWN && step->answer) {
		/* A CONNECT without result was seen to have succeeded, and others to take minutes.
		 */
		if (s->exchange.job.final == AT_FINAL_OK)
			s->connect_until_ms = s->connect_begun_ms + connect_max_ms(s);
		s->is_suspect = true;
		connected(s, now_ms);
	} else if (ev->result == AT_OK) {
		connected(s, now_ms);
	} else {
		connect_failed(s, now_ms, ev, step);
	}
}

void session_connect_failed(struct session *s, uint64_t now_ms, unsigned err)
{
	const struct at_event ev = { .result = AT_FAILED, .has_err = true, .err = err };

	connect_failed(s, now_ms, &ev, &sim7600_connect_script[CONNECT_STEP_CONNECT]);
}

/* ---- subscriptions ---- */

static bool subscribe_begin(struct session *s, uint64_t now_ms)
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
	    f->filter, ev->has_err ? mqtt_err_text(ev->err) : text_of(ev));
}

static void subscribe_done(struct session *s, uint64_t now_ms, const struct at_event *ev)
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

/* ---- publishing ---- */

unsigned session_pub_timeout_s(const struct session *s)
{
	return s->is_pub_timeout_long ? MODEM_PUB_TIMEOUT_MIN_S : s->env->family->pub_timeout_s;
}

bool session_is_pub_timeout_refused(struct session *s, const struct at_event *ev)
{
	if (ev->result != AT_FAILED || ev->step != PUBLISH_STEP_PUB ||
	    (ev->has_err && ev->err != 12) || session_pub_timeout_s(s) >= MODEM_PUB_TIMEOUT_MIN_S)
		return false;
	s->is_pub_timeout_long = true;
	return true;
}

/* ---- birth message ---- */

static bool birth_begin(struct session *s, uint64_t now_ms)
{
	const struct message_config *birth = &s->cfg->birth;
	struct at_args *args = exchange_args(&s->exchange);

	at_args_number(args, "client_index", s->client);
	at_args_text(args, "topic", birth->topic);
	at_args_bytes(args, "payload", birth->payload.data, birth->payload.len);
	at_args_number(args, "qos", birth->qos);
	at_args_number(args, "pub_timeout", session_pub_timeout_s(s));
	sim7600_publish_flags(args, birth->retain, false);
	s->is_payload_staged = s->is_payload_staged || birth->payload.len > 0;
	return session_run(s, now_ms, sim7600_publish_script);
}

/* The birth message must not keep a session down for ever: what cannot be sent is left out. */
static void birth_done(struct session *s, uint64_t now_ms, const struct at_event *ev)
{
	bool is_failed = ev->result == AT_FAILED;
	enum err_class class = ev->has_err ? mqtt_err_class(ev->err) : ERR_CLASS_RETRY;

	if (session_is_pub_timeout_refused(s, ev))
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
	s->is_birth_due = false;
	s->is_payload_staged = s->is_payload_staged && ev->result != AT_OK;
	s->is_suspect = s->is_suspect || ev->result == AT_UNKNOWN;
	session_advance(s, now_ms);
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
	[PHASE_ACQUIRE] = { acquire_begin, acquire_done },
	[PHASE_CONNECT] = { connect_begin, connect_done },
	[PHASE_CHECK] = { session_probe_begin, session_check_done },
	[PHASE_SUBSCRIBE] = { subscribe_begin, subscribe_done },
	[PHASE_TIDY] = { session_tidy_begin, session_tidy_done },
	[PHASE_BIRTH] = { birth_begin, birth_done },
	[PHASE_IDLE] = { idle_begin, NULL },
	[PHASE_PUBLISH] = { NULL, NULL }, /* session_publish and publish_done */
};

bool session_phase_run(struct session *s, uint64_t now_ms)
{
	return phases[s->phase].begin && phases[s->phase].begin(s, now_ms);
}

void session_phase_done(struct session *s, uint64_t now_ms, const struct at_event *ev)
{
	if (phases[s->running].done)
		phases[s->running].done(s, now_ms, ev);
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
