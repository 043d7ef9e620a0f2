/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/ctl.h"

#include "base/limits.h"
#include "bridge/core_query.h"
#include "bridge/ctl_json.h"
#include "bridge/ctl_json_value.h"
#include "bridge/ctl_methods.h"
#include "bridge/ctl_queue.h"
#include "bridge/varlink.h"
#include "mqtt/mqtt_topic.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Calls wait unread, and a stream that has lost something stays silent, until the output buffer is
 * no fuller than this. No reply is larger than the other half. */
#define OUT_RESUME (CTL_OUT_MAX / 2)

enum conn_state {
	CONN_OPEN,
	CONN_CLOSING, /* CTL_EVENT_CLOSE is due or was given: no more input */
	CONN_DEAD,    /* gone: freed when the turn ends */
};

struct conn {
	uint32_t id;
	struct ctl_peer peer;
	enum conn_state state;
	struct varlink_reader in;
	struct buf out;
	bool is_write_given; /* CTL_EVENT_WRITE, until the buffer was empty */
	bool is_close_given;

	/* The call under way. */
	enum ctl_wait wait;
	bool is_oneway; /* nothing of it is to be written */
	json_t *lines;  /* CTL_WAIT_AT: of the answer so far */
	size_t lines_bytes;
	bool is_truncated;
	char *filter;         /* CTL_WAIT_MESSAGES */
	bool wants_at;        /* CTL_WAIT_EVENTS */
	uint64_t lost;        /* streams: entries that did not fit */
	struct ctl_list list; /* CTL_WAIT_PAGES */
};

struct ctl {
	struct core *core;
	struct conn *conns[CTL_CONNS_MAX];
	uint32_t last_id;
	uint64_t now_ms; /* of the last call that said it */
	bool is_traced;  /* the core was told that AT traffic is wanted */
};

/* ---- connections ---- */

static void conn_free(struct conn *conn)
{
	if (!conn)
		return;
	varlink_reader_fini(&conn->in);
	buf_fini(&conn->out);
	json_decref(conn->lines);
	free(conn->filter);
	free(conn);
}

struct ctl *ctl_new(struct core *core)
{
	struct ctl *t = calloc(1, sizeof(*t));

	if (t)
		t->core = core;
	return t;
}

void ctl_free(struct ctl *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < CTL_CONNS_MAX; i++)
		conn_free(t->conns[i]);
	free(t);
}

/* The connection of that number, if it is not gone. */
static struct conn *find_conn(const struct ctl *t, uint32_t id)
{
	for (size_t i = 0; i < CTL_CONNS_MAX; i++) {
		struct conn *conn = t->conns[i];

		if (conn && conn->id == id && conn->state != CONN_DEAD)
			return conn;
	}
	return NULL;
}

/* The same, if it waits for that. */
static struct conn *find_waiting(const struct ctl *t, uint32_t id, enum ctl_wait wait)
{
	struct conn *conn = find_conn(t, id);

	return conn && conn->wait == wait ? conn : NULL;
}

static bool is_anybody_waiting(const struct ctl *t, enum ctl_wait wait)
{
	for (size_t i = 0; i < CTL_CONNS_MAX; i++) {
		if (t->conns[i] && t->conns[i]->wait == wait)
			return true;
	}
	return false;
}

/* Tell the core when the first monitor wants the tty's traffic, and when the last one went. */
static void update_trace(struct ctl *t)
{
	bool is_wanted = false;

	for (size_t i = 0; i < CTL_CONNS_MAX; i++) {
		struct conn *conn = t->conns[i];

		if (conn && conn->wait == CTL_WAIT_EVENTS && conn->wants_at)
			is_wanted = true;
	}
	if (is_wanted == t->is_traced)
		return;
	t->is_traced = is_wanted;
	core_want_trace(t->core, is_wanted);
}

/* The call under way has ended, or never will. */
static void end_call(struct ctl *t, struct conn *conn)
{
	conn->wait = CTL_WAIT_NOTHING;
	conn->is_oneway = false;
	json_decref(conn->lines);
	conn->lines = NULL;
	conn->lines_bytes = 0;
	conn->is_truncated = false;
	free(conn->filter);
	conn->filter = NULL;
	conn->wants_at = false;
	conn->lost = 0;
	update_trace(t);
}

/* Write what is left and close: the other side broke the rules, or memory is out. */
static void close_conn(struct ctl *t, struct conn *conn)
{
	if (conn->state != CONN_OPEN)
		return;
	conn->state = CONN_CLOSING;
	end_call(t, conn);
}

static uint32_t next_id(struct ctl *t)
{
	do {
		t->last_id++;
	} while (t->last_id == 0 || find_conn(t, t->last_id));
	return t->last_id;
}

int ctl_conn_new(struct ctl *t, uint64_t now_ms, const struct ctl_peer *peer, uint32_t *ret_id)
{
	size_t slots = peer->is_admin ? CTL_CONNS_MAX : CTL_CONNS_MAX - CTL_CONNS_ADMIN;
	struct conn *conn;
	size_t slot = 0;

	t->now_ms = now_ms;
	while (slot < slots && t->conns[slot])
		slot++;
	if (slot == slots)
		return -EMFILE;
	conn = calloc(1, sizeof(*conn));
	if (!conn)
		return -ENOMEM;
	conn->id = next_id(t);
	conn->peer = *peer;
	varlink_reader_init(&conn->in, CTL_MSG_MAX, CTL_VALUES_MAX);
	buf_init(&conn->out, CTL_OUT_MAX);
	t->conns[slot] = conn;
	*ret_id = conn->id;
	return 0;
}

void ctl_conn_gone(struct ctl *t, uint64_t now_ms, uint32_t id)
{
	struct conn *conn = find_conn(t, id);

	t->now_ms = now_ms;
	if (!conn)
		return;
	conn->state = CONN_DEAD;
	end_call(t, conn);
}

struct buf *ctl_conn_out(struct ctl *t, uint32_t id)
{
	struct conn *conn = find_conn(t, id);

	return conn ? &conn->out : NULL;
}

void ctl_settle(struct ctl *t)
{
	for (size_t i = 0; i < CTL_CONNS_MAX; i++) {
		if (t->conns[i] && t->conns[i]->state == CONN_DEAD) {
			conn_free(t->conns[i]);
			t->conns[i] = NULL;
		}
	}
}

/* ---- calls ---- */

/* Write the answer and end the call; parameters are taken over. */
static void finish_call(struct ctl *t, struct conn *conn, const char *error, json_t *parameters)
{
	int r = 0;

	if (conn->is_oneway)
		json_decref(parameters);
	else if (error)
		r = varlink_write_error(&conn->out, error, parameters);
	else
		r = varlink_write_reply(&conn->out, parameters, false);
	end_call(t, conn);
	if (r < 0)
		close_conn(t, conn);
}

static void fail_call(struct ctl *t, struct conn *conn, enum ctl_error error, json_t *parameters)
{
	finish_call(t, conn, ctl_error_name(error), parameters);
}

/* Prepare for what the method may wait for. It must be done before the handler runs: what it
 * starts may end before it returns. 0 or -ENOMEM. */
static int begin_wait(struct conn *conn, enum ctl_wait wait)
{
	if (wait == CTL_WAIT_AT) {
		conn->lines = json_array();
		if (!conn->lines)
			return -ENOMEM;
	}
	conn->wait = wait;
	return 0;
}

/* The handler gave no answer: keep what the stream is about. 0 or -ENOMEM. */
static int keep_stream(struct ctl *t, struct conn *conn, const struct ctl_request *req)
{
	if (conn->wait == CTL_WAIT_MESSAGES) {
		conn->filter = strdup(req->filter);
		return conn->filter ? 0 : -ENOMEM;
	}
	conn->list = req->list;
	conn->wants_at = conn->wait == CTL_WAIT_EVENTS && req->wants_at;
	update_trace(t);
	return 0;
}

static void run_call(struct ctl *t, struct conn *conn, const struct varlink_call *call)
{
	struct ctl_request req = {
		.core = t->core,
		.now_ms = t->now_ms,
		.conn = conn->id,
		.peer = &conn->peer,
		.is_reloading = is_anybody_waiting(t, CTL_WAIT_RELOAD),
		.is_more = call->is_more && !call->is_oneway,
		.parameters = call->parameters,
	};
	const struct ctl_method *m = ctl_method_find(&req, call);
	int r = 0;

	conn->is_oneway = call->is_oneway;
	if (m)
		r = begin_wait(conn, m->wait);
	if (m && r == 0)
		m->run(&req);
	assert(req.answer.is_given || r < 0 || m->wait != CTL_WAIT_NOTHING);
	if (req.answer.is_given)
		finish_call(t, conn, req.answer.error, req.answer.parameters);
	else if (r == 0)
		r = keep_stream(t, conn, &req);
	if (r < 0)
		close_conn(t, conn);
}

/* One page of a list, when the one before it has been read. */
static void write_page(struct ctl *t, struct conn *conn)
{
	json_t *page;

	if (conn->state != CONN_OPEN || conn->wait != CTL_WAIT_PAGES || buf_len(&conn->out) > 0)
		return;
	page = ctl_queue_page(t->core, &conn->list);
	if (conn->list.is_ended)
		finish_call(t, conn, NULL, page);
	else if (varlink_write_reply(&conn->out, page, true) < 0)
		close_conn(t, conn);
}

/* Run the calls that have come, as long as none has to wait. */
static void run_calls(struct ctl *t, struct conn *conn)
{
	struct varlink_call call;
	json_t *msg;

	while (conn->state == CONN_OPEN && conn->wait == CTL_WAIT_NOTHING &&
	       buf_len(&conn->out) <= OUT_RESUME) {
		switch (varlink_reader_next(&conn->in, &msg)) {
		case VARLINK_READ_NOTHING:
			return;
		case VARLINK_READ_GARBAGE:
			close_conn(t, conn);
			return;
		case VARLINK_READ_MESSAGE:
			break;
		}
		if (varlink_parse_call(msg, &call) == 0)
			run_call(t, conn, &call);
		else
			close_conn(t, conn);
		json_decref(msg);
	}
}

void ctl_conn_rx(struct ctl *t, uint64_t now_ms, uint32_t id, const uint8_t *data, size_t len)
{
	struct conn *conn = find_conn(t, id);
	size_t taken;

	t->now_ms = now_ms;
	while (conn && conn->state == CONN_OPEN && len > 0) {
		/* No room: calls pile up behind one that waits, or answers are not read. */
		if (varlink_reader_feed(&conn->in, data, len, &taken) < 0 || taken == 0) {
			close_conn(t, conn);
			return;
		}
		data += taken;
		len -= taken;
		run_calls(t, conn);
	}
}

/* ---- streams ---- */

/* Who an entry is for. */
struct audience {
	enum ctl_wait wait;
	bool is_at;        /* EVENTS: for those alone who want the tty's traffic */
	struct span topic; /* MESSAGES */
};

static bool is_for(const struct audience *a, const struct conn *conn)
{
	if (!conn || conn->wait != a->wait)
		return false;
	if (a->wait == CTL_WAIT_EVENTS)
		return !a->is_at || conn->wants_at;
	return mqtt_topic_matches(
	    conn->filter, strlen(conn->filter), (const char *)a->topic.data, a->topic.len);
}

static bool has_audience(const struct ctl *t, const struct audience *a)
{
	for (size_t i = 0; i < CTL_CONNS_MAX; i++) {
		if (is_for(a, t->conns[i]))
			return true;
	}
	return false;
}

/* Say how many entries were lost, once there is room again. 0: nothing is lost any more. */
static int report_lost(struct ctl *t, struct conn *conn)
{
	json_t *lost;
	int r;

	if (conn->lost == 0)
		return 0;
	if (buf_len(&conn->out) > OUT_RESUME)
		return -ENOBUFS;
	lost = conn->wait == CTL_WAIT_EVENTS
		   ? ctl_json_event_lost(t->core, t->now_ms, conn->lost)
		   : ctl_json_message_lost(t->core, t->now_ms, conn->lost);
	r = varlink_write_reply(&conn->out, lost, true);
	if (r == 0)
		conn->lost = 0;
	return r;
}

/* Append an entry to a stream, or count it as lost. */
static void append_entry(struct ctl *t, struct conn *conn, const struct buf *text)
{
	if (buf_len(text) == 0 || report_lost(t, conn) < 0 ||
	    buf_append(&conn->out, buf_data(text), buf_len(text)) < 0)
		conn->lost++;
}

/* Append an entry (taken over; NULL: memory is out) to the streams that it is for. */
static void stream(struct ctl *t, const struct audience *a, json_t *entry)
{
	struct buf text;

	buf_init(&text, CTL_OUT_MAX);
	if (varlink_write_reply(&text, entry, true) < 0)
		buf_clear(&text);
	for (size_t i = 0; i < CTL_CONNS_MAX; i++) {
		if (is_for(a, t->conns[i]))
			append_entry(t, t->conns[i], &text);
	}
	buf_fini(&text);
}

void ctl_conn_sent(struct ctl *t, uint64_t now_ms, uint32_t id)
{
	struct conn *conn = find_conn(t, id);

	t->now_ms = now_ms;
	if (!conn)
		return;
	if (buf_len(&conn->out) == 0)
		conn->is_write_given = false;
	report_lost(t, conn);
	run_calls(t, conn);
}

bool ctl_next_event(struct ctl *t, struct ctl_event *ret)
{
	for (size_t i = 0; i < CTL_CONNS_MAX; i++) {
		struct conn *conn = t->conns[i];

		if (!conn)
			continue;
		/* What waited behind a call that has ended: not run when it ended, in the middle of
		 * the core's work, but here. Pages neither: somebody who reads fast would get all
		 * of them in one turn. */
		write_page(t, conn);
		run_calls(t, conn);
		if (conn->state == CONN_OPEN && buf_len(&conn->out) > 0 && !conn->is_write_given) {
			conn->is_write_given = true;
			*ret = (struct ctl_event){ CTL_EVENT_WRITE, conn->id };
			return true;
		}
		if (conn->state == CONN_CLOSING && !conn->is_close_given) {
			conn->is_close_given = true;
			*ret = (struct ctl_event){ CTL_EVENT_CLOSE, conn->id };
			return true;
		}
	}
	return false;
}

/* ---- notifications of the core ---- */

static const struct audience monitors = { .wait = CTL_WAIT_EVENTS };
static const struct audience at_monitors = { .wait = CTL_WAIT_EVENTS, .is_at = true };

void ctl_on_state(struct ctl *t, uint64_t now_ms, int broker, const char *from, const char *to,
    unsigned err, struct span why)
{
	t->now_ms = now_ms;
	if (has_audience(t, &monitors))
		stream(t, &monitors,
		    ctl_json_event_state(t->core, now_ms, broker, from, to, err, why));
}

void ctl_on_message(struct ctl *t, uint64_t now_ms, int broker, struct span topic,
    struct span payload, uint8_t qos, bool retain)
{
	const struct audience subscribers = { .wait = CTL_WAIT_MESSAGES, .topic = topic };

	t->now_ms = now_ms;
	if (has_audience(t, &monitors))
		stream(t, &monitors,
		    ctl_json_event_message(
			t->core, now_ms, broker, topic, payload.len, qos, retain));
	if (has_audience(t, &subscribers))
		stream(t, &subscribers,
		    ctl_json_message(t->core, now_ms, broker, topic, payload, qos, retain));
}

void ctl_on_outcome(struct ctl *t, uint64_t now_ms, int broker, const char *outcome,
    struct span topic, unsigned err)
{
	t->now_ms = now_ms;
	if (has_audience(t, &monitors))
		stream(t, &monitors,
		    ctl_json_event_outcome(t->core, now_ms, broker, outcome, topic, err));
}

void ctl_on_log(struct ctl *t, uint64_t now_ms, const struct log_event *log)
{
	t->now_ms = now_ms;
	if (log->level <= LOG_LEVEL_WARNING && has_audience(t, &monitors))
		stream(t, &monitors, ctl_json_event_log(t->core, now_ms, log));
}

void ctl_on_trace(struct ctl *t, uint64_t now_ms, bool is_outgoing, struct span text)
{
	t->now_ms = now_ms;
	if (has_audience(t, &at_monitors))
		stream(t, &at_monitors, ctl_json_event_at(t->core, now_ms, is_outgoing, text));
}

void ctl_on_at_line(struct ctl *t, uint64_t now_ms, uint32_t id, struct span line)
{
	struct conn *conn = find_waiting(t, id, CTL_WAIT_AT);

	t->now_ms = now_ms;
	if (!conn)
		return;
	if (line.len > CTL_AT_REPLY_MAX - conn->lines_bytes ||
	    json_array_size(conn->lines) >= CTL_AT_LINES_MAX) {
		conn->is_truncated = true;
		return;
	}
	conn->lines_bytes += line.len;
	if (json_array_append_new(conn->lines, ctl_json_text(line)) < 0)
		close_conn(t, conn);
}

void ctl_on_at_done(
    struct ctl *t, uint64_t now_ms, uint32_t id, enum at_result result, struct span final)
{
	struct conn *conn = find_waiting(t, id, CTL_WAIT_AT);

	t->now_ms = now_ms;
	if (!conn)
		return;
	switch (result) {
	case AT_OK:
	case AT_FAILED:
		finish_call(t, conn, NULL,
		    json_pack("{s:O, s:o, s:b, s:b}", "lines", conn->lines, "final",
			ctl_json_text(final), "ok", result == AT_OK, "truncated",
			conn->is_truncated));
		break;
	case AT_UNKNOWN:
		fail_call(t, conn, CTL_ERROR_NO_ANSWER, json_pack("{s:O}", "lines", conn->lines));
		break;
	case AT_CANCELLED:
		fail_call(t, conn, CTL_ERROR_NOT_CONNECTED, json_object());
		break;
	case AT_INVALID:
		fail_call(t, conn, CTL_ERROR_INVALID_COMMAND,
		    json_pack("{s:o}", "command", ctl_json_text(final)));
		break;
	}
}

void ctl_on_delivered(struct ctl *t, uint64_t now_ms, uint32_t id, unsigned err, const char *reason)
{
	struct conn *conn = find_waiting(t, id, CTL_WAIT_DELIVERY);

	t->now_ms = now_ms;
	if (!conn)
		return;
	if (err == 0 && !reason) {
		finish_call(t, conn, NULL, json_object());
		return;
	}
	if (!reason)
		reason = mqtt_err_text(err);
	fail_call(t, conn, CTL_ERROR_NOT_DELIVERED,
	    json_pack("{s:I, s:o}", "code", (json_int_t)err, "text", ctl_json_cstring(reason)));
}

void ctl_on_reload_done(
    struct ctl *t, uint64_t now_ms, uint32_t id, const char *error, const struct reload_plan *plan)
{
	struct conn *conn = find_waiting(t, id, CTL_WAIT_RELOAD);

	t->now_ms = now_ms;
	if (!conn)
		return;
	if (error[0] == '\0')
		finish_call(t, conn, NULL, ctl_json_reload(plan));
	else
		fail_call(t, conn, CTL_ERROR_RELOAD_FAILED,
		    json_pack("{s:o}", "message", ctl_json_text_or_null(error)));
}
