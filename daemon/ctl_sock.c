/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* struct ucred */
#include "ctl_sock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct ctl_sock {
	struct core *core;
	struct listener *listener;
	struct conn_table *conns;
};

static const struct conn_ops ctl_ops = {
	.rx = core_ctl_rx,
	.sent = core_ctl_sent,
	.gone = core_ctl_gone,
	.out = core_ctl_out,
};

static void on_accept(void *arg, int fd)
{
	struct ctl_sock *s = arg;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	struct ctl_peer peer;
	uint32_t id;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0) {
		close(fd);
		return;
	}
	peer = (struct ctl_peer){
		.uid = cred.uid,
		.pid = (uint32_t)cred.pid,
		.is_admin = cred.uid == 0 || cred.uid == geteuid(),
	};
	if (core_ctl_new(s->core, loop_now_ms(), &peer, &id) < 0) {
		close(fd);
		return;
	}
	if (conn_add(s->conns, fd, id) < 0)
		core_ctl_gone(s->core, loop_now_ms(), id);
}

int ctl_sock_open(struct loop *loop, struct core *core, struct listen_pool *pool,
    const struct control_config *cfg, struct ctl_sock **ret)
{
	struct listen_config listen = { .address = cfg->address,
		.mode = cfg->mode,
		.group = cfg->group,
		.is_group_named = cfg->is_group_named };
	struct ctl_sock *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->core = core;
	s->conns = conn_table_new(loop, core, &ctl_ops);
	if (!s->conns)
		r = -ENOMEM;
	else
		r = listener_open(loop, pool, &listen, on_accept, s, &s->listener);
	if (r < 0) {
		ctl_sock_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void ctl_sock_free(struct ctl_sock *s)
{
	if (!s)
		return;
	listener_leave(s->listener);
	conn_table_free(s->conns);
	free(s);
}

struct conn_table *ctl_sock_conns(struct ctl_sock *s)
{
	return s->conns;
}
