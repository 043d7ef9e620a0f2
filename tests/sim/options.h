/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers on the command line of the simulations.
 */
#ifndef TESTS_SIM_OPTIONS_H
#define TESTS_SIM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An option that is followed by a number, and where the number goes. */
struct option_number {
	const char *name;
	uint64_t max;
	uint64_t *value;
};

/* Read the option at argv[*at] with its number, and step onto the number. argv ends with NULL.
 * False: there is no such option, or no decimal number up to its max behind it. */
bool options_read_number(
    char *const *argv, int *at, const struct option_number *numbers, size_t count);

#endif
