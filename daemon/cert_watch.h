/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates that expire: told in the log 30, 7 and 1 days ahead and when it has happened, once
 * each. The host's clock decides, if it can be right at all.
 */
#ifndef CMQTTD_CERT_WATCH_H
#define CMQTTD_CERT_WATCH_H

#include "config.h"
#include "loop.h"

struct cert_watch;

/* loop is borrowed. NULL: no memory. */
struct cert_watch *cert_watch_new(struct loop *loop);

/* NULL is fine. */
void cert_watch_free(struct cert_watch *w);

/* Watch what this configuration names; it is borrowed until the next call. */
void cert_watch_configure(struct cert_watch *w, const struct config *config);

/* How many days before the end a certificate with `left_s` seconds to live is worth a warning: 30,
 * 7, 1; 0: it has expired; -1: not yet. */
int cert_watch_days(int64_t left_s);

#endif
