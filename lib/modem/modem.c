/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/modem.h"

#include "modem/link_copy.h"
#include "modem/modem_life.h"
#include "modem/sim7600.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- names ---- */

const char *modem_state_name(enum modem_state s)
{
	switch (s) {
	case MODEM_ABSENT:
		return "absent";
	case MODEM_OPENING:
		return "opening";
	case MODEM_SYNCING:
		return "syncing";
	case MODEM_SIM:
		return "sim";
	case MODEM_REGISTERING:
		return "registering";
	case MODEM_ATTACHED:
		return "attached";
	case MODEM_READY:
		return "ready";
	case MODEM_RECOVERING:
		return "recovering";
	}
	return "?";
}

const char *session_state_name(enum session_state s)
{
	switch (s) {
	case SESSION_DISABLED:
		return "disabled";
	case SESSION_WAITING:
		return "waiting";
	case SESSION_CONNECTING:
		return "connecting";
	case SESSION_ONLINE:
		return "online";
	case SESSION_BACKOFF:
		return "backoff";
	case SESSION_STOPPING:
		return "stopping";
	}
	return "?";
}

const char *inbound_loss_name(enum inbound_loss l)
{
	switch (l) {
	case INBOUND_LOSS_NONE:
		return "none";
	case INBOUND_LOSS_SUM:
		return "sum";
	case INBOUND_LOSS_GARBAGE:
		return "garbage";
	case INBOUND_LOSS_ORDER:
		return "order";
	case INBOUND_LOSS_RESET:
		return "reset";
	case INBOUND_LOSS_TOO_LONG:
		return "too_long";
	case INBOUND_LOSS_NOMEM:
		return "no_memory";
	case INBOUND_LOSS_COUNT:
		break;
	}
	return "?";
}

/* ---- life and death ---- */

struct modem *modem_new(uint64_t seed)
{
	struct modem *m = calloc(1, sizeof *m);
	size_t i;

	if (!m)
		return NULL;
	m->chan = at_chan_new(sim7600_framing, AT_CMD_MAX);
	if (!m->chan) {
		free(m);
		return NULL;
	}
	prng_init(&m->prng, seed);
	event_queue_init(&m->events);
	buf_init(&m->masked, 2 * AT_LINE_MAX + AT_CMD_MAX);
	exchange_init(&m->operator, MODEM_OWNER_OPERATOR);
	m->env = (struct session_env){
		.chan = m->chan, .events = &m->events, .prng = &m->prng, .family = family_of("")
	};
	life_init(m);
	for (i = 0; i < MODEM_CLIENTS; i++) {
		session_init(&m->session[i], (unsigned)i, &m->env);
		mqtt_rx_init(&m->rx[i]);
	}
	return m;
}

void modem_free(struct modem *m)
{
	size_t i;

	if (!m)
		return;
	at_chan_free(m->chan);
	for (i = 0; i < MODEM_CLIENTS; i++) {
		session_fini(&m->session[i]);
		mqtt_rx_fini(&m->rx[i]);
	}
	buf_fini(&m->masked);
	free(m->cfg);
	free(m->next);
	free(m);
}

/* ---- configuration ---- */

void modem_configure(struct modem *m, uint64_t now_ms, const struct modem_config *cfg)
{
	struct modem_config *copy = modem_config_copy(cfg);

	life_configured(m, now_ms);
	if (!copy)
		return; /* the one before stays */
	free(m->next);
	m->next = copy;
}

static void set_broker(
    struct modem *m, unsigned client, const struct broker_config *cfg, bool is_in_place)
{
	if (session_configure(&m->session[client], cfg, is_in_place) == 0)
		return;
	snprintf(m->session[client].status.last_error.text,
	    sizeof m->session[client].status.last_error.text,
	    "no memory for the configuration; the one before stays");
}

void modem_set_broker(
    struct modem *m, uint64_t now_ms, unsigned client, const struct broker_config *cfg)
{
	(void)now_ms;
	set_broker(m, client, cfg, false);
}

void modem_set_held(struct modem *m, unsigned client, const char *print)
{
	session_set_held(&m->session[client], print);
}

void modem_set_filters(
    struct modem *m, uint64_t now_ms, unsigned client, const struct broker_config *cfg)
{
	(void)now_ms;
	set_broker(m, client, cfg, true);
}

void modem_set_uart(struct modem *m, bool is_uart)
{
	m->is_uart = is_uart;
}

void modem_set_pin_note(struct modem *m, const char *note)
{
	sim_card_recall(&m->sim, note);
}

void modem_set_wall(struct modem *m, uint64_t now_ms, int64_t wall_ms, bool is_plausible)
{
	m->host = (struct host_clock){
		.wall_ms = wall_ms, .at_ms = now_ms, .is_plausible = is_plausible
	};
}

/* ---- the port ---- */

void modem_set_rebind(struct modem *m, bool is_possible)
{
	m->can_rebind = is_possible;
}

void modem_tty_up(struct modem *m, uint64_t now_ms)
{
	if (m->stop < MODEM_STOP_DRAIN)
		life_tty_up(m, now_ms);
}

void modem_tty_down(struct modem *m, uint64_t now_ms, int error)
{
	if (m->stop < MODEM_STOP_DRAIN)
		life_tty_down(m, now_ms, error);
}

void modem_rx(struct modem *m, uint64_t now_ms, const uint8_t *data, size_t len)
{
	if (m->stop >= MODEM_STOP_DRAIN)
		return;
	at_chan_rx(m->chan, now_ms, data, len);
	life_heard(m, now_ms);
}

struct buf *modem_tx(struct modem *m)
{
	return at_chan_tx(m->chan);
}

uint64_t modem_deadline(const struct modem *m)
{
	return timer_min(at_chan_deadline(m->chan), life_deadline(m));
}

/* ---- what the owner asks for ---- */

bool modem_can_publish(const struct modem *m, unsigned client)
{
	return m->stop == MODEM_STOP_NO && session_can_publish(&m->session[client]);
}

int modem_publish(struct modem *m, uint64_t now_ms, unsigned client, const struct modem_publish *p)
{
	if (m->stop != MODEM_STOP_NO)
		return -EBUSY;
	return session_publish(&m->session[client], now_ms, p);
}

int modem_connect(struct modem *m, uint64_t now_ms, unsigned client)
{
	return session_connect(&m->session[client], now_ms);
}

int modem_disconnect(struct modem *m, uint64_t now_ms, unsigned client)
{
	(void)now_ms;
	return session_disconnect(&m->session[client]);
}

int modem_reconnect(struct modem *m, uint64_t now_ms, unsigned client)
{
	(void)now_ms;
	return session_reconnect(&m->session[client]);
}

/* The only one that is known to take minutes, and that anything sent meanwhile ends (4.2.2). */
static bool is_search(const char *command)
{
	return strncasecmp(command, "AT+COPS", strlen("AT+COPS")) == 0;
}

int modem_at(struct modem *m, uint64_t now_ms, const char *command)
{
	int r;

	if (m->operator.is_busy)
		return -EBUSY;
	if (!sim7600_is_operator_command(command))
		return -EINVAL;
	snprintf(m->command, sizeof m->command, "%s", command);
	at_args_raw(exchange_args(&m->operator), "raw_command", m->command);
	m->operator.job.is_patient = is_search(m->command);
	r = exchange_start(&m->operator, m->chan, now_ms, sim7600_operator_script);
	return r == -ENOSPC ? -EBUSY : r;
}

void modem_stop(struct modem *m, uint64_t now_ms)
{
	size_t i;

	if (m->stop != MODEM_STOP_NO)
		return;
	m->stop = MODEM_STOP_SESSIONS;
	m->stop_at_ms = now_ms + MODEM_STOP_MAX_MS;
	for (i = 0; i < MODEM_CLIENTS; i++)
		session_shut_down(&m->session[i]);
}

void modem_set_trace(struct modem *m, bool on)
{
	at_chan_set_trace(m->chan, on);
}

size_t modem_payload_max(const struct modem *m)
{
	return m->env.family->payload_max;
}

const struct modem_status *modem_get_status(const struct modem *m)
{
	return &m->status;
}

const struct session_status *modem_get_session(const struct modem *m, unsigned client)
{
	return &m->session[client].status;
}

const struct at_chan_counters *modem_get_chan_counters(const struct modem *m)
{
	return at_chan_counters(m->chan);
}

uint64_t modem_recoveries(const struct modem *m)
{
	uint64_t total = 0;
	size_t i;

	for (i = 0; i < RECOVERY_STEPS; i++)
		total += m->recovery.counts[i];
	return total;
}

uint64_t modem_recovery_count(const struct modem *m, enum recovery_step step)
{
	return step < RECOVERY_STEPS ? m->recovery.counts[step] : 0;
}
