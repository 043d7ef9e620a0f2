/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memmem */
/*
 * The configuration: every mistake with its line, and a complete good file, field by field.
 */
#include "../../daemon/config.h"
#include "../../daemon/config_schema.h"

#include "bridge/config_check.h"

#include "scratch.h"
#include "source_file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Until the end of 2049: openssl ca -selfsign -enddate 20491230000000Z */
#define CERT_WITH(NL)                                                         \
	"-----BEGIN CERTIFICATE-----" NL                                      \
	"MIH/MIGmAgEBMAoGCCqGSM49BAMCMAwxCjAIBgNVBAMMAXQwHhcNMjQwMTAxMDAw" NL \
	"MDAwWhcNNDkxMjMwMDAwMDAwWjAMMQowCAYDVQQDDAF0MFkwEwYHKoZIzj0CAQYI" NL \
	"KoZIzj0DAQcDQgAEH6ZkCSR0Jxi+NevsYn9vhlGdeNM/7LfFMB8lYCwYh1jyIUcb" NL \
	"a71AENTLkLw/29D3NENGfQsZ9MIynPdpPuOkVTAKBggqhkjOPQQDAgNIADBFAiB3" NL \
	"aPHpvziGw1mu2f7/jkCWX2y8LJ/+k24chW8aCVAn0wIhAIT1WHFFEDr6lNTTm1LY" NL \
	"Sn9YimQiqJCgTnmmtv13Vu+I" NL "-----END CERTIFICATE-----" NL

#define CERT     CERT_WITH("\n")
#define DAMAGED  "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
#define KEY      "-----BEGIN PRIVATE KEY-----\nMIIC\n-----END PRIVATE KEY-----\n"

#define TEXT_MAX 32768

/* Beside the configuration. */
static const struct {
	const char *name, *text;
} files[] = {
	{ "ca.pem", CERT },
	{ "crlf.pem", CERT_WITH("\r\n") },
	{ "damaged.pem", DAMAGED },
	{ "key.pem", KEY },
	{ "rsa.pem", "-----BEGIN RSA PRIVATE KEY-----\nMIIC\n-----END RSA PRIVATE KEY-----\n" },
	{ "password", "sec ret\r\n\n" },
	{ "pin", "1234\n" },
	{ "acl", "topic read a/#\n" },
	{ "some.users", "a:$6$x$y\n" },
	{ "inc.conf", "log: { level = \"debug\"; };\n" },
};

static bool is_own_file(const char *name)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (strcmp(files[i].name, name) == 0)
			return true;
	}
	return false;
}

static int load(const char *text, struct config_report *report, struct config **ret)
{
	scratch_write("cmqttd.conf", text);
	config_report_init(report);
	return config_load(scratch_path("cmqttd.conf"), report, ret);
}

/* A remark "FOLDER/EXPECTED", EXPECTED being "FILE:LINE: beginning of the message". */
static bool has_remark(const struct config_report *report, const char *expected)
{
	const char *start = scratch_path(expected);

	for (size_t i = 0; i < report->count; i++) {
		if (strncmp(report->remarks[i].text, start, strlen(start)) == 0)
			return true;
	}
	return false;
}

static void print_remarks(const struct config_report *report)
{
	for (size_t i = 0; i < report->count; i++)
		print_error("  have: %s\n", report->remarks[i].text);
}

/* ---- mistakes ---- */

#define HEAD \
	"brokers: ( {\nname = \"a\"; address = \"mqtt://h\"; client_id = \"c\";\n" /* 2 lines */
#define TAIL   "\n} );\n"
#define BROKER HEAD TAIL /* 4 lines */
#define TLS    "brokers: ( {\nname = \"a\"; address = \"mqtts://h\"; client_id = \"c\";\n"
#define TOPICS HEAD "topics: (\n{ " /* in line 4 */
#define END    " }\n);\n"

struct mistake_row {
	const char *text;
	const char *expected;
};

/* What the table cannot hold. */
static const struct mistake_row mistakes[] = {
	{ HEAD "username = \"u\";\npassword_file = \"nul.password\";" TAIL,
	    "cmqttd.conf:4: \"password_file\" must hold one line of text" },
	{ HEAD "username = \"u\";\npassword_file = \".\";" TAIL,
	    "cmqttd.conf:4: \"password_file\": " },
	{ TLS "tls: {\nca = \"big.pem\"; };" TAIL,
	    "cmqttd.conf:4: \"ca\" is longer than 10240 bytes" },
	{ TLS "tls: {\nca = \"huge.pem\"; };" TAIL,
	    "cmqttd.conf:4: \"ca\" is longer than 10240 bytes" },
};

static void check_mistake(const char *text, const char *expected, bool is_whole)
{
	struct config_report report;
	struct config *config = NULL;
	int r = load(text, &report, &config);

	if (r != -EINVAL || report.mistakes != 1 || report.count != 1 ||
	    !has_remark(&report, expected) ||
	    (is_whole && strlen(report.remarks[0].text) != strlen(scratch_path(expected)))) {
		print_error("%d, %zu mistakes\n%s  want: %s\n", r, report.mistakes, text, expected);
		print_remarks(&report);
		fail();
	}
	assert_null(config);
	config_report_fini(&report);
}

static void test_mistakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++)
		check_mistake(mistakes[i].text, mistakes[i].expected, false);
}

/* ---- the table of mistakes, which the end-to-end tests use as well ---- */

struct table_entry {
	const char *head; /* what stands behind "==== " */
	char *text;
	char *expected; /* NULL: a file */
};

/* Cut the next entry out of the table. */
static bool next_entry(char **at, struct table_entry *ret)
{
	char *end, *line_end, *expected;

	if (!*at)
		return false;
	end = strstr(*at, "\n==== ");
	if (end)
		*end = '\0';
	*ret = (struct table_entry){ .head = *at };
	line_end = strchr(*at, '\n');
	assert_non_null(line_end);
	*line_end = '\0';
	ret->text = line_end + 1;
	expected = strncmp(ret->head, "file ", 5) == 0 ? NULL : strstr(line_end + 1, "---- ");
	if (expected) {
		ret->expected = expected + strlen("---- ");
		expected[0] = '\0';
		ret->expected[strcspn(ret->expected, "\n")] = '\0';
	}
	*at = end ? end + strlen("\n==== ") : NULL;
	return true;
}

/* The last FOLDER/ is that of the file that is named. */
static void expand_folder(const char *expected, char *out, size_t size)
{
	const char *mark = strstr(expected, "FOLDER/");

	if (mark)
		snprintf(out, size, "%.*s%s", (int)(mark - expected), expected,
		    scratch_path(mark + strlen("FOLDER/")));
	else
		snprintf(out, size, "%s", expected);
}

static char *first_entry(void)
{
	char *at = strstr(source_file_read("tests/bad_configs.txt"), "\n==== ");

	assert_non_null(at);
	return at + strlen("\n==== ");
}

/* One mistake each: one message, at the right line, with the expected words and no others. */
static void test_table(void **state)
{
	struct table_entry entry;
	char *at = first_entry();
	size_t count = 0;

	(void)state;
	while (next_entry(&at, &entry)) {
		char expected[1024];

		if (!entry.expected && is_own_file(entry.head + strlen("file ")))
			continue;
		if (!entry.expected) {
			/* The newline before the next head belongs to the file, too. */
			size_t len = strlen(entry.text);

			entry.text[len] = len > 0 ? '\n' : '\0';
			scratch_write_bytes(
			    entry.head + strlen("file "), entry.text, len ? len + 1 : 0);
			continue;
		}
		expand_folder(entry.expected, expected, sizeof(expected));
		check_mistake(entry.text, expected, true);
		count++;
	}
	assert_true(count >= 200);
	for (at = first_entry(); next_entry(&at, &entry);) {
		if (!entry.expected && !is_own_file(entry.head + strlen("file ")))
			unlink(scratch_path(entry.head + strlen("file ")));
	}
}

static bool has_entry(const char *path)
{
	struct table_entry entry;

	for (char *at = first_entry(); next_entry(&at, &entry);) {
		if (strcmp(entry.head, path) == 0)
			return true;
	}
	return false;
}

static void check_keys(const struct config_schema *schema, const char *above)
{
	for (const struct config_key *key = schema->keys; key->name; key++) {
		char path[128];

		snprintf(path, sizeof(path), "%s%s%s", above, *above ? "." : "", key->name);
		if (!has_entry(path)) {
			print_error("no mistake in %s\n", path);
			fail();
		}
		if (key->type == KEY_GROUP || key->type == KEY_LIST)
			check_keys(key->section, path);
	}
}

/* There is a mistake in every key. */
static void test_table_has_all_keys(void **state)
{
	(void)state;
	check_keys(&config_schema_root, "");
}

/* Whatever finds them: the order is that of the file. */
static void test_all_mistakes_in_order(void **state)
{
	static const char *const expected[] = {
		"cmqttd.conf:2: \"address\" must begin with mqtt:// or mqtts://",
		"cmqttd.conf:3: \"keepalive\" must be between 1 and 64800, not 0",
		("cmqttd.conf:4: unknown key \"usr\"; known here: name, address, client_id, "
		 "username, "
		 "password, password_file, keepalive, clean_session, tls, will, birth, gap_topic, "
		 "reconnect, topics"),
		"cmqttd.conf:6: unknown key \"lisenters\"; the nearest known one is \"listeners\"",
		("cmqttd.conf:7: \"level\" must be \"error\", \"warning\", \"info\" or \"debug\", "
		 "not \"x\""),
	};
	static const char text[] = "brokers: ( {\n"
				   "name = \"a\"; address = \"tcp://h\"; client_id = \"c\";\n"
				   "keepalive = 0;\nusr = \"\"; } );\n\nlisenters = 1;\n"
				   "log: { level = \"x\"; };\n";
	struct config_report report;
	struct config *config;
	char summary[200];

	(void)state;
	assert_int_equal(load(text, &report, &config), -EINVAL);
	assert_int_equal(report.count, sizeof(expected) / sizeof(expected[0]));
	for (size_t i = 0; i < report.count; i++)
		assert_string_equal(report.remarks[i].text, scratch_path(expected[i]));
	config_report_summary(&report, summary, sizeof(summary));
	assert_memory_equal(summary, report.remarks[0].text, strlen(report.remarks[0].text));
	assert_true(strlen(summary) < sizeof(summary));
	config_report_fini(&report);
}

/* More mistakes than a report has room for are still counted. */
static void test_countless_mistakes(void **state)
{
	static char text[TEXT_MAX];
	struct config_report report;
	struct config *config;
	size_t used = 0;

	(void)state;
	for (int i = 0; i < 150; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "k%d = 1;\n", i);
	assert_int_equal(load(text, &report, &config), -EINVAL);
	assert_int_equal(report.mistakes, 151);
	assert_int_equal(report.count, CONFIG_REPORT_MAX);
	config_report_fini(&report);
}

static void test_unreadable(void **state)
{
	static const char *const paths[] = { "nothing.conf", "." };
	struct config_report report;
	struct config *config;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		config_report_init(&report);
		assert_int_equal(config_load(scratch_path(paths[i]), &report, &config), -EINVAL);
		assert_int_equal(report.mistakes, 1);
		assert_non_null(strstr(report.remarks[0].text, ": cannot be read: "));
		config_report_fini(&report);
	}
}

/* Whatever is wrong with a secret, it is not shown. */
static void test_secrets_are_not_shown(void **state)
{
	static const char *const texts[] = {
		HEAD "username = \"u\"; password = \"hunter2\\\"\";" TAIL,
		HEAD "username = \"u\"; password = \"hunter2\\n\";" TAIL,
		HEAD "password = \"hunter2\";" TAIL,
		BROKER "modem: { pin = \"hunter2\"; };\n",
		BROKER
		"modem: { apn = \"a\"; apn_user = \"u\"; apn_password = \"hunter2\\\"\"; };\n",
		HEAD "username = \"u\"; password_file = \"hunter2\";" TAIL,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct config_report report;
		struct config *config;

		/* The last one names a file: its name may be shown. */
		assert_int_equal(load(texts[i], &report, &config), -EINVAL);
		for (size_t k = 0; k < report.count && !strstr(texts[i], "_file"); k++)
			assert_null(strstr(report.remarks[k].text, "hunter2"));
		config_report_fini(&report);
	}
}

static const struct {
	const char *format;
	int length;
	const char *expected; /* NULL: fine */
} lengths[] = {
	{ TOPICS "pattern = \"%s\"; direction = \"in\";" END "} );\n", 1024, NULL },
	{ TOPICS "pattern = \"%s\"; direction = \"in\";" END "} );\n", 1025,
	    "cmqttd.conf:4: \"pattern\" is longer than 1024" },
	{ TOPICS "pattern = \"%s\"; direction = \"in\"; remote_prefix = \"ab/\";" END "} );\n",
	    1021, NULL },
	{ TOPICS "pattern = \"%s\"; direction = \"in\"; remote_prefix = \"ab/\";" END "} );\n",
	    1022, "cmqttd.conf:4: \"remote_prefix\" and the pattern together are too long" },
	{ HEAD "birth: { topic = \"%s\"; payload = \"\"; };" TAIL, 1024, NULL },
	{ HEAD "birth: { topic = \"%s\"; payload = \"\"; };" TAIL, 1025,
	    "cmqttd.conf:3: \"topic\" is longer than 1024" },
	{ HEAD "birth: { topic = \"t\"; payload = \"%s\"; };" TAIL, 10240, NULL },
	{ HEAD "birth: { topic = \"t\"; payload = \"%s\"; };" TAIL, 10241,
	    "cmqttd.conf:3: \"payload\" is longer than 10240" },
	{ HEAD "will: { topic = \"t\"; payload = \"%s\"; };" TAIL, 1024, NULL },
	{ HEAD "will: { topic = \"t\"; payload = \"%s\"; };" TAIL, 1025,
	    "cmqttd.conf:3: \"payload\" is longer than 1024" },
	{ "brokers: ( { name = \"a\"; address = \"mqtt://%s:65535\"; client_id = \"c\"; } );\n",
	    244, NULL },
	{ "brokers: ( { name = \"a\"; address = \"mqtt://%s\"; client_id = \"c\"; } );\n", 245,
	    "cmqttd.conf:1: \"address\" has a host name of more than 244 bytes" },
	{ HEAD "username = \"%s\";" TAIL, 256, NULL },
	{ HEAD "username = \"%s\";" TAIL, 257,
	    "cmqttd.conf:3: \"username\" is longer than 256 bytes" },
	{ "brokers: ( { name = \"a\"; address = \"mqtt://h\";\nclient_id = \"%s\"; } );\n", 128,
	    NULL },
	{ "brokers: ( { name = \"a\"; address = \"mqtt://h\";\nclient_id = \"%s\"; } );\n", 129,
	    "cmqttd.conf:2: \"client_id\" is longer than 128 bytes" },
	{ "brokers: ( { name = \"a\"; client_id = \"c\"; address = \"mqtt://h\";\nusername "
	  "= \"%1$s\"; password = \"%1$.256s\"; } );\n",
	    256, NULL },
	{ "control: { address = \"unix:/%s\"; };\n" BROKER, 106, NULL },
	{ "control: { address = \"unix:/%s\"; };\n" BROKER, 107,
	    "cmqttd.conf:1: \"address\" has a path that is too long" },
};

/* 1024 bytes of topic fit, 1025 do not. */
static void test_lengths(void **state)
{
	static char text[TEXT_MAX], value[10242];

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct config_report report;
		struct config *config = NULL;
		int r;

		memset(value, 'a', sizeof(value));
		value[lengths[i].length] = '\0';
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
		snprintf(text, sizeof(text), lengths[i].format, value);
#pragma GCC diagnostic pop
		r = load(text, &report, &config);
		if (r != (lengths[i].expected ? -EINVAL : 0) ||
		    (lengths[i].expected && !has_remark(&report, lengths[i].expected))) {
			print_error("row %zu: %d\n", i, r);
			print_remarks(&report);
			fail();
		}
		config_free(config);
		config_report_fini(&report);
	}
}

/* ---- good ones ---- */

static struct config *load_good(const char *text)
{
	struct config_report report;
	struct config *config = NULL;
	int r = load(text, &report, &config);

	if (r < 0 || report.count > 0)
		print_remarks(&report);
	assert_int_equal(r, 0);
	assert_int_equal(report.count, 0);
	config_report_fini(&report);
	return config;
}

#define assert_span_equal(span, text)                                 \
	do {                                                          \
		assert_int_equal((span).len, strlen(text));           \
		assert_memory_equal((span).data, text, strlen(text)); \
	} while (0)

static const char complete[] =
    "modem: { device = \"/dev/ttyUSB2\"; baud = 921600; flow_control = \"rtscts\";\n"
    "  apn = \"internet\"; apn_user = \"au\"; apn_password = \"ap\"; pdp_type = \"IPV4V6\";\n"
    "  roaming = false; operator = \"26201\"; technology = \"lte\";\n"
    "  pin_file = \"pin\"; power_cycle = \"/bin/true\"; };\n"
    "brokers: (\n"
    "{ name = \"cloud\"; address = \"mqtts://broker.example.com\"; client_id = \"gateway-17\";\n"
    "  username = \"gw17\"; password_file = \"password\"; keepalive = 30; clean_session = true;\n"
    "  tls: { ca = \"crlf.pem\"; cert = \"ca.pem\"; key = \"key.pem\"; verify = true;\n"
    "    version = \"1.2\"; sni = false; check_time = false; context = 7; };\n"
    "  will: { topic = \"gw/17/state\"; payload = \"offline\"; qos = 2; };\n"
    "  birth: { topic = \"gw/17/birth\"; payload = \"online\"; qos = 0; retain = true; };\n"
    "  gap_topic = \"gw/17/gap\"; reconnect: { min = 0.5; max = 60; };\n"
    "  topics: (\n"
    "    { pattern = \"telemetry/#\"; direction = \"out\"; qos = 2; local_prefix = \"l/\";\n"
    "      remote_prefix = \"site/17/\"; priority = 3; ttl = 86400; keep_last = true; },\n"
    "    { pattern = \"cmd/#\"; direction = \"in\"; qos = 0; remote_prefix = \"site/17/\";\n"
    "      retain = true; },\n"
    "    { pattern = \"17/cmd/#\"; direction = \"both\"; qos = 2; remote_prefix = \"site/\"; },\n"
    "    { pattern = \"all\"; direction = \"both\"; } ); },\n"
    "{ name = \"second-1_x\"; address = \"mqtt://10.0.0.1:1884\"; client_id = \"two\";\n"
    "  username = \"u\"; password = \"p w\"; } );\n"
    "listeners: (\n"
    "  { address = \"unix:/tmp/mqtt.sock\"; mode = \"0600\"; group = \"\"; },\n"
    "  { address = \"127.0.0.1:1883\"; allow_anonymous = false; password_file = \"some.users\"; "
    "acl_file = \"acl\"; },\n"
    "  { address = \"[::1]:1884\"; } );\n"
    "control: { address = \"unix:/tmp/control.sock\"; mode = \"666\"; group = \"adm\"; };\n"
    "store: { path = \"/tmp/s.db\"; max_bytes = 5000000000L; overflow = \"drop-oldest\";\n"
    "  durability = \"normal\"; };\n"
    "metrics: { address = \"127.0.0.1:9469\"; };\n"
    "log: { level = \"debug\"; };\n";

static void check_modem(const struct core_config *core)
{
	assert_string_equal(core->modem.device, "/dev/ttyUSB2");
	assert_int_equal(core->modem.baud, 921600);
	assert_true(core->modem.rtscts);
	assert_string_equal(core->modem.apn, "internet");
	assert_string_equal(core->modem.apn_user, "au");
	assert_string_equal(core->modem.apn_password, "ap");
	assert_string_equal(core->modem.pdp_type, "IPV4V6");
	assert_true(core->modem.no_roaming);
	assert_string_equal(core->modem.operator_code, "26201");
	assert_string_equal(core->modem.technology, "lte");
	assert_string_equal(core->modem.pin, "1234");
	assert_true(core->modem.has_power_cycle);
	assert_string_equal(core->power_cycle, "/bin/true");
}

static void check_link(const struct broker_config *link)
{
	assert_string_equal(link->name, "cloud");
	assert_string_equal(link->host, "broker.example.com");
	assert_int_equal(link->port, 8883);
	assert_true(link->is_tls);
	assert_string_equal(link->client_id, "gateway-17");
	assert_string_equal(link->username, "gw17");
	assert_string_equal(link->password, "sec ret");
	assert_int_equal(link->keepalive_s, 30);
	assert_true(link->clean_session);
	assert_span_equal(link->tls.ca, CERT);
	assert_span_equal(link->tls.cert, CERT);
	assert_span_equal(link->tls.key, KEY);
	assert_true(link->tls.verify);
	assert_false(link->tls.sni);
	assert_int_equal(link->tls.check_time, CHECK_TIME_NO);
	assert_int_equal(link->tls.context, 7);
	assert_in_range(link->tls.negotiate_s, 10, 300);
	assert_string_equal(link->will.topic, "gw/17/state");
	assert_span_equal(link->will.payload, "offline");
	assert_int_equal(link->will.qos, 2);
	assert_false(link->will.retain);
	assert_string_equal(link->birth.topic, "gw/17/birth");
	assert_span_equal(link->birth.payload, "online");
	assert_int_equal(link->birth.qos, 0);
	assert_true(link->birth.retain);
	assert_int_equal(link->reconnect_min_ms, 500);
	assert_int_equal(link->reconnect_max_ms, 60000);
}

static void check_routes(const struct core_broker *broker)
{
	const struct route_config *route = broker->routes;

	assert_int_equal(broker->route_count, 4);
	assert_string_equal(broker->gap_topic, "gw/17/gap");
	assert_string_equal(route[0].pattern, "telemetry/#");
	assert_int_equal(route[0].direction, ROUTE_OUT);
	assert_int_equal(route[0].qos, 2);
	assert_string_equal(route[0].local_prefix, "l/");
	assert_string_equal(route[0].remote_prefix, "site/17/");
	assert_int_equal(route[0].priority, 3);
	assert_int_equal(route[0].ttl_s, 86400);
	assert_true(route[0].keep_last);
	assert_false(route[0].retain);
	assert_int_equal(route[1].direction, ROUTE_IN);
	assert_int_equal(route[1].qos, 0);
	assert_string_equal(route[1].local_prefix, "");
	assert_true(route[1].retain);
	assert_int_equal(route[2].direction, ROUTE_BOTH);
	assert_int_equal(route[3].qos, 1);
	assert_int_equal(route[3].priority, 0);
	assert_int_equal(route[3].ttl_s, 0);
	assert_false(route[3].keep_last);
	/* "cmd" of two routes is one subscription, at the higher QoS. */
	assert_int_equal(broker->link.filter_count, 2);
	assert_string_equal(broker->link.filters[0].filter, "site/17/cmd/#");
	assert_int_equal(broker->link.filters[0].qos, 2);
	assert_string_equal(broker->link.filters[1].filter, "all");
	assert_int_equal(broker->link.filters[1].qos, 1);
}

static void check_second(const struct core_broker *broker)
{
	assert_string_equal(broker->link.name, "second-1_x");
	assert_string_equal(broker->link.host, "10.0.0.1");
	assert_int_equal(broker->link.port, 1884);
	assert_false(broker->link.is_tls);
	assert_string_equal(broker->link.password, "p w");
	assert_int_equal(broker->link.keepalive_s, 60);
	assert_false(broker->link.clean_session);
	assert_null(broker->link.will.topic);
	assert_null(broker->link.birth.topic);
	assert_int_equal(broker->link.reconnect_min_ms, 1000);
	assert_int_equal(broker->link.reconnect_max_ms, 300000);
	assert_int_equal(broker->route_count, 0);
	assert_null(broker->gap_topic);
	assert_int_equal(broker->link.filter_count, 0);
}

static void check_listeners(const struct core_config *core)
{
	assert_int_equal(core->listener_count, 3);
	assert_string_equal(core->listeners[0].address, "unix:/tmp/mqtt.sock");
	assert_int_equal(core->listeners[0].mode, 0600);
	assert_null(core->listeners[0].group);
	assert_true(core->listeners[0].mqtt.allow_anonymous);
	assert_null(core->listeners[0].mqtt.auth);
	assert_string_equal(core->listeners[1].mqtt.address, "127.0.0.1:1883");
	assert_false(core->listeners[1].mqtt.allow_anonymous);
	assert_non_null(core->listeners[1].mqtt.auth);
	assert_string_equal(core->listeners[2].address, "[::1]:1884");
}

static void test_complete(void **state)
{
	struct config *config = load_good(complete);
	const struct core_config *core = &config->core;

	(void)state;
	check_modem(core);
	assert_int_equal(core->broker_count, 2);
	check_link(&core->brokers[0].link);
	check_routes(&core->brokers[0]);
	check_second(&core->brokers[1]);
	check_listeners(core);
	assert_string_equal(core->control.address, "unix:/tmp/control.sock");
	assert_int_equal(core->control.mode, 0666);
	assert_string_equal(core->control.group, "adm");
	assert_true(core->control.is_group_named);
	assert_string_equal(core->store.path, "/tmp/s.db");
	assert_true(core->store.max_bytes == UINT64_C(5000000000));
	assert_int_equal(core->store.overflow, STORE_DROP_OLDEST);
	assert_true(core->store.is_normal_durability);
	assert_string_equal(core->metrics_address, "127.0.0.1:9469");
	assert_int_equal(core->log_level, LOG_LEVEL_DEBUG);
	config_free(config);
}

static void test_defaults(void **state)
{
	struct config *config = load_good(
	    "brokers: ( { name = \"a\"; address = \"mqtts://h:99\"; clean_session = true;\n"
	    "tls: { verify = false; }; } );\n");
	const struct core_config *core = &config->core;
	const struct broker_config *link = &core->brokers[0].link;

	(void)state;
	assert_string_equal(core->modem.device, "/dev/cmqttd-modem");
	assert_int_equal(core->modem.baud, 115200);
	assert_false(core->modem.rtscts);
	assert_null(core->modem.apn);
	assert_null(core->modem.pin);
	assert_string_equal(core->modem.pdp_type, "IP");
	assert_null(core->power_cycle);
	assert_memory_equal(link->client_id, "cmqttd", 6);
	assert_int_equal(link->port, 99);
	assert_false(link->tls.verify);
	assert_true(link->tls.sni);
	assert_int_equal(link->tls.check_time, CHECK_TIME_AUTO);
	assert_int_equal(link->tls.context, 0);
	assert_int_equal(link->tls.ca.len, 0);
	assert_int_equal(core->listener_count, 1);
	assert_string_equal(core->listeners[0].address, "unix:" CMQTTD_RUNDIR "/mqtt.sock");
	assert_int_equal(core->listeners[0].mode, 0660);
	assert_string_equal(core->listeners[0].group, "cmqttd");
	assert_false(core->listeners[0].is_group_named);
	assert_false(core->control.is_group_named);
	assert_true(core->listeners[0].mqtt.allow_anonymous);
	assert_string_equal(core->control.address, "unix:" CMQTTD_RUNDIR "/control.sock");
	assert_string_equal(core->store.path, CMQTTD_STATEDIR "/store.db");
	assert_true(core->store.max_bytes == 67108864);
	assert_int_equal(core->store.overflow, STORE_BLOCK);
	assert_false(core->store.is_normal_durability);
	assert_null(core->metrics_address);
	assert_int_equal(core->log_level, LOG_LEVEL_INFO);
	config_free(config);
}

/* Two brokers with TLS have a context each without a word about it. */
static void test_default_contexts(void **state)
{
	struct config *config =
	    load_good("brokers: (\n"
		      "{ name = \"a\"; address = \"mqtts://h\"; client_id = \"c\";\n"
		      "tls: { verify = false; }; },\n"
		      "{ name = \"b\"; address = \"mqtts://i\"; client_id = \"c\";\n"
		      "tls: { verify = false; }; } );\n");

	(void)state;
	assert_int_equal(config->core.brokers[0].link.tls.context, 0);
	assert_int_equal(config->core.brokers[1].link.tls.context, 1);
	config_free(config);
}

/* However an address is written, what is made of it is the same. */
static void test_addresses(void **state)
{
	struct config *config = load_good(
	    BROKER "listeners: ( { address = \"localhost:01883\"; },\n"
		   "{ address = \"[0:0::0:1]:1884\"; }, { address = \"unix://a///b\"; } );\n"
		   "control: { address = \"unix:/c//d\"; };\n"
		   "metrics: { address = \"localhost:9469\"; };\n");
	const struct core_config *core = &config->core;

	(void)state;
	assert_string_equal(core->listeners[0].address, "127.0.0.1:1883");
	assert_string_equal(core->listeners[0].mqtt.address, "127.0.0.1:1883");
	assert_string_equal(core->listeners[1].address, "[::1]:1884");
	assert_string_equal(core->listeners[2].address, "unix:/a/b");
	assert_string_equal(core->control.address, "unix:/c/d");
	assert_string_equal(core->metrics_address, "127.0.0.1:9469");
	config_free(config);
}

/* Some editors begin a file with it. */
static void test_byte_order_mark(void **state)
{
	(void)state;
	config_free(load_good("\xef\xbb\xbf" BROKER));
}

/* A relative @include is looked for beside the file that has it. */
static void test_include(void **state)
{
	struct config *config = load_good(BROKER "@include \"inc.conf\"\n");

	(void)state;
	assert_int_equal(config->core.log_level, LOG_LEVEL_DEBUG);
	config_free(config);
}

/* A credential goes before the file of the same name beside the configuration. */
static void test_credentials(void **state)
{
	struct config *config;

	(void)state;
	scratch_make_folders("credentials");
	scratch_write("credentials/password", "credential");
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", scratch_path("credentials"), 1), 0);
	config = load_good(HEAD "username = \"u\"; password_file = \"password\";" TAIL);
	assert_string_equal(config->core.brokers[0].link.password, "credential");
	config_free(config);
	unlink(scratch_path("credentials/password"));
	config = load_good(HEAD "username = \"u\"; password_file = \"password\";" TAIL);
	assert_string_equal(config->core.brokers[0].link.password, "sec ret");
	config_free(config);
	scratch_write("credentials/cmqttd_password", "of the folder");
	config = load_good(HEAD "username = \"u\"; password_file = \"password\";" TAIL);
	assert_string_equal(config->core.brokers[0].link.password, "of the folder");
	config_free(config);
	unlink(scratch_path("credentials/cmqttd_password"));
	unsetenv("CREDENTIALS_DIRECTORY");
	scratch_write("credentials/only-here", "by hand");
	config = load_good(HEAD "username = \"u\"; password_file = \"only-here\";" TAIL);
	assert_string_equal(config->core.brokers[0].link.password, "by hand");
	config_free(config);
	unlink(scratch_path("credentials/only-here"));
	assert_int_equal(rmdir(scratch_path("credentials")), 0);
}

/* Host 50, user name and password 250 characters: more than 559 with what is around them. */
#define X10  "xxxxxxxxxx"
#define X50  X10 X10 X10 X10 X10
#define X250 X50 X50 X50 X50 X50
#define LONG_LINE                                                                         \
	"brokers: ( { name = \"a\"; client_id = \"c\";\n address = \"mqtt://" X50 "\";\n" \
	"username = \"" X250 "\"; password_file = \"long\"; } );\n"

/* Doubtful, but no mistake. */
static void test_warnings(void **state)
{
	static const struct mistake_row rows[] = {
		{ HEAD "username = \"u\";\npassword = \"p\";" TAIL,
		    "cmqttd.conf:4: warning: \"password\" stands in a file that everybody may "
		    "read" },
		{ BROKER "modem: { pin = \"1234\"; };\n",
		    "cmqttd.conf:5: warning: \"pin\" stands in a file" },
		{ BROKER "modem: { power_cycle = \"/nowhere/at/all\"; };\n",
		    "cmqttd.conf:5: warning: \"power_cycle\": /nowhere/at/all cannot be executed" },
		{ LONG_LINE,
		    "cmqttd.conf:2: warning: address, username and password together are longer "
		    "than a SIM7600 takes on one line (559 characters)" },
		{ HEAD "topics: (\n{ pattern = \"a/#\"; direction = \"out\"; },\n"
		       "{ pattern = \"$a/#\"; direction = \"in\"; },\n"
		       "{ pattern = \"$a/#\"; direction = \"both\"; } );" TAIL,
		    "cmqttd.conf:6: warning: no local client may publish what begins with $" },
		{ HEAD "topics: (\n{ direction = \"out\"; local_prefix = \"$a/\";\n"
		       "pattern = \"#\"; } );" TAIL,
		    "cmqttd.conf:5: warning: no local client may publish what begins with $" },
		{ BROKER "listeners: ( { address = \"unix:/s\";\nallow_anonymous = false; } );\n",
		    "cmqttd.conf:6: warning: without \"password_file\" this listener lets nobody "
		    "in" },
#ifdef HAVE_OPENSSL
		{ "brokers: ( { name = \"a\"; address = \"mqtts://h\"; client_id = \"c\";\n"
		  "  tls: { ca = \"damaged.pem\"; }; } );\n",
		    "cmqttd.conf:2: warning: \"ca\": a certificate in it cannot be read" },
#endif
	};

	(void)state;
	scratch_write("long", X250);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config_report report;
		struct config *config = NULL;

		scratch_write("cmqttd.conf", rows[i].text);
		assert_int_equal(chmod(scratch_path("cmqttd.conf"), 0644), 0);
		config_report_init(&report);
		assert_int_equal(config_load(scratch_path("cmqttd.conf"), &report, &config), 0);
		if (report.count != 1 || report.mistakes != 0 ||
		    !has_remark(&report, rows[i].expected)) {
			print_error("row %zu\n", i);
			print_remarks(&report);
			fail();
		}
		config_free(config);
		config_report_fini(&report);
	}
}

static void test_keys_of_all_kinds(void **state)
{
	struct config *config;

	(void)state;
	config =
	    load_good(TLS "tls: { ca = \"ca.pem\"; cert = \"ca.pem\"; key = \"rsa.pem\"; };" TAIL);
	assert_non_null(memmem(config->core.brokers[0].link.tls.key.data,
	    config->core.brokers[0].link.tls.key.len, "RSA", 3));
	config_free(config);
}

/* ---- the annotated configuration ---- */

static char *read_shipped(void)
{
	return source_file_read("conf/cmqttd.conf");
}

/* "key = default" stands in the text, in use or behind '#', with any blanks. */
static bool shows(const char *text, const char *key, const char *value)
{
	for (const char *at = text; (at = strstr(at, key)); at++) {
		const char *behind = at + strlen(key);

		if (at > text && !strchr(" #\t\n{", at[-1]))
			continue;
		behind += strspn(behind, " ");
		if (*behind != '=' && *behind != ':')
			continue;
		behind += 1 + strspn(behind + 1, " \"");
		if (!value || strncmp(behind, value, strlen(value)) == 0)
			return true;
	}
	return false;
}

static void check_shown(const char *text, const struct config_schema *schema)
{
	for (const struct config_key *key = schema->keys; key->name; key++) {
		if (!shows(text, key->name, key->fallback)) {
			print_error("conf/cmqttd.conf: %s = %s\n", key->name,
			    key->fallback ? key->fallback : "...");
			fail();
		}
		if (key->type == KEY_GROUP || key->type == KEY_LIST)
			check_shown(text, key->section);
	}
}

/* The shipped file shows every key with its default. */
static void test_shipped_shows_all(void **state)
{
	(void)state;
	check_shown(read_shipped(), &config_schema_root);
}

/* As it is it lacks one thing, and says so: the broker. */
static void test_shipped_wants_a_broker(void **state)
{
	struct config_report report;
	struct config *config = NULL;

	(void)state;
	assert_int_equal(load(read_shipped(), &report, &config), -EINVAL);
	assert_int_equal(report.count, 1);
	assert_non_null(
	    strstr(report.remarks[0].text, "\"address\" is not set yet: put the name of"));
	assert_null(config);
	config_report_fini(&report);
}

/* With its marks of comment taken off it is right, but for the files and the broker that it names.
 */
static void test_shipped_is_right(void **state)
{
	char *text = read_shipped();
	struct config_report report;
	struct config *config = NULL;

	(void)state;
	for (char *at = text; (at = strstr(at, "\n#")); at++) {
		/* "#key" is a key out of use, "# text" a comment. */
		if (at[2] != ' ' && at[2] != '\n' && at[2] != '#')
			at[1] = ' ';
	}
	for (char *at = text; (at = strchr(at, '#')); at++) {
		if (at[1] != ' ' && at[1] != '\n' && at[1] != '#' && at[1] != '"')
			*at = ' ';
	}
	load(text, &report, &config);
	for (size_t i = 0; i < report.count; i++) {
		const char *remark = report.remarks[i].text;

		if (!strstr(remark, "cannot be read") && !strstr(remark, "cannot be executed") &&
		    !strstr(remark, "is not set yet")) {
			print_remarks(&report);
			fail();
		}
	}
	config_free(config);
	config_report_fini(&report);
}

/* ---- set-up ---- */

static int setup(void **state)
{
	static char big[2 * 10240 + 2];

	umask(0077);
	if (scratch_make(state) != 0)
		return -1;
	unsetenv("CREDENTIALS_DIRECTORY");
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		scratch_write(files[i].name, files[i].text);
	memset(big, '\n', sizeof(big));
	memcpy(big, CERT, strlen(CERT));
	scratch_write_bytes("big.pem", big, 10241);
	scratch_write_bytes("huge.pem", big, sizeof(big));
	scratch_write_bytes("nul.password", "a\0b", 3);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_has_all_keys),
		cmocka_unit_test(test_all_mistakes_in_order),
		cmocka_unit_test(test_countless_mistakes),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_secrets_are_not_shown),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_default_contexts),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_byte_order_mark),
		cmocka_unit_test(test_include),
		cmocka_unit_test(test_credentials),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_keys_of_all_kinds),
		cmocka_unit_test(test_shipped_shows_all),
		cmocka_unit_test(test_shipped_wants_a_broker),
		cmocka_unit_test(test_shipped_is_right),
	};

	return cmocka_run_group_tests(tests, setup, scratch_remove);
}
