/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where messages wait for their broker: the interface, and the reference implementation's
 * constructor. A store keeps several queues; a message for more than one is kept once. Queues are
 * ordered by priority (higher first), then by sequence number. Refused messages become dead letters
 * with a reason and stay until they are dropped or retried.
 *
 * Nothing is durable before `commit` returned 0. The store is called synchronously; it never calls
 * back. Spans it hands out are valid until the next call.
 */
#ifndef CMQTTD_STORE_STORE_H
#define CMQTTD_STORE_STORE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

/* One queue that is to get the message. */
struct store_target {
	unsigned queue;
	struct span topic;
	uint8_t qos;
	uint8_t priority; /* 0..7, 7 leaves first */
	bool retain;
	bool keep_last;     /* find_topic may be asked for it */
	int64_t expires_ms; /* wall clock, 0: never */
};

struct store_entry {
	uint64_t seq;
	unsigned queue;
	struct span topic;
	struct span payload;
	uint8_t qos;
	uint8_t priority;
	bool retain;
	bool maybe_sent; /* an earlier try had no known outcome */
	uint8_t tries;   /* connection losses and refusals with this message in flight */
	int64_t accepted_ms;
	int64_t expires_ms;
	const char *reason; /* dead letters: why; else NULL */
};

struct store_usage {
	uint64_t messages; /* waiting, dead letters not counted */
	uint64_t bytes;    /* topics and payloads of all, dead letters included */
	uint64_t dead_letters;
};

struct store_ops {
	void (*free)(struct store *s);

	/* Number of the queue of that name, made if it is new. 0, -ENOSPC, -ENOMEM, -EIO. */
	int (*open_queue)(struct store *s, const char *name, unsigned *ret_queue);

	/* No sequence number was ever larger; 0: there was none. */
	uint64_t (*last_seq)(struct store *s);

	/* Append to every target. seq must be larger than any before. All or nothing: 0; -ENOSPC:
	 * over max_bytes; -ENOMEM; -EIO: the disk fails, or is full. */
	int (*add)(struct store *s, uint64_t seq, int64_t accepted_ms, struct span payload,
	    const struct store_target *targets, size_t count);

	/* The entry that is to leave first. */
	bool (*head)(struct store *s, unsigned queue, struct store_entry *ret);

	/* One entry or dead letter by number. */
	bool (*get)(struct store *s, unsigned queue, uint64_t seq, struct store_entry *ret);

	/* Walk a queue by sequence number: the first one behind `after` (0: the first of all). */
	bool (*next)(
	    struct store *s, unsigned queue, bool dead, uint64_t after, struct store_entry *ret);

	/* The newest waiting entry with that topic that was added with keep_last. */
	bool (*find_topic)(struct store *s, unsigned queue, struct span topic, uint64_t *ret_seq);

	/* The entry that is to be given up first when there is no room: the oldest one of the
	 * lowest priority. */
	bool (*oldest)(struct store *s, unsigned queue, struct store_entry *ret);

	/* Remove an entry or dead letter. 0, -ENOENT, -EIO. */
	int (*remove)(struct store *s, unsigned queue, uint64_t seq);

	/* Remember how often an entry was tried. 0, -ENOENT, -EIO. */
	int (*mark)(struct store *s, unsigned queue, uint64_t seq, uint8_t tries, bool maybe_sent);

	/* Entry to dead letter; dead letter back to the queue. 0, -ENOENT, -ENOMEM, -EIO. */
	int (*bury)(struct store *s, unsigned queue, uint64_t seq, const char *reason);
	int (*revive)(struct store *s, unsigned queue, uint64_t seq);

	/* Make durable all that was changed since the last commit, as one. 0; or an error: then it
	 * must be treated as not done, and can be tried again. What was changed stays as it is for
	 * all other calls; only `add` may fail with -EIO until a commit has worked. */
	int (*commit)(struct store *s);

	/* Words for the last failure, for the log. NULL: there are none. */
	const char *(*error)(struct store *s);

	/* Of one queue. */
	void (*usage)(struct store *s, unsigned queue, struct store_usage *ret);

	/* Of all queues together; a body that is shared counts once. */
	void (*total)(struct store *s, struct store_usage *ret);
};

struct store {
	const struct store_ops *ops;
	uint64_t max_bytes;
};

/* In memory: the reference, and the place of QoS 0 messages. NULL: no memory. */
struct store *store_ram_new(uint64_t max_bytes);

/* Words for the last failure; "" if there are none. */
static inline const char *store_error(struct store *s)
{
	return s->ops->error ? s->ops->error(s) : "";
}

/* NULL is fine. */
static inline void store_free(struct store *s)
{
	if (s)
		s->ops->free(s);
}

#endif
