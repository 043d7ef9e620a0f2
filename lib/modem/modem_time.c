/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/modem_time.h"

#include "modem/sim7600.h"

void time_ask(struct modem *m, uint64_t now_ms)
{
	(void)exchange_args(&m->exchange);
	m->has_clock = false;
	life_run(m, now_ms, sim7600_clock_script);
}

void time_line(struct modem *m, uint64_t now_ms, struct span line)
{
	int64_t utc_s;

	if (!modem_clock_parse(line, &utc_s))
		return;
	m->has_clock = true;
	m->env.is_clock_right = modem_clock_is_right(utc_s, &m->host, now_ms);
}

/* Some broker's certificates are checked for their dates: nothing else needs the clock. */
static bool is_time_checked(const struct modem *m)
{
	size_t i;

	for (i = 0; i < MODEM_CLIENTS; i++)
		if (session_checks_time(&m->session[i]))
			return true;
	return false;
}

bool time_must_set(struct modem *m)
{
	if (!m->has_clock)
		m->env.is_clock_right = false;
	return !m->env.is_clock_right && m->host.is_plausible && is_time_checked(m);
}

void time_set_begin(struct modem *m, uint64_t now_ms)
{
	struct at_args *args = exchange_args(&m->exchange);

	modem_clock_format(host_clock_now_s(&m->host, now_ms), m->clock_text);
	at_args_text(args, "time", m->clock_text);
	life_run(m, now_ms, sim7600_clock_set_script);
}

void time_set_done(struct modem *m, const struct at_event *ev)
{
	if (ev->result != AT_OK)
		return;
	m->env.is_clock_right = true;
	event_queue_notice(&m->events, 0, MODEM_NOTICE_CLOCK_SET,
	    "its clock was wrong and has been set to %s", m->clock_text);
}
