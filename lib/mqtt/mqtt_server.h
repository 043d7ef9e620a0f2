/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MQTT server for local clients, MQTT 3.1, 3.1.1 and 5.0: CONNECT to DISCONNECT, QoS 0..2 both
 * ways, last wills, keep-alive, clean and persistent sessions, retained messages, rights. Of
 * MQTT 5.0 it has everything but shared subscriptions and enhanced authentication, which it
 * refuses, and topic aliases of its own.
 *
 * It owns no socket and no clock. Bytes come in by mqtt_server_client_rx, bytes for a client wait
 * in its output buffer, and what the owner must decide or do comes out of mqtt_server_next_event.
 *
 * A PUBLISH is not acknowledged by the server on its own: the event is offered, the owner answers
 * with a verdict, and the acknowledgement of an accepted one is written by mqtt_server_committed,
 * that is after the owner made it durable. The owner also decides the local delivery.
 *
 * Sessions that outlive their connection, and what is retained, are in the owner's store
 * (mqtt_persist.h), so that they outlive the process as well. The server changes the store, the
 * owner commits it: mqtt_server_take_changes says whether and when that is due, and every answer
 * that promises something waits for mqtt_server_committed. A message goes into the store by one
 * call of the owner, with the targets that mqtt_server_targets gives, and is then delivered under
 * its number in the store by mqtt_server_publish_stored.
 *
 * A commit may take long. What comes meanwhile is worked off as far as it does not need the store;
 * a packet that does is held, and its client with it.
 *
 * Clients are known by number; a number that is not known (any more) is
 * ignored everywhere. Freeing of clients is deferred to mqtt_server_settle.
 */
#ifndef CMQTTD_MQTT_MQTT_SERVER_H
#define CMQTTD_MQTT_MQTT_SERVER_H

#include "base/buf.h"
#include "mqtt/mqtt_drop.h"
#include "mqtt/mqtt_msg.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mqtt_server;
struct mqtt_auth; /* mqtt/mqtt_auth.h: user names and rights of one listener */

/* What the server needs to know of a listener. What it points to is borrowed until mqtt_server_free
 * or until mqtt_server_set_listeners has exchanged it. */
struct mqtt_listener {
	const char *address;
	bool allow_anonymous;
	const struct mqtt_auth *auth; /* NULL: no users, no rights list */
};

enum mqtt_event_type {
	MQTT_EVENT_WRITE, /* client has bytes in its output buffer */
	MQTT_EVENT_CLOSE, /* write what is left in its buffer, then close; no more input, please */
	MQTT_EVENT_PUBLISH, /* answer with mqtt_server_verdict before the next event is taken */
	MQTT_EVENT_ONLINE,  /* CONNECT accepted */
	MQTT_EVENT_OFFLINE, /* gone after having been online */
	MQTT_EVENT_PAUSE,   /* stop reading from this client */
	MQTT_EVENT_RESUME,  /* read again */
};

/* Why a client's connection ended, for counters and the log. */
enum mqtt_close {
	MQTT_CLOSE_NORMAL,     /* DISCONNECT */
	MQTT_CLOSE_EOF,        /* socket closed without DISCONNECT */
	MQTT_CLOSE_PROTOCOL,   /* violation of the standard */
	MQTT_CLOSE_TOO_LARGE,  /* packet over MQTT_PACKET_MAX */
	MQTT_CLOSE_KEEPALIVE,  /* silent for 1.5 times its keep-alive */
	MQTT_CLOSE_TAKEN_OVER, /* another connection came with the same client id */
	MQTT_CLOSE_REFUSED,    /* CONNECT refused: version, identifier, password */
	MQTT_CLOSE_NO_CONNECT, /* nothing sensible within MQTT_CONNECT_TIMEOUT_MS */
	MQTT_CLOSE_SLOW,       /* did not read; its output buffer ran full */
	MQTT_CLOSE_NOMEM,
	MQTT_CLOSE_STORE, /* what it asked for could not be stored */
	MQTT_CLOSE_SHUTDOWN,
	MQTT_CLOSE_COUNT
};

struct mqtt_event {
	enum mqtt_event_type type;
	uint32_t client;       /* 0: nobody's any more (the will of a client that is gone) */
	const char *client_id; /* ONLINE, OFFLINE, CLOSE; borrowed until the next event; "": none */
	enum mqtt_close why;   /* CLOSE, OFFLINE */
	const char *detail;    /* CLOSE: why in other words, static; NULL: none */
	struct mqtt_msg *msg;  /* PUBLISH; borrowed: take a reference to keep it */
	bool is_will;          /* PUBLISH */
	bool may_refuse;       /* PUBLISH: the client can be told that it is refused, and why */
};

enum mqtt_verdict {
	MQTT_ACCEPT, /* acknowledge at mqtt_server_committed */
	MQTT_HOLD,   /* not now: the packet stays unread and the client paused until
		      * mqtt_server_resume_held. For a will: kept and offered again then */
	/* Refused, not delivered. MQTT 5.0 tells the client at QoS 1 and 2; before it a PUBLISH can
	 * only be acknowledged all the same (3.3.5). */
	MQTT_REFUSE_QUOTA,   /* there is no room now */
	MQTT_REFUSE_TOPIC,   /* the topic is too long to be carried on */
	MQTT_REFUSE_PAYLOAD, /* the payload is too large to be carried on */
	MQTT_REFUSE_FAILED,  /* it cannot be kept: memory is out, or the disk fails */
};

struct mqtt_counters {
	uint64_t received; /* PUBLISH from clients, accepted */
	uint64_t sent;     /* PUBLISH to clients */
	uint64_t dropped[MQTT_DROP_COUNT];
	uint64_t closed[MQTT_CLOSE_COUNT];
};

/* The two clocks that messages have to do with, at one moment. */
struct mqtt_clocks {
	uint64_t now_ms;  /* as everywhere here */
	int64_t store_ms; /* by which messages in the store expire */
};

/* New server with the given listeners and store (borrowed; NULL: nothing persists). NULL when
 * memory is out, or the store cannot be used. */
struct mqtt_server *mqtt_server_new(
    const struct mqtt_listener *listeners, size_t count, struct store *store);

/* Take over from the store what an earlier server left there, before anything else is done. What is
 * beyond the bounds, or makes no sense, is dropped and counted. 0, -ENOMEM, -EIO. */
int mqtt_server_restore(struct mqtt_server *s, const struct mqtt_clocks *clocks);

/* The store keeps what it has. NULL is fine. */
void mqtt_server_free(struct mqtt_server *s);

/* Exchange the listeners (reload). Clients and sessions go by the address, each of which is there
 * once: rights of the listener with theirs apply from the next packet on. A client without such a
 * listener is closed, a session without one has no rights. */
void mqtt_server_set_listeners(
    struct mqtt_server *s, uint64_t now_ms, const struct mqtt_listener *listeners, size_t count);

/* A connection was accepted on listener number `listener`. 0 and its number (never 0, not reused
 * soon), -EMFILE at MQTT_CLIENTS_MAX, -ENOMEM. */
int mqtt_server_client_new(
    struct mqtt_server *s, uint64_t now_ms, size_t listener, uint32_t *ret_client);

/* Bytes came. They are copied, and worked off by mqtt_server_next_event; up to MQTT_CLIENT_RX_MAX
 * are kept for a paused client, or between two drains of the events. More close the connection. */
void mqtt_server_client_rx(
    struct mqtt_server *s, uint64_t now_ms, uint32_t client, const uint8_t *data, size_t len);

/* The socket is gone (or was closed as MQTT_EVENT_CLOSE asked). The number is unknown from now on,
 * but what had arrived is still worked off: PUBLISH and OFFLINE events may carry the number yet. */
void mqtt_server_client_gone(struct mqtt_server *s, uint64_t now_ms, uint32_t client);

/* The client's output buffer: write from it, buf_consume what went, then call
 * mqtt_server_client_sent. NULL for an unknown client. */
struct buf *mqtt_server_client_out(struct mqtt_server *s, uint32_t client);

/* Bytes of the output buffer were written: room for queued messages. */
void mqtt_server_client_sent(struct mqtt_server *s, uint64_t now_ms, uint32_t client);

/* The next thing to do, false when there is none. Borrowed until the next call. After a PUBLISH
 * mqtt_server_verdict must be called first. */
bool mqtt_server_next_event(struct mqtt_server *s, uint64_t now_ms, struct mqtt_event *ret);

/* The answer to the PUBLISH event just taken. */
void mqtt_server_verdict(struct mqtt_server *s, uint64_t now_ms, enum mqtt_verdict verdict);

/* Deliver to local subscribers (each at the lower of both QoS, rights permitting), and keep it if
 * m->retain (an empty retained payload removes). Nothing of it goes to the store: for messages that
 * are made anew by every process. */
void mqtt_server_publish(struct mqtt_server *s, uint64_t now_ms, struct mqtt_msg *m);

/* Where the message is to be kept in the store: a target for every session there that gets it at
 * QoS 1 or 2 and has room, one if it is retained; up to MQTT_TARGETS_MAX. They borrow from the
 * message and are good until the next call of any function. Changes nothing: it may be asked again.
 * Number of targets. */
size_t mqtt_server_targets(struct mqtt_server *s, const struct mqtt_clocks *clocks,
    struct mqtt_msg *m, struct store_target targets[MQTT_TARGETS_MAX]);

/* Deliver as mqtt_server_publish, right after mqtt_server_targets gave the targets for it. seq: the
 * number under which it was put into the store with them; 0: there were none, or it was not. What
 * should be in the store and is not gets to clients that are connected, at QoS 1 at most, and is
 * not kept for others, nor retained: that is counted. */
void mqtt_server_publish_stored(
    struct mqtt_server *s, uint64_t now_ms, struct mqtt_msg *m, uint64_t seq);

/* What the server has changed in the store since the last call, as MQTT_CHANGED_... of
 * mqtt_persist.h. */
unsigned mqtt_server_take_changes(struct mqtt_server *s);

/* The queue of what is retained. false: there is no store. */
bool mqtt_server_retained_queue(const struct mqtt_server *s, unsigned *ret_queue);

/* The owner begins to commit the store: everything accepted and changed so far. From now on the
 * server leaves the store alone as far as it can; PUBLISH is offered still, and the owner knows
 * which of them needs the store. */
void mqtt_server_commit_begins(struct mqtt_server *s, uint64_t now_ms);

/* The commit ended. is_durable: write the answers that wait for it; if not, they wait for another
 * one. What was held meanwhile is due: mqtt_server_resume_held. */
void mqtt_server_commit_ended(struct mqtt_server *s, uint64_t now_ms, bool is_durable);

/* Both at once: everything accepted and changed so far is durable. Not while a commit is under way.
 */
void mqtt_server_committed(struct mqtt_server *s, uint64_t now_ms);

/* Answers that wait for a commit that has not begun; those of clients that went count, too. */
size_t mqtt_server_answers(const struct mqtt_server *s);

/* There may be room again: offer all held PUBLISH packets again. Returns how many clients were
 * held. */
size_t mqtt_server_resume_held(struct mqtt_server *s, uint64_t now_ms);

/* Keep-alives, connect time-outs. */
void mqtt_server_tick(struct mqtt_server *s, uint64_t now_ms);
uint64_t mqtt_server_deadline(const struct mqtt_server *s);

/* Close all clients (no wills: the server goes, not they). */
void mqtt_server_shutdown(struct mqtt_server *s, uint64_t now_ms);

/* Free what died this turn and has no event left to tell. No event borrowed before is valid
 * afterwards. */
void mqtt_server_settle(struct mqtt_server *s);

/* Clients connected on a listener. */
size_t mqtt_server_clients(const struct mqtt_server *s, size_t listener);

/* What was counted since mqtt_server_new; lives as long as the server. */
const struct mqtt_counters *mqtt_server_counters(const struct mqtt_server *s);

/* Bytes of messages kept for absent and slow clients, and retained. */
size_t mqtt_server_kept_bytes(const struct mqtt_server *s);

#endif
