/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a modem as it is found on a site to two sessions online: what others have left in it, its
 * SIM, networks, its clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "modem/session.h"
#include "modem_world.h"
#include "text.h"

static struct modem_config modem_config;
static enum check_time check_time;
static struct world w;

static void configure(unsigned client)
{
	struct broker_config cfg = world_broker("cloud");

	cfg.port = 8883;
	cfg.is_tls = true;
	cfg.tls = (struct tls_config){
		.ca = TEXT("ca\n"), .verify = true, .check_time = check_time, .negotiate_s = 60
	};
	cfg.reconnect_max_ms = 10000;
	modem_set_broker(w.m, w.now, client, &cfg);
}

static void configure_all(void)
{
	modem_configure(w.m, w.now, &modem_config);
	configure(0);
	configure(1);
}

static int setup(void **state)
{
	(void)state;
	modem_config = (struct modem_config){ .device = "/dev/null", .apn = "internet" };
	check_time = CHECK_TIME_AUTO;
	world_init(&w);
	configure_all();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_free(&w);
	return 0;
}

/* The daemon dies, another one starts with the configuration as it is now. */
static void restart(void)
{
	world_restart_daemon(&w);
	configure_all();
	modem_set_trace(w.m, true);
	modem_tty_up(w.m, w.now);
}

static enum modem_state state_now(void)
{
	return modem_get_status(w.m)->state;
}

/* ---- PIN ---- */

static void start_with_pin(const char *of_card, const char *configured)
{
	w.fake_cfg.pin = of_card;
	modem_config.pin = configured;
	modem_configure(w.m, w.now, &modem_config);
	modem_set_trace(w.m, true);
	world_start(&w);
}

static void a_right_pin_leaves_no_note(void **state)
{
	(void)state;
	start_with_pin("1234", "1234");
	assert_true(world_run_until(&w, world_both_online, 60000));
	assert_int_equal(world_count_traced(&w, "AT+CPIN="), 1);
	assert_string_equal(w.pin_note, "");
}

static void a_refused_pin_is_not_tried_after_a_restart(void **state)
{
	(void)state;
	start_with_pin("4321", "1234");
	world_run(&w, 60000);
	assert_int_equal(world_count_traced(&w, "AT+CPIN="), 1);
	assert_true(w.pin_note[0] != '\0');
	assert_null(strstr(w.pin_note, "1234"));
	restart();
	w.traces[0] = '\0';
	world_run(&w, 60000);
	assert_int_equal(world_count_traced(&w, "AT+CPIN="), 0);
	assert_int_equal(state_now(), MODEM_SIM);
	modem_config.pin = "4321"; /* the operator has found his mistake */
	modem_configure(w.m, w.now, &modem_config);
	assert_true(world_run_until(&w, world_both_online, 60000));
	assert_string_equal(w.pin_note, "");
}

/* The process died between PIN and answer; the card has been without power since. */
static void a_pin_that_cost_nothing_is_tried_again(void **state)
{
	(void)state;
	snprintf(w.pin_note, sizeof w.pin_note, "%s", "");
	start_with_pin("1234", "1234");
	while (w.pin_note[0] == '\0')
		world_run(&w, 1);
	world_restart_daemon(&w);
	configure_all();
	fake_modem_power(w.fake, w.now, false);
	fake_modem_power(w.fake, w.now, true);
	modem_tty_up(w.m, w.now);
	assert_true(world_run_until(&w, world_both_online, 60000));
}

/* Nothing says whether it would be the last attempt. */
static void a_card_that_does_not_count_is_not_tried_twice(void **state)
{
	struct fake_fault fault;

	(void)state;
	start_with_pin("4321", "1234");
	assert_int_equal(fake_fault_parse("+SPIC*0 error", &fault), 0);
	fake_modem_add_fault(w.fake, &fault);
	world_run(&w, 60000);
	assert_int_equal(world_count_traced(&w, "AT+CPIN="), 1);
	restart();
	w.traces[0] = '\0';
	world_run(&w, 60000);
	assert_int_equal(world_count_traced(&w, "AT+CPIN="), 0);
}

static void a_damaged_note_is_none(void **state)
{
	(void)state;
	modem_set_pin_note(w.m, "gibberish");
	start_with_pin("1234", "1234");
	assert_true(world_run_until(&w, world_both_online, 60000));
}

/* ---- the line ---- */

struct mode_row {
	const char *name;
	enum fake_mode mode;
	bool quiet, numeric;
	uint32_t baud; /* the modem's, 0: any */
};

static struct mode_row mode_rows[] = {
	{ "data mode", FAKE_MODE_DATA, false, false, 0 },
	{ "PPP", FAKE_MODE_PPP, false, false, 0 },
	{ "multiplexed", FAKE_MODE_CMUX, false, false, 0 },
	{ "quiet", FAKE_MODE_COMMAND, true, false, 0 },
	{ "numeric", FAKE_MODE_COMMAND, false, true, 0 },
	{ "9600 baud", FAKE_MODE_COMMAND, false, false, 9600 },
	{ "921600 baud", FAKE_MODE_COMMAND, false, false, 921600 },
};

static void gets_at_a_modem_that_does_not_answer(void **state)
{
	const struct mode_row *row = *state;

	(void)setup(NULL);
	w.fake_cfg.warm = true;
	w.fake_cfg.mode = row->mode;
	w.fake_cfg.quiet = row->quiet;
	w.fake_cfg.numeric = row->numeric;
	w.fake_cfg.uart_baud = row->baud;
	modem_config.baud = 115200;
	modem_configure(w.m, w.now, &modem_config);
	modem_set_uart(w.m, row->baud > 0);
	world_start(&w);
	fake_modem_host_line(w.fake, w.now, 115200);
	assert_true(world_run_until(&w, world_both_online, 60000));
	assert_int_equal(modem_recoveries(w.m), 0);
	assert_int_equal(w.violations, 0);
	/* It starts at the speed that it was set to. */
	fake_modem_reset(w.fake, w.now, false);
	world_run(&w, 1000);
	assert_true(world_run_until(&w, world_both_online, 60000));
	assert_int_equal(w.notices[MODEM_NOTICE_LINE], row->baud > 0);
	(void)teardown(NULL);
}

/* What was sent at a wrong speed, or into a call, has done no harm. */
static void does_not_ask_a_usb_port_at_other_speeds(void **state)
{
	(void)state;
	modem_config.baud = 115200;
	modem_configure(w.m, w.now, &modem_config);
	modem_set_trace(w.m, true);
	world_start(&w);
	fake_modem_hang(w.fake, w.now);
	world_run(&w, 35000);
	assert_int_equal(world_count_traced(&w, "+++"), 1);
	assert_int_equal(w.hang_ups, 1);
	assert_false(w.is_hung_up);
	assert_int_equal(w.notices[MODEM_NOTICE_LINE], 0);
	assert_int_equal(world_count_traced(&w, "AT+IPR"), 0);
}

/* It answers at last, just then. */
static void raises_dtr_again(void **state)
{
	static const char answer[] = "\r\n+CMEE: 2\r\n\r\nOK\r\n";

	(void)state;
	w.fake_cfg.power = false;
	world_start(&w);
	while (!w.is_hung_up)
		world_run(&w, 10);
	modem_rx(w.m, w.now, (const uint8_t *)answer, sizeof answer - 1);
	world_run(&w, 10);
	assert_false(w.is_hung_up);
}

static void sets_flow_control_on_both_ends(void **state)
{
	(void)state;
	modem_config.baud = 115200;
	modem_config.rtscts = true;
	modem_configure(w.m, w.now, &modem_config);
	modem_set_uart(w.m, true);
	modem_set_trace(w.m, true);
	world_start(&w);
	assert_true(world_run_until(&w, world_both_online, 60000));
	assert_int_equal(world_count_traced(&w, "AT+IFC=2,2"), 1);
	assert_true(w.has_rtscts);
}

static void does_without_flow_control_that_is_refused(void **state)
{
	struct fake_fault fault;

	(void)state;
	modem_config.baud = 115200;
	modem_config.rtscts = true;
	modem_configure(w.m, w.now, &modem_config);
	modem_set_uart(w.m, true);
	world_start(&w);
	assert_int_equal(fake_fault_parse("+IFC*0 error", &fault), 0);
	fake_modem_add_fault(w.fake, &fault);
	assert_true(world_run_until(&w, world_both_online, 60000));
	assert_false(w.has_rtscts);
	assert_int_equal(w.notices[MODEM_NOTICE_LINE], 1);
}

/* ---- networks ---- */

static void undoes_what_others_have_set(void **state)
{
	(void)state;
	w.fake_cfg.tied_to = "22210";
	w.fake_cfg.radio_off = true;
	world_start(&w);
	assert_true(world_run_until(&w, world_both_online, 90000));
	assert_int_equal(modem_recoveries(w.m), 0);
	assert_int_equal(w.violations, 0);
}

static void chooses_operator_and_technology(void **state)
{
	(void)state;
	modem_config.operator_code = "26201";
	modem_config.technology = "lte";
	modem_configure(w.m, w.now, &modem_config);
	modem_set_trace(w.m, true);
	world_start(&w);
	assert_true(world_run_until(&w, world_both_online, 60000));
	assert_int_equal(world_count_traced(&w, "AT+COPS=1,2,\"26201\""), 1);
	assert_int_equal(world_count_traced(&w, "AT+CNMP=38"), 1);
	assert_int_equal(w.violations, 0);
}

static void waits_for_the_operator_it_was_given(void **state)
{
	(void)state;
	modem_config.operator_code = "22210";
	modem_configure(w.m, w.now, &modem_config);
	modem_set_trace(w.m, true);
	world_start(&w);
	world_run(&w, 120000);
	assert_int_equal(state_now(), MODEM_REGISTERING);
	assert_int_equal(world_count_traced(&w, "AT+COPS=0"), 0);
}

static void stays_off_the_air_abroad(void **state)
{
	(void)state;
	modem_config.no_roaming = true;
	modem_configure(w.m, w.now, &modem_config);
	w.fake_cfg.register_stat = 5;
	world_start(&w);
	world_run(&w, 3600000);
	assert_int_equal(state_now(), MODEM_REGISTERING);
	assert_int_equal(w.notices[MODEM_NOTICE_ROAMING], 1);
	assert_int_equal(modem_recoveries(w.m), 0);
	fake_modem_set_registration(w.fake, w.now, 1);
	assert_true(world_run_until(&w, world_both_online, 60000));
}

static bool is_closed(struct world *world)
{
	return fake_modem_client_state(world->fake, 0) == FAKE_CLIENT_FREE &&
	       fake_modem_client_state(world->fake, 1) == FAKE_CLIENT_FREE;
}

static void closes_its_sessions_at_the_border(void **state)
{
	(void)state;
	modem_config.no_roaming = true;
	modem_configure(w.m, w.now, &modem_config);
	world_start(&w);
	assert_true(world_run_until(&w, world_both_online, 60000));
	fake_modem_set_registration(w.fake, w.now, 5);
	assert_true(world_run_until(&w, is_closed, 10000));
	assert_int_equal(w.broker[0].disconnects, 1);
	world_run(&w, 600000);
	assert_true(is_closed(&w));
	fake_modem_set_registration(w.fake, w.now, 1);
	assert_true(world_run_until(&w, world_both_online, 200000));
	assert_int_equal(w.violations, 0);
}

static void roams_when_it_may(void **state)
{
	(void)state;
	w.fake_cfg.register_stat = 5;
	world_start(&w);
	assert_true(world_run_until(&w, world_both_online, 60000));
	assert_true(modem_get_status(w.m)->is_roaming);
	assert_int_equal(w.notices[MODEM_NOTICE_ROAMING], 0);
}

/* ---- clock ---- */

#define NOW_MS (INT64_C(1767225600) * 1000) /* 2026-01-01, as the simulated network has it */

static void says_that_the_clock_is_wrong(void **state)
{
	(void)state;
	check_time = CHECK_TIME_YES;
	configure(0);
	configure(1);
	w.fake_cfg.clock_set = false;
	w.fake_cfg.nitz = false;
	world_start(&w);
	world_run(&w, 60000);
	assert_int_equal(w.broker[0].connects, 0);
	assert_int_equal(modem_get_session(w.m, 0)->state, SESSION_BACKOFF);
	assert_int_equal(modem_get_session(w.m, 0)->last_error.code, 0);
	assert_non_null(strstr(modem_get_session(w.m, 0)->last_error.text, "clock is wrong"));
	modem_set_wall(w.m, w.now, NOW_MS, true);
	assert_true(world_run_until(&w, world_both_online, 300000));
	assert_int_equal(w.notices[MODEM_NOTICE_CLOCK_SET], 1);
	assert_false(w.broker[0].ignores_time);
}

static void takes_the_time_of_the_network(void **state)
{
	(void)state;
	check_time = CHECK_TIME_YES;
	configure(0);
	configure(1);
	w.fake_cfg.clock_set = false;
	world_start(&w);
	assert_true(world_run_until(&w, world_both_online, 300000));
	assert_int_equal(w.notices[MODEM_NOTICE_CLOCK_SET], 0);
	assert_false(w.broker[0].ignores_time);
}

static void leaves_a_clock_that_nobody_needs(void **state)
{
	(void)state;
	check_time = CHECK_TIME_NO;
	configure(0);
	configure(1);
	w.fake_cfg.clock_set = false;
	w.fake_cfg.nitz = false;
	modem_set_wall(w.m, w.now, NOW_MS, true);
	world_start(&w);
	assert_true(world_run_until(&w, world_both_online, 60000));
	assert_int_equal(w.notices[MODEM_NOTICE_CLOCK_SET], 0);
	assert_true(w.broker[0].ignores_time);
}

#define MODE(i)                                                                                    \
	{                                                                                          \
		"gets_at_a_modem_that_does_not_answer: " #i, gets_at_a_modem_that_does_not_answer, \
		    NULL, NULL, &mode_rows[i],                                                     \
	}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WORLD(a_right_pin_leaves_no_note),
		WORLD(a_refused_pin_is_not_tried_after_a_restart),
		WORLD(a_pin_that_cost_nothing_is_tried_again),
		WORLD(a_card_that_does_not_count_is_not_tried_twice),
		WORLD(a_damaged_note_is_none),
		MODE(0),
		MODE(1),
		MODE(2),
		MODE(3),
		MODE(4),
		MODE(5),
		MODE(6),
		WORLD(does_not_ask_a_usb_port_at_other_speeds),
		WORLD(raises_dtr_again),
		WORLD(sets_flow_control_on_both_ends),
		WORLD(does_without_flow_control_that_is_refused),
		WORLD(undoes_what_others_have_set),
		WORLD(chooses_operator_and_technology),
		WORLD(waits_for_the_operator_it_was_given),
		WORLD(stays_off_the_air_abroad),
		WORLD(closes_its_sessions_at_the_border),
		WORLD(roams_when_it_may),
		WORLD(says_that_the_clock_is_wrong),
		WORLD(takes_the_time_of_the_network),
		WORLD(leaves_a_clock_that_nobody_needs),
	};

	return cmocka_run_group_tests_name("bring_up", tests, NULL, NULL);
}
