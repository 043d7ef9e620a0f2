/* SPDX-License-Identifier: Apache-2.0 */
#include "cmqttd.h"

#include "cert_watch.h"
#include "client_sock.h"
#include "config.h"
#include "config_report.h"
#include "conn.h"
#include "ctl_sock.h"
#include "listen.h"
#include "log.h"
#include "loop.h"
#include "metrics_sock.h"
#include "notify.h"
#include "pin_note.h"
#include "power.h"
#include "store_sqlite.h"
#include "store_worker.h"
#include "tty.h"
#include "wall_clock.h"

#include "base/timerq.h"
#include "bridge/core.h"
#include "store/store.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROUNDS_MAX      16   /* settle and act, in one turn */
#define SYNCHRONISED_MS 1000 /* the kernel is asked no more often whether the clock is right */
#define SUMMARY_MAX     1024

struct daemon {
	const struct options *options;
	struct config *config;
	struct store_worker *worker;
	struct loop *loop;
	struct core *core;
	struct listen_pool *pool;
	struct ctl_sock *ctl;
	struct client_sock *clients;
	struct metrics_sock *metrics;
	struct tty *tty;
	struct power *power;
	struct cert_watch *certs;
	struct loop_timer *deadline, *watchdog;
	struct loop_signal *term, *interrupt, *hangup;
	uint64_t deadline_ms; /* what the timer is set to, TIMER_NEVER: not set */
	uint64_t watchdog_ms; /* how often to tell, 0: never */
	uint64_t progress;    /* of the core when the watchdog was told last */
	uint64_t synchronised_due_ms;
	bool is_synchronised; /* the wall clock, when the kernel was asked last */
	bool is_stopping;
};

/* ---- configuration ---- */

/* What the command line has to say on it. */
static void apply_options(const struct options *options, struct core_config *core)
{
	unsigned level = (unsigned)core->log_level + options->verbose;

	core->log_level = level < LOG_LEVEL_DEBUG ? (enum log_level)level : LOG_LEVEL_DEBUG;
	core->log_at_traffic = options->verbose >= 2;
	if (core->log_at_traffic)
		core->log_level = LOG_LEVEL_DEBUG;
}

static void print_report(const struct config_report *report)
{
	for (size_t i = 0; i < report->count; i++)
		fprintf(stderr, "%s\n", report->remarks[i].text);
	if (report->mistakes > report->count)
		fprintf(stderr, "%zu mistakes in all\n", report->mistakes);
}

static void log_report(const struct config_report *report)
{
	for (size_t i = 0; i < report->count; i++)
		log_write(LOG_DAEMON_CONFIG,
		    report->remarks[i].is_warning ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, "%s",
		    report->remarks[i].text);
}

/* For -t and for the start: what is wrong goes to standard error as it is. */
static enum cmqttd_exit load_first(struct daemon *d)
{
	struct config_report report;
	int r;

	config_report_init(&report);
	r = config_load(d->options->config, &report, &d->config);
	print_report(&report);
	config_report_fini(&report);
	if (r == -ENOMEM)
		fprintf(stderr, "cmqttd: out of memory\n");
	if (r < 0)
		return r == -EINVAL ? CMQTTD_EXIT_CONFIG : CMQTTD_EXIT_FAILED;
	apply_options(d->options, &d->config->core);
	return CMQTTD_EXIT_OK;
}

static void warn_of_restart(const struct core_config *old, const struct core_config *new)
{
	if (strcmp(old->control.address, new->control.address) != 0)
		log_write(LOG_DAEMON_CONFIG, LOG_LEVEL_WARNING,
		    "address of control takes effect at the next start");
	if (strcmp(old->store.path, new->store.path) != 0)
		log_write(LOG_DAEMON_CONFIG, LOG_LEVEL_WARNING,
		    "path of store takes effect at the next start");
	if (old->store.is_normal_durability != new->store.is_normal_durability)
		log_write(LOG_DAEMON_CONFIG, LOG_LEVEL_WARNING,
		    "durability of store takes effect at the next start");
}

/* Open what another configuration needs. *ret_which: the address that an error is about. */
static int prepare_sockets(struct daemon *d, const struct core_config *core, const char **ret_which)
{
	int r = client_sock_prepare(d->clients, core, ret_which);

	if (r < 0)
		return r;
	r = metrics_sock_prepare(d->metrics, core->metrics_address);
	if (r < 0) {
		*ret_which = core->metrics_address;
		client_sock_cancel(d->clients);
	}
	return r;
}

static void cancel_sockets(struct daemon *d)
{
	client_sock_cancel(d->clients);
	metrics_sock_cancel(d->metrics);
}

static void commit_sockets(struct daemon *d, const struct core_config *core)
{
	client_sock_commit(d->clients, core);
	metrics_sock_commit(d->metrics);
}

/* Everything of it, or nothing: error then says why. Of a trial, whether all that can fail goes
 * well. */
static int use_config(
    struct daemon *d, struct config *config, bool is_trial, char *error, size_t size)
{
	struct core_config *core = &config->core;
	const char *which = "";
	int r = prepare_sockets(d, core, &which);

	if (r < 0) {
		snprintf(error, size, "%s: %s", which, listener_explain(r));
		return r;
	}
	if (!is_trial)
		r = core_reload(d->core, loop_now_ms(), core);
	if (r < 0)
		snprintf(error, size, "%s", strerror(-r));
	if (r < 0 || is_trial) {
		cancel_sockets(d);
		return r;
	}
	commit_sockets(d, core);
	if (tty_configure(d->tty, &core->modem) < 0)
		log_write(LOG_DAEMON_FAILED, LOG_LEVEL_ERROR, "out of memory: the port stays");
	log_set_level(core->log_level);
	warn_of_restart(&d->config->core, core);
	cert_watch_configure(d->certs, config);
	config_free(d->config);
	d->config = config;
	return 0;
}

/* Read it, and use it unless it is a trial. 0, -EINVAL: the report tells; else error tells. */
static int read_config(struct daemon *d, bool is_trial, struct config_report *report,
    struct reload_plan *plan, char *error, size_t size)
{
	struct config *config = NULL;
	int r = config_load(d->options->config, report, &config);

	if (r == -EINVAL) {
		config_report_summary(report, error, size);
	} else if (r < 0) {
		snprintf(error, size, "%s", strerror(-r));
	} else {
		apply_options(d->options, &config->core);
		reload_plan_make(&d->config->core, &config->core, plan);
		r = use_config(d, config, is_trial, error, size);
		if (r < 0 || is_trial)
			config_free(config);
	}
	return r;
}

/* For the control connection `id`, 0: by HUP. By a trial nothing is changed, and nobody but whoever
 * asked is told. */
static void reload(struct daemon *d, uint32_t id, bool is_trial)
{
	struct reload_plan plan = { .count = 0 };
	struct config_report report;
	char error[SUMMARY_MAX] = "";
	int r;

	if (!is_trial)
		notify_reloading();
	config_report_init(&report);
	r = read_config(d, is_trial, &report, &plan, error, sizeof(error));
	if (!is_trial)
		log_report(&report);
	if (!is_trial && r < 0)
		log_write(LOG_DAEMON_CONFIG, LOG_LEVEL_ERROR,
		    "not reloaded, the earlier one stays in use: %s",
		    r == -EINVAL ? "see the mistakes above" : error);
	config_report_fini(&report);
	core_reload_done(d->core, loop_now_ms(), id, error, &plan);
	if (!is_trial)
		notify_ready();
}

/* ---- the turn ---- */

/* Without it a restart could cost another attempt, but no card: the last one is never used. */
static void keep_pin_note(struct daemon *d, const char *note)
{
	int r = pin_note_write(d->config->core.store.path, note);

	if (r < 0)
		log_write(LOG_DAEMON_FAILED, LOG_LEVEL_WARNING,
		    "which PIN was tried cannot be kept on disk: %s", strerror(-r));
}

/* False: nothing came of it. */
static bool act(struct daemon *d, const struct action *action)
{
	switch (action->type) {
	case ACTION_TTY_WRITE:
		return tty_write(d->tty);
	case ACTION_TTY_REOPEN:
		tty_reopen(d->tty);
		break;
	case ACTION_TTY_LINE:
		tty_set_line(d->tty, action->baud, action->rtscts, action->is_hung_up);
		break;
	case ACTION_PIN_NOTE:
		keep_pin_note(d, action->text);
		break;
	case ACTION_POWER_HOOK:
		if (d->config->core.power_cycle)
			power_run(d->power, d->config->core.power_cycle);
		break;
	case ACTION_USB_REBIND:
		tty_rebind_usb(d->tty);
		break;
	case ACTION_CLIENT_WRITE:
		conn_write(client_sock_conns(d->clients), action->id);
		break;
	case ACTION_CLIENT_CLOSE:
		conn_close(client_sock_conns(d->clients), action->id);
		break;
	case ACTION_CLIENT_PAUSE:
	case ACTION_CLIENT_RESUME:
		conn_pause(
		    client_sock_conns(d->clients), action->id, action->type == ACTION_CLIENT_PAUSE);
		break;
	case ACTION_CTL_WRITE:
		conn_write(ctl_sock_conns(d->ctl), action->id);
		break;
	case ACTION_CTL_CLOSE:
		conn_close(ctl_sock_conns(d->ctl), action->id);
		break;
	case ACTION_HTTP_WRITE:
		conn_write(metrics_sock_conns(d->metrics), action->id);
		break;
	case ACTION_HTTP_CLOSE:
		conn_close(metrics_sock_conns(d->metrics), action->id);
		break;
	case ACTION_LOG:
		log_event(&action->log);
		break;
	case ACTION_STATUS:
		notify_status(action->text);
		break;
	case ACTION_STORE_COMMIT:
		store_worker_commit(d->worker);
		break;
	case ACTION_RELOAD:
	case ACTION_RELOAD_TRIAL:
		reload(d, action->id, action->type == ACTION_RELOAD_TRIAL);
		break;
	case ACTION_LOG_LEVEL:
		log_set_level(action->log.level);
		break;
	case ACTION_EXIT:
		loop_stop(d->loop);
		break;
	}
	return true;
}

static void set_wall(struct daemon *d)
{
	uint64_t now_ms = loop_now_ms();

	if (now_ms >= d->synchronised_due_ms) {
		d->is_synchronised = wall_clock_is_synchronised();
		d->synchronised_due_ms = now_ms + SYNCHRONISED_MS;
	}
	core_set_wall(d->core, now_ms, wall_clock_now_ms(), d->is_synchronised);
}

static void arm_deadline(struct daemon *d)
{
	uint64_t due_ms = core_deadline(d->core), now_ms = loop_now_ms();

	if (due_ms == d->deadline_ms)
		return;
	d->deadline_ms = due_ms;
	if (due_ms == TIMER_NEVER)
		loop_timer_cancel(d->deadline);
	else
		loop_timer_set(d->deadline, due_ms > now_ms ? due_ms - now_ms : 0);
}

/* What came in together is settled together. Acting can bring new input (bytes that went, a port
 * that opened), and is repeated until it does not. */
static void on_turn(void *arg)
{
	struct daemon *d = arg;
	struct action action;
	bool has_acted = true;

	set_wall(d);
	for (int round = 0; has_acted && round < ROUNDS_MAX; round++) {
		has_acted = false;
		core_settle(d->core, loop_now_ms());
		while (core_next_action(d->core, &action)) {
			if (act(d, &action))
				has_acted = true;
		}
	}
	if (has_acted)
		loop_again(d->loop);
	arm_deadline(d);
	log_turn();
}

static void on_deadline(void *arg)
{
	struct daemon *d = arg;

	d->deadline_ms = TIMER_NEVER;
	core_tick(d->core, loop_now_ms());
}

static void on_store_done(void *arg, int error)
{
	struct daemon *d = arg;

	core_store_done(d->core, loop_now_ms(), error);
}

/* A core that has something due and does not get on is stuck, and so is one whose disk never ends a
 * commit: the service manager is not told, and restarts us. One that has nothing to do is fine. */
static void on_watchdog(void *arg)
{
	struct daemon *d = arg;
	uint64_t progress = core_progress(d->core), now_ms = loop_now_ms();
	bool is_fine = progress != d->progress || core_deadline(d->core) > now_ms;

	if (is_fine && !core_is_stuck(d->core, now_ms))
		notify_alive();
	d->progress = progress;
	loop_timer_set(d->watchdog, d->watchdog_ms);
}

/* The second time it is meant at once. */
static void on_stop(void *arg)
{
	struct daemon *d = arg;

	if (d->is_stopping) {
		loop_stop(d->loop);
		return;
	}
	d->is_stopping = true;
	notify_stopping();
	core_shutdown(d->core, loop_now_ms());
}

static void on_hangup(void *arg)
{
	struct daemon *d = arg;

	if (!d->is_stopping)
		reload(d, 0, false);
}

/* ---- start and end ---- */

static void warn_of_store(const char *text)
{
	log_write(LOG_DAEMON_STORE, LOG_LEVEL_ERROR, "%s", text);
}

/* The one place that knows which store is used. */
static struct store *open_store(const struct store_config *cfg)
{
	const struct store_sqlite_options options = {
		.path = cfg->path,
		.max_bytes = cfg->max_bytes,
		.is_normal_durability = cfg->is_normal_durability,
		.warn = warn_of_store,
	};
	char error[STORE_SQLITE_TEXT_MAX];
	struct store *store = NULL;

	if (store_sqlite_open(&options, &store, error) < 0)
		log_write(LOG_DAEMON_STORE, LOG_LEVEL_ERROR, "%s", error);
	return store;
}

static uint64_t make_seed(void)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = loop_now_ms() ^ (uint64_t)getpid() << 32;
	return seed;
}

static void prepare_process(void)
{
	signal(SIGPIPE, SIG_IGN);
	umask(0077);
	log_open();
}

static bool start_loop(struct daemon *d)
{
	d->loop = loop_new();
	if (!d->loop)
		return false;
	loop_set_turn(d->loop, on_turn, d);
	d->deadline = loop_timer_new(d->loop, on_deadline, d);
	d->watchdog = loop_timer_new(d->loop, on_watchdog, d);
	d->term = loop_signal_new(d->loop, SIGTERM, on_stop, d);
	d->interrupt = loop_signal_new(d->loop, SIGINT, on_stop, d);
	d->hangup = loop_signal_new(d->loop, SIGHUP, on_hangup, d);
	d->power = power_new(d->loop);
	d->certs = cert_watch_new(d->loop);
	d->deadline_ms = TIMER_NEVER;
	return d->deadline && d->watchdog && d->term && d->interrupt && d->hangup && d->power &&
	       d->certs;
}

static bool start_core(struct daemon *d)
{
	struct store *store = store_worker_store(d->worker);
	char note[PIN_NOTE_MAX];

	d->core = core_new(&d->config->core, store, make_seed(), loop_now_ms(), CMQTTD_VERSION);
	if (!d->core)
		return false;
	set_wall(d);
	pin_note_read(d->config->core.store.path, note, sizeof(note));
	core_set_pin_note(d->core, note);
	d->pool = listen_pool_new(TTY_KEPT_NAME);
	d->clients = d->pool ? client_sock_new(d->loop, d->core, d->pool) : NULL;
	d->metrics = d->pool ? metrics_sock_new(d->loop, d->core, d->pool) : NULL;
	d->tty = tty_new(d->loop, d->core, NULL);
	if (!d->clients || !d->metrics || !d->tty)
		return false;
	tty_adopt(d->tty, listen_pool_take_port(d->pool));
	return true;
}

/* The control socket first: it tells whether another daemon is there. */
static bool start_sockets(struct daemon *d)
{
	const struct core_config *core = &d->config->core;
	const char *which = core->control.address;
	int r = ctl_sock_open(d->loop, d->core, d->pool, &core->control, &d->ctl);

	if (r == -EADDRINUSE) {
		log_write(LOG_DAEMON_SOCKET, LOG_LEVEL_ERROR,
		    "%s: another cmqttd is running with this control socket", which);
		return false;
	}
	if (r == 0)
		r = prepare_sockets(d, core, &which);
	if (r < 0) {
		log_write(LOG_DAEMON_SOCKET, LOG_LEVEL_ERROR, "%s: %s", which, listener_explain(r));
		return false;
	}
	commit_sockets(d, core);
	listen_pool_tidy(d->pool);
	return true;
}

static bool start_worker(struct daemon *d, struct store *store)
{
	d->worker = store_worker_new(d->loop, store, on_store_done, d);
	if (!d->worker)
		store_free(store);
	return d->worker;
}

static enum cmqttd_exit start(struct daemon *d)
{
	struct store *store;

	log_set_level(d->config->core.log_level);
	if (!start_loop(d))
		goto fail;
	store = open_store(&d->config->core.store);
	if (!store)
		return CMQTTD_EXIT_STORE;
	if (!start_worker(d, store) || !start_core(d) ||
	    tty_configure(d->tty, &d->config->core.modem) < 0)
		goto fail;
	cert_watch_configure(d->certs, d->config);
	if (!start_sockets(d))
		return CMQTTD_EXIT_FAILED;
	d->watchdog_ms = notify_watchdog_ms() / 2;
	if (d->watchdog_ms > 0)
		loop_timer_set(d->watchdog, d->watchdog_ms);
	log_write(LOG_DAEMON_STARTED, LOG_LEVEL_INFO, "version %s", CMQTTD_VERSION);
	notify_ready();
	return CMQTTD_EXIT_OK;
fail:
	log_write(LOG_DAEMON_FAILED, LOG_LEVEL_ERROR, "out of memory");
	return CMQTTD_EXIT_FAILED;
}

/* In the opposite order of the start. */
static void finish(struct daemon *d)
{
	metrics_sock_free(d->metrics);
	client_sock_free(d->clients);
	ctl_sock_free(d->ctl);
	tty_free(d->tty);
	listen_pool_free(d->pool);
	core_free(d->core);
	store_worker_free(d->worker);
	power_free(d->power);
	cert_watch_free(d->certs);
	loop_signal_free(d->term);
	loop_signal_free(d->interrupt);
	loop_signal_free(d->hangup);
	loop_timer_free(d->deadline);
	loop_timer_free(d->watchdog);
	loop_free(d->loop);
	config_free(d->config);
	log_close();
}

/* A configuration that is wrong stays so until somebody mends it. */
static void turn_away(void)
{
	struct listen_pool *pool = listen_pool_new(TTY_KEPT_NAME);

	if (pool)
		listen_pool_turn_away(pool);
	listen_pool_free(pool);
}

enum cmqttd_exit cmqttd_run(const struct options *options)
{
	struct daemon d = { .options = options };
	enum cmqttd_exit status;

	prepare_process();
	status = load_first(&d);
	if (status == CMQTTD_EXIT_OK && !options->is_test) {
		status = start(&d);
		if (status == CMQTTD_EXIT_OK) {
			loop_again(d.loop); /* the core's first actions */
			if (loop_run(d.loop) < 0)
				status = CMQTTD_EXIT_FAILED;
		}
	}
	if (status == CMQTTD_EXIT_CONFIG && !options->is_test)
		turn_away();
	finish(&d);
	return status;
}
