/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bridges of mosquitto as brokers of cmqttd: what maps, and what is complained about.
 */
#include "../../daemon/ctl_import.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct result {
	char *config, *complaints;
};

static struct result import_as(const char *file, const char *text)
{
	struct result r = { 0 };
	struct mosquitto_conf conf;
	size_t sizes[2];
	char *copy = strdup(text);
	FILE *out = open_memstream(&r.config, &sizes[0]);
	FILE *complaints = open_memstream(&r.complaints, &sizes[1]);

	assert_true(copy && out && complaints);
	mosquitto_conf_read(&conf, copy, file, complaints);
	ctl_import_write(out, &conf);
	fclose(out);
	fclose(complaints);
	free(copy);
	return r;
}

static struct result import(const char *text)
{
	return import_as("m.conf", text);
}

static void forget(struct result *r)
{
	free(r->config);
	free(r->complaints);
}

static void test_whole(void **state)
{
	struct result r = import("# a bridge\r\n"
				 "connection Cloud.1\n"
				 "address broker.example.com:8883 other.example.com\n"
				 "  topic telemetry/# out 1 \"\" site/17/\n"
				 "topic cmd/# in 2 here/ site/17/\n"
				 "topic \"two words/#\" both\n"
				 "remote_clientid gw17\n"
				 "remote_username gw\n"
				 "remote_password a \"b\\c\n"
				 "cleansession true\n"
				 "keepalive_interval 30\n"
				 "restart_timeout 2 60\n"
				 "bridge_cafile /etc/ca.pem\n"
				 "notification_topic gw/17/state\n"
				 "listener 1884 127.0.0.1\n"
				 "listener 0 /run/m.sock\n"
				 "acl_file acl\n");

	(void)state;
	assert_string_equal(r.config,
	    "# Made by \"cmqttctl import\" from m.conf. Name the SIM's access point, and try it:\n"
	    "# cmqttd -t -c FILE\n"
	    "modem: {\n"
	    "  device = \"/dev/cmqttd-modem\";\n"
	    "  # apn = \"internet\";\n"
	    "};\n"
	    "\n"
	    "brokers: (\n"
	    "  {\n"
	    "    name = \"cloud-1\";\n"
	    "    client_id = \"gw17\";\n"
	    "    address = \"mqtts://broker.example.com:8883\";\n"
	    "    username = \"gw\";\n"
	    "    password = \"a \\\"b\\\\c\";\n"
	    "    # Better in a file that only root can read: password_file.\n"
	    "    keepalive = 30;\n"
	    "    clean_session = true;\n"
	    "    reconnect: { min = 2.0; max = 60.0; };\n"
	    "    tls: {\n"
	    "      ca = \"/etc/ca.pem\";\n"
	    "    };\n"
	    "    will: { topic = \"gw/17/state\"; payload = \"0\"; qos = 1; };\n"
	    "    birth: { topic = \"gw/17/state\"; payload = \"1\"; qos = 1; retain = true; };\n"
	    "    topics: (\n"
	    "      { pattern = \"telemetry/#\"; direction = \"out\"; qos = 1; local_prefix = \"\";"
	    " remote_prefix = \"site/17/\"; },\n"
	    "      { pattern = \"cmd/#\"; direction = \"in\"; qos = 2; local_prefix = \"here/\";"
	    " remote_prefix = \"site/17/\"; },\n"
	    "      { pattern = \"two words/#\"; direction = \"both\"; qos = 0; local_prefix = \"\";"
	    " remote_prefix = \"\"; }\n"
	    "    );\n"
	    "  }\n"
	    ");\n"
	    "\n"
	    "listeners: (\n"
	    "  { address = \"127.0.0.1:1884\"; acl_file = \"acl\"; },\n"
	    "  { address = \"unix:/run/m.sock\"; acl_file = \"acl\"; }\n"
	    ");\n");
	assert_non_null(
	    strstr(r.complaints, "m.conf:3: address: \"other.example.com\" is left out"));
	assert_non_null(
	    strstr(r.complaints, "m.conf:2: connection: \"Cloud.1\" is called \"cloud-1\""));
	assert_non_null(strstr(r.complaints, "m.conf:2: topic: what comes in is never retained"));
	assert_non_null(strstr(r.complaints, "m.conf:2: notification_topic: the \"0\""));
	forget(&r);
}

#define BRIDGE "connection c\naddress h\nremote_clientid i\nnotifications_local_only true\n"

/* One further line, and what becomes of it. */
static const struct {
	const char *line;
	const char *config;    /* part of it; NULL: no matter */
	const char *complaint; /* the whole line behind "m.conf:5: "; NULL: none */
} lines[] = {
	{ "topic a/#", "pattern = \"a/#\"; direction = \"out\"; qos = 0;", NULL },
	{ "topic a/# sideways", NULL, "topic: \"sideways\" is not a direction" },
	{ "topic a/# out 3", NULL, "topic: \"3\" is not a number from 0 to 2" },
	{ "topic a/#\tout\t1\tx/\t\"\"", "local_prefix = \"x/\"; remote_prefix = \"\"", NULL },
	{ "topic \"\" out 1 local/temp remote/x/temp",
	    "{ pattern = \"temp\"; direction = \"out\"; qos = 1; local_prefix = \"local/\";"
	    " remote_prefix = \"remote/x/\"; }",
	    NULL },
	{ "topic \"\" out 1 same/name same/name",
	    "{ pattern = \"same/name\"; direction = \"out\"; qos = 1; local_prefix = \"\";"
	    " remote_prefix = \"\"; }",
	    NULL },
	{ "topic \"\" out 1 a/xtemp b/temp", NULL,
	    "topic: one topic under another name: cmqttd exchanges what topics begin with, and"
	    " \"a/xtemp\" and \"b/temp\" do not end alike" },
	{ "topic", NULL, "topic: its value is missing" },
	{ "username u", "username = \"u\";", NULL },
	{ "clientid other", "client_id = \"other\";", NULL },
	{ "keepalive_interval 0", "keepalive = 64800;",
	    "keepalive_interval: the modem has no connection without it: 64800" },
	{ "keepalive_interval -1", "keepalive = 60;",
	    "keepalive_interval: \"-1\" is not a number from 0 to 64800" },
	{ "restart_timeout 7", "reconnect: { min = 7.0; max = 7.0; };", NULL },
	{ "cleansession yes", "clean_session = false;",
	    "cleansession: \"yes\" is neither true nor false" },
	{ "start_type automatic", NULL, NULL },
	{ "start_type lazy", NULL,
	    "start_type: \"lazy\": a broker is connected as soon as it can be, and for good" },
	{ "bridge_protocol_version mqttv311", NULL, NULL },
	{ "bridge_protocol_version mqttv50", NULL,
	    "bridge_protocol_version: \"mqttv50\": the modem speaks MQTT 3.1.1" },
	{ "bridge_insecure false", NULL, NULL },
	{ "bridge_insecure true", NULL,
	    "bridge_insecure: left out: there is no leave for the name alone, and verify = false"
	    " would not check anything" },
	{ "bridge_capath /etc/ssl/certs", "ca = \"ca.pem\";",
	    "bridge_capath: \"/etc/ssl/certs\": put the certificate of the broker's authority into"
	    " tls.ca, one file" },
	{ "try_private false", NULL, NULL },
	{ "try_private true", NULL,
	    "try_private: the modem cannot tell the broker that it is a bridge; echoes on \"both\""
	    " routes are found by their content" },
	{ "bridge_psk 00", NULL, "bridge_psk: the modem knows certificates only" },
	{ "listener 1883 0.0.0.0", "{ address = \"127.0.0.1:1883\"; }",
	    "listener: for programs of this machine alone: 127.0.0.1:1883; another address, with"
	    " allow_anonymous, password_file and acl_file, as cmqttd.conf(5) says" },
	{ "listener 0", NULL, "listener: a Unix socket without a path" },
	{ "persistence true", NULL, NULL },
	{ "no_such_key 1", NULL, "no_such_key: cmqttd has nothing of the kind" },
};

static void test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char text[512], expected[512] = "";
		struct result r;

		print_message("%s\n", lines[i].line);
		snprintf(text, sizeof(text), BRIDGE "%s\ntopic z out\n", lines[i].line);
		if (lines[i].complaint)
			snprintf(expected, sizeof(expected), "m.conf:5: %s\n", lines[i].complaint);
		r = import(text);
		assert_string_equal(r.complaints, expected);
		if (lines[i].config && !strstr(r.config, lines[i].config))
			fail_msg("not in it: %s\n%s", lines[i].config, r.config);
		forget(&r);
	}
}

/* Lines of a bridge that has no room, and lines before any. */
static void test_bridges(void **state)
{
	struct result r = import("topic a out\n" BRIDGE "topic b out\n"
				 "connection d\naddress e:1\nnotifications_local_only true\n"
				 "remote_clientid k\ntopic f out\n"
				 "connection third\naddress g\ntopic nowhere out\n");

	(void)state;
	assert_non_null(
	    strstr(r.complaints, "m.conf:1: topic: no \"connection\" stands before it"));
	assert_non_null(strstr(r.complaints,
	    "m.conf:12: connection: the modem has 2 MQTT clients: \"third\" is left out"));
	assert_non_null(strstr(r.config, "mqtt://h:1883"));
	assert_non_null(strstr(r.config, "mqtt://e:1\""));
	assert_null(strstr(r.config, "nowhere"));
	forget(&r);
	r = import("connection c\ntopic a out\n");
	assert_non_null(strstr(r.complaints, "m.conf:1: connection: has no address: left out"));
	forget(&r);
}

/* What mosquitto takes as it is has to be escaped between quotes. */
static void test_quotes(void **state)
{
	struct result r = import("listener 0 /run/a\"b\\c\n"
				 "connection c\n"
				 "address a\"b\\c\n");

	(void)state;
	assert_non_null(strstr(r.config, "address = \"unix:/run/a\\\"b\\\\c\";"));
	assert_non_null(strstr(r.config, "address = \"mqtt://a\\\"b\\\\c:1883\";"));
	forget(&r);
}

/* Neither the name of the file nor what is in it makes lines of its own or reaches a terminal. */
static void test_controls(void **state)
{
	struct result r = import_as("a\nmodem: {\033[2J", "connection \033[31mc\n"
							  "address h\n"
							  "no\033key 1\n"
							  "start_type \x07\n");

	(void)state;
	assert_non_null(strstr(r.config, "from a\\x0amodem: {\\x1b[2J."));
	assert_null(strpbrk(r.config, "\033\x07"));
	assert_non_null(strstr(r.complaints, "a\\x0amodem: {\\x1b[2J:3: no\\x1bkey: "));
	assert_null(strpbrk(r.complaints, "\033\x07"));
	forget(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quotes),
		cmocka_unit_test(test_controls),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_bridges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
