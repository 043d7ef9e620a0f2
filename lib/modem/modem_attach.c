/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/modem_attach.h"

#include "at/at_line.h"
#include "modem/modem_recover.h"
#include "modem/modem_time.h"
#include "modem/modem_watch.h"
#include "modem/sim7600.h"

#define RETRY_MS        1000
#define START_PAUSE_MS  3000
#define START_TRIES     2
#define START_VERIFY_MS 15000
#define START_MAX_MS    120000 /* the vendor's maximum (16.2.1) */

enum attach_step {
	ATTACH_CLOCK,
	ATTACH_CLOCK_SET,
	ATTACH_START,
	ATTACH_VERIFY, /* does it run, although START did not say so? */
	ATTACH_NETOPEN_QUERY,
	ATTACH_NETOPEN,
	ATTACH_PROBE,   /* what is each client's state? Sister models do not forgive a wrong DISC */
	ATTACH_RELEASE, /* a service with clients in use cannot be stopped */
	ATTACH_STOP,
};

/* ---- clients and service, one after the other ---- */

static void probe_begin(struct modem *m, uint64_t now_ms)
{
	m->is_client_known = false;
	m->is_client_held = false;
	m->is_client_connected = false;
	at_args_number(exchange_args(&m->exchange), "client_index", m->client);
	life_run(m, now_ms, sim7600_probe_script);
}

static void release_begin(struct modem *m, uint64_t now_ms)
{
	struct at_args *args = exchange_args(&m->exchange);

	at_args_number(args, "client_index", m->client);
	at_args_number(args, "timeout", 0);
	if (m->is_client_connected)
		at_args_number(args, "connected", 1);
	if (m->is_client_held || m->is_client_connected)
		at_args_number(args, "acquired", 1);
	life_run(m, now_ms, sim7600_close_script);
}

void attach_stop_begin(struct modem *m, uint64_t now_ms)
{
	at_args_number(
	    exchange_args(&m->exchange), m->stop == MODEM_STOP_NO ? "patience" : "hurry", 1);
	life_run(m, now_ms, sim7600_stop_script);
}

void attach_begin(struct modem *m, uint64_t now_ms)
{
	switch ((enum attach_step)m->step) {
	case ATTACH_CLOCK:
		time_ask(m, now_ms);
		return;
	case ATTACH_CLOCK_SET:
		time_set_begin(m, now_ms);
		return;
	case ATTACH_PROBE:
		probe_begin(m, now_ms);
		return;
	case ATTACH_RELEASE:
		release_begin(m, now_ms);
		return;
	case ATTACH_STOP:
		attach_stop_begin(m, now_ms);
		return;
	case ATTACH_START:
	case ATTACH_VERIFY:
	case ATTACH_NETOPEN_QUERY:
	case ATTACH_NETOPEN:
		break;
	}
	(void)exchange_args(&m->exchange);
	m->start_until_ms = m->step == ATTACH_START ? now_ms + START_MAX_MS : m->start_until_ms;
	if (m->step == ATTACH_START)
		life_run(m, now_ms, sim7600_start_script);
	else if (m->step == ATTACH_VERIFY)
		life_run(m, now_ms, sim7600_service_query_script);
	else if (m->step == ATTACH_NETOPEN_QUERY)
		life_run(m, now_ms, sim7600_netopen_query_script);
	else
		life_run(m, now_ms, sim7600_netopen_script);
}

/* ---- how it ended ---- */

/* START opens the data connection itself. Where it cannot, NETOPEN may; after that only stronger
 * means are left. */
static void start_failed(struct modem *m, uint64_t now_ms)
{
	if (++m->start_failures >= START_TRIES) {
		m->start_failures = 0;
		if (recover_try(
			m, now_ms, RECOVERY_TROUBLE_SERVICE, "the MQTT service does not start"))
			return;
		life_pause(m, now_ms, START_PAUSE_MS);
	}
	m->is_netopen = false;
	life_go_to(m, ATTACH_NETOPEN_QUERY);
}

static void start_done(struct modem *m, uint64_t now_ms, const struct at_event *ev)
{
	if (ev->result != AT_UNKNOWN || ev->job->is_overdue)
		m->start_until_ms = 0; /* it will not begin to run any more */
	/* It had not started, then: it denies what it has. */
	m->env.is_query_mute = m->env.is_query_mute || (m->was_denied && ev->err == 23);
	m->was_denied = false;
	if (ev->result == AT_OK)
		watch_start(m, now_ms);
	else if (ev->has_err)
		start_failed(m, now_ms);
	else
		/* A76xx: a bare ERROR when it runs already. An OK without result: it runs, or will.
		 */
		life_go_to(m, ATTACH_VERIFY);
}

static void start_verified(struct modem *m, uint64_t now_ms, const struct at_event *ev)
{
	if (ev->result == AT_OK)
		watch_start(m, now_ms);
	else if (now_ms < m->start_until_ms)
		life_pause(m, now_ms, START_VERIFY_MS);
	else
		start_failed(m, now_ms);
}

/* The service is stopped only if no client is in use: otherwise it would be refused, or worse. */
static void released(struct modem *m, const struct at_event *ev)
{
	m->is_stop_safe = m->is_stop_safe && ev->result == AT_OK;
	if (++m->client < MODEM_CLIENTS)
		life_go_to(m, ATTACH_PROBE);
	else
		life_go_to(m, m->is_stop_safe ? ATTACH_STOP : ATTACH_START);
}

void attach_done(struct modem *m, uint64_t now_ms, const struct at_event *ev)
{
	switch ((enum attach_step)m->step) {
	case ATTACH_CLOCK:
		life_go_to(m, time_must_set(m) ? ATTACH_CLOCK_SET : ATTACH_START);
		break;
	case ATTACH_CLOCK_SET:
		time_set_done(m, ev);
		life_go_to(m, ATTACH_START);
		break;
	case ATTACH_START:
		start_done(m, now_ms, ev);
		break;
	case ATTACH_VERIFY:
		start_verified(m, now_ms, ev);
		break;
	case ATTACH_NETOPEN_QUERY:
		life_go_to(m, m->is_netopen ? ATTACH_START : ATTACH_NETOPEN);
		life_pause(m, now_ms, START_PAUSE_MS);
		break;
	case ATTACH_NETOPEN:
		life_go_to(m, ATTACH_START);
		break;
	case ATTACH_PROBE:
		m->is_stop_safe = m->is_stop_safe && ev->result == AT_OK && m->is_client_known;
		life_go_to(m, ATTACH_RELEASE);
		break;
	case ATTACH_RELEASE:
		released(m, ev);
		break;
	case ATTACH_STOP:
		life_go_to(m, ATTACH_START);
		life_pause(m, now_ms, START_PAUSE_MS);
		break;
	}
}

/* ---- lines ---- */

/* What the modem thinks of the client that is about to be released. */
static void client_line(struct modem *m, struct span line)
{
	uint32_t client, state;
	struct span id;

	if (!at_line_number(line, 0, &client) || client != m->client)
		return;
	if (span_begins_with(line, "+CMQTTACCQ:")) {
		m->is_client_known = true;
		m->is_client_held = at_line_field(line, 1, &id) && id.len > 0;
	}
	if (span_begins_with(line, "+CMQTTDISC:"))
		m->is_client_connected = at_line_number(line, 1, &state) && state == 0;
}

static void netopen_line(struct modem *m, struct span line)
{
	struct span field;

	if (span_begins_with(line, "+NETOPEN:"))
		m->is_netopen = at_line_field(line, 0, &field) && span_is(field, "1");
}

void attach_line(struct modem *m, struct span line)
{
	client_line(m, line);
	netopen_line(m, line);
}

void attach_started(struct modem *m, uint64_t now_ms)
{
	if (m->status.state != MODEM_ATTACHED || m->step != ATTACH_VERIFY)
		return;
	m->start_until_ms = 0; /* this is the end of it: what the next question says holds */
	m->resume_at_ms = timer_min(m->resume_at_ms, now_ms);
}

/* ---- why it begins again ---- */

void attach_restart_service(struct modem *m, uint64_t now_ms)
{
	life_set_state(m, now_ms, MODEM_ATTACHED, "the MQTT service is started again");
	m->client = 0;
	m->is_stop_safe = true;
	life_go_to(m, ATTACH_PROBE);
}

void attach_network_closed(struct modem *m, uint64_t now_ms)
{
	at_chan_set_dirty(m->chan);
	if (m->status.state != MODEM_READY)
		return;
	m->start_failures = 0;
	life_set_state(m, now_ms, MODEM_ATTACHED, "the network closed the MQTT service");
	life_go_to(m, ATTACH_START);
	life_pause(m, now_ms, RETRY_MS);
}
