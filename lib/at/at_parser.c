/* SPDX-License-Identifier: Apache-2.0 */
#include "at/at_parser.h"

#include "base/limits.h"
#include "base/timerq.h"

#include <string.h>

void at_parser_init(struct at_parser *p, const struct at_framing *framing)
{
	*p = (struct at_parser){
		.framing = framing, .data_deadline_ms = TIMER_NEVER, .echo_deadline_ms = TIMER_NEVER
	};
	buf_init(&p->rx, AT_RX_MAX);
	buf_init(&p->echo_rest, AT_DATA_MAX);
}

void at_parser_fini(struct at_parser *p)
{
	buf_fini(&p->rx);
	buf_fini(&p->echo_rest);
}

void at_parser_reset(struct at_parser *p)
{
	buf_clear(&p->rx);
	p->taken = 0;
	p->scanned = 0;
	p->data_count = 0;
	p->data_deadline_ms = TIMER_NEVER;
	p->echo_deadline_ms = TIMER_NEVER;
	p->prompt_expected = false;
	p->after_prompt = false;
	p->is_line = false;
	p->skip_to_eol = false;
	p->swallow_lf = false;
	at_parser_forget_echo(p);
}

void at_parser_expect_prompt(struct at_parser *p, bool expected)
{
	p->prompt_expected = expected;
	/* A line that had begun before the command went out is no prompt, even if it begins with
	 * '>'. */
	if (expected && buf_len(&p->rx) > p->taken)
		p->is_line = true;
}

void at_parser_expect_echo(struct at_parser *p, struct span line, struct span body)
{
	p->echo_line = line;
	p->echo_body = body;
	p->echo_pos = 0;
	p->echo_seen = false;
	p->echo_deadline_ms = TIMER_NEVER;
}

void at_parser_keep_echo(struct at_parser *p)
{
	if (p->echo_seen && p->echo_body.len > p->echo_pos)
		(void)buf_append(&p->echo_rest, p->echo_body.data + p->echo_pos,
		    p->echo_body.len - p->echo_pos); /* no memory: it is read as lines */
	at_parser_expect_echo(p, (struct span){ 0 }, (struct span){ 0 });
}

void at_parser_forget_echo(struct at_parser *p)
{
	buf_fini(&p->echo_rest);
	at_parser_expect_echo(p, (struct span){ 0 }, (struct span){ 0 });
}

uint64_t at_parser_deadline(const struct at_parser *p)
{
	return timer_min(p->data_deadline_ms, p->echo_deadline_ms);
}

int at_parser_rx(struct at_parser *p, uint64_t now_ms, const uint8_t *data, size_t len)
{
	int r = buf_append(&p->rx, data, len);

	if (r == 0 && len > 0 && p->data_count > 0)
		p->data_deadline_ms = now_ms + AT_DATA_SILENCE_MS;
	if (r == 0 && len > 0)
		p->echo_deadline_ms = TIMER_NEVER; /* it is looked at anew */
	return r;
}

static void drop(struct at_parser *p, size_t len)
{
	if (len == 0)
		return;
	buf_consume(&p->rx, len);
	p->scanned = 0;
}

/* Drop what belongs to the line before. False: there is nothing behind it yet. */
static bool skip_leftovers(struct at_parser *p)
{
	const uint8_t *data;
	size_t len, n = 0;

	if (p->swallow_lf && buf_len(&p->rx) > 0) {
		if (buf_data(&p->rx)[0] == '\n')
			drop(p, 1);
		p->swallow_lf = false;
	}
	if (p->skip_to_eol) {
		data = buf_data(&p->rx);
		len = buf_len(&p->rx);
		while (n < len && data[n] != '\r' && data[n] != '\n')
			n++;
		p->skip_to_eol = n == len;
		drop(p, n);
	}
	return buf_len(&p->rx) > 0;
}

/* ---- echo ---- */

enum echo_match { ECHO_NONE, ECHO_UNDECIDED, ECHO_INTERRUPTED, ECHO_WHOLE };

static struct span awaited_echo(const struct at_parser *p)
{
	struct span e = p->echo_seen ? p->echo_body : p->echo_line;

	if (buf_len(&p->echo_rest) > 0)
		return (
		    struct span){ .data = buf_data(&p->echo_rest), .len = buf_len(&p->echo_rest) };
	/* The body comes back only after the prompt. */
	if (p->echo_seen && p->prompt_expected)
		e.len = 0;
	else
		e.len -= p->echo_pos;
	if (e.len > 0)
		e.data += p->echo_pos;
	return e;
}

static size_t common_length(struct span a, struct span b)
{
	size_t n = 0;

	while (n < a.len && n < b.len && a.data[n] == b.data[n])
		n++;
	return n;
}

/* Another line came in the middle of the echo. Its beginning may look like the echo going on, so it
 * began with the last CR LF '+' at or before the first difference. */
static enum echo_match find_interruption(struct span rx, size_t difference, size_t *ret_len)
{
	static const uint8_t begin[] = "\r\n+";
	size_t at = difference + 1;
	size_t head;

	while (at-- > 0) {
		head = common_length((struct span){ .data = rx.data + at, .len = rx.len - at },
		    (struct span){ .data = begin, .len = 3 });
		*ret_len = at;
		if (head == 3)
			return ECHO_INTERRUPTED;
		if (at + head == rx.len)
			return ECHO_UNDECIDED;
	}
	return ECHO_NONE;
}

/* What is awaited is a result word for word: it was the echo if another result follows. */
static bool is_result_body(const struct at_parser *p)
{
	static const char *const results[] = { "\r\nOK\r\n", "\r\nERROR\r\n" };

	return p->echo_seen && p->echo_pos == 0 &&
	       (span_is(p->echo_body, results[0]) || span_is(p->echo_body, results[1]));
}

/* What do the bytes at the beginning of a line have in common with the echo that is awaited? */
static enum echo_match match_echo(const struct at_parser *p, size_t *ret_len)
{
	struct span rx = { .data = buf_data(&p->rx), .len = buf_len(&p->rx) };
	struct span echo = awaited_echo(p);
	size_t n = common_length(rx, echo);

	*ret_len = n;
	if (echo.len == 0 || p->is_line)
		return ECHO_NONE;
	if (n == echo.len)
		return n == rx.len && is_result_body(p) ? ECHO_UNDECIDED : ECHO_WHOLE;
	if (n == rx.len)
		return ECHO_UNDECIDED;
	return find_interruption(rx, n, ret_len);
}

/* So much of the echo has come, and more of it will. */
static void advance_echo(struct at_parser *p, size_t len)
{
	if (buf_len(&p->echo_rest) > 0)
		buf_consume(&p->echo_rest, len);
	else
		p->echo_pos += len;
}

/* The echo is complete: now awaits the next one, the command's body's, or none. */
static void end_echo(struct at_parser *p, size_t len, struct at_token *ret)
{
	*ret = (struct at_token){ .type = AT_TOKEN_ECHO,
		.line = { .data = buf_data(&p->rx), .len = len } };
	p->taken = len;
	if (buf_len(&p->echo_rest) > 0) {
		buf_clear(&p->echo_rest);
		return;
	}
	if (p->echo_seen)
		p->echo_body = (struct span){ 0 };
	p->echo_seen = true;
	p->echo_pos = 0;
}

/* Some documents print a blank behind the prompt. It is none of the body's echo. */
static void skip_blank_after_prompt(struct at_parser *p)
{
	struct span echo = awaited_echo(p);

	p->after_prompt = false;
	if (buf_data(&p->rx)[0] == ' ' && echo.len > 0 && echo.data[0] != ' ')
		drop(p, 1);
}

/* ---- lines ---- */

static bool is_graphic(uint8_t byte)
{
	return byte > 0x20 && byte < 0x7f;
}

/* Without blanks around it and without noise before it. */
static struct span trim_line(struct span line)
{
	while (line.len > 0 && !is_graphic(line.data[0])) {
		line.data++;
		line.len--;
	}
	while (line.len > 0 && line.data[line.len - 1] == ' ')
		line.len--;
	return line;
}

static bool has_control(struct span line)
{
	for (size_t i = 0; i < line.len; i++)
		if ((line.data[i] < 0x20 && line.data[i] != '\t') || line.data[i] == 0x7f)
			return true;
	return false;
}

static const struct at_framing *find_framing(const struct at_parser *p, struct span line)
{
	for (const struct at_framing *f = p->framing; f && f->prefix; f++)
		if (span_begins_with(line, f->prefix))
			return f;
	return NULL;
}

/* The last of the numbers behind the prefix; false: not numbers, or over the limit. */
static bool read_count(const struct at_framing *f, struct span line, size_t *ret)
{
	bool has_digit = false;
	size_t count = 0;
	uint8_t byte;

	for (size_t i = strlen(f->prefix); i < line.len; i++) {
		byte = line.data[i];
		if (byte >= '0' && byte <= '9') {
			count = count * 10 + (size_t)(byte - '0');
			if (count > AT_DATA_MAX && count > f->count_max)
				return false;
			has_digit = true;
		} else if (byte == ',' && has_digit) {
			count = 0;
			has_digit = false;
		} else if (byte != ' ') {
			return false;
		}
	}
	if (!has_digit || count > f->count_max || count > AT_DATA_MAX)
		return false;
	*ret = count;
	return true;
}

/* Under ATV0 a result is one digit and CR, without LF (AT manual, ATV). */
static bool is_numeric_result(const uint8_t *line, size_t len)
{
	return len == 1 && line[0] >= '0' && line[0] <= '9';
}

/* Length of the line at the beginning of rx; false: its end has not come. */
static bool find_eol(struct at_parser *p, size_t *ret)
{
	const uint8_t *data = buf_data(&p->rx);
	size_t len = buf_len(&p->rx);

	for (; p->scanned < len && p->scanned <= AT_LINE_MAX; p->scanned++) {
		/* Until its LF is there too, the modem has not finished speaking. */
		if (data[p->scanned] == '\r' && p->scanned + 1 == len &&
		    !is_numeric_result(data, p->scanned))
			return false;
		if (data[p->scanned] == '\r' || data[p->scanned] == '\n') {
			*ret = p->scanned;
			return true;
		}
	}
	return false;
}

static bool give(struct at_token *ret, enum at_token_type type, struct span line)
{
	*ret = (struct at_token){ .type = type, .line = line };
	return true;
}

/* A line without end: garbage once find_eol has seen more of it than a line can have. */
static bool take_endless(struct at_parser *p, struct at_token *ret)
{
	if (p->scanned <= AT_LINE_MAX)
		return false;
	p->taken = AT_LINE_MAX;
	p->skip_to_eol = true;
	return give(
	    ret, AT_TOKEN_GARBAGE, (struct span){ .data = buf_data(&p->rx), .len = AT_LINE_MAX });
}

/* A line that announces bytes. False: they are awaited. */
static bool take_header(struct at_parser *p, uint64_t now_ms, const struct at_framing *f,
    struct span line, struct at_token *ret)
{
	size_t count;

	if (!read_count(f, line, &count))
		return give(ret, AT_TOKEN_GARBAGE, line);
	if (count == 0) {
		give(ret, AT_TOKEN_LINE, line);
		ret->has_data = true;
		return true;
	}
	p->taken = 0;
	p->swallow_lf = false;
	p->header_len = p->scanned;
	p->data_count = count;
	p->data_deadline_ms = now_ms + AT_DATA_SILENCE_MS;
	return false;
}

/* The line of `len` bytes at the beginning of rx. False: it was nothing to tell. */
static bool take_line(struct at_parser *p, uint64_t now_ms, size_t len, struct at_token *ret)
{
	struct span line = { .data = buf_data(&p->rx), .len = len };
	const struct at_framing *f;

	p->taken = len + 1;
	p->swallow_lf = line.data[len] == '\r';
	line = trim_line(line);
	if (line.len == 0)
		return false;
	if (has_control(line))
		return give(ret, AT_TOKEN_GARBAGE, line);
	if (!p->echo_seen && p->echo_line.len == line.len + 1 &&
	    memcmp(line.data, p->echo_line.data, line.len) == 0) {
		p->echo_seen = true;
		p->echo_pos = 0;
		return give(ret, AT_TOKEN_ECHO, line);
	}
	/* No answer begins like this: an echo that came late or damaged, perhaps with a password.
	 */
	if (span_begins_with(line, "AT+"))
		return give(ret, AT_TOKEN_ECHO, line);
	f = find_framing(p, line);
	if (f)
		return take_header(p, now_ms, f, line, ret);
	return give(ret, AT_TOKEN_LINE, line);
}

/* The header line and its bytes, which are still all in rx. */
static bool take_data(struct at_parser *p, uint64_t now_ms, struct at_token *ret)
{
	const uint8_t *data = buf_data(&p->rx);
	size_t len = buf_len(&p->rx);
	size_t begin = p->header_len + 1;
	struct span line = trim_line((struct span){ .data = data, .len = p->header_len });

	if (data[p->header_len] == '\r' && begin < len && data[begin] == '\n')
		begin++;
	if (len - begin >= p->data_count) {
		*ret = (struct at_token){ .type = AT_TOKEN_LINE,
			.line = line,
			.data = { .data = data + begin, .len = p->data_count },
			.has_data = true };
		p->taken = begin + p->data_count;
	} else if (now_ms >= p->data_deadline_ms) {
		give(ret, AT_TOKEN_GARBAGE, line);
		p->taken = len;
	} else {
		return false;
	}
	p->data_count = 0;
	p->data_deadline_ms = TIMER_NEVER;
	return true;
}

static bool take_prompt(struct at_parser *p, struct at_token *ret)
{
	if (!p->prompt_expected || p->is_line || buf_data(&p->rx)[0] != '>')
		return false;
	p->prompt_expected = false;
	p->after_prompt = true;
	p->taken = 1;
	return give(ret, AT_TOKEN_PROMPT, (struct span){ .data = buf_data(&p->rx), .len = 1 });
}

/* These bytes may be the beginning of an echo, or an answer that looks like it (a body that begins
 * with CR LF OK, from a modem that echoes commands alone). If nothing follows, they were the
 * answer. True: they are. */
static bool is_echo_overdue(struct at_parser *p, uint64_t now_ms)
{
	if (p->echo_deadline_ms == TIMER_NEVER)
		p->echo_deadline_ms = now_ms + AT_DATA_SILENCE_MS;
	if (now_ms < p->echo_deadline_ms)
		return false;
	at_parser_forget_echo(p);
	return true;
}

/* One thing at the beginning of a line. False: nothing to tell; *ret_more: there may be behind it.
 */
static bool take_one(struct at_parser *p, uint64_t now_ms, struct at_token *ret, bool *ret_more)
{
	size_t len = 0;
	enum echo_match match = match_echo(p, &len);

	*ret_more = true;
	/* A deadline for bytes that are something else by now would be due for ever. */
	if (match != ECHO_UNDECIDED)
		p->echo_deadline_ms = TIMER_NEVER;
	switch (match) {
	case ECHO_UNDECIDED:
		*ret_more = is_echo_overdue(p, now_ms);
		return false;
	case ECHO_WHOLE:
		end_echo(p, len, ret);
		return true;
	case ECHO_INTERRUPTED:
		advance_echo(p, len);
		p->is_line = true;
		drop(p, len + 2);
		return false;
	case ECHO_NONE:
		break;
	}
	if (take_prompt(p, ret))
		return true;
	if (find_eol(p, &len)) {
		p->is_line = false;
		return take_line(p, now_ms, len, ret);
	}
	*ret_more = false;
	return take_endless(p, ret);
}

bool at_parser_next(struct at_parser *p, uint64_t now_ms, struct at_token *ret)
{
	bool more = true;

	while (more) {
		drop(p, p->taken);
		p->taken = 0;
		if (p->data_count > 0)
			return take_data(p, now_ms, ret);
		if (!skip_leftovers(p))
			return false;
		if (p->after_prompt)
			skip_blank_after_prompt(p);
		else if (take_one(p, now_ms, ret, &more))
			return true;
	}
	return false;
}
