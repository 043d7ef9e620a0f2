/* SPDX-License-Identifier: Apache-2.0 */
#include "at/at_template.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define GROUPS_MAX 8 /* brackets within brackets; the manual has at most four */

/* ---- expansion ---- */

/* A [...] that is open: where its text begins in out, and whether a value in it was missing. */
struct group {
	size_t begin;
	bool is_missing;
};

struct expansion {
	const struct at_args *args;
	const struct at_arg *req_length; /* of the step's data; NULL: none */
	struct buf *out;
	size_t begin; /* length of out before */
	bool mask;
	bool in_quotes;
	struct group group[GROUPS_MAX];
	size_t depth;
};

static bool is_control(uint8_t byte)
{
	return byte < 0x20 || byte == 0x7f;
}

/* No control character and none of these. */
static bool is_free_of(struct span text, const char *forbidden)
{
	for (size_t i = 0; i < text.len; i++)
		if (is_control(text.data[i]) || strchr(forbidden, text.data[i]))
			return false;
	return true;
}

bool at_template_is_safe(const void *data, size_t len)
{
	return is_free_of((struct span){ .data = data, .len = len }, "\"");
}

static void buf_truncate(struct buf *b, size_t len)
{
	b->end -= buf_len(b) - len;
}

static int append_value(struct expansion *x, const struct at_arg *arg)
{
	const char *forbidden = "";

	switch (arg->kind) {
	case AT_ARG_NUMBER:
		return buf_printf(x->out, "%llu", (unsigned long long)arg->number);
	case AT_ARG_TEXT:
		forbidden = x->in_quotes ? "\"" : "\",;";
		break;
	case AT_ARG_RAW:
		break;
	}
	if (!is_free_of(arg->bytes, forbidden))
		return -EBADMSG;
	if (x->mask && arg->is_secret)
		return buf_append(x->out, "***", 3);
	return buf_append(x->out, arg->bytes.data, arg->bytes.len);
}

static int expand_placeholder(struct expansion *x, const char *name, size_t len)
{
	const struct at_arg *arg = at_args_find(x->args, name, len);

	if (x->req_length && len == strlen(x->req_length->name) &&
	    memcmp(name, x->req_length->name, len) == 0)
		arg = x->req_length;
	if (arg)
		return append_value(x, arg);
	if (x->depth == 0)
		return -ENOENT;
	x->group[x->depth - 1].is_missing = true;
	return 0;
}

static int open_group(struct expansion *x)
{
	if (x->depth == GROUPS_MAX)
		return -EINVAL;
	x->group[x->depth++] = (struct group){ .begin = buf_len(x->out) };
	return 0;
}

static int close_group(struct expansion *x)
{
	const struct group *g;

	if (x->depth == 0)
		return -EINVAL;
	g = &x->group[--x->depth];
	if (g->is_missing)
		buf_truncate(x->out, g->begin);
	return 0;
}

/* One element of the template at *s, which moves behind it. */
static int expand_element(struct expansion *x, const char **s)
{
	const char *begin = *s;
	const char *end;

	*s = begin + 1;
	switch (*begin) {
	case '[':
		return open_group(x);
	case ']':
		return close_group(x);
	case '<':
		end = strchr(begin, '>');
		if (!end)
			return -EINVAL;
		*s = end + 1;
		return expand_placeholder(x, begin + 1, (size_t)(end - begin - 1));
	case '"':
		x->in_quotes = !x->in_quotes;
		break;
	}
	return buf_append(x->out, begin, 1);
}

static bool has_at_prefix(const uint8_t *text, size_t len)
{
	return len >= 2 && (text[0] | 0x20) == 'a' && (text[1] | 0x20) == 't';
}

static int expand(struct expansion *x, const char *tmpl, size_t cmd_max)
{
	size_t len;
	int r = 0;

	x->begin = buf_len(x->out);
	while (*tmpl && r == 0)
		r = expand_element(x, &tmpl);
	if (r == 0) {
		len = buf_len(x->out) - x->begin;
		if (len > 0 && has_at_prefix(buf_data(x->out) + x->begin, len))
			len -= 2;
		if (len > cmd_max)
			r = -EMSGSIZE;
	}
	if (r < 0)
		buf_truncate(x->out, x->begin);
	return r;
}

int at_template_expand(
    const char *tmpl, const struct at_args *args, size_t cmd_max, bool mask, struct buf *out)
{
	struct expansion x = { .args = args, .out = out, .mask = mask };

	return expand(&x, tmpl, cmd_max);
}

int at_template_expand_step(const struct at_step *step, const struct at_args *args, size_t cmd_max,
    bool mask, struct buf *out)
{
	struct expansion x = { .args = args, .out = out, .mask = mask };
	struct at_arg req_length = { .name = "req_length", .kind = AT_ARG_NUMBER };
	const struct at_arg *data;

	if (step->data) {
		data = at_args_find(args, step->data, strlen(step->data));
		if (!data)
			return -ENOENT;
		if (data->bytes.len == 0 || data->bytes.len > AT_DATA_MAX)
			return -EMSGSIZE;
		req_length.number = data->bytes.len;
		x.req_length = &req_length;
	}
	return expand(&x, step->send, cmd_max);
}

/* ---- matching ---- */

struct match {
	const struct at_args *args;
	const char *line;
	const char *end;
	unsigned err;
	bool has_err;
};

static bool read_number(struct match *m, uint64_t *ret)
{
	uint64_t value = 0;
	unsigned digits = 0;

	for (; m->line < m->end && *m->line >= '0' && *m->line <= '9'; m->line++) {
		if (++digits > 18)
			return false;
		value = value * 10 + (uint64_t)(*m->line - '0');
	}
	if (digits == 0)
		return false;
	*ret = value;
	return true;
}

static void skip_blanks(struct match *m)
{
	while (m->line < m->end && *m->line == ' ')
		m->line++;
}

static bool match_err(struct match *m)
{
	uint64_t value;

	if (!read_number(m, &value) || value > UINT32_MAX)
		return false;
	m->err = (unsigned)value;
	m->has_err = true;
	return true;
}

static bool match_value(struct match *m, const struct at_arg *arg)
{
	uint64_t number;

	if (arg->kind == AT_ARG_NUMBER)
		return read_number(m, &number) && number == arg->number;
	if ((size_t)(m->end - m->line) < arg->bytes.len ||
	    memcmp(m->line, arg->bytes.data, arg->bytes.len) != 0)
		return false;
	m->line += arg->bytes.len;
	return true;
}

/* next: the pattern behind the placeholder. */
static bool match_placeholder(struct match *m, const char *name, size_t len, const char *next)
{
	const struct at_arg *arg;

	skip_blanks(m);
	if (len == 3 && memcmp(name, "err", 3) == 0)
		return match_err(m);
	arg = at_args_find(m->args, name, len);
	if (arg)
		return match_value(m, arg);
	while (*next == '[' || *next == ']')
		next++;
	while (m->line < m->end && *m->line != *next)
		m->line++;
	return true;
}

static const char *behind_group(const char *pattern)
{
	unsigned depth = 0;

	for (; *pattern; pattern++) {
		if (*pattern == '[')
			depth++;
		else if (*pattern == ']' && --depth == 0)
			return pattern + 1;
	}
	return pattern;
}

/* Recursion only for [...]: as deep as the pattern has brackets. */
static bool match_here(struct match *m, const char *pattern)
{
	struct match with_group;
	const char *close;

	for (; *pattern; pattern++) {
		switch (*pattern) {
		case '[':
			with_group = *m;
			if (match_here(&with_group, pattern + 1)) {
				*m = with_group;
				return true;
			}
			return match_here(m, behind_group(pattern));
		case ']':
			break;
		case ' ':
			skip_blanks(m);
			break;
		case '<':
			close = strchr(pattern, '>');
			if (!close || !match_placeholder(
					  m, pattern + 1, (size_t)(close - pattern - 1), close + 1))
				return false;
			pattern = close;
			break;
		default:
			if (m->line == m->end || *m->line != *pattern)
				return false;
			m->line++;
		}
	}
	return m->line == m->end;
}

bool at_template_match(const char *pattern, const struct at_args *args, const char *line,
    size_t len, unsigned *ret_err)
{
	struct match m = { .args = args, .line = line, .end = line + len };

	if (!match_here(&m, pattern))
		return false;
	if (m.has_err && ret_err)
		*ret_err = m.err;
	return true;
}
