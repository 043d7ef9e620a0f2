/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every store must do, through its interface alone: the same cases for each implementation.
 */
#ifndef TESTS_UNIT_STORE_CASES_H
#define TESTS_UNIT_STORE_CASES_H

#include "store/store.h"

/* Run all cases on stores that the constructor makes, empty ones. Returns the number of failures.
 */
int store_cases_run(const char *name, struct store *(*constructor)(uint64_t max_bytes));

#endif
