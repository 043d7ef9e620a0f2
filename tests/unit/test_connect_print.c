/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The print of a broker's settings: every setting that a session depends on changes it, no other
 * does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "modem/connect_print.h"
#include "text.h"

static const struct filter_config filters[] = { { "a", 1 }, { "b", 0 } };
static const struct filter_config other_qos[] = { { "a", 1 }, { "b", 1 } };
static const struct filter_config other_name[] = { { "a", 1 }, { "c", 0 } };

static const struct broker_config base = {
	.name = "cloud",
	.host = "h",
	.port = 8883,
	.is_tls = true,
	.client_id = "gw",
	.username = "u",
	.password = "p",
	.keepalive_s = 60,
	.tls = { .ca = TEXT("ca"), .cert = TEXT("cert"), .key = TEXT("key"), .verify = true },
	.will = { .topic = "w", .payload = TEXT("gone"), .qos = 1 },
	.birth = { .topic = "w", .payload = TEXT("here") },
	.reconnect_min_ms = 1000,
	.filters = filters,
	.filter_count = 2,
};

#define CHANGE(name, statement)                   \
	static void name(struct broker_config *c) \
	{                                         \
		statement;                        \
	}

CHANGE(host, c->host = "i")
CHANGE(port, c->port = 1)
CHANGE(client_id, c->client_id = "gx")
CHANGE(no_user, c->username = NULL)
CHANGE(empty_user, c->username = "")
CHANGE(moved_letter, (c->username = "up", c->password = ""))
CHANGE(password, c->password = "q")
CHANGE(keepalive, c->keepalive_s = 61)
CHANGE(clean, c->clean_session = true)
CHANGE(will_topic, c->will.topic = "v")
CHANGE(no_will, c->will.topic = NULL)
CHANGE(will_payload, c->will.payload = (struct span)TEXT("away"))
CHANGE(will_qos, c->will.qos = 0)
CHANGE(plain, c->is_tls = false)
CHANGE(ca, c->tls.ca = (struct span)TEXT("cb"))
CHANGE(cert, c->tls.cert = (struct span)TEXT("certs"))
CHANGE(key, c->tls.key = (struct span)TEXT("kez"))
CHANGE(verify, c->tls.verify = false)
CHANGE(sni, c->tls.sni = true)
CHANGE(check_time, c->tls.check_time = CHECK_TIME_NO)
CHANGE(context, c->tls.context = 7)
CHANGE(filter_qos, c->filters = other_qos)
CHANGE(filter_name, c->filters = other_name)
CHANGE(fewer_filters, c->filter_count = 1)

static void every_setting_counts(void **state)
{
	static void (*const changes[])(struct broker_config *) = { host, port, client_id, no_user,
		empty_user, moved_letter, password, keepalive, clean, will_topic, no_will,
		will_payload, will_qos, plain, ca, cert, key, verify, sni, check_time, context,
		filter_qos, filter_name, fewer_filters };
	enum { COUNT = sizeof changes / sizeof changes[0] };
	char print[COUNT + 1][CONNECT_PRINT_MAX];
	struct broker_config cfg;
	size_t i, k;

	(void)state;
	connect_print(&base, NULL, print[COUNT]);
	assert_int_equal(strlen(print[COUNT]), CONNECT_PRINT_MAX - 1);
	for (i = 0; i < COUNT; i++) {
		cfg = base;
		changes[i](&cfg);
		connect_print(&cfg, NULL, print[i]);
	}
	for (i = 0; i <= COUNT; i++)
		for (k = 0; k < i; k++)
			assert_string_not_equal(print[i], print[k]);
}

/* As while a reload keeps the old ones. */
static void files_in_use_count(void **state)
{
	char print[CONNECT_PRINT_MAX], other[CONNECT_PRINT_MAX];
	struct broker_config cfg = base;
	struct tls_config files = { .ca = TEXT("old ca") };

	(void)state;
	connect_print(&base, &files, print);
	cfg.tls.ca = files.ca;
	cfg.tls.cert = files.cert;
	cfg.tls.key = files.key;
	connect_print(&cfg, NULL, other);
	assert_string_equal(print, other);
	connect_print(&base, NULL, other);
	assert_string_not_equal(print, other);
	/* How they are checked is a matter of the configuration. */
	files.verify = !base.tls.verify;
	connect_print(&base, &files, other);
	assert_string_equal(print, other);
}

CHANGE(name, c->name = "other")
CHANGE(birth, c->birth.topic = NULL)
CHANGE(reconnect, (c->reconnect_min_ms = 5, c->reconnect_max_ms = 6))

static void nothing_else_does(void **state)
{
	static void (*const changes[])(struct broker_config *) = { name, birth, reconnect };
	char print[CONNECT_PRINT_MAX], other[CONNECT_PRINT_MAX];
	struct broker_config cfg;
	size_t i;

	(void)state;
	connect_print(&base, NULL, print);
	for (i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		cfg = base;
		changes[i](&cfg);
		connect_print(&cfg, NULL, other);
		assert_string_equal(print, other);
	}
}

/* It is on disk: another value would cost everybody a connect after an update. */
static void it_stays_the_same(void **state)
{
	char print[CONNECT_PRINT_MAX];

	(void)state;
	connect_print(&base, NULL, print);
	assert_string_equal(print, "9549732465529098");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_setting_counts),
		cmocka_unit_test(files_in_use_count),
		cmocka_unit_test(nothing_else_does),
		cmocka_unit_test(it_stays_the_same),
	};

	return cmocka_run_group_tests_name("connect print", tests, NULL, NULL);
}
