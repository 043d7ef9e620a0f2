/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The modem module under a virtual clock against the simulated modem, with a broker of a few lines
 * behind it: for tests of the module as a whole.
 */
#ifndef TESTS_UNIT_MODEM_WORLD_H
#define TESTS_UNIT_MODEM_WORLD_H

#include "base/prng.h"
#include "modem/modem.h"
#include "modem/fake_modem.h"

#define WORLD_TEXT_MAX 12288

/* What the broker got on a client, last. */
struct world_broker {
	unsigned connects;
	int connect_err; /* answer to the next connects */
	bool is_silent;  /* operations never end */
	uint32_t round_trip_ms;
	uint32_t pending; /* handle of the operation under way, 0: none */
	uint64_t pending_at_ms;
	int pending_err;
	bool is_up;
	unsigned published;
	unsigned aborts;
	unsigned disconnects;
	unsigned subscribed;
	unsigned unsubscribed;
	char host[64];
	uint16_t port;
	bool has_tls;
	int tls_version, authmode;
	bool ignores_time, sni;
	size_t ca_len, cert_len, key_len;
	int mqtt_version;
	char will_topic[64];
	char user[64], password[64];
	uint8_t topic[1025], payload[WORLD_TEXT_MAX];
	size_t topic_len, payload_len;
	int qos;
	bool retain, dup;
	char filters[512]; /* of all subscriptions, a blank behind each */
};

struct world {
	uint64_t now;
	struct modem *m;
	struct fake_modem *fake;
	struct fake_modem_cfg fake_cfg;
	struct world_broker broker[MODEM_CLIENTS];
	bool has_port;
	bool reopens; /* the shell opens the port again when asked */
	size_t chunk; /* most bytes handed to the modem module at once */
	unsigned violations;
	unsigned during_rx; /* commands while an inbound message was being delivered */
	bool prints;        /* dialogue on stderr */
	struct prng prng;
	bool has_random_faults;
	unsigned fault_permille;

	/* What the module told. */
	enum send_result result[MODEM_CLIENTS];
	unsigned err[MODEM_CLIENTS];
	unsigned results[MODEM_CLIENTS];
	unsigned inbound[MODEM_CLIENTS];
	unsigned lost[MODEM_CLIENTS];
	uint8_t topic[1025], payload[WORLD_TEXT_MAX];
	size_t topic_len, payload_len;
	unsigned notices[MODEM_NOTICE_NOT_VERIFIED + 1];
	unsigned stopped, reopens_asked, power_hooks, rebinds;
	char pin_note[64]; /* as kept on disk */
	char held[MODEM_CLIENTS][32];
	bool has_rtscts;
	unsigned hang_ups;
	bool is_hung_up;
	bool ignores_speed; /* the port, like one on USB */
	unsigned went_online[MODEM_CLIENTS];
	char at_lines[512];
	unsigned at_dones;
	enum at_result at_result;
	char traces[65536]; /* of the last run, cut when full */
};

/* Defaults for both; change fake_cfg before world_start. */
void world_init(struct world *w);
void world_start(struct world *w);
void world_free(struct world *w);

/* A broker of that name, without TLS, to be changed and set; the full one has user, last will,
 * birth message and two filters, too. */
struct broker_config world_broker(const char *name);
struct broker_config world_full_broker(const char *name);

/* Start, and let time pass until both brokers are online; fails the test after limit_ms. */
void world_go_online(struct world *w, uint64_t limit_ms);

/* Let time pass: up to so many milliseconds. */
void world_run(struct world *w, uint64_t ms);

/* The same until the condition holds; false: not within limit_ms. */
bool world_run_until(struct world *w, bool (*is_so)(struct world *), uint64_t limit_ms);

/* One more fault, in the words of the simulated modem; it is not understood: fails the test. */
void world_add_fault(struct world *w, const char *text);

/* How often this text stands in the traces. */
unsigned world_count_traced(const struct world *w, const char *text);

/* The daemon dies and another one starts, the modem lives on. */
void world_restart_daemon(struct world *w);

bool world_both_online(struct world *w);

#endif
