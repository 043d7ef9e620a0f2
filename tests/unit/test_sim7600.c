/* SPDX-License-Identifier: Apache-2.0 */
/* The vendor's tables, and the small readers of answer lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "modem/certs.h"
#include "modem/modem_clock.h"
#include "modem/net_status.h"
#include "modem/sim7600.h"
#include "text.h"

#define COUNT(rows) (sizeof rows / sizeof rows[0])

/* ---- scripts ---- */

static void scripts_are_sound(void **state)
{
	const char *script = "", *why = "";

	(void)state;
	if (sim7600_check_scripts(&script, &why) < 0)
		fail_msg("%s: %s", script, why);
}

#define NOTICE_MAX_MS 60000
#define FENCES_MS     17000 /* three, each behind a longest body that is paid */

/* Maximum response times of the manual; a time-out must be above. is_accepted: there is an OK at
 * once, and the time is that until the result. */
static const struct {
	const char *command;
	uint32_t max_ms;
	bool is_accepted;
} response_times[] = {
	{ "AT+CMQTTSTART", 120000, false }, { "AT+CMQTTSTOP", 120000, false },
	{ "AT+CMQTTREL=", 120000, false }, { "AT+CMQTTCONNECT=", 120000, false },
	{ "AT+CMQTTDISC=", 120000, false }, { "AT+CMQTTPUB=", 120000, true },
	{ "AT+CMQTTSUB=", 120000, true }, { "AT+CMQTTUNSUB=", 120000, true },
	{ "AT+NETOPEN", 120000, true }, { "AT+COPS=", 120000, false },
	{ "AT", 9000, false }, /* every other */
};

static size_t response_time_of(const struct at_step *step)
{
	size_t i;

	for (i = 0; i + 1 < COUNT(response_times); i++)
		if (strncmp(step->send, response_times[i].command,
			strlen(response_times[i].command)) == 0 &&
		    step->send[strlen(response_times[i].command)] != '?')
			break;
	return i;
}

static void timeouts_are_above_the_manual(void **state)
{
	const struct sim7600_script *s;
	const struct at_step *step;

	(void)state;
	for (s = sim7600_scripts; s->name; s++) {
		for (step = s->script; step == s->script || !step[-1].is_last; step++) {
			if (step->timeout_ms <= response_times[response_time_of(step)].max_ms)
				fail_msg("%s: %u ms", step->send, step->timeout_ms);
		}
	}
}

/* However long a command may take: who says nothing is asked in time, and not harmed if the command
 * may be the reason. */
static void silence_is_looked_into(void **state)
{
	const struct sim7600_script *s;
	const struct at_step *step;

	(void)state;
	for (s = sim7600_scripts; s->name; s++) {
		for (step = s->script; step == s->script || !step[-1].is_last; step++) {
			size_t i = response_time_of(step);
			uint32_t silent_ms = step->final_ms > 0 ? step->final_ms : step->timeout_ms;

			if (silent_ms + FENCES_MS > NOTICE_MAX_MS)
				fail_msg("%s: looked into after %u ms", step->send, silent_ms);
			if (silent_ms < response_times[i].max_ms &&
			    !response_times[i].is_accepted && !step->is_slow)
				fail_msg("%s: may be slow", step->send);
		}
	}
}

static void steps_are_where_they_are_said_to_be(void **state)
{
	(void)state;
	assert_string_equal(sim7600_sync_script[SYNC_STEP_MODEL].send, "AT+CGMM");
	assert_string_equal(sim7600_sync_script[SYNC_STEP_REVISION].send, "AT+CGMR");
	assert_string_equal(sim7600_sync_script[SYNC_STEP_IMEI].send, "AT+CGSN");
	assert_non_null(strstr(sim7600_publish_script[PUBLISH_STEP_PUB].send, "CMQTTPUB"));
	assert_non_null(strstr(sim7600_connect_script[CONNECT_STEP_CONNECT].send, "CONNECT"));
}

static void command_names_have_no_parameters(void **state)
{
	char name[32];

	(void)state;
	sim7600_command_name(&sim7600_publish_script[PUBLISH_STEP_PUB], name, sizeof name);
	assert_string_equal(name, "AT+CMQTTPUB");
	sim7600_command_name(sim7600_probe_script, name, sizeof name);
	assert_string_equal(name, "AT+CMQTTACCQ");
}

/* ---- error table ---- */

static void every_error_has_text_and_class(void **state)
{
	unsigned err;

	(void)state;
	for (err = 0; err <= 35; err++) {
		assert_string_not_equal(mqtt_err_text(err), "unknown error");
		assert_true((mqtt_err_class(err) == ERR_CLASS_OK) == (err == 0));
	}
	assert_string_equal(mqtt_err_text(36), "unknown error");
	assert_int_equal(mqtt_err_class(36), ERR_CLASS_SESSION);
	assert_int_equal(mqtt_err_class(UINT32_MAX), ERR_CLASS_SESSION);
	/* 9, 11 and 26 on any command mean that the connection is gone. */
	assert_int_equal(mqtt_err_class(9), ERR_CLASS_SESSION);
	assert_int_equal(mqtt_err_class(11), ERR_CLASS_SESSION);
	assert_int_equal(mqtt_err_class(26), ERR_CLASS_SESSION);
	assert_int_equal(mqtt_err_class(14), ERR_CLASS_RETRY);
	assert_int_equal(mqtt_err_class(22), ERR_CLASS_POISON);
	for (err = 30; err <= 34; err++)
		assert_int_equal(mqtt_err_class(err), ERR_CLASS_CONFIG);
}

/* ---- unsolicited lines ---- */

static const struct {
	const char *line;
	enum urc_kind kind;
} urc_rows[] = {
	{ "RDY", URC_BOOT },
	{ "RDYX", URC_NONE },
	{ "*ATREADY: 1", URC_BOOT },
	{ "SMS DONE", URC_BOOT_LATE },
	{ "PB DONE", URC_BOOT_LATE },
	{ "+CPIN: READY", URC_SIM_READY },
	{ "+CPIN: NOT READY", URC_SIM_GONE },
	{ "+CPIN: SIM PIN", URC_NONE },
	{ "+CMQTTCONNLOST: 0,3", URC_CONNLOST },
	{ "+CMQTTPING: 1,17", URC_PING },
	{ "+CMQTTNONET", URC_NONET },
	{ "+CMQTTRXSTART: 0,9,1520", URC_RX_START },
	{ "+CMQTTRXTOPIC: 0,9", URC_RX_TOPIC },
	{ "+CMQTTRXPAYLOAD: 0,1500", URC_RX_PAYLOAD },
	{ "+CMQTTRXEND: 0", URC_RX_END },
	{ "+CMQTTPUB: 0,0", URC_RESULT },
	{ "+CMQTTSTART: 0", URC_STARTED },
	{ "+CEREG: 1", URC_REGISTRATION },
	{ "+MSTK: 14", URC_NONE },
	{ "+CGEV: NW PDN DEACT 1", URC_NONE },
	{ "", URC_NONE },
};

static void knows_unsolicited_lines(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(urc_rows); i++)
		if (sim7600_urc_kind(span_text(urc_rows[i].line)) != urc_rows[i].kind)
			fail_msg("%s", urc_rows[i].line);
}

/* ---- masking ---- */

static const struct {
	const char *line;
	bool is_expected;
	const char *shown;
} mask_rows[] = {
	{ "OK", false, "OK" },
	{ "+CSQ: 22,99", false, "+CSQ: 22,99" },
	{ "AT+CPIN=\"1234\"", false, "AT+CPIN=***" },
	{ "at+cpin=1234", false, "at+cpin=***" },
	{ "AT +CPIN = 1234", true, "AT +CPIN =***" },
	{ "AT+CMEE=2;+CPIN=\"1234\";+CSQ", true, "AT+CMEE=2;+CPIN=***" },
	{ "AT+CSQ;+CLCK=\"SC\",0,\"1234\"", true, "AT+CSQ;+CLCK=\"SC\",0,***" },
	{ "AT+CPIN?;+CPIN", true, "AT+CPIN?;+CPIN" },
	{ "not of the dialogue, +CPIN=1", false, "<28 bytes>" },
	{ "+CMQTTCONNECT: 0,\"tcp://h:1883\",60,1,\"user\",\"pass\"", false,
	    "+CMQTTCONNECT: 0,\"tcp://h:1883\",60,1,\"user\",***" },
	{ "+CMQTTCONNECT: 0,0", false, "+CMQTTCONNECT: 0,0" },
	{ "AT+CMQTTCONNECT=0,\"tcp://h:1883\",60,1,\"a,b\",\"pass\"", true,
	    "AT+CMQTTCONNECT=0,\"tcp://h:1883\",60,1,\"a,b\",***" },
	{ "AT+CGAUTH=1,3,\"pass\",\"user\"", false, "AT+CGAUTH=1,3,***" },
	{ "AT+CMQTTCFG=\"aliauth\",0,\"key\",\"name\",\"pass\"", true,
	    "AT+CMQTTCFG=\"aliauth\",0,***" },
	{ "MIIEvQIBADANBgkqhkiG9w0BAQEF", false, "<28 bytes>" },
	{ "SIMCOM_SIM7600G-H", false, "<17 bytes>" },
	{ "SIMCOM_SIM7600G-H", true, "SIMCOM_SIM7600G-H" },
	{ ">", false, ">" },
};

static void shows_no_secrets(void **state)
{
	struct buf out;
	size_t i;

	(void)state;
	buf_init(&out, 1024);
	for (i = 0; i < COUNT(mask_rows); i++) {
		buf_clear(&out);
		assert_int_equal(
		    sim7600_mask_line(span_text(mask_rows[i].line), mask_rows[i].is_expected, &out),
		    0);
		assert_int_equal(buf_append_u8(&out, 0), 0);
		assert_string_equal((const char *)buf_data(&out), mask_rows[i].shown);
	}
	buf_fini(&out);
}

static const struct {
	const char *command;
	bool is_fine;
} operator_rows[] = {
	{ "AT", true },
	{ "at+csq", true },
	{ "AT+CMQTTCONNECT?", true },
	{ "AT+CGDCONT=1,\"IP\",\"apn\"", true },
	{ "", false },
	{ "A", false },
	{ "+CSQ", false },
	{ "AT+CSQ\r", false },
	{ "AT\nAT", false },
	{ "AT+CMQTTPAYLOAD=0,10", false },
	{ "AT+CSQ;+cmqttpayload=0,10", false },
	{ "AT+CCERTDOWN=\"a.pem\",10", false },
	{ "ATV0", false },
	{ "AT+CSQ;ATs3=10", false },
	{ "ATS4=0", false },
	{ "AT\xc3\xa4", false },
};

static void lets_only_harmless_commands_through(void **state)
{
	char longest[AT_CMD_MAX + 4];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(operator_rows); i++)
		if (sim7600_is_operator_command(operator_rows[i].command) !=
		    operator_rows[i].is_fine)
			fail_msg("%s", operator_rows[i].command);
	memset(longest, 'X', sizeof longest);
	memcpy(longest, "AT+", 3);
	longest[AT_CMD_MAX + 2] = '\0';
	assert_true(sim7600_is_operator_command(longest));
	longest[AT_CMD_MAX + 2] = 'X';
	longest[AT_CMD_MAX + 3] = '\0';
	assert_false(sim7600_is_operator_command(longest));
}

/* ---- configurations ---- */

static const char *text_of_length(size_t len)
{
	static char text[4][12000];
	static unsigned next;
	char *t = text[next++ % 4];

	memset(t, 'x', len);
	t[len] = '\0';
	return t;
}

static struct broker_config good_broker(void)
{
	return (struct broker_config){
		.name = "cloud",
		.host = "broker.example.com",
		.port = 8883,
		.is_tls = true,
		.client_id = "gateway-17",
		.username = "gw17",
		.password = "secret",
		.keepalive_s = 60,
		.tls = { .ca = TEXT("ca"), .verify = true, .negotiate_s = 60 },
		.reconnect_min_ms = 1000,
		.reconnect_max_ms = 300000,
	};
}

struct broker_row {
	const char *name;
	void (*change)(struct broker_config *cfg);
	bool is_fine;
};

static void nothing(struct broker_config *c)
{
	(void)c;
}
static void id_empty(struct broker_config *c)
{
	c->client_id = "";
}
static void id_128(struct broker_config *c)
{
	c->client_id = text_of_length(128);
}
static void id_129(struct broker_config *c)
{
	c->client_id = text_of_length(129);
}
static void id_quote(struct broker_config *c)
{
	c->client_id = "a\"b";
}
static void id_cr(struct broker_config *c)
{
	c->client_id = "a\rAT+CPOF";
}
static void host_comma(struct broker_config *c)
{
	c->host = "a,b";
}
static void host_long(struct broker_config *c)
{
	c->host = text_of_length(250);
}
static void host_fits(struct broker_config *c)
{
	c->host = text_of_length(MODEM_SERVER_ADDR_MAX - strlen("tcp://:8883"));
}
static void port_0(struct broker_config *c)
{
	c->port = 0;
}
static void user_quote(struct broker_config *c)
{
	c->username = "\"";
}
static void password_lf(struct broker_config *c)
{
	c->password = "a\n";
}
static void password_alone(struct broker_config *c)
{
	c->username = NULL;
}
static void line_fits(struct broker_config *c)
{
	/* +CMQTTCONNECT=1,"tcp://broker.example.com:8883",60,0,"...","..." */
	size_t rest = AT_CMD_MAX - strlen("+CMQTTCONNECT=1,\"tcp://broker.example.com:8883\",60,0,"
					  "\"\",\"\"");

	c->username = text_of_length(256);
	c->password = text_of_length(rest - 256);
}
static void line_too_long(struct broker_config *c)
{
	line_fits(c);
	c->password = text_of_length(strlen(c->password) + 1);
}
static void longest_of_all(struct broker_config *c)
{
	c->host = text_of_length(MODEM_SERVER_ADDR_MAX - strlen("tcp://:8883"));
	c->username = text_of_length(MODEM_CREDENTIAL_MAX);
	c->password = text_of_length(MODEM_CREDENTIAL_MAX);
}
static void keepalive_0(struct broker_config *c)
{
	c->keepalive_s = 0;
}
static void keepalive_long(struct broker_config *c)
{
	c->keepalive_s = 64801;
}
static void no_ca(struct broker_config *c)
{
	c->tls.ca.len = 0;
}
static void no_ca_unverified(struct broker_config *c)
{
	c->tls.ca.len = 0;
	c->tls.verify = false;
}
static void cert_alone(struct broker_config *c)
{
	c->tls.cert = c->tls.ca;
}
static void ca_large(struct broker_config *c)
{
	c->tls.ca.len = MODEM_CERT_MAX + 1;
}
static void context_10(struct broker_config *c)
{
	c->tls.context = 10;
}
static void negotiate_9(struct broker_config *c)
{
	c->tls.negotiate_s = 9;
}
static void will_empty(struct broker_config *c)
{
	c->will.topic = "t";
}
static void will_wildcard(struct broker_config *c)
{
	c->will = (struct message_config){ .topic = "a/#", .payload = TEXT("x") };
}
static void will_fine(struct broker_config *c)
{
	c->will = (struct message_config){ .topic = "a\"b", .payload = TEXT("\r\nOK") };
}
static void will_large(struct broker_config *c)
{
	c->will = (struct message_config){ .topic = "t", .payload = { NULL, 1025 } };
}
static void birth_empty(struct broker_config *c)
{
	c->birth.topic = "t";
}
static void birth_topic_long(struct broker_config *c)
{
	c->birth.topic = text_of_length(1025);
}
static void filter_long(struct broker_config *c)
{
	static struct filter_config f;

	f = (struct filter_config){ .filter = text_of_length(1025) };
	c->filters = &f;
	c->filter_count = 1;
}
static void filter_utf8(struct broker_config *c)
{
	static const struct filter_config f = { .filter = "a\xff" };

	c->filters = &f;
	c->filter_count = 1;
}
static void reconnect_reversed(struct broker_config *c)
{
	c->reconnect_min_ms = 400000;
}

static const struct broker_row broker_rows[] = {
	{ "good", nothing, true },
	{ "client id empty", id_empty, false },
	{ "client id of 128", id_128, true },
	{ "client id of 129", id_129, false },
	{ "client id with a quote", id_quote, false },
	{ "client id with a command", id_cr, false },
	{ "host with a comma", host_comma, false },
	{ "host too long", host_long, false },
	{ "longest host", host_fits, true },
	{ "no port", port_0, false },
	{ "user name with a quote", user_quote, false },
	{ "password with LF", password_lf, false },
	{ "password without user name", password_alone, false },
	{ "no keepalive", keepalive_0, false },
	{ "keepalive too long", keepalive_long, false },
	{ "no CA", no_ca, false },
	{ "no CA, not verified", no_ca_unverified, true },
	{ "certificate without key", cert_alone, false },
	{ "CA too large", ca_large, false },
	{ "context 10", context_10, false },
	{ "handshake of 9 s", negotiate_9, false },
	{ "empty last will", will_empty, false },
	{ "last will to a wildcard", will_wildcard, false },
	{ "last will of any characters", will_fine, true },
	{ "last will too large", will_large, false },
	{ "empty birth message", birth_empty, true },
	{ "birth topic too long", birth_topic_long, false },
	{ "filter too long", filter_long, false },
	{ "filter not UTF-8", filter_utf8, false },
	{ "reconnect reversed", reconnect_reversed, false },
};

static void checks_brokers(void **state)
{
	const struct broker_row *row;

	(void)state;
	for (row = broker_rows; row < broker_rows + COUNT(broker_rows); row++) {
		struct broker_config cfg = good_broker();

		row->change(&cfg);
		if ((sim7600_check_broker(&cfg) == 0) != row->is_fine)
			fail_msg("%s", row->name);
	}
}

/* Which of them fits is for whoever knows the model; the longest of all fits where lines are long.
 */
static void knows_the_longest_connect_line(void **state)
{
	static const struct {
		void (*change)(struct broker_config *cfg);
		bool does_fit;
	} rows[] = { { nothing, true }, { line_fits, true }, { line_too_long, false },
		{ longest_of_all, false } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct broker_config cfg = good_broker();

		rows[i].change(&cfg);
		assert_int_equal(sim7600_check_broker(&cfg), 0);
		assert_int_equal(sim7600_connect_fits(&cfg, AT_CMD_MAX), rows[i].does_fit);
		assert_true(sim7600_connect_fits(&cfg, AT_CMD_LONG_MAX));
	}
}

static const struct {
	struct modem_config cfg;
	bool is_fine;
} modem_rows[] = {
	{ { .apn = "internet", .pdp_type = "IPV4V6", .pin = "1234" }, true },
	{ { 0 }, true },
	{ { .apn = "a\"b" }, false },
	{ { .apn = "a", .apn_user = "u" }, false },
	{ { .apn_user = "u", .apn_password = "p" }, false },
	{ { .apn = "a", .apn_user = "u", .apn_password = "p" }, true },
	{ { .apn = "a", .apn_user = "u", .apn_password = "p\r" }, false },
	{ { .pdp_type = "PPP" }, false },
	{ { .pin = "123" }, false },
	{ { .pin = "12a4" }, false },
	{ { .pin = "123456789" }, false },
};

static void checks_modems(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(modem_rows); i++)
		if ((sim7600_check_modem(&modem_rows[i].cfg) == 0) != modem_rows[i].is_fine)
			fail_msg("row %zu", i);
}

/* ---- clock ---- */

static const struct {
	const char *line;
	int64_t utc_s; /* -1: no time */
} clock_rows[] = {
	{ "+CCLK: \"26/05/01,08:15:30+08\"", 1777616130 },
	{ "+CCLK: \"26/05/01,08:15:30-08\"", 1777630530 },
	{ "+CCLK: \"26/05/01,08:15:30\"", 1777623330 },
	{ "+CCLK: \"2026/05/01,08:15:30+00\"", 1777623330 }, /* seen on SIM7022 */
	{ "+CCLK: \"24/02/29,23:59:59+00\"", 1709251199 },
	{ "+CCLK: \"80/01/06,00:00:00\"", 3471724800 }, /* never set */
	{ "+CCLK: \"26/13/01,08:15:30\"", -1 },
	{ "+CCLK: \"26/05\"", -1 },
	{ "+CCLK: ", -1 },
	{ "+CSQ: 1,2", -1 },
};

static void reads_the_clock(void **state)
{
	const struct host_clock none = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(clock_rows); i++) {
		int64_t utc_s = -1;
		bool is_time = modem_clock_parse(span_text(clock_rows[i].line), &utc_s);

		if (is_time != (clock_rows[i].utc_s >= 0) || utc_s != clock_rows[i].utc_s)
			fail_msg("%s: %lld", clock_rows[i].line, (long long)utc_s);
	}
	assert_true(modem_clock_is_right(1777623330, &none, 0));
	assert_false(modem_clock_is_right(3471724800, &none, 0));
	assert_false(modem_clock_is_right(0, &none, 0));
}

static void compares_the_clock_with_the_host(void **state)
{
	const struct host_clock host = {
		.wall_ms = INT64_C(1777623330000), .at_ms = 5000, .is_plausible = true
	};

	(void)state;
	assert_int_equal(host_clock_now_s(&host, 65000), 1777623390);
	assert_true(modem_clock_is_right(1777623330 + 86000, &host, 5000));
	assert_false(modem_clock_is_right(1777623330 + 87000, &host, 5000));
	assert_false(modem_clock_is_right(1777623330 - 87000, &host, 5000));
}

static void writes_what_it_reads(void **state)
{
	int64_t utc_s, read_s;

	(void)state;
	for (utc_s = 1704067200; utc_s < 3155760000; utc_s += 40000007) {
		char text[MODEM_CLOCK_TEXT];
		char line[64];

		modem_clock_format(utc_s, text);
		snprintf(line, sizeof line, "+CCLK: \"%s\"", text);
		assert_true(modem_clock_parse(span_text(line), &read_s));
		assert_int_equal(read_s, utc_s);
	}
}

/* ---- status lines ---- */

static void reads_the_state_of_the_network(void **state)
{
	struct modem_status s = { 0 };
	struct net_status n;

	(void)state;
	net_status_init(&n, &s);
	net_status_line(&n, span_text("+CREG: 1,3"));
	assert_false(s.is_registered);
	assert_true(net_status_is_denied(&n));
	net_status_line(&n, span_text("+CEREG: 1,5,\"1A2B\",\"01\",7")); /* LTE alone is enough */
	assert_true(s.is_registered && s.is_roaming);
	assert_false(net_status_is_denied(&n));
	net_status_line(&n, span_text("+CEREG: 1")); /* unasked: no first number */
	assert_true(s.is_registered && !s.is_roaming);
	net_status_line(&n, span_text("+CEREG: 2"));
	assert_false(s.is_registered);
	net_status_line(&n, span_text("+CSQ: 22,99"));
	assert_int_equal(s.rssi_dbm, -69);
	net_status_line(&n, span_text("+CSQ: 99,99"));
	assert_int_equal(s.rssi_dbm, 0);
	net_status_line(&n, span_text("+CSQ: 0,0"));
	assert_int_equal(s.rssi_dbm, -113);
	net_status_line(&n, span_text("+COPS: 0,0,\"Some Mobile\",7"));
	assert_string_equal(s.operator_name, "Some Mobile");
	assert_string_equal(s.technology, "LTE");
	net_status_line(&n, span_text("+CPSI: WCDMA,Online,214-03"));
	assert_string_equal(s.technology, "UMTS");
	net_status_line(&n, span_text("+COPS: 0"));
	assert_string_equal(s.operator_name, "");
	net_status_model(&n, span_text("SIMCOM_SIM7600G-H"));
	net_status_model(&n, span_text("+CREG: 1"));
	assert_string_equal(s.model, "SIMCOM_SIM7600G-H");
	net_status_revision(&n, span_text("+CGMR: LE20B04SIM7600G22"));
	assert_string_equal(s.revision, "LE20B04SIM7600G22");
	net_status_imei(&n, span_text("864200050000017"));
	assert_string_equal(s.imei, "864200050000017");
	net_status_forget(&n);
	assert_int_equal(s.rssi_dbm, 0);
	assert_string_equal(s.model, "SIMCOM_SIM7600G-H");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_are_sound),
		cmocka_unit_test(timeouts_are_above_the_manual),
		cmocka_unit_test(silence_is_looked_into),
		cmocka_unit_test(steps_are_where_they_are_said_to_be),
		cmocka_unit_test(command_names_have_no_parameters),
		cmocka_unit_test(every_error_has_text_and_class),
		cmocka_unit_test(knows_unsolicited_lines),
		cmocka_unit_test(shows_no_secrets),
		cmocka_unit_test(lets_only_harmless_commands_through),
		cmocka_unit_test(checks_brokers),
		cmocka_unit_test(knows_the_longest_connect_line),
		cmocka_unit_test(checks_modems),
		cmocka_unit_test(reads_the_clock),
		cmocka_unit_test(compares_the_clock_with_the_host),
		cmocka_unit_test(writes_what_it_reads),
		cmocka_unit_test(reads_the_state_of_the_network),
	};

	return cmocka_run_group_tests_name("sim7600", tests, NULL, NULL);
}
