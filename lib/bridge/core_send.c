/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages leave to the brokers, one at a time per session, and what becomes of them.
 */
#include "bridge/core_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

void core_add_waiter(struct core *c, uint32_t conn, uint64_t seq, unsigned brokers)
{
	size_t i = 0;

	/* There are as many as connections, and each waits for one thing at a time. */
	while (i < CORE_WAITERS_MAX && c->waiters[i].conn != 0)
		i++;
	assert(i < CORE_WAITERS_MAX);
	c->waiters[i] =
	    (struct waiter){ .conn = conn, .seq = seq, .commit = c->commits + 1, .left = brokers };
}

void core_note_removed(
    struct core *c, unsigned client, uint64_t seq, unsigned err, const char *reason)
{
	(void)client;
	c->has_room = true;
	for (size_t i = 0; i < CORE_WAITERS_MAX; i++) {
		struct waiter *w = &c->waiters[i];

		if (w->conn == 0 || w->seq != seq)
			continue;
		if (!reason && --w->left > 0)
			continue;
		ctl_on_delivered(c->ctl, c->now_ms, w->conn, err, reason);
		*w = (struct waiter){ 0 };
	}
}

void core_note_committed(struct core *c)
{
	for (size_t i = 0; i < CORE_WAITERS_MAX; i++) {
		struct waiter *w = &c->waiters[i];

		if (w->conn == 0 || w->seq != 0 || w->commit > c->commits)
			continue;
		ctl_on_delivered(c->ctl, c->now_ms, w->conn, 0, NULL);
		*w = (struct waiter){ 0 };
	}
}

static bool drop_if_expired(
    struct core *c, unsigned client, const struct store_entry *e, bool is_memory)
{
	return core_is_too_old(c, e) && !outbox_is_in_flight(&c->outbox[client], e->seq) &&
	       core_drop_entry(c, client, e, is_memory, DROP_EXPIRED, "older than its ttl") == 0;
}

static bool drop_expired_head(struct core *c, unsigned client)
{
	struct outbox *o = &c->outbox[client];
	struct store_entry e;
	bool is_memory, any = false;

	while (outbox_head(o, &e, &is_memory) && drop_if_expired(c, client, &e, is_memory))
		any = true;
	return any;
}

bool core_drop_expired(struct core *c, unsigned client)
{
	struct outbox *o = &c->outbox[client];
	bool any = drop_expired_head(c, client);
	struct store_entry e;

	while (outbox_oldest(o, false, &e) && drop_if_expired(c, client, &e, false))
		any = true;
	return any;
}

static void on_buried(struct core *c, unsigned client, uint64_t seq, unsigned err,
    const char *reason, struct span topic)
{
	core_count_dead(c, client, reason, topic, err);
	core_note_removed(c, client, seq, err, reason);
}

/* Since when the modem has been working without a break; TIMER_NEVER: it is not. */
static uint64_t ready_since(const struct core *c)
{
	const struct modem_status *s = modem_get_status(c->modem);

	return s->state == MODEM_READY ? s->since_ms : TIMER_NEVER;
}

/* The session is online again after a message got stuck. If the modem has answered everything but
 * this message it is the message's fault, otherwise it was the modem's. */
static void judge_stuck(struct core *c, unsigned client)
{
	static const char reason[] = "the modem does not take it";
	struct outbox *o = &c->outbox[client];
	struct span topic = { buf_data(&o->flight), o->topic_len };
	uint64_t since_ms = ready_since(c);

	if (!o->is_stuck || since_ms == TIMER_NEVER || since_ms != c->stuck_since_ms[client])
		return;
	core_defer_commit(c);
	if (outbox_blame(o, BRIDGE_POISON_TRIES, reason) == OUTBOX_BURIED)
		on_buried(c, client, o->seq, 0, reason, topic);
}

static void note_delivered(struct core *c, unsigned client)
{
	struct broker_counters *n = &c->counters[client];

	n->published++;
	n->delivered_at_ms = c->now_ms;
	histogram_add(&n->latency, c->now_ms - c->flight_since_ms[client]);
}

static void finish(
    struct core *c, unsigned client, enum send_result result, unsigned err, unsigned tries_max)
{
	struct outbox *o = &c->outbox[client];
	struct span topic = { buf_data(&o->flight), o->topic_len };
	struct span payload = { buf_data(&o->flight) + o->topic_len,
		buf_len(&o->flight) - o->topic_len };
	uint64_t seq = o->seq;
	char reason[96];

	snprintf(reason, sizeof(reason), "refused %u times, last: %u %s", tries_max, err,
	    mqtt_err_text(err));
	if (!o->is_from_memory)
		core_defer_commit(c);
	if (result == SEND_UNKNOWN)
		c->counters[client].unknown++;
	if (result == SEND_UNKNOWN || result == SEND_OK)
		echo_sent(&c->echo[client], c->now_ms, topic, payload);
	else
		echo_take(&c->echo[client], c->now_ms, topic, payload);
	if (result == SEND_STUCK)
		c->stuck_since_ms[client] = ready_since(c);
	switch (outbox_finish(o, result, err, tries_max, reason)) {
	case OUTBOX_SENT:
		note_delivered(c, client);
		ctl_on_outcome(c->ctl, c->now_ms, (int)client, "published", topic, 0);
		core_note_removed(c, client, seq, 0, NULL);
		break;
	case OUTBOX_BURIED:
		on_buried(c, client, seq, err, reason, topic);
		break;
	case OUTBOX_DROPPED:
		core_count_drop(
		    c, client, result == SEND_POISON ? DROP_REFUSED : DROP_LINK_DOWN, topic);
		core_note_removed(c, client, seq, err, "QoS 0, and the link went down");
		break;
	case OUTBOX_KEPT:
	case OUTBOX_KEPT_DUP:
		break;
	}
}

void core_published(struct core *c, unsigned client, enum send_result result, unsigned err)
{
	const struct outbox *o = &c->outbox[client];

	if (o->is_report)
		core_gap_reported(c, client, result, err);
	else if (result == SEND_OK && c->is_committing && !o->is_from_memory)
		c->is_sent[client] = true;
	else
		finish(c, client, result, err, BRIDGE_POISON_TRIES);
}

void core_finish_sent(struct core *c)
{
	for (unsigned i = 0; i < MODEM_CLIENTS; i++) {
		if (!c->is_sent[i])
			continue;
		c->is_sent[i] = false;
		finish(c, i, SEND_OK, 0, BRIDGE_POISON_TRIES);
	}
}

/* What is over the modem's limits gets to the head of a queue only when somebody retries a dead
 * letter. It must not stay there. */
static void bury_head(struct core *c, unsigned client)
{
	static const char reason[] = "over the modem's limits";
	struct outbox *o = &c->outbox[client];
	struct store_entry e;
	uint8_t bytes[ROUTER_TOPIC_MAX];
	struct span topic;
	uint64_t seq;
	bool is_memory;

	if (!outbox_head(o, &e, &is_memory) || is_memory)
		return;
	seq = e.seq;
	topic = core_keep_topic(e.topic, bytes);
	if (o->durable->ops->bury(o->durable, o->durable_queue, seq, reason) < 0)
		return;
	core_defer_commit(c);
	on_buried(c, client, seq, 0, reason, topic);
}

static void publish_next(struct core *c, unsigned client)
{
	struct outbox *o = &c->outbox[client];
	struct modem_publish p;
	int r;

	judge_stuck(c, client);
	if (core_report_gap(c, client))
		return;
	drop_expired_head(c, client);
	r = outbox_begin(o, &p);
	if (r == -E2BIG)
		bury_head(c, client);
	if (r == -ENOMEM || r == -E2BIG || r == -EIO)
		c->retry_at_ms = timer_min(c->retry_at_ms, c->now_ms + CORE_STORE_RETRY_MS);
	if (r < 0)
		return;
	if (router_echoes(&c->cfg->brokers[client], p.topic))
		echo_expect(&c->echo[client], p.topic, p.payload);
	c->flight_since_ms[client] = c->now_ms;
	/* What cannot be given to the modem today cannot be tomorrow. */
	if (modem_publish(c->modem, c->now_ms, client, &p) < 0)
		finish(c, client, SEND_POISON, 0, 1);
	c->progress++;
}

void core_pump(struct core *c)
{
	for (unsigned i = 0; i < c->cfg->broker_count; i++) {
		const struct outbox *o = &c->outbox[i];

		if (c->is_stopping || o->is_busy || !modem_can_publish(c->modem, i) ||
		    (c->is_committing && outbox_needs_durable(o)))
			continue;
		publish_next(c, i);
	}
}
