/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AT port of a modem on USB, found in sysfs by vendor, product and interface number. The names
 * ttyUSB0, ttyUSB1 ... are given in the order in which things are found; the interface is the
 * modem's own. It reads sysfs once and remembers nothing.
 */
#ifndef CMQTTD_USB_PORT_H
#define CMQTTD_USB_PORT_H

#include <stdbool.h>
#include <stddef.h>

#define USB_PORT_DEV "/dev"

/* `device`, as the configuration has it, is no path but asks for the port to be found: "usb", the
 * only modem there is, or "usb:1-1.4", the one at that place (its name in /sys/bus/usb/devices). */
bool usb_port_is_asked_for(const char *device);

/* One of the two forms above, and nothing else. */
bool usb_port_is_fine(const char *device);

/* Path of the port that `device` asks for, its first AT port or else its second one. sysfs:
 * USB_SYSFS, dev: USB_PORT_DEV but for tests. 0; -ENOENT: there is none; -ENOTUNIQ: there is more
 * than one modem; -ENAMETOOLONG; -errno of reading sysfs. */
int usb_port_find(
    const char *sysfs, const char *dev, const char *device, char *ret_path, size_t size);

/* A port of this name (no path) may be one of a modem on USB. */
bool usb_port_is_candidate(const char *name);

#endif
