/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_top.h"

#include "ctl_member.h"
#include "ctl_table.h"

#include <string.h>

#define BAR_LEN   10
#define RSSI_MIN  (-113) /* dBm of an empty and of a full bar (AT manual 4.4: 0 and 31 of +CSQ) */
#define RSSI_MAX  (-51)
#define CLEAR_EOL "\033[K"

/* ---- rates ---- */

void ctl_top_take(struct ctl_top *t, int64_t now_ms, const json_t *status)
{
	struct ctl_top_sample *sample = &t->samples[t->count++ % CTL_TOP_SAMPLES];
	const json_t *brokers = json_object_get(status, "brokers");

	*sample = (struct ctl_top_sample){ .now_ms = now_ms };
	for (size_t i = 0; i < json_array_size(brokers) && i < MODEM_CLIENTS; i++) {
		const json_t *broker = json_array_get(brokers, i);

		snprintf(sample->names[i], sizeof(sample->names[i]), "%s",
		    member_text(broker, "name", ""));
		sample->published[i] = member_int(broker, "published");
		sample->received[i] = member_int(broker, "received");
	}
}

/* Its place in a sample; MODEM_CLIENTS: it was not there. */
static size_t find(const struct ctl_top_sample *sample, const char *broker)
{
	size_t i = 0;

	while (i < MODEM_CLIENTS && strcmp(sample->names[i], broker) != 0)
		i++;
	return i;
}

struct ctl_top_rate ctl_top_rate(const struct ctl_top *t, const char *broker)
{
	static const struct ctl_top_rate unknown = { -1, -1 };
	size_t kept = t->count < CTL_TOP_SAMPLES ? t->count : CTL_TOP_SAMPLES;
	const struct ctl_top_sample *last, *first;
	size_t at, then;
	double seconds;

	if (kept < 2)
		return unknown;
	last = &t->samples[(t->count - 1) % CTL_TOP_SAMPLES];
	first = &t->samples[(t->count - kept) % CTL_TOP_SAMPLES];
	at = find(last, broker);
	then = find(first, broker);
	seconds = (double)(last->now_ms - first->now_ms) / 1000;
	if (at == MODEM_CLIENTS || then == MODEM_CLIENTS || seconds <= 0 ||
	    last->published[at] < first->published[then] ||
	    last->received[at] < first->received[then])
		return unknown;
	return (struct ctl_top_rate){
		.out = (double)(last->published[at] - first->published[then]) / seconds,
		.in = (double)(last->received[at] - first->received[then]) / seconds,
	};
}

/* ---- the screen ---- */

static void print_head(const struct ctl_style *s, const char *text)
{
	fprintf(s->out, "%s%-8s%s", s->is_colored ? ctl_color_begin(CTL_COLOR_HEAD) : "", text,
	    s->is_colored ? ctl_color_end(CTL_COLOR_HEAD) : "");
}

static void print_text(const struct ctl_style *s, const char *text)
{
	ctl_text_print(s->out, text, strlen(text));
}

static void print_state(const struct ctl_style *s, const char *state)
{
	enum ctl_color color = s->is_colored ? ctl_state_color(state) : CTL_COLOR_NONE;

	fputs(ctl_color_begin(color), s->out);
	print_text(s, state);
	fputs(ctl_color_end(color), s->out);
}

/* "[####------]" of `value` between two ends. */
static void print_bar(const struct ctl_style *s, double value, double empty, double full)
{
	double part = full > empty ? (value - empty) / (full - empty) : 0;
	int filled = part <= 0 ? 0 : part >= 1 ? BAR_LEN : (int)(part * BAR_LEN + 0.5);

	fputc('[', s->out);
	for (int i = 0; i < BAR_LEN; i++)
		fputc(i < filled ? '#' : '-', s->out);
	fputc(']', s->out);
}

static void print_modem(const struct ctl_style *s, const json_t *modem)
{
	const json_t *rssi = json_object_get(modem, "rssi_dbm");

	print_head(s, "MODEM");
	print_state(s, member_text(modem, "state", "-"));
	fputs("  ", s->out);
	print_text(s, member_text(modem, "model", "-"));
	fputs("  ", s->out);
	print_text(s, member_text(modem, "operator", "-"));
	if (json_is_string(json_object_get(modem, "technology"))) {
		fputs(", ", s->out);
		print_text(s, member_text(modem, "technology", ""));
	}
	fputc('\n', s->out);
	print_head(s, "SIGNAL");
	if (json_is_integer(rssi)) {
		print_bar(s, (double)json_integer_value(rssi), RSSI_MIN, RSSI_MAX);
		fprintf(s->out, " %lld dBm", (long long)json_integer_value(rssi));
	} else {
		fputc('-', s->out);
	}
	fputc('\n', s->out);
}

static void print_store(const struct ctl_style *s, const json_t *store)
{
	char used[32], room[32];

	ctl_print_bytes(used, sizeof(used), member_int(store, "bytes"));
	ctl_print_bytes(room, sizeof(room), member_int(store, "max_bytes"));
	print_head(s, "STORE");
	print_bar(s, (double)member_int(store, "bytes"), 0, (double)member_int(store, "max_bytes"));
	fprintf(s->out, " %s of %s, %lld waiting, dead letters: %lld\n", used, room,
	    (long long)member_int(store, "messages"), (long long)member_int(store, "dead_letters"));
}

static void print_clients(const struct ctl_style *s, const json_t *listeners)
{
	print_head(s, "CLIENTS");
	for (size_t i = 0; i < json_array_size(listeners); i++) {
		const json_t *listener = json_array_get(listeners, i);

		fprintf(s->out, "%s%lld on ", i > 0 ? ", " : "",
		    (long long)member_int(listener, "clients"));
		print_text(s, member_text(listener, "address", "-"));
	}
	fputc('\n', s->out);
}

static void add_rate(struct ctl_table *table, double rate)
{
	table->is_number[table->count % table->columns] = true;
	if (rate < 0)
		ctl_table_add(table, CTL_COLOR_NONE, "-");
	else
		ctl_table_add(table, CTL_COLOR_NONE, "%.1f", rate);
}

static void add_count(struct ctl_table *table, const json_t *broker, const char *name)
{
	table->is_number[table->count % table->columns] = true;
	ctl_table_add(table, CTL_COLOR_NONE, "%lld", (long long)member_int(broker, name));
}

static void add_broker(const struct ctl_top *t, const struct ctl_style *s, struct ctl_table *table,
    const json_t *broker)
{
	const char *name = member_text(broker, "name", "-"),
		   *state = member_text(broker, "state", "-");
	const json_t *error = json_object_get(broker, "last_error");
	struct ctl_top_rate rate = ctl_top_rate(t, name);
	char age[48];

	ctl_table_add(table, CTL_COLOR_NONE, "%s", name);
	ctl_table_add(table, ctl_state_color(state), "%s", state);
	ctl_print_age(age, sizeof(age), broker, "since", s->now);
	ctl_table_add(table, CTL_COLOR_NONE, "%s", age);
	add_count(table, broker, "queued_messages");
	add_rate(table, rate.out);
	add_rate(table, rate.in);
	add_count(table, broker, "published");
	add_count(table, broker, "received");
	add_count(table, broker, "dropped");
	add_count(table, broker, "dead_letters");
	ctl_table_add(table, CTL_COLOR_BAD, "%s", member_text(error, "text", ""));
}

static void finish_table(const struct ctl_style *s, struct ctl_table *table)
{
	if (ctl_table_print(table, s->out, s->is_colored) < 0)
		fputs("(not enough memory to show it)\n", s->out);
	ctl_table_fini(table);
}

static void print_brokers(const struct ctl_top *t, const struct ctl_style *s, const json_t *brokers)
{
	static const char *const heads[] = { "BROKER", "STATE", "SINCE", "QUEUED", "OUT/S", "IN/S",
		"SENT", "RECEIVED", "DROPPED", "DEAD", "LAST ERROR" };
	struct ctl_table table;

	ctl_table_init(&table, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; i < table.columns; i++)
		ctl_table_add(&table, CTL_COLOR_HEAD, "%s", heads[i]);
	for (size_t i = 0; i < json_array_size(brokers); i++)
		add_broker(t, s, &table, json_array_get(brokers, i));
	finish_table(s, &table);
}

/* The newest first. */
static void print_changes(const struct ctl_style *s, const json_t *history, size_t most)
{
	const json_t *changes = json_object_get(history, "changes");
	size_t count = json_array_size(changes);
	struct ctl_table table;

	ctl_table_init(&table, 4);
	for (size_t i = 0; i < count && i < most; i++) {
		const json_t *change = json_array_get(changes, count - 1 - i);
		const char *to = member_text(change, "to", "-");
		char when[32];

		ctl_print_clock(when, sizeof(when), change, "time", false);
		ctl_table_add(&table, CTL_COLOR_NONE, "%s", when);
		ctl_table_add(&table, CTL_COLOR_NONE, "%s", member_text(change, "broker", "modem"));
		ctl_table_add(&table, ctl_state_color(to), "%s", to);
		ctl_table_add(&table, CTL_COLOR_NONE, "%s", member_text(change, "why", ""));
	}
	finish_table(s, &table);
}

void ctl_top_print(const struct ctl_top *t, const struct ctl_style *s, const json_t *status,
    const json_t *history, size_t changes)
{
	char uptime[32];

	ctl_print_duration(uptime, sizeof(uptime), member_int(status, "uptime_s"));
	fputs("cmqttd ", s->out);
	print_text(s, member_text(status, "version", "-"));
	fprintf(s->out, ", up %s\n", uptime);
	print_modem(s, json_object_get(status, "modem"));
	print_store(s, json_object_get(status, "store"));
	print_clients(s, json_object_get(status, "listeners"));
	fputc('\n', s->out);
	print_brokers(t, s, json_object_get(status, "brokers"));
	fputc('\n', s->out);
	print_changes(s, history, changes);
}

/* ---- the size of a terminal ---- */

/* Length of an escape sequence for colour at the beginning; 0: there is none. */
static size_t color_len(const char *text)
{
	size_t len = 2;

	if (text[0] != '\033' || text[1] != '[')
		return 0;
	len += strspn(text + len, "0123456789;");
	return text[len] == 'm' ? len + 1 : 0;
}

/* Returns what is behind the line's end. */
static const char *clip_line(FILE *out, const char *text, unsigned columns)
{
	unsigned column = 0;
	size_t len;

	while (*text && *text != '\n') {
		len = color_len(text);
		if (len > 0) {
			fwrite(text, 1, len, out);
			text += len;
			continue;
		}
		/* Further bytes of a character stand where the first one does. */
		if (((unsigned char)*text & 0xc0) != 0x80)
			column++;
		if (column <= columns)
			fputc(*text, out);
		text++;
	}
	return *text ? text + 1 : text;
}

void ctl_top_clip(FILE *out, const char *text, unsigned rows, unsigned columns)
{
	fputs("\033[H", out);
	for (unsigned row = 0; *text && row < rows; row++) {
		fputs(row > 0 ? "\n" : "", out);
		text = clip_line(out, text, columns);
		fputs(CLEAR_EOL, out);
	}
	fputs("\033[J", out);
}
