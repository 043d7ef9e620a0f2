/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads Varlink interface descriptions as far as tests need it: whether a JSON object is what the
 * description promises.
 */
#ifndef CMQTTD_TESTS_VARLINK_IDL_H
#define CMQTTD_TESTS_VARLINK_IDL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum idl_part { IDL_PARAMETERS, IDL_REPLY, IDL_ERROR };

/* The object is one of `name`'s: parameters or reply of that method, or of that error. false, and
 * *ret_where points to where in the description it is not. */
bool idl_matches(const char *text, enum idl_part part, const char *name, const json_t *object,
    const char **ret_where);

/* Name number i of what is declared with `keyword` ("method", "error", "type"); false: no more. */
bool idl_name(const char *text, const char *keyword, size_t i, char *ret, size_t size);

/* Text of the parameters of a method without blanks and comments: "(name:?string)". */
bool idl_parameters(const char *text, const char *method, char *ret, size_t size);

#endif
