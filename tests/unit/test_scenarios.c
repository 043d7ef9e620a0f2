/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every scenario of tests/scenarios with the modem module under a virtual clock: whatever the story
 * is, both sessions come online and a message goes out on each, and stays so.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "modem/fake_scenario.h"
#include "modem/session.h"
#include "modem_world.h"
#include "text.h"

enum {
	SCENARIOS_MAX = 100,
	PATH = 512,
	STEP_MS = 20,
	LIMIT_MS = 3600000, /* the SIM has minutes before its power is cut */
	CALM_MS = 30000,    /* nothing more happens so long after the last event */
};

static struct world w;
static struct fake_scenario *scenario;

static bool on_command(void *ctx, const char *command, struct fake_fault *ret)
{
	(void)ctx;
	(void)ret;
	fake_scenario_command(scenario, w.now, command);
	return false;
}

/* The commands of the control socket that scenarios use. */
static void run_command(void *ctx, char *command)
{
	unsigned a = 0, b = 1;

	(void)ctx;
	if (sscanf(command, "connlost %u %u", &a, &b) >= 1)
		fake_modem_connlost(w.fake, w.now, a, (int)b);
	else if (strcmp(command, "nonet") == 0)
		fake_modem_nonet(w.fake, w.now);
	else if (strcmp(command, "hang") == 0)
		fake_modem_hang(w.fake, w.now);
	else if (strncmp(command, "reset", 5) == 0)
		fake_modem_reset(w.fake, w.now, strcmp(command, "reset spoken") == 0);
	else if (strncmp(command, "urc ", 4) == 0)
		fake_modem_urc(w.fake, w.now, command + 4);
	else if (sscanf(command, "register %u", &a) == 1)
		fake_modem_set_registration(w.fake, w.now, (int)a);
	else if (strcmp(command, "vanish") == 0) {
		w.has_port = false;
		modem_tty_down(w.m, w.now, ENOENT);
	} else if (strcmp(command, "appear") == 0) {
		w.has_port = true;
		modem_tty_up(w.m, w.now);
	} else {
		fail_msg("this test does not know \"%s\"", command);
	}
}

static void step(void)
{
	world_run(&w, STEP_MS);
	fake_scenario_tick(scenario, w.fake, w.now, run_command, NULL);
}

static void configure(unsigned client)
{
	static const struct filter_config filters[] = { { "cmd/#", 1 }, { "news", 0 } };
	struct broker_config cfg = world_broker("cloud");

	cfg.port = 8883;
	cfg.is_tls = client == 1;
	cfg.tls = (struct tls_config){ .ca = TEXT("ca\n"), .verify = true, .negotiate_s = 60 };
	cfg.birth =
	    (struct message_config){ .topic = "gw/17/state", .payload = TEXT("online"), .qos = 1 };
	cfg.reconnect_max_ms = 10000;
	cfg.filters = filters;
	cfg.filter_count = 2;
	modem_set_broker(w.m, w.now, client, &cfg);
}

static void publish(unsigned client)
{
	static const struct modem_publish p = {
		.topic = TEXT("t"), .payload = TEXT("message"), .qos = 1
	};
	uint64_t end = w.now + LIMIT_MS;
	enum send_result result = SEND_RETRY;

	while (result != SEND_OK) {
		assert_true(w.now < end);
		w.results[client] = 0;
		if (!modem_can_publish(w.m, client) || modem_publish(w.m, w.now, client, &p) < 0) {
			step();
			continue;
		}
		while (w.results[client] == 0)
			step();
		result = w.result[client];
	}
}

static void comes_online(void)
{
	uint64_t end = w.now + LIMIT_MS;

	while (!world_both_online(&w)) {
		assert_true(w.now < end);
		step();
	}
}

static void plays(void **state)
{
	static const struct modem_config modem_config = {
		.device = "/dev/null", .apn = "internet", .has_power_cycle = true
	};
	uint64_t calm;
	char why[128];

	world_init(&w);
	scenario = fake_scenario_read(*state, &w.fake_cfg, why, sizeof why);
	if (!scenario)
		fail_msg("%s:%s", (const char *)*state, why);
	assert_true(strlen(fake_scenario_title(scenario)) > 10);
	w.fake_cfg.draw_fault = on_command;
	if (fake_scenario_chunk(scenario))
		w.chunk = fake_scenario_chunk(scenario);
	modem_configure(w.m, w.now, &modem_config);
	configure(0);
	configure(1);
	w.has_port = false;
	world_start(&w);
	modem_tty_down(w.m, w.now, ENOENT);
	fake_scenario_start(scenario, w.fake);
	while (!fake_scenario_is_ready(scenario))
		step();
	w.has_port = true;
	modem_tty_up(w.m, w.now);
	comes_online();
	publish(0);
	publish(1);
	for (calm = w.now + CALM_MS; w.now < calm;)
		step();
	comes_online();
	publish(0);
	publish(1);
	assert_int_equal(fake_scenario_left(scenario, w.fake), 0);
	assert_int_equal(w.violations, 0);
	fake_scenario_free(scenario);
	world_free(&w);
}

static char paths[SCENARIOS_MAX][PATH];
static struct CMUnitTest tests[SCENARIOS_MAX];

static int is_scenario(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	return dot && strcmp(dot, ".scenario") == 0;
}

int main(void)
{
	const char *source = getenv("srcdir");
	struct dirent **entries;
	char folder[PATH - 256];
	int i, n;

	snprintf(folder, sizeof folder, "%s/tests/scenarios", source ? source : ".");
	n = scandir(folder, &entries, is_scenario, alphasort);
	if (n <= 0 || n > SCENARIOS_MAX) {
		fprintf(stderr, "%s: no scenarios, or too many\n", folder);
		return 1;
	}
	for (i = 0; i < n; i++) {
		snprintf(paths[i], sizeof paths[i], "%s/%s", folder, entries[i]->d_name);
		tests[i] = (struct CMUnitTest){ .name = strrchr(paths[i], '/') + 1,
			.test_func = plays,
			.initial_state = paths[i] };
		free(entries[i]);
	}
	free(entries);
	return _cmocka_run_group_tests("scenarios", tests, (size_t)n, NULL, NULL);
}
