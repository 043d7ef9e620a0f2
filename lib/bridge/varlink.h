/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Varlink messages (varlink.org, "Protocol"): one JSON object and a NUL byte each. Framing, and the
 * shapes of calls, replies and errors; knows no method and no connection. Daemon and cmqttctl use
 * it from both ends.
 *
 * Everything here can run out of memory in the JSON library. Then nothing was written, and the
 * connection is to be closed: a message that is left out would shift the answers behind it.
 */
#ifndef CMQTTD_BRIDGE_VARLINK_H
#define CMQTTD_BRIDGE_VARLINK_H

#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a connection on their way to be messages. */
struct varlink_reader {
	struct buf in;
	size_t scanned; /* so many bytes of `in` hold no NUL */
	size_t max_values;
};

enum varlink_read {
	VARLINK_READ_NOTHING, /* no whole message yet */
	VARLINK_READ_MESSAGE,
	VARLINK_READ_GARBAGE, /* too long or full, no JSON object, or no memory: close the
				 connection */
};

/* A call as it came. The pointers borrow from the message. */
struct varlink_call {
	const char *method; /* "io.cmqttd.GetStatus" */
	json_t *parameters; /* NULL: none */
	bool is_more;       /* any number of replies, all but the last with `continues` */
	bool is_oneway;     /* no reply, no error */
	bool is_upgrade;    /* another protocol is to follow: nothing here offers that */
};

/* An answer as it came. The pointers borrow from the message. */
struct varlink_answer {
	const char *error;  /* NULL: success */
	json_t *parameters; /* NULL: none */
	bool is_continued;
};

/* Messages of at most max_bytes, the NUL included, that hold at most max_values JSON values: each
 * costs the JSON library over a hundred bytes while the sender pays two. Allocates nothing yet. */
void varlink_reader_init(struct varlink_reader *r, size_t max_bytes, size_t max_values);
void varlink_reader_fini(struct varlink_reader *r);

/* Take as many bytes as there is room for; returns how many. Read messages to make room. 0 for
 * len > 0 after VARLINK_READ_NOTHING does not happen: that reading finds GARBAGE instead. -ENOMEM:
 * nothing was taken. */
int varlink_reader_feed(
    struct varlink_reader *r, const uint8_t *data, size_t len, size_t *ret_taken);

/* The next message: a new reference. */
enum varlink_read varlink_reader_next(struct varlink_reader *r, json_t **ret_msg);

/* Look at a message as a call or as an answer. 0; -EBADMSG: it is none. Members that the protocol
 * does not have are ignored. */
int varlink_parse_call(json_t *msg, struct varlink_call *ret);
int varlink_parse_answer(json_t *msg, struct varlink_answer *ret);

/* Append a message. `parameters` is taken over, also on failure; NULL stands for what could not be
 * made. 0; -ENOMEM: also what the JSON library cannot write; -ENOBUFS: over the buffer's limit. */
int varlink_write_call(struct buf *out, const char *method, json_t *parameters, bool is_more);
int varlink_write_reply(struct buf *out, json_t *parameters, bool is_continued);
int varlink_write_error(struct buf *out, const char *error, json_t *parameters);

#endif
