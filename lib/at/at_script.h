/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An AT exchange as data: scripts in the vendor's notation, and the values that fill them.
 *
 * A script is a const array of steps up to the one that `is_last`. The only branching is `only_if`;
 * a loop or a decision on an answer belongs to the owner of the job.
 */
#ifndef CMQTTD_AT_AT_SCRIPT_H
#define CMQTTD_AT_AT_SCRIPT_H

#include "base/buf.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct at_step {
	/* The command as the manual prints it. <x> is a value by name, <req_length> the length of
	 * `data`; [...] is left out when anything in it is unset. The CR is added by the channel.
	 */
	const char *send;
	/* Name of the value that is sent after the prompt '>', NULL: no data entry. 1..AT_DATA_MAX
	 * bytes. */
	const char *data;
	/* A line that must come for success or failure, before or after OK. <err> is captured. */
	const char *answer;
	/* A line that may come, with ERROR or OK, and says why it failed. */
	const char *refusal;
	/* Beginning of information lines to hand out (AT_EVENT_INFO). "*": every line that is no
	 * final result and does not look unsolicited (begins with '+' or '*', or is a boot line),
	 * for commands whose answer has no prefix. "**": every line but the final result, for
	 * commands that nobody knows; what could be unsolicited is handed out twice then, as INFO
	 * and as URC. */
	const char *collect;
	/* Skip the step unless this value is set and not empty. */
	const char *only_if;
	/* For the whole step, prompt and data included; never 0. */
	uint32_t timeout_ms;
	/* How much of that may pass until OK or ERROR, prompt and data included; 0: all of it. Then
	 * the modem is asked whether it is there: one that hangs says nothing. */
	uint32_t final_ms;
	/* How much of that is left to the answer once the OK has come; 0: all of it. For answers
	 * that some models never give. */
	uint32_t answer_ms;
	/* Go on whatever the outcome (but not after a time-out). */
	bool error_is_fine : 1;
	/* OK or ERROR may take all of timeout_ms by the manual: who says nothing for final_ms may
	 * be slow and not hang. */
	bool is_slow : 1;
	/* The script ends here. */
	bool is_last : 1;
	/* Error numbers that count as success; ended by 0. */
	uint8_t fine_errs[AT_FINE_ERRS_MAX];
};

enum at_arg_kind {
	AT_ARG_NUMBER,
	AT_ARG_TEXT, /* data, or text that must not end its parameter: see at_template_expand */
	AT_ARG_RAW,  /* a whole command of an operator: quotes allowed, control characters not */
};

struct at_arg {
	const char *name; /* as in <name>, without the brackets */
	enum at_arg_kind kind;
	bool is_secret; /* printed as *** in traces */
	uint64_t number;
	struct span bytes; /* borrowed from the owner until the job is done */
};

struct at_args {
	struct at_arg arg[AT_ARGS_MAX];
	size_t count;
};

/* No value set. */
void at_args_init(struct at_args *a);

/* Set a value, or change it. `name` must outlive the arguments (a literal). Asserts that there is
 * room: AT_ARGS_MAX is our own bound. */
void at_args_number(struct at_args *a, const char *name, uint64_t number);
void at_args_bytes(struct at_args *a, const char *name, const void *data, size_t len);
void at_args_text(
    struct at_args *a, const char *name, const char *text); /* NULL: leaves it unset */
void at_args_secret(struct at_args *a, const char *name, const char *text);
void at_args_raw(struct at_args *a, const char *name, const char *text);
void at_args_unset(struct at_args *a, const char *name);

/* The value, NULL when it is not set. `len` is the length of the name. */
const struct at_arg *at_args_find(const struct at_args *a, const char *name, size_t len);

/* Check a script without running it, for tests: names resolve (names: those its owner sets, count
 * of them; err and req_length are known), brackets and quotes close, an answer or refusal begins
 * with
 * '+' and carries the command word of `send`, there is a time-out, a data entry announces its
 * length, fine errors can be seen. 0; -EINVAL: *ret_why says in English what is wrong. */
int at_script_check(
    const struct at_step *script, const char *const *names, size_t count, const char **ret_why);

#endif
