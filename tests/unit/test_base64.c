/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *plain;
	size_t len;
	const char *coded;
} pairs[] = {
	/* RFC 4648, section 10 */
	{ "", 0, "" },
	{ "f", 1, "Zg==" },
	{ "fo", 2, "Zm8=" },
	{ "foo", 3, "Zm9v" },
	{ "foob", 4, "Zm9vYg==" },
	{ "fooba", 5, "Zm9vYmE=" },
	{ "foobar", 6, "Zm9vYmFy" },
	{ "\0\0\0", 3, "AAAA" },
	{ "\xff\xff\xff", 3, "////" },
	{ "\xfb\xef\xbe", 3, "++++" },
};

static void test_pairs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		/* On the heap and no longer than promised, so that a byte too many is found. */
		size_t coded_len = BASE64_ENCODED_LEN(pairs[i].len), len = 99;
		char *coded = malloc(coded_len + 1);
		uint8_t *plain = malloc(BASE64_DECODED_MAX(coded_len) + 1);

		print_message("row %zu\n", i);
		assert_int_equal(
		    base64_encode((const uint8_t *)pairs[i].plain, pairs[i].len, coded), coded_len);
		assert_string_equal(coded, pairs[i].coded);
		assert_int_equal(base64_decode(coded, coded_len, plain, &len), 0);
		assert_int_equal(len, pairs[i].len);
		assert_memory_equal(plain, pairs[i].plain, len);
		free(coded);
		free(plain);
	}
}

static const char *const bad[] = {
	"Z", "Zg", "Zg=", "Zg===", "====", "Z===", "=Zg=", "Zg==Zg==", "Zm8=Zm9v", /* padding */
	"Zh==", "Zm9=",                                                            /* bits behind */
	"Zm9 ", "Zm9\n", " Zm9v", "Zm9-", "Zm9_", "Zm\xc3\xa4", "Z=9v",            /* foreign */
};

static void test_bad(void **state)
{
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t len = 99;

		print_message("\"%s\"\n", bad[i]);
		assert_int_equal(base64_decode(bad[i], strlen(bad[i]), out, &len), -EINVAL);
		assert_int_equal(len, 99);
	}
}

static void test_all_bytes(void **state)
{
	uint8_t plain[256], back[258];
	char coded[BASE64_ENCODED_LEN(256) + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i * 7 + 3);
	for (size_t n = 0; n <= sizeof(plain); n++) {
		size_t len = 0;

		assert_int_equal(
		    base64_decode(coded, base64_encode(plain, n, coded), back, &len), 0);
		assert_int_equal(len, n);
		assert_memory_equal(plain, back, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_all_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
