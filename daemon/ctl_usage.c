/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_usage.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what may fill a hole ---- */

static bool is_anything(const char *value)
{
	(void)value;
	return true;
}

static bool is_something(const char *value)
{
	return value[0] != '\0';
}

/* What goes into a JSON string must be UTF-8; the rest is the daemon's to judge. */
static bool is_text(const char *value)
{
	return value[0] != '\0' && utf8_is_mqtt_string((const uint8_t *)value, strlen(value));
}

static bool is_name(const char *value)
{
	size_t len = strlen(value);

	return len >= 1 && len <= 32 &&
	       strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len;
}

static bool is_qos(const char *value)
{
	return value[0] >= '0' && value[0] <= '2' && value[1] == '\0';
}

static bool is_count(const char *value)
{
	size_t len = strlen(value);

	return len >= 1 && len <= 9 && strspn(value, "0123456789") == len && value[0] != '0';
}

/* The daemon numbers its messages from 1 on; what it takes is an integer of 64 bits. */
static bool is_id(const char *value)
{
	size_t len = strlen(value);

	return len >= 1 && len <= 18 && strspn(value, "0123456789") == len && value[0] != '0';
}

static bool is_level(const char *value)
{
	static const char *const levels[] = { "error", "warning", "info", "debug" };

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(value, levels[i]) == 0)
			return true;
	}
	return false;
}

static bool is_shell(const char *value)
{
	return strcmp(value, "bash") == 0 || strcmp(value, "zsh") == 0;
}

static const struct ctl_hole holes[] = {
	{ "AT-COMMAND", "an AT command, the AT included", is_text },
	{ "COMMAND", "a command of cmqttctl", is_something },
	{ "COUNT", "a number from 1 on", is_count },
	{ "FILE", "the name of a file, - for standard input", is_something },
	{ "FILTER", "an MQTT topic filter; + and # are wildcards", is_text },
	{ "ID", "the number of a message, as \"queue list\" shows it", is_id },
	{ "LEVEL", "error, warning, info or debug", is_level },
	{ "NAME", "a name as in the configuration (a-z, 0-9, _ and -)", is_name },
	{ "PATH", "the path of a Unix socket", is_something },
	{ "QOS", "0, 1 or 2", is_qos },
	{ "SECONDS", "a number of seconds from 1 on", is_count },
	{ "SHELL", "bash or zsh", is_shell },
	{ "TEXT", "any text, may be empty", is_anything },
	{ "TOPIC", "an MQTT topic", is_text },
};

static const struct ctl_hole *find_hole(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(holes) / sizeof(holes[0]); i++) {
		if (strlen(holes[i].name) == len && memcmp(holes[i].name, name, len) == 0)
			return &holes[i];
	}
	return NULL;
}

/* ---- usage strings ---- */

struct reader {
	struct ctl_usage *usage;
	int group;
	bool is_optional;
	struct ctl_usage_item *option; /* the word before: a hole belongs to it */
};

static int add_word(struct reader *r, const char *word, size_t len)
{
	const struct ctl_hole *hole = find_hole(word, len);
	struct ctl_usage_item *item;

	if (word[0] != '-' && !hole)
		return -EINVAL;
	if (hole && r->option) {
		r->option->hole = hole;
		r->option = NULL;
		return 0;
	}
	if (r->usage->count == CTL_USAGE_ITEMS_MAX)
		return -EINVAL;
	item = &r->usage->items[r->usage->count++];
	*item = (struct ctl_usage_item){
		.hole = hole, .group = r->group, .is_required = !r->is_optional && r->group == 0
	};
	if (!hole) {
		item->flag = word;
		item->flag_len = len;
		r->option = item;
	}
	return 0;
}

static int add_bracket(struct reader *r, char c)
{
	r->option = NULL;
	switch (c) {
	case '[':
	case ']':
		if (r->is_optional == (c == '['))
			return -EINVAL;
		r->is_optional = c == '[';
		return 0;
	case '(':
		if (r->group != 0)
			return -EINVAL;
		r->group = ++r->usage->groups;
		return 0;
	case ')':
	case '|':
		if (r->group == 0)
			return -EINVAL;
		if (c == ')')
			r->group = 0;
		return 0;
	}
	return -EINVAL;
}

int ctl_usage_add(struct ctl_usage *u, const char *text)
{
	struct reader r = { .usage = u };
	int err = 0;

	while (*text && err == 0) {
		size_t len = strcspn(text, " []()|");

		if (len > 0)
			err = add_word(&r, text, len);
		else if (*text != ' ')
			err = add_bracket(&r, *text);
		text += len > 0 ? len : 1;
	}
	return err < 0 || r.group != 0 || r.is_optional ? -EINVAL : 0;
}

/* ---- arguments ---- */

static int complain(char *why, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int complain(char *why, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, size, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* Place of an option; u->count: there is none. */
static size_t find_flag(const struct ctl_usage *u, const char *flag, size_t len)
{
	size_t i = 0;

	while (i < u->count && !(u->items[i].flag && u->items[i].flag_len == len &&
				   memcmp(u->items[i].flag, flag, len) == 0))
		i++;
	return i;
}

/* Place of the next argument without an option; u->count: there is none. */
static size_t find_free_place(const struct ctl_usage *u)
{
	size_t i = 0;

	while (i < u->count && (u->items[i].flag || u->values[i]))
		i++;
	return i;
}

static int set_value(struct ctl_usage *u, size_t i, const char *value, char *why, size_t size)
{
	const struct ctl_usage_item *item = &u->items[i];

	if (item->hole && !item->hole->fits(value))
		return complain(why, size, "\"%s\" is not %s", value, item->hole->what);
	if (item->hole && u->values[i])
		return complain(why, size, "%.*s is given twice", (int)item->flag_len, item->flag);
	u->values[i] = value;
	return 0;
}

/* An argument that begins with "--". Returns 1 if it took `next` as its value. */
static int read_long(struct ctl_usage *u, const char *arg, const char *next, char *why, size_t size)
{
	size_t len = strcspn(arg, "=");
	size_t i = find_flag(u, arg, len);
	bool is_joined = arg[len] == '=';
	int err;

	if (i == u->count)
		return complain(why, size, "there is no option %.*s", (int)len, arg);
	if (!u->items[i].hole) {
		if (is_joined)
			return complain(why, size, "%.*s takes no value", (int)len, arg);
		return set_value(u, i, "", why, size);
	}
	if (!is_joined && !next)
		return complain(why, size, "%s needs %s", arg, u->items[i].hole->what);
	err = set_value(u, i, is_joined ? arg + len + 1 : next, why, size);
	return err < 0 ? err : !is_joined;
}

/* An argument that begins with "-": one or more options of one letter. Returns as read_long. */
static int read_short(
    struct ctl_usage *u, const char *arg, const char *next, char *why, size_t size)
{
	int err = 0;

	for (const char *c = arg + 1; *c && err == 0; c++) {
		const char flag[2] = { '-', *c };
		size_t i = find_flag(u, flag, sizeof(flag));

		if (i == u->count)
			return complain(why, size, "there is no option -%c", *c);
		if (!u->items[i].hole) {
			err = set_value(u, i, "", why, size);
			continue;
		}
		if (c[1] != '\0')
			return set_value(u, i, c + 1, why, size);
		if (!next)
			return complain(why, size, "-%c needs %s", *c, u->items[i].hole->what);
		err = set_value(u, i, next, why, size);
		return err < 0 ? err : 1;
	}
	return err;
}

static int read_word(struct ctl_usage *u, const char *arg, char *why, size_t size)
{
	size_t i = find_free_place(u);

	if (i == u->count)
		return complain(why, size, "\"%s\" is one argument too many", arg);
	return set_value(u, i, arg, why, size);
}

int ctl_usage_read(
    struct ctl_usage *u, int argc, char *const *argv, bool stop_at_word, char *why, size_t why_size)
{
	bool has_options_ended = false;
	int i;

	for (i = 0; i < argc; i++) {
		const char *arg = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
		bool is_option = !has_options_ended && arg[0] == '-' && arg[1] != '\0';
		int r;

		if (is_option && strcmp(arg, "--") == 0) {
			has_options_ended = true;
			continue;
		}
		if (!is_option && stop_at_word)
			break;
		if (!is_option)
			r = read_word(u, arg, why, why_size);
		else if (arg[1] == '-')
			r = read_long(u, arg, next, why, why_size);
		else
			r = read_short(u, arg, next, why, why_size);
		if (r < 0)
			return r;
		i += r;
	}
	return i;
}

/* "-m TEXT", "NAME" */
static void append_item(char *text, size_t size, const struct ctl_usage_item *item)
{
	size_t len = strlen(text);

	snprintf(text + len, size - len, "%s%.*s%s%s", len > 0 ? ", " : "", (int)item->flag_len,
	    item->flag ? item->flag : "", item->flag && item->hole ? " " : "",
	    item->hole ? item->hole->name : "");
}

static int check_group(const struct ctl_usage *u, int group, char *why, size_t why_size)
{
	char members[128] = "";
	size_t given = 0;

	for (size_t i = 0; i < u->count; i++) {
		if (u->items[i].group != group)
			continue;
		given += u->values[i] != NULL;
		append_item(members, sizeof(members), &u->items[i]);
	}
	if (given == 1)
		return 0;
	return complain(why, why_size, "exactly one is needed of %s", members);
}

int ctl_usage_check(const struct ctl_usage *u, char *why, size_t why_size)
{
	for (size_t i = 0; i < u->count; i++) {
		char item[64] = "";

		if (!u->items[i].is_required || u->values[i])
			continue;
		append_item(item, sizeof(item), &u->items[i]);
		return complain(why, why_size, "%s is missing", item);
	}
	for (int group = 1; group <= u->groups; group++) {
		if (check_group(u, group, why, why_size) < 0)
			return -EINVAL;
	}
	return 0;
}

const char *ctl_usage_get(const struct ctl_usage *u, const char *name)
{
	for (size_t i = 0; i < u->count; i++) {
		const struct ctl_usage_item *item = &u->items[i];

		if (item->flag ? item->flag_len == strlen(name) &&
				     memcmp(item->flag, name, item->flag_len) == 0
			       : strcmp(item->hole->name, name) == 0)
			return u->values[i];
	}
	return NULL;
}
