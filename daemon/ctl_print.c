/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_print.h"

#include "base/base64.h"
#include "bridge/ctl_interface.h"
#include "ctl_member.h"
#include "ctl_table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- times and sizes ---- */

void ctl_print_duration(char *ret, size_t size, json_int_t seconds)
{
	long long s = seconds > 0 ? seconds : 0;

	if (s < 60)
		snprintf(ret, size, "%lld s", s);
	else if (s < 3600)
		snprintf(ret, size, "%lld min", s / 60);
	else if (s < 86400)
		snprintf(ret, size, "%lld h %lld min", s / 3600, s / 60 % 60);
	else
		snprintf(ret, size, "%lld d %lld h", s / 86400, s / 3600 % 24);
}

/* Read RFC 3339 as the daemon writes it. */
static bool read_time(const json_t *object, const char *name, time_t *ret)
{
	struct tm tm = { 0 };
	const char *text = json_string_value(json_object_get(object, name));

	if (!text || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
			 &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*ret = timegm(&tm);
	return true;
}

void ctl_print_age(char *ret, size_t size, const json_t *object, const char *name, time_t now)
{
	char age[32];
	time_t then;

	if (!read_time(object, name, &then)) {
		snprintf(ret, size, "-");
		return;
	}
	ctl_print_duration(age, sizeof(age), now - then);
	snprintf(ret, size, "%s ago", age);
}

void ctl_print_clock(char *ret, size_t size, const json_t *object, const char *name, bool with_date)
{
	struct tm tm;
	time_t then;

	if (!read_time(object, name, &then) || !localtime_r(&then, &tm)) {
		snprintf(ret, size, "-");
		return;
	}
	if (with_date)
		strftime(ret, size, "%Y-%m-%d %H:%M:%S", &tm);
	else
		strftime(ret, size, "%H:%M:%S", &tm);
}

void ctl_print_bytes(char *ret, size_t size, json_int_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB" };
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1024 && unit < 3) {
		value /= 1024;
		unit++;
	}
	snprintf(ret, size, "%.*f %s", unit > 0 && value < 10 ? 1 : 0, value, units[unit]);
}

/* ---- status ---- */

enum ctl_color ctl_state_color(const char *state)
{
	static const char *const good[] = { "online", "ready" };
	static const char *const bad[] = { "backoff", "absent", "recovering" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (strcmp(state, good[i]) == 0)
			return CTL_COLOR_GOOD;
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (strcmp(state, bad[i]) == 0)
			return CTL_COLOR_BAD;
	}
	return strcmp(state, "disabled") == 0 ? CTL_COLOR_NONE : CTL_COLOR_BUSY;
}

/* Print and free a table. */
static void finish_table(const struct ctl_style *s, struct ctl_table *t)
{
	if (ctl_table_print(t, s->out, s->is_colored) < 0)
		fputs("(not enough memory to show it)\n", s->out);
	ctl_table_fini(t);
}

static void add_heads(struct ctl_table *t, const char *const *heads)
{
	for (size_t i = 0; i < t->columns; i++)
		ctl_table_add(t, CTL_COLOR_HEAD, "%s", heads[i]);
}

static void add_number(struct ctl_table *t, const json_t *object, const char *name)
{
	t->is_number[t->count % t->columns] = true;
	ctl_table_add(t, CTL_COLOR_NONE, "%lld", (long long)member_int(object, name));
}

static void add_error(struct ctl_table *t, const json_t *error)
{
	char number[24] = "";

	if (!json_is_object(error)) {
		ctl_table_add(t, CTL_COLOR_NONE, "-");
		return;
	}
	if (member_int(error, "code") != 0)
		snprintf(number, sizeof(number), "%lld ", (long long)member_int(error, "code"));
	ctl_table_add(t, CTL_COLOR_BAD, "%s%s%s%s%s", number, member_text(error, "text", ""),
	    member_is_there(error, "command") ? " (" : "", member_text(error, "command", ""),
	    member_is_there(error, "command") ? ")" : "");
}

static void add_broker(const struct ctl_style *s, struct ctl_table *t, const json_t *broker)
{
	const char *state = member_text(broker, "state", "-");
	char text[64];

	ctl_table_add(t, CTL_COLOR_NONE, "%s", member_text(broker, "name", "-"));
	ctl_table_add(t, ctl_state_color(state), "%s", state);
	ctl_print_age(text, sizeof(text), broker, "since", s->now);
	ctl_table_add(t, CTL_COLOR_NONE, "%s", text);
	add_number(t, broker, "attempt");
	ctl_print_duration(text, sizeof(text), member_int(broker, "retry_in_s"));
	ctl_table_add(t, CTL_COLOR_NONE, "%s%s",
	    member_is_there(broker, "retry_in_s") ? "in " : "-",
	    member_is_there(broker, "retry_in_s") ? text : "");
	add_number(t, broker, "queued_messages");
	add_number(t, broker, "published");
	add_number(t, broker, "received");
	add_number(t, broker, "dropped");
	add_number(t, broker, "dead_letters");
	add_error(t, json_object_get(broker, "last_error"));
}

void ctl_print_brokers(const struct ctl_style *s, const json_t *reply)
{
	static const char *const heads[] = { "BROKER", "STATE", "SINCE", "ATTEMPT", "RETRY",
		"QUEUED", "SENT", "RECEIVED", "DROPPED", "DEAD", "LAST ERROR" };
	const json_t *brokers = json_object_get(reply, "brokers");
	struct ctl_table t;

	ctl_table_init(&t, sizeof(heads) / sizeof(heads[0]));
	add_heads(&t, heads);
	for (size_t i = 0; i < json_array_size(brokers); i++)
		add_broker(s, &t, json_array_get(brokers, i));
	finish_table(s, &t);
}

static void print_listeners(const struct ctl_style *s, const json_t *listeners)
{
	static const char *const heads[] = { "LISTENER", "CLIENTS" };
	struct ctl_table t;

	ctl_table_init(&t, 2);
	add_heads(&t, heads);
	for (size_t i = 0; i < json_array_size(listeners); i++) {
		const json_t *listener = json_array_get(listeners, i);

		ctl_table_add(&t, CTL_COLOR_NONE, "%s", member_text(listener, "address", "-"));
		add_number(&t, listener, "clients");
	}
	finish_table(s, &t);
}

static void add_row(struct ctl_table *t, const char *name, const char *value)
{
	ctl_table_add(t, CTL_COLOR_NONE, "%s", name);
	ctl_table_add(t, CTL_COLOR_NONE, "%s", value);
}

static void print_modem(const struct ctl_style *s, const json_t *modem)
{
	const char *state = member_text(modem, "state", "-");
	char text[128];
	struct ctl_table t;

	ctl_table_init(&t, 2);
	ctl_table_add(&t, CTL_COLOR_HEAD, "MODEM");
	ctl_table_add(&t, ctl_state_color(state), "%s", state);
	snprintf(text, sizeof(text), "%s%s%s", member_text(modem, "model", "-"),
	    member_is_there(modem, "revision") ? " " : "", member_text(modem, "revision", ""));
	add_row(&t, "model", text);
	add_row(&t, "imei", member_text(modem, "imei", "-"));
	snprintf(text, sizeof(text), "%s%s%s", member_text(modem, "operator", "-"),
	    member_is_there(modem, "technology") ? ", " : "", member_text(modem, "technology", ""));
	add_row(&t, "network", text);
	add_row(
	    &t, "registered", json_is_true(json_object_get(modem, "registered")) ? "yes" : "no");
	snprintf(text, sizeof(text), "-");
	if (member_is_there(modem, "rssi_dbm"))
		snprintf(text, sizeof(text), "%lld dBm", (long long)member_int(modem, "rssi_dbm"));
	add_row(&t, "signal", text);
	if (member_is_there(modem, "port_users"))
		add_row(&t, "port also in", member_text(modem, "port_users", "-"));
	finish_table(s, &t);
}

static void print_store(const struct ctl_style *s, const json_t *store)
{
	char used[32], room[32], rest[32];

	ctl_print_bytes(used, sizeof(used), member_int(store, "bytes"));
	ctl_print_bytes(room, sizeof(room), member_int(store, "max_bytes"));
	ctl_print_bytes(rest, sizeof(rest), member_int(store, "free_bytes"));
	fprintf(s->out, "%sSTORE%s  %lld waiting, dead letters: %lld, %s of %s%s%s\n",
	    s->is_colored ? ctl_color_begin(CTL_COLOR_HEAD) : "",
	    s->is_colored ? ctl_color_end(CTL_COLOR_HEAD) : "",
	    (long long)member_int(store, "messages"), (long long)member_int(store, "dead_letters"),
	    used, room, member_is_there(store, "free_bytes") ? ", free on the disk: " : "",
	    member_is_there(store, "free_bytes") ? rest : "");
}

/* Nothing if there are none. */
static void print_local_losses(const struct ctl_style *s, const json_t *losses)
{
	const json_t *loss;
	struct ctl_table t;
	size_t i;

	if (json_array_size(losses) == 0)
		return;
	fputc('\n', s->out);
	ctl_table_init(&t, 2);
	ctl_table_add(&t, CTL_COLOR_HEAD, "LOST LOCALLY");
	ctl_table_add(&t, CTL_COLOR_HEAD, "MESSAGES");
	json_array_foreach(losses, i, loss)
	{
		ctl_table_add(&t, CTL_COLOR_NONE, "%s", member_text(loss, "reason", "-"));
		add_number(&t, loss, "count");
	}
	finish_table(s, &t);
}

void ctl_print_status(const struct ctl_style *s, const json_t *reply)
{
	char uptime[32];

	ctl_print_duration(uptime, sizeof(uptime), member_int(reply, "uptime_s"));
	fputs("cmqttd ", s->out);
	ctl_text_print(
	    s->out, member_text(reply, "version", "-"), strlen(member_text(reply, "version", "-")));
	fprintf(s->out, ", up %s\n\n", uptime);
	print_modem(s, json_object_get(reply, "modem"));
	fputc('\n', s->out);
	ctl_print_brokers(s, reply);
	fputc('\n', s->out);
	print_listeners(s, json_object_get(reply, "listeners"));
	fputc('\n', s->out);
	print_store(s, json_object_get(reply, "store"));
	print_local_losses(s, json_object_get(reply, "local_losses"));
}

void ctl_print_version(const struct ctl_style *s, const json_t *reply)
{
	fputs("cmqttd ", s->out);
	ctl_text_print(
	    s->out, member_text(reply, "version", "-"), strlen(member_text(reply, "version", "-")));
	fputc('\n', s->out);
}

/* ---- history ---- */

static void add_change(struct ctl_table *t, const json_t *change)
{
	const char *to = member_text(change, "to", "-");
	char text[32];

	ctl_print_clock(text, sizeof(text), change, "time", true);
	ctl_table_add(t, CTL_COLOR_NONE, "%s", text);
	ctl_table_add(t, CTL_COLOR_NONE, "%s", member_text(change, "broker", "modem"));
	ctl_table_add(t, CTL_COLOR_NONE, "%s", member_text(change, "from", "-"));
	ctl_table_add(t, ctl_state_color(to), "%s", to);
	ctl_print_duration(text, sizeof(text), member_int(change, "outage_s"));
	ctl_table_add(t, CTL_COLOR_NONE, "%s", member_is_there(change, "outage_s") ? text : "-");
	ctl_table_add(t, CTL_COLOR_NONE, "%s", member_text(change, "why", ""));
}

static void print_outages(const struct ctl_style *s, const json_t *outages)
{
	for (size_t i = 0; i < json_array_size(outages); i++) {
		const json_t *outage = json_array_get(outages, i);
		const char *who = member_text(outage, "broker", NULL);
		char lasts[32], since[32];

		ctl_print_duration(lasts, sizeof(lasts), member_int(outage, "lasts_s"));
		ctl_print_clock(since, sizeof(since), outage, "since", true);
		fputs(who ? "" : "modem", s->out);
		ctl_text_print(s->out, who ? who : "", who ? strlen(who) : 0);
		fprintf(
		    s->out, ": not %s for %s, since %s\n", who ? "online" : "ready", lasts, since);
	}
}

void ctl_print_history(const struct ctl_style *s, const json_t *reply)
{
	static const char *const heads[] = { "TIME", "WHO", "FROM", "TO", "OUTAGE", "WHY" };
	const json_t *changes = json_object_get(reply, "changes");
	struct ctl_table t;

	ctl_table_init(&t, sizeof(heads) / sizeof(heads[0]));
	add_heads(&t, heads);
	for (size_t i = 0; i < json_array_size(changes); i++)
		add_change(&t, json_array_get(changes, i));
	finish_table(s, &t);
	print_outages(s, json_object_get(reply, "outages"));
}

/* ---- streams ---- */

static void print_text(const struct ctl_style *s, const char *text)
{
	ctl_text_print(s->out, text, strlen(text));
}

static void print_lost(const struct ctl_style *s, const json_t *reply, const char *what)
{
	fprintf(s->out, "(%lld %s lost: they were not read in time)\n",
	    (long long)member_int(reply, "lost"), what);
}

static void print_payload(const struct ctl_style *s, const void *data, size_t len)
{
	if (s->is_terminal)
		ctl_text_print(s->out, data, len);
	else
		fwrite(data, 1, len, s->out);
}

static void print_coded_payload(const struct ctl_style *s, const char *coded)
{
	uint8_t *data = malloc(BASE64_DECODED_MAX(strlen(coded)) + 1);
	size_t len;

	if (data && base64_decode(coded, strlen(coded), data, &len) == 0)
		print_payload(s, data, len);
	free(data);
}

void ctl_print_message(const struct ctl_style *s, const json_t *reply)
{
	const char *payload = member_text(reply, "payload", "");
	const char *coded = json_string_value(json_object_get(reply, "payload_base64"));

	if (member_is_there(reply, "lost")) {
		print_lost(s, reply, "messages");
		return;
	}
	print_text(s, member_text(reply, "topic", "-"));
	fputc(' ', s->out);
	if (coded)
		print_coded_payload(s, coded);
	else
		print_payload(s, payload, strlen(payload));
	fputc('\n', s->out);
}

/* " (error 14)" */
static void print_code(const struct ctl_style *s, const json_t *event)
{
	if (member_int(event, "code") != 0)
		fprintf(s->out, " (error %lld)", (long long)member_int(event, "code"));
}

static void print_state_event(const struct ctl_style *s, const json_t *event)
{
	const char *to = member_text(event, "to", "-");
	enum ctl_color color = s->is_colored ? ctl_state_color(to) : CTL_COLOR_NONE;

	print_text(s, member_text(event, "from", "-"));
	fprintf(s->out, " -> %s", ctl_color_begin(color));
	print_text(s, to);
	fputs(ctl_color_end(color), s->out);
	if (member_text(event, "text", "")[0]) {
		fputs(": ", s->out);
		print_text(s, member_text(event, "text", "-"));
	}
	print_code(s, event);
}

static void print_message_event(const struct ctl_style *s, const json_t *event)
{
	fputs("message ", s->out);
	print_text(s, member_text(event, "topic", "-"));
	fprintf(s->out, ", %lld bytes, QoS %lld%s", (long long)member_int(event, "size"),
	    (long long)member_int(event, "qos"),
	    json_is_true(json_object_get(event, "retain")) ? ", retained" : "");
}

static void print_outcome_event(const struct ctl_style *s, const json_t *event)
{
	print_text(s, member_text(event, "text", "-"));
	fputc(' ', s->out);
	print_text(s, member_text(event, "topic", "-"));
	print_code(s, event);
}

static void print_log_event(const struct ctl_style *s, const json_t *event)
{
	bool is_error = strcmp(member_text(event, "level", "-"), "error") == 0;
	enum ctl_color color = !s->is_colored ? CTL_COLOR_NONE
			       : is_error     ? CTL_COLOR_BAD
					      : CTL_COLOR_BUSY;

	fputs(ctl_color_begin(color), s->out);
	print_text(s, member_text(event, "level", "-"));
	fprintf(s->out, "%s: ", ctl_color_end(color));
	print_text(s, member_text(event, "text", "-"));
	if (member_is_there(event, "to")) {
		fputs(member_is_there(event, "from") ? ", from " : ", ", s->out);
		print_text(s, member_text(event, "from", ""));
		fputs(member_is_there(event, "from") ? " to " : "", s->out);
		print_text(s, member_text(event, "to", "-"));
	}
	print_code(s, event);
}

static void print_at_event(const struct ctl_style *s, const json_t *event)
{
	fputs(json_is_true(json_object_get(event, "sent")) ? "> " : "< ", s->out);
	print_text(s, member_text(event, "text", "-"));
}

static const struct {
	const char *event;
	const char *nobody; /* who it is about when there is no broker */
	void (*print)(const struct ctl_style *s, const json_t *event);
} event_kinds[] = {
	{ "state", "modem", print_state_event },
	{ "message", "local", print_message_event },
	{ "outcome", "cmqttd", print_outcome_event },
	{ "log", "cmqttd", print_log_event },
	{ "at", "modem", print_at_event },
};

void ctl_print_event(const struct ctl_style *s, const json_t *reply)
{
	const char *event = member_text(reply, "event", "-");
	char clock[32];

	ctl_print_clock(clock, sizeof(clock), reply, "time", false);
	fprintf(s->out, "%s  ", clock);
	for (size_t i = 0; i < sizeof(event_kinds) / sizeof(event_kinds[0]); i++) {
		if (strcmp(event, event_kinds[i].event) != 0)
			continue;
		print_text(s, member_text(reply, "broker", event_kinds[i].nobody));
		fputs("  ", s->out);
		event_kinds[i].print(s, reply);
		fputc('\n', s->out);
		return;
	}
	if (member_is_there(reply, "lost")) {
		print_lost(s, reply, "events");
		return;
	}
	print_text(s, event);
	fputc('\n', s->out);
}

/* ---- messages that wait, and dead letters ---- */

static const char *queued_state(const json_t *message)
{
	const char *state = member_text(message, "state", "-");

	if (strcmp(state, "in_flight") == 0)
		return "in flight";
	if (strcmp(state, "waiting") == 0 && json_is_true(json_object_get(message, "in_memory")))
		return "in memory";
	return state;
}

static enum ctl_color queued_color(const json_t *message)
{
	const char *state = member_text(message, "state", "-");

	if (strcmp(state, "dead") == 0)
		return CTL_COLOR_BAD;
	return strcmp(state, "in_flight") == 0 ? CTL_COLOR_BUSY : CTL_COLOR_NONE;
}

static void add_queued(const struct ctl_style *s, struct ctl_table *t, const json_t *message)
{
	char text[64];
	time_t then;

	add_number(t, message, "id");
	ctl_table_add(t, CTL_COLOR_NONE, "%s", member_text(message, "broker", "-"));
	ctl_table_add(t, queued_color(message), "%s", queued_state(message));
	add_number(t, message, "qos");
	add_number(t, message, "priority");
	snprintf(text, sizeof(text), "-");
	if (read_time(message, "accepted", &then))
		ctl_print_duration(text, sizeof(text), s->now - then);
	ctl_table_add(t, CTL_COLOR_NONE, "%s", text);
	ctl_print_bytes(text, sizeof(text), member_int(message, "size"));
	ctl_table_add(t, CTL_COLOR_NONE, "%s", text);
	ctl_table_add(t, CTL_COLOR_NONE, "%s", member_text(message, "topic", "-"));
	ctl_table_add(t, CTL_COLOR_NONE, "%s", member_text(message, "reason", "-"));
}

void ctl_print_queue(const struct ctl_style *s, const json_t *reply)
{
	static const char *const heads[] = { "ID", "BROKER", "STATE", "QOS", "PRIO", "AGE", "SIZE",
		"TOPIC", "REASON" };
	const json_t *messages = json_object_get(reply, "messages");
	struct ctl_table t;

	ctl_table_init(&t, sizeof(heads) / sizeof(heads[0]));
	add_heads(&t, heads);
	for (size_t i = 0; i < json_array_size(messages); i++)
		add_queued(s, &t, json_array_get(messages, i));
	finish_table(s, &t);
}

/* "2026-05-01 08:15:30, 3 min ago" */
static void add_moment(const struct ctl_style *s, struct ctl_table *t, const char *label,
    const json_t *message, const char *name)
{
	char clock[32], age[40];
	time_t then;

	ctl_print_clock(clock, sizeof(clock), message, name, true);
	ctl_print_age(age, sizeof(age), message, name, s->now);
	ctl_table_add(t, CTL_COLOR_NONE, "%s", label);
	if (read_time(message, name, &then) && then <= s->now)
		ctl_table_add(t, CTL_COLOR_NONE, "%s, %s", clock, age);
	else
		ctl_table_add(t, CTL_COLOR_NONE, "%s", clock);
}

static void add_integer(
    struct ctl_table *t, const char *label, const json_t *message, const char *name)
{
	ctl_table_add(t, CTL_COLOR_NONE, "%s", label);
	ctl_table_add(t, CTL_COLOR_NONE, "%lld", (long long)member_int(message, name));
}

static void add_flag(
    struct ctl_table *t, const char *label, const json_t *message, const char *name)
{
	add_row(t, label, json_is_true(json_object_get(message, name)) ? "yes" : "no");
}

void ctl_print_queued(const struct ctl_style *s, const json_t *reply)
{
	const json_t *message = json_object_get(reply, "message");
	const char *payload = member_text(reply, "payload", "");
	const char *coded = json_string_value(json_object_get(reply, "payload_base64"));
	struct ctl_table t;

	ctl_table_init(&t, 2);
	add_integer(&t, "id", message, "id");
	add_row(&t, "broker", member_text(message, "broker", "-"));
	ctl_table_add(&t, CTL_COLOR_NONE, "state");
	ctl_table_add(&t, queued_color(message), "%s", queued_state(message));
	add_row(&t, "reason", member_text(message, "reason", "-"));
	add_row(&t, "topic", member_text(message, "topic", "-"));
	add_integer(&t, "size", message, "size");
	add_integer(&t, "qos", message, "qos");
	add_flag(&t, "retain", message, "retain");
	add_integer(&t, "priority", message, "priority");
	add_integer(&t, "tries", message, "tries");
	add_flag(&t, "maybe sent", message, "maybe_sent");
	add_moment(s, &t, "accepted", message, "accepted");
	add_moment(s, &t, "expires", message, "expires");
	finish_table(s, &t);
	fputc('\n', s->out);
	if (coded)
		print_coded_payload(s, coded);
	else
		print_payload(s, payload, strlen(payload));
	fputc('\n', s->out);
}

/* ---- routes ---- */

static void add_route(struct ctl_table *t, const json_t *route)
{
	bool goes = json_is_true(json_object_get(route, "goes"));

	ctl_table_add(t, CTL_COLOR_NONE, "%s", member_text(route, "broker", "-"));
	ctl_table_add(t, goes ? CTL_COLOR_GOOD : CTL_COLOR_NONE, "%s", goes ? "yes" : "no");
	ctl_table_add(t, CTL_COLOR_NONE, "%s%s", member_text(route, "local_prefix", ""),
	    member_text(route, "pattern", "-"));
	ctl_table_add(t, CTL_COLOR_NONE, "%s", member_text(route, "remote_topic", "-"));
	if (goes)
		add_number(t, route, "qos");
	else
		ctl_table_add(t, CTL_COLOR_NONE, "-");
	ctl_table_add(t, CTL_COLOR_NONE, "%s", member_text(route, "why", "-"));
}

void ctl_print_routes(const struct ctl_style *s, const json_t *reply)
{
	static const char *const heads[] = { "BROKER", "GOES", "ROUTE", "REMOTE TOPIC", "QOS",
		"WHY" };
	const json_t *routes = json_object_get(reply, "routes");
	struct ctl_table t;

	ctl_table_init(&t, sizeof(heads) / sizeof(heads[0]));
	add_heads(&t, heads);
	for (size_t i = 0; i < json_array_size(routes); i++)
		add_route(&t, json_array_get(routes, i));
	finish_table(s, &t);
}

/* ---- reload ---- */

void ctl_print_reload(const struct ctl_style *s, const json_t *reply)
{
	const json_t *changes = json_object_get(reply, "changes");

	if (json_array_size(changes) == 0)
		fputs("no change\n", s->out);
	for (size_t i = 0; i < json_array_size(changes); i++) {
		const json_t *change = json_array_get(changes, i);

		print_text(s, member_text(change, "what", "-"));
		fputs(member_is_there(change, "name") ? " " : "", s->out);
		print_text(s, member_text(change, "name", ""));
		fputs(": ", s->out);
		print_text(s, member_text(change, "text", "-"));
		fputc('\n', s->out);
	}
}

/* ---- the doctor ---- */

static void add_check(struct ctl_table *t, const json_t *check)
{
	const char *result = member_text(check, "result", "-");
	bool is_bad = strcmp(result, "fail") == 0, is_good = strcmp(result, "ok") == 0;

	ctl_table_add(t,
	    is_bad    ? CTL_COLOR_BAD
	    : is_good ? CTL_COLOR_GOOD
		      : CTL_COLOR_BUSY,
	    "%s", is_bad ? "FAIL" : result);
	ctl_table_add(t, CTL_COLOR_NONE, "%s", member_text(check, "check", "-"));
	ctl_table_add(t, CTL_COLOR_NONE, "%s%s%s%s%s", member_text(check, "broker", ""),
	    member_is_there(check, "broker") ? ": " : "", member_text(check, "text", "-"),
	    member_is_there(check, "advice") ? " - " : "", member_text(check, "advice", ""));
}

void ctl_print_doctor(const struct ctl_style *s, const json_t *reply)
{
	const json_t *checks = json_object_get(reply, "checks");
	struct ctl_table t;

	ctl_table_init(&t, 3);
	for (size_t i = 0; i < json_array_size(checks); i++)
		add_check(&t, json_array_get(checks, i));
	finish_table(s, &t);
}

/* ---- at ---- */

void ctl_print_at(const struct ctl_style *s, const json_t *reply)
{
	const json_t *lines = json_object_get(reply, "lines");

	for (size_t i = 0; i < json_array_size(lines); i++) {
		const char *line = json_string_value(json_array_get(lines, i));

		print_text(s, line ? line : "-");
		fputc('\n', s->out);
	}
	if (json_is_true(json_object_get(reply, "truncated")))
		fputs("(there were more lines)\n", s->out);
	print_text(s, member_text(reply, "final", "-"));
	fputc('\n', s->out);
}

void ctl_print_metrics(const struct ctl_style *s, const json_t *reply)
{
	const json_t *text = json_object_get(reply, "text");

	/* Printed as it is, for it is made of our own names and escaped labels. */
	fputs(json_is_string(text) ? json_string_value(text) : "", s->out);
}

/* ---- errors ---- */

/* In plain words; {name} is the parameter of that name. */
static const struct {
	const char *error;
	const char *text;
} errors[] = {
	{ CTL_INTERFACE ".PermissionDenied",
	    "you may look, but not change anything: only root and the daemon's own user may" },
	{ CTL_INTERFACE ".NoSuchBroker", "there is no broker \"{name}\"" },
	{ CTL_INTERFACE ".Busy", "another command of this kind is under way; try again" },
	{ CTL_INTERFACE ".NotConnected", "the modem's port is not open" },
	{ CTL_INTERFACE ".InvalidCommand",
	    "\"{command}\" cannot be sent: it must begin with AT, be no longer than the modem"
	    " takes, and have no control characters" },
	{ CTL_INTERFACE ".NoAnswer", "the modem gave no result in time, or went away" },
	{ CTL_INTERFACE ".InvalidTopic",
	    "\"{topic}\" cannot be used here: + and # are whole levels of filters, # the last one,"
	    " and what begins with $ is the daemon's own" },
	{ CTL_INTERFACE ".TooLarge",
	    "more than the modem takes: topics have at most {topic_max} bytes, payloads"
	    " {payload_max}" },
	{ CTL_INTERFACE ".StoreFull", "the store is full" },
	{ CTL_INTERFACE ".StoreFailed", "the store failed; the log says why" },
	{ CTL_INTERFACE ".NoRoute", "no route leads from \"{topic}\" to a broker" },
	{ CTL_INTERFACE ".NotDelivered", "not delivered: {text} (error {code})" },
	{ CTL_INTERFACE ".ReloadFailed", "nothing was changed: {message}" },
	{ CTL_INTERFACE ".OutOfMemory", "the daemon is out of memory" },
	{ CTL_INTERFACE ".NoSuchMessage", "there is no message {id}, or not any more" },
	{ CTL_INTERFACE ".AmbiguousMessage",
	    "message {id} is there for more than one broker: name one with -b" },
	{ CTL_INTERFACE ".InFlight",
	    "message {id} is in flight: the modem has it, and may have sent it" },
	{ CTL_INTERFACE ".NotDead", "message {id} is no dead letter: it waits already" },
	{ CTL_INTERFACE ".Expired",
	    "message {id} is older than its ttl: it would be dropped at once" },
	{ CTL_SERVICE_INTERFACE ".InterfaceNotFound",
	    "this is not cmqttd's socket: there is no interface {interface}" },
	{ CTL_SERVICE_INTERFACE ".MethodNotFound", "this daemon does not know {method}" },
	{ CTL_SERVICE_INTERFACE ".MethodNotImplemented", "this daemon cannot do {method}" },
	{ CTL_SERVICE_INTERFACE ".InvalidParameter",
	    "the daemon does not accept this {parameter}" },
};

static void print_parameter(FILE *out, const json_t *parameters, const char *name, size_t len)
{
	char key[32];
	const json_t *value;

	snprintf(key, sizeof(key), "%.*s", (int)len, name);
	value = json_object_get(parameters, key);
	if (json_is_integer(value))
		fprintf(out, "%lld", (long long)json_integer_value(value));
	else if (json_is_string(value))
		ctl_text_print(out, json_string_value(value), json_string_length(value));
	else
		fputc('?', out);
}

void ctl_print_error(FILE *out, const char *error, const json_t *parameters)
{
	const char *text = NULL;

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (strcmp(errors[i].error, error) == 0)
			text = errors[i].text;
	}
	if (!text) {
		fputs("the daemon says ", out);
		ctl_text_print(out, error, strlen(error));
		text = "";
	}
	while (*text) {
		size_t len = strcspn(text, "{");

		fwrite(text, 1, len, out);
		text += len;
		if (*text == '{') {
			len = strcspn(text, "}");
			print_parameter(out, parameters, text + 1, len - 1);
			text += len + 1;
		}
	}
	fputc('\n', out);
}
