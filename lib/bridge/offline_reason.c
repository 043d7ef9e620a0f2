/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/offline_reason.h"

const char *offline_reason_name(enum offline_reason reason)
{
	switch (reason) {
	case OFFLINE_LOST:
		return "lost";
	case OFFLINE_MODEM:
		return "modem";
	case OFFLINE_CLOSED:
		return "closed";
	case OFFLINE_REASON_COUNT:
		break;
	}
	return "unknown";
}
