/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simulation of the AT stack under a virtual clock: a seed is a test.
 *
 * usage: at_sim [--seeds N] [--first S] [--level 0..3] [--jobs N] [-v]
 *
 * Level 0: no faults; 1: 15 % of the commands fail; 2: and 3 % of the results are lost or late; 3:
 * and prompts and bytes of bodies get lost, there is noise, and the modem reboots. Prints a row a
 * level, and for a wrong seed the command that shows it. Exit status 1 if any seed was wrong.
 */
#include "at/at_chan.h"
#include "at/at_line.h"
#include "at_world.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/timerq.h"
#include "options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LEVELS          4
#define RECOVERY_MAX_MS 30000    /* from the first fence until the line is ours, modem permitting */
#define JOB_MAX_MS      7200000  /* no job may take longer, whatever happens */
#define TURNS_MAX       20000000 /* something turns on the spot */

/* ---- scripts ---- */

#define STAGE(cmd, params, what)                                                                  \
	{                                                                                         \
		.send = "AT+" cmd "=<client_index>,<req_length>" params, .data = what,            \
		.only_if = what, .refusal = "+" cmd ": <client_index>,<err>", .timeout_ms = 12000 \
	}
#define RUN(cmd, params, ...)                                                                 \
	{                                                                                     \
		.send = "AT+" cmd "=<client_index>" params,                                   \
		.answer = "+" cmd ": <client_index>,<err>", .timeout_ms = 200000, __VA_ARGS__ \
	}

static const struct at_step publish_script[] = { STAGE("CMQTTTOPIC", "", "topic"),
	STAGE("CMQTTPAYLOAD", "", "payload"),
	RUN("CMQTTPUB", ",1,60", .data = NULL, .is_last = true) };
static const struct at_step subscribe_script[] = { STAGE("CMQTTSUBTOPIC", ",1", "topic"),
	RUN("CMQTTSUB", ",0", .data = NULL, .is_last = true) };
static const struct at_step connect_script[] = { { .send = "AT+CMQTTACCQ=<client_index>,\"me\",0,4",
						     .refusal = "+CMQTTACCQ: <client_index>,<err>",
						     .fine_errs = { 19 },
						     .timeout_ms = 12000 },
	RUN("CMQTTCONNECT", ",\"tcp://h\",60,1", .data = NULL, .is_last = true) };
static const struct at_step close_script[] = {
	RUN("CMQTTDISC", ",60", .fine_errs = { 11 }),
	{ .send = "AT+CMQTTREL=<client_index>",
	    .error_is_fine = true,
	    .timeout_ms = 12000,
	    .is_last = true },
};
static const struct at_step config_script[] = {
	{ .send = "AT+CMQTTCFG=\"checkUTF8\",<client_index>,0",
	    .refusal = "+CMQTTCFG: <client_index>,<err>",
	    .timeout_ms = 12000,
	    .is_last = true },
};
static const struct at_step start_script[] = {
	{ .send = "AT+CMQTTSTART",
	    .answer = "+CMQTTSTART: <err>",
	    .fine_errs = { 23 },
	    .timeout_ms = 120000,
	    .is_last = true },
};
static const struct at_step signal_script[] = {
	{ .send = "AT+CSQ", .collect = "+CSQ:", .timeout_ms = 5000, .is_last = true },
};
static const struct at_step model_script[] = {
	{ .send = "AT+CGMM", .collect = "*", .timeout_ms = 5000, .is_last = true },
};

static const struct {
	const struct at_step *script;
	unsigned steps;
	unsigned weight;
} client_kinds[] = {
	{ publish_script, 3, 50 },
	{ subscribe_script, 2, 15 },
	{ connect_script, 2, 15 },
	{ close_script, 2, 10 },
	{ config_script, 1, 10 },
};
#define CLOSE_KIND 3

static const struct at_framing framing[] = {
	{ "+CMQTTRXTOPIC:", MODEM_TOPIC_MAX },
	{ "+CMQTTRXPAYLOAD:", MODEM_RX_CHUNK_MAX },
	{ 0 },
};

/* ---- one run ---- */

struct slot {
	struct at_job job;
	struct at_args args;
	struct at_world_bytes topic;
	struct at_world_bytes payload;
	unsigned steps; /* that the modem will have seen when it succeeds */
	bool is_active;
	bool must_close; /* after an unknown outcome: forget what is staged */
	uint64_t next_ms;
	uint64_t submitted_ms;
	unsigned infos;
};

/* A message on its way in, as the host puts it together. */
struct assembly {
	struct at_world_bytes topic;
	struct at_world_bytes payload;
};

struct tally {
	uint64_t ok, failed, unknown, inbound, virtual_ms;
};

struct sim {
	struct at_world world;
	struct at_chan *chan;
	struct prng prng; /* of the host's side */
	struct slot slot[AT_WORLD_SLOTS];
	struct assembly assembly[AT_WORLD_CLIENTS];
	uint64_t now_ms;
	uint64_t fence_since_ms; /* 0: the line is ours */
	uint64_t held_since_ms;  /* 0: no message is open */
	uint64_t next_inject_ms;
	unsigned jobs_left;
	unsigned urc_seen;
	unsigned unknown, cancelled;
	bool awaits_connlost;
	bool verbose;
	int level;
	uint64_t hash;
	struct tally *tally;
	const char *wrong;
};

static const struct at_world_faults level_faults[LEVELS] = {
	{ 0 },
	{ .fail = 150 },
	{ .fail = 150, .lost = 15, .late = 15 },
	{ .fail = 150, .lost = 15, .late = 15, .prompt = 30, .body = 30, .noise = 20, .reboot = 4 },
};

static void note(struct sim *s, const char *what, const void *data, size_t len)
{
	s->hash = hash_fnv1a(s->hash, &s->now_ms, sizeof(s->now_ms));
	s->hash = hash_fnv1a(s->hash, what, strlen(what));
	s->hash = hash_fnv1a(s->hash, data, len);
	if (!s->verbose)
		return;
	printf("%10" PRIu64 " %s ", s->now_ms, what);
	for (size_t i = 0; i < len && i < 120; i++) {
		int c = ((const uint8_t *)data)[i];

		printf(c >= 0x20 && c < 0x7f ? "%c" : "\\x%02x", (unsigned)c);
	}
	printf("\n");
}

static void accuse(struct sim *s, const char *what)
{
	if (!s->wrong)
		s->wrong = what;
}

/* ---- jobs ---- */

static size_t pick_kind(struct sim *s)
{
	uint64_t ticket = prng_range(&s->prng, 0, 99);
	size_t kind = 0;

	while (ticket >= client_kinds[kind].weight)
		ticket -= client_kinds[kind++].weight;
	return kind;
}

/* A line that comes before the echo of a body that begins like it: nobody could tell. */
static void avoid_ambiguity(const struct sim *s, struct at_world_bytes *body)
{
	if ((s->world.has_echo || s->world.faults.reboot > 0) && body->len > 0 &&
	    body->data[0] == '\r')
		body->data[0] = '>';
}

static void prepare_client_job(struct sim *s, struct slot *slot)
{
	size_t kind = slot->must_close ? CLOSE_KIND : pick_kind(s);
	bool is_empty = kind == 0 && prng_chance(&s->prng, 100);

	slot->job.script = client_kinds[kind].script;
	slot->steps = client_kinds[kind].steps - is_empty;
	at_world_make_body(&s->prng, &slot->topic, at_world_pick_length(&s->prng, MODEM_TOPIC_MAX));
	slot->payload.len = 0;
	if (!is_empty)
		at_world_make_body(
		    &s->prng, &slot->payload, at_world_pick_length(&s->prng, MODEM_PAYLOAD_MAX));
	avoid_ambiguity(s, &slot->topic);
	avoid_ambiguity(s, &slot->payload);
	at_args_bytes(&slot->args, "topic", slot->topic.data, slot->topic.len);
	at_args_bytes(&slot->args, "payload", slot->payload.data, slot->payload.len);
}

static void prepare_modem_job(struct sim *s, struct slot *slot)
{
	static const struct at_step *const kinds[] = { start_script, signal_script, model_script };

	slot->job.script = kinds[prng_range(&s->prng, 0, 2)];
	slot->steps = 1;
}

static void submit(struct sim *s, size_t index)
{
	struct slot *slot = &s->slot[index];

	if (index < AT_WORLD_CLIENTS)
		prepare_client_job(s, slot);
	else
		prepare_modem_job(s, slot);
	slot->job.args = &slot->args;
	slot->is_active = true;
	slot->submitted_ms = s->now_ms;
	slot->infos = 0;
	s->world.truth[index] = (struct at_world_truth){ .serial = s->jobs_left };
	s->world.topic[index] = &slot->topic;
	s->world.payload[index] = &slot->payload;
	s->jobs_left--;
	note(s, "SUBMIT", slot->job.script[0].send, strlen(slot->job.script[0].send));
	if (at_chan_submit(s->chan, s->now_ms, &slot->job) < 0)
		accuse(s, "a job was not accepted");
}

static void judge_failure(struct sim *s, const struct at_world_truth *t, const struct at_event *ev)
{
	if (t->is_muffled)
		return;
	if (!t->failed)
		accuse(s, "a job failed that the modem had done");
	else if (ev->has_err != t->has_err || (t->has_err && ev->err != t->err))
		accuse(s, "a job failed with the wrong number");
}

static void judge_success(struct sim *s, const struct slot *slot, const struct at_world_truth *t)
{
	if (t->failed || t->ok_steps != slot->steps)
		accuse(s, "a job succeeded that the modem had failed");
	if (slot->job.script[0].collect && slot->infos != 1)
		accuse(s, "an information line is missing");
}

static void end_job(struct sim *s, const struct at_event *ev)
{
	size_t index = (size_t)ev->job->owner;
	struct slot *slot = &s->slot[index];
	const struct at_world_truth *t = &s->world.truth[index];
	static const char *const names[] = { "OK", "FAILED", "UNKNOWN", "CANCELLED", "INVALID" };

	note(s, "DONE", names[ev->result], strlen(names[ev->result]));
	slot->is_active = false;
	slot->next_ms = s->now_ms;
	if (!prng_chance(&s->prng, 400))
		slot->next_ms += prng_range(&s->prng, 0, 3000);
	switch (ev->result) {
	case AT_OK:
		judge_success(s, slot, t);
		if (slot->job.script == close_script)
			slot->must_close = false;
		s->tally->ok++;
		break;
	case AT_FAILED:
		judge_failure(s, t, ev);
		if (ev->has_err && ev->err == 14)
			slot->next_ms += prng_range(&s->prng, 20000, 60000);
		s->tally->failed++;
		break;
	case AT_UNKNOWN:
		if (s->level < 2)
			accuse(s, "a job timed out without a fault");
		slot->must_close = true;
		s->world.in_flight = false;
		s->unknown++;
		s->tally->unknown++;
		break;
	case AT_CANCELLED:
		s->cancelled++;
		break;
	case AT_INVALID:
		accuse(s, "a job was called invalid");
		break;
	}
}

/* ---- what the modem says by itself ---- */

static void add_bytes(struct at_world_bytes *b, struct span data)
{
	if (b->len + data.len > sizeof(b->data))
		return;
	memcpy(b->data + b->len, data.data, data.len);
	b->len += data.len;
}

static bool is_equal(const struct at_world_bytes *a, const struct at_world_bytes *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/* The message is the next that the modem sent, or one before it was cut off. */
static void check_message(struct sim *s, unsigned client)
{
	struct at_world *w = &s->world;
	struct at_world_inbound in;
	struct at_world_bytes topic, payload;
	bool is_right = false;
	struct prng p;

	do {
		if (w->inbound_count == 0) {
			accuse(s, "a message came in that was not sent");
			return;
		}
		in = w->inbound[0];
		memmove(w->inbound, w->inbound + 1, --w->inbound_count * sizeof(w->inbound[0]));
		prng_init(&p, in.seed);
		at_world_make_body(&p, &topic, in.topic_len);
		at_world_make_body(&p, &payload, in.payload_len);
		is_right = in.client == client && is_equal(&topic, &s->assembly[client].topic) &&
			   is_equal(&payload, &s->assembly[client].payload);
	} while (!is_right && in.is_cut);
	if (!is_right && w->reboot_count == 0)
		accuse(s, "a message that came in differs");
	s->tally->inbound++;
}

static void take_numbered_urc(struct sim *s, unsigned number)
{
	unsigned expected = s->urc_seen + 1;

	if (number < expected || (number > expected && s->world.reboot_count == 0))
		accuse(s, "an unsolicited line was lost or came twice");
	s->urc_seen = number;
}

static void take_urc(struct sim *s, const struct at_event *ev)
{
	uint32_t number = 0;
	unsigned client;

	at_line_number(ev->line, 0, &number);
	client = number % AT_WORLD_CLIENTS;
	if (span_begins_with(ev->line, "+CREG:")) {
		take_numbered_urc(s, number);
	} else if (span_begins_with(ev->line, "+CMQTTRXSTART:")) {
		s->assembly[client].topic.len = 0;
		s->assembly[client].payload.len = 0;
		s->held_since_ms = s->now_ms;
		at_chan_hold(s->chan, s->now_ms);
	} else if (span_begins_with(ev->line, "+CMQTTRXTOPIC:")) {
		add_bytes(&s->assembly[client].topic, ev->data);
	} else if (span_begins_with(ev->line, "+CMQTTRXPAYLOAD:")) {
		add_bytes(&s->assembly[client].payload, ev->data);
	} else if (span_begins_with(ev->line, "+CMQTTRXEND:")) {
		s->held_since_ms = 0;
		at_chan_unhold(s->chan);
		check_message(s, client);
	} else if (span_begins_with(ev->line, "+CMQTTCONNLOST:")) {
		s->awaits_connlost = false;
		at_chan_set_dirty(s->chan);
		s->slot[prng_range(&s->prng, 0, 1)].next_ms = s->now_ms;
	} else if (span_is(ev->line, "RDY")) {
		s->held_since_ms = 0;
		at_chan_rebooted(s->chan, s->now_ms);
	} else if (span_begins_with(ev->line, "note")) {
		accuse(s, "a line lost its first character");
	}
}

static void take_info(struct sim *s, const struct at_event *ev)
{
	struct slot *slot = &s->slot[ev->job->owner];

	slot->infos++;
	if (!span_is(ev->line, s->world.truth[ev->job->owner].info))
		accuse(s, "an information line differs");
}

static bool ends_with(struct span line, const char *text)
{
	size_t len = strlen(text);

	return line.len >= len && memcmp(line.data + line.len - len, text, len) == 0;
}

static void take_sent(struct sim *s, const struct at_event *ev)
{
	bool is_fence = ends_with(ev->line, "AT+CMEE?") || ends_with(ev->line, "AT+CGATT?") ||
			ends_with(ev->line, "AT");
	bool is_body = ev->line.data[0] == '<' && !is_fence;

	if (!is_body && s->held_since_ms != 0 && s->now_ms - s->held_since_ms < AT_HOLD_MAX_MS)
		accuse(s, "a command went out while a message was coming in");
	if (!is_fence && s->fence_since_ms != 0)
		accuse(s, "a command went out on a line that is not ours");
	if (is_fence && s->fence_since_ms == 0)
		s->fence_since_ms = s->now_ms;
}

static void take_event(struct sim *s, const struct at_event *ev)
{
	static const char *const names[] = { "DONE", "INFO", "URC", "GARBAGE", "FENCED", "STUCK",
		"SENT", "LINE" };

	if (ev->type != AT_EVENT_DONE)
		note(s, names[ev->type], ev->line.data, ev->line.len);
	switch (ev->type) {
	case AT_EVENT_DONE:
		end_job(s, ev);
		break;
	case AT_EVENT_INFO:
		take_info(s, ev);
		break;
	case AT_EVENT_URC:
		take_urc(s, ev);
		break;
	case AT_EVENT_FENCED:
		s->fence_since_ms = 0;
		break;
	case AT_EVENT_SENT:
		take_sent(s, ev);
		break;
	case AT_EVENT_GARBAGE:
		if (s->level < 3)
			accuse(s, "garbage without a fault");
		break;
	case AT_EVENT_STUCK:
	case AT_EVENT_LINE:
		break;
	}
}

/* ---- the loop ---- */

static void drain(struct sim *s)
{
	struct buf *tx = at_chan_tx(s->chan);
	struct at_event ev;

	while (!s->wrong && at_chan_next(s->chan, s->now_ms, &ev))
		take_event(s, &ev);
	if (buf_len(tx) == 0)
		return;
	note(s, "TX", buf_data(tx), buf_len(tx));
	at_world_from_host(&s->world, s->now_ms, buf_data(tx), buf_len(tx));
	buf_consume(tx, buf_len(tx));
	if (s->world.wrong)
		accuse(s, s->world.wrong);
}

static bool is_all_idle(const struct sim *s)
{
	for (size_t i = 0; i < AT_WORLD_SLOTS; i++)
		if (s->slot[i].is_active)
			return false;
	return true;
}

static void inject(struct sim *s)
{
	struct at_world *w = &s->world;
	bool may_stray = is_all_idle(s) && at_world_is_quiet(w) && s->fence_since_ms == 0;

	s->next_inject_ms =
	    s->now_ms + prng_range(&s->prng, 1, prng_chance(&s->prng, 500) ? 200 : 8000);
	if (s->jobs_left == 0 || w->is_booting)
		return;
	if (may_stray && prng_chance(&s->prng, 300)) {
		s->awaits_connlost = true;
		at_world_inject_connlost(w);
	} else if (!w->has_echo && prng_chance(&s->prng, w->faults.noise * 3)) {
		at_world_inject_noise(w);
	} else if (prng_chance(&s->prng, 500)) {
		at_world_inject_urc(w);
	} else {
		at_world_inject_message(w);
	}
}

static void submit_due(struct sim *s)
{
	for (size_t i = 0; i < AT_WORLD_SLOTS && s->jobs_left > 0; i++)
		if (!s->slot[i].is_active && s->now_ms >= s->slot[i].next_ms && !s->awaits_connlost)
			submit(s, i);
}

/* The owner loses patience. Not while only the answer is awaited: the modem would still give it,
 * and the owner's next job could take it for its own. */
static void cancel_some(struct sim *s)
{
	size_t i = prng_range(&s->prng, 0, AT_WORLD_SLOTS - 1);

	if (s->level == 3 && s->slot[i].is_active && s->slot[i].job.state != AT_JOB_CONCLUDING &&
	    prng_chance(&s->prng, 20)) {
		note(s, "CANCEL", &i, sizeof(i));
		at_chan_cancel(s->chan, s->now_ms, &s->slot[i].job);
	}
}

static void check_liveness(struct sim *s)
{
	uint64_t since_ms = s->fence_since_ms;

	if (since_ms != 0 && since_ms < s->world.blocked_until_ms)
		since_ms = s->world.blocked_until_ms;
	if (since_ms != 0 && s->now_ms > since_ms + RECOVERY_MAX_MS)
		accuse(s, "the line was not recovered in time");
	for (size_t i = 0; i < AT_WORLD_SLOTS; i++)
		if (s->slot[i].is_active && s->now_ms > s->slot[i].submitted_ms + JOB_MAX_MS)
			accuse(s, "a job did not end");
}

static uint64_t next_turn_ms(const struct sim *s)
{
	uint64_t due_ms = timer_min(at_world_deadline(&s->world), at_chan_deadline(s->chan));

	due_ms = timer_min(due_ms, s->next_inject_ms);
	for (size_t i = 0; i < AT_WORLD_SLOTS; i++)
		if (!s->slot[i].is_active && s->jobs_left > 0 && !s->awaits_connlost)
			due_ms = timer_min(due_ms, s->slot[i].next_ms);
	return due_ms > s->now_ms ? due_ms : s->now_ms;
}

static void turn(struct sim *s)
{
	uint8_t bytes[4096];
	size_t n;

	s->now_ms = next_turn_ms(s);
	if (s->now_ms >= s->next_inject_ms) {
		inject(s);
		cancel_some(s);
	}
	submit_due(s);
	drain(s);
	while (
	    !s->wrong && (n = at_world_to_host(&s->world, s->now_ms, bytes, sizeof(bytes))) > 0) {
		s->hash = hash_fnv1a(s->hash, bytes, n);
		at_chan_rx(s->chan, s->now_ms, bytes, n);
		drain(s);
	}
	check_liveness(s);
}

static void check_end(struct sim *s)
{
	const struct at_world *w = &s->world;

	for (size_t i = 0; i < w->inbound_count; i++)
		if (!w->inbound[i].is_cut)
			accuse(s, "a message that came in was lost");
	if (w->reboot_count == 0 && s->urc_seen != w->urc_count)
		accuse(s, "an unsolicited line was lost");
	if (s->unknown > 4 * (w->fault_count + 2 * s->cancelled) + (s->level == 3 ? 60u : 0u))
		accuse(s, "more unknown outcomes than faults explain");
}

static bool is_over(const struct sim *s)
{
	return s->wrong || (s->jobs_left == 0 && is_all_idle(s) && at_world_is_quiet(&s->world) &&
			       s->fence_since_ms == 0);
}

/* NULL, or what was wrong. */
static const char *run(
    uint64_t seed, int level, unsigned jobs, bool verbose, struct tally *tally, uint64_t *ret_hash)
{
	struct sim *s = calloc(1, sizeof(*s));
	const char *wrong;
	uint64_t turns;

	if (!s)
		abort();
	prng_init(&s->prng, seed * 2 + 1);
	at_world_init(&s->world, seed * 2, &level_faults[level], prng_chance(&s->prng, 250));
	s->chan = at_chan_new(framing, AT_CMD_MAX);
	if (!s->chan)
		abort();
	s->now_ms = 1000;
	s->level = level;
	s->jobs_left = jobs;
	s->verbose = verbose;
	s->tally = tally;
	s->hash = HASH_INIT;
	for (size_t i = 0; i < AT_WORLD_SLOTS; i++) {
		at_args_init(&s->slot[i].args);
		at_args_number(&s->slot[i].args, "client_index", i);
		s->slot[i].job.owner = (uint8_t)i;
	}
	at_chan_set_trace(s->chan, true);
	at_chan_open(s->chan, s->now_ms);
	for (turns = 0; turns < TURNS_MAX && !is_over(s); turns++)
		turn(s);
	if (turns == TURNS_MAX)
		accuse(s, "it turns on the spot");
	check_end(s);
	tally->virtual_ms += s->now_ms;
	*ret_hash = s->hash;
	wrong = s->wrong;
	at_chan_free(s->chan);
	at_world_fini(&s->world);
	free(s);
	return wrong;
}

struct options {
	uint64_t seeds;
	uint64_t first;
	uint64_t level; /* LEVELS: all */
	uint64_t jobs;
	bool verbose;
};

/* Seeds that were wrong. */
static unsigned run_level(const struct options *o, int level)
{
	struct tally tally = { 0 }, again = { 0 };
	uint64_t hash, second_hash;
	unsigned wrong_count = 0;
	clock_t begin = clock();

	for (uint64_t seed = o->first; seed < o->first + o->seeds; seed++) {
		const char *wrong = run(seed, level, (unsigned)o->jobs, o->verbose, &tally, &hash);

		/* Same seed, same trace: tried on some. */
		if (!wrong && seed % 16 == 0) {
			run(seed, level, (unsigned)o->jobs, false, &again, &second_hash);
			if (second_hash != hash)
				wrong = "the same seed gave another trace";
		}
		if (!wrong)
			continue;
		if (++wrong_count <= 10)
			printf("WRONG: %s: at_sim --level %d --first %" PRIu64
			       " --seeds 1 --jobs %" PRIu64 " -v\n",
			    wrong, level, seed, o->jobs);
	}
	printf("%5d %7" PRIu64 " %6u %9" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64
	       " %8.1f %8.1f\n",
	    level, o->seeds, wrong_count, tally.ok, tally.failed, tally.unknown, tally.inbound,
	    (double)tally.virtual_ms / 3600000.0, (double)(clock() - begin) / CLOCKS_PER_SEC);
	return wrong_count;
}

static bool parse_options(int argc, char **argv, struct options *o)
{
	const struct option_number numbers[] = {
		{ "--seeds", UINT32_MAX, &o->seeds },
		{ "--first", UINT64_MAX / 2, &o->first },
		{ "--jobs", UINT32_MAX, &o->jobs },
		{ "--level", LEVELS - 1, &o->level },
	};

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-v") == 0)
			o->verbose = true;
		else if (!options_read_number(
			     argv, &i, numbers, sizeof(numbers) / sizeof(numbers[0])))
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct options o = { .seeds = 200, .first = 1, .level = LEVELS, .jobs = 40 };
	unsigned wrong = 0;

	if (!parse_options(argc, argv, &o)) {
		fprintf(stderr,
		    "usage: at_sim [--seeds N] [--first S] [--level 0..3] [--jobs N] [-v]\n");
		return 2;
	}
	printf("level   seeds  wrong   jobs ok   failed  unknown  inbound  virtual h  real s\n");
	for (int level = 0; level < LEVELS; level++)
		if (o.level == LEVELS || o.level == (uint64_t)level)
			wrong += run_level(&o, level);
	return wrong > 0;
}
