/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the MQTT server: what its files share. Nobody else includes this.
 *
 *   mqtt_server.c   the interface: client numbers, order of events, verdicts, time
 *   mqtt_client.c   a connection: its answers, its end
 *   mqtt_packet.c   what a client sends, packet by packet
 *   mqtt_connect.c  CONNECT: identity, rights, session, take-over
 *   mqtt_deliver.c  messages to clients: QoS windows, retained messages
 *   mqtt_targets.c  messages to the store: who keeps them there
 *   mqtt_restore.c  what an earlier process left in the store
 *   mqtt_will.c     last wills, from CONNECT until the owner took them
 *
 * A connection is a struct mqtt_client from accept to the first settle after both it is closed and
 * its socket is gone. Its memory never goes earlier, so pointers to it are good for a whole turn.
 * A session may go in the middle of a turn, but never while messages are being delivered: delivery
 * closes no client.
 */
#ifndef CMQTTD_MQTT_MQTT_SERVER_IMPL_H
#define CMQTTD_MQTT_MQTT_SERVER_IMPL_H

#include "base/buf.h"
#include "base/limits.h"
#include "base/timerq.h"
#include "mqtt/mqtt_codec.h"
#include "mqtt/mqtt_list.h"
#include "mqtt/mqtt_persist.h"
#include "mqtt/mqtt_retain.h"
#include "mqtt/mqtt_server.h"
#include "mqtt/mqtt_session.h"

enum mqtt_client_state {
	MQTT_CLIENT_NEW,    /* CONNECT is awaited */
	MQTT_CLIENT_ONLINE, /* has a session */
	MQTT_CLIENT_CLOSED,
};

/* Events of a client that are not told yet; told in this order. */
#define MQTT_NOTICE_ONLINE  1U
#define MQTT_NOTICE_OFFLINE 2U
#define MQTT_NOTICE_CLOSE   4U

struct mqtt_will {
	struct mqtt_link link; /* in wills or held_wills of the server */
	struct mqtt_msg *msg;
	uint32_t delay_s;  /* MQTT 5.0; 0: none */
	uint32_t expiry_s; /* of the message, from when it is published on; 0: none */
	bool has_expiry;
	size_t client_id_len;
	uint8_t client_id[]; /* whose it is */
};

struct mqtt_client {
	uint32_t number;
	enum mqtt_client_state state;
	enum mqtt_version version;
	size_t listener;
	char *client_id;              /* NULL before CONNECT */
	struct mqtt_session *session; /* while online */
	struct mqtt_will *will;

	struct buf rx;
	struct buf out;
	struct buf acks;     /* answers that wait until what they tell of is durable */
	size_t acks_sealed;  /* bytes of them that the last commit is about */
	size_t acks_durable; /* bytes of them whose turn has come */
	bool is_greeted;     /* CONNACK is in out, so that others may follow */
	bool is_eof;         /* the socket is gone; what it had sent is still worked off */
	bool is_held;        /* the first packet in rx has to wait */
	bool is_told_paused;
	bool has_news; /* bytes in out, WRITE not told */

	/* MQTT 5.0 */
	uint32_t packet_max;                 /* it takes none that is larger */
	bool wants_reasons;                  /* as text */
	uint32_t unanswered;                 /* its PUBLISH of QoS 1 and 2: MQTT_RECEIVE_MAX */
	uint32_t answered;                   /* of those, answered for good in acks */
	uint32_t answered_sealed;            /* ... in the part that the last commit is about */
	uint32_t answered_durable;           /* ... in the part whose turn has come */
	char *aliases[MQTT_TOPIC_ALIAS_MAX]; /* topics; NULL: not set */

	enum mqtt_close why; /* closed */
	const char *detail;  /* more of it; NULL: there is nothing more to say */
	unsigned notices;
	struct timer timer;      /* CONNECT time-out, then keep-alive */
	uint32_t silence_max_ms; /* 0: no keep-alive */
	uint64_t last_packet_ms;

	struct mqtt_link ready;  /* has unread packets */
	struct mqtt_link held;   /* is_held */
	struct mqtt_link notice; /* notices are not 0 */
	struct mqtt_link dirty;  /* WRITE, PAUSE or RESUME may be due */
	struct mqtt_link acking; /* acks that no commit is about yet */
	struct mqtt_link sealed; /* acks that the last commit is about, and that are not durable */
	struct mqtt_link queued; /* the first message of its queue waits to be durable */
	struct mqtt_link dead;   /* closed and gone */
};

/* The PUBLISH that was offered to the owner; msg is NULL when there is none. */
struct mqtt_offer {
	struct mqtt_msg *msg;
	struct mqtt_client *client; /* NULL: a will */
	struct mqtt_will *will;
	size_t packet_len;
	uint16_t packet_id;
};

struct mqtt_server {
	struct mqtt_listener listeners[MQTT_LISTENERS_MAX];
	size_t listener_count;
	uint64_t now_ms; /* of the call under way */
	struct mqtt_client *clients[MQTT_CLIENTS_MAX];
	uint32_t serial;
	uint64_t generated_ids;
	struct mqtt_persist persist;
	struct mqtt_sessions sessions;
	struct mqtt_retain retain;
	bool is_retain_planned; /* by the last mqtt_server_targets */
	struct buf properties;  /* of its targets, where they are not the message's own */
	bool is_committing;
	size_t answers;       /* that wait for a commit that has not begun */
	uint64_t sealed_seq;  /* copies in the store that the last commit is about: to this one */
	uint64_t durable_seq; /* copies in the store up to this number were committed */
	struct timerq timers;
	struct mqtt_offer offer;
	struct mqtt_link ready;
	struct mqtt_link held;
	struct mqtt_link notices;
	struct mqtt_link dirty;
	struct mqtt_link acking;
	struct mqtt_link sealed;
	struct mqtt_link queued;
	struct mqtt_link dead;
	struct mqtt_link wills; /* to be offered */
	struct mqtt_link held_wills;
	size_t will_count; /* in these two */
	struct mqtt_counters counters;
};

/* ---- mqtt_client.c ---- */

/* A connection that awaits CONNECT; NULL when memory is out. */
struct mqtt_client *mqtt_client_new(
    struct mqtt_server *s, uint64_t now_ms, uint32_t number, size_t listener);
void mqtt_client_free(struct mqtt_client *c);

/* End the connection: session detached, will queued (unless it ended by DISCONNECT), events noted.
 * Nothing happens if it is closed already. */
void mqtt_client_close(struct mqtt_server *s, struct mqtt_client *c, enum mqtt_close why);

/* The same, and MQTT 5.0 is told another reason than the one that goes with why. */
void mqtt_client_close_because(
    struct mqtt_server *s, struct mqtt_client *c, enum mqtt_close why, enum mqtt_reason reason);

/* Close for a failure to write a packet: -ENOBUFS or -ENOMEM. */
void mqtt_client_close_unwritable(struct mqtt_server *s, struct mqtt_client *c, int error);

/* The packet that is first in rx has to wait, and those behind it. */
void mqtt_client_hold(struct mqtt_server *s, struct mqtt_client *c);

/* Drop len bytes from the front of rx. */
void mqtt_client_consume(struct mqtt_client *c, size_t len);

/* There is something in the output buffer. */
void mqtt_client_has_news(struct mqtt_server *s, struct mqtt_client *c);

/* The buffer that the next answer to this client is to be written to: what tells of something that
 * has to be durable waits, and nothing overtakes CONNACK [MQTT-3.2.0-1]. */
struct buf *mqtt_client_answer(struct mqtt_client *c, bool waits);

/* The answer is in that buffer; or it could not be written: r < 0, and the client is closed. */
void mqtt_client_answered(
    struct mqtt_server *s, struct mqtt_client *c, const struct buf *answer, int r);

/* The store did not take what an answer would have promised, or memory is out: r. */
void mqtt_client_close_unkept(struct mqtt_server *s, struct mqtt_client *c, int r);

/* Queue a PUBACK, PUBREC or PUBCOMP, which waits until what it answers is durable. text: as that of
 * mqtt_encode_ack. */
void mqtt_client_put_ack(struct mqtt_server *s, struct mqtt_client *c, enum mqtt_type type,
    const struct mqtt_ack *p, const char *text);

/* Queue the acknowledgement of an accepted or repeated PUBLISH. For QoS 2 the identifier must have
 * been remembered. Nothing happens for QoS 0 and for a closed client. */
void mqtt_client_acknowledge(
    struct mqtt_server *s, struct mqtt_client *c, uint8_t qos, uint16_t packet_id);

/* Queue the answer to a PUBLISH that is refused: the reason, with a text or NULL. Before MQTT 5.0
 * it is acknowledged instead. */
void mqtt_client_refuse(struct mqtt_server *s, struct mqtt_client *c, uint8_t qos,
    uint16_t packet_id, enum mqtt_reason reason, const char *text);

/* Move acknowledgements whose turn has come to the output buffer, when all of them fit. */
void mqtt_client_flush_acks(struct mqtt_server *s, struct mqtt_client *c);

/* Its timer ran out. */
void mqtt_client_timeout(struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms);

/* ---- mqtt_packet.c ---- */

/* Work off one packet. It may be a PUBLISH that becomes the offer. */
void mqtt_client_step(struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms);

/* ---- mqtt_connect.c ---- */

/* Answer a CONNECT: let the client in, or refuse and close. */
void mqtt_client_connect(
    struct mqtt_server *s, struct mqtt_client *c, uint64_t now_ms, const struct mqtt_frame *f);

/* ---- mqtt_deliver.c ---- */

/* To everybody who subscribed, retain = 0 [MQTT-3.3.1-9] unless they want it as published. from:
 * who published it; NULL: none of the subscribers. */
void mqtt_deliver(struct mqtt_server *s, struct mqtt_msg *m, const struct subs_owner *from);

/* The same for a message that sessions in the store keep there, under this number; 0: they could
 * not. */
void mqtt_deliver_stored(
    struct mqtt_server *s, struct mqtt_msg *m, const struct subs_owner *from, uint64_t seq);

/* What a subscriber that subs_match found gets of a message, without its subscription identifiers.
 */
struct mqtt_out mqtt_out_of(struct mqtt_msg *m, const struct subs_owner *o);

#define MQTT_IDS_MAX (MQTT_SUBS_PER_CLIENT_MAX * MQTT_PROP_NUMBER_MAX)

/* The identifiers of the subscriptions by which it was found: it gets all of them (MQTT 5.0
 * [MQTT-3.3.4-3, -4]). bytes must live as long as out. */
void mqtt_put_ids(const struct subs_owner *o, struct mqtt_out *out, uint8_t bytes[MQTT_IDS_MAX]);

/* What is retained for this filter, retain = 1 [MQTT-3.3.1-6, -8]. id: of the subscription; 0:
 * none. */
void mqtt_deliver_retained(
    struct mqtt_server *s, struct mqtt_client *c, const struct mqtt_filter *filter, uint32_t id);

/* Write what is in flight and unsent, then what waits, as far as window and buffer allow. */
void mqtt_deliver_pump(struct mqtt_server *s, struct mqtt_client *c);

/* The client acknowledged. 0, or -EPROTO when it is not what that message awaits. */
int mqtt_deliver_puback(struct mqtt_server *s, struct mqtt_client *c, uint16_t packet_id);
int mqtt_deliver_pubrec(struct mqtt_server *s, struct mqtt_client *c, const struct mqtt_ack *p);
int mqtt_deliver_pubcomp(struct mqtt_server *s, struct mqtt_client *c, uint16_t packet_id);

/* Who published it: nobody among the subscribers, unless it is what was just offered. */
const struct subs_owner *mqtt_publisher_of(const struct mqtt_server *s, const struct mqtt_msg *m);

/* Rights of a session on a topic or filter. */
bool mqtt_session_may_read(
    const struct mqtt_server *s, const struct mqtt_session *session, struct span topic);
bool mqtt_session_may_write(
    const struct mqtt_server *s, const struct mqtt_session *session, struct span topic);
bool mqtt_session_may_subscribe(
    const struct mqtt_server *s, const struct mqtt_session *session, struct span filter);

/* ---- mqtt_targets.c ---- */

/* Put a message that is retained, under seq in the store, into the store once more: for a session
 * there that subscribed just now. Its new number; 0: there is no room, or the store fails. */
uint64_t mqtt_targets_copy(
    struct mqtt_server *s, struct mqtt_session *session, const struct mqtt_out *o, uint64_t seq);

/* ---- mqtt_restore.c ---- */

/* Number of the listener with this address; SIZE_MAX: none, and so no rights. */
size_t mqtt_server_find_listener(const struct mqtt_server *s, struct span address);

/* There are other listeners: whose rights apply to sessions in the store is looked up again.
 * map: the new number of each old one, for the others. */
void mqtt_restore_listeners(struct mqtt_server *s, const size_t map[MQTT_LISTENERS_MAX]);

/* ---- mqtt_will.c ---- */

/* The will of a CONNECT, whose topic was checked, for a client of this identifier. 0, -ENOMEM, or
 * -ENOBUFS: more properties than are passed on. */
int mqtt_will_new(const struct mqtt_connect *p, struct span client_id, struct mqtt_will **ret);
void mqtt_will_free(struct mqtt_will *w);

/* The client is lost: its will goes to the queue, or waits with the session. */
void mqtt_will_execute(struct mqtt_server *s, struct mqtt_client *c);

/* The session ends: a will that waits goes to the queue now, and then the session is destroyed
 * (MQTT 5.0, 3.1.3.2.2). */
int mqtt_will_end_session(struct mqtt_server *s, struct mqtt_session *session);

/* Wills and ends of absent sessions whose time has come. */
void mqtt_will_tick(struct mqtt_server *s);

/* Who left the will that is offered; NULL: gone. */
const struct mqtt_session *mqtt_will_publisher(const struct mqtt_server *s);

/* Make the first queued will the offer; false: there is none. */
bool mqtt_will_offer(struct mqtt_server *s);

/* The owner's answer to it. */
void mqtt_will_verdict(struct mqtt_server *s, enum mqtt_verdict verdict);
void mqtt_will_resume_held(struct mqtt_server *s);
void mqtt_will_free_all(struct mqtt_server *s);

#endif
