/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vendor's notation as a format string: filling it, and matching lines against it.
 */
#ifndef CMQTTD_AT_AT_TEMPLATE_H
#define CMQTTD_AT_AT_TEMPLATE_H

#include "at/at_script.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Append the command to out. cmd_max: longest command, counted after "AT" (AT manual 1.4.4).
 * mask: secrets as "***" (for traces; not to be sent). 0; -ENOENT: a value outside [...] is not
 * set; -EBADMSG: a text holds a double quote or a control character, or, outside quotes, a ',' or
 * ';' that would begin another parameter or command; -EMSGSIZE: longer than cmd_max;
 * -ENOBUFS/-ENOMEM of out. out is unchanged on failure. */
int at_template_expand(
    const char *tmpl, const struct at_args *args, size_t cmd_max, bool mask, struct buf *out);

/* The same for the command of a step, whose <req_length> is the length of its data. Also -EMSGSIZE:
 * the data is empty or longer than AT_DATA_MAX; -ENOENT: it is not set. */
int at_template_expand_step(const struct at_step *step, const struct at_args *args, size_t cmd_max,
    bool mask, struct buf *out);

/* The text may stand inside a quoted parameter: no double quote, no control character. */
bool at_template_is_safe(const void *data, size_t len);

/* The whole line is of this shape. A placeholder that has a value must have that value in the line;
 * <err> is captured as a number; any other takes any text up to the next literal character. Blanks
 * match any number of blanks, none included, and the line may have blanks before a value. What is
 * in [...] may be missing. ret_err may be NULL; untouched unless the line matches and has it. */
bool at_template_match(const char *pattern, const struct at_args *args, const char *line,
    size_t len, unsigned *ret_err);

#endif
