/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/modem_register.h"

#include "modem/sim7600.h"

#define RETRY_MS         1000
#define POLL_FAST_MS     3000  /* registration, in the first minute */
#define POLL_SLOW_MS     10000 /* and later */
#define POLL_FAST_FOR_MS 60000
#define UNTOLD_POLLS     5

enum register_step {
	REGISTER_SETUP,
	REGISTER_POLL,
	REGISTER_RADIO, /* has somebody left it off, perhaps we in an earlier life? */
	REGISTER_RADIO_ON,
	REGISTER_OPERATOR, /* has somebody tied the modem to a network? */
	REGISTER_ANY,
	REGISTER_SIGNAL, /* is it the antenna? */
};

void register_begin(struct modem *m, uint64_t now_ms)
{
	const struct modem_config *cfg = life_config(m);
	struct at_args *args = exchange_args(&m->exchange);

	switch ((enum register_step)m->step) {
	case REGISTER_SETUP:
		break;
	case REGISTER_POLL:
		life_run(m, now_ms, sim7600_registration_script);
		return;
	case REGISTER_RADIO:
		m->is_radio_off = false;
		life_run(m, now_ms, sim7600_radio_query_script);
		return;
	case REGISTER_RADIO_ON:
		life_run(m, now_ms, sim7600_radio_on_script);
		return;
	case REGISTER_OPERATOR:
		life_run(m, now_ms, sim7600_operator_query_script);
		return;
	case REGISTER_ANY:
		life_run(m, now_ms, sim7600_operator_any_script);
		return;
	case REGISTER_SIGNAL:
		life_run(m, now_ms, sim7600_pulse_script);
		return;
	}
	at_args_text(args, "apn", cfg->apn);
	at_args_text(args, "pdp_type", cfg->pdp_type ? cfg->pdp_type : "IP");
	at_args_number(args, "auth_type", 3); /* PAP or CHAP, as the network wants (8.2.22) */
	at_args_text(args, "apn_user", cfg->apn_user);
	at_args_secret(args, "apn_password", cfg->apn_password ? cfg->apn_password : "");
	sim7600_fill_network(args, cfg);
	life_run(m, now_ms, sim7600_network_script);
}

static bool is_barred(const struct modem *m)
{
	return life_config(m)->no_roaming && m->status.is_registered && m->status.is_roaming;
}

static void tell_roaming(struct modem *m)
{
	if (!m->is_roaming_told)
		event_queue_notice(&m->events, 0, MODEM_NOTICE_ROAMING,
		    "registered in a foreign network, and roaming = false");
	m->is_roaming_told = true;
}

void register_bar_roaming(struct modem *m)
{
	bool was_barred = m->env.is_barred;
	size_t i;

	m->env.is_barred = is_barred(m);
	if (m->env.is_barred)
		tell_roaming(m);
	for (i = 0; i < MODEM_CLIENTS && m->env.is_barred && !was_barred; i++)
		m->session[i].must_close = true;
}

static void not_registered(struct modem *m)
{
	if (net_status_is_denied(&m->net) && !m->is_denied_told) {
		event_queue_notice(
		    &m->events, 0, MODEM_NOTICE_DENIED, "the network denies the registration");
		m->is_denied_told = true;
	}
	if (!m->is_radio_known) {
		life_go_to(m, REGISTER_RADIO);
		return;
	}
	if (!m->was_operator_asked && !life_config(m)->operator_code && !is_barred(m)) {
		m->was_operator_asked = true;
		life_go_to(m, REGISTER_OPERATOR);
		return;
	}
	life_go_to(m, REGISTER_SIGNAL);
}

/* Everything was answered, and nothing was said: whether it is registered, START will tell. */
static bool is_untold(struct modem *m, const struct at_event *ev)
{
	if (ev->result != AT_OK || m->net.is_registration_told)
		m->untold_polls = 0;
	else
		m->untold_polls++;
	return m->untold_polls >= UNTOLD_POLLS;
}

static void polled(struct modem *m, uint64_t now_ms, const struct at_event *ev)
{
	if (is_barred(m)) {
		tell_roaming(m);
		life_renew_budget(m, now_ms); /* no remedy helps */
	} else if (m->status.is_registered || is_untold(m, ev)) {
		m->start_failures = 0;
		m->is_roaming_told = false;
		m->registered_at_ms = now_ms;
		life_set_state(m, now_ms, MODEM_ATTACHED,
		    m->status.is_registered ? "registered" : "nothing is said of the registration");
		return;
	}
	not_registered(m);
}

void register_done(struct modem *m, uint64_t now_ms, const struct at_event *ev)
{
	bool is_early = now_ms - m->status.since_ms < POLL_FAST_FOR_MS;

	switch ((enum register_step)m->step) {
	case REGISTER_SETUP:
		m->was_operator_asked = false;
		m->is_radio_known = false;
		m->untold_polls = 0;
		if (ev->result == AT_UNKNOWN)
			life_pause(m, now_ms, RETRY_MS);
		else
			life_go_to(m, REGISTER_POLL);
		break;
	case REGISTER_POLL:
		polled(m, now_ms, ev);
		break;
	case REGISTER_RADIO:
		m->is_radio_known = true;
		life_go_to(m, m->is_radio_off ? REGISTER_RADIO_ON : REGISTER_POLL);
		break;
	case REGISTER_RADIO_ON:
		life_go_to(m, REGISTER_POLL);
		break;
	case REGISTER_OPERATOR:
		m->was_operator_asked = ev->result == AT_OK;
		if (net_status_is_tied(&m->net)) {
			life_go_to(m, REGISTER_ANY);
			break;
		}
		life_go_to(m, REGISTER_POLL);
		life_pause(m, now_ms, POLL_FAST_MS);
		break;
	case REGISTER_ANY:
		m->was_operator_asked = false; /* did it help? */
		life_go_to(m, REGISTER_POLL);
		life_pause(m, now_ms, POLL_FAST_MS);
		break;
	case REGISTER_SIGNAL:
		life_go_to(m, REGISTER_POLL);
		life_pause(m, now_ms, is_early ? POLL_FAST_MS : POLL_SLOW_MS);
		break;
	}
}
