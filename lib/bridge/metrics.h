/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon counts, as text for Prometheus and its kin. It reads the core and changes
 * nothing.
 */
#ifndef CMQTTD_BRIDGE_METRICS_H
#define CMQTTD_BRIDGE_METRICS_H

#include "base/buf.h"
#include "bridge/core_query.h"

#include <stdint.h>

enum metrics_format {
	METRICS_PROMETHEUS,  /* text exposition format 0.0.4 */
	METRICS_OPENMETRICS, /* OpenMetrics 1.0 */
};

/* The content type of a format. */
const char *metrics_content_type(enum metrics_format format);

/* The format that an HTTP field Accept asks for (empty: there was none). */
enum metrics_format metrics_choose(struct span accept);

/* Append all metrics of this moment. 0, -ENOBUFS or -ENOMEM: then what was appended is of no use.
 */
int metrics_write(
    const struct core *core, uint64_t now_ms, enum metrics_format format, struct buf *out);

#endif
