/* SPDX-License-Identifier: Apache-2.0 */
#include "log_limit.h"

#include <assert.h>

static bool is_over(const struct log_limit_kind *kind, uint64_t now_ms)
{
	return kind->lines > 0 && now_ms - kind->since_ms >= LOG_LIMIT_WINDOW_MS;
}

bool log_limit_pass(struct log_limit *limit, size_t number, uint64_t now_ms)
{
	struct log_limit_kind *kind = &limit->kinds[number];

	assert(number < LOG_LIMIT_KINDS);
	/* What was held back is told first, and only that begins a new window. */
	if (is_over(kind, now_ms) && kind->held == 0)
		kind->lines = 0;
	if (kind->lines == 0)
		kind->since_ms = now_ms;
	kind->lines++;
	if (kind->lines <= LOG_LIMIT_BURST)
		return true;
	kind->held++;
	limit->held++;
	return false;
}

bool log_limit_next(
    struct log_limit *limit, uint64_t now_ms, bool is_end, size_t *ret_kind, uint32_t *ret_held)
{
	for (size_t i = 0; limit->held > 0 && i < LOG_LIMIT_KINDS; i++) {
		struct log_limit_kind *kind = &limit->kinds[i];

		if (kind->held == 0 || !(is_end || is_over(kind, now_ms)))
			continue;
		*ret_kind = i;
		*ret_held = kind->held;
		limit->held -= kind->held;
		kind->lines = 0;
		kind->held = 0;
		return true;
	}
	return false;
}
