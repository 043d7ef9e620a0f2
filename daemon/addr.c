/* SPDX-License-Identifier: Apache-2.0 */
#include "addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNIX_PREFIX "unix:"
#define PORT_MAX    65535
#define NO_ADDRESS  "must be unix:/path or host:port, the host an IP address or localhost"

static struct sockaddr_un *as_unix(struct addr *a)
{
	return (struct sockaddr_un *)&a->storage;
}

static struct sockaddr_in *as_inet(struct addr *a)
{
	return (struct sockaddr_in *)&a->storage;
}

static struct sockaddr_in6 *as_inet6(struct addr *a)
{
	return (struct sockaddr_in6 *)&a->storage;
}

static int parse_unix(const char *path, struct addr *ret, const char **ret_why)
{
	struct sockaddr_un *un = as_unix(ret);
	size_t len = strlen(path);

	if (path[0] != '/') {
		*ret_why = "must have an absolute path behind unix:";
		return -EINVAL;
	}
	if (len >= sizeof(un->sun_path)) {
		*ret_why = "has a path that is too long for a socket (107 bytes at most)";
		return -EINVAL;
	}
	un->sun_family = AF_UNIX;
	len = 0;
	for (; *path; path++) {
		if (path[0] != '/' || path[1] != '/')
			un->sun_path[len++] = *path;
	}
	ret->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
	ret->is_unix = true;
	ret->is_loopback = true;
	return 0;
}

bool addr_parse_port(const char *text, uint16_t *ret)
{
	size_t len = strlen(text);
	unsigned long long port;

	if (len == 0 || len > 5 || strspn(text, "0123456789") != len)
		return false;
	port = strtoull(text, NULL, 10);
	if (port == 0 || port > PORT_MAX)
		return false;
	*ret = (uint16_t)port;
	return true;
}

static bool parse_inet(const char *host, uint16_t port, struct addr *ret)
{
	struct sockaddr_in *in = as_inet(ret);

	if (strcmp(host, "localhost") == 0)
		host = "127.0.0.1";
	if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
		return false;
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	ret->len = sizeof(*in);
	ret->is_loopback = ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return true;
}

static bool parse_inet6(const char *host, uint16_t port, struct addr *ret)
{
	struct sockaddr_in6 *in6 = as_inet6(ret);

	if (inet_pton(AF_INET6, host, &in6->sin6_addr) != 1)
		return false;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	ret->len = sizeof(*in6);
	ret->is_loopback = IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
	return true;
}

int addr_parse(const char *text, struct addr *ret, const char **ret_why)
{
	struct addr a = { 0 };
	char host[INET6_ADDRSTRLEN + 2];
	const char *colon;
	size_t host_len;
	uint16_t port = 0;
	int r;

	if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0) {
		r = parse_unix(text + strlen(UNIX_PREFIX), &a, ret_why);
		if (r == 0)
			*ret = a;
		return r;
	}
	*ret_why = NO_ADDRESS;
	colon = strrchr(text, ':');
	if (!colon || !addr_parse_port(colon + 1, &port))
		return -EINVAL;
	host_len = (size_t)(colon - text);
	if (host_len == 0 || host_len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, host_len);
	host[host_len] = '\0';
	if (host[0] == '[' && host[host_len - 1] == ']') {
		host[host_len - 1] = '\0';
		r = parse_inet6(host + 1, port, &a) ? 0 : -EINVAL;
	} else {
		r = parse_inet(host, port, &a) ? 0 : -EINVAL;
	}
	if (r == 0)
		*ret = a;
	return r;
}

void addr_format(const struct addr *a, char ret[ADDR_TEXT_MAX])
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&a->storage;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a->storage;
	bool is_inet6 = a->storage.ss_family == AF_INET6;
	char host[INET6_ADDRSTRLEN];

	if (a->is_unix) {
		snprintf(ret, ADDR_TEXT_MAX, UNIX_PREFIX "%s", addr_path(a));
		return;
	}
	inet_ntop(a->storage.ss_family,
	    is_inet6 ? (const void *)&in6->sin6_addr : (const void *)&in->sin_addr, host,
	    sizeof(host));
	snprintf(ret, ADDR_TEXT_MAX, is_inet6 ? "[%s]:%u" : "%s:%u", host, ntohs(in->sin_port));
}

const char *addr_path(const struct addr *a)
{
	return ((const struct sockaddr_un *)&a->storage)->sun_path;
}

/* They were filled with zeros before, by addr_parse or the kernel. */
bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->len == b->len && memcmp(&a->storage, &b->storage, a->len) == 0;
}
