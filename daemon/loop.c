/* SPDX-License-Identifier: Apache-2.0 */
#include "loop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <time.h>

#define DELAY_MAX_MS 86400000 /* a longer delay is cut: whoever waits asks again */

struct loop {
	struct event_base *base;
	struct event *again;
	void (*turn)(void *arg);
	void *arg;
	bool is_stopped;
};

struct loop_watch {
	struct event *reading, *writing;
	void (*ready)(void *arg, bool is_readable, bool is_writable);
	void *arg;
};

struct loop_timer {
	struct event *event;
	void (*due)(void *arg);
	void *arg;
};

struct loop_signal {
	struct event *event;
	void (*came)(void *arg);
	void *arg;
};

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	loop->base = event_base_new();
	if (loop->base)
		loop->again = event_new(loop->base, -1, 0, on_again, loop);
	if (!loop->again) {
		loop_free(loop);
		return NULL;
	}
	return loop;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	if (loop->again)
		event_free(loop->again);
	if (loop->base)
		event_base_free(loop->base);
	free(loop);
}

void loop_set_turn(struct loop *loop, void (*turn)(void *arg), void *arg)
{
	loop->turn = turn;
	loop->arg = arg;
}

int loop_run(struct loop *loop)
{
	loop->is_stopped = false;
	while (!loop->is_stopped) {
		if (event_base_loop(loop->base, EVLOOP_ONCE) < 0)
			return -EIO;
		if (loop->turn)
			loop->turn(loop->arg);
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->is_stopped = true;
}

void loop_again(struct loop *loop)
{
	event_active(loop->again, EV_TIMEOUT, 0);
}

uint64_t loop_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct loop_watch *watch = arg;

	(void)fd;
	watch->ready(watch->arg, what & EV_READ, what & EV_WRITE);
}

struct loop_watch *loop_watch_new(struct loop *loop, int fd,
    void (*ready)(void *arg, bool is_readable, bool is_writable), void *arg)
{
	struct loop_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->ready = ready;
	watch->arg = arg;
	watch->reading = event_new(loop->base, fd, EV_READ | EV_PERSIST, on_ready, watch);
	watch->writing = event_new(loop->base, fd, EV_WRITE | EV_PERSIST, on_ready, watch);
	if (!watch->reading || !watch->writing || event_add(watch->reading, NULL) < 0) {
		loop_watch_free(watch);
		return NULL;
	}
	return watch;
}

static void want(struct event *event, bool is_wanted)
{
	bool is_pending = event_pending(event, EV_READ | EV_WRITE, NULL);

	if (is_wanted && !is_pending)
		event_add(event, NULL);
	else if (!is_wanted && is_pending)
		event_del(event);
}

void loop_watch_want(struct loop_watch *watch, bool reading, bool writing)
{
	want(watch->reading, reading);
	want(watch->writing, writing);
}

void loop_watch_free(struct loop_watch *watch)
{
	if (!watch)
		return;
	if (watch->reading)
		event_free(watch->reading);
	if (watch->writing)
		event_free(watch->writing);
	free(watch);
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
	struct loop_timer *timer = arg;

	(void)fd;
	(void)what;
	timer->due(timer->arg);
}

struct loop_timer *loop_timer_new(struct loop *loop, void (*due)(void *arg), void *arg)
{
	struct loop_timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		return NULL;
	timer->due = due;
	timer->arg = arg;
	timer->event = evtimer_new(loop->base, on_due, timer);
	if (!timer->event) {
		free(timer);
		return NULL;
	}
	return timer;
}

void loop_timer_set(struct loop_timer *timer, uint64_t delay_ms)
{
	struct timeval delay;

	if (delay_ms > DELAY_MAX_MS)
		delay_ms = DELAY_MAX_MS;
	delay.tv_sec = (time_t)(delay_ms / 1000);
	delay.tv_usec = (suseconds_t)(delay_ms % 1000 * 1000);
	evtimer_add(timer->event, &delay);
}

void loop_timer_cancel(struct loop_timer *timer)
{
	evtimer_del(timer->event);
}

bool loop_timer_is_set(const struct loop_timer *timer)
{
	return evtimer_pending(timer->event, NULL);
}

void loop_timer_free(struct loop_timer *timer)
{
	if (!timer)
		return;
	event_free(timer->event);
	free(timer);
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	struct loop_signal *sig = arg;

	(void)number;
	(void)what;
	sig->came(sig->arg);
}

struct loop_signal *loop_signal_new(
    struct loop *loop, int number, void (*came)(void *arg), void *arg)
{
	struct loop_signal *sig = calloc(1, sizeof(*sig));

	if (!sig)
		return NULL;
	sig->came = came;
	sig->arg = arg;
	sig->event = evsignal_new(loop->base, number, on_signal, sig);
	if (!sig->event || evsignal_add(sig->event, NULL) < 0) {
		loop_signal_free(sig);
		return NULL;
	}
	return sig;
}

void loop_signal_free(struct loop_signal *sig)
{
	if (!sig)
		return;
	if (sig->event)
		event_free(sig->event);
	free(sig);
}
