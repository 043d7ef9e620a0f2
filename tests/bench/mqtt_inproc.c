/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many messages a second the MQTT server carries in process, without sockets: one publisher at
 * QoS 0 to one or more subscribers, in reads of 16 KiB. Prints the number; judges nothing.
 *
 * usage: mqtt_inproc [messages [subscribers [payload bytes [QoS]]]]
 */
#include "base/limits.h"
#include "mqtt/mqtt_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define READ_BYTES 16384

static uint32_t subscribers[MQTT_CLIENTS_MAX - 1];
static size_t subscriber_count;
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

static uint32_t connect_client(struct mqtt_server *s)
{
	static const uint8_t connect[] = "\x10\x0c\0\4MQTT\4\2\0\0\0";
	uint32_t client = 0;
	int r = mqtt_server_client_new(s, 0, 0, &client);

	if (r < 0)
		abort();
	mqtt_server_client_rx(s, 0, client, connect, 14);
	turn(s);
	return client;
}

static size_t make_publish(uint8_t *packet, size_t payload_len, unsigned qos)
{
	static const char topic[] = "site/17/temperature";
	size_t topic_len = sizeof(topic) - 1, n = 0;
	size_t remaining = 2 + topic_len + (qos ? 2 : 0) + payload_len;

	packet[n++] = (uint8_t)(0x30 | qos << 1);
	for (; remaining > 127; remaining >>= 7)
		packet[n++] = (uint8_t)(remaining | 0x80);
	packet[n++] = (uint8_t)remaining;
	packet[n++] = 0;
	packet[n++] = (uint8_t)topic_len;
	memcpy(packet + n, topic, topic_len);
	n += topic_len;
	if (qos) {
		packet[n++] = 0;
		packet[n++] = 1;
	}
	memset(packet + n, 'x', payload_len);
	return n + payload_len;
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
	static uint8_t packet[MQTT_PACKET_MAX];
	const struct mqtt_listener listener = { .address = "bench", .allow_anonymous = true };
	size_t messages = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000000;
	size_t wanted = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
	size_t payload = argc > 3 ? strtoul(argv[3], NULL, 10) : 100;
	unsigned qos = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 0;
	struct mqtt_server *s;
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
	for (; subscriber_count < wanted; subscriber_count++) {
		static const uint8_t subscribe[] = "\x82\x0b\0\1\0\6site/#\0";

		subscribers[subscriber_count] = connect_client(s);
		mqtt_server_client_rx(s, 0, subscribers[subscriber_count], subscribe, 13);
		turn(s);
	}
	publisher = connect_client(s);
	seconds = run(s, publisher, packet, make_publish(packet, payload, qos), messages);
	printf("%.0f messages/s in, %.0f/s out (QoS %u, %zu-byte payloads, %zu subscribers, "
	       "%llu bytes written)\n",
	    (double)mqtt_server_counters(s)->received / seconds,
	    (double)mqtt_server_counters(s)->sent / seconds, qos, payload, wanted,
	    (unsigned long long)received_bytes);
	mqtt_server_free(s);
	return 0;
}
