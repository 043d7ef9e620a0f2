/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes from the tty to tokens: lines, lines with counted bytes, the prompt, garbage.
 *
 * It knows no command. Counted bytes are taken below all command logic: a body can hold "OK", ">"
 * or a result line and is never read as one. How the bytes are cut into reads makes no difference.
 * Tokens borrow from the parser's own buffer until the next call of any parser function.
 *
 * CR or LF end a line (ATV0 ends numeric results with CR alone). Blanks around a line and bytes
 * outside ASCII before it are dropped, empty lines are swallowed. A line with control characters in
 * it, or longer than AT_LINE_MAX, is garbage.
 *
 * Echo: the command is dropped when it comes back byte by byte, and after that so is the body.
 * Lines that begin with "+" may come in between. A body that is a result word for word is its
 * echo if a result follows, and the result if nothing does for 2 s: there may be modems that echo
 * commands but not bodies. One that begins like a result can cost such a modem a time-out.
 */
#ifndef CMQTTD_AT_AT_PARSER_H
#define CMQTTD_AT_AT_PARSER_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A line that announces raw bytes: after this prefix and an optional blank come numbers separated
 * by commas, the last of which is the count of bytes that follow behind CR LF (AT manual 16.3.2).
 */
struct at_framing {
	const char *prefix; /* "+CMQTTRXTOPIC:"; NULL ends a table */
	size_t count_max;
};

#define AT_DATA_SILENCE_MS 2000 /* counted bytes that pause that long do not come any more */

enum at_token_type { AT_TOKEN_LINE, AT_TOKEN_PROMPT, AT_TOKEN_ECHO, AT_TOKEN_GARBAGE };

struct at_token {
	enum at_token_type type;
	struct span line; /* LINE: without its end; GARBAGE: the beginning of it */
	struct span data; /* LINE that announced bytes: these bytes */
	bool has_data;
};

struct at_parser {
	struct buf rx;
	const struct at_framing *framing;
	size_t taken;      /* bytes of rx that belong to the last token: the next call drops them */
	size_t scanned;    /* bytes of rx known to hold no line end */
	size_t header_len; /* a line that announced bytes, kept in rx until they have come */
	size_t data_count; /* how many it announced; 0: none awaited */
	uint64_t data_deadline_ms; /* TIMER_NEVER: no bytes are awaited */
	uint64_t
	    echo_deadline_ms; /* what may be an echo is one only if more of it comes till then */
	bool prompt_expected;
	bool after_prompt; /* the prompt has just been taken */
	bool echo_seen;    /* the command came back: its body may come back as well */
	bool is_line;      /* what begins here is a line, not more of the echo that it interrupts */
	bool skip_to_eol;  /* inside a line that was too long */
	bool swallow_lf;   /* a CR has just ended a line */
	struct span echo_line; /* our command with its CR; borrowed */
	struct span echo_body; /* our body; borrowed */
	size_t echo_pos;       /* bytes of the current one that came back */
	struct buf echo_rest;  /* of the body of a command given up: comes before the others */
};

/* framing: see there; borrowed. Allocates nothing yet. */
void at_parser_init(struct at_parser *p, const struct at_framing *framing);
/* Free the buffer. */
void at_parser_fini(struct at_parser *p);

/* Forget what is half read: the port was re-opened or the modem booted. */
void at_parser_reset(struct at_parser *p);

/* Append bytes. -ENOBUFS: they do not fit (AT_RX_MAX), which cannot happen while the owner hands in
 * at most 4096 bytes at once and takes all tokens after each call; -ENOMEM. */
int at_parser_rx(struct at_parser *p, uint64_t now_ms, const uint8_t *data, size_t len);

/* The next token, false: more bytes are needed. */
bool at_parser_next(struct at_parser *p, uint64_t now_ms, struct at_token *ret);

/* A '>' at the beginning of a line is a prompt from now on, or is text again. */
void at_parser_expect_prompt(struct at_parser *p, bool expected);

/* Drop an echo of this command (with its CR) or body when it comes. Borrowed until exchanged;
 * empty: none. */
void at_parser_expect_echo(struct at_parser *p, struct span line, struct span body);

/* The command whose echo is awaited is given up, and its body went out: if the modem echoes, the
 * rest of the body comes back before the echo of anything sent later. It is copied; without memory
 * it is read as lines. */
void at_parser_keep_echo(struct at_parser *p);

/* No echo is awaited any more, whatever was sent. */
void at_parser_forget_echo(struct at_parser *p);

/* Counted bytes, or the rest of an echo, must have come by then (2 s of silence): the next call of
 * at_parser_next at or after it gives GARBAGE and line mode resumes, or takes what was believed an
 * echo for lines. TIMER_NEVER: nothing awaited. */
uint64_t at_parser_deadline(const struct at_parser *p);

#endif
