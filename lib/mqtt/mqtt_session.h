/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session state of local clients (MQTT 3.1.1, 3.1.2.4): subscriptions, messages that wait or are on
 * their way, QoS 2 identifiers received. It outlives the connection if the client asked for that.
 *
 * Everything that changes this state is a function of this file, and the store follows it here
 * (mqtt_persist.h). What is sent when is not decided here.
 *
 * A session belongs to struct mqtt_sessions from mqtt_sessions_create to mqtt_sessions_destroy.
 */
#ifndef CMQTTD_MQTT_MQTT_SESSION_H
#define CMQTTD_MQTT_MQTT_SESSION_H

#include "base/buf.h"
#include "base/limits.h"
#include "base/timerq.h"
#include "mqtt/mqtt_msg.h"
#include "mqtt/mqtt_persist.h"
#include "mqtt/subs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MQTT_SESSION_BUCKETS 512

struct mqtt_client;
struct mqtt_will;

/* What is awaited from the client for a message in flight (4.3). */
enum mqtt_awaits {
	MQTT_AWAITS_PUBACK,
	MQTT_AWAITS_PUBREC,
	MQTT_AWAITS_PUBCOMP, /* the message itself is released */
};

/* One message for one client, waiting or in flight. */
struct mqtt_out {
	struct mqtt_msg *msg; /* NULL when PUBCOMP is awaited */
	uint64_t seq;         /* its number in the store; 0: it is not there */
	uint16_t packet_id;   /* 0: QoS 0 */
	uint8_t qos;          /* as this client gets it */
	uint8_t awaits;       /* enum mqtt_awaits, in flight only */
	uint16_t ids_len;
	uint8_t *ids; /* subscription identifiers (MQTT 5.0), as they are sent; owned; NULL: none */
	bool retain;
	bool is_sent; /* on the present connection */
	bool is_dup;  /* it was sent on an earlier one */
};

struct mqtt_session {
	struct subs_owner subs;
	struct mqtt_session *chain;
	struct mqtt_client *client; /* NULL: absent */
	size_t listener;            /* whose rights apply */
	bool is_persistent;         /* expiry_s is not 0 */
	uint32_t expiry_s; /* 0: ends with its connection; MQTT_EXPIRY_NEVER (mqtt_codec.h) */
	struct timer deadline;
	uint64_t expires_at_ms; /* the client is absent, and the session ends then */
	struct mqtt_will *will; /* it is absent, and its will waits; the server's to free */
	uint64_t will_at_ms;
	uint16_t window; /* messages in flight, at most; the client may bear less than we do */
	bool is_stored;  /* it is in the store, under this number */
	unsigned queue_number;
	uint64_t plan; /* the newest mqtt_sessions_plan that it is part of */
	uint16_t last_packet_id;
	struct mqtt_out inflight[MQTT_INFLIGHT_MAX]; /* in order of sending */
	size_t inflight_count;
	size_t unsent;          /* of those, not yet sent on the present connection */
	struct mqtt_out *queue; /* ring */
	size_t queue_cap, queue_first, queue_count, queue_bytes;
	uint8_t *received_ids; /* one bit each; NULL until the first QoS 2 PUBLISH */
	struct span id;
	struct span user; /* empty: anonymous */
	uint8_t names[];  /* id, user */
};

struct mqtt_sessions {
	struct mqtt_session *buckets[MQTT_SESSION_BUCKETS];
	size_t count;
	size_t stored_count; /* of them, those in the store */
	size_t kept_bytes;   /* of messages waiting and in flight, each counted for every holder */
	size_t stored_bytes; /* of those that are in the store as well */
	uint64_t plan;
	size_t planned_bytes;
	struct timerq deadlines;      /* every session is in it: nothing can fail later */
	struct mqtt_persist *persist; /* borrowed */
	struct subs subs;
};

/* No sessions. 0 or -ENOMEM. */
int mqtt_sessions_init(struct mqtt_sessions *t, struct mqtt_persist *persist);

/* Free them; the store keeps what it has. */
void mqtt_sessions_fini(struct mqtt_sessions *t);

/* NULL: there is none. */
struct mqtt_session *mqtt_sessions_find(const struct mqtt_sessions *t, struct span id);

/* A new session; id and user are copied. 0, -ENOMEM, -ENOSPC at MQTT_SESSIONS_MAX. The caller takes
 * care that the id is unique. */
int mqtt_sessions_create(
    struct mqtt_sessions *t, struct span id, struct span user, struct mqtt_session **ret);

/* Free it; the store keeps what it has of it. */
void mqtt_sessions_destroy(struct mqtt_sessions *t, struct mqtt_session *s);

/* It is to outlive its connection, and the process, under the rights of the listener with this
 * address: open its queue, or note another listener. Nothing happens without a store, and to a
 * session that does not outlive its connection. 0, -ENOSPC, -ENOMEM, -EIO. */
int mqtt_session_store(struct mqtt_sessions *t, struct mqtt_session *s, const char *listener);

/* It is in the store, under this number. */
void mqtt_session_set_stored(
    struct mqtt_sessions *t, struct mqtt_session *s, unsigned queue_number);

/* End it for good, in the store first. 0; -ENOMEM, -EIO: it is there yet, and due to be ended
 * again soon. */
int mqtt_session_end(struct mqtt_sessions *t, struct mqtt_session *s, uint64_t now_ms);

/* The client is there: what was in flight has to be sent again [MQTT-4.4.0-1]. receive_max:
 * messages in flight that it bears (MQTT 5.0, 3.1.2.11.3). */
void mqtt_session_attach(struct mqtt_sessions *t, struct mqtt_session *s, struct mqtt_client *c,
    size_t listener, uint16_t receive_max);

/* The client went. Ends the session unless it is persistent: then its time runs from now on. */
void mqtt_session_detach(struct mqtt_sessions *t, struct mqtt_session *s, uint64_t now_ms);

/* How long it outlives its connection. 0, -ENOMEM, -EIO. */
int mqtt_session_set_expiry(struct mqtt_sessions *t, struct mqtt_session *s, uint32_t expiry_s);

/* Keep the will of a session that will be persistent without client, until then. */
void mqtt_session_keep_will(
    struct mqtt_sessions *t, struct mqtt_session *s, struct mqtt_will *will, uint64_t at_ms);

/* The will that waits, if any: it goes to the caller. */
struct mqtt_will *mqtt_session_take_will(struct mqtt_sessions *t, struct mqtt_session *s);

/* A session whose end, or the moment of whose will, has come; NULL: none. Take the will, or end it,
 * before the next call. */
struct mqtt_session *mqtt_sessions_due(struct mqtt_sessions *t, uint64_t now_ms);

/* Subscribe; results as those of subs_add, and -EIO. After a failure of the store a subscription
 * that was there may have its new options. */
int mqtt_session_subscribe(struct mqtt_sessions *t, struct mqtt_session *s, struct span filter,
    const struct subs_options *options);

/* Unsubscribe. 1; 0: there was no such subscription; -ENOMEM, -EIO: nothing changed. */
int mqtt_session_unsubscribe(struct mqtt_sessions *t, struct mqtt_session *s, struct span filter);

/* Begin to plan where one message is to be kept; earlier plans are forgotten. */
void mqtt_sessions_plan(struct mqtt_sessions *t);

/* Plan to keep o->msg at QoS 1 or 2 for this session, which must be in the store: *ret_id is the
 * packet identifier that the next enqueue gives. Changes nothing else. 0, or -ENOBUFS: it would be
 * beyond a bound, with all that is planned together. */
int mqtt_session_plan(
    struct mqtt_sessions *t, struct mqtt_session *s, const struct mqtt_out *o, uint16_t *ret_id);

/* Keep a message for the client: msg (a reference is taken), seq, qos, retain, ids (copied) of *o.
 * At QoS 1 and 2 it gets a packet identifier. 0, -ENOMEM, or -ENOBUFS at MQTT_QUEUE_MAX,
 * MQTT_QUEUE_BYTES_MAX or MQTT_KEPT_BYTES_MAX: then it is taken out of the store, too. */
int mqtt_session_enqueue(struct mqtt_sessions *t, struct mqtt_session *s, const struct mqtt_out *o);

/* The message that waits longest; NULL: none. */
struct mqtt_out *mqtt_session_first(struct mqtt_session *s);

/* Drop that one: it was sent at QoS 0, or nobody wants it any more. */
void mqtt_session_drop_first(struct mqtt_sessions *t, struct mqtt_session *s);

/* Put that one, of QoS 1 or 2, in flight. NULL when as many are as the window allows. */
struct mqtt_out *mqtt_session_launch_first(struct mqtt_session *s);

/* It is in the client's output buffer. */
void mqtt_session_sent(struct mqtt_session *s, struct mqtt_out *o);

/* The message in flight under this identifier; NULL: none. */
struct mqtt_out *mqtt_session_inflight(struct mqtt_session *s, uint16_t packet_id);

/* PUBREC came: release the message, await PUBCOMP. 0; -ENOMEM, -EIO: the store does not know. */
int mqtt_session_released(struct mqtt_sessions *t, struct mqtt_session *s, struct mqtt_out *o);

/* PUBACK or PUBCOMP came: it is over. */
void mqtt_session_done(struct mqtt_sessions *t, struct mqtt_session *s, struct mqtt_out *o);

/* QoS 2 identifiers between PUBLISH and PUBREL [MQTT-4.3.3-2]. Changing them: 0, -ENOMEM, -EIO. */
bool mqtt_session_remembers(const struct mqtt_session *s, uint16_t packet_id);
int mqtt_session_remember(struct mqtt_sessions *t, struct mqtt_session *s, uint16_t packet_id);
int mqtt_session_forget(struct mqtt_sessions *t, struct mqtt_session *s, uint16_t packet_id);

/* As mqtt_session_remember, for what the store has already. 0 or -ENOMEM. */
int mqtt_session_put_back_id(struct mqtt_session *s, uint16_t packet_id);

/* Put back a message that the store had, behind those that were put back before: in flight (it may
 * have been sent), or waiting. A reference is taken, unless PUBCOMP is awaited and there is no
 * message any more; ids are copied. 0, -ENOMEM, or -ENOBUFS at a bound. */
int mqtt_session_put_back(
    struct mqtt_sessions *t, struct mqtt_session *s, const struct mqtt_out *o, bool is_in_flight);

#endif
