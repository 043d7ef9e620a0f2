/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configurations that dialogues are played with. They are fixed, so that a dialogue says all
 * there is to know. Client 0 has the broker "cloud", client 1 (two-brokers only) "plant".
 *
 *   plain        one broker over TCP, no routes
 *   publish      + test/# goes out to /test/#
 *   subscribe    + /SIM/7600 comes in to SIM/7600
 *   both-ways    + both of these
 *   will+birth   plain, with a last will and a birth message
 *   tls-broker   one broker that authenticates itself; no routes
 *   tls-both     the same, and the daemon authenticates itself, too
 *   two-brokers  both-ways, and plant: test/# goes to p/test/#, p/SIM/7600 to plant/SIM/7600
 */
#ifndef TESTS_REPLAY_CONFIG_H
#define TESTS_REPLAY_CONFIG_H

#include "bridge/core_config.h"

/* The configuration of that name; static. NULL: there is none. */
const struct core_config *replay_config_find(const char *name);

/* What a local client subscribes to in order to see everything that may come in; ends with NULL. */
extern const char *const replay_config_local_filters[];

#endif
