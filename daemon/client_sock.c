/* SPDX-License-Identifier: Apache-2.0 */
#include "client_sock.h"

#include "base/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A listener and the number under which the core knows it. */
struct slot {
	struct client_sock *owner;
	struct listener *listener;
	size_t index;
};

struct client_sock {
	struct loop *loop;
	struct core *core;
	struct listen_pool *pool;
	struct conn_table *conns;
	struct slot *slots[MQTT_LISTENERS_MAX];
	struct slot *next[MQTT_LISTENERS_MAX]; /* prepared */
};

static const struct conn_ops client_ops = {
	.rx = core_client_rx,
	.sent = core_client_sent,
	.gone = core_client_gone,
	.out = core_client_out,
};

struct client_sock *client_sock_new(struct loop *loop, struct core *core, struct listen_pool *pool)
{
	struct client_sock *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->loop = loop;
	s->core = core;
	s->pool = pool;
	s->conns = conn_table_new(loop, core, &client_ops);
	if (!s->conns) {
		free(s);
		return NULL;
	}
	return s;
}

static void free_slot(struct slot *slot)
{
	if (!slot)
		return;
	listener_close(slot->listener);
	free(slot);
}

void client_sock_free(struct client_sock *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < MQTT_LISTENERS_MAX; i++) {
		if (s->slots[i])
			listener_leave(s->slots[i]->listener);
		free(s->slots[i]);
	}
	conn_table_free(s->conns);
	free(s);
}

struct conn_table *client_sock_conns(struct client_sock *s)
{
	return s->conns;
}

static void on_accept(void *arg, int fd)
{
	struct slot *slot = arg;
	struct client_sock *s = slot->owner;
	uint32_t id;

	if (core_client_new(s->core, loop_now_ms(), slot->index, &id) < 0) {
		close(fd);
		return;
	}
	if (conn_add(s->conns, fd, id) < 0)
		core_client_gone(s->core, loop_now_ms(), id);
}

static bool is_among(struct slot *const slots[], const struct slot *slot)
{
	for (size_t i = 0; i < MQTT_LISTENERS_MAX; i++) {
		if (slots[i] == slot)
			return true;
	}
	return false;
}

static struct slot *find(struct client_sock *s, const char *address)
{
	for (size_t i = 0; i < MQTT_LISTENERS_MAX; i++) {
		if (s->slots[i] && listener_has_address(s->slots[i]->listener, address))
			return s->slots[i];
	}
	return NULL;
}

static struct listen_config listen_config(const struct listener_config *cfg)
{
	return (struct listen_config){ .address = cfg->address,
		.mode = cfg->mode,
		.group = cfg->group,
		.is_group_named = cfg->is_group_named };
}

static int open_slot(
    struct client_sock *s, const struct listener_config *cfg, size_t index, struct slot **ret)
{
	struct listen_config listen = listen_config(cfg);
	struct slot *slot = calloc(1, sizeof(*slot));
	int r;

	if (!slot)
		return -ENOMEM;
	slot->owner = s;
	slot->index = index;
	r = listener_open(s->loop, s->pool, &listen, on_accept, slot, &slot->listener);
	if (r < 0) {
		free(slot);
		return r;
	}
	*ret = slot;
	return 0;
}

int client_sock_prepare(
    struct client_sock *s, const struct core_config *cfg, const char **ret_which)
{
	for (size_t i = 0; i < cfg->listener_count; i++) {
		int r = 0;

		s->next[i] = find(s, cfg->listeners[i].address);
		if (!s->next[i])
			r = open_slot(s, &cfg->listeners[i], i, &s->next[i]);
		if (r < 0) {
			*ret_which = cfg->listeners[i].address;
			client_sock_cancel(s);
			return r;
		}
	}
	return 0;
}

void client_sock_cancel(struct client_sock *s)
{
	for (size_t i = 0; i < MQTT_LISTENERS_MAX; i++) {
		if (!is_among(s->slots, s->next[i]))
			free_slot(s->next[i]);
		s->next[i] = NULL;
	}
}

void client_sock_commit(struct client_sock *s, const struct core_config *cfg)
{
	bool is_kept[MQTT_LISTENERS_MAX];

	for (size_t i = 0; i < MQTT_LISTENERS_MAX; i++)
		is_kept[i] = s->next[i] && is_among(s->slots, s->next[i]);
	for (size_t i = 0; i < MQTT_LISTENERS_MAX; i++) {
		if (!is_among(s->next, s->slots[i]))
			free_slot(s->slots[i]);
	}
	for (size_t i = 0; i < MQTT_LISTENERS_MAX; i++) {
		s->slots[i] = s->next[i];
		s->next[i] = NULL;
		if (s->slots[i])
			s->slots[i]->index = i;
	}
	for (size_t i = 0; i < cfg->listener_count; i++) {
		struct listen_config listen = listen_config(&cfg->listeners[i]);

		if (is_kept[i]) /* a new one has them */
			listener_set_rights(s->slots[i]->listener, &listen);
	}
}
