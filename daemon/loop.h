/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: readiness of descriptors, timers, signals. The only module that knows libevent.
 *
 * A turn handles all that is ready at once and then calls the turn function a single time, so that
 * what came in together is made durable together. Nothing here wakes up on its own.
 *
 * Watches, timers and signals may be freed in any callback, their own included.
 */
#ifndef CMQTTD_LOOP_H
#define CMQTTD_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_watch;
struct loop_timer;
struct loop_signal;

/* NULL: no memory, or the system has no means to wait. */
struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* Called at the end of each turn. */
void loop_set_turn(struct loop *loop, void (*turn)(void *arg), void *arg);

/* Run turns until loop_stop. 0, or -EIO when waiting failed. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Have another turn even if nothing happens. */
void loop_again(struct loop *loop);

/* Monotonic milliseconds. */
uint64_t loop_now_ms(void);

/* Watch a descriptor, which stays the caller's; reading is wanted at first. NULL: no memory. */
struct loop_watch *loop_watch_new(struct loop *loop, int fd,
    void (*ready)(void *arg, bool is_readable, bool is_writable), void *arg);
void loop_watch_want(struct loop_watch *watch, bool reading, bool writing);
void loop_watch_free(struct loop_watch *watch);

/* A timer that is not running. NULL: no memory. */
struct loop_timer *loop_timer_new(struct loop *loop, void (*due)(void *arg), void *arg);
void loop_timer_set(struct loop_timer *timer, uint64_t delay_ms);
void loop_timer_cancel(struct loop_timer *timer);
bool loop_timer_is_set(const struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer);

/* Be told of a signal, between other events. NULL: no memory. */
struct loop_signal *loop_signal_new(
    struct loop *loop, int number, void (*came)(void *arg), void *arg);
void loop_signal_free(struct loop_signal *sig);

#endif
