/* SPDX-License-Identifier: Apache-2.0 */
#include "addr.h"
#include "config_builder.h"

#include "bridge/config_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define AUTH_BYTES_MAX 1048576 /* of a listener's password or rights file */

static void build_mode(struct builder *b, const struct config_value *value, mode_t *ret)
{
	size_t len;

	if (!value_is_there(value))
		return;
	len = strlen(value->text);
	if (len < 3 || len > 4 || strspn(value->text, "01234567") != len ||
	    (len == 4 && value->text[0] != '0'))
		builder_is_fine(
		    b, "mode", value, "must be octal permissions in quotes like \"0660\"");
	*ret = (mode_t)strtoull(value->text, NULL, 8);
}

/* A listener or the control socket has it already. */
static bool is_taken(const struct core_config *core, const char *address)
{
	for (size_t i = 0; i < core->listener_count; i++) {
		if (core->listeners[i].address && strcmp(core->listeners[i].address, address) == 0)
			return true;
	}
	return core->control.address && strcmp(core->control.address, address) == 0;
}

/* The address in its usual spelling, by which a reload knows it again. NULL: reported, or not
 * there. */
static const char *build_socket(
    struct builder *b, const struct config_value *value, struct addr *ret)
{
	const char *why = NULL;
	char text[ADDR_TEXT_MAX];

	if (!value_is_there(value))
		return NULL;
	if (addr_parse(value->text, ret, &why) < 0) {
		builder_is_fine(b, "address", value, why);
		return NULL;
	}
	addr_format(ret, text);
	if (is_taken(&b->config->core, text))
		builder_is_fine(
		    b, "address", value, "is that of another socket as well; each needs its own");
	return arena_copy(b->arena, text, strlen(text));
}

/* Both files of a listener. The parser tells the line, but not of which file: so the passwords are
 * parsed alone first. */
static void build_auth(struct builder *b, const struct listener_section *s,
    struct listener_config *listener, struct mqtt_auth **ret)
{
	struct span passwords = { 0 }, rights = { 0 };
	struct config_place place = s->head.place;
	const char *path = NULL, *why = NULL;
	struct mqtt_auth *auth = NULL;
	int r = 0;

	if (value_text(&s->password_file)) {
		if (!builder_read(
			b, "password_file", &s->password_file, AUTH_BYTES_MAX, &path, &passwords))
			return;
		place.file = path;
		r = mqtt_auth_new(
		    (const char *)passwords.data, passwords.len, NULL, 0, &auth, &place.line, &why);
	}
	if (r == 0 && value_text(&s->acl_file)) {
		mqtt_auth_free(auth);
		auth = NULL;
		if (!builder_read(b, "acl_file", &s->acl_file, AUTH_BYTES_MAX, &path, &rights))
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
	listener->mqtt.auth = auth;
	listener->passwords = passwords;
	listener->rights = rights;
}

/* Who may connect, and from where. */
static void build_access(struct builder *b, const struct listener_section *s,
    const struct addr *addr, struct mqtt_listener *mqtt)
{
	bool has_users = value_text(&s->password_file) != NULL;

	mqtt->allow_anonymous =
	    value_is_given(&s->allow_anonymous) ? s->allow_anonymous.flag : !has_users;
	has_users = has_users || s->password_file.state == VALUE_WRONG;
	if (!mqtt->allow_anonymous && !has_users)
		config_report_warning(b->report, &s->allow_anonymous.place,
		    "without \"password_file\" this listener lets nobody in");
	if (addr->is_loopback)
		return;
	if (!has_users)
		builder_is_fine(b, "address", &s->address,
		    "is open to other machines and needs \"password_file\"");
	if (value_is_given(&s->allow_anonymous) && s->allow_anonymous.flag)
		builder_is_fine(b, "allow_anonymous", &s->allow_anonymous,
		    "must be false for an address that is open to other machines");
}

static void build_listener(struct builder *b, const struct listener_section *s, size_t index)
{
	struct listener_config *listener = &b->config->core.listeners[index];
	struct addr addr;

	if (!s->head.is_given)
		return;
	build_auth(b, s, listener, &b->config->auths[index]);
	listener->address = build_socket(b, &s->address, &addr);
	listener->mqtt.address = listener->address;
	if (!listener->address)
		return;
	build_access(b, s, &addr, &listener->mqtt);
	if (addr.is_unix) {
		build_mode(b, &s->mode, &listener->mode);
		listener->group = value_text(&s->group);
		listener->is_group_named = value_is_given(&s->group);
	} else {
		builder_refuse(b, "mode", &s->mode, "is only for Unix sockets; leave it out");
		builder_refuse(b, "group", &s->group, "is only for Unix sockets; leave it out");
	}
}

/* Without a list: one Unix socket for the group. */
static void build_default_listener(struct builder *b)
{
	struct listener_config *listener = &b->config->core.listeners[0];

	*listener = (struct listener_config){
		.address = "unix:" CMQTTD_RUNDIR "/mqtt.sock",
		.mode = 0660,
		.group = "cmqttd",
		.mqtt = { .address = "unix:" CMQTTD_RUNDIR "/mqtt.sock", .allow_anonymous = true },
	};
	b->config->core.listener_count = 1;
}

void builder_listeners(struct builder *b, const struct section_list *list)
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

void builder_control(struct builder *b, const struct control_section *s)
{
	struct control_config *control = &b->config->core.control;
	struct addr addr;

	control->group = value_text(&s->group);
	control->is_group_named = value_is_given(&s->group);
	build_mode(b, &s->mode, &control->mode);
	control->address = build_socket(b, &s->address, &addr);
	if (control->address && !addr.is_unix)
		builder_is_fine(
		    b, "address", &s->address, "must be a Unix socket here: unix:/path");
}

void builder_metrics(struct builder *b, const struct metrics_section *s)
{
	const char *address;
	struct addr addr;

	if (!s->head.is_given)
		return;
	address = build_socket(b, &s->address, &addr);
	if (!address)
		return;
	if (!addr.is_loopback && value_is_there(&s->allow_remote) && !s->allow_remote.flag)
		builder_is_fine(b, "address", &s->address,
		    "is open to other machines and needs \"allow_remote\" = true");
	b->config->core.metrics_address = address;
}
