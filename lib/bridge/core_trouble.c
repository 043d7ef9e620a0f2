/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the modem told of itself that is no change of state, remembered until it is over.
 */
#include "bridge/core_priv.h"

#include <stdio.h>

/* What a notice is about; CORE_TROUBLE_COUNT: no trouble that lasts. */
static enum core_trouble trouble_of(enum modem_notice notice)
{
	switch (notice) {
	case MODEM_NOTICE_NO_SIM:
		return CORE_TROUBLE_SIM;
	case MODEM_NOTICE_PIN_REFUSED:
		return CORE_TROUBLE_PIN;
	case MODEM_NOTICE_DENIED:
	case MODEM_NOTICE_ROAMING:
		return CORE_TROUBLE_NETWORK;
	case MODEM_NOTICE_CLOCK_WRONG:
	case MODEM_NOTICE_CLOCK_SET:
		return CORE_TROUBLE_CLOCK;
	case MODEM_NOTICE_STUCK:
		return CORE_TROUBLE_STUCK;
	case MODEM_NOTICE_IDENTITY:
	case MODEM_NOTICE_BOOTED:
	case MODEM_NOTICE_GARBAGE:
	case MODEM_NOTICE_LINE:
	case MODEM_NOTICE_CERT_UPLOADED:
	case MODEM_NOTICE_CERT_ROTATED:
	case MODEM_NOTICE_SUBSCRIBE_FAILED:
	case MODEM_NOTICE_BIRTH_FAILED:
	case MODEM_NOTICE_NOT_VERIFIED:
		break;
	}
	return CORE_TROUBLE_COUNT;
}

void core_note_trouble(struct core *c, enum modem_notice notice, struct span text)
{
	enum core_trouble trouble = trouble_of(notice);

	if (trouble == CORE_TROUBLE_COUNT)
		return;
	if (notice == MODEM_NOTICE_CLOCK_SET)
		text.len = 0;
	snprintf(c->troubles[trouble], sizeof(c->troubles[trouble]), "%.*s", (int)text.len,
	    text.len > 0 ? (const char *)text.data : "");
}

static void forget(struct core *c, enum core_trouble trouble)
{
	c->troubles[trouble][0] = '\0';
}

void core_end_troubles(struct core *c, enum modem_state state)
{
	bool is_registered = state == MODEM_ATTACHED || state == MODEM_READY;

	if (is_registered || state == MODEM_REGISTERING) {
		forget(c, CORE_TROUBLE_SIM);
		forget(c, CORE_TROUBLE_PIN);
	}
	if (is_registered)
		forget(c, CORE_TROUBLE_NETWORK);
	if (state == MODEM_READY)
		forget(c, CORE_TROUBLE_STUCK);
}

void core_set_port_users(struct core *c, const char *others)
{
	snprintf(
	    c->troubles[CORE_TROUBLE_PORT], sizeof(c->troubles[CORE_TROUBLE_PORT]), "%s", others);
}

const char *core_trouble(const struct core *c, enum core_trouble trouble)
{
	return c->troubles[trouble][0] ? c->troubles[trouble] : NULL;
}

int core_port_error(const struct core *c)
{
	return c->port_error;
}
