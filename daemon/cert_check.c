/* SPDX-License-Identifier: Apache-2.0 */
#include "cert_check.h"

#include <errno.h>

#ifdef HAVE_OPENSSL
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

bool cert_check_is_built(void)
{
	return true;
}

static BIO *open_text(struct span pem)
{
	return BIO_new_mem_buf(pem.data, (int)pem.len);
}

/* No password is asked for on a terminal: the modem could not be told either. */
static int no_password(char *buf, int size, int is_writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)is_writing;
	(void)arg;
	return -1;
}

static int64_t seconds_of(const ASN1_TIME *t)
{
	static const int64_t day_s = 86400;
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, seconds = 0;

	if (!epoch || !ASN1_TIME_diff(&days, &seconds, epoch, t))
		days = 0;
	ASN1_TIME_free(epoch);
	return days * day_s + seconds;
}

static void note(const X509 *cert, struct cert_facts *facts)
{
	const ASN1_TIME *end = X509_get0_notAfter(cert);
	int64_t not_after_s = seconds_of(end);

	if (facts->count++ == 0 || not_after_s < facts->not_after_s) {
		facts->not_after_s = not_after_s;
		facts->not_before_s = seconds_of(X509_get0_notBefore(cert));
	}
	if (ASN1_STRING_type((const ASN1_STRING *)end) == V_ASN1_GENERALIZEDTIME)
		facts->is_after_2049 = true;
}

int cert_check_read(struct span pem, struct cert_facts *ret)
{
	struct cert_facts facts = { 0 };
	BIO *text = open_text(pem);
	X509 *cert;
	bool is_end;

	if (!text)
		return -ENOMEM;
	while ((cert = PEM_read_bio_X509(text, NULL, no_password, NULL))) {
		note(cert, &facts);
		X509_free(cert);
	}
	is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	BIO_free(text);
	if (facts.count == 0 || !is_end)
		return -EINVAL;
	*ret = facts;
	return 0;
}

int cert_check_key(struct span cert, struct span key)
{
	BIO *cert_text = open_text(cert), *key_text = open_text(key);
	X509 *x = cert_text ? PEM_read_bio_X509(cert_text, NULL, no_password, NULL) : NULL;
	EVP_PKEY *pkey =
	    key_text ? PEM_read_bio_PrivateKey(key_text, NULL, no_password, NULL) : NULL;
	int r = -EINVAL;

	if (x && pkey)
		r = X509_check_private_key(x, pkey) == 1 ? 0 : -EKEYREJECTED;
	ERR_clear_error();
	EVP_PKEY_free(pkey);
	X509_free(x);
	BIO_free(cert_text);
	BIO_free(key_text);
	return r;
}

#else

bool cert_check_is_built(void)
{
	return false;
}

int cert_check_read(struct span pem, struct cert_facts *ret)
{
	(void)pem;
	(void)ret;
	return -ENOTSUP;
}

int cert_check_key(struct span cert, struct span key)
{
	(void)cert;
	(void)key;
	return -ENOTSUP;
}

#endif
