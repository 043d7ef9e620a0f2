/* SPDX-License-Identifier: Apache-2.0 */
#include "wall_clock.h"

#include <sys/timex.h>
#include <time.h>

int64_t wall_clock_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool wall_clock_is_synchronised(void)
{
	struct timex t = { .modes = 0 }; /* read only */

	/* TIME_ERROR as well as -1 (a sandbox forbids it) is a no. */
	return adjtimex(&t) >= 0 && !(t.status & STA_UNSYNC);
}
