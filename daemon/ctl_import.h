/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "cmqttctl import": a configuration of mosquitto with bridges, written as one of cmqttd.
 */
#ifndef CMQTTD_CTL_IMPORT_H
#define CMQTTD_CTL_IMPORT_H

#include "mosquitto_conf.h"

#include <stdio.h>

struct ctl_env;

/* Write it; what has no place in it is complained about. */
void ctl_import_write(FILE *out, struct mosquitto_conf *conf);

/* The command; returns the exit status: 1 if there is no bridge in the file. */
int ctl_import_run(const struct ctl_env *env);

#endif
