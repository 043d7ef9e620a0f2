/* SPDX-License-Identifier: Apache-2.0 */
#include "uplink_mosquitto.h"
#include "uplink_tls.h"

#include <errno.h>
#include <mosquitto.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Error numbers of the modem (manual 16.3.1). */
enum {
	ERR_FAILED = 1,
	ERR_CONNECT = 3,
	ERR_PARAM = 12,
	ERR_SEND = 16,
	ERR_PACKET = 24,
	ERR_DNS = 25,
	ERR_CLOSED = 26,
	ERR_REFUSED = 26, /* + CONNACK code 1 to 5 */
	ERR_HANDSHAKE = 32,
	ERR_SSL_OPEN = 34,
};

enum {
	MAPS = 32,
	TOPICS = 64,
	SUBACK_FAILED = 0x80,
	KEEPALIVE_MIN_S = 5, /* libmosquitto takes nothing below */
	CONNECTING_WAIT_MS = 10,
	IDLE_WAIT_MS = 500,
};

enum ev_kind { EV_CONNACK, EV_CLOSED, EV_PUBLISHED, EV_TOPIC_DONE, EV_MESSAGE };

/* Something libmosquitto called back; handed on by uplink_step(). */
struct ev {
	struct ev *next;
	enum ev_kind kind;
	unsigned client;
	int code; /* CONNACK code, reason of the end, message id, or QoS granted */
	int mid;
	char *topic;
	uint8_t *payload;
	size_t len;
};

enum op { OP_NONE, OP_CONNECT, OP_PUBLISH, OP_TOPICS, OP_DISCONNECT };

struct conn {
	struct uplink *u;
	unsigned client;
	struct mosquitto *mosq;
	bool tls_on, connected;
	bool tcp_up; /* the peer has accepted */
	struct uplink_tls tls;
	enum op op;
	uint32_t handle;
	int mids[TOPICS]; /* awaited; 0: done */
	size_t nmids;
	int err; /* worst of the topics */
	uint64_t connect_by;
	unsigned negotiate_s;
};

struct map {
	char name[256], host[64];
	int name_port, port;
};

struct uplink {
	struct conn conn[FAKE_CLIENTS];
	struct map map[MAPS];
	size_t nmap;
	struct fake_modem *m;
	struct ev *events, **tail;
	void (*log)(void *ctx, const char *text);
	void *log_ctx;
	uint64_t now;
};

static void say(struct uplink *u, unsigned client, const char *what, const char *more)
{
	char text[320];

	snprintf(text, sizeof text, "uplink %u: %s%s%s", client, what, more[0] ? ": " : "", more);
	if (u->log)
		u->log(u->log_ctx, text);
}

/* ---- what libmosquitto calls back ---- */

static struct ev *push(struct conn *c, enum ev_kind kind, int code)
{
	struct ev *ev = calloc(1, sizeof *ev);

	if (!ev)
		abort();
	ev->kind = kind;
	ev->client = c->client;
	ev->code = code;
	*c->u->tail = ev;
	c->u->tail = &ev->next;
	return ev;
}

static void on_connect(struct mosquitto *mosq, void *ctx, int rc)
{
	(void)mosq;
	push(ctx, EV_CONNACK, rc);
}

static void on_disconnect(struct mosquitto *mosq, void *ctx, int rc)
{
	int cause = rc == MOSQ_ERR_KEEPALIVE ? 0 : 1;

	(void)mosq;
	if (rc == MOSQ_ERR_ERRNO && errno == ECONNRESET)
		cause = 2;
	push(ctx, EV_CLOSED, cause);
}

static void on_publish(struct mosquitto *mosq, void *ctx, int mid)
{
	(void)mosq;
	push(ctx, EV_PUBLISHED, 0)->mid = mid;
}

static void on_subscribe(struct mosquitto *mosq, void *ctx, int mid, int n, const int *granted)
{
	(void)mosq;
	push(ctx, EV_TOPIC_DONE, n > 0 ? granted[0] : 0)->mid = mid;
}

static void on_unsubscribe(struct mosquitto *mosq, void *ctx, int mid)
{
	(void)mosq;
	push(ctx, EV_TOPIC_DONE, 0)->mid = mid;
}

static void on_message(struct mosquitto *mosq, void *ctx, const struct mosquitto_message *msg)
{
	struct ev *ev = push(ctx, EV_MESSAGE, 0);

	(void)mosq;
	ev->topic = strdup(msg->topic);
	ev->len = (size_t)msg->payloadlen;
	ev->payload = malloc(ev->len + 1);
	if (!ev->topic || !ev->payload)
		abort();
	if (ev->len)
		memcpy(ev->payload, msg->payload, ev->len);
}

/* ---- connections ---- */

static void drop_events(struct uplink *u, unsigned client)
{
	struct ev **p = &u->events;

	while (*p) {
		struct ev *ev = *p;

		if (ev->client != client) {
			p = &ev->next;
			continue;
		}
		*p = ev->next;
		free(ev->topic);
		free(ev->payload);
		free(ev);
	}
	u->tail = p;
}

/* Frees the client; its socket ends with a reset, unless it was closed in order. */
static void conn_close(struct conn *c)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };
	int fd = c->mosq ? mosquitto_socket(c->mosq) : -1;

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	mosquitto_destroy(c->mosq);
	c->mosq = NULL;
	if (c->tls_on)
		uplink_tls_close(&c->tls);
	c->tls_on = c->connected = c->tcp_up = false;
	c->op = OP_NONE;
	drop_events(c->u, c->client);
}

static const struct map *find_map(
    const struct uplink *u, const char *host, int port, bool *ret_known)
{
	*ret_known = false;
	for (size_t i = 0; i < u->nmap; i++) {
		if (strcmp(u->map[i].name, host) != 0)
			continue;
		*ret_known = true;
		if (u->map[i].name_port == port)
			return &u->map[i];
	}
	return NULL;
}

static int set_options(struct conn *c, const struct fake_connect *w)
{
	int version = w->mqtt_version == 4 ? MQTT_PROTOCOL_V311 : MQTT_PROTOCOL_V31;
	char topic[FAKE_TOPIC_MAX + 1];
	int rc = mosquitto_int_option(c->mosq, MOSQ_OPT_PROTOCOL_VERSION, version);

	if (!rc && w->user)
		rc = mosquitto_username_pw_set(c->mosq, w->user, w->password);
	if (!rc && w->will_topic.data) {
		snprintf(topic, sizeof topic, "%.*s", (int)w->will_topic.len,
		    (const char *)w->will_topic.data);
		rc = mosquitto_will_set(c->mosq, topic, (int)w->will_message.len,
		    w->will_message.data, w->will_qos, false);
	}
	if (!rc && c->tls_on)
		rc = mosquitto_int_option(c->mosq, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0);
	if (!rc && c->tls_on)
		rc = mosquitto_void_option(c->mosq, MOSQ_OPT_SSL_CTX, c->tls.ctx);
	return rc ? ERR_PARAM : 0;
}

static void set_callbacks(struct conn *c)
{
	mosquitto_connect_callback_set(c->mosq, on_connect);
	mosquitto_disconnect_callback_set(c->mosq, on_disconnect);
	mosquitto_publish_callback_set(c->mosq, on_publish);
	mosquitto_subscribe_callback_set(c->mosq, on_subscribe);
	mosquitto_unsubscribe_callback_set(c->mosq, on_unsubscribe);
	mosquitto_message_callback_set(c->mosq, on_message);
}

static void look_for_peer(struct conn *c)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof peer;

	if (!c->tcp_up)
		c->tcp_up =
		    getpeername(mosquitto_socket(c->mosq), (struct sockaddr *)&peer, &len) == 0;
}

/* Refused, or reset in the middle of a handshake: libmosquitto goes on trying then. */
static bool is_hung_up(const struct conn *c)
{
	struct pollfd fd = { .fd = mosquitto_socket(c->mosq) };

	return poll(&fd, 1, 0) == 1 && (fd.revents & (POLLERR | POLLHUP));
}

static int conn_open(struct conn *c, const struct fake_connect *w, const struct map *to)
{
	unsigned keepalive_s = w->keepalive_s < KEEPALIVE_MIN_S ? KEEPALIVE_MIN_S : w->keepalive_s;
	int err;

	if (w->tls.enabled) {
		if (uplink_tls_open(&c->tls, w->host, &w->tls, w->utc_s) < 0)
			return ERR_SSL_OPEN;
		c->tls_on = true;
		c->negotiate_s = w->tls.negotiate_s;
	}
	c->mosq = mosquitto_new(w->client_id, w->clean, c);
	if (!c->mosq)
		return ERR_PARAM;
	set_callbacks(c);
	err = set_options(c, w);
	if (err)
		return err;
	/* libmosquitto goes through the handshake in here when the peer is quick */
	if (mosquitto_connect_async(c->mosq, to->host, to->port, (int)keepalive_s) !=
	    MOSQ_ERR_SUCCESS)
		return c->tls_on && c->tls.started ? ERR_HANDSHAKE : ERR_CONNECT;
	look_for_peer(c);
	return 0;
}

static int up_connect(void *ctx, unsigned client, uint32_t handle, const struct fake_connect *w)
{
	struct uplink *u = ctx;
	struct conn *c = &u->conn[client];
	const struct map *to;
	bool known;
	int err;

	conn_close(c);
	to = find_map(u, w->host, w->port, &known);
	if (!to) {
		say(u, client, known ? "no such port mapped for" : "name is not mapped", w->host);
		return known ? ERR_CONNECT : ERR_DNS;
	}
	err = conn_open(c, w, to);
	if (err) {
		say(u, client, "cannot connect",
		    c->tls_on && c->tls.started ? c->tls.error : strerror(errno));
		conn_close(c);
		return err;
	}
	c->op = OP_CONNECT;
	c->handle = handle;
	c->connect_by = u->now + (c->tls_on ? c->negotiate_s * 1000ull : UINT32_MAX);
	return 0;
}

static int refused(int rc)
{
	switch (rc) {
	case MOSQ_ERR_SUCCESS:
		return 0;
	case MOSQ_ERR_INVAL:
	case MOSQ_ERR_MALFORMED_UTF8:
	case MOSQ_ERR_PAYLOAD_SIZE:
		return ERR_PACKET;
	default:
		return ERR_SEND;
	}
}

static int up_publish(void *ctx, unsigned client, uint32_t handle, const struct fake_publish *w)
{
	struct uplink *u = ctx;
	struct conn *c = &u->conn[client];
	char topic[FAKE_TOPIC_MAX + 1];
	int rc;

	if (!c->connected)
		return ERR_SEND;
	snprintf(topic, sizeof topic, "%.*s", (int)w->topic.len, (const char *)w->topic.data);
	c->op = OP_PUBLISH;
	c->handle = handle;
	c->nmids = 1;
	c->err = 0;
	rc = mosquitto_publish(
	    c->mosq, &c->mids[0], topic, (int)w->payload.len, w->payload.data, w->qos, w->retain);
	if (rc)
		c->op = OP_NONE;
	return refused(rc);
}

static int up_topics(struct uplink *u, unsigned client, uint32_t handle, const struct fake_topic *t,
    size_t n, bool sub)
{
	struct conn *c = &u->conn[client];
	char topic[FAKE_TOPIC_MAX + 1];
	int rc = MOSQ_ERR_SUCCESS;

	if (!c->connected)
		return ERR_SEND;
	c->op = OP_TOPICS;
	c->handle = handle;
	c->err = 0;
	for (c->nmids = 0; !rc && c->nmids < n && c->nmids < TOPICS; c->nmids++) {
		const struct fake_topic *at = &t[c->nmids];
		int *mid = &c->mids[c->nmids];

		snprintf(
		    topic, sizeof topic, "%.*s", (int)at->topic.len, (const char *)at->topic.data);
		rc = sub ? mosquitto_subscribe(c->mosq, mid, topic, at->qos)
			 : mosquitto_unsubscribe(c->mosq, mid, topic);
	}
	if (rc)
		c->op = OP_NONE;
	return refused(rc);
}

static int up_subscribe(
    void *ctx, unsigned client, uint32_t handle, const struct fake_topic *t, size_t n)
{
	return up_topics(ctx, client, handle, t, n, true);
}

static int up_unsubscribe(
    void *ctx, unsigned client, uint32_t handle, const struct fake_topic *t, size_t n)
{
	return up_topics(ctx, client, handle, t, n, false);
}

static int up_disconnect(void *ctx, unsigned client, uint32_t handle)
{
	struct uplink *u = ctx;
	struct conn *c = &u->conn[client];

	c->op = OP_DISCONNECT;
	c->handle = handle;
	if (!c->connected || mosquitto_disconnect(c->mosq) != MOSQ_ERR_SUCCESS)
		push(c, EV_CLOSED, 1);
	return 0;
}

static void up_abort(void *ctx, unsigned client)
{
	struct uplink *u = ctx;

	say(u, client, "connection dropped", "");
	conn_close(&u->conn[client]);
}

const struct fake_uplink_ops uplink_mosquitto_ops = { up_connect, up_publish, up_subscribe,
	up_unsubscribe, up_disconnect, up_abort };

/* ---- handing on ---- */

static void done(struct conn *c, int err)
{
	c->op = OP_NONE;
	fake_modem_up_done(c->u->m, c->u->now, c->client, c->handle, err);
}

static void end_connack(struct conn *c, int code)
{
	struct uplink *u = c->u;
	bool open = c->op == OP_CONNECT;

	if (!open)
		return;
	if (code == 0) {
		c->connected = true;
		done(c, 0);
		return;
	}
	say(u, c->client, "refused", mosquitto_connack_string(code));
	conn_close(c);
	done(c, code >= 1 && code <= 5 ? ERR_REFUSED + code : ERR_FAILED);
}

/* Why a connection ended before CONNACK. */
static int connect_error(struct conn *c)
{
	if (!c->tcp_up) {
		say(c->u, c->client, "no answer", "");
		return ERR_CONNECT;
	}
	if (c->tls_on && !c->tls.done) {
		say(c->u, c->client, "handshake failed", c->tls.error);
		return ERR_HANDSHAKE;
	}
	say(c->u, c->client, "closed before CONNACK", "");
	return ERR_CLOSED;
}

static void end_closed(struct conn *c, int cause)
{
	enum op op = c->op;
	int err;

	if (op == OP_CONNECT) {
		err = connect_error(c);
		conn_close(c);
		done(c, err);
	} else if (op == OP_DISCONNECT) {
		conn_close(c);
		done(c, 0);
	} else {
		say(c->u, c->client, "connection lost", "");
		conn_close(c);
		fake_modem_up_lost(c->u->m, c->u->now, c->client, cause);
	}
}

static void end_mid(struct conn *c, const struct ev *ev)
{
	bool open = false;

	if (c->op != (ev->kind == EV_PUBLISHED ? OP_PUBLISH : OP_TOPICS))
		return;
	for (size_t i = 0; i < c->nmids; i++) {
		if (c->mids[i] == ev->mid)
			c->mids[i] = 0;
		open |= c->mids[i] != 0;
	}
	if (ev->code == SUBACK_FAILED)
		c->err = ERR_FAILED;
	if (!open)
		done(c, c->err);
}

static void hand_on(struct uplink *u, struct ev *ev)
{
	struct conn *c = &u->conn[ev->client];

	switch (ev->kind) {
	case EV_CONNACK:
		end_connack(c, ev->code);
		break;
	case EV_CLOSED:
		end_closed(c, ev->code);
		break;
	case EV_PUBLISHED:
	case EV_TOPIC_DONE:
		end_mid(c, ev);
		break;
	case EV_MESSAGE:
		fake_modem_up_message(u->m, u->now, ev->client, (const uint8_t *)ev->topic,
		    strlen(ev->topic), ev->payload, ev->len);
		break;
	}
}

static bool has_events(const struct conn *c)
{
	for (const struct ev *ev = c->u->events; ev; ev = ev->next)
		if (ev->client == c->client)
			return true;
	return false;
}

static void move_bytes(struct conn *c)
{
	int rc;

	look_for_peer(c);
	rc = mosquitto_loop(c->mosq, 0, 1);
	/* failures before CONNACK are not always called back */
	if (c->op == OP_CONNECT && (rc != MOSQ_ERR_SUCCESS || is_hung_up(c)) && !has_events(c))
		push(c, EV_CLOSED, 1);
}

void uplink_step(struct uplink *u, uint64_t now)
{
	u->now = now;
	for (unsigned i = 0; i < FAKE_CLIENTS; i++) {
		struct conn *c = &u->conn[i];

		if (c->mosq)
			move_bytes(c);
		if (c->mosq && c->op == OP_CONNECT && c->tls_on && !c->tls.done &&
		    now >= c->connect_by) {
			say(u, i, "negotiation took too long", "");
			conn_close(c);
			done(c, ERR_HANDSHAKE);
		}
	}
	while (u->events) {
		struct ev *ev = u->events;

		u->events = ev->next;
		if (!u->events)
			u->tail = &u->events;
		hand_on(u, ev);
		free(ev->topic);
		free(ev->payload);
		free(ev);
	}
}

/* ---- set-up and polling ---- */

struct uplink *uplink_new(void)
{
	struct uplink *u;

	if (mosquitto_lib_init() != MOSQ_ERR_SUCCESS)
		return NULL;
	u = calloc(1, sizeof *u);
	if (!u)
		return NULL;
	u->tail = &u->events;
	for (unsigned i = 0; i < FAKE_CLIENTS; i++) {
		u->conn[i].u = u;
		u->conn[i].client = i;
	}
	return u;
}

void uplink_free(struct uplink *u)
{
	if (!u)
		return;
	for (unsigned i = 0; i < FAKE_CLIENTS; i++)
		conn_close(&u->conn[i]);
	free(u);
	mosquitto_lib_cleanup();
}

static int split_port(const char *s, size_t n, char *host, size_t size, int *ret_port)
{
	const char *colon = memchr(s, ':', n);
	char *end;
	long port;

	if (!colon || colon == s || (size_t)(colon - s) >= size)
		return -EINVAL;
	port = strtol(colon + 1, &end, 10);
	if (end != s + n || port < 1 || port > 65535)
		return -EINVAL;
	memcpy(host, s, (size_t)(colon - s));
	host[colon - s] = '\0';
	*ret_port = (int)port;
	return 0;
}

int uplink_map(struct uplink *u, const char *rule)
{
	const char *eq = strchr(rule, '=');
	struct map *m = &u->map[u->nmap];

	if (u->nmap == MAPS)
		return -ENOSPC;
	if (!eq ||
	    split_port(rule, (size_t)(eq - rule), m->name, sizeof m->name, &m->name_port) < 0 ||
	    split_port(eq + 1, strlen(eq + 1), m->host, sizeof m->host, &m->port) < 0)
		return -EINVAL;
	u->nmap++;
	return 0;
}

void uplink_set_modem(struct uplink *u, struct fake_modem *m)
{
	u->m = m;
}

void uplink_set_log(struct uplink *u, void (*log)(void *ctx, const char *text), void *ctx)
{
	u->log = log;
	u->log_ctx = ctx;
}

size_t uplink_poll(const struct uplink *u, struct pollfd *fds)
{
	size_t n = 0;

	for (unsigned i = 0; i < FAKE_CLIENTS; i++) {
		struct mosquitto *mosq = u->conn[i].mosq;
		int fd = mosq ? mosquitto_socket(mosq) : -1;

		if (fd < 0)
			continue;
		fds[n].fd = fd;
		fds[n].events = POLLIN;
		if (u->conn[i].connected && mosquitto_want_write(mosq))
			fds[n].events |= POLLOUT;
		n++;
	}
	return n;
}

int uplink_timeout(const struct uplink *u)
{
	int wait = -1;

	if (u->events)
		return 0;
	for (unsigned i = 0; i < FAKE_CLIENTS; i++) {
		if (!u->conn[i].mosq)
			continue;
		if (!u->conn[i]
			 .connected) /* handshakes are polled: libmosquitto tells little of them */
			return CONNECTING_WAIT_MS;
		wait = IDLE_WAIT_MS;
	}
	return wait;
}
