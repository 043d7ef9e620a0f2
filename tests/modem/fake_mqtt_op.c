/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes on in the modem's MQTT service after a command was accepted: operations and their
 * results in every order, loss of connections, incoming messages (manual 16.2, 16.3).
 */
#include "fake_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ERR_RECEIVE = 6,
	ERR_NET_OPEN = 7,
	ERR_NOT_OPENED = 9,
	ERR_SEND = 16,
	ERR_TIMEOUT = 17,
	ERR_CLOSED = 26,
	ERR_HANDSHAKE = 32,
	ERR_CERT_NOT_SET = 33,
	ERR_CONNECT = 3,
	MAX_HELD_MS = 120000, /* vendor's maximum response time of CONNECT and DISC */
	CAUSE_CLOSED = 1,
	CAUSE_NETWORK = 3,
};

static const char *const op_names[] = {
	[FM_OP_NONE] = "",
	[FM_OP_CONNECT] = "+CMQTTCONNECT",
	[FM_OP_PUB] = "+CMQTTPUB",
	[FM_OP_SUB] = "+CMQTTSUB",
	[FM_OP_UNSUB] = "+CMQTTUNSUB",
	[FM_OP_DISC] = "+CMQTTDISC",
};

/* ---- results ---- */

static void say_result(struct fake_modem *m, const struct fake_fault *f, const char *text)
{
	uint64_t delay_ms = f->kind == FAKE_FAULT_RESULT_LATE ? f->ms : 0;
	char *framed;

	if (f->kind == FAKE_FAULT_RESULT_LOST || f->kind == FAKE_FAULT_ANSWER_LOST) {
		fm_trace(m, '-', "fault: lost %s", text);
		return;
	}
	framed = fm_printf("\r\n%s\r\n", text);
	fm_emit(m, delay_ms, delay_ms > 0 ? FM_EV_STALE : 0, framed, strlen(framed));
	if (f->kind == FAKE_FAULT_RESULT_DUP)
		fm_emit(m, delay_ms, FM_EV_STALE, framed, strlen(framed));
	free(framed);
}

/* The final result of a command was held back until now. */
static void end_held(struct fake_modem *m, const struct fm_op *op, const char *text, int err,
    bool result_first, enum fake_fail_form fail)
{
	bool lost = op->fault.kind == FAKE_FAULT_RESULT_LOST;

	if (err == 0 || fail == FAKE_FAIL_OK_RESULT)
		fm_ok(m);
	else
		fm_error(m);
	if (err ? fail == FAKE_FAIL_RESULT_ERROR : result_first) {
		if (!lost)
			fm_say(m, "%s", text);
		fm_finish(m, 0);
		return;
	}
	fm_finish(m, 0);
	if (!err || fail != FAKE_FAIL_BARE_ERROR)
		say_result(m, &op->fault, text);
}

/* ---- START and STOP ---- */

static void on_service(struct fake_modem *m, const struct fm_event *ev)
{
	bool start = m->svc.pending == FM_SVC_STARTING;
	struct fm_op op = m->svc.op;
	bool registered = m->net.stat == 1 || m->net.stat == 5;
	int err = start && !registered ? ERR_NET_OPEN : 0;
	char text[32];

	(void)ev;
	m->svc.pending = FM_SVC_IDLE;
	m->svc.up = start && !err;
	snprintf(text, sizeof text, "%s: %d%s", start ? "+CMQTTSTART" : "+CMQTTSTOP", err,
	    start && m->cfg.start_says_cid ? ",1" : "");
	if (op.held)
		end_held(m, &op, text, err, true, m->cfg.start_fail);
	else if (!op.silent)
		say_result(m, &op.fault, text);
}

static void service_op(struct fake_modem *m, bool start)
{
	enum fake_order order = start ? m->cfg.start_order : m->cfg.stop_order;

	m->svc.pending = start ? FM_SVC_STARTING : FM_SVC_STOPPING;
	m->svc.op = (struct fm_op){
		.held = order == FAKE_RESULT_FIRST,
		.silent = order == FAKE_OK_ONLY,
		.fault = m->cmd.fault,
	};
	fm_at(m, fm_latency(m) + (start ? m->cfg.start_ms : m->cfg.stop_ms), on_service, 0, 0);
	if (order == FAKE_RESULT_FIRST)
		fm_hold(m);
	else
		fm_ok(m);
}

void fm_cmqtt_start(struct fake_modem *m)
{
	service_op(m, true);
}

void fm_cmqtt_stop(struct fake_modem *m)
{
	service_op(m, false);
}

/* ---- operations of a client ---- */

static void on_op_timeout(struct fake_modem *m, const struct fm_event *ev)
{
	struct fm_client *c = &m->client[ev->client];
	int err = ERR_TIMEOUT;

	if (c->op.kind == FM_OP_NONE || c->op.handle != ev->arg)
		return;
	if (c->op.kind == FM_OP_CONNECT || c->op.kind == FM_OP_DISC)
		m->ops->abort(m->uplink, ev->client);
	if (c->op.kind == FM_OP_CONNECT)
		err = c->tls ? ERR_HANDSHAKE : ERR_CONNECT;
	fm_cmqtt_op_done(m, ev->client, err);
}

/* The result takes longer than this firmware holds back the OK. */
static void on_hold_over(struct fake_modem *m, const struct fm_event *ev)
{
	struct fm_op *op = &m->client[ev->client].op;

	if (op->kind == FM_OP_NONE || op->handle != ev->arg || !op->held)
		return;
	op->held = false;
	fm_ok(m);
	fm_finish(m, 0);
}

static void on_start_held(struct fake_modem *m, const struct fm_event *ev)
{
	if (m->client[ev->client].op.handle == ev->arg)
		fm_cmqtt_start_op(m, ev->client);
}

static bool held_first(const struct fake_modem *m, enum fm_op_kind kind)
{
	if (kind == FM_OP_DISC)
		return m->cfg.disc_order == FAKE_RESULT_FIRST;
	return kind == FM_OP_CONNECT && m->cfg.connect_fail != FAKE_FAIL_OK_RESULT;
}

/* The command is accepted: its operation begins when OK is said, or now if OK comes with the
 * result. */
void fm_cmqtt_accept(struct fake_modem *m, unsigned client, enum fm_op_kind kind)
{
	struct fm_client *c = &m->client[client];

	c->op = (struct fm_op){
		.kind = kind,
		.handle = ++m->handles,
		.held = held_first(m, kind),
		.silent = kind == FM_OP_DISC && m->cfg.disc_order == FAKE_OK_ONLY,
		.fault = m->cmd.fault,
	};
	if (kind == FM_OP_CONNECT)
		c->state = FAKE_CLIENT_CONNECTING;
	if (kind == FM_OP_DISC)
		c->state = FAKE_CLIENT_DISCONNECTING;
	if (!c->op.held) {
		fm_ok_then(m, fm_cmqtt_start_op, client);
		return;
	}
	fm_hold(m);
	m->busy_max_ms = (uint32_t)MAX_HELD_MS;
	fm_at(m, fm_latency(m), on_start_held, client, c->op.handle);
	if (kind == FM_OP_CONNECT)
		fm_at(m, m->cfg.connect_hold_ms, on_hold_over, client, c->op.handle);
}

static struct fake_blob blob(const struct fm_bytes *b)
{
	return (struct fake_blob){ b->s, b->len };
}

static struct fake_blob file_blob(const struct fake_modem *m, const char *name, bool *missing)
{
	const struct fm_cert *cert = name[0] ? fm_ssl_find(m, name) : NULL;

	if (!cert) {
		*missing = true;
		return (struct fake_blob){ NULL, 0 };
	}
	return blob(&cert->body);
}

static int take_tls(
    const struct fake_modem *m, const struct fm_client *c, unsigned client, struct fake_tls *tls)
{
	const struct fm_ssl *s = &m->ssl[c->ctx >= 0 ? (unsigned)c->ctx : client];
	bool missing = false;

	*tls = (struct fake_tls){
		.enabled = true,
		.version = s->version,
		.authmode = s->authmode,
		.ignore_local_time = s->ignore_time,
		.sni = s->sni,
		.negotiate_s = (unsigned)s->negotiate_s,
		.key_password = s->keypwd,
	};
	if (s->authmode == 1 || s->authmode == 2)
		tls->ca = file_blob(m, s->ca, &missing);
	if (s->authmode >= 2) {
		tls->cert = file_blob(m, s->cert, &missing);
		tls->key = file_blob(m, s->key, &missing);
	}
	return missing ? ERR_CERT_NOT_SET : 0;
}

/* "tcp://host[:port]"; the form was checked when the command came. */
static uint16_t take_host(const char *addr, char *host, size_t size)
{
	const char *s = addr + strlen("tcp://"), *colon = strrchr(s, ':');
	size_t n = colon ? (size_t)(colon - s) : strlen(s);

	snprintf(host, size, "%.*s", (int)n, s);
	return colon ? (uint16_t)strtoul(colon + 1, NULL, 10) : 1883;
}

static int start_connect(struct fake_modem *m, unsigned client)
{
	struct fm_client *c = &m->client[client];
	char host[FM_ADDR_MAX + 1];
	struct fake_connect what = {
		.host = host,
		.client_id = c->id,
		.mqtt_version = c->version,
		.keepalive_s = (unsigned)c->keepalive_s,
		.clean = c->clean,
		.user = c->has_user ? c->user : NULL,
		.password = c->has_pass ? c->pass : NULL,
		.will_qos = c->will_qos,
		.utc_s = fm_net_utc(m),
	};
	uint64_t limit_ms = m->cfg.connect_timeout_ms;
	int err;

	what.port = take_host(c->addr, host, sizeof host);
	if (c->will_topic.s && c->will_msg.s) {
		what.will_topic = blob(&c->will_topic);
		what.will_message = blob(&c->will_msg);
	}
	if (c->tls) {
		err = take_tls(m, c, client, &what.tls);
		if (err)
			return err;
		limit_ms += what.tls.negotiate_s * 1000ull;
	}
	fm_at(m, limit_ms, on_op_timeout, client, c->op.handle);
	return m->ops->connect(m->uplink, client, c->op.handle, &what);
}

static int start_publish(struct fake_modem *m, unsigned client)
{
	struct fm_client *c = &m->client[client];
	struct fake_publish what = {
		.topic = blob(&c->topic),
		.payload = blob(&c->payload),
		.qos = c->pub_qos,
		.retain = c->pub_retain,
		.dup = c->pub_dup,
	};
	int err;

	fm_at(m, (uint64_t)c->pub_timeout_s * 1000, on_op_timeout, client, c->op.handle);
	m->stats.published++;
	err = m->ops->publish(m->uplink, client, c->op.handle, &what);
	fm_bytes_free(&c->topic);
	fm_bytes_free(&c->payload);
	return err;
}

static int start_topics(struct fake_modem *m, unsigned client)
{
	struct fm_client *c = &m->client[client];
	bool sub = c->op.kind == FM_OP_SUB;
	struct fm_topic_list *l = c->use_one ? &c->one : sub ? &c->subs : &c->unsubs;
	struct fake_topic topics[FM_TOPICS];
	size_t n = l->n;
	int err;

	for (size_t i = 0; i < n; i++)
		topics[i] = (struct fake_topic){ blob(&l->t[i].topic), l->t[i].qos };
	fm_at(m, (uint64_t)c->optimeout_s * 1000, on_op_timeout, client, c->op.handle);
	if (sub)
		err = m->ops->subscribe(m->uplink, client, c->op.handle, topics, n);
	else
		err = m->ops->unsubscribe(m->uplink, client, c->op.handle, topics, n);
	fm_list_free(l);
	return err;
}

static int start_disconnect(struct fake_modem *m, unsigned client)
{
	struct fm_client *c = &m->client[client];
	int err;

	fm_at(m, 120000, on_op_timeout, client, c->op.handle);
	if (!c->link_dead) {
		err = m->ops->disconnect(m->uplink, client, c->op.handle);
		if (err)
			return err;
	} else {
		fm_cmqtt_op_done(m, client, 0);
	}
	return 0;
}

/* SUBSCRIBE with the DUP bit breaks MQTT 3.1.1 and the broker hangs up (seen on a SIM7600EI). */
static bool kills_connection(const struct fm_client *c)
{
	return (c->op.kind == FM_OP_SUB || c->op.kind == FM_OP_UNSUB) && c->sub_dup;
}

void fm_cmqtt_start_op(struct fake_modem *m, unsigned client)
{
	struct fm_client *c = &m->client[client];
	int err = 0, cause = c->lost_cause - 1;

	if (c->op.kind == FM_OP_NONE)
		return;
	c->op.started = true;
	c->lost_cause = 0;
	if (cause >= 0 && !c->link_dead) {
		fm_cmqtt_lost(m, client, cause);
		return;
	}
	if (c->link_dead && c->op.kind != FM_OP_DISC) {
		fm_cmqtt_op_done(m, client, ERR_SEND);
		return;
	}
	if (kills_connection(c)) {
		m->ops->abort(m->uplink, client);
		fm_cmqtt_lost(m, client, CAUSE_CLOSED);
		return;
	}
	switch (c->op.kind) {
	case FM_OP_NONE:
		return;
	case FM_OP_CONNECT:
		err = start_connect(m, client);
		break;
	case FM_OP_PUB:
		err = start_publish(m, client);
		break;
	case FM_OP_SUB:
	case FM_OP_UNSUB:
		err = start_topics(m, client);
		break;
	case FM_OP_DISC:
		err = start_disconnect(m, client);
		break;
	}
	if (err)
		fm_cmqtt_op_done(m, client, err);
}

static void clear_binding(struct fake_modem *m, struct fm_client *c)
{
	c->ctx = -1;
	c->link_dead = false;
	if (!m->cfg.will_survives) {
		fm_bytes_free(&c->will_topic);
		fm_bytes_free(&c->will_msg);
	}
}

void fm_cmqtt_op_done(struct fake_modem *m, unsigned client, int err)
{
	struct fm_client *c = &m->client[client];
	struct fm_op op = c->op;
	char text[40];

	c->op.kind = FM_OP_NONE;
	if (op.kind == FM_OP_CONNECT && err == 0) {
		c->state = FAKE_CLIENT_CONNECTED;
		c->amnesty = false;
		c->lost_ns = 0;
	} else if (op.kind == FM_OP_CONNECT || op.kind == FM_OP_DISC) {
		c->state = FAKE_CLIENT_ACQUIRED;
		clear_binding(m, c);
	}
	snprintf(text, sizeof text, "%s: %u,%d", op_names[op.kind], client, err);
	if (op.held)
		end_held(m, &op, text, err, op.kind == FM_OP_DISC,
		    op.kind == FM_OP_DISC ? m->cfg.start_fail : m->cfg.connect_fail);
	else if (!op.silent)
		say_result(m, &op.fault, text);
}

/* ---- loss ---- */

static void say_connlost(struct fake_modem *m, unsigned client, int cause)
{
	struct fm_client *c = &m->client[client];

	c->lost_ns = m->t ? m->t : 1;
	c->lost_mark = m->out_total + 1;
	c->state = FAKE_CLIENT_ACQUIRED;
	c->link_dead = false;
	fm_urc(m, 0, "+CMQTTCONNLOST: %u,%d", client, cause);
}

void fm_cmqtt_lost(struct fake_modem *m, unsigned client, int cause)
{
	struct fm_client *c = &m->client[client];
	bool pending = c->op.kind != FM_OP_NONE;

	if (c->state == FAKE_CLIENT_CONNECTING || c->state == FAKE_CLIENT_DISCONNECTING) {
		if (pending)
			fm_cmqtt_op_done(m, client, c->op.kind == FM_OP_DISC ? 0 : ERR_CLOSED);
		return;
	}
	if (c->state != FAKE_CLIENT_CONNECTED || c->link_dead)
		return;
	if (pending && !c->op.started) {
		c->lost_cause = 1 + cause; /* said after the OK of that operation */
		return;
	}
	if (pending) {
		fm_cmqtt_op_done(m, client, ERR_RECEIVE);
		if (m->cfg.stray == FAKE_STRAY_ERROR_BEFORE)
			fm_urc(m, 0, "ERROR");
	}
	if (cause == 0) {
		c->link_dead = true;
		c->lost_ns = m->t ? m->t : 1;
		c->lost_mark = m->out_total + 1;
		fm_urc(m, 0, "+CMQTTPING: %u,%d", client, ERR_TIMEOUT);
		return;
	}
	say_connlost(m, client, cause);
	/* A host that awaits another OK takes this one for it. */
	if (pending && m->cfg.stray != FAKE_STRAY_NONE && m->shaken_cmds < FM_SHAKEN_CMDS)
		m->shaken_cmds = FM_SHAKEN_CMDS;
	if (pending && m->cfg.stray == FAKE_STRAY_OK_AFTER)
		fm_urc(m, 0, "OK");
}

static void say_cipevent(struct fake_modem *m)
{
	if (m->net.open)
		fm_urc(m, 0, "+CIPEVENT: NETWORK CLOSED UNEXPECTEDLY");
	m->net.open = false;
}

/* Order as seen on a SIM7600EI that was reset while connected, idle, and without the service. */
void fm_cmqtt_say_lost(struct fake_modem *m)
{
	say_cipevent(m);
	for (unsigned i = 0; i < FAKE_CLIENTS; i++)
		if (m->client[i].state == FAKE_CLIENT_CONNECTED)
			fm_urc(m, 0, "+CMQTTCONNLOST: %u,%d", i, CAUSE_NETWORK);
	if (m->svc.up)
		fm_urc(m, 0, "+CMQTTNONET");
}

static void client_free(struct fake_modem *m, unsigned client)
{
	struct fm_client *c = &m->client[client];

	fm_cmqtt_clear_staged(c);
	fm_bytes_free(&c->will_topic);
	fm_bytes_free(&c->will_msg);
	fm_list_free(&c->one);
	fm_rx_drop(m, (int)client);
	*c = (struct fm_client){ .ctx = -1, .amnesty = c->amnesty };
}

static bool has_connection(const struct fm_client *c)
{
	return c->state == FAKE_CLIENT_CONNECTING || c->state == FAKE_CLIENT_CONNECTED ||
	       c->state == FAKE_CLIENT_DISCONNECTING;
}

void fm_cmqtt_network_lost(struct fake_modem *m)
{
	say_cipevent(m);
	for (unsigned i = 0; i < FAKE_CLIENTS; i++) {
		struct fm_client *c = &m->client[i];

		if (!has_connection(c))
			continue;
		m->ops->abort(m->uplink, i);
		if (c->state == FAKE_CLIENT_CONNECTED)
			fm_cmqtt_lost(m, i, CAUSE_NETWORK);
		else if (c->op.kind != FM_OP_NONE)
			fm_cmqtt_op_done(m, i, ERR_NOT_OPENED);
	}
	if (!m->svc.up)
		return;
	fm_urc(m, 0, "+CMQTTNONET");
	for (unsigned i = 0; i < FAKE_CLIENTS; i++) {
		if (m->cfg.nonet_stops)
			client_free(m, i);
		m->client[i].amnesty = true;
	}
	m->svc.up = !m->cfg.nonet_stops;
}

void fm_cmqtt_gone(struct fake_modem *m)
{
	for (unsigned i = 0; i < FAKE_CLIENTS; i++) {
		if (m->ops && has_connection(&m->client[i]))
			m->ops->abort(m->uplink, i);
		client_free(m, i);
	}
	fm_rx_drop(m, -1);
	m->svc = (struct fm_service){ .up = false };
}

void fm_cmqtt_release(struct fake_modem *m, unsigned client)
{
	client_free(m, client);
}

void fm_cmqtt_clear_staged(struct fm_client *c)
{
	fm_bytes_free(&c->topic);
	fm_bytes_free(&c->payload);
	fm_list_free(&c->subs);
	fm_list_free(&c->unsubs);
}

/* ---- incoming messages (manual 16.3.2) ---- */

static void msg_free(struct fm_msg *msg)
{
	fm_bytes_free(&msg->topic);
	fm_bytes_free(&msg->payload);
	free(msg);
}

/* Messages of a client that have not begun; client -1: all of all. */
void fm_rx_drop(struct fake_modem *m, int client)
{
	struct fm_msg **p = &m->rxq;

	while (*p) {
		struct fm_msg *msg = *p;

		if (client >= 0 && (msg->started || msg->client != (unsigned)client)) {
			p = &msg->next;
			continue;
		}
		*p = msg->next;
		msg_free(msg);
	}
	if (client < 0)
		m->rx_open = 0;
}

static void say_block(
    struct fake_modem *m, const char *name, unsigned client, const uint8_t *s, size_t n)
{
	struct fm_buf b = { 0 };
	char *head = fm_printf("\r\n%s: %u,%zu\r\n", name, client, n);

	fm_buf_add(&b, head, strlen(head));
	fm_buf_add(&b, s, n);
	fm_buf_add(&b, "\r\n", 2);
	fm_emit(m, 0, FM_EV_BODY, b.s, b.len);
	fm_buf_free(&b);
	free(head);
}

/* One block of the message. True: that was the last. */
static bool step(struct fake_modem *m, struct fm_msg *msg)
{
	size_t left = msg->topic.len - msg->topic_at, max = m->cfg.rx_topic_chunk;

	if (!msg->started) {
		msg->started = true;
		m->rx_open++;
		fm_urc(m, 0, "+CMQTTRXSTART: %u,%zu,%zu", msg->client, msg->topic.len,
		    msg->payload.len);
		m->rx_start_mark = m->out_total + 1;
		return false;
	}
	if (left) {
		left = left > max && max ? max : left;
		say_block(m, "+CMQTTRXTOPIC", msg->client, msg->topic.s + msg->topic_at, left);
		msg->topic_at += left;
		return false;
	}
	left = msg->payload.len - msg->payload_at;
	max = m->cfg.rx_chunk ? m->cfg.rx_chunk : FAKE_RX_CHUNK_MAX;
	if (left) {
		left = left > max ? max : left;
		say_block(
		    m, "+CMQTTRXPAYLOAD", msg->client, msg->payload.s + msg->payload_at, left);
		msg->payload_at += left;
		return false;
	}
	fm_urc(m, 0, "+CMQTTRXEND: %u", msg->client);
	m->rx_open--;
	m->stats.received++;
	return true;
}

static void on_rx_end(struct fake_modem *m, const struct fm_event *ev)
{
	(void)ev;
	m->rx_end_mark = m->out_total;
}

/* Runs one message as far as it goes without a gap. */
static void advance(struct fake_modem *m, struct fm_msg *msg);

static void on_rx_gap(struct fake_modem *m, const struct fm_event *ev)
{
	for (struct fm_msg *msg = m->rxq; msg; msg = msg->next)
		if (msg->started && msg->client == ev->client) {
			advance(m, msg);
			break;
		}
	fm_rx_pump(m);
}

static void advance(struct fake_modem *m, struct fm_msg *msg)
{
	struct fm_msg **p = &m->rxq;

	while (!step(m, msg))
		if (m->cfg.rx_gap_ms) {
			fm_at(m, m->cfg.rx_gap_ms, on_rx_gap, msg->client, 0);
			return;
		}
	fm_at(m, 0, on_rx_end, 0, 0);
	while (*p != msg)
		p = &(*p)->next;
	*p = msg->next;
	msg_free(msg);
}

static bool may_start(const struct fake_modem *m, const struct fm_msg *msg)
{
	if (msg->started)
		return false;
	for (const struct fm_msg *o = m->rxq; o; o = o->next)
		if (o->started && (!m->cfg.rx_interleave || o->client == msg->client))
			return false;
	return true;
}

void fm_rx_pump(struct fake_modem *m)
{
	struct fm_msg *msg = m->rxq;

	while (msg) {
		if (may_start(m, msg)) {
			advance(m, msg);
			msg = m->rxq; /* the list changed */
		} else {
			msg = msg->next;
		}
	}
}

/* ---- UTF-8 (RFC 3629) ---- */

bool fm_utf8_ok(const uint8_t *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		uint8_t c = s[i];
		size_t more = c < 0x80         ? 0
			      : (c >> 5) == 6  ? 1
			      : (c >> 4) == 14 ? 2
			      : (c >> 3) == 30 ? 3
					       : 9;
		uint32_t v = more == 0 ? c : c & (0x3fu >> more);
		static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };

		if (more == 9 || i + more >= n)
			return false;
		for (size_t k = 1; k <= more; k++) {
			if ((s[i + k] & 0xc0) != 0x80)
				return false;
			v = v << 6 | (s[i + k] & 0x3fu);
		}
		if (v < least[more] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
			return false;
		i += more + 1;
	}
	return true;
}
