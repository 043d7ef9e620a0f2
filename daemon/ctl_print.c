/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_print.h"

#include "ctl_member.h"
#include "ctl_table.h"

#include <string.h>

/* ---- status ---- */

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
	if (ctl_read_time(message, "accepted", &then))
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
	if (ctl_read_time(message, name, &then) && then <= s->now)
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
	ctl_print_payload(s, reply);
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

		ctl_print_text(s, member_text(change, "what", "-"));
		fputs(member_is_there(change, "name") ? " " : "", s->out);
		ctl_print_text(s, member_text(change, "name", ""));
		fputs(": ", s->out);
		ctl_print_text(s, member_text(change, "text", "-"));
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

		ctl_print_text(s, line ? line : "-");
		fputc('\n', s->out);
	}
	if (json_is_true(json_object_get(reply, "truncated")))
		fputs("(there were more lines)\n", s->out);
	ctl_print_text(s, member_text(reply, "final", "-"));
	fputc('\n', s->out);
}

void ctl_print_metrics(const struct ctl_style *s, const json_t *reply)
{
	const json_t *text = json_object_get(reply, "text");

	/* Printed as it is, for it is made of our own names and escaped labels. */
	fputs(json_is_string(text) ? json_string_value(text) : "", s->out);
}
