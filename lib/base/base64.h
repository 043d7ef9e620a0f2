/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 with the standard alphabet and padding (RFC 4648, section 4): bytes that are no text, in
 * JSON.
 */
#ifndef CMQTTD_BASE_BASE64_H
#define CMQTTD_BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* Characters that len bytes become, without a closing NUL. */
#define BASE64_ENCODED_LEN(len) (((len) + 2) / 3 * 4)

/* Most bytes that len characters can become. */
#define BASE64_DECODED_MAX(len) ((len) / 4 * 3)

/* Encode len bytes into ret, which has room for BASE64_ENCODED_LEN(len) + 1 characters; ends it
 * with a NUL. Returns the length without the NUL. */
size_t base64_encode(const uint8_t *data, size_t len, char *ret);

/* Decode len characters into ret, which has room for BASE64_DECODED_MAX(len) bytes. 0 and the
 * number of bytes; -EINVAL: not base64 (foreign characters, blanks, missing padding, bits behind
 * the end that are not zero): what ret holds then is of no use. */
int base64_decode(const char *text, size_t len, uint8_t *ret, size_t *ret_len);

#endif
