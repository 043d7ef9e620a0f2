/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/ctl_queue.h"

#include "base/limits.h"
#include "bridge/core_query.h"
#include "bridge/ctl_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* ---- the list ---- */

static bool is_listed(const struct ctl_list *list, unsigned client)
{
	return list->client < 0 || list->client == (int)client;
}

/* The smallest number that is still to be listed, 0: none is. A broker that a reload took away in
 * the middle of its list ends it. */
static uint64_t next_id(const struct core *core, const struct ctl_list *list)
{
	uint64_t first = 0;

	for (unsigned i = 0; i < core_get_config(core)->broker_count; i++) {
		uint64_t id = is_listed(list, i) ? core_next_message(core, i, list->after) : 0;

		if (id != 0 && (first == 0 || id < first))
			first = id;
	}
	return first;
}

/* The messages of that number; one for two brokers is two. The bytes of their topics are added. 0
 * or -ENOMEM. */
static int append_messages(
    const struct core *core, const struct ctl_list *list, uint64_t id, json_t *array, size_t *bytes)
{
	struct queued_message m;

	for (unsigned i = 0; i < core_get_config(core)->broker_count; i++) {
		if (!is_listed(list, i) || !core_get_message(core, i, id, &m))
			continue;
		*bytes += m.entry.topic.len;
		if (json_array_append_new(array, ctl_json_queued(core, i, &m)) < 0)
			return -ENOMEM;
	}
	return 0;
}

json_t *ctl_queue_page(const struct core *core, struct ctl_list *list)
{
	uint64_t id = next_id(core, list);
	json_t *array = json_array();
	size_t bytes = 0;

	for (size_t count = 0;
	     id != 0 && count < CTL_PAGE_MESSAGES_MAX && bytes < CTL_PAGE_BYTES_MAX; count++) {
		if (append_messages(core, list, id, array, &bytes) < 0) {
			json_decref(array);
			array = NULL;
		}
		list->after = id;
		id = next_id(core, list);
	}
	list->is_ended = id == 0;
	return json_pack("{s:o, s:o}", "messages", array, "next",
	    list->is_ended ? json_null() : json_integer((json_int_t)list->after));
}

void ctl_queue_list(struct ctl_request *req)
{
	json_int_t after = ctl_int_param(req, "after");

	if (after < 0) {
		ctl_fail_about(req, CTL_ERROR_INVALID_PARAMETER, "parameter", "after");
		return;
	}
	req->list.after = (uint64_t)after;
	if (!ctl_broker_param(req, "broker", &req->list.client))
		return;
	if (!req->is_more)
		ctl_reply(req, ctl_queue_page(req->core, &req->list));
}

/* ---- one message ---- */

static void fail_on_message(struct ctl_request *req, enum ctl_error error)
{
	ctl_fail(req, error, json_pack("{s:I}", "id", ctl_int_param(req, "id")));
}

/* The broker and number of the message that the call is about. false: it is not to be found, or
 * there are two, and the answer is in the request. */
static bool find_message(struct ctl_request *req, unsigned *ret_client, uint64_t *ret_id)
{
	json_int_t id = ctl_int_param(req, "id");
	struct ctl_list wanted = { 0 };
	struct queued_message m;
	unsigned found = 0;

	if (!ctl_broker_param(req, "broker", &wanted.client))
		return false;
	for (unsigned i = 0; id > 0 && i < core_get_config(req->core)->broker_count; i++) {
		if (!is_listed(&wanted, i) || !core_get_message(req->core, i, (uint64_t)id, &m))
			continue;
		*ret_client = i;
		found++;
	}
	*ret_id = (uint64_t)id;
	if (found != 1)
		fail_on_message(
		    req, found == 0 ? CTL_ERROR_NO_SUCH_MESSAGE : CTL_ERROR_AMBIGUOUS_MESSAGE);
	return found == 1;
}

void ctl_queue_get(struct ctl_request *req)
{
	struct queued_message m;
	unsigned client;
	uint64_t id;

	if (!find_message(req, &client, &id))
		return;
	if (core_get_message(req->core, client, id, &m))
		ctl_reply(req, ctl_json_queued_whole(req->core, client, &m));
	else
		ctl_fail_plain(req, CTL_ERROR_STORE_FAILED);
}

static void fail_change(struct ctl_request *req, int error)
{
	switch (-error) {
	case ENOENT:
		fail_on_message(req, CTL_ERROR_NO_SUCH_MESSAGE);
		break;
	case EBUSY:
		fail_on_message(req, CTL_ERROR_IN_FLIGHT);
		break;
	case EALREADY:
		fail_on_message(req, CTL_ERROR_NOT_DEAD);
		break;
	case ETIME:
		fail_on_message(req, CTL_ERROR_EXPIRED);
		break;
	case E2BIG:
		ctl_fail_too_large(req);
		break;
	case ENOMEM:
		ctl_fail_plain(req, CTL_ERROR_OUT_OF_MEMORY);
		break;
	default:
		ctl_fail_plain(req, CTL_ERROR_STORE_FAILED);
		break;
	}
}

static void change_message(struct ctl_request *req, const char *verb,
    int (*change)(struct core *c, uint64_t now_ms, uint32_t conn, unsigned client, uint64_t id))
{
	char object[56];
	unsigned client;
	uint64_t id;
	int r;

	if (!find_message(req, &client, &id))
		return;
	r = change(req->core, req->now_ms, req->conn, client, id);
	if (r < 0 && r != -EINPROGRESS) {
		fail_change(req, r);
		return;
	}
	snprintf(object, sizeof(object), "%" PRIu64 " of %s", id,
	    core_get_config(req->core)->brokers[client].link.name);
	ctl_log_change(req, verb, object);
	if (r == 0)
		ctl_reply(req, json_object());
}

void ctl_queue_drop(struct ctl_request *req)
{
	change_message(req, "drop", core_drop_message);
}

void ctl_queue_retry(struct ctl_request *req)
{
	change_message(req, "retry", core_retry_message);
}
