/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recorded dialogue, played by its modem's side (sim7600(1), DIALOGUES): what stands in the file
 * behind a command is the answer to it. It decides what is said when; its owner has port and clock.
 */
#ifndef TESTS_MODEM_SIM_PLAY_H
#define TESTS_MODEM_SIM_PLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_play;

/* Reads the file and what it includes. NULL: *ret_why says what is wrong. `log` gets what is not as
 * recorded. */
struct sim_play *sim_play_read(const char *path, void (*log)(void *ctx, const char *text),
    void *ctx, char *ret_why, size_t size);
/* NULL is fine. */
void sim_play_free(struct sim_play *p);

/* The host has opened the port: what stands before its first command is said. */
void sim_play_open(struct sim_play *p, uint64_t now);

/* Bytes of the host. */
void sim_play_rx(struct sim_play *p, uint64_t now, const uint8_t *bytes, size_t n);

/* The next bytes for the host that are due, 0: none; valid until the next call. */
size_t sim_play_out(struct sim_play *p, uint64_t now, const uint8_t **ret_bytes);

/* When the next bytes are due; UINT64_MAX: when the host has said something. */
uint64_t sim_play_deadline(const struct sim_play *p);

#endif
