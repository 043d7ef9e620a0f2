/* SPDX-License-Identifier: Apache-2.0 */
#include "store_redo.h"

#include "base/limits.h"

#include <string.h>

/* Two of the largest messages in any case, and some ten thousand removals. */
#define LOG_BYTES_MAX (4 * (size_t)MQTT_PACKET_MAX)

/* A record begins where its numbers and those of its targets may lie: they are used in place. */
#define ALIGNMENT 8
_Static_assert(sizeof(struct redo_record) % ALIGNMENT == 0, "targets follow the record");
_Static_assert(sizeof(struct store_target) % ALIGNMENT == 0, "targets follow each other");

void redo_init(struct redo *r)
{
	*r = (struct redo){ 0 };
	buf_init(&r->log, LOG_BYTES_MAX);
}

void redo_fini(struct redo *r)
{
	buf_fini(&r->log);
}

void redo_clear(struct redo *r)
{
	buf_clear(&r->log);
}

size_t redo_size(const struct redo *r)
{
	return buf_len(&r->log);
}

static bool is_same_memory(struct span a, struct span b)
{
	return a.data == b.data && a.len == b.len;
}

static bool has_own(const struct store_target *targets, size_t i, bool is_topic)
{
	if (i == 0)
		return true;
	return is_topic ? !is_same_memory(targets[i].topic, targets[i - 1].topic)
			: !is_same_memory(targets[i].properties, targets[i - 1].properties);
}

static size_t size_of(const struct redo_record *record)
{
	size_t size = sizeof(*record) + record->text.len + record->payload.len;

	for (size_t i = 0; i < record->target_count; i++) {
		const struct store_target *t = &record->targets[i];

		size += sizeof(*t);
		size += has_own(record->targets, i, true) ? t->topic.len : 0;
		size += has_own(record->targets, i, false) ? t->properties.len : 0;
	}
	return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Room was made: it cannot fail. */
static void append_bytes(struct redo *r, const void *data, size_t len)
{
	if (len > 0 && buf_append(&r->log, data, len) < 0)
		__builtin_unreachable();
}

static void append_span(struct redo *r, struct span span)
{
	append_bytes(r, span.data, span.len);
}

int redo_append(struct redo *r, const struct redo_record *record)
{
	static const uint8_t padding[ALIGNMENT];
	const struct store_target *targets = record->targets;
	size_t begin = redo_size(r), size = size_of(record);
	int ret = buf_reserve(&r->log, size);

	if (ret < 0)
		return ret;
	append_bytes(r, record, sizeof(*record));
	append_bytes(r, targets, record->target_count * sizeof(*targets));
	append_span(r, record->text);
	append_span(r, record->payload);
	for (size_t i = 0; i < record->target_count; i++) {
		if (has_own(targets, i, true))
			append_span(r, targets[i].topic);
		if (has_own(targets, i, false))
			append_span(r, targets[i].properties);
	}
	append_bytes(r, padding, begin + size - redo_size(r));
	return 0;
}

/* Let the span point to its bytes in the log. */
static void take(const uint8_t **pos, struct span *span)
{
	span->data = *pos;
	*pos += span->len;
}

/* The targets still point to where they were copied from, or to where the log was: what is the same
 * memory there is the same here. */
static void take_targets(const uint8_t **pos, struct store_target *targets, size_t count)
{
	struct store_target before = { 0 };

	for (size_t i = 0; i < count; i++) {
		struct store_target *t = &targets[i], as_found = *t;

		if (i > 0 && is_same_memory(t->topic, before.topic))
			t->topic = t[-1].topic;
		else
			take(pos, &t->topic);
		if (i > 0 && is_same_memory(t->properties, before.properties))
			t->properties = t[-1].properties;
		else
			take(pos, &t->properties);
		before = as_found;
	}
}

bool redo_next(struct redo *r, size_t *at, struct redo_record *ret)
{
	struct store_target *targets;
	const uint8_t *pos;
	uint8_t *begin;

	if (*at >= redo_size(r))
		return false;
	begin = r->log.mem + r->log.start + *at;
	memcpy(ret, begin, sizeof(*ret));
	targets = (void *)(begin + sizeof(*ret));
	pos = (const uint8_t *)(targets + ret->target_count);
	take(&pos, &ret->text);
	take(&pos, &ret->payload);
	take_targets(&pos, targets, ret->target_count);
	ret->targets = targets;
	*at += size_of(ret);
	return true;
}
