/* SPDX-License-Identifier: Apache-2.0 */
/* Line discipline: command lines, echo, data entry, the form of answers, faults of the line. */
#include "fake_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Who has heard nothing for so long may ask whether anybody is there: no manual says how else one
 * would find out. */
enum { SILENCE_MAX_MS = 40000 };

/* ---- building an answer ---- */

static void say(struct fake_modem *m, bool joined, bool final, const char *fmt, va_list ap)
{
	struct fm_cmd *c = &m->cmd;
	char text[1200];

	if (c->nsaid == FM_SAID)
		return;
	vsnprintf(text, sizeof text, fmt, ap);
	c->said[c->nsaid++] = (struct fm_said){ fm_printf("%s", text), joined, final };
}

void fm_say(struct fake_modem *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(m, false, false, fmt, ap);
	va_end(ap);
}

void fm_say_more(struct fake_modem *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(m, m->cmd.nsaid > 0, false, fmt, ap);
	va_end(ap);
}

void fm_cmd_clear(struct fm_cmd *c)
{
	for (size_t i = 0; i < c->nsaid; i++)
		free(c->said[i].text);
	*c = (struct fm_cmd){ .client = -1 };
}

void fm_ok(struct fake_modem *m)
{
	m->cmd.final = FM_FIN_OK;
}

void fm_ok_then(struct fake_modem *m, fm_then_fn *then, unsigned client)
{
	m->cmd.final = FM_FIN_OK;
	m->cmd.then = then;
	m->cmd.then_client = client;
}

void fm_error(struct fake_modem *m)
{
	m->cmd.final = FM_FIN_ERROR;
}

void fm_cme(struct fake_modem *m, int code)
{
	m->cmd.final = FM_FIN_CME;
	m->cmd.cme = code;
}

void fm_refuse(struct fake_modem *m, int err)
{
	if (m->cmd.client >= 0)
		fm_say(m, "%s: %d,%d", m->cmd.name, m->cmd.client, err);
	else
		fm_say(m, "%s: %d", m->cmd.name, err);
	fm_error(m);
}

void fm_hold(struct fake_modem *m)
{
	m->cmd.final = FM_FIN_HOLD;
}

void fm_prompt(struct fake_modem *m, size_t want, fm_data_fn *done)
{
	const struct fake_fault *f = &m->cmd.fault;

	free(m->data.bytes);
	m->data.bytes = fm_alloc(want);
	m->data.want = want;
	m->data.got = 0;
	m->data.done = done;
	m->data.lose = f->kind == FAKE_FAULT_BODY_BYTE ? (size_t)f->number : 0;
	m->cmd.final = FM_FIN_PROMPT;
}

/* ---- sending an answer ---- */

static const struct {
	int code;
	const char *text;
} cme_texts[] = {
	{ 3, "operation not allowed" },
	{ 4, "operation not supported" },
	{ 10, "SIM not inserted" },
	{ 11, "SIM PIN required" },
	{ 12, "SIM PUK required" },
	{ 13, "SIM failure" },
	{ 14, "SIM busy" },
	{ 15, "SIM wrong" },
	{ 16, "incorrect password" },
	{ 20, "memory full" },
	{ 21, "invalid index" },
	{ 22, "not found" },
	{ 30, "no network service" },
	{ 31, "network timeout" },
	{ 100, "unknown" },
	{ 103, "Illegal message" },
	{ 133, "requested service option not subscribed (#33)" },
	{ 148, "unspecified GPRS error" },
	{ 149, "PDP authentication failure" },
};

/* Number or text after AT+CMEE=1 or 2, bare ERROR after 0 (manual 3.2.18). 313 has no text here. */
static char *cme_line(const struct fake_modem *m, int code)
{
	if (m->cmee == 0)
		return fm_printf("ERROR");
	for (size_t i = 0; m->cmee == 2 && i < sizeof cme_texts / sizeof cme_texts[0]; i++)
		if (cme_texts[i].code == code)
			return fm_printf("+CME ERROR: %s", cme_texts[i].text);
	return fm_printf("+CME ERROR: %d", code);
}

static void add_final(struct fake_modem *m)
{
	struct fm_cmd *c = &m->cmd;
	char *text;

	if (c->nsaid == FM_SAID)
		free(c->said[--c->nsaid].text);
	if (c->final == FM_FIN_CME)
		text = cme_line(m, c->cme);
	else
		text = fm_printf("%s", c->final == FM_FIN_OK ? "OK" : "ERROR");
	c->said[c->nsaid++] = (struct fm_said){ text, false, true };
}

static char *framed(const struct fake_modem *m, const struct fm_said *s)
{
	if (m->verbose)
		return fm_printf("%s%s\r\n", s->joined ? "" : "\r\n", s->text);
	if (s->final && strcmp(s->text, "OK") == 0)
		return fm_printf("0\r");
	if (s->final && strcmp(s->text, "ERROR") == 0)
		return fm_printf("4\r");
	return fm_printf("%s\r\n", s->text);
}

static void emit_said(struct fake_modem *m, uint64_t delay_ms, const struct fm_said *s, bool lost)
{
	char *text = framed(m, s);
	unsigned flags = (s->final ? (unsigned)FM_EV_FINAL : 0u) |
			 (lost || (s->final && m->quiet) ? (unsigned)FM_EV_MUTE : 0u);

	fm_emit(m, delay_ms, flags, text, strlen(text));
	free(text);
}

static void on_then(struct fake_modem *m, const struct fm_event *ev)
{
	fm_then_fn *then = m->cmd.then;

	if (!then)
		return;
	m->cmd.then = NULL;
	then(m, ev->client);
}

static void on_fault_reset(struct fake_modem *m, const struct fm_event *ev)
{
	(void)ev;
	fm_down(m);
	fm_boot(m);
}

static void on_fault_hang(struct fake_modem *m, const struct fm_event *ev)
{
	(void)ev;
	m->hung = true;
}

static void emit_fault_prefix(struct fake_modem *m, uint64_t delay_ms)
{
	const struct fake_fault *f = &m->cmd.fault;
	uint8_t junk[64];
	size_t n = 0;

	if (f->kind == FAKE_FAULT_URC) {
		fm_urc(m, delay_ms, "%s", f->text);
	} else if (f->kind == FAKE_FAULT_GARBAGE) {
		for (; n < (size_t)f->number && n < sizeof junk; n++)
			junk[n] = (uint8_t)fm_random(m, 256);
		fm_emit(m, delay_ms, FM_EV_BODY, junk, n);
	}
}

static bool line_lost(const struct fake_fault *f, size_t i, bool final)
{
	return f->kind == FAKE_FAULT_ANSWER_LOST || (f->kind == FAKE_FAULT_FINAL_LOST && final) ||
	       (f->kind == FAKE_FAULT_LINE_DROP && (size_t)f->number == i + 1);
}

static void emit_prompt(struct fake_modem *m, uint64_t delay_ms)
{
	const struct fake_fault *f = &m->cmd.fault;
	unsigned flags = FM_EV_PROMPT;

	if (f->kind == FAKE_FAULT_PROMPT_LOST)
		flags |= FM_EV_MUTE;
	if (f->kind == FAKE_FAULT_PROMPT_LATE)
		delay_ms += f->ms;
	fm_emit(m, delay_ms, flags, m->cfg.prompt, strlen(m->cfg.prompt));
}

uint64_t fm_latency(struct fake_modem *m)
{
	uint32_t jitter = m->cfg.latency_jitter_ms;

	return m->cfg.latency_ms + (jitter ? fm_random(m, jitter + 1) : 0);
}

void fm_finish(struct fake_modem *m, uint64_t delay_ms)
{
	struct fm_cmd *c = &m->cmd;
	const struct fake_fault *f = &c->fault;

	if (f->kind == FAKE_FAULT_HANG_AFTER && c->final != FM_FIN_PROMPT)
		fm_at(m, delay_ms + 1, on_fault_hang, 0, 0);
	if (c->final == FM_FIN_HOLD)
		return;
	if (f->kind == FAKE_FAULT_RESET && c->final != FM_FIN_PROMPT) {
		fm_at(m, delay_ms, on_fault_reset, 0, 0);
		return;
	}
	if (c->final == FM_FIN_PROMPT) {
		emit_prompt(m, delay_ms);
		return;
	}
	if (c->final == FM_FIN_SILENCE || c->final == FM_FIN_NONE) {
		fm_emit(m, delay_ms, FM_EV_FINAL | FM_EV_MUTE, "", 0);
		return;
	}
	if (f->kind == FAKE_FAULT_LATE)
		delay_ms += f->ms;
	add_final(m);
	emit_fault_prefix(m, delay_ms);
	for (size_t i = 0; i < c->nsaid; i++) {
		emit_said(m, delay_ms, &c->said[i], line_lost(f, i, c->said[i].final));
		if (f->kind == FAKE_FAULT_LINE_DUP && (size_t)f->number == i + 1)
			fm_urc(m, delay_ms, "%s", c->said[i].text);
	}
	if (c->then)
		fm_at(m, delay_ms, on_then, c->then_client, 0);
}

/* ---- input ---- */

static void early(struct fake_modem *m, enum fake_report_kind kind, const char *what)
{
	if (m->early_said)
		return;
	m->early_said = true;
	m->fault_in_cmd = m->fault_in_cmd || m->shaken_cmds > 0;
	/* What a stray result made it send is taken for the data, and the rest of it for a command.
	 */
	if (kind == FAKE_REPORT_EARLY_DATA && m->shaken_cmds > 0)
		m->amnesty = true;
	fm_report(m, kind, "%s: %s", m->cmd.name[0] ? m->cmd.name : "AT", what);
}

static void check_open_data(struct fake_modem *m, const uint8_t *bytes, size_t n)
{
	bool line = n > 2 && (bytes[n - 1] == '\r' || bytes[n - 1] == '\n') &&
		    (bytes[0] | 0x20) == 'a' && (bytes[1] | 0x20) == 't';

	if (m->out_taken < m->final_mark)
		early(m, FAKE_REPORT_EARLY_DATA, "data sent before the prompt was delivered");
	else if (line && m->t - m->data.since_ns >= m->cfg.patience_ms * FM_MS)
		fm_report(m, FAKE_REPORT_SWALLOWED,
		    "%s waits for %zu more bytes and takes a command for them", m->cmd.name,
		    m->data.want - m->data.got);
}

/* Judges the host at the moment it writes: what it can have seen by now counts. */
void fm_line_check_rx(struct fake_modem *m, const uint8_t *bytes, size_t n)
{
	uint32_t max_ms = m->busy_max_ms ? m->busy_max_ms : m->cfg.patience_ms;

	if (max_ms > SILENCE_MAX_MS)
		max_ms = SILENCE_MAX_MS;
	if (m->data.open) {
		check_open_data(m, bytes, n);
		return;
	}
	if (m->skip_lf && n == 1 && bytes[0] == '\n')
		return;
	if (!m->busy && !m->owed_silence && m->out_taken >= m->final_mark)
		return;
	if (m->t - m->busy_ns >= max_ms * FM_MS) {
		early(m, FAKE_REPORT_GAVE_UP, "the host no longer waits for its final result");
	} else if (m->busy && m->cmd.final == FM_FIN_PROMPT) {
		early(m, FAKE_REPORT_EARLY_DATA, "data sent before the prompt was delivered");
	} else {
		early(m, FAKE_REPORT_EARLY_COMMAND, "bytes before its final result was delivered");
	}
}

static void check_left_over(struct fake_modem *m, bool after_data)
{
	size_t n = m->rx.bytes.len;

	if (!n || (!after_data && n == 1 && m->rx.bytes.s[0] == '\n'))
		return;
	if (after_data)
		early(m, FAKE_REPORT_BEYOND_LENGTH, "bytes beyond the declared length of its data");
	else
		early(m, FAKE_REPORT_EARLY_COMMAND, "more bytes in one go behind its CR");
}

static void fault_acts(struct fake_modem *m)
{
	m->stats.faults++;
	m->shaken_cmds += FM_SHAKEN_CMDS;
	fm_disturbed(m);
	fm_trace(m, '-', "fault %d acts", (int)m->cmd.fault.kind);
}

/* Faults that hit before the command is understood. True: nothing more to do. */
static bool fault_before(struct fake_modem *m)
{
	struct fm_cmd *c = &m->cmd;
	size_t n = strlen(m->line), at = (size_t)c->fault.number;

	switch (c->fault.kind) {
	case FAKE_FAULT_NO_ANSWER:
		c->final = FM_FIN_SILENCE;
		fm_finish(m, 0);
		return true;
	case FAKE_FAULT_HANG:
		m->hung = true;
		return true;
	case FAKE_FAULT_CMD_BYTE:
		if (at >= 1 && at <= n)
			memmove(m->line + at - 1, m->line + at, n - at + 1);
		return false;
	default: /* the others act later */
		return false;
	}
}

static void line_end(struct fake_modem *m)
{
	struct fake_fault fault;

	m->line[m->line_len] = '\0';
	m->skip_lf = true;
	if (m->echo) {
		m->line[m->line_len] = '\r';
		fm_emit(m, 0, 0, m->line, m->line_len + 1);
		m->line[m->line_len] = '\0';
	}
	if (!m->line_len)
		return;
	fm_trace_line(m, '<', m->line, m->line_len);
	fm_cmd_clear(&m->cmd);
	m->busy = true;
	m->busy_ns = m->t;
	m->busy_max_ms = 0;
	/* A host that a fault brought out of step stays so for some commands. */
	m->fault_in_cmd = m->shaken_cmds > 0 && m->early_said;
	m->owed_silence = m->early_said = false;
	check_left_over(m, false);
	if (m->out_taken >= m->rx_start_mark && (m->rx_open || m->out_taken < m->rx_end_mark))
		fm_report(m, FAKE_REPORT_DURING_RX, "a command while a message is being delivered");
	if (fm_fault_draw(m, m->line, &fault)) {
		m->cmd.fault = fault;
		fault_acts(m);
	}
	if (!fault_before(m))
		fm_cmd_line(m);
	m->line_len = 0;
	m->line_long = false;
}

static void line_bytes(struct fake_modem *m, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = m->rx.bytes.s[i];
		bool after_cr = m->skip_lf;

		m->skip_lf = false;
		if (c == '\r' && m->line_len == 0 && !m->echo) {
			m->skip_lf = true; /* an empty line is nothing */
			continue;
		}
		if (c == '\r') {
			fm_wire_take(&m->rx, i + 1);
			line_end(m);
			return;
		}
		if (c == '\n' && after_cr)
			continue;
		if (m->line_len < sizeof m->line - 2)
			m->line[m->line_len++] = c;
		else
			m->line_long = true;
	}
	fm_wire_take(&m->rx, n);
}

static void data_done(struct fake_modem *m)
{
	struct fm_cmd *c = &m->cmd;

	m->data.open = false;
	m->busy = true;
	m->busy_ns = m->t;
	m->early_said = m->owed_silence = false;
	check_left_over(m, true);
	fm_trace(m, '<', "[%zu bytes of data for %s]", m->data.want, c->name);
	c->final = FM_FIN_NONE;
	m->data.done(m);
	fm_finish(m, fm_latency(m));
}

static void data_bytes(struct fake_modem *m, size_t n)
{
	struct fm_data *d = &m->data;
	const struct fake_fault *f = &m->cmd.fault;
	size_t left = d->want - d->got;

	if (n > left)
		n = left;
	if (m->echo && m->cfg.echo_data)
		fm_emit(m, 0, FM_EV_BODY, m->rx.bytes.s, n);
	for (size_t i = 0; i < n; i++) {
		if (d->lose && d->got + 1 == d->lose) {
			d->lose = 0;
			continue;
		}
		d->bytes[d->got++] = (uint8_t)m->rx.bytes.s[i];
	}
	fm_wire_take(&m->rx, n);
	d->since_ns = m->t;
	if (f->kind == FAKE_FAULT_RESET_IN_BODY && d->got >= (size_t)f->number) {
		fm_down(m);
		fm_boot(m);
	} else if (d->got == d->want) {
		data_done(m);
	}
}

/* Takes what is there, at most up to the end of a command or of the data. */
void fm_line_input(struct fake_modem *m)
{
	size_t n = fm_wire_ready(&m->rx, m->t);

	if (!m->up || m->hung)
		fm_wire_take(&m->rx, n);
	else if (m->mode != FAKE_MODE_COMMAND)
		fm_wire_take(&m->rx, fm_mode_input(m, n));
	else if (m->data.open)
		data_bytes(m, n);
	else
		line_bytes(m, n);
}
