/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates are exchanged by a reload: which set a session uses, the new one or the one before.
 *
 * The set before is kept, with the configuration it belongs to, until the new one has got a
 * connection. If the new one is refused ROTATION_REFUSALS times in a row, the one before is used
 * again, and if that is refused as often, the new one, and so on. A set that never got a connection
 * is not worth to be kept. Decides only.
 */
#ifndef CMQTTD_MODEM_ROTATION_H
#define CMQTTD_MODEM_ROTATION_H

#include "modem/link_config.h"

#define ROTATION_REFUSALS 2 /* the first one may be for a file that is damaged in the modem */

struct rotation {
	struct broker_config *spare; /* the configuration before, with its files; NULL: none */
	bool is_spare_used;
	bool is_proven; /* the set in use, or before a rotation the one before, got a connection */
	unsigned refusals; /* in a row, of the set in use */
};

/* Nothing is kept, nothing proved. */
void rotation_init(struct rotation *r);
/* Frees what is kept. */
void rotation_fini(struct rotation *r);

/* `new` takes the place of `old` (either may be NULL), which is kept or freed. */
void rotation_exchange(
    struct rotation *r, struct broker_config *old, const struct broker_config *new);

/* The files to be used with the configuration, and those that must stay beside them; NULL: none. */
const struct tls_config *rotation_used(const struct rotation *r, const struct broker_config *cfg);
/* Likewise. */
const struct tls_config *rotation_kept(const struct rotation *r, const struct broker_config *cfg);

/* An attempt failed with this number, 0: files or SSL context were refused. True: the other set is
 * to be used from now on. */
bool rotation_failed(struct rotation *r, unsigned err);

/* A connection was made. True: the set before has just lost its use. */
bool rotation_connected(struct rotation *r);

#endif
