/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message comes in. Everything that can refuse or hold it happens before anything is changed, so
 * that a held message can be offered again as if for the first time.
 */
#include "bridge/core_priv.h"

#include "mqtt/mqtt_topic.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Where one message is to go. */
struct plan {
	struct routed routed[MODEM_CLIENTS];
	bool is_wanted[MODEM_CLIENTS];
	uint8_t qos[MODEM_CLIENTS];          /* the lower of the message's and the route's */
	uint64_t old_durable[MODEM_CLIENTS]; /* superseded by it, 0: none */
	uint64_t old_memory[MODEM_CLIENTS];
	int64_t expires_ms;     /* of the message itself, by the store's clock; 0: never */
	struct mqtt_msg *local; /* for local clients as well; NULL: it is not */
	bool is_promised;       /* it will be acknowledged, so that it must be durable first */
	bool may_refuse;        /* who sent it can be told that there is no place for it */
	uint64_t seq;           /* number under which brokers get it, 0: none does */
	uint64_t local_seq;     /* the same of local sessions and what is retained */
};

static void plan_init(struct plan *p, uint8_t qos)
{
	p->expires_ms = 0;
	p->local = NULL;
	p->is_promised = qos > 0;
	p->may_refuse = false;
	p->seq = 0;
	p->local_seq = 0;
}

static void make_plan(struct core *c, struct span topic, uint8_t qos, int not_to, struct plan *p)
{
	plan_init(p, qos);
	for (unsigned i = 0; i < c->cfg->broker_count; i++) {
		p->is_wanted[i] =
		    (int)i != not_to && router_out(&c->cfg->brokers[i], topic, &p->routed[i]);
		if (p->is_wanted[i])
			p->qos[i] = qos < p->routed[i].route->qos ? qos : p->routed[i].route->qos;
	}
}

bool core_fits_modem(const struct core *c, size_t topic_len, size_t payload_len)
{
	return topic_len >= 1 && topic_len <= MODEM_TOPIC_MAX &&
	       payload_len <= modem_payload_max(c->modem);
}

/* The end of its ttl, or of its own time if that comes first. */
static int64_t expiry_of(const struct core *c, const struct route_config *route, int64_t expires_ms)
{
	int64_t ttl_ms = core_store_time(c) + (int64_t)route->ttl_s * 1000;

	if (route->ttl_s == 0 || (expires_ms != 0 && expires_ms < ttl_ms))
		return expires_ms;
	return ttl_ms;
}

static struct store_target target_of(
    struct core *c, unsigned client, const struct plan *p, bool retain)
{
	const struct route_config *route = p->routed[client].route;

	return (struct store_target){
		.queue = c->outbox[client].durable_queue,
		.topic = span_of(p->routed[client].topic, p->routed[client].topic_len),
		.qos = p->qos[client],
		.priority = route->priority,
		.retain = retain,
		.keep_last = route->keep_last,
		.expires_ms = expiry_of(c, route, p->expires_ms),
	};
}

/* keep_last: what waits under the same topic will be superseded, unless it is in flight. */
static void find_superseded(struct core *c, struct plan *p)
{
	for (unsigned i = 0; i < c->cfg->broker_count; i++) {
		struct outbox *o = &c->outbox[i];
		struct span topic = span_of(p->routed[i].topic, p->routed[i].topic_len);

		p->old_durable[i] = 0;
		p->old_memory[i] = 0;
		if (!p->is_wanted[i] || !p->routed[i].route->keep_last)
			continue;
		o->durable->ops->find_topic(
		    o->durable, o->durable_queue, topic, &p->old_durable[i]);
		o->memory->ops->find_topic(o->memory, o->memory_queue, topic, &p->old_memory[i]);
	}
}

static void supersede(struct core *c, unsigned client, struct store *s, unsigned queue,
    uint64_t seq, struct span topic)
{
	struct outbox *o = &c->outbox[client];

	if (seq == 0 || outbox_is_in_flight(o, seq) || s->ops->remove(s, queue, seq) < 0)
		return;
	if (s == o->durable)
		core_defer_commit(c);
	core_count_drop(c, client, DROP_SUPERSEDED, topic);
	core_note_removed(c, client, seq, 0, "superseded by a newer message");
}

/* Only after the newer message was queued: a held one supersedes nothing. */
static void drop_superseded(struct core *c, const struct plan *p)
{
	for (unsigned i = 0; i < c->cfg->broker_count; i++) {
		struct outbox *o = &c->outbox[i];
		struct span topic = span_of(p->routed[i].topic, p->routed[i].topic_len);

		supersede(c, i, o->durable, o->durable_queue, p->old_durable[i], topic);
		supersede(c, i, o->memory, o->memory_queue, p->old_memory[i], topic);
	}
}

/* The message goes to the store as a dead letter right away: MQTT 3.1.1 cannot refuse it. */
static void bury_too_large(struct core *c, unsigned client, uint64_t seq, struct span topic)
{
	const struct store_ops *ops = c->store->ops;
	char reason[80];

	snprintf(reason, sizeof(reason), "over the modem's limits (topic %u, payload %zu bytes)",
	    MODEM_TOPIC_MAX, modem_payload_max(c->modem));
	if (ops->bury(c->store, c->outbox[client].durable_queue, seq, reason) < 0)
		return;
	core_count_dead(c, client, reason, topic, 0);
	core_note_removed(c, client, seq, 0, reason);
}

/* What is left to do for one broker when the durable part is in the store. */
static void settle_target(struct core *c, unsigned client, const struct plan *p, uint64_t seq,
    struct span payload, bool retain)
{
	struct store_target target = target_of(c, client, p, retain);
	bool fits = core_fits_modem(c, p->routed[client].topic_len, payload.len);

	if (p->qos[client] > 0 && !fits)
		bury_too_large(c, client, seq, target.topic);
	else if (p->qos[client] == 0 && !fits)
		core_count_drop(c, client, DROP_TOO_LARGE, target.topic);
	else if (p->qos[client] == 0)
		core_add_memory(c, client, seq, payload, &target);
}

/* The store will not have it, and to wait does not help: it is dropped where it was to be kept. */
static void give_up(struct core *c, struct plan *p, enum drop_reason reason)
{
	for (unsigned i = 0; i < c->cfg->broker_count; i++) {
		if (!p->is_wanted[i] || p->qos[i] == 0)
			continue;
		core_count_drop(c, i, reason, span_of(p->routed[i].topic, p->routed[i].topic_len));
		p->is_wanted[i] = false;
		p->old_durable[i] = 0;
		p->old_memory[i] = 0;
	}
}

/* Everything of the plan that is to be on disk: queues of brokers, of local sessions, what is
 * retained. 0 or an error as core_add_durable: then nothing was. */
static int enqueue_durable(
    struct core *c, struct plan *p, uint64_t seq, struct span payload, bool retain)
{
	struct core_addition a = { .seq = seq, .payload = payload };
	struct mqtt_clocks clocks = core_clocks(c);
	int r;

	for (unsigned i = 0; i < c->cfg->broker_count; i++) {
		if (p->is_wanted[i] && p->qos[i] > 0)
			c->targets[a.brokers++] = target_of(c, i, p, retain);
	}
	if (p->local)
		a.locals =
		    mqtt_server_targets(c->server, &clocks, p->local, c->targets + a.brokers);
	if (a.brokers + a.locals == 0)
		return 0;
	r = core_add_durable(c, &a, p->is_promised);
	if ((r == -E2BIG || r == -ENOBUFS) && !p->may_refuse)
		give_up(c, p, r == -E2BIG ? DROP_TOO_LARGE : DROP_FULL);
	else if (r < 0)
		return r;
	p->local_seq = r == 0 && a.locals > 0 ? seq : 0;
	return 0;
}

/* The local server puts messages into the store, too. */
static uint64_t next_seq(const struct core *c)
{
	uint64_t stored = c->store->ops->last_seq(c->store);

	return (stored > c->last_seq ? stored : c->last_seq) + 1;
}

/* Put the message into the queues of the plan, less those that it was given up for: which happens
 * only if it may not be refused. 0, or an error as core_add_durable: then nothing was queued. */
static int enqueue(struct core *c, struct plan *p, struct span payload, bool retain)
{
	uint64_t seq = next_seq(c);
	int r;

	find_superseded(c, p);
	r = enqueue_durable(c, p, seq, payload, retain);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < c->cfg->broker_count; i++) {
		if (!p->is_wanted[i])
			continue;
		settle_target(c, i, p, seq, payload, retain);
		p->seq = seq;
	}
	drop_superseded(c, p);
	if (p->seq || p->local_seq)
		c->last_seq = seq;
	return 0;
}

static struct span msg_topic(const struct mqtt_msg *m)
{
	return span_of(mqtt_msg_topic(m), m->topic_len);
}

static struct span msg_payload(const struct mqtt_msg *m)
{
	return (struct span){ mqtt_msg_payload(m), m->payload_len };
}

static void deliver_locally(struct core *c, int broker, const struct plan *p)
{
	struct mqtt_msg *m = p->local;

	mqtt_server_publish_stored(c->server, c->now_ms, m, p->local_seq);
	ctl_on_message(c->ctl, c->now_ms, broker, msg_topic(m), msg_payload(m), m->qos, m->retain);
}

/* There is no room in the store, or would not be in any case. */
static bool is_full(int error)
{
	return error == -ENOSPC || error == -ENOBUFS || error == -E2BIG;
}

/* What the modem does not take is told to a publisher that can be told. MQTT_ACCEPT: nothing. */
static enum mqtt_verdict check_sizes(const struct core *c, const struct plan *p, size_t payload_len)
{
	for (unsigned i = 0; i < c->cfg->broker_count; i++) {
		if (!p->is_wanted[i] || core_fits_modem(c, p->routed[i].topic_len, payload_len))
			continue;
		return payload_len > modem_payload_max(c->modem) ? MQTT_REFUSE_PAYLOAD
								 : MQTT_REFUSE_TOPIC;
	}
	return MQTT_ACCEPT;
}

/* It is to be on disk, or takes the place of something that is. */
static bool needs_store(struct core *c, const struct plan *p)
{
	struct mqtt_clocks clocks = core_clocks(c);

	for (unsigned i = 0; i < c->cfg->broker_count; i++) {
		if (p->is_wanted[i] && (p->qos[i] > 0 || p->routed[i].route->keep_last))
			return true;
	}
	return p->local->retain ||
	       mqtt_server_targets(c->server, &clocks, p->local, c->targets) > 0;
}

enum mqtt_verdict core_accept_local(struct core *c, struct mqtt_msg *m, bool may_refuse)
{
	enum mqtt_verdict verdict = MQTT_ACCEPT;
	struct plan plan;
	int r;

	make_plan(c, msg_topic(m), m->qos, -1, &plan);
	plan.local = m;
	plan.may_refuse = may_refuse;
	if (m->expires_ms != 0)
		plan.expires_ms = core_store_time(c) + (int64_t)(m->expires_ms - c->now_ms);
	if (may_refuse)
		verdict = check_sizes(c, &plan, m->payload_len);
	if (verdict != MQTT_ACCEPT)
		return verdict;
	if (core_is_store_taken(c) && needs_store(c, &plan)) {
		c->has_held = true;
		return MQTT_HOLD;
	}
	r = enqueue(c, &plan, msg_payload(m), m->retain);
	if (r < 0 && may_refuse)
		return is_full(r) ? MQTT_REFUSE_QUOTA : MQTT_REFUSE_FAILED;
	if (r < 0) {
		c->has_held = true;
		return MQTT_HOLD;
	}
	deliver_locally(c, -1, &plan);
	return MQTT_ACCEPT;
}

static enum drop_reason reason_of(int error)
{
	switch (error) {
	case -ENOSPC:
		return DROP_FULL;
	case -ENOMEM:
		return DROP_NOMEM;
	default:
		return DROP_STORE_FAILED;
	}
}

/* Nothing of it was queued. */
static void drop_planned(struct core *c, const struct plan *p, enum drop_reason reason)
{
	for (unsigned i = 0; i < c->cfg->broker_count; i++) {
		if (p->is_wanted[i])
			core_count_drop(
			    c, i, reason, span_of(p->routed[i].topic, p->routed[i].topic_len));
	}
}

void core_accept_inbound(struct core *c, unsigned client, struct span topic, struct span payload)
{
	struct routed in;
	struct plan plan;
	struct mqtt_msg *m;
	int r;

	c->counters[client].received++;
	if (echo_take(&c->echo[client], c->now_ms, topic, payload)) {
		c->counters[client].echoes++;
		return;
	}
	if (!router_in(&c->cfg->brokers[client], topic, &in)) {
		c->counters[client].unrouted++;
		return;
	}
	m = mqtt_msg_new(in.topic, (uint16_t)in.topic_len, payload.data, (uint32_t)payload.len,
	    in.route->qos, in.route->retain);
	if (!m) {
		c->counters[client].inbound_lost[INBOUND_LOSS_NOMEM]++;
		return;
	}
	/* The modem has acknowledged it already: what the other broker's queue cannot take is lost
	 * for that broker, and counted. */
	make_plan(c, msg_topic(m), m->qos, (int)client, &plan);
	plan.local = m;
	r = enqueue(c, &plan, payload, false);
	if (r < 0)
		drop_planned(c, &plan, reason_of(r));
	deliver_locally(c, (int)client, &plan);
	mqtt_msg_unref(m);
}

/* To one broker alone, the topic as it is: a route made up for the occasion. */
static void plan_direct(
    struct core *c, unsigned client, struct span topic, uint8_t qos, struct plan *p)
{
	static const struct route_config direct = { .pattern = "#",
		.direction = ROUTE_OUT,
		.qos = 2,
		.local_prefix = "",
		.remote_prefix = "" };

	plan_init(p, qos);
	for (unsigned i = 0; i < c->cfg->broker_count; i++)
		p->is_wanted[i] = false;
	p->is_wanted[client] = true;
	p->qos[client] = qos;
	p->routed[client].route = &direct;
	p->routed[client].topic_len = topic.len;
	memcpy(p->routed[client].topic, topic.data, topic.len);
}

static unsigned wanted_count(const struct core *c, const struct plan *p)
{
	unsigned count = 0;

	for (unsigned i = 0; i < c->cfg->broker_count; i++)
		count += p->is_wanted[i];
	return count;
}

static bool plan_fits(const struct core *c, const struct plan *p, size_t payload_len)
{
	for (unsigned i = 0; i < c->cfg->broker_count; i++) {
		if (p->is_wanted[i] && !core_fits_modem(c, p->routed[i].topic_len, payload_len))
			return false;
	}
	return true;
}

int core_publish(struct core *c, uint64_t now_ms, uint32_t id, int client, struct span topic,
    struct span payload, uint8_t qos, bool retain, bool wait)
{
	struct plan plan;
	struct mqtt_msg *m;
	unsigned wanted;
	int r;

	c->now_ms = now_ms;
	if (!mqtt_topic_is_name((const char *)topic.data, topic.len) ||
	    (client < 0 && topic.data[0] == '$') || payload.len > MQTT_PACKET_MAX)
		return -EINVAL;
	if (client >= 0)
		plan_direct(c, (unsigned)client, topic, qos, &plan);
	else
		make_plan(c, topic, qos, -1, &plan);
	if (!plan_fits(c, &plan, payload.len))
		return -E2BIG;
	wanted = wanted_count(c, &plan);
	if (wait && wanted == 0)
		return -ENOENT;
	m = mqtt_msg_new(
	    topic.data, (uint16_t)topic.len, payload.data, (uint32_t)payload.len, qos, retain);
	if (!m)
		return -ENOMEM;
	plan.local = client < 0 ? m : NULL;
	plan.may_refuse = true;
	r = enqueue(c, &plan, payload, retain);
	if (is_full(r))
		r = -ENOSPC;
	if (r == 0 && (wait || c->is_store_dirty))
		core_add_waiter(c, id, wait ? plan.seq : 0, wanted);
	if (r == 0 && plan.local)
		deliver_locally(c, -1, &plan);
	mqtt_msg_unref(m);
	return r == 0 && !wait && c->is_store_dirty ? -EINPROGRESS : r;
}
