/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The modem in trouble, against the simulated modem under a virtual clock: how soon each trouble is
 * noticed, what is done against it in which order, and that it is over when the trouble is. The
 * world itself asserts that the module never waits without a deadline.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/timerq.h"
#include "modem/session.h"
#include "modem_world.h"
#include "text.h"

#define MINUTE_MS 60000
#define NOTICE_MS 60000 /* a modem that hangs is noticed within that */

static const struct modem_config with_power = {
	.device = "/dev/null",
	.apn = "internet",
	.pdp_type = "IP",
	.has_power_cycle = true,
};

static const struct modem_config without_power = {
	.device = "/dev/null",
	.apn = "internet",
	.pdp_type = "IP",
};

static const struct modem_publish message = {
	.topic = TEXT("t"), .payload = TEXT("payload"), .qos = 1
};

static struct world w;

static void configure(const struct modem_config *cfg)
{
	struct broker_config cloud = world_broker("cloud"), plant = world_broker("plant");

	modem_configure(w.m, w.now, cfg);
	modem_set_broker(w.m, w.now, 0, &cloud);
	modem_set_broker(w.m, w.now, 1, &plant);
}

static int setup(void **state)
{
	(void)state;
	world_init(&w);
	configure(&with_power);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_free(&w);
	return 0;
}

static void go_online(void)
{
	world_go_online(&w, MINUTE_MS);
}

static uint64_t taken(enum recovery_step step)
{
	return modem_recovery_count(w.m, step);
}

/* ---- the modem hangs ---- */

static bool is_noticed(struct world *world)
{
	return world->notices[MODEM_NOTICE_STUCK] > 0;
}

/* Whenever it happens, also while a result is awaited and in the middle of a dialogue. */
static void notices_a_hang_within_a_minute(void **state)
{
	static uint8_t payload[MODEM_PAYLOAD_MAX];
	const struct modem_publish longest = {
		.topic = TEXT("t"), .payload = { payload, sizeof payload }, .qos = 1
	};
	uint64_t after_ms, noticed_by_ms;
	unsigned publishes;

	(void)state;
	for (publishes = 0; publishes < 3; publishes++) {
		for (after_ms = 0; after_ms < 210000; after_ms += 9973) {
			world_free(&w);
			world_init(&w);
			configure(&without_power);
			go_online();
			world_run(&w, after_ms);
			w.broker[0].is_silent = publishes == 1;
			if (publishes == 1)
				assert_int_equal(modem_publish(w.m, w.now, 0, &message), 0);
			world_run(&w, after_ms % 200);
			fake_modem_hang(w.fake, w.now);
			noticed_by_ms = w.now + NOTICE_MS;
			/* Something to do just before it would have been asked how it is. */
			if (publishes == 2 && !world_run_until(&w, is_noticed, after_ms % 31000))
				(void)modem_publish(w.m, w.now, 0, &longest);
			assert_true(world_run_until(&w, is_noticed, noticed_by_ms - w.now));
		}
	}
}

/* OK comes with the result, after 100 s, as often as it is asked for: nothing is reset for that,
 * and in the end it is waited for. */
static void lets_a_slow_modem_take_its_time(void **state)
{
	(void)state;
	configure(&with_power);
	modem_set_rebind(w.m, true);
	w.fake_cfg.connect_fail = FAKE_FAIL_RESULT_ERROR;
	w.fake_cfg.connect_hold_ms = 110000;
	world_start(&w);
	w.broker[0].round_trip_ms = 100000;
	assert_true(world_run_until(&w, world_both_online, 15 * MINUTE_MS));
	assert_int_equal(taken(RECOVERY_REBIND), 0);
	assert_int_equal(taken(RECOVERY_POWER), 0);
	assert_true(w.broker[0].connects <= 2);
}

static void goes_up_the_ladder_when_it_hangs(void **state)
{
	(void)state;
	modem_set_rebind(w.m, true);
	go_online();
	fake_modem_hang(w.fake, w.now);
	assert_true(world_run_until(&w, is_noticed, NOTICE_MS));
	/* What is milder comes first, and each has its time. */
	world_run(&w, 30000);
	assert_int_equal(taken(RECOVERY_FENCE), 1);
	assert_int_equal(taken(RECOVERY_REOPEN), 1);
	assert_int_equal(w.reopens_asked, 1);
	assert_int_equal(w.rebinds, 0);
	world_run(&w, 40000);
	assert_int_equal(w.rebinds, 1);
	assert_int_equal(w.power_hooks, 0);
	world_run(&w, 2 * MINUTE_MS);
	assert_int_equal(w.power_hooks, 1);
	assert_true(world_run_until(&w, world_both_online, MINUTE_MS));
	assert_int_equal(taken(RECOVERY_RESET), 0);
	assert_int_equal(taken(RECOVERY_RADIO), 0);
	assert_int_equal(w.violations, 0);
}

static bool is_power_cut(struct world *world)
{
	return world->power_hooks > 0;
}

static void cuts_the_power_sooner_when_that_has_helped(void **state)
{
	(void)state;
	modem_set_rebind(w.m, true);
	go_online();
	fake_modem_hang(w.fake, w.now);
	assert_true(world_run_until(&w, is_power_cut, 5 * MINUTE_MS));
	assert_true(world_run_until(&w, world_both_online, 2 * MINUTE_MS));
	world_run(&w, 10 * MINUTE_MS);
	w.power_hooks = 0;
	w.rebinds = 0;
	fake_modem_hang(w.fake, w.now);
	assert_true(world_run_until(&w, is_power_cut, 3 * MINUTE_MS));
	assert_int_equal(w.rebinds, 0);
	assert_true(world_run_until(&w, world_both_online, 2 * MINUTE_MS));
}

/* It goes on asking while it waits for the next step. */
static void is_back_within_seconds_of_the_modem(void **state)
{
	(void)state;
	configure(&without_power);
	go_online();
	fake_modem_hang(w.fake, w.now);
	world_run(&w, 3 * 60 * MINUTE_MS);
	fake_modem_power(w.fake, w.now, false);
	fake_modem_power(w.fake, w.now, true);
	/* 5 s to start, 4 s to register */
	assert_true(world_run_until(&w, world_both_online, 20000));
}

/* ---- the port ---- */

/* Another program uses it, and the power of its modem is nothing to play with. */
static void cuts_no_power_when_the_port_is_held(void **state)
{
	static const int errors[] = { EBUSY, EACCES, EPERM, EINVAL };
	size_t i;

	(void)state;
	modem_set_rebind(w.m, true);
	w.fake = fake_modem_new(&w.fake_cfg, w.now, NULL, NULL);
	w.reopens = false;
	for (i = 0; i < sizeof errors / sizeof errors[0]; i++) {
		modem_tty_down(w.m, w.now, errors[i]);
		world_run(&w, 3 * 60 * MINUTE_MS);
		assert_int_equal(modem_get_status(w.m)->state, MODEM_OPENING);
	}
	assert_int_equal(w.power_hooks, 0);
	assert_int_equal(w.rebinds, 0);
	assert_true(w.reopens_asked > 0);
}

static void cuts_the_power_of_a_modem_that_is_gone(void **state)
{
	(void)state;
	go_online();
	w.has_port = false;
	modem_tty_down(w.m, w.now, ENODEV);
	assert_true(world_run_until(&w, is_power_cut, 90000));
	/* It never helps: not more often than is good for it. */
	world_run(&w, 10 * 60 * MINUTE_MS);
	assert_in_range(w.power_hooks, 10, 31);
	w.has_port = true;
	modem_tty_up(w.m, w.now);
	assert_true(world_run_until(&w, world_both_online, 30000));
}

/* ---- the service ---- */

static bool is_radio_switched(struct world *world)
{
	(void)world;
	return taken(RECOVERY_RADIO) > 0;
}

/* One client answers 14 to all that would free it; the other one works, and yet it must not stay
 * so. */
static void frees_a_client_that_stays_busy(void **state)
{
	(void)state;
	go_online();
	modem_set_trace(w.m, true);
	world_add_fault(&w, "+CMQTTREL=0*0 busy");
	world_add_fault(&w, "+CMQTTDISC=0*0 busy");
	fake_modem_connlost(w.fake, w.now, 0, 1);
	assert_true(world_run_until(&w, is_radio_switched, 5 * MINUTE_MS));
	assert_int_equal(taken(RECOVERY_SERVICE), 1);
	/* Without the network the service ends, and its clients with it. */
	assert_true(world_run_until(&w, world_both_online, MINUTE_MS));
	fake_modem_clear_faults(w.fake);
	/* The service was not even asked to stop: a client was in use. */
	assert_null(strstr(w.traces, "AT+CMQTTSTOP"));
	world_run(&w, 60 * MINUTE_MS);
	assert_true(world_both_online(&w));
	assert_int_equal(modem_recoveries(w.m), 2);
	assert_int_equal(w.violations, 0);
}

static bool is_reset(struct world *world)
{
	(void)world;
	return taken(RECOVERY_RESET) > 0;
}

static void resets_a_modem_whose_client_is_busy_for_ever(void **state)
{
	(void)state;
	go_online();
	world_add_fault(&w, "+CMQTTACCQ=0*0 busy");
	fake_modem_connlost(w.fake, w.now, 0, 1);
	assert_true(world_run_until(&w, is_reset, 15 * MINUTE_MS));
	assert_int_equal(taken(RECOVERY_SERVICE), 1);
	assert_int_equal(taken(RECOVERY_RADIO), 1);
	assert_int_equal(w.power_hooks, 0);
	fake_modem_clear_faults(w.fake);
	assert_true(world_run_until(&w, world_both_online, 2 * MINUTE_MS));
	world_run(&w, 60 * MINUTE_MS);
	assert_int_equal(taken(RECOVERY_RESET), 1);
	assert_int_equal(w.violations, 0);
}

static void takes_a_busy_client_for_no_trouble_when_it_passes(void **state)
{
	(void)state;
	go_online();
	world_add_fault(&w, "+CMQTTREL=0*2 busy");
	fake_modem_connlost(w.fake, w.now, 0, 1);
	world_run(&w, 10 * MINUTE_MS);
	assert_true(world_both_online(&w));
	assert_int_equal(modem_recoveries(w.m), 0);
}

/* Sister models start anew when they are asked to stop the service. */
static void does_not_stop_the_service_of_a_model_that_does_not_bear_it(void **state)
{
	(void)state;
	assert_true(fake_modem_cfg_model(&w.fake_cfg, "a7670"));
	modem_set_trace(w.m, true);
	go_online();
	world_add_fault(&w, "+CMQTTREL=0*0 busy");
	fake_modem_connlost(w.fake, w.now, 0, 1);
	assert_true(world_run_until(&w, is_radio_switched, 15 * MINUTE_MS));
	assert_int_equal(taken(RECOVERY_SERVICE), 0);
	assert_null(strstr(w.traces, "AT+CMQTTSTOP"));
}

static bool is_session_down(struct world *world)
{
	return modem_get_session(world->m, 0)->state != SESSION_ONLINE;
}

/* Neither the modem nor the broker says a word. */
static void opens_a_session_anew_in_which_nothing_is_confirmed(void **state)
{
	(void)state;
	go_online();
	world_add_fault(&w, "+CMQTTPUB=0 result-lost");
	assert_int_equal(modem_publish(w.m, w.now, 0, &message), 0);
	assert_true(world_run_until(&w, is_session_down, SESSION_UNCONFIRMED_MS));
	assert_int_equal(w.results[0], 1);
	assert_int_equal(w.result[0], SEND_UNKNOWN);
	assert_true(world_run_until(&w, world_both_online, 30000));
	assert_int_equal(modem_recoveries(w.m), 0);
}

static void restarts_the_service_when_no_broker_can_be_reached(void **state)
{
	(void)state;
	w.broker[0].connect_err = 3;
	w.broker[1].connect_err = 3;
	world_start(&w);
	world_run(&w, 9 * MINUTE_MS);
	assert_int_equal(modem_recoveries(w.m), 0);
	world_run(&w, 3 * MINUTE_MS);
	assert_int_equal(taken(RECOVERY_SERVICE), 1);
	world_run(&w, 30 * MINUTE_MS);
	assert_true(taken(RECOVERY_RADIO) >= 1);
	assert_true(taken(RECOVERY_RESET) >= 1);
	w.broker[0].connect_err = 0;
	w.broker[1].connect_err = 0;
	assert_true(world_run_until(&w, world_both_online, 15 * MINUTE_MS));
	assert_int_equal(w.violations, 0);
}

/* ---- the network ---- */

/* No step helps against a configuration that the modem cannot take. */
static void mends_no_modem_for_what_is_too_long(void **state)
{
	static char text[MODEM_CREDENTIAL_MAX + 1];
	struct broker_config cloud = world_broker("cloud"), plant = world_broker("plant");

	(void)state;
	memset(text, 'x', MODEM_CREDENTIAL_MAX);
	cloud.host = plant.host = "a-host-whose-name-is-long.example.com";
	cloud.username = plant.username = text;
	cloud.password = plant.password = text;
	modem_set_broker(w.m, w.now, 0, &cloud);
	modem_set_broker(w.m, w.now, 1, &plant);
	world_start(&w);
	world_run(&w, 60 * MINUTE_MS);
	assert_int_equal(modem_recoveries(w.m), 0);
	assert_int_equal(modem_get_session(w.m, 0)->state, SESSION_BACKOFF);
	assert_non_null(strstr(modem_get_session(w.m, 0)->last_error.text, "too long for this"));
	assert_int_equal(w.broker[0].connects, 0);
}

static void switches_the_radio_when_there_is_no_network(void **state)
{
	(void)state;
	w.fake_cfg.register_stat = 2;
	modem_set_trace(w.m, true);
	world_start(&w);
	world_run(&w, 10 * MINUTE_MS);
	assert_int_equal(modem_recoveries(w.m), 0);
	world_run(&w, 2 * MINUTE_MS);
	assert_int_equal(taken(RECOVERY_RADIO), 1);
	assert_non_null(strstr(w.traces, "AT+CFUN=4\n"));
	assert_non_null(strstr(w.traces, "AT+CFUN=1\n"));
	assert_null(strstr(w.traces, "AT+CFUN=0"));
	world_run(&w, 60 * MINUTE_MS);
	assert_true(taken(RECOVERY_RESET) >= 1);
	assert_true(w.power_hooks >= 1);
	fake_modem_set_registration(w.fake, w.now, 1);
	assert_true(world_run_until(&w, world_both_online, 30000));
	assert_int_equal(w.violations, 0);
}

/* No line tells of it; both sessions look alive. */
static void switches_a_radio_that_hears_nothing(void **state)
{
	(void)state;
	go_online();
	world_run(&w, 5 * MINUTE_MS);
	fake_modem_set_registration(w.fake, w.now, 0);
	world_run(&w, 2 * MINUTE_MS);
	assert_int_equal(modem_recoveries(w.m), 0);
	assert_true(world_run_until(&w, is_radio_switched, 5 * MINUTE_MS));
	fake_modem_set_registration(w.fake, w.now, 1);
	assert_true(world_run_until(&w, world_both_online, 2 * MINUTE_MS));
}

/* By an earlier life of the daemon, for example, that was killed between off and on. */
static void switches_a_radio_on_that_was_left_off(void **state)
{
	(void)state;
	go_online();
	assert_int_equal(modem_at(w.m, w.now, "AT+CFUN=4"), 0);
	world_run(&w, 1000);
	world_restart_daemon(&w);
	configure(&without_power);
	modem_tty_up(w.m, w.now);
	assert_true(world_run_until(&w, world_both_online, 30000));
}

static bool are_waits_long(struct world *world)
{
	unsigned i;

	for (i = 0; i < MODEM_CLIENTS; i++) {
		const struct session_status *s = modem_get_session(world->m, i);

		if (s->state != SESSION_BACKOFF || s->retry_at_ms < world->now + 20000)
			return false;
	}
	return true;
}

static void waits_no_longer_when_the_network_is_back(void **state)
{
	(void)state;
	go_online();
	fake_modem_set_registration(w.fake, w.now, 2);
	w.broker[0].connect_err = 3;
	w.broker[1].connect_err = 3;
	fake_modem_connlost(w.fake, w.now, 0, 1);
	fake_modem_connlost(w.fake, w.now, 1, 1);
	assert_true(world_run_until(&w, are_waits_long, 4 * MINUTE_MS));
	w.broker[0].connect_err = 0;
	w.broker[1].connect_err = 0;
	fake_modem_set_registration(w.fake, w.now, 1);
	assert_true(world_run_until(&w, world_both_online, 10000));
	assert_int_equal(modem_recoveries(w.m), 0);
}

/* ---- noise ---- */

static void sets_the_line_up_anew_after_much_noise(void **state)
{
	uint8_t noise[2000];
	unsigned i;

	(void)state;
	w.broker[0].connect_err = 3;
	w.broker[1].connect_err = 3;
	world_start(&w);
	world_run(&w, 30000);
	memset(noise, 0xfe, sizeof noise);
	for (i = 0; i < 40; i++) {
		fake_modem_noise(w.fake, w.now, noise, sizeof noise);
		world_run(&w, 1000);
	}
	assert_int_equal(taken(RECOVERY_FENCE), 1);
	w.broker[0].connect_err = 0;
	w.broker[1].connect_err = 0;
	assert_true(world_run_until(&w, world_both_online, 5 * MINUTE_MS));
}

/* ---- a start that is not told ---- */

/* The modem knew its MQTT clients before; to believe that it does not costs all sessions. */
static void believes_only_a_denial_that_lasts(void **state)
{
	unsigned connects;

	(void)state;
	go_online();
	world_run(&w, 5 * MINUTE_MS);
	connects = w.broker[0].connects;
	world_add_fault(&w, "+CMQTTACCQ?*2 error");
	world_run(&w, 5 * MINUTE_MS);
	assert_int_equal(w.broker[0].connects, connects);
	world_add_fault(&w, "+CMQTTACCQ?*3 error");
	world_run(&w, 5 * MINUTE_MS);
	assert_true(w.broker[0].connects > connects);
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WORLD(notices_a_hang_within_a_minute),
		WORLD(lets_a_slow_modem_take_its_time),
		WORLD(goes_up_the_ladder_when_it_hangs),
		WORLD(cuts_the_power_sooner_when_that_has_helped),
		WORLD(is_back_within_seconds_of_the_modem),
		WORLD(cuts_no_power_when_the_port_is_held),
		WORLD(cuts_the_power_of_a_modem_that_is_gone),
		WORLD(frees_a_client_that_stays_busy),
		WORLD(resets_a_modem_whose_client_is_busy_for_ever),
		WORLD(takes_a_busy_client_for_no_trouble_when_it_passes),
		WORLD(does_not_stop_the_service_of_a_model_that_does_not_bear_it),
		WORLD(opens_a_session_anew_in_which_nothing_is_confirmed),
		WORLD(restarts_the_service_when_no_broker_can_be_reached),
		WORLD(mends_no_modem_for_what_is_too_long),
		WORLD(switches_the_radio_when_there_is_no_network),
		WORLD(switches_a_radio_that_hears_nothing),
		WORLD(switches_a_radio_on_that_was_left_off),
		WORLD(waits_no_longer_when_the_network_is_back),
		WORLD(sets_the_line_up_anew_after_much_noise),
		WORLD(believes_only_a_denial_that_lasts),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("modem recovery", tests, NULL, NULL);
}
