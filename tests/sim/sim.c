/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulation: many small worlds, each from a seed.
 *
 *   sim [--seeds N] [--first S] [--level L|all] [-v]
 *   sim --file FILE     the seeds of a file: a level and a seed a line, # begins a remark
 *   sim --days N [--first S] [-v]     N days, of worlds that live for 1000 days each
 *
 * Without --level the seeds are shared out: every level gets its part of them. For every level one
 * row; for every seed that went wrong one line with the command that shows it again. The last line
 * counts them. Exit status 1 if any went wrong.
 */
#include "sim/days.h"
#include "sim/options.h"
#include "sim/world.h"

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
	uint64_t level; /* SIM_LEVELS: all */
	bool is_verbose;
	const char *file;
	uint64_t days; /* 0: seeds */
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

static const char *const level_names[SIM_LEVELS] = { "calm", "refusals", "losses", "chaos",
	"meddling" };

static void print_usage(FILE *f)
{
	fprintf(f,
	    "usage: sim [--seeds N] [--first S] [--level 0..%d|all] [-v]\n"
	    "       sim --file FILE\n"
	    "       sim --days N [--first S] [-v]\n",
	    SIM_LEVELS - 1);
}

static bool parse_options(int argc, char **argv, struct options *ret)
{
	const struct option_number numbers[] = {
		{ "--seeds", UINT32_MAX, &ret->seeds },
		{ "--days", UINT32_MAX, &ret->days },
		{ "--first", UINT64_MAX / 2, &ret->first },
		{ "--level", SIM_LEVELS - 1, &ret->level },
	};

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-v") == 0) {
			ret->is_verbose = true;
		} else if (strcmp(argv[i], "--file") == 0) {
			ret->file = argv[++i];
			if (!ret->file)
				return false;
		} else if (strcmp(argv[i], "--level") == 0 && argv[i + 1] &&
			   strcmp(argv[i + 1], "all") == 0) {
			i++;
			ret->level = SIM_LEVELS;
		} else if (!options_read_number(
			       argv, &i, numbers, sizeof(numbers) / sizeof(numbers[0]))) {
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

	world_run(seed, level, is_verbose, NULL, &result);
	if (result.wrong[0] == '\0' && seed % TWICE_EVERY == 0) {
		world_run(seed, level, false, NULL, &again);
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
	printf("%-8s %7llu %6llu %9llu %8llu %9.1f %8.0f %8llu %8.1f\n", level_names[level],
	    (unsigned long long)row->seeds, (unsigned long long)row->wrong,
	    (unsigned long long)row->messages, (unsigned long long)row->faults,
	    (double)row->virtual_ms / 3600000.0, (double)row->recovery_max_ms / 1000.0,
	    (unsigned long long)row->slowest, row->real_s);
	fflush(stdout);
}

static void print_head(void)
{
	printf("%-8s %7s %6s %9s %8s %9s %17s %8s\n", "level", "seeds", "wrong", "messages",
	    "faults", "virtual h", "recover s (seed)", "real s");
}

/* Rows of the levels from the seeds of a file. false: it cannot be read. */
static bool run_file(const char *path, struct row rows[SIM_LEVELS])
{
	FILE *f = fopen(path, "r");
	bool is_good = f != NULL;
	char line[256];

	while (is_good && fgets(line, sizeof(line), f)) {
		unsigned long long seed;
		unsigned level;

		line[strcspn(line, "#\n")] = '\0';
		if (line[strspn(line, " \t")] == '\0')
			continue;
		is_good = sscanf(line, "%u %llu", &level, &seed) == 2 && level < SIM_LEVELS;
		if (is_good)
			run_seed(seed, (enum sim_level)level, false, &rows[level]);
	}
	if (f)
		fclose(f);
	return is_good;
}

static void run_level(const struct options *o, enum sim_level level, struct row *row)
{
	double start = seconds_now();

	for (uint64_t i = 0; i < o->seeds; i++) {
		if (o->level == SIM_LEVELS && (o->first + i) % SIM_LEVELS != (uint64_t)level)
			continue;
		run_seed(o->first + i, level, o->is_verbose, row);
	}
	row->real_s = seconds_now() - start;
}

/* Every life is a case. */
static bool run_days(const struct options *o)
{
	uint64_t left = o->days, passed = 0, failed = 0;

	printf("%5s %6s %9s %8s %10s %10s %10s %8s\n", "life", "days", "messages", "faults",
	    "recover s", "memory KiB", "at the end", "real s");
	for (uint64_t seed = o->first; left > 0; seed++) {
		unsigned days = left < DAYS_A_LIFE ? (unsigned)left : DAYS_A_LIFE;
		double start = seconds_now();
		struct days_result r;

		days_run(seed, days, o->is_verbose, &r);
		printf("%5llu %6u %9llu %8llu %10.0f %10zu %10zu %8.1f\n", (unsigned long long)seed,
		    r.days, (unsigned long long)r.messages, (unsigned long long)r.faults,
		    (double)r.recovery_max_ms / 1000, r.memory_first / 1024, r.memory_last / 1024,
		    seconds_now() - start);
		if (r.wrong[0] != '\0')
			printf("sim --days %u --first %llu -v: %s\n", r.days + 1,
			    (unsigned long long)seed, r.wrong);
		fflush(stdout);
		passed += r.wrong[0] == '\0';
		failed += r.wrong[0] != '\0';
		left -= days;
	}
	printf(
	    "%llu passed, %llu failed\n", (unsigned long long)passed, (unsigned long long)failed);
	return failed == 0;
}

int main(int argc, char **argv)
{
	struct options o = { .seeds = 2000, .first = 1, .level = SIM_LEVELS };
	struct row rows[SIM_LEVELS] = { 0 };
	uint64_t wrong = 0, passed = 0;

	if (!parse_options(argc, argv, &o)) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	if (o.days > 0)
		return !run_days(&o);
	if (o.file && !run_file(o.file, rows)) {
		fprintf(stderr, "sim: %s cannot be read\n", o.file);
		return EXIT_USAGE;
	}
	print_head();
	for (int level = 0; level < SIM_LEVELS; level++) {
		if (!o.file && (o.level == SIM_LEVELS || o.level == (uint64_t)level))
			run_level(&o, (enum sim_level)level, &rows[level]);
		if (rows[level].seeds == 0)
			continue;
		print_row((enum sim_level)level, &rows[level]);
		wrong += rows[level].wrong;
		passed += rows[level].seeds - rows[level].wrong;
	}
	printf("%llu passed, %llu failed\n", (unsigned long long)passed, (unsigned long long)wrong);
	return wrong > 0;
}
