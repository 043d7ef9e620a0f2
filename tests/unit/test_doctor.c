/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the doctor makes of what is known: one illness a row, and nothing else is called ill.
 */
#include "bridge/doctor.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW     1000000
#define WALL_MS INT64_C(1800000000000)
#define DAY_S   86400

/* A gateway in health, to be made ill: two brokers, one of them with TLS. */
struct gateway {
	struct core_config cfg;
	struct modem_status modem;
	struct session_status sessions[MODEM_CLIENTS];
	struct doctor_facts facts;
};

static void make_well(struct gateway *g)
{
	*g = (struct gateway){
		.cfg = { .modem = { .device = "/dev/modem", .apn = "internet" },
		    .broker_count = 2,
		    .store.max_bytes = 1000 },
		.modem = { .state = MODEM_READY,
		    .model = "SIM7600",
		    .rssi_dbm = -71,
		    .is_registered = true },
	};
	g->cfg.brokers[0].link = (struct broker_config){
		.name = "cloud", .is_tls = true, .tls.ends_s = WALL_MS / 1000 + 400L * DAY_S
	};
	g->cfg.brokers[1].link.name = "plant";
	g->sessions[0].state = SESSION_ONLINE;
	g->sessions[1].state = SESSION_ONLINE;
	g->facts = (struct doctor_facts){
		.cfg = &g->cfg,
		.modem = &g->modem,
		.now_ms = NOW,
		.wall_ms = WALL_MS,
		.brokers = { { .session = &g->sessions[0] }, { .session = &g->sessions[1] } },
		.is_free_known = true,
		.free_bytes = 1ULL << 30,
	};
}

/* Everything that is not well: "port fail, broker@cloud warn". */
static const char *complaints(const struct doctor_facts *f)
{
	static char text[512];
	struct doctor_report report;
	size_t len = 0;

	doctor_examine(f, &report);
	text[0] = '\0';
	for (size_t i = 0; i < report.count; i++) {
		const struct doctor_check *c = &report.checks[i];

		assert_true(c->text[0] != '\0');
		assert_int_equal(c->advice == NULL, c->result == DOCTOR_OK);
		if (c->result == DOCTOR_OK)
			continue;
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s%s%s %s",
		    len > 0 ? ", " : "", c->name, c->broker ? "@" : "", c->broker ? c->broker : "",
		    doctor_result_name(c->result));
	}
	return text;
}

/* The text or the advice of some complaint says this. */
static void assert_says(const struct doctor_facts *f, const char *words)
{
	struct doctor_report report;

	doctor_examine(f, &report);
	for (size_t i = 0; i < report.count; i++) {
		const struct doctor_check *c = &report.checks[i];

		if (strstr(c->text, words) || (c->advice && strstr(c->advice, words)))
			return;
	}
	fail_msg("nothing says \"%s\"", words);
}

static void test_well(void **state)
{
	struct gateway g;
	struct doctor_report report;

	(void)state;
	make_well(&g);
	assert_string_equal(complaints(&g.facts), "");
	doctor_examine(&g.facts, &report);
	assert_int_equal(report.count, 11);
	assert_string_equal(report.checks[0].text, "/dev/modem is open");
}

/* The modem and what is below it. */
static const struct {
	enum modem_state state;
	uint64_t lasts_ms;
	int port_error;
	enum core_trouble trouble; /* CORE_TROUBLE_COUNT: none */
	const char *trouble_text;
	int rssi_dbm;
	const char *complaints; /* those of the brokers, which wait, left out */
	const char *says;
} links[] = {
	{ MODEM_ABSENT, 0, ENOENT, CORE_TROUBLE_COUNT, NULL, 0, "port fail", "plug the modem in" },
	{ MODEM_ABSENT, 0, ENODEV, CORE_TROUBLE_COUNT, NULL, 0, "port fail", "is gone" },
	{ MODEM_OPENING, 0, EBUSY, CORE_TROUBLE_COUNT, NULL, 0, "port fail", "ModemManager" },
	{ MODEM_OPENING, 0, EBUSY, CORE_TROUBLE_PORT, "minicom (pid 7)", 0,
	    "port user fail, port fail", "minicom (pid 7) has the port" },
	{ MODEM_READY, 0, 0, CORE_TROUBLE_PORT, "cat (pid 7)", -71, "port user warn",
	    "cat (pid 7) has the port, too" },
	{ MODEM_ABSENT, 0, ENOTUNIQ, CORE_TROUBLE_COUNT, NULL, 0, "port fail", "more than one" },
	{ MODEM_OPENING, 0, EACCES, CORE_TROUBLE_COUNT, NULL, 0, "port fail", "dialout" },
	{ MODEM_OPENING, 0, EPERM, CORE_TROUBLE_COUNT, NULL, 0, "port fail", "DeviceAllow" },
	{ MODEM_OPENING, 0, ENOTTY, CORE_TROUBLE_COUNT, NULL, 0, "port fail", "no serial port" },
	{ MODEM_ABSENT, 0, EIO, CORE_TROUBLE_COUNT, NULL, 0, "port fail", "Input/output error" },
	{ MODEM_ABSENT, 0, 0, CORE_TROUBLE_COUNT, NULL, 0, "port warn", "being opened" },
	{ MODEM_SYNCING, 5000, 0, CORE_TROUBLE_COUNT, NULL, 0, "modem warn", "no answer yet" },
	{ MODEM_SYNCING, 61000, 0, CORE_TROUBLE_COUNT, NULL, 0, "modem fail", "the AT port" },
	{ MODEM_RECOVERING, 0, 0, CORE_TROUBLE_COUNT, NULL, 0, "modem fail", "history modem" },
	{ MODEM_SYNCING, 0, 0, CORE_TROUBLE_STUCK, "no sign of life", 0, "modem fail",
	    "no sign of life" },
	{ MODEM_SIM, 5000, 0, CORE_TROUBLE_COUNT, NULL, 0, "sim warn", "not ready yet" },
	{ MODEM_SIM, 61000, 0, CORE_TROUBLE_COUNT, NULL, 0, "sim fail", "not ready yet" },
	{ MODEM_SIM, 0, 0, CORE_TROUBLE_SIM, "SIM not inserted", 0, "sim fail", "put a SIM in" },
	{ MODEM_SIM, 0, 0, CORE_TROUBLE_PIN, "the SIM refused the PIN", 0, "pin fail",
	    "modem.pin" },
	{ MODEM_REGISTERING, 5000, 0, CORE_TROUBLE_COUNT, NULL, -80, "network warn",
	    "not registered for 5 s" },
	{ MODEM_REGISTERING, 61000, 0, CORE_TROUBLE_COUNT, NULL, -80, "network fail", "coverage" },
	{ MODEM_REGISTERING, 61000, 0, CORE_TROUBLE_COUNT, NULL, 0, "signal fail, network fail",
	    "antenna" },
	{ MODEM_REGISTERING, 0, 0, CORE_TROUBLE_NETWORK, "denied", -80, "network fail",
	    "paid for" },
	{ MODEM_ATTACHED, 5000, 0, CORE_TROUBLE_COUNT, NULL, -80, "apn warn", "internet" },
	{ MODEM_ATTACHED, 61000, 0, CORE_TROUBLE_COUNT, NULL, -80, "apn fail", "modem.apn" },
	{ MODEM_READY, 0, 0, CORE_TROUBLE_COUNT, NULL, -107, "signal warn", "weak: -107 dBm" },
	{ MODEM_READY, 0, 0, CORE_TROUBLE_COUNT, NULL, 0, "signal warn", "not told it" },
	{ MODEM_READY, 0, 0, CORE_TROUBLE_CLOCK, "its clock is wrong", -71, "clock warn", "NTP" },
};

static void test_certificate_not_taken(void **state)
{
	struct gateway g;

	(void)state;
	make_well(&g);
	g.sessions[0].state = SESSION_BACKOFF;
	g.sessions[0].last_error =
	    (struct session_error){ .text = "refused without a reason", .command = "AT+CCERTDOWN" };
	assert_string_equal(complaints(&g.facts), "broker@cloud fail");
	assert_says(&g.facts, "flash full");
}

/* Brokers may be online all the same, and some modems never say it. */
static void test_unregistered(void **state)
{
	struct gateway g;

	(void)state;
	make_well(&g);
	g.modem.is_registered = false;
	assert_string_equal(complaints(&g.facts), "network warn");
	assert_says(&g.facts, "does not say that it is registered");
}

static void test_links(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		struct gateway g;

		make_well(&g);
		print_message("%zu: %s\n", i, links[i].complaints);
		g.modem.state = links[i].state;
		g.modem.since_ms = NOW - links[i].lasts_ms;
		g.modem.rssi_dbm = links[i].rssi_dbm;
		g.facts.port_error = links[i].port_error;
		if (links[i].trouble != CORE_TROUBLE_COUNT)
			g.facts.troubles[links[i].trouble] = links[i].trouble_text;
		assert_string_equal(complaints(&g.facts), links[i].complaints);
		assert_says(&g.facts, links[i].says);
	}
}

/* A session that is not online: the number of its last error, and its text. */
static const struct {
	enum session_state state;
	unsigned err;
	const char *text;
	const char *complaints;
	const char *says;
} brokers[] = {
	{ SESSION_DISABLED, 0, "", "broker@plant warn", "cmqttctl connect" },
	{ SESSION_WAITING, 0, "", "broker@plant warn", "waits for the modem" },
	{ SESSION_CONNECTING, 0, "", "broker@plant warn", "it is connecting" },
	{ SESSION_BACKOFF, 32, "TLS handshake failed", "handshake@plant fail", "ca, cert, key" },
	{ SESSION_CONNECTING, 32, "TLS handshake failed", "handshake@plant fail", "error 32" },
	{ SESSION_BACKOFF, 30, "bad user name", "credentials@plant fail", "password_file" },
	{ SESSION_BACKOFF, 31, "not authorised", "credentials@plant fail", "access rules" },
	{ SESSION_BACKOFF, 28, "identifier", "credentials@plant fail", "another client_id" },
	{ SESSION_BACKOFF, 25, "DNS error", "reach@plant fail", "host name in address" },
	{ SESSION_BACKOFF, 3, "socket connect failed", "reach@plant fail", "from elsewhere" },
	{ SESSION_BACKOFF, 26, "closed", "reach@plant fail", "somebody else" },
	{ SESSION_BACKOFF, 9, "network not opened", "apn fail, broker@plant fail", "modem.apn" },
	{ SESSION_BACKOFF, 0, "a certificate is wrong", "broker@plant fail", "a certificate is" },
	{ SESSION_ONLINE, 9, "network not opened", "", "online" },
};

static void test_brokers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(brokers) / sizeof(brokers[0]); i++) {
		struct session_status *s;
		struct gateway g;

		make_well(&g);
		print_message("%zu: %s\n", i, brokers[i].text);
		s = &g.sessions[1];
		s->state = brokers[i].state;
		s->last_error.code = brokers[i].err;
		snprintf(s->last_error.text, sizeof(s->last_error.text), "%s", brokers[i].text);
		assert_string_equal(complaints(&g.facts), brokers[i].complaints);
		assert_says(&g.facts, brokers[i].says);
	}
}

static void test_certificates(void **state)
{
	static const struct {
		int64_t left_s, wall_ms;
		bool is_tls;
		const char *complaints;
	} rows[] = {
		{ 31 * DAY_S, WALL_MS, true, "" },
		{ 30 * DAY_S, WALL_MS, true, "certificate@cloud warn" },
		{ 1, WALL_MS, true, "certificate@cloud warn" },
		{ 0, WALL_MS, true, "certificate@cloud fail" }, { 0, WALL_MS, false, "" },
		{ 0, 5000, true, "clock warn" }, /* who knows what day it is */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gateway g;

		make_well(&g);
		g.cfg.brokers[0].link.is_tls = rows[i].is_tls;
		g.cfg.brokers[0].link.tls.ends_s = WALL_MS / 1000 + rows[i].left_s;
		g.facts.wall_ms = rows[i].wall_ms;
		assert_string_equal(complaints(&g.facts), rows[i].complaints);
	}
}

static void test_store(void **state)
{
	static const struct {
		uint64_t bytes, free_bytes, dead;
		bool has_failed;
		const char *complaints;
	} rows[] = {
		{ 900, 1 << 30, 0, false, "" },
		{ 901, 1 << 30, 0, false, "store warn" },
		{ 1000, 1 << 30, 0, false, "store fail" },
		{ 1001, 1 << 30, 0, false, "store fail" },
		{ 0, STORE_FREE_MIN, 0, false, "" },
		{ 0, STORE_FREE_MIN - 1, 0, false, "disk fail" },
		{ 0, 1 << 30, 0, true, "store fail" },
		{ 0, 1 << 30, 2, false, "dead letters@cloud warn" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gateway g;

		make_well(&g);
		g.facts.store.bytes = rows[i].bytes;
		g.facts.free_bytes = rows[i].free_bytes;
		g.facts.has_store_failed = rows[i].has_failed;
		g.facts.brokers[0].queue.dead_letters = rows[i].dead;
		assert_string_equal(complaints(&g.facts), rows[i].complaints);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_well),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_unregistered),
		cmocka_unit_test(test_certificate_not_taken),
		cmocka_unit_test(test_brokers),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
