/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/reload_plan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void add(struct reload_plan *p, const char *what, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void add(struct reload_plan *p, const char *what, const char *name, const char *fmt, ...)
{
	struct reload_change *change = &p->changes[p->count];
	va_list ap;

	if (p->count == RELOAD_PLAN_MAX)
		return;
	p->count++;
	change->what = what;
	snprintf(change->name, sizeof(change->name), "%s", name);
	va_start(ap, fmt);
	vsnprintf(change->text, sizeof(change->text), fmt, ap);
	va_end(ap);
}

/* Append to a list in a text; what has no room any more is "...". */
static void append(char *text, size_t size, const char *item)
{
	static const char more[] = ", ...";
	size_t len = strlen(text);

	if (len + strlen(item) + sizeof(more) + 2 < size)
		snprintf(text + len, size - len, "%s%s", len > 0 ? ", " : "", item);
	else if (len < sizeof(more) || strcmp(text + len - (sizeof(more) - 1), more) != 0)
		snprintf(text + len, size - len, "%s", more);
}

/* ---- brokers ---- */

static bool has_filter(const struct broker_config *link, const struct filter_config *f)
{
	for (size_t i = 0; i < link->filter_count; i++) {
		if (strcmp(link->filters[i].filter, f->filter) == 0 &&
		    link->filters[i].qos == f->qos)
			return true;
	}
	return false;
}

/* Filters that one of them has and the other has not. */
static void list_filters(
    const struct broker_config *of, const struct broker_config *without, char *text, size_t size)
{
	text[0] = '\0';
	for (size_t i = 0; i < of->filter_count; i++) {
		if (!has_filter(without, &of->filters[i]))
			append(text, size, of->filters[i].filter);
	}
}

static void plan_filters(
    const struct broker_config *old, const struct broker_config *next, struct reload_plan *p)
{
	char list[RELOAD_PLAN_TEXT_MAX - 40];

	list_filters(next, old, list, sizeof(list));
	if (list[0])
		add(p, "broker", next->name, "subscribes to %s", list);
	list_filters(old, next, list, sizeof(list));
	if (list[0])
		add(p, "broker", next->name, "unsubscribes from %s", list);
}

static bool route_equal(const struct route_config *a, const struct route_config *b)
{
	return text_equal(a->pattern, b->pattern) && a->direction == b->direction &&
	       a->qos == b->qos && text_equal(a->local_prefix, b->local_prefix) &&
	       text_equal(a->remote_prefix, b->remote_prefix) && a->priority == b->priority &&
	       a->ttl_s == b->ttl_s && a->keep_last == b->keep_last && a->retain == b->retain;
}

static bool has_route(const struct core_broker *b, const struct route_config *r)
{
	for (size_t i = 0; i < b->route_count; i++) {
		if (route_equal(&b->routes[i], r))
			return true;
	}
	return false;
}

/* Routes that one of them has and the other has not. */
static size_t count_routes(const struct core_broker *of, const struct core_broker *without)
{
	size_t count = 0;

	for (size_t i = 0; i < of->route_count; i++)
		count += !has_route(without, &of->routes[i]);
	return count;
}

static void plan_routes(
    const struct core_broker *old, const struct core_broker *next, struct reload_plan *p)
{
	size_t added = count_routes(next, old), gone = count_routes(old, next);

	if (added > 0 || gone > 0)
		add(p, "broker", next->link.name, "routes: %zu new or changed, %zu gone or changed",
		    added, gone);
	if (!text_equal(old->gap_topic, next->gap_topic))
		add(p, "broker", next->link.name, "gap_topic is another one");
}

static void plan_link(
    const struct broker_config *old, const struct broker_config *next, struct reload_plan *p)
{
	char list[RELOAD_PLAN_TEXT_MAX - 60] = "";

	for (size_t i = 0; i < core_broker_part_count; i++) {
		if (!core_broker_parts[i].is_equal(old, next))
			append(list, sizeof(list), core_broker_parts[i].name);
	}
	add(p, "broker", next->name, "is connected anew: other %s", list);
}

static void plan_broker(
    const struct core_broker *old, const struct core_broker *next, struct reload_plan *p)
{
	if (!old && !next)
		return;
	if (!old) {
		add(p, "broker", next->link.name, "is new, and connected");
		return;
	}
	if (!next || strcmp(old->link.name, next->link.name) != 0)
		add(p, "broker", old->link.name,
		    "is closed; what waits for it stays in the store, under its name");
	if (next && strcmp(old->link.name, next->link.name) != 0) {
		add(p, "broker", next->link.name,
		    "is new on this client of the modem, and connected");
		return;
	}
	if (!next)
		return;
	if (core_broker_link_equal(&old->link, &next->link))
		plan_filters(&old->link, &next->link, p);
	else
		plan_link(&old->link, &next->link, p);
	plan_routes(old, next, p);
}

/* ---- listeners ---- */

/* Its number; listener_count: it is not there. */
static size_t find_listener(const struct core_config *cfg, const char *address)
{
	size_t i = 0;

	while (i < cfg->listener_count && strcmp(cfg->listeners[i].address, address) != 0)
		i++;
	return i;
}

static void plan_listener(
    const struct core_config *old, const struct core_config *next, size_t at, struct reload_plan *p)
{
	const struct listener_config *new = &next->listeners[at];
	size_t was = find_listener(old, new->address);
	const struct listener_config *before = &old->listeners[was];
	char files[40] = "";

	if (was == old->listener_count) {
		add(p, "listener", new->address, "is opened");
		return;
	}
	if (before->mode != new->mode || !text_equal(before->group, new->group))
		add(p, "listener", new->address, "gets another mode or group");
	if (before->mqtt.allow_anonymous != new->mqtt.allow_anonymous)
		add(p, "listener", new->address,
		    new->mqtt.allow_anonymous ? "lets anonymous clients in"
					      : "refuses anonymous clients");
	if (!span_equal(before->passwords, new->passwords))
		append(files, sizeof(files), "password_file");
	if (!span_equal(before->rights, new->rights))
		append(files, sizeof(files), "acl_file");
	if (files[0])
		add(p, "listener", new->address, "its clients stay; other %s", files);
}

static void plan_listeners(
    const struct core_config *old, const struct core_config *next, struct reload_plan *p)
{
	for (size_t i = 0; i < old->listener_count; i++) {
		const char *address = old->listeners[i].address;

		if (find_listener(next, address) == next->listener_count)
			add(p, "listener", address, "is closed, with its clients");
	}
	for (size_t i = 0; i < next->listener_count; i++)
		plan_listener(old, next, i, p);
}

/* ---- the rest ---- */

static void plan_modem(
    const struct modem_config *old, const struct modem_config *next, struct reload_plan *p)
{
	bool is_network_same =
	    text_equal(old->apn, next->apn) && text_equal(old->apn_user, next->apn_user) &&
	    text_equal(old->apn_password, next->apn_password) &&
	    text_equal(old->pdp_type, next->pdp_type) && old->no_roaming == next->no_roaming &&
	    text_equal(old->operator_code, next->operator_code) &&
	    text_equal(old->technology, next->technology);

	if (!text_equal(old->device, next->device))
		add(p, "modem", "", "the port is %s instead of %s: all brokers lose their sessions",
		    next->device, old->device);
	else if (old->baud != next->baud || old->rtscts != next->rtscts)
		add(p, "modem", "", "the port is opened anew: other baud or flow_control");
	if (!is_network_same)
		add(p, "modem", "",
		    "APN, operator, technology or roaming: used when the modem registers next");
	if (!text_equal(old->pin, next->pin))
		add(p, "modem", "", "another PIN: used when the SIM asks for it");
}

static void plan_store(
    const struct store_config *old, const struct store_config *next, struct reload_plan *p)
{
	if (old->max_bytes != next->max_bytes)
		add(p, "store", "", "max_bytes is %" PRIu64 " instead of %" PRIu64, next->max_bytes,
		    old->max_bytes);
	if (old->overflow != next->overflow)
		add(p, "store", "", "overflow is \"%s\"",
		    next->overflow == STORE_BLOCK ? "block" : "drop-oldest");
	if (!text_equal(old->path, next->path))
		add(p, "store", "", "path: at the next start");
	if (old->is_normal_durability != next->is_normal_durability)
		add(p, "store", "", "durability: at the next start");
}

static void plan_sockets(
    const struct core_config *old, const struct core_config *next, struct reload_plan *p)
{
	const char *before = old->metrics_address, *after = next->metrics_address;

	if (!text_equal(old->control.address, next->control.address) ||
	    old->control.mode != next->control.mode ||
	    !text_equal(old->control.group, next->control.group))
		add(p, "control", "", "address, mode and group: at the next start");
	if (!text_equal(before, after))
		add(p, "metrics", "", "%s%s%s%s", before ? "closed on " : "", before ? before : "",
		    before && after ? ", opened on "
		    : after         ? "opened on "
				    : "",
		    after ? after : "");
}

void reload_plan_make(
    const struct core_config *old, const struct core_config *next, struct reload_plan *ret)
{
	ret->count = 0;
	for (size_t i = 0; i < MODEM_CLIENTS; i++)
		plan_broker(i < old->broker_count ? &old->brokers[i] : NULL,
		    i < next->broker_count ? &next->brokers[i] : NULL, ret);
	plan_listeners(old, next, ret);
	plan_modem(&old->modem, &next->modem, ret);
	if (!text_equal(old->power_cycle, next->power_cycle))
		add(ret, "modem", "", "power_cycle is another command");
	plan_store(&old->store, &next->store, ret);
	plan_sockets(old, next, ret);
	if (old->log_level != next->log_level)
		add(ret, "log", "", "level is %s instead of %s", log_level_name(next->log_level),
		    log_level_name(old->log_level));
}
