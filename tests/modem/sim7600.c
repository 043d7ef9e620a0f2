/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim7600: the simulated modem on a pty, its MQTT clients connected to real brokers.
 *
 * One thread, one poll loop: pty, control socket, broker connections, the modem's own deadlines.
 */
#define _GNU_SOURCE
#include "sim.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
	EXIT_VIOLATIONS = 3,
	LOOK_MS = 20,      /* how often a closed port is looked at */
	BACKLOG_MAX = 256, /* bytes read ahead of a paced line */
	CHUNK_GAP_MS = 1,
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

#define NS_PER_MS   UINT64_C(1000000)
#define WAIT_MAX_MS UINT64_C(60000)
#define SPIN_NS     (5 * NS_PER_MS)

static uint64_t monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 * NS_PER_MS + (uint64_t)t.tv_nsec;
}

static void tell_time(struct sim *s)
{
	s->now_ns = monotonic_ns() - s->start_ns;
	s->now = s->now_ns / NS_PER_MS;
}

/* ---- log and reports ---- */

void sim_log(struct sim *s, char dir, const char *text)
{
	if (s->log)
		fprintf(s->log, "%6llu.%03llu %c %s\n", (unsigned long long)(s->now / 1000),
		    (unsigned long long)(s->now % 1000), dir, text);
}

static void on_trace(void *ctx, uint64_t now, char dir, const char *text)
{
	(void)now;
	sim_log(ctx, dir, text);
}

static void on_uplink_log(void *ctx, const char *text)
{
	sim_log(ctx, '-', text);
}

static void on_report(void *ctx, uint64_t now, const struct fake_report *r)
{
	struct sim *s = ctx;
	struct sim_report *to;

	if (r->severity == FAKE_VIOLATION)
		fprintf(stderr, "sim7600: violation: %s: %s\n", fake_report_name(r->kind), r->text);
	if (s->reports_n == SIM_REPORTS)
		return;
	to = &s->reports[s->reports_n++];
	to->at_ms = now;
	to->severity = r->severity;
	snprintf(to->text, sizeof to->text, "%s %s", fake_report_name(r->kind), r->text);
}

static void on_cert(void *ctx, const char *name, const uint8_t *data, size_t len)
{
	sim_flash_changed(ctx, name, data, len);
}

/* ---- the loop ---- */

static void read_port(struct sim *s)
{
	uint8_t buf[512];
	size_t n;

	while (fake_modem_rx_backlog(s->m) < BACKLOG_MAX &&
	       (n = sim_pty_read(&s->pty, buf, sizeof buf)))
		fake_modem_rx(s->m, s->now, buf, n);
}

static size_t chunk(struct sim *s, size_t n)
{
	size_t k;

	if (!s->chunk)
		return n;
	s->prng = s->prng * 6364136223846793005ull + 1442695040888963407ull;
	k = 1 + (size_t)((s->prng >> 33) % s->chunk);
	return k < n ? k : n;
}

/* What was before the host is done. */
static bool is_ready(const struct sim *s)
{
	return !s->scenario || fake_scenario_is_ready(s->scenario);
}

/* True: bytes are left over for later. */
static bool write_port(struct sim *s)
{
	const uint8_t *bytes;
	size_t n, k, done;

	while (!is_ready(s) && (n = fake_modem_out(s->m, s->now, &bytes)))
		fake_modem_out_consume(s->m, n);

	while ((n = fake_modem_out(s->m, s->now, &bytes))) {
		if (s->now < s->write_after)
			return true;
		k = chunk(s, n);
		done = sim_pty_write(&s->pty, bytes, k);
		fake_modem_out_consume(s->m, done);
		if (s->chunk)
			s->write_after = s->now + CHUNK_GAP_MS;
		if (done < k)
			return true;
	}
	return false;
}

/* The port of a modem on USB comes and goes with it. */
static void follow_usb(struct sim *s)
{
	bool want = !s->hidden && is_ready(s) && (!s->usb || fake_modem_is_up(s->m));

	if (!want && s->pty.fd >= 0) {
		sim_pty_vanish(&s->pty);
	} else if (want && s->pty.fd < 0) {
		int rc = sim_pty_appear(&s->pty);

		if (rc < 0)
			sim_log(s, '-', strerror(-rc));
	}
}

static int earlier(int wait, uint64_t at, uint64_t now)
{
	uint64_t ms = at <= now ? 0 : at - now;

	if (at == FAKE_NEVER)
		return wait;
	if (ms > 60000)
		ms = 60000;
	return wait < 0 || (int)ms < wait ? (int)ms : wait;
}

static int wait_ms(struct sim *s, bool left_over)
{
	int wait = uplink_timeout(s->uplink);

	if (left_over)
		wait = earlier(wait, s->now + CHUNK_GAP_MS, s->now);
	wait = earlier(wait, s->power_on_at, s->now);
	if (s->script_at < s->script_n)
		wait = earlier(wait, s->script[s->script_at].at_ms, s->now);
	if (s->scenario)
		wait = earlier(wait,
		    is_ready(s) ? fake_scenario_deadline(s->scenario) : s->now + LOOK_MS, s->now);
	if (s->pty.fd >= 0 && !s->pty.open)
		wait = earlier(wait, s->now + LOOK_MS, s->now);
	return wait;
}

/* How long to sleep: the modem's own deadline counts to the nanosecond, because a paced line is
 * made of parts of a millisecond. */
static struct timespec wait_time(struct sim *s, bool left_over)
{
	int ms = wait_ms(s, left_over);
	uint64_t due_ns = left_over ? FAKE_NEVER : fake_modem_deadline_ns(s->m);
	uint64_t ns = ms < 0 ? WAIT_MAX_MS * NS_PER_MS : (uint64_t)ms * NS_PER_MS;

	if (due_ns != FAKE_NEVER && (due_ns <= s->now_ns || due_ns - s->now_ns < ns))
		ns = due_ns <= s->now_ns ? 0 : due_ns - s->now_ns;
	/* While bytes are on a paced line: asleep we would be late by more than they take. */
	if (s->cfg.baud && ns < SPIN_NS)
		ns = 0;
	return (struct timespec){ .tv_sec = (time_t)(ns / 1000 / NS_PER_MS),
		.tv_nsec = (long)(ns % (uint64_t)(1000 * NS_PER_MS)) };
}

static void run_event(void *ctx, char *command)
{
	struct sim *s = ctx;
	char *answer;

	sim_log(s, '-', command);
	answer = sim_command(s, -1, command);
	if (answer && strncmp(answer, "ok", 2) != 0)
		sim_log(s, '-', answer);
	free(answer);
}

/* No fault is drawn; the scenario hears what the host says. */
static bool on_command(void *ctx, const char *command, struct fake_fault *ret)
{
	struct sim *s = ctx;

	(void)ret;
	if (s->scenario)
		fake_scenario_command(s->scenario, s->now, command);
	return false;
}

static void turn(struct sim *s)
{
	struct pollfd fds[1 + SIM_CTL_CLIENTS + 1 + FAKE_CLIENTS];
	size_t n = 0;
	bool left_over = write_port(s);
	struct timespec wait;

	/* a hung-up pty is ready for ever: it is looked at by time instead */
	if (s->pty.open && fake_modem_rx_backlog(s->m) < BACKLOG_MAX)
		fds[n++] = (struct pollfd){ .fd = s->pty.fd, .events = POLLIN };
	if (s->ctl)
		n += sim_ctl_poll(s->ctl, fds + n);
	n += uplink_poll(s->uplink, fds + n);
	wait = wait_time(s, left_over);
	if (ppoll(fds, (nfds_t)n, &wait, NULL) < 0 && errno != EINTR)
		stop = 1;
	tell_time(s);
	fake_modem_advance_ns(s->m, s->now_ns);
	if (sim_pty_look(&s->pty))
		fake_modem_host_restarted(s->m);
	if (s->cfg.uart_baud)
		fake_modem_host_line(s->m, s->now, sim_pty_baud(&s->pty));
	if (s->pty.open)
		read_port(s);
	fake_modem_tick(s->m, s->now);
	uplink_step(s->uplink, s->now);
	if (s->ctl)
		sim_ctl_step(s->ctl);
	sim_command_tick(s);
	if (s->scenario)
		fake_scenario_tick(s->scenario, s->m, s->now, run_event, s);
	follow_usb(s);
}

static int set_up(struct sim *s)
{
	struct fake_fault f;
	int rc;

	s->cfg.draw_fault = on_command;
	s->m = fake_modem_new(&s->cfg, s->now, &uplink_mosquitto_ops, s->uplink);
	if (s->scenario)
		fake_scenario_start(s->scenario, s->m);
	uplink_set_modem(s->uplink, s->m);
	uplink_set_log(s->uplink, on_uplink_log, s);
	for (size_t i = 0; i < s->faults_n; i++)
		if (fake_fault_parse(s->faults[i], &f) == 0)
			fake_modem_add_fault(s->m, &f);
	rc = sim_flash_load(s);
	if (rc < 0) {
		fprintf(stderr, "sim7600: %s: %s\n", s->state_dir, strerror(-rc));
		return rc;
	}
	rc = sim_script_load(s);
	if (rc < 0) {
		fprintf(stderr, "sim7600: %s: %s\n", s->script_file, strerror(-rc));
		return rc;
	}
	if (s->control && !(s->ctl = sim_ctl_new(s->control, sim_command, s))) {
		rc = -errno;
		fprintf(stderr, "sim7600: %s: %s\n", s->control, strerror(errno));
		return rc;
	}
	rc = is_ready(s) ? sim_pty_appear(&s->pty) : 0;
	if (rc < 0) {
		fprintf(stderr, "sim7600: pty: %s\n", strerror(-rc));
		return rc;
	}
	printf("%s\n", s->pty.slave);
	fflush(stdout);
	return 0;
}

static void tear_down(struct sim *s)
{
	fake_modem_free(s->m);
	fake_scenario_free(s->scenario);
	uplink_free(s->uplink);
	sim_ctl_free(s->ctl);
	sim_pty_vanish(&s->pty);
	for (size_t i = s->script_at; i < s->script_n; i++)
		free(s->script[i].command);
	if (s->log && s->log != stderr)
		fclose(s->log);
}

static void play_turn(struct sim *s)
{
	uint64_t due = sim_play_deadline(s->play);
	struct pollfd fd = { .fd = s->pty.fd, .events = POLLIN };
	const uint8_t *bytes;
	uint8_t buf[512];
	size_t n;

	if (poll(&fd, s->pty.open ? 1 : 0, earlier(LOOK_MS, due, s->now)) < 0 && errno != EINTR)
		stop = 1;
	tell_time(s);
	if (sim_pty_look(&s->pty))
		sim_play_open(s->play, s->now);
	while (s->pty.open && (n = sim_pty_read(&s->pty, buf, sizeof buf)))
		sim_play_rx(s->play, s->now, buf, n);
	while ((n = sim_play_out(s->play, s->now, &bytes)))
		for (size_t done = 0; done < n;)
			done += sim_pty_write(&s->pty, bytes + done, n - done);
}

static int play(struct sim *s)
{
	int rc;

	tell_time(s);
	rc = sim_pty_appear(&s->pty);
	if (rc < 0)
		fprintf(stderr, "sim7600: pty: %s\n", strerror(-rc));
	else
		printf("%s\n", s->pty.slave);
	fflush(stdout);
	while (rc == 0 && !stop)
		play_turn(s);
	sim_pty_vanish(&s->pty);
	sim_play_free(s->play);
	uplink_free(s->uplink);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run(struct sim *s)
{
	unsigned long long violations = 0;
	int rc;

	tell_time(s);
	rc = set_up(s);
	while (rc == 0 && !stop && !s->quit)
		turn(s);
	if (rc == 0) {
		violations = fake_modem_stats(s->m)->violations;
		fprintf(stderr, "sim7600: %llu violations\n", violations);
	}
	tear_down(s);
	if (rc < 0)
		return EXIT_FAILURE;
	return s->strict && violations ? EXIT_VIOLATIONS : EXIT_SUCCESS;
}

static void catch_signals(void)
{
	struct sigaction act = { .sa_handler = on_signal };

	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
	static struct sim s = { .pty.fd = -1, .power_on_at = FAKE_NEVER, .prng = 1 };
	int status;

	catch_signals();
	/* A paced line is made of parts of a millisecond; the kernel would be 50 us late to each.
	 */
	prctl(PR_SET_TIMERSLACK, 1UL);
	s.start_ns = monotonic_ns() - NS_PER_MS;
	s.uplink = uplink_new();
	if (!s.uplink) {
		fprintf(stderr, "sim7600: libmosquitto does not start\n");
		return EXIT_FAILURE;
	}
	fake_modem_cfg_init(&s.cfg);
	s.cfg.utc_at_zero_s = (int64_t)time(NULL);
	s.cfg.report = on_report;
	s.cfg.trace = on_trace;
	s.cfg.cert_changed = on_cert;
	s.cfg.ctx = &s;
	if (!sim_options_read(&s, argc, argv, &status)) {
		uplink_free(s.uplink);
		return status;
	}
	return s.play ? play(&s) : run(&s);
}
