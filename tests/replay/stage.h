/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's core on a stage: a clock that is set by hand, a port whose other end is the
 * dialogue, a local subscriber and a local publisher. What the core does but for what it says to
 * the modem is written down as events, one a line:
 *
 *   LEVEL CODE [BROKER] [FROM > TO] [err N] [: DETAIL]   a log record; states change in these
 *   message QOS TOPIC LENGTH [PAYLOAD]                   the subscriber got it
 *   acknowledged N                                       the publisher's N-th message was accepted
 *   BROKER OUTCOME                                       what became of a message for a broker
 *   exit, reopen, power cycle                            what the daemon is to do
 *   end ...                                              how things stand in the end
 *
 * Stimuli:
 *
 *   tty up                                 the port was opened
 *   publish QOS [retain] TOPIC [PAYLOAD]   the local publisher publishes
 *   shutdown                               the daemon is asked to stop
 */
#ifndef TESTS_REPLAY_STAGE_H
#define TESTS_REPLAY_STAGE_H

#include "base/buf.h"
#include "bridge/core_config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stage;

/* A daemon that has just been started, with this configuration (borrowed). */
struct stage *stage_new(const struct core_config *cfg);

/* NULL is fine. */
void stage_free(struct stage *s);

/* Milliseconds since the beginning. */
uint64_t stage_now(const struct stage *s);

/* The modem says something. */
void stage_rx(struct stage *s, const uint8_t *data, size_t len);

/* What the daemon has said to the modem: consume what has been looked at. */
struct buf *stage_sent(struct stage *s);

/* Let time pass to the next moment at which the core wants to be woken, or to end_ms if that is
 * earlier. false: it was end_ms already. */
bool stage_step(struct stage *s, uint64_t end_ms);

/* false: there is no such stimulus. */
bool stage_do(struct stage *s, const char *stimulus);

/* The end: append how things stand, and return all events. Borrowed from the stage. */
const struct buf *stage_end(struct stage *s);

/* What must not have happened whatever the dialogue says; "": nothing. */
const char *stage_wrong(const struct stage *s);

#endif
