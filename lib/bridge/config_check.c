/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memmem */
#include "bridge/config_check.h"

#include "base/limits.h"
#include "base/utf8.h"
#include "modem/sim7600.h"
#include "mqtt/mqtt_topic.h"

#include <assert.h>
#include <string.h>

#define HOST_MAX 244 /* what MODEM_SERVER_ADDR_MAX leaves beside "tcp://" and ":65535" */
#define PIN_MIN  4
#define PIN_MAX  8

static_assert(HOST_MAX + sizeof("tcp://:65535") - 1 == MODEM_SERVER_ADDR_MAX, "room for a port");

static bool has_control(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	}
	return false;
}

static const char *check_text(const char *text)
{
	if (has_control(text))
		return "must not contain control characters";
	if (!utf8_is_mqtt_string((const uint8_t *)text, strlen(text)))
		return "must be text in UTF-8";
	return NULL;
}

const char *config_check_parameter(const char *text, size_t max_bytes)
{
	if (!*text)
		return "must not be empty";
	if (strlen(text) > max_bytes)
		return "is longer than the modem takes";
	if (strchr(text, '"'))
		return "must not contain a double quote, which the modem cannot take";
	return check_text(text);
}

const char *config_check_host(const char *host)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	    "-._";
	size_t len = strlen(host);

	if (len == 0)
		return "names no host: write it behind the two slashes";
	if (len > HOST_MAX)
		return "has a host name of more than 244 bytes, which is the most that the modem "
		       "takes";
	if (strspn(host, allowed) != len)
		return "has a host that is neither a name nor an IPv4 address";
	return NULL;
}

const char *config_check_pin(const char *pin)
{
	size_t len = strlen(pin);

	if (len < PIN_MIN || len > PIN_MAX || strspn(pin, "0123456789") != len)
		return "must be 4 to 8 digits";
	return NULL;
}

const char *config_check_operator(const char *code)
{
	size_t len = strlen(code);

	if (len < 5 || len > 6 || strspn(code, "0123456789") != len)
		return "must be country and network code together, 5 or 6 digits like \"26201\"";
	return NULL;
}

const char *config_check_topic(const char *topic)
{
	if (strlen(topic) > MODEM_TOPIC_MAX)
		return "is longer than 1024 bytes, which is the most that the modem takes";
	if (strpbrk(topic, "+#"))
		return "must not contain the wildcards + and #";
	if (!mqtt_topic_is_name(topic, strlen(topic)))
		return "is not a topic: 1 to 64 levels, parted by /";
	return check_text(topic);
}

const char *config_check_pattern(const char *pattern)
{
	if (strlen(pattern) > MODEM_TOPIC_MAX)
		return "is longer than 1024 bytes, which is the most that the modem takes";
	if (!mqtt_topic_is_filter(pattern, strlen(pattern)))
		return "is not a topic filter: + is a whole level, # the whole last one, and "
		       "there are 1 to 64 of them";
	return check_text(pattern);
}

const char *config_check_prefix(const char *prefix)
{
	if (strpbrk(prefix, "+#"))
		return "must not contain the wildcards + and #";
	return check_text(prefix);
}

const char *config_check_joined(const char *prefix, const char *pattern, size_t max_bytes)
{
	char joined[MQTT_TOPIC_MAX];
	size_t prefix_len = strlen(prefix), pattern_len = strlen(pattern);

	if (max_bytes > sizeof(joined))
		max_bytes = sizeof(joined);
	if (prefix_len > max_bytes || pattern_len > max_bytes - prefix_len)
		return "and the pattern together are too long (1024 bytes at the broker, 4096 "
		       "here)";
	memcpy(joined, prefix, prefix_len);
	memcpy(joined + prefix_len, pattern, pattern_len);
	if (!mqtt_topic_is_filter(joined, prefix_len + pattern_len))
		return "and the pattern together are not a topic filter: the prefix may need a "
		       "/ at its end";
	return NULL;
}

/* The text stands somewhere in the file. */
static bool contains(struct span pem, const char *text)
{
	return memmem(pem.data, pem.len, text, strlen(text)) != NULL;
}

/* A line "-----BEGIN ...label-----". */
static bool has_label(struct span pem, const char *label)
{
	static const char begin[] = "-----BEGIN ";
	const char *line = (const char *)pem.data, *end = line + pem.len;

	while ((line = memmem(line, (size_t)(end - line), begin, strlen(begin)))) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t len = (size_t)((newline ? newline : end) - line);
		const char *found = memmem(line, len, label, strlen(label));

		if (found && (size_t)(line + len - found) >= strlen(label) + 5 &&
		    memcmp(found + strlen(label), "-----", 5) == 0)
			return true;
		line += len;
	}
	return false;
}

const char *config_check_pem(struct span pem, const char *label)
{
	if (pem.len == 0)
		return "is an empty file; it must be in PEM format";
	if (pem.len > MODEM_CERT_MAX)
		return "is longer than 10240 bytes, which is the most that the modem takes";
	if (contains(pem, "ENCRYPTED PRIVATE KEY") || contains(pem, "Proc-Type: 4,ENCRYPTED"))
		return "is encrypted; the modem needs it without a passphrase";
	if (!has_label(pem, label))
		return strcmp(label, "CERTIFICATE") == 0
			   ? "has no PEM certificate in it (-----BEGIN CERTIFICATE-----)"
			   : "has no PEM private key in it (-----BEGIN PRIVATE KEY-----)";
	return NULL;
}

const char *config_check_broker(const struct broker_config *broker)
{
	if (sim7600_check_broker(broker) == 0)
		return NULL;
	return "a value of this broker cannot be sent to the modem";
}

const char *config_doubt_broker(const struct broker_config *broker)
{
	if (sim7600_connect_fits(broker, AT_CMD_MAX))
		return NULL;
	return "address, username and password together are longer than a SIM7600 takes on one "
	       "line (559 characters)";
}

const char *config_check_modem(const struct modem_config *modem)
{
	if (sim7600_check_modem(modem) == 0)
		return NULL;
	return "a value of \"modem\" cannot be sent to it";
}
