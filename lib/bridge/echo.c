/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/echo.h"

#include "base/hash.h"
#include "base/timerq.h"

void echo_init(struct echo *e)
{
	*e = (struct echo){ 0 };
}

static uint64_t message_hash(struct span topic, struct span payload)
{
	uint64_t hash = hash_fnv1a(HASH_INIT, topic.data, topic.len);

	/* A NUL cannot be in a topic: topic and payload do not run into each other. */
	hash = hash_fnv1a(hash, "", 1);
	return hash_fnv1a(hash, payload.data, payload.len);
}

void echo_expect(struct echo *e, struct span topic, struct span payload)
{
	e->entries[e->next] = (struct echo_entry){
		.hash = message_hash(topic, payload),
		.until_ms = TIMER_NEVER,
		.is_used = true,
	};
	e->next = (e->next + 1) % BRIDGE_ECHO_MAX;
}

void echo_sent(struct echo *e, uint64_t now_ms, struct span topic, struct span payload)
{
	uint64_t hash = message_hash(topic, payload);

	for (size_t i = 0; i < BRIDGE_ECHO_MAX; i++) {
		struct echo_entry *entry = &e->entries[i];

		if (entry->is_used && entry->hash == hash && entry->until_ms == TIMER_NEVER)
			entry->until_ms = now_ms + ECHO_KEEP_MS;
	}
}

static struct echo_entry *find(
    struct echo *e, uint64_t now_ms, struct span topic, struct span payload)
{
	uint64_t hash = message_hash(topic, payload);

	for (size_t i = 0; i < BRIDGE_ECHO_MAX; i++) {
		struct echo_entry *entry = &e->entries[i];

		if (entry->is_used && entry->hash == hash && now_ms <= entry->until_ms)
			return entry;
	}
	return NULL;
}

bool echo_take(struct echo *e, uint64_t now_ms, struct span topic, struct span payload)
{
	struct echo_entry *entry = find(e, now_ms, topic, payload);

	if (entry)
		entry->is_used = false;
	return entry != NULL;
}
