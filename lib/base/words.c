/* SPDX-License-Identifier: Apache-2.0 */
#include "base/words.h"

#include <string.h>

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t low = a < b ? a : b;

	return low < c ? low : c;
}

size_t words_distance(const char *a, const char *b)
{
	size_t row[WORDS_LEN_MAX + 1]; /* of the matrix; the one before it is overwritten */
	size_t a_len = strnlen(a, WORDS_LEN_MAX), b_len = strnlen(b, WORDS_LEN_MAX);

	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[b_len];
}
