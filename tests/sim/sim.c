/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulation: many small worlds, each from a seed.
 *
 *   sim [--seeds N] [--first S] [--level L|all] [-v]
 *
 * For every level one row; for every seed that went wrong one line with the command that shows it
 * again. The last line counts them. Exit status 1 if any went wrong.
 */
#include "sim/world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EXIT_USAGE      64
#define TWICE_EVERY     50 /* seeds: one of so many is run again, and must give the same */
#define WRONG_SHOWN_MAX 20 /* of one level */

struct options {
	uint64_t seeds;
	uint64_t first;
	int level; /* -1: all */
	bool is_verbose;
};

struct row {
	uint64_t seeds;
	uint64_t wrong;
	uint64_t messages;
	uint64_t faults;
	uint64_t virtual_ms;
	uint64_t recovery_max_ms;
	uint64_t slowest; /* seed that took it */
	double real_s;
};

static const char *const level_names[SIM_LEVELS] = { "calm", "refusals", "losses", "chaos" };

static void print_usage(FILE *f)
{
	fprintf(f, "usage: sim [--seeds N] [--first S] [--level 0..%d|all] [-v]\n", SIM_LEVELS - 1);
}

static bool parse_number(const char *text, uint64_t max, uint64_t *ret)
{
	char *end;
	unsigned long long v;

	if (!text || text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || v > max)
		return false;
	*ret = v;
	return true;
}

static bool parse_options(int argc, char **argv, struct options *ret)
{
	uint64_t level = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-v") == 0) {
			ret->is_verbose = true;
		} else if (strcmp(argv[i], "--seeds") == 0) {
			if (!parse_number(argv[++i], UINT32_MAX, &ret->seeds))
				return false;
		} else if (strcmp(argv[i], "--first") == 0) {
			if (!parse_number(argv[++i], UINT64_MAX / 2, &ret->first))
				return false;
		} else if (strcmp(argv[i], "--level") == 0 && argv[i + 1] &&
			   strcmp(argv[i + 1], "all") == 0) {
			i++;
			ret->level = -1;
		} else if (strcmp(argv[i], "--level") == 0) {
			if (!parse_number(argv[++i], SIM_LEVELS - 1, &level))
				return false;
			ret->level = (int)level;
		} else {
			return false;
		}
	}
	return true;
}

static double seconds_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void run_seed(uint64_t seed, enum sim_level level, bool is_verbose, struct row *row)
{
	struct world_result result, again;

	world_run(seed, level, is_verbose, &result);
	if (result.wrong[0] == '\0' && seed % TWICE_EVERY == 0) {
		world_run(seed, level, false, &again);
		if (again.hash != result.hash)
			snprintf(
			    result.wrong, sizeof(result.wrong), "the same seed gave another run");
	}
	row->seeds++;
	row->messages += result.messages;
	row->faults += result.faults;
	row->virtual_ms += result.virtual_ms;
	if (result.recovery_ms > row->recovery_max_ms) {
		row->recovery_max_ms = result.recovery_ms;
		row->slowest = seed;
	}
	if (result.wrong[0] == '\0')
		return;
	row->wrong++;
	if (row->wrong <= WRONG_SHOWN_MAX)
		printf("sim --first %llu --seeds 1 --level %d -v: %s\n", (unsigned long long)seed,
		    (int)level, result.wrong);
	fflush(stdout);
}

static void print_row(enum sim_level level, const struct row *row)
{
	printf("%-8s %7llu %6llu %9llu %8llu %9.1f %9.0f (%llu) %8.1f\n", level_names[level],
	    (unsigned long long)row->seeds, (unsigned long long)row->wrong,
	    (unsigned long long)row->messages, (unsigned long long)row->faults,
	    (double)row->virtual_ms / 3600000.0, (double)row->recovery_max_ms / 1000.0,
	    (unsigned long long)row->slowest, row->real_s);
	fflush(stdout);
}

/* Seeds are shared out over the levels: every level gets its part of the number asked for. */
int main(int argc, char **argv)
{
	struct options o = { .seeds = 2000, .first = 1, .level = -1 };
	uint64_t wrong = 0, passed = 0;

	if (!parse_options(argc, argv, &o)) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	printf("%-8s %7s %6s %9s %8s %9s %9s %8s\n", "level", "seeds", "wrong", "messages",
	    "faults", "virtual h", "recover s", "real s");
	for (int level = 0; level < SIM_LEVELS; level++) {
		struct row row = { 0 };
		double start = seconds_now();

		if (o.level >= 0 && o.level != level)
			continue;
		for (uint64_t i = 0; i < o.seeds; i++) {
			if (o.level < 0 && (o.first + i) % SIM_LEVELS != (uint64_t)level)
				continue;
			run_seed(o.first + i, (enum sim_level)level, o.is_verbose, &row);
		}
		row.real_s = seconds_now() - start;
		print_row((enum sim_level)level, &row);
		wrong += row.wrong;
		passed += row.seeds - row.wrong;
	}
	printf("%llu passed, %llu failed\n", (unsigned long long)passed, (unsigned long long)wrong);
	return wrong > 0;
}
