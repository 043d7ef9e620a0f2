/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The print of a broker's settings: all that a session was opened with and the modem does not tell
 * any more (user, password, last will, TLS), in a few characters. Kept on disk, it says after a
 * crash of the daemon whether the session that the modem still holds is the one that is configured.
 *
 * It is a plain hash: it tells settings apart and protects nothing.
 */
#ifndef CMQTTD_MODEM_CONNECT_PRINT_H
#define CMQTTD_MODEM_CONNECT_PRINT_H

#include "modem/link_config.h"

#define CONNECT_PRINT_MAX 17 /* with its NUL */

/* The print of what CONNECT and SUB depend on; how often and how soon it is tried does not count,
 * nor does the birth message. files: whose certificates and key are used; NULL: the
 * configuration's. */
void connect_print(const struct broker_config *cfg, const struct tls_config *files,
    char ret_print[CONNECT_PRINT_MAX]);

#endif
