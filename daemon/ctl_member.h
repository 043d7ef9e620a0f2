/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members of the daemon's answers, as cmqttctl shows them: one that is missing, or is not what it
 * should be, is no error.
 */
#ifndef CMQTTD_CTL_MEMBER_H
#define CMQTTD_CTL_MEMBER_H

#include <jansson.h>
#include <stdbool.h>

/* Borrowed from the object. */
static inline const char *member_text(const json_t *object, const char *name, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : otherwise;
}

/* 0: there is no such number. */
static inline json_int_t member_int(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

/* It is there, and not null. */
static inline bool member_is_there(const json_t *object, const char *name)
{
	const json_t *member = json_object_get(object, name);

	return member && !json_is_null(member);
}

#endif
