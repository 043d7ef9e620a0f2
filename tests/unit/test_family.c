/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Families: which profile a model gets, and each family that the simulated modem plays, from
 * power-up to traffic both ways without a rule of the modem broken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/limits.h"
#include "modem/family.h"
#include "modem/session.h"
#include "modem_world.h"
#include "text.h"

struct model_row {
	const char *model;
	const char *family;
};

static const struct model_row model_rows[] = {
	{ "SIMCOM_SIM7600G-H", "SIM7600" },
	{ "SIM7600E", "SIM7600" },
	{ "SIMCOM_SIM7500E", "SIM7600" },
	{ "A7670E-FASE", "A76XX" },
	{ "a7672", "A76XX" },
	{ "SIMCOM_A7608SA-H", "A76XX" },
	{ "SIM7670G-MNGV", "SIM767X" },
	{ "SIM7672E", "SIM767X" },
	{ "SIM7022", "unknown" },
	{ "SIMCOM_", "unknown" },
	{ "", "unknown" },
};

static void a_model_has_its_family(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof model_rows / sizeof model_rows[0]; i++)
		assert_string_equal(family_of(model_rows[i].model)->name, model_rows[i].family);
}

/* What the manuals say, so that a slip of a number is found. */
static void profiles_keep_to_the_manuals(void **state)
{
	(void)state;
	assert_int_equal(family_of("SIM7600")->line_max, 559);
	assert_int_equal(family_of("A7670")->line_max, 3071);
	assert_int_equal(family_of("SIM7670")->line_max, 3071);
	assert_int_equal(family_of("SIM7670")->payload_max, 4096);
	assert_int_equal(family_of("A7670")->payload_max, 10240);
	assert_true(family_of("SIM7600")->has_version_param);
	assert_false(family_of("A7670")->has_version_param);
	assert_false(family_of("SIM7670")->has_topic_lists);
	assert_false(family_of("A7672")->can_stop);
	assert_false(family_of("")->can_stop);
	assert_int_equal(family_of("")->line_max, 559);
}

/* ---- each of them played ---- */

static const struct modem_config modem_config = { .device = "/dev/null", .apn = "internet" };
static struct world w;

static void configure(unsigned client, bool is_tls)
{
	struct broker_config cfg = world_full_broker("cloud");

	cfg.is_tls = is_tls;
	cfg.tls = (struct tls_config){ .ca = TEXT("ca\n"), .verify = true, .negotiate_s = 60 };
	modem_set_broker(w.m, w.now, client, &cfg);
}

static void be_model(const char *name)
{
	world_init(&w);
	modem_configure(w.m, w.now, &modem_config);
	configure(0, false);
	configure(1, true);
	if (!fake_modem_cfg_model(&w.fake_cfg, name))
		w.fake_cfg.model = name;
}

static void go_online(void)
{
	world_go_online(&w, 120000);
}

static bool has_result(struct world *world)
{
	return world->results[0] > 0;
}

static enum send_result publish(size_t len)
{
	static uint8_t bytes[MODEM_PAYLOAD_MAX];
	const struct modem_publish p = { .topic = TEXT("t"), .payload = { bytes, len }, .qos = 1 };

	w.results[0] = 0;
	assert_int_equal(modem_publish(w.m, w.now, 0, &p), 0);
	assert_true(world_run_until(&w, has_result, 300000));
	return w.result[0];
}

static void runs_without_breaking_a_rule(void **state)
{
	const char *model = *state;
	static const uint8_t payload[5000];
	const size_t most = family_of(model)->payload_max;

	be_model(model);
	go_online();
	assert_int_equal(w.broker[0].mqtt_version, 4);
	assert_string_equal(w.broker[0].filters, "site/17/cmd/#/1 news/0 ");
	assert_int_equal(modem_payload_max(w.m), most);
	assert_int_equal(publish(most), SEND_OK);
	assert_int_equal(w.broker[0].payload_len, most);
	fake_modem_up_message(
	    w.fake, w.now, 1, (const uint8_t *)"news", 4, payload, sizeof payload);
	world_run(&w, 1000);
	assert_int_equal(w.inbound[1], 1);
	assert_int_equal(w.payload_len, sizeof payload);
	assert_int_equal(w.violations, 0);
	world_free(&w);
}

static void exchanges_filters(void **state)
{
	static const struct filter_config others[] = { { "news", 0 }, { "weather", 2 } };
	struct broker_config cfg = world_broker("cloud");

	cfg.filters = others;
	cfg.filter_count = 2;
	be_model(*state);
	go_online();
	w.broker[0].filters[0] = '\0';
	modem_set_filters(w.m, w.now, 0, &cfg);
	world_run(&w, 5000);
	assert_string_equal(w.broker[0].filters, "weather/2 ");
	assert_int_equal(w.broker[0].unsubscribed, 1);
	assert_int_equal(w.violations, 0);
	world_free(&w);
}

/* START is answered by a bare ERROR, the clients are in use. */
static void takes_the_service_over(void **state)
{
	be_model(*state);
	go_online();
	world_restart_daemon(&w);
	modem_configure(w.m, w.now, &modem_config);
	configure(0, false);
	configure(1, true);
	modem_tty_up(w.m, w.now);
	assert_true(world_run_until(&w, world_both_online, 120000));
	assert_int_equal(w.violations, 0);
	world_free(&w);
}

/* The reports of an A7672 that starts anew when it is asked to stop, or to connect twice. */
static void spares_a_modem_that_reboots(void **state)
{
	be_model(*state);
	w.fake_cfg.stop_reboots = true;
	w.fake_cfg.connect_again_reboots = true;
	go_online();
	fake_modem_nonet(w.fake, w.now);
	world_run(&w, 1000);
	assert_true(world_run_until(&w, world_both_online, 120000));
	modem_stop(w.m, w.now);
	world_run(&w, MODEM_STOP_MAX_MS);
	assert_int_equal(w.stopped, 1);
	assert_int_equal(w.notices[MODEM_NOTICE_BOOTED], 0);
	assert_int_equal(w.violations, 0);
	world_free(&w);
}

static void says_what_is_too_long(void **state)
{
	(void)state;
	be_model("sim7670");
	go_online();
	assert_int_equal(publish(4097), SEND_POISON);
	assert_int_equal(w.err[0], 22);
	assert_true(world_both_online(&w));
	assert_int_equal(publish(4096), SEND_OK);
	assert_int_equal(w.violations, 0);
	world_free(&w);
}

struct wrong_row {
	const char *name;
	const char *says;   /* what the modem claims to be */
	const char *really; /* how it behaves */
	unsigned errors;    /* refused commands that a right guess would have spared, at most */
};

static struct wrong_row wrong_rows[] = {
	{ "A76xx taken for a SIM7600", "SIM7600E", "a7670", 2 },
	{ "SIM767x taken for a SIM7600", "SIM7600E", "sim7670", 10 },
	{ "SIM7600 taken for an A76xx", "A7670E", "sim7600", 4 },
	{ "SIM767x taken for an A76xx", "A7670E", "sim7670", 11 },
	{ "unknown, a SIM7600", "QUECTEL", "sim7600", 0 },
	{ "unknown, an A76xx", "QUECTEL", "a7672", 2 },
	{ "unknown, a SIM767x", "QUECTEL", "sim7672", 2 },
};

static void a_wrong_guess_costs_errors_only(void **state)
{
	const struct wrong_row *row = *state;
	enum send_result result;

	be_model(row->really);
	w.fake_cfg.model = row->says;
	go_online();
	assert_string_equal(w.broker[0].filters, "site/17/cmd/#/1 news/0 ");
	result = publish(100);
	if (result == SEND_RETRY) { /* its time limit was refused */
		world_run(&w, 2000);
		result = publish(100);
	}
	assert_int_equal(result, SEND_OK);
	assert_int_equal(w.went_online[0], 1);
	assert_in_range(w.violations, 0, row->errors);
	world_free(&w);
}

#define MODEL(test, i)                                     \
	{                                                  \
#test ": " #i, test, NULL, NULL, models[i] \
	}

#define WRONG(i)                                                                               \
	{                                                                                      \
		"a_wrong_guess_costs_errors_only: " #i, a_wrong_guess_costs_errors_only, NULL, \
		    NULL, &wrong_rows[i],                                                      \
	}

enum { SIM7600, SIM7500, A7670, A7672, A7608, SIM7670, SIM7672 };

int main(void)
{
	static char models[][8] = { "sim7600", "sim7500", "a7670", "a7672", "a7608", "sim7670",
		"sim7672" };
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_model_has_its_family),
		cmocka_unit_test(profiles_keep_to_the_manuals),
		MODEL(runs_without_breaking_a_rule, SIM7600),
		MODEL(runs_without_breaking_a_rule, SIM7500),
		MODEL(runs_without_breaking_a_rule, A7670),
		MODEL(runs_without_breaking_a_rule, A7672),
		MODEL(runs_without_breaking_a_rule, A7608),
		MODEL(runs_without_breaking_a_rule, SIM7670),
		MODEL(runs_without_breaking_a_rule, SIM7672),
		MODEL(exchanges_filters, SIM7600),
		MODEL(exchanges_filters, A7670),
		MODEL(exchanges_filters, SIM7670),
		MODEL(takes_the_service_over, SIM7600),
		MODEL(takes_the_service_over, A7672),
		MODEL(takes_the_service_over, SIM7670),
		MODEL(spares_a_modem_that_reboots, A7672),
		cmocka_unit_test(says_what_is_too_long),
		WRONG(0),
		WRONG(1),
		WRONG(2),
		WRONG(3),
		WRONG(4),
		WRONG(5),
		WRONG(6),
	};

	return cmocka_run_group_tests_name("family", tests, NULL, NULL);
}
