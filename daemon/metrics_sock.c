/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics_sock.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Everybody may read them: there are no secrets in numbers. */
#define UNIX_MODE 0666

struct metrics_sock {
	struct loop *loop;
	struct core *core;
	struct listen_pool *pool;
	struct conn_table *conns;
	struct listener *listener; /* NULL: none */
	struct listener *next;     /* prepared; may be the same */
};

static const struct conn_ops http_ops = {
	.rx = core_http_rx,
	.sent = core_http_sent,
	.gone = core_http_gone,
	.out = core_http_out,
};

struct metrics_sock *metrics_sock_new(
    struct loop *loop, struct core *core, struct listen_pool *pool)
{
	struct metrics_sock *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	*s = (struct metrics_sock){ .loop = loop, .core = core, .pool = pool };
	s->conns = conn_table_new(loop, core, &http_ops);
	if (!s->conns) {
		free(s);
		return NULL;
	}
	return s;
}

void metrics_sock_free(struct metrics_sock *s)
{
	if (!s)
		return;
	metrics_sock_cancel(s);
	listener_leave(s->listener);
	conn_table_free(s->conns);
	free(s);
}

static void on_accept(void *arg, int fd)
{
	struct metrics_sock *s = arg;
	uint32_t id;

	if (core_http_new(s->core, loop_now_ms(), &id) < 0) {
		close(fd);
		return;
	}
	if (conn_add(s->conns, fd, id) < 0)
		core_http_gone(s->core, loop_now_ms(), id);
}

int metrics_sock_prepare(struct metrics_sock *s, const char *address)
{
	struct listen_config cfg = { .address = address, .mode = UNIX_MODE };

	if (!address)
		return 0;
	if (s->listener && listener_has_address(s->listener, address)) {
		s->next = s->listener;
		return 0;
	}
	return listener_open(s->loop, s->pool, &cfg, on_accept, s, &s->next);
}

void metrics_sock_cancel(struct metrics_sock *s)
{
	if (s->next != s->listener)
		listener_close(s->next);
	s->next = NULL;
}

void metrics_sock_commit(struct metrics_sock *s)
{
	if (s->next != s->listener)
		listener_close(s->listener);
	s->listener = s->next;
	s->next = NULL;
}

struct conn_table *metrics_sock_conns(struct metrics_sock *s)
{
	return s->conns;
}
