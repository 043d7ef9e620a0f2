/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/session_impl.h"

#include "modem/sim7600.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

bool session_is_wanted(const struct session *s)
{
	return s->cfg && !s->is_off_by_hand && !s->is_shut_down && !s->env->is_barred;
}

/* ---- states ---- */

/* The one place where the state changes. */
static void set_state(
    struct session *s, uint64_t now_ms, enum session_state to, unsigned err, const char *why)
{
	const struct modem_event event = {
		.type = MODEM_EVENT_SESSION,
		.client = s->client,
		.from = (int)s->status.state,
		.to = (int)to,
		.err = err,
	};

	if (to == s->status.state)
		return;
	s->status.state = to;
	s->status.since_ms = now_ms;
	s->status.retry_at_ms = TIMER_NEVER;
	s->resume_at_ms = 0;
	s->unconfirmed_since_ms = 0;
	event_queue_push(s->env->events, &event, "%s", why);
}

void session_confirm(struct session *s, uint64_t now_ms)
{
	s->confirmed_at_ms = now_ms;
	s->unconfirmed_since_ms = 0;
}

void session_online(struct session *s, uint64_t now_ms)
{
	s->status.connects += !s->is_adopted;
	s->status.online_at_ms = now_ms;
	s->status.last_error = (struct session_error){ 0 };
	s->retries = 0;
	set_state(s, now_ms, SESSION_ONLINE, 0, s->is_adopted ? "taken over" : "connected");
	session_confirm(s, now_ms);
}

static void note_online_time(struct session *s, uint64_t now_ms)
{
	if (s->status.state == SESSION_ONLINE &&
	    backoff_note_online(&s->backoff, now_ms - s->status.online_at_ms)) {
		s->status.attempt = 0;
		s->busy_failures = 0;
	}
}

static void begin_attempt(struct session *s, uint64_t now_ms)
{
	char why[32];

	s->status.attempt++;
	s->is_adopted = false;
	s->was_out_of_step = false;
	s->was_in_vain = false;
	s->was_acquire_refused = false;
	s->is_version_other = false;
	s->connect_until_ms = 0;
	s->is_connect_told = false;
	s->phase = PHASE_PROBE;
	snprintf(why, sizeof why, "attempt %u", s->status.attempt);
	set_state(s, now_ms, SESSION_CONNECTING, 0, why);
}

static void record_error(struct session *s, const struct session_failure *why)
{
	struct session_error *e = &s->status.last_error;

	e->code = why->err;
	snprintf(e->text, sizeof e->text, "%s", why->text ? why->text : mqtt_err_text(why->err));
	e->command[0] = '\0';
	if (why->step)
		sim7600_command_name(why->step, e->command, sizeof e->command);
}

/* What could not be closed may be connected still, and nobody wants it. */
static void look_again(struct session *s, uint64_t now_ms)
{
	s->is_leftover_possible = true;
	if (s->status.state == SESSION_DISABLED)
		s->status.retry_at_ms = now_ms + SESSION_LEFTOVER_MS;
}

void session_fail(struct session *s, uint64_t now_ms, const struct session_failure *why)
{
	char text[EVENT_TEXT_MAX];

	exchange_abandon(&s->exchange, s->env->chan, now_ms);
	s->phase = PHASE_PROBE;
	if (s->status.state == SESSION_STOPPING) {
		record_error(s, why);
		session_closed(s, now_ms);
		look_again(s, now_ms);
		return;
	}
	note_online_time(s, now_ms);
	s->busy_failures = why->err == MQTT_ERR_BUSY ? s->busy_failures + 1 : 0;
	s->is_unsendable = why->is_unsendable;
	record_error(s, why);
	snprintf(text, sizeof text, "%s%s%s", s->status.last_error.command,
	    s->status.last_error.command[0] ? ": " : "", s->status.last_error.text);
	set_state(s, now_ms, SESSION_BACKOFF, why->err, text);
	s->status.retry_at_ms = now_ms + backoff_next(&s->backoff, why->pace, s->env->prng);
}

/* The modem went down while this session was connecting, and perhaps for that: the others get their
 * turn before it does so again. */
static bool may_have_caused(const struct session *s)
{
	return s->status.state == SESSION_CONNECTING && s->phase >= PHASE_CONNECT;
}

void session_service_down(
    struct session *s, uint64_t now_ms, enum session_loss loss, const char *why)
{
	bool is_to_pause = may_have_caused(s);

	/* Not if something was under way: what is not known is not sent again on one connection. */
	if (loss != SESSION_LOSS_LINE)
		s->may_adopt = false;
	else if (s->status.state == SESSION_ONLINE)
		s->may_adopt = !s->exchange.is_busy;
	exchange_abandon(&s->exchange, s->env->chan, now_ms);
	note_online_time(s, now_ms);
	s->phase = PHASE_PROBE;
	s->must_disc = false; /* that was another life of the client */
	if (loss == SESSION_LOSS_BOOT) {
		s->is_leftover_possible = false;
		s->is_released = true;
		certs_forget(&s->certs);
	}
	if (s->status.state != SESSION_DISABLED)
		set_state(
		    s, now_ms, session_is_wanted(s) ? SESSION_WAITING : SESSION_DISABLED, 0, why);
	if (is_to_pause)
		s->pause_ms = backoff_next(&s->backoff, BACKOFF_FAST, s->env->prng);
}

/* ---- the configuration in use ---- */

static void configure_afresh(struct session *s)
{
	session_use_files(s);
	subscriptions_fini(&s->subscriptions);
	subscriptions_init(&s->subscriptions);
	s->status.attempt = 0;
	s->status.last_error = (struct session_error){ 0 };
	s->is_unsendable = false;
	s->is_unverified_told = false;
	s->is_clock_told = false;
	if (!s->cfg)
		return;
	subscriptions_configure(&s->subscriptions, s->cfg->filters, s->cfg->filter_count);
	backoff_init(&s->backoff, s->cfg->reconnect_min_ms, s->cfg->reconnect_max_ms);
	if (sim7600_server_addr(s->cfg, s->server_addr, sizeof s->server_addr) < 0)
		s->server_addr[0] = '\0'; /* a configuration that was checked does not get here */
}

/* Only when nothing is under way: commands hold pointers into the configuration. */
static void apply_next(struct session *s)
{
	struct broker_config *old = s->cfg;

	assert(!s->exchange.is_busy);
	s->has_next = false;
	s->cfg = s->next;
	s->next = NULL;
	if (s->is_next_in_place) {
		session_use_files(s);
		subscriptions_configure(&s->subscriptions, s->cfg->filters, s->cfg->filter_count);
		free(old);
	} else {
		rotation_exchange(&s->rotation, old, s->cfg);
		configure_afresh(s);
	}
}

void session_closed(struct session *s, uint64_t now_ms)
{
	s->must_close = false;
	s->phase = PHASE_PROBE;
	if (s->has_next && !s->exchange.is_busy)
		apply_next(s);
	if (!session_is_wanted(s))
		set_state(s, now_ms, SESSION_DISABLED, 0,
		    s->is_off_by_hand   ? "disconnected by hand"
		    : s->env->is_barred ? "roaming is not wanted"
					: "closed");
	else
		set_state(s, now_ms, SESSION_WAITING, 0, "to be opened");
}

/* ---- steps ---- */

static bool close_now(struct session *s, uint64_t now_ms)
{
	switch (s->status.state) {
	case SESSION_CONNECTING:
	case SESSION_ONLINE:
	case SESSION_BACKOFF:
		if (!s->env->is_service_up)
			break;
		note_online_time(s, now_ms);
		s->phase = PHASE_PROBE;
		s->may_adopt = false;
		set_state(s, now_ms, SESSION_STOPPING, 0, "disconnecting");
		return true;
	case SESSION_STOPPING:
		return false;
	case SESSION_DISABLED:
	case SESSION_WAITING:
		break;
	}
	session_closed(s, now_ms);
	return true;
}

static bool is_pausing(const struct session *s, uint64_t now_ms)
{
	return s->status.retry_at_ms != TIMER_NEVER && now_ms < s->status.retry_at_ms;
}

static bool leave_disabled(struct session *s, uint64_t now_ms)
{
	if (session_is_wanted(s)) {
		set_state(s, now_ms, SESSION_WAITING, 0, "waiting for the modem");
		return true;
	}
	if (!s->env->is_service_up || is_pausing(s, now_ms))
		return false;
	s->status.retry_at_ms = TIMER_NEVER;
	if (!s->is_leftover_possible || s->is_shut_down)
		return false;
	s->phase = PHASE_PROBE;
	set_state(s, now_ms, SESSION_STOPPING, 0, "looking for an earlier connection");
	return true;
}

static bool is_unconfirmed(const struct session *s, uint64_t now_ms)
{
	return s->unconfirmed_since_ms > 0 && s->phase == PHASE_PUBLISH &&
	       now_ms >= s->unconfirmed_since_ms + SESSION_UNCONFIRMED_MS;
}

/* The modem is at it, as far as it knows: the client cannot be released now. */
static bool is_connect_pending(const struct session *s, uint64_t now_ms)
{
	return s->status.state == SESSION_CONNECTING && s->phase == PHASE_CHECK &&
	       now_ms < s->connect_until_ms;
}

/* It begins when the others can have their turn, too. */
static void begin_pause(struct session *s, uint64_t now_ms)
{
	if (s->pause_ms > 0)
		s->status.retry_at_ms = now_ms + s->pause_ms;
	s->pause_ms = 0;
}

bool session_step(struct session *s, uint64_t now_ms)
{
	static const struct session_failure unconfirmed = { .pace = BACKOFF_FAST,
		.text = "connected, but nothing is confirmed any more" };

	if (is_unconfirmed(s, now_ms)) {
		session_fail(s, now_ms, &unconfirmed);
		return true;
	}
	exchange_poll(&s->exchange, s->env->chan, now_ms);
	if (s->exchange.is_busy)
		return false;
	if (s->has_next && s->is_next_in_place) {
		apply_next(s);
		return true;
	}
	if (s->must_close && s->status.state != SESSION_STOPPING && !is_connect_pending(s, now_ms))
		return close_now(s, now_ms);
	switch (s->status.state) {
	case SESSION_DISABLED:
		return leave_disabled(s, now_ms);
	case SESSION_WAITING:
		if (!s->env->is_service_up)
			return false;
		begin_pause(s, now_ms);
		if (is_pausing(s, now_ms))
			return false;
		begin_attempt(s, now_ms);
		return true;
	case SESSION_BACKOFF:
		if (is_pausing(s, now_ms))
			return false;
		begin_attempt(s, now_ms);
		return true;
	case SESSION_CONNECTING:
	case SESSION_ONLINE:
	case SESSION_STOPPING:
		break;
	}
	if (now_ms < s->resume_at_ms)
		return false;
	s->resume_at_ms = 0;
	return session_phase_run(s, now_ms);
}

uint64_t session_deadline(const struct session *s)
{
	uint64_t due_ms = s->status.retry_at_ms;

	if (s->exchange.is_busy || !s->env->is_service_up)
		due_ms = TIMER_NEVER; /* the channel's deadline is its own */
	if (s->unconfirmed_since_ms > 0 && s->phase == PHASE_PUBLISH)
		due_ms = timer_min(due_ms, s->unconfirmed_since_ms + SESSION_UNCONFIRMED_MS);
	if (s->exchange.is_busy)
		return due_ms;
	if (s->resume_at_ms > 0)
		due_ms = timer_min(due_ms, s->resume_at_ms);
	return due_ms;
}
