/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many messages a second the MQTT server carries in process, without sockets: one publisher at
 * QoS 0 to one or more subscribers, in reads of 16 KiB. Prints the number; judges nothing.
 *
 * usage: mqtt_inproc [messages [subscribers [payload bytes [QoS]]]]
 */
#include "base/limits.h"
#include "mqtt/mqtt_server.h"
#include "packet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define READ_BYTES 16384

static uint64_t received_bytes;

/* What the owner of the server does in a turn: accept everything, read everything. */
static void turn(struct mqtt_server *s)
{
	struct mqtt_event e;

	while (mqtt_server_next_event(s, 0, &e)) {
		struct buf *out;

		if (e.type == MQTT_EVENT_PUBLISH) {
			mqtt_server_publish(s, 0, e.msg);
			mqtt_server_verdict(s, 0, MQTT_ACCEPT);
		}
		if (e.type != MQTT_EVENT_WRITE)
			continue;
		out = mqtt_server_client_out(s, e.client);
		received_bytes += buf_len(out);
		buf_consume(out, buf_len(out));
		mqtt_server_client_sent(s, 0, e.client);
	}
	mqtt_server_committed(s, 0);
	mqtt_server_settle(s);
}

/* filters: NULL, or ends with NULL. */
static uint32_t connect_client(struct mqtt_server *s, const char *const *filters)
{
	uint32_t client = 0;
	struct buf said;

	if (mqtt_server_client_new(s, 0, 0, &client) < 0)
		abort();
	buf_init(&said, 1000);
	packet_put_connect(&said, "", PACKET_CLEAN_SESSION, 0);
	if (filters)
		packet_put_subscribe(&said, 1, filters, 0);
	mqtt_server_client_rx(s, 0, client, buf_data(&said), buf_len(&said));
	buf_fini(&said);
	turn(s);
	return client;
}

static void make_publish(struct buf *ret, size_t payload_len, unsigned qos)
{
	static uint8_t payload[MQTT_PACKET_MAX];

	memset(payload, 'x', payload_len);
	packet_put_publish(ret, qos << 1, span_text("site/17/temperature"), 1,
	    (struct span){ payload, payload_len });
}

static double run(
    struct mqtt_server *s, uint32_t publisher, const uint8_t *packet, size_t len, size_t messages)
{
	static uint8_t chunk[READ_BYTES];
	struct timespec begin, end;
	size_t fill = 0;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (size_t i = 0; i < messages; i++) {
		for (size_t done = 0; done < len;) {
			size_t n = len - done < READ_BYTES - fill ? len - done : READ_BYTES - fill;

			memcpy(chunk + fill, packet + done, n);
			fill += n;
			done += n;
			if (fill < READ_BYTES)
				continue;
			mqtt_server_client_rx(s, 0, publisher, chunk, fill);
			turn(s);
			fill = 0;
		}
	}
	mqtt_server_client_rx(s, 0, publisher, chunk, fill);
	turn(s);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
}

int main(int argc, char **argv)
{
	static const char *const filters[] = { "site/#", NULL };
	const struct mqtt_listener listener = { .address = "bench", .allow_anonymous = true };
	size_t messages = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000000;
	size_t wanted = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
	size_t payload = argc > 3 ? strtoul(argv[3], NULL, 10) : 100;
	unsigned qos = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 0;
	struct mqtt_server *s;
	struct buf packet;
	uint32_t publisher;
	double seconds;

	if (wanted > MQTT_CLIENTS_MAX - 1 || payload > MQTT_PACKET_MAX - 64 || qos > 1) {
		fprintf(
		    stderr, "usage: mqtt_inproc [messages [subscribers [payload [QoS 0|1]]]]\n");
		return 64;
	}
	s = mqtt_server_new(&listener, 1, NULL);
	if (!s)
		return 1;
	for (size_t i = 0; i < wanted; i++)
		connect_client(s, filters);
	publisher = connect_client(s, NULL);
	buf_init(&packet, MQTT_PACKET_MAX);
	make_publish(&packet, payload, qos);
	seconds = run(s, publisher, buf_data(&packet), buf_len(&packet), messages);
	printf("%.0f messages/s in, %.0f/s out (QoS %u, %zu-byte payloads, %zu subscribers, "
	       "%llu bytes written)\n",
	    (double)mqtt_server_counters(s)->received / seconds,
	    (double)mqtt_server_counters(s)->sent / seconds, qos, payload, wanted,
	    (unsigned long long)received_bytes);
	buf_fini(&packet);
	mqtt_server_free(s);
	return 0;
}
