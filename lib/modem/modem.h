/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The modem: its life from a silent tty to a running MQTT service, and on it two independent broker
 * sessions, one per client index.
 *
 * Owns the AT channel, both sessions and the assembly of inbound messages. Knows nothing of local
 * clients, routes and the store. Takes bytes and time, gives events: take them until there are none
 * after every call that takes `now_ms`. An event borrows from the modem until the next call of
 * modem_next_event. Configurations are borrowed until they are exchanged or the modem is freed.
 */
#ifndef CMQTTD_MODEM_MODEM_H
#define CMQTTD_MODEM_MODEM_H

#include "at/at_chan.h"
#include "base/buf.h"
#include "modem/link_config.h"
#include "modem/recovery.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct modem;

enum modem_state {
	MODEM_ABSENT,      /* no tty */
	MODEM_OPENING,     /* tty asked for or just opened */
	MODEM_SYNCING,     /* the line is made ours: fence, echo off, identity */
	MODEM_SIM,         /* waiting for the SIM, PIN */
	MODEM_REGISTERING, /* waiting for the network */
	MODEM_ATTACHED,    /* on the network; packet service and MQTT service being started */
	MODEM_READY,       /* MQTT service runs */
	MODEM_RECOVERING,  /* a step of the recovery ladder is under way */
};

enum session_state {
	SESSION_DISABLED,   /* by hand, or no broker configured on this client */
	SESSION_WAITING,    /* for the modem */
	SESSION_CONNECTING, /* certificates, SSL context, CONNECT, subscriptions, birth message */
	SESSION_ONLINE,
	SESSION_BACKOFF,
	SESSION_STOPPING, /* DISC and REL under way */
};

/* What an error number means for what is to be done (AT manual 16.3.1). */
enum err_class {
	ERR_CLASS_OK,
	ERR_CLASS_RETRY,   /* busy, time-out, no network: the same again later */
	ERR_CLASS_SESSION, /* the session is gone */
	ERR_CLASS_POISON,  /* this message or topic will never pass */
	ERR_CLASS_CONFIG,  /* wrong credentials, certificates, parameters: retry slowly, tell loudly
			    */
};

enum send_result {
	SEND_OK,      /* +CMQTTPUB: n,0 */
	SEND_RETRY,   /* not sent, the session lives */
	SEND_SESSION, /* not sent, and the session went down by it */
	SEND_STUCK,   /* the same; the modem did not answer, or refused it again and again */
	SEND_POISON,  /* refused for what it is */
	SEND_UNKNOWN, /* sent, but no result or one that does not exclude that it has arrived */
};

enum inbound_loss {
	INBOUND_LOSS_NONE,
	INBOUND_LOSS_SUM,     /* pieces do not sum up to the announced length */
	INBOUND_LOSS_GARBAGE, /* bytes did not come */
	INBOUND_LOSS_ORDER,   /* piece without beginning, beginning inside another */
	INBOUND_LOSS_RESET,   /* modem booted or tty went away in the middle */
	INBOUND_LOSS_TOO_LONG,
	INBOUND_LOSS_NOMEM,
	INBOUND_LOSS_COUNT
};

enum modem_event_type {
	MODEM_EVENT_TTY_WRITE,  /* modem_tx has bytes */
	MODEM_EVENT_TTY_REOPEN, /* close the port and open it again */
	MODEM_EVENT_TTY_LINE,   /* the port: speed, flow control, DTR: baud, rtscts, is_hung_up */
	MODEM_EVENT_PIN_NOTE,   /* keep this where a restart finds it: text, "": nothing */
	MODEM_EVENT_POWER_HOOK, /* run the operator's power_cycle command */
	MODEM_EVENT_USB_REBIND, /* unbind the modem's USB device from its driver, bind it again */
	MODEM_EVENT_HELD, /* `client` is about to be connected with the settings of print text: keep
			   * it on disk for modem_set_held */
	MODEM_EVENT_STATE,        /* modem state: from, to, text says why */
	MODEM_EVENT_SESSION,      /* session state of `client`: from, to, err, text says why */
	MODEM_EVENT_INBOUND,      /* message of `client`: topic, payload */
	MODEM_EVENT_INBOUND_LOST, /* loss */
	MODEM_EVENT_PUBLISHED,    /* outcome of modem_publish on `client`: result, err */
	MODEM_EVENT_AT_LINE,      /* answer line to the operator's command: text */
	MODEM_EVENT_AT_DONE,      /* operator's command ended: at_result, text (final result) */
	MODEM_EVENT_TRACE,        /* tty traffic, secrets masked: text, is_outgoing */
	MODEM_EVENT_NOTICE,       /* something to log: notice, text */
	MODEM_EVENT_STOPPED,      /* after modem_stop: nothing more will be sent */
};

/* Things to be logged that are no change of state. */
enum modem_notice {
	MODEM_NOTICE_IDENTITY,    /* model and revision known */
	MODEM_NOTICE_BOOTED,      /* the modem started by itself */
	MODEM_NOTICE_GARBAGE,     /* bytes without sense on the tty */
	MODEM_NOTICE_STUCK,       /* the modem does not answer */
	MODEM_NOTICE_LINE,        /* it was found at another speed, or the like */
	MODEM_NOTICE_PIN_REFUSED, /* PIN wrong, or one attempt left and not tried */
	MODEM_NOTICE_NO_SIM,
	MODEM_NOTICE_DENIED,  /* registration denied */
	MODEM_NOTICE_ROAMING, /* registered abroad, and that is not wanted */
	MODEM_NOTICE_CERT_UPLOADED,
	MODEM_NOTICE_CERT_ROTATED, /* new files are in use, or the old ones again */
	MODEM_NOTICE_CLOCK_SET,    /* modem's clock was set from the host's */
	MODEM_NOTICE_CLOCK_WRONG,  /* expiry dates are not checked, or the handshake will fail */
	MODEM_NOTICE_SUBSCRIBE_FAILED,
	MODEM_NOTICE_BIRTH_FAILED, /* refused; it is tried again on the next connection */
	MODEM_NOTICE_NOT_VERIFIED, /* TLS without verification, as configured */
};

struct modem_event {
	enum modem_event_type type;
	unsigned client;
	int from, to; /* enum modem_state or enum session_state */
	unsigned err; /* number of the MQTT error table, 0: none */
	enum send_result result;
	enum inbound_loss loss;
	enum at_result at_result;
	enum modem_notice notice;
	uint32_t baud;
	bool rtscts;
	bool is_hung_up;
	bool is_outgoing;
	struct span text; /* no secrets in it */
	struct span topic;
	struct span payload;
};

struct modem_publish {
	struct span topic;   /* 1..MODEM_TOPIC_MAX bytes; borrowed until MODEM_EVENT_PUBLISHED */
	struct span payload; /* 0..MODEM_PAYLOAD_MAX; borrowed likewise */
	uint8_t qos;
	bool retain;
	bool dup;
};

struct modem_status {
	enum modem_state state;
	uint64_t since_ms;
	char model[48];
	char revision[48];
	char imei[24];
	char operator_name[48];
	char technology[16]; /* "GSM", "UMTS", "LTE" */
	int rssi_dbm;        /* 0: not known */
	bool is_registered;
	bool is_roaming;
};

struct session_error {
	unsigned code; /* MQTT error number; 0 with a text: no number was given */
	char text[96];
	char command[32]; /* "AT+CMQTTCONNECT", no parameters */
};

struct session_status {
	enum session_state state;
	uint64_t since_ms;
	unsigned attempt;                /* connects tried since the last stable time */
	uint64_t retry_at_ms;            /* BACKOFF, WAITING: no attempt before; else TIMER_NEVER */
	struct session_error last_error; /* code 0 and text "": none */
	uint64_t connects;
	uint64_t online_at_ms;
};

/* seed: for jitter. NULL: no memory. */
struct modem *modem_new(uint64_t seed);
void modem_free(struct modem *m);

/* Use this configuration; APN and PIN take effect at the next bring-up. */
void modem_configure(struct modem *m, uint64_t now_ms, const struct modem_config *cfg);

/* Use this broker on client index `client`, NULL: none. A session that exists is closed properly
 * (DISC, REL) and opened anew. For reload call it only for what changed. The previous configuration
 * is not touched any more after the call. */
void modem_set_broker(
    struct modem *m, uint64_t now_ms, unsigned client, const struct broker_config *cfg);

/* What the last MODEM_EVENT_HELD of an earlier process said of this client's broker; before the
 * port is up. A session that the modem still holds is taken over if it is the one that is
 * configured. */
void modem_set_held(struct modem *m, unsigned client, const char *print);

/* Exchange the filters alone: new ones are subscribed, others unsubscribed, the session stays.
 * `cfg` replaces the whole configuration and must differ in nothing else. */
void modem_set_filters(
    struct modem *m, uint64_t now_ms, unsigned client, const struct broker_config *cfg);

/* The port has a speed that must be the modem's (a UART, not USB): to be called before
 * modem_tty_up. It is opened with the configured speed, without flow control. */
void modem_set_uart(struct modem *m, bool is_uart);

/* What the last MODEM_EVENT_PIN_NOTE of an earlier process said; before the port is up. */
void modem_set_pin_note(struct modem *m, const char *note);

/* The host's wall clock: milliseconds since 1970 at monotonic now_ms, and whether to trust it. */
void modem_set_wall(struct modem *m, uint64_t now_ms, int64_t wall_ms, bool is_plausible);

/* The USB device behind the port may be unbound and bound again (MODEM_EVENT_USB_REBIND). */
void modem_set_rebind(struct modem *m, bool is_possible);

/* The port was opened; the port is gone or cannot be opened (error: errno value). */
void modem_tty_up(struct modem *m, uint64_t now_ms);
void modem_tty_down(struct modem *m, uint64_t now_ms, int error);

/* Bytes from the tty, at most 4096 at a time; take the events after each. */
void modem_rx(struct modem *m, uint64_t now_ms, const uint8_t *data, size_t len);

/* Bytes for the tty: write from it and buf_consume what went. */
struct buf *modem_tx(struct modem *m);

/* The next event, in the order in which things happened; false: none until the next call of another
 * function or modem_deadline. */
bool modem_next_event(struct modem *m, uint64_t now_ms, struct modem_event *ret);

/* When modem_next_event must be called even if nothing else happens. */
uint64_t modem_deadline(const struct modem *m);

/* The session of `client` is online and no operation of it is pending. */
bool modem_can_publish(const struct modem *m, unsigned client);

/* Begin to publish; MODEM_EVENT_PUBLISHED tells the outcome, always. 0; -EBUSY: modem_can_publish
 * is false; -EINVAL: over the modem's limits. */
int modem_publish(struct modem *m, uint64_t now_ms, unsigned client, const struct modem_publish *p);

/* A session by hand. `disconnect` lasts until `connect`. 0; -ENOENT: no broker there. */
int modem_connect(struct modem *m, uint64_t now_ms, unsigned client);
int modem_disconnect(struct modem *m, uint64_t now_ms, unsigned client);
int modem_reconnect(struct modem *m, uint64_t now_ms, unsigned client);

/* One command of the operator's, between our own. 0; -EBUSY: another one is under way; -ENOTCONN:
 * no port; -EINVAL: does not begin with AT, control characters, too long. */
int modem_at(struct modem *m, uint64_t now_ms, const char *command);

/* Close both sessions (DISC, REL), stop the MQTT service, then MODEM_EVENT_STOPPED, at the latest
 * after MODEM_STOP_MAX_MS. */
void modem_stop(struct modem *m, uint64_t now_ms);

/* Emit MODEM_EVENT_TRACE. */
void modem_set_trace(struct modem *m, bool on);

/* Views that stay up to date; valid until modem_free. */
const struct modem_status *modem_get_status(const struct modem *m);

/* Bytes of payload that it takes; MODEM_PAYLOAD_MAX before its model is known. */
size_t modem_payload_max(const struct modem *m);
const struct session_status *modem_get_session(const struct modem *m, unsigned client);
const struct at_chan_counters *modem_get_chan_counters(const struct modem *m);

/* Steps of recovery taken so far: all, of one kind. */
uint64_t modem_recoveries(const struct modem *m);
uint64_t modem_recovery_count(const struct modem *m, enum recovery_step step);

/* Names as the control interface has them: "registering", "online". */
const char *modem_state_name(enum modem_state s);
const char *session_state_name(enum session_state s);
const char *inbound_loss_name(enum inbound_loss l);

/* The MQTT error table (AT manual 16.3.1): text and class of 0..35; others are "unknown error". */
const char *mqtt_err_text(unsigned err);
enum err_class mqtt_err_class(unsigned err);

#define MODEM_STOP_MAX_MS 8000

#endif
