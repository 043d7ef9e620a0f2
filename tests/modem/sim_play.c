/* SPDX-License-Identifier: Apache-2.0 */
#include "sim_play.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT = 16384, LINE = 16384, DEPTH = 8, PATH = 512 };

enum kind { SAYS, HEARS, HEARS_BYTES, PAUSE };

struct item {
	enum kind kind;
	uint8_t *bytes; /* SAYS: as on the wire; HEARS: the command, NUL-terminated */
	size_t len;
	uint64_t ms;
};

struct sim_play {
	struct item *item;
	size_t n;
	size_t at;       /* what is next */
	bool is_talking; /* saying what stands at `at` and behind it */
	bool is_refused; /* ERROR is to be said */
	bool is_aside;   /* an answer from elsewhere: `back` is where it goes on */
	size_t back;
	size_t left; /* bytes of a body that are still to come */
	uint64_t due;
	char line[LINE];
	size_t line_len;
	void (*log)(void *ctx, const char *text);
	void *ctx;
};

/* ---- reading ---- */

static int digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* \{N:TEXT}, behind the brace: N bytes of TEXT, repeated. Returns what is behind it. */
static const char *repeat(const char *s, uint8_t *to, size_t size, size_t *n)
{
	char *text;
	unsigned long times = strtoul(s, &text, 10);
	size_t len;

	text += *text == ':';
	len = strcspn(text, "}");
	for (size_t i = 0; len > 0 && i < times && *n + 1 < size; i++)
		to[(*n)++] = (uint8_t)text[i % len];
	return text + len + (text[len] == '}');
}

/* \r \n \\ \xHH and \{N:TEXT}. */
static size_t unescape(const char *s, uint8_t *to, size_t size)
{
	size_t n = 0;

	while (*s && n + 1 < size) {
		if (s[0] != '\\') {
			to[n++] = (uint8_t)*s++;
		} else if (s[1] == 'x' && digit(s[2]) >= 0 && digit(s[3]) >= 0) {
			to[n++] = (uint8_t)(digit(s[2]) << 4 | digit(s[3]));
			s += 4;
		} else if (s[1] == '{') {
			s = repeat(s + 2, to, size, &n);
		} else {
			to[n++] = s[1] == 'r' ? '\r' : s[1] == 'n' ? '\n' : (uint8_t)s[1];
			s += s[1] ? 2 : 1;
		}
	}
	to[n] = '\0';
	return n;
}

static void add(struct sim_play *p, enum kind kind, const uint8_t *bytes, size_t len, uint64_t ms)
{
	struct item *grown = realloc(p->item, (p->n + 1) * sizeof *grown);

	if (!grown)
		abort();
	p->item = grown;
	p->item[p->n] =
	    (struct item){ .kind = kind, .bytes = malloc(len + 1), .len = len, .ms = ms };
	if (!p->item[p->n].bytes)
		abort();
	memcpy(p->item[p->n].bytes, bytes, len);
	p->item[p->n++].bytes[len] = '\0';
}

static int read_file(struct sim_play *p, const char *path, unsigned depth);

static int include(struct sim_play *p, const char *path, const char *name, unsigned depth)
{
	char joined[PATH];
	const char *slash = strrchr(path, '/');
	int folder = slash && name[0] != '/' ? (int)(slash - path) + 1 : 0;

	if (depth >= DEPTH ||
	    snprintf(joined, sizeof joined, "%.*s%s", folder, path, name) >= (int)sizeof joined)
		return -ELOOP;
	return read_file(p, joined, depth + 1);
}

static int take_line(struct sim_play *p, const char *path, const char *line, unsigned depth)
{
	static uint8_t bytes[TEXT];
	bool is_raw = line[0] && line[1] == line[0];
	const char *text = line + (is_raw ? 2 : line[0] != '\0');
	size_t n, frame = 0;

	text += *text == ' ';
	switch (line[0]) {
	case '<':
		frame = is_raw ? 0 : 2;
		memcpy(bytes, "\r\n", 2);
		n = unescape(text, bytes + frame, sizeof bytes - 8);
		memcpy(bytes + frame + n, "\r\n", 2);
		add(p, SAYS, bytes, n + 2 * frame, 0);
		return 0;
	case '>':
		n = unescape(text, bytes, sizeof bytes);
		add(p, is_raw ? HEARS_BYTES : HEARS, bytes, n, 0);
		return 0;
	case '=':
		add(p, PAUSE, bytes, 0, strtoull(text, NULL, 10));
		return 0;
	case '@':
		return include(p, path, text, depth);
	default:
		return 0;
	}
}

static int read_file(struct sim_play *p, const char *path, unsigned depth)
{
	char line[LINE];
	int r = 0;
	FILE *f = fopen(path, "re");

	if (!f)
		return -errno;
	while (r == 0 && fgets(line, sizeof line, f)) {
		line[strcspn(line, "\r\n")] = '\0';
		r = take_line(p, path, line, depth);
	}
	fclose(f);
	return r;
}

struct sim_play *sim_play_read(const char *path, void (*log)(void *ctx, const char *text),
    void *ctx, char *ret_why, size_t size)
{
	struct sim_play *p = calloc(1, sizeof *p);
	int r;

	if (!p)
		abort();
	p->log = log;
	p->ctx = ctx;
	p->due = UINT64_MAX;
	r = read_file(p, path, 0);
	if (r == 0 && p->n > 0)
		return p;
	snprintf(ret_why, size, "%s", r < 0 ? strerror(-r) : "there is no dialogue in it");
	sim_play_free(p);
	return NULL;
}

void sim_play_free(struct sim_play *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++)
		free(p->item[i].bytes);
	free(p->item);
	free(p);
}

/* ---- playing ---- */

static void talk(struct sim_play *p, uint64_t now)
{
	p->is_talking = true;
	p->due = now;
}

void sim_play_open(struct sim_play *p, uint64_t now)
{
	if (p->at == 0)
		talk(p, now);
}

/* *** stands for anything: secrets are masked in what was recorded. */
static bool is_same(const char *recorded, const char *said)
{
	const char *mask = strstr(recorded, "***");
	size_t before = mask ? (size_t)(mask - recorded) : 0;

	if (!mask)
		return strcmp(recorded, said) == 0;
	return strncmp(recorded, said, before) == 0;
}

static bool find(const struct sim_play *p, size_t from, size_t to, size_t *ret)
{
	for (size_t i = from; i < to; i++) {
		if (p->item[i].kind != HEARS || !is_same((const char *)p->item[i].bytes, p->line))
			continue;
		*ret = i;
		return true;
	}
	return false;
}

static void note(struct sim_play *p, const char *what)
{
	char text[LINE + 64];

	snprintf(text, sizeof text, "%s: %.100s", what, p->line);
	p->log(p->ctx, text);
}

static void answer(struct sim_play *p, uint64_t now)
{
	size_t found, here = p->is_aside ? p->back : p->at;

	p->is_aside = false;
	if (find(p, here, p->n, &found)) {
		p->at = found + 1;
	} else if (find(p, 0, here, &found)) {
		note(p, "not at this place of the dialogue");
		p->is_aside = true;
		p->back = here;
		p->at = found + 1;
	} else {
		note(p, "not in the dialogue, answered by ERROR");
		p->is_refused = true;
		p->at = here;
	}
	talk(p, now);
}

void sim_play_rx(struct sim_play *p, uint64_t now, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p->left > 0) {
			if (--p->left == 0)
				talk(p, now);
			continue;
		}
		if (bytes[i] != '\r' && bytes[i] != '\n') {
			if (p->line_len + 1 < sizeof p->line)
				p->line[p->line_len++] = (char)bytes[i];
			continue;
		}
		if (p->line_len == 0)
			continue;
		p->line[p->line_len] = '\0';
		p->line_len = 0;
		answer(p, now);
	}
}

size_t sim_play_out(struct sim_play *p, uint64_t now, const uint8_t **ret_bytes)
{
	static const uint8_t error[] = "\r\nERROR\r\n";

	if (p->is_refused && p->is_talking) {
		p->is_refused = false;
		p->is_talking = false;
		*ret_bytes = error;
		return sizeof error - 1;
	}
	while (p->is_talking && now >= p->due) {
		const struct item *item = &p->item[p->at];

		if (p->at == p->n) {
			p->is_talking = false;
			return 0;
		}
		switch (item->kind) {
		case SAYS:
			p->at++;
			*ret_bytes = item->bytes;
			return item->len;
		case PAUSE:
			p->at++;
			p->due = now + item->ms;
			break;
		case HEARS_BYTES:
			p->at++;
			p->left = item->len;
			p->is_talking = false;
			break;
		case HEARS:
			p->is_talking = false;
			break;
		}
	}
	return 0;
}

uint64_t sim_play_deadline(const struct sim_play *p)
{
	return p->is_talking ? p->due : UINT64_MAX;
}
