/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metrics over HTTP: connections of their own, one resource.
 */
#include "bridge/core_priv.h"

#include "bridge/metrics.h"

#include <string.h>

#define METRICS_PATH "/metrics"

int core_http_new(struct core *c, uint64_t now_ms, uint32_t *ret_id)
{
	c->now_ms = now_ms;
	return http_conn_new(c->http, now_ms, ret_id);
}

void core_http_rx(struct core *c, uint64_t now_ms, uint32_t id, const uint8_t *data, size_t len)
{
	c->now_ms = now_ms;
	http_conn_rx(c->http, id, data, len);
}

void core_http_sent(struct core *c, uint64_t now_ms, uint32_t id)
{
	(void)id;
	c->now_ms = now_ms;
}

void core_http_gone(struct core *c, uint64_t now_ms, uint32_t id)
{
	c->now_ms = now_ms;
	http_conn_gone(c->http, id);
}

struct buf *core_http_out(struct core *c, uint32_t id)
{
	return http_conn_out(c->http, id);
}

static void reply_text(struct core *c, uint32_t id, unsigned status, const char *text)
{
	http_reply(c->http, id, status, "text/plain; charset=utf-8", span_of(text, strlen(text)));
}

static void reply_metrics(struct core *c, const struct http_event *ev)
{
	enum metrics_format format = metrics_choose(ev->accept);
	struct buf text;

	buf_init(&text, METRICS_TEXT_MAX);
	if (metrics_write(c, c->now_ms, format, &text) < 0)
		reply_text(c, ev->id, 503, "out of memory\n");
	else
		http_reply(c->http, ev->id, 200, metrics_content_type(format),
		    (struct span){ buf_data(&text), buf_len(&text) });
	buf_fini(&text);
}

static void on_request(struct core *c, const struct http_event *ev)
{
	if (span_is(ev->path, METRICS_PATH))
		reply_metrics(c, ev);
	else
		reply_text(c, ev->id, 404, "the metrics are at " METRICS_PATH "\n");
}

bool core_drain_http(struct core *c)
{
	struct http_event ev;
	bool any = false;

	while (core_action_room(c) > CORE_LOGS_MAX && http_next_event(c->http, c->now_ms, &ev)) {
		switch (ev.type) {
		case HTTP_EVENT_REQUEST:
			on_request(c, &ev);
			break;
		case HTTP_EVENT_WRITE:
			core_action(c, ACTION_HTTP_WRITE, ev.id);
			break;
		case HTTP_EVENT_CLOSE:
			core_action(c, ACTION_HTTP_CLOSE, ev.id);
			break;
		}
		any = true;
	}
	return any;
}
