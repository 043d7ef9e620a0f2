/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/metrics.h"

#include "base/utf8.h"
#include "bridge/histogram.h"
#include "modem/modem.h"
#include "mqtt/mqtt_server.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum kind { COUNTER, GAUGE, HISTOGRAM, INFO };

struct writer {
	const struct core *core;
	uint64_t now_ms;
	enum metrics_format format;
	struct buf *out;
	const char *name; /* of the family under way */
	enum kind kind;
	int error; /* the first one, sticky */
};

const char *metrics_content_type(enum metrics_format format)
{
	switch (format) {
	case METRICS_PROMETHEUS:
		return "text/plain; version=0.0.4; charset=utf-8";
	case METRICS_OPENMETRICS:
		return "application/openmetrics-text; version=1.0.0; charset=utf-8";
	}
	return "";
}

enum metrics_format metrics_choose(struct span accept)
{
	static const char name[] = "application/openmetrics-text";
	const size_t len = sizeof(name) - 1;

	for (size_t i = 0; i + len <= accept.len; i++) {
		if (memcmp(accept.data + i, name, len) == 0)
			return METRICS_OPENMETRICS;
	}
	return METRICS_PROMETHEUS;
}

/* ---- the notation ---- */

static void __attribute__((format(printf, 2, 3))) put(struct writer *w, const char *fmt, ...)
{
	va_list ap;

	if (w->error < 0)
		return;
	va_start(ap, fmt);
	w->error = buf_vprintf(w->out, fmt, ap);
	va_end(ap);
}

static const char *kind_name(const struct writer *w, enum kind kind)
{
	switch (kind) {
	case COUNTER:
		return "counter";
	case GAUGE:
		return "gauge";
	case HISTOGRAM:
		return "histogram";
	case INFO:
		return w->format == METRICS_OPENMETRICS ? "info" : "gauge";
	}
	return "";
}

/* What its samples have behind the name of the family. In OpenMetrics it is not part of that name,
 * in the older format it is. */
static const char *suffix_of(enum kind kind)
{
	switch (kind) {
	case COUNTER:
		return "_total";
	case INFO:
		return "_info";
	case GAUGE:
	case HISTOGRAM:
		break;
	}
	return "";
}

/* Begin one: the samples that follow are of it. */
static void family(struct writer *w, const char *name, enum kind kind, const char *help)
{
	const char *suffix = w->format == METRICS_OPENMETRICS ? "" : suffix_of(kind);

	w->name = name;
	w->kind = kind;
	put(w, "# HELP cmqttd_%s%s %s\n", name, suffix, help);
	put(w, "# TYPE cmqttd_%s%s %s\n", name, suffix, kind_name(w, kind));
}

/* The value of a label: UTF-8, or a scrape is refused, and nothing that a terminal acts on. What a
 * modem says about itself need not be that. */
static void put_escaped(struct writer *w, const char *text)
{
	bool is_utf8 = utf8_is_mqtt_string((const uint8_t *)text, strlen(text));

	for (; *text; text++) {
		if (*text == '\n')
			put(w, "\\n");
		else if ((uint8_t)*text < 0x20 || *text == 0x7f || (!is_utf8 && (*text & 0x80)))
			put(w, "?");
		else if (*text == '"' || *text == '\\')
			put(w, "\\%c", *text);
		else
			put(w, "%c", *text);
	}
}

/* Name and labels of a sample, up to the blank before its value. Labels are pairs of name and
 * value, ended by NULL. */
static void put_name(struct writer *w, const char *suffix, const char *const labels[])
{
	put(w, "cmqttd_%s%s", w->name, suffix);
	for (size_t i = 0; labels[i]; i += 2) {
		put(w, "%s%s=\"", i == 0 ? "{" : ",", labels[i]);
		put_escaped(w, labels[i + 1]);
		put(w, "\"");
	}
	put(w, "%s ", labels[0] ? "}" : "");
}

#define LABELS(...)                             \
	(const char *const[])                   \
	{                                       \
		__VA_ARGS__ __VA_OPT__(, ) NULL \
	}

static void count(struct writer *w, const char *const labels[], uint64_t value)
{
	put_name(w, suffix_of(w->kind), labels);
	put(w, "%" PRIu64 "\n", value);
}

static void gauge(struct writer *w, const char *const labels[], int64_t value)
{
	put_name(w, suffix_of(w->kind), labels);
	put(w, "%" PRId64 "\n", value);
}

static void put_seconds(struct writer *w, uint64_t ms)
{
	put(w, "%" PRIu64 ".%03" PRIu64 "\n", ms / 1000, ms % 1000);
}

static void seconds(struct writer *w, const char *const labels[], uint64_t ms)
{
	put_name(w, "", labels);
	put_seconds(w, ms);
}

static void put_histogram(struct writer *w, const char *broker, const struct histogram *h)
{
	uint64_t sum = 0;

	for (size_t class = 0; class < HISTOGRAM_CLASSES; class ++) {
		char bound[24] = "+Inf";
		uint32_t ms;

		if (class < HISTOGRAM_CLASSES - 1) {
			ms = histogram_bound_ms(class);
			snprintf(
			    bound, sizeof(bound), "%" PRIu32 ".%03" PRIu32, ms / 1000, ms % 1000);
		}
		sum += h->counts[class];
		put_name(w, "_bucket", LABELS("broker", broker, "le", bound));
		put(w, "%" PRIu64 "\n", sum);
	}
	put_name(w, "_count", LABELS("broker", broker));
	put(w, "%" PRIu64 "\n", sum);
	put_name(w, "_sum", LABELS("broker", broker));
	put_seconds(w, h->sum_ms);
}

/* ---- the brokers ---- */

static size_t broker_count(const struct writer *w)
{
	return core_get_config(w->core)->broker_count;
}

static const char *broker_name(const struct writer *w, unsigned client)
{
	return core_get_config(w->core)->brokers[client].link.name;
}

static const struct session_status *session(const struct writer *w, unsigned client)
{
	return modem_get_session(core_get_modem(w->core), client);
}

static void put_broker_states(struct writer *w)
{
	family(w, "broker_up", GAUGE, "The session with the broker is online (1) or not (0).");
	for (unsigned i = 0; i < broker_count(w); i++)
		gauge(
		    w, LABELS("broker", broker_name(w, i)), session(w, i)->state == SESSION_ONLINE);
	family(w, "broker_connects", COUNTER, "Connections that the broker accepted.");
	for (unsigned i = 0; i < broker_count(w); i++)
		count(w, LABELS("broker", broker_name(w, i)), session(w, i)->connects);
	family(w, "broker_disconnects", COUNTER, "Ends of a session that was online.");
	for (unsigned i = 0; i < broker_count(w); i++) {
		for (size_t k = 0; k < OFFLINE_REASON_COUNT; k++)
			count(w,
			    LABELS("broker", broker_name(w, i), "reason",
				offline_reason_name((enum offline_reason)k)),
			    core_get_counters(w->core, i)->offline[k]);
	}
}

/* A counter that every broker has. */
static void put_broker_counter(struct writer *w, const char *name, const char *help, size_t offset)
{
	family(w, name, COUNTER, help);
	for (unsigned i = 0; i < broker_count(w); i++) {
		const char *counters = (const char *)core_get_counters(w->core, i);
		uint64_t value;

		memcpy(&value, counters + offset, sizeof(value));
		count(w, LABELS("broker", broker_name(w, i)), value);
	}
}

static void put_broker_counters(struct writer *w)
{
	static const struct {
		const char *name, *help;
		size_t offset;
	} rows[] = {
		{ "published", "Messages that the broker has confirmed.",
		    offsetof(struct broker_counters, published) },
		{ "received", "Whole messages from the broker.",
		    offsetof(struct broker_counters, received) },
		{ "unknown_outcomes", "Publishes whose outcome was never told.",
		    offsetof(struct broker_counters, unknown) },
		{ "buried", "Messages that became dead letters.",
		    offsetof(struct broker_counters, dead) },
		{ "echoes", "Own messages that the broker sent back, not delivered again.",
		    offsetof(struct broker_counters, echoes) },
		{ "unrouted", "Messages from the broker that no route wants.",
		    offsetof(struct broker_counters, unrouted) },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		put_broker_counter(w, rows[i].name, rows[i].help, rows[i].offset);
}

/* A pattern can be that of several routes: the prefixes tell them apart. They can be so long that
 * not all routes find room; what is not of single routes has its own. */
static void put_route_losses(struct writer *w, unsigned client)
{
	static const struct route_config none = {
		.pattern = "", .local_prefix = "", .remote_prefix = ""
	};
	const struct core_broker *b = &core_get_config(w->core)->brokers[client];
	const struct route_counters *routes = core_get_counters(w->core, client)->routes;

	for (size_t i = 0; i <= BRIDGE_ROUTES_MAX; i++) {
		const struct route_config *r = i < b->route_count ? &b->routes[i] : &none;

		if (i >= b->route_count && i != BRIDGE_ROUTES_MAX)
			continue;
		for (size_t k = 0; k < DROP_REASON_COUNT; k++) {
			if (routes[i].dropped[k] > 0 && buf_room(w->out) > METRICS_REST_MAX)
				count(w,
				    LABELS("broker", broker_name(w, client), "route", r->pattern,
					"local_prefix", r->local_prefix, "remote_prefix",
					r->remote_prefix, "reason",
					drop_reason_name((enum drop_reason)k)),
				    routes[i].dropped[k]);
		}
	}
}

static void put_losses(struct writer *w)
{
	family(w, "dropped", COUNTER, "Messages for the broker that were given up, by reason.");
	for (unsigned i = 0; i < broker_count(w); i++) {
		for (size_t k = 0; k < DROP_REASON_COUNT; k++)
			count(w,
			    LABELS("broker", broker_name(w, i), "reason",
				drop_reason_name((enum drop_reason)k)),
			    core_get_counters(w->core, i)->dropped[k]);
	}
	family(w, "route_dropped", COUNTER,
	    "The same by route, for those that lost any; route \"\": of none that there is now.");
	for (unsigned i = 0; i < broker_count(w); i++)
		put_route_losses(w, i);
	family(w, "inbound_lost", COUNTER, "Messages that were lost on the tty, by reason.");
	for (unsigned i = 0; i < broker_count(w); i++) {
		for (size_t k = INBOUND_LOSS_NONE + 1; k < INBOUND_LOSS_COUNT; k++)
			count(w,
			    LABELS("broker", broker_name(w, i), "reason",
				inbound_loss_name((enum inbound_loss)k)),
			    core_get_counters(w->core, i)->inbound_lost[k]);
	}
}

static void put_queues(struct writer *w)
{
	struct store_usage usage[MODEM_CLIENTS];

	for (unsigned i = 0; i < broker_count(w); i++)
		core_queue_usage(w->core, i, &usage[i]);
	family(w, "queued_messages", GAUGE, "Messages that wait for the broker.");
	for (unsigned i = 0; i < broker_count(w); i++)
		gauge(w, LABELS("broker", broker_name(w, i)), (int64_t)usage[i].messages);
	family(w, "queued_bytes", GAUGE, "Bytes of their topics and payloads.");
	for (unsigned i = 0; i < broker_count(w); i++)
		gauge(w, LABELS("broker", broker_name(w, i)), (int64_t)usage[i].bytes);
	family(w, "dead_letters", GAUGE, "Messages that were refused for good and are kept.");
	for (unsigned i = 0; i < broker_count(w); i++)
		gauge(w, LABELS("broker", broker_name(w, i)), (int64_t)usage[i].dead_letters);
}

static void put_latencies(struct writer *w)
{
	family(w, "publish_latency_seconds", HISTOGRAM,
	    "From handing a message to the modem to the confirmation.");
	for (unsigned i = 0; i < broker_count(w); i++)
		put_histogram(w, broker_name(w, i), &core_get_counters(w->core, i)->latency);
	/* Before the first one there is no such age, and so no sample. */
	family(w, "last_delivery_age_seconds", GAUGE, "Since the broker confirmed a message last.");
	for (unsigned i = 0; i < broker_count(w); i++) {
		const struct broker_counters *n = core_get_counters(w->core, i);

		if (n->published > 0)
			seconds(
			    w, LABELS("broker", broker_name(w, i)), w->now_ms - n->delivered_at_ms);
	}
}

/* ---- modem ---- */

static void put_modem(struct writer *w)
{
	const struct modem *modem = core_get_modem(w->core);
	const struct modem_status *s = modem_get_status(modem);

	family(w, "modem_state", GAUGE, "1 for the state that the modem is in.");
	for (int k = MODEM_ABSENT; k <= MODEM_RECOVERING; k++)
		gauge(
		    w, LABELS("state", modem_state_name((enum modem_state)k)), (int)s->state == k);
	family(w, "modem", INFO, "Model and revision.");
	count(w, LABELS("model", s->model, "revision", s->revision), 1);
	family(w, "recoveries", COUNTER, "Steps taken to get the modem back.");
	for (unsigned k = 0; k < RECOVERY_STEPS; k++)
		count(w, LABELS("step", recovery_step_name((enum recovery_step)k)),
		    modem_recovery_count(modem, (enum recovery_step)k));
	family(w, "modem_registered", GAUGE, "The modem is registered in a network.");
	gauge(w, LABELS(), s->is_registered);
	family(w, "modem_roaming", GAUGE, "It is not the SIM's own network.");
	gauge(w, LABELS(), s->is_roaming);
	family(w, "modem_signal_dbm", GAUGE, "Received signal strength; no sample: not known.");
	if (s->rssi_dbm != 0)
		gauge(w, LABELS(), s->rssi_dbm);
}

static void put_tty(struct writer *w)
{
	const struct at_chan_counters *n = modem_get_chan_counters(core_get_modem(w->core));

	family(w, "tty_bytes", COUNTER, "Bytes on the modem's port.");
	count(w, LABELS("direction", "in"), n->bytes_in);
	count(w, LABELS("direction", "out"), n->bytes_out);
	family(w, "at_commands", COUNTER, "AT commands sent.");
	count(w, LABELS(), n->commands);
	family(w, "at_timeouts", COUNTER, "AT commands without an answer in time.");
	count(w, LABELS(), n->timeouts);
	family(w, "at_garbage", COUNTER, "Times that bytes without sense came from the modem.");
	count(w, LABELS(), n->garbage);
}

/* ---- store, local clients, the daemon itself ---- */

static void put_store(struct writer *w)
{
	struct store_usage usage;

	core_store_usage(w->core, &usage);
	family(w, "store_bytes", GAUGE, "Topics and payloads on disk.");
	gauge(w, LABELS(), (int64_t)usage.bytes);
	family(w, "store_max_bytes", GAUGE, "How many there may be.");
	gauge(w, LABELS(), (int64_t)core_get_config(w->core)->store.max_bytes);
}

static void put_clients(struct writer *w)
{
	const struct core_config *cfg = core_get_config(w->core);
	const struct mqtt_server *server = core_get_server(w->core);
	const struct mqtt_counters *n = mqtt_server_counters(server);

	family(w, "local_clients", GAUGE, "Local clients connected.");
	for (size_t i = 0; i < cfg->listener_count; i++)
		gauge(w, LABELS("listener", cfg->listeners[i].address),
		    (int64_t)mqtt_server_clients(server, i));
	family(w, "local_messages", COUNTER, "Messages exchanged with local clients.");
	count(w, LABELS("direction", "in"), n->received);
	count(w, LABELS("direction", "out"), n->sent);
	family(w, "local_dropped", COUNTER, "Messages that local clients did not get, by reason.");
	for (size_t k = 0; k < MQTT_DROP_COUNT; k++)
		count(w, LABELS("reason", mqtt_drop_name((enum mqtt_drop)k)), n->dropped[k]);
	family(w, "local_kept_bytes", GAUGE,
	    "Bytes in memory for slow and absent local clients, and retained.");
	gauge(w, LABELS(), (int64_t)mqtt_server_kept_bytes(server));
}

static void put_daemon(struct writer *w)
{
	family(w, "build", INFO, "Version of the daemon.");
	count(w, LABELS("version", core_version(w->core)), 1);
	family(w, "uptime_seconds", GAUGE, "Since the daemon started.");
	seconds(w, LABELS(), core_uptime_ms(w->core, w->now_ms));
}

int metrics_write(
    const struct core *core, uint64_t now_ms, enum metrics_format format, struct buf *out)
{
	struct writer w = { .core = core, .now_ms = now_ms, .format = format, .out = out };

	put_broker_states(&w);
	put_broker_counters(&w);
	put_losses(&w);
	put_queues(&w);
	put_latencies(&w);
	put_modem(&w);
	put_tty(&w);
	put_store(&w);
	put_clients(&w);
	put_daemon(&w);
	if (format == METRICS_OPENMETRICS)
		put(&w, "# EOF\n");
	return w.error;
}
