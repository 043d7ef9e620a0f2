/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/ctl_json.h"

#include "bridge/ctl_json_value.h"

#include <stdio.h>

/* ---- Subscribe ---- */

json_t *ctl_json_message(const struct core *core, uint64_t now_ms, int broker, struct span topic,
    struct span payload, uint8_t qos, bool retain)
{
	/* clang-format off */
	return json_pack("{s:o, s:o, s:o, s:i, s:b, s:o}",
	    "time", ctl_json_time(core_wall_at(core, now_ms)),
	    "topic", ctl_json_text(topic),
	    ctl_json_payload_name(payload), ctl_json_payload(payload),
	    "qos", qos,
	    "retain", retain,
	    "broker", ctl_json_broker(core, broker));
	/* clang-format on */
}

json_t *ctl_json_message_lost(const struct core *core, uint64_t now_ms, uint64_t lost)
{
	/* clang-format off */
	return json_pack("{s:o, s:o}",
	    "time", ctl_json_time(core_wall_at(core, now_ms)),
	    "lost", ctl_json_count(lost));
	/* clang-format on */
}

/* ---- Monitor ---- */

json_t *ctl_json_event_state(const struct core *core, uint64_t now_ms, int broker, const char *from,
    const char *to, unsigned err, struct span why)
{
	/* clang-format off */
	return json_pack("{s:o, s:s, s:o, s:s, s:s, s:I, s:o}",
	    "time", ctl_json_time(core_wall_at(core, now_ms)),
	    "event", "state",
	    "broker", ctl_json_broker(core, broker),
	    "from", from,
	    "to", to,
	    "code", (json_int_t)err,
	    "text", ctl_json_text(why));
	/* clang-format on */
}

json_t *ctl_json_event_message(const struct core *core, uint64_t now_ms, int broker,
    struct span topic, size_t size, uint8_t qos, bool retain)
{
	/* clang-format off */
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:i, s:b}",
	    "time", ctl_json_time(core_wall_at(core, now_ms)),
	    "event", "message",
	    "broker", ctl_json_broker(core, broker),
	    "topic", ctl_json_text(topic),
	    "size", ctl_json_count(size),
	    "qos", qos,
	    "retain", retain);
	/* clang-format on */
}

json_t *ctl_json_event_outcome(const struct core *core, uint64_t now_ms, int broker,
    const char *outcome, struct span topic, unsigned err)
{
	/* clang-format off */
	return json_pack("{s:o, s:s, s:o, s:o, s:s, s:I}",
	    "time", ctl_json_time(core_wall_at(core, now_ms)),
	    "event", "outcome",
	    "broker", ctl_json_broker(core, broker),
	    "topic", ctl_json_text(topic),
	    "text", outcome,
	    "code", (json_int_t)err);
	/* clang-format on */
}

/* What it is about, and the detail if there is one. */
static json_t *log_text(const struct log_event *log)
{
	const char *text = ctl_log_text(log->code);
	char line[LOG_DETAIL_MAX + 80];

	if (log->detail[0] == '\0')
		return json_string(text);
	snprintf(line, sizeof(line), "%s: %s", text, log->detail);
	return ctl_json_cstring(line);
}

json_t *ctl_json_event_log(const struct core *core, uint64_t now_ms, const struct log_event *log)
{
	/* clang-format off */
	return json_pack("{s:o, s:s, s:s, s:o, s:s?, s:s?, s:I, s:o}",
	    "time", ctl_json_time(core_wall_at(core, now_ms)),
	    "event", "log",
	    "level", log_level_name(log->level),
	    "broker", ctl_json_text_or_null(log->broker),
	    "from", log->from,
	    "to", log->to,
	    "code", (json_int_t)log->err,
	    "text", log_text(log));
	/* clang-format on */
}

json_t *ctl_json_event_at(
    const struct core *core, uint64_t now_ms, bool is_outgoing, struct span text)
{
	/* clang-format off */
	return json_pack("{s:o, s:s, s:b, s:o}",
	    "time", ctl_json_time(core_wall_at(core, now_ms)),
	    "event", "at",
	    "sent", is_outgoing,
	    "text", ctl_json_text(text));
	/* clang-format on */
}

json_t *ctl_json_event_lost(const struct core *core, uint64_t now_ms, uint64_t lost)
{
	/* clang-format off */
	return json_pack("{s:o, s:s, s:o}",
	    "time", ctl_json_time(core_wall_at(core, now_ms)),
	    "event", "lost",
	    "lost", ctl_json_count(lost));
	/* clang-format on */
}

/* ---- what a log line is about ---- */

const char *ctl_log_text(enum log_code code)
{
	switch (code) {
	case LOG_MODEM_STATE:
		return "modem state";
	case LOG_MODEM_IDENTITY:
		return "modem found";
	case LOG_MODEM_BOOTED:
		return "modem started by itself";
	case LOG_MODEM_GARBAGE:
		return "bytes without sense from the modem";
	case LOG_MODEM_STUCK:
		return "modem does not answer";
	case LOG_MODEM_PIN_REFUSED:
		return "PIN refused";
	case LOG_MODEM_NO_SIM:
		return "no SIM";
	case LOG_MODEM_DENIED:
		return "network denied registration";
	case LOG_MODEM_CLOCK_SET:
		return "modem clock set";
	case LOG_MODEM_CLOCK_WRONG:
		return "modem clock wrong";
	case LOG_MODEM_POWER_CYCLE:
		return "modem power cycled";
	case LOG_MODEM_USB_REBIND:
		return "modem bound anew on USB";
	case LOG_BROKER_ONLINE:
		return "broker online";
	case LOG_BROKER_OFFLINE:
		return "broker offline";
	case LOG_BROKER_STATE:
		return "broker state";
	case LOG_BROKER_ERROR:
		return "broker error";
	case LOG_BROKER_CERT_UPLOADED:
		return "certificate sent to the modem";
	case LOG_BROKER_SUBSCRIBE_FAILED:
		return "subscribing failed";
	case LOG_BROKER_BIRTH_FAILED:
		return "birth message failed";
	case LOG_BROKER_NOT_VERIFIED:
		return "broker is not verified";
	case LOG_MESSAGE_DEAD:
		return "message became a dead letter";
	case LOG_MESSAGE_DROPPED:
		return "message dropped";
	case LOG_INBOUND_LOST:
		return "message from the broker lost";
	case LOG_STORE_FULL:
		return "store full";
	case LOG_STORE_FAILED:
		return "store failed";
	case LOG_STORE_ORPHANS:
		return "messages without a broker";
	case LOG_CLIENT_CLOSED:
		return "client closed";
	case LOG_CONTROL_CHANGE:
		return "control";
	case LOG_RELOADED:
		return "configuration read again";
	case LOG_STOPPING:
		return "stopping";
	case LOG_AT_TRAFFIC:
		return "AT";
	case LOG_CODE_COUNT:
		break;
	}
	return "unknown";
}
