/* SPDX-License-Identifier: Apache-2.0 */
#include "at_world.h"

#include "base/timerq.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LATE_MS      200000
#define BOOT_MAX_MS  20000
#define NEAR_MS      1000 /* the next result comes while the host waits behind an ERROR */
#define RX_PIECE_MAX 1500 /* AT manual 16.3.2 */
#define INPUT_MAX    4194304

/* Bytes that stay together on their way to the host, after a pause. */
struct at_world_piece {
	struct at_world_piece *next;
	uint64_t pause_ms;
	bool is_final;
	bool is_started;
	bool may_be_cut; /* a reboot may end it in the middle */
	size_t pos;
	size_t len;
	uint8_t bytes[];
};

/* ---- bodies ---- */

size_t at_world_pick_length(struct prng *p, size_t max)
{
	static const size_t special[] = { 1, 2, 1499, 1500, 1501, 10240 };
	size_t len = prng_chance(p, 40) ? special[prng_range(p, 0, 5)] : prng_range(p, 1, 60);

	return len < max ? len : max;
}

void at_world_make_body(struct prng *p, struct at_world_bytes *ret, size_t len)
{
	static const char *const traps[] = { "\r\nOK\r\n", ">", "\r\nERROR\r\n", "\r\n>",
		"\r\n+CMQTTPUB: 0,0\r\n", "\r\n+CMQTTRXEND: 0\r\n", "+CMQTTRXPAYLOAD: 1,900\r\n",
		"\r", "\n", "AT+CMEE?\r", "\r\n+CMEE: 0\r\n\r\nOK\r\n", "\r\nRDY\r\n" };
	const char *trap;
	size_t n;

	ret->len = 0;
	while (ret->len < len) {
		if (!prng_chance(p, 300)) {
			ret->data[ret->len++] = (uint8_t)prng_u64(p);
			continue;
		}
		trap = traps[prng_range(p, 0, sizeof(traps) / sizeof(traps[0]) - 1)];
		n = strlen(trap) < len - ret->len ? strlen(trap) : len - ret->len;
		memcpy(ret->data + ret->len, trap, n);
		ret->len += n;
	}
}

/* ---- towards the host ---- */

static struct at_world_piece *push(
    struct at_world *w, uint64_t pause_ms, const void *data, size_t len)
{
	struct at_world_piece *piece = calloc(1, sizeof(*piece) + len);

	if (!piece)
		abort();
	piece->pause_ms = pause_ms;
	piece->len = len;
	memcpy(piece->bytes, data, len);
	if (w->last)
		w->last->next = piece;
	else
		w->first = piece;
	w->last = piece;
	return piece;
}

static struct at_world_piece *push_line(struct at_world *w, uint64_t pause_ms, const char *text)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "\r\n%s\r\n", text);

	return push(w, pause_ms, line, (size_t)n);
}

static void pop(struct at_world *w)
{
	struct at_world_piece *piece = w->first;

	w->first = piece->next;
	if (!w->first)
		w->last = NULL;
	free(piece);
}

static uint64_t some_ms(struct at_world *w)
{
	return prng_range(&w->prng, 0, 10);
}

static void set_timer(
    struct at_world *w, uint64_t due_ms, int client, bool is_final, const char *text)
{
	for (size_t i = 0; i < AT_WORLD_TIMERS; i++) {
		if (w->timer[i].due_ms != 0)
			continue;
		w->timer[i] = (struct at_world_timer){
			.due_ms = due_ms, .client = client, .is_final = is_final
		};
		snprintf(w->timer[i].text, sizeof(w->timer[i].text), "%s", text);
		return;
	}
	abort();
}

static uint64_t late_ms(struct at_world *w)
{
	return w->now_ms + LATE_MS + prng_range(&w->prng, 0, 60000);
}

static void say_final(struct at_world *w, const char *text)
{
	if (prng_chance(&w->prng, w->faults.lost)) {
		w->fault_count++;
	} else if (prng_chance(&w->prng, w->faults.late)) {
		/* Until then the modem works at the command and reads nothing. */
		w->fault_count++;
		w->blocked_until_ms = late_ms(w);
		set_timer(w, w->blocked_until_ms, -1, true, text);
	} else {
		push_line(w, some_ms(w), text)->is_final = true;
	}
}

/* The answer line, together with the final result. False: lost. */
static bool say_answer_now(struct at_world *w, const char *text)
{
	if (prng_chance(&w->prng, w->faults.lost)) {
		w->fault_count++;
		return false;
	}
	push_line(w, some_ms(w), text);
	return true;
}

/* The answer line, some time after OK. The client is busy until it is out. */
static void say_answer_later(struct at_world *w, int client, const char *text)
{
	uint64_t due_ms = w->now_ms + prng_range(&w->prng, 1, 5000);

	if (prng_chance(&w->prng, w->faults.lost)) {
		w->fault_count++;
		return;
	}
	/* A second START could not be told from the first: it is never late. */
	if (client >= 0 && prng_chance(&w->prng, w->faults.late)) {
		w->fault_count++;
		due_ms = late_ms(w);
	}
	if (client >= 0)
		w->client[client].is_busy = true;
	set_timer(w, due_ms, client, false, text);
}

/* ---- how commands end ---- */

struct outcome {
	const char *name; /* CMQTTPUB */
	unsigned slot;
	int client;      /* of the answer line, -1: it has none */
	bool has_answer; /* a line comes for success too */
	unsigned err;    /* 0: success */
	bool is_fine;    /* err counts as success for the host */
};

static void note(struct at_world *w, const struct outcome *o, bool said_err)
{
	struct at_world_truth *t = &w->truth[o->slot];

	if (o->err == 0 || (o->is_fine && said_err)) {
		t->ok_steps++;
		return;
	}
	t->failed = true;
	t->has_err = said_err;
	t->err = o->err;
}

static void make_answer(char *out, size_t size, const struct outcome *o)
{
	if (o->client >= 0)
		snprintf(out, size, "+%s: %d,%u", o->name, o->client, o->err);
	else
		snprintf(out, size, "+%s: %u", o->name, o->err);
}

static void say_success(struct at_world *w, const struct outcome *o, const char *answer)
{
	note(w, o, true);
	if (!o->has_answer) {
		say_final(w, "OK");
	} else if (prng_chance(&w->prng, 300)) {
		say_answer_now(w, answer);
		say_final(w, "OK");
	} else {
		say_final(w, "OK");
		say_answer_later(w, o->client, answer);
	}
}

static bool is_answer_near(const struct at_world *w, int client)
{
	for (size_t i = 0; i < AT_WORLD_TIMERS; i++) {
		const struct at_world_timer *t = &w->timer[i];

		if (t->due_ms != 0 && t->client == client && t->due_ms < w->now_ms + NEAR_MS)
			return true;
	}
	return false;
}

static void say_failure(struct at_world *w, const struct outcome *o, const char *answer)
{
	/* "Busy" is said at once: later it could not be told from the result that is waited for. */
	unsigned shapes = !o->has_answer ? 1 : o->err == 14 ? 2 : 3;
	unsigned shape = (unsigned)prng_range(&w->prng, 0, shapes);

	/* And its number first, if that result is about to come. */
	if (o->err == 14 && is_answer_near(w, o->client))
		shape = 1;

	note(w, o, shape != 0);
	switch (shape) {
	case 0:
		say_final(w, prng_chance(&w->prng, 300) ? "+CME ERROR: 3" : "ERROR");
		break;
	case 1:
		/* The AT manual prints OK behind it for CMQTTCFG (16.2.17). */
		if (strcmp(o->name, "CMQTTCFG") == 0 && prng_chance(&w->prng, 500)) {
			push_line(w, some_ms(w), answer);
			say_final(w, "OK");
			break;
		}
		w->truth[o->slot].is_muffled = !say_answer_now(w, answer);
		say_final(w, "ERROR");
		break;
	case 2:
		push_line(w, some_ms(w), "ERROR")->is_final = true;
		push_line(w, prng_range(&w->prng, 0, 200), answer);
		break;
	case 3:
		say_final(w, "OK");
		say_answer_later(w, o->client, answer);
		break;
	}
}

static void end_command(struct at_world *w, const struct outcome *o)
{
	char answer[48];

	make_answer(answer, sizeof(answer), o);
	if (o->err == 0)
		say_success(w, o, answer);
	else
		say_failure(w, o, answer);
}

static unsigned pick_err(struct at_world *w)
{
	static const unsigned errs[] = { 1, 3, 6, 12, 14, 17, 31 };

	if (!prng_chance(&w->prng, w->faults.fail))
		return 0;
	return errs[prng_range(&w->prng, 0, 6)];
}

/* ---- data entry ---- */

static void begin_entry(
    struct at_world *w, unsigned client, const char *name, struct at_world_bytes *entry, size_t len)
{
	w->entry = entry;
	w->entry->len = 0;
	w->entry_name = name;
	w->entry_slot = client;
	w->entry_serial = w->truth[client].serial;
	w->entry_left = len;
	w->entry_losses = 0;
	if (!w->has_echo && prng_chance(&w->prng, w->faults.body)) {
		w->fault_count++;
		w->entry_losses = (unsigned)prng_range(&w->prng, 1, 3);
	}
	if (prng_chance(&w->prng, w->faults.prompt))
		w->fault_count++;
	else if (!w->has_echo && prng_chance(&w->prng, 100))
		push(w, some_ms(w), "\r\n> \r\n", 6);
	else
		push(w, some_ms(w), "\r\n>", 3);
}

/* Echo comes in pieces, with other lines in between. */
static void echo_body(struct at_world *w, const uint8_t *data, size_t len)
{
	size_t n;

	while (len > 0) {
		n = prng_range(&w->prng, 1, len);
		push(w, 0, data, n);
		data += n;
		len -= n;
		/* Where the rest looks like the beginning of a line, nobody could tell. */
		if (len > 0 && data[0] != '\r' && prng_chance(&w->prng, 200))
			at_world_inject_urc(w);
	}
}

static void end_entry(struct at_world *w)
{
	bool is_over = w->entry_serial != w->truth[w->entry_slot].serial;
	const struct outcome o = {
		.name = w->entry_name,
		.slot = is_over ? AT_WORLD_SLOTS : w->entry_slot,
		.client = (int)w->entry_slot,
		.err = pick_err(w),
	};

	if (o.err != 0)
		w->entry->len = 0;
	w->entry = NULL;
	/* A line that looks like a prompt, when none is awaited any more. */
	if (prng_chance(&w->prng, 50))
		push_line(w, some_ms(w), ">note");
	end_command(w, &o);
}

static void read_entry(struct at_world *w)
{
	const uint8_t *data = buf_data(&w->input);
	size_t len = buf_len(&w->input) < w->entry_left ? buf_len(&w->input) : w->entry_left;
	size_t lost = w->entry_losses < len ? w->entry_losses : len;

	/* The first ones are lost: which ones makes no difference to what follows. */
	w->entry_losses -= (unsigned)lost;
	memcpy(w->entry->data + w->entry->len, data + lost, len - lost);
	w->entry->len += len - lost;
	w->entry_left -= len - lost;
	if (w->has_echo && len > lost)
		echo_body(w, data + lost, len - lost);
	buf_consume(&w->input, len);
	if (w->entry_left == 0)
		end_entry(w);
}

/* ---- commands ---- */

static bool is_same(const struct at_world_bytes *is, const struct at_world_bytes *wanted)
{
	size_t len = wanted ? wanted->len : 0;

	return is->len == len && (len == 0 || memcmp(is->data, wanted->data, len) == 0);
}

static void do_publish(struct at_world *w, unsigned c, struct outcome *o)
{
	struct at_world_client *client = &w->client[c];

	o->err = client->is_busy ? 14 : pick_err(w);
	o->has_answer = true;
	if (o->err == 0 &&
	    (!is_same(&client->topic, w->topic[c]) || !is_same(&client->payload, w->payload[c])))
		w->wrong = "a published message differs";
	client->topic.len = 0;
	client->payload.len = 0;
}

static void do_acquire(struct at_world *w, unsigned c, struct outcome *o)
{
	o->err = w->client[c].is_acquired ? 19 : pick_err(w);
	o->is_fine = o->err == 19;
	w->client[c].is_acquired = w->client[c].is_acquired || o->err == 0;
}

static void do_connect(struct at_world *w, unsigned c, struct outcome *o)
{
	o->err = w->client[c].is_busy ? 14 : pick_err(w);
	o->has_answer = true;
	w->client[c].is_connected = o->err == 0;
}

static void do_disconnect(struct at_world *w, unsigned c, struct outcome *o)
{
	o->err = w->client[c].is_busy ? 14 : w->client[c].is_connected ? pick_err(w) : 11;
	o->has_answer = true;
	o->is_fine = o->err == 11;
	if (o->err == 0)
		w->client[c].is_connected = false;
}

static void do_release(struct at_world *w, unsigned c, struct outcome *o)
{
	o->err = w->client[c].is_acquired ? 0 : 20;
	w->client[c].is_acquired = false;
	w->client[c].topic.len = 0;
	w->client[c].payload.len = 0;
}

static void do_subscribe(struct at_world *w, unsigned c, struct outcome *o)
{
	o->err = w->client[c].is_busy ? 14 : pick_err(w);
	o->has_answer = true;
}

static void do_config(struct at_world *w, unsigned c, struct outcome *o)
{
	(void)c;
	o->err = pick_err(w);
}

static const struct {
	const char *prefix; /* the client index follows */
	const char *name;
	void (*run)(struct at_world *w, unsigned client, struct outcome *o);
} client_commands[] = {
	{ "AT+CMQTTPUB=", "CMQTTPUB", do_publish },
	{ "AT+CMQTTSUB=", "CMQTTSUB", do_subscribe },
	{ "AT+CMQTTACCQ=", "CMQTTACCQ", do_acquire },
	{ "AT+CMQTTCONNECT=", "CMQTTCONNECT", do_connect },
	{ "AT+CMQTTDISC=", "CMQTTDISC", do_disconnect },
	{ "AT+CMQTTREL=", "CMQTTREL", do_release },
	{ "AT+CMQTTCFG=\"checkUTF8\",", "CMQTTCFG", do_config },
};

static bool run_client_command(struct at_world *w, const char *line)
{
	struct outcome o = { 0 };
	size_t len;

	for (size_t i = 0; i < sizeof(client_commands) / sizeof(client_commands[0]); i++) {
		len = strlen(client_commands[i].prefix);
		if (strncmp(line, client_commands[i].prefix, len) != 0)
			continue;
		o.slot = line[len] == '1';
		o.client = (int)o.slot;
		o.name = client_commands[i].name;
		client_commands[i].run(w, o.slot, &o);
		if (strcmp(o.name, "CMQTTREL") == 0 && o.err != 0) {
			/* Whatever happens to it, the host goes on: counts as success. */
			w->truth[o.slot].ok_steps++;
			say_final(w, "ERROR");
		} else {
			end_command(w, &o);
		}
		return true;
	}
	return false;
}

static bool run_entry_command(struct at_world *w, const char *line)
{
	static const char *const names[] = { "CMQTTTOPIC", "CMQTTPAYLOAD", "CMQTTSUBTOPIC" };
	struct outcome o = { 0 };
	unsigned client, len;
	char format[32];

	for (size_t i = 0; i < 3; i++) {
		snprintf(format, sizeof(format), "AT+%s=%%u,%%u", names[i]);
		if (sscanf(line, format, &client, &len) != 2)
			continue;
		o = (struct outcome){ .name = names[i], .slot = client, .client = (int)client };
		o.err = w->client[client].is_busy ? 14 : pick_err(w);
		if (o.err != 0)
			end_command(w, &o);
		else if (i == 0)
			begin_entry(w, client, names[i], &w->client[client].topic, len);
		else if (i == 1)
			begin_entry(w, client, names[i], &w->client[client].payload, len);
		else
			begin_entry(w, client, names[i], &w->scratch, len);
		return true;
	}
	return false;
}

static void run_start(struct at_world *w)
{
	struct outcome o = { .name = "CMQTTSTART", .slot = 2, .client = -1, .has_answer = true };

	o.err = w->is_started ? 23 : pick_err(w);
	o.is_fine = o.err == 23;
	w->is_started = w->is_started || o.err == 0;
	end_command(w, &o);
}

/* An information line, now and then one that begins like a prompt. */
static void run_query(struct at_world *w, const char *prefix)
{
	struct outcome o = { .name = "query", .slot = 2, .client = -1 };
	char *info = w->truth[2].info;

	snprintf(info, sizeof(w->truth[2].info), "%s%u,99",
	    *prefix                      ? prefix
	    : prng_chance(&w->prng, 300) ? ">SIM"
					 : "SIM",
	    (unsigned)prng_range(&w->prng, 0, 31));
	push_line(w, some_ms(w), info);
	note(w, &o, false);
	say_final(w, "OK");
}

static void reboot(struct at_world *w)
{
	/* What is on the wire comes to its end, or not. */
	if (w->first && w->first->is_started) {
		if (w->first->may_be_cut && prng_chance(&w->prng, 500))
			w->first->len = w->first->pos;
		while (w->first->next) {
			struct at_world_piece *piece = w->first->next;

			w->first->next = piece->next;
			free(piece);
		}
		w->last = w->first;
	} else {
		while (w->first)
			pop(w);
	}
	for (size_t i = 0; i < w->inbound_count; i++)
		w->inbound[i].is_cut = true;
	memset(w->timer, 0, sizeof(w->timer));
	memset(w->client, 0, sizeof(w->client));
	w->entry = NULL;
	w->is_started = false;
	w->is_booting = true;
	w->blocked_until_ms = w->now_ms + prng_range(&w->prng, 100, BOOT_MAX_MS);
	w->reboot_count++;
	w->fault_count++;
}

/* It can get lost, but reading a setting takes no time. */
static void answer_fence(struct at_world *w, const char *answer)
{
	if (say_answer_now(w, answer))
		say_answer_now(w, "OK");
}

static void run_command(struct at_world *w, const char *line)
{
	if (w->in_flight)
		w->wrong = "a command before the last one had ended";
	if (strcmp(line, "AT+CMEE?") == 0 || strcmp(line, "AT+CGATT?") == 0) {
		answer_fence(w, line[4] == 'M' ? "+CMEE: 0" : "+CGATT: 1");
		return;
	}
	if (strcmp(line, "AT") == 0) {
		(void)say_answer_now(w, "OK");
		return;
	}
	if (prng_chance(&w->prng, w->faults.reboot)) {
		reboot(w);
		return;
	}
	w->in_flight = true;
	if (run_client_command(w, line) || run_entry_command(w, line))
		return;
	if (strcmp(line, "AT+CMQTTSTART") == 0)
		run_start(w);
	else if (strcmp(line, "AT+CSQ") == 0)
		run_query(w, "+CSQ: ");
	else if (strcmp(line, "AT+CGMM") == 0)
		run_query(w, "");
	else
		w->wrong = "a command that nobody sent";
}

static void read_line(struct at_world *w, size_t len)
{
	char line[600];
	const uint8_t *data = buf_data(&w->input);
	size_t begin = 0;

	if (w->has_echo)
		push(w, len > 0 ? some_ms(w) / 5 : 0, data, len + 1);
	while (begin < len && data[begin] == '\n')
		begin++;
	snprintf(line, sizeof(line), "%.*s", (int)(len - begin), (const char *)data + begin);
	buf_consume(&w->input, len + 1);
	if (line[0] == '\0')
		return;
	if (prng_chance(&w->prng, 50))
		at_world_inject_urc(w);
	/* What is left of a fence that a body has eaten in part. */
	if (strncmp(line, "AT+", 3) != 0)
		push_line(w, some_ms(w), "ERROR");
	else
		run_command(w, line);
}

static void read_input(struct at_world *w)
{
	const uint8_t *cr;

	while (buf_len(&w->input) > 0 && w->now_ms >= w->blocked_until_ms) {
		if (w->entry) {
			read_entry(w);
			continue;
		}
		cr = memchr(buf_data(&w->input), '\r', buf_len(&w->input));
		if (!cr)
			return;
		read_line(w, (size_t)(cr - buf_data(&w->input)));
	}
}

/* ---- time ---- */

static void fire(struct at_world *w, struct at_world_timer *t)
{
	struct at_world_timer fired = *t;

	t->due_ms = 0;
	push_line(w, 0, fired.text)->is_final = fired.is_final;
	if (fired.client >= 0)
		w->client[fired.client].is_busy = false;
	/* Said twice. Only where no job of the same client can be waiting for the same line. */
	if (prng_chance(&w->prng, w->faults.noise) && strncmp(fired.text, "+CMQTTPUB", 9) == 0)
		push_line(w, 0, fired.text);
}

static void advance(struct at_world *w, uint64_t now_ms)
{
	w->now_ms = now_ms;
	if (w->is_booting && now_ms >= w->blocked_until_ms) {
		w->is_booting = false;
		w->has_echo = w->has_echo || prng_chance(&w->prng, 500);
		buf_clear(&w->input);
		push_line(w, 0, "RDY");
		push_line(w, 20, "+CPIN: READY");
	}
	for (size_t i = 0; i < AT_WORLD_TIMERS; i++)
		if (w->timer[i].due_ms != 0 && now_ms >= w->timer[i].due_ms)
			fire(w, &w->timer[i]);
	if (w->is_booting)
		buf_clear(&w->input);
	read_input(w);
}

uint64_t at_world_deadline(const struct at_world *w)
{
	uint64_t due_ms = TIMER_NEVER;

	if (w->first)
		due_ms = w->next_chunk_ms + (w->first->is_started ? 0 : w->first->pause_ms);
	if (w->blocked_until_ms > w->now_ms)
		due_ms = timer_min(due_ms, w->blocked_until_ms);
	for (size_t i = 0; i < AT_WORLD_TIMERS; i++)
		if (w->timer[i].due_ms != 0)
			due_ms = timer_min(due_ms, w->timer[i].due_ms);
	return due_ms > w->now_ms ? due_ms : w->now_ms;
}

bool at_world_is_quiet(const struct at_world *w)
{
	return !w->first;
}

/* ---- the line ---- */

void at_world_from_host(struct at_world *w, uint64_t now_ms, const uint8_t *data, size_t len)
{
	advance(w, now_ms);
	if (w->is_booting)
		return;
	if (buf_append(&w->input, data, len) < 0)
		abort();
	read_input(w);
	if (w->next_chunk_ms < now_ms)
		w->next_chunk_ms = now_ms;
}

size_t at_world_to_host(struct at_world *w, uint64_t now_ms, uint8_t *out, size_t max)
{
	struct at_world_piece *piece;
	size_t n;

	advance(w, now_ms);
	if (w->next_chunk_ms < now_ms && (!w->first || !w->first->is_started))
		w->next_chunk_ms = now_ms;
	piece = w->first;
	if (!piece)
		return 0;
	if (!piece->is_started) {
		w->next_chunk_ms += piece->pause_ms;
		piece->is_started = true;
	}
	if (now_ms < w->next_chunk_ms)
		return 0;
	n = prng_range(&w->prng, 1, prng_chance(&w->prng, 20) ? 2000 : 9);
	n = n < piece->len - piece->pos ? n : piece->len - piece->pos;
	n = n < max ? n : max;
	memcpy(out, piece->bytes + piece->pos, n);
	piece->pos += n;
	/* Single bytes, echoes of padding that is, come at the full speed of the line. */
	if (piece->len > 1 || prng_chance(&w->prng, 100))
		w->next_chunk_ms = now_ms + prng_range(&w->prng, 0, 1);
	if (piece->pos == piece->len) {
		if (piece->is_final)
			w->in_flight = false;
		pop(w);
	}
	return n;
}

/* ---- what comes unasked ---- */

void at_world_inject_urc(struct at_world *w)
{
	char text[32];

	snprintf(text, sizeof(text), "+CREG: %u", ++w->urc_count);
	push_line(w, 0, text);
}

void at_world_inject_noise(struct at_world *w)
{
	static const char *const noise[] = { "\xff\xff", "\r\n\x01garbage\x02\r\n", "\r\n\r\n",
		" \r\n", "\r\n+CMQTTRXTOPIC: 0,70000\r\n" };
	const char *text = noise[prng_range(&w->prng, 0, 4)];

	push(w, 0, text, strlen(text));
}

void at_world_inject_connlost(struct at_world *w)
{
	push_line(w, 0, "+CMQTTCONNLOST: 0,1");
	push_line(w, prng_range(&w->prng, 0, 3), "OK");
}

static void push_counted(
    struct at_world *w, const char *name, unsigned client, const uint8_t *data, size_t len)
{
	uint8_t piece[RX_PIECE_MAX + 64];
	int n = snprintf((char *)piece, 64, "\r\n+%s: %u,%zu\r\n", name, client, len);

	memcpy(piece + n, data, len);
	push(w, 0, piece, (size_t)n + len)->may_be_cut = true;
}

void at_world_inject_message(struct at_world *w)
{
	struct at_world_inbound *in = &w->inbound[w->inbound_count];
	struct at_world_bytes body;
	struct prng p;
	char line[64];
	size_t len;

	if (w->inbound_count == AT_WORLD_INBOUND || w->is_booting)
		return;
	w->inbound_count++;
	in->is_cut = false;
	in->client = (unsigned)prng_range(&w->prng, 0, 1);
	in->seed = (uint32_t)prng_u64(&w->prng);
	in->topic_len = (uint8_t)prng_range(&w->prng, 1, 40);
	in->payload_len = prng_chance(&w->prng, 50) ? 0 : at_world_pick_length(&w->prng, 3001);
	snprintf(line, sizeof(line), "+CMQTTRXSTART: %u,%u,%zu", in->client, in->topic_len,
	    in->payload_len);
	push_line(w, 0, line);
	prng_init(&p, in->seed);
	at_world_make_body(&p, &body, in->topic_len);
	push_counted(w, "CMQTTRXTOPIC", in->client, body.data, body.len);
	at_world_make_body(&p, &body, in->payload_len);
	for (size_t i = 0; i < body.len; i += len) {
		len = body.len - i < RX_PIECE_MAX ? body.len - i : RX_PIECE_MAX;
		push_counted(w, "CMQTTRXPAYLOAD", in->client, body.data + i, len);
		if (prng_chance(&w->prng, 100))
			at_world_inject_urc(w);
	}
	snprintf(line, sizeof(line), "+CMQTTRXEND: %u", in->client);
	push_line(w, 0, line);
}

void at_world_init(
    struct at_world *w, uint64_t seed, const struct at_world_faults *faults, bool has_echo)
{
	memset(w, 0, sizeof(*w));
	prng_init(&w->prng, seed);
	w->faults = *faults;
	w->has_echo = has_echo;
	buf_init(&w->input, INPUT_MAX);
}

void at_world_fini(struct at_world *w)
{
	while (w->first)
		pop(w);
	buf_fini(&w->input);
}
