/* SPDX-License-Identifier: Apache-2.0 */
#include "at/at_line.h"

#include <string.h>

/* Cut the text before the first comma outside quotes; false: there is none. */
static struct span cut_field(struct span *rest, bool *ret_more)
{
	bool in_quotes = false;
	struct span field = *rest;
	size_t i;

	for (i = 0; i < rest->len; i++) {
		if (rest->data[i] == '"')
			in_quotes = !in_quotes;
		else if (rest->data[i] == ',' && !in_quotes)
			break;
	}
	*ret_more = i < rest->len;
	field.len = i;
	if (*ret_more)
		i++;
	rest->data += i;
	rest->len -= i;
	return field;
}

static struct span trim(struct span s)
{
	while (s.len > 0 && s.data[0] == ' ') {
		s.data++;
		s.len--;
	}
	while (s.len > 0 && s.data[s.len - 1] == ' ')
		s.len--;
	if (s.len >= 2 && s.data[0] == '"' && s.data[s.len - 1] == '"') {
		s.data++;
		s.len -= 2;
	}
	return s;
}

bool at_line_field(struct span line, size_t index, struct span *ret)
{
	const uint8_t *colon = line.len > 0 ? memchr(line.data, ':', line.len) : NULL;
	struct span rest, field;
	bool more = true;

	if (!colon)
		return false;
	rest.data = colon + 1;
	rest.len = line.len - (size_t)(rest.data - line.data);
	do {
		if (!more)
			return false;
		field = cut_field(&rest, &more);
	} while (index-- > 0);
	*ret = trim(field);
	return true;
}

bool at_line_number(struct span line, size_t index, uint32_t *ret)
{
	struct span field;
	uint64_t value = 0;

	if (!at_line_field(line, index, &field) || field.len == 0 || field.len > 10)
		return false;
	for (size_t i = 0; i < field.len; i++) {
		if (field.data[i] < '0' || field.data[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(field.data[i] - '0');
	}
	if (value > UINT32_MAX)
		return false;
	*ret = (uint32_t)value;
	return true;
}
