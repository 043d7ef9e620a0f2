/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/fake_broker.h"

#include "bridge/gap.h"
#include "mqtt/mqtt_topic.h"
#include "sim/world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers of the modem's error table (AT manual 16.3.1). */
enum {
	ERR_SOCKET_CONNECT = 3,
	ERR_RECEIVE = 6,
	ERR_CLOSED = 26,
	ERR_BAD_VERSION = 27,
	ERR_BAD_ID = 28,
	ERR_BAD_USER = 30,
	ERR_HANDSHAKE = 32,
};

enum { CAUSE_CLOSED = 1, CAUSE_RESET = 2 };

static uint64_t one_way(struct fake_broker *b)
{
	const struct sim_params *p = &b->world->p;

	return p->broker_ms + prng_range(&b->world->rng, 0, p->broker_jitter_ms);
}

static struct broker_event *add_event(
    struct fake_broker *b, enum broker_event_kind kind, uint64_t delay_ms)
{
	struct broker_event *ev = &b->events[b->event_count];

	assert(b->event_count < BROKER_EVENTS_MAX);
	b->event_count++;
	*ev = (struct broker_event){
		.kind = kind, .due_ms = b->world->now_ms + delay_ms, .serial = b->serial
	};
	return ev;
}

static void remove_event(struct fake_broker *b, size_t i)
{
	free(b->events[i].bytes);
	b->event_count--;
	/* the order among those due at the same moment must stay */
	memmove(&b->events[i], &b->events[i + 1], (b->event_count - i) * sizeof(b->events[0]));
}

static void end_later(struct fake_broker *b, uint32_t handle, int err, uint64_t delay_ms)
{
	struct broker_event *ev = add_event(b, BROKER_DONE, delay_ms);

	ev->handle = handle;
	ev->err = err;
}

/* The connection ended; what was on its way is lost, or not. */
static void drop_connection(struct fake_broker *b, bool is_orderly)
{
	for (size_t i = b->event_count; i-- > 0;) {
		bool is_lucky =
		    b->events[i].kind == BROKER_ARRIVAL && prng_chance(&b->world->rng, 500);

		if (!is_lucky)
			remove_event(b, i);
	}
	if (b->is_connected && b->has_will && !is_orderly)
		b->wills++;
	b->is_connected = false;
	if (b->is_clean) {
		b->filter_count = 0;
		b->missed_count = 0;
	}
}

/* ---- what the modem asks for ---- */

static bool is_same(struct fake_blob blob, struct span want)
{
	return blob.data && blob.len == want.len && memcmp(blob.data, want.data, want.len) == 0;
}

/* 0, or the error by which the handshake ends; what would be a hole in security is wrong. */
static int check_tls(struct fake_broker *b, const struct fake_tls *t)
{
	const struct broker_config *want = &b->world->config[0].core.brokers[b->index].link;

	if (t->enabled != want->is_tls)
		return ERR_CLOSED;
	if (!want->is_tls)
		return 0;
	if (t->authmode != (want->tls.cert.len > 0 ? 2 : 1) || t->version != 3 || !t->sni)
		world_wrong(b->world, "TLS to broker %u with authmode %d, version %d, SNI %d",
		    b->index, t->authmode, t->version, t->sni);
	/* During a rotation its certificate is signed by both. */
	if (!is_same(t->ca, want->tls.ca) &&
	    !is_same(t->ca, b->world->config[1].core.brokers[b->index].link.tls.ca))
		return ERR_HANDSHAKE;
	if (want->tls.cert.len > 0 &&
	    (!is_same(t->cert, want->tls.cert) || !is_same(t->key, want->tls.key)))
		return ERR_HANDSHAKE;
	return 0;
}

static int check_connect(struct fake_broker *b, const struct fake_connect *what)
{
	const struct broker_config *want = &b->world->config[0].core.brokers[b->index].link;
	int err;

	if (b->is_down || strcmp(what->host, want->host) != 0 || what->port != want->port)
		return ERR_SOCKET_CONNECT;
	err = check_tls(b, &what->tls);
	if (err)
		return err;
	if (b->refusal)
		return b->refusal;
	if (what->mqtt_version != 4)
		return ERR_BAD_VERSION;
	if (strcmp(what->client_id, want->client_id) != 0)
		return ERR_BAD_ID;
	if (!text_equal(what->user, want->username) || !text_equal(what->password, want->password))
		return ERR_BAD_USER;
	return 0;
}

static void send_down(struct fake_broker *b, unsigned number)
{
	struct broker_event *ev = add_event(b, BROKER_DELIVER, one_way(b));

	ev->number = number;
	if (ev->due_ms < b->busy_until_ms)
		ev->due_ms = b->busy_until_ms;
	b->busy_until_ms = ev->due_ms;
}

/* Behind CONNACK comes what a persistent session missed. */
static void resume_session(struct fake_broker *b)
{
	for (size_t i = 0; i < b->missed_count; i++)
		send_down(b, b->missed[i]);
	b->missed_count = 0;
}

static int on_connect(void *ctx, unsigned client, uint32_t handle, const struct fake_connect *what)
{
	struct world *w = ctx;
	struct fake_broker *b = &w->brokers[client];
	int err = check_connect(b, what);
	uint64_t answer_ms = one_way(b) + one_way(b);

	drop_connection(b, false); /* a second connection with the same identifier takes over */
	b->serial++;
	b->busy_until_ms = w->now_ms + answer_ms + 1;
	if (!b->is_mute)
		end_later(b, handle, err, answer_ms);
	if (err) {
		world_note(w, "broker %u will refuse: %d", client, err);
		return 0;
	}
	b->is_connected = true;
	b->is_clean = what->clean;
	b->has_will = what->will_topic.data != NULL;
	if (w->p.has_will != b->has_will)
		world_wrong(w, "broker %u was connected to %s will", client,
		    b->has_will ? "with a" : "without its");
	b->connects++;
	if (b->is_clean) {
		b->filter_count = 0;
		b->missed_count = 0;
	}
	resume_session(b);
	return 0;
}

static bool begins_with(struct fake_blob blob, const char *text)
{
	return blob.len >= strlen(text) && memcmp(blob.data, text, strlen(text)) == 0;
}

/* Brokers that forbid a topic say so by closing the connection. */
static void hang_up(struct fake_broker *b, uint32_t handle)
{
	struct broker_event *ev;

	b->hang_ups++;
	end_later(b, handle, ERR_RECEIVE, one_way(b));
	ev = add_event(b, BROKER_LOST, one_way(b) + 300);
	ev->err = CAUSE_CLOSED;
}

static void copy_message(struct broker_event *ev, const struct fake_publish *what)
{
	ev->topic_len = what->topic.len;
	ev->payload_len = what->payload.len;
	ev->bytes = malloc(ev->topic_len + ev->payload_len + 1);
	assert(ev->bytes);
	memcpy(ev->bytes, what->topic.data, ev->topic_len);
	if (ev->payload_len > 0)
		memcpy(ev->bytes + ev->topic_len, what->payload.data, ev->payload_len);
}

static int on_publish(void *ctx, unsigned client, uint32_t handle, const struct fake_publish *what)
{
	struct world *w = ctx;
	struct fake_broker *b = &w->brokers[client];
	struct broker_event *ev;
	uint64_t there, back = one_way(b);

	if (begins_with(what->topic, "forbid/")) {
		hang_up(b, handle);
		return 0;
	}
	there = one_way(b);
	ev = add_event(b, BROKER_ARRIVAL, there);
	if (ev->due_ms < b->busy_until_ms)
		ev->due_ms = b->busy_until_ms;
	b->busy_until_ms = ev->due_ms;
	copy_message(ev, what);
	if (what->qos == 0)
		end_later(b, handle, 0, 0);
	else if (!b->is_mute)
		end_later(b, handle, 0, ev->due_ms - w->now_ms + back);
	return 0;
}

static void set_filter(struct fake_broker *b, const struct fake_topic *t)
{
	struct broker_filter *f = NULL;

	if (t->topic.len >= BROKER_FILTER_LEN_MAX) {
		world_wrong(
		    b->world, "broker %u got a filter of %zu bytes", b->index, t->topic.len);
		return;
	}
	for (size_t i = 0; i < b->filter_count; i++) {
		if (strlen(b->filters[i].text) == t->topic.len &&
		    memcmp(b->filters[i].text, t->topic.data, t->topic.len) == 0)
			f = &b->filters[i];
	}
	if (!f) {
		assert(b->filter_count < BROKER_FILTERS_MAX);
		f = &b->filters[b->filter_count++];
	}
	memcpy(f->text, t->topic.data, t->topic.len);
	f->text[t->topic.len] = '\0';
	f->qos = t->qos;
}

static int on_subscribe(
    void *ctx, unsigned client, uint32_t handle, const struct fake_topic *topics, size_t n)
{
	struct fake_broker *b = &((struct world *)ctx)->brokers[client];

	for (size_t i = 0; i < n; i++)
		set_filter(b, &topics[i]);
	if (!b->is_mute)
		end_later(b, handle, 0, one_way(b) + one_way(b));
	return 0;
}

static int on_unsubscribe(
    void *ctx, unsigned client, uint32_t handle, const struct fake_topic *topics, size_t n)
{
	struct fake_broker *b = &((struct world *)ctx)->brokers[client];

	for (size_t i = 0; i < n; i++) {
		for (size_t k = b->filter_count; k-- > 0;) {
			if (strlen(b->filters[k].text) == topics[i].topic.len &&
			    memcmp(b->filters[k].text, topics[i].topic.data, topics[i].topic.len) ==
				0)
				b->filters[k] = b->filters[--b->filter_count];
		}
	}
	if (!b->is_mute)
		end_later(b, handle, 0, one_way(b) + one_way(b));
	return 0;
}

static bool is_topic(struct span topic, const char *name)
{
	return topic.len == strlen(name) && memcmp(topic.data, name, topic.len) == 0;
}

/* Reports are few; what they say is for invariants.c. */
static void on_gap(struct fake_broker *b, struct span payload)
{
	static const char member[] = "\"count\":";
	uint64_t now_ms = b->world->now_ms;
	char text[512] = "";
	const char *count;

	memcpy(text, payload.data, payload.len < sizeof(text) ? payload.len : sizeof(text) - 1);
	count = strstr(text, member);

	/* One that was sent again may catch up with itself. */
	if (b->reports > 0 && now_ms - b->gap_ms < GAP_PAUSE_MS / 2 &&
	    b->world->p.level == SIM_CALM)
		world_wrong(b->world, "reports on gaps come too fast");
	b->reports++;
	b->gap_ms = now_ms;
	if (!count)
		world_wrong(b->world, "a report on a gap that says nothing");
	else
		b->gaps += strtoull(count + strlen(member), NULL, 10);
}

static void on_arrival(struct fake_broker *b, const struct broker_event *ev)
{
	struct span topic = { ev->bytes, ev->topic_len };
	struct span payload = { ev->bytes + ev->topic_len, ev->payload_len };

	if (is_topic(topic, "gw/state")) {
		b->births++;
		return;
	}
	if (is_topic(topic, SIM_GAP_TOPIC) && b->world->p.has_gap_topic) {
		on_gap(b, payload);
		return;
	}
	world_hash(b->world, ev->bytes, ev->topic_len + ev->payload_len);
	ledger_arrived(b->world, b->index, topic, payload);
	/* The echo of what we subscribed to ourselves. */
	for (size_t i = 0; i < b->filter_count && b->is_connected; i++) {
		struct message *m = ledger_find(b->world, topic, payload);

		if (m && mqtt_topic_matches(b->filters[i].text, strlen(b->filters[i].text),
			     (const char *)topic.data, topic.len)) {
			fake_broker_publish(b, b->world->now_ms, m->number);
			break;
		}
	}
}

/* What was sent before DISCONNECT arrives before it. */
static void take_arrivals(struct fake_broker *b)
{
	for (size_t i = 0; i < b->event_count;) {
		struct broker_event ev = b->events[i];

		if (ev.kind != BROKER_ARRIVAL) {
			i++;
			continue;
		}
		b->events[i].bytes = NULL;
		remove_event(b, i);
		on_arrival(b, &ev);
		free(ev.bytes);
	}
}

static int on_disconnect(void *ctx, unsigned client, uint32_t handle)
{
	struct fake_broker *b = &((struct world *)ctx)->brokers[client];

	if (b->is_connected)
		b->disconnects++;
	take_arrivals(b);
	drop_connection(b, true);
	end_later(b, handle, 0, one_way(b));
	return 0;
}

static void on_abort(void *ctx, unsigned client)
{
	drop_connection(&((struct world *)ctx)->brokers[client], false);
}

const struct fake_uplink_ops fake_broker_ops = {
	.connect = on_connect,
	.publish = on_publish,
	.subscribe = on_subscribe,
	.unsubscribe = on_unsubscribe,
	.disconnect = on_disconnect,
	.abort = on_abort,
};

/* ---- time passes ---- */

void fake_broker_init(struct fake_broker *b, struct world *w, unsigned index)
{
	*b = (struct fake_broker){ .world = w, .index = index, .is_clean = true };
}

void fake_broker_fini(struct fake_broker *b)
{
	while (b->event_count > 0)
		remove_event(b, 0);
}

uint64_t fake_broker_deadline(const struct fake_broker *b)
{
	uint64_t due = UINT64_MAX;

	for (size_t i = 0; i < b->event_count; i++) {
		if (b->events[i].due_ms < due)
			due = b->events[i].due_ms;
	}
	return due;
}

static void deliver(struct fake_broker *b, unsigned number)
{
	struct message *m = &b->world->ledger.messages[number - 1];
	uint8_t body[SIM_PAYLOAD_MAX];
	char topic[LEDGER_TOPIC_MAX];

	ledger_topic(m, (int)b->index, topic);
	ledger_body(b->world, m, body);
	if (ledger_is_from_broker(m))
		m->sends++;
	b->world->handed_down[b->index]++;
	fake_modem_up_message(b->world->modem, b->world->now_ms, b->index, (const uint8_t *)topic,
	    strlen(topic), body, m->len);
}

static void run_event(struct fake_broker *b, struct broker_event *ev)
{
	struct world *w = b->world;

	switch (ev->kind) {
	case BROKER_DONE:
		fake_modem_up_done(w->modem, w->now_ms, b->index, ev->handle, ev->err);
		break;
	case BROKER_ARRIVAL:
		on_arrival(b, ev);
		break;
	case BROKER_LOST:
		drop_connection(b, false);
		fake_modem_up_lost(w->modem, w->now_ms, b->index, ev->err);
		break;
	case BROKER_DELIVER:
		deliver(b, ev->number);
		break;
	}
}

bool fake_broker_run(struct fake_broker *b, uint64_t now_ms)
{
	bool any = false;

	for (;;) {
		struct broker_event ev;
		size_t first = b->event_count;

		for (size_t i = 0; i < b->event_count; i++) {
			if (b->events[i].due_ms <= now_ms &&
			    (first == b->event_count ||
				b->events[i].due_ms < b->events[first].due_ms))
				first = i;
		}
		if (first == b->event_count)
			return any;
		ev = b->events[first];
		b->events[first].bytes = NULL;
		remove_event(b, first);
		run_event(b, &ev);
		free(ev.bytes);
		any = true;
	}
}

void fake_broker_publish(struct fake_broker *b, uint64_t now_ms, unsigned number)
{
	const struct message *m = &b->world->ledger.messages[number - 1];
	char topic[LEDGER_TOPIC_MAX];

	(void)now_ms;
	ledger_topic(m, (int)b->index, topic);
	for (size_t i = 0; i < b->filter_count; i++) {
		if (!mqtt_topic_matches(
			b->filters[i].text, strlen(b->filters[i].text), topic, strlen(topic)))
			continue;
		if (b->is_connected && b->event_count < BROKER_EVENTS_MAX / 2)
			send_down(b, number);
		else if (!b->is_connected && b->missed_count < BROKER_MISSED_MAX)
			b->missed[b->missed_count++] = number;
		return;
	}
}

void fake_broker_set_down(struct fake_broker *b, uint64_t now_ms, bool is_down)
{
	(void)now_ms;
	b->is_down = is_down;
	if (is_down && b->is_connected)
		add_event(b, BROKER_LOST, 0)->err = CAUSE_RESET;
}

bool fake_broker_has_filter(const struct fake_broker *b, const char *filter)
{
	for (size_t i = 0; i < b->filter_count; i++) {
		if (strcmp(b->filters[i].text, filter) == 0)
			return true;
	}
	return false;
}
