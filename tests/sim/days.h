/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Worlds that live for months: sparse traffic both ways, faults of all kinds at any time of the
 * day, and an hour at the end of each day in which everything has to come right. The ledger is
 * closed every day, all else lives on: the daemon (but for being killed now and then), the modem,
 * the brokers, and the memory that they need.
 */
#ifndef TESTS_SIM_DAYS_H
#define TESTS_SIM_DAYS_H

#include "sim/world.h"

enum { DAYS_A_LIFE = 1000 };

struct days_result {
	char wrong[WORLD_WRONG_MAX];
	unsigned days;
	uint64_t messages, faults;
	uint64_t recovery_max_ms;         /* from the last fault of a day until all was delivered */
	size_t memory_first, memory_last; /* bytes in use after some days, and after all; 0: the
					   * allocator does not tell */
};

/* A world of this seed for so many days, at most DAYS_A_LIFE. */
void days_run(uint64_t seed, unsigned days, bool is_verbose, struct days_result *ret);

#endif
