/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of cmqttctl as one table: name, usage string, help, the method that is called, its
 * parameters from the arguments, and how the reply is shown.
 */
#ifndef CMQTTD_CTL_COMMANDS_H
#define CMQTTD_CTL_COMMANDS_H

#include "ctl_print.h"
#include "ctl_usage.h"

#include <jansson.h>
#include <stdbool.h>

/* What a command of cmqttctl's own gets. */
struct ctl_env {
	const struct ctl_usage *usage;
	const char *socket; /* path of the daemon's control socket */
	bool is_json;
	struct ctl_style style;
};

struct ctl_command {
	const char *name; /* one word, or two: "queue list"; NULL: no more */
	const char *usage;
	const char *summary; /* one line */
	const char *more;    /* of the help, lines; NULL: the summary says it all */
	const char *method;  /* of io.cmqttd; NULL: the command is more than a call */
	const char *pages;   /* a list that comes in parts: the member that has it; else NULL */
	bool is_stream;
	bool is_patient; /* the reply may take as long as it takes */
	/* The method's parameters; NULL: none. 0 and a new reference, or -1: `why` says why. */
	int (*parameters)(const struct ctl_usage *u, json_t **ret, char *why, size_t why_size);
	void (*print)(const struct ctl_style *s, const json_t *reply); /* NULL: nothing */
	/* Without a method: does it all, and returns the exit status. NULL: the help. */
	int (*run)(const struct ctl_env *env);
};

extern const struct ctl_command ctl_commands[];

/* Options that every command takes. */
extern const char ctl_global_usage[];

/* By its whole name. NULL: there is none. */
const struct ctl_command *ctl_command_find(const char *name);

/* The command that these words begin with (second: NULL, or what follows), and how many of them are
 * its name. Of commands of two words the first one is meant if no second word is given. NULL: there
 * is none, and so many words look as if they were meant for its name. */
const struct ctl_command *ctl_command_take(const char *first, const char *second, int *ret_words);

/* The command whose name is most like it. */
const struct ctl_command *ctl_command_nearest(const char *name);

/* The help: all commands; or one of them, and those that begin with the same word. */
void ctl_commands_help(FILE *out);
void ctl_command_help(FILE *out, const struct ctl_command *command);

#endif
