/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/drop_reason.h"

const char *drop_reason_name(enum drop_reason reason)
{
	switch (reason) {
	case DROP_FULL:
		return "full";
	case DROP_LINK_DOWN:
		return "link_down";
	case DROP_EXPIRED:
		return "expired";
	case DROP_SUPERSEDED:
		return "superseded";
	case DROP_TOO_LARGE:
		return "too_large";
	case DROP_REFUSED:
		return "refused";
	case DROP_NOMEM:
		return "no_memory";
	case DROP_STORE_FAILED:
		return "store_failed";
	case DROP_BY_HAND:
		return "by_hand";
	case DROP_DEAD_LETTER:
		return "dead_letter_dropped";
	case DROP_REASON_COUNT:
		break;
	}
	return "unknown";
}
