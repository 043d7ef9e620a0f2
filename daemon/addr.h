/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of sockets as the configuration writes them: "unix:/path", "127.0.0.1:1883",
 * "[::1]:1883", "localhost:1883". Names other than localhost are not looked up: the daemon has no
 * resolver.
 */
#ifndef CMQTTD_ADDR_H
#define CMQTTD_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ADDR_TEXT_MAX 120

struct addr {
	struct sockaddr_storage storage;
	socklen_t len;
	bool is_unix;
	bool is_loopback; /* nothing from outside of this machine; always so for Unix sockets */
};

/* 1 to 65535, digits alone. false: something else, *ret untouched. */
bool addr_parse_port(const char *text, uint16_t *ret);

/* 0; -EINVAL with *ret_why, which reads on behind the key: "must be ...". */
int addr_parse(const char *text, struct addr *ret, const char **ret_why);

/* The usual spelling: all that mean the same socket have the same one. */
void addr_format(const struct addr *a, char ret[ADDR_TEXT_MAX]);

/* Path of a Unix address. */
const char *addr_path(const struct addr *a);

/* Both mean the same socket. */
bool addr_equal(const struct addr *a, const struct addr *b);

#endif
