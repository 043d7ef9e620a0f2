/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* pipe2 */
#include "cert_check.h"

#include <errno.h>
#include <fcntl.h>

#ifdef HAVE_OPENSSL
#include <dlfcn.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/wait.h>
#include <unistd.h>

/* The library is larger in memory than all of the daemon, is wanted for a moment when a
 * configuration is loaded, and cannot be unloaded: a child loads it, looks, and tells. */
#define SONAME_OF(version) "libcrypto.so." #version
#define SONAME(version)    SONAME_OF(version)

/* A good one takes some milliseconds, more when it waits for the disk. */
#define ANSWER_S 5

#define FUNCTIONS(X)               \
	X(BIO_new_mem_buf)         \
	X(BIO_free)                \
	X(ASN1_TIME_set)           \
	X(ASN1_TIME_diff)          \
	X(ASN1_TIME_free)          \
	X(X509_get0_notAfter)      \
	X(X509_get0_notBefore)     \
	X(ASN1_STRING_type)        \
	X(PEM_read_bio_X509)       \
	X(X509_free)               \
	X(ERR_peek_last_error)     \
	X(PEM_read_bio_PrivateKey) \
	X(X509_check_private_key)  \
	X(EVP_PKEY_free)

#define MEMBER(name) __typeof__(name) *name;
static struct {
	FUNCTIONS(MEMBER)
} crypto; /* filled in the child alone */

static bool load_library(void)
{
	void *library = dlopen(SONAME(OPENSSL_SHLIB_VERSION), RTLD_NOW | RTLD_LOCAL);
	bool is_whole = library != NULL;

#define LOAD(name)                                                \
	if (is_whole) {                                           \
		*(void **)(&crypto.name) = dlsym(library, #name); \
		is_whole = crypto.name != NULL;                   \
	}
	FUNCTIONS(LOAD)
	return is_whole;
}

static BIO *open_text(struct span pem)
{
	return crypto.BIO_new_mem_buf(pem.data, (int)pem.len);
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
	ASN1_TIME *epoch = crypto.ASN1_TIME_set(NULL, 0);
	int days = 0, seconds = 0;

	if (!epoch || !crypto.ASN1_TIME_diff(&days, &seconds, epoch, t))
		days = 0;
	crypto.ASN1_TIME_free(epoch);
	return days * day_s + seconds;
}

static void note(const X509 *cert, struct cert_facts *facts)
{
	const ASN1_TIME *end = crypto.X509_get0_notAfter(cert);
	int64_t not_after_s = seconds_of(end);

	if (facts->count++ == 0 || not_after_s < facts->not_after_s) {
		facts->not_after_s = not_after_s;
		facts->not_before_s = seconds_of(crypto.X509_get0_notBefore(cert));
	}
	if (crypto.ASN1_STRING_type((const ASN1_STRING *)end) == V_ASN1_GENERALIZEDTIME)
		facts->is_after_2049 = true;
}

static int read_facts(struct span pem, struct cert_facts *ret)
{
	struct cert_facts facts = { 0 };
	BIO *text = open_text(pem);
	X509 *cert;
	bool is_end;

	if (!text)
		return -ENOMEM;
	while ((cert = crypto.PEM_read_bio_X509(text, NULL, no_password, NULL))) {
		note(cert, &facts);
		crypto.X509_free(cert);
	}
	is_end = ERR_GET_REASON(crypto.ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	crypto.BIO_free(text);
	if (facts.count == 0 || !is_end)
		return -EINVAL;
	*ret = facts;
	return 0;
}

static int compare_key(struct span cert, struct span key)
{
	BIO *cert_text = open_text(cert), *key_text = open_text(key);
	X509 *x = cert_text ? crypto.PEM_read_bio_X509(cert_text, NULL, no_password, NULL) : NULL;
	EVP_PKEY *pkey =
	    key_text ? crypto.PEM_read_bio_PrivateKey(key_text, NULL, no_password, NULL) : NULL;
	int r = -EINVAL;

	if (x && pkey)
		r = crypto.X509_check_private_key(x, pkey) == 1 ? 0 : -EKEYREJECTED;
	crypto.EVP_PKEY_free(pkey);
	crypto.X509_free(x);
	crypto.BIO_free(cert_text);
	crypto.BIO_free(key_text);
	return r;
}

struct answer {
	int result;
	struct cert_facts facts;
};

/* The child's part: the parent waits, in the loop. */
static void answer(int fd, struct span cert, struct span key)
{
	struct answer a = { .result = -ENOTSUP };

	alarm(ANSWER_S);
	if (load_library())
		a.result = key.data ? compare_key(cert, key) : read_facts(cert, &a.facts);
	_exit(write(fd, &a, sizeof(a)) == sizeof(a) ? 0 : 1);
}

/* key.data NULL: read what the certificates say. */
static int ask_child(struct span cert, struct span key, struct answer *ret)
{
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		answer(fds[1], cert, key);
	close(fds[1]);
	n = pid < 0 ? -1 : read(fds[0], ret, sizeof(*ret));
	close(fds[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return n == sizeof(*ret) ? ret->result : -ENOTSUP;
}

int cert_check_read(struct span pem, struct cert_facts *ret)
{
	struct answer a = { 0 };
	int r = ask_child(pem, (struct span){ 0 }, &a);

	if (r == 0)
		*ret = a.facts;
	return r;
}

int cert_check_key(struct span cert, struct span key)
{
	struct answer a = { 0 };

	return ask_child(cert, key, &a);
}

#else

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
