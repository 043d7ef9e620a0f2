/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log's table: every code has a number of its own that the catalog explains, and its words.
 */
#include "../../daemon/log.h"
#include "../../daemon/log_limit.h"

#include "modem/sim7600.h"

#include "source_file.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_ids(void **state)
{
	char id[LOG_MESSAGE_ID_LEN + 1], other[LOG_MESSAGE_ID_LEN + 1];

	(void)state;
	for (int i = 0; i < LOG_DAEMON_END; i++) {
		log_message_id(i, id);
		assert_int_equal(strlen(id), 32);
		assert_int_equal(strspn(id, "0123456789abcdef"), 32);
		for (int k = 0; k < i; k++) {
			log_message_id(k, other);
			assert_string_not_equal(id, other);
		}
	}
}

static void test_catalog_explains_all(void **state)
{
	const char *catalog = source_file_read("systemd/cmqttd.catalog");
	int entries = 0;

	(void)state;
	for (int i = 0; i < LOG_DAEMON_END; i++) {
		char id[LOG_MESSAGE_ID_LEN + 1], entry[64];
		const char *at;

		log_message_id(i, id);
		snprintf(entry, sizeof(entry), "\n-- %s\nSubject: ", id);
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
	check_errors(source_file_read("systemd/cmqttd.catalog"), "\n%2u  %s\n");
	check_errors(source_file_read("man/cmqttd.8"), "\n.It %u\n%s.\n");
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

/* Everything that goes to standard error meanwhile. */
static FILE *catch_stderr(int *ret_saved)
{
	FILE *caught = tmpfile();

	assert_non_null(caught);
	fflush(stderr);
	*ret_saved = dup(STDERR_FILENO);
	assert_true(*ret_saved >= 0);
	assert_true(dup2(fileno(caught), STDERR_FILENO) >= 0);
	return caught;
}

static const char *release_stderr(FILE *caught, int saved)
{
	static char text[65536];
	size_t len;

	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(caught);
	len = fread(text, 1, sizeof(text) - 1, caught);
	fclose(caught);
	text[len] = '\0';
	return text;
}

static int count_of(const char *text, const char *what)
{
	int count = 0;

	while ((text = strstr(text, what))) {
		text += strlen(what);
		count++;
	}
	return count;
}

/* Too many lines of one kind are counted, for each broker by itself; what somebody did and debug
 * lines are all written. */
static void test_too_many(void **state)
{
	static const char *const names[] = { "cloud", "backup" };
	struct log_event failed = {
		.code = LOG_BROKER_ERROR, .level = LOG_LEVEL_WARNING, .detail = "26 socket closed"
	};
	struct log_event change = { .code = LOG_CONTROL_CHANGE,
		.level = LOG_LEVEL_INFO,
		.client_index = -1,
		.detail = "drop 1" };
	struct log_event debug = { .code = LOG_BROKER_STATE,
		.level = LOG_LEVEL_DEBUG,
		.client_index = -1,
		.to = "somewhere" };
	const char *text;
	int saved;
	FILE *caught = catch_stderr(&saved);

	(void)state;
	log_set_level(LOG_LEVEL_DEBUG);
	for (int i = 0; i < 2 * LOG_LIMIT_BURST + 5; i++) {
		failed.client_index = i % 2;
		failed.broker = names[i % 2];
		log_event(&failed);
		log_event(&change);
		log_event(&debug);
	}
	log_turn(); /* the minute is not over */
	log_close();
	log_set_level(LOG_LEVEL_INFO);
	text = release_stderr(caught, saved);
	assert_int_equal(
	    count_of(text, "warning: broker cloud: connect failed: 26"), LOG_LIMIT_BURST);
	assert_int_equal(
	    count_of(text, "warning: broker backup: connect failed: 26"), LOG_LIMIT_BURST);
	assert_int_equal(count_of(text, "drop 1"), 2 * LOG_LIMIT_BURST + 5);
	assert_int_equal(count_of(text, "somewhere"), 2 * LOG_LIMIT_BURST + 5);
	assert_int_equal(count_of(text, "more of this kind"), 2);
	assert_non_null(strstr(text,
	    "warning: broker cloud: connect failed: 3 more of this kind since the last line\n"));
	assert_non_null(strstr(text,
	    "warning: broker backup: connect failed: 2 more of this kind since the last line\n"));
}

/* What a client is called makes no line of its own and does not play with a terminal: C0, DEL, and
 * C1 in UTF-8; other characters stay. */
static void test_controls(void **state)
{
	struct log_event event = { .code = LOG_CONTROL_CHANGE,
		.level = LOG_LEVEL_INFO,
		.client_index = -1,
		.detail = "a\nb\033[2Jc\177d\xc2\x9b"
			  "2Je\xc2\xa0\xc3\x9b" };
	const char *text;
	int saved;
	FILE *caught = catch_stderr(&saved);

	(void)state;
	log_event(&event);
	text = release_stderr(caught, saved);
	assert_non_null(strstr(text, ": a?b?[2Jc?d??2Je\xc2\xa0\xc3\x9b\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_catalog_explains_all),
		cmocka_unit_test(test_errors_are_explained),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_controls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
