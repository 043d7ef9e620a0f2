/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was accepted becomes durable. The shell commits, in its own time: until it is done nothing
 * here touches the store if it can be helped.
 */
#include "bridge/core_priv.h"

#include "mqtt/mqtt_persist.h"

#include <assert.h>
#include <stdio.h>

#define COMMIT_MAX_MS 20000 /* no disk takes so long */
#define GATHER_MAX_MS 2     /* publishers are waited for, before a commit, */
#define GATHER_PART   2     /* ... and for so much of the time that the last one took */

void core_defer_commit(struct core *c)
{
	c->sweep_at_ms = timer_min(c->sweep_at_ms, c->now_ms + CORE_STORE_DEFER_MS);
}

bool core_is_store_taken(const struct core *c)
{
	return c->is_committing || c->uncommitted_bytes >= CORE_COMMIT_BYTES;
}

/* What was deferred goes with a commit that has the time, or with the last one. */
static bool is_sweep_due(const struct core *c)
{
	return core_is_deferred(c) && (c->is_stopped || c->now_ms >= c->sweep_at_ms ||
					  c->uncommitted_bytes >= CORE_COMMIT_BYTES);
}

static bool is_commit_due(const struct core *c)
{
	if (c->has_commit_failed)
		return c->now_ms >= c->commit_at_ms;
	return c->is_store_dirty || is_sweep_due(c);
}

/* What the local server changed in the store. */
static void take_server_changes(struct core *c)
{
	unsigned changes = mqtt_server_take_changes(c->server);

	if (changes & MQTT_CHANGED_NOW)
		c->is_store_dirty = true;
	if (changes & MQTT_CHANGED_LATER) {
		core_defer_commit(c);
		c->has_room = true;
	}
}

/* More came in this turn: a turn later there may be still more, and one sync is enough for all. */
static bool is_growing(struct core *c)
{
	bool grows = c->uncommitted_bytes > c->gathered_bytes;

	if (!c->is_gathering)
		c->gathering_since_ms = c->now_ms;
	c->is_gathering = true;
	c->gathered_bytes = c->uncommitted_bytes;
	return grows && c->uncommitted_bytes < CORE_COMMIT_BYTES &&
	       c->now_ms < c->gathering_since_ms + GATHER_MAX_MS;
}

/* Who was answered by the last commit may be about to publish again: without them two groups would
 * take turns, and each would have half of the syncs. */
static bool is_awaiting_more(struct core *c)
{
	uint64_t patience_ms = timer_min(GATHER_MAX_MS, c->commit_took_ms / GATHER_PART);
	uint64_t end_ms = c->gathering_since_ms + patience_ms;

	if (!c->is_store_dirty || c->has_commit_failed || is_sweep_due(c) ||
	    c->uncommitted_bytes >= CORE_COMMIT_BYTES || c->now_ms >= end_ms ||
	    mqtt_server_answers(c->server) >= c->expected_answers)
		return false;
	c->commit_at_ms = end_ms;
	return true;
}

static void begin_commit(struct core *c)
{
	if (is_sweep_due(c)) {
		store_sweep(c->store);
		c->sweep_at_ms = TIMER_NEVER;
	}
	core_keep_mark(c);
	c->expected_answers = mqtt_server_answers(c->server);
	mqtt_server_commit_begins(c->server, c->now_ms);
	c->is_committing = true;
	c->commits++;
	c->committing_since_ms = c->now_ms;
	c->commit_at_ms = TIMER_NEVER;
	c->is_commit_dirty = c->is_store_dirty;
	c->is_store_dirty = false;
	c->uncommitted_bytes = 0;
	c->gathered_bytes = 0;
	c->is_gathering = false;
	core_action(c, ACTION_STORE_COMMIT, 0);
}

/* Everything accepted until now becomes durable, then it is acknowledged: in this order only. */
void core_commit(struct core *c)
{
	take_server_changes(c);
	if (c->is_committing || c->is_tick_due)
		return;
	if (!is_commit_due(c)) {
		if (!c->is_store_dirty)
			mqtt_server_committed(c->server, c->now_ms);
	} else if (is_growing(c) || core_action_room(c) == 0) {
		c->is_tick_due = true;
	} else if (!is_awaiting_more(c)) {
		begin_commit(c);
	}
}

static void on_commit_failed(struct core *c)
{
	char text[LOG_DETAIL_MAX];

	snprintf(text, sizeof(text),
	    "cannot commit (%.120s); nothing is acknowledged until it works again",
	    store_error(c->store));
	if (!c->has_store_failed)
		core_log_text(c, LOG_LEVEL_ERROR, LOG_STORE_FAILED, -1, text);
	c->has_store_failed = true;
	c->has_commit_failed = true;
	c->is_store_dirty = c->is_store_dirty || c->is_commit_dirty;
	c->commit_at_ms = c->sweep_at_ms = c->now_ms + CORE_STORE_RETRY_MS;
}

static void on_committed(struct core *c)
{
	if (c->has_commit_failed)
		core_log_text(c, LOG_LEVEL_INFO, LOG_STORE_FAILED, -1, "it works again");
	c->has_commit_failed = false;
	c->has_store_failed = false;
	core_note_committed(c);
}

void core_store_done(struct core *c, uint64_t now_ms, int error)
{
	assert(c->is_committing);
	c->now_ms = now_ms;
	c->is_committing = false;
	c->commit_took_ms = now_ms - c->committing_since_ms;
	c->progress++;
	if (error < 0)
		on_commit_failed(c);
	else
		on_committed(c);
	mqtt_server_commit_ended(c->server, now_ms, error == 0);
	core_finish_sent(c);
	c->is_resume_due = true;
	c->is_tick_due = true;
}

void core_resume(struct core *c)
{
	c->is_tick_due = false;
	if (!c->is_resume_due)
		return;
	c->is_resume_due = false;
	c->has_held = false;
	c->retry_at_ms = TIMER_NEVER;
	c->expected_answers += mqtt_server_resume_held(c->server, c->now_ms);
}

bool core_is_stuck(const struct core *c, uint64_t now_ms)
{
	return c->is_committing && now_ms >= c->committing_since_ms + COMMIT_MAX_MS;
}
