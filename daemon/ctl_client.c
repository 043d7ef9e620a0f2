/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_client.h"

#include "base/limits.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define READ_SIZE 65536

/* Replies can be as large as the daemon's output buffer allows, and hold as much as fits. */
#define REPLY_MAX CTL_OUT_MAX

int ctl_client_open(struct ctl_client *c, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	c->fd = fd;
	varlink_reader_init(&c->in, REPLY_MAX, REPLY_MAX);
	return 0;
}

void ctl_client_close(struct ctl_client *c)
{
	close(c->fd);
	varlink_reader_fini(&c->in);
}

static int send_all(int fd, struct buf *out)
{
	while (buf_len(out) > 0) {
		ssize_t n = send(fd, buf_data(out), buf_len(out), MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			buf_consume(out, (size_t)n);
	}
	return 0;
}

int ctl_client_call(struct ctl_client *c, const char *method, json_t *parameters, bool is_more)
{
	struct buf out;
	int r;

	buf_init(&out, CTL_MSG_MAX);
	r = varlink_write_call(&out, method, parameters, is_more);
	if (r == 0)
		r = send_all(c->fd, &out);
	buf_fini(&out);
	return r;
}

/* Wait until there is something to read. */
static int wait_readable(struct ctl_client *c, int timeout_ms, int out_fd)
{
	struct pollfd fds[2] = { { .fd = c->fd, .events = POLLIN }, { .fd = out_fd } };
	int n;

	do {
		n = poll(fds, 2, timeout_ms);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		return -ETIMEDOUT;
	if (fds[1].revents & (POLLERR | POLLHUP))
		return -EPIPE;
	return 0;
}

static int read_some(struct ctl_client *c)
{
	uint8_t data[READ_SIZE];
	size_t room = buf_room(&c->in.in), taken;
	ssize_t n;

	do {
		n = recv(c->fd, data, room < sizeof(data) ? room : sizeof(data), 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		return -ECONNRESET;
	return varlink_reader_feed(&c->in, data, (size_t)n, &taken);
}

int ctl_client_read(struct ctl_client *c, int timeout_ms, int out_fd, json_t **ret_msg)
{
	for (;;) {
		int r;

		switch (varlink_reader_next(&c->in, ret_msg)) {
		case VARLINK_READ_MESSAGE:
			return 0;
		case VARLINK_READ_GARBAGE:
			return -EBADMSG;
		case VARLINK_READ_NOTHING:
			break;
		}
		r = wait_readable(c, timeout_ms, out_fd);
		if (r == 0)
			r = read_some(c);
		if (r < 0)
			return r;
	}
}

int ctl_client_ask(const char *path, const char *method, int timeout_ms, json_t **ret_msg)
{
	struct ctl_client c;
	int r = ctl_client_open(&c, path);

	if (r < 0)
		return r;
	r = ctl_client_call(&c, method, json_object(), false);
	if (r == 0)
		r = ctl_client_read(&c, timeout_ms, -1, ret_msg);
	ctl_client_close(&c);
	return r;
}
