/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmqttctl: the client of the control socket. Arguments in, one call, its replies out.
 */
#include "bridge/ctl_interface.h"
#include "ctl_client.h"
#include "ctl_commands.h"
#include "ctl_table.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#ifndef CMQTTD_RUNDIR
#define CMQTTD_RUNDIR "/run/cmqttd"
#endif

#define DEFAULT_SOCKET   CMQTTD_RUNDIR "/control.sock"
#define REPLY_TIMEOUT_MS 10000

#define EXIT_REFUSED     1

/* One run of the program. */
struct run {
	const struct ctl_command *command;
	struct ctl_usage usage;
	const char *path;
	bool is_json;
	long left;     /* messages until the end, -1: no end */
	json_t *parts; /* of a list in pages, so far; NULL: none */
	struct ctl_client client;
};

/* What was typed may be in it, and what was typed may be the name of somebody's file. */
static int complain(const char *what)
{
	fputs("cmqttctl: ", stderr);
	ctl_text_print(stderr, what, strlen(what));
	fputc('\n', stderr);
	return EXIT_REFUSED;
}

static int complain_usage(const char *what, const struct ctl_command *command)
{
	complain(what);
	if (command)
		fprintf(stderr, "Usage: cmqttctl %s%s%s\n", command->name,
		    command->usage[0] ? " " : "", command->usage);
	fprintf(stderr, "\"cmqttctl help%s%.*s\" says more.\n", command ? " " : "",
	    command ? (int)strcspn(command->name, " ") : 0, command ? command->name : "");
	return EX_USAGE;
}

/* ---- output ---- */

static bool wants_color(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_color && no_color[0]) &&
	       !(term && strcmp(term, "dumb") == 0);
}

static struct ctl_style make_style(void)
{
	return (struct ctl_style){ .out = stdout,
		.is_colored = wants_color(),
		.is_terminal = isatty(STDOUT_FILENO),
		.now = time(NULL) };
}

static void show(const struct run *run, const json_t *reply)
{
	const struct ctl_style style = make_style();

	if (run->is_json) {
		json_dumpf(reply, stdout, JSON_COMPACT);
		fputc('\n', stdout);
	} else if (run->command->print) {
		run->command->print(&style, reply);
	}
}

/* People see a list that comes in pages as one, when it is complete. */
static int show_page(struct run *run, const json_t *reply, bool is_last)
{
	const char *member = run->command->pages;
	json_t *whole;

	if (!run->parts)
		run->parts = json_array();
	if (json_array_extend(run->parts, json_object_get(reply, member)) < 0)
		return complain("not enough memory, or what answers there is not cmqttd");
	if (is_last) {
		whole = json_pack("{s:O}", member, run->parts);
		show(run, whole);
		json_decref(whole);
	}
	return 0;
}

/* All that was written is out. */
static int flush_output(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	fprintf(stderr, "cmqttctl: cannot write: %s\n", strerror(errno));
	return EXIT_REFUSED;
}

/* ---- the call ---- */

static int complain_open(const char *path, int error)
{
	fprintf(stderr, "cmqttctl: cannot reach the daemon at %s: %s\n", path, strerror(-error));
	if (error == -EACCES || error == -EPERM) {
		fprintf(
		    stderr, "Members of the socket's group may, and root: see ls -l %s\n", path);
		return EXIT_REFUSED;
	}
	if (error == -ENAMETOOLONG)
		return EX_USAGE;
	fprintf(stderr,
	    "Does it run? \"systemctl status cmqttd\" tells. Another socket is named by -S PATH or "
	    "$CMQTTD_SOCKET.\n");
	return EX_UNAVAILABLE;
}

static int complain_lost(int error)
{
	switch (-error) {
	case ETIMEDOUT:
		return complain("the daemon does not answer");
	case EPIPE:
		/* Nobody reads our output. End as if we had tried to write it. */
		raise(SIGPIPE);
		return EXIT_REFUSED;
	case ECONNRESET:
		return complain("the daemon closed the connection; it stopped, or it has too many");
	case EBADMSG:
		return complain("what answers there is not cmqttd");
	}
	return complain(strerror(-error));
}

/* An answer whose modem or broker said no counts as refused. */
static bool is_failure(const json_t *reply)
{
	return json_is_false(json_object_get(reply, "ok"));
}

static bool is_notice_of_loss(const json_t *reply)
{
	return json_is_integer(json_object_get(reply, "lost"));
}

/* Show one message. 0 and whether it was the last one; or the exit status. */
static int take_answer(struct run *run, json_t *msg, bool *ret_is_last)
{
	struct varlink_answer answer;
	int status;

	if (varlink_parse_answer(msg, &answer) < 0)
		return complain_lost(-EBADMSG);
	if (answer.error) {
		fputs("cmqttctl: ", stderr);
		ctl_print_error(stderr, answer.error, answer.parameters);
		return EXIT_REFUSED;
	}
	if (run->command->pages && !run->is_json) {
		status = show_page(run, answer.parameters, !answer.is_continued);
		if (status != 0)
			return status;
	} else {
		show(run, answer.parameters);
	}
	status = flush_output();
	if (status == 0 && is_failure(answer.parameters))
		status = EXIT_REFUSED;
	if (run->left > 0 && !is_notice_of_loss(answer.parameters))
		run->left--;
	*ret_is_last = !answer.is_continued || run->left == 0;
	return status;
}

static int read_answers(struct run *run)
{
	int timeout_ms = run->command->is_patient ? CTL_CLIENT_FOREVER : REPLY_TIMEOUT_MS;
	bool is_last = false;
	int status = 0;

	while (status == 0 && !is_last) {
		json_t *msg;
		int r = ctl_client_read(&run->client, timeout_ms, STDOUT_FILENO, &msg);

		if (r < 0)
			return complain_lost(r);
		status = take_answer(run, msg, &is_last);
		json_decref(msg);
	}
	return status;
}

static int call(struct run *run, json_t *parameters)
{
	char method[64];
	int status, r;

	r = ctl_client_open(&run->client, run->path);
	if (r < 0) {
		json_decref(parameters);
		return complain_open(run->path, r);
	}
	snprintf(method, sizeof(method), CTL_INTERFACE ".%s", run->command->method);
	r = ctl_client_call(&run->client, method, parameters, run->command->is_stream);
	status = r < 0 ? complain_lost(r == -EPIPE ? -ECONNRESET : r) : read_answers(run);
	ctl_client_close(&run->client);
	json_decref(run->parts);
	return status;
}

static int run_command(struct run *run)
{
	char why[1024] = "not enough memory";
	json_t *parameters = NULL;

	if (run->command->parameters) {
		if (run->command->parameters(&run->usage, &parameters, why, sizeof(why)) < 0)
			return complain(why);
	} else {
		parameters = json_object();
	}
	return call(run, parameters);
}

static int run_own(const struct run *run)
{
	const struct ctl_env env = {
		.usage = &run->usage,
		.socket = run->path,
		.is_json = run->is_json,
		.style = make_style(),
	};
	int status = run->command->run(&env);
	int written = flush_output();

	return status != 0 ? status : written;
}

static int run_help(const struct run *run)
{
	const char *name = ctl_usage_get(&run->usage, "COMMAND");
	const struct ctl_command *command = NULL;
	int words;

	if (name)
		command = ctl_command_take(name, NULL, &words);
	if (name && !command) {
		fputs("cmqttctl: there is no command \"", stderr);
		ctl_text_print(stderr, name, strlen(name));
		fprintf(stderr, "\"; did you mean \"%s\"?\n", ctl_command_nearest(name)->name);
		return EX_USAGE;
	}
	if (command)
		ctl_command_help(stdout, command);
	else
		ctl_commands_help(stdout);
	return flush_output();
}

/* ---- arguments ---- */

static bool is_given(const struct run *run, const char *flag, const char *also)
{
	return ctl_usage_get(&run->usage, flag) || ctl_usage_get(&run->usage, also);
}

/* What the options for all commands ask for; -1: go on with the command. */
static int take_global_options(struct run *run)
{
	const char *path = ctl_usage_get(&run->usage, "-S");
	const char *environment = getenv("CMQTTD_SOCKET");

	if (is_given(run, "-h", "--help")) {
		if (run->command)
			ctl_command_help(stdout, run->command);
		else
			ctl_commands_help(stdout);
		return flush_output();
	}
	if (is_given(run, "-V", "--version")) {
		printf("cmqttctl %s\n", CMQTTD_VERSION);
		return flush_output();
	}
	run->path = path ? path : environment && environment[0] ? environment : DEFAULT_SOCKET;
	if (strncmp(run->path, "unix:", 5) == 0)
		run->path += 5;
	run->is_json = ctl_usage_get(&run->usage, "--json") != NULL;
	return -1;
}

/* Find the command and read its arguments. 0, or the exit status. */
static int take_command(struct run *run, int argc, char *const *argv)
{
	char why[256], name[128];
	int words;

	run->command = ctl_command_take(argv[0], argc > 1 ? argv[1] : NULL, &words);
	if (!run->command) {
		snprintf(name, sizeof(name), "%.60s%s%.60s", argv[0], words > 1 ? " " : "",
		    words > 1 ? argv[1] : "");
		snprintf(why, sizeof(why), "there is no command \"%s\"; did you mean \"%s\"?", name,
		    ctl_command_nearest(name)->name);
		return complain_usage(why, NULL);
	}
	ctl_usage_add(&run->usage, run->command->usage);
	if (ctl_usage_read(&run->usage, argc - words, argv + words, false, why, sizeof(why)) < 0)
		return complain_usage(why, run->command);
	return 0;
}

static int run_arguments(struct run *run, int argc, char *const *argv)
{
	char why[256];
	const char *count;
	int n, status = 0;

	ctl_usage_add(&run->usage, ctl_global_usage);
	n = ctl_usage_read(&run->usage, argc - 1, argv + 1, true, why, sizeof(why));
	if (n < 0)
		return complain_usage(why, NULL);
	if (1 + n < argc)
		status = take_command(run, argc - 1 - n, argv + 1 + n);
	if (status != 0)
		return status;
	status = take_global_options(run);
	if (status >= 0)
		return status;
	if (!run->command)
		return complain_usage("a command is missing", NULL);
	if (ctl_usage_check(&run->usage, why, sizeof(why)) < 0)
		return complain_usage(why, run->command);
	count = ctl_usage_get(&run->usage, "-C");
	run->left = count ? strtol(count, NULL, 10) : -1;
	if (run->command->run)
		return run_own(run);
	return run->command->method ? run_command(run) : run_help(run);
}

/* A descriptor 0, 1 or 2 that is closed would become our socket, and get what we print. */
static void fill_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			_exit(EXIT_REFUSED);
	}
}

int main(int argc, char *argv[])
{
	struct run run = { .left = -1 };

	fill_standard_descriptors();
	/* Whoever started us may have it ignored; then a pipe that ends would be an error. */
	signal(SIGPIPE, SIG_DFL);
	return run_arguments(&run, argc, argv);
}
