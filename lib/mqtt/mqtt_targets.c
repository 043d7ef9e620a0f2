/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/mqtt_server_impl.h"

static size_t bytes_of(const struct mqtt_out *o)
{
	return mqtt_msg_bytes(o->msg) + o->ids_len;
}

/* All local copies together are kept within their part of the store. */
static bool has_room(const struct mqtt_server *s, const struct mqtt_out *o)
{
	uint64_t bytes = s->sessions.stored_bytes + s->sessions.planned_bytes + s->retain.bytes;

	return bytes + bytes_of(o) <= mqtt_persist_bytes_max(&s->persist);
}

static struct store_target target_of(
    const struct mqtt_clocks *clocks, const struct mqtt_msg *m, unsigned queue)
{
	int64_t expires_ms = 0;

	if (m->expires_ms)
		expires_ms = clocks->store_ms + (int64_t)(m->expires_ms - clocks->now_ms);
	return (struct store_target){
		.queue = queue,
		.topic = { .data = m->bytes, .len = m->topic_len },
		.properties = mqtt_msg_properties(m),
		.qos = m->qos,
		.expires_ms = expires_ms,
	};
}

/* Subscription identifiers go in front of the message's own properties. They are gathered in one
 * buffer for all targets, which may move: until all are there, their spans have no place. False:
 * there is no room. */
static bool put_properties(
    struct mqtt_server *s, const struct mqtt_out *o, struct store_target *target)
{
	struct span others = mqtt_msg_properties(o->msg);

	if (o->ids_len == 0)
		return true;
	if (buf_reserve(&s->properties, o->ids_len + others.len) < 0)
		return false;
	(void)buf_append(&s->properties, o->ids, o->ids_len);
	(void)buf_append(&s->properties, others.data, others.len);
	target->properties = (struct span){ .data = NULL, .len = o->ids_len + others.len };
	return true;
}

/* Everything is in the buffer now. */
static void place_properties(
    const struct mqtt_server *s, struct store_target *targets, size_t count)
{
	const uint8_t *at = buf_data(&s->properties);

	for (size_t i = 0; i < count; i++) {
		if (targets[i].properties.data || targets[i].properties.len == 0)
			continue;
		targets[i].properties.data = at;
		at += targets[i].properties.len;
	}
}

/* As mqtt_session_plan, with the bounds of the store. */
static bool plan_target(struct mqtt_server *s, struct mqtt_session *session,
    const struct mqtt_out *o, struct store_target *target)
{
	if (!has_room(s, o) || mqtt_session_plan(&s->sessions, session, o, &target->packet_id) < 0)
		return false;
	if (put_properties(s, o, target))
		return true;
	session->plan = 0;
	return false;
}

/* What the session would get, if it gets it from the store. */
static bool plan_session(struct mqtt_server *s, const struct mqtt_clocks *clocks,
    struct mqtt_session *session, struct mqtt_out *o, struct store_target *ret)
{
	uint8_t ids[MQTT_IDS_MAX];

	if (o->qos == 0 || !session->is_stored ||
	    !mqtt_session_may_read(s, session, (struct span){ o->msg->bytes, o->msg->topic_len }))
		return false;
	mqtt_put_ids(&session->subs, o, ids);
	*ret = target_of(clocks, o->msg, session->queue_number);
	ret->qos = o->qos;
	ret->retain = o->retain;
	return plan_target(s, session, o, ret);
}

/* There is room for MQTT_SESSIONS_MAX targets. */
static size_t plan_sessions(struct mqtt_server *s, const struct mqtt_clocks *clocks,
    struct mqtt_msg *m, struct store_target *targets)
{
	struct subs_owner *o =
	    subs_match(&s->sessions.subs, mqtt_msg_topic(m), m->topic_len, mqtt_publisher_of(s, m));
	size_t count = 0;

	buf_clear(&s->properties);
	for (; o; o = o->match_next) {
		struct mqtt_out out = mqtt_out_of(m, o);

		count += plan_session(s, clocks, MQTT_LINK_OWNER(o, struct mqtt_session, subs),
		    &out, &targets[count]);
	}
	place_properties(s, targets, count);
	return count;
}

size_t mqtt_server_targets(struct mqtt_server *s, const struct mqtt_clocks *clocks,
    struct mqtt_msg *m, struct store_target targets[MQTT_TARGETS_MAX])
{
	const struct mqtt_out retained = { .msg = m };
	size_t count = 0;

	mqtt_sessions_plan(&s->sessions);
	s->is_retain_planned = false;
	if (m->qos > 0 && s->sessions.stored_count > 0)
		count = plan_sessions(s, clocks, m, targets);
	if (s->persist.store && m->retain && m->payload_len > 0 &&
	    mqtt_retain_has_room(&s->retain, m) && has_room(s, &retained)) {
		targets[count] = target_of(clocks, m, s->persist.retained);
		targets[count++].retain = true;
		s->is_retain_planned = true;
	}
	return count;
}

uint64_t mqtt_targets_copy(
    struct mqtt_server *s, struct mqtt_session *session, const struct mqtt_out *o, uint64_t seq)
{
	const struct mqtt_clocks none = { 0 };
	struct store *store = s->persist.store;
	struct store_target target = target_of(&none, o->msg, session->queue_number);
	struct store_entry e;
	uint64_t copy_seq = 0;

	mqtt_sessions_plan(&s->sessions);
	buf_clear(&s->properties);
	if (!store->ops->get(store, s->persist.retained, seq, &e) ||
	    !plan_target(s, session, o, &target))
		return 0;
	place_properties(s, &target, 1);
	target.qos = o->qos;
	target.retain = true;
	target.expires_ms = e.expires_ms;
	(void)mqtt_persist_add(&s->persist, &target,
	    (struct span){ mqtt_msg_payload(o->msg), o->msg->payload_len }, e.accepted_ms,
	    &copy_seq);
	return copy_seq;
}
