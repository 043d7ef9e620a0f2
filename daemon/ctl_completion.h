/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a shell needs to complete cmqttctl's commands, options and their values: made from the table
 * of commands and their usage strings. The files that are installed (conf/completion) are this
 * output; a test compares them.
 */
#ifndef CMQTTD_CTL_COMPLETION_H
#define CMQTTD_CTL_COMPLETION_H

#include <stdio.h>

struct ctl_env;

void ctl_completion_bash(FILE *out);
void ctl_completion_zsh(FILE *out);

/* The command; returns the exit status. */
int ctl_completion_run(const struct ctl_env *env);

#endif
