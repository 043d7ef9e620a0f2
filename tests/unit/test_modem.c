/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The modem module as a whole against the simulated modem, under a virtual clock: from power-up to
 * two sessions online and what happens then. Every scenario ends with no rule of the modem broken.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/timerq.h"
#include "modem/session.h"
#include "modem_world.h"
#include "text.h"

static const struct modem_config modem_config = {
	.device = "/dev/null",
	.apn = "internet",
	.apn_user = "u",
	.apn_password = "apn-secret",
	.pdp_type = "IP",
};

static struct broker_config tls_broker(void)
{
	struct broker_config cfg = world_full_broker("plant");

	cfg.port = 8883;
	cfg.is_tls = true;
	cfg.tls = (struct tls_config){
		.ca = TEXT("-----BEGIN CERTIFICATE-----\nca\n-----END CERTIFICATE-----\n"),
		.cert = TEXT("-----BEGIN CERTIFICATE-----\nme\n-----END CERTIFICATE-----\n"),
		.key = TEXT("-----BEGIN PRIVATE KEY-----\nkey\n-----END PRIVATE KEY-----\n"),
		.verify = true,
		.sni = true,
		.context = 1,
		.negotiate_s = 60,
	};
	return cfg;
}

static void configure(struct world *w)
{
	struct broker_config plain = world_full_broker("cloud");
	struct broker_config tls = tls_broker();

	modem_configure(w->m, w->now, &modem_config);
	modem_set_broker(w->m, w->now, 0, &plain);
	modem_set_broker(w->m, w->now, 1, &tls);
}

static struct world w;

static int setup(void **state)
{
	(void)state;
	world_init(&w);
	configure(&w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_free(&w);
	return 0;
}

static void go_online(void)
{
	world_go_online(&w, 60000);
}

static void comes_up_with_both_brokers(void **state)
{
	const struct world_broker *plain = &w.broker[0];
	const struct world_broker *tls = &w.broker[1];

	(void)state;
	go_online();
	assert_string_equal(plain->host, "broker.example.com");
	assert_int_equal(plain->port, 1883);
	assert_false(plain->has_tls);
	assert_int_equal(plain->mqtt_version, 4);
	assert_string_equal(plain->will_topic, "gw/17/state");
	assert_string_equal(plain->user, "gw17");
	assert_string_equal(plain->password, "broker-secret");
	assert_string_equal(plain->filters, "site/17/cmd/#/1 news/0 ");
	assert_int_equal(plain->published, 1); /* birth */
	assert_memory_equal(plain->payload, "online", 6);
	assert_true(tls->has_tls);
	assert_int_equal(tls->tls_version, 3);
	assert_int_equal(tls->authmode, 2);
	assert_true(tls->sni);
	assert_false(tls->ignores_time);
	assert_true(tls->ca_len > 0 && tls->cert_len > 0 && tls->key_len > 0);
	assert_int_equal(w.notices[MODEM_NOTICE_CERT_UPLOADED], 3);
	assert_int_equal(w.violations, 0);
}

/* ---- publishing ---- */

static uint8_t bytes[MODEM_PAYLOAD_MAX];

/* Every value, and what looks like results, prompts and ends of messages among them. */
static void fill(uint8_t *to, size_t len)
{
	static const char poison[] = "\r\nOK\r\n+CMQTTRXEND: 0\r\n>\r\nERROR\r\nRDY\r\n";
	size_t i;

	for (i = 0; i < len; i++)
		to[i] = i < sizeof poison ? (uint8_t)poison[i] : (uint8_t)(i * 7);
}

static bool has_result(struct world *world)
{
	return world->results[0] + world->results[1] > 0;
}

static void publish(unsigned client, const struct modem_publish *p)
{
	w.results[0] = 0;
	w.results[1] = 0;
	assert_true(modem_can_publish(w.m, client));
	assert_int_equal(modem_publish(w.m, w.now, client, p), 0);
	assert_false(modem_can_publish(w.m, client));
	assert_true(world_run_until(&w, has_result, 300000));
	assert_int_equal(w.results[client], 1);
}

static void publishes_every_size_unchanged(void **state)
{
	static const size_t sizes[] = { 0, 1, 1500, 1501, MODEM_PAYLOAD_MAX };
	static const size_t topics[] = { 1, MODEM_TOPIC_MAX };
	char topic[MODEM_TOPIC_MAX];
	unsigned client;
	size_t i, t;

	(void)state;
	memset(topic, 't', sizeof topic);
	fill(bytes, sizeof bytes);
	go_online();
	for (client = 0; client < MODEM_CLIENTS; client++) {
		for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
			for (t = 0; t < sizeof topics / sizeof topics[0]; t++) {
				const struct modem_publish p = {
					.topic = { (const uint8_t *)topic, topics[t] },
					.payload = { bytes, sizes[i] },
					.qos = (uint8_t)(i % 3),
					.retain = t == 1,
					.dup = t == 0,
				};

				publish(client, &p);
				assert_int_equal(w.result[client], SEND_OK);
				assert_int_equal(w.broker[client].topic_len, topics[t]);
				assert_int_equal(w.broker[client].payload_len, sizes[i]);
				assert_memory_equal(w.broker[client].payload, bytes, sizes[i]);
				assert_int_equal(w.broker[client].qos, i % 3);
				assert_int_equal(w.broker[client].retain, t == 1);
				assert_int_equal(w.broker[client].dup, t == 0 && i % 3 > 0);
			}
		}
	}
	assert_int_equal(w.violations, 0);
}

static const struct modem_publish message = {
	.topic = TEXT("t"), .payload = TEXT("payload-secret"), .qos = 1
};

static void refuses_what_the_modem_cannot_take(void **state)
{
	struct modem_publish p = message;

	(void)state;
	assert_int_equal(modem_publish(w.m, w.now, 0, &p), -EBUSY);
	go_online();
	p.topic.len = 0;
	assert_int_equal(modem_publish(w.m, w.now, 0, &p), -EINVAL);
	p.topic.len = MODEM_TOPIC_MAX + 1;
	assert_int_equal(modem_publish(w.m, w.now, 0, &p), -EINVAL);
	p = message;
	p.payload.len = MODEM_PAYLOAD_MAX + 1;
	assert_int_equal(modem_publish(w.m, w.now, 0, &p), -EINVAL);
}

struct publish_row {
	const char *name;
	const char *fault;
	uint8_t qos;
	enum send_result result;
	unsigned err;
	bool stays_online;
};

static const struct publish_row publish_rows[] = {
	{ "busy topic", "+CMQTTTOPIC busy", 1, SEND_RETRY, 14, true },
	{ "not connected", "+CMQTTTOPIC err 11", 1, SEND_SESSION, 11, false },
	{ "network not opened", "+CMQTTPAYLOAD err 9", 1, SEND_SESSION, 9, false },
	{ "length", "+CMQTTPAYLOAD err 22", 1, SEND_POISON, 22, true },
	{ "bad UTF-8", "+CMQTTPUB result-err 2", 1, SEND_POISON, 2, true },
	{ "time-out at QoS 1", "+CMQTTPUB result-err 17", 1, SEND_UNKNOWN, 17, false },
	{ "time-out before it was sent", "+CMQTTTOPIC err 17", 1, SEND_RETRY, 17, true },
	{ "time-out at QoS 0 may be out", "+CMQTTPUB result-err 17", 0, SEND_UNKNOWN, 17, false },
	{ "closed at QoS 1", "+CMQTTPUB result-err 26", 1, SEND_UNKNOWN, 26, false },
	{ "closed before it was sent", "+CMQTTPAYLOAD err 26", 1, SEND_SESSION, 26, false },
	{ "no connection to send it on", "+CMQTTPUB err 11", 1, SEND_SESSION, 11, false },
	{ "closed at QoS 0 may be out", "+CMQTTPUB result-err 26", 0, SEND_UNKNOWN, 26, false },
	{ "ERROR, then the number", "+CMQTTPUB error-result 6", 1, SEND_UNKNOWN, 6, false },
	{ "bare ERROR", "+CMQTTPUB error", 1, SEND_RETRY, 0, true },
	{ "no result", "+CMQTTPUB result-lost", 1, SEND_UNKNOWN, 0, false },
	{ "nothing at all", "+CMQTTPUB answer-lost", 1, SEND_UNKNOWN, 0, false },
	{ "lost prompt", "+CMQTTPAYLOAD prompt-lost", 1, SEND_STUCK, 0, false },
	{ "lost byte", "+CMQTTPAYLOAD lose-body-byte 3", 1, SEND_STUCK, 0, false },
	{ "topic never answered", "+CMQTTTOPIC no-answer", 1, SEND_STUCK, 0, false },
	{ "result twice", "+CMQTTPUB result-dup", 1, SEND_OK, 0, true },
	{ "reset", "+CMQTTPUB reset", 1, SEND_UNKNOWN, 0, false },
	{ "reset in the topic", "+CMQTTTOPIC reset", 1, SEND_SESSION, 0, false },
};

static void judges_a_publish(void **state)
{
	const struct publish_row *row = *state;
	struct modem_publish p = message;
	uint64_t begin_ms;

	world_init(&w);
	configure(&w);
	go_online();
	w.went_online[0] = 0;
	w.went_online[1] = 0;
	world_add_fault(&w, row->fault);
	p.qos = row->qos;
	begin_ms = w.now;
	publish(0, &p);
	/* A start of the modem (5 s) ends all that was under way. */
	if (strstr(row->fault, "reset"))
		assert_true(w.now - begin_ms < 8000);
	assert_int_equal(w.result[0], row->result);
	assert_int_equal(w.err[0], row->err);
	world_run(&w, 60000);
	assert_int_equal(w.went_online[0], row->stays_online ? 0 : 1);
	/* Whatever happened, both work again. */
	assert_true(world_both_online(&w));
	publish(0, &message);
	assert_int_equal(w.result[0], SEND_OK);
	publish(1, &message);
	assert_int_equal(w.result[1], SEND_OK);
	assert_int_equal(w.violations, 0);
	world_free(&w);
}

/* The ERROR that goes with a connection (seen) says nothing of the message that was under way. */
static void does_not_believe_an_error_that_goes_with_the_connection(void **state)
{
	(void)state;
	w.fake_cfg.stray = FAKE_STRAY_ERROR_BEFORE;
	go_online();
	w.broker[0].is_silent = true;
	world_add_fault(&w, "+CMQTTPUB answer-lost");
	w.result[0] = SEND_OK;
	assert_int_equal(modem_publish(w.m, w.now, 0, &message), 0);
	world_run(&w, 5000);
	fake_modem_connlost(w.fake, w.now, 0, 1);
	world_run(&w, 5000);
	assert_int_equal(w.result[0], SEND_UNKNOWN);
}

/* The result that comes minutes later must not be taken for the next one's. */
static void never_publishes_again_where_a_result_is_owed(void **state)
{
	(void)state;
	go_online();
	w.went_online[0] = 0;
	world_add_fault(&w, "+CMQTTPUB=0#1 result-late 250000");
	publish(0, &message);
	assert_int_equal(w.result[0], SEND_UNKNOWN);
	assert_int_equal(modem_publish(w.m, w.now, 0, &message), -EBUSY);
	world_run(&w, 10000);
	assert_int_equal(w.went_online[0], 1);
	publish(0, &message);
	assert_int_equal(w.result[0], SEND_OK);
	w.results[0] = 0;
	world_run(&w, 120000);
	assert_int_equal(w.results[0], 0);
	assert_int_equal(w.violations, 0);
}

/* ERROR is all that is said of some messages: they must not stand in the way for ever. */
static void blames_a_message_that_is_refused_again_and_again(void **state)
{
	unsigned i;

	(void)state;
	go_online();
	w.went_online[0] = 0;
	world_add_fault(&w, "+CMQTTPAYLOAD=0*0 error");
	for (i = 1; i < SESSION_RETRIES_MAX; i++) {
		publish(0, &message);
		assert_int_equal(w.result[0], SEND_RETRY);
		world_run(&w, 2000);
	}
	publish(0, &message);
	assert_int_equal(w.result[0], SEND_POISON);
	/* It may be the session after all. */
	world_run(&w, 30000);
	assert_int_equal(w.went_online[0], 1);
	publish(1, &message);
	assert_int_equal(w.result[1], SEND_OK);
	assert_int_equal(w.violations, 0);
}

/* ---- inbound ---- */

static void delivers_every_size_unchanged(void **state)
{
	static const size_t sizes[] = { 0, 1, 1500, 1501, MODEM_PAYLOAD_MAX };
	static const size_t chunks[] = { 4096, 1, 7 };
	uint8_t topic[MODEM_TOPIC_MAX];
	unsigned expected = 0;
	size_t i, c;

	(void)state;
	memset(topic, 'T', sizeof topic);
	fill(bytes, sizeof bytes);
	go_online();
	for (c = 0; c < sizeof chunks / sizeof chunks[0]; c++) {
		w.chunk = chunks[c];
		for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
			fake_modem_up_message(
			    w.fake, w.now, 1, topic, i % 2 ? 1 : sizeof topic, bytes, sizes[i]);
			world_run(&w, 1000);
			assert_int_equal(w.inbound[1], ++expected);
			assert_int_equal(w.topic_len, i % 2 ? 1 : sizeof topic);
			assert_int_equal(w.payload_len, sizes[i]);
			assert_memory_equal(w.payload, bytes, sizes[i]);
		}
	}
	assert_int_equal(w.lost[1], 0);
	assert_int_equal(w.violations, 0);
}

static void keeps_messages_of_two_clients_apart(void **state)
{
	static const uint8_t topic[] = { 't' };

	(void)state;
	w.fake_cfg.rx_interleave = true;
	w.fake_cfg.rx_chunk = 100;
	w.fake_cfg.rx_gap_ms = 5;
	fill(bytes, sizeof bytes);
	go_online();
	fake_modem_up_message(w.fake, w.now, 0, topic, 1, bytes, 3000);
	fake_modem_up_message(w.fake, w.now, 1, topic, 1, bytes, 2000);
	world_run(&w, 5000);
	assert_int_equal(w.inbound[0], 1);
	assert_int_equal(w.inbound[1], 1);
	assert_int_equal(w.lost[0] + w.lost[1], 0);
}

static void sends_no_command_into_a_message(void **state)
{
	static const uint8_t topic[] = { 't' };

	(void)state;
	w.fake_cfg.rx_chunk = 100;
	w.fake_cfg.rx_gap_ms = 50;
	go_online();
	w.during_rx = 0;
	w.results[0] = 0;
	fake_modem_up_message(w.fake, w.now, 1, topic, 1, bytes, 2000);
	world_run(&w, 100);
	assert_int_equal(modem_publish(w.m, w.now, 0, &message), 0);
	assert_true(world_run_until(&w, has_result, 30000));
	assert_int_equal(w.result[0], SEND_OK);
	assert_int_equal(w.inbound[1], 1);
	assert_int_equal(w.during_rx, 0);
}

static void counts_a_message_cut_by_a_reset(void **state)
{
	static const uint8_t topic[] = { 't' };

	(void)state;
	w.fake_cfg.rx_chunk = 100;
	w.fake_cfg.rx_gap_ms = 100;
	go_online();
	fake_modem_up_message(w.fake, w.now, 0, topic, 1, bytes, 3000);
	world_run(&w, 300);
	fake_modem_reset(w.fake, w.now, false);
	world_run(&w, 20000);
	assert_int_equal(w.inbound[0], 0);
	assert_int_equal(w.lost[0], 1);
}

/* ---- the modem's life ---- */

static unsigned commands_with(const char *text)
{
	unsigned n = 0;
	const char *at = w.traces;

	while ((at = strstr(at, text)) != NULL) {
		n++;
		at++;
	}
	return n;
}

static bool are_both_back(struct world *world)
{
	return world->went_online[0] == 2 && world->went_online[1] == 2;
}

static void survives_a_power_cut(void **state)
{
	(void)state;
	go_online();
	fake_modem_power(w.fake, w.now, false);
	world_run(&w, 2000);
	fake_modem_power(w.fake, w.now, true);
	assert_true(world_run_until(&w, are_both_back, 20000));
	world_run(&w, 60000);
	assert_true(world_both_online(&w));
	assert_true(are_both_back(&w));
	assert_int_equal(w.notices[MODEM_NOTICE_BOOTED], 1);
	/* Certificates survive it. */
	assert_int_equal(w.notices[MODEM_NOTICE_CERT_UPLOADED], 3);
	assert_int_equal(w.violations, 0);
}

/* The signs of life are asked for at 140 s and at 171; the start takes 6 s. */
static void notices_a_start_that_says_nothing_but_the_sim(void **state)
{
	(void)state;
	w.fake_cfg.say_rdy = false;
	go_online();
	/* The lines of the first start are no surprise any more. */
	world_run(&w, 150000 - w.now);
	fake_modem_reset(w.fake, w.now, false);
	assert_true(world_run_until(&w, are_both_back, 20000));
}

static void notices_a_start_that_says_nothing_at_all(void **state)
{
	(void)state;
	w.fake_cfg.autobaud = true;
	go_online();
	world_run(&w, 140000 - w.now);
	fake_modem_reset(w.fake, w.now, false);
	assert_true(world_run_until(&w, are_both_back, 150000));
}

static void survives_the_loss_of_the_port(void **state)
{
	(void)state;
	go_online();
	w.has_port = false;
	modem_tty_down(w.m, w.now, EIO);
	world_run(&w, 5000);
	assert_int_equal(modem_get_status(w.m)->state, MODEM_ABSENT);
	assert_int_equal(modem_get_session(w.m, 0)->state, SESSION_WAITING);
	w.has_port = true;
	modem_tty_up(w.m, w.now);
	assert_true(world_run_until(&w, world_both_online, 60000));
	assert_int_equal(w.violations, 0);
}

static void shows_a_port_that_does_not_open(void **state)
{
	(void)state;
	modem_tty_down(w.m, w.now, ENOENT);
	assert_int_equal(modem_get_status(w.m)->state, MODEM_ABSENT);
	modem_tty_down(w.m, w.now, EBUSY);
	assert_int_equal(modem_get_status(w.m)->state, MODEM_OPENING);
	modem_tty_down(w.m, w.now, EACCES);
	assert_int_equal(modem_get_status(w.m)->state, MODEM_OPENING);
	modem_tty_down(w.m, w.now, ENODEV);
	assert_int_equal(modem_get_status(w.m)->state, MODEM_ABSENT);
	modem_tty_down(w.m, w.now, EBUSY);
	go_online();
	assert_int_equal(w.violations, 0);
}

static void gets_to_clean_sessions_after_a_restart_of_the_daemon(void **state)
{
	(void)state;
	go_online();
	world_restart_daemon(&w);
	configure(&w);
	modem_tty_up(w.m, w.now);
	assert_true(world_run_until(&w, world_both_online, 60000));
	assert_int_equal(w.broker[0].connects, 2);
	assert_int_equal(w.broker[0].disconnects, 1);
	assert_int_equal(w.notices[MODEM_NOTICE_CERT_UPLOADED], 3);
	assert_int_equal(w.violations, 0);
}

/* What the shell kept on disk. */
static void remember_held(void)
{
	unsigned i;

	for (i = 0; i < MODEM_CLIENTS; i++)
		modem_set_held(w.m, i, w.held[i]);
}

static void takes_over_sessions_after_a_restart_of_the_daemon(void **state)
{
	uint64_t begin_ms;
	unsigned i;

	(void)state;
	go_online();
	world_restart_daemon(&w);
	configure(&w);
	remember_held();
	w.went_online[0] = 0;
	begin_ms = w.now;
	modem_set_trace(w.m, true);
	w.traces[0] = '\0';
	modem_tty_up(w.m, w.now);
	assert_true(world_run_until(&w, world_both_online, 60000));
	/* 30 commands at 20 ms, and twice the round trip of SUB: nothing else is waited for. */
	assert_true(w.now - begin_ms < 1000);
	for (i = 0; i < MODEM_CLIENTS; i++) {
		assert_int_equal(w.broker[i].connects, 1);
		assert_int_equal(w.broker[i].disconnects, 0);
		assert_int_equal(w.broker[i].aborts, 0);
		assert_int_equal(w.broker[i].subscribed, 4);
		assert_int_equal(w.broker[i].published, 1); /* birth */
	}
	assert_null(strstr(w.traces, "broker-secret"));
	assert_int_equal(commands_with("AT+CMQTTCONNECT="), 0);
	publish(0, &message);
	assert_int_equal(w.result[0], SEND_OK);
	publish(1, &message);
	assert_int_equal(w.result[1], SEND_OK);
	fake_modem_up_message(w.fake, w.now, 0, (const uint8_t *)"t", 1, bytes, 10);
	world_run(&w, 1000);
	assert_int_equal(w.inbound[0], 1);
	/* And once more, from one that took over. */
	world_restart_daemon(&w);
	configure(&w);
	remember_held();
	modem_tty_up(w.m, w.now);
	assert_true(world_run_until(&w, world_both_online, 1000));
	assert_int_equal(w.broker[0].connects, 1);
	assert_int_equal(w.violations, 0);
}

static void closes_sessions_whose_settings_are_others(void **state)
{
	struct broker_config cfg = world_full_broker("cloud");

	(void)state;
	go_online();
	world_restart_daemon(&w);
	configure(&w);
	cfg.will.payload = (struct span)TEXT("another last will");
	modem_set_broker(w.m, w.now, 0, &cfg);
	remember_held();
	modem_tty_up(w.m, w.now);
	assert_true(world_run_until(&w, world_both_online, 60000));
	assert_int_equal(w.broker[0].connects, 2);
	assert_int_equal(w.broker[0].disconnects, 1);
	assert_int_equal(w.broker[0].aborts, 0);
	assert_int_equal(w.broker[1].connects, 1);
	assert_int_equal(w.violations, 0);
}

/* The modem kept its power. */
static void takes_over_sessions_when_the_port_is_back(void **state)
{
	(void)state;
	go_online();
	w.has_port = false;
	modem_tty_down(w.m, w.now, ENODEV);
	world_run(&w, 30000);
	w.has_port = true;
	modem_tty_up(w.m, w.now);
	assert_true(world_run_until(&w, world_both_online, 2000));
	assert_int_equal(w.broker[0].connects, 1);
	assert_int_equal(w.broker[1].connects, 1);
	publish(0, &message);
	assert_int_equal(w.result[0], SEND_OK);
	/* What is known to be dead is not. */
	fake_modem_ping_fail(w.fake, w.now, 0, 17);
	world_run(&w, 10000);
	assert_true(world_both_online(&w));
	assert_int_equal(w.broker[0].connects, 2);
	/* Nor what is wanted anew. */
	assert_int_equal(modem_reconnect(w.m, w.now, 1), 0);
	world_run(&w, 10000);
	assert_int_equal(w.broker[1].connects, 2);
	assert_int_equal(w.violations, 0);
}

/* Whether the message arrived is not known, and it is not sent again on the same connection. */
static void opens_anew_when_the_port_was_lost_in_a_publish(void **state)
{
	(void)state;
	go_online();
	w.broker[0].round_trip_ms = 5000;
	assert_int_equal(modem_publish(w.m, w.now, 0, &message), 0);
	world_run(&w, 1000);
	modem_tty_down(w.m, w.now, ENODEV);
	world_run(&w, 10000);
	assert_int_equal(w.result[0], SEND_UNKNOWN);
	w.broker[0].round_trip_ms = 50;
	modem_tty_up(w.m, w.now);
	assert_true(world_run_until(&w, world_both_online, 60000));
	assert_int_equal(w.broker[0].connects, 2);
	assert_int_equal(w.broker[1].connects, 1);
}

/* Filters that were exchanged in place count as well. */
static void remembers_filters_that_were_exchanged(void **state)
{
	struct broker_config cfg = world_full_broker("cloud");

	(void)state;
	go_online();
	cfg.filter_count = 1;
	modem_set_filters(w.m, w.now, 0, &cfg);
	world_run(&w, 5000);
	assert_int_equal(w.broker[0].unsubscribed, 1);
	world_restart_daemon(&w);
	configure(&w);
	modem_set_broker(w.m, w.now, 0, &cfg);
	remember_held();
	modem_tty_up(w.m, w.now);
	assert_true(world_run_until(&w, world_both_online, 60000));
	assert_int_equal(w.broker[0].connects, 1);
	assert_int_equal(w.broker[1].connects, 1);
}

/* It is killed with a publish in the modem, whose result comes later. */
static void takes_over_a_session_that_is_busy(void **state)
{
	(void)state;
	go_online();
	w.broker[0].round_trip_ms = 20000;
	w.broker[1].round_trip_ms = 20000;
	assert_int_equal(modem_publish(w.m, w.now, 0, &message), 0);
	world_run(&w, 1000);
	world_restart_daemon(&w);
	configure(&w);
	remember_held();
	modem_tty_up(w.m, w.now);
	assert_true(world_run_until(&w, world_both_online, 120000));
	w.broker[0].round_trip_ms = 50;
	assert_int_equal(w.broker[0].connects, 1);
	world_run(&w, 60000);
	publish(0, &message);
	assert_int_equal(w.result[0], SEND_OK);
	assert_int_equal(w.broker[0].connects, 1);
}

static void closes_what_an_earlier_daemon_left(void **state)
{
	(void)state;
	go_online();
	world_restart_daemon(&w);
	modem_configure(w.m, w.now, &modem_config);
	modem_tty_up(w.m, w.now);
	world_run(&w, 10000);
	assert_int_equal(fake_modem_client_state(w.fake, 0), FAKE_CLIENT_FREE);
	assert_int_equal(fake_modem_client_state(w.fake, 1), FAKE_CLIENT_FREE);
	assert_int_equal(w.violations, 0);
}

struct start_row {
	const char *name;
	enum fake_order order;
	enum fake_fail_form fail;
	const char *fault;
	uint32_t start_ms; /* 0: the usual */
	uint32_t limit_ms; /* for both to be online */
	bool asks_early;   /* before the result: it cannot know that there will be one */
};

static const struct start_row start_rows[] = {
	{ "result first", FAKE_RESULT_FIRST, FAKE_FAIL_RESULT_ERROR, NULL, 0, 30000, false },
	{ "OK first", FAKE_OK_FIRST, FAKE_FAIL_RESULT_ERROR, NULL, 0, 30000, false },
	{ "OK only", FAKE_OK_ONLY, FAKE_FAIL_RESULT_ERROR, NULL, 0, 50000, false },
	{ "refused once: 7", FAKE_RESULT_FIRST, FAKE_FAIL_RESULT_ERROR, "+CMQTTSTART err 7", 0,
	    60000, false },
	{ "refused once: ERROR", FAKE_OK_FIRST, FAKE_FAIL_BARE_ERROR, "+CMQTTSTART error", 0, 60000,
	    false },
	{ "refused for long", FAKE_OK_FIRST, FAKE_FAIL_RESULT_ERROR, "+CMQTTSTART*4 err 7", 0,
	    900000, false },
	{ "answer lost", FAKE_OK_FIRST, FAKE_FAIL_RESULT_ERROR, "+CMQTTSTART answer-lost", 0,
	    200000, false },
	{ "NETOPEN refused too", FAKE_OK_FIRST, FAKE_FAIL_BARE_ERROR, "+CMQTTSTART error", 0, 60000,
	    false },
	{ "OK first, 12 s", FAKE_OK_FIRST, FAKE_FAIL_RESULT_ERROR, NULL, 12000, 40000, false },
	{ "OK first, slow", FAKE_OK_FIRST, FAKE_FAIL_RESULT_ERROR, NULL, 100000, 130000, true },
	{ "result first, slow", FAKE_RESULT_FIRST, FAKE_FAIL_RESULT_ERROR, NULL, 100000, 130000,
	    true },
};

static void starts_the_service_whatever_it_says(void **state)
{
	const struct start_row *row = *state;

	world_init(&w);
	configure(&w);
	w.fake_cfg.start_order = row->order;
	w.fake_cfg.start_fail = row->fail;
	w.fake_cfg.netopen_error = row->fault == start_rows[7].fault;
	if (row->start_ms > 0)
		w.fake_cfg.start_ms = row->start_ms;
	world_start(&w);
	if (row->fault)
		world_add_fault(&w, row->fault);
	assert_true(world_run_until(&w, world_both_online, row->limit_ms));
	/* And again, when it runs already, which A76xx say with a bare ERROR. */
	world_restart_daemon(&w);
	configure(&w);
	modem_set_trace(w.m, true);
	if (row->fail == FAKE_FAIL_BARE_ERROR)
		world_add_fault(&w, "+CMQTTSTART error");
	modem_tty_up(w.m, w.now);
	assert_true(world_run_until(&w, world_both_online, 900000));
	assert_int_equal(commands_with("AT+CMQTTSTART"), 1);
	assert_int_equal(modem_recovery_count(w.m, RECOVERY_REBIND), 0);
	assert_int_equal(modem_recovery_count(w.m, RECOVERY_POWER), 0);
	assert_int_equal(w.violations > 0, row->asks_early);
	world_free(&w);
}

static void starts_the_service_again_after_nonet(void **state)
{
	(void)state;
	go_online();
	fake_modem_nonet(w.fake, w.now);
	world_run(&w, 30000);
	assert_true(world_both_online(&w));
	assert_int_equal(w.went_online[0], 2);
	assert_int_equal(w.went_online[1], 2);
	assert_int_equal(w.notices[MODEM_NOTICE_BOOTED], 0);
	assert_int_equal(w.violations, 0);
}

static bool is_recovering(struct world *world)
{
	return world->reopens_asked > 0;
}

static bool is_power_cut(struct world *world)
{
	return world->power_hooks > 0;
}

static void wakes_a_modem_that_hangs(void **state)
{
	struct modem_config cfg = modem_config;

	(void)state;
	cfg.has_power_cycle = true;
	modem_configure(w.m, w.now, &cfg);
	go_online();
	fake_modem_hang(w.fake, w.now);
	assert_true(world_run_until(&w, is_recovering, 120000));
	assert_true(world_run_until(&w, is_power_cut, 300000));
	assert_true(world_run_until(&w, world_both_online, 120000));
	assert_true(modem_recoveries(w.m) >= 2);
	assert_true(w.notices[MODEM_NOTICE_STUCK] > 0);
}

static void never_stops_trying(void **state)
{
	uint64_t recoveries;

	(void)state;
	go_online();
	fake_modem_hang(w.fake, w.now);
	world_run(&w, 7200000);
	recoveries = modem_recoveries(w.m);
	assert_true(recoveries >= 8 && recoveries <= 60); /* growing pauses */
	world_run(&w, 1800000);
	assert_true(modem_recoveries(w.m) > recoveries);
	fake_modem_power(w.fake, w.now, false);
	fake_modem_power(w.fake, w.now, true);
	assert_true(world_run_until(&w, world_both_online, 900000));
}

static void sleeps_when_idle(void **state)
{
	uint64_t due;
	unsigned i;

	(void)state;
	go_online();
	world_run(&w, 10000);
	for (i = 0; i < 20; i++) {
		due = timer_min(modem_deadline(w.m), UINT64_MAX);
		assert_true(due - w.now >= 10000);
		world_run(&w, due - w.now); /* the poll begins */
		world_run(&w, 2000);        /* and ends */
	}
}

/* ---- SIM and clock ---- */

static bool is_ready(struct world *world)
{
	return modem_get_status(world->m)->state == MODEM_READY;
}

static void configure_pin(const char *pin)
{
	struct modem_config cfg = modem_config;

	cfg.pin = pin;
	modem_configure(w.m, w.now, &cfg);
}

/* Most modems say PB DONE some seconds after the service runs: then it is asked whether it has just
 * started, and how it is all the same. */
static void asks_how_it_is_behind_a_late_boot_line(void **state)
{
	(void)state;
	world_start(&w);
	assert_true(world_run_until(&w, is_ready, 60000));
	world_run(&w, 500);
	assert_int_equal(modem_get_status(w.m)->rssi_dbm, 0);
	fake_modem_urc(w.fake, w.now, "PB DONE");
	world_run(&w, 15000);
	assert_int_not_equal(modem_get_status(w.m)->rssi_dbm, 0);
	assert_string_not_equal(modem_get_status(w.m)->operator_name, "");
}

static void enters_the_pin(void **state)
{
	(void)state;
	w.fake_cfg.pin = "1234";
	configure_pin("1234");
	modem_set_trace(w.m, true);
	go_online();
	assert_int_equal(commands_with("AT+CPIN=***"), 1);
	assert_null(strstr(w.traces, "1234"));
	assert_int_equal(w.notices[MODEM_NOTICE_PIN_REFUSED], 0);
}

static void tries_a_wrong_pin_once(void **state)
{
	(void)state;
	w.fake_cfg.pin = "1234";
	configure_pin("9999");
	modem_set_trace(w.m, true);
	world_start(&w);
	world_run(&w, 60000);
	/* Nor after a restart of the modem. */
	fake_modem_reset(w.fake, w.now, true);
	world_run(&w, 3000000);
	assert_int_equal(commands_with("AT+CPIN=***"), 1);
	assert_int_equal(modem_get_status(w.m)->state, MODEM_SIM);
	assert_true(w.notices[MODEM_NOTICE_PIN_REFUSED] >= 1);
	assert_true(w.notices[MODEM_NOTICE_PIN_REFUSED] <= 2);
	/* Another PIN is another matter. */
	configure_pin("1234");
	assert_true(world_run_until(&w, is_ready, 60000));
}

/* The card says that it has cost no attempt. */
static bool has_pin_note(struct world *world)
{
	return world->pin_note[0] != '\0';
}

/* The note is there before the PIN is on the line: a start in between has cost no attempt. */
static void enters_a_pin_that_a_start_kept_back(void **state)
{
	static const char boot[] = "\r\nRDY\r\n";
	struct modem_config cfg = modem_config;

	(void)state;
	cfg.pin = "1234";
	w.fake_cfg.pin = "1234";
	modem_configure(w.m, w.now, &cfg);
	world_start(&w);
	world_add_fault(&w, "+SPIC*99 error");
	assert_true(world_run_until(&w, has_pin_note, 60000));
	modem_rx(w.m, w.now, (const uint8_t *)boot, sizeof boot - 1);
	assert_true(world_run_until(&w, world_both_online, 60000));
}

static void enters_a_pin_again_that_got_lost(void **state)
{
	(void)state;
	w.fake_cfg.pin = "1234";
	configure_pin("1234");
	world_start(&w);
	world_add_fault(&w, "+CPIN=*1 no-answer");
	assert_true(world_run_until(&w, is_ready, 60000));
}

/* Nor more than once: a card that does not count must not be locked. */
static void enters_a_lost_pin_only_once_more(void **state)
{
	(void)state;
	w.fake_cfg.pin = "1234";
	configure_pin("1234");
	world_start(&w);
	world_add_fault(&w, "+CPIN=*2 no-answer");
	assert_false(world_run_until(&w, is_ready, 120000));
	assert_int_equal(w.notices[MODEM_NOTICE_PIN_REFUSED], 1);
}

static void waits_for_a_pin_that_is_not_configured(void **state)
{
	(void)state;
	w.fake_cfg.pin = "1234";
	world_start(&w);
	world_run(&w, 60000);
	assert_int_equal(modem_get_status(w.m)->state, MODEM_SIM);
	assert_int_equal(w.notices[MODEM_NOTICE_PIN_REFUSED], 1);
}

static void waits_for_a_missing_sim(void **state)
{
	(void)state;
	w.fake_cfg.sim_present = false;
	world_start(&w);
	world_run(&w, 300000);
	assert_int_equal(modem_get_status(w.m)->state, MODEM_SIM);
	assert_int_equal(w.notices[MODEM_NOTICE_NO_SIM], 1);
}

static void knows_no_network_without_its_sim(void **state)
{
	(void)state;
	go_online();
	assert_true(modem_get_status(w.m)->is_registered);
	world_add_fault(&w, "+CPIN?*99 error");
	fake_modem_urc(w.fake, w.now, "+SIMCARD: NOT AVAILABLE");
	world_run(&w, 10000);
	assert_int_equal(modem_get_status(w.m)->state, MODEM_SIM);
	assert_false(modem_get_status(w.m)->is_registered);
}

static void waits_for_a_busy_sim(void **state)
{
	(void)state;
	w.fake_cfg.sim_ms = 15000;
	go_online();
	assert_int_equal(w.notices[MODEM_NOTICE_NO_SIM], 0);
}

static void tells_a_denied_registration(void **state)
{
	(void)state;
	w.fake_cfg.register_stat = 3;
	world_start(&w);
	world_run(&w, 120000);
	assert_int_equal(modem_get_status(w.m)->state, MODEM_REGISTERING);
	assert_int_equal(w.notices[MODEM_NOTICE_DENIED], 1);
	fake_modem_set_registration(w.fake, w.now, 5);
	assert_true(world_run_until(&w, world_both_online, 30000));
	assert_true(modem_get_status(w.m)->is_roaming);
}

static void knows_the_signal_while_it_registers(void **state)
{
	(void)state;
	w.fake_cfg.register_stat = 2;
	world_start(&w);
	world_run(&w, 10000);
	assert_int_equal(modem_get_status(w.m)->state, MODEM_REGISTERING);
	assert_int_equal(modem_get_status(w.m)->rssi_dbm, -113 + 2 * 22);
	fake_modem_set_registration(w.fake, w.now, 0);
	world_run(&w, 20000);
	assert_int_equal(modem_get_status(w.m)->rssi_dbm, 0);
}

static void sets_a_wrong_clock_from_the_host(void **state)
{
	(void)state;
	w.fake_cfg.clock_set = false;
	w.fake_cfg.nitz = false;
	modem_set_wall(w.m, w.now, INT64_C(1780000000000), true);
	go_online();
	assert_int_equal(w.notices[MODEM_NOTICE_CLOCK_SET], 1);
	assert_false(w.broker[1].ignores_time);
}

static void does_not_check_dates_without_a_clock(void **state)
{
	(void)state;
	w.fake_cfg.clock_set = false;
	w.fake_cfg.nitz = false;
	go_online();
	assert_int_equal(w.notices[MODEM_NOTICE_CLOCK_SET], 0);
	assert_int_equal(w.notices[MODEM_NOTICE_CLOCK_WRONG], 1);
	assert_true(w.broker[1].ignores_time);
}

/* ---- sessions ---- */

struct connect_row {
	const char *name;
	enum fake_fail_form form;
	unsigned err;
	uint32_t min_retry_ms, max_retry_ms;
	const char *text;
};

static const struct connect_row connect_rows[] = {
	{ "password", FAKE_FAIL_OK_RESULT, 30, 30000, 300000,
	    "refused: bad user name or password" },
	{ "password, result and ERROR", FAKE_FAIL_RESULT_ERROR, 30, 30000, 300000,
	    "refused: bad user name or password" },
	{ "password, ERROR and result", FAKE_FAIL_ERROR_RESULT, 30, 30000, 300000,
	    "refused: bad user name or password" },
	{ "handshake", FAKE_FAIL_OK_RESULT, 32, 30000, 300000, "TLS handshake failed" },
	{ "socket", FAKE_FAIL_RESULT_ERROR, 3, 1000, 3000, "socket connect failed" },
	{ "closed", FAKE_FAIL_OK_RESULT, 26, 1000, 3000, "socket closed by the server" },
	{ "bare ERROR", FAKE_FAIL_BARE_ERROR, 3, 1000, 3000, "refused without a reason" },
};

static bool is_other_online(struct world *world)
{
	return modem_get_session(world->m, 0)->state == SESSION_ONLINE &&
	       modem_get_session(world->m, 1)->state == SESSION_BACKOFF;
}

static void tells_why_a_connect_failed(void **state)
{
	const struct connect_row *row = *state;
	const struct session_status *s;

	world_init(&w);
	configure(&w);
	w.fake_cfg.connect_fail = row->form;
	w.broker[1].connect_err = (int)row->err;
	world_start(&w);
	assert_true(world_run_until(&w, is_other_online, 60000));
	s = modem_get_session(w.m, 1);
	assert_int_equal(s->last_error.code, row->form == FAKE_FAIL_BARE_ERROR ? 0 : row->err);
	assert_string_equal(s->last_error.text, row->text);
	assert_string_equal(s->last_error.command, "AT+CMQTTCONNECT");
	assert_in_range(s->retry_at_ms - s->since_ms, row->min_retry_ms, row->max_retry_ms);
	w.broker[1].connect_err = 0;
	assert_true(world_run_until(&w, world_both_online, 400000));
	assert_string_equal(modem_get_session(w.m, 1)->last_error.text, "");
	assert_int_equal(w.went_online[0], 1); /* never touched */
	assert_int_equal(w.violations, 0);
	world_free(&w);
}

static void finds_a_connect_whose_result_was_lost(void **state)
{
	(void)state;
	world_start(&w);
	world_add_fault(&w, "+CMQTTCONNECT=0 result-lost");
	assert_true(world_run_until(&w, world_both_online, 400000));
	assert_int_equal(w.broker[0].connects, 1);
	assert_int_equal(w.violations, 0);
}

static void connects_again_when_the_connection_is_lost(void **state)
{
	int cause;

	(void)state;
	w.fake_cfg.stray = FAKE_STRAY_OK_AFTER;
	go_online();
	for (cause = 1; cause <= 3; cause++) {
		fake_modem_connlost(w.fake, w.now, 0, cause);
		world_run(&w, 15000);
		assert_true(world_both_online(&w));
	}
	assert_int_equal(w.went_online[0], 4);
	assert_int_equal(w.went_online[1], 1);
	assert_int_equal(w.violations, 0);
}

/* The command in flight is not talked into. */
static void waits_for_a_command_when_the_connection_is_lost(void **state)
{
	(void)state;
	w.fake_cfg.latency_ms = 300;
	go_online();
	w.results[0] = 0;
	assert_int_equal(modem_publish(w.m, w.now, 0, &message), 0);
	world_run(&w, 100);
	fake_modem_connlost(w.fake, w.now, 0, 1);
	world_run(&w, 15000);
	assert_int_equal(w.results[0], 1);
	assert_true(w.result[0] == SEND_SESSION || w.result[0] == SEND_UNKNOWN);
	assert_true(world_both_online(&w));
	assert_int_equal(w.violations, 0);
}

static void opens_anew_when_the_keepalive_fails(void **state)
{
	(void)state;
	go_online();
	fake_modem_ping_fail(w.fake, w.now, 1, 17);
	world_run(&w, 10000);
	assert_true(world_both_online(&w));
	assert_int_equal(w.went_online[1], 2);
	assert_int_equal(w.went_online[0], 1);
	assert_int_equal(w.violations, 0);
}

/* Seconds of two hours. */
static unsigned online_for(const char *fault, bool has_power_hook)
{
	struct modem_config cfg = modem_config;
	unsigned online_s = 0;

	world_init(&w);
	cfg.has_power_cycle = has_power_hook;
	configure(&w);
	modem_configure(w.m, w.now, &cfg);
	w.reopens = true;
	world_start(&w);
	world_add_fault(&w, fault);
	for (unsigned n = 0; n < 7200; n++) {
		world_run(&w, 1000);
		online_s += modem_get_session(w.m, 1)->state == SESSION_ONLINE;
	}
	assert_true(modem_get_session(w.m, 0)->attempt > 5);
	world_free(&w);
	return online_s;
}

/* A CONNECT that takes the modem down must not take the other broker down with it again and again.
 */
static void spares_the_other_broker(void **state)
{
	(void)state;
	assert_true(online_for("+CMQTTCONNECT=0*9999 reset", false) > 6000);
	/* The power may be cut three times an hour. */
	assert_true(online_for("+CMQTTCONNECT=0*9999 hang", true) > 200);
}

static void backs_off_more_and_more(void **state)
{
	unsigned early, late;

	(void)state;
	w.broker[0].connect_err = 3;
	world_start(&w);
	world_run(&w, 60000);
	early = w.broker[0].connects;
	world_run(&w, 1800000);
	late = w.broker[0].connects - early;
	assert_in_range(early, 3, 30);
	assert_in_range(late, 6, 60);
	assert_int_equal(modem_get_session(w.m, 0)->attempt, w.broker[0].connects);
}

/* A file that a crash has damaged, say. Some firmwares have an ERROR for it, and no number. */
static void renews_certificates_once_after_a_tls_failure(void **state)
{
	static const enum fake_fail_form forms[] = { FAKE_FAIL_OK_RESULT, FAKE_FAIL_BARE_ERROR };

	(void)state;
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		world_init(&w);
		configure(&w);
		w.fake_cfg.connect_fail = forms[i];
		w.broker[1].connect_err = 32;
		world_start(&w);
		world_run(&w, 1800000);
		assert_true(w.broker[1].connects >= 3);
		assert_int_equal(w.notices[MODEM_NOTICE_CERT_UPLOADED], 6);
		assert_int_equal(w.violations, 0);
		world_free(&w);
	}
}

/* Once may be the line's fault; twice is a context that the modem does not take. */
static void tries_a_refused_context_slowly_the_second_time(void **state)
{
	(void)state;
	world_start(&w);
	world_add_fault(&w, "+CSSLCFG=\"authmode\" error");
	assert_true(world_run_until(&w, world_both_online, 25000));
	assert_int_equal(modem_reconnect(w.m, w.now, 1), 0);
	world_add_fault(&w, "+CSSLCFG=\"authmode\"*2 error");
	world_run(&w, BACKOFF_SLOW_MS);
	assert_int_equal(modem_get_session(w.m, 1)->state, SESSION_BACKOFF);
	assert_true(world_run_until(&w, world_both_online, 100000));
	assert_int_equal(w.violations, 0);
}

/* A modem that never takes the setting, or refuses it for a while. */
static void asks_for_binary_payloads_first(void **state)
{
	(void)state;
	modem_set_trace(w.m, true);
	world_start(&w);
	world_add_fault(&w, "+CMQTTCFG=\"checkUTF8\",0*0 error");
	assert_true(world_run_until(&w, world_both_online, 60000));
	assert_int_equal(commands_with("AT+CMQTTACCQ=0"), SESSION_UTF8_MAX + 1);
	assert_int_equal(w.violations, 0);
}

struct cert_row {
	const char *name;
	const char *fault;
	unsigned deletes;
};

static const struct cert_row cert_rows[] = {
	{ "refused", "+CCERTDOWN error", 1 },
	{ "lost prompt", "+CCERTDOWN prompt-lost", 1 },
	{ "lost byte", "+CCERTDOWN lose-body-byte 10", 1 },
	{ "lost answer", "+CCERTDOWN answer-lost", 1 },
	{ "no list", "+CCERTLIST error", 3 },
	{ "a modem that never has an OK for it", "+CCERTDOWN*99 answer-lost", 3 },
};

static void replaces_a_file_whose_upload_is_not_certain(void **state)
{
	const struct cert_row *row = *state;

	world_init(&w);
	configure(&w);
	w.fake_cfg.certdown_existing_fails = true;
	modem_set_trace(w.m, true);
	world_start(&w);
	world_add_fault(&w, row->fault);
	assert_true(world_run_until(&w, world_both_online, 600000));
	assert_int_equal(commands_with("AT+CCERTDELE="), row->deletes);
	assert_int_equal(w.broker[1].ca_len, strlen("-----BEGIN CERTIFICATE-----\nca\n"
						    "-----END CERTIFICATE-----\n"));
	assert_int_equal(w.violations, 0);
	world_free(&w);
}

static void removes_files_nobody_needs(void **state)
{
	(void)state;
	world_start(&w);
	fake_modem_put_cert(w.fake, "cmqttd-1-ca-0123456789abcdef.pem", bytes, 100);
	fake_modem_put_cert(w.fake, "cmqttd-1-key-0123456789abcdef.pem", bytes, 100);
	fake_modem_put_cert(w.fake, "cmqttd-0-ca-0123456789abcdef.pem", bytes, 100);
	fake_modem_put_cert(w.fake, "somebody.pem", bytes, 100);
	modem_set_trace(w.m, true);
	assert_true(world_run_until(&w, world_both_online, 60000));
	assert_int_equal(commands_with("AT+CCERTDELE=\"cmqttd-1-"), 2);
	assert_int_equal(commands_with("AT+CCERTDELE=\"cmqttd-0-"), 1); /* it has no TLS */
	assert_int_equal(commands_with("AT+CCERTDELE="), 3);
}

struct subscribe_row {
	const char *name;
	const char *fault;
	unsigned subscribed;
	unsigned refused;
	unsigned went_online;
};

static const struct subscribe_row subscribe_rows[] = {
	{ "12 once", "+CMQTTSUBTOPIC=0 err 12", 2, 0, 1 },
	{ "busy", "+CMQTTSUBTOPIC=0*3 busy", 2, 0, 1 },
	{ "SUB busy: staged again, twice does no harm", "+CMQTTSUB=0 result-err 14", 4, 0, 1 },
	{ "filter refused", "+CMQTTSUBTOPIC=0*2 err 12", 1, 1, 1 },
	{ "refused without a number: no list", "+CMQTTSUBTOPIC=0*2 error", 2, 0, 1 },
	{ "list refused", "+CMQTTSUB=0 result-err 12", 2, 0, 1 },
	{ "result lost", "+CMQTTSUB=0 result-lost", 4, 0, 1 },
	{ "session lost", "+CMQTTSUB=0 result-err 26", 2, 0, 1 },
	{ "not connected", "+CMQTTSUBTOPIC=0 err 11", 2, 0, 1 },
	{ "prompt lost", "+CMQTTSUBTOPIC=0 prompt-lost", 2, 0, 1 },
};

static void subscribes_whatever_happens(void **state)
{
	const struct subscribe_row *row = *state;

	world_init(&w);
	configure(&w);
	world_start(&w);
	world_add_fault(&w, row->fault);
	assert_true(world_run_until(&w, world_both_online, 400000));
	assert_int_equal(w.broker[0].subscribed, row->subscribed);
	assert_int_equal(w.notices[MODEM_NOTICE_SUBSCRIBE_FAILED], row->refused);
	assert_int_equal(w.went_online[0], row->went_online);
	assert_int_equal(w.violations, 0);
	world_free(&w);
}

static void exchanges_filters_in_place(void **state)
{
	static const struct filter_config others[] = { { "news", 0 }, { "weather", 2 } };
	struct broker_config cfg = world_full_broker("cloud");

	(void)state;
	go_online();
	w.broker[0].filters[0] = '\0';
	cfg.filters = others;
	modem_set_filters(w.m, w.now, 0, &cfg);
	world_run(&w, 5000);
	assert_string_equal(w.broker[0].filters, "weather/2 ");
	assert_int_equal(w.broker[0].unsubscribed, 1);
	assert_int_equal(w.broker[0].connects, 1);
	assert_true(world_both_online(&w));
	assert_int_equal(w.violations, 0);
}

static void exchanges_a_broker(void **state)
{
	struct broker_config *cfg = malloc(sizeof *cfg);

	(void)state;
	go_online();
	*cfg = world_full_broker("cloud");
	cfg->host = "other.example.com";
	modem_set_broker(w.m, w.now, 0, cfg);
	free(cfg);
	world_run(&w, 5000);
	assert_true(world_both_online(&w));
	assert_string_equal(w.broker[0].host, "other.example.com");
	assert_int_equal(w.broker[0].disconnects, 1);
	assert_int_equal(w.broker[1].connects, 1);
	modem_set_broker(w.m, w.now, 0, NULL);
	world_run(&w, 5000);
	assert_int_equal(modem_get_session(w.m, 0)->state, SESSION_DISABLED);
	assert_int_equal(w.broker[0].disconnects, 2);
	assert_int_equal(w.violations, 0);
}

static void obeys_the_operator(void **state)
{
	(void)state;
	assert_int_equal(modem_disconnect(w.m, w.now, 0), 0);
	world_start(&w);
	world_run(&w, 30000);
	assert_int_equal(modem_get_session(w.m, 0)->state, SESSION_DISABLED);
	assert_int_equal(modem_get_session(w.m, 1)->state, SESSION_ONLINE);
	assert_int_equal(modem_connect(w.m, w.now, 0), 0);
	assert_true(world_run_until(&w, world_both_online, 10000));
	assert_int_equal(modem_disconnect(w.m, w.now, 0), 0);
	world_run(&w, 60000);
	assert_int_equal(modem_get_session(w.m, 0)->state, SESSION_DISABLED);
	assert_int_equal(w.broker[0].disconnects, 1);
	assert_int_equal(fake_modem_client_state(w.fake, 0), FAKE_CLIENT_FREE);
	assert_int_equal(modem_connect(w.m, w.now, 0), 0);
	assert_true(world_run_until(&w, world_both_online, 10000));
	assert_int_equal(modem_reconnect(w.m, w.now, 1), 0);
	world_run(&w, 10000);
	assert_true(world_both_online(&w));
	assert_int_equal(w.went_online[1], 2);
	modem_set_broker(w.m, w.now, 1, NULL);
	assert_int_equal(modem_connect(w.m, w.now, 1), -ENOENT);
	assert_int_equal(w.violations, 0);
}

/* A wish that comes while an operation is under way waits for its end. */
static void obeys_while_an_operation_is_under_way(void **state)
{
	(void)state;
	w.broker[0].round_trip_ms = 3000;
	go_online();
	w.results[0] = 0;
	assert_int_equal(modem_publish(w.m, w.now, 0, &message), 0);
	world_run(&w, 200);
	assert_int_equal(modem_disconnect(w.m, w.now, 0), 0);
	world_run(&w, 20000);
	assert_int_equal(w.results[0], 1);
	assert_int_equal(w.result[0], SEND_OK);
	assert_int_equal(modem_get_session(w.m, 0)->state, SESSION_DISABLED);
	assert_int_equal(w.violations, 0);
}

/* ---- the operator's commands, the trace ---- */

static bool is_at_done(struct world *world)
{
	return world->at_dones > 0;
}

static void runs_a_command_of_the_operator(void **state)
{
	(void)state;
	assert_int_equal(modem_at(w.m, w.now, "AT+CSQ"), -ENOTCONN);
	go_online();
	assert_int_equal(modem_at(w.m, w.now, "AT+CSQ"), 0);
	assert_int_equal(modem_at(w.m, w.now, "AT+CSQ"), -EBUSY);
	assert_true(world_run_until(&w, is_at_done, 10000));
	assert_int_equal(w.at_result, AT_OK);
	assert_string_equal(w.at_lines, "+CSQ: 22,99\n");
	w.at_dones = 0;
	w.at_lines[0] = '\0';
	assert_int_equal(modem_at(w.m, w.now, "AT+CMQTTCONNECT?"), 0);
	assert_true(world_run_until(&w, is_at_done, 10000));
	assert_non_null(strstr(w.at_lines, "tcp://broker.example.com:1883"));
	assert_null(strstr(w.at_lines, "secret"));
	assert_int_equal(modem_at(w.m, w.now, "AT+CMQTTTOPIC=0,4"), -EINVAL);
	assert_int_equal(modem_at(w.m, w.now, "hello"), -EINVAL);
	assert_int_equal(modem_at(w.m, w.now, "AT+CSQ\rAT"), -EINVAL);
}

static void shows_no_secret_in_the_trace(void **state)
{
	(void)state;
	fill(bytes, sizeof bytes);
	modem_set_trace(w.m, true);
	go_online();
	publish(0, &message);
	fake_modem_up_message(w.fake, w.now, 0, (const uint8_t *)"t", 1,
	    (const uint8_t *)"inbound-secret", strlen("inbound-secret"));
	assert_int_equal(modem_at(w.m, w.now, "AT+CMQTTCONNECT?"), 0);
	world_run(&w, 5000);
	assert_int_equal(w.inbound[0], 1);
	assert_non_null(strstr(w.traces, "AT+CMQTTCONNECT=0,\"tcp://broker.example.com:1883\""));
	assert_non_null(strstr(w.traces, "SIMCOM_SIM7600G-H"));
	assert_null(strstr(w.traces, "secret"));
	assert_null(strstr(w.traces, "PRIVATE"));
}

/* ---- everything at once ---- */

/* Faults of every kind at every command, drawn from the seed. */
static bool draw_fault(void *ctx, const char *command, struct fake_fault *ret)
{
	static const struct fake_fault faults[] = {
		{ .kind = FAKE_FAULT_NO_ANSWER },
		{ .kind = FAKE_FAULT_ANSWER_LOST },
		{ .kind = FAKE_FAULT_FINAL_LOST },
		{ .kind = FAKE_FAULT_RESULT_LOST },
		{ .kind = FAKE_FAULT_LATE, .ms = 15000 },
		{ .kind = FAKE_FAULT_RESULT_LATE, .ms = 250000 },
		{ .kind = FAKE_FAULT_RESULT_DUP },
		{ .kind = FAKE_FAULT_RESULT_ERR, .number = 26 },
		{ .kind = FAKE_FAULT_RESULT_ERR, .number = 30 },
		{ .kind = FAKE_FAULT_ERROR_RESULT, .number = 6 },
		{ .kind = FAKE_FAULT_ERROR },
		{ .kind = FAKE_FAULT_ERR, .number = 11 },
		{ .kind = FAKE_FAULT_ERR, .number = 12 },
		{ .kind = FAKE_FAULT_BUSY },
		{ .kind = FAKE_FAULT_CME, .number = 100 },
		{ .kind = FAKE_FAULT_GARBAGE, .number = 40 },
		{ .kind = FAKE_FAULT_URC, .text = "+CREG: 1" },
		{ .kind = FAKE_FAULT_LINE_DROP, .number = 1 },
		{ .kind = FAKE_FAULT_LINE_DUP, .number = 1 },
		{ .kind = FAKE_FAULT_PROMPT_LOST },
		{ .kind = FAKE_FAULT_PROMPT_LATE, .ms = 5000 },
		{ .kind = FAKE_FAULT_BODY_BYTE, .number = 2 },
		{ .kind = FAKE_FAULT_RESET },
		{ .kind = FAKE_FAULT_RESET_IN_BODY, .number = 3 },
		{ .kind = FAKE_FAULT_HANG },
	};
	struct world *world = ctx;

	/* The channel's fence is tested where the channel is. */
	if (strstr(command, "+CMEE?") || !prng_chance(&world->prng, world->fault_permille))
		return false;
	*ret = faults[prng_range(&world->prng, 0, sizeof faults / sizeof faults[0] - 1)];
	/* OK for what was not done: not for settings. */
	return ret->kind != FAKE_FAULT_RESULT_ERR || !strstr(command, "SSLCFG");
}

static void publish_if_possible(unsigned client)
{
	if (modem_can_publish(w.m, client))
		assert_int_equal(modem_publish(w.m, w.now, client, &message), 0);
}

#define SEEDS 60

static void comes_back_after_any_faults(void **state)
{
	struct modem_config cfg = modem_config;
	unsigned asked;
	uint64_t seed;

	(void)state;
	world_free(&w);
	for (seed = 1; seed <= SEEDS; seed++) {
		world_init(&w);
		configure(&w);
		cfg.has_power_cycle = true;
		modem_configure(w.m, w.now, &cfg);
		prng_init(&w.prng, seed);
		w.chunk = prng_range(&w.prng, 1, 40);
		w.has_random_faults = true;
		w.fault_permille = 30;
		w.fake_cfg.draw_fault = draw_fault;
		w.fake_cfg.seed = seed;
		world_start(&w);
		for (asked = 0; asked < 600; asked++) {
			world_run(&w, 2000);
			publish_if_possible((unsigned)prng_range(&w.prng, 0, 1));
			if (prng_chance(&w.prng, 100))
				fake_modem_up_message(w.fake, w.now, 0, (const uint8_t *)"t", 1,
				    bytes, prng_range(&w.prng, 0, 4000));
			if (prng_chance(&w.prng, 10))
				fake_modem_connlost(w.fake, w.now, 1, 1);
			if (prng_chance(&w.prng, 5))
				fake_modem_nonet(w.fake, w.now);
		}
		w.fault_permille = 0;
		/* At the worst the power has been cut so often that it has to wait. */
		if (!world_run_until(&w, world_both_online, RECOVERY_HOUR_MS + 600000))
			fail_msg("seed %u does not come back", (unsigned)seed);
		world_run(&w, 400000);
		if (!world_both_online(&w))
			fail_msg("seed %u does not stay", (unsigned)seed);
		w.results[0] = 0;
		publish(0, &message);
		assert_int_equal(w.result[0], SEND_OK);
		if (w.violations > 0)
			fail_msg("seed %u breaks a rule", (unsigned)seed);
		world_free(&w);
	}
	world_init(&w);
	world_start(&w);
}

/* ---- stopping ---- */

static bool has_stopped(struct world *world)
{
	return world->stopped > 0;
}

static void stops_cleanly(void **state)
{
	(void)state;
	go_online();
	modem_stop(w.m, w.now);
	assert_true(world_run_until(&w, has_stopped, MODEM_STOP_MAX_MS));
	assert_int_equal(w.broker[0].disconnects, 1);
	assert_int_equal(w.broker[1].disconnects, 1);
	assert_int_equal(w.broker[0].aborts + w.broker[1].aborts, 0);
	assert_false(fake_modem_service_up(w.fake));
	assert_false(modem_can_publish(w.m, 0));
	assert_int_equal(modem_publish(w.m, w.now, 0, &message), -EBUSY);
	world_run(&w, 600000);
	assert_int_equal(w.stopped, 1);
	assert_int_equal(w.violations, 0);
}

/* Some give no result after the OK, and nobody wants to wait for it at the end. */
static void stops_soon_when_results_never_come(void **state)
{
	unsigned has_learned;

	(void)state;
	for (has_learned = 0; has_learned < 2; has_learned++) {
		world_free(&w);
		world_init(&w);
		configure(&w);
		w.fake_cfg.start_order = FAKE_OK_ONLY;
		w.fake_cfg.stop_order = FAKE_OK_ONLY;
		w.fake_cfg.disc_order = FAKE_OK_ONLY;
		go_online();
		if (has_learned) {
			assert_int_equal(modem_reconnect(w.m, w.now, 0), 0);
			world_run(&w, 30000);
			assert_true(world_both_online(&w));
		}
		modem_stop(w.m, w.now);
		assert_true(world_run_until(&w, has_stopped, 5000));
		assert_int_equal(w.broker[1].disconnects, 1);
		assert_int_equal(w.broker[0].aborts + w.broker[1].aborts, 0);
		assert_int_equal(fake_modem_client_state(w.fake, 0), FAKE_CLIENT_FREE);
		assert_int_equal(fake_modem_client_state(w.fake, 1), FAKE_CLIENT_FREE);
		assert_false(fake_modem_service_up(w.fake));
		assert_int_equal(w.violations, 0);
	}
}

static void stops_in_time_whatever_the_state(void **state)
{
	uint64_t at_ms;

	(void)state;
	for (at_ms = 0; at_ms < 16000; at_ms += 333) {
		if (at_ms > 0) {
			world_init(&w);
			configure(&w);
		}
		w.broker[0].is_silent = true; /* its CONNECT never ends */
		world_start(&w);
		world_run(&w, at_ms);
		modem_stop(w.m, w.now);
		assert_true(world_run_until(&w, has_stopped, MODEM_STOP_MAX_MS));
		world_run(&w, 20000);
		assert_int_equal(w.stopped, 1);
		assert_int_equal(w.violations, 0);
		if (at_ms + 333 < 16000)
			world_free(&w);
	}
}

static void tells_the_outcome_of_a_publish_when_it_stops(void **state)
{
	(void)state;
	go_online();
	w.broker[0].is_silent = true;
	w.results[0] = 0;
	assert_int_equal(modem_publish(w.m, w.now, 0, &message), 0);
	world_run(&w, 500);
	modem_stop(w.m, w.now);
	assert_true(world_run_until(&w, has_stopped, MODEM_STOP_MAX_MS));
	assert_int_equal(w.results[0], 1);
	assert_int_equal(w.result[0], SEND_UNKNOWN);
}

/* ---- a modem that does not tell of its MQTT clients ---- */

struct mute {
	const char *name;
	const char *clients; /* fault of AT+CMQTTACCQ? */
	const char *states;  /* of AT+CMQTTDISC? */
};

static const struct mute mutes[] = {
	{ "no line for the first before OK", "+CMQTTACCQ?*99999 drop-line 1",
	    "+CMQTTDISC?*99999 drop-line 1" },
	{ "refused", "+CMQTTACCQ?*99999 error", "+CMQTTDISC?*99999 error" },
};

static void does_without_the_questions_for_its_clients(void **state)
{
	const struct mute *mute = *state;

	setup(NULL);
	world_start(&w);
	world_add_fault(&w, mute->clients);
	world_add_fault(&w, mute->states);
	assert_true(world_run_until(&w, world_both_online, 60000));
	world_run(&w, 600000);
	assert_int_equal(w.went_online[0], 1);
	assert_int_equal(w.violations, 0);

	/* What an earlier process has left is found out by what is refused. */
	world_restart_daemon(&w);
	configure(&w);
	modem_tty_up(w.m, w.now);
	assert_true(world_run_until(&w, world_both_online, 60000));
	assert_int_equal(w.broker[0].disconnects, 1);

	modem_stop(w.m, w.now);
	assert_true(world_run_until(&w, has_stopped, MODEM_STOP_MAX_MS));
	assert_int_equal(w.broker[0].disconnects, 2);
	assert_int_equal(w.broker[1].disconnects, 2);
	teardown(NULL);
}

/* ---- a modem that knows less than others ---- */

struct lack {
	const char *name;
	const char *fault[6];
};

static const struct lack lacks[] = {
	{ "nothing is said of the SIM", { "+CPIN?*99999 drop-line 1" } },
	{ "registration is refused to tell",
	    { "+CREG=1*9 error", "+CGREG=1*9 error", "+CEREG=1*9 error", "+CREG?*99999 error",
		"+CGREG?*99999 error", "+CEREG?*99999 error" } },
	{ "nothing is said of the registration",
	    { "+CREG=1*9 error", "+CGREG=1*9 error", "+CEREG=1*9 error", "+CREG?*99999 drop-line 1",
		"+CGREG?*99999 drop-line 1", "+CEREG?*99999 drop-line 1" } },
};

static void goes_on_where_nothing_is_said(void **state)
{
	const struct lack *lack = *state;

	setup(NULL);
	world_start(&w);
	for (size_t i = 0; i < 6 && lack->fault[i]; i++)
		world_add_fault(&w, lack->fault[i]);
	assert_true(world_run_until(&w, world_both_online, 60000));
	world_run(&w, 900000);
	assert_int_equal(w.went_online[0], 1);
	assert_int_equal(w.violations, 0);
	teardown(NULL);
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define ROWS(rows, test) \
	add_rows(tests, &count, #test, rows, sizeof rows[0], sizeof rows / sizeof rows[0], test)

/* One test a row; a row begins with its name. */
static void add_rows(struct CMUnitTest *tests, size_t *count, const char *test_name,
    const void *rows, size_t size, size_t n, CMUnitTestFunction test)
{
	static char names[128][96];
	const char *row = rows;
	size_t i;

	for (i = 0; i < n; i++, row += size) {
		const char *name;

		memcpy(&name, row, sizeof name);
		snprintf(names[*count], sizeof names[0], "%s: %s", test_name, name);
		tests[*count] = (struct CMUnitTest){
			.name = names[*count],
			.test_func = test,
			.initial_state = (void *)(uintptr_t)row,
		};
		++*count;
	}
}

static struct CMUnitTest tests[128] = {
	WORLD(comes_up_with_both_brokers),
	WORLD(publishes_every_size_unchanged),
	WORLD(refuses_what_the_modem_cannot_take),
	WORLD(does_not_believe_an_error_that_goes_with_the_connection),
	WORLD(never_publishes_again_where_a_result_is_owed),
	WORLD(blames_a_message_that_is_refused_again_and_again),
	WORLD(delivers_every_size_unchanged),
	WORLD(keeps_messages_of_two_clients_apart),
	WORLD(sends_no_command_into_a_message),
	WORLD(counts_a_message_cut_by_a_reset),
	WORLD(survives_a_power_cut),
	WORLD(notices_a_start_that_says_nothing_but_the_sim),
	WORLD(notices_a_start_that_says_nothing_at_all),
	WORLD(survives_the_loss_of_the_port),
	WORLD(shows_a_port_that_does_not_open),
	WORLD(gets_to_clean_sessions_after_a_restart_of_the_daemon),
	WORLD(takes_over_sessions_after_a_restart_of_the_daemon),
	WORLD(closes_sessions_whose_settings_are_others),
	WORLD(takes_over_sessions_when_the_port_is_back),
	WORLD(opens_anew_when_the_port_was_lost_in_a_publish),
	WORLD(remembers_filters_that_were_exchanged),
	WORLD(takes_over_a_session_that_is_busy),
	WORLD(closes_what_an_earlier_daemon_left),
	WORLD(starts_the_service_again_after_nonet),
	WORLD(wakes_a_modem_that_hangs),
	WORLD(never_stops_trying),
	WORLD(sleeps_when_idle),
	WORLD(asks_how_it_is_behind_a_late_boot_line),
	WORLD(enters_the_pin),
	WORLD(tries_a_wrong_pin_once),
	WORLD(enters_a_pin_that_a_start_kept_back),
	WORLD(enters_a_pin_again_that_got_lost),
	WORLD(enters_a_lost_pin_only_once_more),
	WORLD(waits_for_a_pin_that_is_not_configured),
	WORLD(waits_for_a_missing_sim),
	WORLD(knows_no_network_without_its_sim),
	WORLD(waits_for_a_busy_sim),
	WORLD(tells_a_denied_registration),
	WORLD(knows_the_signal_while_it_registers),
	WORLD(sets_a_wrong_clock_from_the_host),
	WORLD(does_not_check_dates_without_a_clock),
	WORLD(finds_a_connect_whose_result_was_lost),
	WORLD(connects_again_when_the_connection_is_lost),
	WORLD(waits_for_a_command_when_the_connection_is_lost),
	WORLD(opens_anew_when_the_keepalive_fails),
	cmocka_unit_test(spares_the_other_broker),
	WORLD(backs_off_more_and_more),
	cmocka_unit_test(renews_certificates_once_after_a_tls_failure),
	WORLD(tries_a_refused_context_slowly_the_second_time),
	WORLD(asks_for_binary_payloads_first),
	WORLD(removes_files_nobody_needs),
	WORLD(exchanges_filters_in_place),
	WORLD(exchanges_a_broker),
	WORLD(obeys_the_operator),
	WORLD(obeys_while_an_operation_is_under_way),
	WORLD(runs_a_command_of_the_operator),
	WORLD(shows_no_secret_in_the_trace),
	WORLD(comes_back_after_any_faults),
	WORLD(stops_cleanly),
	WORLD(stops_soon_when_results_never_come),
	WORLD(stops_in_time_whatever_the_state),
	WORLD(tells_the_outcome_of_a_publish_when_it_stops),
};

int main(int argc, char **argv)
{
	size_t count = 0;

	if (argc > 1)
		cmocka_set_test_filter(argv[1]); /* "*lost prompt" */
	while (tests[count].name)
		count++;
	ROWS(publish_rows, judges_a_publish);
	ROWS(start_rows, starts_the_service_whatever_it_says);
	ROWS(connect_rows, tells_why_a_connect_failed);
	ROWS(cert_rows, replaces_a_file_whose_upload_is_not_certain);
	ROWS(subscribe_rows, subscribes_whatever_happens);
	ROWS(mutes, does_without_the_questions_for_its_clients);
	ROWS(lacks, goes_on_where_nothing_is_said);
	return _cmocka_run_group_tests("modem", tests, count, NULL, NULL);
}
