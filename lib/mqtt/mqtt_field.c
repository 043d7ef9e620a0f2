/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/mqtt_field.h"

#include "base/utf8.h"

struct span mqtt_field_binary(struct cursor *c)
{
	uint16_t len = cursor_u16(c);

	return cursor_span(c, len);
}

struct span mqtt_field_text(struct cursor *c)
{
	struct span s = mqtt_field_binary(c);

	if (!utf8_is_mqtt_string(s.data, s.len))
		c->is_short = true;
	return s;
}
