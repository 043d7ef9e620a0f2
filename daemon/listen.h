/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets: our own, which the service manager keeps from one process to the next
 * (FDSTORE= of sd_notify(3)), or those that it opened for us (sd_listen_fds(3)). Accepts, and hands
 * each connection on.
 */
#ifndef CMQTTD_LISTEN_H
#define CMQTTD_LISTEN_H

#include "loop.h"

#include <stdbool.h>
#include <sys/types.h>

#define LISTEN_PASSED_MAX 32

struct listen_pool;
struct listener;

struct listen_config {
	const char *address; /* as addr_parse takes it */
	mode_t mode;         /* Unix sockets: permissions */
	const char *group;   /* Unix sockets: NULL: the daemon's own */
	bool is_group_named; /* false: the default's, which need not exist */
};

/* What the service manager passed: sockets, and the modem's port if an earlier process of this
 * service had it kept under `port_name`. Empty without a service manager. NULL: no memory. */
struct listen_pool *listen_pool_new(const char *port_name);

/* The modem's port, the caller's from now on; -1: none was passed. */
int listen_pool_take_port(struct listen_pool *pool);

/* Closes those that are not in use. */
void listen_pool_free(struct listen_pool *pool);

/* All that the configuration wants is open. What an earlier process of this service made and is not
 * in use goes, with its file; sockets of socket units that are not in use are logged. */
void listen_pool_tidy(struct listen_pool *pool);

/* Close the connections that wait on the passed sockets: for a daemon that cannot start. As long as
 * they wait the service manager would start it again and again. */
void listen_pool_turn_away(const struct listen_pool *pool);

/* Listen, on a passed socket if one has the address, that of a socket unit rather than one of an
 * earlier process. The service manager keeps a socket of our own for the next process. A stale Unix
 * socket is replaced, one that somebody listens on is not. on_accept gets each connection
 * (non-blocking) and owns it. 0; -EADDRINUSE: somebody listens there; errors of socket, bind and
 * listen; -ENOMEM. */
int listener_open(struct loop *loop, struct listen_pool *pool, const struct listen_config *cfg,
    void (*on_accept)(void *arg, int fd), void *arg, struct listener **ret);

/* Why it could not be opened. */
const char *listener_explain(int error);

/* Stop listening; a socket file of our own is removed. NULL is fine. */
void listener_close(struct listener *listener);

/* The same at the end of the process: what the service manager keeps goes on listening, and who
 * connects waits for the next process. */
void listener_leave(struct listener *listener);

/* It listens on this address. */
bool listener_has_address(const struct listener *listener, const char *address);

/* Give a Unix socket of our own these permissions and this group. */
void listener_set_rights(struct listener *listener, const struct listen_config *cfg);

#endif
