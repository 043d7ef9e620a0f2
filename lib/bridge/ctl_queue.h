/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Methods of io.cmqttd on single messages: what waits for the brokers, and the dead letters. A list
 * comes in pages, so that no reply is large and no turn long, however many messages there are.
 */
#ifndef CMQTTD_BRIDGE_CTL_QUEUE_H
#define CMQTTD_BRIDGE_CTL_QUEUE_H

#include "bridge/ctl_request.h"

#include <jansson.h>

/* Handlers of ListMessages, GetMessage, DropMessage and RetryMessage. */
void ctl_queue_list(struct ctl_request *req);
void ctl_queue_get(struct ctl_request *req);
void ctl_queue_drop(struct ctl_request *req);
void ctl_queue_retry(struct ctl_request *req);

/* The next page of a list, as a reply of ListMessages: CTL_PAGE_MESSAGES_MAX messages, fewer if
 * their topics are long. A new reference, NULL: no memory; the list is advanced either way. */
json_t *ctl_queue_page(const struct core *core, struct ctl_list *list);

#endif
