/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/dialogue.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INCLUDES_MAX = 4, BYTES_MAX = 1 << 20 };

static void put(struct buf *b, const void *bytes, size_t len)
{
	int r = buf_append(b, bytes, len);

	assert(r == 0);
	(void)r;
}

/* ---- escapes ---- */

/* "N:TEXT}" at p; returns what is behind it, NULL: that is not what stands there. */
static const char *unescape_repeated(const char *p, struct buf *out)
{
	char *rest;
	unsigned long count = strtoul(p, &rest, 10);
	const char *text = rest + 1, *end;

	if (rest == p || *rest != ':' || count > BYTES_MAX)
		return NULL;
	end = strchr(text, '}');
	if (!end || end == text)
		return NULL;
	for (size_t i = 0; i < count; i++)
		put(out, text + i % (size_t)(end - text), 1);
	return end + 1;
}

/* What is behind a backslash; returns what is behind that, NULL: that is no escape. */
static const char *unescape_one(const char *p, struct buf *out)
{
	static const char names[] = "rn\\", bytes[] = "\r\n\\";
	const char *name = *p ? strchr(names, *p) : NULL;

	if (name) {
		put(out, bytes + (name - names), 1);
		return p + 1;
	}
	if (p[0] == 'x' && isxdigit((unsigned char)p[1]) && isxdigit((unsigned char)p[2])) {
		const char digits[] = { p[1], p[2], '\0' };
		uint8_t byte = (uint8_t)strtoul(digits, NULL, 16);

		put(out, &byte, 1);
		return p + 3;
	}
	return p[0] == '{' ? unescape_repeated(p + 1, out) : NULL;
}

bool dialogue_unescape(const char *text, struct buf *out)
{
	while (text && *text) {
		if (*text == '\\') {
			text = unescape_one(text + 1, out);
		} else {
			put(out, text, 1);
			text++;
		}
	}
	return text != NULL;
}

void dialogue_escape(struct span bytes, struct buf *out)
{
	for (size_t i = 0; i < bytes.len; i++) {
		uint8_t byte = bytes.data[i];
		int r;

		if (byte == '\r')
			r = buf_printf(out, "\\r");
		else if (byte == '\n')
			r = buf_printf(out, "\\n");
		else if (byte == '\\')
			r = buf_printf(out, "\\\\");
		else if (byte < 0x20 || byte > 0x7e)
			r = buf_printf(out, "\\x%02x", byte);
		else
			r = buf_append_u8(out, byte);
		assert(r == 0);
		(void)r;
	}
}

/* ---- lines ---- */

struct reader {
	struct dialogue *dialogue;
	const char *path;
	unsigned number;
	unsigned depth; /* of includes */
};

static bool mistake(const struct reader *r, const char *what)
{
	printf("%s:%u: %s\n", r->path, r->number, what);
	return false;
}

static char *copy_of(const char *text)
{
	char *copy = strdup(text);

	assert(copy);
	return copy;
}

static struct dialogue_line *add_line(const struct reader *r, enum dialogue_kind kind)
{
	struct dialogue *d = r->dialogue;
	struct dialogue_line *lines = realloc(d->lines, (d->count + 1) * sizeof(*lines));

	assert(lines);
	d->lines = lines;
	lines += d->count++;
	*lines =
	    (struct dialogue_line){ .kind = kind, .file = copy_of(r->path), .number = r->number };
	buf_init(&lines->bytes, BYTES_MAX);
	return lines;
}

static bool read_bytes(
    const struct reader *r, enum dialogue_kind kind, const char *text, bool is_raw)
{
	struct dialogue_line *line = add_line(r, kind);

	if (!is_raw && kind == DIALOGUE_RX)
		put(&line->bytes, "\r\n", 2);
	if (!dialogue_unescape(text, &line->bytes))
		return mistake(r, "an escape that is none");
	if (!is_raw)
		put(&line->bytes, "\r\n", kind == DIALOGUE_RX ? 2 : 1);
	return buf_len(&line->bytes) > 0 || mistake(r, "no bytes");
}

static bool read_pause(const struct reader *r, const char *text)
{
	struct dialogue_line *line = add_line(r, DIALOGUE_PAUSE);
	char *rest;

	line->min_ms = strtoull(text, &rest, 10);
	line->max_ms = line->min_ms;
	if (rest != text && strncmp(rest, "..", 2) == 0) {
		text = rest + 2;
		line->max_ms = strtoull(text, &rest, 10);
	}
	if (rest == text || *rest != '\0' || line->max_ms < line->min_ms)
		return mistake(r, "not a time in milliseconds, nor MS..MAX");
	return true;
}

/* Only the head is looked at; all other remarks are for readers. */
static void read_remark(const struct reader *r, const char *text)
{
	static const char source[] = "# source: ", config[] = "# config: ";
	struct dialogue *d = r->dialogue;

	if (d->count > 0 || r->depth > 0)
		return;
	if (strncmp(text, source, strlen(source)) == 0 && text[strlen(source)] != '\0')
		d->has_source = true;
	if (strncmp(text, config, strlen(config)) != 0)
		return;
	free(d->config);
	d->config = copy_of(text + strlen(config));
}

static bool read_file(struct reader *r);

static bool include(const struct reader *r, const char *name)
{
	const char *slash = strrchr(r->path, '/');
	char path[1024];
	struct reader inner = { .dialogue = r->dialogue, .path = path, .depth = r->depth + 1 };

	if (inner.depth > INCLUDES_MAX)
		return mistake(r, "includes that do not end");
	snprintf(
	    path, sizeof(path), "%.*s%s", slash ? (int)(slash + 1 - r->path) : 0, r->path, name);
	return read_file(&inner) || mistake(r, "included here");
}

static bool read_line(const struct reader *r, const char *line)
{
	const char *text = line + strcspn(line, " ");
	size_t len = (size_t)(text - line);

	if (line[0] == '\0' || line[0] == '#') {
		read_remark(r, line);
		return true;
	}
	if (*text != ' ' || len > 2 || (len == 2 && line[1] != line[0]))
		return mistake(r, "not a line of a dialogue");
	text++;
	switch (line[0]) {
	case '<':
		return read_bytes(r, DIALOGUE_RX, text, len == 2);
	case '>':
		return read_bytes(r, DIALOGUE_TX, text, len == 2);
	case '=':
		return read_pause(r, text);
	case '!':
		add_line(r, DIALOGUE_DO)->text = copy_of(text);
		return true;
	case '@':
		return include(r, text);
	default:
		return mistake(r, "not a line of a dialogue");
	}
}

static bool read_file(struct reader *r)
{
	FILE *f = fopen(r->path, "r");
	char *line = NULL;
	size_t size = 0;
	bool is_good = true;
	ssize_t len;

	if (!f) {
		printf("%s: %s\n", r->path, strerror(errno));
		return false;
	}
	while ((len = getline(&line, &size, f)) >= 0) {
		r->number++;
		if (len > 0 && line[len - 1] == '\n')
			line[len - 1] = '\0';
		is_good = read_line(r, line) && is_good;
	}
	free(line);
	fclose(f);
	return is_good;
}

bool dialogue_read(const char *path, struct dialogue *ret)
{
	struct reader r = { .dialogue = ret, .path = path };

	*ret = (struct dialogue){ .count = 0 };
	if (!read_file(&r))
		return false;
	r.number = 1;
	if (!ret->has_source)
		return mistake(&r, "its head does not name the source");
	if (!ret->config)
		return mistake(&r, "its head does not name the configuration");
	if (ret->count == 0)
		return mistake(&r, "nothing happens in it");
	return true;
}

void dialogue_free(struct dialogue *d)
{
	for (size_t i = 0; i < d->count; i++) {
		buf_fini(&d->lines[i].bytes);
		free(d->lines[i].file);
		free(d->lines[i].text);
	}
	free(d->lines);
	free(d->config);
	*d = (struct dialogue){ .count = 0 };
}
