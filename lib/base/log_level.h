/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How loud a log line is; the names are those of the configuration.
 */
#ifndef CMQTTD_BASE_LOG_LEVEL_H
#define CMQTTD_BASE_LOG_LEVEL_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* "error", "warning", "info", "debug". */
const char *log_level_name(enum log_level level);

#endif
