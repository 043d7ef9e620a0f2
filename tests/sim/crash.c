/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole core on a disk that ends its life: a run is recorded, and then run again and again, the
 * daemon dying at the first write or sync, at the second, and so on to the last. Each time the core
 * is built anew from what is on the disk, while modem, brokers and clients live on, and all that
 * was acknowledged has to arrive, in order, at most once for each connection to the broker.
 *
 *   crash [--seeds N] [--first S] [--level L] [--cut N] [--every N] [--kill|--power] [-v]
 *
 * Without --level the seeds are shared out among the levels. Two kinds of death: the process is
 * killed, and what it wrote is on the disk; or the power fails, and what was not synced is kept,
 * lost or torn by chance, sector by sector. In the end "N passed, N failed", counted in deaths;
 * exit status 1 if any failed.
 */
#include "daemon/store_sqlite.h"
#include "sim/options.h"
#include "sim/world.h"
#include "unit/cut_vfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE      64
#define PAGES_MAX       40 /* of the log: it is written back now and then, in a short run, too */
#define WRONG_SHOWN_MAX 20

enum death { DEATH_KILL, DEATH_POWER, DEATHS };

static const char *const death_names[DEATHS] = { "kill", "power" };

struct options {
	uint64_t seeds;
	uint64_t first;
	uint64_t level; /* SIM_LEVELS: by the seed */
	uint64_t cut;   /* 0: each */
	uint64_t every; /* or each n-th only */
	bool is_off[DEATHS];
	bool is_verbose;
};

/* ---- the disk ---- */

static enum death death;
static uint64_t chance; /* seed of what becomes of what was not synced */

static void mend(void)
{
	if (death == DEATH_POWER)
		cut_vfs_restore(chance++);
	else
		cut_vfs_survive();
}

static struct store *disk_open(uint64_t max_bytes)
{
	const struct store_sqlite_options options = {
		.path = "store.db",
		.max_bytes = max_bytes,
		.checkpoint_pages = PAGES_MAX,
	};
	char error[STORE_SQLITE_TEXT_MAX];
	struct store *store = NULL;

	if (cut_vfs_is_cut())
		mend();
	/* It may die while it opens it. */
	while (store_sqlite_open(&options, &store, error) < 0) {
		if (!cut_vfs_is_cut()) {
			fprintf(stderr, "crash: the store does not open: %s\n", error);
			exit(1);
		}
		mend();
	}
	return store;
}

static const struct sim_disk disk = {
	.open = disk_open,
	.kill = cut_vfs_cut_now,
	.is_killed = cut_vfs_is_cut,
	.moments = cut_vfs_moments,
};

/* ---- runs ---- */

struct totals {
	uint64_t passed, failed;
	uint64_t messages;
};

static enum sim_level level_of(const struct options *o, uint64_t seed)
{
	return (enum sim_level)(o->level == SIM_LEVELS ? seed % SIM_LEVELS : o->level);
}

/* One life that ends at that moment, 0: at none, and the one after it. */
static void run(const struct options *o, uint64_t seed, uint64_t cut, struct world_result *ret)
{
	cut_vfs_clear();
	chance = seed * 1000003 + cut;
	cut_vfs_cut_at(cut);
	world_run(seed, level_of(o, seed), o->is_verbose, &disk, ret);
}

static void judge(const struct options *o, uint64_t seed, uint64_t cut, struct totals *totals)
{
	struct world_result result;

	run(o, seed, cut, &result);
	if (result.wrong[0] == '\0') {
		totals->passed++;
		return;
	}
	totals->failed++;
	if (totals->failed <= WRONG_SHOWN_MAX)
		printf("crash --first %llu --seeds 1 --level %d --cut %llu --%s -v: %s\n",
		    (unsigned long long)seed, (int)level_of(o, seed), (unsigned long long)cut,
		    death_names[death], result.wrong);
	fflush(stdout);
}

static void run_seed(const struct options *o, uint64_t seed, struct totals *totals)
{
	struct options quiet = *o;
	struct world_result record;
	uint64_t from = o->cut ? o->cut : 1, to;

	quiet.is_verbose = false;
	death = DEATH_KILL;
	run(&quiet, seed, 0, &record);
	if (record.wrong[0] != '\0') {
		printf("seed %llu goes wrong without a death: %s\n", (unsigned long long)seed,
		    record.wrong);
		totals->failed++;
		return;
	}
	to = o->cut ? o->cut : record.disk_moments;
	totals->messages += record.messages;
	printf("seed %llu, level %d: %u messages, %llu writes and syncs\n",
	    (unsigned long long)seed, (int)level_of(o, seed), record.messages,
	    (unsigned long long)record.disk_moments);
	fflush(stdout);
	for (unsigned d = 0; d < DEATHS; d++) {
		death = (enum death)d;
		for (uint64_t cut = from; !o->is_off[d] && cut <= to; cut += o->every)
			judge(o, seed, cut, totals);
	}
}

static bool parse_options(int argc, char **argv, struct options *o)
{
	const struct option_number numbers[] = {
		{ "--seeds", UINT32_MAX, &o->seeds },
		{ "--first", UINT64_MAX / 2, &o->first },
		{ "--level", SIM_LEVELS - 1, &o->level },
		{ "--cut", UINT64_MAX / 2, &o->cut },
		{ "--every", UINT64_MAX / 2, &o->every },
	};

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-v") == 0)
			o->is_verbose = true;
		else if (strcmp(argv[i], "--kill") == 0)
			o->is_off[DEATH_POWER] = true;
		else if (strcmp(argv[i], "--power") == 0)
			o->is_off[DEATH_KILL] = true;
		else if (!options_read_number(
			     argv, &i, numbers, sizeof(numbers) / sizeof(numbers[0])))
			return false;
	}
	return o->every > 0;
}

int main(int argc, char **argv)
{
	struct options o = { .seeds = 1, .first = 1, .level = SIM_LEVELS, .every = 1 };
	struct totals totals = { 0 };

	if (!parse_options(argc, argv, &o)) {
		fprintf(stderr,
		    "usage: crash [--seeds N] [--first S] [--level 0..%d] [--cut N] "
		    "[--every N] [--kill|--power] [-v]\n",
		    SIM_LEVELS - 1);
		return EXIT_USAGE;
	}
	cut_vfs_install();
	for (uint64_t i = 0; i < o.seeds; i++)
		run_seed(&o, o.first + i, &totals);
	cut_vfs_remove();
	printf("%llu passed, %llu failed\n", (unsigned long long)totals.passed,
	    (unsigned long long)totals.failed);
	return totals.failed > 0;
}
