/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/invariants.h"

#include "bridge/core_query.h"
#include "modem/family.h"
#include "sim/world.h"

#include <stdio.h>

/* Dead letters that were dropped were counted when they became ones. */
static uint64_t dropped(const struct broker_counters *n)
{
	uint64_t sum = 0;

	for (int i = 0; i < DROP_REASON_COUNT; i++)
		sum += i == DROP_DEAD_LETTER ? 0 : n->dropped[i];
	return sum;
}

static uint64_t inbound_lost(const struct broker_counters *n)
{
	uint64_t sum = 0;

	for (int i = 0; i < INBOUND_LOSS_COUNT; i++)
		sum += n->inbound_lost[i];
	return sum;
}

/* At most so many messages were given up for both brokers. */
static uint64_t given_up_twice(struct world *w)
{
	uint64_t a = core_get_counters(w->core, 0)->dropped[DROP_FULL];
	uint64_t b = core_get_counters(w->core, 1)->dropped[DROP_FULL];

	if (!w->p.has_drop_oldest)
		return 0;
	return a < b ? a : b;
}

/* They come in without a PUBLISH of a local client. */
static uint64_t others_taken(const struct world *w)
{
	uint64_t count = 0;

	for (size_t i = 0; i < w->ledger.count; i++) {
		const struct message *m = &w->ledger.messages[i];

		if (m->subject->kind == SUBJECT_WILL || m->subject->kind == SUBJECT_HAND)
			count += m->adds;
	}
	return count;
}

/* What came in is what went out, waits, was dropped or buried. Every subject is routed; a message
 * for both brokers counts twice. Only while there is one core since the beginning: counters do not
 * survive it. */
static void check_balance(struct world *w)
{
	const struct mqtt_counters *server = mqtt_server_counters(core_get_server(w->core));
	uint64_t accepted =
	    server->received + others_taken(w) + w->store.double_adds + w->store.revived;
	uint64_t accounted = 0;

	if (w->restarts > 0)
		return;
	for (unsigned i = 0; i < SIM_BROKERS; i++) {
		const struct broker_counters *n = core_get_counters(w->core, i);
		struct store_usage u;

		core_queue_usage(w->core, i, &u);
		accounted += n->published + n->dead + dropped(n) + u.messages;
	}
	/* One that drop-oldest gives up for both brokers was never added for both. */
	for (uint64_t twice = given_up_twice(w); twice > 0 && accepted < accounted; twice--)
		accepted++;
	if (accepted != accounted)
		world_wrong(w, "accepted %llu messages, but %llu are accounted for",
		    (unsigned long long)accepted, (unsigned long long)accounted);
}

/* What is counted for a broker is counted for one of its routes, or for none. */
static void check_routes(struct world *w)
{
	for (unsigned i = 0; i < SIM_BROKERS; i++) {
		const struct broker_counters *n = core_get_counters(w->core, i);
		uint64_t dead = 0, drops = 0, sum = 0;

		for (size_t k = 0; k <= BRIDGE_ROUTES_MAX; k++) {
			dead += n->routes[k].dead;
			for (int reason = 0; reason < DROP_REASON_COUNT; reason++)
				sum += n->routes[k].dropped[reason];
		}
		for (int reason = 0; reason < DROP_REASON_COUNT; reason++)
			drops += n->dropped[reason];
		if (dead != n->dead || sum != drops)
			world_wrong(w, "losses by route do not sum up");
	}
}

static void check_memory(struct world *w)
{
	struct store_usage u;

	core_store_usage(w->core, &u);
	if (u.bytes > w->p.store_bytes)
		world_wrong(w, "the store holds %llu bytes", (unsigned long long)u.bytes);
	if (buf_len(core_tty_out(w->core)) > AT_TX_MAX)
		world_wrong(w, "too much waits for the tty");
	if (mqtt_server_kept_bytes(core_get_server(w->core)) > MQTT_KEPT_BYTES_MAX)
		world_wrong(w, "the server keeps too much");
	for (size_t i = 0; i < WORLD_CLIENTS; i++) {
		const struct fake_client *c = &w->clients[i];
		const struct buf *out = c->conn ? core_client_out(w->core, c->conn) : NULL;

		if (out && buf_len(out) > MQTT_CLIENT_OUT_MAX)
			world_wrong(w, "too much waits for %s", c->id);
	}
	for (size_t i = 0; i < OPERATOR_ROLES; i++) {
		const struct fake_operator *o = &w->operators[i];
		const struct buf *out = o->conn ? core_ctl_out(w->core, o->conn) : NULL;

		if (out && buf_len(out) > CTL_OUT_MAX)
			world_wrong(w, "too much waits for operator %d", o->role);
	}
}

/* Nothing comes in that was not handed to the modem. */
static void check_inbound(struct world *w)
{
	for (unsigned i = 0; i < SIM_BROKERS && w->restarts == 0; i++) {
		const struct broker_counters *n = core_get_counters(w->core, i);

		if (n->received > w->handed_down[i])
			world_wrong(w, "%llu inbound messages of %u from broker %u",
			    (unsigned long long)n->received, w->handed_down[i], i);
		if (w->p.level <= SIM_REFUSALS && inbound_lost(n) > 0)
			world_wrong(w, "inbound messages were lost without a fault");
	}
}

/* Whatever it waits for, it does not wait for ever. */
static void check_deadline(struct world *w)
{
	uint64_t due_ms = timer_min(core_deadline(w->core), flaky_store_deadline(&w->store));

	if (due_ms > w->now_ms + RECOVERY_HOUR_MS)
		world_wrong(w, "nothing is due any more, modem %s",
		    modem_state_name(modem_get_status(core_get_modem(w->core))->state));
}

void invariants_check_always(struct world *w)
{
	check_deadline(w);
	check_balance(w);
	check_routes(w);
	check_memory(w);
	check_inbound(w);
}

static bool is_online(struct world *w, unsigned client)
{
	return modem_get_session(core_get_modem(w->core), client)->state == SESSION_ONLINE;
}

static bool is_queue_empty(struct world *w, unsigned client)
{
	struct store_usage u;

	core_queue_usage(w->core, client, &u);
	return u.messages == 0;
}

bool invariants_is_settled(struct world *w)
{
	struct store_usage local;

	if (modem_get_status(core_get_modem(w->core))->state != MODEM_READY)
		return false;
	for (unsigned i = 0; i < SIM_BROKERS; i++) {
		if (fake_modem_client_state(w->modem, i) != FAKE_CLIENT_CONNECTED)
			return false; /* and we may not know it yet */
		if (!is_online(w, i) || !is_queue_empty(w, i) || w->down_left[i] > 0 ||
		    w->brokers[i].event_count > 0)
			return false;
	}
	for (size_t i = 0; i < WORLD_CLIENTS; i++) {
		if (!w->clients[i].is_retired && !fake_client_is_done(&w->clients[i]))
			return false;
	}
	for (size_t i = 0; i < OPERATOR_ROLES; i++) {
		if (!fake_operator_is_done(&w->operators[i]))
			return false;
	}
	core_store_usage(w->core, &local);
	return local.messages == 0 && fake_modem_is_idle(w->modem) && !fake_modem_is_hung(w->modem);
}

void invariants_say_unsettled(struct world *w)
{
	const struct modem *m = core_get_modem(w->core);
	struct store_usage u[SIM_BROKERS];
	size_t busy_clients = 0, busy_operators = 0;

	for (unsigned i = 0; i < SIM_BROKERS; i++)
		core_queue_usage(w->core, i, &u[i]);
	for (size_t i = 0; i < WORLD_CLIENTS; i++)
		busy_clients += !w->clients[i].is_retired && !fake_client_is_done(&w->clients[i]);
	for (size_t i = 0; i < OPERATOR_ROLES; i++)
		busy_operators += !fake_operator_is_done(&w->operators[i]);
	world_wrong(w,
	    "no rest long after the last fault: modem %s, sessions %s and %s, %llu and %llu wait, "
	    "%zu clients and %zu operators busy, the modem %s idle",
	    modem_state_name(modem_get_status(m)->state),
	    session_state_name(modem_get_session(m, 0)->state),
	    session_state_name(modem_get_session(m, 1)->state), (unsigned long long)u[0].messages,
	    (unsigned long long)u[1].messages, busy_clients, busy_operators,
	    fake_modem_is_idle(w->modem) ? "is" : "is not");
}

/* Published when its client has gone, and only then. */
static void check_will(struct world *w, const struct message *m)
{
	if (m->arrivals[0] > 0 && !m->is_due && w->restarts == 0)
		world_wrong(w, "will %u was published, but its client is there", m->number);
	if (m->arrivals[0] == 0 && m->is_due && w->restarts == 0)
		world_wrong(w, "will %u was not published", m->number);
}

static void check_message_up(struct world *w, const struct message *m)
{
	bool is_calm = world_is_calm(w);

	for (unsigned i = 0; i < SIM_BROKERS; i++) {
		bool must_die = ledger_must_die(m);
		bool is_promised = ledger_is_promised(m, i) && m->is_acked;

		if (!m->subject->remote[i])
			continue;
		if (must_die && m->arrivals[i] > 0)
			world_wrong(
			    w, "message %u arrived, which the modem or broker refuses", m->number);
		if (is_promised && must_die && !m->is_dead[i] && !m->is_given_up[i])
			world_wrong(w, "message %u is no dead letter of broker %u", m->number, i);
		if (!must_die && m->is_dead[i])
			world_wrong(w, "message %u is a dead letter of broker %u", m->number, i);
		if (is_promised && !must_die && !m->is_given_up[i] && m->arrivals[i] == 0)
			world_wrong(w, "message %u was acknowledged, but broker %u never got it",
			    m->number, i);
		if (is_calm && !must_die && !m->is_given_up[i] && m->arrivals[i] != 1)
			world_wrong(w, "message %u arrived %u times at broker %u", m->number,
			    m->arrivals[i], i);
	}
	if (m->is_owed && m->is_acked && !m->is_seen[0])
		world_wrong(w, "message %u was acknowledged, but the lasting session never got it",
		    m->number);
	if (m->qos > 0 && !m->is_acked && m->subject->kind != SUBJECT_HAND)
		world_wrong(w, "message %u was never acknowledged", m->number);
	if (is_calm && m->deliveries[0] != 1)
		world_wrong(
		    w, "message %u was delivered %u times locally", m->number, m->deliveries[0]);
}

static void check_message_down(struct world *w, const struct message *m)
{
	unsigned client = m->subject->remote[0] ? 0 : 1;
	const struct broker_counters *n = core_get_counters(w->core, client);

	if (m->deliveries[0] > m->sends)
		world_wrong(w, "message %u of broker %u came %u times", m->number, client,
		    m->deliveries[0]);
	if (world_is_calm(w) && m->sends > 0 && m->deliveries[0] != 1)
		world_wrong(w, "message %u of broker %u came %u times", m->number, client,
		    m->deliveries[0]);
	if (world_is_calm(w) && n->unrouted > 0)
		world_wrong(w, "inbound messages found no route");
}

/* What came twice is accounted for by publishes of unknown outcome. */
static void check_duplicates(struct world *w)
{
	for (unsigned i = 0; i < SIM_BROKERS && w->restarts == 0; i++) {
		uint64_t twice = 0;

		for (size_t k = 0; k < w->ledger.count; k++) {
			const struct message *m = &w->ledger.messages[k];

			if (m->arrivals[i] > 1 && m->adds <= 1 && m->sends <= 1)
				twice += m->arrivals[i] - 1;
		}
		if (twice > core_get_counters(w->core, i)->unknown)
			world_wrong(w, "%llu messages too many at broker %u, without a reason",
			    (unsigned long long)twice, i);
	}
}

static void check_sessions(struct world *w)
{
	for (unsigned i = 0; i < SIM_BROKERS; i++) {
		const struct core_broker *b = &w->config[w->config_version].core.brokers[i];

		for (size_t k = 0; k < b->link.filter_count; k++) {
			if (!fake_broker_has_filter(&w->brokers[i], b->link.filters[k].filter))
				world_wrong(
				    w, "not subscribed to \"%s\"", b->link.filters[k].filter);
		}
		if (world_is_calm(w) && w->p.has_birth && w->brokers[i].births != 1)
			world_wrong(
			    w, "%u birth messages came to broker %u", w->brokers[i].births, i);
		if (world_is_calm(w) && w->brokers[i].wills > 0)
			world_wrong(w, "broker %u published a will", i);
		if (world_is_calm(w) && w->brokers[i].connects != 1)
			world_wrong(w, "broker %u saw %u connects", i, w->brokers[i].connects);
	}
}

void invariants_check_settled(struct world *w)
{
	invariants_check_always(w);
	for (size_t i = 0; i < w->ledger.count; i++) {
		const struct message *m = &w->ledger.messages[i];

		if (ledger_is_from_broker(m))
			check_message_down(w, m);
		else if (m->subject->kind == SUBJECT_WILL)
			check_will(w, m);
		else
			check_message_up(w, m);
	}
	check_duplicates(w);
	check_sessions(w);
}

void invariants_check_stopped(struct world *w)
{
	for (unsigned i = 0; i < SIM_BROKERS; i++) {
		if (w->brokers[i].is_connected || w->brokers[i].disconnects == 0)
			world_wrong(w, "broker %u got no DISCONNECT", i);
		if (fake_modem_client_state(w->modem, i) != FAKE_CLIENT_FREE)
			world_wrong(w, "client %u of the modem was not released", i);
	}
	/* A model that never said its name is not stopped: some start anew then. */
	if (fake_modem_service_up(w->modem) &&
	    family_is_known(family_of(modem_get_status(core_get_modem(w->core))->model)))
		world_wrong(w, "the modem's MQTT service was not stopped");
}

/* What a broker does not get because something better came, it does not miss. */
static uint64_t missed(const struct broker_counters *n)
{
	return n->dead + dropped(n) - n->dropped[DROP_SUPERSEDED];
}

bool invariants_are_gaps_told(struct world *w)
{
	for (unsigned i = 0; i < SIM_BROKERS && w->p.has_gap_topic; i++) {
		if (w->brokers[i].gaps < missed(core_get_counters(w->core, i)))
			return false;
	}
	return true;
}

void invariants_check_gaps(struct world *w)
{
	for (unsigned i = 0; i < SIM_BROKERS && w->p.has_gap_topic; i++) {
		uint64_t n = missed(core_get_counters(w->core, i));

		if (w->brokers[i].gaps < n || (w->p.level == SIM_CALM && w->brokers[i].gaps != n))
			world_wrong(w, "broker %u misses %llu messages, and was told of %llu", i,
			    (unsigned long long)n, (unsigned long long)w->brokers[i].gaps);
	}
}
