/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single values as JSON: text, payloads, numbers, times. Text from outside that is not valid UTF-8
 * becomes so: JSON knows nothing else.
 *
 * All functions return a new reference, or NULL when memory is out.
 */
#ifndef CMQTTD_BRIDGE_CTL_JSON_VALUE_H
#define CMQTTD_BRIDGE_CTL_JSON_VALUE_H

#include "base/buf.h"
#include "bridge/core.h"

#include <jansson.h>
#include <stdint.h>

/* A string; what is not UTF-8, and NUL, becomes U+FFFD, one a byte. */
json_t *ctl_json_text(struct span text);

/* The same for a C string; and one where NULL and "" become null. */
json_t *ctl_json_cstring(const char *text);
json_t *ctl_json_text_or_null(const char *text);

/* A payload has two forms: text, or what is in base64. The name of its member, and its value. */
const char *ctl_json_payload_name(struct span payload);
json_t *ctl_json_payload(struct span payload);

/* A number of something; what JSON's integers cannot hold becomes the largest of them. */
json_t *ctl_json_count(uint64_t n);

/* "2026-05-01T08:15:30.250Z" (RFC 3339). Years 1970 to 9999; others become the nearest of them. */
json_t *ctl_json_time(int64_t wall_ms);

/* A broker's name. -1: null. One that is not configured any more, in the history or on its way out
 * after a reload, gets a name that no broker can have. */
json_t *ctl_json_broker(const struct core *core, int broker);

/* Append the value. Once memory is out the array is given up and NULL, and stays so. */
void ctl_json_append(json_t **array, json_t *value);

/* The text of a value, which it takes over (NULL: no memory); to be freed. NULL: no memory. */
char *ctl_json_dump(json_t *value);

#endif
