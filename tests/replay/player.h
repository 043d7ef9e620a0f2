/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays one dialogue to a stage: says the modem's lines, and demands the daemon's. A line that does
 * not come within PLAYER_GRACE_MS, and bytes that no line demands, end the play.
 */
#ifndef TESTS_REPLAY_PLAYER_H
#define TESTS_REPLAY_PLAYER_H

#include "replay/dialogue.h"
#include "replay/stage.h"

#include <stdbool.h>
#include <stdint.h>

#define PLAYER_GRACE_MS 500 /* the daemon's next line, when no pause says otherwise */

/* How the modem's bytes are cut into reads. */
enum cut {
	CUT_LINE,   /* each line of the dialogue is one read */
	CUT_BLOCK,  /* lines that stand one below the other are one read together */
	CUT_BYTE,   /* byte by byte */
	CUT_RANDOM, /* in pieces that may begin and end anywhere */
};

/* Play it. false: it went wrong, as has been printed. seed: for CUT_RANDOM. */
bool player_play(struct stage *s, const struct dialogue *d, enum cut cut, uint64_t seed);

#endif
