/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of cmqttd.
 */
#ifndef CMQTTD_OPTIONS_H
#define CMQTTD_OPTIONS_H

#include <stdbool.h>

enum options_result {
	OPTIONS_RUN,
	OPTIONS_DONE,  /* asked for help or version, which was printed */
	OPTIONS_WRONG, /* wrong usage, which was said */
};

struct options {
	const char *config;
	bool is_test;
	unsigned verbose; /* how often -v was given */
};

enum options_result options_parse(int argc, char **argv, struct options *ret);

#endif
