/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/ctl_json_value.h"

#include "base/base64.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "bridge/core_query.h"

#include <stdlib.h>
#include <string.h>

#define DAY_MS          INT64_C(86400000)
#define WALL_MAX_MS     INT64_C(253402300799999) /* the last of the year 9999 */

#define REPLACEMENT     "\xef\xbf\xbd" /* U+FFFD */
#define REPLACEMENT_LEN 3

/* ---- text ---- */

/* Length of the valid character at the beginning of the text, 0: there is none. */
static size_t character_len(struct span text)
{
	for (size_t n = 1; n <= 4 && n <= text.len; n++) {
		if (utf8_is_mqtt_string(text.data, n))
			return n;
	}
	return 0;
}

static json_t *repaired_text(struct span text)
{
	json_t *string = NULL;
	size_t len = 0;
	char *out = malloc(text.len * REPLACEMENT_LEN);

	if (!out)
		return NULL;
	while (text.len > 0) {
		size_t n = character_len(text);

		memcpy(
		    out + len, n ? (const void *)text.data : REPLACEMENT, n ? n : REPLACEMENT_LEN);
		len += n ? n : REPLACEMENT_LEN;
		text.data += n ? n : 1;
		text.len -= n ? n : 1;
	}
	string = json_stringn(out, len);
	free(out);
	return string;
}

json_t *ctl_json_text(struct span text)
{
	if (utf8_is_mqtt_string(text.data, text.len))
		return json_stringn(text.len ? (const char *)text.data : "", text.len);
	return repaired_text(text);
}

json_t *ctl_json_cstring(const char *text)
{
	return ctl_json_text((struct span){ (const uint8_t *)text, strlen(text) });
}

json_t *ctl_json_text_or_null(const char *text)
{
	return text && text[0] ? ctl_json_cstring(text) : json_null();
}

/* ---- payloads ---- */

static json_t *base64_of(struct span data)
{
	char *text = malloc(BASE64_ENCODED_LEN(data.len) + 1);
	json_t *string = NULL;

	if (text) {
		base64_encode(data.data, data.len, text);
		string = json_string(text);
	}
	free(text);
	return string;
}

static bool is_text_payload(struct span payload)
{
	return payload.len <= CTL_TEXT_PAYLOAD_MAX &&
	       utf8_is_mqtt_string(payload.data, payload.len);
}

const char *ctl_json_payload_name(struct span payload)
{
	return is_text_payload(payload) ? "payload" : "payload_base64";
}

json_t *ctl_json_payload(struct span payload)
{
	return is_text_payload(payload) ? ctl_json_text(payload) : base64_of(payload);
}

/* ---- numbers and times ---- */

json_t *ctl_json_count(uint64_t n)
{
	return json_integer(n < INT64_MAX ? (json_int_t)n : INT64_MAX);
}

/* Civil date of a day since 1970-01-01 (proleptic Gregorian): the year is counted from March, so
 * that the leap day is its last, in eras of 400 years. */
static void date_of_day(int64_t day, int *ret_year, int *ret_month, int *ret_day)
{
	int64_t from_march = day + 719468; /* since 0000-03-01 */
	int64_t era = from_march / 146097;
	int64_t day_of_era = from_march % 146097;
	int64_t year_of_era =
	    (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year =
	    day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month = (5 * day_of_year + 2) / 153; /* 0: March */

	*ret_day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
	*ret_month = (int)(month < 10 ? month + 3 : month - 9);
	*ret_year = (int)(year_of_era + era * 400 + (month >= 10));
}

json_t *ctl_json_time(int64_t wall_ms)
{
	int64_t ms = wall_ms < 0 ? 0 : wall_ms > WALL_MAX_MS ? WALL_MAX_MS : wall_ms;
	int64_t of_day = ms % DAY_MS;
	int year, month, day;

	date_of_day(ms / DAY_MS, &year, &month, &day);
	return json_sprintf("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", year, month, day,
	    (int)(of_day / 3600000), (int)(of_day / 60000 % 60), (int)(of_day / 1000 % 60),
	    (int)(of_day % 1000));
}

/* ---- names and arrays ---- */

void ctl_json_append(json_t **array, json_t *value)
{
	if (json_array_append_new(*array, value) == 0)
		return;
	json_decref(*array);
	*array = NULL;
}

json_t *ctl_json_broker(const struct core *core, int broker)
{
	const struct core_config *cfg = core_get_config(core);

	if (broker < 0)
		return json_null();
	if ((size_t)broker >= cfg->broker_count)
		return json_sprintf("client %d", broker);
	return ctl_json_cstring(cfg->brokers[broker].link.name);
}

char *ctl_json_dump(json_t *value)
{
	char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;

	json_decref(value);
	return text;
}
