/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connected sockets with the real loop; the core is played by this file, the peer is the other end
 * of a pair.
 */
#include "../../daemon/conn.h"
#include "../../daemon/loop.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define ID 7

struct core {
	struct loop *loop;
	struct conn_table *conns;
	struct buf out;
	char heard[64];
	size_t heard_len;
	unsigned gone;
	int peer;
};

static void on_rx(struct core *c, uint64_t now_ms, uint32_t id, const uint8_t *data, size_t len)
{
	(void)now_ms;
	assert_int_equal(id, ID);
	assert_true(len <= sizeof(c->heard) - c->heard_len);
	memcpy(c->heard + c->heard_len, data, len);
	c->heard_len += len;
}

static void on_sent(struct core *c, uint64_t now_ms, uint32_t id)
{
	(void)c;
	(void)now_ms;
	(void)id;
}

static void on_gone(struct core *c, uint64_t now_ms, uint32_t id)
{
	(void)now_ms;
	assert_int_equal(id, ID);
	c->gone++;
	loop_stop(c->loop);
}

static struct buf *out_of(struct core *c, uint32_t id)
{
	return id == ID ? &c->out : NULL;
}

static int setup(void **state)
{
	static const struct conn_ops ops = {
		.rx = on_rx, .sent = on_sent, .gone = on_gone, .out = out_of
	};
	struct core *c = calloc(1, sizeof(*c));
	int pair[2];

	if (!c || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return -1;
	*state = c;
	c->peer = pair[1];
	buf_init(&c->out, 4096);
	c->loop = loop_new();
	c->conns = c->loop ? conn_table_new(c->loop, c, &ops) : NULL;
	return c->conns && conn_add(c->conns, pair[0], ID) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	struct core *c = *state;

	conn_table_free(c->conns);
	loop_free(c->loop);
	buf_fini(&c->out);
	free(c);
	return 0;
}

static void peer_says(struct core *c, const char *text)
{
	assert_int_equal(send(c->peer, text, strlen(text), 0), strlen(text));
}

static void answer(struct core *c, const char *text)
{
	assert_int_equal(buf_append(&c->out, text, strlen(text)), 0);
	conn_write(c->conns, ID);
}

/* It goes on until the connection is gone. */
static void assert_hears_at_last(struct core *c, const char *text)
{
	assert_int_equal(loop_run(c->loop), 0);
	assert_int_equal(c->heard_len, strlen(text));
	assert_memory_equal(c->heard, text, strlen(text));
	assert_int_equal(c->gone, 1);
}

static void test_both_ways(void **state)
{
	struct core *c = *state;
	char text[8] = "";

	answer(c, "hello");
	assert_int_equal(recv(c->peer, text, sizeof(text), 0), 5);
	assert_string_equal(text, "hello");
	peer_says(c, "thanks");
	close(c->peer);
	assert_hears_at_last(c, "thanks");
}

/* Who is gone cannot be answered, but what he said before is heard. */
static void test_last_words(void **state)
{
	struct core *c = *state;

	peer_says(c, "publish, disconnect");
	close(c->peer);
	answer(c, "to what came before");
	assert_int_equal(c->gone, 0);
	answer(c, "and again");
	assert_hears_at_last(c, "publish, disconnect");
}

static void test_last_words_wait(void **state)
{
	struct core *c = *state;

	conn_pause(c->conns, ID, true);
	peer_says(c, "publish, disconnect");
	close(c->peer);
	answer(c, "to what came before");
	conn_pause(c->conns, ID, false);
	assert_hears_at_last(c, "publish, disconnect");
}

/* If nothing more is wanted of him, there is nothing to wait for. */
static void test_closed(void **state)
{
	struct core *c = *state;

	peer_says(c, "publish, disconnect");
	close(c->peer);
	answer(c, "to what came before");
	conn_close(c->conns, ID);
	assert_int_equal(c->gone, 1);
	assert_int_equal(c->heard_len, 0);
}

static void test_closed_politely(void **state)
{
	struct core *c = *state;
	char text[8] = "";

	assert_int_equal(buf_append(&c->out, "bye", 3), 0);
	conn_close(c->conns, ID);
	assert_int_equal(c->gone, 1);
	assert_int_equal(recv(c->peer, text, sizeof(text), 0), 3);
	assert_string_equal(text, "bye");
	assert_int_equal(recv(c->peer, text, sizeof(text), 0), 0);
	close(c->peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last_words, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last_words_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closed_politely, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
