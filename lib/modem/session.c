/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/session_impl.h"

#include "modem/link_copy.h"
#include "modem/sim7600.h"

#include <errno.h>
#include <stdlib.h>

#define BACK_MS 2000 /* many gateways get their network back together */

/* ---- configuration ---- */

void session_init(struct session *s, unsigned client, struct session_env *env)
{
	*s = (struct session){ .client = client, .env = env, .is_leftover_possible = true };
	s->status.state = SESSION_DISABLED;
	s->status.retry_at_ms = TIMER_NEVER;
	exchange_init(&s->exchange, (uint8_t)client);
	certs_init(&s->certs, client);
	rotation_init(&s->rotation);
	subscriptions_init(&s->subscriptions);
}

void session_fini(struct session *s)
{
	subscriptions_fini(&s->subscriptions);
	rotation_fini(&s->rotation);
	free(s->cfg);
	free(s->next);
}

int session_configure(struct session *s, const struct broker_config *cfg, bool is_in_place)
{
	struct broker_config *copy = NULL;

	if (cfg) {
		copy = broker_config_copy(cfg);
		if (!copy)
			return -ENOMEM;
	}
	session_note_files(s, cfg && cfg->is_tls);
	free(s->next);
	s->next = copy;
	s->is_next_in_place =
	    is_in_place && copy && s->cfg && (!s->has_next || s->is_next_in_place);
	s->has_next = true;
	if (!s->is_next_in_place)
		s->must_close = true;
	return 0;
}

/* ---- what the modem says unasked ---- */

void session_lost(struct session *s, uint64_t now_ms, unsigned cause)
{
	static const char *const texts[] = { "connection lost",
		"connection lost: closed by the server", "connection lost: reset by the server",
		"connection lost: the network is closed" };
	const struct session_failure why = {
		.pace = BACKOFF_FAST,
		.text = texts[cause < sizeof texts / sizeof texts[0] ? cause : 0],
	};

	switch (s->status.state) {
	case SESSION_CONNECTING:
	case SESSION_ONLINE:
		break;
	case SESSION_DISABLED:
	case SESSION_WAITING:
	case SESSION_BACKOFF:
	case SESSION_STOPPING:
		return;
	}
	switch (s->phase) {
	case PHASE_PROBE:
	case PHASE_ADOPT:
		s->is_probe_stale = true;
		return;
	case PHASE_CLOSE:
	case PHASE_CERTS:
	case PHASE_TLS:
	case PHASE_ACQUIRE:
		return; /* the connection of an earlier life */
	case PHASE_CONNECT:
		s->is_suspect = true; /* its own result decides; ask once more after it */
		return;
	case PHASE_CHECK:
	case PHASE_SUBSCRIBE:
	case PHASE_TIDY:
	case PHASE_BIRTH:
	case PHASE_IDLE:
	case PHASE_PUBLISH:
		break;
	}
	session_fail(s, now_ms, &why);
}

void session_ping_failed(struct session *s, uint64_t now_ms, unsigned err)
{
	const struct session_failure why = {
		.pace = BACKOFF_FAST, .err = err, .text = "no answer to the keep-alive"
	};

	/* The client stays connected for the modem: the next attempt finds and closes it. */
	s->may_adopt = false;
	if (s->status.state == SESSION_ONLINE ||
	    (s->status.state == SESSION_CONNECTING && s->phase > PHASE_CONNECT))
		session_fail(s, now_ms, &why);
}

void session_late_result(struct session *s, uint64_t now_ms, bool is_connect, unsigned err)
{
	switch (s->status.state) {
	case SESSION_CONNECTING:
	case SESSION_ONLINE:
	case SESSION_STOPPING:
		break;
	case SESSION_BACKOFF:
		if (s->busy_failures > 0)
			s->status.retry_at_ms = now_ms; /* this is what kept the client busy */
		return;
	case SESSION_DISABLED:
	case SESSION_WAITING:
		return;
	}
	if (s->phase < PHASE_CONNECT)
		session_doubt_probe(s, now_ms);
	else if (is_connect && s->phase == PHASE_CHECK && s->connect_until_ms > 0)
		session_end_connect(s, now_ms, err);
	else
		s->is_suspect = true;
}

/* ---- by hand ---- */

static bool has_broker(const struct session *s)
{
	return s->has_next ? s->next != NULL : s->cfg != NULL;
}

int session_connect(struct session *s, uint64_t now_ms)
{
	if (!has_broker(s))
		return -ENOENT;
	s->is_off_by_hand = false;
	s->pause_ms = 0;
	if (s->status.state == SESSION_BACKOFF || s->status.state == SESSION_WAITING)
		s->status.retry_at_ms = now_ms;
	return 0;
}

int session_disconnect(struct session *s)
{
	if (!has_broker(s))
		return -ENOENT;
	s->is_off_by_hand = true;
	s->must_close = true;
	s->may_adopt = false;
	return 0;
}

int session_reconnect(struct session *s)
{
	if (!has_broker(s))
		return -ENOENT;
	s->is_off_by_hand = false;
	s->must_close = true;
	s->may_adopt = false;
	return 0;
}

void session_shut_down(struct session *s)
{
	s->is_shut_down = true;
	s->must_close = true;
}

bool session_is_shut_down(const struct session *s)
{
	return s->is_shut_down && s->status.state == SESSION_DISABLED && !s->must_close &&
	       !s->exchange.is_busy;
}

/* ---- does it work? ---- */

/* Somebody has to mend the configuration, or what the broker knows of us. */
static bool is_configuration_wrong(const struct session *s)
{
	return s->is_unsendable || mqtt_err_class(s->status.last_error.code) == ERR_CLASS_CONFIG;
}

bool session_is_unreachable(const struct session *s)
{
	return session_is_wanted(s) && s->status.state != SESSION_ONLINE &&
	       !is_configuration_wrong(s);
}

bool session_is_wedged(const struct session *s)
{
	return session_is_wanted(s) && s->status.state != SESSION_ONLINE &&
	       s->busy_failures >= SESSION_BUSY_MAX;
}

void session_network_is_back(struct session *s, uint64_t now_ms)
{
	if (s->status.state == SESSION_BACKOFF && !is_configuration_wrong(s))
		s->status.retry_at_ms =
		    timer_min(s->status.retry_at_ms, now_ms + prng_range(s->env->prng, 0, BACK_MS));
}
