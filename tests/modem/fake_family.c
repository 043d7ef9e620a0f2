/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The families of modems that speak AT+CMQTT, each as changes to the configuration of a SIM7600.
 * Source: A76XX V1.09 ch. 18 and 19, SIM767XX V1.06 ch. 16, captures of an A7670, A7608 and
 * SIM7670.
 */
#include "fake_modem.h"

#include <string.h>
#include <strings.h>

enum { A76XX_LINE_MAX = 3071, A76XX_NAME_MAX = 108, SIM767X_PAYLOAD_MAX = 4096 };

static void be_sim7600(struct fake_modem_cfg *c)
{
	(void)c; /* as fake_modem_cfg_init left it */
}

/* Where START runs already, it is a bare ERROR in both. */
static void be_newer(struct fake_modem_cfg *c)
{
	c->line_max = A76XX_LINE_MAX;
	c->accq_version = false;
	c->cfg_version = true;
	c->start_order = c->stop_order = c->disc_order = FAKE_OK_FIRST;
	c->start_again_bare = true;
	c->says_boot_extras = true;
	c->boot_line = "*ATREADY: 1";
	c->cert_name_max = A76XX_NAME_MAX;
	c->has_ciphersuites = false;
	c->rx_chunk = FAKE_PAYLOAD_MAX;
	c->connect_fail = FAKE_FAIL_RESULT_ERROR;
}

static void be_a76xx(struct fake_modem_cfg *c)
{
	be_newer(c);
	c->pub_timeout_min_s = 1;
	c->disc_timeout_min_s = 1;
}

/* Its boot lines are not documented: those of its sister. */
static void be_sim767x(struct fake_modem_cfg *c)
{
	be_newer(c);
	c->payload_max = SIM767X_PAYLOAD_MAX;
	c->has_topic_lists = false;
	c->start_says_cid = true;
	c->stop_held_err = 19;
}

static const struct {
	const char *name, *model, *revision;
	void (*be)(struct fake_modem_cfg *c);
} models[] = {
	{ "sim7600", "SIMCOM_SIM7600G-H", "LE20B04SIM7600G22", be_sim7600 },
	{ "sim7500", "SIMCOM_SIM7500E", "LE11B12SIM7500M11", be_sim7600 },
	{ "a7670", "A7670E-FASE", "A7670M7_V1.11.1", be_a76xx },
	{ "a7672", "A7672E-FASE", "A7672M7_V1.11.1", be_a76xx },
	{ "a7608", "A7608SA-H", "A50C4B12A7608M7", be_a76xx },
	{ "sim7670", "SIM7670G-MNGV", "2374B03SIM767XM5A", be_sim767x },
	{ "sim7672", "SIM7672E-LNGV", "2374B03SIM767XM5A", be_sim767x },
};

bool fake_modem_cfg_model(struct fake_modem_cfg *c, const char *name)
{
	for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
		if (strcasecmp(models[i].name, name) != 0)
			continue;
		c->model = models[i].model;
		c->revision = models[i].revision;
		models[i].be(c);
		return true;
	}
	return false;
}
