/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates as the host reads them: made here with the library, since their dates count from
 * now.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "../../daemon/cert_check.h"
#include "../../daemon/cert_watch.h"

#define DAY_S 86400

static void warns_three_times(void **state)
{
	static const struct {
		int64_t left_s;
		int days;
	} rows[] = { { 31 * DAY_S, -1 }, { 30 * DAY_S, 30 }, { 7 * DAY_S + 1, 30 },
		{ 7 * DAY_S, 7 }, { DAY_S + 1, 7 }, { DAY_S, 1 }, { 1, 1 }, { 0, 0 }, { -5, 0 } };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(cert_watch_days(rows[i].left_s), rows[i].days);
}

#ifdef HAVE_OPENSSL
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

struct file {
	char text[8192];
	size_t len;
};

static struct span span_of_file(const struct file *f)
{
	return (struct span){ .data = (const uint8_t *)f->text, .len = f->len };
}

static void take(BIO *bio, struct file *f)
{
	int n = BIO_read(bio, f->text + f->len, (int)(sizeof f->text - f->len));

	assert_true(n > 0);
	f->len += (size_t)n;
	BIO_free(bio);
}

/* A certificate of `key` that ends in so many seconds, behind what is in the file. */
static void add_cert(struct file *f, EVP_PKEY *key, long left_s)
{
	X509 *cert = X509_new();
	BIO *bio = BIO_new(BIO_s_mem());

	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), -3600));
	assert_non_null(X509_time_adj_ex(
	    X509_getm_notAfter(cert), (int)(left_s / DAY_S), left_s % DAY_S, NULL));
	assert_int_equal(X509_set_pubkey(cert, key), 1);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509(bio, cert), 1);
	take(bio, f);
	X509_free(cert);
}

static void add_key(struct file *f, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	take(bio, f);
}

static void reads_the_first_end(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct file f = { .len = 0 };
	struct cert_facts facts;
	int64_t now_s = time(NULL);

	(void)state;
	add_cert(&f, key, 300 * DAY_S);
	add_cert(&f, key, 20 * DAY_S);
	assert_int_equal(cert_check_read(span_of_file(&f), &facts), 0);
	assert_int_equal(facts.count, 2);
	assert_true(facts.not_after_s >= now_s + 20 * DAY_S - 60);
	assert_true(facts.not_after_s <= now_s + 20 * DAY_S + 60);
	assert_false(facts.is_after_2049);
	EVP_PKEY_free(key);
}

static void sees_the_longer_form(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct file f = { .len = 0 };
	struct cert_facts facts;

	(void)state;
	add_cert(&f, key, 40L * 365 * DAY_S);
	assert_int_equal(cert_check_read(span_of_file(&f), &facts), 0);
	assert_true(facts.is_after_2049);
	EVP_PKEY_free(key);
}

static void tells_whose_key_it_is(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
	struct file cert = { .len = 0 }, right = { .len = 0 }, wrong = { .len = 0 };

	(void)state;
	add_cert(&cert, key, DAY_S);
	add_key(&right, key);
	add_key(&wrong, other);
	assert_int_equal(cert_check_key(span_of_file(&cert), span_of_file(&right)), 0);
	assert_int_equal(cert_check_key(span_of_file(&cert), span_of_file(&wrong)), -EKEYREJECTED);
	assert_int_equal(cert_check_key(span_of_file(&cert), span_of_file(&cert)), -EINVAL);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}

static void refuses_what_is_none(void **state)
{
	static const char *const texts[] = { "", "text\n",
		"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n" };
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct file f = { .len = 0 };
	struct cert_facts facts = { .count = 7 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		const struct span pem = { (const uint8_t *)texts[i], strlen(texts[i]) };

		assert_int_equal(cert_check_read(pem, &facts), -EINVAL);
	}
	add_cert(&f, key, DAY_S); /* a good one does not hide a damaged one behind it */
	f.len += (size_t)snprintf(f.text + f.len, sizeof f.text - f.len, "%s", texts[2]);
	assert_int_equal(cert_check_read(span_of_file(&f), &facts), -EINVAL);
	assert_int_equal(facts.count, 7);
	EVP_PKEY_free(key);
}
#endif

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(warns_three_times),
#ifdef HAVE_OPENSSL
		cmocka_unit_test(reads_the_first_end),
		cmocka_unit_test(sees_the_longer_form),
		cmocka_unit_test(tells_whose_key_it_is),
		cmocka_unit_test(refuses_what_is_none),
#endif
	};

	return cmocka_run_group_tests_name("cert_check", tests, NULL, NULL);
}
