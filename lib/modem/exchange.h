/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One script at a time with the values that fill it: what modem and sessions talk to the channel
 * through. An exchange that is abandoned still waits for the end of its job, because the channel
 * keeps script and values until then; only its outcome is of no interest any more.
 */
#ifndef CMQTTD_MODEM_EXCHANGE_H
#define CMQTTD_MODEM_EXCHANGE_H

#include "at/at_chan.h"

struct exchange {
	struct at_job job;
	struct at_args args;
	bool is_busy;
	bool is_abandoned;
};

/* owner: comes back in the job of each event. */
void exchange_init(struct exchange *x, uint8_t owner);

/* Empty values to fill for the next script; only while it is not busy. */
struct at_args *exchange_args(struct exchange *x);

/* Run the script with these values. 0 or what at_chan_submit says. */
int exchange_start(
    struct exchange *x, struct at_chan *chan, uint64_t now_ms, const struct at_step *script);

/* Give it up: at once if no command of it is in flight, else after that command. Its DONE event
 * still comes. Nothing happens when it is not busy. */
void exchange_abandon(struct exchange *x, struct at_chan *chan, uint64_t now_ms);

/* End it if it was given up and no command is in flight any more: to be called between events. */
void exchange_poll(struct exchange *x, struct at_chan *chan, uint64_t now_ms);

/* To be called for the DONE event. true: the outcome is wanted. Once a command that may be
 * slow was given up, all such commands get all their time: a modem that needs it would never be
 * done otherwise. */
bool exchange_end(struct exchange *x);

/* It was not slow, it hung: all commands are given up as early as at first again. */
void exchange_forget_patience(struct exchange *x);

/* The step `index` of the script that ran last. */
const struct at_step *exchange_step(const struct exchange *x, uint8_t index);

#endif
