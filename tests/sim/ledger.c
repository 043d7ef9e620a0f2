/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/ledger.h"

#include "base/limits.h"
#include "sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUBLISH_MAX_MS 300000 /* a message that left in time may be so long on its way */

struct message *ledger_new(struct world *w, size_t subject, uint8_t qos, size_t len)
{
	struct ledger *l = &w->ledger;
	const struct subject *s = &sim_subjects[subject];
	struct message *m;

	if (l->count == LEDGER_MAX)
		return NULL;
	if (!s->is_tiny && len < LEDGER_BODY_MIN)
		len = LEDGER_BODY_MIN;
	if (s->kind == SUBJECT_JAM)
		len = SIM_JAM_LEN;
	else if (len == SIM_JAM_LEN)
		len++;
	m = &l->messages[l->count];
	*m = (struct message){
		.number = (unsigned)++l->count,
		.subject = s,
		.qos = qos < s->qos_min ? s->qos_min : qos,
		.len = len,
	};
	return m;
}

/* What would fool a reader that looks for lines instead of counting. The result that says
 * "published" is left out where bytes of the stream may get lost or added: then no reader could
 * tell it from a true one. */
static const char *const nasty[] = { "\r\nOK\r\n", "\r\nERROR\r\n", "\r\n>", "+CMQTTRXEND: 0\r\n",
	"\r\n+CMQTTRXPAYLOAD: 0,5\r\n", "\r\n+CMQTTRXSTART: 1,3,3\r\n", "\r\n+CMQTTPUB: 0,0\r\n",
	"\r\n+CMQTTCONNLOST: 0,1\r\n", "\r\nRDY\r\n" };

static size_t nasty_count(const struct world *w)
{
	return w->p.level >= SIM_CHAOS ? 3 : sizeof(nasty) / sizeof(nasty[0]);
}

void ledger_body(const struct world *w, const struct message *m, uint8_t *ret_body)
{
	struct prng r;
	char head[16];
	size_t at = 0;

	prng_init(&r, w->p.seed * LEDGER_MAX + m->number);
	if (m->len >= LEDGER_BODY_MIN) {
		snprintf(head, sizeof(head), "m%06u;", m->number);
		memcpy(ret_body, head, LEDGER_BODY_MIN);
		at = LEDGER_BODY_MIN;
	}
	while (at < m->len) {
		const char *piece = nasty[prng_range(&r, 0, nasty_count(w) - 1)];
		size_t n = strlen(piece);

		if (n <= m->len - at && prng_chance(&r, 100)) {
			memcpy(ret_body + at, piece, n);
			at += n;
		} else {
			ret_body[at++] = (uint8_t)prng_u64(&r);
		}
	}
}

void ledger_topic(const struct message *m, int broker, char ret_topic[LEDGER_TOPIC_MAX])
{
	const char *name = broker < 0 ? m->subject->local : m->subject->remote[broker];

	if (m->subject->is_tiny)
		snprintf(ret_topic, LEDGER_TOPIC_MAX, "%s%u", name, m->number);
	else
		snprintf(ret_topic, LEDGER_TOPIC_MAX, "%s", name);
}

static struct message *by_number(struct world *w, unsigned long number)
{
	return number >= 1 && number <= w->ledger.count ? &w->ledger.messages[number - 1] : NULL;
}

struct message *ledger_find(struct world *w, struct span topic, struct span payload)
{
	char text[16] = "";
	size_t digits = 0;

	if (payload.len >= LEDGER_BODY_MIN && payload.data[0] == 'm' && payload.data[7] == ';') {
		memcpy(text, payload.data + 1, 6);
		return by_number(w, strtoul(text, NULL, 10));
	}
	while (digits < topic.len && digits < sizeof(text) - 1 &&
	       topic.data[topic.len - digits - 1] >= '0' &&
	       topic.data[topic.len - digits - 1] <= '9')
		digits++;
	if (digits == 0)
		return NULL;
	memcpy(text, topic.data + topic.len - digits, digits);
	return by_number(w, strtoul(text, NULL, 10));
}

/* Topic and body are what they were when it was published. */
static bool is_intact(
    struct world *w, const struct message *m, int broker, struct span topic, struct span payload)
{
	uint8_t body[SIM_PAYLOAD_MAX];
	char name[LEDGER_TOPIC_MAX];

	ledger_topic(m, broker, name);
	if (topic.len != strlen(name) || memcmp(topic.data, name, topic.len) != 0) {
		world_wrong(w, "message %u came under the topic \"%.*s\" instead of \"%s\"",
		    m->number, (int)topic.len, (const char *)topic.data, name);
		return false;
	}
	ledger_body(w, m, body);
	if (payload.len != m->len || (m->len > 0 && memcmp(payload.data, body, m->len) != 0)) {
		world_wrong(w, "message %u arrived with a body that differs (%zu bytes of %zu)",
		    m->number, payload.len, m->len);
		return false;
	}
	return true;
}

/* First arrivals come in the order of publication. */
static void check_order(
    struct world *w, const struct message *m, unsigned *newest, const char *where)
{
	unsigned *last = &newest[m->subject - sim_subjects];

	if (m->subject->is_tiny)
		return;
	if (m->number < *last)
		world_wrong(w, "%s: message %u of \"%s\" came behind message %u", where, m->number,
		    m->subject->local, *last);
	*last = m->number;
}

/* Which messages it sent to a broker that sends them back, a daemon that died does not know any
 * more. */
static unsigned echoes_max(const struct world *w, const struct message *m)
{
	return m->subject->is_both ? w->restarts : 0;
}

/* What its publisher had to send again is another message to the daemon. */
static unsigned deliveries_max(const struct world *w, const struct message *m)
{
	return m->sends + echoes_max(w, m);
}

static uint8_t lower_qos(const struct message *m)
{
	return m->qos < m->subject->qos_max ? m->qos : m->subject->qos_max;
}

void ledger_arrived(struct world *w, unsigned broker, struct span topic, struct span payload)
{
	struct message *m = ledger_find(w, topic, payload);

	if (!m || ledger_is_from_broker(m) || !m->subject->remote[broker]) {
		world_wrong(w, "broker %u got something that nobody sent there: \"%.*s\"", broker,
		    (int)topic.len, (const char *)topic.data);
		return;
	}
	if (!is_intact(w, m, (int)broker, topic, payload))
		return;
	if (m->subject->kind == SUBJECT_TTL && w->restarts == 0 && m->arrivals[broker] == 0 &&
	    w->now_ms - m->added_ms > SIM_TTL_S * 1000 + PUBLISH_MAX_MS)
		world_wrong(w, "message %u arrived long after its ttl", m->number);
	if (m->is_given_up[broker] && world_is_calm(w))
		world_wrong(w, "message %u was given up while it was on its way", m->number);
	if (m->arrivals[broker]++ == 0)
		check_order(w, m, w->ledger.last_arrival[broker],
		    broker == 0 ? "first broker" : "second broker");
	else if (lower_qos(m) == 0 && m->arrivals[broker] > m->sends)
		world_wrong(w, "message %u of QoS 0 was sent twice", m->number);
	/* Killed, it takes over the connection and sends again what may have been in flight. */
	if (m->arrivals[broker] > m->sends * (w->brokers[broker].connects + w->restarts))
		world_wrong(w, "message %u was sent %u times over %u connections", m->number,
		    m->arrivals[broker], w->brokers[broker].connects);
}

void ledger_delivered(struct world *w, unsigned subscriber, struct span topic, struct span payload,
    uint8_t qos, bool is_dup)
{
	struct message *m = ledger_find(w, topic, payload);

	if (!m) {
		world_wrong(w, "subscriber %u got something that nobody published: \"%.*s\"",
		    subscriber, (int)topic.len, (const char *)topic.data);
		return;
	}
	if (!is_intact(w, m, -1, topic, payload))
		return;
	/* After a crash its identifier could be another one's, and who remembers it not take that.
	 */
	if (subscriber == 0 && qos == 2 && !m->is_committed)
		world_wrong(
		    w, "message %u was delivered at QoS 2 before it was committed", m->number);
	if (!m->is_seen[subscriber] && m->number > w->ledger.missed[subscriber])
		check_order(w, m, w->ledger.last_delivery[subscriber][m->qos],
		    subscriber == 0 ? "first subscriber" : "second subscriber");
	m->is_seen[subscriber] = true;
	if (is_dup || m->deliveries[subscriber]++ == 0)
		return;
	/* Who has no lasting session may have had it before the commit that the daemon died of. */
	if (subscriber == 0 && m->is_owed && m->qos == 2 && ledger_lasting(w)->qos == 2 &&
	    m->deliveries[subscriber] > 1 + echoes_max(w, m))
		world_wrong(w, "message %u of QoS 2 was delivered twice", m->number);
	else if (ledger_is_from_broker(m) && m->deliveries[subscriber] > m->sends)
		world_wrong(w, "message %u of a broker was delivered twice", m->number);
	else if (w->p.level == SIM_CALM && m->deliveries[subscriber] > deliveries_max(w, m))
		world_wrong(w, "message %u was delivered twice without need", m->number);
}

void ledger_subscribed(struct world *w, unsigned subscriber)
{
	if (subscriber != ledger_lasting(w)->index)
		w->ledger.missed[subscriber] = w->ledger.count;
}

void ledger_taken(struct world *w, struct message *m)
{
	/* By MQTT, and an echo comes from a broker. */
	bool is_published = m->subject->origin < SUBJECT_FROM_OPERATOR && !m->subject->is_both;

	m->takes++;
	if (is_published && m->qos == 2 && m->takes > 1)
		world_wrong(w, "message %u of QoS 2 was taken twice", m->number);
}

void ledger_untaken(struct world *w, unsigned number)
{
	by_number(w, number)->takes--;
}

void ledger_added(struct world *w, struct message *m)
{
	unsigned *last = &w->ledger.last_added[m->subject - sim_subjects];

	m->adds++;
	m->added_ms = w->now_ms;
	if (m->number > *last)
		*last = m->number;
}

void ledger_removed(
    struct world *w, unsigned broker, struct message *m, uint64_t age_ms, bool is_by_hand)
{
	bool may_go = w->p.has_drop_oldest || is_by_hand;

	if (m->arrivals[broker] > 0)
		return;
	if (m->subject->kind == SUBJECT_TTL)
		may_go = may_go || age_ms >= SIM_TTL_S * 1000;
	if (m->subject->kind == SUBJECT_KEEP_LAST)
		may_go = may_go || m->adds > 1 ||
			 w->ledger.last_added[m->subject - sim_subjects] > m->number;
	if (!may_go)
		world_wrong(w, "message %u was removed after %llu ms, but broker %u has not got it",
		    m->number, (unsigned long long)age_ms, broker);
	m->is_given_up[broker] = true;
}

void ledger_forgotten(struct world *w, const struct message *m)
{
	if (m->is_owed && !m->is_seen[0])
		world_wrong(
		    w, "message %u was removed, but the lasting session has not got it", m->number);
}

void ledger_acked(struct world *w, unsigned number)
{
	struct message *m = by_number(w, number);
	/* What the lasting session has taken already need not be on disk any more. */
	bool is_promised =
	    (m->is_owed && !m->is_seen[0]) || ledger_is_promised(m, 0) || ledger_is_promised(m, 1);

	/* With drop-oldest a message for which nothing less important can go is given up itself. */
	if (is_promised && m->adds == 0 && w->p.has_drop_oldest) {
		m->is_given_up[0] = ledger_is_promised(m, 0);
		m->is_given_up[1] = ledger_is_promised(m, 1);
	} else if (is_promised && !m->is_committed)
		world_wrong(w, "message %u was acknowledged before it was committed", number);
	m->is_acked = true;
}

const struct fake_client *ledger_lasting(const struct world *w)
{
	return &w->clients[SIM_BROKERS]; /* behind the publishers */
}

bool ledger_is_promised(const struct message *m, unsigned broker)
{
	return m->subject->remote[broker] && lower_qos(m) > 0 && !ledger_is_from_broker(m);
}

bool ledger_is_from_broker(const struct message *m)
{
	return m->subject->origin >= SUBJECT_FROM_BROKER;
}

bool ledger_must_die(const struct message *m)
{
	return m->subject->is_forbidden || m->subject->kind == SUBJECT_JAM ||
	       m->len > MODEM_PAYLOAD_MAX;
}
