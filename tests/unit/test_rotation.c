/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates exchanged by a reload, with the modem module against the simulated modem: the new
 * files beside the old ones, the old ones back when the new ones are refused, and none too many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "modem/session.h"
#include "modem_world.h"

static const struct modem_config modem_config = { .device = "/dev/null", .apn = "internet" };
static struct world w;

/* The broker sees how long the file is: that tells the sets apart. */
enum { OLD = 100, NEW = 200, NEWER = 300 };

static void set_broker(unsigned client, size_t ca_len)
{
	static uint8_t bytes[400];
	struct broker_config cfg = world_broker("cloud");

	cfg.port = 8883;
	cfg.is_tls = ca_len > 0;
	cfg.tls = (struct tls_config){ .ca = { bytes, ca_len }, .verify = true, .negotiate_s = 60 };
	cfg.reconnect_max_ms = 10000;
	memset(bytes, 'c', sizeof bytes);
	modem_set_broker(w.m, w.now, client, &cfg);
}

static int setup(void **state)
{
	(void)state;
	world_init(&w);
	modem_configure(w.m, w.now, &modem_config);
	set_broker(0, OLD);
	set_broker(1, 0);
	modem_set_trace(w.m, true);
	world_go_online(&w, 60000);
	w.traces[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(w.violations, 0);
	world_free(&w);
	return 0;
}

static bool has_rotated(struct world *world)
{
	return world->notices[MODEM_NOTICE_CERT_ROTATED] > 0;
}

static void new_files_that_work_replace_the_old_ones(void **state)
{
	(void)state;
	set_broker(0, NEW);
	assert_true(world_run_until(&w, has_rotated, 60000));
	assert_true(world_run_until(&w, world_both_online, 60000));
	world_run(&w, 2000);
	assert_int_equal(w.broker[0].ca_len, NEW);
	assert_int_equal(world_count_traced(&w, "AT+CCERTDOWN="), 1);
	assert_int_equal(world_count_traced(&w, "AT+CCERTDELE="), 1);
	/* Uploaded beside the old one, which goes when the new one has proved itself. */
	assert_true(strstr(w.traces, "AT+CCERTDOWN=") < strstr(w.traces, "AT+CMQTTCONNECT="));
	assert_true(strstr(w.traces, "AT+CMQTTCONNECT=") < strstr(w.traces, "AT+CCERTDELE="));
	assert_true(modem_can_publish(w.m, 0));
}

static void the_old_ones_come_back(void **state)
{
	(void)state;
	w.broker[0].connect_err = 32;
	set_broker(0, NEW);
	assert_true(world_run_until(&w, has_rotated, 600000));
	assert_int_equal(w.broker[0].ca_len, NEW);
	w.broker[0].connect_err = 0;
	assert_true(world_run_until(&w, world_both_online, 600000));
	assert_int_equal(w.broker[0].ca_len, OLD);
	assert_int_equal(w.notices[MODEM_NOTICE_CERT_ROTATED], 1);
	/* They stay in use, also over a lost connection. */
	fake_modem_connlost(w.fake, w.now, 0, 1);
	world_run(&w, 1000);
	assert_true(world_run_until(&w, world_both_online, 60000));
	assert_int_equal(w.broker[0].ca_len, OLD);
}

static void a_reload_tries_the_next_ones(void **state)
{
	(void)state;
	w.broker[0].connect_err = 32;
	set_broker(0, NEW);
	assert_true(world_run_until(&w, has_rotated, 600000));
	w.broker[0].connect_err = 0;
	assert_true(world_run_until(&w, world_both_online, 600000));
	set_broker(0, NEWER);
	w.traces[0] = '\0';
	world_run(&w, 3000);
	assert_true(world_run_until(&w, world_both_online, 60000));
	world_run(&w, 2000);
	assert_int_equal(w.broker[0].ca_len, NEWER);
	assert_int_equal(
	    world_count_traced(&w, "AT+CCERTDELE="), 2); /* the refused one and the old one */
}

static bool has_rotated_twice(struct world *world)
{
	return world->notices[MODEM_NOTICE_CERT_ROTATED] > 1;
}

/* The broker has changed its own, and was late. */
static void the_new_ones_get_another_chance(void **state)
{
	(void)state;
	w.broker[0].connect_err = 32;
	set_broker(0, NEW);
	assert_true(world_run_until(&w, has_rotated_twice, 600000));
	w.broker[0].connect_err = 0;
	assert_true(world_run_until(&w, world_both_online, 600000));
	assert_int_equal(w.broker[0].ca_len, NEW);
}

static void a_network_that_fails_is_no_reason(void **state)
{
	(void)state;
	w.broker[0].connect_err = 3;
	set_broker(0, NEW);
	world_run(&w, 120000);
	assert_false(has_rotated(&w));
	w.broker[0].connect_err = 0;
	assert_true(world_run_until(&w, world_both_online, 60000));
	assert_int_equal(w.broker[0].ca_len, NEW);
}

static void a_broker_without_tls_leaves_nothing_behind(void **state)
{
	(void)state;
	set_broker(0, 0);
	world_run(&w, 3000);
	assert_true(world_run_until(&w, world_both_online, 60000));
	world_run(&w, 2000);
	assert_int_equal(world_count_traced(&w, "AT+CCERTDELE="), 1);
}

static void neither_does_one_that_is_gone(void **state)
{
	(void)state;
	modem_set_broker(w.m, w.now, 0, NULL);
	world_run(&w, 10000);
	assert_int_equal(world_count_traced(&w, "AT+CCERTDELE="), 1);
	assert_int_equal(modem_get_session(w.m, 1)->state, SESSION_ONLINE);
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WORLD(new_files_that_work_replace_the_old_ones),
		WORLD(the_old_ones_come_back),
		WORLD(a_reload_tries_the_next_ones),
		WORLD(the_new_ones_get_another_chance),
		WORLD(a_network_that_fails_is_no_reason),
		WORLD(a_broker_without_tls_leaves_nothing_behind),
		WORLD(neither_does_one_that_is_gone),
	};

	return cmocka_run_group_tests_name("rotation", tests, NULL, NULL);
}
