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

/* For comparison after a reload: a secret or a name that changed. NULL is equal to NULL alone. */
bool link_text_equal(const char *a, const char *b);

#endif
