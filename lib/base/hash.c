/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

uint64_t hash_fnv1a(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}
