/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exactly once: QoS 2 from a publisher through the local MQTT server to a subscriber, while
 * connections break, commits fail, and the server is killed and started again on what was
 * committed. Each message is counted when the subscriber takes it for a new one: all come, in
 * order.
 */
#include "base/prng.h"
#include "mqtt_dialogue.h"
#include "undo_store.h"

static const struct mqtt_listener listener = { .address = "open", .allow_anonymous = true };

#define MESSAGES 60
#define WINDOW   5

/* A client that does QoS 2 by the book, in both directions, with a memory that outlives its
 * connections. */
struct peer {
	size_t index; /* in the world */
	const char *id;
	struct buf rx;
	/* as publisher */
	unsigned next; /* number of the next new message */
	struct {
		uint16_t id; /* 0: free */
		unsigned number;
		bool is_released; /* PUBREC came */
	} window[WINDOW];
	size_t in_window;
	uint16_t last_id;
	/* as subscriber */
	bool remembers[65536];
	unsigned got; /* messages so far: the number expected next */
	bool is_connected;
};

static void peer_send(struct world *w, const struct peer *p, const char *format, ...)
{
	static uint8_t bytes[NOTATION_MAX];
	char line[128];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	world_send(w, p->index, bytes, notation_read(line, bytes));
}

static void peer_publish(struct world *w, const struct peer *p, size_t i, bool is_dup)
{
	unsigned number = p->window[i].number;

	if (p->window[i].is_released)
		peer_send(w, p, "62 { %04x }", p->window[i].id);
	else
		peer_send(
		    w, p, "%s { s't' %04x '%04u' }", is_dup ? "3c" : "34", p->window[i].id, number);
}

static void peer_connect(struct world *w, struct peer *p)
{
	assert_int_equal(world_open(w, p->index, 0), 0);
	buf_clear(&p->rx);
	buf_clear(&w->clients[p->index].seen);
	p->is_connected = true;
	peer_send(w, p, "10 { s'MQTT' 04 00 0000 s'%s' }", p->id);
	for (size_t i = 0; i < p->in_window; i++)
		peer_publish(w, p, i, true);
}

static void peer_ack(struct world *w, struct peer *p, uint8_t type, uint16_t id)
{
	size_t i = 0;

	while (i < p->in_window && p->window[i].id != id)
		i++;
	if (i == p->in_window)
		return;
	if (type == 5) {
		p->window[i].is_released = true;
		peer_send(w, p, "62 { %04x }", id);
		return;
	}
	assert_true(p->window[i].is_released);
	p->in_window--;
	memmove(&p->window[i], &p->window[i + 1], (p->in_window - i) * sizeof(p->window[0]));
}

static void peer_packet(struct world *w, struct peer *p, const uint8_t *data)
{
	uint8_t type = data[0] >> 4;

	if (type == 3) { /* 3x 09 0001 't' id id 'nnnn' */
		uint16_t id = (uint16_t)(data[5] << 8 | data[6]);

		assert_int_equal((data[0] >> 1) & 3, 2);
		if (!p->remembers[id]) {
			char expected[5];

			snprintf(expected, sizeof(expected), "%04u", p->got);
			assert_memory_equal(data + 7, expected, 4);
			p->got++;
			p->remembers[id] = true;
		}
		peer_send(w, p, "50 { %04x }", id);
	} else if (type == 6) {
		uint16_t id = (uint16_t)(data[2] << 8 | data[3]);

		p->remembers[id] = false;
		peer_send(w, p, "70 { %04x }", id);
	} else if (type == 5 || type == 7) {
		peer_ack(w, p, type, (uint16_t)(data[2] << 8 | data[3]));
	}
}

static void peer_work(struct world *w, struct peer *p)
{
	struct buf *seen = &w->clients[p->index].seen;

	assert_int_equal(buf_append(&p->rx, buf_data(seen), buf_len(seen)), 0);
	buf_clear(seen);
	while (buf_len(&p->rx) >= 2 && buf_len(&p->rx) >= 2U + buf_data(&p->rx)[1]) {
		size_t len = 2U + buf_data(&p->rx)[1];

		peer_packet(w, p, buf_data(&p->rx));
		buf_consume(&p->rx, len);
	}
}

static void peer_offer(struct world *w, struct peer *p)
{
	size_t i = p->in_window;

	if (i == WINDOW || p->next == MESSAGES)
		return;
	p->last_id = (uint16_t)(p->last_id % 20 + 1); /* used again soon */
	for (size_t k = 0; k < i; k++) {
		if (p->window[k].id == p->last_id)
			return;
	}
	p->window[i].id = p->last_id;
	p->window[i].number = p->next++;
	p->window[i].is_released = false;
	p->in_window++;
	peer_publish(w, p, i, false);
}

/* The connection breaks; of what was written for the client, only a part gets through. */
static void peer_lose(struct world *w, struct peer *p, struct prng *r)
{
	struct buf *seen = &w->clients[p->index].seen;
	struct buf part;

	buf_init(&part, SIZE_MAX / 2);
	assert_int_equal(buf_append(&part, buf_data(seen), prng_range(r, 0, buf_len(seen))), 0);
	buf_clear(seen);
	assert_int_equal(buf_append(seen, buf_data(&part), buf_len(&part)), 0);
	buf_fini(&part);
	peer_work(w, p); /* its answers are lost with the connection, what it learned is not */
	world_lose(w, p->index);
	p->is_connected = false;
}

/* The process is killed and started again: what was not committed never was. */
static void kill_server(struct world *w, struct undo_store *store, struct peer peers[2])
{
	world_kill(w);
	undo_store_crash(store);
	assert_true(world_start(w));
	for (size_t i = 0; i < 2; i++)
		peers[i].is_connected = false;
}

/* kill_permille: of the rounds. 0: there is no store either. */
static void run(uint64_t seed, unsigned kill_permille)
{
	static struct peer peers[2];
	struct undo_store store;
	unsigned rounds = 0;
	struct world w;
	struct prng r;

	prng_init(&r, seed);
	undo_store_init(&store, 1000000);
	assert_true(world_init_stored(&w, &listener, 1, kill_permille > 0 ? &store.base : NULL));
	memset(peers, 0, sizeof(peers));
	for (size_t i = 0; i < 2; i++) {
		peers[i].index = i;
		peers[i].id = i ? "sub" : "pub";
		buf_init(&peers[i].rx, SIZE_MAX / 2);
		peer_connect(&w, &peers[i]);
	}
	peer_send(&w, &peers[1], "82 { 0001 s't' 02 }");
	world_turn(&w);
	while (peers[1].got < MESSAGES || peers[0].in_window > 0) {
		struct peer *p = &peers[prng_range(&r, 0, 1)];

		assert_true(rounds++ < 100000);
		w.verdict = prng_chance(&r, 150) ? MQTT_HOLD : MQTT_ACCEPT;
		w.is_commit_off = prng_chance(&r, 300);
		store.fails = prng_chance(&r, 100);
		if (prng_chance(&r, kill_permille)) {
			for (size_t i = 0; i < 2; i++) {
				if (peers[i].is_connected)
					peer_lose(&w, &peers[i], &r);
			}
			kill_server(&w, &store, peers);
		} else if (!p->is_connected) {
			peer_connect(&w, p);
		} else if (prng_chance(&r, 100)) {
			peer_lose(&w, p, &r);
		} else {
			peer_work(&w, p);
			if (p == &peers[0])
				peer_offer(&w, p);
		}
		if (prng_chance(&r, 500))
			mqtt_server_resume_held(w.server, 0);
		if (prng_chance(&r, 700))
			world_turn(&w);
	}
	assert_int_equal(peers[1].got, MESSAGES);
	for (size_t i = 0; i < 2; i++)
		buf_fini(&peers[i].rx);
	world_fini(&w);
	undo_store_fini(&store);
}

static void test_connections_break(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 150; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		run(seed, 0);
	}
}

static void test_server_is_killed(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 300; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		run(seed, seed % 3 == 0 ? 5 : seed % 3 == 1 ? 50 : 200);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connections_break),
		cmocka_unit_test(test_server_is_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
