/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core: everything that decides. Inputs are function calls with bytes and time; after each
 * batch of inputs core_settle makes durable what has to be and core_next_action says what is to be
 * done.
 *
 * The shell (daemon/) reads what is readable and hands it in, settles, executes the actions, and
 * arms one timer for core_deadline. It takes no decision. now_ms is monotonic, never wall clock.
 * Connections are known by number; a number that is not known any more is ignored.
 *
 * The store is called at any time, but for one thing: a commit can take long, and is the shell's to
 * do, in another thread if it likes. Inputs go on meanwhile; what needs the store waits for
 * core_store_done where that is possible. Where it is not, the store is called all the same: one
 * that is committed elsewhere must let such a call wait (store_gate_new).
 */
#ifndef CMQTTD_BRIDGE_CORE_H
#define CMQTTD_BRIDGE_CORE_H

#include "base/buf.h"
#include "base/log_level.h"
#include "bridge/core_config.h"
#include "bridge/reload_plan.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct core;

/* Who is at the other end of a control connection (SO_PEERCRED). */
struct ctl_peer {
	uint32_t uid;
	uint32_t pid;
	bool is_admin; /* root or the daemon's own user: may change things */
};

/* What is worth a line in the log. Each has its MESSAGE_ID and text in daemon/log.c. */
enum log_code {
	LOG_MODEM_STATE,
	LOG_MODEM_IDENTITY,
	LOG_MODEM_BOOTED,
	LOG_MODEM_GARBAGE,
	LOG_MODEM_STUCK,
	LOG_MODEM_PIN_REFUSED,
	LOG_MODEM_NO_SIM,
	LOG_MODEM_DENIED,
	LOG_MODEM_CLOCK_SET,
	LOG_MODEM_CLOCK_WRONG,
	LOG_MODEM_POWER_CYCLE,
	LOG_MODEM_USB_REBIND,
	LOG_BROKER_ONLINE,
	LOG_BROKER_OFFLINE,
	LOG_BROKER_STATE,
	LOG_BROKER_ERROR,
	LOG_BROKER_CERT_UPLOADED,
	LOG_BROKER_SUBSCRIBE_FAILED,
	LOG_BROKER_BIRTH_FAILED,
	LOG_BROKER_NOT_VERIFIED,
	LOG_MESSAGE_DEAD,
	LOG_MESSAGE_DROPPED,
	LOG_INBOUND_LOST,
	LOG_STORE_FULL,
	LOG_STORE_FAILED,
	LOG_STORE_ORPHANS, /* messages for a broker that is not configured */
	LOG_CLIENT_CLOSED,
	LOG_CONTROL_CHANGE, /* somebody changed something over the control socket */
	LOG_RELOADED,
	LOG_STOPPING,
	LOG_AT_TRAFFIC, /* debug only: the tty's traffic, secrets masked */
	LOG_CODE_COUNT
};

#define LOG_DETAIL_MAX 240

struct log_event {
	enum log_code code;
	enum log_level level;
	const char *broker;          /* NULL: none */
	int client_index;            /* -1: none */
	unsigned err;                /* MQTT error number, 0: none */
	const char *from, *to;       /* states, NULL: none */
	char detail[LOG_DETAIL_MAX]; /* no secrets, no payload */
};

enum action_type {
	ACTION_TTY_WRITE,  /* core_tty_out has bytes */
	ACTION_TTY_REOPEN, /* close the port, open it again, then core_tty_up or _down */
	ACTION_TTY_LINE, /* what is not sent yet is not to be; then set speed, flow control, DTR */
	ACTION_PIN_NOTE, /* text: keep it on disk for core_set_pin_note; "": nothing */
	ACTION_POWER_HOOK,   /* run the operator's power_cycle command */
	ACTION_USB_REBIND,   /* unbind the modem's USB device and bind it again */
	ACTION_CLIENT_WRITE, /* core_client_out has bytes */
	ACTION_CLIENT_CLOSE, /* write what is left, close, then core_client_gone */
	ACTION_CLIENT_PAUSE, /* do not read from it */
	ACTION_CLIENT_RESUME,
	ACTION_CTL_WRITE,
	ACTION_CTL_CLOSE,
	ACTION_HTTP_WRITE,
	ACTION_HTTP_CLOSE,
	ACTION_LOG,
	ACTION_STATUS,       /* text: one line for the service manager */
	ACTION_STORE_COMMIT, /* commit the store, then core_store_done; not before it is another */
	ACTION_RELOAD,       /* somebody asked for it over the control socket: core_reload_done */
	ACTION_RELOAD_TRIAL, /* the same, only to say what it would do */
	ACTION_LOG_LEVEL,    /* log.level is the new one */
	ACTION_EXIT,         /* all is closed: leave with status 0 */
};

struct action {
	enum action_type type;
	uint32_t id;          /* client or control connection */
	struct log_event log; /* LOG, LOG_LEVEL */
	const char *text;     /* STATUS, PIN_NOTE; borrowed until the next core_next_action */
	uint32_t baud;        /* TTY_LINE */
	bool rtscts;          /* TTY_LINE: hardware flow control */
	bool is_hung_up;      /* TTY_LINE: DTR is to be low */
};

/* New core on a store (owned by the caller, must outlive the core). seed: for jitter. version: for
 * the control interface, static. NULL: no memory. */
struct core *core_new(const struct core_config *cfg, struct store *store, uint64_t seed,
    uint64_t now_ms, const char *version);

/* NULL is fine. The store and the configuration stay with their owners. */
void core_free(struct core *c);

/* The host's wall clock: call before the first input and whenever it may have moved; cheap.
 * is_right: it is kept right from outside, so that it tells how long no daemon ran. */
void core_set_wall(struct core *c, uint64_t now_ms, int64_t wall_ms, bool is_right);

/* See modem_set_uart. */
void core_set_uart(struct core *c, bool is_uart);

/* What the last ACTION_PIN_NOTE of an earlier process said; before the port is up. */
void core_set_pin_note(struct core *c, const char *note);

/* The port was opened. */
void core_tty_up(struct core *c, uint64_t now_ms);

/* Whether the USB device behind the port can be bound anew (ACTION_USB_REBIND). */
void core_set_rebind(struct core *c, bool is_possible);

/* Other programs that have the port, as "ModemManager (pid 812)"; "": none that could be seen. */
void core_set_port_users(struct core *c, const char *others);

/* The port is gone, or cannot be opened; error: errno value, 0: hung up. */
void core_tty_down(struct core *c, uint64_t now_ms, int error);

/* Bytes from the port, any number of them. */
void core_tty_rx(struct core *c, uint64_t now_ms, const uint8_t *data, size_t len);

/* Bytes for the port: write from it and buf_consume what went. */
struct buf *core_tty_out(struct core *c);

/* A client came in on listener number `listener`. 0 and its number, -EMFILE, -ENOMEM. */
int core_client_new(struct core *c, uint64_t now_ms, size_t listener, uint32_t *ret_id);

/* Bytes from a client's socket. */
void core_client_rx(struct core *c, uint64_t now_ms, uint32_t id, const uint8_t *data, size_t len);

/* Bytes of its output buffer were written. */
void core_client_sent(struct core *c, uint64_t now_ms, uint32_t id);

/* Its socket is gone. */
void core_client_gone(struct core *c, uint64_t now_ms, uint32_t id);

/* Bytes for the client: write from it, buf_consume what went, then core_client_sent. NULL: not
 * known. */
struct buf *core_client_out(struct core *c, uint32_t id);

/* A control connection came in. 0 and its number, -EMFILE, -ENOMEM. */
int core_ctl_new(struct core *c, uint64_t now_ms, const struct ctl_peer *peer, uint32_t *ret_id);

/* As for clients. */
void core_ctl_rx(struct core *c, uint64_t now_ms, uint32_t id, const uint8_t *data, size_t len);

/* As for clients. */
void core_ctl_sent(struct core *c, uint64_t now_ms, uint32_t id);

/* As for clients. */
void core_ctl_gone(struct core *c, uint64_t now_ms, uint32_t id);

/* As for clients. */
struct buf *core_ctl_out(struct core *c, uint32_t id);

/* A connection for the metrics came in. 0 and its number, -EMFILE. */
int core_http_new(struct core *c, uint64_t now_ms, uint32_t *ret_id);

/* As for clients. */
void core_http_rx(struct core *c, uint64_t now_ms, uint32_t id, const uint8_t *data, size_t len);

/* As for clients. */
void core_http_sent(struct core *c, uint64_t now_ms, uint32_t id);

/* As for clients. */
void core_http_gone(struct core *c, uint64_t now_ms, uint32_t id);

/* As for clients. */
struct buf *core_http_out(struct core *c, uint32_t id);

/* Deadlines are due. */
void core_tick(struct core *c, uint64_t now_ms);

/* Use another configuration. What did not change is not touched. `cfg` must live on; the old one
 * may be freed when the call returns. Listeners that the shell had to close or open are its own
 * affair, but must be the same in number and order as cfg's; clients of one that is gone are
 * closed. 0, or -ENOMEM, -ENOSPC,
 * -EIO: then nothing changed. */
int core_reload(struct core *c, uint64_t now_ms, const struct core_config *cfg);

/* How the reload that the action of this id asked for ended: "" or what was wrong, and what it
 * changed or would change, for whoever asked, if he is still there. id 0: nobody asked. */
void core_reload_done(struct core *c, uint64_t now_ms, uint32_t id, const char *error,
    const struct reload_plan *plan);

/* Begin to stop: clients are closed, brokers get a DISCONNECT; ends with ACTION_EXIT. */
void core_shutdown(struct core *c, uint64_t now_ms);

/* Drain, begin a commit if one is due (ACTION_STORE_COMMIT), release the acknowledgements that wait
 * for none, start what can be started, free the dead. As long as there are actions it is not done:
 * execute them, and call it again. */
void core_settle(struct core *c, uint64_t now_ms);

/* The commit that ACTION_STORE_COMMIT asked for has ended, with 0 or the store's error: a failed
 * one is asked for again after a while. core_settle releases what waited for it. */
void core_store_done(struct core *c, uint64_t now_ms, int error);

/* Next action, false: none. Borrowed until the next call of any core function. */
bool core_next_action(struct core *c, struct action *ret);

/* When core_tick must be called; UINT64_MAX: no need. */
uint64_t core_deadline(const struct core *c);

/* A commit has been under way for so long that it will never end: a new process is needed, however
 * well all else goes on (for the watchdog). */
bool core_is_stuck(const struct core *c, uint64_t now_ms);

/* Counts whenever something was done; stands still when the core is stuck (for the watchdog). */
uint64_t core_progress(const struct core *c);

#endif
