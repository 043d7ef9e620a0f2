/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dialogues with a modem, replayed to the daemon's core.
 *
 *   replay [--update] [-v] FILE.at... | FOLDER...
 *
 * Each FILE.at (dialogue.h) is played several times, with the modem's bytes cut into reads in
 * different ways. Each time the daemon must say what the file demands, and what else it does
 * (stage.h) must be the same and as FILE.expect has it. --update writes FILE.expect anew, to be
 * reviewed; -v prints it. The last line counts files; exit status 1 if one failed or there is none.
 */
#include "replay/player.h"
#include "replay/replay_config.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define EXIT_USAGE 64
#define SUFFIX     ".at"
#define EXPECT_MAX (1 << 22)
#define PATH_SIZE  1024

struct way {
	enum cut cut;
	uint64_t seed;
};

/* What the first one gives is in FILE.expect, and the others must give the same. */
static const struct way ways[] = {
	{ CUT_LINE, 0 },
	{ CUT_BLOCK, 0 },
	{ CUT_BYTE, 0 },
	{ CUT_RANDOM, 1 },
	{ CUT_RANDOM, 2 },
	{ CUT_RANDOM, 3 },
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

struct options {
	bool is_update;
	bool is_verbose;
};

struct score {
	unsigned passed;
	unsigned failed;
};

/* ---- comparing ---- */

/* Who told an event. One read may bring something to several of them: what each tells is in order,
 * and who of them comes first is left open. */
enum teller { TELLER_READER, TELLER_WRITER, TELLER_COUNTERS, TELLER_LOG, TELLERS };

static const struct {
	const char *begin;
	enum teller teller;
} tellers[] = {
	{ "message ", TELLER_READER },
	{ "acknowledged ", TELLER_WRITER },
	{ "cloud ", TELLER_COUNTERS },
	{ "plant ", TELLER_COUNTERS },
};

static enum teller teller_of(struct span line)
{
	for (size_t i = 0; i < sizeof(tellers) / sizeof(tellers[0]); i++) {
		size_t len = strlen(tellers[i].begin);

		if (line.len >= len && memcmp(line.data, tellers[i].begin, len) == 0)
			return tellers[i].teller;
	}
	return TELLER_LOG;
}

/* Lines of a text, of one teller alone or (TELLERS) all of them. */
struct lines {
	const struct buf *text;
	enum teller teller;
	size_t pos;
	unsigned number; /* of the line given last */
};

/* The next line, without its end. false: there is none. */
static bool take_line(struct lines *l, struct span *ret)
{
	while (l->pos < buf_len(l->text)) {
		const uint8_t *begin = buf_data(l->text) + l->pos;
		size_t left = buf_len(l->text) - l->pos;
		const uint8_t *end = memchr(begin, '\n', left);

		*ret = (struct span){ begin, end ? (size_t)(end - begin) : left };
		l->pos += ret->len + (end != NULL);
		l->number++;
		if (l->teller == TELLERS || teller_of(*ret) == l->teller)
			return true;
	}
	l->number++;
	return false;
}

static bool is_same(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static void print_line(const char *what, bool is_there, struct span line)
{
	if (is_there)
		printf("  %s %.*s\n", what, (int)line.len, (const char *)line.data);
	else
		printf("  %s nothing more\n", what);
}

/* false: they differ in what this teller says, as has been printed. */
static bool compare(const char *path, const char *what, enum teller teller,
    const struct buf *expected, const struct buf *got)
{
	struct lines e = { .text = expected, .teller = teller };
	struct lines g = { .text = got, .teller = teller };

	for (;;) {
		struct span a = { .len = 0 }, b = { .len = 0 };
		bool has_a = take_line(&e, &a);
		bool has_b = take_line(&g, &b);

		if (!has_a && !has_b)
			return true;
		if (has_a && has_b && is_same(a, b))
			continue;
		printf("%s:%u: %s\n", path, e.number, what);
		print_line("expected", has_a, a);
		print_line("got     ", has_b, b);
		return false;
	}
}

static bool compare_tellers(const char *path, const struct buf *expected, const struct buf *got)
{
	for (int teller = 0; teller < TELLERS; teller++) {
		if (!compare(path, "it depends on how the bytes are cut, in this event",
			(enum teller)teller, expected, got))
			return false;
	}
	return true;
}

/* ---- FILE.expect ---- */

static bool read_expect(const char *path, struct buf *ret)
{
	FILE *f = fopen(path, "r");
	bool is_good = true;
	char piece[4096];
	size_t len;

	if (!f) {
		printf("%s: %s; --update writes it\n", path, strerror(errno));
		return false;
	}
	while (is_good && (len = fread(piece, 1, sizeof(piece), f)) > 0)
		is_good = buf_append(ret, piece, len) == 0;
	fclose(f);
	return is_good;
}

static bool write_expect(const char *path, const struct buf *events)
{
	FILE *f = fopen(path, "w");
	bool is_good = f && fwrite(buf_data(events), buf_len(events), 1, f) == 1;

	if (f && fclose(f) != 0)
		is_good = false;
	if (!is_good)
		printf("%s: %s\n", path, strerror(errno));
	return is_good;
}

static bool check_expect(const char *path, const struct options *o, const struct buf *events)
{
	char name[PATH_SIZE];
	struct buf expected;
	bool is_good;

	snprintf(name, sizeof(name), "%.*s.expect", (int)(strlen(path) - strlen(SUFFIX)), path);
	if (o->is_update)
		return write_expect(name, events);
	buf_init(&expected, EXPECT_MAX);
	is_good = read_expect(name, &expected) &&
		  compare(name, "the daemon does something else", TELLERS, &expected, events);
	buf_fini(&expected);
	return is_good;
}

/* ---- one file ---- */

/* Play it in one way; what the daemon did is appended to `events`. */
static bool play(const struct dialogue *d, const struct core_config *cfg, const struct way *way,
    struct buf *events)
{
	struct stage *s = stage_new(cfg);
	bool is_good = player_play(s, d, way->cut, way->seed);
	const struct buf *all = stage_end(s);

	if (buf_append(events, buf_data(all), buf_len(all)) < 0)
		is_good = false;
	stage_free(s);
	return is_good;
}

/* In all ways. What the first gave is left in `events`. */
static bool play_all(const char *path, const struct dialogue *d, struct buf *events)
{
	const struct core_config *cfg = replay_config_find(d->config);
	bool is_good;

	if (!cfg) {
		printf("%s: there is no configuration \"%s\"\n", path, d->config);
		return false;
	}
	is_good = play(d, cfg, &ways[0], events);
	for (size_t i = 1; i < WAYS && is_good; i++) {
		struct buf again;

		buf_init(&again, EXPECT_MAX);
		is_good = play(d, cfg, &ways[i], &again) && compare_tellers(path, events, &again);
		buf_fini(&again);
	}
	return is_good;
}

static void run_file(const char *path, const struct options *o, struct score *score)
{
	struct dialogue d;
	struct buf events;
	bool is_good;

	buf_init(&events, EXPECT_MAX);
	is_good = dialogue_read(path, &d) && play_all(path, &d, &events);
	if (o->is_verbose && buf_len(&events) > 0) {
		printf("%s:\n", path);
		fwrite(buf_data(&events), buf_len(&events), 1, stdout);
	}
	is_good = is_good && check_expect(path, o, &events);
	buf_fini(&events);
	dialogue_free(&d);
	if (is_good) {
		score->passed++;
	} else {
		score->failed++;
		printf("FAILED: %s\n", path);
	}
}

/* ---- all files ---- */

static bool is_dialogue(const char *name)
{
	size_t len = strlen(name);

	return len > strlen(SUFFIX) && strcmp(name + len - strlen(SUFFIX), SUFFIX) == 0;
}

static int is_dialogue_entry(const struct dirent *entry)
{
	return is_dialogue(entry->d_name);
}

static void run_folder(const char *path, const struct options *o, struct score *score)
{
	struct dirent **entries = NULL;
	int count = scandir(path, &entries, is_dialogue_entry, alphasort);

	for (int i = 0; i < count; i++) {
		char name[PATH_SIZE];

		snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
		run_file(name, o, score);
		free(entries[i]);
	}
	free(entries);
}

static void run(const char *path, const struct options *o, struct score *score)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		run_folder(path, o, score);
	} else if (is_dialogue(path)) {
		run_file(path, o, score);
	} else {
		printf("FAILED: %s is neither a folder nor a dialogue (*" SUFFIX ")\n", path);
		score->failed++;
	}
}

static int usage(void)
{
	fputs("usage: replay [--update] [-v] FILE.at... | FOLDER...\n", stderr);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct options o = { .is_update = false };
	struct score score = { 0, 0 };
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--update") == 0)
			o.is_update = true;
		else if (strcmp(argv[i], "-v") == 0)
			o.is_verbose = true;
		else
			return usage();
	}
	if (i == argc)
		return usage();
	for (; i < argc; i++)
		run(argv[i], &o, &score);
	if (score.passed + score.failed == 0) {
		puts("FAILED: there is no dialogue");
		score.failed++;
	}
	printf("%u passed, %u failed\n", score.passed, score.failed);
	return score.failed > 0;
}
