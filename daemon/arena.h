/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is freed all at once: what belongs to one configuration. Freed memory is wiped first,
 * because passwords are among it.
 *
 * Allocations that fail give NULL and are remembered: check is_short once at the end.
 */
#ifndef CMQTTD_ARENA_H
#define CMQTTD_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *blocks;
	bool is_short; /* an allocation failed */
};

void arena_init(struct arena *a);
void arena_fini(struct arena *a);

/* size bytes of zeros, aligned for anything. NULL: no memory. */
void *arena_alloc(struct arena *a, size_t size);

/* A copy of len bytes with a NUL behind them. NULL: no memory. */
char *arena_copy(struct arena *a, const void *data, size_t len);

/* Formatted text. NULL: no memory. */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
