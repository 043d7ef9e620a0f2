/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/session_impl.h"

#include "modem/sim7600.h"

/* ---- which files ---- */

void session_note_files(struct session *s, bool has_files)
{
	unsigned bit = 1U << s->client;

	s->env->is_tidy_wanted =
	    s->env->is_tidy_wanted || (!has_files && (s->env->file_clients & bit));
	s->env->file_clients = has_files ? s->env->file_clients | bit : s->env->file_clients & ~bit;
}

void session_use_files(struct session *s)
{
	const struct rotation *r = &s->rotation;

	certs_configure(&s->certs, rotation_used(r, s->cfg), rotation_kept(r, s->cfg));
}

/* An attempt failed by something that may be for its certificates: after some of them the others
 * are used, if there are two sets. */
static void rotate(struct session *s, const struct at_event *ev)
{
	if (ev->result != AT_FAILED || !rotation_failed(&s->rotation, ev->has_err ? ev->err : 0))
		return;
	session_use_files(s);
	event_queue_notice(s->env->events, s->client, MODEM_NOTICE_CERT_ROTATED, "%s",
	    s->rotation.is_spare_used
		? "the new certificates are refused: those before are used again"
		: "the certificates before are refused, too: the new ones are tried again");
}

/* Perhaps: some firmwares say ERROR and no number. */
static bool is_tls_failure(const struct session *s, const struct at_event *ev)
{
	return s->cfg->is_tls && ev->result == AT_FAILED &&
	       (!ev->has_err || (ev->err >= 32 && ev->err <= 34));
}

void session_suspect_files(struct session *s, uint64_t now_ms, const struct at_event *ev)
{
	if (is_tls_failure(s, ev))
		(void)certs_renew(&s->certs, now_ms);
	if (ev->has_err)
		rotate(s, ev);
}

void session_prove_files(struct session *s)
{
	if (!rotation_connected(&s->rotation))
		return;
	event_queue_notice(s->env->events, s->client, MODEM_NOTICE_CERT_ROTATED,
	    "the new certificates are in use");
	session_use_files(s);
	certs_tidy(&s->certs, s->env->file_clients);
	s->is_tidy_due = true;
}

/* ---- in the modem's flash ---- */

bool session_certs_begin(struct session *s, uint64_t now_ms)
{
	struct at_args *args = exchange_args(&s->exchange);
	struct span content = { 0 };
	const char *name = NULL;

	s->certs.clients = s->env->file_clients;
	switch (certs_next(&s->certs, &name, &content)) {
	case CERT_STEP_LIST:
		return session_run(s, now_ms, sim7600_cert_list_script);
	case CERT_STEP_DELETE:
		at_args_text(args, "filename", name);
		return session_run(s, now_ms, sim7600_cert_delete_script);
	case CERT_STEP_UPLOAD:
		at_args_text(args, "filename", name);
		at_args_bytes(args, "certificate", content.data, content.len);
		return session_run(s, now_ms, sim7600_cert_upload_script);
	case CERT_STEP_READY:
		break;
	}
	s->phase = PHASE_TLS;
	return true;
}

void session_certs_done(struct session *s, uint64_t now_ms, const struct at_event *ev)
{
	if (!certs_done(&s->certs, ev->result)) {
		rotate(s, ev);
		session_fail_by(s, now_ms, ev);
		s->is_refused_again = true;
		return;
	}
	if (s->certs.step == CERT_STEP_UPLOAD)
		event_queue_notice(s->env->events, s->client, MODEM_NOTICE_CERT_UPLOADED, "%s",
		    certs_name(&s->certs, (enum cert_role)s->certs.current));
}

/* ---- files that nobody needs, once a session is online ---- */

bool session_must_tidy(struct session *s)
{
	if (s->env->is_tidy_wanted || s->is_tidy_due) {
		if (s->env->is_tidy_wanted)
			certs_tidy(&s->certs, s->env->file_clients);
		s->env->is_tidy_wanted = false;
		s->is_tidy_due = true;
	}
	return s->is_tidy_due;
}

bool session_tidy_begin(struct session *s, uint64_t now_ms)
{
	struct span content = { 0 };
	const char *name = NULL;
	enum cert_step step = certs_next(&s->certs, &name, &content);

	if (step == CERT_STEP_LIST)
		return session_run(s, now_ms, sim7600_cert_list_script);
	if (step == CERT_STEP_DELETE && s->certs.current == CERT_ROLES) {
		at_args_text(exchange_args(&s->exchange), "filename", name);
		return session_run(s, now_ms, sim7600_cert_delete_script);
	}
	s->is_tidy_due = false; /* what else there is to do with files, the next connect does */
	session_advance(s, now_ms);
	return true;
}

void session_tidy_done(struct session *s, uint64_t now_ms, const struct at_event *ev)
{
	if (!certs_done(&s->certs, ev->result))
		s->is_tidy_due = false;
	session_advance(s, now_ms);
}

/* ---- SSL context ---- */

/* 10.2.12: 0 nobody, 1 the server, 2 both, 3 the client alone. */
static unsigned authmode_of(const struct session *s)
{
	const struct tls_config *tls = &s->cfg->tls;
	bool has_cert = certs_name(&s->certs, CERT_CLIENT) != NULL;

	if (tls->verify)
		return has_cert ? 2 : 1;
	return has_cert ? 3 : 0;
}

bool session_checks_time(const struct session *s)
{
	const struct broker_config *cfg = s->has_next ? s->next : s->cfg;

	return cfg && cfg->is_tls && cfg->tls.check_time != CHECK_TIME_NO;
}

static bool is_time_ignored(const struct session *s)
{
	switch (s->cfg->tls.check_time) {
	case CHECK_TIME_AUTO:
		return !s->env->is_clock_right;
	case CHECK_TIME_YES:
		return false;
	case CHECK_TIME_NO:
		break;
	}
	return true;
}

/* Said once: not at every attempt. */
static void tell_tls_risks(struct session *s)
{
	const struct tls_config *tls = &s->cfg->tls;
	bool is_clock_risk = !s->env->is_clock_right && tls->check_time != CHECK_TIME_NO;

	if (!tls->verify && !s->is_unverified_told)
		event_queue_notice(s->env->events, s->client, MODEM_NOTICE_NOT_VERIFIED,
		    "the broker is not authenticated (verify = false)");
	s->is_unverified_told = true;
	if (is_clock_risk && !s->is_clock_told)
		event_queue_notice(s->env->events, s->client, MODEM_NOTICE_CLOCK_WRONG, "%s",
		    tls->check_time == CHECK_TIME_YES
			? "its clock is wrong: the handshake will fail"
			: "its clock is wrong: dates of certificates are not checked");
	s->is_clock_told = is_clock_risk;
}

bool session_tls_begin(struct session *s, uint64_t now_ms)
{
	static const struct session_failure clock_wrong = {
		.pace = BACKOFF_FAST,
		.text = "the modem's clock is wrong, and check_time = true",
	};
	const struct tls_config *tls = &s->cfg->tls;
	struct at_args *args = exchange_args(&s->exchange);

	tell_tls_risks(s);
	if (tls->check_time == CHECK_TIME_YES && !s->env->is_clock_right) {
		session_fail(s, now_ms, &clock_wrong);
		return true;
	}
	at_args_number(args, "ssl_ctx_index", tls->context);
	at_args_number(args, "sslversion", SIM7600_SSL_VERSION);
	at_args_number(args, "authmode", authmode_of(s));
	at_args_number(args, "ignoreltime", is_time_ignored(s) ? 1 : 0);
	at_args_number(args, "negotiatetime", tls->negotiate_s);
	at_args_text(args, "ca_file", certs_name(&s->certs, CERT_CA));
	at_args_text(args, "clientcert_file", certs_name(&s->certs, CERT_CLIENT));
	at_args_text(args, "clientkey_file", certs_name(&s->certs, CERT_KEY));
	at_args_number(args, "enableSNI_flag", tls->sni ? 1 : 0);
	return session_run(s, now_ms, sim7600_tls_script);
}

void session_tls_done(struct session *s, uint64_t now_ms, const struct at_event *ev)
{
	if (ev->result == AT_OK) {
		s->phase = PHASE_ACQUIRE;
		s->is_refused_again = false;
		return;
	}
	if (ev->result == AT_FAILED)
		(void)certs_renew(&s->certs, now_ms); /* one that we believe there may be missing */
	rotate(s, ev);
	session_fail_by(s, now_ms, ev);
	s->is_refused_again = true;
}
