/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt_listeners.h"

#include "mqtt/mqtt_auth.h"

#include <string.h>

static struct mqtt_auth *rights;
struct mqtt_listener mqtt_listeners[3];

int mqtt_listeners_make(void **state)
{
	/* openssl passwd -1 -salt abcdefgh secret: a quick one, for there are many of them */
	static const char passwords[] = "ann:$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1\n";
	static const char acl[] = "topic read public/#\nuser ann\ntopic site/#\ntopic public/#\n";
	const char *why;
	unsigned line;

	(void)state;
	if (mqtt_auth_new(passwords, strlen(passwords), acl, strlen(acl), &rights, &line, &why))
		return -1;
	mqtt_listeners[0] = (struct mqtt_listener){ .address = "open", .allow_anonymous = true };
	mqtt_listeners[1] = (struct mqtt_listener){ .address = "users", .auth = rights };
	mqtt_listeners[2] =
	    (struct mqtt_listener){ .address = "both", .allow_anonymous = true, .auth = rights };
	return 0;
}

int mqtt_listeners_free(void **state)
{
	(void)state;
	mqtt_auth_free(rights);
	return 0;
}
