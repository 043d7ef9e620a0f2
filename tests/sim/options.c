/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool parse_number(const char *text, uint64_t max, uint64_t *ret)
{
	char *end;
	unsigned long long v;

	if (!text || text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || v > max)
		return false;
	*ret = v;
	return true;
}

bool options_read_number(
    char *const *argv, int *at, const struct option_number *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(argv[*at], numbers[i].name) != 0)
			continue;
		++*at;
		return parse_number(argv[*at], numbers[i].max, numbers[i].value);
	}
	return false;
}
