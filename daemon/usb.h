/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The USB device behind a serial port, unbound from its driver and bound again through sysfs: to
 * the device that is as if it had been pulled out and put in. Only where sysfs may be written; it
 * needs no program and waits for nothing.
 */
#ifndef CMQTTD_USB_H
#define CMQTTD_USB_H

#include <stdbool.h>
#include <stddef.h>

#define USB_SYSFS    "/sys"
#define USB_NAME_MAX 32 /* "1-1.4.2" */

/* Name of the USB device that has the port `device` (a path, links are followed) among its
 * interfaces. sysfs: USB_SYSFS but for tests. 0; -ENOENT: there is none; -ENAMETOOLONG. */
int usb_find(const char *sysfs, const char *device, char ret_name[USB_NAME_MAX]);

/* usb_rebind may work. */
bool usb_can_rebind(const char *sysfs);

/* Unbind and bind. 0 or -errno; if it cannot be bound any more, it is gone for good. */
int usb_rebind(const char *sysfs, const char *name);

#endif
