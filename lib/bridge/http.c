/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/http.h"

#include "base/limits.h"
#include "base/timerq.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SLOT_BITS  4
#define SERIAL_MAX (UINT32_MAX >> SLOT_BITS)

static_assert(HTTP_CONNS_MAX <= 1 << SLOT_BITS, "a slot must fit into a connection's number");

enum conn_state {
	CONN_FREE,
	CONN_READING,
	CONN_ASKED,    /* the owner has the request */
	CONN_ANSWERED, /* WRITE is to be told */
	CONN_WRITTEN,  /* CLOSE is to be told */
	CONN_CLOSING,  /* the socket's end is awaited */
};

struct http_conn {
	enum conn_state state;
	uint32_t id;
	uint64_t due_ms; /* then it is closed, whatever it does */
	bool is_head;
	struct buf rx;
	struct buf out;
};

struct http {
	struct http_conn conns[HTTP_CONNS_MAX];
	uint32_t serial;
};

struct http *http_new(void)
{
	return calloc(1, sizeof(struct http));
}

static void release(struct http_conn *c)
{
	buf_fini(&c->rx);
	buf_fini(&c->out);
	*c = (struct http_conn){ 0 };
}

void http_free(struct http *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < HTTP_CONNS_MAX; i++)
		release(&h->conns[i]);
	free(h);
}

static struct http_conn *find(struct http *h, uint32_t id)
{
	size_t slot = id & ((1U << SLOT_BITS) - 1);
	struct http_conn *c = slot < HTTP_CONNS_MAX ? &h->conns[slot] : NULL;

	return c && c->state != CONN_FREE && c->id == id ? c : NULL;
}

int http_conn_new(struct http *h, uint64_t now_ms, uint32_t *ret_id)
{
	uint32_t slot = 0;

	while (slot < HTTP_CONNS_MAX && h->conns[slot].state != CONN_FREE)
		slot++;
	if (slot == HTTP_CONNS_MAX)
		return -EMFILE;
	h->serial = h->serial < SERIAL_MAX ? h->serial + 1 : 1;
	h->conns[slot] = (struct http_conn){
		.state = CONN_READING,
		.id = h->serial << SLOT_BITS | slot,
		.due_ms = now_ms + HTTP_TIMEOUT_MS,
	};
	buf_init(&h->conns[slot].rx, HTTP_HEAD_MAX);
	buf_init(&h->conns[slot].out, HTTP_OUT_MAX);
	*ret_id = h->conns[slot].id;
	return 0;
}

void http_conn_gone(struct http *h, uint32_t id)
{
	struct http_conn *c = find(h, id);

	if (c)
		release(c);
}

struct buf *http_conn_out(struct http *h, uint32_t id)
{
	struct http_conn *c = find(h, id);

	return c ? &c->out : NULL;
}

static const char *reason_of(unsigned status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 431:
		return "Request Header Fields Too Large";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Service Unavailable";
	}
}

static void answer(struct http_conn *c, unsigned status, const char *content_type, struct span body)
{
	int r;

	buf_clear(&c->out);
	r = buf_printf(&c->out,
	    "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
	    "Cache-Control: no-store\r\n%sConnection: close\r\n\r\n",
	    status, reason_of(status), content_type, body.len,
	    status == 405 ? "Allow: GET, HEAD\r\n" : "");
	if (r == 0 && !c->is_head)
		r = buf_append(&c->out, body.data, body.len);
	/* Half an answer would be worse than none. */
	if (r < 0)
		buf_clear(&c->out);
	c->state = CONN_ANSWERED;
}

static void refuse(struct http_conn *c, unsigned status, const char *why)
{
	answer(c, status, "text/plain; charset=utf-8",
	    (struct span){ (const uint8_t *)why, strlen(why) });
}

void http_reply(
    struct http *h, uint32_t id, unsigned status, const char *content_type, struct span body)
{
	struct http_conn *c = find(h, id);

	if (c && c->state == CONN_ASKED)
		answer(c, status, content_type, body);
}

/* ---- the request's head ---- */

/* Up to the first of these bytes, which is skipped; all of it when there is none. */
static struct span cut(struct span *rest, uint8_t at)
{
	const uint8_t *end = rest->len > 0 ? memchr(rest->data, at, rest->len) : NULL;
	struct span first = { rest->data, end ? (size_t)(end - rest->data) : rest->len };
	size_t used = end ? first.len + 1 : first.len;

	rest->data += used;
	rest->len -= used;
	return first;
}

/* A line without its end, which may be a bare LF (RFC 9112, 2.2). */
static struct span cut_line(struct span *rest)
{
	struct span line = cut(rest, '\n');

	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* Length of the head up to its empty line, 0: it is not complete. */
static size_t head_len(const struct buf *rx)
{
	struct span rest = { buf_data(rx), buf_len(rx) };

	while (rest.len > 0 && memchr(rest.data, '\n', rest.len)) {
		struct span line = cut_line(&rest);

		if (line.len == 0)
			return (size_t)(rest.data - buf_data(rx));
	}
	return 0;
}

static struct span trim(struct span s)
{
	while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t')) {
		s.data++;
		s.len--;
	}
	while (s.len > 0 && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
		s.len--;
	return s;
}

static struct span find_field(struct span fields, const char *name)
{
	while (fields.len > 0) {
		struct span value = cut_line(&fields);
		struct span key = cut(&value, ':');

		if (key.len == strlen(name) &&
		    strncasecmp((const char *)key.data, name, key.len) == 0)
			return trim(value);
	}
	return (struct span){ 0 };
}

/* The head is complete: an event, or an answer that says what is wrong with it. */
static bool read_head(struct http_conn *c, size_t len, struct http_event *ret)
{
	struct span head = { buf_data(&c->rx), len };
	struct span line = cut_line(&head);
	struct span method = cut(&line, ' ');
	struct span target = cut(&line, ' ');

	if (method.len == 0 || target.len == 0 || target.data[0] != '/' || line.len < 5 ||
	    memcmp(line.data, "HTTP/", 5) != 0) {
		refuse(c, 400, "this is no request of HTTP/1.1\n");
		return false;
	}
	if (!span_is(line, "HTTP/1.1") && !span_is(line, "HTTP/1.0")) {
		refuse(c, 505, "HTTP/1.1 and HTTP/1.0 are spoken here\n");
		return false;
	}
	c->is_head = span_is(method, "HEAD");
	if (!c->is_head && !span_is(method, "GET")) {
		refuse(c, 405, "there is nothing to be changed here: GET\n");
		return false;
	}
	c->state = CONN_ASKED;
	*ret = (struct http_event){ .type = HTTP_EVENT_REQUEST,
		.id = c->id,
		.path = cut(&target, '?'),
		.accept = find_field(head, "Accept") };
	return true;
}

void http_conn_rx(struct http *h, uint32_t id, const uint8_t *data, size_t len)
{
	struct http_conn *c = find(h, id);

	/* What comes behind the request is of no interest. */
	if (!c || c->state != CONN_READING || head_len(&c->rx) > 0)
		return;
	if (len > buf_room(&c->rx)) {
		size_t room = buf_room(&c->rx);

		if (buf_append(&c->rx, data, room) < 0 || head_len(&c->rx) == 0)
			refuse(c, 431, "the head of the request is too long\n");
	} else if (buf_append(&c->rx, data, len) < 0) {
		refuse(c, 503, "out of memory\n");
	}
}

static bool conn_event(struct http_conn *c, uint64_t now_ms, struct http_event *ret)
{
	size_t len;

	if (c->state == CONN_READING) {
		len = head_len(&c->rx);
		if (len > 0 && read_head(c, len, ret))
			return true;
	}
	if (c->state == CONN_ANSWERED) {
		c->state = CONN_WRITTEN;
		*ret = (struct http_event){ .type = HTTP_EVENT_WRITE, .id = c->id };
		return true;
	}
	if (c->state == CONN_WRITTEN || (c->state == CONN_READING && c->due_ms <= now_ms)) {
		c->state = CONN_CLOSING;
		*ret = (struct http_event){ .type = HTTP_EVENT_CLOSE, .id = c->id };
		return true;
	}
	return false;
}

bool http_next_event(struct http *h, uint64_t now_ms, struct http_event *ret)
{
	for (size_t i = 0; i < HTTP_CONNS_MAX; i++) {
		if (h->conns[i].state != CONN_FREE && conn_event(&h->conns[i], now_ms, ret))
			return true;
	}
	return false;
}

uint64_t http_deadline(const struct http *h)
{
	uint64_t due_ms = TIMER_NEVER;

	for (size_t i = 0; i < HTTP_CONNS_MAX; i++) {
		if (h->conns[i].state == CONN_READING)
			due_ms = timer_min(due_ms, h->conns[i].due_ms);
	}
	return due_ms;
}
