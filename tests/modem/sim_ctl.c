/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* accept4 */
#include "sim_ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct ctl_client {
	int fd;
	char line[SIM_CTL_LINE_MAX];
	size_t len;
	bool waits; /* for a delayed answer: later lines stay in the buffer */
};

struct sim_ctl {
	int fd;
	char *path;
	sim_ctl_fn *fn;
	void *ctx;
	struct ctl_client client[SIM_CTL_CLIENTS];
};

struct sim_ctl *sim_ctl_new(const char *path, sim_ctl_fn *fn, void *ctx)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct sim_ctl *c;

	if (strlen(path) >= sizeof addr.sun_path) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	for (int i = 0; i < SIM_CTL_CLIENTS; i++)
		c->client[i].fd = -1;
	c->fn = fn;
	c->ctx = ctx;
	c->path = strdup(path);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(path);
	if (!c->path || c->fd < 0 || bind(c->fd, (struct sockaddr *)&addr, sizeof addr) < 0 ||
	    listen(c->fd, SIM_CTL_CLIENTS) < 0) {
		int e = errno;

		sim_ctl_free(c);
		errno = e;
		return NULL;
	}
	return c;
}

static void client_close(struct ctl_client *cl)
{
	if (cl->fd >= 0)
		close(cl->fd);
	cl->fd = -1;
	cl->len = 0;
	cl->waits = false;
}

void sim_ctl_free(struct sim_ctl *c)
{
	if (!c)
		return;
	for (int i = 0; i < SIM_CTL_CLIENTS; i++)
		client_close(&c->client[i]);
	if (c->fd >= 0) {
		close(c->fd);
		unlink(c->path);
	}
	free(c->path);
	free(c);
}

size_t sim_ctl_poll(const struct sim_ctl *c, struct pollfd *fds)
{
	size_t n = 0;

	fds[n++] = (struct pollfd){ .fd = c->fd, .events = POLLIN };
	for (int i = 0; i < SIM_CTL_CLIENTS; i++)
		if (c->client[i].fd >= 0)
			fds[n++] = (struct pollfd){ .fd = c->client[i].fd, .events = POLLIN };
	return n;
}

/* Answers are short and the peer waits for them: a blocking write is good enough for a test tool.
 */
static void put(struct ctl_client *cl, const char *text)
{
	char end = '\n';

	if (cl->fd < 0)
		return;
	if (send(cl->fd, text, strlen(text), MSG_NOSIGNAL | MSG_MORE) < 0 ||
	    send(cl->fd, &end, 1, MSG_NOSIGNAL) < 0)
		client_close(cl);
}

void sim_ctl_answer(struct sim_ctl *c, int client, const char *text)
{
	struct ctl_client *cl = &c->client[client];

	if (!cl->waits)
		return;
	cl->waits = false;
	put(cl, text);
}

static void run_lines(struct sim_ctl *c, int i)
{
	struct ctl_client *cl = &c->client[i];
	char line[SIM_CTL_LINE_MAX], *end, *answer;

	while (cl->fd >= 0 && !cl->waits && (end = memchr(cl->line, '\n', cl->len))) {
		size_t n = (size_t)(end - cl->line);

		memcpy(line, cl->line, n);
		line[n && line[n - 1] == '\r' ? n - 1 : n] = '\0';
		cl->len -= n + 1;
		memmove(cl->line, end + 1, cl->len);
		cl->waits = true;
		answer = c->fn(c->ctx, i, line);
		if (answer)
			sim_ctl_answer(c, i, answer);
		free(answer);
	}
}

static void client_step(struct sim_ctl *c, int i)
{
	struct ctl_client *cl = &c->client[i];
	ssize_t n;

	if (cl->waits)
		return;
	n = recv(cl->fd, cl->line + cl->len, sizeof cl->line - cl->len, MSG_DONTWAIT);

	if (n > 0)
		cl->len += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		client_close(cl);
	run_lines(c, i);
	if (cl->len == sizeof cl->line && !cl->waits)
		client_close(cl); /* a line without end */
}

void sim_ctl_step(struct sim_ctl *c)
{
	int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC);

	for (int i = 0; fd >= 0 && i < SIM_CTL_CLIENTS; i++)
		if (c->client[i].fd < 0) {
			c->client[i].fd = fd;
			fd = -1;
		}
	if (fd >= 0)
		close(fd);
	for (int i = 0; i < SIM_CTL_CLIENTS; i++)
		if (c->client[i].fd >= 0)
			client_step(c, i);
}
