/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of configurations, so that a command that is under way keeps its values when the
 * configuration is exchanged.
 */
#ifndef CMQTTD_MODEM_LINK_COPY_H
#define CMQTTD_MODEM_LINK_COPY_H

#include "modem/link_config.h"

/* One block with everything in it: free() it. NULL: no memory. */
struct broker_config *broker_config_copy(const struct broker_config *cfg);
struct modem_config *modem_config_copy(const struct modem_config *cfg);

#endif
