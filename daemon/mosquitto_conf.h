/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a configuration of mosquitto says about bridges (mosquitto.conf(5)), as far as cmqttd has
 * the same, and a complaint about each line that it has not.
 *
 * Reads text, touches no file. All strings point into the text, which is changed in place.
 */
#ifndef CMQTTD_MOSQUITTO_CONF_H
#define CMQTTD_MOSQUITTO_CONF_H

#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct mosquitto_topic {
	const char *pattern;
	const char *direction; /* "out", "in" or "both" */
	int qos;
	const char *local_prefix, *remote_prefix; /* so many bytes of them */
	size_t local_len, remote_len;
};

struct mosquitto_bridge {
	unsigned line; /* of "connection" */
	const char *name;
	const char *host; /* NULL: there was no address */
	unsigned port;
	const char *client_id, *username, *password; /* NULL: not given */
	const char *cafile, *certfile, *keyfile;     /* likewise */
	bool is_tls;
	bool clean_session;
	unsigned keepalive_s;
	unsigned restart_min_s, restart_max_s; /* 0: not given */
	bool notifies;
	bool is_notified_locally; /* the broker is told nothing */
	const char *notification_topic;
	struct mosquitto_topic topics[BRIDGE_ROUTES_MAX];
	size_t topic_count;
};

struct mosquitto_listener {
	unsigned port;    /* 0: a Unix socket */
	const char *path; /* of it */
};

struct mosquitto_conf {
	struct mosquitto_bridge bridges[MODEM_CLIENTS];
	size_t bridge_count;
	struct mosquitto_listener listeners[MQTT_LISTENERS_MAX];
	size_t listener_count;
	const char *acl_file; /* NULL: none */
	/* For complaints. */
	const char *file;
	FILE *complaints;
	unsigned line;
	size_t complaint_count;
	struct mosquitto_bridge
	    *bridge; /* that lines are about; NULL: one that has no room, or none */
	bool is_in_bridge;
};

/* Read the text of the file of that name; "FILE:LINE: KEY: why" goes to `complaints` for each line
 * that does not map. */
void mosquitto_conf_read(
    struct mosquitto_conf *ret, char *text, const char *file, FILE *complaints);

/* Complain about a line; counted. */
void mosquitto_conf_complain(struct mosquitto_conf *c, unsigned line, const char *key,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
