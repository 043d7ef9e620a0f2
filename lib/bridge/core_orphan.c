/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits in the store for a broker that the configuration does not name: nobody sends it, and
 * nobody may throw it away.
 */
#include "bridge/core_priv.h"

#include <stdio.h>
#include <string.h>

/* Of the names of queues, those of brokers alone have none of these characters. */
static bool is_broker_name(const char *name)
{
	return name[0] != '\0' && !strpbrk(name, "$:");
}

void core_tell_orphans(struct core *c)
{
	char text[LOG_DETAIL_MAX];
	struct store_usage usage;
	const char *name;
	unsigned queue;

	for (int after = -1; c->store->ops->next_queue(c->store, after, &queue, &name);
	     after = (int)queue) {
		if (!is_broker_name(name) || core_config_find_broker(c->cfg, name) >= 0)
			continue;
		c->store->ops->usage(c->store, queue, &usage);
		if (usage.messages + usage.dead_letters == 0)
			continue;
		snprintf(text, sizeof(text),
		    "%llu for %s: it is not configured, and they stay until it is",
		    (unsigned long long)(usage.messages + usage.dead_letters), name);
		core_log_text(c, LOG_LEVEL_WARNING, LOG_STORE_ORPHANS, -1, text);
	}
}
