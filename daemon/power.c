/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* pipe2 */
#include "power.h"

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_BYTES 200
#define LINES_MAX  50  /* of output that are logged */
#define READS_MAX  256 /* after its end; a pipe holds no more (64 KiB) */

struct power {
	struct loop *loop;
	struct loop_signal *child;
	struct loop_timer *limit;
	struct loop_watch *watch;
	int output; /* read end of its standard output and error, -1: none */
	pid_t pid;  /* 0: none */
	bool is_killed;
	char line[LINE_BYTES];
	size_t len;
	unsigned lines;
};

static void log_line(struct power *power)
{
	if (power->len > 0 && power->lines < LINES_MAX)
		log_write(
		    LOG_DAEMON_POWER_CYCLE, LOG_LEVEL_INFO, "%.*s", (int)power->len, power->line);
	power->lines += power->len > 0;
	power->len = 0;
}

static void close_output(struct power *power)
{
	log_line(power);
	loop_watch_free(power->watch);
	power->watch = NULL;
	if (power->output >= 0)
		close(power->output);
	power->output = -1;
}

/* True: there may be more. */
static bool read_output(struct power *power)
{
	char bytes[512];
	ssize_t n = read(power->output, bytes, sizeof(bytes));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	for (ssize_t i = 0; i < n; i++) {
		if (bytes[i] == '\n' || power->len == LINE_BYTES)
			log_line(power);
		if (bytes[i] != '\n')
			power->line[power->len++] = bytes[i];
	}
	if (n <= 0)
		close_output(power);
	return n > 0;
}

static void on_output(void *arg, bool is_readable, bool is_writable)
{
	(void)is_readable;
	(void)is_writable;
	read_output(arg);
}

static void log_end(const struct power *power, int status)
{
	if (power->is_killed)
		log_write(LOG_DAEMON_POWER_CYCLE, LOG_LEVEL_ERROR,
		    "ended after %d seconds without a result", POWER_LIMIT_MS / 1000);
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		log_write(LOG_DAEMON_POWER_CYCLE, LOG_LEVEL_INFO, "done");
	else if (WIFEXITED(status))
		log_write(LOG_DAEMON_POWER_CYCLE, LOG_LEVEL_ERROR, "failed with exit status %d",
		    WEXITSTATUS(status));
	else
		log_write(LOG_DAEMON_POWER_CYCLE, LOG_LEVEL_ERROR, "ended by signal %d",
		    WTERMSIG(status));
}

static void on_child(void *arg)
{
	struct power *power = arg;
	int status;

	if (power->pid == 0 || waitpid(power->pid, &status, WNOHANG) != power->pid)
		return;
	power->pid = 0;
	loop_timer_cancel(power->limit);
	/* What it left in the pipe; a child of its own may keep the other end open. */
	for (int i = 0; i < READS_MAX && power->output >= 0 && read_output(power); i++)
		;
	close_output(power);
	log_end(power, status);
}

static void on_limit(void *arg)
{
	struct power *power = arg;

	power->is_killed = true;
	kill(-power->pid, SIGKILL);
}

struct power *power_new(struct loop *loop)
{
	struct power *power = calloc(1, sizeof(*power));

	if (!power)
		return NULL;
	power->loop = loop;
	power->output = -1;
	power->limit = loop_timer_new(loop, on_limit, power);
	power->child = loop_signal_new(loop, SIGCHLD, on_child, power);
	if (!power->limit || !power->child) {
		power_free(power);
		return NULL;
	}
	return power;
}

void power_free(struct power *power)
{
	if (!power)
		return;
	if (power->pid > 0) {
		kill(-power->pid, SIGKILL);
		waitpid(power->pid, NULL, 0);
	}
	close_output(power);
	loop_timer_free(power->limit);
	loop_signal_free(power->child);
	free(power);
}

/* A process group of its own, default signals, nothing open but standard input (from nowhere) and
 * output (to us). */
static int spawn(const char *program, int output, pid_t *ret_pid)
{
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *environment[] = { path, NULL };
	char *arguments[] = { strdup(program), NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int r;

	if (!arguments[0])
		return -ENOMEM;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(
	    &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	r = posix_spawn(ret_pid, program, &actions, &attributes, arguments, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	free(arguments[0]);
	return -r;
}

void power_run(struct power *power, const char *program)
{
	int pipes[2], r;
	pid_t pid = 0;

	if (power->pid > 0)
		return;
	if (pipe2(pipes, O_CLOEXEC) < 0) {
		log_write(LOG_DAEMON_POWER_CYCLE, LOG_LEVEL_ERROR, "%s", strerror(errno));
		return;
	}
	r = spawn(program, pipes[1], &pid);
	close(pipes[1]);
	if (r < 0) {
		close(pipes[0]);
		log_write(LOG_DAEMON_POWER_CYCLE, LOG_LEVEL_ERROR, "%s cannot be started: %s",
		    program, strerror(-r));
		return;
	}
	power->pid = pid;
	power->is_killed = false;
	power->lines = 0;
	power->output = pipes[0];
	fcntl(power->output, F_SETFL, O_NONBLOCK);
	power->watch = loop_watch_new(power->loop, power->output, on_output, power);
	loop_timer_set(power->limit, POWER_LIMIT_MS);
}
