/* SPDX-License-Identifier: Apache-2.0 */
#include "addr.h"
#include "cert_check.h"
#include "config_builder.h"
#include "wall_clock.h"

#include "bridge/config_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BROKER_NAME_MAX 32
#define CHAIN_MAX       4 /* certificates of one file; seen to be too many for an A7670C */
#define DAY_S           86400
#define EXPIRY_WARN_S   (30 * DAY_S)
#define NEGOTIATE_S     120 /* for the TLS handshake; the modem's own default is 300 */
#define PLACEHOLDER     "your-broker.invalid" /* in the shipped file; no host has it (RFC 2606) */
#define PEM_BYTES_MAX   1048576               /* of a file before it is checked */
#define PORT_MQTT       1883
#define PORT_MQTTS      8883

static void build_name(struct builder *b, const struct config_value *value, const char **ret)
{
	size_t len;

	if (!value_is_there(value))
		return;
	len = strlen(value->text);
	if (len == 0 || len > BROKER_NAME_MAX ||
	    strspn(value->text, "abcdefghijklmnopqrstuvwxyz0123456789_-") != len)
		builder_is_fine(
		    b, "name", value, "must be 1 to 32 characters of a-z, 0-9, _ and -");
	*ret = value->text;
}

/* mqtt://host[:port] or mqtts://host[:port] */
static void build_address(
    struct builder *b, const struct config_value *value, struct broker_config *link)
{
	static const char plain[] = "mqtt://", tls[] = "mqtts://";
	const char *rest, *colon;

	if (!value_is_there(value))
		return;
	link->is_tls = strncmp(value->text, tls, strlen(tls)) == 0;
	if (!link->is_tls && strncmp(value->text, plain, strlen(plain)) != 0) {
		builder_is_fine(b, "address", value, "must begin with mqtt:// or mqtts://");
		return;
	}
	rest = value->text + (link->is_tls ? strlen(tls) : strlen(plain));
	if (strchr(rest, '/') || strchr(rest, '@')) {
		builder_is_fine(b, "address", value,
		    "must be mqtt://host[:port] or mqtts://host[:port], without user or path");
		return;
	}
	link->port = link->is_tls ? PORT_MQTTS : PORT_MQTT;
	colon = strrchr(rest, ':');
	if (colon && !addr_parse_port(colon + 1, &link->port)) {
		builder_is_fine(b, "address", value,
		    "must have a port between 1 and 65535 behind the colon, or no colon");
		return;
	}
	link->host = arena_copy(b->arena, rest, colon ? (size_t)(colon - rest) : strlen(rest));
	if (!link->host || !builder_is_fine(b, "address", value, config_check_host(link->host)))
		return;
	if (strcmp(link->host, PLACEHOLDER) == 0)
		builder_is_fine(b, "address", value,
		    "is not set yet: put the name of your broker in place of " PLACEHOLDER);
}

/* "cmqttd-" and as much of the host's name as a client identifier can take. */
static const char *default_client_id(struct builder *b)
{
	char host[MODEM_CLIENT_ID_MAX - sizeof("cmqttd-")] = "";

	if (gethostname(host, sizeof(host) - 1) < 0 || config_check_parameter(host, sizeof(host)))
		return "cmqttd";
	return arena_printf(b->arena, "cmqttd-%s", host);
}

static void build_credentials(
    struct builder *b, const struct broker_section *s, struct broker_config *link)
{
	link->clean_session = s->clean_session.flag;
	if (value_is_given(&s->client_id))
		link->client_id =
		    builder_parameter(b, "client_id", &s->client_id, MODEM_CLIENT_ID_MAX);
	else if (value_is_there(&s->clean_session) && !s->clean_session.flag &&
		 s->client_id.state == VALUE_ABSENT)
		config_report_mistake(b->report, &s->head.place,
		    "\"client_id\" is missing: without clean_session = true the broker "
		    "keeps what waits for us under it");
	else
		link->client_id = default_client_id(b);
	link->username = builder_parameter(b, "username", &s->username, MODEM_CREDENTIAL_MAX);
	link->password = builder_secret(
	    b, "password", &s->password, "password_file", &s->password_file, MODEM_CREDENTIAL_MAX);
	if (s->username.state == VALUE_ABSENT) {
		builder_refuse(b, "password", &s->password, "needs \"username\"");
		builder_refuse(b, "password_file", &s->password_file, "needs \"username\"");
	}
	link->keepalive_s = (uint16_t)s->keepalive.integer;
}

/* A PEM file as the modem takes it: with LF alone, because CRLF makes its TLS stack refuse it (seen
 * on A7670SA). */
static struct span build_pem(
    struct builder *b, const char *name, const struct config_value *value, const char *label)
{
	struct span text = { 0 };
	uint8_t *out;
	size_t len = 0;

	if (!value_is_given(value) || !builder_read(b, name, value, PEM_BYTES_MAX, NULL, &text))
		return (struct span){ 0 };
	out = arena_alloc(b->arena, text.len + 1);
	if (!out)
		return (struct span){ 0 };
	for (size_t i = 0; i < text.len; i++) {
		bool is_crlf = text.data[i] == '\r' && i + 1 < text.len && text.data[i + 1] == '\n';

		if (!is_crlf)
			out[len++] = text.data[i];
	}
	text = (struct span){ .data = out, .len = len };
	if (!builder_is_fine(b, name, value, config_check_pem(text, label)))
		return (struct span){ 0 };
	return text;
}

static void refuse_tls(struct builder *b, const struct broker_section *s)
{
	if (s->tls.head.is_given)
		config_report_mistake(b->report, &s->tls.head.place,
		    "\"tls\" is only for an address that begins with mqtts://");
}

/* The modem itself only says that a handshake has failed. */
static void look_into(struct builder *b, const char *broker, const char *name,
    const struct config_value *value, struct span pem, int64_t *ends_s)
{
	struct config_cert *cert = &b->config->certs[b->config->cert_count];
	struct cert_facts facts = { 0 };
	int64_t now_s = wall_clock_now_ms() / 1000;
	int r;

	if (pem.len == 0 || b->has_no_answer)
		return;
	r = cert_check_read(pem, &facts);
	b->has_no_answer = r == -ENOTSUP;
	if (b->has_no_answer)
		return;
	if (r < 0) {
		config_report_warning(
		    b->report, &value->place, "\"%s\": a certificate in it cannot be read", name);
		return;
	}
	if (*ends_s == 0 || facts.not_after_s < *ends_s)
		*ends_s = facts.not_after_s;
	if (facts.not_after_s <= now_s)
		config_report_warning(b->report, &value->place, "\"%s\" has expired", name);
	else if (facts.not_after_s - now_s <= EXPIRY_WARN_S)
		config_report_warning(b->report, &value->place, "\"%s\" expires in %d days", name,
		    (int)((facts.not_after_s - now_s) / DAY_S));
	if (facts.is_after_2049)
		config_report_warning(b->report, &value->place,
		    "\"%s\" expires after 2049, which some modems do not take (A7670C)", name);
	if (facts.count > CHAIN_MAX)
		config_report_warning(b->report, &value->place,
		    "\"%s\" holds %u certificates; some modems take fewer", name, facts.count);
	if (broker && b->config->cert_count < CONFIG_CERTS_MAX) {
		*cert = (struct config_cert){
			.broker = broker, .key = name, .not_after_s = facts.not_after_s
		};
		b->config->cert_count++;
	}
}

static void check_files(
    struct builder *b, const char *broker, const struct tls_section *t, struct tls_config *tls)
{
	look_into(b, broker, "ca", &t->ca, tls->ca, &tls->ends_s);
	look_into(b, broker, "cert", &t->cert, tls->cert, &tls->ends_s);
	if (tls->cert.len > 0 && tls->key.len > 0 && !b->has_no_answer &&
	    cert_check_key(tls->cert, tls->key) == -EKEYREJECTED)
		builder_is_fine(b, "key", &t->key, "does not belong to \"cert\"");
}

static void build_tls(struct builder *b, const struct broker_section *s, size_t index,
    const char *broker, struct tls_config *tls)
{
	static const enum check_time check_times[] = { CHECK_TIME_AUTO, CHECK_TIME_YES,
		CHECK_TIME_NO };
	const struct tls_section *t = &s->tls;

	tls->ca = build_pem(b, "ca", &t->ca, "CERTIFICATE");
	tls->cert = build_pem(b, "cert", &t->cert, "CERTIFICATE");
	tls->key = build_pem(b, "key", &t->key, "PRIVATE KEY");
	tls->verify = t->verify.flag;
	tls->sni = t->sni.flag;
	tls->check_time = check_times[t->check_time.integer];
	tls->context = (uint8_t)(value_is_given(&t->context) ? (size_t)t->context.integer : index);
	tls->negotiate_s = NEGOTIATE_S;
	if (value_is_there(&t->verify) && t->verify.flag && t->ca.state == VALUE_ABSENT)
		config_report_mistake(b->report, &t->head.place,
		    "\"ca\" is missing in \"tls\": without it the broker cannot be verified "
		    "(verify = false would do without)");
	if (t->key.state == VALUE_ABSENT)
		builder_refuse(b, "cert", &t->cert, "needs \"key\"");
	if (t->cert.state == VALUE_ABSENT)
		builder_refuse(b, "key", &t->key, "needs \"cert\"");
	check_files(b, broker, t, tls);
}

static void build_message(struct builder *b, const struct message_section *s, size_t max_bytes,
    struct message_config *message)
{
	if (!s->head.is_given || !value_is_there(&s->topic) || !value_is_there(&s->payload))
		return;
	builder_is_fine(b, "topic", &s->topic, config_check_topic(s->topic.text));
	message->topic = s->topic.text;
	message->payload = (struct span){ .data = (const uint8_t *)s->payload.text,
		.len = strlen(s->payload.text) };
	message->qos = (uint8_t)s->qos.integer;
	message->retain = s->retain.flag;
	if (message->payload.len > max_bytes)
		config_report_mistake(b->report, &s->payload.place,
		    "\"payload\" is longer than %zu bytes, which is the most that the modem takes",
		    max_bytes);
}

static void build_will(
    struct builder *b, const struct message_section *s, struct message_config *message)
{
	build_message(b, s, MODEM_WILL_MAX, message);
	if (value_is_given(&s->payload) && !s->payload.text[0])
		builder_is_fine(b, "payload", &s->payload,
		    "must not be empty: the modem has no empty last will");
	if (value_is_given(&s->retain) && s->retain.flag)
		builder_is_fine(
		    b, "retain", &s->retain, "must be false: the modem has no retained last will");
}

static void build_reconnect(
    struct builder *b, const struct reconnect_section *s, struct broker_config *link)
{
	link->reconnect_min_ms = (uint32_t)(s->min.seconds * 1000 + 0.5);
	link->reconnect_max_ms = (uint32_t)(s->max.seconds * 1000 + 0.5);
	if (value_is_there(&s->min) && value_is_there(&s->max) && s->min.seconds > s->max.seconds)
		builder_is_fine(b, "max", value_is_given(&s->max) ? &s->max : &s->min,
		    "must not be less than \"min\" of \"reconnect\"");
}

static void build_route(
    struct builder *b, const struct topic_section *s, struct route_config *route)
{
	bool is_valid;

	*route = (struct route_config){
		.pattern = s->pattern.text,
		.direction = (enum route_direction)s->direction.integer,
		.qos = (uint8_t)s->qos.integer,
		.local_prefix = s->local_prefix.text,
		.remote_prefix = s->remote_prefix.text,
		.priority = (uint8_t)s->priority.integer,
		.ttl_s = (uint32_t)s->ttl.integer,
		.keep_last = s->keep_last.flag,
		.retain = s->retain.flag,
	};
	if (!value_is_there(&s->pattern) || !value_is_there(&s->local_prefix) ||
	    !value_is_there(&s->remote_prefix))
		return;
	is_valid = builder_is_fine(b, "pattern", &s->pattern, config_check_pattern(route->pattern));
	is_valid &= builder_is_fine(
	    b, "local_prefix", &s->local_prefix, config_check_prefix(route->local_prefix));
	is_valid &= builder_is_fine(
	    b, "remote_prefix", &s->remote_prefix, config_check_prefix(route->remote_prefix));
	if (!is_valid)
		return;
	builder_is_fine(b, "local_prefix", &s->local_prefix,
	    config_check_joined(route->local_prefix, route->pattern, MQTT_TOPIC_MAX));
	if (route->direction != ROUTE_IN &&
	    (*route->local_prefix ? route->local_prefix : route->pattern)[0] == '$')
		config_report_warning(b->report, &s->pattern.place,
		    "no local client may publish what begins with $: this route is only for "
		    "what came from the other broker");
	builder_is_fine(b, "remote_prefix", &s->remote_prefix,
	    config_check_joined(route->remote_prefix, route->pattern, MODEM_TOPIC_MAX));
}

/* One subscription at the broker for each filter, at the highest QoS that a route of it wants. */
static void add_filter(struct builder *b, const struct route_config *route,
    struct filter_config *filters, size_t *count)
{
	const char *filter = arena_printf(b->arena, "%s%s", route->remote_prefix, route->pattern);

	if (!filter)
		return;
	for (size_t i = 0; i < *count; i++) {
		if (strcmp(filters[i].filter, filter) == 0) {
			if (filters[i].qos < route->qos)
				filters[i].qos = route->qos;
			return;
		}
	}
	filters[(*count)++] = (struct filter_config){ .filter = filter, .qos = route->qos };
}

static void build_routes(
    struct builder *b, const struct section_list *list, bool is_broken, struct core_broker *broker)
{
	const struct topic_section *topics = list->items;
	struct route_config *routes = arena_alloc(b->arena, list->count * sizeof(*routes));
	struct filter_config *filters = arena_alloc(b->arena, list->count * sizeof(*filters));
	size_t mistakes = b->report->mistakes;

	if (!routes || !filters)
		return;
	for (size_t i = 0; i < list->count; i++)
		build_route(b, &topics[i], &routes[i]);
	broker->routes = routes;
	broker->route_count = list->count;
	broker->link.filters = filters;
	if (is_broken || b->report->mistakes > mistakes)
		return;
	for (size_t i = 0; i < list->count; i++) {
		if (routes[i].direction != ROUTE_OUT)
			add_filter(b, &routes[i], filters, &broker->link.filter_count);
	}
}

static void build_broker(
    struct builder *b, const struct broker_section *s, size_t index, struct core_broker *broker)
{
	struct broker_config *link = &broker->link;
	size_t mistakes = b->report->mistakes;
	const char *why;

	if (!s->head.is_given)
		return;
	build_name(b, &s->name, &link->name);
	build_address(b, &s->address, link);
	build_credentials(b, s, link);
	if (link->is_tls)
		build_tls(b, s, index, link->name, &link->tls);
	else if (value_is_there(&s->address) && link->host)
		refuse_tls(b, s);
	build_will(b, &s->will, &link->will);
	build_message(b, &s->birth, MODEM_PAYLOAD_MAX, &link->birth);
	if (value_is_there(&s->gap_topic)) {
		broker->gap_topic = s->gap_topic.text;
		builder_is_fine(
		    b, "gap_topic", &s->gap_topic, config_check_topic(broker->gap_topic));
	}
	build_reconnect(b, &s->reconnect, link);
	build_routes(b, &s->topics, s->head.is_broken, broker);
	/* Of a broker that is incomplete the modem's limits say nothing. */
	if (s->head.is_broken || b->report->mistakes > mistakes)
		return;
	why = config_check_broker(link);
	if (why) {
		config_report_mistake(b->report, &s->head.place, "%s", why);
		return;
	}
	why = config_doubt_broker(link);
	if (why)
		config_report_warning(b->report, &s->address.place, "%s", why);
}

/* What two brokers must not have in common. */
static void compare_brokers(struct builder *b, const struct broker_section *sections)
{
	const struct broker_config *one = &b->config->core.brokers[0].link;
	const struct broker_config *two = &b->config->core.brokers[1].link;

	if (one->name && two->name && strcmp(one->name, two->name) == 0)
		builder_is_fine(b, "name", &sections[1].name,
		    "is that of the other broker as well; each needs its own");
	if (one->is_tls && two->is_tls && one->tls.context == two->tls.context)
		builder_is_fine(b, "context",
		    value_is_given(&sections[1].tls.context) ? &sections[1].tls.context
							     : &sections[0].tls.context,
		    "is that of the other broker as well; each needs its own");
	if (one->host && two->host && one->client_id && two->client_id &&
	    strcmp(one->host, two->host) == 0 && one->port == two->port &&
	    strcmp(one->client_id, two->client_id) == 0)
		config_report_mistake(b->report, &sections[1].head.place,
		    "both brokers have the same \"address\" and \"client_id\": "
		    "each connection would end the other; give them different ones");
}

void builder_brokers(struct builder *b, const struct section_list *list)
{
	const struct broker_section *sections = list->items;
	struct core_config *core = &b->config->core;

	for (size_t i = 0; i < list->count; i++)
		build_broker(b, &sections[i], i, &core->brokers[i]);
	core->broker_count = list->count;
	if (list->count == 2)
		compare_brokers(b, sections);
}
