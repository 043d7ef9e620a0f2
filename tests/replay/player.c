/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/player.h"

#include "base/prng.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { PIECE_MAX = 24, SHOWN_MAX = 200 };

struct player {
	struct stage *stage;
	const struct dialogue *dialogue;
	enum cut cut;
	struct prng prng;
	uint64_t grace_ms; /* for the next line of the daemon */
};

/* ---- what went wrong ---- */

static const char *cut_name(enum cut cut)
{
	switch (cut) {
	case CUT_LINE:
		return "line by line";
	case CUT_BLOCK:
		return "several lines at once";
	case CUT_BYTE:
		return "byte by byte";
	case CUT_RANDOM:
		return "in random pieces";
	}
	return "?";
}

static void print_bytes(const char *what, struct span bytes)
{
	struct buf text;

	buf_init(&text, 1 << 20);
	if (bytes.len > SHOWN_MAX)
		bytes.len = SHOWN_MAX;
	dialogue_escape(bytes, &text);
	if (buf_len(&text) == 0)
		printf("  %s nothing\n", what);
	else
		printf("  %s \"%.*s\"\n", what, (int)buf_len(&text), (const char *)buf_data(&text));
	buf_fini(&text);
}

static struct span contents(const struct buf *b)
{
	return (struct span){ buf_data(b), buf_len(b) };
}

/* expected.len 0: that nothing is said. */
static bool fail(const struct player *p, const struct dialogue_line *line, struct span expected,
    const char *what)
{
	printf("%s:%u: %s (%s, at %llu ms)\n", line->file, line->number, what, cut_name(p->cut),
	    (unsigned long long)stage_now(p->stage));
	print_bytes("expected", expected);
	print_bytes("got     ", contents(stage_sent(p->stage)));
	return false;
}

static bool fail_unexpected(const struct player *p, const struct dialogue_line *line)
{
	return fail(p, line, (struct span){ .len = 0 }, "the daemon says what no line demands");
}

static bool is_silent(const struct player *p)
{
	return buf_len(stage_sent(p->stage)) == 0;
}

/* ---- the daemon's lines ---- */

/* What was said is the beginning of what is expected, or more than that. */
static bool is_like(struct span got, struct span expected)
{
	size_t len = got.len < expected.len ? got.len : expected.len;

	return len == 0 || memcmp(got.data, expected.data, len) == 0;
}

static bool play_tx(struct player *p, const struct dialogue_line *line)
{
	uint64_t end_ms = stage_now(p->stage) + p->grace_ms;
	struct buf *sent = stage_sent(p->stage);
	struct span expected = contents(&line->bytes);

	p->grace_ms = PLAYER_GRACE_MS;
	while (buf_len(sent) < expected.len && is_like(contents(sent), expected)) {
		if (!stage_step(p->stage, end_ms))
			return fail(p, line, expected, "the daemon does not say this in time");
	}
	if (!is_like(contents(sent), expected))
		return fail(p, line, expected, "the daemon says something else");
	buf_consume(sent, expected.len);
	return true;
}

/* ---- the modem's lines ---- */

static size_t piece_of(struct player *p, size_t left)
{
	size_t piece = left;

	switch (p->cut) {
	case CUT_LINE:
	case CUT_BLOCK:
		break;
	case CUT_BYTE:
		piece = 1;
		break;
	case CUT_RANDOM:
		piece = prng_range(&p->prng, 1, PIECE_MAX);
		break;
	}
	return piece < left ? piece : left;
}

static void say(struct player *p, struct buf *bytes)
{
	while (buf_len(bytes) > 0) {
		size_t piece = piece_of(p, buf_len(bytes));

		stage_rx(p->stage, buf_data(bytes), piece);
		buf_consume(bytes, piece);
	}
}

/* All lines that stand one below the other, from line number `at` on; returns how many. */
static size_t play_rx(struct player *p, size_t at)
{
	const struct dialogue *d = p->dialogue;
	size_t count = 0;
	struct buf bytes;

	buf_init(&bytes, 1 << 20);
	while (at + count < d->count && d->lines[at + count].kind == DIALOGUE_RX) {
		const struct buf *more = &d->lines[at + count++].bytes;
		int r = buf_append(&bytes, buf_data(more), buf_len(more));

		assert(r == 0);
		(void)r;
		if (p->cut == CUT_LINE)
			say(p, &bytes);
	}
	say(p, &bytes);
	buf_fini(&bytes);
	return count;
}

/* ---- time, and the rest ---- */

static bool play_pause(struct player *p, const struct dialogue_line *line)
{
	uint64_t end_ms = stage_now(p->stage) + line->min_ms;

	while (stage_step(p->stage, end_ms)) {
		if (!is_silent(p) && stage_now(p->stage) < end_ms)
			return fail_unexpected(p, line);
	}
	if (line->max_ms > line->min_ms)
		p->grace_ms = line->max_ms - line->min_ms;
	return true;
}

static bool play_do(struct player *p, const struct dialogue_line *line)
{
	if (stage_do(p->stage, line->text))
		return true;
	printf("%s:%u: there is no stimulus \"%s\"\n", line->file, line->number, line->text);
	return false;
}

/* What stands at *at, which is moved behind it. */
static bool play_line(struct player *p, size_t *at)
{
	const struct dialogue_line *line = &p->dialogue->lines[*at];

	if (line->kind != DIALOGUE_TX && !is_silent(p))
		return fail_unexpected(p, line);
	switch (line->kind) {
	case DIALOGUE_RX:
		*at += play_rx(p, *at);
		return true;
	case DIALOGUE_TX:
		(*at)++;
		return play_tx(p, line);
	case DIALOGUE_PAUSE:
		(*at)++;
		return play_pause(p, line);
	case DIALOGUE_DO:
		(*at)++;
		return play_do(p, line);
	}
	return false;
}

bool player_play(struct stage *s, const struct dialogue *d, enum cut cut, uint64_t seed)
{
	struct player p = { .stage = s, .dialogue = d, .cut = cut, .grace_ms = PLAYER_GRACE_MS };
	size_t at = 0;

	prng_init(&p.prng, seed);
	while (at < d->count) {
		const struct dialogue_line *line = &d->lines[at];

		if (!play_line(&p, &at))
			return false;
		if (stage_wrong(s)[0] != '\0') {
			printf("%s:%u: %s\n", line->file, line->number, stage_wrong(s));
			return false;
		}
	}
	return is_silent(&p) || fail_unexpected(&p, &d->lines[d->count - 1]);
}
