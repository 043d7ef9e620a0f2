/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/core_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *core_version(const struct core *c)
{
	return c->version;
}

const struct core_config *core_get_config(const struct core *c)
{
	return c->cfg;
}

const struct modem *core_get_modem(const struct core *c)
{
	return c->modem;
}

const struct mqtt_server *core_get_server(const struct core *c)
{
	return c->server;
}

uint64_t core_uptime_ms(const struct core *c, uint64_t now_ms)
{
	return now_ms - c->start_ms;
}

uint64_t core_logs_dropped(const struct core *c)
{
	return c->logs_dropped;
}

int64_t core_wall_at(const struct core *c, uint64_t when_ms)
{
	return (int64_t)when_ms + c->wall_offset_ms;
}

const struct broker_counters *core_get_counters(const struct core *c, unsigned client)
{
	return &c->counters[client];
}

void core_queue_usage(const struct core *c, unsigned client, struct store_usage *ret)
{
	outbox_usage(&c->outbox[client], ret);
}

void core_store_usage(const struct core *c, struct store_usage *ret)
{
	struct store_usage retained;
	unsigned queue;

	c->store->ops->total(c->store, ret);
	if (!mqtt_server_retained_queue(c->server, &queue))
		return;
	/* What is retained waits for nobody. */
	c->store->ops->usage(c->store, queue, &retained);
	ret->messages -= retained.messages;
}

bool core_has_store_failed(const struct core *c)
{
	return c->has_store_failed;
}

int core_config_find_broker(const struct core_config *cfg, const char *name)
{
	for (size_t i = 0; i < cfg->broker_count; i++) {
		if (strcmp(cfg->brokers[i].link.name, name) == 0)
			return (int)i;
	}
	return -1;
}

int core_find_broker(const struct core *c, const char *name)
{
	return core_config_find_broker(c->cfg, name);
}

int core_broker_connect(struct core *c, uint64_t now_ms, unsigned client)
{
	return modem_connect(c->modem, now_ms, client);
}

int core_broker_disconnect(struct core *c, uint64_t now_ms, unsigned client)
{
	return modem_disconnect(c->modem, now_ms, client);
}

int core_broker_reconnect(struct core *c, uint64_t now_ms, unsigned client)
{
	return modem_reconnect(c->modem, now_ms, client);
}

int core_at(struct core *c, uint64_t now_ms, uint32_t id, const char *command)
{
	int r = modem_at(c->modem, now_ms, command);

	if (r == 0)
		c->at_conn = id;
	return r;
}

void core_request_reload(struct core *c, uint32_t id, bool is_trial)
{
	core_action(c, is_trial ? ACTION_RELOAD_TRIAL : ACTION_RELOAD, id);
}

void core_request_log_level(struct core *c, enum log_level level)
{
	c->wanted_level = level;
	core_action(c, ACTION_LOG_LEVEL, 0);
}

void core_want_trace(struct core *c, bool wanted)
{
	c->is_trace_wanted = wanted;
	modem_set_trace(c->modem, wanted || c->cfg->log_at_traffic);
}

void core_log_control(struct core *c, const struct ctl_peer *peer, const char *what)
{
	char text[LOG_DETAIL_MAX];

	snprintf(text, sizeof(text), "%s (uid %u, pid %u)", what, peer->uid, peer->pid);
	core_log_text(c, LOG_LEVEL_INFO, LOG_CONTROL_CHANGE, -1, text);
}

bool core_history(const struct core *c, size_t i, struct history_entry *ret)
{
	size_t first = c->history_count > HISTORY_MAX ? c->history_count - HISTORY_MAX : 0;

	if (i >= c->history_count - first)
		return false;
	*ret = c->history[(first + i) % HISTORY_MAX];
	return true;
}
