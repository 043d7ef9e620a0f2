/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/session_impl.h"

#include "modem/sim7600.h"

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

/* ---- acquire ---- */

static bool is_utf8_optional(const struct session *s)
{
	return s->utf8_half_refusals >= 2 * SESSION_UTF8_MAX;
}

bool session_acquire_begin(struct session *s, uint64_t now_ms)
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

void session_acquire_done(struct session *s, uint64_t now_ms, const struct at_event *ev)
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

/* ---- connect ---- */

bool session_connect_begin(struct session *s, uint64_t now_ms)
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

void session_connect_done(struct session *s, uint64_t now_ms, const struct at_event *ev)
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

void session_end_connect(struct session *s, uint64_t now_ms, unsigned err)
{
	const struct at_event ev = { .result = AT_FAILED, .has_err = true, .err = err };

	s->connect_until_ms = 0;
	s->is_connect_told = err == 0;
	s->resume_at_ms = 0;
	if (err != 0)
		connect_failed(s, now_ms, &ev, &sim7600_connect_script[CONNECT_STEP_CONNECT]);
}
