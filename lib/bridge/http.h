/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much of an HTTP/1.1 server (RFC 9112) as it takes to hand out one text: GET and HEAD, one
 * request a connection, a short head and no body, a few connections, none of them for long. What is
 * not understood is answered with the status that says why, and costs its own connection alone.
 *
 * Bytes and time in, events out; it knows no resources: every valid request is an event, and the
 * owner replies at once.
 */
#ifndef CMQTTD_BRIDGE_HTTP_H
#define CMQTTD_BRIDGE_HTTP_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct http;

enum http_event_type {
	HTTP_EVENT_REQUEST, /* to be answered by http_reply before the next call */
	HTTP_EVENT_WRITE,   /* http_conn_out has bytes */
	HTTP_EVENT_CLOSE,   /* write what is left, close, then http_conn_gone */
};

struct http_event {
	enum http_event_type type;
	uint32_t id;
	struct span path;   /* REQUEST: without the query; borrowed until http_reply */
	struct span accept; /* REQUEST: value of the field Accept, empty: none; likewise */
};

/* NULL: no memory. */
struct http *http_new(void);
void http_free(struct http *h);

/* 0 and the connection's number (never 0), -EMFILE at HTTP_CONNS_MAX. */
int http_conn_new(struct http *h, uint64_t now_ms, uint32_t *ret_id);

/* Bytes of the connection; unknown numbers are ignored, here and below. */
void http_conn_rx(struct http *h, uint32_t id, const uint8_t *data, size_t len);

/* Its socket is gone. */
void http_conn_gone(struct http *h, uint32_t id);

/* Bytes for it. NULL: not known. */
struct buf *http_conn_out(struct http *h, uint32_t id);

/* Answer a request: 200, 404 or 503. The body is copied; it is left out for HEAD. */
void http_reply(
    struct http *h, uint32_t id, unsigned status, const char *content_type, struct span body);

/* Next thing to do, false: none. */
bool http_next_event(struct http *h, uint64_t now_ms, struct http_event *ret);

/* When http_next_event has something to do without any input; UINT64_MAX: never. */
uint64_t http_deadline(const struct http *h);

#endif
