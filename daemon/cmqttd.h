/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon: start-up, the turn of the loop that joins core and outside world, reload, shutdown.
 */
#ifndef CMQTTD_CMQTTD_H
#define CMQTTD_CMQTTD_H

#include "options.h"

/* Exit statuses; the last three are those of sysexits.h. */
enum cmqttd_exit {
	CMQTTD_EXIT_OK = 0,
	CMQTTD_EXIT_FAILED = 1,
	CMQTTD_EXIT_USAGE = 64,
	CMQTTD_EXIT_STORE = 74,
	CMQTTD_EXIT_CONFIG = 78,
};

/* Check the configuration, or serve until asked to stop. */
enum cmqttd_exit cmqttd_run(const struct options *options);

#endif
