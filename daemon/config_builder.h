/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of config_build share: reading values, and reporting those that are wrong.
 */
#ifndef CMQTTD_CONFIG_BUILDER_H
#define CMQTTD_CONFIG_BUILDER_H

#include "config.h"
#include "config_report.h"
#include "config_schema.h"

#include <stdbool.h>
#include <stddef.h>

struct builder {
	const char *path; /* of the configuration file */
	struct config *config;
	struct config_report *report;
	struct arena *arena;
	bool has_no_answer; /* certificates cannot be looked into, or only too slowly */
};

/* Given or default. */
bool value_is_there(const struct config_value *value);
bool value_is_given(const struct config_value *value);

/* The text, NULL when it is not there or empty and therefore not meant. */
const char *value_text(const struct config_value *value);

/* Report a value that a check did not like: `why` is not NULL. */
bool builder_is_fine(
    struct builder *b, const char *name, const struct config_value *value, const char *why);

/* Report a value, if it is given, that has no place where it stands. */
void builder_refuse(
    struct builder *b, const char *name, const struct config_value *value, const char *why);

/* A text for a command line of the modem. NULL: not given, or wrong and reported. */
const char *builder_parameter(
    struct builder *b, const char *name, const struct config_value *value, size_t max_bytes);

/* The contents of the file that a value names, and its path (ret_path may be NULL). False:
 * reported. */
bool builder_read(struct builder *b, const char *name, const struct config_value *value,
    size_t max_bytes, const char **ret_path, struct span *ret);

/* A secret that stands in the configuration or in a file of its own, to be sent to the modem.
 * NULL: neither is given, or wrong and reported. */
const char *builder_secret(struct builder *b, const char *name, const struct config_value *value,
    const char *file_name, const struct config_value *file_value, size_t max_bytes);

/* config_broker.c: brokers and their routes. */
void builder_brokers(struct builder *b, const struct section_list *list);

/* config_socket.c: where local programs connect. Control after the listeners, metrics last. */
void builder_listeners(struct builder *b, const struct section_list *list);
void builder_control(struct builder *b, const struct control_section *s);
void builder_metrics(struct builder *b, const struct metrics_section *s);

#endif
