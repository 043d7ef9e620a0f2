/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the local MQTT server as a whole, with two clients and an owner who answers in every
 * way. The input is a list of commands, each a byte: its low three bits say what happens, the rest
 * how much. After "bytes arrive" that many bytes of the input follow.
 */
#include "base/limits.h"
#include "mqtt/mqtt_server.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum command {
	BYTES_FOR_0,
	BYTES_FOR_1,
	SOCKET_LOST, /* and a new one */
	TIME_PASSES,
	OWNER_VERDICT,
	OWNER_RESUMES,
	CLIENT_READS,
	OWNER_COMMITS,
};

struct owner {
	struct mqtt_server *server;
	uint64_t now_ms;
	uint32_t clients[2]; /* 0: none */
	bool is_stuck[2];
	enum mqtt_verdict verdict;
};

static void read_out(struct owner *o, size_t i)
{
	struct buf *out = mqtt_server_client_out(o->server, o->clients[i]);

	if (!out || o->is_stuck[i])
		return;
	assert(buf_len(out) <= MQTT_CLIENT_OUT_MAX);
	buf_consume(out, buf_len(out));
	mqtt_server_client_sent(o->server, o->now_ms, o->clients[i]);
}

static void take_event(struct owner *o, const struct mqtt_event *e)
{
	size_t i = e->client && e->client == o->clients[1];

	switch (e->type) {
	case MQTT_EVENT_WRITE:
		assert(e->client == o->clients[i]);
		read_out(o, i);
		break;
	case MQTT_EVENT_CLOSE:
		assert(e->client == o->clients[i] && e->client_id);
		mqtt_server_client_gone(o->server, o->now_ms, e->client);
		o->clients[i] = 0;
		break;
	case MQTT_EVENT_PUBLISH:
		if (o->verdict == MQTT_ACCEPT)
			mqtt_server_publish(o->server, o->now_ms, e->msg);
		mqtt_server_verdict(o->server, o->now_ms, o->verdict);
		break;
	case MQTT_EVENT_ONLINE:
	case MQTT_EVENT_OFFLINE:
		assert(e->client_id);
		break;
	case MQTT_EVENT_PAUSE:
	case MQTT_EVENT_RESUME:
		assert(e->client == o->clients[i]);
		break;
	}
}

static void drain(struct owner *o)
{
	struct mqtt_event e;

	while (mqtt_server_next_event(o->server, o->now_ms, &e))
		take_event(o, &e);
	mqtt_server_settle(o->server);
}

static void bytes_arrive(struct owner *o, size_t i, const uint8_t *data, size_t len)
{
	if (!o->clients[i] && mqtt_server_client_new(o->server, o->now_ms, i, &o->clients[i]) < 0)
		abort();
	mqtt_server_client_rx(o->server, o->now_ms, o->clients[i], data, len);
}

static void do_command(struct owner *o, enum command command, unsigned value)
{
	size_t i = value & 1;

	switch (command) {
	case BYTES_FOR_0:
	case BYTES_FOR_1:
		break;
	case SOCKET_LOST:
		mqtt_server_client_gone(o->server, o->now_ms, o->clients[i]);
		o->clients[i] = 0;
		break;
	case TIME_PASSES:
		o->now_ms += (uint64_t)value * value * 100;
		mqtt_server_tick(o->server, o->now_ms);
		assert(mqtt_server_deadline(o->server) > o->now_ms);
		break;
	case OWNER_VERDICT:
		o->verdict = (enum mqtt_verdict)(value % (MQTT_REFUSE_FAILED + 1));
		break;
	case OWNER_RESUMES:
		mqtt_server_resume_held(o->server, o->now_ms);
		break;
	case CLIENT_READS:
		o->is_stuck[i] = value & 2;
		read_out(o, i);
		break;
	case OWNER_COMMITS:
		mqtt_server_committed(o->server, o->now_ms);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mqtt_listener listeners[] = {
		{ .address = "open", .allow_anonymous = true },
		{ .address = "same", .allow_anonymous = true },
	};
	struct owner o = { .verdict = MQTT_ACCEPT };
	struct cursor c;

	o.server = mqtt_server_new(listeners, 2, NULL);
	if (!o.server)
		return 0;
	cursor_init(&c, data, size);
	while (c.left > 0) {
		uint8_t byte = cursor_u8(&c);
		enum command command = byte & 7;
		size_t len = byte >> 3;

		if (command == BYTES_FOR_0 || command == BYTES_FOR_1) {
			/* The largest number stands for a second byte, so that long packets fit. */
			if (len == 31)
				len += cursor_u8(&c);
			if (len > c.left)
				len = c.left;
			bytes_arrive(&o, command, cursor_span(&c, len).data, len);
		} else {
			do_command(&o, command, byte >> 3);
		}
		drain(&o);
	}
	mqtt_server_free(o.server);
	return 0;
}
