/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blocking Varlink client on a Unix socket, for cmqttctl. One call at a time.
 */
#ifndef CMQTTD_CTL_CLIENT_H
#define CMQTTD_CTL_CLIENT_H

#include "bridge/varlink.h"

#include <jansson.h>
#include <stdbool.h>

#define CTL_CLIENT_FOREVER (-1)

struct ctl_client {
	int fd;
	struct varlink_reader in;
};

/* Connect to the socket at `path`. 0; -ENAMETOOLONG; else what the system said, negative. */
int ctl_client_open(struct ctl_client *c, const char *path);
void ctl_client_close(struct ctl_client *c);

/* Send a call; parameters are taken over. 0; -ENOMEM; -EPIPE and the like: the other side is gone.
 */
int ctl_client_call(struct ctl_client *c, const char *method, json_t *parameters, bool is_more);

/* Wait for the next message: a new reference. 0; -ETIMEDOUT after timeout_ms of silence;
 * -ECONNRESET: the other side closed; -EBADMSG: it sent what is no message; -EPIPE: nobody reads
 * what we write to out_fd any more, a pipe perhaps (-1: do not look). */
int ctl_client_read(struct ctl_client *c, int timeout_ms, int out_fd, json_t **ret_msg);

/* Connect, call without parameters, wait for the one answer, close: *ret_msg is a new reference to
 * the whole message, for varlink_parse_answer. 0 or -errno, as above. */
int ctl_client_ask(const char *path, const char *method, int timeout_ms, json_t **ret_msg);

#endif
