/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate files of one broker in the modem's flash: which are there, which must be
 * uploaded, which must go.
 *
 * The modem cannot tell what is in a file, so that the name does: it holds the client index, the
 * role and a hash of the contents. A file that has the name is believed to have the contents,
 * except when an upload under that name was not confirmed, or when a TLS handshake failed (an
 * earlier process may have died during an upload): such files are deleted before they are sent
 * again. Where no upload is ever confirmed, the list is believed. Two sessions never share a file,
 * so that neither can spoil the other's. Files of ours that nobody needs are deleted; those of the
 * set before a rotation are kept until the new set has proved itself. Decides only; its owner talks
 * to the modem.
 */
#ifndef CMQTTD_MODEM_CERTS_H
#define CMQTTD_MODEM_CERTS_H

#include "at/at_chan.h"
#include "modem/link_config.h"

#define CERT_NAME_MAX   48 /* with the end; well below MODEM_CERT_NAME_MAX */
#define CERT_RENEW_MS   86400000
#define CERT_UNTOLD_MAX 2 /* uploads without a result until the list is believed */

enum cert_role { CERT_CA, CERT_CLIENT, CERT_KEY, CERT_ROLES };

enum cert_state {
	CERT_UNKNOWN,
	CERT_PRESENT,
	CERT_MISSING,
	CERT_DOUBTFUL, /* delete it, then upload */
};

struct cert_file {
	char name[CERT_NAME_MAX]; /* "": not configured */
	struct span content;
	enum cert_state state;
	unsigned untold; /* uploads in a row without a result */
};

/* What is to be done next. */
enum cert_step { CERT_STEP_LIST, CERT_STEP_DELETE, CERT_STEP_UPLOAD, CERT_STEP_READY };

struct certs {
	unsigned client;
	struct cert_file file[CERT_ROLES];
	char kept[CERT_ROLES][CERT_NAME_MAX]; /* of the other set; "": none */
	char stale[CERT_NAME_MAX];            /* a file of ours that nobody needs; "": none */
	unsigned clients;                     /* bit for each client that may have files */
	bool is_listed;
	bool is_renewed;        /* since the modem's boot, and renewed_at_ms is when */
	bool was_list_believed; /* since the modem's boot, for want of anything better */
	uint64_t renewed_at_ms;
	enum cert_step step; /* under way */
	size_t current;      /* file under way; CERT_ROLES: the stale one */
};

/* Nothing is wanted. */
void certs_init(struct certs *c, unsigned client);

/* The files of this configuration are wanted, those of the other set kept (either may be NULL:
 * none); contents are borrowed. What is known of files that keep their names stays known. */
void certs_configure(struct certs *c, const struct tls_config *tls, const struct tls_config *kept);

/* Look for files that nobody needs. clients: a bit for each client that has a broker with TLS; what
 * others have left is deleted, too. */
void certs_tidy(struct certs *c, unsigned clients);

/* The modem has booted or was exchanged: look again. Doubts stay. */
void certs_forget(struct certs *c);

/* The next step; for DELETE and UPLOAD also the file. */
enum cert_step certs_next(struct certs *c, const char **ret_name, struct span *ret_content);

/* A line of the list. */
void certs_line(struct certs *c, struct span line);

/* How the step ended. false: it failed, and the session cannot go on now. */
bool certs_done(struct certs *c, enum at_result result);

/* TLS failed: send all files again. Once per boot of the modem and day, and once more when the list
 * had to be believed: its flash wears out. false: was done before. */
bool certs_renew(struct certs *c, uint64_t now_ms);

/* Name of the file of this role, NULL when there is none. */
const char *certs_name(const struct certs *c, enum cert_role role);

#endif
