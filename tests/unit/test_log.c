/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log's table: every code has a number of its own that the catalog explains, and its words.
 */
#include "../../daemon/log.h"

#include "modem/sim7600.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CATALOG_MAX 65536

static const char *read_file(const char *name)
{
	static char text[CATALOG_MAX];
	const char *top = getenv("top_srcdir");
	char path[512];
	FILE *f;
	size_t len;

	snprintf(path, sizeof(path), "%s/%s", top ? top : ".", name);
	f = fopen(path, "r");
	assert_non_null(f);
	len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[len] = '\0';
	return text;
}

static void test_ids(void **state)
{
	(void)state;
	for (int i = 0; i < LOG_DAEMON_END; i++) {
		assert_non_null(log_message_id(i));
		assert_int_equal(strlen(log_message_id(i)), 32);
		assert_int_equal(strspn(log_message_id(i), "0123456789abcdef"), 32);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(log_message_id(i), log_message_id(k));
	}
}

static void test_catalog_explains_all(void **state)
{
	const char *catalog = read_file("systemd/cmqttd.catalog");
	int entries = 0;

	(void)state;
	for (int i = 0; i < LOG_DAEMON_END; i++) {
		char entry[64];
		const char *at;

		snprintf(entry, sizeof(entry), "\n-- %s\nSubject: ", log_message_id(i));
		at = strstr(catalog, entry);
		if (!at)
			print_error("code %d is not explained\n", i);
		assert_non_null(at);
		/* the cause, and, behind a blank line, what to do */
		at = strstr(at, "man:cmqttd(8)\n\n");
		assert_non_null(at);
		at = strstr(at + strlen("man:cmqttd(8)\n\n"), "\n\n");
		if (!at || strncmp(at, "\n\n-- ", 5) == 0)
			print_error("code %d: what is to be done?\n", i);
		assert_non_null(at);
		assert_int_not_equal(strncmp(at, "\n\n-- ", 5), 0);
	}
	for (const char *at = catalog; (at = strstr(at, "\n-- ")); at++)
		entries++;
	assert_int_equal(entries, LOG_DAEMON_END);
}

/* Errors of the modem that a text explains: a line with number and words each, in order, and no
 * others. */
static void check_errors(const char *text, const char *format)
{
	unsigned err;

	for (err = 1; strcmp(mqtt_err_text(err), "unknown error") != 0; err++) {
		char entry[128];
		const char *at;

		snprintf(entry, sizeof(entry), format, err, mqtt_err_text(err));
		at = strstr(text, entry);
		if (!at)
			print_error("error %u is not explained: %s\n", err, entry);
		assert_non_null(at);
		text = at + strlen(entry) - 1;
		/* a sentence on what to do */
		assert_true(isupper((unsigned char)text[1 + strspn(text + 1, " ")]));
	}
	assert_int_equal(err, 36);
	assert_null(strstr(text, "\n36  "));
	assert_null(strstr(text, "\n.It 36\n"));
}

static void test_errors_are_explained(void **state)
{
	(void)state;
	check_errors(read_file("systemd/cmqttd.catalog"), "\n%2u  %s\n");
	check_errors(read_file("man/cmqttd.8"), "\n.It %u\n%s.\n");
}

static void test_words(void **state)
{
	static const struct {
		struct log_event event;
		const char *text;
	} rows[] = {
		{ { .code = LOG_MODEM_STATE,
		      .client_index = -1,
		      .from = "sim",
		      .to = "registering" },
		    "modem: registering" },
		{ { .code = LOG_MODEM_STATE,
		      .from = "sim",
		      .to = "registering",
		      .detail = "the SIM is ready" },
		    "modem: registering (the SIM is ready)" },
		{ { .code = LOG_MODEM_BOOTED, .detail = "the modem has started" },
		    "modem: started by itself" },
		{ { .code = LOG_MODEM_IDENTITY, .detail = "SIM7600, revision 1" },
		    "modem: SIM7600, revision 1" },
		{ { .code = LOG_BROKER_STATE,
		      .broker = "cloud",
		      .from = "waiting",
		      .to = "connecting",
		      .detail = "attempt 2" },
		    "broker cloud: connecting (attempt 2)" },
		{ { .code = LOG_BROKER_ERROR,
		      .broker = "cloud",
		      .err = 30,
		      .from = "connecting",
		      .to = "backoff",
		      .detail = "30 refused, next try in 30 s" },
		    "broker cloud: connect failed: 30 refused, next try in 30 s" },
		{ { .code = LOG_BROKER_OFFLINE,
		      .broker = "cloud",
		      .from = "online",
		      .to = "waiting",
		      .detail = "the modem is gone" },
		    "broker cloud: offline: the modem is gone" },
		{ { .code = LOG_BROKER_ONLINE,
		      .broker = "cloud",
		      .from = "connecting",
		      .to = "online",
		      .detail = "connected" },
		    "broker cloud: online" },
		{ { .code = LOG_MESSAGE_DROPPED,
		      .broker = "cloud",
		      .to = "expired",
		      .detail = "a/topic" },
		    "broker cloud: message dropped: expired: a/topic" },
		{ { .code = LOG_AT_TRAFFIC, .to = ">", .detail = "AT+CSQ" }, "AT > AT+CSQ" },
		{ { .code = LOG_STORE_FULL }, "store is full" },
	};
	char text[LOG_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		log_describe(&rows[i].event, text, sizeof(text));
		assert_string_equal(text, rows[i].text);
		log_describe(&rows[i].event, text, 8);
		assert_int_equal(strlen(text), 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_catalog_explains_all),
		cmocka_unit_test(test_errors_are_explained),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
