/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <string.h>

/* Length of the sequence that begins with lead and its smallest code point; 0: not a lead byte. */
static size_t sequence(uint8_t lead, uint32_t *ret_bits, uint32_t *ret_min)
{
	if (lead < 0x80) {
		*ret_bits = lead;
		*ret_min = 0;
		return 1;
	}
	if ((lead & 0xe0) == 0xc0) {
		*ret_bits = lead & 0x1f;
		*ret_min = 0x80;
		return 2;
	}
	if ((lead & 0xf0) == 0xe0) {
		*ret_bits = lead & 0x0f;
		*ret_min = 0x800;
		return 3;
	}
	if ((lead & 0xf8) == 0xf0) {
		*ret_bits = lead & 0x07;
		*ret_min = 0x10000;
		return 4;
	}
	return 0;
}

bool utf8_is_mqtt_string(const uint8_t *data, size_t len)
{
	size_t i = 0;

	while (i < len) {
		uint32_t code = 0, min = 0;
		size_t n = sequence(data[i], &code, &min);

		if (n == 0 || n > len - i)
			return false;
		for (size_t k = 1; k < n; k++) {
			if ((data[i + k] & 0xc0) != 0x80)
				return false;
			code = code << 6 | (data[i + k] & 0x3f);
		}
		if (code < min || code == 0 || code > 0x10ffff ||
		    (code >= 0xd800 && code <= 0xdfff))
			return false;
		i += n;
	}
	return true;
}

bool utf8_is_text(const uint8_t *data, size_t len)
{
	const uint8_t *nul;

	while (len > 0 && (nul = memchr(data, 0, len))) {
		size_t before = (size_t)(nul - data);

		if (!utf8_is_mqtt_string(data, before))
			return false;
		data += before + 1;
		len -= before + 1;
	}
	return utf8_is_mqtt_string(data, len);
}
