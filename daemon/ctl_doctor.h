/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "cmqttctl doctor": what the daemon finds, and what has to be looked up on the host: whether it
 * runs, its configuration, who else uses the port.
 */
#ifndef CMQTTD_CTL_DOCTOR_H
#define CMQTTD_CTL_DOCTOR_H

struct ctl_env;

/* The exit status: 0 if nothing failed. */
int ctl_doctor_run(const struct ctl_env *env);

#endif
