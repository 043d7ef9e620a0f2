/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_print.h"

#include "bridge/ctl_interface.h"

#include <string.h>

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
	    "\"{command}\" cannot be sent: it must begin with AT, be printable and no longer than"
	    " the modem takes, and must not wait for data (AT+CMGS=...) nor change how the modem"
	    " answers (ATV0, ATZ, AT+IPR=...)" },
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
	{ CTL_INTERFACE ".ReloadFailed", "nothing was changed:{message}" },
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

/* Several lines begin on a line of their own. */
static void print_lines(FILE *out, const char *text)
{
	const char *begin = strchr(text, '\n') ? "\n  " : " ";

	while (*text) {
		size_t len = strcspn(text, "\n");

		fputs(begin, out);
		ctl_text_print(out, text, len);
		text += text[len] ? len + 1 : len;
	}
}

static void print_parameter(FILE *out, const json_t *parameters, const char *name, size_t len)
{
	char key[32];
	const json_t *value;

	snprintf(key, sizeof(key), "%.*s", (int)len, name);
	value = json_object_get(parameters, key);
	if (strcmp(key, "message") == 0 && json_is_string(value))
		print_lines(out, json_string_value(value));
	else if (json_is_integer(value))
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
