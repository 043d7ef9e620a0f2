/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A local MQTT client with a mind of its own: it speaks to the daemon by bytes, which it encodes
 * and decodes itself. Publishers wait for acknowledgements and send again after a reconnect,
 * subscribers note in the ledger what they get, and vandals do what clients should not do.
 */
#ifndef TESTS_SIM_FAKE_CLIENT_H
#define TESTS_SIM_FAKE_CLIENT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world;

enum client_role {
	CLIENT_PUBLISHER,
	CLIENT_SUBSCRIBER,
	CLIENT_DEAF,   /* subscribes to everything and reads nothing */
	CLIENT_VANDAL, /* sends half packets and nonsense */
};

enum { CLIENT_FLIGHT_MAX = 8 };

struct client_flight {
	uint16_t packet_id;
	unsigned number;  /* in the ledger */
	bool is_released; /* QoS 2: PUBREL was sent */
};

struct fake_client {
	struct world *world;
	unsigned index; /* publisher or subscriber number */
	enum client_role role;
	const char *id;
	bool is_clean;
	uint8_t qos;                /* of the subscriptions */
	const char *const *filters; /* ends with NULL */

	unsigned will;       /* its number in the ledger, 0: none */
	uint32_t conn;       /* 0: no connection */
	bool is_online;      /* CONNACK came */
	bool is_paused;      /* the daemon does not read */
	bool has_output;     /* the daemon wrote something */
	bool is_retired;     /* will not come back */
	struct buf up;       /* on its way to the daemon */
	struct buf down;     /* not decoded yet */
	uint64_t connect_ms; /* when to connect */
	uint64_t publish_ms; /* when to publish the next one */
	uint64_t push_ms;    /* when the next bytes arrive at the daemon */
	unsigned left;       /* messages to publish */
	uint16_t last_packet_id;
	struct client_flight flights[CLIENT_FLIGHT_MAX];
	size_t flight_count;
	bool is_subscribed;              /* SUBACK came: a lasting session has it for good */
	uint8_t received_ids[65536 / 8]; /* QoS 2, between PUBLISH and PUBREL; one bit each */
};

void fake_client_init(
    struct fake_client *c, struct world *w, enum client_role role, unsigned index, const char *id);
void fake_client_fini(struct fake_client *c);

uint64_t fake_client_deadline(const struct fake_client *c);

/* Do what is due; false: nothing was. */
bool fake_client_run(struct fake_client *c, uint64_t now_ms);

/* What the daemon does to the connection. */
void fake_client_on_close(struct fake_client *c, uint64_t now_ms);

/* The connection is gone without a word to the daemon's core: it went itself. */
void fake_client_lost(struct fake_client *c, uint64_t now_ms);

/* Close the socket. */
void fake_client_hang_up(struct fake_client *c, uint64_t now_ms);

/* Nothing to publish and nothing unacknowledged, or it does not matter. */
bool fake_client_is_done(const struct fake_client *c);

#endif
