/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* accept4 */
#include "listen.h"

#include "addr.h"
#include "log.h"
#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#define BACKLOG       128
#define ACCEPTS       16   /* of one listener in one turn */
#define NO_FILES_MS   1000 /* without free descriptors: how long not to accept */
#define ADDRESS_MAX   160

#define KEPT_PREFIX   "listener-"
#define KEPT_NAME_MAX 24

struct passed {
	int fd;
	struct addr addr;
	bool is_used;
	bool is_ours; /* made by an earlier process of this service */
};

struct listen_pool {
	struct passed passed[LISTEN_PASSED_MAX];
	size_t count;
	int port; /* -1: none */
};

struct listener {
	int fd;
	struct passed *passed; /* NULL: our own socket */
	bool is_kept;          /* our own, and the service manager has it, too */
	struct addr addr;
	char address[ADDRESS_MAX];
	struct loop_watch *watch;
	struct loop_timer *retry;
	void (*on_accept)(void *arg, int fd);
	void *arg;
};

/* ---- what the service manager passed ---- */

#ifdef HAVE_SYSTEMD
static bool get_addr(int fd, struct addr *ret)
{
	ret->len = sizeof(ret->storage);
	if (getsockname(fd, (struct sockaddr *)&ret->storage, &ret->len) < 0)
		return false;
	ret->is_unix = ret->storage.ss_family == AF_UNIX;
	return true;
}
#endif

#ifdef HAVE_SYSTEMD
static void add_passed(struct listen_pool *pool, int fd, bool is_ours)
{
	struct passed *passed = &pool->passed[pool->count];

	if (pool->count < LISTEN_PASSED_MAX && sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) > 0 &&
	    get_addr(fd, &passed->addr)) {
		fcntl(fd, F_SETFL, O_NONBLOCK);
		passed->fd = fd;
		passed->is_ours = is_ours;
		pool->count++;
	} else {
		log_write(LOG_DAEMON_SOCKET, LOG_LEVEL_WARNING,
		    "descriptor %d from the service manager is no listening socket", fd);
		close(fd);
	}
}

static void collect(struct listen_pool *pool, const char *port_name)
{
	char **names = NULL;
	int count = sd_listen_fds_with_names(1, &names);

	for (int i = 0; i < count; i++) {
		int fd = SD_LISTEN_FDS_START + i;
		bool is_ours = strncmp(names[i], KEPT_PREFIX, strlen(KEPT_PREFIX)) == 0;

		if (is_ours) /* what is in use again is kept again, under a name that is new */
			notify_forget(names[i]);
		if (pool->port < 0 && strcmp(names[i], port_name) == 0)
			pool->port = fd;
		else
			add_passed(pool, fd, is_ours);
		free(names[i]);
	}
	free(names);
}
#else
static void collect(struct listen_pool *pool, const char *port_name)
{
	(void)pool;
	(void)port_name;
}
#endif

struct listen_pool *listen_pool_new(const char *port_name)
{
	struct listen_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->port = -1;
	collect(pool, port_name);
	return pool;
}

void listen_pool_free(struct listen_pool *pool)
{
	if (!pool)
		return;
	for (size_t i = 0; i < pool->count; i++) {
		if (!pool->passed[i].is_used)
			close(pool->passed[i].fd);
	}
	if (pool->port >= 0)
		close(pool->port);
	free(pool);
}

int listen_pool_take_port(struct listen_pool *pool)
{
	int fd = pool->port;

	pool->port = -1;
	return fd;
}

void listen_pool_turn_away(const struct listen_pool *pool)
{
	int fd;

	for (size_t i = 0; i < pool->count; i++) {
		while ((fd = accept4(pool->passed[i].fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
			close(fd);
	}
}

static struct passed *take_passed(struct listen_pool *pool, const struct addr *addr)
{
	for (size_t i = 0; i < pool->count; i++) {
		struct passed *passed = &pool->passed[i];

		if (!passed->is_used && addr_equal(&passed->addr, addr)) {
			passed->is_used = true;
			return passed;
		}
	}
	return NULL;
}

/* ---- sockets of our own ---- */

/* A socket file that nobody listens on is left from a daemon that was killed. */
static int remove_stale(const struct addr *addr)
{
	struct stat st;
	int fd, r = 0;

	if (lstat(addr_path(addr), &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EADDRINUSE;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&addr->storage, addr->len) == 0 ||
	    errno != ECONNREFUSED)
		r = -EADDRINUSE;
	else if (unlink(addr_path(addr)) < 0)
		r = -errno;
	close(fd);
	return r;
}

/* An earlier process made it, and nobody wants it now. Shut down it is dead even as long as the
 * service manager still has it. */
static void give_up(struct passed *passed)
{
	shutdown(passed->fd, SHUT_RDWR);
	close(passed->fd);
	passed->is_used = true;
	if (passed->addr.is_unix)
		remove_stale(&passed->addr);
}

void listen_pool_tidy(struct listen_pool *pool)
{
	for (size_t i = 0; i < pool->count; i++) {
		struct passed *passed = &pool->passed[i];

		if (!passed->is_used && passed->is_ours)
			give_up(passed);
		else if (!passed->is_used)
			log_write(LOG_DAEMON_SOCKET, LOG_LEVEL_WARNING,
			    "descriptor %d from the service manager has an address that the "
			    "configuration does not name; it is not served",
			    passed->fd);
	}
}

/* Who may connect. A group that is not there, or that we are not in, is no reason not to start:
 * fewer may connect than meant, not more. */
static int set_rights(const struct addr *addr, const struct listen_config *cfg)
{
	const char *path = addr_path(addr);

	if (cfg->group) {
		const struct group *group = getgrnam(cfg->group);

		if (!group && cfg->is_group_named)
			log_write(LOG_DAEMON_SOCKET, LOG_LEVEL_WARNING, "%s: no group \"%s\"", path,
			    cfg->group);
		else if (group && chown(path, (uid_t)-1, group->gr_gid) < 0)
			log_write(LOG_DAEMON_SOCKET, LOG_LEVEL_WARNING,
			    "%s: cannot be given to group \"%s\": %s", path, cfg->group,
			    strerror(errno));
	}
	return chmod(path, cfg->mode) < 0 ? -errno : 0;
}

static int bind_unix(int fd, const struct addr *addr, const struct listen_config *cfg)
{
	mode_t mask;
	int r = remove_stale(addr);

	if (r < 0)
		return r;
	mask = umask(0177); /* until the rights are set */
	r = bind(fd, (const struct sockaddr *)&addr->storage, addr->len) < 0 ? -errno : 0;
	umask(mask);
	return r < 0 ? r : set_rights(addr, cfg);
}

static int bind_inet(int fd, const struct addr *addr)
{
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (addr->storage.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	return bind(fd, (const struct sockaddr *)&addr->storage, addr->len) < 0 ? -errno : 0;
}

static int open_own(const struct addr *addr, const struct listen_config *cfg, int *ret_fd)
{
	int r, fd = socket(addr->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	r = addr->is_unix ? bind_unix(fd, addr, cfg) : bind_inet(fd, addr);
	if (r == 0 && listen(fd, BACKLOG) < 0)
		r = -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

/* The service manager's name for it: no other listener of this process has the number. */
static void kept_name(const struct listener *listener, char name[KEPT_NAME_MAX])
{
	snprintf(name, KEPT_NAME_MAX, KEPT_PREFIX "%d", listener->fd);
}

/* Take back what an earlier process made, unless its file is gone. */
static bool take_back(struct passed *passed, const struct listen_config *cfg)
{
	if (passed->addr.is_unix && set_rights(&passed->addr, cfg) < 0) {
		give_up(passed);
		return false;
	}
	return true;
}

static int get_socket(
    struct listener *listener, struct listen_pool *pool, const struct listen_config *cfg)
{
	struct passed *passed = take_passed(pool, &listener->addr);
	char name[KEPT_NAME_MAX];
	int r = 0;

	if (passed && (!passed->is_ours || take_back(passed, cfg)))
		listener->fd = passed->fd;
	else
		r = open_own(&listener->addr, cfg, &listener->fd);
	if (r < 0)
		return r;
	if (passed && !passed->is_ours) {
		listener->passed = passed;
		return 0;
	}
	kept_name(listener, name);
	listener->is_kept = notify_keep(name, listener->fd);
	return 0;
}

/* ---- accepting ---- */

static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void on_ready(void *arg, bool is_readable, bool is_writable)
{
	struct listener *listener = arg;
	int on = 1;

	(void)is_readable;
	(void)is_writable;
	for (int i = 0; i < ACCEPTS; i++) {
		int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			/* The connection would stay ready, and we would turn in circles. */
			if (is_shortage(errno)) {
				loop_watch_want(listener->watch, false, false);
				loop_timer_set(listener->retry, NO_FILES_MS);
			}
			return;
		}
		if (!listener->addr.is_unix)
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		listener->on_accept(listener->arg, fd);
	}
}

static void on_retry(void *arg)
{
	struct listener *listener = arg;

	loop_watch_want(listener->watch, true, false);
}

int listener_open(struct loop *loop, struct listen_pool *pool, const struct listen_config *cfg,
    void (*on_accept)(void *arg, int fd), void *arg, struct listener **ret)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	const char *why;
	int r = -ENOMEM;

	if (!listener)
		return -ENOMEM;
	listener->fd = -1;
	listener->on_accept = on_accept;
	listener->arg = arg;
	snprintf(listener->address, sizeof(listener->address), "%s", cfg->address);
	r = addr_parse(cfg->address, &listener->addr, &why);
	if (r < 0)
		goto fail;
	r = get_socket(listener, pool, cfg);
	if (r < 0)
		goto fail;
	r = -ENOMEM;
	listener->retry = loop_timer_new(loop, on_retry, listener);
	listener->watch = loop_watch_new(loop, listener->fd, on_ready, listener);
	if (!listener->retry || !listener->watch)
		goto fail;
	*ret = listener;
	return 0;

fail:
	listener_close(listener);
	return r;
}

const char *listener_explain(int error)
{
	/* RestrictAddressFamilies= of the unit */
	if (error == -EAFNOSUPPORT)
		return "not allowed to this service, which has Unix sockets only; an address like "
		       "this has to come from a socket unit, see cmqttd(8)";
	return strerror(-error);
}

void listener_leave(struct listener *listener)
{
	if (!listener)
		return;
	loop_watch_free(listener->watch);
	loop_timer_free(listener->retry);
	if (listener->passed) {
		listener->passed->is_used = false;
	} else if (listener->fd >= 0) {
		if (listener->addr.is_unix && !listener->is_kept)
			unlink(addr_path(&listener->addr));
		close(listener->fd);
	}
	free(listener);
}

void listener_close(struct listener *listener)
{
	char name[KEPT_NAME_MAX];

	if (listener && listener->is_kept) {
		shutdown(listener->fd, SHUT_RDWR); /* as in give_up */
		kept_name(listener, name);
		notify_forget(name);
		listener->is_kept = false;
	}
	listener_leave(listener);
}

bool listener_has_address(const struct listener *listener, const char *address)
{
	return strcmp(listener->address, address) == 0;
}

void listener_set_rights(struct listener *listener, const struct listen_config *cfg)
{
	int r;

	if (!listener->addr.is_unix || listener->passed)
		return;
	r = set_rights(&listener->addr, cfg);
	if (r < 0)
		log_write(LOG_DAEMON_SOCKET, LOG_LEVEL_WARNING, "%s: %s", listener->address,
		    strerror(-r));
}
