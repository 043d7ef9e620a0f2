/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes into control connections: one of an administrator, one of a reader, the same bytes to both
 * in pieces of different size. Between the pieces the core tells everything that can be waited for.
 * What comes out must be whole JSON messages, within bounds.
 */
#include "base/limits.h"
#include "bridge/ctl.h"
#include "../unit/fake_query.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A broken promise must be seen in every build. */
static void require(bool is_true)
{
	if (!is_true)
		abort();
}

static void notify(struct ctl *t, uint32_t id, struct span text)
{
	static const struct reload_plan plan = { .changes = { { .what = "log" } }, .count = 1 };
	struct log_event log = { .code = LOG_STORE_FULL, .level = LOG_LEVEL_ERROR };

	ctl_on_message(t, 2, 0, (struct span){ (const uint8_t *)"a/b", 3 }, text, 1, false);
	ctl_on_state(t, 2, 1, "online", "backoff", 3, text);
	ctl_on_outcome(t, 2, 0, "published", text, 0);
	ctl_on_log(t, 2, &log);
	ctl_on_trace(t, 2, true, text);
	ctl_on_at_line(t, 2, id, text);
	ctl_on_at_done(t, 2, id, (enum at_result)(text.len % 5), text);
	ctl_on_delivered(t, 2, id, (unsigned)text.len % 3, text.len % 2 ? "dropped" : NULL);
	ctl_on_reload_done(t, 2, id, text.len % 2 ? "no such key" : "", &plan);
}

/* Read what there is, as the other side does. */
static void drain(struct ctl *t, uint32_t id)
{
	struct buf *out = ctl_conn_out(t, id);

	while (out && buf_len(out) > 0) {
		const char *text = (const char *)buf_data(out);
		const char *end = memchr(text, '\0', buf_len(out));
		json_t *msg;

		require(end && buf_len(out) <= CTL_OUT_MAX);
		msg = json_loads(text, 0, NULL);
		require(json_is_object(msg));
		json_decref(msg);
		buf_consume(out, (size_t)(end - text) + 1);
		ctl_conn_sent(t, 3, id);
	}
}

/* All bytes to one connection. */
static void feed(struct ctl *t, uint32_t id, const uint8_t *data, size_t size, size_t piece)
{
	struct ctl_event ev;

	for (size_t at = 0; at < size; at += piece) {
		size_t n = size - at < piece ? size - at : piece;

		ctl_conn_rx(t, 1, id, data + at, n);
		notify(t, id, (struct span){ data + at, n });
		while (ctl_next_event(t, &ev)) {
			if (ev.type == CTL_EVENT_WRITE)
				drain(t, ev.id);
			else
				ctl_conn_gone(t, 4, ev.id);
		}
		ctl_settle(t);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ctl_peer admin = { .is_admin = true }, reader = { .uid = 1000 };
	static struct core core;
	struct ctl *t;
	uint32_t id = 0;

	if (size > 65536)
		return 0;
	fake_core_init(&core);
	t = ctl_new(&core);
	require(t);
	core.tell = size % 2 ? t : NULL;
	require(ctl_conn_new(t, 0, &admin, &id) == 0);
	feed(t, id, data, size, 1 + size / 3);
	require(ctl_conn_new(t, 0, &reader, &id) == 0);
	feed(t, id, data, size, 1 + size / 17);
	ctl_free(t);
	return 0;
}
