/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar of cmqttctl: usage strings with typed holes. The string that the help shows is the
 * one that arguments are read by.
 *
 *   -t TOPIC           an option that must be given, with a value
 *   [-r]               one that may be given
 *   (-m TEXT | -s)     exactly one of them
 *   NAME, [NAME]       an argument by its place
 *
 * A hole is a word in capitals; its type says what may fill it. No I/O here.
 */
#ifndef CMQTTD_CTL_USAGE_H
#define CMQTTD_CTL_USAGE_H

#include <stdbool.h>
#include <stddef.h>

#define CTL_USAGE_ITEMS_MAX 16

struct ctl_hole {
	const char *name; /* "QOS" */
	const char *what; /* "0, 1 or 2" */
	bool (*fits)(const char *value);
};

struct ctl_usage_item {
	const char *flag; /* "-t", "--json"; not ended by a NUL; NULL: by its place */
	size_t flag_len;
	const struct ctl_hole *hole; /* NULL: an option without a value */
	int group;                   /* exactly one of a group; 0: none */
	bool is_required;
};

struct ctl_usage {
	struct ctl_usage_item items[CTL_USAGE_ITEMS_MAX];
	const char *values[CTL_USAGE_ITEMS_MAX]; /* NULL: not given; "" for options without */
	size_t count;
	int groups;
};

/* Read a usage string behind those that were read before (begin with a zeroed usage). Items borrow
 * from the string. 0; -EINVAL: a mistake in the string. */
int ctl_usage_add(struct ctl_usage *u, const char *text);

/* Fill the usage from arguments (borrowed). stop_at_word: end before the first one that is no
 * option. Options may be joined ("-rs"), their values too ("-ta/b", "--name=value"); "--" ends
 * them. Returns the number of arguments read; -EINVAL: `why` says in plain words what is wrong. */
int ctl_usage_read(struct ctl_usage *u, int argc, char *const *argv, bool stop_at_word, char *why,
    size_t why_size);

/* Everything that must be given is. 0; -EINVAL and `why`. */
int ctl_usage_check(const struct ctl_usage *u, char *why, size_t why_size);

/* What was given for an item: "-t" or "NAME". NULL: nothing. */
const char *ctl_usage_get(const struct ctl_usage *u, const char *name);

#endif
