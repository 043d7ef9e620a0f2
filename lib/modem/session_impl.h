/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a session: what its files share. For them alone.
 *
 *   session.c            the interface: configuration, wishes, what the modem says unasked
 *   session_life.c       states: attempts, failures, pauses; the configuration in use
 *   session_phase.c      the dialogue: which phase is next, what the end of a job means
 *   session_probe.c      PROBE, CHECK, ADOPT, CLOSE: the client as the modem has it
 *   session_tls.c        CERTS, TLS, TIDY: certificate files in the modem's flash, the SSL context
 *   session_connect.c    ACQUIRE, CONNECT
 *   session_subscribe.c  SUBSCRIBE
 *   session_publish.c    PUBLISH, BIRTH
 */
#ifndef CMQTTD_MODEM_SESSION_IMPL_H
#define CMQTTD_MODEM_SESSION_IMPL_H

#include "modem/session.h"

/* Why an attempt or a connection ended. */
struct session_failure {
	enum backoff_pace pace;
	unsigned err;               /* MQTT error number, 0: none was given */
	const char *text;           /* NULL: the text of the number */
	const struct at_step *step; /* the command; NULL: none of ours */
	bool is_unsendable;         /* what is configured cannot be sent to this modem */
};

/* ---- session_life.c ---- */

/* It has a broker, and nothing speaks against being online. */
bool session_is_wanted(const struct session *s);

/* The attempt or the connection is over: back off (or, while stopping, be closed). */
void session_fail(struct session *s, uint64_t now_ms, const struct session_failure *why);

/* Connected, subscribed, birth message sent. */
void session_online(struct session *s, uint64_t now_ms);

/* The client is released, as was wanted. */
void session_closed(struct session *s, uint64_t now_ms);

/* ---- session_phase.c ---- */

/* Begin what the phase wants, or go on to the next phase. false: nothing to do. */
bool session_phase_run(struct session *s, uint64_t now_ms);

/* The script of the phase begins; if the channel cannot take it now, the phase begins again in a
 * while. Always true: something was done. */
bool session_run(struct session *s, uint64_t now_ms, const struct at_step *script);

/* Connected: whatever is due next. */
void session_advance(struct session *s, uint64_t now_ms);

/* What is said of a job that failed; NULL: it has a number that says it. */
const char *session_failure_text(const struct at_event *ev);

/* What a job's end means as a failure. */
struct session_failure session_failure_of(const struct session *s, const struct at_event *ev);

/* The job's end was a failure: session_fail. */
void session_fail_by(struct session *s, uint64_t now_ms, const struct at_event *ev);

/* The client is busy, and may be so with what an earlier life began. */
bool session_has_patience(const struct session *s, uint64_t now_ms, const struct at_event *ev);

/* ---- session_probe.c ---- */

/* See struct phase in session_phase.c. CHECK begins as PROBE does. */
bool session_probe_begin(struct session *s, uint64_t now_ms);
void session_probe_done(struct session *s, uint64_t now_ms, const struct at_event *ev);
void session_check_done(struct session *s, uint64_t now_ms, const struct at_event *ev);
bool session_adopt_begin(struct session *s, uint64_t now_ms);
void session_adopt_done(struct session *s, uint64_t now_ms, const struct at_event *ev);
bool session_close_begin(struct session *s, uint64_t now_ms);
void session_close_done(struct session *s, uint64_t now_ms, const struct at_event *ev);

/* A line that PROBE or CHECK collects, or ADOPT. */
void session_probe_line(struct session *s, struct span line);
void session_adopt_line(struct session *s, struct span line);

/* What an earlier life began has ended while we were finding out how the client is. A close that
 * has not gone out is thought over; behind that the modem contradicts, and it is asked again then.
 */
void session_doubt_probe(struct session *s, uint64_t now_ms);

/* Remember with what the client is connected from now on: before it can be. */
void session_keep_held(struct session *s);

/* ---- session_tls.c ---- */

/* See struct phase in session_phase.c. */
bool session_certs_begin(struct session *s, uint64_t now_ms);
void session_certs_done(struct session *s, uint64_t now_ms, const struct at_event *ev);
bool session_tls_begin(struct session *s, uint64_t now_ms);
void session_tls_done(struct session *s, uint64_t now_ms, const struct at_event *ev);
bool session_tidy_begin(struct session *s, uint64_t now_ms);
void session_tidy_done(struct session *s, uint64_t now_ms, const struct at_event *ev);

/* A broker is configured that has files, or one that has none, or none. */
void session_note_files(struct session *s, bool has_files);

/* The files of the configuration, or of the one before, are wanted. */
void session_use_files(struct session *s);

/* A CONNECT was refused, perhaps for its certificates: they are sent again, or others used. */
void session_suspect_files(struct session *s, uint64_t now_ms, const struct at_event *ev);

/* The session works with the files in use: those before are not needed any more. */
void session_prove_files(struct session *s);

/* There may be files that nobody needs. */
bool session_must_tidy(struct session *s);

/* ---- session_connect.c ---- */

/* See struct phase in session_phase.c. */
bool session_acquire_begin(struct session *s, uint64_t now_ms);
void session_acquire_done(struct session *s, uint64_t now_ms, const struct at_event *ev);
bool session_connect_begin(struct session *s, uint64_t now_ms);
void session_connect_done(struct session *s, uint64_t now_ms, const struct at_event *ev);

/* The result of a CONNECT that is waited for by asking now and then. */
void session_end_connect(struct session *s, uint64_t now_ms, unsigned err);

/* ---- session_subscribe.c ---- */

/* See struct phase in session_phase.c. */
bool session_subscribe_begin(struct session *s, uint64_t now_ms);
void session_subscribe_done(struct session *s, uint64_t now_ms, const struct at_event *ev);

/* ---- session_publish.c ---- */

/* See struct phase in session_phase.c. */
bool session_birth_begin(struct session *s, uint64_t now_ms);
void session_birth_done(struct session *s, uint64_t now_ms, const struct at_event *ev);

/* The exchange of session_publish ended. is_session_alive: and nothing happened to the session
 * meanwhile. */
void session_publish_done(
    struct session *s, uint64_t now_ms, const struct at_event *ev, bool is_session_alive);

#endif
