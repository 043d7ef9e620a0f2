/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why the bridge does not work: what is known is looked at from the port up to the brokers and the
 * store, and each thing found wrong gets one line of what to do.
 *
 * Decides only; doctor_facts are borrowed from whoever knows them. What has to be looked up on the
 * host (who else holds the port, files) is the caller's.
 */
#ifndef CMQTTD_BRIDGE_DOCTOR_H
#define CMQTTD_BRIDGE_DOCTOR_H

#include "bridge/core_config.h"
#include "bridge/core_query.h"
#include "modem/modem.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DOCTOR_CHECKS_MAX 24
#define DOCTOR_TEXT_MAX   200

enum doctor_result { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };

struct doctor_broker {
	const struct session_status *session;
	struct store_usage queue;
};

struct doctor_facts {
	const struct core_config *cfg;
	const struct modem_status *modem;
	uint64_t now_ms;
	int64_t wall_ms;
	int port_error;                           /* errno value of the last try; 0: it is open */
	const char *troubles[CORE_TROUBLE_COUNT]; /* as core_trouble has them */
	struct doctor_broker brokers[MODEM_CLIENTS];
	struct store_usage store;
	bool has_store_failed;
	bool is_free_known;
	uint64_t free_bytes; /* on the file system of the store */
};

struct doctor_check {
	const char *name;   /* "sim" */
	const char *broker; /* NULL: it is about none */
	enum doctor_result result;
	char text[DOCTOR_TEXT_MAX]; /* what was found */
	const char *advice;         /* what to do; NULL: nothing */
};

struct doctor_report {
	struct doctor_check checks[DOCTOR_CHECKS_MAX];
	size_t count;
};

/* Look at everything that can be looked at: what stands on something that failed is left out. */
void doctor_examine(const struct doctor_facts *f, struct doctor_report *ret);

/* "ok", "warn", "fail" */
const char *doctor_result_name(enum doctor_result result);

#endif
