/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dialogue between a modem and the daemon, read from a file. It is text, a line for each thing
 * that happens:
 *
 *   # source: ...   where the shape of this dialogue is known from; required, before the first line
 *   # config: NAME  what the daemon is configured for (replay_config.h); required, likewise
 *   # ...           a remark
 *   < TEXT          the modem says CR LF, TEXT, CR LF
 *   << BYTES        the modem says these bytes and nothing around them
 *   > TEXT          the daemon must say TEXT and CR: a command
 *   >> BYTES        the daemon must say these bytes: a body
 *   = MS            so much time passes, and the daemon says nothing in it
 *   = MS..MAX       the same, and by MAX it says the next line
 *   ! STIMULUS      something else happens (stage.h)
 *   @ FILE          the lines of that file, which has no head, stand here; relative to this one
 *
 * In all of them \r \n \\ and \xHH stand for bytes and \{N:TEXT} for N bytes of TEXT, repeated.
 */
#ifndef TESTS_REPLAY_DIALOGUE_H
#define TESTS_REPLAY_DIALOGUE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dialogue_kind {
	DIALOGUE_RX,    /* from the modem */
	DIALOGUE_TX,    /* from the daemon */
	DIALOGUE_PAUSE, /* time */
	DIALOGUE_DO,    /* a stimulus */
};

struct dialogue_line {
	enum dialogue_kind kind;
	char *file; /* where it stands: this dialogue, or what it includes */
	unsigned number;
	struct buf bytes;        /* RX, TX: as they are on the wire */
	uint64_t min_ms, max_ms; /* PAUSE */
	char *text;              /* DO: not unescaped */
};

struct dialogue {
	struct dialogue_line *lines;
	size_t count;
	char *config;
	bool has_source;
};

/* Read a file and what it includes. false: a mistake in it, or it cannot be read; it was printed.
 * Call dialogue_free in either case. */
bool dialogue_read(const char *path, struct dialogue *ret);

/* Free what it owns. */
void dialogue_free(struct dialogue *d);

/* Append what the escapes in text stand for. false: an escape that is none. */
bool dialogue_unescape(const char *text, struct buf *out);

/* Append bytes as dialogues write them. */
void dialogue_escape(struct span bytes, struct buf *out);

#endif
