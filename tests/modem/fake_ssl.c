/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates in flash and SSL contexts (manual 10.2). */
#include "fake_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	NAME_MIN = 5,
	CIPHERS_ALL = 0xffff,
	CIPHERS_ONE = 0x002f,
};

void fm_ssl_init(struct fake_modem *m)
{
	for (int i = 0; i < FAKE_SSL_CONTEXTS; i++)
		m->ssl[i] = (struct fm_ssl){
			.version = 4,
			.ignore_time = 1,
			.negotiate_s = 300,
			.ciphers = CIPHERS_ALL,
		};
}

/* ---- files ---- */

const struct fm_cert *fm_ssl_find(const struct fake_modem *m, const char *name)
{
	for (int i = 0; i < FM_CERTS; i++)
		if (m->cert[i].body.s && strcmp(m->cert[i].name, name) == 0)
			return &m->cert[i];
	return NULL;
}

static void put(struct fake_modem *m, const char *name, const uint8_t *data, size_t len)
{
	int slot = -1;

	for (int i = 0; i < FM_CERTS; i++) {
		if (m->cert[i].body.s && strcmp(m->cert[i].name, name) == 0) {
			slot = i;
			break;
		}
		if (!m->cert[i].body.s && slot < 0)
			slot = i;
	}
	if (slot < 0)
		return;
	snprintf(m->cert[slot].name, sizeof m->cert[slot].name, "%s", name);
	fm_bytes_set(&m->cert[slot].body, data, len);
}

void fake_modem_put_cert(struct fake_modem *m, const char *name, const uint8_t *data, size_t len)
{
	put(m, name, data, len);
}

static bool full(const struct fake_modem *m)
{
	for (int i = 0; i < FM_CERTS; i++)
		if (!m->cert[i].body.s)
			return false;
	return true;
}

static bool name_ok(const struct fake_modem *m, const char *s)
{
	size_t n = strlen(s);

	return n >= NAME_MIN && n <= m->cfg.cert_name_max &&
	       (strcasecmp(s + n - 4, ".pem") == 0 || strcasecmp(s + n - 4, ".der") == 0);
}

static void certdown_data(struct fake_modem *m)
{
	put(m, m->data.file, m->data.bytes, m->data.want);
	if (m->cfg.cert_changed)
		m->cfg.cert_changed(m->cfg.ctx, m->data.file, m->data.bytes, m->data.want);
	fm_ok(m);
}

static void run_certdown(struct fake_modem *m)
{
	const char *name;
	int len;

	if (m->cmd.np != 2 || !fm_str(m, 0, NAME_MIN, FM_NAME_MAX, &name) || !name_ok(m, name) ||
	    !fm_int(m, 1, 1, FM_CERT_MAX, &len)) {
		fm_param_error(m, "file name or length");
		fm_error(m);
		return;
	}
	if (fm_ssl_find(m, name) ? m->cfg.certdown_existing_fails : full(m)) {
		fm_error(m);
		return;
	}
	snprintf(m->data.file, sizeof m->data.file, "%s", name);
	fm_prompt(m, (size_t)len, certdown_data);
}

static void run_certlist(struct fake_modem *m)
{
	for (int i = 0; i < FM_CERTS; i++)
		if (m->cert[i].body.s)
			fm_say_more(m, "+CCERTLIST: \"%s\"", m->cert[i].name);
	fm_ok(m);
}

static void run_certdele(struct fake_modem *m)
{
	const char *name;

	if (m->cmd.np != 1 || !fm_str(m, 0, NAME_MIN, FM_NAME_MAX, &name)) {
		fm_param_error(m, "file name");
		fm_error(m);
		return;
	}
	for (int i = 0; i < FM_CERTS; i++) {
		if (!m->cert[i].body.s || strcmp(m->cert[i].name, name) != 0)
			continue;
		if (m->cfg.cert_changed)
			m->cfg.cert_changed(m->cfg.ctx, name, NULL, 0);
		fm_bytes_free(&m->cert[i].body);
		fm_ok(m);
		return;
	}
	fm_error(m);
}

/* ---- contexts ---- */

enum key_type { KEY_INT, KEY_FILE, KEY_TEXT, KEY_CIPHERS };

static const struct {
	const char *name;
	enum key_type type;
	int lo, hi;
	size_t at; /* in struct fm_ssl */
} keys[] = {
	{ "sslversion", KEY_INT, 0, 4, offsetof(struct fm_ssl, version) },
	{ "authmode", KEY_INT, 0, 3, offsetof(struct fm_ssl, authmode) },
	{ "ignorelocaltime", KEY_INT, 0, 1, offsetof(struct fm_ssl, ignore_time) },
	{ "negotiatetime", KEY_INT, 10, 300, offsetof(struct fm_ssl, negotiate_s) },
	{ "cacert", KEY_FILE, 0, 0, offsetof(struct fm_ssl, ca) },
	{ "clientcert", KEY_FILE, 0, 0, offsetof(struct fm_ssl, cert) },
	{ "clientkey", KEY_FILE, 0, 0, offsetof(struct fm_ssl, key) },
	{ "enableSNI", KEY_INT, 0, 1, offsetof(struct fm_ssl, sni) },
	{ "keypwd", KEY_TEXT, 0, 0, offsetof(struct fm_ssl, keypwd) },
	{ "ciphersuites", KEY_CIPHERS, 0, 0, offsetof(struct fm_ssl, ciphers) },
};

static bool set_ciphers(struct fake_modem *m, int *ret)
{
	char *end;
	long v;

	if (m->cmd.p[2].quoted || strncasecmp(m->cmd.p[2].s, "0x", 2) != 0)
		return false;
	v = strtol(m->cmd.p[2].s, &end, 16);
	if (*end || (v != CIPHERS_ALL && v != CIPHERS_ONE))
		return false;
	*ret = (int)v;
	return true;
}

static bool set_key(struct fake_modem *m, size_t k, struct fm_ssl *ssl)
{
	void *at = (char *)ssl + keys[k].at;
	const char *s;

	switch (keys[k].type) {
	case KEY_INT:
		return fm_int(m, 2, keys[k].lo, keys[k].hi, at);
	case KEY_CIPHERS:
		return set_ciphers(m, at);
	case KEY_FILE:
		if (!fm_str(m, 2, NAME_MIN, FM_NAME_MAX, &s) || !name_ok(m, s))
			return false;
		break;
	case KEY_TEXT:
		if (!fm_str(m, 2, 0, FM_NAME_MAX, &s))
			return false;
		break;
	}
	snprintf(at, FM_NAME_MAX + 1, "%s", s);
	return true;
}

static void say_context(struct fake_modem *m, int ctx)
{
	const struct fm_ssl *s = &m->ssl[ctx];

	if (!m->cfg.has_ciphersuites) {
		fm_say_more(m, "+CSSLCFG: %d,%d,%d,%d,%d,\"%s\",\"%s\",\"%s\",\"\",%d", ctx,
		    s->version, s->authmode, s->ignore_time, s->negotiate_s, s->ca, s->cert, s->key,
		    s->sni);
		return;
	}
	fm_say_more(m, "+CSSLCFG: %d,%d,%d,%d,%d,\"%s\",\"%s\",\"%s\",%d,\"%s\",0x%04X", ctx,
	    s->version, s->authmode, s->ignore_time, s->negotiate_s, s->ca, s->cert, s->key, s->sni,
	    s->keypwd, (unsigned)s->ciphers);
}

static void bad_key(struct fake_modem *m, const char *key)
{
	char what[80];

	snprintf(what, sizeof what, "key \"%.40s\", context or value", key);
	fm_param_error(m, what);
	fm_error(m);
}

static void set_csslcfg(struct fake_modem *m)
{
	const char *key;
	int ctx;

	if (m->cmd.np == 1 && fm_int(m, 0, 0, FAKE_SSL_CONTEXTS - 1, &ctx)) {
		say_context(m, ctx);
		fm_ok(m);
		return;
	}
	if (m->cmd.np != 3 || !fm_str(m, 0, 1, 40, &key) ||
	    !fm_int(m, 1, 0, FAKE_SSL_CONTEXTS - 1, &ctx)) {
		bad_key(m, "");
		return;
	}
	for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
		if (strcasecmp(keys[k].name, key) != 0)
			continue;
		if (keys[k].type >= KEY_TEXT && !m->cfg.has_ciphersuites) {
			fm_error(m); /* another meaning, or none */
			return;
		}
		if (keys[k].type == KEY_FILE && m->cfg.missing_file_refused_early &&
		    !fm_ssl_find(m, m->cmd.p[2].s)) {
			fm_error(m);
			return;
		}
		if (!set_key(m, k, &m->ssl[ctx]))
			break;
		m->ssl[ctx].set_version |= strcasecmp(key, "sslversion") == 0;
		m->ssl[ctx].set_authmode |= strcasecmp(key, "authmode") == 0;
		fm_ok(m);
		return;
	}
	bad_key(m, key);
}

static void run_csslcfg(struct fake_modem *m)
{
	if (m->cmd.form == FM_SET) {
		set_csslcfg(m);
		return;
	}
	if (m->cmd.form == FM_READ)
		for (int i = 0; i < FAKE_SSL_CONTEXTS; i++)
			say_context(m, i);
	fm_ok(m);
}

const struct fm_command fm_ssl_commands[] = {
	{ "+CCERTDOWN", FM_TEST | FM_SET, run_certdown, FM_ALONE, 0, "(5-128),(1-10240)", 0 },
	{ "+CCERTLIST", FM_EXEC | FM_TEST, run_certlist, 0, 0, NULL, 0 },
	{ "+CCERTDELE", FM_TEST | FM_SET, run_certdele, 0, 0, NULL, 0 },
	{ "+CSSLCFG", FM_READ | FM_TEST | FM_SET, run_csslcfg, 0, 0, "\"sslversion\",(0-9),(0-4)",
	    0 },
	{ NULL, 0, NULL, 0, 0, NULL, 0 },
};
