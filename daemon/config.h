/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file, read and checked, as the core takes it.
 *
 * All files it names are read here as well: afterwards nothing of the configuration depends on the
 * disk. A configuration does not change once it is loaded; a reload makes another one.
 */
#ifndef CMQTTD_CONFIG_H
#define CMQTTD_CONFIG_H

#include "arena.h"
#include "config_report.h"

#include "bridge/core_config.h"

struct mqtt_auth;

#define CONFIG_CERTS_MAX (2 * MODEM_CLIENTS) /* ca and cert of each broker */

/* A certificate file of a broker, and when the first certificate in it expires. */
struct config_cert {
	const char *broker;
	const char *key; /* "ca" or "cert" */
	int64_t not_after_s;
};

struct config {
	struct core_config core; /* borrows from the arena and auths */
	struct mqtt_auth *auths[MQTT_LISTENERS_MAX];
	struct config_cert certs[CONFIG_CERTS_MAX]; /* as far as they could be read */
	size_t cert_count;
	struct arena arena;
};

/* Read and check. What is wrong, and what is only doubtful, is added to the report, in the order of
 * the file. 0; -EINVAL: the report has mistakes; -ENOMEM. Free with config_free. */
int config_load(const char *path, struct config_report *report, struct config **ret);

/* NULL is fine. Passwords and keys are wiped. */
void config_free(struct config *config);

#endif
