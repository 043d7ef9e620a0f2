/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small deterministic random numbers (xorshift64*): jitter in production, worlds in simulation.
 * Same seed, same numbers. Not for secrets.
 */
#ifndef CMQTTD_BASE_PRNG_H
#define CMQTTD_BASE_PRNG_H

#include <stdbool.h>
#include <stdint.h>

struct prng {
	uint64_t state;
};

/* Any seed is fine, 0 included. */
void prng_init(struct prng *p, uint64_t seed);

/* Uniform over all 64 bits, but never the same twice in a row. */
uint64_t prng_u64(struct prng *p);

/* Uniform in low..high, both included; low <= high. */
uint64_t prng_range(struct prng *p, uint64_t low, uint64_t high);

/* True in permille of 1000 cases. */
bool prng_chance(struct prng *p, unsigned permille);

#endif
