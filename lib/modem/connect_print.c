/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/connect_print.h"

#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FORMAT 1 /* another one when the print is made in another way */

static uint64_t add_number(uint64_t hash, uint64_t number)
{
	uint8_t bytes[8]; /* the same on every machine */
	size_t i;

	for (i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(number >> (8 * i));
	return hash_fnv1a(hash, bytes, sizeof bytes);
}

/* Its length, too: "a" and "bc" are not "ab" and "c". */
static uint64_t add_span(uint64_t hash, struct span bytes)
{
	return hash_fnv1a(add_number(hash, bytes.len), bytes.data, bytes.len);
}

/* NULL is another thing than "". */
static uint64_t add_text(uint64_t hash, const char *text)
{
	const struct span bytes = { .data = (const uint8_t *)text, .len = text ? strlen(text) : 0 };

	return add_span(add_number(hash, text != NULL), bytes);
}

static uint64_t add_tls(uint64_t hash, const struct tls_config *tls, const struct tls_config *files)
{
	hash = add_span(hash, files->ca);
	hash = add_span(hash, files->cert);
	hash = add_span(hash, files->key);
	hash = add_number(hash, tls->verify);
	hash = add_number(hash, tls->sni);
	hash = add_number(hash, tls->check_time);
	return add_number(hash, tls->context);
}

void connect_print(const struct broker_config *cfg, const struct tls_config *files,
    char ret_print[CONNECT_PRINT_MAX])
{
	uint64_t hash = add_number(HASH_INIT, FORMAT);
	size_t i;

	hash = add_text(hash, cfg->host);
	hash = add_number(hash, cfg->port);
	hash = add_text(hash, cfg->client_id);
	hash = add_text(hash, cfg->username);
	hash = add_text(hash, cfg->password);
	hash = add_number(hash, cfg->keepalive_s);
	hash = add_number(hash, cfg->clean_session);
	hash = add_text(hash, cfg->will.topic);
	hash = add_span(hash, cfg->will.payload);
	hash = add_number(hash, cfg->will.qos);
	hash = add_number(hash, cfg->is_tls);
	if (cfg->is_tls)
		hash = add_tls(hash, &cfg->tls, files ? files : &cfg->tls);
	for (i = 0; i < cfg->filter_count; i++) {
		hash = add_text(hash, cfg->filters[i].filter);
		hash = add_number(hash, cfg->filters[i].qos);
	}
	snprintf(ret_print, CONNECT_PRINT_MAX, "%016" PRIx64, hash);
}
