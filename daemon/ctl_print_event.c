/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_print.h"

#include "ctl_member.h"

#include <string.h>

static void print_lost(const struct ctl_style *s, const json_t *reply, const char *what)
{
	fprintf(s->out, "(%lld %s lost: they were not read in time)\n",
	    (long long)member_int(reply, "lost"), what);
}

void ctl_print_message(const struct ctl_style *s, const json_t *reply)
{
	if (member_is_there(reply, "lost")) {
		print_lost(s, reply, "messages");
		return;
	}
	ctl_print_text(s, member_text(reply, "topic", "-"));
	fputc(' ', s->out);
	ctl_print_payload(s, reply);
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

	ctl_print_text(s, member_text(event, "from", "-"));
	fprintf(s->out, " -> %s", ctl_color_begin(color));
	ctl_print_text(s, to);
	fputs(ctl_color_end(color), s->out);
	if (member_text(event, "text", "")[0]) {
		fputs(": ", s->out);
		ctl_print_text(s, member_text(event, "text", "-"));
	}
	print_code(s, event);
}

static void print_message_event(const struct ctl_style *s, const json_t *event)
{
	fputs("message ", s->out);
	ctl_print_text(s, member_text(event, "topic", "-"));
	fprintf(s->out, ", %lld bytes, QoS %lld%s", (long long)member_int(event, "size"),
	    (long long)member_int(event, "qos"),
	    json_is_true(json_object_get(event, "retain")) ? ", retained" : "");
}

static void print_outcome_event(const struct ctl_style *s, const json_t *event)
{
	ctl_print_text(s, member_text(event, "text", "-"));
	fputc(' ', s->out);
	ctl_print_text(s, member_text(event, "topic", "-"));
	print_code(s, event);
}

static void print_log_event(const struct ctl_style *s, const json_t *event)
{
	bool is_error = strcmp(member_text(event, "level", "-"), "error") == 0;
	enum ctl_color color = !s->is_colored ? CTL_COLOR_NONE
			       : is_error     ? CTL_COLOR_BAD
					      : CTL_COLOR_BUSY;

	fputs(ctl_color_begin(color), s->out);
	ctl_print_text(s, member_text(event, "level", "-"));
	fprintf(s->out, "%s: ", ctl_color_end(color));
	ctl_print_text(s, member_text(event, "text", "-"));
	if (member_is_there(event, "to")) {
		fputs(member_is_there(event, "from") ? ", from " : ", ", s->out);
		ctl_print_text(s, member_text(event, "from", ""));
		fputs(member_is_there(event, "from") ? " to " : "", s->out);
		ctl_print_text(s, member_text(event, "to", "-"));
	}
	print_code(s, event);
}

static void print_at_event(const struct ctl_style *s, const json_t *event)
{
	fputs(json_is_true(json_object_get(event, "sent")) ? "> " : "< ", s->out);
	ctl_print_text(s, member_text(event, "text", "-"));
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
		ctl_print_text(s, member_text(reply, "broker", event_kinds[i].nobody));
		fputs("  ", s->out);
		event_kinds[i].print(s, reply);
		fputc('\n', s->out);
		return;
	}
	if (member_is_there(reply, "lost")) {
		print_lost(s, reply, "events");
		return;
	}
	ctl_print_text(s, event);
	fputc('\n', s->out);
}
