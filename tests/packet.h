/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of MQTT 3.1.1 as a client makes and takes them, for the clients of simulation, dialogues
 * and benches. Written from the standard, not from lib/mqtt. There is no judgement of what is
 * written, and a buffer that is too small ends the program.
 */
#ifndef TESTS_PACKET_H
#define TESTS_PACKET_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* First bytes (2.2). */
enum {
	PACKET_CONNECT = 0x10,
	PACKET_CONNACK = 0x20,
	PACKET_PUBLISH = 0x30, /* with no flags */
	PACKET_PUBACK = 0x40,
	PACKET_PUBREC = 0x50,
	PACKET_PUBREL = 0x62,
	PACKET_PUBCOMP = 0x70,
	PACKET_SUBSCRIBE = 0x82,
	PACKET_SUBACK = 0x90,
	PACKET_PINGRESP = 0xd0,
};

/* Flags of PUBLISH (3.3.1), beside the QoS shifted by one. */
enum { PACKET_RETAIN = 0x01, PACKET_DUP = 0x08 };

/* Flags of CONNECT (3.1.2.3). */
enum { PACKET_CLEAN_SESSION = 0x02, PACKET_WILL_QOS_1 = 0x0c };

/* A whole packet, borrowed from the buffer it was found in. */
struct packet {
	unsigned first;
	struct span body; /* behind the remaining length */
	size_t size;      /* of all of it */
};

/* First byte and remaining length. */
void packet_put_head(struct buf *out, unsigned first, size_t remaining);

/* A text behind its length of 16 bits. */
void packet_put_text(struct buf *out, struct span text);

/* CONNECT without keep-alive; will_len: bytes of topic and message that the caller puts then. */
void packet_put_connect(struct buf *out, const char *id, unsigned flags, size_t will_len);

/* filters: ends with NULL. */
void packet_put_subscribe(
    struct buf *out, uint16_t packet_id, const char *const *filters, unsigned qos);

/* The identifier is left out at QoS 0. */
void packet_put_publish(
    struct buf *out, unsigned flags, struct span topic, uint16_t packet_id, struct span payload);

/* An acknowledgement: any packet that is an identifier and nothing else. */
void packet_put_ack(struct buf *out, unsigned first, uint16_t packet_id);

/* The first packet of a buffer, which stays there; false: it is not whole yet. */
bool packet_peek(const struct buf *in, struct packet *ret);

#endif
