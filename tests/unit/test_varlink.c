/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/varlink.h"

#include "base/limits.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(literal) (const uint8_t *)(literal), sizeof(literal) - 1

/* ---- framing ---- */

static const struct {
	const char *name;
	const uint8_t *bytes;
	size_t len;
	const char *messages; /* one a line */
	enum varlink_read end;
} streams[] = {
	{ "nothing", BYTES(""), "", VARLINK_READ_NOTHING },
	{ "half", BYTES("{\"a\":"), "", VARLINK_READ_NOTHING },
	{ "whole, no NUL", BYTES("{\"a\":1}"), "", VARLINK_READ_NOTHING },
	{ "one", BYTES("{\"a\":1}\0"), "{\"a\":1}\n", VARLINK_READ_NOTHING },
	{ "two", BYTES("{}\0{\"b\":[1,2]}\0"), "{}\n{\"b\":[1,2]}\n", VARLINK_READ_NOTHING },
	{ "a long one, then a short one", BYTES("{\"a\":\"long\"}\0{}\0"), "{\"a\":\"long\"}\n{}\n",
	    VARLINK_READ_NOTHING },
	{ "two and a half", BYTES("{}\0{}\0{"), "{}\n{}\n", VARLINK_READ_NOTHING },
	{ "blanks around", BYTES(" {} \n\0"), "{}\n", VARLINK_READ_NOTHING },
	{ "brackets and quotes in a string", BYTES("{\"a\":\"[{,\\\"[{,\"}\0"),
	    "{\"a\":\"[{,\\\"[{,\"}\n", VARLINK_READ_NOTHING },
	{ "empty", BYTES("\0"), "", VARLINK_READ_GARBAGE },
	{ "array", BYTES("[]\0"), "", VARLINK_READ_GARBAGE },
	{ "number", BYTES("1\0"), "", VARLINK_READ_GARBAGE },
	{ "not closed", BYTES("{\"a\":1\0"), "", VARLINK_READ_GARBAGE },
	{ "two in one", BYTES("{}{}\0"), "", VARLINK_READ_GARBAGE },
	{ "the same member twice", BYTES("{\"a\":1,\"a\":2}\0"), "", VARLINK_READ_GARBAGE },
	{ "no UTF-8", BYTES("{\"a\":\"\xff\"}\0"), "", VARLINK_READ_GARBAGE },
	{ "HTTP", BYTES("GET / HTTP/1.1\r\n\r\n\0"), "", VARLINK_READ_GARBAGE },
	{ "good, then bad", BYTES("{}\0oops\0"), "{}\n", VARLINK_READ_GARBAGE },
};

static enum varlink_read read_all(struct varlink_reader *r, struct buf *messages)
{
	enum varlink_read read;
	json_t *msg;

	while ((read = varlink_reader_next(r, &msg)) == VARLINK_READ_MESSAGE) {
		char *text = json_dumps(msg, JSON_COMPACT);

		assert_int_equal(buf_printf(messages, "%s\n", text), 0);
		free(text);
		json_decref(msg);
	}
	return read;
}

/* Every row, in reads of every size. */
static void test_framing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		for (size_t chunk = 1; chunk <= streams[i].len + 1; chunk++) {
			enum varlink_read read = VARLINK_READ_NOTHING;
			struct varlink_reader r;
			struct buf messages;
			size_t taken;

			print_message("%s, %zu at a time\n", streams[i].name, chunk);
			varlink_reader_init(&r, 100, CTL_VALUES_MAX);
			buf_init(&messages, 1000);
			for (size_t at = 0; at < streams[i].len && read != VARLINK_READ_GARBAGE;
			     at += taken) {
				size_t left = streams[i].len - at;

				assert_int_equal(varlink_reader_feed(&r, streams[i].bytes + at,
						     left < chunk ? left : chunk, &taken),
				    0);
				read = read_all(&r, &messages);
			}
			assert_int_equal(read, streams[i].end);
			assert_int_equal(buf_len(&messages), strlen(streams[i].messages));
			if (buf_len(&messages) > 0)
				assert_memory_equal(
				    buf_data(&messages), streams[i].messages, buf_len(&messages));
			varlink_reader_fini(&r);
			buf_fini(&messages);
		}
	}
}

/* A message of `len` bytes with its NUL, in a reader for 64. */
static enum varlink_read read_message_of(size_t len)
{
	char text[80] = "{}";
	struct varlink_reader r;
	enum varlink_read read;
	json_t *msg = NULL;
	size_t taken;

	memset(text + 2, ' ', sizeof(text) - 2);
	text[len - 1] = '\0';
	varlink_reader_init(&r, 64, CTL_VALUES_MAX);
	assert_int_equal(varlink_reader_feed(&r, (const uint8_t *)text, len, &taken), 0);
	assert_int_equal(taken, len < 64 ? len : 64);
	read = varlink_reader_next(&r, &msg);
	json_decref(msg);
	varlink_reader_fini(&r);
	return read;
}

static void test_longest(void **state)
{
	(void)state;
	assert_int_equal(read_message_of(63), VARLINK_READ_MESSAGE);
	assert_int_equal(read_message_of(64), VARLINK_READ_MESSAGE);
	assert_int_equal(read_message_of(65), VARLINK_READ_GARBAGE);
}

/* The beginning of a message, `count` commas or what else to repeat, and its end. */
static enum varlink_read read_repeated(
    const char *begin, const char *repeated, size_t count, const char *end)
{
	struct varlink_reader r;
	enum varlink_read read;
	json_t *msg = NULL;
	struct buf text;
	size_t taken;

	buf_init(&text, 100000);
	buf_append(&text, begin, strlen(begin));
	for (size_t i = 0; i < count; i++)
		buf_append(&text, repeated, strlen(repeated));
	buf_append(&text, end, strlen(end) + 1);
	varlink_reader_init(&r, 100000, CTL_VALUES_MAX);
	assert_int_equal(varlink_reader_feed(&r, buf_data(&text), buf_len(&text), &taken), 0);
	read = varlink_reader_next(&r, &msg);
	json_decref(msg);
	varlink_reader_fini(&r);
	buf_fini(&text);
	return read;
}

static void test_most_values(void **state)
{
	(void)state;
	assert_int_equal(read_repeated("{\"a\":[0", ",0", 1000, "]}"), VARLINK_READ_MESSAGE);
	assert_int_equal(read_repeated("{\"a\":[0", ",0", 1100, "]}"), VARLINK_READ_GARBAGE);
	/* In strings they do not count, whatever comes before them. */
	assert_int_equal(read_repeated("{\"a\":\"", ",", 2000, "\"}"), VARLINK_READ_MESSAGE);
	assert_int_equal(read_repeated("{\"a\":\"\\\"", ",", 2000, "\"}"), VARLINK_READ_MESSAGE);
	assert_int_equal(
	    read_repeated("{\"a\":\"\\\\\",\"b\":[0", ",0", 1100, "]}"), VARLINK_READ_GARBAGE);
}

/* ---- calls and answers ---- */

static const struct {
	const char *text;
	int result;
	const char *method;
	bool has_parameters, is_more, is_oneway, is_upgrade;
} calls[] = {
	{ "{\"method\":\"a.B\"}", 0, "a.B", false, false, false, false },
	{ "{\"method\":\"a.B\",\"parameters\":{}}", 0, "a.B", true, false, false, false },
	{ "{\"method\":\"a.B\",\"parameters\":null}", 0, "a.B", false, false, false, false },
	{ "{\"method\":\"a.B\",\"more\":true}", 0, "a.B", false, true, false, false },
	{ "{\"method\":\"a.B\",\"more\":null}", 0, "a.B", false, false, false, false },
	{ "{\"method\":\"a.B\",\"oneway\":true}", 0, "a.B", false, false, true, false },
	{ "{\"method\":\"a.B\",\"upgrade\":true}", 0, "a.B", false, false, false, true },
	{ "{\"method\":\"a.B\",\"more\":false,\"new\":[]}", 0, "a.B", false, false, false, false },
	{ "{}", -EBADMSG, NULL, false, false, false, false },
	{ "{\"method\":1}", -EBADMSG, NULL, false, false, false, false },
	{ "{\"method\":\"a.B\",\"parameters\":[]}", -EBADMSG, NULL, false, false, false, false },
	{ "{\"method\":\"a.B\",\"parameters\":\"\"}", -EBADMSG, NULL, false, false, false, false },
	{ "{\"method\":\"a.B\",\"more\":1}", -EBADMSG, NULL, false, false, false, false },
	{ "{\"method\":\"a.B\",\"oneway\":\"\"}", -EBADMSG, NULL, false, false, false, false },
	{ "{\"method\":\"a.B\",\"upgrade\":{}}", -EBADMSG, NULL, false, false, false, false },
	{ "{\"method\":\"a.B\",\"more\":true,\"oneway\":true}", -EBADMSG, NULL, false, false, false,
	    false },
};

static void test_calls(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		json_t *msg = json_loads(calls[i].text, 0, NULL);
		struct varlink_call call = { .method = "untouched" };

		print_message("%s\n", calls[i].text);
		assert_int_equal(varlink_parse_call(msg, &call), calls[i].result);
		if (calls[i].result == 0) {
			assert_string_equal(call.method, calls[i].method);
			assert_int_equal(call.parameters != NULL, calls[i].has_parameters);
			assert_int_equal(call.is_more, calls[i].is_more);
			assert_int_equal(call.is_oneway, calls[i].is_oneway);
			assert_int_equal(call.is_upgrade, calls[i].is_upgrade);
		} else {
			assert_string_equal(call.method, "untouched");
		}
		json_decref(msg);
	}
}

static const struct {
	const char *text;
	int result;
	const char *error;
	bool is_continued;
} answers[] = {
	{ "{\"parameters\":{\"a\":1}}", 0, NULL, false },
	{ "{}", 0, NULL, false },
	{ "{\"parameters\":{},\"continues\":true}", 0, NULL, true },
	{ "{\"error\":\"a.B\",\"parameters\":{}}", 0, "a.B", false },
	{ "{\"error\":null,\"parameters\":{}}", 0, NULL, false },
	{ "{\"error\":7}", -EBADMSG, NULL, false },
	{ "{\"parameters\":7}", -EBADMSG, NULL, false },
	{ "{\"continues\":7}", -EBADMSG, NULL, false },
};

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		json_t *msg = json_loads(answers[i].text, 0, NULL);
		struct varlink_answer answer = { 0 };

		print_message("%s\n", answers[i].text);
		assert_int_equal(varlink_parse_answer(msg, &answer), answers[i].result);
		if (answers[i].error)
			assert_string_equal(answer.error, answers[i].error);
		else
			assert_null(answer.error);
		assert_int_equal(answer.is_continued, answers[i].is_continued);
		json_decref(msg);
	}
}

/* ---- writing ---- */

enum kind { CALL, CALL_MORE, REPLY, REPLY_CONTINUED, ERROR };

static int write_kind(struct buf *out, enum kind kind)
{
	json_t *parameters = json_pack("{s:i}", "a", 1);

	switch (kind) {
	case CALL:
	case CALL_MORE:
		return varlink_write_call(out, "i.M", parameters, kind == CALL_MORE);
	case REPLY:
	case REPLY_CONTINUED:
		return varlink_write_reply(out, parameters, kind == REPLY_CONTINUED);
	case ERROR:
		return varlink_write_error(out, "i.E", parameters);
	}
	return -EINVAL;
}

static const char *const written[] = {
	[CALL] = "{\"method\":\"i.M\",\"parameters\":{\"a\":1}}",
	[CALL_MORE] = "{\"method\":\"i.M\",\"parameters\":{\"a\":1},\"more\":true}",
	[REPLY] = "{\"parameters\":{\"a\":1}}",
	[REPLY_CONTINUED] = "{\"parameters\":{\"a\":1},\"continues\":true}",
	[ERROR] = "{\"error\":\"i.E\",\"parameters\":{\"a\":1}}",
};

static void test_writing(void **state)
{
	(void)state;
	for (int kind = CALL; kind <= ERROR; kind++) {
		size_t len = strlen(written[kind]) + 1;
		struct buf out;

		print_message("%s\n", written[kind]);
		buf_init(&out, len);
		assert_int_equal(write_kind(&out, (enum kind)kind), 0);
		assert_int_equal(buf_len(&out), len);
		assert_memory_equal(buf_data(&out), written[kind], len);
		/* Full: nothing changes. */
		assert_int_equal(write_kind(&out, (enum kind)kind), -ENOBUFS);
		assert_int_equal(buf_len(&out), len);
		buf_fini(&out);
		buf_init(&out, len - 1);
		assert_int_equal(write_kind(&out, (enum kind)kind), -ENOBUFS);
		assert_int_equal(buf_len(&out), 0);
		buf_fini(&out);
	}
}

/* ---- without memory ---- */

static size_t allocations_left;

static void *failing_malloc(size_t size)
{
	return allocations_left-- == 0 ? NULL : malloc(size);
}

/* Each allocation of the JSON library fails once: an error, nothing written, nothing leaked. */
static void test_no_memory(void **state)
{
	(void)state;
	for (int kind = CALL; kind <= ERROR; kind++) {
		int r = -ENOMEM;

		for (size_t n = 0; r < 0; n++) {
			struct buf out;

			assert_in_range(n, 0, 100);
			buf_init(&out, 1000);
			allocations_left = n;
			json_set_alloc_funcs(failing_malloc, free);
			r = write_kind(&out, (enum kind)kind);
			json_set_alloc_funcs(malloc, free);
			if (r < 0) {
				assert_int_equal(r, -ENOMEM);
				assert_int_equal(buf_len(&out), 0);
			}
			buf_fini(&out);
		}
	}
}

static void test_no_memory_reading(void **state)
{
	static const char text[] = "{\"method\":\"i.M\",\"parameters\":{\"a\":[1,2.5,\"x\"]}}";
	enum varlink_read read = VARLINK_READ_GARBAGE;

	(void)state;
	for (size_t n = 0; read == VARLINK_READ_GARBAGE; n++) {
		struct varlink_reader r;
		json_t *msg = NULL;
		size_t taken;

		assert_in_range(n, 0, 100);
		varlink_reader_init(&r, 1000, CTL_VALUES_MAX);
		varlink_reader_feed(&r, (const uint8_t *)text, sizeof(text), &taken);
		allocations_left = n;
		json_set_alloc_funcs(failing_malloc, free);
		read = varlink_reader_next(&r, &msg);
		json_set_alloc_funcs(malloc, free);
		json_decref(msg);
		varlink_reader_fini(&r);
	}
	assert_int_equal(read, VARLINK_READ_MESSAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_framing),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_most_values),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_writing),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_no_memory_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
