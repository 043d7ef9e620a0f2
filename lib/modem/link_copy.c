/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/link_copy.h"

#include <stdlib.h>
#include <string.h>

/* Copies go into one block. The same walk over the configuration runs twice: first without memory,
 * to measure, then to copy. */
struct arena {
	char *mem; /* NULL: measuring */
	size_t used;
};

static void *take(struct arena *a, const void *data, size_t len)
{
	char *at = a->mem ? a->mem + a->used : NULL;

	a->used += len;
	if (at && len > 0)
		memcpy(at, data, len);
	return at;
}

static void copy_text(struct arena *a, const char **text)
{
	if (*text)
		*text = take(a, *text, strlen(*text) + 1);
}

static void copy_span(struct arena *a, struct span *span)
{
	if (span->len > 0)
		span->data = take(a, span->data, span->len);
}

static void copy_broker(struct arena *a, struct broker_config *cfg, struct filter_config *filters)
{
	size_t i;

	copy_text(a, &cfg->name);
	copy_text(a, &cfg->host);
	copy_text(a, &cfg->client_id);
	copy_text(a, &cfg->username);
	copy_text(a, &cfg->password);
	copy_span(a, &cfg->tls.ca);
	copy_span(a, &cfg->tls.cert);
	copy_span(a, &cfg->tls.key);
	copy_text(a, &cfg->will.topic);
	copy_span(a, &cfg->will.payload);
	copy_text(a, &cfg->birth.topic);
	copy_span(a, &cfg->birth.payload);
	for (i = 0; i < cfg->filter_count; i++) {
		const char *filter = cfg->filters[i].filter;

		copy_text(a, &filter);
		if (filters)
			filters[i] =
			    (struct filter_config){ .filter = filter, .qos = cfg->filters[i].qos };
	}
}

struct broker_config *broker_config_copy(const struct broker_config *cfg)
{
	size_t filters_bytes = cfg->filter_count * sizeof(struct filter_config);
	struct broker_config measured = *cfg;
	struct filter_config *filters;
	struct broker_config *copy;
	struct arena a = { 0 };

	copy_broker(&a, &measured, NULL);
	/* Structures first: they need the alignment that the texts do not keep. */
	copy = malloc(sizeof *copy + filters_bytes + a.used);
	if (!copy)
		return NULL;
	filters = (struct filter_config *)(copy + 1);
	a = (struct arena){ .mem = (char *)filters + filters_bytes };
	*copy = *cfg;
	copy_broker(&a, copy, filters);
	copy->filters = filters;
	return copy;
}

static void copy_modem(struct arena *a, struct modem_config *cfg)
{
	copy_text(a, &cfg->device);
	copy_text(a, &cfg->apn);
	copy_text(a, &cfg->apn_user);
	copy_text(a, &cfg->apn_password);
	copy_text(a, &cfg->pdp_type);
	copy_text(a, &cfg->pin);
	copy_text(a, &cfg->operator_code);
	copy_text(a, &cfg->technology);
}

struct modem_config *modem_config_copy(const struct modem_config *cfg)
{
	struct modem_config measured = *cfg;
	struct modem_config *copy;
	struct arena a = { 0 };

	copy_modem(&a, &measured);
	copy = malloc(sizeof *copy + a.used);
	if (!copy)
		return NULL;
	a = (struct arena){ .mem = (char *)(copy + 1) };
	*copy = *cfg;
	copy_modem(&a, copy);
	return copy;
}
