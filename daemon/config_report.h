/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a configuration: all of it, each with its place, in the order of the file.
 */
#ifndef CMQTTD_CONFIG_REPORT_H
#define CMQTTD_CONFIG_REPORT_H

#include "arena.h"
#include "config_schema.h"

#include <stdbool.h>
#include <stddef.h>

#define CONFIG_REPORT_MAX 100 /* further ones are only counted */

struct config_remark {
	const char *file;
	unsigned line; /* 0: the whole file */
	unsigned number;
	bool is_warning;
	const char *text; /* "FILE:LINE: message" */
};

struct config_report {
	struct arena arena;
	struct config_remark remarks[CONFIG_REPORT_MAX];
	size_t count;    /* of remarks */
	size_t mistakes; /* all, including those that had no room */
};

void config_report_init(struct config_report *r);
void config_report_fini(struct config_report *r);

/* Something is wrong; the configuration cannot be used. Secrets must not be among the arguments. */
void config_report_mistake(struct config_report *r, const struct config_place *place,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Something is not as it should be; the configuration can be used. */
void config_report_warning(struct config_report *r, const struct config_place *place,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Order the remarks by place. */
void config_report_sort(struct config_report *r);

/* The first mistakes, a line each, as many as fit whole into size bytes; "" when there is none. */
void config_report_summary(const struct config_report *r, char *text, size_t size);

#endif
