/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* posix_openpt, ptsname_r */
#include "sim_pty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static int make_link(const struct sim_pty *p)
{
	if (!p->link)
		return 0;
	if (unlink(p->link) < 0 && errno != ENOENT)
		return -errno;
	return symlink(p->slave, p->link) < 0 ? -errno : 0;
}

/* Raw mode outlives the closing of the slave as long as the master is open. */
static int make_raw(const struct sim_pty *p)
{
	struct termios t;
	int fd = open(p->slave, O_RDWR | O_NOCTTY | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return -errno;
	if (tcgetattr(fd, &t) < 0) {
		rc = -errno;
	} else {
		cfmakeraw(&t);
		if (tcsetattr(fd, TCSANOW, &t) < 0)
			rc = -errno;
	}
	close(fd);
	return rc;
}

int sim_pty_appear(struct sim_pty *p)
{
	int rc;

	p->open = false;
	p->fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (p->fd < 0)
		return -errno;
	if (grantpt(p->fd) < 0 || unlockpt(p->fd) < 0) {
		rc = -errno;
		goto fail;
	}
	rc = -ptsname_r(p->fd, p->slave, sizeof p->slave);
	if (rc < 0)
		goto fail;
	rc = make_raw(p);
	if (rc < 0)
		goto fail;
	rc = make_link(p);
	if (rc < 0)
		goto fail;
	return 0;
fail:
	close(p->fd);
	p->fd = -1;
	return rc;
}

void sim_pty_vanish(struct sim_pty *p)
{
	if (p->fd < 0)
		return;
	close(p->fd);
	p->fd = -1;
	p->open = false;
	if (p->link)
		unlink(p->link);
}

bool sim_pty_look(struct sim_pty *p)
{
	struct pollfd fd = { .fd = p->fd, .events = POLLIN };
	bool was = p->open;

	if (p->fd < 0 || poll(&fd, 1, 0) < 0)
		return false;
	p->open = !(fd.revents & POLLHUP);
	return p->open && !was;
}

size_t sim_pty_read(struct sim_pty *p, uint8_t *buf, size_t size)
{
	ssize_t n = p->fd < 0 ? -1 : read(p->fd, buf, size);

	return n > 0 ? (size_t)n : 0;
}

size_t sim_pty_write(struct sim_pty *p, const uint8_t *bytes, size_t n)
{
	ssize_t k;

	if (p->fd < 0 || !p->open)
		return n;
	k = write(p->fd, bytes, n);
	if (k < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : n;
	return (size_t)k;
}

uint32_t sim_pty_baud(const struct sim_pty *p)
{
	static const struct {
		speed_t speed;
		uint32_t baud;
	} speeds[] = { { B9600, 9600 }, { B19200, 19200 }, { B38400, 38400 }, { B57600, 57600 },
		{ B115200, 115200 }, { B230400, 230400 }, { B460800, 460800 },
		{ B921600, 921600 } };
	struct termios t;

	if (p->fd < 0 || tcgetattr(p->fd, &t) < 0)
		return 0;
	for (size_t i = 0; i < sizeof speeds / sizeof speeds[0]; i++)
		if (speeds[i].speed == cfgetospeed(&t))
			return speeds[i].baud;
	return 1;
}
