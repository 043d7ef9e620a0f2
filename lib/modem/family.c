/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/family.h"

#include "base/limits.h"

#include <string.h>
#include <strings.h>

static const struct family sim7600 = {
	.name = "SIM7600",
	.line_max = AT_CMD_MAX,
	.payload_max = MODEM_PAYLOAD_MAX,
	.pub_timeout_s = MODEM_PUB_TIMEOUT_MIN_S,
	.has_version_param = true,
	.has_topic_lists = true,
	.can_stop = true,
};

/* A76XX V1.09: pub_timeout from 1 s, but a minute over a slow network is no sign of a broken one,
 * and a result that comes in time is worth more than an early guess. */
static const struct family a76xx = {
	.name = "A76XX",
	.line_max = AT_CMD_LONG_MAX,
	.payload_max = MODEM_PAYLOAD_MAX,
	.pub_timeout_s = 30,
	.has_topic_lists = true,
};

static const struct family sim767x = {
	.name = "SIM767X",
	.line_max = AT_CMD_LONG_MAX,
	.payload_max = 4096,
	.pub_timeout_s = MODEM_PUB_TIMEOUT_MIN_S,
	.can_stop = true,
};

/* The version goes with ACCQ first: where that is refused, nothing has happened yet. */
static const struct family unknown = {
	.name = "unknown",
	.line_max = AT_CMD_MAX,
	.payload_max = MODEM_PAYLOAD_MAX,
	.pub_timeout_s = MODEM_PUB_TIMEOUT_MIN_S,
	.has_version_param = true,
};

/* Beginnings of model names. SIM7670 and SIM7672 are another family than SIM7600. */
static const struct {
	const char *model;
	const struct family *family;
} models[] = {
	{ "SIM7600", &sim7600 },
	{ "SIM7500", &sim7600 },
	{ "SIM7800", &sim7600 },
	{ "A7670", &a76xx },
	{ "A7672", &a76xx },
	{ "A7608", &a76xx },
	{ "SIM7670", &sim767x },
	{ "SIM7672", &sim767x },
};

bool family_is_known(const struct family *f)
{
	return f != &unknown;
}

const struct family *family_of(const char *model)
{
	static const char maker[] = "SIMCOM_";
	size_t i;

	if (strncasecmp(model, maker, sizeof maker - 1) == 0)
		model += sizeof maker - 1;
	for (i = 0; i < sizeof models / sizeof models[0]; i++)
		if (strncasecmp(model, models[i].model, strlen(models[i].model)) == 0)
			return models[i].family;
	return &unknown;
}
