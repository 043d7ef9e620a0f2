/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/http.h"

#include "base/limits.h"
#include "base/timerq.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GET(path)  "GET " path " HTTP/1.1\r\nHost: gw\r\n\r\n"
#define STATUS_MAX 16

static void rx(struct http *h, uint32_t id, const char *text)
{
	http_conn_rx(h, id, (const uint8_t *)text, strlen(text));
}

/* What it sends, as a string. */
static const char *sent(struct http *h, uint32_t id)
{
	static char text[4096];
	struct buf *out = http_conn_out(h, id);

	assert_non_null(out);
	assert_true(buf_len(out) < sizeof(text));
	memcpy(text, buf_data(out), buf_len(out));
	text[buf_len(out)] = '\0';
	return text;
}

static void expect(struct http *h, uint64_t now_ms, enum http_event_type type, uint32_t id)
{
	struct http_event ev;

	assert_true(http_next_event(h, now_ms, &ev));
	assert_int_equal(ev.type, type);
	assert_int_equal(ev.id, id);
}

static void expect_nothing(struct http *h, uint64_t now_ms)
{
	struct http_event ev;

	assert_false(http_next_event(h, now_ms, &ev));
}

static const struct {
	const char *name;
	const char *request;
	const char *path, *accept; /* path NULL: it is refused */
	const char *status;        /* then with this */
} requests[] = {
	{ "plain", GET("/metrics"), "/metrics", "", NULL },
	{ "query", GET("/metrics?a=b"), "/metrics", "", NULL },
	{ "HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "/", "", NULL },
	{ "bare line feeds", "GET /x HTTP/1.1\nAccept: text/plain\n\n", "/x", "text/plain", NULL },
	{ "field names in any case", "GET / HTTP/1.1\r\naCCept: \t a/b ; q=1 \r\n\r\n", "/",
	    "a/b ; q=1", NULL },
	{ "another field of a longer name", "GET / HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n", "/",
	    "", NULL },
	{ "more than one request", GET("/a") GET("/b"), "/a", "", NULL },
	{ "POST", "POST /metrics HTTP/1.1\r\n\r\n", NULL, NULL, "405" },
	{ "lower case", "get / HTTP/1.1\r\n\r\n", NULL, NULL, "405" },
	{ "HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\n", NULL, NULL, "400" },
	{ "later version", "GET / HTTP/3.0\r\n\r\n", NULL, NULL, "505" },
	{ "no version", "GET /\r\n\r\n", NULL, NULL, "400" },
	{ "no target", "GET\r\n\r\n", NULL, NULL, "400" },
	{ "empty target", "GET  HTTP/1.1\r\n\r\n", NULL, NULL, "400" },
	{ "empty line first", "\r\n", NULL, NULL, "400" },
	{ "MQTT", "\x10\x0cMQTT\n\n", NULL, NULL, "400" },
};

static void test_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct http *h = http_new();
		struct http_event ev;
		char status[STATUS_MAX];
		uint32_t id;

		assert_non_null(h);
		print_message("%s\n", requests[i].name);
		assert_int_equal(http_conn_new(h, 0, &id), 0);
		http_conn_rx(
		    h, id, (const uint8_t *)requests[i].request, strlen(requests[i].request));
		assert_true(http_next_event(h, 0, &ev));
		if (requests[i].path) {
			assert_int_equal(ev.type, HTTP_EVENT_REQUEST);
			assert_int_equal(ev.path.len, strlen(requests[i].path));
			assert_memory_equal(ev.path.data, requests[i].path, ev.path.len);
			assert_int_equal(ev.accept.len, strlen(requests[i].accept));
			if (ev.accept.len > 0)
				assert_memory_equal(
				    ev.accept.data, requests[i].accept, ev.accept.len);
		} else {
			assert_int_equal(ev.type, HTTP_EVENT_WRITE);
			snprintf(status, sizeof(status), "HTTP/1.1 %s ", requests[i].status);
			assert_memory_equal(sent(h, id), status, strlen(status));
			expect(h, 0, HTTP_EVENT_CLOSE, id);
		}
		http_free(h);
	}
}

static void test_answer(void **state)
{
	struct http *h = http_new();
	uint32_t id;

	(void)state;
	assert_int_equal(http_conn_new(h, 0, &id), 0);
	rx(h, id, "GET / HTTP/1.1\r\nHo");
	expect_nothing(h, 0);
	rx(h, id, "st: a\r\n\r");
	expect_nothing(h, 0);
	rx(h, id, "\n");
	expect(h, 0, HTTP_EVENT_REQUEST, id);
	http_reply(h, id, 200, "text/plain", span_text("hello\n"));
	assert_string_equal(sent(h, id), "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
					 "Content-Length: 6\r\nCache-Control: no-store\r\n"
					 "Connection: close\r\n\r\nhello\n");
	expect(h, 0, HTTP_EVENT_WRITE, id);
	expect(h, 0, HTTP_EVENT_CLOSE, id);
	expect_nothing(h, 0);
	/* Said once: nothing more is read or answered. */
	rx(h, id, GET("/"));
	expect_nothing(h, HTTP_TIMEOUT_MS);
	http_conn_gone(h, id);
	assert_null(http_conn_out(h, id));
	http_free(h);
}

/* The length is that of the body which GET would have got (RFC 9110, 9.3.2). */
static void test_head(void **state)
{
	struct http *h = http_new();
	uint32_t id;

	(void)state;
	assert_int_equal(http_conn_new(h, 0, &id), 0);
	rx(h, id, "HEAD / HTTP/1.1\r\n\r\n");
	expect(h, 0, HTTP_EVENT_REQUEST, id);
	http_reply(h, id, 404, "text/plain", span_text("hello\n"));
	assert_non_null(strstr(sent(h, id), "404 Not Found"));
	assert_non_null(strstr(sent(h, id), "Content-Length: 6\r\n"));
	assert_null(strstr(sent(h, id), "hello"));
	http_free(h);
}

static void test_long_head(void **state)
{
	struct http *h = http_new();
	char line[101];
	uint32_t id;

	(void)state;
	memset(line, 'a', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	assert_int_equal(http_conn_new(h, 0, &id), 0);
	rx(h, id, "GET / HTTP/1.1\r\n");
	for (size_t len = 0; len < HTTP_HEAD_MAX; len += sizeof(line) - 1)
		rx(h, id, line);
	expect(h, 0, HTTP_EVENT_WRITE, id);
	assert_non_null(strstr(sent(h, id), "HTTP/1.1 431 "));
	expect(h, 0, HTTP_EVENT_CLOSE, id);
	http_free(h);
}

/* A whole head with much behind it is fine. */
static void test_long_rest(void **state)
{
	struct http *h = http_new();
	char *bytes = calloc(1, HTTP_HEAD_MAX + 1);
	uint32_t id;

	(void)state;
	assert_non_null(bytes);
	memset(bytes, 'a', HTTP_HEAD_MAX);
	memcpy(bytes, GET("/"), strlen(GET("/")));
	assert_int_equal(http_conn_new(h, 0, &id), 0);
	rx(h, id, bytes);
	rx(h, id, bytes);
	expect(h, 0, HTTP_EVENT_REQUEST, id);
	http_free(h);
	free(bytes);
}

static void test_bounds(void **state)
{
	struct http *h = http_new();
	uint32_t ids[HTTP_CONNS_MAX], id;

	(void)state;
	assert_int_equal(http_deadline(h), TIMER_NEVER);
	for (size_t i = 0; i < HTTP_CONNS_MAX; i++)
		assert_int_equal(http_conn_new(h, i, &ids[i]), 0);
	assert_int_equal(http_conn_new(h, 0, &id), -EMFILE);
	/* Who says nothing has to go, and makes room. */
	assert_int_equal(http_deadline(h), HTTP_TIMEOUT_MS);
	expect_nothing(h, HTTP_TIMEOUT_MS - 1);
	expect(h, HTTP_TIMEOUT_MS, HTTP_EVENT_CLOSE, ids[0]);
	expect_nothing(h, HTTP_TIMEOUT_MS);
	assert_int_equal(http_deadline(h), HTTP_TIMEOUT_MS + 1);
	http_conn_gone(h, ids[0]);
	assert_int_equal(http_conn_new(h, HTTP_TIMEOUT_MS, &id), 0);
	assert_int_not_equal(id, ids[0]);
	rx(h, ids[0], GET("/"));
	expect_nothing(h, HTTP_TIMEOUT_MS);
	http_free(h);
}

static void test_too_large_answer(void **state)
{
	struct http *h = http_new();
	uint8_t *body = calloc(1, HTTP_OUT_MAX);
	uint32_t id;

	(void)state;
	assert_non_null(body);
	assert_int_equal(http_conn_new(h, 0, &id), 0);
	rx(h, id, GET("/"));
	expect(h, 0, HTTP_EVENT_REQUEST, id);
	http_reply(h, id, 200, "text/plain", (struct span){ body, HTTP_OUT_MAX });
	assert_int_equal(buf_len(http_conn_out(h, id)), 0);
	expect(h, 0, HTTP_EVENT_WRITE, id);
	expect(h, 0, HTTP_EVENT_CLOSE, id);
	http_free(h);
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_long_head),
		cmocka_unit_test(test_long_rest),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_too_large_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
