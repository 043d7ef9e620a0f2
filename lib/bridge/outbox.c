/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/outbox.h"

#include "base/limits.h"

#include <assert.h>
#include <errno.h>

/* MQTT error numbers by which a broker shows that it does not want a message: it closes the
 * connection (AWS and others; AT manual 16.3.1). */
#define ERR_RECEIVE       6
#define ERR_SERVER_CLOSED 26

int outbox_init(struct outbox *o, struct store *durable, const char *name)
{
	int r;

	*o = (struct outbox){ .durable = durable };
	buf_init(&o->flight, MODEM_TOPIC_MAX + MODEM_PAYLOAD_MAX);
	o->memory = store_ram_new(BRIDGE_QOS0_BYTES_MAX);
	if (!o->memory)
		return -ENOMEM;
	r = o->memory->ops->open_queue(o->memory, "qos0", &o->memory_queue);
	if (r < 0)
		return r;
	return durable->ops->open_queue(durable, name, &o->durable_queue);
}

void outbox_fini(struct outbox *o)
{
	buf_fini(&o->flight);
	store_free(o->memory);
	o->memory = NULL;
}

uint64_t outbox_use_queue(struct outbox *o, unsigned queue)
{
	struct store_entry e;
	uint64_t count = 0;

	if (queue == o->durable_queue)
		return 0;
	assert(!o->is_busy);
	o->durable_queue = queue;
	o->sent_seq = 0;
	o->is_stuck = false;
	while (o->memory->ops->head(o->memory, o->memory_queue, &e)) {
		o->memory->ops->remove(o->memory, o->memory_queue, e.seq);
		count++;
	}
	return count;
}

static bool leaves_before(const struct store_entry *a, const struct store_entry *b)
{
	if (a->priority != b->priority)
		return a->priority > b->priority;
	return a->seq < b->seq;
}

static bool has_durable(const struct outbox *o)
{
	struct store_usage usage;

	o->durable->ops->usage(o->durable, o->durable_queue, &usage);
	return usage.messages > 0;
}

bool outbox_needs_durable(const struct outbox *o)
{
	return o->is_stuck || o->sent_seq || has_durable(o);
}

bool outbox_head(struct outbox *o, struct store_entry *ret, bool *ret_is_memory)
{
	struct store_entry durable, memory;
	/* Without it a commit that is under way is no matter. */
	bool is_on_disk =
	    has_durable(o) && o->durable->ops->head(o->durable, o->durable_queue, &durable);
	bool is_in_memory = o->memory->ops->head(o->memory, o->memory_queue, &memory);

	if (!is_on_disk && !is_in_memory)
		return false;
	*ret_is_memory = is_in_memory && (!is_on_disk || leaves_before(&memory, &durable));
	*ret = *ret_is_memory ? memory : durable;
	return true;
}

bool outbox_is_in_flight(const struct outbox *o, uint64_t seq)
{
	return o->is_busy && o->seq == seq;
}

bool outbox_oldest(struct outbox *o, bool is_memory, struct store_entry *ret)
{
	struct store *s = is_memory ? o->memory : o->durable;
	unsigned queue = is_memory ? o->memory_queue : o->durable_queue;
	struct store_entry e, next;

	if (!s->ops->oldest(s, queue, &e))
		return false;
	if (!outbox_is_in_flight(o, e.seq)) {
		*ret = e;
		return true;
	}
	/* What is in flight leaves before all others of its priority. */
	next = e;
	while (s->ops->next(s, queue, false, next.seq, &next)) {
		if (next.priority != e.priority)
			continue;
		*ret = next;
		return true;
	}
	return false;
}

int outbox_remove(struct outbox *o, const struct store_entry *e, bool is_memory)
{
	struct store *s = is_memory ? o->memory : o->durable;

	return s->ops->remove(s, e->queue, e->seq);
}

/* The message that was sent last must not leave twice because the disk fails. */
static bool has_let_go(struct outbox *o)
{
	int r =
	    o->sent_seq ? o->durable->ops->retire(o->durable, o->durable_queue, o->sent_seq) : 0;

	if (r < 0 && r != -ENOENT)
		return false;
	o->sent_seq = 0;
	return true;
}

/* Nothing comes: because there is nothing, or because the store cannot be read. */
static int why_nothing(struct outbox *o)
{
	struct store_usage usage;

	outbox_usage(o, &usage);
	return usage.messages == 0 ? -ENOENT : -EIO;
}

int outbox_begin(struct outbox *o, struct modem_publish *ret)
{
	struct store_entry e;
	bool is_memory;
	int r;

	assert(!o->is_busy);
	if (!has_let_go(o))
		return -EIO;
	if (!outbox_head(o, &e, &is_memory))
		return why_nothing(o);
	buf_clear(&o->flight);
	if (e.topic.len > buf_room(&o->flight) ||
	    e.payload.len > buf_room(&o->flight) - e.topic.len)
		return -E2BIG;
	r = buf_append(&o->flight, e.topic.data, e.topic.len);
	if (r == 0)
		r = buf_append(&o->flight, e.payload.data, e.payload.len);
	if (r < 0)
		return r;
	o->is_busy = true;
	o->is_stuck = false;
	o->is_from_memory = is_memory;
	o->seq = e.seq;
	o->tries = e.tries;
	o->state = e.state;
	o->qos = e.qos;
	o->retain = e.retain;
	o->topic_len = e.topic.len;
	*ret = (struct modem_publish){
		.topic = { buf_data(&o->flight), e.topic.len },
		.payload = { buf_data(&o->flight) + e.topic.len, e.payload.len },
		.qos = e.qos,
		.retain = e.retain,
		.dup = e.state == STORE_MAYBE_SENT,
	};
	return 0;
}

bool outbox_counts_as_try(enum send_result result, unsigned err)
{
	switch (result) {
	case SEND_POISON:
		return true;
	case SEND_SESSION:
	case SEND_UNKNOWN:
		return err == ERR_RECEIVE || err == ERR_SERVER_CLOSED;
	case SEND_STUCK: /* see outbox_blame */
	case SEND_OK:
	case SEND_RETRY:
		break;
	}
	return false;
}

static enum outbox_fate finish_memory(struct outbox *o, enum send_result result)
{
	if (result == SEND_RETRY)
		return OUTBOX_KEPT;
	o->memory->ops->remove(o->memory, o->memory_queue, o->seq);
	return result == SEND_OK ? OUTBOX_SENT : OUTBOX_DROPPED;
}

/* Bury it, or remember what is known of it. */
static enum outbox_fate keep_or_bury(struct outbox *o, unsigned tries_max, const char *reason)
{
	const struct store_ops *ops = o->durable->ops;

	if (o->tries >= tries_max && ops->bury(o->durable, o->durable_queue, o->seq, reason) == 0)
		return OUTBOX_BURIED;
	ops->mark(o->durable, o->durable_queue, o->seq, o->tries, o->state);
	return OUTBOX_KEPT;
}

enum outbox_fate outbox_finish(
    struct outbox *o, enum send_result result, unsigned err, unsigned tries_max, const char *reason)
{
	enum outbox_fate fate;
	int r;

	assert(o->is_busy && !o->is_report);
	o->is_busy = false;
	if (o->is_from_memory)
		return finish_memory(o, result);
	/* The entry may be gone already (dropped by the operator): that is no error here. */
	if (result == SEND_OK) {
		r = o->durable->ops->retire(o->durable, o->durable_queue, o->seq);
		o->sent_seq = r < 0 && r != -ENOENT ? o->seq : 0;
		return OUTBOX_SENT;
	}
	if (outbox_counts_as_try(result, err))
		o->tries++;
	if (result == SEND_UNKNOWN)
		o->state = STORE_MAYBE_SENT;
	o->is_stuck = result == SEND_STUCK;
	fate = keep_or_bury(o, tries_max, reason);
	return fate == OUTBOX_KEPT && result == SEND_UNKNOWN ? OUTBOX_KEPT_DUP : fate;
}

int outbox_begin_report(
    struct outbox *o, struct span topic, struct span payload, struct modem_publish *ret)
{
	int r;

	assert(!o->is_busy);
	buf_clear(&o->flight);
	r = buf_append(&o->flight, topic.data, topic.len);
	if (r == 0)
		r = buf_append(&o->flight, payload.data, payload.len);
	if (r < 0)
		return r;
	o->is_busy = true;
	o->is_report = true;
	o->is_stuck = false;
	o->seq = 0;
	o->topic_len = topic.len;
	*ret = (struct modem_publish){
		.topic = { buf_data(&o->flight), topic.len },
		.payload = { buf_data(&o->flight) + topic.len, payload.len },
		.qos = 1,
	};
	return 0;
}

void outbox_finish_report(struct outbox *o)
{
	assert(o->is_busy && o->is_report);
	o->is_busy = false;
	o->is_report = false;
}

enum outbox_fate outbox_blame(struct outbox *o, unsigned tries_max, const char *reason)
{
	assert(!o->is_busy && o->is_stuck);
	o->is_stuck = false;
	o->tries++;
	return keep_or_bury(o, tries_max, reason);
}

void outbox_usage(const struct outbox *o, struct store_usage *ret)
{
	struct store_usage memory;

	o->durable->ops->usage(o->durable, o->durable_queue, ret);
	o->memory->ops->usage(o->memory, o->memory_queue, &memory);
	ret->messages += memory.messages;
	ret->bytes += memory.bytes;
}
