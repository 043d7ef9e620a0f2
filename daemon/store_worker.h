/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commits a store in a thread of its own, so that a disk that takes long to sync does not hold up
 * the loop. The only thread beside the loop's; it does nothing else. The store is used by one
 * thread at a time, so that neither it nor the library below it need know of threads.
 */
#ifndef CMQTTD_STORE_WORKER_H
#define CMQTTD_STORE_WORKER_H

#include "loop.h"

#include "store/store.h"

struct store_worker;

/* For this store, which is the worker's from now on, and is freed by it. done is called by the loop
 * when a commit has ended. NULL: no memory, or no descriptor; then the store is the caller's still.
 *
 * Should there be no thread, a commit runs in store_worker_commit. */
struct store_worker *store_worker_new(
    struct loop *loop, struct store *disk, void (*done)(void *arg, int error), void *arg);

/* Waits for the commit that is under way. NULL is fine. */
void store_worker_free(struct store_worker *w);

/* The store as others have to use it: calls wait for the commit that is under way, if they must. */
struct store *store_worker_store(struct store_worker *w);

/* Begin a commit; not again before it is done. */
void store_worker_commit(struct store_worker *w);

#endif
