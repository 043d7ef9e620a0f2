/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's program that cuts the modem's power: started without a shell and without
 * arguments, its output logged, ended after POWER_LIMIT_MS. Never waited for.
 */
#ifndef CMQTTD_POWER_H
#define CMQTTD_POWER_H

#include "loop.h"

#define POWER_LIMIT_MS 60000

struct power;

/* NULL: no memory. */
struct power *power_new(struct loop *loop);

/* A program that still runs is ended. */
void power_free(struct power *power);

/* Start the program; nothing happens while an earlier one runs. */
void power_run(struct power *power, const char *program);

#endif
