/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the sections of a configuration file to what the core takes: what values mean together, and
 * the contents of the files they name.
 */
#ifndef CMQTTD_CONFIG_BUILD_H
#define CMQTTD_CONFIG_BUILD_H

#include "config.h"
#include "config_report.h"
#include "config_schema.h"

/* Fill config->core and config->auths; what is wrong goes into the report, and then their contents
 * must not be used. `path` is the configuration file, for relative names. */
void config_build(struct config *config, const struct root_section *root, const char *path,
    struct config_report *report);

#endif
