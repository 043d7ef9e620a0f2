/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small helpers to take an answer line apart: "+CSQ: 27,99" -> fields. Pure functions.
 */
#ifndef CMQTTD_AT_AT_LINE_H
#define CMQTTD_AT_AT_LINE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Field number `index` (0: the first) behind the first ':' of the line, separated by commas outside
 * double quotes, blanks around it and the quotes removed. false: no such field. A missing value
 * between two commas is an empty field. */
bool at_line_field(struct span line, size_t index, struct span *ret);

/* The same as a decimal number that fits. */
bool at_line_number(struct span line, size_t index, uint32_t *ret);

#endif
