/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/stage.h"

#include "bridge/core.h"
#include "bridge/core_query.h"
#include "replay/dialogue.h"
#include "replay/local_client.h"
#include "replay/replay_config.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED          1
#define WALL_AT_ZERO  INT64_C(1772366400000) /* 2026-03-01 12:00 UTC */
#define EVENTS_MAX    (1 << 22)
#define SAME_TIME_MAX 10000 /* turns without time passing: it does not come to rest */
#define RETRY_TEXT    ", next try in "
#define WRONG_MAX     160

struct stage {
	const struct core_config *cfg;
	struct store *store;
	struct core *core;
	uint64_t now_ms;
	struct local_client reader;
	struct local_client writer;
	struct buf sent;
	struct buf events;
	struct broker_counters counters[MODEM_CLIENTS]; /* told so far */
	unsigned turns;                                 /* since time has passed */
	char wrong[WRONG_MAX];
};

static void tell(struct stage *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void tell(struct stage *s, const char *fmt, ...)
{
	char text[512];
	va_list args;
	int r;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	r = buf_printf(&s->events, "%s\n", text);
	assert(r == 0);
	(void)r;
}

static void must_not(struct stage *s, const char *what)
{
	if (s->wrong[0] == '\0')
		snprintf(s->wrong, sizeof(s->wrong), "%s", what);
}

/* ---- log records ---- */

static const char *const code_names[] = {
	[LOG_MODEM_STATE] = "modem-state",
	[LOG_MODEM_IDENTITY] = "modem-identity",
	[LOG_MODEM_BOOTED] = "modem-booted",
	[LOG_MODEM_GARBAGE] = "modem-garbage",
	[LOG_MODEM_STUCK] = "modem-stuck",
	[LOG_MODEM_PIN_REFUSED] = "modem-pin-refused",
	[LOG_MODEM_NO_SIM] = "modem-no-sim",
	[LOG_MODEM_DENIED] = "modem-denied",
	[LOG_MODEM_CLOCK_SET] = "modem-clock-set",
	[LOG_MODEM_CLOCK_WRONG] = "modem-clock-wrong",
	[LOG_MODEM_POWER_CYCLE] = "modem-power-cycle",
	[LOG_MODEM_USB_REBIND] = "modem-usb-rebind",
	[LOG_BROKER_ONLINE] = "broker-online",
	[LOG_BROKER_OFFLINE] = "broker-offline",
	[LOG_BROKER_STATE] = "broker-state",
	[LOG_BROKER_ERROR] = "broker-error",
	[LOG_BROKER_CERT_UPLOADED] = "broker-cert-uploaded",
	[LOG_BROKER_SUBSCRIBE_FAILED] = "broker-subscribe-failed",
	[LOG_BROKER_BIRTH_FAILED] = "broker-birth-failed",
	[LOG_BROKER_NOT_VERIFIED] = "broker-not-verified",
	[LOG_MESSAGE_DEAD] = "message-dead",
	[LOG_MESSAGE_DROPPED] = "message-dropped",
	[LOG_INBOUND_LOST] = "inbound-lost",
	[LOG_STORE_FULL] = "store-full",
	[LOG_STORE_FAILED] = "store-failed",
	[LOG_STORE_ORPHANS] = "store-orphans",
	[LOG_CLIENT_CLOSED] = "client-closed",
	[LOG_CONTROL_CHANGE] = "control-change",
	[LOG_RELOADED] = "reloaded",
	[LOG_STOPPING] = "stopping",
	[LOG_AT_TRAFFIC] = "at-traffic",
};
_Static_assert(sizeof(code_names) / sizeof(code_names[0]) == LOG_CODE_COUNT, "a code without name");

static void tell_log(struct stage *s, const struct log_event *log)
{
	const char *draw = strstr(log->detail, RETRY_TEXT); /* the length of a wait is drawn */
	int len = draw ? (int)(draw - log->detail) : (int)strlen(log->detail);
	char states[64] = "", err[24] = "";

	if (log->to)
		snprintf(states, sizeof(states), " %s%s%s", log->from ? log->from : "",
		    log->from ? " > " : "", log->to);
	if (log->err > 0)
		snprintf(err, sizeof(err), " err %u", log->err);
	tell(s, "%s %s%s%s%s%s%s%.*s", log_level_name(log->level), code_names[log->code],
	    log->broker ? " " : "", log->broker ? log->broker : "", states, err,
	    len > 0 ? ": " : "", len, log->detail);
}

/* ---- outcomes ---- */

static void tell_counter(
    struct stage *s, unsigned broker, uint64_t *told, uint64_t now, const char *outcome)
{
	for (; *told < now; (*told)++)
		tell(s, "%s %s", s->cfg->brokers[broker].link.name, outcome);
}

static void tell_outcomes(struct stage *s, unsigned broker)
{
	static const char *const drops[DROP_REASON_COUNT] = {
		[DROP_FULL] = "dropped: full",
		[DROP_LINK_DOWN] = "dropped: link down",
		[DROP_EXPIRED] = "dropped: expired",
		[DROP_SUPERSEDED] = "dropped: superseded",
		[DROP_TOO_LARGE] = "dropped: too large",
		[DROP_REFUSED] = "dropped: refused",
		[DROP_NOMEM] = "dropped: no memory",
		[DROP_BY_HAND] = "dropped: by hand",
	};
	const struct broker_counters *now = core_get_counters(s->core, broker);
	struct broker_counters *told = &s->counters[broker];

	tell_counter(s, broker, &told->published, now->published, "published");
	tell_counter(s, broker, &told->echoes, now->echoes, "echo of an own message");
	tell_counter(s, broker, &told->unrouted, now->unrouted, "unrouted");
	tell_counter(s, broker, &told->unknown, now->unknown, "unknown outcome");
	tell_counter(s, broker, &told->dead, now->dead, "dead letter");
	for (size_t i = 0; i < DROP_REASON_COUNT; i++)
		tell_counter(s, broker, &told->dropped[i], now->dropped[i], drops[i]);
}

/* ---- the core's wishes ---- */

static void on_client_action(struct stage *s, const struct action *a)
{
	struct local_client *c = a->id == s->reader.conn ? &s->reader : &s->writer;

	if (a->id != c->conn)
		must_not(s, "an action for a client that does not exist");
	else if (a->type == ACTION_CLIENT_WRITE)
		local_client_read(c, s->core, s->now_ms);
	else if (a->type == ACTION_CLIENT_CLOSE)
		core_client_gone(s->core, s->now_ms, a->id);
	else
		must_not(s, "a client is paused");
	if (c->is_refused)
		must_not(s, "a local client got a packet that is none");
}

static void run_action(struct stage *s, const struct action *a)
{
	switch (a->type) {
	case ACTION_TTY_WRITE:
	case ACTION_STATUS:
		break;
	case ACTION_TTY_REOPEN:
		tell(s, "reopen");
		break;
	case ACTION_TTY_LINE:
		tell(s, "line %u%s", (unsigned)a->baud, a->rtscts ? " rtscts" : "");
		break;
	case ACTION_PIN_NOTE:
		tell(s, "pin note");
		break;
	case ACTION_POWER_HOOK:
		tell(s, "power cycle");
		break;
	case ACTION_USB_REBIND:
		tell(s, "rebind");
		break;
	case ACTION_CLIENT_WRITE:
	case ACTION_CLIENT_CLOSE:
	case ACTION_CLIENT_PAUSE:
	case ACTION_CLIENT_RESUME:
		on_client_action(s, a);
		break;
	case ACTION_LOG:
		tell_log(s, &a->log);
		break;
	case ACTION_STORE_COMMIT:
		core_store_done(s->core, s->now_ms, s->store->ops->commit(s->store));
		break;
	case ACTION_EXIT:
		tell(s, "exit");
		break;
	case ACTION_CTL_WRITE:
	case ACTION_CTL_CLOSE:
	case ACTION_HTTP_WRITE:
	case ACTION_HTTP_CLOSE:
	case ACTION_RELOAD:
	case ACTION_RELOAD_TRIAL:
	case ACTION_LOG_LEVEL:
		must_not(s, "an action that nobody asked for");
		break;
	}
}

/* The port takes everything at once. */
static bool take_sent(struct stage *s)
{
	struct buf *out = core_tty_out(s->core);
	size_t len = buf_len(out);
	int r;

	if (len == 0)
		return false;
	r = buf_append(&s->sent, buf_data(out), len);
	assert(r == 0);
	(void)r;
	buf_consume(out, len);
	return true;
}

/* A turn of the shell's loop; false: there was nothing to do. */
static bool turn(struct stage *s)
{
	struct action a;
	bool any = false;

	core_settle(s->core, s->now_ms);
	while (core_next_action(s->core, &a)) {
		run_action(s, &a);
		any = true;
	}
	for (unsigned i = 0; i < s->cfg->broker_count; i++)
		tell_outcomes(s, i);
	any |= take_sent(s);
	any |= local_client_write(&s->reader, s->core, s->now_ms);
	any |= local_client_write(&s->writer, s->core, s->now_ms);
	if (core_deadline(s->core) <= s->now_ms) {
		core_tick(s->core, s->now_ms);
		any = true;
	}
	return any;
}

static void settle(struct stage *s)
{
	while (turn(s)) {
		if (++s->turns > SAME_TIME_MAX) {
			must_not(s, "the core does not come to rest");
			return;
		}
	}
}

/* ---- what is done to it ---- */

struct stage *stage_new(const struct core_config *cfg)
{
	struct stage *s = calloc(1, sizeof(*s));

	assert(s);
	s->cfg = cfg;
	buf_init(&s->sent, 1 << 20);
	buf_init(&s->events, EVENTS_MAX);
	s->store = store_ram_new(cfg->store.max_bytes);
	assert(s->store);
	s->core = core_new(cfg, s->store, SEED, 0, "replay");
	assert(s->core);
	core_set_wall(s->core, 0, WALL_AT_ZERO, true);
	local_client_init(
	    &s->reader, s->core, 0, "reader", replay_config_local_filters, &s->events);
	local_client_init(&s->writer, s->core, 0, "writer", NULL, &s->events);
	settle(s);
	return s;
}

void stage_free(struct stage *s)
{
	if (!s)
		return;
	local_client_fini(&s->reader);
	local_client_fini(&s->writer);
	core_free(s->core);
	store_free(s->store);
	buf_fini(&s->sent);
	buf_fini(&s->events);
	free(s);
}

uint64_t stage_now(const struct stage *s)
{
	return s->now_ms;
}

void stage_rx(struct stage *s, const uint8_t *data, size_t len)
{
	s->turns = 0;
	core_tty_rx(s->core, s->now_ms, data, len);
	settle(s);
}

struct buf *stage_sent(struct stage *s)
{
	return &s->sent;
}

bool stage_step(struct stage *s, uint64_t end_ms)
{
	uint64_t due_ms = core_deadline(s->core);

	if (due_ms > s->now_ms && s->now_ms >= end_ms)
		return false;
	if (due_ms > s->now_ms) {
		s->now_ms = due_ms < end_ms ? due_ms : end_ms;
		s->turns = 0;
	}
	if (due_ms <= s->now_ms)
		core_tick(s->core, s->now_ms);
	settle(s);
	if (++s->turns > SAME_TIME_MAX) {
		must_not(s, "the core's deadline does not move");
		return false;
	}
	return true;
}

/* The word at *text, which is moved behind it and the blank that follows. */
static struct span take_word(const char **text)
{
	struct span word = { (const uint8_t *)*text, strcspn(*text, " ") };

	*text += word.len;
	if (**text == ' ')
		(*text)++;
	return word;
}

static bool is_word(struct span word, const char *text)
{
	return word.len == strlen(text) && memcmp(word.data, text, word.len) == 0;
}

static bool do_publish(struct stage *s, const char *text)
{
	struct span qos = take_word(&text);
	struct span topic = take_word(&text);
	bool retain = is_word(topic, "retain");
	struct buf payload;
	bool is_good;

	if (retain)
		topic = take_word(&text);
	buf_init(&payload, 1 << 20);
	is_good = qos.len == 1 && qos.data[0] >= '0' && qos.data[0] <= '2' && topic.len > 0 &&
		  dialogue_unescape(text, &payload);
	if (is_good)
		local_client_publish(&s->writer, topic,
		    (struct span){ buf_data(&payload), buf_len(&payload) }, qos.data[0] - '0',
		    retain);
	buf_fini(&payload);
	return is_good;
}

bool stage_do(struct stage *s, const char *stimulus)
{
	static const char publish[] = "publish ";

	s->turns = 0;
	if (strcmp(stimulus, "tty up") == 0)
		core_tty_up(s->core, s->now_ms);
	else if (strcmp(stimulus, "shutdown") == 0)
		core_shutdown(s->core, s->now_ms);
	else if (strncmp(stimulus, publish, strlen(publish)) != 0 ||
		 !do_publish(s, stimulus + strlen(publish)))
		return false;
	settle(s);
	return true;
}

static void tell_end(struct stage *s, unsigned broker)
{
	const struct session_status *session = modem_get_session(core_get_modem(s->core), broker);
	const struct session_error *e = &session->last_error;
	struct store_usage waiting;

	core_queue_usage(s->core, broker, &waiting);
	tell(s, "end %s %s, waiting %llu, last error %u%s%s%s%s", s->cfg->brokers[broker].link.name,
	    session_state_name(session->state), (unsigned long long)waiting.messages, e->code,
	    e->text[0] ? " " : "", e->text, e->command[0] ? " of " : "", e->command);
}

const struct buf *stage_end(struct stage *s)
{
	tell(s, "end modem %s", modem_state_name(modem_get_status(core_get_modem(s->core))->state));
	for (unsigned i = 0; i < s->cfg->broker_count; i++)
		tell_end(s, i);
	return &s->events;
}

const char *stage_wrong(const struct stage *s)
{
	return s->wrong;
}
