/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/world.h"

#include "base/hash.h"
#include "sim/invariants.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define START_MS        1000
#define WALL_AT_ZERO_MS INT64_C(1767225600000) /* 2026-01-01 */
#define RECOVERY_MAX_MS (20 * 60000ULL) /* from the last fault until everything is delivered */
#define IDLE_MS         600000ULL       /* looked at for needless wakes */
#define TAKEOVER_MAX_MS 30000           /* a SUB, and what else the modem takes its time for */
#define IDLE_WAKES_MAX  60
#define LULL_MS         120000
#define GAPS_MAX_MS     (15 * 60000ULL) /* until everything that is missed is told */
#define YEARS_MS        (INT64_C(3650) * 86400000)
#define STOP_MAX_MS     10000ULL
#define DEADLY_PERMILLE 100     /* commits */
#define SAME_MOMENT_MAX 2000000 /* rounds without time passing: it does not come to rest */

/* ---- findings and remarks ---- */

void world_wrong(struct world *w, const char *fmt, ...)
{
	va_list args;

	if (w->wrong[0] != '\0')
		return;
	va_start(args, fmt);
	vsnprintf(w->wrong, sizeof(w->wrong), fmt, args);
	va_end(args);
	world_note(w, "WRONG: %s", w->wrong);
}

void world_note(struct world *w, const char *fmt, ...)
{
	va_list args;

	if (!w->is_verbose)
		return;
	printf("%10.3f # ", (double)w->now_ms / 1000);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

void world_hash(struct world *w, const void *bytes, size_t len)
{
	w->hash = hash_fnv1a(w->hash, &w->now_ms, sizeof(w->now_ms));
	w->hash = hash_fnv1a(w->hash, bytes, len);
}

static void on_report(void *ctx, uint64_t now, const struct fake_report *report)
{
	struct world *w = ctx;

	(void)now;
	world_note(w, "modem complains: %s: %s", fake_report_name(report->kind), report->text);
	if (report->severity == FAKE_VIOLATION)
		world_wrong(w, "the modem's rules were broken: %s: %s",
		    fake_report_name(report->kind), report->text);
}

static void on_trace(void *ctx, uint64_t now, char dir, const char *text)
{
	const struct world *w = ctx;

	if (w->is_verbose)
		printf("%10.3f %c %s\n", (double)now / 1000, dir == '<' ? '>' : '<', text);
}

/* ---- workload ---- */

size_t world_draw_len(struct world *w)
{
	if (w->p.has_too_large && prng_chance(&w->rng, 100))
		return prng_range(&w->rng, MODEM_PAYLOAD_MAX + 1, SIM_PAYLOAD_MAX);
	if (prng_chance(&w->rng, 150))
		return w->p.payload_max; /* exactly at the limit */
	return prng_range(&w->rng, LEDGER_BODY_MIN, w->p.payload_max);
}

uint64_t world_draw_pause(struct world *w, unsigned left)
{
	uint64_t rest_ms = w->now_ms < w->work_end_ms ? w->work_end_ms - w->now_ms : 0;

	if (w->p.steady_ms > 0)
		return w->p.steady_ms;
	if (prng_chance(&w->rng, 400))
		return prng_range(&w->rng, 0, 5); /* in bursts */
	return prng_range(&w->rng, 0, 2 * rest_ms / (left + 1));
}

static bool run_down(struct world *w, unsigned i)
{
	size_t subject;
	struct message *m;

	if (w->down_ms[i] > w->now_ms)
		return false;
	do
		subject = prng_range(&w->rng, 0, SUBJECT_PLAIN_COUNT - 1);
	while (sim_subjects[subject].origin != SUBJECT_FROM_BROKER + (int)i);
	m = ledger_new(w, subject, 1,
	    sim_subjects[subject].is_tiny ? prng_range(&w->rng, 0, 7)
					  : prng_range(&w->rng, 8, w->p.payload_max));
	if (m)
		fake_broker_publish(&w->brokers[i], w->now_ms, m->number);
	w->down_left[i]--;
	w->down_ms[i] =
	    w->down_left[i] > 0 ? w->now_ms + world_draw_pause(w, w->down_left[i]) : UINT64_MAX;
	return true;
}

/* ---- the port ---- */

static void open_port(struct world *w)
{
	const uint8_t *bytes;
	size_t n = fake_modem_out(w->modem, w->now_ms, &bytes);

	w->port_open_ms = UINT64_MAX;
	if (!w->is_port_there) {
		core_tty_down(w->core, w->now_ms, ENOENT);
		return;
	}
	/* What came while nobody listened is lost. */
	fake_modem_out_consume(w->modem, n);
	fake_modem_host_restarted(w->modem);
	w->is_port_open = true;
	if (w->p.is_uart)
		fake_modem_host_line(w->modem, w->now_ms, w->config[0].core.modem.baud);
	buf_clear(core_tty_out(w->core));
	core_tty_up(w->core, w->now_ms);
}

static void close_port(struct world *w, uint64_t reopen_in_ms)
{
	w->is_port_open = false;
	w->port_open_ms = w->now_ms + reopen_in_ms;
}

void world_lose_port(struct world *w, uint64_t now_ms, uint64_t for_ms)
{
	w->is_port_there = false;
	w->faults.port_back_ms = now_ms + for_ms;
	if (!w->is_port_open)
		return;
	w->is_port_open = false;
	core_tty_down(w->core, now_ms, EIO);
}

void world_port_back(struct world *w, uint64_t now_ms)
{
	(void)now_ms;
	w->is_port_there = true;
	if (!w->is_port_open)
		close_port(w, 50);
}

/* Large amounts go in larger pieces: each is a turn of everything. */
size_t world_chunk(struct world *w, size_t n, size_t chunk)
{
	if (chunk < n / 16)
		chunk = n / 16;
	return n > chunk ? prng_range(&w->rng, 1, chunk) : n;
}

/* What happens at one moment wakes once. */
static void note_wake(struct world *w)
{
	w->wakes += w->woken_ms != w->now_ms;
	w->woken_ms = w->now_ms;
}

/* From the modem to the core; nobody reads a closed port. */
static bool pass_in(struct world *w)
{
	const uint8_t *bytes;
	size_t n = fake_modem_out(w->modem, w->now_ms, &bytes);

	if (n == 0)
		return false;
	if (!w->is_port_open) {
		fake_modem_out_consume(w->modem, n);
		return false;
	}
	n = world_chunk(w, n, w->p.chunk_in);
	world_hash(w, bytes, n);
	core_tty_rx(w->core, w->now_ms, bytes, n);
	fake_modem_out_consume(w->modem, n);
	note_wake(w);
	return true;
}

static bool pass_out(struct world *w)
{
	struct buf *out = core_tty_out(w->core);
	size_t n = buf_len(out);

	if (n == 0 || !w->is_port_open)
		return false;
	n = world_chunk(w, n, w->p.chunk_out);
	world_hash(w, buf_data(out), n);
	fake_modem_rx(w->modem, w->now_ms, buf_data(out), n);
	buf_consume(out, n);
	return true;
}

/* ---- the core's wishes ---- */

static void world_use_config(struct world *w, uint64_t now_ms, unsigned version)
{
	w->config_version = version;
	if (core_reload(w->core, now_ms, &w->config[version].core) < 0)
		world_wrong(w, "reload failed");
}

static struct fake_client *client_of(struct world *w, uint32_t conn)
{
	for (size_t i = 0; i < WORLD_CLIENTS; i++) {
		if (w->clients[i].conn == conn)
			return &w->clients[i];
	}
	return NULL;
}

static void note_log(struct world *w, const struct log_event *log)
{
	if (log->code == LOG_MODEM_STUCK)
		w->stuck_ms = w->now_ms;
	world_note(w, "log %d: code %d %s %s>%s err %u %s", (int)log->level, (int)log->code,
	    log->broker ? log->broker : "", log->from ? log->from : "", log->to ? log->to : "",
	    log->err, log->detail);
}

static void on_client_action(struct world *w, const struct action *a)
{
	struct fake_client *c = client_of(w, a->id);

	if (!c)
		return;
	if (a->type == ACTION_CLIENT_WRITE)
		c->has_output = true;
	else if (a->type == ACTION_CLIENT_CLOSE)
		fake_client_on_close(c, w->now_ms);
	else
		c->is_paused = a->type == ACTION_CLIENT_PAUSE;
}

/* The shell's part of a reload: of the same configuration, of another, or of one that is no good.
 */
static void on_reload(struct world *w, const struct action *a)
{
	unsigned version = prng_chance(&w->meddle, 500) ? w->config_version : !w->config_version;
	const char *error = prng_chance(&w->meddle, 150) ? "cmqttd.conf:1: no good" : "";
	struct reload_plan plan = { .count = 0 };

	if (error[0] == '\0')
		reload_plan_make(
		    &w->config[w->config_version].core, &w->config[version].core, &plan);
	if (error[0] == '\0' && a->type == ACTION_RELOAD)
		world_use_config(w, w->now_ms, version);
	core_reload_done(w->core, w->now_ms, a->id, error, &plan);
}

static void on_operator_action(struct world *w, const struct action *a)
{
	for (size_t i = 0; i < OPERATOR_ROLES; i++) {
		struct fake_operator *o = &w->operators[i];

		if (o->conn != a->id)
			continue;
		o->has_output = true;
		if (a->type == ACTION_CTL_CLOSE)
			fake_operator_on_close(o, w->now_ms);
		return;
	}
	if (w->ctl == 0)
		world_wrong(w, "an action nobody asked for");
}

static void run_action(struct world *w, const struct action *a)
{
	switch (a->type) {
	case ACTION_TTY_WRITE:
		break;
	case ACTION_TTY_REOPEN:
		close_port(w, 20);
		break;
	case ACTION_PIN_NOTE:
		break;
	case ACTION_TTY_LINE:
		if (w->p.is_uart)
			fake_modem_host_line(w->modem, w->now_ms, a->baud);
		break;
	case ACTION_POWER_HOOK:
		w->power_hook_ms = w->now_ms + 1000;
		break;
	case ACTION_USB_REBIND: /* not offered */
	case ACTION_CLIENT_WRITE:
	case ACTION_CLIENT_CLOSE:
	case ACTION_CLIENT_PAUSE:
	case ACTION_CLIENT_RESUME:
		on_client_action(w, a);
		break;
	case ACTION_LOG:
		note_log(w, &a->log);
		break;
	case ACTION_STATUS:
		world_note(w, "status: %s", a->text);
		break;
	case ACTION_STORE_COMMIT:
		flaky_store_commit(&w->store);
		break;
	case ACTION_EXIT:
		w->has_exited = true;
		break;
	case ACTION_CTL_WRITE:
	case ACTION_CTL_CLOSE:
		on_operator_action(w, a);
		break;
	case ACTION_RELOAD:
	case ACTION_RELOAD_TRIAL:
		on_reload(w, a);
		break;
	case ACTION_LOG_LEVEL:
		break;
	case ACTION_HTTP_WRITE:
	case ACTION_HTTP_CLOSE:
		world_wrong(w, "an action that nobody asked for");
		break;
	}
}

static bool settle(struct world *w)
{
	struct action a;
	bool any = false;

	core_settle(w->core, w->now_ms);
	if (flaky_store_is_killed(&w->store)) {
		world_note(w, "the daemon dies");
		world_restart(w, w->now_ms);
		return true;
	}
	while (core_next_action(w->core, &a)) {
		run_action(w, &a);
		any = true;
	}
	return any;
}

void world_reload(struct world *w, uint64_t now_ms)
{
	world_use_config(w, now_ms, !w->config_version);
}

static void set_wall(struct world *w)
{
	core_set_wall(w->core, w->now_ms, WALL_AT_ZERO_MS + (int64_t)w->now_ms + w->wall_ahead_ms,
	    w->wall_ahead_ms == 0);
}

/* The wall clock is set: to the right time, or to one that nobody calls right. */
static bool run_wall(struct world *w)
{
	static const int64_t ahead_ms[] = { 0, 0, YEARS_MS, -YEARS_MS, -WALL_AT_ZERO_MS, 90000 };

	if (w->wall_jump_ms > w->now_ms)
		return false;
	w->wall_ahead_ms = ahead_ms[prng_range(&w->extra, 0, 5)];
	world_note(w, "the wall clock is %lld s ahead", (long long)w->wall_ahead_ms / 1000);
	set_wall(w);
	w->wall_jump_ms = w->faults.is_over
			      ? UINT64_MAX
			      : w->now_ms + prng_range(&w->extra, 1, 2ULL * w->p.wall_mean_ms);
	return true;
}

static void start_core(struct world *w)
{
	w->core = core_new(
	    &w->config[w->config_version].core, w->store.gate, prng_u64(&w->rng), w->now_ms, "sim");
	if (!w->core && flaky_store_is_killed(&w->store)) {
		world_note(w, "the daemon dies while it starts");
		flaky_store_crash(&w->store);
		start_core(w);
		return;
	}
	assert(w->core);
	set_wall(w);
	core_set_uart(w->core, w->p.is_uart);
	close_port(w, 10);
}

static void lose_core(struct world *w, uint64_t now_ms)
{
	w->store.is_committing = false;
	core_free(w->core);
	w->restarts++;
	w->power_hook_ms = UINT64_MAX;
	w->ctl = 0;
	for (size_t i = 0; i < WORLD_CLIENTS; i++) {
		if (w->clients[i].conn != 0)
			fake_client_lost(&w->clients[i], now_ms);
	}
	for (size_t i = 0; i < OPERATOR_ROLES; i++)
		fake_operator_lost(&w->operators[i], now_ms);
}

/* Killed, and started again by the service manager. */
void world_restart(struct world *w, uint64_t now_ms)
{
	lose_core(w, now_ms);
	flaky_store_crash(&w->store);
	start_core(w);
}

void world_start_again(struct world *w)
{
	lose_core(w, w->now_ms);
	w->has_exited = false;
	w->is_stopping = false;
	start_core(w);
}

/* ---- time ---- */

static bool is_deadly(struct world *w)
{
	/* Operators do not change much. */
	unsigned permille = flaky_store_has_changes(&w->store) ? 500 : DEADLY_PERMILLE;

	return w->p.has_deadly_commits && !w->faults.is_over && !w->is_stopping &&
	       prng_chance(&w->extra, permille);
}

/* A commit is done, and the daemon lives; or it dies, and the commit may be done all the same. */
static bool run_commit(struct world *w)
{
	int result;

	if (flaky_store_deadline(&w->store) > w->now_ms)
		return false;
	if (is_deadly(w)) {
		world_note(w, "the daemon dies of a commit");
		if (prng_chance(&w->extra, 500))
			flaky_store_end_commit(&w->store, &result);
		world_restart(w, w->now_ms);
		return true;
	}
	if (flaky_store_end_commit(&w->store, &result))
		core_store_done(w->core, w->now_ms, result);
	return true;
}

static bool run_due(struct world *w)
{
	bool any = faults_run(w, w->now_ms);

	any |= run_wall(w);
	any |= run_commit(w);
	fake_modem_tick(w->modem, w->now_ms);
	for (unsigned i = 0; i < SIM_BROKERS; i++) {
		any |= fake_broker_run(&w->brokers[i], w->now_ms);
		any |= run_down(w, i);
	}
	for (size_t i = 0; i < WORLD_CLIENTS; i++)
		any |= fake_client_run(&w->clients[i], w->now_ms);
	for (size_t i = 0; i < OPERATOR_ROLES; i++)
		any |= fake_operator_run(&w->operators[i], w->now_ms);
	if (w->port_open_ms <= w->now_ms) {
		open_port(w);
		any = true;
	}
	if (w->power_hook_ms <= w->now_ms) {
		w->power_hook_ms = UINT64_MAX;
		faults_power_cycle(w, w->now_ms);
		any = true;
	}
	if (core_deadline(w->core) <= w->now_ms) {
		core_tick(w->core, w->now_ms);
		note_wake(w);
		any = true;
	}
	return any;
}

/* Everything that happens at this moment. */
static void run_moment(struct world *w)
{
	for (unsigned round = 0; w->wrong[0] == '\0' && !w->has_exited; round++) {
		bool any = run_due(w);

		any |= pass_in(w);
		any |= settle(w);
		any |= pass_out(w);
		if (!any)
			return;
		if (round == SAME_MOMENT_MAX)
			world_wrong(w, "does not come to rest");
	}
}

static uint64_t next_moment(const struct world *w)
{
	uint64_t due = timer_min(core_deadline(w->core), fake_modem_deadline(w->modem));

	due = timer_min(due, faults_deadline(&w->faults));
	due = timer_min(due, w->wall_jump_ms);
	due = timer_min(due, flaky_store_deadline(&w->store));
	due = timer_min(due, w->port_open_ms);
	due = timer_min(due, w->power_hook_ms);
	for (unsigned i = 0; i < SIM_BROKERS; i++) {
		due = timer_min(due, fake_broker_deadline(&w->brokers[i]));
		due = timer_min(due, w->down_ms[i]);
	}
	for (size_t i = 0; i < WORLD_CLIENTS; i++)
		due = timer_min(due, fake_client_deadline(&w->clients[i]));
	for (size_t i = 0; i < OPERATOR_ROLES; i++)
		due = timer_min(due, fake_operator_deadline(&w->operators[i]));
	return due > w->now_ms ? due : w->now_ms + 1;
}

bool world_run_until(struct world *w, uint64_t end_ms, world_until_fn *until)
{
	while (w->wrong[0] == '\0' && !w->has_exited) {
		uint64_t next_ms;

		run_moment(w);
		if (w->has_exited)
			break;
		if (w->p.check_every == 0 || w->moments++ % w->p.check_every == 0)
			invariants_check_always(w);
		if (until && until(w))
			return true;
		next_ms = next_moment(w);
		if (next_ms >= end_ms) {
			w->now_ms = end_ms;
			return false;
		}
		w->now_ms = next_ms;
	}
	return true;
}

/* ---- a life ---- */

static void make_clients(struct world *w)
{
	static const char *const all[] = { "up/#", "low/#", "shared/#", "urgent/#", "forbid/#",
		"down/#", "plant/#", "last/#", "brief/#", "jam/#", "will/#", NULL };
	static const char *const everything[] = { "#", NULL };
	struct fake_client *c = w->clients;

	for (unsigned i = 0; i < 2; i++, c++) {
		fake_client_init(c, w, CLIENT_PUBLISHER, i, i == 0 ? "pub0" : "pub1");
		c->left = w->p.up_count[i];
		c->publish_ms = c->left > 0 ? w->now_ms + world_draw_pause(w, c->left) : UINT64_MAX;
	}
	fake_client_init(c, w, CLIENT_SUBSCRIBER, 0, "sub0");
	c->filters = all;
	c->qos = w->p.seed % 2 ? 1 : 2;
	c->connect_ms = w->now_ms;
	c++;
	fake_client_init(c, w, CLIENT_SUBSCRIBER, 1, "sub1");
	c->filters = everything;
	c->is_clean = true;
	c->connect_ms = w->now_ms;
	c++;
	fake_client_init(c, w, CLIENT_DEAF, 0, "deaf");
	c->filters = everything;
	c->is_clean = true;
	c++;
	fake_client_init(c, w, CLIENT_VANDAL, 0, "vandal");
	c->is_clean = true;
	c->publish_ms = w->now_ms + 3000;
	for (size_t i = 4; i < WORLD_CLIENTS && w->p.level < SIM_CHAOS; i++) {
		w->clients[i].is_retired = true;
		w->clients[i].connect_ms = UINT64_MAX;
	}
}

void world_prepare(struct world *w, const struct sim_params *p, bool is_verbose)
{
	*w = (struct world){ .p = *p,
		.is_verbose = is_verbose,
		.now_ms = START_MS,
		.work_end_ms = START_MS + p->work_ms,
		.is_port_there = true,
		.port_open_ms = UINT64_MAX,
		.power_hook_ms = UINT64_MAX,
		.stuck_ms = UINT64_MAX,
		.hash = HASH_INIT };
	prng_init(&w->rng, p->seed ^ UINT64_C(0x5eed));
	prng_init(&w->extra, p->seed ^ UINT64_C(0xe87a));
	prng_init(&w->meddle, p->seed ^ UINT64_C(0x3edd1e));
	if (!w->p.modem.draw_fault)
		w->p.modem.draw_fault = faults_draw;
	w->p.modem.report = on_report;
	w->p.modem.trace = is_verbose ? on_trace : NULL;
	w->p.modem.ctx = w;
	for (unsigned i = 0; i < 2; i++)
		sim_config_fill(&w->config[i], &w->p, i);
}

void world_start(struct world *w, const struct sim_disk *disk)
{
	faults_init(&w->faults, w);
	w->wall_ahead_ms = w->p.is_born_in_1970 ? -WALL_AT_ZERO_MS : 0;
	w->wall_jump_ms = w->p.wall_mean_ms > 0 ? w->now_ms + w->p.wall_mean_ms : UINT64_MAX;
	flaky_store_init(&w->store, w, disk, w->p.store_bytes);
	w->store.fail_permille = w->p.commit_permille;
	w->modem = fake_modem_new(&w->p.modem, w->now_ms, &fake_broker_ops, w);
	for (unsigned i = 0; i < SIM_BROKERS; i++) {
		fake_broker_init(&w->brokers[i], w, i);
		w->down_left[i] = w->p.down_count[i];
		w->down_ms[i] = w->down_left[i] > 0
				    ? w->now_ms + 20000 + world_draw_pause(w, w->down_left[i])
				    : UINT64_MAX;
	}
	make_clients(w);
	for (size_t i = 0; i < OPERATOR_ROLES; i++)
		fake_operator_init(&w->operators[i], w, (enum operator_role)i);
	start_core(w);
}

void world_fini(struct world *w)
{
	core_free(w->core);
	fake_modem_free(w->modem);
	for (size_t i = 0; i < WORLD_CLIENTS; i++)
		fake_client_fini(&w->clients[i]);
	for (size_t i = 0; i < OPERATOR_ROLES; i++)
		fake_operator_fini(&w->operators[i]);
	for (unsigned i = 0; i < SIM_BROKERS; i++)
		fake_broker_fini(&w->brokers[i]);
	flaky_store_fini(&w->store);
}

void world_retire_vandals(struct world *w)
{
	for (size_t i = 0; i < WORLD_CLIENTS; i++) {
		struct fake_client *c = &w->clients[i];

		if (c->role != CLIENT_DEAF && c->role != CLIENT_VANDAL)
			continue;
		c->is_retired = true;
		c->connect_ms = UINT64_MAX;
		fake_client_hang_up(c, w->now_ms);
	}
	for (size_t i = 0; i < OPERATOR_ROLES; i++)
		fake_operator_retire(&w->operators[i], w->now_ms);
}

static void check_idle(struct world *w)
{
	/* What the last fault did may have to time out yet. */
	world_run_until(w, w->now_ms + LULL_MS, NULL);
	w->wakes = 0;
	world_run_until(w, w->now_ms + IDLE_MS, NULL);
	if (w->wakes > IDLE_WAKES_MAX)
		world_wrong(w, "woke %u times in %llu idle seconds", w->wakes, IDLE_MS / 1000);
}

/* Killed when all is at rest: the modem's sessions are taken over, and no broker notices. */
static void check_takeover(struct world *w)
{
	unsigned connects[SIM_BROKERS], wills[SIM_BROKERS];

	for (unsigned i = 0; i < SIM_BROKERS; i++) {
		connects[i] = w->brokers[i].connects;
		wills[i] = w->brokers[i].wills;
	}
	world_note(w, "killed at rest");
	world_restart(w, w->now_ms);
	if (!world_run_until(w, w->now_ms + TAKEOVER_MAX_MS, invariants_is_settled))
		world_wrong(w, "the sessions were not taken over in time");
	for (unsigned i = 0; i < SIM_BROKERS; i++) {
		if (w->brokers[i].connects != connects[i])
			world_wrong(w, "broker %u was connected anew", i);
		if (w->brokers[i].wills != wills[i])
			world_wrong(w, "broker %u published the last will", i);
	}
}

/* Ask the daemon to stop. */
static void stop(struct world *w)
{
	core_shutdown(w->core, w->now_ms);
	w->is_stopping = true;
	/* The commit under way, that of all that is left, and that of what became of it. */
	world_run_until(w, w->now_ms + STOP_MAX_MS + 5ULL * w->p.commit_max_ms, NULL);
	if (!w->has_exited)
		world_wrong(w, "did not stop in time");
}

/* Faults are over: everything comes right within a bounded time. */
static void finish_clean(struct world *w, struct world_result *ret)
{
	uint64_t since_ms = w->now_ms;

	world_note(w, "faults are over");
	faults_stop(w, w->now_ms);
	world_retire_vandals(w);
	if (!world_run_until(w, since_ms + RECOVERY_MAX_MS, invariants_is_settled))
		invariants_say_unsettled(w);
	ret->recovery_ms = w->now_ms - since_ms;
	ret->disk_moments = w->store.disk ? w->store.disk->moments() : 0;
	world_run_until(w, w->now_ms + 5000, NULL);
	if (w->wrong[0] == '\0')
		invariants_check_settled(w);
	if (w->wrong[0] == '\0') {
		world_run_until(w, w->now_ms + GAPS_MAX_MS, invariants_are_gaps_told);
		invariants_check_gaps(w);
	}
	if (w->wrong[0] == '\0')
		check_idle(w);
	if (w->wrong[0] == '\0' && prng_chance(&w->rng, 500))
		check_takeover(w);
	if (w->wrong[0] == '\0') {
		stop(w);
		invariants_check_stopped(w);
	}
}

void world_run(uint64_t seed, enum sim_level level, bool is_verbose, const struct sim_disk *disk,
    struct world_result *ret)
{
	static struct world w;
	struct sim_params p;
	uint64_t cut_ms;

	*ret = (struct world_result){ 0 };
	sim_params_draw(&p, seed, level);
	world_prepare(&w, &p, is_verbose);
	world_start(&w, disk);
	cut_ms = w.now_ms + w.p.work_ms;
	if (w.p.ending != SIM_END_CLEAN)
		cut_ms = w.now_ms + prng_range(&w.rng, 0, w.p.work_ms);
	world_run_until(&w, cut_ms, NULL);
	if (w.wrong[0] == '\0' && w.p.ending == SIM_END_CLEAN)
		finish_clean(&w, ret);
	else if (w.wrong[0] == '\0' && w.p.ending == SIM_END_SHUTDOWN)
		stop(&w);
	memcpy(ret->wrong, w.wrong, sizeof(ret->wrong));
	ret->hash = w.hash;
	ret->virtual_ms = w.now_ms - START_MS;
	ret->messages = (unsigned)w.ledger.count;
	ret->faults = w.faults.commands + w.faults.events;
	world_fini(&w);
}
