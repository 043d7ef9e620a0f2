/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long things took: a count per class of duration, as Prometheus has its histograms. All zero
 * is an empty one.
 */
#ifndef CMQTTD_BRIDGE_HISTOGRAM_H
#define CMQTTD_BRIDGE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_CLASSES 12 /* the last one has no upper bound */

struct histogram {
	uint64_t counts[HISTOGRAM_CLASSES]; /* each duration in one class only */
	uint64_t sum_ms;
};

/* Longest duration in a class, milliseconds; not of the last class. */
uint32_t histogram_bound_ms(size_t class);

/* One thing took so long. */
void histogram_add(struct histogram *h, uint64_t duration_ms);

#endif
