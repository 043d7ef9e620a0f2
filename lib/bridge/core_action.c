/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/core_priv.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

size_t core_action_room(const struct core *c)
{
	return CORE_ACTIONS_MAX - c->action_count;
}

void core_action(struct core *c, enum action_type type, uint32_t id)
{
	size_t slot = (c->action_first + c->action_count) % CORE_ACTIONS_MAX;

	assert(c->action_count < CORE_ACTIONS_MAX);
	c->actions[slot] = (struct queued_action){ type, id };
	c->action_count++;
	c->progress++;
}

void core_log(struct core *c, enum log_level level, enum log_code code, int client, unsigned err,
    const char *from, const char *to, struct span detail)
{
	struct log_event *log;
	size_t len = detail.len < LOG_DETAIL_MAX - 1 ? detail.len : LOG_DETAIL_MAX - 1;

	if (c->log_count == CORE_LOGS_MAX || core_action_room(c) < CORE_LOGS_MAX) {
		c->logs_dropped++;
		return;
	}
	log = &c->logs[c->log_next];
	*log = (struct log_event){ .code = code,
		.level = level,
		.broker = client >= 0 ? c->cfg->brokers[client].link.name : NULL,
		.client_index = client,
		.err = err,
		.from = from,
		.to = to };
	if (len > 0)
		memcpy(log->detail, detail.data, len);
	core_action(c, ACTION_LOG, (uint32_t)c->log_next);
	c->log_next = (c->log_next + 1) % CORE_LOGS_MAX;
	c->log_count++;
	ctl_on_log(c->ctl, c->now_ms, log);
}

void core_log_text(
    struct core *c, enum log_level level, enum log_code code, int client, const char *detail)
{
	core_log(c, level, code, client, 0, NULL, NULL, span_of(detail, strlen(detail)));
}

static void append(char *text, size_t size, const char *more)
{
	size_t len = strlen(text);

	snprintf(text + len, size - len, "%s", more);
}

void core_update_status(struct core *c)
{
	const struct modem_status *m = modem_get_status(c->modem);
	char text[CORE_STATUS_MAX] = "modem ";

	if (!c->is_status_stale)
		return;
	c->is_status_stale = false;
	if (c->is_stopping)
		snprintf(text, sizeof(text), "stopping; modem ");
	append(text, sizeof(text), modem_state_name(m->state));
	if (m->technology[0] != '\0') {
		append(text, sizeof(text), " ");
		append(text, sizeof(text), m->technology);
	}
	for (unsigned i = 0; i < c->cfg->broker_count; i++) {
		append(text, sizeof(text), ", ");
		append(text, sizeof(text), c->cfg->brokers[i].link.name);
		append(text, sizeof(text), " ");
		append(
		    text, sizeof(text), session_state_name(modem_get_session(c->modem, i)->state));
	}
	if (strcmp(text, c->status) == 0)
		return;
	memcpy(c->status, text, sizeof(c->status));
	core_action(c, ACTION_STATUS, 0);
}

bool core_next_action(struct core *c, struct action *ret)
{
	struct queued_action *q = &c->actions[c->action_first];

	if (c->action_count == 0)
		return false;
	c->action_first = (c->action_first + 1) % CORE_ACTIONS_MAX;
	c->action_count--;
	*ret = (struct action){ .type = q->type, .id = q->id };
	switch (q->type) {
	case ACTION_LOG:
		ret->log = c->logs[q->id];
		ret->id = 0;
		c->log_count--;
		break;
	case ACTION_LOG_LEVEL:
		ret->log.level = c->wanted_level;
		break;
	case ACTION_STATUS:
		ret->text = c->status;
		break;
	case ACTION_TTY_LINE:
		ret->baud = c->tty_baud;
		ret->rtscts = c->tty_rtscts;
		ret->is_hung_up = c->tty_is_hung_up;
		break;
	case ACTION_PIN_NOTE:
		ret->text = c->pin_note;
		break;
	case ACTION_TTY_WRITE:
		c->is_tty_write_queued = false;
		break;
	case ACTION_TTY_REOPEN:
	case ACTION_POWER_HOOK:
	case ACTION_USB_REBIND:
	case ACTION_CLIENT_WRITE:
	case ACTION_CLIENT_CLOSE:
	case ACTION_CLIENT_PAUSE:
	case ACTION_CLIENT_RESUME:
	case ACTION_CTL_WRITE:
	case ACTION_CTL_CLOSE:
	case ACTION_HTTP_WRITE:
	case ACTION_HTTP_CLOSE:
	case ACTION_STORE_COMMIT:
	case ACTION_RELOAD:
	case ACTION_RELOAD_TRIAL:
	case ACTION_EXIT:
		break;
	}
	return true;
}
