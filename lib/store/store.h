/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where messages wait: the interface, and the reference implementation's constructor. A store keeps
 * several queues: one for every broker, one for every local session that outlives its connection,
 * one for what is retained locally. The payload of a message for more than one is kept once.
 * Queues are ordered by priority (higher first), then by sequence number. Refused messages become
 * dead letters with a reason and stay until they are dropped or retried.
 *
 * A queue can have notes: small texts under a kind and a key, for what a local session consists of
 * besides its messages.
 *
 * Nothing is durable before `commit` returned 0. All calls are synchronous, and one at a time; the
 * store never calls back. Spans it hands out are valid until the next call.
 *
 * `commit` alone may take long, and may run in another thread. Until it has returned, only
 * `last_seq`, `usage`, `total` and `free_bytes` may be called; store_gate_new makes a store whose
 * other calls wait for that.
 */
#ifndef CMQTTD_STORE_STORE_H
#define CMQTTD_STORE_STORE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

/* What is known of an entry's way to the receiver. */
enum store_state {
	STORE_FRESH,
	STORE_MAYBE_SENT, /* an earlier try had no known outcome */
	STORE_RELEASED,   /* QoS 2 to a local client: PUBREC came, PUBCOMP is awaited */
};

/* Kinds of notes. */
enum store_note {
	STORE_NOTE_SESSION,      /* key: name of a property of the session; value: its text */
	STORE_NOTE_SUBSCRIPTION, /* key: topic filter; value: its options as text */
	STORE_NOTE_RECEIVED, /* key: packet identifier in decimal, of a QoS 2 PUBLISH; no value */
	STORE_NOTE_CLOCK,    /* the store's time; one key, see core_clock.c */
	STORE_NOTE_HELD,     /* of a broker: with what the modem is connected; see core_link.c */
	STORE_NOTE_COUNT
};

/* One queue that is to get the message. */
struct store_target {
	unsigned queue;
	struct span topic;
	struct span properties; /* MQTT 5, for local clients; opaque, mostly empty */
	uint8_t qos;
	uint8_t priority; /* 0..7, 7 leaves first */
	bool retain;
	bool keep_last;     /* find_topic may be asked for it */
	uint16_t packet_id; /* local sessions: the identifier it is sent under; else 0 */
	int64_t expires_ms; /* wall clock, 0: never */
};

struct store_entry {
	uint64_t seq;
	unsigned queue;
	struct span topic;
	struct span properties;
	struct span payload;
	enum store_state state;
	uint16_t packet_id;
	uint8_t qos;
	uint8_t priority;
	bool retain;
	bool keep_last;
	uint8_t tries; /* connection losses and refusals with this message in flight */
	int64_t accepted_ms;
	int64_t expires_ms;
	const char *reason; /* dead letters: why; else NULL */
};

struct store_usage {
	uint64_t messages; /* waiting, dead letters not counted */
	uint64_t bytes;    /* topics, properties, payloads of all, dead letters included */
	uint64_t dead_letters;
};

struct store_ops {
	void (*free)(struct store *s);

	/* Number of the queue of that name, made if it is new. 0, -ENOSPC, -ENOMEM, -EIO. */
	int (*open_queue)(struct store *s, const char *name, unsigned *ret_queue);

	/* The queue with the lowest number above `after` (-1: the first of all), and its name. */
	bool (*next_queue)(struct store *s, int after, unsigned *ret_queue, const char **ret_name);

	/* Remove a queue with all that is in it, notes included. 0, -ENOENT, -ENOMEM, -EIO. */
	int (*drop_queue)(struct store *s, unsigned queue);

	/* No sequence number was ever larger; 0: there was none. */
	uint64_t (*last_seq)(struct store *s);

	/* Append to every target: 1..STORE_TARGETS_MAX of them, each queue once. seq must be
	 * larger than any before. All or nothing: 0; -EINVAL: against these rules; -ENOSPC: over
	 * max_bytes; -ENOMEM; -EIO: the disk fails, or is full.
	 *
	 * What was changed before an `add` may become durable on its own, when much has piled up:
	 * what is to be one with a message is changed after its `add`. */
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

	/* The same for one that was delivered: it is gone for all other calls, but a commit may
	 * leave it on the disk until `sweep` was called. Many of them in one commit cost little
	 * more than one. */
	int (*retire)(struct store *s, unsigned queue, uint64_t seq);

	/* The next commit that works removes all that was retired. NULL: `retire` is `remove`. */
	void (*sweep)(struct store *s);

	/* Remember how often an entry was tried, and how far it got. 0, -ENOENT, -EIO. */
	int (*mark)(
	    struct store *s, unsigned queue, uint64_t seq, uint8_t tries, enum store_state state);

	/* Entry to dead letter; dead letter back to the queue. 0, -ENOENT, -ENOMEM, -EIO. */
	int (*bury)(struct store *s, unsigned queue, uint64_t seq, const char *reason);
	int (*revive)(struct store *s, unsigned queue, uint64_t seq);

	/* Set a note, in place of the one of the same kind and key. The key is 1..STORE_NOTE_MAX
	 * bytes, the value 0..STORE_NOTE_MAX. 0, -ENOENT: no such queue; -ENOMEM, -EIO. */
	int (*put_note)(struct store *s, unsigned queue, enum store_note kind, struct span key,
	    struct span value);

	/* Remove a note. 0, -ENOENT, -EIO. */
	int (*drop_note)(struct store *s, unsigned queue, enum store_note kind, struct span key);

	/* Walk the notes of one kind in the order of their keys' bytes: the first one behind
	 * `after` (empty: the first of all; a key that this function gave is fine). */
	bool (*next_note)(struct store *s, unsigned queue, enum store_note kind, struct span after,
	    struct span *ret_key, struct span *ret_value);

	/* Right before a `commit` in another thread: do what that could not. 0, -ENOMEM, -EIO:
	 * there is to be no commit then. NULL: nothing. */
	int (*prepare)(struct store *s);

	/* Make durable all that was changed since the last commit, as one. 0; or an error: then it
	 * must be treated as not done, and can be tried again. What was changed stays as it is for
	 * all other calls; only what takes more room (`add`, `put_note`, `open_queue` of a new one)
	 * fails with -EIO until a commit has worked. */
	int (*commit)(struct store *s);

	/* Words for the last failure, for the log. NULL: there are none. */
	const char *(*error)(struct store *s);

	/* Of one queue. */
	void (*usage)(struct store *s, unsigned queue, struct store_usage *ret);

	/* Of all queues together; a body that is shared counts once. */
	void (*total)(struct store *s, struct store_usage *ret);

	/* Bytes that are free where the store is. 0 or -errno. NULL: nowhere in particular. */
	int (*free_bytes)(struct store *s, uint64_t *ret);
};

struct store {
	const struct store_ops *ops;
	uint64_t max_bytes;
};

/* In memory: the reference, and the place of QoS 0 messages. NULL: no memory. */
struct store *store_ram_new(uint64_t max_bytes);

/* In front of another store, which may be committed by another thread: a call that needs the inner
 * store first calls wait, which returns when no commit is under way. The inner store stays the
 * caller's, and must outlive it; its max_bytes follows that of this one. NULL: no memory. */
struct store *store_gate_new(struct store *inner, void (*wait)(void *arg), void *arg);

/* Words for the last failure; "" if there are none. */
static inline const char *store_error(struct store *s)
{
	return s->ops->error ? s->ops->error(s) : "";
}

/* All that was retired is to leave the disk with the next commit. */
static inline void store_sweep(struct store *s)
{
	if (s->ops->sweep)
		s->ops->sweep(s);
}

/* NULL is fine. */
static inline void store_free(struct store *s)
{
	if (s)
		s->ops->free(s);
}

#endif
