/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/line_rescue.h"

#include "at/at_chan.h"

#include <stddef.h>

#define ASK_MS      1500                        /* one question, and some time for the answer */
#define HANG_UP_MS  500                         /* DTR is low for so long */
#define ESCAPE_TURN 2                           /* then one of the speeds each */
#define ESCAPE_MS   (AT_ESCAPE_MS + 4 * ASK_MS) /* and for what was on its way */

/* The factory's first, then what people set. */
static const uint32_t speeds[] = { 115200, 9600, 57600, 38400, 19200, 230400, 460800, 921600 };

#define SPEEDS (sizeof speeds / sizeof speeds[0])

void line_rescue_init(struct line_rescue *r)
{
	r->next = 0;
}

enum line_rescue_step line_rescue_next(
    struct line_rescue *r, bool is_uart, uint32_t baud, uint32_t *ret_baud, uint32_t *ret_ms)
{
	*ret_ms = HANG_UP_MS;
	if (r->next++ == 0)
		return LINE_RESCUE_HANG_UP;
	*ret_ms = ESCAPE_MS;
	if (r->next == ESCAPE_TURN)
		return LINE_RESCUE_ESCAPE;
	*ret_ms = ASK_MS;
	for (; is_uart && r->next - ESCAPE_TURN - 1 < SPEEDS; r->next++) {
		*ret_baud = speeds[r->next - ESCAPE_TURN - 1];
		if (*ret_baud != baud)
			return LINE_RESCUE_SPEED;
	}
	if (!is_uart || r->next - ESCAPE_TURN - 1 > SPEEDS) {
		r->next--; /* it stays so */
		return LINE_RESCUE_REST;
	}
	*ret_baud = baud;
	return LINE_RESCUE_SPEED;
}
