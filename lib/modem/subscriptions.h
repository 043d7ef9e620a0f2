/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one session subscribes to and unsubscribes from, in which order and with which command.
 *
 * Filters go into the modem's list (SUBTOPIC) up to its limit in bytes and are then subscribed
 * together (SUB). A modem without these lists gets one SUB or UNSUB for each filter. A filter that
 * the modem or the broker does not take must not take others with it: when SUB fails, each filter
 * of the list is tried alone, and one that fails alone is given up and reported. Decides only; its
 * owner talks to the modem.
 */
#ifndef CMQTTD_MODEM_SUBSCRIPTIONS_H
#define CMQTTD_MODEM_SUBSCRIPTIONS_H

#include "at/at_chan.h"
#include "modem/link_config.h"

#define SUBSCRIPTIONS_BUSY_MAX \
	5 /* refusals of class "retry" in a row before the session is closed */

enum filter_state {
	FILTER_WANTED,
	FILTER_WANTED_ALONE,
	FILTER_STAGED,
	FILTER_DONE,
	FILTER_GIVEN_UP,
};

enum subscribe_step {
	SUBSCRIBE_STAGE,
	SUBSCRIBE_COMMIT,
	SUBSCRIBE_ONE,
	SUBSCRIBE_REMOVE,        /* into the list of what is unsubscribed */
	SUBSCRIBE_REMOVE_COMMIT, /* unsubscribe it */
	SUBSCRIBE_REMOVE_ONE,    /* unsubscribe without the list */
	SUBSCRIBE_NOTHING,
};

/* How a step ended, for the session. */
enum subscribe_verdict {
	SUBSCRIBE_GO_ON,
	SUBSCRIBE_PAUSE,     /* busy: the same again in a second */
	SUBSCRIBE_REFUSED,   /* this filter was given up: tell it, and go on */
	SUBSCRIBE_LOST,      /* the session is gone */
	SUBSCRIBE_UNCERTAIN, /* no result: find out whether the session lives */
};

struct subscriptions {
	const struct filter_config *filters; /* borrowed */
	size_t count;
	bool has_lists; /* the modem collects topics: SUBTOPIC, UNSUBTOPIC */
	enum filter_state state[BRIDGE_ROUTES_MAX];
	bool was_retried[BRIDGE_ROUTES_MAX];
	size_t staged_bytes;
	char *removal[BRIDGE_ROUTES_MAX]; /* own copies */
	size_t removal_count;
	bool is_removal_staged;
	bool was_removal_retried;
	unsigned busy;
	enum subscribe_step step; /* under way */
	size_t current;
};

/* No filters. */
void subscriptions_init(struct subscriptions *s);
void subscriptions_fini(struct subscriptions *s);

/* These filters from now on. What is no longer among them is to be unsubscribed if it was
 * subscribed; what was subscribed stays so. At most BRIDGE_ROUTES_MAX; borrowed. */
void subscriptions_configure(
    struct subscriptions *s, const struct filter_config *filters, size_t count);

/* A new connection: subscribe everything, to a modem that collects topics or not. */
void subscriptions_restart(struct subscriptions *s, bool has_lists);

/* The next step; *ret_filter for STAGE, ONE, REMOVE and REMOVE_ONE. */
enum subscribe_step subscriptions_next(struct subscriptions *s, struct filter_config *ret_filter);

/* Something is left to do. */
bool subscriptions_is_pending(const struct subscriptions *s);

/* How the step ended. has_err, err: the modem's error number. */
enum subscribe_verdict subscriptions_done(
    struct subscriptions *s, enum at_result result, bool has_err, unsigned err);

#endif
