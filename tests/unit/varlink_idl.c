/* SPDX-License-Identifier: Apache-2.0 */
#include "varlink_idl.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct scan {
	const char *text; /* the whole description, for named types */
	const char *pos;
};

static void skip_blanks(struct scan *s)
{
	while (isspace((unsigned char)*s->pos) || *s->pos == '#') {
		if (*s->pos == '#')
			s->pos += strcspn(s->pos, "\n");
		else
			s->pos++;
	}
}

static bool take(struct scan *s, const char *token)
{
	skip_blanks(s);
	if (strncmp(s->pos, token, strlen(token)) != 0)
		return false;
	s->pos += strlen(token);
	return true;
}

static bool take_name(struct scan *s, char *ret, size_t size)
{
	size_t len = 0;

	skip_blanks(s);
	while (isalnum((unsigned char)s->pos[len]) || s->pos[len] == '_')
		len++;
	if (len == 0 || len >= size)
		return false;
	memcpy(ret, s->pos, len);
	ret[len] = '\0';
	s->pos += len;
	return true;
}

/* Behind "keyword Name" at the beginning of a line. */
static bool find_declared(struct scan *s, const char *keyword, const char *name)
{
	char found[64];

	for (s->pos = s->text; *s->pos; s->pos += *s->pos == '\n') {
		size_t len = strlen(keyword);

		if (strncmp(s->pos, keyword, len) == 0 && s->pos[len] == ' ') {
			s->pos += len;
			if (take_name(s, found, sizeof(found)) && strcmp(found, name) == 0)
				return true;
		}
		s->pos += strcspn(s->pos, "\n");
	}
	return false;
}

static bool check_type(struct scan *s, const json_t *value);

/* Behind "(": an enumeration if no ":" follows the first name. value NULL: only read over it. */
static bool check_members(struct scan *s, const json_t *value)
{
	char name[64];
	size_t known = 0;
	bool is_enum = false, is_found = false;

	while (!take(s, ")")) {
		if (!take_name(s, name, sizeof(name)))
			return false;
		if (take(s, ":")) {
			const json_t *member = json_object_get(value, name);

			known += member != NULL;
			skip_blanks(s);
			if (value && !member && *s->pos != '?')
				return false;
			if (!check_type(s, member))
				return false;
		} else {
			is_enum = true;
			is_found =
			    is_found || !value ||
			    (json_is_string(value) && strcmp(json_string_value(value), name) == 0);
		}
		take(s, ",");
	}
	if (is_enum)
		return is_found;
	return !value || (json_is_object(value) && json_object_size(value) == known);
}

static bool check_array(struct scan *s, const json_t *value)
{
	struct scan end = *s;
	bool is_good = !value || json_is_array(value);

	for (size_t i = 0; i < json_array_size(value); i++) {
		end = *s;
		is_good = is_good && check_type(&end, json_array_get(value, i));
	}
	return is_good && check_type(s, NULL);
}

static bool check_named(struct scan *s, const json_t *value)
{
	struct scan type = *s;
	char name[64];

	if (!take_name(s, name, sizeof(name)))
		return false;
	if (strcmp(name, "bool") == 0)
		return !value || json_is_boolean(value);
	if (strcmp(name, "int") == 0)
		return !value || json_is_integer(value);
	if (strcmp(name, "string") == 0)
		return !value || json_is_string(value);
	return find_declared(&type, "type", name) && take(&type, "(") &&
	       check_members(&type, value);
}

static bool check_type(struct scan *s, const json_t *value)
{
	if (take(s, "?"))
		return check_type(s, json_is_null(value) ? NULL : value);
	if (take(s, "[]"))
		return check_array(s, value);
	if (take(s, "("))
		return check_members(s, value);
	return check_named(s, value);
}

bool idl_matches(const char *text, enum idl_part part, const char *name, const json_t *object,
    const char **ret_where)
{
	struct scan s = { text, text };
	bool is_good =
	    find_declared(&s, part == IDL_ERROR ? "error" : "method", name) && take(&s, "(");

	if (is_good && part == IDL_REPLY)
		is_good = check_members(&s, NULL) && take(&s, "->") && take(&s, "(");
	is_good = is_good && check_members(&s, object);
	*ret_where = s.pos;
	return is_good;
}

bool idl_name(const char *text, const char *keyword, size_t i, char *ret, size_t size)
{
	size_t len = strlen(keyword);

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		struct scan s = { text, line + len };

		if (strncmp(line, keyword, len) != 0 || line[len] != ' ')
			continue;
		if (i-- == 0)
			return take_name(&s, ret, size);
	}
	return false;
}

bool idl_parameters(const char *text, const char *method, char *ret, size_t size)
{
	struct scan s = { text, text };
	size_t len = 0;

	if (!find_declared(&s, "method", method))
		return false;
	do {
		skip_blanks(&s);
		if (len + 1 >= size || *s.pos == '\0')
			return false;
		ret[len++] = *s.pos;
	} while (*s.pos++ != ')');
	ret[len] = '\0';
	return true;
}
