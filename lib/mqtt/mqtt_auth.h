/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User names, password hashes and rights of one listener, from the text of the two files.
 *
 * Password file: lines "user:hash", the hash as crypt(5) has it (mkpasswd, openssl passwd -6).
 * Rights file: mosquitto's: "user NAME", "topic [read|write|readwrite|deny] FILTER",
 * "pattern [read|write|readwrite|deny] FILTER" with %u and %c; '#' begins a comment. Topics before
 * the first user are those of anonymous clients, patterns are everybody's, and a denial wins.
 * Without a rights file everything is allowed; with one, only what it lists.
 */
#ifndef CMQTTD_MQTT_MQTT_AUTH_H
#define CMQTTD_MQTT_MQTT_AUTH_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct mqtt_auth;

/* Parse. NULL texts mean "no such file". 0; -EINVAL with *ret_line and a static *ret_why; -ENOMEM.
 */
int mqtt_auth_new(const char *passwords, size_t passwords_len, const char *acl, size_t acl_len,
    struct mqtt_auth **ret, unsigned *ret_line, const char **ret_why);
void mqtt_auth_free(struct mqtt_auth *a);

/* There are users: anonymous clients are refused unless the listener allows them. */
bool mqtt_auth_has_users(const struct mqtt_auth *a);

/* User and password fit. Costs milliseconds on purpose (crypt), for an unknown user too. */
bool mqtt_auth_check(const struct mqtt_auth *a, struct span user, struct span password);

/* May read from (be sent messages of) the topic. user empty: anonymous. a NULL: yes. */
bool mqtt_auth_may_read(
    const struct mqtt_auth *a, struct span user, struct span client_id, struct span topic);
bool mqtt_auth_may_write(
    const struct mqtt_auth *a, struct span user, struct span client_id, struct span topic);

/* There are topics that match the filter and may be read: subscribing makes sense. Which messages
 * are sent is for mqtt_auth_may_read to say, one by one. a NULL: yes. */
bool mqtt_auth_may_subscribe(
    const struct mqtt_auth *a, struct span user, struct span client_id, struct span filter);

#endif
