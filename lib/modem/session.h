/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of one broker's session on one MQTT client of the modem. The modem has as many of these
 * as it has clients; none knows of the others.
 *
 * Every connect begins by asking the modem what it thinks of the client, because the modem outlives
 * us and results get lost. A session that it still holds, that was opened with these very settings
 * and that nothing speaks against is taken over; otherwise everything is closed, set and opened
 * anew (AT manual 16.2: binding, will and settings do not survive). The same question settles any
 * operation without a result. Whatever an operation's outcome, nothing is done twice at once on a
 * client: a wish from outside (disconnect, another configuration) waits for the end of the
 * operation under way, which has a deadline of its own.
 *
 * It is driven by its owner: session_step until it returns false, and the events of its job.
 * `state` is what users see; `phase` is what is to be done next in it.
 */
#ifndef CMQTTD_MODEM_SESSION_H
#define CMQTTD_MODEM_SESSION_H

#include "modem/backoff.h"
#include "modem/certs.h"
#include "modem/connect_print.h"
#include "modem/event_queue.h"
#include "modem/exchange.h"
#include "modem/family.h"
#include "modem/rotation.h"
#include "modem/subscriptions.h"

#define SESSION_PAUSE_MS    1000  /* before an operation that met a busy client is tried again */
#define SESSION_RETRIES_MAX 5     /* such refusals in a row before the session is opened anew */
#define SESSION_UTF8_MAX    3     /* refusals of checkUTF8 before it goes without */
#define SESSION_PATIENCE_MS 70000 /* pub_timeout of an earlier life, and a little more */
#define SESSION_BUSY_MAX    3     /* failures in a row because the client is busy: it is wedged */

/* Before a client that could not be closed is looked at again. */
#define SESSION_LEFTOVER_MS 60000

/* A message waits and nothing was confirmed for so long: the radio may have died without a word.
 * The modem itself should have told after pub_timeout, which is a minute. */
#define SESSION_UNCONFIRMED_MS 100000
#define SESSION_PAUSE_MAX_MS   30000 /* between two messages, longer: nothing waited */

/* What sessions share with the modem. */
struct session_env {
	struct at_chan *chan;
	struct event_queue *events;
	struct prng *prng;
	const struct family *family; /* of the modem that answered last */
	bool is_barred;              /* roaming, which is not wanted: sessions are to be closed */
	bool is_service_up;          /* the MQTT service runs: sessions may talk */
	bool is_restart_due;         /* it will be restarted when nothing is under way any more */
	bool is_tidy_wanted;         /* some session is to look for files that nobody needs */
	unsigned file_clients;       /* a bit for each client that has a broker with TLS */
	bool is_clock_right;         /* the modem's clock: dates of certificates can be checked */
	bool is_service_doubted;     /* set by a session: the modem denied having MQTT clients */
	bool is_query_mute;          /* it has them, and does not tell of them */
	bool is_disc_mute;           /* this modem gives no result after the OK of DISC */
};

/* How much the modem has forgotten. */
enum session_loss {
	SESSION_LOSS_LINE,    /* nothing: it may hold the session and not be asked */
	SESSION_LOSS_SERVICE, /* its MQTT clients, perhaps */
	SESSION_LOSS_BOOT,    /* everything */
};

enum session_phase {
	PHASE_PROBE,     /* what does the modem think? */
	PHASE_ADOPT,     /* is what it holds connected to our broker? */
	PHASE_CLOSE,     /* DISC, REL */
	PHASE_CERTS,     /* certificate files */
	PHASE_TLS,       /* SSL context */
	PHASE_ACQUIRE,   /* ACCQ, CFG */
	PHASE_CONNECT,   /* binding, will, CONNECT */
	PHASE_CHECK,     /* is it still connected? */
	PHASE_SUBSCRIBE, /* and unsubscribe */
	PHASE_TIDY,      /* certificate files that nobody needs */
	PHASE_BIRTH,     /* birth message */
	PHASE_IDLE,      /* online and nothing to do */
	PHASE_PUBLISH,   /* a message of our owner's */
};

struct session {
	unsigned client;
	struct session_env *env;
	struct session_status status;
	struct exchange exchange;
	enum session_phase phase;
	enum session_phase running; /* phase of the exchange under way */
	uint64_t resume_at_ms;      /* the phase pauses until then */
	uint32_t pause_ms;          /* WAITING: before the next attempt, once the service runs */

	struct broker_config *cfg;  /* own copy; NULL: none */
	struct broker_config *next; /* takes its place when nothing is under way */
	bool has_next;
	bool is_next_in_place; /* only the filters differ: no need to close */

	/* Wishes from outside. */
	bool must_close;
	bool is_off_by_hand;
	bool is_shut_down; /* for good */

	/* Attempts that failed. */
	bool is_unsendable;     /* the last failure: nothing that is done to the modem mends it */
	bool is_suspect;        /* check before the next operation */
	unsigned retries;       /* in a row */
	unsigned busy_failures; /* in a row: error 14 */
	struct backoff backoff;

	/* What the last probe said. */
	bool is_probed;   /* it said something */
	bool is_told;     /* it said what was asked for last: whether connected, or to what */
	bool was_in_vain; /* the last question had no answer, and is asked again */
	bool is_id_ours;
	bool is_acquired;
	bool is_connected;
	bool is_released;    /* the client is free, or was when we looked last */
	bool is_probe_stale; /* some operation of an earlier life has ended since */

	bool is_leftover_possible;  /* an earlier process may have left the client in use */
	bool must_disc;             /* REL alone was refused */
	uint64_t patience_until_ms; /* an operation of an earlier life may keep the client busy */

	/* What the modem's client was connected with last, as far as is known, and whether it may
	 * be taken over if it still is. */
	char held[CONNECT_PRINT_MAX]; /* "": not known */
	bool may_adopt;
	bool is_address_ours; /* said in PHASE_ADOPT */
	bool is_adopted;      /* this time it was taken over, not connected */

	/* CERTS, TLS, TIDY. */
	struct certs certs;
	struct rotation rotation;
	bool is_refused_again; /* a file or the SSL context was refused at the last attempt, too */
	bool is_tidy_due;      /* look for files that nobody needs */
	bool is_unverified_told;
	bool is_clock_told;

	/* ACQUIRE, CONNECT. */
	bool was_out_of_step;        /* ACCQ or CONNECT contradicted the probe once */
	bool was_acquire_refused;    /* once in this attempt, for no reason given */
	bool is_version_other;       /* this attempt: the version is not set as the family has it */
	unsigned utf8_half_refusals; /* in a row; 2 * SESSION_UTF8_MAX: checkUTF8 is optional */
	uint64_t connect_begun_ms;
	uint64_t connect_until_ms; /* CONNECT was accepted and may still succeed; 0: not so */
	bool is_connect_told;      /* and has */
	char server_addr[MODEM_SERVER_ADDR_MAX + 1];

	struct subscriptions subscriptions;

	/* BIRTH, PUBLISH. */
	bool is_birth_due;
	bool is_payload_staged;        /* perhaps, of a publish that failed */
	bool is_pub_timeout_long;      /* the family's was refused: the one that all take */
	uint64_t confirmed_at_ms;      /* the modem or the broker confirmed something; 0: never */
	uint64_t published_at_ms;      /* the last one ended, in whatever way */
	uint64_t unconfirmed_since_ms; /* a message since then; 0: none */
};

/* No broker. env must outlive the session. */
void session_init(struct session *s, unsigned client, struct session_env *env);

/* Only when its channel is gone or closed: nothing is sent. */
void session_fini(struct session *s);

/* This configuration (copied; NULL: none) from now on. is_in_place: it differs in its filters only,
 * and the session need not be opened anew. 0 or -ENOMEM: nothing changes. */
int session_configure(struct session *s, const struct broker_config *cfg, bool is_in_place);

/* Do the next thing that needs no waiting; false: nothing to do. */
bool session_step(struct session *s, uint64_t now_ms);

/* When session_step must be called even if nothing happens. */
uint64_t session_deadline(const struct session *s);

/* Events of the session's job. */
void session_info(struct session *s, struct span line);
void session_done(struct session *s, uint64_t now_ms, const struct at_event *ev);

/* What the modem said unasked: connection lost (cause 1..3), keep-alive failed, late result of some
 * operation (CONNECT or another one). */
void session_lost(struct session *s, uint64_t now_ms, unsigned cause);
void session_ping_failed(struct session *s, uint64_t now_ms, unsigned err);
void session_late_result(struct session *s, uint64_t now_ms, bool is_connect, unsigned err);

/* It cannot talk to the modem any more, for now. */
void session_service_down(
    struct session *s, uint64_t now_ms, enum session_loss loss, const char *why);

/* What an earlier process remembered of the modem's client (MODEM_EVENT_HELD). */
void session_set_held(struct session *s, const char *print);

/* By hand; -ENOENT: no broker. */
int session_connect(struct session *s, uint64_t now_ms);
int session_disconnect(struct session *s);
int session_reconnect(struct session *s);

/* Its broker's certificates are checked for their dates, at least when the clock is right. */
bool session_checks_time(const struct session *s);

/* It should be online and is not, and not for a reason that somebody must mend. */
bool session_is_unreachable(const struct session *s);

/* Its client is busy, whatever is tried, and will be until somebody resets more than it. */
bool session_is_wedged(const struct session *s);

/* The modem is on the network again after it was not: do not wait any longer. */
void session_network_is_back(struct session *s, uint64_t now_ms);

/* Data pass, and the client works: a message for it came in, or one of ours is out. */
void session_confirm(struct session *s, uint64_t now_ms);

/* Close and stay closed. */
void session_shut_down(struct session *s);
bool session_is_shut_down(const struct session *s);

/* See modem_can_publish and modem_publish. */
bool session_can_publish(const struct session *s);
int session_publish(struct session *s, uint64_t now_ms, const struct modem_publish *p);

#endif
