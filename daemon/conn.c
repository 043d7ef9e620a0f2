/* SPDX-License-Identifier: Apache-2.0 */
#include "conn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES 65536 /* of one socket in one turn */
#define BUCKETS    256

struct conn {
	struct conn *next; /* in its bucket */
	struct conn_table *table;
	int fd;
	uint32_t id;
	struct loop_watch *watch;
	struct loop_timer *linger; /* closing: the latest end */
	bool is_paused;
	bool is_blocked; /* the socket takes no more for now */
};

struct conn_table {
	struct loop *loop;
	struct core *core;
	const struct conn_ops *ops;
	struct conn *buckets[BUCKETS];
	uint8_t bytes[READ_BYTES];
};

struct conn_table *conn_table_new(struct loop *loop, struct core *core, const struct conn_ops *ops)
{
	struct conn_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->loop = loop;
	table->core = core;
	table->ops = ops;
	return table;
}

static struct conn *find(struct conn_table *table, uint32_t id)
{
	struct conn *conn = table->buckets[id % BUCKETS];

	while (conn && conn->id != id)
		conn = conn->next;
	return conn;
}

static void unlink_conn(struct conn *conn)
{
	struct conn **at = &conn->table->buckets[conn->id % BUCKETS];

	while (*at && *at != conn)
		at = &(*at)->next;
	if (*at)
		*at = conn->next;
}

static void free_conn(struct conn *conn)
{
	unlink_conn(conn);
	loop_watch_free(conn->watch);
	loop_timer_free(conn->linger);
	close(conn->fd);
	free(conn);
}

void conn_table_free(struct conn_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		while (table->buckets[i])
			free_conn(table->buckets[i]);
	}
	free(table);
}

/* The socket is done with. */
static void end(struct conn *conn)
{
	struct conn_table *table = conn->table;
	uint32_t id = conn->id;

	free_conn(conn);
	table->ops->gone(table->core, loop_now_ms(), id);
}

/* What was not read would turn the close into a reset, and the peer would lose what it was told
 * last. */
static void end_politely(struct conn *conn)
{
	shutdown(conn->fd, SHUT_WR);
	if (recv(conn->fd, conn->table->bytes, READ_BYTES, MSG_DONTWAIT) < 0)
		errno = 0;
	end(conn);
}

static void update_watch(struct conn *conn)
{
	loop_watch_want(conn->watch, !conn->is_paused && !conn->linger, conn->is_blocked);
}

/* Write as much as the socket takes. 0; -EAGAIN: it takes no more; other errors: it is broken. */
static int drain(struct conn *conn)
{
	const struct conn_ops *ops = conn->table->ops;
	struct core *core = conn->table->core;
	struct buf *out;

	while ((out = ops->out(core, conn->id)) && buf_len(out) > 0) {
		ssize_t n =
		    send(conn->fd, buf_data(out), buf_len(out), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		buf_consume(out, (size_t)n);
		ops->sent(core, loop_now_ms(), conn->id);
	}
	return 0;
}

/* Who does not listen any more may have spoken before he went: what he said is read to its end. */
static void write_out(struct conn *conn)
{
	int r = drain(conn);

	conn->is_blocked = r == -EAGAIN;
	if (!conn->linger || conn->is_blocked)
		update_watch(conn);
	else if (r == 0)
		end_politely(conn);
	else
		end(conn);
}

/* False: the connection has ended. */
static bool read_in(struct conn *conn)
{
	struct conn_table *table = conn->table;
	ssize_t n = recv(conn->fd, table->bytes, READ_BYTES, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) {
		end(conn);
		return false;
	}
	table->ops->rx(table->core, loop_now_ms(), conn->id, table->bytes, (size_t)n);
	return true;
}

static void on_ready(void *arg, bool is_readable, bool is_writable)
{
	struct conn *conn = arg;

	if (is_readable && !conn->is_paused && !conn->linger && !read_in(conn))
		return;
	if (is_writable)
		write_out(conn);
}

int conn_add(struct conn_table *table, int fd, uint32_t id)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn) {
		close(fd);
		return -ENOMEM;
	}
	*conn = (struct conn){ .table = table, .fd = fd, .id = id };
	conn->watch = loop_watch_new(table->loop, fd, on_ready, conn);
	if (!conn->watch) {
		free_conn(conn);
		return -ENOMEM;
	}
	conn->next = table->buckets[id % BUCKETS];
	table->buckets[id % BUCKETS] = conn;
	return 0;
}

void conn_write(struct conn_table *table, uint32_t id)
{
	struct conn *conn = find(table, id);

	if (conn && !conn->is_blocked)
		write_out(conn);
}

static void on_linger(void *arg)
{
	end(arg);
}

void conn_close(struct conn_table *table, uint32_t id)
{
	struct conn *conn = find(table, id);

	if (!conn || conn->linger)
		return;
	conn->linger = loop_timer_new(table->loop, on_linger, conn);
	if (!conn->linger) {
		end(conn);
		return;
	}
	loop_timer_set(conn->linger, CONN_LINGER_MS);
	write_out(conn);
}

void conn_pause(struct conn_table *table, uint32_t id, bool is_paused)
{
	struct conn *conn = find(table, id);

	if (!conn)
		return;
	conn->is_paused = is_paused;
	update_watch(conn);
}
