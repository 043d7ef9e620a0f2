/* SPDX-License-Identifier: Apache-2.0 */
#include "modem_world.h"

#include "base/timerq.h"
#include "text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- the broker ---- */

static void copy_text(char *to, size_t size, const void *text, size_t len)
{
	snprintf(to, size, "%.*s", (int)len, text ? (const char *)text : "");
}

/* The operation ends after a round trip, if it ends. */
static void begin(struct world *w, unsigned client, uint32_t handle, int err)
{
	struct world_broker *b = &w->broker[client];

	if (b->is_silent)
		return;
	b->pending = handle;
	b->pending_at_ms = w->now + b->round_trip_ms;
	b->pending_err = err;
}

static int up_connect(void *ctx, unsigned client, uint32_t handle, const struct fake_connect *what)
{
	struct world *w = ctx;
	struct world_broker *b = &w->broker[client];

	b->connects++;
	copy_text(b->host, sizeof b->host, what->host, strlen(what->host));
	b->port = what->port;
	b->has_tls = what->tls.enabled;
	b->tls_version = what->tls.version;
	b->authmode = what->tls.authmode;
	b->ignores_time = what->tls.ignore_local_time;
	b->sni = what->tls.sni;
	b->ca_len = what->tls.ca.len;
	b->cert_len = what->tls.cert.len;
	b->key_len = what->tls.key.len;
	b->mqtt_version = what->mqtt_version;
	copy_text(b->will_topic, sizeof b->will_topic, what->will_topic.data, what->will_topic.len);
	copy_text(b->user, sizeof b->user, what->user, what->user ? strlen(what->user) : 0);
	copy_text(b->password, sizeof b->password, what->password,
	    what->password ? strlen(what->password) : 0);
	b->is_up = b->connect_err == 0 && !b->is_silent;
	begin(w, client, handle, b->connect_err);
	return 0;
}

static int up_publish(void *ctx, unsigned client, uint32_t handle, const struct fake_publish *what)
{
	struct world *w = ctx;
	struct world_broker *b = &w->broker[client];

	begin(w, client, handle, 0);
	b->published++;
	b->topic_len = what->topic.len;
	memcpy(b->topic, what->topic.data, what->topic.len);
	b->payload_len = what->payload.len;
	if (what->payload.len > 0)
		memcpy(b->payload, what->payload.data, what->payload.len);
	b->qos = what->qos;
	b->retain = what->retain;
	b->dup = what->dup;
	return 0;
}

static int up_subscribe(
    void *ctx, unsigned client, uint32_t handle, const struct fake_topic *topics, size_t n)
{
	struct world *w = ctx;
	struct world_broker *b = &w->broker[client];
	size_t used;
	size_t i;

	begin(w, client, handle, 0);
	for (i = 0; i < n; i++) {
		used = strlen(b->filters);
		snprintf(b->filters + used, sizeof b->filters - used, "%.*s/%d ",
		    (int)topics[i].topic.len, (const char *)topics[i].topic.data, topics[i].qos);
	}
	b->subscribed += (unsigned)n;
	return 0;
}

static int up_unsubscribe(
    void *ctx, unsigned client, uint32_t handle, const struct fake_topic *topics, size_t n)
{
	struct world *w = ctx;

	(void)topics;
	begin(w, client, handle, 0);
	w->broker[client].unsubscribed += (unsigned)n;
	return 0;
}

static int up_disconnect(void *ctx, unsigned client, uint32_t handle)
{
	struct world *w = ctx;

	begin(w, client, handle, 0);
	w->broker[client].disconnects++;
	w->broker[client].is_up = false;
	return 0;
}

static void up_abort(void *ctx, unsigned client)
{
	struct world *w = ctx;

	w->broker[client].aborts++;
	w->broker[client].is_up = false;
	w->broker[client].pending = 0;
}

static const struct fake_uplink_ops uplink_ops = {
	.connect = up_connect,
	.publish = up_publish,
	.subscribe = up_subscribe,
	.unsubscribe = up_unsubscribe,
	.disconnect = up_disconnect,
	.abort = up_abort,
};

/* ---- the simulated modem's call backs ---- */

static void on_report(void *ctx, uint64_t now, const struct fake_report *report)
{
	struct world *w = ctx;

	if (report->kind == FAKE_REPORT_DURING_RX)
		w->during_rx++;
	/* A fence that is sent again behind answers that are very late. */
	if (report->kind == FAKE_REPORT_EARLY_COMMAND && w->has_random_faults)
		return;
	if (report->severity == FAKE_VIOLATION) {
		w->violations++;
		fprintf(stderr, "[%llu] violation: %s: %s\n", (unsigned long long)now,
		    fake_report_name(report->kind), report->text);
	}
}

static void on_trace(void *ctx, uint64_t now, char dir, const char *text)
{
	const struct world *w = ctx;

	if (w->prints)
		fprintf(stderr, "[%llu] %c %s\n", (unsigned long long)now, dir, text);
}

/* ---- what the module tells ---- */

static void append(char *to, size_t size, struct span text)
{
	size_t used = strlen(to);

	if (size - used > text.len + 1)
		snprintf(to + used, size - used, "%.*s\n", (int)text.len,
		    text.len > 0 ? (const char *)text.data : "");
}

static void keep_text(char *to, size_t size, struct span text)
{
	snprintf(to, size, "%.*s", (int)text.len, text.len > 0 ? (const char *)text.data : "");
}

static void on_inbound(struct world *w, const struct modem_event *ev)
{
	w->inbound[ev->client]++;
	memcpy(w->topic, ev->topic.data, ev->topic.len);
	w->topic_len = ev->topic.len;
	if (ev->payload.len > 0)
		memcpy(w->payload, ev->payload.data, ev->payload.len);
	w->payload_len = ev->payload.len;
}

static void on_write(struct world *w)
{
	struct buf *tx = modem_tx(w->m);
	size_t len = buf_len(tx);

	if (w->has_port)
		fake_modem_rx(w->fake, w->now, buf_data(tx), len);
	buf_consume(tx, len);
}

static void on_line(struct world *w, const struct modem_event *ev)
{
	w->has_rtscts = ev->rtscts;
	w->hang_ups += ev->is_hung_up;
	w->is_hung_up = ev->is_hung_up;
	if (!w->ignores_speed)
		fake_modem_host_line(w->fake, w->now, ev->baud);
}

static void on_event(struct world *w, const struct modem_event *ev)
{
	if (w->prints && ev->type != MODEM_EVENT_TTY_WRITE && ev->type != MODEM_EVENT_TRACE)
		fprintf(stderr, "[%llu] event %d client %u %d>%d err %u: %.*s\n",
		    (unsigned long long)w->now, (int)ev->type, ev->client, ev->from, ev->to,
		    ev->err, (int)ev->text.len, (const char *)ev->text.data);
	switch (ev->type) {
	case MODEM_EVENT_TTY_WRITE:
		on_write(w);
		break;
	case MODEM_EVENT_TTY_REOPEN:
		w->reopens_asked++;
		if (w->reopens)
			modem_tty_up(w->m, w->now);
		break;
	case MODEM_EVENT_TTY_LINE:
		on_line(w, ev);
		break;
	case MODEM_EVENT_PIN_NOTE:
		keep_text(w->pin_note, sizeof w->pin_note, ev->text);
		break;
	case MODEM_EVENT_POWER_HOOK:
		w->power_hooks++;
		fake_modem_power(w->fake, w->now, false);
		fake_modem_power(w->fake, w->now, true);
		break;
	case MODEM_EVENT_HELD:
		keep_text(w->held[ev->client], sizeof w->held[0], ev->text);
		break;
	case MODEM_EVENT_USB_REBIND:
		w->rebinds++;
		break;
	case MODEM_EVENT_SESSION:
		if (ev->to == SESSION_ONLINE)
			w->went_online[ev->client]++;
		break;
	case MODEM_EVENT_INBOUND:
		on_inbound(w, ev);
		break;
	case MODEM_EVENT_INBOUND_LOST:
		w->lost[ev->client]++;
		break;
	case MODEM_EVENT_PUBLISHED:
		w->results[ev->client]++;
		w->result[ev->client] = ev->result;
		w->err[ev->client] = ev->err;
		break;
	case MODEM_EVENT_AT_LINE:
		append(w->at_lines, sizeof w->at_lines, ev->text);
		break;
	case MODEM_EVENT_AT_DONE:
		w->at_dones++;
		w->at_result = ev->at_result;
		break;
	case MODEM_EVENT_TRACE:
		append(w->traces, sizeof w->traces, ev->text);
		break;
	case MODEM_EVENT_NOTICE:
		w->notices[ev->notice]++;
		break;
	case MODEM_EVENT_STOPPED:
		w->stopped++;
		break;
	case MODEM_EVENT_STATE:
		break;
	}
}

/* ---- time ---- */

static void drain_module(struct world *w)
{
	struct modem_event ev;

	while (modem_next_event(w->m, w->now, &ev))
		on_event(w, &ev);
}

/* Bytes of the modem to the module, at most a chunk; false: none. */
static bool carry_bytes(struct world *w)
{
	uint8_t bytes[4096];
	const uint8_t *out;
	size_t len = fake_modem_out(w->fake, w->now, &out);

	if (len == 0)
		return false;
	if (len > w->chunk)
		len = w->chunk;
	memcpy(bytes, out, len);
	fake_modem_out_consume(w->fake, len);
	if (w->has_port)
		modem_rx(w->m, w->now, bytes, len);
	drain_module(w);
	return true;
}

static void end_operations(struct world *w)
{
	struct world_broker *b;
	uint32_t handle;
	unsigned i;

	for (i = 0; i < MODEM_CLIENTS; i++) {
		b = &w->broker[i];
		if (b->pending == 0 || w->now < b->pending_at_ms)
			continue;
		handle = b->pending;
		b->pending = 0;
		fake_modem_up_done(w->fake, w->now, i, handle, b->pending_err);
	}
}

static uint64_t next_time(const struct world *w)
{
	uint64_t due = timer_min(modem_deadline(w->m), fake_modem_deadline(w->fake));
	unsigned i;

	for (i = 0; i < MODEM_CLIENTS; i++)
		if (w->broker[i].pending != 0)
			due = timer_min(due, w->broker[i].pending_at_ms);
	return due;
}

bool world_run_until(struct world *w, bool (*is_so)(struct world *), uint64_t limit_ms)
{
	uint64_t end = w->now + limit_ms;
	uint64_t due;
	unsigned same = 0;

	for (;;) {
		fake_modem_tick(w->fake, w->now);
		end_operations(w);
		drain_module(w);
		while (carry_bytes(w))
			;
		if (is_so && is_so(w))
			return true;
		/* Whatever it waits for, it does not wait for ever. */
		if (w->stopped == 0 && modem_deadline(w->m) > w->now + RECOVERY_HOUR_MS) {
			fprintf(stderr, "no deadline at %llu in state %s\n",
			    (unsigned long long)w->now,
			    modem_state_name(modem_get_status(w->m)->state));
			abort();
		}
		due = next_time(w);
		if (due > end) {
			w->now = end;
			return false;
		}
		/* A module that wants to be called again at once for ever does not wait. */
		same = due <= w->now ? same + 1 : 0;
		if (same > 1000) {
			fprintf(stderr, "time stands still at %llu\n", (unsigned long long)w->now);
			abort();
		}
		w->now = due > w->now ? due : w->now;
	}
}

void world_run(struct world *w, uint64_t ms)
{
	(void)world_run_until(w, NULL, ms);
}

/* ---- begin and end ---- */

void world_init(struct world *w)
{
	unsigned i;

	memset(w, 0, sizeof *w);
	w->now = 1000;
	w->has_port = true;
	w->reopens = true;
	w->chunk = 4096;
	w->prints = getenv("WORLD_PRINTS") != NULL;
	for (i = 0; i < MODEM_CLIENTS; i++)
		w->broker[i].round_trip_ms = 50;
	fake_modem_cfg_init(&w->fake_cfg);
	w->fake_cfg.report = on_report;
	w->fake_cfg.trace = on_trace;
	w->fake_cfg.ctx = w;
	w->m = modem_new(7);
}

void world_start(struct world *w)
{
	w->fake = fake_modem_new(&w->fake_cfg, w->now, &uplink_ops, w);
	modem_tty_up(w->m, w->now);
}

struct broker_config world_broker(const char *name)
{
	return (struct broker_config){
		.name = name,
		.host = "broker.example.com",
		.port = 1883,
		.client_id = "gateway-17",
		.keepalive_s = 60,
		.reconnect_min_ms = 1000,
		.reconnect_max_ms = 300000,
	};
}

struct broker_config world_full_broker(const char *name)
{
	static const struct filter_config filters[] = { { "site/17/cmd/#", 1 }, { "news", 0 } };
	struct broker_config cfg = world_broker(name);

	cfg.username = "gw17";
	cfg.password = "broker-secret";
	cfg.will =
	    (struct message_config){ .topic = "gw/17/state", .payload = TEXT("offline"), .qos = 1 };
	cfg.birth =
	    (struct message_config){ .topic = "gw/17/state", .payload = TEXT("online"), .qos = 1 };
	cfg.filters = filters;
	cfg.filter_count = 2;
	return cfg;
}

void world_go_online(struct world *w, uint64_t limit_ms)
{
	world_start(w);
	assert_true(world_run_until(w, world_both_online, limit_ms));
}

void world_add_fault(struct world *w, const char *text)
{
	struct fake_fault fault;

	assert_int_equal(fake_fault_parse(text, &fault), 0);
	fake_modem_add_fault(w->fake, &fault);
}

unsigned world_count_traced(const struct world *w, const char *text)
{
	const char *at = w->traces;
	unsigned n = 0;

	while ((at = strstr(at, text))) {
		n++;
		at += strlen(text);
	}
	return n;
}

void world_restart_daemon(struct world *w)
{
	drain_module(w);
	modem_free(w->m);
	w->m = modem_new(8);
	modem_set_pin_note(w->m, w->pin_note);
}

void world_free(struct world *w)
{
	modem_free(w->m);
	fake_modem_free(w->fake);
}

bool world_both_online(struct world *w)
{
	unsigned i;

	for (i = 0; i < MODEM_CLIENTS; i++)
		if (modem_get_session(w->m, i)->state != SESSION_ONLINE)
			return false;
	return true;
}
