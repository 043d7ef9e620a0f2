/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/faults.h"

#include "base/limits.h"
#include "sim/world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEVER        UINT64_MAX
#define OPERATION_MS 60000
#define HOUR_MS      3600000

/* ---- single commands ---- */

struct kind {
	enum fake_fault_kind kind;
	enum sim_level level; /* from here on */
	uint32_t ms_max;
	int number_max; /* 0: none */
	unsigned weight;
};

static const struct kind kinds[] = {
	{ FAKE_FAULT_ERROR, SIM_REFUSALS, 0, 0, 10 },
	{ FAKE_FAULT_ERR, SIM_REFUSALS, 0, 35, 10 },
	{ FAKE_FAULT_RESULT_ERR, SIM_REFUSALS, 0, 35, 10 },
	{ FAKE_FAULT_ERROR_RESULT, SIM_REFUSALS, 0, 35, 10 },
	{ FAKE_FAULT_BUSY, SIM_REFUSALS, 0, 0, 10 },
	{ FAKE_FAULT_CME, SIM_REFUSALS, 0, 149, 5 },
	{ FAKE_FAULT_NO_ANSWER, SIM_LOSSES, 0, 0, 8 },
	{ FAKE_FAULT_ANSWER_LOST, SIM_LOSSES, 0, 0, 8 },
	{ FAKE_FAULT_FINAL_LOST, SIM_LOSSES, 0, 0, 8 },
	{ FAKE_FAULT_RESULT_LOST, SIM_LOSSES, 0, 0, 8 },
	{ FAKE_FAULT_LATE, SIM_LOSSES, 250000, 0, 8 },
	{ FAKE_FAULT_RESULT_LATE, SIM_LOSSES, 250000, 0, 8 },
	{ FAKE_FAULT_RESULT_DUP, SIM_LOSSES, 0, 0, 8 },
	{ FAKE_FAULT_URC, SIM_LOSSES, 0, 0, 8 },
	{ FAKE_FAULT_LINE_DUP, SIM_LOSSES, 0, 1, 5 },
	{ FAKE_FAULT_LINE_DROP, SIM_CHAOS, 0, 3, 8 },
	{ FAKE_FAULT_GARBAGE, SIM_CHAOS, 0, 40, 8 },
	/* of the name alone: a digit that is lost from a length is noticed by nobody */
	{ FAKE_FAULT_CMD_BYTE, SIM_CHAOS, 0, 8, 8 },
	{ FAKE_FAULT_PROMPT_LOST, SIM_CHAOS, 0, 0, 8 },
	{ FAKE_FAULT_PROMPT_LATE, SIM_CHAOS, 20000, 0, 8 },
	{ FAKE_FAULT_BODY_BYTE, SIM_CHAOS, 0, 60, 8 },
	{ FAKE_FAULT_RESET, SIM_CHAOS, 0, 0, 2 },
	{ FAKE_FAULT_RESET_IN_BODY, SIM_CHAOS, 0, 60, 2 },
	{ FAKE_FAULT_HANG, SIM_CHAOS, 0, 0, 1 },
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static const struct kind *pick_kind(struct world *w)
{
	unsigned total = 0, at;

	for (size_t i = 0; i < KINDS; i++)
		total += kinds[i].level <= w->p.level ? kinds[i].weight : 0;
	at = (unsigned)prng_range(&w->rng, 0, total - 1);
	for (size_t i = 0;; i++) {
		unsigned weight = kinds[i].level <= w->p.level ? kinds[i].weight : 0;

		if (at < weight)
			return &kinds[i];
		at -= weight;
	}
}

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Commands whose result comes on a line of its own, before or after OK. For others an OK is the
 * result. */
static bool has_result(const char *command)
{
	static const char *const names[] = { "+CMQTTSTART", "+CMQTTSTOP",
		"+CMQTTDISC=", "+CMQTTCONNECT=", "+CMQTTPUB=", "+CMQTTSUB=", "+CMQTTUNSUB=" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (begins_with(command, names[i]))
			return true;
	}
	return false;
}

/* Its answer has a line before the final result. */
static bool is_query(const char *command)
{
	return command[0] != '\0' && command[strlen(command) - 1] == '?';
}

/* The modem is told how long these may take (pub_timeout, optimeout: 60 s), and says 17 itself when
 * it is over. What came later could not be told from the result of the next one. */
static bool is_limited(const char *command)
{
	return begins_with(command, "+CMQTTPUB=") || begins_with(command, "+CMQTTSUB=") ||
	       begins_with(command, "+CMQTTUNSUB=");
}

/* CONNECT may fail for any reason. For the rest it is one that passes: a number that refuses this
 * very message or filter for good would have to be believed. */
static int draw_error(struct world *w, const char *command)
{
	static const int passing[] = { 1, 3, 5, 9, 11, 14, 15, 16, 17, 24 };

	if (begins_with(command, "+CMQTTCONNECT="))
		return (int)prng_range(&w->rng, 1, 35);
	return passing[prng_range(&w->rng, 0, sizeof(passing) / sizeof(passing[0]) - 1)];
}

static void keep_numbered(struct world *w, const char *command, struct fake_fault *f)
{
	if (f->kind != FAKE_FAULT_ERROR && f->kind != FAKE_FAULT_CME)
		return;
	f->kind = FAKE_FAULT_ERR;
	f->number = draw_error(w, command);
}

/* The length is what tells it; whatever comes of it, there is no end to it. */
static bool is_jam(const char *command)
{
	const char *comma = strchr(command, ',');

	return begins_with(command, "+CMQTTPAYLOAD=") && comma &&
	       strtol(comma + 1, NULL, 10) == SIM_JAM_LEN;
}

/* A message that the modem does not take three times in a row, while it takes everything else, is
 * to blame for it, and is buried. That must not come about by accident. Messages are told by the
 * length of their topic: two faults of each in an hour. */
static unsigned *find_unstaged(struct world *w, const char *command)
{
	struct faults *f = &w->faults;
	const char *parameters = strchr(command, '=');
	unsigned client = parameters && parameters[1] == '1';

	if (!begins_with(command, "+CMQTTTOPIC=") && !begins_with(command, "+CMQTTPAYLOAD="))
		return NULL;
	if (w->now_ms - f->unstaged_since_ms > HOUR_MS) {
		memset(f->unstaged, 0, sizeof(f->unstaged));
		f->unstaged_since_ms = w->now_ms;
	}
	if (begins_with(command, "+CMQTTTOPIC="))
		f->topic_len[client] = strtoul(parameters + 3, NULL, 10) % FAULTS_TOPIC_MAX;
	return &f->unstaged[client][f->topic_len[client]];
}

bool faults_draw(void *ctx, const char *command, struct fake_fault *ret)
{
	static const char *const lines[] = { "SMS DONE", "PB DONE", "+CGEV: ME PDN ACT 8,1",
		"+CTZV: 26/01/01,12:00:00+04", "+CREG: 1", "+CEREG: 1" };
	struct world *w = ctx;
	unsigned *unstaged = find_unstaged(w, command);
	const struct kind *k;

	if (is_jam(command)) {
		*ret = (struct fake_fault){ .kind = prng_chance(&w->extra, 500)
							? FAKE_FAULT_NO_ANSWER
							: FAKE_FAULT_PROMPT_LOST };
		return true;
	}
	/* A PIN is tried once, and not when one attempt is left: no fault of either command can be
	 * repaired by us. And a modem that does not say
	 * whether it is connected must not be told to disconnect: sister models reboot. */
	if (w->faults.is_over || begins_with(command, "+CPIN=") || begins_with(command, "+SPIC") ||
	    begins_with(command, "+CMQTTDISC?") ||
	    (unstaged && *unstaged >= BRIDGE_POISON_TRIES - 1) ||
	    !prng_chance(&w->rng, w->p.command_permille))
		return false;
	k = pick_kind(w);
	if (unstaged && k->level >= SIM_LOSSES)
		++*unstaged;
	*ret = (struct fake_fault){ .kind = k->kind };
	if (k->ms_max > 0)
		ret->ms = (uint32_t)prng_range(&w->rng, 1, k->ms_max);
	if (k->kind == FAKE_FAULT_RESULT_LATE && is_limited(command))
		ret->ms %= OPERATION_MS;
	if (k->number_max > 0)
		ret->number = (int)prng_range(&w->rng, 1, (unsigned)k->number_max);
	if (k->kind == FAKE_FAULT_ERR || k->kind == FAKE_FAULT_RESULT_ERR ||
	    k->kind == FAKE_FAULT_ERROR_RESULT)
		ret->number = draw_error(w, command);
	/* Without a number nobody knows whether it is this filter that is refused: it is given up.
	 */
	if (begins_with(command, "+CMQTTSUB") || begins_with(command, "+CMQTTUNSUB"))
		keep_numbered(w, command, ret);
	if (!has_result(command) &&
	    (k->kind == FAKE_FAULT_RESULT_ERR || k->kind == FAKE_FAULT_ERROR_RESULT))
		ret->kind = FAKE_FAULT_ERR;
	/* Not a final result: whose it is the second time, nobody could tell. */
	if (k->kind == FAKE_FAULT_LINE_DUP)
		ret->kind = is_query(command) ? ret->kind : FAKE_FAULT_RESULT_DUP;
	snprintf(ret->text, sizeof(ret->text), "%s", lines[prng_range(&w->rng, 0, 5)]);
	w->faults.commands++;
	world_note(
	    w, "fault %d (%d, %u ms) of AT%.20s", (int)ret->kind, ret->number, ret->ms, command);
	return true;
}

/* ---- events ---- */

typedef void event_fn(struct world *w, uint64_t now_ms);

static void lose_connection(struct world *w, uint64_t now_ms)
{
	fake_modem_connlost(
	    w->modem, now_ms, (unsigned)prng_range(&w->rng, 0, 1), (int)prng_range(&w->rng, 1, 3));
}

static void lose_network(struct world *w, uint64_t now_ms)
{
	fake_modem_nonet(w->modem, now_ms);
}

static void fail_ping(struct world *w, uint64_t now_ms)
{
	fake_modem_ping_fail(w->modem, now_ms, (unsigned)prng_range(&w->rng, 0, 1), 17);
}

static void take_broker_down(struct world *w, uint64_t now_ms)
{
	unsigned i = (unsigned)prng_range(&w->rng, 0, 1);
	static const int refusals[] = { 25, 26, 29, 30, 31, 32 };

	w->faults.broker_back_ms[i] = now_ms + prng_range(&w->rng, 1000, 120000);
	if (prng_chance(&w->rng, 300))
		w->brokers[i].is_mute = true;
	else if (prng_chance(&w->rng, 300))
		w->brokers[i].refusal = refusals[prng_range(&w->rng, 0, 5)];
	else
		fake_broker_set_down(&w->brokers[i], now_ms, true);
}

static void lose_registration(struct world *w, uint64_t now_ms)
{
	static const int stats[] = { 0, 2, 3, 4 };

	w->faults.registered_ms = now_ms + prng_range(&w->rng, 1000, 90000);
	fake_modem_set_registration(w->modem, now_ms, stats[prng_range(&w->rng, 0, 3)]);
}

static void drop_client(struct world *w, uint64_t now_ms)
{
	fake_client_hang_up(&w->clients[prng_range(&w->rng, 0, WORLD_CLIENTS - 1)], now_ms);
}

static void reset_modem(struct world *w, uint64_t now_ms)
{
	fake_modem_reset(w->modem, now_ms, prng_chance(&w->rng, 500));
	if (w->p.has_port_loss)
		world_lose_port(w, now_ms, prng_range(&w->rng, 100, 15000));
}

static void make_noise(struct world *w, uint64_t now_ms)
{
	uint8_t noise[40];
	size_t n = prng_range(&w->rng, 1, sizeof(noise));

	for (size_t i = 0; i < n; i++)
		noise[i] = (uint8_t)prng_u64(&w->rng);
	fake_modem_noise(w->modem, now_ms, noise, n);
}

static void lose_port(struct world *w, uint64_t now_ms)
{
	world_lose_port(w, now_ms, prng_range(&w->rng, 100, 60000));
}

static void hang_modem(struct world *w, uint64_t now_ms)
{
	fake_modem_hang(w->modem, now_ms);
}

static void cut_power(struct world *w, uint64_t now_ms)
{
	faults_power_cycle(w, now_ms);
}

static void reload(struct world *w, uint64_t now_ms)
{
	if (!w->is_stopping)
		world_reload(w, now_ms);
}

static void crash(struct world *w, uint64_t now_ms)
{
	if (!w->is_stopping)
		world_restart(w, now_ms);
}

static const struct event {
	event_fn *fn;
	const char *name;
	enum sim_level level;
	unsigned weight;
} events[] = {
	{ lose_connection, "connection lost", SIM_LOSSES, 10 },
	{ lose_network, "network lost", SIM_LOSSES, 6 },
	{ fail_ping, "ping failed", SIM_LOSSES, 6 },
	{ take_broker_down, "broker down", SIM_LOSSES, 8 },
	{ lose_registration, "registration lost", SIM_LOSSES, 4 },
	{ drop_client, "client dropped", SIM_LOSSES, 8 },
	{ reset_modem, "modem reset", SIM_CHAOS, 5 },
	{ make_noise, "noise", SIM_CHAOS, 10 },
	{ lose_port, "port lost", SIM_CHAOS, 6 },
	{ hang_modem, "modem hangs", SIM_CHAOS, 1 },
	{ cut_power, "power cut", SIM_CHAOS, 2 },
	{ reload, "reload", SIM_CHAOS, 5 },
	{ crash, "daemon killed", SIM_CHAOS, 3 },
};

enum { EVENTS = sizeof(events) / sizeof(events[0]) };

static void run_event(struct world *w, uint64_t now_ms)
{
	unsigned total = 0, at;

	for (size_t i = 0; i < EVENTS; i++)
		total += events[i].level <= w->p.level ? events[i].weight : 0;
	at = (unsigned)prng_range(&w->rng, 0, total - 1);
	for (size_t i = 0; i < EVENTS; i++) {
		unsigned weight = events[i].level <= w->p.level ? events[i].weight : 0;

		if (at < weight) {
			world_note(w, "event: %s", events[i].name);
			w->faults.events++;
			events[i].fn(w, now_ms);
			return;
		}
		at -= weight;
	}
}

static void mend_broker(struct world *w, unsigned i)
{
	w->faults.broker_back_ms[i] = NEVER;
	w->brokers[i].is_mute = false;
	w->brokers[i].refusal = 0;
	w->brokers[i].is_down = false;
}

void faults_init(struct faults *f, struct world *w)
{
	*f = (struct faults){ .next_ms = NEVER,
		.port_back_ms = NEVER,
		.power_on_ms = NEVER,
		.broker_back_ms = { NEVER, NEVER },
		.registered_ms = NEVER };
	if (w->p.event_mean_ms > 0)
		f->next_ms = w->now_ms + prng_range(&w->rng, 0, 2ULL * w->p.event_mean_ms);
}

uint64_t faults_deadline(const struct faults *f)
{
	uint64_t due = timer_min(f->next_ms, f->port_back_ms);

	due = timer_min(due, f->power_on_ms);
	due = timer_min(due, f->broker_back_ms[0]);
	due = timer_min(due, f->broker_back_ms[1]);
	return timer_min(due, f->registered_ms);
}

bool faults_run(struct world *w, uint64_t now_ms)
{
	struct faults *f = &w->faults;

	if (faults_deadline(f) > now_ms)
		return false;
	if (f->next_ms <= now_ms) {
		f->next_ms = now_ms + prng_range(&w->rng, 1, 2ULL * w->p.event_mean_ms);
		run_event(w, now_ms);
	}
	if (f->power_on_ms <= now_ms) {
		f->power_on_ms = NEVER;
		fake_modem_power(w->modem, now_ms, true);
	}
	if (f->port_back_ms <= now_ms) {
		f->port_back_ms = NEVER;
		world_port_back(w, now_ms);
	}
	for (unsigned i = 0; i < SIM_BROKERS; i++) {
		if (f->broker_back_ms[i] <= now_ms)
			mend_broker(w, i);
	}
	if (f->registered_ms <= now_ms) {
		f->registered_ms = NEVER;
		fake_modem_set_registration(w->modem, now_ms, 1);
	}
	return true;
}

void faults_power_cycle(struct world *w, uint64_t now_ms)
{
	fake_modem_power(w->modem, now_ms, false);
	w->faults.power_on_ms = now_ms + prng_range(&w->rng, 500, 5000);
	if (w->p.has_port_loss)
		world_lose_port(w, now_ms, prng_range(&w->rng, 5000, 15000));
}

/* A modem that hangs stays so: to notice and to cut its power is our own affair. */
void faults_stop(struct world *w, uint64_t now_ms)
{
	struct faults *f = &w->faults;

	f->is_over = true;
	f->next_ms = NEVER;
	w->store.fail_permille = 0;
	for (unsigned i = 0; i < SIM_BROKERS; i++)
		mend_broker(w, i);
	f->port_back_ms = f->port_back_ms == NEVER ? NEVER : now_ms;
	f->registered_ms = f->registered_ms == NEVER ? NEVER : now_ms;
	f->power_on_ms = f->power_on_ms == NEVER ? NEVER : now_ms;
}
