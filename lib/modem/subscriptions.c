/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/subscriptions.h"

#include "modem/modem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void subscriptions_init(struct subscriptions *s)
{
	*s = (struct subscriptions){ .step = SUBSCRIBE_NOTHING, .has_lists = true };
}

static void drop_removals(struct subscriptions *s)
{
	while (s->removal_count > 0)
		free(s->removal[--s->removal_count]);
	s->is_removal_staged = false;
	s->was_removal_retried = false;
}

void subscriptions_fini(struct subscriptions *s)
{
	drop_removals(s);
}

static bool find(const struct filter_config *filters, size_t count, const char *filter, size_t *ret)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (strcmp(filters[i].filter, filter) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

/* Out of memory or of room: the filter stays subscribed at the broker, and what comes by it finds
 * no route. */
static void remember_removal(struct subscriptions *s, const char *filter)
{
	char *copy;

	if (s->removal_count == BRIDGE_ROUTES_MAX)
		return;
	copy = strdup(filter);
	if (copy)
		s->removal[s->removal_count++] = copy;
}

static void forget_removal(struct subscriptions *s, size_t i)
{
	s->was_removal_retried = s->was_removal_retried && i > 0;
	free(s->removal[i]);
	s->removal[i] = s->removal[--s->removal_count];
}

/* What is wanted again is not to be unsubscribed; but what is in the modem's list goes with the
 * next UNSUB, whatever we want. */
static void forget_wanted(struct subscriptions *s)
{
	size_t first = s->is_removal_staged ? 1 : 0;
	size_t i, place;

	for (i = s->removal_count; i-- > first;)
		if (find(s->filters, s->count, s->removal[i], &place))
			forget_removal(s, i);
}

void subscriptions_configure(
    struct subscriptions *s, const struct filter_config *filters, size_t count)
{
	enum filter_state state[BRIDGE_ROUTES_MAX];
	size_t i, old;

	assert(count <= BRIDGE_ROUTES_MAX);
	for (i = 0; i < s->count; i++)
		if (s->state[i] == FILTER_DONE && !find(filters, count, s->filters[i].filter, &old))
			remember_removal(s, s->filters[i].filter);
	for (i = 0; i < count; i++) {
		state[i] = FILTER_WANTED;
		if (find(s->filters, s->count, filters[i].filter, &old) &&
		    s->state[old] == FILTER_DONE && s->filters[old].qos == filters[i].qos)
			state[i] = FILTER_DONE;
	}
	memcpy(s->state, state, count * sizeof state[0]);
	memset(s->was_retried, 0, sizeof s->was_retried);
	s->filters = filters;
	s->count = count;
	s->staged_bytes = 0;
	s->busy = 0;
}

void subscriptions_restart(struct subscriptions *s, bool has_lists)
{
	size_t i;

	s->has_lists = has_lists;
	for (i = 0; i < s->count; i++)
		s->state[i] = FILTER_WANTED;
	memset(s->was_retried, 0, sizeof s->was_retried);
	s->staged_bytes = 0;
	s->is_removal_staged = false;
	s->was_removal_retried = false;
	s->busy = 0;
}

static bool find_state(const struct subscriptions *s, enum filter_state state, size_t *ret)
{
	size_t i;

	for (i = 0; i < s->count; i++) {
		if (s->state[i] == state) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static enum subscribe_step next_filter(struct subscriptions *s)
{
	size_t len;

	if (find_state(s, FILTER_WANTED, &s->current)) {
		if (!s->has_lists)
			return SUBSCRIBE_ONE;
		len = strlen(s->filters[s->current].filter);
		return s->staged_bytes + len <= MODEM_SUBTOPICS_MAX ? SUBSCRIBE_STAGE
								    : SUBSCRIBE_COMMIT;
	}
	if (s->staged_bytes > 0)
		return SUBSCRIBE_COMMIT;
	if (find_state(s, FILTER_WANTED_ALONE, &s->current))
		return SUBSCRIBE_ONE;
	return SUBSCRIBE_NOTHING;
}

enum subscribe_step subscriptions_next(struct subscriptions *s, struct filter_config *ret_filter)
{
	forget_wanted(s);
	/* What is staged comes first: it may be among the filters again. */
	s->step = s->is_removal_staged ? SUBSCRIBE_REMOVE_COMMIT : next_filter(s);
	if (s->step == SUBSCRIBE_STAGE || s->step == SUBSCRIBE_ONE)
		*ret_filter = s->filters[s->current];
	if (s->step != SUBSCRIBE_NOTHING || s->removal_count == 0)
		return s->step;
	/* One at a time: removals are few, and none may hinder another. */
	*ret_filter = (struct filter_config){ .filter = s->removal[0] };
	s->step = s->has_lists ? SUBSCRIBE_REMOVE : SUBSCRIBE_REMOVE_ONE;
	return s->step;
}

bool subscriptions_is_pending(const struct subscriptions *s)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		if (s->state[i] != FILTER_DONE && s->state[i] != FILTER_GIVEN_UP)
			return true;
	return s->removal_count > 0;
}

/* ---- results ---- */

static void move_staged(struct subscriptions *s, enum filter_state to)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		if (s->state[i] == FILTER_STAGED)
			s->state[i] = to;
	s->staged_bytes = 0;
}

static void step_ok(struct subscriptions *s)
{
	switch (s->step) {
	case SUBSCRIBE_STAGE:
		s->state[s->current] = FILTER_STAGED;
		s->staged_bytes += strlen(s->filters[s->current].filter);
		break;
	case SUBSCRIBE_COMMIT:
		move_staged(s, FILTER_DONE);
		break;
	case SUBSCRIBE_ONE:
		s->state[s->current] = FILTER_DONE;
		break;
	case SUBSCRIBE_REMOVE:
		s->is_removal_staged = true;
		break;
	case SUBSCRIBE_REMOVE_COMMIT:
	case SUBSCRIBE_REMOVE_ONE:
		s->is_removal_staged = false;
		forget_removal(s, 0);
		break;
	case SUBSCRIBE_NOTHING:
		break;
	}
}

static enum subscribe_verdict refuse_current(struct subscriptions *s, bool has_err)
{
	/* An identical SUBTOPIC was seen to be refused with 12 once and taken the next time. */
	if (!s->was_retried[s->current]) {
		s->was_retried[s->current] = true;
		return SUBSCRIBE_GO_ON;
	}
	/* A bare ERROR is what a modem says that has no SUBTOPIC. */
	if (s->step == SUBSCRIBE_STAGE && !has_err) {
		s->state[s->current] = FILTER_WANTED_ALONE;
		return SUBSCRIBE_GO_ON;
	}
	s->state[s->current] = FILTER_GIVEN_UP;
	return SUBSCRIBE_REFUSED;
}

static enum subscribe_verdict refuse_removal(struct subscriptions *s)
{
	s->is_removal_staged = false; /* a refused UNSUB may have emptied the list */
	if (!s->was_removal_retried) {
		s->was_removal_retried = true;
		return SUBSCRIBE_GO_ON;
	}
	forget_removal(s, 0);
	return SUBSCRIBE_GO_ON;
}

static enum subscribe_verdict step_refused(struct subscriptions *s, bool has_err)
{
	switch (s->step) {
	case SUBSCRIBE_STAGE:
	case SUBSCRIBE_ONE:
		return refuse_current(s, has_err);
	case SUBSCRIBE_COMMIT:
		move_staged(s, FILTER_WANTED_ALONE);
		return SUBSCRIBE_GO_ON;
	case SUBSCRIBE_REMOVE:
	case SUBSCRIBE_REMOVE_COMMIT:
	case SUBSCRIBE_REMOVE_ONE:
		return refuse_removal(s);
	case SUBSCRIBE_NOTHING:
		break;
	}
	return SUBSCRIBE_GO_ON;
}

/* What was staged may be in the list or not: stage it again. */
static enum subscribe_verdict step_unknown(struct subscriptions *s)
{
	move_staged(s, FILTER_WANTED);
	s->is_removal_staged = false;
	switch (s->step) {
	case SUBSCRIBE_STAGE:
	case SUBSCRIBE_ONE:
	case SUBSCRIBE_REMOVE:
	case SUBSCRIBE_REMOVE_ONE:
		/* The body may have been completed by what recovered the line. */
		return SUBSCRIBE_LOST;
	case SUBSCRIBE_COMMIT:
	case SUBSCRIBE_REMOVE_COMMIT:
	case SUBSCRIBE_NOTHING:
		break;
	}
	return ++s->busy > SUBSCRIPTIONS_BUSY_MAX ? SUBSCRIBE_LOST : SUBSCRIBE_UNCERTAIN;
}

/* A SUB or UNSUB that fails with a result may have emptied its list (16.2.12, 16.2.14). */
static void unstage_committed(struct subscriptions *s)
{
	if (s->step == SUBSCRIBE_COMMIT)
		move_staged(s, FILTER_WANTED);
	if (s->step == SUBSCRIBE_REMOVE_COMMIT)
		s->is_removal_staged = false;
}

enum subscribe_verdict subscriptions_done(
    struct subscriptions *s, enum at_result result, bool has_err, unsigned err)
{
	switch (result) {
	case AT_OK:
		s->busy = 0;
		step_ok(s);
		return SUBSCRIBE_GO_ON;
	case AT_UNKNOWN:
	case AT_CANCELLED:
		return step_unknown(s);
	case AT_INVALID:
		return step_refused(s, true);
	case AT_FAILED:
		break;
	}
	if (!has_err)
		return step_refused(s, false);
	switch (mqtt_err_class(err)) {
	case ERR_CLASS_SESSION:
		return SUBSCRIBE_LOST;
	case ERR_CLASS_RETRY:
		unstage_committed(s);
		return ++s->busy > SUBSCRIPTIONS_BUSY_MAX ? SUBSCRIBE_LOST : SUBSCRIBE_PAUSE;
	case ERR_CLASS_OK:
	case ERR_CLASS_POISON:
	case ERR_CLASS_CONFIG:
		break;
	}
	return step_refused(s, true);
}
