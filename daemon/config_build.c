/* SPDX-License-Identifier: Apache-2.0 */
#include "config_build.h"

#include "addr.h"
#include "config_file.h"

#include "bridge/config_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define APN_MAX          100     /* AT+CGDCONT */
#define APN_SECRET_MAX   127     /* AT+CGAUTH */
#define SECRET_BYTES_MAX 4096    /* of a password file before it is checked */
#define AUTH_BYTES_MAX   1048576 /* of a listener's password or rights file */
#define BROKER_NAME_MAX  32
#define NEGOTIATE_S      120 /* for the TLS handshake; the modem's own default is 300 */
#define PORT_MQTT        1883
#define PORT_MQTTS       8883

struct builder {
	const char *path; /* of the configuration file */
	struct config *config;
	struct config_report *report;
	struct arena *arena;
	struct addr addresses[MQTT_LISTENERS_MAX]; /* of the listeners so far */
};

static bool has(const struct config_value *value)
{
	return value->state == VALUE_GIVEN || value->state == VALUE_DEFAULT;
}

static bool is_given(const struct config_value *value)
{
	return value->state == VALUE_GIVEN;
}

/* The text, NULL when it is not there or empty and therefore not meant. */
static const char *text_of(const struct config_value *value)
{
	return has(value) && value->text && value->text[0] ? value->text : NULL;
}

/* Report a value that a check did not like. */
static bool is_fine(
    struct builder *b, const char *name, const struct config_value *value, const char *why)
{
	if (why)
		config_report_mistake(b->report, &value->place, "\"%s\" %s", name, why);
	return !why;
}

/* Report a value that stands where it has no place. */
static void refuse(
    struct builder *b, const char *name, const struct config_value *value, const char *why)
{
	if (is_given(value))
		is_fine(b, name, value, why);
}

/* A text for a command line of the modem; NULL: not given, or wrong. */
static const char *parameter(
    struct builder *b, const char *name, const struct config_value *value, size_t max_bytes)
{
	if (!is_given(value) ||
	    !is_fine(b, name, value, config_check_parameter(value->text, max_bytes)))
		return NULL;
	return value->text;
}

static const char *why_unreadable(int error)
{
	return error == -EFBIG ? "File too large" : strerror(-error);
}

/* The contents of the file that a value names. False: reported. */
static bool read_named(struct builder *b, const char *name, const struct config_value *value,
    size_t max_bytes, const char **ret_path, struct span *ret)
{
	const char *path = config_file_find(b->arena, b->path, value->text);
	int r;

	if (!path)
		return false;
	r = config_file_read(b->arena, path, max_bytes, ret);
	if (r < 0) {
		config_report_mistake(b->report, &value->place, "\"%s\": %s cannot be read: %s",
		    name, path, why_unreadable(r));
		return false;
	}
	if (ret_path)
		*ret_path = path;
	return true;
}

/* A secret that stands in the configuration or in a file of its own; NULL: neither, or wrong. */
static const char *secret(struct builder *b, const char *name, const struct config_value *value,
    const char *file_name, const struct config_value *file_value, size_t max_bytes)
{
	struct span text;

	if (is_given(value) && is_given(file_value)) {
		config_report_mistake(b->report, &file_value->place,
		    "\"%s\" and \"%s\": only one of them can be given", name, file_name);
		return NULL;
	}
	if (is_given(value))
		return parameter(b, name, value, max_bytes);
	if (!is_given(file_value) ||
	    !read_named(b, file_name, file_value, SECRET_BYTES_MAX, NULL, &text))
		return NULL;
	while (text.len > 0 && strchr("\r\n", text.data[text.len - 1]))
		text.len--;
	if (memchr(text.data, '\0', text.len)) {
		is_fine(b, file_name, file_value, "has a NUL byte in it");
		return NULL;
	}
	value = &(struct config_value){ .state = VALUE_GIVEN,
		.place = file_value->place,
		.text = arena_copy(b->arena, text.data, text.len) };
	return value->text ? parameter(b, file_name, value, max_bytes) : NULL;
}

/* ---- modem ---- */

static void build_power_cycle(struct builder *b, const struct config_value *value)
{
	if (!is_given(value))
		return;
	if (value->text[0] != '/')
		is_fine(b, "power_cycle", value, "must be an absolute path");
	else if (access(value->text, X_OK) < 0)
		config_report_warning(b->report, &value->place,
		    "\"power_cycle\": %s cannot be executed: %s", value->text, strerror(errno));
	b->config->core.power_cycle = value->text;
	b->config->core.modem.has_power_cycle = true;
}

/* Those that termios(3) has names for. */
static void check_baud(struct builder *b, const struct config_value *value)
{
	static const int64_t speeds[] = { 300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600,
		115200, 230400, 460800, 921600, 1000000, 1500000, 2000000, 3000000, 4000000 };

	for (size_t i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++) {
		if (value->integer == speeds[i])
			return;
	}
	refuse(b, "baud", value,
	    "must be a usual speed: 9600, 57600, 115200, 230400, 460800, 921600 ...");
}

static void build_modem(struct builder *b, const struct modem_section *s)
{
	struct modem_config *modem = &b->config->core.modem;
	size_t mistakes = b->report->mistakes;
	const char *why;

	modem->device = s->device.text;
	if (has(&s->device) && s->device.text[0] != '/')
		is_fine(b, "device", &s->device, "must be an absolute path");
	check_baud(b, &s->baud);
	modem->baud = (uint32_t)s->baud.integer;
	modem->rtscts = s->flow_control.integer == 1;
	modem->apn = parameter(b, "apn", &s->apn, APN_MAX);
	modem->apn_user = parameter(b, "apn_user", &s->apn_user, APN_SECRET_MAX);
	modem->apn_password = parameter(b, "apn_password", &s->apn_password, APN_SECRET_MAX);
	modem->pdp_type = s->pdp_type.text;
	if (s->apn.state == VALUE_ABSENT)
		refuse(b, "apn_user", &s->apn_user, "needs \"apn\"");
	if (s->apn_user.state == VALUE_ABSENT)
		refuse(b, "apn_password", &s->apn_password, "needs \"apn_user\"");
	if (s->apn_password.state == VALUE_ABSENT)
		refuse(b, "apn_user", &s->apn_user, "needs \"apn_password\"");
	modem->pin = secret(b, "pin", &s->pin, "pin_file", &s->pin_file, MODEM_CREDENTIAL_MAX);
	if (modem->pin)
		is_fine(b, is_given(&s->pin) ? "pin" : "pin_file",
		    is_given(&s->pin) ? &s->pin : &s->pin_file, config_check_pin(modem->pin));
	build_power_cycle(b, &s->power_cycle);
	if (b->report->mistakes > mistakes)
		return;
	why = config_check_modem(modem);
	if (why)
		config_report_mistake(b->report, &s->head.place, "%s", why);
}

/* ---- brokers ---- */

static void build_name(struct builder *b, const struct config_value *value, const char **ret)
{
	size_t len;

	if (!has(value))
		return;
	len = strlen(value->text);
	if (len == 0 || len > BROKER_NAME_MAX ||
	    strspn(value->text, "abcdefghijklmnopqrstuvwxyz0123456789_-") != len)
		is_fine(b, "name", value, "must be 1 to 32 characters of a-z, 0-9, _ and -");
	*ret = value->text;
}

static bool parse_port(const char *text, uint16_t *ret)
{
	size_t len = strlen(text);
	unsigned long port;

	if (len == 0 || len > 5 || strspn(text, "0123456789") != len)
		return false;
	port = strtoul(text, NULL, 10);
	if (port == 0 || port > UINT16_MAX)
		return false;
	*ret = (uint16_t)port;
	return true;
}

/* mqtt://host[:port] or mqtts://host[:port] */
static void build_address(
    struct builder *b, const struct config_value *value, struct broker_config *link)
{
	static const char plain[] = "mqtt://", tls[] = "mqtts://";
	const char *rest, *colon;

	if (!has(value))
		return;
	link->is_tls = strncmp(value->text, tls, strlen(tls)) == 0;
	if (!link->is_tls && strncmp(value->text, plain, strlen(plain)) != 0) {
		is_fine(b, "address", value, "must begin with mqtt:// or mqtts://");
		return;
	}
	rest = value->text + (link->is_tls ? strlen(tls) : strlen(plain));
	if (strchr(rest, '/') || strchr(rest, '@')) {
		is_fine(b, "address", value,
		    "must be mqtt://host[:port] or mqtts://host[:port], without user or path");
		return;
	}
	link->port = link->is_tls ? PORT_MQTTS : PORT_MQTT;
	colon = strchr(rest, ':');
	if (colon && !parse_port(colon + 1, &link->port))
		is_fine(b, "address", value, "must have a port between 1 and 65535");
	link->host = arena_copy(b->arena, rest, colon ? (size_t)(colon - rest) : strlen(rest));
	if (link->host)
		is_fine(b, "address", value, config_check_host(link->host));
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
	if (is_given(&s->client_id))
		link->client_id = parameter(b, "client_id", &s->client_id, MODEM_CLIENT_ID_MAX);
	else if (has(&s->clean_session) && !s->clean_session.flag &&
		 s->client_id.state == VALUE_ABSENT)
		config_report_mistake(b->report, &s->head.place,
		    "\"client_id\" is missing: without clean_session = true the broker "
		    "keeps what waits for us under it");
	else
		link->client_id = default_client_id(b);
	link->username = parameter(b, "username", &s->username, MODEM_CREDENTIAL_MAX);
	link->password = secret(
	    b, "password", &s->password, "password_file", &s->password_file, MODEM_CREDENTIAL_MAX);
	if (s->username.state == VALUE_ABSENT) {
		refuse(b, "password", &s->password, "needs \"username\"");
		refuse(b, "password_file", &s->password_file, "needs \"username\"");
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

	if (!is_given(value) ||
	    !read_named(b, name, value, 2 * (size_t)MODEM_CERT_MAX, NULL, &text))
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
	if (!is_fine(b, name, value, config_check_pem(text, label)))
		return (struct span){ 0 };
	return text;
}

static void refuse_tls(struct builder *b, const struct broker_section *s)
{
	if (s->tls.head.is_given)
		config_report_mistake(b->report, &s->tls.head.place,
		    "\"tls\" is only for an address that begins with mqtts://");
}

static void build_tls(
    struct builder *b, const struct broker_section *s, size_t index, struct tls_config *tls)
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
	tls->context = (uint8_t)(is_given(&t->context) ? (size_t)t->context.integer : index);
	tls->negotiate_s = NEGOTIATE_S;
	if (has(&t->verify) && t->verify.flag && t->ca.state == VALUE_ABSENT)
		config_report_mistake(b->report, &t->head.place,
		    "\"ca\" is missing: without it the broker cannot be verified "
		    "(verify = false would do without)");
	if (t->key.state == VALUE_ABSENT)
		refuse(b, "cert", &t->cert, "needs \"key\"");
	if (t->cert.state == VALUE_ABSENT)
		refuse(b, "key", &t->key, "needs \"cert\"");
}

static void build_message(struct builder *b, const struct message_section *s, size_t max_bytes,
    struct message_config *message)
{
	if (!s->head.is_given || !has(&s->topic) || !has(&s->payload))
		return;
	is_fine(b, "topic", &s->topic, config_check_topic(s->topic.text));
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
	if (is_given(&s->payload) && !s->payload.text[0])
		is_fine(b, "payload", &s->payload,
		    "must not be empty: the modem has no empty last will");
	if (is_given(&s->retain) && s->retain.flag)
		is_fine(
		    b, "retain", &s->retain, "must be false: the modem has no retained last will");
}

static void build_reconnect(
    struct builder *b, const struct reconnect_section *s, struct broker_config *link)
{
	link->reconnect_min_ms = (uint32_t)(s->min.seconds * 1000 + 0.5);
	link->reconnect_max_ms = (uint32_t)(s->max.seconds * 1000 + 0.5);
	if (has(&s->min) && has(&s->max) && s->min.seconds > s->max.seconds)
		is_fine(b, "max", is_given(&s->max) ? &s->max : &s->min,
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
	if (!has(&s->pattern) || !has(&s->local_prefix) || !has(&s->remote_prefix))
		return;
	is_valid = is_fine(b, "pattern", &s->pattern, config_check_pattern(route->pattern));
	is_valid &=
	    is_fine(b, "local_prefix", &s->local_prefix, config_check_prefix(route->local_prefix));
	is_valid &= is_fine(
	    b, "remote_prefix", &s->remote_prefix, config_check_prefix(route->remote_prefix));
	if (!is_valid)
		return;
	is_fine(b, "local_prefix", &s->local_prefix,
	    config_check_joined(route->local_prefix, route->pattern, MQTT_TOPIC_MAX));
	is_fine(b, "remote_prefix", &s->remote_prefix,
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
		build_tls(b, s, index, &link->tls);
	else if (has(&s->address) && link->host)
		refuse_tls(b, s);
	build_will(b, &s->will, &link->will);
	build_message(b, &s->birth, MODEM_PAYLOAD_MAX, &link->birth);
	build_reconnect(b, &s->reconnect, link);
	build_routes(b, &s->topics, s->head.is_broken, broker);
	/* Of a broker that is incomplete the modem's limits say nothing. */
	if (s->head.is_broken || b->report->mistakes > mistakes)
		return;
	why = config_check_broker(link);
	if (why)
		config_report_mistake(b->report, &s->address.place, "%s", why);
}

/* What two brokers must not have in common. */
static void compare_brokers(struct builder *b, const struct broker_section *sections)
{
	const struct broker_config *one = &b->config->core.brokers[0].link;
	const struct broker_config *two = &b->config->core.brokers[1].link;

	if (one->name && two->name && strcmp(one->name, two->name) == 0)
		is_fine(b, "name", &sections[1].name, "is that of the other broker as well");
	if (one->is_tls && two->is_tls && one->tls.context == two->tls.context)
		is_fine(b, "context",
		    is_given(&sections[1].tls.context) ? &sections[1].tls.context
						       : &sections[0].tls.context,
		    "is that of the other broker as well");
	if (one->host && two->host && one->client_id && two->client_id &&
	    strcmp(one->host, two->host) == 0 && one->port == two->port &&
	    strcmp(one->client_id, two->client_id) == 0)
		config_report_mistake(b->report, &sections[1].head.place,
		    "both brokers have the same \"address\" and \"client_id\": "
		    "each connection would end the other");
}

static void build_brokers(struct builder *b, const struct section_list *list)
{
	const struct broker_section *sections = list->items;
	struct core_config *core = &b->config->core;

	for (size_t i = 0; i < list->count; i++)
		build_broker(b, &sections[i], i, &core->brokers[i]);
	core->broker_count = list->count;
	if (list->count == 2)
		compare_brokers(b, sections);
}

/* ---- sockets ---- */

static void build_mode(struct builder *b, const struct config_value *value, mode_t *ret)
{
	size_t len;

	if (!has(value))
		return;
	len = strlen(value->text);
	if (len < 3 || len > 4 || strspn(value->text, "01234567") != len ||
	    (len == 4 && value->text[0] != '0'))
		is_fine(b, "mode", value, "must be octal permissions like \"0660\"");
	*ret = (mode_t)strtoul(value->text, NULL, 8);
}

/* False: reported, or not there. */
static bool build_socket(struct builder *b, const struct config_value *value, struct addr *ret)
{
	const char *why = NULL;

	if (!has(value))
		return false;
	if (addr_parse(value->text, ret, &why) < 0)
		return is_fine(b, "address", value, why);
	return true;
}

/* Both files of a listener. The parser tells the line, but not of which file: so the passwords are
 * parsed alone first. */
static void build_auth(struct builder *b, const struct listener_section *s, struct mqtt_auth **ret)
{
	struct span passwords = { 0 }, rights = { 0 };
	struct config_place place = s->head.place;
	const char *path = NULL, *why = NULL;
	struct mqtt_auth *auth = NULL;
	int r = 0;

	if (text_of(&s->password_file)) {
		if (!read_named(
			b, "password_file", &s->password_file, AUTH_BYTES_MAX, &path, &passwords))
			return;
		place.file = path;
		r = mqtt_auth_new(
		    (const char *)passwords.data, passwords.len, NULL, 0, &auth, &place.line, &why);
	}
	if (r == 0 && text_of(&s->acl_file)) {
		mqtt_auth_free(auth);
		auth = NULL;
		if (!read_named(b, "acl_file", &s->acl_file, AUTH_BYTES_MAX, &path, &rights))
			return;
		place.file = path;
		r = mqtt_auth_new((const char *)passwords.data, passwords.len,
		    (const char *)rights.data, rights.len, &auth, &place.line, &why);
	}
	if (r == -ENOMEM)
		b->arena->is_short = true;
	else if (r < 0)
		config_report_mistake(b->report, &place, "%s", why);
	*ret = auth;
}

/* Who may connect, and from where. */
static void build_access(struct builder *b, const struct listener_section *s,
    const struct addr *addr, struct mqtt_listener *mqtt)
{
	bool has_users = text_of(&s->password_file) != NULL;

	mqtt->allow_anonymous =
	    is_given(&s->allow_anonymous) ? s->allow_anonymous.flag : !has_users;
	if (addr->is_loopback)
		return;
	if (!has_users && s->password_file.state != VALUE_WRONG)
		is_fine(b, "address", &s->address,
		    "is open to other machines and needs \"password_file\"");
	if (is_given(&s->allow_anonymous) && s->allow_anonymous.flag)
		is_fine(b, "allow_anonymous", &s->allow_anonymous,
		    "must be false for an address that is open to other machines");
}

static void build_listener(struct builder *b, const struct listener_section *s, size_t index)
{
	struct listener_config *listener = &b->config->core.listeners[index];
	struct addr *addr = &b->addresses[index];

	if (!s->head.is_given)
		return;
	listener->address = s->address.text;
	listener->mqtt.address = s->address.text;
	build_auth(b, s, &b->config->auths[index]);
	listener->mqtt.auth = b->config->auths[index];
	if (!build_socket(b, &s->address, addr))
		return;
	build_access(b, s, addr, &listener->mqtt);
	if (addr->is_unix) {
		build_mode(b, &s->mode, &listener->mode);
		listener->group = text_of(&s->group);
	} else {
		refuse(b, "mode", &s->mode, "is only for Unix sockets");
		refuse(b, "group", &s->group, "is only for Unix sockets");
	}
	for (size_t i = 0; i < index; i++) {
		if (addr_equal(addr, &b->addresses[i]))
			is_fine(b, "address", &s->address, "is that of another listener as well");
	}
}

/* Without a list: one Unix socket for the group. */
static void build_default_listener(struct builder *b)
{
	struct listener_config *listener = &b->config->core.listeners[0];
	const char *why;

	*listener = (struct listener_config){
		.address = "unix:" CMQTTD_RUNDIR "/mqtt.sock",
		.mode = 0660,
		.group = "cmqttd",
		.mqtt = { .address = "unix:" CMQTTD_RUNDIR "/mqtt.sock", .allow_anonymous = true },
	};
	b->config->core.listener_count = 1;
	addr_parse(listener->address, &b->addresses[0], &why);
}

static void build_listeners(struct builder *b, const struct section_list *list)
{
	const struct listener_section *sections = list->items;

	if (!list->head.is_given) {
		build_default_listener(b);
		return;
	}
	b->config->core.listener_count = list->count;
	for (size_t i = 0; i < list->count; i++)
		build_listener(b, &sections[i], i);
}

static void build_control(struct builder *b, const struct control_section *s)
{
	struct control_config *control = &b->config->core.control;
	struct addr addr;

	control->address = s->address.text;
	control->group = text_of(&s->group);
	build_mode(b, &s->mode, &control->mode);
	if (!build_socket(b, &s->address, &addr))
		return;
	if (!addr.is_unix)
		is_fine(b, "address", &s->address, "must be a Unix socket here: unix:/path");
	for (size_t i = 0; i < b->config->core.listener_count; i++) {
		if (b->addresses[i].len > 0 && addr_equal(&addr, &b->addresses[i]))
			is_fine(b, "address", &s->address, "is that of a listener as well");
	}
}

/* ---- the rest ---- */

static void build_store(struct builder *b, const struct store_section *s)
{
	b->config->core.store = (struct store_config){
		.path = s->path.text,
		.max_bytes = (uint64_t)s->max_bytes.integer,
		.overflow = s->overflow.integer == 1 ? STORE_DROP_OLDEST : STORE_BLOCK,
		.is_normal_durability = s->durability.integer == 1,
	};
	if (has(&s->path) && s->path.text[0] != '/')
		is_fine(b, "path", &s->path, "must be an absolute path");
}

static void build_metrics(struct builder *b, const struct metrics_section *s)
{
	struct addr addr;

	if (!s->head.is_given || !build_socket(b, &s->address, &addr))
		return;
	if (addr.is_unix)
		is_fine(b, "address", &s->address, "must be host:port here");
	b->config->core.metrics_address = s->address.text;
}

void config_build(struct config *config, const struct root_section *root, const char *path,
    struct config_report *report)
{
	static const enum log_level levels[] = { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO,
		LOG_LEVEL_DEBUG };
	struct builder b = {
		.path = path, .config = config, .report = report, .arena = &config->arena
	};

	build_modem(&b, &root->modem);
	build_brokers(&b, &root->brokers);
	build_listeners(&b, &root->listeners);
	build_control(&b, &root->control);
	build_store(&b, &root->store);
	build_metrics(&b, &root->metrics);
	config->core.log_level = levels[root->log.level.integer];
}
