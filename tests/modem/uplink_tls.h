/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of the simulated modem: what AT+CSSLCFG asks for, as an OpenSSL context. */
#ifndef TESTS_MODEM_UPLINK_TLS_H
#define TESTS_MODEM_UPLINK_TLS_H

#include "fake_modem.h"

#include <openssl/ssl.h>

/* Per connection; must outlive the context. */
struct uplink_tls {
	SSL_CTX *ctx;
	char host[256]; /* name sent as SNI, if sni */
	bool sni;
	bool started, done; /* handshake */
	char error[160];    /* why the peer was refused, "" when not known */
};

/*
 * Build the context: versions up to 1.2, verification by authmode with the modem's clock, the host
 * name of the address checked when the server is verified. 0, or -EINVAL when a certificate or key
 * cannot be read.
 */
int uplink_tls_open(
    struct uplink_tls *t, const char *host, const struct fake_tls *tls, int64_t utc_s);
void uplink_tls_close(struct uplink_tls *t);

#endif
