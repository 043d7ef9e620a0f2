/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"

#include "log_limit.h"

#include "base/limits.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_SYSTEMD
#define SD_JOURNAL_SUPPRESS_LOCATION /* all entries come from this file */
#include <systemd/sd-journal.h>
#endif

#define FIELD_MAX 128
#define FIELDS    9

struct log_kind {
	uint64_t id_high, id_low; /* MESSAGE_ID */
	const char *words;
};

/* clang-format off */
static const struct log_kind kinds[] = {
	[LOG_MODEM_STATE] = { 0xfb1a591c2bb44f77, 0xbceff46bcfce5670, "modem" },
	[LOG_MODEM_IDENTITY] = { 0x846de20b236e4a1d, 0x8f3d9919cd672ac8, "modem" },
	[LOG_MODEM_BOOTED] = { 0x0bd581e1fc6b4f3d, 0x96a437c879ac3044, "modem: started by itself" },
	[LOG_MODEM_GARBAGE] = { 0x1953901bdf1e49d2, 0xa3653758e38d5fa1, "modem" },
	[LOG_MODEM_STUCK] = { 0x08c8ea779e57481f, 0xbfa8a4caa466a7fb, "modem: stuck" },
	[LOG_MODEM_PIN_REFUSED] = { 0x7dd4fa795c644a31, 0x85e8ab7f1ffbd7ed, "modem" },
	[LOG_MODEM_NO_SIM] = { 0x453fda6fef9747d0, 0x933d7e7b97972d24, "modem: no SIM" },
	[LOG_MODEM_DENIED] = { 0xdf39a226985b4720, 0x93d1b7a67ca87fe9, "modem" },
	[LOG_MODEM_CLOCK_SET] = { 0xc861438f17cb4835, 0xbfd3d33f25f57296, "modem" },
	[LOG_MODEM_CLOCK_WRONG] = { 0x47eee975420f4d87, 0xad6bfc1172e93b3c, "modem" },
	[LOG_MODEM_POWER_CYCLE] = { 0xcb95e45f9d4f4d2a, 0xa2c99da99fcb183a, "modem: power is cut and given back" },
	[LOG_MODEM_USB_REBIND] = { 0x5d664aa236c64772, 0xbc43171a9d045ad9, "modem: its USB device is bound anew" },
	[LOG_BROKER_ONLINE] = { 0xfaf783519fc3422c, 0x858a5d866b8ffa06, "online" },
	[LOG_BROKER_OFFLINE] = { 0xcedd96a701bd4d18, 0xb570b592177c3ff1, "offline" },
	[LOG_BROKER_STATE] = { 0x130c368ac501439f, 0x85b9cb2d5d74d375, "" },
	[LOG_BROKER_ERROR] = { 0x31256aad431e4f10, 0xbe732e0d9f774a64, "connect failed" },
	[LOG_BROKER_CERT_UPLOADED] = { 0xc216444c553442a4, 0xaefa50963c082a73, "certificate sent to the modem" },
	[LOG_BROKER_BIRTH_FAILED] = { 0x2fb32c77b9a04443, 0x860a5fbd20e4a239, "birth message failed" },
	[LOG_BROKER_SUBSCRIBE_FAILED] = { 0x4446c62303d64bae, 0xa16e5dca3f1259ae, "subscription failed" },
	[LOG_BROKER_NOT_VERIFIED] = { 0xbc3b1b3a955d47ad, 0x87490b6b0dd99377, "not authenticated (verify = false)" },
	[LOG_MESSAGE_DEAD] = { 0x448fd1af3ffb4e64, 0x80cc734a23343cdb, "message refused for good" },
	[LOG_MESSAGE_DROPPED] = { 0x9a566772bae54caa, 0x896a38f9a245e4e9, "message dropped" },
	[LOG_INBOUND_LOST] = { 0x3a1d932fda51483b, 0xac3b462fb1d34552, "inbound message lost" },
	[LOG_STORE_FULL] = { 0x2daa0990a7244800, 0xb3356bdf55b211b0, "store is full" },
	[LOG_STORE_FAILED] = { 0x807f099b112146c0, 0x8ada7949cda89f31, "store failed" },
	[LOG_STORE_ORPHANS] = { 0x52374a82389c4294, 0x88b94e605d6439ac, "messages without a broker" },
	[LOG_CLIENT_CLOSED] = { 0xbca9e9ca3f414d3b, 0xaa731565baac8f20, "local client" },
	[LOG_CONTROL_CHANGE] = { 0x005cc138f8ad4340, 0xb8b22930d8b29c36, "changed over the control socket" },
	[LOG_RELOADED] = { 0xd77a4ef019004482, 0xb3383d371a6c70e3, "configuration reloaded" },
	[LOG_STOPPING] = { 0xe6dfa15e75c8499f, 0x934e03337ca66e45, "stopping" },
	[LOG_AT_TRAFFIC] = { 0xe9b65c6849df42c6, 0xa21bd9810965e7b5, "AT" },
	[LOG_DAEMON_STARTED] = { 0x95891ac7bb1b41df, 0x8774f6f4e9bed5f3, "started" },
	[LOG_DAEMON_CONFIG] = { 0xd3518d6543cb4125, 0x83e2c16cbfd3c5d1, "configuration" },
	[LOG_DAEMON_SOCKET] = { 0x9794be95f00d4e6a, 0x925e3e6b3b72015b, "socket" },
	[LOG_DAEMON_STORE] = { 0xd0165a807d5240a7, 0xab4c011a5c09162d, "store" },
	[LOG_DAEMON_TTY] = { 0xd3eea592e5ab4f35, 0x8b26384d2e424099, "port" },
	[LOG_DAEMON_POWER_CYCLE] = { 0x52ad8d631c904a03, 0xb850acb060ebafad, "power_cycle" },
	[LOG_DAEMON_FAILED] = { 0x1d7621303fa84fc8, 0xa0cebdb60616a87e, "failed" },
};
/* clang-format on */

_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == LOG_DAEMON_END, "a code without a row");

/* Of each code, one kind without a broker and one for each broker. */
#define KINDS_OF_CODE (1 + MODEM_CLIENTS)
_Static_assert(LOG_DAEMON_END *KINDS_OF_CODE <= LOG_LIMIT_KINDS, "more kinds than can be counted");

/* Apart from the rest, which is all zero and so has no room in the program's file. */
static enum log_level level_max = LOG_LEVEL_INFO;
static struct {
	bool is_journal;
	struct log_limit limit;
	enum log_level levels[LOG_LIMIT_KINDS]; /* of what was held back last */
	char brokers[MODEM_CLIENTS][FIELD_MAX]; /* names */
} target;

void log_message_id(int code, char ret[LOG_MESSAGE_ID_LEN + 1])
{
	snprintf(ret, LOG_MESSAGE_ID_LEN + 1, "%016" PRIx64 "%016" PRIx64, kinds[code].id_high,
	    kinds[code].id_low);
}

/* $JOURNAL_STREAM is "DEVICE:INODE" of what the service manager connected (systemd.exec(5)); it is
 * inherited, so that standard error may be something else by now. */
void log_open(void)
{
#ifdef HAVE_SYSTEMD
	const char *stream = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return;
	snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	target.is_journal = strcmp(stream, own) == 0;
#endif
}

void log_set_level(enum log_level level)
{
	level_max = level;
}

/* Append; what does not fit is cut. */
static void __attribute__((format(printf, 3, 4)))
append(char *text, size_t size, const char *fmt, ...)
{
	size_t used = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + used, size - used, fmt, ap);
	va_end(ap);
}

/* What follows the words. */
enum shape {
	SHAPE_DETAILS, /* "words: state or reason: detail", as far as there are any */
	SHAPE_DETAIL,  /* "words: detail" */
	SHAPE_WORDS,   /* "words" */
	SHAPE_STATE,   /* "words: registering (the SIM is ready)" */
	SHAPE_TRAFFIC, /* "words > AT+CSQ" */
};

static const enum shape shapes[LOG_DAEMON_END] = {
	[LOG_MODEM_STATE] = SHAPE_STATE,
	[LOG_MODEM_BOOTED] = SHAPE_WORDS,
	[LOG_BROKER_STATE] = SHAPE_STATE,
	[LOG_BROKER_ONLINE] = SHAPE_WORDS,
	[LOG_BROKER_OFFLINE] = SHAPE_DETAIL,
	[LOG_BROKER_ERROR] = SHAPE_DETAIL,
	[LOG_BROKER_NOT_VERIFIED] = SHAPE_WORDS,
	[LOG_AT_TRAFFIC] = SHAPE_TRAFFIC,
};

static void append_details(char *text, size_t size, const struct log_event *event)
{
	switch (shapes[event->code]) {
	case SHAPE_DETAILS:
		if (event->to)
			append(text, size, ": %s", event->to);
		if (event->detail[0])
			append(text, size, ": %s", event->detail);
		break;
	case SHAPE_DETAIL:
		append(text, size, ": %s", event->detail);
		break;
	case SHAPE_WORDS:
		break;
	case SHAPE_STATE:
		append(text, size, ": %s", event->to);
		if (event->detail[0])
			append(text, size, " (%s)", event->detail);
		break;
	case SHAPE_TRAFFIC:
		append(text, size, " %s %s", event->to, event->detail);
		break;
	}
}

static void append_subject(char *text, size_t size, const struct log_event *event)
{
	const char *words = kinds[event->code].words;

	if (event->broker)
		append(text, size, "broker %s%s", event->broker, words[0] ? ": " : "");
	append(text, size, "%s", words);
}

void log_describe(const struct log_event *event, char *text, size_t size)
{
	text[0] = '\0';
	append_subject(text, size, event);
	append_details(text, size, event);
}

static void write_stderr(enum log_level level, const char *text)
{
	struct timespec now;
	struct tm tm;
	char stamp[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(stderr, "%s.%03ldZ %s: %s\n", stamp, now.tv_nsec / 1000000, log_level_name(level),
	    text);
}

#ifdef HAVE_SYSTEMD
struct fields {
	struct iovec items[FIELDS];
	char texts[FIELDS][FIELD_MAX];
	int count;
};

static void __attribute__((format(printf, 2, 3)))
add_field(struct fields *fields, const char *fmt, ...)
{
	char *text = fields->texts[fields->count];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, FIELD_MAX, fmt, ap);
	va_end(ap);
	fields->items[fields->count++] =
	    (struct iovec){ .iov_base = text, .iov_len = strlen(text) };
}

static int priority(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return LOG_ERR;
	case LOG_LEVEL_WARNING:
		return LOG_WARNING;
	case LOG_LEVEL_INFO:
		return LOG_INFO;
	case LOG_LEVEL_DEBUG:
		return LOG_DEBUG;
	}
	return LOG_NOTICE;
}

static void write_journal(
    const struct log_event *event, int code, enum log_level level, const char *text, uint32_t held)
{
	char message[LOG_TEXT_MAX + sizeof("MESSAGE=")];
	char id[LOG_MESSAGE_ID_LEN + 1];
	struct fields fields = { .count = 1 };

	snprintf(message, sizeof(message), "MESSAGE=%s", text);
	fields.items[0] = (struct iovec){ .iov_base = message, .iov_len = strlen(message) };
	log_message_id(code, id);
	add_field(&fields, "MESSAGE_ID=%s", id);
	add_field(&fields, "PRIORITY=%d", priority(level));
	add_field(&fields, "SYSLOG_IDENTIFIER=cmqttd");
	if (event && event->broker)
		add_field(&fields, "CMQTTD_BROKER=%s", event->broker);
	if (event && event->client_index >= 0)
		add_field(&fields, "CMQTTD_CLIENT_INDEX=%d", event->client_index);
	if (event && event->err > 0)
		add_field(&fields, "CMQTTD_ERROR=%u", event->err);
	if (event && event->to)
		add_field(&fields, "CMQTTD_STATE=%s", event->to);
	if (held > 0)
		add_field(&fields, "CMQTTD_REPEATED=%" PRIu32, held);
	sd_journal_sendv(fields.items, fields.count);
}
#else
static void write_journal(
    const struct log_event *event, int code, enum log_level level, const char *text, uint32_t held)
{
	(void)event;
	(void)code;
	(void)held;
	write_stderr(level, text);
}
#endif

/* What comes from clients and modem must not reach a terminal as it is, nor make lines of its own.
 */
static void replace_controls(char *text)
{
	unsigned char before = 0;

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		bool is_c1 = before == 0xc2 && c >= 0x80 && c < 0xa0;

		if (is_c1)
			text[-1] = '?';
		if (is_c1 || c < 0x20 || c == 0x7f)
			*text = '?';
		before = c;
	}
}

/* held: how many lines this one stands for, 0: it is an ordinary one. */
static void write_text(
    const struct log_event *event, int code, enum log_level level, char *text, uint32_t held)
{
	replace_controls(text);
	if (target.is_journal)
		write_journal(event, code, level, text, held);
	else
		write_stderr(level, text);
}

/* ---- how often ---- */

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void tell_held(bool is_end)
{
	char text[LOG_TEXT_MAX];
	size_t kind;
	uint32_t held;

	while (log_limit_next(&target.limit, now_ms(), is_end, &kind, &held)) {
		struct log_event event = { .code = (enum log_code)(kind / KINDS_OF_CODE),
			.client_index = (int)(kind % KINDS_OF_CODE) - 1 };

		if (event.client_index >= 0)
			event.broker = target.brokers[event.client_index];
		text[0] = '\0';
		append_subject(text, sizeof(text), &event);
		append(text, sizeof(text), ": %" PRIu32 " more of this kind since the last line",
		    held);
		write_text(&event, (int)event.code, target.levels[kind], text, held);
	}
}

/* Whoever asks for everything gets everything, and what somebody did is told one by one. */
static bool is_limited(int code, enum log_level level)
{
	return level != LOG_LEVEL_DEBUG && code != (int)LOG_CONTROL_CHANGE &&
	       code != (int)LOG_DAEMON_CONFIG;
}

static bool is_held(const struct log_event *event, int code, enum log_level level)
{
	int client = event && event->broker ? event->client_index : -1;
	size_t kind = (size_t)(code * KINDS_OF_CODE + 1 + client);

	if (!is_limited(code, level))
		return false;
	tell_held(false);
	if (log_limit_pass(&target.limit, kind, now_ms()))
		return false;
	target.levels[kind] = level;
	if (client >= 0)
		snprintf(
		    target.brokers[client], sizeof(target.brokers[client]), "%s", event->broker);
	return true;
}

void log_turn(void)
{
	if (target.limit.held > 0)
		tell_held(false);
}

void log_close(void)
{
	tell_held(true);
}

void log_event(const struct log_event *event)
{
	char text[LOG_TEXT_MAX];

	if (event->level > level_max || is_held(event, (int)event->code, event->level))
		return;
	log_describe(event, text, sizeof(text));
	write_text(event, (int)event->code, event->level, text, 0);
}

void log_write(enum log_daemon_code code, enum log_level level, const char *fmt, ...)
{
	char text[LOG_TEXT_MAX];
	va_list ap;
	int len;

	if (level > level_max || is_held(NULL, (int)code, level))
		return;
	len = snprintf(text, sizeof(text), "%s: ", kinds[code].words);
	va_start(ap, fmt);
	vsnprintf(text + len, sizeof(text) - (size_t)len, fmt, ap);
	va_end(ap);
	write_text(NULL, (int)code, level, text, 0);
}
