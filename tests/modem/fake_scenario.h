/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A story of a modem as a file: how it is, what was done to it before, what goes wrong. A line
 * each:
 *
 *   # TEXT                   a remark; the first one is the title
 *   set NAME [VALUE]         something of struct fake_modem_cfg (see sim7600(1)), 1 without a value
 *   before TEXT              the host before has said this command
 *   fault RULE               as fake_fault_parse
 *   at MS COMMAND            a command of the control socket, so long after the start
 *   on MATCH[#NTH] [after MS] COMMAND   the same, when the host sends such a command
 *
 * Like the rest of fake_*: no clock, no file but the one that is read.
 */
#ifndef TESTS_MODEM_FAKE_SCENARIO_H
#define TESTS_MODEM_FAKE_SCENARIO_H

#include "fake_modem.h"

struct fake_scenario;

/** Reads it and changes cfg accordingly; cfg borrows from the scenario. NULL: *ret_why says what is
 * wrong, "LINE: ...". */
struct fake_scenario *fake_scenario_read(
    const char *path, struct fake_modem_cfg *cfg, char *ret_why, size_t size);
/** NULL is fine. */
void fake_scenario_free(struct fake_scenario *s);
/** The first remark, "" if there is none. */
const char *fake_scenario_title(const struct fake_scenario *s);
/** `set chunk N`: most bytes to be handed to the host at once; 0: all. */
unsigned fake_scenario_chunk(const struct fake_scenario *s);
/** The modem was made: adds the faults. */
void fake_scenario_start(struct fake_scenario *s, struct fake_modem *m);
/** All that was before is done: the host may come. Until then the modem's output is to be dropped.
 */
bool fake_scenario_is_ready(const struct fake_scenario *s);
/** To be called from fake_modem_cfg.draw_fault, or whenever the host sends a command. */
void fake_scenario_command(struct fake_scenario *s, uint64_t now, const char *command);
/** Lets happen what is due; `run` gets the commands of the control socket. */
void fake_scenario_tick(struct fake_scenario *s, struct fake_modem *m, uint64_t now,
    void (*run)(void *ctx, char *command), void *ctx);
/** What has not happened yet: events, and faults as far as their number tells. */
size_t fake_scenario_left(const struct fake_scenario *s, const struct fake_modem *m);
/** When to call it next; FAKE_NEVER. While it is not ready: soon after the modem has done
 * something. */
uint64_t fake_scenario_deadline(const struct fake_scenario *s);

#endif
