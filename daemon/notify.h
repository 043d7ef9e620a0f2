/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the service manager is told (sd_notify(3)). Without systemd, or started by hand, all of it
 * does nothing.
 */
#ifndef CMQTTD_NOTIFY_H
#define CMQTTD_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

void notify_ready(void);
void notify_reloading(void); /* followed by notify_ready */
void notify_stopping(void);

/* One line on how things are. */
void notify_status(const char *text);

/* Have the service manager keep a descriptor, one of each name: the next process of this service
 * gets it, however this one ends. It stays ours as well. false: there is no service manager. */
bool notify_keep(const char *name, int fd);
void notify_forget(const char *name);

/* How often the service manager wants to be told that we are alive, 0: it does not. */
uint64_t notify_watchdog_ms(void);
void notify_alive(void);

#endif
