/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts in the tables of the tests.
 */
#ifndef TESTS_TEXT_H
#define TESTS_TEXT_H

#include "base/span.h"

/* The initializer of a span that is this literal, where span_text() cannot stand. */
#define TEXT(literal)                                                          \
	{                                                                      \
		.data = (const uint8_t *)(literal), .len = sizeof(literal) - 1 \
	}

#endif
