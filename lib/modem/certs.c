/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/certs.h"

#include "at/at_line.h"
#include "at/at_template.h"
#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const role_names[CERT_ROLES] = {
	[CERT_CA] = "ca", [CERT_CLIENT] = "cert", [CERT_KEY] = "key"
};

static void format_prefix(const struct certs *c, char ret[CERT_NAME_MAX])
{
	snprintf(ret, CERT_NAME_MAX, "cmqttd-%u-", c->client);
}

void certs_init(struct certs *c, unsigned client)
{
	*c = (struct certs){ .client = client, .current = CERT_ROLES, .clients = ~0U };
}

static void format_name(
    const struct certs *c, enum cert_role role, struct span content, char ret[CERT_NAME_MAX])
{
	char prefix[CERT_NAME_MAX];

	ret[0] = '\0';
	if (content.len == 0)
		return;
	format_prefix(c, prefix);
	snprintf(ret, CERT_NAME_MAX, "%.16s%s-%016" PRIx64 ".pem", prefix, role_names[role],
	    hash_fnv1a(HASH_INIT, content.data, content.len));
}

static void configure(struct certs *c, enum cert_role role, struct span content)
{
	struct cert_file *file = &c->file[role];
	char name[CERT_NAME_MAX];

	format_name(c, role, content, name);
	if (strcmp(name, file->name) != 0) {
		memcpy(file->name, name, sizeof file->name);
		file->state = CERT_UNKNOWN;
		c->is_listed = false;
	}
	file->content = content;
}

void certs_configure(struct certs *c, const struct tls_config *tls, const struct tls_config *kept)
{
	static const struct tls_config nothing;

	tls = tls ? tls : &nothing;
	kept = kept ? kept : &nothing;
	format_name(c, CERT_CA, kept->ca, c->kept[CERT_CA]);
	format_name(c, CERT_CLIENT, kept->cert, c->kept[CERT_CLIENT]);
	format_name(c, CERT_KEY, kept->key, c->kept[CERT_KEY]);
	configure(c, CERT_CA, tls->ca);
	configure(c, CERT_CLIENT, tls->cert);
	configure(c, CERT_KEY, tls->key);
}

void certs_tidy(struct certs *c, unsigned clients)
{
	c->clients = clients;
	c->is_listed = false;
}

static void look_again(struct certs *c)
{
	size_t i;

	c->is_listed = false;
	c->stale[0] = '\0';
	for (i = 0; i < CERT_ROLES; i++)
		if (c->file[i].state != CERT_DOUBTFUL)
			c->file[i].state = CERT_UNKNOWN;
}

void certs_forget(struct certs *c)
{
	look_again(c);
	c->is_renewed = false;
	c->was_list_believed = false;
}

static enum cert_step begin(struct certs *c, enum cert_step step, size_t file)
{
	c->step = step;
	c->current = file;
	return step;
}

enum cert_step certs_next(struct certs *c, const char **ret_name, struct span *ret_content)
{
	size_t i;

	if (!c->is_listed)
		return begin(c, CERT_STEP_LIST, CERT_ROLES);
	for (i = 0; i < CERT_ROLES; i++) {
		if (!c->file[i].name[0] || c->file[i].state == CERT_PRESENT)
			continue;
		*ret_name = c->file[i].name;
		*ret_content = c->file[i].content;
		return begin(
		    c, c->file[i].state == CERT_DOUBTFUL ? CERT_STEP_DELETE : CERT_STEP_UPLOAD, i);
	}
	if (c->stale[0]) {
		*ret_name = c->stale;
		return begin(c, CERT_STEP_DELETE, CERT_ROLES);
	}
	return begin(c, CERT_STEP_READY, CERT_ROLES);
}

/* "cmqttd-<client>-...": of this client, or of one that has no files any more. */
static bool is_ours(const struct certs *c, struct span name)
{
	struct certs owner = { .client = 0 };
	char prefix[CERT_NAME_MAX];

	for (; owner.client < MODEM_CLIENTS; owner.client++) {
		format_prefix(&owner, prefix);
		if (name.len > strlen(prefix) && memcmp(name.data, prefix, strlen(prefix)) == 0)
			return owner.client == c->client || !(c->clients & 1U << owner.client);
	}
	return false;
}

void certs_line(struct certs *c, struct span line)
{
	struct span name;
	size_t i;

	if (c->step != CERT_STEP_LIST || !at_line_field(line, 0, &name))
		return;
	for (i = 0; i < CERT_ROLES; i++) {
		if (!span_is(name, c->file[i].name))
			continue;
		if (c->file[i].state != CERT_DOUBTFUL)
			c->file[i].state = CERT_PRESENT;
		return;
	}
	for (i = 0; i < CERT_ROLES; i++)
		if (span_is(name, c->kept[i]))
			return;
	/* One that was damaged on the line cannot be sent, and would end every attempt. */
	if (name.len < sizeof c->stale && is_ours(c, name) &&
	    at_template_is_safe(name.data, name.len)) {
		memcpy(c->stale, name.data, name.len);
		c->stale[name.len] = '\0';
	}
}

/* Without a list nothing is known: a file of the name may be there or not. */
static void list_done(struct certs *c, bool is_complete)
{
	size_t i;

	c->is_listed = true;
	for (i = 0; i < CERT_ROLES; i++)
		if (c->file[i].state == CERT_UNKNOWN)
			c->file[i].state = is_complete ? CERT_MISSING : CERT_DOUBTFUL;
}

static bool delete_done(struct certs *c, bool is_ok)
{
	if (c->current < CERT_ROLES) {
		/* Refused: most likely there was none. */
		c->file[c->current].state = CERT_MISSING;
		return true;
	}
	c->stale[0] = '\0';
	c->is_listed = !is_ok; /* there may be more; but not for ever the same one */
	return true;
}

static bool upload_done(struct certs *c, enum at_result result)
{
	struct cert_file *file = &c->file[c->current];

	file->state = result == AT_OK ? CERT_PRESENT : CERT_DOUBTFUL;
	file->untold = result == AT_UNKNOWN ? file->untold + 1 : 0;
	/* The modem has no OK for it, as it seems: the list has to do, and then the handshake. */
	if (file->untold == CERT_UNTOLD_MAX) {
		file->untold = 0;
		file->state = CERT_UNKNOWN;
		c->is_listed = false;
		c->is_renewed = c->is_renewed && c->was_list_believed;
		c->was_list_believed = true;
	}
	return result == AT_OK;
}

bool certs_done(struct certs *c, enum at_result result)
{
	bool is_ok = result == AT_OK;
	bool is_answered = is_ok || result == AT_FAILED;

	switch (c->step) {
	case CERT_STEP_LIST:
		if (is_answered)
			list_done(c, is_ok);
		return is_answered;
	case CERT_STEP_DELETE:
		return is_answered && delete_done(c, is_ok);
	case CERT_STEP_UPLOAD:
		return upload_done(c, result);
	case CERT_STEP_READY:
		break;
	}
	return true;
}

bool certs_renew(struct certs *c, uint64_t now_ms)
{
	size_t i;

	if (c->is_renewed && now_ms - c->renewed_at_ms < CERT_RENEW_MS)
		return false;
	c->is_renewed = true;
	c->renewed_at_ms = now_ms;
	for (i = 0; i < CERT_ROLES; i++)
		if (c->file[i].name[0])
			c->file[i].state = CERT_DOUBTFUL;
	return true;
}

const char *certs_name(const struct certs *c, enum cert_role role)
{
	return c->file[role].name[0] ? c->file[role].name : NULL;
}
