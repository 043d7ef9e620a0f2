/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What another configuration would change, and whom it would concern: said before a reload, or of
 * one that was done. It tells what core_reload and the shell do; it does nothing itself.
 */
#ifndef CMQTTD_BRIDGE_RELOAD_PLAN_H
#define CMQTTD_BRIDGE_RELOAD_PLAN_H

#include "bridge/core_config.h"

#include <stddef.h>

#define RELOAD_PLAN_MAX      48 /* changes; all of two brokers and all listeners are fewer */
#define RELOAD_PLAN_TEXT_MAX 240

struct reload_change {
	const char *what; /* "broker", "listener", "modem", "store", "control", "metrics", "log" */
	char name[128];   /* of the broker, address of the listener; "": there is one alone */
	char text[RELOAD_PLAN_TEXT_MAX]; /* what is done; no secrets in it */
};

struct reload_plan {
	struct reload_change changes[RELOAD_PLAN_MAX];
	size_t count;
};

/* Compare two configurations. */
void reload_plan_make(
    const struct core_config *old, const struct core_config *next, struct reload_plan *ret);

#endif
