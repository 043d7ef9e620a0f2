/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/matrix_situations.h"

#include <string.h>

/* ---- a modem that was never used, and all that can be configured ---- */

static void be_complete(struct sim_params *p)
{
	p->has_pin = true;
	p->modem.pin = "1234";
	p->has_apn = true;
	p->has_will = true;
	p->has_birth = true;
	p->is_tls[0] = true;
	p->is_tls[1] = true;
	p->modem.clock_set = false;
	p->modem.nitz = false;
}

static void configure_all(struct world *w)
{
	for (unsigned i = 0; i < 2; i++) {
		struct modem_config *modem = &w->config[i].core.modem;

		modem->apn_user = "user";
		modem->apn_password = "secret";
		modem->technology = "lte";
		modem->operator_code = "26201";
	}
}

/* ---- a modem that somebody else has used ---- */

static void be_silenced(struct sim_params *p)
{
	p->modem.radio_off = true;
}

static void be_tied(struct sim_params *p)
{
	p->modem.tied_to = "26202";
}

/* ---- a UART ---- */

static void be_uart(struct sim_params *p)
{
	p->is_uart = true;
	p->modem.uart_baud = 9600;
}

static void configure_uart(struct world *w)
{
	for (unsigned i = 0; i < 2; i++)
		w->config[i].core.modem.rtscts = true;
}

/* ---- other filters, another birth message, other certificates ---- */

static void be_tls(struct sim_params *p)
{
	p->is_tls[0] = true;
	p->is_tls[1] = true;
	p->has_birth = true;
}

static void configure_other_ca(struct world *w)
{
	w->config[1].core.brokers[1].link.tls.ca =
	    span_text("-----BEGIN CERTIFICATE-----\nTkVX\n-----END CERTIFICATE-----\n");
}

static void reload(struct world *w)
{
	world_reload(w, w->now_ms);
}

static void be_sim7670(struct sim_params *p)
{
	fake_modem_cfg_model(&p->modem, "sim7670");
}

/* ---- the daemon ends ---- */

static void kill_daemon(struct world *w)
{
	world_restart(w, w->now_ms);
}

static void stop_daemon(struct world *w)
{
	core_shutdown(w->core, w->now_ms);
	w->is_stopping = true;
}

/* ---- a command by hand ---- */

static void ask_by_hand(struct world *w)
{
	static const char call[] =
	    "{\"method\":\"io.cmqttd.At\",\"parameters\":{\"command\":\"AT+CSQ\"}}";
	const struct ctl_peer root = { .is_admin = true };

	if (core_ctl_new(w->core, w->now_ms, &root, &w->ctl) < 0)
		world_wrong(w, "no control connection");
	else
		core_ctl_rx(w->core, w->now_ms, w->ctl, (const uint8_t *)call, sizeof(call));
}

const struct situation matrix_situations[] = {
	{ "first start", be_complete, configure_all, NULL, false, { NULL } },
	{ "radio left off", be_silenced, NULL, NULL, false, { NULL } },
	{ "tied to a network", be_tied, NULL, NULL, false, { NULL } },
	{ "a UART", be_uart, configure_uart, NULL, false, { NULL } },
	{ "a UART with one speed", be_uart, configure_uart, NULL, false, { "+IPREX*0 error" } },
	{ "reload", be_tls, configure_other_ca, reload, false, { NULL } },
	{ "reload, SIM7670", be_sim7670, NULL, reload, false, { NULL } },
	{ "daemon killed", NULL, NULL, kill_daemon, false, { NULL } },
	{ "daemon stopped", NULL, NULL, stop_daemon, true, { NULL } },
	{ "command by hand", NULL, NULL, ask_by_hand, false, { NULL } },
	{ "a setting is refused", NULL, NULL, NULL, false, { "+CMQTTCFG=\"CHECKUTF8\"*6 error" } },
	{ "a client stays busy", NULL, NULL, NULL, false, { "+CMQTTSUBTOPIC=0*40 busy" } },
	/* until only a reset is left */
	{ "service does not start", NULL, NULL, NULL, false, { "+CMQTTSTART*20 result-err 7" } },
	{ NULL, NULL, NULL, NULL, false, { NULL } },
};
