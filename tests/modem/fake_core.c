/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- events ---- */

struct fm_event *fm_at(
    struct fake_modem *m, uint64_t delay_ms, fm_event_fn *fn, unsigned client, uint32_t arg)
{
	struct fm_event *ev = fm_alloc(sizeof *ev), **p = &m->events;

	ev->due_ns = m->t + delay_ms * FM_MS;
	ev->fn = fn;
	ev->client = client;
	ev->arg = arg;
	while (*p && (*p)->due_ns <= ev->due_ns)
		p = &(*p)->next;
	ev->next = *p;
	*p = ev;
	return ev;
}

static void event_free(struct fm_event *ev)
{
	free(ev->bytes);
	free(ev);
}

void fm_drop_events(struct fake_modem *m)
{
	while (m->events) {
		struct fm_event *ev = m->events;

		m->events = ev->next;
		event_free(ev);
	}
}

/* Bytes that a host need not have seen: the CR ends a line, and the `>` is the prompt. */
static size_t tail_len(const struct fm_event *ev)
{
	char last = ev->flags & FM_EV_PROMPT ? '>' : '\r';
	size_t n = 0;

	while (n < ev->len && ev->bytes[ev->len - n - 1] != last)
		n++;
	return n < ev->len ? n : 0;
}

static void on_emit(struct fake_modem *m, const struct fm_event *ev)
{
	if (m->hung)
		return;
	if (!(ev->flags & FM_EV_MUTE)) {
		if (fm_mode_is_speed_wrong(m))
			fm_mode_garble(m, ev->bytes, ev->len);
		fm_wire_put(&m->tx, m->t, ev->bytes, ev->len);
		m->out_total += ev->len;
		if (ev->flags & FM_EV_BODY)
			fm_trace(m, '>', "[%zu raw bytes]", ev->len);
		else
			fm_trace_line(m, '>', ev->bytes, ev->len);
	} else if (ev->len) {
		fm_trace(m, '-', "fault: %zu bytes to the host lost", ev->len);
	}
	if (ev->flags & FM_EV_STALE)
		m->client[0].amnesty = m->client[1].amnesty = true;
	if (ev->flags & (FM_EV_FINAL | FM_EV_PROMPT)) {
		m->busy = false;
		m->final_mark = m->out_total - (ev->flags & FM_EV_MUTE ? 0 : tail_len(ev));
		m->owed_silence = (ev->flags & FM_EV_MUTE) != 0 && !m->quiet;
		if ((ev->flags & FM_EV_FINAL) && !m->fault_in_cmd) {
			m->amnesty = false;
			m->shaken_cmds -= m->shaken_cmds > 0;
		}
	}
	if (ev->flags & FM_EV_PROMPT) {
		m->data.open = true;
		m->data.since_ns = m->t;
	}
}

void fm_emit(struct fake_modem *m, uint64_t delay_ms, unsigned flags, const void *bytes, size_t n)
{
	struct fm_event *ev = fm_at(m, delay_ms, on_emit, 0, 0);

	ev->flags = flags;
	ev->bytes = fm_alloc(n + 1);
	ev->len = n;
	if (n)
		memcpy(ev->bytes, bytes, n);
}

void fm_urc(struct fake_modem *m, uint64_t delay_ms, const char *fmt, ...)
{
	va_list ap;
	char *text, *framed;

	va_start(ap, fmt);
	text = fm_vprintf(fmt, ap);
	va_end(ap);
	framed = fm_printf("\r\n%s\r\n", text);
	fm_emit(m, delay_ms, 0, framed, strlen(framed));
	free(framed);
	free(text);
}

static uint64_t rx_due(const struct fake_modem *m)
{
	uint64_t due = fm_wire_next(&m->rx);

	if (due == FAKE_NEVER || m->busy)
		return FAKE_NEVER;
	return due > m->t ? due : m->t;
}

static void run_to(struct fake_modem *m, uint64_t end)
{
	for (;;) {
		struct fm_event *ev = m->events;
		uint64_t rx = rx_due(m);

		if (ev && ev->due_ns <= end && ev->due_ns <= rx) {
			if (ev->due_ns > m->t)
				m->t = ev->due_ns;
			m->events = ev->next;
			ev->fn(m, ev);
			event_free(ev);
		} else if (rx <= end) {
			m->t = rx;
			fm_line_input(m);
		} else {
			break;
		}
	}
	if (end > m->t)
		m->t = end;
}

static void run(struct fake_modem *m, uint64_t now)
{
	run_to(m, now * FM_MS);
}

/* ---- life ---- */

static void line_reset(struct fake_modem *m)
{
	fm_cmd_clear(&m->cmd);
	free(m->data.bytes);
	m->data = (struct fm_data){ 0 };
	m->line_len = 0;
	m->line_long = m->skip_lf = m->busy = m->owed_silence = false;
	m->echo = m->verbose = true;
	m->quiet = false;
	m->mode = FAKE_MODE_COMMAND;
	m->uart_baud = m->kept_baud;
	m->cmee = m->cfg.cmee;
}

/* All that a reset loses. What is on the wire to the host stays there. */
void fm_down(struct fake_modem *m)
{
	m->up = false;
	fm_drop_events(m);
	fm_cmqtt_gone(m);
	line_reset(m);
	fm_ssl_init(m);
	fm_net_down(m);
	fm_wire_clear(&m->rx);
	fm_disturbed(m);
}

static void on_ready(struct fake_modem *m, const struct fm_event *ev)
{
	(void)ev;
	m->up = true;
	if (m->cfg.say_rdy && !m->cfg.autobaud)
		fm_urc(m, 0, "%s", m->cfg.boot_line);
	if (m->cfg.says_boot_extras && !m->cfg.autobaud)
		fm_urc(m, 0, "+MSTK: 11, D081%0*d", 254, 0); /* SIM toolkit, as long as captured */
	fm_net_boot(m, false);
}

void fm_boot(struct fake_modem *m)
{
	fm_trace(m, '-', "boot");
	fm_at(m, m->cfg.boot_ms, on_ready, 0, 0);
}

void fm_reset_spoken(struct fake_modem *m, unsigned client)
{
	struct fm_event *ev;

	(void)client;
	fm_cmqtt_say_lost(m);
	/* the lines above are due now: let them out before everything is dropped */
	while ((ev = m->events) && ev->due_ns <= m->t) {
		m->events = ev->next;
		if (ev->fn == on_emit)
			on_emit(m, ev);
		event_free(ev);
	}
	fm_down(m);
	fm_boot(m);
}

void fake_modem_cfg_init(struct fake_modem_cfg *ret_cfg)
{
	*ret_cfg = (struct fake_modem_cfg){
		.seed = 1,
		.latency_ms = 20,
		.patience_ms = 3000,
		.echo_data = true,
		.prompt = "\r\n>",
		.power = true,
		.line_max = FAKE_LINE_MAX,
		.payload_max = FAKE_PAYLOAD_MAX,
		.pub_timeout_min_s = 60,
		.disc_timeout_min_s = 60,
		.accq_version = true,
		.has_topic_lists = true,
		.has_ciphersuites = true,
		.stop_held_err = 21,
		.boot_line = "RDY",
		.cert_name_max = FM_NAME_MAX,
		.say_rdy = true,
		.boot_ms = 5000,
		.sim_ms = 800,
		.sms_done_ms = 1500,
		.pb_done_ms = 1500,
		.register_ms = 3000,
		.register_stat = 1,
		.cmee = 2,
		.sim_present = true,
		.puk = "12345678",
		.sim_busy_code = 14,
		.model = "SIMCOM_SIM7600G-H",
		.revision = "LE20B04SIM7600G22",
		.imei = "864200050000017",
		.utc_at_zero_s = 1767225600, /* 2026-01-01 */
		.clock_set = true,
		.nitz = true,
		.zone_quarters = 4,
		.netopen_ms = 400,
		.start_fail = FAKE_FAIL_RESULT_ERROR,
		.connect_hold_ms = 2000,
		.start_ms = 300,
		.stop_ms = 100,
		.connect_timeout_ms = 120000,
		.default_mqtt_version = 3,
		.cfg_fail_ok = true,
		.failed_pub_clears = true,
		.staging_needs_connection = true,
		.nonet_stops = true,
		.utf8_checks_payload = true,
		.rx_chunk = FAKE_RX_CHUNK_MAX,
		.rx_topic_chunk = FAKE_TOPIC_MAX,
	};
}

struct fake_modem *fake_modem_new(const struct fake_modem_cfg *cfg, uint64_t now,
    const struct fake_uplink_ops *ops, void *uplink_ctx)
{
	struct fake_modem *m = fm_alloc(sizeof *m);

	m->cfg = *cfg;
	m->ops = ops;
	m->uplink = uplink_ctx;
	m->t = now * FM_MS;
	m->prng = cfg->seed;
	m->rx.byte_ns = m->tx.byte_ns = cfg->baud ? 10000000000ull / cfg->baud : 0;
	m->pin_left = 3;
	m->puk_left = 10;
	snprintf(m->pin, sizeof m->pin, "%s", cfg->pin ? cfg->pin : "");
	snprintf(m->tied_to, sizeof m->tied_to, "%s", cfg->tied_to ? cfg->tied_to : "");
	m->kept_baud = cfg->uart_baud;
	line_reset(m);
	fm_ssl_init(m);
	fm_net_init(m);
	if (cfg->radio_off)
		m->net.cfun = 4;
	for (int i = 0; i < FAKE_CLIENTS; i++)
		m->client[i].ctx = -1;
	m->powered = cfg->power;
	if (cfg->power && cfg->warm) {
		m->up = true;
		m->verbose = !cfg->numeric;
		m->quiet = cfg->quiet;
		fm_mode_set(m, cfg->mode);
		fm_net_boot(m, true);
		fm_disturbed(m);
	} else if (cfg->power) {
		fm_boot(m);
	}
	run(m, now);
	return m;
}

void fake_modem_free(struct fake_modem *m)
{
	if (!m)
		return;
	m->ops = NULL;
	m->cfg.trace = NULL;
	fm_down(m);
	fake_modem_clear_faults(m);
	for (int i = 0; i < FM_CERTS; i++)
		fm_bytes_free(&m->cert[i].body);
	fm_wire_free(&m->rx);
	fm_wire_free(&m->tx);
	free(m);
}

/* ---- bytes ---- */

void fake_modem_rx(struct fake_modem *m, uint64_t now, const uint8_t *bytes, size_t n)
{
	run(m, now);
	if (!n)
		return;
	m->stats.bytes_from_host += n;
	if (!m->up || m->hung)
		return;
	if (fm_mode_is_speed_wrong(m))
		return; /* frames that cannot be read */
	if (m->mode == FAKE_MODE_COMMAND)
		fm_line_check_rx(m, bytes, n);
	if (m->busy && m->cfg.busy_input == FAKE_BUSY_DROP)
		return;
	fm_wire_put(&m->rx, m->t, bytes, n);
	run(m, now);
}

size_t fake_modem_rx_backlog(const struct fake_modem *m)
{
	return m->rx.bytes.len;
}

size_t fake_modem_out(struct fake_modem *m, uint64_t now, const uint8_t **ret_bytes)
{
	run(m, now);
	*ret_bytes = (const uint8_t *)m->tx.bytes.s;
	return fm_wire_ready(&m->tx, m->t);
}

void fake_modem_out_consume(struct fake_modem *m, size_t n)
{
	fm_wire_take(&m->tx, n);
	m->out_taken += n;
	m->stats.bytes_to_host += n;
}

void fake_modem_tick(struct fake_modem *m, uint64_t now)
{
	run(m, now);
}

void fake_modem_advance_ns(struct fake_modem *m, uint64_t now_ns)
{
	run_to(m, now_ns);
}

uint64_t fake_modem_deadline_ns(const struct fake_modem *m)
{
	uint64_t due = m->events ? m->events->due_ns : FAKE_NEVER;
	uint64_t rx = m->busy ? FAKE_NEVER : fm_wire_lump(&m->rx);
	uint64_t tx = fm_wire_lump(&m->tx);

	if (rx < due)
		due = rx;
	return tx < due ? tx : due;
}

uint64_t fake_modem_deadline(const struct fake_modem *m)
{
	uint64_t due = m->events ? m->events->due_ns : FAKE_NEVER, rx = rx_due(m);
	uint64_t tx = fm_wire_next(&m->tx);

	if (rx < due)
		due = rx;
	if (tx < due)
		due = tx;
	return due == FAKE_NEVER ? FAKE_NEVER : (due + FM_MS - 1) / FM_MS;
}

/* ---- outer events ---- */

void fake_modem_power(struct fake_modem *m, uint64_t now, bool on)
{
	run(m, now);
	if (on == m->powered)
		return;
	m->powered = on;
	fm_trace(m, '-', "power %s", on ? "on" : "off");
	if (on) {
		fm_boot(m);
	} else {
		fm_down(m);
		fm_net_init(m);
		m->was_cut = true;
		m->hung = false;
		m->out_taken = m->out_total; /* what was on the wire is gone */
		fm_wire_clear(&m->tx);
	}
	run(m, now);
}

void fake_modem_reset(struct fake_modem *m, uint64_t now, bool spoken)
{
	run(m, now);
	if (!m->powered)
		return;
	m->hung = false;
	if (spoken && m->up) {
		fm_reset_spoken(m, 0);
	} else {
		fm_down(m);
		fm_boot(m);
	}
	run(m, now);
}

void fake_modem_hang(struct fake_modem *m, uint64_t now)
{
	run(m, now);
	fm_trace(m, '-', "hangs");
	m->hung = true;
	fm_disturbed(m);
}

void fake_modem_host_restarted(struct fake_modem *m)
{
	fm_trace(m, '-', "the host restarted");
	m->shaken_cmds = FM_SHAKEN_CMDS;
	fm_disturbed(m);
	m->busy_ns = 0; /* nobody waits for the command before any more */
	m->owed_silence = false;
	m->final_mark = 0;
}

void fake_modem_urc(struct fake_modem *m, uint64_t now, const char *text)
{
	run(m, now);
	if (m->up)
		fm_urc(m, 0, "%s", text);
	run(m, now);
}

void fake_modem_noise(struct fake_modem *m, uint64_t now, const uint8_t *bytes, size_t n)
{
	run(m, now);
	fm_disturbed(m);
	if (m->up)
		fm_emit(m, 0, 0, bytes, n);
	run(m, now);
}

void fake_modem_connlost(struct fake_modem *m, uint64_t now, unsigned client, int cause)
{
	run(m, now);
	if (client < FAKE_CLIENTS && m->client[client].state == FAKE_CLIENT_CONNECTED) {
		m->ops->abort(m->uplink, client);
		fm_cmqtt_lost(m, client, cause);
	}
	run(m, now);
}

void fake_modem_nonet(struct fake_modem *m, uint64_t now)
{
	run(m, now);
	if (m->up)
		fm_cmqtt_network_lost(m);
	run(m, now);
}

void fake_modem_ping_fail(struct fake_modem *m, uint64_t now, unsigned client, int err)
{
	run(m, now);
	if (client < FAKE_CLIENTS && m->client[client].state == FAKE_CLIENT_CONNECTED) {
		m->ops->abort(m->uplink, client);
		m->client[client].link_dead = true;
		fm_urc(m, 0, "+CMQTTPING: %u,%d", client, err);
	}
	run(m, now);
}

void fake_modem_set_registration(struct fake_modem *m, uint64_t now, int stat)
{
	run(m, now);
	if (m->up)
		fm_net_set_stat(m, stat);
	run(m, now);
}

void fake_modem_up_done(
    struct fake_modem *m, uint64_t now, unsigned client, uint32_t handle, int err)
{
	run(m, now);
	if (client < FAKE_CLIENTS && m->client[client].op.kind != FM_OP_NONE &&
	    m->client[client].op.handle == handle)
		fm_cmqtt_op_done(m, client, err);
	run(m, now);
}

void fake_modem_up_lost(struct fake_modem *m, uint64_t now, unsigned client, int cause)
{
	run(m, now);
	if (client < FAKE_CLIENTS && m->client[client].state != FAKE_CLIENT_FREE)
		fm_cmqtt_lost(m, client, cause);
	run(m, now);
}

/* An upper bound: one that never stops is a bug of the caller, not of the modem. */
enum { RX_QUEUE_MAX = 4096 };

void fake_modem_up_message(struct fake_modem *m, uint64_t now, unsigned client,
    const uint8_t *topic, size_t topic_len, const uint8_t *payload, size_t payload_len)
{
	struct fm_msg *msg, **p = &m->rxq;
	size_t n = 0;

	run(m, now);
	if (client >= FAKE_CLIENTS || !m->up || m->hung || m->client[client].link_dead ||
	    m->client[client].state != FAKE_CLIENT_CONNECTED)
		return;
	if (payload_len > FAKE_PAYLOAD_MAX && m->cfg.oversize == FAKE_OVERSIZE_DROP)
		return;
	if (payload_len > FAKE_PAYLOAD_MAX && m->cfg.oversize == FAKE_OVERSIZE_TRUNCATE)
		payload_len = FAKE_PAYLOAD_MAX;
	for (; *p; p = &(*p)->next)
		n++;
	if (n >= RX_QUEUE_MAX)
		return;
	msg = fm_alloc(sizeof *msg);
	msg->client = client;
	fm_bytes_set(&msg->topic, topic, topic_len);
	fm_bytes_set(&msg->payload, payload, payload_len);
	*p = msg;
	fm_rx_pump(m);
	run(m, now);
}

/* ---- for checks ---- */

const struct fake_modem_stats *fake_modem_stats(const struct fake_modem *m)
{
	return &m->stats;
}

enum fake_client_state fake_modem_client_state(const struct fake_modem *m, unsigned client)
{
	return client < FAKE_CLIENTS ? m->client[client].state : FAKE_CLIENT_FREE;
}

bool fake_modem_service_up(const struct fake_modem *m)
{
	return m->svc.up;
}

bool fake_modem_is_up(const struct fake_modem *m)
{
	return m->powered && m->up;
}

bool fake_modem_is_hung(const struct fake_modem *m)
{
	return m->hung;
}

bool fake_modem_is_idle(const struct fake_modem *m)
{
	if (m->busy || m->data.open || m->rxq || m->rx.bytes.len || m->tx.bytes.len)
		return false;
	if (m->svc.pending != FM_SVC_IDLE || m->line_len)
		return false;
	for (int i = 0; i < FAKE_CLIENTS; i++)
		if (m->client[i].op.kind != FM_OP_NONE)
			return false;
	return true;
}

size_t fake_modem_data_owed(const struct fake_modem *m)
{
	return m->data.open ? m->data.want - m->data.got : 0;
}
