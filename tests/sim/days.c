/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/days.h"

#include "sim/invariants.h"

#include <malloc.h>
#include <string.h>

#define HOUR_MS         3600000ULL
#define DAY_MS          (24 * HOUR_MS)
#define WORK_MS         (22 * HOUR_MS)
#define SETTLE_MAX_MS   (30 * 60000ULL)
#define EVENT_MEAN_MS   (4 * HOUR_MS) /* between connections lost, reboots, hangs, outages, ... */
#define FAULTS_PERMILLE 2             /* of the commands */
#define UP_MAX          8             /* messages of each local publisher a day */
#define DOWN_MAX        6
#define MEMORY_DAY      20     /* from here on it is compared: queues and tables have grown */
#define MEMORY_SLACK    131072 /* bytes; buffers of the simulated modem, which count, double */

/* Without what the world notes of its disk. 0 if the allocator does not tell. */
static size_t memory_in_use(const struct world *w)
{
	struct mallinfo2 info = mallinfo2();
	size_t bytes = info.uordblks + info.hblkhd, notes = undo_store_memory(&w->store.undo);

	return bytes > notes ? bytes - notes : 0;
}

/* Like the worlds of the worst level, only that nothing happens most of the time. */
static void draw_params(struct sim_params *p, uint64_t seed)
{
	sim_params_draw(p, seed, SIM_CHAOS);
	p->ending = SIM_END_CLEAN;
	p->chunk_in = 4096;
	p->chunk_out = 4096;
	p->chunk_client = 4096;
	p->up_count[0] = 0;
	p->up_count[1] = 0;
	p->down_count[0] = 0;
	p->down_count[1] = 0;
	p->payload_max = 300;
	p->has_too_large = false;
	p->has_forbidden = false;
	p->has_jam = false;
	p->has_wills = false;
	p->has_operators = false;
	p->store_bytes = SIM_ROOMY_BYTES;
	p->commit_permille = 5;
	p->command_permille = FAULTS_PERMILLE;
	p->event_mean_ms = EVENT_MEAN_MS;
	p->wall_mean_ms = 0;
	p->is_born_in_1970 = false;
	p->check_every = 16;
}

static void begin_day(struct world *w, uint64_t seed, uint64_t now_ms)
{
	w->p.seed = seed; /* other bodies than yesterday */
	w->ledger = (struct ledger){ 0 };
	w->work_end_ms = now_ms + WORK_MS;
	w->faults.is_over = false;
	w->faults.next_ms = now_ms + prng_range(&w->rng, 1, 2ULL * w->p.event_mean_ms);
	w->store.fail_permille = w->p.commit_permille;
	for (unsigned i = 0; i < 2; i++) {
		struct fake_client *c = &w->clients[i];

		c->left = (unsigned)prng_range(&w->rng, 1, UP_MAX);
		c->publish_ms = now_ms + world_draw_pause(w, c->left);
	}
	for (unsigned i = 0; i < SIM_BROKERS; i++) {
		w->down_left[i] = (unsigned)prng_range(&w->rng, 0, DOWN_MAX);
		w->down_ms[i] = w->down_left[i] > 0 ? now_ms + world_draw_pause(w, w->down_left[i])
						    : UINT64_MAX;
	}
}

/* All that was promised is done before the day is over. */
static void end_day(struct world *w, struct days_result *ret)
{
	uint64_t since_ms = w->now_ms;

	faults_stop(w, w->now_ms);
	if (!world_run_until(w, since_ms + SETTLE_MAX_MS, invariants_is_settled))
		invariants_say_unsettled(w);
	if (w->now_ms - since_ms > ret->recovery_max_ms)
		ret->recovery_max_ms = w->now_ms - since_ms;
	(void)world_run_until(w, w->now_ms + 5000, NULL);
	if (w->wrong[0] == '\0')
		invariants_check_settled(w);
	ret->messages += w->ledger.count;
}

static void check_growth(struct world *w, const struct days_result *r)
{
	if (r->memory_last > r->memory_first + MEMORY_SLACK)
		world_wrong(w, "%zu bytes in use after %d days, %zu now", r->memory_first,
		    MEMORY_DAY, r->memory_last);
}

void days_run(uint64_t seed, unsigned days, bool is_verbose, struct days_result *ret)
{
	static struct world w;
	struct sim_params p;
	uint64_t start_ms;

	*ret = (struct days_result){ 0 };
	draw_params(&p, seed);
	world_prepare(&w, &p, is_verbose);
	world_start(&w, NULL);
	world_retire_vandals(&w);
	start_ms = w.now_ms;
	for (unsigned day = 0; day < days && w.wrong[0] == '\0'; day++) {
		begin_day(&w, seed * DAYS_A_LIFE + day, start_ms + day * DAY_MS);
		(void)world_run_until(&w, start_ms + day * DAY_MS + WORK_MS, NULL);
		if (w.wrong[0] == '\0')
			end_day(&w, ret);
		(void)world_run_until(&w, start_ms + (day + 1) * DAY_MS, NULL);
		ret->days += w.wrong[0] == '\0';
		if (day == MEMORY_DAY)
			ret->memory_first = memory_in_use(&w);
	}
	if (ret->memory_first > 0) {
		ret->memory_last = memory_in_use(&w);
		check_growth(&w, ret);
	}
	ret->faults = w.faults.commands + w.faults.events;
	memcpy(ret->wrong, w.wrong, sizeof(ret->wrong));
	world_fini(&w);
}
