/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publishers at full rate over TCP or a Unix socket, QoS 1, for the benches.
 *
 *   publishers ADDRESS CLIENTS WINDOW PAYLOAD MESSAGES SECONDS TOPIC
 *
 * ADDRESS is a port of 127.0.0.1 or the path of a socket. Each client publishes to TOPIC/NUMBER,
 * with WINDOW messages in flight; payloads are PAYLOAD digits, the number of the message among all.
 * Ends when MESSAGES were published, or after SECONDS, and all that was sent is acknowledged.
 * Prints how many that were, the seconds from the first CONNACK of all to the last PUBACK, and the
 * longest wait for one in ms.
 */
#include "packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX 256
#define WINDOW_MAX  1000
#define PAYLOAD_MAX 10000
#define PATIENCE_MS 60000

struct client {
	int fd;
	char topic[100];
	unsigned in_flight;
	uint16_t next_id;   /* of the next message, 1..WINDOW_MAX, around */
	uint16_t oldest_id; /* acknowledgements come in order [MQTT-4.6.0-2] */
	double since[WINDOW_MAX + 1];
	uint8_t in[4]; /* an acknowledgement is four bytes long */
	size_t in_len;
};

static struct client clients[CLIENTS_MAX];
static struct pollfd polls[CLIENTS_MAX];
static struct buf out;
static size_t client_count, payload_len;
static unsigned window;
static uint64_t sent, acknowledged, wanted;
static double end_at, longest_s;

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char *what)
{
	fprintf(stderr, "publishers: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_socket(const char *address)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_in in = { .sin_family = AF_INET };
	bool is_path = strchr(address, '/');
	int fd = socket(is_path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		fail("socket");
	if (is_path) {
		snprintf(un.sun_path, sizeof(un.sun_path), "%s", address);
		if (connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0)
			fail(address);
		return fd;
	}
	in.sin_port = htons((uint16_t)strtoul(address, NULL, 10));
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&in, sizeof(in)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		fail(address);
	return fd;
}

/* The packet that was put together in `out`. */
static void send_out(struct client *c)
{
	while (buf_len(&out) > 0) {
		ssize_t n = send(c->fd, buf_data(&out), buf_len(&out), MSG_NOSIGNAL);

		if (n < 0)
			fail("send");
		buf_consume(&out, (size_t)n);
	}
}

static void say_hello(struct client *c, size_t number)
{
	char id[16];

	snprintf(id, sizeof(id), "bench-%zu", number);
	packet_put_connect(&out, id, PACKET_CLEAN_SESSION, 0);
	send_out(c);
}

static bool is_over(void)
{
	return sent == wanted || now_s() > end_at;
}

static void publish(struct client *c)
{
	char payload[PAYLOAD_MAX + 1];

	snprintf(payload, payload_len + 1, "%0*llu", (int)payload_len, (unsigned long long)sent);
	packet_put_publish(&out, 1 << 1, span_text(c->topic), c->next_id, span_text(payload));
	c->since[c->next_id] = now_s();
	c->next_id = (uint16_t)(c->next_id % WINDOW_MAX + 1);
	c->in_flight++;
	sent++;
	send_out(c);
}

static void fill_window(struct client *c)
{
	while (c->in_flight < window && !is_over())
		publish(c);
}

static void on_ack(struct client *c)
{
	double waited_s = now_s() - c->since[c->oldest_id];

	if (c->in[0] == PACKET_CONNACK && c->in[3] == 0)
		return;
	if (c->in[0] != PACKET_PUBACK || c->in[1] != 2) {
		fprintf(stderr, "publishers: unexpected packet %02x\n", c->in[0]);
		exit(1);
	}
	c->oldest_id = (uint16_t)(c->oldest_id % WINDOW_MAX + 1);
	c->in_flight--;
	acknowledged++;
	if (waited_s > longest_s)
		longest_s = waited_s;
}

static void read_some(struct client *c)
{
	uint8_t bytes[4096];
	ssize_t n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN))
		fail("connection lost");
	for (ssize_t i = 0; i < n; i++) {
		c->in[c->in_len++] = bytes[i];
		if (c->in_len < sizeof(c->in))
			continue;
		c->in_len = 0;
		on_ack(c);
	}
}

static void connect_all(const char *address, const char *topic)
{
	for (size_t i = 0; i < client_count; i++) {
		struct client *c = &clients[i];
		uint8_t connack[4];

		*c = (struct client){ .fd = open_socket(address), .next_id = 1, .oldest_id = 1 };
		snprintf(c->topic, sizeof(c->topic), "%s/%zu", topic, i);
		polls[i] = (struct pollfd){ .fd = c->fd, .events = POLLIN };
		say_hello(c, i);
		if (recv(c->fd, connack, sizeof(connack), MSG_WAITALL) != sizeof(connack))
			fail("no CONNACK");
	}
}

int main(int argc, char **argv)
{
	double begin_s;

	if (argc != 8) {
		fprintf(stderr,
		    "usage: publishers ADDRESS CLIENTS WINDOW PAYLOAD MESSAGES SECONDS TOPIC\n");
		return 64;
	}
	client_count = strtoul(argv[2], NULL, 10);
	window = (unsigned)strtoul(argv[3], NULL, 10);
	payload_len = strtoul(argv[4], NULL, 10);
	wanted = strtoull(argv[5], NULL, 10);
	if (client_count == 0 || client_count > CLIENTS_MAX || window == 0 || window > WINDOW_MAX ||
	    payload_len == 0 || payload_len > PAYLOAD_MAX)
		return 64;
	buf_init(&out, 2 * PAYLOAD_MAX);
	connect_all(argv[1], argv[7]);
	begin_s = now_s();
	end_at = begin_s + strtod(argv[6], NULL);
	for (size_t i = 0; i < client_count; i++)
		fill_window(&clients[i]);
	while (acknowledged < sent) {
		if (poll(polls, client_count, PATIENCE_MS) <= 0)
			fail("no acknowledgement for long");
		for (size_t i = 0; i < client_count; i++) {
			if (polls[i].revents == 0)
				continue;
			read_some(&clients[i]);
			fill_window(&clients[i]);
		}
	}
	printf("%llu %.6f %.1f\n", (unsigned long long)acknowledged, now_s() - begin_s,
	    longest_s * 1000);
	buf_fini(&out);
	return 0;
}
