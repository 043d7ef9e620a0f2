/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_print_value.h"

#include "base/base64.h"
#include "ctl_member.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- times and sizes ---- */

void ctl_print_duration(char *ret, size_t size, json_int_t seconds)
{
	long long s = seconds > 0 ? seconds : 0;

	if (s < 60)
		snprintf(ret, size, "%lld s", s);
	else if (s < 3600)
		snprintf(ret, size, "%lld min", s / 60);
	else if (s < 86400)
		snprintf(ret, size, "%lld h %lld min", s / 3600, s / 60 % 60);
	else
		snprintf(ret, size, "%lld d %lld h", s / 86400, s / 3600 % 24);
}

bool ctl_read_time(const json_t *object, const char *name, time_t *ret)
{
	struct tm tm = { 0 };
	const char *text = json_string_value(json_object_get(object, name));

	if (!text || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
			 &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*ret = timegm(&tm);
	return true;
}

void ctl_print_age(char *ret, size_t size, const json_t *object, const char *name, time_t now)
{
	char age[32];
	time_t then;

	if (!ctl_read_time(object, name, &then)) {
		snprintf(ret, size, "-");
		return;
	}
	ctl_print_duration(age, sizeof(age), now - then);
	snprintf(ret, size, "%s ago", age);
}

void ctl_print_clock(char *ret, size_t size, const json_t *object, const char *name, bool with_date)
{
	struct tm tm;
	time_t then;

	if (!ctl_read_time(object, name, &then) || !localtime_r(&then, &tm)) {
		snprintf(ret, size, "-");
		return;
	}
	if (with_date)
		strftime(ret, size, "%Y-%m-%d %H:%M:%S", &tm);
	else
		strftime(ret, size, "%H:%M:%S", &tm);
}

void ctl_print_bytes(char *ret, size_t size, json_int_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB" };
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1024 && unit < 3) {
		value /= 1024;
		unit++;
	}
	snprintf(ret, size, "%.*f %s", unit > 0 && value < 10 ? 1 : 0, value, units[unit]);
}

/* ---- states, text, payloads ---- */

enum ctl_color ctl_state_color(const char *state)
{
	static const char *const good[] = { "online", "ready" };
	static const char *const bad[] = { "backoff", "absent", "recovering" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (strcmp(state, good[i]) == 0)
			return CTL_COLOR_GOOD;
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (strcmp(state, bad[i]) == 0)
			return CTL_COLOR_BAD;
	}
	return strcmp(state, "disabled") == 0 ? CTL_COLOR_NONE : CTL_COLOR_BUSY;
}

void ctl_print_text(const struct ctl_style *s, const char *text)
{
	ctl_text_print(s->out, text, strlen(text));
}

static void write_payload(const struct ctl_style *s, const void *data, size_t len)
{
	if (s->is_terminal)
		ctl_text_print(s->out, data, len);
	else
		fwrite(data, 1, len, s->out);
}

static void write_coded_payload(const struct ctl_style *s, const char *coded)
{
	uint8_t *data = malloc(BASE64_DECODED_MAX(strlen(coded)) + 1);
	size_t len;

	if (data && base64_decode(coded, strlen(coded), data, &len) == 0)
		write_payload(s, data, len);
	free(data);
}

void ctl_print_payload(const struct ctl_style *s, const json_t *reply)
{
	const char *payload = member_text(reply, "payload", "");
	const char *coded = json_string_value(json_object_get(reply, "payload_base64"));

	if (coded)
		write_coded_payload(s, coded);
	else
		write_payload(s, payload, strlen(payload));
}
