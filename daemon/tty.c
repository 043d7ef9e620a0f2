/* SPDX-License-Identifier: Apache-2.0 */
#include "tty.h"

#include "log.h"
#include "notify.h"
#include "port_lock.h"
#include "port_user.h"
#include "tty_wait.h"
#include "usb.h"
#include "usb_port.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#define READ_BYTES   4096
#define RETRY_MIN_MS 1000 /* between two attempts to open */
#define RETRY_MAX_MS 30000
#define LOOK_MS      30000 /* while somebody else has the port */
#define PTY_MAJOR    136 /* ... 143: Unix 98 pseudo terminals (Documentation/admin-guide/devices) */

struct tty {
	struct loop *loop;
	struct core *core;
	struct tty_places places;
	char *device;        /* as it is configured */
	char path[PATH_MAX]; /* of the port that it stands for now */
	uint32_t baud;
	bool rtscts;
	int fd;      /* -1: not open */
	int adopted; /* still to be looked at, -1: none */
	struct loop_watch *watch;
	struct loop_timer *retry;
	struct tty_wait *wait;
	struct loop_timer *look;
	struct port_lock lock;
	pid_t lock_owner; /* whose lock file kept us from opening, 0: it was something else */
	char others[PORT_USER_TEXT_MAX]; /* who else has the port */
	uint64_t tried_ms;               /* the last attempt, 0: none yet */
	uint64_t retry_ms;               /* how long to wait before the next one */
	char usb[USB_NAME_MAX]; /* device that the port belonged to when it was open, "": none */
	int error;              /* that the core was told last, 0: the port is open */
};

static const struct {
	uint32_t baud;
	speed_t speed;
} speeds[] = {
	{ 300, B300 },
	{ 600, B600 },
	{ 1200, B1200 },
	{ 2400, B2400 },
	{ 4800, B4800 },
	{ 9600, B9600 },
	{ 19200, B19200 },
	{ 38400, B38400 },
	{ 57600, B57600 },
	{ 115200, B115200 },
	{ 230400, B230400 },
	{ 460800, B460800 },
	{ 921600, B921600 },
	{ 1000000, B1000000 },
	{ 1500000, B1500000 },
	{ 2000000, B2000000 },
	{ 3000000, B3000000 },
	{ 4000000, B4000000 },
};

static int set_raw(int fd, uint32_t baud, bool rtscts)
{
	struct termios t;
	size_t i = 0;

	while (i < sizeof(speeds) / sizeof(speeds[0]) && speeds[i].baud != baud)
		i++;
	if (i == sizeof(speeds) / sizeof(speeds[0]))
		return -EINVAL;
	if (tcgetattr(fd, &t) < 0)
		return -errno;
	cfmakeraw(&t);
	/* Without HUPCL: dropping DTR when the daemon stops makes some modems hang up. */
	t.c_cflag &= ~(tcflag_t)(CSTOPB | CRTSCTS | HUPCL);
	t.c_cflag |= CLOCAL | CREAD | (rtscts ? CRTSCTS : 0);
	/* With 0 "nothing there" would read as the end of the file. */
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	if (cfsetispeed(&t, speeds[i].speed) < 0 || cfsetospeed(&t, speeds[i].speed) < 0 ||
	    tcsetattr(fd, TCSANOW, &t) < 0)
		return -errno;
	return 0;
}

/* The exclusive mark of a pseudo terminal outlives a daemon that was killed, as long as its other
 * end is open; the lock alone has to do there. */
static bool is_pty(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && major(st.st_rdev) >= PTY_MAJOR &&
	       major(st.st_rdev) < PTY_MAJOR + 8;
}

/* Ports of a modem's own USB interface have no speed. A UART behind a USB adapter has one. */
static bool is_uart(int fd)
{
	static const char *const without[] = { "option1", "option", "qcserial", "sierra",
		"cdc_acm" };
	char link[64], target[256];
	const char *driver;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return false;
	snprintf(link, sizeof(link), "/sys/dev/char/%u:%u/device/driver", major(st.st_rdev),
	    minor(st.st_rdev));
	n = readlink(link, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	driver = strrchr(target, '/');
	for (size_t i = 0; driver && i < sizeof(without) / sizeof(without[0]); i++) {
		if (strcmp(driver + 1, without[i]) == 0)
			return false;
	}
	return true;
}

/* For us alone, and raw. On a UART flow control waits until the modem has it, too. */
static int prepare(int fd, const struct tty *tty)
{
	if (!isatty(fd))
		return -ENOTTY;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (!is_pty(fd) && ioctl(fd, TIOCEXCL) < 0)
		return -errno;
	return set_raw(fd, tty->baud, tty->rtscts && !is_uart(fd));
}

/* The service manager has the port as well, and it stays open for the next process unless it is
 * forgotten: its input, too. */
static void close_own(struct tty *tty)
{
	loop_watch_free(tty->watch);
	tty->watch = NULL;
	if (tty->fd < 0)
		return;
	if (!is_pty(tty->fd))
		ioctl(tty->fd, TIOCNXCL);
	/* Or the close could wait for a modem that takes nothing any more. */
	tcflush(tty->fd, TCOFLUSH);
	close(tty->fd);
	tty->fd = -1;
	port_lock_drop(&tty->lock);
}

static void close_port(struct tty *tty)
{
	if (tty->fd >= 0)
		notify_forget(TTY_KEPT_NAME);
	close_own(tty);
}

/* The port itself, or what is looked for while there is none. */
static const char *name_of(const struct tty *tty)
{
	return tty->path[0] ? tty->path : tty->device;
}

static const char *explain(int error)
{
	if (error == EBUSY)
		return "another program has it";
	if (error == EINVAL)
		return "it does not take the speed";
	if (error == ENOTUNIQ)
		return "there is more than one modem, say \"usb:\" and its place, or a path";
	return strerror(error);
}

/* Tell the core and the log, but not the same thing again and again. */
static void tell_down(struct tty *tty, int error)
{
	if (tty->error == error)
		return;
	tty->error = error;
	log_write(LOG_DAEMON_TTY, error == ENOENT ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "%s: %s",
	    name_of(tty), explain(error));
	core_tty_down(tty->core, loop_now_ms(), error);
}

static void try_later(struct tty *tty);

static void lose(struct tty *tty, int error)
{
	close_port(tty);
	tell_down(tty, error);
	tty->retry_ms = RETRY_MIN_MS;
	try_later(tty);
}

static void read_port(struct tty *tty)
{
	uint8_t bytes[READ_BYTES];
	ssize_t n = read(tty->fd, bytes, sizeof(bytes));

	if (n > 0)
		core_tty_rx(tty->core, loop_now_ms(), bytes, (size_t)n);
	else if (n == 0)
		lose(tty, EIO);
	else if (errno != EAGAIN && errno != EINTR)
		lose(tty, errno);
}

bool tty_write(struct tty *tty)
{
	struct buf *out = core_tty_out(tty->core);
	size_t len = buf_len(out);

	if (tty->fd < 0)
		return false;
	while (buf_len(out) > 0) {
		ssize_t n = write(tty->fd, buf_data(out), buf_len(out));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			lose(tty, errno);
			return true;
		}
		if (n <= 0)
			break;
		buf_consume(out, (size_t)n);
	}
	loop_watch_want(tty->watch, true, buf_len(out) > 0);
	return buf_len(out) < len;
}

static void on_ready(void *arg, bool is_readable, bool is_writable)
{
	struct tty *tty = arg;

	if (is_readable)
		read_port(tty);
	if (is_writable && tty->fd >= 0)
		tty_write(tty);
}

static bool is_device(int fd, const char *path)
{
	struct stat own, wanted;

	return fstat(fd, &own) == 0 && stat(path, &wanted) == 0 && S_ISCHR(wanted.st_mode) &&
	       own.st_rdev == wanted.st_rdev;
}

/* The port of an earlier process, with what it has not read; -1: it is of no use. */
static int use_adopted(struct tty *tty)
{
	int fd = tty->adopted;

	tty->adopted = -1;
	if (fd < 0)
		return -1;
	if (is_device(fd, tty->path) && prepare(fd, tty) == 0)
		return fd;
	notify_forget(TTY_KEPT_NAME);
	close(fd);
	return -1;
}

/* Without what came before. */
static int open_new(struct tty *tty)
{
	int r, fd = open(tty->path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	r = prepare(fd, tty);
	if (r == 0 && tcflush(fd, TCIOFLUSH) < 0)
		r = -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	notify_keep(TTY_KEPT_NAME, fd);
	return fd;
}

/* Without a folder for it there is no lock file, and the other locks have to do. */
static bool is_locked_by_other(struct tty *tty)
{
	tty->lock_owner = 0;
	return port_lock_take(&tty->lock, tty->places.locks, tty->path, &tty->lock_owner) == -EBUSY;
}

static int open_port(struct tty *tty)
{
	int fd;

	if (is_locked_by_other(tty))
		return -EBUSY;
	fd = use_adopted(tty);
	if (fd < 0)
		fd = open_new(tty);
	if (fd < 0) {
		port_lock_drop(&tty->lock);
		return fd;
	}
	tty->fd = fd;
	tty->watch = loop_watch_new(tty->loop, fd, on_ready, tty);
	if (!tty->watch) {
		close_port(tty);
		return -ENOMEM;
	}
	return 0;
}

static void tell_others(struct tty *tty, const char *others)
{
	loop_timer_cancel(tty->look);
	if (others[0])
		loop_timer_set(tty->look, LOOK_MS);
	if (strcmp(tty->others, others) == 0)
		return;
	snprintf(tty->others, sizeof(tty->others), "%s", others);
	core_set_port_users(tty->core, others);
	if (!others[0])
		log_write(LOG_DAEMON_TTY, LOG_LEVEL_INFO, "%s: nobody else has it any more",
		    name_of(tty));
	else
		log_write(LOG_DAEMON_TTY, LOG_LEVEL_WARNING, "%s: %s %s", name_of(tty),
		    tty->fd < 0 ? "in use by" : "shared, which garbles both sides, with", others);
}

/* As far as the rights go. */
static void look_for_others(struct tty *tty)
{
	char others[PORT_USER_TEXT_MAX] = "";

	if (tty->fd < 0 && tty->lock_owner != 0)
		port_user_describe(tty->lock_owner, others);
	else if (tty->fd >= 0 || tty->error == EBUSY)
		port_user_list(tty->path, NULL, others);
	tell_others(tty, others);
}

static void on_look(void *arg)
{
	look_for_others(arg);
}

static void on_changed(void *arg);

static void watch_for_port(struct tty *tty)
{
	tty_wait_free(tty->wait);
	if (usb_port_is_asked_for(tty->device))
		tty->wait = tty_wait_new_any(
		    tty->loop, tty->places.dev, usb_port_is_candidate, on_changed, tty);
	else
		tty->wait = tty_wait_new(tty->loop, tty->device, on_changed, tty);
}

/* Which port it is now. */
static int find_port(struct tty *tty)
{
	int n;

	tty->path[0] = '\0';
	if (usb_port_is_asked_for(tty->device))
		return usb_port_find(
		    tty->places.sysfs, tty->places.dev, tty->device, tty->path, sizeof(tty->path));
	n = snprintf(tty->path, sizeof(tty->path), "%s", tty->device);
	return n < 0 || (size_t)n >= sizeof(tty->path) ? -ENAMETOOLONG : 0;
}

static void try_now(struct tty *tty)
{
	int r;

	loop_timer_cancel(tty->retry);
	/* The watch comes first: what appears after the attempt must be noticed. */
	watch_for_port(tty);
	tty->tried_ms = loop_now_ms();
	r = find_port(tty);
	if (r == 0)
		r = open_port(tty);
	if (r < 0) {
		tell_down(tty, -r);
		look_for_others(tty);
		try_later(tty);
		return;
	}
	tty_wait_free(tty->wait);
	tty->wait = NULL;
	tty->retry_ms = RETRY_MIN_MS;
	tty->error = 0;
	log_write(LOG_DAEMON_TTY, LOG_LEVEL_INFO, "%s: open", tty->path);
	look_for_others(tty);
	if (usb_find(tty->places.sysfs, tty->path, tty->usb) < 0)
		tty->usb[0] = '\0';
	core_set_rebind(tty->core, tty->usb[0] && usb_can_rebind(tty->places.sysfs));
	core_set_uart(tty->core, is_uart(tty->fd));
	core_tty_up(tty->core, loop_now_ms());
}

/* What is left of the second after the last attempt. */
static uint64_t pause_left(const struct tty *tty)
{
	uint64_t since = loop_now_ms() - tty->tried_ms;

	return tty->tried_ms == 0 || since >= RETRY_MIN_MS ? 0 : RETRY_MIN_MS - since;
}

static void on_retry(void *arg)
{
	try_now(arg);
}

static void on_changed(void *arg)
{
	struct tty *tty = arg;

	loop_timer_set(tty->retry, pause_left(tty));
}

static void try_later(struct tty *tty)
{
	loop_timer_set(tty->retry, tty->retry_ms);
	tty->retry_ms = tty->retry_ms * 2 < RETRY_MAX_MS ? tty->retry_ms * 2 : RETRY_MAX_MS;
}

void tty_set_line(struct tty *tty, uint32_t baud, bool rtscts, bool is_hung_up)
{
	const int dtr = TIOCM_DTR;
	int r;

	if (tty->fd < 0)
		return;
	tcflush(tty->fd, TCIOFLUSH);
	ioctl(tty->fd, is_hung_up ? TIOCMBIC : TIOCMBIS, &dtr); /* a pseudo terminal has none */
	r = set_raw(tty->fd, baud, rtscts);
	if (r < 0)
		log_write(LOG_DAEMON_TTY, LOG_LEVEL_WARNING, "%s: %u baud: %s", tty->path,
		    (unsigned)baud, explain(-r));
}

void tty_reopen(struct tty *tty)
{
	close_port(tty);
	tty->error = -1; /* whatever comes of it, the core waits for it */
	tty->retry_ms = RETRY_MIN_MS;
	loop_timer_set(tty->retry, pause_left(tty));
}

void tty_rebind_usb(struct tty *tty)
{
	int r;

	if (!tty->usb[0])
		return;
	if (tty->fd >= 0)
		lose(tty, ENODEV);
	r = usb_rebind(tty->places.sysfs, tty->usb);
	if (r < 0)
		log_write(LOG_DAEMON_TTY, LOG_LEVEL_ERROR, "USB device %s cannot be bound anew: %s",
		    tty->usb, strerror(-r));
}

struct tty *tty_new(struct loop *loop, struct core *core, const struct tty_places *places)
{
	static const struct tty_places system = {
		.sysfs = USB_SYSFS, .dev = USB_PORT_DEV, .locks = PORT_LOCK_FOLDER
	};
	struct tty *tty = calloc(1, sizeof(*tty));

	if (!tty)
		return NULL;
	tty->loop = loop;
	tty->core = core;
	tty->places = places ? *places : system;
	tty->fd = -1;
	tty->adopted = -1;
	tty->retry_ms = RETRY_MIN_MS;
	port_lock_init(&tty->lock);
	tty->retry = loop_timer_new(loop, on_retry, tty);
	tty->look = loop_timer_new(loop, on_look, tty);
	if (!tty->retry || !tty->look) {
		tty_free(tty);
		return NULL;
	}
	return tty;
}

void tty_free(struct tty *tty)
{
	if (!tty)
		return;
	close_own(tty);
	if (tty->adopted >= 0)
		close(tty->adopted);
	tty_wait_free(tty->wait);
	loop_timer_free(tty->retry);
	loop_timer_free(tty->look);
	free(tty->device);
	free(tty);
}

void tty_adopt(struct tty *tty, int fd)
{
	tty->adopted = fd;
}

int tty_configure(struct tty *tty, const struct modem_config *cfg)
{
	char *device;

	if (tty->device && strcmp(tty->device, cfg->device) == 0 && tty->baud == cfg->baud &&
	    tty->rtscts == cfg->rtscts)
		return 0;
	device = strdup(cfg->device);
	if (!device)
		return -ENOMEM;
	if (tty->fd >= 0) {
		close_port(tty);
		core_tty_down(tty->core, loop_now_ms(), ENODEV);
	}
	free(tty->device);
	tty->device = device;
	tty->path[0] = '\0';
	tty->usb[0] = '\0';
	tty->baud = cfg->baud;
	tty->rtscts = cfg->rtscts;
	tty->error = -1;
	tty->retry_ms = RETRY_MIN_MS;
	loop_timer_set(tty->retry, pause_left(tty));
	return 0;
}
