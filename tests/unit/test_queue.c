/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core's queues by hand, and how the room of the store is shared out. There is no modem: what
 * is accepted waits, and a publish is under way when the test says so.
 */
#include "bridge/core_priv.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ROOMY   1000000
#define CLOUD   0
#define PLANT   1
#define CONN    1 /* a control connection */
#define WALL_MS INT64_C(1777623330250)

/* What the store does. */
static struct {
	int commit_error; /* 0: works */
	bool is_slow;     /* a commit goes on until the test ends it */
	bool is_committing;
	unsigned commits;
} script;

static int scripted_commit(struct store *s)
{
	(void)s;
	script.commits++;
	return script.commit_error;
}

#define ROUTE_TO(filter, level)                                                            \
	{                                                                                  \
		.pattern = (filter), .direction = ROUTE_OUT, .qos = 1, .local_prefix = "", \
		.remote_prefix = "", .priority = (level)                                   \
	}

static const struct route_config cloud_routes[] = {
	{ .pattern = "both/#",
	    .direction = ROUTE_OUT,
	    .qos = 1,
	    .local_prefix = "",
	    .remote_prefix = "site/",
	    .ttl_s = 60 },
	ROUTE_TO("p0/#", 0),
	{ .pattern = "in/#",
	    .direction = ROUTE_IN,
	    .local_prefix = "",
	    .remote_prefix = "",
	    .priority = 7 },
	ROUTE_TO("p3/#", 3),
	ROUTE_TO("p7/#", 7),
};

/* Without the priorities; that of a route that leads in does not count. */
#define EQUAL_ROUTES 3

static const struct route_config plant_routes[] = { ROUTE_TO("both/#", 0) };

struct fixture {
	struct core_config cfg;
	struct store *store;
	struct store_ops ops;
	struct core *core;
	uint64_t now_ms;
	unsigned logs[LOG_CODE_COUNT];
	char last_control[LOG_DETAIL_MAX]; /* detail of the last LOG_CONTROL_CHANGE */
	char last_orphans[LOG_DETAIL_MAX]; /* the same of LOG_STORE_ORPHANS */
};

static void fill_broker(
    struct core_broker *b, const char *name, const struct route_config *routes, size_t route_count)
{
	b->link = (struct broker_config){
		.name = name,
		.host = "h",
		.port = 1883,
		.client_id = name,
		.keepalive_s = 60,
		.reconnect_min_ms = 1000,
		.reconnect_max_ms = 60000,
	};
	b->routes = routes;
	b->route_count = route_count;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	memset(&script, 0, sizeof(script));
	f->cfg = (struct core_config){ .modem = { .device = "/dev/none", .pdp_type = "IP" },
		.broker_count = 2 };
	fill_broker(&f->cfg.brokers[CLOUD], "cloud", cloud_routes, 5);
	fill_broker(&f->cfg.brokers[PLANT], "plant", plant_routes, 1);
	f->store = store_ram_new(ROOMY);
	f->ops = *f->store->ops;
	f->ops.commit = scripted_commit;
	f->store->ops = &f->ops;
	f->now_ms = 1000;
	f->core = core_new(&f->cfg, f->store, 1, f->now_ms, "test");
	assert_non_null(f->core);
	core_set_wall(f->core, f->now_ms, WALL_MS, true);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	core_free(f->core);
	store_free(f->store);
	free(f);
	return 0;
}

static void end_commit(struct fixture *f)
{
	script.is_committing = false;
	core_store_done(f->core, f->now_ms, f->store->ops->commit(f->store));
}

static void act(struct fixture *f, const struct action *a)
{
	if (a->type == ACTION_STORE_COMMIT)
		script.is_committing = true;
	if (script.is_committing && !script.is_slow)
		end_commit(f);
	if (a->type != ACTION_LOG)
		return;
	f->logs[a->log.code]++;
	if (a->log.code == LOG_CONTROL_CHANGE)
		memcpy(f->last_control, a->log.detail, sizeof(f->last_control));
	if (a->log.code == LOG_STORE_ORPHANS)
		memcpy(f->last_orphans, a->log.detail, sizeof(f->last_orphans));
}

/* End the turn. The second time for what had to wait until the first was done. */
static void settle(struct fixture *f)
{
	struct action a;

	for (int i = 0; i < 4; i++) {
		core_settle(f->core, f->now_ms);
		while (core_next_action(f->core, &a))
			act(f, &a);
		if (core_deadline(f->core) <= f->now_ms)
			core_tick(f->core, f->now_ms);
	}
}

static int publish(struct fixture *f, const char *topic, uint8_t qos, size_t size)
{
	static const uint8_t payload[MODEM_PAYLOAD_MAX];
	int r = core_publish(f->core, f->now_ms, CONN, -1, span_of(topic, strlen(topic)),
	    (struct span){ payload, size }, qos, false, false);

	settle(f);
	return r == -EINPROGRESS ? 0 : r;
}

/* The same, and its number. */
static uint64_t accept(struct fixture *f, const char *topic, uint8_t qos)
{
	assert_int_equal(publish(f, topic, qos, 5), 0);
	return f->core->last_seq;
}

static void bury(struct fixture *f, unsigned client, uint64_t id)
{
	assert_int_equal(
	    f->ops.bury(f->store, f->core->outbox[client].durable_queue, id, "bad"), 0);
}

static struct queued_message get(struct fixture *f, unsigned client, uint64_t id)
{
	struct queued_message m;

	assert_true(core_get_message(f->core, client, id, &m));
	return m;
}

static bool is_there(struct fixture *f, unsigned client, uint64_t id)
{
	struct queued_message m;

	return core_get_message(f->core, client, id, &m);
}

static uint64_t dropped(struct fixture *f, enum drop_reason reason)
{
	return core_get_counters(f->core, CLOUD)->dropped[reason];
}

static uint64_t waiting(struct fixture *f)
{
	struct store_usage u;

	core_queue_usage(f->core, CLOUD, &u);
	return u.messages;
}

/* ---- look ---- */

/* In order of acceptance, wherever they are: on disk, in memory, dead. */
static void test_walk(void **state)
{
	struct fixture *f = *state;
	uint64_t first = accept(f, "p7/a", 1);
	uint64_t memory = accept(f, "p0/b", 0);
	uint64_t both = accept(f, "both/c", 1);
	uint64_t dead = accept(f, "p0/d", 1);
	struct queued_message m;

	bury(f, CLOUD, dead);
	assert_int_equal(core_next_message(f->core, CLOUD, 0), first);
	assert_int_equal(core_next_message(f->core, CLOUD, first), memory);
	assert_int_equal(core_next_message(f->core, CLOUD, memory), both);
	assert_int_equal(core_next_message(f->core, CLOUD, both), dead);
	assert_int_equal(core_next_message(f->core, CLOUD, dead), 0);
	assert_int_equal(core_next_message(f->core, PLANT, 0), both);
	assert_int_equal(core_next_message(f->core, PLANT, both), 0);

	m = get(f, CLOUD, first);
	assert_false(m.is_in_memory || m.is_in_flight || m.entry.reason);
	assert_int_equal(m.entry.priority, 7);
	assert_int_equal(m.entry.accepted_ms, WALL_MS);
	m = get(f, CLOUD, memory);
	assert_true(m.is_in_memory);
	assert_int_equal(m.entry.qos, 0);
	m = get(f, CLOUD, dead);
	assert_string_equal(m.entry.reason, "bad");
	m = get(f, CLOUD, both);
	assert_memory_equal(m.entry.topic.data, "site/both/c", m.entry.topic.len);
	m = get(f, PLANT, both);
	assert_memory_equal(m.entry.topic.data, "both/c", m.entry.topic.len);
	assert_false(is_there(f, PLANT, first));
}

/* ---- drop ---- */

static void test_drop_waiting(void **state)
{
	struct fixture *f = *state;
	uint64_t id = accept(f, "both/a", 1);
	unsigned commits = script.commits;

	assert_int_equal(core_drop_message(f->core, f->now_ms, CONN, CLOUD, id), -EINPROGRESS);
	assert_false(is_there(f, CLOUD, id));
	assert_true(is_there(f, PLANT, id)); /* the other broker's stays */
	assert_int_equal(dropped(f, DROP_BY_HAND), 1);
	settle(f);
	assert_int_equal(script.commits, commits + 1); /* in this turn */
	assert_int_equal(f->logs[LOG_MESSAGE_DROPPED], 0);
	assert_int_equal(core_drop_message(f->core, f->now_ms, CONN, CLOUD, id), -ENOENT);
	assert_int_equal(core_drop_message(f->core, f->now_ms, CONN, CLOUD, id + 1), -ENOENT);
	assert_int_equal(dropped(f, DROP_BY_HAND), 1);
}

static void test_drop_in_memory(void **state)
{
	struct fixture *f = *state;
	uint64_t id = accept(f, "p0/a", 0);
	unsigned commits = script.commits;

	assert_int_equal(core_drop_message(f->core, f->now_ms, CONN, CLOUD, id), 0);
	assert_int_equal(waiting(f), 0);
	assert_int_equal(dropped(f, DROP_BY_HAND), 1);
	settle(f);
	assert_int_equal(script.commits, commits);
}

static void test_drop_dead(void **state)
{
	struct fixture *f = *state;
	uint64_t id = accept(f, "p0/a", 1);

	bury(f, CLOUD, id);
	assert_int_equal(core_drop_message(f->core, f->now_ms, CONN, CLOUD, id), -EINPROGRESS);
	assert_false(is_there(f, CLOUD, id));
	assert_int_equal(dropped(f, DROP_DEAD_LETTER), 1);
}

/* What the modem has cannot be called back, whichever queue it is from. */
static void test_drop_in_flight(void **state)
{
	struct fixture *f = *state;

	for (uint8_t qos = 0; qos < 2; qos++) {
		uint64_t id = accept(f, "p0/a", qos), next = accept(f, "p0/b", qos);
		struct outbox *o = &f->core->outbox[CLOUD];
		int done = qos > 0 ? -EINPROGRESS : 0;
		struct modem_publish p;

		assert_int_equal(outbox_begin(o, &p), 0);
		assert_true(get(f, CLOUD, id).is_in_flight);
		assert_false(get(f, CLOUD, next).is_in_flight);
		assert_int_equal(core_drop_message(f->core, f->now_ms, CONN, CLOUD, id), -EBUSY);
		assert_true(is_there(f, CLOUD, id));
		assert_int_equal(core_drop_message(f->core, f->now_ms, CONN, CLOUD, next), done);
		settle(f);
		outbox_finish(o, SEND_RETRY, 0, 3, "");
		assert_false(get(f, CLOUD, id).is_in_flight);
		assert_int_equal(core_drop_message(f->core, f->now_ms, CONN, CLOUD, id), done);
		settle(f);
	}
}

/* ---- retry ---- */

static void test_retry(void **state)
{
	struct fixture *f = *state;
	uint64_t id = accept(f, "p0/a", 1), other = accept(f, "p0/b", 1);
	unsigned commits;

	assert_int_equal(
	    f->ops.mark(f->store, f->core->outbox[CLOUD].durable_queue, id, 3, false), 0);
	bury(f, CLOUD, id);
	commits = script.commits;
	assert_int_equal(core_retry_message(f->core, f->now_ms, CONN, CLOUD, other), -EALREADY);
	assert_int_equal(core_retry_message(f->core, f->now_ms, CONN, CLOUD, other + 1), -ENOENT);
	assert_int_equal(core_retry_message(f->core, f->now_ms, CONN, CLOUD, id), -EINPROGRESS);
	assert_null(get(f, CLOUD, id).entry.reason);
	assert_int_equal(get(f, CLOUD, id).entry.tries, 0);
	settle(f);
	assert_int_equal(script.commits, commits + 1);
	assert_int_equal(core_next_message(f->core, CLOUD, 0), id);
	assert_int_equal(waiting(f), 2);
	assert_int_equal(core_retry_message(f->core, f->now_ms, CONN, CLOUD, id), -EALREADY);
}

/* What the modem never takes stays where it is. */
static void test_retry_too_large(void **state)
{
	static char topic[MODEM_TOPIC_MAX + 1], payload[MODEM_PAYLOAD_MAX + 1];
	static const struct {
		size_t topic_len, payload_len;
		int result;
	} cases[] = {
		{ MODEM_TOPIC_MAX, MODEM_PAYLOAD_MAX, -EINPROGRESS },
		{ MODEM_TOPIC_MAX + 1, 1, -E2BIG },
		{ 1, MODEM_PAYLOAD_MAX + 1, -E2BIG },
	};
	struct fixture *f = *state;

	memset(topic, 't', sizeof(topic));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct store_target target = {
			.queue = f->core->outbox[CLOUD].durable_queue,
			.topic = span_of(topic, cases[i].topic_len),
			.qos = 1,
		};

		assert_int_equal(f->ops.add(f->store, i + 1, WALL_MS,
				     span_of(payload, cases[i].payload_len), &target, 1),
		    0);
		bury(f, CLOUD, i + 1);
		assert_int_equal(
		    core_retry_message(f->core, f->now_ms, CONN, CLOUD, i + 1), cases[i].result);
		assert_int_equal(
		    get(f, CLOUD, i + 1).entry.reason == NULL, cases[i].result == -EINPROGRESS);
	}
}

/* It would be dropped at once: to say so is better. */
static void test_retry_expired(void **state)
{
	struct fixture *f = *state;
	uint64_t id = accept(f, "both/a", 1);

	bury(f, CLOUD, id);
	/* Its ttl is time that passes, not what the clock shows. */
	core_set_wall(f->core, f->now_ms, WALL_MS + 600000, true);
	f->now_ms += 60000;
	assert_int_equal(core_retry_message(f->core, f->now_ms, CONN, CLOUD, id), -ETIME);
	assert_non_null(get(f, CLOUD, id).entry.reason);
	f->now_ms -= 1000;
	assert_int_equal(core_retry_message(f->core, f->now_ms, CONN, CLOUD, id), -EINPROGRESS);
}

/* ---- from the control socket ---- */

static void call(struct fixture *f, uint32_t conn, const char *text)
{
	core_ctl_rx(f->core, f->now_ms, conn, (const uint8_t *)text, strlen(text) + 1);
	settle(f);
}

/* The next message to the connection begins so. */
static void expect_answer(struct fixture *f, uint32_t conn, const char *begin)
{
	struct buf *out = core_ctl_out(f->core, conn);
	const char *text = (const char *)buf_data(out);

	assert_true(buf_len(out) > 0);
	if (strncmp(text, begin, strlen(begin)) != 0)
		fail_msg("%s", text);
	buf_consume(out, strlen(text) + 1);
	core_ctl_sent(f->core, f->now_ms, conn);
}

/* Who waits for a message is told that somebody dropped it, and the log has who that was. */
static void test_drop_is_told(void **state)
{
	const struct ctl_peer peer = { .uid = 4711, .pid = 99, .is_admin = true };
	struct fixture *f = *state;
	uint32_t waiter, operator;

	assert_int_equal(core_ctl_new(f->core, f->now_ms, &peer, &waiter), 0);
	assert_int_equal(core_ctl_new(f->core, f->now_ms, &peer, &operator), 0);
	call(f, waiter,
	    "{\"method\":\"io.cmqttd.Publish\","
	    "\"parameters\":{\"topic\":\"p0/a\",\"qos\":1,\"wait\":true}}");
	assert_int_equal(buf_len(core_ctl_out(f->core, waiter)), 0);
	call(f, operator, "{\"method\":\"io.cmqttd.DropMessage\",\"parameters\":{\"id\":1}}");
	expect_answer(f, operator, "{\"parameters\":{}}");
	expect_answer(f, waiter, "{\"error\":\"io.cmqttd.NotDelivered\"");
	assert_string_equal(f->last_control, "drop 1 of cloud (uid 4711, pid 99)");
	call(f, operator, "{\"method\":\"io.cmqttd.DropMessage\",\"parameters\":{\"id\":1}}");
	expect_answer(f, operator, "{\"error\":\"io.cmqttd.NoSuchMessage\"");
	assert_int_equal(f->logs[LOG_CONTROL_CHANGE], 1);
}

/* Somebody who may drop and retry, and messages 1 and 2, the second of them dead. */
static uint32_t let_in(struct fixture *f)
{
	const struct ctl_peer peer = { .uid = 0, .pid = 1, .is_admin = true };
	uint32_t conn;

	assert_int_equal(core_ctl_new(f->core, f->now_ms, &peer, &conn), 0);
	return conn;
}

static void fill_queue(struct fixture *f)
{
	accept(f, "p0/a", 1);
	bury(f, CLOUD, accept(f, "p0/b", 1));
	script.commits = 0;
}

#define DROP_1  "{\"method\":\"io.cmqttd.DropMessage\",\"parameters\":{\"id\":1}}"
#define RETRY_2 "{\"method\":\"io.cmqttd.RetryMessage\",\"parameters\":{\"id\":2}}"
#define DROP_2  "{\"method\":\"io.cmqttd.DropMessage\",\"parameters\":{\"id\":2}}"

static void expect_silence(struct fixture *f, uint32_t conn)
{
	assert_int_equal(buf_len(core_ctl_out(f->core, conn)), 0);
}

/* Two in one turn share a commit; what comes while it is under way is in the next. */
static void test_change_is_told_after_its_commit(void **state)
{
	struct fixture *f = *state;
	uint32_t first = let_in(f), second = let_in(f), third = let_in(f);

	fill_queue(f);
	script.is_slow = true;
	core_ctl_rx(f->core, f->now_ms, first, (const uint8_t *)DROP_1, sizeof(DROP_1));
	call(f, second, RETRY_2);
	expect_silence(f, first);
	expect_silence(f, second);
	call(f, third, DROP_2);
	end_commit(f);
	settle(f);
	expect_answer(f, first, "{\"parameters\":{}}");
	expect_answer(f, second, "{\"parameters\":{}}");
	expect_silence(f, third);
	end_commit(f);
	settle(f);
	expect_answer(f, third, "{\"parameters\":{}}");
	assert_int_equal(script.commits, 2);
}

/* As long as the disk fails nobody is told that it is done. Who goes meanwhile is not told. */
static void test_change_waits_for_the_disk(void **state)
{
	struct fixture *f = *state;
	uint32_t patient = let_in(f), hasty = let_in(f);

	fill_queue(f);
	script.commit_error = -EIO;
	call(f, patient, DROP_1);
	call(f, hasty, RETRY_2);
	for (int i = 0; i < 3; i++) {
		f->now_ms += CORE_STORE_RETRY_MS;
		settle(f);
	}
	assert_in_range(script.commits, 3, 8);
	expect_silence(f, patient);
	expect_silence(f, hasty);
	core_ctl_gone(f->core, f->now_ms, hasty);
	script.commit_error = 0;
	f->now_ms += CORE_STORE_RETRY_MS;
	settle(f);
	expect_answer(f, patient, "{\"parameters\":{}}");
	/* What is not on disk needs none. */
	accept(f, "p0/c", 0);
	script.is_slow = true;
	call(f, patient, "{\"method\":\"io.cmqttd.DropMessage\",\"parameters\":{\"id\":3}}");
	expect_answer(f, patient, "{\"parameters\":{}}");
}

/* ---- shares of the room ---- */

#define SIZE    100 /* of a message with a topic of 4 bytes and a payload of PAYLOAD */
#define PAYLOAD (SIZE - 4)

/* Publish until there is no room. Returns how many were taken. */
static size_t fill(struct fixture *f, const char *topic)
{
	size_t count = 0;

	while (publish(f, topic, 1, PAYLOAD) == 0)
		assert_in_range(++count, 0, 1000);
	return count;
}

/* An eighth of 5600 is 700: priority 0 leaves all of it, 3 four sevenths of it, 7 nothing. */
static void test_reserve(void **state)
{
	struct fixture *f = *state;

	f->store->max_bytes = 5600;
	assert_int_equal(fill(f, "p0/a"), 49);
	assert_int_equal(f->logs[LOG_STORE_FULL], 1);
	assert_int_equal(fill(f, "p3/a"), 3);
	assert_int_equal(publish(f, "p0/a", 1, PAYLOAD), -ENOSPC);
	assert_int_equal(fill(f, "p7/a"), 4);
	assert_int_equal(publish(f, "p7/a", 1, PAYLOAD), -ENOSPC);
	/* Said when the first one has to wait, and not again while that lasts. */
	assert_int_equal(f->logs[LOG_STORE_FULL], 1);
	assert_int_equal(dropped(f, DROP_FULL), 0);
	assert_int_equal(waiting(f), 49 + 3 + 4);
}

/* While publishers fill up whatever leaves, it is said once that the store is full, and once that
 * there is room again. */
static void test_full_is_said_once(void **state)
{
	struct fixture *f = *state;
	uint64_t seq;

	f->store->max_bytes = 5600;
	fill(f, "p7/a");
	for (int i = 0; i < 5; i++) {
		seq = core_next_message(f->core, CLOUD, 0);
		assert_int_equal(
		    core_drop_message(f->core, f->now_ms, CONN, CLOUD, seq), -EINPROGRESS);
		settle(f);
		assert_int_equal(fill(f, "p7/a"), 1);
	}
	assert_int_equal(f->logs[LOG_STORE_FULL], 1);
	while ((seq = core_next_message(f->core, CLOUD, 0)) > 0) {
		assert_int_equal(
		    core_drop_message(f->core, f->now_ms, CONN, CLOUD, seq), -EINPROGRESS);
		settle(f);
	}
	assert_int_equal(f->logs[LOG_STORE_FULL], 2);
	fill(f, "p7/a");
	assert_int_equal(f->logs[LOG_STORE_FULL], 3);
}

static void test_reserve_to_the_byte(void **state)
{
	struct fixture *f = *state;

	f->store->max_bytes = 800;
	assert_int_equal(publish(f, "p0/a", 1, 700 - 4 + 1), -ENOSPC);
	assert_int_equal(publish(f, "p0/a", 1, 700 - 4), 0);
	assert_int_equal(publish(f, "p7/a", 1, 100 - 4 + 1), -ENOSPC);
	assert_int_equal(publish(f, "p7/a", 1, 100 - 4), 0);
}

/* Where all have the same priority nothing is kept back. */
static void test_no_reserve_for_equals(void **state)
{
	struct fixture *f = *state;

	f->cfg.brokers[CLOUD].route_count = EQUAL_ROUTES;
	f->store->max_bytes = 5600;
	assert_int_equal(fill(f, "p0/a"), 56);
}

/* The low ones give way to the high ones, and to newer ones of their own kind; never the other way
 * round: then it is the new one that goes. */
static void test_drop_oldest(void **state)
{
	struct fixture *f = *state;
	const uint64_t first = 1;

	f->cfg.store.overflow = STORE_DROP_OLDEST;
	f->store->max_bytes = 800;
	for (int i = 0; i < 8; i++)
		assert_int_equal(publish(f, "p0/a", 1, PAYLOAD), 0);
	assert_int_equal(waiting(f), 7); /* its share */
	assert_int_equal(dropped(f, DROP_FULL), 1);
	assert_false(is_there(f, CLOUD, first));
	assert_int_equal(publish(f, "p7/a", 1, PAYLOAD), 0);
	assert_int_equal(waiting(f), 8); /* the reserve */
	assert_int_equal(dropped(f, DROP_FULL), 1);
	assert_int_equal(publish(f, "p7/a", 1, PAYLOAD), 0);
	assert_int_equal(dropped(f, DROP_FULL), 2);
	assert_false(is_there(f, CLOUD, first + 1));
	/* Beyond its share a low one takes the place of one low one, not of all. */
	assert_int_equal(publish(f, "p0/b", 1, PAYLOAD), 0);
	assert_int_equal(waiting(f), 8);
	assert_int_equal(dropped(f, DROP_FULL), 3);
	for (int i = 0; i < 6; i++)
		assert_int_equal(publish(f, "p7/a", 1, PAYLOAD), 0);
	assert_int_equal(dropped(f, DROP_FULL), 9);
	/* Nothing but high ones now. Who is told that his own was not taken need not be counted. */
	assert_int_equal(publish(f, "p0/c", 1, PAYLOAD), -ENOSPC);
	assert_int_equal(dropped(f, DROP_FULL), 9);
	assert_int_equal(waiting(f), 8);
	assert_int_equal(f->logs[LOG_STORE_FULL], 0);
}

/* What is larger than all of the store's room cannot be waited for: he is told, and nothing else
 * goes. */
static void test_larger_than_the_store(void **state)
{
	struct fixture *f = *state;

	accept(f, "p0/a", 1);
	f->store->max_bytes = 800;
	assert_int_equal(publish(f, "p7/a", 1, 800), -ENOSPC);
	assert_int_equal(dropped(f, DROP_TOO_LARGE), 0);
	assert_int_equal(waiting(f), 1);
}

/* A disk that fails is no reason to drop anything. */
static void test_nothing_dropped_while_failing(void **state)
{
	struct fixture *f = *state;
	uint64_t dead = accept(f, "p0/a", 1);

	bury(f, CLOUD, dead);
	f->cfg.store.overflow = STORE_DROP_OLDEST;
	script.commit_error = -EIO;
	assert_int_equal(publish(f, "p0/a", 1, PAYLOAD), 0);
	f->store->max_bytes = SIZE + 10;
	assert_int_equal(publish(f, "p0/a", 1, PAYLOAD - 50), -EIO);
	assert_int_equal(waiting(f), 1);
	assert_true(is_there(f, CLOUD, dead));
	assert_int_equal(dropped(f, DROP_FULL), 0);
}

/* Nobody sends them any more, and nobody may drop them: it is said, at a reload and at a start. */
static void test_broker_is_gone(void **state)
{
	struct fixture *f = *state;
	struct core_config renamed = f->cfg;

	accept(f, "p0/a", 1);
	bury(f, CLOUD, accept(f, "p0/b", 1));
	renamed.brokers[CLOUD].link.name = "other";
	assert_int_equal(core_reload(f->core, f->now_ms, &renamed), 0);
	settle(f);
	assert_int_equal(f->logs[LOG_STORE_ORPHANS], 1);
	core_free(f->core);
	f->core = core_new(&renamed, f->store, 1, f->now_ms, "test");
	assert_non_null(f->core);
	settle(f);
	assert_int_equal(f->logs[LOG_STORE_ORPHANS], 2);
	assert_string_equal(
	    f->last_orphans, "2 for cloud: it is not configured, and they stay until it is");
	assert_int_equal(waiting(f), 0);
	assert_int_equal(core_reload(f->core, f->now_ms, &f->cfg), 0);
	settle(f);
	assert_int_equal(f->logs[LOG_STORE_ORPHANS], 2);
	assert_int_equal(waiting(f), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_walk),
		TEST(test_drop_waiting),
		TEST(test_drop_in_memory),
		TEST(test_drop_dead),
		TEST(test_drop_in_flight),
		TEST(test_retry),
		TEST(test_retry_too_large),
		TEST(test_retry_expired),
		TEST(test_drop_is_told),
		TEST(test_change_is_told_after_its_commit),
		TEST(test_change_waits_for_the_disk),
		TEST(test_reserve),
		TEST(test_reserve_to_the_byte),
		TEST(test_full_is_said_once),
		TEST(test_no_reserve_for_equals),
		TEST(test_drop_oldest),
		TEST(test_larger_than_the_store),
		TEST(test_nothing_dropped_while_failing),
		TEST(test_broker_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
