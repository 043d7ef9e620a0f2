/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/histogram.h"

#include <assert.h>

/* From a message on a good link to a modem that answers after minutes. */
static const uint32_t bounds_ms[HISTOGRAM_CLASSES - 1] = { 50, 100, 250, 500, 1000, 2500, 5000,
	10000, 30000, 60000, 180000 };

uint32_t histogram_bound_ms(size_t class)
{
	assert(class < HISTOGRAM_CLASSES - 1);
	return bounds_ms[class];
}

void histogram_add(struct histogram *h, uint64_t duration_ms)
{
	size_t class = 0;

	while (class < HISTOGRAM_CLASSES - 1 && duration_ms > bounds_ms[class])
		class ++;
	h->counts[class]++;
	h->sum_ms += duration_ms;
}
