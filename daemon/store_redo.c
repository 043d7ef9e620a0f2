/* SPDX-License-Identifier: Apache-2.0 */
#include "store_redo.h"

#include "base/limits.h"

#include <string.h>

/* Two of the largest messages in any case, and some ten thousand removals. */
#define LOG_BYTES_MAX (4 * (size_t)MQTT_PACKET_MAX)

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

/* Records other than REDO_ADD leave out the targets. */
static size_t head_size(const struct redo_record *record)
{
	return offsetof(struct redo_record, targets) +
	       record->target_count * sizeof(record->targets[0]);
}

/* Room was made: it cannot fail. */
static void append_bytes(struct redo *r, const void *data, size_t len)
{
	if (len > 0 && buf_append(&r->log, data, len) < 0)
		__builtin_unreachable();
}

int redo_append(struct redo *r, const struct redo_record *record)
{
	size_t size = head_size(record) + record->text.len + record->payload.len;
	int ret;

	for (size_t i = 0; i < record->target_count; i++)
		size += record->targets[i].topic.len;
	ret = buf_reserve(&r->log, size);
	if (ret < 0)
		return ret;
	append_bytes(r, record, head_size(record));
	append_bytes(r, record->text.data, record->text.len);
	append_bytes(r, record->payload.data, record->payload.len);
	for (size_t i = 0; i < record->target_count; i++)
		append_bytes(r, record->targets[i].topic.data, record->targets[i].topic.len);
	return 0;
}

/* The span that lies at *pos, with the length it was appended with. */
static void take(const uint8_t **pos, struct span *span)
{
	span->data = *pos;
	*pos += span->len;
}

bool redo_next(const struct redo *r, size_t *at, struct redo_record *ret)
{
	const uint8_t *pos;

	if (*at >= buf_len(&r->log))
		return false;
	pos = buf_data(&r->log) + *at;
	memcpy(ret, pos, offsetof(struct redo_record, targets));
	memcpy(ret->targets, pos + offsetof(struct redo_record, targets),
	    ret->target_count * sizeof(ret->targets[0]));
	pos += head_size(ret);
	take(&pos, &ret->text);
	take(&pos, &ret->payload);
	for (size_t i = 0; i < ret->target_count; i++)
		take(&pos, &ret->targets[i].topic);
	*at = (size_t)(pos - buf_data(&r->log));
	return true;
}
