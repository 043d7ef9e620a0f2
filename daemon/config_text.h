/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libconfig takes without a word and does not mean what it says: texts that end at \x00, and
 * numbers that wrap around at 32 bits. The text of a configuration file is searched for both.
 */
#ifndef CMQTTD_CONFIG_TEXT_H
#define CMQTTD_CONFIG_TEXT_H

#include "config_report.h"

#include "base/buf.h"

/* Report what is found in the text of a file; it has a NUL behind it. */
void config_text_check(struct config_report *report, const char *file, struct span text);

#endif
