/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/modem_clock.h"

#include "at/at_line.h"
#include "base/limits.h"

#include <stdio.h>
#include <string.h>

#define DAY_S       86400
#define QUARTER_S   900
#define FIELDS      6                   /* year to second */
#define AFTER_UTC_S INT64_C(3155760000) /* 2070-01-01; 80/01/06 reads as 2080 */

int64_t host_clock_now_s(const struct host_clock *c, uint64_t now_ms)
{
	uint64_t passed_ms = now_ms > c->at_ms ? now_ms - c->at_ms : 0;

	return (c->wall_ms + (int64_t)passed_ms) / 1000;
}

/* Days from 1970-01-01 to the date of the Gregorian calendar. March is month 0 here, so that the
 * day that comes and goes is the last of the year. */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t m = month <= 2 ? month + 9 : month - 3;

	return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

static void date_from_days(int64_t days, int64_t *ret_year, int64_t *ret_month, int64_t *ret_day)
{
	int64_t year = 1970 + days / 366; /* never too late; at most a few steps early */
	int64_t month = 12;

	while (days_from_date(year + 1, 1, 1) <= days)
		year++;
	while (days_from_date(year, month, 1) > days)
		month--;
	*ret_year = year;
	*ret_month = month;
	*ret_day = days - days_from_date(year, month, 1) + 1;
}

/* A number of up to four digits, and the character behind it. */
static bool take_number(struct cursor *c, int64_t *ret, char *ret_next)
{
	unsigned digits = 0;
	uint8_t byte;

	*ret = 0;
	for (;;) {
		byte = c->left > 0 ? cursor_u8(c) : 0;
		if (byte < '0' || byte > '9')
			break;
		if (++digits > 4)
			return false;
		*ret = *ret * 10 + (byte - '0');
	}
	*ret_next = (char)byte;
	return digits > 0;
}

static bool is_date(const int64_t v[FIELDS])
{
	return v[1] >= 1 && v[1] <= 12 && v[2] >= 1 && v[2] <= 31 && v[3] < 24 && v[4] < 60 &&
	       v[5] <= 60;
}

bool modem_clock_parse(struct span line, int64_t *ret_utc_s)
{
	static const char separators[] = "//,::";
	int64_t v[FIELDS];
	int64_t zone = 0;
	struct span text;
	struct cursor c;
	char next = 0;
	int i;

	if (!span_begins_with(line, "+CCLK:") || !at_line_field(line, 0, &text))
		return false;
	cursor_init(&c, text.data, text.len);
	for (i = 0; i < FIELDS; i++)
		if (!take_number(&c, &v[i], &next) || (i < FIELDS - 1 && next != separators[i]))
			return false;
	if (v[0] < 100)
		v[0] += 2000;
	if (!is_date(v))
		return false;
	if (next == '+' || next == '-') {
		char end;

		if (!take_number(&c, &zone, &end))
			return false;
		if (next == '-')
			zone = -zone;
	}
	*ret_utc_s = days_from_date(v[0], v[1], v[2]) * DAY_S + v[3] * 3600 + v[4] * 60 + v[5] -
		     zone * QUARTER_S;
	return true;
}

void modem_clock_format(int64_t utc_s, char ret_text[MODEM_CLOCK_TEXT])
{
	int64_t year, month, day;
	int64_t second = utc_s % DAY_S;

	date_from_days(utc_s / DAY_S, &year, &month, &day);
	snprintf(ret_text, MODEM_CLOCK_TEXT, "%02u/%02u/%02u,%02u:%02u:%02u+00",
	    (unsigned)(year % 100) % 100, (unsigned)month % 100, (unsigned)day % 100,
	    (unsigned)(second / 3600) % 100, (unsigned)(second / 60 % 60) % 100,
	    (unsigned)(second % 60) % 100);
}

bool modem_clock_is_right(int64_t utc_s, const struct host_clock *host, uint64_t now_ms)
{
	int64_t difference_s;

	if (utc_s < WALL_PLAUSIBLE_S || utc_s >= AFTER_UTC_S)
		return false;
	if (!host->is_plausible)
		return true;
	difference_s = utc_s - host_clock_now_s(host, now_ms);
	return difference_s > -DAY_S && difference_s < DAY_S;
}
