/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The modem's port: opened raw and for us alone, read, written, and opened again when it has gone.
 *
 * The port is named by a path, a stable one as a rule, or found on USB (usb_port.h) anew before
 * each opening. A port that is not there is an ordinary state: its folder is watched, so that it is
 * opened when it appears, and it is tried now and then besides, never more often than once a
 * second. The core is told of every opening and of every new reason why there is none.
 */
#ifndef CMQTTD_TTY_H
#define CMQTTD_TTY_H

#include "loop.h"

#include "bridge/core.h"

#include <stdbool.h>
#include <stdint.h>

struct tty;

/* The service manager keeps the open port under this name, so that a process that is killed or
 * exchanged loses nothing that the modem says meanwhile. */
#define TTY_KEPT_NAME "tty"

/* Where the system keeps things; borrowed. */
struct tty_places {
	const char *sysfs; /* USB_SYSFS */
	const char *dev;   /* USB_PORT_DEV */
	const char *locks; /* PORT_LOCK_FOLDER */
};

/* loop and core are borrowed. places: NULL but for tests. NULL: no memory. */
struct tty *tty_new(struct loop *loop, struct core *core, const struct tty_places *places);

/* Use this descriptor, which becomes the tty's, if it is the port of the first configuration; -1:
 * there is none. Before tty_configure. */
void tty_adopt(struct tty *tty, int fd);

/* Closes the port, which the service manager goes on to keep; the core is not told. */
void tty_free(struct tty *tty);

/* Use this port from now on; what was open is closed unless it is the same. The configuration is
 * copied. 0 or -ENOMEM (nothing changed). */
int tty_configure(struct tty *tty, const struct modem_config *cfg);

/* core_tty_out has bytes. False: the port takes none of them now; when it does they are written
 * without a further call. */
bool tty_write(struct tty *tty);

/* Another speed and flow control until it is opened again, and DTR low or not; what is on its way
 * is dropped. A port that is not open, or takes no such speed, stays as it is. */
void tty_set_line(struct tty *tty, uint32_t baud, bool rtscts, bool is_hung_up);

/* Close the port and open it again. */
void tty_reopen(struct tty *tty);

/* Unbind the USB device that the port belongs to, or belonged to, and bind it again; what comes of
 * it is seen as for any port that goes and comes. */
void tty_rebind_usb(struct tty *tty);

#endif
