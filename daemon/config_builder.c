/* SPDX-License-Identifier: Apache-2.0 */
#include "config_builder.h"

#include "config_file.h"

#include "bridge/config_check.h"

#include <errno.h>
#include <string.h>

#define SECRET_BYTES_MAX 4096 /* of a password file before it is checked */

bool value_is_there(const struct config_value *value)
{
	return value->state == VALUE_GIVEN || value->state == VALUE_DEFAULT;
}

bool value_is_given(const struct config_value *value)
{
	return value->state == VALUE_GIVEN;
}

const char *value_text(const struct config_value *value)
{
	return value_is_there(value) && value->text && value->text[0] ? value->text : NULL;
}

bool builder_is_fine(
    struct builder *b, const char *name, const struct config_value *value, const char *why)
{
	if (why)
		config_report_mistake(b->report, &value->place, "\"%s\" %s", name, why);
	return !why;
}

void builder_refuse(
    struct builder *b, const char *name, const struct config_value *value, const char *why)
{
	if (value_is_given(value))
		builder_is_fine(b, name, value, why);
}

const char *builder_parameter(
    struct builder *b, const char *name, const struct config_value *value, size_t max_bytes)
{
	if (!value_is_given(value))
		return NULL;
	if (strlen(value->text) > max_bytes) {
		config_report_mistake(b->report, &value->place,
		    "\"%s\" is longer than %zu bytes, which is the most that the modem takes", name,
		    max_bytes);
		return NULL;
	}
	if (!builder_is_fine(b, name, value, config_check_parameter(value->text, max_bytes)))
		return NULL;
	return value->text;
}

static const char *why_unreadable(int error)
{
	if (error == -EFBIG)
		return "it is too large for what it should be";
	return error == -EINVAL ? "it is no regular file" : strerror(-error);
}

bool builder_read(struct builder *b, const char *name, const struct config_value *value,
    size_t max_bytes, const char **ret_path, struct span *ret)
{
	const char *path;
	int r;

	if (!builder_is_fine(b, name, value, value->text[0] ? NULL : "must name a file"))
		return false;
	path = config_file_find(b->arena, b->path, value->text);
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

const char *builder_secret(struct builder *b, const char *name, const struct config_value *value,
    const char *file_name, const struct config_value *file_value, size_t max_bytes)
{
	struct span text;

	if (value_is_given(value) && value_is_given(file_value)) {
		config_report_mistake(b->report, &file_value->place,
		    "\"%s\" and \"%s\": only one of them can be given", name, file_name);
		return NULL;
	}
	if (value_is_given(value))
		return builder_parameter(b, name, value, max_bytes);
	if (!value_is_given(file_value) ||
	    !builder_read(b, file_name, file_value, SECRET_BYTES_MAX, NULL, &text))
		return NULL;
	while (text.len > 0 && strchr("\r\n", text.data[text.len - 1]))
		text.len--;
	if (memchr(text.data, '\0', text.len) || memchr(text.data, '\n', text.len)) {
		builder_is_fine(b, file_name, file_value, "must hold one line of text");
		return NULL;
	}
	value = &(struct config_value){ .state = VALUE_GIVEN,
		.place = file_value->place,
		.text = arena_copy(b->arena, text.data, text.len) };
	return value->text ? builder_parameter(b, file_name, value, max_bytes) : NULL;
}
