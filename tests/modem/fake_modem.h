/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A simulated SIM7600: bytes from the host in, bytes to the host out, time as an argument.
 *
 * It is written from the vendor's AT manual V3.00 (chapters 1-4, 8, 10, 11, 16, 19) and from public
 * captures of real modems, never from what the daemon sends: it is the daemon's check, so it shares
 * no code with lib/. It has no thread, no clock, no socket and no file. Its MQTT connections are an
 * "uplink": a table of functions the owner supplies and the fake_modem_up_*() calls the owner makes
 * back. So the same code runs in one process with the daemon's core under a virtual clock, and in
 * the program sim7600 on a pty.
 *
 * What it does not do: SMS, voice, sockets of its own (AT+CIPOPEN), HTTP.
 *
 * Time. `now` is monotonic milliseconds and must not go back. Every call first lets everything
 * happen that was due up to `now`, in order. After any call ask fake_modem_out() for bytes, and
 * fake_modem_deadline() for when to come back.
 *
 * Re-entrance. Uplink functions and callbacks are called from inside fake_modem_*(): they must not
 * call the modem again. A result known at once is returned by the uplink function, anything else
 * comes by fake_modem_up_done().
 *
 * Memory. A test tool: out of memory ends the process.
 */
#ifndef TESTS_MODEM_FAKE_MODEM_H
#define TESTS_MODEM_FAKE_MODEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FAKE_CLIENTS = 2,       /* MQTT clients of the modem (manual ch. 16) */
	FAKE_SSL_CONTEXTS = 10, /* AT+CSSLCFG contexts */
	FAKE_LINE_MAX = 559,    /* characters after "AT" (manual 1.4.4) */
	FAKE_LINE_LIMIT = 3071, /* the same of other families: the most there is */
	FAKE_RX_CHUNK_MAX = 1500,
	FAKE_PAYLOAD_MAX = 10240,
	FAKE_TOPIC_MAX = 1024,
	FAKE_FAULT_TEXT = 160,
};

#define FAKE_NEVER UINT64_MAX

/* ---- what the sources leave open or firmwares do differently: each is a switch ---- */

/** Order of `OK` and result of START, STOP and DISC when they succeed. */
enum fake_order {
	FAKE_RESULT_FIRST, /**< result, then OK: seen on every SIM7600 capture of START and STOP */
	FAKE_OK_FIRST,     /**< OK, then result: the vendor's examples, A76xx */
	FAKE_OK_ONLY,      /**< OK and never a result: one thread */
};

/** How a command with a later result says that it failed. */
enum fake_fail_form {
	FAKE_FAIL_OK_RESULT,    /**< OK, later `+CMQTTxxx: c,err` */
	FAKE_FAIL_RESULT_ERROR, /**< `+CMQTTxxx: c,err`, then ERROR; no OK at all */
	FAKE_FAIL_ERROR_RESULT, /**< ERROR, then `+CMQTTxxx: c,err` */
	FAKE_FAIL_BARE_ERROR,   /**< ERROR alone */
};

/** What else is said when a PUB or SUB kills the connection: result 6, [this], +CMQTTCONNLOST,
 * [this]. */
enum fake_stray {
	FAKE_STRAY_NONE,         /**< nothing */
	FAKE_STRAY_OK_AFTER,     /**< one more OK after +CMQTTCONNLOST */
	FAKE_STRAY_ERROR_BEFORE, /**< ERROR between result and +CMQTTCONNLOST */
};

/** What becomes of bytes that arrive while a command is still without its final result. */
enum fake_busy_input {
	FAKE_BUSY_QUEUE, /**< wait in the FIFO, are read afterwards */
	FAKE_BUSY_DROP,  /**< are lost */
};

/** What somebody else has left the line in. */
enum fake_mode {
	FAKE_MODE_COMMAND,
	FAKE_MODE_DATA, /**< of a call: left by +++ */
	FAKE_MODE_PPP,  /**< likewise, and the modem sends frames */
	FAKE_MODE_CMUX, /**< multiplexed: left by the close-down frame */
};

/** What becomes of an incoming message above 10240 bytes (the manual is silent). */
enum fake_oversize {
	FAKE_OVERSIZE_DELIVER,
	FAKE_OVERSIZE_TRUNCATE,
	FAKE_OVERSIZE_DROP,
};

/* ---- reports about the host ---- */

enum fake_severity {
	FAKE_NOTICE,    /**< legal but unwise, or a consequence of an injected fault */
	FAKE_VIOLATION, /**< a real modem may misbehave: a bug of the host */
};

enum fake_report_kind {
	FAKE_REPORT_EARLY_COMMAND, /**< bytes before the final result of the command before (with
				      its CR; the LF may be on its way) */
	FAKE_REPORT_GAVE_UP, /**< a command after the patience for the one before ran out (notice)
			      */
	FAKE_REPORT_EARLY_DATA,      /**< data sent before the `>` was delivered */
	FAKE_REPORT_BEYOND_LENGTH,   /**< bytes after the declared length of data, before its OK */
	FAKE_REPORT_SWALLOWED,       /**< a command sent into an open `>` data entry */
	FAKE_REPORT_LINE_TOO_LONG,   /**< above FAKE_LINE_MAX */
	FAKE_REPORT_NOT_A_COMMAND,   /**< a non-empty line without AT, or bytes before AT */
	FAKE_REPORT_UNKNOWN_COMMAND, /**< a command or form this modem does not have */
	FAKE_REPORT_QUOTING, /**< unbalanced quote, quote inside a bare field, control byte on a
				line */
	FAKE_REPORT_JOINED, /**< a command with prompt or later result joined with `;`, or more than
			       39 */
	FAKE_REPORT_PARAMETER, /**< parameter missing, of wrong type or out of range */
	FAKE_REPORT_ORDER, /**< CMQTT state rules: ACCQ before START, CONNECT when connected, ... */
	FAKE_REPORT_BUSY_CLIENT, /**< operation on a client whose operation is pending: error 14 */
	FAKE_REPORT_RESULT_AWAITED, /**< CMQTT command before the result of START or STOP came */
	FAKE_REPORT_TLS_DEFAULTS,  /**< TLS connect without sslversion or authmode set since boot */
	FAKE_REPORT_STAGED_UNUSED, /**< staged topic, payload or list replaced or dropped unused
				      (notice) */
	FAKE_REPORT_DURING_RX, /**< a command while an incoming message was being delivered (notice)
				*/
	FAKE_REPORT_KIND_COUNT,
};

struct fake_report {
	enum fake_severity severity;
	enum fake_report_kind kind;
	const char *text; /**< one line, no secrets; valid during the call */
};

/** Name of a kind as used by the program's `violations` answer, e.g. "early-command". */
const char *fake_report_name(enum fake_report_kind kind);

/* ---- faults ---- */

/**
 * What goes wrong with one command. The word in brackets is its name in the text form; <n> is
 * `number`, <ms> is `ms`, <text> is `text`. "Final" is the line that ends a command (OK, ERROR,
 * ...), "result" the later
 * `+CMQTTxxx: c,err`.
 */
enum fake_fault_kind {
	FAKE_FAULT_NONE,
	FAKE_FAULT_NO_ANSWER,   /**< [no-answer] not executed, nothing said: lost on its way in */
	FAKE_FAULT_ANSWER_LOST, /**< [answer-lost] executed, nothing of the answer arrives (prompt
				   does) */
	FAKE_FAULT_FINAL_LOST,  /**< [final-lost] only the final line is lost */
	FAKE_FAULT_RESULT_LOST, /**< [result-lost] executed, OK arrives, the later result is lost */
	/** [late <ms>] whole answer that much later; a command with a later result begins then */
	FAKE_FAULT_LATE,
	FAKE_FAULT_RESULT_LATE, /**< [result-late <ms>] OK in time, the later result that much later
				 */
	FAKE_FAULT_RESULT_DUP,  /**< [result-dup] the later result comes twice */
	FAKE_FAULT_RESULT_ERR,  /**< [result-err <n>] OK, then result n; not executed */
	FAKE_FAULT_ERROR_RESULT, /**< [error-result <n>] ERROR, then result n; not executed */
	FAKE_FAULT_ERROR,        /**< [error] bare ERROR, not executed */
	FAKE_FAULT_ERR,          /**< [err <n>] `+<command>: c,n` then ERROR, not executed */
	FAKE_FAULT_BUSY,         /**< [busy] the same with 14 */
	FAKE_FAULT_CME,     /**< [cme <n>] `+CME ERROR: ...` in the form of AT+CMEE, not executed */
	FAKE_FAULT_GARBAGE, /**< [garbage <n>] n random bytes before the answer */
	FAKE_FAULT_URC,     /**< [urc <text>] that line between echo and answer */
	FAKE_FAULT_LINE_DROP, /**< [drop-line <n>] n-th line of the answer is lost (1 = first) */
	FAKE_FAULT_LINE_DUP,  /**< [dup-line <n>] n-th line of the answer comes twice */
	FAKE_FAULT_CMD_BYTE, /**< [lose-cmd-byte <n>] byte n of the line lost on its way in (1 = the
				A) */
	FAKE_FAULT_PROMPT_LOST, /**< [prompt-lost] data entry is open but the `>` was lost */
	FAKE_FAULT_PROMPT_LATE, /**< [prompt-late <ms>] */
	FAKE_FAULT_BODY_BYTE, /**< [lose-body-byte <n>] byte n of the data is lost on its way in (1
				 = first) */
	FAKE_FAULT_RESET,     /**< [reset] executed, no answer, modem resets and boots */
	FAKE_FAULT_RESET_IN_BODY, /**< [reset-in-body <n>] resets after n bytes of the data */
	FAKE_FAULT_HANG,          /**< [hang] not executed; modem silent until its power is cut */
	FAKE_FAULT_HANG_AFTER, /**< [hang-after] executed, answered as far as is known at once (OK,
				  not the later result), then silent likewise */
};

/** One rule, or one drawn fault (then match, nth and times are not used). */
struct fake_fault {
	char match[40]; /**< beginning of the command after "AT", upper case, e.g. "+CMQTTPUB" or
			   "+CMQTTPUB=1"; "" = any */
	unsigned
	    nth; /**< first acts on the nth match after the rule was added; 0 and 1: the first */
	unsigned times; /**< how many matches it acts on; 0 = for ever */
	enum fake_fault_kind kind;
	uint32_t ms;
	int number;
	char text[FAKE_FAULT_TEXT];
};

/**
 * Parse `MATCH[#NTH][*TIMES] KIND [ARG]`, e.g. "+CMQTTPUB#3 result-lost", "* late 5000",
 * "+CMQTTTOPIC*0 busy". MATCH is the beginning of a command, with or without AT, in any case; `*`
 * alone matches all. NTH is 1 and TIMES is 1 when left out; TIMES 0 is for ever. 0 or -EINVAL.
 */
int fake_fault_parse(const char *text, struct fake_fault *ret_fault);

/* ---- uplink ---- */

struct fake_blob {
	const uint8_t *data; /**< NULL: not set */
	size_t len;
};

/** Snapshot of the SSL context bound to a client, with the contents of its files. Valid during
 * connect() only. */
struct fake_tls {
	bool enabled;           /**< ACCQ server_type 1 */
	int version;            /**< 0 SSL3, 1 TLS 1.0, 2 TLS 1.1, 3 TLS 1.2, 4 all of these */
	int authmode;           /**< 0 none, 1 server, 2 server and client, 3 client only */
	bool ignore_local_time; /**< dates of certificates are not checked */
	bool sni;               /**< send the host name */
	unsigned negotiate_s;   /**< limit of the handshake */
	struct fake_blob ca, cert, key;
	const char *key_password; /**< "" = none */
};

/** What AT+CMQTTCONNECT asks for. Valid during connect() only. */
struct fake_connect {
	const char *host;
	uint16_t port;
	struct fake_tls tls;
	const char *client_id;
	int mqtt_version; /**< 3 = MQTT 3.1, 4 = 3.1.1 */
	unsigned keepalive_s;
	bool clean;
	const char *user;     /**< NULL: none */
	const char *password; /**< NULL: none */
	struct fake_blob
	    will_topic; /**< data NULL: no will. There is no retain flag for the will */
	struct fake_blob will_message;
	int will_qos;
	int64_t utc_s; /**< the modem's own idea of the time (AT+CCLK), seconds since 1970 */
};

struct fake_publish {
	struct fake_blob topic, payload; /**< payload.data NULL and len 0: empty message */
	int qos;
	bool retain, dup;
};

struct fake_topic {
	struct fake_blob topic;
	int qos; /**< not used by unsubscribe */
};

/**
 * The world behind the modem. Each function starts an operation of `client` and returns 0 when it
 * is under way (then fake_modem_up_done() with the same handle ends it) or one of the modem's error
 * numbers (manual 16.3.1) at once. At most one operation per client is awaited: one that timed out
 * in the modem is superseded by the next, its late end is ignored. abort() may come at any time.
 */
struct fake_uplink_ops {
	int (*connect)(
	    void *ctx, unsigned client, uint32_t handle, const struct fake_connect *what);
	int (*publish)(
	    void *ctx, unsigned client, uint32_t handle, const struct fake_publish *what);
	int (*subscribe)(
	    void *ctx, unsigned client, uint32_t handle, const struct fake_topic *topics, size_t n);
	int (*unsubscribe)(
	    void *ctx, unsigned client, uint32_t handle, const struct fake_topic *topics, size_t n);
	/** MQTT DISCONNECT, then close. */
	int (*disconnect)(void *ctx, unsigned client, uint32_t handle);
	/** Drop the connection (or the attempt) without DISCONNECT: power loss, reset, network
	 * gone. No call back. */
	void (*abort)(void *ctx, unsigned client);
};

/* ---- configuration ---- */

/** Set defaults with fake_modem_cfg_init(), then change what is wanted. Strings are borrowed for
 * the modem's life. */
struct fake_modem_cfg {
	uint64_t seed; /**< for garbage bytes and jitter only */

	/* line */
	uint32_t baud;              /**< 0 = not paced; else 10 bits a byte, both ways */
	uint32_t latency_ms;        /**< command line to answer; 20 */
	uint32_t latency_jitter_ms; /**< up to this much more, drawn from the seed; 0 */
	uint32_t patience_ms; /**< a host that sends again earlier than this broke a rule; 3000 */
	bool echo_data;       /**< with echo on, data at `>` is echoed too; true */
	enum fake_busy_input busy_input;
	enum fake_mode mode; /**< what a warm modem is in; COMMAND */
	bool quiet;          /**< ATQ1 was left in a warm modem; false */
	bool numeric;        /**< ATV0 likewise; false */
	uint32_t uart_baud;  /**< speed at power-up (AT+IPREX), 0: any, as USB and autobaud; 0 */
	const char *prompt;  /**< "\r\n>"; other firmwares: "\r\n> ", "\r\n>\r\n" */

	/* family; fake_modem_cfg_model() sets these and others */
	uint32_t line_max;           /**< characters after "AT"; 559 */
	uint32_t payload_max;        /**< bytes of one message; 10240 */
	uint32_t pub_timeout_min_s;  /**< PUB; 60 */
	uint32_t disc_timeout_min_s; /**< DISC, where it is not 0; 60 */
	bool accq_version;           /**< ACCQ takes the MQTT version; true */
	bool cfg_version;            /**< CMQTTCFG "version" exists; false */
	bool has_topic_lists;        /**< SUBTOPIC and UNSUBTOPIC exist; true */
	bool has_ciphersuites;       /**< CSSLCFG "ciphersuites" and "keypwd" exist; true */
	bool start_again_bare;       /**< START twice: bare ERROR instead of 23; false */
	bool start_says_cid;         /**< `+CMQTTSTART: err,cid`; false */
	int stop_held_err;           /**< STOP with a client in use; 21 */
	bool stop_reboots;          /**< STOP makes it start anew, as reported of an A7672; false */
	bool connect_again_reboots; /**< CONNECT on a connected client likewise; false */
	bool says_boot_extras;      /**< +CGEV and a long +MSTK line at the start; false */
	const char *boot_line;      /**< "RDY" */
	uint32_t cert_name_max;     /**< 128 */

	/* life */
	bool power; /**< on at once when created; true */
	bool warm;  /**< created as a modem that has been up for long: no boot, no boot lines; false
		     */
	bool say_rdy;         /**< RDY is sent; true */
	bool autobaud;        /**< no boot lines at all; false */
	uint32_t boot_ms;     /**< power to RDY; 5000 */
	uint32_t sim_ms;      /**< RDY to +CPIN line; SIM busy until then; 800 */
	uint32_t sms_done_ms; /**< +CPIN: READY to SMS DONE; 1500 */
	uint32_t pb_done_ms;  /**< SMS DONE to PB DONE; 1500 */
	uint32_t register_ms; /**< SIM ready to registered; 3000 */
	const char *tied_to;  /**< network that somebody chose by hand; NULL: automatic */
	bool radio_off;       /**< somebody left it in CFUN=4; false */
	int register_stat;    /**< 1 home, 5 roaming, 3 denied, 0/2 never; 1 */
	int cmee;             /**< AT+CMEE at power-up; 2 (text, as captures show) */

	/* SIM and identity */
	bool sim_present;     /**< true */
	const char *pin;      /**< NULL or "": no PIN asked */
	const char *puk;      /**< "12345678" */
	bool sim_stuck;       /**< the SIM stays busy until the power is cut once; false */
	int sim_busy_code;    /**< CME number while the SIM starts: 14, 13 or 313; 14 */
	const char *model;    /**< "SIMCOM_SIM7600G-H" */
	const char *revision; /**< "LE20B04SIM7600G22" */
	const char *imei;

	/* clock */
	int64_t utc_at_zero_s; /**< real time (seconds since 1970) at now = 0; 2026-01-01 */
	bool clock_set; /**< AT+CCLK plausible at power-up; false: 80/01/06 until set or NITZ; true
			 */
	bool nitz;      /**< the network sends the time (taken if AT+CTZU=1); true */
	int zone_quarters; /**< local time zone of the network; 4 */

	/* network */
	bool netopen_error;  /**< AT+NETOPEN always bare ERROR, as one firmware does; false */
	uint32_t netopen_ms; /**< 400 */

	/* MQTT service */
	enum fake_order start_order, stop_order, disc_order; /**< RESULT_FIRST */
	enum fake_fail_form start_fail;   /**< START, STOP and DISC failing: RESULT_ERROR */
	enum fake_fail_form connect_fail; /**< OK_RESULT */
	uint32_t connect_hold_ms; /**< connect_fail other than OK_RESULT: a failure later than this
				     comes after OK; 2000 */
	enum fake_stray stray;    /**< NONE */
	uint32_t start_ms, stop_ms;  /**< 300, 100 */
	uint32_t connect_timeout_ms; /**< TCP; TLS adds negotiatetime; 120000 */
	int default_mqtt_version;    /**< ACCQ without version: 3 */
	bool closed_says_9;     /**< before START: `+CMQTTxxx: [c,]9` + ERROR instead of bare ERROR;
				   false */
	bool rel_free_says_20;  /**< REL of a free client: 20 + ERROR instead of OK; false */
	bool cfg_fail_ok;       /**< CMQTTCFG failure ends with OK, as the manual prints; true */
	bool failed_pub_clears; /**< a PUB refused at once clears topic and payload; true */
	bool will_survives;     /**< will kept over failed CONNECT and DISC; false */
	bool staging_needs_connection; /**< TOPIC, PAYLOAD, SUBTOPIC when down: 11; true */
	bool nonet_stops;         /**< +CMQTTNONET stops the service and frees the clients; true */
	bool utf8_checks_payload; /**< checkUTF8 covers the payload; true */
	uint32_t rx_chunk;        /**< payload bytes per +CMQTTRXPAYLOAD; 1500 */
	uint32_t rx_topic_chunk;  /**< topic bytes per +CMQTTRXTOPIC; 1024 (one line) */
	uint32_t rx_gap_ms;       /**< between the blocks of an incoming message; 0 */
	bool rx_interleave;       /**< blocks of the two clients' messages may mix; false */
	enum fake_oversize oversize;

	/* certificates */
	bool certdown_existing_fails;    /**< AT+CCERTDOWN over an existing name: ERROR; false:
					    overwrites */
	bool missing_file_refused_early; /**< CSSLCFG with an unknown file: ERROR; false: CONNECT
					    says 33 */

	/** Consulted for each command line when no rule matches; true: *ret holds the fault. May be
	 * NULL. */
	bool (*draw_fault)(void *ctx, const char *command, struct fake_fault *ret);
	/** Every report about the host. May be NULL. */
	void (*report)(void *ctx, uint64_t now, const struct fake_report *report);
	/** Dialogue for a log: dir '<' from the host, '>' to the host, '-' remarks; printable,
	 * secrets masked. May be NULL. */
	void (*trace)(void *ctx, uint64_t now, char dir, const char *text);
	/** A certificate file was written (data) or deleted (data NULL). May be NULL. */
	void (*cert_changed)(void *ctx, const char *name, const uint8_t *data, size_t len);
	void *ctx; /**< for the four above */
};

void fake_modem_cfg_init(struct fake_modem_cfg *ret_cfg);

/** Make it one of another family: sim7600, sim7500, a7670, a7672, a7608, sim7670, sim7672. To be
 * called before what is particular to the case. False: no such model. */
bool fake_modem_cfg_model(struct fake_modem_cfg *cfg, const char *name);

/* ---- the modem ---- */

struct fake_modem;

/** Never NULL. cfg is copied, its strings are not; ops and uplink_ctx must outlive the modem.
 * `now`: the time of creation. */
struct fake_modem *fake_modem_new(const struct fake_modem_cfg *cfg, uint64_t now,
    const struct fake_uplink_ops *ops, void *uplink_ctx);
/** Frees; does not call abort(). NULL is fine. */
void fake_modem_free(struct fake_modem *m);

/** Bytes the host wrote. With baud set they arrive one by one from now on. */
void fake_modem_rx(struct fake_modem *m, uint64_t now, const uint8_t *bytes, size_t n);
/** The speed of the host's end, 0: not known. Where it is not the modem's, all bytes are garbled.
 */
void fake_modem_host_line(struct fake_modem *m, uint64_t now, uint32_t baud);
/** Bytes of the host that have not been read by the modem yet (paced, or held while a command
 * runs). */
size_t fake_modem_rx_backlog(const struct fake_modem *m);
/** Bytes for the host that are due: their number, *ret_bytes valid until the next call. Take them
 * with _consume(). */
size_t fake_modem_out(struct fake_modem *m, uint64_t now, const uint8_t **ret_bytes);
void fake_modem_out_consume(struct fake_modem *m, size_t n);
/** Let happen what is due. */
void fake_modem_tick(struct fake_modem *m, uint64_t now);
/** When something next happens by itself, FAKE_NEVER if nothing does. Earlier than now only if
 * output is waiting. */
uint64_t fake_modem_deadline(const struct fake_modem *m);
/** The same two to the nanosecond, for a paced line: at 115200 baud a byte takes 87 us. Bytes on
 * the wire are due when all of them, or a millisecond's worth, are through. */
void fake_modem_advance_ns(struct fake_modem *m, uint64_t now_ns);
uint64_t fake_modem_deadline_ns(const struct fake_modem *m);

/** Power: off drops everything at once (uplink abort, no word to the host); on boots. */
void fake_modem_power(struct fake_modem *m, uint64_t now, bool on);
/** Reset: spoken = with the lines of an ordered one (+CIPEVENT, +CMQTTCONNLOST: c,3, +CMQTTNONET);
 * then boots. */
void fake_modem_reset(struct fake_modem *m, uint64_t now, bool spoken);
/**
 * The program on the host was restarted or opened the port anew: it may know nothing of the modem's
 * state, so what it does to find out is reported as notices until its next successful CONNECT.
 */
void fake_modem_host_restarted(struct fake_modem *m);
/** Stop reacting and talking until the power is cut. */
void fake_modem_hang(struct fake_modem *m, uint64_t now);

/* ---- injections ---- */

/** Add a rule (copied). Rules are tried in order of addition, the first that acts wins. */
void fake_modem_add_fault(struct fake_modem *m, const struct fake_fault *fault);
void fake_modem_clear_faults(struct fake_modem *m);
/** Send CRLF text CRLF. */
void fake_modem_urc(struct fake_modem *m, uint64_t now, const char *text);
/** Raw bytes to the host, as line noise. */
void fake_modem_noise(struct fake_modem *m, uint64_t now, const uint8_t *bytes, size_t n);
/** Lose the connection of a client: abort() and +CMQTTCONNLOST. cause 1..3. No-op when not
 * connected. */
void fake_modem_connlost(struct fake_modem *m, uint64_t now, unsigned client, int cause);
/** Lose the data network: connections, then +CMQTTNONET (when the service runs), NETOPEN state;
 * registration stays. */
void fake_modem_nonet(struct fake_modem *m, uint64_t now);
/** Keep-alive failure: +CMQTTPING: client,err; the link is dead until DISC and CONNECT. */
void fake_modem_ping_fail(struct fake_modem *m, uint64_t now, unsigned client, int err);
/** Change the registration state (0..5), with the lines AT+CxREG=n asks for. */
void fake_modem_set_registration(struct fake_modem *m, uint64_t now, int stat);
/** Put a certificate into flash, as from an earlier life. */
void fake_modem_put_cert(struct fake_modem *m, const char *name, const uint8_t *data, size_t len);

/* ---- the uplink's calls ---- */

/** End of the operation `handle`: err 0 or a number of manual 16.3.1. A handle that is no longer
 * awaited is ignored. */
void fake_modem_up_done(
    struct fake_modem *m, uint64_t now, unsigned client, uint32_t handle, int err);
/** A message arrived. Ignored when the client is not connected. */
void fake_modem_up_message(struct fake_modem *m, uint64_t now, unsigned client,
    const uint8_t *topic, size_t topic_len, const uint8_t *payload, size_t payload_len);
/** The connection is gone, without abort() or disconnect(): cause 1 closed, 2 reset, 3 network, 0
 * keep-alive failed. */
void fake_modem_up_lost(struct fake_modem *m, uint64_t now, unsigned client, int cause);

/* ---- for checks and benchmarks ---- */

enum fake_client_state {
	FAKE_CLIENT_FREE,
	FAKE_CLIENT_ACQUIRED,
	FAKE_CLIENT_CONNECTING,
	FAKE_CLIENT_CONNECTED,
	FAKE_CLIENT_DISCONNECTING,
};

struct fake_modem_stats {
	uint64_t bytes_from_host, bytes_to_host; /**< delivered either way */
	uint64_t commands;                       /**< lines executed */
	uint64_t faults;                         /**< faults that acted */
	uint64_t published,
	    received; /**< messages handed to the uplink, messages delivered to the host */
	uint64_t violations, notices;
};

const struct fake_modem_stats *fake_modem_stats(const struct fake_modem *m);
enum fake_client_state fake_modem_client_state(const struct fake_modem *m, unsigned client);
bool fake_modem_service_up(const struct fake_modem *m);
/** Powered and past RDY. */
bool fake_modem_is_up(const struct fake_modem *m);
bool fake_modem_is_hung(const struct fake_modem *m);
/** In a network, at home or roaming. */
bool fake_modem_is_registered(const struct fake_modem *m);
/** No command running, no data entry open, no operation pending, nothing waiting to be sent or
 * read. */
bool fake_modem_is_idle(const struct fake_modem *m);
/** Bytes that an open data entry still waits for; 0 when none is open. */
size_t fake_modem_data_owed(const struct fake_modem *m);

#endif
