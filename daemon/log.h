/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: to the journal, with fields, when standard error is the journal; otherwise to standard
 * error, a line each with its time. The table that gives each code its MESSAGE_ID and words is
 * here; systemd/cmqttd.catalog explains each. Of one kind of line, and for each broker, only so
 * many are written in a minute; the others are counted and told in one line.
 *
 * The one piece of the daemon that is global: a process has one log.
 */
#ifndef CMQTTD_LOG_H
#define CMQTTD_LOG_H

#include "bridge/core.h"

/* What the daemon itself has to say, numbered behind the core's codes. */
enum log_daemon_code {
	LOG_DAEMON_STARTED = LOG_CODE_COUNT,
	LOG_DAEMON_CONFIG,
	LOG_DAEMON_SOCKET,
	LOG_DAEMON_STORE,
	LOG_DAEMON_TTY,
	LOG_DAEMON_POWER_CYCLE,
	LOG_DAEMON_FAILED,
	LOG_DAEMON_END
};

#define LOG_TEXT_MAX 512

/* Find out where the log goes. Before that it goes to standard error, from level info on. */
void log_open(void);

/* Lines that are less important than this are not logged. */
void log_set_level(enum log_level level);

/* Something that the core has to say. */
void log_event(const struct log_event *event);

/* Something that the daemon itself has to say. */
void log_write(enum log_daemon_code code, enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A turn is over: tell of lines that were held back because there were too many of their kind. */
void log_turn(void);

/* Tell of all of them: the log ends. */
void log_close(void);

/* The words for an event: "broker cloud: online", "modem: registering (the SIM is ready)". */
void log_describe(const struct log_event *event, char *text, size_t size);

#define LOG_MESSAGE_ID_LEN 32

/* MESSAGE_ID of a code of either kind: 32 hexadecimal digits. */
void log_message_id(int code, char ret[LOG_MESSAGE_ID_LEN + 1]);

#endif
