/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the simulated modem share: its state, the answer under construction, the event
 * queue. Private to tests/modem/fake_*.c; users include fake_modem.h.
 *
 * Files: fake_cmqtt, fake_ssl, fake_net (commands), fake_mqtt_op (operations under way), fake_cmd
 * (table, dispatch), fake_line (line discipline, answers), fake_mode (before the line is one of
 * commands), fake_fault (rules), fake_core (events, life, what the world does to it), fake_wire
 * (the serial line), fake_report (reports, trace), fake_mem (memory).
 */
#ifndef TESTS_MODEM_FAKE_PRIV_H
#define TESTS_MODEM_FAKE_PRIV_H

#include "fake_modem.h"

#include <stdarg.h>

enum {
	FM_PARAMS = 12,
	FM_SAID = 48, /* lines of one answer */
	FM_CERTS = 32,
	FM_CERT_MAX = 10240, /* AT+CCERTDOWN */
	FM_NAME_MAX = 128,   /* file names, client id */
	FM_TOPICS = 64,      /* cached by SUBTOPIC; the 5120 bytes are the real bound */
	FM_TOPICS_BYTES = 5120,
	FM_VALUES = 24, /* plain settings */
	FM_ADDR_MAX = 256,
	FM_WIRE_ROOM = 16384, /* bytes that an idle wire keeps */
	FM_SHAKEN_CMDS = 3,   /* commands without fault until a host is in step again */
};

#define FM_MS 1000000ull /* ns */

struct fm_buf {
	char *s; /* always ends with a NUL beyond len once something was added */
	size_t len, cap;
};

/* ---- serial line in one direction ---- */

struct fm_seg {
	uint64_t start_ns; /* when the first byte of it begins */
	size_t n;
};

struct fm_wire {
	struct fm_buf bytes;
	struct fm_seg *seg;
	size_t nseg, seg_cap;
	uint64_t free_ns; /* end of the last byte */
	uint64_t byte_ns; /* 0: not paced */
};

/* ---- events ---- */

struct fm_event;
typedef void fm_event_fn(struct fake_modem *m, const struct fm_event *ev);

enum {
	FM_EV_FINAL = 1,  /* these bytes end a command */
	FM_EV_PROMPT = 2, /* these bytes open data entry */
	FM_EV_MUTE = 4,   /* as if said, but lost */
	FM_EV_BODY = 8,   /* raw bytes: not for the trace as text */
	FM_EV_STALE = 16, /* a result that the host takes for another's */
};

struct fm_event {
	struct fm_event *next;
	uint64_t due_ns;
	fm_event_fn *fn;
	unsigned client;
	uint32_t arg;
	unsigned flags;
	char *bytes;
	size_t len;
};

/* ---- a command ---- */

enum fm_form {
	FM_EXEC = 1,
	FM_READ = 2,
	FM_TEST = 4,
	FM_SET = 8,
};

struct fm_param {
	char *s; /* without quotes; NUL ended; in place in the line */
	bool quoted;
};

enum {
	FM_ALONE = 1, /* prompt or later result: only last on a line */
	FM_CMQTT = 2, /* gate of the MQTT service */
};

struct fm_command {
	const char *name; /* "+CMQTTPUB" */
	unsigned forms;
	void (*run)(struct fake_modem *m);
	unsigned flags;
	uint32_t max_ms;  /* the host must wait at least so long for the final result; 0:
			     cfg.patience_ms */
	const char *test; /* answer to =? after "NAME: "; NULL: OK alone */
	int value;        /* for plain settings: index of the value */
};

enum fm_final {
	FM_FIN_NONE,
	FM_FIN_OK,
	FM_FIN_ERROR,
	FM_FIN_CME,
	FM_FIN_PROMPT,
	FM_FIN_HOLD,    /* fm_finish() comes later */
	FM_FIN_SILENCE, /* nothing at all */
};

typedef void fm_then_fn(struct fake_modem *m, unsigned client);
typedef void fm_data_fn(struct fake_modem *m);

struct fm_said {
	char *text;
	bool joined; /* follows the line before without an empty line */
	bool final;
};

/* The command being executed, from its CR to its final result. */
struct fm_cmd {
	const struct fm_command *def;
	char name[24];
	enum fm_form form;
	struct fm_param p[FM_PARAMS];
	size_t np;
	int client; /* -1: none, for "+NAME: err" */
	struct fake_fault fault;

	enum fm_final final;
	int cme;
	struct fm_said said[FM_SAID];
	size_t nsaid;
	fm_then_fn *then; /* run when the final result has been said */
	unsigned then_client;
};

/* Data entry at `>`. */
struct fm_data {
	bool open;
	size_t want, got;
	size_t lose; /* nth byte is lost once; 0: none */
	uint8_t *bytes;
	fm_data_fn *done;
	uint64_t since_ns; /* prompt or last byte */
	/* parameters that the handler needs again when the data is there */
	unsigned client;
	int qos, dup;
	char file[FM_NAME_MAX + 1];
};

/* ---- MQTT ---- */

enum fm_op_kind { FM_OP_NONE, FM_OP_CONNECT, FM_OP_PUB, FM_OP_SUB, FM_OP_UNSUB, FM_OP_DISC };

struct fm_op {
	enum fm_op_kind kind;
	uint32_t handle;
	bool held;   /* its final result has not been given: comes with the result */
	bool silent; /* OK only: no result is ever said */
	bool started;
	struct fake_fault fault;
};

struct fm_bytes {
	uint8_t *s;
	size_t len;
};

struct fm_topic {
	struct fm_bytes topic;
	int qos;
};

struct fm_topic_list {
	struct fm_topic t[FM_TOPICS];
	size_t n, bytes;
};

struct fm_client {
	enum fake_client_state state;
	char id[FM_NAME_MAX + 1];
	bool tls;
	int version;
	int ctx; /* bound SSL context, -1: none */
	bool check_utf8;
	int optimeout_s;

	char addr[FM_ADDR_MAX + 1], user[FM_ADDR_MAX + 1], pass[FM_ADDR_MAX + 1];
	bool has_user, has_pass;
	int keepalive_s, clean;
	bool link_dead; /* +CMQTTPING was said */

	struct fm_bytes will_topic, will_msg, topic, payload;
	int will_qos;
	struct fm_topic_list subs, unsubs;
	struct fm_op op;
	/* pending operation's parameters */
	int pub_qos, pub_retain, pub_dup, pub_timeout_s, sub_dup;
	struct fm_topic_list one; /* data form of SUB and UNSUB */
	bool use_one;

	int lost_cause; /* 1 + cause of a loss that waits for the OK of the operation; 0: none */
	bool amnesty;   /* the host cannot know the state: reports of order are notices */
	uint64_t lost_mark; /* out_total when the loss was said */
	uint64_t lost_ns;
};

struct fm_msg {
	struct fm_msg *next;
	unsigned client;
	struct fm_bytes topic, payload;
	size_t topic_at, payload_at;
	bool started;
};

struct fm_service {
	bool up;
	enum { FM_SVC_IDLE, FM_SVC_STARTING, FM_SVC_STOPPING } pending;
	struct fm_op op;
};

/* ---- TLS, certificates, network ---- */

struct fm_ssl {
	int version, authmode, ignore_time, negotiate_s, sni, ciphers;
	char ca[FM_NAME_MAX + 1], cert[FM_NAME_MAX + 1], key[FM_NAME_MAX + 1],
	    keypwd[FM_NAME_MAX + 1];
	bool set_version, set_authmode;
};

struct fm_cert {
	char name[FM_NAME_MAX + 1];
	struct fm_bytes body; /* s NULL: free slot */
};

enum fm_sim { FM_SIM_READY, FM_SIM_PIN, FM_SIM_PUK, FM_SIM_ABSENT, FM_SIM_BLOCKED };

struct fm_pdp {
	int cid;
	char type[12], apn[64];
};

struct fm_net {
	bool sim_busy, sim_off; /* booting; CFUN=0 */
	enum fm_sim sim;
	int stat;     /* registration */
	int reg_n[3]; /* CREG, CGREG, CEREG */
	int cfun, ctzu, ctzr;
	bool open, opening, closing; /* NETOPEN */
	struct fm_pdp pdp[4];
	size_t npdp;
	/* clock: utc_s = base_s + (t - base_ns) */
	int64_t base_s;
	uint64_t base_ns;
	int zone;
	bool zone_known, clock_set;
};

struct fm_rule {
	struct fm_rule *next;
	struct fake_fault f;
	unsigned seen, acted;
};

struct fake_modem {
	struct fake_modem_cfg cfg;
	const struct fake_uplink_ops *ops;
	void *uplink;
	uint64_t t; /* ns */
	uint64_t prng;
	struct fm_event *events;
	struct fm_wire rx, tx;
	uint64_t out_total, out_taken; /* bytes ever put on tx, taken by the owner */
	struct fake_modem_stats stats;

	bool powered, up, hung;
	bool was_cut; /* its power, once */
	bool echo, verbose, quiet;
	enum fake_mode mode;
	size_t mode_tail_n; /* of what ends the mode */
	uint32_t mode_rx;   /* bytes taken in this mode */
	uint64_t mode_ns;   /* when the last one came */
	uint32_t uart_baud, kept_baud, host_baud;
	int cmee;
	int pin_left, puk_left; /* survive everything */
	char pin[12];
	char tied_to[8]; /* +COPS; "": automatic; survives everything, too */

	/* line */
	char line[FAKE_LINE_LIMIT + 8];
	size_t line_len;
	bool line_long, skip_lf;
	bool busy;
	uint64_t busy_ns;
	uint32_t busy_max_ms;
	bool early_said;     /* an early command was reported since the last one started */
	bool owed_silence;   /* the host still waits for a final result that never comes */
	uint64_t final_mark; /* out_total after the last final result or prompt */
	bool amnesty;        /* the dialogue was disturbed: reports of framing are notices */
	bool fault_in_cmd;
	unsigned shaken_cmds; /* for so many commands more the host may be out of step */
	struct fm_cmd cmd;
	struct fm_data data;

	struct fm_rule *rules;
	struct fm_service svc;
	struct fm_client client[FAKE_CLIENTS];
	uint32_t handles;
	struct fm_msg *rxq;
	uint64_t rx_start_mark, rx_end_mark; /* out_total after the last RXSTART, RXEND */
	unsigned rx_open;                    /* messages between RXSTART and RXEND */
	struct fm_ssl ssl[FAKE_SSL_CONTEXTS];
	struct fm_cert cert[FM_CERTS];
	struct fm_net net;
	char value[FM_VALUES][48];
};

/* ---- fake_mem.c: there is always some, or the program ends ---- */

void *fm_alloc(size_t n);
void fm_buf_add(struct fm_buf *b, const void *p, size_t n);
void fm_buf_free(struct fm_buf *b);
char *fm_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *fm_vprintf(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
void fm_bytes_set(struct fm_bytes *b, const void *p, size_t n);
void fm_bytes_free(struct fm_bytes *b);
void fm_list_free(struct fm_topic_list *l);
uint32_t fm_random(struct fake_modem *m, uint32_t below);

/* ---- fake_wire.c; times in ns ---- */

void fm_wire_put(struct fm_wire *w, uint64_t t, const void *bytes, size_t n);
/* Bytes that are through. */
size_t fm_wire_ready(const struct fm_wire *w, uint64_t t);
void fm_wire_take(struct fm_wire *w, size_t n);
/* When the first byte is complete. */
uint64_t fm_wire_next(const struct fm_wire *w);
/* When the bytes on the wire are worth a look: all of them are through, or a millisecond's worth.
 */
uint64_t fm_wire_lump(const struct fm_wire *w);
void fm_wire_clear(struct fm_wire *w);
void fm_wire_free(struct fm_wire *w);

/* ---- fake_report.c ---- */

void fm_report(struct fake_modem *m, enum fake_report_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for a matter of MQTT order, forgiven while the client's state cannot be known. */
void fm_report_order(struct fake_modem *m, int client, enum fake_report_kind kind, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));
void fm_trace(struct fake_modem *m, char dir, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* What was on the line, without secrets. */
void fm_trace_line(struct fake_modem *m, char dir, const char *s, size_t n);
/* The host cannot know any more how the dialogue stands: what it does wrong for that is a notice.
 */
void fm_disturbed(struct fake_modem *m);

/* ---- fake_core.c ---- */

struct fm_event *fm_at(
    struct fake_modem *m, uint64_t delay_ms, fm_event_fn *fn, unsigned client, uint32_t arg);
/* Says bytes after delay_ms. */
void fm_emit(struct fake_modem *m, uint64_t delay_ms, unsigned flags, const void *bytes, size_t n);
/* CRLF text CRLF. */
void fm_urc(struct fake_modem *m, uint64_t delay_ms, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void fm_drop_events(struct fake_modem *m);
void fm_down(struct fake_modem *m);
void fm_boot(struct fake_modem *m);
void fm_reset_spoken(struct fake_modem *m, unsigned client);

/* ---- fake_line.c ---- */

void fm_line_input(struct fake_modem *m);
void fm_line_check_rx(struct fake_modem *m, const uint8_t *bytes, size_t n);
void fm_say(struct fake_modem *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void fm_say_more(struct fake_modem *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void fm_ok(struct fake_modem *m);
void fm_ok_then(struct fake_modem *m, fm_then_fn *then, unsigned client);
void fm_error(struct fake_modem *m);
void fm_cme(struct fake_modem *m, int code);
/* `+NAME: [client,]err` and ERROR. */
void fm_refuse(struct fake_modem *m, int err);
/* Opens data entry for want bytes; done() builds the answer when they are there. */
void fm_prompt(struct fake_modem *m, size_t want, fm_data_fn *done);
void fm_hold(struct fake_modem *m);
/* Sends the answer built in m->cmd, delay_ms from now. */
void fm_finish(struct fake_modem *m, uint64_t delay_ms);
uint64_t fm_latency(struct fake_modem *m);
void fm_cmd_clear(struct fm_cmd *c);

/* ---- fake_mode.c ---- */

void fm_mode_set(struct fake_modem *m, enum fake_mode mode);
/* Takes up to n received bytes while the line is no command line; how many. */
size_t fm_mode_input(struct fake_modem *m, size_t n);
/* Bytes at the beginning of a line that end a mode and are no command. */
size_t fm_mode_skip(const char *line);
bool fm_mode_is_speed_wrong(const struct fake_modem *m);
void fm_mode_garble(struct fake_modem *m, char *s, size_t n);

/* ---- fake_cmd.c ---- */

/* Executes m->line (NUL ended, without the CR). */
void fm_cmd_line(struct fake_modem *m);
bool fm_int(const struct fake_modem *m, size_t i, int lo, int hi, int *ret);
/* Text parameter i, quoted, of lo to hi bytes. */
bool fm_str(const struct fake_modem *m, size_t i, size_t lo, size_t hi, const char **ret);
void fm_param_error(struct fake_modem *m, const char *what);

/* ---- fake_fault.c ---- */

bool fm_fault_draw(struct fake_modem *m, const char *line, struct fake_fault *ret);

/* ---- commands ---- */

extern const struct fm_command fm_net_commands[], fm_ssl_commands[], fm_cmqtt_commands[];
void fm_net_init(struct fake_modem *m);
void fm_net_boot(struct fake_modem *m, bool warm);
void fm_net_down(struct fake_modem *m);
int64_t fm_net_utc(const struct fake_modem *m);
void fm_net_set_stat(struct fake_modem *m, int stat);
void fm_ssl_init(struct fake_modem *m);
const struct fm_cert *fm_ssl_find(const struct fake_modem *m, const char *name);
void fm_cmqtt_gone(struct fake_modem *m); /* power or reset: all state of the service lost */
bool fm_cmqtt_gate(struct fake_modem *m);
/* Says what an ordered reset says; nothing is freed. */
void fm_cmqtt_say_lost(struct fake_modem *m);
void fm_cmqtt_network_lost(struct fake_modem *m);
void fm_cmqtt_op_done(struct fake_modem *m, unsigned client, int err);
void fm_cmqtt_lost(struct fake_modem *m, unsigned client, int cause);
void fm_cmqtt_start(struct fake_modem *m);
void fm_cmqtt_stop(struct fake_modem *m);
void fm_cmqtt_accept(struct fake_modem *m, unsigned client, enum fm_op_kind kind);
void fm_cmqtt_release(struct fake_modem *m, unsigned client);
void fm_cmqtt_start_op(struct fake_modem *m, unsigned client);
void fm_cmqtt_clear_staged(struct fm_client *c);
void fm_rx_pump(struct fake_modem *m);
void fm_rx_drop(struct fake_modem *m, int client);
bool fm_utf8_ok(const uint8_t *s, size_t n);

#endif
