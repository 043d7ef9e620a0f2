/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How alike two words are: for "did you mean".
 */
#ifndef CMQTTD_BASE_WORDS_H
#define CMQTTD_BASE_WORDS_H

#include <stddef.h>

#define WORDS_LEN_MAX 64 /* letters that are compared */

/* Letters to insert, delete or exchange to make one word of the other (Levenshtein distance); only
 * the first WORDS_LEN_MAX letters count. */
size_t words_distance(const char *a, const char *b);

#endif
