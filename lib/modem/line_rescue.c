/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/line_rescue.h"

#include "at/at_chan.h"

#include <stddef.h>

#define HANG_UP_MS 500                                     /* DTR is low for so long */
#define ESCAPE_MS  (AT_ESCAPE_MS + 4 * LINE_RESCUE_ASK_MS) /* and for what was on its way */

/* The factory's first, then what people set. */
static const uint32_t speeds[] = { 115200, 9600, 57600, 38400, 19200, 230400, 460800, 921600 };

#define SPEEDS (sizeof speeds / sizeof speeds[0])

enum turn {
	TURN_LAST_SPEED,
	TURN_HANG_UP,
	TURN_ESCAPE,
	TURN_SPEEDS,
	TURN_REST = TURN_SPEEDS + SPEEDS + 1, /* behind the configured speed once more */
};

void line_rescue_init(struct line_rescue *r, uint32_t last_baud)
{
	*r = (struct line_rescue){ .next = TURN_LAST_SPEED, .last_baud = last_baud };
}

void line_rescue_speeds(struct line_rescue *r)
{
	r->next = TURN_SPEEDS;
}

bool line_rescue_is_done(const struct line_rescue *r)
{
	return r->next >= TURN_REST;
}

/* The speed of this turn; 0: none. */
static uint32_t speed_of(const struct line_rescue *r, uint32_t baud)
{
	uint32_t speed = r->last_baud;

	if (r->next == TURN_REST - 1)
		return baud;
	if (r->next >= TURN_SPEEDS)
		speed = speeds[r->next - TURN_SPEEDS];
	return speed != baud ? speed : 0;
}

enum line_rescue_step line_rescue_next(
    struct line_rescue *r, bool is_uart, uint32_t baud, uint32_t *ret_baud, uint32_t *ret_ms)
{
	for (; !line_rescue_is_done(r); r->next++) {
		if (r->next == TURN_HANG_UP) {
			r->next++;
			*ret_ms = HANG_UP_MS;
			return LINE_RESCUE_HANG_UP;
		}
		if (r->next == TURN_ESCAPE) {
			r->next++;
			*ret_ms = ESCAPE_MS;
			return LINE_RESCUE_ESCAPE;
		}
		*ret_baud = is_uart ? speed_of(r, baud) : 0;
		if (*ret_baud == 0)
			continue;
		r->next++;
		*ret_ms = LINE_RESCUE_ASK_MS;
		return LINE_RESCUE_SPEED;
	}
	return LINE_RESCUE_REST;
}
