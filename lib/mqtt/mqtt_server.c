/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/mqtt_server_impl.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOT_BITS      8 /* a client number is a serial number and a slot */
#define SERIAL_MAX     (UINT32_MAX >> SLOT_BITS)
#define OUT_IDLE_BYTES 65536 /* memory that an empty output buffer may keep */

/* A held client may send so much while a commit is under way; then it is paused. */
#define COMMIT_RX_BYTES 16384

/* Properties of one message for all sessions in the store; who has no place in them has none. */
#define TARGETS_BYTES_MAX 1048576

static_assert(MQTT_CLIENTS_MAX <= 1 << SLOT_BITS, "a slot must fit into a client number");

static void take_listeners(
    struct mqtt_server *s, const struct mqtt_listener *listeners, size_t count)
{
	assert(count <= MQTT_LISTENERS_MAX);
	memcpy(s->listeners, listeners, count * sizeof(*listeners));
	s->listener_count = count;
}

struct mqtt_server *mqtt_server_new(
    const struct mqtt_listener *listeners, size_t count, struct store *store)
{
	struct mqtt_server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	if (mqtt_persist_init(&s->persist, store) < 0 ||
	    mqtt_sessions_init(&s->sessions, &s->persist) < 0) {
		free(s);
		return NULL;
	}
	take_listeners(s, listeners, count);
	mqtt_retain_init(&s->retain);
	timerq_init(&s->timers);
	buf_init(&s->properties, TARGETS_BYTES_MAX);
	mqtt_list_init(&s->ready);
	mqtt_list_init(&s->held);
	mqtt_list_init(&s->notices);
	mqtt_list_init(&s->dirty);
	mqtt_list_init(&s->acking);
	mqtt_list_init(&s->sealed);
	mqtt_list_init(&s->queued);
	mqtt_list_init(&s->dead);
	mqtt_list_init(&s->wills);
	mqtt_list_init(&s->held_wills);
	return s;
}

static void free_dead(struct mqtt_server *s)
{
	struct mqtt_link *l;

	while ((l = mqtt_list_pop(&s->dead))) {
		struct mqtt_client *c = MQTT_LINK_OWNER(l, struct mqtt_client, dead);

		mqtt_link_remove(&c->notice);
		s->clients[c->number & ((1U << SLOT_BITS) - 1)] = NULL;
		mqtt_client_free(c);
	}
}

void mqtt_server_free(struct mqtt_server *s)
{
	if (!s)
		return;
	mqtt_server_shutdown(s, 0);
	for (size_t i = 0; i < MQTT_CLIENTS_MAX; i++) {
		if (s->clients[i])
			mqtt_list_append(&s->dead, &s->clients[i]->dead);
	}
	free_dead(s);
	mqtt_will_free_all(s);
	mqtt_msg_unref(s->offer.msg);
	mqtt_sessions_fini(&s->sessions);
	mqtt_retain_fini(&s->retain);
	timerq_fini(&s->timers);
	buf_fini(&s->properties);
	free(s);
}

/* The client of this number, NULL if its socket is gone. */
static struct mqtt_client *find_client(const struct mqtt_server *s, uint32_t number)
{
	size_t slot = number & ((1U << SLOT_BITS) - 1);
	struct mqtt_client *c = slot < MQTT_CLIENTS_MAX ? s->clients[slot] : NULL;

	return c && c->number == number && !c->is_eof ? c : NULL;
}

void mqtt_server_set_listeners(
    struct mqtt_server *s, uint64_t now_ms, const struct mqtt_listener *listeners, size_t count)
{
	size_t map[MQTT_LISTENERS_MAX];
	struct mqtt_listener old[MQTT_LISTENERS_MAX];
	size_t old_count = s->listener_count;

	s->now_ms = now_ms;
	memcpy(old, s->listeners, sizeof(old));
	take_listeners(s, listeners, count);
	for (size_t i = 0; i < old_count; i++)
		map[i] = mqtt_server_find_listener(s, span_text(old[i].address));
	mqtt_restore_listeners(s, map);
	for (size_t i = 0; i < MQTT_CLIENTS_MAX; i++) {
		struct mqtt_client *c = s->clients[i];

		if (!c || c->state == MQTT_CLIENT_CLOSED)
			continue;
		c->listener = map[c->listener];
		if (c->listener == SIZE_MAX)
			mqtt_client_close(s, c, MQTT_CLOSE_SHUTDOWN);
	}
}

int mqtt_server_client_new(
    struct mqtt_server *s, uint64_t now_ms, size_t listener, uint32_t *ret_client)
{
	struct mqtt_client *c;
	uint32_t number, slot = 0;

	assert(listener < s->listener_count);
	while (slot < MQTT_CLIENTS_MAX && s->clients[slot])
		slot++;
	if (slot == MQTT_CLIENTS_MAX)
		return -EMFILE;
	s->serial = s->serial < SERIAL_MAX ? s->serial + 1 : 1;
	number = s->serial << SLOT_BITS | slot;
	c = mqtt_client_new(s, now_ms, number, listener);
	if (!c)
		return -ENOMEM;
	s->clients[slot] = c;
	*ret_client = number;
	return 0;
}

void mqtt_server_client_rx(
    struct mqtt_server *s, uint64_t now_ms, uint32_t client, const uint8_t *data, size_t len)
{
	struct mqtt_client *c = find_client(s, client);
	int r;

	s->now_ms = now_ms;
	if (!c || c->state == MQTT_CLIENT_CLOSED)
		return;
	r = buf_append(&c->rx, data, len);
	if (r < 0)
		mqtt_client_close(s, c, r == -ENOMEM ? MQTT_CLOSE_NOMEM : MQTT_CLOSE_TOO_LARGE);
	else if (c->is_held)
		mqtt_list_append(&s->dirty, &c->dirty); /* to be paused, perhaps */
	else
		mqtt_list_append(&s->ready, &c->ready);
}

void mqtt_server_client_gone(struct mqtt_server *s, uint64_t now_ms, uint32_t client)
{
	struct mqtt_client *c = find_client(s, client);

	s->now_ms = now_ms;
	if (!c)
		return;
	c->is_eof = true;
	if (c->state == MQTT_CLIENT_CLOSED) {
		c->notices &= ~MQTT_NOTICE_CLOSE;
		mqtt_list_append(&s->dead, &c->dead);
		return;
	}
	/* Its last packets, a DISCONNECT perhaps, may have come together with the end. */
	timerq_cancel(&s->timers, &c->timer);
	if (!c->is_held)
		mqtt_list_append(&s->ready, &c->ready);
}

struct buf *mqtt_server_client_out(struct mqtt_server *s, uint32_t client)
{
	struct mqtt_client *c = find_client(s, client);

	return c ? &c->out : NULL;
}

void mqtt_server_client_sent(struct mqtt_server *s, uint64_t now_ms, uint32_t client)
{
	struct mqtt_client *c = find_client(s, client);

	s->now_ms = now_ms;
	if (!c || c->state == MQTT_CLIENT_CLOSED)
		return;
	if (buf_len(&c->out) == 0 && c->out.cap > OUT_IDLE_BYTES)
		buf_fini(&c->out);
	mqtt_client_flush_acks(s, c);
	mqtt_deliver_pump(s, c);
}

/* ---- events ---- */

/* One of the notices of the first client that has any. */
static bool next_notice(struct mqtt_server *s, struct mqtt_event *ret)
{
	static const struct {
		unsigned notice;
		enum mqtt_event_type type;
	} order[] = {
		{ MQTT_NOTICE_ONLINE, MQTT_EVENT_ONLINE },
		{ MQTT_NOTICE_OFFLINE, MQTT_EVENT_OFFLINE },
		{ MQTT_NOTICE_CLOSE, MQTT_EVENT_CLOSE },
	};
	struct mqtt_client *c;
	size_t i = 0;

	while (!mqtt_list_is_empty(&s->notices)) {
		c = MQTT_LINK_OWNER(s->notices.next, struct mqtt_client, notice);
		if (c->notices)
			break;
		mqtt_link_remove(&c->notice);
	}
	if (mqtt_list_is_empty(&s->notices))
		return false;
	while (!(c->notices & order[i].notice))
		i++;
	c->notices &= ~order[i].notice;
	*ret = (struct mqtt_event){
		.type = order[i].type,
		.client = c->number,
		.client_id = c->client_id ? c->client_id : "",
		.why = c->why,
		.detail = c->detail,
	};
	return true;
}

static bool take_offer(struct mqtt_server *s, struct mqtt_event *ret)
{
	if (!s->offer.msg)
		return false;
	*ret = (struct mqtt_event){
		.type = MQTT_EVENT_PUBLISH,
		.client = s->offer.client ? s->offer.client->number : 0,
		.msg = s->offer.msg,
		.is_will = s->offer.will,
		.may_refuse = s->offer.client && s->offer.client->version == MQTT_VERSION_5 &&
			      s->offer.msg->qos > 0,
	};
	return true;
}

/* A commit is mostly over soon: who does not send much meanwhile need not be stopped. */
static bool is_to_be_paused(const struct mqtt_server *s, const struct mqtt_client *c)
{
	return c->is_held &&
	       (c->is_told_paused || !s->is_committing || buf_len(&c->rx) > COMMIT_RX_BYTES);
}

/* PAUSE, RESUME or WRITE of one client, as far as still true. */
static bool next_dirty(struct mqtt_server *s, struct mqtt_event *ret)
{
	while (!mqtt_list_is_empty(&s->dirty)) {
		struct mqtt_client *c = MQTT_LINK_OWNER(s->dirty.next, struct mqtt_client, dirty);

		*ret = (struct mqtt_event){ .client = c->number };
		if (c->is_eof) {
			mqtt_link_remove(&c->dirty);
		} else if (is_to_be_paused(s, c) != c->is_told_paused) {
			c->is_told_paused = !c->is_told_paused;
			ret->type = c->is_told_paused ? MQTT_EVENT_PAUSE : MQTT_EVENT_RESUME;
			return true;
		} else if (c->has_news) {
			c->has_news = false;
			ret->type = MQTT_EVENT_WRITE;
			return true;
		} else {
			mqtt_link_remove(&c->dirty);
		}
	}
	return false;
}

/* Input goes before WRITE, so that one WRITE stands for all that a turn has for a client. */
bool mqtt_server_next_event(struct mqtt_server *s, uint64_t now_ms, struct mqtt_event *ret)
{
	assert(!s->offer.msg);
	s->now_ms = now_ms;
	for (;;) {
		if (next_notice(s, ret))
			return true;
		if (mqtt_list_is_empty(&s->wills) && mqtt_list_is_empty(&s->ready))
			return next_dirty(s, ret);
		if (!mqtt_will_offer(s))
			mqtt_client_step(
			    s, MQTT_LINK_OWNER(s->ready.next, struct mqtt_client, ready), now_ms);
		/* CONNECT and PUBLISH may have come in one piece: never offer before ONLINE. */
		if (take_offer(s, ret))
			return true;
	}
}

/* How a refused PUBLISH is answered in MQTT 5.0. Of the codes that PUBACK has, 0x97 is for what may
 * work later; what never will gets others. */
static const struct refusal {
	enum mqtt_reason reason;
	const char *text;
} refusals[] = {
	[MQTT_REFUSE_QUOTA] = { MQTT_REASON_QUOTA, "no room to keep it until the brokers have it" },
	[MQTT_REFUSE_TOPIC] = { MQTT_REASON_BAD_TOPIC, "topic too long for the broker's link" },
	[MQTT_REFUSE_PAYLOAD] = { MQTT_REASON_IMPLEMENTATION,
	    "payload too large for the broker's link" },
	[MQTT_REFUSE_FAILED] = { MQTT_REASON_IMPLEMENTATION, "it cannot be kept: out of order" },
};

/* The packet is done with. */
static void conclude(
    struct mqtt_server *s, const struct mqtt_offer *offer, enum mqtt_verdict verdict)
{
	struct mqtt_client *c = offer->client;
	int r = 0;

	if (verdict == MQTT_ACCEPT)
		s->counters.received++;
	if (c->state != MQTT_CLIENT_ONLINE)
		return;
	mqtt_client_consume(c, offer->packet_len);
	if (verdict != MQTT_ACCEPT) {
		mqtt_client_refuse(s, c, offer->msg->qos, offer->packet_id,
		    refusals[verdict].reason, refusals[verdict].text);
		return;
	}
	if (offer->msg->qos == 2)
		r = mqtt_session_remember(&s->sessions, c->session, offer->packet_id);
	/* If the identifier is not kept it must not be acknowledged. */
	if (r < 0)
		mqtt_client_close_unkept(s, c, r);
	else
		mqtt_client_acknowledge(s, c, offer->msg->qos, offer->packet_id);
}

void mqtt_server_verdict(struct mqtt_server *s, uint64_t now_ms, enum mqtt_verdict verdict)
{
	struct mqtt_offer offer = s->offer;

	s->now_ms = now_ms;
	assert(offer.msg);
	if (offer.will)
		mqtt_will_verdict(s, verdict);
	else if (verdict == MQTT_HOLD)
		mqtt_client_hold(s, offer.client);
	else
		conclude(s, &offer, verdict);
	s->offer = (struct mqtt_offer){ 0 };
	mqtt_msg_unref(offer.msg);
}

const struct subs_owner *mqtt_publisher_of(const struct mqtt_server *s, const struct mqtt_msg *m)
{
	const struct mqtt_session *session;

	if (m != s->offer.msg)
		return NULL;
	session = s->offer.client ? s->offer.client->session : mqtt_will_publisher(s);
	return session ? &session->subs : NULL;
}

/* The older one leaves the store in the transaction in which the newer one came. */
static void retain(struct mqtt_server *s, struct mqtt_msg *m, uint64_t seq)
{
	unsigned change = m->qos > 0 ? MQTT_CHANGED_NOW : MQTT_CHANGED_LATER;
	uint64_t old_seq;
	int r = mqtt_retain_set(&s->retain, m, seq, &old_seq);

	if (r == -ENOMEM)
		s->counters.dropped[MQTT_DROP_NOMEM]++;
	else if (r < 0)
		s->counters.dropped[MQTT_DROP_RETAINED]++;
	if (old_seq)
		mqtt_persist_remove(&s->persist, s->persist.retained, old_seq, change);
	if (r < 0 && seq)
		mqtt_persist_remove(&s->persist, s->persist.retained, seq, change);
}

void mqtt_server_publish(struct mqtt_server *s, uint64_t now_ms, struct mqtt_msg *m)
{
	s->now_ms = now_ms;
	if (m->retain)
		retain(s, m, 0);
	mqtt_deliver(s, m, mqtt_publisher_of(s, m));
}

/* Without its place in the store it is not retained, nor is the one before it any more. */
static void forget_retained(struct mqtt_server *s, const struct mqtt_msg *m)
{
	uint64_t old_seq = mqtt_retain_drop(&s->retain, m);

	s->counters.dropped[MQTT_DROP_RETAINED]++;
	if (old_seq)
		mqtt_persist_remove(&s->persist, s->persist.retained, old_seq, MQTT_CHANGED_NOW);
}

void mqtt_server_publish_stored(
    struct mqtt_server *s, uint64_t now_ms, struct mqtt_msg *m, uint64_t seq)
{
	bool is_unstored = s->persist.store && m->payload_len > 0 && !(seq && s->is_retain_planned);

	s->now_ms = now_ms;
	if (m->retain && is_unstored)
		forget_retained(s, m);
	else if (m->retain)
		retain(s, m, seq);
	mqtt_deliver_stored(s, m, mqtt_publisher_of(s, m), seq);
}

unsigned mqtt_server_take_changes(struct mqtt_server *s)
{
	return mqtt_persist_take_changes(&s->persist);
}

bool mqtt_server_retained_queue(const struct mqtt_server *s, unsigned *ret_queue)
{
	if (!s->persist.store)
		return false;
	*ret_queue = s->persist.retained;
	return true;
}

/* Messages that had to be durable before they are sent. */
static void send_queued(struct mqtt_server *s)
{
	struct mqtt_link *l;

	while ((l = mqtt_list_pop(&s->queued)))
		mqtt_deliver_pump(s, MQTT_LINK_OWNER(l, struct mqtt_client, queued));
}

static void send_sealed(struct mqtt_server *s)
{
	struct mqtt_link *l;

	while ((l = mqtt_list_pop(&s->sealed))) {
		struct mqtt_client *c = MQTT_LINK_OWNER(l, struct mqtt_client, sealed);

		c->acks_durable = c->acks_sealed;
		c->answered_durable += c->answered_sealed;
		c->answered_sealed = 0;
		mqtt_client_flush_acks(s, c);
	}
}

void mqtt_server_commit_begins(struct mqtt_server *s, uint64_t now_ms)
{
	struct mqtt_link *l;

	assert(!s->is_committing);
	s->now_ms = now_ms;
	s->is_committing = true;
	s->answers = 0;
	mqtt_persist_commit_begins(&s->persist);
	if (s->persist.store)
		s->sealed_seq = s->persist.store->ops->last_seq(s->persist.store);
	while ((l = mqtt_list_pop(&s->acking))) {
		struct mqtt_client *c = MQTT_LINK_OWNER(l, struct mqtt_client, acking);

		c->acks_sealed = buf_len(&c->acks);
		c->answered_sealed += c->answered;
		c->answered = 0;
		mqtt_list_append(&s->sealed, &c->sealed);
	}
}

void mqtt_server_commit_ended(struct mqtt_server *s, uint64_t now_ms, bool is_durable)
{
	assert(s->is_committing);
	s->now_ms = now_ms;
	s->is_committing = false;
	mqtt_persist_commit_ended(&s->persist);
	if (!is_durable)
		return;
	s->durable_seq = s->sealed_seq;
	send_queued(s);
	send_sealed(s);
}

void mqtt_server_committed(struct mqtt_server *s, uint64_t now_ms)
{
	mqtt_server_commit_begins(s, now_ms);
	mqtt_server_commit_ended(s, now_ms, true);
}

size_t mqtt_server_answers(const struct mqtt_server *s)
{
	return s->answers;
}

size_t mqtt_server_resume_held(struct mqtt_server *s, uint64_t now_ms)
{
	struct mqtt_link *l;
	size_t count = 0;

	s->now_ms = now_ms;
	mqtt_will_resume_held(s);
	while ((l = mqtt_list_pop(&s->held))) {
		struct mqtt_client *c = MQTT_LINK_OWNER(l, struct mqtt_client, held);

		c->is_held = false;
		mqtt_list_append(&s->ready, &c->ready);
		mqtt_list_append(&s->dirty, &c->dirty);
		count++;
	}
	return count;
}

/* ---- time, end, numbers ---- */

/* What is too old is retained no longer. Should that be lost in a crash, it is too old then as
 * well. */
static void drop_expired_retained(struct mqtt_server *s)
{
	uint64_t seqs[MQTT_RETAIN_BATCH];
	size_t count;

	do {
		count = mqtt_retain_drop_expired(&s->retain, s->now_ms, seqs);
		for (size_t i = 0; i < count; i++) {
			if (seqs[i])
				mqtt_persist_remove(
				    &s->persist, s->persist.retained, seqs[i], MQTT_CHANGED_LATER);
		}
	} while (count == MQTT_RETAIN_BATCH);
}

void mqtt_server_tick(struct mqtt_server *s, uint64_t now_ms)
{
	struct timer *t;

	s->now_ms = now_ms;
	while ((t = timerq_pop(&s->timers, now_ms)))
		mqtt_client_timeout(s, MQTT_LINK_OWNER(t, struct mqtt_client, timer), now_ms);
	mqtt_will_tick(s);
	drop_expired_retained(s);
}

uint64_t mqtt_server_deadline(const struct mqtt_server *s)
{
	uint64_t due_ms = timer_min(timerq_deadline(&s->timers), s->retain.expires_ms);

	return timer_min(due_ms, timerq_deadline(&s->sessions.deadlines));
}

void mqtt_server_shutdown(struct mqtt_server *s, uint64_t now_ms)
{
	s->now_ms = now_ms;
	for (size_t i = 0; i < MQTT_CLIENTS_MAX; i++) {
		struct mqtt_client *c = s->clients[i];

		if (!c)
			continue;
		mqtt_will_free(c->will);
		c->will = NULL;
		mqtt_client_close(s, c, MQTT_CLOSE_SHUTDOWN);
	}
}

void mqtt_server_settle(struct mqtt_server *s)
{
	struct mqtt_link *l, *next;

	assert(!s->offer.msg);
	for (l = s->dead.next; l != &s->dead; l = next) {
		struct mqtt_client *c = MQTT_LINK_OWNER(l, struct mqtt_client, dead);

		next = l->next;
		if (c->notices)
			continue; /* OFFLINE is not told yet */
		mqtt_link_remove(&c->notice);
		mqtt_link_remove(&c->dead);
		s->clients[c->number & ((1U << SLOT_BITS) - 1)] = NULL;
		mqtt_client_free(c);
	}
}

size_t mqtt_server_clients(const struct mqtt_server *s, size_t listener)
{
	size_t count = 0;

	for (size_t i = 0; i < MQTT_CLIENTS_MAX; i++) {
		const struct mqtt_client *c = s->clients[i];

		count += c && c->listener == listener && c->state == MQTT_CLIENT_ONLINE;
	}
	return count;
}

const struct mqtt_counters *mqtt_server_counters(const struct mqtt_server *s)
{
	return &s->counters;
}

size_t mqtt_server_kept_bytes(const struct mqtt_server *s)
{
	return s->sessions.kept_bytes + s->retain.bytes;
}
