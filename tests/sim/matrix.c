/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fault matrix: every command of every script, as the tables of sim7600.c have them, meets
 * every kind of fault once, in a situation in which the daemon sends it. Afterwards both brokers
 * are online again and every message of QoS 1 that was accepted has arrived. Time is virtual.
 *
 *   matrix [--table FILE] [--only SCRIPT] [--fault NAME] [-v]
 *
 * For every kind of fault one row: how long it took at worst until both brokers had a message
 * again, since the modem itself was able to, which it is once it has started and nothing goes wrong
 * any more. With --table the rows of FILE that look like these must be near what was measured.
 *
 * And wherever the daemon waits, something is due in time: all its states are passed through on the
 * way. In each kind of wait that was seen (matrix_waits.h) the modem hangs once, and that has to be
 * noticed.
 *
 * -v: the dialogue and the time of each case. The last line counts the cases.
 */
#include "sim/matrix_situations.h"
#include "sim/matrix_waits.h"

#include "bridge/core_query.h"
#include "modem/modem_life.h"
#include "modem/sim7600.h"
#include "sim/invariants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 64

enum {
	STEPS_MAX = 160,
	STEADY_MS = 2000,
	STEADY_COUNT = LEDGER_MAX - 20,
	ACT_MS = 60000,       /* all is well for a while */
	SEEN_MS = 900000,     /* what was not sent until then is not sent at all */
	GIVE_UP_MS = 2400000, /* since the fault */
	SETTLE_MS = 1200000,
	STOP_MS = 10000,
	NOTICE_MAX_MS = 60000, /* a modem that hangs */
	ABLE_MAX_MS = 10000,   /* where nothing has to time out */
	SLOWEST_MS = 118000,   /* the vendor says 120 s */
	PORT_GONE_MS = 5000,
	LATE_MS = 5000, /* after the deadline */
	WRONG_SHOWN_MAX = 40,
};

/* ---- the columns ---- */

enum column {
	COLUMN_NO_ANSWER,
	COLUMN_LATE,
	COLUMN_GARBAGE,
	COLUMN_URC,
	COLUMN_ERROR,
	COLUMN_NUMBER,
	COLUMN_RESULT_LOST,
	COLUMN_RESET,
	COLUMN_PORT,
	COLUMN_BODY,
	COLUMN_PROMPT,
	COLUMN_SLOW,
	COLUMN_HANG,
	COLUMN_HANG_AFTER,
	COLUMNS
};

static const struct {
	const char *name;
	bool is_of_body;
	bool is_told; /* nothing has to time out */
} columns[COLUMNS] = {
	[COLUMN_NO_ANSWER] = { "no answer", false, false },
	[COLUMN_LATE] = { "answer after the deadline", false, false },
	[COLUMN_GARBAGE] = { "garbage before the answer", false, true },
	[COLUMN_URC] = { "an unsolicited line before the answer", false, true },
	[COLUMN_ERROR] = { "ERROR", false, true },
	[COLUMN_NUMBER] = { "an error number nobody expects", false, true },
	[COLUMN_RESULT_LOST] = { "done, but the result is lost", false, false },
	[COLUMN_RESET] = { "the modem starts anew", false, true },
	[COLUMN_PORT] = { "the port is gone for 5 s", false, true },
	[COLUMN_BODY] = { "a byte of the body is lost", true, false },
	[COLUMN_PROMPT] = { "the prompt is lost", true, false },
	[COLUMN_SLOW] = { "the answer as late as the manual allows", false, true },
	[COLUMN_HANG] = { "the modem hangs until its power is cut", false, true },
	[COLUMN_HANG_AFTER] = { "it hangs behind its OK until then", false, true },
};

static bool is_hang(enum column column)
{
	return column == COLUMN_HANG || column == COLUMN_HANG_AFTER;
}

static struct fake_fault fault_of(enum column column, const struct at_step *step)
{
	bool is_mqtt = strncmp(step->send, "AT+CMQTT", 8) == 0;
	uint32_t deadline_ms = step->final_ms > 0 ? step->final_ms : step->timeout_ms;
	struct fake_fault f = { .kind = FAKE_FAULT_NONE };

	switch (column) {
	case COLUMN_NO_ANSWER:
		f.kind = FAKE_FAULT_NO_ANSWER;
		break;
	case COLUMN_LATE:
		f.kind = FAKE_FAULT_LATE;
		f.ms = deadline_ms + LATE_MS;
		break;
	case COLUMN_GARBAGE:
		f.kind = FAKE_FAULT_GARBAGE;
		f.number = 40;
		break;
	case COLUMN_URC: /* the one that makes it think most */
		f.kind = FAKE_FAULT_URC;
		snprintf(f.text, sizeof(f.text), "SMS DONE");
		break;
	case COLUMN_ERROR:
		f.kind = FAKE_FAULT_ERROR;
		break;
	case COLUMN_NUMBER:
		f.kind = step->answer && !step->data ? FAKE_FAULT_RESULT_ERR
						     : (is_mqtt ? FAKE_FAULT_ERR : FAKE_FAULT_CME);
		f.number = is_mqtt ? 5 : 100;
		break;
	case COLUMN_RESULT_LOST:
		f.kind = step->answer ? FAKE_FAULT_RESULT_LOST : FAKE_FAULT_ANSWER_LOST;
		break;
	case COLUMN_RESET:
		f.kind = FAKE_FAULT_RESET;
		break;
	case COLUMN_BODY:
		f.kind = FAKE_FAULT_BODY_BYTE;
		f.number = 1;
		break;
	case COLUMN_PROMPT:
		f.kind = FAKE_FAULT_PROMPT_LOST;
		break;
	case COLUMN_SLOW:
		f.kind = FAKE_FAULT_LATE;
		f.ms = SLOWEST_MS;
		break;
	case COLUMN_HANG:
		f.kind = FAKE_FAULT_HANG;
		break;
	case COLUMN_HANG_AFTER:
		f.kind = FAKE_FAULT_HANG_AFTER;
		break;
	case COLUMN_PORT: /* see watch */
	case COLUMNS:
		break;
	}
	return f;
}

/* ---- the rows ---- */

struct row {
	const struct sim7600_script *script;
	uint8_t step;
	const struct situation *situation; /* in which it is sent; NULL: none is known */
};

static struct row rows[STEPS_MAX];
static size_t row_count;

static void make_rows(void)
{
	for (const struct sim7600_script *s = sim7600_scripts; s->name; s++) {
		for (uint8_t step = 0; step == 0 || !s->script[step - 1].is_last; step++) {
			if (row_count == STEPS_MAX)
				abort();
			rows[row_count++] = (struct row){ .script = s, .step = step };
		}
	}
}

static const struct at_step *step_of(const struct row *row)
{
	return &row->script->script[row->step];
}

/* A refusal that has to be believed: of the setting without which the modem refuses binary
 * messages, which is asked for so only after it was refused again and again. */
static bool is_believed(const struct row *row, enum column column)
{
	const char *only_if = step_of(row)->only_if;

	return (column == COLUMN_ERROR || column == COLUMN_NUMBER) && only_if &&
	       strcmp(only_if, "utf8_optional") == 0;
}

/* A daemon that starts while the modem is at it cannot know. */
static bool may_be_slow(const struct row *row)
{
	return step_of(row)->is_slow && !row->situation->is_stop;
}

/* ---- one case ---- */

struct result {
	uint64_t fault_ms, able_ms, noticed_ms, recovered_ms;
	char wrong[WORLD_WRONG_MAX];
};

/* What takes longer for a reason of its own, since the modem is able to. */
static const struct {
	const struct at_step *script;
	uint32_t ms;
} longer[] = {
	/* it is at another speed than it was asked at: nothing that it says can be read */
	{ sim7600_speed_script, 25000 },
	{ sim7600_speed_once_script, 25000 },
};

/* How long the daemon waits for what does not come. */
static uint32_t timeout_of(const struct at_step *step, enum column c)
{
	if (c == COLUMN_RESULT_LOST && step->answer_ms > 0)
		return step->answer_ms;
	return step->final_ms > 0 ? step->final_ms : step->timeout_ms;
}

/* How long it may take at most until a message has reached both brokers, since the modem is able
 * to; is_given_up: the command's own deadline has to pass first. */
static uint64_t bound_of(const struct row *r, enum column c)
{
	const struct at_step *step = step_of(r);
	uint64_t bound_ms = ABLE_MAX_MS;

	if (!columns[c].is_told)
		bound_ms += timeout_of(step, c);
	for (size_t i = 0; i < sizeof(longer) / sizeof(longer[0]); i++) {
		if (longer[i].script == r->script->script && bound_ms < longer[i].ms)
			bound_ms = longer[i].ms;
	}
	return bound_ms;
}

static struct world world;
static const struct row *row; /* that is to meet a fault; NULL: only looked at */
static enum column column;
static uint64_t fault_ms; /* when it did; UINT64_MAX: not yet */
static uint64_t able_ms;  /* when the modem itself was able to work again */
static uint64_t base_ms;  /* nobody could notice earlier */
static uint64_t hang_noticed_ms;
static unsigned fault_owner;          /* of the job that met it */
static bool is_job_over;              /* this job */
static unsigned arrived[SIM_BROKERS]; /* messages when it was */
static uint64_t harms;                /* steps that harm, until the fault */
static bool is_port_due;
static bool is_port_gone;
static bool was_up;
static uint64_t faults; /* so far */

static const struct at_job *running_of(const struct exchange *x)
{
	return x->is_busy && x->job.state == AT_JOB_RUNNING ? &x->job : NULL;
}

enum { OWNERS = MODEM_CLIENTS + 2 };

static const struct exchange *exchange_of(const struct world *w, unsigned owner)
{
	const struct modem *m = core_get_modem(w->core);

	if (owner < MODEM_CLIENTS)
		return &m->session[owner].exchange;
	return owner == MODEM_CLIENTS ? &m->exchange : &m->operator;
}

/* The command that is on its way to the modem. NULL: a fence. */
static const struct at_job *running_job(const struct world *w)
{
	const struct at_job *job = NULL;

	for (unsigned i = 0; !job && i < OWNERS; i++)
		job = running_of(exchange_of(w, i));
	return job;
}

static void note_seen(const struct at_job *job, const struct situation *situation)
{
	for (size_t i = 0; i < row_count; i++) {
		if (rows[i].script->script == job->script && rows[i].step == job->step &&
		    !rows[i].situation)
			rows[i].situation = situation;
	}
}

static const struct situation *situation;

static uint64_t harm_count(const struct world *w)
{
	const struct modem *m = core_get_modem(w->core);

	return modem_recovery_count(m, RECOVERY_REBIND) + modem_recovery_count(m, RECOVERY_POWER);
}

static bool draw(void *ctx, const char *command, struct fake_fault *ret)
{
	struct world *w = ctx;
	const struct at_job *job = running_job(w);

	(void)command;
	if (!job)
		return false;
	if (!row) {
		note_seen(job, situation);
		return false;
	}
	if (fault_ms != UINT64_MAX || job->script != row->script->script || job->step != row->step)
		return false;
	world_note(w, "the fault");
	fault_ms = w->now_ms;
	base_ms = w->now_ms;
	able_ms = w->now_ms;
	fault_owner = job->owner;
	is_job_over = false;
	harms = harm_count(w);
	is_port_due = column == COLUMN_PORT;
	*ret = fault_of(column, step_of(row));
	if (ret->kind == FAKE_FAULT_LATE)
		able_ms += ret->ms;
	return ret->kind != FAKE_FAULT_NONE;
}

/* Those that lead into the situation, too. */
static uint64_t fault_count(const struct world *w)
{
	return fake_modem_stats(w->modem)->faults;
}

static bool is_port_back(const struct world *w)
{
	bool was_gone = is_port_gone;

	is_port_gone = !w->is_port_there;
	return was_gone && !is_port_gone;
}

/* Until when the modem itself could not. */
static void watch_modem(struct world *w)
{
	bool is_up = fake_modem_is_up(w->modem) && !fake_modem_is_hung(w->modem);
	const struct fake_modem_cfg *cfg = &w->p.modem;

	if (is_up && !was_up && fault_ms != UINT64_MAX)
		able_ms = w->now_ms + cfg->sim_ms + cfg->register_ms + 2ULL * cfg->latency_ms;
	was_up = is_up;
	if (is_port_back(w) || (fault_ms != UINT64_MAX && faults != fault_count(w)))
		able_ms = able_ms > w->now_ms ? able_ms : w->now_ms;
	faults = fault_count(w);
	if (w->stuck_ms != UINT64_MAX && w->stuck_ms >= fault_ms && hang_noticed_ms == UINT64_MAX)
		hang_noticed_ms = w->stuck_ms;
}

static unsigned count_arrived(const struct world *w, unsigned broker)
{
	unsigned n = 0;

	for (size_t i = 0; i < w->ledger.count; i++) {
		if (w->ledger.messages[i].subject == &sim_subjects[SUBJECT_BOTH])
			n += w->ledger.messages[i].arrivals[broker];
	}
	return n;
}

/* What arrives before the end of the job that met the fault proves nothing. */
static void watch_job(struct world *w)
{
	const struct exchange *x = exchange_of(w, fault_owner);

	if (fault_ms == UINT64_MAX || is_job_over || is_port_due ||
	    (x->is_busy && x->job.script == row->script->script && x->job.step == row->step))
		return;
	is_job_over = true;
	for (unsigned i = 0; i < SIM_BROKERS; i++)
		arrived[i] = count_arrived(w, i);
}

static bool is_whole(struct world *w)
{
	const struct modem *m = core_get_modem(w->core);

	if (fault_ms == UINT64_MAX || modem_get_status(m)->state != MODEM_READY || !is_job_over)
		return false;
	for (unsigned i = 0; i < SIM_BROKERS; i++) {
		if (modem_get_session(m, i)->state != SESSION_ONLINE ||
		    fake_modem_client_state(w->modem, i) != FAKE_CLIENT_CONNECTED ||
		    count_arrived(w, i) == arrived[i])
			return false;
	}
	return true;
}

/* ---- no wait without a deadline ---- */

enum {
	MODEM_STATES = MODEM_RECOVERING + 1,
	SESSION_STATES = SESSION_STOPPING + 1,
	PHASES = PHASE_PUBLISH + 1,
};

/* How often the daemon was seen waiting there. */
static unsigned modem_waits[MODEM_STATES], session_waits[SESSION_STATES], phase_waits[PHASES];

/* How long nothing may come of a command that was sent, inbound messages apart. */
static uint64_t patience_for(const struct at_job *job)
{
	const struct at_step *step = &job->script[job->step];
	bool is_final_soon = step->final_ms > 0 && !(step->is_slow && job->is_patient);

	return (is_final_soon ? step->final_ms : step->timeout_ms) + job->delayed_ms;
}

/* Something is due while a command runs, at its time-out at the latest; while none runs, no later
 * than the longest pause of the ladder. */
static void check_wait(struct world *w)
{
	const struct modem *m = core_get_modem(w->core);
	const struct at_job *job = running_job(w);
	uint64_t limit_ms = RECOVERY_PAUSE_MAX_MS;

	if (job && patience_for(job) < limit_ms)
		limit_ms = patience_for(job);
	if (!w->has_exited && core_deadline(w->core) > w->now_ms + limit_ms)
		world_wrong(w, "waits too long: modem %s, %s",
		    modem_state_name(modem_get_status(m)->state),
		    job ? job->script[job->step].send : "no command");
	modem_waits[modem_get_status(m)->state]++;
	for (size_t i = 0; i < MODEM_CLIENTS; i++) {
		session_waits[m->session[i].status.state]++;
		phase_waits[m->session[i].phase]++;
	}
}

static unsigned count_unseen(const char *what, const unsigned *waits, unsigned count)
{
	unsigned unseen = 0;

	for (unsigned i = 0; i < count; i++) {
		if (waits[i] > 0)
			continue;
		printf("no situation has the daemon wait in %s %u\n", what, i);
		unseen++;
	}
	return unseen;
}

/* Every state was looked at, as every command was. */
static unsigned count_all_unseen(void)
{
	return count_unseen("state of the modem", modem_waits, MODEM_STATES) +
	       count_unseen("state of a session", session_waits, SESSION_STATES) +
	       count_unseen("phase of a session", phase_waits, PHASES);
}

static unsigned turn;                 /* of the situation */
static const struct wait *hang_in;    /* the modem is to hang in this wait; NULL: in none */
static uint64_t hung_ms = UINT64_MAX; /* when it did */

/* True: nothing more to see. What the daemon is told to stop is bounded by that. */
static bool watch_hang(struct world *w)
{
	if (turn == hang_in->turn) {
		world_note(w, "hangs");
		fake_modem_hang(w->modem, w->now_ms);
		hung_ms = w->now_ms;
		w->stuck_ms = UINT64_MAX;
	}
	if (hung_ms == UINT64_MAX)
		return false;
	return w->stuck_ms != UINT64_MAX || w->now_ms > hung_ms + NOTICE_MAX_MS ||
	       !fake_modem_is_hung(w->modem) || w->is_stopping || w->has_exited;
}

static bool watch(struct world *w)
{
	turn++;
	if (hang_in)
		return watch_hang(w);
	if (!row && !w->has_exited)
		waits_note(w, situation, turn);
	watch_modem(w);
	watch_job(w);
	check_wait(w);
	if (is_port_due) {
		is_port_due = false;
		world_lose_port(w, w->now_ms, PORT_GONE_MS);
	}
	return is_whole(w) || (fault_ms != UINT64_MAX && w->now_ms > fault_ms + GIVE_UP_MS);
}

static bool watch_stop(struct world *w)
{
	check_wait(w);
	return false;
}

static struct sim_params params_of(const struct situation *s)
{
	struct sim_params p = {
		.seed = 1,
		.level = SIM_LOSSES,
		.chunk_in = 4096,
		.chunk_out = 4096,
		.chunk_client = 4096,
		.broker_ms = 50,
		.work_ms = 30000,
		.steady_ms = STEADY_MS,
		.up_count = { STEADY_COUNT, 0 },
		.down_count = { 4, 4 },
		.payload_max = 60,
		.store_bytes = SIM_ROOMY_BYTES,
		.has_power_cycle = true,
	};

	fake_modem_cfg_init(&p.modem);
	if (s->set_params)
		s->set_params(&p);
	p.modem.draw_fault = draw;
	return p;
}

static void begin(const struct situation *s, bool is_verbose)
{
	struct sim_params p = params_of(s);
	static const uint8_t old_file[] = "old";

	situation = s;
	fault_ms = UINT64_MAX;
	hang_noticed_ms = UINT64_MAX;
	is_port_due = false;
	was_up = false;
	turn = 0;
	hung_ms = UINT64_MAX;
	world_prepare(&world, &p, is_verbose);
	if (s->set_configs)
		s->set_configs(&world);
	world_start(&world, NULL);
	for (size_t i = 0; i < 3 && s->faults[i]; i++) {
		struct fake_fault f;

		if (fake_fault_parse(s->faults[i], &f) == 0)
			fake_modem_add_fault(world.modem, &f);
		else
			abort();
	}
	fake_modem_put_cert(world.modem, "cmqttd-0-00000000-ca.pem", old_file, sizeof(old_file));
}

/* Through the situation, until all is well after the fault, or it never will be. */
static void live(struct world *w)
{
	const struct situation *s = situation;

	if (world_run_until(w, ACT_MS, watch) && (hang_in || is_whole(w)))
		return;
	if (s->act) {
		world_note(w, "%s", s->name);
		s->act(w);
		base_ms = w->now_ms;
	}
	if (s->is_stop) {
		(void)world_run_until(w, w->now_ms + STOP_MS, watch_stop);
		if (!w->has_exited)
			world_wrong(w, "did not stop in time");
		world_start_again(w);
		base_ms = w->now_ms;
		if (able_ms < w->now_ms)
			able_ms = w->now_ms;
	}
	(void)world_run_until(w, w->now_ms + SEEN_MS, watch);
	if (fault_ms != UINT64_MAX && !is_whole(w))
		(void)world_run_until(w, fault_ms + GIVE_UP_MS, watch);
}

/* All that was accepted arrives. */
static void settle(struct world *w)
{
	w->clients[0].left = 0;
	w->clients[0].publish_ms = UINT64_MAX;
	if (!world_run_until(w, w->now_ms + SETTLE_MS, invariants_is_settled))
		invariants_say_unsettled(w);
	if (w->wrong[0] == '\0')
		invariants_check_settled(w);
}

static void check_bounds(struct world *w, const struct result *result)
{
	uint64_t since_ms = fault_ms > base_ms ? fault_ms : base_ms;

	if (result->recovered_ms > able_ms + bound_of(row, column))
		world_wrong(w, "published again %.1f s after the modem was able to",
		    (double)(result->recovered_ms - able_ms) / 1000);
	if (is_hang(column) && hang_noticed_ms > since_ms + NOTICE_MAX_MS)
		world_wrong(w, "a modem that hangs was not noticed in time");
	if (column == COLUMN_SLOW && harm_count(w) > harms)
		world_wrong(w, "a modem that is slow was taken for one that hangs");
}

static void run_case(const struct row *r, enum column c, bool is_verbose, struct result *ret)
{
	row = r;
	column = c;
	begin(r->situation, is_verbose);
	live(&world);
	*ret = (struct result){ .fault_ms = fault_ms,
		.able_ms = able_ms,
		.noticed_ms = hang_noticed_ms,
		.recovered_ms = world.now_ms };
	if (world.wrong[0] == '\0' && fault_ms == UINT64_MAX)
		world_wrong(&world, "was not sent this time");
	if (world.wrong[0] == '\0' && !is_whole(&world))
		invariants_say_unsettled(&world);
	if (world.wrong[0] == '\0')
		settle(&world);
	if (world.wrong[0] == '\0')
		check_bounds(&world, ret);
	memcpy(ret->wrong, world.wrong, sizeof(ret->wrong));
	world_fini(&world);
}

/* ---- all of them ---- */

struct worst {
	uint64_t since_able_ms, total_ms;
	const struct row *of_able;
	unsigned cases;
};

static const char *only_fault; /* a name of a column; NULL: all */
static struct worst worsts[COLUMNS];
static uint64_t notice_worst_ms; /* in a row, and in each kind of wait */
static unsigned passed, failed;

static void say_wrong(const struct row *r, const char *what, const char *why)
{
	failed++;
	if (failed <= WRONG_SHOWN_MAX)
		printf("%s: %s, %s: %s\n", r->script->name, step_of(r)->send, what, why);
	fflush(stdout);
}

static void note_result(const struct row *r, enum column c, const struct result *result)
{
	struct worst *worst = &worsts[c];
	uint64_t able_took =
	    result->recovered_ms > result->able_ms ? result->recovered_ms - result->able_ms : 0;

	worst->cases++;
	if (able_took >= worst->since_able_ms) {
		worst->since_able_ms = able_took;
		worst->of_able = r;
	}
	if (is_hang(c) && result->noticed_ms - result->fault_ms > notice_worst_ms)
		notice_worst_ms = result->noticed_ms - result->fault_ms;
	/* Where nothing else goes wrong. */
	if (!r->situation->faults[0] && result->recovered_ms - result->fault_ms > worst->total_ms)
		worst->total_ms = result->recovered_ms - result->fault_ms;
}

static void run_row(const struct row *r, bool is_verbose)
{
	if (!r->situation) {
		say_wrong(r, "no fault", "no situation makes the daemon send it");
		return;
	}
	for (enum column c = 0; c < COLUMNS; c++) {
		struct result result;

		if ((columns[c].is_of_body && !step_of(r)->data) || is_believed(r, c) ||
		    (c == COLUMN_SLOW && !may_be_slow(r)) ||
		    (only_fault && strcmp(only_fault, columns[c].name) != 0))
			continue;
		run_case(r, c, is_verbose, &result);
		if (result.wrong[0] != '\0') {
			say_wrong(r, columns[c].name, result.wrong);
			continue;
		}
		passed++;
		note_result(r, c, &result);
		if (is_verbose)
			printf("TIME %s %s, %s: %.1f s, %.1f s\n", r->script->name,
			    step_of(r)->send, columns[c].name,
			    (double)(result.recovered_ms - result.fault_ms) / 1000,
			    ((double)result.recovered_ms - (double)result.able_ms) / 1000);
	}
}

/* In each kind of wait the modem hangs. */
static void walk_waits(bool is_verbose)
{
	row = NULL;
	for (size_t i = 0; i < waits_count(); i++) {
		hang_in = waits_get(i);
		begin(hang_in->situation, is_verbose);
		live(&world);
		if (hung_ms == UINT64_MAX) {
			failed++;
			printf("%s: it did not come to that again\n", hang_in->name);
		} else if (fake_modem_is_hung(world.modem) && !world.is_stopping &&
			   !world.has_exited && world.stuck_ms == UINT64_MAX) {
			failed++;
			printf("%s: nothing is noticed of a modem that hangs\n", hang_in->name);
		} else {
			passed++;
		}
		if (world.stuck_ms != UINT64_MAX && world.stuck_ms - hung_ms > notice_worst_ms)
			notice_worst_ms = world.stuck_ms - hung_ms;
		if (is_verbose && hung_ms != UINT64_MAX && world.stuck_ms != UINT64_MAX)
			printf("WAIT %s: %.1f s\n", hang_in->name,
			    (double)(world.stuck_ms - hung_ms) / 1000);
		world_fini(&world);
	}
	hang_in = NULL;
}

static void look_for_situations(void)
{
	row = NULL;
	for (const struct situation *s = matrix_situations; s->name; s++) {
		begin(s, false);
		live(&world);
		settle(&world);
		if (world.wrong[0] != '\0') {
			failed++;
			printf("without a fault: %s: %s\n", s->name, world.wrong);
		}
		world_fini(&world);
	}
}

static const char notice_title[] = "until it is noticed, wherever it hangs";
static const char outage_title[] =
    "from there until messages flow, the power being cut by a command";

static uint64_t outage_worst_ms(void)
{
	const struct worst *a = &worsts[COLUMN_HANG], *b = &worsts[COLUMN_HANG_AFTER];

	return a->total_ms > b->total_ms ? a->total_ms : b->total_ms;
}

static void print_worst(void)
{
	for (enum column c = 0; c < COLUMNS; c++) {
		const struct worst *w = &worsts[c];

		if (w->cases > 0)
			printf("| %s | %.0f s | %s: `%.*s` | %u cases\n", columns[c].name,
			    (double)w->since_able_ms / 1000, w->of_able->script->name,
			    (int)strcspn(step_of(w->of_able)->send, "=<"),
			    step_of(w->of_able)->send, w->cases);
	}
	printf("| %s | %.0f s |\n", notice_title, (double)notice_worst_ms / 1000);
	printf("| %s | %.0f s |\n", outage_title, (double)outage_worst_ms() / 1000);
}

/* The documented time of this column, in seconds; negative: there is none. */
static double documented(FILE *f, const char *name)
{
	char line[256];
	double seconds = -1;

	rewind(f);
	while (fgets(line, sizeof(line), f)) {
		size_t n = strlen(name);

		if (strncmp(line, "| ", 2) == 0 && strncmp(line + 2, name, n) == 0 &&
		    strncmp(line + 2 + n, " | ", 3) == 0)
			seconds = strtod(line + 2 + n + 3, NULL);
	}
	return seconds;
}

static void check_documented(FILE *f, const char *path, const char *name, uint64_t measured_ms)
{
	double told_s = f ? documented(f, name) : -1;
	double s = (double)measured_ms / 1000;
	double slack_s = s / 10 > 2 ? s / 10 : 2;

	if (told_s >= s - slack_s && told_s <= s + slack_s) {
		passed++;
		return;
	}
	failed++;
	printf("%s: %s: %.0f s is documented, %.0f s was measured\n", path, name, told_s, s);
}

/* What the table says is what was measured, to a tenth or two seconds. */
static void check_table(const char *path)
{
	FILE *f = fopen(path, "r");

	for (enum column c = 0; c < COLUMNS; c++)
		check_documented(f, path, columns[c].name, worsts[c].since_able_ms);
	check_documented(f, path, notice_title, notice_worst_ms);
	check_documented(f, path, outage_title, outage_worst_ms());
	if (f)
		fclose(f);
}

struct options {
	bool is_verbose;
	const char *only;  /* a script */
	const char *table; /* a file */
};

static bool parse_options(int argc, char **argv, struct options *ret)
{
	*ret = (struct options){ 0 };
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-v") == 0)
			ret->is_verbose = true;
		else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
			ret->only = argv[++i];
		else if (strcmp(argv[i], "--fault") == 0 && i + 1 < argc)
			only_fault = argv[++i];
		else if (strcmp(argv[i], "--table") == 0 && i + 1 < argc)
			ret->table = argv[++i];
		else
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct options o;

	if (!parse_options(argc, argv, &o)) {
		fprintf(
		    stderr, "usage: matrix [--table FILE] [--only SCRIPT] [--fault NAME] [-v]\n");
		return EXIT_USAGE;
	}
	make_rows();
	look_for_situations();
	for (size_t i = 0; i < row_count; i++) {
		if (!o.only || strcmp(o.only, rows[i].script->name) == 0)
			run_row(&rows[i], o.is_verbose);
	}
	if (!o.only) {
		walk_waits(o.is_verbose);
		failed += count_all_unseen();
	}
	print_worst();
	if (o.table)
		check_table(o.table);
	printf("%u passed, %u failed\n", passed, failed);
	return failed > 0;
}
