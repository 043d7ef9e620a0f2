/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core between local clients and a store that misbehaves by script. There is no modem: what is
 * accepted waits.
 */
#include "bridge/core.h"
#include "bridge/core_query.h"
#include "unit/mqtt_notation.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ROOMY   1000000
#define WALL_MS INT64_C(1800000000000)
#define YEAR_MS (INT64_C(365) * 86400000)

/* What the store is to do next. */
static struct {
	int commit_error; /* 0: works */
	int add_error;
	int remove_error;
	unsigned commits;
	unsigned sweeps;
	unsigned waits;      /* calls that would have to wait if a commit were under way */
	uint64_t free_bytes; /* 0: plenty */
} script;

static int (*ram_remove)(struct store *s, unsigned queue, uint64_t seq);
static int (*ram_add)(struct store *s, uint64_t seq, int64_t accepted_ms, struct span payload,
    const struct store_target *targets, size_t count);

static int scripted_commit(struct store *s)
{
	(void)s;
	script.commits++;
	return script.commit_error;
}

static void scripted_sweep(struct store *s)
{
	(void)s;
	script.sweeps++;
}

static void count_wait(void *arg)
{
	(void)arg;
	script.waits++;
}

static int scripted_add(struct store *s, uint64_t seq, int64_t accepted_ms, struct span payload,
    const struct store_target *targets, size_t count)
{
	if (script.add_error)
		return script.add_error;
	return ram_add(s, seq, accepted_ms, payload, targets, count);
}

static int scripted_remove(struct store *s, unsigned queue, uint64_t seq)
{
	return script.remove_error ? script.remove_error : ram_remove(s, queue, seq);
}

static int scripted_free_bytes(struct store *s, uint64_t *ret)
{
	(void)s;
	*ret = script.free_bytes ? script.free_bytes : UINT64_MAX;
	return 0;
}

static const struct route_config cloud_routes[] = {
	{ .pattern = "both/#",
	    .direction = ROUTE_OUT,
	    .qos = 2,
	    .local_prefix = "",
	    .remote_prefix = "site/" },
	{ .pattern = "last/#",
	    .direction = ROUTE_OUT,
	    .qos = 1,
	    .local_prefix = "",
	    .remote_prefix = "",
	    .keep_last = true },
	{ .pattern = "cloud/#",
	    .direction = ROUTE_OUT,
	    .qos = 1,
	    .local_prefix = "",
	    .remote_prefix = "" },
	{ .pattern = "old/#",
	    .direction = ROUTE_OUT,
	    .qos = 1,
	    .ttl_s = 60,
	    .local_prefix = "",
	    .remote_prefix = "" },
};

static const struct route_config plant_routes[] = {
	{ .pattern = "both/#",
	    .direction = ROUTE_OUT,
	    .qos = 1,
	    .local_prefix = "",
	    .remote_prefix = "" },
};

struct fixture {
	struct core_config cfg;
	struct store *store; /* what the test sees */
	struct store *gate;  /* what the core gets */
	struct store_ops ops;
	struct core *core;
	uint64_t now_ms;
	uint32_t client;
	bool is_paused;
	bool is_closed;
	bool is_commit_slow; /* it ends when the test says so */
	bool is_committing;
	bool has_exited;
	unsigned logs[LOG_CODE_COUNT];
	char log_detail[LOG_DETAIL_MAX]; /* of the last one */
	uint8_t got[4096];               /* from the daemon, not looked at yet */
	size_t got_len;
};

static void fill_config(struct core_config *cfg)
{
	static const char *const names[] = { "cloud", "plant" };

	*cfg = (struct core_config){
		.modem = { .device = "/dev/none", .pdp_type = "IP" },
		.broker_count = 2,
		.listener_count = 1,
		.log_level = LOG_LEVEL_DEBUG,
	};
	for (size_t i = 0; i < 2; i++) {
		cfg->brokers[i].link = (struct broker_config){
			.name = names[i],
			.host = "h",
			.port = 1883,
			.client_id = names[i],
			.keepalive_s = 60,
			.reconnect_min_ms = 1000,
			.reconnect_max_ms = 60000,
		};
	}
	cfg->brokers[0].routes = cloud_routes;
	cfg->brokers[0].route_count = 4;
	cfg->brokers[1].routes = plant_routes;
	cfg->brokers[1].route_count = 1;
	cfg->listeners[0].mqtt =
	    (struct mqtt_listener){ .address = "unix:x", .allow_anonymous = true };
	cfg->store.max_bytes = ROOMY;
}

/* The commit that is under way. */
static void end_commit(struct fixture *f)
{
	assert_true(f->is_committing);
	f->is_committing = false;
	core_store_done(f->core, f->now_ms, f->store->ops->commit(f->store));
}

static void on_commit(struct fixture *f)
{
	assert_false(f->is_committing);
	f->is_committing = true;
	if (!f->is_commit_slow)
		end_commit(f);
}

static void act(struct fixture *f, const struct action *a)
{
	if (a->type == ACTION_LOG) {
		f->logs[a->log.code]++;
		memcpy(f->log_detail, a->log.detail, sizeof(f->log_detail));
	} else if (a->type == ACTION_CLIENT_PAUSE)
		f->is_paused = true;
	else if (a->type == ACTION_CLIENT_RESUME)
		f->is_paused = false;
	else if (a->type == ACTION_CLIENT_CLOSE)
		f->is_closed = true;
	else if (a->type == ACTION_EXIT)
		f->has_exited = true;
	else if (a->type == ACTION_STORE_COMMIT)
		on_commit(f);
}

/* Settle, do what is to be done, and read what was written. The second time for what had to wait
 * until the first was done. */
static void settle(struct fixture *f)
{
	struct action a;
	struct buf *out;

	for (int i = 0; i < 6; i++) {
		core_settle(f->core, f->now_ms);
		while (core_next_action(f->core, &a))
			act(f, &a);
		if (core_deadline(f->core) <= f->now_ms)
			core_tick(f->core, f->now_ms);
	}
	out = core_client_out(f->core, f->client);
	if (!out || buf_len(out) == 0)
		return;
	assert_true(buf_len(out) <= sizeof(f->got) - f->got_len);
	memcpy(f->got + f->got_len, buf_data(out), buf_len(out));
	f->got_len += buf_len(out);
	buf_consume(out, buf_len(out));
	core_client_sent(f->core, f->now_ms, f->client);
}

/* Bytes in the notation of the MQTT tests. */
static void send_bytes(struct fixture *f, const char *notation)
{
	static uint8_t bytes[NOTATION_MAX];
	size_t len = notation_read(notation, bytes);

	core_client_rx(f->core, f->now_ms, f->client, bytes, len);
	settle(f);
}

/* Exactly these bytes came since the last look; "": nothing. */
static void expect_bytes(struct fixture *f, const char *notation)
{
	static uint8_t bytes[NOTATION_MAX];
	size_t len = notation_read(notation, bytes);

	assert_int_equal(f->got_len, len);
	if (len > 0)
		assert_memory_equal(f->got, bytes, len);
	f->got_len = 0;
}

static void pass_time(struct fixture *f, uint64_t ms)
{
	uint64_t end_ms = f->now_ms + ms;

	while (core_deadline(f->core) <= end_ms) {
		if (core_deadline(f->core) > f->now_ms)
			f->now_ms = core_deadline(f->core);
		core_tick(f->core, f->now_ms);
		settle(f);
	}
	f->now_ms = end_ms;
}

static void start(struct fixture *f)
{
	f->core = core_new(&f->cfg, f->gate, 1, f->now_ms, "test");
	assert_non_null(f->core);
	assert_int_equal(core_client_new(f->core, f->now_ms, 0, &f->client), 0);
	send_bytes(f, "10{ s'MQTT' 04 02 00 00 s'c' }");
	expect_bytes(f, "20 02 00 00");
}

/* The daemon dies, and the machine is started again. */
static void start_again(struct fixture *f)
{
	core_free(f->core);
	f->now_ms = 500;
	start(f);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	memset(&script, 0, sizeof(script));
	fill_config(&f->cfg);
	f->store = store_ram_new(ROOMY);
	f->ops = *f->store->ops;
	ram_add = f->ops.add;
	f->ops.commit = scripted_commit;
	ram_remove = f->ops.remove;
	f->ops.add = scripted_add;
	f->ops.remove = scripted_remove;
	f->ops.sweep = scripted_sweep;
	f->ops.free_bytes = scripted_free_bytes;
	f->store->ops = &f->ops;
	f->gate = store_gate_new(f->store, count_wait, NULL);
	assert_non_null(f->gate);
	f->now_ms = 1000;
	start(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	core_free(f->core);
	store_free(f->gate);
	store_free(f->store);
	free(f);
	return 0;
}

static struct store_usage waiting(struct fixture *f, unsigned client)
{
	struct store_usage u;

	core_queue_usage(f->core, client, &u);
	return u;
}

static uint64_t dropped(struct fixture *f, unsigned client, enum drop_reason reason)
{
	return core_get_counters(f->core, client)->dropped[reason];
}

/* Another client, with a session that outlives its connection; gone again. */
static void add_sleeper(struct fixture *f)
{
	uint32_t publisher = f->client;

	assert_int_equal(core_client_new(f->core, f->now_ms, 0, &f->client), 0);
	send_bytes(f, "10{ s'MQTT' 04 00 00 00 s'sleeper' } 82{ 00 01 s'#' 02 }");
	expect_bytes(f, "20 02 00 00 90 03 00 01 02");
	core_client_gone(f->core, f->now_ms, f->client);
	f->client = publisher;
	settle(f);
	script.commits = 0;
}

static struct store_usage stored(struct fixture *f)
{
	struct store_usage u;

	core_store_usage(f->core, &u);
	return u;
}

/* ---- acknowledged is durable ---- */

static void test_commit_before_acknowledgement(void **state)
{
	struct fixture *f = *state;

	send_bytes(f, "32{ s'cloud/a' 00 01 'x' }");
	expect_bytes(f, "40 02 00 01");
	assert_int_equal(script.commits, 1);
	assert_int_equal(waiting(f, 0).messages, 1);
	/* Nothing durable changed: nothing to commit. */
	send_bytes(f, "30{ s'cloud/a' 'x' }");
	assert_int_equal(script.commits, 1);
}

static void end_commit_and_settle(struct fixture *f)
{
	end_commit(f);
	settle(f);
}

/* A slow disk holds up what has to be durable, and nothing else. */
static void test_slow_commit(void **state)
{
	struct fixture *f = *state;

	send_bytes(f, "82{ 00 09 s'local' 01 }");
	expect_bytes(f, "90 03 00 09 01");
	f->is_commit_slow = true;
	send_bytes(f, "32{ s'cloud/a' 00 01 'x' }");
	assert_true(f->is_committing);
	/* QoS 0, to clients and to brokers, and a sign of life. */
	send_bytes(f, "30{ s'local' 'y' } 30{ s'cloud/a' 'y' } c0 00");
	expect_bytes(f, "30{ s'local' 'y' } d0 00");
	assert_int_equal(waiting(f, 0).messages, 2);
	/* QoS 1 that goes to nobody's disk: delivered, and acknowledged in its turn. */
	send_bytes(f, "32{ s'local' 00 02 'z' }");
	expect_bytes(f, "32{ s'local' 00 01 'z' }");
	end_commit_and_settle(f);
	expect_bytes(f, "40 02 00 01 40 02 00 02");
	assert_false(f->is_committing);
	assert_int_equal(script.commits, 1);
}

/* It is in the next commit, and acknowledged after that one. */
static void test_message_during_a_commit(void **state)
{
	struct fixture *f = *state;

	f->is_commit_slow = true;
	send_bytes(f, "32{ s'cloud/a' 00 01 'x' }");
	script.waits = 0;
	send_bytes(f, "32{ s'cloud/a' 00 02 'y' } 34{ s'cloud/a' 00 03 'z' }");
	send_bytes(f, "c0 00");
	expect_bytes(f, ""); /* in order: the client is held */
	assert_false(f->is_paused);
	assert_int_equal(waiting(f, 0).messages, 1);
	assert_int_equal(script.waits, 0);
	end_commit_and_settle(f);
	expect_bytes(f, "40 02 00 01 d0 00");
	assert_true(f->is_committing);
	assert_int_equal(waiting(f, 0).messages, 3);
	end_commit_and_settle(f);
	expect_bytes(f, "40 02 00 02 50 02 00 03");
	assert_int_equal(script.commits, 2);
}

/* What needs no place in a broker's queue needs the store all the same. */
static void test_store_is_needed(void **state)
{
	static const struct {
		const char *bytes;
		const char *answer;
	} rows[] = {
		{ "31{ s'local' 'x' }", "" },                 /* is to be retained */
		{ "31{ s'local' }", "" },                     /* no longer */
		{ "30{ s'last/a' 'x' }", "" },                /* takes the place of others */
		{ "32{ s'kept' 00 05 'x' }", "40 02 00 05" }, /* for a session in the store */
	};
	struct fixture *f = *state;
	uint32_t client = f->client, keeper;
	static uint8_t bytes[NOTATION_MAX];

	assert_int_equal(core_client_new(f->core, f->now_ms, 0, &keeper), 0);
	f->client = keeper;
	send_bytes(f, "10{ s'MQTT' 04 00 00 00 s'k' } 82{ 00 09 s'kept' 01 }");
	expect_bytes(f, "20 02 00 00 90 03 00 09 01");
	f->client = client;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		f->is_commit_slow = true;
		send_bytes(f, "32{ s'cloud/a' 00 01 'x' }");
		assert_true(f->is_committing);
		script.waits = 0;
		send_bytes(f, rows[i].bytes);
		send_bytes(f, "c0 00");
		expect_bytes(f, "");
		assert_int_equal(script.waits, 0);
		f->is_commit_slow = false;
		end_commit_and_settle(f);
		settle(f);
		assert_true(f->got_len >= 6);
		assert_memory_equal(f->got, "\x40\x02\x00\x01\xd0\x00", 6);
		memmove(f->got, f->got + 6, f->got_len - 6);
		f->got_len -= 6;
		expect_bytes(f, rows[i].answer);
	}
	/* The session itself: SUBSCRIBE waits, what the client acknowledged leaves later. */
	f->is_commit_slow = true;
	send_bytes(f, "32{ s'cloud/a' 00 01 'x' }");
	expect_bytes(f, "");
	script.waits = 0;
	core_client_rx(f->core, f->now_ms, keeper, bytes,
	    notation_read("40 02 00 01 82{ 00 0a s'more' 01 } c0 00", bytes));
	f->client = keeper;
	f->got_len = 0;
	settle(f);
	expect_bytes(f, "32{ s'kept' 00 01 'x' }");
	assert_int_equal(script.waits, 0);
	end_commit_and_settle(f);
	expect_bytes(f, "d0 00");
	end_commit_and_settle(f);
	expect_bytes(f, "90 03 00 0a 01");
}

static void test_connect_during_a_commit(void **state)
{
	struct fixture *f = *state;
	uint32_t client = f->client;

	f->is_commit_slow = true;
	send_bytes(f, "32{ s'cloud/a' 00 01 'x' }");
	assert_int_equal(core_client_new(f->core, f->now_ms, 0, &f->client), 0);
	send_bytes(f, "10{ s'MQTT' 04 02 00 00 s'clean' }");
	expect_bytes(f, "20 02 00 00");
	assert_int_equal(core_client_new(f->core, f->now_ms, 0, &f->client), 0);
	script.waits = 0;
	send_bytes(f, "10{ s'MQTT' 04 00 00 00 s'kept' }");
	/* It is not told that it took too long. */
	pass_time(f, 60000);
	expect_bytes(f, "");
	assert_false(f->is_closed);
	assert_int_equal(script.waits, 0);
	end_commit_and_settle(f);
	expect_bytes(f, "20 02 00 00");
	f->client = client;
	settle(f);
	expect_bytes(f, "40 02 00 01");
}

/* Nothing that waited is acknowledged, or lost. */
static void test_slow_commit_fails(void **state)
{
	struct fixture *f = *state;

	f->is_commit_slow = true;
	send_bytes(f, "32{ s'cloud/a' 00 01 'x' }");
	send_bytes(f, "32{ s'cloud/a' 00 02 'y' }");
	script.commit_error = -EIO;
	script.add_error = -EIO; /* as the disk does it then */
	end_commit_and_settle(f);
	expect_bytes(f, "");
	assert_false(f->is_committing);
	assert_int_equal(f->logs[LOG_STORE_FAILED], 1);
	pass_time(f, 1500);
	assert_true(f->is_committing);
	script.commit_error = 0;
	script.add_error = 0;
	end_commit_and_settle(f);
	expect_bytes(f, "40 02 00 01");
	end_commit_and_settle(f);
	expect_bytes(f, "40 02 00 02");
	assert_int_equal(waiting(f, 0).messages, 2);
}

static void test_stop_during_a_commit(void **state)
{
	struct fixture *f = *state;

	f->is_commit_slow = true;
	send_bytes(f, "32{ s'cloud/a' 00 01 'x' }");
	core_shutdown(f->core, f->now_ms);
	settle(f);
	core_client_gone(f->core, f->now_ms, f->client);
	pass_time(f, 60000);
	assert_false(f->has_exited);
	end_commit_and_settle(f);
	if (f->is_committing) /* the time is noted once more */
		end_commit_and_settle(f);
	assert_true(f->has_exited);
}

/* For the watchdog: all else goes on, and that is no good sign. */
static void test_commit_that_never_ends(void **state)
{
	struct fixture *f = *state;

	f->is_commit_slow = true;
	send_bytes(f, "32{ s'cloud/a' 00 01 'x' }");
	assert_false(core_is_stuck(f->core, f->now_ms + 15000));
	assert_true(core_is_stuck(f->core, f->now_ms + 25000));
	end_commit_and_settle(f);
	assert_false(core_is_stuck(f->core, f->now_ms + 25000));
}

/* A client that sends on and on while it is held is paused. */
static void test_much_during_a_commit(void **state)
{
	struct fixture *f = *state;

	f->is_commit_slow = true;
	send_bytes(f, "32{ s'cloud/a' 00 01 'x' }");
	send_bytes(f, "32{ s'cloud/a' 00 02 'y'*9000 }");
	assert_false(f->is_paused);
	send_bytes(f, "32{ s'cloud/a' 00 03 'y'*9000 }");
	assert_true(f->is_paused);
	f->is_commit_slow = false;
	end_commit_and_settle(f);
	assert_false(f->is_paused);
	expect_bytes(f, "40 02 00 01 40 02 00 02 40 02 00 03");
}

/* More than the store takes in one transaction without a sync of its own: 256 KiB, with what it
 * notes of each message. */
static void test_much_in_one_turn(void **state)
{
	static const struct {
		const char *message;
		unsigned count, least, most;
	} rows[] = {
		{ "32{ s'cloud/a' 00 01 'x'*9000 }", 32, 15, 29 },
		{ "32{ s'cloud/a' 00 01 'x' }", 1000, 500, 999 },
	};
	static uint8_t bytes[NOTATION_MAX];
	struct fixture *f = *state;
	uint64_t before = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = notation_read(rows[i].message, bytes);

		f->is_commit_slow = true;
		for (unsigned k = 0; k < rows[i].count; k++)
			core_client_rx(f->core, f->now_ms, f->client, bytes, len);
		settle(f);
		assert_in_range(waiting(f, 0).messages - before, rows[i].least, rows[i].most);
		f->is_commit_slow = false;
		end_commit_and_settle(f);
		before += rows[i].count;
		assert_int_equal(waiting(f, 0).messages, before);
		f->got_len = 0;
	}
}

/* Publishers that come by turns share a sync from then on; who says no more is not waited for long.
 */
static void test_publishers_share_a_commit(void **state)
{
	struct fixture *f = *state;
	uint32_t first = f->client, second;

	assert_int_equal(core_client_new(f->core, f->now_ms, 0, &second), 0);
	f->client = second;
	send_bytes(f, "10{ s'MQTT' 04 02 00 00 s'second' }");
	expect_bytes(f, "20 02 00 00");
	f->is_commit_slow = true;
	for (unsigned i = 0; i < 2; i++) {
		f->client = first;
		send_bytes(f, "32{ s'cloud/a' 00 01 'x' }");
		assert_true(f->is_committing);
		f->client = second;
		send_bytes(f, "32{ s'cloud/a' 00 02 'x' }");
		f->now_ms += 10;
		f->client = first;
		end_commit_and_settle(f);
		expect_bytes(f, "40 02 00 01");
		assert_false(f->is_committing);
		if (i == 0)
			send_bytes(f, "32{ s'cloud/a' 00 03 'x' }");
		else
			pass_time(f, 2);
		assert_true(f->is_committing);
		end_commit_and_settle(f);
		expect_bytes(f, i == 0 ? "40 02 00 03" : "");
		f->client = second;
		settle(f);
		expect_bytes(f, "40 02 00 02");
		assert_false(f->is_committing);
	}
}

static void test_one_commit_for_all_of_a_turn(void **state)
{
	struct fixture *f = *state;

	send_bytes(
	    f, "32{ s'cloud/a' 00 01 'x' } 32{ s'cloud/b' 00 02 'x' } 34{ s'cloud/c' 00 03 'x' }");
	expect_bytes(f, "40 02 00 01 40 02 00 02 50 02 00 03");
	assert_int_equal(script.commits, 1);
}

/* What was retired leaves the disk once in a while, however often others are committed, or with the
 * last commit. */
static void test_swept_once_in_a_while(void **state)
{
	struct fixture *f = *state;

	send_bytes(f, "31{ s'local' 'x' }");
	for (int i = 0; i < 9; i++) {
		send_bytes(f, "32{ s'cloud/b' 00 01 'x' }");
		pass_time(f, 100);
	}
	assert_int_equal(script.commits, 9);
	assert_int_equal(script.sweeps, 0);
	pass_time(f, 100);
	assert_int_equal(script.commits, 10);
	assert_int_equal(script.sweeps, 1);
	pass_time(f, 5000);
	assert_int_equal(script.commits, 10);
	send_bytes(f, "31{ s'local' 'y' }");
	core_shutdown(f->core, f->now_ms);
	pass_time(f, 100000);
	assert_true(f->has_exited);
	assert_int_equal(script.sweeps, 2);
}

static void test_failing_commit(void **state)
{
	struct fixture *f = *state;

	script.commit_error = -EIO;
	send_bytes(f, "32{ s'cloud/a' 00 01 'x' }");
	expect_bytes(f, "");
	pass_time(f, 5000);
	expect_bytes(f, "");
	assert_int_equal(f->logs[LOG_STORE_FAILED], 1); /* said once */
	assert_true(script.commits >= 3);
	assert_true(script.commits <= 10); /* and not in a frenzy */
	send_bytes(f, "34{ s'cloud/a' 00 02 'y' }");
	expect_bytes(f, "");
	script.commit_error = 0;
	pass_time(f, 2000);
	expect_bytes(f, "40 02 00 01 50 02 00 02");
	assert_int_equal(waiting(f, 0).messages, 2);
}

/* What cannot be stored is not acknowledged, and its publisher waits. */
static void test_failing_add(void **state)
{
	struct fixture *f = *state;

	script.add_error = -EIO;
	send_bytes(f, "32{ s'cloud/a' 00 01 'x' }");
	expect_bytes(f, "");
	assert_true(f->is_paused);
	pass_time(f, 3000);
	expect_bytes(f, "");
	script.add_error = 0;
	pass_time(f, 2000);
	expect_bytes(f, "40 02 00 01");
	assert_false(f->is_paused);
	assert_int_equal(waiting(f, 0).messages, 1);
}

/* ---- a full store ---- */

static void test_block(void **state)
{
	struct fixture *f = *state;
	struct store_entry e;

	f->gate->max_bytes = 100;
	send_bytes(f, "32{ s'cloud/a' 00 01 'x'*80 }");
	expect_bytes(f, "40 02 00 01");
	send_bytes(f, "32{ s'cloud/a' 00 02 'y'*80 } 32{ s'cloud/a' 00 03 'z' } c0 00");
	expect_bytes(f, "");
	assert_true(f->is_paused);
	assert_int_equal(f->logs[LOG_STORE_FULL], 1);
	assert_int_equal(dropped(f, 0, DROP_FULL), 0);
	/* A paused client is not told to be silent too long, and it is tried again now and then. */
	pass_time(f, 10000);
	assert_true(f->is_paused);
	assert_true(f->store->ops->head(f->store, 0, &e));
	assert_int_equal(f->store->ops->remove(f->store, 0, e.seq), 0);
	pass_time(f, 2000);
	expect_bytes(f, "d0 00 40 02 00 02 40 02 00 03");
	assert_false(f->is_paused);
	assert_false(f->is_closed);
	assert_int_equal(waiting(f, 0).messages, 2);
}

/* What is too old makes room; no jump of the wall clock makes it so. */
static void test_expired_makes_room(void **state)
{
	static const int64_t jumps[] = { 10 * YEAR_MS, -10 * YEAR_MS, -WALL_MS, 10 * YEAR_MS, 0 };
	struct fixture *f = *state;

	f->gate->max_bytes = 100;
	core_set_wall(f->core, f->now_ms, WALL_MS, true);
	send_bytes(f, "32{ s'old/a' 00 01 'x'*80 }");
	expect_bytes(f, "40 02 00 01");
	send_bytes(f, "32{ s'old/a' 00 02 'y'*80 }");
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		core_set_wall(f->core, f->now_ms, WALL_MS + jumps[i], i % 2);
		pass_time(f, 10000);
		expect_bytes(f, "");
		assert_int_equal(dropped(f, 0, DROP_EXPIRED), 0);
	}
	core_set_wall(f->core, f->now_ms, 0, true);
	pass_time(f, 10000);
	expect_bytes(f, "40 02 00 02");
	assert_int_equal(dropped(f, 0, DROP_EXPIRED), 1);
	assert_int_equal(waiting(f, 0).messages, 1);
}

/* What the store does not let go of is not lost, and not counted before it is. */
static void test_counted_when_it_is_gone(void **state)
{
	struct fixture *f = *state;

	f->gate->max_bytes = 100;
	send_bytes(f, "32{ s'old/a' 00 01 'x'*80 }");
	expect_bytes(f, "40 02 00 01");
	script.remove_error = -EIO;
	pass_time(f, 61000);
	send_bytes(f, "32{ s'old/a' 00 02 'y'*80 }");
	pass_time(f, 10000);
	assert_int_equal(dropped(f, 0, DROP_EXPIRED), 0);
	assert_int_equal(f->logs[LOG_MESSAGE_DROPPED], 0);
	script.remove_error = 0;
	pass_time(f, 2000);
	expect_bytes(f, "40 02 00 02");
	assert_int_equal(dropped(f, 0, DROP_EXPIRED), 1);
	assert_int_equal(f->logs[LOG_MESSAGE_DROPPED], 1);
}

/* While no daemon runs the wall clock is believed if it is right on both sides, and only then. */
static void test_time_off(void **state)
{
	static const struct {
		bool was_right;
		int64_t wall_ms; /* at the start */
		bool is_right;
		unsigned expired;
	} rows[] = {
		{ true, WALL_MS + 59000, true, 0 },
		{ true, WALL_MS + 61000, true, 1 },
		{ true, WALL_MS + 61000, false, 0 },
		{ false, WALL_MS + 61000, true, 0 },
		{ true, WALL_MS + 10 * YEAR_MS, false, 0 },
		{ true, WALL_MS - 10 * YEAR_MS, true, 0 },
		{ true, 0, true, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *fresh = NULL;
		struct fixture *f;

		setup(&fresh);
		f = fresh;
		f->gate->max_bytes = 100;
		core_set_wall(f->core, f->now_ms, WALL_MS, rows[i].was_right);
		send_bytes(f, "32{ s'old/a' 00 01 'x'*80 }");
		expect_bytes(f, "40 02 00 01");
		start_again(f);
		core_set_wall(f->core, f->now_ms, rows[i].wall_ms, rows[i].is_right);
		send_bytes(f, "32{ s'old/a' 00 02 'y'*80 }");
		assert_int_equal(dropped(f, 0, DROP_EXPIRED), rows[i].expired);
		expect_bytes(f, rows[i].expired ? "40 02 00 02" : "");
		pass_time(f, 61000);
		assert_int_equal(dropped(f, 0, DROP_EXPIRED), 1);
		teardown(&fresh);
	}
	(void)state;
}

/* Little is free on the disk: as if the store were full, said once, and over when there is more. */
static void test_disk_low(void **state)
{
	struct fixture *f = *state;

	send_bytes(f, "32{ s'cloud/a' 00 01 'x' }");
	expect_bytes(f, "40 02 00 01");
	pass_time(f, 1000);
	script.free_bytes = STORE_FREE_MIN - 1;
	send_bytes(f, "32{ s'cloud/a' 00 02 'x' }");
	expect_bytes(f, "");
	assert_true(f->is_paused);
	pass_time(f, 10000);
	assert_int_equal(f->logs[LOG_STORE_FULL], 1);
	/* No flicker. */
	script.free_bytes = STORE_FREE_MIN;
	pass_time(f, 10000);
	expect_bytes(f, "");
	script.free_bytes = 2 * STORE_FREE_MIN;
	pass_time(f, 2000);
	expect_bytes(f, "40 02 00 02");
	assert_false(f->is_paused);
	assert_int_equal(f->logs[LOG_STORE_FULL], 2);
	assert_int_equal(waiting(f, 0).messages, 2);
	assert_int_equal(dropped(f, 0, DROP_FULL), 0);
}

/* The file must not grow: another message has to go for it. */
static void test_disk_low_drop_oldest(void **state)
{
	struct fixture *f = *state;

	f->cfg.store.overflow = STORE_DROP_OLDEST;
	send_bytes(f, "32{ s'cloud/a' 00 01 'x'*10 } 32{ s'cloud/a' 00 02 'x'*10 }");
	expect_bytes(f, "40 02 00 01 40 02 00 02");
	pass_time(f, 1000);
	script.free_bytes = 1;
	send_bytes(f, "32{ s'cloud/a' 00 03 'x'*11 } 32{ s'cloud/a' 00 04 'x' }");
	expect_bytes(f, "40 02 00 03 40 02 00 04");
	assert_int_equal(dropped(f, 0, DROP_FULL), 3);
	assert_int_equal(waiting(f, 0).messages, 1);
}

/* What a local session is to keep makes the file grow as well. */
static void test_disk_low_for_local_sessions(void **state)
{
	struct fixture *f = *state;

	add_sleeper(f);
	pass_time(f, 1000);
	script.free_bytes = STORE_FREE_MIN - 1;
	send_bytes(f, "32{ s'local' 00 01 'x' }");
	expect_bytes(f, "40 02 00 01");
	assert_int_equal(stored(f).messages, 0);
	assert_int_equal(f->logs[LOG_STORE_FULL], 1);
	pass_time(f, 1000);
	script.free_bytes = 2 * STORE_FREE_MIN;
	send_bytes(f, "32{ s'local' 00 02 'x' }");
	expect_bytes(f, "40 02 00 02");
	assert_int_equal(stored(f).messages, 1);
	assert_int_equal(f->logs[LOG_STORE_FULL], 2);
}

static void test_drop_oldest(void **state)
{
	struct fixture *f = *state;
	struct store_entry e;

	f->cfg.store.overflow = STORE_DROP_OLDEST;
	f->gate->max_bytes = 200;
	send_bytes(f, "32{ s'cloud/a' 00 01 '1'*80 } 32{ s'cloud/a' 00 02 '2'*80 }");
	send_bytes(f, "32{ s'cloud/a' 00 03 '3'*80 }");
	expect_bytes(f, "40 02 00 01 40 02 00 02 40 02 00 03");
	assert_false(f->is_paused);
	assert_int_equal(dropped(f, 0, DROP_FULL), 1);
	assert_int_equal(f->logs[LOG_MESSAGE_DROPPED], 1);
	assert_int_equal(waiting(f, 0).messages, 2);
	assert_true(f->store->ops->head(f->store, 0, &e));
	assert_int_equal(e.payload.data[0], '2');
}

/* Dead letters must not keep living messages out for ever. */
static void test_dead_letters_give_way(void **state)
{
	struct fixture *f = *state;

	f->gate->max_bytes = 15000;
	send_bytes(f, "32{ s'cloud/a' 00 01 'x'*11000 }");
	expect_bytes(f, "40 02 00 01");
	assert_int_equal(waiting(f, 0).dead_letters, 1);
	send_bytes(f, "32{ s'cloud/a' 00 02 'y'*5000 }");
	expect_bytes(f, "40 02 00 02");
	assert_int_equal(waiting(f, 0).messages, 1);
	assert_int_equal(waiting(f, 0).dead_letters, 0);
	assert_int_equal(f->logs[LOG_MESSAGE_DROPPED], 1);
}

/* QoS 0 is bounded by number, and goes oldest first. */
static void test_qos0_is_bounded(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < BRIDGE_QOS0_MAX + 3; i++)
		send_bytes(f, "30{ s'cloud/a' 'x' }");
	assert_int_equal(waiting(f, 0).messages, BRIDGE_QOS0_MAX);
	assert_int_equal(dropped(f, 0, DROP_FULL), 3);
	assert_int_equal(script.commits, 0);
}

/* Who waits for its message is told when it had to go for others. */
static void test_waiter_of_qos0_is_told(void **state)
{
	static const char call[] = "{\"method\":\"io.cmqttd.Publish\",\"parameters\":{\"topic\":"
				   "\"cloud/a\",\"payload\":\"x\",\"qos\":0,\"wait\":true}}";
	const struct ctl_peer admin = { .is_admin = true };
	struct fixture *f = *state;
	struct buf *out;
	uint32_t conn;

	assert_int_equal(core_ctl_new(f->core, f->now_ms, &admin, &conn), 0);
	core_ctl_rx(f->core, f->now_ms, conn, (const uint8_t *)call, sizeof(call));
	settle(f);
	out = core_ctl_out(f->core, conn);
	for (int i = 1; i < BRIDGE_QOS0_MAX; i++)
		send_bytes(f, "30{ s'cloud/a' 'x' }");
	assert_int_equal(buf_len(out), 0);
	send_bytes(f, "30{ s'cloud/a' 'x' }");
	assert_non_null(strstr((const char *)buf_data(out), "NotDelivered"));
}

/* What is published by hand is on disk when that is said. */
static void test_published_by_hand_after_the_commit(void **state)
{
	static const char call[] = "{\"method\":\"io.cmqttd.Publish\",\"parameters\":{\"topic\":"
				   "\"cloud/a\",\"payload\":\"x\",\"qos\":1}}";
	const struct ctl_peer admin = { .is_admin = true };
	struct fixture *f = *state;
	struct buf *out;
	uint32_t conn;

	script.commit_error = -EIO;
	assert_int_equal(core_ctl_new(f->core, f->now_ms, &admin, &conn), 0);
	core_ctl_rx(f->core, f->now_ms, conn, (const uint8_t *)call, sizeof(call));
	settle(f);
	pass_time(f, 5000);
	out = core_ctl_out(f->core, conn);
	assert_int_equal(buf_len(out), 0);
	script.commit_error = 0;
	pass_time(f, 2000);
	assert_string_equal((const char *)buf_data(out), "{\"parameters\":{}}");
	assert_int_equal(waiting(f, 0).messages, 1);
}

/* As for local clients, topics with $ are the server's own; a broker may have others. */
static void test_published_by_hand_under_dollar(void **state)
{
	static const struct span topic = { (const uint8_t *)"$SYS/x", 6 };
	struct fixture *f = *state;

	send_bytes(f, "82{ 00 09 s'$SYS/x' 00 }");
	expect_bytes(f, "90 03 00 09 00");
	assert_int_equal(
	    core_publish(f->core, f->now_ms, 1, -1, topic, topic, 0, true, false), -EINVAL);
	assert_int_equal(core_publish(f->core, f->now_ms, 1, 0, topic, topic, 0, true, false), 0);
	settle(f);
	expect_bytes(f, "");
	assert_int_equal(waiting(f, 0).messages, 1);
}

/* What comes while a commit is under way is not in it. */
static void test_published_by_hand_during_a_commit(void **state)
{
	static const char call[] = "{\"method\":\"io.cmqttd.Publish\",\"parameters\":{\"topic\":"
				   "\"cloud/a\",\"payload\":\"x\",\"qos\":1}}";
	const struct ctl_peer admin = { .is_admin = true };
	struct fixture *f = *state;
	uint32_t conn;

	f->is_commit_slow = true;
	send_bytes(f, "32{ s'cloud/a' 00 01 'x' }");
	assert_int_equal(core_ctl_new(f->core, f->now_ms, &admin, &conn), 0);
	core_ctl_rx(f->core, f->now_ms, conn, (const uint8_t *)call, sizeof(call));
	end_commit_and_settle(f);
	expect_bytes(f, "40 02 00 01");
	assert_true(f->is_committing);
	assert_int_equal(buf_len(core_ctl_out(f->core, conn)), 0);
	end_commit_and_settle(f);
	assert_string_equal(
	    (const char *)buf_data(core_ctl_out(f->core, conn)), "{\"parameters\":{}}");
}

/* ---- what the modem cannot take ---- */

static void test_too_large(void **state)
{
	struct fixture *f = *state;
	struct store_entry e;

	send_bytes(f, "32{ s'cloud/a' 00 01 'x'*10240 } 32{ s'cloud/a' 00 02 'x'*10241 }");
	expect_bytes(f, "40 02 00 01 40 02 00 02");
	assert_int_equal(waiting(f, 0).messages, 1);
	assert_int_equal(waiting(f, 0).dead_letters, 1);
	assert_int_equal(core_get_counters(f->core, 0)->dead, 1);
	assert_int_equal(f->logs[LOG_MESSAGE_DEAD], 1);
	assert_true(f->store->ops->next(f->store, 0, true, 0, &e));
	assert_int_equal(e.payload.len, 10241);
	assert_non_null(strstr(e.reason, "10240"));
	/* At QoS 0 there is nothing to keep. */
	send_bytes(f, "30{ s'cloud/a' 'x'*10241 }");
	assert_int_equal(dropped(f, 0, DROP_TOO_LARGE), 1);
	assert_int_equal(waiting(f, 0).dead_letters, 1);
}

/* The remote name counts: its prefix makes it one byte too long for one broker, not for the other.
 */
static void test_topic_too_long_for_one(void **state)
{
	struct fixture *f = *state;
	char packet[MODEM_TOPIC_MAX + 64], topic[MODEM_TOPIC_MAX];
	size_t len = MODEM_TOPIC_MAX + 1 - strlen("site/");

	memset(topic, 't', sizeof(topic));
	memcpy(topic, "both/", 5);
	snprintf(packet, sizeof(packet), "32{ s'%.*s' 00 01 'x' }", (int)len, topic);
	send_bytes(f, packet);
	expect_bytes(f, "40 02 00 01");
	assert_int_equal(waiting(f, 0).messages, 0);
	assert_int_equal(waiting(f, 0).dead_letters, 1);
	assert_int_equal(waiting(f, 1).messages, 1);
	assert_int_equal(waiting(f, 1).dead_letters, 0);
}

/* ---- a publisher that can be told: MQTT 5.0 ---- */

/* From now on the fixture's client is another one, of MQTT 5.0, that wants no reasons as text. */
static void use_mqtt5(struct fixture *f)
{
	assert_int_equal(core_client_new(f->core, f->now_ms, 0, &f->client), 0);
	send_bytes(f, "10{ s'MQTT' 05 02 0000 02 17 00 s'v5' }");
	f->got_len = 0;
}

static void test_refused_when_full(void **state)
{
	struct fixture *f = *state;

	use_mqtt5(f);
	f->gate->max_bytes = 200;
	send_bytes(f, "32{ s'cloud/a' 0001 00 '1'*80 } 32{ s'cloud/a' 0002 00 '2'*80 }");
	expect_bytes(f, "40020001 40020002");
	send_bytes(f, "32{ s'cloud/a' 0003 00 '3'*80 } 34{ s'cloud/a' 0004 00 '4'*80 }");
	expect_bytes(f, "40{ 0003 97 } 50{ 0004 97 }");
	assert_false(f->is_paused);
	assert_int_equal(waiting(f, 0).messages, 2);
	/* What goes nowhere is taken all the same. */
	send_bytes(f, "32{ s'nowhere' 0005 00 '5'*80 }");
	expect_bytes(f, "40020005");
	f->gate->max_bytes = ROOMY;
	send_bytes(f, "34{ s'cloud/a' 0004 00 '4'*80 }");
	expect_bytes(f, "50020004");
	assert_int_equal(waiting(f, 0).messages, 3);
}

/* With drop-oldest, too, nobody is told that a message was taken of which nothing was kept: all
 * that waits is more important, or it is more than the store ever takes. */
static void test_refused_when_nothing_gives_way(void **state)
{
	struct fixture *f = *state;
	struct route_config important = cloud_routes[2];

	important.priority = 1;
	important.pattern = "important/#";
	f->cfg.brokers[1].routes = &important;
	f->cfg.store.overflow = STORE_DROP_OLDEST;
	f->gate->max_bytes = 200;
	send_bytes(f, "32{ s'important/a' 00 01 '1'*150 }");
	expect_bytes(f, "40 02 00 01");
	use_mqtt5(f);
	send_bytes(f, "32{ s'cloud/a' 0001 00 '2'*80 } 34{ s'cloud/a' 0002 00 '3'*300 }");
	expect_bytes(f, "40{ 0001 97 } 50{ 0002 97 }");
	assert_int_equal(waiting(f, 0).messages + waiting(f, 1).messages, 1);
	assert_int_equal(dropped(f, 0, DROP_FULL) + dropped(f, 0, DROP_TOO_LARGE), 0);
	/* QoS 0, which has no answer, is not concerned. */
	send_bytes(f, "30{ s'cloud/a' 00 '4'*80 }");
	expect_bytes(f, "");
	assert_int_equal(waiting(f, 0).messages, 1);
}

static void test_refused_when_failing(void **state)
{
	struct fixture *f = *state;

	use_mqtt5(f);
	script.add_error = -EIO;
	send_bytes(f, "32{ s'cloud/a' 0001 00 'x' }");
	expect_bytes(f, "40{ 0001 83 }");
	assert_false(f->is_paused);
}

/* No dead letter, and nothing for the broker that could have had it. */
static void test_refused_too_large(void **state)
{
	char packet[MODEM_TOPIC_MAX + 64], topic[MODEM_TOPIC_MAX];
	size_t len = MODEM_TOPIC_MAX + 1 - strlen("site/");
	struct fixture *f = *state;

	use_mqtt5(f);
	send_bytes(f, "32{ s'cloud/a' 0001 00 'x'*10240 } 32{ s'cloud/a' 0002 00 'x'*10241 }");
	expect_bytes(f, "40020001 40{ 0002 83 }");
	memset(topic, 't', sizeof(topic));
	memcpy(topic, "both/", 5);
	snprintf(packet, sizeof(packet), "34{ s'%.*s' 0003 00 'x' }", (int)len, topic);
	send_bytes(f, packet);
	expect_bytes(f, "50{ 0003 90 }");
	assert_int_equal(waiting(f, 0).messages, 1);
	assert_int_equal(waiting(f, 1).messages, 0);
	assert_int_equal(waiting(f, 0).dead_letters, 0);
	/* Where the modem has no part in it there is no such limit. */
	send_bytes(f, "32{ s'nowhere' 0004 00 'x'*10241 }");
	expect_bytes(f, "40020004");
	/* At QoS 0 nobody can be told. */
	send_bytes(f, "30{ s'cloud/a' 00 'x'*10241 }");
	expect_bytes(f, "");
	assert_int_equal(dropped(f, 0, DROP_TOO_LARGE), 1);
}

/* A modem comes that says OK to everything, how it reports errors, and what it is. */
static void be_model(struct fixture *f, const char *model)
{
	struct buf *out = core_tty_out(f->core);

	core_tty_up(f->core, f->now_ms);
	for (int i = 0; i < 100 && modem_get_status(core_get_modem(f->core))->state != MODEM_SIM;
	     i++) {
		const char *command;
		char answer[64];
		bool is_silent;

		settle(f);
		assert_int_equal(buf_append_u8(out, '\0'), 0);
		command = (const char *)buf_data(out);
		snprintf(answer, sizeof(answer), "\r\n%s\r\n\r\nOK\r\n",
		    strstr(command, "CGMM")    ? model
		    : strstr(command, "CMEE?") ? "+CMEE: 0"
					       : "");
		is_silent = buf_len(out) == 1;
		buf_clear(out);
		if (is_silent)
			pass_time(f, core_deadline(f->core) - f->now_ms);
		else
			core_tty_rx(f->core, f->now_ms, (const uint8_t *)answer, strlen(answer));
	}
	assert_string_equal(modem_get_status(core_get_modem(f->core))->model, model);
}

/* Not every modem takes as much as a SIM7600. */
static void test_limit_of_the_modem(void **state)
{
	struct fixture *f = *state;
	struct store_entry e;

	be_model(f, "SIM7670E");
	send_bytes(f, "32{ s'cloud/a' 00 01 'x'*4096 } 32{ s'cloud/a' 00 02 'x'*4097 }");
	expect_bytes(f, "40 02 00 01 40 02 00 02");
	assert_int_equal(waiting(f, 0).messages, 1);
	assert_true(f->store->ops->next(f->store, 0, true, 0, &e));
	assert_non_null(strstr(e.reason, "4096"));
	assert_int_equal(core_retry_message(f->core, f->now_ms, 0, 0, e.seq), -E2BIG);
	use_mqtt5(f);
	send_bytes(f, "32{ s'cloud/a' 0001 00 'x'*4096 } 32{ s'cloud/a' 0002 00 'x'*4097 }");
	expect_bytes(f, "40020001 40{ 0002 83 }");
	send_bytes(f, "30{ s'cloud/a' 00 'x'*4097 }");
	assert_int_equal(dropped(f, 0, DROP_TOO_LARGE), 1);
}

/* The message's own time and the route's ttl: whichever ends first. */
static void test_message_expiry(void **state)
{
	static const struct {
		const char *packet;
		int64_t left_ms; /* 0: for ever */
	} rows[] = {
		{ "32{ s'cloud/a' 0001 00 'x' }", 0 },
		{ "32{ s'cloud/a' 0001 05 02 0000000a 'x' }", 10000 },
		{ "32{ s'old/a' 0001 00 'x' }", 60000 },
		{ "32{ s'old/a' 0001 05 02 0000000a 'x' }", 10000 },
		{ "32{ s'old/a' 0001 05 02 00000100 'x' }", 60000 },
	};
	struct fixture *f = *state;
	uint64_t seq = 0;

	use_mqtt5(f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct store_entry e;

		send_bytes(f, rows[i].packet);
		expect_bytes(f, "40020001");
		assert_true(f->store->ops->next(f->store, 0, false, seq, &e));
		seq = e.seq;
		assert_int_equal(
		    e.expires_ms, rows[i].left_ms ? e.accepted_ms + rows[i].left_ms : 0);
	}
}

/* ---- two brokers ---- */

static void test_both_brokers_share_one_message(void **state)
{
	struct fixture *f = *state;
	struct store_entry cloud, plant;
	struct store_usage total;

	send_bytes(f, "34{ s'both/a' 00 01 'x'*100 }");
	expect_bytes(f, "50 02 00 01");
	assert_true(f->store->ops->head(f->store, 0, &cloud));
	assert_true(f->store->ops->head(f->store, 1, &plant));
	assert_int_equal(cloud.seq, plant.seq);
	assert_int_equal(cloud.qos, 2);
	assert_int_equal(plant.qos, 1); /* the route's limit */
	assert_memory_equal(cloud.topic.data, "site/both/a", cloud.topic.len);
	assert_memory_equal(plant.topic.data, "both/a", plant.topic.len);
	core_store_usage(f->core, &total);
	assert_int_equal(total.messages, 2);
	assert_int_equal(total.bytes, 100 + strlen("site/both/a") + strlen("both/a"));
}

/* All of it is held, or nothing: no broker gets it twice when it is offered again. */
static void test_held_for_both(void **state)
{
	struct fixture *f = *state;

	script.add_error = -ENOSPC;
	send_bytes(f, "32{ s'both/a' 00 01 'x' }");
	pass_time(f, 5000);
	assert_int_equal(waiting(f, 0).messages, 0);
	assert_int_equal(waiting(f, 1).messages, 0);
	script.add_error = 0;
	pass_time(f, 2000);
	expect_bytes(f, "40 02 00 01");
	assert_int_equal(waiting(f, 0).messages, 1);
	assert_int_equal(waiting(f, 1).messages, 1);
}

/* ---- keep_last ---- */

static void test_keep_last(void **state)
{
	struct fixture *f = *state;
	struct store_entry e;

	send_bytes(
	    f, "32{ s'last/a' 00 01 '1' } 32{ s'last/b' 00 02 '2' } 32{ s'last/a' 00 03 '3' }");
	expect_bytes(f, "40 02 00 01 40 02 00 02 40 02 00 03");
	assert_int_equal(waiting(f, 0).messages, 2);
	assert_int_equal(dropped(f, 0, DROP_SUPERSEDED), 1);
	assert_true(f->store->ops->head(f->store, 0, &e));
	assert_int_equal(e.payload.data[0], '2');
	/* What is held supersedes nothing. */
	script.add_error = -ENOSPC;
	send_bytes(f, "32{ s'last/b' 00 04 '4' }");
	assert_int_equal(waiting(f, 0).messages, 2);
	assert_int_equal(dropped(f, 0, DROP_SUPERSEDED), 1);
}

/* ---- local clients ---- */

/* A message is delivered locally when it is accepted, whether or not a broker is up; once. */
static void test_local_delivery(void **state)
{
	struct fixture *f = *state;

	send_bytes(f, "82{ 00 09 s'#' 00 }");
	expect_bytes(f, "90 03 00 09 00");
	send_bytes(f, "32{ s'cloud/a' 00 01 'x' }");
	expect_bytes(f, "30{ s'cloud/a' 'x' } 40 02 00 01");
	send_bytes(f, "30{ s'nowhere' 'y' }");
	expect_bytes(f, "30{ s'nowhere' 'y' }");
	assert_int_equal(waiting(f, 0).messages, 1);
	script.add_error = -ENOSPC;
	send_bytes(f, "32{ s'cloud/a' 00 02 'z' }");
	expect_bytes(f, "");
	script.add_error = 0;
	pass_time(f, 2000);
	expect_bytes(f, "30{ s'cloud/a' 'z' } 40 02 00 02");
}

/* What is known of the modem is in the local topic when it is known, not only when the state
 * changes. */
static void test_modem_topic(void **state)
{
	static const char registered[] = "\r\n+CEREG: 1\r\n\r\n";
	struct fixture *f = *state;

	send_bytes(f, "82{ 00 09 s'$SYS/cmqttd/modem' 00 }");
	expect_bytes(f, "90 03 00 09 00 31{ s'$SYS/cmqttd/modem'"
			" '{\"state\":\"absent\",\"model\":null,\"operator\":null,"
			"\"technology\":null,\"rssi_dbm\":null,\"registered\":false}' }");
	core_tty_up(f->core, f->now_ms);
	settle(f);
	f->got_len = 0;
	core_tty_rx(f->core, f->now_ms, (const uint8_t *)registered, strlen(registered));
	settle(f);
	expect_bytes(f, "30{ s'$SYS/cmqttd/modem'"
			" '{\"state\":\"syncing\",\"model\":null,\"operator\":null,"
			"\"technology\":null,\"rssi_dbm\":null,\"registered\":true}' }");
	core_tty_rx(f->core, f->now_ms, (const uint8_t *)registered, strlen(registered));
	settle(f);
	expect_bytes(f, "");
}

/* Whoever is sent away is named in the log, as far as he said who he is, and why. */
static void test_log_of_closed_clients(void **state)
{
	static const struct {
		const char *bytes;
		const char *detail;
	} rows[] = {
		{ "'GET / HTTP/1.1'", "one without a name violated the protocol" },
		{ "10{ s'MQTT' 06 02 00 00 s'a' }",
		    "one without a name was refused: unknown protocol version" },
		{ "10{ s'MQTT' 04 00 00 00 s'' }",
		    "one without a name was refused: bad client identifier" },
		{ "10{ s'MQTT' 04 02 00 00 s'a' } 30{ s'a/#' }",
		    "a violated the protocol: not a topic name" },
		{ "10{ s'MQTT' 04 02 00 00 s'a' } 10{ s'MQTT' 04 02 00 00 s'a' }",
		    "a violated the protocol" },
		{ "10{ s'MQTT' 05 02 00 00 00 s'a' } 30{ s'' 00 }", "a violated the protocol" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(core_client_new(f->core, f->now_ms, 0, &f->client), 0);
		f->log_detail[0] = '\0';
		send_bytes(f, rows[i].bytes);
		assert_string_equal(f->log_detail, rows[i].detail);
		core_client_gone(f->core, f->now_ms, f->client);
		settle(f);
	}
}

static void test_log_of_anonymous_clients(void **state)
{
	struct fixture *f = *state;

	core_free(f->core);
	f->cfg.listeners[0].mqtt.allow_anonymous = false;
	f->core = core_new(&f->cfg, f->gate, 1, f->now_ms, "test");
	settle(f);
	assert_int_equal(core_client_new(f->core, f->now_ms, 0, &f->client), 0);
	send_bytes(f, "10{ s'MQTT' 04 02 00 00 s'thief' }");
	assert_string_equal(f->log_detail, "thief was refused: bad user name or password");
}

static void test_log_of_too_many_clients(void **state)
{
	struct fixture *f = *state;
	uint32_t client;

	for (int i = 1; i < MQTT_CLIENTS_MAX; i++)
		assert_int_equal(core_client_new(f->core, f->now_ms, 0, &client), 0);
	settle(f);
	assert_int_equal(f->logs[LOG_CLIENT_CLOSED], 0);
	assert_int_equal(core_client_new(f->core, f->now_ms, 0, &client), -EMFILE);
	settle(f);
	assert_int_equal(f->logs[LOG_CLIENT_CLOSED], 1);
}

/* The next action that the shell has for a reload. */
static struct action next_reload(struct fixture *f)
{
	struct action a;

	do
		assert_true(core_next_action(f->core, &a));
	while (a.type != ACTION_RELOAD && a.type != ACTION_RELOAD_TRIAL);
	return a;
}

/* A reload whose caller went away is still one when another one only asks what it would do, and
 * each is told of what it asked for. */
static void test_reload_and_trial_in_one_turn(void **state)
{
	static const char call[] = "{\"method\":\"io.cmqttd.Reload\"}";
	static const char trial[] =
	    "{\"method\":\"io.cmqttd.Reload\",\"parameters\":{\"dry_run\":true}}";
	const struct ctl_peer admin = { .is_admin = true };
	const struct reload_plan plan = { .count = 0 };
	struct fixture *f = *state;
	uint32_t gone, there;
	struct action a;

	assert_int_equal(core_ctl_new(f->core, f->now_ms, &admin, &gone), 0);
	assert_int_equal(core_ctl_new(f->core, f->now_ms, &admin, &there), 0);
	core_ctl_rx(f->core, f->now_ms, gone, (const uint8_t *)call, sizeof(call));
	core_settle(f->core, f->now_ms);
	core_ctl_gone(f->core, f->now_ms, gone);
	core_ctl_rx(f->core, f->now_ms, there, (const uint8_t *)trial, sizeof(trial));
	core_settle(f->core, f->now_ms);

	a = next_reload(f);
	assert_int_equal(a.type, ACTION_RELOAD);
	assert_int_equal(a.id, gone);
	core_reload_done(f->core, f->now_ms, a.id, "not this one", &plan);
	assert_int_equal(buf_len(core_ctl_out(f->core, there)), 0);
	a = next_reload(f);
	assert_int_equal(a.type, ACTION_RELOAD_TRIAL);
	assert_int_equal(a.id, there);
	core_reload_done(f->core, f->now_ms, a.id, "", &plan);
	settle(f);
	assert_non_null(
	    strstr((const char *)buf_data(core_ctl_out(f->core, there)), "\"changes\":[]"));
}

static void test_stop_without_modem(void **state)
{
	struct fixture *f = *state;
	struct action a;
	bool has_exit = false;

	send_bytes(f, "32{ s'cloud/a' 00 01 'x' }");
	core_shutdown(f->core, f->now_ms);
	for (int i = 0; i < 20 && !has_exit; i++) {
		core_settle(f->core, f->now_ms);
		while (core_next_action(f->core, &a)) {
			has_exit = has_exit || a.type == ACTION_EXIT;
			if (a.type == ACTION_CLIENT_CLOSE)
				core_client_gone(f->core, f->now_ms, a.id);
			else
				act(f, &a);
		}
		f->now_ms += 500;
		core_tick(f->core, f->now_ms);
	}
	assert_true(has_exit);
	assert_int_equal(waiting(f, 0).messages, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* ---- local sessions in the store ---- */

/* One body for the broker, the session and what is retained; the last of these waits for nobody. */
static void test_stored_once(void **state)
{
	struct fixture *f = *state;
	uint64_t before = stored(f).bytes;

	add_sleeper(f);
	send_bytes(f, "33{ s'cloud/a' 00 01 'x'*1000 }");
	expect_bytes(f, "40 02 00 01");
	assert_int_equal(script.commits, 1);
	assert_int_equal(stored(f).messages, 2);
	assert_int_equal(stored(f).bytes - before, 3 * strlen("cloud/a") + 1000);
}

/* A local session holds nobody for want of room, but nothing is acknowledged while the disk fails.
 */
static void test_local_session_holds_nobody(void **state)
{
	struct fixture *f = *state;

	add_sleeper(f);
	script.add_error = -ENOSPC;
	send_bytes(f, "32{ s'local' 00 01 'x' }");
	expect_bytes(f, "40 02 00 01");
	assert_int_equal(stored(f).messages, 0);
	assert_int_equal(f->logs[LOG_STORE_FULL], 0);
	script.add_error = -EIO;
	send_bytes(f, "32{ s'local' 00 02 'y' }");
	expect_bytes(f, "");
	assert_true(f->is_paused);
	script.add_error = 0;
	f->now_ms += 1000;
	core_tick(f->core, f->now_ms);
	settle(f);
	expect_bytes(f, "40 02 00 02");
	assert_int_equal(stored(f).messages, 1);
}

/* Nobody was promised a retained message of QoS 0: it needs no sync of its own. */
static void test_retained_qos0_is_committed_later(void **state)
{
	struct fixture *f = *state;

	send_bytes(f, "31{ s'local' 'x' }");
	assert_int_equal(script.commits, 0);
	f->now_ms += 1000;
	core_tick(f->core, f->now_ms);
	settle(f);
	assert_int_equal(script.commits, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_stored_once),
		TEST(test_local_session_holds_nobody),
		TEST(test_retained_qos0_is_committed_later),
		TEST(test_commit_before_acknowledgement),
		TEST(test_slow_commit),
		TEST(test_message_during_a_commit),
		TEST(test_store_is_needed),
		TEST(test_connect_during_a_commit),
		TEST(test_slow_commit_fails),
		TEST(test_stop_during_a_commit),
		TEST(test_commit_that_never_ends),
		TEST(test_much_during_a_commit),
		TEST(test_much_in_one_turn),
		TEST(test_publishers_share_a_commit),
		TEST(test_one_commit_for_all_of_a_turn),
		TEST(test_swept_once_in_a_while),
		TEST(test_failing_commit),
		TEST(test_failing_add),
		TEST(test_block),
		TEST(test_expired_makes_room),
		TEST(test_counted_when_it_is_gone),
		cmocka_unit_test(test_time_off),
		TEST(test_disk_low),
		TEST(test_disk_low_drop_oldest),
		TEST(test_disk_low_for_local_sessions),
		TEST(test_drop_oldest),
		TEST(test_dead_letters_give_way),
		TEST(test_qos0_is_bounded),
		TEST(test_waiter_of_qos0_is_told),
		TEST(test_published_by_hand_after_the_commit),
		TEST(test_published_by_hand_during_a_commit),
		TEST(test_published_by_hand_under_dollar),
		TEST(test_too_large),
		TEST(test_topic_too_long_for_one),
		TEST(test_refused_when_full),
		TEST(test_refused_when_nothing_gives_way),
		TEST(test_refused_when_failing),
		TEST(test_refused_too_large),
		TEST(test_limit_of_the_modem),
		TEST(test_message_expiry),
		TEST(test_both_brokers_share_one_message),
		TEST(test_held_for_both),
		TEST(test_keep_last),
		TEST(test_local_delivery),
		TEST(test_modem_topic),
		TEST(test_log_of_closed_clients),
		TEST(test_log_of_anonymous_clients),
		TEST(test_log_of_too_many_clients),
		TEST(test_reload_and_trial_in_one_turn),
		TEST(test_stop_without_modem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
