/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/rotation.h"

#include <stdlib.h>
#include <string.h>

void rotation_init(struct rotation *r)
{
	*r = (struct rotation){ .spare = NULL };
}

void rotation_fini(struct rotation *r)
{
	free(r->spare);
	r->spare = NULL;
}

static bool are_files_same(const struct tls_config *a, const struct tls_config *b)
{
	return span_equal(a->ca, b->ca) && span_equal(a->cert, b->cert) &&
	       span_equal(a->key, b->key);
}

/* The files before are no help with another broker. */
static bool is_rotation(const struct broker_config *old, const struct broker_config *new)
{
	return old && new && old->is_tls &&new->is_tls &&
	       old->port == new->port &&strcmp(old->host, new->host) == 0 &&
	       !are_files_same(&old->tls, &new->tls);
}

void rotation_exchange(
    struct rotation *r, struct broker_config *old, const struct broker_config *new)
{
	struct broker_config *proven = r->spare ? r->spare : r->is_proven ? old : NULL;

	if (!is_rotation(proven, new)) {
		bool is_used_still = proven && new &&new->is_tls &&
				     proven->is_tls &&are_files_same(&proven->tls, &new->tls);

		rotation_fini(r);
		free(old);
		*r = (struct rotation){ .is_proven = is_used_still };
		return;
	}
	if (proven != old)
		free(old);
	*r = (struct rotation){ .spare = proven, .is_proven = true };
}

const struct tls_config *rotation_used(const struct rotation *r, const struct broker_config *cfg)
{
	if (!cfg || !cfg->is_tls)
		return NULL;
	return r->is_spare_used ? &r->spare->tls : &cfg->tls;
}

const struct tls_config *rotation_kept(const struct rotation *r, const struct broker_config *cfg)
{
	if (!r->spare || !cfg)
		return NULL;
	return r->is_spare_used ? &cfg->tls : &r->spare->tls;
}

/* 16.3.1: what brokers and the modem say to certificates they do not take. Some brokers only close
 * the connection. */
static bool is_about_files(unsigned err)
{
	switch (err) {
	case 0:
	case 6:  /* message receive failed */
	case 26: /* closed by the server */
	case 30: /* bad user name or password */
	case 31: /* not authorised */
	case 32: /* handshake */
	case 33: /* certificate not set */
	case 34: /* TLS session */
		return true;
	default:
		return false;
	}
}

bool rotation_failed(struct rotation *r, unsigned err)
{
	if (!r->spare || !is_about_files(err) || ++r->refusals < ROTATION_REFUSALS)
		return false;
	r->refusals = 0;
	r->is_spare_used = !r->is_spare_used;
	return true;
}

bool rotation_connected(struct rotation *r)
{
	r->refusals = 0;
	r->is_proven = true;
	if (!r->spare || r->is_spare_used)
		return false;
	rotation_fini(r);
	return true;
}
