/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a certificate file holds, read on the host: the modem tells nothing of its files but their
 * names. With libcrypto; built without it, nothing is known.
 */
#ifndef CMQTTD_CERT_CHECK_H
#define CMQTTD_CERT_CHECK_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct cert_facts {
	unsigned count;       /* certificates in the file */
	int64_t not_before_s; /* of the first that will expire, seconds since 1970 */
	int64_t not_after_s;
	bool is_after_2049; /* one of them says its end in the longer form that it has since 2050 */
};

/* The certificates of a PEM text. 0; -EINVAL: there is none, or one cannot be read; -ENOTSUP: built
 * without the library, it is not there, or it took more than 5 seconds. */
int cert_check_read(struct span pem, struct cert_facts *ret);

/* The private key belongs to the first certificate. 0; -EKEYREJECTED: it belongs to another one;
 * -EINVAL: one of them cannot be read; -ENOTSUP. */
int cert_check_key(struct span cert, struct span key);

#endif
