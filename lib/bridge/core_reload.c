/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another configuration: what did not change is not touched.
 */
#include "bridge/core_priv.h"

#include <string.h>

static bool message_equal(const struct message_config *a, const struct message_config *b)
{
	return text_equal(a->topic, b->topic) && span_equal(a->payload, b->payload) &&
	       a->qos == b->qos && a->retain == b->retain;
}

static bool tls_equal(const struct tls_config *a, const struct tls_config *b)
{
	return span_equal(a->ca, b->ca) && span_equal(a->cert, b->cert) &&
	       span_equal(a->key, b->key) && a->verify == b->verify && a->sni == b->sni &&
	       a->check_time == b->check_time && a->context == b->context &&
	       a->negotiate_s == b->negotiate_s;
}

static bool has_name(const struct broker_config *a, const struct broker_config *b)
{
	return text_equal(a->name, b->name);
}

static bool has_address(const struct broker_config *a, const struct broker_config *b)
{
	return text_equal(a->host, b->host) && a->port == b->port && a->is_tls == b->is_tls;
}

static bool has_client_id(const struct broker_config *a, const struct broker_config *b)
{
	return text_equal(a->client_id, b->client_id);
}

static bool has_username(const struct broker_config *a, const struct broker_config *b)
{
	return text_equal(a->username, b->username);
}

static bool has_password(const struct broker_config *a, const struct broker_config *b)
{
	return text_equal(a->password, b->password);
}

static bool has_keepalive(const struct broker_config *a, const struct broker_config *b)
{
	return a->keepalive_s == b->keepalive_s;
}

static bool has_clean_session(const struct broker_config *a, const struct broker_config *b)
{
	return a->clean_session == b->clean_session;
}

static bool has_tls(const struct broker_config *a, const struct broker_config *b)
{
	return tls_equal(&a->tls, &b->tls);
}

static bool has_will(const struct broker_config *a, const struct broker_config *b)
{
	return message_equal(&a->will, &b->will);
}

static bool has_birth(const struct broker_config *a, const struct broker_config *b)
{
	return message_equal(&a->birth, &b->birth);
}

static bool has_reconnect(const struct broker_config *a, const struct broker_config *b)
{
	return a->reconnect_min_ms == b->reconnect_min_ms &&
	       a->reconnect_max_ms == b->reconnect_max_ms;
}

const struct core_broker_part core_broker_parts[] = {
	{ "name", has_name },
	{ "address", has_address },
	{ "client_id", has_client_id },
	{ "username", has_username },
	{ "password", has_password },
	{ "keepalive", has_keepalive },
	{ "clean_session", has_clean_session },
	{ "tls", has_tls },
	{ "will", has_will },
	{ "birth", has_birth },
	{ "reconnect", has_reconnect },
};

const size_t core_broker_part_count = sizeof(core_broker_parts) / sizeof(core_broker_parts[0]);

bool core_broker_link_equal(const struct broker_config *a, const struct broker_config *b)
{
	for (size_t i = 0; i < core_broker_part_count; i++) {
		if (!core_broker_parts[i].is_equal(a, b))
			return false;
	}
	return true;
}

/* Messages in flight end with the session that carried them; their outcome is not known. */
static void change_broker(
    struct core *c, uint64_t now_ms, unsigned client, const struct broker_config *link)
{
	modem_set_broker(c->modem, now_ms, client, link);
	if (c->outbox[client].is_busy)
		core_published(c, client, SEND_UNKNOWN, 0);
	echo_init(&c->echo[client]);
}

static void reload_broker(
    struct core *c, uint64_t now_ms, unsigned client, const struct core_config *next)
{
	const struct broker_config *old =
	    client < c->cfg->broker_count ? &c->cfg->brokers[client].link : NULL;
	const struct broker_config *new =
	    client < next->broker_count ? &next->brokers[client].link : NULL;

	if (old && new &&core_broker_link_equal(old, new))
		modem_set_filters(c->modem, now_ms, client, new);
	else if (old || new)
		change_broker(c, now_ms, client, new);
}

/* What waits in memory was meant for the broker before. */
static void use_queue(struct core *c, unsigned client, unsigned queue)
{
	struct outbox *o = &c->outbox[client];
	struct store_entry e = { 0 };

	while (queue != o->durable_queue && client < c->cfg->broker_count &&
	       o->memory->ops->next(o->memory, o->memory_queue, false, e.seq, &e))
		core_count_drop(c, client, DROP_LINK_DOWN, e.topic);
	outbox_use_queue(o, queue);
}

int core_reload(struct core *c, uint64_t now_ms, const struct core_config *cfg)
{
	struct mqtt_listener listeners[MQTT_LISTENERS_MAX];
	unsigned queues[MODEM_CLIENTS] = { 0 };

	c->now_ms = now_ms;
	core_finish_sent(c);
	/* All that can fail comes first. */
	for (size_t i = 0; i < cfg->broker_count; i++) {
		int r = c->store->ops->open_queue(c->store, cfg->brokers[i].link.name, &queues[i]);

		if (r < 0)
			return r;
	}
	for (unsigned i = 0; i < MODEM_CLIENTS; i++)
		reload_broker(c, now_ms, i, cfg);
	for (unsigned i = 0; i < cfg->broker_count; i++)
		use_queue(c, i, queues[i]);
	for (unsigned i = 0; i < MODEM_CLIENTS; i++)
		core_carry_losses(c, i, i < cfg->broker_count ? &cfg->brokers[i] : NULL);
	modem_configure(c->modem, now_ms, &cfg->modem);
	core_list_listeners(cfg, listeners);
	mqtt_server_set_listeners(c->server, now_ms, listeners, cfg->listener_count);
	c->store->max_bytes = cfg->store.max_bytes;
	core_forget_states(c, cfg);
	c->cfg = cfg;
	modem_set_trace(c->modem, c->is_trace_wanted || cfg->log_at_traffic);
	c->is_status_stale = true;
	core_publish_states(c);
	core_log_text(c, LOG_LEVEL_INFO, LOG_RELOADED, -1, "");
	core_tell_orphans(c);
	return 0;
}

void core_reload_done(
    struct core *c, uint64_t now_ms, uint32_t id, const char *error, const struct reload_plan *plan)
{
	c->now_ms = now_ms;
	ctl_on_reload_done(c->ctl, now_ms, id, error, plan);
}
