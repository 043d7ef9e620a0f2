/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FNV-1a, 64 bits: names for contents (certificate files in the modem, echoes of own messages).
 * It tells files apart; it is no protection against somebody who wants two to look alike.
 */
#ifndef CMQTTD_BASE_HASH_H
#define CMQTTD_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_INIT UINT64_C(0xcbf29ce484222325)

/* Continue the hash with len more bytes; begin with HASH_INIT. */
uint64_t hash_fnv1a(uint64_t hash, const void *data, size_t len);

#endif
