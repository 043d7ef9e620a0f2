/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The note about the PIN that was entered last, in a file beside the store: the core makes it and
 * reads it again after a restart (modem/sim_card.h). It holds no PIN.
 */
#ifndef CMQTTD_PIN_NOTE_H
#define CMQTTD_PIN_NOTE_H

#include <stddef.h>

#define PIN_NOTE_MAX 64 /* bytes of a note, its NUL included */

/* The note kept beside the store file at `store`, "" if there is none or it cannot be read. */
void pin_note_read(const char *store, char *ret_note, size_t size);

/* Keep it, on disk when this returns; "": none any more. 0 or -errno. */
int pin_note_write(const char *store, const char *note);

#endif
