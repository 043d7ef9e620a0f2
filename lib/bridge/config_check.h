/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may stand in a configuration: the rules that need to know MQTT or the modem. Whoever reads a
 * configuration asks here, once per value, and says where the value stood.
 *
 * Pure functions on borrowed text. Each returns NULL when the value is fine, otherwise a static
 * text that reads on behind the name of the key: "must not be empty". The value itself is never in
 * it.
 */
#ifndef CMQTTD_BRIDGE_CONFIG_CHECK_H
#define CMQTTD_BRIDGE_CONFIG_CHECK_H

#include "bridge/core_config.h"
#include "mqtt/mqtt_auth.h"

#include <stddef.h>

/* A text that becomes a quoted parameter of an AT command: 1..max_bytes of UTF-8 without '"' and
 * without control characters, which edit the modem's command line (backspace: S5, AT manual 2.2)
 * or end it. */
const char *config_check_parameter(const char *text, size_t max_bytes);

/* A host name or IPv4 address of 1..244 bytes, as the modem takes it in "tcp://host:port". */
const char *config_check_host(const char *host);

/* Country and network code of an operator together: 5 or 6 digits (3GPP TS 23.003, 12.1). */
const char *config_check_operator(const char *code);

/* The PIN of a SIM: 4 to 8 digits (3GPP TS 27.007, 8.3). */
const char *config_check_pin(const char *pin);

/* The topic of a last will or birth message: a topic name of at most MODEM_TOPIC_MAX bytes. */
const char *config_check_topic(const char *topic);

/* A route's pattern: a topic filter of at most MODEM_TOPIC_MAX bytes. */
const char *config_check_pattern(const char *pattern);

/* A route's prefix: the beginning of a topic name; empty is fine. */
const char *config_check_prefix(const char *prefix);

/* Prefix and pattern, each fine by itself, are a topic filter of at most max_bytes together. */
const char *config_check_joined(const char *prefix, const char *pattern, size_t max_bytes);

/* A PEM file with the given label ("CERTIFICATE", "PRIVATE KEY" and what ends with it), not
 * encrypted, of at most MODEM_CERT_MAX bytes. */
const char *config_check_pem(struct span pem, const char *label);

/* All of a broker, or of the modem, can be sent to the modem. Each key was checked before: it names
 * none. */
const char *config_check_broker(const struct broker_config *broker);
const char *config_check_modem(const struct modem_config *modem);

/* Some modems take the broker as it is, others do not; which one it is, the configuration does not
 * know. */
const char *config_doubt_broker(const struct broker_config *broker);

#endif
