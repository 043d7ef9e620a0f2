/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "cmqttctl top" on a terminal: asks the daemon every second, draws, and waits for keys. The
 * terminal is as it was when it ends, by q or by a signal.
 */
#ifndef CMQTTD_CTL_SCREEN_H
#define CMQTTD_CTL_SCREEN_H

struct ctl_env;

/* The command; returns the exit status. */
int ctl_screen_run(const struct ctl_env *env);

#endif
