/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is given up: counted by broker, route and reason, logged, and reported to the broker.
 */
#include "bridge/core_priv.h"

#include "bridge/ctl_json_value.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAP_BURIED DROP_REASON_COUNT /* behind the reasons for dropping */

static_assert(GAP_BURIED < GAP_REASONS, "a gap for each reason");

/* Where losses under this remote topic are counted. */
static size_t route_of(const struct core *c, unsigned client, struct span topic)
{
	const struct core_broker *b = &c->cfg->brokers[client];
	size_t route = router_find_remote(b, topic);

	return route < b->route_count ? route : BRIDGE_ROUTES_MAX;
}

static void note_gap(struct core *c, unsigned client, size_t route, size_t reason)
{
	if (c->cfg->brokers[client].gap_topic)
		gap_note(&c->gap[client], route, reason, core_has_time(c) ? core_wall(c) : 0);
}

/* A gap is what somebody may miss: not what a newer message has replaced, and not a dead letter,
 * which was reported when it became one. */
static bool is_gap(enum drop_reason reason)
{
	return reason != DROP_SUPERSEDED && reason != DROP_DEAD_LETTER;
}

/* The first one of its kind is told if nobody asked for it; how many there are is in the
 * counters. */
static bool is_worth_a_line(const struct broker_counters *n, enum drop_reason reason)
{
	return n->dropped[reason] == 1 && reason != DROP_SUPERSEDED && reason != DROP_BY_HAND &&
	       reason != DROP_DEAD_LETTER;
}

void core_count_drop(struct core *c, unsigned client, enum drop_reason reason, struct span topic)
{
	struct broker_counters *n = &c->counters[client];
	size_t route = route_of(c, client, topic);

	n->dropped[reason]++;
	n->routes[route].dropped[reason]++;
	if (is_worth_a_line(n, reason))
		core_log(c, LOG_LEVEL_WARNING, LOG_MESSAGE_DROPPED, (int)client, 0, NULL,
		    drop_reason_name(reason), topic);
	if (is_gap(reason))
		note_gap(c, client, route, reason);
	ctl_on_outcome(c->ctl, c->now_ms, (int)client, drop_reason_name(reason), topic, 0);
}

int core_drop_entry(struct core *c, unsigned client, const struct store_entry *e, bool is_memory,
    enum drop_reason reason, const char *why)
{
	uint8_t bytes[ROUTER_TOPIC_MAX];
	struct span topic = core_keep_topic(e->topic, bytes);
	uint64_t seq = e->seq;
	int r = outbox_remove(&c->outbox[client], e, is_memory);

	if (r < 0)
		return r;
	if (!is_memory)
		core_defer_commit(c);
	core_count_drop(c, client, reason, topic);
	core_note_removed(c, client, seq, 0, why);
	return 0;
}

void core_count_dead(
    struct core *c, unsigned client, const char *reason, struct span topic, unsigned err)
{
	size_t route = route_of(c, client, topic);
	char text[LOG_DETAIL_MAX];

	c->counters[client].dead++;
	c->counters[client].routes[route].dead++;
	note_gap(c, client, route, GAP_BURIED);
	/* The reason is no static text, as a log event wants its states to be. */
	snprintf(text, sizeof(text), "%.*s: %s", (int)topic.len, (const char *)topic.data, reason);
	core_log(c, LOG_LEVEL_WARNING, LOG_MESSAGE_DEAD, (int)client, err, NULL, NULL,
	    span_of(text, strlen(text)));
	ctl_on_outcome(c->ctl, c->now_ms, (int)client, "dead_letter", topic, err);
}

/* ---- reports to the broker ---- */

static json_t *time_or_null(int64_t wall_ms)
{
	return wall_ms ? ctl_json_time(wall_ms) : json_null();
}

/* To be freed. NULL: no memory. */
static char *text_of_gap(const struct core *c, unsigned client, const struct gap_report *report)
{
	const struct core_broker *b = &c->cfg->brokers[client];
	const char *reason = report->reason == GAP_BURIED
				 ? "dead_letter"
				 : drop_reason_name((enum drop_reason)report->reason);
	/* clang-format off */
	json_t *object = json_pack("{s:o, s:s, s:I, s:o, s:o}",
	    "route", report->route < b->route_count
		? json_string(b->routes[report->route].pattern) : json_null(),
	    "reason", reason,
	    "count", (json_int_t)report->count,
	    "first", time_or_null(report->first_ms),
	    "last", time_or_null(report->last_ms));
	/* clang-format on */

	return ctl_json_dump(object);
}

uint64_t core_gap_due(const struct core *c, unsigned client)
{
	return c->cfg->brokers[client].gap_topic && modem_can_publish(c->modem, client)
		   ? gap_due(&c->gap[client])
		   : TIMER_NEVER;
}

bool core_report_gap(struct core *c, unsigned client)
{
	const char *topic = c->cfg->brokers[client].gap_topic;
	struct outbox *o = &c->outbox[client];
	struct gap_report report;
	struct modem_publish p;
	char *text;
	int r = -1;

	if (core_gap_due(c, client) > c->now_ms)
		return false;
	gap_begin(&c->gap[client], &report);
	text = text_of_gap(c, client, &report);
	if (text && core_fits_modem(c, strlen(topic), strlen(text)))
		r = outbox_begin_report(
		    o, span_of(topic, strlen(topic)), span_of(text, strlen(text)), &p);
	free(text);
	if (r == 0 && modem_publish(c->modem, c->now_ms, client, &p) < 0) {
		outbox_finish_report(o);
		r = -1;
	}
	if (r < 0)
		gap_end(&c->gap[client], c->now_ms, GAP_REFUSED);
	c->progress++;
	return r == 0;
}

void core_gap_reported(struct core *c, unsigned client, enum send_result result, unsigned err)
{
	enum gap_fate fate = GAP_LATER;

	if (result == SEND_OK)
		fate = GAP_TOLD;
	else if (result == SEND_STUCK || outbox_counts_as_try(result, err))
		fate = GAP_REFUSED;
	outbox_finish_report(&c->outbox[client]);
	gap_end(&c->gap[client], c->now_ms, fate);
}

/* ---- another configuration ---- */

static bool is_same_route(const struct route_config *a, const struct route_config *b)
{
	return (a->direction == ROUTE_IN) == (b->direction == ROUTE_IN) &&
	       strcmp(a->pattern, b->pattern) == 0 &&
	       strcmp(a->local_prefix, b->local_prefix) == 0 &&
	       strcmp(a->remote_prefix, b->remote_prefix) == 0;
}

/* map[number in old] is the number of the same route in next, or that of no route. */
static void map_routes(
    const struct core_broker *old, const struct core_broker *next, size_t map[GAP_ROUTES])
{
	for (size_t i = 0; i < GAP_ROUTES; i++) {
		map[i] = BRIDGE_ROUTES_MAX;
		for (size_t k = 0; i < old->route_count && k < next->route_count; k++) {
			if (is_same_route(&old->routes[i], &next->routes[k])) {
				map[i] = k;
				break;
			}
		}
	}
}

static void renumber_counters(struct broker_counters *n, const size_t map[GAP_ROUTES])
{
	struct route_counters old[BRIDGE_ROUTES_MAX + 1];

	memcpy(old, n->routes, sizeof(old));
	memset(n->routes, 0, sizeof(n->routes));
	for (size_t i = 0; i < GAP_ROUTES; i++) {
		n->routes[map[i]].dead += old[i].dead;
		for (size_t k = 0; k < DROP_REASON_COUNT; k++)
			n->routes[map[i]].dropped[k] += old[i].dropped[k];
	}
}

void core_carry_losses(struct core *c, unsigned client, const struct core_broker *next)
{
	const struct core_broker *old =
	    client < c->cfg->broker_count ? &c->cfg->brokers[client] : NULL;
	size_t map[GAP_ROUTES];

	if (!old || !next || strcmp(old->link.name, next->link.name) != 0) {
		c->counters[client] = (struct broker_counters){ 0 };
		gap_init(&c->gap[client]);
		return;
	}
	map_routes(old, next, map);
	renumber_counters(&c->counters[client], map);
	if (next->gap_topic)
		gap_renumber(&c->gap[client], map);
	else if (!c->gap[client].is_reporting)
		gap_init(&c->gap[client]);
}
