/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local MQTT server when memory is out: one scenario, run again and again with the first, the
 * second, the third ... allocation failing, until there is none left to fail; then with all from
 * the n-th on. Whatever fails costs a message or a connection at most, leaks nothing, and the
 * server works on.
 *
 * Linked with -Wl,--wrap for malloc, calloc, realloc and strndup.
 */
#include "mqtt_notation.h"
#include "mqtt_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strndup(const char *text, size_t len);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strndup(const char *text, size_t len);

static struct {
	bool is_armed; /* the server runs, not the test */
	bool is_lasting;
	size_t countdown; /* the allocation that fails; 0: none */
	size_t failed;
} memory;

static bool fails(void)
{
	if (!memory.is_armed || memory.countdown == 0)
		return false;
	if (memory.countdown > 1) {
		memory.countdown--;
		return false;
	}
	memory.countdown = memory.is_lasting ? 1 : 0;
	memory.failed++;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strndup(const char *text, size_t len)
{
	return fails() ? NULL : __real_strndup(text, len);
}

static uint8_t packet[NOTATION_MAX];

static const struct {
	size_t client;
	const char *bytes; /* NULL: the connection is lost */
} scenario[] = {
	{ 1, "10 { s'MQTT' 04 00 0000 s'sub' }" },
	{ 1, "82 { 0001 s'a/b/#' 01 s'+/x' 02 s'w' 01 }" },
	{ 0, "10 { s'MQTT' 04 06 0000 s'' s'w' s'gone' }" },
	{ 0, "30 { s'a/b/0' '0' }" },
	{ 0, "32 { s'a/b/1' 0001 '1' }" },
	{ 0, "34 { s'a/x' 0002 '2' }" },
	{ 0, "62020002" },
	{ 0, "33 { s'a/b/r' 0003 'x'*3000 }" },
	{ 1, "40020001" },
	{ 1, "50020002" },
	{ 1, NULL },
	{ 0, "32 { s'a/b/1' 0004 'x'*70000 } 32 { s'a/b/2' 0005 } 34 { s'a/x' 0006 }" },
	{ 1, "10 { s'MQTT' 04 00 0000 s'sub' }" },
	{ 1, "a2 { 0002 s'+/x' } 82 { 0003 s'a/#' 00 }" },
	{ 0, NULL },
	{ 0, "10 { s'MQTT' 04 02 0000 s'sub' }" },
	/* MQTT 5.0 */
	{ 2, "10 { s'MQTT' 05 04 0000 05 11 00000064 s'v5' 0a 18 00000005 26 s'' s'' s'w' s'gone' "
	     "}" },
	{ 2, "82 { 0001 02 0b 05 s'v/#' 02 s'v/+' 01 }" },
	{ 3, "10 { s'MQTT' 05 02 0000 00 s'' }" },
	{ 3, "33 { s'v/x' 0001 0f 23 0001 26 s'' s'' 02 00000009 'x'*100 }" },
	{ 3, "34 { s'' 0002 03 23 0001 } 30 { s'' 03 23 0001 } 36 00" },
	{ 2, "40 { 0001 97 } a2 { 0002 00 s'v/+' s'none' }" },
	{ 2, NULL },
	{ 2, "10 { s'MQTT' 05 00 0000 05 11 00000064 s'v5' }" },
	{ 2, "82 { 0003 02 0b 06 s'v/#' 02 } e0 { 04 05 11 00000001 }" },
	{ 2, "10 { s'MQTT' 05 02 0000 00 s'v5' }" },
};

static void open_if_needed(struct world *w, size_t i)
{
	if (!w->clients[i].number && world_open(w, i, 0) < 0)
		w->clients[i].number = 0;
}

static void play(struct world *w)
{
	for (size_t i = 0; i < sizeof(scenario) / sizeof(scenario[0]); i++) {
		size_t client = scenario[i].client, len = 0;

		if (scenario[i].bytes)
			len = notation_read(scenario[i].bytes, packet);
		memory.is_armed = true;
		if (scenario[i].bytes) {
			open_if_needed(w, client);
			world_send(w, client, packet, len);
		} else {
			world_lose(w, client);
		}
		world_turn(w);
		memory.is_armed = false;
	}
}

/* Memory is back: what must work, works. */
static void check_alive(struct world *w)
{
	static const char hello[] = "10 { s'MQTT' 04 02 0000 s'new' } 82 { 0001 s'n' 01 } "
				    "32 { s'n' 0001 'x' }";
	static const char answer[] = "20020000 90 { 0001 01 } 32 { s'n' 0001 'x' } 40020001";
	size_t len;

	assert_int_equal(world_open(w, 5, 0), 0);
	world_send(w, 5, packet, notation_read(hello, packet));
	world_turn(w);
	len = notation_read(answer, packet);
	assert_int_equal(buf_len(&w->clients[5].seen), len);
	assert_memory_equal(buf_data(&w->clients[5].seen), packet, len);
}

/* The process is killed, and another one finds what it left. It does not start without memory, but
 * loses nothing by that. */
static void restart(struct world *w)
{
	struct store_usage before, after;
	bool is_there;

	world_kill(w);
	w->store->ops->total(w->store, &before);
	memory.is_armed = true;
	is_there = world_start(w);
	memory.is_armed = false;
	w->store->ops->total(w->store, &after);
	assert_int_equal(after.messages, before.messages);
	if (is_there)
		return;
	mqtt_server_free(w->server);
	memory.countdown = 0;
	assert_true(world_start(w));
}

/* One failure, or all from the n-th on; false when the scenario needs fewer allocations. */
static bool run(size_t nth, bool is_lasting, bool with_store)
{
	static const struct mqtt_listener listener = { .address = "x", .allow_anonymous = true };
	bool has_failed = true, is_there;
	struct store *store;
	struct world w;

	memset(&memory, 0, sizeof(memory));
	store = with_store ? store_ram_new(1000000) : NULL;
	memory.countdown = nth;
	memory.is_lasting = is_lasting;
	memory.is_armed = true;
	is_there = world_init_stored(&w, &listener, 1, store);
	memory.is_armed = false;
	if (is_there) {
		play(&w);
		if (with_store)
			restart(&w);
		has_failed = memory.failed > 0;
		memory.countdown = 0;
		check_alive(&w);
	}
	world_fini(&w);
	store_free(store);
	return has_failed;
}

/* The scenario again and again, until it needs fewer allocations than may fail. */
static void run_all(bool is_lasting, bool with_store)
{
	size_t nth = 1;

	while (run(nth, is_lasting, with_store))
		nth++;
	print_message("%zu allocations\n", nth - 1);
	assert_true(nth > 30);
}

static void test_one_fails(void **state)
{
	(void)state;
	run_all(false, false);
}

static void test_all_fail_from_there_on(void **state)
{
	(void)state;
	run_all(true, false);
}

static void test_one_fails_with_store(void **state)
{
	(void)state;
	run_all(false, true);
}

static void test_all_fail_from_there_on_with_store(void **state)
{
	(void)state;
	run_all(true, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_fails),
		cmocka_unit_test(test_all_fail_from_there_on),
		cmocka_unit_test(test_one_fails_with_store),
		cmocka_unit_test(test_all_fail_from_there_on_with_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
