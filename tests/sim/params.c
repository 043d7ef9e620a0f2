/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/params.h"

#include "base/prng.h"

#define SECOND      1000U
#define MINUTE      (60 * SECOND)

#define TIGHT_BYTES 500 /* a few small messages */

static uint32_t draw_u32(struct prng *r, uint32_t low, uint32_t high)
{
	return (uint32_t)prng_range(r, low, high);
}

/* One of a few sizes that are interesting, not any. */
static size_t draw_chunk(struct prng *r)
{
	static const size_t sizes[] = { 1, 2, 7, 9, 64, 64, 512, 4096, 4096, 4096 };

	return sizes[prng_range(r, 0, sizeof(sizes) / sizeof(sizes[0]) - 1)];
}

/* What the sources leave open, or firmwares do differently. */
static void draw_habits(struct fake_modem_cfg *m, struct prng *r)
{
	static const char *const prompts[] = { "\r\n>", "\r\n> ", "\r\n>\r\n" };
	static const int busy_codes[] = { 14, 13, 313 };
	static const uint32_t rx_chunks[] = { 1500, 1500, 1500, 100, 7 };

	m->latency_ms = draw_u32(r, 1, 60);
	m->latency_jitter_ms = draw_u32(r, 0, 40);
	m->echo_data = prng_chance(r, 500);
	m->prompt = prompts[prng_range(r, 0, 2)];
	m->say_rdy = prng_chance(r, 900);
	m->boot_ms = draw_u32(r, 1 * SECOND, 20 * SECOND);
	m->sim_ms = draw_u32(r, 100, 8 * SECOND);
	m->register_ms = draw_u32(r, 100, 15 * SECOND);
	m->register_stat = prng_chance(r, 800) ? 1 : 5;
	m->cmee = (int)prng_range(r, 0, 2);
	m->sim_busy_code = busy_codes[prng_range(r, 0, 2)];
	m->clock_set = prng_chance(r, 700);
	m->nitz = prng_chance(r, 700);
	m->netopen_error = prng_chance(r, 300);
	m->start_order = (enum fake_order)prng_range(r, 0, 2);
	m->stop_order = (enum fake_order)prng_range(r, 0, 1); /* without a result: START alone */
	m->disc_order = (enum fake_order)prng_range(r, 0, 1);
	m->start_fail = (enum fake_fail_form)prng_range(r, 0, 3);
	m->connect_fail = (enum fake_fail_form)prng_range(r, 0, 3);
	m->stray = (enum fake_stray)prng_range(r, 0, 2);
	m->default_mqtt_version = prng_chance(r, 500) ? 3 : 4;
	m->closed_says_9 = prng_chance(r, 500);
	m->rel_free_says_20 = prng_chance(r, 500);
	m->cfg_fail_ok = prng_chance(r, 500);
	m->failed_pub_clears = prng_chance(r, 500);
	m->will_survives = prng_chance(r, 500);
	m->staging_needs_connection = prng_chance(r, 800);
	m->nonet_stops = prng_chance(r, 800);
	m->rx_chunk = rx_chunks[prng_range(r, 0, 4)];
	m->rx_topic_chunk = prng_chance(r, 800) ? 1024 : 5;
	m->rx_gap_ms = m->rx_chunk < 100 || prng_chance(r, 600) ? 0 : draw_u32(r, 1, 300);
	m->rx_interleave = prng_chance(r, 300);
	m->certdown_existing_fails = prng_chance(r, 500);
	m->missing_file_refused_early = prng_chance(r, 500);
}

static void draw_workload(struct sim_params *p, struct prng *r)
{
	static const size_t payloads[] = { 20, 100, 100, 300, 2000, 10240 };

	p->payload_max = payloads[prng_range(r, 0, 5)];
	p->work_ms = draw_u32(r, 30 * SECOND, p->level == SIM_CALM ? MINUTE : 8 * MINUTE);
	for (int i = 0; i < 2; i++)
		p->up_count[i] = draw_u32(r, 0, 14);
	for (int i = 0; i < SIM_BROKERS; i++)
		p->down_count[i] = draw_u32(r, 0, 8);
	p->has_forbidden = p->level >= SIM_REFUSALS && prng_chance(r, 150);
	p->has_too_large = prng_chance(r, 100);
	p->store_bytes = prng_chance(r, 200) ? 30000 : SIM_ROOMY_BYTES;
}

static void draw_configuration(struct sim_params *p, struct prng *r)
{
	p->is_tls[0] = prng_chance(r, 300);
	p->is_tls[1] = prng_chance(r, 300);
	p->has_will = prng_chance(r, 700);
	p->has_birth = prng_chance(r, 500);
	p->clean_session = prng_chance(r, 300);
	p->has_pin = p->level <= SIM_REFUSALS && prng_chance(r, 200);
	p->has_apn = prng_chance(r, 700);
	p->is_warm = prng_chance(r, 200);
}

static void draw_faults(struct sim_params *p, struct prng *r)
{
	static const unsigned permille[] = { 0, 5, 20, 60, 120 };

	p->has_power_cycle = true;
	if (p->level == SIM_CALM)
		return;
	p->command_permille = permille[prng_range(r, 0, 4)];
	p->commit_permille = prng_chance(r, 300) ? 200 : 0;
	if (p->level >= SIM_LOSSES && prng_chance(r, 800))
		p->event_mean_ms = draw_u32(r, 20 * SECOND, 4 * MINUTE);
	if (p->level >= SIM_CHAOS)
		p->has_port_loss = prng_chance(r, 500);
}

/* Of a good disk, a card, a bad card. */
static uint32_t draw_commit_max(uint64_t seed)
{
	static const uint32_t max_ms[] = { 0, 5, 50, 400, 4000 };
	struct prng r;

	prng_init(&r, seed ^ UINT64_C(0xd15c));
	return max_ms[prng_range(&r, 0, 4)];
}

static void draw_extras(struct sim_params *p)
{
	struct prng r;

	prng_init(&r, p->seed ^ UINT64_C(0xe87a5));
	p->has_jam = p->level >= SIM_REFUSALS && prng_chance(&r, 100);
	p->has_keep_last = prng_chance(&r, 500);
	p->has_ttl = prng_chance(&r, 400);
	p->has_gap_topic = prng_chance(&r, 500);
	p->has_drop_oldest = prng_chance(&r, 300);
	p->has_wills = prng_chance(&r, 400) && !p->has_drop_oldest;
	p->is_born_in_1970 = prng_chance(&r, 200);
	p->commit_max_ms = draw_commit_max(p->seed);
	if (prng_chance(&r, 500))
		p->wall_mean_ms = draw_u32(&r, 5 * SECOND, 2 * MINUTE);
	/* What is dropped for want of room is worth a look when there is little of it. */
	if (p->has_drop_oldest && prng_chance(&r, 500))
		p->store_bytes = 30000;
}

/* What hardly ever comes about by itself, in one seed of eight each; in none of those that had
 * found something before. */
static void choose_rarities(struct sim_params *p)
{
	uint64_t n = p->seed / SIM_LEVELS % 8;

	p->has_loose_sockets = p->level >= SIM_LOSSES && n == 2;
	p->has_deadly_commits = p->level >= SIM_CHAOS && n == 6;
	if (p->level >= SIM_CHAOS || n != 6)
		return;
	p->has_drop_oldest = true;
	p->has_wills = false;
	p->has_too_large = false;
	p->store_bytes = TIGHT_BYTES + 3 * p->payload_max;
}

void sim_params_draw(struct sim_params *ret, uint64_t seed, enum sim_level level)
{
	struct prng r;

	prng_init(&r, seed);
	*ret = (struct sim_params){ .seed = seed, .level = level };
	fake_modem_cfg_init(&ret->modem);
	ret->modem.seed = prng_u64(&r);
	ret->chunk_in = draw_chunk(&r);
	ret->chunk_out = draw_chunk(&r);
	ret->chunk_client = draw_chunk(&r);
	ret->broker_ms = draw_u32(&r, 1, 400);
	ret->broker_jitter_ms = draw_u32(&r, 0, 300);
	draw_habits(&ret->modem, &r);
	draw_workload(ret, &r);
	draw_configuration(ret, &r);
	draw_faults(ret, &r);
	if (level >= SIM_CHAOS && prng_chance(&r, 200))
		ret->ending = prng_chance(&r, 500) ? SIM_END_SHUTDOWN : SIM_END_FREE;
	draw_extras(ret);
	choose_rarities(ret);
	ret->has_operators = level >= SIM_MEDDLING || seed / SIM_LEVELS % 4 == 0;
	ret->modem.pin = ret->has_pin ? "1234" : NULL;
	ret->modem.warm = ret->is_warm;
}
