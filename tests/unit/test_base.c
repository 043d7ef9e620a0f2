/* SPDX-License-Identifier: Apache-2.0 */
/* base: buffer and cursor, deadlines, random numbers, UTF-8, hash. */
#include "base/buf.h"
#include "base/hash.h"
#include "base/prng.h"
#include "base/timerq.h"
#include "base/utf8.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- buf ---- */

static void expect_buf(const struct buf *b, const void *data, size_t len)
{
	assert_int_equal(buf_len(b), len);
	if (len > 0)
		assert_memory_equal(buf_data(b), data, len);
}

static void test_buf_append(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	expect_buf(&b, "", 0);
	assert_int_equal(buf_append(&b, "", 0), 0);
	assert_int_equal(buf_append(&b, "abc", 3), 0);
	assert_int_equal(buf_append_u8(&b, 0xfe), 0);
	assert_int_equal(buf_append_u16(&b, 0x0102), 0);
	assert_int_equal(buf_append_u32(&b, 0x8090a0b0), 0);
	assert_int_equal(buf_printf(&b, "%s-%d", "x", 42), 0);
	expect_buf(&b, "abc\xfe\x01\x02\x80\x90\xa0\xb0x-42", 14);
	buf_consume(&b, 3);
	expect_buf(&b, "\xfe\x01\x02\x80\x90\xa0\xb0x-42", 11);
	buf_clear(&b);
	expect_buf(&b, "", 0);
	assert_int_equal(buf_room(&b), 100);
	buf_fini(&b);
	buf_fini(&b);
}

static void test_buf_limit(void **state)
{
	uint8_t *bytes = NULL;
	struct buf b;

	(void)state;
	buf_init(&b, 5);
	assert_int_equal(buf_append(&b, "1234", 4), 0);
	assert_int_equal(buf_room(&b), 1);
	assert_int_equal(buf_append(&b, "56", 2), -ENOBUFS);
	assert_int_equal(buf_extend(&b, 2, &bytes), -ENOBUFS);
	assert_null(bytes);
	assert_int_equal(buf_append_u16(&b, 1), -ENOBUFS);
	assert_int_equal(buf_append_u32(&b, 1), -ENOBUFS);
	assert_int_equal(buf_printf(&b, "%d", 56), -ENOBUFS);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -ENOBUFS);
	expect_buf(&b, "1234", 4);
	assert_int_equal(buf_append_u8(&b, '5'), 0);
	assert_int_equal(buf_append_u8(&b, '6'), -ENOBUFS);
	buf_consume(&b, 2);
	assert_int_equal(buf_extend(&b, 2, &bytes), 0);
	memcpy(bytes, "67", 2);
	expect_buf(&b, "34567", 5);
	buf_fini(&b);
}

/* Against a plain array, with limits from nothing to more than is ever used. */
static void test_buf_random(void **state)
{
	static uint8_t model[4096], bytes[700];

	(void)state;
	for (uint64_t seed = 0; seed < 30; seed++) {
		size_t limit, len = 0;
		struct prng p;
		struct buf b;

		prng_init(&p, seed);
		limit = prng_range(&p, 0, sizeof(model));
		buf_init(&b, limit);
		for (int step = 0; step < 2000; step++) {
			size_t n = prng_range(&p, 0, prng_chance(&p, 100) ? 700 : 40);

			if (prng_chance(&p, 450)) {
				n = n < len ? n : len;
				buf_consume(&b, n);
				len -= n;
				memmove(model, model + n, len);
			} else {
				for (size_t i = 0; i < n; i++)
					bytes[i] = (uint8_t)prng_u64(&p);
				assert_int_equal(
				    buf_append(&b, bytes, n), n > limit - len ? -ENOBUFS : 0);
				if (n <= limit - len) {
					memcpy(model + len, bytes, n);
					len += n;
				}
			}
			expect_buf(&b, model, len);
			assert_int_equal(buf_room(&b), limit - len);
			assert_true(b.cap <= limit);
		}
		buf_fini(&b);
	}
}

static void test_cursor(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
	struct cursor c;
	struct span s;

	(void)state;
	cursor_init(&c, bytes, sizeof(bytes));
	assert_int_equal(cursor_u8(&c), 1);
	assert_int_equal(cursor_u16(&c), 0x0203);
	assert_int_equal(cursor_u32(&c), 0x04050607);
	s = cursor_span(&c, 0);
	assert_int_equal(s.len, 0);
	s = cursor_span(&c, 2);
	assert_ptr_equal(s.data, bytes + 7);
	assert_int_equal(s.len, 2);
	assert_false(c.is_short);
	assert_int_equal(c.left, 1);
	/* Too much: from now on nothing, not even the byte that is there. */
	assert_int_equal(cursor_u16(&c), 0);
	assert_true(c.is_short);
	assert_int_equal(cursor_u8(&c), 0);
	s = cursor_span(&c, 1);
	assert_null(s.data);
	assert_int_equal(s.len, 0);
	assert_int_equal(cursor_u32(&c), 0);
	assert_true(c.is_short);

	cursor_init(&c, bytes, 3);
	assert_int_equal(cursor_u32(&c), 0);
	assert_true(c.is_short);
	cursor_init(&c, NULL, 0);
	assert_int_equal(cursor_span(&c, 0).len, 0);
	assert_false(c.is_short);
	assert_int_equal(cursor_span(&c, SIZE_MAX).len, 0);
	assert_true(c.is_short);
}

/* ---- timerq ---- */

#define TIMERS 50

static uint64_t naive_deadline(const struct timer timers[TIMERS], const bool armed[TIMERS])
{
	uint64_t due = TIMER_NEVER;

	for (size_t i = 0; i < TIMERS; i++) {
		if (armed[i])
			due = timer_min(due, timers[i].due_ms);
	}
	return due;
}

static void random_timer_step(
    struct timerq *q, struct timer timers[TIMERS], bool armed[TIMERS], struct prng *p)
{
	size_t i = prng_range(p, 0, TIMERS - 1);
	uint64_t due = prng_range(p, 0, 1000);

	if (prng_chance(p, 500)) {
		assert_int_equal(timerq_set(q, &timers[i], due), 0);
		armed[i] = true;
		assert_int_equal(timers[i].due_ms, due);
	} else if (prng_chance(p, 500)) {
		timerq_cancel(q, &timers[i]);
		armed[i] = false;
	} else {
		uint64_t now = prng_range(p, 0, 300), expected = naive_deadline(timers, armed);
		struct timer *t = timerq_pop(q, now);

		assert_int_equal(t != NULL, expected <= now);
		if (!t)
			return;
		assert_in_range(t - timers, 0, TIMERS - 1);
		assert_true(armed[t - timers]);
		assert_int_equal(t->due_ms, expected);
		assert_int_equal(t->slot, 0);
		armed[t - timers] = false;
	}
}

static void test_timerq_random(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 50; seed++) {
		struct timer timers[TIMERS] = { { 0 } };
		bool armed[TIMERS] = { false };
		struct timerq q;
		struct prng p;

		prng_init(&p, seed);
		timerq_init(&q);
		for (int step = 0; step < 3000; step++) {
			random_timer_step(&q, timers, armed, &p);
			assert_int_equal(timerq_deadline(&q), naive_deadline(timers, armed));
		}
		timerq_fini(&q);
		for (size_t i = 0; i < TIMERS; i++)
			assert_int_equal(timers[i].slot, 0);
	}
}

static void test_timerq_edges(void **state)
{
	struct timer a = { 0 }, b = { 0 };
	struct timerq q;

	(void)state;
	timerq_init(&q);
	assert_true(timerq_deadline(&q) == TIMER_NEVER);
	assert_null(timerq_pop(&q, TIMER_NEVER));
	timerq_cancel(&q, &a);
	assert_int_equal(timerq_set(&q, &a, 5), 0);
	assert_null(timerq_pop(&q, 4));
	assert_int_equal(timerq_set(&q, &b, 3), 0);
	assert_int_equal(timerq_set(&q, &a, 2), 0);
	assert_ptr_equal(timerq_pop(&q, 5), &a);
	assert_ptr_equal(timerq_pop(&q, 5), &b);
	assert_null(timerq_pop(&q, 5));
	assert_int_equal(timer_min(3, TIMER_NEVER), 3);
	timerq_fini(&q);
}

/* ---- prng ---- */

static void test_prng(void **state)
{
	unsigned histogram[6] = { 0 }, hits = 0;
	struct prng a, b, c;

	(void)state;
	prng_init(&a, 0);
	prng_init(&b, 0);
	prng_init(&c, 1);
	assert_true(a.state != 0);
	for (int i = 0; i < 100; i++) {
		uint64_t x = prng_u64(&a);

		assert_true(x == prng_u64(&b)); /* same seed, same numbers */
		assert_true(x != prng_u64(&c));
	}
	for (int i = 0; i < 60000; i++) {
		histogram[prng_range(&a, 10, 15) - 10]++;
		hits += prng_chance(&a, 250);
	}
	for (int i = 0; i < 6; i++)
		assert_in_range(histogram[i], 9500, 10500);
	assert_in_range(hits, 14300, 15700);
	assert_int_equal(prng_range(&a, 7, 7), 7);
	(void)prng_range(&a, 0, UINT64_MAX);
	for (int i = 0; i < 1000; i++) {
		assert_false(prng_chance(&a, 0));
		assert_true(prng_chance(&a, 1000));
	}
}

/* ---- utf8 ---- */

static void test_utf8(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool is_fine;
	} rows[] = {
		{ "", 0, true },
		{ "abc", 3, true },
		{ "\x01\x7f", 2, true },
		{ "\0", 1, false }, /* [MQTT-1.5.3-2] */
		{ "a\0b", 3, false },
		{ "\xc2\x80", 2, true },          /* U+0080 */
		{ "\xdf\xbf", 2, true },          /* U+07FF */
		{ "\xe0\xa0\x80", 3, true },      /* U+0800 */
		{ "\xed\x9f\xbf", 3, true },      /* U+D7FF */
		{ "\xee\x80\x80", 3, true },      /* U+E000 */
		{ "\xef\xbb\xbf", 3, true },      /* U+FEFF is kept [MQTT-1.5.3-3] */
		{ "\xef\xbf\xbf", 3, true },      /* U+FFFF */
		{ "\xf0\x90\x80\x80", 4, true },  /* U+10000 */
		{ "\xf4\x8f\xbf\xbf", 4, true },  /* U+10FFFF */
		{ "\xf4\x90\x80\x80", 4, false }, /* beyond */
		{ "\xed\xa0\x80", 3, false },     /* U+D800 [MQTT-1.5.3-1] */
		{ "\xed\xbf\xbf", 3, false },     /* U+DFFF */
		{ "\xc0\x80", 2, false },         /* NUL in two bytes */
		{ "\xc1\xbf", 2, false },         /* too long for U+007F */
		{ "\xe0\x9f\xbf", 3, false },     /* too long for U+07FF */
		{ "\xf0\x8f\xbf\xbf", 4, false }, /* too long for U+FFFF */
		{ "\x80", 1, false },
		{ "\xbf\x41", 2, false },
		{ "\xfe", 1, false },
		{ "\xff", 1, false },
		{ "\xf8\x88\x80\x80\x80", 5, false },
		{ "\xc2", 1, false }, /* cut off */
		{ "\xe2\x82", 2, false },
		{ "\xf0\x9f\x98", 3, false },
		{ "\xe2\x28\xa1", 3, false },
		{ "\xc2\x41", 2, false },
		{ "ok\xe2\x82\xac"
		  "ok",
		    7, true },
		{ "ok\xe2\x82", 4, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t *copy = malloc(rows[i].len + 1); /* reads beyond the end are found */

		assert_non_null(copy);
		memcpy(copy + 1, rows[i].bytes, rows[i].len);
		if (utf8_is_mqtt_string(copy + 1, rows[i].len) != rows[i].is_fine)
			fail_msg("row %zu", i);
		free(copy);
	}
}

/* ---- hash ---- */

/* From the reference vectors of FNV-1a, 64 bits (draft-eastlake-fnv). */
static void test_hash(void **state)
{
	static const struct {
		const char *text;
		uint64_t hash;
	} rows[] = {
		{ "", UINT64_C(0xcbf29ce484222325) },
		{ "a", UINT64_C(0xaf63dc4c8601ec8c) },
		{ "b", UINT64_C(0xaf63df4c8601f1a5) },
		{ "foobar", UINT64_C(0x85944171f73967e8) },
	};
	uint64_t h;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_true(
		    hash_fnv1a(HASH_INIT, rows[i].text, strlen(rows[i].text)) == rows[i].hash);
	h = hash_fnv1a(HASH_INIT, "foo", 3);
	assert_true(hash_fnv1a(h, "bar", 3) == rows[3].hash);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buf_append),
		cmocka_unit_test(test_buf_limit),
		cmocka_unit_test(test_buf_random),
		cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_timerq_random),
		cmocka_unit_test(test_timerq_edges),
		cmocka_unit_test(test_prng),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
