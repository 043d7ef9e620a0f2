/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two halves of a session and what they ask of each other: session.c has its states, wishes and
 * unsolicited events; session_phase.c has the dialogue, phase by phase. For these two files alone.
 */
#ifndef CMQTTD_MODEM_SESSION_PHASE_H
#define CMQTTD_MODEM_SESSION_PHASE_H

#include "modem/session.h"

/* Why an attempt or a connection ended. */
struct session_failure {
	enum backoff_pace pace;
	unsigned err;               /* MQTT error number, 0: none was given */
	const char *text;           /* NULL: the text of the number */
	const struct at_step *step; /* the command; NULL: none of ours */
	bool is_unsendable;         /* what is configured cannot be sent to this modem */
};

/* session_phase.c: begin what the phase wants, or go on to the next phase. false: nothing to do. */
bool session_phase_run(struct session *s, uint64_t now_ms);

/* session_phase.c: the exchange of s->running ended; the outcome is wanted. */
void session_phase_done(struct session *s, uint64_t now_ms, const struct at_event *ev);

/* session_phase.c: what a job's end means as a failure. */
struct session_failure session_failure_of(const struct session *s, const struct at_event *ev);

/* session_phase.c: pub_timeout of the next PUB. */
unsigned session_pub_timeout_s(const struct session *s);

/* session_phase.c: a PUB was refused as one with a bad parameter, and its pub_timeout may be it:
 * the same again goes with the longer one. true: once a connection at most. */
bool session_is_pub_timeout_refused(struct session *s, const struct at_event *ev);

/* session_phase.c: an accepted CONNECT without result in time has failed after all. */
void session_connect_failed(struct session *s, uint64_t now_ms, unsigned err);

/* session.c: the attempt or the connection is over: back off (or, while stopping, be closed). */
void session_fail(struct session *s, uint64_t now_ms, const struct session_failure *why);

/* session.c: the files of the configuration, or of the one before, are wanted. */
void session_use_files(struct session *s);

/* session.c: connected, subscribed, birth message sent. */
void session_online(struct session *s, uint64_t now_ms);

/* session.c: the print of the settings, the files in use among them. */
void session_print(const struct session *s, char ret_print[CONNECT_PRINT_MAX]);

/* session.c: remember with what the client is connected from now on: before it can be. */
void session_keep_held(struct session *s);

/* session_phase.c: the client is busy, and may be so with what an earlier life began. */
bool session_has_patience(const struct session *s, uint64_t now_ms, const struct at_event *ev);

/* session.c: the client is released, as was wanted. */
void session_closed(struct session *s, uint64_t now_ms);

#endif
