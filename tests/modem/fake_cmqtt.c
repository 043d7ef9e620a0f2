/* SPDX-License-Identifier: Apache-2.0 */
/* AT+CMQTT commands: their parameters, state rules and error numbers (manual ch. 16). */
#include "fake_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ERR_UTF8 = 2,
	ERR_NOT_OPENED = 9,
	ERR_INDEX = 10,
	ERR_NO_CONNECTION = 11,
	ERR_PARAM = 12,
	ERR_UNSUPPORTED = 13,
	ERR_BUSY = 14,
	ERR_TOPIC_EMPTY = 18,
	ERR_USED = 19,
	ERR_NOT_ACQUIRED = 20,
	ERR_LENGTH = 22,
	ERR_OPENED = 23,
	MAX_MS = 120000,
};

/* ---- gates ---- */

static bool named(const struct fake_modem *m, const char *name)
{
	return strcmp(m->cmd.name, name) == 0;
}

bool fm_cmqtt_gate(struct fake_modem *m)
{
	bool set = m->cmd.form == FM_SET || m->cmd.form == FM_EXEC;

	if (m->svc.pending != FM_SVC_IDLE) {
		fm_report_order(m, -1, FAKE_REPORT_RESULT_AWAITED,
		    "%s before the result of AT+CMQTT%s", m->cmd.name,
		    m->svc.pending == FM_SVC_STARTING ? "START" : "STOP");
		fm_error(m);
		return false;
	}
	if (m->svc.up || named(m, "+CMQTTSTART"))
		return true;
	/* asking, and tidying up what may be left, is how a host finds its way */
	if (set && !named(m, "+CMQTTSTOP") && !named(m, "+CMQTTREL") && !named(m, "+CMQTTDISC"))
		fm_report_order(m, -1, FAKE_REPORT_ORDER, "%s before AT+CMQTTSTART", m->cmd.name);
	if (m->cfg.closed_says_9 && set)
		fm_refuse(m, ERR_NOT_OPENED);
	else
		fm_error(m);
	return false;
}

/* Parameter `at` as client. NULL: refused. */
static struct fm_client *take_client(struct fake_modem *m, size_t at, unsigned *ret)
{
	int client;

	if (!fm_int(m, at, 0, 99, &client)) {
		fm_param_error(m, "client index");
		fm_error(m);
		return NULL;
	}
	if (client >= FAKE_CLIENTS) {
		fm_param_error(m, "client index");
		fm_refuse(m, ERR_INDEX);
		return NULL;
	}
	*ret = (unsigned)client;
	return &m->client[client];
}

static void bad(struct fake_modem *m, int err, const char *what)
{
	fm_param_error(m, what);
	fm_refuse(m, err);
}

static void disorder(struct fake_modem *m, unsigned client, int err, const char *why)
{
	enum fake_report_kind kind = err == ERR_BUSY ? FAKE_REPORT_BUSY_CLIENT : FAKE_REPORT_ORDER;

	fm_report_order(m, (int)client, kind, "%s=%u: %s", m->cmd.name, client, why);
	fm_refuse(m, err);
}

/* An acquired client with no operation under way. NULL: refused. */
static struct fm_client *acquired(struct fake_modem *m, unsigned *ret)
{
	struct fm_client *c = take_client(m, 0, ret);

	if (!c)
		return NULL;
	if (c->state == FAKE_CLIENT_FREE) {
		disorder(m, *ret, ERR_NOT_ACQUIRED, "client not acquired");
		return NULL;
	}
	/* After +CMQTTPING the manual asks for DISC, whatever is under way. */
	if (c->op.kind != FM_OP_NONE && c->link_dead) {
		fm_refuse(m, ERR_BUSY);
		return NULL;
	}
	if (c->op.kind != FM_OP_NONE) {
		disorder(m, *ret, ERR_BUSY, "an operation of the client is pending");
		return NULL;
	}
	return c;
}

static struct fm_client *connected(struct fake_modem *m, unsigned *ret)
{
	struct fm_client *c = acquired(m, ret);

	if (c && c->state != FAKE_CLIENT_CONNECTED) {
		disorder(m, *ret, ERR_NO_CONNECTION, "not connected");
		return NULL;
	}
	return c;
}

static void unused(struct fake_modem *m, unsigned client, const char *what)
{
	fm_report(m, FAKE_REPORT_STAGED_UNUSED, "%s=%u: the staged %s was never used", m->cmd.name,
	    client, what);
}

static void check_unused(struct fake_modem *m, unsigned client)
{
	const struct fm_client *c = &m->client[client];

	if (c->topic.s || c->payload.s)
		unused(m, client, "message");
	if (c->subs.n || c->unsubs.n)
		unused(m, client, "topic list");
}

/* ---- service ---- */

static void run_start(struct fake_modem *m)
{
	if (m->svc.up && m->cfg.start_again_bare)
		fm_error(m);
	else if (m->svc.up)
		fm_refuse(m, ERR_OPENED);
	else
		fm_cmqtt_start(m);
}

static void on_reboot(struct fake_modem *m, const struct fm_event *ev)
{
	(void)ev;
	fm_down(m);
	fm_boot(m);
}

/* A command in a state in which this firmware does not survive it. */
static void reboot(struct fake_modem *m)
{
	fm_report(m, FAKE_REPORT_ORDER, "%s makes this modem start anew", m->cmd.name);
	fm_at(m, m->cfg.latency_ms, on_reboot, 0, 0);
	fm_hold(m);
}

static void run_stop(struct fake_modem *m)
{
	if (m->cfg.stop_reboots) {
		reboot(m);
		return;
	}
	for (int i = 0; i < FAKE_CLIENTS; i++)
		if (m->client[i].state != FAKE_CLIENT_FREE) {
			fm_report_order(
			    m, i, FAKE_REPORT_ORDER, "STOP with client %d not released", i);
			fm_refuse(m, m->cfg.stop_held_err);
			return;
		}
	fm_cmqtt_stop(m);
}

/* ---- ACCQ, REL, SSLCFG, CFG ---- */

static void set_accq(struct fake_modem *m)
{
	unsigned client;
	struct fm_client *c = take_client(m, 0, &client);
	int type = 0, version = m->cfg.default_mqtt_version;
	const char *id;

	if (!c)
		return;
	if (c->state != FAKE_CLIENT_FREE) {
		fm_refuse(m, ERR_USED);
		return;
	}
	if (!fm_str(m, 1, 1, FM_NAME_MAX, &id) || !fm_utf8_ok((const uint8_t *)id, strlen(id)) ||
	    (m->cmd.np > 2 && !fm_int(m, 2, 0, 1, &type)) ||
	    (m->cmd.np > 3 && !fm_int(m, 3, 3, 4, &version)) ||
	    m->cmd.np > (m->cfg.accq_version ? 4u : 3u)) {
		bad(m, ERR_PARAM, "client id, server type or version");
		return;
	}
	snprintf(c->id, sizeof c->id, "%s", id);
	c->state = FAKE_CLIENT_ACQUIRED;
	c->tls = type;
	c->version = version;
	c->check_utf8 = true;
	c->optimeout_s = 120;
	fm_ok(m);
}

static void run_accq(struct fake_modem *m)
{
	if (m->cmd.form == FM_SET) {
		set_accq(m);
		return;
	}
	for (int i = 0; i < FAKE_CLIENTS; i++)
		if (m->cfg.accq_version)
			fm_say_more(m, "+CMQTTACCQ: %d,\"%s\",%d,%d", i, m->client[i].id,
			    m->client[i].tls,
			    m->client[i].version ? m->client[i].version
						 : m->cfg.default_mqtt_version);
		else
			fm_say_more(
			    m, "+CMQTTACCQ: %d,\"%s\",%d", i, m->client[i].id, m->client[i].tls);
	fm_ok(m);
}

static void run_rel(struct fake_modem *m)
{
	unsigned client;
	struct fm_client *c;

	if (m->cmd.form != FM_SET) {
		fm_ok(m);
		return;
	}
	c = take_client(m, 0, &client);
	if (!c)
		return;
	if (c->state == FAKE_CLIENT_FREE && m->cfg.rel_free_says_20) {
		fm_refuse(m, ERR_NOT_ACQUIRED);
		return;
	}
	if (c->op.kind != FM_OP_NONE && c->link_dead) {
		fm_refuse(m, ERR_BUSY);
		return;
	}
	if (c->op.kind != FM_OP_NONE) {
		disorder(m, client, ERR_BUSY, "an operation of the client is pending");
		return;
	}
	if (c->state == FAKE_CLIENT_CONNECTED) {
		disorder(m, client, ERR_UNSUPPORTED, "REL before DISC");
		return;
	}
	if (c->state != FAKE_CLIENT_FREE) {
		check_unused(m, client);
		fm_cmqtt_release(m, client);
	}
	fm_ok(m);
}

static void run_sslcfg(struct fake_modem *m)
{
	unsigned client;
	struct fm_client *c;
	int ctx;

	if (m->cmd.form == FM_READ) {
		for (int i = 0; i < FAKE_CLIENTS; i++)
			if (m->client[i].ctx >= 0)
				fm_say_more(m, "+CMQTTSSLCFG: %d,%d", i, m->client[i].ctx);
			else
				fm_say_more(m, "+CMQTTSSLCFG: %d", i);
		fm_ok(m);
		return;
	}
	c = take_client(m, 0, &client);
	if (!c)
		return;
	if (m->cmd.np != 2 || !fm_int(m, 1, 0, FAKE_SSL_CONTEXTS - 1, &ctx)) {
		bad(m, ERR_PARAM, "SSL context");
		return;
	}
	c->ctx = ctx;
	fm_ok(m);
}

/* The manual prints OK behind the error line of this one command. */
static void cfg_refuse(struct fake_modem *m, int err)
{
	fm_refuse(m, err);
	if (m->cfg.cfg_fail_ok)
		fm_ok(m);
}

static void set_cfg(struct fake_modem *m)
{
	unsigned client;
	const char *what, *s;
	struct fm_client *c;
	int v;

	if (!fm_str(m, 0, 1, 40, &what)) {
		fm_param_error(m, "name of the setting");
		fm_error(m);
		return;
	}
	c = take_client(m, 1, &client);
	if (!c)
		return;
	if (c->state == FAKE_CLIENT_FREE || c->state != FAKE_CLIENT_ACQUIRED) {
		bool free_one = c->state == FAKE_CLIENT_FREE;

		fm_report_order(
		    m, (int)client, FAKE_REPORT_ORDER, "CFG not between ACCQ and CONNECT");
		cfg_refuse(m, free_one ? ERR_NOT_ACQUIRED : ERR_UNSUPPORTED);
		return;
	}
	if (strcmp(what, "checkUTF8") == 0 && m->cmd.np == 3 && fm_int(m, 2, 0, 1, &v)) {
		c->check_utf8 = v;
	} else if (strcmp(what, "optimeout") == 0 && m->cmd.np == 3 && fm_int(m, 2, 20, 120, &v)) {
		c->optimeout_s = v;
	} else if (m->cfg.cfg_version && strcmp(what, "version") == 0 && m->cmd.np == 3 &&
		   fm_int(m, 2, 3, 4, &v)) {
		c->version = v;
	} else if (strcmp(what, "version") == 0) {
		fm_report_order(m, (int)client, FAKE_REPORT_PARAMETER, "CFG \"version\" or value");
		cfg_refuse(m, ERR_PARAM);
		return;
	} else if (strcmp(what, "aliauth") != 0 || m->cmd.np != 5 || !fm_str(m, 2, 1, 256, &s)) {
		fm_param_error(m, "name or value");
		cfg_refuse(m, ERR_PARAM);
		return;
	}
	fm_ok(m);
}

static void run_cfg(struct fake_modem *m)
{
	if (m->cmd.form == FM_SET) {
		set_cfg(m);
		return;
	}
	for (int i = 0; i < FAKE_CLIENTS; i++)
		fm_say_more(
		    m, "+CMQTTCFG: %d,%d,%d", i, m->client[i].check_utf8, m->client[i].optimeout_s);
	fm_ok(m);
}

/* ---- staging: data at the prompt ---- */

static bool utf8_refused(struct fake_modem *m, const struct fm_client *c, bool payload)
{
	if (!c->check_utf8 || (payload && !m->cfg.utf8_checks_payload))
		return false;
	if (fm_utf8_ok(m->data.bytes, m->data.want) &&
	    (payload || !memchr(m->data.bytes, 0, m->data.want)))
		return false;
	fm_refuse(m, ERR_UTF8);
	return true;
}

/* The world may have changed since the prompt. */
static bool too_late(struct fake_modem *m, const struct fm_client *c, bool needs_connection)
{
	if (c->state == FAKE_CLIENT_FREE)
		fm_refuse(m, ERR_NOT_ACQUIRED);
	else if (needs_connection && c->state != FAKE_CLIENT_CONNECTED)
		fm_refuse(m, ERR_NO_CONNECTION);
	else
		return false;
	return true;
}

static void staged(struct fake_modem *m)
{
	struct fm_client *c = &m->client[m->data.client];
	bool payload = named(m, "+CMQTTPAYLOAD") || named(m, "+CMQTTWILLMSG");
	struct fm_bytes *b = named(m, "+CMQTTTOPIC")       ? &c->topic
			     : named(m, "+CMQTTPAYLOAD")   ? &c->payload
			     : named(m, "+CMQTTWILLTOPIC") ? &c->will_topic
							   : &c->will_msg;

	bool will = b == &c->will_topic || b == &c->will_msg;

	if (too_late(m, c, !will && m->cfg.staging_needs_connection) || utf8_refused(m, c, payload))
		return;
	fm_bytes_set(b, m->data.bytes, m->data.want);
	if (b == &c->will_msg)
		c->will_qos = m->data.qos;
	fm_ok(m);
}

/* Opens data entry for parameter `at` as length, 1 to max. */
static void stage(struct fake_modem *m, unsigned client, size_t at, int max, fm_data_fn *done)
{
	int len;

	if (!fm_int(m, at, 0, 1000000, &len)) {
		bad(m, ERR_PARAM, "length");
		return;
	}
	if (len < 1 || len > max) {
		bad(m, ERR_LENGTH, "length");
		return;
	}
	m->data.client = client;
	fm_prompt(m, (size_t)len, done);
}

static void run_will(struct fake_modem *m)
{
	unsigned client;
	struct fm_client *c = acquired(m, &client);
	bool message = named(m, "+CMQTTWILLMSG");

	if (!c)
		return;
	if (c->state == FAKE_CLIENT_CONNECTED)
		fm_report_order(m, (int)client, FAKE_REPORT_ORDER, "%s after CONNECT", m->cmd.name);
	m->data.qos = 0;
	if (m->cmd.np != (message ? 3u : 2u) || (message && !fm_int(m, 2, 0, 2, &m->data.qos))) {
		bad(m, ERR_PARAM, "number of parameters or qos");
		return;
	}
	stage(m, client, 1, FAKE_TOPIC_MAX, staged);
}

static struct fm_client *may_stage(struct fake_modem *m, unsigned *ret)
{
	return m->cfg.staging_needs_connection ? connected(m, ret) : acquired(m, ret);
}

static void run_topic(struct fake_modem *m)
{
	unsigned client;
	struct fm_client *c = may_stage(m, &client);
	bool payload = named(m, "+CMQTTPAYLOAD");

	if (!c)
		return;
	if (m->cmd.np != 2) {
		bad(m, ERR_PARAM, "number of parameters");
		return;
	}
	if (payload ? c->payload.s : c->topic.s)
		unused(m, client, payload ? "payload" : "topic");
	stage(m, client, 1, payload ? (int)m->cfg.payload_max : FAKE_TOPIC_MAX, staged);
}

static void list_add(struct fake_modem *m, struct fm_topic_list *l)
{
	struct fm_topic *t = &l->t[l->n++];

	fm_bytes_set(&t->topic, m->data.bytes, m->data.want);
	t->qos = m->data.qos;
	l->bytes += m->data.want;
}

static void listed(struct fake_modem *m)
{
	struct fm_client *c = &m->client[m->data.client];

	if (too_late(m, c, m->cfg.staging_needs_connection) || utf8_refused(m, c, false))
		return;
	list_add(m, named(m, "+CMQTTSUBTOPIC") ? &c->subs : &c->unsubs);
	fm_ok(m);
}

static void run_subtopic(struct fake_modem *m)
{
	unsigned client;
	struct fm_client *c;
	bool sub = named(m, "+CMQTTSUBTOPIC");
	const struct fm_topic_list *l;
	int len;

	if (!m->cfg.has_topic_lists) {
		fm_report(m, FAKE_REPORT_UNKNOWN_COMMAND, "%s", m->cmd.name);
		fm_error(m);
		return;
	}
	c = may_stage(m, &client);
	if (!c)
		return;
	l = sub ? &c->subs : &c->unsubs;
	m->data.qos = 0;
	if (m->cmd.np != (sub ? 3u : 2u) || (sub && !fm_int(m, 2, 0, 2, &m->data.qos))) {
		bad(m, ERR_PARAM, "number of parameters or qos");
		return;
	}
	if (fm_int(m, 1, 1, FAKE_TOPIC_MAX, &len) &&
	    (l->n == FM_TOPICS || l->bytes + (size_t)len > FM_TOPICS_BYTES)) {
		bad(m, ERR_LENGTH, "more than 5120 bytes of topics");
		return;
	}
	stage(m, client, 1, FAKE_TOPIC_MAX, listed);
}

/* ---- CONNECT, DISC ---- */

static bool addr_ok(const char *s)
{
	const char *colon;
	char *end;
	unsigned long port;

	if (strncmp(s, "tcp://", 6) != 0 || !s[6] || s[6] == ':')
		return false;
	colon = strrchr(s + 6, ':');
	if (!colon)
		return true;
	port = strtoul(colon + 1, &end, 10);
	return colon[1] >= '0' && colon[1] <= '9' && !*end && port >= 1 && port <= 65535;
}

static void check_tls(struct fake_modem *m, unsigned client)
{
	const struct fm_client *c = &m->client[client];
	const struct fm_ssl *s = &m->ssl[c->ctx >= 0 ? (unsigned)c->ctx : client];

	if (c->tls && (!s->set_version || !s->set_authmode))
		fm_report(m, FAKE_REPORT_TLS_DEFAULTS,
		    "client %u connects with the modem's default for %s%s%s", client,
		    s->set_version ? "" : "sslversion",
		    !s->set_version && !s->set_authmode ? ", " : "",
		    s->set_authmode ? "" : "authmode");
	if (!c->will_topic.s != !c->will_msg.s)
		unused(m, client, "half of a will");
}

static void set_connect(struct fake_modem *m)
{
	unsigned client;
	struct fm_client *c = acquired(m, &client);
	const char *addr, *user = NULL, *pass = NULL;
	int keepalive, clean;

	if (!c)
		return;
	if (c->state == FAKE_CLIENT_CONNECTED && m->cfg.connect_again_reboots) {
		reboot(m);
		return;
	}
	if (c->state == FAKE_CLIENT_CONNECTED) {
		fm_refuse(m, ERR_UNSUPPORTED);
		return;
	}
	if (!fm_str(m, 1, 9, FM_ADDR_MAX, &addr) || !addr_ok(addr) ||
	    !fm_int(m, 2, 1, 64800, &keepalive) || !fm_int(m, 3, 0, 1, &clean) ||
	    (m->cmd.np > 4 && !fm_str(m, 4, 1, FM_ADDR_MAX, &user)) ||
	    (m->cmd.np > 5 && !fm_str(m, 5, 1, FM_ADDR_MAX, &pass)) || m->cmd.np > 6) {
		bad(m, ERR_PARAM, "address, keepalive, clean, user or password");
		return;
	}
	check_tls(m, client);
	snprintf(c->addr, sizeof c->addr, "%s", addr);
	snprintf(c->user, sizeof c->user, "%s", user ? user : "");
	snprintf(c->pass, sizeof c->pass, "%s", pass ? pass : "");
	c->has_user = user;
	c->has_pass = pass;
	c->keepalive_s = keepalive;
	c->clean = clean;
	fm_cmqtt_accept(m, client, FM_OP_CONNECT);
}

static void say_connection(struct fake_modem *m, int i)
{
	const struct fm_client *c = &m->client[i];

	if (c->state != FAKE_CLIENT_CONNECTED)
		fm_say_more(m, "+CMQTTCONNECT: %d", i);
	else if (c->has_pass)
		fm_say_more(m, "+CMQTTCONNECT: %d,\"%s\",%d,%d,\"%s\",\"%s\"", i, c->addr,
		    c->keepalive_s, c->clean, c->user, c->pass);
	else if (c->has_user)
		fm_say_more(m, "+CMQTTCONNECT: %d,\"%s\",%d,%d,\"%s\"", i, c->addr, c->keepalive_s,
		    c->clean, c->user);
	else
		fm_say_more(
		    m, "+CMQTTCONNECT: %d,\"%s\",%d,%d", i, c->addr, c->keepalive_s, c->clean);
}

static void run_connect(struct fake_modem *m)
{
	if (m->cmd.form == FM_SET) {
		set_connect(m);
		return;
	}
	for (int i = 0; i < FAKE_CLIENTS; i++)
		say_connection(m, i);
	fm_ok(m);
}

static void run_disc(struct fake_modem *m)
{
	unsigned client;
	struct fm_client *c;
	int timeout;

	if (m->cmd.form == FM_READ) {
		for (int i = 0; i < FAKE_CLIENTS; i++) /* 0 = connected */
			fm_say_more(
			    m, "+CMQTTDISC: %d,%d", i, m->client[i].state != FAKE_CLIENT_CONNECTED);
		fm_ok(m);
		return;
	}
	c = connected(m, &client);
	if (!c)
		return;
	if (m->cmd.np != 2 || !fm_int(m, 1, 0, 180, &timeout) ||
	    (timeout && timeout < (int)m->cfg.disc_timeout_min_s)) {
		bad(m, ERR_PARAM, "timeout");
		return;
	}
	check_unused(m, client);
	fm_cmqtt_clear_staged(c);
	fm_cmqtt_accept(m, client, FM_OP_DISC);
}

/* ---- PUB, SUB, UNSUB ---- */

static void refuse_pub(struct fake_modem *m, struct fm_client *c, int err, const char *what)
{
	bad(m, err, what);
	if (m->cfg.failed_pub_clears) {
		fm_bytes_free(&c->topic);
		fm_bytes_free(&c->payload);
	}
}

static void run_pub(struct fake_modem *m)
{
	unsigned client;
	struct fm_client *c = connected(m, &client);

	if (!c)
		return;
	c->pub_retain = c->pub_dup = 0;
	if (!fm_int(m, 1, 0, 2, &c->pub_qos) ||
	    !fm_int(m, 2, (int)m->cfg.pub_timeout_min_s, 180, &c->pub_timeout_s) ||
	    (m->cmd.np > 3 && !fm_int(m, 3, 0, 1, &c->pub_retain)) ||
	    (m->cmd.np > 4 && !fm_int(m, 4, 0, 1, &c->pub_dup)) || m->cmd.np > 5) {
		refuse_pub(m, c, ERR_PARAM, "qos, pub_timeout, retained or dup");
		return;
	}
	if (!c->topic.s) {
		refuse_pub(m, c, ERR_TOPIC_EMPTY, "no topic staged");
		return;
	}
	fm_cmqtt_accept(m, client, FM_OP_PUB);
}

static void one_topic(struct fake_modem *m)
{
	struct fm_client *c = &m->client[m->data.client];

	if (too_late(m, c, true) || utf8_refused(m, c, false))
		return;
	fm_list_free(&c->one);
	list_add(m, &c->one);
	c->use_one = true;
	c->sub_dup = m->data.dup;
	fm_cmqtt_accept(m, m->data.client, named(m, "+CMQTTSUB") ? FM_OP_SUB : FM_OP_UNSUB);
}

static void check_dup(struct fake_modem *m, int dup)
{
	if (dup)
		fm_report(
		    m, FAKE_REPORT_PARAMETER, "%s with dup 1: brokers hang up on it", m->cmd.name);
}

/* The cached list. */
static void sub_list(struct fake_modem *m, unsigned client, struct fm_topic_list *l, int dup)
{
	struct fm_client *c = &m->client[client];

	if (!l->n) {
		bad(m, ERR_TOPIC_EMPTY, "no topic staged");
		return;
	}
	check_dup(m, dup);
	c->use_one = false;
	c->sub_dup = dup;
	fm_cmqtt_accept(m, client, named(m, "+CMQTTSUB") ? FM_OP_SUB : FM_OP_UNSUB);
}

/* =c[,dup] is the cached list, =c,len,qos[,dup] takes one topic: told apart by their number. */
static void run_sub(struct fake_modem *m)
{
	unsigned client;
	struct fm_client *c = connected(m, &client);
	int dup = 0;

	if (!c)
		return;
	if (m->cmd.np <= 2) {
		if (m->cmd.np == 2 && !fm_int(m, 1, 0, 1, &dup))
			bad(m, ERR_PARAM, "dup");
		else
			sub_list(m, client, &c->subs, dup);
		return;
	}
	m->data.dup = 0;
	if (m->cmd.np > 4 || !fm_int(m, 2, 0, 2, &m->data.qos) ||
	    (m->cmd.np == 4 && !fm_int(m, 3, 0, 1, &m->data.dup))) {
		bad(m, ERR_PARAM, "qos or dup");
		return;
	}
	check_dup(m, m->data.dup);
	stage(m, client, 1, FAKE_TOPIC_MAX, one_topic);
}

/* =c,dup or =c,len,dup: dup is not optional here. */
static void run_unsub(struct fake_modem *m)
{
	unsigned client;
	struct fm_client *c = connected(m, &client);
	int dup = 0;

	if (!c)
		return;
	m->data.qos = 0;
	if (m->cmd.np < 2 || m->cmd.np > 3 || !fm_int(m, m->cmd.np - 1, 0, 1, &dup)) {
		bad(m, ERR_PARAM, "dup");
	} else if (m->cmd.np == 2) {
		sub_list(m, client, &c->unsubs, dup);
	} else {
		check_dup(m, dup);
		m->data.dup = dup;
		stage(m, client, 1, FAKE_TOPIC_MAX, one_topic);
	}
}

#define TS   (FM_TEST | FM_SET)
#define RTS  (FM_READ | FM_TEST | FM_SET)
#define ONE  FM_CMQTT
#define LAST (FM_CMQTT | FM_ALONE)

const struct fm_command fm_cmqtt_commands[] = {
	{ "+CMQTTSTART", FM_EXEC | FM_TEST, run_start, LAST, MAX_MS, NULL, 0 },
	{ "+CMQTTSTOP", FM_EXEC | FM_TEST, run_stop, LAST, MAX_MS, NULL, 0 },
	{ "+CMQTTACCQ", RTS, run_accq, ONE, 0, "(0-1),(1-128),(0-1),(3-4)", 0 },
	{ "+CMQTTREL", RTS, run_rel, ONE, 0, "(0-1)", 0 },
	{ "+CMQTTSSLCFG", RTS, run_sslcfg, ONE, 0, "(0-1),(0-9)", 0 },
	{ "+CMQTTCFG", RTS, run_cfg, ONE, 0, "\"checkUTF8\",(0-1),(0-1)", 0 },
	{ "+CMQTTWILLTOPIC", TS, run_will, LAST, 0, "(0-1),(1-1024)", 0 },
	{ "+CMQTTWILLMSG", TS, run_will, LAST, 0, "(0-1),(1-1024),(0-2)", 0 },
	{ "+CMQTTCONNECT", RTS, run_connect, LAST, 0, "(0-1),(9-256),(1-64800),(0-1)", 0 },
	{ "+CMQTTDISC", RTS, run_disc, LAST, 0, "(0-1),(0,60-180)", 0 },
	{ "+CMQTTTOPIC", TS, run_topic, LAST, 0, "(0-1),(1-1024)", 0 },
	{ "+CMQTTPAYLOAD", TS, run_topic, LAST, 0, "(0-1),(1-10240)", 0 },
	{ "+CMQTTPUB", TS, run_pub, LAST, 0, "(0-1),(0-2),(60-180),(0-1),(0-1)", 0 },
	{ "+CMQTTSUBTOPIC", TS, run_subtopic, LAST, 0, "(0-1),(1-1024),(0-2)", 0 },
	{ "+CMQTTSUB", TS, run_sub, LAST, 0, "(0-1),(1-1024),(0-2),(0-1)", 0 },
	{ "+CMQTTUNSUBTOPIC", TS, run_subtopic, LAST, 0, "(0-1),(1-1024)", 0 },
	{ "+CMQTTUNSUB", TS, run_unsub, LAST, 0, "(0-1),(1-1024),(0-1)", 0 },
	{ NULL, 0, NULL, 0, 0, NULL, 0 },
};
