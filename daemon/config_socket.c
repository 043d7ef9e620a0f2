/* SPDX-License-Identifier: Apache-2.0 */
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

/* False: reported, or not there. */
static bool build_socket(struct builder *b, const struct config_value *value, struct addr *ret)
{
	const char *why = NULL;

	if (!value_is_there(value))
		return false;
	if (addr_parse(value->text, ret, &why) < 0)
		return builder_is_fine(b, "address", value, why);
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
}

/* Who may connect, and from where. */
static void build_access(struct builder *b, const struct listener_section *s,
    const struct addr *addr, struct mqtt_listener *mqtt)
{
	bool has_users = value_text(&s->password_file) != NULL;

	mqtt->allow_anonymous =
	    value_is_given(&s->allow_anonymous) ? s->allow_anonymous.flag : !has_users;
	if (addr->is_loopback)
		return;
	if (!has_users && s->password_file.state != VALUE_WRONG)
		builder_is_fine(b, "address", &s->address,
		    "is open to other machines and needs \"password_file\"");
	if (value_is_given(&s->allow_anonymous) && s->allow_anonymous.flag)
		builder_is_fine(b, "allow_anonymous", &s->allow_anonymous,
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
		listener->group = value_text(&s->group);
		listener->is_group_named = value_is_given(&s->group);
	} else {
		builder_refuse(b, "mode", &s->mode, "is only for Unix sockets; leave it out");
		builder_refuse(b, "group", &s->group, "is only for Unix sockets; leave it out");
	}
	for (size_t i = 0; i < index; i++) {
		if (addr_equal(addr, &b->addresses[i]))
			builder_is_fine(b, "address", &s->address,
			    "is that of another listener as well; each needs its own");
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

	control->address = s->address.text;
	control->group = value_text(&s->group);
	control->is_group_named = value_is_given(&s->group);
	build_mode(b, &s->mode, &control->mode);
	if (!build_socket(b, &s->address, &addr))
		return;
	b->control = addr;
	if (!addr.is_unix)
		builder_is_fine(
		    b, "address", &s->address, "must be a Unix socket here: unix:/path");
	for (size_t i = 0; i < b->config->core.listener_count; i++) {
		if (b->addresses[i].len > 0 && addr_equal(&addr, &b->addresses[i]))
			builder_is_fine(b, "address", &s->address,
			    "is that of a listener as well; each needs its own");
	}
}

void builder_metrics(struct builder *b, const struct metrics_section *s)
{
	struct addr addr;

	if (!s->head.is_given || !build_socket(b, &s->address, &addr))
		return;
	if (!addr.is_loopback && value_is_there(&s->allow_remote) && !s->allow_remote.flag)
		builder_is_fine(b, "address", &s->address,
		    "is open to other machines and needs \"allow_remote\" = true");
	for (size_t i = 0; i < b->config->core.listener_count; i++) {
		if (b->addresses[i].len > 0 && addr_equal(&addr, &b->addresses[i]))
			builder_is_fine(b, "address", &s->address,
			    "is that of a listener as well; each needs its own");
	}
	if (b->control.len > 0 && addr_equal(&addr, &b->control))
		builder_is_fine(b, "address", &s->address,
		    "is that of the control socket as well; each needs its own");
	b->config->core.metrics_address = s->address.text;
}
