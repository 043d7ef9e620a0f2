/* SPDX-License-Identifier: Apache-2.0 */
#include "uplink_tls.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

static BIO *blob_bio(const struct fake_blob *b)
{
	return b->data && b->len <= INT_MAX ? BIO_new_mem_buf(b->data, (int)b->len) : NULL;
}

static int no_password(char *buf, int size, int rwflag, void *userdata)
{
	const char *pw = userdata;

	(void)rwflag;
	return snprintf(buf, (size_t)size, "%s", pw ? pw : "");
}

static X509 *read_x509(BIO *bio)
{
	X509 *x = PEM_read_bio_X509(bio, NULL, no_password, NULL);

	if (x)
		return x;
	(void)BIO_reset(bio);
	return d2i_X509_bio(bio, NULL);
}

/* All certificates of the file are trusted. */
static int add_ca(SSL_CTX *ctx, const struct fake_blob *b)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	BIO *bio = blob_bio(b);
	int n = 0;
	X509 *x;

	if (!bio)
		return -EINVAL;
	while ((x = n ? PEM_read_bio_X509(bio, NULL, no_password, NULL) : read_x509(bio))) {
		n += X509_STORE_add_cert(store, x) == 1;
		X509_free(x);
	}
	BIO_free(bio);
	ERR_clear_error();
	return n ? 0 : -EINVAL;
}

static int add_identity(SSL_CTX *ctx, const struct fake_tls *tls)
{
	BIO *cert_bio = blob_bio(&tls->cert), *key_bio = blob_bio(&tls->key);
	X509 *x = cert_bio ? read_x509(cert_bio) : NULL;
	char *password = NULL;
	EVP_PKEY *key = NULL;
	int rc = -EINVAL;

	if (tls->key_password && tls->key_password[0])
		password = OPENSSL_strdup(tls->key_password);
	if (key_bio)
		key = PEM_read_bio_PrivateKey(key_bio, NULL, no_password, password);
	if (!key && key_bio) {
		(void)BIO_reset(key_bio);
		key = d2i_PrivateKey_bio(key_bio, NULL);
	}
	if (x && key && SSL_CTX_use_certificate(ctx, x) == 1 &&
	    SSL_CTX_use_PrivateKey(ctx, key) == 1)
		rc = 0;
	/* further certificates of the file are its chain */
	while (rc == 0) {
		X509 *more = PEM_read_bio_X509(cert_bio, NULL, no_password, NULL);

		if (!more)
			break;
		if (SSL_CTX_add0_chain_cert(ctx, more) != 1)
			X509_free(more);
	}
	OPENSSL_free(password);
	X509_free(x);
	EVP_PKEY_free(key);
	BIO_free(cert_bio);
	BIO_free(key_bio);
	ERR_clear_error();
	return rc;
}

/* libmosquitto has set SNI to the address it connects to: put right before the first message is
 * built. */
static void on_info(const SSL *ssl, int where, int ret)
{
	struct uplink_tls *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	if (where & SSL_CB_HANDSHAKE_START) {
		union {
			const SSL *in;
			SSL *out;
		} u = { .in = ssl };

		t->started = true;
		SSL_set_tlsext_host_name(u.out, t->sni ? t->host : NULL);
	}
	if (where & SSL_CB_HANDSHAKE_DONE)
		t->done = true;
	if ((where & SSL_CB_ALERT) && (ret >> 8) == SSL3_AL_FATAL && !t->error[0])
		snprintf(t->error, sizeof t->error, "alert %s: %s",
		    where & SSL_CB_READ ? "received" : "sent", SSL_alert_desc_string_long(ret));
}

static int on_verify(int ok, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct uplink_tls *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	if (!ok)
		snprintf(t->error, sizeof t->error, "%s",
		    X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
	return ok;
}

static bool is_address(const char *host)
{
	return host[strspn(host, "0123456789.")] == '\0';
}

static int set_verification(struct uplink_tls *t, const struct fake_tls *tls, int64_t utc_s)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(t->ctx);

	if (tls->authmode != 1 && tls->authmode != 2) {
		SSL_CTX_set_verify(t->ctx, SSL_VERIFY_NONE, NULL);
		return 0;
	}
	SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, on_verify);
	if (is_address(t->host))
		X509_VERIFY_PARAM_set1_ip_asc(param, t->host);
	else
		X509_VERIFY_PARAM_set1_host(param, t->host, 0);
	if (tls->ignore_local_time)
		X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_NO_CHECK_TIME);
	else
		X509_VERIFY_PARAM_set_time(param, (time_t)utc_s);
	return add_ca(t->ctx, &tls->ca);
}

int uplink_tls_open(
    struct uplink_tls *t, const char *host, const struct fake_tls *tls, int64_t utc_s)
{
	static const int versions[] = { SSL3_VERSION, TLS1_VERSION, TLS1_1_VERSION,
		TLS1_2_VERSION };
	int rc;

	*t = (struct uplink_tls){ .sni = tls->sni && !is_address(host) };
	snprintf(t->host, sizeof t->host, "%s", host);
	t->ctx = SSL_CTX_new(TLS_client_method());
	if (!t->ctx)
		return -EINVAL;
	SSL_CTX_set_app_data(t->ctx, t);
	SSL_CTX_set_info_callback(t->ctx, on_info);
	SSL_CTX_set_max_proto_version(
	    t->ctx, tls->version < 3 ? versions[tls->version] : TLS1_2_VERSION);
	if (tls->version < 4)
		SSL_CTX_set_min_proto_version(t->ctx, versions[tls->version]);
	rc = set_verification(t, tls, utc_s);
	if (rc == 0 && tls->authmode >= 2)
		rc = add_identity(t->ctx, tls);
	if (rc < 0)
		uplink_tls_close(t);
	return rc;
}

void uplink_tls_close(struct uplink_tls *t)
{
	SSL_CTX_free(t->ctx);
	t->ctx = NULL;
}
