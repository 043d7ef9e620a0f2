/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <errno.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void encode_group(const uint8_t *data, size_t len, char *ret)
{
	uint32_t bits = (uint32_t)data[0] << 16;

	if (len > 1)
		bits |= (uint32_t)data[1] << 8;
	if (len > 2)
		bits |= data[2];
	ret[0] = alphabet[bits >> 18];
	ret[1] = alphabet[bits >> 12 & 63];
	ret[2] = '=';
	ret[3] = '=';
	if (len > 1)
		ret[2] = alphabet[bits >> 6 & 63];
	if (len > 2)
		ret[3] = alphabet[bits & 63];
}

size_t base64_encode(const uint8_t *data, size_t len, char *ret)
{
	size_t out = 0;

	for (size_t i = 0; i < len; i += 3) {
		encode_group(data + i, len - i < 3 ? len - i : 3, ret + out);
		out += 4;
	}
	ret[out] = '\0';
	return out;
}

/* Value of a character, -1: none. */
static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* Bytes of one group of four characters, 0: invalid. */
static size_t decode_group(const char *text, uint8_t *ret)
{
	size_t pad = text[3] != '=' ? 0 : text[2] != '=' ? 1 : 2;
	uint32_t bits = 0;

	for (size_t i = 0; i < 4; i++) {
		int value = i < 4 - pad ? value_of(text[i]) : 0;

		if (value < 0)
			return 0;
		bits = bits << 6 | (uint32_t)value;
	}
	if (bits & ((UINT32_C(1) << 8 * pad) - 1))
		return 0;
	for (size_t i = 0; i < 3 - pad; i++)
		ret[i] = (uint8_t)(bits >> (16 - 8 * i));
	return 3 - pad;
}

int base64_decode(const char *text, size_t len, uint8_t *ret, size_t *ret_len)
{
	size_t out = 0;

	if (len % 4 != 0)
		return -EINVAL;
	for (size_t i = 0; i < len; i += 4) {
		size_t n = decode_group(text + i, ret + out);

		if (n == 0 || (n < 3 && i + 4 < len))
			return -EINVAL;
		out += n;
	}
	*ret_len = out;
	return 0;
}
