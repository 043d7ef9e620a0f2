/* SPDX-License-Identifier: Apache-2.0 */
/* SIM, registration, data network, clock, power commands (manual ch. 3, 4, 8, 11). */
#define _GNU_SOURCE /* timegm, for -std=c17 users */
#include "fake_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define HOME_CODE "26201"

enum {
	GPS_EPOCH_S = 315964800, /* 1980-01-06: an RTC that was never set */
	ZONE_S = 900,
	NITZ_MS = 1000,
	OFF_MS = 100, /* OK to CRESET or CPOF, until it acts */
	STAT_NONE = 0,
	STAT_HOME = 1,
	STAT_SEARCHING = 2,
	STAT_ROAMING = 5,
	CFUN_MIN = 0,
	CFUN_FULL = 1,
	CFUN_FLIGHT = 4,
	CFUN_RESET = 6,
	CFUN_OFFLINE = 7,
};

static bool registered(const struct fake_modem *m)
{
	return m->net.stat == STAT_HOME || m->net.stat == STAT_ROAMING;
}

bool fake_modem_is_registered(const struct fake_modem *m)
{
	return registered(m);
}

/* ---- clock ---- */

int64_t fm_net_utc(const struct fake_modem *m)
{
	return m->net.base_s + (int64_t)((m->t - m->net.base_ns) / (1000 * FM_MS));
}

static void set_clock(struct fake_modem *m, int64_t utc_s)
{
	m->net.base_s = utc_s;
	m->net.base_ns = m->t;
	m->net.clock_set = true;
}

static void set_true_time(struct fake_modem *m)
{
	const uint64_t second = 1000 * FM_MS;

	set_clock(m, m->cfg.utc_at_zero_s + (int64_t)(m->t / second));
	m->net.base_ns -= m->t % second;
}

static void on_nitz(struct fake_modem *m, const struct fm_event *ev)
{
	(void)ev;
	if (!m->cfg.nitz || !m->net.ctzu || !registered(m))
		return;
	set_true_time(m);
	m->net.zone = m->cfg.zone_quarters;
	m->net.zone_known = true;
	if (m->net.ctzr)
		fm_urc(m, 0, "+CTZV: %d", m->net.zone);
}

static bool two_digits(const char **s, int *ret, char after)
{
	const char *p = *s;

	if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9' || p[2] != after)
		return false;
	*ret = (p[0] - '0') * 10 + p[1] - '0';
	*s = p + (after ? 3 : 2);
	return true;
}

/* yy/MM/dd,hh:mm:ss[+-zz] */
static bool parse_clock(const char *s, int64_t *ret_utc_s, int *ret_zone)
{
	struct tm tm = { 0 };
	int sign = 0, zone = 0;

	if (!two_digits(&s, &tm.tm_year, '/') || !two_digits(&s, &tm.tm_mon, '/') ||
	    !two_digits(&s, &tm.tm_mday, ',') || !two_digits(&s, &tm.tm_hour, ':') ||
	    !two_digits(&s, &tm.tm_min, ':'))
		return false;
	if (strlen(s) < 2 || (s[2] && s[2] != '+' && s[2] != '-'))
		return false;
	sign = s[2] == '-' ? -1 : 1;
	if (!two_digits(&s, &tm.tm_sec, s[2]))
		return false;
	if (s[-1] == '+' || s[-1] == '-') {
		if (!two_digits(&s, &zone, '\0'))
			return false;
	}
	if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
	    tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 59 || zone > 96)
		return false;
	tm.tm_year += tm.tm_year >= 80 ? 0 : 100;
	tm.tm_mon--;
	*ret_zone = sign * zone;
	*ret_utc_s = (int64_t)timegm(&tm) - *ret_zone * ZONE_S;
	return true;
}

static void run_cclk(struct fake_modem *m)
{
	const char *s;
	int64_t utc_s;
	char text[40], zone[8] = "";
	struct tm tm;
	time_t local;
	int z;

	if (m->cmd.form == FM_SET) {
		if (!fm_str(m, 0, 17, 20, &s) || !parse_clock(s, &utc_s, &z)) {
			fm_param_error(m, "time cannot be read");
			fm_error(m);
			return;
		}
		set_clock(m, utc_s);
		m->net.zone = z;
		m->net.zone_known = strlen(s) > 17;
	} else {
		local = (time_t)(fm_net_utc(m) + m->net.zone * ZONE_S);
		gmtime_r(&local, &tm);
		strftime(text, sizeof text, "%y/%m/%d,%H:%M:%S", &tm);
		if (m->net.zone_known)
			snprintf(zone, sizeof zone, "%+03d", m->net.zone);
		fm_say(m, "+CCLK: \"%s%s\"", text, zone);
	}
	fm_ok(m);
}

static void run_zone_switch(struct fake_modem *m)
{
	int *v = strcmp(m->cmd.name, "+CTZU") == 0 ? &m->net.ctzu : &m->net.ctzr;

	if (m->cmd.form == FM_READ) {
		fm_say(m, "%s: %d", m->cmd.name, *v);
	} else if (!fm_int(m, 0, 0, 1, v)) {
		fm_param_error(m, "0 or 1");
		fm_error(m);
		return;
	} else if (v == &m->net.ctzu && *v) {
		fm_at(m, NITZ_MS, on_nitz, 0, 0);
	}
	fm_ok(m);
}

/* ---- registration ---- */

static const char *const reg_names[3] = { "+CREG", "+CGREG", "+CEREG" };

static void reg_text(const struct fake_modem *m, int which, char *s, size_t size)
{
	if (m->net.reg_n[which] >= 2 && registered(m))
		snprintf(s, size, "%d,\"775C\",\"778D3D3\"%s", m->net.stat, which == 2 ? ",7" : "");
	else
		snprintf(s, size, "%d", m->net.stat);
}

void fm_net_set_stat(struct fake_modem *m, int stat)
{
	char text[48];

	if (stat == m->net.stat)
		return;
	m->net.stat = stat;
	for (int i = 0; i < 3; i++) {
		if (!m->net.reg_n[i])
			continue;
		reg_text(m, i, text, sizeof text);
		fm_urc(m, 0, "%s: %s", reg_names[i], text);
	}
	if (registered(m))
		fm_at(m, NITZ_MS, on_nitz, 0, 0);
}

static void on_register(struct fake_modem *m, const struct fm_event *ev)
{
	(void)ev;
	if (m->net.sim == FM_SIM_READY && m->net.cfun == CFUN_FULL &&
	    (!m->tied_to[0] || strcmp(m->tied_to, HOME_CODE) == 0))
		fm_net_set_stat(m, m->cfg.register_stat);
}

static void run_reg(struct fake_modem *m)
{
	char text[48];
	int which = 0, n;

	while (strcmp(reg_names[which], m->cmd.name) != 0)
		which++;
	if (m->cmd.form == FM_READ) {
		reg_text(m, which, text, sizeof text);
		fm_say(m, "%s: %d,%s", m->cmd.name, m->net.reg_n[which], text);
	} else if (fm_int(m, 0, 0, 2, &n)) {
		m->net.reg_n[which] = n;
	} else {
		fm_param_error(m, "0 to 2");
		fm_error(m);
		return;
	}
	fm_ok(m);
}

/* ---- SIM ---- */

static void boot_line(struct fake_modem *m, const char *text)
{
	if (!m->cfg.autobaud)
		fm_urc(m, 0, "%s", text);
}

static void on_pb_done(struct fake_modem *m, const struct fm_event *ev)
{
	(void)ev;
	boot_line(m, "PB DONE");
}

static void on_sms_done(struct fake_modem *m, const struct fm_event *ev)
{
	(void)ev;
	boot_line(m, "SMS DONE");
	fm_at(m, m->cfg.pb_done_ms, on_pb_done, 0, 0);
}

static void sim_ready(struct fake_modem *m)
{
	m->net.sim = FM_SIM_READY;
	m->net.stat = STAT_SEARCHING;
	boot_line(m, "+CPIN: READY");
	fm_at(m, m->cfg.sms_done_ms, on_sms_done, 0, 0);
	fm_at(m, m->cfg.register_ms, on_register, 0, 0);
}

static void on_sim(struct fake_modem *m, const struct fm_event *ev)
{
	(void)ev;
	m->net.sim_busy = m->net.sim_off = false;
	if (m->net.sim == FM_SIM_READY)
		sim_ready(m);
	else if (m->net.sim == FM_SIM_PIN)
		boot_line(m, "+CPIN: SIM PIN");
	else if (m->net.sim == FM_SIM_PUK)
		boot_line(m, "+CPIN: SIM PUK");
	else
		boot_line(m, "+CPIN: NOT INSERTED");
}

/* SIM commands fail with a CME error unless the card can answer. */
static bool sim_answers(struct fake_modem *m)
{
	if (m->net.sim_off || m->net.sim == FM_SIM_ABSENT)
		fm_cme(m, 10);
	else if (m->net.sim_busy)
		fm_cme(m, m->cfg.sim_busy_code);
	else if (m->net.sim == FM_SIM_BLOCKED)
		fm_cme(m, 13);
	else
		return true;
	return false;
}

static void on_sim_ready(struct fake_modem *m, unsigned client)
{
	(void)client;
	sim_ready(m);
}

static void enter_pin(struct fake_modem *m, const char *pin)
{
	if (strcmp(pin, m->pin) == 0) {
		m->pin_left = 3;
		fm_ok_then(m, on_sim_ready, 0);
		return;
	}
	if (--m->pin_left <= 0)
		m->net.sim = FM_SIM_PUK;
	fm_cme(m, 16);
}

static void enter_puk(struct fake_modem *m, const char *puk, const char *pin)
{
	if (strcmp(puk, m->cfg.puk) == 0) {
		snprintf(m->pin, sizeof m->pin, "%s", pin);
		m->pin_left = 3;
		m->puk_left = 10;
		fm_ok_then(m, on_sim_ready, 0);
		return;
	}
	if (--m->puk_left <= 0)
		m->net.sim = FM_SIM_BLOCKED;
	fm_cme(m, 16);
}

static void set_cpin(struct fake_modem *m)
{
	const char *first, *second = NULL;

	/* the manual allows digits without quotes too */
	if (m->cmd.np < 1 || m->cmd.np > 2) {
		fm_param_error(m, "one or two codes");
		fm_error(m);
		return;
	}
	first = m->cmd.p[0].s;
	if (m->cmd.np == 2)
		second = m->cmd.p[1].s;
	if (m->net.sim == FM_SIM_PIN && !second)
		enter_pin(m, first);
	else if (m->net.sim == FM_SIM_PUK && second)
		enter_puk(m, first, second);
	else
		fm_cme(m, 3);
}

static void run_cpin(struct fake_modem *m)
{
	if (!sim_answers(m))
		return;
	if (m->cmd.form == FM_SET) {
		set_cpin(m);
		return;
	}
	fm_say(m, "+CPIN: %s",
	    m->net.sim == FM_SIM_PIN   ? "SIM PIN"
	    : m->net.sim == FM_SIM_PUK ? "SIM PUK"
				       : "READY");
	fm_ok(m);
}

static void run_sim_number(struct fake_modem *m)
{
	if (!sim_answers(m))
		return;
	if (strcmp(m->cmd.name, "+CICCID") == 0) {
		fm_say(m, "+ICCID: 89490200001234567890");
	} else if (m->net.sim != FM_SIM_READY) {
		fm_cme(m, m->net.sim == FM_SIM_PIN ? 11 : 12);
		return;
	} else {
		fm_say(m, "262011234567890");
	}
	fm_ok(m);
}

/* How many attempts are left for PIN, PUK, PIN2 and PUK2. */
static void run_spic(struct fake_modem *m)
{
	if (!sim_answers(m))
		return;
	fm_say(m, "+SPIC: %d,%d,3,10", m->pin_left > 0 ? m->pin_left : 0,
	    m->puk_left > 0 ? m->puk_left : 0);
	fm_ok(m);
}

/* ---- radio ---- */

/* =0, or =1,2,"<code>"[,AcT]: other forms are not told here. A network that is not there is refused
 * after the search. */
static void set_cops(struct fake_modem *m)
{
	const char *code = "";
	int mode, format;

	if (!fm_int(m, 0, 0, 4, &mode) ||
	    (mode == 1 && (!fm_int(m, 1, 2, 2, &format) || !fm_str(m, 2, 5, 6, &code)))) {
		fm_param_error(m, "mode, format or network");
		fm_error(m);
		return;
	}
	snprintf(m->tied_to, sizeof m->tied_to, "%s", code);
	if (m->tied_to[0] && strcmp(m->tied_to, HOME_CODE) != 0) {
		fm_net_set_stat(m, STAT_SEARCHING);
		fm_cme(m, 30);
		return;
	}
	if (!registered(m))
		fm_at(m, m->cfg.register_ms, on_register, 0, 0);
	fm_ok(m);
}

static void run_radio(struct fake_modem *m)
{
	bool on = registered(m);
	const char *n = m->cmd.name;

	if (m->cmd.form == FM_SET && strcmp(n, "+COPS") == 0) {
		set_cops(m);
		return;
	}
	if (m->cmd.form == FM_SET)
		;
	else if (strcmp(n, "+CSQ") == 0)
		fm_say(m, "+CSQ: %s",
		    m->net.cfun == CFUN_FULL && m->net.stat != STAT_NONE ? "22,99" : "99,99");
	else if (strcmp(n, "+COPS") == 0)
		fm_say(
		    m, "+COPS: %d%s", m->tied_to[0] != '\0', on ? ",0,\"Simulated Mobile\",7" : "");
	else if (strcmp(n, "+CPSI") == 0)
		fm_say(m, "+CPSI: %s",
		    on ? "LTE,Online,262-01,0x775C,125414899,241,EUTRAN-BAND3,1849,5,5,-84,-822,-"
			 "549,13"
		       : "NO SERVICE,Online");
	else if (strcmp(n, "+CNSMOD") == 0)
		fm_say(m, "+CNSMOD: 0,%d", on ? 8 : 0);
	else
		fm_say(m, "+CGATT: %d", on);
	fm_ok(m);
}

static void radio_off(struct fake_modem *m)
{
	fm_net_set_stat(m, STAT_NONE);
	fm_cmqtt_network_lost(m);
}

static void radio_on(struct fake_modem *m)
{
	if (m->net.sim_off) {
		m->net.sim_busy = true;
		fm_at(m, m->cfg.sim_ms, on_sim, 0, 0);
		return;
	}
	fm_net_set_stat(m, STAT_SEARCHING);
	fm_at(m, m->cfg.register_ms, on_register, 0, 0);
}

static void on_reset(struct fake_modem *m, const struct fm_event *ev)
{
	(void)ev;
	fm_reset_spoken(m, 0);
}

static void then_reset(struct fake_modem *m, unsigned client)
{
	fm_at(m, OFF_MS, on_reset, client, 0);
}

static void set_cfun(struct fake_modem *m)
{
	int fun, rst = 0;

	if (!fm_int(m, 0, 0, 7, &fun) || (m->cmd.np > 1 && !fm_int(m, 1, 0, 1, &rst)) ||
	    (fun > 1 && fun != CFUN_FLIGHT && fun < CFUN_RESET)) {
		fm_param_error(m, "fun or rst");
		fm_error(m);
		return;
	}
	if (fun == CFUN_RESET || rst) {
		fm_ok_then(m, then_reset, 0);
		return;
	}
	if (m->net.cfun == CFUN_OFFLINE) {
		fm_error(m); /* left by a reset only */
		return;
	}
	if (fun != m->net.cfun) {
		m->net.cfun = fun;
		if (fun == CFUN_FULL)
			radio_on(m);
		else
			radio_off(m);
		if (fun == CFUN_MIN) {
			m->net.sim_off = true;
			fm_urc(m, 0, "+SIMCARD: NOT AVAILABLE");
		}
	}
	fm_ok(m);
}

static void run_cfun(struct fake_modem *m)
{
	if (m->cmd.form == FM_SET) {
		set_cfun(m);
		return;
	}
	fm_say(m, "+CFUN: %d", m->net.cfun);
	fm_ok(m);
}

static void run_creset(struct fake_modem *m)
{
	fm_ok_then(m, then_reset, 0);
}

static void on_off(struct fake_modem *m, const struct fm_event *ev)
{
	(void)ev;
	m->powered = false;
	fm_trace(m, '-', "power off by command");
	fm_down(m);
	fm_net_init(m);
}

static void then_off(struct fake_modem *m, unsigned client)
{
	fm_at(m, OFF_MS, on_off, client, 0);
}

static void run_cpof(struct fake_modem *m)
{
	fm_ok_then(m, then_off, 0);
}

/* ---- PDP contexts and data network ---- */

static struct fm_pdp *find_pdp(struct fake_modem *m, int cid)
{
	for (size_t i = 0; i < m->net.npdp; i++)
		if (m->net.pdp[i].cid == cid)
			return &m->net.pdp[i];
	return NULL;
}

static void set_cgdcont(struct fake_modem *m)
{
	const size_t max = sizeof m->net.pdp / sizeof m->net.pdp[0];
	const char *type = "IP", *apn = "";
	struct fm_pdp *p;
	int cid;

	if (!fm_int(m, 0, 1, 179, &cid) || (cid > 24 && cid < 100) ||
	    (m->cmd.np > 1 && !fm_str(m, 1, 0, 8, &type)) ||
	    (m->cmd.np > 2 && !fm_str(m, 2, 0, sizeof p->apn - 1, &apn)) ||
	    (strcasecmp(type, "IP") && strcasecmp(type, "IPV6") && strcasecmp(type, "IPV4V6") &&
		strcasecmp(type, "PPP"))) {
		fm_param_error(m, "cid, PDP type or APN");
		fm_error(m);
		return;
	}
	p = find_pdp(m, cid);
	if (m->net.sim_off || (!p && m->net.npdp == max)) {
		fm_error(m);
		return;
	}
	if (!p)
		p = &m->net.pdp[m->net.npdp++];
	p->cid = cid;
	snprintf(p->type, sizeof p->type, "%s", type);
	snprintf(p->apn, sizeof p->apn, "%s", apn);
	fm_ok(m);
}

static void run_cgdcont(struct fake_modem *m)
{
	if (m->cmd.form == FM_SET) {
		set_cgdcont(m);
		return;
	}
	for (size_t i = 0; i < m->net.npdp; i++)
		fm_say_more(m, "+CGDCONT: %d,\"%s\",\"%s\",\"0.0.0.0\",0,0,0,0", m->net.pdp[i].cid,
		    m->net.pdp[i].type, m->net.pdp[i].apn);
	fm_ok(m);
}

/* cid[,type[,password[,user]]]: the password comes before the user. */
static void run_cgauth(struct fake_modem *m)
{
	int cid, type = 0;
	const char *s;

	if (m->cmd.form == FM_READ) {
		fm_say(m, "+CGAUTH: 1,0");
	} else if (!fm_int(m, 0, 1, 179, &cid) || (m->cmd.np > 1 && !fm_int(m, 1, 0, 3, &type)) ||
		   (m->cmd.np > 2 && !fm_str(m, 2, 0, 127, &s)) ||
		   (m->cmd.np > 3 && !fm_str(m, 3, 0, 127, &s)) || (type && m->cmd.np < 3)) {
		fm_param_error(m, "cid, type, password, user");
		fm_error(m);
		return;
	}
	fm_ok(m);
}

static void run_cgact(struct fake_modem *m)
{
	int state, cid;

	if (m->cmd.form == FM_READ) {
		for (size_t i = 0; i < m->net.npdp; i++)
			fm_say_more(m, "+CGACT: %d,%d", m->net.pdp[i].cid, i == 0 && registered(m));
	} else if (!fm_int(m, 0, 0, 1, &state) || (m->cmd.np > 1 && !fm_int(m, 1, 1, 179, &cid))) {
		fm_param_error(m, "state or cid");
		fm_error(m);
		return;
	} else if (state && !registered(m)) {
		fm_cme(m, 148);
		return;
	}
	fm_ok(m);
}

static void run_cgpaddr(struct fake_modem *m)
{
	for (size_t i = 0; i < m->net.npdp; i++)
		fm_say_more(m, "+CGPADDR: %d,%s", m->net.pdp[i].cid,
		    i == 0 && registered(m) ? "10.64.12.34" : "0.0.0.0");
	fm_ok(m);
}

static void on_netopen(struct fake_modem *m, const struct fm_event *ev)
{
	(void)ev;
	m->net.opening = false;
	m->net.open = registered(m);
	fm_urc(m, 0, "+NETOPEN: %d", m->net.open ? 0 : 1);
}

static void then_netopen(struct fake_modem *m, unsigned client)
{
	fm_at(m, m->cfg.netopen_ms, on_netopen, client, 0);
}

static void run_netopen(struct fake_modem *m)
{
	if (m->cmd.form == FM_READ) {
		fm_say(m, "+NETOPEN: %d", m->net.open);
		fm_ok(m);
	} else if (m->cfg.netopen_error || m->net.opening) {
		fm_error(m);
	} else if (m->net.open) {
		fm_say(m, "+IP ERROR: Network is already opened");
		fm_error(m);
	} else {
		m->net.opening = true;
		fm_ok_then(m, then_netopen, 0);
	}
}

/* Repeated NETCLOSE: each is answered OK, the result comes once (seen on a SIM7600). */
static void on_netclose(struct fake_modem *m, const struct fm_event *ev)
{
	(void)ev;
	m->net.closing = m->net.open = false;
	fm_urc(m, 0, "+NETCLOSE: 0");
}

static void run_netclose(struct fake_modem *m)
{
	if (!m->net.open) {
		fm_say(m, "+NETCLOSE: 2");
		fm_error(m);
		return;
	}
	if (!m->net.closing)
		fm_at(m, m->cfg.latency_ms + m->cfg.netopen_ms, on_netclose, 0, 0);
	m->net.closing = true;
	fm_ok(m);
}

static void run_ipaddr(struct fake_modem *m)
{
	if (m->net.open) {
		fm_say(m, "+IPADDR: 10.64.12.34");
		fm_ok(m);
	} else {
		fm_say(m, "+IP ERROR: Network not opened");
		fm_error(m);
	}
}

/* ---- life ---- */

/* What only a loss of power resets. */
void fm_net_init(struct fake_modem *m)
{
	m->net = (struct fm_net){ .cfun = CFUN_FULL };
	m->net.base_ns = m->t;
	m->net.base_s = GPS_EPOCH_S;
	if (m->cfg.clock_set)
		set_true_time(m);
	fm_net_down(m);
}

void fm_net_down(struct fake_modem *m)
{
	struct fm_net keep = m->net;

	m->net = (struct fm_net){
		.cfun = CFUN_FULL,
		.base_s = keep.base_s,
		.base_ns = keep.base_ns,
		.zone = keep.zone,
		.zone_known = keep.zone_known,
		.clock_set = keep.clock_set,
		.npdp = 1,
		.pdp = { { .cid = 1, .type = "IP" } },
	};
	memset(m->value, 0, sizeof m->value);
	m->net.sim = FM_SIM_READY;
	if (!m->cfg.sim_present)
		m->net.sim = FM_SIM_ABSENT;
	else if (m->puk_left <= 0)
		m->net.sim = FM_SIM_BLOCKED;
	else if (m->pin_left <= 0)
		m->net.sim = FM_SIM_PUK;
	else if (m->pin[0])
		m->net.sim = FM_SIM_PIN;
}

void fm_net_boot(struct fake_modem *m, bool warm)
{
	if (warm) {
		m->net.sim = m->cfg.sim_present ? FM_SIM_READY : FM_SIM_ABSENT;
		m->net.stat = m->net.sim == FM_SIM_READY ? m->cfg.register_stat : STAT_NONE;
		m->net.zone = m->cfg.zone_quarters;
		m->net.zone_known = m->cfg.clock_set;
		return;
	}
	m->net.sim_busy = true;
	if (!m->cfg.sim_stuck || m->was_cut)
		fm_at(m, m->cfg.sim_ms, on_sim, 0, 0);
}

#define RTS (FM_READ | FM_TEST | FM_SET)

const struct fm_command fm_net_commands[] = {
	{ "+CPIN", RTS, run_cpin, 0, 0, NULL, 0 },
	{ "+SPIC", FM_EXEC | FM_TEST, run_spic, 0, 0, NULL, 0 },
	{ "+CICCID", FM_EXEC | FM_TEST, run_sim_number, 0, 0, NULL, 0 },
	{ "+CIMI", FM_EXEC | FM_TEST, run_sim_number, 0, 0, NULL, 0 },
	{ "+CSQ", FM_EXEC | FM_TEST, run_radio, 0, 0, "(0-31,99),(0-7,99)", 0 },
	{ "+CREG", RTS, run_reg, 0, 0, "(0-2)", 0 },
	{ "+CGREG", RTS, run_reg, 0, 0, "(0-2)", 0 },
	{ "+CEREG", RTS, run_reg, 0, 0, "(0-2)", 0 },
	{ "+COPS", FM_READ | FM_SET, run_radio, 0, 120000, NULL, 0 },
	{ "+CPSI", RTS, run_radio, 0, 0, "(0-255)", 0 },
	{ "+CNSMOD", RTS, run_radio, 0, 0, "(0-1)", 0 },
	{ "+CGATT", RTS, run_radio, 0, 0, "(0,1)", 0 },
	{ "+CGDCONT", RTS, run_cgdcont, 0, 0, NULL, 0 },
	{ "+CGAUTH", RTS, run_cgauth, 0, 0, NULL, 0 },
	{ "+CGACT", RTS, run_cgact, 0, 0, "(0,1)", 0 },
	{ "+CGPADDR", FM_EXEC | FM_SET | FM_TEST, run_cgpaddr, 0, 0, NULL, 0 },
	{ "+CCLK", RTS, run_cclk, 0, 0, NULL, 0 },
	{ "+CTZU", RTS, run_zone_switch, 0, 0, "(0-1)", 0 },
	{ "+CTZR", RTS, run_zone_switch, 0, 0, "(0-1)", 0 },
	{ "+CFUN", RTS, run_cfun, 0, 0, "(0,1,4,6,7),(0-1)", 0 },
	{ "+CRESET", FM_EXEC | FM_TEST, run_creset, 0, 0, NULL, 0 },
	{ "+CPOF", FM_EXEC | FM_TEST, run_cpof, 0, 0, NULL, 0 },
	{ "+NETOPEN", FM_EXEC | FM_READ | FM_TEST, run_netopen, 0, 0, NULL, 0 },
	{ "+NETCLOSE", FM_EXEC | FM_TEST, run_netclose, 0, 0, NULL, 0 },
	{ "+IPADDR", FM_EXEC | FM_TEST, run_ipaddr, 0, 0, NULL, 0 },
	{ NULL, 0, NULL, 0, 0, NULL, 0 },
};
