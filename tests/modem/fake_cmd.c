/* SPDX-License-Identifier: Apache-2.0 */
/* From a command line to handlers: names, forms, parameters, basic commands, plain settings. */
#include "fake_priv.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JOINED_MAX = 39 }; /* commands on one line (manual 1.4.4) */

/* ---- parameters ---- */

void fm_param_error(struct fake_modem *m, const char *what)
{
	fm_report(m, FAKE_REPORT_PARAMETER, "%s: %s", m->cmd.name, what);
}

bool fm_int(const struct fake_modem *m, size_t i, int lo, int hi, int *ret)
{
	const char *s;
	char *end;
	long v;

	if (i >= m->cmd.np || m->cmd.p[i].quoted)
		return false;
	s = m->cmd.p[i].s;
	if (!isdigit((unsigned char)*s))
		return false;
	v = strtol(s, &end, 10);
	if (*end || v < lo || v > hi)
		return false;
	*ret = (int)v;
	return true;
}

bool fm_str(const struct fake_modem *m, size_t i, size_t lo, size_t hi, const char **ret)
{
	size_t n;

	if (i >= m->cmd.np || !m->cmd.p[i].quoted)
		return false;
	n = strlen(m->cmd.p[i].s);
	if (n < lo || n > hi)
		return false;
	*ret = m->cmd.p[i].s;
	return true;
}

/* One field of a list: blanks around it dropped, quotes taken off. False: bad quoting. */
static bool take_field(char *s, char *end, struct fm_param *ret)
{
	while (s < end && *s == ' ')
		s++;
	while (end > s && end[-1] == ' ')
		end--;
	*end = '\0';
	ret->quoted = *s == '"';
	if (!ret->quoted) {
		ret->s = s;
		return !strchr(s, '"');
	}
	if (end - s < 2 || end[-1] != '"')
		return false;
	end[-1] = '\0';
	ret->s = s + 1;
	return !strchr(s + 1, '"');
}

static bool take_params(struct fm_cmd *c, char *s)
{
	for (c->np = 0; c->np < FM_PARAMS;) {
		bool quoted = false, last;
		char *end = s;

		for (; *end && (quoted || *end != ','); end++)
			if (*end == '"')
				quoted = !quoted;
		last = !*end;
		if (!take_field(s, end, &c->p[c->np++]))
			return false;
		if (last)
			return true;
		s = end + 1;
	}
	return false;
}

/* ---- plain settings: stored, shown, without effect ---- */

static const struct {
	const char *start; /* value after power-up */
} values[FM_VALUES] = {
	{ "0,0" },
	{ "115200" },
	{ "115200" },
	{ "0" },
	{ "0,1" },
	{ "0,0" },
	{ "2" },
	{ "0" },
	{ "0" },
	{ "120000,120000,120000" },
	{ "10,0,0,0,1,0,75000" },
	{ "0" },
	{ "0" },
	{ "0" },
	{ "1" },
	{ "0" },
};

static void run_value(struct fake_modem *m)
{
	struct fm_cmd *c = &m->cmd;
	char *v = m->value[c->def->value];
	size_t n = 0;

	if (c->form == FM_READ) {
		fm_say(m, "%s: %s", c->name, v[0] ? v : values[c->def->value].start);
	} else if (c->form == FM_SET) {
		for (size_t i = 0; i < c->np && n < sizeof m->value[0]; i++)
			n += (size_t)snprintf(
			    v + n, sizeof m->value[0] - n, "%s%s", i ? "," : "", c->p[i].s);
	}
	fm_ok(m);
}

static void speed_changes(struct fake_modem *m, unsigned baud)
{
	m->uart_baud = baud;
}

/* OK is said at the old speed. IPREX is kept. */
static void run_speed(struct fake_modem *m)
{
	int baud;

	if (m->cmd.form == FM_READ) {
		fm_say(m, "%s: %u", m->cmd.name, m->uart_baud ? m->uart_baud : 115200);
	} else if (!fm_int(m, 0, 0, 3686400, &baud)) {
		fm_param_error(m, "speed");
		fm_error(m);
		return;
	} else {
		if (m->cmd.def->value == 2)
			m->kept_baud = (unsigned)baud;
		fm_ok_then(m, speed_changes, (unsigned)baud);
		return;
	}
	fm_ok(m);
}

static void run_information(struct fake_modem *m)
{
	bool sim = strcmp(m->cmd.name, "+SIMCOMATI") == 0;

	fm_say(m, "Manufacturer: SIMCOM INCORPORATED");
	fm_say_more(m, "Model: %s", m->cfg.model);
	fm_say_more(m, "Revision: %s", m->cfg.revision);
	if (sim)
		fm_say_more(m, "QCN: ");
	fm_say_more(m, "IMEI: %s", m->cfg.imei);
	if (sim)
		fm_say_more(m, "MEID: ");
	fm_say_more(m, "+GCAP: +CGSM");
	fm_ok(m);
}

static void run_identity(struct fake_modem *m)
{
	const char *n = m->cmd.name;

	if (strcmp(n, "+CGMI") == 0)
		fm_say(m, "SIMCOM INCORPORATED");
	else if (strcmp(n, "+CGMM") == 0)
		fm_say(m, "%s", m->cfg.model);
	else if (strcmp(n, "+CGMR") == 0)
		fm_say(m, "+CGMR: %s", m->cfg.revision);
	else
		fm_say(m, "%s", m->cfg.imei);
	fm_ok(m);
}

static void run_cmee(struct fake_modem *m)
{
	if (m->cmd.form == FM_READ)
		fm_say(m, "+CMEE: %d", m->cmee);
	else if (m->cmd.form == FM_SET && !fm_int(m, 0, 0, 2, &m->cmee)) {
		fm_param_error(m, "0 to 2");
		fm_error(m);
		return;
	}
	fm_ok(m);
}

#define VALUE(name, index, test)                                               \
	{                                                                      \
		name, FM_READ | FM_TEST | FM_SET, run_value, 0, 0, test, index \
	}

static const struct fm_command common[] = {
	{ "+SIMCOMATI", FM_EXEC, run_information, 0, 0, NULL, 0 },
	{ "+CGMI", FM_EXEC | FM_TEST, run_identity, 0, 0, NULL, 0 },
	{ "+CGMM", FM_EXEC | FM_TEST, run_identity, 0, 0, NULL, 0 },
	{ "+CGMR", FM_EXEC | FM_TEST, run_identity, 0, 0, NULL, 0 },
	{ "+CGSN", FM_EXEC | FM_TEST, run_identity, 0, 0, NULL, 0 },
	{ "+CMEE", FM_READ | FM_TEST | FM_SET, run_cmee, 0, 0, "(0-2)", 0 },
	VALUE("+IFC", 0, "(0,2),(0,2)"),
	{ "+IPR", FM_READ | FM_TEST | FM_SET, run_speed, 0, 0, NULL, 1 },
	{ "+IPREX", FM_READ | FM_TEST | FM_SET, run_speed, 0, 0, NULL, 2 },
	VALUE("+CATR", 3, "(0-7)"),
	VALUE("+AUTOCSQ", 4, "(0-1),(0-1)"),
	VALUE("+CGEREP", 5, "(0-2),(0-1)"),
	VALUE("+CNMP", 6, NULL),
	VALUE("+CSCLK", 7, "(0-1)"),
	VALUE("+CIPMODE", 8, "(0-1)"),
	VALUE("+CIPTIMEOUT", 9, NULL),
	VALUE("+CIPCCFG", 10, NULL),
	VALUE("+CIPSENDMODE", 11, "(0-1)"),
	VALUE("+UIMHOTSWAPON", 12, "(0-1)"),
	VALUE("+CIPRXGET", 13, NULL),
	VALUE("+CSCS", 14, NULL),
	VALUE("+CMGF", 15, "(0-1)"),
	{ NULL, 0, NULL, 0, 0, NULL, 0 },
};

/* ---- extended commands ---- */

static const struct fm_command *find_command(const char *name)
{
	const struct fm_command *const tables[] = { common, fm_net_commands, fm_ssl_commands,
		fm_cmqtt_commands };

	for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
		for (const struct fm_command *c = tables[t]; c->name; c++)
			if (strcmp(c->name, name) == 0)
				return c;
	return NULL;
}

/* Takes the name off: upper case, into c->name. Returns what follows. */
static char *take_name(struct fm_cmd *c, char *s)
{
	size_t n = 0;

	for (; n + 1 < sizeof c->name && (isalnum((unsigned char)*s) || (!n && *s == '+')); s++)
		c->name[n++] = (char)toupper((unsigned char)*s);
	c->name[n] = '\0';
	return s;
}

static bool take_form(struct fm_cmd *c, char *s)
{
	c->np = 0;
	if (!*s) {
		c->form = FM_EXEC;
	} else if (strcmp(s, "?") == 0) {
		c->form = FM_READ;
	} else if (strcmp(s, "=?") == 0) {
		c->form = FM_TEST;
	} else {
		c->form = FM_SET;
		return *s == '=' && take_params(c, s + 1);
	}
	return true;
}

static void on_fault_result(struct fake_modem *m, const struct fm_event *ev)
{
	fm_emit(m, 0, 0, ev->bytes, ev->len);
}

/* The later result of a command that was not executed. */
static void fault_result(struct fake_modem *m)
{
	struct fm_event *ev = fm_at(m, m->cfg.latency_ms + 200, on_fault_result, 0, 0);

	if (m->cmd.client >= 0)
		ev->bytes =
		    fm_printf("\r\n%s: %d,%d\r\n", m->cmd.name, m->cmd.client, m->cmd.fault.number);
	else
		ev->bytes = fm_printf("\r\n%s: %d\r\n", m->cmd.name, m->cmd.fault.number);
	ev->len = strlen(ev->bytes);
}

/* Faults that take the place of the command. */
static bool fault_instead(struct fake_modem *m)
{
	switch (m->cmd.fault.kind) {
	case FAKE_FAULT_ERROR:
		fm_error(m);
		return true;
	case FAKE_FAULT_ERR:
		fm_refuse(m, m->cmd.fault.number);
		return true;
	case FAKE_FAULT_BUSY:
		fm_refuse(m, 14);
		return true;
	case FAKE_FAULT_CME:
		fm_cme(m, m->cmd.fault.number);
		return true;
	case FAKE_FAULT_RESULT_ERR:
		fm_ok(m);
		fault_result(m);
		return true;
	case FAKE_FAULT_ERROR_RESULT:
		fm_error(m);
		fault_result(m);
		return true;
	default:
		return false;
	}
}

static void unknown(struct fake_modem *m, const char *what)
{
	fm_report(m, FAKE_REPORT_UNKNOWN_COMMAND, "%s", what);
	fm_error(m);
}

static void run_extended(struct fake_modem *m, char *s, bool last)
{
	struct fm_cmd *c = &m->cmd;
	char *rest = take_name(c, s);
	int client;

	c->def = find_command(c->name);
	c->client = -1;
	if (!take_form(c, rest)) {
		fm_report(m, FAKE_REPORT_QUOTING, "%s: parameters cannot be read", c->name);
		fm_error(m);
		return;
	}
	/* a client index leads, except in CMQTTCFG="name",client,... */
	if (c->def && (c->def->flags & FM_CMQTT) && c->form == FM_SET &&
	    (fm_int(m, 0, 0, 99, &client) || (c->np > 1 && fm_int(m, 1, 0, 99, &client))))
		c->client = client;
	if (fault_instead(m))
		return;
	if (!c->def || !(c->def->forms & c->form)) {
		unknown(m, c->name);
		return;
	}
	if ((c->def->flags & FM_ALONE) && c->form == FM_SET && !last) {
		fm_report(m, FAKE_REPORT_JOINED, "%s must be the last on its line", c->name);
		fm_error(m);
		return;
	}
	m->busy_max_ms = c->def->max_ms;
	if ((c->def->flags & FM_CMQTT) && !fm_cmqtt_gate(m))
		return;
	if (c->form == FM_TEST && c->def->test)
		fm_say(m, "%s: %s", c->name, c->def->test);
	if (c->form == FM_TEST)
		fm_ok(m);
	else
		c->def->run(m);
}

/* ---- basic commands ---- */

/* One letter (with &) and its number, at *s. False: not known. */
static bool run_basic_one(struct fake_modem *m, char **s)
{
	bool amp = **s == '&';
	char letter;
	long n;

	*s += amp;
	letter = (char)toupper((unsigned char)**s);
	if (!letter)
		return false;
	(*s)++;
	n = isdigit((unsigned char)**s) ? strtol(*s, s, 10) : 0;
	if (amp)
		return letter == 'F' || letter == 'W' || letter == 'C' || letter == 'D';
	switch (letter) {
	case 'E':
		m->echo = n != 0;
		return n <= 1;
	case 'V':
		m->verbose = n != 0;
		return n <= 1;
	case 'I':
		run_information(m);
		return true;
	case 'Q':
		m->quiet = n != 0;
		return n <= 1;
	case 'X':
	case 'Z':
	case 'H':
		return true;
	default:
		return false;
	}
}

static void run_basic(struct fake_modem *m, char *s)
{
	char whole[24];

	snprintf(whole, sizeof whole, "AT%.20s", s);
	m->cmd.name[0] = '\0';
	if (fault_instead(m))
		return;
	while (*s == ' ')
		s++;
	while (*s && run_basic_one(m, &s))
		while (*s == ' ')
			s++;
	if (*s)
		unknown(m, whole);
	else
		fm_ok(m);
}

/* ---- the line ---- */

/* End of the command that begins at s: its `;` outside quotes, or the end. */
static char *command_end(char *s)
{
	bool quoted = false;

	for (; *s && (quoted || *s != ';'); s++)
		if (*s == '"')
			quoted = !quoted;
	return s;
}

static void run_commands(struct fake_modem *m, char *s)
{
	unsigned n = 0;

	fm_ok(m);
	while (*s && m->cmd.final == FM_FIN_OK) {
		char *end = command_end(s), *next = *end ? end + 1 : end;

		*end = '\0';
		while (*s == ' ')
			s++;
		if (++n > JOINED_MAX) {
			fm_report(
			    m, FAKE_REPORT_JOINED, "more than %d commands on a line", JOINED_MAX);
			fm_error(m);
			return;
		}
		if (*s == '+')
			run_extended(m, s, !*next);
		else if (*s)
			run_basic(m, s);
		s = next;
	}
}

static char *find_at(char *s)
{
	for (; s[0]; s++)
		if ((s[0] | 0x20) == 'a' && (s[1] | 0x20) == 't')
			return s;
	return NULL;
}

static bool has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	return false;
}

void fm_cmd_line(struct fake_modem *m)
{
	size_t skip = fm_mode_skip(m->line);
	char *at = find_at(m->line + skip);

	if (strlen(m->line) != m->line_len && m->cmd.fault.kind != FAKE_FAULT_CMD_BYTE)
		fm_report(m, FAKE_REPORT_QUOTING, "NUL on a line");
	if (!at) {
		if (m->line[skip + strspn(m->line + skip, " ")])
			fm_report(m, FAKE_REPORT_NOT_A_COMMAND, "a line of %zu bytes without AT",
			    m->line_len);
		m->busy = false;
		m->final_mark = 0;
		return;
	}
	if (m->line + skip + strspn(m->line + skip, " ") < at)
		fm_report(m, FAKE_REPORT_NOT_A_COMMAND, "%td bytes before AT", at - m->line);
	m->stats.commands++;
	at += 2;
	if (m->line_long || strlen(at) > m->cfg.line_max) {
		fm_report(m, FAKE_REPORT_LINE_TOO_LONG, "more than %u characters", m->cfg.line_max);
		fm_error(m);
	} else if (has_control(at)) {
		fm_report(m, FAKE_REPORT_QUOTING, "control byte on a line");
		fm_error(m);
	} else {
		run_commands(m, at);
	}
	fm_finish(m, fm_latency(m));
}
