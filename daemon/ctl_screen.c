/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_screen.h"

#include "bridge/ctl_interface.h"
#include "ctl_client.h"
#include "ctl_commands.h"
#include "ctl_top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define REPLY_TIMEOUT_MS 3000
#define INTERVAL_MS      1000
#define ROWS_ABOVE       9  /* of the changes, with two brokers */
#define CHANGES_ONCE     10 /* when it is printed once */
#define ENTER            "\033[?1049h\033[?25l"
#define LEAVE            "\033[?25h\033[?1049l"

static volatile sig_atomic_t has_ended;

static void on_signal(int number)
{
	if (number != SIGWINCH)
		has_ended = 1;
}

struct screen {
	const struct ctl_env *env;
	struct ctl_top top;
	json_t *status, *history; /* parameters of the last replies; NULL: there was none */
	int error;                /* of the last question, negative errno; 0: none */
	struct termios before;    /* of the terminal */
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the daemon ---- */

/* The parameters of a method's reply take the place of *parameters. 0 or -errno. */
static int ask(const struct screen *s, const char *method, json_t **parameters)
{
	struct varlink_answer answer;
	json_t *msg;
	int r = ctl_client_ask(s->env->socket, method, REPLY_TIMEOUT_MS, &msg);

	if (r < 0)
		return r;
	r = varlink_parse_answer(msg, &answer) < 0 || answer.error ? -EBADMSG : 0;
	if (r == 0) {
		json_decref(*parameters);
		*parameters = json_incref(answer.parameters);
	}
	json_decref(msg);
	return r;
}

static void refresh(struct screen *s)
{
	s->error = ask(s, CTL_INTERFACE ".GetStatus", &s->status);
	if (s->error == 0)
		ctl_top_take(&s->top, now_ms(), s->status);
	if (s->error == 0)
		s->error = ask(s, CTL_INTERFACE ".History", &s->history);
}

/* ---- the terminal ---- */

static void get_size(unsigned *ret_rows, unsigned *ret_columns)
{
	struct winsize size = { 0 };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
		size = (struct winsize){ .ws_row = 24, .ws_col = 80 };
	*ret_rows = size.ws_row;
	*ret_columns = size.ws_col;
}

static void write_screen(const struct screen *s, FILE *out, size_t changes)
{
	struct ctl_style style = s->env->style;

	style.out = out;
	style.now = time(NULL);
	if (s->error < 0)
		fprintf(out, "no answer at %s: %s\n", s->env->socket, strerror(-s->error));
	if (s->status)
		ctl_top_print(&s->top, &style, s->status, s->history, changes);
}

static void draw(const struct screen *s)
{
	unsigned rows, columns;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	get_size(&rows, &columns);
	write_screen(s, out, rows > ROWS_ABOVE ? rows - ROWS_ABOVE : 0);
	if (fclose(out) == 0)
		ctl_top_clip(s->env->style.out, text, rows, columns);
	fflush(s->env->style.out);
	free(text);
}

/* Wait for the next second, or a key. true: it is the end. */
static bool wait_key(void)
{
	struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };
	char key;

	if (poll(&fd, 1, INTERVAL_MS) <= 0)
		return false;
	if (read(STDIN_FILENO, &key, 1) != 1)
		return errno != EINTR;
	return key == 'q' || key == 'Q';
}

static bool take_terminal(struct screen *s)
{
	const struct sigaction action = { .sa_handler = on_signal }; /* poll ends by it */
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH };
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &s->before) < 0)
		return false;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
	raw = s->before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VSUSP] = _POSIX_VDISABLE; /* a shell could not use the terminal as it is */
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
		return false;
	fputs(ENTER, s->env->style.out);
	return true;
}

static void give_terminal_back(const struct screen *s)
{
	fputs(LEAVE, s->env->style.out);
	fflush(s->env->style.out);
	tcsetattr(STDIN_FILENO, TCSANOW, &s->before);
}

static int complain(const char *what)
{
	fprintf(stderr, "cmqttctl: %s\n", what);
	return EX_USAGE;
}

static int run_live(struct screen *s)
{
	bool is_end = false;

	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO) || !take_terminal(s))
		return complain("top wants a terminal; with --once it prints one screen");
	while (!is_end && !has_ended) {
		refresh(s);
		draw(s);
		is_end = wait_key();
	}
	give_terminal_back(s);
	return 0;
}

static int run_once(struct screen *s)
{
	refresh(s);
	if (s->error < 0) {
		fprintf(
		    stderr, "cmqttctl: no answer at %s: %s\n", s->env->socket, strerror(-s->error));
		return s->error == -EACCES || s->error == -EPERM ? 1 : EX_UNAVAILABLE;
	}
	if (s->env->is_json) {
		json_dumpf(s->status, s->env->style.out, JSON_COMPACT);
		fputc('\n', s->env->style.out);
	} else {
		write_screen(s, s->env->style.out, CHANGES_ONCE);
	}
	return 0;
}

int ctl_screen_run(const struct ctl_env *env)
{
	struct screen s = { .env = env };
	bool is_once = ctl_usage_get(env->usage, "--once") || env->is_json;
	int status = is_once ? run_once(&s) : run_live(&s);

	json_decref(s.status);
	json_decref(s.history);
	return status;
}
