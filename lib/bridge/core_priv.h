/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core's own state, for the files core*.c alone.
 *
 * core.c         inputs, settle, deadline
 * core_clock.c   the wall clock, the store's time
 * core_commit.c  what was accepted becomes durable
 * core_action.c  the queue of actions, log events, status line
 * core_accept.c  a message comes from a local client, a broker or the control socket
 * core_room.c    room in the store for a message: what leaves for it
 * core_send.c    messages leave to the brokers, and what becomes of them
 * core_disk.c    room on the store's file system
 * core_orphan.c  what waits for brokers that are not configured
 * core_link.c    what modem and sessions report: states, history, $SYS topics
 * core_query.c   what the control interface asks
 * core_queue.c   the same of single messages: walk, drop, retry
 * core_losses.c  what is given up: counted by route and reason, reported to the broker
 * core_reload.c  another configuration
 * core_trouble.c what ails the modem, as long as it does
 * core_http.c    the metrics over HTTP
 */
#ifndef CMQTTD_BRIDGE_CORE_PRIV_H
#define CMQTTD_BRIDGE_CORE_PRIV_H

#include "bridge/core.h"
#include "bridge/core_query.h"
#include "bridge/ctl.h"
#include "bridge/echo.h"
#include "bridge/gap.h"
#include "bridge/http.h"
#include "bridge/outbox.h"
#include "bridge/router.h"
#include "bridge/store_clock.h"

#include <string.h>

#define CORE_ACTIONS_MAX    2048 /* beyond it events wait in their modules */
#define CORE_LOGS_MAX       64   /* log lines of one turn; more are counted and dropped */
#define CORE_WAITERS_MAX    CTL_CONNS_MAX
#define CORE_STATUS_MAX     200
#define CORE_PIN_NOTE_MAX   64
#define CORE_TROUBLE_MAX    96
#define CORE_STORE_RETRY_MS 1000 /* after the store failed, or had no room */
#define CORE_STORE_DEFER_MS 1000 /* what left waits so long for more that leaves */
#define CORE_TTY_CHUNK      4096 /* bytes to the AT channel at a time (at_chan.h) */

/* So much accepted: a commit before anything more. The store would begin to commit on its own, and
 * not in another thread, at 256 KiB; what is noted of a message for each of its targets counts,
 * too. */
#define CORE_COMMIT_BYTES (192 * 1024)
#define CORE_TARGET_BYTES 256

struct queued_action {
	enum action_type type;
	uint32_t id; /* client, connection, or place in logs */
};

/* A control connection that waits for its message to be delivered, or for what it changed to be on
 * disk. */
struct waiter {
	uint32_t conn;   /* 0: free */
	uint64_t seq;    /* 0: a commit is all it waits for, */
	uint64_t commit; /* ... that of this number */
	unsigned left;   /* brokers that do not have it yet */
};

struct core {
	const struct core_config *cfg;
	const char *version;
	struct store *store;
	struct modem *modem;
	struct mqtt_server *server;
	struct ctl *ctl;
	struct http *http;

	struct outbox outbox[MODEM_CLIENTS];
	struct echo echo[MODEM_CLIENTS];
	struct broker_counters counters[MODEM_CLIENTS];
	struct gap gap[MODEM_CLIENTS];
	uint64_t flight_since_ms[MODEM_CLIENTS]; /* the modem has the message in flight */
	uint64_t stuck_since_ms[MODEM_CLIENTS];  /* the modem was working since then */
	uint64_t last_seq;
	struct store_target targets[STORE_TARGETS_MAX]; /* of the message that is being accepted */

	struct queued_action actions[CORE_ACTIONS_MAX];
	size_t action_first, action_count;
	struct log_event logs[CORE_LOGS_MAX];
	size_t log_next, log_count;
	uint64_t logs_dropped;
	char status[CORE_STATUS_MAX];
	char pin_note[CORE_PIN_NOTE_MAX];
	uint32_t tty_baud;
	bool tty_rtscts;
	bool tty_is_hung_up;
	enum log_level wanted_level;

	struct history_entry history[HISTORY_MAX];
	size_t history_count; /* ever added */

	struct modem_status told_modem;                      /* in its $SYS topic */
	char troubles[CORE_TROUBLE_COUNT][CORE_TROUBLE_MAX]; /* "": none */
	int port_error;                                      /* why it is not open */

	struct waiter waiters[CORE_WAITERS_MAX];
	uint32_t at_conn; /* who waits for the operator's AT command, 0: nobody */
	bool is_trace_wanted;

	uint64_t start_ms;
	uint64_t now_ms;
	int64_t wall_offset_ms; /* wall clock minus monotonic */
	bool is_wall_right;
	struct store_clock store_clock;
	unsigned mark_queue;   /* where the store keeps its mark */
	uint64_t mark_kept_ms; /* when it was written last */
	bool is_mark_due;      /* it could not be */
	uint64_t progress;
	uint64_t retry_at_ms;       /* held publishers are asked again */
	uint64_t commit_at_ms;      /* what waits for others, or has failed, is committed */
	uint64_t sweep_at_ms;       /* what was deferred is; TIMER_NEVER: nothing was */
	bool is_store_dirty;        /* something was accepted since the last commit began */
	uint64_t uncommitted_bytes; /* of what was accepted since then */
	uint64_t commits;           /* that have begun */
	bool is_committing;         /* since committing_since_ms, until core_store_done */
	bool is_commit_dirty;       /* that commit has something that was accepted */
	bool is_tick_due;           /* the next tick is to come first */
	bool is_resume_due;         /* who was held by the commit is asked again in it */
	uint64_t gathered_bytes;    /* uncommitted_bytes, the last time */
	bool is_gathering;          /* since gathering_since_ms, until a commit begins */
	uint64_t gathering_since_ms;
	uint64_t committing_since_ms;
	uint64_t commit_took_ms;     /* the last one */
	size_t expected_answers;     /* of who was answered by the last one, or held by it */
	bool is_sent[MODEM_CLIENTS]; /* its message in flight is; it leaves the store after the
					commit */
	bool has_commit_failed;      /* and is tried again at commit_at_ms */
	bool has_store_failed;       /* and it was said */
	bool is_store_full;          /* and it was said */
	bool is_disk_low;            /* likewise */
	uint64_t disk_check_ms;      /* not before then is it looked at again */
	uint64_t full_limit;         /* bytes that the message that found it full may fill */
	bool has_held;               /* a publisher waits for room */
	bool has_room;               /* something left the store since it was held */
	bool is_status_stale;
	bool is_tty_write_queued;
	bool is_stopping;
	bool is_stopped;
};

/* core.c */

/* What the local server is to know of the listeners. */
void core_list_listeners(
    const struct core_config *cfg, struct mqtt_listener ret[MQTT_LISTENERS_MAX]);

/* core_commit.c; core_store_done and core_is_stuck are there, too */

/* Something left the store, or was marked in it. Lost in a crash, it is done again: that needs no
 * sync of its own, and is committed after a while, together with more of its kind. */
void core_defer_commit(struct core *c);

/* Whether something was. */
static inline bool core_is_deferred(const struct core *c)
{
	return c->sweep_at_ms != TIMER_NEVER;
}

/* Begin a commit if one is due. What waits for none is acknowledged. */
void core_commit(struct core *c);

/* After a commit: ask those again who were held by it. That is not done at once, but when the
 * acknowledgements have gone out: who answers them with a new message is in the next commit as
 * well, together with those who were held. */
void core_resume(struct core *c);

/* The store is not to be touched: a commit is under way, or has to come first. What can wait waits;
 * what cannot may be held up in the store until the commit is over. */
bool core_is_store_taken(const struct core *c);

/* core_clock.c; core_set_wall is there, too */

/* Begin with the store's time where it was left. 0, -ENOMEM, -ENOSPC, -EIO. */
int core_start_clock(struct core *c);

/* What is about to be committed may take the store's time with it. */
void core_keep_mark(struct core *c);

/* core_action.c */

/* Queue an action. Callers that can wait ask core_action_room first. */
void core_action(struct core *c, enum action_type type, uint32_t id);
size_t core_action_room(const struct core *c);

/* Queue a log line; err, from, to and client as in struct log_event (client -1: none). */
void core_log(struct core *c, enum log_level level, enum log_code code, int client, unsigned err,
    const char *from, const char *to, struct span detail);

/* The same with a literal detail. */
void core_log_text(
    struct core *c, enum log_level level, enum log_code code, int client, const char *detail);

/* Make the status line anew and queue it if it changed. */
void core_update_status(struct core *c);

/* core_link.c: what an earlier process knew of the session that the modem may still hold. */
void core_restore_held(struct core *c, unsigned client);

/* core_accept.c */

/* What the server offers: routes, store, local delivery. may_refuse: the publisher can be told that
 * there is no room, or that it is too large; else it is held, or there is a dead letter. */
enum mqtt_verdict core_accept_local(struct core *c, struct mqtt_msg *m, bool may_refuse);

/* The modem that is there takes a message of this size: topic (remote) and payload, bytes. */
bool core_fits_modem(const struct core *c, size_t topic_len, size_t payload_len);

/* A whole message came from the broker of `client`. */
void core_accept_inbound(struct core *c, unsigned client, struct span topic, struct span payload);

/* core_room.c */

/* A message on its way into the store: c->targets, those of brokers first. */
struct core_addition {
	uint64_t seq;
	struct span payload;
	size_t brokers, locals;
};

/* What is for a broker makes others leave, if need be. A copy for a local session does not hold the
 * publisher for want of room: brokers alone get the message then, and a->locals becomes 0.
 * is_promised: it will be acknowledged, after a commit. 0, also if nobody is left who gets it, or
 * the store's error; -ENOSPC: others have to leave first; -ENOBUFS: with overflow = drop-oldest,
 * there is nothing left that may be dropped for it; -E2BIG: it is more than the store ever takes.
 */
int core_add_durable(struct core *c, struct core_addition *a, bool is_promised);

/* Messages left the store: if it was full, it is to be said when there is room again. */
void core_note_room(struct core *c);

/* QoS 0 in memory: the oldest goes when there is no room. */
void core_add_memory(struct core *c, unsigned client, uint64_t seq, struct span payload,
    const struct store_target *target);

/* core_http.c */

/* What the HTTP connections have for us; true: something was done. */
bool core_drain_http(struct core *c);

/* core_send.c */

/* Start what can be started on every session. */
void core_pump(struct core *c);

/* modem_publish of `client` ended. */
void core_published(struct core *c, unsigned client, enum send_result result, unsigned err);

/* Remove from the store what was sent while a commit was under way. */
void core_finish_sent(struct core *c);

/* Drop what is too old at either end of the broker's queue, but not what is in flight. false: there
 * was nothing, or the store does not let go of it. */
bool core_drop_expired(struct core *c, unsigned client);

/* Control connection `conn` is told by ctl_on_delivered: when message `seq` has left to so many
 * brokers, or, if that is 0, when the next commit has worked. */
void core_add_waiter(struct core *c, uint32_t conn, uint64_t seq, unsigned brokers);

/* An entry left the store for good. */
void core_note_removed(
    struct core *c, unsigned client, uint64_t seq, unsigned err, const char *reason);

/* A commit has ended: tell the control connections that waited for it. */
void core_note_committed(struct core *c);

/* core_disk.c */

/* Less is free than what the store itself may need; said when it changes. */
bool core_is_disk_low(struct core *c);

/* core_orphan.c */

/* Warn of messages whose broker is not configured (any more): one line a broker. */
void core_tell_orphans(struct core *c);

/* core_losses.c */

/* Count a message that is given up, and tell the first one of its kind. topic: the broker's name
 * for it. */
void core_count_drop(struct core *c, unsigned client, enum drop_reason reason, struct span topic);

/* Remove an entry that outbox_head or outbox_oldest gave, or a dead letter, and count it. why: for
 * whoever waits for it. 0, or the store's error: then it is there yet, and not counted. */
int core_drop_entry(struct core *c, unsigned client, const struct store_entry *e, bool is_memory,
    enum drop_reason reason, const char *why);

/* Count and tell a message that became a dead letter. err: the modem's, 0: none. */
void core_count_dead(
    struct core *c, unsigned client, const char *reason, struct span topic, unsigned err);

/* When a report on what the broker does not get can leave; TIMER_NEVER: there is none. */
uint64_t core_gap_due(const struct core *c, unsigned client);

/* Start to send such a report if one is due; core_gap_reported follows. false: none is. */
bool core_report_gap(struct core *c, unsigned client);
void core_gap_reported(struct core *c, unsigned client, enum send_result result, unsigned err);

/* Take counters and gaps over to the next configuration of this broker, as far as it is the same
 * broker with the same routes; NULL: it has none. */
void core_carry_losses(struct core *c, unsigned client, const struct core_broker *next);

/* core_link.c */

/* One event of modem_next_event. */
void core_on_modem_event(struct core *c, const struct modem_event *ev);

/* The retained $SYS topics of modem and brokers, as they are now. */
void core_publish_states(struct core *c);

/* That of the modem, if it knows something new of itself. Changes of its state are told at once. */
void core_update_modem_state(struct core *c);

/* Take back the local topics of brokers that the next configuration does not have. */
void core_forget_states(struct core *c, const struct core_config *next);

/* core_trouble.c */

/* The modem told something of itself. */
void core_note_trouble(struct core *c, enum modem_notice notice, struct span text);

/* Whoever has come so far is over it. */
void core_end_troubles(struct core *c, enum modem_state state);

/* The wall clock of this turn, ms since 1970. */
static inline int64_t core_wall(const struct core *c)
{
	return (int64_t)c->now_ms + c->wall_offset_ms;
}

/* The wall clock can be shown to people. */
static inline bool core_has_time(const struct core *c)
{
	return core_wall(c) >= WALL_PLAUSIBLE_S * 1000;
}

/* The store's time of this turn, for what is accepted in it. */
static inline int64_t core_store_time(const struct core *c)
{
	return store_clock_now(&c->store_clock, c->now_ms);
}

/* Both clocks, for the local server. */
static inline struct mqtt_clocks core_clocks(const struct core *c)
{
	return (struct mqtt_clocks){ .now_ms = c->now_ms, .store_ms = core_store_time(c) };
}

/* Its ttl has passed. */
static inline bool core_is_too_old(const struct core *c, const struct store_entry *e)
{
	return e->expires_ms != 0 &&
	       e->expires_ms <= store_clock_now_for(&c->store_clock, c->now_ms, e->seq);
}

/* A copy of a topic, which is good when its entry is gone. */
static inline struct span core_keep_topic(struct span topic, uint8_t bytes[ROUTER_TOPIC_MAX])
{
	size_t len = topic.len < ROUTER_TOPIC_MAX ? topic.len : ROUTER_TOPIC_MAX;

	memcpy(bytes, topic.data, len);
	return (struct span){ bytes, len };
}

/* The text as a span. */
static inline struct span span_of(const char *text, size_t len)
{
	return (struct span){ (const uint8_t *)text, len };
}

#endif
