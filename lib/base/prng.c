/* SPDX-License-Identifier: Apache-2.0 */
#include "base/prng.h"

#include <assert.h>

void prng_init(struct prng *p, uint64_t seed)
{
	/* One round of splitmix64, so that neighbouring seeds give unrelated numbers. */
	uint64_t z = seed + UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	p->state = z ? z : 1;
}

uint64_t prng_u64(struct prng *p)
{
	p->state ^= p->state >> 12;
	p->state ^= p->state << 25;
	p->state ^= p->state >> 27;
	return p->state * UINT64_C(0x2545f4914f6cdd1d);
}

uint64_t prng_range(struct prng *p, uint64_t low, uint64_t high)
{
	assert(low <= high);
	if (low == 0 && high == UINT64_MAX)
		return prng_u64(p);
	return low + prng_u64(p) % (high - low + 1);
}

bool prng_chance(struct prng *p, unsigned permille)
{
	return prng_range(p, 0, 999) < permille;
}
