/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interfaces of the control socket, as GetInterfaceDescription hands them out: what users and
 * their programs may rely on. Made from io.cmqttd.varlink and org.varlink.service.varlink without
 * their comments. A test holds the method tables, the errors and the replies against these texts.
 */
#ifndef CMQTTD_BRIDGE_CTL_INTERFACE_H
#define CMQTTD_BRIDGE_CTL_INTERFACE_H

#define CTL_INTERFACE         "io.cmqttd"
#define CTL_SERVICE_INTERFACE "org.varlink.service"

extern const char ctl_interface_text[];         /* io.cmqttd */
extern const char ctl_service_interface_text[]; /* org.varlink.service */

#endif
