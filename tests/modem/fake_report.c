/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const report_names[FAKE_REPORT_KIND_COUNT] = {
	[FAKE_REPORT_EARLY_COMMAND] = "early-command",
	[FAKE_REPORT_GAVE_UP] = "gave-up",
	[FAKE_REPORT_EARLY_DATA] = "early-data",
	[FAKE_REPORT_BEYOND_LENGTH] = "beyond-length",
	[FAKE_REPORT_SWALLOWED] = "swallowed",
	[FAKE_REPORT_LINE_TOO_LONG] = "line-too-long",
	[FAKE_REPORT_NOT_A_COMMAND] = "not-a-command",
	[FAKE_REPORT_UNKNOWN_COMMAND] = "unknown-command",
	[FAKE_REPORT_QUOTING] = "quoting",
	[FAKE_REPORT_JOINED] = "joined",
	[FAKE_REPORT_PARAMETER] = "parameter",
	[FAKE_REPORT_ORDER] = "order",
	[FAKE_REPORT_BUSY_CLIENT] = "busy-client",
	[FAKE_REPORT_RESULT_AWAITED] = "result-awaited",
	[FAKE_REPORT_TLS_DEFAULTS] = "tls-defaults",
	[FAKE_REPORT_STAGED_UNUSED] = "staged-unused",
	[FAKE_REPORT_DURING_RX] = "during-rx",
};

const char *fake_report_name(enum fake_report_kind kind)
{
	return (size_t)kind < FAKE_REPORT_KIND_COUNT ? report_names[kind] : "?";
}

static void report(
    struct fake_modem *m, enum fake_severity severity, enum fake_report_kind kind, const char *text)
{
	struct fake_report r = { severity, kind, text };

	if (severity == FAKE_VIOLATION)
		m->stats.violations++;
	else
		m->stats.notices++;
	fm_trace(m, '-', "%s %s: %s", severity == FAKE_VIOLATION ? "VIOLATION" : "notice",
	    fake_report_name(kind), text);
	if (m->cfg.report)
		m->cfg.report(m->cfg.ctx, m->t / FM_MS, &r);
}

/* Kinds that are bad style at worst, and kinds that a disturbed dialogue excuses. */
static enum fake_severity severity_of(const struct fake_modem *m, enum fake_report_kind kind)
{
	switch (kind) {
	case FAKE_REPORT_GAVE_UP:
	case FAKE_REPORT_STAGED_UNUSED:
	case FAKE_REPORT_DURING_RX:
		return FAKE_NOTICE;
	case FAKE_REPORT_EARLY_COMMAND:
		/* An answer that was lost is no reason not to wait for it. */
		if (m->owed_silence && m->out_total == m->final_mark &&
		    m->shaken_cmds <= FM_SHAKEN_CMDS)
			return FAKE_VIOLATION;
		return m->shaken_cmds > 0 ? FAKE_NOTICE : FAKE_VIOLATION;
	case FAKE_REPORT_BEYOND_LENGTH:
	case FAKE_REPORT_SWALLOWED:
	case FAKE_REPORT_EARLY_DATA:
		return m->amnesty || m->shaken_cmds > 0 ? FAKE_NOTICE : FAKE_VIOLATION;
	case FAKE_REPORT_NOT_A_COMMAND:
	case FAKE_REPORT_UNKNOWN_COMMAND:
	case FAKE_REPORT_QUOTING:
	case FAKE_REPORT_PARAMETER:
	case FAKE_REPORT_JOINED:
	case FAKE_REPORT_LINE_TOO_LONG:
		return m->amnesty ? FAKE_NOTICE : FAKE_VIOLATION;
	case FAKE_REPORT_ORDER:
	case FAKE_REPORT_BUSY_CLIENT:
	case FAKE_REPORT_RESULT_AWAITED:
	case FAKE_REPORT_TLS_DEFAULTS:
	case FAKE_REPORT_KIND_COUNT:
		return FAKE_VIOLATION;
	}
	return FAKE_VIOLATION;
}

void fm_report(struct fake_modem *m, enum fake_report_kind kind, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = fm_vprintf(fmt, ap);
	va_end(ap);
	report(m, severity_of(m, kind), kind, text);
	free(text);
}

/* The loss of a connection crosses commands that were sent before it was read. */
static bool client_excused(const struct fake_modem *m, int client)
{
	const struct fm_client *c;

	if (m->amnesty)
		return true;
	if (client < 0 || client >= FAKE_CLIENTS)
		return m->client[0].amnesty || m->client[1].amnesty;
	c = &m->client[client];
	return c->amnesty ||
	       (c->lost_ns && (m->out_taken < c->lost_mark || m->t - c->lost_ns < 1000 * FM_MS));
}

void fm_report_order(
    struct fake_modem *m, int client, enum fake_report_kind kind, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = fm_vprintf(fmt, ap);
	va_end(ap);
	report(m, client_excused(m, client) ? FAKE_NOTICE : severity_of(m, kind), kind, text);
	free(text);
}

void fm_trace(struct fake_modem *m, char dir, const char *fmt, ...)
{
	va_list ap;
	char *text;

	if (!m->cfg.trace)
		return;
	va_start(ap, fmt);
	text = fm_vprintf(fmt, ap);
	va_end(ap);
	m->cfg.trace(m->cfg.ctx, m->t / FM_MS, dir, text);
	free(text);
}

/* Text parameters of these commands from the given one on are secrets. */
static const struct {
	const char *start;
	unsigned first; /* quoted strings counted from 0 */
} secrets[] = {
	{ "+CMQTTCONNECT=", 1 },
	{ "+CMQTTCONNECT: ", 1 },
	{ "+CGAUTH=", 0 },
	{ "+CLCK=", 1 },
	{ "+CPWD=", 1 },
	{ "+CSSLCFG=\"keypwd\"", 1 },
	{ "+CSSLCFG: ", 3 }, /* read lines: ca, cert, key, keypwd */
	{ "+CMQTTCFG=\"aliauth\"", 1 },
};

static bool same_start(const char *s, size_t n, const char *start)
{
	size_t k = strlen(start);

	if (n < k)
		return false;
	for (size_t i = 0; i < k; i++) {
		char c = s[i];

		if (c >= 'a' && c <= 'z' && start[i] >= 'A' && start[i] <= 'Z')
			c = (char)(c - 'a' + 'A');
		if (c != start[i])
			return false;
	}
	return true;
}

static int first_secret(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < sizeof secrets / sizeof secrets[0]; k++)
			if (s[i] == '+' && same_start(s + i, n - i, secrets[k].start))
				return (int)secrets[k].first;
	return -1;
}

void fm_trace_line(struct fake_modem *m, char dir, const char *s, size_t n)
{
	struct fm_buf out = { 0 };
	int secret, string = -1;
	bool in = false;
	char hex[8];

	if (!m->cfg.trace)
		return;
	secret = first_secret(s, n);
	for (size_t i = 0; i < n; i++) {
		if (s[i] != '+' || !same_start(s + i, n - i, "+CPIN="))
			continue;
		m->cfg.trace(
		    m->cfg.ctx, m->t / FM_MS, dir, "AT+CPIN=***"); /* may come without quotes */
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '"') {
			in = !in;
			string += in;
		} else if (in && secret >= 0 && string >= secret) {
			if (s[i - 1] == '"')
				fm_buf_add(&out, "***", 3);
			continue;
		}
		if (s[i] == '\r' || s[i] == '\n') {
			fm_buf_add(&out, s[i] == '\r' ? "\\r" : "\\n", 2);
		} else if ((unsigned char)s[i] < 0x20 || (unsigned char)s[i] >= 0x7f) {
			snprintf(hex, sizeof hex, "\\x%02x", (unsigned char)s[i]);
			fm_buf_add(&out, hex, strlen(hex));
		} else {
			fm_buf_add(&out, s + i, 1);
		}
	}
	fm_buf_add(&out, "", 0);
	m->cfg.trace(m->cfg.ctx, m->t / FM_MS, dir, out.s);
	fm_buf_free(&out);
}

void fm_disturbed(struct fake_modem *m)
{
	m->amnesty = true;
	m->fault_in_cmd = true;
	for (int i = 0; i < FAKE_CLIENTS; i++)
		m->client[i].amnesty = true;
}
