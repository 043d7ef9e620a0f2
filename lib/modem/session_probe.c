/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/session_impl.h"

#include "at/at_line.h"
#include "modem/sim7600.h"

#include <stdio.h>
#include <string.h>

#define ASK_AGAIN_MS 10000 /* is it connected by now? */

/* ---- what the client was connected with ---- */

void session_set_held(struct session *s, const char *print)
{
	snprintf(s->held, sizeof s->held, "%s", print);
	s->may_adopt = s->held[0] != '\0';
}

/* Of the settings, the files in use among them. */
static void print_of(const struct session *s, char ret_print[CONNECT_PRINT_MAX])
{
	connect_print(s->cfg, rotation_used(&s->rotation, s->cfg), ret_print);
}

void session_keep_held(struct session *s)
{
	const struct modem_event event = { .type = MODEM_EVENT_HELD, .client = s->client };
	char print[CONNECT_PRINT_MAX];

	print_of(s, print);
	if (strcmp(print, s->held) == 0)
		return;
	memcpy(s->held, print, sizeof print);
	event_queue_push(s->env->events, &event, "%s", print);
}

/* ---- probe ---- */

bool session_probe_begin(struct session *s, uint64_t now_ms)
{
	at_args_number(exchange_args(&s->exchange), "client_index", s->client);
	s->is_released = false;
	s->is_probed = false;
	s->is_told = false;
	s->is_probe_stale = false;
	s->is_acquired = false;
	s->is_id_ours = false;
	s->is_connected = false;
	return session_run(s, now_ms, sim7600_probe_script);
}

void session_probe_line(struct session *s, struct span line)
{
	struct span id;
	uint32_t client, state;

	if (!at_line_number(line, 0, &client) || client != s->client)
		return;
	if (span_begins_with(line, "+CMQTTACCQ:")) {
		s->is_probed = true;
		s->is_acquired = at_line_field(line, 1, &id) && id.len > 0;
		s->must_disc = s->must_disc && s->is_acquired;
		s->is_id_ours = s->is_acquired && s->cfg && span_is(id, s->cfg->client_id);
	} else if (span_begins_with(line, "+CMQTTDISC:") && at_line_number(line, 1, &state)) {
		s->is_probed = true;
		s->is_told = true;
		s->is_connected = state == 0; /* the other way round than one would think */
	}
}

/* The client is free, as far as we know. Where the modem does not tell, ACCQ will. */
static void go_on_released(struct session *s, uint64_t now_ms)
{
	static const struct session_failure too_long = {
		.pace = BACKOFF_SLOW,
		.text = "address, username and password together are too long for this modem",
		.is_unsendable = true,
	};

	s->is_released = true;
	if (s->status.state == SESSION_STOPPING)
		session_closed(s, now_ms);
	else if (!sim7600_connect_fits(s->cfg, s->env->family->line_max))
		session_fail(s, now_ms, &too_long);
	else
		s->phase = s->cfg->is_tls ? PHASE_CERTS : PHASE_ACQUIRE;
}

/* It is connected, and with our settings as far as can be known without asking for the address. */
static bool is_adoptable(const struct session *s)
{
	char print[CONNECT_PRINT_MAX];

	if (!s->may_adopt || s->status.state != SESSION_CONNECTING || !s->is_connected ||
	    !s->is_id_ours)
		return false;
	print_of(s, print);
	return strcmp(print, s->held) == 0;
}

/* What is to be closed is closed, whatever it may be. */
static bool is_blind_close(const struct session *s)
{
	return !s->is_probed && s->cfg && s->status.state == SESSION_STOPPING;
}

void session_probe_done(struct session *s, uint64_t now_ms, const struct at_event *ev)
{
	const struct session_failure denied = {
		.pace = BACKOFF_FAST,
		.text = "the modem does not know its MQTT clients",
		.step = exchange_step(&s->exchange, ev->step),
	};

	if (ev->result != AT_OK) {
		session_fail_by(s, now_ms, ev);
		return;
	}
	if (!s->is_probed && !s->env->is_query_mute) {
		s->env->is_service_doubted = true;
		session_fail(s, now_ms, &denied);
		return;
	}
	if (s->is_probe_stale)
		return; /* once more */
	s->is_leftover_possible = false;
	s->env->is_query_mute = !s->is_probed;
	s->must_disc = s->must_disc || is_blind_close(s);
	if (is_adoptable(s)) {
		s->phase = PHASE_ADOPT;
		return;
	}
	s->may_adopt = false;
	if (s->is_acquired || s->is_connected || s->must_disc)
		s->phase = PHASE_CLOSE;
	else
		go_on_released(s, now_ms);
}

void session_doubt_probe(struct session *s, uint64_t now_ms)
{
	s->is_probe_stale = true;
	if (s->running != PHASE_CLOSE || !s->exchange.is_busy ||
	    s->exchange.job.state != AT_JOB_QUEUED || s->exchange.job.has_sent)
		return;
	exchange_abandon(&s->exchange, s->env->chan, now_ms);
	s->phase = PHASE_PROBE;
}

/* ---- check ---- */

/* One answer that is lost or garbled says nothing of a session that may be well: ask once more. */
static bool is_asked_again(struct session *s, const struct at_event *ev)
{
	bool is_in_vain = ev->result != AT_OK || !s->is_told;

	s->was_in_vain = is_in_vain && !s->was_in_vain;
	return s->was_in_vain;
}

void session_check_done(struct session *s, uint64_t now_ms, const struct at_event *ev)
{
	const struct session_failure lost = {
		.pace = BACKOFF_FAST, .err = 11, .step = exchange_step(&s->exchange, ev->step)
	};

	if (is_asked_again(s, ev))
		return;
	s->is_suspect = false;
	if (ev->result != AT_OK) {
		session_fail_by(s, now_ms, ev);
	} else if (s->is_connected || s->is_connect_told) {
		if (s->connect_until_ms > 0)
			s->patience_until_ms = s->connect_until_ms; /* it may still be at it */
		s->is_connect_told = false;
		s->connect_until_ms = 0;
		session_advance(s, now_ms);
	} else if (now_ms < s->connect_until_ms) {
		s->resume_at_ms = now_ms + ASK_AGAIN_MS; /* it is still at it */
	} else {
		session_fail(s, now_ms, &lost);
	}
}

/* ---- adoption ---- */

bool session_adopt_begin(struct session *s, uint64_t now_ms)
{
	(void)exchange_args(&s->exchange);
	s->is_told = false;
	s->is_address_ours = false;
	return session_run(s, now_ms, sim7600_address_script);
}

/* +CMQTTCONNECT: 0,"tcp://h:p",20,1[,"user"[,"pass"]] (16.2.8). */
void session_adopt_line(struct session *s, struct span line)
{
	struct span address;
	uint32_t client;

	if (!at_line_number(line, 0, &client) || client != s->client)
		return;
	s->is_told = true;
	if (at_line_field(line, 1, &address))
		s->is_address_ours = span_is(address, s->server_addr);
}

/* Nothing is sent for it: no CONNECT, no birth message, and the broker keeps the last will. What
 * was staged or is under way in the client is not known. */
static void adopt(struct session *s, uint64_t now_ms)
{
	s->is_adopted = true;
	s->is_birth_due = false;
	s->is_payload_staged = true;
	s->is_suspect = false;
	s->is_pub_timeout_long = false;
	s->retries = 0;
	s->patience_until_ms = now_ms + SESSION_PATIENCE_MS;
	subscriptions_restart(&s->subscriptions, s->env->family->has_topic_lists);
	session_advance(s, now_ms);
}

void session_adopt_done(struct session *s, uint64_t now_ms, const struct at_event *ev)
{
	bool is_stale = s->is_probe_stale || !s->may_adopt;

	if (!is_stale && is_asked_again(s, ev))
		return;
	s->may_adopt = false;
	if (is_stale)
		s->phase = PHASE_PROBE; /* something has happened meanwhile */
	else if (ev->result == AT_OK && s->is_address_ours)
		adopt(s, now_ms);
	else
		s->phase = PHASE_CLOSE;
}

/* ---- close ---- */

/* Who is about to leave, or knows that a result never comes, does not wait long for it. */
static const char *disc_kind(const struct session *s)
{
	return s->env->is_disc_mute || s->is_shut_down ? "connected_hurry" : "connected";
}

bool session_close_begin(struct session *s, uint64_t now_ms)
{
	struct at_args *args = exchange_args(&s->exchange);

	if (s->is_probe_stale) {
		s->phase = PHASE_PROBE;
		return true;
	}
	at_args_number(args, "client_index", s->client);
	at_args_number(args, "timeout", SIM7600_DISC_TIMEOUT_S);
	if (s->is_connected || s->must_disc)
		at_args_number(args, disc_kind(s), 1);
	at_args_number(args, "acquired", 1);
	return session_run(s, now_ms, sim7600_close_script);
}

void session_close_done(struct session *s, uint64_t now_ms, const struct at_event *ev)
{
	const struct at_step *step = exchange_step(&s->exchange, ev->step);

	/* OK and no result (seen): the question tells, now and whenever it is like that again. */
	if (ev->result == AT_UNKNOWN && step->answer && s->exchange.job.final == AT_FINAL_OK) {
		s->env->is_disc_mute = true;
		s->must_disc = false;
		s->phase = PHASE_PROBE;
		return;
	}
	/* It ended something while it was being closed: a CONNECT of an earlier life, say. */
	if (ev->result != AT_OK && s->is_probe_stale) {
		s->phase = PHASE_PROBE;
		return;
	}
	/* A client that cannot be released may be connected without saying so. */
	s->must_disc = ev->result == AT_FAILED && !s->must_disc;
	if (ev->result == AT_FAILED)
		s->env->is_disc_mute = false; /* or it had not yet come */
	if (ev->result == AT_OK)
		go_on_released(s, now_ms);
	else
		session_fail_by(s, now_ms, ev);
}
