/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another configuration: what did not change is not touched.
 */
#include "bridge/core_priv.h"

#include <string.h>

static bool text_equal(const char *a, const char *b)
{
	if (!a || !b)
		return a == b;
	return strcmp(a, b) == 0;
}

static bool span_equal(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

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

bool core_broker_link_equal(const struct broker_config *a, const struct broker_config *b)
{
	return text_equal(a->name, b->name) && text_equal(a->host, b->host) && a->port == b->port &&
	       a->is_tls == b->is_tls && text_equal(a->client_id, b->client_id) &&
	       text_equal(a->username, b->username) && text_equal(a->password, b->password) &&
	       a->keepalive_s == b->keepalive_s && a->clean_session == b->clean_session &&
	       tls_equal(&a->tls, &b->tls) && message_equal(&a->will, &b->will) &&
	       message_equal(&a->birth, &b->birth) && a->reconnect_min_ms == b->reconnect_min_ms &&
	       a->reconnect_max_ms == b->reconnect_max_ms;
}

bool core_broker_filters_equal(const struct broker_config *a, const struct broker_config *b)
{
	if (a->filter_count != b->filter_count)
		return false;
	for (size_t i = 0; i < a->filter_count; i++) {
		if (!text_equal(a->filters[i].filter, b->filters[i].filter) ||
		    a->filters[i].qos != b->filters[i].qos)
			return false;
	}
	return true;
}

bool core_modem_equal(const struct modem_config *a, const struct modem_config *b)
{
	return text_equal(a->device, b->device) && a->baud == b->baud && a->rtscts == b->rtscts &&
	       text_equal(a->apn, b->apn) && text_equal(a->apn_user, b->apn_user) &&
	       text_equal(a->apn_password, b->apn_password) &&
	       text_equal(a->pdp_type, b->pdp_type) && text_equal(a->pin, b->pin) &&
	       a->has_power_cycle == b->has_power_cycle;
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

static int reload_broker(
    struct core *c, uint64_t now_ms, unsigned client, const struct core_config *next)
{
	const struct broker_config *old =
	    client < c->cfg->broker_count ? &c->cfg->brokers[client].link : NULL;
	const struct broker_config *new =
	    client < next->broker_count ? &next->brokers[client].link : NULL;

	if (!new) {
		if (old)
			change_broker(c, now_ms, client, NULL);
		return 0;
	}
	if (old && core_broker_link_equal(old, new)) {
		modem_set_filters(c->modem, now_ms, client, new);
		return 0;
	}
	change_broker(c, now_ms, client, new);
	return outbox_rename(&c->outbox[client], new->name);
}

int core_reload(struct core *c, uint64_t now_ms, const struct core_config *cfg)
{
	int r = 0;

	c->now_ms = now_ms;
	for (unsigned i = 0; i < MODEM_CLIENTS && r == 0; i++)
		r = reload_broker(c, now_ms, i, cfg);
	modem_configure(c->modem, now_ms, &cfg->modem);
	for (size_t i = 0; i < cfg->listener_count; i++)
		c->listeners[i] = cfg->listeners[i].mqtt;
	mqtt_server_set_listeners(c->server, now_ms, c->listeners, cfg->listener_count);
	c->store->max_bytes = cfg->store.max_bytes;
	c->cfg = cfg;
	modem_set_trace(c->modem, c->is_trace_wanted || cfg->log_at_traffic);
	c->is_status_stale = true;
	core_publish_states(c);
	core_log_text(c, LOG_LEVEL_INFO, LOG_RELOADED, -1, "");
	return r;
}

void core_reload_done(struct core *c, uint64_t now_ms, const char *error)
{
	c->now_ms = now_ms;
	if (c->reload_conn != 0)
		ctl_on_reload_done(c->ctl, now_ms, c->reload_conn, error);
	c->reload_conn = 0;
}
